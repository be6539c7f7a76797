/*
 * memmap_corpus.c - the maps of real machines against the specification.
 *
 * They reach up to terabytes, so the specification is asked about pages where
 * something can change: where an entry begins or ends, and their neighbours.
 */
#include "memmap_corpus.h"
#include "harness/test.h"

#include "memmap/boot.h"

#define USABLE     CAIRN_MEMORY_USABLE
#define PAGE       ((uint64_t)4096)
#define STRIDE     48 /* bytes of a UEFI descriptor, as firmware has them */
#define UEFI_BYTES (CORPUS_ENTRIES_MAX * STRIDE)

#define CHECK_IN(from, condition)                                              \
    ((condition) ? (void)0                                                     \
                 : test_fail(__FILE__, __LINE__, "%s: CHECK(%s)",              \
                             (from)->name, #condition))

struct cairn_boot corpus_boot;

static struct spec_entry entries[CORPUS_ENTRIES_MAX];

/* ---- What an entry is ---------------------------------------------------- */

enum cairn_memory_kind corpus_kind_of_e820(uint32_t number)
{
    switch (number) {
    case 1:
        return USABLE;
    case 3:
        return CAIRN_MEMORY_ACPI_RECLAIM;
    case 4:
        return CAIRN_MEMORY_ACPI_NVS;
    case 5:
        return CAIRN_MEMORY_BAD;
    case 7:
    case 12:
        return CAIRN_MEMORY_PERSISTENT;
    default:
        return CAIRN_MEMORY_RESERVED;
    }
}

/* UEFI Specification 2.10, section 7.2, "Memory Type Usage". */
static enum cairn_memory_kind kind_of_uefi(uint32_t type)
{
    switch (type) {
    case 1:
    case 2:
        return CAIRN_MEMORY_LOADER;
    case 3:
    case 4:
        return CAIRN_MEMORY_BOOT_SERVICES;
    case 5:
    case 6:
        return CAIRN_MEMORY_RUNTIME;
    case 7:
        return USABLE;
    case 8:
        return CAIRN_MEMORY_BAD;
    case 9:
        return CAIRN_MEMORY_ACPI_RECLAIM;
    case 10:
        return CAIRN_MEMORY_ACPI_NVS;
    case 11:
    case 12:
        return CAIRN_MEMORY_MMIO;
    case 14:
        return CAIRN_MEMORY_PERSISTENT;
    default:
        return CAIRN_MEMORY_RESERVED;
    }
}

struct spec_entry corpus_entry(const struct test_map *from, size_t index)
{
    const struct test_map_entry *entry = &from->entries[index];
    struct spec_entry out = {entry->base, entry->length, USABLE};

    if (!from->is_uefi) {
        out.kind = corpus_kind_of_e820(entry->number);
        return out;
    }
    out.kind = kind_of_uefi(entry->number);
    if (entry->attribute >> 63 != 0 && out.kind < CAIRN_MEMORY_RUNTIME)
        out.kind = CAIRN_MEMORY_RUNTIME; /* EFI_MEMORY_RUNTIME */
    if ((entry->attribute & 0x40000) != 0 && out.kind == USABLE)
        out.kind = CAIRN_MEMORY_RESERVED; /* EFI_MEMORY_SP */
    return out;
}

uint64_t corpus_floor(const struct test_map *from)
{
    return from->is_uefi ? 0 : CAIRN_MIB;
}

/* ---- Into the library ---------------------------------------------------- */

static void put_little_endian(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void add_uefi(const struct test_map *from, bool is_reversed)
{
    static uint8_t buffer[UEFI_BYTES + 1];
    uint8_t *descriptors = buffer + 1; /* unaligned is allowed */

    for (size_t i = 0; i < from->count; i++) {
        size_t index = is_reversed ? from->count - 1 - i : i;
        const struct test_map_entry *entry = &from->entries[index];
        uint8_t *to = descriptors + i * STRIDE;

        CHECK_EQ(entry->length % PAGE, 0);
        put_little_endian(to, entry->number, 4);
        put_little_endian(to + 8, entry->base, 8);
        put_little_endian(to + 24, entry->length / PAGE, 8);
        put_little_endian(to + 32, entry->attribute, 8);
    }
    CHECK_EQ(cairn_boot_from_uefi(descriptors, from->count * STRIDE, STRIDE,
                                  &corpus_boot),
             CAIRN_OK);
}

void corpus_add(const struct test_map *from, bool is_reversed)
{
    CHECK(from->count <= CORPUS_ENTRIES_MAX);
    if (from->is_uefi) {
        add_uefi(from, is_reversed);
        return;
    }
    CHECK_EQ(cairn__boot_begin(&corpus_boot, "test"), CAIRN_OK);
    for (size_t i = 0; i < from->count; i++) {
        size_t index = is_reversed ? from->count - 1 - i : i;
        const struct test_map_entry *entry = &from->entries[index];

        CHECK_EQ(cairn__boot_add_e820(&corpus_boot, entry->base, entry->length,
                                      entry->number),
                 CAIRN_OK);
    }
}

static void make(const struct test_map *from, bool is_reversed)
{
    corpus_add(from, is_reversed);
    for (size_t i = 0; i < from->count; i++)
        entries[i] = corpus_entry(from, i);
    CHECK_IN(from, cairn_memmap_finish(&corpus_boot.map,
                                       cairn_phys_make(corpus_floor(from))) ==
                       CAIRN_OK);
    CHECK_IN(from, cairn_memmap_check(&corpus_boot.map) == 0);
    CHECK_IN(from, corpus_boot.map.entries_added == from->count);
}

/* ---- Against the specification ------------------------------------------- */

static void check_page(const struct test_map *from, uint64_t page)
{
    enum cairn_memory_kind wanted =
        spec_kind_of_page(entries, from->count, corpus_floor(from), page);
    enum cairn_memory_kind first =
        cairn_memmap_kind_at(&corpus_boot.map, cairn_phys_make(page));
    enum cairn_memory_kind last = cairn_memmap_kind_at(
        &corpus_boot.map, cairn_phys_make(page + PAGE - 1));

    if (first != wanted || last != wanted)
        test_fail(__FILE__, __LINE__, "%s: page %#llx is %s and %s, not %s",
                  from->name, (unsigned long long)page,
                  cairn_memory_kind_name(first), cairn_memory_kind_name(last),
                  cairn_memory_kind_name(wanted));
}

/* The page that holds `address`, and the ones before and after it. */
static void check_around(const struct test_map *from, uint64_t address)
{
    uint64_t page = address / PAGE * PAGE;

    check_page(from, page);
    if (page >= PAGE)
        check_page(from, page - PAGE);
    check_page(from, page + PAGE);
}

CAIRN_TEST(A4_maps_of_real_machines_equal_the_specification)
{
    CHECK_EQ(test_map_count, 37);
    for (size_t m = 0; m < test_map_count; m++) {
        const struct test_map *from = &test_maps[m];

        make(from, m % 2 != 0);
        for (size_t i = 0; i < from->count; i++) {
            check_around(from, entries[i].base);
            check_around(from, entries[i].base + entries[i].bytes);
            check_around(from, entries[i].base + entries[i].bytes / 2);
        }
        check_around(from, 0);
        check_around(from, corpus_floor(from));
    }
}

CAIRN_TEST(A4_maps_of_real_machines_in_reverse_are_the_same)
{
    static struct cairn_memory_range former[CAIRN_BOOT_RANGES_MAX];

    for (size_t m = 0; m < test_map_count; m++) {
        size_t count;

        make(&test_maps[m], false);
        count = corpus_boot.map.count;
        for (size_t i = 0; i < count; i++)
            former[i] = corpus_boot.map.ranges[i];
        make(&test_maps[m], true);
        CHECK_IN(&test_maps[m], corpus_boot.map.count == count);
        for (size_t i = 0; i < count; i++) {
            const struct cairn_memory_range *range = &corpus_boot.map.ranges[i];

            CHECK_EQ(range->start.value, former[i].start.value);
            CHECK_EQ(range->end.value, former[i].end.value);
            CHECK_EQ(range->kind, former[i].kind);
        }
    }
}

/* ---- Usable memory ------------------------------------------------------- */

/* The end of a usable entry that holds the byte; 0 if there is none. */
static uint64_t usable_until(const struct test_map *from, uint64_t byte)
{
    for (size_t i = 0; i < from->count; i++) {
        if (entries[i].kind == USABLE && entries[i].base <= byte &&
            byte - entries[i].base < entries[i].bytes)
            return entries[i].base + entries[i].bytes;
    }
    return 0;
}

CAIRN_TEST(A5_maps_of_real_machines_have_nothing_usable_in_holes)
{
    for (size_t m = 0; m < test_map_count; m++) {
        const struct test_map *from = &test_maps[m];
        struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};
        struct cairn_memory_range range;

        make(from, false);
        while (cairn_memmap_next(
            &corpus_boot.map, CAIRN_MEMORY_KIND_BIT(USABLE), window, &range)) {
            uint64_t at = range.start.value;

            while (at != 0 && at < range.end.value)
                at = usable_until(from, at);
            CHECK_IN(from, at != 0);
            window.start = range.end;
        }
    }
}

CAIRN_TEST(A13_maps_of_real_machines_lose_at_most_two_pages_an_entry)
{
    for (size_t m = 0; m < test_map_count; m++) {
        const struct test_map *from = &test_maps[m];
        struct cairn_memmap_totals totals;
        uint64_t claimed = 0;
        uint64_t usable;
        uint64_t rounding = 0;

        make(from, false);
        for (size_t i = 0; i < from->count; i++) {
            if (entries[i].kind == USABLE) {
                claimed += entries[i].bytes;
                rounding += 2 * PAGE;
            }
        }
        cairn_memmap_totals(&corpus_boot.map, &totals);
        usable = totals.usable_bytes + totals.kind_bytes[CAIRN_MEMORY_LOW];
        CHECK_IN(from, usable <= claimed);
        CHECK_IN(from, usable + rounding >= claimed);
        CHECK_IN(from, totals.kind_bytes[CAIRN_MEMORY_LOW] <= CAIRN_MIB);
    }
}

/* ---- Later calls --------------------------------------------------------- */

/* Whatever a boot leaves behind becomes usable, and nothing else does. */
CAIRN_TEST(A14_maps_of_real_machines_are_reclaimed)
{
    static const enum cairn_memory_kind kinds[] = {CAIRN_MEMORY_BOOT_SERVICES,
                                                   CAIRN_MEMORY_LOADER,
                                                   CAIRN_MEMORY_ACPI_RECLAIM};
    const struct cairn_phys_range all = {{0}, {CAIRN_PHYS_LIMIT}};

    for (size_t m = 0; m < test_map_count; m++) {
        struct cairn_memmap_totals before;
        struct cairn_memmap_totals after;
        uint64_t reclaimed = 0;

        make(&test_maps[m], false);
        cairn_memmap_totals(&corpus_boot.map, &before);
        for (size_t i = 0; i < 3; i++) {
            uint64_t bytes = 0;

            CHECK_EQ(
                cairn_memmap_reclaim(&corpus_boot.map, all, kinds[i], &bytes),
                CAIRN_OK);
            CHECK_EQ(bytes, before.kind_bytes[kinds[i]]);
            reclaimed += bytes;
        }
        cairn_memmap_totals(&corpus_boot.map, &after);
        CHECK_EQ(after.usable_bytes + after.kind_bytes[CAIRN_MEMORY_LOW],
                 before.usable_bytes + before.kind_bytes[CAIRN_MEMORY_LOW] +
                     reclaimed);
        CHECK_EQ(after.installed_bytes, before.installed_bytes);
        CHECK_EQ(cairn_memmap_check(&corpus_boot.map), 0);
    }
}
