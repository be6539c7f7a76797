/*
 * layout.c - what lies where in the running kernel.
 *
 * HOW    Image, window, screen and the firmware's memory map are where boot.c
 *        or the loader put them; the layout says so, and out of how many places
 *        these were chosen (boot/places.h), and refuses to start if
 *        they meet.  Areas and stacks slide: nothing is mapped there yet.
 *
 *        Around the image is nothing, so that what runs out of it faults; a
 *        kernel that counts on memory there gets it by margin=mapped: 64 KiB
 *        below and 8 MiB less a page above, physically where they go on, RW.
 *        That is memory of others.  No place of the image is without that room.
 *
 *        With a system's layout (kernel/systems/), that comes first, and what
 *        the boot has mapped must lie where the system has it.  What the system
 *        has a name for, but no place (areas and stacks of those that have
 *        none), lies where this kernel has it, and slides if anything does.
 */
#include "layout.h"

#include "cpu/cpu.h"
#include "kernel.h"
#include "monitor/text.h"
#include "platform.h"
#include "systems/layouts.h"
#include "temporary.h"
#include "windows.h"

static void require(enum cairn_status status, const char *name,
                    const struct cairn_layout_range *met)
{
    if (status != CAIRN_OK)
        kernel_panic("layout: %s: %s%s%s", name, cairn_status_text(status),
                     met != NULL ? ", by " : "", met != NULL ? met->name : "");
}

static bool has_range(const char *name)
{
    return cairn_layout_find(&kernel.layout, name) != NULL;
}

static void add_request(const struct cairn_layout_request *request)
{
    const struct cairn_layout_range *met;
    enum cairn_status status = cairn_layout_add(&kernel.layout, request, &met);

    require(status, request->name, met);
}

/*
 * Bytes [start, end), and what else is in those pages; nothing if empty.
 * Inside of what begins there or lies around.  The boot has chosen them out of
 * so many `places`, if not 0.
 */
static void add_chosen(const char *name, struct cairn_span bytes,
                       uint64_t places)
{
    uint64_t start = bytes.start.value;
    uint64_t end = start + bytes.bytes;
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    const struct cairn_layout_range *outer =
        cairn_layout_at(&kernel.layout, cairn_va_make(start));
    const struct cairn_layout_request request = {
        .name = name,
        .inside = outer != NULL ? outer->name : NULL,
        .span = cairn_span_make(start & ~mask,
                                ((end + mask) & ~mask) - (start & ~mask)),
        .places = places};

    if (start != end)
        add_request(&request);
}

static void add(const char *name, uint64_t start, uint64_t end)
{
    add_chosen(name, cairn_span_make(start, end - start), 0);
}

/*
 * Bytes [start, end), which this system may have a range for, by that name: it
 * is there, and has room.
 */
static void add_or_check(const char *name, uint64_t start, uint64_t end)
{
    const struct cairn_layout_range *range =
        cairn_layout_find(&kernel.layout, name);

    if (range == NULL)
        add(name, start, end);
    else if (start != end && (start != range->span.start.value ||
                              end - start > range->span.bytes))
        require(CAIRN_IN_USE, name, range);
}

static void add_image(void)
{
    uint64_t begin = (uintptr_t)kernel_image_begin;
    uint64_t text_end = (uintptr_t)kernel_text_end;
    uint64_t rodata_end = (uintptr_t)kernel_rodata_end;
    uint64_t end = (uintptr_t)kernel_image_end;

    if (!has_range("image"))
        add_chosen("image", cairn_span_make(begin, end - begin),
                   kernel.image_places);
    add("code", begin, text_end);
    add("constants", text_end, rodata_end);
    add("data", rodata_end, end);
}

/* A system's window has room for all memory, or is refused. */
static void add_window(void)
{
    const struct cairn_layout_range *range =
        cairn_layout_find(&kernel.layout, "window");
    uint64_t base = kernel.window.base;
    uint64_t bytes = windows_bytes();

    if (range == NULL)
        add_chosen("window", cairn_span_make(base, bytes),
                   kernel.window_places);
    else if (base != range->span.start.value || bytes > range->span.bytes)
        require(CAIRN_IN_USE, "memory", range);
}

