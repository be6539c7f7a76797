/*
 * areas_threads.c - areas and stacks on several simulated CPUs at once: each
 * thread is a CPU.
 */
#include "frames_data.h"
#include "paging_cpus.h"
#include <cairn/stack.h>
#include <string.h>

#define THREADS    4
#define PAGE       CAIRN_FRAME_SIZE
#define BASE       ((uint64_t)0x7fffe00000)
#define DATA_BYTES (4 * CAIRN_MIB)
#define LAZY_PAGES 48u

static struct cairn_frames frames;
static struct cairn_areas set;
static struct cairn_stacks stacks;
static struct cairn_area *lazy;
static uint64_t data_frames;

static uint64_t free_frames(void)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(&frames, &stats);
    return stats.free_frames;
}

static void start(void)
{
    struct cairn_frames_config config = cairn_frames_config_default();
    struct cairn_stacks_config stacks_config = {.cache_limit = 3,
                                                .is_measured = true};

    cpus_start(CAIRN_PAGING_4LEVEL, 0);
    frames_data_start(&frames, CPUS_DATA, DATA_BYTES, &config);
    data_frames = free_frames();
    CHECK_EQ(cairn_areas_init(&set, cairn_span_make(BASE, 4 * CAIRN_MIB),
                              &cpus_tables[0], &frames),
             CAIRN_OK);
    CHECK_EQ(cairn_stacks_init(&stacks, &set, &stacks_config), CAIRN_OK);
}

static void end(void)
{
    (void)cairn_stacks_drain(&stacks);
    CHECK_EQ(cairn_areas_check(&set), 0);
    CHECK_EQ(free_frames(), data_frames);
    CHECK_EQ(cairn_areas_destroy(&set), CAIRN_OK);
    cpus_end();
}

static uint64_t word_of(unsigned cpu, uint64_t va)
{
    return va << 4 | (cpu + 1);
}

/* A report finds the guard, whatever others do; or says that it cannot. */
static void peek(const struct cairn_stack *stack)
{
    struct cairn_area_info info;
    enum cairn_status status =
        cairn_areas_peek(&set, cairn_va_make(stack->bottom.value - 8), &info);

    CPUS_EXPECT(status == CAIRN_IN_USE ||
                (status == CAIRN_OK && !info.is_freed &&
                 info.area == stack->area &&
                 info.part == CAIRN_AREA_GUARD_BELOW));
}

/* Nobody else writes to what one has. */
static void use(unsigned cpu, const struct cairn_stack *stack)
{
    uint64_t seen = 0;

    for (uint64_t va = stack->top.value - 8; va >= stack->bottom.value;
         va -= PAGE) {
        uint64_t word = word_of(cpu, va);

        CPUS_EXPECT(sim_mmu_write(cpu, va, &word, sizeof(word), NULL));
    }
    for (uint64_t va = stack->top.value - 8; va >= stack->bottom.value;
         va -= PAGE) {
        CPUS_EXPECT(sim_mmu_read(cpu, va, &seen, sizeof(seen), NULL));
        CPUS_EXPECT(seen == word_of(cpu, va));
    }
    CPUS_EXPECT(!sim_mmu_write(cpu, stack->top.value, &seen, 8, NULL));
    CPUS_EXPECT(!sim_mmu_write(cpu, stack->bottom.value - 8, &seen, 8, NULL));
    peek(stack);
}

/* Alloc and free take locks in one order, and wait for others with none. */
static void use_stacks(unsigned cpu)
{
    uint64_t state = cpus_seed(cpu);
    struct cairn_stack stack;

    cpus_meet();
    for (uint32_t i = test_rounds(300); i > 0; i--) {
        uint64_t bytes = (1 + cpus_random(&state, 3)) * PAGE;
        uint64_t used = 0;

        CPUS_EXPECT(cairn_stack_alloc(&stacks, bytes, "test", &stack) ==
                    CAIRN_OK);
        CPUS_EXPECT(cairn_stack_used(&stacks, &stack, &used) == CAIRN_OK &&
                    used == 0);
        use(cpu, &stack);
        CPUS_EXPECT(cairn_stack_free(&stacks, &stack) == CAIRN_OK);
        if (cpus_random(&state, 20) == 0)
            (void)cairn_stacks_drain(&stacks);
        sim_poll();
    }
}

CAIRN_TEST(H2_K4_stacks_on_several_cpus)
{
    start();
    cpus_run(use_stacks, THREADS);
    end();
}

static void touch(unsigned cpu)
{
    uint64_t state = cpus_seed(cpu);
    uint64_t word;

    for (uint32_t i = 4 * LAZY_PAGES; i > 0; i--) {
        uint64_t page = cpus_random(&state, LAZY_PAGES);
        uint64_t va = lazy->start.value + page * PAGE + 8 * cpu;

        if (!sim_mmu_read(cpu, va, &word, sizeof(word), NULL)) {
            CPUS_EXPECT(cairn_area_fault(&set, cairn_va_make(va), 0) ==
                        CAIRN_OK);
            word = 1;
            while (!sim_mmu_write(cpu, va, &word, sizeof(word), NULL))
                continue;
        } else if (word == 0) {
            word = 1;
            CPUS_EXPECT(sim_mmu_write(cpu, va, &word, sizeof(word), NULL));
        } else {
            CPUS_EXPECT(word == 1);
        }
        sim_poll();
    }
}

static void meet_and_touch(unsigned cpu)
{
    cpus_meet();
    touch(cpu);
}

CAIRN_TEST(F21_K4_several_cpus_touch_the_same_pages)
{
    struct cairn_area_request request = {.bytes = LAZY_PAGES * PAGE,
                                         .kind = CAIRN_AREA_LAZY,
                                         .rights = CAIRN_PAGE_WRITE};

    start();
    for (uint32_t i = test_rounds(20); i > 0; i--) {
        CHECK_EQ(cairn_area_alloc(&set, &request, &lazy), CAIRN_OK);
        cpus_run(meet_and_touch, THREADS);
        CHECK_EQ(data_frames - free_frames(), lazy->frame_count);
        CHECK(lazy->frame_count <= LAZY_PAGES);
        CHECK_EQ(cairn_area_free(lazy, NULL, NULL), CAIRN_OK);
    }
    end();
}
