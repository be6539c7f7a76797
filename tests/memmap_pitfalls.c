/*
 * memmap_pitfalls.c - defects that memory managers really had in their memory
 * maps and early allocators; each test would have found one of them.
 */
#include "memmap_example.h"

#include <cairn/early.h>

#define PAGE ((uint64_t)4096)

static struct cairn_early early;
static struct cairn_phys_range ranges[64];
static size_t range_count;

static void start(const struct cairn_phys_range *skip, size_t skip_count)
{
    const struct cairn_early_config config = {{{0}, {LIMIT}}, skip, skip_count};

    CHECK_EQ(cairn_early_init(&early, &example_map, &config), CAIRN_OK);
}

static uint64_t take(void)
{
    cairn_pfn pfn = {0};

    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_OK);
    CHECK_EQ(cairn_early_check(&early), 0);
    return cairn_phys_of(pfn).value;
}

static uint64_t total_frames(void)
{
    struct cairn_early_stats stats;

    cairn_early_stats(&early, &stats);
    return stats.total_frames;
}

static void drain(void)
{
    range_count = cairn_early_drain(&early, ranges, 64);
    CHECK(range_count <= 64);
}

static void note(void *context, struct cairn_phys_range used)
{
    (void)context;
    CHECK(range_count < 64);
    ranges[range_count++] = used;
}

/* ---- Maps ---------------------------------------------------------------- */

