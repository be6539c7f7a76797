/*
 * memmap/memmap.c - the normaliser: from a firmware's list to a map.
 *
 * WHAT   Keeps a list of ranges, sorted and disjoint, and lays further ranges
 *        over it.  All policy about memory maps is in this file: what wins
 *        where entries overlap, how to round, what is nonsense.
 *
 * HOW    Every change reads the ranges in order and writes a new version of
 *        the list into the spare half of the storage as a draft, which
 *        merges neighbours of one kind; only when it is complete do the halves
 *        change places.  So a change is done as a whole or, if the storage is
 *        too small, not at all.
 *
 *        Until finish, ranges count bytes.  Finish decides page by page where
 *        ranges begin or end inside a page, and takes whole runs elsewhere:
 *          - a page that anything above "usable" touches has the most
 *            restrictive kind that touches it;
 *          - else it is usable if usable ranges cover every byte of it;
 *          - a page of a reclaimable kind that is not RAM in all its bytes is
 *            reserved, since reclaiming it would hand out what is not RAM.
 *
 * INVARIANTS (cairn_memmap_check() tests each by this number)
 *   1    count <= capacity, and the two halves differ.
 *   2    Every range has start < end <= CAIRN_PHYS_LIMIT and a kind that is
 *        neither NONE nor out of range.
 *   3    Ranges are sorted and disjoint, and neighbours that touch differ in
 *        kind.
 *   4    Finished: every start and end is a multiple of CAIRN_FRAME_SIZE.
 *   5    Finished: nothing below the floor is usable, and the floor is above
 *        frame 0.
 *   6    Pins are page-aligned, not empty, and at most
 *        CAIRN_MEMMAP_PINS_MAX.
 *
 * LOCKS  None; see <cairn/memmap.h>.
 *
 * COST   Each change is linear in the ranges: 300 entries of a large server
 *        take about 300 * 150 steps, once at boot.
 *
 * SOURCE ACPI Specification 6.5, section 15, "System Address Map Interfaces"
 *        (E820); UEFI Specification 2.10, section 7.2.3.
 *
 * TESTS  tests/memmap_*.c, with the executable specification
 *        tests/memmap_spec.c; fuzz/memmap.c
 *
 * NOT    No node (NUMA) information: that is ACPI's, not the boot map's.
 */
#include <cairn/memmap.h>

#include "base/align.h"
#include "base/assert.h"
#include "memmap/draft.h"
#include "memmap/kinds.h"

void cairn__draft_begin(struct cairn__draft *draft, struct cairn_memmap *map)
{
    cairn__assert(map->ranges != map->spare);
    draft->map = map;
    draft->count = 0;
    draft->is_full = false;
}

void cairn__draft_emit(struct cairn__draft *draft, uint64_t start, uint64_t end,
                       enum cairn_memory_kind kind)
{
    struct cairn_memory_range *last;

    cairn__assert(kind < CAIRN_MEMORY_KIND_COUNT);
    if (start >= end || kind == CAIRN_MEMORY_NONE)
        return;
    cairn__assert(end <= CAIRN_PHYS_LIMIT);
    if (draft->count > 0) {
        last = &draft->map->spare[draft->count - 1];
        cairn__assert(last->end.value <= start);
        if (last->end.value == start && last->kind == kind) {
            last->end.value = end;
            return;
        }
    }
    if (draft->count == draft->map->capacity) {
        draft->is_full = true;
        return;
    }
    draft->map->spare[draft->count++] =
        (struct cairn_memory_range){{start}, {end}, kind};
}

void cairn__draft_emit_usable(struct cairn__draft *draft, uint64_t start,
                              uint64_t end)
{
    uint64_t floor = draft->map->floor.value;
    uint64_t cut = cairn__max(start, cairn__min(end, floor));

    cairn__draft_emit(draft, start, cut, CAIRN_MEMORY_LOW);
    cairn__draft_emit(draft, cut, end, CAIRN_MEMORY_USABLE);
}

enum cairn_status cairn__draft_commit(struct cairn__draft *draft)
{
    struct cairn_memmap *map = draft->map;
    struct cairn_memory_range *former = map->ranges;

    cairn__assert(draft->count <= map->capacity);
    if (draft->is_full)
        return CAIRN_NO_SPACE;
    map->ranges = map->spare;
    map->spare = former;
    map->count = draft->count;
    return CAIRN_OK;
}

/* ---- Laying a range over the list ---------------------------------------- */

/* A range on its way into the list; [start, end) is what is still to lay. */
struct layer {
    uint64_t start;
    uint64_t end;
    enum cairn_memory_kind kind;
    enum cairn_memory_kind kind_in_holes;
};

/* Lay the part of the layer below `limit`, where the list has a hole. */
static void lay_in_hole(struct cairn__draft *draft, struct layer *layer,
                        uint64_t limit)
{
    uint64_t end = cairn__min(layer->end, limit);

    if (layer->start >= end)
        return;
    cairn__draft_emit(draft, layer->start, end, layer->kind_in_holes);
    layer->start = end;
}

