/*
 * frames_start.c - how the frame allocator begins: what it takes over, where
 * its metadata come to lie, and what it answers before.
 */
#include "base/memory.h"
#include "harness/test.h"

#include <cairn/frames.h>

#define PAGE        CAIRN_FRAME_SIZE
#define ARENA_BYTES ((uint64_t)640 * CAIRN_KIB)
#define PATTERN     0xa5

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_early early;
static struct cairn_memory_range storage[64];
static struct cairn_frames_config config;
static uint8_t *memory; /* of the arena */
static uint64_t phys;

/* All six: each engine without and with magazines. */
static void on_each(void (*run)(void))
{
    memory = test_memory((size_t)ARENA_BYTES, &phys);
    for (unsigned i = 0; i < 6; i++) {
        config = cairn_frames_config_default();
        config.engine = (enum cairn_frames_engine)(i / 2);
        config.has_magazines = i % 2 != 0;
        config.cpu_count = 1;
        memset(&frames, 0, sizeof(frames));
        memset(memory, PATTERN, (size_t)ARENA_BYTES);
        run();
    }
}

static void make_map(uint64_t bytes)
{
    CHECK_EQ(cairn_memmap_init(&map, storage, 64), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, phys, bytes, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
}

static struct cairn_frames_stats stats_now(void)
{
    struct cairn_frames_stats stats;

    CHECK_EQ(cairn_frames_check(&frames), 0);
    cairn_frames_stats(&frames, &stats);
    return stats;
}

static struct cairn_frame_info info_at(uint64_t address)
{
    return cairn_frames_info(&frames, cairn_pfn_of(cairn_phys_make(address)));
}

/* ---- Before -------------------------------------------------------------- */

/* Whoever comes too early is told so, and nothing happens. */
static void expect_not_started(void)
{
    const struct cairn_run_request run = {.count = 1};
    cairn_pfn pfn = {phys >> CAIRN_FRAME_SHIFT};
    cairn_pfn out = {7};

    for (cairn_order order = 0; order <= CAIRN_ORDER_MAX; order++) {
        for (unsigned owner = 0; owner < CAIRN_OWNER_COUNT; owner++)
            CHECK_EQ(cairn_frames_alloc(&frames, order, 0,
                                        (enum cairn_owner)owner, &out),
                     CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_frames_free_order(&frames, pfn, order),
                 CAIRN_NOT_MEMORY);
    }
    CHECK_EQ(cairn_frames_alloc_run(&frames, &run, &out), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(out.value, 7);
    CHECK_EQ(cairn_frames_free(&frames, pfn), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_frames_free_range(&frames, pfn, 1), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_frames_info(&frames, pfn).usage, CAIRN_FRAME_ABSENT);
    CHECK_EQ(cairn_frames_add(&frames, cairn_phys_range_make(PAGE, 2 * PAGE)),
             CAIRN_NO_SPACE);
    CHECK_EQ(
        cairn_frames_remove(&frames, cairn_phys_range_make(PAGE, 2 * PAGE)),
        CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_frames_consume(&frames, cairn_phys_range_make(0, PAGE)), 0);
    cairn_frames_drain(&frames);
    CHECK_PANIC((void)cairn_frames_is_low(&frames), "lock");
    CHECK_PANIC((void)cairn_frames_check(&frames), "lock");
}

static void before_init(void)
{
    expect_not_started();
    make_map(ARENA_BYTES);
    expect_not_started();
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    CHECK(stats_now().free_frames > 0);
}

CAIRN_TEST(C12_use_before_init_is_an_error)
{
    on_each(before_init);
}

/*
 * Without room for metadata it is as if init had never been called, however
 * far it came.  What the metadata fill exactly needs none for itself.
 */
static void failed_init(void)
{
    unsigned failed = 0;

    for (uint64_t pages = 1; pages <= 10; pages++) {
        make_map(pages * PAGE);
        if (cairn_frames_init(&frames, &map, NULL, &config) == CAIRN_OK) {
            CHECK_EQ(stats_now().total_frames, 0);
            memset(&frames, 0, sizeof(frames));
        } else {
            expect_not_started();
            failed++;
        }
    }
    CHECK(failed >= 8);
    make_map(ARENA_BYTES);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    CHECK(stats_now().free_frames > 0);
}

CAIRN_TEST(C12_after_an_init_that_failed_another_one_succeeds)
{
    on_each(failed_init);
}

static void no_map(void)
{
    CHECK_EQ(cairn_memmap_init(&map, storage, 64), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, phys, ARENA_BYTES, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config),
             CAIRN_NO_MEMORY_MAP);
    CHECK_EQ(cairn_memmap_init(&map, storage, 64), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, phys, ARENA_BYTES, CAIRN_MEMORY_RESERVED),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_frames_init(NULL, &map, NULL, &config), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_frames_init(&frames, NULL, NULL, &config),
             CAIRN_BAD_ARGUMENT);
    expect_not_started();
}

