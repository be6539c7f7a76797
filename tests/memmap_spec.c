/*
 * memmap_spec.c - what a memory map must be; see memmap_spec.h.
 *
 * Deliberately slow and simple: every rule is a loop over all cells or all
 * blocks that asks one question of each.
 */
#include "memmap_spec.h"

#define PAGE ((uint64_t)4096)

#define KINDS_OF_RAM                                                           \
    (1u << CAIRN_MEMORY_USABLE | 1u << CAIRN_MEMORY_LOW |                      \
     1u << CAIRN_MEMORY_BOOT_SERVICES | 1u << CAIRN_MEMORY_LOADER |            \
     1u << CAIRN_MEMORY_ACPI_RECLAIM | 1u << CAIRN_MEMORY_KERNEL |             \
     1u << CAIRN_MEMORY_ACPI_NVS | 1u << CAIRN_MEMORY_RUNTIME |                \
     1u << CAIRN_MEMORY_BAD)

bool spec_is_ram(enum cairn_memory_kind kind)
{
    return (KINDS_OF_RAM >> kind & 1) != 0;
}

bool spec_is_reclaimable(enum cairn_memory_kind kind)
{
    return kind == CAIRN_MEMORY_BOOT_SERVICES || kind == CAIRN_MEMORY_LOADER ||
           kind == CAIRN_MEMORY_ACPI_RECLAIM;
}

/* ---- The row of blocks and cells ----------------------------------------- */

/* Append one block, cut into cells unless `shape` is NULL. */
static void append_block(struct spec *spec, uint64_t start, uint64_t end,
                         const struct spec_shape *shape)
{
    if (start >= end)
        return;
    spec->firsts[spec->block_count++] = spec->cell_count;
    if (shape == NULL)
        spec->edges[spec->cell_count++] = start;
    for (size_t i = 0; shape != NULL && i < shape->cut_count; i++)
        spec->edges[spec->cell_count++] = start + shape->cuts[i];
    spec->edges[spec->cell_count] = end;
    spec->firsts[spec->block_count] = spec->cell_count;
}

void spec_begin(struct spec *spec, const struct spec_shape *shape,
                size_t capacity)
{
    uint64_t at = shape->base;

    spec->capacity = capacity;
    spec->cell_count = 0;
    spec->block_count = 0;
    spec->state = (struct spec_state){.floor = 0};
    if (at > 0)
        append_block(spec, 0, PAGE, shape);
    append_block(spec, PAGE, at, NULL);
    for (size_t i = 0; i < shape->pages && at < CAIRN_PHYS_LIMIT; i++) {
        append_block(spec, at, at + PAGE, shape);
        at += PAGE;
    }
    append_block(spec, at, CAIRN_PHYS_LIMIT, NULL);
}

static uint64_t block_start(const struct spec *spec, size_t block)
{
    return spec->edges[spec->firsts[block]];
}

static uint64_t block_end(const struct spec *spec, size_t block)
{
    return spec->edges[spec->firsts[block + 1]];
}

/* ---- Add and reserve ----------------------------------------------------- */

/* The bytes from `first` to `last`. */
struct stretch {
    uint64_t first;
    uint64_t last;
};

/*
 * The bytes of an entry that can exist.  False: none.  *is_beyond: the entry
 * claims more than these.
 */
static bool stretch_of(uint64_t base, uint64_t bytes, struct stretch *out,
                       bool *is_beyond)
{
    uint64_t last = base + (bytes - 1);

    *is_beyond = false;
    if (bytes == 0)
        return false;
    *is_beyond = last < base || last >= CAIRN_PHYS_LIMIT;
    *out = (struct stretch){base, *is_beyond ? CAIRN_PHYS_LIMIT - 1 : last};
    return base < CAIRN_PHYS_LIMIT;
}

/* What memory of kind `old` is under something of kind `fresh`. */
static uint8_t stricter(unsigned old, unsigned fresh, unsigned in_hole)
{
    if (old == CAIRN_MEMORY_NONE)
        return (uint8_t)in_hole;
    return (uint8_t)(fresh > old ? fresh : old);
}

