/*
 * audit.c - what the page tables of the kernel should map.
 *
 * HOW    The image has the rights of its sections, and nothing around it is
 *        mapped but a margin, on request.  The lower half belongs to users, and
 *        there are none.  Stacks are data between holes.
 */
#include "audit.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel.h"
#include "temporary.h"
#include "windows.h"
#include <cairn/handoff.h>

#define AREAS   128
#define STORAGE 64
/* Around the image. */
#define GUARD_BYTES (2 * CAIRN_MIB)
/* The most that there can be of them. */
#define MAP_WINDOW_BYTES (64 * CAIRN_MIB)

static struct cairn_audit_area areas[AREAS];
static size_t area_count;
static struct cairn_mapping storage[STORAGE];

static struct cairn_audit_area image_area(const char *name, const char *begin,
                                          const char *end, unsigned rights)
{
    struct cairn_audit_area area = {
        .name = name,
        .start = {(uintptr_t)begin},
        .bytes = (uint64_t)(end - begin),
        .want = CAIRN_AUDIT_WANT_RIGHTS,
        .rights = rights,
    };

    return area;
}

static struct cairn_audit_area named(const char *name, uint64_t start,
                                     uint64_t bytes, enum cairn_audit_want want)
{
    struct cairn_audit_area area = {
        .name = name, .start = {start}, .bytes = bytes, .want = want};

    return area;
}

static void add(struct cairn_audit_area area)
{
    if (area_count < AREAS)
        areas[area_count++] = area;
}

/* Stacks are writable, and their guards are holes. */
static void add_stacks(void)
{
    struct cairn_area_info stack;
    cairn_va at = {0};

    while (kernel.stacks.areas != NULL &&
           cairn_areas_next(&kernel.stack_areas, at, &stack)) {
        uint64_t start = stack.start.value;
        struct cairn_audit_area body =
            named(stack.area != NULL ? stack.area->name : "?", start,
                  stack.bytes, CAIRN_AUDIT_WANT_RIGHTS);

        body.rights = CAIRN_PAGE_WRITE;
        add(named("guard", start - stack.guard_below, stack.guard_below,
                  CAIRN_AUDIT_WANT_HOLE));
        add(body);
        add(named("guard", start + stack.bytes, stack.guard_above,
                  CAIRN_AUDIT_WANT_HOLE));
        at.value = start + stack.bytes + stack.guard_above;
    }
}

/* Data, if it is mapped at all; devices in it, or behind its end. */
static void add_window(void)
{
    uint64_t base = kernel.window_base;
    uint64_t limit = kernel.window.limit;
    uint64_t done = 0;

    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct windows_device device = windows_device(i);
        uint64_t start = device.range.start.value;
        uint64_t bytes = cairn_phys_range_bytes(device.range);
        uint64_t end = start < limit ? start : limit;
        struct cairn_audit_area area =
            named(device.name, base + start, bytes, CAIRN_AUDIT_WANT_RIGHTS);

        if (bytes == 0)
            continue;
        area.rights = CAIRN_PAGE_WRITE;
        if (end > done)
            add(named("window", base + done, end - done,
                      CAIRN_AUDIT_WANT_NOTHING));
        add(area);
        done = start + bytes;
    }
    if (done < limit)
        add(named("window", base + done, limit - done,
                  CAIRN_AUDIT_WANT_NOTHING));
}

/* Behind the image, up to what the layout has there next. */
static uint64_t guard_end(uint64_t image_end)
{
    uint64_t end = image_end + GUARD_BYTES;

    if (image_end < KERNEL_FRAMEBUFFER_BASE)
        end = KERNEL_FRAMEBUFFER_BASE;
    for (size_t i = 0; i < kernel.layout.count; i++) {
        uint64_t start = kernel.layout.ranges[i].span.start.value;

        if (start >= image_end && start < end)
            end = start;
    }
    return end;
}

static void fill_areas(void)
{
    uint64_t begin = kernel_virtual_base() - kernel.margin_below;
    uint64_t end = (uintptr_t)kernel_image_end + kernel.margin_above;
    struct cairn_audit_area heap;

    area_count = 0;
    add(image_area("text", kernel_image_begin, kernel_text_end,
                   CAIRN_PAGE_EXEC));
    add(image_area("rodata", kernel_text_end, kernel_rodata_end, 0));
    add(image_area("data", kernel_rodata_end, kernel_image_end,
                   CAIRN_PAGE_WRITE));
    add(named("guard", begin - GUARD_BYTES, GUARD_BYTES,
              CAIRN_AUDIT_WANT_HOLE));
    add(named("margin", begin, kernel.margin_below, CAIRN_AUDIT_WANT_NOTHING));
    add(named("margin", (uintptr_t)kernel_image_end, kernel.margin_above,
              CAIRN_AUDIT_WANT_NOTHING));
    add(named("guard", end, guard_end(end) - end, CAIRN_AUDIT_WANT_HOLE));
    add_window();
    add(named("screen", KERNEL_FRAMEBUFFER_BASE, KERNEL_SCREEN_BYTES_MAX,
              CAIRN_AUDIT_WANT_NOTHING));
    add(named("memory map", CAIRN_HANDOFF_MAP_WINDOW, MAP_WINDOW_BYTES,
              CAIRN_AUDIT_WANT_NOTHING));
    add(named("identity", 0, kernel.identity_bytes, CAIRN_AUDIT_WANT_NOTHING));
    heap = named("temp heap", KERNEL_TEMPORARY_HEAP, kernel.tempheap_bytes,
                 CAIRN_AUDIT_WANT_RIGHTS);
    heap.rights = CAIRN_PAGE_WRITE;
    add(heap);
    add_stacks();
}

void audit_configure(struct cairn_audit_config *out)
{
    enum cairn_paging_mode mode = cpu_paging_mode();
    uint64_t upper_half =
        mode == CAIRN_PAGING_5LEVEL ? 0xff00000000000000 : 0xffff800000000000;

    fill_areas();
    *out = (struct cairn_audit_config){
        .mode = mode,
        .root = {insn_read_cr3()},
        .has_nx = cpu_paging_features().has_nx,
        .kernel_start = {upper_half},
        .lowest = {kernel.identity_bytes > 0 ? 0 : upper_half},
        .areas = areas,
        .area_count = area_count,
        .storage = storage,
        .storage_count = STORAGE,
    };
}
