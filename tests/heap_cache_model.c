/*
 * heap_cache_model.c - random calls of typed caches against a plain model.
 *
 * MODEL  Which objects live, of which cache, and what was written into them.
 *        An object is filled while it lives, and is as constructed again when
 *        it is freed; its constructor must not have run meanwhile.  Blocks of
 *        the heap come and go between them.
 */
#include "heap_cache_model.h"

#include "base/memory.h"
#include <cairn/cache.h>

#define HEAP   (&heap_build.heap)
#define CACHES 4
#define LIVE   400
#define PAGES  240
#define MAGIC  0xc0de0000u

struct object {
    uint32_t magic; /* of the cache */
    uint32_t times; /* how often it was freed since it was made */
};

static const struct {
    size_t size;
    size_t align;
} kinds[CACHES] = {{24, 0}, {200, 64}, {1100, 0}, {5000, 16}};

static struct cairn_object_cache caches[CACHES];
static size_t made[CACHES];
static size_t live_of[CACHES];

static struct {
    uint8_t *start;
    unsigned kind; /* CACHES: a block of the heap */
    size_t size;
    uint8_t mark;
} live[LIVE];

static uint8_t next_mark;

static void construct(void *context, void *object)
{
    unsigned kind = (unsigned)(uintptr_t)context;
    struct object *new_object = object;

    new_object->magic = MAGIC + kind;
    new_object->times = 0;
    made[kind]++;
}

static void start(void)
{
    memset(live, 0, sizeof(live));
    memset(made, 0, sizeof(made));
    memset(live_of, 0, sizeof(live_of));
    memset(caches, 0, sizeof(caches));
    for (unsigned i = 0; i < CACHES; i++) {
        const struct cairn_cache_config config = {
            .name = "model",
            .size = kinds[i].size,
            .align = kinds[i].align,
            .constructor = construct,
            .context = (void *)(uintptr_t)i,
        };

        CHECK_EQ(cairn_cache_init(&caches[i], HEAP, &config), CAIRN_OK);
    }
}

/* Nobody else has any of it. */
static void enter(unsigned nth)
{
    uint8_t *start = live[nth].start;

    for (unsigned i = 0; i < LIVE; i++) {
        if (i != nth && live[i].start != NULL)
            CHECK(start + live[nth].size <= live[i].start ||
                  live[i].start + live[i].size <= start);
    }
}

/* An object keeps its first words. */
static size_t head_of(unsigned nth)
{
    return live[nth].kind == CACHES ? 0 : sizeof(struct object);
}

static void alloc_one(unsigned nth)
{
    unsigned kind = test_random_below(CACHES + 1);
    const struct object *object;

    live[nth].kind = kind;
    if (kind == CACHES) {
        live[nth].size = 1 + test_random_below(3000);
        live[nth].start = cairn_heap_alloc(HEAP, live[nth].size, 0);
    } else {
        live[nth].size = kinds[kind].size;
        live[nth].start = cairn_cache_alloc(&caches[kind], 0);
    }
    if (live[nth].start == NULL)
        return;
    enter(nth);
    if (kind != CACHES) {
        object = (const struct object *)live[nth].start;
        CHECK_EQ(object->magic, MAGIC + kind);
        CHECK_EQ((uintptr_t)object % caches[kind].config.align, 0);
        live_of[kind]++;
    }
    live[nth].mark = ++next_mark;
    memset(live[nth].start + head_of(nth), live[nth].mark,
           live[nth].size - head_of(nth));
}

static enum cairn_status give(unsigned nth)
{
    if (live[nth].kind == CACHES || test_random_once_in(8))
        return cairn_heap_free(HEAP, live[nth].start);
    return cairn_cache_free(&caches[live[nth].kind], live[nth].start);
}

static void free_one(unsigned nth)
{
    struct object *object = (struct object *)live[nth].start;

    for (size_t i = head_of(nth); i < live[nth].size; i++)
        CHECK_EQ(live[nth].start[i], live[nth].mark);
    if (live[nth].kind != CACHES) {
        CHECK_EQ(object->magic, MAGIC + live[nth].kind);
        object->times++;
        live_of[live[nth].kind]--;
    }
    CHECK_EQ(give(nth), CAIRN_OK);
    if (test_random_once_in(4))
        CHECK(give(nth) != CAIRN_OK);
    live[nth].start = NULL;
}

static void check(void)
{
    struct cairn_cache_stats stats;

    heap_build_check();
    for (unsigned i = 0; i < CACHES; i++) {
        CHECK_EQ(cairn_cache_check(&caches[i]), 0);
        cairn_cache_stats(&caches[i], &stats);
        CHECK_EQ(stats.live, live_of[i]);
        CHECK_EQ(stats.constructed, made[i]);
    }
}

static void step(void (*between)(void))
{
    unsigned nth = test_random_below(LIVE);

    if (live[nth].start == NULL)
        alloc_one(nth);
    else
        free_one(nth);
    if (between != NULL && test_random_once_in(5))
        between();
    if (test_random_once_in(200))
        check();
    if (test_random_once_in(1000))
        cairn_heap_drain(HEAP);
    if (test_random_once_in(50))
        heap_build.refuse_after = test_random_below(4);
    if (test_random_once_in(50))
        heap_build.refuse_after = SIZE_MAX;
}

void cache_model_run(uint32_t steps, unsigned cpu_count, void (*between)(void))
{
    heap_build_prepare(PAGES);
    heap_build.config.cpu_count = cpu_count;
    CHECK(heap_build_start());
    start();
    for (; steps > 0; steps--)
        step(between);
    for (unsigned i = 0; i < LIVE; i++) {
        if (live[i].start != NULL)
            free_one(i);
    }
    check();
    for (unsigned i = 0; i < CACHES; i++)
        CHECK_EQ(cairn_cache_destroy(&caches[i]), CAIRN_OK);
    if (cpu_count == 1)
        heap_build_end();
    heap_build_check();
}
