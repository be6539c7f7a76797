/*
 * cmd_panic.c - panic: see how the kernel reports its end.
 */
#include "console/console.h"
#include "monitor/monitor.h"
#include <cairn/platform.h>

/* Words with single spaces between them; what does not fit is cut. */
static void join(char *text, size_t bytes, char **words)
{
    size_t used = 0;
    for (; *words != NULL; words++) {
        const char *word = *words;
        if (used > 0 && used + 1 < bytes)
            text[used++] = ' ';
        while (*word != '\0' && used + 1 < bytes)
            text[used++] = *word++;
    }
    text[used] = '\0';
}

static int run_panic(int argc, char **argv)
{
    char text[200];
    join(text, sizeof text, argv + 1);
    cairn_platform_panic(argc > 1 ? text : "the monitor's command panic");
}

MONITOR_COMMAND(panic, "[TEXT]", "stop the kernel as a bug in it would",
                run_panic)
