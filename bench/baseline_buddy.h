/*
 * baseline_buddy.h - what Cairn's frames are compared with: a binary buddy.
 *
 * The functions have the signature of cairn_frames_alloc and _free, so that
 * the same loop calls either; of the arguments only order, frame and result
 * are used.
 */
#ifndef BENCH_BASELINE_BUDDY_H
#define BENCH_BASELINE_BUDDY_H

#include <cairn/frames.h>

/* Start with `frames` free frames, numbered from 0; forget what was before. */
void bench_buddy_init(uint64_t frames);

enum cairn_status bench_buddy_alloc(struct cairn_frames *unused,
                                    cairn_order order, unsigned flags,
                                    enum cairn_owner owner, cairn_pfn *out);

enum cairn_status bench_buddy_free(struct cairn_frames *unused,
                                   cairn_pfn first);

/* Give back what the calling thread's cache holds. */
void bench_buddy_drain(void);

#endif
