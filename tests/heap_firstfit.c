/*
 * heap_firstfit.c - what the first-fit engine promises besides: where blocks
 * come to lie, how they join, what one can see.
 */
#include "heap_build.h"

#include "base/memory.h"
#include "heap/firstfit.h"

#define HEAP   (&heap_build.heap)
#define BLOCKS 256

static uint8_t *blocks[BLOCKS];

static void begin(size_t pages)
{
    heap_build.engine = CAIRN_HEAP_FIRSTFIT;
    heap_build_begin(pages);
    heap_build.engine = CAIRN_HEAP_SLAB;
}

static void take(unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        blocks[i] = cairn_heap_alloc(HEAP, size, 0);
        CHECK(blocks[i] != NULL);
    }
}

static void give(void *block)
{
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
}

/* ---- Segments as a walk shows them --------------------------------------- */

static struct {
    unsigned segments;
    unsigned free_segments;
    size_t free_bytes;
    size_t bytes;
    uintptr_t end;
} seen;

static bool see(void *context, const struct cairn_heap_block *block)
{
    (void)context;
    CHECK((uintptr_t)block->start >= seen.end);
    seen.end = (uintptr_t)block->start + block->bytes;
    seen.segments++;
    seen.bytes += block->bytes;
    if (block->is_free) {
        seen.free_segments++;
        seen.free_bytes += block->bytes;
    }
    return true;
}

static void look(void)
{
    memset(&seen, 0, sizeof(seen));
    cairn_heap_walk(HEAP, see, NULL);
    heap_build_check();
}

/* ---- Where blocks come to lie -------------------------------------------- */

CAIRN_TEST(G3_blocks_lie_side_by_side_and_split_what_is_free)
{
    begin(64);
    take(3, 100);
    CHECK_EQ(blocks[1] - blocks[0], 112);
    CHECK_EQ(blocks[2] - blocks[1], 112);
    give(blocks[0]);
    CHECK(cairn_heap_alloc(HEAP, 40, 0) == blocks[0]);
    CHECK(cairn_heap_alloc(HEAP, 60, 0) == blocks[0] + 48);
    give(blocks[0]);
    give(blocks[0] + 48);
    give(blocks[1]);
    give(blocks[2]);
    heap_build_end();
}

/* All orders of three neighbours, between two that stay. */
CAIRN_TEST(G3_any_three_adjacent_frees_give_one_block)
{
    static const uint8_t orders[6][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3},
                                         {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};

    begin(64);
    for (unsigned i = 0; i < 6; i++) {
        take(5, 16 + 100 * i);
        for (unsigned j = 0; j < 3; j++)
            give(blocks[orders[i][j]]);
        look();
        CHECK_EQ(seen.free_segments, 2); /* and the rest of the heap page */
        CHECK(cairn_heap_alloc(HEAP, (size_t)(blocks[4] - blocks[1]), 0) ==
              blocks[1]);
        give(blocks[1]);
        give(blocks[0]);
        give(blocks[4]);
        look();
        CHECK_EQ(seen.segments, 1);
    }
    heap_build_end();
}

CAIRN_TEST(G3_the_lowest_place_that_fits_is_taken)
{
    begin(128);
    take(BLOCKS, 320);
    give(blocks[200]);
    give(blocks[100]);
    give(blocks[101]);
    give(blocks[30]);
    CHECK(cairn_heap_alloc(HEAP, 500, 0) == blocks[100]);
    CHECK(cairn_heap_alloc(HEAP, 310, 0) == blocks[30]);
    CHECK(cairn_heap_alloc(HEAP, 130, 0) == blocks[100] + 512);
    CHECK(cairn_heap_alloc(HEAP, 310, 0) == blocks[200]);
    give(blocks[100] + 512);
    for (unsigned i = 0; i < BLOCKS; i++)
        (void)(i != 101 ? cairn_heap_free(HEAP, blocks[i]) : CAIRN_OK);
    heap_build_end();
}

/* First fit as it is written down: the lowest address of all free segments. */
static uintptr_t lowest_fit;
static size_t wanted;

static bool fit(void *context, const struct cairn_heap_block *block)
{
    (void)context;
    if (!block->is_free || block->bytes < wanted)
        return true;
    lowest_fit = (uintptr_t)block->start;
    return false;
}

