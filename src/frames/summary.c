/*
 * frames/summary.c - a set of small numbers; see summary.h.
 *
 * TESTS  tests/frames_summary.c compares with a plain array.
 */
#include "frames/summary.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/memory.h"

static size_t words_for(size_t bits)
{
    return (bits + 63) / 64;
}

size_t cairn__summary_words(size_t limit)
{
    size_t total = 0;

    for (unsigned level = 0; level < CAIRN__SUMMARY_LEVELS; level++) {
        limit = words_for(limit);
        total += limit;
    }
    return total;
}

void cairn__summary_init(struct cairn__summary *summary, uint64_t *storage,
                         size_t limit)
{
    cairn__assert(limit > 0);
    for (unsigned level = 0; level < CAIRN__SUMMARY_LEVELS; level++) {
        limit = words_for(limit);
        summary->levels[level] = storage;
        summary->words[level] = limit;
        memset(storage, 0, limit * sizeof(*storage));
        storage += limit;
    }
}

void cairn__summary_add(struct cairn__summary *summary, size_t number)
{
    cairn__assert(number / 64 < summary->words[0]);
    for (unsigned level = 0; level < CAIRN__SUMMARY_LEVELS; level++) {
        uint64_t *word = &summary->levels[level][number / 64];
        uint64_t former = *word;

        *word = former | CAIRN__BIT(number % 64);
        if (former != 0)
            return;
        number /= 64;
    }
}

void cairn__summary_remove(struct cairn__summary *summary, size_t number)
{
    cairn__assert(number / 64 < summary->words[0]);
    for (unsigned level = 0; level < CAIRN__SUMMARY_LEVELS; level++) {
        uint64_t *word = &summary->levels[level][number / 64];

        *word &= ~CAIRN__BIT(number % 64);
        if (*word != 0)
            return;
        number /= 64;
    }
}

/* From bit `at` of a level, which is set, down to the lowest number in it. */
static size_t descend_lowest(const struct cairn__summary *summary,
                             unsigned level, size_t at)
{
    while (level > 0) {
        level--;
        at = at * 64 + cairn__bit_lowest(summary->levels[level][at]);
    }
    return at;
}

static size_t descend_highest(const struct cairn__summary *summary,
                              unsigned level, size_t at)
{
    while (level > 0) {
        level--;
        at = at * 64 + cairn__bit_highest(summary->levels[level][at]);
    }
    return at;
}

size_t cairn__summary_next(const struct cairn__summary *summary, size_t from)
{
    unsigned top = CAIRN__SUMMARY_LEVELS - 1;
    size_t at = from;

    for (unsigned level = 0; level <= top; level++) {
        size_t word = at / 64;
        uint64_t bits;

        if (word >= summary->words[level])
            return CAIRN__SUMMARY_NONE;
        bits = summary->levels[level][word] >> (at % 64);
        if (bits != 0)
            return descend_lowest(summary, level, at + cairn__bit_lowest(bits));
        at = word + 1;
    }
    for (; at < summary->words[top]; at++) {
        uint64_t bits = summary->levels[top][at];

        if (bits != 0)
            return descend_lowest(summary, top,
                                  at * 64 + cairn__bit_lowest(bits));
    }
    return CAIRN__SUMMARY_NONE;
}

size_t cairn__summary_previous(const struct cairn__summary *summary,
                               size_t from)
{
    unsigned top = CAIRN__SUMMARY_LEVELS - 1;
    size_t limit = summary->words[0] * 64 - 1;
    size_t at = from < limit ? from : limit;

    for (unsigned level = 0; level <= top; level++) {
        size_t word = at / 64;
        uint64_t bits = summary->levels[level][word] << (63 - at % 64);

        if (bits != 0)
            return descend_highest(summary, level,
                                   at - (63 - cairn__bit_highest(bits)));
        if (word == 0)
            return CAIRN__SUMMARY_NONE;
        at = word - 1;
    }
    for (at++; at-- > 0;) {
        uint64_t bits = summary->levels[top][at];

        if (bits != 0)
            return descend_highest(summary, top,
                                   at * 64 + cairn__bit_highest(bits));
    }
    return CAIRN__SUMMARY_NONE;
}
