/*
 * memmap_rules.c - the rules of memory maps, each by name and by example.
 */
#include "memmap_example.h"

#include <cairn/early.h>

#define GIB CAIRN_GIB

/* ---- A4: entries --------------------------------------------------------- */

CAIRN_TEST(A4_unsorted_entries_are_sorted)
{
    example_begin();
    example_add(0x9000, 0xa000, USABLE);
    example_add(0x1000, 0x2000, USABLE);
    example_add(0x5000, 0x6000, RESERVED);
    example_add(0x3000, 0x4000, USABLE);
    example_finish_as("1000-2000 usable, 3000-4000 usable, 5000-6000 reserved, "
                      "9000-a000 usable");
}

CAIRN_TEST(A4_touching_entries_of_one_kind_merge)
{
    example_begin();
    example_add(0x3000, 0x4000, USABLE);
    example_add(0x1000, 0x2000, USABLE);
    example_add(0x2000, 0x3000, USABLE);
    example_add(0x4000, 0x5000, RESERVED);
    example_finish_as("1000-4000 usable, 4000-5000 reserved");
}

CAIRN_TEST(A4_usable_rounds_inwards)
{
    example_begin();
    example_add(0x1001, 0x5fff, USABLE);
    example_finish_as("2000-5000 usable");
    example_begin();
    example_add(0x1fff, 0x3001, USABLE);
    example_finish_as("2000-3000 usable");
}

CAIRN_TEST(A4_less_than_a_page_of_usable_memory_is_none)
{
    example_begin();
    example_add(0x1001, 0x2000, USABLE);
    example_add(0x3000, 0x3fff, USABLE);
    example_add(0x5800, 0x6800, USABLE);
    example_add(0x9000, 0xa000, USABLE);
    example_finish_as("9000-a000 usable");
}

CAIRN_TEST(A4_usable_entries_that_touch_inside_a_page_keep_it)
{
    example_begin();
    example_add(0x1000, 0x2345, USABLE);
    example_add(0x2345, 0x4000, USABLE);
    example_finish_as("1000-4000 usable");
    example_begin();
    example_add(0x1000, 0x2345, USABLE);
    example_add(0x2346, 0x4000, USABLE);
    example_finish_as("1000-2000 usable, 3000-4000 usable");
}

CAIRN_TEST(A4_everything_else_rounds_outwards)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    example_add(0x2fff, 0x4001, RESERVED);
    example_add(0x6800, 0x6801, CAIRN_MEMORY_MMIO);
    example_finish_as("1000-2000 usable, 2000-5000 reserved, 5000-6000 usable, "
                      "6000-7000 device, 7000-9000 usable");
}

CAIRN_TEST(A4_reserved_wins_in_either_order)
{
    for (int order = 0; order < 2; order++) {
        example_begin();
        example_add(0x1000, 0x9000, order == 0 ? USABLE : RESERVED);
        example_add(0x1000, 0x9000, order == 0 ? RESERVED : USABLE);
        example_add(0xa000, 0xb000, USABLE);
        example_finish_as("1000-9000 reserved, a000-b000 usable");
    }
}

CAIRN_TEST(A4_the_more_restrictive_kind_wins_for_every_pair)
{
    for (unsigned a = USABLE; a < CAIRN_MEMORY_KIND_COUNT; a++) {
        for (unsigned b = USABLE; b < CAIRN_MEMORY_KIND_COUNT; b++) {
            if (a == CAIRN_MEMORY_LOW || b == CAIRN_MEMORY_LOW)
                continue;
            example_begin();
            example_add(0x1000, 0x3000, (enum cairn_memory_kind)a);
            example_add(0x2000, 0x4000, (enum cairn_memory_kind)b);
            example_add(0x9000, 0xa000, USABLE);
            CHECK_EQ(example_finish(0), CAIRN_OK);
            CHECK_EQ(example_kind_at(0x1000), a);
            CHECK_EQ(example_kind_at(0x2000), a > b ? a : b);
            CHECK_EQ(example_kind_at(0x3000), b);
        }
    }
}

