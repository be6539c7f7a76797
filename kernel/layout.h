/*
 * layout.h - what lies where in the running kernel.
 */
#ifndef KERNEL_LAYOUT_H
#define KERNEL_LAYOUT_H

/*
 * Make kernel.layout, as the options say, after entropy_start.  What the boot
 * has mapped is there already; areas and stacks get a random place.  Panics
 * if the boot has mapped what does not fit together.
 */
void layout_start(void);

#endif
