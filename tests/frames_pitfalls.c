/*
 * frames_pitfalls.c - defects that frame allocators of other systems have had;
 * none of the engines may have them.
 */
#include "frames_on.h"

/* ---- Pitfalls: defects of such allocators, see pitfalls.md --------------- */

static void used_frame_in_a_run(struct frames_build *build)
{
    on_claim_none();
    on_claim(build, on_take_run(build, 8, 1), 8);
    on_claim(build, on_take_run(build, 1, 1), 1);
    on_claim(build, on_take_run(build, 4, 1), 4);
    on_claim(build, on_take_block(build, 0), 1);
}

CAIRN_TEST(pitfall_slayer_a_run_contains_no_used_frame)
{
    on_all(used_frame_in_a_run);
}

/* All frames are taken; 2 and 40 come back, and both can be had again. */
static void two_and_forty(struct frames_build *build)
{
    uint64_t first = on_low_first(build);
    uint64_t sum;

    on_claim_none();
    on_exhaust(build, 0, 0);
    CHECK_EQ(on_give(build, first + 2), CAIRN_OK);
    CHECK_EQ(on_give(build, first + 40), CAIRN_OK);
    sum = on_take_block(build, 0);
    sum += on_take_block(build, 0);
    CHECK_EQ(sum, 2 * first + 42);
    CHECK_EQ(on_take_block(build, 0), ON_NONE);
}

CAIRN_TEST(pitfall_slayer_freeing_2_then_40_recovers_both)
{
    on_all(two_and_forty);
    on_start(&on_machine, CAIRN_ENGINE_BITMAP, false);
    on_machine.frames.config.resumes_at_freed = true;
    two_and_forty(&on_machine);
}

/* The frame 4 GiB below is another one. */
static void beyond_4gib(struct frames_build *build)
{
    uint64_t high = build->zones[1].first + 17;

    on_claim_none();
    on_exhaust(build, 0, 0);
    CHECK_EQ(on_give(build, high), CAIRN_OK);
    CHECK_EQ(on_give(build, high & (((uint64_t)1 << 20) - 1)),
             CAIRN_NOT_MEMORY);
    CHECK_EQ(on_free_frames(build), 1);
    CHECK_EQ(on_take_block(build, 0), high);
}

CAIRN_TEST(pitfall_slayer_frames_beyond_4_gib_are_not_cut_to_32_bits)
{
    on_all(beyond_4gib);
}

static void not_ours(struct frames_build *build)
{
    uint64_t low = on_low_first(build);
    uint64_t arena = build->arena.end.value >> CAIRN_FRAME_SHIFT;
    uint64_t total = on_free_frames(build);
    const uint64_t strangers[] = {
        0,         low - 1,    low + build->zones[0].count,
        arena - 1, UINT64_MAX, (uint64_t)1 << 40};

    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        CHECK_EQ(on_give(build, strangers[i]), CAIRN_NOT_MEMORY);
        CHECK_EQ(cairn_frames_info(&build->frames, cairn_pfn_make(strangers[i]))
                     .usage,
                 CAIRN_FRAME_ABSENT);
    }
    CHECK_EQ(on_free_frames(build), total);
}

CAIRN_TEST(pitfall_theseus_reserved_frames_cannot_be_freed)
{
    on_all(not_ours);
}

static void all_or_nothing(struct frames_build *build)
{
    uint64_t run = on_take_run(build, 10, 1);
    uint64_t total = on_free_frames(build);
    cairn_pfn first = {run};

    CHECK_EQ(cairn_frames_free_range(&build->frames, first, 11) == CAIRN_OK,
             false);
    CHECK_EQ(cairn_frames_free_range(&build->frames, first, 9),
             CAIRN_WRONG_SIZE);
    first.value++;
    CHECK_EQ(cairn_frames_free_range(&build->frames, first, 9),
             CAIRN_NOT_FIRST);
    CHECK_EQ(on_free_frames(build), total);
    first.value--;
    CHECK_EQ(cairn_frames_free_range(&build->frames, first, 10), CAIRN_OK);
    CHECK_EQ(on_free_frames(build), total + 10);
}

CAIRN_TEST(pitfall_theseus_range_free_is_all_or_nothing)
{
    on_all(all_or_nothing);
}

