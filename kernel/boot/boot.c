/*
 * boot.c - from the first C function to a kernel that knows its memory.
 *
 * HOW    Both ways in end in the same state: the library knows the memory map,
 *        the early allocator works, and the page tables map
 *
 *          the image       at a random place: code RX, constants R, data RW
 *          the window      physical memory, at another one, RW, no X
 *          the screen      at KERNEL_FRAMEBUFFER_BASE, RW, no X
 *
 *        and nothing else: no identity mapping, nothing at address 0.  As soon
 *        as there is a frame allocator, tables.c replaces them.
 *
 *        After Multiboot 2 and PVH the image first runs where it is linked to,
 *        to learn options and random numbers and to choose its place
 *        (slide.h).  What it has stored by then survives, but for pointers:
 *        these lead to where it was.  So the boot information is read again.
 *
 *        The UEFI loader has built such tables, in memory of its own; what is
 *        still alive of that is pinned, so that it is never reclaimed; the
 *        page of the loader that led here stays mapped until tables.c.  After
 *        Multiboot 2 and PVH the kernel stands on the provisional ones of
 *        entry.S, which reach the first 4 GiB at their own addresses; it
 *        builds the final ones here, with frames of the early allocator.
 *
 * FAILS  By panic: without a memory map there is no kernel.
 */
#include "boot/boot.h"

#include "boot/slide.h"
#include "boot/tables.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "entropy.h"
#include "kernel.h"
#include "monitor/text.h"
#include "options.h"
#include "platform.h"
#include "startup.h"
#include <cairn/init.h>

#define MULTIBOOT2_MAGIC 0x36d76289u
/* What entry.S maps at its own address. */
#define PROVISIONAL_BYTES (4 * CAIRN_GIB)
/* Page tables: Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging". */
#define ENTRY_COUNT   512
#define ENTRY_PRESENT ((uint64_t)1 << 0)
#define ENTRY_LARGE   ((uint64_t)1 << 7)
#define ENTRY_ADDRESS ((uint64_t)0x000ffffffffff000)

struct kernel kernel;

/* Physical address of the image's first byte. */
static uint64_t image_phys;

static uint64_t image_bytes(void)
{
    return (uint64_t)(kernel_image_end - kernel_image_begin);
}

struct cairn_phys_range kernel_image_range(void)
{
    return cairn_phys_range_make(image_phys, image_phys + image_bytes());
}

struct cairn_phys_range kernel_screen_range(void)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    uint64_t start = screen->base.value & ~mask;
    uint64_t end = (screen->base.value + screen->bytes + mask) & ~mask;

    if (!screen->is_present || screen->bytes > KERNEL_SCREEN_BYTES_MAX ||
        end - start > KERNEL_SCREEN_BYTES_MAX)
        end = start;
    return cairn_phys_range_make(start, end);
}

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void start_library(void)
{
    kernel_require(cairn_init_early(&kernel.boot, kernel_image_range(),
                                    cairn_phys_make(CAIRN_PHYS_LIMIT),
                                    &kernel.early),
                   "memory map");
}

/* ---- The final tables, after Multiboot 2 and PVH ------------------------- */

static bool alloc_table(void *context, uint64_t *phys)
{
    cairn_pfn pfn;

    if (cairn_early_alloc_table(context, &pfn) != CAIRN_OK)
        return false;
    *phys = cairn_phys_of(pfn).value;
    return *phys < PROVISIONAL_BYTES;
}

static void map(struct boot_tables *tables, uint64_t virt,
                struct cairn_phys_range range, unsigned flags)
{
    if (!boot_tables_map(tables, virt, range.start.value,
                         cairn_phys_range_bytes(range), flags))
        kernel_panic("out of frames for page tables, mapping %#llx",
                     (unsigned long long)virt);
}

/* Map the part of the image between two of its symbols. */
static void map_image(struct boot_tables *tables, const char *begin,
                      const char *end, unsigned flags)
{
    uint64_t offset = (uint64_t)(begin - kernel_image_begin);
    uint64_t phys = image_phys + offset;

    map(tables, kernel_virtual_base() + offset,
        cairn_phys_range_make(phys, phys + (uint64_t)(end - begin)),
        BOOT_TABLES_GLOBAL | flags);
}

/* Map [start, end) of physical memory in the window. */
static void map_window_part(struct boot_tables *tables, uint64_t start,
                            uint64_t end, unsigned flags)
{
    if (start < end)
        map(tables, kernel.window_base + start,
            cairn_phys_range_make(start, end), BOOT_TABLES_GLOBAL | flags);
}

/* Code and constants of the kernel are not writable through the window. */
static void map_window_range(struct boot_tables *tables,
                             struct cairn_phys_range part)
{
    uint64_t constant_end =
        image_phys + (uint64_t)(kernel_rodata_end - kernel_image_begin);
    uint64_t low = min(max(image_phys, part.start.value), part.end.value);
    uint64_t high = min(max(constant_end, part.start.value), part.end.value);