CAIRN_TEST(A4_overlapping_entries_are_not_mapped_twice)
{
    struct cairn_phys_range window = {{0}, {LIMIT}};
    struct cairn_memory_range range;
    uint64_t bytes = 0;

    example_begin();
    example_add(0x1000, 0x6000, USABLE);
    example_add(0x1000, 0x6000, USABLE);
    example_add(0x3000, 0x8000, USABLE);
    example_add(0x2000, 0x3000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    while (cairn_memmap_next(&example_map, BIT(USABLE), window, &range)) {
        bytes += range.end.value - range.start.value;
        window.start = range.end;
    }
    CHECK_EQ(bytes, 0x7000);
    CHECK_EQ(example_map.count, 1);
}

CAIRN_TEST(A4_an_entry_inside_another_splits_it)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    example_add(0x4000, 0x5000, LOADER);
    example_finish_as(
        "1000-4000 usable, 4000-5000 boot loader, 5000-9000 usable");
}

CAIRN_TEST(A4_zero_length_entries_are_ignored)
{
    example_begin();
    example_add(0x1000, 0x4000, USABLE);
    example_add(0x2000, 0x2000, RESERVED);
    example_add(0x2800, 0x2800, CAIRN_MEMORY_BAD);
    example_add(0, 0, RESERVED);
    example_add(UINT64_MAX, UINT64_MAX, RESERVED);
    example_finish_as("1000-4000 usable");
    CHECK_EQ(example_map.entries_added, 5);
    CHECK_EQ(example_map.entries_ignored, 4);
}

CAIRN_TEST(A4_memory_that_wraps_is_nonsense)
{
    example_begin();
    example_add(0x1000, 0x4000, USABLE);
    CHECK_EQ(
        cairn_memmap_add(&example_map, 0x8000, UINT64_MAX - 0x1000, USABLE),
        CAIRN_OK);
    CHECK_EQ(
        cairn_memmap_add(&example_map, 0x8000, 0 - (uint64_t)0x8000, LOADER),
        CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&example_map, UINT64_MAX, 2, USABLE), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&example_map, LIMIT - 0x1000, 0x1001, USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&example_map, LIMIT, 0x1000, USABLE), CAIRN_OK);
    CHECK_EQ(example_map.entries_ignored, 5);
    example_finish_as("1000-4000 usable");
}

CAIRN_TEST(A4_reserved_that_wraps_is_cut)
{
    example_begin();
    example_add(0x1000, 0x4000, USABLE);
    CHECK_EQ(cairn_memmap_add(&example_map, 0x8000, UINT64_MAX, RESERVED),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&example_map, UINT64_MAX - 1, 3, RESERVED),
             CAIRN_OK);
    example_finish_as("1000-4000 usable, 8000-10000000000000 reserved");
    CHECK_EQ(example_map.entries_ignored, 1);
}

CAIRN_TEST(A4_forbidden_ram_that_wraps_is_cut)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    CHECK_EQ(cairn_memmap_add(&example_map, 0x4000, UINT64_MAX - 0x1000,
                              CAIRN_MEMORY_BAD),
             CAIRN_OK);
    CHECK_EQ(
        cairn_memmap_add(&example_map, LIMIT, UINT64_MAX, CAIRN_MEMORY_RUNTIME),
        CAIRN_OK);
    example_finish_as("1000-4000 usable, 4000-10000000000000 reserved");
    CHECK_EQ(example_map.entries_ignored, 1);
}

CAIRN_TEST(A4_memory_may_end_at_the_limit)
{
    example_begin();
    example_add(LIMIT - 0x2000, LIMIT, USABLE);
    example_finish_as("fffffffffe000-10000000000000 usable");
    CHECK_EQ(example_kind_at(LIMIT - 1), USABLE);
    CHECK_EQ(example_kind_at(LIMIT), CAIRN_MEMORY_NONE);
    CHECK_EQ(example_kind_at(UINT64_MAX), CAIRN_MEMORY_NONE);
}

