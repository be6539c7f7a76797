/*
 * boot_multiboot2.c - the adapter of Multiboot 2.
 */
#include "boot_build.h"

#include <cairn/init.h>

#define MIB CAIRN_MIB

static const struct test_map_entry machine[] = {
    {0, 640 * CAIRN_KIB, 0, 1},
    {640 * CAIRN_KIB, 384 * CAIRN_KIB, 0, 2},
    BUILD_ENTRY(0, 16 * CAIRN_MIB, 1),
};

static const struct build_screen screen = {
    .base = BUILD_FAR + 32 * CAIRN_MIB,
    .width = 1024,
    .height = 768,
    .pitch_bytes = 4096,
    .bits = 32,
    .green_shift = 8,
    .blue_shift = 16,
};

static const struct build_module modules[] = {
    {0xc0000000, 0x1800, "initrd root=/dev/ram"},
    {0xc0100000, 0x1000, ""},
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
    .rsdp = 1,
};

static enum cairn_status take(uint64_t info)
{
    return cairn_boot_from_multiboot2(MB2_MAGIC, cairn_phys_make(info),
                                      &build_boot);
}

CAIRN_TEST(A3_multiboot2_all_that_the_loader_tells)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_multiboot2(&build, &full)), CAIRN_OK);
    CHECK_TEXT(build_boot.protocol, "Multiboot 2");
    CHECK_TEXT(build_boot.loader, "GRUB 2.06");
    CHECK_TEXT(build_boot.command_line, "verbose -- test A");
    CHECK(!build_boot.is_command_line_cut && build_boot.is_bios);
    CHECK_EQ(build_boot.window_offset | build_boot.window_bytes, 0);
    CHECK_EQ(build_boot.kernel_virt | build_boot.kernel.end.value, 0);
    CHECK_EQ(build_boot.uefi_system_table.value, 0);
    CHECK_EQ(build_boot.cpu_count, 0);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot),
               "0-1000000 usable, 2000000-2300000 framebuffer");
    CHECK_EQ(build_kind_at(0x9f000), CAIRN_MEMORY_LOW);
}

CAIRN_TEST(A3_multiboot2_modules_are_named_and_kept)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_multiboot2(&build, &full)), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 2);
    CHECK_TEXT(build_boot.modules[0].name, "initrd root=/dev/ram");
    CHECK_EQ(build_boot.modules[0].range.start.value, 0xc0000000u);
    CHECK_EQ(build_boot.modules[0].range.end.value, 0xc0001800u);
    CHECK_TEXT(build_boot.modules[1].name, "");
    CHECK_EQ(build_boot.modules[1].range.end.value, 0xc0101000u);
}

