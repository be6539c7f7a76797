/*
 * monitor.h - commands: how to add one, how to run them.
 *
 *   static int run_hello(int argc, char **argv)
 *   {
 *       if (argc > 2)
 *           return monitor_fail("hello: too many arguments");
 *       console_printf("Hello, %s!\n", argc == 2 ? argv[1] : "world");
 *       return 0;
 *   }
 *   MONITOR_COMMAND(hello, "[NAME]", "greet somebody", run_hello)
 *
 * There is no list to enter it into: the macro puts the command into a linker
 * section.
 */
#ifndef KERNEL_MONITOR_MONITOR_H
#define KERNEL_MONITOR_MONITOR_H

#include <cairn/compiler.h>
#include <cairn/report.h>
#include <stdbool.h>
#include <stdint.h>

/* Words of a command, its name included. */
#define MONITOR_WORDS_MAX 16
/* Bytes of one command, with '\0'. */
#define MONITOR_COMMAND_BYTES 1024

struct monitor_command {
    const char *name;
    const char *usage; /* the arguments, "" if there are none */
    const char *help;  /* one line */
    /* argv[0] is the name; argv[argc] is NULL.  Returns 0: success. */
    int (*run)(int argc, char **argv);
};

#if defined(__has_attribute) && __has_attribute(retain)
#define MONITOR_KEPT __attribute__((used, retain))
#else
#define MONITOR_KEPT __attribute__((used))
#endif

#define MONITOR_COMMAND(command_name, usage_text, help_text, function)         \
    static const struct monitor_command monitor_command_##command_name         \
        MONITOR_KEPT                                                           \
        __attribute__((section("monitor_commands"),                            \
                       aligned(sizeof(void *)))) = {.name = #command_name,     \
                                                    .usage = usage_text,       \
                                                    .help = help_text,         \
                                                    .run = function};

/* The command with exactly this name, or NULL. */
const struct monitor_command *monitor_find(const char *name);

/* The command whose name follows `name` (NULL: the first), or NULL. */
const struct monitor_command *monitor_next(const char *name);

/* Say that there is no such command, and which one may be meant; returns 1. */
int monitor_unknown(const char *name);

/*
 * Run commands that ';' separates.
 *
 * Returns  how many of them failed.
 */
int monitor_run(const char *text);

/* Read commands from the console and run them, for ever. */
CAIRN_NORETURN void monitor_interactive(void);

/* ---- For commands -------------------------------------------------------- */

/* Print one line; returns 1, the status of a command that failed. */
int monitor_fail(const char *format, ...) CAIRN_PRINTF(1, 2);

/*
 * Read an argument as text_read_number does.
 *
 * Returns  0 and `out`; 1 after printing what is wrong.
 */
int monitor_number(const char *command, const char *text, uint64_t *out);

/* A heading: a line in bold. */
void monitor_heading(const char *text);

/* Prints lines on the console; the context is not used. */
extern const struct cairn_sink monitor_sink;

#endif
