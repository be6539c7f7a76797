/*
 * heap_firstfit.c - does the first-fit engine slow down with its blocks?
 *
 * WHAT   A hundred blocks live in one heap, a hundred thousand in another; one
 *        of them, at random, is freed, and another allocated in its place.  A
 *        time is one of both.  An engine that looks at blocks one after the
 *        other would be a thousand times slower in the second.
 *
 * HOW    Each heap has an arena of its own.  Blocks are not written, but for
 *        what the engine does.
 */
#include "bench/bench.h"

#include <cairn/heap_source.h>
#include <math.h>
#include <stdio.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define ROUNDS      5000u
#define FEW         100u
#define MANY        100000u
#define BAR         3.0

struct subject {
    struct cairn_heap heap;
    struct cairn_heap_arena arena;
    void *blocks[MANY];
    unsigned count;
    uint64_t random;
};

static struct subject few = {.count = FEW};
static struct subject many = {.count = MANY};

/* One in `large_every` blocks has large_least bytes or more; 0: none. */
static struct {
    size_t least;
    size_t span;
    unsigned large_every;
} sizes;

static size_t random_size(struct subject *subject)
{
    if (sizes.large_every != 0 &&
        bench_random(&subject->random, sizes.large_every) == 0)
        return 1000 + bench_random(&subject->random, 3000);
    return sizes.least + bench_random(&subject->random, sizes.span);
}

static void *get(struct subject *subject)
{
    void *block = cairn_heap_alloc(&subject->heap, random_size(subject), 0);

    if (block == NULL)
        bench_fail("the arena is too small");
    return block;
}

static void start(struct subject *subject)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    config.engine = CAIRN_HEAP_FIRSTFIT;
    config.cpu_count = 1;
    if (cairn_heap_source_arena(&subject->arena, bench_map(ARENA_BYTES),
                                ARENA_BYTES, &config.source) != CAIRN_OK ||
        cairn_heap_init(&subject->heap, &config) != CAIRN_OK)
        bench_fail("a heap does not start");
}

/* All blocks anew, of the sizes of this case. */
static void fill(struct subject *subject)
{
    for (unsigned i = 0; i < subject->count; i++) {
        if (subject->blocks[i] != NULL)
            (void)cairn_heap_free(&subject->heap, subject->blocks[i]);
        subject->blocks[i] = NULL;
    }
    for (unsigned i = 0; i < subject->count; i++)
        subject->blocks[i] = get(subject);
}

static void replace(void *what, double *values)
{
    struct subject *subject = what;
    struct bench_watch watch;

    bench_start(&watch);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t nth = bench_random(&subject->random, subject->count);

        (void)cairn_heap_free(&subject->heap, subject->blocks[nth]);
        subject->blocks[nth] = get(subject);
    }
    values[0] = bench_stop(&watch) / ROUNDS;
}

static void compare(const char *name)
{
    struct bench_contender of[] = {
        {.name = "100 live", .slice = replace, .what = &few},
        {.name = "100 000 live", .slice = replace, .what = &many},
    };
    char text[64];

    fill(&few);
    fill(&many);
    bench_measure(of, 2, 1);
    snprintf(text, sizeof(text), "%s, 100 live", name);
    bench_report_ratio(text, 0, &of[0], &of[0], NAN);
    snprintf(text, sizeof(text), "%s, 100 000 live", name);
    bench_report_ratio(text, 0, &of[1], &of[0], BAR);
}

static void run_same(void)
{
    sizes.least = 64;
    sizes.span = 1;
    sizes.large_every = 0;
    compare("64 B");
}

static void run_small(void)
{
    sizes.least = 16;
    sizes.span = 500;
    sizes.large_every = 0;
    compare("16 to 515 B");
}

static void run_mixed(void)
{
    sizes.least = 16;
    sizes.span = 200;
    sizes.large_every = 10;
    compare("a tenth of 1 to 4 KB");
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"same", run_same}, {"small", run_small}, {"mixed", run_mixed}};

    start(&few);
    start(&many);
    return bench_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
