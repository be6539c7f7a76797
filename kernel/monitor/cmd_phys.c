/*
 * cmd_phys.c - phys, physmem: physical memory as the allocator sees it.
 *
 * NOT    The kernel's image has no margins (guards) mapped around it, so the
 *        guard bytes are always 0.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>

static void print_frames(const char *name, uint64_t frames)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    console_printf("  %-20s %12s   (%llu frames)\n", name,
                   cairn_format_size(size, frames << CAIRN_FRAME_SHIFT),
                   (unsigned long long)frames);
}

static int print_allocator(void)
{
    struct cairn_frames_stats stats;
    cairn_frames_stats(&kernel.frames, &stats);
    monitor_heading("Physical memory");
    console_printf("  %-20s 0x%016llx\n", "base",
                   (unsigned long long)cairn_phys_of(stats.base).value);
    print_frames("total", stats.total_frames);
    print_frames("used", stats.total_frames - stats.free_frames);
    print_frames("free", stats.free_frames);
    print_frames("  kept in reserve", kernel.frames.config.reserve_frames);
    console_printf("  %-20s %12s\n", "guard bytes", "0 B");
    return 0;
}

/* Whose the frame is, if it is the allocator's. */
static void print_owner(cairn_phys phys)
{
    struct cairn_frame_info info =
        cairn_frames_info(&kernel.frames, cairn_pfn_of(phys));
    if (info.usage == CAIRN_FRAME_ALLOCATED)
        console_printf("  allocated by %s: %llu frames from 0x%016llx on\n",
                       cairn_report_owner_name(info.owner),
                       (unsigned long long)info.count,
                       (unsigned long long)cairn_phys_of(info.first).value);
    else if (info.usage == CAIRN_FRAME_FREE)
        console_printf("  free\n");
}

/* What lies at an address: a range of the map, or a hole. */
static int print_address(cairn_phys phys)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    const struct cairn_memmap *map = &kernel.boot.map;
    struct cairn_phys_range place = {{0}, {CAIRN_PHYS_LIMIT}};
    for (size_t i = 0; i < map->count; i++) {
        const struct cairn_memory_range *range = &map->ranges[i];
        if (range->end.value <= phys.value) {
            place.start = range->end;
        } else {
            bool is_inside = range->start.value <= phys.value;
            place.start = is_inside ? range->start : place.start;
            place.end = is_inside ? range->end : range->start;
            break;
        }
    }
    console_printf("0x%016llx: %s, in 0x%016llx - 0x%016llx, %s\n",
                   (unsigned long long)phys.value,
                   cairn_memory_kind_name(cairn_memmap_kind_at(map, phys)),
                   (unsigned long long)place.start.value,
                   (unsigned long long)place.end.value,
                   cairn_format_size(size, cairn_phys_range_bytes(place)));
    print_owner(phys);
    return 0;
}

static int run_phys(int argc, char **argv)
{
    uint64_t address;
    if (argc == 1)
        return print_allocator();
    if (argc > 2)
        return monitor_fail("%s: too many arguments; try help phys", argv[0]);
    if (monitor_number(argv[0], argv[1], &address) != 0)
        return 1;
    if (address >= CAIRN_PHYS_LIMIT)
        return monitor_fail("%s: no physical address has more than 52 bits",
                            argv[0]);
    return print_address(cairn_phys_make(address));
}

MONITOR_COMMAND(phys, "[ADDRESS]",
                "frames used and free, or what lies at an address", run_phys)
MONITOR_COMMAND(physmem, "[ADDRESS]", "the same as phys", run_phys)
