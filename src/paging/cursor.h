/*
 * paging/cursor.h - what the walker leaves to the cursor: tables, and what was
 * removed.  Once a table or once a removed page; see cursor.c.
 */
#ifndef CAIRN__PAGING_CURSOR_H
#define CAIRN__PAGING_CURSOR_H

#include "paging/table.h"
#include "paging/tlb.h"

/* ---- The walker, which chooses the format's instance: walk.h ------------- */

/* What is to be mapped: memory from `phys` on, or frames one by one. */
struct supply {
    uint64_t phys;
    const cairn_pfn *frames; /* NULL: contiguous */
    uint64_t kind;           /* bits of an entry of level 1 */
    uint64_t page_limit;
};

/* An entry becomes (entry & ~clear) | set. */
struct change {
    uint64_t clear;
    uint64_t set;
    /* Harvest: whom to tell of what is cleared. */
    void (*seen)(void *context, const struct cairn_mapping *mapping);
    void *context;
};

/*
 * The next `bytes`, a hole and as wide as the supply, are mapped.  False: not
 * all frames can be; those up to where the cursor is now have been.
 */
bool cairn__walk_map(struct cairn_cursor *cursor, struct supply *supply,
                     uint64_t bytes);
void cairn__walk_unmap(struct cairn_cursor *cursor, uint64_t bytes);
void cairn__walk_change(struct cairn_cursor *cursor, uint64_t bytes,
                        const struct change *change);

/* Bytes from `va` on in which nothing is mapped, at most `bytes`. */
uint64_t cairn__walk_hole(struct cairn_cursor *cursor, uint64_t va,
                          uint64_t bytes);

/* What `va` is in, to the end of its page or hole. */
void cairn__walk_look(struct cairn_cursor *cursor, uint64_t va,
                      struct cairn_mapping *out);

/* ---- For all ------------------------------------------------------------- */

/* A quick cursor becomes one like any other; see quick.h. */
void cairn__cursor_unfold_slowly(struct cairn_cursor *cursor);

static inline void cairn__cursor_unfold(struct cairn_cursor *cursor)
{
    if (cursor->is_quick)
        cairn__cursor_unfold_slowly(cursor);
}

/* Is [start, start + bytes) in the address space, in one half of it? */
bool cairn__is_range(const struct cairn_pagetable *table, uint64_t start,
                     uint64_t bytes);

/* Does `next` go on where `last` ends, and like it? */
bool cairn__mapping_goes_on(const struct cairn_mapping *last,
                            const struct cairn_mapping *next);

/* As cairn_cursor_begin to map, on the table of that level for `va`. */
enum cairn_status cairn__cursor_begin_above(struct cairn_cursor *cursor,
                                            struct cairn_pagetable *table,
                                            uint64_t va, unsigned level);

/*
 * The table of level 1 that has all of these pages, of which none is mapped:
 * it stays for good, with those above it.  Status as for cairn_map_range.
 */
enum cairn_status cairn__cursor_keep_leaf(struct cairn_pagetable *table,
                                          uint64_t start, uint64_t bytes,
                                          struct cairn_table **out);

/* Flush now, with everything locked; nothing removed can be reached then. */
void cairn__cursor_flush(struct cairn_cursor *cursor);

/* The lowest table on the way to where the cursor is; all are locked. */
struct cairn_table *cairn__cursor_enter_lowest(struct cairn_cursor *cursor);

/* Unlink a child with all that is below it. */
void cairn__cursor_unlink(struct cairn_cursor *cursor,
                          struct cairn_table *table, unsigned index);

/* ---- For pages of another size ------------------------------------------- */

/* What an entry of that table says of its child. */
uint64_t cairn__cursor_entry(const struct cairn_pagetable *pagetable,
                             const struct cairn_table *table,
                             const struct cairn_table *child);

/* The entry, a leaf until now, refers to the child: note that. */
void cairn__cursor_put(struct cairn_cursor *cursor, struct cairn_table *table,
                       unsigned index, struct cairn_table *child);

