/*
 * paging.c - how fast page tables change and answer.
 *
 * WHAT   The cases are the rows of the table in docs/BENCHMARKS.md, in its
 *        order; each says at its place what exactly it does.
 *
 * HOW    Contenders:
 *          raw          the stores, loads or exchanges that nobody can do
 *                       without, on tables that are given
 *          page walk    baseline_walk.c, from the root for each page
 *          locked walk  the same with interrupts off, a lock and a count
 *          cairn        the default: locks, counts, interrupts off, reserve,
 *                       flushes gathered
 *          5 levels     the same with one more level
 *        A time is one of a page; in a transaction of one page, that is begin,
 *        map or unmap, end.
 *
 *        Tables come from one stack of frames, for all contenders, in simulated
 *        memory that is reached through a window; the raw loops use the frames
 *        on its top, which the others get next.  What is mapped lies elsewhere
 *        and need not exist.  No CPU has activated any of the page tables, so
 *        nothing is flushed; what is to be flushed is noted all the same.
 */
#include "bench/baseline_walk.h"
#include "bench/bench.h"
#include "sim/ram.h"

#include <cairn/paging.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define RAM_START  (16 * CAIRN_MIB)
#define RAM_FRAMES ((size_t)8192)
#define RAM_BYTES  (RAM_FRAMES * CAIRN_FRAME_SIZE)

#define ENTRIES     512u /* of a table */
#define TABLES      512u
#define PAGES       ((size_t)TABLES * ENTRIES)
#define TABLE_BYTES (ENTRIES * CAIRN_FRAME_SIZE)
#define ALL_BYTES   (PAGES * CAIRN_FRAME_SIZE)

/* Where it is mapped, and to what: all of one table of level 2. */
#define START ((uint64_t)0x123 << 30)
#define PHYS  CAIRN_TIB
/* Present, writable, user: as Cairn's entries, but for NX. */
#define KIND ((uint64_t)7)

#define PASSES 16

/* ---- Memory for tables --------------------------------------------------- */

static cairn_pfn stack[RAM_FRAMES];
static size_t stack_count;
static struct cairn_window window;

static enum cairn_status take_frame(void *context, cairn_pfn *out)
{
    (void)context;
    if (stack_count == 0)
        return CAIRN_NO_MEMORY;
    *out = stack[--stack_count];
    return CAIRN_OK;
}

static void give_frame(void *context, cairn_pfn frame)
{
    (void)context;
    stack[stack_count++] = frame;
}

static int compare_frames(const void *one, const void *two)
{
    uint64_t first = ((const cairn_pfn *)one)->value;
    uint64_t second = ((const cairn_pfn *)two)->value;

    return (first > second) - (first < second);
}

/*
 * Whoever ran before has given frames back in its own order; with another one
 * the processor fetches less of the next table ahead.
 */
static void order_frames(void)
{
    qsort(stack, stack_count, sizeof(stack[0]), compare_frames);
}

static void *at_frame(cairn_pfn frame)
{
    return (void *)(window.base + (uintptr_t)cairn_phys_of(frame).value);
}

static void expect_ok(enum cairn_status status, const char *what)
{
    if (status != CAIRN_OK)
        bench_fail("%s: %s", what, cairn_status_text(status));
}

/* ---- Contenders ---------------------------------------------------------- */

/* Page tables with nothing mapped. */
static struct cairn_pagetable four;
static struct cairn_pagetable five;
static struct cairn_pagetable other; /* 4 levels too */

static void make_table(struct cairn_pagetable *table,
                       enum cairn_paging_mode mode)
{
    const struct cairn_pagetable_config config = {
        .mode = mode,
        .features = {.phys_bits = 46,
                     .has_nx = true,
                     .has_1gib = true,
                     .has_pse = true,
                     .has_pse36 = true,
                     .has_global = true,
                     .has_pat = true},
        .source = {take_frame, take_frame, NULL},
        .release = give_frame,
        .window = &window,
        .user_end = (uint64_t)1 << 47,
    };

    expect_ok(cairn_pagetable_init(table, &config), "init");
}

