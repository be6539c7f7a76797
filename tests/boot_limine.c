/*
 * boot_limine.c - the adapter of Limine.
 */
#include "boot_build.h"

#include <cairn/init.h>

#define MIB CAIRN_MIB

/* Each kind that base revision 6 knows, and two that nobody knows. */
static const struct test_map_entry every_kind[] = {
    BUILD_ENTRY(0x0000, 0x1000, 0), BUILD_ENTRY(0x1000, 0x1000, 1),
    BUILD_ENTRY(0x2000, 0x1000, 2), BUILD_ENTRY(0x3000, 0x1000, 3),
    BUILD_ENTRY(0x4000, 0x1000, 4), BUILD_ENTRY(0x5000, 0x1000, 5),
    BUILD_ENTRY(0x6000, 0x1000, 6), BUILD_ENTRY(0x7000, 0x1000, 7),
    BUILD_ENTRY(0x8000, 0x1000, 0), BUILD_ENTRY(0x9000, 0x1000, 8),
    BUILD_ENTRY(0xa000, 0x1000, 0), BUILD_ENTRY(0xb000, 0x1000, 9),
    BUILD_ENTRY(0xc000, 0x1000, 0), BUILD_ENTRY(0xd000, 0x1000, 0xffffffff),
};

static const struct test_map_entry machine[] = {
    {0x1000, 0x9e000, 0, 0},
    {0x100000, 1023 * CAIRN_MIB, 0, 0},
};

/* Low, so that the pointers fit into 32 bits. */
static const struct build_screen screen = {
    .base = 0x50000000,
    .width = 800,
    .height = 600,
    .pitch_bytes = 3328,
    .bits = 32,
    .red_shift = 16,
    .green_shift = 8,
};

static const struct build_module modules[] = {
    {0x3800000, 0x1800, "boot():/initrd.img"},
    {0x3900000, 0x1000, "boot():/font"},
};

static const struct build_input full = {
    .entries = machine,
    .count = 2,
    .cpu_count = 4,
    .command_line = "verbose -- test A",
    .loader = "Limine",
    .screen = &screen,
    .modules = modules,
    .module_count = 2,
    .rsdp = 0xf5a20,
};

static enum cairn_status take(const struct build_limine *limine)
{
    return cairn_boot_from_limine(&limine->responses, &build_boot);
}

CAIRN_TEST(A2_limine_every_kind)
{
    struct build build;
    struct build_limine limine;
    struct build_input input = {.entries = every_kind,
                                .count =
                                    sizeof(every_kind) / sizeof(every_kind[0])};

    build_begin(&build);
    build_limine(&build, &input, &limine);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot),
               "0-1000 usable, 1000-2000 reserved, 2000-3000 ACPI tables, "
               "3000-4000 ACPI NVS, 4000-5000 bad, 5000-6000 boot loader, "
               "6000-7000 kernel, 7000-8000 framebuffer, 8000-9000 usable, "
               "9000-a000 reserved, a000-b000 usable, b000-c000 reserved, "
               "c000-d000 usable, d000-e000 reserved");
}

CAIRN_TEST(A2_limine_a_kind_of_more_than_32_bits)
{
    struct build build;
    struct build_limine limine;
    struct build_input input = {.entries = every_kind, .count = 2};

    build_begin(&build);
    build_limine(&build, &input, &limine);
    limine.memmap->entries[1]->kind = (uint64_t)1 << 32; /* not usable */
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot),
               "0-1000 usable, 1000-2000 reserved");
}

CAIRN_TEST(A2_limine_all_that_the_loader_tells)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_TEXT(build_boot.protocol, "Limine");
    CHECK_TEXT(build_boot.loader, "Limine 8.2.0");
    CHECK_TEXT(build_boot.command_line, "verbose -- test A");
    CHECK(!build_boot.is_command_line_cut && !build_boot.is_bios);
    CHECK_EQ(build_boot.window_offset, BUILD_HHDM);
    CHECK_EQ(build_boot.kernel_virt, BUILD_KERNEL_VIRT);
    CHECK_EQ(build_boot.kernel.start.value, BUILD_KERNEL_PHYS);
    CHECK_EQ(build_boot.uefi_system_table.value, 0);
    CHECK_EQ(build_boot.rsdp.value, 0xf5a20);
    CHECK_EQ(build_boot.cpu_count, 4);
}

