/*
 * cairn/boot.h - one structure for what any boot loader says.
 *
 * For each boot protocol there is one function that translates the loader's
 * structures into a struct cairn_boot and decides nothing.  What it reads it
 * distrusts: sizes, counts and pointers are checked against what they claim to
 * describe, and physical addresses are reached only through
 * cairn_platform_phys_to_virt.  Everything that the kernel needs later is
 * copied, so that the loader's memory can be reclaimed.
 *
 *   static struct cairn_boot boot;
 *   status = cairn_boot_from_multiboot2(eax, ebx, &boot);
 *   if (status == CAIRN_OK)
 *       status = cairn_init_early(&boot, kernel_range, &early);
 *
 * Returns  each adapter: CAIRN_OK; CAIRN_BAD_ARGUMENT, the magic number is
 *          another protocol's; CAIRN_BAD_BOOT_DATA, the structure contradicts
 *          its specification; CAIRN_NOT_REACHABLE, it lies where no window
 *          reaches; CAIRN_NO_MEMORY_MAP; CAIRN_NO_SPACE, more ranges than
 *          CAIRN_BOOT_RANGES_MAX.  On any error the output must not be used.
 * Context  the boot CPU, interrupts off, before anything is allocated.
 */
#ifndef CAIRN_BOOT_H
#define CAIRN_BOOT_H

#include <cairn/early.h>
#include <cairn/handoff.h>
#include <cairn/memmap.h>

CAIRN_BEGIN_DECLS

/* Ranges of the finished memory map; real machines have 20 to 300. */
#define CAIRN_BOOT_RANGES_MAX         1024
#define CAIRN_BOOT_COMMAND_LINE_BYTES 1024
#define CAIRN_BOOT_NAME_BYTES         64
#define CAIRN_BOOT_MODULES_MAX        16

/* Pixels of 32 bits; is_present is false if there is no usable screen. */
struct cairn_framebuffer {
    cairn_phys base;
    uint64_t bytes;
    uint32_t width;
    uint32_t height;
    uint32_t pitch_bytes; /* from one line to the next */
    uint8_t red_shift;    /* bit of a pixel where the channel begins */
    uint8_t green_shift;
    uint8_t blue_shift;
    bool is_present;
};

/* A file that the loader has put into memory. */
struct cairn_boot_module {
    struct cairn_phys_range range;
    char name[CAIRN_BOOT_NAME_BYTES];
};

struct cairn_boot {
    const char *protocol;               /* "Multiboot 2"; constant text */
    char loader[CAIRN_BOOT_NAME_BYTES]; /* its name and version, or "" */
    char command_line[CAIRN_BOOT_COMMAND_LINE_BYTES];
    bool is_command_line_cut; /* it was longer */
    bool is_bios;             /* memory below 1 MiB belongs to the BIOS */
    uint64_t window_offset;   /* physical memory + offset; 0 if there is none */
    uint64_t window_bytes;
    uint64_t kernel_virt;              /* 0 if the protocol does not tell */
    struct cairn_phys_range kernel;    /* empty if it does not tell */
    struct cairn_phys_range temp_heap; /* empty if there is none */
    cairn_phys rsdp;                   /* 0 if there is none */
    cairn_phys uefi_system_table;      /* 0 if there is none */
    uint32_t cpu_count;                /* 0 if the protocol does not tell */
    struct cairn_framebuffer framebuffer;
    struct cairn_boot_module modules[CAIRN_BOOT_MODULES_MAX];
    size_t module_count;
    size_t modules_dropped; /* beyond CAIRN_BOOT_MODULES_MAX; reserved too */
    struct cairn_memmap map;
    struct cairn_memory_range storage[2 * CAIRN_BOOT_RANGES_MAX];
};

/*
 * A UEFI memory map as GetMemoryMap returns it, for kernels that are UEFI
 * applications themselves, with what else they know left empty.
 *
 *   buffer            any alignment
 *   bytes             of the whole buffer; a last, incomplete descriptor is
 *                     CAIRN_BAD_BOOT_DATA
 *   descriptor_bytes  from one descriptor to the next, at least 40; never
 *                     assume sizeof of a structure
 *
 * Source   UEFI Specification 2.10, section 7.2.3, "EFI_BOOT_SERVICES.
 *          GetMemoryMap()".
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_boot_from_uefi(const void *buffer, uint64_t bytes,
                     uint64_t descriptor_bytes, struct cairn_boot *out);

/*
 * The hand-off of a UEFI loader.  It must have passed cairn_handoff_check.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_boot_from_handoff(const struct cairn_handoff *handoff,
                        struct cairn_boot *out);

/*
 * Multiboot 1.
 *
 *   magic  EAX at entry: 0x2badb002
 *   info   EBX at entry
 *
 * Source   Multiboot Specification 0.6.96, section 3.3, "Boot information
 *          format".
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_boot_from_multiboot1(uint32_t magic, cairn_phys info,
                           struct cairn_boot *out);

/*
 * Multiboot 2.
 *
 *   magic  EAX at entry: 0x36d76289
 *   info   EBX at entry, 8-byte aligned
 *
 * Source   Multiboot2 Specification 2.0, section 3.6, "Boot information
 *          format".
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_boot_from_multiboot2(uint32_t magic, cairn_phys info,
                           struct cairn_boot *out);

/*
 * PVH, the direct boot of Xen, QEMU, Firecracker and cloud-hypervisor.
 *
 *   start_info  EBX at entry
 *
 * Source   Xen, "x86/HVM direct boot ABI", docs/misc/pvh.pandoc; structure
 *          hvm_start_info version 0 and 1.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_boot_from_pvh(cairn_phys start_info,
                                                       struct cairn_boot *out);

/* Does a PVH structure begin at `start_info`?  False if unreachable. */
bool cairn_boot_is_pvh(cairn_phys start_info);

/*
 * What Limine has written into the requests of the kernel: pointers to the
 * responses as they are, NULL where a request was not answered.
 */
struct cairn_limine_responses {
    uint64_t base_revision; /* in use: 0 .. */
    const void *memmap;     /* the only one that must not be NULL */
    const void *hhdm;
    const void *executable_address;
    const void *framebuffer;
    const void *rsdp;
    const void *bootloader_info;
    const void *executable_command_line;
    const void *modules;
    const void *mp;
};

/*
 * Limine.  Its responses are trusted as far as pointers go (the protocol
 * gives virtual addresses), counts and contents are checked.
 *
 * Source   The Limine Boot Protocol, PROTOCOL.md, base revisions 0 to 6.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_boot_from_limine(const struct cairn_limine_responses *responses,
                       struct cairn_boot *out);

CAIRN_END_DECLS

#endif
