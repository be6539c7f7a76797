/*
 * cairn/heap_debug.h - mistakes with the heap: find, name and count them.
 *
 * Three layers, from cheap to thorough; docs/HEAP.md has a table of what each
 * one notices.
 *
 *   level checked  wrong frees.
 *   guards         at any level: a few requests get a page of their own between
 *                  pages that are never mapped, and freed pages stay unmapped
 *                  for long, so that a wrong access faults at once.
 *   level debug    every block has a header, red zones on both sides, and is
 *                  poisoned and kept back for a while when it is freed.
 *
 * A mistake is logged by cairn_platform_log, counted, and then is the status of
 * the call that has met it, or a panic, as config.misuse wants it.
 *
 * Sites    addresses to which calls return: the caller's, for whoever has
 *          symbols.  A function that wraps the heap passes its caller's on, by
 *          the functions with _at.
 */
#ifndef CAIRN_HEAP_DEBUG_H
#define CAIRN_HEAP_DEBUG_H

#include <cairn/areas.h>
#include <cairn/heap.h>

CAIRN_BEGIN_DECLS

/* Level debug: what bytes are that nobody has written. */
#define CAIRN_HEAP_BYTE_FRESH 0xa5 /* allocated, not zeroed; red zones */
#define CAIRN_HEAP_BYTE_FREED 0x5a

/* ---- Wrappers ------------------------------------------------------------ */

/*
 * cairn_heap_alloc, _alloc_aligned, _free and _realloc for callers that act for
 * another one.
 *
 *   site  where to the call returns for which this is done
 */
void *cairn_heap_alloc_at(struct cairn_heap *heap, size_t size, unsigned flags,
                          uintptr_t site);
void *cairn_heap_alloc_aligned_at(struct cairn_heap *heap, size_t size,
                                  size_t align, unsigned flags, uintptr_t site);
enum cairn_status cairn_heap_free_at(struct cairn_heap *heap, void *block,
                                     uintptr_t site);
void *cairn_heap_realloc_at(struct cairn_heap *heap, void *block, size_t size,
                            uintptr_t site);

/* ---- What was found ------------------------------------------------------ */

#define CAIRN_HEAP_FINDING_BYTES 240

/*
 * How many mistakes level debug and guards have found since the start, and the
 * last one.
 *
 *   last  written if the result is not 0; may be NULL
 */
size_t cairn_heap_findings(struct cairn_heap *heap,
                           struct cairn_heap_finding *last);

/* A finding as one line: what, which block, who.  Returns `buffer`. */
const char *cairn_heap_finding_text(const struct cairn_heap_finding *finding,
                                    char buffer[CAIRN_HEAP_FINDING_BYTES]);

/* ---- Leaks --------------------------------------------------------------- */

/* Blocks that one call has allocated and nobody has freed. */
struct cairn_heap_site {
    uintptr_t site;
    size_t blocks;
    size_t bytes;    /* that were asked for */
    size_t sequence; /* of the oldest */
};

/*
 * Group the live blocks by call site, in order of sites.  Below level debug
 * only guarded blocks have sites.
 *
 * Context  nobody allocates or frees meanwhile.
 * Cost     a walk over the heap for each 32 sites.
 */
void cairn_heap_leaks(struct cairn_heap *heap,
                      void (*visit)(void *context,
                                    const struct cairn_heap_site *site),
                      void *context);

/* ---- Guards -------------------------------------------------------------- */

#define CAIRN_HEAP_GUARD_SLOTS_MAX 4096u

/*
 * Where guarded blocks live: pages number 1, 3, 5, ... of a range of
 * 2 * slots + 1, of which none is mapped at the start.  Those with even numbers
 * never are.
 */
struct cairn_heap_guards {
    uintptr_t start; /* aligned to pages */
    unsigned slots;  /* 1 .. CAIRN_HEAP_GUARD_SLOTS_MAX */
    /*
     * Give memory to a page; what is in there does not matter.  False: there
     * is none.  Called with no lock of the heap held, as is unmap.
     */
    bool (*map)(void *context, uintptr_t page);
    /* Take it away: from now on an access faults, on every CPU. */
    void (*unmap)(void *context, uintptr_t page);
    void *context;
};

/* Guards in an area of the kernel's address space. */
struct cairn_heap_guard_areas {
    struct cairn_area *area;
    struct cairn_frames *frames;
};

/*
 * Guards in an area of `areas`, on frames of CAIRN_OWNER_HEAP.  A heap with
 * these maps and unmaps pages, so that its callers' contexts are those of
 * cairn_area_map.
 *
 *   storage  kept as long as the guards are used
 *
 * Returns  CAIRN_OK, and as cairn_area_alloc; CAIRN_NOT_REACHABLE: the area
 *          is beyond what a pointer can reach.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_guards_areas(struct cairn_heap_guard_areas *storage,
                        struct cairn_areas *areas, unsigned slots,
                        struct cairn_heap_guards *out);

/*
 * Whose mistake a fault was, at an address that belongs to the guards.
 *
 *   out  status CAIRN_OVERRUN or _UNDERRUN: just outside of that block;
 *        CAIRN_USED_AFTER_FREE: inside, and it is free; CAIRN_NOT_MEMORY: no
 *        block has been near
 *
 * Returns  false: not an address of the guards.
 * Context  any, also NMI and #MC: takes no lock.
 * Cost     constant.
 */
bool cairn_heap_guard_explain(const struct cairn_heap *heap, uintptr_t address,
                              struct cairn_heap_finding *out);

CAIRN_END_DECLS

#endif
