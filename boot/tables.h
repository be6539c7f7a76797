/*
 * tables.h - builds the page tables that the kernel starts on.
 *
 * x86_64, four or five levels.  Shared by the loader and by the kernel's own
 * early start-up, so it is compiled for two object formats and assumes nothing
 * about where it runs.  Deliberately small: it adds mappings and nothing else.
 * The library's paging layer replaces these tables later and shares no code.
 *
 *   struct boot_tables tables = {
 *       .levels = 4, .alloc = take_frame, .context = &pool};
 *
 *   if (!boot_tables_init(&tables) ||
 *       !boot_tables_map(&tables, virt, phys, bytes, BOOT_TABLES_WRITABLE))
 *       stop();
 *   load tables.root into CR3
 *
 * Context  physical memory is reachable at its own address (identity), at
 *          least where `alloc` takes frames from.  Entries are only added, so
 *          no TLB needs a flush, not even when the tables are in use.
 *          EFER.NXE must be on before CR3 is loaded, if the CPU has NX.
 */
#ifndef BOOT_TABLES_H
#define BOOT_TABLES_H

#include <cairn/types.h>

/*
 * Rights: readable always, executable or writable only on request.  Without NX
 * everything is executable: there the bit is reserved.
 */
#define BOOT_TABLES_WRITABLE   0x1u
#define BOOT_TABLES_EXECUTABLE 0x2u /* never together with _WRITABLE */
#define BOOT_TABLES_GLOBAL     0x4u /* survives a reload of CR3 */
#define BOOT_TABLES_UNCACHED   0x8u /* device registers */

struct boot_tables {
    unsigned levels;     /* 4 or 5, as CR4.LA57 says; the caller sets it */
    uint64_t root;       /* physical; what CR3 gets */
    bool has_1gib_pages; /* CPUID 0x80000001, EDX bit 26 */
    bool has_nx;         /* the same, bit 20 */

    /* One frame, any contents, page aligned; false if there is none. */
    bool (*alloc)(void *context, uint64_t *phys);
    void *context;

    uint64_t frames; /* taken from `alloc` so far */
};

/*
 * Ask the CPU what it can do and take a frame for the empty root; `levels`,
 * `alloc` and `context` are set by the caller.  False if there is no frame.
 */
CAIRN_MUST_CHECK bool boot_tables_init(struct boot_tables *tables);

/*
 * Map [virt, virt + bytes) to [phys, phys + bytes), with the largest pages
 * that fit: 4 KiB, 2 MiB, and 1 GiB where the CPU has them.
 *
 *   virt, phys, bytes  multiples of 4 KiB; no bytes at all is no mistake
 *   flags              any of BOOT_TABLES_*
 *
 * Returns  true; false, out of frames, not aligned, not canonical with 4
 *          levels, beyond the CPU's physical addresses, writable and executable
 *          at once, unknown flags, or a part of the range is mapped already.
 *          What was mapped before stays as it was.  A part of the new range may
 *          then be mapped: both callers end the boot.
 */
CAIRN_MUST_CHECK bool boot_tables_map(struct boot_tables *tables, uint64_t virt,
                                      uint64_t phys, uint64_t bytes,
                                      unsigned flags);

#endif
