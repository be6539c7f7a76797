/*
 * frames_engines.c - the same questions to all three engines.
 */
#include "frames/bitmap.h"
#include "frames_on.h"

#define HIGHEST_SMALL_ORDER 11

/* Aligned blocks of that order that the zones have room for. */
static uint64_t room(const struct frames_build *build, cairn_order order)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < build->zone_count; i++) {
        const struct frames_zone *zone = &build->zones[i];
        uint64_t size = (uint64_t)1 << order;
        uint64_t first = (zone->first + size - 1) >> order;
        uint64_t end = (zone->first + zone->count) >> order;

        total += end > first ? end - first : 0;
    }
    return total;
}

/* ---- C1, C10: every frame, once ------------------------------------------ */

static void distinct(struct frames_build *build)
{
    on_claim_none();
    for (unsigned i = 0; i < 200; i++) {
        on_blocks[i] = on_take_block(build, 0);
        on_claim(build, on_blocks[i], 1);
    }
    on_give_all(build, 200);
    CHECK(on_take_block(build, 0) != ON_NONE);
}

CAIRN_TEST(C1_frames_are_distinct_and_reusable_on_all_engines)
{
    on_all(distinct);
}

static void exhaust_orders(struct frames_build *build)
{
    on_claim_none();
    for (cairn_order order = 0; order <= HIGHEST_SMALL_ORDER; order++) {
        uint32_t count = on_exhaust(build, order, 0);

        CHECK_EQ(count, room(build, order));
        CHECK_EQ(on_take_block(build, order), ON_NONE);
        on_give_all(build, count);
    }
}

CAIRN_TEST(C10_every_block_of_every_order_can_be_had_once)
{
    on_all(exhaust_orders);
}

static void exhaust_mixed(struct frames_build *build)
{
    uint32_t count = 0;

    on_claim_none();
    for (cairn_order order = HIGHEST_SMALL_ORDER + 1; order-- > 0;)
        count = on_exhaust(build, order, count);
    CHECK_EQ(on_free_frames(build), 0);
    CHECK_EQ(on_take_run(build, 1, 1), ON_NONE);
    on_give_all(build, count);
    CHECK_EQ(on_exhaust(build, 0, 0), frames_build_total(build));
    on_claim_none();
}

CAIRN_TEST(C10_every_frame_can_be_had_after_mixed_orders)
{
    on_all(exhaust_mixed);
}

/* ---- C4, C5: the lowest, split and merged -------------------------------- */

static void lowest_single(struct frames_build *build)
{
    uint64_t first = on_low_first(build);

    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(on_take_block(build, 0), first + i);
    CHECK_EQ(on_give(build, first + 70), CAIRN_OK);
    CHECK_EQ(on_give(build, first + 5), CAIRN_OK);
    CHECK_EQ(on_give(build, first + 69), CAIRN_OK);
    CHECK_EQ(on_take_block(build, 0), first + 5);
    CHECK_EQ(on_take_block(build, 0), first + 69);
    CHECK_EQ(on_take_block(build, 0), first + 70);
    CHECK_EQ(on_take_block(build, 0), first + 100);
}

CAIRN_TEST(C5_the_lowest_frame_is_taken)
{
    on_lowest(lowest_single);
}

static void first_fit(struct frames_build *build)
{
    uint64_t first = on_low_first(build);

    CHECK_EQ(on_take_run(build, 10, 1), first);
    CHECK_EQ(on_take_run(build, 20, 1), first + 10);
    CHECK_EQ(on_take_run(build, 30, 1), first + 30);
    CHECK_EQ(on_give(build, first + 10), CAIRN_OK);
    CHECK_EQ(on_take_run(build, 5, 1), first + 10);  /* split */
    CHECK_EQ(on_take_run(build, 16, 1), first + 60); /* 15 are too few */
    CHECK_EQ(on_take_run(build, 15, 1), first + 15);
    CHECK_EQ(on_give(build, first + 10), CAIRN_OK);
    CHECK_EQ(on_give(build, first + 30), CAIRN_OK);
    CHECK_EQ(on_give(build, first + 15), CAIRN_OK); /* merges both ways */
    CHECK_EQ(on_take_run(build, 50, 1), first + 10);
    CHECK_EQ(on_give(build, first), CAIRN_OK);
    CHECK_EQ(on_take_run(build, 11, 1), first + 76);
    CHECK_EQ(on_take_run(build, 10, 1), first);
}

