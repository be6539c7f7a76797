/*
 * areas.c - kernel virtual areas, call by call.
 */
#include "areas_build.h"

#define PAGE  ((uint64_t)CAIRN_FRAME_SIZE)
#define LARGE (2 * CAIRN_MIB)
#define SPAN  CAIRN_TIB

static const struct cairn_page_policy data = {.rights = CAIRN_PAGE_WRITE};
static const struct cairn_area_request any = {.kind = CAIRN_AREA_PAGES};

static cairn_va va(uint64_t offset)
{
    return cairn_va_make(AREAS_BASE + offset);
}

static void start(void)
{
    areas_start(AREAS_BASE, SPAN);
}

static void release(struct cairn_area *area)
{
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
}

static enum cairn_status try_alloc(const struct cairn_area_request *request)
{
    struct cairn_area *area = NULL;
    enum cairn_status status = cairn_area_alloc(&areas.set, request, &area);

    CHECK_EQ(area != NULL, status == CAIRN_OK);
    if (area != NULL)
        release(area);
    return status;
}

/* ---- Allocate ------------------------------------------------------------ */

CAIRN_TEST(F12_pages_come_from_the_first_gap_that_fits)
{
    struct cairn_area *one;
    struct cairn_area *large;
    struct cairn_area *huge;
    struct cairn_area *two;

    start();
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 1, PAGE, "one", &one),
             CAIRN_OK);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 2, LARGE, "large", &large),
             CAIRN_OK);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 3, CAIRN_GIB, "huge", &huge),
             CAIRN_OK);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 2, PAGE, "two", &two),
             CAIRN_OK);
    CHECK_EQ(one->start.value, va(0).value);
    CHECK_EQ(large->start.value, va(LARGE).value);
    CHECK_EQ(huge->start.value, va(CAIRN_GIB).value);
    CHECK_EQ(two->start.value, va(PAGE).value);
    CHECK_EQ(huge->bytes, 3 * CAIRN_GIB);
    areas_verify();
    release(one);
    release(large);
    release(huge);
    release(two);
    areas_end();
}

CAIRN_TEST(F12_no_pages_overflow_and_no_room)
{
    struct cairn_area *area = NULL;
    uint64_t sizes[] = {0, 1, 2048, 12288, 6 * CAIRN_MIB};

    start();
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 0, PAGE, "none", &area),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, (uint64_t)1 << 52, PAGE, "all",
                                    &area),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(
        cairn_area_alloc_pages(&areas.set, UINT64_MAX, CAIRN_GIB, "all", &area),
        CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, ((uint64_t)1 << 52) - 1, PAGE,
                                    "most", &area),
             CAIRN_NO_SPACE);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, (SPAN / PAGE) + 1, PAGE, "more",
                                    &area),
             CAIRN_NO_SPACE);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        CHECK_EQ(cairn_area_alloc_pages(&areas.set, 1, sizes[i], "?", &area),
                 CAIRN_BAD_ARGUMENT);
    CHECK(area == NULL);
    CHECK_EQ(areas_stats().used_bytes, 0);
    CHECK_EQ(
        cairn_area_alloc_pages(&areas.set, SPAN / PAGE, PAGE, "whole", &area),
        CAIRN_OK);
    CHECK_EQ(areas_stats().largest_gap_bytes, 0);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 1, PAGE, "one", &area),
             CAIRN_NO_SPACE);
    CHECK_EQ(cairn_areas_free(&areas.set, va(0), SPAN), CAIRN_OK);
    areas_end();
}

