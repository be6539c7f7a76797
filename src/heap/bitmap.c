/*
 * heap/bitmap.c - which of many equal things are taken, a bit each.
 *
 * HOW    To find `need` free bits in a row, up to a word of them, a word is
 *        and-ed with itself, shifted: by 1, 2, 4, ... until only such bits are
 *        left at which a run begins that is long enough.  More bits than a word
 *        has must reach over the end of the word in which they begin, so that
 *        of each word only its last free bits can be their beginning.
 *
 * TESTS  tests/heap_bitmap.c
 */
#include "heap/bitmap.h"

#include "base/align.h"

#define BITS CAIRN__BITMAP_BITS

void cairn__bitmap_clear_all(uint64_t *words, size_t count)
{
    size_t whole = count / BITS;

    for (size_t i = 0; i < whole; i++)
        words[i] = 0;
    if (count % BITS != 0)
        words[whole] = UINT64_MAX << count % BITS;
}

/* The bits of word `nth` that lie in [from, end). */
static uint64_t mask_of(size_t nth, size_t from, size_t end)
{
    uint64_t mask = UINT64_MAX;

    if (from > nth * BITS)
        mask <<= from - nth * BITS;
    if (end < (nth + 1) * BITS)
        mask &= UINT64_MAX >> ((nth + 1) * BITS - end);
    return mask;
}

void cairn__bitmap_set(uint64_t *words, size_t from, size_t count)
{
    for (size_t i = from / BITS; i * BITS < from + count; i++)
        words[i] |= mask_of(i, from, from + count);
}

void cairn__bitmap_clear(uint64_t *words, size_t from, size_t count)
{
    for (size_t i = from / BITS; i * BITS < from + count; i++)
        words[i] &= ~mask_of(i, from, from + count);
}

/* The first bit from `from` on that is set when xor-ed with `flip`. */
static size_t next(const uint64_t *words, size_t from, size_t count,
                   uint64_t flip)
{
    size_t nth = from / BITS;
    uint64_t word;

    if (from >= count)
        return count;
    word = (words[nth] ^ flip) & UINT64_MAX << from % BITS;
    while (word == 0) {
        if (++nth * BITS >= count)
            return count;
        word = words[nth] ^ flip;
    }
    return (size_t)cairn__min(count, nth * BITS + cairn__bit_lowest(word));
}

size_t cairn__bitmap_next_set(const uint64_t *words, size_t from, size_t count)
{
    return next(words, from, count, 0);
}

size_t cairn__bitmap_next_clear(const uint64_t *words, size_t from,
                                size_t count)
{
    return next(words, from, count, UINT64_MAX);
}

size_t cairn__bitmap_run_start(const uint64_t *words, size_t at)
{
    size_t nth = at / BITS;
    uint64_t word = 0;

    if (at % BITS != 0)
        word = words[nth] & UINT64_MAX >> (BITS - at % BITS);
    while (word == 0) {
        if (nth == 0)
            return 0;
        word = words[--nth];
    }
    return nth * BITS + cairn__bit_highest(word) + 1;
}

/* ---- Fit ----------------------------------------------------------------- */

/* The first index from `at` on that is aligned. */
static size_t align_up(size_t at, const struct cairn__bitmap_fit *fit)
{
    return ((at + fit->offset + fit->align - 1) & ~(fit->align - 1)) -
           fit->offset;
}

/* Bits of a word at which `need` free ones begin; at most a word of them. */
static uint64_t beginnings(uint64_t low, uint64_t high, size_t need)
{
    size_t step;

    for (size_t have = 1; have < need && low != 0; have += step) {
        step = (size_t)cairn__min(have, need - have);
        low &= low >> step | high << (BITS - step);
        high &= high >> step;
    }
    return low;
}

/* At most a word, aligned to at most a word. */
static size_t fit_short(const uint64_t *words, size_t count,
                        const struct cairn__bitmap_fit *fit)
{
    size_t last = cairn__bitmap_words(count) - 1;
    uint64_t aligned = 0;
    uint64_t found;

    for (size_t i = align_up(0, fit); i < BITS; i += fit->align)
        aligned |= (uint64_t)1 << i;
    for (size_t i = fit->from / BITS; i <= last; i++) {
        found = beginnings(~words[i], i == last ? 0 : ~words[i + 1], fit->need);
        found &= aligned;
        if (found != 0)
            return i * BITS + cairn__bit_lowest(found);
    }
    return count;
}

/* More than a word. */
static size_t fit_long(const uint64_t *words, size_t count,
                       const struct cairn__bitmap_fit *fit)
{
    size_t end;
    size_t start;

    for (size_t i = fit->from / BITS; (i + 1) * BITS < count; i = end / BITS) {
        end = (i + 1) * BITS;
        if (words[i] >> (BITS - 1) != 0)
            continue;
        start = cairn__bitmap_run_start(words, end);
        start = align_up(start, fit);
        end = cairn__bitmap_next_set(words, end, count);
        if (start < end && end - start >= fit->need)
            return start;
    }
    return count;
}

/* Aligned to more than a word. */
static size_t fit_sparse(const uint64_t *words, size_t count,
                         const struct cairn__bitmap_fit *fit)
{
    for (size_t i = align_up(fit->from, fit);
         i < count && fit->need <= count - i; i += fit->align) {
        if (cairn__bitmap_next_set(words, i, count) - i >= fit->need)
            return i;
        if (fit->align > count - i)
            break;
    }
    return count;
}

size_t cairn__bitmap_fit(const uint64_t *words, size_t count,
                         struct cairn__bitmap_fit fit)
{
    if (fit.need > count)
        return count;
    if (fit.need > BITS)
        return fit_long(words, count, &fit);
    if (fit.align > BITS)
        return fit_sparse(words, count, &fit);
    return fit_short(words, count, &fit);
}

size_t cairn__bitmap_longest(const uint64_t *words, size_t count, size_t least,
                             size_t limit)
{
    struct cairn__bitmap_fit longer = {.need = least + 1, .align = 1};
    size_t longest = least;

    while (longest < limit) {
        longer.from = cairn__bitmap_fit(words, count, longer);
        if (longer.from == count)
            break;
        longest =
            cairn__bitmap_next_set(words, longer.from, count) - longer.from;
        longer.need = longest + 1;
    }
    return longest;
}