CAIRN_TEST(C4_first_fit_splits_and_merges)
{
    on_lowest(first_fit);
}

static void across_chunks(struct frames_build *build)
{
    uint64_t first = on_low_first(build);

    CHECK_EQ(on_take_run(build, 1300, 1), first);
    CHECK_EQ(on_take_run(build, 100, 1), first + 1300);
    CHECK_EQ(on_give(build, first), CAIRN_OK);
    CHECK_EQ(on_take_run(build, 1301, 1),
             ON_NONE); /* 1160 in low, 1031 in high */
    CHECK_EQ(on_take_run(build, 1300, 1), first);
    CHECK_EQ(on_take_run(build, 1160, 1), first + 1400);
}

CAIRN_TEST(C5_runs_reach_over_chunks)
{
    on_lowest(across_chunks);
}

/* ---- C6: alignment ------------------------------------------------------- */

static void alignment(struct frames_build *build)
{
    uint64_t end = on_low_first(build) + build->zones[0].count;

    for (uint64_t align = 1; align <= 2048; align *= 2) {
        uint64_t first = on_take_run(build, 3, align);

        CHECK(frames_build_has(build, first, 3));
        CHECK_EQ(first % align, 0);
        CHECK_EQ(on_give(build, first), CAIRN_OK);
        first = on_take_run(build, 600, align);
        CHECK_EQ(first % align, 0);
        CHECK_EQ(on_give(build, first), CAIRN_OK);
        CHECK(first >= end || first < on_low_first(build) + align);
    }
}

CAIRN_TEST(C6_alignment_is_that_of_the_physical_address)
{
    on_all(alignment);
}

static void odd_alignment(struct frames_build *build)
{
    struct cairn_run_request request = {.count = 1};
    cairn_pfn pfn = {ON_NONE};

    for (cairn_order order = 0; order < 64; order++) {
        enum cairn_status status;

        request.align = (uint64_t)1 << order;
        status = cairn_frames_alloc_run(&build->frames, &request, &pfn);
        CHECK_EQ(status == CAIRN_BAD_ARGUMENT, order > CAIRN_ORDER_MAX);
        if (status == CAIRN_OK)
            CHECK_EQ(on_give(build, pfn.value), CAIRN_OK);
    }
    request.align = 3;
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(on_free_frames(build), frames_build_total(build));
}

CAIRN_TEST(C6_alignment_beyond_the_largest_block_is_refused)
{
    on_all(odd_alignment);
}

/* A run of 5 at a multiple of 8: the first hole that fits is the fourth. */
static void lowest_aligned(struct frames_build *build)
{
    uint64_t base = (on_low_first(build) + 63) & ~(uint64_t)63;

    while (on_take_block(build, 0) < base + 199)
        continue;
    for (uint64_t i = 1; i < 8; i++) /* 7 free, not from a multiple on */
        CHECK_EQ(on_give(build, base + i), CAIRN_OK);
    for (uint64_t i = 12; i < 20; i++) /* 4 from a multiple on */
        CHECK_EQ(on_give(build, base + i), CAIRN_OK);
    for (uint64_t i = 59; i < 69; i++) /* over the border of a word */
        CHECK_EQ(on_give(build, base + i), CAIRN_OK);
    CHECK_EQ(on_take_run(build, 5, 8), base + 64);
    CHECK_EQ(on_take_run(build, 5, 4), base + 12);
    CHECK_EQ(on_take_run(build, 5, 2), base + 2);
    CHECK_EQ(on_take_run(build, 5, 1), base + 59);
}

CAIRN_TEST(C6_lowest_aligned_run)
{
    on_lowest(lowest_aligned);
}

