/*
 * frames/memory.c - memory that comes and goes: hot-plug, reclaim, late news.
 *
 * HOW    Adding makes frames free that were ABSENT.  Where a section has no
 *        metadata yet, they are taken out of the new range itself, from its
 *        beginning, so that a module brings its own and takes them along.
 *        Removing takes a run at exactly that place from the engine, which
 *        succeeds only if all of it is free, and marks it ABSENT.  If the
 *        range begins with metadata, these go too, and their sections are as
 *        they were before the module came; so nothing outside of the range
 *        may need them.
 *        Reclaiming goes through the ranges of a kind piece by piece, from pin
 *        to pin: cairn_memmap_reclaim refuses a window with a pin in it.
 *
 * LOCKS  Engine lock, rank FRAMES.  The caller serialises these functions.
 *
 * TESTS  tests/frames_engines.c, tests/frames_memory.c,
 *        tests/host/frames_large.c
 */
#include "base/memory.h"
#include "base/lock.h"
#include "frames/engine.h"
#include "frames/section.h"
#include "memmap/kinds.h"

#define METADATA_BYTES cairn__page_up(sizeof(struct cairn__section))
#define ALL_MEMORY     cairn_phys_range_make(0, CAIRN_PHYS_LIMIT)

static bool is_range_valid(struct cairn_phys_range range)
{
    return range.start.value < range.end.value &&
           range.end.value <= CAIRN_PHYS_LIMIT &&
           cairn__is_aligned(range.start.value | range.end.value,
                             CAIRN_FRAME_SIZE);
}

static struct cairn__pfn_range frames_of(struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = {cairn_pfn_of(range.start).value,
                                    cairn_pfn_of(range.end).value};

    return pfns;
}

static uint64_t length(struct cairn__pfn_range pfns)
{
    return pfns.end - pfns.start;
}

static size_t slot_of(const struct cairn_frames *frames, uint64_t frame)
{
    return (size_t)((frame >> CAIRN__SECTION_ORDER) - frames->first_section);
}

static bool is_covered(const struct cairn_frames *frames,
                       struct cairn__pfn_range pfns)
{
    return pfns.start >= cairn_frames_begin(frames).value &&
           pfns.end <= cairn_frames_end(frames).value;
}

/* ---- Adding -------------------------------------------------------------- */

static bool is_absent(const struct cairn_frames *frames,
                      struct cairn__pfn_range pfns)
{
    struct cairn_frames_census census;

    cairn_frames_count(frames, cairn_pfn_make(pfns.start),
                       cairn_pfn_make(pfns.end), &census);
    return census.absent_frames == length(pfns);
}

/* Sections of the range that have no metadata yet. */
static uint64_t count_bare(const struct cairn_frames *frames,
                           struct cairn__pfn_range pfns)
{
    size_t last = slot_of(frames, pfns.end - 1);
    uint64_t count = 0;

    for (size_t i = slot_of(frames, pfns.start); i <= last; i++)
        count += frames->slots[i].storage == NULL;
    return count;
}

static void *reach_metadata(cairn_phys phys)
{
    return cairn_platform_phys_to_virt(phys, (size_t)METADATA_BYTES);
}

/* Can metadata of `count` sections lie from `start` on? */
static bool can_reach(cairn_phys start, uint64_t count)
{
    for (; count > 0; count--, start.value += METADATA_BYTES) {
        if (reach_metadata(start) == NULL)
            return false;
    }
    return true;
}

/* Give them metadata, from `start` on; returns where these end. */
static cairn_phys place_metadata(struct cairn_frames *frames,
                                 struct cairn__pfn_range pfns, cairn_phys start)
{
    size_t last = slot_of(frames, pfns.end - 1);

    for (size_t i = slot_of(frames, pfns.start); i <= last; i++) {
        struct cairn__slot *slot = &frames->slots[i];

        if (slot->storage != NULL)
            continue;
        slot->storage = reach_metadata(start);
        cairn__section_open(slot);
        start.value += METADATA_BYTES;
    }
    return start;
}

enum cairn_status cairn_frames_add(struct cairn_frames *frames,
                                   struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = frames_of(range);
    unsigned long state;
    uint64_t bare;

    if (!is_range_valid(range) || pfns.start == 0)
        return CAIRN_BAD_ARGUMENT;
    if (!is_covered(frames, pfns))
        return CAIRN_NO_SPACE;
    if (!is_absent(frames, pfns))
        return CAIRN_IN_USE;
    bare = count_bare(frames, pfns);
    if (bare * METADATA_BYTES >= cairn_phys_range_bytes(range))
        return CAIRN_NO_SPACE;
    if (!can_reach(range.start, bare))
        return CAIRN_NOT_REACHABLE;
    pfns.start = cairn_pfn_of(place_metadata(frames, pfns, range.start)).value;
    state = cairn__lock_acquire(&frames->lock);
    frames->metadata_bytes += bare * METADATA_BYTES;
    frames->engine->add(frames, cairn_pfn_make(pfns.start), length(pfns));
    cairn__lock_release(&frames->lock, state);
    return CAIRN_OK;
}

