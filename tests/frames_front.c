/*
 * frames_front.c - what an allocation is asked for, what it does before it
 * fails, and what it makes of the memory that it finds.
 */
#include "base/memory.h"
#include "frames_on.h"

#define OWNERS ((enum cairn_owner)CAIRN_OWNER_COUNT)

/* ---- Nonsense ------------------------------------------------------------ */

static void expect_bad(struct frames_build *build, cairn_order order,
                       unsigned flags, enum cairn_owner owner)
{
    cairn_pfn pfn = {ON_NONE};

    CHECK_EQ(cairn_frames_alloc(&build->frames, order, flags, owner, &pfn),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(pfn.value, ON_NONE);
}

/* Whether there is a block in the magazine or not. */
static void bad_blocks(struct frames_build *build)
{
    static const cairn_order orders[] = {0, 1, 4, 5, 9, 10};

    for (unsigned i = 0; i < 2 * sizeof(orders) / sizeof(orders[0]); i++) {
        cairn_order order = orders[i / 2];

        expect_bad(build, order, 0, OWNERS);
        expect_bad(build, order, 0, (enum cairn_owner)(CAIRN_OWNER_COUNT + 1));
        expect_bad(build, order, CAIRN_FRAME_RESERVE, OWNERS);
        expect_bad(build, order, 0x10, CAIRN_OWNER_USER);
        expect_bad(build, order, 1u << 31, CAIRN_OWNER_KERNEL);
        CHECK_EQ(on_give(build, on_take_block(build, order)), CAIRN_OK);
    }
    expect_bad(build, CAIRN_ORDER_MAX + 1, 0, CAIRN_OWNER_KERNEL);
    expect_bad(build, 31, 0, CAIRN_OWNER_KERNEL);
    expect_bad(build, UINT32_MAX, 0, CAIRN_OWNER_KERNEL);
    CHECK_EQ(on_free_frames(build), frames_build_total(build));
}

CAIRN_TEST(frames_blocks_refuse_nonsense)
{
    on_all(bad_blocks);
}

static void expect_bad_run(struct frames_build *build,
                           struct cairn_run_request request)
{
    cairn_pfn pfn = {ON_NONE};

    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(pfn.value, ON_NONE);
}

static void bad_runs(struct frames_build *build)
{
    const struct cairn_run_request good = {.count = 3,
                                           .owner = CAIRN_OWNER_DMA};
    struct cairn_run_request request = good;

    request.count = (CAIRN_PHYS_LIMIT >> CAIRN_FRAME_SHIFT) + 1;
    expect_bad_run(build, request);
    request.count = UINT64_MAX;
    expect_bad_run(build, request);
    request = good;
    request.owner = OWNERS;
    expect_bad_run(build, request);
    request = good;
    request.flags = CAIRN_FRAME_RESERVE;
    expect_bad_run(build, request);
    request.flags = 0x10;
    expect_bad_run(build, request);
    request = good;
    request.align = 6;
    expect_bad_run(build, request);
    request = good;
    request.start.value = UINT64_MAX;
    expect_bad_run(build, request);
    CHECK_EQ(on_free_frames(build), frames_build_total(build));
}

CAIRN_TEST(frames_runs_refuse_nonsense)
{
    on_all(bad_runs);
}

static void bad_releases(struct frames_build *build)
{
    static const cairn_order orders[] = {CAIRN_ORDER_MAX + 1, 31, 32,
                                         UINT32_MAX};
    uint64_t run = on_take_run(build, 5, 1);
    uint64_t block = on_take_block(build, 3);

    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(cairn_frames_free_order(&build->frames, cairn_pfn_make(run),
                                         orders[i]),
                 CAIRN_WRONG_SIZE);
        CHECK_EQ(cairn_frames_free_order(&build->frames, cairn_pfn_make(block),
                                         orders[i]),
                 CAIRN_WRONG_SIZE);
    }
    CHECK_EQ(on_give(build, run), CAIRN_OK);
    CHECK_EQ(on_give(build, block), CAIRN_OK);
}

CAIRN_TEST(C8_misuse_orders_that_do_not_exist)
{
    on_all(bad_releases);
}

