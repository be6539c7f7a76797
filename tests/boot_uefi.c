/*
 * boot_uefi.c - UEFI memory maps, and what all adapters make of real maps.
 */
#include "boot_build.h"
#include "memmap_corpus.h"

#include "base/memory.h"
#include <cairn/init.h>

#define RUNTIME_BIT ((uint64_t)1 << 63)
#define PURPOSE_BIT 0x40000u /* EFI_MEMORY_SP */
#define UEFI_TYPES  16

/* What UEFI 2.10, tables 7.6 and 7.10, say of each type. */
static const enum cairn_memory_kind kind_of_type[UEFI_TYPES] = {
    CAIRN_MEMORY_RESERVED,      CAIRN_MEMORY_LOADER,
    CAIRN_MEMORY_LOADER,        CAIRN_MEMORY_BOOT_SERVICES,
    CAIRN_MEMORY_BOOT_SERVICES, CAIRN_MEMORY_RUNTIME,
    CAIRN_MEMORY_RUNTIME,       CAIRN_MEMORY_USABLE,
    CAIRN_MEMORY_BAD,           CAIRN_MEMORY_ACPI_RECLAIM,
    CAIRN_MEMORY_ACPI_NVS,      CAIRN_MEMORY_MMIO,
    CAIRN_MEMORY_MMIO,          CAIRN_MEMORY_RESERVED,
    CAIRN_MEMORY_PERSISTENT,    CAIRN_MEMORY_RESERVED,
};

/* The three arguments from a buffer that begins `skew` bytes off. */
static enum cairn_status take(struct build *build,
                              const struct build_input *input, size_t skew,
                              struct cairn_boot *out)
{
    uint32_t stride = input->stride != 0 ? input->stride : BUILD_STRIDE;
    uint64_t at = build_uefi(build, input, skew);

    return cairn_boot_from_uefi(build_at(build, at), input->count * stride,
                                stride, out);
}

/* The kind that one descriptor of this type becomes. */
static enum cairn_memory_kind kind_of(struct build *build, uint32_t type,
                                      uint64_t attribute)
{
    struct test_map_entry entries[] = {BUILD_ENTRY(0, 0x1000, 0),
                                       BUILD_ENTRY(0x2000, 0x1000, 7)};
    struct build_input input = {.entries = entries, .count = 2};

    entries[0].number = type;
    entries[0].attribute = attribute;
    build_clear(build);
    CHECK_EQ(take(build, &input, 0, &build_boot), CAIRN_OK);
    CHECK_EQ(build_finish(build, &build_boot), CAIRN_OK);
    return build_kind_at(BUILD_FAR);
}

CAIRN_TEST(A1_uefi_every_type_has_its_kind)
{
    struct build build;

    build_begin(&build);
    for (uint32_t type = 0; type < UEFI_TYPES; type++)
        CHECK_EQ(kind_of(&build, type, 0xf), kind_of_type[type]);
}

CAIRN_TEST(A6_uefi_types_that_nobody_knows_are_reserved)
{
    static const uint32_t types[] = {16,         20,         0x6fffffff,
                                     0x70000000, 0x80000000, 0xffffffff};
    struct build build;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        CHECK_EQ(kind_of(&build, types[i], 0xf), CAIRN_MEMORY_RESERVED);
}

CAIRN_TEST(A6_uefi_runtime_memory_is_never_ours_whatever_its_type)
{
    struct build build;

    build_begin(&build);
    for (uint32_t type = 0; type < UEFI_TYPES; type++) {
        enum cairn_memory_kind kind = kind_of(&build, type, RUNTIME_BIT | 0xf);

        if (type == 8)
            CHECK_EQ(kind, CAIRN_MEMORY_BAD);
        else if (type == 11 || type == 12)
            CHECK_EQ(kind, CAIRN_MEMORY_MMIO);
        else
            CHECK_EQ(kind, CAIRN_MEMORY_RUNTIME);
    }
}

