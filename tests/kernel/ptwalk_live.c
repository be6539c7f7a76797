/*
 * ptwalk_live.c - page tables on the kernel's own frames, and the way through
 * them and through those in use.
 *
 * What is built here is never activated, and all frames come back.
 */
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "harness/test.h"
#include "kernel.h"
#include "kernel/space.h"
#include <cairn/map.h>
#include <cairn/ptwalk.h>

#define FRAMES (&kernel.frames)
#define LARGE  (2 * CAIRN_MIB)

static struct cairn_pagetable table;
static struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];

static enum cairn_status alloc_table(void *context, cairn_pfn *out)
{
    const enum cairn_paging_mode *mode = context;
    unsigned flags = *mode == CAIRN_PAGING_PAE ? CAIRN_FRAME_BELOW_4G : 0;

    return cairn_frames_alloc(FRAMES, 0, flags, CAIRN_OWNER_TABLE, out);
}

static void release_table(void *context, cairn_pfn frame)
{
    (void)context;
    CHECK_EQ(cairn_frames_free(FRAMES, frame), CAIRN_OK);
}

static void start(enum cairn_paging_mode mode)
{
    static enum cairn_paging_mode built;
    const struct cairn_pagetable_config config = {
        .mode = mode,
        .features = {.phys_bits = 46, .has_nx = true, .has_pat = true},
        .source = {alloc_table, alloc_table, &built},
        .release = release_table,
    };

    built = mode;
    CHECK_EQ(cairn_pagetable_init(&table, &config), CAIRN_OK);
}

static unsigned walk(uint64_t va, struct cairn_mapping *out)
{
    return cairn_ptwalk(table.config.mode, cairn_pagetable_root(&table),
                        cairn_va_make(va), steps, out);
}

static void expect(uint64_t va, uint64_t phys, uint64_t page_bytes,
                   unsigned rights)
{
    struct cairn_mapping mapping;

    CHECK(walk(va, &mapping) > 0);
    CHECK(mapping.is_mapped);
    CHECK_EQ(mapping.phys.value, phys);
    CHECK_EQ(mapping.page_bytes, page_bytes);
    CHECK_EQ(mapping.rights, rights);
    CHECK_EQ(mapping.cache, CAIRN_CACHE_WB);
}

static void expect_hole(uint64_t va)
{
    struct cairn_mapping mapping;

    CHECK(walk(va, &mapping) > 0);
    CHECK(!mapping.is_mapped);
}

/* Small pages, and a large one, around `va`, which is aligned to large ones. */
static void map_and_unmap(uint64_t va)
{
    const struct cairn_page_policy data = {.rights = CAIRN_PAGE_WRITE};
    const struct cairn_page_policy code = {.rights = CAIRN_PAGE_EXEC};
    uint64_t phys = 64 * CAIRN_MIB;

    for (uint64_t at = 0; at < 16 * CAIRN_FRAME_SIZE; at += CAIRN_FRAME_SIZE)
        CHECK_EQ(cairn_map_page(&table, cairn_va_make(va + at),
                                cairn_phys_make(phys + 3 * at), &data),
                 CAIRN_OK);
    CHECK_EQ(cairn_map_large(&table, cairn_va_make(va + LARGE),
                             cairn_phys_make(phys), LARGE, &code),
             CAIRN_OK);
    for (uint64_t at = 0; at < 16 * CAIRN_FRAME_SIZE; at += CAIRN_FRAME_SIZE)
        expect(va + at + 5, phys + 3 * at + 5, CAIRN_FRAME_SIZE,
               CAIRN_PAGE_WRITE);
    expect(va + LARGE + 0x12345, phys + 0x12345, LARGE, CAIRN_PAGE_EXEC);
    expect_hole(va + 16 * CAIRN_FRAME_SIZE);
    expect_hole(va + 2 * LARGE);
    CHECK_EQ(cairn_pagetable_check(&table), 0);
    CHECK_EQ(
        cairn_unmap_range(&table, cairn_va_make(va), 2 * LARGE, NULL, NULL),
        CAIRN_OK);
    expect_hole(va);
    expect_hole(va + LARGE);
}

CAIRN_TEST(D3_live_page_tables_on_the_kernels_frames)
{
    static const enum cairn_paging_mode modes[] = {
        CAIRN_PAGING_4LEVEL, CAIRN_PAGING_5LEVEL, CAIRN_PAGING_PAE};
    uint64_t before = space_frames_free();

    for (unsigned i = 0; i < 3; i++) {
        start(modes[i]);
        map_and_unmap(0x40000000);
        if (modes[i] != CAIRN_PAGING_PAE)
            map_and_unmap(0xffff900000000000);
        CHECK(space_frames_free() < before);
        cairn_pagetable_destroy(&table);
        CHECK_EQ(space_frames_free(), before);
    }
}

/* ---- The tables in use --------------------------------------------------- */

static void look_live(uint64_t va, struct cairn_mapping *out)
{
    CHECK(cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                       cairn_va_make(va), steps, out) > 0);
}

CAIRN_TEST(L3_live_ptwalk_of_the_kernel_itself)
{
    struct cairn_mapping mapping;
    struct cairn_phys_range image = kernel_image_range();
    uint64_t local = 1;

    look_live((uintptr_t)&look_live, &mapping);
    CHECK(mapping.is_mapped);
    CHECK_EQ(mapping.rights & ~CAIRN_PAGE_GLOBAL, CAIRN_PAGE_EXEC);
    CHECK_EQ(mapping.phys.value - image.start.value,
             (uintptr_t)&look_live - kernel_virtual_base());
    look_live((uintptr_t)&table, &mapping);
    CHECK(mapping.is_mapped);
    CHECK_EQ(mapping.rights & ~CAIRN_PAGE_GLOBAL,
             space_rights(CAIRN_PAGE_WRITE));
    look_live((uintptr_t)&local, &mapping);
    CHECK(mapping.is_mapped && mapping.is_dirty);
    look_live(0, &mapping);
    CHECK(!mapping.is_mapped);
}
