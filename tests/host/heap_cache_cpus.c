/*
 * heap_cache_cpus.c - typed caches used by several CPUs in turn, some of which
 * retire and come back.
 */
#include "heap_cache_model.h"

#include "sim/platform.h"
#include <cairn/cache.h>
#include <string.h>

#define CPUS 4

static unsigned self;
static bool is_retired[CPUS];

/* Another CPU goes on, one that is not retired. */
static void change_cpu(void)
{
    do
        self = test_random_below(CPUS);
    while (is_retired[self]);
    sim_set_cpu(self);
}

static void change_cpu_or_retire(void)
{
    unsigned cpu = test_random_below(CPUS);

    change_cpu();
    if (cpu == self || !test_random_once_in(20))
        return;
    if (is_retired[cpu])
        cairn_heap_resume_cpu(&heap_build.heap, cpu);
    else
        cairn_heap_retire_cpu(&heap_build.heap, cpu);
    is_retired[cpu] = !is_retired[cpu];
}

/* Twice: what one gives back may be another's. */
static void end(void)
{
    for (unsigned i = 0; i < CPUS; i++) {
        if (is_retired[i])
            cairn_heap_resume_cpu(&heap_build.heap, i);
    }
    for (unsigned i = 0; i < 2 * CPUS; i++) {
        sim_set_cpu(i % CPUS);
        cairn_heap_drain(&heap_build.heap);
    }
    sim_set_cpu(0);
    heap_build_end();
}

static void run(void (*between)(void))
{
    memset(is_retired, 0, sizeof(is_retired));
    self = 0;
    cache_model_run(test_rounds(20000), CPUS, between);
    end();
}

CAIRN_TEST(cache_random_calls_of_several_cpus)
{
    run(change_cpu);
}

CAIRN_TEST(cache_random_calls_while_cpus_retire)
{
    run(change_cpu_or_retire);
}

/* What a CPU that is gone has left is had by those that are there. */
CAIRN_TEST(cache_slabs_of_retired_cpus_are_inherited)
{
    static struct cairn_object_cache cache;
    const struct cairn_cache_config config = {.name = "left", .size = 100};
    struct cairn_cache_stats stats;
    void *objects[2];

    memset(&cache, 0, sizeof(cache));
    heap_build_prepare(64);
    heap_build.config.cpu_count = CPUS;
    CHECK(heap_build_start());
    CHECK_EQ(cairn_cache_init(&cache, &heap_build.heap, &config), CAIRN_OK);
    sim_set_cpu(1);
    objects[0] = cairn_cache_alloc(&cache, 0);
    sim_set_cpu(0);
    cairn_heap_retire_cpu(&heap_build.heap, 1);
    objects[1] = cairn_cache_alloc(&cache, 0);
    cairn_cache_stats(&cache, &stats);
    CHECK_EQ(stats.slabs, 1);
    CHECK_EQ(stats.live, 2);
    for (unsigned i = 0; i < 2; i++)
        CHECK_EQ(cairn_cache_free(&cache, objects[i]), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&cache), CAIRN_OK);
    heap_build_end();
}
