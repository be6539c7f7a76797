/*
 * frames_summary.c - the set of small numbers against a plain array.
 */
#include "base/memory.h"
#include "frames/summary.h"
#include "harness/test.h"

#define LIMIT_MAX 300000u
#define WORDS_MAX 4800u /* of all levels of that many numbers */

static struct cairn__summary set;
static uint64_t storage[WORDS_MAX];
static uint8_t is_in[LIMIT_MAX]; /* the array */

static void start(size_t limit)
{
    CHECK(cairn__summary_words(limit) <= WORDS_MAX);
    memset(storage, 0xa5, sizeof(storage));
    memset(is_in, 0, sizeof(is_in));
    cairn__summary_init(&set, storage, limit);
}

static size_t next_in(size_t from, size_t limit)
{
    while (from < limit && is_in[from] == 0)
        from++;
    return from < limit ? from : CAIRN__SUMMARY_NONE;
}

static size_t previous_in(size_t from, size_t limit)
{
    size_t at = from < limit ? from + 1 : limit;

    while (at > 0 && is_in[at - 1] == 0)
        at--;
    return at > 0 ? at - 1 : CAIRN__SUMMARY_NONE;
}

static void expect_same(size_t from, size_t limit)
{
    CHECK_EQ(cairn__summary_next(&set, from), next_in(from, limit));
    CHECK_EQ(cairn__summary_previous(&set, from), previous_in(from, limit));
}

static void put(size_t number, bool wanted)
{
    is_in[number] = wanted;
    if (wanted)
        cairn__summary_add(&set, number);
    else
        cairn__summary_remove(&set, number);
}

/* A few numbers come and go: most words of most levels are 0. */
static void compare(size_t limit)
{
    size_t members[8];
    uint32_t rounds = test_rounds(60);

    start(limit);
    expect_same(0, limit);
    expect_same(limit - 1, limit);
    for (uint32_t i = 0; i < rounds; i++) {
        size_t *member = &members[i % 8];

        if (i >= 8)
            put(*member, false);
        *member = test_random_below((uint32_t)limit);
        put(*member, true);
        put(*member, true); /* it is in already */
        expect_same(*member, limit);
        expect_same(*member + 1, limit);
        expect_same(test_random_below((uint32_t)limit), limit);
        expect_same(0, limit);
        expect_same(limit - 1, limit);
        expect_same(limit + 1000000, limit);
    }
}

CAIRN_TEST(frames_summary_agrees_with_an_array)
{
    static const uint32_t limits[] = {1,    2,    63,    64,     65,
                                      4095, 4096, 70000, 262144, LIMIT_MAX};

    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        compare(limits[i]);
}

/* Each word of the highest level. */
CAIRN_TEST(frames_summary_passes_over_words_that_are_0)
{
    start(LIMIT_MAX);
    put(5, true);
    put(LIMIT_MAX - 1, true);
    expect_same(6, LIMIT_MAX);
    expect_same(LIMIT_MAX - 2, LIMIT_MAX);
    put(5, false);
    expect_same(0, LIMIT_MAX);
    expect_same(LIMIT_MAX - 2, LIMIT_MAX);
    put(LIMIT_MAX - 2, true);
    put(LIMIT_MAX - 2, false);
    expect_same(0, LIMIT_MAX);
}
