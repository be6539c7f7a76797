/*
 * frames_line.c - the 512 free bits of a chunk, compared with loops over single
 * bits.
 */
#include "frames/line.h"
#include "harness/test.h"

#define BITS 512

static uint64_t line[BITS / 64];
static bool bits[BITS];

/* Runs of ones and zeros of random lengths, in every second round longer. */
static void fill(uint32_t round)
{
    uint32_t most = round % 2 == 0 ? 6 : 300;
    bool is_set = round % 3 == 0;
    unsigned i = 0;

    while (i < BITS) {
        uint32_t count = 1 + test_random_below(most);

        for (; count > 0 && i < BITS; count--, i++) {
            bits[i] = is_set;
            line[i / 64] &= ~((uint64_t)1 << i % 64);
            line[i / 64] |= (uint64_t)is_set << i % 64;
        }
        is_set = !is_set;
    }
}

static unsigned count(unsigned first, unsigned length)
{
    unsigned total = 0;

    for (unsigned i = first; i < first + length; i++)
        total += bits[i];
    return total;
}

/* The lowest multiple of 2^order from `from` on with so many ones. */
static unsigned find(unsigned from, unsigned order)
{
    unsigned size = 1u << order;

    for (unsigned i = from; i + size <= BITS; i += size) {
        if (count(i, size) == size)
            return i;
    }
    return CAIRN__LINE_NONE;
}

static void expect_bits(void)
{
    for (unsigned i = 0; i < BITS; i++)
        CHECK_EQ(line[i / 64] >> i % 64 & 1, bits[i]);
}

CAIRN_TEST(frames_line_finds_the_lowest_aligned_run)
{
    for (uint32_t round = test_rounds(3000); round > 0; round--) {
        int largest = -1;

        fill(round);
        for (unsigned order = 0; order <= 8; order++) {
            unsigned wanted = find(0, order);

            CHECK_EQ(cairn__line_find(line, order), wanted);
            largest = wanted != CAIRN__LINE_NONE ? (int)order : largest;
        }
        CHECK_EQ(cairn__line_largest(line), largest);
        for (unsigned order = 0; order <= 6; order++) {
            uint64_t starts = cairn__line_starts(line[0], order);

            for (unsigned i = 0; i < 64; i++)
                CHECK_EQ(starts >> i & 1,
                         i % (1u << order) == 0 && find(i, order) == i);
        }
    }
}

CAIRN_TEST(frames_line_sets_clears_and_counts)
{
    for (uint32_t round = test_rounds(3000); round > 0; round--) {
        unsigned first = test_random_below(BITS);
        unsigned length = 1 + test_random_below(BITS - first);

        fill(round);
        CHECK_EQ(cairn__line_count(line, first, length), count(first, length));
        cairn__line_clear(line, first, length);
        for (unsigned i = first; i < first + length; i++)
            bits[i] = false;
        expect_bits();
        cairn__line_set(line, first, length);
        for (unsigned i = first; i < first + length; i++)
            bits[i] = true;
        expect_bits();
    }
}

/* Two owners have freed the same frame. */
CAIRN_TEST(frames_line_panics_if_a_bit_is_set_twice)
{
    fill(0);
    cairn__line_clear(line, 0, BITS);
    cairn__line_set(line, 60, 10);
    CHECK_PANIC(cairn__line_set(line, 69, 1), "line");
    CHECK_PANIC(cairn__line_set(line, 500, 13), "line");
}
