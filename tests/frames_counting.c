/*
 * frames_counting.c - what frames are used for, one by one and in sum.
 */
#include "frames_on.h"

static struct cairn_frames_census census(struct frames_build *build,
                                         uint64_t first, uint64_t end)
{
    struct cairn_frames_census result;

    cairn_frames_count(&build->frames, cairn_pfn_make(first),
                       cairn_pfn_make(end), &result);
    return result;
}

/* The same frame by frame. */
static void expect_counted(struct frames_build *build, uint64_t first,
                           uint64_t end)
{
    struct cairn_frames_census seen = census(build, first, end);
    struct cairn_frames_census wanted = {.free_frames = 0};

    for (uint64_t i = first; i < end; i++) {
        struct cairn_frame_info info =
            cairn_frames_info(&build->frames, cairn_pfn_make(i));

        wanted.free_frames += info.usage == CAIRN_FRAME_FREE;
        wanted.absent_frames += info.usage == CAIRN_FRAME_ABSENT;
        if (info.usage == CAIRN_FRAME_ALLOCATED)
            wanted.owner_frames[info.owner]++;
    }
    CHECK_EQ(seen.free_frames, wanted.free_frames);
    CHECK_EQ(seen.absent_frames, wanted.absent_frames);
    for (unsigned i = 0; i < CAIRN_OWNER_COUNT; i++)
        CHECK_EQ(seen.owner_frames[i], wanted.owner_frames[i]);
}

/* Ranges that begin and end anywhere, also inside of blocks and runs. */
static void count_all(struct frames_build *build)
{
    for (unsigned order = 0; order <= 10; order++)
        (void)on_take_block(build, order);
    CHECK_EQ(on_give(build, on_take_block(build, 3)), CAIRN_OK);
    (void)on_take_run(build, 700, 1);
    (void)on_take_run(build, 3, 1);
    for (unsigned i = 0; i < build->zone_count; i++) {
        const struct frames_zone *zone = &build->zones[i];

        for (unsigned j = 0; j < 40; j++) {
            uint64_t first =
                zone->first - 30 + test_random_below((uint32_t)zone->count);

            expect_counted(build, first, first);
            expect_counted(build, first, first + test_random_below(1500));
        }
    }
    CHECK_EQ(census(build, 0, cairn_frames_end(&build->frames).value + 99)
                 .free_frames,
             on_free_frames(build));
    CHECK_EQ(census(build, 7, 7).absent_frames, 0);
}

CAIRN_TEST(frames_count_agrees_with_looking_at_each_frame)
{
    on_all(count_all);
}

static void expect_info(struct frames_build *build, uint64_t frame,
                        uint64_t first, uint64_t count, enum cairn_owner owner)
{
    struct cairn_frame_info info =
        cairn_frames_info(&build->frames, cairn_pfn_make(frame));

    CHECK_EQ(info.usage, CAIRN_FRAME_ALLOCATED);
    CHECK_EQ(info.first.value, first);
    CHECK_EQ(info.count, count);
    CHECK_EQ(info.owner, owner);
}

static void expect_none(struct frames_build *build, uint64_t frame,
                        enum cairn_frame_usage usage)
{
    struct cairn_frame_info info =
        cairn_frames_info(&build->frames, cairn_pfn_make(frame));

    CHECK_EQ(info.usage, usage);
    CHECK_EQ(info.count, 1);
}

static void look(struct frames_build *build)
{
    uint64_t huge = on_take_block(build, 10);
    uint64_t small = on_take_block(build, 3);
    uint64_t run = on_take_run(build, 520, 1);

    for (unsigned i = 0; i < 1024; i += 93)
        expect_info(build, huge + i, huge, 1024, CAIRN_OWNER_KERNEL);
    for (unsigned i = 0; i < 8; i++)
        expect_info(build, small + i, small, 8, CAIRN_OWNER_KERNEL);
    for (unsigned i = 0; i < 520; i += 37)
        expect_info(build, run + i, run, 520, CAIRN_OWNER_DMA);
    CHECK_EQ(on_give(build, small), CAIRN_OK);
    for (unsigned i = 0; i < 8; i++)
        expect_none(build, small + i, CAIRN_FRAME_FREE);
    expect_none(build, on_low_first(build) - 1, CAIRN_FRAME_ABSENT);
    expect_none(build, build->zones[1].first + build->zones[1].count,
                CAIRN_FRAME_ABSENT);
    expect_none(build, cairn_frames_end(&build->frames).value,
                CAIRN_FRAME_ABSENT);
    expect_none(build, UINT64_MAX, CAIRN_FRAME_ABSENT);
}

CAIRN_TEST(frames_info_of_each_frame_of_a_block)
{
    on_all(look);
}

/* Free memory in magazines does not count. */
static void become_low(struct frames_build *build)
{
    uint64_t total;

    cairn_frames_drain(&build->frames);
    total = on_free_frames(build);
    build->frames.config.low_frames = total - 8;
    CHECK(!cairn_frames_is_low(&build->frames));
    CHECK(on_take_run(build, 8, 1) != ON_NONE);
    CHECK(!cairn_frames_is_low(&build->frames));
    CHECK(on_take_run(build, 1, 1) != ON_NONE);
    CHECK(cairn_frames_is_low(&build->frames));
    build->frames.config.low_frames = 0;
    CHECK(!cairn_frames_is_low(&build->frames));
}

CAIRN_TEST(frames_are_low_below_the_limit)
{
    on_all(become_low);
}

/* The number of whole chunks, and of frames of each CPU's magazines. */
static void whole_chunks(struct frames_build *build)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(&build->frames, &stats);
    CHECK_EQ(stats.free_2mib, 4 + 2);
    CHECK(on_take_run(build, 1, 512) != ON_NONE);
    cairn_frames_stats(&build->frames, &stats);
    CHECK_EQ(stats.free_2mib, 5);
    CHECK_EQ(on_give(build, on_take_block(build, 9)), CAIRN_OK);
    cairn_frames_drain(&build->frames);
    cairn_frames_stats(&build->frames, &stats);
    CHECK_EQ(stats.free_2mib, 5);
    CHECK_EQ(stats.cached_frames, 0);
}

CAIRN_TEST(frames_stats_count_whole_chunks)
{
    on_all(whole_chunks);
}
