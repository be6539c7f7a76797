/*
 * early_model.c - what the early allocator must do; see early_model.h.
 */
#include "early_model.h"

#define PAGE ((uint64_t)4096)

static uint64_t page_address(const struct early_model *model, size_t page)
{
    return model->world.base + page * PAGE;
}

uint64_t early_model_end(const struct early_model *model)
{
    return page_address(model, EARLY_PAGES);
}

size_t early_model_runs(const struct early_model *model, bool is_given,
                        struct cairn_phys_range *out)
{
    size_t count = 0;
    bool is_inside = false;

    for (size_t i = 0; i < EARLY_PAGES; i++) {
        uint64_t address = page_address(model, i);
        bool is_one =
            is_given ? model->owners[i] == OWNER_GIVEN : model->is_logged[i];

        if (is_one && !is_inside)
            out[count++].start.value = address;
        if (is_one)
            out[count - 1].end.value = address + PAGE;
        is_inside = is_one;
    }
    return count;
}

/* ---- Beginning ----------------------------------------------------------- */

static bool is_skipped(const struct early_world *world, uint64_t address)
{
    for (size_t i = 0; i < world->skip_count; i++) {
        if (world->skips[i].start.value < address + PAGE &&
            world->skips[i].end.value > address)
            return true;
    }
    return false;
}

static enum early_owner first_owner(const struct early_model *model,
                                    size_t page)
{
    const struct early_world *world = &model->world;
    uint64_t address = page_address(model, page);

    if (!world->is_usable[page] || address == 0 ||
        address < world->window.start.value ||
        address + PAGE > world->window.end.value || is_skipped(world, address))
        return OWNER_NOBODY;
    return OWNER_FREE;
}

/* The map: usable runs of pages, from the last to the first. */
static bool build_map(struct early_model *model)
{
    const size_t storage_count =
        sizeof(model->storage) / sizeof(model->storage[0]);
    size_t end = EARLY_PAGES;

    if (cairn_memmap_init(&model->map, model->storage, storage_count) !=
        CAIRN_OK)
        return false;
    for (size_t i = EARLY_PAGES; i > 0; i--) {
        if (!model->world.is_usable[i - 1]) {
            end = i - 1;
            continue;
        }
        if (i > 1 && model->world.is_usable[i - 2])
            continue;
        if (cairn_memmap_add(&model->map, page_address(model, i - 1),
                             (end - i + 1) * PAGE,
                             CAIRN_MEMORY_USABLE) != CAIRN_OK)
            return false;
    }
    if (model->map.entries_added == 0)
        return cairn_memmap_add(&model->map, 0, PAGE, CAIRN_MEMORY_RESERVED) ==
                   CAIRN_OK &&
               cairn_memmap_finish(&model->map, cairn_phys_make(0)) ==
                   CAIRN_NO_MEMORY;
    return cairn_memmap_finish(&model->map, cairn_phys_make(0)) !=
           CAIRN_NO_SPACE;
}

/* What statistics must say. */
struct tally {
    size_t owners[OWNER_COUNT];
    size_t log_ranges;
};

static struct tally tally_of(const struct early_model *model)
{
    struct tally tally = {.log_ranges = 0};
    bool was_logged = false;

    for (size_t i = 0; i < EARLY_PAGES; i++) {
        tally.owners[model->owners[i]]++;
        tally.log_ranges += model->is_logged[i] && !was_logged;
        was_logged = model->is_logged[i];
    }
    return tally;
}

static const char *compare(struct early_model *model)
{
    struct tally tally = tally_of(model);
    size_t unused = tally.owners[OWNER_FREE] + tally.owners[OWNER_RESERVE];
    size_t given = tally.owners[OWNER_GIVEN];
    struct cairn_early_stats stats;

    if (cairn_early_check(&model->early) != 0)
        return "an invariant is broken";
    cairn_early_stats(&model->early, &stats);
    if (stats.total_frames != unused + given)
        return "total frames";
    if (stats.free_frames != unused)
        return "free frames";
    if (stats.used_frames != given)
        return "used frames";
    if (stats.reserve_frames != tally.owners[OWNER_RESERVE])
        return "frames of the reserve";
    if (stats.records != model->records)
        return "records";
    if (stats.log_ranges != tally.log_ranges)
        return "ranges of the log";
    return NULL;
}

const char *early_model_begin(struct early_model *model,
                              const struct early_world *world)
{
    struct cairn_early_config config;

    model->world = *world;
    model->reserve_count = 0;
    model->is_tracking = false;
    model->records = 0;
    for (size_t i = 0; i < EARLY_PAGES; i++) {
        model->owners[i] = first_owner(model, i);
        model->is_logged[i] = false;
    }
    if (!build_map(model))
        return "the map";
    config = (struct cairn_early_config){
        .window = world->window,
        .skip = model->world.skips,
        .skip_count = world->skip_count,
    };
    if (cairn_early_init(&model->early, &model->map, &config) != CAIRN_OK)
        return "init";
    return compare(model);
}

/* ---- Handing out --------------------------------------------------------- */

/* The lowest free page; EARLY_PAGES if none. */
static size_t next_free(const struct early_model *model)
{
    size_t page = 0;

    while (page < EARLY_PAGES && model->owners[page] != OWNER_FREE)
        page++;
    return page;
}

