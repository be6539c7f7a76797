/*
 * frames/freelist.c - frame engine: first fit on address-ordered free runs.
 *
 * WHAT   What MioOS describes: free memory is a sequence of free runs in the
 *        order of their addresses.  A request takes the beginning of the first
 *        run that is long enough, which is split if it is longer; what is
 *        freed becomes one run with its free neighbours.  Runs never reach
 *        across a hole.
 *
 * HOW    The classical free list has a node for each run.  Finding the first
 *        fit walks over all runs that are too short, and a list whose nodes
 *        lie outside of free memory (as they must: not all of it has an
 *        address) needs a new node when a free makes a run, which could fail.
 *
 *        Here the runs are not stored, they are seen.  Each chunk has its line
 *        of 512 free bits: a run is a maximal row of ones, so splitting is
 *        clearing bits, and merging with both neighbours is setting them.
 *        Nothing is allocated, so nothing can fail.  The list's pointers are
 *        replaced by a tree over the chunks: a node says of its stretch how
 *        many frames are free at its beginning, at its end, and at most in a
 *        row, the latter for each alignment.  Two nodes give that of both
 *        together, since a run may lie across their border.  The tree has an
 *        array for each level; chunks themselves, level 0, are not stored,
 *        because their lines say it all.
 *
 *        A search goes from left to right with the run that reaches the
 *        present place: over nodes as large as possible while nothing fits in
 *        them, then down to the leftmost place that fits.
 *
 * INVARIANTS (check() tests each by this number)
 *   E1 .. E5 of eager.h, as 1 to 5; free for the engine is a bit of a line.
 *   F6   Each node is what its two children give.
 *
 * LOCKS  All under the engine lock.
 *
 * COST   O(log memory), for any count and alignment, with any number of runs;
 *        some 20 steps for a level, and the chunks at the lowest one.  Taking
 *        or giving n frames sets n bits.  Besides the lines, 84 bytes for
 *        each 2 MiB, holes included.
 *
 * FAILS  Nothing fits: 0 or false, nothing changed.
 *
 * SOURCE D. E. Knuth, TAOCP vol. 1, 2.5, for first fit and the boundary tags
 *        whose part the bits play.  J. L. Bentley, "Solutions to Klee's
 *        rectangle problems", 1977, for the tree.
 *
 * TESTS  tests/frames_engines.c, tests/frames_random.c, fuzz/frames.c
 */
#include "frames/freelist.h"

#include "base/memory.h"
#include "frames/eager.h"
#include "frames/line.h"

#define ORDERS (CAIRN_ORDER_MAX + 1)

/* Frames that are asked for: how many, and from what multiple of 2^order on. */
struct wish {
    uint64_t count;
    unsigned align_order;
};

/* ---- Runs in one line ---------------------------------------------------- */

/* The first bit of a line from `at` on that is set, or is not; 512: none. */
static unsigned scan(const uint64_t *line, unsigned at, bool wanted)
{
    while (at < CAIRN__CHUNK_FRAMES) {
        uint64_t word = wanted ? line[at / 64] : ~line[at / 64];

        word >>= at % 64;
        if (word != 0)
            return at + cairn__bit_lowest(word);
        at += 64 - at % 64;
    }
    return CAIRN__CHUNK_FRAMES;
}

/* The first frame from `at` on that begins what is wished; false: none. */
static bool fit_in_line(const uint64_t *line, uint64_t chunk, unsigned at,
                        struct wish wish, uint64_t *out)
{
    uint64_t align = (uint64_t)1 << wish.align_order;

    for (at = scan(line, at, true); at < CAIRN__CHUNK_FRAMES;
         at = scan(line, at, true)) {
        uint64_t first = cairn__align_up(chunk + at, align);

        at = scan(line, at, false);
        if (first + wish.count <= chunk + at) {
            *out = first;
            return true;
        }
    }
    return false;
}

/* Enter frames [first, end), which are free, into `best`. */
static void enter_run(struct cairn__runs *runs, uint64_t first, uint64_t end)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        uint64_t start = cairn__align_up(first, (uint64_t)1 << order);

        if (start >= end)
            return;
        runs->best[order] =
            (uint32_t)cairn__max(runs->best[order], end - start);
    }
}

/* What a line says about its chunk, whose first frame is `chunk`. */
static void sum_up(const uint64_t *line, uint64_t chunk,
                   struct cairn__runs *out)
{
    unsigned at = scan(line, 0, true);

    *out = (struct cairn__runs){.prefix = scan(line, 0, false)};
    while (at < CAIRN__CHUNK_FRAMES) {
        unsigned end = scan(line, at, false);

        enter_run(out, chunk + at, chunk + end);
        if (end == CAIRN__CHUNK_FRAMES)
            out->suffix = end - at;
        at = scan(line, end, true);
    }
}

