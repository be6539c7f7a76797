/*
 * frames_data.h - a frame allocator over fresh RAM of the simulated machine.
 */
#ifndef TEST_HOST_FRAMES_DATA_H
#define TEST_HOST_FRAMES_DATA_H

#include <cairn/frames.h>

/*
 * Add RAM at [start, start + bytes) and start `frames` anew, with all of it;
 * one such allocator at a time.
 */
void frames_data_start(struct cairn_frames *frames, uint64_t start,
                       uint64_t bytes,
                       const struct cairn_frames_config *config);

/* Free frames; its invariants hold. */
uint64_t frames_data_free(struct cairn_frames *frames);

#endif
