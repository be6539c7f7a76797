/*
 * entropy.h - the kernel's random numbers.
 */
#ifndef KERNEL_ENTROPY_H
#define KERNEL_ENTROPY_H

/* Seed kernel.entropy, as the options say; warn if there is no good source. */
void entropy_start(void);

/* The image has moved: where the source is now.  The state stays as it was. */
void entropy_moved(void);

#endif
