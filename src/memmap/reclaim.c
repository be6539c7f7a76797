/*
 * memmap/reclaim.c - giving memory back that has served its purpose.
 *
 * HOW    What is still alive inside reclaimable memory (the page tables that
 *        CR3 leads to, a stack in use) is pinned.  Reclaim looks for pins in
 *        what it is about to give back and refuses as a whole if it finds one,
 *        so that a caller learns that it came too early.
 *
 * TESTS  tests/memmap_reclaim.c; fuzz/memmap.c
 */
#include <cairn/memmap.h>

#include "base/align.h"
#include "base/assert.h"
#include "memmap/draft.h"
#include "memmap/kinds.h"

/* False: empty, or outside of physical memory. */
static bool make_pin(uint64_t base, uint64_t length,
                     struct cairn_phys_range *pin)
{
    if (length == 0 || base >= CAIRN_PHYS_LIMIT ||
        length > CAIRN_PHYS_LIMIT - base)
        return false;
    *pin = cairn_phys_range_make(cairn__page_down(base),
                                 cairn__page_up(base + length));
    return true;
}

enum cairn_status cairn_memmap_pin(struct cairn_memmap *map, uint64_t base,
                                   uint64_t length)
{
    struct cairn_phys_range pin;

    if (map == NULL || !make_pin(base, length, &pin))
        return CAIRN_BAD_ARGUMENT;
    if (map->pin_count == CAIRN_MEMMAP_PINS_MAX)
        return CAIRN_NO_SPACE;
    map->pins[map->pin_count++] = pin;
    return CAIRN_OK;
}

enum cairn_status cairn_memmap_unpin(struct cairn_memmap *map, uint64_t base,
                                     uint64_t length)
{
    struct cairn_phys_range pin;

    if (map == NULL || !make_pin(base, length, &pin))
        return CAIRN_BAD_ARGUMENT;
    for (size_t i = 0; i < map->pin_count; i++) {
        if (map->pins[i].start.value == pin.start.value &&
            map->pins[i].end.value == pin.end.value) {
            map->pins[i] = map->pins[--map->pin_count];
            return CAIRN_OK;
        }
    }
    return CAIRN_NOT_FOUND;
}

static bool is_pinned(const struct cairn_memmap *map,
                      struct cairn_phys_range window,
                      enum cairn_memory_kind kind)
{
    struct cairn_memory_range found;

    cairn__assert(map->pin_count <= CAIRN_MEMMAP_PINS_MAX);
    for (size_t i = 0; i < map->pin_count; i++) {
        struct cairn_phys_range pin = map->pins[i];

        pin.start.value = cairn__max(pin.start.value, window.start.value);
        pin.end.value = cairn__min(pin.end.value, window.end.value);
        if (cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(kind), pin, &found))
            return true;
    }
    return false;
}

/* Emit one range, the part of `kind` inside the window as usable. */
static uint64_t emit_reclaimed(struct cairn__draft *draft,
                               const struct cairn_memory_range *range,
                               struct cairn_phys_range window,
                               enum cairn_memory_kind kind)
{
    uint64_t start = range->start.value;
    uint64_t end = range->end.value;
    uint64_t from = cairn__max(start, cairn__min(window.start.value, end));
    uint64_t to = cairn__max(from, cairn__min(window.end.value, end));

    cairn__assert(start <= from && from <= to && to <= end);
    if (range->kind != kind)
        to = from;
    cairn__draft_emit(draft, start, from, range->kind);
    cairn__draft_emit_usable(draft, from, to);
    cairn__draft_emit(draft, to, end, range->kind);
    return to - from;
}

enum cairn_status cairn_memmap_reclaim(struct cairn_memmap *map,
                                       struct cairn_phys_range window,
                                       enum cairn_memory_kind kind,
                                       uint64_t *bytes)
{
    struct cairn__draft draft;
    enum cairn_status status;
    uint64_t reclaimed = 0;

    if (map == NULL || !map->is_finished ||
        !cairn__memory_kind_is_reclaimable(kind) ||
        window.start.value > window.end.value ||
        window.end.value > CAIRN_PHYS_LIMIT)
        return CAIRN_BAD_ARGUMENT;
    window.start.value = cairn__page_up(window.start.value);
    window.end.value = cairn__page_down(window.end.value);
    if (is_pinned(map, window, kind))
        return CAIRN_IN_USE;
    cairn__draft_begin(&draft, map);
    for (size_t i = 0; i < map->count; i++)
        reclaimed += emit_reclaimed(&draft, &map->ranges[i], window, kind);
    status = cairn__draft_commit(&draft);
    if (status == CAIRN_OK && bytes != NULL)
        *bytes = reclaimed;
    return status;
}