/* Lay the layer over one range of the list. */
static void lay_over(struct cairn__draft *draft, struct layer *layer,
                     const struct cairn_memory_range *range)
{
    uint64_t start = range->start.value;
    uint64_t end = range->end.value;
    uint64_t overlap_start;
    uint64_t overlap_end;

    lay_in_hole(draft, layer, start);
    overlap_start = cairn__max(start, cairn__min(layer->start, end));
    overlap_end = cairn__max(overlap_start, cairn__min(layer->end, end));
    cairn__draft_emit(draft, start, overlap_start, range->kind);
    cairn__draft_emit(draft, overlap_start, overlap_end,
                      layer->kind > range->kind ? layer->kind : range->kind);
    cairn__draft_emit(draft, overlap_end, end, range->kind);
    layer->start = cairn__max(layer->start, overlap_end);
    cairn__assert(layer->start >= cairn__min(layer->end, end));
}

static enum cairn_status overlay(struct cairn_memmap *map, struct layer layer)
{
    struct cairn__draft draft;

    cairn__assert(layer.start < layer.end && layer.end <= CAIRN_PHYS_LIMIT);
    cairn__draft_begin(&draft, map);
    for (size_t i = 0; i < map->count; i++)
        lay_over(&draft, &layer, &map->ranges[i]);
    lay_in_hole(&draft, &layer, layer.end);
    return cairn__draft_commit(&draft);
}

/* ---- Entries and reservations -------------------------------------------- */

enum cairn_status cairn_memmap_init(struct cairn_memmap *map,
                                    struct cairn_memory_range *storage,
                                    size_t count)
{
    if (map == NULL || storage == NULL || count < 4)
        return CAIRN_BAD_ARGUMENT;
    *map = (struct cairn_memmap){
        .ranges = storage,
        .spare = storage + count / 2,
        .capacity = count / 2,
    };
    return CAIRN_OK;
}

static bool is_kind_above(enum cairn_memory_kind kind,
                          enum cairn_memory_kind below)
{
    return kind > below && kind < CAIRN_MEMORY_KIND_COUNT;
}

/* The exclusive end of [base, base + length), cut at CAIRN_PHYS_LIMIT. */
static uint64_t end_of(uint64_t base, uint64_t length, bool *is_cut)
{
    *is_cut = base > CAIRN_PHYS_LIMIT || length > CAIRN_PHYS_LIMIT - base;
    return *is_cut ? CAIRN_PHYS_LIMIT : base + length;
}

/* Could memory of that kind be handed out, now or later? */
static bool may_become_free(enum cairn_memory_kind kind)
{
    return kind == CAIRN_MEMORY_USABLE ||
           cairn__memory_kind_is_reclaimable(kind);
}

enum cairn_status cairn_memmap_add(struct cairn_memmap *map, uint64_t base,
                                   uint64_t length, enum cairn_memory_kind kind)
{
    enum cairn_status status;
    bool is_cut;
    uint64_t end;

    if (map == NULL || map->is_finished || kind == CAIRN_MEMORY_LOW ||
        !is_kind_above(kind, CAIRN_MEMORY_NONE))
        return CAIRN_BAD_ARGUMENT;
    end = end_of(base, length, &is_cut);
    if (base >= end || (is_cut && may_become_free(kind))) {
        map->entries_added++;
        map->entries_ignored++;
        return CAIRN_OK;
    }
    if (is_cut && cairn_memory_kind_is_ram(kind))
        kind = CAIRN_MEMORY_RESERVED;
    status = overlay(map, (struct layer){base, end, kind, kind});
    if (status == CAIRN_OK)
        map->entries_added++;
    return status;
}

enum cairn_status cairn_memmap_reserve(struct cairn_memmap *map, uint64_t base,
                                       uint64_t length,
                                       enum cairn_memory_kind kind)
{
    struct layer layer = {.kind = kind, .kind_in_holes = kind};
    bool is_cut;

    if (map == NULL || !is_kind_above(kind, CAIRN_MEMORY_LOW))
        return CAIRN_BAD_ARGUMENT;
    layer.start = base;
    layer.end = end_of(base, length, &is_cut);
    if (layer.start >= layer.end)
        return CAIRN_OK;
    if (map->is_finished) {
        layer.start = cairn__page_down(layer.start);
        layer.end = cairn__page_up(layer.end);
    }
    if (cairn_memory_kind_is_ram(kind))
        layer.kind_in_holes = CAIRN_MEMORY_RESERVED;
    return overlay(map, layer);
}

/* ---- Finish -------------------------------------------------------------- */

/*
 * What the page at `page` is.  The first range that touches it is number
 * `first`.
 */
