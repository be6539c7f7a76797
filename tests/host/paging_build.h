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

/* The same after paging_machine, with what has become of paging.config. */
void paging_start_configured(void);

/* Destroy it; every frame has come back. */
void paging_end(void);

/* Have this CPU load another page table, in which nothing is mapped. */
void paging_go_home(void);

/* Frames that are out at the moment. */
unsigned paging_frames_out(void);

/* The frame requests after so many fail, for ever; ~0u: none. */
void paging_fail_after(unsigned count);

/* Bytes of a large page of the mode, level 2. */
uint64_t paging_large(void);

/* ---- A cursor each ------------------------------------------------------- */

#define PAGING_RW (CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC)

/* In the largest pages that go; FAIL where something is mapped. */
enum cairn_status paging_map(uint64_t va, uint64_t phys, uint64_t bytes,
                             unsigned rights);
enum cairn_status paging_unmap(uint64_t va, uint64_t bytes);
enum cairn_status paging_protect(uint64_t va, uint64_t bytes, unsigned rights);
enum cairn_status paging_resize(uint64_t va, uint64_t page_bytes);

/* ---- Questions ----------------------------------------------------------- */

/* What the CPU's walker finds; false: nothing. */
bool paging_look(uint64_t va, struct sim_mmu_view *view);

/* It is mapped there to `phys`, in pages of that size, for both views. */
void paging_expect(uint64_t va, uint64_t phys, uint64_t page_bytes);
void paging_expect_hole(uint64_t va);

/* Can that CPU do it?  Through its caches; a spurious fault is tried again. */
bool paging_can(unsigned cpu, uint64_t va, enum sim_mmu_kind kind);

/* The library's word for a memory type of the simulated MMU. */
enum cairn_cache paging_cache_of(unsigned memory_type);

/* No invariant is broken, no reserved bit is set, and no frame is missing. */
void paging_verify(void);

#endif
