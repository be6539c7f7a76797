/*
 * heap_pitfalls.c - defects that heaps of such kernels really had: each of
 * these was once wrong somewhere.
 */
#include "heap_build.h"

#include "base/memory.h"

#define HEAP (&heap_build.heap)

static uint8_t *blocks[1024];

static void give(void *block)
{
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
}

/* A search that was confined to the first heap page. */
HEAP_TEST(pitfall_blocks_of_later_heap_pages_can_be_freed)
{
    unsigned count = 0;

    heap_build_begin(128);
    while (count < 300)
        blocks[count++] = cairn_heap_alloc(HEAP, 1000, 0);
    while (count > 0)
        give(blocks[--count]);
    heap_build_end();
}

/* A request of 3 bytes that left all later blocks at odd addresses. */
HEAP_TEST(pitfall_odd_sizes_leave_no_block_unaligned)
{
    heap_build_begin(64);
    for (unsigned i = 0; i < 64; i++) {
        blocks[i] = cairn_heap_alloc(HEAP, 2 * i + 1, 0);
        CHECK_EQ((uintptr_t)blocks[i] % CAIRN_HEAP_ALIGN, 0);
    }
    for (unsigned i = 0; i < 64; i++)
        give(blocks[i]);
    heap_build_end();
}

/* A second free that was told to be a success. */
HEAP_TEST(pitfall_a_double_free_is_no_success)
{
    heap_build_begin(64);
    blocks[0] = cairn_heap_alloc(HEAP, 40, 0);
    blocks[1] = cairn_heap_alloc(HEAP, 40, 0);
    give(blocks[0]);
    CHECK_EQ(cairn_heap_free(HEAP, blocks[0]), CAIRN_DOUBLE_FREE);
    blocks[2] = cairn_heap_alloc(HEAP, 40, 0);
    blocks[3] = cairn_heap_alloc(HEAP, 40, 0);
    CHECK(blocks[2] != blocks[3]);
    for (unsigned i = 1; i < 4; i++)
        give(blocks[i]);
    heap_build_end();
}

/* Merging only with the next segment: holes that grew smaller and smaller. */
HEAP_TEST(pitfall_freed_neighbours_join_in_every_order)
{
    heap_build_begin(64);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 400; i++)
            blocks[i] = cairn_heap_alloc(HEAP, 48, 0);
        for (unsigned i = 0; i < 400; i++)
            give(blocks[round == 0 ? i : 399 - i]);
        cairn_heap_drain(HEAP);
        blocks[0] = cairn_heap_alloc(HEAP, 40 * 4096, 0);
        CHECK(blocks[0] != NULL);
        give(blocks[0]);
    }
    heap_build_end();
}

/* A free that wrote over the header of the next block, which was in use. */
HEAP_TEST(pitfall_freeing_two_neighbours_spares_the_third)
{
    heap_build_begin(64);
    for (unsigned i = 0; i < 3; i++) {
        blocks[i] = cairn_heap_alloc(HEAP, 100, 0);
        memset(blocks[i], 0x20 + (int)i, 100);
    }
    give(blocks[0]);
    give(blocks[1]);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(blocks[2][i], 0x22);
    CHECK(cairn_heap_usable_size(HEAP, blocks[2]) >= 100);
    give(blocks[2]);
    heap_build_end();
}

/* num * size that wrapped, and gave a block that was too small. */
HEAP_TEST(pitfall_calloc_does_not_wrap)
{
    heap_build_begin(64);
    CHECK(cairn_heap_calloc(HEAP, SIZE_MAX / 16 + 2, 16) == NULL);
    CHECK(cairn_heap_alloc(HEAP, SIZE_MAX, 0) == NULL);
    CHECK(cairn_heap_alloc(HEAP, SIZE_MAX - 4095, 0) == NULL);
    CHECK(cairn_heap_alloc_aligned(HEAP, 1, SIZE_MAX / 2 + 1, 0) == NULL);
    heap_build_end();
}

