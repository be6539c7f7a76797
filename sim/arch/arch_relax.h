/*
 * arch_relax.h - what a simulated CPU does while it waits for another one: it
 * lets its thread's processor go, for there are more threads than processors.
 */
#ifndef SIM_ARCH_RELAX_H
#define SIM_ARCH_RELAX_H

#include <sched.h>

static inline void cairn__arch_relax(void)
{
    sched_yield();
}

#endif
