/*
 * high_half.h - from where the kernel was loaded to where it is linked.
 */
#ifndef KERNEL_HIGH_HALF_H
#define KERNEL_HIGH_HALF_H

#include <cairn/types.h>

struct high_half_jump {
    uint64_t phys_base; /* of the image, as the loader has put it */
    uint64_t entry;     /* where to go on, by its physical address */
    uint64_t stack_top; /* virtual, in the high half: a multiple of 16 */
};

/*
 * Why that cannot be done by code at `caller` on the page tables at `root`:
 * it is in the high half already, the root has nothing there, the entry or the
 * stack is not mapped as it should be.  NULL: it can.
 */
const char *high_half_refusal(cairn_phys root, uint64_t caller,
                              const struct high_half_jump *jump);

/*
 * Go on at `entry` in the high half, on that stack; does not return.  Called
 * from the low half, on page tables that map both.  Panics with the refusal,
 * if there is one.
 */
CAIRN_NORETURN CAIRN_NOINLINE void
high_half_jump(const struct high_half_jump *jump);

#endif