CAIRN_TEST(G3_first_fit_is_what_a_search_from_the_head_would_find)
{
    begin(200);
    memset(blocks, 0, sizeof(blocks));
    for (uint32_t i = test_rounds(20000); i > 0; i--) {
        unsigned nth = test_random_below(BLOCKS);

        if (blocks[nth] != NULL) {
            give(blocks[nth]);
            blocks[nth] = NULL;
            continue;
        }
        wanted = 1 + test_random_below(test_random_once_in(9) ? 4095 : 300);
        lowest_fit = 0;
        cairn_heap_walk(HEAP, fit, NULL);
        blocks[nth] = cairn_heap_alloc(HEAP, wanted, 0);
        CHECK(blocks[nth] != NULL);
        if (lowest_fit != 0)
            CHECK_EQ((uintptr_t)blocks[nth], lowest_fit);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        (void)cairn_heap_free(HEAP, blocks[i]);
    heap_build_end();
}

CAIRN_TEST(heap_aligned_holes_are_used_again)
{
    size_t before;

    begin(128);
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = cairn_heap_alloc_aligned(HEAP, 64, 64, 0);
    before = heap_build.used_count;
    for (unsigned i = 0; i < BLOCKS; i += 2)
        give(blocks[i]);
    for (unsigned i = 0; i < BLOCKS; i += 2)
        CHECK(cairn_heap_alloc_aligned(HEAP, 64, 64, 0) == blocks[i]);
    CHECK_EQ(heap_build.used_count, before);
    for (unsigned i = 0; i < BLOCKS; i++)
        give(blocks[i]);
    heap_build_end();
}

CAIRN_TEST(heap_firstfit_resizes_into_a_free_neighbour)
{
    begin(64);
    take(3, 100);
    give(blocks[1]);
    blocks[0][99] = 7;
    CHECK(cairn_heap_realloc(HEAP, blocks[0], 224) == blocks[0]);
    CHECK_EQ(cairn_heap_usable_size(HEAP, blocks[0]), 224);
    CHECK_EQ(blocks[0][99], 7);
    CHECK(cairn_heap_realloc(HEAP, blocks[0], 10) == blocks[0]);
    CHECK_EQ(cairn_heap_usable_size(HEAP, blocks[0]), 16);
    CHECK(cairn_heap_alloc(HEAP, 208, 0) == blocks[0] + 16);
    blocks[1] = cairn_heap_realloc(HEAP, blocks[0], 17);
    CHECK(blocks[1] > blocks[2]);
    give(blocks[0] + 16);
    give(blocks[1]);
    give(blocks[2]);
    heap_build_end();
}

/* ---- What one can see ---------------------------------------------------- */

static unsigned pages_seen;
static struct cairn_heap_page pages[16];

static bool see_page(void *context, const struct cairn_heap_page *page)
{
    (void)context;
    pages[pages_seen++] = *page;
    return pages_seen < 16;
}

CAIRN_TEST(G4_heap_pages_and_segments_can_be_looked_at)
{
    begin(64);
    take(2, 1000);
    blocks[2] = cairn_heap_alloc(HEAP, 3 * 4096, 0);
    give(blocks[0]);
    pages_seen = 0;
    cairn_heap_pages_walk(HEAP, see_page, NULL);
    CHECK_EQ(pages_seen, 2);
    CHECK_EQ(pages[0].bytes, 4 * 4096);
    CHECK_EQ(pages[0].free_bytes, 4 * 4096 - 1008);
    CHECK(pages[0].start == blocks[0] && pages[0].first.start == blocks[0]);
    CHECK(pages[0].first.is_free);
    CHECK_EQ(pages[0].first.bytes, 1008);
    CHECK(pages[1].start == blocks[2] && !pages[1].first.is_free);
    CHECK_EQ(pages[1].bytes, 3 * 4096);
    CHECK_EQ(pages[1].free_bytes, 0);
    look();
    CHECK_EQ(seen.segments, 4);
    CHECK_EQ(seen.bytes, 7 * 4096);
    CHECK_EQ(seen.free_bytes, pages[0].free_bytes);
    give(blocks[1]);
    give(blocks[2]);
    heap_build_end();
}

/* With the field changed by `change`; it is put right afterwards. */
#define WRONG_WITH(field, change)                                              \
    do {                                                                       \
        (field) += (change);                                                   \
        wrong = cairn_heap_check(HEAP);                                        \
        (field) -= (change);                                                   \
    } while (0)

CAIRN_TEST(heap_firstfit_check_numbers_what_is_wrong)
{
    struct cairn__heap_run *run;
    unsigned wrong = 0;

    begin(64);
    take(20, 1000);
    give(blocks[3]);
    run = HEAP->firstfit.root;
    CHECK(run->left != NULL || run->right != NULL);
    WRONG_WITH(cairn__heap_run_first(run, 0)->page_count, 10);
    CHECK_EQ(wrong, 1);
    run = run->left != NULL ? run->left : run->right;
    run->parent = NULL;
    CHECK_EQ(cairn_heap_check(HEAP), 2);
    run->parent = HEAP->firstfit.root;
    WRONG_WITH(run->most, 1);
    CHECK_EQ(wrong, 3);
    WRONG_WITH(run->free_count, 1);
    CHECK_EQ(wrong, 4);
    run = cairn__heap_run_first(HEAP->firstfit.root, 0);
    WRONG_WITH(cairn__heap_run_starts(run)[0], -1);
    CHECK_EQ(wrong, 5);
    WRONG_WITH(HEAP->firstfit.live_blocks, 1);
    CHECK_EQ(wrong, 6);
    WRONG_WITH(HEAP->source_pages, 1);
    CHECK_EQ(wrong, 7);
    for (unsigned i = 0; i < 20; i++)
        (void)cairn_heap_free(HEAP, blocks[i]);
    run = HEAP->firstfit.spare;
    HEAP->firstfit.spare = NULL;
    CHECK_EQ(cairn_heap_check(HEAP), 8);
    HEAP->firstfit.spare = run;
    heap_build_end();
}

/* Garbage in what a caller has does not reach the heap's books. */
CAIRN_TEST(heap_firstfit_believes_nothing_in_blocks)
{
    begin(64);
    take(20, 120);
    for (unsigned i = 0; i < 20; i += 2) {
        memset(blocks[i], 0xff, 128);
        give(blocks[i]);
        memset(blocks[i], 0x41, 128);
    }
    heap_build_check();
    for (unsigned i = 0; i < 20; i++)
        CHECK_EQ(cairn_heap_free(HEAP, blocks[i]),
                 i % 2 == 0 ? CAIRN_DOUBLE_FREE : CAIRN_OK);
    heap_build_end();
}
