/*
 * paging/table.h - the tables of a page table, as software sees them.
 *
 * HOW    To each table in memory belongs a `struct cairn_table`: its lock, how
 *        many entries it has, and pointers to the tables below, so that nobody
 *        looks for tables by physical address.  These structures live in slabs
 *        that belong to the page table until it is destroyed, as their shadows
 *        (the pointers) do, and are never anything else.  That is why one may
 *        look at them without a lock:
 *
 *          - go down from the root without locks, to the lowest table that
 *            covers a range; lock it; if it is still what it seemed to be
 *            (cairn__table_is), it is the one; else go again;
 *          - below it, lock each table before its entries are looked at.
 *
 *        Locks are taken from ancestor to descendant and from lower to higher
 *        addresses, and kept until the cursor ends, so no two cursors wait for
 *        each other, and what one does is one step for all others.
 *
 * INVARIANTS (cairn_pagetable_check tests each by this number)
 *   P1   `live` is the number of entries that are not 0.
 *   P2   An entry refers to a table if and only if there is a child, and then
 *        to that one's frame.
 *   P3   A child has the level below, and the first address of its entry.
 *   P4   No table but the root and those that are there for good is empty.
 *   P5   Leaves are where the format and the CPU allow them, aligned, inside
 *        of physical memory; none is writable and executable if that is
 *        forbidden.
 *   P6   table_count is the number of tables.
 *   P7   Nothing is locked or stray.
 *
 * LOCKS  [T] the table's own lock; see docs/LOCKING.md.
 */
#ifndef CAIRN__PAGING_TABLE_H
#define CAIRN__PAGING_TABLE_H

#include "paging/format.h"

/* A shadow holds so many pointers; 1024 children need two of 64 bits. */
#define CAIRN__SHADOW_SLOTS ((unsigned)(CAIRN_FRAME_SIZE / sizeof(void *)))
#define CAIRN__SHADOWS      (1024 * sizeof(void *) / CAIRN_FRAME_SIZE)

struct cairn_table {
    uint32_t holder;   /* CPU + 1; 0: not locked */
    uint16_t live;     /* [T] entries that are not 0 */
    uint8_t level;     /* constant while it is linked; 0: not in use */
    bool is_stray : 1; /* [T] it was unlinked */
    bool is_kept : 1;  /* [T] it stays though it be empty */
    uint64_t first;    /* constant while linked: the first address it maps */
    uint64_t frame;    /* where the CPU's walker finds it */
    void *entries;     /* where software does */
    /* By entry, in shadow frames; constant, contents [T]; NULL: none. */
    struct cairn_table **children[CAIRN__SHADOWS];
    uint64_t shadows[CAIRN__SHADOWS]; /* constant */
    struct cairn_table *next;       /* of a list: pool, reserve, locked ones */
    struct cairn_table *next_stray; /* of detached subtrees */
} __attribute__((aligned(64)));

/* ---- Locks --------------------------------------------------------------- */

/* Wait for the lock, and answer flushes meanwhile. */
void cairn__table_lock(struct cairn_table *table);
void cairn__table_unlock(struct cairn_table *table);
bool cairn__table_is_mine(const struct cairn_table *table);

/*
 * Look at the tables that lead to `va`, without locks.
 *
 *   is_mapped  a page of level 1 was there; that may have changed
 *
 * Returns  false, nothing written: this CPU has locked one of them, so it has
 *          a cursor there, and would wait for itself.
 */
bool cairn__tables_look(const struct cairn_pagetable *pagetable, cairn_va va,
                        bool *is_mapped);

/*
 * Locked: is it the table of that level for addresses from `first` on?  One
 * that is not in use any more has level 0 as soon as others can lock it.
 */
CAIRN_INLINE bool cairn__table_is(const struct cairn_table *table,
                                  unsigned level, uint64_t first)
{
    return table->level == level && table->first == first;
}

/* Without waiting.  False: somebody has it. */
CAIRN_INLINE bool cairn__table_try_lock(struct cairn_table *table)
{
    uint32_t nobody = 0;

    return __atomic_compare_exchange_n(&table->holder, &nobody,
                                       cairn_platform_cpu() + 1, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* How many tables have been given back, of all page tables.  Atomic. */
extern uint32_t cairn__table_removals;

/* ---- Storage ------------------------------------------------------------- */

/*
 * Put tables in front of the list *out until it has *got == want; all with a
 * shadow, or none.  On failure, some may have been added.
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY; CAIRN_NOT_REACHABLE.
 */
enum cairn_status cairn__table_alloc(struct cairn_pagetable *pagetable,
                                     bool has_children, uint64_t want,
                                     struct cairn_table **out, uint64_t *got);

/* A list of tables that are linked nowhere; all with a shadow, or none. */
void cairn__table_free(struct cairn_pagetable *pagetable,
                       struct cairn_table *list);

/* Where software reaches a table at that physical address; NULL: nowhere. */
void *cairn__table_reach_slowly(uint64_t phys);

CAIRN_INLINE void *cairn__table_reach(const struct cairn_pagetable *pagetable,
                                      uint64_t phys)
{
    return pagetable->window_limit != 0
               ? (void *)(pagetable->window_base + (uintptr_t)phys)
               : cairn__table_reach_slowly(phys);
}

/* Give slabs back; all tables are free. */
void cairn__table_free_slabs(struct cairn_pagetable *pagetable);

/*
 * The child of an entry; NULL: none.  Without the table's lock, it may be gone
 * by now, but it is a table of the same page table for ever; and the table
 * itself may have become one without children.
 */
CAIRN_INLINE struct cairn_table *
cairn__table_child(const struct cairn_table *table, unsigned index)
{
    struct cairn_table **children = __atomic_load_n(
        &table->children[index / CAIRN__SHADOW_SLOTS], __ATOMIC_ACQUIRE);

    return children == NULL
               ? NULL
               : __atomic_load_n(&children[index % CAIRN__SHADOW_SLOTS],
                                 __ATOMIC_ACQUIRE);
}

CAIRN_INLINE void cairn__table_set_child(struct cairn_table *table,
                                         unsigned index,
                                         struct cairn_table *child)
{
    struct cairn_table **children =
        table->children[index / CAIRN__SHADOW_SLOTS];

    __atomic_store_n(&children[index % CAIRN__SHADOW_SLOTS], child,
                     __ATOMIC_RELEASE);
}

#endif
