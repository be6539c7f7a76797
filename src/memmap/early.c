/*
 * memmap/early.c - frames before the frame allocator exists.
 *
 * HOW    `window` is the part of the address space that is still to be handed
 *        out; its start moves upwards through the usable ranges of the map. A
 *        frame is taken from the start of the next usable range inside it that
 *        is not in the skip list.  Frames for page tables come from the
 *        reserve as long as it has any.
 *
 *        The log is a sorted list of disjoint ranges.  A record that touches
 *        or overlaps others is merged with them at once, so a long run of page
 *        tables takes one entry.
 *
 * INVARIANTS (cairn_early_check() tests each by this number)
 *   1    begin <= window.start, window.start page-aligned.
 *   2    reserve_count and log_count are within their arrays.
 *   3    Frames of the reserve are usable in the map, not in the skip list,
 *        below window.start, and distinct.
 *   4    The log is sorted, disjoint, page-aligned; neighbours do not touch.
 *
 * LOCKS  [lock] rank EARLY.  Panics are raised after it is released.
 *
 * COST   alloc O(log n) in the map's ranges.  record: linear in the log.
 *
 * FAILS  Out of frames: CAIRN_NO_MEMORY, nothing changed.  Log full: panic,
 *        since a frame that is taken but not recorded would be handed out
 *        twice later.
 *
 * TESTS  tests/early.c, fuzz/early.c
 *
 * NOT    No free, no runs of several frames, no contents: frames come as the
 *        firmware left them.
 */
#include <cairn/early.h>

#include "base/align.h"
#include "base/assert.h"
#include "base/lock.h"
#include "base/memory.h"

#define USABLE CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE)

static bool is_skip_valid(const struct cairn_early_config *config)
{
    if (config->skip_count > 0 && config->skip == NULL)
        return false;
    for (size_t i = 0; i < config->skip_count; i++) {
        const struct cairn_phys_range *range = &config->skip[i];

        if (range->start.value >= range->end.value ||
            range->end.value > CAIRN_PHYS_LIMIT)
            return false;
        if (i > 0 && range[-1].end.value > range->start.value)
            return false;
    }
    return true;
}

enum cairn_status cairn_early_init(struct cairn_early *early,
                                   const struct cairn_memmap *map,
                                   const struct cairn_early_config *config)
{
    static const struct cairn_early_config all = {
        .window = {{0}, {CAIRN_PHYS_LIMIT}},
    };

    if (config == NULL)
        config = &all;
    if (early == NULL || map == NULL || !is_skip_valid(config) ||
        config->window.start.value > CAIRN_PHYS_LIMIT ||
        config->window.end.value > CAIRN_PHYS_LIMIT)
        return CAIRN_BAD_ARGUMENT;
    if (!map->is_finished)
        return CAIRN_NO_MEMORY_MAP;
    *early = (struct cairn_early){
        .map = map,
        .skip = config->skip,
        .skip_count = config->skip_count,
    };
    early->window.end.value = cairn__page_down(config->window.end.value);
    early->window.start.value = cairn__min(
        cairn__page_up(config->window.start.value), early->window.end.value);
    early->begin = early->window.start;
    cairn__lock_init(&early->lock, CAIRN__RANK_EARLY);
    return CAIRN_OK;
}

/* ---- The walk through the map -------------------------------------------- */

/* The first range of the skip list that ends above `address`; NULL if none. */
static const struct cairn_phys_range *
skip_above(const struct cairn_early *early, uint64_t address)
{
    for (size_t i = 0; i < early->skip_count; i++) {
        if (early->skip[i].end.value > address)
            return &early->skip[i];
    }
    return NULL;
}

/*
 * The next run of frames inside [*window) that is usable and not skipped.
 * Moves window->start to the run's start.  False: there is none.
 */
static bool next_run(const struct cairn_early *early,
                     struct cairn_phys_range *window,
                     struct cairn_phys_range *run)
{
    struct cairn_memory_range usable;
    const struct cairn_phys_range *skip;

