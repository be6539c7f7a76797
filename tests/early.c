/*
 * early.c - the early allocator: each row of the requirements by name, and the
 * checker.
 */
#include "memmap_example.h"

#include <cairn/early.h>

#define PAGE ((uint64_t)4096)

static struct cairn_early early;

/* Usable: frames 1 to 4, 8 and 9, 16 and 17. */
static void make_map(void)
{
    example_begin();
    example_add(0x8000, 0xa000, USABLE);
    example_add(0x0000, 0x5000, USABLE);
    example_add(0x5000, 0x8000, RESERVED);
    example_add(0x10000, 0x12000, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
}

static const uint64_t map_order[] = {1, 2, 3, 4, 8, 9, 16, 17};
#define MAP_FRAMES (sizeof(map_order) / sizeof(map_order[0]))

static void start(const struct cairn_early_config *config)
{
    CHECK_EQ(cairn_early_init(&early, &example_map, config), CAIRN_OK);
    CHECK_EQ(cairn_early_check(&early), 0);
}

static void make(void)
{
    make_map();
    start(NULL);
}

/* The next frame, which must be there. */
static uint64_t take(void)
{
    cairn_pfn pfn = {0};

    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_OK);
    CHECK_EQ(cairn_early_check(&early), 0);
    return pfn.value;
}

static uint64_t take_table(void)
{
    cairn_pfn pfn = {0};

    CHECK_EQ(cairn_early_alloc_table(&early, &pfn), CAIRN_OK);
    CHECK_EQ(cairn_early_check(&early), 0);
    return pfn.value;
}

static void check_empty(void)
{
    cairn_pfn pfn = {0x1234};

    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(pfn.value, 0x1234);
}

static struct cairn_early_stats stats_now(void)
{
    struct cairn_early_stats stats;

    cairn_early_stats(&early, &stats);
    return stats;
}

/* A map of one usable range, from 1 MiB on. */
static void make_large(uint64_t frames)
{
    example_begin();
    example_add(CAIRN_MIB, CAIRN_MIB + frames * PAGE, USABLE);
    CHECK_EQ(example_finish(0), CAIRN_OK);
    start(NULL);
}

/* ---- B1: order, each once, exhaustion ------------------------------------ */

CAIRN_TEST(B1_frames_come_in_map_order_each_once)
{
    make();
    for (size_t i = 0; i < MAP_FRAMES; i++)
        CHECK_EQ(take(), map_order[i]);
    check_empty();
    check_empty();
}

CAIRN_TEST(B1_every_usable_frame_is_handed_out)
{
    const uint64_t frames = 5000;

    make_large(frames);
    for (uint64_t i = 0; i < frames; i++)
        CHECK_EQ(take(), CAIRN_MIB / PAGE + i);
    check_empty();
    CHECK_EQ(stats_now().used_frames, frames);
    CHECK_EQ(stats_now().free_frames, 0);
}

CAIRN_TEST(B1_the_window_limits_the_addresses)
{
    const struct cairn_early_config config = {.window = {{0x2001}, {0x10fff}}};

    make_map();
    start(&config);
    CHECK_EQ(stats_now().total_frames, 4);
    CHECK_EQ(take(), 3);
    CHECK_EQ(take(), 4);
    CHECK_EQ(take(), 8);
    CHECK_EQ(take(), 9);
    check_empty();
}

CAIRN_TEST(B1_windows_without_a_frame)
{
    static const struct cairn_phys_range windows[] = {
        {{0x1001}, {0x2fff}}, {{0x3000}, {0x3000}}, {{0x4000}, {0x3000}},
        {{0}, {0}},           {{0x5000}, {0x8000}}, {{LIMIT}, {LIMIT}},
        {{LIMIT}, {0}},
    };

    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        struct cairn_early_config config = {.window = windows[i]};

        make_map();
        start(&config);
        CHECK_EQ(stats_now().total_frames, 0);
        CHECK_EQ(cairn_early_reserve(&early, 1), 0);
        check_empty();
        CHECK_EQ(cairn_early_check(&early), 0);
    }
}

