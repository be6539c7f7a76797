/*
 * bench.c - what all benchmarks share; see bench.h.
 *
 * HOW    The second thread lives as long as the program and sleeps between the
 *        slices that need it.  A slice begins for both when both have arrived
 *        at a counter on which they spin.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "bench/bench.h"

#include "sim/platform.h"
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS_DEFAULT 11
#define STACK_BYTES    ((size_t)64 << 20) /* with thread-local arrays */
/* Attempts at an undisturbed slice, for each that is wanted. */
#define ATTEMPTS 10

static struct {
    const char *only;
    unsigned rounds;
    double seconds; /* at least, a case */
    bool has_details;
    bool is_list;
} options = {NULL, ROUNDS_DEFAULT, 0, false, false};

static const char *program = "bench";
static unsigned ok_count;
static unsigned short_count;

/* ---- Memory -------------------------------------------------------------- */

#define LARGE_PAGE ((size_t)2 << 20)

static size_t round_up(size_t bytes)
{
    return (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
}

void bench_prefer_large_pages(void *memory, size_t bytes)
{
    /* A host without them still measures, more slowly. */
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
}

void *bench_map(size_t bytes)
{
    size_t whole = round_up(bytes);
    char *memory = mmap(NULL, whole + LARGE_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t skipped;

    if (memory == MAP_FAILED)
        bench_fail("no memory for %zu bytes", bytes);
    skipped = round_up((uintptr_t)memory) - (uintptr_t)memory;
    if (skipped > 0)
        munmap(memory, skipped);
    if (skipped < LARGE_PAGE)
        munmap(memory + skipped + whole, LARGE_PAGE - skipped);
    bench_prefer_large_pages(memory + skipped, whole);
    return memory + skipped;
}

void bench_unmap(void *memory, size_t bytes)
{
    munmap(memory, round_up(bytes));
}

/* ---- Clocks -------------------------------------------------------------- */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void bench_start(struct bench_watch *watch)
{
    watch->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    watch->wall_ns = now_ns(CLOCK_MONOTONIC);
}

double bench_stop(const struct bench_watch *watch)
{
    double wall = (double)(now_ns(CLOCK_MONOTONIC) - watch->wall_ns);
    double cpu = (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - watch->cpu_ns);

    /* Reading the clocks takes part of a microsecond. */
    return wall - cpu > wall / 100 + 5000 ? (double)NAN : wall;
}

double bench_tick_ns(void)
{
    static double tick;

    if (tick == 0) {
        uint64_t wall = now_ns(CLOCK_MONOTONIC);
        uint64_t ticks = __rdtsc();

        while (now_ns(CLOCK_MONOTONIC) - wall < 20000000)
            ;
        wall = now_ns(CLOCK_MONOTONIC) - wall;
        tick = (double)wall / (double)(__rdtsc() - ticks);
    }
    return tick;
}

/* ---- Threads ------------------------------------------------------------- */

static struct {
    sem_t begin;
    sem_t end;
    unsigned arrived;
    void (*body)(unsigned thread, void *what);
    void *what;
    double elapsed;
    uint64_t begun_ns[2];
} helper;

static void settle_on(unsigned core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        bench_fail("no core %u: this needs two", core);
    sim_set_cpu(core);
}

static double run_body(unsigned thread)
{
    struct bench_watch watch;

    __atomic_fetch_add(&helper.arrived, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&helper.arrived, __ATOMIC_ACQUIRE) < 2)
        _mm_pause();
    bench_start(&watch);
    helper.begun_ns[thread] = watch.wall_ns;
    helper.body(thread, helper.what);
    return bench_stop(&watch);
}

/* Did they run one after the other, because one lost its core at the start? */
static bool began_apart(double elapsed)
{
    int64_t apart = (int64_t)(helper.begun_ns[1] - helper.begun_ns[0]);

    return (double)llabs(apart) > elapsed / 100 + 5000;
}

static void *help(void *unused)
{
    settle_on(1);
    for (;;) {
        while (sem_wait(&helper.begin) != 0)
            ;
        helper.elapsed = run_body(1);
        sem_post(&helper.end);
    }
    return unused;
}

void bench_both(void (*body)(unsigned thread, void *what), void *what,
                double elapsed[2])
{
    helper.arrived = 0;
    helper.body = body;
    helper.what = what;
    sem_post(&helper.begin);
    elapsed[0] = run_body(0);
    while (sem_wait(&helper.end) != 0)
        ;
    elapsed[1] = helper.elapsed;
    if (began_apart(elapsed[0]))
        elapsed[0] = elapsed[1] = (double)NAN;
}

static void start_helper(void)
{
    struct sched_param priority = {.sched_priority = 1};
    pthread_attr_t attributes;
    pthread_t thread;

    /* Before other jobs, if that is allowed; threads inherit it. */
    (void)sched_setscheduler(0, SCHED_FIFO, &priority);
    sem_init(&helper.begin, 0, 0);
    sem_init(&helper.end, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&thread, &attributes, help, NULL) != 0)
        bench_fail("no second thread");
    settle_on(0);
}

