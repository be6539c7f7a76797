/*
 * cmd_early.c - early: the early allocator, and frames taken from it.
 *
 * HOW    `early take N` fills each frame with words made of their own physical
 *        addresses, and reads them back after all frames of the batch are
 *        written: a frame that is handed out twice, or that is the same memory
 *        as another one, holds the wrong words by then.
 *
 * NOT    The early allocator takes nothing back: what is taken stays taken.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/platform.h>

#define TAKE_RANGES 32u
#define TAKE_MARK   0x5ca1ab1e00000000u /* bits that no address has */

/* Frames that were taken and are not tested yet. */
struct take {
    struct cairn_phys_range ranges[TAKE_RANGES];
    size_t count;
    uint64_t good;
    uint64_t bad;
    uint64_t unreachable;
};

static uint64_t word_for(cairn_phys frame, size_t i)
{
    return (frame.value + i * sizeof(uint64_t)) ^ TAKE_MARK;
}

static volatile uint64_t *words_of(cairn_phys frame)
{
    return cairn_platform_phys_to_virt(frame, (size_t)CAIRN_FRAME_SIZE);
}

#define TAKE_WORDS ((size_t)CAIRN_FRAME_SIZE / sizeof(uint64_t))

static void write_frame(struct take *take, cairn_phys frame)
{
    volatile uint64_t *words = words_of(frame);
    (void)take;
    for (size_t i = 0; words != NULL && i < TAKE_WORDS; i++)
        words[i] = word_for(frame, i);
}

static void read_frame(struct take *take, cairn_phys frame)
{
    volatile uint64_t *words = words_of(frame);
    size_t same = 0;
    if (words == NULL) {
        take->unreachable++;
        return;
    }
    while (same < TAKE_WORDS && words[same] == word_for(frame, same))
        same++;
    if (same == TAKE_WORDS) {
        take->good++;
        return;
    }
    take->bad++;
    console_printf("early: 0x%016llx holds 0x%016llx, not 0x%016llx\n",
                   (unsigned long long)frame.value + same * sizeof(uint64_t),
                   (unsigned long long)words[same],
                   (unsigned long long)word_for(frame, same));
}

static void for_each_frame(struct take *take,
                           void (*visit)(struct take *take, cairn_phys frame))
{
    for (size_t i = 0; i < take->count; i++) {
        cairn_phys frame = take->ranges[i].start;
        for (; frame.value < take->ranges[i].end.value;
             frame.value += CAIRN_FRAME_SIZE)
            visit(take, frame);
    }
}

static void print_ranges(const struct take *take)
{
    for (size_t i = 0; i < take->count; i++) {
        uint64_t bytes = cairn_phys_range_bytes(take->ranges[i]);
        console_printf("  0x%016llx - 0x%016llx  %llu frames\n",
                       (unsigned long long)take->ranges[i].start.value,
                       (unsigned long long)take->ranges[i].end.value,
                       (unsigned long long)(bytes >> CAIRN_FRAME_SHIFT));
    }
}

/* Test and print what has been taken so far. */
static void finish_batch(struct take *take)
{
    for_each_frame(take, write_frame);
    for_each_frame(take, read_frame);
    print_ranges(take);
    take->count = 0;
}

static void add_frame(struct take *take, cairn_phys frame)
{
    struct cairn_phys_range *last = &take->ranges[take->count - 1];
    if (take->count > 0 && last->end.value == frame.value) {
        last->end.value += CAIRN_FRAME_SIZE;
        return;
    }
    if (take->count == TAKE_RANGES)
        finish_batch(take);
    take->ranges[take->count++] =
        cairn_phys_range_make(frame.value, frame.value + CAIRN_FRAME_SIZE);
}

static int take_frames(uint64_t wanted)
{
    struct take take = {.count = 0};
    enum cairn_status status = CAIRN_OK;
    uint64_t taken = 0;
    for (; taken < wanted; taken++) {
        cairn_pfn pfn;
        status = cairn_early_alloc(&kernel.early, &pfn);
        if (status != CAIRN_OK)
            break;
        add_frame(&take, cairn_phys_of(pfn));
    }
    finish_batch(&take);
    console_printf("%llu frames taken, %llu of them written and read back\n",
                   (unsigned long long)taken, (unsigned long long)take.good);
    if (take.unreachable != 0)
        monitor_fail("early: the window does not reach %llu of them",
                     (unsigned long long)take.unreachable);
    if (status != CAIRN_OK)
        monitor_fail("early: %s after %llu frames", cairn_status_text(status),
                     (unsigned long long)taken);
    return take.good == wanted ? 0 : 1;
}

static int run_early(int argc, char **argv)
{
    uint64_t wanted;
    if (argc == 1) {
        cairn_report_early(&kernel.early, &monitor_sink);
        return 0;
    }
    if (!text_is_equal(argv[1], "take"))
        return monitor_fail("early: unknown argument '%.40s'; try help early",
                            argv[1]);
    if (argc != 3)
        return monitor_fail("early: take wants one number; try help early");
    if (monitor_number("early", argv[2], &wanted) != 0)
        return 1;
    return take_frames(wanted);
}

MONITOR_COMMAND(early, "[take COUNT]",
                "the early allocator; take frames from it and test them",
                run_early)