/* ---- Removing ------------------------------------------------------------ */

/* A walk through the metadata that a range begins with. */
struct metadata_walk {
    size_t next;   /* slots before this one have been looked at */
    cairn_phys at; /* all before this has been found to be metadata */
};

static struct metadata_walk walk_from(const struct cairn_frames *frames,
                                      struct cairn_phys_range range)
{
    struct metadata_walk walk = {
        slot_of(frames, cairn_pfn_of(range.start).value), range.start};

    return walk;
}

/* The next slot whose metadata lie there, in the order of place_metadata. */
static struct cairn__slot *next_inside(const struct cairn_frames *frames,
                                       struct cairn_phys_range range,
                                       struct metadata_walk *walk)
{
    void *metadata;

    if (range.end.value - walk->at.value < METADATA_BYTES)
        return NULL;
    metadata = reach_metadata(walk->at);
    if (metadata == NULL)
        return NULL;
    while (walk->next < frames->slot_count) {
        struct cairn__slot *slot = &frames->slots[walk->next++];

        if (slot->storage != metadata)
            continue;
        walk->at.value += METADATA_BYTES;
        return slot;
    }
    return NULL;
}

/* Does a section have no memory but what lies in the range? */
static bool is_inside(const struct cairn_frames *frames, size_t slot,
                      struct cairn__pfn_range pfns)
{
    uint64_t start = (frames->first_section + slot) << CAIRN__SECTION_ORDER;
    uint64_t end = start + CAIRN__SECTION_FRAMES;
    struct cairn__pfn_range before = {
        start, cairn__max(start, cairn__min(end, pfns.start))};
    struct cairn__pfn_range after = {
        cairn__min(end, cairn__max(start, pfns.end)), end};

    return is_absent(frames, before) && is_absent(frames, after);
}

static bool take_exactly(struct cairn_frames *frames,
                         struct cairn__pfn_range pfns)
{
    unsigned long state = cairn__lock_acquire(&frames->lock);
    cairn_pfn first;
    bool taken =
        frames->engine->take_run(frames, length(pfns), 1, pfns, &first);

    if (taken) {
        cairn__assert(first.value == pfns.start);
        for (; first.value < pfns.end; first.value++)
            *cairn__frames_state(frames, first) = CAIRN__STATE_ABSENT;
        frames->total_frames -= length(pfns);
    }
    cairn__lock_release(&frames->lock, state);
    return taken;
}

/* The metadata in the range go with it; their sections have no memory left. */
static void drop_metadata(struct cairn_frames *frames,
                          struct cairn_phys_range range)
{
    unsigned long state = cairn__lock_acquire(&frames->lock);
    struct metadata_walk walk = walk_from(frames, range);
    struct cairn__slot *slot = next_inside(frames, range, &walk);

    for (; slot != NULL; slot = next_inside(frames, range, &walk)) {
        cairn__assert(slot->empty == 0);
        __atomic_store_n(&slot->section, &cairn__section_void,
                         __ATOMIC_RELEASE);
        slot->storage = NULL;
        frames->metadata_bytes -= METADATA_BYTES;
    }
    cairn__lock_release(&frames->lock, state);
}

enum cairn_status cairn_frames_remove(struct cairn_frames *frames,
                                      struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = frames_of(range);
    struct cairn__pfn_range rest = pfns;
    struct metadata_walk walk;

    if (!is_range_valid(range) || !is_covered(frames, pfns))
        return CAIRN_BAD_ARGUMENT;
    walk = walk_from(frames, range);
    while (next_inside(frames, range, &walk) != NULL) {
        if (!is_inside(frames, walk.next - 1, pfns))
            return CAIRN_IN_USE;
    }
    rest.start = cairn_pfn_of(walk.at).value;
    cairn_frames_drain(frames);
    if (length(rest) > 0 && !take_exactly(frames, rest))
        return CAIRN_IN_USE;
    drop_metadata(frames, range);
    return CAIRN_OK;
}

/* ---- Reclaim ------------------------------------------------------------- */

/* Take over what of the window has become usable: nothing below the floor. */
static enum cairn_status add_usable(struct cairn_frames *frames,
                                    const struct cairn_memmap *map,
                                    struct cairn_phys_range window,
                                    uint64_t *bytes)
{
    struct cairn_memory_range range;

    while (cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE),
                             window, &range)) {
        struct cairn_phys_range part =
            cairn_phys_range_make(range.start.value, range.end.value);
        enum cairn_status status = cairn_frames_add(frames, part);

        if (status != CAIRN_OK)
            return status;
        *bytes += cairn_phys_range_bytes(part);
        window.start = range.end;
    }
    return CAIRN_OK;
}

