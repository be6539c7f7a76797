/*
 * cmd_frames.c - frames: the frame allocator, and frames taken and given.
 *
 * HOW    `frames take` fills each frame with words made of their own physical
 *        addresses, and reads them back after all frames of the batch are
 *        written: a frame that is handed out twice, or that is the same memory
 *        as another one, holds the wrong words by then.
 *
 *        What is taken stays taken, by owner "kernel", until it is given.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>
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

/* ---- Are they memory? ---------------------------------------------------- */

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
    console_printf("frames: 0x%016llx holds 0x%016llx, not 0x%016llx\n",
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

/* ---- Taking -------------------------------------------------------------- */

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

/* Blocks come in ascending or in descending order, mostly. */
static bool is_joined(struct cairn_phys_range *last,
                      struct cairn_phys_range block)
{
    if (last->end.value == block.start.value) {
        last->end = block.end;
        return true;
    }
    if (last->start.value == block.end.value) {
        last->start = block.start;
        return true;
    }
    return false;
}

static void add_block(struct take *take, struct cairn_phys_range block)
{
    if (take->count > 0 && is_joined(&take->ranges[take->count - 1], block))
        return;
    if (take->count == TAKE_RANGES)
        finish_batch(take);
    take->ranges[take->count++] = block;
}

static int take_blocks(uint64_t wanted, cairn_order order)
{
    struct take take = {.count = 0};
    uint64_t bytes = CAIRN_FRAME_SIZE << order;
    enum cairn_status status = CAIRN_OK;
    uint64_t taken = 0;
    for (; taken < wanted; taken++) {
        cairn_pfn pfn;
        status = cairn_frames_alloc(&kernel.frames, order, 0,
                                    CAIRN_OWNER_KERNEL, &pfn);
        if (status != CAIRN_OK)
            break;
        uint64_t start = cairn_phys_of(pfn).value;
        add_block(&take, cairn_phys_range_make(start, start + bytes));
    }
    finish_batch(&take);
    console_printf("%llu blocks of order %u taken, %llu frames written and "
                   "read back\n",
                   (unsigned long long)taken, order,
                   (unsigned long long)take.good);
    if (take.unreachable != 0)
        monitor_fail("frames: the window does not reach %llu of them",
                     (unsigned long long)take.unreachable);
    if (status != CAIRN_OK)
        monitor_fail("frames: %s after %llu blocks", cairn_status_text(status),
                     (unsigned long long)taken);
    return take.good == wanted << order ? 0 : 1;
}

/* frames take COUNT [ORDER] */
static int run_take(int argc, char **argv)
{
    uint64_t wanted;
    uint64_t order = 0;
    if (argc != 3 && argc != 4)
        return monitor_fail("frames: take wants a count and perhaps an order; "
                            "try help frames");
    if (monitor_number("frames", argv[2], &wanted) != 0)
        return 1;
    if (argc == 4 && monitor_number("frames", argv[3], &order) != 0)
        return 1;
    if (order > CAIRN_ORDER_MAX || wanted >= CAIRN_PHYS_LIMIT >> order)
        return monitor_fail("frames: orders are 0 to %u, and there are not "
                            "that many blocks",
                            CAIRN_ORDER_MAX);
    return take_blocks(wanted, (cairn_order)order);
}

/* ---- Giving, and the rest ------------------------------------------------ */

/* frames give ADDRESS [COUNT] */
static int run_give(int argc, char **argv)
{
    uint64_t address;
    uint64_t count = 0;
    enum cairn_status status;
    if (argc != 3 && argc != 4)
        return monitor_fail("frames: give wants the address of a block, or an "
                            "address and a count of frames; try help frames");
    if (monitor_number("frames", argv[2], &address) != 0)
        return 1;
    if (argc == 4 && monitor_number("frames", argv[3], &count) != 0)
        return 1;
    if (address % CAIRN_FRAME_SIZE != 0 || address >= CAIRN_PHYS_LIMIT)
        return monitor_fail("frames: 0x%llx is not the address of a frame",
                            (unsigned long long)address);
    cairn_pfn first = cairn_pfn_of(cairn_phys_make(address));
    if (argc == 4)
        status = cairn_frames_free_range(&kernel.frames, first, count);
    else
        status = cairn_frames_free(&kernel.frames, first);
    if (status != CAIRN_OK)
        return monitor_fail("frames: 0x%llx not given back: %s",
                            (unsigned long long)address,
                            cairn_status_text(status));
    return 0;
}

static int run_check(void)
{
    unsigned broken = cairn_frames_check(&kernel.frames);
    if (broken != 0)
        return monitor_fail("frames: invariant %u is broken", broken);
    console_printf("frames: all invariants hold\n");
    return 0;
}

/* RAM that is none of the allocator's, with its owners as the map has them. */
static void print_outside(void)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_memmap_totals totals;
    cairn_memmap_totals(&kernel.boot.map, &totals);
    console_printf("other owners of RAM\n");
    for (int i = 0; i < CAIRN_MEMORY_KIND_COUNT; i++) {
        enum cairn_memory_kind kind = (enum cairn_memory_kind)i;
        uint64_t bytes = totals.kind_bytes[kind];
        if (bytes == 0 || kind == CAIRN_MEMORY_USABLE ||
            !cairn_memory_kind_is_ram(kind))
            continue;
        console_printf("  %-18s %12s  %14llu frames\n",
                       cairn_memory_kind_name(kind),
                       cairn_format_size(size, bytes),
                       (unsigned long long)(bytes >> CAIRN_FRAME_SHIFT));
    }
}

static int run_frames(int argc, char **argv)
{
    if (argc == 1) {
        cairn_report_frames(&kernel.frames, &monitor_sink);
        print_outside();
        return 0;
    }
    if (text_is_equal(argv[1], "take"))
        return run_take(argc, argv);
    if (text_is_equal(argv[1], "give"))
        return run_give(argc, argv);
    if (argc > 2)
        return monitor_fail("frames: too many arguments; try help frames");
    if (text_is_equal(argv[1], "check"))
        return run_check();
    if (!text_is_equal(argv[1], "drain"))
        return monitor_fail("frames: unknown argument '%.40s'; try help frames",
                            argv[1]);
    cairn_frames_drain(&kernel.frames);
    return 0;
}

MONITOR_COMMAND(frames,
                "[check | drain | take COUNT [ORDER] | give ADDRESS [COUNT]]",
                "the frame allocator; take frames, test them, give them back",
                run_frames)
