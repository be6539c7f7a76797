/*
 * cairn/ranges.h - an ordered set of address ranges, and room between them.
 *
 * A set has bounds, and in them ranges of whole pages that do not overlap, each
 * with a value of the caller's.  What is not in a range is a gap.  Finding,
 * inserting, removing and the lowest gap that is large enough take time that
 * grows with the logarithm of the number of ranges.
 *
 * Addresses  as in paging.h: 64 bits wide, whatever CPU this runs on.  A range
 *            may end where addresses do.
 * Locking    The caller's.
 * Memory     1 KiB for up to 40 ranges, in frames from a source.
 * Source     R. Bayer, E. McCreight, "Organization and Maintenance of Large
 *            Ordered Indices" (1972); gaps as in interval trees, T. Cormen et
 *            al., "Introduction to Algorithms", chapter "Augmenting Data
 *            Structures".
 */
#ifndef CAIRN_RANGES_H
#define CAIRN_RANGES_H

#include <cairn/paging.h>
#include <cairn/source.h>

CAIRN_BEGIN_DECLS

/* A range of a set. */
struct cairn_range {
    cairn_va start;
    uint64_t bytes;
    void *value;
};

/* A range that was asked for, or a gap. */
struct cairn_span {
    cairn_va start;
    uint64_t bytes;
};

static inline struct cairn_span cairn_span_make(uint64_t start, uint64_t bytes)
{
    struct cairn_span span = {{start}, bytes};
    return span;
}

union cairn__range_node; /* private */

#define CAIRN__RANGE_ROOMS 3

/* What is known of all ranges below a node, in pages. */
struct cairn__range_sum {
    uint64_t first;                    /* where the first begins */
    uint64_t end;                      /* where the last ends */
    uint64_t room[CAIRN__RANGE_ROOMS]; /* see space/ranges.h */
};

struct cairn_ranges {
    struct cairn_source source;
    void (*release)(void *context, cairn_pfn frame);
    uint64_t first; /* the bounds, in pages */
    uint64_t end;
    union cairn__range_node *root; /* NULL: nothing is in there */
    struct cairn__range_sum sum;   /* of the root */
    unsigned height;               /* levels above leaves */
    size_t count;                  /* ranges */
    uint64_t pages;                /* in all ranges */
    union cairn__range_node *free; /* nodes that are not in use */
    size_t free_count;
    union cairn__range_node *frames; /* linked through their first nodes */
};

/*
 * An empty set.
 *
 *   bounds  whole pages, not empty, below or up to the end of addresses
 *   source  frames, each reachable through cairn_platform_phys_to_virt for good
 *   release takes them back, with the source's context; may be NULL
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_ranges_init(struct cairn_ranges *ranges, struct cairn_span bounds,
                  struct cairn_source source,
                  void (*release)(void *context, cairn_pfn frame));

/* Give all memory back; the set is empty, and can be used again. */
void cairn_ranges_destroy(struct cairn_ranges *ranges);

/* ---- Change -------------------------------------------------------------- */

/*
 * Put a range in.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: not whole pages inside of the bounds;
 *          CAIRN_IN_USE: it overlaps one that is there; CAIRN_NO_MEMORY,
 *          CAIRN_NOT_REACHABLE: no node.  Then nothing has changed.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_ranges_insert(struct cairn_ranges *ranges, struct cairn_span span,
                    void *value);

/*
 * Put a range in, and make it one with all that overlap or touch it (F11), and
 * those that touch what comes out.  The result has this value.
 *
 * Returns  as cairn_ranges_insert, but never CAIRN_IN_USE.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_ranges_unite(struct cairn_ranges *ranges, struct cairn_span span,
                   void *value);

/*
 * Take everything out that is in the span: ranges go, become shorter, or become
 * two with the same value (F11).
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE:
 *          one must become two, and there is no node.  Nothing has changed
 *          then.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_ranges_cut(struct cairn_ranges *ranges,
                                                    struct cairn_span span);

/*
 * Take the range out that begins there.
 *
 * Returns  CAIRN_OK; CAIRN_NOT_FOUND.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_ranges_remove(struct cairn_ranges *ranges, cairn_va start);

/* ---- Look ---------------------------------------------------------------- */

/* The range that has this address.  False: it is in a gap. */
bool cairn_ranges_find(const struct cairn_ranges *ranges, cairn_va at,
                       struct cairn_range *out);

/* The lowest range that ends above `at`.  False: there is none. */
bool cairn_ranges_next(const struct cairn_ranges *ranges, cairn_va at,
                       struct cairn_range *out);

/* The lowest gap that ends above `at`, all of it.  False: there is none. */
bool cairn_ranges_next_gap(const struct cairn_ranges *ranges, cairn_va at,
                           struct cairn_span *out);

/* ---- Room ---------------------------------------------------------------- */

/* What is to be placed, and where. */
struct cairn_fit {
    struct cairn_span within; /* whole pages; bytes 0: anywhere in the bounds */
    uint64_t bytes;           /* whole pages, not 0 */
    uint64_t align;           /* a power of two; below 4 KiB counts as that */
};

/*
 * The lowest address at which it fits between the ranges.
 *
 * Returns  CAIRN_OK and `out`; CAIRN_BAD_ARGUMENT; CAIRN_NO_SPACE.
 * Cost     the logarithm for alignments of 4 KiB, 2 MiB and 1 GiB; with others,
 *          gaps that are large enough but lie badly are looked at one by one.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_ranges_first_fit(const struct cairn_ranges *ranges,
                       const struct cairn_fit *fit, cairn_va *out);

/*
 * One of all addresses at which it fits, each as likely as any other.
 *
 *   draw  returns 64 random bits
 *
 * Returns  as cairn_ranges_first_fit.
 * Cost     a few draws where much is free; else the number of ranges.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_ranges_random_fit(
    const struct cairn_ranges *ranges, const struct cairn_fit *fit,
    uint64_t (*draw)(void *context), void *context, cairn_va *out);

/*
 * At how many addresses does it fit?  The logarithm to base 2 is the entropy of
 * cairn_ranges_random_fit, in bits.  0 also for what that refuses.
 *
 * Cost     the number of ranges.
 */
uint64_t cairn_ranges_count_fits(const struct cairn_ranges *ranges,
                                 const struct cairn_fit *fit);

/* ---- Numbers ------------------------------------------------------------- */

struct cairn_ranges_stats {
    size_t ranges;
    uint64_t used_bytes;
    uint64_t free_bytes;
    uint64_t largest_gap_bytes;
    unsigned levels;   /* of the tree; 0: it is empty */
    size_t nodes;      /* of the tree, 1 KiB each */
    size_t free_nodes; /* in frames that it has, too */
};

/* Cost  a look at each node that has nodes below. */
void cairn_ranges_stats(const struct cairn_ranges *ranges,
                        struct cairn_ranges_stats *out);

/* ---- Check --------------------------------------------------------------- */

/* Returns  0, or the number of an invariant that is broken (space/ranges.h). */
unsigned cairn_ranges_check(const struct cairn_ranges *ranges);

CAIRN_END_DECLS

#endif
