/*
 * cmd_early.c - early: what the early allocator did before it was finished.
 *
 * The frame allocator has taken over from it when the monitor runs, so these
 * are its last numbers.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>

static void print_frames(const char *name, uint64_t frames)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    console_printf("  %-18s %12s  %14llu frames\n", name,
                   cairn_format_size(size, frames << CAIRN_FRAME_SHIFT),
                   (unsigned long long)frames);
}

static int run_early(int argc, char **argv)
{
    const struct cairn_early_stats *stats = &kernel.early_stats;
    if (argc > 1 && text_is_equal(argv[1], "take"))
        return monitor_fail("early: finished; 'frames take' takes frames now");
    if (argc > 1)
        return monitor_fail("early: unknown argument '%.40s'; it wants none",
                            argv[1]);
    monitor_heading("Early allocator, finished");
    print_frames("total", stats->total_frames);
    print_frames("handed out", stats->used_frames);
    print_frames("left over", stats->free_frames);
    console_printf("  %-18s %12u frames of %u\n", "reserve",
                   (unsigned)stats->reserve_frames, CAIRN_EARLY_RESERVE_MAX);
    console_printf("  %-18s %12u records in %u ranges\n", "boot-consumed",
                   (unsigned)stats->records, (unsigned)stats->log_ranges);
    return 0;
}

MONITOR_COMMAND(early, "",
                "what the early allocator did before it was finished",
                run_early)