CAIRN_TEST(A4_a_page_has_the_strictest_kind_that_touches_it)
{
    example_begin();
    example_add(0x1000, 0x1100, USABLE);
    example_add(0x1100, 0x1200, RESERVED);
    example_add(0x1200, 0x1300, CAIRN_MEMORY_ACPI_NVS);
    example_add(0x1300, 0x2000, USABLE);
    example_add(0x2000, 0x3000, USABLE);
    example_finish_as("1000-2000 ACPI NVS, 2000-3000 usable");
}

/* Reclaiming such a page would hand out bytes that are not RAM. */
CAIRN_TEST(A4_a_reclaimable_page_with_a_hole_is_reserved)
{
    example_begin();
    example_add(0x1000, 0x2800, LOADER);
    example_add(0x3800, 0x4000, CAIRN_MEMORY_ACPI_RECLAIM);
    example_add(0x4000, 0x4001, CAIRN_MEMORY_BOOT_SERVICES);
    example_add(0x5000, 0x6000, USABLE);
    example_finish_as(
        "1000-2000 boot loader, 2000-5000 reserved, 5000-6000 usable");
    example_begin();
    example_add(0x1000, 0x1800, LOADER);
    example_add(0x1800, 0x3000, USABLE);
    example_finish_as("1000-2000 boot loader, 2000-3000 usable");
}

CAIRN_TEST(A4_small_entries_in_one_page)
{
    example_begin();
    for (unsigned i = 0; i < 16; i++)
        example_add(0x1000 + i * 0x100, 0x1100 + i * 0x100, USABLE);
    example_add(0x2010, 0x2020, RESERVED);
    example_add(0x2030, 0x2040, RESERVED);
    example_finish_as("1000-2000 usable, 2000-3000 reserved");
}

/* ---- A5: holes ----------------------------------------------------------- */

static struct cairn_early early;

/* RAM as in a machine with a PCI hole. */
static void make_pci_machine(void)
{
    example_begin();
    example_add(0, 3 * GIB, USABLE);
    example_add(4 * GIB, 5 * GIB, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
}

CAIRN_TEST(A5_nothing_comes_from_the_pci_hole)
{
    struct cairn_early_stats stats;

    make_pci_machine();
    CHECK_TEXT(example_text(), "0-1000 low memory, 1000-c0000000 usable, "
                               "100000000-140000000 usable");
    CHECK_EQ(example_kind_at(3 * GIB - 1), USABLE);
    CHECK_EQ(example_kind_at(3 * GIB), CAIRN_MEMORY_NONE);
    CHECK_EQ(example_kind_at(4 * GIB - 1), CAIRN_MEMORY_NONE);
    CHECK_EQ(example_kind_at(4 * GIB), USABLE);
    CHECK_EQ(cairn_early_init(&early, &example_map, NULL), CAIRN_OK);
    cairn_early_stats(&early, &stats);
    CHECK_EQ(stats.total_frames, 4 * GIB / 4096 - 1);
}

CAIRN_TEST(A5_the_early_allocator_steps_over_the_hole)
{
    const struct cairn_early_config config = {
        .window = {{3 * GIB - 8 * 4096}, {4 * GIB + 8 * 4096}}};
    cairn_pfn pfn;
    uint64_t address;

    make_pci_machine();
    CHECK_EQ(cairn_early_init(&early, &example_map, &config), CAIRN_OK);
    for (unsigned i = 0; i < 16; i++) {
        CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_OK);
        address = cairn_phys_of(pfn).value;
        CHECK(address < 3 * GIB || address >= 4 * GIB);
        CHECK(address >= 3 * GIB - 8 * 4096 && address < 4 * GIB + 8 * 4096);
    }
    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_NO_MEMORY);
}

