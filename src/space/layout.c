/*
 * space/layout.c - named ranges of addresses, and random places for some.
 *
 * HOW    An array, in the order in which ranges were added; what is inside of a
 *        range comes behind it.  Everything is counted in pages, so that ends
 *        do not wrap.
 *
 *        A range can only be in the way of its siblings: those inside of the
 *        same range.  To place one, the gaps that its siblings leave in the
 *        slide are walked twice: once to count the aligned places, and once
 *        to find the one whose number was drawn.  So each free place is exactly
 *        as likely as any other, and no draw is in vain, however full the slide
 *        is.  A set of ranges (ranges.h) would do the same in less time, but
 *        needs frames, and a layout is made before there are any.
 *
 * INVARIANTS (cairn_layout_check tests each by this number)
 *   Y1   Siblings do not overlap, nor do they if all are at home.
 *   Y2   A range lies inside of its outer one, and was added later.
 *   Y3   A range and its outer ones have at most one slide together.
 *   Y4   A range is canonical, also at home.  One that slides is aligned and in
 *        its slide; one that does not keeps its place in its outer one.
 *
 * FAILS  Large ranges go first, since small ones would leave no room to them.
 *        If one finds none nevertheless, all go back.
 *
 * TESTS  tests/layout.c, tests/layout_random.c, tests/systems.c
 */
#include <cairn/layout.h>

#include "base/bits.h"
#include "base/memory.h"
#include "base/random.h"
#include "paging/format.h"

typedef struct cairn_layout_range range_type;

/* Pages [first, end). */
struct pages {
    uint64_t first;
    uint64_t end;
};

static struct pages pages_of(struct cairn_span span)
{
    uint64_t first = span.start.value >> CAIRN_FRAME_SHIFT;

    return (struct pages){first, first + (span.bytes >> CAIRN_FRAME_SHIFT)};
}

static bool do_overlap(struct cairn_span a, struct cairn_span b)
{
    struct pages p = pages_of(a);
    struct pages q = pages_of(b);

    return p.first < q.end && q.first < p.end;
}

static bool contains(struct cairn_span outer, struct cairn_span inner)
{
    struct pages p = pages_of(outer);
    struct pages q = pages_of(inner);

    return p.first <= q.first && q.end <= p.end;
}

static struct cairn_span span_at_home(const range_type *range)
{
    return cairn_span_make(range->home.value, range->span.bytes);
}

static bool has_slide(const range_type *range)
{
    return range->slide.bytes != 0;
}

static bool is_same(const char *a, const char *b)
{
    for (; *a == *b; a++, b++) {
        if (*a == '\0')
            return true;
    }
    return false;
}

enum cairn_status cairn_layout_init(struct cairn_layout *layout,
                                    enum cairn_paging_mode mode)
{
    if ((unsigned)mode >= CAIRN_PAGING_MODES)
        return CAIRN_BAD_ARGUMENT;
    memset(layout, 0, sizeof(*layout));
    layout->mode = mode;
    return CAIRN_OK;
}

/* ---- What can be added --------------------------------------------------- */

/* Whole pages that there are, all in the same half. */
static bool is_canonical(enum cairn_paging_mode mode, struct cairn_span span)
{
    const struct cairn__paging_format *format = cairn__paging_formats[mode];
    unsigned bits = format->va_bits;
    uint64_t first = span.start.value;
    uint64_t last = first + (span.bytes - 1);
    uint64_t half = UINT64_MAX << (bits - 1); /* the bits that are alike */

    if (span.bytes == 0 || last < first ||
        !cairn__is_aligned(first | span.bytes, CAIRN_FRAME_SIZE))
        return false;
    if (!format->is_signed)
        return last >> bits == 0;
    return (first & half) == (last & half) &&
           ((first & half) == 0 || (first & half) == half);
}

/* Does something that it is inside of slide? */
static bool has_outer_slide(const range_type *range)
{
    const range_type *outer = range->outer;

    while (outer != NULL && !has_slide(outer))
        outer = outer->outer;
    return outer != NULL;
}