/* The machine anew. */
static void start_all(void)
{
    struct bench_walk_config walk = {
        .source = {take_frame, take_frame, NULL},
        .release = give_frame,
    };
    cairn_pfn first = cairn_pfn_of(cairn_phys_make(RAM_START));
    char *memory;

    sim_ram_reset();
    if (!sim_ram_add(RAM_START, RAM_BYTES))
        bench_fail("no address space for RAM");
    memory = sim_ram_at(RAM_START, RAM_BYTES);
    bench_prefer_large_pages(memory, RAM_BYTES);
    memset(memory, 0, RAM_BYTES);
    cairn_window_init(&window, 0);
    expect_ok(cairn_window_activate(
                  &window, cairn_virt_make((uintptr_t)memory - RAM_START),
                  RAM_START + RAM_BYTES),
              "window");
    for (stack_count = 0; stack_count < RAM_FRAMES; stack_count++)
        stack[stack_count].value = first.value + stack_count;
    walk.window = memory - RAM_START;
    bench_walk_init(&walk);
    make_table(&four, CAIRN_PAGING_4LEVEL);
    make_table(&five, CAIRN_PAGING_5LEVEL);
    make_table(&other, CAIRN_PAGING_4LEVEL);
}

/* Everything is as it should be; forget it. */
static void end_all(void)
{
    struct cairn_pagetable *const tables[] = {&four, &five, &other};

    for (unsigned i = 0; i < 3; i++) {
        unsigned broken = cairn_pagetable_check(tables[i]);

        if (broken != 0)
            bench_fail("invariant P%u is broken", broken);
        cairn_pagetable_destroy(tables[i]);
    }
}

/* What is measured: a contender and how it is used. */
struct subject {
    struct cairn_pagetable *table; /* Cairn's; NULL: raw */
    const cairn_pfn *frames;       /* NULL: contiguous from PHYS on */
    bool is_told;                  /* of what was unmapped */
};

static const struct cairn_page_policy policy = {
    .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_USER,
    .page_limit = CAIRN_FRAME_SIZE,
};

/* Ticks of the parts of a slice, each summed up over all passes. */
struct parts {
    struct bench_watch watch; /* for the whole slice */
    uint64_t ticks[2];
    uint64_t begin;
};

static inline void begin_part(struct parts *parts)
{
    _mm_lfence();
    parts->begin = __rdtsc();
    _mm_lfence();
}

static inline void end_part(struct parts *parts, unsigned part)
{
    _mm_lfence();
    parts->ticks[part] += __rdtsc() - parts->begin;
}

static void begin_slice(struct parts *parts)
{
    bench_tick_ns();
    memset(parts->ticks, 0, sizeof(parts->ticks));
    bench_start(&parts->watch);
}

/* `count`: what was done in each part. */
static void end_slice(const struct parts *parts, size_t count, double *values)
{
    double whole = bench_stop(&parts->watch);

    for (unsigned i = 0; i < 2; i++)
        values[i] = isnan(whole) ? whole
                                 : (double)parts->ticks[i] * bench_tick_ns() /
                                       (double)count;
}

static inline struct bench_contender
contender(const char *name, void (*slice)(void *what, double *values),
          struct subject *subject)
{
    return (struct bench_contender){
        .name = name, .slice = slice, .what = subject};
}

/* ---- Many pages at once -------------------------------------------------- */

static uint64_t *raw_tables[TABLES];

/* The frames that are used next. */
static void find_raw_tables(void)
{
    for (unsigned i = 0; i < TABLES; i++)
        raw_tables[i] = at_frame(stack[stack_count - 1 - i]);
}

static BENCH_NOINLINE void raw_map(const cairn_pfn *unused)
{
    uint64_t entry = PHYS | KIND;

    (void)unused;
    for (unsigned i = 0; i < TABLES; i++) {
        uint64_t *table = raw_tables[i];

        for (unsigned j = 0; j < ENTRIES; j++, entry += CAIRN_FRAME_SIZE)
            __atomic_store_n(&table[j], entry, __ATOMIC_RELAXED);
    }
}

static BENCH_NOINLINE void raw_map_frames(const cairn_pfn *frames)
{
    for (unsigned i = 0; i < TABLES; i++, frames += ENTRIES) {
        uint64_t *table = raw_tables[i];

        for (unsigned j = 0; j < ENTRIES; j++)
            __atomic_store_n(&table[j], cairn_phys_of(frames[j]).value | KIND,
                             __ATOMIC_RELAXED);
    }
}

