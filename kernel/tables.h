/*
 * tables.h - the kernel's own page table, in place of those of the boot.
 */
#ifndef KERNEL_TABLES_H
#define KERNEL_TABLES_H

#include <cairn/paging.h>

/*
 * Build it with frames of the allocator, use it, and give back what the tables
 * of the boot were made of.  Panics if frames run out.
 */
void tables_start(void);

/*
 * All that it maps, in one call: the image by sections, the window, the screen,
 * the firmware's map, what is temporary.  Panics if frames run out.
 */
void tables_full_map(struct cairn_pagetable *table);

/* Panic if one of those is missing: to load it would be the end. */
void tables_verify(struct cairn_pagetable *table);

#endif
