/*
 * editor.h - a line editor: keys in, an edited line out; no hardware.
 *
 * The caller feeds the bytes of a terminal, one at a time, and the editor
 * writes what the terminal shall show.  Any sequence of bytes is harmless.
 *
 * Keys     arrows, home, end, backspace, delete; ^A ^E begin and end, ^B ^F
 *          left and right, ^D delete, ^K ^U delete to the end and to the begin,
 *          ^W delete a word, ^L clear the screen, ^C drop the line, ^P ^N older
 *          and newer lines, tab completes the name of a command.
 * Output   '\n' begins a new line; else only printable ASCII, \r \b \a, and the
 *          escape sequences ESC [K, ESC [H and ESC [2J.
 */
#ifndef KERNEL_MONITOR_EDITOR_H
#define KERNEL_MONITOR_EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EDITOR_LINE_MAX      255
#define EDITOR_HISTORY_LINES 16
/* Prompt and line together use less; a longer line is shown in part. */
#define EDITOR_COLUMNS    80
#define EDITOR_PROMPT_MAX 32

/* What the editor needs of its caller. */
struct editor_host {
    const char *prompt; /* printable, at most EDITOR_PROMPT_MAX */
    void (*write)(void *context, const char *text, size_t bytes);
    /*
     * The candidate number `index` (0, 1, ...) that begins with the `length`
     * characters at `prefix`, or NULL if there are no more.
     */
    const char *(*complete)(void *context, const char *prefix, size_t length,
                            size_t index);
    void *context; /* handed to both */
};

enum editor_state {
    EDITOR_PLAIN,
    EDITOR_ESCAPE, /* ESC has come */
    EDITOR_SHIFT,  /* ESC O: one more byte */
    EDITOR_CONTROL /* ESC [: more, up to a letter or '~' */
};

struct editor {
    const struct editor_host *host;
    char line[EDITOR_LINE_MAX + 1]; /* ends with '\0' */
    size_t length;
    size_t cursor;  /* the next character goes before this one */
    size_t first;   /* the first character that is shown */
    size_t columns; /* how many can be shown */
    char history[EDITOR_HISTORY_LINES][EDITOR_LINE_MAX + 1]; /* newest first */
    size_t history_count;
    size_t browsed;                /* line of the history + 1; 0: our own */
    char own[EDITOR_LINE_MAX + 1]; /* what was typed before browsing */
    enum editor_state state;
    unsigned sequence_bytes;  /* of an escape sequence, so far */
    unsigned sequence_number; /* its first parameter */
    bool is_first_number;     /* still reading it */
    bool is_unknown;          /* the sequence is none of ours */
    bool is_after_return;     /* a \n now belongs to the \r before it */
};

/* `host` is kept.  Nothing is written yet. */
void editor_init(struct editor *editor, const struct editor_host *host);

/* Begin an empty line: show the prompt. */
void editor_begin(struct editor *editor);

/*
 * Take one byte.
 *
 * Returns  true if it ended the line: it is in editor->line, it is part of the
 *          history, and editor_begin comes next.
 */
bool editor_input(struct editor *editor, uint8_t byte);

/* Verify the invariants that editor.c numbers; 0 if all hold. */
unsigned editor_check(const struct editor *editor);

#endif
