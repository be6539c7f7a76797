/*
 * frames_on.c - the same test on every frame engine; see frames_on.h.
 */
#include "frames_on.h"

struct frames_build on_machine;
uint64_t on_blocks[ON_FRAMES_MAX];

static bool is_taken[ON_FRAMES_MAX];

/* ---- Machines and engines ------------------------------------------------ */

void on_take_arena(struct frames_build *build)
{
    uint64_t phys;

    test_memory(ON_ARENA_BYTES, &phys);
    build->arena = cairn_phys_range_make(phys, phys + ON_ARENA_BYTES);
}

void on_start(struct frames_build *build, enum cairn_frames_engine engine,
              bool has_magazines)
{
    build->config = cairn_frames_config_default();
    build->config.engine = engine;
    build->config.has_magazines = has_magazines;
    build->config.cpu_count = 2; /* so that memory is enough for claims */
    CHECK_EQ(frames_build_start(build), CAIRN_OK);
    CHECK_EQ(cairn_frames_check(&build->frames), 0);
}

void on_one(void (*run)(struct frames_build *build),
            enum cairn_frames_engine engine, bool has_magazines)
{
    on_start(&on_machine, engine, has_magazines);
    run(&on_machine);
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
}

/* On the machine that on_machine describes. */
void on_all_as_set(void (*run)(struct frames_build *build))
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        on_one(run, (enum cairn_frames_engine)i, false);
        on_one(run, (enum cairn_frames_engine)i, true);
    }
}

void on_all(void (*run)(struct frames_build *build))
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_all_as_set(run);
}

/* On engines that promise the lowest place. */
void on_lowest(void (*run)(struct frames_build *build))
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_one(run, CAIRN_ENGINE_BITMAP, false);
    on_one(run, CAIRN_ENGINE_FREELIST, false);
}

/* ---- Short forms --------------------------------------------------------- */

uint64_t on_take_block(struct frames_build *build, cairn_order order)
{
    cairn_pfn pfn = {ON_NONE};
    enum cairn_status status =
        cairn_frames_alloc(&build->frames, order, 0, CAIRN_OWNER_KERNEL, &pfn);

    CHECK(status == CAIRN_OK || status == CAIRN_NO_MEMORY);
    return pfn.value;
}

uint64_t on_take_run(struct frames_build *build, uint64_t count, uint64_t align)
{
    struct cairn_run_request request = {
        .count = count, .align = align, .owner = CAIRN_OWNER_DMA};
    cairn_pfn pfn = {ON_NONE};
    enum cairn_status status =
        cairn_frames_alloc_run(&build->frames, &request, &pfn);

    CHECK(status == CAIRN_OK || status == CAIRN_NO_MEMORY);
    return pfn.value;
}

enum cairn_status on_give(struct frames_build *build, uint64_t first)
{
    return cairn_frames_free(&build->frames, cairn_pfn_make(first));
}

uint64_t on_free_frames(struct frames_build *build)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(&build->frames, &stats);
    return stats.free_frames;
}

uint64_t on_low_first(const struct frames_build *build)
{
    return build->zones[0].first;
}

static void shuffle(uint64_t *numbers, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = test_random_below(i);
        uint64_t number = numbers[i - 1];

        numbers[i - 1] = numbers[other];
        numbers[other] = number;
    }
}

/* Nobody else has any frame of [first, first + count); now somebody has. */
void on_claim(const struct frames_build *build, uint64_t first, uint64_t count)
{
    uint64_t base = 0;
    unsigned zone = 0;

    CHECK(frames_build_has(build, first, count));
    while (first >= build->zones[zone].first + build->zones[zone].count)
        base += build->zones[zone++].count;
    base += first - build->zones[zone].first;
    for (uint64_t i = base; i < base + count; i++) {
        CHECK(!is_taken[i]);
        is_taken[i] = true;
    }
}

void on_claim_none(void)
{
    for (unsigned i = 0; i < ON_FRAMES_MAX; i++)
        is_taken[i] = false;
}

/* Take blocks until there are none; how many that were. */
uint32_t on_exhaust(struct frames_build *build, cairn_order order,
                    uint32_t count)
{
    uint64_t first = on_take_block(build, order);

    for (; first != ON_NONE; first = on_take_block(build, order)) {
        CHECK_EQ(first % ((uint64_t)1 << order), 0);
        on_claim(build, first, (uint64_t)1 << order);
        on_blocks[count++] = first;
    }
    return count;
}

void on_give_all(struct frames_build *build, uint32_t count)
{
    shuffle(on_blocks, count);
    for (uint32_t i = 0; i < count; i++)
        CHECK_EQ(on_give(build, on_blocks[i]), CAIRN_OK);
    on_claim_none();
    CHECK_EQ(on_free_frames(build), frames_build_total(build));
    cairn_frames_drain(&build->frames);
    CHECK_EQ(cairn_frames_check(&build->frames), 0);
}
