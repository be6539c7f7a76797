/*
 * frames_arena.h - a frame allocator on the memory that a test gets.
 *
 * Unlike those of frames_build.h its frames can be read and written; there are
 * about 50 of them, at any address.
 */
#ifndef TEST_FRAMES_ARENA_H
#define TEST_FRAMES_ARENA_H

#include <cairn/frames.h>

#define ARENA_FRAMES 64

struct frames_arena {
    struct cairn_frames frames;
    struct cairn_memmap map;
    struct cairn_memory_range storage[32];
    uint64_t first; /* frame at which the arena begins */
    uint64_t total; /* frames that the allocator has got */
};

extern struct frames_arena arena;

/*
 * Start anew, once in a test: all of the arena, but for `hole_count` frames
 * from number `hole_first` of the arena on.
 */
void frames_arena_start(enum cairn_misuse misuse, uint64_t hole_first,
                        uint64_t hole_count);

/* The same on another engine; at most four starts in a test. */
void frames_arena_start_on(enum cairn_frames_engine engine, bool has_magazines);

/* Free frames now. */
uint64_t frames_arena_free(void);

/* The frame is the allocator's and its words are all `word`. */
bool frames_arena_is_filled(cairn_pfn pfn, uint64_t word);

/* Take all frames, write `word` all over them, and give them back. */
void frames_arena_soil(uint64_t word);

#endif
