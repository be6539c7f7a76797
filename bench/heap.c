/*
 * heap.c - benchmark of the heap, as malloc, against other mallocs.
 *
 * WHAT   pair      allocate a block, write to it, free it: 16 B to 1 MiB
 *        batch     10^4 or 2 * 10^5 blocks of 64 B, written to, then freed in
 *                  the order of their allocation, the reverse, or at random
 *        churn     50000 blocks of 16 to 515 B live; one is freed, another
 *                  allocated in its place
 *        realloc   a block grows by an eighth at a time, from 16 B to 8 MiB
 *        across    one thread allocates, another frees
 *        threads   two threads, each with pairs of its own
 *        waste     what the size classes waste inside of blocks, for the sizes
 *                  that programs asked for (bench/heap_sizes.h)
 *
 * WITH   cairn     build/malloc/libcairn-malloc.so, at its default level
 *        cairn-0   the same at level 0
 *        and Debian's mimalloc 2.0, tcmalloc (minimal), jemalloc, and glibc.
 *
 *        All are loaded into this process and called through pointers, in
 *        turns.  Libraries that have more thread-local storage than is set
 *        aside for those that come late make the program start itself again,
 *        with more.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "bench/bench.h"
#include "bench/heap_sizes.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST       ((size_t)200000)
#define LIVE       ((size_t)50000)
#define PAIRS      ((size_t)100000)
#define CHURNS     ((size_t)100000)
#define ACROSS     ((size_t)400000)
#define RING       ((size_t)4096)
#define GROWN      ((size_t)8 << 20)
#define WORST      1.4  /* no single case may be slower than that */
#define MEAN       1.05 /* nor all of them on average */
#define RATIOS_MAX 64

enum {
    CAIRN,
    CAIRN_0,
    MIMALLOC,
    TCMALLOC,
    JEMALLOC,
    GLIBC,
    SUBJECTS
};

struct subject {
    const char *name;
    void *(*malloc)(size_t size);
    void (*free)(void *block);
    void *(*realloc)(void *block, size_t size);
    size_t (*usable)(void *block);
};

static struct subject subjects[SUBJECTS];
static void *blocks[MOST];
static uint64_t order[MOST];
static double ratios[RATIOS_MAX];
static size_t ratio_count;

/* ---- Loading ------------------------------------------------------------- */

#define LIBRARIES "/usr/lib/x86_64-linux-gnu/"
#define TUNABLES  "GLIBC_TUNABLES"

/* build/malloc/libcairn-malloc.so beside build/bench/heap. */
static void find_cairn(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);

    if (length < 0)
        bench_fail("where am I?");
    path[length] = '\0';
    *strrchr(path, '/') = '\0';
    *strrchr(path, '/') = '\0';
    strncat(path, "/malloc/libcairn-malloc.so", size - strlen(path) - 1);
}

/* The same file twice is the same library; so load a copy. */
static void copy_file(const char *from, char *to, size_t size)
{
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = memfd_create("cairn-0", 0);
    struct stat status;

    if (source < 0 || target < 0 || fstat(source, &status) != 0 ||
        sendfile(target, source, NULL, (size_t)status.st_size) !=
            status.st_size)
        bench_fail("cannot copy %s", from);
    close(source);
    snprintf(to, size, "/proc/self/fd/%d", target);
}

static void load(struct subject *subject, const char *name, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL)
        bench_fail("%s (tools/setup bench installs them)", dlerror());
    subject->name = name;
    *(void **)&subject->malloc = dlsym(library, "malloc");
    *(void **)&subject->free = dlsym(library, "free");
    *(void **)&subject->realloc = dlsym(library, "realloc");
    *(void **)&subject->usable = dlsym(library, "malloc_usable_size");
}

/* Cairn reads its level when it allocates first. */
static void load_cairn(unsigned nth, const char *name, const char *path,
                       const char *level)
{
    load(&subjects[nth], name, path);
    setenv("CAIRN_MALLOC_LEVEL", level, 1);
    subjects[nth].free(subjects[nth].malloc(1));
    unsetenv("CAIRN_MALLOC_LEVEL");
}

