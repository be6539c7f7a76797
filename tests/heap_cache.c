/*
 * heap_cache.c - typed caches: what they promise.
 */
#include "heap_build.h"
#include "heap_cache_model.h"

#include "base/memory.h"
#include <cairn/cache.h>

#define HEAP   (&heap_build.heap)
#define CACHES 4
#define MAGIC  0x5ca1ab1eu

/* Every object that tests make begins with that. */
struct object {
    uint32_t magic; /* of the cache; set by the constructor */
    uint32_t mark;  /* 0 as constructed */
};

static struct cairn_object_cache caches[CACHES];
static size_t made; /* calls of constructors */

static void construct(void *context, void *object)
{
    struct object *made_now = object;

    made_now->magic = MAGIC + (uint32_t)(uintptr_t)context;
    made_now->mark = 0;
    made++;
}

static struct cairn_cache_config config_of(unsigned nth, size_t size,
                                           size_t align)
{
    struct cairn_cache_config config = {
        .name = "objects",
        .size = size,
        .align = align,
        .constructor = construct,
        .context = (void *)(uintptr_t)nth,
    };

    return config;
}

static void start(unsigned nth, size_t size, size_t align)
{
    struct cairn_cache_config config = config_of(nth, size, align);

    CHECK_EQ(cairn_cache_init(&caches[nth], HEAP, &config), CAIRN_OK);
}

static struct object *take(unsigned nth)
{
    struct object *object = cairn_cache_alloc(&caches[nth], 0);

    if (object != NULL) {
        CHECK_EQ((uintptr_t)object % caches[nth].config.align, 0);
        CHECK_EQ(object->magic, MAGIC + nth);
        CHECK_EQ(object->mark, 0);
    }
    return object;
}

static void check_all(void)
{
    heap_build_check();
    for (unsigned i = 0; i < CACHES; i++)
        CHECK_EQ(cairn_cache_check(&caches[i]), 0);
}

static void begin(size_t pages)
{
    memset(caches, 0, sizeof(caches));
    made = 0;
    heap_build_begin(pages);
}

static struct cairn_cache_stats stats_of(unsigned nth)
{
    struct cairn_cache_stats stats;

    cairn_cache_stats(&caches[nth], &stats);
    return stats;
}

/* ---- Rules --------------------------------------------------------------- */

