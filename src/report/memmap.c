/*
 * report/memmap.c - the boot memory map and the early allocator as text.
 *
 * TESTS  tests/report.c
 */
#include <cairn/format.h>
#include <cairn/report.h>

#include "report/line.h"

static void line_of_size(const struct cairn_sink *sink, const char *name,
                         uint64_t bytes)
{
    char size[CAIRN_SIZE_TEXT_BYTES];

    cairn__report_line(sink, "  %-18s %12s  %14llu frames", name,
                       cairn_format_size(size, bytes),
                       (unsigned long long)(bytes >> CAIRN_FRAME_SHIFT));
}

void cairn_report_memmap_summary(const struct cairn_memmap *map,
                                 const struct cairn_sink *sink)
{
    struct cairn_memmap_totals totals;

    cairn_memmap_totals(map, &totals);
    cairn__report_line(sink,
                       "memory map: %u ranges from %u entries, %u of "
                       "them ignored",
                       (unsigned)map->count, (unsigned)map->entries_added,
                       (unsigned)map->entries_ignored);
    for (int kind = CAIRN_MEMORY_USABLE; kind < CAIRN_MEMORY_KIND_COUNT;
         kind++) {
        if (totals.kind_bytes[kind] != 0)
            line_of_size(sink,
                         cairn_memory_kind_name((enum cairn_memory_kind)kind),
                         totals.kind_bytes[kind]);
    }
    line_of_size(sink, "holes", totals.kind_bytes[CAIRN_MEMORY_NONE]);
    line_of_size(sink, "total", totals.end.value);
}

void cairn_report_memmap_entries(const struct cairn_memmap *map, size_t first,
                                 size_t count, const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];

    for (size_t i = first; i < map->count && i - first < count; i++) {
        const struct cairn_memory_range *range = &map->ranges[i];

        cairn__report_line(
            sink, "  %4u  0x%013llx - 0x%013llx  %12s  %s", (unsigned)i,
            (unsigned long long)range->start.value,
            (unsigned long long)range->end.value,
            cairn_format_size(size, range->end.value - range->start.value),
            cairn_memory_kind_name(range->kind));
    }
}

void cairn_report_early(struct cairn_early *early,
                        const struct cairn_sink *sink)
{
    struct cairn_early_stats stats;

    cairn_early_stats(early, &stats);
    cairn__report_line(sink, "early allocator");
    line_of_size(sink, "total", stats.total_frames << CAIRN_FRAME_SHIFT);
    line_of_size(sink, "handed out", stats.used_frames << CAIRN_FRAME_SHIFT);
    line_of_size(sink, "free", stats.free_frames << CAIRN_FRAME_SHIFT);
    cairn__report_line(sink, "  %-18s %12u frames of %u", "reserve",
                       (unsigned)stats.reserve_frames,
                       (unsigned)CAIRN_EARLY_RESERVE_MAX);
    cairn__report_line(sink, "  %-18s %12u records in %u ranges",
                       "boot-consumed", (unsigned)stats.records,
                       (unsigned)stats.log_ranges);
}
