/*
 * tables_live.c - the kernel's own page table, and what has become of those of
 * the boot.
 */
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel/space.h"

#define FRAMES (&kernel.frames)

static struct cairn_mapping look(uint64_t va)
{
    struct cairn_mapping mapping;

    CHECK(cairn_map_look(&kernel.table, cairn_va_make(va), &mapping));
    return mapping;
}

CAIRN_TEST(D17_D18_live_the_kernel_has_its_own_page_table)
{
    CHECK(cairn_pagetable_active() == &kernel.table);
    CHECK_EQ(cairn_pagetable_root(&kernel.table).value, insn_read_cr3());
    CHECK_EQ(cairn_pagetable_check(&kernel.table), 0);
    CHECK_EQ(kernel.table.config.mode, cpu_paging_mode());
    CHECK(kernel.table.config.is_w_xor_x);
}

CAIRN_TEST(F5_J2_live_sections_of_the_image)
{
    struct cairn_mapping text = look((uintptr_t)kernel_image_begin);
    struct cairn_mapping constants = look((uintptr_t)kernel_text_end);
    struct cairn_mapping data = look((uintptr_t)kernel_rodata_end);

    CHECK_EQ(text.rights, CAIRN_PAGE_EXEC | CAIRN_PAGE_GLOBAL);
    CHECK_EQ(constants.rights, space_rights(CAIRN_PAGE_GLOBAL));
    CHECK_EQ(data.rights, space_rights(CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL));
    CHECK_EQ(text.phys.value, kernel_image_range().start.value);
    CHECK(!look((uintptr_t)kernel_image_begin - CAIRN_FRAME_SIZE).is_mapped);
    CHECK(!look((uintptr_t)kernel_image_end).is_mapped);
}

CAIRN_TEST(F8_live_the_screen_is_write_combining)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;
    struct cairn_mapping mapping = look(KERNEL_FRAMEBUFFER_BASE);

    CHECK_EQ(mapping.is_mapped,
             screen->is_present && screen->bytes <= KERNEL_SCREEN_BYTES_MAX);
    if (!mapping.is_mapped)
        return;
    CHECK_EQ(mapping.rights,
             space_rights(CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL));
    CHECK_EQ(mapping.phys.value, screen->base.value & ~(CAIRN_FRAME_SIZE - 1));
    CHECK_EQ(mapping.cache, kernel.table.config.features.has_pat
                                ? CAIRN_CACHE_WC
                                : CAIRN_CACHE_UC_MINUS);
}

/* Nothing that the boot had mapped in the lower half can be reached. */
CAIRN_TEST(F4_live_the_lower_half_is_empty)
{
    uint64_t image = kernel_image_range().start.value;
    uint64_t end = kernel.table.config.user_end;
    struct cairn_mapping all;
    struct cairn_cursor cursor;
    struct probe_fault fault;
    uint8_t value;

    CHECK_EQ(cairn_cursor_begin(&cursor, &kernel.table, cairn_va_make(0), end,
                                CAIRN_INTENT_LOOK),
             CAIRN_OK);
    cairn_cursor_query(&cursor, &all);
    cairn_cursor_end(&cursor);
    CHECK(!all.is_mapped);
    CHECK_EQ(all.bytes, end);
    CHECK(!probe_read((uintptr_t)image, &value, &fault));
    CHECK_EQ(fault.vector, 14);
    CHECK_EQ(fault.address, image);
}

/* A pin is left for the firmware's map, which is still to be seen. */
CAIRN_TEST(A14_live_the_loaders_tables_are_not_needed_any_more)
{
    CHECK_EQ(kernel.boot.map.pin_count, kernel.map_window_entries != 0);
}

/* What early allocations took for page tables has come back. */
CAIRN_TEST(C13_live_the_former_tables_have_come_back)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(FRAMES, &stats);
    CHECK_EQ(stats.owner_frames[CAIRN_OWNER_TABLE],
             kernel.table.table_count + kernel.table.aside_count);
    CHECK_EQ(stats.owner_frames[CAIRN_OWNER_BOOT], 0);
}