static BENCH_NOINLINE void raw_clear(void)
{
    for (unsigned i = 0; i < TABLES; i++) {
        uint64_t *table = raw_tables[i];

        for (unsigned j = 0; j < ENTRIES; j++)
            __atomic_store_n(&table[j], 0, __ATOMIC_RELAXED);
    }
}

static void raw_slice(void *what, double *values)
{
    const struct subject *subject = what;
    struct parts parts;

    order_frames();
    find_raw_tables();
    for (unsigned i = 0; i <= PASSES; i++) {
        if (i <= 1) /* the first is to have what it needs in the caches */
            begin_slice(&parts);
        begin_part(&parts);
        if (subject->frames != NULL)
            raw_map_frames(subject->frames);
        else
            raw_map(NULL);
        end_part(&parts, 0);
        begin_part(&parts);
        raw_clear();
        end_part(&parts, 1);
    }
    end_slice(&parts, PASSES * PAGES, values);
}

static void walk_slice(void *what, double *values)
{
    struct parts parts;

    (void)what;
    order_frames();
    for (unsigned i = 0; i <= PASSES; i++) {
        if (i <= 1) /* the first is to have what it needs in the caches */
            begin_slice(&parts);
        begin_part(&parts);
        for (uint64_t at = 0; at < ALL_BYTES; at += CAIRN_FRAME_SIZE)
            bench_walk_map(START + at, (PHYS + at) | KIND);
        end_part(&parts, 0);
        begin_part(&parts);
        for (uint64_t at = 0; at < ALL_BYTES; at += CAIRN_FRAME_SIZE)
            bench_walk_unmap(START + at);
        end_part(&parts, 1);
        bench_walk_clear();
    }
    end_slice(&parts, PASSES * PAGES, values);
}

static uint64_t told_bytes;

static void hear(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    told_bytes += mapping->bytes;
}

/* One transaction for all of it. */
static void map_all(const struct subject *subject)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    if (subject->frames != NULL) {
        expect_ok(cairn_cursor_begin(&cursor, subject->table,
                                     cairn_va_make(START), ALL_BYTES,
                                     CAIRN_INTENT_MAP),
                  "begin");
        status =
            cairn_cursor_map_frames(&cursor, subject->frames, PAGES, &policy);
    } else {
        expect_ok(cairn_cursor_begin_run(
                      &cursor, subject->table, cairn_va_make(START),
                      cairn_phys_range_make(PHYS, PHYS + ALL_BYTES),
                      CAIRN_FRAME_SIZE),
                  "begin");
        status = cairn_cursor_map(&cursor, cairn_phys_make(PHYS), ALL_BYTES,
                                  &policy);
    }
    cairn_cursor_end(&cursor);
    expect_ok(status, "map");
}

static void unmap(const struct subject *subject, uint64_t start, uint64_t bytes)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    expect_ok(cairn_cursor_begin(&cursor, subject->table, cairn_va_make(start),
                                 bytes, CAIRN_INTENT_CHANGE),
              "begin");
    cursor.removed = subject->is_told ? hear : NULL;
    status = cairn_cursor_unmap(&cursor, bytes);
    cairn_cursor_end(&cursor);
    expect_ok(status, "unmap");
}

static void cairn_slice(void *what, double *values)
{
    const struct subject *subject = what;
    struct parts parts;

    told_bytes = 0;
    order_frames();
    for (unsigned i = 0; i <= PASSES; i++) {
        if (i <= 1) /* the first is to have what it needs in the caches */
            begin_slice(&parts);
        begin_part(&parts);
        map_all(subject);
        end_part(&parts, 0);
        begin_part(&parts);
        unmap(subject, START, ALL_BYTES);
        end_part(&parts, 1);
    }
    end_slice(&parts, PASSES * PAGES, values);
    if (told_bytes != (subject->is_told ? (PASSES + 1) * ALL_BYTES : 0))
        bench_fail("told of %llu bytes", (unsigned long long)told_bytes);
}

/*
 * 1 GiB of small pages into an empty page table, and all of it unmapped, each
 * in one transaction.
 */