CAIRN_TEST(F18_requests_that_make_no_sense_change_nothing)
{
    struct cairn_area_request bad[] = {
        {.bytes = PAGE + 1, .kind = CAIRN_AREA_PAGES},
        {.bytes = PAGE, .kind = CAIRN_AREA_RESERVED},
        {.bytes = PAGE, .kind = CAIRN_AREA_KINDS},
        {.bytes = PAGE, .kind = CAIRN_AREA_PAGES, .align = 3 * PAGE},
        {.bytes = PAGE, .kind = CAIRN_AREA_PAGES, .align = 2048},
        {.bytes = PAGE, .kind = CAIRN_AREA_PAGES, .flags = 4},
        {.bytes = PAGE, .kind = CAIRN_AREA_PAGES, .rights = 0x10},
        {.bytes = PAGE, .kind = CAIRN_AREA_PAGES, .place = CAIRN_AREA_RANDOM},
        {.bytes = PAGE, .kind = CAIRN_AREA_PAGES, .owner = CAIRN_OWNER_COUNT},
        {.bytes = LARGE, .kind = CAIRN_AREA_LAZY, .page_bytes = LARGE},
        {.bytes = LARGE,
         .kind = CAIRN_AREA_PAGES,
         .page_bytes = LARGE,
         .align = PAGE},
        {.bytes = UINT64_MAX - PAGE + 1,
         .kind = CAIRN_AREA_PAGES,
         .flags = CAIRN_AREA_WITH_GUARDS},
        {.bytes = PAGE,
         .kind = CAIRN_AREA_PAGES,
         .place = CAIRN_AREA_FIXED,
         .within = {{AREAS_BASE + 1}, 0}},
        {.bytes = PAGE,
         .kind = CAIRN_AREA_PAGES,
         .place = CAIRN_AREA_FIXED,
         .within = {{AREAS_BASE - PAGE}, 0}},
        {.bytes = PAGE,
         .kind = CAIRN_AREA_PAGES,
         .place = CAIRN_AREA_FIXED,
         .within = {{0}, 0},
         .flags = CAIRN_AREA_WITH_GUARD_BELOW},
    };
    struct cairn_area_request beyond = {.bytes = PAGE,
                                        .kind = CAIRN_AREA_PAGES,
                                        .within = {{AREAS_BASE + SPAN}, 0}};

    start();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(try_alloc(&bad[i]), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(try_alloc(&beyond), CAIRN_NO_SPACE);
    CHECK_EQ(areas_stats().used_bytes, 0);
    areas_end();
}

CAIRN_TEST(F18_at_an_address_and_near_one)
{
    struct cairn_area_request fixed = {.place = CAIRN_AREA_FIXED,
                                       .within = {va(0x10000), 0}};
    struct cairn_area_request hint = {.place = CAIRN_AREA_HINT,
                                      .within = {va(0x10000), 0}};
    struct cairn_area *first;
    struct cairn_area *second;
    struct cairn_area *third;

    start();
    first = areas_alloc(4 * PAGE, fixed);
    CHECK_EQ(first->start.value, va(0x10000).value);
    fixed.kind = CAIRN_AREA_PAGES;
    fixed.bytes = PAGE;
    fixed.within.start = va(0x13000);
    CHECK_EQ(try_alloc(&fixed), CAIRN_IN_USE);
    second = areas_alloc(PAGE, hint);
    CHECK_EQ(second->start.value, va(0x14000).value);
    hint.within.start = va(0x20000);
    hint.flags = CAIRN_AREA_WITH_GUARDS;
    third = areas_alloc(PAGE, hint);
    CHECK_EQ(third->start.value, va(0x20000).value);
    release(first);
    release(second);
    release(third);
    hint.flags = 0;
    hint.within.start = va(0x20123);
    third = areas_alloc(PAGE, hint);
    CHECK_EQ(third->start.value, va(0x21000).value);
    release(third);
    areas_end();
}

CAIRN_TEST(F18_freed_areas_merge_and_come_again_exactly)
{
    struct cairn_area *all[5];

    start();
    for (unsigned i = 0; i < 5; i++)
        all[i] = areas_alloc(3 * PAGE, any);
    CHECK_EQ(areas_stats().areas, 5);
    CHECK_EQ(areas_stats().used_bytes, 15 * PAGE);
    CHECK_EQ(areas_stats().free_bytes, SPAN - 15 * PAGE);
    CHECK_EQ(areas_stats().largest_gap_bytes, SPAN - 15 * PAGE);
    CHECK_EQ(cairn_areas_free(&areas.set, va(3 * PAGE), 2 * PAGE),
             CAIRN_WRONG_SIZE);
    CHECK_EQ(cairn_areas_free(&areas.set, va(4 * PAGE), 2 * PAGE),
             CAIRN_NOT_FIRST);
    CHECK_EQ(cairn_areas_free(&areas.set, va(15 * PAGE), PAGE),
             CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_areas_free(&areas.set, va(3 * PAGE), 3 * PAGE), CAIRN_OK);
    CHECK_EQ(cairn_area_free(all[1], NULL, NULL), CAIRN_DOUBLE_FREE);
    release(all[3]);
    release(all[2]);
    all[1] = areas_alloc(9 * PAGE, any);
    CHECK_EQ(all[1]->start.value, va(3 * PAGE).value);
    release(all[1]);
    release(all[0]);
    release(all[4]);
    CHECK_EQ(areas_stats().largest_gap_bytes, SPAN);
    areas_end();
}

static uint64_t draw(void *context)
{
    (void)context;
    return test_random();
}

CAIRN_TEST(F18_at_random_with_known_entropy)
{
    struct cairn_area_request request = {.bytes = PAGE,
                                         .kind = CAIRN_AREA_PAGES,
                                         .place = CAIRN_AREA_RANDOM,
                                         .draw = draw,
                                         .flags = CAIRN_AREA_WITH_GUARDS,
                                         .within = {va(LARGE), 18 * PAGE}};
    uint32_t seen = 0;

    start();
    CHECK_EQ(cairn_area_entropy_bits(&areas.set, &request), 4);
    for (unsigned i = 0; i < 1000; i++) {
        struct cairn_area *area = areas_alloc(PAGE, request);
        uint64_t index = (area->start.value - va(LARGE + PAGE).value) / PAGE;

        CHECK(index < 16);
        seen |= (uint32_t)1 << index;
        release(area);
    }
    CHECK_EQ(seen, 0xffff);
    request.within.bytes = 17 * PAGE;
    CHECK_EQ(cairn_area_entropy_bits(&areas.set, &request), 3);
    request.within.bytes = 2 * PAGE;
    CHECK_EQ(cairn_area_entropy_bits(&areas.set, &request), 0);
    CHECK_EQ(try_alloc(&request), CAIRN_NO_SPACE);
    request.within = cairn_span_make(0, 0);
    CHECK_EQ(cairn_area_entropy_bits(&areas.set, &request), 27);
    request.align = LARGE;
    CHECK_EQ(cairn_area_entropy_bits(&areas.set, &request), 18);
    areas_end();
}

/* ---- What is in use already ---------------------------------------------- */

static enum cairn_status reserve(uint64_t offset, uint64_t bytes)
{
    return cairn_areas_reserve(&areas.set,
                               cairn_span_make(va(offset).value, bytes));
}

CAIRN_TEST(F11_what_is_in_use_is_merged_and_left_out)
{
    struct cairn_area_info info;
    struct cairn_area *area;

    start();
    CHECK_EQ(reserve(0x1800, 0x1000), CAIRN_OK);
    CHECK_EQ(reserve(0x8000, 0x2000), CAIRN_OK);
    CHECK_EQ(reserve(0x5000, 0), CAIRN_OK);
    CHECK_EQ(areas_stats().reserved_ranges, 2);
    CHECK_EQ(areas_stats().used_bytes, 4 * PAGE);
    area = areas_alloc(2 * PAGE, any);
    CHECK_EQ(area->start.value, va(0x3000).value);
    /* An area stays an area, though what is reserved touches it. */
    CHECK_EQ(reserve(0x4fff, 0x1000), CAIRN_IN_USE);
    CHECK_EQ(reserve(0x5000, 0x3001), CAIRN_OK);
    areas_verify();
    CHECK_EQ(areas_stats().reserved_ranges, 2);
    CHECK(cairn_areas_find(&areas.set, va(0x9fff), &info));
    CHECK_EQ(info.start.value, va(0x5000).value);
    CHECK_EQ(info.bytes, 0x5000);
    CHECK_EQ(info.kind, CAIRN_AREA_RESERVED);
    CHECK(info.area == NULL);
    release(area);
    CHECK_EQ(reserve(0x3000, 0x2000), CAIRN_OK);
    CHECK_EQ(areas_stats().reserved_ranges, 1);
    CHECK_EQ(areas_stats().used_bytes, 9 * PAGE);
    CHECK_EQ(reserve(SPAN - 1, 2), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_areas_reserve(&areas.set,
                                 cairn_span_make(UINT64_MAX - 4095, 8192)),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(
        cairn_areas_reserve(&areas.set, cairn_span_make(AREAS_BASE - 1, 8192)),
        CAIRN_BAD_ARGUMENT);
    areas_end();
}

CAIRN_TEST(F11_the_end_of_addresses_can_be_in_use)
{
    uint64_t top = 0xffffff8000000000;
    struct cairn_area_info info;
    struct cairn_area *area;

    areas_start(AREAS_BASE, 0 - AREAS_BASE);
    CHECK_EQ(cairn_areas_reserve(&areas.set, cairn_span_make(top, 0 - top)),
             CAIRN_OK);
    areas_verify();
    CHECK(cairn_areas_find(&areas.set, cairn_va_make(UINT64_MAX), &info));
    CHECK_EQ(info.start.value, top);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, (top - AREAS_BASE) / CAIRN_GIB,
                                    CAIRN_GIB, "rest", &area),
             CAIRN_OK);
    CHECK_EQ(areas_stats().free_bytes, 0);
    release(area);
    areas_end();
}

