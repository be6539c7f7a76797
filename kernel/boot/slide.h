/*
 * slide.h - the image runs elsewhere than where it is linked to.
 */
#ifndef KERNEL_BOOT_SLIDE_H
#define KERNEL_BOOT_SLIDE_H

#include <stdint.h>

/*
 * From entry.S, before anything else in C: store addresses in the image as they
 * are where it is running now.
 */
void slide_relocate_here(void);

/*
 * On the provisional tables of entry.S, where the image is linked to run: map
 * it at `place` as well, and store addresses as they are there.  The caller
 * uses no static data any more that has addresses, and goes there.
 */
void slide_to(uint64_t place, uint64_t bytes);

#endif
