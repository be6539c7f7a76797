/*
 * frames.c - how fast the frame allocator is, and how whole it leaves memory.
 *
 * WHAT   The cases are the rows of the table in docs/BENCHMARKS.md, in its
 *        order; each says at its place what exactly it does.
 *
 * HOW    All contenders have the signatures of cairn_frames_alloc and _free
 *        and are called by the same loops through pointers, so that neither
 *        inlining nor the layout of the loop favours one.
 *          floor   pop and push of a thread's own array: what any allocator
 *                  has to do
 *          bitmap  baseline_bitmap.c
 *          buddy   baseline_buddy.c
 *          cairn   the default configuration: tree, magazines, misuse found
 *        A time is one of a call or, where that is said, of a frame; a pair is
 *        two calls.
 *
 *        Memory is simulated and lies above 4 GiB; no contender ever touches
 *        the frames themselves.
 */
#include "bench/frames.h"
#include "bench/baseline_bitmap.h"
#include "bench/baseline_buddy.h"
#include "bench/bench.h"
#include "frames/section.h"
#include "sim/ram.h"

#include <cairn/frames.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <x86intrin.h>

#define BASE       (4 * CAIRN_GIB)
#define LARGE_PAGE ((size_t)2 << 20)

/* ---- The floor ----------------------------------------------------------- */

#define FLOOR_SLOTS ((size_t)1 << 20)

static _Thread_local uint64_t floor_slots[FLOOR_SLOTS];
static _Thread_local size_t floor_count;

static BENCH_NOINLINE void floor_fill(void)
{
    while (floor_count < FLOOR_SLOTS) {
        floor_slots[floor_count] = floor_count;
        floor_count++;
    }
}

static BENCH_NOINLINE enum cairn_status
floor_alloc(struct cairn_frames *unused, cairn_order order, unsigned flags,
            enum cairn_owner owner, cairn_pfn *out)
{
    (void)unused, (void)order, (void)flags, (void)owner;
    if (floor_count == 0)
        floor_fill();
    out->value = floor_slots[--floor_count];
    return CAIRN_OK;
}

static BENCH_NOINLINE enum cairn_status floor_free(struct cairn_frames *unused,
                                                   cairn_pfn first)
{
    (void)unused;
    if (floor_count == FLOOR_SLOTS)
        return CAIRN_DOUBLE_FREE;
    floor_slots[floor_count++] = first.value;
    return CAIRN_OK;
}

/* ---- The contenders ------------------------------------------------------ */

/* A simulated machine and Cairn on it. */
struct machine {
    struct cairn_frames frames;
    struct cairn_memmap map;
    struct cairn_memory_range storage[16];
};

static struct machine machines[2];

#define TEN_TIMES(f)                                                           \
    {                                                                          \
        f, f, f, f, f, f, f, f, f, f                                           \
    }

/* Bitmap's functions are filled in by main. */
struct subject bench_subjects[SUBJECTS] = {
    {"floor", floor_alloc, TEN_TIMES(floor_free), NULL},
    {"bitmap", bench_bitmap_alloc, {NULL}, NULL},
    {"buddy", bench_buddy_alloc, TEN_TIMES(bench_buddy_free), NULL},
    {"cairn", cairn_frames_alloc, TEN_TIMES(cairn_frames_free),
     &machines[0].frames},
    {"cairn too", cairn_frames_alloc, TEN_TIMES(cairn_frames_free),
     &machines[1].frames},
};

static void expect_ok(enum cairn_status status, const char *what)
{
    if (status != CAIRN_OK)
        bench_fail("%s: %s", what, cairn_status_text(status));
}

/* The map of a machine with memory at [base, base + bytes). */
static void make_map(struct machine *machine, uint64_t base, uint64_t bytes)
{
    struct cairn_memmap *map = &machine->map;

    memset(machine, 0, sizeof(*machine));
    expect_ok(cairn_memmap_init(map, machine->storage, 16), "map");
    expect_ok(cairn_memmap_add(map, base, bytes, CAIRN_MEMORY_USABLE), "map");
    expect_ok(cairn_memmap_finish(map, cairn_phys_make(CAIRN_MIB)), "map");
}

