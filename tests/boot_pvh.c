/*
 * boot_pvh.c - the adapter of PVH.
 */
#include "boot_build.h"

#include <cairn/init.h>

static const struct test_map_entry machine[] = {
    {0, 640 * CAIRN_KIB, 0, 1},
    {640 * CAIRN_KIB, 384 * CAIRN_KIB, 0, 2},
    BUILD_ENTRY(0, 16 * CAIRN_MIB, 1),
};

/* 64-bit addresses, unlike Multiboot. */
static const struct build_module modules[] = {
    {BUILD_FAR + 0x10000, 0x1800, "initrd root=/dev/ram"},
    {BUILD_FAR + 0x20000, 0x1000, NULL},
};

static const struct build_input plain = {.entries = machine, .count = 3};

static const struct build_input full = {
    .entries = machine,
    .count = 3,
    .command_line = "verbose -- test A",
    .modules = modules,
    .module_count = 2,
    .rsdp = 0xf5a20,
};

static enum cairn_status take(uint64_t start)
{
    return cairn_boot_from_pvh(cairn_phys_make(start), &build_boot);
}

/* The status for `full` with one 32-bit number changed. */
static enum cairn_status take_with(struct build *build, uint32_t offset,
                                   uint32_t value)
{
    uint64_t start;

    build_clear(build);
    start = build_pvh(build, &full);
    build_put32(build, start + offset, value);
    return take(start);
}

/* The same with a 64-bit number. */
static enum cairn_status take_with_address(struct build *build, uint32_t offset,
                                           uint64_t value)
{
    uint64_t start;

    build_clear(build);
    start = build_pvh(build, &full);
    build_put64(build, start + offset, value);
    return take(start);
}

CAIRN_TEST(A3_pvh_all_that_the_loader_tells)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_pvh(&build, &full)), CAIRN_OK);
    CHECK_TEXT(build_boot.protocol, "PVH");
    CHECK_TEXT(build_boot.loader, "");
    CHECK_TEXT(build_boot.command_line, "verbose -- test A");
    CHECK(!build_boot.is_command_line_cut && build_boot.is_bios);
    CHECK_EQ(build_boot.window_offset | build_boot.window_bytes, 0);
    CHECK_EQ(build_boot.kernel_virt | build_boot.kernel.end.value, 0);
    CHECK_EQ(build_boot.rsdp.value, 0xf5a20);
    CHECK_EQ(build_boot.uefi_system_table.value, 0);
    CHECK_EQ(build_boot.cpu_count, 0);
    CHECK(!build_boot.framebuffer.is_present);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot),
               "0-10000 usable, 10000-12000 kernel, 12000-20000 usable, "
               "20000-21000 kernel, 21000-1000000 usable");
}

CAIRN_TEST(A3_pvh_modules_are_named_and_kept)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_pvh(&build, &full)), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 2);
    CHECK_EQ(build_boot.modules_dropped, 0);
    CHECK_TEXT(build_boot.modules[0].name, "initrd root=/dev/ram");
    CHECK_EQ(build_boot.modules[0].range.start.value, BUILD_FAR + 0x10000);
    CHECK_EQ(build_boot.modules[0].range.end.value, BUILD_FAR + 0x11800);
    CHECK_TEXT(build_boot.modules[1].name, "");
}

CAIRN_TEST(A3_pvh_magic_is_refused)
{
    static const uint32_t others[] = {0, 0x2badb002, 0x36d76289, 0x336ec579};
    struct build build;
    uint64_t start;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK_EQ(take_with(&build, PVH_START_MAGIC, others[i]),
                 CAIRN_BAD_ARGUMENT);
        CHECK(!cairn_boot_is_pvh(cairn_phys_make(build.phys)));
    }
    build_clear(&build);
    start = build_pvh(&build, &plain);
    CHECK(cairn_boot_is_pvh(cairn_phys_make(start)));
    CHECK_EQ(cairn_boot_from_pvh(cairn_phys_make(start), NULL),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(A15_pvh_without_a_map)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take_with(&build, PVH_START_MAP_COUNT, 0), CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(take_with(&build, PVH_START_VERSION, 0), CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(take_with(&build, PVH_START_VERSION, 2), CAIRN_OK);
}

CAIRN_TEST(A15_pvh_nothing_usable)
{
    static const struct test_map_entry reserved[] = {
        {0, 64 * CAIRN_KIB, 0, 1}, BUILD_ENTRY(0, CAIRN_MIB, 2)};
    struct build build;
    struct build_input input = {.entries = reserved, .count = 2};

    build_begin(&build);
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_NO_MEMORY);
}