/* A run grows into the frames behind it, if they are free, and shrinks. */
static void resize(struct frames_build *build)
{
    struct cairn_frames *frames = &build->frames;
    uint64_t total = on_free_frames(build);
    uint64_t run = on_take_run(build, 37, 1);
    uint64_t wall = on_take_run(build, 3, 1);
    uint64_t block = on_take_block(build, 4);
    cairn_pfn first = cairn_pfn_make(run);

    CHECK_EQ(wall, run + 37);
    CHECK_EQ(cairn_frames_resize_run(frames, first, 38), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_frames_resize_run(frames, first, UINT64_MAX),
             CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_frames_resize_run(frames, first, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_frames_resize_run(frames, cairn_pfn_make(run + 1), 5),
             CAIRN_NOT_FIRST);
    CHECK_EQ(cairn_frames_resize_run(frames, cairn_pfn_make(block), 5),
             CAIRN_WRONG_SIZE);
    CHECK_EQ(on_give(build, wall), CAIRN_OK);
    CHECK_EQ(cairn_frames_resize_run(frames, first, 40), CAIRN_OK);
    CHECK_EQ(on_free_frames(build), total - 40 - 16);
    CHECK_EQ(on_give(build, wall), CAIRN_NOT_FIRST);
    CHECK_EQ(cairn_frames_resize_run(frames, first, 7), CAIRN_OK);
    CHECK_EQ(on_free_frames(build), total - 7 - 16);
    CHECK_EQ(cairn_frames_resize_run(frames, first, 7), CAIRN_OK);
    CHECK_EQ(on_give(build, run), CAIRN_OK);
    CHECK_EQ(on_give(build, block), CAIRN_OK);
    CHECK_EQ(on_free_frames(build), total);
}

CAIRN_TEST(C5_a_run_can_be_resized)
{
    on_all(resize);
}

/* ---- C7, C8, C9 ---------------------------------------------------------- */

static void by_base(struct frames_build *build)
{
    uint64_t total = on_free_frames(build);
    uint64_t run = on_take_run(build, 37, 1);
    uint64_t block = on_take_block(build, 5);
    uint64_t huge = on_take_block(build, 9);

    CHECK_EQ(on_free_frames(build), total - 37 - 32 - 512);
    CHECK_EQ(on_give(build, run + 1), CAIRN_NOT_FIRST);
    CHECK_EQ(on_give(build, block + 31), CAIRN_NOT_FIRST);
    CHECK_EQ(on_give(build, huge + 511), CAIRN_NOT_FIRST);
    CHECK_EQ(on_give(build, huge), CAIRN_OK);
    CHECK_EQ(on_give(build, run), CAIRN_OK);
    CHECK_EQ(on_give(build, block), CAIRN_OK);
    CHECK_EQ(on_free_frames(build), total);
    CHECK_EQ(on_give(build, huge), CAIRN_DOUBLE_FREE);
    CHECK_EQ(on_give(build, run), CAIRN_DOUBLE_FREE);
    CHECK_EQ(on_give(build, block), CAIRN_DOUBLE_FREE);
    CHECK_EQ(on_free_frames(build), total);
}

CAIRN_TEST(C7_free_by_base_alone)
{
    on_all(by_base);
}

static void nothing(struct frames_build *build)
{
    struct cairn_run_request none = {.count = 0};
    cairn_pfn pfn = {ON_NONE};

    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &none, &pfn),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_frames_free_range(&build->frames, pfn, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(on_give(build, 0), CAIRN_NOT_MEMORY);
    CHECK_EQ(pfn.value, ON_NONE);
    CHECK_EQ(on_free_frames(build), frames_build_total(build));
}

CAIRN_TEST(C9_no_frames_are_refused)
{
    on_all(nothing);
}

/* ---- C11, A12: back to one block a zone ---------------------------------- */

/* One maximal run in each zone, and none over the hole between them. */
static void expect_whole_zones(struct frames_build *build)
{
    uint64_t most = 0;

    cairn_frames_drain(&build->frames);
    for (unsigned i = 0; i < build->zone_count; i++) {
        uint64_t count = build->zones[i].count;

        most = count > most ? count : most;
    }
    CHECK_EQ(on_take_run(build, most + 1, 1), ON_NONE);
    for (unsigned i = 0; i < build->zone_count; i++)
        CHECK_EQ(on_take_run(build, build->zones[i].count, 1),
                 build->zones[i].first);
    for (unsigned i = 0; i < build->zone_count; i++)
        CHECK_EQ(on_give(build, build->zones[i].first), CAIRN_OK);
}

static void full_cycle(struct frames_build *build)
{
    uint32_t count = 0;

    on_claim_none();
    expect_whole_zones(build);
    while (count < ON_FRAMES_MAX) {
        uint64_t frames = 1 + test_random_below(9);
        uint64_t first = on_take_run(build, frames, 1);

        if (first == ON_NONE)
            break;
        on_claim(build, first, frames);
        on_blocks[count++] = first;
    }
    count = on_exhaust(build, 0, count);
    CHECK_EQ(on_free_frames(build), 0);
    on_give_all(build, count);
    expect_whole_zones(build);
}

CAIRN_TEST(C11_a_full_cycle_restores_one_block_a_zone)
{
    on_all(full_cycle);
}

CAIRN_TEST(A12_zones_never_merge_over_a_hole_of_one_frame)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.zones[0].count = 100;
    on_machine.zones[1].first = on_machine.zones[0].first + 101;
    on_machine.zones[1].count = 100;
    on_all_as_set(full_cycle);
}

