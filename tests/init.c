/*
 * init.c - tests of the library's start-up order.
 */
#include <cairn/init.h>

#include "harness/test.h"
#include "memmap/boot.h"

#define PAGE ((uint64_t)4096)
#define MIB  CAIRN_MIB
#define GIB  CAIRN_GIB

static struct cairn_boot boot;
static struct cairn_early early;

static const struct cairn_phys_range kernel_range = {{2 * MIB}, {5 * MIB}};
static const struct cairn_phys_range nothing = {{0}, {0}};
static const cairn_phys no_limit = {CAIRN_PHYS_LIMIT};

static void add(uint64_t start, uint64_t end, enum cairn_memory_kind kind)
{
    CHECK_EQ(cairn_memmap_add(&boot.map, start, end - start, kind), CAIRN_OK);
}

/* A BIOS machine with 3 GiB below the hole and 1 GiB above 4 GiB. */
static void make(void)
{
    CHECK_EQ(cairn__boot_begin(&boot, "test"), CAIRN_OK);
    boot.is_bios = true;
    add(0, 0x9fc00, CAIRN_MEMORY_USABLE);
    add(0x9fc00, 0xa0000, CAIRN_MEMORY_RESERVED);
    add(MIB, 3 * GIB, CAIRN_MEMORY_USABLE);
    add(4 * GIB, 5 * GIB, CAIRN_MEMORY_USABLE);
}

static enum cairn_status init(struct cairn_phys_range kernel, uint64_t limit)
{
    return cairn_init_early(&boot, kernel, cairn_phys_make(limit), &early);
}

static enum cairn_memory_kind kind_at(uint64_t address)
{
    return cairn_memmap_kind_at(&boot.map, cairn_phys_make(address));
}

static uint64_t take(void)
{
    cairn_pfn pfn = {0};

    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_OK);
    return cairn_phys_of(pfn).value;
}

CAIRN_TEST(A7_the_kernel_is_reserved)
{
    make();
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_OK);
    CHECK_EQ(boot.kernel.start.value, 2 * MIB);
    CHECK_EQ(boot.kernel.end.value, 5 * MIB);
    CHECK_EQ(kind_at(2 * MIB), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(kind_at(5 * MIB - 1), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(kind_at(2 * MIB - 1), CAIRN_MEMORY_USABLE);
    CHECK_EQ(kind_at(5 * MIB), CAIRN_MEMORY_USABLE);
}

CAIRN_TEST(A7_no_frame_of_the_kernel_is_handed_out)
{
    make();
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_OK);
    for (unsigned i = 0; i < 1500; i++) {
        uint64_t address = take();

        CHECK(address + PAGE <= 2 * MIB || address >= 5 * MIB);
        CHECK(address >= MIB);
    }
}