CAIRN_TEST(A5_reserving_a_hole_does_not_make_it_memory)
{
    example_begin();
    example_add(0x1000, 0x3000, USABLE);
    example_reserve(0x2000, 0x6000, LOADER);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    example_reserve(0x9000, 0xa001, CAIRN_MEMORY_BOOT_SERVICES);
    CHECK_TEXT(example_text(), "1000-2000 usable, 2000-3000 boot loader, "
                               "3000-6000 reserved, 9000-b000 reserved");
    CHECK_EQ(cairn_memmap_reclaim(&example_map, cairn_phys_range_make(0, LIMIT),
                                  LOADER, NULL),
             CAIRN_OK);
    CHECK_TEXT(example_text(), "1000-3000 usable, 3000-6000 reserved, "
                               "9000-b000 reserved");
}

/* ---- A8, A9, A12 --------------------------------------------------------- */

CAIRN_TEST(A8_kinds_are_kept)
{
    uint64_t at = 0x1000;

    example_begin();
    for (unsigned kind = USABLE; kind < CAIRN_MEMORY_KIND_COUNT; kind++) {
        if (kind != CAIRN_MEMORY_LOW)
            example_add(at * kind, at * kind + 0x1000,
                        (enum cairn_memory_kind)kind);
    }
    CHECK_EQ(example_finish(0), CAIRN_OK);
    for (unsigned kind = USABLE; kind < CAIRN_MEMORY_KIND_COUNT; kind++) {
        if (kind != CAIRN_MEMORY_LOW)
            CHECK_EQ(example_kind_at(at * kind), kind);
    }
    CHECK_EQ(example_kind_at(at * CAIRN_MEMORY_LOW), CAIRN_MEMORY_NONE);
}

CAIRN_TEST(A8_each_kind_can_be_asked_for)
{
    struct cairn_memory_range range = {{7}, {8}, CAIRN_MEMORY_BAD};
    const struct cairn_phys_range all = {{0}, {LIMIT}};

    example_begin();
    example_add(0x1000, 0x2000, USABLE);
    example_add(0x2000, 0x3000, CAIRN_MEMORY_FRAMEBUFFER);
    example_add(0x4000, 0x6000, CAIRN_MEMORY_FRAMEBUFFER);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK(!cairn_memmap_next(&example_map, BIT(ACPI_NVS), all, &range));
    CHECK_EQ(range.start.value, 7);
    CHECK(cairn_memmap_next(&example_map, BIT(ACPI_NVS) | BIT(FRAMEBUFFER), all,
                            &range));
    CHECK_EQ(range.start.value, 0x2000);
    CHECK_EQ(range.end.value, 0x3000);
    CHECK_EQ(range.kind, CAIRN_MEMORY_FRAMEBUFFER);
    CHECK(!cairn_memmap_next(&example_map, 0, all, &range));
    CHECK(!cairn_memmap_next(&example_map, BIT(NONE), all, &range));
    CHECK_EQ(cairn_memmap_end(&example_map, BIT(FRAMEBUFFER)).value, 0x6000);
    CHECK_EQ(cairn_memmap_end(&example_map, BIT(USABLE)).value, 0x2000);
    CHECK_EQ(cairn_memmap_end(&example_map, BIT(MMIO)).value, 0);
}

CAIRN_TEST(A8_next_cuts_at_the_ends_of_the_window)
{
    struct cairn_memory_range range;

    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK(cairn_memmap_next(&example_map, BIT(USABLE),
                            cairn_phys_range_make(0x2345, 0x4001), &range));
    CHECK_EQ(range.start.value, 0x2345);
    CHECK_EQ(range.end.value, 0x4001);
    CHECK(!cairn_memmap_next(&example_map, BIT(USABLE),
                             cairn_phys_range_make(0x9000, LIMIT), &range));
    CHECK(!cairn_memmap_next(&example_map, BIT(USABLE),
                             cairn_phys_range_make(0, 0x1000), &range));
    CHECK(!cairn_memmap_next(&example_map, BIT(USABLE),
                             cairn_phys_range_make(0x3000, 0x3000), &range));
    CHECK(!cairn_memmap_next(&example_map, BIT(USABLE),
                             cairn_phys_range_make(0x4000, 0x3000), &range));
}

