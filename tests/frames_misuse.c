/*
 * frames_misuse.c - whatever the caller does wrong is refused, on all engines,
 * with and without magazines, and no number changes; docs/FRAMES.md has the
 * table.
 */
#include "base/memory.h"
#include "frames_on.h"

#define OPERATIONS 1000000
#define HELD       64

static struct cairn_frames_stats stats_of(struct frames_build *build)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(&build->frames, &stats);
    return stats;
}

static void expect_unchanged(struct frames_build *build,
                             const struct cairn_frames_stats *before)
{
    struct cairn_frames_stats after = stats_of(build);

    CHECK_EQ(memcmp(&after, before, sizeof(after)), 0);
    CHECK_EQ(cairn_frames_check(&build->frames), 0);
}

static void expect_refused(struct frames_build *build, uint64_t frame,
                           enum cairn_status status)
{
    struct cairn_frames_stats before = stats_of(build);
    cairn_pfn pfn = {frame};

    CHECK_EQ(cairn_frames_free(&build->frames, pfn), status);
    CHECK_EQ(cairn_frames_free_order(&build->frames, pfn, 0), status);
    CHECK_EQ(cairn_frames_free_range(&build->frames, pfn, 1), status);
    expect_unchanged(build, &before);
}

static void expect_wrong_order(struct frames_build *build, uint64_t first,
                               cairn_order order)
{
    struct cairn_frames_stats before = stats_of(build);

    CHECK_EQ(
        cairn_frames_free_order(&build->frames, cairn_pfn_make(first), order),
        CAIRN_WRONG_SIZE);
    expect_unchanged(build, &before);
}

static void expect_wrong_range(struct frames_build *build, uint64_t first,
                               uint64_t count, enum cairn_status status)
{
    struct cairn_frames_stats before = stats_of(build);

    CHECK_EQ(
        cairn_frames_free_range(&build->frames, cairn_pfn_make(first), count),
        status);
    expect_unchanged(build, &before);
}

/* ---- Twice --------------------------------------------------------------- */

static void twice_at_once(struct frames_build *build)
{
    uint64_t frame = on_take_block(build, 0);
    uint64_t run = on_take_run(build, 9, 1);

    CHECK_EQ(on_give(build, frame), CAIRN_OK);
    CHECK_EQ(on_give(build, run), CAIRN_OK);
    for (unsigned i = 0; i < 3; i++) {
        expect_refused(build, frame, CAIRN_DOUBLE_FREE);
        expect_refused(build, run, CAIRN_DOUBLE_FREE);
        expect_refused(build, run + 8, CAIRN_DOUBLE_FREE);
    }
}

CAIRN_TEST(C8_misuse_freed_twice_at_once)
{
    on_all(twice_at_once);
}

/* The frame comes and goes many times meanwhile; in the end it is free. */
static void twice_much_later(struct frames_build *build)
{
    uint64_t held[HELD];
    uint64_t frame = on_take_block(build, 0);
    uint32_t operations = test_rounds(OPERATIONS);

    for (unsigned i = 0; i < HELD; i++)
        held[i] = ON_NONE;
    CHECK_EQ(on_give(build, frame), CAIRN_OK);
    for (uint32_t i = 0; i < operations; i++) {
        uint64_t *slot = &held[test_random_below(HELD)];

        if (*slot != ON_NONE)
            CHECK_EQ(on_give(build, *slot), CAIRN_OK);
        *slot = *slot == ON_NONE ? on_take_block(build, test_random_below(5))
                                 : ON_NONE;
    }
    for (unsigned i = 0; i < HELD; i++) {
        if (held[i] != ON_NONE)
            CHECK_EQ(on_give(build, held[i]), CAIRN_OK);
    }
    expect_refused(build, frame, CAIRN_DOUBLE_FREE);
}

CAIRN_TEST(C8_misuse_freed_again_after_a_million_operations)
{
    on_all(twice_much_later);
}

