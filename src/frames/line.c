/*
 * frames/line.c - the free bits of one chunk.
 *
 * HOW    A run of 2^k ones that is aligned begins where both of its halves
 *        begin: starts(k) = starts(k-1) & starts(k-1) >> 2^(k-1), at multiples
 *        of 2^k only.  Orders above 6 are whole words.
 *
 * TESTS  tests/frames_line.c compares with loops over single bits.
 */
#include "frames/line.h"

#include "base/assert.h"
#include "base/bits.h"

#define WORDS 8

/* Multiples of 2^order. */
static const uint64_t multiples[7] = {
    0xffffffffffffffffu, 0x5555555555555555u, 0x1111111111111111u,
    0x0101010101010101u, 0x0001000100010001u, 0x0000000100000001u,
    0x0000000000000001u,
};

uint64_t cairn__line_starts(uint64_t word, unsigned order)
{
    cairn__assert(order <= 6);
    for (unsigned k = 1; k <= order; k++)
        word &= word >> (1u << (k - 1)) & multiples[k];
    return word;
}

/* Do `count` whole words from number `first` on have all bits set? */
static bool are_full(const uint64_t *line, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (line[i] != UINT64_MAX)
            return false;
    }
    return true;
}

unsigned cairn__line_find(const uint64_t *line, unsigned order)
{
    unsigned step = order > 6 ? 1u << (order - 6) : 1;

    cairn__assert(order <= 8);
    for (unsigned i = 0; i < WORDS; i += step) {
        uint64_t starts;

        if (order > 6) {
            if (are_full(line, i, step))
                return i * 64;
            continue;
        }
        starts = line[i] != 0 ? cairn__line_starts(line[i], order) : 0;
        if (starts != 0)
            return i * 64 + cairn__bit_lowest(starts);
    }
    return CAIRN__LINE_NONE;
}

/* The largest order in the words of a line, up to 6. */
static int largest_in_words(const uint64_t *line)
{
    int largest = -1;

    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t starts = line[i];
        int order = -1;

        while (starts != 0 && order < 6) {
            order++;
            if (order < 6)
                starts &= starts >> (1u << order) & multiples[order + 1];
        }
        if (order > largest)
            largest = order;
    }
    return largest;
}

int cairn__line_largest(const uint64_t *line)
{
    int largest = largest_in_words(line);

    while (largest >= 6 && largest < 8 &&
           cairn__line_find(line, (unsigned)largest + 1) != CAIRN__LINE_NONE)
        largest++;
    return largest;
}

void cairn__line_set(uint64_t *line, unsigned first, unsigned count)
{
    cairn__assert(first + count <= WORDS * 64);
    while (count > 0) {
        unsigned bit = first % 64;
        unsigned part = count < 64 - bit ? count : 64 - bit;

        cairn__assert((line[first / 64] & cairn__bit_mask(bit, part)) == 0);
        line[first / 64] |= cairn__bit_mask(bit, part);
        first += part;
        count -= part;
    }
}

void cairn__line_clear(uint64_t *line, unsigned first, unsigned count)
{
    cairn__assert(first + count <= WORDS * 64);
    while (count > 0) {
        unsigned bit = first % 64;
        unsigned part = count < 64 - bit ? count : 64 - bit;

        line[first / 64] &= ~cairn__bit_mask(bit, part);
        first += part;
        count -= part;
    }
}

unsigned cairn__line_count(const uint64_t *line, unsigned first, unsigned count)
{
    unsigned total = 0;

    cairn__assert(first + count <= WORDS * 64);
    while (count > 0) {
        unsigned bit = first % 64;
        unsigned part = count < 64 - bit ? count : 64 - bit;

        total +=
            cairn__bit_count(line[first / 64] & cairn__bit_mask(bit, part));
        first += part;
        count -= part;
    }
    return total;
}
