/*
 * frames_memory.c - memory of the boot comes back, but for what is pinned.
 */
#include "base/memory.h"
#include "harness/test.h"

#include <cairn/frames.h>

#define RANGES 64
#define PAGE   CAIRN_FRAME_SIZE
#define ARENA  ((size_t)512 * 1024)

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_memory_range storage[2 * RANGES];
static uint64_t old; /* where the boot's memory begins */

/*
 * A machine with `bytes` bytes of usable memory and, 1 GiB above, 64 pages that
 * only the boot needs.  Nobody reads or writes a byte of these.
 */
static void start(enum cairn_frames_engine engine, size_t map_storage)
{
    struct cairn_frames_config config = cairn_frames_config_default();
    static uint64_t phys;

    if (engine == CAIRN_ENGINE_TREE)
        (void)test_memory(ARENA, &phys);
    config.engine = engine;
    old = ((phys + CAIRN_GIB) & ~(CAIRN_GIB - 1)) + CAIRN_GIB;
    memset(&frames, 0, sizeof(frames));
    CHECK_EQ(cairn_memmap_init(&map, storage, map_storage), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, phys, ARENA, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, old, 64 * PAGE, CAIRN_MEMORY_LOADER),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
}

static uint64_t free_now(void)
{
    struct cairn_frames_stats stats;

    CHECK_EQ(cairn_frames_check(&frames), 0);
    cairn_frames_stats(&frames, &stats);
    return stats.free_frames;
}

static void pin(uint64_t page, uint64_t count)
{
    CHECK_EQ(cairn_memmap_pin(&map, old + page * PAGE, count * PAGE), CAIRN_OK);
}

static void unpin(uint64_t page, uint64_t count)
{
    CHECK_EQ(cairn_memmap_unpin(&map, old + page * PAGE, count * PAGE),
             CAIRN_OK);
}

static void expect_reclaimed(uint64_t pages, uint64_t pages_refused)
{
    uint64_t before = free_now();
    uint64_t reclaimed = UINT64_MAX;
    uint64_t refused = UINT64_MAX;

    CHECK_EQ(cairn_frames_reclaim(&frames, &map, CAIRN_MEMORY_LOADER,
                                  &reclaimed, &refused),
             CAIRN_OK);
    CHECK_EQ(reclaimed, pages * PAGE);
    CHECK_EQ(refused, pages_refused * PAGE);
    CHECK_EQ(free_now(), before + pages);
}

/* Is page `number` of the boot's memory free now, or as it was? */
static void expect_page(uint64_t number, bool is_free)
{
    cairn_phys phys = {old + number * PAGE};

    CHECK_EQ(cairn_memmap_kind_at(&map, phys),
             is_free ? CAIRN_MEMORY_USABLE : CAIRN_MEMORY_LOADER);
    CHECK_EQ(cairn_frames_info(&frames, cairn_pfn_of(phys)).usage,
             is_free ? CAIRN_FRAME_FREE : CAIRN_FRAME_ABSENT);
}

CAIRN_TEST(A14_only_the_pages_that_are_pinned_stay)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        start((enum cairn_frames_engine)i, 2 * RANGES);
        pin(40, 3); /* in any order, overlapping, and over the end */
        pin(10, 1);
        pin(41, 4);
        pin(60, 10);
        expect_reclaimed(64 - 5 - 1 - 4, 5 + 1 + 4);
        for (uint64_t page = 0; page < 64; page++)
            expect_page(page,
                        page != 10 && (page < 40 || page >= 45) && page < 60);
        expect_reclaimed(0, 10);
        unpin(40, 3);
        unpin(10, 1);
        expect_reclaimed(2, 8);
        unpin(41, 4);
        unpin(60, 10);
        expect_reclaimed(8, 0);
        for (uint64_t page = 0; page < 64; page++)
            expect_page(page, true);
    }
}

CAIRN_TEST(A14_all_pinned_nothing_comes_back)
{
    start(CAIRN_ENGINE_TREE, 2 * RANGES);
    pin(0, 64);
    expect_reclaimed(0, 64);
    unpin(0, 64);
    pin(0, 1);
    pin(63, 1);
    expect_reclaimed(62, 2);
}

