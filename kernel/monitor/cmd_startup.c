/*
 * cmd_startup.c - startup: in which order the kernel has started.
 */
#include "console/console.h"
#include "monitor/monitor.h"
#include "startup.h"

static int run_startup(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return monitor_fail("startup: wants no arguments");
    for (unsigned i = 0; startup_step_done(i) != NULL; i++)
        console_printf("  %2u  %s\n", i + 1, startup_step_done(i));
    return 0;
}

MONITOR_COMMAND(startup, "", "in which order the kernel has started",
                run_startup)