CAIRN_TEST(A3_multiboot2_magic_is_refused)
{
    static const uint32_t others[] = {0, 1, 0x2badb002, 0xe85250d6, 0x36d76288};
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_multiboot2(&build, &plain);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CHECK_EQ(cairn_boot_from_multiboot2(others[i], cairn_phys_make(info),
                                            &build_boot),
                 CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_boot_from_multiboot2(MB2_MAGIC, cairn_phys_make(info), NULL),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(take(info + 4), CAIRN_BAD_ARGUMENT);
}

/* ---- The walk through the tags ------------------------------------------- */

/* A block of the map and one tag, with the tag's contents at *data. */
static uint64_t build_with_tag(struct build *build, uint32_t type,
                               uint32_t bytes, uint64_t *data)
{
    uint64_t info;

    build_clear(build);
    info = build_tags_begin(build);
    (void)build_tag_map(build, &plain);
    *data = build_tag(build, type, bytes);
    build_tags_end(build, info);
    return info;
}

CAIRN_TEST(A3_multiboot2_tags_begin_at_multiples_of_8)
{
    struct build build;
    uint64_t info;

    build_begin(&build);
    for (uint32_t bytes = 0; bytes < 17; bytes++) {
        build_clear(&build);
        info = build_tags_begin(&build);
        (void)build_tag(&build, 0x1234, bytes); /* unknown: skipped */
        (void)build_tag_map(&build, &plain);
        build_tags_end(&build, info);
        CHECK_EQ(take(info), CAIRN_OK);
        CHECK_EQ(build_boot.map.entries_added, 3);
    }
}

CAIRN_TEST(A3_multiboot2_the_walk_ends_at_the_end_tag)
{
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_tags_begin(&build);
    (void)build_tag_map(&build, &plain);
    (void)build_tag(&build, MB2_END, 0);
    build_tag_text(&build, MB2_COMMAND_LINE, "not part of it");
    build_tags_end(&build, info);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_TEXT(build_boot.command_line, "");
}

CAIRN_TEST(A3_multiboot2_a_missing_end_tag)
{
    struct build build;
    uint64_t info;
    uint32_t bytes;

    build_begin(&build);
    info = build_tags_begin(&build);
    (void)build_tag_map(&build, &plain);
    bytes = (uint32_t)build.used;
    build_tags_end(&build, info);
    build_put32(&build, info, bytes);
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    build_put32(&build, info, bytes + 7);
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    build_put32(&build, info, bytes + 8);
    CHECK_EQ(take(info), CAIRN_OK);
}

CAIRN_TEST(A3_multiboot2_a_tag_smaller_than_its_header)
{
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, 0x1234, 8, &data);
    for (uint32_t size = 0; size < 8; size++) {
        build_put32(&build, data - 4, size);
        CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    }
    build_put32(&build, data - 4, 9);
    CHECK_EQ(take(info), CAIRN_OK);
    /* The end tag must be whole, too. */
    build_put32(&build, data + 12, 7);
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
}

CAIRN_TEST(A3_multiboot2_a_tag_larger_than_the_block)
{
    static const uint32_t sizes[] = {25, 32, 1 << 20, 0xfffffff8, 0xffffffff};
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_COMMAND_LINE, 8, &data);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        build_put32(&build, data - 4, sizes[i]);
        CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    }
}

CAIRN_TEST(A3_multiboot2_a_block_of_impossible_size)
{
    static const uint32_t sizes[] = {0, 8, 15, (16 << 20) + 1, 0xffffffff};
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_multiboot2(&build, &plain);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        build_put32(&build, info, sizes[i]);
        CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    }
}

CAIRN_TEST(A3_multiboot2_a_block_that_ends_where_memory_ends)
{
    struct build build;
    uint64_t from;
    uint64_t info;
    size_t bytes;

    build_begin(&build);
    from = build_multiboot2(&build, &full);
    bytes = build.used;
    info = build_take_end(&build, bytes);
    for (size_t i = 0; i < bytes; i++)
        *build_at(&build, info + i) = *build_at(&build, from + i);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 2);
}

struct smallest_tag {
    uint32_t type;
    uint32_t bytes; /* of contents; one less is refused */
};

CAIRN_TEST(A3_multiboot2_tags_too_small_for_their_type)
{
    static const struct smallest_tag tags[] = {
        {MB2_COMMAND_LINE, 1},    {MB2_LOADER_NAME, 1},
        {MB2_MODULE, 8},          {MB2_MAP, 8},
        {MB2_SCREEN, 24},         {MB2_SYSTEM_TABLE_32, 4},
        {MB2_SYSTEM_TABLE_64, 8}, {MB2_RSDP_1, 20},
        {MB2_RSDP_2, 36},         {MB2_UEFI_MAP, 8},
    };
    struct build build;
    uint64_t data;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        uint32_t bytes = tags[i].bytes;
        uint64_t info = build_with_tag(&build, tags[i].type, bytes, &data);

        if (tags[i].type == MB2_MAP)
            build_put32(&build, data, 24);
        if (tags[i].type == MB2_UEFI_MAP)
            build_put32(&build, data, 40);
        CHECK_EQ(take(info), CAIRN_OK);
        info = build_with_tag(&build, tags[i].type, bytes - 1, &data);
        CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    }
}

/* ---- The memory map ------------------------------------------------------ */

