/*
 * frames_large.c - the frame allocator on large machines: simulated RAM costs
 * only what is touched.
 */
#include "frames/section.h"
#include "harness/test.h"
#include "sim/ram.h"

#include <string.h>

#define RANGES 64

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_memory_range storage[2 * RANGES];
static struct cairn_frames_config config;

static const enum cairn_frames_engine engines[] = {
    CAIRN_ENGINE_TREE, CAIRN_ENGINE_BITMAP, CAIRN_ENGINE_FREELIST};

#define ENGINES (sizeof(engines) / sizeof(engines[0]))

static void begin(enum cairn_frames_engine engine)
{
    sim_ram_reset();
    memset(&frames, 0, sizeof(frames));
    config = cairn_frames_config_default();
    config.engine = engine;
    CHECK_EQ(cairn_memmap_init(&map, storage, 2 * RANGES), CAIRN_OK);
}

/* Memory that the map knows; metadata can lie only where RAM is. */
static void add_far(uint64_t start, uint64_t bytes)
{
    CHECK_EQ(cairn_memmap_add(&map, start, bytes, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
}

static void add(uint64_t start, uint64_t bytes)
{
    CHECK(sim_ram_add(start, bytes));
    add_far(start, bytes);
}

static void start(void)
{
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(CAIRN_MIB)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    CHECK_EQ(cairn_frames_check(&frames), 0);
}

static struct cairn_frames_stats stats_now(void)
{
    struct cairn_frames_stats stats;

    CHECK_EQ(cairn_frames_check(&frames), 0);
    cairn_frames_stats(&frames, &stats);
    return stats;
}

/* ---- Metadata ------------------------------------------------------------ */

static uint64_t kernel_bytes(void)
{
    struct cairn_memmap_totals totals;

    cairn_memmap_totals(&map, &totals);
    return totals.kind_bytes[CAIRN_MEMORY_KERNEL];
}

CAIRN_TEST(C19_metadata_bytes_are_what_the_start_has_reserved)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        begin(engines[i]);
        add(0, 64 * CAIRN_MIB);
        add(CAIRN_GIB, 200 * CAIRN_MIB);
        add(64 * CAIRN_GIB, 140 * CAIRN_MIB + CAIRN_FRAME_SIZE);
        start();
        CHECK(kernel_bytes() > 0);
        CHECK_EQ(stats_now().metadata_bytes, kernel_bytes());
        CHECK_EQ(stats_now().total_frames,
                 (403 * CAIRN_MIB + CAIRN_FRAME_SIZE - kernel_bytes()) >>
                     CAIRN_FRAME_SHIFT);
    }
}

/* Each region is too small for all sections' metadata; both together do. */
CAIRN_TEST(pitfall_metadata_are_spread_over_regions)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        begin(engines[i]);
        add(16 * CAIRN_MIB, CAIRN_MIB);
        add(32 * CAIRN_MIB, CAIRN_MIB);
        add_far(CAIRN_GIB, 4 * CAIRN_GIB);
        start();
        CHECK(kernel_bytes() > CAIRN_MIB);
        CHECK_EQ(stats_now().metadata_bytes, kernel_bytes());
    }
}

/* As on i386: one range of usable memory, of which a window shows a part. */
CAIRN_TEST(pitfall_a_window_that_ends_in_the_middle_of_a_range)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        begin(engines[i]);
        add(16 * CAIRN_MIB, 5 * CAIRN_MIB);
        add_far(21 * CAIRN_MIB, 3 * CAIRN_GIB);
        start();
        CHECK_EQ(
            cairn_memmap_kind_at(&map, cairn_phys_make(41 * CAIRN_MIB / 2)),
            CAIRN_MEMORY_KERNEL);
        CHECK_EQ(stats_now().metadata_bytes, kernel_bytes());
    }
}

/* ---- Counting ------------------------------------------------------------ */

static void expect_count(uint64_t first, uint64_t end, uint64_t free)
{
    struct cairn_frames_census census;

    cairn_frames_count(&frames, cairn_pfn_make(first), cairn_pfn_make(end),
                       &census);
    CHECK_EQ(census.free_frames, free);
    CHECK_EQ(census.absent_frames, end - first - free);
}

/*
 * Of the sections that stand for all that nobody has touched, only the first
 * chunk says the truth here: who looks at each chunk counts something else.
 */
CAIRN_TEST(C22_counting_passes_over_untouched_sections_at_once)
{
    const uint64_t section = CAIRN__SECTION_FRAMES;

    begin(CAIRN_ENGINE_TREE);
    add_far(CAIRN_GIB, CAIRN_GIB);
    add_far(32 * CAIRN_GIB, 64 * CAIRN_GIB);
    add(16 * CAIRN_GIB, 64 * CAIRN_MIB);
    start();
    memset(&cairn__section_pristine.kinds[1], CAIRN__CHUNK_ABSENT, 63);
    memset(&cairn__section_void.kinds[1], CAIRN__CHUNK_EMPTY, 63);
    expect_count(8 * section, 16 * section, 8 * section);
    expect_count(20 * section, 21 * section, 0);
    expect_count(15 * section, 120 * section, section);
    expect_count(250 * section, 1000 * section, 512 * section);
    memset(&cairn__section_pristine.kinds[1], CAIRN__CHUNK_EMPTY, 63);
    memset(&cairn__section_void.kinds[1], CAIRN__CHUNK_ABSENT, 63);
    expect_count(0, 16 * section, 8 * section);
    expect_count(7 * section + 5, 9 * section + 7, section + 7);
    expect_count(9 * section - 3, 9 * section + 7, 10);
}
