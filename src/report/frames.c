/*
 * report/frames.c - the frame allocator as text, and memory as a picture.
 *
 * HOW    Numbers come from cairn_frames_stats and cairn_frames_count, so they
 *        hold for every engine.  Of the magazines the contents are read
 *        without their CPUs' consent: what other CPUs do meanwhile may or may
 *        not be seen.
 *
 *        The picture first looks for the size of a cell: it begins with one
 *        that would do if memory had no holes, and doubles it until the rows
 *        that hold memory are few enough.  Then each cell is counted by
 *        itself.
 *
 * COST   The picture counts its range three to six times.
 *
 * TESTS  tests/report_frames.c
 */
#include <cairn/format.h>
#include <cairn/report.h>

#include "base/align.h"
#include "base/assert.h"
#include "base/bits.h"
#include "base/divide.h"
#include "frames/cache.h"
#include "frames/engine.h"
#include "report/line.h"

#define PFN_16MIB ((uint64_t)1 << (24 - CAIRN_FRAME_SHIFT))
#define PFN_4GIB  ((uint64_t)1 << (32 - CAIRN_FRAME_SHIFT))
#define PFN_LIMIT (CAIRN_PHYS_LIMIT >> CAIRN_FRAME_SHIFT)

/* ---- Names --------------------------------------------------------------- */

const char *cairn_report_owner_name(enum cairn_owner owner)
{
    static const char *const names[CAIRN_OWNER_COUNT] = {
        [CAIRN_OWNER_BOOT] = "boot",    [CAIRN_OWNER_KERNEL] = "kernel",
        [CAIRN_OWNER_TABLE] = "tables", [CAIRN_OWNER_HEAP] = "heap",
        [CAIRN_OWNER_STACK] = "stacks", [CAIRN_OWNER_DMA] = "DMA",
        [CAIRN_OWNER_USER] = "user",
    };

    return (unsigned)owner < CAIRN_OWNER_COUNT ? names[owner] : "?";
}

const char *cairn_report_engine_name(enum cairn_frames_engine engine)
{
    static const char *const names[] = {
        [CAIRN_ENGINE_TREE] = "tree",
        [CAIRN_ENGINE_BITMAP] = "bitmap",
        [CAIRN_ENGINE_FREELIST] = "freelist",
    };

    return (unsigned)engine <= CAIRN_ENGINE_FREELIST ? names[engine] : "?";
}

/* ---- Numbers ------------------------------------------------------------- */

/* part * scale / whole, good to four digits; scale up to 2^17. */
static unsigned share(uint64_t part, uint64_t whole, uint32_t scale)
{
    uint32_t remainder;

    cairn__assert(part <= whole && scale <= 1u << 17);
    for (; whole > CAIRN__BIT(46); whole >>= 1)
        part >>= 1;
    part *= scale;
    for (; whole > UINT16_MAX; whole >>= 1)
        part >>= 1;
    if (whole == 0)
        return 0;
    return (unsigned)cairn__divide(part, (uint32_t)whole, &remainder);
}

static uint64_t bytes_of(uint64_t frames)
{
    return frames << CAIRN_FRAME_SHIFT;
}

/* A line: how many frames, and which part of `whole` that is. */
static void line_of_part(const struct cairn_sink *sink, const char *name,
                         uint64_t frames, uint64_t whole)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    unsigned permille = share(frames, whole, 1000);

    cairn__report_line(sink, "  %-18s %12s  %14llu frames  %3u.%u %%", name,
                       cairn_format_size(size, bytes_of(frames)),
                       (unsigned long long)frames, permille / 10,
                       permille % 10);
}

/* Metadata in thousandths of a percent of memory. */
static unsigned metadata_share(const struct cairn_frames_stats *stats)
{
    return share(stats->metadata_bytes, bytes_of(stats->total_frames), 100000);
}

void cairn_report_frames_brief(struct cairn_frames *frames,
                               const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_frames_stats stats;
    unsigned metadata;

    cairn_frames_stats(frames, &stats);
    metadata = metadata_share(&stats);
    cairn__report_line(sink, "%s engine, %s free, metadata %u.%03u %%",
                       frames->engine->name,
                       cairn_format_size(size, bytes_of(stats.free_frames)),
                       metadata / 1000, metadata % 1000);
}

