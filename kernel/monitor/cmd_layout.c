/*
 * cmd_layout.c - layout: what lies where, and how hard it is to guess.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"

static int run_layout(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return monitor_fail("layout: wants no arguments");
    cairn_report_layout(&kernel.layout, &monitor_sink);
    console_printf("image, physical: 0x%llx\n",
                   (unsigned long long)kernel_image_range().start.value);
    console_printf("random numbers: %s%s\n",
                   cairn_entropy_text(kernel.entropy.state),
                   kernel.has_fixed_layout ? ", not used: nokaslr" : "");
    return 0;
}

MONITOR_COMMAND(layout, "", "what lies where, and how hard it is to guess",
                run_layout)