    cairn__assert(window->end.value <= CAIRN_PHYS_LIMIT);
    while (cairn_memmap_next(early->map, USABLE, *window, &usable)) {
        window->start = usable.start;
        *run = cairn_phys_range_make(usable.start.value, usable.end.value);
        skip = skip_above(early, usable.start.value);
        if (skip == NULL)
            return true;
        if (cairn__page_down(skip->start.value) > usable.start.value) {
            run->end.value = cairn__min(usable.end.value,
                                        cairn__page_down(skip->start.value));
            return true;
        }
        window->start.value = cairn__page_up(skip->end.value);
    }
    window->start = window->end;
    return false;
}

/* Frames of usable, not skipped runs inside [start, end). */
static uint64_t count_frames(const struct cairn_early *early,
                             struct cairn_phys_range window)
{
    struct cairn_phys_range run;
    uint64_t frames = 0;

    while (next_run(early, &window, &run)) {
        frames += cairn_phys_range_bytes(run) >> CAIRN_FRAME_SHIFT;
        window.start = run.end;
    }
    return frames;
}

/* ---- The log ------------------------------------------------------------- */

/* Index of the first logged range that ends at or above `start`. */
static size_t log_find(const struct cairn_early *early, uint64_t start)
{
    size_t index = early->log_count;

    cairn__assert(cairn__lock_is_held(&early->lock));
    while (index > 0 && early->log[index - 1].end.value >= start)
        index--;
    return index;
}

/* Replace log[first .. last) by one range; false: no room. */
static bool log_replace(struct cairn_early *early, size_t first, size_t last,
                        struct cairn_phys_range range)
{
    size_t count = early->log_count - (last - first) + 1;

    cairn__assert(first <= last && last <= early->log_count);
    if (count > CAIRN_EARLY_LOG_MAX)
        return false;
    memmove(&early->log[first + 1], &early->log[last],
            (early->log_count - last) * sizeof(early->log[0]));
    early->log[first] = range;
    early->log_count = count;
    return true;
}

/* Log a page-aligned range, merged with all it touches; false: no room. */
static bool log_add(struct cairn_early *early, struct cairn_phys_range range)
{
    size_t first = log_find(early, range.start.value);
    size_t last = first;

    cairn__assert(range.start.value < range.end.value);
    cairn__assert(cairn__is_aligned(range.start.value | range.end.value,
                                    CAIRN_FRAME_SIZE));
    early->records++;
    while (last < early->log_count &&
           early->log[last].start.value <= range.end.value) {
        range.start.value =
            cairn__min(range.start.value, early->log[last].start.value);
        range.end.value =
            cairn__max(range.end.value, early->log[last].end.value);
        last++;
    }
    return log_replace(early, first, last, range);
}

static void panic_if_full(bool has_room, cairn_phys start)
{
    if (!has_room)
        cairn__panic("early allocator: overflow of the log of %u ranges at "
                     "%#llx",
                     (unsigned)CAIRN_EARLY_LOG_MAX,
                     (unsigned long long)start.value);
}

/* ---- Handing out --------------------------------------------------------- */

static enum cairn_status take_next_locked(struct cairn_early *early,
                                          cairn_pfn *out)
{
    struct cairn_phys_range run;

    cairn__assert(cairn__lock_is_held(&early->lock));
    if (!next_run(early, &early->window, &run))
        return CAIRN_NO_MEMORY;
    cairn__assert(run.start.value == early->window.start.value);
    cairn__assert(run.start.value < run.end.value);
    *out = cairn_pfn_of(run.start);
    early->window.start.value += CAIRN_FRAME_SIZE;
    return CAIRN_OK;
}

