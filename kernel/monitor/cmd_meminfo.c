/*
 * cmd_meminfo.c - meminfo: how much memory there is, and what it is used for.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>

static void print_size(const char *name, uint64_t bytes)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    console_printf("  %-20s %12s   (%llu frames)\n", name,
                   cairn_format_size(size, bytes),
                   (unsigned long long)(bytes >> CAIRN_FRAME_SHIFT));
}

/* Usable memory: free, or of which owner. */
static void print_owners(void)
{
    struct cairn_frames_stats stats;
    char name[16];
    cairn_frames_stats(&kernel.frames, &stats);
    print_size("  free", stats.free_frames << CAIRN_FRAME_SHIFT);
    for (unsigned i = 0; i < CAIRN_OWNER_COUNT; i++) {
        if (stats.owner_frames[i] == 0)
            continue;
        cairn_format(name, sizeof name, "  %s",
                     cairn_report_owner_name((enum cairn_owner)i));
        print_size(name, stats.owner_frames[i] << CAIRN_FRAME_SHIFT);
    }
}

static void print_totals(const struct cairn_memmap_totals *totals)
{
    monitor_heading("Memory");
    print_size("installed", totals->installed_bytes);
    print_size("usable", totals->usable_bytes);
    print_owners();
    print_size("used", totals->used_bytes);
    print_size("hardware reserved", totals->reserved_bytes);
}

static void print_kinds(const struct cairn_memmap_totals *totals)
{
    monitor_heading("Kinds");
    for (unsigned i = CAIRN_MEMORY_USABLE; i < CAIRN_MEMORY_KIND_COUNT; i++) {
        if (totals->kind_bytes[i] != 0)
            print_size(cairn_memory_kind_name((enum cairn_memory_kind)i),
                       totals->kind_bytes[i]);
    }
}

static uint64_t usable_bytes_in(struct cairn_phys_range window)
{
    struct cairn_memory_range range;
    uint64_t bytes = 0;
    while (cairn_memmap_next(&kernel.boot.map,
                             CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE), window,
                             &range)) {
        bytes += range.end.value - range.start.value;
        window.start = range.end;
    }
    return bytes;
}

static void print_zone(const char *name, struct cairn_phys_range zone)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    console_printf("  %-6s 0x%016llx - 0x%016llx %12s usable\n", name,
                   (unsigned long long)zone.start.value,
                   (unsigned long long)zone.end.value,
                   cairn_format_size(size, usable_bytes_in(zone)));
}

static void print_zones(void)
{
    cairn_phys base = cairn_phys_make(CAIRN_ZONE_LOW_START);
    monitor_heading("Zones");
    print_zone("low", cairn_memmap_zone_low(base));
    print_zone("high", cairn_memmap_zone_high());
}

static void print_map(void)
{
    monitor_heading("Memory map");
    cairn_report_memmap_entries(&kernel.boot.map, 0, kernel.boot.map.count,
                                &monitor_sink);
}

static void print_help(void)
{
    console_printf("meminfo             totals\n"
                   "meminfo -v          also each kind, and the zones "
                   "(--verbose)\n"
                   "meminfo --mmap      also each range of the memory map\n"
                   "meminfo -h          this text (--help)\n");
}

static bool is_option(const char *text, const char *brief, const char *full)
{
    return text_is_equal(text, brief) || text_is_equal(text, full);
}

static int run_meminfo(int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    bool is_verbose = is_option(option, "-v", "--verbose");
    bool has_map = text_is_equal(option, "--mmap");
    bool has_help = is_option(option, "-h", "--help");
    struct cairn_memmap_totals totals;
    if (argc > 2)
        return monitor_fail("meminfo: too many arguments; try meminfo --help");
    if (argc == 2 && !is_verbose && !has_map && !has_help)
        return monitor_fail("meminfo: unknown option '%.40s'; try meminfo "
                            "--help",
                            option);
    if (has_help) {
        print_help();
        return 0;
    }
    cairn_memmap_totals(&kernel.boot.map, &totals);
    print_totals(&totals);
    if (is_verbose) {
        print_kinds(&totals);
        print_zones();
    }
    if (has_map)
        print_map();
    return 0;
}

MONITOR_COMMAND(meminfo, "[-v | --verbose | --mmap | -h | --help]",
                "how much memory there is", run_meminfo)
