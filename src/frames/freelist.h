/*
 * frames/freelist.h - the freelist engine's state, for tests and reports.
 */
#ifndef CAIRN__FRAMES_FREELIST_H
#define CAIRN__FRAMES_FREELIST_H

#include "frames/engine.h"

/* Nodes of the highest level cover 2^31 frames: lengths fit 32 bits. */
#define CAIRN__FREELIST_LEVELS 23

/* The free runs in a stretch of memory, as far as a search needs them. */
struct cairn__runs {
    uint32_t prefix; /* free frames from the beginning of the stretch on */
    uint32_t suffix; /* free frames up to its end */
    /* [k]: the most free frames in a row from a multiple of 2^k on */
    uint32_t best[CAIRN_ORDER_MAX + 1];
};

struct cairn__freelist {
    struct cairn__pfn_range span; /* constant: what the directory covers */
    unsigned top;                 /* constant: highest level */
    /* Level k: a node for each 2^k chunks; level 0 is not stored. [lock] */
    struct cairn__runs *levels[CAIRN__FREELIST_LEVELS];
    uint64_t counts[CAIRN__FREELIST_LEVELS]; /* constant: nodes of a level */
};

static inline struct cairn__freelist *
cairn__freelist_of(const struct cairn_frames *frames)
{
    return frames->engine_data;
}

#endif
