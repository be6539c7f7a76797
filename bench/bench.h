/*
 * bench.h - what all benchmarks share: rounds, clocks, threads, the report.
 *
 * WHAT   A benchmark is a list of cases.  A case measures a few contenders (a
 *        floor, baselines, Cairn) and reports lines, each a value or a ratio
 *        of two values and the bar it has to clear.
 *
 * HOW    The contenders of a case run in turns, A B C A B C, one slice each, so
 *        that whatever else the machine does meets all of them alike.  A ratio
 *        is the median of the rounds' ratios.  A slice in which a thread lost
 *        its core, which its CPU time tells, is dropped and run again.  The
 *        program gives itself priority over other jobs if it may; still, a
 *        busy machine makes bad measurements.
 *
 * OUTPUT One line a result: name, value, unit, ratio, what it is a ratio to,
 *        bar, and `ok` or `SHORT`.  A ratio of `-` means that the bar is one
 *        for the value; a bar of `-` that the line is for information.
 *        Progress and --details go to stderr.
 *
 * LIMITS Two threads, on the first two cores of the machine.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_NOINLINE __attribute__((noinline))

/* ---- Cases --------------------------------------------------------------- */

struct bench_case {
    const char *name; /* what --only is compared with */
    void (*run)(void);
};

/*
 * The whole program: reads the options, runs the cases, sums up.
 *
 * Returns  the exit status: 0, all is well; 1, something is SHORT; 2, wrong
 *          usage.
 */
int bench_main(int argc, char **argv, const struct bench_case *cases,
               size_t count);

/* A contender does not do what it should: say so and end with status 3. */
__attribute__((noreturn, format(printf, 1, 2))) void
bench_fail(const char *format, ...);

/* ---- Memory -------------------------------------------------------------- */

/*
 * Zeroed memory in large pages, as all memory is in a kernel's window; ends the
 * program if there is none.
 */
void *bench_map(size_t bytes);
void bench_unmap(void *memory, size_t bytes);

/* Have the host use large pages there when it is touched first. */
void bench_prefer_large_pages(void *memory, size_t bytes);

/* ---- A lock for baselines ------------------------------------------------ */

/* Test and set, in a cache line of its own. */
struct bench_lock {
    uint32_t word __attribute__((aligned(128)));
};

static inline void bench_acquire(struct bench_lock *lock)
{
    while (__atomic_exchange_n(&lock->word, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) != 0)
            __builtin_ia32_pause();
    }
}

static inline void bench_release(struct bench_lock *lock)
{
    __atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
}

/* ---- Measuring ----------------------------------------------------------- */

#define BENCH_VALUES_MAX 3
#define BENCH_ROUNDS_MAX 200

struct bench_contender {
    const char *name;
    /* Run one slice; write the values, NAN for one that was disturbed. */
    void (*slice)(void *what, double *values);
    void *what;
    double medians[BENCH_VALUES_MAX]; /* out */
    /* Out: what each round got, NAN if it was disturbed throughout. */
    double values[BENCH_VALUES_MAX][BENCH_ROUNDS_MAX];
    unsigned round_count;
};

/* Run all contenders in turns and fill in the medians of their values. */
void bench_measure(struct bench_contender *contenders, size_t count,
                   size_t values);

/* A stop watch for the calling thread. */
struct bench_watch {
    uint64_t wall_ns;
    uint64_t cpu_ns;
};

void bench_start(struct bench_watch *watch);

/* Nanoseconds since the start; NAN if the thread was not running throughout. */
double bench_stop(const struct bench_watch *watch);

/* Nanoseconds of one tick of the time-stamp counter. */
double bench_tick_ns(void);

/* ---- Threads ------------------------------------------------------------- */

/*
 * Run body(0) on the calling thread and body(1) on another core, both from the
 * same instant on; `elapsed` gets what bench_stop says on each.
 */
void bench_both(void (*body)(unsigned thread, void *what), void *what,
                double elapsed[2]);

/* ---- The report ---------------------------------------------------------- */

enum bench_bar {
    BENCH_NO_BAR,
    BENCH_AT_MOST,
    BENCH_AT_LEAST
};

struct bench_result {
    const char *name;
    double value;
    const char *unit;
    double ratio;   /* NAN: none, the bar is for the value */
    const char *to; /* what it is a ratio to; NULL: nothing */
    enum bench_bar kind;
    double bar;
};

void bench_report(const struct bench_result *result);

/*
 * The common kind of line: the median of value number `value` of one contender,
 * in nanoseconds, and the median ratio to another's, at most `bar`; NAN: for
 * information.
 */
void bench_report_ratio(const char *name, size_t value,
                        const struct bench_contender *one,
                        const struct bench_contender *other, double bar);

/* The median of the rounds' ratios of that value. */
double bench_ratio(const struct bench_contender *one,
                   const struct bench_contender *other, size_t value);

/* Does the user want to see more than what is judged? */
bool bench_has_details(void);

/* ---- Random numbers ------------------------------------------------------ */

/* The next number below `limit`, which is below 2^32; the state is any. */
static inline uint64_t bench_random(uint64_t *state, uint64_t limit)
{
    /* Knuth, TAOCP vol. 2, 3.3.4, table 1, line 26; the upper half of it. */
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 32) * limit >> 32;
}

void bench_shuffle(uint64_t *numbers, size_t count, uint64_t *state);

#endif
