/*
 * paging/physmap.c - making physical memory reachable.
 *
 * TESTS  tests/host/paging_windows.c
 */
#include <cairn/physmap.h>

#include "base/align.h"
#include "base/assert.h"

/* ---- The window, all of it ----------------------------------------------- */

static enum cairn_status map_part(struct cairn_pagetable *table, cairn_va base,
                                  struct cairn_phys_range part, uint64_t limit)
{
    struct cairn_page_policy policy = {
        .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL,
        .cache = CAIRN_CACHE_WB,
        .page_limit = limit,
        .existing = CAIRN_EXISTING_FAIL,
    };

    return cairn_map_range(table, cairn_va_make(base.value + part.start.value),
                           part, &policy);
}

enum cairn_status
cairn_physmap_window(struct cairn_pagetable *table,
                     const struct cairn_memmap *map, cairn_va base,
                     const struct cairn_physmap_policy *policy)
{
    struct cairn_phys_range rest = cairn_phys_range_make(0, CAIRN_PHYS_LIMIT);
    struct cairn_phys_range part = cairn_phys_range_make(0, policy->least);
    struct cairn_memory_range range;
    enum cairn_status status = CAIRN_OK;

    while (status == CAIRN_OK &&
           cairn_memmap_next(map, policy->kinds, rest, &range)) {
        rest.start = range.end;
        if (policy->is_solid || range.start.value <= part.end.value) {
            part.end.value = cairn__max(part.end.value, range.end.value);
            continue;
        }
        status = map_part(table, base, part, policy->page_limit);
        part.start = range.start;
        part.end = range.end;
    }
    return status != CAIRN_OK ? status
                              : map_part(table, base, part, policy->page_limit);
}

uint64_t cairn_physmap_window_bytes(const struct cairn_memmap *map,
                                    const struct cairn_physmap_policy *policy)
{
    return cairn__max(cairn_memmap_end(map, policy->kinds).value,
                      policy->least);
}

/* ---- Regions on demand --------------------------------------------------- */

enum cairn_status cairn_physmap_init(struct cairn_physmap *physmap,
                                     struct cairn_pagetable *table,
                                     cairn_va start, uint64_t bytes)
{
    if (((start.value | bytes) & (CAIRN_FRAME_SIZE - 1)) != 0 || bytes == 0 ||
        bytes - 1 > UINT64_MAX - start.value)
        return CAIRN_BAD_ARGUMENT;
    physmap->table = table;
    physmap->start = start;
    physmap->bytes = bytes;
    physmap->count = 0;
    return CAIRN_OK;
}

/* Where the free addresses in front of region `number` begin and end. */
static uint64_t gap_start(const struct cairn_physmap *physmap, size_t number)
{
    return number == 0 ? 0 : physmap->regions[number - 1].end;
}

static uint64_t gap_end(const struct cairn_physmap *physmap, size_t number)
{
    return number == physmap->count ? physmap->bytes
                                    : physmap->regions[number].start;
}

/* The first gap with so many bytes; the number of the region behind it. */
static size_t find_gap(const struct cairn_physmap *physmap, uint64_t bytes)
{
    size_t number = 0;

    while (number <= physmap->count &&
           gap_end(physmap, number) - gap_start(physmap, number) < bytes)
        number++;
    return number;
}

static void insert(struct cairn_physmap *physmap, size_t number, uint64_t bytes)
{
    uint64_t start = gap_start(physmap, number);

    cairn__assert(physmap->count < CAIRN_PHYSMAP_REGIONS);
    for (size_t i = physmap->count; i > number; i--)
        physmap->regions[i] = physmap->regions[i - 1];
    physmap->regions[number].start = start;
    physmap->regions[number].end = start + bytes;
    physmap->count++;
}

static void forget(struct cairn_physmap *physmap, size_t number)
{
    physmap->count--;
    for (size_t i = number; i < physmap->count; i++)
        physmap->regions[i] = physmap->regions[i + 1];
}

enum cairn_status cairn_physmap_map(struct cairn_physmap *physmap,
                                    struct cairn_phys_range range,
                                    unsigned rights, enum cairn_cache cache,
                                    cairn_va *out)
{
    struct cairn_page_policy policy = {.rights = rights, .cache = cache};
    struct cairn_phys_range pages;
    enum cairn_status status;
    size_t number;
    uint64_t at;

    if (range.start.value >= range.end.value ||
        range.end.value > CAIRN_PHYS_LIMIT)
        return CAIRN_BAD_ARGUMENT;
    pages = cairn_phys_range_make(cairn__page_down(range.start.value),
                                  cairn__page_up(range.end.value));
    number = find_gap(physmap, cairn_phys_range_bytes(pages));
    if (number > physmap->count || physmap->count == CAIRN_PHYSMAP_REGIONS)
        return CAIRN_NO_SPACE;
    at = physmap->start.value + gap_start(physmap, number);
    status = cairn_map_range(physmap->table, cairn_va_make(at), pages, &policy);
    if (status != CAIRN_OK)
        return status;
    insert(physmap, number, cairn_phys_range_bytes(pages));
    *out = cairn_va_make(at + (range.start.value - pages.start.value));
    return CAIRN_OK;
}

enum cairn_status cairn_physmap_unmap(struct cairn_physmap *physmap,
                                      cairn_va va)
{
    uint64_t offset = va.value - physmap->start.value;
    enum cairn_status status;

    for (size_t i = 0; i < physmap->count; i++) {
        uint64_t start = physmap->regions[i].start;
        uint64_t bytes = physmap->regions[i].end - start;

        if (offset - start >= bytes)
            continue;
        status = cairn_unmap_range(physmap->table,
                                   cairn_va_make(physmap->start.value + start),
                                   bytes, NULL, NULL);
        if (status == CAIRN_OK)
            forget(physmap, i);
        return status;
    }
    return CAIRN_NOT_FOUND;
}
