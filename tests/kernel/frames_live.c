/*
 * frames_live.c - tests of the frame allocator that the kernel itself uses.
 *
 * Whatever they take they give back, so that the kernel lives on.  To remember
 * all frames of a machine no memory is left, so each block that is taken holds
 * the number of the one before.
 */
#include "harness/test.h"
#include "kernel.h"
#include "platform.h"

#define FRAMES (&kernel.frames)
#define WORDS  512
#define BATCH  256

static struct cairn_frames_stats stats_now(void)
{
    struct cairn_frames_stats stats;

    CHECK_EQ(cairn_frames_check(FRAMES), 0);
    cairn_frames_stats(FRAMES, &stats);
    return stats;
}

static volatile uint64_t *words_of(cairn_pfn pfn)
{
    return cairn_platform_phys_to_virt(cairn_phys_of(pfn), 4096);
}

/* ---- A few frames -------------------------------------------------------- */

static void take_batch(cairn_pfn *pfns, unsigned flags)
{
    for (unsigned i = 0; i < BATCH; i++)
        CHECK_EQ(
            cairn_frames_alloc(FRAMES, 0, flags, CAIRN_OWNER_USER, &pfns[i]),
            CAIRN_OK);
}

static void give_batch(const cairn_pfn *pfns)
{
    for (unsigned i = 0; i < BATCH; i++)
        CHECK_EQ(cairn_frames_free(FRAMES, pfns[i]), CAIRN_OK);
}

CAIRN_TEST(C1_live_frames_are_distinct_and_writable)
{
    cairn_pfn pfns[BATCH];
    uint64_t before = stats_now().free_frames;

    take_batch(pfns, 0);
    CHECK_EQ(stats_now().free_frames, before - BATCH);
    for (unsigned i = 0; i < BATCH; i++) {
        CHECK(words_of(pfns[i]) != NULL);
        for (unsigned word = 0; word < WORDS; word++)
            words_of(pfns[i])[word] = pfns[i].value << 9 | word;
    }
    for (unsigned i = 0; i < BATCH; i++) {
        for (unsigned word = 0; word < WORDS; word++)
            CHECK_EQ(words_of(pfns[i])[word], pfns[i].value << 9 | word);
    }
    give_batch(pfns);
    CHECK_EQ(stats_now().free_frames, before);
}

CAIRN_TEST(J7_live_frames_come_zeroed_if_asked)
{
    cairn_pfn pfns[BATCH];

    take_batch(pfns, 0);
    for (unsigned i = 0; i < BATCH; i++)
        words_of(pfns[i])[i] = ~(uint64_t)0;
    give_batch(pfns);
    take_batch(pfns, CAIRN_FRAME_ZEROED);
    for (unsigned i = 0; i < BATCH; i++) {
        for (unsigned word = 0; word < WORDS; word++)
            CHECK_EQ(words_of(pfns[i])[word], 0);
    }
    give_batch(pfns);
}

CAIRN_TEST(C8_live_misuse_is_detected)
{
    struct cairn_phys_range image = kernel_image_range();
    uint64_t before = stats_now().free_frames;
    cairn_pfn pfn;

    CHECK_EQ(cairn_frames_alloc(FRAMES, 3, 0, CAIRN_OWNER_USER, &pfn),
             CAIRN_OK);
    pfn.value++;
    CHECK_EQ(cairn_frames_free(FRAMES, pfn), CAIRN_NOT_FIRST);
    pfn.value--;
    CHECK_EQ(cairn_frames_free_order(FRAMES, pfn, 2), CAIRN_WRONG_SIZE);
    CHECK_EQ(cairn_frames_free(FRAMES, pfn), CAIRN_OK);
    CHECK_EQ(cairn_frames_free(FRAMES, pfn), CAIRN_DOUBLE_FREE);
    CHECK_EQ(cairn_frames_free(FRAMES, cairn_pfn_of(image.start)),
             CAIRN_NOT_MEMORY);
    CHECK_EQ(stats_now().free_frames, before);
}

/* ---- All of them --------------------------------------------------------- */

/* Blocks of one order that were taken: each holds the number of the next. */
struct chain {
    cairn_pfn first;
    uint64_t count;
    cairn_order order;
};

/* Take all blocks of that order that can be had. */
static struct chain take_all(cairn_order order)
{
    struct chain chain = {{0}, 0, order};
    cairn_pfn pfn;

    while (cairn_frames_alloc(FRAMES, order, 0, CAIRN_OWNER_USER, &pfn) ==
           CAIRN_OK) {
        words_of(pfn)[0] = chain.first.value;
        words_of(pfn)[1] = ~pfn.value;
        chain.first = pfn;
        chain.count++;
    }
    return chain;
}

