/*
 * paging/quick.h - the common transaction: one page in a table that is there.
 *
 * HOW    A page table remembers, by address, tables of level 1 that were used
 *        last; one of them is locked without a walk, if it still is the one.
 *        Such a cursor has only its first fields filled in.  Mapping the page
 *        and ending need no more; whatever else is done begins with
 *        cairn__cursor_unfold, and the cursor is like any other from then on.
 *
 *        For formats whose tables of level 1 have 512 entries of 64 bits.
 *
 * COST   One atomic exchange.  Where addresses are far apart, two tables may
 *        have the same place, and then one is forgotten.
 */
#ifndef CAIRN__PAGING_QUICK_H
#define CAIRN__PAGING_QUICK_H

#include "paging/cursor.h"

#define CAIRN__QUICK_BYTES ((uint64_t)512 << CAIRN_FRAME_SHIFT)

/* Where the table for an address is remembered. */
CAIRN_INLINE struct cairn_table **
cairn__quick_place(struct cairn_pagetable *table, uint64_t va)
{
    return &table->recent[va / CAIRN__QUICK_BYTES % CAIRN_PAGETABLE_RECENT];
}

/* A table of level 1 that is locked: for the next time. */
CAIRN_INLINE void cairn__quick_remember(struct cairn_pagetable *table,
                                        struct cairn_table *leaf)
{
    if (table->is_quick)
        __atomic_store_n(cairn__quick_place(table, leaf->first), leaf,
                         __ATOMIC_RELEASE);
}

/*
 * Begin on the page at `va`.  False: there is no table that is remembered, or
 * it has become another one, or somebody has it.
 */
CAIRN_INLINE bool cairn__quick_begin(struct cairn_cursor *cursor,
                                     struct cairn_pagetable *table, uint64_t va,
                                     enum cairn_intent intent)
{
    struct cairn_table *leaf =
        __atomic_load_n(cairn__quick_place(table, va), __ATOMIC_ACQUIRE);
    uint64_t first = va & ~(CAIRN__QUICK_BYTES - 1);
    unsigned long irq;
    bool is_locked;

    if (leaf == NULL)
        return false;
    irq = cairn_platform_irq_save();
    is_locked = cairn__table_try_lock(leaf);
    if (is_locked && cairn__table_is(leaf, 1, first)) {
        cursor->table = table;
        cursor->at = va;
        cursor->left = CAIRN_FRAME_SIZE;
        cursor->top = leaf;
        cursor->irq = irq;
        cursor->intent = intent;
        cursor->is_quick = true;
        cursor->removed = NULL;
        cursor->context = NULL;
        return true;
    }
    if (is_locked)
        cairn__table_unlock(leaf);
    cairn_platform_irq_restore(irq);
    return false;
}

/* Map the page.  False, and nothing has changed: it is not that simple. */
CAIRN_INLINE bool cairn__quick_map(struct cairn_cursor *cursor, uint64_t phys,
                                   uint64_t bytes,
                                   const struct cairn_page_policy *policy)
{
    const struct cairn_pagetable *table = cursor->table;
    uint64_t at = cursor->at;
    uint64_t *entry =
        (uint64_t *)cursor->top->entries + at / CAIRN_FRAME_SIZE % 512;
    unsigned rights = policy->rights;
    uint64_t kind;

    if (cursor->intent != CAIRN_INTENT_MAP || bytes != cursor->left ||
        rights >= CAIRN_PAGE_GLOBAL ||
        (rights >= CAIRN_PAGE_USER &&
         at + (bytes - 1) >= table->config.user_end) ||
        (unsigned)policy->cache >= CAIRN_CACHE_COUNT ||
        (unsigned)policy->existing > CAIRN_EXISTING_PANIC ||
        policy->page_limit - 1 < CAIRN_FRAME_SIZE - 1)
        return false;
    kind = table->kinds[rights];
    if (kind == 0 || phys >= table->phys_end ||
        (phys & (CAIRN_FRAME_SIZE - 1)) != 0 ||
        cairn__arch_entry64_load(entry) != 0)
        return false;
    cairn__arch_entry64_store(entry,
                              phys | kind | table->cache_bits[policy->cache]);
    cursor->top->live++;
    cursor->at = at + CAIRN_FRAME_SIZE;
    cursor->left = 0;
    return true;
}

#endif