/* Blocks of each order that a CPU keeps; nothing if it keeps none. */
static void report_magazine(const struct cairn_frames_cpu *cpu, unsigned number,
                            const struct cairn_sink *sink)
{
    char text[CAIRN_REPORT_LINE_BYTES];
    size_t length = 0;

    if (cairn__cache_frames(cpu) == 0)
        return;
    for (unsigned order = 0; order < CAIRN_FRAMES_CACHED_ORDERS; order++) {
        if (cpu->counts[order] != 0)
            length +=
                cairn_format(text + length, sizeof(text) - length, " %u:%u",
                             order, (unsigned)cpu->counts[order]);
    }
    if (cpu->counts[CAIRN__MAGAZINE_LASTING] != 0)
        length +=
            cairn_format(text + length, sizeof(text) - length, " kernel:%u",
                         (unsigned)cpu->counts[CAIRN__MAGAZINE_LASTING]);
    if (cpu->return_count != 0)
        length += cairn_format(text + length, sizeof(text) - length,
                               " to return:%u", (unsigned)cpu->return_count);
    cairn__assert(length < sizeof(text));
    cairn__report_line(sink, "    CPU %-2u  order:blocks%s", number, text);
}

static void report_owners(const struct cairn_frames_stats *stats,
                          const struct cairn_sink *sink)
{
    cairn__report_line(sink, "owners%s",
                       stats->free_frames == stats->total_frames ? ": none"
                                                                 : "");
    for (unsigned owner = 0; owner < CAIRN_OWNER_COUNT; owner++) {
        if (stats->owner_frames[owner] != 0)
            line_of_part(sink, cairn_report_owner_name((enum cairn_owner)owner),
                         stats->owner_frames[owner], stats->total_frames);
    }
}

/* What is allocated, by size. */
static void report_orders(const struct cairn_frames *frames,
                          const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_frames_census census;

    cairn_frames_count(frames, cairn_frames_begin(frames),
                       cairn_frames_end(frames), &census);
    for (cairn_order order = 0; order <= CAIRN_ORDER_MAX; order++) {
        uint64_t count = census.blocks[order];

        if (count != 0)
            cairn__report_line(
                sink, "  %14llu block%s of %s (order %u)",
                (unsigned long long)count, count == 1 ? "" : "s",
                cairn_format_size(size, CAIRN_FRAME_SIZE << order), order);
    }
    if (census.runs != 0)
        cairn__report_line(sink, "  %14llu run%s of other lengths",
                           (unsigned long long)census.runs,
                           census.runs == 1 ? "" : "s");
}

/* Free memory of a zone, as part of all that the zone has. */
static void report_zone(const struct cairn_frames *frames, const char *name,
                        uint64_t first, uint64_t end,
                        const struct cairn_sink *sink)
{
    struct cairn_frames_census census;
    uint64_t present;

    end = cairn__min(end, cairn_frames_end(frames).value);
    if (first >= end)
        return;
    cairn_frames_count(frames, cairn_pfn_make(first), cairn_pfn_make(end),
                       &census);
    present = end - first - census.absent_frames;
    if (present != 0)
        line_of_part(sink, name, census.free_frames, present);
}

static void report_zones(const struct cairn_frames *frames,
                         const struct cairn_sink *sink)
{
    cairn__report_line(sink, "free by zone");
    report_zone(frames, "below 16 MiB", 0, PFN_16MIB, sink);
    report_zone(frames, "below 4 GiB", PFN_16MIB, PFN_4GIB, sink);
    report_zone(frames, "above", PFN_4GIB, PFN_LIMIT, sink);
}

