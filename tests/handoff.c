/*
 * handoff.c - the hand-off of a UEFI loader: its rules, and what becomes of it.
 */
#include "boot_build.h"

#include <cairn/init.h>

#define PAGE CAIRN_FRAME_SIZE

static const struct test_map_entry machine[] = {
    BUILD_ENTRY(0, 16 * CAIRN_MIB, 7), BUILD_ENTRY(16 * CAIRN_MIB, 0x4000, 3)};

static const struct build_screen screen = {
    .base = BUILD_FAR + 32 * CAIRN_MIB,
    .width = 800,
    .height = 600,
    .pitch_bytes = 832 * 4,
    .bits = 32,
    .red_shift = 16,
    .green_shift = 8,
};

static const struct build_input full = {
    .entries = machine,
    .count = 2,
    .cpu_count = 2,
    .command_line = "verbose -- test A",
    .screen = &screen,
    .rsdp = 0x7fb7d014,
};

/* A valid hand-off, made afresh. */
static void make(struct build *build, struct cairn_handoff *handoff)
{
    build_begin(build);
    build_handoff(build, &full, handoff);
}

static enum cairn_handoff_error check(const struct cairn_handoff *handoff)
{
    return cairn_handoff_check(handoff, BUILD_KERNEL_VIRT);
}

/* ---- The rules ----------------------------------------------------------- */

/* One field that gets another value: the rule that this breaks. */
struct mutation {
    enum cairn_handoff_error error;
    uint16_t offset;
    uint16_t bytes;
    uint64_t value;
};

#define FIELD(name)                                                            \
    offsetof(struct cairn_handoff, name),                                      \
        sizeof(((struct cairn_handoff *)0)->name)
#define BREAKS(error, field, value)                                            \
    {                                                                          \
        CAIRN_HANDOFF_##error, FIELD(field), (value)                           \
    }

/*
 * Values that depend on where the pieces lie stand for themselves: in
 * spoil(), KERNEL_START becomes the address of the kernel, and so on.
 */
#define SYMBOL         0xcccc000000000000u
#define KERNEL_START   (SYMBOL + 1)
#define KERNEL_LAST    (SYMBOL + 2) /* its last page */
#define KERNEL_END     (SYMBOL + 3)
#define KERNEL_BEFORE  (SYMBOL + 4) /* one byte before its first */
#define MAP_TOO_SHORT  (SYMBOL + 6) /* one byte less than the entries take */
#define SCREEN_SHORT   (SYMBOL + 7) /* one byte less than the lines take */
#define WHOLE_PHYSICAL CAIRN_PHYS_LIMIT