static void case_map(void)
{
    struct subject raw = {NULL, NULL, false};
    struct subject cairn = {&four, NULL, false};
    struct subject told = {&four, NULL, true};
    struct subject levels = {&five, NULL, false};
    struct bench_contender all[] = {
        contender("raw stores", raw_slice, &raw),
        contender("page walk", walk_slice, NULL),
        contender("4 levels", cairn_slice, &cairn),
        contender("4 levels, told", cairn_slice, &told),
        contender("5 levels", cairn_slice, &levels),
    };

    start_all();
    bench_measure(all, 5, 2);
    end_all();
    bench_report_ratio("map 1 GiB, a page", 0, &all[2], &all[0], 1.3);
    bench_report_ratio("map 1 GiB, a page", 0, &all[2], &all[1], 0.2);
    bench_report_ratio("map 1 GiB, 5 levels", 0, &all[4], &all[2], 1.25);
    bench_report_ratio("unmap covered tables, a page", 1, &all[2], &all[0],
                       1.2);
    bench_report_ratio("unmap covered tables, told of it", 1, &all[3], &all[0],
                       (double)NAN);
    bench_report_ratio("unmap covered tables, 5 levels", 1, &all[4], &all[2],
                       1.25);
}

/* The same memory in random order. */
static cairn_pfn *make_frames(void)
{
    uint64_t *numbers = bench_map(PAGES * sizeof(uint64_t));
    uint64_t random = 1;

    for (size_t i = 0; i < PAGES; i++)
        numbers[i] = cairn_pfn_of(cairn_phys_make(PHYS)).value + i;
    bench_shuffle(numbers, PAGES, &random);
    return (cairn_pfn *)numbers;
}

/* 1 GiB page by page, from an array of frames. */
static void case_frames(void)
{
    cairn_pfn *frames = make_frames();
    struct subject raw = {NULL, frames, false};
    struct subject cairn = {&four, frames, false};
    struct subject told = {&four, frames, true};
    struct subject levels = {&five, frames, false};
    struct bench_contender all[] = {
        contender("raw stores", raw_slice, &raw),
        contender("4 levels", cairn_slice, &cairn),
        contender("5 levels", cairn_slice, &levels),
    };
    /* Much slower; apart, as whoever came next would be slower, too. */
    struct bench_contender both[] = {
        contender("raw stores", raw_slice, &raw),
        contender("4 levels, told", cairn_slice, &told),
    };

    start_all();
    bench_measure(all, 3, 2);
    bench_measure(both, 2, 2);
    end_all();
    bench_unmap(frames, PAGES * sizeof(uint64_t));
    bench_report_ratio("map 1 GiB of frames, a page", 0, &all[1], &all[0], 1.5);
    bench_report_ratio("map 1 GiB of frames, 5 levels", 0, &all[2], &all[1],
                       1.25);
    bench_report_ratio("unmap them, told of each", 1, &both[1], &both[0],
                       (double)NAN);
}

/* ---- Parts of tables ----------------------------------------------------- */

#define PART_BYTES ((ENTRIES - 1) * CAIRN_FRAME_SIZE)

/* All but the first entry of each table. */
static BENCH_NOINLINE uint64_t raw_exchange(void)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < TABLES; i++) {
        uint64_t *table = raw_tables[i];

        for (unsigned j = 1; j < ENTRIES; j++)
            all += __atomic_exchange_n(&table[j], 0, __ATOMIC_SEQ_CST);
    }
    return all;
}

static void exchange_slice(void *what, double *values)
{
    struct parts parts;

    (void)what;
    find_raw_tables();
    begin_slice(&parts);
    for (unsigned i = 0; i < PASSES; i++) {
        raw_map(NULL);
        begin_part(&parts);
        if (raw_exchange() == 0)
            bench_fail("nothing was there");
        end_part(&parts, 0);
    }
    end_slice(&parts, PASSES * TABLES * (ENTRIES - 1), values);
}

static void part_slice(void *what, double *values)
{
    const struct subject *subject = what;
    struct parts parts;

    begin_slice(&parts);
    for (unsigned i = 0; i < PASSES; i++) {
        map_all(subject);
        begin_part(&parts);
        for (uint64_t at = 0; at < ALL_BYTES; at += TABLE_BYTES)
            unmap(subject, START + at + CAIRN_FRAME_SIZE, PART_BYTES);
        end_part(&parts, 0);
        unmap(subject, START, ALL_BYTES);
    }
    end_slice(&parts, PASSES * TABLES * (ENTRIES - 1), values);
}