static void start_cairn(struct machine *machine)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.cpu_count = 2;
    expect_ok(cairn_frames_init(&machine->frames, &machine->map, NULL, &config),
              "init");
}

/* The upper end of memory, where Cairn's metadata will lie. */
static void use_large_pages(uint64_t base, uint64_t bytes)
{
    uint64_t part = bytes / 512 + 4 * CAIRN_MIB;

    bench_prefer_large_pages(sim_ram_at(base + bytes - part, part),
                             (size_t)part);
}

/* Machine `number` anew, with `bytes` of memory; returns its free frames. */
static uint64_t make_machine(unsigned number, uint64_t bytes, bool has_large)
{
    struct machine *machine = &machines[number];
    uint64_t base = BASE + number * 64 * CAIRN_GIB;
    struct cairn_frames_stats stats;

    if (number == 0)
        sim_ram_reset();
    if (!sim_ram_add(base, bytes))
        bench_fail("no address space for %llu bytes",
                   (unsigned long long)bytes);
    if (has_large)
        use_large_pages(base, bytes);
    make_map(machine, base, bytes);
    start_cairn(machine);
    cairn_frames_stats(&machine->frames, &stats);
    return stats.free_frames;
}

uint64_t bench_start_all(uint64_t bytes)
{
    uint64_t frames = make_machine(0, bytes, true);

    floor_fill();
    bench_bitmap_init(frames);
    bench_buddy_init(frames);
    return frames;
}

uint64_t *bench_make_array(size_t count)
{
    size_t bytes = (count * sizeof(uint64_t) / LARGE_PAGE + 1) * LARGE_PAGE;
    uint64_t *array = aligned_alloc(LARGE_PAGE, bytes);

    if (array == NULL)
        bench_fail("no memory for %zu numbers", count);
    bench_prefer_large_pages(array, bytes);
    memset(array, 1, count * sizeof(*array)); /* so that none is faulted in */
    return array;
}

/* ---- Pairs: allocate one, free it ---------------------------------------- */

#define PAIRS ((size_t)1 << 18)

struct pairs {
    const struct subject *subject;
    cairn_order order;
    bool is_both; /* on two threads, each its own */
};

static BENCH_NOINLINE void run_pairs(unsigned thread, void *what)
{
    const struct pairs *pairs = what;
    const struct subject *subject = pairs->subject;
    cairn_order order = pairs->order;

    (void)thread;
    for (size_t i = 0; i < PAIRS; i++)
        give(subject, order, must_take(subject, order));
}

static void pairs_slice(void *what, double *values)
{
    const struct pairs *pairs = what;
    struct bench_watch watch;
    double elapsed[2];

    if (pairs->is_both) {
        bench_both(run_pairs, what, elapsed);
        values[0] = (elapsed[0] + elapsed[1]) / (4 * PAIRS);
        return;
    }
    bench_start(&watch);
    run_pairs(0, what);
    values[0] = bench_stop(&watch) / (2 * PAIRS);
}

/* Fill in contenders: all four on one thread, then the same on two. */
static void measure_pairs(cairn_order order, struct bench_contender out[8])
{
    struct pairs pairs[8];

    bench_start_all(8 * CAIRN_GIB);
    for (unsigned i = 0; i < 8; i++) {
        pairs[i] = (struct pairs){&bench_subjects[i % 4], order, i >= 4};
        out[i] = (struct bench_contender){.name = bench_subjects[i % 4].name,
                                          .slice = pairs_slice,
                                          .what = &pairs[i]};
    }
    bench_measure(out, 8, 1);
}

static void case_pair_0(void)
{
    struct bench_contender all[8];
    struct bench_contender single;

    measure_pairs(0, all);
    single = all[CAIRN];
    single.name = "1 thread";
    bench_report_ratio("order-0 pair, a call, 1 thread", 0, &all[CAIRN],
                       &all[FLOOR], 2.6);
    bench_report_ratio("order-0 pair, a call, 2 threads", 0, &all[4 + CAIRN],
                       &single, 1.15);
}

static void case_pair_3(void)
{
    struct bench_contender all[8];

    measure_pairs(3, all);
    bench_report_ratio("order-3 pair, a call", 0, &all[CAIRN], &all[FLOOR], 5);
    bench_report_ratio("order-3 pair, a call", 0, &all[CAIRN], &all[BUDDY], 1);
}

