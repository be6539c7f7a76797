/*
 * editor.c - a line editor: keys in, an edited line out; no hardware.
 *
 * HOW    A character that is typed at the end of the line is echoed; every
 *        other change draws the line again: return, prompt, the part of the
 *        line that fits, erase to the end, and backspaces to the cursor.  So
 *        the editor needs to know neither where on the screen it is nor how
 *        wide that is, as long as it has EDITOR_COLUMNS columns.  When the
 *        cursor leaves the part that is shown, that part moves by
 *        EDITOR_JUMP characters, not by one.
 *
 * INVARIANTS (editor_check tests each by this number)
 *   E1   length <= EDITOR_LINE_MAX, and the line ends there with '\0'.
 *   E2   cursor <= length.
 *   E3   the line has printable ASCII only.
 *   E4   the cursor is among the `columns` characters from `first` on.
 *   E5   browsed <= history_count <= EDITOR_HISTORY_LINES; lines of the history
 *        are not empty, and as in E1 and E3.
 *   E6   sequence_bytes < EDITOR_SEQUENCE_MAX.
 *
 * COST   One output of at most some 200 bytes for each byte of input; only tab
 *        writes more.
 *
 * FAILS  A line that is full rings the bell for each further character.  An
 *        escape sequence that is unknown is swallowed; one that does not end
 *        within EDITOR_SEQUENCE_MAX bytes, or is cut by a control character,
 *        is given up.
 *
 * SOURCE ECMA-48, "Control Functions for Coded Character Sets", 5th edition,
 *        section 5.4, "Control sequences"; xterm, "XTerm Control Sequences",
 *        section "PC-Style Function Keys".
 *
 * TESTS  tests/editor.c; fuzz/editor.c
 *
 * NOT    No UTF-8, no undo, no search in the history.
 */
#include "monitor/editor.h"

#define EDITOR_SEQUENCE_MAX 16u
#define EDITOR_NUMBER_MAX   999u
#define EDITOR_JUMP         16u
/* Columns for the cursor and for "^C". */
#define EDITOR_MARGIN       3u
#define EDITOR_CTRL(letter) ((letter)&0x1f)

/* ---- Output -------------------------------------------------------------- */

/* Text that is put together, to be written at once. */
struct editor_output {
    size_t bytes;
    char text[EDITOR_PROMPT_MAX + 2 * EDITOR_COLUMNS + 16];
};

static void add(struct editor_output *output, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes && output->bytes < sizeof output->text; i++)
        output->text[output->bytes++] = text[i];
}

static size_t text_bytes(const char *text)
{
    size_t bytes = 0;
    while (text[bytes] != '\0')
        bytes++;
    return bytes;
}

static void add_text(struct editor_output *output, const char *text)
{
    add(output, text, text_bytes(text));
}

static void write_bytes(const struct editor *editor, const char *text,
                        size_t bytes)
{
    editor->host->write(editor->host->context, text, bytes);
}

static void write_text(const struct editor *editor, const char *text)
{
    write_bytes(editor, text, text_bytes(text));
}

static void ring(const struct editor *editor)
{
    write_text(editor, "\a");
}

/* E4, by as few jumps as possible. */
static void follow_cursor(struct editor *editor)
{
    size_t jump = editor->columns > EDITOR_JUMP ? EDITOR_JUMP : 1;
    if (editor->cursor < editor->first)
        editor->first = editor->cursor > jump ? editor->cursor - jump : 0;
    if (editor->cursor > editor->first + editor->columns)
        editor->first = editor->cursor - editor->columns + jump;
}

static size_t shown_end(const struct editor *editor)
{
    size_t end = editor->first + editor->columns;
    return end < editor->length ? end : editor->length;
}

static void draw(struct editor *editor)
{
    struct editor_output output = {.bytes = 0};
    follow_cursor(editor);
    size_t end = shown_end(editor);
    add_text(&output, "\r");
    add_text(&output, editor->host->prompt);
    add(&output, editor->line + editor->first, end - editor->first);
    add_text(&output, "\033[K");
    for (size_t i = editor->cursor; i < end; i++)
        add_text(&output, "\b");
    write_bytes(editor, output.text, output.bytes);
}

/* ---- Changes ------------------------------------------------------------- */

static bool is_printable(uint8_t byte)
{
    return byte >= ' ' && byte <= '~';
}

