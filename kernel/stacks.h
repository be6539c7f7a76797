/*
 * stacks.h - the kernel's areas and stacks, where the layout has them.
 */
#ifndef KERNEL_STACKS_H
#define KERNEL_STACKS_H

#include <cairn/stack.h>

/*
 * kernel.areas and kernel.stacks can be used from then on, and exceptions have
 * stacks with guards.  Panics if memory runs out.
 */
void stacks_start(void);

/* Panic unless all of it can be written: to enter it would be the end. */
void stacks_verify(const struct cairn_stack *stack);

/* The stack, of those that the kernel has had from the start, to which the
 * address or its guard belongs; NULL: none.  Looks at nothing that changes. */
const struct cairn_stack *stacks_look(uint64_t address);

/* Go on in `entry` on a stack with guards; it does not return. */
_Noreturn void stacks_enter(void (*entry)(void));

#endif