CAIRN_TEST(frames_start_refuses_nonsense)
{
    struct frames_build *build = &on_machine;
    struct cairn_frames *frames = &build->frames;

    on_take_arena(build);
    frames_build_zones(build);
    on_start(build, CAIRN_ENGINE_TREE, true);
    memset(frames, 0, sizeof(*frames));
    CHECK_EQ(cairn_frames_init(NULL, &build->map, NULL, NULL),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_frames_init(frames, NULL, NULL, NULL), CAIRN_BAD_ARGUMENT);
    build->config.span = CAIRN_PHYS_LIMIT + 1;
    CHECK_EQ(cairn_frames_init(frames, &build->map, NULL, &build->config),
             CAIRN_BAD_ARGUMENT);
    build->config.span = UINT64_MAX;
    CHECK_EQ(cairn_frames_init(frames, &build->map, NULL, &build->config),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_init(&build->map, build->storage, FRAMES_MAP_RANGES),
             CAIRN_OK);
    CHECK_EQ(cairn_frames_init(frames, &build->map, NULL, NULL),
             CAIRN_NO_MEMORY_MAP);
    CHECK(frames->engine == NULL);
}

CAIRN_TEST(frames_before_the_start_there_is_nothing)
{
    const struct cairn_run_request request = {.count = 1};
    struct cairn_frames *frames = &on_machine.frames;
    cairn_pfn pfn = {ON_NONE};

    memset(frames, 0, sizeof(*frames));
    CHECK_EQ(cairn_frames_alloc(frames, 0, CAIRN_FRAME_RESERVE,
                                CAIRN_OWNER_TABLE, &pfn),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_frames_alloc_run(frames, &request, &pfn),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_frames_free(frames, cairn_pfn_make(0)), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_frames_info(frames, cairn_pfn_make(0)).usage,
             CAIRN_FRAME_ABSENT);
    CHECK_EQ(pfn.value, ON_NONE);
}

/* ---- Before it fails ----------------------------------------------------- */

/* A host that gives back what it holds, one block each time it is asked. */
struct giver {
    struct frames_build *build;
    uint64_t blocks[4];
    unsigned count;
    unsigned calls;
    uint64_t wanted; /* what it was asked for last */
};

static bool give_back(void *context, uint64_t frames)
{
    struct giver *giver = context;

    giver->calls++;
    giver->wanted = frames;
    if (giver->count == 0)
        return false;
    return on_give(giver->build, giver->blocks[--giver->count]) == CAIRN_OK;
}

static void expect_asked(struct giver *giver, unsigned calls, uint64_t wanted)
{
    CHECK_EQ(giver->calls, calls);
    CHECK_EQ(giver->wanted, wanted);
    giver->calls = 0;
}

/* The last block that is given back is the first one that helps. */
static void ask_host(struct frames_build *build)
{
    struct giver giver = {.build = build, .count = 4};
    uint64_t block;

    giver.blocks[0] = on_take_run(build, 6, 1);
    giver.blocks[1] = on_take_block(build, 0);
    giver.blocks[2] = on_take_block(build, 3);
    giver.blocks[3] = on_take_block(build, 0);
    on_claim_none();
    (void)on_exhaust(build, 0, 0);
    build->frames.config.reclaim = give_back;
    build->frames.config.context = &giver;
    block = on_take_block(build, 3);
    CHECK(block != ON_NONE);
    expect_asked(&giver, 2, 8);
    CHECK(on_take_run(build, 5, 1) != ON_NONE);
    expect_asked(&giver, 2, 5);
    CHECK_EQ(on_take_run(build, 12, 1), ON_NONE);
    expect_asked(&giver, 1, 12);
    CHECK_EQ(on_take_block(build, 5), ON_NONE);
    expect_asked(&giver, 1, 32);
    giver.blocks[giver.count++] = block; /* into the magazine */
    CHECK(on_take_run(build, 8, 1) != ON_NONE);
    expect_asked(&giver, 1, 8);
}

CAIRN_TEST(C12_the_host_is_asked_before_an_allocation_fails)
{
    on_all(ask_host);
}

/* ---- As a source --------------------------------------------------------- */

