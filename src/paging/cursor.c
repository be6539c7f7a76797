/*
 * paging/cursor.c - transactions on a range of a page table.
 *
 * HOW    Begin goes down without locks to the lowest table that covers the
 *        range, and reserves as many tables as could be needed below it; then
 *        it locks that table and sees whether it is still the one.  Operations
 *        (walk.h) lock what they enter below and unlink what becomes empty.
 *        End flushes, tells of what was removed, gives tables back, unlocks.
 *
 *        A subtree that lies inside of what is unmapped is unlinked by one
 *        store.  All its tables are locked first, which waits for cursors that
 *        work in it, and are stray from then on.  Its leaves are read after the
 *        flush: then no CPU sets A or D in them any more.
 *
 *        A table that a cursor empties is unlinked at once if it lies below
 *        the one that covers the range; else when the cursor has ended, by
 *        another one, on the lowest table above that keeps something.
 *
 * LOCKS  see table.h.  Interrupts are off from begin to end.
 *
 * FAILS  In begin only; nothing has changed then.
 *
 * TESTS  tests/host/paging_*.c, proofs/tables.pml
 */
#include "paging/quick.h"

#include "base/memory.h"

/* ---- The range ----------------------------------------------------------- */

bool cairn__is_range(const struct cairn_pagetable *table, uint64_t start,
                     uint64_t bytes)
{
    const struct cairn__paging_format *format = table->format;
    unsigned bits = format->va_bits - (format->is_signed ? 1 : 0);
    uint64_t half = (uint64_t)1 << bits;
    uint64_t offset = start;

    if (bytes == 0)
        return false;
    if (format->is_signed && start >= (uint64_t)0 - half)
        offset = start - ((uint64_t)0 - half);
    return offset < half && bytes <= half - offset;
}

/* Not initialised, or destroyed. */
static CAIRN_NORETURN CAIRN_NOINLINE void say_inactive(uint64_t va)
{
    cairn__panic("page table is inactive: it has no root, for %#llx",
                 (unsigned long long)va);
}

/*
 * Are they pages of the address space?  Where tables are another page table's,
 * that one is meant.
 */
static bool are_pages(struct cairn_pagetable **table, uint64_t start,
                      uint64_t bytes)
{
    uint64_t offset = start - (*table)->common_start;
    uint64_t common = (*table)->common_bytes;

    if ((*table)->root == NULL)
        say_inactive(start);
    if (((start | bytes) & (CAIRN_FRAME_SIZE - 1)) != 0 ||
        !cairn__is_range(*table, start, bytes))
        return false;
    if (offset >= common)
        return common == 0 || (uint64_t)0 - offset >= bytes;
    *table = (*table)->common;
    return bytes <= common - offset;
}

/* Tables of a level that have part of the range. */
static uint64_t count_level(const struct cairn__paging_format *format,
                            unsigned level, uint64_t start, uint64_t bytes)
{
    unsigned shift = format->shifts[level + 1];

    return ((start + bytes - 1) >> shift) - (start >> shift) + 1;
}

/* ---- Reserve ------------------------------------------------------------- */

static void release_reserve(struct cairn_cursor *cursor)
{
    for (unsigned i = 0; i < 2; i++) {
        cairn__table_free(cursor->table, cursor->reserve[i]);
        cursor->reserve[i] = NULL;
        cursor->reserve_count[i] = 0;
    }
}

static enum cairn_status reserve_more(struct cairn_cursor *cursor,
                                      bool has_children, uint64_t want)
{
    return cairn__table_alloc(cursor->table, has_children, want,
                              &cursor->reserve[has_children],
                              &cursor->reserve_count[has_children]);
}

/* Tables of that level which may have to be made. */
static uint64_t needed_of(const struct cairn_cursor *cursor, unsigned level)
{
    const struct cairn__paging_format *format = cursor->table->format;
    uint64_t span = cairn__span(format, level + 1);
    uint64_t all = count_level(format, level, cursor->at, cursor->left);
    bool has_head = (cursor->at & (span - 1)) != 0;
    bool has_tail = ((cursor->at + cursor->left) & (span - 1)) != 0;

    if (cursor->intent == CAIRN_INTENT_LOOK)
        return 0;
    /* To split what no CPU has: */
    if (cursor->intent == CAIRN_INTENT_CHANGE &&
        (cursor->table->leaf_levels >> (level + 1) & 1) == 0)
        return 0;
    if (cursor->intent == CAIRN_INTENT_MAP &&
        (cursor->large >> (level + 1)) == 0)
        return all;
    return cairn__min(all, (uint64_t)has_head + has_tail);
}

