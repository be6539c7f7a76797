/*
 * frames_query.c - what the frame allocator says about frames, and what it asks
 * of its host: numbers, owners, low memory, reclaim.
 */
#include "base/memory.h"
#include "frames_on.h"

static struct cairn_frames_stats stats_of(struct frames_build *build)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(&build->frames, &stats);
    return stats;
}

static struct cairn_phys_range bytes_of(uint64_t first, uint64_t count)
{
    return cairn_phys_range_make(first << CAIRN_FRAME_SHIFT,
                                 (first + count) << CAIRN_FRAME_SHIFT);
}

/* ---- C19, C20: numbers and owners ---------------------------------------- */

static void snapshot(struct frames_build *build)
{
    uint64_t total = frames_build_total(build);
    uint64_t first = on_low_first(build);
    struct cairn_frames_stats stats = stats_of(build);

    CHECK_EQ(stats.base.value, first);
    CHECK_EQ(stats.total_frames, total);
    CHECK_EQ(stats.free_frames, total);
    CHECK(cairn_frames_begin(&build->frames).value <= first);
    CHECK(cairn_frames_end(&build->frames).value >=
          build->zones[1].first + build->zones[1].count);
    CHECK(on_take_block(build, 3) != ON_NONE);
    CHECK(on_take_run(build, 3, 1) != ON_NONE);
    CHECK_EQ(stats.free_frames, total); /* a snapshot */
    stats = stats_of(build);
    CHECK_EQ(stats.free_frames, total - 11);
    CHECK_EQ(stats.total_frames, total);
    CHECK_EQ(stats.owner_frames[CAIRN_OWNER_KERNEL], 8);
    CHECK_EQ(stats.owner_frames[CAIRN_OWNER_DMA], 3);
}

CAIRN_TEST(C19_statistics_are_base_total_and_free)
{
    on_all(snapshot);
}

/* The base is where memory begins, also after the lowest has gone. */
static void base_moves(struct frames_build *build)
{
    uint64_t first = on_low_first(build);
    struct cairn_phys_range lowest = bytes_of(first, 700);

    CHECK_EQ(cairn_frames_remove(&build->frames, lowest), CAIRN_OK);
    CHECK_EQ(stats_of(build).base.value, first + 700);
    CHECK_EQ(
        cairn_frames_remove(&build->frames, bytes_of(first + 700, 2560 - 700)),
        CAIRN_OK);
    CHECK_EQ(stats_of(build).base.value, build->zones[1].first);
    CHECK_EQ(cairn_frames_add(&build->frames, lowest), CAIRN_OK);
    CHECK_EQ(stats_of(build).base.value, first);
}

CAIRN_TEST(C19_base_is_the_lowest_frame_there_is)
{
    on_all(base_moves);
}

/* A block of each order and a run for each owner. */
static void owners(struct frames_build *build)
{
    uint64_t blocks[CAIRN_OWNER_COUNT];
    uint64_t runs[CAIRN_OWNER_COUNT];
    struct cairn_frames_census census;

    for (unsigned i = 0; i < CAIRN_OWNER_COUNT; i++) {
        enum cairn_owner owner = (enum cairn_owner)i;
        struct cairn_run_request request = {.count = 5 + i, .owner = owner};
        cairn_pfn pfn;

        CHECK_EQ(cairn_frames_alloc(&build->frames, i, 0, owner, &pfn),
                 CAIRN_OK);
        blocks[i] = pfn.value;
        CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn),
                 CAIRN_OK);
        runs[i] = pfn.value;
    }
    cairn_frames_count(&build->frames, cairn_frames_begin(&build->frames),
                       cairn_frames_end(&build->frames), &census);
    CHECK_EQ(census.free_frames, on_free_frames(build));
    for (unsigned i = 0; i < CAIRN_OWNER_COUNT; i++) {
        uint64_t size = (uint64_t)1 << i;
        struct cairn_frame_info info = cairn_frames_info(
            &build->frames, cairn_pfn_make(blocks[i] + size - 1));

        CHECK_EQ(info.usage, CAIRN_FRAME_ALLOCATED);
        CHECK_EQ(info.owner, i);
        CHECK_EQ(info.first.value, blocks[i]);
        CHECK_EQ(info.count, size);
        info = cairn_frames_info(&build->frames, cairn_pfn_make(runs[i] + 4));
        CHECK_EQ(info.owner, i);
        CHECK_EQ(info.first.value, runs[i]);
        CHECK_EQ(info.count, 5 + i);
        CHECK_EQ(stats_of(build).owner_frames[i], size + 5 + i);
        CHECK_EQ(census.owner_frames[i], size + 5 + i);
        CHECK_EQ(on_give(build, blocks[i]), CAIRN_OK);
        CHECK_EQ(stats_of(build).owner_frames[i], 5 + i);
    }
}

