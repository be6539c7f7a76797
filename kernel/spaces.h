/*
 * spaces.h - the kernel's address space, which those of processes share.
 */
#ifndef KERNEL_SPACES_H
#define KERNEL_SPACES_H

/*
 * kernel.space can be shared by cairn_space_create from then on.  Panics if
 * memory runs out.
 */
void spaces_start(void);

#endif