/* All that can be said without the other ranges. */
static bool is_possible(enum cairn_paging_mode mode, const range_type *range)
{
    if (!cairn__is_power(range->align) || !is_canonical(mode, range->span) ||
        !cairn__is_aligned(range->span.start.value, range->align))
        return false;
    if (!has_slide(range))
        return true;
    if (range->places != 1 || !is_canonical(mode, range->slide) ||
        !contains(range->slide, range->span))
        return false;
    return !has_outer_slide(range);
}

/* The range that is in the way, or NULL. */
static const range_type *find_obstacle(const struct cairn_layout *layout,
                                       const range_type *range)
{
    for (size_t i = 0; i < layout->count; i++) {
        const range_type *other = &layout->ranges[i];

        if (is_same(other->name, range->name))
            return other;
        if (other->outer == range->outer &&
            (do_overlap(other->span, range->span) ||
             do_overlap(span_at_home(other), span_at_home(range))))
            return other;
    }
    if (range->outer != NULL &&
        (!contains(range->outer->span, range->span) ||
         (has_slide(range) && !contains(range->outer->span, range->slide))))
        return range->outer;
    return NULL;
}

/* False: what it is to be inside of is not there. */
static bool make_range(const struct cairn_layout *layout,
                       const struct cairn_layout_request *request,
                       range_type *out)
{
    *out = (range_type){
        .name = request->name,
        .span = request->span,
        .home = request->span.start,
        .align = cairn__max(request->align, CAIRN_FRAME_SIZE),
        .slide = request->slide,
        .places = cairn__max(request->places, 1),
    };
    if (request->inside == NULL)
        return true;
    out->outer = cairn_layout_find(layout, request->inside);
    if (out->outer == NULL)
        return false;
    out->home.value -= out->outer->span.start.value - out->outer->home.value;
    return true;
}

enum cairn_status cairn_layout_add(struct cairn_layout *layout,
                                   const struct cairn_layout_request *request,
                                   const struct cairn_layout_range **met)
{
    const range_type *obstacle = NULL;
    enum cairn_status status = CAIRN_OK;
    range_type range;

    if (!make_range(layout, request, &range)) {
        status = CAIRN_NOT_FOUND;
    } else if (!is_possible(layout->mode, &range)) {
        status = CAIRN_BAD_ARGUMENT;
    } else {
        obstacle = find_obstacle(layout, &range);
        if (obstacle != NULL)
            status = CAIRN_IN_USE;
        else if (layout->count == CAIRN_LAYOUT_MAX)
            status = CAIRN_NO_SPACE;
        else
            layout->ranges[layout->count++] = range;
    }
    if (met != NULL)
        *met = obstacle;
    return status;
}

enum cairn_status
cairn_layout_add_all(struct cairn_layout *layout,
                     const struct cairn_layout_request *requests, size_t count,
                     size_t *failed, const struct cairn_layout_range **met)
{
    if (met != NULL)
        *met = NULL;
    for (size_t i = 0; i < count; i++) {
        enum cairn_status status = cairn_layout_add(layout, &requests[i], met);

        if (status != CAIRN_OK) {
            if (failed != NULL)
                *failed = i;
            return status;
        }
    }
    return CAIRN_OK;
}

/* ---- Places -------------------------------------------------------------- */

/* Put it there, with all that is inside of it. */
static void move(struct cairn_layout *layout, range_type *range, uint64_t to)
{
    uint64_t by = to - range->span.start.value;

    for (size_t i = 0; i < layout->count; i++) {
        const range_type *outer = &layout->ranges[i];

        while (outer != NULL && outer != range)
            outer = outer->outer;
        if (outer == range)
            layout->ranges[i].span.start.value += by;
    }
}

/*
 * The lowest gap at or above page `gap->first`, up to gap->end, between the
 * siblings that have their place.  False: there is none.
 */