CAIRN_TEST(A15_frames_without_a_map_or_without_memory)
{
    on_each(no_map);
}

/* ---- What is taken over -------------------------------------------------- */

static void start_early(const struct cairn_early_config *early_config)
{
    make_map(ARENA_BYTES);
    CHECK_EQ(cairn_early_init(&early, &map, early_config), CAIRN_OK);
    cairn_early_track(&early);
}

static void start_frames(void)
{
    CHECK_EQ(cairn_frames_init(&frames, &map, &early, &config), CAIRN_OK);
}

static void expect_boot(uint64_t address)
{
    struct cairn_frame_info info = info_at(address);

    CHECK_EQ(info.usage, CAIRN_FRAME_ALLOCATED);
    CHECK_EQ(info.owner, CAIRN_OWNER_BOOT);
    CHECK_EQ(info.count, 1);
}

/* Everything that is free now is handed out once, and is none of `taken`. */
static void expect_never_handed_out(const struct cairn_phys_range *taken,
                                    size_t count)
{
    uint64_t left = stats_now().free_frames;
    cairn_pfn pfn;

    while (cairn_frames_alloc(&frames, 0, 0, CAIRN_OWNER_USER, &pfn) ==
           CAIRN_OK) {
        cairn_phys at = cairn_phys_of(pfn);

        for (size_t i = 0; i < count; i++)
            CHECK(at.value + PAGE <= taken[i].start.value ||
                  at.value >= taken[i].end.value);
        left--;
    }
    CHECK_EQ(left, 0);
}

/*
 * What the early allocator has handed out is the boot's, frame by frame, and
 * can be freed; what lies unused in its reserve is free.
 */
static void hand_over(void)
{
    cairn_pfn taken[10];
    struct cairn_frames_stats stats;

    start_early(NULL);
    CHECK_EQ(cairn_early_reserve(&early, 5), 5);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(cairn_early_alloc(&early, &taken[i]), CAIRN_OK);
    for (unsigned i = 8; i < 10; i++)
        CHECK_EQ(cairn_early_alloc_table(&early, &taken[i]), CAIRN_OK);
    start_frames();
    stats = stats_now();
    CHECK_EQ(stats.owner_frames[CAIRN_OWNER_BOOT], 10);
    CHECK_EQ(stats.free_frames, stats.total_frames - 10);
    CHECK_EQ(stats.total_frames * PAGE + stats.metadata_bytes, ARENA_BYTES);
    CHECK_EQ(cairn_early_alloc(&early, &taken[0]), CAIRN_NO_MEMORY);
    for (unsigned i = 0; i < 10; i++) {
        expect_boot(cairn_phys_of(taken[i]).value);
        CHECK_EQ(cairn_frames_free(&frames, taken[i]), CAIRN_OK);
    }
    CHECK_EQ(stats_now().free_frames, stats.total_frames);
}

CAIRN_TEST(C12_init_takes_over_what_the_early_allocator_has_handed_out)
{
    on_each(hand_over);
}

/*
 * What others have taken, wherever it lies: at the end, where metadata would
 * come to lie first, in the middle, and in part outside of all memory.
 */
static void take_records(void)
{
    const struct cairn_phys_range taken[] = {
        {{phys + ARENA_BYTES - 3 * PAGE}, {phys + ARENA_BYTES - PAGE}},
        {{phys + 20 * PAGE - 1}, {phys + 20 * PAGE + 1}},
        {{phys + ARENA_BYTES - 1}, {phys + ARENA_BYTES + 9 * PAGE}},
    };
    cairn_pfn own;

    start_early(NULL);
    for (unsigned i = 0; i < 3; i++)
        cairn_early_record(&early, taken[i].start,
                           cairn_phys_range_bytes(taken[i]));
    CHECK_EQ(cairn_early_alloc(&early, &own), CAIRN_OK);
    start_frames();
    CHECK_EQ(stats_now().owner_frames[CAIRN_OWNER_BOOT], 3 + 2 + 1);
    for (uint64_t at = ARENA_BYTES - 3 * PAGE; at < ARENA_BYTES; at++)
        CHECK_EQ(memory[at], PATTERN);
    expect_boot(phys + ARENA_BYTES - 2 * PAGE);
    expect_boot(phys + 19 * PAGE);
    expect_boot(phys + 20 * PAGE);
    expect_never_handed_out(taken, 3);
}