CAIRN_TEST(A3_multiboot2_entries_at_any_stride)
{
    static const uint32_t strides[] = {24, 32, 48, 256};
    struct build build;
    struct build_input input = plain;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        build_clear(&build);
        input.stride = strides[i];
        CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_OK);
        CHECK_EQ(build_boot.map.entries_added, 3);
        CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
        CHECK_TEXT(build_map_text(&build_boot), "0-1000000 usable");
    }
}

CAIRN_TEST(A3_multiboot2_strides_that_hold_no_entry)
{
    static const uint32_t strides[] = {0, 8, 16, 20, 23, 25, 28, 0xffffffff};
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_MAP, 8 + 24, &data);
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        build_put32(&build, data, strides[i]);
        CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    }
    build_put32(&build, data, 24);
    CHECK_EQ(take(info), CAIRN_OK);
    build_put32(&build, data, 32); /* less than one entry */
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
}

CAIRN_TEST(A3_multiboot2_an_incomplete_last_entry)
{
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_MAP, 8 + 24 + 16, &data);
    build_put32(&build, data, 24);
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
}

CAIRN_TEST(A15_multiboot2_without_a_map)
{
    struct build build;
    uint64_t info;
    struct build_input input = {.entries = machine, .count = 0};

    build_begin(&build);
    info = build_tags_begin(&build);
    build_tags_end(&build, info);
    CHECK_EQ(take(info), CAIRN_NO_MEMORY_MAP);
    build_clear(&build);
    CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_NO_MEMORY_MAP);
}

CAIRN_TEST(A15_multiboot2_nothing_usable)
{
    static const struct test_map_entry reserved[] = {
        {0, 64 * CAIRN_KIB, 0, 1}, BUILD_ENTRY(0, CAIRN_MIB, 2)};
    struct build build;
    struct build_input input = {.entries = reserved, .count = 2};

    build_begin(&build);
    CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_NO_MEMORY);
}

CAIRN_TEST(A4_multiboot2_more_ranges_than_there_is_room_for)
{
    static struct test_map_entry many[CAIRN_BOOT_RANGES_MAX + 1];
    struct build build;
    struct build_input input = {.entries = many,
                                .count = CAIRN_BOOT_RANGES_MAX + 1};

    for (size_t i = 0; i < CAIRN_BOOT_RANGES_MAX + 1; i++)
        many[i] = (struct test_map_entry)BUILD_ENTRY(i * 0x2000, 0x1000, 1);
    build_begin(&build);
    CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_NO_SPACE);
    input.count = CAIRN_BOOT_RANGES_MAX; /* no room for the block itself */
    build_clear(&build);
    CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_NO_SPACE);
    input.count = CAIRN_BOOT_RANGES_MAX - 1;
    build_clear(&build);
    CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_OK);
}

/* ---- UEFI under GRUB ----------------------------------------------------- */

/* GRUB's own map calls usable what the firmware's map keeps apart. */
CAIRN_TEST(A6_multiboot2_the_firmwares_map_is_the_stricter_one)
{
    static const struct test_map_entry grub[] = {BUILD_ENTRY(0, 0x8000, 1)};
    static const struct test_map_entry firmware[] = {
        BUILD_ENTRY(0, 0x1000, 7),      BUILD_ENTRY(0x1000, 0x1000, 3),
        BUILD_ENTRY(0x2000, 0x1000, 2), BUILD_ENTRY(0x3000, 0x1000, 6),
        BUILD_ENTRY(0x4000, 0x1000, 9), BUILD_ENTRY(0x5000, 0x3000, 7),
    };
    struct build build;
    struct build_input input = {.entries = grub, .count = 1};
    uint64_t info;

    build_begin(&build);
    info = build_tags_begin(&build);
    (void)build_tag_map(&build, &input);
    input.entries = firmware;
    input.count = 6;
    (void)build_tag_uefi(&build, &input);
    build_tags_end(&build, info);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot),
               "0-1000 usable, 1000-2000 boot services, "
               "2000-3000 boot loader, 3000-4000 UEFI runtime, "
               "4000-5000 ACPI tables, 5000-8000 usable");
}

