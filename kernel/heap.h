/*
 * heap.h - the kernel's heap, out of frames.
 */
#ifndef KERNEL_HEAP_H
#define KERNEL_HEAP_H

#include <cairn/heap.h>

/* The frame allocator asks the heap for pages before it says that it has none.
 * Before it is started. */
void heap_prepare(struct cairn_frames_config *config);

/* kernel.heap can be used from then on, also by kmalloc.  Panics if there is
 * no memory for it. */
void heap_start(void);

#endif