/* Below the floor nothing becomes free, and nothing is refused. */
CAIRN_TEST(A14_memory_below_the_floor_is_neither_reclaimed_nor_refused)
{
    uint64_t phys;

    (void)test_memory(ARENA, &phys);
    memset(&frames, 0, sizeof(frames));
    CHECK_EQ(cairn_memmap_init(&map, storage, 2 * RANGES), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, phys, ARENA, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, 0, 64 * PAGE, CAIRN_MEMORY_LOADER),
             CAIRN_OK);
    old = 0;
    pin(3, 1);
    pin(20, 5);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(22 * PAGE)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, NULL), CAIRN_OK);
    expect_reclaimed(64 - 25, 3);
    CHECK_EQ(cairn_memmap_kind_at(&map, cairn_phys_make(0)), CAIRN_MEMORY_LOW);
    CHECK_EQ(cairn_memmap_kind_at(&map, cairn_phys_make(3 * PAGE)),
             CAIRN_MEMORY_LOADER);
    expect_page(24, false);
    expect_page(25, true);
}

CAIRN_TEST(A14_reclaim_without_room_in_the_map_counts_what_came_before)
{
    uint64_t reclaimed = 0;
    uint64_t refused = 0;
    uint64_t before;

    start(CAIRN_ENGINE_TREE, 8); /* 4 ranges, of which 3 are used */
    before = free_now();
    pin(10, 1);
    pin(20, 1);
    CHECK_EQ(cairn_frames_reclaim(&frames, &map, CAIRN_MEMORY_LOADER,
                                  &reclaimed, &refused),
             CAIRN_NO_SPACE);
    CHECK_EQ(reclaimed, 10 * PAGE);
    CHECK_EQ(refused, PAGE);
    CHECK_EQ(free_now(), before + 10);
    CHECK_EQ(cairn_memmap_check(&map), 0);
}

CAIRN_TEST(A14_only_kinds_of_the_boot_are_reclaimed)
{
    start(CAIRN_ENGINE_TREE, 2 * RANGES);
    for (unsigned i = 0; i <= CAIRN_MEMORY_KIND_COUNT; i++) {
        enum cairn_memory_kind kind = (enum cairn_memory_kind)i;
        bool is_of_boot = kind == CAIRN_MEMORY_BOOT_SERVICES ||
                          kind == CAIRN_MEMORY_LOADER ||
                          kind == CAIRN_MEMORY_ACPI_RECLAIM;

        CHECK_EQ(cairn_frames_reclaim(&frames, &map, kind, NULL, NULL),
                 is_of_boot ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    }
    map.is_finished = false;
    CHECK_EQ(
        cairn_frames_reclaim(&frames, &map, CAIRN_MEMORY_LOADER, NULL, NULL),
        CAIRN_BAD_ARGUMENT);
}

/* ---- Late news, and early ones ------------------------------------------- */

/* A panic handler may ask for numbers. */
CAIRN_TEST(C12_frames_of_another_map_panic_without_a_lock)
{
    static struct cairn_memory_range others[8];
    struct cairn_memmap other;
    struct cairn_early early;
    struct cairn_frames_stats stats;
    uint64_t phys;
    cairn_pfn pfn;

    (void)test_memory(ARENA, &phys);
    for (unsigned i = 0; i < 2; i++) {
        struct cairn_memmap *each = i == 0 ? &map : &other;

        CHECK_EQ(i == 0 ? cairn_memmap_init(&map, storage, 2 * RANGES)
                        : cairn_memmap_init(&other, others, 8),
                 CAIRN_OK);
        CHECK_EQ(cairn_memmap_add(each, phys + i * PAGE, ARENA - i * PAGE,
                                  CAIRN_MEMORY_USABLE),
                 CAIRN_OK);
        CHECK_EQ(cairn_memmap_finish(each, cairn_phys_make(0)), CAIRN_OK);
    }
    memset(&frames, 0, sizeof(frames));
    CHECK_EQ(cairn_early_init(&early, &map, NULL), CAIRN_OK);
    CHECK_EQ(cairn_early_alloc(&early, &pfn), CAIRN_OK);
    CHECK_PANIC((void)!cairn_frames_init(&frames, &other, &early, NULL),
                "none of the map's");
    cairn_frames_stats(&frames, &stats);
    CHECK_EQ(stats.free_frames, stats.total_frames);
}