CAIRN_TEST(A9_pvh_memory_below_1_mib_is_the_bios)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_pvh(&build, &plain)), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_EQ(build_kind_at(0), CAIRN_MEMORY_LOW);
    CHECK_EQ(build_kind_at(0x9f000), CAIRN_MEMORY_LOW);
}

/* Version 0 ends after 40 bytes, version 1 after 56. */
CAIRN_TEST(A3_pvh_structures_that_end_where_memory_ends)
{
    struct build build;
    uint64_t from;
    uint64_t start;

    build_begin(&build);
    from = build_pvh(&build, &plain);
    start = build_take_end(&build, PVH_START_BYTES);
    for (size_t i = 0; i < PVH_START_BYTES; i++)
        *build_at(&build, start + i) = *build_at(&build, from + i);
    CHECK_EQ(take(start), CAIRN_OK);
    start += PVH_START_BYTES - 40;
    build_put32(&build, start + PVH_START_MAGIC, PVH_MAGIC);
    build_put32(&build, start + PVH_START_VERSION, 0);
    CHECK(cairn_boot_is_pvh(cairn_phys_make(start)));
    CHECK_EQ(take(start), CAIRN_NO_MEMORY_MAP);
}

CAIRN_TEST(A3_pvh_counts_that_make_no_sense)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take_with(&build, PVH_START_MAP_COUNT, 65537),
             CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_with(&build, PVH_START_MAP_COUNT, 0xffffffff),
             CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_with(&build, PVH_START_MODULE_COUNT, 65537),
             CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_with(&build, PVH_START_MODULE_COUNT, 0xffffffff),
             CAIRN_BAD_BOOT_DATA);
    CHECK_EQ(take_with(&build, PVH_START_MODULE_COUNT, 0), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 0);
}

CAIRN_TEST(A3_pvh_modules_that_make_no_sense)
{
    struct build_module module = {0, 0, NULL};
    struct build build;
    struct build_input input = {
        .entries = machine, .count = 3, .modules = &module, .module_count = 1};
    uint64_t start;

    build_begin(&build);
    module.start = CAIRN_PHYS_LIMIT;
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_BAD_BOOT_DATA);
    module.start = BUILD_FAR;
    module.bytes = CAIRN_PHYS_LIMIT - BUILD_FAR + 1;
    build_clear(&build);
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_BAD_BOOT_DATA);
    module.bytes = UINT64_MAX;
    build_clear(&build);
    start = build_pvh(&build, &input);
    CHECK_EQ(take(start), CAIRN_BAD_BOOT_DATA);
    module.bytes = CAIRN_PHYS_LIMIT - BUILD_FAR;
    build_clear(&build);
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_OK);
}

CAIRN_TEST(A4_pvh_more_ranges_than_there_is_room_for)
{
    static struct test_map_entry many[CAIRN_BOOT_RANGES_MAX + 1];
    struct build build;
    struct build_input input = {.entries = many,
                                .count = CAIRN_BOOT_RANGES_MAX};

    for (size_t i = 0; i < CAIRN_BOOT_RANGES_MAX + 1; i++)
        many[i] = (struct test_map_entry)BUILD_ENTRY(i * 0x2000, 0x1000, 1);
    build_begin(&build);
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_NO_SPACE);
    input.count = CAIRN_BOOT_RANGES_MAX - 1;
    build_clear(&build);
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_OK);
}

CAIRN_TEST(A3_pvh_a_long_command_line_is_cut_and_says_so)
{
    static char line[CAIRN_BOOT_COMMAND_LINE_BYTES + 1];
    struct build build;
    struct build_input input = plain;

    for (size_t i = 0; i < CAIRN_BOOT_COMMAND_LINE_BYTES; i++)
        line[i] = (char)('a' + i % 26);
    input.command_line = line;
    build_begin(&build);
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_OK);
    CHECK(build_boot.is_command_line_cut);
    line[CAIRN_BOOT_COMMAND_LINE_BYTES - 1] = '\0';
    CHECK_TEXT(build_boot.command_line, line);
    build_clear(&build);
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_OK);
    CHECK(!build_boot.is_command_line_cut);
    CHECK_TEXT(build_boot.command_line, line);
}

