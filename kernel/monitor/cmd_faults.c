/*
 * cmd_faults.c - faults: how many page faults there were, by cause and by lazy
 * area, and the last one that was nobody's to answer.
 */
#include "console/console.h"
#include "cpu/fault.h"
#include "cpu/symbols.h"
#include "kernel.h"
#include "monitor/monitor.h"

/* Lazy areas have a frame for each fault in there that was answered. */
static void print_areas(void)
{
    struct cairn_area_info area;
    cairn_va at = {0};
    while (cairn_areas_next(&kernel.areas, at, &area)) {
        if (area.kind == CAIRN_AREA_LAZY)
            console_printf("  %10llu  of them in area '%s'\n",
                           (unsigned long long)area.frame_count, area.name);
        at.value = area.start.value + area.bytes + area.guard_above;
        if (at.value == 0)
            break;
    }
}

static void print_last(void)
{
    struct fault_last last = fault_last();
    struct cairn_fault_report report;
    char place[SYMBOL_TEXT_BYTES];
    char text[CAIRN_FAULT_TEXT_BYTES];
    if (last.rip == 0)
        return;
    fault_explain(&last.fault, &report);
    console_printf("the last one: %s at 0x%016llx, by %s; now that is: %s\n",
                   cairn_fault_access_text(&last.fault),
                   (unsigned long long)last.fault.address.value,
                   symbols_text(last.rip, place),
                   cairn_fault_text(&report, text));
}

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
    print_areas();
    console_printf("  %10llu  in all\n", (unsigned long long)total);
    print_last();
    return 0;
}

MONITOR_COMMAND(faults, "", "page faults so far, by cause", run_faults)
