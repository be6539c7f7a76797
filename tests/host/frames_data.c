/*
 * frames_data.c - a frame allocator over fresh RAM of the simulated machine.
 */
#include "frames_data.h"

#include "harness/test.h"
#include "sim/ram.h"
#include <string.h>

#define MAP_RANGES 16

static struct cairn_memmap map;
static struct cairn_memory_range storage[MAP_RANGES];

void frames_data_start(struct cairn_frames *frames, uint64_t start,
                       uint64_t bytes, const struct cairn_frames_config *config)
{
    CHECK(sim_ram_add(start, bytes));
    memset(frames, 0, sizeof(*frames));
    CHECK_EQ(cairn_memmap_init(&map, storage, MAP_RANGES), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, start, bytes, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(frames, &map, NULL, config), CAIRN_OK);
}

uint64_t frames_data_free(struct cairn_frames *frames)
{
    struct cairn_frames_stats stats;

    CHECK_EQ(cairn_frames_check(frames), 0);
    cairn_frames_stats(frames, &stats);
    return stats.free_frames;
}
