/*
 * heap_bitmap.c - bitmaps of the heap against a slow reading of their rules.
 */
#include "harness/test.h"

#include "heap/bitmap.h"

#define COUNT_MAX 300

static uint64_t words[(COUNT_MAX + 63) / 64];
static bool is_taken[COUNT_MAX];
static size_t count;

static void start(size_t things)
{
    count = things;
    cairn__bitmap_clear_all(words, count);
    for (size_t i = 0; i < COUNT_MAX; i++)
        is_taken[i] = false;
}

static void set(size_t from, size_t number, bool taken)
{
    for (size_t i = from; i < from + number; i++)
        is_taken[i] = taken;
    if (taken)
        cairn__bitmap_set(words, from, number);
    else
        cairn__bitmap_clear(words, from, number);
}

static size_t run_at(size_t at)
{
    size_t end = at;

    while (end < count && !is_taken[end])
        end++;
    return end - at;
}

static size_t slow_fit(struct cairn__bitmap_fit fit)
{
    for (size_t i = 0; i < count; i++) {
        if ((i + fit.offset) % fit.align == 0 && run_at(i) >= fit.need)
            return i;
    }
    return count;
}

static void compare(void)
{
    struct cairn__bitmap_fit fit;
    size_t longest = 0;
    size_t from = 0;

    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(cairn__bitmap_test(words, i), is_taken[i]);
        longest = run_at(i) > longest ? run_at(i) : longest;
        CHECK_EQ(cairn__bitmap_next_set(words, i, count), i + run_at(i));
        from = is_taken[i] ? i + 1 : from;
        CHECK_EQ(cairn__bitmap_run_start(words, i + 1), from);
        if (!is_taken[i])
            CHECK_EQ(cairn__bitmap_next_clear(words, i, count), i);
    }
    CHECK_EQ(cairn__bitmap_longest(words, count, 0, count), longest);
    CHECK_EQ(cairn__bitmap_longest(words, count, longest / 2, longest),
             longest);
    for (unsigned i = 0; i < 20; i++) {
        fit.need = 1 + test_random_below(i < 10 ? 20 : COUNT_MAX);
        fit.align = (size_t)1 << (i % 2 == 0 ? 0 : test_random_below(9));
        fit.from = 0;
        fit.offset = test_random_below((uint32_t)fit.align);
        CHECK_EQ(cairn__bitmap_fit(words, count, fit), slow_fit(fit));
    }
}

CAIRN_TEST(heap_bitmap_agrees_with_a_slow_one)
{
    static const size_t counts[] = {1, 63, 64, 65, 128, 256, COUNT_MAX};

    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        start(counts[i]);
        compare();
        for (uint32_t j = test_rounds(300); j > 0; j--) {
            size_t from = test_random_below((uint32_t)count);
            size_t room = count - from;

            room =
                room > 200 || test_random_once_in(2) ? (room + 9) / 10 : room;
            set(from, 1 + test_random_below((uint32_t)room),
                test_random_once_in(2));
            compare();
        }
    }
}
