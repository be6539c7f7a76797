/*
 * layout.c - what lies where in the running kernel.
 *
 * HOW    Image, window, screen and the firmware's memory map are where boot.c
 *        or the loader put them; the layout says so, and out of how many places
 *        these were chosen (boot/places.h), and refuses to start if
 *        they meet.  Areas and stacks slide: nothing is mapped there yet.
 * */
#include "layout.h"

#include "cpu/cpu.h"
#include "kernel.h"
#include "platform.h"
#include "systems/layouts.h"

static void require(enum cairn_status status, const char *name,
                    const struct cairn_layout_range *met)
{
    if (status != CAIRN_OK)
        kernel_panic("layout: %s: %s%s%s", name, cairn_status_text(status),
                     met != NULL ? ", by " : "", met != NULL ? met->name : "");
}

/*
 * Bytes [start, end), and what else is in those pages; nothing if empty.  The
 * boot has chosen them out of so many `places`, if not 0.
 */
static void add_chosen(const char *name, const char *inside,
                       struct cairn_span bytes, uint64_t places)
{
    uint64_t start = bytes.start.value;
    uint64_t end = start + bytes.bytes;
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    const struct cairn_layout_range *met;
    struct cairn_layout_request request = {
        .name = name,
        .inside = inside,
        .span = cairn_span_make(start & ~mask,
                                ((end + mask) & ~mask) - (start & ~mask)),
        .places = places};
    enum cairn_status status;

    if (start == end)
        return;
    status = cairn_layout_add(&kernel.layout, &request, &met);
    require(status, name, met);
}

static void add(const char *name, const char *inside, uint64_t start,
                uint64_t end)
{
    add_chosen(name, inside, cairn_span_make(start, end - start), 0);
}

static void add_image(void)
{
    uint64_t begin = (uintptr_t)kernel_image_begin;
    uint64_t text_end = (uintptr_t)kernel_text_end;
    uint64_t rodata_end = (uintptr_t)kernel_rodata_end;
    uint64_t end = (uintptr_t)kernel_image_end;

    add_chosen("image", NULL, cairn_span_make(begin, end - begin),
               kernel.image_places);
    add("code", "image", begin, text_end);
    add("constants", "image", text_end, rodata_end);
    add("data", "image", rodata_end, end);
}

static void add_screen(void)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;
    uint64_t start =
        KERNEL_FRAMEBUFFER_BASE + (screen->base.value & (CAIRN_FRAME_SIZE - 1));

    if (screen->is_present && screen->bytes <= KERNEL_SCREEN_BYTES_MAX)
        add("screen", NULL, start, start + screen->bytes);
}

void layout_start(void)
{
    uint64_t window = kernel.window.base;
    const struct cairn_layout_range *met;
    enum cairn_status status;
    size_t failed = 0;

    require(cairn_layout_init(&kernel.layout, cpu_paging_mode()), "mode", NULL);
    add_image();
    add_chosen("window", NULL, cairn_span_make(window, kernel.window.limit),
               kernel.window_places);
    add_screen();
    add("memory map", NULL, kernel.map_window,
        kernel.map_window + kernel.map_window_bytes);
    status = cairn_layout_add_all(&kernel.layout, layout_reference.requests,
                                  layout_reference.count, &failed, &met);
    require(status, layout_reference.requests[failed].name, met);
    require(cairn_layout_randomise(&kernel.layout,
                                   kernel.has_fixed_layout ? NULL
                                                           : cairn_entropy_draw,
                                   &kernel.entropy),
            "random places", NULL);
}
