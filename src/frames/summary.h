/*
 * frames/summary.h - a set of small numbers in which the next one is found in
 * a few loads, however large the set.
 *
 * HOW    Level 0 has a bit for each number, level 1 a bit for each word of
 *        level 0 that is not 0, level 2 the same for level 1.  Level 2 is
 *        searched word by word: 2^18 numbers take one word.
 *
 * LOCKS  The caller's.
 *
 * SOURCE P. van Emde Boas, "Preserving order in a forest in less than
 *        logarithmic time", FOCS 1975, for the idea of a summary of a set.
 */
#ifndef CAIRN__FRAMES_SUMMARY_H
#define CAIRN__FRAMES_SUMMARY_H

#include <cairn/frames.h>

#define CAIRN__SUMMARY_LEVELS CAIRN_FRAMES_LEVELS
#define CAIRN__SUMMARY_NONE   SIZE_MAX

/* 64-bit words that a set of numbers 0 .. limit - 1 needs. */
size_t cairn__summary_words(size_t limit);

/* Start with the empty set in storage of that many words. */
void cairn__summary_init(struct cairn__summary *summary, uint64_t *storage,
                         size_t limit);

void cairn__summary_add(struct cairn__summary *summary, size_t number);
void cairn__summary_remove(struct cairn__summary *summary, size_t number);

/* The lowest number >= `from`, the highest <= `from`; or SUMMARY_NONE. */
size_t cairn__summary_next(const struct cairn__summary *summary, size_t from);
size_t cairn__summary_previous(const struct cairn__summary *summary,
                               size_t from);

#endif
