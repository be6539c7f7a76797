/*
 * cmd_machine.c - poweroff, reboot, version, clear, echo.
 */
#include "console/console.h"
#include "machine.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/version.h>

static int refuse_arguments(char **argv)
{
    return monitor_fail("%s: wants no arguments", argv[0]);
}

static int run_poweroff(int argc, char **argv)
{
    if (argc > 1)
        return refuse_arguments(argv);
    machine_poweroff(true);
}

static int run_reboot(int argc, char **argv)
{
    if (argc > 1)
        return refuse_arguments(argv);
    machine_reboot();
}

static int run_version(int argc, char **argv)
{
    if (argc > 1)
        return refuse_arguments(argv);
    console_printf("Cairn %s, %u bit, %s\n", CAIRN_VERSION_TEXT,
                   (unsigned)sizeof(void *) * 8, __VERSION__);
    return 0;
}

static int run_clear(int argc, char **argv)
{
    if (argc > 1)
        return refuse_arguments(argv);
    console_printf("\033[2J\033[H");
    return 0;
}

static int run_echo(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        console_write(argv[i], text_length(argv[i]));
        if (i + 1 < argc)
            console_write(" ", 1);
    }
    console_write("\n", 1);
    return 0;
}

MONITOR_COMMAND(poweroff, "", "switch the machine off", run_poweroff)
MONITOR_COMMAND(reboot, "", "restart the machine", run_reboot)
MONITOR_COMMAND(version, "", "which Cairn this is", run_version)
MONITOR_COMMAND(clear, "", "clear the screen", run_clear)
MONITOR_COMMAND(echo, "[TEXT]", "print the text", run_echo)
