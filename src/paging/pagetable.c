/*
 * paging/pagetable.c - page tables as wholes: begin, share, end, verify.
 *
 * TESTS  tests/host/paging_*.c
 */
#include "paging/cursor.h"

#include "base/cpus.h"
#include "base/lock.h"
#include "base/memory.h"

/* ---- Begin and end ------------------------------------------------------- */

/* Rights, as bits of an entry of level 1; 0: forbidden. */
static uint64_t kind_of(const struct cairn_pagetable *table, unsigned rights)
{
    const unsigned both = CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC;
    uint64_t bits = CAIRN__ENTRY_P;

    if (table->config.is_w_xor_x && (rights & both) == both)
        return 0;
    if ((rights & CAIRN_PAGE_WRITE) != 0)
        bits |= CAIRN__ENTRY_RW;
    if ((rights & CAIRN_PAGE_USER) != 0)
        bits |= CAIRN__ENTRY_US;
    if ((rights & CAIRN_PAGE_GLOBAL) != 0 && table->config.features.has_global)
        bits |= CAIRN__ENTRY_G;
    if ((rights & CAIRN_PAGE_EXEC) == 0)
        bits |= table->nx_bit;
    return bits;
}

static void choose_bits(struct cairn_pagetable *table)
{
    const struct cairn_paging_features *cpu = &table->config.features;
    const uint64_t wt = CAIRN__ENTRY_PWT;
    const uint64_t uc_minus = CAIRN__ENTRY_PCD;
    bool is_wide = table->format->entry_bytes == 8;

    table->nx_bit = cpu->has_nx && is_wide ? CAIRN__ENTRY_NX : 0;
    for (unsigned rights = 0; rights <= CAIRN_PAGE_RIGHTS; rights++)
        table->kinds[rights] = kind_of(table, rights);
    table->is_quick = is_wide && table->config.mode != CAIRN_PAGING_TOY;
    table->cache_bits[CAIRN_CACHE_WB] = 0;
    table->cache_bits[CAIRN_CACHE_WT] = wt;
    table->cache_bits[CAIRN_CACHE_UC_MINUS] = uc_minus;
    table->cache_bits[CAIRN_CACHE_UC] = uc_minus | wt;
    table->cache_bits[CAIRN_CACHE_WC] =
        cpu->has_pat ? CAIRN__ENTRY_PAT | wt : uc_minus;
    table->leaf_levels = table->format->leaf_levels;
    if (is_wide && table->config.mode != CAIRN_PAGING_TOY && !cpu->has_1gib)
        table->leaf_levels &= ~(1u << 3);
    if (!is_wide && !cpu->has_pse)
        table->leaf_levels &= ~(1u << 2);
    table->phys_end = (uint64_t)1 << cpu->phys_bits;
    table->frame_bits = (is_wide ? cpu->phys_bits : 32) - CAIRN_FRAME_SHIFT;
    if (!is_wide)
        table->phys_end = cairn__min(table->phys_end,
                                     (uint64_t)1 << (cpu->has_pse36 ? 40 : 32));
}

static void use_window(struct cairn_pagetable *table)
{
    const struct cairn_window *window = table->config.window;

    table->window_mode = CAIRN_PAGING_MODES;
    if (window == NULL || !cairn_window_is_active(window))
        return;
    table->window_mode = table->config.mode;
    table->window_base = window->base;
    table->window_limit = window->limit & ~(CAIRN_FRAME_SIZE - 1);
}

static enum cairn_status make_root(struct cairn_pagetable *table)
{
    struct cairn_table *root = NULL;
    uint64_t got = 0;
    enum cairn_status status = cairn__table_alloc(table, true, 1, &root, &got);

    if (status != CAIRN_OK)
        return status;
    /* CR3 has 32 bits before long mode. */
    if (table->format->va_bits == 32 && root->frame >> 32 != 0) {
        cairn__table_free(table, root);
        cairn__table_free_slabs(table);
        return CAIRN_NOT_REACHABLE;
    }
    cairn__table_clear(root);
    root->level = table->format->levels;
    root->first = 0;
    root->live = 0;
    root->is_stray = false;
    root->is_kept = true;
    table->root = root;
    table->root_entries = root->entries;
    return CAIRN_OK;
}

enum cairn_status
cairn_pagetable_init(struct cairn_pagetable *table,
                     const struct cairn_pagetable_config *config)
{
    unsigned bits = config->features.phys_bits;
    enum cairn_status status;

    if ((unsigned)config->mode >= CAIRN_PAGING_MODES || bits < 32 || bits > 52)
        return CAIRN_BAD_ARGUMENT;
    memset(table, 0, sizeof(*table));
    table->config = *config;
    table->format = cairn__paging_formats[config->mode];
    choose_bits(table);
    use_window(table);
    cairn__lock_init(&table->pool_lock, CAIRN__RANK_PAGING);
    table->id = cairn__tlb_new_id(table);
    status = make_root(table);
    if (status != CAIRN_OK)
        cairn__table_free_slabs(table);
    return status;
}

