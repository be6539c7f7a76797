/*
 * paging/table.c - storage and locks of tables; see table.h.
 *
 * HOW    A slab is a frame full of `struct cairn_table`; the first of them is
 *        used to link the slabs.  A table takes a frame for its entries and, if
 *        it can have tables below, a shadow for the pointers to them.
 *
 * LOCKS  The pool's lock is held for a few instructions; frames are taken and
 *        given back outside of it.
 *
 * TESTS  tests/host/paging_*.c
 */
#include "paging/table.h"

#include "arch_relax.h"
#include "base/lock.h"
#include "base/memory.h"
#include "paging/tlb.h"

#define TABLES_IN_SLAB                                                         \
    ((unsigned)(CAIRN_FRAME_SIZE / sizeof(struct cairn_table)))

uint32_t cairn__table_removals;

/* ---- Locks --------------------------------------------------------------- */

bool cairn__table_is_mine(const struct cairn_table *table)
{
    return __atomic_load_n(&table->holder, __ATOMIC_RELAXED) ==
           cairn_platform_cpu() + 1;
}

bool cairn__tables_look(const struct cairn_pagetable *pagetable, cairn_va va,
                        bool *is_mapped)
{
    const struct cairn__paging_format *format = pagetable->format;
    const struct cairn_table *table = pagetable->root;
    uint32_t me = cairn_platform_cpu() + 1;
    bool has_entry = false;

    for (unsigned level = format->levels; level > 0 && table != NULL; level--) {
        unsigned index = cairn__index(format, level, va.value);

        if (__atomic_load_n(&table->holder, __ATOMIC_RELAXED) == me)
            return false;
        if (level > 1)
            table = cairn__table_child(table, index);
        else
            has_entry = (cairn__entry_load(format, table->entries, index) &
                         CAIRN__ENTRY_P) != 0;
    }
    *is_mapped = has_entry;
    return true;
}