/* ---- Lines --------------------------------------------------------------- */

static uint64_t *line_of(const struct cairn_frames *frames, uint64_t frame)
{
    cairn_pfn pfn = {frame};

    return cairn__frames_slot(frames, pfn)
        ->section->lines[cairn__frames_chunk_number(pfn)];
}

/*
 * A copy of the line of the chunk that begins at `chunk`, without frames
 * outside of the window.
 */
static void copy_line(const struct cairn_frames *frames, uint64_t chunk,
                      struct cairn__pfn_range window, uint64_t *out)
{
    uint64_t end = chunk + CAIRN__CHUNK_FRAMES;
    cairn_pfn pfn = {chunk};

    memset(out, 0, CAIRN__LINE_WORDS * sizeof(*out));
    if (cairn__frames_kind(frames, pfn) != CAIRN__CHUNK_DENSE)
        return;
    memcpy(out, line_of(frames, chunk), CAIRN__LINE_WORDS * sizeof(*out));
    if (window.start > chunk)
        cairn__line_clear(out, 0,
                          (unsigned)(cairn__min(window.start, end) - chunk));
    if (window.end < end)
        cairn__line_clear(out, (unsigned)(window.end - chunk),
                          (unsigned)(end - window.end));
}

/* ---- The tree ------------------------------------------------------------ */

static uint64_t node_frames(unsigned level)
{
    return (uint64_t)CAIRN__CHUNK_FRAMES << level;
}

/* The first frame of a node. */
static uint64_t node_start(const struct cairn__freelist *list, unsigned level,
                           uint64_t number)
{
    return list->span.start + (number << (CAIRN__CHUNK_ORDER + level));
}

/* What is known about a node, as far as it lies in the window. */
static void view(const struct cairn_frames *frames, unsigned level,
                 uint64_t number, struct cairn__pfn_range window,
                 struct cairn__runs *out)
{
    const struct cairn__freelist *list = cairn__freelist_of(frames);
    uint64_t chunk = node_start(list, 0, number);
    uint64_t line[CAIRN__LINE_WORDS];

    memset(out, 0, sizeof(*out));
    if (number >= list->counts[level])
        return;
    if (level == 0) {
        copy_line(frames, chunk, window, line);
        sum_up(line, chunk, out);
        return;
    }
    *out = list->levels[level][number];
}

/* Two nodes of `size` frames that meet at frame `middle`, as one. */
static void join(const struct cairn__runs *left,
                 const struct cairn__runs *right, uint64_t middle,
                 uint64_t size, struct cairn__runs *out)
{
    bool is_left_full = left->prefix == size;
    bool is_right_full = right->suffix == size;

    cairn__assert(left->suffix <= size && right->prefix <= size);
    out->prefix = left->prefix + (is_left_full ? right->prefix : 0);
    out->suffix = right->suffix + (is_right_full ? left->suffix : 0);
    for (unsigned order = 0; order < ORDERS; order++)
        out->best[order] = left->best[order] > right->best[order]
                               ? left->best[order]
                               : right->best[order];
    if (left->suffix > 0)
        enter_run(out, middle - left->suffix, middle + right->prefix);
}

/* What the children of a node say about it. */
static void derive(const struct cairn_frames *frames, unsigned level,
                   uint64_t number, struct cairn__runs *out)
{
    const struct cairn__freelist *list = cairn__freelist_of(frames);
    struct cairn__runs left;
    struct cairn__runs right;

    cairn__assert(level > 0);
    view(frames, level - 1, 2 * number, list->span, &left);
    view(frames, level - 1, 2 * number + 1, list->span, &right);
    join(&left, &right, node_start(list, level - 1, 2 * number + 1),
         node_frames(level - 1), out);
}

/* Bits of [first, first + count) have changed. */
static void refresh(struct cairn_frames *frames, uint64_t first, uint64_t count)
{
    struct cairn__freelist *list = cairn__freelist_of(frames);
    uint64_t low = (first - list->span.start) >> CAIRN__CHUNK_ORDER;
    uint64_t high =
        (first + count - 1 - list->span.start) >> CAIRN__CHUNK_ORDER;

    for (unsigned level = 1; level <= list->top; level++) {
        bool is_changed = false;

        low >>= 1;
        high >>= 1;
        for (uint64_t i = low; i <= high; i++) {
            struct cairn__runs runs;

            derive(frames, level, i, &runs);
            if (memcmp(&runs, &list->levels[level][i], sizeof(runs)) == 0)
                continue;
            list->levels[level][i] = runs;
            is_changed = true;
        }
        if (!is_changed)
            return;
    }
}

