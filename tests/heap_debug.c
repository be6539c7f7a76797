/*
 * heap_debug.c - level debug: what it promises besides the table of
 * heap_misuse.c.
 */
#include "heap_build.h"

#include "base/memory.h"
#include <cairn/heap_debug.h>

#define HEAP (&heap_build.heap)

static void begin(size_t pages)
{
    heap_build_prepare(pages);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    CHECK(heap_build_start());
}

static CAIRN_NOINLINE uint8_t *get(size_t size)
{
    uint8_t *block = cairn_heap_alloc(HEAP, size, 0);

    CHECK(block != NULL);
    return block;
}

static void expect(const uint8_t *start, size_t bytes, uint8_t value)
{
    for (size_t i = 0; i < bytes; i++)
        CHECK_EQ(start[i], value);
}

CAIRN_TEST(G13_debug_blocks_are_filled_and_poisoned)
{
    uint8_t *block;

    begin(64);
    block = get(100);
    CHECK_EQ(cairn_heap_usable_size(HEAP, block), 100);
    expect(block, 100, CAIRN_HEAP_BYTE_FRESH);
    expect(block - 16, 16, CAIRN_HEAP_BYTE_FRESH);
    expect(block + 100, 16, CAIRN_HEAP_BYTE_FRESH);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    expect(block, 100, CAIRN_HEAP_BYTE_FREED);
    CHECK_EQ(cairn_heap_usable_size(HEAP, block), 0);
    block = cairn_heap_calloc(HEAP, 10, 10);
    expect(block, 100, 0);
    expect(block + 100, 16, CAIRN_HEAP_BYTE_FRESH);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(G2_debug_keeps_every_alignment)
{
    begin(200);
    for (size_t align = 1; align <= 32 * 1024; align *= 2) {
        for (size_t size = 0; size < 20000; size = size * 3 + 1) {
            uint8_t *block = cairn_heap_alloc_aligned(HEAP, size, align, 0);

            CHECK(block != NULL);
            CHECK_EQ((uintptr_t)block % align, 0);
            CHECK_EQ((uintptr_t)block % CAIRN_HEAP_ALIGN, 0);
            CHECK(size < 4096 || (uintptr_t)block % 4096 == 0);
            memset(block, 1, size);
            CHECK_EQ(cairn_heap_free_sized(HEAP, block, size), CAIRN_OK);
        }
    }
    heap_build_end();
}

/* One byte before and one behind blocks of every size, also at 0 bytes. */
CAIRN_TEST(G13_debug_guards_the_bytes_next_to_every_block)
{
    begin(64);
    for (size_t size = 0; size < 700; size++) {
        uint8_t *block = get(size);

        block[size] ^= 0x80;
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OVERRUN);
        block = get(size);
        block[-1] ^= 0x80;
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_UNDERRUN);
    }
    heap_build_end();
}

/* Each byte from the block's end to the last one of the block below. */
CAIRN_TEST(G13_debug_looks_at_the_whole_zone)
{
    struct cairn_heap_finding last;

    begin(64);
    for (size_t i = 300; i < 316; i++) {
        uint8_t *block = get(300);

        block[i] ^= 1;
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OVERRUN);
        (void)cairn_heap_findings(HEAP, &last);
        CHECK_EQ(last.address, (uintptr_t)block + i);
        CHECK_EQ(last.block, (uintptr_t)block);
    }
    heap_build_end();
}

/* A head that is destroyed: nothing is known, and nothing is done. */
CAIRN_TEST(G13_debug_refuses_a_block_whose_head_is_destroyed)
{
    uint8_t *block;
    uint8_t saved[64];

    begin(64);
    block = get(40);
    memcpy(saved, block - 64, 64);
    memset(block - 64, 0, 64);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_UNDERRUN);
    CHECK_EQ(cairn_heap_check(HEAP), 90);
    memcpy(block - 64, saved, 64);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(G13_debug_check_says_what_is_wrong)
{
    uint8_t *block;

    begin(64);
    block = get(40);
    block[41] ^= 1;
    CHECK_EQ(cairn_heap_check(HEAP), 91);
    block[41] ^= 1;
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    block[39] = 0;
    CHECK_EQ(cairn_heap_check(HEAP), 92);
    block[39] = CAIRN_HEAP_BYTE_FREED;
    heap_build_end();
}

/* ---- Findings ------------------------------------------------------------ */