void cairn__table_lock(struct cairn_table *table)
{
    uint32_t me = cairn_platform_cpu() + 1;
    uint32_t free = 0;

    while (!__atomic_compare_exchange_n(&table->holder, &free, me, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        cairn__assert(free != me);
        free = 0;
        cairn__tlb_poll();
        cairn__arch_relax();
    }
}

void cairn__table_unlock(struct cairn_table *table)
{
    cairn__assert(cairn__table_is_mine(table));
    __atomic_store_n(&table->holder, 0, __ATOMIC_RELEASE);
}

/* ---- Frames -------------------------------------------------------------- */

static void give_frame(struct cairn_pagetable *pagetable, uint64_t phys)
{
    const struct cairn_pagetable_config *config = &pagetable->config;

    if (config->release != NULL)
        config->release(config->release_context,
                        cairn_pfn_of(cairn_phys_make(phys)));
}

CAIRN_NOINLINE void *cairn__table_reach_slowly(uint64_t phys)
{
    return cairn_platform_phys_to_virt(cairn_phys_make(phys),
                                       (size_t)CAIRN_FRAME_SIZE);
}

/* Entries of 32 bits refer to tables below 4 GiB only. */
static bool can_have(const struct cairn_pagetable *pagetable, uint64_t phys)
{
    return phys < pagetable->phys_end &&
           (pagetable->window_limit == 0 || phys < pagetable->window_limit) &&
           (pagetable->format->entry_bytes == 8 || phys >> 32 == 0);
}

/* A frame that software can reach, contents unspecified. */
static enum cairn_status take_frame(struct cairn_pagetable *pagetable,
                                    uint64_t *phys, void **memory)
{
    cairn_pfn pfn;
    enum cairn_status status =
        cairn_source_alloc_table(&pagetable->config.source, &pfn);

    if (status != CAIRN_OK)
        return status;
    *phys = cairn_phys_of(pfn).value;
    if (can_have(pagetable, *phys)) {
        *memory = cairn__table_reach(pagetable, *phys);
        if (*memory != NULL)
            return CAIRN_OK;
    }
    give_frame(pagetable, *phys);
    return CAIRN_NOT_REACHABLE;
}

/* ---- Slabs --------------------------------------------------------------- */

static void count(size_t *counter, size_t change)
{
    __atomic_fetch_add(counter, change, __ATOMIC_RELAXED);
}

/* Up to `max` from a pool, linked; *count is how many. */
static struct cairn_table *pop_some(struct cairn_pagetable *pagetable,
                                    bool has_children, uint64_t max,
                                    uint64_t *got)
{
    unsigned long state = cairn__lock_acquire(&pagetable->pool_lock);
    struct cairn_table *first = pagetable->pools[has_children];
    struct cairn_table **link = &first;

    for (*got = 0; *link != NULL && *got < max; ++*got)
        link = &(*link)->next;
    pagetable->pools[has_children] = *link;
    *link = NULL;
    cairn__lock_release(&pagetable->pool_lock, state);
    return first;
}

/* A list back to where it belongs; all have a shadow, or none. */
static void push_list(struct cairn_pagetable *pagetable,
                      struct cairn_table *first, struct cairn_table *last)
{
    unsigned long state = cairn__lock_acquire(&pagetable->pool_lock);
    struct cairn_table **pool = &pagetable->pools[first->children[0] != NULL];

    last->next = *pool;
    *pool = first;
    cairn__lock_release(&pagetable->pool_lock, state);
}

/* The first of a slab links the slabs. */
static enum cairn_status add_slab(struct cairn_pagetable *pagetable)
{
    uint64_t phys = 0;
    void *memory = NULL;
    enum cairn_status status = take_frame(pagetable, &phys, &memory);
    struct cairn_table *tables = memory;
    unsigned long state;

    if (status != CAIRN_OK)
        return status;
    memset(tables, 0, (size_t)CAIRN_FRAME_SIZE);
    tables[0].frame = phys;
    count(&pagetable->aside_count, 1);
    state = cairn__lock_acquire(&pagetable->pool_lock);
    tables[0].next = pagetable->slabs;
    pagetable->slabs = &tables[0];
    for (unsigned i = 1; i < TABLES_IN_SLAB; i++) {
        tables[i].next = pagetable->pools[false];
        pagetable->pools[false] = &tables[i];
    }
    cairn__lock_release(&pagetable->pool_lock, state);
    return CAIRN_OK;
}

static void free_slab(struct cairn_pagetable *pagetable,
                      struct cairn_table *tables)
{
    for (unsigned i = 1; i < TABLES_IN_SLAB; i++) {
        for (unsigned j = 0; j < CAIRN__SHADOWS; j++) {
            if (tables[i].children[j] == NULL)
                continue;
            give_frame(pagetable, tables[i].shadows[j]);
            pagetable->aside_count--;
        }
    }
    give_frame(pagetable, tables[0].frame);
    pagetable->aside_count--;
}

void cairn__table_free_slabs(struct cairn_pagetable *pagetable)
{
    while (pagetable->slabs != NULL) {
        struct cairn_table *slab = pagetable->slabs;

        pagetable->slabs = slab->next;
        free_slab(pagetable, slab);
    }
    pagetable->pools[false] = NULL;
    pagetable->pools[true] = NULL;
}

/* ---- Tables -------------------------------------------------------------- */

/* Shadows for as many children as a table of this format can have. */
static enum cairn_status add_shadows(struct cairn_pagetable *pagetable,
                                     struct cairn_table *table)
{
    unsigned slots = cairn__fanout(pagetable->format, 2);

    for (unsigned i = 0; i * CAIRN__SHADOW_SLOTS < slots; i++) {
        void *memory = NULL;
        enum cairn_status status;

        if (table->children[i] != NULL)
            continue;
        status = take_frame(pagetable, &table->shadows[i], &memory);
        if (status != CAIRN_OK)
            return status;
        memset(memory, 0, (size_t)CAIRN_FRAME_SIZE);
        __atomic_store_n(&table->children[i], (struct cairn_table **)memory,
                         __ATOMIC_RELEASE);
        count(&pagetable->aside_count, 1);
    }
    return CAIRN_OK;
}

/* Make tables without entries for the pool. */
static enum cairn_status refill(struct cairn_pagetable *pagetable,
                                bool has_children)
{
    uint64_t got;
    struct cairn_table *table;
    enum cairn_status status = add_slab(pagetable);

    if (status != CAIRN_OK || !has_children)
        return status;
    table = pop_some(pagetable, false, 1, &got);
    if (table == NULL)
        return CAIRN_OK; /* another CPU was faster */
    status = add_shadows(pagetable, table);
    push_list(pagetable, table, table);
    return status;
}

/* Some that have no entries yet, at least one. */
static enum cairn_status take_unused(struct cairn_pagetable *pagetable,
                                     bool has_children, uint64_t max,
                                     struct cairn_table **out)
{
    uint64_t got;
    enum cairn_status status = CAIRN_OK;

    do
        *out = pop_some(pagetable, has_children, max, &got);
    while (*out == NULL &&
           (status = refill(pagetable, has_children)) == CAIRN_OK);
    return status;
}

/* Frames for a list of tables; those that get one go to *out. */
static enum cairn_status add_frames(struct cairn_pagetable *pagetable,
                                    struct cairn_table *list,
                                    struct cairn_table **out, uint64_t *got)
{
    enum cairn_status status = CAIRN_OK;

    while (list != NULL && status == CAIRN_OK) {
        struct cairn_table *table = list;

        status = take_frame(pagetable, &table->frame, &table->entries);
        if (status != CAIRN_OK)
            break;
        list = table->next;
        table->next = *out;
        *out = table;
        ++*got;
    }
    while (list != NULL) {
        struct cairn_table *next = list->next;

        push_list(pagetable, list, list);
        list = next;
    }
    return status;
}

enum cairn_status cairn__table_alloc(struct cairn_pagetable *pagetable,
                                     bool has_children, uint64_t want,
                                     struct cairn_table **out, uint64_t *got)
{
    enum cairn_status status = CAIRN_OK;
    uint64_t before = *got;

    if (before >= want)
        return CAIRN_OK;
    while (*got < want && status == CAIRN_OK) {
        struct cairn_table *list = NULL;

        status = take_unused(pagetable, has_children, want - *got, &list);
        if (status == CAIRN_OK)
            status = add_frames(pagetable, list, out, got);
    }
    count(&pagetable->table_count, (size_t)(*got - before));
    return status;
}

void cairn__table_free(struct cairn_pagetable *pagetable,
                       struct cairn_table *list)
{
    struct cairn_table *last = list;
    size_t freed = 0;

    if (list == NULL)
        return;
    for (;; last = last->next) {
        give_frame(pagetable, last->frame);
        freed++;
        if (last->next == NULL)
            break;
    }
    count(&pagetable->table_count, -freed);
    push_list(pagetable, list, last);
}