static void case_pair_9(void)
{
    struct bench_contender all[8];

    measure_pairs(9, all);
    bench_report_ratio("order-9 pair, a call, 1 thread", 0, &all[CAIRN],
                       &all[FLOOR], 6);
    bench_report_ratio("order-9 pair, a call, 2 threads", 0, &all[4 + CAIRN],
                       &all[4 + FLOOR], 6);
}

/* ---- Bursts: allocate many, free them ------------------------------------ */

#define BURST  256
#define BURSTS ((size_t)1 << 10)

static BENCH_NOINLINE void run_bursts(unsigned thread, void *what)
{
    const struct subject *subject = what;
    uint64_t frames[BURST];

    (void)thread;
    for (size_t i = 0; i < BURSTS; i++) {
        for (size_t j = 0; j < BURST; j++)
            frames[j] = must_take(subject, 0);
        for (size_t j = 0; j < BURST; j++)
            give(subject, 0, frames[j]);
    }
}

static void burst_slice(void *what, double *values)
{
    struct bench_watch watch;

    bench_start(&watch);
    run_bursts(0, what);
    values[0] = bench_stop(&watch) / (2 * BURST * BURSTS);
}

static void burst_slice_both(void *what, double *values)
{
    double elapsed[2];

    bench_both(run_bursts, what, elapsed);
    values[0] = (elapsed[0] + elapsed[1]) / (4 * BURST * BURSTS);
}

static void case_burst(void)
{
    struct bench_contender all[8];

    bench_start_all(8 * CAIRN_GIB);
    for (unsigned i = 0; i < 8; i++)
        all[i] = (struct bench_contender){.name = bench_subjects[i % 4].name,
                                          .slice = i < 4 ? burst_slice
                                                         : burst_slice_both,
                                          .what = &bench_subjects[i % 4]};
    bench_measure(all, 8, 1);
    bench_report_ratio("bursts of 256, a call, 1 thread", 0, &all[CAIRN],
                       &all[FLOOR], (double)NAN);
    bench_report_ratio("bursts of 256, a call, 2 threads", 0, &all[4 + CAIRN],
                       &all[4 + FLOOR], (double)NAN);
}

/* ---- A million frames, then all of them freed in random order ------------ */

#define MILLION ((size_t)1000000)

struct bulk {
    const struct subject *subject;
    uint64_t *frames;
    uint64_t random;
};

static BENCH_NOINLINE void take_million(const struct bulk *bulk)
{
    for (size_t i = 0; i < MILLION; i++)
        bulk->frames[i] = must_take(bulk->subject, 0);
}

static BENCH_NOINLINE void give_million(const struct bulk *bulk)
{
    for (size_t i = 0; i < MILLION; i++)
        give(bulk->subject, 0, bulk->frames[i]);
}

static void bulk_slice(void *what, double *values)
{
    struct bulk *bulk = what;
    struct bench_watch watch;

    bench_start(&watch);
    take_million(bulk);
    values[0] = bench_stop(&watch) / MILLION;
    bench_shuffle(bulk->frames, MILLION, &bulk->random);
    bench_start(&watch);
    give_million(bulk);
    values[1] = bench_stop(&watch) / MILLION;
}

static void case_million(void)
{
    static uint64_t *frames;
    struct bulk bulks[4];
    struct bench_contender all[4];

    bench_start_all(8 * CAIRN_GIB);
    frames = bench_make_array(MILLION);
    for (unsigned i = 0; i < 4; i++) {
        bulks[i] = (struct bulk){&bench_subjects[i], frames, i};
        all[i] = (struct bench_contender){.name = bench_subjects[i].name,
                                          .slice = bulk_slice,
                                          .what = &bulks[i]};
    }
    bench_measure(all, 4, 2);
    free(frames);
    bench_report_ratio("a million allocated, a frame", 0, &all[CAIRN],
                       &all[FLOOR], 3.2);
    bench_report_ratio("a million allocated, a frame", 0, &all[CAIRN],
                       &all[BITMAP], 1);
    bench_report_ratio("a million allocated, a frame", 0, &all[CAIRN],
                       &all[BUDDY], 1);
    bench_report_ratio("then freed in random order, a frame", 1, &all[CAIRN],
                       &all[FLOOR], 6);
    bench_report_ratio("then freed in random order, a frame", 1, &all[CAIRN],
                       &all[BUDDY], 1);
}

