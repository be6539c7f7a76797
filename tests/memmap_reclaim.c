/*
 * memmap_reclaim.c - giving memory back that has served its purpose.
 */
#include "memmap_example.h"

static const enum cairn_memory_kind reclaimable[] = {
    CAIRN_MEMORY_BOOT_SERVICES,
    CAIRN_MEMORY_LOADER,
    CAIRN_MEMORY_ACPI_RECLAIM,
};

/* Usable [1000, 2000), of that kind [2000, 6000), usable [6000, 7000). */
static void make_reclaimable(enum cairn_memory_kind kind)
{
    example_begin();
    example_add(0x1000, 0x7000, USABLE);
    example_add(0x2000, 0x6000, kind);
    CHECK_EQ(example_finish(0), CAIRN_OK);
}

static enum cairn_status reclaim(uint64_t start, uint64_t end,
                                 enum cairn_memory_kind kind, uint64_t *bytes)
{
    enum cairn_status status = cairn_memmap_reclaim(
        &example_map, cairn_phys_range_make(start, end), kind, bytes);

    CHECK_EQ(cairn_memmap_check(&example_map), 0);
    return status;
}

CAIRN_TEST(A14_each_kind_that_has_served_is_reclaimed)
{
    for (size_t i = 0; i < 3; i++) {
        uint64_t bytes = 0;

        make_reclaimable(reclaimable[i]);
        CHECK_EQ(reclaim(0, LIMIT, reclaimable[(i + 1) % 3], &bytes), CAIRN_OK);
        CHECK_EQ(bytes, 0);
        CHECK_EQ(reclaim(0, LIMIT, reclaimable[i], &bytes), CAIRN_OK);
        CHECK_EQ(bytes, 0x4000);
        CHECK_TEXT(example_text(), "1000-7000 usable");
        CHECK_EQ(reclaim(0, LIMIT, reclaimable[i], &bytes), CAIRN_OK);
        CHECK_EQ(bytes, 0);
    }
}

CAIRN_TEST(A14_no_other_kind_can_be_reclaimed)
{
    uint64_t bytes = 77;

    for (unsigned kind = 0; kind <= CAIRN_MEMORY_KIND_COUNT; kind++) {
        if (kind == reclaimable[0] || kind == reclaimable[1] ||
            kind == reclaimable[2])
            continue;
        make_reclaimable(RESERVED);
        CHECK_EQ(reclaim(0, LIMIT, (enum cairn_memory_kind)kind, &bytes),
                 CAIRN_BAD_ARGUMENT);
    }
    CHECK_EQ(bytes, 77);
}

CAIRN_TEST(A14_only_whole_pages_inside_the_window)
{
    uint64_t bytes = 0;

    make_reclaimable(LOADER);
    CHECK_EQ(reclaim(0x3001, 0x5fff, LOADER, &bytes), CAIRN_OK);
    CHECK_EQ(bytes, 0x1000);
    CHECK_TEXT(example_text(), "1000-2000 usable, 2000-4000 boot loader, "
                               "4000-5000 usable, 5000-6000 boot loader, "
                               "6000-7000 usable");
    CHECK_EQ(reclaim(0x2001, 0x2fff, LOADER, &bytes), CAIRN_OK);
    CHECK_EQ(bytes, 0);
}

CAIRN_TEST(A14_reclaim_is_refused_while_something_alive_is_pinned)
{
    uint64_t bytes = 77;

    make_reclaimable(LOADER);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x3800, 1), CAIRN_OK);
    CHECK_EQ(reclaim(0, LIMIT, LOADER, &bytes), CAIRN_IN_USE);
    CHECK_EQ(bytes, 77);
    CHECK_TEXT(example_text(), "1000-2000 usable, 2000-6000 boot loader, "
                               "6000-7000 usable");
    CHECK_EQ(reclaim(0x4000, LIMIT, LOADER, &bytes), CAIRN_OK);
    CHECK_EQ(bytes, 0x2000);
    CHECK_EQ(reclaim(0, 0x3fff, LOADER, &bytes), CAIRN_OK);
    CHECK_EQ(bytes, 0x1000);
    CHECK_TEXT(example_text(), "1000-3000 usable, 3000-4000 boot loader, "
                               "4000-7000 usable");
    CHECK_EQ(cairn_memmap_unpin(&example_map, 0x3fff, 1), CAIRN_OK);
    CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_OK);
    CHECK_TEXT(example_text(), "1000-7000 usable");
}

CAIRN_TEST(A14_pins_in_other_memory_do_not_hinder)
{
    make_reclaimable(LOADER);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x1000, 0x1000), CAIRN_OK);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x6000, 0x9000), CAIRN_OK);
    CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_OK);
    CHECK_TEXT(example_text(), "1000-7000 usable");
}

