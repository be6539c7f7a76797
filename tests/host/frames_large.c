/*
 * frames_large.c - the frame allocator on large machines: simulated RAM costs
 * only what is touched.
 */
#include "frames/section.h"
#include "harness/test.h"
#include "sim/ram.h"

#include <cairn/dma.h>
#include <string.h>

#define RANGES 64

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_memory_range storage[2 * RANGES];
static struct cairn_frames_config config;

static const enum cairn_frames_engine engines[] = {
    CAIRN_ENGINE_TREE, CAIRN_ENGINE_BITMAP, CAIRN_ENGINE_FREELIST};

/* A mapper that notes what it is asked for, and refuses. */
static struct cairn_phys_range mapped;

static void *map_nowhere(void *context, struct cairn_phys_range range,
                         enum cairn_cache_policy policy)
{
    (void)context;
    (void)policy;
    mapped = range;
    return NULL;
}

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

/* ---- Frame 0, and what cannot be reached --------------------------------- */

/* Even if all of memory is said to be usable, and there is no floor. */
CAIRN_TEST(pitfall_theseus_frame_0_is_never_handed_out)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        cairn_pfn pfn;
        uint64_t left;

        begin(engines[i]);
        add(0, CAIRN_MIB);
        CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
        CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
        CHECK_EQ(stats_now().base.value, 1);
        for (left = stats_now().free_frames; left > 0; left--) {
            CHECK_EQ(cairn_frames_alloc(&frames, 0, 0, CAIRN_OWNER_USER, &pfn),
                     CAIRN_OK);
            CHECK(pfn.value != 0);
        }
        CHECK_EQ(cairn_frames_free(&frames, cairn_pfn_make(0)),
                 CAIRN_NOT_MEMORY);
    }
}

/* What no window shows cannot be cleared: an error, and nothing is lost. */
CAIRN_TEST(pitfall_mio_memory_that_is_not_mapped_is_not_cleared)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        struct cairn_run_request run = {
            .count = 5, .start = {16 * CAIRN_GIB}, .flags = CAIRN_FRAME_ZEROED};
        struct cairn_frames_stats before;
        cairn_pfn pfn = {77};

        begin(engines[i]);
        config.has_magazines = false;
        add(0, 8 * CAIRN_MIB);
        add_far(16 * CAIRN_GIB, 64 * CAIRN_MIB);
        start();
        before = stats_now();
        CHECK_EQ(cairn_frames_alloc(&frames, 12, CAIRN_FRAME_ZEROED,
                                    CAIRN_OWNER_USER, &pfn),
                 CAIRN_NOT_REACHABLE);
        CHECK_EQ(cairn_frames_alloc_run(&frames, &run, &pfn),
                 CAIRN_NOT_REACHABLE);
        CHECK_EQ(pfn.value, 77);
        CHECK_EQ(stats_now().free_frames, before.free_frames);
        run.flags = 0;
        CHECK_EQ(cairn_frames_alloc_run(&frames, &run, &pfn), CAIRN_OK);
        CHECK(pfn.value >= 16 * CAIRN_GIB >> CAIRN_FRAME_SHIFT);
    }
}

/* ---- Hot-plug ------------------------------------------------------------ */

#define MODULE       CAIRN_GIB /* where it comes to lie */
#define MODULE_RAM   CAIRN_MIB /* as much of it as metadata could want */
#define METADATA     (40 * CAIRN_KIB)
#define BLOCKS_MAX   4096
#define END_OF_SPAN  (64 * CAIRN_MIB + 2 * CAIRN_GIB)
#define SPAN_SECTION (128 * CAIRN_MIB)

static uint64_t blocks[BLOCKS_MAX];

static enum cairn_status plug(uint64_t from, uint64_t bytes)
{
    return cairn_frames_add(&frames, cairn_phys_range_make(from, from + bytes));
}

static enum cairn_status unplug(uint64_t from, uint64_t bytes)
{
    return cairn_frames_remove(&frames,
                               cairn_phys_range_make(from, from + bytes));
}

/* All memory, in blocks as large as can be had. */
static unsigned take_all(void)
{
    unsigned count = 0;
    cairn_pfn pfn;

    for (cairn_order order = CAIRN_ORDER_MAX + 1; order-- > 0;) {
        while (cairn_frames_alloc(&frames, order, 0, CAIRN_OWNER_USER, &pfn) ==
               CAIRN_OK) {
            CHECK(count < BLOCKS_MAX);
            blocks[count++] = pfn.value;
        }
    }
    CHECK_EQ(stats_now().free_frames, 0);
    return count;
}

static void give_all(unsigned count)
{
    while (count-- > 0)
        CHECK_EQ(cairn_frames_free(&frames, cairn_pfn_make(blocks[count])),
                 CAIRN_OK);
}

/* Nobody reads what an unplugged module had. */
static void soil_module(void)
{
    memset(sim_ram_at(MODULE, MODULE_RAM), 0xa5, (size_t)MODULE_RAM);
}

static void start_with_span(enum cairn_frames_engine engine, bool has_magazines)
{
    begin(engine);
    config.has_magazines = has_magazines;
    config.span = 2 * CAIRN_GIB;
    add(0, 64 * CAIRN_MIB);
    start();
    CHECK(sim_ram_add(MODULE, MODULE_RAM));
    soil_module();
}

