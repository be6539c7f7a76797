/*
 * heap_source.c - heaps in arenas, and in ranges of kernel addresses.
 */
#include "areas_build.h"
#include "heap_build.h"

#include "base/memory.h"
#include <cairn/heap_source.h>

#define PAGE        ((size_t)4096)
#define ARENA_PAGES 100

static struct cairn_heap heap;
static struct cairn_heap_arena arena;
static struct cairn_heap_areas range;
static struct cairn_heap_source source;

static uintptr_t take(size_t count, size_t align)
{
    struct cairn_heap_pages request = {.count = count, .align = align};

    return (uintptr_t)source.alloc(source.context, &request);
}

static void give(uintptr_t start, size_t count)
{
    source.free(source.context, (void *)start, count);
}

static bool resize(uintptr_t start, size_t from, size_t to)
{
    return source.resize(source.context, (void *)start, from, to);
}

/* ---- Arenas -------------------------------------------------------------- */

CAIRN_TEST(heap_arena_hands_out_the_lowest_pages)
{
    uint64_t phys;
    uint8_t *memory = test_memory((ARENA_PAGES + 1) * PAGE, &phys);
    uintptr_t base = (uintptr_t)memory + PAGE;
    uintptr_t aligned;

    CHECK_EQ(cairn_heap_source_arena(&arena, memory + 1, ARENA_PAGES * PAGE,
                                     &source),
             CAIRN_OK);
    CHECK_EQ(source.start, base);
    CHECK_EQ(source.end - source.start, (ARENA_PAGES - 1) * PAGE);
    CHECK_EQ(take(3, 1), base);
    CHECK_EQ(take(1, 1), base + 3 * PAGE);
    CHECK_EQ(take(70, 1), base + 4 * PAGE);
    CHECK(!resize(base, 3, 4));
    CHECK(resize(base, 3, 1));
    CHECK(resize(base, 1, 2));
    CHECK_EQ(take(2, 1), base + 74 * PAGE);
    CHECK_EQ(take(1, 1), base + 2 * PAGE);
    aligned = take(2, 8);
    CHECK_EQ(aligned % (8 * PAGE), 0);
    CHECK(aligned < base + 84 * PAGE);
    CHECK_EQ(take(30, 1), 0);
    CHECK(!resize(aligned, 2, 100));
    CHECK_EQ(cairn_heap_arena_used(&arena), 78);
    give(base + 4 * PAGE, 70);
    CHECK_EQ(take(64, 1), base + 4 * PAGE);
}

CAIRN_TEST(heap_arena_of_more_than_4_MiB_has_a_table)
{
    uint64_t phys;
    uint8_t *memory = test_memory(PAGE, &phys);
    size_t bytes = (size_t)8 << 20;

    memset(memory, 0xff, PAGE);
    CHECK_EQ(cairn_heap_source_arena(&arena, memory, bytes, &source), CAIRN_OK);
    CHECK_EQ(source.start, (uintptr_t)memory + PAGE);
    CHECK_EQ(take(bytes / PAGE, 1), 0);
    CHECK_EQ(take(bytes / PAGE - 1, 1), (uintptr_t)memory + PAGE);
    CHECK_EQ(take(1, 1), 0);
}

CAIRN_TEST(heap_arena_without_a_page_is_refused)
{
    uint64_t phys;
    uint8_t *memory = test_memory(2 * PAGE, &phys);

    CHECK_EQ(cairn_heap_source_arena(&arena, memory, PAGE - 1, &source),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_source_arena(&arena, memory + 1, 2 * PAGE - 2, &source),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_source_arena(&arena, (void *)(0 - PAGE), PAGE, &source),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_source_arena(&arena, (void *)UINTPTR_MAX, 1, &source),
             CAIRN_BAD_ARGUMENT);
}

