/*
 * frames_tree.c - the tree engine: which chunk a frame or a block comes from.
 *
 * Without magazines, so that each frame is the engine's own choice.
 */
#include "frames_on.h"

#define CHUNK  512
#define CHUNKS 4

/* One zone of whole chunks; its first frame. */
static uint64_t start_of_chunks(void)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.zones[0] = on_machine.zones[1];
    on_machine.zones[0].count = CHUNKS * CHUNK;
    on_machine.zone_count = 1;
    on_start(&on_machine, CAIRN_ENGINE_TREE, false);
    return on_machine.zones[0].first;
}

static uint64_t take_as(enum cairn_owner owner, cairn_order order)
{
    cairn_pfn pfn = {ON_NONE};
    enum cairn_status status =
        cairn_frames_alloc(&on_machine.frames, order, 0, owner, &pfn);

    CHECK(status == CAIRN_OK || status == CAIRN_NO_MEMORY);
    return pfn.value;
}

static uint64_t take_user(void)
{
    return take_as(CAIRN_OWNER_USER, 0);
}

static void take_all(enum cairn_owner owner, cairn_order order)
{
    while (take_as(owner, order) != ON_NONE)
        continue;
    CHECK_EQ(on_free_frames(&on_machine), 0);
}

/* Give frames [first, first + count) back, one by one. */
static void give(uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++)
        CHECK_EQ(on_give(&on_machine, i), CAIRN_OK);
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
}

/* ---- Single frames ------------------------------------------------------- */

CAIRN_TEST(frames_tree_takes_from_the_fullest_chunk_first)
{
    static const uint64_t free[CHUNKS] = {400, 100, 5, 20};
    static const unsigned order[CHUNKS] = {2, 3, 1, 0};
    uint64_t first = start_of_chunks();

    take_all(CAIRN_OWNER_USER, 0);
    for (unsigned i = 0; i < CHUNKS; i++)
        give(first + i * CHUNK, free[i]);
    for (unsigned i = 0; i < CHUNKS; i++) {
        for (uint64_t j = 0; j < free[order[i]]; j++)
            CHECK_EQ(take_user(), first + order[i] * CHUNK + j);
    }
    CHECK_EQ(take_user(), ON_NONE);
}

CAIRN_TEST(frames_tree_takes_single_frames_of_the_last_resort)
{
    uint64_t first = start_of_chunks();

    take_all(CAIRN_OWNER_KERNEL, 8);
    CHECK_EQ(on_give(&on_machine, first + CHUNK), CAIRN_OK);
    for (unsigned i = 0; i < 256; i++)
        CHECK_EQ(take_user(), first + CHUNK + i);
    CHECK_EQ(take_user(), ON_NONE);
}

/* An S chunk that has become whole is split anew, as what is needed. */
CAIRN_TEST(frames_tree_dedicates_whole_chunks_anew)
{
    uint64_t first = start_of_chunks();

    take_all(CAIRN_OWNER_KERNEL, 0);
    give(first, CHUNK);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(take_user(), first + i);
    give(first + CHUNK, 8);
    CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, 3), first + CHUNK);
    CHECK_EQ(take_user(), first + 100);
}

/* Runs last: their chunks are none for frames of processes. */
CAIRN_TEST(frames_tree_runs_lie_apart_from_frames_of_processes)
{
    uint64_t first = start_of_chunks();

    CHECK_EQ(on_take_run(&on_machine, 10, 1), first);
    CHECK_EQ(take_user(), first + CHUNK);
    CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, 3), first + 16);
    CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, 0), first + 10);
}

/* ---- Blocks -------------------------------------------------------------- */

/* Frames that the kernel gives back one by one are a block again. */
CAIRN_TEST(frames_tree_finds_blocks_that_single_frames_make)
{
    uint64_t first = start_of_chunks();

    take_all(CAIRN_OWNER_KERNEL, 0);
    for (cairn_order order = 1; order <= 8; order++) {
        uint64_t block = first + CHUNK;

        give(block, (uint64_t)1 << order);
        CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, order), block);
        CHECK_EQ(on_give(&on_machine, block), CAIRN_OK);
        for (unsigned i = 0; i < 1u << order; i++)
            CHECK_EQ(take_user(), block + i);
    }
}