static void base_is_odd(struct frames_build *build)
{
    CHECK_EQ(on_low_first(build) % 16, 3);
    CHECK_EQ(on_take_run(build, 2, 16) % 16, 0);
    CHECK_EQ(on_take_block(build, 4) % 16, 0);
}

CAIRN_TEST(pitfall_theseus_alignment_is_not_relative_to_the_base)
{
    on_all(base_is_odd);
}

/* [0x...fff, 2 bytes) touches two pages. */
static void touched_pages(struct frames_build *build)
{
    uint64_t start = (on_low_first(build) + 9) << CAIRN_FRAME_SHIFT;
    struct cairn_phys_range range = cairn_phys_range_make(start - 1, start + 1);
    uint64_t total = on_free_frames(build);

    CHECK_EQ(cairn_frames_consume(&build->frames, range), 2);
    CHECK_EQ(cairn_frames_consume(&build->frames, range), 0);
    CHECK_EQ(on_free_frames(build), total - 2);
    CHECK_EQ(on_give(build, on_low_first(build) + 8), CAIRN_OK);
    CHECK_EQ(on_give(build, on_low_first(build) + 9), CAIRN_OK);
}

CAIRN_TEST(pitfall_theseus_a_reservation_takes_every_page_it_touches)
{
    on_all(touched_pages);
}

static void init_again(struct frames_build *build)
{
    CHECK_EQ(cairn_frames_init(&build->frames, &build->map, NULL, NULL),
             CAIRN_IN_USE);
    CHECK_EQ(on_free_frames(build), frames_build_total(build));
}

CAIRN_TEST(pitfall_theseus_second_init_changes_nothing)
{
    on_all(init_again);
}

CAIRN_TEST(pitfall_theseus_metadata_fit_more_than_one_region)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    /* The highest region that can be reached has room for a page or two. */
    on_machine.zone_count = 1;
    on_machine.zones[0].first =
        (on_machine.arena.end.value >> CAIRN_FRAME_SHIFT) - 2;
    on_machine.zones[0].count = 2;
    on_machine.zones[0].has_ram = true;
    on_machine.arena.end.value -= 3 * CAIRN_FRAME_SIZE;
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++)
        on_start(&on_machine, (enum cairn_frames_engine)i, false);
}

/* Holes in the middle are split, again and again; nothing is lost. */
static void split_in_the_middle(struct frames_build *build)
{
    uint32_t count = 0;

    on_claim_none();
    for (unsigned i = 0; i < 64; i++)
        on_blocks[i] = on_take_run(build, 16, 1);
    for (unsigned i = 0; i < 64; i += 2)
        CHECK_EQ(on_give(build, on_blocks[i]), CAIRN_OK);
    for (unsigned i = 1; i < 64; i += 2)
        on_claim(build, on_blocks[i], 16);
    for (unsigned i = 1; i < 64; i += 2)
        on_blocks[count++] = on_blocks[i];
    for (unsigned i = 0; i < 96; i++) {
        on_blocks[count] = on_take_run(build, 5, 1);
        on_claim(build, on_blocks[count++], 5);
    }
    count = on_exhaust(build, 0, count);
    CHECK_EQ(on_free_frames(build), 0);
    on_give_all(build, count);
}

CAIRN_TEST(pitfall_mio_splitting_in_the_middle_loses_nothing)
{
    on_all(split_in_the_middle);
}

static void neighbours(struct frames_build *build)
{
    uint64_t runs[3];
    struct cairn_frame_info info;

    for (unsigned i = 0; i < 3; i++)
        runs[i] = on_take_run(build, 7, 1);
    CHECK_EQ(on_give(build, runs[0]), CAIRN_OK);
    CHECK_EQ(on_give(build, runs[1]), CAIRN_OK);
    info = cairn_frames_info(&build->frames, cairn_pfn_make(runs[2] + 3));
    CHECK_EQ(info.usage, CAIRN_FRAME_ALLOCATED);
    CHECK_EQ(info.first.value, runs[2]);
    CHECK_EQ(info.count, 7);
    CHECK_EQ(on_give(build, runs[2]), CAIRN_OK);
}