static const struct mutation mutations[] = {
    BREAKS(BAD_MAGIC, magic, 0),
    BREAKS(BAD_MAGIC, magic, CAIRN_HANDOFF_MAGIC + 1),
    BREAKS(BAD_SIZE, size, 0),
    BREAKS(BAD_SIZE, size, sizeof(struct cairn_handoff) - 1),
    BREAKS(BAD_SIZE, size, sizeof(struct cairn_handoff) + 8),
    BREAKS(BAD_VERSION, version, 0),
    BREAKS(BAD_VERSION, version, CAIRN_HANDOFF_VERSION + 1),
    BREAKS(NO_CPU, cpu_count, 0),
    BREAKS(BOOT_SERVICES_ACTIVE, boot_services_exited, 0),
    BREAKS(BOOT_SERVICES_ACTIVE, boot_services_exited, 2),
    BREAKS(FRAMEBUFFER_NO_BASE, framebuffer_base, 0),
    BREAKS(FRAMEBUFFER_NO_SIZE, framebuffer_bytes, 0),
    BREAKS(FRAMEBUFFER_NO_SIZE, framebuffer_bytes, UINT64_MAX),
    BREAKS(FRAMEBUFFER_NO_SIZE, framebuffer_base, WHOLE_PHYSICAL),
    BREAKS(FRAMEBUFFER_NO_WIDTH, framebuffer_width, 0),
    BREAKS(FRAMEBUFFER_NO_HEIGHT, framebuffer_height, 0),
    BREAKS(FRAMEBUFFER_BAD_STRIDE, framebuffer_stride, 799),
    BREAKS(FRAMEBUFFER_BAD_STRIDE, framebuffer_stride, 0),
    BREAKS(FRAMEBUFFER_BAD_STRIDE, framebuffer_stride, 0x40000000),
    BREAKS(FRAMEBUFFER_TOO_SMALL, framebuffer_bytes, SCREEN_SHORT),
    BREAKS(FRAMEBUFFER_TOO_SMALL, framebuffer_height, 601),
    BREAKS(FRAMEBUFFER_TOO_SMALL, framebuffer_height, UINT32_MAX),
    BREAKS(FRAMEBUFFER_BAD_FORMAT, framebuffer_is_rgb, 2),
    BREAKS(MAP_NO_BUFFER, map_base, 0),
    BREAKS(MAP_NO_BUFFER, map_base, WHOLE_PHYSICAL),
    BREAKS(MAP_NO_BUFFER, map_bytes, UINT64_MAX),
    BREAKS(MAP_NO_DESCRIPTOR_SIZE, map_descriptor_bytes, 0),
    BREAKS(MAP_NO_DESCRIPTOR_SIZE, map_descriptor_bytes, 39),
    BREAKS(MAP_BAD_DESCRIPTOR_VERSION, map_descriptor_version, 0),
    BREAKS(MAP_BAD_DESCRIPTOR_VERSION, map_descriptor_version, 2),
    BREAKS(MAP_NO_ENTRIES, map_entries, 0),
    BREAKS(MAP_TOO_SMALL, map_bytes, MAP_TOO_SHORT),
    BREAKS(MAP_TOO_SMALL, map_bytes, 0),
    BREAKS(MAP_TOO_SMALL, map_entries, 3),
    BREAKS(MAP_TOO_SMALL, map_descriptor_bytes, 49),
    /* Products that wrap to something small. */
    BREAKS(MAP_TOO_SMALL, map_entries, (uint64_t)1 << 60),
    BREAKS(MAP_TOO_SMALL, map_entries, UINT64_MAX),
    BREAKS(KERNEL_NO_BASE, kernel_phys, 0),
    BREAKS(KERNEL_NO_BASE, kernel_phys, KERNEL_BEFORE),
    BREAKS(KERNEL_NO_SIZE, kernel_bytes, 0),
    BREAKS(KERNEL_BAD_SIZE, kernel_bytes, 4 * PAGE - 1),
    BREAKS(KERNEL_BAD_SIZE, kernel_bytes, WHOLE_PHYSICAL),
    BREAKS(KERNEL_BAD_SIZE, kernel_bytes, 0 - PAGE),
    BREAKS(KERNEL_NO_ENTRY, kernel_entry, 0),
    BREAKS(KERNEL_ENTRY_OUTSIDE, kernel_entry, KERNEL_BEFORE),
    BREAKS(KERNEL_ENTRY_OUTSIDE, kernel_entry, KERNEL_END),
    BREAKS(KERNEL_ENTRY_OUTSIDE, kernel_entry, UINT64_MAX),
    BREAKS(KERNEL_BAD_VIRT, kernel_virt, 0),
    BREAKS(KERNEL_BAD_VIRT, kernel_virt, BUILD_KERNEL_VIRT + PAGE),
    BREAKS(HEAP_NO_BASE, temp_heap_base, 0),
    BREAKS(HEAP_NO_BASE, temp_heap_base, KERNEL_BEFORE),
    BREAKS(HEAP_BAD_SIZE, temp_heap_bytes, 0),
    BREAKS(HEAP_BAD_SIZE, temp_heap_bytes, PAGE + 1),
    BREAKS(HEAP_BAD_SIZE, temp_heap_bytes, 0 - PAGE),
    BREAKS(HEAP_BAD_SIZE, temp_heap_base, WHOLE_PHYSICAL),
    BREAKS(HEAP_OVERLAPS_KERNEL, temp_heap_base, KERNEL_START),
    BREAKS(HEAP_OVERLAPS_KERNEL, temp_heap_base, KERNEL_LAST),
    BREAKS(HEAP_OVERLAPS_KERNEL, kernel_bytes, 5 * PAGE),
    BREAKS(WINDOW_NO_BASE, window_base, 0),
    BREAKS(WINDOW_NO_BASE, window_base, 0xffff800000000001),
    BREAKS(WINDOW_NO_SIZE, window_bytes, 0),
    BREAKS(WINDOW_NO_SIZE, window_bytes, CAIRN_PHYS_LIMIT + 1),
    BREAKS(BAD_SYSTEM_TABLE, system_table, 0),
    BREAKS(BAD_SYSTEM_TABLE, system_table, CAIRN_PHYS_LIMIT),
    BREAKS(BAD_RSDP, rsdp, CAIRN_PHYS_LIMIT),
    BREAKS(BAD_RSDP, rsdp, UINT64_MAX),
    BREAKS(BAD_COMMAND_LINE, command_line, 0),
    BREAKS(BAD_COMMAND_LINE, command_line, CAIRN_PHYS_LIMIT - 1),
    BREAKS(BAD_COMMAND_LINE, command_line, CAIRN_PHYS_LIMIT),
    BREAKS(BAD_COMMAND_LINE, command_line_bytes, 0),
    BREAKS(BAD_COMMAND_LINE, command_line_bytes, UINT64_MAX),
    BREAKS(TOO_MANY_RANGES, range_count, CAIRN_HANDOFF_RANGES_MAX + 1),
    BREAKS(TOO_MANY_RANGES, range_count, UINT64_MAX),
    BREAKS(BAD_RANGE, range_count, BUILD_RANGES + 1), /* an empty one */
    BREAKS(BAD_RANGE, ranges[0].bytes, 0),
    BREAKS(BAD_RANGE, ranges[0].start, KERNEL_BEFORE),
    BREAKS(BAD_RANGE, ranges[BUILD_RANGES - 1].bytes, UINT64_MAX),
    BREAKS(BAD_RANGE, ranges[1].start, CAIRN_PHYS_LIMIT),
};