/* ---- Allocated by one thread, freed by the other ------------------------- */

/*
 * Deep enough that neither thread follows on the other's heels.  With a ring of
 * 1024, what is measured is whether the two happen to work on the same cache
 * line of the ring: one of 4 and one of 40 ns are both stable.
 */
#define RING_SLOTS   32768
#define RING_NUMBERS ((size_t)1 << 18)

/*
 * A ring for one producer and one consumer.  Each publishes its position after
 * every number, and reads the other's only when the last value that it saw
 * does not let it go on.  L. Lamport, "Specifying Concurrent Program Modules",
 * TOPLAS 5(2), 1983.
 */
static struct {
    uint64_t taken __attribute__((aligned(128))); /* the consumer's */
    uint64_t put_seen;
    uint64_t put __attribute__((aligned(128))); /* the producer's */
    uint64_t taken_seen;
    uint64_t slots[RING_SLOTS] __attribute__((aligned(128)));
} ring;

static inline void ring_put(uint64_t number)
{
    uint64_t at = ring.put;

    while (at - ring.taken_seen == RING_SLOTS) {
        ring.taken_seen = __atomic_load_n(&ring.taken, __ATOMIC_ACQUIRE);
        if (at - ring.taken_seen == RING_SLOTS)
            _mm_pause();
    }
    ring.slots[at % RING_SLOTS] = number;
    __atomic_store_n(&ring.put, at + 1, __ATOMIC_RELEASE);
}

static inline uint64_t ring_take(void)
{
    uint64_t at = ring.taken;
    uint64_t number;

    while (at == ring.put_seen) {
        ring.put_seen = __atomic_load_n(&ring.put, __ATOMIC_ACQUIRE);
        if (at == ring.put_seen)
            _mm_pause();
    }
    number = ring.slots[at % RING_SLOTS];
    __atomic_store_n(&ring.taken, at + 1, __ATOMIC_RELEASE);
    return number;
}

static void run_remote(unsigned thread, void *what)
{
    const struct subject *subject = what;

    for (size_t i = 0; i < RING_NUMBERS; i++) {
        if (thread == 0)
            ring_put(must_take(subject, 0));
        else
            give(subject, 0, ring_take());
    }
}

/* The numbers themselves, to and from nowhere. */
static void run_ring(unsigned thread, void *what)
{
    (void)what;
    for (size_t i = 0; i < RING_NUMBERS; i++) {
        if (thread == 0)
            ring_put(i);
        else
            __asm__ volatile("" : : "r"(ring_take()));
    }
}

static void remote_slice(void *what, double *values)
{
    double elapsed[2];

    if (what == NULL)
        bench_both(run_ring, NULL, elapsed);
    else
        bench_both(run_remote, what, elapsed);
    values[0] = (elapsed[0] + elapsed[1]) / 2 / RING_NUMBERS;
}

static void case_remote(void)
{
    struct bench_contender all[4] = {
        {.name = "bare ring", .slice = remote_slice, .what = NULL},
        {.name = "bitmap",
         .slice = remote_slice,
         .what = &bench_subjects[BITMAP]},
        {.name = "buddy",
         .slice = remote_slice,
         .what = &bench_subjects[BUDDY]},
        {.name = "cairn",
         .slice = remote_slice,
         .what = &bench_subjects[CAIRN]},
    };

    bench_start_all(8 * CAIRN_GIB);
    bench_measure(all, 4, 1);
    bench_report_ratio("allocated here, freed there, a frame", 0, &all[3],
                       &all[0], 2);
}

/* ---- Random churn -------------------------------------------------------- */

#define CHURN_BYTES CAIRN_GIB
#define CHURN_STEPS ((size_t)1 << 17)

