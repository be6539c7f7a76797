/*
 * fuzz/frames.c - any sequence of calls to the frame allocator, on any engine.
 *
 * The first byte chooses engine and options, the others what is called and
 * with what; tests/frames_model.c judges the answers.
 */
#include "frames_model.h"
#include "sim/ram.h"

#include <stdio.h>
#include <stdlib.h>

/* Zones on both sides of 4 GiB, all close together: a small directory. */
#define ARENA_PHYS    ((uint64_t)0xffe00000)
#define ARENA_BYTES   ((uint64_t)1 << 20)
#define STEPS_MAX     2000
#define COMPARE_EVERY 64

/* For each engine, told at the end. */
static unsigned long long step_counts[3];

static void tell(void)
{
    fprintf(stderr, "frames: %llu steps tree, %llu bitmap, %llu freelist\n",
            step_counts[0], step_counts[1], step_counts[2]);
}

struct input {
    const uint8_t *data;
    size_t left;
};

static uint32_t next_byte(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

static uint32_t pick(void *context, uint32_t limit)
{
    struct input *input = context;
    uint32_t value = next_byte(input);

    if (limit > 256)
        value = value << 8 | next_byte(input);
    return value % limit;
}

static void require(const char *trouble)
{
    if (trouble == NULL)
        return;
    fprintf(stderr, "frames: %s\n", trouble);
    abort();
}

static void start(struct frames_build *build, uint32_t choice)
{
    if (sim_ram_at(ARENA_PHYS, ARENA_BYTES) == NULL &&
        !sim_ram_add(ARENA_PHYS, ARENA_BYTES))
        abort();
    build->arena = cairn_phys_range_make(ARENA_PHYS, ARENA_PHYS + ARENA_BYTES);
    build->zones[0] = (struct frames_zone){0xff003, 2560, false};
    build->zones[1] = (struct frames_zone){0x100000, 1031, false};
    build->zone_count = 2;
    build->config = cairn_frames_config_default();
    build->config.engine = (enum cairn_frames_engine)(choice % 3);
    build->config.has_magazines = (choice & 4) != 0;
    build->config.resumes_at_freed =
        (choice & 8) != 0 && !build->config.has_magazines &&
        build->config.engine == CAIRN_ENGINE_BITMAP;
    build->config.cpu_count = (choice & 32) != 0 ? 1 : 0;
    build->config.reserve_frames = (choice & 16) != 0 ? 20 : 0;
    if (frames_build_start(build) != CAIRN_OK)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return atexit(tell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frames_build build;
    static struct frames_model model;
    struct input input = {data, size};

    start(&build, next_byte(&input));
    model.build = &build;
    model.pick = pick;
    model.context = &input;
    frames_model_start(&model);
    for (unsigned i = 0; i < STEPS_MAX && input.left > 0; i++) {
        require(frames_model_step(&model));
        step_counts[build.config.engine]++;
        if (i % COMPARE_EVERY == 0)
            require(frames_model_compare(&model));
    }
    require(frames_model_end(&model));
    return 0;
}