static void load_all(void)
{
    char path[4096];
    char copy[64];

    find_cairn(path, sizeof(path));
    copy_file(path, copy, sizeof(copy));
    load_cairn(CAIRN, "cairn", path, "1");
    load_cairn(CAIRN_0, "cairn-0", copy, "0");
    load(&subjects[MIMALLOC], "mimalloc", LIBRARIES "libmimalloc.so.2");
    load(&subjects[TCMALLOC], "tcmalloc", LIBRARIES "libtcmalloc_minimal.so.4");
    load(&subjects[JEMALLOC], "jemalloc", LIBRARIES "libjemalloc.so.2");
    load(&subjects[GLIBC], "glibc", LIBRARIES "libc.so.6");
}

/* ---- Measuring and reporting --------------------------------------------- */

/* All subjects in turns; `size` is what the slice wants to know. */
static size_t parameter;

static void measure(struct bench_contender *contenders,
                    void (*slice)(void *what, double *values), size_t values)
{
    for (unsigned i = 0; i < SUBJECTS; i++)
        contenders[i] = (struct bench_contender){
            .name = subjects[i].name, .slice = slice, .what = &subjects[i]};
    bench_measure(contenders, SUBJECTS, values);
}

/* Against all others; mimalloc is the one that counts. */
static void report(const char *name, size_t value,
                   const struct bench_contender *contenders, double bar)
{
    bench_report_ratio(name, value, &contenders[CAIRN], &contenders[MIMALLOC],
                       bar);
    if (ratio_count < RATIOS_MAX)
        ratios[ratio_count++] =
            bench_ratio(&contenders[CAIRN], &contenders[MIMALLOC], value);
    for (unsigned i = TCMALLOC; bench_has_details() && i < SUBJECTS; i++)
        bench_report_ratio(name, value, &contenders[CAIRN], &contenders[i],
                           (double)NAN);
}

/* ---- Pairs --------------------------------------------------------------- */

static double time_pairs(const struct subject *subject, size_t size,
                         size_t count)
{
    struct bench_watch watch;

    bench_start(&watch);
    for (size_t i = 0; i < count; i++) {
        volatile char *block = subject->malloc(size);

        *block = 1;
        subject->free((void *)(uintptr_t)block);
    }
    return bench_stop(&watch) / (double)count;
}

static void pair_slice(void *what, double *values)
{
    values[0] = time_pairs(what, parameter, PAIRS);
}

static void two_sizes_slice(void *what, double *values)
{
    values[0] = time_pairs(what, 64, PAIRS);
    values[1] = time_pairs(what, (size_t)1 << 20, PAIRS);
}

static void report_pair_of_64(const struct bench_contender *contenders)
{
    bench_report_ratio("pair, 64 B, level 0", 0, &contenders[CAIRN_0],
                       &contenders[GLIBC], 0.5);
    bench_report_ratio("pair, 64 B, level 0", 0, &contenders[CAIRN_0],
                       &contenders[MIMALLOC], 1);
    bench_report_ratio("pair, 64 B, level 0", 0, &contenders[CAIRN_0],
                       &contenders[TCMALLOC], 1);
    bench_report_ratio("pair, 64 B", 0, &contenders[CAIRN], &contenders[GLIBC],
                       0.6);
}

static void case_pair(void)
{
    static const size_t sizes[] = {16,   64,    256,   1024,
                                   4096, 16384, 65536, 1 << 20};
    struct bench_contender contenders[SUBJECTS];
    struct bench_contender large;
    char name[64];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        parameter = sizes[i];
        measure(contenders, pair_slice, 1);
        snprintf(name, sizeof(name), "pair, %zu B", sizes[i]);
        report(name, 0, contenders, WORST);
        if (sizes[i] == 64)
            report_pair_of_64(contenders);
    }
    measure(contenders, two_sizes_slice, 2);
    large = contenders[CAIRN];
    large.name = "a pair of 64 B";
    memcpy(large.values[1], large.values[0], sizeof(large.values[0]));
    bench_report_ratio("pair, 1 MiB", 1, &contenders[CAIRN], &large, 2);
}

