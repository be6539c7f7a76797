/*
 * ranges.c - benchmark of the set of ranges.
 *
 * WHAT   A thousand, a hundred thousand and a million ranges of 1 to 16 pages,
 *        anywhere in 128 TiB:
 *
 *          insert   all of them, in random order; a time is one of a range
 *          find     the range of an address, which is in one, in random order
 *          fit      the lowest place for 1 to 64 pages above a random address;
 *                   nobody else offers that
 *          remove   all of them, in random order
 *
 * WITH   JudyL   a trie of pages, whose values are the ends of ranges; what
 *                begins at or below an address is its last one up to there
 *        GTree   a balanced binary tree of pointers to ranges
 *
 *        Both get their memory from malloc.  Nobody locks.
 */
#include "bench/bench.h"
#include "sim/ram.h"
#include <Judy.h>
#include <cairn/ranges.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_START  (16 * CAIRN_MIB)
#define RAM_BYTES  (128 * CAIRN_MIB)
#define RAM_FRAMES (RAM_BYTES / CAIRN_FRAME_SIZE)
#define MOST       ((size_t)1000000)
#define PART       ((size_t)8192)
#define PAGES_MAX  16u
#define WORLD      ((uint64_t)1 << 35) /* pages */

/* In pages. */
struct range {
    uint64_t start;
    uint64_t end;
};

static struct range *all; /* sorted, disjoint */
static uint32_t *order;   /* in which they are inserted, found and removed */
static size_t count;      /* in this case */

/* ---- The ranges ---------------------------------------------------------- */

static int compare_starts(const void *one, const void *two)
{
    const struct range *first = one;
    const struct range *second = two;

    return (first->start > second->start) - (first->start < second->start);
}

/* `wanted` or nearly so many. */
static void make_ranges(size_t wanted, uint64_t seed)
{
    size_t kept = 0;

    for (size_t i = 0; i < wanted; i++) {
        all[i].start =
            bench_random(&seed, UINT32_MAX) << 3 | bench_random(&seed, 8);
        all[i].end = all[i].start + 1 + bench_random(&seed, PAGES_MAX);
    }
    qsort(all, wanted, sizeof(all[0]), compare_starts);
    for (size_t i = 0; i < wanted; i++) {
        if (all[i].end < WORLD &&
            (kept == 0 || all[i].start >= all[kept - 1].end))
            all[kept++] = all[i];
    }
    count = kept;
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)bench_random(&seed, i);
        uint32_t one = order[i - 1];

        order[i - 1] = order[other];
        order[other] = one;
    }
}

/* ---- Contenders ---------------------------------------------------------- */

struct subject {
    void (*insert)(const struct range *range);
    uint64_t (*find)(uint64_t page); /* the end of the range */
    void (*remove)(const struct range *range);
    void (*empty)(void);
};

static struct cairn_ranges cairn;
static uint64_t frames_taken;

static enum cairn_status take_frame(void *context, cairn_pfn *out)
{
    (void)context;
    if (frames_taken == RAM_FRAMES)
        return CAIRN_NO_MEMORY;
    out->value = (RAM_START >> CAIRN_FRAME_SHIFT) + frames_taken++;
    return CAIRN_OK;
}

static void cairn_start(void)
{
    const struct cairn_source source = {take_frame, take_frame, NULL};

    frames_taken = 0;
    if (cairn_ranges_init(&cairn,
                          cairn_span_make(0, WORLD << CAIRN_FRAME_SHIFT),
                          source, NULL) != CAIRN_OK)
        bench_fail("init");
}

static void cairn_insert(const struct range *range)
{
    struct cairn_span span =
        cairn_span_make(range->start << CAIRN_FRAME_SHIFT,
                        (range->end - range->start) << CAIRN_FRAME_SHIFT);

    if (cairn_ranges_insert(&cairn, span, NULL) != CAIRN_OK)
        bench_fail("cairn: insert");
}