static void set_line(struct editor *editor, const char *text)
{
    size_t length = 0;
    for (; length < EDITOR_LINE_MAX && text[length] != '\0'; length++)
        editor->line[length] = text[length];
    editor->line[length] = '\0';
    editor->length = length;
    editor->cursor = length;
    editor->first = 0;
}

static bool insert(struct editor *editor, char c)
{
    if (editor->length == EDITOR_LINE_MAX)
        return false;
    editor->length++;
    for (size_t i = editor->length; i > editor->cursor; i--)
        editor->line[i] = editor->line[i - 1];
    editor->line[editor->cursor++] = c;
    return true;
}

/* Remove the characters [from, to); the cursor is in it, or at an end. */
static void cut(struct editor *editor, size_t from, size_t to)
{
    if (from == to) {
        ring(editor);
        return;
    }
    for (size_t i = to; i <= editor->length; i++)
        editor->line[i - (to - from)] = editor->line[i];
    editor->length -= to - from;
    editor->cursor = from;
    draw(editor);
}

static void move_cursor(struct editor *editor, size_t to)
{
    if (to == editor->cursor || to > editor->length) {
        ring(editor);
        return;
    }
    editor->cursor = to;
    draw(editor);
}

static void type(struct editor *editor, char c)
{
    bool is_at_end = editor->cursor == editor->length;
    if (!insert(editor, c))
        ring(editor);
    else if (is_at_end && editor->cursor <= editor->first + editor->columns)
        write_bytes(editor, &c, 1);
    else
        draw(editor);
}

/* ---- History ------------------------------------------------------------- */

static bool is_same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static void copy_line(char *to, const char *from)
{
    do
        *to++ = *from;
    while (*from++ != '\0');
}

/* Keep the line, unless it is empty or the same as the last one. */
static void remember(struct editor *editor)
{
    bool is_known =
        editor->history_count > 0 && is_same(editor->history[0], editor->line);
    if (editor->length == 0 || is_known)
        return;
    if (editor->history_count < EDITOR_HISTORY_LINES)
        editor->history_count++;
    for (size_t i = editor->history_count - 1; i > 0; i--)
        copy_line(editor->history[i], editor->history[i - 1]);
    copy_line(editor->history[0], editor->line);
}

static void show_older(struct editor *editor)
{
    if (editor->browsed == editor->history_count) {
        ring(editor);
        return;
    }
    if (editor->browsed == 0)
        copy_line(editor->own, editor->line);
    set_line(editor, editor->history[editor->browsed++]);
    draw(editor);
}

static void show_newer(struct editor *editor)
{
    if (editor->browsed == 0) {
        ring(editor);
        return;
    }
    editor->browsed--;
    if (editor->browsed == 0)
        set_line(editor, editor->own);
    else
        set_line(editor, editor->history[editor->browsed - 1]);
    draw(editor);
}

/* ---- Completion ---------------------------------------------------------- */

/* Where the word before the cursor begins, if it names a command. */
static bool find_command(const struct editor *editor, size_t *begin)
{
    size_t i = editor->cursor;
    while (i > 0 && editor->line[i - 1] != ' ' && editor->line[i - 1] != ';')
        i--;
    *begin = i;
    while (i > 0 && editor->line[i - 1] == ' ')
        i--;
    return i == 0 || editor->line[i - 1] == ';';
}

static const char *candidate(const struct editor *editor, size_t begin,
                             size_t index)
{
    return editor->host->complete(editor->host->context, editor->line + begin,
                                  editor->cursor - begin, index);
}

/* How many characters all candidates have in common. */
static size_t common_length(const struct editor *editor, size_t begin)
{
    const char *first = candidate(editor, begin, 0);
    const char *other;
    size_t common = text_bytes(first);
    for (size_t i = 1; (other = candidate(editor, begin, i)) != NULL; i++) {
        size_t same = 0;
        while (same < common && other[same] == first[same])
            same++;
        common = same;
    }
    return common;
}

static void list_candidates(struct editor *editor, size_t begin)
{
    const char *name;
    for (size_t i = 0; (name = candidate(editor, begin, i)) != NULL; i++) {
        write_text(editor, i == 0 ? "\n" : "  ");
        write_text(editor, name);
    }
    write_text(editor, "\n");
    draw(editor);
}