CAIRN_TEST(A1_multiboot2_firmware_descriptors_by_their_stride)
{
    static const uint32_t strides[] = {40, 48, 56, 96};
    static const struct test_map_entry firmware[] = {
        BUILD_ENTRY(0, 0x1000, 7), BUILD_ENTRY(0x1000, 0x1000, 5)};
    struct build build;
    struct build_input input = {.entries = firmware, .count = 2};
    uint64_t info;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        build_clear(&build);
        input.stride = strides[i];
        info = build_tags_begin(&build);
        (void)build_tag_uefi(&build, &input);
        build_tags_end(&build, info);
        CHECK_EQ(take(info), CAIRN_OK);
        CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
        CHECK_TEXT(build_map_text(&build_boot),
                   "0-1000 usable, 1000-2000 UEFI runtime");
    }
}

CAIRN_TEST(A1_multiboot2_firmware_descriptors_that_are_cut)
{
    static const uint32_t strides[] = {0, 39, 49, 97, 0xffffffff};
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_UEFI_MAP, 8 + 96, &data);
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        build_put32(&build, data, strides[i]);
        CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    }
    build_put32(&build, data, 48);
    CHECK_EQ(take(info), CAIRN_OK);
}

CAIRN_TEST(A9_multiboot2_a_system_table_means_no_bios)
{
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_SYSTEM_TABLE_64, 8, &data);
    build_put64(&build, data, 0x123456789018);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_boot.uefi_system_table.value, 0x123456789018);
    CHECK(!build_boot.is_bios);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_EQ(build_kind_at(0), CAIRN_MEMORY_LOW);
    CHECK_EQ(build_kind_at(0x1000), CAIRN_MEMORY_USABLE);
    info = build_with_tag(&build, MB2_SYSTEM_TABLE_32, 4, &data);
    build_put32(&build, data, 0x7f003018);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_boot.uefi_system_table.value, 0x7f003018);
    CHECK(!build_boot.is_bios);
}

/* ---- ACPI, texts, modules, screen ---------------------------------------- */

CAIRN_TEST(A2_multiboot2_rsdp_is_in_the_tag_and_version_2_wins)
{
    struct build build;
    uint64_t info;
    uint64_t old;
    uint64_t new;

    build_begin(&build);
    for (unsigned order = 0; order < 2; order++) {
        build_clear(&build);
        info = build_tags_begin(&build);
        (void)build_tag_map(&build, &plain);
        old = order == 0 ? build_tag(&build, MB2_RSDP_1, 20) : 0;
        new = build_tag(&build, MB2_RSDP_2, 36);
        old = order == 1 ? build_tag(&build, MB2_RSDP_1, 20) : old;
        build_tags_end(&build, info);
        CHECK_EQ(take(info), CAIRN_OK);
        CHECK_EQ(build_boot.rsdp.value, new);
        build_put32(&build, new - 8, 0x1234); /* as if it were not there */
        CHECK_EQ(take(info), CAIRN_OK);
        CHECK_EQ(build_boot.rsdp.value, old);
    }
}

CAIRN_TEST(A3_multiboot2_texts_end_with_their_tag)
{
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_COMMAND_LINE, 5, &data);
    for (size_t i = 0; i < 8; i++) /* padding, too */
        *build_at(&build, data + i) = 'x';
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_TEXT(build_boot.command_line, "xxxxx");
    CHECK(!build_boot.is_command_line_cut);
    info = build_with_tag(&build, MB2_MODULE, 8 + 3, &data);
    for (size_t i = 8; i < 16; i++)
        *build_at(&build, data + i) = 'y';
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_TEXT(build_boot.modules[0].name, "yyy");
}