CAIRN_TEST(pitfall_mio_merging_leaves_the_next_block_alone)
{
    on_all(neighbours);
}

static void double_free(struct frames_build *build)
{
    uint64_t frame = on_take_block(build, 0);
    uint64_t total = on_free_frames(build);

    CHECK_EQ(on_give(build, frame), CAIRN_OK);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(on_give(build, frame), CAIRN_DOUBLE_FREE);
    CHECK_EQ(on_give(build, on_low_first(build) + 2000), CAIRN_DOUBLE_FREE);
    CHECK_EQ(on_free_frames(build), total + 1);
}

CAIRN_TEST(pitfall_mio_double_free_is_counted_once)
{
    on_all(double_free);
}

static void three_frames(struct frames_build *build)
{
    on_claim_none();
    CHECK_EQ(on_exhaust(build, 0, 0), 3);
    on_give_all(build, 3);
    CHECK_EQ(on_take_run(build, 4, 1), ON_NONE);
    CHECK_EQ(on_take_run(build, 3, 1), on_low_first(build));
}

CAIRN_TEST(pitfall_mio_a_machine_of_three_frames)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.zones[0].count = 3;
    on_machine.zone_count = 1;
    on_all_as_set(three_frames);
}

/* What no range of the map covers is nobody's: the hole of the PCI devices. */
static void with_holes(struct frames_build *build)
{
    uint32_t count;

    on_claim_none();
    count = on_exhaust(build, 0, 0); /* claims only what zones have */
    CHECK_EQ(count, frames_build_total(build));
    for (unsigned i = 0; i + 1 < build->zone_count; i++) {
        uint64_t hole = build->zones[i].first + build->zones[i].count;

        CHECK_EQ(on_give(build, hole), CAIRN_NOT_MEMORY);
        CHECK_EQ(on_give(build, build->zones[i + 1].first - 1),
                 CAIRN_NOT_MEMORY);
    }
    on_give_all(build, count);
    CHECK_EQ(on_take_run(build, count, 1), ON_NONE);
}

CAIRN_TEST(pitfall_theseus_holes_between_ranges_are_never_handed_out)
{
    uint64_t first;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    first = on_machine.zones[0].first;
    on_machine.zones[0].count = 700;
    on_machine.zones[3] = on_machine.zones[1]; /* above the hole to 4 GiB */
    on_machine.zones[1] = (struct frames_zone){first + 705, 900, false};
    on_machine.zones[2] = (struct frames_zone){first + 2700, 300, false};
    on_machine.zone_count = 4;
    on_all_as_set(with_holes);
}

/* Nobody can make it memory. */
static void frame_0(struct frames_build *build)
{
    const uint64_t ends[] = {1, 2, 512, 32768};
    uint64_t total = on_free_frames(build);

    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(cairn_frames_add(
                     &build->frames,
                     cairn_phys_range_make(0, ends[i] << CAIRN_FRAME_SHIFT)),
                 CAIRN_BAD_ARGUMENT);
    CHECK_EQ(on_free_frames(build), total);
}

CAIRN_TEST(pitfall_theseus_frame_0_cannot_be_added)
{
    on_all(frame_0);
}

/* ---- Short-lived and lasting frames -------------------------------------- */

/* A frame of the kernel among those of processes keeps no chunk from being
 * whole when the processes have gone. */
CAIRN_TEST(frames_of_the_kernel_lie_apart_from_those_of_processes)
{
    cairn_pfn kernel[8];
    cairn_pfn user;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.zones[1].count = 4 * 512;
    on_start(&on_machine, CAIRN_ENGINE_TREE, true);
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQ(cairn_frames_alloc(&on_machine.frames, 0, 0,
                                    CAIRN_OWNER_KERNEL, &kernel[i]),
                 CAIRN_OK);
        for (unsigned j = 0; j < 100; j++) {
            CHECK_EQ(cairn_frames_alloc(&on_machine.frames, 0, 0,
                                        CAIRN_OWNER_USER, &user),
                     CAIRN_OK);
            CHECK(user.value >> 9 != kernel[i].value >> 9);
        }
        CHECK_EQ(kernel[i].value >> 9, kernel[0].value >> 9);
    }
}
