/*
 * editor.c - tests of the monitor's line editor.
 *
 * Keys go in as one text; what comes out is kept, and lines that were ended are
 * joined by '|'.
 */
#include "monitor/editor.h"
#include "harness/test.h"

#define UP    "\033[A"
#define DOWN  "\033[B"
#define RIGHT "\033[C"
#define LEFT  "\033[D"

static struct editor editor;
static char output[4096];
static size_t output_bytes;
static char lines[1024];
static size_t lines_bytes;

static void keep(char *text, size_t *used, size_t limit, char c)
{
    if (*used + 1 < limit)
        text[(*used)++] = c;
    text[*used] = '\0';
}

static void write_bytes(void *context, const char *text, size_t bytes)
{
    (void)context;
    for (size_t i = 0; i < bytes; i++)
        keep(output, &output_bytes, sizeof output, text[i]);
}

static const char *complete(void *context, const char *prefix, size_t length,
                            size_t index)
{
    static const char *const names[] = {"echo", "meminfo", "memory"};
    (void)context;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t same = 0;
        while (same < length && names[i][same] == prefix[same])
            same++;
        if (same == length && index-- == 0)
            return names[i];
    }
    return NULL;
}

static const struct editor_host host = {
    .prompt = "> ",
    .write = write_bytes,
    .complete = complete,
};

static void forget_output(void)
{
    output_bytes = 0;
    output[0] = '\0';
}

static void start(void)
{
    editor_init(&editor, &host);
    editor_begin(&editor);
    forget_output();
    lines_bytes = 0;
    lines[0] = '\0';
}

static void press_byte(uint8_t byte)
{
    bool is_end = editor_input(&editor, byte);
    CHECK_EQ(editor_check(&editor), 0);
    if (!is_end)
        return;
    for (size_t i = 0; i < editor.length; i++)
        keep(lines, &lines_bytes, sizeof lines, editor.line[i]);
    keep(lines, &lines_bytes, sizeof lines, '|');
    editor_begin(&editor);
}

static void press(const char *keys)
{
    while (*keys != '\0')
        press_byte((uint8_t)*keys++);
}

/* From an empty history: `keys`, then return, must give `wanted`. */
static void check_line(const char *keys, const char *wanted)
{
    start();
    press(keys);
    CHECK_TEXT(editor.line, wanted);
}

CAIRN_TEST(editor_inserts_at_the_cursor)
{
    check_line("mmap", "mmap");
    check_line("map" LEFT LEFT LEFT "m", "mmap");
    check_line("mmp" LEFT "a", "mmap");
    check_line("bc\001a\005d", "abcd");
    check_line("ac\002b\006d", "abcd");
    check_line("b\033[Ha\033[Fc", "abc");
    check_line("b\033[1~a\033[4~c", "abc");
    check_line("b\033OHa\033OFc", "abc");
    check_line("ab" LEFT LEFT LEFT LEFT "x", "xab");
    check_line("ab" LEFT RIGHT RIGHT RIGHT "x", "abx");
    check_line("ab\033[1;5Dx", "axb");
}

CAIRN_TEST(editor_deletes)
{
    check_line("abc\177", "ab");
    check_line("abc\b\b", "a");
    check_line("a\177\177\177", "");
    check_line("abc" LEFT LEFT "\004", "ac");
    check_line("abc" LEFT LEFT "\033[3~", "ac");
    check_line("abc\004", "abc");
    check_line("abcd" LEFT LEFT "\013", "ab");
    check_line("abcd" LEFT LEFT "\025", "cd");
    check_line("one two  \027", "one ");
    check_line("one two" LEFT "\027", "one o");
    check_line("one\027\027", "");
}

CAIRN_TEST(editor_drops_a_line)
{
    check_line("abc\003d", "d");
    start();
    press("abc" LEFT "\003");
    CHECK_TEXT(output, "abc\r> abc\033[K\b\r> abc\033[K^C\n\r> \033[K");
}

CAIRN_TEST(editor_clears_the_screen)
{
    start();
    press("ab");
    forget_output();
    press("\014");
    CHECK_TEXT(editor.line, "ab");
    CHECK_TEXT(output, "\033[2J\033[H\r> ab\033[K");
}

CAIRN_TEST(editor_ends_lines_by_cr_lf_and_both)
{
    start();
    press("a\rb\nc\r\nd\n\ne\r\r\n");
    CHECK_TEXT(lines, "a|b|c|d||e||");
}

CAIRN_TEST(editor_echoes_what_is_typed)
{
    start();
    press("abc");
    CHECK_TEXT(output, "abc");
    forget_output();
    press("\r");
    CHECK_TEXT(output, "\n\r> \033[K");
}