CAIRN_TEST(B1_init_refuses_nonsense)
{
    static const struct cairn_phys_range empty[] = {{{0x3000}, {0x3000}}};
    static const struct cairn_phys_range unsorted[] = {{{0x3000}, {0x4000}},
                                                       {{0x1000}, {0x2000}}};
    static const struct cairn_phys_range twice[] = {{{0x1000}, {0x2000}},
                                                    {{0x1000}, {0x2000}}};
    static const struct cairn_phys_range beyond[] = {{{0x3000}, {LIMIT + 1}}};
    static const struct cairn_phys_range wrap[] = {{{0x3000}, {UINT64_MAX}}};
    const struct cairn_phys_range all = {{0}, {LIMIT}};
    const struct cairn_early_config bad[] = {
        {{{0}, {LIMIT + 1}}, NULL, 0},
        {{{LIMIT + 1}, {LIMIT}}, NULL, 0},
        {{{UINT64_MAX}, {LIMIT}}, NULL, 0},
        {all, NULL, 1},
        {all, empty, 1},
        {all, unsorted, 2},
        {all, twice, 2},
        {all, beyond, 1},
        {all, wrap, 1},
    };

    make_map();
    CHECK_EQ(cairn_early_init(NULL, &example_map, NULL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_early_init(&early, NULL, NULL), CAIRN_BAD_ARGUMENT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(cairn_early_init(&early, &example_map, &bad[i]),
                 CAIRN_BAD_ARGUMENT);
    example_begin();
    CHECK_EQ(cairn_early_init(&early, &example_map, NULL), CAIRN_NO_MEMORY_MAP);
}

/* ---- B2: the reserve ----------------------------------------------------- */

CAIRN_TEST(B2_the_reserve_is_last_in_first_out)
{
    make();
    CHECK_EQ(cairn_early_reserve(&early, 3), 3);
    CHECK_EQ(take_table(), 3);
    CHECK_EQ(take_table(), 2);
    CHECK_EQ(cairn_early_reserve(&early, 1), 1);
    CHECK_EQ(take_table(), 4);
    CHECK_EQ(take_table(), 1);
    CHECK_EQ(stats_now().reserve_frames, 0);
}

CAIRN_TEST(B2_tables_come_from_the_reserve_then_from_the_pool)
{
    make();
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    CHECK_EQ(take(), 3);
    CHECK_EQ(take_table(), 2);
    CHECK_EQ(take_table(), 1);
    CHECK_EQ(take_table(), 4);
    CHECK_EQ(take(), 8);
}

CAIRN_TEST(B2_at_most_16_are_reserved)
{
    make_large(100);
    CHECK_EQ(cairn_early_reserve(&early, 10), 10);
    CHECK_EQ(cairn_early_reserve(&early, 10), 6);
    CHECK_EQ(cairn_early_reserve(&early, 1), 0);
    CHECK_EQ(cairn_early_reserve(&early, SIZE_MAX), 0);
    CHECK_EQ(stats_now().reserve_frames, 16);
    CHECK_EQ(stats_now().free_frames, 100);
    CHECK_EQ(stats_now().used_frames, 0);
    CHECK_EQ(take(), CAIRN_MIB / PAGE + 16);
    CHECK_EQ(cairn_early_reserve(&early, 0), 0);
}

CAIRN_TEST(B2_reserving_tells_how_many_it_obtained)
{
    make();
    CHECK_EQ(cairn_early_reserve(&early, SIZE_MAX), MAP_FRAMES);
    CHECK_EQ(cairn_early_reserve(&early, 1), 0);
    CHECK_EQ(cairn_early_check(&early), 0);
}

CAIRN_TEST(B2_general_requests_never_take_the_reserve)
{
    cairn_pfn pfn;

    make();
    CHECK_EQ(cairn_early_reserve(&early, 5), 5);
    for (size_t i = 5; i < MAP_FRAMES; i++)
        CHECK_EQ(take(), map_order[i]);
    check_empty();
    CHECK_EQ(stats_now().free_frames, 5);
    for (size_t i = 5; i > 0; i--)
        CHECK_EQ(take_table(), map_order[i - 1]);
    CHECK_EQ(cairn_early_alloc_table(&early, &pfn), CAIRN_NO_MEMORY);
    check_empty();
}

/* ---- B3, B4, B5: the log ------------------------------------------------- */

static struct cairn_phys_range drained[CAIRN_EARLY_LOG_MAX];

/* Drain, and look at the first range. */
static size_t drain(void)
{
    size_t count = cairn_early_drain(&early, drained, CAIRN_EARLY_LOG_MAX);

    CHECK_EQ(cairn_early_check(&early), 0);
    return count;
}

static void record(uint64_t from, uint64_t bytes)
{
    cairn_early_record(&early, cairn_phys_make(from), bytes);
    CHECK_EQ(cairn_early_check(&early), 0);
}

static void check_drained(size_t index, uint64_t from, uint64_t to)
{
    CHECK_EQ(drained[index].start.value, from);
    CHECK_EQ(drained[index].end.value, to);
}

CAIRN_TEST(B3_nothing_is_logged_before_tracking)
{
    make();
    take();
    CHECK_EQ(cairn_early_reserve(&early, 1), 1);
    take_table();
    CHECK_EQ(drain(), 0);
    CHECK_EQ(stats_now().records, 0);
}

CAIRN_TEST(B3_every_frame_is_logged_once_tracking_is_on)
{
    make();
    take();
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    cairn_early_track(&early);
    take();       /* 4 */
    take_table(); /* 3, from the reserve, set aside before */
    take();       /* 8 */
    CHECK_EQ(stats_now().records, 3);
    CHECK_EQ(stats_now().log_ranges, 2);
    CHECK_EQ(drain(), 2);
    check_drained(0, 0x3000, 0x5000);
    check_drained(1, 0x8000, 0x9000);
}

CAIRN_TEST(B3_frames_in_the_reserve_are_not_logged)
{
    make();
    cairn_early_track(&early);
    CHECK_EQ(cairn_early_reserve(&early, 4), 4);
    CHECK_EQ(drain(), 0);
    CHECK_EQ(take_table(), 4);
    CHECK_EQ(drain(), 1);
    check_drained(0, 0x4000, 0x5000);
}

CAIRN_TEST(B4_a_record_covers_every_page_it_touches)
{
    make();
    record(0x1fff, 2);
    CHECK_EQ(drain(), 1);
    check_drained(0, 0x1000, 0x3000);
    record(0x1fff, 1);
    CHECK_EQ(drain(), 1);
    check_drained(0, 0x1000, 0x2000);
    record(0x2000, 0x1001);
    CHECK_EQ(drain(), 1);
    check_drained(0, 0x2000, 0x4000);
}

CAIRN_TEST(B4_a_record_of_0_bytes_is_ignored)
{
    make();
    record(0x1fff, 0);
    record(0, 0);
    CHECK_EQ(drain(), 0);
    CHECK_EQ(stats_now().records, 0);
}

CAIRN_TEST(B4_records_end_where_physical_memory_does)
{
    make();
    record(LIMIT - 1, 1);
    record(LIMIT - 0x3000, UINT64_MAX);
    record(LIMIT, 0x1000);
    record(UINT64_MAX, 2);
    CHECK_EQ(drain(), 1);
    check_drained(0, LIMIT - 0x3000, LIMIT);
}

/* Every second page of the log's capacity. */
static void fill_log(void)
{
    for (uint64_t i = 0; i < CAIRN_EARLY_LOG_MAX; i++)
        cairn_early_record(&early, cairn_phys_make((2 * i + 1) * PAGE), PAGE);
    CHECK_EQ(stats_now().log_ranges, CAIRN_EARLY_LOG_MAX);
    CHECK_EQ(cairn_early_check(&early), 0);
}

CAIRN_TEST(B4_1024_separate_ranges_fit)
{
    make();
    fill_log();
    CHECK_EQ(drain(), 1024);
    for (size_t i = 0; i < 1024; i++)
        check_drained(i, (2 * i + 1) * PAGE, (2 * i + 2) * PAGE);
}

CAIRN_TEST(B4_one_more_range_panics)
{
    make();
    fill_log();
    CHECK_PANIC(record(0x10000000, 1), "overflow");
    CHECK_EQ(cairn_early_check(&early), 0);
    CHECK_EQ(drain(), 1024);
    CHECK_EQ(drain(), 0);
}

CAIRN_TEST(B4_a_frame_too_many_panics)
{
    cairn_pfn pfn;

    make_large(10);
    for (uint64_t i = 0; i < CAIRN_EARLY_LOG_MAX; i++)
        cairn_early_record(&early, cairn_phys_make(CAIRN_GIB + 2 * i * PAGE),
                           PAGE);
    cairn_early_track(&early);
    CHECK_PANIC((void)!cairn_early_alloc(&early, &pfn), "overflow");
    CHECK_EQ(cairn_early_check(&early), 0);
}

CAIRN_TEST(B4_a_full_log_takes_what_touches)
{
    make();
    fill_log();
    record(PAGE, PAGE);
    record(0, PAGE);
    record(2 * 1024 * PAGE, PAGE);
    CHECK_EQ(stats_now().log_ranges, CAIRN_EARLY_LOG_MAX);
    record(2 * PAGE, 7 * PAGE); /* joins 1, 3, 5, 7 and 9 */
    CHECK_EQ(stats_now().log_ranges, CAIRN_EARLY_LOG_MAX - 4);
    CHECK_EQ(drain(), CAIRN_EARLY_LOG_MAX - 4);
    check_drained(0, 0, 10 * PAGE);
    check_drained(1, 11 * PAGE, 12 * PAGE);
    check_drained(CAIRN_EARLY_LOG_MAX - 5, 2047 * PAGE, 2049 * PAGE);
}

CAIRN_TEST(B5_the_log_comes_out_sorted_and_merged)
{
    make();
    record(0x9000, 0x1000);
    record(0x1000, 0x1000);
    record(0x5000, 0x2000);
    record(0x2000, 0x1000); /* touches */
    record(0x6000, 0x2000); /* overlaps */
    record(0x5000, 0x1000); /* lies inside */
    CHECK_EQ(stats_now().records, 6);
    CHECK_EQ(drain(), 3);
    check_drained(0, 0x1000, 0x3000);
    check_drained(1, 0x5000, 0x8000);
    check_drained(2, 0x9000, 0xa000);
}

CAIRN_TEST(B5_the_log_is_empty_afterwards)
{
    make();
    record(0x1000, 1);
    CHECK_EQ(drain(), 1);
    CHECK_EQ(drain(), 0);
    CHECK_EQ(stats_now().log_ranges, 0);
    CHECK_EQ(stats_now().records, 1);
    CHECK_EQ(cairn_early_drain(&early, NULL, 0), 0);
}

CAIRN_TEST(B5_too_small_a_buffer_changes_nothing)
{
    make();
    record(0x1000, 1);
    record(0x5000, 1);
    drained[0] = cairn_phys_range_make(7, 8);
    CHECK_EQ(cairn_early_drain(&early, drained, 1), 2);
    check_drained(0, 7, 8);
    CHECK_EQ(cairn_early_drain(&early, NULL, 0), 2);
    CHECK_EQ(cairn_early_drain(&early, drained, 2), 2);
    check_drained(1, 0x5000, 0x6000);
}

/* ---- B6: another allocator on the same map ------------------------------- */

CAIRN_TEST(B6_a_rebuilt_allocator_skips_what_was_consumed)
{
    struct cairn_early_config config = {.window = {{0}, {LIMIT}}};

    make();
    cairn_early_track(&early);
    for (size_t i = 0; i < 5; i++)
        CHECK_EQ(take(), map_order[i]);
    record(0x10000, 1);
    config.skip_count = drain();
    config.skip = drained;
    start(&config);
    CHECK_EQ(stats_now().total_frames, 2);
    CHECK_EQ(take(), 9);
    CHECK_EQ(take(), 17);
    check_empty();
}

static void check_skip(struct cairn_phys_range skip, uint64_t total,
                       uint64_t first)
{
    struct cairn_early_config config = {{{0}, {LIMIT}}, &skip, 1};

    make_map();
    start(&config);
    CHECK_EQ(stats_now().total_frames, total);
    CHECK_EQ(take(), first);
}

CAIRN_TEST(B6_skipped_ranges_round_outwards)
{
    check_skip(cairn_phys_range_make(0x1000, 0x1001), 7, 2);
    check_skip(cairn_phys_range_make(0x1fff, 0x2000), 7, 2);
    check_skip(cairn_phys_range_make(0x1fff, 0x2001), 6, 3);
    check_skip(cairn_phys_range_make(0x2800, 0x2801), 7, 1);
    check_skip(cairn_phys_range_make(0x4fff, 0x8001), 6, 1);
}

CAIRN_TEST(B6_skipped_ranges_may_lie_where_nothing_is_usable)
{
    check_skip(cairn_phys_range_make(0x5000, 0x8000), 8, 1);
    check_skip(cairn_phys_range_make(0x100000, 0x200000), 8, 1);
    check_skip(cairn_phys_range_make(0, 0x1000), 8, 1);
    check_skip(cairn_phys_range_make(LIMIT - 1, LIMIT), 8, 1);
    check_skip(cairn_phys_range_make(0x3000, 0x9000), 5, 1);
    check_skip(cairn_phys_range_make(0x3000, LIMIT), 2, 1);
    check_skip(cairn_phys_range_make(0, 0x11000), 1, 17);
}

CAIRN_TEST(B6_skipping_everything_leaves_nothing)
{
    static const struct cairn_phys_range skip = {{0}, {LIMIT}};
    struct cairn_early_config config = {{{0}, {LIMIT}}, &skip, 1};

    make_map();
    start(&config);
    check_empty();
    CHECK_EQ(stats_now().total_frames, 0);
}

CAIRN_TEST(B6_several_skipped_ranges_in_one_page)
{
    static const struct cairn_phys_range skip[] = {{{0x1000}, {0x1001}},
                                                   {{0x1001}, {0x1002}},
                                                   {{0x1ffe}, {0x1fff}},
                                                   {{0x3001}, {0x3002}},
                                                   {{0x3003}, {0x3004}}};
    struct cairn_early_config config = {{{0}, {LIMIT}}, skip, 5};

    make_map();
    start(&config);
    CHECK_EQ(take(), 2);
    CHECK_EQ(take(), 4);
    CHECK_EQ(stats_now().total_frames, 6);
}

CAIRN_TEST(B6_the_reserve_skips_too)
{
    static const struct cairn_phys_range skip = {{0x1000}, {0x4000}};
    struct cairn_early_config config = {{{0}, {LIMIT}}, &skip, 1};

    make_map();
    start(&config);
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    CHECK_EQ(take_table(), 8);
    CHECK_EQ(take_table(), 4);
}

/* ---- B7: the source interface -------------------------------------------- */

CAIRN_TEST(B7_the_early_allocator_is_a_source)
{
    struct cairn_source source;
    cairn_pfn pfn;

    make();
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    source = cairn_early_source(&early);
    CHECK_EQ(cairn_source_alloc(&source, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, 3);
    CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, 2);
    while (cairn_source_alloc(&source, &pfn) == CAIRN_OK)
        continue;
    CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, 1);
    CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_NO_MEMORY);
}

