/*
 * boot.h - what entry.S calls.
 */
#ifndef KERNEL_BOOT_BOOT_H
#define KERNEL_BOOT_BOOT_H

#include <cairn/compiler.h>
#include <stdint.h>

/*
 * After Multiboot 2 and PVH, on the provisional tables, where the image is
 * linked to run: choose where it shall run, and make it ready for there.
 *
 *   magic  EAX at entry
 *   info   EBX at entry, physical
 *   image  physical address of the image's first byte
 *
 * Returns  how far it is from here.
 */
uint64_t boot_choose_place(uint64_t magic, uint64_t info, uint64_t image);

/* Then, there. */
void boot_from_32(uint64_t magic, uint64_t info);

/*
 * After the UEFI loader, once the image is relocated: the hand-off's physical
 * address, and where physical address 0 is, or would be.
 */
void boot_from_uefi(uint64_t handoff_phys, uint64_t window);

#endif