void cairn_report_frames(struct cairn_frames *frames,
                         const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_frames_stats stats;
    unsigned metadata;

    cairn_frames_stats(frames, &stats);
    metadata = metadata_share(&stats);
    cairn__report_line(
        sink, "frames: %s engine, %smagazines, %u CPU%s", frames->engine->name,
        frames->config.has_magazines ? "" : "no ", frames->config.cpu_count,
        frames->config.cpu_count == 1 ? "" : "s");
    cairn__report_line(sink, "  %-18s 0x%012llx", "base",
                       (unsigned long long)cairn_phys_of(stats.base).value);
    line_of_part(sink, "total", stats.total_frames, stats.total_frames);
    line_of_part(sink, "free", stats.free_frames, stats.total_frames);
    line_of_part(sink, "  whole 2 MiB", stats.free_2mib << CAIRN_ORDER_2MIB,
                 stats.free_frames);
    line_of_part(sink, "  in magazines", stats.cached_frames,
                 stats.free_frames);
    for (unsigned cpu = 0; cpu < frames->config.cpu_count; cpu++)
        report_magazine(&frames->cpus[cpu], cpu, sink);
    report_owners(&stats, sink);
    report_orders(frames, sink);
    report_zones(frames, sink);
    cairn__report_line(sink, "metadata %s, %u.%03u %% of memory",
                       cairn_format_size(size, stats.metadata_bytes),
                       metadata / 1000, metadata % 1000);
}

/* ---- The picture: what is in a cell -------------------------------------- */

/* Who holds frames: an owner, or the firmware. */
#define HOLDER_FIRMWARE CAIRN_OWNER_COUNT
#define HOLDER_COUNT    (CAIRN_OWNER_COUNT + 1)

/* A picture all of whose fields are set. */
struct canvas {
    const struct cairn_frames *frames;
    const struct cairn_memmap *map; /* or NULL */
    uint64_t first;                 /* a multiple of a cell */
    uint64_t end;
    unsigned columns;
    unsigned rows;
    unsigned cell_order; /* log2 of frames */
    bool is_plain;
};

/* A stretch of frames, summed up. */
struct cell {
    uint64_t present;
    uint64_t used;
    unsigned holder; /* of most of these */
};

/* Who holds RAM of that kind if the allocator does not have it. */
static unsigned holder_of(enum cairn_memory_kind kind)
{
    switch (kind) {
    case CAIRN_MEMORY_BOOT_SERVICES:
    case CAIRN_MEMORY_LOADER:
    case CAIRN_MEMORY_ACPI_RECLAIM:
        return CAIRN_OWNER_BOOT;
    case CAIRN_MEMORY_KERNEL:
        return CAIRN_OWNER_KERNEL;
    default:
        return HOLDER_FIRMWARE;
    }
}

/* Add what the map knows about frames [first, end); no usable memory. */
static void count_map(const struct cairn_memmap *map, uint64_t first,
                      uint64_t end, uint64_t counts[HOLDER_COUNT])
{
    struct cairn_phys_range window =
        cairn_phys_range_make(bytes_of(first), bytes_of(end));
    cairn_memory_kinds kinds =
        CAIRN_MEMORY_ALL_KINDS & ~CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE);
    struct cairn_memory_range range;

    while (cairn_memmap_next(map, kinds, window, &range)) {
        if (cairn_memory_kind_is_ram(range.kind))
            counts[holder_of(range.kind)] +=
                (range.end.value - range.start.value) >> CAIRN_FRAME_SHIFT;
        window.start = range.end;
    }
}

static struct cell count_cell(const struct canvas *canvas, uint64_t first,
                              uint64_t end)
{
    struct cell cell = {0, 0, CAIRN_OWNER_BOOT};
    struct cairn_frames_census census;
    uint64_t counts[HOLDER_COUNT] = {0};

    end = cairn__min(end, canvas->end);
    cairn_frames_count(canvas->frames, cairn_pfn_make(first),
                       cairn_pfn_make(end), &census);
    for (unsigned owner = 0; owner < CAIRN_OWNER_COUNT; owner++)
        counts[owner] = census.owner_frames[owner];
    if (canvas->map != NULL && census.absent_frames != 0)
        count_map(canvas->map, first, end, counts);
    for (unsigned holder = 0; holder < HOLDER_COUNT; holder++) {
        cell.used += counts[holder];
        if (counts[holder] > counts[cell.holder])
            cell.holder = holder;
    }
    cell.present = census.free_frames + cell.used;
    return cell;
}

/* ---- The picture: what a cell looks like --------------------------------- */

#define DOT  "\302\267" /* U+00B7 */
#define GREY 90u