/* ---- C17: the search goes on at the freed frame -------------------------- */

static void start_resuming(void)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.config = cairn_frames_config_default();
    on_machine.config.engine = CAIRN_ENGINE_BITMAP;
    on_machine.config.has_magazines = false;
    on_machine.config.resumes_at_freed = true;
    CHECK_EQ(frames_build_start(&on_machine), CAIRN_OK);
}

CAIRN_TEST(C17_search_resumes_at_the_freed_frame)
{
    uint64_t first;

    start_resuming();
    first = on_low_first(&on_machine);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(on_take_block(&on_machine, 0), first + i);
    CHECK_EQ(on_give(&on_machine, first + 7), CAIRN_OK);
    CHECK_EQ(on_give(&on_machine, first + 40), CAIRN_OK);
    CHECK_EQ(on_take_block(&on_machine, 0), first + 40);
    CHECK_EQ(on_take_block(&on_machine, 0), first + 100);
    CHECK_EQ(on_give(&on_machine, first + 20), CAIRN_OK);
    CHECK_EQ(on_take_block(&on_machine, 0), first + 20);
    CHECK_EQ(on_take_run(&on_machine, 1, 1), first + 7); /* runs: the lowest */
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
}

CAIRN_TEST(C10_every_frame_can_be_had_when_search_resumes)
{
    start_resuming();
    on_claim_none();
    for (unsigned round = 0; round < 3; round++) {
        CHECK_EQ(on_exhaust(&on_machine, 0, 0),
                 frames_build_total(&on_machine));
        on_give_all(&on_machine, (uint32_t)frames_build_total(&on_machine));
    }
}

CAIRN_TEST(C17_only_the_bitmap_without_magazines_can_resume)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.config = cairn_frames_config_default();
    on_machine.config.resumes_at_freed = true;
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        bool is_bitmap = i == CAIRN_ENGINE_BITMAP;

        on_machine.config.engine = (enum cairn_frames_engine)i;
        on_machine.config.has_magazines = true;
        CHECK_EQ(frames_build_start(&on_machine), CAIRN_BAD_ARGUMENT);
        on_machine.config.has_magazines = false;
        CHECK_EQ(frames_build_start(&on_machine),
                 is_bitmap ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    }
}

