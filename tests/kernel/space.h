/*
 * space.h - the running kernel on a page table of the library, for tests.
 *
 *   space_start();     a copy of what is mapped, active on this CPU
 *   ...                map, unmap and touch through `space.table`
 *   space_end();       the kernel's own tables again, every frame is back
 *
 * A test that fails in between leaves it active; the next space_start() cleans
 * up first.
 */
#ifndef TESTS_KERNEL_SPACE_H
#define TESTS_KERNEL_SPACE_H

#include "cpu/probe.h"
#include "harness/test.h"
#include "kernel.h"
#include <cairn/map.h>
#include <cairn/ptwalk.h>

struct space {
    struct cairn_pagetable table;
    cairn_phys former;    /* root of the kernel's own tables */
    uint64_t kernel_base; /* free addresses for kernel pages, 1 GiB-aligned, */
    uint64_t user_base;   /* and for user pages: some GiB each */
    uint64_t frames_free; /* before it began */
};

extern struct space space;

void space_start(void);
void space_end(void);

/* Pages can be made not executable; if not, rules about that say nothing. */
bool space_has_nx(void);

/* What the CPU makes of these rights: without NX, CAIRN_PAGE_EXEC is in all. */
unsigned space_rights(unsigned rights);

/* I in an error code of a fetch: CPUs tell only with NX or SMEP. */
unsigned space_fetch_error(void);

/* ---- Frames -------------------------------------------------------------- */

/* Free frames, magazines drained; the allocator is checked, too. */
uint64_t space_frames_free(void);

/* A block of 2^order zeroed frames, given back by space_free. */
uint64_t space_alloc(cairn_order order);
void space_free(uint64_t phys);

/* Where physical memory is in the window. */
volatile uint8_t *space_window(uint64_t phys);

/* ---- Tables -------------------------------------------------------------- */

/*
 * Call `visit` for each stretch of the tables below `root`, mapped or not, from
 * the lowest address to the highest.
 */
void space_visit(cairn_phys root,
                 void (*visit)(const struct cairn_mapping *mapping));

/* ---- Short forms: they must succeed -------------------------------------- */

void space_map(uint64_t va, uint64_t phys, uint64_t bytes, unsigned rights);
void space_unmap(uint64_t va, uint64_t bytes);
void space_protect(uint64_t va, uint64_t bytes, unsigned rights);

/* What is mapped there; its entries agree with what CR3 leads to. */
struct cairn_mapping space_look(uint64_t va);

#endif
