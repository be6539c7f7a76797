/*
 * report_frames.c - tests of the frame allocator as text and as a picture.
 */
#include <cairn/format.h>
#include <cairn/report.h>

#include "base/memory.h"
#include "frames_arena.h"
#include "harness/test.h"

#define LINES_MAX 80

static char lines[LINES_MAX][CAIRN_REPORT_LINE_BYTES];
static unsigned line_count;

static size_t length_of(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0')
        length++;
    return length;
}

static bool contains(const char *text, const char *part)
{
    size_t length = length_of(part);

    for (; length_of(text) >= length; text++) {
        if (memcmp(text, part, length) == 0)
            return true;
    }
    return false;
}

/* Is `text` an escape sequence ESC [ digits m?  Its length, or 0. */
static size_t colour_length(const char *text)
{
    size_t length = 2;

    if (text[0] != '\033' || text[1] != '[')
        return 0;
    while (text[length] >= '0' && text[length] <= '9')
        length++;
    return text[length] == 'm' ? length + 1 : 0;
}

/* Characters that are seen; the line must end in the default colours. */
static size_t visible(const char *text)
{
    size_t count = 0;
    bool is_default = true;

    while (*text != '\0') {
        size_t skip = colour_length(text);

        if (skip > 0)
            is_default = text[2] == '0';
        else
            count += (*text & 0xc0) != 0x80; /* UTF-8 */
        text += skip > 0 ? skip : 1;
    }
    CHECK(is_default);
    return count;
}

static void keep_line(void *context, const char *text)
{
    CHECK_EQ((uintptr_t)context, (uintptr_t)lines);
    CHECK(line_count < LINES_MAX);
    CHECK(length_of(text) < CAIRN_REPORT_LINE_BYTES);
    CHECK(visible(text) <= 79);
    memcpy(lines[line_count++], text, length_of(text) + 1);
}

static const struct cairn_sink sink = {keep_line, lines};

static bool has_line(const char *part)
{
    for (unsigned i = 0; i < line_count; i++) {
        if (contains(lines[i], part))
            return true;
    }
    return false;
}

static cairn_pfn take_run(uint64_t count, enum cairn_owner owner)
{
    struct cairn_run_request request = {.count = count, .owner = owner};
    cairn_pfn pfn;

    CHECK_EQ(cairn_frames_alloc_run(&arena.frames, &request, &pfn), CAIRN_OK);
    return pfn;
}

/* ---- Numbers ------------------------------------------------------------- */

CAIRN_TEST(C19_report_of_frames)
{
    cairn_pfn pfn;
    char wanted[80];

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    (void)take_run(3, CAIRN_OWNER_DMA);
    (void)take_run(1, CAIRN_OWNER_STACK);
    CHECK_EQ(cairn_frames_alloc(&arena.frames, 0, 0, CAIRN_OWNER_HEAP, &pfn),
             CAIRN_OK);
    line_count = 0;
    cairn_report_frames(&arena.frames, &sink);
    CHECK(has_line("frames: tree engine, magazines, 1 CPU"));
    cairn_format(wanted, sizeof(wanted), "  base               0x%012llx",
                 (unsigned long long)arena.first << CAIRN_FRAME_SHIFT);
    CHECK(has_line(wanted));
    cairn_format(wanted, sizeof(wanted), "%14llu frames  100.0 %%",
                 (unsigned long long)arena.total);
    CHECK(has_line(wanted));
    CHECK(has_line("  DMA                      12 KiB               3 frames"));
    CHECK(has_line("  stacks                    4 KiB               1 frames"));
    CHECK(has_line("  heap                      4 KiB               1 frames"));
    CHECK(!has_line("  user"));
    CHECK(has_line("               1 block of 4 KiB (order 0)"));
    CHECK(has_line("               2 runs of other lengths"));
    CHECK(has_line("free by zone"));
    CHECK(has_line("    CPU 0   order:blocks"));
    CHECK(has_line("metadata "));
}

CAIRN_TEST(C19_report_of_free_frames)
{
    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    line_count = 0;
    cairn_report_frames(&arena.frames, &sink);
    CHECK(has_line("owners: none"));
    CHECK(!has_line("CPU 0"));
    line_count = 0;
    cairn_report_frames_brief(&arena.frames, &sink);
    CHECK_EQ(line_count, 1);
    CHECK(has_line("tree engine, "));
    CHECK(has_line(" KiB free, metadata "));
}

CAIRN_TEST(C20_names_of_owners_and_engines)
{
    for (unsigned i = 0; i < CAIRN_OWNER_COUNT; i++)
        CHECK(cairn_report_owner_name((enum cairn_owner)i)[0] != '?');
    CHECK_TEXT(cairn_report_owner_name(CAIRN_OWNER_TABLE), "tables");
    CHECK_TEXT(cairn_report_owner_name(CAIRN_OWNER_COUNT), "?");
    CHECK_TEXT(cairn_report_engine_name(CAIRN_ENGINE_TREE), "tree");
    CHECK_TEXT(cairn_report_engine_name(CAIRN_ENGINE_FREELIST), "freelist");
    CHECK_TEXT(cairn_report_engine_name((enum cairn_frames_engine)9), "?");
}

/* ---- The picture --------------------------------------------------------- */

/* Draw frames [first, end) of the arena, `columns` to a row. */
static void draw(uint64_t first, uint64_t end, unsigned columns, unsigned rows,
                 unsigned flags)
{
    struct cairn_picture picture = {
        .first = {arena.first + first},
        .end = {arena.first + end},
        .columns = columns,
        .rows = rows,
        .flags = flags,
    };

    line_count = 0;
    cairn_report_frames_picture(&arena.frames, &picture, &sink);
}

