/*
 * tables_live.c - the kernel's own page table, and what has become of those of
 * the boot.
 */
#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/insn.h"
#include "kernel/space.h"
#include "tables.h"

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
}

CAIRN_TEST(F8_live_the_screen_is_write_combining)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;
    struct cairn_mapping mapping = look(KERNEL_FRAMEBUFFER_BASE);

    CHECK_EQ(mapping.is_mapped,
             cairn_phys_range_bytes(kernel_screen_range()) > 0);
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
    uint64_t end = (uint64_t)1
                   << (cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 56 : 47);
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

/* ---- One call, and is it all there? -------------------------------------- */

static struct cairn_pagetable other;

static void start_other(void)
{
    const struct cairn_pagetable_config config = {
        .mode = cpu_paging_mode(),
        .features = cpu_paging_features(),
        .source = cairn_frames_source(FRAMES),
        .release = kernel.table.config.release,
        .release_context = kernel.table.config.release_context,
        .window = &kernel.window,
        .user_end = kernel.table.config.user_end,
        .is_w_xor_x = true,
    };

    CHECK_EQ(cairn_pagetable_init(&other, &config), CAIRN_OK);
}

/* What the kernel's table maps there, and the other one, is the same. */
static void expect_same(uint64_t va)
{
    struct cairn_mapping here = look(va);
    struct cairn_mapping there;

    CHECK(here.is_mapped);
    CHECK(cairn_map_look(&other, cairn_va_make(va), &there));
    CHECK(there.is_mapped);
    CHECK_EQ(there.phys.value, here.phys.value);
    CHECK_EQ(there.rights, here.rights);
    CHECK_EQ(there.cache, here.cache);
}

/* Sections, window, devices, screen, the loader's map. */
CAIRN_TEST(F10_live_one_call_makes_all_that_is_mapped)
{
    uint64_t before = space_frames_free();
    uint64_t image = kernel_image_range().start.value;

    start_other();
    tables_full_map(&other);
    expect_same((uintptr_t)kernel_image_begin);
    expect_same((uintptr_t)kernel_text_end);
    expect_same((uintptr_t)kernel_rodata_end);
    expect_same((uintptr_t)kernel_image_end - 1);
    expect_same(kernel.window_base + image);
    expect_same(kernel.window_base + kernel_image_range().end.value);
    if (cairn_phys_range_bytes(kernel_screen_range()) > 0)
        expect_same(KERNEL_FRAMEBUFFER_BASE);
    if (kernel.map_window_entries != 0)
        expect_same(kernel.map_window);
    CHECK_EQ(cairn_pagetable_check(&other), 0);
    cairn_pagetable_destroy(&other);
    CHECK_EQ(space_frames_free(), before);
}

/* A table that lacks something is not loaded. */
CAIRN_TEST(D19_live_what_is_missing_is_named_before_it_is_loaded)
{
    uint64_t image = kernel_image_range().start.value;
    cairn_va window = cairn_va_make(kernel.window_base + image);

    tables_verify(&kernel.table);
    start_other();
    CHECK_PANIC(tables_verify(&other), "slot 511: image is missing");
    tables_full_map(&other);
    CHECK_PANIC(tables_verify(&other), "stack is missing");
    cairn_pagetable_destroy(&other);
    space_start();
    tables_verify(&space.table);
    CHECK_EQ(
        cairn_unmap_range(&space.table, window, CAIRN_FRAME_SIZE, NULL, NULL),
        CAIRN_OK);
    CHECK_PANIC(tables_verify(&space.table), "window is missing");
    space_map(window.value, image, CAIRN_FRAME_SIZE, 0);
    if (cairn_phys_range_bytes(kernel_screen_range()) > 0) {
        space_unmap(KERNEL_FRAMEBUFFER_BASE,
                    cairn_phys_range_bytes(kernel_screen_range()));
        CHECK_PANIC(tables_verify(&space.table), "screen is missing");
    }
    space_end();
}