static bool find_gap(const struct cairn_layout *layout, const range_type *range,
                     struct pages *gap)
{
    uint64_t end = gap->end;

    for (size_t i = 0; i < layout->count; i++) {
        const range_type *other = &layout->ranges[i];
        struct pages taken = pages_of(other->span);

        if (!other->is_placed || other->outer != range->outer ||
            taken.end <= gap->first)
            continue;
        if (taken.first <= gap->first) {
            gap->first = taken.end;
            i = (size_t)-1; /* another one may begin there */
            end = gap->end;
        } else {
            end = cairn__min(end, taken.first);
        }
    }
    gap->end = end;
    return gap->first < end;
}

/* How many places a gap has; the first one goes to *first. */
static uint64_t count_in(const struct pages *gap, const range_type *range,
                         uint64_t *first)
{
    uint64_t align = range->align >> CAIRN_FRAME_SHIFT;
    uint64_t pages = range->span.bytes >> CAIRN_FRAME_SHIFT;

    *first = cairn__align_up(gap->first, align);
    if (*first >= gap->end || gap->end - *first < pages)
        return 0;
    return ((gap->end - *first - pages) >> cairn__bit_lowest(align)) + 1;
}

/*
 * All places of its slide, up to place number `stop`, which goes to *page then;
 * the number of those that were passed.
 */
static uint64_t pass_places(const struct cairn_layout *layout,
                            const range_type *range, uint64_t stop,
                            uint64_t *page)
{
    struct pages slide = pages_of(range->slide);
    struct pages gap = slide;
    uint64_t passed = 0;
    uint64_t first;

    while (find_gap(layout, range, &gap)) {
        uint64_t places = count_in(&gap, range, &first);

        if (places > stop - passed) {
            *page =
                first + (stop - passed) * (range->align >> CAIRN_FRAME_SHIFT);
            return stop;
        }
        passed += places;
        gap = (struct pages){gap.end, slide.end};
    }
    return passed;
}

/* The largest range that has no place yet, or NULL. */
static range_type *largest_unplaced(struct cairn_layout *layout)
{
    range_type *best = NULL;

    for (size_t i = 0; i < layout->count; i++) {
        range_type *range = &layout->ranges[i];

        if (!range->is_placed &&
            (best == NULL || range->span.bytes > best->span.bytes))
            best = range;
    }
    return best;
}

/* False: a range has no place. */
static bool place_all(struct cairn_layout *layout,
                      uint64_t (*draw)(void *context), void *context)
{
    range_type *range = largest_unplaced(layout);

    for (; range != NULL; range = largest_unplaced(layout)) {
        uint64_t page = 0;

        range->places = pass_places(layout, range, UINT64_MAX, &page);
        if (range->places == 0)
            return false;
        (void)pass_places(layout, range,
                          cairn__draw_below(range->places, draw, context),
                          &page);
        move(layout, range, page << CAIRN_FRAME_SHIFT);
        range->is_placed = true;
    }
    return true;
}

static void go_home(struct cairn_layout *layout)
{
    for (size_t i = 0; i < layout->count; i++) {
        range_type *range = &layout->ranges[i];

        range->span.start = range->home;
        if (has_slide(range))
            range->places = 1;
    }
}

enum cairn_status cairn_layout_randomise(struct cairn_layout *layout,
                                         uint64_t (*draw)(void *context),
                                         void *context)
{
    uint64_t starts[CAIRN_LAYOUT_MAX];
    uint64_t places[CAIRN_LAYOUT_MAX];

    if (draw == NULL) {
        go_home(layout);
        return CAIRN_OK;
    }
    for (size_t i = 0; i < layout->count; i++) {
        range_type *range = &layout->ranges[i];

        starts[i] = range->span.start.value;
        places[i] = range->places;
        range->is_placed = !has_slide(range);
    }
    if (place_all(layout, draw, context))
        return CAIRN_OK;
    for (size_t i = 0; i < layout->count; i++) {
        layout->ranges[i].span.start.value = starts[i];
        layout->ranges[i].places = places[i];
    }
    return CAIRN_NO_SPACE;
}