/*
 * Of each table, all pages but the first, in a transaction a table.  Entries
 * are writable and not dirty, so that a CPU could set D in them at any time.
 */
static void case_part(void)
{
    struct subject cairn = {&four, NULL, false};
    struct subject told = {&four, NULL, true};
    struct subject levels = {&five, NULL, false};
    struct bench_contender all[] = {
        contender("exchanges", exchange_slice, NULL),
        contender("4 levels", part_slice, &cairn),
        contender("4 levels, told", part_slice, &told),
        contender("5 levels", part_slice, &levels),
    };

    start_all();
    bench_measure(all, 4, 1);
    end_all();
    bench_report_ratio("unmap parts of tables, a page", 0, &all[1], &all[0],
                       1.2);
    bench_report_ratio("unmap parts of tables, told of it", 0, &all[2], &all[0],
                       (double)NAN);
    bench_report_ratio("unmap parts of tables, 5 levels", 0, &all[3], &all[1],
                       1.25);
}

/* ---- Transactions of one page -------------------------------------------- */

#define ONE_TABLES 64
#define ONE_PASSES 128
#define ONE_PAGES  ((size_t)ONE_TABLES * (ENTRIES - 1))

static uint64_t *one_pages; /* in those tables, all but the first of each */

/* Pages in some order, each in its own transaction, so many times. */
struct ones {
    struct subject subject;
    bool is_locked; /* the walk */
    size_t count;
    unsigned passes;
};

static BENCH_NOINLINE void map_one(struct cairn_pagetable *table, uint64_t va,
                                   uint64_t phys)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    expect_ok(cairn_cursor_begin(&cursor, table, cairn_va_make(va),
                                 CAIRN_FRAME_SIZE, CAIRN_INTENT_MAP),
              "begin");
    status = cairn_cursor_map(&cursor, cairn_phys_make(phys), CAIRN_FRAME_SIZE,
                              &policy);
    cairn_cursor_end(&cursor);
    expect_ok(status, "map");
}

static BENCH_NOINLINE void unmap_one(struct cairn_pagetable *table, uint64_t va)
{
    const struct subject subject = {table, NULL, false};

    unmap(&subject, va, CAIRN_FRAME_SIZE);
}

