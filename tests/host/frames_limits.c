/*
 * frames_limits.c - large blocks and limits on machines whose directory begins
 * anywhere.  Simulated RAM holds the metadata; all else is numbers.
 */
#include "harness/test.h"
#include "sim/ram.h"

#include <cairn/frames.h>
#include <string.h>

#define NONE UINT64_MAX
#define MIB  (CAIRN_MIB >> CAIRN_FRAME_SHIFT) /* frames */
#define GIB  (CAIRN_GIB >> CAIRN_FRAME_SHIFT)

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_memory_range storage[16];
static uint64_t span; /* of the configuration */

/* Frames [first, first + count), and RAM for the metadata, all of it taken. */
static void start(enum cairn_frames_engine engine, uint64_t first,
                  uint64_t count, uint64_t ram)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.engine = engine;
    config.has_magazines = false;
    config.cpu_count = 1;
    config.span = span;
    sim_ram_reset();
    memset(&frames, 0, sizeof(frames));
    CHECK(sim_ram_add(ram << CAIRN_FRAME_SHIFT, 2 * CAIRN_MIB));
    CHECK_EQ(cairn_memmap_init(&map, storage, 16), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, ram << CAIRN_FRAME_SHIFT, 2 * CAIRN_MIB,
                              CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, first << CAIRN_FRAME_SHIFT,
                              count << CAIRN_FRAME_SHIFT, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    (void)cairn_frames_consume(
        &frames, cairn_phys_range_make(ram << CAIRN_FRAME_SHIFT,
                                       (ram + 2 * MIB) << CAIRN_FRAME_SHIFT));
    CHECK_EQ(cairn_frames_check(&frames), 0);
}

static uint64_t take(cairn_order order, unsigned flags)
{
    cairn_pfn pfn = {NONE};
    enum cairn_status status =
        cairn_frames_alloc(&frames, order, flags, CAIRN_OWNER_USER, &pfn);

    CHECK_EQ(cairn_frames_check(&frames), 0);
    CHECK(status == CAIRN_OK || status == CAIRN_NO_MEMORY);
    return pfn.value;
}

static void give(uint64_t first)
{
    CHECK_EQ(cairn_frames_free(&frames, cairn_pfn_make(first)), CAIRN_OK);
    CHECK_EQ(cairn_frames_check(&frames), 0);
}

static bool is_tree(unsigned engine)
{
    return engine == CAIRN_ENGINE_TREE;
}

/* ---- Limits -------------------------------------------------------------- */

/* Of 8 MiB across 4 GiB, half lies below; the directory begins at 1 GiB. */
CAIRN_TEST(C18_blocks_below_4_gib_reach_up_to_it)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        for (cairn_order order = 9; order <= 10; order++) {
            uint64_t size = (uint64_t)1 << order;

            start((enum cairn_frames_engine)i, 4 * GIB - 4 * MIB, 8 * MIB, GIB);
            for (uint64_t j = 1; j <= 4 * MIB / size; j++)
                CHECK_EQ(take(order, CAIRN_FRAME_BELOW_4G),
                         is_tree(i) ? 4 * GIB - j * size
                                    : 4 * GIB - 4 * MIB + (j - 1) * size);
            CHECK_EQ(take(order, CAIRN_FRAME_BELOW_4G), NONE);
            CHECK_EQ(take(0, CAIRN_FRAME_BELOW_4G), NONE);
            CHECK(take(order, 0) >= 4 * GIB);
        }
    }
}

CAIRN_TEST(C18_blocks_below_a_limit_that_ends_a_section)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        start((enum cairn_frames_engine)i, 4 * GIB - 256 * MIB, 512 * MIB, GIB);
        CHECK_EQ(take(16, CAIRN_FRAME_BELOW_4G), 4 * GIB - 256 * MIB);
        CHECK_EQ(take(9, CAIRN_FRAME_BELOW_4G), NONE);
        CHECK_EQ(take(15, CAIRN_FRAME_BELOW_4G), NONE);
        give(4 * GIB - 256 * MIB);
        CHECK_EQ(take(15, CAIRN_FRAME_BELOW_4G),
                 4 * GIB - (is_tree(i) ? 128 : 256) * MIB);
        CHECK_EQ(take(16, CAIRN_FRAME_BELOW_4G), NONE);
        CHECK_EQ(take(16, 0), 4 * GIB);
    }
}

