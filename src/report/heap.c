/*
 * report/heap.c - a heap as text: what is in use, by size, and by whom.
 *
 * HOW    All is counted in one walk over the blocks (cairn_heap_walk), so any
 *        engine has the same reports.  A size is a line; of sizes beyond the
 *        first SIZES there is one line together.
 *
 * TESTS  tests/report_heap.c
 */
#include <cairn/cache.h>
#include <cairn/format.h>
#include <cairn/report.h>

#include "report/line.h"

#define SIZES       48
#define BAR_COLUMNS 40
#define PERCENT     100u

/* ---- Names --------------------------------------------------------------- */

const char *cairn_report_heap_engine_name(enum cairn_heap_engine engine)
{
    static const char *const names[CAIRN_HEAP_ENGINE_COUNT] = {
        [CAIRN_HEAP_SLAB] = "slab", [CAIRN_HEAP_FIRSTFIT] = "firstfit"};

    return (unsigned)engine < CAIRN_HEAP_ENGINE_COUNT ? names[engine] : "?";
}

const char *cairn_report_heap_level_name(enum cairn_heap_level level)
{
    static const char *const names[CAIRN_HEAP_LEVEL_COUNT] = {
        [CAIRN_HEAP_FAST] = "fast",
        [CAIRN_HEAP_CHECKED] = "checked",
        [CAIRN_HEAP_DEBUG] = "debug"};

    return (unsigned)level < CAIRN_HEAP_LEVEL_COUNT ? names[level] : "?";
}

/* ---- By size ------------------------------------------------------------- */

struct size_line {
    size_t bytes; /* of a block */
    size_t live;
    size_t free;
    size_t slabs;
};

struct sizes {
    unsigned count;
    struct size_line lines[SIZES]; /* by bytes, ascending */
    struct size_line others;
    size_t others_live_bytes;
};

/* The line for that size; `others` if there are too many. */
static struct size_line *line_of(struct sizes *sizes, size_t bytes)
{
    unsigned at = 0;

    while (at < sizes->count && sizes->lines[at].bytes < bytes)
        at++;
    if (at < sizes->count && sizes->lines[at].bytes == bytes)
        return &sizes->lines[at];
    if (sizes->count == SIZES)
        return &sizes->others;
    for (unsigned i = sizes->count++; i > at; i--)
        sizes->lines[i] = sizes->lines[i - 1];
    sizes->lines[at] = (struct size_line){.bytes = bytes};
    return &sizes->lines[at];
}

static bool count_block(void *context, const struct cairn_heap_block *block)
{
    struct sizes *sizes = context;
    struct size_line *line = line_of(sizes, block->bytes);

    line->slabs += block->index == 0;
    if (block->is_free)
        line->free++;
    else
        line->live++;
    if (line == &sizes->others && !block->is_free)
        sizes->others_live_bytes += block->bytes;
    return true;
}

static void line_of_size(const struct size_line *line, const char *name,
                         size_t live_bytes, const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];

    cairn__report_line(
        sink, "  %10s %10llu %12s %10llu %8llu", name,
        (unsigned long long)line->live, cairn_format_size(size, live_bytes),
        (unsigned long long)line->free, (unsigned long long)line->slabs);
}

void cairn_report_heap(struct cairn_heap *heap, const struct cairn_sink *sink)
{
    struct sizes sizes = {.count = 0};
    char name[CAIRN_SIZE_TEXT_BYTES];

    cairn__report_line(sink, "  %10s %10s %12s %10s %8s", "size", "in use",
                       "bytes", "free", "slabs");
    cairn_heap_walk(heap, count_block, &sizes);
    for (unsigned i = 0; i < sizes.count; i++) {
        const struct size_line *line = &sizes.lines[i];

        cairn_format(name, sizeof(name), "%llu",
                     (unsigned long long)line->bytes);
        line_of_size(line, name, line->live * line->bytes, sink);
    }
    if (sizes.others.slabs != 0)
        line_of_size(&sizes.others, "others", sizes.others_live_bytes, sink);
}

/* ---- In all -------------------------------------------------------------- */

