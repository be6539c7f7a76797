/*
 * frames_build.c - small machines for tests of the frame allocator.
 */
#include "frames_build.h"

#include "base/memory.h"

#define LOW_PLACE   ((uint64_t)0xf0000000)
#define LOW_FRAMES  2560
#define HIGH_PLACE  (4 * CAIRN_GIB)
#define HIGH_FRAMES 1031

uint64_t frames_build_place(const struct frames_build *build, uint64_t from,
                            uint64_t step, uint64_t bytes)
{
    while (from < build->arena.end.value &&
           build->arena.start.value < from + bytes)
        from += step;
    return from;
}

static struct frames_zone zone_at(uint64_t address, uint64_t frames)
{
    struct frames_zone zone = {address >> CAIRN_FRAME_SHIFT, frames, false};

    return zone;
}

void frames_build_zones(struct frames_build *build)
{
    uint64_t step = 16 * CAIRN_MIB;
    uint64_t low = frames_build_place(build, LOW_PLACE, step, step);
    uint64_t high = frames_build_place(build, HIGH_PLACE, step, step);

    build->zones[0] = zone_at(low + 3 * CAIRN_FRAME_SIZE, LOW_FRAMES);
    build->zones[1] = zone_at(high, HIGH_FRAMES);
    build->zone_count = 2;
}

static struct cairn_phys_range range_of(const struct frames_zone *zone)
{
    return cairn_phys_range_make(zone->first << CAIRN_FRAME_SHIFT,
                                 (zone->first + zone->count)
                                     << CAIRN_FRAME_SHIFT);
}

/* Could the library put metadata there, though it must not? */
static bool is_late(const struct frames_zone *zone)
{
    struct cairn_phys_range range = range_of(zone);

    return !zone->has_ram &&
           cairn_platform_phys_to_virt(range.start, 1) != NULL;
}

static enum cairn_status add_to_map(struct frames_build *build,
                                    struct cairn_phys_range range,
                                    enum cairn_memory_kind kind)
{
    return cairn_memmap_add(&build->map, range.start.value,
                            cairn_phys_range_bytes(range), kind);
}

static enum cairn_status make_map(struct frames_build *build)
{
    enum cairn_status status =
        cairn_memmap_init(&build->map, build->storage, FRAMES_MAP_RANGES);

    if (status == CAIRN_OK)
        status = add_to_map(build, build->arena, CAIRN_MEMORY_USABLE);
    for (unsigned i = 0; i < build->zone_count && status == CAIRN_OK; i++)
        status = add_to_map(build, range_of(&build->zones[i]),
                            is_late(&build->zones[i]) ? CAIRN_MEMORY_LOADER
                                                      : CAIRN_MEMORY_USABLE);
    if (status == CAIRN_OK)
        status = cairn_memmap_finish(&build->map, cairn_phys_make(0));
    return status;
}

static enum cairn_status add_late_zones(struct frames_build *build)
{
    enum cairn_status status = CAIRN_OK;

    for (unsigned i = 0; i < build->zone_count && status == CAIRN_OK; i++) {
        if (is_late(&build->zones[i]))
            status =
                cairn_frames_add(&build->frames, range_of(&build->zones[i]));
    }
    return status;
}

/* What the metadata have left of the arena. */
static enum cairn_status remove_rest(struct frames_build *build)
{
    struct cairn_memory_range rest;

    if (!cairn_memmap_next(&build->map,
                           CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE),
                           build->arena, &rest))
        return CAIRN_OK;
    return cairn_frames_remove(
        &build->frames,
        cairn_phys_range_make(rest.start.value, rest.end.value));
}

enum cairn_status frames_build_start(struct frames_build *build)
{
    enum cairn_status status = make_map(build);

    memset(&build->frames, 0, sizeof(build->frames));
    if (status == CAIRN_OK)
        status = cairn_frames_init(&build->frames, &build->map, NULL,
                                   &build->config);
    if (status == CAIRN_OK)
        status = remove_rest(build);
    return status == CAIRN_OK ? add_late_zones(build) : status;
}

uint64_t frames_build_total(const struct frames_build *build)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < build->zone_count; i++)
        total += build->zones[i].count;
    return total;
}

bool frames_build_has(const struct frames_build *build, uint64_t first,
                      uint64_t count)
{
    for (unsigned i = 0; i < build->zone_count; i++) {
        const struct frames_zone *zone = &build->zones[i];

        if (first >= zone->first && first + count <= zone->first + zone->count)
            return true;
    }
    return false;
}