    map_window_part(tables, part.start.value, low, BOOT_TABLES_WRITABLE);
    map_window_part(tables, low, high, 0);
    map_window_part(tables, high, part.end.value, BOOT_TABLES_WRITABLE);
}

/* What may be drawn from; NULL: addresses are fixed. */
static struct cairn_entropy *chance(void)
{
    return kernel.has_fixed_layout || kernel.system_number != 0
               ? NULL
               : &kernel.entropy;
}

/* Choose the window's place; how far it reaches. */
static uint64_t place_window(void)
{
    struct cairn_phys_range all = {{0}, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;
    struct boot_place place;

    while (
        cairn_memmap_next(&kernel.boot.map, KERNEL_WINDOW_KINDS, all, &range))
        all.start = range.end;
    if (!boot_place_choose(&boot_slide_window,
                           max(all.start.value, BOOT_WINDOW_BYTES_MIN),
                           chance(), &place))
        kernel_panic("no place for a window of %#llx bytes",
                     (unsigned long long)all.start.value);
    kernel.window_base = place.start;
    kernel.window_places = place.places;
    return all.start.value;
}

/* Map what is RAM and nothing else. */
static void map_window(struct boot_tables *tables)
{
    struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;
    struct cairn_phys_range part = {{0}, {0}};

    while (cairn_memmap_next(&kernel.boot.map, KERNEL_WINDOW_KINDS, window,
                             &range)) {
        window.start = range.end;
        if (range.start.value != part.end.value) {
            map_window_range(tables, part);
            part.start = range.start;
        }
        part.end = range.end;
    }
    map_window_range(tables, part);
}

static void map_screen(struct boot_tables *tables)
{
    map(tables, KERNEL_FRAMEBUFFER_BASE, kernel_screen_range(),
        BOOT_TABLES_WRITABLE | BOOT_TABLES_GLOBAL);
}

/* Option starve: no frame is left for them. */
static void starve(void)
{
    const char *at = kernel.boot.command_line;
    cairn_pfn pfn;

    while (*at != '\0' && !text_begins_with(at, " --", 3) &&
           !text_begins_with(at, " starve", 7))
        at++;
    if (!text_begins_with(at, " starve", 7))
        return;
    console_printf("[cairn] starve: all frames are taken\n");
    while (cairn_early_alloc_table(&kernel.early, &pfn) == CAIRN_OK)
        continue;
}

static void build_tables(void)
{
    bool has_5_levels = cpu_paging_mode() == CAIRN_PAGING_5LEVEL;
    struct boot_tables tables = {.levels = has_5_levels ? 5 : 4,
                                 .alloc = alloc_table,
                                 .context = &kernel.early};
    uint64_t window_bytes = place_window();

    starve();
    if (!boot_tables_init(&tables))
        kernel_panic("out of frames for page tables");
    map_image(&tables, kernel_image_begin, kernel_text_end,
              BOOT_TABLES_EXECUTABLE);
    map_image(&tables, kernel_text_end, kernel_rodata_end, 0);
    map_image(&tables, kernel_rodata_end, kernel_image_end,
              BOOT_TABLES_WRITABLE);
    map_window(&tables);
    map_screen(&tables);
    insn_write_cr3(tables.root);
    kernel_require(cairn_window_activate(&kernel.window,
                                         cairn_virt_make(kernel.window_base),
                                         window_bytes),
                   "window");
}

/* ---- What the UEFI loader leaves alive ----------------------------------- */

struct loader_pins {
    const struct cairn_handoff *handoff;
    uint32_t pinned; /* bit i: handoff->ranges[i] is */
};

/* Pin the loader's range that an address lies in, once. */
static void pin_range_at(struct loader_pins *pins, uint64_t phys)
{
    for (size_t i = 0; i < pins->handoff->range_count; i++) {
        const struct cairn_handoff_range *range = &pins->handoff->ranges[i];

        if (phys - range->start >= range->bytes || (pins->pinned >> i & 1) != 0)
            continue;
        kernel_require(
            cairn_memmap_pin(&kernel.boot.map, range->start, range->bytes),
            "pin");
        pins->pinned |= 1u << i;
    }
}

/* The tables below and including the one at `phys`. */
static void pin_tables(struct loader_pins *pins, uint64_t phys, int level)
{
    const uint64_t *table = (const uint64_t *)(kernel.window_base + phys);

    pin_range_at(pins, phys);
    for (int i = 0; level > 1 && i < ENTRY_COUNT; i++) {
        if ((table[i] & ENTRY_PRESENT) != 0 && (table[i] & ENTRY_LARGE) == 0)
            pin_tables(pins, table[i] & ENTRY_ADDRESS, level - 1);
    }
}

/*
 * The page tables, the memory map (it is mapped), and the executable page of
 * the loader, which the window shows read-only.  The kernel has left the
 * loader's stack and has copied the hand-off.
 */
static void pin_loader(const struct cairn_handoff *handoff)
{
    struct loader_pins pins = {handoff, 0};

    pin_tables(&pins, insn_read_cr3() & ENTRY_ADDRESS,
               cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 5 : 4);
    pin_range_at(&pins, handoff->map_base);
    pin_range_at(&pins, handoff->ranges[handoff->range_count - 1].start);
}

/* The loader has mapped the whole buffer of the map, which is one range. */
static uint64_t map_buffer_bytes(const struct cairn_handoff *handoff)
{
    for (size_t i = 0; i < handoff->range_count; i++) {
        if (handoff->ranges[i].start == handoff->map_base)
            return handoff->ranges[i].bytes;
    }
    return handoff->map_bytes;
}

/* ---- The two ways in ----------------------------------------------------- */

static void start_kernel(void)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;

    kernel_require(cairn_window_cover(&kernel.window, &kernel.boot.map,
                                      KERNEL_WINDOW_KINDS, kernel.window_ranges,
                                      KERNEL_WINDOW_RANGES),
                   "window");
    if (cairn_phys_range_bytes(kernel_screen_range()) > 0)
        console_attach_screen(
            screen, (void *)(KERNEL_FRAMEBUFFER_BASE +
                             (screen->base.value & (CAIRN_FRAME_SIZE - 1))));
    kernel_main();
}

