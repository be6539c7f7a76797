/*
 * cairn/heap_source.h - other places where the pages of a heap come from.
 *
 * cairn_heap_source_frames (heap.h) takes them from the frame allocator.  Here
 * are an arena, which is memory at a place that does not change, and a range of
 * kernel addresses into which frames are mapped as they are needed.  Both hand
 * out the lowest pages that fit, and both serve every engine.
 *
 * Errors   As in heap.h.
 * Cost     A look at one bit for each page, 64 at a time, under a lock.
 */
#ifndef CAIRN_HEAP_SOURCE_H
#define CAIRN_HEAP_SOURCE_H

#include <cairn/areas.h>
#include <cairn/heap.h>
#include <cairn/memmap.h>

CAIRN_BEGIN_DECLS

#define CAIRN_HEAP_ARENA_WORDS 16 /* pages up to 64 times that need no table */

/* ---- An arena ------------------------------------------------------------ */

/* Private, here so that hosts can store it. */
struct cairn_heap_arena {
    struct cairn_lock lock;
    uintptr_t start;   /* constant: of the first page that is handed out */
    size_t page_count; /* constant */
    size_t used_count; /* [lock] pages */
    uint64_t *words;   /* constant; bits: [lock] pages that are handed out */
    uint64_t few[CAIRN_HEAP_ARENA_WORDS];
};

/*
 * Memory at `start`, all of which can be read and written, as a source.
 *
 *   storage  kept as long as the source is used
 *   start    rounded up to a page
 *   bytes    what remains is rounded down to pages.  Of more than 4 MiB the
 *            first pages become a table: a bit for each page.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: not one page is left, or the arena
 *          ends at the end of all addresses.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_source_arena(struct cairn_heap_arena *storage, void *start,
                        size_t bytes, struct cairn_heap_source *out);

/* Pages of the arena that are handed out. */
size_t cairn_heap_arena_used(struct cairn_heap_arena *arena);

/*
 * Could a heap lie at that place?  A kernel whose heap has a fixed physical
 * address asks before it uses it.
 *
 *   map     finished
 *   kernel  the kernel's image
 *   place   whole frames, not empty
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_IN_USE: the image reaches into
 *          it; CAIRN_NOT_MEMORY: some of it is not usable memory.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_place_check(const struct cairn_memmap *map,
                       struct cairn_phys_range kernel,
                       struct cairn_phys_range place);

/*
 * The first `bytes` of the first usable range that has so many, for an early
 * heap.  The caller reserves them in the map or tells the early allocator.
 *
 *   bytes  a multiple of a frame, not 0
 *   out    written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY: no range is that large;
 *          CAIRN_BAD_ARGUMENT.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_place_find(const struct cairn_memmap *map, uint64_t bytes,
                      struct cairn_phys_range *out);

/* ---- A range of kernel addresses ----------------------------------------- */

/* Private, here so that hosts can store it. */
struct cairn_heap_areas {
    struct cairn_heap_arena arena; /* which addresses are handed out */
    struct cairn_area *area;       /* constant */
};

/*
 * A range of kernel addresses as a source: where the heap needs pages, frames
 * are mapped, to be read and written but not executed; freed pages are unmapped
 * on all CPUs, and their frames given back.  For a heap at an address of its
 * own, and for kernels whose window does not reach all frames.
 *
 *   storage  kept as long as the source is used
 *   areas    has frames; the range becomes one area in there, of kind
 *            CAIRN_AREA_HEAP
 *   start    of the range; a multiple of a page, an address of the running CPU
 *   bytes    its size, a multiple of a page, not 0.  Of more than 4 MiB the
 *            first pages are a table, mapped at once: the page table is loaded.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_IN_USE: something is there;
 *          CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE: no frames, or no books.
 * Context  the heap may be used where cairn_map_page may.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_source_areas(struct cairn_heap_areas *storage,
                        struct cairn_areas *areas, cairn_va start, size_t bytes,
                        struct cairn_heap_source *out);

/*
 * Give the range back.
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE: a heap has pages of it.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_areas_destroy(struct cairn_heap_areas *storage);

CAIRN_END_DECLS

#endif
