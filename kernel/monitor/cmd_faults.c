/*
 * cmd_faults.c - faults: how many page faults there were, by cause.
 */
#include "console/console.h"
#include "cpu/fault.h"
#include "monitor/monitor.h"

static int run_faults(int argc, char **argv)
{
    uint64_t total = 0;

    if (argc > 1)
        return monitor_fail("faults: unknown argument '%.40s'; it wants none",
                            argv[1]);
    monitor_heading("Page faults");
    for (unsigned i = 0; i < CAIRN_CAUSE_COUNT; i++) {
        enum cairn_fault_cause cause = (enum cairn_fault_cause)i;

        console_printf("  %10llu  %s\n", (unsigned long long)fault_count(cause),
                       cairn_fault_cause_text(cause));
        total += fault_count(cause);
    }
    console_printf("  %10llu  have got a frame\n",
                   (unsigned long long)fault_filled());
    console_printf("  %10llu  in all\n", (unsigned long long)total);
    return 0;
}

MONITOR_COMMAND(faults, "", "page faults so far, by cause", run_faults)