#define MUTATIONS (sizeof(mutations) / sizeof(mutations[0]))

static uint64_t value_of(const struct cairn_handoff *handoff, uint64_t value)
{
    switch (value) {
    case KERNEL_START:
        return handoff->kernel_phys;
    case KERNEL_LAST:
        return handoff->kernel_phys + handoff->kernel_bytes - PAGE;
    case KERNEL_END:
        return handoff->kernel_phys + handoff->kernel_bytes;
    case KERNEL_BEFORE:
        return handoff->kernel_phys - 1;
    case MAP_TOO_SHORT:
        return handoff->map_bytes - 1;
    case SCREEN_SHORT:
        return handoff->framebuffer_bytes - 1;
    default:
        return value;
    }
}

/* Change the one field; numbers are little-endian. */
static void spoil(struct cairn_handoff *handoff,
                  const struct mutation *mutation)
{
    uint8_t *field = (uint8_t *)handoff + mutation->offset;
    uint64_t value = value_of(handoff, mutation->value);

    for (size_t i = 0; i < mutation->bytes; i++)
        field[i] = (uint8_t)(value >> 8 * i);
}

CAIRN_TEST(A11_each_broken_rule_is_named)
{
    bool is_met[CAIRN_HANDOFF_ERROR_COUNT] = {true};
    struct build build;
    struct cairn_handoff right;
    struct cairn_handoff wrong;

    make(&build, &right);
    CHECK_EQ(check(&right), CAIRN_HANDOFF_OK);
    for (size_t i = 0; i < MUTATIONS; i++) {
        wrong = right;
        spoil(&wrong, &mutations[i]);
        if (check(&wrong) != mutations[i].error)
            test_fail(__FILE__, __LINE__,
                      "mutation %u gives \"%s\", not \"%s\"", (unsigned)i,
                      cairn_handoff_error_text(check(&wrong)),
                      cairn_handoff_error_text(mutations[i].error));
        is_met[mutations[i].error] = true;
    }
    for (size_t i = 0; i < CAIRN_HANDOFF_ERROR_COUNT; i++)
        CHECK(is_met[i]);
    CHECK_EQ(cairn_handoff_check(NULL, BUILD_KERNEL_VIRT),
             CAIRN_HANDOFF_BAD_MAGIC);
}

