/*
 * cairn/init.h - the library's start-up order.
 *
 *   1  an adapter of <cairn/boot.h>   what the boot loader says
 *   2  cairn_init_early               map finished, early frames available
 */
#ifndef CAIRN_INIT_H
#define CAIRN_INIT_H

#include <cairn/boot.h>

CAIRN_BEGIN_DECLS

/*
 * Finish the memory map of `boot` and start the early allocator on it.
 *
 *   boot    as an adapter filled it; kept
 *   kernel  the physical range of the kernel's image, with .bss; reserved.
 *           Empty if boot->kernel is right.
 *   limit   frames at or above this address are not handed out; 4 GiB for a
 *           32-bit kernel without PAE, CAIRN_PHYS_LIMIT for no limit
 *
 * The early allocator starts with tracking on and its reserve filled.
 *
 * Returns  CAIRN_OK; what cairn_memmap_finish and cairn_early_init return.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_init_early(struct cairn_boot *boot, struct cairn_phys_range kernel,
                 cairn_phys limit, struct cairn_early *early);

CAIRN_END_DECLS

#endif
