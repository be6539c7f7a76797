/*
 * heap_stage.c - a temporary heap, the switch to the permanent one, and what
 * happens to blocks of the former.
 */
#include "heap_build.h"

#include "base/memory.h"
#include <cairn/heap_source.h>
#include <cairn/heap_stage.h>

#define ARENA_BYTES ((size_t)80 * 4096)

static struct cairn_heap early;
static struct cairn_heap_arena arena;
static struct cairn_heap_stage stage;
static uint8_t *memory;

/* A temporary heap in an arena; heap_build's is the permanent one. */
static void start(enum cairn_heap_engine engine)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    memset(&early, 0, sizeof(early));
    memset(&stage, 0, sizeof(stage));
    config.engine = engine;
    config.cpu_count = 1;
    CHECK_EQ(
        cairn_heap_source_arena(&arena, memory, ARENA_BYTES, &config.source),
        CAIRN_OK);
    CHECK_EQ(cairn_heap_init(&early, &config), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_init(&stage, &early), CAIRN_OK);
}

static void on_both(void (*run)(void))
{
    uint64_t phys;

    memory = test_memory(ARENA_BYTES, &phys);
    heap_build_begin(100);
    for (unsigned i = 0; i < CAIRN_HEAP_ENGINE_COUNT; i++) {
        start((enum cairn_heap_engine)i);
        run();
        CHECK_EQ(cairn_heap_check(&early), 0);
        heap_build_end();
    }
}

static bool is_early(const void *block)
{
    return (uintptr_t)block - (uintptr_t)memory < ARENA_BYTES;
}

static enum cairn_status give(void *block)
{
    return cairn_heap_stage_free(&stage, block);
}

static struct cairn_heap_stage_stats stats(void)
{
    struct cairn_heap_stage_stats now;

    cairn_heap_stage_stats(&stage, &now);
    return now;
}

static void switch_over(void)
{
    CHECK_EQ(cairn_heap_stage_switch(&stage, &heap_build.heap), CAIRN_OK);
}

static void across(void)
{
    uint8_t *blocks[4];
    uint8_t *later;

    for (unsigned i = 0; i < 4; i++) {
        blocks[i] = cairn_heap_stage_alloc(&stage, 1000 << i, 0);
        CHECK(is_early(blocks[i]));
        memset(blocks[i], 0x10 + (int)i, 1000u << i);
    }
    CHECK_EQ(give(blocks[0]), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_retire(&stage, false), CAIRN_NOT_FOUND);
    switch_over();
    later = cairn_heap_stage_calloc(&stage, 3, 100);
    CHECK(later != NULL && !is_early(later));
    CHECK_EQ(cairn_heap_stage_retire(&stage, false), CAIRN_IN_USE);
    CHECK_EQ(give(blocks[1]), CAIRN_OK);
    CHECK(give(blocks[1]) != CAIRN_OK);
    CHECK_EQ(give(blocks[2] + 16), CAIRN_NOT_FIRST);
    blocks[2] = cairn_heap_stage_realloc(&stage, blocks[2], 9000);
    CHECK(!is_early(blocks[2]));
    for (unsigned i = 0; i < 4000; i++)
        CHECK_EQ(blocks[2][i], 0x12);
    CHECK_EQ(stats().temporary.live_blocks, 1);
    CHECK(cairn_heap_stage_realloc(&stage, blocks[3], 0) == NULL);
    CHECK_EQ(cairn_heap_stage_retire(&stage, false), CAIRN_OK);
    CHECK_EQ(stats().moved_count, 1);
    CHECK(stats().is_retired);
    CHECK_EQ(cairn_heap_stage_usable_size(&stage, later),
             cairn_heap_usable_size(&heap_build.heap, later));
    CHECK_EQ(give(later), CAIRN_OK);
    CHECK_EQ(give(blocks[2]), CAIRN_OK);
    CHECK_EQ(give(NULL), CAIRN_OK);
}

CAIRN_TEST(G9_blocks_of_the_temporary_heap_live_across_the_switch)
{
    on_both(across);
}