/* Set or clear the bits of [first, first + count). */
static void write_bits(struct cairn_frames *frames, uint64_t first,
                       uint64_t count, bool is_free)
{
    uint64_t end = first + count;

    while (first < end) {
        unsigned at = (unsigned)(first % CAIRN__CHUNK_FRAMES);
        unsigned part = cairn__eager_part(first, end);
        uint64_t *line = line_of(frames, first);

        cairn__assert(cairn__line_count(line, at, part) ==
                      (is_free ? 0 : part));
        if (is_free)
            cairn__line_set(line, at, part);
        else
            cairn__line_clear(line, at, part);
        first += part;
    }
}

/* ---- First fit ----------------------------------------------------------- */

/* Where a search is: before node `number` of `level`. */
struct walk {
    unsigned level;
    uint64_t number;
    uint64_t run; /* all frames from here up to the node are free */
};

/* To the largest node that begins where this one does and ends by `end`. */
static void climb(const struct cairn__freelist *list, struct walk *walk,
                  uint64_t end)
{
    while (walk->level < list->top && walk->number % 2 == 0 &&
           node_start(list, walk->level, walk->number + 2) <= end) {
        walk->level++;
        walk->number /= 2;
    }
    while (walk->level > 0 &&
           node_start(list, walk->level, walk->number + 1) > end) {
        walk->level--;
        walk->number *= 2;
    }
}

/* Behind the node; what of it is free at its end is the run to go on with. */
static void pass(const struct cairn__freelist *list, struct walk *walk,
                 const struct cairn__runs *runs, uint64_t end)
{
    uint64_t next = node_start(list, walk->level, walk->number + 1);

    if (runs->suffix != node_frames(walk->level))
        walk->run = next - runs->suffix;
    walk->number++;
    climb(list, walk, end);
}

/* The lowest frame from which all that is wished is free inside `window`. */
static bool find(const struct cairn_frames *frames, struct wish wish,
                 struct cairn__pfn_range window, uint64_t *out)
{
    const struct cairn__freelist *list = cairn__freelist_of(frames);
    uint64_t align = (uint64_t)1 << wish.align_order;
    struct walk walk = {
        .number = (window.start - list->span.start) >> CAIRN__CHUNK_ORDER,
    };
    uint64_t start = node_start(list, 0, walk.number);

    walk.run = start;
    while (start < window.end) {
        struct cairn__runs runs;
        uint64_t line[CAIRN__LINE_WORDS];

        view(frames, walk.level, walk.number, window, &runs);
        *out = cairn__align_up(walk.run, align);
        if (*out + wish.count <= start + runs.prefix)
            return true;
        if (runs.best[wish.align_order] < wish.count) {
            pass(list, &walk, &runs, window.end);
        } else if (walk.level > 0) {
            walk.level--;
            walk.number *= 2;
        } else {
            copy_line(frames, start, window, line);
            return fit_in_line(line, start, 0, wish, out);
        }
        start = node_start(list, walk.level, walk.number);
    }
    return false;
}

/* ---- The interface ------------------------------------------------------- */

/*
 * Take blocks of less than a chunk: the first one is known, the following are
 * the next ones of the same chunk.  They end up below `end`, the first at
 * its top.
 */
static size_t take_in_chunk(struct cairn_frames *frames, cairn_order order,
                            struct cairn__pfn_range window,
                            struct cairn__block *end, size_t max)
{
    struct wish wish = {(uint64_t)1 << order, order};
    uint64_t first = end[-1].first.value;
    uint64_t chunk = cairn__align_down(first, CAIRN__CHUNK_FRAMES);
    uint64_t line[CAIRN__LINE_WORDS];
    size_t taken = 0;

    copy_line(frames, chunk, window, line);
    do {
        end[-1 - (ptrdiff_t)taken++] =
            cairn__frames_block(frames, cairn_pfn_make(first));
        write_bits(frames, first, wish.count, false);
        cairn__eager_take_block(frames, first, order);
    } while (taken < max &&
             fit_in_line(line, chunk, (unsigned)(first + wish.count - chunk),
                         wish, &first));
    refresh(frames, chunk, CAIRN__CHUNK_FRAMES);
    return taken;
}

static size_t take_whole(struct cairn_frames *frames, cairn_order order,
                         cairn_pfn block)
{
    uint64_t count = (uint64_t)1 << order;

    write_bits(frames, block.value, count, false);
    cairn__eager_take_block(frames, block.value, order);
    refresh(frames, block.value, count);
    return 1;
}

static size_t freelist_take(struct cairn_frames *frames,
                            struct cairn__need need,
                            struct cairn__pfn_range window,
                            struct cairn__block *out, size_t max)
{
    cairn_order order = need.order;
    struct wish wish = {(uint64_t)1 << order, order};
    size_t taken = 0;

