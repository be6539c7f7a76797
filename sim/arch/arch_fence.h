/*
 * arch_fence.h - the library's fence on the simulated machine: other CPUs act
 * before.
 */
#ifndef SIM_ARCH_FENCE_H
#define SIM_ARCH_FENCE_H

#define cairn__arch_fence sim__fence
#include "arch/x86/arch_fence.h"
#undef cairn__arch_fence

#include "sim/platform.h"

static inline void cairn__arch_fence(void)
{
    sim_meanwhile();
    sim__fence();
}

#endif
