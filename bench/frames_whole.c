/*
 * frames_whole.c - how whole frame allocators leave memory.
 *
 * HOW    A trace brings a fresh machine of 1 GiB into some state, differently
 *        for each seed, and returns how many frames it holds then.  What is
 *        judged is the share of all other frames that can be allocated as
 *        blocks of order 9, once the magazines have been emptied: its mean
 *        over SEEDS seeds, and of that the median over the rounds.
 */
#include "bench/baseline_buddy.h"
#include "bench/bench.h"
#include "bench/frames.h"

#include <stdlib.h>
#include <string.h>

#define SEEDS       4
#define HUGE_FRAMES ((uint64_t)1 << CAIRN_ORDER_2MIB)

static void drain(const struct subject *subject)
{
    if (subject->frames != NULL)
        cairn_frames_drain(subject->frames);
    else if (subject->alloc == bench_buddy_alloc)
        bench_buddy_drain();
}

struct trace {
    const struct subject *subject;
    uint64_t (*run)(const struct subject *subject, uint64_t total,
                    uint64_t seed);
    uint64_t seed;
};

/* The share after one run of the trace. */
static double whole_share(struct trace *trace)
{
    const struct subject *subject = trace->subject;
    uint64_t total = bench_start_all(CAIRN_GIB);
    uint64_t live = trace->run(subject, total, ++trace->seed);
    uint64_t huge = 0;
    uint64_t block;

    drain(subject);
    while (take(subject, CAIRN_ORDER_2MIB, &block))
        huge++;
    return (double)(huge << CAIRN_ORDER_2MIB) / (double)(total - live);
}

static void trace_slice(void *what, double *values)
{
    values[0] = 0;
    for (unsigned i = 0; i < SEEDS; i++)
        values[0] += whole_share(what) / SEEDS;
}

/* `ideal` is what the share may be at best; NAN: the share itself is judged. */
static void report_trace(const char *name,
                         uint64_t (*run)(const struct subject *subject,
                                         uint64_t total, uint64_t seed),
                         double ideal, double bar)
{
    static const unsigned chosen[] = {CAIRN, BITMAP, BUDDY};
    struct trace traces[3];
    struct bench_contender all[3];
    struct bench_result line = {
        .name = name, .unit = "of free", .kind = BENCH_AT_LEAST, .bar = bar};

    for (unsigned i = 0; i < 3; i++) {
        traces[i] = (struct trace){&bench_subjects[chosen[i]], run, 0};
        all[i] =
            (struct bench_contender){.name = bench_subjects[chosen[i]].name,
                                     .slice = trace_slice,
                                     .what = &traces[i]};
    }
    bench_measure(all, bench_has_details() ? 3 : 1, 1);
    line.value = all[0].medians[0];
    line.ratio = line.value / ideal;
    line.to = isnan(ideal) ? NULL : "(1-e^-x)^256";
    bench_report(&line);
}

static uint64_t trace_churn(const struct subject *subject, uint64_t total,
                            uint64_t seed, size_t times)
{
    struct churn churn = bench_make_churn(subject, total, 50, seed);

    bench_run_churn(&churn, times * churn.count);
    free(churn.live);
    return churn.count;
}

static uint64_t trace_churn_10(const struct subject *subject, uint64_t total,
                               uint64_t seed)
{
    return trace_churn(subject, total, seed, 10);
}

static uint64_t trace_churn_20(const struct subject *subject, uint64_t total,
                               uint64_t seed)
{
    return trace_churn(subject, total, seed, 20);
}

/* Blocks that belong together; each is a frame number << 4 | order. */
struct bag {
    uint64_t *blocks;
    size_t count;
    uint64_t frames;
};

static void bag_add(struct bag *bag, cairn_order order, uint64_t first)
{
    bag->blocks[bag->count++] = first << 4 | order;
    bag->frames += (uint64_t)1 << order;
}

/* Free block number `at`; the last one moves to its place. */
static void bag_free(struct bag *bag, const struct subject *subject, size_t at)
{
    uint64_t block = bag->blocks[at];
    cairn_order order = (cairn_order)(block & 15);

    bag->blocks[at] = bag->blocks[--bag->count];
    bag->frames -= (uint64_t)1 << order;
    give(subject, order, block >> 4);
}

/*
 * Mixed orders, 50 % full.  From empty memory: draw an order by the weights
 * below, which give large blocks about as many frames as small ones; free
 * blocks at random until it fits into half of the memory; allocate it, or go on
 * without if there is none.  Until 20 times the memory has been allocated.
 */
static cairn_order draw_order(uint64_t *random)
{
    static const unsigned weights[ORDERS] = {640, 100, 80, 80, 40,
                                             20,  15,  10, 8,  7};
    uint64_t left = bench_random(random, 1000);
    cairn_order order = 0;

    while (left >= weights[order])
        left -= weights[order++];
    return order;
}

static uint64_t trace_mixed(const struct subject *subject, uint64_t total,
                            uint64_t seed)
{
    struct bag bag = {bench_make_array((size_t)total), 0, 0};
    uint64_t asked = 0;

    while (asked < 20 * total) {
        cairn_order order = draw_order(&seed);
        uint64_t count = (uint64_t)1 << order;
        uint64_t first;

        while (bag.frames + count > total / 2)
            bag_free(&bag, subject, (size_t)bench_random(&seed, bag.count));
        if (take(subject, order, &first))
            bag_add(&bag, order, first);
        asked += count;
    }
    free(bag.blocks);
    return bag.frames;
}