/* Of the chunks of single frames, each is looked at. */
CAIRN_TEST(frames_tree_finds_a_block_in_any_chunk_of_single_frames)
{
    uint64_t first = start_of_chunks();

    take_all(CAIRN_OWNER_USER, 0);
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
        for (unsigned i = 1; i < 60; i += 2)
            give(first + chunk * CHUNK + i, 1);
    }
    CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, 1), ON_NONE);
    for (unsigned chunk = CHUNKS; chunk-- > 0;) {
        uint64_t block = first + chunk * CHUNK + 64;

        give(block, 4);
        CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, 2), block);
    }
    CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, 1), ON_NONE);
}

/* Even in one that has so few free frames that they go round in magazines. */
CAIRN_TEST(frames_tree_finds_a_block_in_a_dense_chunk)
{
    uint64_t first = start_of_chunks();

    take_all(CAIRN_OWNER_USER, 0);
    give(first + 3 * CHUNK + 508, 4);
    CHECK_EQ(take_as(CAIRN_OWNER_KERNEL, 2), first + 3 * CHUNK + 508);
    CHECK_EQ(on_free_frames(&on_machine), 0);
}

/* ---- What limited devices need is taken last ----------------------------- */

static void expect_upper_first(unsigned zone_count)
{
    for (unsigned i = zone_count; i-- > 0;) {
        for (uint64_t j = 0; j < on_machine.zones[i].count; j++) {
            uint64_t frame = take_user();

            CHECK(frame >= on_machine.zones[i].first);
            CHECK(frame <
                  on_machine.zones[i].first + on_machine.zones[i].count);
        }
    }
    CHECK_EQ(take_user(), ON_NONE);
}

CAIRN_TEST(C5_tree_leaves_memory_below_4_gib_and_16_mib_for_last)
{
    uint64_t low;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    low = frames_build_place(&on_machine, 4 * CAIRN_MIB, 2 * CAIRN_MIB,
                             2 * CAIRN_MIB);
    on_machine.zones[2] = on_machine.zones[1];
    on_machine.zones[1] = on_machine.zones[0];
    on_machine.zones[0].first = low >> CAIRN_FRAME_SHIFT;
    on_machine.zones[0].count = 200;
    /* Whole chunks, or the end of one would be in no window. */
    on_machine.zones[1].first += CHUNK - on_machine.zones[1].first % CHUNK;
    on_machine.zones[1].count = 2 * CHUNK;
    on_machine.zones[2].count = 2 * CHUNK;
    on_machine.zone_count = 3;
    on_start(&on_machine, CAIRN_ENGINE_TREE, false);
    expect_upper_first(3);
}

/* A run of 10 frames, of which only one or all but one lie below 16 MiB. */
CAIRN_TEST(C5_tree_finds_runs_across_16_mib)
{
    for (unsigned below = 1; below <= 9; below += 8) {
        uint64_t first = (16 * CAIRN_MIB >> CAIRN_FRAME_SHIFT) - below;

        if (below == 1)
            on_take_arena(&on_machine);
        frames_build_zones(&on_machine);
        on_machine.zones[0].first = first;
        on_machine.zones[0].count = 10;
        on_machine.zone_count = 1;
        if (frames_build_place(&on_machine, 15 * CAIRN_MIB, CAIRN_MIB,
                               2 * CAIRN_MIB) != 15 * CAIRN_MIB)
            return; /* the arena lies there */
        on_start(&on_machine, CAIRN_ENGINE_TREE, false);
        CHECK_EQ(on_take_run(&on_machine, 11, 1), ON_NONE);
        CHECK_EQ(on_take_run(&on_machine, 10, 1), first);
    }
}
