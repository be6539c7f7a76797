/*
 * paging/resize.c - the same memory in pages of another size.
 *
 * HOW    Split: a table with the same mapping in 512 parts (or 1024, or 4) is
 *        filled, and then takes the place of the leaf by an exchange, again if
 *        the CPU's walker set A or D meanwhile: each part inherits both.
 *
 *        Join: the leaf takes the place of the table.  CPUs may go on through
 *        the parts that they have cached, and set A and D in the table that was
 *        unlinked, until it is flushed; what they set is added to the leaf
 *        then.  Nobody can harvest in between, since the table is locked.
 *
 * TESTS  tests/host/paging_rows.c, tests/host/paging_dirty.c
 */
#include "paging/cursor.h"

static void fill_parts(const struct cairn__paging_format *format,
                       struct cairn_table *child, unsigned level, uint64_t leaf)
{
    uint64_t phys = cairn__leaf_phys(format, level, leaf);
    uint64_t kind = cairn__leaf_kind(level, leaf) |
                    (leaf & (CAIRN__ENTRY_A | CAIRN__ENTRY_D));
    uint64_t step = cairn__span(format, level - 1);
    unsigned fanout = cairn__fanout(format, level - 1);

    for (unsigned i = 0; i < fanout; i++)
        cairn__entry_store(
            format, child->entries, i,
            cairn__leaf_make(format, level - 1, phys + i * step, kind));
    child->live = (uint16_t)fanout;
}

void cairn__cursor_split(struct cairn_cursor *cursor, struct cairn_table *table,
                         unsigned index)
{
    const struct cairn__paging_format *format = cursor->table->format;
    unsigned level = table->level;
    struct cairn_table *child =
        cairn__cursor_take(cursor, level - 1, cursor->at);
    uint64_t leaf = cairn__entry_load(format, table->entries, index);
    uint64_t entry = cairn__cursor_entry(cursor->table, table, child);

    do
        fill_parts(format, child, level, leaf);
    while (!cairn__entry_swap(format, table->entries, index, &leaf, entry));
    cairn__cursor_put(cursor, table, index, child);
}

/* ---- Join ---------------------------------------------------------------- */

/* The leaf that the table's entries make, A and D of all; 0: they make none. */
static uint64_t joined(const struct cairn__paging_format *format,
                       const struct cairn_table *table)
{
    const uint64_t seen = CAIRN__ENTRY_A | CAIRN__ENTRY_D;
    unsigned level = table->level;
    uint64_t step = cairn__span(format, level);
    uint64_t first = cairn__entry_load(format, table->entries, 0);
    uint64_t phys = cairn__leaf_phys(format, level, first);
    uint64_t all = 0;

    if (!cairn__entry_is_leaf(first, level) ||
        (phys & (cairn__span(format, level + 1) - 1)) != 0)
        return 0;
    for (unsigned i = 0; i < cairn__fanout(format, level); i++) {
        uint64_t entry = cairn__entry_load(format, table->entries, i);
        uint64_t part = cairn__leaf_make(format, level, phys + i * step,
                                         cairn__leaf_kind(level, first));

        if ((entry & ~seen) != part)
            return 0;
        all |= entry;
    }
    return cairn__leaf_make(format, level + 1, phys,
                            cairn__leaf_kind(level, first) | (all & seen));
}

/* Set bits that the CPU's walker has set in the parts. */
static void add_seen(const struct cairn__paging_format *format,
                     struct cairn_table *table, unsigned index, uint64_t seen)
{
    uint64_t leaf = cairn__entry_load(format, table->entries, index);

    while (
        (leaf & seen) != seen &&
        !cairn__entry_swap(format, table->entries, index, &leaf, leaf | seen))
        continue;
}

static enum cairn_status join(struct cairn_cursor *cursor,
                              struct cairn_table *table, unsigned index)
{
    const struct cairn__paging_format *format = cursor->table->format;
    struct cairn_table *child = cairn__table_child(table, index);
    const uint64_t seen = CAIRN__ENTRY_A | CAIRN__ENTRY_D;
    unsigned fanout = cairn__fanout(format, table->level - 1);
    uint64_t all = 0;
    uint64_t leaf = child->is_kept ? 0 : joined(format, child);

    if (leaf == 0)
        return CAIRN_NOT_FOUND;
    cairn__cursor_join(cursor, table, index, leaf);
    for (unsigned i = 0; i < fanout; i++)
        all |= cairn__entry_load(format, child->entries, i) & seen;
    add_seen(format, table, index, all);
    child->live = 0; /* its pages live on */
    cairn__cursor_flush(cursor);
    return CAIRN_OK;
}

/* ---- To any size --------------------------------------------------------- */

static unsigned level_of(const struct cairn_cursor *cursor, uint64_t page_bytes)
{
    const struct cairn__paging_format *format = cursor->table->format;

    for (unsigned level = 1; level <= format->levels; level++) {
        if ((cursor->table->leaf_levels >> level & 1) != 0 &&
            cairn__span(format, level) == page_bytes)
            return level;
    }
    return 0;
}

/* The table above, which is locked; NULL: the cursor does not have it. */
static struct cairn_table *above(const struct cairn_cursor *cursor,
                                 const struct cairn_table *below)
{
    struct cairn_table *table = cursor->top;

    if (below == table)
        return NULL;
    while (table->level > below->level + 1)
        table =
            cairn__table_child(table, cairn__index(cursor->table->format,
                                                   table->level, cursor->at));
    return table;
}

static enum cairn_status enlarge(struct cairn_cursor *cursor,
                                 struct cairn_table *table, unsigned wanted)
{
    struct cairn_table *parent = above(cursor, table);

    if (wanted > table->level + 1u)
        return CAIRN_NOT_FOUND;
    if (parent == NULL)
        return CAIRN_BAD_ARGUMENT;
    return join(cursor, parent,
                cairn__index(cursor->table->format, wanted, cursor->at));
}

/* Are there tables for that, and entries that can say where the parts are? */
static bool can_split(struct cairn_cursor *cursor)
{
    struct cairn_mapping page;

    if (cursor->intent != CAIRN_INTENT_MAP || cursor->large != 0)
        return false;
    cairn__walk_look(cursor, cursor->at, &page);
    return cursor->table->format->entry_bytes == 8 ||
           page.phys.value >> 32 == 0;
}

enum cairn_status cairn_cursor_resize(struct cairn_cursor *cursor,
                                      uint64_t page_bytes)
{
    const struct cairn__paging_format *format = cursor->table->format;
    unsigned wanted = level_of(cursor, page_bytes);
    struct cairn_table *table;

    cairn__cursor_unfold(cursor);
    if (wanted == 0 || cursor->intent == CAIRN_INTENT_LOOK ||
        (cursor->at & (page_bytes - 1)) != 0 || cursor->left < page_bytes)
        return CAIRN_BAD_ARGUMENT;
    table = cairn__cursor_enter_lowest(cursor);
    if (cairn__entry_load(format, table->entries,
                          cairn__index(format, table->level, cursor->at)) == 0)
        return CAIRN_NOT_FOUND;
    if (table->level < wanted)
        return enlarge(cursor, table, wanted);
    if (table->level > wanted && !can_split(cursor))
        return CAIRN_BAD_ARGUMENT;
    for (; table->level > wanted; table = cairn__cursor_enter_lowest(cursor))
        cairn__cursor_split(cursor, table,
                            cairn__index(format, table->level, cursor->at));
    return CAIRN_OK;
}