/* Of two broken rules, the one that comes first in the enumeration is told. */
CAIRN_TEST(A11_the_first_broken_rule_is_told)
{
    struct build build;
    struct cairn_handoff right;
    struct cairn_handoff wrong;

    make(&build, &right);
    for (size_t i = 0; i < MUTATIONS; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct mutation *a = &mutations[i];
            const struct mutation *b = &mutations[j];

            if (a->offset == b->offset)
                continue;
            wrong = right;
            spoil(&wrong, a);
            spoil(&wrong, b);
            if (check(&wrong) > (a->error < b->error ? a->error : b->error))
                test_fail(__FILE__, __LINE__, "%s, %s: \"%s\" is told",
                          cairn_handoff_error_text(a->error),
                          cairn_handoff_error_text(b->error),
                          cairn_handoff_error_text(check(&wrong)));
        }
    }
}

static bool is_same_text(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

CAIRN_TEST(A11_each_error_has_a_text_of_its_own)
{
    for (int i = 0; i < CAIRN_HANDOFF_ERROR_COUNT; i++) {
        const char *text = cairn_handoff_error_text(i);

        CHECK(text != NULL && *text != '\0');
        CHECK(!is_same_text(text, "unknown error"));
        for (int j = 0; j < i; j++)
            CHECK(!is_same_text(text, cairn_handoff_error_text(j)));
    }
    CHECK_TEXT(cairn_handoff_error_text(CAIRN_HANDOFF_ERROR_COUNT),
               "unknown error");
    CHECK_TEXT(cairn_handoff_error_text(-1), "unknown error");
}

/* Values just inside the rules. */
static const struct mutation harmless[] = {
    BREAKS(OK, cpu_count, UINT32_MAX),
    BREAKS(OK, framebuffer_is_rgb, 1),
    BREAKS(OK, framebuffer_stride, 800),
    BREAKS(OK, framebuffer_width, 832),
    BREAKS(OK, framebuffer_width, 1),
    BREAKS(OK, framebuffer_height, 1),
    BREAKS(OK, framebuffer_bytes, CAIRN_GIB),
    BREAKS(OK, framebuffer_base, CAIRN_PHYS_LIMIT - 832 * 4 * 600),
    BREAKS(OK, framebuffer_base, 1),
    BREAKS(OK, map_bytes, CAIRN_GIB),
    BREAKS(OK, map_entries, 1),
    BREAKS(OK, map_descriptor_bytes, 40),
    BREAKS(OK, kernel_bytes, PAGE),
    BREAKS(OK, kernel_entry, KERNEL_START),
    BREAKS(OK, kernel_entry, KERNEL_LAST),
    BREAKS(OK, temp_heap_base, KERNEL_END),
    BREAKS(OK, temp_heap_base, PAGE),
    BREAKS(OK, temp_heap_base, CAIRN_PHYS_LIMIT - 4 * PAGE),
    BREAKS(OK, temp_heap_bytes, PAGE),
    BREAKS(OK, window_bytes, CAIRN_PHYS_LIMIT),
    BREAKS(OK, window_bytes, 1),
    BREAKS(OK, system_table, CAIRN_PHYS_LIMIT - 1),
    BREAKS(OK, rsdp, 0),
    BREAKS(OK, rsdp, CAIRN_PHYS_LIMIT - 1),
    BREAKS(OK, command_line_bytes, 1),
    BREAKS(OK, range_count, 0),
    BREAKS(OK, ranges[0].start, 0),
    BREAKS(OK, ranges[0].bytes, 1),
    BREAKS(OK, ranges[BUILD_RANGES].bytes, UINT64_MAX), /* not in use */
};

CAIRN_TEST(A11_values_at_the_edge_are_right)
{
    struct build build;
    struct cairn_handoff right;
    struct cairn_handoff edge;

    make(&build, &right);
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        edge = right;
        spoil(&edge, &harmless[i]);
        if (check(&edge) != CAIRN_HANDOFF_OK)
            test_fail(__FILE__, __LINE__, "value %u gives \"%s\"", (unsigned)i,
                      cairn_handoff_error_text(check(&edge)));
    }
}

