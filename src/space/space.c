/*
 * space/space.c - address spaces: a page table and what is in use of it.
 *
 * HOW    Everything is there already: page tables share slots of their roots,
 *        areas share out addresses.  A space keeps the two together, and takes
 *        them down in the right order: areas first, since unmapping needs the
 *        tables; then the books; then the tables.
 *
 *        The kernel's half is shared slot by slot, and its slots are filled
 *        before anybody shares them.  So a mapping that the kernel makes later
 *        never changes a root, and no list of spaces is needed to tell others.
 *
 * LOCKS  None of its own.
 *
 * FAILS  Before a space exists: what was made is undone, last one first.
 *
 * TESTS  tests/host/space.c, tests/kernel/spaces_live.c
 */
#include <cairn/space.h>

#include "base/assert.h"
#include "base/cpus.h"
#include "base/memory.h"

/* ---- The kernel's -------------------------------------------------------- */

static enum cairn_status reserve_used(struct cairn_space *space,
                                      const struct cairn_space_config *config)
{
    enum cairn_status status = CAIRN_OK;

    for (size_t i = 0; i < config->used_count && status == CAIRN_OK; i++)
        status = cairn_areas_reserve(&space->areas, config->used[i]);
    return status;
}

/* Frames of books, which were reserved ranges only. */
static void drop_books(struct cairn_space *space)
{
    enum cairn_status status = cairn_areas_destroy(&space->areas);

    cairn__assert(status == CAIRN_OK);
}

enum cairn_status cairn_space_init(struct cairn_space *space,
                                   const struct cairn_space_config *config,
                                   struct cairn_space_root *out)
{
    enum cairn_status status;

    memset(space, 0, sizeof(*space));
    if (config->half.start.value < config->table->config.user_end)
        return CAIRN_BAD_ARGUMENT;
    space->table = config->table;
    space->half = config->half;
    space->user = config->user;
    space->window_base = config->window_base;
    status = cairn_areas_init(&space->areas, config->half, config->table,
                              config->frames);
    if (status != CAIRN_OK)
        return status;
    status = reserve_used(space, config);
    if (status == CAIRN_OK)
        status = cairn_pagetable_fill(config->table, config->half.start,
                                      config->half.bytes);
    if (status == CAIRN_OK)
        *out = cairn_space_root(space);
    else
        drop_books(space);
    return status;
}

/* ---- A process's --------------------------------------------------------- */

static enum cairn_status share(struct cairn_space *space)
{
    struct cairn_space *kernel = space->kernel;
    enum cairn_status status = cairn_areas_init(
        &space->areas, space->user, space->table, kernel->areas.frames);

    return status == CAIRN_OK
               ? cairn_pagetable_share(space->table, kernel->table,
                                       space->half.start, space->half.bytes)
               : status;
}

enum cairn_status cairn_space_create(struct cairn_space *space,
                                     struct cairn_space *kernel)
{
    enum cairn_status status;

    if (kernel->kernel != NULL)
        return CAIRN_BAD_ARGUMENT;
    memset(space, 0, sizeof(*space));
    space->kernel = kernel;
    space->table = &space->own;
    space->half = kernel->half;
    space->user = kernel->user;
    space->window_base = kernel->window_base;
    status = cairn_pagetable_init(&space->own, &kernel->table->config);
    if (status != CAIRN_OK)
        return status;
    status = share(space); /* takes no memory */
    if (status != CAIRN_OK)
        cairn_pagetable_destroy(&space->own);
    return status;
}

/* ---- The end ------------------------------------------------------------- */

static enum cairn_status
free_areas(struct cairn_space *space,
           void (*removed)(void *context, const struct cairn_mapping *mapping),
           void *context)
{
    enum cairn_status status = CAIRN_OK;
    struct cairn_area_info info;
    cairn_va at = space->user.start;

    while (status == CAIRN_OK && cairn_areas_next(&space->areas, at, &info)) {
        at.value = info.start.value + info.bytes + info.guard_above;
        if (info.area != NULL)
            status = cairn_area_free(info.area, removed, context);
    }
    return status;
}

static bool is_in_use(const struct cairn_space *space)
{
    if (space->kernel == NULL)
        return __atomic_load_n(&space->table->sharer_count, __ATOMIC_RELAXED) !=
               0;
    return cairn__cpus_read(&space->table->cpus) != 0;
}

enum cairn_status cairn_space_destroy(
    struct cairn_space *space,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context)
{
    bool is_kernel = space->kernel == NULL;
    enum cairn_status status;

    if (is_in_use(space))
        return CAIRN_IN_USE;
    status = is_kernel ? CAIRN_OK : free_areas(space, removed, context);
    if (status == CAIRN_OK)
        status = cairn_areas_destroy(&space->areas);
    if (status == CAIRN_OK && !is_kernel)
        cairn_pagetable_destroy(space->table);
    return status;
}

/* ---- What CPUs load ------------------------------------------------------ */

struct cairn_space_root cairn_space_root(const struct cairn_space *space)
{
    struct cairn_space_root root = {.root = cairn_pagetable_root(space->table)};

    return root;
}

void cairn_space_activate(struct cairn_space *space)
{
    cairn_pagetable_activate(space->table);
}
