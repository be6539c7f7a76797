/*
 * lock.c - tests of the ranked spin lock on one CPU; tests/host/lock_threads.c
 * has several.
 */
#include "base/lock.h"
#include "harness/test.h"

#include <cairn/platform.h>

/* Ranks of their own, so that the tests do not depend on the library's list. */
#define RANK_LOW    20
#define RANK_MIDDLE 24
#define RANK_HIGH   31

static struct cairn_lock low;
static struct cairn_lock middle;
static struct cairn_lock high;

static void make(void)
{
    low = (struct cairn_lock){0, RANK_LOW};
    middle = (struct cairn_lock){0, RANK_MIDDLE};
    high = (struct cairn_lock){0, RANK_HIGH};
}

static bool are_interrupts_off(void)
{
    unsigned long state = cairn_platform_irq_save();

    cairn_platform_irq_restore(state);
#if __STDC_HOSTED__
    return state != 0;
#else
    return (state & 1u << 9) == 0; /* EFLAGS.IF */
#endif
}

CAIRN_TEST(K2_a_lock_is_taken_and_released)
{
    unsigned long state;

    make();
    CHECK(!cairn__lock_is_held(&low));
    state = cairn__lock_acquire(&low);
    CHECK(cairn__lock_is_held(&low));
    CHECK_EQ(low.holder, cairn_platform_cpu() + 1);
    cairn__lock_release(&low, state);
    CHECK(!cairn__lock_is_held(&low));
    CHECK_EQ(low.holder, 0);
    state = cairn__lock_acquire(&low);
    cairn__lock_release(&low, state);
}

CAIRN_TEST(K2_locks_are_taken_in_the_order_of_their_ranks)
{
    unsigned long states[3];

    make();
    states[0] = cairn__lock_acquire(&low);
    states[1] = cairn__lock_acquire(&middle);
    states[2] = cairn__lock_acquire(&high);
    cairn__lock_release(&high, states[2]);
    cairn__lock_release(&middle, states[1]);
    cairn__lock_release(&low, states[0]);
}

/* Releasing in another order is no deadlock, so it is allowed. */
CAIRN_TEST(K2_locks_may_be_released_in_any_order)
{
    unsigned long outer;
    unsigned long inner;

    make();
    outer = cairn__lock_acquire(&low);
    inner = cairn__lock_acquire(&middle);
    cairn__lock_release(&low, inner);
    CHECK_PANIC(cairn__lock_acquire(&low), "rank 20");
    CHECK(cairn__lock_is_held(&middle));
    cairn__lock_release(&middle, outer);
    outer = cairn__lock_acquire(&low);
    cairn__lock_release(&low, outer);
}

CAIRN_TEST(K2_a_lower_rank_after_a_higher_one_panics)
{
    unsigned long state;

    make();
    state = cairn__lock_acquire(&middle);
    CHECK_PANIC(cairn__lock_acquire(&low), "lock of rank 20");
    CHECK_EQ(low.holder, 0);
    CHECK(cairn__lock_is_held(&middle));
    cairn__lock_release(&middle, state);
    state = cairn__lock_acquire(&low);
    cairn__lock_release(&low, state);
}

CAIRN_TEST(K2_a_lock_of_the_same_rank_panics)
{
    struct cairn_lock other = {0, RANK_LOW};
    unsigned long state;

    make();
    state = cairn__lock_acquire(&low);
    CHECK_PANIC(cairn__lock_acquire(&other), "holds ranks 0x100000");
    CHECK_EQ(other.holder, 0);
    cairn__lock_release(&low, state);
}

CAIRN_TEST(K2_taking_a_lock_twice_panics)
{
    unsigned long state;

    make();
    state = cairn__lock_acquire(&low);
    CHECK_PANIC(cairn__lock_acquire(&low), "lock of rank 20");
    CHECK(cairn__lock_is_held(&low));
    cairn__lock_release(&low, state);
}

CAIRN_TEST(K2_the_release_of_a_free_lock_panics)
{
    unsigned long state;

    make();
    CHECK_PANIC(cairn__lock_release(&low, 0), "held by -1");
    state = cairn__lock_acquire(&low);
    cairn__lock_release(&low, state);
    CHECK_PANIC(cairn__lock_release(&low, state), "released by CPU");
}

CAIRN_TEST(K2_the_release_of_another_cpus_lock_panics)
{
    make();
    low.holder = cairn_platform_cpu() + 2;
    CHECK(!cairn__lock_is_held(&low));
    CHECK_PANIC(cairn__lock_release(&low, 0), "released by CPU");
    CHECK_EQ(low.holder, cairn_platform_cpu() + 2);
}

CAIRN_TEST(K2_a_lock_that_is_not_initialised_panics)
{
    static struct cairn_lock zero;

    CHECK_PANIC(cairn__lock_acquire(&zero), "rank 0");
    CHECK_PANIC(cairn__lock_init(&zero, CAIRN__RANK_NONE), "rank");
    CHECK_PANIC(cairn__lock_init(&zero, CAIRN__RANK_COUNT), "rank");
    cairn__lock_init(&zero, CAIRN__RANK_EARLY);
    CHECK_EQ(zero.rank, CAIRN__RANK_EARLY);
    cairn__lock_release(&zero, cairn__lock_acquire(&zero));
}

CAIRN_TEST(K3_interrupts_are_off_while_a_lock_is_held)
{
    bool were_off = are_interrupts_off();
    unsigned long outer;
    unsigned long inner;

    make();
    outer = cairn__lock_acquire(&low);
    CHECK(are_interrupts_off());
    inner = cairn__lock_acquire(&middle);
    CHECK(are_interrupts_off());
    cairn__lock_release(&middle, inner);
    CHECK(are_interrupts_off());
    cairn__lock_release(&low, outer);
    CHECK_EQ(are_interrupts_off(), were_off);
}

CAIRN_TEST(K3_interrupts_that_were_off_stay_off)
{
    bool were_off = are_interrupts_off();
    unsigned long outer = cairn_platform_irq_save();
    unsigned long state;

    make();
    state = cairn__lock_acquire(&low);
    CHECK(are_interrupts_off());
    cairn__lock_release(&low, state);
    CHECK(are_interrupts_off());
    cairn_platform_irq_restore(outer);
    CHECK_EQ(are_interrupts_off(), were_off);
}

#if __STDC_HOSTED__
/* In the kernel a panic switches interrupts off for good. */
CAIRN_TEST(K3_a_refused_lock_leaves_interrupts_as_they_were)
{
    unsigned long state;

    make();
    CHECK(!are_interrupts_off());
    low.rank = 0;
    CHECK_PANIC(cairn__lock_acquire(&low), "rank 0");
    CHECK(!are_interrupts_off());
    state = cairn__lock_acquire(&high);
    CHECK_PANIC(cairn__lock_acquire(&middle), "rank 24");
    CHECK(are_interrupts_off());
    cairn__lock_release(&high, state);
    CHECK(!are_interrupts_off());
}
#endif