CAIRN_TEST(cache_arguments_are_checked)
{
    struct cairn_cache_config config = config_of(0, 40, 0);
    static struct cairn_heap none;

    begin(32);
    CHECK_EQ(cairn_cache_init(&caches[0], &none, &config), CAIRN_NOT_FOUND);
    config.size = 0;
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_BAD_ARGUMENT);
    config.size = CAIRN_CACHE_SIZE_MAX + 1;
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_BAD_ARGUMENT);
    config.size = 40;
    config.align = 24;
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_BAD_ARGUMENT);
    config.align = 8192;
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_BAD_ARGUMENT);
    config.align = 64;
    config.colour = 96;
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_BAD_ARGUMENT);
    config.colour = 0;
    config.name = NULL;
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_BAD_ARGUMENT);
    config.name = "objects";
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_OK);
    CHECK_EQ(cairn_cache_init(&caches[0], HEAP, &config), CAIRN_IN_USE);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(cache_objects_keep_their_state)
{
    struct object *object;
    void *first;
    size_t once;

    begin(64);
    start(0, 200, 0);
    object = take(0);
    once = made;
    CHECK_EQ(stats_of(0).constructed, once);
    first = object;
    memset(object + 1, 0x77, 200 - sizeof(*object));
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
    object = take(0);
    CHECK(object == first);
    CHECK_EQ(((uint8_t *)object)[199], 0x77);
    CHECK_EQ(made, once);
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(cache_zeroes_if_asked)
{
    uint8_t *object;

    begin(64);
    start(0, 200, 0);
    object = cairn_cache_alloc(&caches[0], CAIRN_HEAP_ZEROED);
    for (unsigned i = 0; i < 200; i++)
        CHECK_EQ(object[i], 0);
    construct(NULL, object);
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(cache_with_live_objects_is_not_destroyed)
{
    struct object *object;

    begin(64);
    start(0, 64, 0);
    object = take(0);
    CHECK_EQ(stats_of(0).live, 1);
    CHECK_EQ(stats_of(0).slabs, 1);
    CHECK_EQ(stats_of(0).slab_bytes, 4096);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_IN_USE);
    CHECK(cairn_cache_next(HEAP, NULL) == &caches[0]);
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
    CHECK_EQ(stats_of(0).live, 0);
    CHECK_EQ(stats_of(0).free, 64);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    CHECK(cairn_cache_next(HEAP, NULL) == NULL);
    CHECK_EQ(cairn_heap_free(HEAP, object), CAIRN_NOT_MEMORY);
    heap_build_end();
}

CAIRN_TEST(G13_cache_wrong_frees_are_refused)
{
    struct object *object;
    struct object *other;
    void *block;

    begin(64);
    start(0, 96, 0);
    start(1, 96, 0);
    object = take(0);
    other = take(1);
    block = cairn_heap_alloc(HEAP, 96, 0);
    CHECK_EQ(cairn_cache_free(&caches[0], NULL), CAIRN_OK);
    CHECK_EQ(cairn_cache_free(&caches[0], other), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_cache_free(&caches[1], object), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_cache_free(&caches[0], block), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_cache_free(&caches[0], caches), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_cache_free(&caches[0], object + 1), CAIRN_NOT_FIRST);
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_DOUBLE_FREE);
    CHECK_EQ(cairn_heap_free(HEAP, object), CAIRN_DOUBLE_FREE);
    check_all();
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    CHECK_EQ(cairn_cache_free(&caches[1], other), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[1]), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(cache_misuse_is_a_panic_if_the_host_wants_that)
{
    struct object *object;

    memset(caches, 0, sizeof(caches));
    heap_build_prepare(64);
    heap_build.config.misuse = CAIRN_MISUSE_PANIC;
    CHECK(heap_build_start());
    start(0, 40, 0);
    object = take(0);
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
    CHECK_PANIC((void)cairn_cache_free(&caches[0], object), "cache objects:");
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

/* The heap's free is as good: the object comes back to its cache. */
CAIRN_TEST(cache_objects_may_be_freed_to_the_heap)
{
    void *objects[64];

    begin(64);
    start(0, 64, 0);
    for (unsigned i = 0; i < 64; i++)
        objects[i] = take(0);
    CHECK_EQ(stats_of(0).slabs, 1);
    for (unsigned i = 0; i < 64; i++) {
        CHECK_EQ(cairn_heap_usable_size(HEAP, objects[i]), 64);
        CHECK_EQ(cairn_heap_free(HEAP, objects[i]), CAIRN_OK);
    }
    CHECK_EQ(stats_of(0).live, 0);
    check_all();
    for (unsigned i = 0; i < 64; i++)
        objects[i] = take(0);
    CHECK_EQ(made, 64);
    for (unsigned i = 0; i < 64; i++)
        CHECK_EQ(cairn_cache_free(&caches[0], objects[i]), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

/* 5 objects of 720 bytes are 3600 of a page's 4096: 496 are for colours. */
CAIRN_TEST(cache_slabs_have_colours)
{
    static void *objects[200];
    bool is_seen[64] = {false};
    unsigned seen = 0;
    size_t spare;

    begin(200);
    start(0, 720, 0);
    spare = caches[0].pages * 4096 % 720;
    for (unsigned i = 0; i < 200; i++) {
        uintptr_t offset;

        objects[i] = take(0);
        offset = (uintptr_t)objects[i] & 4095;
        if (offset <= spare && offset % 64 == 0)
            is_seen[offset / 64] = true;
        if (offset == 64)
            CHECK_EQ(cairn_cache_free(&caches[0], (uint8_t *)objects[i] - 16),
                     CAIRN_NOT_FIRST);
    }
    for (unsigned i = 0; i < 64; i++)
        seen += is_seen[i];
    CHECK(seen >= 4);
    check_all();
    for (unsigned i = 0; i < 200; i++)
        CHECK_EQ(cairn_cache_free(&caches[0], objects[i]), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

static void try_size(size_t size, size_t align)
{
    void *objects[24];

    CHECK(heap_build_start());
    start(0, size, align);
    for (unsigned i = 0; i < 24; i++) {
        objects[i] = take(0);
        CHECK(objects[i] != NULL);
        memset((struct object *)objects[i] + 1, 0xee,
               size - sizeof(struct object));
    }
    check_all();
    for (unsigned i = 0; i < 24; i++) {
        CHECK_EQ(((struct object *)objects[i])->magic, MAGIC);
        CHECK_EQ(cairn_cache_free(&caches[0], objects[i]), CAIRN_OK);
    }
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(cache_of_any_size_and_alignment)
{
    heap_build_prepare(250);
    memset(caches, 0, sizeof(caches));
    for (size_t size = sizeof(struct object); size <= 12000;
         size += size / 2 + 8) {
        for (size_t align = 1; align <= 4096; align *= 8)
            try_size(size, align);
    }
    try_size(CAIRN_CACHE_SIZE_MAX / 2, 0);
}

/* At the end of memory slabs are as small as they can be. */
CAIRN_TEST(cache_refusals_leave_nothing_behind)
{
    struct object *object;

    heap_build_prepare(24);
    for (size_t refuse = 2; refuse < 12; refuse++) {
        struct cairn_cache_config config = config_of(0, 1400, 0);

        memset(caches, 0, sizeof(caches));
        heap_build.refuse_after = refuse;
        if (!heap_build_start() ||
            cairn_cache_init(&caches[0], HEAP, &config) != CAIRN_OK)
            continue;
        object = take(0);
        check_all();
        CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
        CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
        heap_build_end();
    }
}

/* Pages are left, but no two of them together. */
CAIRN_TEST(cache_slabs_may_be_smaller)
{
    static void *blocks[40];
    unsigned count = 0;
    void *object;

    begin(40);
    start(0, 704, 0);
    CHECK_EQ(caches[0].pages, 2);
    while ((blocks[count] = cairn_heap_alloc(HEAP, 4096, 0)) != NULL)
        count++;
    CHECK_EQ(cairn_heap_free(HEAP, blocks[--count]), CAIRN_OK);
    object = take(0);
    CHECK(object != NULL);
    CHECK_EQ(stats_of(0).slab_bytes, 4096);
    check_all();
    while (count > 0)
        CHECK_EQ(cairn_heap_free(HEAP, blocks[--count]), CAIRN_OK);
    CHECK_EQ(cairn_cache_free(&caches[0], object), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(cache_gives_way_when_memory_is_out)
{
    void *large;

    begin(24);
    start(0, 2000, 0);
    CHECK_EQ(cairn_cache_free(&caches[0], take(0)), CAIRN_OK);
    CHECK_EQ(stats_of(0).slabs, 1);
    large = cairn_heap_alloc(HEAP, (24 - heap_build.used_count + 1) * 4096, 0);
    CHECK(large != NULL);
    CHECK_EQ(stats_of(0).slabs, 0);
    CHECK_EQ(cairn_heap_free(HEAP, large), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&caches[0]), CAIRN_OK);
    heap_build_end();
}

/* ---- Random calls -------------------------------------------------------- */

CAIRN_TEST(cache_random_calls_agree_with_a_model)
{
    cache_model_run(test_rounds(20000), 1, NULL);
}
