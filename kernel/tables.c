/*
 * tables.c - the kernel's own page table; see tables.h.
 *
 * WHAT   the image       where it runs: code RX, constants R, data RW
 *        the window      RAM, or more, RW, no X; but code and constants are
 *                        not writable there either; devices (windows.h)
 *        the screen      RW, no X, write-combining
 *        the UEFI map    read-only, where the loader has put it
 *        on request      identity map and temporary heap (temporary.h)
 *
 *        All of it global, in the largest pages that the CPU has.
 *
 * HOW    Built while the tables of the boot are in use.  Both map the image and
 *        the stack alike, so loading the root is all it takes.  After PVH and
 *        Multiboot 2, the former tables are frames of the early allocator and
 *        come back; the UEFI loader's are no longer pinned, so that the memory
 *        of the loader can be reclaimed.
 *
 * FAILS  By panic: what boots has frames for that.
 */
#include "tables.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel.h"
#include "platform.h"
#include "startup.h"
#include "temporary.h"
#include "windows.h"
#include <cairn/map.h>
#include <cairn/ptwalk.h>

#define MSR_PAT       0x277u /* Intel SDM vol. 4 */
#define ENTRY_COUNT   512
#define ENTRY_PRESENT ((uint64_t)1 << 0)
#define ENTRY_LARGE   ((uint64_t)1 << 7)
#define ENTRY_ADDRESS ((uint64_t)0x000ffffffffff000)

static void release_table(void *context, cairn_pfn frame)
{
    kernel_require(cairn_frames_free(context, frame),
                   "page table, a table that is not needed");
}

/* ---- What is mapped ------------------------------------------------------ */

static void map(struct cairn_pagetable *table, uint64_t virt, uint64_t start,
                uint64_t end, unsigned rights)
{
    const struct cairn_page_policy policy = {.rights =
                                                 rights | CAIRN_PAGE_GLOBAL};

    kernel_require(cairn_map_range(table, cairn_va_make(virt),
                                   cairn_phys_range_make(start, end), &policy),
                   "page table, mapping");
}

static uint64_t offset_of(const char *symbol)
{
    return (uint64_t)(symbol - kernel_image_begin);
}

static void map_image(struct cairn_pagetable *table)
{
    uint64_t phys = kernel_image_range().start.value;
    uint64_t text_end = offset_of(kernel_text_end);
    uint64_t rodata_end = offset_of(kernel_rodata_end);

    map(table, kernel_virtual_base(), phys, phys + text_end, CAIRN_PAGE_EXEC);
    map(table, kernel_virtual_base() + text_end, phys + text_end,
        phys + rodata_end, 0);
    map(table, kernel_virtual_base() + rodata_end, phys + rodata_end,
        phys + offset_of(kernel_image_end), CAIRN_PAGE_WRITE);
}

/* Data, as it is through the window; nothing by default. */
static void map_margin(struct cairn_pagetable *table)
{
    struct cairn_phys_range image = kernel_image_range();
    uint64_t begin = image.start.value;
    uint64_t end = image.end.value;

    map(table, kernel_virtual_base() - kernel.margin_below,
        begin - kernel.margin_below, begin, CAIRN_PAGE_WRITE);
    map(table, (uintptr_t)kernel_image_end, end, end + kernel.margin_above,
        CAIRN_PAGE_WRITE);
}

static void map_screen(struct cairn_pagetable *table)
{
    const struct cairn_page_policy policy = {
        .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL,
        .cache = CAIRN_CACHE_WC,
    };

    kernel_require(cairn_map_range(table,
                                   cairn_va_make(KERNEL_FRAMEBUFFER_BASE),
                                   kernel_screen_range(), &policy),
                   "page table, screen");
}

/* The firmware's own map; where it is, the loader's tables say. */
static cairn_phys find_uefi_map(void)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;

    (void)cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                       cairn_va_make(kernel.map_window), steps, &mapping);
    return mapping.phys;
}

static void map_uefi_map(struct cairn_pagetable *table)
{
    uint64_t start = find_uefi_map().value;
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    uint64_t end = start + kernel.map_window_entries * kernel.map_window_stride;

    map(table, kernel.map_window & ~mask, start & ~mask, (end + mask) & ~mask,
        0);
}

/* ---- The former tables --------------------------------------------------- */

/* Frames of the early allocator: a table, and those below. */
static void free_tables(uint64_t phys, unsigned level)
{
    const uint64_t *table = cairn_platform_phys_to_virt(
        cairn_phys_make(phys), (size_t)CAIRN_FRAME_SIZE);

    for (unsigned i = 0; level > 1 && i < ENTRY_COUNT; i++) {
        if ((table[i] & ENTRY_PRESENT) != 0 && (table[i] & ENTRY_LARGE) == 0)
            free_tables(table[i] & ENTRY_ADDRESS, level - 1);
    }
    release_table(&kernel.frames, cairn_pfn_of(cairn_phys_make(phys)));
}