/* False: something was mapped there. */
static BENCH_NOINLINE bool walk_map_ones(const struct ones *ones)
{
    const uint64_t *pages = one_pages;
    size_t count = ones->count;
    bool is_ok = true;

    if (!ones->is_locked) {
        for (size_t i = 0; i < count; i++)
            bench_walk_map(pages[i], (pages[i] - START + PHYS) | KIND);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        is_ok &=
            bench_walk_map_locked(pages[i], (pages[i] - START + PHYS) | KIND);
    return is_ok;
}

static void walk_one_slice(void *what, double *values)
{
    const struct ones *ones = what;
    const uint64_t *pages = one_pages;
    struct parts parts;
    bool is_ok = true;

    begin_slice(&parts);
    for (unsigned i = 0; i < ones->passes; i++) {
        begin_part(&parts);
        is_ok &= walk_map_ones(ones);
        end_part(&parts, 0);
        begin_part(&parts);
        for (size_t j = 0; j < ones->count; j++)
            bench_walk_unmap(pages[j]);
        end_part(&parts, 1);
    }
    end_slice(&parts, ones->passes * ones->count, values);
    if (!is_ok)
        bench_fail("walk: something was mapped");
}

static void one_slice(void *what, double *values)
{
    const struct ones *ones = what;
    struct cairn_pagetable *table = ones->subject.table;
    const uint64_t *pages = one_pages;
    struct parts parts;

    begin_slice(&parts);
    for (unsigned i = 0; i < ones->passes; i++) {
        begin_part(&parts);
        for (size_t j = 0; j < ones->count; j++)
            map_one(table, pages[j], pages[j] - START + PHYS);
        end_part(&parts, 0);
        begin_part(&parts);
        for (size_t j = 0; j < ones->count; j++)
            unmap_one(table, pages[j]);
        end_part(&parts, 1);
    }
    end_slice(&parts, ones->passes * ones->count, values);
}

/* The first page of each table stays mapped. */
static void make_ones(void)
{
    size_t count = 0;

    for (uint64_t at = 0; at < ONE_TABLES * TABLE_BYTES;
         at += CAIRN_FRAME_SIZE) {
        if (at % TABLE_BYTES != 0) {
            one_pages[count++] = START + at;
            continue;
        }
        bench_walk_map(START + at, (PHYS + at) | KIND);
        map_one(&four, START + at, PHYS + at);
        map_one(&five, START + at, PHYS + at);
    }
}

static void report_ones(struct bench_contender *all, const char *how)
{
    char name[64];

    snprintf(name, sizeof(name), "map one page, %s", how);
    bench_report_ratio(name, 0, &all[2], &all[0], 2);
    bench_report_ratio(name, 0, &all[2], &all[1], (double)NAN);
    snprintf(name, sizeof(name), "map one page, %s, 5 levels", how);
    bench_report_ratio(name, 0, &all[3], &all[2], 1.25);
    snprintf(name, sizeof(name), "unmap one page, %s", how);
    bench_report_ratio(name, 1, &all[2], &all[0], (double)NAN);
    snprintf(name, sizeof(name), "unmap one page, %s, 5 levels", how);
    bench_report_ratio(name, 1, &all[3], &all[2], 1.25);
}

static void measure_ones(size_t count, unsigned passes, const char *how)
{
    struct ones walk = {{NULL, NULL, false}, false, count, passes};
    struct ones locked = {{NULL, NULL, false}, true, count, passes};
    struct ones cairn = {{&four, NULL, false}, false, count, passes};
    struct ones levels = {{&five, NULL, false}, false, count, passes};
    struct bench_contender all[] = {
        {.name = "page walk", .slice = walk_one_slice, .what = &walk},
        {.name = "locked walk", .slice = walk_one_slice, .what = &locked},
        {.name = "4 levels", .slice = one_slice, .what = &cairn},
        {.name = "5 levels", .slice = one_slice, .what = &levels},
    };

    bench_measure(all, 4, 2);
    report_ones(all, how);
}

/*
 * A transaction for each page: those of one table in order, and those of some
 * tables at random.  The order is read from an array.
 */
static void case_one(void)
{
    uint64_t random = 1;

    start_all();
    one_pages = bench_map(ONE_PAGES * sizeof(uint64_t));
    make_ones();
    measure_ones(ENTRIES - 1, ONE_PASSES, "in order");
    bench_shuffle(one_pages, ONE_PAGES, &random);
    measure_ones(ONE_PAGES, ONE_PASSES / ONE_TABLES, "at random");
    bench_unmap(one_pages, ONE_PAGES * sizeof(uint64_t));
    end_all();
}

/* ---- Translate ----------------------------------------------------------- */

struct asker {
    const struct cairn_pagetable *table;
    bool (*translate)(const struct cairn_pagetable *table, cairn_va va,
                      cairn_phys *out);
};

static uint64_t *random_pages;

static BENCH_NOINLINE uint64_t ask_in_order(const struct asker *asker)
{
    uint64_t sum = 0;

    for (uint64_t at = 0; at < ALL_BYTES; at += CAIRN_FRAME_SIZE) {
        cairn_phys phys = {0};

        if (!asker->translate(asker->table, cairn_va_make(START + at), &phys))
            bench_fail("not mapped");
        sum += phys.value;
    }
    return sum;
}

static BENCH_NOINLINE uint64_t ask_at_random(const struct asker *asker)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < PAGES; i++) {
        cairn_phys phys = {0};

        if (!asker->translate(asker->table, cairn_va_make(random_pages[i]),
                              &phys))
            bench_fail("not mapped");
        sum += phys.value;
    }
    return sum;
}

