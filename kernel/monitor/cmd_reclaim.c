/*
 * cmd_reclaim.c - reclaim: make memory free that only the boot needed.
 *
 * NOT    Not undone by anything: ACPI tables, once reclaimed, are gone.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>

static const struct {
    const char *word;
    enum cairn_memory_kind kind;
} reclaim_kinds[] = {
    {"boot-services", CAIRN_MEMORY_BOOT_SERVICES},
    {"loader", CAIRN_MEMORY_LOADER},
    {"acpi", CAIRN_MEMORY_ACPI_RECLAIM},
};

#define RECLAIM_KINDS (sizeof reclaim_kinds / sizeof reclaim_kinds[0])

static int reclaim(enum cairn_memory_kind kind)
{
    char back[CAIRN_SIZE_TEXT_BYTES];
    char kept[CAIRN_SIZE_TEXT_BYTES];
    uint64_t reclaimed = 0;
    uint64_t refused = 0;
    enum cairn_status status = cairn_frames_reclaim(
        &kernel.frames, &kernel.boot.map, kind, &reclaimed, &refused);
    if (status != CAIRN_OK)
        return monitor_fail("reclaim: %s: %s", cairn_memory_kind_name(kind),
                            cairn_status_text(status));
    console_printf("%s: %s reclaimed", cairn_memory_kind_name(kind),
                   cairn_format_size(back, reclaimed));
    if (refused != 0)
        console_printf(", %s kept: something there is alive",
                       cairn_format_size(kept, refused));
    console_printf("\n");
    return 0;
}

static int run_reclaim(int argc, char **argv)
{
    bool is_known = false;
    int failed = 0;
    bool is_all = argc == 2 && text_is_equal(argv[1], "all");
    for (size_t i = 0; argc == 2 && i < RECLAIM_KINDS; i++)
        is_known |= text_is_equal(argv[1], reclaim_kinds[i].word);
    if (!is_all && !is_known)
        return monitor_fail("reclaim: of what?  Try help reclaim");
    monitor_run("meminfo");
    for (size_t i = 0; i < RECLAIM_KINDS; i++) {
        if (is_all || text_is_equal(argv[1], reclaim_kinds[i].word))
            failed += reclaim(reclaim_kinds[i].kind);
    }
    monitor_run("meminfo");
    return failed == 0 ? 0 : 1;
}

MONITOR_COMMAND(reclaim, "boot-services | loader | acpi | all",
                "make memory free that only the boot needed", run_reclaim)
