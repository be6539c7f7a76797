/*
 * windows.h - the window to physical memory, and devices in it.
 *
 * Option window=
 *   ram    what is or may be RAM, and nothing else (default)
 *   lean   that, and the first 64 MiB, whatever is there
 *   broad  one alias of [0, end of RAM), at least 1 GiB: holes, too
 *
 * Each has the registers of the local APIC and of the first I/O APIC where
 * their physical addresses are, uncached, 1 MiB each.
 */
#ifndef KERNEL_WINDOWS_H
#define KERNEL_WINDOWS_H

#include <cairn/map.h>

/* Where the window ends, by that option. */
uint64_t windows_bytes(void);

/*
 * Map the window and the devices in `table`: no execution, and the kernel's
 * code and constants are read-only.  Panics if frames run out.
 */
void windows_map(struct cairn_pagetable *table);

/*
 * Only the devices, over what is mapped there already, for a window at `base`.
 */
void windows_map_devices(struct cairn_pagetable *table, uint64_t base);

/* That table is in use: kernel.window converts what it maps. */
void windows_use(void);

/* ---- Devices ------------------------------------------------------------- */

#define WINDOWS_DEVICE_BYTES CAIRN_MIB

struct windows_device {
    const char *name;
    struct cairn_phys_range range; /* empty: there is none */
};

/* In the order of their addresses; the other devices are not here. */
#define WINDOWS_DEVICES 2
struct windows_device windows_device(unsigned number);

#endif
