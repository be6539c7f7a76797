/*
 * heap/bitmap.h - which of many equal things are taken, a bit each.
 *
 * A bit that is set is taken.  Bits behind the last thing are set, so that
 * nothing ever fits there.  Where a function says `count`, it is the number of
 * things; the result `count` means that there is none.
 */
#ifndef CAIRN__HEAP_BITMAP_H
#define CAIRN__HEAP_BITMAP_H

#include "base/bits.h"
#include <stddef.h>

#define CAIRN__BITMAP_BITS 64u

static inline size_t cairn__bitmap_words(size_t count)
{
    return (count + CAIRN__BITMAP_BITS - 1) / CAIRN__BITMAP_BITS;
}

static inline uint64_t cairn__bitmap_test(const uint64_t *words, size_t at)
{
    return words[at / CAIRN__BITMAP_BITS] >> at % CAIRN__BITMAP_BITS & 1;
}

/* All free. */
void cairn__bitmap_clear_all(uint64_t *words, size_t count);

void cairn__bitmap_set(uint64_t *words, size_t from, size_t count);
void cairn__bitmap_clear(uint64_t *words, size_t from, size_t count);

/* The first from `from` on that is taken, or that is free. */
size_t cairn__bitmap_next_set(const uint64_t *words, size_t from, size_t count);
size_t cairn__bitmap_next_clear(const uint64_t *words, size_t from,
                                size_t count);

/* The lowest such that all of [it, at) are free. */
size_t cairn__bitmap_run_start(const uint64_t *words, size_t at);

/* What is to fit: `need` in a row, of which the first, plus `offset`, is a
   multiple of `align`, a power of two; offset < align. */
struct cairn__bitmap_fit {
    size_t need;
    size_t align;
    size_t offset;
    size_t from; /* an index: lower words than its own are not looked at */
};

/*
 * The lowest place where it fits.
 *
 * Cost     a few instructions for each word, however many runs are free.
 */
size_t cairn__bitmap_fit(const uint64_t *words, size_t count,
                         struct cairn__bitmap_fit fit);

/*
 * How long the longest run is that is free: at least `least`, which is known,
 * and at most `limit`, beyond which it is not looked further.
 */
size_t cairn__bitmap_longest(const uint64_t *words, size_t count, size_t least,
                             size_t limit);

#endif
