/*
 * paging/walk.h - the walker: what cursors do, once for all formats.
 *
 * HOW    Inline functions over a format.  walkers.c calls each with one that is
 *        constant, so that levels, shifts and widths of entries fold and loops
 *        over levels unroll.  What happens to each entry is here; what happens
 *        once an operation or a table is in cursor.c.
 *
 *        Every operation goes through its range from table to table: find the
 *        lowest table that has the next address, at the level that is wanted
 *        or where the way ends, lock it, and do all its entries in a row.
 */
#ifndef CAIRN__PAGING_WALK_H
#define CAIRN__PAGING_WALK_H

#include "paging/cursor.h"

typedef const struct cairn__paging_format *format_ptr;

/* Is it an address of the format? */
CAIRN_INLINE bool is_address(format_ptr format, uint64_t va)
{
    unsigned lowest = format->shifts[format->levels];
    uint64_t top = va >> lowest; /* as the index of the root, but not cut */

    if (!format->is_signed)
        return va >> format->va_bits == 0;
    top += 1u << (format->va_bits - 1 - lowest);
    return (top & (UINT64_MAX >> lowest) &
            ~(uint64_t)(cairn__fanout(format, format->levels) - 1)) == 0;
}

/* A place in a page table. */
struct place {
    struct cairn_table *table; /* locked */
    unsigned index;
    uint64_t entry;
};

/* The lowest table on the way to `va`, but none below level `lowest`. */
CAIRN_INLINE struct cairn_table *walk_to(format_ptr format,
                                         struct cairn_cursor *cursor,
                                         uint64_t va, unsigned lowest)
{
    struct cairn_table *table = cursor->top;

#pragma GCC unroll 5
    for (unsigned level = format->levels; level > 1; level--) {
        struct cairn_table *child;

        if (level > table->level || level <= lowest)
            continue;
        child = cairn__table_child(table, cairn__index(format, level, va));
        if (child == NULL)
            break;
        cairn__cursor_enter(cursor, child);
        table = child;
    }
    return table;
}

CAIRN_INLINE struct place place_of(format_ptr format,
                                   struct cairn_cursor *cursor, uint64_t va)
{
    struct place place;

    place.table = walk_to(format, cursor, va, 1);
    place.index = cairn__index(format, place.table->level, va);
    place.entry = cairn__entry_load(format, place.table->entries, place.index);
    return place;
}

/* Bytes from `va` to the end of what an entry of that level maps. */
CAIRN_INLINE uint64_t rest_of(format_ptr format, unsigned level, uint64_t va)
{
    uint64_t span = cairn__span(format, level);

    return span - (va & (span - 1));
}

/* Entries from `index` to the end of the table, at most those of `bytes`. */
CAIRN_INLINE unsigned row_of(format_ptr format, unsigned level, unsigned index,
                             uint64_t bytes)
{
    uint64_t row = cairn__fanout(format, level) - index;

    return (unsigned)cairn__min(row, bytes >> format->shifts[level]);
}

/* ---- Is anything mapped? ------------------------------------------------- */

/* Bytes from `va` on in which nothing is mapped, at most `bytes`. */
CAIRN_INLINE uint64_t walk_hole(format_ptr format, struct cairn_cursor *cursor,
                                uint64_t va, uint64_t bytes)
{
    uint64_t hole = 0;

    while (hole < bytes) {
        struct place place = place_of(format, cursor, va + hole);

        if ((place.entry & CAIRN__ENTRY_P) != 0)
            return hole;
        hole += place.table->live == 0
                    ? rest_of(format, place.table->level + 1, va + hole)
                    : rest_of(format, place.table->level, va + hole);
    }
    return bytes;
}

/* ---- Map ----------------------------------------------------------------- */

/* Level of the page that begins here. */
CAIRN_INLINE unsigned level_for(format_ptr format,
                                const struct cairn_cursor *cursor,
                                const struct supply *supply, uint64_t bytes)
{
    unsigned levels = cursor->table->leaf_levels;

    if (supply->frames != NULL)
        return 1;
    for (unsigned level = format->levels; level > 1; level--) {
        uint64_t span = cairn__span(format, level);

        if ((levels >> level & 1) != 0 && span <= supply->page_limit &&
            span <= bytes && ((cursor->at | supply->phys) & (span - 1)) == 0 &&
            !cairn__cursor_has_kept(cursor, level))
            return level;
    }
    return 1;
}