CAIRN_TEST(A6_uefi_specific_purpose_memory_is_not_usable)
{
    struct build build;

    build_begin(&build);
    for (uint32_t type = 0; type < UEFI_TYPES; type++)
        CHECK_EQ(kind_of(&build, type, PURPOSE_BIT | 0xf),
                 type == 7 ? CAIRN_MEMORY_RESERVED : kind_of_type[type]);
}

CAIRN_TEST(A6_uefi_no_other_attribute_matters)
{
    struct build build;

    build_begin(&build);
    for (unsigned bit = 0; bit < 63; bit++) {
        if ((uint64_t)1 << bit != PURPOSE_BIT)
            CHECK_EQ(kind_of(&build, 7, (uint64_t)1 << bit),
                     CAIRN_MEMORY_USABLE);
    }
}

/* ---- The buffer ---------------------------------------------------------- */

static const struct test_map_entry some[] = {
    BUILD_ENTRY(0x0000, 0x3000, 7),
    BUILD_ENTRY(0x3000, 0x1000, 4),
    BUILD_ENTRY(0x4000, 0x2000, 7),
};

CAIRN_TEST(A1_uefi_any_stride_at_any_address)
{
    static const uint32_t strides[] = {40, 41, 48, 55, 56, 64, 104};
    struct build build;
    struct build_input input = {.entries = some, .count = 3};

    build_begin(&build);
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        for (size_t skew = 0; skew < 9; skew++) {
            input.stride = strides[i];
            build_clear(&build);
            CHECK_EQ(take(&build, &input, skew, &build_boot), CAIRN_OK);
            CHECK_EQ(build_boot.map.entries_added, 3);
            CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
            CHECK_TEXT(build_map_text(&build_boot),
                       "0-3000 usable, 3000-4000 boot services, "
                       "4000-6000 usable");
        }
    }
}

CAIRN_TEST(A1_uefi_the_last_descriptor_is_cut)
{
    struct build build;
    struct build_input input = {.entries = some, .count = 3};
    const uint8_t *buffer;

    build_begin(&build);
    buffer = build_at(&build, build_uefi(&build, &input, 0));
    for (uint64_t bytes = 1; bytes <= 3 * BUILD_STRIDE; bytes++)
        CHECK_EQ(cairn_boot_from_uefi(buffer, bytes, BUILD_STRIDE, &build_boot),
                 bytes % BUILD_STRIDE == 0 ? CAIRN_OK : CAIRN_BAD_BOOT_DATA);
}

CAIRN_TEST(A1_uefi_strides_that_hold_no_descriptor)
{
    static const uint64_t strides[] = {
        0, 1, 8, 39, 3 * 48 + 1, UINT64_MAX, (uint64_t)1 << 32};
    struct build build;
    struct build_input input = {.entries = some, .count = 3};
    const uint8_t *buffer;

    build_begin(&build);
    buffer = build_at(&build, build_uefi(&build, &input, 0));
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
        CHECK_EQ(cairn_boot_from_uefi(buffer, 3 * 48, strides[i], &build_boot),
                 CAIRN_BAD_BOOT_DATA);
}

