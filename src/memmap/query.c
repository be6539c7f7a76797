/*
 * memmap/query.c - questions to a finished memory map.
 *
 * HOW    The ranges are sorted, so the first one that ends above an address is
 *        found by bisection; everything else walks on from there.
 */
#include <cairn/memmap.h>

#include "base/align.h"
#include "base/assert.h"

/* Index of the first range whose end is above `address`; count if none. */
static size_t first_above(const struct cairn_memmap *map, uint64_t address)
{
    size_t low = 0;
    size_t high = map->count;

    cairn__assert(map->count <= map->capacity);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->ranges[middle].end.value > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

enum cairn_memory_kind cairn_memmap_kind_at(const struct cairn_memmap *map,
                                            cairn_phys phys)
{
    size_t index;

    cairn__assert(map->is_finished);
    index = first_above(map, phys.value);
    if (index == map->count || map->ranges[index].start.value > phys.value)
        return CAIRN_MEMORY_NONE;
    return map->ranges[index].kind;
}

bool cairn_memmap_next(const struct cairn_memmap *map, cairn_memory_kinds kinds,
                       struct cairn_phys_range window,
                       struct cairn_memory_range *out)
{
    cairn__assert(map->is_finished && out != NULL);
    if (window.start.value >= window.end.value)
        return false;
    for (size_t i = first_above(map, window.start.value); i < map->count; i++) {
        const struct cairn_memory_range *range = &map->ranges[i];

        if (range->start.value >= window.end.value)
            return false;
        if ((kinds & CAIRN_MEMORY_KIND_BIT(range->kind)) == 0)
            continue;
        out->start.value = cairn__max(range->start.value, window.start.value);
        out->end.value = cairn__min(range->end.value, window.end.value);
        out->kind = range->kind;
        return true;
    }
    return false;
}

cairn_phys cairn_memmap_end(const struct cairn_memmap *map,
                            cairn_memory_kinds kinds)
{
    cairn__assert(map->is_finished);
    for (size_t i = map->count; i > 0; i--) {
        const struct cairn_memory_range *range = &map->ranges[i - 1];

        if ((kinds & CAIRN_MEMORY_KIND_BIT(range->kind)) != 0)
            return range->end;
    }
    return cairn_phys_make(0);
}

struct cairn_phys_range cairn_memmap_zone_low(cairn_phys kernel_base)
{
    uint64_t start = cairn__min(kernel_base.value, 4 * CAIRN_GIB);

    return cairn_phys_range_make(start, 4 * CAIRN_GIB);
}

struct cairn_phys_range cairn_memmap_zone_high(void)
{
    return cairn_phys_range_make(4 * CAIRN_GIB, CAIRN_PHYS_LIMIT);
}

static void add_range(struct cairn_memmap_totals *totals,
                      const struct cairn_memory_range *range)
{
    uint64_t bytes = range->end.value - range->start.value;

    cairn__assert(range->start.value >= totals->end.value);
    totals->kind_bytes[CAIRN_MEMORY_NONE] +=
        range->start.value - totals->end.value;
    totals->kind_bytes[range->kind] += bytes;
    totals->pages += bytes >> CAIRN_FRAME_SHIFT;
    if (cairn_memory_kind_is_ram(range->kind))
        totals->installed_bytes += bytes;
    totals->end = range->end;
}

void cairn_memmap_totals(const struct cairn_memmap *map,
                         struct cairn_memmap_totals *out)
{
    const uint64_t *kinds;
    uint64_t withheld; /* RAM that is not ours */

    cairn__assert(map->is_finished);
    *out = (struct cairn_memmap_totals){.pages = 0};
    for (size_t i = 0; i < map->count; i++)
        add_range(out, &map->ranges[i]);
    kinds = out->kind_bytes;
    cairn__assert(out->installed_bytes >= kinds[CAIRN_MEMORY_USABLE]);
    out->usable_bytes = kinds[CAIRN_MEMORY_USABLE];
    out->usable_pages = out->usable_bytes >> CAIRN_FRAME_SHIFT;
    withheld = kinds[CAIRN_MEMORY_ACPI_NVS] + kinds[CAIRN_MEMORY_RUNTIME] +
               kinds[CAIRN_MEMORY_BAD];
    out->used_bytes = out->installed_bytes - out->usable_bytes - withheld;
    out->reserved_bytes = kinds[CAIRN_MEMORY_RESERVED] + withheld;
}
