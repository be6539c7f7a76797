/*
 * boot_multiboot1.c - the adapter of Multiboot 1.
 */
#include "boot_build.h"

#include <cairn/init.h>

#define MIB CAIRN_MIB
#define ALL CAIRN_MEMORY_ALL_KINDS

static const struct test_map_entry machine[] = {
    {0, 640 * CAIRN_KIB, 0, 1},
    {640 * CAIRN_KIB, 384 * CAIRN_KIB, 0, 2},
    BUILD_ENTRY(0, 16 * CAIRN_MIB, 1),
};

static const struct build_screen screen = {
    .base = BUILD_FAR + 32 * CAIRN_MIB,
    .width = 800,
    .height = 600,
    .pitch_bytes = 3328,
    .bits = 32,
    .red_shift = 16,
    .green_shift = 8,
};

/* 32-bit addresses: Multiboot 1 knows no others. */
static const struct build_module modules[] = {
    {0xc0000000, 0x1800, "initrd root=/dev/ram"},
    {0xc0100000, 0x1000, "font"},
};

static const struct build_input plain = {.entries = machine, .count = 3};

static const struct build_input full = {
    .entries = machine,
    .count = 3,
    .command_line = "verbose -- test A",
    .loader = "GRUB 2.06",
    .screen = &screen,
    .modules = modules,
    .module_count = 2,
};

static enum cairn_status take(uint64_t info)
{
    return cairn_boot_from_multiboot1(MB1_MAGIC, cairn_phys_make(info),
                                      &build_boot);
}

/* The status for `plain` with one number of the information changed. */
static enum cairn_status take_with(struct build *build, uint32_t offset,
                                   uint32_t value)
{
    uint64_t info;

    build_clear(build);
    info = build_multiboot1(build, &plain);
    build_put32(build, info + offset, value);
    return take(info);
}

CAIRN_TEST(A3_multiboot1_all_that_the_loader_tells)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &full)), CAIRN_OK);
    CHECK_TEXT(build_boot.protocol, "Multiboot 1");
    CHECK_TEXT(build_boot.loader, "GRUB 2.06");
    CHECK_TEXT(build_boot.command_line, "verbose -- test A");
    CHECK(!build_boot.is_command_line_cut && build_boot.is_bios);
    CHECK_EQ(build_boot.window_offset | build_boot.window_bytes, 0);
    CHECK_EQ(build_boot.kernel_virt | build_boot.kernel.end.value, 0);
    CHECK_EQ(build_boot.rsdp.value | build_boot.uefi_system_table.value, 0);
    CHECK_EQ(build_boot.cpu_count, 0);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot),
               "0-1000000 usable, 2000000-21e8000 framebuffer");
}

CAIRN_TEST(A3_multiboot1_modules_are_named_and_kept)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &full)), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 2);
    CHECK_EQ(build_boot.modules_dropped, 0);
    CHECK_TEXT(build_boot.modules[0].name, "initrd root=/dev/ram");
    CHECK_EQ(build_boot.modules[0].range.start.value, 0xc0000000u);
    CHECK_EQ(build_boot.modules[0].range.end.value, 0xc0001800u);
    CHECK_TEXT(build_boot.modules[1].name, "font");
}

CAIRN_TEST(A2_multiboot1_screen)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &full)), CAIRN_OK);
    CHECK(build_boot.framebuffer.is_present);
    CHECK_EQ(build_boot.framebuffer.base.value, BUILD_FAR + 32 * MIB);
    CHECK_EQ(build_boot.framebuffer.bytes, 3328 * 600);
    CHECK_EQ(build_boot.framebuffer.width, 800);
    CHECK_EQ(build_boot.framebuffer.height, 600);
    CHECK_EQ(build_boot.framebuffer.pitch_bytes, 3328);
    CHECK_EQ(build_boot.framebuffer.red_shift, 16);
    CHECK_EQ(build_boot.framebuffer.green_shift, 8);
    CHECK_EQ(build_boot.framebuffer.blue_shift, 0);
}

/* Change one number of the screen: the screen must be gone, nothing else. */
static void check_no_screen(struct build *build, uint32_t offset,
                            uint32_t value)
{
    uint64_t info;

    build_clear(build);
    info = build_multiboot1(build, &full);
    build_put32(build, info + offset, value);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK(!build_boot.framebuffer.is_present);
    CHECK_EQ(build_finish(build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot), "0-1000000 usable");
}