CAIRN_TEST(C12_nonsense_in_the_configuration_is_refused)
{
    struct cairn_frames_config *config = &on_machine.config;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    *config = cairn_frames_config_default();
    config->engine = (enum cairn_frames_engine)3;
    CHECK_EQ(frames_build_start(&on_machine), CAIRN_BAD_ARGUMENT);
    *config = cairn_frames_config_default();
    config->misuse = (enum cairn_misuse)2;
    CHECK_EQ(frames_build_start(&on_machine), CAIRN_BAD_ARGUMENT);
    *config = cairn_frames_config_default();
    config->cpu_count = CAIRN_CPU_MAX + 1;
    CHECK_EQ(frames_build_start(&on_machine), CAIRN_BAD_ARGUMENT);
    *config = cairn_frames_config_default();
    CHECK_EQ(config->cpu_count, 0);
    CHECK_EQ(frames_build_start(&on_machine), CAIRN_OK);
    CHECK_EQ(on_machine.frames.config.cpu_count, cairn_platform_cpu_count());
}

/* ---- B2: the reserve ----------------------------------------------------- */

static void reserve(struct frames_build *build)
{
    uint64_t total = on_free_frames(build);
    cairn_pfn pfn;

    on_claim_none();
    build->frames.config.reserve_frames = 20;
    CHECK_EQ(on_exhaust(build, 0, 0), total - 20);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(cairn_frames_alloc(&build->frames, 0, CAIRN_FRAME_RESERVE,
                                    CAIRN_OWNER_TABLE, &pfn),
                 CAIRN_OK);
    CHECK_EQ(cairn_frames_alloc(&build->frames, 0, CAIRN_FRAME_RESERVE,
                                CAIRN_OWNER_TABLE, &pfn),
             CAIRN_NO_MEMORY);
    build->frames.config.reserve_frames = 0;
}

CAIRN_TEST(B2_requests_leave_the_reserve_to_those_who_may_use_it)
{
    on_all(reserve);
}

/* ---- C18: large blocks --------------------------------------------------- */

static void large_blocks(struct frames_build *build)
{
    uint64_t total = on_free_frames(build);
    uint64_t block;

    for (cairn_order order = 9; order <= CAIRN_ORDER_MAX; order++) {
        block = on_take_block(build, order);
        CHECK(frames_build_has(build, block, (uint64_t)1 << order));
        CHECK_EQ(block % ((uint64_t)1 << order), 0);
        CHECK_EQ(on_free_frames(build), total - ((uint64_t)1 << order));
        CHECK_EQ(cairn_frames_free_order(&build->frames, cairn_pfn_make(block),
                                         order),
                 CAIRN_OK);
        cairn_frames_drain(&build->frames);
    }
    block = on_take_block(build, CAIRN_ORDER_MAX);
    CHECK_EQ(on_take_block(build, CAIRN_ORDER_MAX), ON_NONE);
    CHECK_EQ(on_take_block(build, 9) % 512, 0);
    CHECK_EQ(on_give(build, block + 512), CAIRN_NOT_FIRST);
    CHECK_EQ(on_give(build, block), CAIRN_OK);
}

CAIRN_TEST(C18_blocks_of_2_mib_to_1_gib)
{
    uint64_t size = (uint64_t)1 << CAIRN_ORDER_MAX;
    uint64_t place;

    on_take_arena(&on_machine);
    place = frames_build_place(&on_machine, 4 * CAIRN_GIB, CAIRN_GIB,
                               3 * CAIRN_GIB);
    frames_build_zones(&on_machine);
    on_machine.zones[0].first = (place >> CAIRN_FRAME_SHIFT) + size - 1024;
    on_machine.zones[0].count = size + 2048;
    on_machine.zone_count = 1;
    on_all_as_set(large_blocks);
}

/* ---- Limits, and memory that comes later --------------------------------- */

static void below_4gib(struct frames_build *build)
{
    uint64_t limit = (uint64_t)1 << 20;
    cairn_pfn pfn;
    uint32_t count = 0;

    on_claim_none();
    while (cairn_frames_alloc(&build->frames, 0, CAIRN_FRAME_BELOW_4G,
                              CAIRN_OWNER_DMA, &pfn) == CAIRN_OK) {
        CHECK(pfn.value < limit);
        on_claim(build, pfn.value, 1);
        on_blocks[count++] = pfn.value;
    }
    for (unsigned i = 0; i < build->zone_count; i++) {
        if (build->zones[i].first >= limit)
            CHECK_EQ(on_free_frames(build), build->zones[i].count);
    }
    on_give_all(build, count);
}