static void lay_on_cells(struct spec *spec, struct stretch stretch,
                         unsigned kind, unsigned in_hole)
{
    for (size_t i = 0; i < spec->cell_count; i++) {
        if (spec->edges[i] <= stretch.last &&
            spec->edges[i + 1] > stretch.first)
            spec->state.cells[i] =
                stricter(spec->state.cells[i], kind, in_hole);
    }
}

/* A block that is touched is covered: a page as a whole. */
static void lay_on_blocks(struct spec *spec, struct stretch stretch,
                          unsigned kind, unsigned in_hole)
{
    for (size_t i = 0; i < spec->block_count; i++) {
        if (block_start(spec, i) <= stretch.last &&
            block_end(spec, i) > stretch.first)
            spec->state.blocks[i] =
                stricter(spec->state.blocks[i], kind, in_hole);
    }
}

/* An entry of that kind says that memory may be handed out some day. */
static bool is_claim(enum cairn_memory_kind kind)
{
    return kind == CAIRN_MEMORY_USABLE || spec_is_reclaimable(kind);
}

/* What an entry of that kind is taken for. */
static enum cairn_memory_kind as_taken(enum cairn_memory_kind kind,
                                       bool is_beyond)
{
    return is_beyond && spec_is_ram(kind) ? CAIRN_MEMORY_RESERVED : kind;
}

static enum cairn_status spec_add(struct spec *spec,
                                  const struct spec_call *call)
{
    struct stretch stretch;
    bool is_beyond;
    bool exists = stretch_of(call->start, call->bytes, &stretch, &is_beyond);
    enum cairn_memory_kind kind = as_taken(call->kind, is_beyond);

    if (spec->state.is_finished || call->kind == CAIRN_MEMORY_NONE ||
        call->kind == CAIRN_MEMORY_LOW ||
        (unsigned)call->kind >= CAIRN_MEMORY_KIND_COUNT)
        return CAIRN_BAD_ARGUMENT;
    spec->state.added++;
    if (!exists || (is_beyond && is_claim(call->kind)))
        spec->state.ignored++;
    else
        lay_on_cells(spec, stretch, kind, kind);
    return CAIRN_OK;
}

static enum cairn_status spec_reserve(struct spec *spec,
                                      const struct spec_call *call)
{
    struct stretch stretch;
    bool is_beyond;
    unsigned in_hole = call->kind;

    if (call->kind <= CAIRN_MEMORY_LOW ||
        (unsigned)call->kind >= CAIRN_MEMORY_KIND_COUNT)
        return CAIRN_BAD_ARGUMENT;
    if (!stretch_of(call->start, call->bytes, &stretch, &is_beyond))
        return CAIRN_OK;
    if (spec_is_ram(call->kind))
        in_hole = CAIRN_MEMORY_RESERVED;
    if (spec->state.is_finished)
        lay_on_blocks(spec, stretch, call->kind, in_hole);
    else
        lay_on_cells(spec, stretch, call->kind, in_hole);
    return CAIRN_OK;
}

/* ---- Finish -------------------------------------------------------------- */

static unsigned usable_or_low(const struct spec *spec, size_t block)
{
    return block_start(spec, block) < spec->state.floor ? CAIRN_MEMORY_LOW
                                                        : CAIRN_MEMORY_USABLE;
}

static unsigned round_block(const struct spec *spec, size_t block)
{
    unsigned strictest = CAIRN_MEMORY_NONE;
    bool is_all_usable = true;
    bool is_all_ram = true;

    for (size_t i = spec->firsts[block]; i < spec->firsts[block + 1]; i++) {
        unsigned kind = spec->state.cells[i];

        if (kind > strictest)
            strictest = kind;
        if (kind != CAIRN_MEMORY_USABLE)
            is_all_usable = false;
        if (!spec_is_ram((enum cairn_memory_kind)kind))
            is_all_ram = false;
    }
    if (is_all_usable)
        return usable_or_low(spec, block);
    if (strictest == CAIRN_MEMORY_USABLE)
        return CAIRN_MEMORY_NONE;
    if (spec_is_reclaimable((enum cairn_memory_kind)strictest) && !is_all_ram)
        return CAIRN_MEMORY_RESERVED;
    return strictest;
}