/* A heap that can be as large as its arena, and is whole again afterwards. */
static void fill_arena(enum cairn_heap_engine engine)
{
    static void *blocks[ARENA_PAGES * 64];
    uint64_t phys;
    uint8_t *memory = test_memory(ARENA_PAGES * PAGE, &phys);
    struct cairn_heap_config config = cairn_heap_config_default();
    unsigned count = 0;

    memset(&heap, 0, sizeof(heap));
    config.engine = engine;
    config.cpu_count = 1;
    CHECK_EQ(cairn_heap_source_arena(&arena, memory, ARENA_PAGES * PAGE,
                                     &config.source),
             CAIRN_OK);
    CHECK_EQ(cairn_heap_init(&heap, &config), CAIRN_OK);
    while ((blocks[count] = cairn_heap_alloc(&heap, 64, 0)) != NULL)
        count++;
    CHECK(count > ARENA_PAGES * 64 / 2);
    CHECK_EQ(cairn_heap_arena_used(&arena), ARENA_PAGES);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    while (count > 0)
        CHECK_EQ(cairn_heap_free(&heap, blocks[--count]), CAIRN_OK);
    blocks[0] = cairn_heap_alloc(&heap, ARENA_PAGES / 10 * PAGE, 0);
    CHECK(blocks[0] != NULL);
    CHECK_EQ(cairn_heap_free(&heap, blocks[0]), CAIRN_OK);
    cairn_heap_drain(&heap);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    if (engine == CAIRN_HEAP_FIRSTFIT)
        CHECK_EQ(cairn_heap_arena_used(&arena), 0);
}

CAIRN_TEST(G8_a_heap_fills_a_fixed_arena_and_leaves_it_whole)
{
    fill_arena(CAIRN_HEAP_SLAB);
    fill_arena(CAIRN_HEAP_FIRSTFIT);
}

/* ---- Places -------------------------------------------------------------- */

static struct cairn_memmap map;
static struct cairn_memory_range entries[32];

static void add(uint64_t base, uint64_t bytes, enum cairn_memory_kind kind)
{
    CHECK_EQ(cairn_memmap_add(&map, base, bytes, kind), CAIRN_OK);
}

static void start_map(void)
{
    CHECK_EQ(cairn_memmap_init(&map, entries, 32), CAIRN_OK);
    add(0, 0x9f000, CAIRN_MEMORY_USABLE);
    add(0x100000, 0x600000, CAIRN_MEMORY_USABLE);
    add(0x500000, 0x1000, CAIRN_MEMORY_ACPI_NVS);
    add(0x800000, 0x300000, CAIRN_MEMORY_USABLE);
    add(0x1000000, 0x1000000, CAIRN_MEMORY_USABLE);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(CAIRN_MIB)), CAIRN_OK);
}

static enum cairn_status check_place(uint64_t kernel_end, uint64_t start,
                                     uint64_t end)
{
    return cairn_heap_place_check(&map,
                                  cairn_phys_range_make(0x100000, kernel_end),
                                  cairn_phys_range_make(start, end));
}

