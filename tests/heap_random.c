/*
 * heap_random.c - random calls against a plain model: what is allocated, where,
 * and which byte it was filled with.
 */
#include "heap_build.h"

#include "base/memory.h"

#define BLOCKS 400
#define PAGES  200

static struct {
    uint8_t *start;
    size_t size;
    uint8_t mark;
} blocks[BLOCKS];

static uint8_t next_mark;

/* Mostly small, sometimes a few pages, seldom more than there is. */
static size_t random_size(void)
{
    switch (test_random_below(20)) {
    case 0:
        return test_random_below(40 * 4096);
    case 1:
    case 2:
        return 3000 + test_random_below(6000);
    case 3:
        return 0;
    default:
        return 1 + test_random_below(600);
    }
}

static void fill(unsigned nth, size_t from)
{
    if (blocks[nth].size > from)
        memset(blocks[nth].start + from, blocks[nth].mark,
               blocks[nth].size - from);
}

static void look(unsigned nth, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        CHECK_EQ(blocks[nth].start[i], blocks[nth].mark);
}

/* The model has it now: it must not touch any other. */
static void enter(unsigned nth, void *start, size_t size)
{
    uintptr_t first = (uintptr_t)start;

    CHECK_EQ(first % CAIRN_HEAP_ALIGN, 0);
    CHECK(cairn_heap_usable_size(&heap_build.heap, start) >= size);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (i != nth && blocks[i].start != NULL)
            CHECK(first + size <= (uintptr_t)blocks[i].start ||
                  (uintptr_t)blocks[i].start + blocks[i].size <= first);
    }
    blocks[nth].start = start;
    blocks[nth].size = size;
}

static void alloc_one(unsigned nth)
{
    size_t size = random_size();
    size_t align = (size_t)1 << test_random_below(14);
    unsigned flags = test_random_once_in(3) ? CAIRN_HEAP_ZEROED : 0;
    uint8_t *start =
        test_random_once_in(4)
            ? cairn_heap_alloc_aligned(&heap_build.heap, size, align, flags)
            : cairn_heap_alloc(&heap_build.heap, size, flags);

    if (start == NULL)
        return;
    enter(nth, start, size);
    for (size_t i = 0; flags != 0 && i < size; i++)
        CHECK_EQ(start[i], 0);
    blocks[nth].mark = ++next_mark;
    fill(nth, 0);
}

static void resize_one(unsigned nth)
{
    size_t size = 1 + random_size();
    size_t before = blocks[nth].size;
    uint8_t *start =
        cairn_heap_realloc(&heap_build.heap, blocks[nth].start, size);

    if (start == NULL) {
        look(nth, before);
        return;
    }
    enter(nth, start, size);
    look(nth, before < size ? before : size);
    fill(nth, 0);
}

static void free_one(unsigned nth)
{
    uint8_t *start = blocks[nth].start;

    look(nth, blocks[nth].size);
    blocks[nth].start = NULL;
    CHECK_EQ(cairn_heap_free(&heap_build.heap, start), CAIRN_OK);
    if (heap_build.config.level != CAIRN_HEAP_FAST && test_random_once_in(4))
        CHECK(cairn_heap_free(&heap_build.heap, start) != CAIRN_OK);
}

static void free_all(void)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].start != NULL)
            free_one(i);
    }
}

static void step(void)
{
    unsigned nth = test_random_below(BLOCKS);

    if (blocks[nth].start == NULL)
        alloc_one(nth);
    else if (test_random_once_in(3))
        resize_one(nth);
    else
        free_one(nth);
    if (test_random_once_in(200))
        heap_build_check();
    if (test_random_once_in(2000))
        cairn_heap_drain(&heap_build.heap);
}

static void run(void)
{
    memset(blocks, 0, sizeof(blocks));
    for (uint32_t i = test_rounds(20000); i > 0; i--)
        step();
    free_all();
    heap_build_end();
}

HEAP_TEST(heap_random_calls_agree_with_a_model)
{
    heap_build_begin(PAGES);
    run();
}

/* As malloc has it: blocks of several pages share slabs. */
CAIRN_TEST(heap_random_calls_with_larger_classes_agree_with_a_model)
{
    heap_build_prepare(PAGES);
    heap_build.config.small_bytes = CAIRN_HEAP_SMALL_LIMIT;
    CHECK(heap_build_start());
    run();
}

CAIRN_TEST(heap_random_calls_at_level_0_agree_with_a_model)
{
    heap_build_prepare(PAGES);
    heap_build.config.level = CAIRN_HEAP_FAST;
    heap_build.config.is_believing = true;
    CHECK(heap_build_start());
    run();
}

/* From time to time the source refuses everything for a while. */
static void run_refusing(void)
{
    memset(blocks, 0, sizeof(blocks));
    for (uint32_t i = test_rounds(20000); i > 0; i--) {
        if (test_random_once_in(50))
            heap_build.refuse_after = test_random_below(4);
        if (test_random_once_in(50))
            heap_build.refuse_after = SIZE_MAX;
        step();
    }
    free_all();
    heap_build_end();
}

HEAP_TEST(heap_random_refusals_lose_nothing)
{
    heap_build_begin(PAGES);
    run_refusing();
}

HEAP_TEST(heap_random_refusals_at_level_debug)
{
    heap_build_prepare(PAGES);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    CHECK(heap_build_start());
    run_refusing();
}

HEAP_TEST(heap_random_calls_at_level_debug)
{
    heap_build_prepare(PAGES);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    CHECK(heap_build_start());
    run();
}
