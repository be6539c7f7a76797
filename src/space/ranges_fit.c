/*
 * space/ranges_fit.c - gaps of a set of ranges, and what fits into them.
 *
 * HOW    First fit goes down to where the window begins, and from there up and
 *        to the right; children without enough room are passed, and the first
 *        that has it has the answer.
 *
 *        A random place is drawn from all addresses of the window and drawn
 *        again if something is there, so each free one is as likely as any
 *        other.  If that fails too often, free ones are counted, one of them is
 *        drawn by number, and looked for.
 *
 * TESTS  tests/ranges.c, tests/ranges_random.c; make bench B=ranges
 */
#include "space/ranges.h"

#include "base/bits.h"
#include "base/random.h"

#define DRAWS 64

typedef const union cairn__range_node node_type;

/* In pages. */
struct search {
    uint64_t first; /* the window */
    uint64_t end;
    uint64_t pages;
    uint64_t align;
    unsigned room;     /* the one whose alignment is not above `align` */
    uint64_t previous; /* where the last range ends that was passed */
    uint64_t found;
};

/* False: nobody could fit there. */
static bool start_search(const struct cairn_ranges *ranges,
                         const struct cairn_fit *fit, struct search *out)
{
    out->first = ranges->first;
    out->end = ranges->end;
    out->pages = fit->bytes >> CAIRN_FRAME_SHIFT;
    out->align = cairn__max(fit->align >> CAIRN_FRAME_SHIFT, 1);
    out->previous = ranges->first;
    out->room = CAIRN__RANGE_ROOMS - 1;
    while (cairn__range_granule(out->room) > out->align)
        out->room--;
    return out->pages != 0 && (fit->bytes & (CAIRN_FRAME_SIZE - 1)) == 0 &&
           (fit->align & (fit->align - 1)) == 0 &&
           (fit->within.bytes == 0 ||
            cairn__range_pages(ranges, fit->within, &out->first, &out->end));
}

/* ---- First fit ----------------------------------------------------------- */

static bool try_gap(struct search *search, uint64_t start, uint64_t end)
{
    uint64_t first =
        cairn__align_up(cairn__max(start, search->first), search->align);
    uint64_t last = cairn__min(end, search->end);

    search->found = first;
    return first < last && last - first >= search->pages;
}

static bool search_leaf(node_type *leaf, struct search *search)
{
    unsigned i = cairn__range_after(leaf, search->first);

    if (i > 0)
        search->previous = leaf->leaf.ends[i - 1];
    for (; i < leaf->head.count; i++) {
        if (try_gap(search, search->previous, leaf->leaf.starts[i]))
            return true;
        search->previous = leaf->leaf.ends[i];
    }
    return false;
}

/* One level after the other, so the depth is that of the tree. */
static bool search_node(node_type *node, unsigned level, struct search *search)
{
    if (level == 0)
        return search_leaf(node, search);
    for (unsigned i = cairn__range_slot(node, search->first);
         i < node->head.count && search->previous < search->end; i++) {
        const struct cairn__range_child *child = &node->inner.children[i];

        if (try_gap(search, search->previous, node->inner.firsts[i]))
            return true;
        if (child->room[search->room] >= search->pages &&
            search_node(child->node, level - 1, search))
            return true;
        search->previous = child->end;
    }
    return false;
}

enum cairn_status cairn_ranges_first_fit(const struct cairn_ranges *ranges,
                                         const struct cairn_fit *fit,
                                         cairn_va *out)
{
    struct search search;

    if (!start_search(ranges, fit, &search))
        return CAIRN_BAD_ARGUMENT;
    if (!(ranges->root != NULL &&
          search_node(ranges->root, ranges->height, &search)) &&
        !try_gap(&search, search.previous, ranges->end))
        return CAIRN_NO_SPACE;
    out->value = search.found << CAIRN_FRAME_SHIFT;
    return CAIRN_OK;
}

/* ---- Gap by gap ---------------------------------------------------------- */