static uint64_t cairn_find(uint64_t page)
{
    struct cairn_range range;

    if (!cairn_ranges_find(&cairn, cairn_va_make(page << CAIRN_FRAME_SHIFT),
                           &range))
        bench_fail("cairn: not found");
    return (range.start.value + range.bytes) >> CAIRN_FRAME_SHIFT;
}

static void cairn_take_out(const struct range *range)
{
    if (cairn_ranges_remove(&cairn,
                            cairn_va_make(range->start << CAIRN_FRAME_SHIFT)) !=
        CAIRN_OK)
        bench_fail("cairn: remove");
}

static void cairn_empty(void)
{
    cairn_ranges_destroy(&cairn);
    cairn_start();
}

static Pvoid_t judy;

static void judy_insert(const struct range *range)
{
    PWord_t value = (PWord_t)JudyLIns(&judy, range->start, PJE0);

    *value = range->end;
}

static uint64_t judy_find(uint64_t page)
{
    Word_t index = page;
    const Word_t *value = (PWord_t)JudyLLast(judy, &index, PJE0);

    if (value == NULL || *value <= page)
        bench_fail("judy: not found");
    return *value;
}

static void judy_remove(const struct range *range)
{
    if (JudyLDel(&judy, range->start, PJE0) != 1)
        bench_fail("judy: remove");
}

static void judy_empty(void)
{
    (void)JudyLFreeArray(&judy, PJE0);
}

static GTree *tree;

static gint compare_ranges(gconstpointer one, gconstpointer two)
{
    return compare_starts(one, two);
}

/* For g_tree_search: where is the page, seen from that range? */
static gint compare_page(gconstpointer key, gconstpointer data)
{
    const struct range *range = key;
    uint64_t page = *(const uint64_t *)data;

    return page < range->start ? -1 : page >= range->end;
}

static void tree_insert(const struct range *range)
{
    g_tree_insert(tree, (gpointer)(uintptr_t)range, (gpointer)(uintptr_t)range);
}

static uint64_t tree_find(uint64_t page)
{
    const struct range *range = g_tree_search(tree, compare_page, &page);

    if (range == NULL)
        bench_fail("GTree: not found");
    return range->end;
}

static void tree_remove(const struct range *range)
{
    if (!g_tree_remove(tree, range))
        bench_fail("GTree: remove");
}

static void tree_empty(void)
{
    if (tree != NULL)
        g_tree_destroy(tree);
    tree = g_tree_new(compare_ranges);
}

static const struct subject subjects[] = {
    {cairn_insert, cairn_find, cairn_take_out, cairn_empty},
    {judy_insert, judy_find, judy_remove, judy_empty},
    {tree_insert, tree_find, tree_remove, tree_empty},
};

/* ---- Slices -------------------------------------------------------------- */

/* How often, so that a slice is long enough to be timed. */
static unsigned passes(void)
{
    return count < MOST / 10 ? (unsigned)(MOST / 10 / count) : 1;
}

/*
 * Time all steps, in parts: one in which the thread lost its core is not
 * counted.  Nanoseconds a step.
 */
static double time_parts(void (*work)(const void *what, size_t from, size_t to),
                         const void *what)
{
    double elapsed = 0;
    size_t steps = 0;

    for (size_t from = 0; from < count; from += PART) {
        size_t to = from + PART < count ? from + PART : count;
        struct bench_watch watch;
        double part;

        bench_start(&watch);
        work(what, from, to);
        part = bench_stop(&watch);
        if (isnan(part))
            continue;
        elapsed += part;
        steps += to - from;
    }
    return elapsed / (double)steps;
}

static void insert_part(const void *what, size_t from, size_t to)
{
    const struct subject *subject = what;

    for (size_t i = from; i < to; i++)
        subject->insert(&all[order[i]]);
}

static void find_part(const void *what, size_t from, size_t to)
{
    const struct subject *subject = what;

    for (size_t i = from; i < to; i++) {
        const struct range *range = &all[order[count - 1 - i]];

        if (subject->find(range->end - 1) != range->end)
            bench_fail("the wrong one");
    }
}

static void remove_part(const void *what, size_t from, size_t to)
{
    const struct subject *subject = what;

    for (size_t i = from; i < to; i++)
        subject->remove(&all[order[i]]);
}