/* Free one at random and allocate another, `steps` times. */
BENCH_NOINLINE void bench_run_churn(struct churn *churn, size_t steps)
{
    const struct subject *subject = churn->subject;
    uint64_t random = churn->random;

    for (size_t i = 0; i < steps; i++) {
        uint64_t *one = &churn->live[bench_random(&random, churn->count)];

        give(subject, 0, *one);
        *one = must_take(subject, 0);
    }
    churn->random = random;
}

struct churn bench_make_churn(const struct subject *subject, uint64_t total,
                              unsigned percent, uint64_t seed)
{
    struct churn churn = {subject, bench_make_array((size_t)total),
                          (size_t)(total * percent / 100), total, seed};

    for (uint64_t i = 0; i < total; i++)
        churn.live[i] = must_take(subject, 0);
    bench_shuffle(churn.live, (size_t)total, &churn.random);
    for (uint64_t i = churn.count; i < total; i++)
        give(subject, 0, churn.live[i]);
    return churn;
}

static void churn_slice(void *what, double *values)
{
    struct bench_watch watch;

    bench_start(&watch);
    bench_run_churn(what, CHURN_STEPS);
    values[0] = bench_stop(&watch) / (2 * CHURN_STEPS);
}

/*
 * The slowest 0.1 % of frees, in nanoseconds: from the time-stamp counter's
 * reading before to the one after, and both are in it.
 */
static void slowest_slice(void *what, double *values)
{
    static uint32_t histogram[1 << 16];
    struct churn *churn = what;
    uint32_t left = CHURN_STEPS / 1000;
    size_t ticks = sizeof(histogram) / sizeof(histogram[0]);

    memset(histogram, 0, sizeof(histogram));
    for (size_t i = 0; i < CHURN_STEPS; i++) {
        uint64_t *one =
            &churn->live[bench_random(&churn->random, churn->count)];
        uint64_t frame = *one;
        uint64_t begin;
        uint64_t end;

        _mm_lfence();
        begin = __rdtsc();
        _mm_lfence();
        give(churn->subject, 0, frame);
        _mm_lfence();
        end = __rdtsc();
        histogram[cairn__min(end - begin, ticks - 1)]++;
        *one = must_take(churn->subject, 0);
    }
    while (histogram[ticks - 1] <= left)
        left -= histogram[--ticks];
    values[0] = (double)(ticks - 1) * bench_tick_ns();
}

/* Churn until it is steady: 20 times the live frames. */
static void make_steady(struct churn churns[5], unsigned percent_too)
{
    uint64_t total = bench_start_all(CHURN_BYTES);

    make_machine(1, CHURN_BYTES, true);
    for (unsigned i = 0; i < 5; i++) {
        churns[i] = bench_make_churn(&bench_subjects[i], total,
                                     i == CAIRN_TOO ? percent_too : 50, i);
        bench_run_churn(&churns[i], 20 * churns[i].count);
    }
}

static void end_steady(struct churn churns[5])
{
    for (unsigned i = 0; i < 5; i++)
        free(churns[i].live);
}

/* 50 % full against another fullness. */
static void report_churn(unsigned percent, double bar)
{
    char name[64];
    struct churn churns[5];
    struct bench_contender all[5];

    make_steady(churns, percent);
    for (unsigned i = 0; i < 5; i++)
        all[i] = (struct bench_contender){.name = bench_subjects[i].name,
                                          .slice = churn_slice,
                                          .what = &churns[i]};
    bench_measure(all, 5, 1);
    if (percent == 99)
        bench_report_ratio("random churn, 50 % full, a call", 0, &all[CAIRN],
                           &all[FLOOR], 4);
    all[CAIRN].name = "50 % full";
    snprintf(name, sizeof(name), "random churn, %u %% full, a call", percent);
    bench_report_ratio(name, 0, &all[CAIRN_TOO], &all[CAIRN], bar);
    end_steady(churns);
}

static void case_churn(void)
{
    report_churn(99, 2);
    report_churn(90, (double)NAN);
}

static void case_slowest(void)
{
    struct churn churns[5];
    struct bench_contender all[4];

    make_steady(churns, 50);
    for (unsigned i = 0; i < 4; i++)
        all[i] = (struct bench_contender){.name = bench_subjects[i].name,
                                          .slice = slowest_slice,
                                          .what = &churns[i]};
    bench_measure(all, 4, 1);
    bench_report_ratio("slowest 0.1 % of frees, 50 % full", 0, &all[CAIRN],
                       &all[BITMAP], 1.5);
    end_steady(churns);
}