CAIRN_TEST(A8_kinds_have_names)
{
    CHECK_TEXT(cairn_memory_kind_name(USABLE), "usable");
    CHECK_TEXT(cairn_memory_kind_name(CAIRN_MEMORY_NONE), "hole");
    CHECK_TEXT(cairn_memory_kind_name(CAIRN_MEMORY_BAD), "bad");
    CHECK_TEXT(cairn_memory_kind_name(CAIRN_MEMORY_KIND_COUNT), "?");
    CHECK_TEXT(cairn_memory_kind_name((enum cairn_memory_kind)999), "?");
    for (unsigned kind = 0; kind < CAIRN_MEMORY_KIND_COUNT; kind++) {
        const char *name = cairn_memory_kind_name((enum cairn_memory_kind)kind);

        CHECK(name != NULL && name[0] != '\0' && name[0] != '?');
    }
    CHECK(!cairn_memory_kind_is_ram((enum cairn_memory_kind)999));
}

CAIRN_TEST(A9_frame_0_is_never_usable)
{
    example_begin();
    example_add(0, 0x3000, USABLE);
    example_finish_as("0-1000 low memory, 1000-3000 usable");
    example_begin();
    example_add(0, 0x1000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
}

CAIRN_TEST(A9_a_bios_floor_of_1_mib)
{
    example_begin();
    example_add(0, 0x9fc00, USABLE);
    example_add(0x9fc00, 0xa0000, RESERVED);
    example_add(0x100000, 0x200000, USABLE);
    CHECK_EQ(example_finish(0x100000), CAIRN_OK);
    CHECK_TEXT(example_text(), "0-9f000 low memory, 9f000-a0000 reserved, "
                               "100000-200000 usable");
}

CAIRN_TEST(A9_a_floor_inside_a_page_rounds_up)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    CHECK_EQ(example_finish(0x3001), CAIRN_OK);
    CHECK_TEXT(example_text(), "1000-4000 low memory, 4000-9000 usable");
    CHECK_EQ(example_map.floor.value, 0x4000);
}

CAIRN_TEST(A12_zones_lie_apart)
{
    struct cairn_phys_range low =
        cairn_memmap_zone_low(cairn_phys_make(CAIRN_MIB));
    struct cairn_phys_range high = cairn_memmap_zone_high();

    CHECK_EQ(low.start.value, CAIRN_MIB);
    CHECK_EQ(low.end.value, 4 * GIB);
    CHECK_EQ(high.start.value, 4 * GIB);
    CHECK_EQ(high.end.value, LIMIT);
    low = cairn_memmap_zone_low(cairn_phys_make(5 * GIB));
    CHECK_EQ(cairn_phys_range_bytes(low), 0);
}

