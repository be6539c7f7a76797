/*
 * monitor.c - commands: find them, split lines into them, run them.
 *
 * HOW    The commands lie in a linker section in any order; whoever wants them
 *        sorted asks for the next name again and again, which needs no memory.
 *        A line is cut at each ';' into a buffer on the stack, so that a
 *        command may run commands.
 */
#include "monitor/monitor.h"

#include "console/console.h"
#include "monitor/editor.h"
#include "monitor/text.h"
#include <cairn/format.h>

/* A name this many slips away may have been meant. */
#define MONITOR_SLIPS_MAX 2u

extern const struct monitor_command __start_monitor_commands[];
extern const struct monitor_command __stop_monitor_commands[];

/* ---- The table ----------------------------------------------------------- */

const struct monitor_command *monitor_find(const char *name)
{
    const struct monitor_command *command = __start_monitor_commands;
    for (; command < __stop_monitor_commands; command++) {
        if (text_is_equal(command->name, name))
            return command;
    }
    return NULL;
}

const struct monitor_command *monitor_next(const char *name)
{
    const struct monitor_command *next = NULL;
    const struct monitor_command *command = __start_monitor_commands;
    for (; command < __stop_monitor_commands; command++) {
        if (name != NULL && text_compare(command->name, name) <= 0)
            continue;
        if (next == NULL || text_compare(command->name, next->name) < 0)
            next = command;
    }
    return next;
}

/* The name that is most like `name`, or NULL if none is like it. */
static const char *nearest_name(const char *name)
{
    const char *nearest = NULL;
    unsigned least = MONITOR_SLIPS_MAX + 1;
    const struct monitor_command *command = monitor_next(NULL);
    for (; command != NULL; command = monitor_next(command->name)) {
        unsigned slips = text_distance(name, command->name);
        bool is_like = slips < text_length(name);
        if (is_like && slips < least) {
            nearest = command->name;
            least = slips;
        }
    }
    return nearest;
}

int monitor_unknown(const char *name)
{
    const char *nearest = nearest_name(name);
    if (nearest == NULL)
        return monitor_fail("unknown command '%.40s': 'help' lists all", name);
    return monitor_fail("unknown command '%.40s': did you mean '%s'? "
                        "'help' lists all",
                        name, nearest);
}

/* ---- Running ------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * Cut `text` into words, in place; words[] ends with NULL.
 *
 * Returns  how many; MONITOR_WORDS_MAX + 1 if there are more than fit.
 */
static int split(char *text, char *words[MONITOR_WORDS_MAX + 1])
{
    int count = 0;
    while (is_space(*text))
        text++;
    while (*text != '\0' && count < MONITOR_WORDS_MAX) {
        words[count++] = text;
        while (*text != '\0' && !is_space(*text))
            text++;
        while (is_space(*text))
            *text++ = '\0';
    }
    words[count] = NULL;
    return *text == '\0' ? count : MONITOR_WORDS_MAX + 1;
}

/* Run one command; an empty one succeeds. */
static int run_command(char *text)
{
    char *words[MONITOR_WORDS_MAX + 1];
    int count = split(text, words);
    if (count == 0)
        return 0;
    if (count > MONITOR_WORDS_MAX)
        return monitor_fail("a command has at most %d words; nothing done",
                            MONITOR_WORDS_MAX);
    const struct monitor_command *command = monitor_find(words[0]);
    return command == NULL ? monitor_unknown(words[0])
                           : command->run(count, words);
}

/* The same for the `length` characters at `text`. */
static int run_part(const char *text, size_t length)
{
    char copy[MONITOR_COMMAND_BYTES];
    if (length >= sizeof copy)
        return monitor_fail("a command has at most %d characters; nothing done",
                            MONITOR_COMMAND_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        copy[i] = text[i];
    copy[length] = '\0';
    return run_command(copy);
}

int monitor_run(const char *text)
{
    int failed = 0;
    for (;;) {
        size_t length = 0;
        while (text[length] != ';' && text[length] != '\0')
            length++;
        failed += run_part(text, length) != 0;
        if (text[length] == '\0')
            return failed;
        text += length + 1;
    }
}

/* ---- Interaction --------------------------------------------------------- */

static void write_console(void *context, const char *text, size_t bytes)
{
    (void)context;
    console_write(text, bytes);
}

static const char *complete_name(void *context, const char *prefix,
                                 size_t length, size_t index)
{
    (void)context;
    const struct monitor_command *command = monitor_next(NULL);
    for (; command != NULL; command = monitor_next(command->name)) {
        if (text_begins_with(command->name, prefix, length) && index-- == 0)
            return command->name;
    }
    return NULL;
}

CAIRN_NORETURN void monitor_interactive(void)
{
    static const struct editor_host host = {
        .prompt = "cairn> ",
        .write = write_console,
        .complete = complete_name,
    };
    static struct editor editor;
    editor_init(&editor, &host);
    editor_begin(&editor);
    for (;;) {
        if (!editor_input(&editor, console_read()))
            continue;
        monitor_run(editor.line);
        editor_begin(&editor);
    }
}

/* ---- For commands -------------------------------------------------------- */

int monitor_fail(const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    cairn_format_va(text, sizeof text, format, arguments);
    va_end(arguments);
    console_printf("%s\n", text);
    return 1;
}

int monitor_number(const char *command, const char *text, uint64_t *out)
{
    if (text_read_number(text, out))
        return 0;
    return monitor_fail("%s: '%.40s' is not a number of 64 bits; write 4096, "
                        "0x1000 or 4K",
                        command, text);
}

void monitor_heading(const char *text)
{
    console_printf("\033[1m%s\033[0m\n", text);
}

static void print_line(void *context, const char *text)
{
    (void)context;
    console_write(text, text_length(text));
    console_write("\n", 1);
}

const struct cairn_sink monitor_sink = {.line = print_line, .context = NULL};
