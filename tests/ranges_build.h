/*
 * ranges_build.h - a set of ranges on frames that can run out.
 */
#ifndef RANGES_BUILD_H
#define RANGES_BUILD_H

#include "harness/test.h"
#include <cairn/ranges.h>

#define RANGES_FRAMES 60

struct ranges_build {
    struct cairn_ranges set;
    unsigned frames_out;
    unsigned left_to_fail; /* frame requests that succeed until then */
};

extern struct ranges_build ranges;

/* An empty set with these bounds. */
void ranges_start(struct cairn_span bounds);

/* All of its memory comes back. */
void ranges_end(void);

#endif