CAIRN_TEST(B7_the_empty_source_has_nothing)
{
    struct cairn_source source = cairn_source_empty();
    cairn_pfn pfn = {99};

    CHECK_EQ(cairn_source_alloc(&source, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(pfn.value, 99);
}

static enum cairn_status count_down(void *context, cairn_pfn *out)
{
    uint64_t *next = context;

    if (*next == 0)
        return CAIRN_NO_MEMORY;
    *out = cairn_pfn_make((*next)--);
    return CAIRN_OK;
}

static enum cairn_status give_900(void *context, cairn_pfn *out)
{
    (void)context;
    *out = cairn_pfn_make(900);
    return CAIRN_OK;
}

CAIRN_TEST(B7_a_host_can_supply_a_source)
{
    uint64_t next = 2;
    struct cairn_source source = {count_down, give_900, &next};
    cairn_pfn pfn;

    CHECK_EQ(cairn_source_alloc(&source, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, 2);
    CHECK_EQ(cairn_source_alloc_table(&source, &pfn), CAIRN_OK);
    CHECK_EQ(pfn.value, 900);
    CHECK_EQ(cairn_source_alloc(&source, &pfn), CAIRN_OK);
    CHECK_EQ(cairn_source_alloc(&source, &pfn), CAIRN_NO_MEMORY);
}

CAIRN_TEST(B7_a_source_without_functions_panics)
{
    struct cairn_source source = {NULL, NULL, NULL};
    cairn_pfn pfn;

    CHECK_PANIC((void)!cairn_source_alloc(&source, &pfn), "alloc != NULL");
    CHECK_PANIC((void)!cairn_source_alloc_table(&source, &pfn),
                "alloc_table != NULL");
}

/* ---- B8, B9 -------------------------------------------------------------- */

CAIRN_TEST(B8_the_end_of_the_highest_usable_range)
{
    make_map();
    CHECK_EQ(cairn_memmap_end(&example_map, BIT(USABLE)).value, 0x12000);
    CHECK_EQ(cairn_memmap_end(&example_map, BIT(RESERVED)).value, 0x8000);
    example_begin();
    example_add(0x1000, 0x2000, RESERVED);
    CHECK_EQ(example_finish(0), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_memmap_end(&example_map, BIT(USABLE)).value, 0);
}

static struct cairn_phys_range used[32];
static size_t used_count;

static void note_used(void *context, struct cairn_phys_range range)
{
    CHECK_EQ((uintptr_t)context, (uintptr_t)&early);
    CHECK(used_count < 32);
    used[used_count++] = range;
}

static void finish(void)
{
    used_count = 0;
    cairn_early_finish(&early, note_used, &early);
    CHECK_EQ(cairn_early_check(&early), 0);
}

static void check_used(size_t index, uint64_t from, uint64_t to)
{
    CHECK_EQ(used[index].start.value, from);
    CHECK_EQ(used[index].end.value, to);
}

CAIRN_TEST(B9_finish_names_what_was_handed_out)
{
    make();
    for (size_t i = 0; i < 5; i++)
        take();
    finish();
    CHECK_EQ(used_count, 2);
    check_used(0, 0x1000, 0x5000);
    check_used(1, 0x8000, 0x9000);
}

CAIRN_TEST(B9_the_unused_reserve_is_not_among_it)
{
    make();
    take(); /* 1 */
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    take();       /* 4 */
    take_table(); /* 3 */
    finish();
    CHECK_EQ(used_count, 2);
    check_used(0, 0x1000, 0x2000);
    check_used(1, 0x3000, 0x5000);
}

CAIRN_TEST(B9_nothing_handed_out_names_nothing)
{
    make();
    CHECK_EQ(cairn_early_reserve(&early, 6), 6);
    finish();
    CHECK_EQ(used_count, 0);
}

CAIRN_TEST(B9_the_allocator_is_empty_afterwards)
{
    cairn_pfn pfn;

    make();
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    take();
    finish();
    check_empty();
    CHECK_EQ(cairn_early_alloc_table(&early, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_early_reserve(&early, 1), 0);
    CHECK_EQ(stats_now().total_frames, 0);
    CHECK_EQ(stats_now().used_frames, 0);
    finish();
    CHECK_EQ(used_count, 0);
}

/* While finish tells, nothing can be taken any more. */
static void try_to_take(void *context, struct cairn_phys_range range)
{
    cairn_pfn pfn;

    note_used(context, range);
    CHECK_EQ(cairn_early_alloc_table(&early, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_NO_MEMORY);
    CHECK_EQ(stats_now().free_frames, 0);
    CHECK_EQ(cairn_early_check(&early), 0);
}

CAIRN_TEST(B9_the_visitor_gets_no_frame_that_was_not_named)
{
    make();
    CHECK_EQ(cairn_early_reserve(&early, 2), 2);
    take();
    used_count = 0;
    cairn_early_finish(&early, try_to_take, &early);
    CHECK_EQ(used_count, 1);
    check_used(0, 0x3000, 0x4000);
}

CAIRN_TEST(B9_skipped_frames_are_not_named)
{
    static const struct cairn_phys_range skip = {{0x2000}, {0x3001}};
    struct cairn_early_config config = {{{0}, {LIMIT}}, &skip, 1};

    make_map();
    start(&config);
    for (size_t i = 0; i < 3; i++)
        take();
    finish();
    CHECK_EQ(used_count, 3);
    check_used(0, 0x1000, 0x2000);
    check_used(1, 0x4000, 0x5000);
    check_used(2, 0x8000, 0x9000);
}

/* ---- The checker --------------------------------------------------------- */

/* A good allocator with two frames in its reserve and two logged ranges. */
static void make_good(void)
{
    static const struct cairn_phys_range skip = {{0x2000}, {0x2001}};
    const struct cairn_early_config config = {{{0}, {LIMIT}}, &skip, 1};

    make_map();
    start(&config);
    CHECK_EQ(cairn_early_reserve(&early, 2), 2); /* 1 and 3 */
    record(0x20000, 1);
    record(0x30000, 1);
}

/* Break a good allocator by the statement: the checker names the number. */
#define CHECK_BROKEN(statement, number)                                        \
    do {                                                                       \
        make_good();                                                           \
        statement;                                                             \
        CHECK_EQ(cairn_early_check(&early), (number));                         \
    } while (0)

CAIRN_TEST(early_check_sees_a_broken_window)
{
    CHECK_BROKEN(early.window.start.value = 0x4800, 1);
    CHECK_BROKEN(early.begin.value = 0x5000, 1);
}

CAIRN_TEST(early_check_sees_broken_counts)
{
    CHECK_BROKEN(early.reserve_count = CAIRN_EARLY_RESERVE_MAX + 1, 2);
    CHECK_BROKEN(early.log_count = CAIRN_EARLY_LOG_MAX + 1, 2);
}

CAIRN_TEST(early_check_sees_a_broken_reserve)
{
    CHECK_BROKEN(early.reserve[0].value = 6, 3); /* not usable */
    CHECK_BROKEN(early.reserve[0].value = 0, 3); /* low */
    CHECK_BROKEN(early.reserve[0].value = 8, 3); /* not handed out yet */
    CHECK_BROKEN(early.reserve[0].value = 3, 3); /* twice */
    CHECK_BROKEN(early.reserve[1].value = 2, 3); /* skipped */
    CHECK_BROKEN(early.window.start.value = 0x3000, 3);
}

CAIRN_TEST(early_check_sees_a_broken_log)
{
    CHECK_BROKEN(early.log[0].end.value = 0x20000, 4);
    CHECK_BROKEN(early.log[0].end.value = 0x20fff, 4);
    CHECK_BROKEN(early.log[1].start.value = 0x21000, 4);
    CHECK_BROKEN(early.log[1].start.value = 0x20000, 4);
    CHECK_BROKEN(early.log[0].start.value = 0x2f000, 4);
    CHECK_BROKEN(early.log[1].start.value = 0x30001, 4);
}