CAIRN_TEST(G13_debug_names_block_and_calls)
{
    char text[CAIRN_HEAP_FINDING_BYTES];
    struct cairn_heap_finding finding = {
        .status = CAIRN_OVERRUN,
        .block = 0x1000,
        .size = 24,
        .sequence = 7,
        .address = 0x1018,
        .alloc_site = 0x2000,
        .site = 0x4000,
    };

    CHECK_TEXT(cairn_heap_finding_text(&finding, text),
               "heap: 0x1000: written behind its end at byte 24; 24 bytes, "
               "allocated by 0x2000 as number 7; met by 0x4000");
    finding.status = CAIRN_DOUBLE_FREE;
    finding.address = 0x1000;
    finding.free_site = 0x3000;
    CHECK_TEXT(cairn_heap_finding_text(&finding, text),
               "heap: 0x1000: free already at byte 0; 24 bytes, allocated by "
               "0x2000 as number 7, freed by 0x3000; met by 0x4000");
    finding = (struct cairn_heap_finding){
        .status = CAIRN_NOT_MEMORY, .address = 0x5000, .site = 0x4000};
    CHECK_TEXT(cairn_heap_finding_text(&finding, text),
               "heap: 0x5000: not memory of this allocator; met by 0x4000");
    finding.block = UINTPTR_MAX;
    finding.address = UINTPTR_MAX / 2;
    finding.size = SIZE_MAX;
    finding.sequence = SIZE_MAX;
    finding.alloc_site = UINTPTR_MAX;
    finding.free_site = UINTPTR_MAX;
    finding.site = UINTPTR_MAX;
    finding.status = CAIRN_WRONG_SIZE;
    CHECK(cairn_heap_finding_text(&finding, text)[200] != '\0' ||
          sizeof(void *) == 4);
}

CAIRN_TEST(G13_debug_sites_are_the_callers)
{
    struct cairn_heap_finding last = {0};
    void *block;

    begin(64);
    block = cairn_heap_alloc_at(HEAP, 30, 0, 11);
    block = cairn_heap_realloc_at(HEAP, block, 50, 12);
    CHECK_EQ(cairn_heap_free_at(HEAP, block, 13), CAIRN_OK);
    CHECK_EQ(cairn_heap_findings(HEAP, &last), 0);
    CHECK_EQ(cairn_heap_free_at(HEAP, block, 14), CAIRN_DOUBLE_FREE);
    CHECK_EQ(cairn_heap_findings(HEAP, &last), 1);
    CHECK_EQ(last.status, CAIRN_DOUBLE_FREE);
    CHECK_EQ(last.block, (uintptr_t)block);
    CHECK_EQ(last.size, 50);
    CHECK_EQ(last.sequence, 2);
    CHECK_EQ(last.alloc_site, 12);
    CHECK_EQ(last.free_site, 13);
    CHECK_EQ(last.site, 14);
    block = get(10);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_DOUBLE_FREE);
    CHECK_EQ(cairn_heap_findings(HEAP, &last), 2);
    CHECK(last.alloc_site - (uintptr_t)get < 4096);
    CHECK(last.site != last.free_site);
    heap_build_end();
}

/* The heap is in order before it panics: the test goes on with it. */
CAIRN_TEST(G13_debug_findings_are_panics_if_the_host_wants_that)
{
    uint8_t *block;

    heap_build_prepare(64);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    heap_build.config.misuse = CAIRN_MISUSE_PANIC;
    CHECK(heap_build_start());
    block = get(40);
    block[40] ^= 1;
    CHECK_PANIC((void)cairn_heap_free(HEAP, block), "written behind its end");
    CHECK_PANIC((void)cairn_heap_free(HEAP, block), "free already");
    CHECK_PANIC((void)cairn_heap_free(HEAP, block + 16), "not the begin");
    block[40] ^= 1;
    CHECK_PANIC(cairn_heap_drain(HEAP), "used after it was freed");
    heap_build_end();
}

/* ---- Quarantine ---------------------------------------------------------- */

/* How many frees later the address may come back. */
static unsigned frees_until_reuse(void)
{
    void *first = get(50);
    unsigned count = 0;
    void *other;

    CHECK_EQ(cairn_heap_free(HEAP, first), CAIRN_OK);
    while ((other = get(50)) != first) {
        CHECK_EQ(cairn_heap_free(HEAP, other), CAIRN_OK);
        CHECK(++count < 10000);
    }
    CHECK_EQ(cairn_heap_free(HEAP, first), CAIRN_OK);
    return count;
}

CAIRN_TEST(G13_quarantine_keeps_as_many_blocks_as_it_should)
{
    static const unsigned limits[] = {0, 1, 2, 17, 256};

    heap_build_prepare(128);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        heap_build.config.quarantine_blocks = limits[i];
        CHECK(heap_build_start());
        CHECK(frees_until_reuse() >= limits[i]);
        heap_build_end();
    }
}

CAIRN_TEST(G13_quarantine_keeps_no_more_bytes_than_it_should)
{
    struct cairn_heap_stats before;
    struct cairn_heap_stats stats;

    heap_build_prepare(128);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    heap_build.config.quarantine_bytes = 40000; /* three blocks of 3 pages */
    heap_build.config.keep_bytes = 0;
    CHECK(heap_build_start());
    cairn_heap_stats(HEAP, &before);
    for (unsigned i = 0; i < 100; i++) {
        CHECK_EQ(cairn_heap_free(HEAP, get(4096)), CAIRN_OK);
        cairn_heap_stats(HEAP, &stats);
        CHECK_EQ(stats.kept_bytes,
                 before.kept_bytes + (i < 3 ? i + 1 : 3) * 12288);
        CHECK_EQ(stats.live_blocks, 0);
        CHECK_EQ(stats.live_bytes, 0);
    }
    CHECK_EQ(cairn_heap_free(HEAP, get(40000)), CAIRN_OK); /* not kept back */
    cairn_heap_stats(HEAP, &stats);
    CHECK_EQ(stats.kept_bytes, before.kept_bytes + 3 * 12288);
    heap_build_end();
}

