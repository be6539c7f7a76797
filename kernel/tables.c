/*
 * tables.c - the kernel's own page table; see tables.h.
 *
 * WHAT   the image       where it runs: code RX, constants R, data RW
 *        the window      what is or may be RAM, RW, no X; but code and
 *                        constants are not writable there either
 *        the screen      RW, no X, write-combining
 *        the UEFI map    read-only, where the loader has put it
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

static void map(uint64_t virt, uint64_t start, uint64_t end, unsigned rights)
{
    const struct cairn_page_policy policy = {.rights =
                                                 rights | CAIRN_PAGE_GLOBAL};

    kernel_require(cairn_map_range(&kernel.table, cairn_va_make(virt),
                                   cairn_phys_range_make(start, end), &policy),
                   "page table, mapping");
}

static uint64_t offset_of(const char *symbol)
{
    return (uint64_t)(symbol - kernel_image_begin);
}

static void map_image(void)
{
    uint64_t phys = kernel_image_range().start.value;
    uint64_t text_end = offset_of(kernel_text_end);
    uint64_t rodata_end = offset_of(kernel_rodata_end);

    map(kernel_virtual_base(), phys, phys + text_end, CAIRN_PAGE_EXEC);
    map(kernel_virtual_base() + text_end, phys + text_end, phys + rodata_end,
        0);
    map(kernel_virtual_base() + rodata_end, phys + rodata_end,
        phys + offset_of(kernel_image_end), CAIRN_PAGE_WRITE);
}

static void map_window_part(uint64_t start, uint64_t end, unsigned rights)
{
    if (start < end)
        map(kernel.window_base + start, start, end, rights);
}

/* Of a stretch, code and constants of the kernel are read-only. */
static void map_window(struct cairn_phys_range range)
{
    uint64_t start = range.start.value;
    uint64_t end = range.end.value;
    uint64_t constant = kernel_image_range().start.value;
    uint64_t data = constant + offset_of(kernel_rodata_end);

    if (constant >= end || data <= start) {
        map_window_part(start, end, CAIRN_PAGE_WRITE);
        return;
    }
    map_window_part(start, constant, CAIRN_PAGE_WRITE);
    map_window_part(constant > start ? constant : start,
                    data < end ? data : end, 0);
    map_window_part(data, end, CAIRN_PAGE_WRITE);
}

static void map_screen(void)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;
    const struct cairn_page_policy policy = {
        .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL,
        .cache = CAIRN_CACHE_WC,
    };
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    uint64_t start = screen->base.value & ~mask;
    uint64_t end = (screen->base.value + screen->bytes + mask) & ~mask;

    if (screen->is_present && end - start <= KERNEL_SCREEN_BYTES_MAX)
        kernel_require(cairn_map_range(&kernel.table,
                                       cairn_va_make(KERNEL_FRAMEBUFFER_BASE),
                                       cairn_phys_range_make(start, end),
                                       &policy),
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

static void map_uefi_map(uint64_t start)
{
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    uint64_t end = start + kernel.map_window_entries * kernel.map_window_stride;

    map(kernel.map_window & ~mask, start & ~mask, (end + mask) & ~mask, 0);
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

void tables_start(void)
{
    uintptr_t former = insn_read_cr3() & (uintptr_t)ENTRY_ADDRESS;
    bool is_uefi = kernel.map_window_entries != 0;
    uint64_t uefi_map = is_uefi ? find_uefi_map().value : 0;

    init_table();
    map_image();
    for (size_t i = 0; i < kernel.window.range_count; i++)
        map_window(kernel.window.ranges[i]);
    map_screen();
    if (is_uefi)
        map_uefi_map(uefi_map);
    if (kernel.table.config.features.has_pat)
        insn_write_msr(MSR_PAT, CAIRN_PAGING_PAT);
    cairn_pagetable_activate(&kernel.table);
    flush_all();
    if (is_uefi)
        unpin_loader(uefi_map);
    else
        free_tables(former, cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 5 : 4);
}
