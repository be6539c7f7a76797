/*
 * frames_cache.c - magazines: how many blocks they keep, which ones, and what
 * they hand out.
 */
#include "frames/cache.h"
#include "frames_on.h"

#define CHUNK 512

static uint64_t cached_frames(struct frames_build *build)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(&build->frames, &stats);
    return stats.cached_frames;
}

static uint64_t take_users(struct frames_build *build)
{
    cairn_pfn pfn = {ON_NONE};

    CHECK_EQ(cairn_frames_alloc(&build->frames, 0, 0, CAIRN_OWNER_USER, &pfn),
             CAIRN_OK);
    return pfn.value;
}

static void give(struct frames_build *build, uint64_t first)
{
    CHECK_EQ(on_give(build, first), CAIRN_OK);
}

/* The tree engine on one zone of four whole chunks. */
static void start_of_chunks(bool has_magazines)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.zones[0] = on_machine.zones[1];
    on_machine.zones[0].count = 4 * CHUNK;
    on_machine.zone_count = 1;
    on_start(&on_machine, CAIRN_ENGINE_TREE, has_magazines);
}

/* ---- How many ------------------------------------------------------------ */

CAIRN_TEST(C1_magazines_lie_apart_from_each_other)
{
    unsigned next = 0;

    for (unsigned i = 0; i < CAIRN_FRAMES_MAGAZINES; i++) {
        struct cairn__cache_place place = cairn__cache_place(i);

        CHECK(place.batch <= place.limit);
        if (place.limit == 0)
            continue;
        CHECK_EQ(place.first, next);
        next += place.limit;
    }
    CHECK_EQ(next, CAIRN_FRAMES_CACHE_SLOTS);
}

/* More blocks of each order than its magazine has room for. */
static void overfill(struct frames_build *build)
{
    static const cairn_order orders[] = {9, 4, 3, 2, 1, 0};
    uint32_t count = 0;

    for (unsigned i = 0; i < 6; i++) {
        unsigned blocks = cairn__cache_place(orders[i]).limit + 2u;

        for (unsigned j = 0; j < blocks; j++) {
            on_blocks[count] = on_take_block(build, orders[i]);
            CHECK(on_blocks[count++] != ON_NONE);
        }
    }
    for (unsigned i = 0; i < 70; i++)
        on_blocks[count++] = take_users(build);
    for (uint32_t i = 0; i < count; i++)
        give(build, on_blocks[i]);
    CHECK_EQ(cairn_frames_check(&build->frames), 0);
    cairn_frames_drain(&build->frames);
    on_claim_none();
    CHECK_EQ(on_exhaust(build, 0, 0), frames_build_total(build));
}

CAIRN_TEST(C1_full_magazines_of_all_orders_lose_no_block)
{
    on_all(overfill);
}

CAIRN_TEST(C22_a_full_magazine_gives_half_of_it_back)
{
    uint64_t frames[129];

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_start(&on_machine, CAIRN_ENGINE_BITMAP, true);
    for (unsigned i = 0; i < 129; i++)
        frames[i] = take_users(&on_machine);
    cairn_frames_drain(&on_machine.frames);
    for (unsigned i = 0; i < 129; i++) {
        CHECK_EQ(cached_frames(&on_machine), i);
        give(&on_machine, frames[i]);
    }
    CHECK_EQ(cached_frames(&on_machine), 65);
    CHECK_EQ(take_users(&on_machine), frames[128]);
    CHECK_EQ(take_users(&on_machine), frames[127]);
}

static void reserve_of_blocks(struct frames_build *build)
{
    build->frames.config.reserve_frames = 20;
    on_claim_none();
    (void)on_exhaust(build, 3, 0);
    CHECK(on_free_frames(build) >= 20);
    CHECK(on_free_frames(build) < 20 + 8 + 16);
    build->frames.config.reserve_frames = 0;
}

CAIRN_TEST(B2_blocks_for_magazines_leave_the_reserve)
{
    on_all(reserve_of_blocks);
}

static void reserve_of_runs(struct frames_build *build)
{
    build->frames.config.reserve_frames = on_free_frames(build) - 10;
    CHECK_EQ(on_take_run(build, 11, 1), ON_NONE);
    CHECK(on_take_run(build, 10, 1) != ON_NONE);
    CHECK_EQ(on_take_run(build, 1, 1), ON_NONE);
    build->frames.config.reserve_frames = 0;
}

CAIRN_TEST(B2_runs_leave_the_reserve)
{
    on_all(reserve_of_runs);
}

/* ---- Which frames of a process are handed out again ---------------------- */

/*
 * The first seven come from the part of a chunk at the end of the zone, the
 * next ones from a chunk of which this CPU has all frames.
 */
