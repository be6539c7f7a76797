/*
 * report.c - tests of the reports about memory map and early allocator, and of
 * the texts of statuses.
 */
#include <cairn/report.h>

#include "memmap_example.h"

#define LINES_MAX  32
#define LINE_BYTES 128

static char lines[LINES_MAX][LINE_BYTES];
static size_t line_count;

static void keep_line(void *context, const char *text)
{
    size_t length = 0;

    CHECK_EQ((uintptr_t)context, (uintptr_t)lines);
    CHECK(line_count < LINES_MAX);
    for (; text[length] != '\0'; length++) {
        CHECK(length < 79);
        CHECK(text[length] >= ' ' && text[length] <= '~');
        lines[line_count][length] = text[length];
    }
    lines[line_count++][length] = '\0';
}

static const struct cairn_sink sink = {keep_line, lines};

/* The lines must be these, NULL at the end. */
static void check_lines(const char *const *wanted)
{
    size_t i;

    for (i = 0; wanted[i] != NULL; i++) {
        CHECK(i < line_count);
        CHECK_TEXT(lines[i], wanted[i]);
    }
    CHECK_EQ(line_count, i);
}

static void make(void)
{
    example_begin();
    example_add(0, 0x9fc00, USABLE);
    example_add(0x9fc00, 0xa0000, RESERVED);
    example_add(0x100000, 0x8000000, USABLE);
    example_add(0x200000, 0x500000, KERNEL);
    example_add(0x8000000, 0x8000000, USABLE);
    CHECK_EQ(example_finish(CAIRN_MIB), CAIRN_OK);
    line_count = 0;
}

CAIRN_TEST(L5_summary_of_the_memory_map)
{
    static const char *const wanted[] = {
        "memory map: 5 ranges from 5 entries, 1 of them ignored",
        "  usable                  124 MiB           31744 frames",
        "  low memory              636 KiB             159 frames",
        "  kernel                    3 MiB             768 frames",
        "  reserved                  4 KiB               1 frames",
        "  holes                   384 KiB              96 frames",
        "  total                   128 MiB           32768 frames",
        NULL,
    };

    make();
    cairn_report_memmap_summary(&example_map, &sink);
    check_lines(wanted);
}

CAIRN_TEST(L5_entries_of_the_memory_map)
{
    static const char *const wanted[] = {
        "     0  0x0000000000000 - 0x000000009f000       636 KiB  low memory",
        "     1  0x000000009f000 - 0x00000000a0000         4 KiB  reserved",
        "     2  0x0000000100000 - 0x0000000200000         1 MiB  usable",
        "     3  0x0000000200000 - 0x0000000500000         3 MiB  kernel",
        "     4  0x0000000500000 - 0x0000008000000       123 MiB  usable",
        NULL,
    };

    make();
    cairn_report_memmap_entries(&example_map, 0, SIZE_MAX, &sink);
    check_lines(wanted);
    line_count = 0;
    cairn_report_memmap_entries(&example_map, 3, 2, &sink);
    check_lines(&wanted[3]);
}

CAIRN_TEST(L5_parts_of_the_memory_map)
{
    static const char *const wanted[] = {
        "     1  0x000000009f000 - 0x00000000a0000         4 KiB  reserved",
        NULL,
    };

    make();
    cairn_report_memmap_entries(&example_map, 1, 1, &sink);
    check_lines(wanted);
    cairn_report_memmap_entries(&example_map, 5, 1, &sink);
    cairn_report_memmap_entries(&example_map, 0, 0, &sink);
    cairn_report_memmap_entries(&example_map, SIZE_MAX, SIZE_MAX, &sink);
    CHECK_EQ(line_count, 1);
}

static struct cairn_early early;

CAIRN_TEST(L12_what_was_consumed_at_boot)
{
    static const char *const wanted[] = {
        "early allocator",
        "  total                   124 MiB           31744 frames",
        "  handed out               20 KiB               5 frames",
        "  free                  123.9 MiB           31739 frames",
        "  reserve                       2 frames of 16",
        "  boot-consumed                 6 records in 2 ranges",
        NULL,
    };
    cairn_pfn pfn;

    make();
    CHECK_EQ(cairn_early_init(&early, &example_map, NULL), CAIRN_OK);
    cairn_early_track(&early);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_OK);
    cairn_early_record(&early, cairn_phys_make(0x300000), 1);
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    cairn_report_early(&early, &sink);
    check_lines(wanted);
}

/* Does the last line end with `tail`, so that nothing was cut? */
static void check_tail(const char *tail)
{
    const char *line = lines[line_count - 1];
    size_t length = 0;
    size_t tail_length = 0;

    while (line[length] != '\0')
        length++;
    while (tail[tail_length] != '\0')
        tail_length++;
    CHECK(length >= tail_length);
    CHECK_TEXT(line + length - tail_length, tail);
}

CAIRN_TEST(L5_the_largest_numbers_fit_into_a_line)
{
    for (unsigned kind = USABLE; kind < CAIRN_MEMORY_KIND_COUNT; kind++) {
        if (kind == CAIRN_MEMORY_LOW)
            continue;
        example_begin();
        example_add(0x1000, LIMIT, (enum cairn_memory_kind)kind);
        CHECK_EQ(example_finish(0),
                 kind == USABLE ? CAIRN_OK : CAIRN_NO_MEMORY);
        example_map.entries_added = UINT32_MAX;
        example_map.entries_ignored = UINT32_MAX;
        line_count = 0;
        cairn_report_memmap_entries(&example_map, 0, 1, &sink);
        check_tail(cairn_memory_kind_name((enum cairn_memory_kind)kind));
        cairn_report_memmap_summary(&example_map, &sink);
        check_tail("frames");
        CHECK_EQ(line_count, 5);
    }
}

CAIRN_TEST(L12_the_largest_numbers_fit_into_a_line)
{
    example_begin();
    example_add(0x1000, LIMIT, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_EQ(cairn_early_init(&early, &example_map, NULL), CAIRN_OK);
    early.records = UINT32_MAX;
    line_count = 0;
    cairn_report_early(&early, &sink);
    check_tail("records in 0 ranges");
    CHECK_EQ(line_count, 6);
}

CAIRN_TEST(status_has_a_text_for_each)
{
    for (unsigned a = 0; a < CAIRN_STATUS_COUNT; a++) {
        const char *text = cairn_status_text((enum cairn_status)a);

        CHECK(text != NULL && text[0] >= 'a' && text[0] <= 'z');
    }
    CHECK_TEXT(cairn_status_text(CAIRN_NO_MEMORY), "no memory");
    CHECK_TEXT(cairn_status_text(CAIRN_STATUS_COUNT), "unknown status");
    CHECK_TEXT(cairn_status_text((enum cairn_status)999), "unknown status");
}