static void source(struct frames_build *build)
{
    struct cairn_source source = cairn_frames_source(&build->frames);
    cairn_pfn pfn = {ON_NONE};

    CHECK_EQ(cairn_source_alloc(&source, &pfn), CAIRN_OK);
    CHECK_EQ(cairn_frames_info(&build->frames, pfn).owner, CAIRN_OWNER_KERNEL);
    build->frames.config.reserve_frames = 7;
    on_claim_none();
    (void)on_exhaust(build, 0, 0);
    CHECK_EQ(cairn_source_alloc(&source, &pfn), CAIRN_NO_MEMORY);
    for (unsigned i = 0; i < 7; i++) {
        CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_OK);
        CHECK_EQ(cairn_frames_info(&build->frames, pfn).owner,
                 CAIRN_OWNER_TABLE);
    }
    CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_NO_MEMORY);
    build->frames.config.reserve_frames = 0;
}

CAIRN_TEST(B7_the_frame_allocator_is_a_source_and_tables_use_the_reserve)
{
    on_all(source);
}

/* ---- Metadata in memory that was used before ----------------------------- */

static void soil_arena(uint8_t value)
{
    memset(cairn_platform_phys_to_virt(on_machine.arena.start, ON_ARENA_BYTES),
           value, ON_ARENA_BYTES);
}

/* Some frames, blocks and runs, in a fixed order. */
static uint32_t take_some(struct frames_build *build, uint64_t *out)
{
    uint32_t count = 0;
    cairn_pfn pfn;

    for (unsigned i = 0; i < 200; i++) {
        CHECK_EQ(
            cairn_frames_alloc(&build->frames, 0, 0, CAIRN_OWNER_USER, &pfn),
            CAIRN_OK);
        out[count++] = pfn.value;
        out[count++] = on_take_block(build, i % 5);
        if (i % 8 == 0)
            out[count++] = on_take_run(build, 3, 1);
    }
    out[count++] = on_take_block(build, 9);
    CHECK_EQ(cairn_frames_check(&build->frames), 0);
    return count;
}

/* Nothing inside of a large block can be freed, whatever its states were. */
static void expect_safe_inside(struct frames_build *build)
{
    uint64_t block = on_take_block(build, 10);

    CHECK(block != ON_NONE);
    for (unsigned i = 1; i < 1024; i += 73)
        CHECK_EQ(on_give(build, block + i), CAIRN_NOT_FIRST);
    CHECK_EQ(on_give(build, block + 512), CAIRN_NOT_FIRST);
    CHECK_EQ(on_give(build, block), CAIRN_OK);
    CHECK_EQ(on_give(build, block), CAIRN_DOUBLE_FREE);
}

/* A run ends with its last frame, whatever the next chunk's states were. */
static void expect_exact_run(struct frames_build *build)
{
    struct cairn_run_request request = {
        .count = 512,
        .start = cairn_phys_of(cairn_pfn_make(build->zones[1].first)),
    };
    cairn_pfn pfn = {ON_NONE};

    CHECK_EQ(cairn_frames_alloc_run(&build->frames, &request, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, build->zones[1].first);
    CHECK_EQ(cairn_frames_info(&build->frames, pfn).count, 512);
    CHECK_EQ(on_give(build, pfn.value), CAIRN_OK);
}

static void run_soiled(enum cairn_frames_engine engine, bool has_magazines)
{
    static const uint8_t values[] = {0, 0xff, 0xe0, 0xe1, 0x01};
    static uint64_t other[ON_FRAMES_MAX];
    uint32_t count = 0;

    for (unsigned i = 0; i < sizeof(values); i++) {
        uint64_t *out = i == 0 ? on_blocks : other;

        soil_arena(values[i]);
        on_start(&on_machine, engine, has_magazines);
        expect_exact_run(&on_machine);
        soil_arena(values[i]);
        on_start(&on_machine, engine, has_magazines);
        expect_safe_inside(&on_machine);
        CHECK_EQ(on_free_frames(&on_machine), frames_build_total(&on_machine));
        count = take_some(&on_machine, out);
        for (uint32_t j = 0; j < count; j++)
            CHECK_EQ(out[j], on_blocks[j]);
        for (uint32_t j = 0; j < count; j++)
            CHECK_EQ(on_give(&on_machine, out[j]), CAIRN_OK);
        CHECK_EQ(on_free_frames(&on_machine), frames_build_total(&on_machine));
    }
}

CAIRN_TEST(pitfall_metadata_lie_in_memory_that_was_used_before)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        run_soiled((enum cairn_frames_engine)i, false);
        run_soiled((enum cairn_frames_engine)i, true);
    }
}