/* Whatever section the directory begins with. */
CAIRN_TEST(C5_tree_leaves_low_memory_for_last_wherever_it_begins)
{
    for (uint64_t begin = 1; begin <= 3; begin++) {
        start(CAIRN_ENGINE_TREE, 4 * GIB - 4 * MIB, 8 * MIB,
              begin * GIB + 128 * MIB);
        CHECK_EQ(take(0, 0), 4 * GIB);
        CHECK_EQ(take(9, 0), 4 * GIB + 2 * MIB);
        CHECK(take(9, 0) < 4 * GIB);
    }
}

/* ---- Blocks of several sections ------------------------------------------ */

/* A section of the pair is in use, the first or the second one. */
CAIRN_TEST(C18_each_section_of_a_large_block_is_free)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        uint64_t upper = 8 * GIB + 256 * MIB;

        for (unsigned half = 0; half < 2; half++) {
            struct cairn_run_request request = {.count = 1};
            cairn_pfn pfn = {NONE};

            start((enum cairn_frames_engine)i, 8 * GIB, 512 * MIB, 9 * GIB);
            request.start.value = (upper + half * 128 * MIB)
                                  << CAIRN_FRAME_SHIFT;
            CHECK_EQ(cairn_frames_alloc_run(&frames, &request, &pfn), CAIRN_OK);
            CHECK_EQ(take(16, 0), 8 * GIB);
            CHECK_EQ(take(16, 0), NONE);
            give(pfn.value);
            CHECK_EQ(take(16, 0), upper);
        }
    }
}

/* The directory begins where no such block can. */
CAIRN_TEST(C18_large_blocks_are_aligned_wherever_the_directory_begins)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        for (uint64_t odd = 1; odd < 8; odd++) {
            uint64_t first = 8 * GIB + odd * 128 * MIB;

            start((enum cairn_frames_engine)i, first, GIB, 10 * GIB + 1 * MIB);
            for (cairn_order order = 16; order <= 17; order++) {
                uint64_t size = (uint64_t)1 << order;
                uint64_t places =
                    (first + GIB) / size - (first + size - 1) / size;
                uint64_t block = NONE;

                for (uint64_t j = 0; j < places; j++) {
                    block = take(order, 0);
                    CHECK(block >= first && block + size <= first + GIB);
                    CHECK_EQ(block % size, 0);
                }
                CHECK_EQ(take(order, 0), NONE);
                start((enum cairn_frames_engine)i, first, GIB,
                      10 * GIB + 1 * MIB);
            }
            CHECK_EQ(take(18, 0), NONE);
        }
    }
}

/* ---- Ends ---------------------------------------------------------------- */

static uint64_t take_run(uint64_t first, uint64_t count, unsigned flags,
                         enum cairn_status status)
{
    struct cairn_run_request request = {
        .count = count,
        .start = cairn_phys_make(first << CAIRN_FRAME_SHIFT),
        .flags = flags,
    };
    cairn_pfn pfn = {NONE};

    CHECK_EQ(cairn_frames_alloc_run(&frames, &request, &pfn), status);
    CHECK_EQ(cairn_frames_check(&frames), 0);
    return pfn.value;
}

/* Behind the last frame of the last section the directory has nothing. */
CAIRN_TEST(C5_a_run_may_end_where_the_directory_does)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        uint64_t end = 8 * GIB + 128 * MIB;

        start((enum cairn_frames_engine)i, 8 * GIB, 128 * MIB, GIB);
        CHECK_EQ(cairn_frames_end(&frames).value, end);
        CHECK_EQ(take_run(end - 10, 10, 0, CAIRN_OK), end - 10);
        CHECK_EQ(cairn_frames_info(&frames, cairn_pfn_make(end - 1)).count, 10);
        CHECK_EQ(take_run(end - 10, 1, 0, CAIRN_NO_MEMORY), NONE);
        give(end - 10);
        CHECK_EQ(take_run(end - 1, 2, 0, CAIRN_NO_MEMORY), NONE);
    }
}