/* Of what the loader has left, only the firmware's map stays. */
static void unpin_loader(uint64_t map_phys)
{
    struct cairn_memmap *map_of_boot = &kernel.boot.map;

    for (size_t i = map_of_boot->pin_count; i-- > 0;) {
        struct cairn_phys_range pin = map_of_boot->pins[i];

        if (map_phys - pin.start.value >= cairn_phys_range_bytes(pin))
            kernel_require(cairn_memmap_unpin(map_of_boot, pin.start.value,
                                              cairn_phys_range_bytes(pin)),
                           "page table, unpin");
    }
}

/* ---- Is it all there? ---------------------------------------------------- */

static void verify_slot(struct cairn_pagetable *table, const char *what,
                        uint64_t va)
{
    bool has_5_levels = table->config.mode == CAIRN_PAGING_5LEVEL;
    unsigned slot = (unsigned)(va >> (has_5_levels ? 48 : 39)) % ENTRY_COUNT;
    const uint64_t *root = cairn_platform_phys_to_virt(
        cairn_pagetable_root(table), (size_t)CAIRN_FRAME_SIZE);

    if ((root[slot] & ENTRY_PRESENT) == 0 ||
        !cairn_is_mapped(table, cairn_va_make(va)))
        kernel_panic("page table: slot %u: %s is missing", slot, what);
}

void tables_verify(struct cairn_pagetable *table)
{
    struct cairn_phys_range image = kernel_image_range();

    verify_slot(table, "image", kernel_virtual_base());
    verify_slot(table, "stack", (uintptr_t)__builtin_frame_address(0));
    verify_slot(table, "window", kernel.window_base + image.start.value);
    if (cairn_phys_range_bytes(kernel_screen_range()) > 0)
        verify_slot(table, "screen", KERNEL_FRAMEBUFFER_BASE);
    if (kernel.map_window_entries != 0)
        verify_slot(table, "memory map", kernel.map_window);
    if (kernel.identity_bytes > 0)
        verify_slot(table, "identity map", image.start.value);
    if (kernel.tempheap_bytes > 0)
        verify_slot(table, "temporary heap", KERNEL_TEMPORARY_HEAP);
}

/* ---- Start --------------------------------------------------------------- */

static void init_table(void)
{
    bool has_5_levels = cpu_paging_mode() == CAIRN_PAGING_5LEVEL;
    const struct cairn_pagetable_config config = {
        .mode = cpu_paging_mode(),
        .features = cpu_paging_features(),
        .source = cairn_frames_source(&kernel.frames),
        .release = release_table,
        .release_context = &kernel.frames,
        .window = &kernel.window,
        /* Users', also where there is an identity map for the start. */
        .user_end = (uint64_t)1 << (has_5_levels ? 56 : 47),
        .is_w_xor_x = true,
    };

    kernel_require(cairn_pagetable_init(&kernel.table, &config),
                   "page table, root");
}

/* Global pages of the former tables, too. */
static void flush_all(void)
{
    uintptr_t cr4 = insn_read_cr4();

    insn_write_cr4(cr4 & ~INSN_CR4_PGE);
    insn_write_cr4(cr4);
}

void tables_full_map(struct cairn_pagetable *table)
{
    map_image(table);
    map_margin(table);
    windows_map(table);
    map_screen(table);
    if (kernel.map_window_entries != 0)
        map_uefi_map(table);
    temporary_map(table);
}

void tables_start(void)
{
    uintptr_t former = insn_read_cr3() & (uintptr_t)ENTRY_ADDRESS;
    bool is_uefi = kernel.map_window_entries != 0;
    uint64_t uefi_map = is_uefi ? find_uefi_map().value : 0;

    temporary_alloc();
    init_table();
    tables_full_map(&kernel.table);
    startup_step("page table");
    tables_verify(&kernel.table);
    startup_step("page table verified");
    if (kernel.table.config.features.has_pat)
        insn_write_msr(MSR_PAT, CAIRN_PAGING_PAT);
    cairn_pagetable_activate(&kernel.table);
    flush_all();
    startup_step("CR3 loaded");
    windows_use();
    startup_step("window");
    if (is_uefi)
        unpin_loader(uefi_map);
    else
        free_tables(former, cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 5 : 4);
    temporary_hold();
    startup_step("former page tables given back");
}
