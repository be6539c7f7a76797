/*
 * paging/tlb.h - what was cached of a page table, and how it is forgotten.
 *
 * RULES  Which change of an entry needs which flush.  This is the only place
 *        that decides it (cairn__tlb_need).
 *
 *          not present -> present           none: CPUs cache what is present
 *          more rights, same page           none: a stale entry faults once,
 *                                           and the fault removes it; the fault
 *                                           handler finds it spurious
 *          fewer rights, other page, other  all CPUs that use the page table
 *          memory type, G, not present
 *          A or D cleared                   the same, or writes and accesses
 *                                           through what is cached go unseen
 *          table unlinked, leaf to table,   the same, for all that the entry
 *          table to leaf                    maps: CPUs cache references to
 *                                           tables
 *          any of these, global page        all CPUs, whatever they have loaded
 *
 * SOURCE Intel SDM vol. 3A, section "Caching Translation Information",
 *        subsections "Recommended Invalidation", "Optional Invalidation".
 */
#ifndef CAIRN__PAGING_TLB_H
#define CAIRN__PAGING_TLB_H

#include "paging/format.h"

/* Past so many pages, everything is forgotten at once. */
#define CAIRN__TLB_PAGES_MAX 64

/* Must a CPU forget what it may have cached of a leaf when it becomes `now`? */
static inline bool cairn__tlb_need(uint64_t former, uint64_t now)
{
    const uint64_t more = CAIRN__ENTRY_RW | CAIRN__ENTRY_US;
    const uint64_t seen = CAIRN__ENTRY_A | CAIRN__ENTRY_D;
    const uint64_t rest =
        ~(more | seen | CAIRN__ENTRY_NX); /* address, type, G, P */

    if ((former & CAIRN__ENTRY_P) == 0)
        return false;
    return (former & rest) != (now & rest) ||
           (former & (more | seen) & ~now) != 0 ||
           (now & CAIRN__ENTRY_NX & ~former) != 0;
}

/*
 * The id of a new page table, if CPUs can tell by PCIDs to which one belongs
 * what they have cached; else 0.
 */
size_t cairn__tlb_new_id(const struct cairn_pagetable *table);

/* Nothing is noted. */
void cairn__tlb_start(struct cairn__gather *gather);

/* Have [start, start + bytes), in pages of `page_bytes`, flushed at the end. */
void cairn__tlb_note(struct cairn__gather *gather, uint64_t start,
                     uint64_t bytes, uint64_t page_bytes);

/* Flush all that was noted on all CPUs that may have cached it. */
void cairn__tlb_flush(struct cairn_pagetable *table,
                      struct cairn__gather *gather);

/* Do what other CPUs wait for; interrupts are off. */
void cairn__tlb_poll(void);

#endif