static void slice(void *what, double *values)
{
    const struct subject *subject = what;

    for (unsigned i = 0; i < 3; i++)
        values[i] = 0;
    subject->empty();
    for (unsigned i = 0; i < passes(); i++) {
        values[0] += time_parts(insert_part, subject) / passes();
        values[1] += time_parts(find_part, subject) / passes();
        values[2] += time_parts(remove_part, subject) / passes();
    }
    subject->empty();
}

static void fit_part(const void *what, size_t from, size_t to)
{
    uint64_t seed = from;

    (void)what;
    for (size_t i = from; i < to; i++) {
        uint64_t first = bench_random(&seed, UINT32_MAX) << 2;
        struct cairn_fit fit = {
            .within = cairn_span_make(first << CAIRN_FRAME_SHIFT,
                                      (WORLD - first) << CAIRN_FRAME_SHIFT),
            .bytes = (1 + bench_random(&seed, 64)) << CAIRN_FRAME_SHIFT,
            .align = i % 2 == 0 ? CAIRN_FRAME_SIZE : 2 * CAIRN_MIB,
        };
        cairn_va va;

        if (cairn_ranges_first_fit(&cairn, &fit, &va) != CAIRN_OK)
            bench_fail("nothing fits");
    }
}

static void fit_slice(void *what, double *values)
{
    (void)what;
    values[0] = 0;
    cairn_empty();
    insert_part(&subjects[0], 0, count);
    for (unsigned i = 0; i < passes(); i++)
        values[0] += time_parts(fit_part, NULL) / passes();
    cairn_empty();
}

/* ---- Cases --------------------------------------------------------------- */

static void report(const char *what, const char *size, unsigned value,
                   const struct bench_contender *contenders)
{
    char name[64];

    snprintf(name, sizeof(name), "%s, %s ranges", what, size);
    bench_report_ratio(name, value, &contenders[0], &contenders[1],
                       value < 2 ? 1.5 : (double)NAN);
    bench_report_ratio(name, value, &contenders[0], &contenders[2],
                       value < 2 ? 1 : (double)NAN);
}

static void measure(size_t wanted, const char *size)
{
    static const char *const names[] = {"cairn", "JudyL", "GTree"};
    struct bench_contender contenders[4];
    char name[64];

    all = bench_map(MOST * sizeof(all[0]));
    order = bench_map(MOST * sizeof(order[0]));
    sim_ram_reset();
    if (!sim_ram_add(RAM_START, RAM_BYTES))
        bench_fail("no address space for RAM");
    bench_prefer_large_pages(sim_ram_at(RAM_START, RAM_BYTES), RAM_BYTES);
    make_ranges(wanted, wanted);
    cairn_start();
    for (unsigned i = 0; i < 3; i++)
        contenders[i] = (struct bench_contender){
            .name = names[i],
            .slice = slice,
            .what = (void *)(uintptr_t)&subjects[i],
        };
    contenders[3] = (struct bench_contender){.name = "fit", .slice = fit_slice};
    bench_measure(contenders, 3, 3);
    bench_measure(&contenders[3], 1, 1);
    report("insert", size, 0, contenders);
    report("find", size, 1, contenders);
    report("remove", size, 2, contenders);
    snprintf(name, sizeof(name), "first fit, %s ranges", size);
    bench_report(&(struct bench_result){
        .name = name,
        .value = contenders[3].medians[0],
        .unit = "ns",
        .ratio = (double)NAN,
        .kind = BENCH_NO_BAR,
    });
    bench_unmap(all, MOST * sizeof(all[0]));
    bench_unmap(order, MOST * sizeof(order[0]));
}

static void case_thousand(void)
{
    measure(1000, "10^3");
}

static void case_many(void)
{
    measure(MOST / 10, "10^5");
}

static void case_million(void)
{
    measure(MOST, "10^6");
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"10^3", case_thousand},
        {"10^5", case_many},
        {"10^6", case_million},
    };

    return bench_main(argc, argv, cases, 3);
}
