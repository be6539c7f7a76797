/*
 * heap_leaks.c - G15: what is not freed is visible, by call site.
 */
#include "heap_build.h"

#include "base/memory.h"
#include <cairn/heap_debug.h>
#include <cairn/report.h>

#define HEAP  (&heap_build.heap)
#define LINES 16

static char lines[LINES][CAIRN_REPORT_LINE_BYTES];
static unsigned line_count;

static void keep_line(void *context, const char *text)
{
    size_t length = 0;

    (void)context;
    CHECK(line_count < LINES);
    while (text[length] != '\0')
        length++;
    CHECK(length < CAIRN_REPORT_LINE_BYTES);
    memcpy(lines[line_count++], text, length + 1);
}

static const struct cairn_sink sink = {.line = keep_line};

static void start(enum cairn_heap_level level)
{
    heap_build.config.level = level;
    CHECK(heap_build_start());
    line_count = 0;
}

static void begin(enum cairn_heap_level level)
{
    heap_build_prepare(128);
    start(level);
}

static void *blocks[500];

CAIRN_TEST(G15_leaks_are_grouped_by_call_site)
{
    begin(CAIRN_HEAP_DEBUG);
    for (unsigned i = 0; i < 12; i++)
        blocks[i] = cairn_heap_alloc_at(HEAP, 10 + i, 0, 0x3000 - i % 3 * 16);
    CHECK_EQ(cairn_heap_free(HEAP, blocks[0]), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(HEAP, blocks[5]), CAIRN_OK);
    cairn_report_heap_leaks(HEAP, &sink);
    CHECK_EQ(line_count, 5);
    CHECK_TEXT(lines[0], "  blocks       bytes  oldest  site");
    CHECK_TEXT(lines[1], "       3          51       3  0x2fe0");
    CHECK_TEXT(lines[2], "       4          62       2  0x2ff0");
    CHECK_TEXT(lines[3], "       3          48       4  0x3000");
    CHECK_TEXT(lines[4], "10 blocks of 3 sites, 161 B");
    for (unsigned i = 1; i < 12; i++) {
        if (i != 5)
            CHECK_EQ(cairn_heap_free(HEAP, blocks[i]), CAIRN_OK);
    }
    line_count = 0;
    cairn_report_heap_leaks(HEAP, &sink);
    CHECK_EQ(line_count, 1);
    CHECK_TEXT(lines[0], "0 blocks of 0 sites, 0 B");
    heap_build_end();
}

/* At other levels blocks have no sites, yet they are counted. */
CAIRN_TEST(G15_outstanding_blocks_are_visible_at_every_level)
{
    heap_build_prepare(128);
    for (unsigned level = 0; level < CAIRN_HEAP_LEVEL_COUNT; level++) {
        struct cairn_heap_stats stats;

        start((enum cairn_heap_level)level);
        for (unsigned i = 0; i < 10; i++)
            blocks[i] = cairn_heap_alloc(HEAP, 32, 0);
        cairn_heap_stats(HEAP, &stats);
        CHECK_EQ(stats.live_blocks, 10);
        CHECK(stats.live_bytes >= 320);
        if (level < CAIRN_HEAP_DEBUG) {
            cairn_report_heap_leaks(HEAP, &sink);
            CHECK_EQ(line_count, 2);
            CHECK_TEXT(lines[0], "0 blocks of 0 sites, 0 B");
            CHECK_TEXT(lines[1], "10 blocks without a site, 320 B");
        }
        for (unsigned i = 0; i < 10; i++)
            CHECK_EQ(cairn_heap_free(HEAP, blocks[i]), CAIRN_OK);
        heap_build_end();
    }
}

struct seen {
    unsigned sites;
    size_t blocks;
    uintptr_t last;
};

static void look(void *context, const struct cairn_heap_site *site)
{
    struct seen *seen = context;

    CHECK(seen->sites == 0 || site->site > seen->last);
    CHECK_EQ(site->blocks, site->site % 7 == 0 ? 2 : 1);
    CHECK_EQ(site->bytes, site->blocks * 8);
    seen->sites++;
    seen->blocks += site->blocks;
    seen->last = site->site;
}

/* More sites than a pass has room for, in a mixed order, from 0 on. */
CAIRN_TEST(G15_any_number_of_sites)
{
    static const unsigned counts[] = {1, 31, 32, 33, 64, 150};

    begin(CAIRN_HEAP_DEBUG);
    for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++) {
        struct seen seen = {0};
        unsigned used = 0;

        for (unsigned i = 0; i < counts[j]; i++) {
            uintptr_t site = i * 67 % counts[j];

            for (unsigned k = 0; k < (site % 7 == 0 ? 2u : 1u); k++)
                blocks[used++] = cairn_heap_alloc_at(HEAP, 8, 0, site);
        }
        cairn_heap_leaks(HEAP, look, &seen);
        CHECK_EQ(seen.sites, counts[j]);
        CHECK_EQ(seen.blocks, used);
        while (used > 0)
            CHECK_EQ(cairn_heap_free(HEAP, blocks[--used]), CAIRN_OK);
    }
    heap_build_end();
}

struct walked {
    unsigned live;
    unsigned freed;
};

static bool count_block(void *context, const struct cairn_heap_block *block)
{
    struct walked *walked = context;

    if (block->is_free) {
        walked->freed++;
        return true;
    }
    walked->live++;
    CHECK_EQ(block->bytes, 77);
    CHECK(block->start == blocks[0] || block->start == blocks[1]);
    return true;
}

CAIRN_TEST(G15_a_walk_shows_blocks_as_their_owners_know_them)
{
    struct walked walked = {0};

    begin(CAIRN_HEAP_DEBUG);
    for (unsigned i = 0; i < 3; i++)
        blocks[i] = cairn_heap_alloc(HEAP, 77, 0);
    CHECK_EQ(cairn_heap_free(HEAP, blocks[2]), CAIRN_OK);
    cairn_heap_walk(HEAP, count_block, &walked);
    CHECK_EQ(walked.live, 2);
    CHECK(walked.freed > 0);
    CHECK_EQ(cairn_heap_free(HEAP, blocks[0]), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(HEAP, blocks[1]), CAIRN_OK);
    heap_build_end();
}