CAIRN_TEST(A2_multiboot1_screens_that_make_no_sense_are_none)
{
    const uint32_t colours = 0x0810u << 16;
    struct build build;

    build_begin(&build);
    check_no_screen(&build, MB1_SCREEN_WIDTH, 0);
    check_no_screen(&build, MB1_SCREEN_WIDTH, 833);
    check_no_screen(&build, MB1_SCREEN_HEIGHT, 0);
    check_no_screen(&build, MB1_SCREEN_PITCH, 3199);
    check_no_screen(&build, MB1_SCREEN_PITCH, 0);
    check_no_screen(&build, MB1_SCREEN_BASE + 4, 0x00100000); /* at 4 PiB */
    check_no_screen(&build, MB1_SCREEN_BASE + 4, 0xffffffff);
    check_no_screen(&build, MB1_SCREEN_BITS, colours | 1 << 8 | 24);
    check_no_screen(&build, MB1_SCREEN_BITS,
                    colours | 0 << 8 | 32); /* palette */
    check_no_screen(&build, MB1_SCREEN_BITS, colours | 2 << 8 | 32); /* text */
}

CAIRN_TEST(A2_multiboot1_screen_flag_decides)
{
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_multiboot1(&build, &full);
    build_put32(&build, info, MB1_HAS_MAP);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK(!build_boot.framebuffer.is_present);
    CHECK_TEXT(build_boot.command_line, "");
    CHECK_TEXT(build_boot.loader, "");
    CHECK_EQ(build_boot.module_count, 0);
}

CAIRN_TEST(A3_multiboot1_magic_is_refused)
{
    static const uint32_t others[] = {0, 1, 0x36d76289, 0x1badb002, 0x2badb003};
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_multiboot1(&build, &plain);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CHECK_EQ(cairn_boot_from_multiboot1(others[i], cairn_phys_make(info),
                                            &build_boot),
                 CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_boot_from_multiboot1(MB1_MAGIC, cairn_phys_make(info), NULL),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(A15_multiboot1_without_a_map)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take_with(&build, MB1_FLAGS, 0), CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(take_with(&build, MB1_FLAGS, (uint32_t)~MB1_HAS_MAP & 0xefff),
             CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(take_with(&build, MB1_MAP_BYTES, 0), CAIRN_NO_MEMORY_MAP);
}

CAIRN_TEST(A15_multiboot1_nothing_usable)
{
    static const struct test_map_entry reserved[] = {
        {0, 64 * CAIRN_KIB, 0, 1}, BUILD_ENTRY(0, CAIRN_MIB, 2)};
    struct build build;
    struct build_input input = {.entries = reserved, .count = 2};

    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_NO_MEMORY);
    CHECK_TEXT(build_map_text(&build_boot), "0-100000 reserved");
}

CAIRN_TEST(A9_multiboot1_memory_below_1_mib_is_the_bios)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &plain)), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_EQ(build_kind_at(0), CAIRN_MEMORY_LOW);
    CHECK_EQ(build_kind_at(0x9f000), CAIRN_MEMORY_LOW);
    CHECK_EQ(build_kind_at(0xa0000), CAIRN_MEMORY_RESERVED);
}

/* ---- The list ------------------------------------------------------------ */

CAIRN_TEST(A3_multiboot1_entries_of_any_size)
{
    static const uint32_t strides[] = {24, 28, 40, 23 + 64};
    struct build build;
    struct build_input input = plain;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        build_clear(&build);
        input.stride = strides[i];
        CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
        CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
        CHECK_TEXT(build_map_text(&build_boot), "0-1000000 usable");
        CHECK_EQ(build_boot.map.entries_added, 3);
    }
}

/* The status when number `entry` says `size`, in a list of `bytes` bytes. */
static enum cairn_status take_sizes(struct build *build, uint32_t entry,
                                    uint32_t size, uint32_t bytes)
{
    uint64_t info;

    build_clear(build);
    info = build_multiboot1(build, &plain);
    build_put32(build, info + MB1_BYTES_SHORT + entry * 24, size);
    build_put32(build, info + MB1_MAP_BYTES, bytes);
    return take(info);
}

