/*
 * heap_rules.c - what the interface of the heap promises, rule by rule.
 */
#include "heap_build.h"

#include "base/memory.h"

#define HEAP (&heap_build.heap)

static void *blocks[4096];

HEAP_TEST(G1_calloc_is_zero_and_refuses_what_overflows)
{
    uint8_t *block;

    heap_build_begin(64);
    block = cairn_heap_alloc(HEAP, 600, 0);
    memset(block, 0xff, 600);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    block = cairn_heap_calloc(HEAP, 100, 6);
    for (unsigned i = 0; i < 600; i++)
        CHECK_EQ(block[i], 0);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    CHECK(cairn_heap_calloc(HEAP, SIZE_MAX / 2, 3) == NULL);
    CHECK(cairn_heap_calloc(HEAP, SIZE_MAX, SIZE_MAX) == NULL);
    heap_build_end();
}

HEAP_TEST(G2_every_alignment_is_honoured)
{
    heap_build_begin(128);
    for (size_t align = 1; align <= 32 * 1024; align *= 2) {
        for (size_t size = 1; size < 20000; size = size * 3 + 1) {
            void *block = cairn_heap_alloc_aligned(HEAP, size, align, 0);

            CHECK(block != NULL);
            CHECK_EQ((uintptr_t)block % align, 0);
            CHECK_EQ((uintptr_t)block % CAIRN_HEAP_ALIGN, 0);
            CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
        }
    }
    CHECK(cairn_heap_alloc_aligned(HEAP, 10, 24, 0) == NULL);
    CHECK(cairn_heap_alloc_aligned(HEAP, 10, 0, 0) == NULL);
    heap_build_end();
}

HEAP_TEST(G5_a_heap_grows_until_nothing_is_left)
{
    unsigned count = 0;
    unsigned again = 0;

    heap_build_begin(128);
    while ((blocks[count] = cairn_heap_alloc(HEAP, 200, 0)) != NULL)
        count++;
    CHECK(count > 1000);
    CHECK(cairn_heap_alloc(HEAP, 100000, 0) == NULL);
    heap_build_check();
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(cairn_heap_free(HEAP, blocks[i]), CAIRN_OK);
    while ((blocks[again] = cairn_heap_alloc(HEAP, 200, 0)) != NULL)
        again++;
    CHECK_EQ(again, count);
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(cairn_heap_free(HEAP, blocks[i]), CAIRN_OK);
    heap_build_end();
}

HEAP_TEST(G6_a_page_and_more_comes_straight_from_the_source)
{
    size_t before;
    void *block;

    heap_build_begin(64);
    heap_build.config.keep_bytes = 0;
    CHECK(heap_build_start());
    cairn_heap_free(HEAP, cairn_heap_alloc(HEAP, 4096, 0));
    before = heap_build.used_count;
    block = cairn_heap_alloc(HEAP, 3 * 4096, 0);
    CHECK_EQ((uintptr_t)block % 4096, 0);
    CHECK_EQ(heap_build.used_count, before + 3);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    CHECK_EQ(heap_build.used_count, before);
    heap_build_end();
}

HEAP_TEST(G12_nothing_is_null_or_a_block)
{
    void *block;

    heap_build_begin(64);
    block = cairn_heap_alloc(HEAP, 0, 0);
    CHECK(block != NULL);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    heap_build_end();
    heap_build.config.is_zero_null = true;
    CHECK(heap_build_start());
    CHECK(cairn_heap_alloc(HEAP, 0, 0) == NULL);
    CHECK(cairn_heap_calloc(HEAP, 0, 8) == NULL);
    heap_build_end();
}

/* The first-fit engine gives large blocks back at once. */
static bool is_remembered(size_t size)
{
    return size < 4096 || heap_build.config.engine == CAIRN_HEAP_SLAB;
}