/* ---- Measuring ----------------------------------------------------------- */

/* What one value of one contender was in each round. */
static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sort what there is and count it. */
static unsigned sort(const double *values, unsigned count, double *out)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++) {
        if (!isnan(values[i]))
            out[kept++] = values[i];
    }
    qsort(out, kept, sizeof(double), compare);
    return kept;
}

static double median(const double *values, unsigned count)
{
    double sorted[BENCH_ROUNDS_MAX];
    unsigned kept = sort(values, count, sorted);

    if (kept == 0)
        return (double)NAN;
    return (sorted[(kept - 1) / 2] + sorted[kept / 2]) / 2;
}

/*
 * How the two compare, as the median over the rounds: a machine that is slow
 * for a while is so for both.
 */
double bench_ratio(const struct bench_contender *one,
                   const struct bench_contender *other, size_t value)
{
    double ratios[BENCH_ROUNDS_MAX];

    for (unsigned i = 0; i < one->round_count; i++)
        ratios[i] = one->values[value][i] / other->values[value][i];
    return median(ratios, one->round_count);
}

/* One slice, again while it is disturbed; what stays disturbed is not kept. */
static void run_slice(struct bench_contender *contender, size_t values)
{
    unsigned round = contender->round_count++;
    double got[BENCH_VALUES_MAX];
    bool is_whole = false;

    for (unsigned i = 0; i < ATTEMPTS && !is_whole; i++) {
        is_whole = true;
        contender->slice(contender->what, got);
        for (size_t j = 0; j < values; j++)
            is_whole &= !isnan(got[j]);
    }
    for (size_t j = 0; j < values; j++)
        contender->values[j][round] = is_whole ? got[j] : (double)NAN;
}

static void show_details(const struct bench_contender *contender, size_t values)
{
    double sorted[BENCH_ROUNDS_MAX];
    unsigned kept = 0;

    fprintf(stderr, "  # %-28s", contender->name);
    for (size_t i = 0; i < values; i++) {
        kept = sort(contender->values[i], contender->round_count, sorted);
        fprintf(stderr, " %9.3g (%.3g .. %.3g)", contender->medians[i],
                sorted[0], sorted[kept - 1]);
    }
    fprintf(stderr, "  %u slices of %u\n", kept, contender->round_count);
}

static void finish(struct bench_contender *contender, size_t values)
{
    for (size_t i = 0; i < values; i++) {
        contender->medians[i] =
            median(contender->values[i], contender->round_count);
        if (isnan(contender->medians[i]))
            bench_fail("%s: every slice was disturbed; is another job "
                       "running?",
                       contender->name);
    }
    if (options.has_details)
        show_details(contender, values);
}

void bench_measure(struct bench_contender *contenders, size_t count,
                   size_t values)
{
    uint64_t begin = now_ns(CLOCK_MONOTONIC);
    double elapsed = 0;

    if (values > BENCH_VALUES_MAX)
        bench_fail("%zu values", values);
    for (size_t i = 0; i < count; i++)
        contenders[i].round_count = 0;
    for (unsigned round = 0;
         round < options.rounds ||
         (elapsed < options.seconds && round < BENCH_ROUNDS_MAX);
         round++) {
        for (size_t i = 0; i < count; i++)
            run_slice(&contenders[i], values);
        elapsed = (double)(now_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    }
    for (size_t i = 0; i < count; i++)
        finish(&contenders[i], values);
}

void bench_shuffle(uint64_t *numbers, size_t count, uint64_t *state)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)bench_random(state, i);
        uint64_t number = numbers[other];

        numbers[other] = numbers[i - 1];
        numbers[i - 1] = number;
    }
}

/* ---- The report ---------------------------------------------------------- */

static bool has_progress(void)
{
    return isatty(STDERR_FILENO) != 0;
}

/* Three or more digits, and no exponent. */
static const char *show(char *text, size_t size, double value)
{
    int digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;

    if (isnan(value))
        snprintf(text, size, "-");
    else
        snprintf(text, size, "%.*f", digits, value);
    return text;
}

