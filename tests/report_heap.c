/*
 * report_heap.c - a heap as text.
 */
#include "heap_build.h"

#include "base/memory.h"
#include <cairn/cache.h>
#include <cairn/report.h>

#define LINES 64

static char lines[LINES][80];
static unsigned line_count;

static void keep(void *context, const char *text)
{
    size_t i = 0;

    (void)context;
    CHECK(line_count < LINES);
    for (; text[i] != '\0'; i++) {
        CHECK(i < 79);
        lines[line_count][i] = text[i];
    }
    lines[line_count++][i] = '\0';
}

static const struct cairn_sink sink = {.line = keep};

CAIRN_TEST(L6_report_of_a_heap_by_size)
{
    void *blocks[3];
    void *large;

    heap_build_begin(64);
    for (unsigned i = 0; i < 3; i++)
        blocks[i] = cairn_heap_alloc(&heap_build.heap, 64, 0);
    large = cairn_heap_alloc(&heap_build.heap, 8192, 0);
    CHECK_EQ(cairn_heap_free(&heap_build.heap, blocks[1]), CAIRN_OK);
    line_count = 0;
    cairn_report_heap(&heap_build.heap, &sink);
    CHECK_EQ(line_count, 3);
    CHECK_TEXT(lines[0],
               "        size     in use        bytes       free    slabs");
    CHECK_TEXT(lines[1],
               "          64          2        128 B         62        1");
    CHECK_TEXT(lines[2],
               "        8192          1        8 KiB          0        1");
    line_count = 0;
    cairn_report_heap_live(&heap_build.heap, 2, &sink);
    CHECK_EQ(line_count, 5);
    CHECK_TEXT(lines[3], "  ... and 1 more");
    CHECK_TEXT(lines[4], "3 blocks in use, 8.1 KiB");
    CHECK_EQ(cairn_heap_free(&heap_build.heap, blocks[0]), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(&heap_build.heap, blocks[2]), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(&heap_build.heap, large), CAIRN_OK);
    heap_build_end();
}

/* More sizes than there are lines for. */
CAIRN_TEST(L6_report_of_a_heap_of_many_sizes)
{
    static struct cairn_object_cache caches[60];
    struct cairn_cache_config config = {.name = "many"};
    unsigned last;

    heap_build_begin(240);
    memset(caches, 0, sizeof(caches));
    for (unsigned i = 0; i < 60; i++) {
        config.size = 16 + i * 16;
        CHECK_EQ(cairn_cache_init(&caches[i], &heap_build.heap, &config),
                 CAIRN_OK);
        CHECK(cairn_cache_alloc(&caches[i], 0) != NULL);
    }
    line_count = 0;
    cairn_report_heap(&heap_build.heap, &sink);
    last = line_count - 1;
    CHECK_EQ(memcmp(lines[last], "      others ", 13), 0);
    heap_build_check();
}

/* A block as large as all that the heap has had before: nearly half. */
CAIRN_TEST(L6_bar_of_a_heap)
{
    struct cairn_heap_stats stats;
    size_t filled;
    void *block;

    heap_build_begin(200);
    line_count = 0;
    cairn_report_heap_usage(&heap_build.heap, &sink);
    CHECK_TEXT(lines[0],
               "[........................................] 0 % in use");
    block = cairn_heap_alloc(&heap_build.heap,
                             heap_build.used_count * CAIRN_FRAME_SIZE, 0);
    cairn_heap_stats(&heap_build.heap, &stats);
    filled = stats.live_bytes * 40 / stats.source_bytes;
    CHECK(filled > 10 && filled < 20);
    line_count = 0;
    cairn_report_heap_usage(&heap_build.heap, &sink);
    CHECK_EQ(line_count, 6);
    CHECK_EQ(lines[0][filled], '#');
    CHECK_EQ(lines[0][filled + 1], '.');
    CHECK_EQ(lines[0][40], '.');
    CHECK_EQ(lines[0][41], ']');
    CHECK_TEXT(lines[5], "  1 blocks; engine slab, level 1, checked");
    CHECK_EQ(cairn_heap_free(&heap_build.heap, block), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(L6_names_of_engines_and_levels)
{
    CHECK_TEXT(cairn_report_heap_engine_name(CAIRN_HEAP_FIRSTFIT), "firstfit");
    CHECK_TEXT(cairn_report_heap_engine_name(CAIRN_HEAP_ENGINE_COUNT), "?");
    CHECK_TEXT(cairn_report_heap_level_name(CAIRN_HEAP_DEBUG), "debug");
    CHECK_TEXT(cairn_report_heap_level_name(CAIRN_HEAP_LEVEL_COUNT), "?");
}

CAIRN_TEST(L6_report_of_typed_caches)
{
    static struct cairn_object_cache cache;
    const struct cairn_cache_config config = {.name = "things", .size = 64};
    void *object;

    heap_build_begin(64);
    memset(&cache, 0, sizeof(cache));
    CHECK_EQ(cairn_cache_init(&cache, &heap_build.heap, &config), CAIRN_OK);
    object = cairn_cache_alloc(&cache, 0);
    line_count = 0;
    CHECK_EQ(cairn_report_caches(&heap_build.heap, &sink), 1);
    CHECK_TEXT(lines[1], "       64         1        63      1       4 KiB"
                         "        64  things");
    CHECK_EQ(cairn_cache_free(&cache, object), CAIRN_OK);
    CHECK_EQ(cairn_cache_destroy(&cache), CAIRN_OK);
    heap_build_end();
}
