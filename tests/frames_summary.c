/*
 * frames_summary.c - the set of small numbers, compared with a plain array.
 */
#include "frames/summary.h"
#include "harness/test.h"

#define LIMIT_MAX 70000
#define WORDS_MAX 1200

static struct cairn__summary summary;
static uint64_t storage[WORDS_MAX];
static bool is_in[LIMIT_MAX];

static void start(size_t limit)
{
    CHECK(cairn__summary_words(limit) <= WORDS_MAX);
    cairn__summary_init(&summary, storage, limit);
    for (size_t i = 0; i < limit; i++)
        is_in[i] = false;
}

static size_t next(size_t limit, size_t from)
{
    while (from < limit && !is_in[from])
        from++;
    return from < limit ? from : CAIRN__SUMMARY_NONE;
}

static size_t previous(size_t from)
{
    while (from > 0 && !is_in[from])
        from--;
    return is_in[from] ? from : CAIRN__SUMMARY_NONE;
}

/* Few numbers, so that whole words are empty between them. */
static void step(size_t limit)
{
    size_t number = test_random_below((uint32_t)limit);
    size_t member = next(limit, test_random_below((uint32_t)limit));

    if (test_random_below(2) == 0) {
        cairn__summary_add(&summary, number);
        is_in[number] = true;
    } else if (member != CAIRN__SUMMARY_NONE) {
        cairn__summary_remove(&summary, member);
        is_in[member] = false;
    }
    number = test_random_below((uint32_t)limit);
    CHECK_EQ(cairn__summary_next(&summary, number), next(limit, number));
    CHECK_EQ(cairn__summary_previous(&summary, number), previous(number));
}

CAIRN_TEST(frames_summary_agrees_with_an_array)
{
    static const size_t limits[] = {1, 2, 63, 64, 65, 4096, 4097, LIMIT_MAX};

    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        start(limits[i]);
        CHECK_EQ(cairn__summary_next(&summary, 0), CAIRN__SUMMARY_NONE);
        for (uint32_t round = test_rounds(1000); round > 0; round--)
            step(limits[i]);
    }
}

CAIRN_TEST(frames_summary_has_its_first_and_its_last_number)
{
    start(LIMIT_MAX);
    cairn__summary_add(&summary, 0);
    cairn__summary_add(&summary, LIMIT_MAX - 1);
    CHECK_EQ(cairn__summary_next(&summary, 0), 0);
    CHECK_EQ(cairn__summary_next(&summary, 1), LIMIT_MAX - 1);
    CHECK_EQ(cairn__summary_previous(&summary, LIMIT_MAX - 2), 0);
    CHECK_EQ(cairn__summary_previous(&summary, LIMIT_MAX - 1), LIMIT_MAX - 1);
    cairn__summary_remove(&summary, LIMIT_MAX - 1);
    CHECK_EQ(cairn__summary_next(&summary, 1), CAIRN__SUMMARY_NONE);
}
