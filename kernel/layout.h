/*
 * layout.h - what lies where in the running kernel.
 */
#ifndef KERNEL_LAYOUT_H
#define KERNEL_LAYOUT_H

#include <stdbool.h>

/*
 * Make kernel.layout, as the options say, after entropy_start.  What the boot
 * has mapped is there already; areas and stacks get a random place.  Panics
 * if the boot has mapped what does not fit together.
 */
void layout_start(void);

/* Is anything to be at a random place? */
bool layout_does_slide(void);

#endif