/* ---- Look ---------------------------------------------------------------- */

const struct cairn_layout_range *
cairn_layout_find(const struct cairn_layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->count; i++) {
        if (is_same(layout->ranges[i].name, name))
            return &layout->ranges[i];
    }
    return NULL;
}

const struct cairn_layout_range *
cairn_layout_at(const struct cairn_layout *layout, cairn_va at)
{
    const range_type *found = NULL;

    for (size_t i = 0; i < layout->count; i++) {
        const range_type *range = &layout->ranges[i];

        if (at.value - range->span.start.value < range->span.bytes)
            found = range; /* those inside come behind */
    }
    return found;
}

/* Is `a` before `b`?  Both may begin at once: then what is inside is behind. */
static bool is_before(const range_type *a, const range_type *b)
{
    return a->span.start.value < b->span.start.value ||
           (a->span.start.value == b->span.start.value && a < b);
}

const struct cairn_layout_range *
cairn_layout_next(const struct cairn_layout *layout,
                  const struct cairn_layout_range *range)
{
    const range_type *next = NULL;

    for (size_t i = 0; i < layout->count; i++) {
        const range_type *other = &layout->ranges[i];

        if ((range == NULL || is_before(range, other)) &&
            (next == NULL || is_before(other, next)))
            next = other;
    }
    return next;
}

unsigned cairn_layout_depth(const struct cairn_layout_range *range)
{
    unsigned depth = 0;

    for (; range->outer != NULL; range = range->outer)
        depth++;
    return depth;
}

/*
 * The fraction is found bit by bit: squaring a number doubles its logarithm.
 *
 * SOURCE D. E. Knuth, TAOCP vol. 1, 1.2.2, exercise 25 and before it.
 */
unsigned cairn_layout_entropy(const struct cairn_layout_range *range)
{
    unsigned whole = cairn__bit_highest(range->places);
    uint64_t one = (uint64_t)1 << 31;
    uint64_t value = range->places << (63 - whole) >> 32;
    unsigned fraction = 0;

    for (unsigned i = 0; i < 16; i++) {
        value = value * value >> 31;
        fraction <<= 1;
        if (value >= 2 * one) {
            value >>= 1;
            fraction |= 1;
        }
    }
    return whole * 100 + (fraction * 100 >> 16);
}

/* ---- Check --------------------------------------------------------------- */

/* Has only its outer one moved it? */
static bool is_at_home(const range_type *range)
{
    uint64_t by = range->span.start.value - range->home.value;

    if (range->outer == NULL)
        return by == 0;
    return by == range->outer->span.start.value - range->outer->home.value;
}

static bool is_placed_right(enum cairn_paging_mode mode,
                            const range_type *range)
{
    return cairn__is_power(range->align) && is_canonical(mode, range->span) &&
           is_canonical(mode, span_at_home(range)) && range->places != 0 &&
           (has_slide(range)
                ? contains(range->slide, range->span) &&
                      contains(range->slide, span_at_home(range)) &&
                      cairn__is_aligned(range->span.start.value, range->align)
                : is_at_home(range));
}

static unsigned check_range(const struct cairn_layout *layout,
                            const range_type *range)
{
    for (const range_type *a = layout->ranges; a < range; a++) {
        if (a->outer == range->outer &&
            (do_overlap(a->span, range->span) ||
             do_overlap(span_at_home(a), span_at_home(range))))
            return 1;
    }
    if (range->outer != NULL &&
        (range->outer >= range || !contains(range->outer->span, range->span)))
        return 2;
    if (has_slide(range) && has_outer_slide(range))
        return 3;
    return is_placed_right(layout->mode, range) ? 0 : 4;
}

unsigned cairn_layout_check(const struct cairn_layout *layout)
{
    unsigned broken = 0;

    for (size_t i = 0; i < layout->count && broken == 0; i++)
        broken = check_range(layout, &layout->ranges[i]);
    return broken;
}
