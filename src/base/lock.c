/*
 * base/lock.c - ranked spin locks.
 *
 * HOW    `holder` is 0 or the number of the holding CPU plus one, so that the
 *        lock itself tells who has it.  Each CPU keeps a bit mask of the ranks
 *        it holds; it is touched by that CPU only, with interrupts off.
 *
 * COST   one compare-and-exchange to take, one store to release.
 *
 * FAILS  Panics on a broken order; see base/lock.h.  The ranks are checked
 *        before waiting, so a deadlock is reported, not entered.
 *
 * TESTS  tests/lock.c
 */
#include "base/lock.h"

#include "arch_relax.h"
#include "base/assert.h"
#include <cairn/platform.h>

/* Ranks that each CPU holds.  [own CPU, interrupts off] */
static uint32_t held_ranks[CAIRN_CPU_MAX];

static uint32_t *own_ranks(void)
{
    unsigned cpu = cairn_platform_cpu();

    cairn__assert(cpu < CAIRN_CPU_MAX);
    return &held_ranks[cpu];
}

static bool try_take(struct cairn_lock *lock, uint32_t me)
{
    uint32_t expected = 0;

    cairn__assert(me != 0);
    return __atomic_compare_exchange_n(&lock->holder, &expected, me, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void cairn__lock_init(struct cairn_lock *lock, enum cairn__lock_rank rank)
{
    cairn__assert(rank > CAIRN__RANK_NONE && rank < CAIRN__RANK_COUNT);
    lock->holder = 0;
    lock->rank = rank;
}

static void wait_and_take(struct cairn_lock *lock, uint32_t me)
{
    while (!try_take(lock, me)) {
        while (__atomic_load_n(&lock->holder, __ATOMIC_RELAXED) != 0)
            cairn__arch_relax();
    }
}

unsigned long cairn__lock_acquire(struct cairn_lock *lock)
{
    unsigned long state = cairn_platform_irq_save();
    uint32_t *ranks = own_ranks();
    uint32_t me = cairn_platform_cpu() + 1;

    if (lock->rank == CAIRN__RANK_NONE || *ranks >> lock->rank != 0) {
        cairn_platform_irq_restore(state);
        cairn__panic("lock of rank %u taken by CPU %u, which holds ranks %#x",
                     (unsigned)lock->rank, (unsigned)(me - 1),
                     (unsigned)*ranks);
    }
    wait_and_take(lock, me);
    *ranks |= (uint32_t)1 << lock->rank;
    return state;
}

bool cairn__lock_acquire_first(struct cairn_lock *lock, unsigned long *state)
{
    uint32_t *ranks;

    *state = cairn_platform_irq_save();
    ranks = own_ranks();
    if (*ranks != 0) {
        cairn_platform_irq_restore(*state);
        return false;
    }
    cairn__assert(lock->rank != CAIRN__RANK_NONE);
    wait_and_take(lock, cairn_platform_cpu() + 1);
    *ranks = (uint32_t)1 << lock->rank;
    return true;
}

void cairn__lock_release(struct cairn_lock *lock, unsigned long state)
{
    uint32_t *ranks = own_ranks();

    if (!cairn__lock_is_held(lock))
        cairn__panic("lock of rank %u released by CPU %u, held by %d",
                     (unsigned)lock->rank, cairn_platform_cpu(),
                     (int)lock->holder - 1);
    *ranks &= ~((uint32_t)1 << lock->rank);
    __atomic_store_n(&lock->holder, 0, __ATOMIC_RELEASE);
    cairn_platform_irq_restore(state);
}

bool cairn__lock_try(struct cairn_lock *lock, unsigned long *state)
{
    *state = cairn_platform_irq_save();
    if (lock->rank != CAIRN__RANK_NONE &&
        try_take(lock, cairn_platform_cpu() + 1))
        return true;
    cairn_platform_irq_restore(*state);
    return false;
}

/* Ranks stay as they are: this CPU may hold another lock of the same one. */
void cairn__lock_untry(struct cairn_lock *lock, unsigned long state)
{
    cairn__assert(cairn__lock_is_held(lock));
    __atomic_store_n(&lock->holder, 0, __ATOMIC_RELEASE);
    cairn_platform_irq_restore(state);
}

bool cairn__lock_is_held(const struct cairn_lock *lock)
{
    return __atomic_load_n(&lock->holder, __ATOMIC_RELAXED) ==
           cairn_platform_cpu() + 1;
}