CAIRN_TEST(C12_init_takes_over_what_the_log_has_recorded)
{
    on_each(take_records);
}

/* An early allocator that was rebuilt knows what the first one has given. */
static void take_skipped(void)
{
    const struct cairn_phys_range taken[] = {
        {{phys}, {phys + 4 * PAGE}},
        {{phys + ARENA_BYTES - 30 * PAGE}, {phys + ARENA_BYTES}},
    };
    const struct cairn_early_config rebuilt = {
        .window = {{0}, {CAIRN_PHYS_LIMIT}}, .skip = taken, .skip_count = 2};
    cairn_pfn own;

    start_early(&rebuilt);
    CHECK_EQ(cairn_early_alloc(&early, &own), CAIRN_OK);
    CHECK_EQ(cairn_phys_of(own).value, phys + 4 * PAGE);
    start_frames();
    CHECK_EQ(stats_now().owner_frames[CAIRN_OWNER_BOOT], 4 + 30 + 1);
    for (uint64_t at = ARENA_BYTES - 30 * PAGE; at < ARENA_BYTES; at++)
        CHECK_EQ(memory[at], PATTERN);
    expect_never_handed_out(taken, 2);
}

CAIRN_TEST(C12_init_takes_over_what_an_earlier_allocator_has_handed_out)
{
    on_each(take_skipped);
}

/* ---- Memory itself ------------------------------------------------------- */

/* Metadata do not rely on what memory held, nor does anybody write the rest. */
static void untouched(void)
{
    struct cairn_frames_stats stats;

    make_map(ARENA_BYTES);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    stats = stats_now();
    CHECK_EQ(stats.free_frames, stats.total_frames);
    for (uint64_t at = 0; at < ARENA_BYTES; at++) {
        if (at % PAGE == 0 && info_at(phys + at).usage != CAIRN_FRAME_FREE)
            at += PAGE - 1;
        else
            CHECK_EQ(memory[at], PATTERN);
    }
}

CAIRN_TEST(pitfall_mio_the_start_touches_nothing_but_metadata)
{
    on_each(untouched);
}

/* Of a block every frame is cleared, and of a run; nothing else is. */
static void cleared(void)
{
    struct cairn_run_request run = {
        .count = 11, .flags = CAIRN_FRAME_ZEROED, .owner = CAIRN_OWNER_USER};
    cairn_pfn pfn;

    make_map(ARENA_BYTES);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    for (cairn_order order = 0; order <= 6; order++) {
        uint64_t count = order < 6 ? (uint64_t)1 << order : run.count;
        uint64_t at;

        CHECK_EQ(order < 6 ? cairn_frames_alloc(&frames, order, run.flags,
                                                CAIRN_OWNER_USER, &pfn)
                           : cairn_frames_alloc_run(&frames, &run, &pfn),
                 CAIRN_OK);
        at = cairn_phys_of(pfn).value - phys;
        for (uint64_t i = 0; i < count * PAGE; i++)
            CHECK_EQ(memory[at + i], 0);
        if (info_at(phys + at + count * PAGE).usage == CAIRN_FRAME_FREE)
            CHECK_EQ(memory[at + count * PAGE], PATTERN);
        memset(memory + at, PATTERN, (size_t)(count * PAGE));
        CHECK_EQ(cairn_frames_free(&frames, pfn), CAIRN_OK);
    }
}

CAIRN_TEST(J7_C16_every_frame_of_a_block_is_zeroed_if_asked)
{
    on_each(cleared);
}

static void not_cleared(void)
{
    cairn_pfn pfn;

    make_map(ARENA_BYTES);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    for (cairn_order order = 0; order < 6; order++) {
        uint64_t bytes = PAGE << order;
        uint64_t at;

        CHECK_EQ(cairn_frames_alloc(&frames, order, 0, CAIRN_OWNER_USER, &pfn),
                 CAIRN_OK);
        at = cairn_phys_of(pfn).value - phys;
        for (uint64_t i = 0; i < bytes; i++)
            CHECK_EQ(memory[at + i], PATTERN);
        CHECK_EQ(cairn_frames_free(&frames, pfn), CAIRN_OK);
    }
}

CAIRN_TEST(C16_nothing_is_zeroed_unless_asked)
{
    on_each(not_cleared);
}