CAIRN_TEST(A2_limine_rsdp_in_either_form)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    limine.rsdp->pointers[0] = (const void *)(uintptr_t)(BUILD_HHDM + 0xf5a20);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_boot.rsdp.value, 0xf5a20);
    limine.rsdp->pointers[0] = (const void *)(uintptr_t)0x7fb7d014;
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_boot.rsdp.value, 0x7fb7d014);
    limine.rsdp->pointers[0] = (const void *)(uintptr_t)BUILD_HHDM;
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_boot.rsdp.value, 0);
}

CAIRN_TEST(A2_limine_modules_by_their_pointers)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 2);
    CHECK_TEXT(build_boot.modules[0].name, "boot():/initrd.img");
    CHECK_EQ(build_boot.modules[0].range.start.value, 0x3800000);
    CHECK_EQ(build_boot.modules[0].range.end.value, 0x3801800);
    CHECK_TEXT(build_boot.modules[1].name, "boot():/font");
    limine.modules->files[0]->path = NULL;
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_TEXT(build_boot.modules[0].name, "");
}

CAIRN_TEST(A2_limine_screen)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK(build_boot.framebuffer.is_present);
    CHECK_EQ(build_boot.framebuffer.base.value, screen.base);
    CHECK_EQ(build_boot.framebuffer.bytes, 3328 * 600);
    CHECK_EQ(build_boot.framebuffer.width, 800);
    CHECK_EQ(build_boot.framebuffer.height, 600);
    CHECK_EQ(build_boot.framebuffer.pitch_bytes, 3328);
    CHECK_EQ(build_boot.framebuffer.red_shift, 16);
    CHECK_EQ(build_boot.framebuffer.green_shift, 8);
    CHECK_EQ(build_boot.framebuffer.blue_shift, 0);
}

static void check_no_screen(const struct build_limine *limine)
{
    CHECK_EQ(take(limine), CAIRN_OK);
    CHECK(!build_boot.framebuffer.is_present);
    CHECK_EQ(build_boot.framebuffer.bytes, 0);
}

CAIRN_TEST(A2_limine_screens_that_make_no_sense_are_none)
{
    struct build build;
    struct build_limine limine;
    struct build_limine_screen *first;
    struct build_limine_screen right;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    first = limine.screens->screens[0];
    right = *first;
    for (unsigned i = 0; i < 9; i++) {
        uint64_t *numbers[] = {&first->width, &first->height, &first->pitch};

        *first = right;
        if (i % 3 == 0)
            *numbers[i / 3] = 0;
        else if (i % 3 == 1) /* right in its lower 32 bits */
            *numbers[i / 3] += (uint64_t)1 << 32;
        else
            *numbers[i / 3] = UINT64_MAX;
        check_no_screen(&limine);
    }
    *first = right;
    first->width = 833;
    check_no_screen(&limine);
    *first = right;
    first->bits = 24;
    check_no_screen(&limine);
    *first = right;
    first->memory_model = 0;
    check_no_screen(&limine);
    *first = right;
    first->address = NULL;
    check_no_screen(&limine);
}

CAIRN_TEST(A2_limine_no_screen_at_all)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    limine.screens->screens[0] = NULL;
    check_no_screen(&limine);
    limine.screens->screens = NULL;
    check_no_screen(&limine);
    limine.screens->count = 0;
    check_no_screen(&limine);
    limine.responses.framebuffer = NULL;
    check_no_screen(&limine);
}

/* ---- What may be missing ------------------------------------------------- */

CAIRN_TEST(A2_limine_the_map_is_all_that_is_needed)
{
    struct build build;
    struct build_limine limine;
    struct build_input input = {.entries = machine, .count = 2};

    build_begin(&build);
    build_limine(&build, &input, &limine);
    limine.responses = (struct cairn_limine_responses){.memmap = limine.memmap};
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_boot.window_offset | build_boot.kernel_virt |
                 build_boot.rsdp.value | build_boot.cpu_count,
             0);
    CHECK_TEXT(build_boot.command_line, "");
    CHECK_TEXT(build_boot.loader, "");
    CHECK_EQ(build_boot.module_count, 0);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_EQ(build_kind_at(0x1000), CAIRN_MEMORY_USABLE);
}