/* A larger one would reach what comes behind. */
CAIRN_TEST(F8_live_a_screen_of_more_than_256_MiB_is_not_used)
{
    struct cairn_framebuffer former = kernel.boot.framebuffer;
    struct cairn_framebuffer screen = {
        .is_present = true, .base = {0x80000000}, .bytes = 256 * CAIRN_MIB};
    uint64_t bytes[3];

    kernel.boot.framebuffer = screen;
    bytes[0] = cairn_phys_range_bytes(kernel_screen_range());
    kernel.boot.framebuffer.base.value++;
    bytes[1] = cairn_phys_range_bytes(kernel_screen_range());
    kernel.boot.framebuffer.bytes -= 2;
    bytes[2] = cairn_phys_range_bytes(kernel_screen_range());
    kernel.boot.framebuffer = former;
    CHECK_EQ(bytes[0], 256 * CAIRN_MIB);
    CHECK_EQ(bytes[1], 0);
    CHECK_EQ(bytes[2], 256 * CAIRN_MIB);
}

/* ---- Around the image ---------------------------------------------------- */

static void expect_guard(uint64_t va)
{
    struct probe_fault fault;

    CHECK(!look(va).is_mapped);
    CHECK(!probe_write((uintptr_t)va, 0, &fault));
    CHECK_EQ(fault.vector, VECTOR_PAGE_FAULT);
    CHECK_EQ(fault.error, 2);
    CHECK_EQ(fault.address, va);
}

static void expect_margin(uint64_t va, uint64_t phys, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += CAIRN_FRAME_SIZE) {
        struct cairn_mapping mapping = look(va + at);

        CHECK(mapping.is_mapped);
        CHECK_EQ(mapping.phys.value, phys + at);
        CHECK_EQ(mapping.rights,
                 space_rights(CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL));
    }
}

/* Guards behind the margin, of which there is none by default. */
CAIRN_TEST(F6_live_guards_and_margin_of_the_image)
{
    uint64_t begin = (uintptr_t)kernel_image_begin;
    uint64_t end = (uintptr_t)kernel_image_end;
    struct cairn_phys_range image = kernel_image_range();

    CHECK_EQ(kernel.margin_below != 0, kernel.margin_option != 0);
    CHECK_EQ(kernel.margin_above != 0, kernel.margin_option != 0);
    CHECK(kernel.margin_below <= 64 * CAIRN_KIB);
    CHECK(kernel.margin_above <= 8 * CAIRN_MIB - CAIRN_FRAME_SIZE);
    expect_guard(begin - kernel.margin_below - 1);
    expect_guard(begin - kernel.margin_below - 64 * CAIRN_KIB);
    expect_guard(end + kernel.margin_above);
    expect_guard(end + 8 * CAIRN_MIB);
    expect_margin(begin - kernel.margin_below,
                  image.start.value - kernel.margin_below, kernel.margin_below);
    expect_margin(end, image.end.value, kernel.margin_above);
}

/* ---- Rights of what is there already ------------------------------------- */

static uint8_t page[4096] __attribute__((aligned(4096)));

/* A page of the image, remapped to where it is, with other rights. */
CAIRN_TEST(D16_live_rights_of_a_page_of_the_image_change_in_place)
{
    const struct cairn_page_policy constant = {
        .rights = CAIRN_PAGE_GLOBAL, .existing = CAIRN_EXISTING_REPLACE};
    uint64_t va = (uintptr_t)page;
    struct cairn_mapping before = look(va);
    uint64_t phys = before.phys.value;
    struct probe_fault fault;
    bool written[3];

    written[0] = probe_write(va, 0x31, &fault);
    CHECK_EQ(cairn_map_range(&kernel.table, cairn_va_make(va),
                             cairn_phys_range_make(phys, phys + 4096),
                             &constant),
             CAIRN_OK);
    written[1] = probe_write(va, 0x32, &fault);
    CHECK_EQ(look(va).phys.value, phys);
    CHECK_EQ(look(va).rights, space_rights(CAIRN_PAGE_GLOBAL));
    CHECK_EQ(cairn_protect_range(&kernel.table, cairn_va_make(va), 4096,
                                 CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL),
             CAIRN_OK);
    CHECK_EQ(fault.error, 3);
    CHECK_EQ(*(volatile uint8_t *)page, 0x31);
    written[2] = probe_write(va, 0x33, &fault);
    CHECK(written[0] && !written[1] && written[2]);
    CHECK_EQ(look(va).rights, before.rights);
}