static void check_misuse(size_t size)
{
    uint8_t *block = cairn_heap_alloc(HEAP, size, 0);
    uint8_t *other = cairn_heap_alloc(HEAP, size, 0);

    CHECK_EQ(cairn_heap_free(HEAP, block + 16), CAIRN_NOT_FIRST);
    CHECK_EQ(cairn_heap_free(HEAP, block + 1), CAIRN_NOT_FIRST);
    CHECK_EQ(cairn_heap_free(HEAP, block + size - 1), CAIRN_NOT_FIRST);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(HEAP, block),
             is_remembered(size) ? CAIRN_DOUBLE_FREE : CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_heap_usable_size(HEAP, block), 0);
    CHECK(cairn_heap_realloc(HEAP, block, 10) == NULL);
    CHECK_EQ(cairn_heap_free(HEAP, other), CAIRN_OK);
    heap_build_check();
}

HEAP_TEST(G13_wrong_frees_are_refused_and_do_no_harm)
{
    static uint8_t foreign[64];

    heap_build_begin(200);
    CHECK_EQ(cairn_heap_free(HEAP, NULL), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(HEAP, foreign), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_heap_free(HEAP, (void *)(uintptr_t)0x1000),
             CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_heap_free(HEAP, (void *)UINTPTR_MAX), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_heap_free(HEAP, heap_build.memory), CAIRN_NOT_MEMORY);
    for (size_t size = 17; size < 100000; size = size * 2 + 5)
        check_misuse(size);
    heap_build_end();
}

HEAP_TEST(G13_misuse_is_a_panic_if_the_host_wants_that)
{
    void *block;

    heap_build_prepare(64);
    heap_build.config.misuse = CAIRN_MISUSE_PANIC;
    CHECK(heap_build_start());
    block = cairn_heap_alloc(HEAP, 40, 0);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    CHECK_PANIC((void)cairn_heap_free(HEAP, block), "free already");
    heap_build_end();
}

HEAP_TEST(heap_realloc_keeps_what_fits)
{
    uint8_t *block;

    heap_build_begin(128);
    block = cairn_heap_realloc(HEAP, NULL, 1);
    block[0] = 42;
    for (size_t size = 2; size < 100000; size += size / 2) {
        block = cairn_heap_realloc(HEAP, block, size);
        CHECK(block != NULL);
        CHECK_EQ(block[0], 42);
        CHECK_EQ(block[size / 2 - 1], size == 2 ? 42 : block[size / 2 - 1]);
        block[size - 1] = 7;
        block[0] = 42;
    }
    for (size_t size = 90000; size > 1; size /= 2) {
        block = cairn_heap_realloc(HEAP, block, size);
        CHECK(block != NULL);
        CHECK_EQ(block[0], 42);
    }
    CHECK(cairn_heap_realloc(HEAP, block, 0) == NULL);
    heap_build_end();
}

HEAP_TEST(heap_sized_free_notices_another_size)
{
    void *block;

    heap_build_begin(64);
    block = cairn_heap_alloc(HEAP, 200, 0);
    CHECK_EQ(cairn_heap_free_sized(HEAP, block, 2000), CAIRN_WRONG_SIZE);
    CHECK_EQ(cairn_heap_free_sized(HEAP, block, 20), CAIRN_WRONG_SIZE);
    CHECK_EQ(cairn_heap_free_sized(HEAP, block, 200), CAIRN_OK);
    heap_build_end();
}

HEAP_TEST(heap_many_at_once)
{
    heap_build_begin(64);
    CHECK_EQ(cairn_heap_alloc_many(HEAP, 48, 500, blocks), 500);
    CHECK_EQ(cairn_heap_free_many(HEAP, blocks, 500), 500);
    CHECK_EQ(cairn_heap_free_many(HEAP, blocks, 500), 0);
    heap_build_end();
}

/* Every class, and each refusal of the source at each place. */
HEAP_TEST(heap_refusals_leave_nothing_behind)
{
    for (size_t refuse = 0; refuse < 12; refuse++) {
        heap_build_prepare(16);
        heap_build.refuse_after = refuse;
        if (!heap_build_start())
            continue;
        for (size_t size = 8; size < 10000; size *= 3) {
            void *block = cairn_heap_alloc(HEAP, size, 0);

            heap_build_check();
            CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
        }
        heap_build_end();
    }
}
