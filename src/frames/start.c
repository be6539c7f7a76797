/*
 * frames/start.c - taking memory over from the early allocator.
 *
 * HOW    The directory covers all memory that is RAM now or may become free
 *        later, from the first section to the last, and behind it as much
 *        address space as the configuration says, for modules that are plugged
 *        in later: slots without storage, as for holes.  Storage for directory,
 *        summaries and the sections' metadata is taken out of usable memory,
 *        from its upper end, and becomes CAIRN_MEMORY_KERNEL.  It need not be
 *        in one piece: each section's lies in one piece, that is all.
 *
 *        Then every usable range is given to the engine, and what the early
 *        allocator has handed out is taken out again, frame by frame, as
 *        blocks of CAIRN_OWNER_BOOT; and so is what it was told that others
 *        have taken, where the metadata do not come to lie either.
 *
 * COST   One directory entry a section; metadata only of sections that hold
 *        other things than free memory.
 *
 * FAILS  Before anything is given to the engine; then the map has lost what
 *        was reserved, which cannot matter, since there is no other allocator,
 *        and the allocator is as it was before.
 *        If the early allocator has handed out what is none of the map's, its
 *        caller has mixed up two maps: panic, without locks.
 */
#include "base/lock.h"
#include "base/memory.h"
#include "frames/cache.h"
#include "frames/engine.h"
#include "frames/section.h"
#include "frames/summary.h"

#define USABLE CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE)
/* RAM that is free now or can be reclaimed. */
#define MANAGED                                                                \
    (USABLE | CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_BOOT_SERVICES) |              \
     CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_LOADER) |                              \
     CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_ACPI_RECLAIM))

#define SECTION_BYTES (CAIRN_FRAME_SIZE << CAIRN__SECTION_ORDER)

/* How precisely the end of the window to physical memory is looked for. */
#define SEARCH_STEP (64 * CAIRN_KIB)

static const struct cairn__engine *const engines[] = {
    [CAIRN_ENGINE_TREE] = &cairn__engine_tree,
    [CAIRN_ENGINE_BITMAP] = &cairn__engine_bitmap,
    [CAIRN_ENGINE_FREELIST] = &cairn__engine_freelist,
};

struct cairn_frames_config cairn_frames_config_default(void)
{
    struct cairn_frames_config config = {
        .engine = CAIRN_ENGINE_TREE,
        .misuse = CAIRN_MISUSE_STATUS,
        .has_magazines = true,
    };

    return config;
}

/* ---- Storage ------------------------------------------------------------- */

/* Where metadata come from: usable memory, from the top down. */
struct store {
    struct cairn_memmap *map;
    const struct cairn_early *early; /* or NULL */
    uint64_t floor; /* the early allocator has handed out below */
    uint64_t taken; /* bytes */
};

/*
 * Of the ranges that the early allocator knows to be taken, besides what it
 * has handed out itself, number `i`: its log's, then those that it skips.
 * NULL: there are no more.
 */
static const struct cairn_phys_range *
recorded_range(const struct cairn_early *early, size_t i)
{
    if (early == NULL || i >= early->log_count + early->skip_count)
        return NULL;
    return i < early->log_count ? &early->log[i]
                                : &early->skip[i - early->log_count];
}

/* Does something that is taken begin in or before [start, *end)?  Cut there. */
static bool cut_at_record(const struct store *store, uint64_t start,
                          uint64_t *end)
{
    const struct cairn_phys_range *range;
    bool is_cut = false;

    for (size_t i = 0; (range = recorded_range(store->early, i)) != NULL; i++) {
        if (range->start.value >= *end || range->end.value <= start)
            continue;
        *end = cairn__page_down(range->start.value);
        is_cut = true;
    }
    return is_cut;
}

/* The highest usable range below `limit`. */
static bool highest_usable(const struct store *store, uint64_t limit,
                           struct cairn_memory_range *out)
{
    struct cairn_phys_range window = cairn_phys_range_make(store->floor, limit);
    struct cairn_memory_range range;
    bool is_found = false;