/* ---- Batches ------------------------------------------------------------- */

static size_t batch_count;

static void batch_slice(void *what, double *values)
{
    const struct subject *subject = what;
    struct bench_watch watch;

    bench_start(&watch);
    for (size_t i = 0; i < batch_count; i++) {
        blocks[i] = subject->malloc(64);
        *(volatile char *)blocks[i] = 1;
    }
    values[0] = bench_stop(&watch) / (double)batch_count;
    bench_start(&watch);
    for (size_t i = 0; i < batch_count; i++)
        subject->free(blocks[order[i]]);
    values[1] = bench_stop(&watch) / (double)batch_count;
}

static void measure_batch(size_t count, const char *how, double bar)
{
    struct bench_contender contenders[SUBJECTS];
    char name[64];

    batch_count = count;
    measure(contenders, batch_slice, 2);
    snprintf(name, sizeof(name), "batch of %zu, allocate, then %s", count, how);
    report(name, 0, contenders, bar);
    snprintf(name, sizeof(name), "batch of %zu, free %s", count, how);
    report(name, 1, contenders, bar);
}

static void measure_batches(size_t count, double bar)
{
    uint64_t seed = count;

    for (size_t i = 0; i < count; i++)
        order[i] = i;
    measure_batch(count, "in order", WORST);
    for (size_t i = 0; i < count; i++)
        order[i] = count - 1 - i;
    measure_batch(count, "in reverse", WORST);
    bench_shuffle(order, count, &seed);
    measure_batch(count, "at random", bar);
}

static void case_batch(void)
{
    measure_batches(10000, WORST);
    measure_batches(MOST, 1);
}

/* ---- Churn, growth ------------------------------------------------------- */

static size_t random_size(uint64_t *seed)
{
    return 16 + (size_t)bench_random(seed, 500);
}

static void churn_slice(void *what, double *values)
{
    const struct subject *subject = what;
    uint64_t seed = 1;
    struct bench_watch watch;

    for (size_t i = 0; i < LIVE; i++)
        blocks[i] = subject->malloc(random_size(&seed));
    for (size_t i = 0; i < 2 * CHURNS; i++) {
        size_t nth = (size_t)bench_random(&seed, LIVE);

        if (i == CHURNS)
            bench_start(&watch);
        subject->free(blocks[nth]);
        blocks[nth] = subject->malloc(random_size(&seed));
        *(volatile char *)blocks[nth] = 1;
    }
    values[0] = bench_stop(&watch) / (double)CHURNS;
    for (size_t i = 0; i < LIVE; i++)
        subject->free(blocks[i]);
}

static void case_churn(void)
{
    struct bench_contender contenders[SUBJECTS];

    measure(contenders, churn_slice, 1);
    report("churn, 50000 live", 0, contenders, WORST);
}

static void growth_slice(void *what, double *values)
{
    const struct subject *subject = what;
    struct bench_watch watch;
    char *block = NULL;
    size_t steps = 0;

    bench_start(&watch);
    for (size_t size = 16; size < GROWN; size += size / 8 + 16, steps++) {
        block = subject->realloc(block, size);
        block[size - 1] = 1;
    }
    subject->free(block);
    values[0] = bench_stop(&watch) / (double)steps;
}

static void case_realloc(void)
{
    struct bench_contender contenders[SUBJECTS];

    measure(contenders, growth_slice, 1);
    report("realloc, a step up to 8 MiB", 0, contenders, WORST);
}

/* ---- Threads ------------------------------------------------------------- */

static struct {
    void *slots[RING];
    size_t put __attribute__((aligned(128)));
    size_t got __attribute__((aligned(128)));
} ring;

static void produce(const struct subject *subject)
{
    for (size_t i = 0; i < ACROSS; i++) {
        void *block = subject->malloc(64);

        *(volatile char *)block = 1;
        while (i - __atomic_load_n(&ring.got, __ATOMIC_ACQUIRE) >= RING)
            __builtin_ia32_pause();
        ring.slots[i % RING] = block;
        __atomic_store_n(&ring.put, i + 1, __ATOMIC_RELEASE);
    }
}

