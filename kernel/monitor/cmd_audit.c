/*
 * cmd_audit.c - memlayout, audit: all that the page tables in use map, and
 * whether it is as it should be.
 */
#include "audit.h"
#include "console/console.h"
#include "cpu/features.h"
#include "kernel.h"
#include "monitor/monitor.h"

#define FINDINGS_SHOWN 20u

static int run_memlayout(int argc, char **argv)
{
    struct cairn_audit_config config;
    if (argc > 1)
        return monitor_fail("%s: too many arguments; try help %s", argv[0],
                            argv[0]);
    audit_configure(&config);
    cairn_report_mappings(&config, &monitor_sink);
    return 0;
}

static void print_reduced(void *context, const char *text)
{
    (void)context;
    console_printf("reduced: %s\n", text);
}

static int run_audit(int argc, char **argv)
{
    static const struct cairn_sink reduced_sink = {.line = print_reduced};
    struct cairn_audit_config config;
    unsigned findings;
    if (argc > 1)
        return monitor_fail("%s: too many arguments; try help %s", argv[0],
                            argv[0]);
    audit_configure(&config);
    findings = cairn_report_audit(&config, FINDINGS_SHOWN, &monitor_sink);
    features_report(FEATURES_AUDIT, &reduced_sink);
    if (kernel.identity_bytes > 0)
        print_reduced(NULL, "the lower half has an identity map");
    return findings == 0 ? 0 : 1;
}

MONITOR_COMMAND(memlayout, "", "all that the page tables map, range by range",
                run_memlayout)
MONITOR_COMMAND(audit, "",
                "look for what the page tables should not map; fails if there "
                "is any",
                run_audit)