/* Fill `count` entries from `index` on; none of them is live. */
CAIRN_INLINE void fill(format_ptr format, unsigned level, struct place place,
                       unsigned count, struct supply *supply)
{
    void *row = (char *)place.table->entries +
                (size_t)place.index * format->entry_bytes;
    const cairn_pfn *frames = supply->frames;
    uint64_t kind = supply->kind;
    uint64_t phys = supply->phys;
    uint64_t step = cairn__span(format, level);

    if (frames != NULL) {
        for (unsigned i = 0; i < count; i++)
            cairn__entry_store(format, row, i,
                               cairn_phys_of(frames[i]).value | kind);
        supply->frames += count;
    } else {
        for (unsigned i = 0; i < count; i++)
            cairn__entry_store(
                format, row, i,
                cairn__leaf_make(format, level, phys + i * step, kind));
    }
    supply->phys += count * step;
    place.table->live = (uint16_t)(place.table->live + count);
}

/*
 * Fill all of a table of level 1 that is not linked yet: no need to take care.
 * False: entries cannot say where all frames are.
 */
static CAIRN_NOINLINE bool fill_fresh(const struct cairn_cursor *cursor,
                                      struct cairn_table *table,
                                      unsigned fanout, struct supply *supply)
{
    const cairn_pfn *frames = supply->frames;
    uint64_t *entries = table->entries;
    uint64_t kind = supply->kind;
    uint64_t all = 0;

    if (frames != NULL) {
        for (unsigned i = 0; i < fanout; i++) {
            all |= frames[i].value;
            entries[i] = frames[i].value << CAIRN_FRAME_SHIFT | kind;
        }
        supply->frames += fanout;
    } else {
        uint64_t first = supply->phys | kind;

        for (unsigned i = 0; i < fanout; i++)
            entries[i] = first + i * CAIRN_FRAME_SIZE;
    }
    supply->phys += fanout * CAIRN_FRAME_SIZE;
    table->live = (uint16_t)fanout;
    return all >> cursor->table->frame_bits == 0;
}

/*
 * The table of that level for `va`, with tables made on the way.  If `bytes`
 * cover all of it, a new one is filled before it is linked, so it is not
 * cleared: *fresh is where to link it then, else its table is NULL.
 */
CAIRN_INLINE struct cairn_table *walk_make(format_ptr format,
                                           struct cairn_cursor *cursor,
                                           unsigned lowest, uint64_t bytes,
                                           struct place *fresh)
{
    uint64_t va = cursor->at;
    struct cairn_table *table = walk_to(format, cursor, va, lowest);

    *fresh = (struct place){NULL, 0, 0};
    while (table->level > lowest) {
        unsigned level = table->level;
        unsigned index = cairn__index(format, level, va);
        uint64_t span = cairn__span(format, level);
        struct cairn_table *child = cairn__cursor_take(cursor, level - 1, va);

        if (level - 1 == lowest && bytes >= span && (va & (span - 1)) == 0 &&
            lowest == 1 && format->entry_bytes == 8) {
            fresh->table = table;
            fresh->index = index;
            return child;
        }
        cairn__table_clear(child);
        cairn__cursor_link(cursor, table, index, child);
        table = child;
    }
    return table;
}

/* All of a new table of level 1, which is linked then.  False: as walk_map. */
CAIRN_INLINE bool map_fresh(format_ptr format, struct cairn_cursor *cursor,
                            struct supply *supply, struct place fresh,
                            struct cairn_table *table)
{
    if (!fill_fresh(cursor, table, cairn__fanout(format, 1), supply)) {
        table->live = 0;
        table->is_stray = true; /* it comes back with the others */
        return false;
    }
    cairn__cursor_link(cursor, fresh.table, fresh.index, table);
    return true;
}

/*
 * The range is a hole, as wide as the supply.  False: not all frames can be
 * mapped; those up to where the cursor is now have been.
 */
CAIRN_INLINE bool walk_map(format_ptr format, struct cairn_cursor *cursor,
                           struct supply *supply, uint64_t bytes)
{
    while (bytes > 0) {
        unsigned level = level_for(format, cursor, supply, bytes);
        struct place fresh;
        struct place place = {NULL, 0, 0};
        unsigned count;
        uint64_t done;

        place.table = walk_make(format, cursor, level, bytes, &fresh);
        place.index = cairn__index(format, level, cursor->at);
        count = row_of(format, level, place.index, bytes);
        if (fresh.table != NULL) {
            if (!map_fresh(format, cursor, supply, fresh, place.table))
                return false;
        } else if (level == 1) {
            if (supply->frames != NULL &&
                !cairn__are_frames(cursor->table, supply->frames, count))
                return false;
            fill(format, 1, place, count, supply);
        } else {
            count =
                cairn__cursor_clear(cursor, place.table, place.index, count);
            fill(format, level, place, count, supply);
        }
        done = (uint64_t)count << format->shifts[level];
        cairn__cursor_advance(cursor, done);
        bytes -= done;
    }
    return true;
}

