/*
 * base/lock.h - ranked spin locks.
 *
 * WHAT   One lock type for everything: a spin lock that is held with
 *        interrupts off, so that an interrupt handler on the same CPU can
 *        never wait for it.
 *
 * ORDER  Every lock has a rank.  A CPU may take a lock only if its rank is
 *        above the ranks of all locks that the CPU holds.  All CPUs follow
 *        the same order, so no two can wait for each other.  Taking a lock
 *        out of order, twice, or releasing one that is not held panics.
 *
 * LIST   The ranks stand below and in docs/LOCKING.md, lowest first.
 */
#ifndef CAIRN__LOCK_H
#define CAIRN__LOCK_H

#include <cairn/lock.h>

enum cairn__lock_rank {
    CAIRN__RANK_NONE,
    CAIRN__RANK_STACKS,     /* struct cairn_stacks */
    CAIRN__RANK_AREAS,      /* struct cairn_areas */
    CAIRN__RANK_PAGING,     /* struct cairn_pagetable: its pool */
    CAIRN__RANK_DMA,        /* struct cairn_dma_pool */
    CAIRN__RANK_FRAMES,     /* struct cairn_frames */
    CAIRN__RANK_EARLY,      /* struct cairn_early */
    CAIRN__RANK_HEAP,       /* struct cairn_heap */
    CAIRN__RANK_HEAP_BELOW, /* that of level debug, which another one is over */
    CAIRN__RANK_ARENA,      /* struct cairn_heap_arena */
    CAIRN__RANK_COUNT
};

void cairn__lock_init(struct cairn_lock *lock, enum cairn__lock_rank rank);

/* Take the lock; interrupts are off until the matching release. */
unsigned long cairn__lock_acquire(struct cairn_lock *lock);

/* `state` is what acquire returned. */
void cairn__lock_release(struct cairn_lock *lock, unsigned long state);

/*
 * Take the lock if nobody has it, whatever ranks this CPU holds: who does not
 * wait cannot deadlock.  For reports of faults, which may come at any moment.
 *
 * Returns  false: somebody has it, perhaps this CPU; nothing has changed.
 * Context  any.  Until cairn__lock_untry, no other lock is taken.
 */
bool cairn__lock_try(struct cairn_lock *lock, unsigned long *state);
void cairn__lock_untry(struct cairn_lock *lock, unsigned long state);

/*
 * Take the lock unless this CPU holds any other one: for what locks may have
 * interrupted.
 *
 * Returns  false: it holds one, and nothing has changed.
 */
bool cairn__lock_acquire_first(struct cairn_lock *lock, unsigned long *state);

/* Does this CPU hold the lock?  For assertions. */
bool cairn__lock_is_held(const struct cairn_lock *lock);

#endif
