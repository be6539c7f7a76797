/*
 * frames_build.h - small machines for tests of the frame allocator.
 *
 * Frames are numbers: nothing but the metadata needs memory behind it.  So a
 * machine is an arena that can be reached, for the metadata, and zones of
 * frames at any addresses, of which nobody reads or writes a byte.  Where the
 * kernel that runs the test can reach a zone, metadata must not come to lie
 * there; so it is not usable at first, and added after the start.  What is
 * left of the arena is taken out of the allocator again: exactly the frames of
 * the zones can be had.
 */
#ifndef TEST_FRAMES_BUILD_H
#define TEST_FRAMES_BUILD_H

#include <cairn/frames.h>

#define FRAMES_ZONES_MAX  4
#define FRAMES_MAP_RANGES 64

struct frames_zone {
    uint64_t first;
    uint64_t count;
    bool has_ram; /* metadata may lie there */
};

struct frames_build {
    /* Set by the caller. */
    struct cairn_phys_range arena;
    struct frames_zone zones[FRAMES_ZONES_MAX]; /* ascending, apart */
    unsigned zone_count;
    struct cairn_frames_config config;

    /* Set by frames_build_start. */
    struct cairn_frames frames;
    struct cairn_memmap map;
    struct cairn_memory_range storage[FRAMES_MAP_RANGES];
};

/*
 * The first multiple of `step` from `from` on where `bytes` bytes lie apart
 * from the arena.
 */
uint64_t frames_build_place(const struct frames_build *build, uint64_t from,
                            uint64_t step, uint64_t bytes);

/*
 * Zones that suit most tests: one below 4 GiB that begins and ends in the
 * middle of a chunk, and one above.  The arena is known.
 */
void frames_build_zones(struct frames_build *build);

/* Start the allocator anew. */
CAIRN_MUST_CHECK enum cairn_status
frames_build_start(struct frames_build *build);

/* Frames of all zones. */
uint64_t frames_build_total(const struct frames_build *build);

/* Does a zone have all of [first, first + count)? */
bool frames_build_has(const struct frames_build *build, uint64_t first,
                      uint64_t count);

#endif