/* Where the last range ends that does not begin above `page`. */
static uint64_t end_before(const struct cairn_ranges *ranges, uint64_t page)
{
    node_type *node = ranges->root;
    unsigned after;

    if (node == NULL)
        return ranges->first;
    for (unsigned level = ranges->height; level > 0; level--)
        node = node->inner.children[cairn__range_slot(node, page)].node;
    after = cairn__range_after(node, page);
    return after == 0 ? ranges->first : node->leaf.ends[after - 1];
}

/* The lowest gap from `start` on, where a range ends.  False: there is none. */
static bool gap_from(const struct cairn_ranges *ranges, uint64_t *start,
                     uint64_t *end)
{
    struct cairn__range_found next;

    while (cairn__range_next(ranges, *start, &next)) {
        *end = next.start;
        if (*start < *end)
            return true;
        *start = next.end;
    }
    *end = ranges->end;
    return *start < *end;
}

bool cairn_ranges_next_gap(const struct cairn_ranges *ranges, cairn_va at,
                           struct cairn_span *out)
{
    uint64_t page = at.value >> CAIRN_FRAME_SHIFT;
    uint64_t start = end_before(ranges, page);
    uint64_t end;

    if (page >= ranges->end || !gap_from(ranges, &start, &end))
        return false;
    out->start.value = start << CAIRN_FRAME_SHIFT;
    out->bytes = (end - start) << CAIRN_FRAME_SHIFT;
    return true;
}

/* How many places are in that gap, and where the first one is. */
static uint64_t count_places(struct search *search, uint64_t start,
                             uint64_t end)
{
    if (!try_gap(search, start, end))
        return 0;
    end = cairn__min(end, search->end);
    return ((end - search->found - search->pages) >>
            cairn__bit_lowest(search->align)) +
           1;
}

/*
 * All places, up to place number `stop`, which is search->found then; the
 * number of those that were passed.
 */
static uint64_t pass_places(const struct cairn_ranges *ranges,
                            struct search *search, uint64_t stop)
{
    uint64_t start = end_before(ranges, search->first);
    uint64_t passed = 0;
    uint64_t end;

    for (; start < search->end && gap_from(ranges, &start, &end); start = end) {
        uint64_t places = count_places(search, start, end);

        if (places > stop - passed) {
            search->found += (stop - passed) * search->align;
            return stop;
        }
        passed += places;
    }
    return passed;
}

uint64_t cairn_ranges_count_fits(const struct cairn_ranges *ranges,
                                 const struct cairn_fit *fit)
{
    struct search search;

    return start_search(ranges, fit, &search)
               ? pass_places(ranges, &search, UINT64_MAX)
               : 0;
}

/* ---- At random ----------------------------------------------------------- */

static bool is_free(const struct cairn_ranges *ranges,
                    const struct search *search)
{
    struct cairn__range_found next;

    return !cairn__range_next(ranges, search->found, &next) ||
           next.start >= search->found + search->pages;
}

enum cairn_status cairn_ranges_random_fit(const struct cairn_ranges *ranges,
                                          const struct cairn_fit *fit,
                                          uint64_t (*draw)(void *context),
                                          void *context, cairn_va *out)
{
    struct search search;
    uint64_t places;
    uint64_t first;
    bool is_found = false;

    if (!start_search(ranges, fit, &search))
        return CAIRN_BAD_ARGUMENT;
    places = count_places(&search, search.first, search.end);
    if (places == 0)
        return CAIRN_NO_SPACE;
    first = search.found;
    for (unsigned i = 0; i < DRAWS && !is_found; i++) {
        search.found =
            first + cairn__draw_below(places, draw, context) * search.align;
        is_found = is_free(ranges, &search);
    }
    if (!is_found) {
        places = pass_places(ranges, &search, UINT64_MAX);
        if (places == 0)
            return CAIRN_NO_SPACE;
        (void)pass_places(ranges, &search,
                          cairn__draw_below(places, draw, context));
    }
    out->value = search.found << CAIRN_FRAME_SHIFT;
    return CAIRN_OK;
}