CAIRN_TEST(C22_frames_of_the_chunk_in_use_are_handed_out_again)
{
    uint64_t frame;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    CHECK_EQ(on_machine.zones[1].count % CHUNK, 7);
    on_start(&on_machine, CAIRN_ENGINE_TREE, true);
    for (unsigned i = 0; i < 8; i++)
        frame = take_users(&on_machine);
    give(&on_machine, frame);
    CHECK_EQ(take_users(&on_machine), frame);
}

/* Take a chunk and some more, and give the first `count` frames back. */
static void make_sparse(uint64_t *frames, unsigned count)
{
    for (unsigned i = 0; i < CHUNK + 64; i++)
        frames[i] = take_users(&on_machine);
    for (unsigned i = 0; i < count; i++)
        give(&on_machine, frames[i]);
    cairn_frames_drain(&on_machine.frames);
}

CAIRN_TEST(C22_frames_of_sparse_chunks_go_back_together)
{
    static uint64_t frames[CHUNK + 64];

    start_of_chunks(true);
    make_sparse(frames, 100);
    for (unsigned i = 0; i < CAIRN_FRAMES_RETURN_SLOTS + 40; i++) {
        CHECK_EQ(cached_frames(&on_machine),
                 i == 0 ? 0 : (i - 1) % CAIRN_FRAMES_RETURN_SLOTS + 1);
        give(&on_machine, frames[100 + i]);
        CHECK_EQ(on_give(&on_machine, frames[100 + i]), CAIRN_DOUBLE_FREE);
    }
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
    CHECK_EQ(take_users(&on_machine), frames[0]);
    cairn_frames_drain(&on_machine.frames);
    CHECK_EQ(cached_frames(&on_machine), 0);
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
}

/* What waits to go back is not lost when its buffer is full. */
CAIRN_TEST(C22_a_full_return_buffer_takes_the_next_frame)
{
    static uint64_t frames[CHUNK + 64];

    start_of_chunks(true);
    make_sparse(frames, 100);
    for (unsigned i = 0; i < CAIRN_FRAMES_RETURN_SLOTS + 1; i++)
        CHECK_EQ(cairn_frames_free_order(&on_machine.frames,
                                         cairn_pfn_make(frames[100 + i]), 0),
                 CAIRN_OK);
    CHECK_EQ(cached_frames(&on_machine), 1);
    CHECK_EQ(cairn_frames_info(&on_machine.frames, cairn_pfn_make(frames[164]))
                 .usage,
             CAIRN_FRAME_FREE);
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
}

/* ---- Lasting frames ------------------------------------------------------ */

static void expect_apart(unsigned flags, bool has_magazines)
{
    uint64_t kernel = ON_NONE;

    start_of_chunks(has_magazines);
    for (unsigned i = 0; i < 40; i++) {
        cairn_pfn lasting;
        cairn_pfn user;

        CHECK_EQ(cairn_frames_alloc(&on_machine.frames, 0, flags,
                                    CAIRN_OWNER_KERNEL, &lasting),
                 CAIRN_OK);
        CHECK_EQ(cairn_frames_alloc(&on_machine.frames, 0, flags,
                                    CAIRN_OWNER_USER, &user),
                 CAIRN_OK);
        CHECK(lasting.value / CHUNK != user.value / CHUNK);
        CHECK(kernel == ON_NONE || lasting.value / CHUNK == kernel);
        kernel = lasting.value / CHUNK;
    }
}

CAIRN_TEST(frames_of_the_kernel_lie_apart_without_magazines_too)
{
    expect_apart(0, false);
}

/* ---- Emptying ------------------------------------------------------------ */

/* An interrupt comes while this CPU empties its own magazines. */
CAIRN_TEST(K3_emptying_does_not_wait_for_what_was_interrupted)
{
    struct cairn_frames_cpu *cpu;
    uint64_t cached;
    uint64_t total;

    start_of_chunks(true);
    total = on_free_frames(&on_machine);
    give(&on_machine, take_users(&on_machine));
    cached = cached_frames(&on_machine);
    CHECK(cached > 0);
    cpu = &on_machine.frames.cpus[cairn_platform_cpu()];
    cpu->frozen_by = cairn_platform_cpu() + 1;
    cairn_frames_drain(&on_machine.frames);
    CHECK_EQ(cpu->frozen_by, cairn_platform_cpu() + 1);
    CHECK_EQ(cached_frames(&on_machine), cached);
    give(&on_machine, take_users(&on_machine)); /* past the magazines */
    CHECK_EQ(cached_frames(&on_machine), cached);
    cpu->frozen_by = 0;
    cairn_frames_drain(&on_machine.frames);
    CHECK_EQ(cached_frames(&on_machine), 0);
    CHECK_EQ(on_free_frames(&on_machine), total);
}