/* In the window, or behind its end. */
static void add_devices(void)
{
    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct windows_device device = windows_device(i);

        add_or_check(device.name, kernel.window.base + device.range.start.value,
                     kernel.window.base + device.range.end.value);
    }
}

/* In a system's layout, it has as much room as there may be. */
static void add_screen(void)
{
    uint64_t bytes = cairn_phys_range_bytes(kernel_screen_range());

    if (has_range("framebuffer"))
        return;
    if (kernel.system != NULL)
        bytes = KERNEL_SCREEN_BYTES_MAX;
    add("screen", KERNEL_FRAMEBUFFER_BASE, KERNEL_FRAMEBUFFER_BASE + bytes);
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
    add("margin below", begin - kernel.margin_below, begin);
    add("margin above", end, end + kernel.margin_above);
}

/* Identity map and temporary heap, if they are wanted. */
static void add_temporary(void)
{
    const struct cairn_layout_range *identity =
        cairn_layout_find(&kernel.layout, "identity");
    uint64_t room = identity != NULL ? identity->span.bytes : 0;

    temporary_choose(kernel.identity_option != TEMPORARY_NEVER,
                     kernel.tempheap_option != TEMPORARY_NEVER);
    /* A system that has one leaves out what does not fit: a screen. */
    if (kernel.identity_bytes > room &&
        kernel_image_range().end.value <= room &&
        kernel.tempheap.end.value <= room)
        kernel.identity_bytes = room;
    add_or_check("identity", 0, kernel.identity_bytes);
    add_or_check("temporary heap", KERNEL_TEMPORARY_HEAP,
                 KERNEL_TEMPORARY_HEAP + kernel.tempheap_bytes);
}

/* ---- A system's ---------------------------------------------------------- */

/* A range that the boot has put somewhere is there, and slides no more. */
static struct cairn_layout_request
settled(const struct cairn_layout_request *request, uint64_t at)
{
    struct cairn_layout_request there = *request;

    if (there.slide.bytes != 0)
        there.span.start.value = at & ~(there.align - 1);
    there.slide.bytes = 0;
    return there;
}

static void add_system(void)
{
    for (size_t i = 0; i < kernel.system->count; i++) {
        struct cairn_layout_request request = kernel.system->requests[i];

        if (text_is_equal(request.name, "image"))
            request = settled(&request, (uintptr_t)kernel_image_begin);
        if (text_is_equal(request.name, "window"))
            request = settled(&request, kernel.window.base);
        add_request(&request);
    }
}

/* Does the system, or this kernel, have ranges without a fixed place? */
static bool has_slides(void)
{
    for (size_t i = 0; kernel.system != NULL && i < kernel.system->count; i++) {
        if (kernel.system->requests[i].slide.bytes != 0)
            return true;
    }
    return kernel.system == NULL;
}

bool layout_does_slide(void)
{
    return !kernel.has_fixed_layout && has_slides();
}

/* Areas and stacks, unless the system has them. */
static void add_sliding(void)
{
    const struct cairn_layout_request *slides = layout_reference.requests;

    for (size_t i = 0; i < layout_reference.count; i++) {
        uint64_t start = slides[i].span.start.value;

        if (has_range(slides[i].name))
            continue;
        if (has_slides())
            add_request(&slides[i]);
        else
            add(slides[i].name, start, start + slides[i].span.bytes);
    }
}

/* ---- Start --------------------------------------------------------------- */

void layout_start(void)
{
    require(cairn_layout_init(&kernel.layout, cpu_paging_mode()), "mode", NULL);
    if (kernel.system_number != 0)
        kernel.system = system_layouts[kernel.system_number - 1];
    if (kernel.system != NULL)
        add_system();
    add_image();
    add_margin();
    add_window();
    add_devices();
    add_screen();
    add_temporary();
    add("memory map", kernel.map_window,
        kernel.map_window + kernel.map_window_bytes);
    add_sliding();
    require(cairn_layout_randomise(
                &kernel.layout, layout_does_slide() ? cairn_entropy_draw : NULL,
                &kernel.entropy),
            "random places", NULL);
}