CAIRN_TEST(C20_each_frame_is_tagged_with_its_owner)
{
    on_all(owners);
}

/* ---- C13, C14: late news ------------------------------------------------- */

/* Free frames are taken at once, wherever they are; those in use stay. */
static void late_news(struct frames_build *build)
{
    uint64_t total = on_free_frames(build);
    uint64_t frame = on_take_block(build, 0);
    struct cairn_frame_info info;
    uint32_t count;

    CHECK_EQ(on_give(build, frame), CAIRN_OK); /* into a magazine, if any */
    CHECK_EQ(cairn_frames_consume(&build->frames, bytes_of(frame, 1)), 1);
    info = cairn_frames_info(&build->frames, cairn_pfn_make(frame));
    CHECK_EQ(info.usage, CAIRN_FRAME_ALLOCATED);
    CHECK_EQ(info.owner, CAIRN_OWNER_BOOT);
    CHECK_EQ(stats_of(build).owner_frames[CAIRN_OWNER_BOOT], 1);
    CHECK_EQ(on_free_frames(build), total - 1);
    CHECK_EQ(cairn_frames_consume(&build->frames, bytes_of(frame, 1)), 0);
    on_claim_none();
    on_claim(build, frame, 1);
    count = on_exhaust(build, 0, 0); /* none is claimed twice */
    CHECK_EQ(count, total - 1);
    CHECK_EQ(on_give(build, frame), CAIRN_OK);
    on_blocks[count++] = on_take_block(build, 0);
    CHECK_EQ(on_blocks[count - 1], frame);
    on_give_all(build, count);
}

CAIRN_TEST(C13_late_news_are_taken_at_once)
{
    on_all(late_news);
}

/* What is no memory is no trouble; nor are ranges that end nowhere. */
static void news_from_nowhere(struct frames_build *build)
{
    uint64_t total = on_free_frames(build);
    struct cairn_frames *frames = &build->frames;

    CHECK_EQ(cairn_frames_consume(frames, cairn_phys_range_make(5, 5)), 0);
    CHECK_EQ(cairn_frames_consume(frames, bytes_of(1, 100)), 0);
    CHECK_EQ(cairn_frames_consume(
                 frames, cairn_phys_range_make(0xffffffff80000000, UINT64_MAX)),
             0);
    CHECK_EQ(on_free_frames(build), total);
    CHECK_EQ(cairn_frames_consume(frames, cairn_phys_range_make(0, UINT64_MAX)),
             total);
    CHECK_EQ(on_free_frames(build), 0);
}

CAIRN_TEST(C13_late_news_cover_what_memory_there_is)
{
    on_all(news_from_nowhere);
}

static void expect_panic(struct frames_build *build,
                         struct cairn_phys_range range)
{
    CHECK_PANIC(cairn_frames_expect_used(&build->frames, range),
                "free for allocation");
}

/* Indices do not depend on where memory begins. */
static void expected_used(struct frames_build *build)
{
    struct cairn_frames *frames = &build->frames;
    uint64_t run = on_take_run(build, 20, 1);
    uint64_t single = on_take_block(build, 0);
    struct cairn_phys_range used = bytes_of(run, 20);

    cairn_frames_expect_used(frames, used);
    cairn_frames_expect_used(frames, bytes_of(single, 1));
    cairn_frames_expect_used(frames, bytes_of(1, 100)); /* no memory */
    used.end.value++;
    if (cairn_frames_info(frames, cairn_pfn_make(run + 20)).usage ==
        CAIRN_FRAME_FREE)
        expect_panic(build, used);
    CHECK_EQ(on_give(build, single), CAIRN_OK); /* into a magazine, if any */
    expect_panic(build, bytes_of(single, 1));
    CHECK_EQ(on_give(build, run), CAIRN_OK);
    for (uint64_t i = 0; i < 20; i++)
        expect_panic(build, bytes_of(run + i, 1));
}