    while (cairn_memmap_next(store->map, USABLE, window, &range)) {
        *out = range;
        is_found = true;
        window.start = range.end;
    }
    return is_found;
}

/*
 * The highest `bytes` bytes of the range that can be reached, nearly: windows
 * often end in the middle of a range.  NULL: there are none.
 */
static void *reach_in(const struct store *store,
                      const struct cairn_memory_range *range, uint64_t bytes,
                      uint64_t *start)
{
    uint64_t begin = range->start.value;
    uint64_t end = range->end.value;

    if (bytes > SIZE_MAX)
        return NULL;
    while (end > begin && end - begin >= bytes) {
        void *memory;

        *start = end - bytes;
        if (cut_at_record(store, *start, &end))
            continue;
        memory =
            cairn_platform_phys_to_virt(cairn_phys_make(*start), (size_t)bytes);
        if (memory != NULL)
            return memory;
        end -= cairn__min(end - begin, SEARCH_STEP);
    }
    return NULL;
}

/* `bytes` bytes, page-aligned and reachable; NULL if there are none. */
static void *take_storage(struct store *store, uint64_t bytes)
{
    uint64_t limit = CAIRN_PHYS_LIMIT;
    struct cairn_memory_range range = {{0}, {0}, CAIRN_MEMORY_NONE};

    bytes = cairn__page_up(bytes);
    cairn__assert(bytes > 0);
    while (highest_usable(store, limit, &range)) {
        uint64_t start;
        void *memory = reach_in(store, &range, bytes, &start);

        limit = range.start.value;
        if (memory == NULL)
            continue;
        if (cairn_memmap_reserve(store->map, start, bytes,
                                 CAIRN_MEMORY_KERNEL) != CAIRN_OK)
            return NULL;
        store->taken += bytes;
        return memory;
    }
    return NULL;
}

/*
 * The next stretch of slots [*first, *last) from *first on that touch memory
 * without a gap; false: none.
 */
static bool next_stretch(const struct cairn_frames *frames,
                         const struct cairn_memmap *map, uint64_t *first,
                         uint64_t *last)
{
    uint64_t base = frames->first_section;
    struct cairn_phys_range window = cairn_phys_range_make(
        (base + *first) * SECTION_BYTES, CAIRN_PHYS_LIMIT);
    struct cairn_memory_range range;

    if (!cairn_memmap_next(map, MANAGED, window, &range))
        return false;
    *first = range.start.value / SECTION_BYTES - base;
    do {
        *last = (range.end.value + SECTION_BYTES - 1) / SECTION_BYTES - base;
        window.start.value = (base + *last) * SECTION_BYTES;
    } while (cairn_memmap_next(map, MANAGED, window, &range) &&
             range.start.value / SECTION_BYTES - base == *last);
    return true;
}

/* Point the slots of sections [first, last) at their storage. */
static void set_slots(struct cairn_frames *frames, uint64_t first,
                      uint64_t last, uint8_t *storage)
{
    for (uint64_t i = first; i < last; i++) {
        struct cairn__slot *slot = &frames->slots[i];

        slot->section = &cairn__section_pristine;
        slot->storage = (struct cairn__section *)storage;
        slot->empty = 0;
        storage += sizeof(struct cairn__section);
    }
}

/* Storage for one stretch of sections that all have memory, or for a part. */
static bool add_stretch(struct cairn_frames *frames, struct store *store,
                        uint64_t first, uint64_t last)
{
    while (first < last) {
        uint64_t count = last - first;
        void *storage = NULL;

        while (count > 0 && storage == NULL) {
            storage =
                take_storage(store, count * sizeof(struct cairn__section));
            if (storage == NULL)
                count /= 2;
        }
        if (storage == NULL)
            return false;
        set_slots(frames, first, first + count, storage);
        first += count;
    }
    return true;
}