CAIRN_TEST(A14_a_pin_covers_each_page_that_it_touches)
{
    static const struct cairn_phys_range pins[] = {
        {{0x1fff}, {0x2001}}, {{0x5fff}, {0x6000}}, {{0x5fff}, {0x6001}},
        {{0x2000}, {0x2001}}, {{0}, {LIMIT}},       {{0x5fff}, {LIMIT}},
    };

    for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
        make_reclaimable(LOADER);
        CHECK_EQ(cairn_memmap_pin(&example_map, pins[i].start.value,
                                  cairn_phys_range_bytes(pins[i])),
                 CAIRN_OK);
        CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_IN_USE);
        CHECK_EQ(cairn_memmap_unpin(&example_map, pins[i].start.value,
                                    cairn_phys_range_bytes(pins[i])),
                 CAIRN_OK);
        CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_OK);
    }
}

CAIRN_TEST(A14_below_the_floor_it_becomes_low)
{
    uint64_t bytes = 0;

    example_begin();
    example_add(0, 0x200000, CAIRN_MEMORY_BOOT_SERVICES);
    example_add(0x200000, 0x300000, USABLE);
    CHECK_EQ(example_finish(CAIRN_MIB), CAIRN_OK);
    CHECK_EQ(reclaim(0, LIMIT, CAIRN_MEMORY_BOOT_SERVICES, &bytes), CAIRN_OK);
    CHECK_EQ(bytes, 0x200000);
    CHECK_TEXT(example_text(), "0-100000 low memory, 100000-300000 usable");
}

CAIRN_TEST(A14_frame_0_stays_low_when_it_is_reclaimed)
{
    example_begin();
    example_add(0, 0x4000, LOADER);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_OK);
    CHECK_TEXT(example_text(), "0-1000 low memory, 1000-4000 usable");
}

CAIRN_TEST(A14_what_was_reserved_stays)
{
    make_reclaimable(LOADER);
    example_reserve(0x3000, 0x4000, KERNEL);
    CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_OK);
    CHECK_TEXT(example_text(), "1000-3000 usable, 3000-4000 kernel, "
                               "4000-7000 usable");
}

CAIRN_TEST(A7_low_memory_can_be_reserved_and_stays_low_when_reclaimed)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    CHECK_EQ(example_finish(0x5000), CAIRN_OK);
    example_reserve(0x2000, 0x7000, LOADER);
    CHECK_TEXT(example_text(), "1000-2000 low memory, 2000-7000 boot loader, "
                               "7000-9000 usable");
    CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_OK);
    CHECK_TEXT(example_text(), "1000-5000 low memory, 5000-9000 usable");
}

/* ---- Arguments ----------------------------------------------------------- */

CAIRN_TEST(memmap_pins_refuse_nonsense)
{
    example_begin();
    example_add(0x1000, 0x2000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(cairn_memmap_pin(NULL, 0, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x1000, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_pin(&example_map, LIMIT, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_pin(&example_map, LIMIT - 1, 2), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x1000, UINT64_MAX),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_unpin(NULL, 0, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_unpin(&example_map, 0x1000, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_unpin(&example_map, 0x1000, 1), CAIRN_NOT_FOUND);
    CHECK_EQ(example_map.pin_count, 0);
    CHECK_EQ(cairn_memmap_pin(&example_map, LIMIT - 1, 1), CAIRN_OK);
    CHECK_EQ(cairn_memmap_unpin(&example_map, 0x1000, 1), CAIRN_NOT_FOUND);
    CHECK_EQ(example_map.pin_count, 1);
}

CAIRN_TEST(memmap_has_room_for_16_pins)
{
    example_begin();
    for (uint64_t i = 0; i < CAIRN_MEMMAP_PINS_MAX; i++)
        CHECK_EQ(cairn_memmap_pin(&example_map, i * 0x1000, 0x1000), CAIRN_OK);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x800000, 0x1000), CAIRN_NO_SPACE);
    CHECK_EQ(cairn_memmap_check(&example_map), 0);
    CHECK_EQ(cairn_memmap_unpin(&example_map, 0x3000, 0x1000), CAIRN_OK);
    CHECK_EQ(cairn_memmap_unpin(&example_map, 0x3000, 0x1000), CAIRN_NOT_FOUND);
    for (uint64_t i = 0; i < CAIRN_MEMMAP_PINS_MAX; i++) {
        if (i != 3)
            CHECK_EQ(cairn_memmap_unpin(&example_map, i * 0x1000, 0x1000),
                     CAIRN_OK);
    }
    CHECK_EQ(example_map.pin_count, 0);
}

CAIRN_TEST(memmap_reclaim_refuses_nonsense)
{
    const struct cairn_phys_range all = {{0}, {LIMIT}};

    example_begin();
    example_add(0x1000, 0x2000, LOADER);
    CHECK_EQ(reclaim(0, LIMIT, LOADER, NULL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_memmap_reclaim(NULL, all, LOADER, NULL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(reclaim(0, LIMIT + 1, LOADER, NULL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(reclaim(0x2000, 0x1000, LOADER, NULL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(reclaim(0x1000, 0x1000, LOADER, NULL), CAIRN_OK);
    CHECK_TEXT(example_text(), "1000-2000 boot loader");
}
