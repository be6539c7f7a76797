/*
 * paging_model.h - page tables against a plain array of pages, for random tests
 * and the fuzzer.
 *
 * The model chooses what is called, with what, and which status that must have;
 * all its chances come from test_random_below.  After each step three views
 * agree: the array, what the library says, and what the simulated MMU reads in
 * the tables.  Meanwhile CPUs that keep whatever they may keep read and write
 * through their caches, also in between the steps of a transaction.
 */
#ifndef PAGING_MODEL_H
#define PAGING_MODEL_H

#include "paging_build.h"

/* How much of what a page table can be is left to chance. */
enum paging_variety {
    PAGING_PLAIN, /* all features, all for users */
    PAGING_VARIED /* features, place, user_end, W^X, shared tables */
};

/* A machine of that mode with a page table, and maybe one that shares it. */
void paging_model_start(enum cairn_paging_mode mode,
                        enum paging_variety variety);

/* One call of anything, or a transaction of several, and some accesses. */
void paging_model_step(void);

/* Do the three views agree on each page? */
void paging_model_compare(void);

/* Compare, and destroy it; every frame has come back. */
void paging_model_end(void);

#endif