static void complete(struct editor *editor)
{
    size_t begin;
    const char *first = NULL;
    if (find_command(editor, &begin))
        first = candidate(editor, begin, 0);
    if (first == NULL) {
        ring(editor);
        return;
    }
    bool is_only = candidate(editor, begin, 1) == NULL;
    size_t typed = editor->cursor - begin;
    size_t common = common_length(editor, begin);
    if (common <= typed && !is_only) {
        list_candidates(editor, begin);
        return;
    }
    for (size_t i = typed; i < common; i++)
        type(editor, first[i]);
    if (is_only)
        type(editor, ' ');
}

/* ---- Keys ---------------------------------------------------------------- */

static void go_begin(struct editor *editor)
{
    move_cursor(editor, 0);
}

static void go_end(struct editor *editor)
{
    move_cursor(editor, editor->length);
}

static void go_left(struct editor *editor)
{
    move_cursor(editor, editor->cursor > 0 ? editor->cursor - 1 : 0);
}

static void go_right(struct editor *editor)
{
    move_cursor(editor, editor->cursor + 1);
}

static void delete_left(struct editor *editor)
{
    size_t from = editor->cursor > 0 ? editor->cursor - 1 : 0;
    cut(editor, from, editor->cursor);
}

static void delete_right(struct editor *editor)
{
    size_t to =
        editor->cursor < editor->length ? editor->cursor + 1 : editor->length;
    cut(editor, editor->cursor, to);
}

static void delete_to_begin(struct editor *editor)
{
    cut(editor, 0, editor->cursor);
}

static void delete_to_end(struct editor *editor)
{
    cut(editor, editor->cursor, editor->length);
}

static void delete_word(struct editor *editor)
{
    size_t from = editor->cursor;
    while (from > 0 && editor->line[from - 1] == ' ')
        from--;
    while (from > 0 && editor->line[from - 1] != ' ')
        from--;
    cut(editor, from, editor->cursor);
}

static void clear_screen(struct editor *editor)
{
    write_text(editor, "\033[2J\033[H");
    draw(editor);
}

/* Put the cursor behind the line, where a new line can begin. */
static void leave_line(struct editor *editor)
{
    if (editor->cursor != editor->length) {
        editor->cursor = editor->length;
        draw(editor);
    }
}

static void drop_line(struct editor *editor)
{
    leave_line(editor);
    write_text(editor, "^C\n");
    editor_begin(editor);
}

struct editor_key {
    uint8_t byte;
    void (*act)(struct editor *editor);
};

static const struct editor_key keys[] = {
    {EDITOR_CTRL('A'), go_begin},
    {EDITOR_CTRL('B'), go_left},
    {EDITOR_CTRL('C'), drop_line},
    {EDITOR_CTRL('D'), delete_right},
    {EDITOR_CTRL('E'), go_end},
    {EDITOR_CTRL('F'), go_right},
    {EDITOR_CTRL('H'), delete_left},
    {EDITOR_CTRL('I'), complete},
    {EDITOR_CTRL('K'), delete_to_end},
    {EDITOR_CTRL('L'), clear_screen},
    {EDITOR_CTRL('N'), show_newer},
    {EDITOR_CTRL('P'), show_older},
    {EDITOR_CTRL('U'), delete_to_begin},
    {EDITOR_CTRL('W'), delete_word},
    {0x7f, delete_left},
};

/* The letter at the end of ESC [ and ESC O; ESC [ n ~ is below. */
static const struct editor_key letters[] = {
    {'A', show_older}, {'B', show_newer}, {'C', go_right},
    {'D', go_left},    {'F', go_end},     {'H', go_begin},
};

static const struct editor_key numbers[] = {
    {1, go_begin}, {3, delete_right}, {4, go_end}, {7, go_begin}, {8, go_end},
};

static void press(struct editor *editor, const struct editor_key *table,
                  size_t count, unsigned code)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].byte == code) {
            table[i].act(editor);
            return;
        }
    }
}

static void press_letter(struct editor *editor, uint8_t byte)
{
    press(editor, letters, sizeof letters / sizeof letters[0], byte);
}

static void end_sequence(struct editor *editor, uint8_t byte)
{
    editor->state = EDITOR_PLAIN;
    if (editor->is_unknown)
        return;
    if (byte != '~')
        press_letter(editor, byte);
    else
        press(editor, numbers, sizeof numbers / sizeof numbers[0],
              editor->sequence_number);
}

static void read_digit(struct editor *editor, unsigned digit)
{
    unsigned number = editor->sequence_number * 10 + digit;
    if (editor->is_first_number)
        editor->sequence_number =
            number < EDITOR_NUMBER_MAX ? number : EDITOR_NUMBER_MAX;
}

