/*
 * heap_levels.c - what the levels of the heap, and guards, cost.
 *
 * WHAT   pair      allocate 64 bytes, write to them, free them
 *        mixed     the same, with 16 to 1039 bytes
 *        churn     20000 blocks of 16 to 527 bytes live; one is freed, another
 *                  allocated in its place
 *        guards    churn, and one of about 1000 slow requests gets a page of
 *                  its own
 *
 * HOW    One heap for each level, all of the slab engine, on pages that are cut
 *        from one end of a mapping and never come back to it, as the same
 *        number of slabs serves all rounds.  A time is one of an allocation
 *        with its free.  Whole blocks are written, as programs do.
 */
#include "bench/bench.h"

#include <cairn/heap_debug.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE         ((size_t)4096)
#define MEMORY_BYTES ((size_t)512 << 20)
#define ROUNDS       20000u
#define LIVE         20000u
#define SLOTS        64u
#define GUARD_EVERY  1000u
#define BAR          3.0
#define GUARD_BAR    1.05

enum {
    FAST,
    CHECKED,
    DEBUG,
    GUARDED,
    HEAPS
};

struct subject {
    struct cairn_heap heap;
    uint8_t *memory;
    size_t used;
    void *live[LIVE];
    uint64_t random;
};

static struct subject subjects[HEAPS];

/* ---- Pages --------------------------------------------------------------- */

static void *take(void *context, struct cairn_heap_pages *request)
{
    struct subject *subject = context;
    size_t align = request->align * PAGE;
    size_t start = (subject->used + align - 1) & ~(align - 1);

    if (start + request->count * PAGE > MEMORY_BYTES)
        bench_fail("no pages are left");
    subject->used = start + request->count * PAGE;
    return subject->memory + start;
}

static void give(void *context, void *start, size_t count)
{
    (void)context, (void)start, (void)count;
}

static bool map(void *context, uintptr_t page)
{
    (void)context;
    return mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) == 0;
}

static void unmap(void *context, uintptr_t page)
{
    (void)context;
    (void)mprotect((void *)page, PAGE, PROT_NONE);
}

static void start(struct subject *subject, enum cairn_heap_level level,
                  const struct cairn_heap_guards *guards)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    subject->memory = bench_map(MEMORY_BYTES);
    config.level = level;
    config.cpu_count = 1;
    config.source.alloc = take;
    config.source.free = give;
    config.source.context = subject;
    config.source.start = (uintptr_t)subject->memory;
    config.source.end = config.source.start + MEMORY_BYTES;
    config.guards = guards;
    config.guard_every = guards == NULL ? 0 : GUARD_EVERY;
    if (cairn_heap_init(&subject->heap, &config) != CAIRN_OK)
        bench_fail("a heap does not start");
}

/* ---- What is measured ---------------------------------------------------- */

static size_t least_size;
static size_t size_span;

static void *get(struct subject *subject)
{
    size_t size = least_size + bench_random(&subject->random, size_span);
    void *block = cairn_heap_alloc(&subject->heap, size, 0);

    memset(block, 1, size);
    return block;
}

static void pairs(void *what, double *values)
{
    struct subject *subject = what;
    struct bench_watch watch;

    bench_start(&watch);
    for (unsigned i = 0; i < ROUNDS; i++)
        (void)cairn_heap_free(&subject->heap, get(subject));
    values[0] = bench_stop(&watch) / ROUNDS;
}

static void churn(void *what, double *values)
{
    struct subject *subject = what;
    struct bench_watch watch;

    for (unsigned i = 0; i < LIVE; i++) {
        if (subject->live[i] == NULL)
            subject->live[i] = get(subject);
    }
    bench_start(&watch);
    for (unsigned i = 0; i < ROUNDS; i++) {
        void **slot = &subject->live[bench_random(&subject->random, LIVE)];

        (void)cairn_heap_free(&subject->heap, *slot);
        *slot = get(subject);
    }
    values[0] = bench_stop(&watch) / ROUNDS;
}

static void compare(const char *name, void (*slice)(void *, double *))
{
    struct bench_contender of[HEAPS] = {
        {.name = "fast", .slice = slice, .what = &subjects[FAST]},
        {.name = "checked", .slice = slice, .what = &subjects[CHECKED]},
        {.name = "debug", .slice = slice, .what = &subjects[DEBUG]},
        {.name = "guarded", .slice = slice, .what = &subjects[GUARDED]},
    };
    char text[64];

    bench_measure(of, HEAPS, 1);
    snprintf(text, sizeof(text), "%s, checked", name);
    bench_report_ratio(text, 0, &of[CHECKED], &of[FAST], NAN);
    snprintf(text, sizeof(text), "%s, debug", name);
    bench_report_ratio(text, 0, &of[DEBUG], &of[FAST], BAR);
    snprintf(text, sizeof(text), "%s, guards", name);
    bench_report_ratio(text, 0, &of[GUARDED], &of[CHECKED], GUARD_BAR);
}

static void run_pair(void)
{
    least_size = 64;
    size_span = 1;
    compare("pair of 64 B", pairs);
}

static void run_mixed(void)
{
    least_size = 16;
    size_span = 1024;
    compare("pair, mixed", pairs);
}

static void run_churn(void)
{
    least_size = 16;
    size_span = 512;
    compare("churn", churn);
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"pair", run_pair}, {"mixed", run_mixed}, {"churn", run_churn}};
    struct cairn_heap_guards guards = {
        .slots = SLOTS, .map = map, .unmap = unmap};
    void *range = mmap(NULL, (2 * SLOTS + 1) * PAGE, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (range == MAP_FAILED)
        bench_fail("no range for guards");
    guards.start = (uintptr_t)range;
    start(&subjects[FAST], CAIRN_HEAP_FAST, NULL);
    start(&subjects[CHECKED], CAIRN_HEAP_CHECKED, NULL);
    start(&subjects[DEBUG], CAIRN_HEAP_DEBUG, NULL);
    start(&subjects[GUARDED], CAIRN_HEAP_CHECKED, &guards);
    return bench_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