CAIRN_TEST(A15_uefi_without_a_map)
{
    uint8_t byte = 0;

    CHECK_EQ(cairn_boot_from_uefi(NULL, 48, 48, &build_boot),
             CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(cairn_boot_from_uefi(&byte, 0, 48, &build_boot),
             CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(cairn_boot_from_uefi(&byte, 1, 48, NULL), CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(A15_uefi_nothing_usable)
{
    static const struct test_map_entry reserved[] = {{0, 0x1000, 0, 7},
                                                     BUILD_ENTRY(0, 0x1000, 4)};
    struct build build;
    struct build_input input = {.entries = reserved, .count = 2};

    build_begin(&build);
    CHECK_EQ(take(&build, &input, 0, &build_boot), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_NO_MEMORY);
    CHECK_EQ(build_kind_at(BUILD_FAR), CAIRN_MEMORY_BOOT_SERVICES);
}

CAIRN_TEST(A9_uefi_memory_from_frame_1_on_is_usable)
{
    static const struct test_map_entry low[] = {{0, 0x9f000, 0, 7}};
    struct build build;
    struct build_input input = {.entries = low, .count = 1};

    build_begin(&build);
    CHECK_EQ(take(&build, &input, 0, &build_boot), CAIRN_OK);
    CHECK(!build_boot.is_bios);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_EQ(build_kind_at(0), CAIRN_MEMORY_LOW);
    CHECK_EQ(build_kind_at(0x1000), CAIRN_MEMORY_USABLE);
    CHECK_TEXT(build_boot.protocol, "UEFI");
}

CAIRN_TEST(A4_uefi_page_counts_that_wrap)
{
    static const uint64_t counts[] = {(uint64_t)1 << 52, (uint64_t)1 << 40,
                                      UINT64_MAX, (uint64_t)1 << 53,
                                      ((uint64_t)1 << 52) + 1};
    struct build build;
    struct build_input input = {.entries = some, .count = 3};
    uint64_t at;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        build_clear(&build);
        at = build_uefi(&build, &input, 0);
        build_put64(&build, at + 24, counts[i]);
        CHECK_EQ(cairn_boot_from_uefi(build_at(&build, at), 3 * BUILD_STRIDE,
                                      BUILD_STRIDE, &build_boot),
                 CAIRN_OK);
        CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
        CHECK_TEXT(build_map_text(&build_boot),
                   "3000-4000 boot services, 4000-6000 usable");
    }
}

CAIRN_TEST(A4_uefi_more_ranges_than_there_is_room_for)
{
    static struct test_map_entry many[CAIRN_BOOT_RANGES_MAX + 1];
    struct build build;
    struct build_input input = {.entries = many,
                                .count = CAIRN_BOOT_RANGES_MAX + 1};

    for (size_t i = 0; i < CAIRN_BOOT_RANGES_MAX + 1; i++)
        many[i] = (struct test_map_entry)BUILD_ENTRY(i * 0x2000, 0x1000, 7);
    build_begin(&build);
    CHECK_EQ(take(&build, &input, 0, &build_boot), CAIRN_NO_SPACE);
    input.count = CAIRN_BOOT_RANGES_MAX;
    build_clear(&build);
    CHECK_EQ(take(&build, &input, 0, &build_boot), CAIRN_OK);
}

CAIRN_TEST(A10_uefi_the_map_is_copied)
{
    struct build build;
    struct build_input input = {.entries = some, .count = 3};

    build_begin(&build);
    CHECK_EQ(take(&build, &input, 0, &build_other), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_other), CAIRN_OK);
    CHECK_EQ(take(&build, &input, 3, &build_boot), CAIRN_OK);
    build_fill(&build, 0xa5);
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_difference(&build_boot, &build_other), "");
}

/* ---- Real maps ----------------------------------------------------------- */

static enum cairn_memory_kind kind_of_uefi(const struct test_map_entry *entry)
{
    enum cairn_memory_kind kind = CAIRN_MEMORY_RESERVED;

    if (entry->number < UEFI_TYPES)
        kind = kind_of_type[entry->number];
    if ((entry->attribute & RUNTIME_BIT) != 0 && kind < CAIRN_MEMORY_RUNTIME)
        kind = CAIRN_MEMORY_RUNTIME;
    return kind;
}

/* The map as it must become, into build_other, without any adapter. */
static enum cairn_status expect(const struct build *build,
                                const struct test_map *map)
{
    struct cairn_boot *out = &build_other;

    memset(out, 0, sizeof(*out));
    out->is_bios = !map->is_uefi;
    CHECK_EQ(
        cairn_memmap_init(&out->map, out->storage, 2 * CAIRN_BOOT_RANGES_MAX),
        CAIRN_OK);
    for (size_t i = 0; i < map->count; i++) {
        const struct test_map_entry *entry = &map->entries[i];
        enum cairn_memory_kind kind = map->is_uefi
                                          ? kind_of_uefi(entry)
                                          : corpus_kind_of_e820(entry->number);

        CHECK_EQ(cairn_memmap_add(&out->map, entry->base, entry->length, kind),
                 CAIRN_OK);
    }
    return build_finish(build, out);
}

/* build_boot is what an adapter made of the map that build_other holds. */
static void check_as_expected(const struct build *build, const char *name,
                              enum cairn_status wanted)
{
    const char *difference;

    CHECK_EQ(build_finish(build, &build_boot), wanted);
    CHECK_EQ(cairn_memmap_check(&build_boot.map), 0);
    difference = build_map_difference(&build_boot, &build_other);
    if (*difference != '\0')
        test_fail(__FILE__, __LINE__, "%s by %s: %s", name, build_boot.protocol,
                  difference);
}

static void check_e820_map(struct build *build, const struct test_map *map)
{
    struct build_input input = {.entries = map->entries, .count = map->count};
    enum cairn_status wanted = expect(build, map);
    cairn_phys at;

    build_clear(build);
    at.value = build_multiboot1(build, &input);
    CHECK_EQ(cairn_boot_from_multiboot1(MB1_MAGIC, at, &build_boot), CAIRN_OK);
    check_as_expected(build, map->name, wanted);
    build_clear(build);
    at.value = build_multiboot2(build, &input);
    CHECK_EQ(cairn_boot_from_multiboot2(MB2_MAGIC, at, &build_boot), CAIRN_OK);
    check_as_expected(build, map->name, wanted);
    build_clear(build);
    at.value = build_pvh(build, &input);
    CHECK_EQ(cairn_boot_from_pvh(at, &build_boot), CAIRN_OK);
    check_as_expected(build, map->name, wanted);
}

CAIRN_TEST(A4_real_e820_maps_are_the_same_by_every_protocol)
{
    struct build build;
    size_t maps = 0;

    build_begin(&build);
    for (size_t i = 0; i < test_map_count; i++) {
        if (test_maps[i].is_uefi)
            continue;
        check_e820_map(&build, &test_maps[i]);
        maps++;
    }
    CHECK(maps > 20);
}

CAIRN_TEST(A3_every_e820_number_by_every_protocol)
{
    static const uint32_t numbers[] = {
        0,  1,  2,  3,  4,  5,  6,  7,    8,          9,
        10, 11, 12, 13, 14, 15, 16, 0x14, 0x80000001, 0xffffffff};
    struct test_map_entry entries[] = {BUILD_ENTRY(0, 0x1000, 0),
                                       BUILD_ENTRY(0x2000, 0x1000, 1)};
    struct test_map map = {"number", entries, 2, false};
    struct build build;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        entries[0].number = numbers[i];
        check_e820_map(&build, &map);
        CHECK_EQ(build_kind_at(BUILD_FAR), corpus_kind_of_e820(numbers[i]));
    }
}