/* What is in quarantine is there for those who need memory. */
CAIRN_TEST(G13_quarantine_is_given_up_when_memory_is_out)
{
    void *block;

    begin(96);
    heap_build.config.quarantine_bytes = (size_t)1 << 20;
    CHECK(heap_build_start());
    for (unsigned i = 0; i < 3; i++) {
        block = cairn_heap_alloc(HEAP, (size_t)60 * 4096, 0);
        CHECK(block != NULL);
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    }
    heap_build_end();
}

CAIRN_TEST(G13_quarantine_of_a_retired_cpu_is_given_back)
{
    struct cairn_heap_stats stats;

    begin(64);
    CHECK_EQ(cairn_heap_free(HEAP, get(5000)), CAIRN_OK);
    cairn_heap_retire_cpu(HEAP, 0);
    cairn_heap_stats(HEAP, &stats);
    CHECK_EQ(stats.kept_bytes, 0);
    cairn_heap_resume_cpu(HEAP, 0);
    CHECK_EQ(cairn_heap_free(HEAP, get(5000)), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(heap_debug_settings_are_checked)
{
    heap_build_prepare(64);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    heap_build.config.quarantine_blocks = 65536;
    CHECK(!heap_build_start());
    heap_build.config.level = CAIRN_HEAP_LEVEL_COUNT;
    heap_build.config.quarantine_blocks = 1;
    CHECK(!heap_build_start());
}

/* ---- Resize -------------------------------------------------------------- */

CAIRN_TEST(G13_debug_realloc_moves_small_blocks)
{
    uint8_t *block;
    uint8_t *other;

    begin(64);
    block = get(100);
    memset(block, 3, 100);
    other = cairn_heap_realloc(HEAP, block, 101);
    CHECK(other != block);
    expect(other, 100, 3);
    expect(block, 100, CAIRN_HEAP_BYTE_FREED);
    CHECK_EQ(cairn_heap_free(HEAP, other), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(G13_debug_realloc_tells_an_overrun_once)
{
    uint8_t *block;

    begin(64);
    block = get(100);
    block[100] ^= 1;
    block = cairn_heap_realloc(HEAP, block, 200);
    CHECK(block != NULL);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    CHECK_EQ(cairn_heap_findings(HEAP, NULL), 1);
    heap_build_end();
}

CAIRN_TEST(G13_debug_realloc_in_place_moves_the_zones)
{
    uint8_t *block;

    begin(64);
    block = get(9000);
    memset(block, 3, 9000);
    CHECK(cairn_heap_realloc(HEAP, block, 10000) == block);
    expect(block, 9000, 3);
    expect(block + 9000, 1000, CAIRN_HEAP_BYTE_FRESH);
    CHECK_EQ(cairn_heap_usable_size(HEAP, block), 10000);
    block[9999] = 1;
    CHECK_EQ(cairn_heap_check(HEAP), 0);
    CHECK(cairn_heap_realloc(HEAP, block, 9990) == block);
    block[9990] = 1;
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OVERRUN);
    heap_build_end();
}

/* Without memory a block still becomes smaller, and then ends earlier. */
CAIRN_TEST(G13_debug_realloc_without_memory)
{
    uint8_t *block;

    begin(64);
    block = get(200);
    while (cairn_heap_alloc(HEAP, 60, 0) != NULL) {
    }
    CHECK(cairn_heap_realloc(HEAP, block, 300) == NULL);
    CHECK_EQ(cairn_heap_usable_size(HEAP, block), 200);
    CHECK(cairn_heap_realloc(HEAP, block, 61) == block);
    CHECK_EQ(cairn_heap_usable_size(HEAP, block), 61);
    block[61] = 0;
    CHECK_EQ(cairn_heap_check(HEAP), 91);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OVERRUN);
}

/* ---- Refusals ------------------------------------------------------------ */

/* Every request for pages is refused once, the start's too. */
CAIRN_TEST(heap_debug_refusals_leave_nothing_behind)
{
    heap_build_prepare(64);
    heap_build.config.level = CAIRN_HEAP_DEBUG;
    for (size_t refuse = 0; refuse < 24; refuse++) {
        heap_build.refuse_after = refuse;
        if (!heap_build_start())
            continue;
        for (size_t size = 8; size < 20000; size *= 3) {
            void *block = cairn_heap_alloc(HEAP, size, 0);

            heap_build_check();
            block = cairn_heap_realloc(HEAP, block, size * 2);
            heap_build_check();
            CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
        }
        cairn_heap_drain(HEAP);
        heap_build_check();
    }
}
