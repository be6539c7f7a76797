/*
 * tables.h - the kernel's own page table, in place of those of the boot.
 */
#ifndef KERNEL_TABLES_H
#define KERNEL_TABLES_H

/*
 * Build it with frames of the allocator, use it, and give back what the tables
 * of the boot were made of.  Panics if frames run out.
 */
void tables_start(void);

#endif