/* No memory in slots [first, last), or none yet. */
static void leave_void(struct cairn_frames *frames, uint64_t first,
                       uint64_t last)
{
    for (uint64_t i = first; i < last; i++)
        frames->slots[i] = (struct cairn__slot){&cairn__section_void, NULL, 0};
}

static bool add_sections(struct cairn_frames *frames, struct store *store)
{
    uint64_t done = 0;
    uint64_t first = 0;
    uint64_t last;

    while (next_stretch(frames, store->map, &first, &last)) {
        leave_void(frames, done, first);
        if (!add_stretch(frames, store, first, last))
            return false;
        done = last;
        first = last;
    }
    leave_void(frames, done, frames->slot_count);
    return true;
}

/* What the engine wants for itself. */
static bool start_engine(struct cairn_frames *frames, struct store *store)
{
    const struct cairn__engine *engine = engines[frames->config.engine];
    void *storage;

    if (engine->start == NULL)
        return true;
    storage = take_storage(store, engine->storage_bytes(frames));
    if (storage == NULL)
        return false;
    engine->start(frames, storage);
    return true;
}

static bool add_cpus(struct cairn_frames *frames, struct store *store)
{
    size_t count = frames->config.cpu_count;

    frames->cpus = take_storage(store, count * sizeof(*frames->cpus));
    if (frames->cpus == NULL)
        return false;
    memset(frames->cpus, 0, count * sizeof(*frames->cpus));
    for (size_t i = 0; i < count && !frames->config.has_magazines; i++)
        frames->cpus[i].frozen_by = CAIRN__FROZEN_FOR_EVER;
    return true;
}

static bool build_directory(struct cairn_frames *frames, struct store *store)
{
    size_t slots = (size_t)frames->slot_count;
    size_t words = cairn__summary_words(slots);
    uint64_t *storage;

    frames->slots = take_storage(store, slots * sizeof(struct cairn__slot));
    storage = take_storage(store, CAIRN_FRAMES_SUMMARIES * words * 8);
    if (frames->slots == NULL || storage == NULL)
        return false;
    for (unsigned i = 0; i < CAIRN_FRAMES_SUMMARIES; i++)
        cairn__summary_init(&frames->summaries[i], storage + i * words, slots);
    memset(cairn__section_void.kinds, CAIRN__CHUNK_ABSENT,
           sizeof(cairn__section_void.kinds));
    return add_cpus(frames, store) && add_sections(frames, store) &&
           start_engine(frames, store);
}

/* ---- What is free, and what is not --------------------------------------- */

static void add_usable(struct cairn_frames *frames,
                       const struct cairn_memmap *map)
{
    struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;

    while (cairn_memmap_next(map, USABLE, window, &range)) {
        frames->engine->add(frames, cairn_pfn_of(range.start),
                            (range.end.value - range.start.value) >>
                                CAIRN_FRAME_SHIFT);
        window.start = range.end;
    }
    for (size_t i = 0; i < frames->slot_count; i++) {
        struct cairn__slot *slot = &frames->slots[i];

        if (slot->storage != NULL && slot->empty != UINT64_MAX)
            cairn__section_open(slot);
    }
}

/* What the early allocator has handed out, on its way. */
struct consumption {
    struct cairn_frames *frames;
    bool has_stranger;   /* some of it is not this allocator's */
    cairn_phys stranger; /* such a range */
};

/*
 * Mark what the early allocator has handed out.  The engine lock is held, so
 * this is no place to panic.
 */