/* ---- Unmap --------------------------------------------------------------- */

/* Leaves of one row, one by one: somebody is told of each. */
CAIRN_INLINE void unmap_told(format_ptr format, struct cairn_cursor *cursor,
                             struct cairn_table *table, unsigned index,
                             unsigned count)
{
    unsigned level = table->level;
    uint64_t span = cairn__span(format, level);

    for (unsigned i = 0; i < count; i++) {
        uint64_t former = cairn__entry_load(format, table->entries, index + i);

        if (former == 0)
            continue;
        former = cairn__entry_exchange(format, table->entries, index + i, 0);
        table->live--;
        cairn__cursor_removed(cursor, cursor->at + i * span, level, former);
    }
}

/* Leaves of one row; holes among them are passed. */
CAIRN_INLINE void unmap_row(format_ptr format, struct cairn_cursor *cursor,
                            struct cairn_table *table, unsigned index,
                            unsigned count)
{
    uint64_t all = 0;
    unsigned removed = 0;

    for (unsigned i = 0; i < count; i++) {
        uint64_t former = cairn__entry_load(format, table->entries, index + i);

        if (former == 0)
            continue;
        all |= cairn__entry_exchange(format, table->entries, index + i, 0);
        removed++;
    }
    table->live = (uint16_t)(table->live - removed);
    if (removed > 0)
        cairn__cursor_removed_row(cursor, table->level, count, all);
}

/* Leaves and holes from here to the next table below, or the row's end. */
CAIRN_INLINE unsigned count_leaves(const struct cairn_table *table,
                                   unsigned index, unsigned count)
{
    unsigned i = 0;

    if (table->level == 1)
        return count;
    while (i < count && cairn__table_child(table, index + i) == NULL)
        i++;
    return i;
}

/* Leaves and holes in a row that begin here and lie in the next `bytes`. */
CAIRN_INLINE unsigned leaves_at(format_ptr format,
                                const struct cairn_cursor *cursor,
                                const struct place *place, uint64_t bytes)
{
    unsigned level = place->table->level;
    unsigned count = row_of(format, level, place->index, bytes);

    if ((cursor->at & (cairn__span(format, level) - 1)) != 0)
        return 0;
    return count_leaves(place->table, place->index, count);
}

/* No leaf begins here: go past the hole, or split what goes on from before. */
CAIRN_INLINE void pass_or_split(format_ptr format, struct cairn_cursor *cursor,
                                const struct place *place, uint64_t bytes)
{
    uint64_t rest = rest_of(format, place->table->level, cursor->at);

    if (place->entry == 0)
        cairn__cursor_advance(cursor, cairn__min(bytes, rest));
    else
        cairn__cursor_split(cursor, place->table, place->index);
}

/* The row from `place` on is unmapped, and passed. */
CAIRN_INLINE void unmap_leaves(format_ptr format, struct cairn_cursor *cursor,
                               const struct place *place, unsigned count)
{
    if (cursor->removed != NULL)
        unmap_told(format, cursor, place->table, place->index, count);
    else
        unmap_row(format, cursor, place->table, place->index, count);
    cairn__cursor_advance(cursor, (uint64_t)count
                                      << format->shifts[place->table->level]);
    cairn__cursor_drop_empty(cursor, place->table);
}

CAIRN_INLINE void walk_unmap(format_ptr format, struct cairn_cursor *cursor,
                             uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t left = cursor->left;

        if (!cairn__cursor_detach(cursor, bytes)) {
            struct place place = place_of(format, cursor, cursor->at);
            unsigned count = leaves_at(format, cursor, &place, bytes);

            if (count > 0)
                unmap_leaves(format, cursor, &place, count);
            else
                pass_or_split(format, cursor, &place, bytes);
        }
        bytes -= left - cursor->left;
    }
}

/* ---- Change rights, harvest ---------------------------------------------- */