static void consume(const struct subject *subject)
{
    for (size_t i = 0; i < ACROSS; i++) {
        while (__atomic_load_n(&ring.put, __ATOMIC_ACQUIRE) == i)
            __builtin_ia32_pause();
        subject->free(ring.slots[i % RING]);
        __atomic_store_n(&ring.got, i + 1, __ATOMIC_RELEASE);
    }
}

static void across(unsigned thread, void *what)
{
    if (thread == 0)
        produce(what);
    else
        consume(what);
}

static void across_slice(void *what, double *values)
{
    double elapsed[2];

    ring.put = 0;
    ring.got = 0;
    bench_both(across, what, elapsed);
    values[0] =
        (elapsed[0] > elapsed[1] ? elapsed[0] : elapsed[1]) / (double)ACROSS;
}

static void pairs_on_both(unsigned thread, void *what)
{
    (void)thread;
    (void)time_pairs(what, 64, PAIRS);
}

/* Alone, then both. */
static void threads_slice(void *what, double *values)
{
    double elapsed[2];

    values[0] = time_pairs(what, 64, PAIRS);
    bench_both(pairs_on_both, what, elapsed);
    values[1] = (elapsed[0] + elapsed[1]) / 2 / (double)PAIRS;
}

static void case_threads(void)
{
    struct bench_contender contenders[SUBJECTS];
    struct bench_contender alone;

    measure(contenders, across_slice, 1);
    report("allocated here, freed there", 0, contenders, WORST);
    measure(contenders, threads_slice, 2);
    report("pair, 64 B, on both of two threads", 1, contenders, WORST);
    alone = contenders[CAIRN];
    alone.name = "one thread";
    memcpy(alone.values[1], alone.values[0], sizeof(alone.values[0]));
    bench_report_ratio("pair, 64 B, on both of two threads", 1,
                       &contenders[CAIRN], &alone, 1.1);
}

/* ---- Waste --------------------------------------------------------------- */

static double waste_of(const struct subject *subject,
                       const struct bench_heap_trace *trace)
{
    double asked = 0;
    double used = 0;

    for (size_t i = 0; i < trace->count; i++) {
        const struct bench_heap_size *size = &trace->sizes[i];
        void *block = subject->malloc(size->bytes);

        asked += (double)size->bytes * (double)size->blocks;
        used += (double)subject->usable(block) * (double)size->blocks;
        subject->free(block);
    }
    return 100 * (1 - asked / used);
}

static void case_waste(void)
{
    char name[64];

    for (size_t i = 0; i < BENCH_HEAP_TRACES; i++) {
        const struct bench_heap_trace *trace = &bench_heap_traces[i];

        snprintf(name, sizeof(name), "waste inside of blocks, %s", trace->name);
        bench_report(&(struct bench_result){
            .name = name,
            .value = waste_of(&subjects[CAIRN], trace),
            .unit = "%",
            .ratio = (double)NAN,
            .kind = BENCH_AT_MOST,
            .bar = 12,
        });
    }
}

/* ---- All ----------------------------------------------------------------- */

static void case_mean(void)
{
    double logarithms = 0;

    if (ratio_count == 0)
        return;
    for (size_t i = 0; i < ratio_count; i++)
        logarithms += log(ratios[i]);
    bench_report(&(struct bench_result){
        .name = "geometric mean of the ratios to mimalloc",
        .value = exp(logarithms / (double)ratio_count),
        .unit = "",
        .ratio = (double)NAN,
        .kind = BENCH_AT_MOST,
        .bar = MEAN,
    });
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"pair", case_pair},       {"batch", case_batch},
        {"churn", case_churn},     {"realloc", case_realloc},
        {"threads", case_threads}, {"waste", case_waste},
        {"mean", case_mean},
    };

    if (getenv(TUNABLES) == NULL) {
        setenv(TUNABLES, "glibc.rtld.optional_static_tls=65536", 1);
        execv("/proc/self/exe", argv);
    }
    load_all();
    return bench_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