CAIRN_TEST(E6_pvh_structures_cut_by_the_end_of_memory)
{
    struct build build;
    uint64_t from;
    uint64_t start;

    build_begin(&build);
    if (!build_has_end(&build))
        return;
    from = build_pvh(&build, &full);
    for (size_t bytes = 8; bytes <= PVH_START_BYTES; bytes++) {
        start = build_take_end(&build, bytes);
        for (size_t i = 0; i < bytes; i++)
            *build_at(&build, start + i) = *build_at(&build, from + i);
        CHECK_EQ(cairn_boot_is_pvh(cairn_phys_make(start)), bytes >= 40);
        CHECK_EQ(take(start),
                 bytes < PVH_START_BYTES ? CAIRN_NOT_REACHABLE : CAIRN_OK);
    }
    start = build_take_end(&build, 64);
    for (size_t i = 0; i < 64; i++) /* two modules without bytes */
        *build_at(&build, start + i) = 0;
    build_put64(&build, from + PVH_START_MODULES, start);
    CHECK_EQ(take(from), CAIRN_OK);
    build_put64(&build, from + PVH_START_MODULES, start + 1);
    CHECK_EQ(take(from), CAIRN_NOT_REACHABLE);
    build_put32(&build, from + PVH_START_MODULE_COUNT, 1);
    CHECK_EQ(take(from), CAIRN_OK);
    build_put64(&build, from + PVH_START_MAP, start);
    CHECK_EQ(take(from), CAIRN_NOT_REACHABLE); /* three entries: 72 bytes */
}

CAIRN_TEST(E6_pvh_nothing_out_of_reach_is_touched)
{
    static const uint64_t nowhere[] = {BUILD_NOWHERE, UINT64_MAX - 39,
                                       CAIRN_PHYS_LIMIT - 1};
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(0), CAIRN_NOT_REACHABLE);
    CHECK(!cairn_boot_is_pvh(cairn_phys_make(0)));
    CHECK_EQ(take_with_address(&build, PVH_START_MAP, 0), CAIRN_NOT_REACHABLE);
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        uint64_t address = nowhere[i];

        CHECK_EQ(take(address), CAIRN_NOT_REACHABLE);
        CHECK(!cairn_boot_is_pvh(cairn_phys_make(address)));
        CHECK_EQ(take_with_address(&build, PVH_START_MAP, address),
                 CAIRN_NOT_REACHABLE);
        CHECK_EQ(take_with_address(&build, PVH_START_MODULES, address),
                 CAIRN_NOT_REACHABLE);
        CHECK_EQ(take_with_address(&build, PVH_START_COMMAND_LINE, address),
                 CAIRN_OK);
        CHECK_TEXT(build_boot.command_line, "");
    }
}

CAIRN_TEST(A7_pvh_structures_are_not_usable)
{
    static const struct test_map_entry all_ram[] = {
        {0, 4 * CAIRN_GIB, 0, 1}, BUILD_ENTRY(0, 16 * CAIRN_MIB, 1)};
    struct build build;
    struct build_input input = full;
    struct cairn_phys_range none = {{0}, {0}};

    input.entries = all_ram;
    input.count = 2;
    build_begin(&build);
    build.is_spread = true;
    CHECK_EQ(take(build_pvh(&build, &input)), CAIRN_OK);
    CHECK_EQ(cairn_init_early(&build_boot, none,
                              cairn_phys_make(CAIRN_PHYS_LIMIT), &build_early),
             CAIRN_OK);
    /* Start information, map and table of modules; texts follow. */
    for (uint64_t page = 0; page < 3; page++)
        CHECK_EQ(build_kind_at(build.phys + page * CAIRN_FRAME_SIZE),
                 CAIRN_MEMORY_LOADER);
    CHECK_EQ(build_kind_at(build.phys + 3 * CAIRN_FRAME_SIZE),
             CAIRN_MEMORY_USABLE);
    CHECK(build_is_withheld(BUILD_FAR + 0x10000, 0x2000));
    CHECK_EQ(build_kind_at(BUILD_FAR + 0x11fff), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(build_kind_at(BUILD_FAR + 0x12000), CAIRN_MEMORY_USABLE);
    CHECK(build_is_withheld(0, CAIRN_MIB));
}

CAIRN_TEST(A10_pvh_nothing_of_the_loaders_is_needed_later)
{
    struct build build;
    uint64_t start;

    build_begin(&build);
    start = build_pvh(&build, &full);
    CHECK_EQ(cairn_boot_from_pvh(cairn_phys_make(start), &build_other),
             CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_other), CAIRN_OK);
    CHECK_EQ(take(start), CAIRN_OK);
    build_fill(&build, 0xa5);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_difference(&build_boot, &build_other), "");
}