/*
 * The leaf takes the place of a child; no CPU uses that any more on return, and
 * cairn__cursor_flush gives it back.
 */
void cairn__cursor_join(struct cairn_cursor *cursor, struct cairn_table *table,
                        unsigned index, uint64_t leaf);

/* Can entries of 4 KiB pages say where all these frames are? */
static inline bool cairn__are_frames(const struct cairn_pagetable *table,
                                     const cairn_pfn *frames, size_t count)
{
    uint64_t all = 0;

    for (size_t i = 0; i < count; i++)
        all |= frames[i].value;
    return all >> table->frame_bits == 0;
}

/* ---- For the walker ------------------------------------------------------ */

/* Lock a table below one that is locked, unless it is. */
void cairn__cursor_enter_slowly(struct cairn_cursor *cursor,
                                struct cairn_table *table);

static inline void cairn__cursor_enter(struct cairn_cursor *cursor,
                                       struct cairn_table *table)
{
    if (!cairn__table_is_mine(table))
        cairn__cursor_enter_slowly(cursor, table);
}

static inline void cairn__cursor_advance(struct cairn_cursor *cursor,
                                         uint64_t bytes)
{
    cursor->at += bytes;
    cursor->left -= bytes;
}

/* A new table of that level for `va`, locked; its entries are unspecified. */
struct cairn_table *cairn__cursor_take(struct cairn_cursor *cursor,
                                       unsigned level, uint64_t va);
void cairn__table_clear(struct cairn_table *table);

/*
 * The child on the way to where the cursor is, locked; made if the entry is 0.
 * No leaf is there.
 */
struct cairn_table *cairn__cursor_step_down(struct cairn_cursor *cursor,
                                            struct cairn_table *table);

/* The entry, which was 0, refers to the child from now on. */
void cairn__cursor_link(struct cairn_cursor *cursor, struct cairn_table *table,
                        unsigned index, struct cairn_table *child);

/* Is there a table that has to stay where a leaf of that level would be? */
bool cairn__cursor_has_kept(const struct cairn_cursor *cursor, unsigned level);

/*
 * Make entries from `index` on 0 by unlinking empty tables; there is nothing
 * mapped in them.  Returns for how many that is so, at least 1.
 */
unsigned cairn__cursor_clear(struct cairn_cursor *cursor,
                             struct cairn_table *table, unsigned index,
                             unsigned count);

/*
 * If a table lies inside of the next `bytes`, unlink it with all below, as the
 * largest that does, and move on; else false.
 */
bool cairn__cursor_detach(struct cairn_cursor *cursor, uint64_t bytes);

/* If nothing is left in the table, unlink it. */
void cairn__cursor_drop_empty(struct cairn_cursor *cursor,
                              struct cairn_table *table);

/* Make the large leaf of that entry a table. */
void cairn__cursor_split(struct cairn_cursor *cursor, struct cairn_table *table,
                         unsigned index);

/* A leaf of `va` was removed: flush, and tell of it; somebody listens. */
void cairn__cursor_removed(struct cairn_cursor *cursor, uint64_t va,
                           unsigned level, uint64_t former);

/* So were leaves of the next `count` entries, of which nobody is told. */
void cairn__cursor_removed_row(struct cairn_cursor *cursor, unsigned level,
                               unsigned count, uint64_t all);

/* The leaf here has become another one: flush if that is needed. */
void cairn__cursor_changed(struct cairn_cursor *cursor, unsigned level,
                           uint64_t former, uint64_t now);

/* Tell of the leaf here. */
void cairn__cursor_seen(struct cairn_cursor *cursor, unsigned level,
                        uint64_t former,
                        void (*seen)(void *context,
                                     const struct cairn_mapping *mapping),
                        void *context);

/* What an entry says about `va`, to the end of what it maps. */
void cairn__cursor_describe(const struct cairn_pagetable *table, uint64_t va,
                            unsigned level, uint64_t entry,
                            struct cairn_mapping *out);

#endif