CAIRN_TEST(F13_a_handle_over_what_is_in_use)
{
    struct cairn_span span = cairn_span_make(va(0x2000).value, 0x4000);
    struct cairn_areas_stats before;
    struct cairn_area *area;
    struct cairn_area *again;
    struct cairn_area *other;

    start();
    CHECK_EQ(cairn_area_adopt(&areas.set, span, PAGE, "old", &area),
             CAIRN_NOT_FOUND);
    CHECK_EQ(reserve(0x1000, 0x8000), CAIRN_OK);
    other = areas_alloc(PAGE, any);
    before = areas_stats();
    CHECK_EQ(cairn_area_adopt(&areas.set, span, PAGE, "old", &area), CAIRN_OK);
    CHECK_EQ(cairn_area_adopt(&areas.set, span, PAGE, "old", &again), CAIRN_OK);
    CHECK_EQ(areas_stats().used_bytes, before.used_bytes);
    CHECK_EQ(areas_stats().areas, 1);
    CHECK_EQ(areas_stats().reserved_ranges, 1);
    CHECK_EQ(area->start.value, va(0x2000).value);
    CHECK_EQ(cairn_area_map(area, 3, cairn_pfn_make(0x77), &data), CAIRN_OK);
    CHECK(cairn_is_mapped(&areas.table, va(0x5000)));
    /* It becomes free in the middle. */
    release(area);
    CHECK(!cairn_is_mapped(&areas.table, va(0x5000)));
    CHECK_EQ(areas_stats().reserved_ranges, 2);
    CHECK_EQ(areas_stats().used_bytes, before.used_bytes - 0x4000);
    CHECK_EQ(cairn_area_free(again, NULL, NULL), CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_area_forget(again), CAIRN_OK);
    CHECK_EQ(cairn_area_forget(again), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_forget(other), CAIRN_BAD_ARGUMENT);
    span.start = va(0);
    CHECK_EQ(cairn_area_adopt(&areas.set, span, PAGE, "", &area), CAIRN_IN_USE);
    span.bytes = 0x4001;
    CHECK_EQ(cairn_area_adopt(&areas.set, span, PAGE, "", &area),
             CAIRN_BAD_ARGUMENT);
    release(other);
    areas_end();
}