CAIRN_TEST(A2_limine_empty_texts_and_tables)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    limine.loader->pointers[0] = NULL;
    limine.command_line->pointers[0] = NULL;
    limine.modules->count = 0;
    limine.mp->cpu_count = (uint64_t)1 << 32;
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_TEXT(build_boot.loader, "");
    CHECK_TEXT(build_boot.command_line, "");
    CHECK_EQ(build_boot.module_count, 0);
    CHECK_EQ(build_boot.cpu_count, 0);
}

CAIRN_TEST(A2_limine_loader_without_a_version)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    limine.loader->pointers[1] = NULL;
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_TEXT(build_boot.loader, "Limine");
}

CAIRN_TEST(A2_limine_a_loader_name_that_is_too_long_is_cut)
{
    static const char name[] = "0123456789012345678901234567890123456789"
                               "0123456789012345678901-and-more";
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    for (size_t length = 60; length < sizeof(name); length++) {
        limine.loader->pointers[0] = &name[sizeof(name) - 1 - length];
        CHECK_EQ(take(&limine), CAIRN_OK);
        CHECK_EQ(build_boot.loader[CAIRN_BOOT_NAME_BYTES - 1], 0);
        CHECK_EQ(build_boot.loader[59], name[sizeof(name) - 1 - length + 59]);
    }
}

CAIRN_TEST(A2_limine_a_long_command_line_is_cut_and_says_so)
{
    static char line[CAIRN_BOOT_COMMAND_LINE_BYTES + 1];
    struct build build;
    struct build_limine limine;

    for (size_t i = 0; i < CAIRN_BOOT_COMMAND_LINE_BYTES; i++)
        line[i] = (char)('a' + i % 26);
    build_begin(&build);
    build_limine(&build, &full, &limine);
    limine.command_line->pointers[0] = line;
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK(build_boot.is_command_line_cut);
    line[CAIRN_BOOT_COMMAND_LINE_BYTES - 1] = '\0';
    CHECK_TEXT(build_boot.command_line, line);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK(!build_boot.is_command_line_cut);
}

/* ---- What is wrong ------------------------------------------------------- */

CAIRN_TEST(A15_limine_without_a_map)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    CHECK_EQ(cairn_boot_from_limine(NULL, &build_boot), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_boot_from_limine(&limine.responses, NULL),
             CAIRN_BAD_ARGUMENT);
    limine.memmap->count = 0;
    CHECK_EQ(take(&limine), CAIRN_NO_MEMORY_MAP);
    limine.responses.memmap = NULL;
    CHECK_EQ(take(&limine), CAIRN_NO_MEMORY_MAP);
}

CAIRN_TEST(A15_limine_nothing_usable)
{
    static const struct test_map_entry reserved[] = {
        {0, 0x1000, 0, 0}, BUILD_ENTRY(0, CAIRN_MIB, 5)};
    struct build build;
    struct build_limine limine;
    struct build_input input = {.entries = reserved, .count = 2};

    build_begin(&build);
    build_limine(&build, &input, &limine);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_NO_MEMORY);
    CHECK_EQ(build_kind_at(BUILD_FAR), CAIRN_MEMORY_LOADER);
}

CAIRN_TEST(A2_limine_maps_that_make_no_sense)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    limine.memmap->count = 65537;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
    limine.memmap->count = UINT64_MAX;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
    limine.memmap->count = 2;
    limine.memmap->entries[1] = NULL;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
    limine.memmap->entries = NULL;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
}

CAIRN_TEST(A2_limine_modules_that_make_no_sense)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    limine.modules->files[0]->bytes = UINT64_MAX;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
    limine.modules->files[0]->bytes = CAIRN_PHYS_LIMIT;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
    limine.modules->files[0]->bytes = 0;
    CHECK_EQ(take(&limine), CAIRN_OK);
    limine.modules->files[1] = NULL;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
    limine.modules->files = NULL;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
    limine.modules->count = 65537;
    CHECK_EQ(take(&limine), CAIRN_BAD_BOOT_DATA);
}