static const struct {
    char letter;
    uint8_t colour; /* SGR */
} looks[HOLDER_COUNT] = {
    [CAIRN_OWNER_BOOT] = {'B', 33},  [CAIRN_OWNER_KERNEL] = {'K', 91},
    [CAIRN_OWNER_TABLE] = {'T', 95}, [CAIRN_OWNER_HEAP] = {'H', 94},
    [CAIRN_OWNER_STACK] = {'S', 96}, [CAIRN_OWNER_DMA] = {'D', 97},
    [CAIRN_OWNER_USER] = {'U', 92},  [HOLDER_FIRMWARE] = {'F', 34},
};

/* U+2591 .. U+2593, U+2588: up to a quarter, a half, three quarters, more. */
static const char *const shades[] = {"\342\226\221", "\342\226\222",
                                     "\342\226\223", "\342\226\210"};

struct line {
    char text[CAIRN_REPORT_LINE_BYTES];
    size_t length;
    unsigned colour; /* 0: the default */
};

static void put_text(struct line *line, const char *text)
{
    line->length += cairn_format(line->text + line->length,
                                 sizeof(line->text) - line->length, "%s", text);
    cairn__assert(line->length < sizeof(line->text));
}

static void put_colour(struct line *line, unsigned colour)
{
    char text[8];

    if (colour == line->colour)
        return;
    cairn_format(text, sizeof(text), "\033[%um", colour);
    put_text(line, text);
    line->colour = colour;
}

static void put_line(struct line *line, const struct cairn_sink *sink)
{
    put_colour(line, 0);
    sink->line(sink->context, line->text);
    line->length = 0;
    line->text[0] = '\0';
}

static void put_plain(struct line *line, const struct cell *cell)
{
    char text[2] = {looks[cell->holder].letter, '\0'};

    if (cell->present == 0)
        text[0] = '-';
    else if (cell->used == 0)
        text[0] = '.';
    else if (cell->used * 2 < cell->present)
        text[0] = (char)(text[0] | ' '); /* a small letter */
    put_text(line, text);
}

static void put_block(struct line *line, const struct cell *cell)
{
    unsigned shade = 0;

    if (cell->used == 0) {
        put_colour(line, GREY);
        put_text(line, cell->present == 0 ? "-" : DOT);
        return;
    }
    while (shade < 3 && cell->used * 4 > cell->present * (shade + 1))
        shade++;
    put_colour(line, looks[cell->holder].colour);
    put_text(line, shades[shade]);
}

static void put_cell(struct line *line, const struct canvas *canvas,
                     const struct cell *cell)
{
    if (canvas->is_plain)
        put_plain(line, cell);
    else
        put_block(line, cell);
}

/* ---- The picture: its geometry ------------------------------------------- */

static uint64_t row_frames(const struct canvas *canvas)
{
    return (uint64_t)canvas->columns << canvas->cell_order;
}

static uint64_t cell_down(const struct canvas *canvas, uint64_t pfn)
{
    return cairn__align_down(pfn, CAIRN__BIT(canvas->cell_order));
}

static bool has_memory(const struct canvas *canvas, uint64_t row)
{
    return count_cell(canvas, row, row + row_frames(canvas)).present != 0;
}

/* Rows that hold memory, if cells had that size; stops beyond the limit. */
static unsigned count_rows(const struct canvas *canvas)
{
    unsigned rows = 0;
    uint64_t at = cell_down(canvas, canvas->first);

    for (; at < canvas->end && rows <= canvas->rows; at += row_frames(canvas))
        rows += has_memory(canvas, at);
    return rows;
}

/* For that many frames of memory. */
static void choose_cells(struct canvas *canvas, uint64_t present)
{
    cairn__assert(canvas->columns > 0 && canvas->rows > 0);
    canvas->cell_order = 0;
    while (row_frames(canvas) * canvas->rows < present)
        canvas->cell_order++;
    while (count_rows(canvas) > canvas->rows)
        canvas->cell_order++;
    canvas->first = cell_down(canvas, canvas->first);
}

