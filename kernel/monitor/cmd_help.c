/*
 * cmd_help.c - help: all commands, or one of them.
 */
#include "console/console.h"
#include "monitor/monitor.h"

static void print_command(const struct monitor_command *command)
{
    console_printf("  \033[1m%-10s\033[0m %s\n", command->name, command->help);
    if (command->usage[0] != '\0')
        console_printf("  %-10s \033[90m%s %s\033[0m\n", "", command->name,
                       command->usage);
}

static void list_commands(void)
{
    const struct monitor_command *command = monitor_next(NULL);
    monitor_heading("Commands");
    for (; command != NULL; command = monitor_next(command->name))
        print_command(command);
    console_printf("';' separates commands, tab completes their names, the "
                   "arrow keys recall lines.\n"
                   "Numbers are decimal or 0x hexadecimal, with K, M, G or T "
                   "behind them.\n");
}

static int run_help(int argc, char **argv)
{
    if (argc > 2)
        return monitor_fail("help: too many arguments; try help COMMAND");
    if (argc < 2) {
        list_commands();
        return 0;
    }
    const struct monitor_command *command = monitor_find(argv[1]);
    if (command == NULL)
        return monitor_unknown(argv[1]);
    print_command(command);
    return 0;
}

MONITOR_COMMAND(help, "[COMMAND]", "list all commands, or explain one",
                run_help)