/* Below a table of that level. */
static enum cairn_status reserve_below(struct cairn_cursor *cursor,
                                       unsigned top)
{
    uint64_t needed[2] = {0, 0};
    enum cairn_status status;

    for (unsigned level = 1; level < top; level++)
        needed[level > 1] += needed_of(cursor, level);
    status = reserve_more(cursor, false, needed[false]);
    if (status == CAIRN_OK)
        status = reserve_more(cursor, true, needed[true]);
    if (status != CAIRN_OK)
        release_reserve(cursor);
    return status;
}

/* ---- Begin --------------------------------------------------------------- */

/*
 * The lowest table that covers the range, as far as one sees without locks; for
 * changes, one that has more than the range, so that all of it can go at once.
 */
static struct cairn_table *find_top(const struct cairn_cursor *cursor,
                                    unsigned *level)
{
    const struct cairn__paging_format *format = cursor->table->format;
    struct cairn_table *table = cursor->table->root;
    bool is_look = cursor->intent == CAIRN_INTENT_LOOK;

    for (*level = format->levels; *level > cursor->lowest; (*level)--) {
        uint64_t span = cairn__span(format, *level);
        struct cairn_table *child;

        if ((cursor->at & (span - 1)) + cursor->left > span ||
            (cursor->left == span && !is_look))
            break;
        child =
            cairn__table_child(table, cairn__index(format, *level, cursor->at));
        if (child == NULL)
            break;
        table = child;
    }
    return table;
}

/* The first address of what a table of that level maps. */
static uint64_t first_of(const struct cairn__paging_format *format,
                         unsigned level, uint64_t va)
{
    if (level == format->levels)
        return 0;
    return va & ~(cairn__span(format, level + 1) - 1);
}

/* Lock it.  False: it is another one by now. */
static bool lock_top(struct cairn_cursor *cursor, struct cairn_table *table,
                     unsigned level)
{
    uint64_t first = first_of(cursor->table->format, level, cursor->at);

    cairn__table_lock(table);
    if (cairn__table_is(table, level, first)) {
        cursor->top = table;
        cursor->locked = table;
        table->next = NULL;
        return true;
    }
    cairn__table_unlock(table);
    return false;
}

static enum cairn_status begin(struct cairn_cursor *cursor)
{
    for (;;) {
        unsigned level;
        struct cairn_table *table = find_top(cursor, &level);
        enum cairn_status status = reserve_below(cursor, level);

        if (status != CAIRN_OK)
            return status;
        cursor->irq = cairn_platform_irq_save();
        if (lock_top(cursor, table, level))
            return CAIRN_OK;
        cairn_platform_irq_restore(cursor->irq);
    }
}

/* What quick cursors do without. */
static void prepare(struct cairn_cursor *cursor)
{
    cursor->lowest = 1;
    cursor->large = 0;
    cursor->locked = NULL;
    cursor->detached = NULL;
    cursor->is_emptied = false;
    for (unsigned i = 0; i < 2; i++) {
        cursor->reserve[i] = NULL;
        cursor->reserve_count[i] = 0;
    }
    cairn__tlb_start(&cursor->gather);
    cursor->gather.mapping_count = 0;
}

static void start(struct cairn_cursor *cursor, struct cairn_pagetable *table,
                  uint64_t at, uint64_t bytes)
{
    cursor->table = table;
    cursor->at = at;
    cursor->left = bytes;
    cursor->is_quick = false;
    cursor->removed = NULL;
    cursor->context = NULL;
    cursor->first = at;
    prepare(cursor);
}

CAIRN_NOINLINE void cairn__cursor_unfold_slowly(struct cairn_cursor *cursor)
{
    prepare(cursor);
    cursor->is_quick = false;
    cursor->first = cursor->at + cursor->left - CAIRN_FRAME_SIZE;
    cursor->locked = cursor->top;
    cursor->top->next = NULL;
}

