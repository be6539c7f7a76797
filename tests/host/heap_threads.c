/*
 * heap_threads.c - heaps on many simulated CPUs at once.
 *
 * Each thread is a CPU.  Blocks go from one to another through shared slots, so
 * that most are freed by a CPU that has not allocated them.  Built with
 * -fsanitize=thread it finds races; built without, blocks with two owners.
 */
#include "harness/test.h"
#include "sim/platform.h"

#include <cairn/heap_source.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX  6
#define MEMORY_BYTES ((size_t)16 << 20)
#define SLOTS        1024

static struct cairn_heap heap;
static struct cairn_heap_arena arena;
static struct cairn_heap_source source;
static void *shared[SLOTS];
static unsigned faults;
static unsigned threads_left;

static void expect(bool good)
{
    if (!good)
        __atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

static unsigned next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*random >> 33);
}

static void start(enum cairn_heap_engine engine, unsigned cpus, void *memory)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    memset(&heap, 0, sizeof(heap));
    memset(shared, 0, sizeof(shared));
    faults = 0;
    CHECK_EQ(cairn_heap_source_arena(&arena, memory, MEMORY_BYTES, &source),
             CAIRN_OK);
    config.source = source;
    config.engine = engine;
    config.cpu_count = cpus;
    CHECK_EQ(cairn_heap_init(&heap, &config), CAIRN_OK);
}

/* A block says at both ends how large it is, and whose mark it has. */
static void mark(uint8_t *block, size_t size, uint8_t value)
{
    memcpy(block, &size, sizeof(size));
    memset(block + sizeof(size), value, 8);
    block[size - 1] = block[sizeof(size)];
}

static size_t look(const uint8_t *block)
{
    size_t size;

    memcpy(&size, block, sizeof(size));
    expect(size >= 32 && size < 20000);
    expect(block[size - 1] == block[sizeof(size)]);
    return size;
}

static size_t any_size(uint64_t *random)
{
    if (next(random) % 50 == 0)
        return 4000 + next(random) % 12000;
    return 32 + next(random) % 400;
}

/* Put a block into a shared slot, and free or resize what was there. */
static void swap(uint64_t *random, void *block)
{
    void **slot = &shared[next(random) % SLOTS];
    uint8_t *former = __atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL);
    uint8_t *other;
    size_t size;

    if (former == NULL)
        return;
    size = look(former);
    if (next(random) % 8 == 0) {
        other = cairn_heap_realloc(&heap, former, size + 64);
        former = other != NULL ? other : former;
        expect(look(former) == size);
    }
    expect(cairn_heap_free(&heap, former) == CAIRN_OK);
}

static void step(uint64_t *random)
{
    size_t size = any_size(random);
    unsigned flags = next(random) % 8 == 0 ? CAIRN_HEAP_ZEROED : 0;
    uint8_t *block = next(random) % 16 == 0
                         ? cairn_heap_alloc_aligned(&heap, size, 128, flags)
                         : cairn_heap_alloc(&heap, size, flags);

    if (block != NULL) {
        expect(flags == 0 || (block[0] == 0 && block[size - 1] == 0));
        mark(block, size, (uint8_t)next(random));
    }
    swap(random, block);
    if (next(random) % 1024 == 0)
        cairn_heap_drain(&heap);
}

static void *work(void *argument)
{
    uintptr_t cpu = (uintptr_t)argument;
    uint64_t random = cpu + 1;

    sim_set_cpu((unsigned)cpu);
    for (uint32_t i = test_rounds(10000); i > 0; i--)
        step(&random);
    __atomic_fetch_sub(&threads_left, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Comes and goes: while it is away, others use what it had. */
static void *visit(void *argument)
{
    uintptr_t cpu = (uintptr_t)argument;
    uint64_t random = cpu + 1;

    sim_set_cpu((unsigned)cpu);
    while (__atomic_load_n(&threads_left, __ATOMIC_ACQUIRE) > 0) {
        for (unsigned i = 0; i < 200; i++)
            step(&random);
        cairn_heap_retire_cpu(&heap, (unsigned)cpu);
        cairn_heap_resume_cpu(&heap, (unsigned)cpu);
    }
    return NULL;
}

static void end(void)
{
    struct cairn_heap_stats stats;

    for (unsigned i = 0; i < SLOTS; i++) {
        if (shared[i] != NULL)
            CHECK_EQ(cairn_heap_free(&heap, shared[i]), CAIRN_OK);
    }
    CHECK_EQ(faults, 0);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    for (unsigned i = 0; i < heap.config.cpu_count; i++) {
        sim_set_cpu(i);
        cairn_heap_drain(&heap);
    }
    sim_set_cpu(0);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    cairn_heap_stats(&heap, &stats);
    CHECK_EQ(stats.live_blocks, 0);
    CHECK_EQ(stats.source_bytes, cairn_heap_arena_used(&arena) * 4096);
    if (heap.config.engine == CAIRN_HEAP_FIRSTFIT)
        CHECK_EQ(stats.source_bytes, 0);
}

/* CPU 0 does `first`, the others work. */
static void run(enum cairn_heap_engine engine, unsigned cpus, void *memory,
                void *(*first)(void *argument))
{
    pthread_t threads[THREADS_MAX];

    start(engine, cpus, memory);
    threads_left = first == work ? cpus : cpus - 1;
    for (uintptr_t i = 1; i < cpus; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    first((void *)0);
    for (uintptr_t i = 1; i < cpus; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    sim_set_cpu(0);
    end();
}

static void run_all(void *(*first)(void *argument))
{
    void *memory = malloc(MEMORY_BYTES);

    CHECK(memory != NULL);
    for (unsigned i = 0; i < CAIRN_HEAP_ENGINE_COUNT; i++) {
        for (unsigned cpus = 4; cpus <= THREADS_MAX; cpus += 2)
            run((enum cairn_heap_engine)i, cpus, memory, first);
    }
    free(memory);
}

CAIRN_TEST(K1_heap_threads_never_share_a_block)
{
    run_all(work);
}

CAIRN_TEST(K1_heap_CPUs_retire_and_resume_while_others_work)
{
    run_all(visit);
}
