/*
 * cmd_ranges.c - ranges: what is in use of the kernel's addresses, and the gaps
 * between.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>

static const char *const help[] = {
    "ranges                what is in use of the kernel's half",
    "ranges areas|stacks   in the range of areas, or of stacks",
    "ranges -h, --help     this",
};

static struct cairn_areas *find_set(const char *name)
{
    if (name == NULL)
        return &kernel.space.areas;
    if (text_is_equal(name, "areas"))
        return &kernel.areas;
    return text_is_equal(name, "stacks") ? &kernel.stack_areas : NULL;
}

static void print_span(uint64_t start, uint64_t bytes, const char *name)
{
    char size[CAIRN_SIZE_TEXT_BYTES];

    console_printf("  0x%016llx - 0x%016llx %10s  %s\n",
                   (unsigned long long)start,
                   (unsigned long long)(start + (bytes - 1)),
                   cairn_format_size(size, bytes), name);
}

/* What of the layout a reserved range is, the largest that is not more. */
static const char *reserved_name(const struct cairn_range *range)
{
    const struct cairn_layout_range *place =
        cairn_layout_at(&kernel.layout, range->start);
    const char *name = "reserved";

    while (place != NULL && place->span.start.value >= range->start.value &&
           place->span.bytes <= range->bytes) {
        name = place->name;
        place = place->outer;
    }
    return name;
}

static void print_range(const struct cairn_range *range)
{
    const struct cairn_area *area = range->value;

    print_span(range->start.value, range->bytes,
               area != NULL ? area->name : reserved_name(range));
}

/* Each range and gap in the order of addresses; returns how many gaps. */
static unsigned print_all(const struct cairn_ranges *set)
{
    struct cairn_range range;
    struct cairn_span gap;
    cairn_va at = {0};
    unsigned gaps = 0;
    bool has_gap = cairn_ranges_next_gap(set, at, &gap);
    bool has_range = cairn_ranges_next(set, at, &range);

    while (has_gap || has_range) {
        if (!has_range || (has_gap && gap.start.value < range.start.value)) {
            print_span(gap.start.value, gap.bytes, "-");
            gaps++;
            at.value = gap.start.value + gap.bytes;
            has_gap = at.value != 0 && cairn_ranges_next_gap(set, at, &gap);
        } else {
            print_range(&range);
            at.value = range.start.value + range.bytes;
            has_range = at.value != 0 && cairn_ranges_next(set, at, &range);
        }
    }
    return gaps;
}

static int print_set(struct cairn_areas *areas)
{
    char used[CAIRN_SIZE_TEXT_BYTES];
    char free[CAIRN_SIZE_TEXT_BYTES];
    char largest[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_ranges_stats stats;
    unsigned broken = cairn_areas_check(areas);
    unsigned gaps;

    monitor_heading("  first                last                     size  "
                    "in use by");
    gaps = print_all(&areas->set);
    cairn_ranges_stats(&areas->set, &stats);
    console_printf("%u ranges, %s; %u gaps, %s, the largest %s\n",
                   (unsigned)stats.ranges,
                   cairn_format_size(used, stats.used_bytes), gaps,
                   cairn_format_size(free, stats.free_bytes),
                   cairn_format_size(largest, stats.largest_gap_bytes));
    console_printf("tree: %u levels, %u nodes, %u free\n", stats.levels,
                   (unsigned)stats.nodes, (unsigned)stats.free_nodes);
    if (broken != 0)
        return monitor_fail("ranges: invariant %u is broken", broken);
    console_printf("invariants hold\n");
    return 0;
}

static int run_ranges(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    struct cairn_areas *set = find_set(name);

    if (argc > 2)
        return monitor_fail("ranges: too many arguments; try ranges --help");
    if (argc == 2 &&
        (text_is_equal(name, "-h") || text_is_equal(name, "--help"))) {
        for (unsigned i = 0; i < sizeof(help) / sizeof(help[0]); i++)
            console_printf("%s\n", help[i]);
        return 0;
    }
    if (set == NULL)
        return monitor_fail("ranges: there is no set '%.40s'; try ranges "
                            "--help",
                            name);
    return print_set(set);
}

MONITOR_COMMAND(ranges, "[areas|stacks|--help]",
                "what is in use of the kernel's addresses, and the gaps",
                run_ranges)
