/*
 * space/ranges.h - the nodes of a set of ranges.
 *
 * HOW    A B+tree over pages.  Leaves have ranges; nodes above have, for each
 *        child, where its first range begins and its last ends, and how much
 *        room there is between its ranges.  Room is known for alignments of
 *        4 KiB, 2 MiB and 1 GiB: the most pages that a gap has from its first
 *        aligned page on.  So one looks at a child only if it has a place.
 *
 *        Keys of a node are one array, in whole cache lines, the unused ones
 *        higher than any page: they are counted without a branch, one in eight
 *        first.
 *
 *        A change goes from a leaf up to the root along the way that was taken
 *        down.  What a node knows changes only if what was there decided it;
 *        else it is not computed anew.
 *
 * INVARIANTS (cairn_ranges_check tests each by this number)
 *   R1   Ranges are sorted, disjoint, not empty, inside of the bounds.
 *   R2   What a node knows of a child is so.
 *   R3   Unused keys are NO_KEY; counts are between 1 and the maximum, and a
 *        root that is no leaf has at least two children.
 *   R4   The tree is not higher than a way can be long.
 *   R5   `count` and `pages` are those of all ranges.
 */
#ifndef CAIRN__SPACE_RANGES_H
#define CAIRN__SPACE_RANGES_H

#include "base/align.h"
#include "base/assert.h"
#include <cairn/ranges.h>

#define CAIRN__RANGE_NODE_BYTES 1024
#define CAIRN__RANGE_NODES      (CAIRN_FRAME_SIZE / CAIRN__RANGE_NODE_BYTES)
#define CAIRN__RANGE_LEAF       40u /* ranges of a leaf */
#define CAIRN__RANGE_INNER      20u /* children of another node */
#define CAIRN__RANGE_HEIGHT     16u /* more than any set can have */
#define CAIRN__RANGE_NO_KEY     UINT64_MAX

struct cairn__range_head {
    uint32_t count;
    union cairn__range_node *next; /* of free nodes */
    /* Of the first node in a frame, whatever it is used for: */
    union cairn__range_node *next_frame;
    uint64_t frame;
};

struct cairn__range_child {
    uint64_t end;
    uint64_t room[CAIRN__RANGE_ROOMS];
    union cairn__range_node *node;
};

union cairn__range_node {
    struct cairn__range_head head;
    struct {
        _Alignas(64) struct cairn__range_head head;
        _Alignas(64) uint64_t starts[CAIRN__RANGE_LEAF];
        uint64_t ends[CAIRN__RANGE_LEAF];
        void *values[CAIRN__RANGE_LEAF];
    } leaf;
    struct {
        _Alignas(32) struct cairn__range_head head;
        _Alignas(32) uint64_t firsts[24]; /* of which INNER are used */
        struct cairn__range_child children[CAIRN__RANGE_INNER];
    } inner;
    uint8_t bytes[CAIRN__RANGE_NODE_BYTES];
};

_Static_assert(sizeof(union cairn__range_node) == CAIRN__RANGE_NODE_BYTES,
               "four nodes in a frame");

/* ---- Keys ---------------------------------------------------------------- */

/* How many of `lines` times eight keys, sorted, are not above `page`? */
CAIRN_INLINE unsigned cairn__range_count(const uint64_t *keys, unsigned lines,
                                         uint64_t page)
{
    unsigned count = 0;
    unsigned line = 0;

#pragma GCC unroll 8
    for (unsigned i = 1; i < lines; i++)
        line += keys[i * 8] <= page;
    keys += (size_t)line * 8;
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++)
        count += keys[i] <= page;
    return line * 8 + count;
}

/* The last range of a leaf that does not begin above `page`, plus one. */
CAIRN_INLINE unsigned cairn__range_after(const union cairn__range_node *leaf,
                                         uint64_t page)
{
    return cairn__range_count(leaf->leaf.starts, CAIRN__RANGE_LEAF / 8, page);
}

/* The child that has what there may be at `page`. */
CAIRN_INLINE unsigned cairn__range_slot(const union cairn__range_node *node,
                                        uint64_t page)
{
    unsigned after = cairn__range_count(node->inner.firsts, 3, page);

    return after == 0 ? 0 : after - 1;
}

/* ---- Rooms --------------------------------------------------------------- */

/* Pages of the alignment that a room is for. */
CAIRN_INLINE uint64_t cairn__range_granule(unsigned room)
{
    return (uint64_t)1 << room * 9;
}

/* Pages from the first aligned one of [start, end) on. */
CAIRN_INLINE uint64_t cairn__range_room(uint64_t start, uint64_t end,
                                        uint64_t align)
{
    uint64_t first = cairn__align_up(start, align);

    return first < end ? end - first : 0;
}

/* The largest rooms so far, and those of [start, end). */
static inline void cairn__range_add_gap(uint64_t *rooms, uint64_t start,
                                        uint64_t end)
{
    for (unsigned i = 0; i < CAIRN__RANGE_ROOMS; i++)
        rooms[i] = cairn__max(
            rooms[i], cairn__range_room(start, end, cairn__range_granule(i)));
}

/* Pages of the largest gap of all. */
static inline uint64_t cairn__range_largest_gap(const struct cairn_ranges *set)
{
    uint64_t edges;

    if (set->root == NULL)
        return set->end - set->first;
    edges = cairn__max(set->sum.first - set->first, set->end - set->sum.end);
    return cairn__max(edges, set->sum.room[0]);
}

/* ---- Walks --------------------------------------------------------------- */

/* In pages. */
struct cairn__range_found {
    uint64_t start;
    uint64_t end;
    void *value;
};

/* The lowest range that ends above `page`.  False: there is none. */
bool cairn__range_next(const struct cairn_ranges *ranges, uint64_t page,
                       struct cairn__range_found *out);

/* A span as pages [first, end) inside of the bounds.  False: it is none. */
bool cairn__range_pages(const struct cairn_ranges *ranges,
                        struct cairn_span span, uint64_t *first, uint64_t *end);

#endif
