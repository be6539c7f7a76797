/*
 * frames/memory.c - memory that comes and goes: hot-plug, reclaim, late news.
 *
 * HOW    Adding makes frames free that were ABSENT.  Where a section has no
 *        metadata yet, they are taken out of the new range itself, so that a
 *        module brings its own and takes them along.
 *        Removing takes a run at exactly that place from the engine, which
 *        succeeds only if all of it is free, and marks it ABSENT.
 *
 * LOCKS  Engine lock, rank FRAMES.  The caller serialises these functions.
 *
 * TESTS  tests/frames_memory.c
 */
#include "base/memory.h"
#include "base/lock.h"
#include "frames/engine.h"
#include "frames/section.h"

#define SECTION_BYTES (CAIRN_FRAME_SIZE << CAIRN__SECTION_ORDER)
#define ALL_MEMORY    cairn_phys_range_make(0, CAIRN_PHYS_LIMIT)

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

/* Give every section of the range metadata, out of the range's own begin. */
static enum cairn_status find_storage(struct cairn_frames *frames,
                                      struct cairn_phys_range *range)
{
    uint64_t bytes = cairn__page_up(sizeof(struct cairn__section));
    uint64_t first = range->start.value / SECTION_BYTES;
    uint64_t last = (range->end.value - 1) / SECTION_BYTES;

    for (uint64_t i = first; i <= last; i++) {
        struct cairn__slot *slot = &frames->slots[i - frames->first_section];
        void *storage;

        if (slot->storage != NULL)
            continue;
        if (range->end.value - range->start.value < bytes)
            return CAIRN_NO_SPACE;
        storage = cairn_platform_phys_to_virt(range->start, (size_t)bytes);
        if (storage == NULL)
            return CAIRN_NOT_REACHABLE;
        slot->storage = storage;
        cairn__section_open(slot);
        range->start.value += bytes;
    }
    return CAIRN_OK;
}

enum cairn_status cairn_frames_add(struct cairn_frames *frames,
                                   struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = frames_of(range);
    enum cairn_status status;
    unsigned long state;

    if (!is_range_valid(range))
        return CAIRN_BAD_ARGUMENT;
    if (!is_covered(frames, pfns))
        return CAIRN_NO_SPACE;
    if (!is_absent(frames, pfns))
        return CAIRN_IN_USE;
    status = find_storage(frames, &range);
    if (status != CAIRN_OK)
        return status;
    pfns = frames_of(range);
    state = cairn__lock_acquire(&frames->lock);
    if (length(pfns) > 0)
        frames->engine->add(frames, cairn_pfn_make(pfns.start), length(pfns));
    cairn__lock_release(&frames->lock, state);
    return CAIRN_OK;
}

/* ---- Removing ------------------------------------------------------------ */

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

enum cairn_status cairn_frames_remove(struct cairn_frames *frames,
                                      struct cairn_phys_range range)
{
    struct cairn__pfn_range pfns = frames_of(range);

    if (!is_range_valid(range) || !is_covered(frames, pfns))
        return CAIRN_BAD_ARGUMENT;
    cairn_frames_drain(frames);
    return take_exactly(frames, pfns) ? CAIRN_OK : CAIRN_IN_USE;
}

/* ---- Reclaim ------------------------------------------------------------- */

/* One range of the map that has just become usable, above the floor. */
static enum cairn_status add_reclaimed(struct cairn_frames *frames,
                                       const struct cairn_memmap *map,
                                       struct cairn_phys_range window)
{
    struct cairn_memory_range range;

    while (cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE),
                             window, &range)) {
        enum cairn_status status = cairn_frames_add(
            frames, cairn_phys_range_make(range.start.value, range.end.value));

        if (status != CAIRN_OK)
            return status;
        window.start = range.end;
    }
    return CAIRN_OK;
}

enum cairn_status cairn_frames_reclaim(struct cairn_frames *frames,
                                       struct cairn_memmap *map,
                                       enum cairn_memory_kind kind,
                                       uint64_t *reclaimed, uint64_t *refused)
{
    struct cairn_phys_range window = ALL_MEMORY;
    struct cairn_memory_range range;
    uint64_t counts[2] = {0, 0};

    if ((unsigned)kind >= CAIRN_MEMORY_KIND_COUNT)
        return CAIRN_BAD_ARGUMENT;
    while (
        cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(kind), window, &range)) {
        struct cairn_phys_range part =
            cairn_phys_range_make(range.start.value, range.end.value);
        enum cairn_status status = cairn_memmap_reclaim(map, part, kind, NULL);

        if (status == CAIRN_OK)
            status = add_reclaimed(frames, map, part);
        if (status != CAIRN_OK && status != CAIRN_IN_USE)
            return status;
        counts[status == CAIRN_IN_USE] += cairn_phys_range_bytes(part);
        window.start = part.end;
    }
    if (reclaimed != NULL)
        *reclaimed = counts[0];
    if (refused != NULL)
        *refused = counts[1];
    return CAIRN_OK;
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
        frames->cpus[cairn_platform_cpu()].allocated[CAIRN_OWNER_BOOT]++;
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
        (range.end.value + CAIRN_FRAME_SIZE - 1) >> CAIRN_FRAME_SHIFT,
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