CAIRN_TEST(A3_multiboot1_entries_stay_inside_the_list)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take_sizes(&build, 0, 20, 72), CAIRN_OK);
    CHECK_EQ(take_sizes(&build, 0, 44, 72), CAIRN_OK); /* swallows the second */
    CHECK_EQ(take_sizes(&build, 0, 68, 72), CAIRN_OK); /* and the third */
    CHECK_EQ(take_sizes(&build, 0, 0, 72), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 0, 19, 72), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 0, 69, 72), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 0, 45, 72), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 2, 21, 72), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 1, 0xffffffff, 72), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 1, 0xfffffffc, 72), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 0, 20, 71), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 0, 20, 73), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 0, 20, 23), CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_sizes(&build, 0, 20, 24), CAIRN_OK);
}

/* Two entries that share bytes, and end where the list ends. */
CAIRN_TEST(A3_multiboot1_entries_that_are_too_small)
{
    struct build build;

    build_begin(&build);
    for (uint32_t size = 0; size < 20; size++) {
        uint64_t info;
        uint64_t second;

        build_clear(&build);
        info = build_multiboot1(&build, &plain);
        second = info + MB1_BYTES_SHORT + size + 4;
        build_put32(&build, second, 20);
        build_put32(&build, info + MB1_BYTES_SHORT, size);
        build_put32(&build, info + MB1_MAP_BYTES, size + 4 + 24);
        CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    }
}

CAIRN_TEST(A3_multiboot1_a_list_that_ends_where_memory_ends)
{
    struct build build;
    uint64_t info;
    uint64_t map;

    build_begin(&build);
    info = build_multiboot1(&build, &plain);
    map = build_take_end(&build, 24);
    build_put32(&build, map, 20);
    build_put64(&build, map + 4, BUILD_FAR);
    build_put64(&build, map + 12, 0x3000);
    build_put32(&build, map + 20, 1);
    build_put32(&build, info + MB1_MAP, (uint32_t)map);
    build_put32(&build, info + MB1_MAP_BYTES, 24);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot), "0-3000 usable");
}

CAIRN_TEST(A3_multiboot1_information_without_a_screen_is_88_bytes)
{
    struct build build;
    uint64_t from;
    uint64_t info;

    build_begin(&build);
    from = build_multiboot1(&build, &plain);
    info = build_take_end(&build, MB1_BYTES_SHORT);
    for (size_t i = 0; i < MB1_BYTES_SHORT; i++)
        *build_at(&build, info + i) = *build_at(&build, from + i);
    CHECK_EQ(take(info), CAIRN_OK);
}

CAIRN_TEST(A4_multiboot1_more_ranges_than_there_is_room_for)
{
    static struct test_map_entry many[CAIRN_BOOT_RANGES_MAX + 1];
    struct build build;
    struct build_input input = {.entries = many,
                                .count = CAIRN_BOOT_RANGES_MAX};

    for (size_t i = 0; i < CAIRN_BOOT_RANGES_MAX + 1; i++)
        many[i] = (struct test_map_entry)BUILD_ENTRY(i * 0x2000, 0x1000, 1);
    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_NO_SPACE);
    build_clear(&build);
    input.count = CAIRN_BOOT_RANGES_MAX + 1;
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_NO_SPACE);
    build_clear(&build);
    input.count = CAIRN_BOOT_RANGES_MAX - 1; /* and the loader's structures */
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
    CHECK_EQ(build_boot.map.count, CAIRN_BOOT_RANGES_MAX);
}

/* ---- Texts --------------------------------------------------------------- */

CAIRN_TEST(A3_multiboot1_a_long_command_line_is_cut_and_says_so)
{
    static char line[CAIRN_BOOT_COMMAND_LINE_BYTES + 1];
    struct build build;
    struct build_input input = plain;

    for (size_t i = 0; i < CAIRN_BOOT_COMMAND_LINE_BYTES; i++)
        line[i] = (char)('a' + i % 26);
    input.command_line = line;
    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
    CHECK(build_boot.is_command_line_cut);
    CHECK_EQ(build_boot.command_line[CAIRN_BOOT_COMMAND_LINE_BYTES - 2],
             line[CAIRN_BOOT_COMMAND_LINE_BYTES - 2]);
    CHECK_EQ(build_boot.command_line[CAIRN_BOOT_COMMAND_LINE_BYTES - 1], 0);

    line[CAIRN_BOOT_COMMAND_LINE_BYTES - 1] = '\0';
    build_clear(&build);
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
    CHECK(!build_boot.is_command_line_cut);
    CHECK_TEXT(build_boot.command_line, line);
}