/* False: there is no memory. */
static bool set_up(struct canvas *canvas, const struct cairn_frames *frames,
                   const struct cairn_picture *picture)
{
    uint64_t end = cairn_frames_end(frames).value;
    uint64_t present;

    *canvas = (struct canvas){
        .frames = frames,
        .map = picture->map,
        .first =
            cairn__max(picture->first.value, cairn_frames_begin(frames).value),
        .end =
            picture->end.value != 0 ? cairn__min(picture->end.value, end) : end,
        .columns = CAIRN_PICTURE_COLUMNS_MAX,
        .rows = picture->rows != 0 ? picture->rows : CAIRN_PICTURE_ROWS,
        .is_plain = (picture->flags & CAIRN_PICTURE_PLAIN) != 0,
    };
    if (picture->columns != 0 && picture->columns < canvas->columns)
        canvas->columns = picture->columns;
    if (canvas->first >= canvas->end)
        return false;
    present = count_cell(canvas, canvas->first, canvas->end).present;
    if (present != 0)
        choose_cells(canvas, present);
    return present != 0;
}

/* ---- The picture: drawing ------------------------------------------------ */

static void put_address(struct line *line, uint64_t pfn)
{
    char address[20];
    char text[20];

    cairn_format(address, sizeof(address), "0x%llx",
                 (unsigned long long)bytes_of(pfn));
    cairn_format(text, sizeof(text), "%-15s", address);
    put_text(line, text);
}

static void draw_row(const struct canvas *canvas, uint64_t at,
                     const struct cairn_sink *sink)
{
    struct line line = {.length = 0};
    uint64_t end = cairn__min(at + row_frames(canvas), canvas->end);

    put_address(&line, at);
    while (at < end) {
        uint64_t next = at + CAIRN__BIT(canvas->cell_order);
        struct cell cell = count_cell(canvas, at, next);

        put_cell(&line, canvas, &cell);
        at = next;
    }
    put_line(&line, sink);
}

static void draw_gap(const struct canvas *canvas, uint64_t from, uint64_t to,
                     const struct cairn_sink *sink)
{
    struct line line = {.length = 0};
    char size[CAIRN_SIZE_TEXT_BYTES];
    char text[48];

    put_address(&line, from);
    cairn_format(text, sizeof(text), "- %s without memory -",
                 cairn_format_size(size, bytes_of(to - from)));
    if (!canvas->is_plain)
        put_colour(&line, GREY);
    put_text(&line, text);
    put_line(&line, sink);
}

static void draw_rows(const struct canvas *canvas,
                      const struct cairn_sink *sink)
{
    uint64_t at = canvas->first;
    uint64_t gap = at;

    for (; at < canvas->end; at += row_frames(canvas)) {
        if (!has_memory(canvas, at))
            continue;
        if (gap < at)
            draw_gap(canvas, gap, at, sink);
        draw_row(canvas, at, sink);
        gap = at + row_frames(canvas);
    }
}

/* What the colours or letters mean: a full cell of each holder. */
static void draw_legend(const struct canvas *canvas,
                        const struct cairn_sink *sink)
{
    struct line line = {.length = 0};
    unsigned count = canvas->map != NULL ? HOLDER_COUNT : CAIRN_OWNER_COUNT;

    for (unsigned holder = 0; holder < count; holder++) {
        struct cell cell = {1, 1, holder};

        put_text(&line, holder == 0 ? "" : "  ");
        put_cell(&line, canvas, &cell);
        put_colour(&line, 0);
        put_text(&line, " ");
        put_text(&line,
                 holder == HOLDER_FIRMWARE
                     ? "firmware"
                     : cairn_report_owner_name((enum cairn_owner)holder));
    }
    put_line(&line, sink);
    put_text(&line, canvas->is_plain
                        ? ". free  - no memory  capital: half of it or more"
                        : DOT " free  - no memory  \342\226\221\342\226\222"
                              "\342\226\223\342\226\210 one to four quarters "
                              "in use");
    put_line(&line, sink);
}

void cairn_report_frames_picture(const struct cairn_frames *frames,
                                 const struct cairn_picture *picture,
                                 const struct cairn_sink *sink)
{
    struct canvas canvas;
    char cell[CAIRN_SIZE_TEXT_BYTES];
    char row[CAIRN_SIZE_TEXT_BYTES];

    if (!set_up(&canvas, frames, picture)) {
        cairn__report_line(sink, "memory: none in that range");
        return;
    }
    cairn__report_line(
        sink, "memory: a cell is %s, a row %s",
        cairn_format_size(cell, bytes_of(CAIRN__BIT(canvas.cell_order))),
        cairn_format_size(row, bytes_of(row_frames(&canvas))));
    draw_rows(&canvas, sink);
    draw_legend(&canvas, sink);
}