static enum cairn_status spec_finish(struct spec *spec, uint64_t floor)
{
    enum cairn_status status = CAIRN_NO_MEMORY;

    if (spec->state.is_finished || floor > CAIRN_PHYS_LIMIT)
        return CAIRN_BAD_ARGUMENT;
    if (spec->state.added == 0)
        return CAIRN_NO_MEMORY_MAP;
    while (floor % PAGE != 0)
        floor++;
    spec->state.floor = floor == 0 ? PAGE : floor;
    spec->state.is_finished = true;
    for (size_t i = 0; i < spec->block_count; i++) {
        spec->state.blocks[i] = (uint8_t)round_block(spec, i);
        if (spec->state.blocks[i] == CAIRN_MEMORY_USABLE)
            status = CAIRN_OK;
    }
    return status;
}

/* ---- Pins and reclaim ---------------------------------------------------- */

static bool pin_of(const struct spec_call *call, struct cairn_phys_range *out)
{
    if (call->bytes == 0 || call->start >= CAIRN_PHYS_LIMIT ||
        call->bytes > CAIRN_PHYS_LIMIT - call->start)
        return false;
    out->start.value = call->start / PAGE * PAGE;
    out->end.value = (call->start + call->bytes - 1) / PAGE * PAGE + PAGE;
    return true;
}

static enum cairn_status spec_pin(struct spec *spec,
                                  const struct spec_call *call)
{
    struct cairn_phys_range pin;

    if (!pin_of(call, &pin))
        return CAIRN_BAD_ARGUMENT;
    if (spec->state.pin_count == CAIRN_MEMMAP_PINS_MAX)
        return CAIRN_NO_SPACE;
    spec->state.pins[spec->state.pin_count++] = pin;
    return CAIRN_OK;
}

static enum cairn_status spec_unpin(struct spec *spec,
                                    const struct spec_call *call)
{
    struct cairn_phys_range pin;
    struct cairn_phys_range *pins = spec->state.pins;

    if (!pin_of(call, &pin))
        return CAIRN_BAD_ARGUMENT;
    for (size_t i = 0; i < spec->state.pin_count; i++) {
        if (pins[i].start.value == pin.start.value &&
            pins[i].end.value == pin.end.value) {
            pins[i] = pins[--spec->state.pin_count];
            return CAIRN_OK;
        }
    }
    return CAIRN_NOT_FOUND;
}

static bool is_block_pinned(const struct spec *spec, size_t block)
{
    for (size_t i = 0; i < spec->state.pin_count; i++) {
        if (spec->state.pins[i].start.value < block_end(spec, block) &&
            spec->state.pins[i].end.value > block_start(spec, block))
            return true;
    }
    return false;
}

/* Must that block change?  Only what lies inside the window as a whole. */
static bool is_wanted(const struct spec *spec, const struct spec_call *call,
                      size_t block)
{
    return spec->state.blocks[block] == call->kind &&
           block_start(spec, block) >= call->start &&
           block_end(spec, block) <= call->bytes;
}

static enum cairn_status
spec_reclaim(struct spec *spec, const struct spec_call *call, uint64_t *bytes)
{
    if (!spec->state.is_finished || !spec_is_reclaimable(call->kind) ||
        call->start > call->bytes || call->bytes > CAIRN_PHYS_LIMIT)
        return CAIRN_BAD_ARGUMENT;
    for (size_t i = 0; i < spec->block_count; i++) {
        if (is_wanted(spec, call, i) && is_block_pinned(spec, i))
            return CAIRN_IN_USE;
    }
    for (size_t i = 0; i < spec->block_count; i++) {
        if (!is_wanted(spec, call, i))
            continue;
        *bytes += block_end(spec, i) - block_start(spec, i);
        spec->state.blocks[i] = (uint8_t)usable_or_low(spec, i);
    }
    return CAIRN_OK;
}