static void free_below(struct cairn_pagetable *table, struct cairn_table *one)
{
    for (unsigned i = 0;
         one->level > 1 && i < cairn__fanout(table->format, one->level); i++) {
        if (cairn__table_child(one, i) != NULL)
            free_below(table, cairn__table_child(one, i));
        cairn__table_set_child(one, i, NULL);
    }
    one->level = 0;
    one->next = NULL;
    cairn__table_free(table, one);
}

void cairn_pagetable_destroy(struct cairn_pagetable *table)
{
    const struct cairn__paging_format *format = table->format;
    unsigned shift = format->shifts[format->levels];

    uint64_t cpus = cairn__cpus_read(&table->cpus);

    if (cpus != 0)
        cairn__panic("page table %#llx destroyed while CPUs %#llx use it",
                     (unsigned long long)table->root->frame,
                     (unsigned long long)cpus);
    if (__atomic_load_n(&table->sharer_count, __ATOMIC_RELAXED) != 0)
        cairn__panic("page table %#llx destroyed while others share its tables",
                     (unsigned long long)table->root->frame);
    if (table->common != NULL)
        __atomic_fetch_sub(&table->common->sharer_count, 1, __ATOMIC_RELAXED);
    for (uint64_t i = 0; i < table->common_bytes >> shift; i++)
        cairn__table_set_child(table->root,
                               cairn__index(format, format->levels,
                                            table->common_start + (i << shift)),
                               NULL);
    free_below(table, table->root);
    cairn__table_free_slabs(table);
    table->root = NULL;
    table->is_quick = false;
}

cairn_phys cairn_pagetable_root(const struct cairn_pagetable *table)
{
    return cairn_phys_make(table->root->frame);
}

/* ---- Slots of the root --------------------------------------------------- */

static bool are_slots(const struct cairn_pagetable *table, uint64_t start,
                      uint64_t bytes)
{
    uint64_t span = cairn__span(table->format, table->format->levels);

    return ((start | bytes) & (span - 1)) == 0 &&
           cairn__is_range(table, start, bytes);
}

/* Have one table in a slot, for good. */
static enum cairn_status fill_slot(struct cairn_pagetable *table, uint64_t va)
{
    unsigned levels = table->format->levels;
    unsigned index = cairn__index(table->format, levels, va);
    struct cairn_cursor cursor;
    enum cairn_status status =
        cairn__cursor_begin_above(&cursor, table, va, levels);

    if (status != CAIRN_OK)
        return status;
    if (cairn__table_child(cursor.top, index) == NULL &&
        cairn__entry_load(table->format, cursor.top->entries, index) != 0)
        status = CAIRN_IN_USE;
    else
        cairn__cursor_step_down(&cursor, cursor.top)->is_kept = true;
    cairn_cursor_end(&cursor);
    return status;
}

enum cairn_status cairn_pagetable_fill(struct cairn_pagetable *table,
                                       cairn_va start, uint64_t bytes)
{
    uint64_t span = cairn__span(table->format, table->format->levels);
    enum cairn_status status = CAIRN_OK;

    if (!are_slots(table, start.value, bytes))
        return CAIRN_BAD_ARGUMENT;
    for (uint64_t at = 0; at < bytes && status == CAIRN_OK; at += span)
        status = fill_slot(table, start.value + at);
    return status;
}

static enum cairn_status check_slots(const struct cairn_pagetable *table,
                                     const struct cairn_pagetable *other,
                                     uint64_t start, uint64_t bytes)
{
    const struct cairn__paging_format *format = table->format;

    for (uint64_t at = 0; at < bytes;
         at += cairn__span(format, format->levels)) {
        unsigned index = cairn__index(format, format->levels, start + at);
        const struct cairn_table *child =
            cairn__table_child(other->root, index);

        if (start + at - other->common_start < other->common_bytes)
            return CAIRN_BAD_ARGUMENT;
        if (child == NULL || !child->is_kept)
            return CAIRN_NOT_FOUND;
        if (cairn__entry_load(format, table->root->entries, index) != 0)
            return CAIRN_IN_USE;
    }
    return CAIRN_OK;
}

