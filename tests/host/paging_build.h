/*
 * paging_build.h - page tables on the simulated machine, for tests: frames that
 * can run out, and that nobody may reach when they come back.
 */
#ifndef PAGING_BUILD_H
#define PAGING_BUILD_H

#include "harness/test.h"
#include "paging/table.h"
#include "sim/mmu.h"
#include "sim/platform.h"
#include "sim/ram.h"

#define PAGING_FRAMES 4096 /* for tables and the like */

struct paging_build {
    struct cairn_pagetable table;
    struct cairn_pagetable_config config;
    uint64_t base;       /* where tests map: crosses tables of all levels */
    unsigned page_count; /* how many pages from there */
};

extern struct paging_build paging;

/* A machine of that mode with all that it can have, and no page table yet. */
void paging_machine(enum cairn_paging_mode mode);

/* The same with an empty page table, active on CPU 0. */
void paging_start(enum cairn_paging_mode mode);

/* Destroy it; every frame has come back. */
void paging_end(void);

/* Frames that are out at the moment. */
unsigned paging_frames_out(void);

/* The frame requests after so many fail, for ever; ~0u: none. */
void paging_fail_after(unsigned count);

/* Bytes of a large page of the mode, level 2. */
uint64_t paging_large(void);

#endif