/* A block in a magazine is as free as any, at each of its frames. */
static void twice_in_magazine(struct frames_build *build)
{
    static const cairn_order orders[] = {0, 1, 2, 3, 4, 9};

    for (unsigned i = 0; i < 6; i++) {
        uint64_t first = on_take_block(build, orders[i]);
        uint64_t count = (uint64_t)1 << orders[i];

        CHECK_EQ(on_give(build, first), CAIRN_OK);
        CHECK_EQ(cairn_frames_info(&build->frames, cairn_pfn_make(first)).usage,
                 CAIRN_FRAME_FREE);
        if (build->config.has_magazines)
            CHECK(stats_of(build).cached_frames >= count);
        expect_refused(build, first, CAIRN_DOUBLE_FREE);
        expect_refused(build, first + count / 2, CAIRN_DOUBLE_FREE);
        expect_refused(build, first + count - 1, CAIRN_DOUBLE_FREE);
    }
}

CAIRN_TEST(C8_misuse_freed_again_while_in_a_magazine)
{
    on_all(twice_in_magazine);
}

static void never_allocated(struct frames_build *build)
{
    uint64_t first = on_low_first(build);

    expect_refused(build, first, CAIRN_DOUBLE_FREE);
    expect_refused(build, first + 1024, CAIRN_DOUBLE_FREE);
    (void)on_take_run(build, 7, 1);
    (void)on_take_block(build, 3);
    expect_refused(build, first + 2001, CAIRN_DOUBLE_FREE);
}

CAIRN_TEST(C8_misuse_never_allocated)
{
    on_all(never_allocated);
}

/* ---- Not this allocator's ------------------------------------------------ */

static void foreign(struct frames_build *build)
{
    const struct frames_zone *zones = build->zones;
    uint64_t arena = build->arena.start.value >> CAIRN_FRAME_SHIFT;
    uint64_t end = build->arena.end.value >> CAIRN_FRAME_SHIFT;

    expect_refused(build, 0, CAIRN_NOT_MEMORY);
    expect_refused(build, zones[0].first - 1, CAIRN_NOT_MEMORY);
    expect_refused(build, zones[0].first + zones[0].count, CAIRN_NOT_MEMORY);
    expect_refused(build, zones[1].first + zones[1].count, CAIRN_NOT_MEMORY);
    for (uint64_t frame = arena; frame < end; frame++) /* the metadata */
        CHECK_EQ(on_give(build, frame), CAIRN_NOT_MEMORY);
    expect_refused(build, end - 1, CAIRN_NOT_MEMORY);
}

CAIRN_TEST(C8_misuse_foreign_and_reserved)
{
    on_all(foreign);
}