CAIRN_TEST(A3_multiboot1_a_long_name_is_cut)
{
    static const char name[] = "0123456789012345678901234567890123456789"
                               "01234567890123456789012-and-more";
    struct build build;
    struct build_input input = plain;

    input.loader = name;
    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
    CHECK_EQ(build_boot.loader[CAIRN_BOOT_NAME_BYTES - 2], '2');
    CHECK_EQ(build_boot.loader[CAIRN_BOOT_NAME_BYTES - 1], 0);
}

CAIRN_TEST(A3_multiboot1_texts_out_of_reach_are_empty)
{
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_multiboot1(&build, &full);
    build_put32(&build, info + MB1_COMMAND_LINE, build_nowhere_32());
    build_put32(&build, info + MB1_LOADER_NAME, build_nowhere_32());
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_TEXT(build_boot.command_line, "");
    CHECK_TEXT(build_boot.loader, "");
    CHECK(!build_boot.is_command_line_cut);
}

/* ---- Modules ------------------------------------------------------------- */

CAIRN_TEST(A7_multiboot1_modules_beyond_the_table_are_reserved_too)
{
    static struct build_module many[CAIRN_BOOT_MODULES_MAX + 2];
    static const struct test_map_entry ram[] = {{0x80000000, 0x40000000, 0, 1}};
    struct build build;
    struct build_input input = {.entries = ram, .count = 1};

    for (size_t i = 0; i < CAIRN_BOOT_MODULES_MAX + 2; i++)
        many[i] = (struct build_module){0x80000000 + i * 0x10000, 0x1001, "m"};
    input.modules = many;
    input.module_count = CAIRN_BOOT_MODULES_MAX + 2;
    build_begin(&build);
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, CAIRN_BOOT_MODULES_MAX);
    CHECK_EQ(build_boot.modules_dropped, 2);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    for (size_t i = 0; i < CAIRN_BOOT_MODULES_MAX + 2; i++) {
        CHECK_EQ(build_kind_at(many[i].start + 0x1000), CAIRN_MEMORY_KERNEL);
        CHECK_EQ(build_kind_at(many[i].start + 0x2000), CAIRN_MEMORY_USABLE);
    }
}

CAIRN_TEST(A3_multiboot1_modules_that_make_no_sense)
{
    struct build build;
    uint64_t info;
    uint64_t table;

    build_begin(&build);
    info = build_multiboot1(&build, &full);
    table = info + MB1_BYTES + sizeof(machine) / sizeof(machine[0]) * 24;
    build_put32(&build, table + 4, 0xbfffffff); /* end before start */
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    build_put32(&build, table + 4, 0xc0000000); /* empty */
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_boot.modules[0].range.end.value, 0xc0000000);
    build_put32(&build, info + MB1_MODULE_COUNT, 4097);
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    build_put32(&build, info + MB1_MODULE_COUNT, 0);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 0);
}

/* ---- What cannot be reached ---------------------------------------------- */

/* The information with a screen is 116 bytes: cut in its last ones. */
CAIRN_TEST(E6_multiboot1_a_screen_cut_by_the_end_of_memory)
{
    struct build build;
    uint64_t from;
    uint64_t info;

    build_begin(&build);
    if (!build_has_end(&build))
        return;
    from = build_multiboot1(&build, &plain);
    for (size_t bytes = MB1_BYTES_SHORT; bytes <= MB1_BYTES; bytes++) {
        info = build_take_end(&build, bytes);
        for (size_t i = 0; i < MB1_BYTES_SHORT; i++)
            *build_at(&build, info + i) = *build_at(&build, from + i);
        build_put32(&build, info, MB1_HAS_MAP | MB1_HAS_SCREEN);
        CHECK_EQ(take(info),
                 bytes < MB1_BYTES ? CAIRN_NOT_REACHABLE : CAIRN_OK);
    }
}