static void check_uefi_map(struct build *build, const struct test_map *map)
{
    struct build_input input = {.entries = map->entries, .count = map->count};
    struct cairn_handoff handoff;
    enum cairn_status wanted = expect(build, map);
    uint64_t info;

    build_clear(build);
    CHECK_EQ(take(build, &input, 1, &build_boot), CAIRN_OK);
    check_as_expected(build, map->name, wanted);
    build_clear(build);
    build_handoff(build, &input, &handoff);
    CHECK_EQ(cairn_handoff_check(&handoff, BUILD_KERNEL_VIRT),
             CAIRN_HANDOFF_OK);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    check_as_expected(build, map->name, wanted);
    build_clear(build);
    info = build_tags_begin(build);
    build_put64(build, build_tag(build, MB2_SYSTEM_TABLE_64, 8), 0x7f000);
    (void)build_tag_uefi(build, &input);
    build_tags_end(build, info);
    CHECK_EQ(cairn_boot_from_multiboot2(MB2_MAGIC, cairn_phys_make(info),
                                        &build_boot),
             CAIRN_OK);
    check_as_expected(build, map->name, wanted);
}

CAIRN_TEST(A1_real_uefi_maps_are_the_same_by_every_protocol)
{
    struct build build;
    size_t maps = 0;

    build_begin(&build);
    for (size_t i = 0; i < test_map_count; i++) {
        if (!test_maps[i].is_uefi)
            continue;
        check_uefi_map(&build, &test_maps[i]);
        maps++;
    }
    CHECK(maps > 3);
}
