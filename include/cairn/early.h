/*
 * cairn/early.h - frames before the frame allocator exists.
 *
 * The early allocator hands out single frames of usable memory in the order of
 * the map, each once, and takes none back.  It needs no memory of its own.  Of
 * what it hands out it keeps a log, so that the persistent allocator can mark
 * these frames as taken.
 *
 * Reserve   Up to CAIRN_EARLY_RESERVE_MAX frames can be set aside for page
 *           tables; other requests never get them.
 * Tracking  From cairn_early_track on, each frame that is handed out enters
 *           the log; cairn_early_drain empties it.
 * Locking   Takes its own lock, rank CAIRN__RANK_EARLY; any context.
 */
#ifndef CAIRN_EARLY_H
#define CAIRN_EARLY_H

#include <cairn/lock.h>
#include <cairn/memmap.h>
#include <cairn/source.h>

CAIRN_BEGIN_DECLS

#define CAIRN_EARLY_RESERVE_MAX 16
#define CAIRN_EARLY_LOG_MAX     1024

struct cairn_early {
    struct cairn_lock lock;
    const struct cairn_memmap *map;      /* constant after init */
    struct cairn_phys_range window;      /* [lock] what is still to give */
    cairn_phys begin;                    /* constant: window at init */
    const struct cairn_phys_range *skip; /* constant: never hand out */
    size_t skip_count;
    cairn_pfn reserve[CAIRN_EARLY_RESERVE_MAX]; /* [lock] last in, first out */
    size_t reserve_count;                       /* [lock] */
    struct cairn_phys_range log[CAIRN_EARLY_LOG_MAX]; /* [lock] */
    size_t log_count;                                 /* [lock] */
    size_t records;   /* [lock] frames and ranges recorded since init */
    bool is_tracking; /* [lock] */
};

struct cairn_early_config {
    struct cairn_phys_range window;      /* hand out only frames inside */
    const struct cairn_phys_range *skip; /* sorted, disjoint; see below */
    size_t skip_count;
};

/*
 * Start handing out the usable frames of `map`.
 *
 *   map     finished; kept, and not changed while the allocator is used
 *   config  NULL for all usable memory.  `window` limits the addresses (a
 *           32-bit kernel without PAE passes {0, 4 GiB}).  `skip` names ranges
 *           that are already taken: what an earlier allocator on the same map
 *           has handed out, as its drain or finish tells; kept.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_MEMORY_MAP, not finished.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_early_init(struct cairn_early *early, const struct cairn_memmap *map,
                 const struct cairn_early_config *config);

/*
 * Hand out the next frame in map order; contents unspecified.
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY, all are handed out.
 * Cost     O(1) but for stepping to the next range.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_early_alloc(struct cairn_early *early,
                                                     cairn_pfn *out);

/* The same for a page table or interrupt stack: the reserve comes first. */
CAIRN_MUST_CHECK enum cairn_status
cairn_early_alloc_table(struct cairn_early *early, cairn_pfn *out);

/*
 * Set up to `count` more frames aside for page tables.
 *
 * Returns  how many were obtained: less than `count` if the reserve is full or
 *          memory is out.
 */
size_t cairn_early_reserve(struct cairn_early *early, size_t count);

/* Log every frame that is handed out from now on. */
void cairn_early_track(struct cairn_early *early);

/*
 * Log a range that something else has taken: each page that
 * [start, start + bytes) touches.  0 bytes are ignored, and so is what lies at
 * or beyond CAIRN_PHYS_LIMIT.
 *
 * Panics  when the log has no room for a further separate range (touching and
 *         overlapping ranges take no room of their own).
 */
void cairn_early_record(struct cairn_early *early, cairn_phys start,
                        uint64_t bytes);

/*
 * Take the log out: sorted, overlapping and touching ranges merged.
 *
 *   out       may have any `capacity`
 *   returns   how many ranges the log has.  If that is more than `capacity`,
 *             nothing was written and the log is as before; else the ranges
 *             are in `out` and the log is empty.
 */
size_t cairn_early_drain(struct cairn_early *early,
                         struct cairn_phys_range *out, size_t capacity);

/*
 * End of service: name every frame that was handed out, logged or not, as
 * ascending ranges.  Frames that lie unused in the reserve are not among them,
 * and the allocator is empty afterwards.
 */
void cairn_early_finish(struct cairn_early *early,
                        void (*visit)(void *context,
                                      struct cairn_phys_range used),
                        void *context);

struct cairn_early_stats {
    uint64_t total_frames; /* usable frames inside the window */
    uint64_t used_frames;  /* handed out */
    uint64_t free_frames;  /* total - used; the reserve is free */
    size_t reserve_frames;
    size_t records;    /* frames and ranges recorded since init */
    size_t log_ranges; /* in the log now, merged */
};

/* A consistent snapshot.  Linear in the map's ranges. */
void cairn_early_stats(struct cairn_early *early,
                       struct cairn_early_stats *out);

/* The allocator as a source of frames. */
struct cairn_source cairn_early_source(struct cairn_early *early);

/* Verify the invariants that src/memmap/early.c numbers; 0 if all hold. */
unsigned cairn_early_check(struct cairn_early *early);

CAIRN_END_DECLS

#endif
