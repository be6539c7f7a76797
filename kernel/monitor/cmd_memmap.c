/*
 * cmd_memmap.c - memmap: physical memory as a picture.
 */
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"

/* Addresses as arguments: the frames that they touch. */
static int read_range(char **argv, struct cairn_picture *picture)
{
    uint64_t start;
    uint64_t end;
    if (monitor_number("memmap", argv[0], &start) != 0 ||
        monitor_number("memmap", argv[1], &end) != 0)
        return 1;
    if (start >= end || end > CAIRN_PHYS_LIMIT)
        return monitor_fail("memmap: there is nothing from 0x%llx to 0x%llx",
                            (unsigned long long)start, (unsigned long long)end);
    picture->first = cairn_pfn_of(cairn_phys_make(start));
    picture->end = cairn_pfn_of(cairn_phys_make(end + CAIRN_FRAME_SIZE - 1));
    return 0;
}

static int run_memmap(int argc, char **argv)
{
    struct cairn_picture picture = {.map = &kernel.boot.map};
    int next = 1;
    if (next < argc && text_is_equal(argv[next], "plain")) {
        picture.flags = CAIRN_PICTURE_PLAIN;
        next++;
    }
    if (argc != next && argc != next + 2)
        return monitor_fail("memmap: wants a first and an end address, or "
                            "neither; try help memmap");
    if (next < argc && read_range(argv + next, &picture) != 0)
        return 1;
    cairn_report_frames_picture(&kernel.frames, &picture, &monitor_sink);
    return 0;
}

MONITOR_COMMAND(memmap, "[plain] [FIRST END]",
                "a picture of physical memory: owners and free space",
                run_memmap)