/* ---- Handles ------------------------------------------------------------- */

static void map_outside(struct cairn_area *area, uint64_t index)
{
    CHECK_EQ(cairn_area_map(area, index, cairn_pfn_make(0x100), &data),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(F14_I6_pages_of_a_handle_are_mapped_one_by_one)
{
    struct cairn_area *area;
    struct cairn_area *large;
    cairn_phys phys;

    start();
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 3, PAGE, "three", &area),
             CAIRN_OK);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 2, LARGE, "large", &large),
             CAIRN_OK);
    CHECK_EQ(cairn_area_map(area, 2, cairn_pfn_make(0x123), &data), CAIRN_OK);
    CHECK(!cairn_is_mapped(&areas.table, va(0x1000)));
    CHECK(cairn_pagetable_translate(&areas.table, va(0x2008), &phys));
    CHECK_EQ(phys.value, 0x123008);
    CHECK_EQ(cairn_area_map(area, 2, cairn_pfn_make(0x124), &data),
             CAIRN_IN_USE);
    CHECK_PANIC(map_outside(area, 3), "page 3 is outside of the area three");
    CHECK_PANIC(map_outside(area, UINT64_MAX), "is outside");
    CHECK_PANIC(map_outside(area, (uint64_t)1 << 52), "is outside");
    CHECK_PANIC(map_outside(large, 2), "is outside");
    CHECK_EQ(cairn_area_map(large, 1, cairn_pfn_make(0x201), &data),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_map(area, 0, cairn_pfn_make((uint64_t)1 << 52), &data),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_map(large, 1, cairn_pfn_make(0x400), &data), CAIRN_OK);
    CHECK(cairn_pagetable_translate(&areas.table, va(2 * LARGE + 5), &phys));
    CHECK_EQ(phys.value, 0x400005);
    CHECK_EQ(cairn_area_unmap(large, 1, NULL), CAIRN_OK);
    CHECK_EQ(cairn_area_unmap(large, 1, NULL), CAIRN_NOT_FOUND);
    CHECK_PANIC(CHECK_EQ(cairn_area_unmap(large, 2, NULL), CAIRN_NOT_FOUND),
                "is outside");
    release(area);
    release(large);
    areas_end();
}