/* What is known of the page table does not help. */
static CAIRN_NOINLINE enum cairn_status
begin_fully(struct cairn_cursor *cursor, struct cairn_pagetable *table,
            uint64_t va, uint64_t bytes, enum cairn_intent intent)
{
    enum cairn_status status;

    if (!are_pages(&table, va, bytes))
        return CAIRN_BAD_ARGUMENT;
    start(cursor, table, va, bytes);
    cursor->intent = intent;
    status = begin(cursor);
    if (status == CAIRN_OK && cursor->top->level == 1)
        cairn__quick_remember(table, cursor->top);
    return status;
}

enum cairn_status cairn_cursor_begin(struct cairn_cursor *cursor,
                                     struct cairn_pagetable *table, cairn_va va,
                                     uint64_t bytes, enum cairn_intent intent)
{
    return bytes == CAIRN_FRAME_SIZE && table->is_quick &&
                   (va.value & (CAIRN_FRAME_SIZE - 1)) == 0 &&
                   cairn__quick_begin(cursor, table, va.value, intent)
               ? CAIRN_OK
               : begin_fully(cursor, table, va.value, bytes, intent);
}

enum cairn_status cairn_cursor_begin_run(struct cairn_cursor *cursor,
                                         struct cairn_pagetable *table,
                                         cairn_va va,
                                         struct cairn_phys_range phys,
                                         uint64_t page_limit)
{
    uint64_t bytes = phys.end.value - phys.start.value;
    const struct cairn__paging_format *format;

    if (phys.end.value < phys.start.value ||
        !are_pages(&table, va.value, bytes))
        return CAIRN_BAD_ARGUMENT;
    format = table->format;
    start(cursor, table, va.value, bytes);
    cursor->intent = CAIRN_INTENT_MAP;
    for (unsigned level = 2; level <= format->levels; level++) {
        uint64_t span = cairn__span(format, level);

        if ((table->leaf_levels >> level & 1) != 0 && span <= page_limit &&
            ((va.value ^ phys.start.value) & (span - 1)) == 0 &&
            !format->has_pse36)
            cursor->large |= 1u << level;
    }
    return begin(cursor);
}

enum cairn_status cairn__cursor_begin_above(struct cairn_cursor *cursor,
                                            struct cairn_pagetable *table,
                                            uint64_t va, unsigned level)
{
    start(cursor, table, va, CAIRN_FRAME_SIZE);
    cursor->intent = CAIRN_INTENT_MAP;
    cursor->lowest = level;
    return begin(cursor);
}

enum cairn_status cairn_cursor_seek(struct cairn_cursor *cursor, cairn_va va)
{
    uint64_t bytes = va.value - cursor->at;

    if (bytes > cursor->left || (bytes & (CAIRN_FRAME_SIZE - 1)) != 0)
        return CAIRN_BAD_ARGUMENT;
    cairn__cursor_advance(cursor, bytes);
    return CAIRN_OK;
}

/* ---- Tables come --------------------------------------------------------- */

void cairn__cursor_enter_slowly(struct cairn_cursor *cursor,
                                struct cairn_table *table)
{
    cairn__table_lock(table);
    table->next = cursor->locked;
    cursor->locked = table;
}

struct cairn_table *cairn__cursor_take(struct cairn_cursor *cursor,
                                       unsigned level, uint64_t va)
{
    bool has_children = level > 1;
    struct cairn_table *table = cursor->reserve[has_children];

    if (table == NULL) {
        /* What was needed twice was unlinked in between. */
        cairn__cursor_flush(cursor);
        table = cursor->reserve[has_children];
    }
    if (table == NULL)
        cairn__panic("cursor at %#llx has no table of level %u left",
                     (unsigned long long)cursor->at, level);
    cursor->reserve[has_children] = table->next;
    cursor->reserve_count[has_children]--;
    cairn__cursor_enter_slowly(cursor, table);
    table->level = (uint8_t)level;
    table->live = 0;
    table->is_stray = false;
    table->is_kept = false;
    table->first = first_of(cursor->table->format, level, va);
    return table;
}

void cairn__table_clear(struct cairn_table *table)
{
    memset(table->entries, 0, (size_t)CAIRN_FRAME_SIZE);
}

