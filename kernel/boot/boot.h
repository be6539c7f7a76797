/*
 * boot.h - what entry.S calls.
 */
#ifndef KERNEL_BOOT_BOOT_H
#define KERNEL_BOOT_BOOT_H

#include <cairn/compiler.h>
#include <stdint.h>

/*
 * After Multiboot 2 and PVH, on the provisional tables.
 *
 *   magic  EAX at entry
 *   info   EBX at entry, physical
 *   image  physical address of the image's first byte
 */
void boot_from_32(uint64_t magic, uint64_t info, uint64_t image);

/* After the UEFI loader; the hand-off's physical address. */
void boot_from_uefi(uint64_t handoff_phys);

#endif
