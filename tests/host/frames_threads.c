/*
 * frames_threads.c - the frame allocator on many simulated CPUs at once.
 *
 * Each thread is a CPU.  Built with -fsanitize=thread it finds races; built
 * without, it finds frames that have two owners.
 */
#include "harness/test.h"
#include "sim/platform.h"
#include "sim/ram.h"

#include <cairn/dma.h>
#include <pthread.h>
#include <string.h>

#define THREADS      4
#define MEMORY_BYTES ((uint64_t)64 << 20)
#define FRAMES       (MEMORY_BYTES >> CAIRN_FRAME_SHIFT)
#define SHARED_SLOTS 512

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_memory_range storage[64];

/* Who has each frame: thread + 1; 0 nobody. */
static uint8_t owners[FRAMES];
/* Blocks on their way from one thread to another: number << 4 | order. */
static uint64_t shared[SHARED_SLOTS];
static unsigned faults;
static unsigned shared_slots; /* of these are used */
static unsigned unplugged;    /* how often the module has gone */

/* A module that comes and goes while other CPUs allocate. */
#define MODULE       (MEMORY_BYTES / 8)
#define MODULE_BYTES (MEMORY_BYTES / 4)
#define FEW_SLOTS    32 /* so that it is often free */

static void start(enum cairn_frames_engine engine, bool has_magazines)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.engine = engine;
    config.has_magazines = has_magazines;
    config.cpu_count = THREADS;
    sim_ram_reset();
    CHECK(sim_ram_add(0, MEMORY_BYTES));
    memset(&frames, 0, sizeof(frames));
    memset(owners, 0, sizeof(owners));
    memset(shared, 0, sizeof(shared));
    CHECK_EQ(cairn_memmap_init(&map, storage, 64), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, 0, MEMORY_BYTES, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    faults = 0;
    shared_slots = SHARED_SLOTS;
    unplugged = 0;
}

static void expect(bool good)
{
    if (!good)
        __atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

/* Nobody else may have any frame of the block. */
static void own(cairn_pfn pfn, unsigned order, uint8_t me)
{
    for (uint64_t i = 0; i < (uint64_t)1 << order; i++) {
        uint8_t former =
            __atomic_exchange_n(&owners[pfn.value + i], me, __ATOMIC_ACQ_REL);

        expect(former == 0);
    }
}

static void disown(cairn_pfn pfn, unsigned order)
{
    for (uint64_t i = 0; i < (uint64_t)1 << order; i++)
        __atomic_store_n(&owners[pfn.value + i], 0, __ATOMIC_RELEASE);
}

/* Put a block into a shared slot, and free what was there. */
static void swap(unsigned slot, uint64_t block)
{
    uint64_t former =
        __atomic_exchange_n(&shared[slot], block, __ATOMIC_ACQ_REL);
    cairn_pfn pfn = {former >> 4};

    if (former == 0)
        return;
    disown(pfn, former & 15);
    expect(cairn_frames_free(&frames, pfn) == CAIRN_OK);
}

static unsigned next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*random >> 33);
}

static void *work(void *argument)
{
    static const uint8_t orders[] = {0, 0, 0, 0, 0, 1, 3, 9};
    unsigned cpu = (unsigned)(uintptr_t)argument;
    uint64_t random = cpu + 1;
    uint32_t rounds = test_rounds(10000);

    sim_set_cpu(cpu);
    for (uint32_t i = 0; i < rounds; i++) {
        unsigned order = orders[next(&random) % sizeof(orders)];
        cairn_pfn pfn;

        if (cairn_frames_alloc(&frames, order, 0, CAIRN_OWNER_USER, &pfn) ==
            CAIRN_OK) {
            own(pfn, order, (uint8_t)(cpu + 1));
            swap(next(&random) % shared_slots, pfn.value << 4 | order);
        } else {
            swap(next(&random) % shared_slots, 0);
        }
        if (next(&random) % 1024 == 0)
            cairn_frames_drain(&frames);
    }
    return NULL;
}

/* CPU 0 does `first`, the others work. */
static void run_threads(void *(*first)(void *argument))
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 1; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    first((void *)0);
    for (uintptr_t i = 1; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    sim_set_cpu(0);
}