static void out_of_range(struct frames_build *build)
{
    expect_refused(build, cairn_frames_end(&build->frames).value,
                   CAIRN_NOT_MEMORY);
    for (unsigned i = 33; i < 64; i++)
        expect_refused(build, (uint64_t)1 << i, CAIRN_NOT_MEMORY);
    expect_wrong_range(build, UINT64_MAX - 5, 5, CAIRN_NOT_MEMORY);
    expect_wrong_range(build, UINT64_MAX - 5, 7, CAIRN_BAD_ARGUMENT);
    expect_wrong_range(build, 0, 0, CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(C8_misuse_out_of_range)
{
    on_all(out_of_range);
}

static void removed(struct frames_build *build)
{
    uint64_t first = on_low_first(build) + 600;
    struct cairn_phys_range range = cairn_phys_range_make(
        first << CAIRN_FRAME_SHIFT, (first + 600) << CAIRN_FRAME_SHIFT);

    CHECK_EQ(cairn_frames_remove(&build->frames, range), CAIRN_OK);
    expect_refused(build, first, CAIRN_NOT_MEMORY);
    expect_refused(build, first + 599, CAIRN_NOT_MEMORY);
    expect_refused(build, first + 600, CAIRN_DOUBLE_FREE);
}

CAIRN_TEST(C8_misuse_of_memory_that_was_removed)
{
    on_all(removed);
}

/* ---- The wrong part of what is allocated --------------------------------- */

static void inside(struct frames_build *build)
{
    static const cairn_order orders[] = {1, 4, 5, 8, 9, 10};

    for (unsigned i = 0; i < 6; i++) {
        uint64_t first = on_take_block(build, orders[i]);
        uint64_t count = (uint64_t)1 << orders[i];

        expect_refused(build, first + 1, CAIRN_NOT_FIRST);
        expect_refused(build, first + count - 1, CAIRN_NOT_FIRST);
        CHECK_EQ(on_give(build, first), CAIRN_OK);
    }
    expect_refused(build, on_take_run(build, 700, 1) + 699, CAIRN_NOT_FIRST);
}

CAIRN_TEST(C8_misuse_inside_a_block)
{
    on_all(inside);
}

/* Smaller, larger, not aligned to that order, beyond all orders, and a run. */
static void wrong_order(struct frames_build *build)
{
    uint64_t single = on_take_block(build, 0);
    uint64_t block = on_take_block(build, 4);
    uint64_t huge = on_take_block(build, 9);
    uint64_t run = on_take_run(build, 16, 16);

    for (cairn_order order = 0; order <= 32; order++) {
        if (order != 0)
            expect_wrong_order(build, single, order);
        if (order != 4)
            expect_wrong_order(build, block, order);
        if (order != 9)
            expect_wrong_order(build, huge, order);
        expect_wrong_order(build, run, order);
    }
    CHECK_EQ(on_give(build, block), CAIRN_OK);
    CHECK_EQ(on_give(build, run), CAIRN_OK);
}

CAIRN_TEST(C8_misuse_wrong_order)
{
    on_all(wrong_order);
}

/* Ranges that overlap a block's begin or end, free memory, or a hole. */
static void overlapping(struct frames_build *build)
{
    uint64_t run = on_take_run(build, 40, 1);
    uint64_t zone_end = on_low_first(build) + build->zones[0].count;
    uint64_t tail = zone_end - 4;
    struct cairn_run_request request = {.count = 4};
    cairn_pfn pfn;

    request.start = cairn_phys_of(cairn_pfn_make(tail));
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, tail);
    expect_wrong_range(build, run, 39, CAIRN_WRONG_SIZE);
    expect_wrong_range(build, run, 1, CAIRN_WRONG_SIZE);
    expect_wrong_range(build, run + 1, 39, CAIRN_NOT_FIRST);
    expect_wrong_range(build, run, 41, CAIRN_DOUBLE_FREE);
    expect_wrong_range(build, tail - 1, 5, CAIRN_DOUBLE_FREE);
    expect_wrong_range(build, tail, 5, CAIRN_NOT_MEMORY);
    expect_wrong_range(build, tail, UINT64_MAX - tail, CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_frames_free_range(&build->frames, pfn, 4), CAIRN_OK);
    CHECK_EQ(cairn_frames_free_range(&build->frames, cairn_pfn_make(run), 40),
             CAIRN_OK);
}

CAIRN_TEST(C8_misuse_overlapping_range)
{
    on_all(overlapping);
}

/* ---- As a panic ---------------------------------------------------------- */

static void panics(struct frames_build *build)
{
    struct cairn_frames *frames = &build->frames;
    uint64_t run = on_take_run(build, 12, 1);
    uint64_t frame = on_take_block(build, 0);
    struct cairn_frames_stats before;

    CHECK_EQ(on_give(build, frame), CAIRN_OK);
    before = stats_of(build);
    frames->config.misuse = CAIRN_MISUSE_PANIC;
    CHECK_PANIC(cairn_frames_free(frames, cairn_pfn_make(frame)), "(free");
    CHECK_PANIC(cairn_frames_free(frames, cairn_pfn_make(run + 5)),
                "(allocated, owner 5, 12 from");
    CHECK_PANIC(cairn_frames_free_order(frames, cairn_pfn_make(run), 2),
                "(allocated, owner 5, 12 from");
    CHECK_PANIC(cairn_frames_free(frames, cairn_pfn_make(0)), "(no memory");
    CHECK_PANIC(cairn_frames_free_range(frames, cairn_pfn_make(run), 11),
                "(allocated, owner 5, 12 from");
    expect_unchanged(build, &before);
}

CAIRN_TEST(C8_misuse_panics_with_usage_owner_and_block)
{
    on_all(panics);
}
