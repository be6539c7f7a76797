/*
 * frames/bitmap.h - the bitmap engine's state, for tests and reports.
 */
#ifndef CAIRN__FRAMES_BITMAP_H
#define CAIRN__FRAMES_BITMAP_H

#include "frames/engine.h"

struct cairn__bitmap {
    uint64_t base; /* [engine lock] lowest frame that was ever added */
    uint64_t end;  /* [engine lock] behind the highest one */

    uint64_t origin;     /* constant: frame of the first bit */
    uint64_t *words;     /* [engine lock] 1: used, 0: free */
    uint64_t word_count; /* constant */

    uint64_t cursor; /* [engine lock] where a search for one frame begins */
    struct cairn__summary fits[CAIRN_ORDER_MAX + 1]; /* [engine lock] */
};

static inline struct cairn__bitmap *
cairn__bitmap_of(const struct cairn_frames *frames)
{
    return frames->engine_data;
}

#endif