CAIRN_TEST(A12_memory_across_4_gib_is_two_ranges)
{
    struct cairn_memory_range range;

    example_begin();
    example_add(0x1000, 6 * GIB, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK(cairn_memmap_next(&example_map, BIT(USABLE),
                            cairn_memmap_zone_low(cairn_phys_make(CAIRN_MIB)),
                            &range));
    CHECK_EQ(range.start.value, CAIRN_MIB);
    CHECK_EQ(range.end.value, 4 * GIB);
    CHECK(cairn_memmap_next(&example_map, BIT(USABLE), cairn_memmap_zone_high(),
                            &range));
    CHECK_EQ(range.start.value, 4 * GIB);
    CHECK_EQ(range.end.value, 6 * GIB);
}

/* ---- A13: totals --------------------------------------------------------- */

CAIRN_TEST(A13_totals_add_up)
{
    struct cairn_memmap_totals totals;
    uint64_t sum = 0;

    example_begin();
    example_add(0, 0x9f800, USABLE);
    example_add(0x9f800, 0xa0000, RESERVED);
    example_add(0x100000, 0x8000000, USABLE);
    example_add(0x7ff0000, 0x8000000, CAIRN_MEMORY_ACPI_NVS);
    example_add(0x8000000, 0x8100000, CAIRN_MEMORY_BAD);
    example_add(0xfee00000, 0xfee01000, CAIRN_MEMORY_MMIO);
    example_reserve(0x100000, 0x300000, KERNEL);
    CHECK_EQ(example_finish(CAIRN_MIB), CAIRN_OK);
    cairn_memmap_totals(&example_map, &totals);
    for (int kind = 0; kind < CAIRN_MEMORY_KIND_COUNT; kind++)
        sum += totals.kind_bytes[kind];
    CHECK_EQ(sum, totals.end.value);
    CHECK_EQ(totals.end.value, 0xfee01000);
    CHECK_EQ(totals.kind_bytes[CAIRN_MEMORY_LOW], 0x9f000);
    CHECK_EQ(totals.usable_bytes, 0x7ff0000 - 0x300000);
    CHECK_EQ(totals.usable_pages, (0x7ff0000 - 0x300000) / 4096);
    CHECK_EQ(totals.installed_bytes, 0x9f000 + 0x8100000 - 0x100000);
    CHECK_EQ(totals.used_bytes, 0x9f000 + 0x200000);
    CHECK_EQ(totals.reserved_bytes, 0x1000 + 0x10000 + 0x100000);
    CHECK_EQ(totals.pages * 4096 + totals.kind_bytes[CAIRN_MEMORY_NONE],
             totals.end.value);
}

CAIRN_TEST(A13_totals_follow_a_reclaim)
{
    struct cairn_memmap_totals totals;
    uint64_t bytes = 0;

    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    example_add(0x2000, 0x5000, LOADER);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(cairn_memmap_reclaim(&example_map, cairn_phys_range_make(0, LIMIT),
                                  LOADER, &bytes),
             CAIRN_OK);
    CHECK_EQ(bytes, 0x3000);
    cairn_memmap_totals(&example_map, &totals);
    CHECK_EQ(totals.usable_bytes, 0x8000);
    CHECK_EQ(totals.used_bytes, 0);
}

/* ---- A7: reserve --------------------------------------------------------- */

CAIRN_TEST(A7_what_is_reserved_is_not_usable_whatever_the_map_says)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    example_reserve(0x2fff, 0x3001, KERNEL);
    example_finish_as("1000-2000 usable, 2000-4000 kernel, 4000-9000 usable");
    example_reserve(0x5001, 0x5002, LOADER);
    CHECK_TEXT(example_text(), "1000-2000 usable, 2000-4000 kernel, "
                               "4000-5000 usable, 5000-6000 boot loader, "
                               "6000-9000 usable");
    example_reserve(0x6000, 0x6000, KERNEL);
    example_reserve(0x8fff, UINT64_MAX, CAIRN_MEMORY_MMIO);
    CHECK_EQ(example_kind_at(0x8000), CAIRN_MEMORY_MMIO);
    CHECK_EQ(example_kind_at(LIMIT - 1), CAIRN_MEMORY_MMIO);
    CHECK_EQ(example_kind_at(0x7fff), USABLE);
}

CAIRN_TEST(A7_a_reservation_does_not_loosen_a_stricter_kind)
{
    example_begin();
    example_add(0x1000, 0x3000, CAIRN_MEMORY_ACPI_NVS);
    example_add(0x3000, 0x5000, USABLE);
    example_reserve(0x1000, 0x4000, KERNEL);
    example_finish_as("1000-3000 ACPI NVS, 3000-4000 kernel, 4000-5000 usable");
}

/* ---- A15: nothing there -------------------------------------------------- */

