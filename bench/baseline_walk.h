/*
 * baseline_walk.h - what Cairn's page tables are compared with: a walk from the
 * root for each page, of 4 levels, with nothing around it.
 *
 * There is one page table.  The function that translates has the signature of
 * cairn_pagetable_translate, so that the same loop calls either.  It can be
 * told to use another root, so that both read the same tables.
 */
#ifndef BENCH_BASELINE_WALK_H
#define BENCH_BASELINE_WALK_H

#include <cairn/paging.h>

struct bench_walk_config {
    char *window; /* where physical address 0 would be */
    struct cairn_source source;
    void (*release)(void *context, cairn_pfn frame);
};

/* Start with an empty page table; forget what was before. */
void bench_walk_init(const struct bench_walk_config *config);

/* Translate by the page table with this root instead of its own. */
void bench_walk_use(cairn_phys root);

/* Have `va` mapped by that entry; makes tables that are missing. */
void bench_walk_map(uint64_t va, uint64_t entry);

/*
 * The same for `va` whose entry is 0 and whose tables are there, with what a
 * kernel needs around it: interrupts off, a lock and a count for the lowest
 * table.  False: the entry is not 0.
 */
bool bench_walk_map_locked(uint64_t va, uint64_t entry);

/* Clear the entry of `va` and return what it was; 0: there is no table. */
uint64_t bench_walk_unmap(uint64_t va);

bool bench_walk_translate(const struct cairn_pagetable *unused, cairn_va va,
                          cairn_phys *out);

/* Give all tables but the root back. */
void bench_walk_clear(void);

#endif