CAIRN_TEST(editor_recalls_lines)
{
    start();
    press("one\rtwo\rtwo\r\rmine");
    press(UP);
    CHECK_TEXT(editor.line, "two");
    press(UP);
    CHECK_TEXT(editor.line, "one");
    forget_output();
    press(UP);
    CHECK_TEXT(output, "\a");
    press("\016");
    CHECK_TEXT(editor.line, "two");
    press(DOWN);
    CHECK_TEXT(editor.line, "mine");
    forget_output();
    press(DOWN);
    CHECK_TEXT(output, "\a");
    press("\020s\r");
    CHECK_TEXT(lines, "one|two|two||twos|");
}

CAIRN_TEST(editor_keeps_16_lines)
{
    start();
    for (unsigned i = 0; i < EDITOR_HISTORY_LINES + 4; i++) {
        press_byte((uint8_t)('a' + i));
        press("\r");
    }
    for (unsigned i = 0; i < EDITOR_HISTORY_LINES + 4; i++)
        press(UP);
    CHECK_TEXT(editor.line, "e");
    CHECK_EQ(editor.history_count, EDITOR_HISTORY_LINES);
}

CAIRN_TEST(editor_completes_names)
{
    check_line("e\t", "echo ");
    check_line("m\t", "mem");
    check_line("mem\t", "mem");
    check_line("memi\t-v", "meminfo -v");
    check_line("echo;  me\t", "echo;  mem");
    check_line("echo m\t", "echo m");
    check_line("x\t", "x");
    check_line("ex" LEFT "\t", "echo x");
}

CAIRN_TEST(editor_lists_candidates)
{
    start();
    press("mem");
    forget_output();
    press("\t");
    CHECK_TEXT(output, "\nmeminfo  memory\n\r> mem\033[K");
    forget_output();
    press("x\t");
    CHECK_TEXT(output, "x\a");
}

CAIRN_TEST(editor_refuses_the_256th_character)
{
    start();
    for (unsigned i = 0; i < EDITOR_LINE_MAX; i++)
        press("x");
    CHECK_EQ(editor.length, EDITOR_LINE_MAX);
    forget_output();
    press("yy" LEFT "z");
    CHECK_EQ(editor.length, EDITOR_LINE_MAX);
    CHECK_EQ(editor.line[EDITOR_LINE_MAX - 1], 'x');
    CHECK_EQ(output[0], '\a');
    CHECK_EQ(output[1], '\a');
}

CAIRN_TEST(editor_shows_a_part_of_a_long_line)
{
    start();
    for (unsigned i = 0; i < 200; i++) {
        press_byte((uint8_t)('a' + i % 26));
        CHECK(editor.cursor - editor.first <= EDITOR_COLUMNS - 5);
    }
    CHECK(editor.first > 200 - EDITOR_COLUMNS);
    press("\001");
    CHECK_EQ(editor.first, 0);
    press("\005");
    CHECK(editor.first > 200 - EDITOR_COLUMNS);
}

CAIRN_TEST(editor_ignores_what_is_not_printable)
{
    start();
    for (unsigned byte = 0x80; byte <= 0xff; byte++)
        press_byte((uint8_t)byte);
    press_byte(0);
    press("\021\022\023\024\026\030\031\032\034\035\036\037");
    CHECK_EQ(editor.length, 0);
    CHECK_TEXT(output, "");
}

CAIRN_TEST(editor_swallows_escape_sequences)
{
    check_line("a\033[5~b", "ab");
    check_line("a\033[?25lb", "ab");
    check_line("a\033[[Ab", "ab");
    check_line("a\033[38;5;200mb", "ab");
    check_line("a\033OPb", "ab");
    check_line("a\033xb", "ab");
    check_line("a\033\033\033[Db", "ba");
    check_line("a\033\201b", "ab");
    start();
    press("a\033[1\rb\033\n");
    CHECK_TEXT(lines, "a|b|");
}

CAIRN_TEST(editor_gives_up_endless_sequences)
{
    check_line("\033[11111111111111112", "2");
    check_line("\033[;;;;;;;;;;;;;;;;x", "x");
    check_line("\033[99999999999~a", "a");
}

/* Bytes that mean something to the editor are frequent. */
static uint8_t random_byte(void)
{
    static const char keys[] = "\033[O~ABCDFH;13478\r\n\t\177 e m";
    uint32_t which = test_random_below(3);
    if (which == 0)
        return (uint8_t)keys[test_random_below(sizeof keys - 1)];
    return (uint8_t)test_random_below(which == 1 ? 0x20 : 0x100);
}

CAIRN_TEST(editor_survives_garbage)
{
    start();
    for (uint32_t i = test_rounds(20000); i > 0; i--)
        press_byte(random_byte());
}