/* ---- Start-up ------------------------------------------------------------ */

/*
 * The first start on a machine makes the host supply the pages for what is
 * written; the later ones, which are timed, find them there.
 */
static void start_slice(void *what, double *values)
{
    const uint64_t *bytes = what;
    struct bench_watch watch;

    make_map(&machines[0], BASE, *bytes);
    bench_start(&watch);
    start_cairn(&machines[0]);
    values[0] = bench_stop(&watch) / 1000;
}

/* Pages of metadata that were written though their section is untouched. */
static uint64_t count_written(const struct cairn_frames *frames)
{
    uint64_t written = 0;

    for (uint64_t i = 0; i < frames->slot_count; i++) {
        const struct cairn__slot *slot = &frames->slots[i];
        uintptr_t at = (uintptr_t)slot->storage;
        uintptr_t end = at + sizeof(struct cairn__section);
        unsigned char resident[sizeof(struct cairn__section) / 4096 + 1];

        if (slot->section == slot->storage)
            continue;
        /* Whole pages of this section; others are its neighbours' too. */
        at = (at + 4095) & ~(uintptr_t)4095;
        end &= ~(uintptr_t)4095;
        if (mincore((void *)at, end - at, resident) != 0)
            bench_fail("mincore");
        for (size_t page = 0; page < (end - at) / 4096; page++)
            written += resident[page] & 1;
    }
    return written;
}

static void report_start(const char *name, uint64_t bytes, double bar)
{
    struct bench_contender start = {
        .name = name, .slice = start_slice, .what = &bytes};
    struct bench_result line = {.name = name,
                                .unit = "us",
                                .ratio = (double)NAN,
                                .kind = bar > 0 ? BENCH_AT_MOST : BENCH_NO_BAR,
                                .bar = bar};

    make_machine(0, bytes, false);
    bench_measure(&start, 1, 1);
    line.value = start.medians[0];
    bench_report(&line);
}

static void case_start(void)
{
    struct bench_result written = {.name = "1 TiB: pages of untouched sections",
                                   .unit = "written",
                                   .ratio = (double)NAN,
                                   .kind = BENCH_AT_MOST,
                                   .bar = 0};

    report_start("start-up, 4 GiB", 4 * CAIRN_GIB, 0);
    report_start("start-up, 64 GiB", 64 * CAIRN_GIB, 0);
    report_start("start-up, 1 TiB", CAIRN_TIB, 100);
    written.value = (double)count_written(&machines[0].frames);
    report_start("start-up, 16 TiB", 16 * CAIRN_TIB, 0);
    bench_report(&written);
    sim_ram_reset();
}

/* All that was taken out of the map, and the structure that the host keeps. */
static void case_metadata(void)
{
    uint64_t bytes = 8 * CAIRN_GIB;
    struct cairn_memmap_totals totals;
    struct bench_result line = {.name = "metadata, share of 8 GiB",
                                .unit = "B/frame",
                                .to = "frame, in %",
                                .kind = BENCH_AT_MOST,
                                .bar = 0.03};

    make_machine(0, bytes, false);
    cairn_memmap_totals(&machines[0].map, &totals);
    line.value = (double)(totals.kind_bytes[CAIRN_MEMORY_KERNEL] +
                          sizeof(struct cairn_frames)) *
                 CAIRN_FRAME_SIZE / (double)bytes;
    line.ratio = line.value * 100 / CAIRN_FRAME_SIZE;
    bench_report(&line);
}

/* ---- The list ------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"pair-0", case_pair_0},     {"burst", case_burst},
        {"million", case_million},   {"remote", case_remote},
        {"churn", case_churn},       {"pair-3", case_pair_3},
        {"pair-9", case_pair_9},     {"slowest", case_slowest},
        {"start", case_start},       {"metadata", case_metadata},
        {"whole", bench_case_whole},
    };

    memcpy(bench_subjects[BITMAP].free, bench_bitmap_free,
           sizeof(bench_bitmap_free));
    return bench_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
