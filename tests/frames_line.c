/*
 * frames_line.c - the free bits of a chunk against loops over single bits.
 */
#include "base/memory.h"
#include "frames/line.h"
#include "harness/test.h"

#define BITS 512u

static bool is_set(const uint64_t *line, unsigned bit)
{
    return (line[bit / 64] >> bit % 64 & 1) != 0;
}

static bool is_run(const uint64_t *line, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (!is_set(line, i))
            return false;
    }
    return true;
}

static unsigned find_slowly(const uint64_t *line, unsigned order)
{
    for (unsigned i = 0; i < BITS; i += 1u << order) {
        if (is_run(line, i, 1u << order))
            return i;
    }
    return CAIRN__LINE_NONE;
}

static void expect_line(const uint64_t *line)
{
    int largest = -1;

    for (unsigned order = 0; order <= 8; order++) {
        unsigned found = find_slowly(line, order);

        CHECK_EQ(cairn__line_find(line, order), found);
        if (found != CAIRN__LINE_NONE)
            largest = (int)order;
    }
    CHECK_EQ(cairn__line_largest(line) + 1, largest + 1);
}

static void expect_count(const uint64_t *line, unsigned first, unsigned count)
{
    unsigned total = 0;

    for (unsigned i = first; i < first + count; i++)
        total += is_set(line, i);
    CHECK_EQ(cairn__line_count(line, first, count), total);
}

CAIRN_TEST(frames_line_agrees_with_loops_over_bits)
{
    uint64_t line[8];
    uint32_t rounds = test_rounds(2000);

    memset(line, 0, sizeof(line));
    expect_line(line);
    memset(line, 0xff, sizeof(line));
    expect_line(line);
    for (uint32_t i = 0; i < rounds; i++) {
        unsigned first = test_random_below(BITS);
        unsigned count = 1 + test_random_below(BITS - first);

        cairn__line_clear(line, first, count);
        CHECK_EQ(cairn__line_count(line, first, count), 0);
        expect_line(line);
        if (test_random_once_in(8))
            continue;
        cairn__line_set(line, first, count);
        CHECK(is_run(line, first, count));
        expect_line(line);
        expect_count(line, first / 2, count);
    }
}

/* One bit is missing, wherever: nothing of 256 that contains it is a run. */
CAIRN_TEST(frames_line_with_one_bit_missing)
{
    for (unsigned bit = 0; bit < BITS; bit++) {
        uint64_t line[8];

        memset(line, 0xff, sizeof(line));
        cairn__line_clear(line, bit, 1);
        expect_line(line);
        CHECK_EQ(cairn__line_find(line, 8), bit < 256 ? 256 : 0);
    }
}