CAIRN_TEST(C5_every_frame_below_a_limit_and_none_above)
{
    on_all(below_4gib);
}

/* Of two zones the lower one is what ISA devices can reach. */
static void leave_isa_memory(struct frames_build *build)
{
    const struct frames_zone *zones = build->zones;
    bool is_tree = build->config.engine == CAIRN_ENGINE_TREE;
    struct cairn_run_request request = {.count = 10};
    cairn_pfn pfn;

    CHECK_EQ(on_take_run(build, 10, 1), zones[is_tree ? 1 : 0].first);
    request.flags = CAIRN_FRAME_BELOW_16M;
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, zones[0].first + (is_tree ? 0 : 10));
    request.flags = 0;
    request.end = cairn_phys_make(16 * CAIRN_MIB);
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, zones[0].first + (is_tree ? 10 : 20));
    CHECK(on_take_run(build, zones[1].count - 10, 1) >= zones[1].first);
    CHECK_EQ(on_take_run(build, 11, 1), zones[0].first + (is_tree ? 20 : 30));
}

CAIRN_TEST(C5_runs_leave_isa_memory_to_those_who_need_it)
{
    uint64_t low;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    low = frames_build_place(&on_machine, 2 * CAIRN_MIB, CAIRN_MIB, CAIRN_MIB);
    on_machine.zones[1] = on_machine.zones[0];
    on_machine.zones[0].first = low >> CAIRN_FRAME_SHIFT;
    on_machine.zones[0].count = 256;
    on_all_as_set(leave_isa_memory);
}

/* Runs lie inside the window to the frame, and are the lowest in there. */
static void windows(struct frames_build *build)
{
    uint64_t first = on_low_first(build);
    struct cairn_run_request request = {.count = 20};
    cairn_pfn pfn;

    for (uint64_t i = 0; i < 700; i += 23) {
        request.start.value = ((first + i) << CAIRN_FRAME_SHIFT) - 4095;
        request.end.value = ((first + i + 20) << CAIRN_FRAME_SHIFT) + 4095;
        CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn),
                 CAIRN_OK);
        CHECK_EQ(pfn.value, first + i);
        CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn),
                 CAIRN_NO_MEMORY);
    }
    request.end.value = 0;
    request.start.value = (first << CAIRN_FRAME_SHIFT) + 1;
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, first + 690 + 20);
    request.start = cairn_phys_of(
        cairn_pfn_make(build->zones[1].first + build->zones[1].count - 19));
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn),
             CAIRN_NO_MEMORY);
    request.start.value = CAIRN_PHYS_LIMIT + 1;
    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(C5_runs_lie_inside_their_window)
{
    on_all(windows);
}

static void come_and_go(struct frames_build *build)
{
    uint64_t first = on_low_first(build) + 300;
    struct cairn_phys_range part = cairn_phys_range_make(
        first << CAIRN_FRAME_SHIFT, (first + 1500) << CAIRN_FRAME_SHIFT);
    uint64_t total = on_free_frames(build);

    CHECK_EQ(cairn_frames_add(&build->frames, part), CAIRN_IN_USE);
    CHECK_EQ(cairn_frames_remove(&build->frames, part), CAIRN_OK);
    CHECK_EQ(on_free_frames(build), total - 1500);
    CHECK_EQ(on_give(build, first), CAIRN_NOT_MEMORY);
    CHECK_EQ(on_take_run(build, 1100, 1), ON_NONE);
    CHECK_EQ(cairn_frames_check(&build->frames), 0);
    CHECK_EQ(cairn_frames_add(&build->frames, part), CAIRN_OK);
    CHECK_EQ(on_free_frames(build), total);
    expect_whole_zones(build);
}

CAIRN_TEST(C12_memory_goes_and_comes_back_on_all_engines)
{
    on_all(come_and_go);
}

/* ---- Two engines, one opinion -------------------------------------------- */

static struct frames_build other;

