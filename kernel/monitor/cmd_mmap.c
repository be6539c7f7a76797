/*
 * cmd_mmap.c - mmap: the boot memory map.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"

static const struct cairn_memmap *map(void)
{
    return &kernel.boot.map;
}

/* The number of a range that exists. */
static int read_index(const char *text, size_t *out)
{
    uint64_t number;
    if (monitor_number("mmap", text, &number) != 0)
        return 1;
    if (number >= map()->count)
        return monitor_fail("mmap: there is no entry %llu, only 0 to %u",
                            (unsigned long long)number,
                            (unsigned)map()->count - 1);
    *out = (size_t)number;
    return 0;
}

/* mmap entries [N [first]] */
static int show_entries(int argc, char **argv)
{
    uint64_t count = map()->count;
    size_t first = 0;
    if (argc > 4)
        return monitor_fail("mmap: too many arguments; try help mmap");
    if (argc > 2 && monitor_number("mmap", argv[2], &count) != 0)
        return 1;
    if (argc > 3 && read_index(argv[3], &first) != 0)
        return 1;
    if (count > map()->count)
        count = map()->count;
    cairn_report_memmap_entries(map(), first, (size_t)count, &monitor_sink);
    return 0;
}

/* mmap entry i */
static int show_entry(int argc, char **argv)
{
    size_t index = 0;
    if (argc != 3)
        return monitor_fail("mmap: entry wants one number; try help mmap");
    if (read_index(argv[2], &index) != 0)
        return 1;
    cairn_report_memmap_entries(map(), index, 1, &monitor_sink);
    return 0;
}

static int show_all(void)
{
    cairn_report_memmap_summary(map(), &monitor_sink);
    cairn_report_memmap_entries(map(), 0, map()->count, &monitor_sink);
    return 0;
}

static int run_mmap(int argc, char **argv)
{
    if (argc == 1)
        return show_all();
    if (text_is_equal(argv[1], "entries"))
        return show_entries(argc, argv);
    if (text_is_equal(argv[1], "entry"))
        return show_entry(argc, argv);
    if (!text_is_equal(argv[1], "summary"))
        return monitor_fail("mmap: unknown argument '%.40s'; try help mmap",
                            argv[1]);
    if (argc > 2)
        return monitor_fail("mmap: too many arguments; try help mmap");
    cairn_report_memmap_summary(map(), &monitor_sink);
    return 0;
}

MONITOR_COMMAND(mmap, "[summary | entries [COUNT [FIRST]] | entry NUMBER]",
                "the boot memory map", run_mmap)