CAIRN_TEST(A11_all_ranges_may_be_in_use)
{
    struct build build;
    struct cairn_handoff handoff;

    make(&build, &handoff);
    handoff.range_count = CAIRN_HANDOFF_RANGES_MAX;
    for (size_t i = 0; i < CAIRN_HANDOFF_RANGES_MAX; i++)
        handoff.ranges[i] = (struct cairn_handoff_range){i * PAGE, PAGE};
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_OK);
    handoff.ranges[CAIRN_HANDOFF_RANGES_MAX - 1].bytes = 0;
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_BAD_RANGE);
}

CAIRN_TEST(A11_neither_screen_nor_command_line_is_needed)
{
    struct build build;
    struct cairn_handoff handoff;
    struct build_input input = full;

    input.screen = NULL;
    input.command_line = NULL;
    build_begin(&build);
    build_handoff(&build, &input, &handoff);
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_OK);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK(!build_boot.framebuffer.is_present);
    CHECK_TEXT(build_boot.command_line, "");
    /* No screen at all, but a byte order: still none. */
    handoff.framebuffer_is_rgb = 1;
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_OK);
    handoff.framebuffer_is_rgb = 2;
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_FRAMEBUFFER_BAD_FORMAT);
}

/* ---- What becomes of it -------------------------------------------------- */

CAIRN_TEST(A11_all_that_the_loader_tells)
{
    struct build build;
    struct cairn_handoff handoff;

    make(&build, &handoff);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_boot.protocol, "UEFI loader");
    CHECK_TEXT(build_boot.command_line, "verbose -- test A");
    CHECK(!build_boot.is_command_line_cut && !build_boot.is_bios);
    CHECK_EQ(build_boot.window_offset, 0xffff800000000000);
    CHECK_EQ(build_boot.window_bytes, 4 * CAIRN_GIB);
    CHECK_EQ(build_boot.kernel_virt, BUILD_KERNEL_VIRT);
    CHECK_EQ(build_boot.kernel.start.value, handoff.kernel_phys);
    CHECK_EQ(build_boot.kernel.end.value, handoff.kernel_phys + 4 * PAGE);
    CHECK_EQ(build_boot.temp_heap.start.value, handoff.temp_heap_base);
    CHECK_EQ(build_boot.temp_heap.end.value, handoff.temp_heap_base + 4 * PAGE);
    CHECK_EQ(build_boot.rsdp.value, 0x7fb7d014);
    CHECK_EQ(build_boot.uefi_system_table.value, BUILD_SYSTEM_TABLE);
    CHECK_EQ(build_boot.cpu_count, 2);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, NULL), CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(A2_handoff_screen)
{
    struct build build;
    struct cairn_handoff handoff;

    make(&build, &handoff);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK(build_boot.framebuffer.is_present);
    CHECK_EQ(build_boot.framebuffer.base.value, screen.base);
    CHECK_EQ(build_boot.framebuffer.bytes, 832 * 4 * 600);
    CHECK_EQ(build_boot.framebuffer.width, 800);
    CHECK_EQ(build_boot.framebuffer.height, 600);
    CHECK_EQ(build_boot.framebuffer.pitch_bytes, 832 * 4);
    CHECK_EQ(build_boot.framebuffer.red_shift, 16);
    CHECK_EQ(build_boot.framebuffer.green_shift, 8);
    CHECK_EQ(build_boot.framebuffer.blue_shift, 0);
    handoff.framebuffer_is_rgb = 1;
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK_EQ(build_boot.framebuffer.red_shift, 0);
    CHECK_EQ(build_boot.framebuffer.green_shift, 8);
    CHECK_EQ(build_boot.framebuffer.blue_shift, 16);
}

