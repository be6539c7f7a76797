/*
 * cairn/handoff.h - what a UEFI loader tells the kernel that it enters.
 *
 * The loader fills one structure, leaves boot services, and passes the
 * structure's address to the kernel.  All addresses in it are physical unless
 * said otherwise.  Nothing in it is believed before cairn_handoff_check.
 *
 * Entry state   64-bit mode, interrupts off, at the ELF entry point of the
 *               image as it was linked: it relocates itself.  RDI is the
 *               structure's physical address, RSI `window_base`, RSP the
 *               top of 64 KiB of stack in the window, as after a call (0 is the
 *               return address), RBP is 0.  GDT and IDT are still the
 *               firmware's and no longer mapped: load others before a
 *               segment register or an interrupt is used.  CR0.WP, CR4.PGE and
 *               EFER.NXE are on.  Page tables, of four levels or, if CR4.LA57
 *               is on, five, map
 *
 *                 the image       at `kernel_virt`: each segment with its own
 *                                 rights, nothing writable and executable
 *                 the window      RAM below `window_bytes`, at `window_base`;
 *                                 not devices, reserved ranges and holes.
 *                                 Writable, but for pages that are executable
 *                                 or constant elsewhere; never executable
 *                 the screen      at 0xffffffff90000000 and its offset in a
 *                                 page; writable
 *                 the memory map  at CAIRN_HANDOFF_MAP_WINDOW, read-only
 *                 one page        of the loader, at its own address, executable
 *                                 (the last of `ranges`); may be unmapped
 */
#ifndef CAIRN_HANDOFF_H
#define CAIRN_HANDOFF_H

#include <cairn/status.h>
#include <cairn/types.h>

CAIRN_BEGIN_DECLS

#define CAIRN_HANDOFF_MAGIC      0x46464f444e524943u /* "CIRNDOFF" */
#define CAIRN_HANDOFF_VERSION    2
#define CAIRN_HANDOFF_RANGES_MAX 16

/* The buffer of the memory map, at its offset in a page from here. */
#define CAIRN_HANDOFF_MAP_WINDOW 0xffffff8800000000u

/* Memory that the loader itself has allocated and the kernel must keep. */
struct cairn_handoff_range {
    uint64_t start;
    uint64_t bytes;
};

struct cairn_handoff {
    uint64_t magic;
    uint32_t size;    /* sizeof(struct cairn_handoff) of the loader */
    uint32_t version; /* CAIRN_HANDOFF_VERSION of the loader */
    uint32_t cpu_count;
    uint32_t boot_services_exited; /* 1 after ExitBootServices succeeded */

    /* The screen; all zero if there is none. */
    uint64_t framebuffer_base;
    uint64_t framebuffer_bytes;
    uint32_t framebuffer_width;  /* pixels */
    uint32_t framebuffer_height; /* pixels */
    uint32_t framebuffer_stride; /* pixels from one line to the next */
    uint32_t framebuffer_is_rgb; /* byte order: 0 is B,G,R,x; 1 is R,G,B,x */

    /* The final UEFI memory map. */
    uint64_t map_base;
    uint64_t map_bytes;
    uint64_t map_entries;
    uint32_t map_descriptor_bytes; /* from one descriptor to the next */
    uint32_t map_descriptor_version;

    /* Memory for the kernel's first allocations. */
    uint64_t temp_heap_base;
    uint64_t temp_heap_bytes;

    /* The kernel's image. */
    uint64_t kernel_phys;
    uint64_t kernel_bytes;
    uint64_t kernel_entry; /* physical address of the entry point */
    uint64_t kernel_virt;

    uint64_t window_base; /* virtual */
    uint64_t window_bytes;
    uint64_t rsdp;         /* ACPI root; 0 if there is none */
    uint64_t system_table; /* EFI_SYSTEM_TABLE */

    /* Text, terminated by '\0'; 0 if there is none. */
    uint64_t command_line;
    uint64_t command_line_bytes; /* with '\0' */

    /* Page tables, stack, this structure, ... */
    struct cairn_handoff_range ranges[CAIRN_HANDOFF_RANGES_MAX];
    uint64_t range_count;

    /* How many places each was chosen from, to be told; 1: there was none. */
    uint64_t kernel_phys_places;
    uint64_t kernel_virt_places;
    uint64_t window_places;
};

/* What is wrong with a hand-off; one value for each rule. */
enum cairn_handoff_error {
    CAIRN_HANDOFF_OK = 0,
    CAIRN_HANDOFF_BAD_MAGIC,
    CAIRN_HANDOFF_BAD_SIZE,
    CAIRN_HANDOFF_BAD_VERSION,
    CAIRN_HANDOFF_NO_CPU,
    CAIRN_HANDOFF_BOOT_SERVICES_ACTIVE,
    CAIRN_HANDOFF_FRAMEBUFFER_BAD_FORMAT,
    CAIRN_HANDOFF_FRAMEBUFFER_NO_BASE,
    CAIRN_HANDOFF_FRAMEBUFFER_NO_SIZE,
    CAIRN_HANDOFF_FRAMEBUFFER_NO_WIDTH,
    CAIRN_HANDOFF_FRAMEBUFFER_NO_HEIGHT,
    CAIRN_HANDOFF_FRAMEBUFFER_BAD_STRIDE,
    CAIRN_HANDOFF_FRAMEBUFFER_TOO_SMALL,
    CAIRN_HANDOFF_MAP_NO_BUFFER,
    CAIRN_HANDOFF_MAP_NO_DESCRIPTOR_SIZE,
    CAIRN_HANDOFF_MAP_BAD_DESCRIPTOR_VERSION,
    CAIRN_HANDOFF_MAP_NO_ENTRIES,
    CAIRN_HANDOFF_MAP_TOO_SMALL,
    CAIRN_HANDOFF_KERNEL_NO_BASE,
    CAIRN_HANDOFF_KERNEL_NO_SIZE,
    CAIRN_HANDOFF_KERNEL_BAD_SIZE,
    CAIRN_HANDOFF_KERNEL_NO_ENTRY,
    CAIRN_HANDOFF_KERNEL_ENTRY_OUTSIDE,
    CAIRN_HANDOFF_KERNEL_BAD_VIRT,
    CAIRN_HANDOFF_HEAP_NO_BASE,
    CAIRN_HANDOFF_HEAP_BAD_SIZE,
    CAIRN_HANDOFF_HEAP_OVERLAPS_KERNEL,
    CAIRN_HANDOFF_WINDOW_NO_BASE,
    CAIRN_HANDOFF_WINDOW_NO_SIZE,
    CAIRN_HANDOFF_BAD_SYSTEM_TABLE,
    CAIRN_HANDOFF_BAD_RSDP,
    CAIRN_HANDOFF_BAD_COMMAND_LINE,
    CAIRN_HANDOFF_TOO_MANY_RANGES,
    CAIRN_HANDOFF_BAD_RANGE,
    CAIRN_HANDOFF_ERROR_COUNT
};

/*
 * Check every field against the rules and against the others.
 *
 *   handoff        NULL counts as a bad magic number
 *   expected_virt  where the kernel was linked or slid to
 *
 * Returns  the first rule that is broken, in the order above; the fields
 *          before it are right.
 * Cost     O(1).  Reads nothing but the structure itself.
 */
CAIRN_MUST_CHECK enum cairn_handoff_error
cairn_handoff_check(const struct cairn_handoff *handoff,
                    uint64_t expected_virt);

/* One sentence for each error; never NULL. */
const char *cairn_handoff_error_text(enum cairn_handoff_error error);

CAIRN_END_DECLS

#endif