/* Options, the first line, random numbers: once kernel.boot is filled. */
static void begin(void)
{
    options_take();
    kernel_greet();
    entropy_start();
}

static void read_boot(uint64_t magic, uint64_t info)
{
    cairn_phys start = cairn_phys_make(info);

    cairn_window_init(&kernel.window, PROVISIONAL_BYTES);
    if (cairn_boot_is_pvh(start))
        kernel_require(cairn_boot_from_pvh(start, &kernel.boot), "PVH");
    else if (magic == MULTIBOOT2_MAGIC)
        kernel_require(
            cairn_boot_from_multiboot2((uint32_t)magic, start, &kernel.boot),
            "Multiboot 2");
    else
        kernel_panic("unknown boot loader: magic number %#llx is neither "
                     "Multiboot 2 nor PVH",
                     (unsigned long long)magic);
}

uint64_t boot_choose_place(uint64_t magic, uint64_t info, uint64_t image)
{
    struct boot_place place;

    console_init();
    image_phys = image;
    read_boot(magic, info);
    begin();
    if (!boot_place_choose(&boot_slide_image, image_bytes(), chance(), &place))
        kernel_panic("no place for an image of %#llx bytes",
                     (unsigned long long)image_bytes());
    kernel.image_places = place.places;
    slide_to(place.start, image_bytes());
    return place.start - BOOT_IMAGE_HOME;
}

void boot_from_32(uint64_t magic, uint64_t info)
{
    startup_step("interrupts off");
    startup_step("options, random numbers");
    startup_step("image in its place");
    entropy_moved();
    cpu_init();
    startup_step("descriptors, exceptions, CR4");
    read_boot(magic, info);
    start_library();
    startup_step("memory map, early allocator");
    build_tables();
    startup_step("page tables of the boot");
    start_kernel();
}

/* What the loader has chosen. */
static void take_places(const struct cairn_handoff *handoff)
{
    image_phys = handoff->kernel_phys;
    kernel.window_base = handoff->window_base;
    kernel.window_places = handoff->window_places;
    kernel.image_places = handoff->kernel_virt_places;
    kernel.physical_places = handoff->kernel_phys_places;
}

void boot_from_uefi(uint64_t handoff_phys, uint64_t window)
{
    const struct cairn_handoff *handoff = (const void *)(window + handoff_phys);
    enum cairn_handoff_error error;

    startup_step("interrupts off");
    console_init();
    cpu_init();
    startup_step("descriptors, exceptions, CR4");
    cairn_window_init(&kernel.window, 0);
    error = cairn_handoff_check(handoff, kernel_virtual_base());
    if (error != CAIRN_HANDOFF_OK)
        kernel_panic("hand-off refused: %s", cairn_handoff_error_text(error));
    take_places(handoff);
    kernel_require(cairn_window_activate(&kernel.window,
                                         cairn_virt_make(handoff->window_base),
                                         handoff->window_bytes),
                   "window");
    kernel_require(cairn_boot_from_handoff(handoff, &kernel.boot), "hand-off");
    begin();
    startup_step("options, random numbers");
    kernel.map_window =
        CAIRN_HANDOFF_MAP_WINDOW + (handoff->map_base & (CAIRN_FRAME_SIZE - 1));
    kernel.map_window_bytes = map_buffer_bytes(handoff);
    kernel.map_window_entries = handoff->map_entries;
    kernel.map_window_stride = handoff->map_descriptor_bytes;
    startup_step("page tables of the boot");
    start_library();
    startup_step("memory map, early allocator");
    pin_loader(handoff);
    start_kernel();
}
