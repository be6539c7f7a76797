/*
 * frames/line.h - the free bits of one chunk: 512 bits in one cache line.
 *
 * Pure functions, so that each can be tested against a plain loop.
 */
#ifndef CAIRN__FRAMES_LINE_H
#define CAIRN__FRAMES_LINE_H

#include <cairn/types.h>

#define CAIRN__LINE_NONE 512u

/*
 * Bits of `word` at which an aligned run of 2^order ones begins; order 0 .. 6.
 */
uint64_t cairn__line_starts(uint64_t word, unsigned order);

/* The lowest bit at which an aligned run of 2^order ones begins, order 0 .. 8;
 * LINE_NONE if there is none. */
unsigned cairn__line_find(const uint64_t *line, unsigned order);

/* The largest order of which there is a run; -1 if no bit is set. */
int cairn__line_largest(const uint64_t *line);

/*
 * Set bits [first, first + count), none of which is set, or two owners have
 * freed the same frame at once; or clear them.
 */
void cairn__line_set(uint64_t *line, unsigned first, unsigned count);
void cairn__line_clear(uint64_t *line, unsigned first, unsigned count);

/* How many bits of [first, first + count) are set? */
unsigned cairn__line_count(const uint64_t *line, unsigned first,
                           unsigned count);

#endif
