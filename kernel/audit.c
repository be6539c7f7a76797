/*
 * audit.c - what the page tables of the kernel should map.
 *
 * HOW    The image has the rights of its sections, and nothing around it is
 *        mapped.  The lower half belongs to users, and there are none.
 */
#include "audit.h"

#include "cpu/insn.h"
#include "kernel.h"
#include <cairn/handoff.h>

#define AREAS   8
#define STORAGE 64
/* Around the image. */
#define GUARD_BYTES (2 * CAIRN_MIB)
/* The most that there can be of them. */
#define SCREEN_BYTES     (256 * CAIRN_MIB)
#define MAP_WINDOW_BYTES (64 * CAIRN_MIB)

extern const char kernel_image_begin[];
extern const char kernel_text_end[];
extern const char kernel_rodata_end[];
extern const char kernel_image_end[];

static struct cairn_audit_area areas[AREAS];
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

static void fill_areas(void)
{
    uint64_t end = (uintptr_t)kernel_image_end;

    areas[0] = image_area("text", kernel_image_begin, kernel_text_end,
                          CAIRN_PAGE_EXEC);
    areas[1] = image_area("rodata", kernel_text_end, kernel_rodata_end, 0);
    areas[2] = image_area("data", kernel_rodata_end, kernel_image_end,
                          CAIRN_PAGE_WRITE);
    areas[3] = named("guard", KERNEL_VIRTUAL_BASE - GUARD_BYTES, GUARD_BYTES,
                     CAIRN_AUDIT_WANT_HOLE);
    areas[4] = named("guard", end, KERNEL_FRAMEBUFFER_BASE - end,
                     CAIRN_AUDIT_WANT_HOLE);
    areas[5] = named("window", KERNEL_WINDOW_BASE, kernel.window.limit,
                     CAIRN_AUDIT_WANT_NOTHING);
    areas[6] = named("screen", KERNEL_FRAMEBUFFER_BASE, SCREEN_BYTES,
                     CAIRN_AUDIT_WANT_NOTHING);
    areas[7] = named("memory map", CAIRN_HANDOFF_MAP_WINDOW, MAP_WINDOW_BYTES,
                     CAIRN_AUDIT_WANT_NOTHING);
}

void audit_configure(struct cairn_audit_config *out)
{
    bool has_5_levels = (insn_read_cr4() & INSN_CR4_LA57) != 0;
    uint64_t upper_half =
        has_5_levels ? 0xff00000000000000 : KERNEL_WINDOW_BASE;

    fill_areas();
    *out = (struct cairn_audit_config){
        .mode = has_5_levels ? CAIRN_PAGING_5LEVEL : CAIRN_PAGING_4LEVEL,
        .root = {insn_read_cr3()},
        .has_nx = true, /* the kernel does not start without */
        .kernel_start = {upper_half},
        .lowest = {upper_half},
        .areas = areas,
        .area_count = AREAS,
        .storage = storage,
        .storage_count = STORAGE,
    };
}