/* A byte of ESC [ ...  The Linux console sends ESC [ [ A for a function key. */
static void continue_sequence(struct editor *editor, uint8_t byte)
{
    if (byte >= '@' && byte <= '~' && byte != '[') {
        end_sequence(editor, byte);
        return;
    }
    if (byte >= '0' && byte <= '9')
        read_digit(editor, byte - '0');
    else if (byte == ';')
        editor->is_first_number = false;
    else
        editor->is_unknown = true;
    if (++editor->sequence_bytes == EDITOR_SEQUENCE_MAX) {
        editor->sequence_bytes = 0;
        editor->state = EDITOR_PLAIN;
    }
}

static void begin_sequence(struct editor *editor, uint8_t byte)
{
    editor->sequence_bytes = 0;
    editor->sequence_number = 0;
    editor->is_first_number = true;
    editor->is_unknown = false;
    editor->state = EDITOR_PLAIN;
    if (byte == '[')
        editor->state = EDITOR_CONTROL;
    else if (byte == 'O')
        editor->state = EDITOR_SHIFT;
}

static void take_escaped(struct editor *editor, uint8_t byte)
{
    if (editor->state == EDITOR_ESCAPE) {
        begin_sequence(editor, byte);
    } else if (editor->state == EDITOR_CONTROL) {
        continue_sequence(editor, byte);
    } else {
        editor->state = EDITOR_PLAIN;
        press_letter(editor, byte);
    }
}

static void end_line(struct editor *editor)
{
    leave_line(editor);
    write_text(editor, "\n");
    remember(editor);
}

bool editor_input(struct editor *editor, uint8_t byte)
{
    bool is_after_return = editor->is_after_return;
    editor->is_after_return = byte == '\r';
    if (byte < ' ')
        editor->state = byte == '\033' ? EDITOR_ESCAPE : EDITOR_PLAIN;
    if (editor->state != EDITOR_PLAIN && byte != '\033') {
        take_escaped(editor, byte);
    } else if (byte == '\r' || byte == '\n') {
        if (byte == '\n' && is_after_return)
            return false;
        end_line(editor);
        return true;
    } else if (is_printable(byte)) {
        type(editor, (char)byte);
    } else {
        press(editor, keys, sizeof keys / sizeof keys[0], byte);
    }
    return false;
}

/* ---- Start and check ----------------------------------------------------- */

void editor_init(struct editor *editor, const struct editor_host *host)
{
    size_t used = text_bytes(host->prompt) + EDITOR_MARGIN;
    editor->host = host;
    editor->columns = used < EDITOR_COLUMNS ? EDITOR_COLUMNS - used : 1;
    editor->history_count = 0;
    editor->browsed = 0;
    editor->own[0] = '\0';
    editor->state = EDITOR_PLAIN;
    editor->sequence_bytes = 0;
    editor->sequence_number = 0;
    editor->is_first_number = true;
    editor->is_unknown = false;
    editor->is_after_return = false;
    set_line(editor, "");
}

void editor_begin(struct editor *editor)
{
    set_line(editor, "");
    editor->browsed = 0;
    editor->state = EDITOR_PLAIN;
    draw(editor);
}

static bool is_line(const char *line, size_t length)
{
    if (length > EDITOR_LINE_MAX || line[length] != '\0')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_printable((uint8_t)line[i]))
            return false;
    }
    return true;
}

static bool has_good_history(const struct editor *editor)
{
    if (editor->browsed > editor->history_count ||
        editor->history_count > EDITOR_HISTORY_LINES)
        return false;
    for (size_t i = 0; i < editor->history_count; i++) {
        size_t length = 0;
        while (length < EDITOR_LINE_MAX && editor->history[i][length] != '\0')
            length++;
        if (length == 0 || !is_line(editor->history[i], length))
            return false;
    }
    return true;
}

unsigned editor_check(const struct editor *editor)
{
    if (editor->length > EDITOR_LINE_MAX || editor->line[editor->length])
        return 1;
    if (editor->cursor > editor->length)
        return 2;
    if (!is_line(editor->line, editor->length))
        return 3;
    if (editor->cursor < editor->first ||
        editor->cursor > editor->first + editor->columns)
        return 4;
    if (!has_good_history(editor))
        return 5;
    return editor->sequence_bytes < EDITOR_SEQUENCE_MAX ? 0 : 6;
}