CAIRN_TEST(C14_a_consumed_frame_that_is_free_panics)
{
    on_all(expected_used);
}

CAIRN_TEST(C14_the_panic_names_the_address)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.zone_count = 1;
    on_machine.zones[0].first = frames_build_place(&on_machine, 0xabcde000,
                                                   16 * CAIRN_MIB, CAIRN_MIB) >>
                                CAIRN_FRAME_SHIFT;
    on_machine.zones[0].count = 16;
    on_start(&on_machine, CAIRN_ENGINE_BITMAP, false);
    CHECK_PANIC(cairn_frames_expect_used(&on_machine.frames,
                                         cairn_phys_range_make(0, UINT64_MAX)),
                "cde000 is in use, but free");
}

/* ---- What the host is asked, and asks ------------------------------------ */

/* The host's store of frames, which it can give back. */
struct spare {
    struct frames_build *build;
    uint64_t frames[8]; /* ON_NONE: given back */
    unsigned calls;
    uint64_t wanted; /* as asked last */
};

/* One frame a call, and a look that no lock is held meanwhile. */
static bool give_back(void *context, uint64_t frames)
{
    struct spare *spare = context;

    spare->calls++;
    spare->wanted = frames;
    CHECK_EQ(cairn_frames_check(&spare->build->frames), 0);
    for (unsigned i = 0; i < 8; i++) {
        if (spare->frames[i] == ON_NONE)
            continue;
        CHECK_EQ(on_give(spare->build, spare->frames[i]), CAIRN_OK);
        spare->frames[i] = ON_NONE;
        return true;
    }
    return false;
}

static void ask_host(struct frames_build *build)
{
    struct spare spare = {.build = build};
    struct cairn_run_request run = {.count = 2};
    cairn_pfn pfn;

    on_claim_none();
    for (unsigned i = 0; i < 8; i++)
        spare.frames[i] = on_take_run(build, 1, 1);
    build->frames.config.reclaim = give_back;
    build->frames.config.context = &spare;
    (void)on_exhaust(build, 0, 0); /* takes the 8, too */
    CHECK_EQ(spare.calls, 9);
    CHECK_EQ(spare.wanted, 1);
    CHECK_EQ(on_free_frames(build), 0);
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &run, &pfn),
             CAIRN_NO_MEMORY);
    CHECK_EQ(spare.calls, 10);
    CHECK_EQ(spare.wanted, 2);
    CHECK_EQ(on_take_block(build, 9), ON_NONE);
    CHECK_EQ(spare.wanted, 512);
    build->frames.config.reclaim = NULL;
}

CAIRN_TEST(C10_the_host_is_asked_before_an_allocation_fails)
{
    on_all(ask_host);
}

static void low(struct frames_build *build)
{
    uint64_t total = on_free_frames(build);
    uint64_t run;

    CHECK(!cairn_frames_is_low(&build->frames)); /* the default: never */
    build->frames.config.low_frames = total;
    CHECK(!cairn_frames_is_low(&build->frames));
    run = on_take_run(build, 1, 1);
    CHECK(cairn_frames_is_low(&build->frames));
    CHECK_EQ(on_give(build, run), CAIRN_OK);
    CHECK(!cairn_frames_is_low(&build->frames));
    build->frames.config.low_frames = 0;
}

CAIRN_TEST(C19_low_memory_is_noticed)
{
    on_all(low);
}

/* General requests leave the reserve alone; page tables take it. */
static void as_source(struct frames_build *build)
{
    struct cairn_source source = cairn_frames_source(&build->frames);
    uint64_t total = on_free_frames(build);
    uint64_t count = 0;
    cairn_pfn pfn;

    build->frames.config.reserve_frames = 3;
    while (cairn_source_alloc(&source, &pfn) == CAIRN_OK) {
        CHECK(frames_build_has(build, pfn.value, 1));
        count++;
    }
    CHECK_EQ(count, total - 3);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_OK);
    CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_frames_info(&build->frames, pfn).owner, CAIRN_OWNER_TABLE);
    CHECK_EQ(stats_of(build).owner_frames[CAIRN_OWNER_TABLE], 3);
    CHECK_EQ(stats_of(build).owner_frames[CAIRN_OWNER_KERNEL], count);
    build->frames.config.reserve_frames = 0;
}

CAIRN_TEST(B7_the_frame_allocator_is_a_source)
{
    on_all(as_source);
}
