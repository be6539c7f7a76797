/*
 * temporary.h - what is mapped for the start only, on request.
 *
 * Options identity= and tempheap=
 *   never  it is not there (default)
 *   drop   mapped while the kernel starts, gone before the first command
 *   keep   mapped until the monitor's `reclaim` ends it
 *
 *   identity  physical memory at its own address, in pages of 2 MiB: [0, 1 GiB)
 *             and on, until the image, the temporary heap and the screen are
 *             in it.  Not executable, where the CPU has NX, and the kernel's
 *             code and constants are read-only.
 *   heap      at KERNEL_TEMPORARY_HEAP: that of the UEFI loader, or as much
 *             memory as it has if there is none.
 */
#ifndef KERNEL_TEMPORARY_H
#define KERNEL_TEMPORARY_H

#include "boot/places.h"
#include <cairn/map.h>

enum temporary {
    TEMPORARY_NEVER,
    TEMPORARY_DROP,
    TEMPORARY_KEEP
};

#define KERNEL_TEMPORARY_HEAP  BOOT_HEAP_HOME
#define TEMPORARY_HEAP_BYTES   CAIRN_MIB
#define TEMPORARY_IDENTITY_MIN CAIRN_GIB

/*
 * In this order, by tables.c: choose places, take memory, map, and pin what
 * must not be reclaimed before it is unmapped.  choose and alloc do nothing of
 * what is not wanted.
 */
void temporary_choose(bool wants_identity, bool wants_heap);
void temporary_alloc(void);
void temporary_map(struct cairn_pagetable *table);
void temporary_hold(void);

/* At the end of the start: drop what is to be dropped. */
void temporary_end_start(void);

/*
 * Unmap it, if it is there; the heap's memory becomes free.
 *
 * Returns  bytes of frames that have become free: of the identity map, those of
 *          its tables.
 */
uint64_t temporary_drop_identity(void);
uint64_t temporary_drop_heap(void);

#endif