static void count(void *context, const struct cairn_mapping *mapping)
{
    *(uint64_t *)context += mapping->bytes;
}

CAIRN_TEST(F15_all_pages_are_unmapped_and_the_range_is_free)
{
    struct cairn_area *small;
    struct cairn_area *huge;
    uint64_t bytes = 0;

    start();
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 1600, PAGE, "s", &small),
             CAIRN_OK);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 300, CAIRN_GIB, "h", &huge),
             CAIRN_OK);
    for (unsigned i = 0; i < 1600; i += 533)
        CHECK_EQ(cairn_area_map(small, i, cairn_pfn_make(i), &data), CAIRN_OK);
    CHECK_EQ(cairn_area_map(huge, 299, cairn_pfn_make(1 << 18), &data),
             CAIRN_OK);
    areas_leave(0); /* and freeing takes no memory */
    CHECK_EQ(cairn_area_free(small, count, &bytes), CAIRN_OK);
    CHECK_EQ(bytes, 4 * PAGE);
    CHECK_EQ(cairn_area_free(huge, count, &bytes), CAIRN_OK);
    CHECK_EQ(bytes, 4 * PAGE + CAIRN_GIB);
    CHECK_EQ(areas.table.table_count, 1);
    CHECK_EQ(cairn_area_alloc_pages(&areas.set, 1600, PAGE, "s", &small),
             CAIRN_OK);
    CHECK_EQ(small->start.value, va(0).value);
    release(small);
    areas_end();
}

/* ---- Frames of its own --------------------------------------------------- */