uint64_t cairn__cursor_entry(const struct cairn_pagetable *pagetable,
                             const struct cairn_table *table,
                             const struct cairn_table *child)
{
    uint64_t entry = child->frame | CAIRN__ENTRY_P;

    if (pagetable->format->has_bare_root &&
        table->level == pagetable->format->levels)
        return entry;
    entry |= CAIRN__ENTRY_RW;
    if (child->first < pagetable->config.user_end)
        entry |= CAIRN__ENTRY_US;
    return entry;
}

/*
 * With PAE, CPUs have the root's entries in registers that they load with CR3
 * only: even what was not present must be flushed, and all of it.
 */
static void note_bare_root(struct cairn_cursor *cursor,
                           const struct cairn_table *table)
{
    if (cursor->table->format->has_bare_root && table == cursor->table->root) {
        cursor->gather.is_needed = true;
        cursor->gather.is_full = true;
    }
}

void cairn__cursor_link(struct cairn_cursor *cursor, struct cairn_table *table,
                        unsigned index, struct cairn_table *child)
{
    struct cairn_pagetable *pagetable = cursor->table;

    cairn__entry_link(pagetable->format, table->entries, index,
                      cairn__cursor_entry(pagetable, table, child));
    cairn__table_set_child(table, index, child);
    table->live++;
    note_bare_root(cursor, table);
}

struct cairn_table *cairn__cursor_step_down(struct cairn_cursor *cursor,
                                            struct cairn_table *table)
{
    unsigned index =
        cairn__index(cursor->table->format, table->level, cursor->at);
    struct cairn_table *child = cairn__table_child(table, index);

    if (child != NULL) {
        cairn__cursor_enter(cursor, child);
        return child;
    }
    child = cairn__cursor_take(cursor, table->level - 1u, cursor->at);
    cairn__table_clear(child);
    cairn__cursor_link(cursor, table, index, child);
    return child;
}

enum cairn_status cairn__cursor_keep_leaf(struct cairn_pagetable *table,
                                          uint64_t start_va, uint64_t bytes,
                                          struct cairn_table **out)
{
    struct cairn_cursor cursor;
    struct cairn_table *one;
    enum cairn_status status;

    if (!are_pages(&table, start_va, bytes))
        return CAIRN_BAD_ARGUMENT;
    start(&cursor, table, start_va, bytes);
    cursor.intent = CAIRN_INTENT_MAP;
    cursor.lowest = table->format->levels;
    status = begin(&cursor);
    if (status != CAIRN_OK)
        return status;
    if (cairn__walk_hole(&cursor, start_va, bytes) != bytes) {
        status = CAIRN_IN_USE;
    } else {
        for (one = cursor.top; one->level > 1; one->is_kept = true)
            one = cairn__cursor_step_down(&cursor, one);
        *out = one;
    }
    cairn_cursor_end(&cursor);
    return status;
}

/* ---- Tables go ----------------------------------------------------------- */

/* All below is locked and stray. */
static void make_stray(struct cairn_cursor *cursor, struct cairn_table *table)
{
    cairn__cursor_enter(cursor, table);
    table->is_stray = true;
    if (table->level == 1 || table->live == 0)
        return;
    for (unsigned i = 0; i < cairn__fanout(cursor->table->format, table->level);
         i++) {
        if (cairn__table_child(table, i) != NULL)
            make_stray(cursor, cairn__table_child(table, i));
    }
}

/* Are addresses from there on the same in all page tables? */
static bool is_common(const struct cairn_pagetable *table, uint64_t va)
{
    return va >= table->config.user_end;
}

/*
 * CPUs may have cached what was mapped in [va, va + bytes), by leaves with
 * these bits or through tables: flush it, in pages of `page_bytes`.
 */
static void note(struct cairn_cursor *cursor, uint64_t va, uint64_t bytes,
                 uint64_t page_bytes, uint64_t bits)
{
    cursor->gather.is_global |= (bits & CAIRN__ENTRY_G) != 0 ||
                                is_common(cursor->table, va + (bytes - 1));
    cairn__tlb_note(&cursor->gather, va, bytes, page_bytes);
}