CAIRN_TEST(A7_an_unaligned_kernel_keeps_its_first_and_last_page)
{
    make();
    CHECK_EQ(
        init(cairn_phys_range_make(2 * MIB + 1, 3 * MIB + 1), CAIRN_PHYS_LIMIT),
        CAIRN_OK);
    CHECK_EQ(kind_at(2 * MIB), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(kind_at(3 * MIB + PAGE - 1), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(kind_at(3 * MIB + PAGE), CAIRN_MEMORY_USABLE);
}

CAIRN_TEST(A7_what_the_boot_loader_says_of_the_kernel_serves_too)
{
    make();
    boot.kernel = kernel_range;
    CHECK_EQ(init(nothing, CAIRN_PHYS_LIMIT), CAIRN_OK);
    CHECK_EQ(kind_at(2 * MIB), CAIRN_MEMORY_KERNEL);
    make();
    boot.kernel = kernel_range;
    CHECK_EQ(init(cairn_phys_range_make(8 * MIB, 9 * MIB), CAIRN_PHYS_LIMIT),
             CAIRN_OK);
    CHECK_EQ(kind_at(8 * MIB), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(boot.kernel.start.value, 8 * MIB);
}

CAIRN_TEST(A9_a_bios_keeps_the_first_mib)
{
    make();
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_OK);
    CHECK_EQ(kind_at(0), CAIRN_MEMORY_LOW);
    CHECK_EQ(kind_at(0x9e000), CAIRN_MEMORY_LOW);
    CHECK(take() >= MIB);
}

CAIRN_TEST(A9_without_a_bios_only_frame_0_is_kept)
{
    make();
    boot.is_bios = false;
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_OK);
    CHECK_EQ(kind_at(0), CAIRN_MEMORY_LOW);
    CHECK_EQ(kind_at(PAGE), CAIRN_MEMORY_USABLE);
    CHECK_EQ(take(), PAGE * 17);
}

CAIRN_TEST(M6_frames_beyond_the_limit_are_counted_but_not_handed_out)
{
    struct cairn_memmap_totals totals;
    struct cairn_early_stats stats;

    make();
    CHECK_EQ(init(kernel_range, 4 * GIB), CAIRN_OK);
    cairn_memmap_totals(&boot.map, &totals);
    CHECK_EQ(totals.usable_bytes, 4 * GIB - MIB - 3 * MIB);
    cairn_early_stats(&early, &stats);
    CHECK_EQ(stats.total_frames, (3 * GIB - MIB - 3 * MIB) / PAGE);
    make();
    CHECK_EQ(init(kernel_range, MIB + 18 * PAGE + 1), CAIRN_OK);
    CHECK_EQ(take(), MIB + 16 * PAGE);
    CHECK_EQ(take(), MIB + 17 * PAGE);
    CHECK_EQ(cairn_early_alloc(&early, &(cairn_pfn){0}), CAIRN_NO_MEMORY);
}

CAIRN_TEST(B2_the_reserve_is_full_at_the_start)
{
    struct cairn_early_stats stats;
    cairn_pfn pfn;

    make();
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_OK);
    cairn_early_stats(&early, &stats);
    CHECK_EQ(stats.reserve_frames, CAIRN_EARLY_RESERVE_MAX);
    CHECK_EQ(stats.used_frames, 0);
    CHECK_EQ(cairn_early_alloc_table(&early, &pfn), CAIRN_OK);
    CHECK_EQ(cairn_phys_of(pfn).value, MIB + 15 * PAGE);
}

CAIRN_TEST(B3_tracking_is_on_from_the_start)
{
    struct cairn_phys_range logged[2];

    make();
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_OK);
    CHECK_EQ(cairn_early_drain(&early, logged, 2), 0);
    CHECK_EQ(take(), MIB + 16 * PAGE);
    CHECK_EQ(cairn_early_drain(&early, logged, 2), 1);
    CHECK_EQ(logged[0].start.value, MIB + 16 * PAGE);
}

CAIRN_TEST(A15_init_without_memory)
{
    CHECK_EQ(cairn__boot_begin(&boot, "test"), CAIRN_OK);
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(cairn__boot_begin(&boot, "test"), CAIRN_OK);
    add(MIB, 2 * MIB, CAIRN_MEMORY_RESERVED);
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn__boot_begin(&boot, "test"), CAIRN_OK);
    add(2 * MIB, 5 * MIB, CAIRN_MEMORY_USABLE);
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn__boot_begin(&boot, "test"), CAIRN_OK);
    boot.is_bios = true;
    add(0, MIB, CAIRN_MEMORY_USABLE);
    CHECK_EQ(init(nothing, CAIRN_PHYS_LIMIT), CAIRN_NO_MEMORY);
}

CAIRN_TEST(init_refuses_nonsense)
{
    make();
    CHECK_EQ(cairn_init_early(NULL, kernel_range, no_limit, &early),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_init_early(&boot, kernel_range, no_limit, NULL),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(init(cairn_phys_range_make(5 * MIB, 2 * MIB), CAIRN_PHYS_LIMIT),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT + 1), CAIRN_BAD_ARGUMENT);
    CHECK(!boot.map.is_finished);
    CHECK_EQ(init(kernel_range, CAIRN_PHYS_LIMIT), CAIRN_OK);
    CHECK_EQ(init(cairn_phys_range_make(8 * MIB, 9 * MIB), CAIRN_PHYS_LIMIT),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_memmap_kind_at(&boot.map, cairn_phys_make(8 * MIB)),
             CAIRN_MEMORY_USABLE);
    CHECK_EQ(boot.kernel.start.value, kernel_range.start.value);
}
