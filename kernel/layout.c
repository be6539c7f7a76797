/*
 * layout.c - what lies where in the running kernel.
 *
 * HOW    Image, window, screen and the firmware's memory map are where boot.c
 *        or the loader put them; the layout says so, and refuses to start if
 *        they meet.  Areas and stacks slide: nothing is mapped there yet.
 *
 *        With a system's layout (kernel/systems/), that comes first, and what
 *        the boot has mapped must lie where the system has it.  What the system
 *        has a name for, but no place (areas and stacks of those that have
 *        none), lies where this kernel has it, and slides if anything does.
 *
 *        Without RDRAND, numbers begin with the time since reset, taken many
 *        times, and with where things were put: little that is secret.
 */
#include "layout.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/random.h"
#include "kernel.h"
#include "monitor/text.h"
#include "platform.h"
#include "systems/layouts.h"

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
 * Inside of what begins there or lies around.
 */
static void add(const char *name, uint64_t start, uint64_t end)
{
    uint64_t mask = CAIRN_FRAME_SIZE - 1;
    const struct cairn_layout_range *outer =
        cairn_layout_at(&kernel.layout, cairn_va_make(start));
    const struct cairn_layout_request request = {
        .name = name,
        .inside = outer != NULL ? outer->name : NULL,
        .span = cairn_span_make(start & ~mask,
                                ((end + mask) & ~mask) - (start & ~mask))};

    if (start != end)
        add_request(&request);
}

static void add_image(void)
{
    uint64_t begin = (uintptr_t)kernel_image_begin;
    uint64_t text_end = (uintptr_t)kernel_text_end;
    uint64_t rodata_end = (uintptr_t)kernel_rodata_end;
    uint64_t end = (uintptr_t)kernel_image_end;

    if (!has_range("image"))
        add("image", begin, end);
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

    if (range == NULL)
        add("window", base, base + kernel.window.limit);
    else if (base != range->span.start.value ||
             kernel.window.limit > range->span.bytes)
        require(CAIRN_IN_USE, "memory", range);
}

/* In a system's layout, it has as much room as there may be. */
static void add_screen(void)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;
    uint64_t start =
        KERNEL_FRAMEBUFFER_BASE + (screen->base.value & (CAIRN_FRAME_SIZE - 1));

    if (has_range("framebuffer"))
        return;
    if (kernel.system != NULL)
        add("screen", KERNEL_FRAMEBUFFER_BASE,
            KERNEL_FRAMEBUFFER_BASE + KERNEL_SCREEN_BYTES_MAX);
    else if (screen->is_present && screen->bytes <= KERNEL_SCREEN_BYTES_MAX)
        add("screen", start, start + screen->bytes);
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
    for (size_t i = 0; i < SLIDING; i++) {
        uint64_t start = sliding[i].span.start.value;

        if (has_range(sliding[i].name))
            continue;
        if (has_slides())
            add_request(&sliding[i]);
        else
            add(sliding[i].name, start, start + sliding[i].span.bytes);
    }
}

/* ---- Start --------------------------------------------------------------- */

void layout_start(void)
{
    start_entropy();
    require(cairn_layout_init(&kernel.layout, cpu_paging_mode()), "mode", NULL);
    if (kernel.system != NULL)
        add_system();
    add_image();
    add_window();
    add_screen();
    add("memory map", kernel.map_window,
        kernel.map_window + kernel.map_window_bytes);
    add_sliding();
    require(cairn_layout_randomise(
                &kernel.layout, layout_does_slide() ? cairn_entropy_draw : NULL,
                &kernel.entropy),
            "random places", NULL);
}