/* The root is locked. */
static void link_slots(struct cairn_pagetable *table,
                       const struct cairn_pagetable *other, uint64_t start,
                       uint64_t bytes)
{
    const struct cairn__paging_format *format = table->format;

    for (uint64_t at = 0; at < bytes;
         at += cairn__span(format, format->levels)) {
        unsigned index = cairn__index(format, format->levels, start + at);

        cairn__entry_store(
            format, table->root->entries, index,
            cairn__entry_load(format, other->root->entries, index));
        cairn__table_set_child(table->root, index,
                               cairn__table_child(other->root, index));
        table->root->live++;
    }
}

/* As for a table that is linked: CPUs have a bare root in registers. */
static void flush_slots(struct cairn_pagetable *table)
{
    struct cairn__gather gather = {.is_needed = true, .is_full = true};

    if (table->format->has_bare_root)
        cairn__tlb_flush(table, &gather);
}

enum cairn_status cairn_pagetable_share(struct cairn_pagetable *table,
                                        struct cairn_pagetable *other,
                                        cairn_va start, uint64_t bytes)
{
    uint64_t offset = start.value - other->common_start;
    enum cairn_status status;
    unsigned long irq;

    if (offset < other->common_bytes && bytes <= other->common_bytes - offset)
        other = other->common;
    if (table == other || table->format != other->format ||
        table->common_bytes != 0 || !are_slots(table, start.value, bytes) ||
        start.value < other->config.user_end)
        return CAIRN_BAD_ARGUMENT;
    irq = cairn_platform_irq_save();
    cairn__table_lock(table->root);
    status = check_slots(table, other, start.value, bytes);
    if (status == CAIRN_OK) {
        link_slots(table, other, start.value, bytes);
        flush_slots(table);
        table->is_quick = false;
        table->common = other;
        table->common_start = start.value;
        table->common_bytes = bytes;
        __atomic_fetch_add(&other->sharer_count, 1, __ATOMIC_RELAXED);
    }
    cairn__table_unlock(table->root);
    cairn_platform_irq_restore(irq);
    return status;
}

/* ---- Verify -------------------------------------------------------------- */

/* P5: an entry of a table at that level. */
static bool is_leaf_right(const struct cairn_pagetable *table, unsigned level,
                          uint64_t entry)
{
    uint64_t span = cairn__span(table->format, level);
    uint64_t phys = cairn__leaf_phys(table->format, level, entry);
    const uint64_t both = CAIRN__ENTRY_RW | CAIRN__ENTRY_NX;

    return cairn__entry_is_leaf(entry, level) &&
           (table->leaf_levels >> level & 1) != 0 && (phys & (span - 1)) == 0 &&
           phys + span <= table->phys_end &&
           (!table->config.is_w_xor_x || table->nx_bit == 0 ||
            (entry & both) != CAIRN__ENTRY_RW);
}

static unsigned check_table(const struct cairn_pagetable *table,
                            const struct cairn_table *one, uint64_t *count);

/* One entry; the address of what it maps. */
static unsigned check_entry(const struct cairn_pagetable *table,
                            const struct cairn_table *one, unsigned index,
                            uint64_t *count)
{
    uint64_t entry = cairn__entry_load(table->format, one->entries, index);
    const struct cairn_table *child =
        one->level > 1 ? cairn__table_child(one, index) : NULL;
    uint64_t span = cairn__span(table->format, one->level);

    if (child == NULL)
        return entry == 0 || is_leaf_right(table, one->level, entry) ? 0 : 5;
    if ((entry & ~CAIRN__ENTRY_A) != cairn__cursor_entry(table, one, child))
        return 2;
    if (child->level != one->level - 1 ||
        ((child->first ^ (one->first + index * span)) &
         (((uint64_t)1 << table->format->va_bits) - 1)) != 0)
        return 3;
    if (child->live == 0 && !child->is_kept)
        return 4;
    return check_table(table, child, count);
}

static unsigned check_table(const struct cairn_pagetable *table,
                            const struct cairn_table *one, uint64_t *count)
{
    unsigned live = 0;
    unsigned broken = 0;

    if (one->is_stray || one->holder != 0)
        return 7;
    ++*count;
    for (unsigned i = 0;
         i < cairn__fanout(table->format, one->level) && broken == 0; i++) {
        uint64_t va = one->first + i * cairn__span(table->format, one->level);
        uint64_t mask = ((uint64_t)1 << table->format->va_bits) - 1;

        live += cairn__entry_load(table->format, one->entries, i) != 0;
        if (one != table->root ||
            ((va - table->common_start) & mask) >= table->common_bytes)
            broken = check_entry(table, one, i, count);
    }
    return broken != 0 ? broken : live == one->live ? 0 : 1;
}

unsigned cairn_pagetable_check(struct cairn_pagetable *table)
{
    uint64_t count = 0;
    unsigned broken = check_table(table, table->root, &count);

    if (broken != 0)
        return broken;
    return count == table->table_count ? 0 : 6;
}