static void expect_all_free(void)
{
    struct cairn_frames_stats stats;

    for (unsigned i = 0; i < SHARED_SLOTS; i++)
        swap(i, 0);
    CHECK_EQ(faults, 0);
    cairn_frames_drain(&frames);
    CHECK_EQ(cairn_frames_check(&frames), 0);
    cairn_frames_stats(&frames, &stats);
    CHECK_EQ(stats.free_frames, stats.total_frames);
    CHECK_EQ(stats.cached_frames, 0);
}

CAIRN_TEST(K2_frames_threads_never_share_a_frame)
{
    for (unsigned i = 0; i < 6; i++) {
        start((enum cairn_frames_engine)(i / 2), i % 2 != 0);
        run_threads(work);
        expect_all_free();
    }
}

/*
 * Nobody gets a frame of a module that is away.  When the others have finished,
 * it goes at the latest.
 */
static void *plug(void *argument)
{
    const struct cairn_phys_range module =
        cairn_phys_range_make(MODULE, MODULE + MODULE_BYTES);
    uint32_t rounds = test_rounds(300);

    (void)argument;
    for (uint32_t i = 0; i < rounds || (unplugged == 0 && i < 1u << 20); i++) {
        if (cairn_frames_remove(&frames, module) != CAIRN_OK) {
            swap(i % shared_slots, 0); /* somebody has some of it */
            continue;
        }
        for (uint64_t at = MODULE; at < MODULE + MODULE_BYTES; at += 8192)
            expect(__atomic_load_n(&owners[at >> CAIRN_FRAME_SHIFT],
                                   __ATOMIC_ACQUIRE) == 0);
        expect(cairn_frames_add(&frames, module) == CAIRN_OK);
        unplugged++;
    }
    return NULL;
}

CAIRN_TEST(K2_memory_comes_and_goes_while_others_allocate)
{
    for (unsigned i = 0; i < 6; i++) {
        start((enum cairn_frames_engine)(i / 2), i % 2 != 0);
        shared_slots = FEW_SLOTS;
        run_threads(plug);
        CHECK(unplugged > 0);
        expect_all_free();
    }
}

/* ---- A pool of DMA blocks ------------------------------------------------ */

#define HELD 24

static struct cairn_dma_pool pool;

/* Each block holds its address, written by who has it, as long as he has it. */
static void *use_pool(void *argument)
{
    unsigned cpu = (unsigned)(uintptr_t)argument;
    struct cairn_dma_block held[HELD] = {{{0}, NULL}};
    uint64_t random = cpu + 1;
    uint32_t rounds = test_rounds(10000);

    sim_set_cpu(cpu);
    for (uint32_t i = 0; i < rounds + HELD; i++) {
        struct cairn_dma_block *block =
            &held[i < rounds ? next(&random) % HELD : i - rounds];
        uint64_t *words = block->virt;

        if (words != NULL) {
            expect(words[0] == block->phys.value && words[1] == cpu);
            expect(cairn_dma_pool_free(&pool, block->phys) == CAIRN_OK);
            block->virt = NULL;
        } else if (i < rounds) {
            expect(cairn_dma_pool_alloc(&pool, block) == CAIRN_OK);
            words = block->virt;
            expect(words[0] == 0 && words[1] == 0);
            words[0] = block->phys.value;
            words[1] = cpu;
        }
        if (next(&random) % 128 == 0)
            (void)cairn_dma_pool_trim(&pool);
    }
    return NULL;
}

CAIRN_TEST(K2_dma_pool_threads_never_share_a_block)
{
    const struct cairn_dma_request block = {.bytes = 512};
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < 6; i++) {
        start((enum cairn_frames_engine)(i / 2), i % 2 != 0);
        CHECK_EQ(cairn_dma_pool_create(&pool, &frames, &block, 4), CAIRN_OK);
        for (uintptr_t j = 1; j < THREADS; j++)
            CHECK_EQ(pthread_create(&threads[j], NULL, use_pool, (void *)j), 0);
        use_pool((void *)0);
        for (uintptr_t j = 1; j < THREADS; j++)
            CHECK_EQ(pthread_join(threads[j], NULL), 0);
        sim_set_cpu(0);
        CHECK_EQ(cairn_dma_pool_check(&pool), 0);
        CHECK_EQ(cairn_dma_pool_destroy(&pool), CAIRN_OK);
        expect_all_free();
    }
}
