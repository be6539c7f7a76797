/*
 * cmd_stacks.c - stacks, areas: what lies in the kernel's address space, and
 * how deep its stacks were used.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include <cairn/format.h>

static const char *const kinds[CAIRN_AREA_KINDS] = {
    [CAIRN_AREA_RESERVED] = "reserved", [CAIRN_AREA_PAGES] = "pages",
    [CAIRN_AREA_LAZY] = "lazy",         [CAIRN_AREA_STACK] = "stack",
    [CAIRN_AREA_HEAP] = "heap",         [CAIRN_AREA_DEVICE] = "device",
};

static void print_stack(const struct cairn_area_info *area)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    char used_text[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_stack stack;
    enum cairn_area_part part;
    uint64_t used = 0;
    bool is_known =
        cairn_stacks_find(&kernel.stacks, area->start, &stack, &part) &&
        cairn_stack_used(&kernel.stacks, &stack, &used) == CAIRN_OK;

    console_printf(
        "  0x%016llx %10s  %10s  %s\n", (unsigned long long)area->start.value,
        cairn_format_size(size, area->bytes),
        is_known ? cairn_format_size(used_text, used) : "-", area->name);
}

static void print_area(const struct cairn_area_info *area)
{
    char size[CAIRN_SIZE_TEXT_BYTES];

    console_printf("  0x%016llx %10s  %10llu  %-8s  %s\n",
                   (unsigned long long)area->start.value,
                   cairn_format_size(size, area->bytes),
                   (unsigned long long)area->frame_count, kinds[area->kind],
                   area->name);
}

/* Each area of a set; returns how many. */
static unsigned each(struct cairn_areas *areas,
                     void (*print)(const struct cairn_area_info *area))
{
    struct cairn_area_info area;
    cairn_va at = {0};
    unsigned count = 0;

    while (cairn_areas_next(areas, at, &area)) {
        print(&area);
        count++;
        at.value = area.start.value + area.bytes + area.guard_above;
    }
    return count;
}

static void print_sum(struct cairn_areas *areas, unsigned count)
{
    char free_text[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_areas_stats stats;

    cairn_areas_stats(areas, &stats);
    console_printf("%u in all; %s of addresses are free\n", count,
                   cairn_format_size(free_text, stats.free_bytes));
}

static int run_stacks(int argc, char **argv)
{
    if (argc > 1)
        return monitor_fail("stacks: unknown argument '%.40s'; it wants none",
                            argv[1]);
    monitor_heading("  bottom                   size        used  stack");
    print_sum(&kernel.stack_areas, each(&kernel.stack_areas, print_stack));
    return 0;
}

static int run_areas(int argc, char **argv)
{
    if (argc > 1)
        return monitor_fail("areas: unknown argument '%.40s'; it wants none",
                            argv[1]);
    monitor_heading("  start                    size      frames  kind      "
                    "area");
    print_sum(&kernel.areas, each(&kernel.areas, print_area));
    return 0;
}

MONITOR_COMMAND(stacks, "", "kernel stacks, and how deep they were used",
                run_stacks)
MONITOR_COMMAND(areas, "", "places in the kernel's address space", run_areas)