/* A module of 1 GiB comes, is used up, given back, and goes. */
static void come_and_go(void)
{
    const struct cairn_frames_stats before = stats_now();
    uint64_t metadata = 8 * METADATA;
    unsigned count;

    CHECK_EQ(plug(MODULE, CAIRN_GIB), CAIRN_OK);
    CHECK_EQ(plug(MODULE, CAIRN_GIB), CAIRN_IN_USE);
    CHECK_EQ(stats_now().metadata_bytes, before.metadata_bytes + metadata);
    CHECK_EQ(stats_now().total_frames,
             before.total_frames +
                 ((CAIRN_GIB - metadata) >> CAIRN_FRAME_SHIFT));
    CHECK_EQ(stats_now().free_2mib, before.free_2mib + 511);
    count = take_all();
    CHECK_EQ(unplug(MODULE, CAIRN_GIB), CAIRN_IN_USE);
    give_all(count);
    CHECK_EQ(unplug(MODULE, CAIRN_GIB - CAIRN_FRAME_SIZE), CAIRN_IN_USE);
    CHECK_EQ(stats_now().free_frames, stats_now().total_frames);
    CHECK_EQ(unplug(MODULE, CAIRN_GIB), CAIRN_OK);
    soil_module();
    CHECK_EQ(stats_now().total_frames, before.total_frames);
    CHECK_EQ(stats_now().free_frames, before.free_frames);
    CHECK_EQ(stats_now().metadata_bytes, before.metadata_bytes);
    CHECK_EQ(unplug(MODULE, CAIRN_GIB), CAIRN_IN_USE);
    for (uint64_t at = MODULE; at < 2 * CAIRN_GIB; at += 11 * CAIRN_MIB)
        CHECK_EQ(cairn_frames_free(&frames, cairn_pfn_of(cairn_phys_make(at))),
                 CAIRN_NOT_MEMORY);
    give_all(take_all());
}

CAIRN_TEST(C12_a_module_beyond_the_end_comes_and_goes_twice)
{
    for (unsigned i = 0; i < 2 * ENGINES; i++) {
        start_with_span(engines[i / 2], i % 2 != 0);
        come_and_go();
        come_and_go();
    }
}

CAIRN_TEST(C12_a_module_that_cannot_come_changes_nothing)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        struct cairn_frames_stats before;
        uint64_t end;

        start_with_span(engines[i], false);
        before = stats_now();
        end = cairn_phys_of(cairn_frames_end(&frames)).value;
        CHECK_EQ(end, (END_OF_SPAN + SPAN_SECTION - 1) & ~(SPAN_SECTION - 1));
        CHECK_EQ(plug(end, CAIRN_GIB), CAIRN_NO_SPACE);
        CHECK_EQ(plug(end - CAIRN_MIB, 2 * CAIRN_MIB), CAIRN_NO_SPACE);
        CHECK_EQ(plug(MODULE, METADATA), CAIRN_NO_SPACE);
        CHECK_EQ(plug(MODULE - CAIRN_MIB, 2 * CAIRN_MIB), CAIRN_NOT_REACHABLE);
        /* Room for the first section's metadata, not for the second one's. */
        CHECK_EQ(plug(MODULE + MODULE_RAM - METADATA, 2 * SPAN_SECTION),
                 CAIRN_NOT_REACHABLE);
        CHECK_EQ(stats_now().total_frames, before.total_frames);
        CHECK_EQ(stats_now().metadata_bytes, before.metadata_bytes);
        come_and_go();
    }
}

/* Two modules in one section: its metadata lie in the one that came first. */
CAIRN_TEST(C12_a_module_stays_while_another_one_needs_its_metadata)
{
    const uint64_t half = SPAN_SECTION / 2;

    for (unsigned i = 0; i < ENGINES; i++) {
        start_with_span(engines[i], true);
        CHECK_EQ(plug(MODULE, half), CAIRN_OK);
        CHECK_EQ(plug(MODULE + half, half), CAIRN_OK);
        give_all(take_all());
        CHECK_EQ(unplug(MODULE, half), CAIRN_IN_USE);
        CHECK_EQ(unplug(MODULE + half, half), CAIRN_OK);
        give_all(take_all());
        CHECK_EQ(unplug(MODULE, half), CAIRN_OK);
        soil_module();
        come_and_go();
    }
}

/* ---- Large buffers ------------------------------------------------------- */

/* 1.5 GiB that cross no multiple of 4 GiB: the lowest such run would. */
CAIRN_TEST(C21_dma_buffer_of_more_than_1_gib_crosses_no_boundary)
{
    struct cairn_dma_mapper mapper = {map_nowhere, NULL, NULL};
    struct cairn_dma_request request = {
        .bytes = 3 * CAIRN_GIB / 2,
        .boundary = 4 * CAIRN_GIB,
        .mapper = &mapper,
    };
    struct cairn_dma_buffer buffer;

    begin(CAIRN_ENGINE_TREE);
    add_far(3 * CAIRN_GIB, 3 * CAIRN_GIB);
    add(0, 64 * CAIRN_MIB);
    start();
    mapped.start.value = 0;
    CHECK_EQ(cairn_dma_alloc(&frames, &request, &buffer), CAIRN_NOT_REACHABLE);
    CHECK_EQ(mapped.start.value, 4 * CAIRN_GIB);
    CHECK_EQ(cairn_phys_range_bytes(mapped), request.bytes);
    request.bytes = 5 * CAIRN_GIB / 2;
    CHECK_EQ(cairn_dma_alloc(&frames, &request, &buffer), CAIRN_NO_MEMORY);
    CHECK_EQ(stats_now().free_frames, stats_now().total_frames);
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
