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

/* RAM that the map knows. */
static void add(uint64_t start, uint64_t bytes)
{
    CHECK(sim_ram_add(start, bytes));
    CHECK_EQ(cairn_memmap_add(&map, start, bytes, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
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
        add(64 * CAIRN_GIB, 700 * CAIRN_MIB + CAIRN_FRAME_SIZE);
        start();
        CHECK(kernel_bytes() > 0);
        CHECK_EQ(stats_now().metadata_bytes, kernel_bytes());
        CHECK_EQ(stats_now().total_frames,
                 (963 * CAIRN_MIB + CAIRN_FRAME_SIZE - kernel_bytes()) >>
                     CAIRN_FRAME_SHIFT);
    }
}