/*
 * Cut the window where the first pin in it begins; or where one ends, if it
 * begins with a pin: true.
 */
static bool cut_at_pin(const struct cairn_memmap *map,
                       struct cairn_phys_range *window)
{
    for (size_t i = 0; i < map->pin_count; i++) {
        const struct cairn_phys_range *pin = &map->pins[i];

        if (pin->end.value <= window->start.value ||
            pin->start.value >= window->end.value)
            continue;
        if (pin->start.value <= window->start.value) {
            window->end.value = cairn__min(window->end.value, pin->end.value);
            return true;
        }
        window->end = pin->start;
    }
    return false;
}

struct reclaimed {
    uint64_t bytes;
    uint64_t refused;
};

/* The first part of `part`, to where a pin begins or ends; cuts it there. */
static enum cairn_status reclaim_part(struct cairn_frames *frames,
                                      struct cairn_memmap *map,
                                      enum cairn_memory_kind kind,
                                      struct cairn_phys_range *part,
                                      struct reclaimed *sums)
{
    enum cairn_status status;

    if (cut_at_pin(map, part)) {
        uint64_t start = cairn__max(part->start.value, map->floor.value);

        sums->refused += cairn__max(part->end.value, start) - start;
        return CAIRN_OK;
    }
    status = cairn_memmap_reclaim(map, *part, kind, NULL);
    if (status != CAIRN_OK)
        return status;
    return add_usable(frames, map, *part, &sums->bytes);
}

enum cairn_status cairn_frames_reclaim(struct cairn_frames *frames,
                                       struct cairn_memmap *map,
                                       enum cairn_memory_kind kind,
                                       uint64_t *reclaimed, uint64_t *refused)
{
    struct cairn_phys_range window = ALL_MEMORY;
    enum cairn_status status = CAIRN_OK;
    struct reclaimed sums = {0, 0};
    struct cairn_memory_range range;

    if (frames == NULL || frames->engine == NULL || map == NULL ||
        !map->is_finished || !cairn__memory_kind_is_reclaimable(kind))
        return CAIRN_BAD_ARGUMENT;
    while (
        status == CAIRN_OK &&
        cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(kind), window, &range)) {
        struct cairn_phys_range part =
            cairn_phys_range_make(range.start.value, range.end.value);

        status = reclaim_part(frames, map, kind, &part, &sums);
        window.start = part.end;
    }
    if (reclaimed != NULL)
        *reclaimed = sums.bytes;
    if (refused != NULL)
        *refused = sums.refused;
    return status;
}

/* ---- Late news of the boot ----------------------------------------------- */

/* Take one frame if it is free. */
static bool consume_frame(struct cairn_frames *frames, uint64_t at)
{
    struct cairn__pfn_range window = {at, at + 1};
    unsigned long state = cairn__lock_acquire(&frames->lock);
    cairn_pfn pfn;
    bool taken = frames->engine->take_run(frames, 1, 1, window, &pfn);

    if (taken) {
        *cairn__frames_state(frames, pfn) =
            cairn__state_of(CAIRN_OWNER_BOOT, 0);
        frames->cpus[cairn_platform_cpu()].live[CAIRN_OWNER_BOOT]++;
    }
    cairn__lock_release(&frames->lock, state);
    return taken;
}

/* The frames that a range touches, as far as the directory covers them. */
static struct cairn__pfn_range touched(const struct cairn_frames *frames,
                                       struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = {
        cairn_pfn_of(range.start).value,
        cairn__page_up(cairn__min(range.end.value, CAIRN_PHYS_LIMIT)) >>
            CAIRN_FRAME_SHIFT,
    };

    pfns.start = cairn__max(pfns.start, cairn_frames_begin(frames).value);
    pfns.end = cairn__min(pfns.end, cairn_frames_end(frames).value);
    return pfns;
}

uint64_t cairn_frames_consume(struct cairn_frames *frames,
                              struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = touched(frames, range);
    uint64_t taken = 0;

    cairn_frames_drain(frames);
    for (uint64_t at = pfns.start; at < pfns.end; at++)
        taken += consume_frame(frames, at);
    return taken;
}

void cairn_frames_expect_used(struct cairn_frames *frames,
                              struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = touched(frames, range);

    for (uint64_t at = pfns.start; at < pfns.end; at++) {
        cairn_pfn pfn = {at};

        if (cairn_frames_info(frames, pfn).usage == CAIRN_FRAME_FREE)
            cairn__panic("frames: %#llx is in use, but free for allocation",
                         (unsigned long long)cairn_phys_of(pfn).value);
    }
}
