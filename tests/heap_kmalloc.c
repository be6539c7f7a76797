/*
 * heap_kmalloc.c - the calls of one heap for everybody.
 */
#include "heap_build.h"

#include <cairn/kmalloc.h>

static struct cairn_heap *former;

static void begin(void)
{
    heap_build_begin(64);
    former = cairn_kmalloc_heap();
    cairn_kmalloc_use(&heap_build.heap);
}

static void end(void)
{
    cairn_kmalloc_use(former);
    heap_build_end();
}

CAIRN_TEST(G1_kmalloc_kcalloc_krealloc_kfree)
{
    uint8_t *block;
    uint8_t *other;

    begin();
    block = kmalloc(100);
    CHECK(block != NULL);
    CHECK_EQ((uintptr_t)block % CAIRN_HEAP_ALIGN, 0);
    for (unsigned i = 0; i < 100; i++)
        block[i] = (uint8_t)i;
    other = kcalloc(10, 10);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(other[i], 0);
    CHECK(kcalloc(SIZE_MAX / 8, 9) == NULL);
    block = krealloc(block, 3000);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(block[i], i);
    CHECK(kfree(other));
    CHECK(krealloc(block, 0) == NULL);
    CHECK(!kfree(block));
    end();
}

CAIRN_TEST(G2_kmalloc_at_any_alignment)
{
    void *block;

    begin();
    for (size_t align = 1; align <= 8192; align *= 2) {
        block = cairn_kmalloc_aligned(24, align);
        CHECK(block != NULL);
        CHECK_EQ((uintptr_t)block % align, 0);
        CHECK(kfree(block));
    }
    CHECK(cairn_kmalloc_aligned(24, 3) == NULL);
    end();
}

CAIRN_TEST(G13_kfree_tells)
{
    uint64_t here[4];
    uint8_t *block;

    begin();
    block = kmalloc(64);
    CHECK(kfree(NULL));
    CHECK(!kfree(here));
    CHECK(!kfree(block + 16));
    CHECK(kfree(block));
    CHECK(!kfree(block));
    end();
}

CAIRN_TEST(G10_without_a_heap_there_is_no_memory)
{
    struct cairn_heap *heap = cairn_kmalloc_heap();
    int here;

    cairn_kmalloc_use(NULL);
    CHECK(kmalloc(1) == NULL);
    CHECK(cairn_kmalloc_aligned(1, 64) == NULL);
    CHECK(kcalloc(1, 1) == NULL);
    CHECK(krealloc(NULL, 1) == NULL);
    CHECK(kfree(NULL));
    CHECK(!kfree(&here));
    cairn_kmalloc_use(heap);
    CHECK(cairn_kmalloc_heap() == heap);
}

CAIRN_TEST(heap_reclaim_gives_back_what_is_kept)
{
    static struct cairn_heap none;
    size_t before;

    CHECK(!cairn_heap_reclaim(&none, 1));
    heap_build_begin(64);
    CHECK_EQ(cairn_heap_free(&heap_build.heap,
                             cairn_heap_alloc(&heap_build.heap, 40000, 0)),
             CAIRN_OK);
    before = heap_build.used_count;
    CHECK(cairn_heap_reclaim(&heap_build.heap, 1));
    CHECK(heap_build.used_count < before);
    CHECK(!cairn_heap_reclaim(&heap_build.heap, 1));
    heap_build_end();
}