/* Frames between the lowest and the highest usable one counted as free. */
CAIRN_TEST(pitfall_holes_between_usable_ranges_are_free)
{
    example_begin();
    example_add(CAIRN_MIB, 2 * CAIRN_MIB, USABLE);
    example_add(4 * CAIRN_GIB, 4 * CAIRN_GIB + CAIRN_MIB, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    CHECK_EQ(total_frames(), 2 * CAIRN_MIB / PAGE);
    for (uint64_t i = 0; i < 2 * CAIRN_MIB / PAGE; i++)
        CHECK_EQ(example_kind_at(take()), USABLE);
}

/*
 * The map was taken before temporary heap, hand-over data and tables were
 * allocated, so it still called them usable.
 */
CAIRN_TEST(pitfall_a_stale_map_calls_the_loaders_data_usable)
{
    const uint64_t heap = 3 * CAIRN_MIB + 0x234;
    const uint64_t heap_end = heap + CAIRN_MIB;

    example_begin();
    example_add(CAIRN_MIB, 5 * CAIRN_MIB, USABLE);
    example_reserve(CAIRN_MIB, 2 * CAIRN_MIB, KERNEL);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    example_reserve(heap, heap_end, LOADER);
    start(NULL, 0);
    CHECK_EQ(total_frames(), (2 * CAIRN_MIB - PAGE) / PAGE);
    for (uint64_t i = total_frames(); i > 0; i--) {
        uint64_t address = take();

        CHECK(address >= 2 * CAIRN_MIB);
        CHECK(address + PAGE <= heap || address >= heap_end);
    }
}

/* Only the first entry was the pool, whatever it was. */
CAIRN_TEST(pitfall_the_first_entry_is_taken_for_the_pool)
{
    example_begin();
    example_add(0x1000, 0x9000, RESERVED);
    example_add(0x200000, 0x300000, CAIRN_MEMORY_ACPI_NVS);
    example_add(0x100000, 0x102000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    CHECK_EQ(total_frames(), 2);
    CHECK_EQ(take(), 0x100000);
}

/* All usable ranges but the first, or but the largest, were ignored. */
CAIRN_TEST(pitfall_only_one_usable_range_is_used)
{
    example_begin();
    for (uint64_t i = 0; i < 20; i++)
        example_add((10 + 2 * i) * PAGE, (11 + 2 * i) * PAGE, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    for (uint64_t i = 0; i < 20; i++)
        CHECK_EQ(take(), (10 + 2 * i) * PAGE);
}

/* A fixed reserve for metadata underflowed below 32 MiB. */
CAIRN_TEST(pitfall_a_small_machine_underflows)
{
    example_begin();
    example_add(0, 0x9fc00, USABLE);
    example_add(CAIRN_MIB, CAIRN_MIB + PAGE, USABLE);
    CHECK_EQ(example_finish(CAIRN_MIB), CAIRN_OK);
    start(NULL, 0);
    CHECK_EQ(total_frames(), 1);
    CHECK_EQ(take(), CAIRN_MIB);
    CHECK_EQ(cairn_early_alloc(&early, &(cairn_pfn){0}), CAIRN_NO_MEMORY);
}

/* Frame 0 was handed out where the map called it usable. */
CAIRN_TEST(pitfall_frame_0_is_handed_out)
{
    example_begin();
    example_add(0, 0x3000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    CHECK_EQ(take(), 0x1000);
    example_begin();
    example_add(0, 0x3000, CAIRN_MEMORY_BOOT_SERVICES);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_memmap_reclaim(&example_map, cairn_phys_range_make(0, LIMIT),
                                  CAIRN_MEMORY_BOOT_SERVICES, NULL),
             CAIRN_OK);
    CHECK_EQ(example_kind_at(0), CAIRN_MEMORY_LOW);
}

/* An inclusive end wrapped at 4 GiB: the range became empty, or everything. */
CAIRN_TEST(pitfall_an_end_at_4_gib_wraps)
{
    example_begin();
    example_add(0xfff00000, 4 * CAIRN_GIB, USABLE);
    example_finish_as("fff00000-100000000 usable");
    CHECK_EQ(example_kind_at(0xffffffff), USABLE);
    CHECK_EQ(example_kind_at(4 * CAIRN_GIB), CAIRN_MEMORY_NONE);
}

/* Addresses above 4 GiB lost their upper half. */
CAIRN_TEST(pitfall_addresses_are_cut_to_32_bits)
{
    example_begin();
    example_add(CAIRN_TIB + 0x5000, CAIRN_TIB + 0x7000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(example_kind_at(0x5000), CAIRN_MEMORY_NONE);
    start(NULL, 0);
    CHECK_EQ(take(), CAIRN_TIB + 0x5000);
    CHECK_EQ(take(), CAIRN_TIB + 0x6000);
}

/* What the firmware no longer needs was lost for good. */
CAIRN_TEST(pitfall_boot_memory_is_never_reclaimed)
{
    const struct cairn_phys_range all = {{0}, {LIMIT}};

    example_begin();
    example_add(0x100000, 0x200000, CAIRN_MEMORY_BOOT_SERVICES);
    example_add(0x200000, 0x300000, LOADER);
    example_add(0x300000, 0x310000, CAIRN_MEMORY_ACPI_RECLAIM);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_memmap_reclaim(&example_map, all, CAIRN_MEMORY_BOOT_SERVICES,
                                  NULL),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_reclaim(&example_map, all, LOADER, NULL), CAIRN_OK);
    CHECK_EQ(cairn_memmap_reclaim(&example_map, all, CAIRN_MEMORY_ACPI_RECLAIM,
                                  NULL),
             CAIRN_OK);
    CHECK_TEXT(example_text(), "100000-310000 usable");
}

/* The live root led to tables in memory that was about to be reclaimed. */
CAIRN_TEST(pitfall_live_tables_are_reclaimed)
{
    const struct cairn_phys_range all = {{0}, {LIMIT}};

    example_begin();
    example_add(0x100000, 0x200000, LOADER);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_memmap_pin(&example_map, 0x150000, PAGE), CAIRN_OK);
    CHECK_EQ(cairn_memmap_reclaim(&example_map, all, LOADER, NULL),
             CAIRN_IN_USE);
    CHECK_TEXT(example_text(), "100000-200000 boot loader");
}

/* ---- The log ------------------------------------------------------------- */

/* Pages were counted from the size alone. */
CAIRN_TEST(pitfall_an_unaligned_range_loses_its_last_page)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    example_reserve(0x1fff, 0x2001, KERNEL);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(example_kind_at(0x1000), KERNEL);
    CHECK_EQ(example_kind_at(0x2000), KERNEL);
    start(NULL, 0);
    cairn_early_record(&early, cairn_phys_make(0x3fff), 2);
    drain();
    CHECK_EQ(range_count, 1);
    CHECK_EQ(cairn_phys_range_bytes(ranges[0]), 2 * PAGE);
}

/* One entry a page table: 1024 of them, and the boot panicked. */
CAIRN_TEST(pitfall_a_thousand_page_tables_overflow_the_log)
{
    const uint64_t frames = 5000;
    cairn_pfn pfn;

    example_begin();
    example_add(CAIRN_MIB, CAIRN_MIB + frames * PAGE, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    cairn_early_track(&early);
    CHECK_EQ(cairn_early_reserve(&early, 16), 16);
    for (uint64_t i = 0; i < frames; i++)
        CHECK_EQ(cairn_early_alloc_table(&early, &pfn), CAIRN_OK);
    drain();
    CHECK_EQ(range_count, 1);
    CHECK_EQ(cairn_phys_range_bytes(ranges[0]), frames * PAGE);
}

/* The rebuilt allocator skipped as many frames as were logged, from 0 on. */
CAIRN_TEST(pitfall_a_count_is_skipped_instead_of_addresses)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    example_add(0x20000, 0x22000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    cairn_early_record(&early, cairn_phys_make(0x3000), PAGE);
    cairn_early_record(&early, cairn_phys_make(0x3000), PAGE);
    cairn_early_record(&early, cairn_phys_make(0x80000), 16 * PAGE);
    drain();
    start(ranges, range_count);
    CHECK_EQ(total_frames(), 9);
    CHECK_EQ(take(), 0x1000);
    CHECK_EQ(take(), 0x2000);
    CHECK_EQ(take(), 0x4000);
}

/* Each caller made an allocator of its own, and got the same frames. */
CAIRN_TEST(pitfall_an_allocator_made_anew_starts_over)
{
    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    CHECK_EQ(take(), 0x1000);
    CHECK_EQ(take(), 0x2000);
    range_count = 0;
    cairn_early_finish(&early, note, NULL);
    start(ranges, range_count);
    CHECK_EQ(take(), 0x3000);
}

/* What the reserve still held was lost to the next allocator. */
CAIRN_TEST(pitfall_the_unused_reserve_leaks)
{
    example_begin();
    example_add(0x1000, 0x21000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL, 0);
    CHECK_EQ(cairn_early_reserve(&early, 16), 16);
    CHECK_EQ(take(), 0x11000);
    range_count = 0;
    cairn_early_finish(&early, note, NULL);
    start(ranges, range_count);
    CHECK_EQ(total_frames(), 31);
    CHECK_EQ(take(), 0x1000);
}

/* A skipped range that wraps sent the walk round and round. */
CAIRN_TEST(pitfall_a_skipped_range_that_wraps_never_ends)
{
    static const struct cairn_phys_range skip = {{0x1000}, {UINT64_MAX}};
    const struct cairn_early_config config = {{{0}, {LIMIT}}, &skip, 1};

    example_begin();
    example_add(0x1000, 0x9000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(cairn_early_init(&early, &example_map, &config),
             CAIRN_BAD_ARGUMENT);
}