static enum cairn_memory_kind kind_of_page(const struct cairn_memmap *map,
                                           size_t first, uint64_t page)
{
    uint64_t page_end = page + CAIRN_FRAME_SIZE;
    enum cairn_memory_kind kind = CAIRN_MEMORY_NONE;
    uint64_t ram_bytes = 0;

    cairn__assert(map->ranges[first].start.value < page_end &&
                  map->ranges[first].end.value > page);
    for (size_t i = first; i < map->count; i++) {
        const struct cairn_memory_range *range = &map->ranges[i];

        if (range->start.value >= page_end)
            break;
        if (range->kind > kind)
            kind = range->kind;
        if (cairn_memory_kind_is_ram(range->kind))
            ram_bytes += cairn__min(range->end.value, page_end) -
                         cairn__max(range->start.value, page);
    }
    cairn__assert(ram_bytes <= CAIRN_FRAME_SIZE);
    if (ram_bytes == CAIRN_FRAME_SIZE)
        return kind;
    if (kind == CAIRN_MEMORY_USABLE)
        return CAIRN_MEMORY_NONE;
    if (cairn__memory_kind_is_reclaimable(kind))
        return CAIRN_MEMORY_RESERVED;
    return kind;
}

/*
 * Decide the pages that range number `index` touches, from `page` on; pages
 * below are decided.  Returns the first page that is not decided yet.
 */
static uint64_t round_range(struct cairn__draft *draft, size_t index,
                            uint64_t page)
{
    const struct cairn_memory_range *range = &draft->map->ranges[index];
    uint64_t whole_end = cairn__page_down(range->end.value);
    struct cairn_memory_range run;

    cairn__assert(cairn__is_aligned(page, CAIRN_FRAME_SIZE));
    page = cairn__max(page, cairn__page_down(range->start.value));
    while (page < range->end.value) {
        run = *range;
        run.start.value = page;
        if (page >= range->start.value && page < whole_end) {
            run.end.value = whole_end;
        } else {
            run.end.value = page + CAIRN_FRAME_SIZE;
            run.kind = kind_of_page(draft->map, index, page);
        }
        if (run.kind == CAIRN_MEMORY_USABLE)
            cairn__draft_emit_usable(draft, page, run.end.value);
        else
            cairn__draft_emit(draft, page, run.end.value, run.kind);
        page = run.end.value;
    }
    return page;
}

enum cairn_status cairn_memmap_finish(struct cairn_memmap *map,
                                      cairn_phys floor)
{
    struct cairn__draft draft;
    enum cairn_status status;
    uint64_t page = 0;

    if (map == NULL || map->is_finished || floor.value > CAIRN_PHYS_LIMIT)
        return CAIRN_BAD_ARGUMENT;
    if (map->entries_added == 0)
        return CAIRN_NO_MEMORY_MAP;
    map->floor.value =
        cairn__max(cairn__page_up(floor.value), CAIRN_FRAME_SIZE);
    cairn__draft_begin(&draft, map);
    for (size_t i = 0; i < map->count; i++)
        page = round_range(&draft, i, page);
    status = cairn__draft_commit(&draft);
    if (status != CAIRN_OK) {
        map->floor.value = 0;
        return status;
    }
    map->is_finished = true;
    if (cairn_memmap_end(map, CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE))
            .value == 0)
        return CAIRN_NO_MEMORY;
    return CAIRN_OK;
}

/* ---- The checker --------------------------------------------------------- */

static unsigned check_range(const struct cairn_memmap *map, size_t index)
{
    const struct cairn_memory_range *range = &map->ranges[index];
    uint64_t start = range->start.value;
    uint64_t end = range->end.value;

    if (start >= end || end > CAIRN_PHYS_LIMIT ||
        !is_kind_above(range->kind, CAIRN_MEMORY_NONE))
        return 2;
    if (index > 0 &&
        (range[-1].end.value > start ||
         (range[-1].end.value == start && range[-1].kind == range->kind)))
        return 3;
    if (!map->is_finished)
        return 0;
    if (!cairn__is_aligned(start | end, CAIRN_FRAME_SIZE))
        return 4;
    if (map->floor.value < CAIRN_FRAME_SIZE ||
        (range->kind == CAIRN_MEMORY_USABLE && start < map->floor.value))
        return 5;
    return 0;
}

static bool is_pin_valid(const struct cairn_phys_range *pin)
{
    return pin->start.value < pin->end.value &&
           cairn__is_aligned(pin->start.value | pin->end.value,
                             CAIRN_FRAME_SIZE);
}

unsigned cairn_memmap_check(const struct cairn_memmap *map)
{
    unsigned broken;

    if (map->count > map->capacity || map->ranges == map->spare)
        return 1;
    for (size_t i = 0; i < map->count; i++) {
        broken = check_range(map, i);
        if (broken != 0)
            return broken;
    }
    if (map->pin_count > CAIRN_MEMMAP_PINS_MAX)
        return 6;
    for (size_t i = 0; i < map->pin_count; i++) {
        if (!is_pin_valid(&map->pins[i]))
            return 6;
    }
    return 0;
}