static bool is_ok(const struct bench_result *result)
{
    double judged = isnan(result->ratio) ? result->value : result->ratio;

    if (result->kind == BENCH_NO_BAR)
        return true;
    return result->kind == BENCH_AT_MOST ? judged <= result->bar
                                         : judged >= result->bar;
}

void bench_report(const struct bench_result *result)
{
    static const char *const signs[] = {"", "<= ", ">= "};
    char value[32];
    char ratio[32];
    char number[32];
    char bar[64] = "-";

    if (result->kind != BENCH_NO_BAR)
        snprintf(bar, sizeof(bar), "%s%s", signs[result->kind],
                 show(number, sizeof(number), result->bar));
    if (has_progress())
        fprintf(stderr, "\r\033[K");
    printf("%-44s %9s %-8s %7s %-16s %9s  %s\n", result->name,
           show(value, sizeof(value), result->value), result->unit,
           show(ratio, sizeof(ratio), result->ratio),
           result->to != NULL ? result->to : "-", bar,
           is_ok(result) ? "ok" : "SHORT");
    fflush(stdout);
    if (is_ok(result))
        ok_count++;
    else
        short_count++;
}

void bench_report_ratio(const char *name, size_t value,
                        const struct bench_contender *one,
                        const struct bench_contender *other, double bar)
{
    struct bench_result result = {
        .name = name,
        .value = one->medians[value],
        .unit = "ns",
        .ratio = bench_ratio(one, other, value),
        .to = other->name,
        .kind = isnan(bar) ? BENCH_NO_BAR : BENCH_AT_MOST,
        .bar = bar,
    };

    bench_report(&result);
}

bool bench_has_details(void)
{
    return options.has_details;
}

void bench_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(3);
}

/* ---- The program --------------------------------------------------------- */

static void usage(FILE *to)
{
    fprintf(to,
            "Usage: %s [--only PART] [--repeat N] [--seconds S] [--details]\n"
            "       %s --list | --help\n"
            "\n"
            "Prints a line for each result: name, value, unit, ratio, what\n"
            "it is a ratio to, bar, and ok or SHORT.  Exits 1 when there is\n"
            "a SHORT.\n"
            "\n"
            "  --only PART   only cases whose name contains PART\n"
            "  --repeat N    rounds of each case (default %u)\n"
            "  --seconds S   go on with rounds for S seconds a case\n"
            "  --details     medians and ranges of all contenders too\n"
            "  --list        name the cases\n",
            program, program, ROUNDS_DEFAULT);
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"only", required_argument, NULL, 'o'},
        {"repeat", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"details", no_argument, NULL, 'd'},
        {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (letter == 'h') {
            usage(stdout);
            return 0;
        }
        if (letter == 'o')
            options.only = optarg;
        else if (letter == 'r')
            options.rounds = (unsigned)strtoul(optarg, NULL, 10);
        else if (letter == 's')
            options.seconds = strtod(optarg, NULL);
        else if (letter == 'd')
            options.has_details = true;
        else if (letter == 'l')
            options.is_list = true;
        else
            return 2;
    }
    if (optind < argc || options.rounds == 0 ||
        options.rounds > BENCH_ROUNDS_MAX) {
        usage(stderr);
        return 2;
    }
    return -1;
}

static bool is_chosen(const struct bench_case *one)
{
    return options.only == NULL || strstr(one->name, options.only) != NULL;
}

static void run_case(const struct bench_case *one)
{
    if (options.is_list) {
        printf("%s\n", one->name);
        return;
    }
    if (has_progress())
        fprintf(stderr, "\r\033[K%s ...", one->name);
    if (options.has_details)
        fprintf(stderr, "%s\n", one->name);
    one->run();
}

int bench_main(int argc, char **argv, const struct bench_case *cases,
               size_t count)
{
    const char *slash = strrchr(argv[0], '/');
    uint64_t begin = now_ns(CLOCK_MONOTONIC);
    int status;

    program = slash != NULL ? slash + 1 : argv[0];
    status = read_options(argc, argv);
    if (status >= 0)
        return status;
    start_helper();
    if (!options.is_list)
        printf("%-44s %9s %-8s %7s %-16s %9s\n", "case", "value", "unit",
               "ratio", "to", "bar");
    for (size_t i = 0; i < count; i++) {
        if (is_chosen(&cases[i]))
            run_case(&cases[i]);
    }
    if (options.is_list)
        return 0;
    printf("%s: %u ok, %u SHORT, %.1f s\n", program, ok_count, short_count,
           (double)(now_ns(CLOCK_MONOTONIC) - begin) / 1e9);
    return short_count == 0 ? 0 : 1;
}