/* An entry that refers to a child becomes another one: 0, or a leaf. */
static void replace_child(struct cairn_cursor *cursor,
                          struct cairn_table *table, unsigned index,
                          uint64_t entry)
{
    const struct cairn__paging_format *format = cursor->table->format;
    struct cairn_table *child = cairn__table_child(table, index);

    make_stray(cursor, child);
    cairn__entry_store(format, table->entries, index, entry);
    cairn__table_set_child(table, index, NULL);
    note_bare_root(cursor, table);
    child->next_stray = cursor->detached;
    cursor->detached = child;
    /* Flushing one page is enough for what was cached of tables. */
    note(cursor, child->first,
         child->live == 0 ? CAIRN_FRAME_SIZE
                          : cairn__span(format, table->level),
         CAIRN_FRAME_SIZE, 0);
}

void cairn__cursor_unlink(struct cairn_cursor *cursor,
                          struct cairn_table *table, unsigned index)
{
    replace_child(cursor, table, index, 0);
    table->live--;
}

void cairn__cursor_join(struct cairn_cursor *cursor, struct cairn_table *table,
                        unsigned index, uint64_t leaf)
{
    replace_child(cursor, table, index, leaf);
    cairn__tlb_flush(cursor->table, &cursor->gather);
}

void cairn__cursor_put(struct cairn_cursor *cursor, struct cairn_table *table,
                       unsigned index, struct cairn_table *child)
{
    cairn__table_set_child(table, index, child);
    note(cursor, child->first, CAIRN_FRAME_SIZE, CAIRN_FRAME_SIZE, 0);
}

bool cairn__cursor_has_kept(const struct cairn_cursor *cursor, unsigned level)
{
    const struct cairn__paging_format *format = cursor->table->format;
    const struct cairn_table *root = cursor->table->root;
    const struct cairn_table *child;

    if (level < format->levels)
        return false;
    child = cairn__table_child(root, cairn__index(format, level, cursor->at));
    return child != NULL && child->is_kept;
}

unsigned cairn__cursor_clear(struct cairn_cursor *cursor,
                             struct cairn_table *table, unsigned index,
                             unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct cairn_table *child = cairn__table_child(table, index + i);

        if (child == NULL)
            continue;
        cairn__cursor_enter(cursor, child);
        if (child->is_kept) {
            cairn__assert(i > 0);
            return i;
        }
        cairn__cursor_unlink(cursor, table, index + i);
    }
    return count;
}

bool cairn__cursor_detach(struct cairn_cursor *cursor, uint64_t bytes)
{
    const struct cairn__paging_format *format = cursor->table->format;
    struct cairn_table *table = cursor->top;

    for (unsigned level = table->level; level > 1; level--) {
        uint64_t span = cairn__span(format, level);
        unsigned index = cairn__index(format, level, cursor->at);
        struct cairn_table *child = cairn__table_child(table, index);

        if (child == NULL)
            return false;
        cairn__cursor_enter(cursor, child);
        if (bytes >= span && (cursor->at & (span - 1)) == 0 &&
            !child->is_kept) {
            cairn__cursor_unlink(cursor, table, index);
            cairn__cursor_advance(cursor, span);
            cairn__cursor_drop_empty(cursor, table);
            return true;
        }
        table = child;
    }
    return false;
}

/* The locked table above, on the way from the top. */
static struct cairn_table *parent_of(const struct cairn_cursor *cursor,
                                     const struct cairn_table *table)
{
    struct cairn_table *parent = cursor->top;

    while (parent->level > table->level + 1)
        parent = cairn__table_child(
            parent,
            cairn__index(cursor->table->format, parent->level, table->first));
    return parent;
}

void cairn__cursor_drop_empty(struct cairn_cursor *cursor,
                              struct cairn_table *table)
{
    while (table->live == 0 && table != cursor->top && !table->is_kept) {
        struct cairn_table *parent = parent_of(cursor, table);

        cairn__cursor_unlink(
            cursor, parent,
            cairn__index(cursor->table->format, parent->level, table->first));
        table = parent;
    }
    cursor->is_emptied |= cursor->top->live == 0;
}

/* ---- Leaves -------------------------------------------------------------- */

/* Tell of all that is waiting. */
static void tell(struct cairn_cursor *cursor)
{
    struct cairn__gather *gather = &cursor->gather;

    for (unsigned i = 0; i < gather->mapping_count; i++)
        cursor->removed(cursor->context, &gather->mappings[i]);
    gather->mapping_count = 0;
}