/* ---- Both side by side --------------------------------------------------- */

enum cairn_memory_kind spec_kind_of_block(const struct spec *spec, size_t index)
{
    return (enum cairn_memory_kind)spec->state.blocks[index];
}

/* Append one range, or make the last one longer. */
static size_t append_range(struct cairn_memory_range *out, size_t count,
                           const struct cairn_memory_range *range)
{
    if (range->kind == CAIRN_MEMORY_NONE)
        return count;
    if (count > 0 && out[count - 1].kind == range->kind &&
        out[count - 1].end.value == range->start.value)
        out[--count].end = range->end;
    else
        out[count] = *range;
    return count + 1;
}

size_t spec_ranges(const struct spec *spec, struct cairn_memory_range *out)
{
    const struct spec_state *state = &spec->state;
    size_t parts = state->is_finished ? spec->block_count : spec->cell_count;
    size_t count = 0;

    for (size_t i = 0; i < parts; i++) {
        struct cairn_memory_range range = {
            {spec->edges[i]}, {spec->edges[i + 1]}, CAIRN_MEMORY_NONE};

        range.kind = (enum cairn_memory_kind)state->cells[i];
        if (state->is_finished) {
            range.start.value = block_start(spec, i);
            range.end.value = block_end(spec, i);
            range.kind = spec_kind_of_block(spec, i);
        }
        count = append_range(out, count, &range);
    }
    return count;
}

static bool is_same_range(const struct cairn_memory_range *a,
                          const struct cairn_memory_range *b)
{
    return a->start.value == b->start.value && a->end.value == b->end.value &&
           a->kind == b->kind;
}

static bool are_pins_same(const struct spec_state *state,
                          const struct cairn_memmap *map)
{
    if (map->pin_count != state->pin_count)
        return false;
    for (size_t i = 0; i < state->pin_count; i++) {
        if (map->pins[i].start.value != state->pins[i].start.value ||
            map->pins[i].end.value != state->pins[i].end.value)
            return false;
    }
    return true;
}

const char *spec_compare(const struct spec *spec,
                         const struct cairn_memmap *map)
{
    static struct cairn_memory_range ranges[SPEC_CELLS_MAX];
    const struct spec_state *state = &spec->state;
    size_t count = spec_ranges(spec, ranges);

    if (cairn_memmap_check(map) != 0)
        return "an invariant is broken";
    if (map->is_finished != state->is_finished)
        return "finished or not";
    if (map->entries_added != state->added)
        return "entries_added";
    if (map->entries_ignored != state->ignored)
        return "entries_ignored";
    if (map->floor.value != state->floor)
        return "floor";
    if (map->count != count)
        return "the number of ranges";
    if (!are_pins_same(state, map))
        return "pins";
    for (size_t i = 0; i < count; i++) {
        if (!is_same_range(&map->ranges[i], &ranges[i]))
            return "a range";
    }
    return NULL;
}

static enum cairn_status
call_spec(struct spec *spec, const struct spec_call *call, uint64_t *bytes)
{
    switch (call->op) {
    case SPEC_ADD:
        return spec_add(spec, call);
    case SPEC_RESERVE:
        return spec_reserve(spec, call);
    case SPEC_FINISH:
        return spec_finish(spec, call->start);
    case SPEC_PIN:
        return spec_pin(spec, call);
    case SPEC_UNPIN:
        return spec_unpin(spec, call);
    default:
        return spec_reclaim(spec, call, bytes);
    }
}

/* The same, but nothing changes if the result has too many ranges. */
static enum cairn_status call_spec_bounded(struct spec *spec,
                                           const struct spec_call *call,
                                           uint64_t *bytes)
{
    static struct cairn_memory_range ranges[SPEC_CELLS_MAX];
    struct spec_state former = spec->state;
    enum cairn_status status = call_spec(spec, call, bytes);

    if (spec_ranges(spec, ranges) <= spec->capacity)
        return status;
    spec->state = former;
    return CAIRN_NO_SPACE;
}