static void consume(void *context, struct cairn_phys_range used)
{
    struct consumption *consumption = context;
    struct cairn_frames *frames = consumption->frames;
    struct cairn__pfn_range window = {cairn_pfn_of(used.start).value,
                                      cairn_pfn_of(used.end).value};
    cairn_pfn first;

    if (!frames->engine->take_run(frames, window.end - window.start, 1, window,
                                  &first)) {
        consumption->has_stranger = true;
        consumption->stranger = used.start;
        return;
    }
    for (; first.value < window.end; first.value++)
        *cairn__frames_state(frames, first) =
            cairn__state_of(CAIRN_OWNER_BOOT, 0);
    frames->cpus[0].live[CAIRN_OWNER_BOOT] += window.end - window.start;
}

/* The engine takes over what the map has, less what is in use. */
static void take_over(struct cairn_frames *frames,
                      const struct cairn_memmap *map, struct cairn_early *early)
{
    struct consumption consumption = {frames, false, {0}};
    unsigned long state = cairn__lock_acquire(&frames->lock);

    add_usable(frames, map);
    if (early != NULL)
        cairn_early_finish(early, consume, &consumption);
    cairn__lock_release(&frames->lock, state);
    if (consumption.has_stranger)
        cairn__panic("frames: memory that was handed out at %#llx is none of "
                     "the map's",
                     (unsigned long long)consumption.stranger.value);
}

/* What others have taken, as the early allocator was told. */
static void consume_records(struct cairn_frames *frames,
                            const struct cairn_early *early)
{
    const struct cairn_phys_range *range;

    for (size_t i = 0; (range = recorded_range(early, i)) != NULL; i++)
        (void)cairn_frames_consume(frames, *range);
}

static bool is_config_valid(const struct cairn_frames_config *config)
{
    bool can_resume =
        config->engine == CAIRN_ENGINE_BITMAP && !config->has_magazines;

    return (unsigned)config->engine <= CAIRN_ENGINE_FREELIST &&
           (unsigned)config->misuse <= CAIRN_MISUSE_PANIC &&
           config->cpu_count <= CAIRN_CPU_MAX &&
           config->span <= CAIRN_PHYS_LIMIT &&
           (can_resume || !config->resumes_at_freed);
}

/* What the directory covers; false: there is no memory. */
static bool set_span(struct cairn_frames *frames,
                     const struct cairn_memmap *map, uint64_t span)
{
    struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};
    uint64_t end = cairn_memmap_end(map, MANAGED).value + span;
    struct cairn_memory_range first;

    if (!cairn_memmap_next(map, MANAGED, window, &first))
        return false;
    end = cairn__min(end, CAIRN_PHYS_LIMIT);
    frames->first_section = first.start.value / SECTION_BYTES;
    frames->slot_count =
        (end + SECTION_BYTES - 1) / SECTION_BYTES - frames->first_section;
    return true;
}

enum cairn_status cairn_frames_init(struct cairn_frames *frames,
                                    struct cairn_memmap *map,
                                    struct cairn_early *early,
                                    const struct cairn_frames_config *config)
{
    struct store store = {map, early, 0, 0};
    struct cairn_frames_config chosen =
        config != NULL ? *config : cairn_frames_config_default();

    if (frames == NULL || map == NULL || !is_config_valid(&chosen))
        return CAIRN_BAD_ARGUMENT;
    if (frames->engine != NULL)
        return CAIRN_IN_USE;
    if (!map->is_finished)
        return CAIRN_NO_MEMORY_MAP;
    if (!set_span(frames, map, chosen.span))
        return CAIRN_NO_MEMORY;
    if (early != NULL)
        store.floor = early->window.start.value;
    if (chosen.cpu_count == 0)
        chosen.cpu_count = cairn_platform_cpu_count();
    frames->config = chosen;
    if (!build_directory(frames, &store)) {
        memset(frames, 0, sizeof(*frames)); /* as if never started */
        return CAIRN_NO_MEMORY;
    }
    frames->metadata_bytes = store.taken;
    frames->engine = engines[chosen.engine];
    cairn__lock_init(&frames->lock, CAIRN__RANK_FRAMES);
    take_over(frames, map, early);
    consume_records(frames, early);
    return CAIRN_OK;
}