/*
 * Process mix, 56 % full.  128 places for processes, and a kernel.  In each
 * step one place has its turn:
 *   - no process: one begins that wants 2^n .. 2^(n+1) frames, n of 4 .. 13 at
 *     random; one in four is a user of order 9;
 *   - it has less than it wants: it allocates a burst of 1 .. 64 frames, or, a
 *     user of order 9 that lacks 512, every other time a block of order 9 if
 *     there is one; one time in eight it frees 1 .. 32 of its blocks first, at
 *     random;
 *   - it has what it wants: one time in 16 it exits, else it frees 1 .. 32 of
 *     its blocks at random.
 * A process that exits frees its blocks in the order in which it keeps them.
 * In one step of four the kernel allocates a frame for itself; when it has 2 %
 * of memory, it frees one of its own at random for each.  Whenever 56 % of
 * memory are in use, a process, chosen at random, exits.  This goes on until 20
 * times the memory has been allocated, and then up to the next such exit.
 */
#define PLACES      128
#define PLACE_LIMIT ((size_t)1 << 14)

struct process {
    struct bag bag;
    uint64_t wanted; /* frames; 0: no process */
    bool has_huge;
};

struct mix {
    const struct subject *subject;
    struct process processes[PLACES];
    struct bag kernel;
    uint64_t live;
    uint64_t limit;        /* of `live` */
    uint64_t kernel_limit; /* of kernel.frames */
    uint64_t asked;
    uint64_t random;
};

static void mix_take(struct mix *mix, struct bag *bag, cairn_order order)
{
    uint64_t count = (uint64_t)1 << order;
    uint64_t first;

    mix->asked += count;
    if (!take(mix->subject, order, &first))
        return;
    bag_add(bag, order, first);
    mix->live += count;
}

/* Free up to `count` blocks at random. */
static void mix_shrink(struct mix *mix, struct bag *bag, uint64_t count)
{
    mix->live -= bag->frames;
    for (; count > 0 && bag->count > 0; count--)
        bag_free(bag, mix->subject,
                 (size_t)bench_random(&mix->random, bag->count));
    mix->live += bag->frames;
}

static void mix_begin(struct mix *mix, struct process *process)
{
    uint64_t least = (uint64_t)1 << (4 + bench_random(&mix->random, 9));

    process->wanted = least + bench_random(&mix->random, least);
    process->has_huge = bench_random(&mix->random, 4) == 0;
}

static void mix_exit(struct mix *mix, struct process *process)
{
    mix->live -= process->bag.frames;
    for (size_t i = 0; i < process->bag.count; i++)
        give(mix->subject, (cairn_order)(process->bag.blocks[i] & 15),
             process->bag.blocks[i] >> 4);
    process->bag.count = 0;
    process->bag.frames = 0;
    process->wanted = 0;
}

static void mix_grow(struct mix *mix, struct process *process)
{
    uint64_t lacking = process->wanted - process->bag.frames;
    uint64_t burst = 1 + bench_random(&mix->random, 64);

    if (process->has_huge && lacking >= HUGE_FRAMES &&
        bench_random(&mix->random, 2) == 0) {
        mix_take(mix, &process->bag, CAIRN_ORDER_2MIB);
        return;
    }
    if (bench_random(&mix->random, 8) == 0)
        mix_shrink(mix, &process->bag, 1 + bench_random(&mix->random, 32));
    for (uint64_t i = 0; i < burst && i < lacking; i++)
        mix_take(mix, &process->bag, 0);
}

static void mix_kernel(struct mix *mix)
{
    if (mix->kernel.frames >= mix->kernel_limit)
        mix_shrink(mix, &mix->kernel, 1);
    mix_take(mix, &mix->kernel, 0);
}

static void mix_step(struct mix *mix)
{
    struct process *process =
        &mix->processes[bench_random(&mix->random, PLACES)];

    if (process->wanted == 0)
        mix_begin(mix, process);
    else if (process->bag.frames < process->wanted)
        mix_grow(mix, process);
    else if (bench_random(&mix->random, 16) == 0)
        mix_exit(mix, process);
    else
        mix_shrink(mix, &process->bag, 1 + bench_random(&mix->random, 32));
    if (bench_random(&mix->random, 4) == 0)
        mix_kernel(mix);
}

static uint64_t trace_processes(const struct subject *subject, uint64_t total,
                                uint64_t seed)
{
    static struct mix mix;
    uint64_t *blocks = bench_make_array((PLACES + 1) * PLACE_LIMIT);

    memset(&mix, 0, sizeof(mix));
    mix.subject = subject;
    mix.random = seed;
    mix.limit = total * 56 / 100;
    mix.kernel_limit = total * 2 / 100;
    mix.kernel.blocks = blocks + PLACES * PLACE_LIMIT;
    for (size_t i = 0; i < PLACES; i++)
        mix.processes[i].bag.blocks = blocks + i * PLACE_LIMIT;
    while (mix.live < mix.limit || mix.asked < 20 * total) {
        if (mix.live >= mix.limit)
            mix_exit(&mix, &mix.processes[bench_random(&mix.random, PLACES)]);
        mix_step(&mix);
    }
    free(blocks);
    return mix.live;
}

void bench_case_whole(void)
{
    double ideal_10 = pow(1 - exp(-10), 256);
    double ideal_20 = pow(1 - exp(-20), 256);

    report_trace("2 MiB blocks after churn of 10 N", trace_churn_10, ideal_10,
                 0.98);
    report_trace("2 MiB blocks after churn of 20 N", trace_churn_20, ideal_20,
                 0.99);
    report_trace("2 MiB blocks after process mix, 56 % full", trace_processes,
                 (double)NAN, 0.95);
    report_trace("2 MiB blocks after mixed orders, 50 % full", trace_mixed,
                 (double)NAN, 0.97);
}