/* A block handed out twice would have lost its number, or come up twice. */
static void give_all(const struct chain *chain)
{
    cairn_pfn pfn = chain->first;

    for (uint64_t i = 0; i < chain->count; i++) {
        cairn_pfn next = cairn_pfn_make(words_of(pfn)[0]);

        CHECK_EQ(words_of(pfn)[1], ~pfn.value);
        CHECK_EQ(cairn_frames_free_order(FRAMES, pfn, chain->order), CAIRN_OK);
        pfn = next;
    }
    CHECK_EQ(pfn.value, 0);
}

CAIRN_TEST(C5_live_every_frame_is_obtained_once_and_comes_back)
{
    static const cairn_order orders[] = {18, 9, 3, 0};
    struct chain chains[4];
    struct cairn_frames_stats before;
    uint64_t taken = 0;
    cairn_pfn pfn;

    cairn_heap_drain(&kernel.heap); /* else it would when frames are out */
    cairn_frames_drain(FRAMES);
    before = stats_now();
    for (unsigned i = 0; i < 4; i++) {
        chains[i] = take_all(orders[i]);
        taken += chains[i].count << orders[i];
    }
    CHECK_EQ(taken, before.free_frames);
    CHECK_EQ(stats_now().free_frames, 0);
    CHECK_EQ(cairn_frames_alloc(FRAMES, 0, CAIRN_FRAME_RESERVE,
                                CAIRN_OWNER_KERNEL, &pfn),
             CAIRN_NO_MEMORY);
    for (unsigned i = 0; i < 4; i++)
        give_all(&chains[i]);
    cairn_frames_drain(FRAMES);
    CHECK_EQ(stats_now().free_frames, before.free_frames);
    CHECK_EQ(stats_now().free_2mib, before.free_2mib);
}

/* ---- Reclaim ------------------------------------------------------------- */

static uint64_t bytes_above_floor(enum cairn_memory_kind kind)
{
    const struct cairn_memmap *map = &kernel.boot.map;
    struct cairn_phys_range window = {map->floor, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;
    uint64_t bytes = 0;

    while (
        cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(kind), window, &range)) {
        bytes += range.end.value - range.start.value;
        window.start = range.end;
    }
    return bytes;
}

/* Write all over what is free now and give it back. */
static void overwrite_free_memory(void)
{
    struct chain chain = {{0}, 0, 0};
    cairn_pfn pfn;

    while (chain.count < 20000 &&
           cairn_frames_alloc(FRAMES, 0, CAIRN_FRAME_BELOW_4G, CAIRN_OWNER_USER,
                              &pfn) == CAIRN_OK) {
        for (unsigned i = 1; i < WORDS; i++)
            words_of(pfn)[i] = ~pfn.value;
        words_of(pfn)[0] = chain.first.value;
        chain.first = pfn;
        chain.count++;
    }
    give_all(&chain);
}

static void reclaim(enum cairn_memory_kind kind, uint64_t *refused)
{
    uint64_t held = bytes_above_floor(kind);
    uint64_t before = stats_now().free_frames;
    uint64_t reclaimed = 0;

    CHECK_EQ(cairn_frames_reclaim(FRAMES, &kernel.boot.map, kind, &reclaimed,
                                  refused),
             CAIRN_OK);
    CHECK_EQ(reclaimed + *refused, held);
    CHECK_EQ(bytes_above_floor(kind), *refused);
    CHECK_EQ(stats_now().free_frames,
             before + (reclaimed >> CAIRN_FRAME_SHIFT));
    overwrite_free_memory();
}

CAIRN_TEST(A14_live_boot_services_memory_comes_back)
{
    uint64_t refused = 0;

    reclaim(CAIRN_MEMORY_BOOT_SERVICES, &refused);
    CHECK_EQ(refused, 0);
}

/* The kernel lives on, on page tables that lie in that memory. */
CAIRN_TEST(A14_live_loader_memory_comes_back_but_what_is_alive)
{
    uint64_t refused = 0;

    reclaim(CAIRN_MEMORY_LOADER, &refused);
    CHECK_EQ(refused != 0, kernel.map_window_entries != 0);
    for (size_t i = 0; i < kernel.boot.map.pin_count; i++) {
        struct cairn_phys_range pin = kernel.boot.map.pins[i];

        CHECK_EQ(cairn_memmap_kind_at(&kernel.boot.map, pin.start),
                 CAIRN_MEMORY_LOADER);
        CHECK_EQ(cairn_frames_info(FRAMES, cairn_pfn_of(pin.start)).usage,
                 CAIRN_FRAME_ABSENT);
    }
}