CAIRN_TEST(A1_handoff_descriptors_by_their_stride)
{
    static const uint32_t strides[] = {40, 48, 56};
    struct build build;
    struct build_input input = full;
    struct cairn_handoff handoff;

    build_begin(&build);
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        input.stride = strides[i];
        build_clear(&build);
        build_handoff(&build, &input, &handoff);
        CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
        CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
        CHECK_TEXT(build_map_text(&build_boot),
                   "0-1000000 usable, 1000000-1004000 boot services, "
                   "2000000-21e8000 framebuffer");
    }
}

/* The buffer may be larger than the map: the rest of it means nothing. */
CAIRN_TEST(A1_handoff_only_the_entries_of_the_buffer_count)
{
    struct build build;
    struct cairn_handoff handoff;

    make(&build, &handoff);
    handoff.map_entries = 1;
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_OK);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK_EQ(build_boot.map.entries_added, 1);
}

CAIRN_TEST(A11_handoff_command_line_ends_with_its_size)
{
    struct build build;
    struct cairn_handoff handoff;

    make(&build, &handoff);
    handoff.command_line_bytes = 7; /* no '\0' among them */
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_OK);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_boot.command_line, "verbose");
    CHECK(!build_boot.is_command_line_cut);
    *build_at(&build, handoff.command_line + 4) = '\0';
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_boot.command_line, "verb");
}

CAIRN_TEST(A11_handoff_a_long_command_line_is_cut_and_says_so)
{
    static char line[CAIRN_BOOT_COMMAND_LINE_BYTES + 1];
    struct build build;
    struct build_input input = full;
    struct cairn_handoff handoff;

    for (size_t i = 0; i < CAIRN_BOOT_COMMAND_LINE_BYTES; i++)
        line[i] = (char)('a' + i % 26);
    input.command_line = line;
    build_begin(&build);
    build_handoff(&build, &input, &handoff);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK(build_boot.is_command_line_cut);
    line[CAIRN_BOOT_COMMAND_LINE_BYTES - 1] = '\0';
    CHECK_TEXT(build_boot.command_line, line);
}

CAIRN_TEST(E6_handoff_nothing_out_of_reach_is_touched)
{
    struct build build;
    struct cairn_handoff handoff;

    make(&build, &handoff);
    handoff.map_base = BUILD_NOWHERE;
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_OK);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot),
             CAIRN_NOT_REACHABLE);
    build_clear(&build);
    build_handoff(&build, &full, &handoff);
    handoff.command_line = BUILD_NOWHERE;
    CHECK_EQ(check(&handoff), CAIRN_HANDOFF_OK);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_boot.command_line, "");
}

CAIRN_TEST(A4_handoff_more_ranges_than_there_is_room_for)
{
    static struct test_map_entry many[CAIRN_BOOT_RANGES_MAX + 1];
    struct build build;
    struct build_input input = full;
    struct cairn_handoff handoff;

    for (size_t i = 0; i < CAIRN_BOOT_RANGES_MAX + 1; i++)
        many[i] = (struct test_map_entry)BUILD_ENTRY(i * 0x2000, 0x1000, 7);
    input.entries = many;
    input.count = CAIRN_BOOT_RANGES_MAX + 1;
    build_begin(&build);
    build_handoff(&build, &input, &handoff);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_NO_SPACE);
    handoff.map_entries = CAIRN_BOOT_RANGES_MAX; /* none for the loader's */
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_NO_SPACE);
}

/* ---- What the loader owns ------------------------------------------------ */

