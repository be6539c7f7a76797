/*
 * early_random.c - random calls of the early allocator against the model.
 */
#include "early_model.h"
#include "harness/test.h"

#define PAGE ((uint64_t)4096)

static struct early_model model;
static struct cairn_early early;

static void random_skips(struct early_world *world)
{
    uint64_t at = world->base;

    world->skip_count = 0;
    while (test_random_below(3) != 0 && world->skip_count < EARLY_SKIPS_MAX) {
        struct cairn_phys_range *skip = &world->skips[world->skip_count];
        uint32_t reach = test_random_once_in(2) ? 8192 : 65536;

        skip->start.value = at + test_random_below(reach);
        skip->end.value = skip->start.value + 1 + test_random_below(reach);
        at = skip->end.value;
        if (at > CAIRN_PHYS_LIMIT)
            break;
        world->skip_count++;
    }
}

static void random_world(struct early_world *world)
{
    const uint64_t bytes = EARLY_PAGES * PAGE;
    uint32_t run = 1 + test_random_below(16);
    bool is_usable = test_random_once_in(2);

    world->base = test_random_once_in(4)   ? 0
                  : test_random_once_in(4) ? CAIRN_PHYS_LIMIT - bytes
                                           : 4 * CAIRN_GIB - bytes / 2;
    for (size_t i = 0; i < EARLY_PAGES; i++) {
        world->is_usable[i] = is_usable;
        is_usable ^= test_random_once_in(run);
    }
    random_skips(world);
    world->window = cairn_phys_range_make(0, CAIRN_PHYS_LIMIT);
    if (test_random_once_in(2))
        return;
    world->window.start.value =
        world->base + test_random_below((uint32_t)bytes / 2);
    world->window.end.value =
        world->base + test_random_below((uint32_t)bytes + 1);
}

static void random_call(struct early_call *call)
{
    static const enum early_op ops[] = {
        EARLY_ALLOC,  EARLY_ALLOC,  EARLY_ALLOC,       EARLY_ALLOC_TABLE,
        EARLY_RECORD, EARLY_RECORD, EARLY_ALLOC_TABLE, EARLY_RESERVE,
        EARLY_DRAIN,  EARLY_TRACK,
    };
    const uint32_t bytes = (uint32_t)(EARLY_PAGES * PAGE);

    call->op = ops[test_random_below(sizeof(ops) / sizeof(ops[0]))];
    call->bytes = 0;
    call->start = test_random_below(6);
    if (call->op == EARLY_RECORD) {
        uint32_t offset = test_random_below(bytes);
        uint32_t reach = test_random_once_in(4) ? 0x8000 : 0x1800;

        call->start = model.world.base + offset;
        if (reach > bytes - offset)
            reach = bytes - offset;
        call->bytes = test_random_below(reach + 1);
        if (test_random_once_in(16) &&
            early_model_end(&model) == CAIRN_PHYS_LIMIT)
            call->bytes = UINT64_MAX - test_random_below(9000);
    }
    if (test_random_once_in(100))
        call->op = EARLY_FINISH;
}

static void random_step(const struct early_call *call)
{
    const char *difference = early_model_step(&model, call);

    if (difference != NULL)
        test_fail(__FILE__, __LINE__, "%s after call %u, %#llx, %#llx",
                  difference, (unsigned)call->op,
                  (unsigned long long)call->start,
                  (unsigned long long)call->bytes);
}

CAIRN_TEST(B_random_calls_equal_the_model)
{
    for (uint32_t i = test_rounds(20000); i > 0; i--) {
        struct early_world world;
        const char *difference;

        random_world(&world);
        difference = early_model_begin(&model, &world);
        if (difference != NULL)
            test_fail(__FILE__, __LINE__, "%s at the beginning", difference);
        for (uint32_t k = test_random_below(60); k > 0; k--) {
            struct early_call call;

            random_call(&call);
            random_step(&call);
        }
    }
}

/* An allocator after another, each skipping what all before have taken. */
CAIRN_TEST(B6_random_allocators_never_hand_out_a_frame_twice)
{
    static struct cairn_phys_range skips[EARLY_PAGES];
    static struct early_model all; /* its log is what was handed out */

    for (uint32_t i = test_rounds(2000); i > 0; i--) {
        struct early_world world;
        struct cairn_early_config config = {
            {{0}, {CAIRN_PHYS_LIMIT}}, skips, 0};
        struct cairn_early_stats stats;
        cairn_pfn pfn;

        random_world(&world);
        world.skip_count = 0;
        world.window = config.window;
        CHECK(early_model_begin(&all, &world) == NULL);
        do {
            config.skip_count = early_model_runs(&all, false, skips);
            CHECK_EQ(cairn_early_init(&early, &all.map, &config), CAIRN_OK);
            for (uint32_t k = 1 + test_random_below(8); k > 0; k--) {
                size_t page;

                if (cairn_early_alloc(&early, &pfn) != CAIRN_OK)
                    break;
                page = (size_t)(pfn.value - world.base / PAGE);
                CHECK(page < EARLY_PAGES && world.is_usable[page]);
                CHECK(!all.is_logged[page]);
                all.is_logged[page] = true;
            }
            cairn_early_stats(&early, &stats);
        } while (stats.free_frames > 0);
        for (size_t k = 0; k < EARLY_PAGES; k++)
            CHECK_EQ(all.is_logged[k], all.owners[k] == OWNER_FREE);
    }
}