static void translate_slice(void *what, double *values)
{
    const struct asker *asker = what;
    struct parts parts;
    uint64_t sums[2];

    begin_slice(&parts);
    begin_part(&parts);
    sums[0] = ask_in_order(asker);
    end_part(&parts, 0);
    begin_part(&parts);
    sums[1] = ask_at_random(asker);
    end_part(&parts, 1);
    end_slice(&parts, PAGES, values);
    if (sums[0] != sums[1] ||
        sums[0] != PAGES * PHYS + PAGES * (PAGES - 1) / 2 * CAIRN_FRAME_SIZE)
        bench_fail("translated wrongly");
}

/*
 * Each of 1 GiB of small pages, in order and at random.  The page walk reads
 * the same tables, so that they are as warm; for 5 levels, there is another one
 * of 4 levels that nobody else reads.
 */
static void case_translate(void)
{
    struct subject subjects[] = {
        {&four, NULL, false}, {&other, NULL, false}, {&five, NULL, false}};
    struct asker askers[] = {{NULL, bench_walk_translate},
                             {&four, cairn_pagetable_translate},
                             {&other, cairn_pagetable_translate},
                             {&five, cairn_pagetable_translate}};
    struct bench_contender all[4];
    uint64_t random = 1;

    start_all();
    for (unsigned i = 0; i < 3; i++)
        map_all(&subjects[i]);
    bench_walk_use(cairn_pagetable_root(&four));
    random_pages = bench_map(PAGES * sizeof(uint64_t));
    for (size_t i = 0; i < PAGES; i++)
        random_pages[i] = START + i * CAIRN_FRAME_SIZE;
    bench_shuffle(random_pages, PAGES, &random);
    for (unsigned i = 0; i < 4; i++)
        all[i] = (struct bench_contender){.slice = translate_slice,
                                          .what = &askers[i]};
    all[0].name = "page walk";
    all[1].name = "4 levels";
    all[2].name = "4 levels";
    all[3].name = "5 levels";
    bench_measure(all, 4, 2);
    bench_unmap(random_pages, PAGES * sizeof(uint64_t));
    end_all();
    bench_report_ratio("translate, in order", 0, &all[1], &all[0], 1.1);
    bench_report_ratio("translate, at random", 1, &all[1], &all[0], 1.1);
    bench_report_ratio("translate, in order, 5 levels", 0, &all[3], &all[2],
                       1.25);
    bench_report_ratio("translate, at random, 5 levels", 1, &all[3], &all[2],
                       1.25);
}

/* ---- Two threads --------------------------------------------------------- */

struct pair {
    struct cairn_pagetable *tables[2]; /* of each thread */
};

/* Each in its own 2 MiB, side by side. */
static BENCH_NOINLINE void run_pair(unsigned thread, void *what)
{
    const struct pair *pair = what;
    uint64_t start = START + thread * TABLE_BYTES;

    for (unsigned i = 0; i < ONE_PASSES; i++) {
        for (uint64_t at = CAIRN_FRAME_SIZE; at < TABLE_BYTES;
             at += CAIRN_FRAME_SIZE)
            map_one(pair->tables[thread], start + at, PHYS + at);
        for (uint64_t at = CAIRN_FRAME_SIZE; at < TABLE_BYTES;
             at += CAIRN_FRAME_SIZE)
            unmap_one(pair->tables[thread], start + at);
    }
}

static void pair_slice(void *what, double *values)
{
    double elapsed[2];

    bench_both(run_pair, what, elapsed);
    values[0] = (elapsed[0] + elapsed[1]) / (4.0 * ONE_PASSES * (ENTRIES - 1));
}

static void case_threads(void)
{
    struct pair pairs[] = {{{&four, &four}}, {{&four, &other}}};
    struct bench_contender all[] = {
        {.name = "one space", .slice = pair_slice, .what = &pairs[0]},
        {.name = "two spaces", .slice = pair_slice, .what = &pairs[1]},
    };

    start_all();
    map_one(&four, START, PHYS);
    map_one(&four, START + TABLE_BYTES, PHYS);
    map_one(&other, START + TABLE_BYTES, PHYS);
    bench_measure(all, 2, 1);
    end_all();
    bench_report_ratio("map, unmap one page, 2 threads", 0, &all[0], &all[1],
                       1.2);
}

/* ---- The list ------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"map", case_map},
        {"frames", case_frames},
        {"part", case_part},
        {"one", case_one},
        {"translate", case_translate},
        {"threads", case_threads},
    };

    return bench_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
