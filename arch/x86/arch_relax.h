/*
 * arch_relax.h - what a CPU does while it waits for another one.
 */
#ifndef ARCH_RELAX_H
#define ARCH_RELAX_H

/*
 * Tell the CPU that this is a spin-wait loop.
 *
 * Source   Intel SDM vol. 2B, "PAUSE - Spin Loop Hint".
 */
static inline void cairn__arch_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

#endif