/* Does it go on where the last one that waits ends? */
static bool join(struct cairn__gather *gather,
                 const struct cairn_mapping *mapping)
{
    struct cairn_mapping *last;

    if (gather->mapping_count == 0)
        return false;
    last = &gather->mappings[gather->mapping_count - 1];
    if (!cairn__mapping_goes_on(last, mapping))
        return false;
    last->bytes += mapping->bytes;
    return true;
}

/* One more waits to be told of; `make_room` is called if too many do. */
static void wait_to_tell(struct cairn_cursor *cursor,
                         const struct cairn_mapping *mapping,
                         void (*make_room)(struct cairn_cursor *cursor))
{
    struct cairn__gather *gather = &cursor->gather;

    if (join(gather, mapping))
        return;
    if (gather->mapping_count == CAIRN_GATHER_MAPPINGS)
        make_room(cursor);
    gather->mappings[gather->mapping_count++] = *mapping;
}

void cairn__cursor_removed(struct cairn_cursor *cursor, uint64_t va,
                           unsigned level, uint64_t former)
{
    uint64_t span = cairn__span(cursor->table->format, level);
    struct cairn_mapping mapping;

    note(cursor, va, span, span, former);
    cairn__cursor_describe(cursor->table, va, level, former, &mapping);
    wait_to_tell(cursor, &mapping, cairn__cursor_flush);
}

void cairn__cursor_removed_row(struct cairn_cursor *cursor, unsigned level,
                               unsigned count, uint64_t all)
{
    uint64_t span = cairn__span(cursor->table->format, level);

    note(cursor, cursor->at, count * span, span, all);
}

void cairn__cursor_changed(struct cairn_cursor *cursor, unsigned level,
                           uint64_t former, uint64_t now)
{
    uint64_t span = cairn__span(cursor->table->format, level);

    if (cairn__tlb_need(former, now))
        note(cursor, cursor->at, span, span, former | now);
}

void cairn__cursor_seen(struct cairn_cursor *cursor, unsigned level,
                        uint64_t former,
                        void (*seen)(void *context,
                                     const struct cairn_mapping *mapping),
                        void *context)
{
    struct cairn_mapping mapping;

    cairn__cursor_describe(cursor->table, cursor->at, level, former, &mapping);
    seen(context, &mapping);
}

/* ---- Flush, and what waits for it ---------------------------------------- */

/* A leaf of a detached table, which no CPU can reach any more. */
static void tell_of(struct cairn_cursor *cursor, uint64_t va, unsigned level,
                    uint64_t entry)
{
    struct cairn_mapping mapping;

    cairn__cursor_describe(cursor->table, va, level, entry, &mapping);
    wait_to_tell(cursor, &mapping, tell);
}

/* One entry of a detached table of level 2 or more that is no child. */
static void tell_leaf(struct cairn_cursor *cursor,
                      const struct cairn_table *table, unsigned index)
{
    const struct cairn__paging_format *format = cursor->table->format;
    uint64_t entry = cairn__entry_load(format, table->entries, index);
    uint64_t span = cairn__span(format, table->level);

    if (entry != 0)
        tell_of(cursor, table->first + index * span, table->level, entry);
}

/* Tell of the leaves of a detached table of level 1, run by run. */
static void tell_leaves(struct cairn_cursor *cursor,
                        const struct cairn_table *table)
{
    const struct cairn__paging_format *format = cursor->table->format;
    struct cairn__gather *gather = &cursor->gather;
    uint64_t span = cairn__span(format, table->level);
    uint64_t next = 0; /* the entry that goes on with the last one's run */

    for (unsigned i = 0; i < cairn__fanout(format, table->level); i++) {
        uint64_t entry = cairn__entry_load(format, table->entries, i);

        if (entry != 0 && entry == next)
            gather->mappings[gather->mapping_count - 1].bytes += span;
        else if (entry != 0)
            tell_of(cursor, table->first + i * span, table->level, entry);
        next = entry == 0 ? 0 : entry + span;
    }
}

/* Forget the children of a detached table, and tell of its leaves. */
static void strip(struct cairn_cursor *cursor, struct cairn_table *table)
{
    unsigned fanout = cairn__fanout(cursor->table->format, table->level);

    if (table->live == 0)
        return;
    for (unsigned i = 0; i < fanout && table->level > 1; i++) {
        struct cairn_table *child = cairn__table_child(table, i);

        if (child == NULL && cursor->removed != NULL)
            tell_leaf(cursor, table, i);
        if (child == NULL)
            continue;
        strip(cursor, child);
        cairn__table_set_child(table, i, NULL);
    }
    if (table->level == 1 && cursor->removed != NULL)
        tell_leaves(cursor, table);
}