/* Shrinking to a size that almost fits, which lost the bytes between. */
HEAP_TEST(pitfall_no_byte_is_lost_by_splitting)
{
    size_t total;

    heap_build_begin(64);
    for (unsigned i = 0; i < 1000; i++) {
        blocks[0] = cairn_heap_alloc(HEAP, 1 + i % 200, 0);
        blocks[1] = cairn_heap_alloc(HEAP, 200 - i % 200, 0);
        give(blocks[0]);
        blocks[2] = cairn_heap_alloc(HEAP, 1 + i * 7 % 190, 0);
        give(blocks[1]);
        give(blocks[2]);
    }
    heap_build_check();
    cairn_heap_drain(HEAP);
    total = heap_build.used_count;
    CHECK(total < 40);
    heap_build_end();
}

/* No memory: a null dereferenced, or a halt.  Here it is NULL, and repeated. */
HEAP_TEST(pitfall_no_memory_is_survived)
{
    unsigned count = 0;

    heap_build_begin(32);
    while ((blocks[count] = cairn_heap_alloc(HEAP, 900, 0)) != NULL)
        count++;
    for (unsigned i = 0; i < 10; i++)
        CHECK(cairn_heap_alloc(HEAP, 900, 0) == NULL);
    give(blocks[--count]);
    blocks[count] = cairn_heap_alloc(HEAP, 900, 0);
    CHECK(blocks[count] != NULL);
    for (count++; count > 0; count--)
        give(blocks[count - 1]);
    heap_build_end();
}

/* Each request for pages refused, one after the other, in a larger job. */
HEAP_TEST(heap_each_refused_page_request_changes_nothing)
{
    heap_build_prepare(64);
    for (size_t refuse = 0; refuse < 40; refuse++) {
        unsigned count = 0;

        heap_build.refuse_after = refuse;
        if (!heap_build_start())
            continue;
        for (size_t size = 10; size < 20000; size += size / 3 + 1) {
            blocks[count] = cairn_heap_alloc(HEAP, size, CAIRN_HEAP_ZEROED);
            heap_build_check();
            count += blocks[count] != NULL;
        }
        heap_build.refuse_after = SIZE_MAX;
        while (count > 0)
            give(blocks[--count]);
        heap_build_end();
    }
}

/* What a language's allocator asks for: layout in, layout out. */
HEAP_TEST(G14_an_allocator_with_layouts_can_sit_on_the_same_calls)
{
    heap_build_begin(128);
    for (size_t align = 1; align <= 4096; align *= 4) {
        for (size_t size = 1; size < 9000; size = size * 5 + 3) {
            blocks[0] = cairn_heap_alloc_aligned(HEAP, size, align, 0);
            CHECK(blocks[0] != NULL);
            CHECK_EQ((uintptr_t)blocks[0] % align, 0);
            give(blocks[0]);
        }
    }
    blocks[0] = cairn_heap_alloc(HEAP, 300, 0);
    CHECK_EQ(cairn_heap_free_sized(HEAP, blocks[0], 300), CAIRN_OK);
    heap_build_end();
}

HEAP_TEST(G15_what_is_in_use_is_counted)
{
    struct cairn_heap_stats stats;
    size_t usable = 0;

    heap_build_begin(128);
    for (unsigned i = 0; i < 50; i++) {
        blocks[i] = cairn_heap_alloc(HEAP, 10 + i * 150, 0);
        usable += cairn_heap_usable_size(HEAP, blocks[i]);
    }
    cairn_heap_stats(HEAP, &stats);
    CHECK_EQ(stats.live_blocks, 50);
    CHECK_EQ(stats.live_bytes, usable);
    CHECK_EQ(stats.source_bytes, heap_build.used_count * 4096);
    CHECK(stats.live_bytes + stats.kept_bytes + stats.meta_bytes <=
          stats.source_bytes);
    for (unsigned i = 0; i < 50; i++)
        give(blocks[i]);
    heap_build_end();
}
