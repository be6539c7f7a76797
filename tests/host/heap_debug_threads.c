/*
 * heap_debug_threads.c - level debug on many simulated CPUs at once.
 *
 * Blocks are allocated, filled, handed to other threads through slots, looked
 * at and freed there; guards are on.  Built with -fsanitize=thread it finds
 * races.  Then nobody has made a mistake, and nothing is left.
 */
#include "harness/test.h"
#include "sim/platform.h"

#include <cairn/heap_debug.h>
#include <pthread.h>
#include <string.h>

#define THREADS     4
#define PAGE        ((size_t)CAIRN_FRAME_SIZE)
#define PAGES       4096u
#define SLOTS       64u
#define GUARD_SLOTS 8u

static uint8_t memory[PAGES * PAGE] __attribute__((aligned(4096)));
static uint8_t guarded[(2 * GUARD_SLOTS + 1) * PAGE]
    __attribute__((aligned(4096)));
static struct cairn_heap heap;
static uint8_t *slots[SLOTS];
static unsigned faults;

/* ---- Pages: a first fit under a lock ------------------------------------- */

static pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_used[PAGES];

static bool is_free(size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_used[first + i])
            return false;
    }
    return true;
}

static void *take(void *context, struct cairn_heap_pages *request)
{
    void *start = NULL;

    (void)context;
    pthread_mutex_lock(&pages_lock);
    for (size_t i = 0; start == NULL && i + request->count <= PAGES; i++) {
        if (((uintptr_t)memory / PAGE + i) % request->align == 0 &&
            is_free(i, request->count)) {
            memset(is_used + i, 1, request->count);
            start = memory + i * PAGE;
        }
    }
    pthread_mutex_unlock(&pages_lock);
    return start;
}

static void give(void *context, void *start, size_t count)
{
    (void)context;
    pthread_mutex_lock(&pages_lock);
    memset(is_used + ((uint8_t *)start - memory) / PAGE, 0, count);
    pthread_mutex_unlock(&pages_lock);
}

static bool map(void *context, uintptr_t page)
{
    (void)context, (void)page;
    return true;
}

static void unmap(void *context, uintptr_t page)
{
    (void)context, (void)page;
}

static struct cairn_heap_config configure(void)
{
    static const struct cairn_heap_guards guards = {.start = (uintptr_t)guarded,
                                                    .slots = GUARD_SLOTS,
                                                    .map = map,
                                                    .unmap = unmap};
    struct cairn_heap_config config = cairn_heap_config_default();

    config.level = CAIRN_HEAP_DEBUG;
    config.cpu_count = THREADS;
    config.quarantine_blocks = 40;
    config.guards = &guards;
    config.guard_every = 20;
    config.source.alloc = take;
    config.source.free = give;
    config.source.start = (uintptr_t)memory;
    config.source.end = config.source.start + sizeof(memory);
    return config;
}

static void start(const struct cairn_heap_config *config)
{
    memset(&heap, 0, sizeof(heap));
    memset(is_used, 0, sizeof(is_used));
    memset(slots, 0, sizeof(slots));
    faults = 0;
    CHECK_EQ(cairn_heap_init(&heap, config), CAIRN_OK);
}

static void expect(bool good)
{
    if (!good)
        __atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

static size_t draw(uint64_t *random, size_t limit)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(*random >> 33) % limit;
}

/* The first byte says what the others are; the size stands behind it. */
static void finish(uint8_t *block)
{
    size_t size = cairn_heap_usable_size(&heap, block);

    for (size_t i = 1; i < size; i++)
        expect(block[i] == block[0]);
    if (size % 5 == 0) {
        block = cairn_heap_realloc(&heap, block, size + 40);
        expect(block != NULL && block[size - 1] == block[0]);
    }
    expect(cairn_heap_free(&heap, block) == CAIRN_OK);
}

static void *work(void *argument)
{
    unsigned me = (unsigned)(uintptr_t)argument;
    uint64_t random = me + 1;

    sim_set_cpu(me);
    for (unsigned i = 0; i < 4000; i++) {
        size_t size = 1 + draw(&random, draw(&random, 30) == 0 ? 9000 : 300);
        uint8_t *block = cairn_heap_alloc(&heap, size, 0);

        expect(block != NULL);
        if (block == NULL)
            break;
        memset(block, (int)(i & 0xff), size);
        block = __atomic_exchange_n(&slots[draw(&random, SLOTS)], block,
                                    __ATOMIC_ACQ_REL);
        if (block != NULL)
            finish(block);
        if (i % 1000 == 999)
            cairn_heap_drain(&heap);
    }
    return NULL;
}

CAIRN_TEST(G13_debug_on_many_cpus)
{
    pthread_t threads[THREADS];
    struct cairn_heap_config config = configure();
    struct cairn_heap_stats stats;

    start(&config);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(faults, 0);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i] != NULL)
            finish(slots[i]);
    }
    CHECK_EQ(faults, 0);
    CHECK_EQ(cairn_heap_findings(&heap, NULL), 0);
    cairn_heap_stats(&heap, &stats);
    CHECK_EQ(stats.live_blocks, 0);
    for (unsigned i = 0; i < THREADS; i++)
        cairn_heap_retire_cpu(&heap, i);
    CHECK_EQ(cairn_heap_check(&heap), 0);
}

/* CPU 0 never uses the heap: what is only in its part is not there. */
CAIRN_TEST(G13_debug_on_the_second_cpu_only)
{
    struct cairn_heap_config config = configure();
    uint8_t *block;

    config.starts_retired = true;
    config.guard_every = 0;
    start(&config);
    sim_set_cpu(1);
    cairn_heap_resume_cpu(&heap, 1);
    block = cairn_heap_alloc(&heap, 40, 0);
    CHECK(block != NULL);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    CHECK_EQ(cairn_heap_free(&heap, block), CAIRN_OK);
    cairn_heap_drain(&heap);
    CHECK_EQ(cairn_heap_findings(&heap, NULL), 0);
    sim_set_cpu(0);
}