CAIRN_TEST(E6_multiboot1_tables_cut_by_the_end_of_memory)
{
    struct build build;
    uint64_t info;
    uint64_t map;
    uint64_t end;

    build_begin(&build);
    if (!build_has_end(&build))
        return;
    info = build_multiboot1(&build, &full);
    end = build_take_end(&build, 32);
    build_put32(&build, info + MB1_MODULES, (uint32_t)end);
    CHECK_EQ(take(info), CAIRN_OK);
    build_put32(&build, info + MB1_MODULES, (uint32_t)end + 1);
    CHECK_EQ(take(info), CAIRN_NOT_REACHABLE);
    build_put32(&build, info + MB1_MODULE_COUNT, 1);
    CHECK_EQ(take(info), CAIRN_OK);
    map = build_take_end(&build, 24);
    build_put32(&build, map, 20);
    build_put32(&build, info + MB1_MAP, (uint32_t)map);
    build_put32(&build, info + MB1_MAP_BYTES, 25);
    CHECK_EQ(take(info), CAIRN_NOT_REACHABLE);
}

CAIRN_TEST(E6_multiboot1_nothing_out_of_reach_is_touched)
{
    uint32_t nowhere = build_nowhere_32();
    struct build build;
    uint64_t info;

    build_begin(&build);
    CHECK_EQ(take(0), CAIRN_NOT_REACHABLE);
    CHECK_EQ(take(BUILD_NOWHERE), CAIRN_NOT_REACHABLE);
    CHECK_EQ(take(UINT64_MAX - 50), CAIRN_NOT_REACHABLE);
    CHECK_EQ(take_with(&build, MB1_MAP, 0), CAIRN_NOT_REACHABLE);
    if (nowhere == 0)
        return;
    CHECK_EQ(take_with(&build, MB1_MAP, nowhere), CAIRN_NOT_REACHABLE);
    CHECK_EQ(take_with(&build, MB1_MAP_BYTES, 0xf0000000), CAIRN_NOT_REACHABLE);
    build_clear(&build);
    info = build_multiboot1(&build, &full);
    build_put32(&build, info + MB1_MODULES, nowhere);
    CHECK_EQ(take(info), CAIRN_NOT_REACHABLE);
}

/* ---- What the loader owns ------------------------------------------------ */

CAIRN_TEST(A7_multiboot1_structures_are_not_usable)
{
    static const struct test_map_entry all_ram[] = {{0, CAIRN_GIB * 4, 0, 1}};
    struct build build;
    struct build_input input = full;
    struct cairn_phys_range none = {{0}, {0}};

    input.entries = all_ram;
    input.count = 1;
    build_begin(&build);
    build.is_spread = true;
    CHECK_EQ(take(build_multiboot1(&build, &input)), CAIRN_OK);
    CHECK_EQ(cairn_init_early(&build_boot, none,
                              cairn_phys_make(CAIRN_PHYS_LIMIT), &build_early),
             CAIRN_OK);
    /* Information, list and table of modules; texts follow. */
    for (uint64_t page = 0; page < 3; page++)
        CHECK_EQ(build_kind_at(build.phys + page * CAIRN_FRAME_SIZE),
                 CAIRN_MEMORY_LOADER);
    CHECK_EQ(build_kind_at(build.phys + 3 * CAIRN_FRAME_SIZE),
             CAIRN_MEMORY_USABLE);
    CHECK(build_is_withheld(0xc0000000, 0x2000));
    CHECK(build_is_withheld(0xc0100000, 0x1000));
    CHECK_EQ(build_kind_at(0xc0001fff), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(build_kind_at(0xc0002000), CAIRN_MEMORY_USABLE);
    CHECK(build_is_withheld(screen.base, 3328 * 600));
    CHECK(build_is_withheld(0, MIB));
}

CAIRN_TEST(A10_multiboot1_nothing_of_the_loaders_is_needed_later)
{
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_multiboot1(&build, &full);
    CHECK_EQ(cairn_boot_from_multiboot1(MB1_MAGIC, cairn_phys_make(info),
                                        &build_other),
             CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_other), CAIRN_OK);
    CHECK_EQ(take(info), CAIRN_OK);
    build_fill(&build, 0xa5);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_difference(&build_boot, &build_other), "");
}
