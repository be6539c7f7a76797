/*
 * heap/firstfit.h - the first-fit engine: heap pages and segments.
 *
 * WHAT   A heap page is a run of pages from the source.  It is divided into
 *        segments, each of which is free or a block; or all of it is one block,
 *        which is what a request of a page and more gets.
 *
 * HOW    What is known about a heap page stands in its descriptor, elsewhere.
 *        For each unit of 16 bytes it has two bits: is the unit part of a
 *        block, and does a block begin there?  So segments have no headers,
 *        splitting and joining is setting and clearing bits, and neighbours
 *        that are free are one segment at once.  Nothing is ever read from the
 *        memory that is handed out: garbage there cannot be believed, and an
 *        address is a block exactly if its bit says so.
 *
 *        The descriptors form a tree in order of addresses.  Each knows the
 *        longest free segment of its heap page, and of all heap pages below it
 *        in the tree, so that the way to the lowest heap page with room leads
 *        straight down.
 *
 * FIRST FIT
 *        A block comes to lie at the lowest address of all heap pages where
 *        that many bytes are free; only if there is none, a new heap page is
 *        taken.  That holds for the usual alignment.  For a larger one, the
 *        first heap pages with that many bytes in one piece are tried, and
 *        then the lowest that has room enough wherever it begins.  Where heap
 *        pages lie is up to the source.
 *
 * TREE   A treap: in order of addresses from left to right, and of a number
 *        made out of the address from top to bottom, which makes it as deep as
 *        a tree of random insertions.
 *
 * SPARE  Of heap pages that are free as a whole one is kept, the lowest; others
 *        go back to the source.
 *
 * INVARIANTS (cairn__heap_firstfit.check tests each by this number)
 *   F1   Heap pages are in order of addresses and do not overlap.
 *   F2   Links up and down agree, and numbers fall from top to bottom.
 *   F3   `most` is the largest `longest` of the subtree.
 *   F4   `longest` and `free_count` are what the bits say.
 *   F5   A block begins only at a unit that is taken, and a unit that is taken
 *        behind a free one begins a block.
 *   F6   Blocks and bytes in use, and bytes free, are as many as counted.
 *   F7   All pages of the source are heap pages or descriptors.
 *   F8   A heap page that is free as a whole is the spare one.
 *
 * LOCKS  The heap's, for all of it; the source is called without.
 *
 * COST   The depth of the tree, which is the logarithm of the number of heap
 *        pages, and a look at up to 16 words of bits.
 *
 * FAILS  No pages: NULL, and what was taken for the try is given back.
 *
 * SOURCE C. R. Aragon, R. G. Seidel, "Randomized Search Trees", 1989.
 *
 * TESTS  tests/heap*.c, tests/host/heap*.c, fuzz/heap.c
 *
 * NOT    A large block that is freed is not kept for the next one, and CPUs
 *        have no caches: that is what the slab engine is for.
 */
#ifndef CAIRN__HEAP_FIRSTFIT_H
#define CAIRN__HEAP_FIRSTFIT_H

#include "heap/bitmap.h"
#include "heap/engine.h"

#define CAIRN__UNIT       ((size_t)CAIRN_HEAP_ALIGN)
#define CAIRN__PAGE_UNITS (CAIRN__PAGE / CAIRN__UNIT)

/* Pages of a heap page; 1 if the source has not so many in a row. */
#define CAIRN__HEAP_RUN_PAGES ((size_t)4)
#define CAIRN__HEAP_RUN_WORDS                                                  \
    (CAIRN__HEAP_RUN_PAGES * CAIRN__PAGE_UNITS / CAIRN__BITMAP_BITS)

/* A heap page. */
struct cairn__heap_run {
    uintptr_t base;    /* constant */
    size_t page_count; /* [lock]; constant if divided */
    struct cairn__heap_run *left;
    struct cairn__heap_run *right;
    struct cairn__heap_run *parent;
    uint16_t unit_count; /* constant; 0: it is one block */
    uint16_t free_count; /* units */
    uint16_t longest;    /* units in a row that are free */
    uint16_t most;       /* the largest `longest` here and below */
    /* If it is divided: units that are taken, and that begin a block. */
    uint64_t bits[];
};

static inline uint64_t *cairn__heap_run_starts(struct cairn__heap_run *run)
{
    return run->bits + CAIRN__HEAP_RUN_WORDS;
}

static inline uintptr_t cairn__heap_run_end(const struct cairn__heap_run *run)
{
    return run->base + run->page_count * CAIRN__PAGE;
}

static inline size_t cairn__heap_run_unit(const struct cairn__heap_run *run,
                                          uintptr_t address)
{
    return (address - run->base) / CAIRN__UNIT;
}

/* Units of the block that begins at unit `at`. */
size_t cairn__heap_run_block(struct cairn__heap_run *run, size_t at);

/* ---- The tree [lock] ----------------------------------------------------- */

void cairn__heap_run_insert(struct cairn__heap_run **root,
                            struct cairn__heap_run *run);
void cairn__heap_run_remove(struct cairn__heap_run **root,
                            struct cairn__heap_run *run);

/* Its `longest` has changed. */
void cairn__heap_run_changed(struct cairn__heap_run *run);

/* The heap page that contains that address; NULL: none does. */
struct cairn__heap_run *cairn__heap_run_find(struct cairn__heap_run *root,
                                             uintptr_t address);

/* The lowest heap page with so many units in a row that are free, or NULL. */
struct cairn__heap_run *cairn__heap_run_first(struct cairn__heap_run *root,
                                              size_t units);

/* The lowest such above `run`, or NULL.  0 units: the next heap page. */
struct cairn__heap_run *cairn__heap_run_next(struct cairn__heap_run *run,
                                             size_t units);

/* What the tree orders from top to bottom. */
uint32_t cairn__heap_run_priority(const struct cairn__heap_run *run);

/* ---- Descriptors --------------------------------------------------------- */

/* A descriptor with undefined contents; NULL: no memory.  No lock held. */
struct cairn__heap_run *cairn__heap_run_take(struct cairn_heap *heap,
                                             bool is_divided);
void cairn__heap_run_give(struct cairn_heap *heap, struct cairn__heap_run *run,
                          bool is_divided);

/* Give back pages in which no descriptor is in use. */
void cairn__heap_run_trim(struct cairn_heap *heap);

/* ---- Questions ----------------------------------------------------------- */

void cairn__firstfit_stats(struct cairn_heap *heap,
                           struct cairn_heap_stats *out);
void cairn__firstfit_walk(struct cairn_heap *heap, cairn__heap_visitor visit,
                          void *context);
void cairn__firstfit_pages(struct cairn_heap *heap,
                           cairn__heap_page_visitor visit, void *context);
unsigned cairn__firstfit_check(struct cairn_heap *heap);

#endif