    window = cairn__eager_window(frames, window);
    while (taken < max) {
        struct cairn__block *end = &out[max - taken];
        uint64_t first;

        if (!find(frames, wish, window, &first))
            break;
        end[-1] = cairn__frames_block(frames, cairn_pfn_make(first));
        if (order < CAIRN__CHUNK_ORDER)
            taken += take_in_chunk(frames, order, window, end, max - taken);
        else
            taken += take_whole(frames, order, end[-1].first);
    }
    return taken;
}

static void freelist_give(struct cairn_frames *frames, cairn_order order,
                          const cairn_pfn *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t first = blocks[i].value;

        write_bits(frames, first, (uint64_t)1 << order, true);
        cairn__eager_give_block(frames, first, order);
        refresh(frames, first, (uint64_t)1 << order);
    }
}

static bool freelist_take_run(struct cairn_frames *frames, uint64_t count,
                              uint64_t align, struct cairn__pfn_range window,
                              cairn_pfn *out)
{
    struct wish wish = {count, cairn__bit_lowest(align)};
    uint64_t first;

    cairn__assert(cairn__is_power(align) && wish.align_order < ORDERS);
    if (count == 0 || count > frames->free_frames)
        return false;
    if (!find(frames, wish, cairn__eager_window(frames, window), &first))
        return false;
    write_bits(frames, first, count, false);
    cairn__eager_take(frames, first, count);
    refresh(frames, first, count);
    out->value = first;
    return true;
}

static void freelist_give_run(struct cairn_frames *frames, cairn_pfn first,
                              uint64_t count)
{
    write_bits(frames, first.value, count, true);
    cairn__eager_give(frames, first.value, count);
    refresh(frames, first.value, count);
}

/* ---- Start and new memory ------------------------------------------------ */

/* Lay the levels out; the number of nodes of all stored ones. */
static uint64_t plan(const struct cairn_frames *frames,
                     struct cairn__freelist *list)
{
    uint64_t total = 0;

    list->span = cairn__eager_span(frames);
    list->top = 0;
    list->counts[0] = (list->span.end - list->span.start) >> CAIRN__CHUNK_ORDER;
    while (list->top + 1 < CAIRN__FREELIST_LEVELS &&
           list->counts[list->top] > 1) {
        list->top++;
        list->counts[list->top] = (list->counts[list->top - 1] + 1) / 2;
        total += list->counts[list->top];
    }
    return total;
}

static uint64_t freelist_storage_bytes(const struct cairn_frames *frames)
{
    struct cairn__freelist list;

    return sizeof(list) + plan(frames, &list) * sizeof(struct cairn__runs);
}

static void freelist_start(struct cairn_frames *frames, void *storage)
{
    struct cairn__freelist *list = storage;
    struct cairn__runs *runs = (struct cairn__runs *)(list + 1);
    uint64_t total = plan(frames, list);

    memset(runs, 0, (size_t)total * sizeof(*runs));
    for (unsigned level = 1; level <= list->top; level++) {
        list->levels[level] = runs;
        runs += list->counts[level];
    }
    frames->engine_data = list;
}

static void freelist_add(struct cairn_frames *frames, cairn_pfn first,
                         uint64_t count)
{
    cairn__eager_add(frames, first.value, count);
    write_bits(frames, first.value, count, true);
    refresh(frames, first.value, count);
}

/* ---- The checker --------------------------------------------------------- */

static bool is_free(const struct cairn_frames *frames, uint64_t frame)
{
    cairn_pfn pfn = {frame};
    unsigned bit = (unsigned)(frame % CAIRN__CHUNK_FRAMES);

    return cairn__frames_kind(frames, pfn) != CAIRN__CHUNK_ABSENT &&
           (line_of(frames, frame)[bit / 64] >> bit % 64 & 1) != 0;
}

static unsigned freelist_check(const struct cairn_frames *frames)
{
    const struct cairn__freelist *list = cairn__freelist_of(frames);
    unsigned broken = cairn__eager_check(frames, is_free);

    if (broken != 0)
        return broken;
    for (unsigned level = 1; level <= list->top; level++) {
        for (uint64_t i = 0; i < list->counts[level]; i++) {
            struct cairn__runs runs;

            derive(frames, level, i, &runs);
            if (memcmp(&runs, &list->levels[level][i], sizeof(runs)) != 0)
                return 6;
        }
    }
    return 0;
}

const struct cairn__engine cairn__engine_freelist = {
    .name = "freelist",
    .storage_bytes = freelist_storage_bytes,
    .start = freelist_start,
    .take = freelist_take,
    .give = freelist_give,
    .take_run = freelist_take_run,
    .give_run = freelist_give_run,
    .add = freelist_add,
    .check = freelist_check,
};