CAIRN_TEST(A3_multiboot2_a_long_command_line_is_cut_and_says_so)
{
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_COMMAND_LINE,
                          CAIRN_BOOT_COMMAND_LINE_BYTES, &data);
    for (size_t i = 0; i < CAIRN_BOOT_COMMAND_LINE_BYTES; i++)
        *build_at(&build, data + i) = (uint8_t)('a' + i % 26);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK(build_boot.is_command_line_cut);
    CHECK_EQ(build_boot.command_line[CAIRN_BOOT_COMMAND_LINE_BYTES - 2],
             'a' + (CAIRN_BOOT_COMMAND_LINE_BYTES - 2) % 26);
    CHECK_EQ(build_boot.command_line[CAIRN_BOOT_COMMAND_LINE_BYTES - 1], 0);
    *build_at(&build, data + CAIRN_BOOT_COMMAND_LINE_BYTES - 1) = 0;
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK(!build_boot.is_command_line_cut);
}

CAIRN_TEST(A3_multiboot2_modules_that_make_no_sense)
{
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_MODULE, 9, &data);
    build_put32(&build, data, 0x5000);
    build_put32(&build, data + 4, 0x4fff);
    CHECK_EQ(take(info), CAIRN_BAD_BOOT_DATA);
    build_put32(&build, data + 4, 0x5000);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, 1);
}

CAIRN_TEST(A7_multiboot2_modules_beyond_the_table_are_reserved_too)
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
    CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_OK);
    CHECK_EQ(build_boot.module_count, CAIRN_BOOT_MODULES_MAX);
    CHECK_EQ(build_boot.modules_dropped, 2);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    for (size_t i = 0; i < CAIRN_BOOT_MODULES_MAX + 2; i++) {
        CHECK_EQ(build_kind_at(many[i].start + 0x1000), CAIRN_MEMORY_KERNEL);
        CHECK_EQ(build_kind_at(many[i].start + 0x2000), CAIRN_MEMORY_USABLE);
    }
}

CAIRN_TEST(A2_multiboot2_screen)
{
    struct build build;

    build_begin(&build);
    CHECK_EQ(take(build_multiboot2(&build, &full)), CAIRN_OK);
    CHECK(build_boot.framebuffer.is_present);
    CHECK_EQ(build_boot.framebuffer.base.value, BUILD_FAR + 32 * MIB);
    CHECK_EQ(build_boot.framebuffer.bytes, 4096 * 768);
    CHECK_EQ(build_boot.framebuffer.width, 1024);
    CHECK_EQ(build_boot.framebuffer.height, 768);
    CHECK_EQ(build_boot.framebuffer.pitch_bytes, 4096);
    CHECK_EQ(build_boot.framebuffer.red_shift, 0);
    CHECK_EQ(build_boot.framebuffer.green_shift, 8);
    CHECK_EQ(build_boot.framebuffer.blue_shift, 16);
}

