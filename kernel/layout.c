/*
 * layout.c - what lies where in the running kernel.
 *
 * HOW    Image, window, screen and the firmware's memory map are where boot.c
 *        or the loader put them; the layout says so, and refuses to start if
 *        they meet.  Areas and stacks slide: nothing is mapped there yet.
 *
 *        Around the image is nothing, so that what runs out of it faults; a
 *        kernel that counts on memory there gets it by margin=mapped: 64 KiB
 *        below and 8 MiB less a page above, physically where they go on, RW.
 *        That is memory of others.
 *
 *        Without RDRAND, numbers begin with the time since reset, taken many
 *        times, and with where things were put: little that is secret.
 */
#include "layout.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/random.h"
#include "kernel.h"
#include "platform.h"
#include "temporary.h"
#include "windows.h"

#define STAMPS 16

/* What may slide, and where. */
static const struct cairn_layout_request sliding[] = {
    {.name = "areas",
     .span = {{0xffffc00000000000u}, 16 * CAIRN_TIB},
     .align = CAIRN_GIB,
     .slide = {{0xffffc00000000000u}, 32 * CAIRN_TIB}},
    {.name = "stacks",
     .span = {{0xffffe00000000000u}, 64 * CAIRN_GIB},
     .slide = {{0xffffe00000000000u}, 16 * CAIRN_TIB}},
};

#define SLIDING (sizeof(sliding) / sizeof(sliding[0]))

static void start_entropy(void)
{
    struct cairn_entropy_source source = random_source();
    uint64_t data[STAMPS + 3];

    if (kernel.has_seed) {
        cairn_entropy_init_fixed(&kernel.entropy, kernel.seed);
        return;
    }
    data[0] = kernel_image_range().start.value;
    data[1] = kernel.boot.rsdp.value;
    data[2] = kernel.boot.map.count;
    for (unsigned i = 0; i < STAMPS; i++) {
        (void)insn_cpuid(0, 0); /* waits for what is under way */
        data[3 + i] = insn_read_tsc();
    }
    cairn_entropy_init(&kernel.entropy, &source, data, STAMPS + 3);
}

static void require(enum cairn_status status, const char *name,
                    const struct cairn_layout_range *met)
{
    if (status != CAIRN_OK)
        kernel_panic("layout: %s: %s%s%s", name, cairn_status_text(status),
                     met != NULL ? ", by " : "", met != NULL ? met->name : "");
}

/* Bytes [start, end), and what else is in those pages; nothing if empty. */
static void add(const char *name, const char *inside, uint64_t start,
                uint64_t end)
{
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    const struct cairn_layout_range *met;
    struct cairn_layout_request request = {
        .name = name,
        .inside = inside,
        .span = cairn_span_make(start & ~mask,
                                ((end + mask) & ~mask) - (start & ~mask))};
    enum cairn_status status;

    if (start == end)
        return;
    status = cairn_layout_add(&kernel.layout, &request, &met);
    require(status, name, met);
}

static void add_image(void)
{
    uint64_t begin = (uintptr_t)kernel_image_begin;
    uint64_t text_end = (uintptr_t)kernel_text_end;
    uint64_t rodata_end = (uintptr_t)kernel_rodata_end;
    uint64_t end = (uintptr_t)kernel_image_end;

    add("image", NULL, begin, end);
    add("code", "image", begin, text_end);
    add("constants", "image", text_end, rodata_end);
    add("data", "image", rodata_end, end);
}

static void add_screen(void)
{
    add("screen", NULL, KERNEL_FRAMEBUFFER_BASE,
        KERNEL_FRAMEBUFFER_BASE +
            cairn_phys_range_bytes(kernel_screen_range()));
}

/* Memory that goes on around the image; cut where there is none. */
static void choose_margin(void)
{
    struct cairn_phys_range image = kernel_image_range();
    uint64_t below = KERNEL_MARGIN_BELOW;
    uint64_t above = KERNEL_MARGIN_ABOVE;

    while (below > 0 && cairn_platform_phys_to_virt(
                            cairn_phys_make(image.start.value - below),
                            (size_t)below) == NULL)
        below -= CAIRN_FRAME_SIZE;
    while (above > 0 &&
           cairn_platform_phys_to_virt(image.end, (size_t)above) == NULL)
        above -= CAIRN_FRAME_SIZE;
    kernel.margin_below = kernel.margin_option != 0 ? below : 0;
    kernel.margin_above = kernel.margin_option != 0 ? above : 0;
}

static void add_margin(void)
{
    uint64_t begin = (uintptr_t)kernel_image_begin;
    uint64_t end = (uintptr_t)kernel_image_end;

    choose_margin();
    add("margin below", NULL, begin - kernel.margin_below, begin);
    add("margin above", NULL, end, end + kernel.margin_above);
}

/* The window, and devices in it or behind its end. */
static void add_window(void)
{
    uint64_t base = kernel.window.base;
    uint64_t bytes = windows_bytes();

    add("window", NULL, base, base + bytes);
    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct windows_device device = windows_device(i);
        uint64_t end = device.range.end.value;

        add(device.name, end <= bytes ? "window" : NULL,
            base + device.range.start.value, base + end);
    }
}

void layout_start(void)
{
    const struct cairn_layout_range *met;
    enum cairn_status status;
    size_t failed = 0;

    start_entropy();
    require(cairn_layout_init(&kernel.layout, cpu_paging_mode()), "mode", NULL);
    add_image();
    add_margin();
    add_window();
    add_screen();
    temporary_choose(kernel.identity_option != TEMPORARY_NEVER,
                     kernel.heap_option != TEMPORARY_NEVER);
    add("identity", NULL, 0, kernel.identity_bytes);
    add("temporary heap", NULL, KERNEL_TEMPORARY_HEAP,
        KERNEL_TEMPORARY_HEAP + kernel.heap_bytes);
    add("memory map", NULL, kernel.map_window,
        kernel.map_window + kernel.map_window_bytes);
    status =
        cairn_layout_add_all(&kernel.layout, sliding, SLIDING, &failed, &met);
    require(status, sliding[failed].name, met);
    require(cairn_layout_randomise(&kernel.layout,
                                   kernel.has_fixed_layout ? NULL
                                                           : cairn_entropy_draw,
                                   &kernel.entropy),
            "random places", NULL);
}
