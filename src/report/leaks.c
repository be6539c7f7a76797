/*
 * report/leaks.c - what is allocated, by call site.
 *
 * TESTS  tests/heap_leaks.c
 */
#include "report/line.h"
#include <cairn/format.h>
#include <cairn/heap_debug.h>

struct leaks {
    const struct cairn_sink *sink;
    size_t sites;
    size_t blocks;
    size_t bytes;
};

static void show(void *context, const struct cairn_heap_site *site)
{
    struct leaks *leaks = context;

    if (leaks->sites++ == 0)
        cairn__report_line(leaks->sink, "  blocks       bytes  oldest  site");
    leaks->blocks += site->blocks;
    leaks->bytes += site->bytes;
    cairn__report_line(leaks->sink, "%8zu %11zu %7zu  %p", site->blocks,
                       site->bytes, site->sequence, (void *)site->site);
}

void cairn_report_heap_leaks(struct cairn_heap *heap,
                             const struct cairn_sink *sink)
{
    struct leaks leaks = {.sink = sink};
    struct cairn_heap_stats stats;
    char text[CAIRN_SIZE_TEXT_BYTES];

    cairn_heap_leaks(heap, show, &leaks);
    cairn_heap_stats(heap, &stats);
    cairn__report_line(sink, "%zu blocks of %zu sites, %s", leaks.blocks,
                       leaks.sites, cairn_format_size(text, leaks.bytes));
    if (stats.live_blocks > leaks.blocks)
        cairn__report_line(sink, "%zu blocks without a site, %s",
                           stats.live_blocks - leaks.blocks,
                           cairn_format_size(text, stats.live_bytes));
}
