/*
 * baseline_bitmap.h - what Cairn's frames are compared with: a bitmap.
 *
 * The functions have the signature of cairn_frames_alloc and _free, so that
 * the same loop calls either; of the arguments only order, frame and result
 * are used.  A bitmap does not know how large a block is, hence a free
 * function for each order.
 */
#ifndef BENCH_BASELINE_BITMAP_H
#define BENCH_BASELINE_BITMAP_H

#include <cairn/frames.h>

/* Start with `frames` free frames, numbered from 0; forget what was before. */
void bench_bitmap_init(uint64_t frames);

enum cairn_status bench_bitmap_alloc(struct cairn_frames *unused,
                                     cairn_order order, unsigned flags,
                                     enum cairn_owner owner, cairn_pfn *out);

/* By order, 0 .. 9. */
extern enum cairn_status (*const bench_bitmap_free[10])(
    struct cairn_frames *unused, cairn_pfn first);

#endif