static enum cairn_status take(struct cairn_early *early, bool is_table,
                              cairn_pfn *out)
{
    unsigned long state = cairn__lock_acquire(&early->lock);
    enum cairn_status status = CAIRN_OK;
    bool has_room = true;
    cairn_pfn pfn = {0};
    cairn_phys start;

    if (is_table && early->reserve_count > 0)
        pfn = early->reserve[--early->reserve_count];
    else
        status = take_next_locked(early, &pfn);
    cairn__assert(status != CAIRN_OK || pfn.value != 0);
    start = cairn_phys_of(pfn);
    if (status == CAIRN_OK && early->is_tracking)
        has_room = log_add(
            early,
            cairn_phys_range_make(start.value, start.value + CAIRN_FRAME_SIZE));
    cairn__lock_release(&early->lock, state);
    panic_if_full(has_room, start);
    if (status == CAIRN_OK)
        *out = pfn;
    return status;
}

enum cairn_status cairn_early_alloc(struct cairn_early *early, cairn_pfn *out)
{
    return take(early, false, out);
}

enum cairn_status cairn_early_alloc_table(struct cairn_early *early,
                                          cairn_pfn *out)
{
    return take(early, true, out);
}

size_t cairn_early_reserve(struct cairn_early *early, size_t count)
{
    unsigned long state = cairn__lock_acquire(&early->lock);
    size_t obtained = 0;

    while (obtained < count && early->reserve_count < CAIRN_EARLY_RESERVE_MAX) {
        cairn_pfn pfn;

        if (take_next_locked(early, &pfn) != CAIRN_OK)
            break;
        early->reserve[early->reserve_count++] = pfn;
        obtained++;
    }
    cairn__lock_release(&early->lock, state);
    return obtained;
}

/* ---- Tracking ------------------------------------------------------------ */

void cairn_early_track(struct cairn_early *early)
{
    unsigned long state = cairn__lock_acquire(&early->lock);

    early->is_tracking = true;
    cairn__lock_release(&early->lock, state);
}

void cairn_early_record(struct cairn_early *early, cairn_phys start,
                        uint64_t bytes)
{
    struct cairn_phys_range range;
    unsigned long state;
    bool has_room;

    if (bytes == 0 || start.value >= CAIRN_PHYS_LIMIT)
        return;
    bytes = cairn__min(bytes, CAIRN_PHYS_LIMIT - start.value);
    range = cairn_phys_range_make(cairn__page_down(start.value),
                                  cairn__page_up(start.value + bytes));
    state = cairn__lock_acquire(&early->lock);
    has_room = log_add(early, range);
    cairn__lock_release(&early->lock, state);
    panic_if_full(has_room, start);
}

size_t cairn_early_drain(struct cairn_early *early,
                         struct cairn_phys_range *out, size_t capacity)
{
    unsigned long state = cairn__lock_acquire(&early->lock);
    size_t count = early->log_count;

    if (count <= capacity) {
        for (size_t i = 0; i < count; i++)
            out[i] = early->log[i];
        early->log_count = 0;
    }
    cairn__lock_release(&early->lock, state);
    return count;
}

/* ---- The end ------------------------------------------------------------- */

/* What lies unused in the reserve at the end of service. */
struct unused {
    cairn_pfn frames[CAIRN_EARLY_RESERVE_MAX];
    size_t count;
};

/* The lowest unused frame at or above `from`, as address, or `end`. */
static uint64_t next_unused(const struct unused *unused, uint64_t from,
                            uint64_t end)
{
    uint64_t lowest = end;

    cairn__assert(from < end);
    for (size_t i = 0; i < unused->count; i++) {
        uint64_t address = cairn_phys_of(unused->frames[i]).value;

        if (address >= from && address < lowest)
            lowest = address;
    }
    return lowest;
}

/* Visit the parts of `run` that are not unused. */
static void visit_run(const struct unused *unused, struct cairn_phys_range run,
                      void (*visit)(void *, struct cairn_phys_range),
                      void *context)
{
    uint64_t at = run.start.value;

    while (at < run.end.value) {
        uint64_t stop = next_unused(unused, at, run.end.value);

        if (stop > at)
            visit(context, cairn_phys_range_make(at, stop));
        at = stop + CAIRN_FRAME_SIZE;
    }
}