CAIRN_INLINE void change_row(format_ptr format, struct cairn_cursor *cursor,
                             struct place place, unsigned count,
                             const struct change *change)
{
    unsigned level = place.table->level;
    uint64_t span = cairn__span(format, level);
    void *entries = place.table->entries;

    for (unsigned i = 0; i < count; i++, cairn__cursor_advance(cursor, span)) {
        unsigned index = place.index + i;
        uint64_t former = cairn__entry_load(format, entries, index);
        uint64_t now = (former & ~change->clear) | change->set;

        if ((former & CAIRN__ENTRY_P) == 0 || now == former)
            continue;
        if (!cairn__entry_is_unsettled(former)) {
            cairn__entry_store(format, entries, index, now);
        } else {
            while (!cairn__entry_swap(format, entries, index, &former, now))
                now = (former & ~change->clear) | change->set;
        }
        cairn__cursor_changed(cursor, level, former, now);
        if (change->seen != NULL)
            cairn__cursor_seen(cursor, level, former, change->seen,
                               change->context);
    }
}

CAIRN_INLINE void walk_change(format_ptr format, struct cairn_cursor *cursor,
                              uint64_t bytes, const struct change *change)
{
    while (bytes > 0) {
        uint64_t left = cursor->left;
        struct place place = place_of(format, cursor, cursor->at);
        unsigned count = leaves_at(format, cursor, &place, bytes);

        if (count > 0)
            change_row(format, cursor, place, count, change);
        else
            pass_or_split(format, cursor, &place, bytes);
        bytes -= left - cursor->left;
    }
}

/* ---- Look ---------------------------------------------------------------- */

/* One step of a query: what `va` is in, to the end of its page or hole. */
CAIRN_INLINE void walk_look(format_ptr format, struct cairn_cursor *cursor,
                            uint64_t va, struct cairn_mapping *out)
{
    struct place place = place_of(format, cursor, va);
    unsigned level = place.table->level;

    cairn__cursor_describe(cursor->table, va, level, place.entry, out);
    if (!out->is_mapped && place.table->live == 0 && level < format->levels)
        out->bytes = rest_of(format, level + 1, va);
}

/* Has no table been given back since there had been that many? */
CAIRN_INLINE bool are_tables_whole(uint32_t removals)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&cairn__table_removals, __ATOMIC_RELAXED) ==
           removals;
}

enum answer {
    NOT_MAPPED,
    MAPPED,
    UNKNOWN
};

/* Where the table is that the entry refers to; NULL: nowhere. */
CAIRN_INLINE const void *follow(const struct cairn_pagetable *table,
                                bool is_in_window, uint64_t entry)
{
    uint64_t phys = entry & CAIRN__ENTRY_ADDRESS;

    return is_in_window ? (const void *)(table->window_base + (uintptr_t)phys)
                        : cairn__table_reach_slowly(phys);
}

/*
 * As the CPU's walker does it.  A table may be given back on the way, and its
 * frame be anything by then.  So before an entry is followed or believed, one
 * looks whether that has happened: if not, it was that of a table when it was
 * read, and otherwise the answer is unknown.  The root's entries always are.
 *
 * The quick way knows tables in the window and small pages only.
 */
CAIRN_INLINE enum answer walk_translate(format_ptr format,
                                        const struct cairn_pagetable *table,
                                        uint64_t va, bool is_quick,
                                        cairn_phys *out)
{
    uint32_t removals =
        __atomic_load_n(&cairn__table_removals, __ATOMIC_ACQUIRE);
    const void *entries = table->root_entries;

#pragma GCC unroll 5
    for (unsigned level = format->levels; level > 0; level--) {
        bool has_leaves = (format->leaf_levels >> level & 1) != 0;
        uint64_t entry =
            cairn__entry_load(format, entries, cairn__index(format, level, va));

        if (level < format->levels && !are_tables_whole(removals))
            return UNKNOWN;
        if ((entry & CAIRN__ENTRY_P) == 0)
            return NOT_MAPPED;
        if (is_quick && level > 1 && has_leaves &&
            (entry & CAIRN__ENTRY_PS) != 0)
            return UNKNOWN;
        if (level == 1 || (has_leaves && (entry & CAIRN__ENTRY_PS) != 0)) {
            out->value = cairn__leaf_phys(format, level, entry) |
                         (va & (cairn__span(format, level) - 1));
            return MAPPED;
        }
        entries = follow(table, is_quick, entry);
        if (!is_quick && entries == NULL)
            return NOT_MAPPED;
    }
    return NOT_MAPPED;
}

#endif
