/*
 * frames_whole.c - how whole frame allocators leave memory.
 *
 * HOW    A trace brings a fresh machine of 4 GiB into some state, differently
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
#define BYTES       (4 * CAIRN_GIB)
#define ROUNDS      12 /* times the memory that a trace allocates */
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
    uint64_t total = bench_start_all(BYTES);
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
 * Mixed orders, 50 % full.  From empty memory: draw order 0, 3, 6 or 9 by the
 * weights below; free blocks at random until it fits into half of the memory;
 * allocate it, or go on without if there is none.  Until 12 times the memory
 * has been allocated.
 */
static cairn_order draw_order(uint64_t *random)
{
    static const struct {
        unsigned weight;
        cairn_order order;
    } draws[] = {{700, 0}, {200, 3}, {80, 6}, {20, CAIRN_ORDER_2MIB}};
    uint64_t left = bench_random(random, 1000);
    size_t i = 0;

    while (left >= draws[i].weight)
        left -= draws[i++].weight;
    return draws[i].order;
}

static uint64_t trace_mixed(const struct subject *subject, uint64_t total,
                            uint64_t seed)
{
    struct bag bag = {bench_make_array((size_t)total), 0, 0};
    uint64_t asked = 0;

    while (asked < ROUNDS * total) {
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
 * Process mix, 56 % full.  Processes begin one after the other, and a kernel
 * works for them.  A process wants 2^n .. 2^(n+1) frames, n of 6 .. 15 at
 * random; one in eight is a user of order 9.  Before it begins, others, chosen
 * at random, exit until all that the rest hold and it wants is 57 % of memory
 * at most.  It takes what it wants at once: single frames, but a user of order
 * 9 that lacks 512 takes, one time in five, a block of order 9 if there is one.
 * It keeps all until it exits, and frees it in the order in which it took it.
 * After each 64th block that processes took, the kernel takes a frame for
 * itself; if it has 2 % of memory, it frees one of its own at random first.
 * This goes on until 12 times the memory has been allocated, and then until 56
 * % of it are in use.
 */
#define PLACES 16384

struct process {
    struct bag bag;
    uint64_t wanted; /* frames */
    bool has_huge;
};

struct mix {
    const struct subject *subject;
    struct process processes[PLACES];
    size_t count; /* of processes */
    struct bag kernel;
    uint64_t live;
    uint64_t kernel_limit; /* of kernel.frames */
    uint64_t asked;
    uint64_t blocks; /* that processes took */
    uint64_t random;
};

static bool mix_take(struct mix *mix, struct bag *bag, enum cairn_owner owner,
                     cairn_order order)
{
    uint64_t count = (uint64_t)1 << order;
    uint64_t first;

    mix->asked += count;
    if (!take_for(mix->subject, owner, order, &first))
        return false;
    bag_add(bag, order, first);
    mix->live += count;
    return true;
}

static void mix_kernel(struct mix *mix)
{
    struct bag *kernel = &mix->kernel;

    if (kernel->frames >= mix->kernel_limit) {
        bag_free(kernel, mix->subject,
                 (size_t)bench_random(&mix->random, kernel->count));
        mix->live--;
    }
    (void)mix_take(mix, kernel, CAIRN_OWNER_KERNEL, 0);
}

/* A process, chosen at random, exits; the last one moves to its place. */
static void mix_exit(struct mix *mix)
{
    struct process *process =
        &mix->processes[bench_random(&mix->random, mix->count)];

    mix->live -= process->bag.frames;
    for (size_t i = 0; i < process->bag.count; i++)
        give(mix->subject, (cairn_order)(process->bag.blocks[i] & 15),
             process->bag.blocks[i] >> 4);
    free(process->bag.blocks);
    *process = mix->processes[--mix->count];
}

/* Everything that it wants; false: there is not that much. */
static bool mix_fill(struct mix *mix, struct process *process)
{
    while (process->bag.frames < process->wanted) {
        uint64_t lacking = process->wanted - process->bag.frames;
        bool is_huge = process->has_huge && lacking >= HUGE_FRAMES &&
                       bench_random(&mix->random, 5) == 0;

        if (!(is_huge && mix_take(mix, &process->bag, CAIRN_OWNER_USER,
                                  CAIRN_ORDER_2MIB)) &&
            !mix_take(mix, &process->bag, CAIRN_OWNER_USER, 0))
            return false;
        if (++mix->blocks % 64 == 0)
            mix_kernel(mix);
    }
    return true;
}

static void mix_begin(struct mix *mix, uint64_t total)
{
    uint64_t least = (uint64_t)1 << (6 + bench_random(&mix->random, 10));
    struct process process = {.wanted =
                                  least + bench_random(&mix->random, least)};

    process.has_huge = bench_random(&mix->random, 8) == 0;
    process.bag.blocks = bench_make_array((size_t)process.wanted);
    while (mix->live + process.wanted > total * 57 / 100 && mix->count > 0)
        mix_exit(mix);
    if (mix->count == PLACES || !mix_fill(mix, &process))
        bench_fail("%s: no memory in a process mix", mix->subject->name);
    mix->processes[mix->count++] = process;
}

static uint64_t trace_processes(const struct subject *subject, uint64_t total,
                                uint64_t seed)
{
    static struct mix mix;

    memset(&mix, 0, sizeof(mix));
    mix.subject = subject;
    mix.random = seed;
    mix.kernel_limit = total * 2 / 100;
    mix.kernel.blocks = bench_make_array((size_t)total);
    while (mix.asked < ROUNDS * total || mix.live < total * 56 / 100)
        mix_begin(&mix, total);
    for (size_t i = 0; i < mix.count; i++)
        free(mix.processes[i].bag.blocks);
    free(mix.kernel.blocks);
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