void cairn_early_finish(struct cairn_early *early,
                        void (*visit)(void *context,
                                      struct cairn_phys_range used),
                        void *context)
{
    struct cairn_phys_range window;
    struct cairn_phys_range run;
    struct unused unused;
    unsigned long state = cairn__lock_acquire(&early->lock);

    window =
        cairn_phys_range_make(early->begin.value, early->window.start.value);
    early->window.start = early->window.end;
    early->begin = early->window.end;
    for (size_t i = 0; i < early->reserve_count; i++)
        unused.frames[i] = early->reserve[i];
    unused.count = early->reserve_count;
    early->reserve_count = 0;
    cairn__lock_release(&early->lock, state);

    while (next_run(early, &window, &run)) {
        visit_run(&unused, run, visit, context);
        window.start = run.end;
    }
}

void cairn_early_stats(struct cairn_early *early, struct cairn_early_stats *out)
{
    unsigned long state = cairn__lock_acquire(&early->lock);
    struct cairn_phys_range whole = {early->begin, early->window.end};

    out->reserve_frames = early->reserve_count;
    out->records = early->records;
    out->log_ranges = early->log_count;
    out->total_frames = count_frames(early, whole);
    out->free_frames =
        count_frames(early, early->window) + early->reserve_count;
    cairn__assert(out->free_frames <= out->total_frames);
    out->used_frames = out->total_frames - out->free_frames;
    cairn__lock_release(&early->lock, state);
}

/* ---- As a source of frames ----------------------------------------------- */

static enum cairn_status source_alloc(void *context, cairn_pfn *out)
{
    return cairn_early_alloc((struct cairn_early *)context, out);
}

static enum cairn_status source_alloc_table(void *context, cairn_pfn *out)
{
    return cairn_early_alloc_table((struct cairn_early *)context, out);
}

struct cairn_source cairn_early_source(struct cairn_early *early)
{
    struct cairn_source source = {source_alloc, source_alloc_table, early};

    return source;
}

/* ---- The checker --------------------------------------------------------- */

static bool is_reserve_valid(const struct cairn_early *early)
{
    for (size_t i = 0; i < early->reserve_count; i++) {
        cairn_phys start = cairn_phys_of(early->reserve[i]);
        const struct cairn_phys_range *skip = skip_above(early, start.value);

        if (cairn_memmap_kind_at(early->map, start) != CAIRN_MEMORY_USABLE ||
            start.value >= early->window.start.value)
            return false;
        if (skip != NULL && skip->start.value < start.value + CAIRN_FRAME_SIZE)
            return false;
        for (size_t other = 0; other < i; other++) {
            if (early->reserve[other].value == early->reserve[i].value)
                return false;
        }
    }
    return true;
}

static bool is_log_valid(const struct cairn_early *early)
{
    for (size_t i = 0; i < early->log_count; i++) {
        const struct cairn_phys_range *range = &early->log[i];

        if (range->start.value >= range->end.value ||
            !cairn__is_aligned(range->start.value | range->end.value,
                               CAIRN_FRAME_SIZE))
            return false;
        if (i > 0 && range[-1].end.value >= range->start.value)
            return false;
    }
    return true;
}

unsigned cairn_early_check(struct cairn_early *early)
{
    unsigned long state = cairn__lock_acquire(&early->lock);
    unsigned broken = 0;

    if (early->begin.value > early->window.start.value ||
        !cairn__is_aligned(early->window.start.value, CAIRN_FRAME_SIZE))
        broken = 1;
    else if (early->reserve_count > CAIRN_EARLY_RESERVE_MAX ||
             early->log_count > CAIRN_EARLY_LOG_MAX)
        broken = 2;
    else if (!is_reserve_valid(early))
        broken = 3;
    else if (!is_log_valid(early))
        broken = 4;
    cairn__lock_release(&early->lock, state);
    return broken;
}