CAIRN_TEST(A15_no_map)
{
    example_begin();
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY_MAP);
    CHECK(!example_map.is_finished);
    CHECK_EQ(cairn_early_init(&early, &example_map, NULL), CAIRN_NO_MEMORY_MAP);
}

CAIRN_TEST(A15_nothing_usable)
{
    struct cairn_memmap_totals totals;
    cairn_pfn pfn = {123};

    example_begin();
    example_add(0x1000, 0x9000, RESERVED);
    example_add(0x9000, 0x9fff, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK(example_map.is_finished);
    CHECK_TEXT(example_text(), "1000-9000 reserved");
    cairn_memmap_totals(&example_map, &totals);
    CHECK_EQ(totals.usable_bytes, 0);
    CHECK_EQ(cairn_early_init(&early, &example_map, NULL), CAIRN_OK);
    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(pfn.value, 123);
}

CAIRN_TEST(A15_entries_without_bytes_only)
{
    struct cairn_memmap_totals totals;

    example_begin();
    example_add(0x1000, 0x1000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK_EQ(example_map.count, 0);
    CHECK_EQ(example_kind_at(0x1000), CAIRN_MEMORY_NONE);
    cairn_memmap_totals(&example_map, &totals);
    CHECK_EQ(totals.end.value, 0);
    CHECK_EQ(cairn_memmap_end(&example_map, CAIRN_MEMORY_ALL_KINDS).value, 0);
}

/* ---- Arguments ----------------------------------------------------------- */

CAIRN_TEST(memmap_init_refuses_nonsense)
{
    static struct cairn_memory_range storage[8];

    CHECK_EQ(cairn_memmap_init(NULL, storage, 8), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_init(&example_map, NULL, 8), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_init(&example_map, storage, 3), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_init(&example_map, storage, 4), CAIRN_OK);
    CHECK_EQ(cairn_memmap_init(&example_map, storage, 7), CAIRN_OK);
    CHECK_EQ(example_map.capacity, 3);
    CHECK_EQ(cairn_memmap_check(&example_map), 0);
}

CAIRN_TEST(memmap_add_refuses_nonsense)
{
    example_begin();
    CHECK_EQ(cairn_memmap_add(NULL, 0, 1, USABLE), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_add(&example_map, 0, 1, CAIRN_MEMORY_NONE),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_add(&example_map, 0, 1, CAIRN_MEMORY_LOW),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_add(&example_map, 0, 1, CAIRN_MEMORY_KIND_COUNT),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(example_map.entries_added, 0);
    example_add(0x1000, 0x2000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&example_map, 0x3000, 0x1000, USABLE),
             CAIRN_BAD_ARGUMENT);
    CHECK_TEXT(example_text(), "1000-2000 usable");
}

CAIRN_TEST(memmap_reserve_refuses_nonsense)
{
    example_begin();
    CHECK_EQ(cairn_memmap_reserve(NULL, 0, 1, KERNEL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_reserve(&example_map, 0, 1, CAIRN_MEMORY_NONE),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_reserve(&example_map, 0, 1, USABLE),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_reserve(&example_map, 0, 1, CAIRN_MEMORY_LOW),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_reserve(&example_map, 0, 1, CAIRN_MEMORY_KIND_COUNT),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(example_map.count, 0);
}

CAIRN_TEST(memmap_finish_refuses_nonsense)
{
    example_begin();
    example_add(0x1000, 0x2000, USABLE);
    CHECK_EQ(cairn_memmap_finish(NULL, cairn_phys_make(0)), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(example_finish(LIMIT + 1), CAIRN_BAD_ARGUMENT);
    CHECK(!example_map.is_finished);
    CHECK_EQ(example_finish(LIMIT), CAIRN_NO_MEMORY);
    CHECK_EQ(example_finish(0), CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(memmap_that_is_not_finished_answers_no_query)
{
    struct cairn_memmap_totals totals;
    struct cairn_memory_range range;

    example_begin();
    example_add(0x1000, 0x2000, USABLE);
    CHECK_PANIC(example_kind_at(0x1000), "is_finished");
    CHECK_PANIC(cairn_memmap_end(&example_map, BIT(USABLE)), "is_finished");
    CHECK_PANIC(cairn_memmap_totals(&example_map, &totals), "is_finished");
    CHECK_PANIC(cairn_memmap_next(&example_map, BIT(USABLE),
                                  cairn_phys_range_make(0, LIMIT), &range),
                "is_finished");
}

/* ---- The checker --------------------------------------------------------- */

/* A good map of two ranges, to be broken. */
static void make_good_map(void)
{
    example_begin();
    example_add(0x1000, 0x3000, USABLE);
    example_add(0x3000, 0x5000, RESERVED);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x3000, 0x1000), CAIRN_OK);
    CHECK_EQ(cairn_memmap_check(&example_map), 0);
}

/* Break a good map by the statement: the checker must name the number. */
#define CHECK_BROKEN(statement, number)                                        \
    do {                                                                       \
        make_good_map();                                                       \
        statement;                                                             \
        CHECK_EQ(cairn_memmap_check(&example_map), (number));                  \
    } while (0)

CAIRN_TEST(memmap_check_sees_broken_storage)
{
    CHECK_BROKEN(example_map.count = example_map.capacity + 1, 1);
    CHECK_BROKEN(example_map.spare = example_map.ranges, 1);
}

CAIRN_TEST(memmap_check_sees_a_broken_range)
{
    CHECK_BROKEN(example_map.ranges[1].end.value = 0x3000, 2);
    CHECK_BROKEN(example_map.ranges[1].end.value = 0x2000, 2);
    CHECK_BROKEN(example_map.ranges[1].end.value = LIMIT + 0x1000, 2);
    CHECK_BROKEN(example_map.ranges[0].kind = CAIRN_MEMORY_NONE, 2);
    CHECK_BROKEN(example_map.ranges[0].kind = CAIRN_MEMORY_KIND_COUNT, 2);
}

CAIRN_TEST(memmap_check_sees_a_broken_order)
{
    CHECK_BROKEN(example_map.ranges[1].start.value = 0x2000, 3);
    CHECK_BROKEN(example_map.ranges[0].end.value = 0x4000, 3);
    CHECK_BROKEN(example_map.ranges[0].kind = RESERVED, 3);
    CHECK_BROKEN(example_map.ranges[0].start.value = 0x6000;
                 example_map.ranges[0].end.value = 0x7000, 3);
}

CAIRN_TEST(memmap_check_sees_what_is_not_aligned)
{
    CHECK_BROKEN(example_map.ranges[0].start.value = 0x1001, 4);
    CHECK_BROKEN(example_map.ranges[1].end.value = 0x4fff, 4);
    CHECK_BROKEN(example_map.ranges[0].end.value = 0x2800, 4);
}

CAIRN_TEST(memmap_check_sees_usable_memory_below_the_floor)
{
    CHECK_BROKEN(example_map.floor.value = 0x2000, 5);
    CHECK_BROKEN(example_map.floor.value = 0, 5);
    CHECK_BROKEN(example_map.floor.value = 0xfff, 5);
    CHECK_BROKEN(example_map.ranges[0].start.value = 0, 5);
}

CAIRN_TEST(memmap_check_sees_a_broken_pin)
{
    CHECK_BROKEN(example_map.pins[0].start.value = 0x3001, 6);
    CHECK_BROKEN(example_map.pins[0].end.value = 0x3fff, 6);
    CHECK_BROKEN(example_map.pins[0].end.value = 0x3000, 6);
    CHECK_BROKEN(example_map.pins[0].end.value = 0x2000, 6);
    CHECK_BROKEN(example_map.pin_count = 2, 6);
    CHECK_BROKEN(example_map.pin_count = CAIRN_MEMMAP_PINS_MAX + 1, 6);
}
