/*
 * frames/eager.h - metadata of engines that initialise all of them at once.
 *
 * WHAT   The bitmap and the freelist engine are the plain ones: all that is
 *        known about a frame is valid from the moment the frame is added.
 *        What they have in common about sections and chunks is here; which
 *        frame is free is their own business.
 *
 * HOW    A chunk with any memory is DENSE, or HUGE and INSIDE while a block
 *        of order 9 or more covers it.  The states of a HUGE or INSIDE chunk
 *        stay FREE behind the first one, so that they are right again when
 *        the kind goes back to DENSE.
 *
 * INVARIANTS (cairn__eager_check() tests each by this number)
 *   E1   free_frames is the sum of all free_counts.
 *   E2   free_counts is the number of free frames of a chunk.
 *   E3   A section's word of empty chunks has those with 512 free frames.
 *   E4   A frame that is free for the engine is in a DENSE chunk and in state
 *        FREE.
 *   E5   Kinds are ABSENT, DENSE, HUGE and INSIDE only.
 *   E6   Frames of DENSE chunks in state FREE that are not free for the engine
 *        are as many as there are single frames in magazines.
 *
 * LOCKS  All under the engine lock.
 *
 * COST   A few ns for each chunk that is touched.
 *
 * TESTS  tests/frames_engines.c, tests/frames_random.c, fuzz/frames.c
 */
#ifndef CAIRN__FRAMES_EAGER_H
#define CAIRN__FRAMES_EAGER_H

#include "frames/engine.h"
#include "frames/section.h"

/* Frames [first, first + count) become memory, and free. */
void cairn__eager_add(struct cairn_frames *frames, uint64_t first,
                      uint64_t count);

/* They are taken; they come back, their states FREE. */
void cairn__eager_take(struct cairn_frames *frames, uint64_t first,
                       uint64_t count);
void cairn__eager_give(struct cairn_frames *frames, uint64_t first,
                       uint64_t count);

/* The same for a block, with the kinds that its order needs. */
void cairn__eager_take_block(struct cairn_frames *frames, uint64_t first,
                             cairn_order order);
void cairn__eager_give_block(struct cairn_frames *frames, uint64_t first,
                             cairn_order order);

/* `is_free` is the engine's opinion.  0, or the number of what is broken. */
unsigned cairn__eager_check(const struct cairn_frames *frames,
                            bool (*is_free)(const struct cairn_frames *frames,
                                            uint64_t pfn));

/* What the directory covers. */
static inline struct cairn__pfn_range
cairn__eager_span(const struct cairn_frames *frames)
{
    struct cairn__pfn_range span = {
        frames->first_section << CAIRN__SECTION_ORDER,
        (frames->first_section + frames->slot_count) << CAIRN__SECTION_ORDER,
    };

    return span;
}

/* What of `window` the directory covers; empty: start == end. */
struct cairn__pfn_range cairn__eager_window(const struct cairn_frames *frames,
                                            struct cairn__pfn_range window);

/* The frames of [at, end) that lie in the chunk of `at`. */
static inline unsigned cairn__eager_part(uint64_t at, uint64_t end)
{
    uint64_t chunk_end = (at | (CAIRN__CHUNK_FRAMES - 1)) + 1;

    return (unsigned)(cairn__min(chunk_end, end) - at);
}

#endif