/* A stale map: one descriptor that calls all of the loader's memory usable. */
static void take_stale(struct build *build, struct cairn_handoff *handoff)
{
    static struct test_map_entry stale[1];
    struct build_input input = full;
    struct cairn_phys_range told = {{0}, {0}};
    struct build_screen low = screen;

    build_begin(build);
    stale[0] = (struct test_map_entry){build->phys, 4 * CAIRN_MIB, 0, 7};
    low.base = build->phys + 3 * CAIRN_MIB;
    low.height = 8;
    input.entries = stale;
    input.count = 1;
    input.screen = &low;
    build_handoff(build, &input, handoff);
    CHECK_EQ(check(handoff), CAIRN_HANDOFF_OK);
    CHECK_EQ(cairn_boot_from_handoff(handoff, &build_boot), CAIRN_OK);
    CHECK_EQ(cairn_init_early(&build_boot, told,
                              cairn_phys_make(CAIRN_PHYS_LIMIT), &build_early),
             CAIRN_OK);
}

static void check_kept(uint64_t start, uint64_t bytes,
                       enum cairn_memory_kind kind)
{
    CHECK(build_is_withheld(start, bytes));
    CHECK_EQ(build_kind_at(start), kind);
    CHECK_EQ(build_kind_at(start + bytes - 1), kind);
    CHECK(build_never_gives(start, bytes));
}

CAIRN_TEST(A7_handoff_kernel_is_not_usable)
{
    struct build build;
    struct cairn_handoff handoff;

    take_stale(&build, &handoff);
    check_kept(handoff.kernel_phys, handoff.kernel_bytes, CAIRN_MEMORY_KERNEL);
}

CAIRN_TEST(A7_handoff_temp_heap_is_not_usable)
{
    struct build build;
    struct cairn_handoff handoff;

    take_stale(&build, &handoff);
    check_kept(handoff.temp_heap_base, handoff.temp_heap_bytes,
               CAIRN_MEMORY_LOADER);
}

CAIRN_TEST(A7_handoff_map_buffer_is_not_usable)
{
    struct build build;
    struct cairn_handoff handoff;

    take_stale(&build, &handoff);
    check_kept(handoff.map_base, handoff.map_bytes, CAIRN_MEMORY_LOADER);
}

/* Page tables, stack, and the hand-off itself. */
CAIRN_TEST(A7_handoff_ranges_are_not_usable)
{
    struct build build;
    struct cairn_handoff handoff;

    take_stale(&build, &handoff);
    for (size_t i = 0; i < BUILD_RANGES; i++)
        check_kept(handoff.ranges[i].start, handoff.ranges[i].bytes,
                   CAIRN_MEMORY_LOADER);
}

CAIRN_TEST(A7_handoff_framebuffer_is_not_usable)
{
    struct build build;
    struct cairn_handoff handoff;

    take_stale(&build, &handoff);
    check_kept(handoff.framebuffer_base, handoff.framebuffer_bytes,
               CAIRN_MEMORY_FRAMEBUFFER);
    CHECK_EQ(build_kind_at(handoff.framebuffer_base - 1), CAIRN_MEMORY_USABLE);
}

CAIRN_TEST(A14_handoff_temp_heap_can_be_reclaimed)
{
    struct build build;
    struct cairn_handoff handoff;
    uint64_t bytes;

    take_stale(&build, &handoff);
    CHECK_EQ(cairn_memmap_reclaim(&build_boot.map, build_boot.temp_heap,
                                  CAIRN_MEMORY_LOADER, &bytes),
             CAIRN_OK);
    CHECK_EQ(bytes, handoff.temp_heap_bytes);
    CHECK_EQ(build_kind_at(handoff.temp_heap_base), CAIRN_MEMORY_USABLE);
    CHECK_EQ(build_kind_at(handoff.kernel_phys), CAIRN_MEMORY_KERNEL);
}

CAIRN_TEST(A10_handoff_nothing_of_the_loaders_is_needed_later)
{
    struct build build;
    struct cairn_handoff handoff;

    make(&build, &handoff);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_other), CAIRN_OK);
    CHECK_EQ(build_finish(&build, &build_other), CAIRN_OK);
    CHECK_EQ(cairn_boot_from_handoff(&handoff, &build_boot), CAIRN_OK);
    build_fill(&build, 0xa5);
    handoff = (struct cairn_handoff){.magic = 0};
    CHECK_EQ(build_finish(&build, &build_boot), CAIRN_OK);
    CHECK_TEXT(build_difference(&build_boot, &build_other), "");
}