/* What was detached becomes reserve; it is no longer among the locked. */
static void recycle(struct cairn_cursor *cursor)
{
    struct cairn_table **link = &cursor->locked;

    while (*link != NULL) {
        struct cairn_table *table = *link;
        bool has_children = table->children[0] != NULL;

        if (!table->is_stray) {
            link = &table->next;
            continue;
        }
        *link = table->next;
        table->level = 0;
        __atomic_fetch_add(&cairn__table_removals, 1, __ATOMIC_SEQ_CST);
        cairn__table_unlock(table);
        table->next = cursor->reserve[has_children];
        cursor->reserve[has_children] = table;
        cursor->reserve_count[has_children]++;
    }
}

/* From here on, nothing that was removed can be reached. */
void cairn__cursor_flush(struct cairn_cursor *cursor)
{
    cairn__tlb_flush(cursor->table, &cursor->gather);
    tell(cursor);
    for (; cursor->detached != NULL;
         cursor->detached = cursor->detached->next_stray)
        strip(cursor, cursor->detached);
    tell(cursor);
    recycle(cursor);
}

/* ---- End ----------------------------------------------------------------- */

static void unlock_all(struct cairn_cursor *cursor)
{
    while (cursor->locked != NULL) {
        struct cairn_table *table = cursor->locked;

        cursor->locked = table->next;
        cairn__table_unlock(table);
    }
}

static void finish(struct cairn_cursor *cursor)
{
    cairn__cursor_flush(cursor);
    unlock_all(cursor);
    cairn_platform_irq_restore(cursor->irq);
    release_reserve(cursor);
}

struct cairn_table *cairn__cursor_enter_lowest(struct cairn_cursor *cursor)
{
    const struct cairn__paging_format *format = cursor->table->format;
    struct cairn_table *table = cursor->top;

    while (table->level > 1) {
        struct cairn_table *child = cairn__table_child(
            table, cairn__index(format, table->level, cursor->at));

        if (child == NULL)
            break;
        cairn__cursor_enter(cursor, child);
        table = child;
    }
    return table;
}

/*
 * Unlink the tables for `va` that are empty, and those that are empty then, if
 * the one of that level above them keeps something; so one flush is enough for
 * all.  False: it does not; try the next level.
 */
static bool collect(struct cairn_pagetable *table, unsigned level, uint64_t va)
{
    struct cairn_cursor cursor;
    struct cairn_table *lowest;
    bool is_last;

    start(&cursor, table, va, CAIRN_FRAME_SIZE);
    cursor.intent = CAIRN_INTENT_LOOK;
    cursor.lowest = level;
    if (begin(&cursor) != CAIRN_OK)
        return true;
    lowest = cairn__cursor_enter_lowest(&cursor);
    is_last = lowest->live > 0 || cursor.top->live > 1 || cursor.top->is_kept ||
              cursor.top == table->root;
    if (is_last)
        cairn__cursor_drop_empty(&cursor, lowest);
    finish(&cursor);
    return is_last;
}

static CAIRN_NOINLINE void end_fully(struct cairn_cursor *cursor)
{
    struct cairn_pagetable *table = cursor->table;
    unsigned level = cursor->top->level;
    uint64_t va = cursor->top->first;
    bool is_emptied = cursor->is_emptied && cursor->top->live == 0;

    finish(cursor);
    while (is_emptied && level < table->format->levels)
        is_emptied = !collect(table, ++level, va);
}

/* Only one table was looked at, and nothing is left to be done. */
static bool is_simple_end(const struct cairn_cursor *cursor)
{
    return !cursor->gather.is_needed && cursor->gather.mapping_count == 0 &&
           cursor->detached == NULL && cursor->reserve[0] == NULL &&
           cursor->reserve[1] == NULL && cursor->locked == cursor->top &&
           !cursor->is_emptied;
}

void cairn_cursor_end(struct cairn_cursor *cursor)
{
    if (cursor->is_quick || is_simple_end(cursor)) {
        cairn__table_unlock(cursor->top);
        cairn_platform_irq_restore(cursor->irq);
    } else {
        end_fully(cursor);
    }
}