static void forced(void)
{
    uint8_t *lost = cairn_heap_stage_alloc(&stage, 100, 0);
    uint8_t *large = cairn_heap_stage_alloc_aligned(&stage, 5000, 8192, 0);
    uint8_t *kept;

    CHECK_EQ((uintptr_t)large % 8192, 0);
    switch_over();
    kept = cairn_heap_stage_alloc(&stage, 100, 0);
    CHECK_EQ(cairn_heap_stage_retire(&stage, true), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_retire(&stage, true), CAIRN_NOT_FOUND);
    memset(memory, 0xff, ARENA_BYTES); /* somebody else's now */
    CHECK_EQ(give(lost), CAIRN_OK);
    CHECK_EQ(give(large), CAIRN_OK);
    CHECK(cairn_heap_stage_realloc(&stage, lost, 50) == NULL);
    CHECK_EQ(stats().late_frees, 3);
    CHECK_EQ(cairn_heap_stage_usable_size(&stage, lost), 0);
    CHECK_EQ(give(kept), CAIRN_OK);
    CHECK_EQ(give(kept), CAIRN_DOUBLE_FREE);
    CHECK_EQ(stats().late_frees, 3);
    memset(&early, 0, sizeof(early));
}

CAIRN_TEST(G9_late_frees_after_a_forced_retirement_are_counted)
{
    on_both(forced);
}

static void again(void)
{
    struct cairn_heap unstarted;
    void *block;

    memset(&unstarted, 0, sizeof(unstarted));
    CHECK_EQ(cairn_heap_stage_init(&stage, &unstarted), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_stage_init(&stage, &early), CAIRN_OK);
    block = cairn_heap_stage_alloc(&stage, 10, 0);
    CHECK_EQ(cairn_heap_stage_init(&stage, &heap_build.heap), CAIRN_IN_USE);
    CHECK_EQ(give(block), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_init(&stage, &heap_build.heap), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_init(&stage, &early), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_switch(&stage, &early), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_stage_switch(&stage, &unstarted), CAIRN_BAD_ARGUMENT);
    CHECK(!stats().is_switched);
    switch_over();
    CHECK_EQ(cairn_heap_stage_init(&stage, &early), CAIRN_IN_USE);
    CHECK_EQ(cairn_heap_stage_switch(&stage, &heap_build.heap), CAIRN_IN_USE);
    block = cairn_heap_stage_alloc(&stage, 10, 0);
    CHECK(block != NULL && !is_early(block));
    CHECK_EQ(give(block), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_retire(&stage, false), CAIRN_OK);
}

CAIRN_TEST(G10_starting_again_is_ignored_after_the_switch)
{
    on_both(again);
}

CAIRN_TEST(G10_before_the_start_there_is_no_memory)
{
    memset(&stage, 0, sizeof(stage));
    CHECK(cairn_heap_stage_alloc(&stage, 10, 0) == NULL);
    CHECK(cairn_heap_stage_calloc(&stage, 1, 10) == NULL);
    CHECK(cairn_heap_stage_realloc(&stage, &stage, 10) == NULL);
    CHECK_EQ(give(&stage), CAIRN_NOT_MEMORY);
}

/*
 * Both heaps in one arena, as with frames: when the temporary one has gone, its
 * memory becomes the permanent one's, and a free there is none of a late block.
 */
CAIRN_TEST(G9_memory_of_the_temporary_heap_may_become_the_permanent_ones)
{
    struct cairn_heap_config config = cairn_heap_config_default();
    static struct cairn_heap permanent;
    uint64_t phys;
    void *lost;
    void *block;

    memory = test_memory(ARENA_BYTES, &phys);
    start(CAIRN_HEAP_FIRSTFIT);
    lost = cairn_heap_stage_alloc(&stage, 100, 0);
    memset(&permanent, 0, sizeof(permanent));
    config.engine = CAIRN_HEAP_FIRSTFIT;
    CHECK_EQ(
        cairn_heap_source_arena(&arena, memory, ARENA_BYTES, &config.source),
        CAIRN_OK);
    CHECK_EQ(cairn_heap_init(&permanent, &config), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_switch(&stage, &permanent), CAIRN_OK);
    CHECK_EQ(cairn_heap_stage_retire(&stage, true), CAIRN_OK);
    CHECK_EQ(give(lost), CAIRN_OK);
    CHECK_EQ(stats().late_frees, 1);
    block = cairn_heap_stage_alloc(&stage, 100, 0);
    CHECK(block == lost);
    CHECK_EQ(give(block), CAIRN_OK);
    CHECK_EQ(stats().late_frees, 1);
    CHECK_EQ(stats().permanent.live_blocks, 0);
}