static void expect_same(uint64_t count, uint64_t align)
{
    uint64_t first = on_take_run(&on_machine, count, align);

    CHECK_EQ(on_take_run(&other, count, align), first);
    if (first != ON_NONE && test_random_once_in(2)) {
        CHECK_EQ(on_give(&on_machine, first), CAIRN_OK);
        CHECK_EQ(on_give(&other, first), CAIRN_OK);
    }
}

CAIRN_TEST(C5_bitmap_and_freelist_choose_alike)
{
    uint64_t half = ON_ARENA_BYTES / 2;

    on_take_arena(&on_machine);
    on_machine.arena.end.value = on_machine.arena.start.value + half;
    frames_build_zones(&on_machine);
    on_machine.zones[1].first = on_low_first(&on_machine) + 4096;
    other.arena = cairn_phys_range_make(on_machine.arena.end.value,
                                        on_machine.arena.end.value + half);
    other.zone_count = on_machine.zone_count;
    other.zones[0] = on_machine.zones[0];
    other.zones[1] = on_machine.zones[1];
    on_start(&on_machine, CAIRN_ENGINE_BITMAP, false);
    on_start(&other, CAIRN_ENGINE_FREELIST, false);
    for (uint32_t i = 0; i < test_rounds(20000); i++) {
        uint64_t align = (uint64_t)1 << test_random_below(8);

        expect_same(1 + test_random_below(test_random_once_in(8) ? 700 : 12),
                    align);
        if (test_random_once_in(600))
            CHECK_EQ(frames_build_start(&on_machine) |
                         frames_build_start(&other),
                     CAIRN_OK);
    }
}

/* ---- C2, C3: the bitmap -------------------------------------------------- */

static bool is_bit_set(const struct cairn__bitmap *bitmap, uint64_t frame)
{
    uint64_t bit = frame - bitmap->origin;

    return (bitmap->words[bit / 64] >> bit % 64 & 1) != 0;
}

CAIRN_TEST(C2_one_bit_a_frame_1_used_0_free)
{
    const struct cairn__bitmap *bitmap;
    uint64_t taken[3];

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_start(&on_machine, CAIRN_ENGINE_BITMAP, false);
    bitmap = cairn__bitmap_of(&on_machine.frames);
    for (unsigned i = 0; i < 3; i++)
        taken[i] = on_take_block(&on_machine, i * 4);
    CHECK_EQ(on_give(&on_machine, taken[0]), CAIRN_OK);
    for (uint64_t i = 0; i < bitmap->word_count * 64; i++) {
        uint64_t frame = bitmap->origin + i;
        bool is_free =
            frames_build_has(&on_machine, frame, 1) &&
            cairn_frames_info(&on_machine.frames, cairn_pfn_make(frame))
                    .usage == CAIRN_FRAME_FREE;

        CHECK_EQ(is_bit_set(bitmap, frame), !is_free);
    }
    CHECK_EQ(bitmap->end,
             on_machine.zones[1].first + on_machine.zones[1].count);
    CHECK(bitmap->base * CAIRN_FRAME_SIZE == on_machine.arena.start.value ||
          bitmap->base == on_low_first(&on_machine));
}

CAIRN_TEST(C3_the_bitmap_lies_in_memory_that_it_took)
{
    const struct cairn__bitmap *bitmap;
    uint8_t *arena;
    uint64_t offset;
    uint64_t bytes;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_start(&on_machine, CAIRN_ENGINE_BITMAP, false);
    bitmap = cairn__bitmap_of(&on_machine.frames);
    arena = cairn_platform_phys_to_virt(on_machine.arena.start, ON_ARENA_BYTES);
    offset = (uint64_t)((uint8_t *)bitmap->words - arena);
    bytes = bitmap->word_count * sizeof(uint64_t);
    CHECK(offset < ON_ARENA_BYTES && bytes <= ON_ARENA_BYTES - offset);
    CHECK_EQ(bitmap->word_count, on_machine.frames.slot_count * 512);
    for (uint64_t at = offset; at < offset + bytes; at += CAIRN_FRAME_SIZE)
        CHECK_EQ(cairn_memmap_kind_at(
                     &on_machine.map,
                     cairn_phys_make(on_machine.arena.start.value + at)),
                 CAIRN_MEMORY_KERNEL);
}
