/*
 * frames/run.h - runs of frames, for the rest of the front.
 */
#ifndef CAIRN__FRAMES_RUN_H
#define CAIRN__FRAMES_RUN_H

#include <cairn/frames.h>

/* Where requests with these flags may be served from. */
uint64_t cairn__frames_limit(unsigned flags);

/* Zero the caller's frames; false: one cannot be reached. */
bool cairn__frames_clear(cairn_pfn first, uint64_t count);

/* Frames of the run that begins at `first`. */
uint64_t cairn__run_length(const struct cairn_frames *frames, cairn_pfn first);

/* Set states to FREE and give the frames to the engine. */
void cairn__run_give(struct cairn_frames *frames, cairn_pfn first,
                     uint64_t count);

#endif