/* Line `number` must be the address of a frame of the arena, then `cells`. */
static void check_row(unsigned number, uint64_t frame, const char *cells)
{
    char wanted[128];
    char address[24];

    cairn_format(address, sizeof(address), "0x%llx",
                 (unsigned long long)(arena.first + frame)
                     << CAIRN_FRAME_SHIFT);
    cairn_format(wanted, sizeof(wanted), "%-15s%s", address, cells);
    CHECK(number < line_count);
    CHECK_TEXT(lines[number], wanted);
}

/* Boot 2, table 3, heap 1, stack 1, DMA 2, user 1, kernel 1, then free. */
static void populate(void)
{
    (void)take_run(2, CAIRN_OWNER_BOOT);
    (void)take_run(3, CAIRN_OWNER_TABLE);
    (void)take_run(1, CAIRN_OWNER_HEAP);
    (void)take_run(1, CAIRN_OWNER_STACK);
    (void)take_run(2, CAIRN_OWNER_DMA);
    (void)take_run(1, CAIRN_OWNER_USER);
    (void)take_run(1, CAIRN_OWNER_KERNEL);
}

CAIRN_TEST(C20_picture_shows_each_owner)
{
    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    populate();
    draw(0, 16, 8, 2, CAIRN_PICTURE_PLAIN);
    CHECK_EQ(line_count, 5);
    CHECK_TEXT(lines[0], "memory: a cell is 4 KiB, a row 32 KiB");
    check_row(1, 0, "BBTTTHSD");
    check_row(2, 8, "DUK.....");
    CHECK_TEXT(lines[3], "B boot  K kernel  T tables  H heap  S stacks  "
                         "D DMA  U user");
    CHECK(contains(lines[4], ". free  - no memory"));
}

CAIRN_TEST(C20_picture_has_small_letters_for_less_than_half)
{
    cairn_pfn pfn;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    do /* until one is the first of a cell */
        pfn = take_run(1, CAIRN_OWNER_USER);
    while (pfn.value % 4 != 0);
    pfn.value -= arena.first;
    draw(pfn.value, pfn.value + 4, 1, 1, CAIRN_PICTURE_PLAIN);
    CHECK_TEXT(lines[0], "memory: a cell is 16 KiB, a row 16 KiB");
    check_row(1, pfn.value, "u");
    (void)take_run(1, CAIRN_OWNER_USER);
    draw(pfn.value, pfn.value + 4, 1, 1, CAIRN_PICTURE_PLAIN);
    check_row(1, pfn.value, "U");
}

CAIRN_TEST(C20_picture_skips_what_is_no_memory)
{
    frames_arena_start(CAIRN_MISUSE_STATUS, 10, 20);
    (void)take_run(10, CAIRN_OWNER_KERNEL);
    draw(0, 32, 4, 4, CAIRN_PICTURE_PLAIN);
    CHECK_EQ(line_count, 8);
    check_row(1, 0, "KKKK");
    check_row(2, 4, "KKKK");
    check_row(3, 8, "KK--");
    check_row(4, 12, "- 64 KiB without memory -");
    check_row(5, 28, "--..");
}

CAIRN_TEST(C20_picture_of_nothing)
{
    frames_arena_start(CAIRN_MISUSE_STATUS, 10, 20);
    draw(10, 30, 4, 4, 0);
    CHECK_EQ(line_count, 1);
    CHECK_TEXT(lines[0], "memory: none in that range");
    draw(0, 1 << 20, 0, 0, 0);
    CHECK(line_count > 1);
    draw(5, 5, 0, 0, 0);
    CHECK_EQ(line_count, 1);
}

CAIRN_TEST(C20_picture_shows_what_the_map_knows)
{
    struct cairn_picture picture = {.flags = CAIRN_PICTURE_PLAIN, .rows = 1};

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    picture.first.value = arena.first;
    picture.end.value = arena.first + ARENA_FRAMES;
    picture.map = &arena.map;
    line_count = 0;
    cairn_report_frames_picture(&arena.frames, &picture, &sink);
    CHECK(contains(lines[1], ".KKKKKKKK")); /* the metadata */
    CHECK(has_line("F firmware"));
    CHECK(contains(lines[2], "K kernel"));
}

CAIRN_TEST(C20_picture_in_colour_shows_the_same)
{
    static const char wanted[] = "\033[33m\342\226\210\342\226\210\033[95m"
                                 "\342\226\210\342\226\210\342\226\210\033[94m"
                                 "\342\226\210\033[96m\342\226\210\033[97m"
                                 "\342\226\210\033[0m";

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    populate();
    draw(0, 16, 8, 2, 0);
    CHECK_EQ(line_count, 5);
    check_row(1, 0, wanted);
    CHECK_EQ(visible(lines[1]), 15 + 8);
    CHECK(contains(lines[2], "\033[90m\302\267\302\267\302\267\302\267\302\267"
                             "\033[0m"));
}

CAIRN_TEST(C20_picture_has_no_more_rows_than_asked_for)
{
    frames_arena_start(CAIRN_MISUSE_STATUS, 7, 30);
    populate();
    for (unsigned rows = 1; rows < 20; rows++) {
        for (unsigned columns = 1; columns < 70; columns += 3) {
            unsigned seen = 0;

            draw(test_random_below(20), 20 + test_random_below(60), columns,
                 rows, test_random_below(2));
            for (unsigned i = 1; i + 2 < line_count; i++)
                seen += !contains(lines[i], "without memory");
            CHECK(seen <= rows);
        }
    }
}