/* A right screen tag with one number changed: it must be as good as none. */
static void check_no_screen(struct build *build, uint32_t offset,
                            uint32_t value)
{
    uint64_t data;
    uint64_t info = build_with_tag(build, MB2_SCREEN, 30, &data);

    build_put64(build, data, BUILD_FAR + 32 * MIB);
    build_put32(build, data + 8, 4096);
    build_put32(build, data + 12, 1024);
    build_put32(build, data + 16, 768);
    build_put32(build, data + 20, 1 << 8 | 32);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK(build_boot.framebuffer.is_present);
    build_put32(build, data + offset, value);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK(!build_boot.framebuffer.is_present);
    CHECK_EQ(build_finish(build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_map_text(&build_boot), "0-1000000 usable");
}

CAIRN_TEST(A2_multiboot2_screens_that_make_no_sense_are_none)
{
    struct build build;

    build_begin(&build);
    check_no_screen(&build, 4, 0xfffff000); /* base */
    check_no_screen(&build, 8, 0);          /* pitch */
    check_no_screen(&build, 8, 4095);
    check_no_screen(&build, 12, 0); /* width, height */
    check_no_screen(&build, 12, 1025);
    check_no_screen(&build, 16, 0);
    check_no_screen(&build, 20, 1 << 8 | 24); /* bits, type */
    check_no_screen(&build, 20, 0 << 8 | 32);
    check_no_screen(&build, 20, 2 << 8 | 32);
}

CAIRN_TEST(A2_multiboot2_a_screen_without_colours_is_none)
{
    struct build build;
    uint64_t data;
    uint64_t info;

    build_begin(&build);
    info = build_with_tag(&build, MB2_SCREEN, 29, &data);
    build_put64(&build, data, BUILD_FAR);
    build_put32(&build, data + 8, 4096);
    build_put32(&build, data + 12, 1024);
    build_put32(&build, data + 16, 768);
    build_put32(&build, data + 20, 1 << 8 | 32);
    CHECK_EQ(take(info), CAIRN_OK);
    CHECK(!build_boot.framebuffer.is_present);
}

/* ---- What cannot be reached, and what the loader owns -------------------- */

CAIRN_TEST(E6_multiboot2_a_block_cut_by_the_end_of_memory)
{
    struct build build;
    uint64_t from;
    uint64_t info;
    size_t whole;

    build_begin(&build);
    if (!build_has_end(&build))
        return;
    from = build_multiboot2(&build, &full);
    whole = build.used;
    for (size_t bytes = 8; bytes <= whole; bytes += 8) {
        info = build_take_end(&build, bytes);
        for (size_t i = 0; i < bytes; i++)
            *build_at(&build, info + i) = *build_at(&build, from + i);
        CHECK_EQ(take(info), bytes < whole ? CAIRN_NOT_REACHABLE : CAIRN_OK);
    }
}

CAIRN_TEST(E6_multiboot2_nothing_out_of_reach_is_touched)
{
    struct build build;
    uint64_t info;

    build_begin(&build);
    CHECK_EQ(take(0), CAIRN_NOT_REACHABLE);
    CHECK_EQ(take(BUILD_NOWHERE), CAIRN_NOT_REACHABLE);
    CHECK_EQ(take(UINT64_MAX - 7), CAIRN_NOT_REACHABLE);
    info = build_take_end(&build, 16);
    build_put32(&build, info, 16);
    build_put32(&build, info + 12, 8);
    CHECK_EQ(take(info), CAIRN_NO_MEMORY_MAP); /* the end tag alone */
}

CAIRN_TEST(A7_multiboot2_structures_are_not_usable)
{
    static const struct test_map_entry all_ram[] = {{0, CAIRN_GIB * 4, 0, 1}};
    struct build build;
    struct build_input input = full;
    struct cairn_phys_range none = {{0}, {0}};

    input.entries = all_ram;
    input.count = 1;
    build_begin(&build);
    CHECK_EQ(take(build_multiboot2(&build, &input)), CAIRN_OK);
    CHECK_EQ(cairn_init_early(&build_boot, none,
                              cairn_phys_make(CAIRN_PHYS_LIMIT), &build_early),
             CAIRN_OK);
    CHECK(build_is_withheld(build.phys, build.used));
    CHECK_EQ(build_kind_at(build.phys), CAIRN_MEMORY_LOADER);
    CHECK(build_is_withheld(0xc0000000, 0x2000));
    CHECK(build_is_withheld(0xc0100000, 0x1000));
    CHECK_EQ(build_kind_at(0xc0001fff), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(build_kind_at(0xc0002000), CAIRN_MEMORY_USABLE);
    CHECK(build_is_withheld(screen.base, 4096 * 768));
    CHECK(build_is_withheld(0, MIB));
}

CAIRN_TEST(A10_multiboot2_nothing_of_the_loaders_is_needed_later)
{
    struct build build;
    uint64_t info;

    build_begin(&build);
    info = build_multiboot2(&build, &full);
    CHECK_EQ(cairn_boot_from_multiboot2(MB2_MAGIC, cairn_phys_make(info),
                                        &build_other),
             CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_other), CAIRN_OK);
    CHECK_EQ(take(info), CAIRN_OK);
    build_fill(&build, 0xa5);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_difference(&build_boot, &build_other), "");
}