/* `part` of `whole` as a number up to `scale`, rounded down. */
static unsigned share(size_t part, size_t whole, unsigned scale)
{
    while (whole > SIZE_MAX / PERCENT) {
        whole /= 2;
        part /= 2;
    }
    return whole == 0 ? 0 : (unsigned)(part * scale / whole);
}

static void line_of_part(const char *name, size_t bytes, size_t whole,
                         const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];

    cairn__report_line(sink, "  %-10s %12s  %3u %%", name,
                       cairn_format_size(size, bytes),
                       share(bytes, whole, PERCENT));
}

void cairn_report_heap_usage(struct cairn_heap *heap,
                             const struct cairn_sink *sink)
{
    struct cairn_heap_stats stats;
    char bar[BAR_COLUMNS + 1];
    unsigned filled;

    cairn_heap_stats(heap, &stats);
    filled = share(stats.live_bytes, stats.source_bytes, BAR_COLUMNS);
    for (unsigned i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_COLUMNS] = '\0';
    cairn__report_line(sink, "[%s] %u %% in use", bar,
                       share(stats.live_bytes, stats.source_bytes, PERCENT));
    line_of_part("in use", stats.live_bytes, stats.source_bytes, sink);
    line_of_part("free", stats.kept_bytes, stats.source_bytes, sink);
    line_of_part("books", stats.meta_bytes, stats.source_bytes, sink);
    line_of_part("in all", stats.source_bytes, stats.source_bytes, sink);
    cairn__report_line(sink, "  %llu blocks; engine %s, level %u, %s",
                       (unsigned long long)stats.live_blocks,
                       cairn_report_heap_engine_name(heap->config.engine),
                       (unsigned)heap->config.level,
                       cairn_report_heap_level_name(heap->config.level));
}

/* ---- Typed caches -------------------------------------------------------- */

static void line_of_cache(struct cairn_object_cache *cache,
                          const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_cache_stats stats;

    cairn_cache_stats(cache, &stats);
    cairn__report_line(
        sink, "  %7llu %9llu %9llu %6llu %11s %9llu  %s",
        (unsigned long long)stats.bytes, (unsigned long long)stats.live,
        (unsigned long long)stats.free, (unsigned long long)stats.slabs,
        cairn_format_size(size, stats.slab_bytes),
        (unsigned long long)stats.constructed, cache->config.name);
}

unsigned cairn_report_caches(const struct cairn_heap *heap,
                             const struct cairn_sink *sink)
{
    struct cairn_object_cache *cache = cairn_cache_next(heap, NULL);
    unsigned count = 0;

    cairn__report_line(sink, "  %7s %9s %9s %6s %11s %9s  %s", "size", "in use",
                       "free", "slabs", "memory", "made", "cache");
    for (; cache != NULL; cache = cairn_cache_next(heap, cache)) {
        line_of_cache(cache, sink);
        count++;
    }
    return count;
}

/* ---- What is in use ------------------------------------------------------ */

struct leaks {
    const struct cairn_sink *sink;
    size_t left; /* lines that may come */
    size_t blocks;
    size_t bytes;
};

static bool show_live(void *context, const struct cairn_heap_block *block)
{
    struct leaks *leaks = context;

    if (block->is_free)
        return true;
    leaks->blocks++;
    leaks->bytes += block->bytes;
    if (leaks->left == 0)
        return true;
    leaks->left--;
    cairn__report_line(leaks->sink, "  0x%016llx %12llu",
                       (unsigned long long)(uintptr_t)block->start,
                       (unsigned long long)block->bytes);
    return true;
}

void cairn_report_heap_live(struct cairn_heap *heap, size_t limit,
                            const struct cairn_sink *sink)
{
    struct leaks leaks = {.sink = sink, .left = limit};
    char size[CAIRN_SIZE_TEXT_BYTES];

    cairn__report_line(sink, "  %-18s %12s", "block", "bytes");
    cairn_heap_walk(heap, show_live, &leaks);
    if (leaks.blocks > limit)
        cairn__report_line(sink, "  ... and %llu more",
                           (unsigned long long)(leaks.blocks - limit));
    cairn__report_line(sink, "%llu blocks in use, %s",
                       (unsigned long long)leaks.blocks,
                       cairn_format_size(size, leaks.bytes));
}
