/*
 * frames_random.c - long random sequences against a plain array of owners.
 */
#include "frames_model.h"
#include "harness/test.h"

#define STEPS         30000
#define COMPARE_EVERY 250
#define ARENA_BYTES   ((size_t)1024 * 1024)

static struct frames_build build;
static struct frames_model model;

static uint32_t pick_random(void *context, uint32_t limit)
{
    (void)context;
    return test_random_below(limit);
}

static void expect(const char *trouble, uint32_t step)
{
    if (trouble != NULL)
        test_fail(__FILE__, __LINE__, "step %u: %s", step, trouble);
}

static void run_model(enum cairn_frames_engine engine, bool has_magazines)
{
    uint32_t steps = test_rounds(STEPS);

    build.config = cairn_frames_config_default();
    build.config.engine = engine;
    build.config.has_magazines = has_magazines;
    build.config.cpu_count = 1; /* so that memory is enough for claims */
    build.config.reserve_frames = 20;
    CHECK_EQ(frames_build_start(&build), CAIRN_OK);
    model.build = &build;
    model.pick = pick_random;
    frames_model_start(&model);
    for (uint32_t i = 0; i < steps; i++) {
        expect(frames_model_step(&model), i);
        if (i % COMPARE_EVERY == 0)
            expect(frames_model_compare(&model), i);
    }
    expect(frames_model_end(&model), steps);
}

static void run_engine(enum cairn_frames_engine engine)
{
    uint64_t phys;

    test_memory(ARENA_BYTES, &phys);
    build.arena = cairn_phys_range_make(phys, phys + ARENA_BYTES);
    frames_build_zones(&build);
    run_model(engine, false);
    run_model(engine, true);
}

CAIRN_TEST(frames_random_tree_agrees_with_an_array)
{
    run_engine(CAIRN_ENGINE_TREE);
}

CAIRN_TEST(frames_random_bitmap_agrees_with_an_array)
{
    run_engine(CAIRN_ENGINE_BITMAP);
}

CAIRN_TEST(frames_random_freelist_agrees_with_an_array)
{
    run_engine(CAIRN_ENGINE_FREELIST);
}