CAIRN_TEST(G8_a_fixed_place_is_checked_against_map_and_kernel)
{
    start_map();
    CHECK_EQ(check_place(0x180000, 0x200000, 0x500000), CAIRN_OK);
    CHECK_EQ(check_place(0x200000, 0x200000, 0x500000), CAIRN_OK);
    CHECK_EQ(check_place(0x200001, 0x200000, 0x500000), CAIRN_IN_USE);
    CHECK_EQ(check_place(0x180000, 0x200000, 0x501000), CAIRN_NOT_MEMORY);
    CHECK_EQ(check_place(0x180000, 0x501000, 0x701000), CAIRN_NOT_MEMORY);
    CHECK_EQ(check_place(0x180000, 0x700000, 0x800000), CAIRN_NOT_MEMORY);
    CHECK_EQ(check_place(0x180000, 0x80000, 0x90000), CAIRN_NOT_MEMORY);
    CHECK_EQ(check_place(0x180000, 0x200000, 0x200000), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(check_place(0x180000, 0x200800, 0x300000), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(check_place(0x80000, 0x200000, 0x300000), CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(G11_an_early_heap_lies_in_the_first_range_of_4_MiB)
{
    struct cairn_phys_range place;

    start_map();
    CHECK_EQ(cairn_heap_place_find(&map, 4 * CAIRN_MIB, &place), CAIRN_OK);
    CHECK_EQ(place.start.value, 0x100000);
    CHECK_EQ(place.end.value, 0x500000);
    CHECK_EQ(cairn_heap_place_find(&map, 4 * CAIRN_MIB + 4096, &place),
             CAIRN_OK);
    CHECK_EQ(place.start.value, 0x1000000);
    CHECK_EQ(cairn_heap_place_find(&map, 17 * CAIRN_MIB, &place),
             CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_heap_place_find(&map, 0, &place), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_place_find(&map, 100, &place), CAIRN_BAD_ARGUMENT);
}

/* ---- Ranges of kernel addresses ------------------------------------------ */

/* The page table is loaded nowhere: nothing can be touched there. */
#define BASE  ((uintptr_t)0xb0000000)
#define BYTES ((size_t)1 << 20)

static void start_range(void)
{
    areas_start(BASE - CAIRN_MIB, 4 * CAIRN_MIB);
    CHECK_EQ(cairn_heap_source_areas(&range, &areas.set, cairn_va_make(BASE),
                                     BYTES, &source),
             CAIRN_OK);
}

static void expect_pages(uintptr_t start, size_t count, bool is_mapped)
{
    struct cairn_mapping page;

    for (size_t i = 0; i < count; i++) {
        CHECK(cairn_map_look(&areas.table, cairn_va_make(start + i * PAGE),
                             &page));
        CHECK_EQ(page.is_mapped, is_mapped);
        if (is_mapped)
            CHECK_EQ(page.rights, CAIRN_PAGE_WRITE);
    }
}

CAIRN_TEST(G7_a_heap_range_is_backed_as_it_grows)
{
    uintptr_t first;
    uintptr_t second;

    start_range();
    CHECK_EQ(source.start, BASE);
    CHECK_EQ(source.end, BASE + BYTES);
    first = take(33, 1);
    CHECK_EQ(first, BASE);
    second = take(2, 1);
    CHECK_EQ(second, BASE + 33 * PAGE);
    expect_pages(first, 35, true);
    expect_pages(BASE + 35 * PAGE, 20, false);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), 35);
    CHECK(resize(second, 2, 5));
    CHECK(resize(first, 33, 10));
    CHECK(!resize(first, 10, 34));
    expect_pages(first, 10, true);
    expect_pages(first + 10 * PAGE, 23, false);
    expect_pages(second, 5, true);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), 15);
    CHECK_EQ(cairn_heap_areas_destroy(&range), CAIRN_IN_USE);
    give(first, 10);
    give(second, 5);
    CHECK_EQ(take(257, 1), 0);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), 0);
    CHECK_EQ(cairn_heap_areas_destroy(&range), CAIRN_OK);
    areas_end();
}

CAIRN_TEST(G7_a_heap_range_without_frames_loses_nothing)
{
    start_range();
    for (unsigned left = 0; left < 60; left++) {
        uintptr_t start;

        areas_leave(left);
        start = take(34, 1);
        CHECK(start == 0 || start == BASE);
        if (start == 0)
            expect_pages(BASE, 34, false);
        else
            give(start, 34);
        areas_verify();
        CHECK_EQ(cairn_heap_arena_used(&range.arena), 0);
    }
    areas_give_back();
    CHECK_EQ(take(34, 1), BASE);
    give(BASE, 34);
    CHECK_EQ(cairn_heap_areas_destroy(&range), CAIRN_OK);
    areas_end();
}

CAIRN_TEST(G7_a_heap_range_is_nobody_elses)
{
    static struct cairn_heap_areas other;

    start_range();
    CHECK_EQ(cairn_heap_source_areas(&other, &areas.set,
                                     cairn_va_make(BASE + BYTES - PAGE), BYTES,
                                     &source),
             CAIRN_IN_USE);
    CHECK_EQ(cairn_heap_source_areas(&other, &areas.set, cairn_va_make(BASE), 0,
                                     &source),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_source_areas(&other, &areas.set, cairn_va_make(BASE),
                                     100, &source),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_areas_destroy(&range), CAIRN_OK);
    areas_end();
}
