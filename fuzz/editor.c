/*
 * fuzz/editor.c - any bytes into the monitor's line editor.
 *
 * The editor must keep its invariants (checked after each line and every
 * CHECK_EVERY bytes, for speed), write nothing but what editor.h promises, end
 * within bounded output, and show the line that it has: a model terminal of
 * one line follows what it writes.
 */
#include "monitor/editor.h"

#include <stdlib.h>

#define OUTPUT_MAX  4096 /* bytes for one byte of input */
#define COLUMNS     80
#define CHECK_EVERY 16
#define INPUT_MAX   512 /* two full lines */

static const char *const names[] = {"early", "echo", "help", "meminfo",
                                    "mmap",  "m",    "phys", "poweroff"};

/* The line of the terminal on which the cursor is. */
struct terminal {
    char cells[COLUMNS + 1];
    size_t column;
    unsigned escape; /* bytes of an escape sequence so far */
    size_t written;
};

static void require(int condition)
{
    if (!condition)
        abort();
}

static void clear_from(struct terminal *terminal, size_t column)
{
    for (; column < COLUMNS; column++)
        terminal->cells[column] = ' ';
}

/* ESC [ K, ESC [ H or ESC [ 2 J; the editor knows no others. */
static void take_escape(struct terminal *terminal, char c)
{
    terminal->escape++;
    if (terminal->escape == 2) {
        require(c == '[');
    } else if (c == 'K') {
        clear_from(terminal, terminal->column);
        terminal->escape = 0;
    } else if (c == 'H') {
        terminal->column = 0;
        terminal->escape = 0;
    } else if (c == 'J') {
        clear_from(terminal, 0);
        terminal->escape = 0;
    } else {
        require(c == '2' && terminal->escape == 3);
    }
}

static void take_plain(struct terminal *terminal, char c)
{
    if (c == '\033') {
        terminal->escape = 1;
    } else if (c == '\n') {
        terminal->column = 0;
        clear_from(terminal, 0);
    } else if (c == '\r') {
        terminal->column = 0;
    } else if (c == '\b') {
        require(terminal->column > 0);
        terminal->column--;
    } else if (c != '\a') {
        require(c >= ' ' && c <= '~');
        require(terminal->column < COLUMNS);
        terminal->cells[terminal->column++] = c;
    }
}

static void write_bytes(void *context, const char *text, size_t bytes)
{
    struct terminal *terminal = context;
    terminal->written += bytes;
    for (size_t i = 0; i < bytes; i++) {
        if (terminal->escape > 0)
            take_escape(terminal, text[i]);
        else
            take_plain(terminal, text[i]);
    }
}

static const char *complete(void *context, const char *prefix, size_t length,
                            size_t index)
{
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

/* What the terminal shows is the prompt and a part of the line. */
static void check_picture(const struct editor *editor,
                          const struct terminal *terminal)
{
    static const char prompt[] = "cairn> ";
    size_t column = 0;
    for (; column < sizeof prompt - 1; column++)
        require(terminal->cells[column] == prompt[column]);
    require(terminal->column == column + editor->cursor - editor->first);
    for (size_t i = editor->first;
         i < editor->length && i - editor->first < editor->columns; i++)
        require(terminal->cells[column++] == editor->line[i]);
    for (; column < COLUMNS; column++)
        require(terminal->cells[column] == ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct editor editor;
    static struct terminal terminal;
    static struct editor_host host = {"cairn> ", write_bytes, complete,
                                      &terminal};
    terminal = (struct terminal){.column = 0};
    clear_from(&terminal, 0);
    editor_init(&editor, &host);
    editor_begin(&editor);
    for (size_t i = 0; i < size && i < INPUT_MAX; i++) {
        terminal.written = 0;
        bool is_end = editor_input(&editor, data[i]);
        if (is_end || i % CHECK_EVERY == 0 || i + 1 == size)
            require(editor_check(&editor) == 0);
        if (is_end) {
            require(terminal.column == 0);
            editor_begin(&editor);
        }
        require(terminal.written < OUTPUT_MAX && terminal.escape == 0);
        check_picture(&editor, &terminal);
    }
    return 0;
}
