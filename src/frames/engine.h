/*
 * frames/engine.h - what the front asks of an engine.
 *
 * An engine knows which frames are free; the front knows who owns the others.
 * All functions are called with the engine lock held and interrupts off.
 * Frames change hands in batches, so the calls are not on the common path.
 */
#ifndef CAIRN__FRAMES_ENGINE_H
#define CAIRN__FRAMES_ENGINE_H

#include <cairn/frames.h>

/* Frames [start, end) of which a request may take some. */
struct cairn__pfn_range {
    uint64_t start;
    uint64_t end;
};

/* What is wanted. */
struct cairn__need {
    cairn_order order;
    bool is_lasting; /* single frames that outlive those of user processes:
                        best kept away from these */
};

struct cairn__engine {
    const char *name;

    /*
     * Bytes of storage that the engine needs for what the directory covers,
     * and where they are, contents unspecified: called once each, before add.
     * Both are NULL if none are needed.
     */
    uint64_t (*storage_bytes)(const struct cairn_frames *frames);
    void (*start)(struct cairn_frames *frames, void *storage);

    /*
     * Take up to `max` free blocks as needed inside `window`.  States
     * of their chunks are valid afterwards (order 9 and more: the first one).
     * Returns how many were taken, n; 0: there is none.  They are out[max - 1],
     * which was found first, to out[max - n]: a magazine hands them out from
     * its end, and so in the order in which they were found.
     */
    size_t (*take)(struct cairn_frames *frames, struct cairn__need need,
                   struct cairn__pfn_range window, struct cairn__block *out,
                   size_t max);

    /*
     * Take all free frames of one chunk, the best one for single frames.
     * False: there is none.  NULL: the engine does not do that.
     */
    bool (*claim)(struct cairn_frames *frames, struct cairn__claim *out);

    /* Give blocks back; their states are FREE already (order < 9). */
    void (*give)(struct cairn_frames *frames, cairn_order order,
                 const cairn_pfn *blocks, size_t count);

    /*
     * Take the lowest run of `count` frames inside `window` that begins at a
     * multiple of `align` frames.  False: there is none.
     */
    bool (*take_run)(struct cairn_frames *frames, uint64_t count,
                     uint64_t align, struct cairn__pfn_range window,
                     cairn_pfn *out);

    /* Give a run of any length back; states are FREE already. */
    void (*give_run)(struct cairn_frames *frames, cairn_pfn first,
                     uint64_t count);

    /* Frames [first, first + count) are new, free memory. */
    void (*add)(struct cairn_frames *frames, cairn_pfn first, uint64_t count);

    /* Verify invariants; 0, or the number of one that is broken. */
    unsigned (*check)(const struct cairn_frames *frames);
};

extern const struct cairn__engine cairn__engine_tree;
extern const struct cairn__engine cairn__engine_bitmap;
extern const struct cairn__engine cairn__engine_freelist;

#endif