static const char *step_alloc(struct early_model *model, bool is_table)
{
    const cairn_pfn untouched = {0x5a5a5a5a5a5a5a5a};
    cairn_pfn pfn = untouched;
    enum cairn_status status =
        is_table ? cairn_early_alloc_table(&model->early, &pfn)
                 : cairn_early_alloc(&model->early, &pfn);
    size_t page = is_table && model->reserve_count > 0
                      ? model->reserve[--model->reserve_count]
                      : next_free(model);

    if (page == EARLY_PAGES)
        return status == CAIRN_NO_MEMORY && pfn.value == untouched.value
                   ? NULL
                   : "exhaustion";
    model->owners[page] = OWNER_GIVEN;
    if (model->is_tracking) {
        model->is_logged[page] = true;
        model->records++;
    }
    if (status != CAIRN_OK)
        return "the status of an allocation";
    return pfn.value == page_address(model, page) / PAGE ? NULL : "the frame";
}

static const char *step_reserve(struct early_model *model, uint64_t count)
{
    size_t wanted = 0;

    while (wanted < count && model->reserve_count < CAIRN_EARLY_RESERVE_MAX &&
           next_free(model) < EARLY_PAGES) {
        size_t page = next_free(model);

        model->owners[page] = OWNER_RESERVE;
        model->reserve[model->reserve_count++] = page;
        wanted++;
    }
    return cairn_early_reserve(&model->early, (size_t)count) == wanted
               ? NULL
               : "how many were reserved";
}

/* ---- The log ------------------------------------------------------------- */

static const char *step_record(struct early_model *model,
                               const struct early_call *call)
{
    uint64_t end = call->bytes > CAIRN_PHYS_LIMIT - call->start
                       ? CAIRN_PHYS_LIMIT
                       : call->start + call->bytes;

    cairn_early_record(&model->early, cairn_phys_make(call->start),
                       call->bytes);
    if (call->bytes == 0)
        return NULL;
    model->records++;
    for (size_t i = 0; i < EARLY_PAGES; i++) {
        uint64_t address = page_address(model, i);

        if (address < end && address + PAGE > call->start)
            model->is_logged[i] = true;
    }
    return NULL;
}

static bool is_same(struct cairn_phys_range a, struct cairn_phys_range b)
{
    return a.start.value == b.start.value && a.end.value == b.end.value;
}

static const char *step_drain(struct early_model *model, size_t capacity)
{
    static struct cairn_phys_range wanted[EARLY_PAGES];
    static struct cairn_phys_range seen[EARLY_PAGES];
    const struct cairn_phys_range untouched = {{1}, {2}};
    size_t count = early_model_runs(model, false, wanted);

    if (capacity > EARLY_PAGES)
        capacity = EARLY_PAGES;
    for (size_t i = 0; i < EARLY_PAGES; i++)
        seen[i] = untouched;
    if (cairn_early_drain(&model->early, seen, capacity) != count)
        return "how many were drained";
    for (size_t i = 0; i < EARLY_PAGES; i++) {
        bool is_written = count <= capacity && i < count;

        if (!is_same(seen[i], is_written ? wanted[i] : untouched))
            return "what was drained";
        if (count <= capacity)
            model->is_logged[i] = false;
    }
    return NULL;
}

/* ---- The end ------------------------------------------------------------- */

struct visited {
    size_t count;
    struct cairn_phys_range ranges[EARLY_PAGES];
};

static void visit(void *context, struct cairn_phys_range used)
{
    struct visited *visited = context;

    if (visited->count < EARLY_PAGES)
        visited->ranges[visited->count] = used;
    visited->count++;
}

static const char *step_finish(struct early_model *model)
{
    static struct cairn_phys_range wanted[EARLY_PAGES];
    static struct visited visited;
    size_t count = early_model_runs(model, true, wanted);

    visited.count = 0;
    cairn_early_finish(&model->early, visit, &visited);
    model->reserve_count = 0;
    for (size_t i = 0; i < EARLY_PAGES; i++)
        model->owners[i] = OWNER_NOBODY;
    if (visited.count != count)
        return "how many ranges finish names";
    for (size_t i = 0; i < count; i++) {
        if (!is_same(visited.ranges[i], wanted[i]))
            return "a range that finish names";
    }
    return NULL;
}

static const char *step(struct early_model *model,
                        const struct early_call *call)
{
    switch (call->op) {
    case EARLY_ALLOC:
        return step_alloc(model, false);
    case EARLY_ALLOC_TABLE:
        return step_alloc(model, true);
    case EARLY_RESERVE:
        return step_reserve(model, call->start);
    case EARLY_RECORD:
        return step_record(model, call);
    case EARLY_DRAIN:
        return step_drain(model, (size_t)call->start);
    case EARLY_FINISH:
        return step_finish(model);
    default:
        cairn_early_track(&model->early);
        model->is_tracking = true;
        return NULL;
    }
}

const char *early_model_step(struct early_model *model,
                             const struct early_call *call)
{
    const char *difference = step(model, call);

    return difference != NULL ? difference : compare(model);
}