CAIRN_TEST(F15_a_backed_area_gives_its_frames_back)
{
    struct cairn_area_request request = {.rights = CAIRN_PAGE_WRITE,
                                         .owner = CAIRN_OWNER_HEAP};
    struct cairn_area *area;

    start();
    area = areas_alloc(10 * PAGE, request);
    CHECK_EQ(cairn_area_back(area, 0), CAIRN_OK);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), 10);
    CHECK_EQ(area->frame_count, 10);
    CHECK(cairn_range_has_rights(&areas.table, va(0), 10 * PAGE,
                                 CAIRN_PAGE_WRITE));
    CHECK(!cairn_is_mapped(&areas.table, va(10 * PAGE)));
    CHECK_EQ(cairn_area_back(area, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_map(area, 0, cairn_pfn_make(1), &data),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_unmap(area, 0, NULL), CAIRN_BAD_ARGUMENT);
    release(area);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), 0);
    /* Something is mapped: what was backed before is undone. */
    area = areas_alloc(36 * PAGE, request);
    CHECK_EQ(cairn_area_map(area, 35, cairn_pfn_make(0x99), &data), CAIRN_OK);
    CHECK_EQ(cairn_area_back(area, 0), CAIRN_IN_USE);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), 0);
    CHECK(!cairn_is_mapped(&areas.table, va(0)));
    CHECK(cairn_is_mapped(&areas.table, va(35 * PAGE)));
    release(area);
    areas_end();
}

CAIRN_TEST(F21_more_may_be_allocated_than_there_is_memory)
{
    struct cairn_area_request request = {.kind = CAIRN_AREA_LAZY,
                                         .rights = CAIRN_PAGE_WRITE,
                                         .flags = CAIRN_AREA_WITH_GUARDS,
                                         .name = "lazy"};
    uint64_t bytes = SPAN / 2;
    struct cairn_area *area;
    uint64_t offset = PAGE;

    start();
    area = areas_alloc(bytes, request);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_KERNEL), 2); /* the books */
    CHECK_EQ(cairn_area_fault(&areas.set, va(0), 0), CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_area_fault(&areas.set, va(PAGE + bytes), 0),
             CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_area_fault(&areas.set, va(bytes + 2 * PAGE), 0),
             CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_area_fault(&areas.set, va(PAGE), CAIRN_PAGE_EXEC),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_fault(&areas.set, va(PAGE), CAIRN_PAGE_USER),
             CAIRN_BAD_ARGUMENT);
    for (unsigned i = 0; i < 4; i++, offset += bytes / 4) {
        CHECK_EQ(cairn_area_fault(&areas.set, va(offset + 9), 0), CAIRN_OK);
        CHECK_EQ(cairn_area_fault(&areas.set, va(offset), CAIRN_PAGE_WRITE),
                 CAIRN_OK);
        CHECK(cairn_is_mapped(&areas.table, va(offset)));
        CHECK(!cairn_is_mapped(&areas.table, va(offset + PAGE)));
        CHECK_EQ(area->frame_count, i + 1);
    }
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_KERNEL), 6);
    CHECK_EQ(cairn_area_back(area, 0), CAIRN_BAD_ARGUMENT);
    areas_leave(0);
    CHECK_EQ(cairn_area_fault(&areas.set, va(offset - PAGE), 0),
             CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_area_fault(&areas.set, va(PAGE), 0), CAIRN_OK);
    CHECK_EQ(area->frame_count, 4);
    release(area);
    CHECK_EQ(cairn_area_fault(&areas.set, va(PAGE), 0), CAIRN_NOT_FOUND);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_KERNEL), 2);
    areas_end();
}

CAIRN_TEST(F21_an_area_with_a_fault_under_way_is_not_freed)
{
    struct cairn_area_request request = {.kind = CAIRN_AREA_LAZY};
    struct cairn_area *area;

    start();
    area = areas_alloc(PAGE, request);
    area->fault_count = 1;
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_IN_USE);
    area->fault_count = 0;
    CHECK_EQ(cairn_areas_destroy(&areas.set), CAIRN_IN_USE);
    release(area);
    areas_end();
}

/* ---- Questions ----------------------------------------------------------- */

