/*
 * cairn/report.h - what the library knows, as lines of text.
 *
 * Every function writes lines to a sink of the caller, so that a monitor, a log
 * and a test can show the same report.
 *
 * Lines    at most 79 visible characters of ASCII.  Pictures, unless they are
 *          plain, contain more, for UTF-8 terminals: the block characters
 *          U+2588, U+2591 .. U+2593 and U+00B7, and escape sequences that
 *          select colours (ECMA-48, "SGR"), which are not visible.  A line
 *          ends in the default colours and never takes more than
 *          CAIRN_REPORT_LINE_BYTES.
 * Context  any in which the sink may be called; no lock is held meanwhile.
 */
#ifndef CAIRN_REPORT_H
#define CAIRN_REPORT_H

#include <cairn/early.h>
#include <cairn/frames.h>
#include <cairn/heap.h>
#include <cairn/layout.h>
#include <cairn/memmap.h>

CAIRN_BEGIN_DECLS

/* Bytes of the longest line, '\0' included. */
#define CAIRN_REPORT_LINE_BYTES 640

struct cairn_sink {
    void (*line)(void *context, const char *text); /* without '\n' */
    void *context;
};

/* Bytes of each kind, holes, and the totals. */
void cairn_report_memmap_summary(const struct cairn_memmap *map,
                                 const struct cairn_sink *sink);

/* Up to `count` ranges from number `first` on: start, end, size, kind. */
void cairn_report_memmap_entries(const struct cairn_memmap *map, size_t first,
                                 size_t count, const struct cairn_sink *sink);

/* Frames handed out and free, the reserve, and the log. */
void cairn_report_early(struct cairn_early *early,
                        const struct cairn_sink *sink);

/* ---- Frames -------------------------------------------------------------- */

/* "boot", "tables", ...; "tree", ...; "?" outside the enumeration. */
const char *cairn_report_owner_name(enum cairn_owner owner);
const char *cairn_report_engine_name(enum cairn_frames_engine engine);

/* One line: engine, free memory, share of the metadata. */
void cairn_report_frames_brief(struct cairn_frames *frames,
                               const struct cairn_sink *sink);

/*
 * Engine, totals, owners, zones, magazines, whole free chunks, metadata.
 * Linear in the chunks of memory.
 */
void cairn_report_frames(struct cairn_frames *frames,
                         const struct cairn_sink *sink);

#define CAIRN_PICTURE_PLAIN       0x1u /* ASCII letters instead of colours */
#define CAIRN_PICTURE_COLUMNS_MAX 64
#define CAIRN_PICTURE_ROWS        16 /* if the caller does not care */

/* What to draw; zero in a field: as it suits. */
struct cairn_picture {
    cairn_pfn first; /* frames [first, end); both 0: all */
    cairn_pfn end;
    unsigned columns; /* cells of a row, up to CAIRN_PICTURE_COLUMNS_MAX */
    unsigned rows;    /* at most that many, those without memory not counted */
    unsigned flags;   /* any of CAIRN_PICTURE_* */
    /*
     * What the RAM is that the allocator does not have: the kernel's image and
     * the metadata count for CAIRN_OWNER_KERNEL, what can be reclaimed for
     * CAIRN_OWNER_BOOT, the rest is the firmware's.  NULL: it is not shown.
     */
    const struct cairn_memmap *map;
};

/*
 * The picture of physical memory: a cell for each stretch of frames, whose
 * colour (plain: letter) tells which owner has most of it, and whose shade
 * (plain: capital for half and more) how much of it is in use.  Cells stand
 * for a power of two of frames, the smallest with which `rows` suffice.
 * Each row begins with its address; rows without any memory are one line.
 *
 * Cost     linear in the chunks of the range, a few times over.
 */
void cairn_report_frames_picture(const struct cairn_frames *frames,
                                 const struct cairn_picture *picture,
                                 const struct cairn_sink *sink);

/* ---- Heap ---------------------------------------------------------------- */

/*
 * All of these are linear in what the heap has, and true if nobody allocates or
 * frees meanwhile.
 */

/* "slab", "firstfit"; "fast", "checked", "debug"; "?" outside of them. */
const char *cairn_report_heap_engine_name(enum cairn_heap_engine engine);
const char *cairn_report_heap_level_name(enum cairn_heap_level level);

/*
 * For each size of blocks, ascending: blocks in use and their bytes, free
 * blocks, slabs (large blocks: each is one).
 */
void cairn_report_heap(struct cairn_heap *heap, const struct cairn_sink *sink);

/* A bar of 40 columns, and what the heap's memory is used for. */
void cairn_report_heap_usage(struct cairn_heap *heap,
                             const struct cairn_sink *sink);

/* The typed caches, the newest first.  Returns how many. */
unsigned cairn_report_caches(const struct cairn_heap *heap,
                             const struct cairn_sink *sink);

/* The first `limit` blocks in use, by address, and how many there are. */
void cairn_report_heap_live(struct cairn_heap *heap, size_t limit,
                            const struct cairn_sink *sink);

/* ---- Layout -------------------------------------------------------------- */

/*
 * Mode, ranges in the order of addresses with first and last byte, size and
 * entropy in bits (a dash: its place was not drawn); names of ranges that are
 * inside of others stand further right.
 */
void cairn_report_layout(const struct cairn_layout *layout,
                         const struct cairn_sink *sink);

/* ---- Heap ---------------------------------------------------------------- */

/*
 * What is allocated, a line for each call site: blocks, bytes, number of the
 * oldest allocation, site; then the sums.  Sites as in cairn_heap_leaks.
 */
void cairn_report_heap_leaks(struct cairn_heap *heap,
                             const struct cairn_sink *sink);

CAIRN_END_DECLS

#endif