CAIRN_TEST(A4_limine_more_ranges_than_there_is_room_for)
{
    static struct test_map_entry many[CAIRN_BOOT_RANGES_MAX + 1];
    struct build build;
    struct build_limine limine;
    struct build_input input = {.entries = many,
                                .count = CAIRN_BOOT_RANGES_MAX + 1};

    for (size_t i = 0; i < CAIRN_BOOT_RANGES_MAX + 1; i++)
        many[i] = (struct test_map_entry)BUILD_ENTRY(i * 0x2000, 0x1000, 0);
    build_begin(&build);
    build_limine(&build, &input, &limine);
    CHECK_EQ(take(&limine), CAIRN_NO_SPACE);
    limine.memmap->count = CAIRN_BOOT_RANGES_MAX;
    CHECK_EQ(take(&limine), CAIRN_OK);
}

/* ---- What the loader owns ------------------------------------------------ */

/*
 * A map that calls everything usable: kernel, modules, screen are not.  The
 * kernel's size is not told by Limine; the kernel knows it.
 */
CAIRN_TEST(A7_limine_kernel_modules_and_screen_are_not_usable)
{
    static const struct test_map_entry stale[] = {{0, 4 * CAIRN_GIB, 0, 0}};
    struct build build;
    struct build_limine limine;
    struct build_input input = full;
    struct cairn_phys_range kernel =
        cairn_phys_range_make(BUILD_KERNEL_PHYS, BUILD_KERNEL_PHYS + 0x200800);

    input.entries = stale;
    input.count = 1;
    build_begin(&build);
    build_limine(&build, &input, &limine);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(cairn_init_early(&build_boot, kernel,
                              cairn_phys_make(CAIRN_PHYS_LIMIT), &build_early),
             CAIRN_OK);
    CHECK(build_is_withheld(BUILD_KERNEL_PHYS, 0x201000));
    CHECK(build_is_withheld(0x3800000, 0x2000));
    CHECK(build_is_withheld(0x3900000, 0x1000));
    CHECK_EQ(build_kind_at(0x3800000), CAIRN_MEMORY_KERNEL);
    CHECK(build_is_withheld(screen.base, 3328 * 600));
    CHECK_EQ(build_kind_at(screen.base), CAIRN_MEMORY_FRAMEBUFFER);
    CHECK_EQ(build_kind_at(screen.base - 1), CAIRN_MEMORY_USABLE);
    CHECK_EQ(build_kind_at(0), CAIRN_MEMORY_LOW);
}

/* Limine 11.4 on UEFI reports frame 0 as its own (platform-notes 4). */
CAIRN_TEST(A9_limine_frame_0_is_never_reclaimed_as_usable)
{
    static const struct test_map_entry entries[] = {
        {0, 0x1000, 0, 5}, {0x1000, 0x9e000, 0, 0}, {0x9f000, 0x1000, 0, 5}};
    struct cairn_phys_range all = {{0}, {CAIRN_PHYS_LIMIT}};
    struct build build;
    struct build_limine limine;
    struct build_input input = {.entries = entries, .count = 3};

    build_begin(&build);
    build_limine(&build, &input, &limine);
    CHECK_EQ(take(&limine), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_EQ(
        cairn_memmap_reclaim(&build_boot.map, all, CAIRN_MEMORY_LOADER, NULL),
        CAIRN_OK);
    CHECK_EQ(build_kind_at(0), CAIRN_MEMORY_LOW);
    CHECK_EQ(build_kind_at(0x9f000), CAIRN_MEMORY_USABLE);
}

CAIRN_TEST(A10_limine_nothing_of_the_loaders_is_needed_later)
{
    struct build build;
    struct build_limine limine;

    build_begin(&build);
    build_limine(&build, &full, &limine);
    CHECK_EQ(cairn_boot_from_limine(&limine.responses, &build_other), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_other), CAIRN_OK);
    CHECK_EQ(take(&limine), CAIRN_OK);
    build_fill(&build, 0xa5);
    limine.responses = (struct cairn_limine_responses){.memmap = NULL};
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_difference(&build_boot, &build_other), "");
}
