/*
 * heap_cache_threads.c - several CPUs at once use a heap and a typed cache:
 * each thread is a CPU, and frees what others have allocated.
 */
#include "harness/test.h"
#include "sim/platform.h"

#include <cairn/cache.h>
#include <pthread.h>
#include <string.h>

#define CPUS   4
#define PAGES  ((size_t)1024)
#define SHARED 256 /* blocks that change hands */
#define ROUNDS 40000
#define SIZE   120

static _Alignas(CAIRN_FRAME_SIZE) uint8_t memory[PAGES][CAIRN_FRAME_SIZE];
static uint8_t is_used[PAGES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct cairn_heap heap;
static struct cairn_object_cache cache;
static uint64_t *objects[SHARED]; /* atomic */
static uint64_t *blocks[SHARED];  /* atomic */
static unsigned wrong;            /* atomic */

static bool is_free_run(size_t first, size_t count)
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
    pthread_mutex_lock(&lock);
    for (size_t i = 0; start == NULL && i + request->count <= PAGES; i++) {
        if (is_free_run(i, request->count)) {
            memset(is_used + i, 1, request->count);
            start = memory[i];
        }
    }
    pthread_mutex_unlock(&lock);
    return start;
}

static void give(void *context, void *start, size_t count)
{
    (void)context;
    pthread_mutex_lock(&lock);
    memset(is_used + ((uint8_t *)start - memory[0]) / CAIRN_FRAME_SIZE, 0,
           count);
    pthread_mutex_unlock(&lock);
}

static void construct(void *context, void *object)
{
    uint64_t *words = object;

    (void)context;
    words[0] = 0;
    words[1] = (uintptr_t)object;
}

static void expect(bool is_good)
{
    if (!is_good)
        __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

/* Put an object into the slot, and free what was in it. */
static void change_object(uint64_t **slot, uint64_t mark)
{
    uint64_t *object = mark == 0 ? NULL : cairn_cache_alloc(&cache, 0);

    if (object != NULL) {
        expect(object[0] == 0 && object[1] == (uintptr_t)object);
        object[0] = mark;
        object[2] = mark;
    }
    object = __atomic_exchange_n(slot, object, __ATOMIC_ACQ_REL);
    if (object != NULL) {
        expect(object[0] == object[2]);
        object[0] = 0;
        expect(cairn_cache_free(&cache, object) == CAIRN_OK);
    }
}

static void change_block(uint64_t **slot, uint64_t mark)
{
    uint64_t *block =
        mark == 0 ? NULL
                  : cairn_heap_alloc(&heap, 16 + (size_t)(mark % 700), 0);

    if (block != NULL) {
        block[0] = mark;
        block[1] = ~mark;
    }
    block = __atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL);
    if (block != NULL) {
        expect(block[0] == ~block[1]);
        expect(cairn_heap_free(&heap, block) == CAIRN_OK);
    }
}

static void *run(void *number)
{
    uint64_t state = 1 + (uintptr_t)number;

    sim_set_cpu((unsigned)(uintptr_t)number);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        change_object(&objects[state >> 40 & (SHARED - 1)], state >> 33 | 1);
        change_block(&blocks[state >> 48 & (SHARED - 1)], state >> 33 | 1);
        if (i % 4096 == 0)
            cairn_heap_drain(&heap);
    }
    return NULL;
}

static void start(void)
{
    struct cairn_heap_config config = cairn_heap_config_default();
    const struct cairn_cache_config kind = {
        .name = "shared", .size = SIZE, .constructor = construct};

    config.cpu_count = CPUS;
    config.source.alloc = take;
    config.source.free = give;
    config.source.start = (uintptr_t)memory;
    config.source.end = (uintptr_t)memory + sizeof(memory);
    memset(&heap, 0, sizeof(heap));
    memset(&cache, 0, sizeof(cache));
    memset(is_used, 0, sizeof(is_used));
    wrong = 0;
    CHECK_EQ(cairn_heap_init(&heap, &config), CAIRN_OK);
    CHECK_EQ(cairn_cache_init(&cache, &heap, &kind), CAIRN_OK);
}

CAIRN_TEST(K1_K2_a_heap_and_a_typed_cache_of_several_cpus)
{
    pthread_t threads[CPUS];
    struct cairn_heap_stats stats;

    start();
    for (uintptr_t i = 0; i < CPUS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)i), 0);
    for (unsigned i = 0; i < CPUS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < SHARED; i++) {
        change_object(&objects[i], 0);
        change_block(&blocks[i], 0);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    CHECK_EQ(cairn_cache_check(&cache), 0);
    CHECK_EQ(cairn_cache_destroy(&cache), CAIRN_OK);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    cairn_heap_stats(&heap, &stats);
    CHECK_EQ(stats.live_blocks, 0);
}