/* ---- Memory that goes ---------------------------------------------------- */

static struct cairn_phys_range bytes_of(uint64_t first, uint64_t end)
{
    return cairn_phys_range_make(first << CAIRN_FRAME_SHIFT,
                                 end << CAIRN_FRAME_SHIFT);
}

CAIRN_TEST(C12_only_memory_that_is_covered_can_go)
{
    const uint64_t limit = CAIRN_PHYS_LIMIT >> CAIRN_FRAME_SHIFT;
    const uint64_t first = 8 * GIB;

    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        const struct cairn_phys_range outside[] = {
            bytes_of(7 * GIB, 7 * GIB + 1),
            bytes_of(first - 1, first + 1),
            bytes_of(9 * GIB + 128 * MIB, 9 * GIB + 129 * MIB),
            bytes_of(9 * GIB + 127 * MIB, 9 * GIB + 129 * MIB),
            bytes_of(limit - 1, limit + 1),
        };

        start((enum cairn_frames_engine)i, first, 8 * MIB, 9 * GIB);
        for (unsigned j = 0; j < 5; j++) {
            CHECK_EQ(cairn_frames_remove(&frames, outside[j]),
                     CAIRN_BAD_ARGUMENT);
            CHECK(cairn_frames_add(&frames, outside[j]) != CAIRN_OK);
        }
        CHECK_EQ(cairn_frames_check(&frames), 0);
        CHECK_EQ(frames.free_frames, 8 * MIB);
    }
}

/* A module in two pieces: what is left in the end is its own metadata. */
CAIRN_TEST(C12_the_metadata_of_a_module_may_go_last)
{
    const uint64_t module = 9 * GIB + 128 * MIB;
    const uint64_t end = module + 8 * MIB;

    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        uint64_t metadata;
        uint64_t begin;

        span = 128 * CAIRN_MIB;
        start((enum cairn_frames_engine)i, 8 * GIB, 8 * MIB, 9 * GIB);
        span = 0;
        metadata = frames.metadata_bytes;
        CHECK(sim_ram_add(module << CAIRN_FRAME_SHIFT, 8 * CAIRN_MIB));
        CHECK_EQ(cairn_frames_add(&frames, bytes_of(module, end)), CAIRN_OK);
        CHECK(frames.metadata_bytes > metadata);
        begin =
            module + ((frames.metadata_bytes - metadata) >> CAIRN_FRAME_SHIFT);
        CHECK_EQ(frames.free_frames, 8 * MIB + (end - begin));
        CHECK_EQ(cairn_frames_remove(&frames, bytes_of(module, begin)),
                 CAIRN_IN_USE);
        CHECK_EQ(cairn_frames_remove(&frames, bytes_of(begin, end)), CAIRN_OK);
        CHECK_EQ(cairn_frames_remove(&frames, bytes_of(module, begin)),
                 CAIRN_OK);
        CHECK_EQ(frames.metadata_bytes, metadata);
        CHECK_EQ(frames.free_frames, 8 * MIB);
        CHECK_EQ(cairn_frames_check(&frames), 0);
    }
}

/* Whether the one that needs them lies above or below. */
CAIRN_TEST(C12_a_module_stays_while_one_below_or_above_needs_its_metadata)
{
    const uint64_t section = 9 * GIB + 128 * MIB;

    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        for (unsigned below = 0; below < 2; below++) {
            uint64_t module = section + 64 * MIB;
            uint64_t guest = below ? section + 8 * MIB : section + 96 * MIB;

            span = 128 * CAIRN_MIB;
            start((enum cairn_frames_engine)i, 8 * GIB, 8 * MIB, 9 * GIB);
            span = 0;
            CHECK(sim_ram_add(module << CAIRN_FRAME_SHIFT, 8 * CAIRN_MIB));
            CHECK_EQ(
                cairn_frames_add(&frames, bytes_of(module, module + 8 * MIB)),
                CAIRN_OK);
            CHECK_EQ(cairn_frames_add(&frames, bytes_of(guest, guest + MIB)),
                     CAIRN_OK);
            CHECK_EQ(cairn_frames_remove(&frames,
                                         bytes_of(module, module + 8 * MIB)),
                     CAIRN_IN_USE);
            CHECK_EQ(cairn_frames_check(&frames), 0);
            CHECK_EQ(cairn_frames_remove(&frames, bytes_of(guest, guest + MIB)),
                     CAIRN_OK);
            CHECK_EQ(cairn_frames_remove(&frames,
                                         bytes_of(module, module + 8 * MIB)),
                     CAIRN_OK);
            CHECK_EQ(frames.free_frames, 8 * MIB);
        }
    }
}