static enum cairn_status call_library(struct cairn_memmap *map,
                                      const struct spec_call *call,
                                      uint64_t *bytes)
{
    switch (call->op) {
    case SPEC_ADD:
        return cairn_memmap_add(map, call->start, call->bytes, call->kind);
    case SPEC_RESERVE:
        return cairn_memmap_reserve(map, call->start, call->bytes, call->kind);
    case SPEC_FINISH:
        return cairn_memmap_finish(map, cairn_phys_make(call->start));
    case SPEC_PIN:
        return cairn_memmap_pin(map, call->start, call->bytes);
    case SPEC_UNPIN:
        return cairn_memmap_unpin(map, call->start, call->bytes);
    default:
        return cairn_memmap_reclaim(
            map, cairn_phys_range_make(call->start, call->bytes), call->kind,
            bytes);
    }
}

const char *spec_step(struct spec *spec, struct cairn_memmap *map,
                      const struct spec_call *call)
{
    const uint64_t untouched = 0x5a5a5a5a5a5a5a5a;
    uint64_t wanted_bytes = 0;
    uint64_t bytes = untouched;
    enum cairn_status wanted = call_spec_bounded(spec, call, &wanted_bytes);

    if (call_library(map, call, &bytes) != wanted)
        return "the status";
    if (wanted != CAIRN_OK || call->op != SPEC_RECLAIM)
        wanted_bytes = untouched;
    if (bytes != wanted_bytes)
        return "the bytes reclaimed";
    return spec_compare(spec, map);
}

/* ---- For maps of any size ------------------------------------------------ */

/* What the entry says about the byte; NONE: nothing. */
static enum cairn_memory_kind said_of(const struct spec_entry *entry,
                                      uint64_t byte)
{
    struct stretch stretch;
    bool is_beyond;

    if (!stretch_of(entry->base, entry->bytes, &stretch, &is_beyond) ||
        (is_beyond && is_claim(entry->kind)) || byte < stretch.first ||
        byte > stretch.last)
        return CAIRN_MEMORY_NONE;
    return as_taken(entry->kind, is_beyond);
}

static enum cairn_memory_kind kind_of_byte(const struct spec_entry *entries,
                                           size_t count, uint64_t byte)
{
    enum cairn_memory_kind kind = CAIRN_MEMORY_NONE;

    for (size_t i = 0; i < count; i++) {
        enum cairn_memory_kind said = said_of(&entries[i], byte);

        if (said > kind)
            kind = said;
    }
    return kind;
}

/* The first byte after `byte`, but not after `end`, that can differ. */
static uint64_t next_edge(const struct spec_entry *entries, size_t count,
                          uint64_t byte, uint64_t end)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t edges[] = {entries[i].base,
                            entries[i].base + entries[i].bytes};

        for (int side = 0; side < 2; side++) {
            if (edges[side] > byte && edges[side] < end)
                end = edges[side];
        }
    }
    return end;
}

enum cairn_memory_kind spec_kind_of_page(const struct spec_entry *entries,
                                         size_t count, uint64_t floor,
                                         uint64_t page)
{
    struct spec spec = {.block_count = 1};
    uint64_t byte = page;

    spec.state.floor = floor <= PAGE ? PAGE : (floor + PAGE - 1) / PAGE * PAGE;
    while (byte < page + PAGE) {
        /* As many cells as entries begin or end in the page. */
        if (spec.cell_count == SPEC_CELLS_MAX)
            return CAIRN_MEMORY_KIND_COUNT;
        spec.state.cells[spec.cell_count] =
            (uint8_t)kind_of_byte(entries, count, byte);
        spec.edges[spec.cell_count++] = byte;
        byte = next_edge(entries, count, byte, page + PAGE);
    }
    spec.edges[spec.cell_count] = byte;
    spec.firsts[1] = spec.cell_count;
    return (enum cairn_memory_kind)round_block(&spec, 0);
}