CAIRN_TEST(J4_guards_are_known_by_the_name_of_their_area)
{
    struct cairn_area_request request = {
        .flags = CAIRN_AREA_WITH_GUARDS,
        .name = "a name that is longer than what is printed"};
    struct cairn_area_info info;
    struct cairn_area *area;
    struct cairn_area *bare;

    start();
    area = areas_alloc(2 * PAGE, request);
    bare = areas_alloc(PAGE, any);
    CHECK_EQ(bare->start.value, va(4 * PAGE).value);
    CHECK(cairn_areas_find(&areas.set, va(0xfff), &info));
    CHECK_EQ(info.part, CAIRN_AREA_GUARD_BELOW);
    CHECK_TEXT(info.name, "a name that is longer t");
    CHECK_EQ(info.start.value, va(PAGE).value);
    CHECK_EQ(info.bytes, 2 * PAGE);
    CHECK(cairn_areas_find(&areas.set, va(PAGE), &info));
    CHECK_EQ(info.part, CAIRN_AREA_BODY);
    CHECK(cairn_areas_find(&areas.set, va(3 * PAGE - 1), &info));
    CHECK_EQ(info.part, CAIRN_AREA_BODY);
    CHECK(cairn_areas_find(&areas.set, va(3 * PAGE), &info));
    CHECK_EQ(info.part, CAIRN_AREA_GUARD_ABOVE);
    CHECK(info.area == area);
    CHECK_EQ(cairn_areas_free(&areas.set, va(0), 2 * PAGE), CAIRN_NOT_FOUND);
    CHECK(!cairn_areas_find(&areas.set, va(5 * PAGE), &info));
    CHECK(cairn_areas_next(&areas.set, va(0), &info) && info.area == area);
    CHECK_EQ(info.part, CAIRN_AREA_GUARD_BELOW);
    CHECK(cairn_areas_next(&areas.set, va(4 * PAGE), &info) &&
          info.area == bare);
    CHECK(!cairn_areas_next(&areas.set, va(5 * PAGE), &info));
    release(area);
    release(bare);
    /* Aligned, with a guard below: the guard is the page just below. */
    request.align = LARGE;
    area = areas_alloc(PAGE, request);
    CHECK_EQ(area->start.value, va(LARGE).value);
    CHECK(cairn_areas_find(&areas.set, va(LARGE - 1), &info));
    CHECK(!cairn_areas_find(&areas.set, va(LARGE - PAGE - 1), &info));
    release(area);
    areas_end();
}

/* ---- No memory ----------------------------------------------------------- */

/* What takes memory for the books: an area, or what is in use. */
static enum cairn_status try_books(unsigned kind)
{
    struct cairn_area_request request = {.bytes = PAGE,
                                         .kind = CAIRN_AREA_PAGES};

    return kind == 0 ? try_alloc(&request) : reserve(0x9000, 0x3000);
}

CAIRN_TEST(F18_without_memory_nothing_is_half_done)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        unsigned needed = 0;

        start();
        for (areas_leave(0); try_books(kind) != CAIRN_OK; areas_leave(1)) {
            CHECK_EQ(try_books(kind), CAIRN_NO_MEMORY);
            CHECK_EQ(areas_stats().used_bytes, 0);
            areas_verify();
            needed++;
        }
        CHECK_EQ(needed, 2 - kind); /* what was got is kept */
        areas_end();
    }
}

CAIRN_TEST(F16_bounds_are_those_of_the_page_table)
{
    struct cairn_areas other;

    start();
    CHECK_EQ(cairn_areas_init(&other, cairn_span_make(0, UINT64_MAX - 4095),
                              &areas.table, NULL),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_areas_init(&other, cairn_span_make(AREAS_BASE, 0),
                              &areas.table, NULL),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_areas_init(&other, cairn_span_make(AREAS_BASE + 1, PAGE),
                              &areas.table, NULL),
             CAIRN_BAD_ARGUMENT);
    areas_end();
}