/* ---- Frames that cannot be cleared --------------------------------------- */

CAIRN_TEST(frames_that_cannot_be_cleared_stay_free)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        uint64_t free;
        cairn_pfn pfn = {NONE};

        start((enum cairn_frames_engine)i, 4 * GIB, 4 * MIB, GIB);
        free = frames.free_frames;
        for (cairn_order order = 0; order <= 9; order += 3) {
            CHECK_EQ(cairn_frames_alloc(&frames, order, CAIRN_FRAME_ZEROED,
                                        CAIRN_OWNER_USER, &pfn),
                     CAIRN_NOT_REACHABLE);
            CHECK_EQ(frames.free_frames, free);
        }
        CHECK_EQ(pfn.value, NONE);
        CHECK_EQ(take_run(0, 9, CAIRN_FRAME_ZEROED, CAIRN_NOT_REACHABLE), NONE);
        CHECK_EQ(frames.free_frames, free);
        CHECK_EQ(take_run(0, 4 * MIB, 0, CAIRN_OK), 4 * GIB);
    }
}

/* Simulated RAM behind the first and the last frame of a block, but for one. */
static void expect_clear_or_refused(enum cairn_frames_engine engine,
                                    uint64_t hole)
{
    uint64_t first = 4 * GIB;
    uint64_t ram = hole == 0 ? first + 1 : first;
    uint64_t bytes = (hole == NONE ? 8 : 7) * CAIRN_FRAME_SIZE;
    enum cairn_status wanted = hole == NONE ? CAIRN_OK : CAIRN_NOT_REACHABLE;
    cairn_pfn pfn;

    start(engine, first, 8, GIB);
    CHECK(sim_ram_add(ram << CAIRN_FRAME_SHIFT, bytes));
    memset(sim_ram_at(ram << CAIRN_FRAME_SHIFT, bytes), 0xa5, (size_t)bytes);
    CHECK_EQ(cairn_frames_alloc(&frames, 3, CAIRN_FRAME_ZEROED,
                                CAIRN_OWNER_USER, &pfn),
             wanted);
    CHECK_EQ(frames.free_frames, wanted == CAIRN_OK ? 0 : 8);
    if (wanted != CAIRN_OK) {
        take_run(0, 8, CAIRN_FRAME_ZEROED, wanted);
        CHECK_EQ(frames.free_frames, 8);
        return;
    }
    for (uint64_t i = 0; i < bytes; i++)
        CHECK_EQ(((uint8_t *)sim_ram_at(ram << CAIRN_FRAME_SHIFT, bytes))[i],
                 0);
    give(pfn.value);
    memset(sim_ram_at(ram << CAIRN_FRAME_SHIFT, bytes), 0xa5, (size_t)bytes);
    CHECK_EQ(take_run(0, 8, CAIRN_FRAME_ZEROED, CAIRN_OK), first);
    for (uint64_t i = 0; i < bytes; i++)
        CHECK_EQ(((uint8_t *)sim_ram_at(ram << CAIRN_FRAME_SHIFT, bytes))[i],
                 0);
}

CAIRN_TEST(frames_are_cleared_to_the_last_byte_or_not_handed_out)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        expect_clear_or_refused((enum cairn_frames_engine)i, NONE);
        expect_clear_or_refused((enum cairn_frames_engine)i, 0);
        expect_clear_or_refused((enum cairn_frames_engine)i, 7);
    }
}
