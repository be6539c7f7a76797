/*
 * cairn/layout.h - what lies where in a kernel's half of the addresses.
 *
 * A layout is a list of named ranges: image, window, heap, ...  It is made
 * before anything is mapped, refuses what does not fit together, chooses places
 * at random for those ranges that may slide, and then only answers.  It maps
 * nothing.
 *
 * Ranges      do not overlap, unless one is declared to be inside of the other:
 *             the image inside of the kernel's half, say.
 * Slides      A range with a slide may lie anywhere in that span.  It takes
 *             along what is inside of it.
 * Addresses   as in paging.h: 64 bits wide, whatever CPU this runs on.  A range
 *             may end where addresses do.
 * Locking     The caller's; a layout that no longer changes needs none.
 * Memory      In the object, which must stay where it is.
 */
#ifndef CAIRN_LAYOUT_H
#define CAIRN_LAYOUT_H

#include <cairn/paging.h>
#include <cairn/ranges.h>

CAIRN_BEGIN_DECLS

#define CAIRN_LAYOUT_MAX 32

/* A range that is asked for; zero in a field is what most want. */
struct cairn_layout_request {
    const char *name;   /* stays valid; not in the layout yet */
    const char *inside; /* a range that is in the layout; NULL: none */
    struct cairn_span span;
    uint64_t align;          /* a power of two; below 4 KiB counts as that */
    struct cairn_span slide; /* contains `span`; 0 bytes: it stays there */
    uint64_t places; /* others have chosen `span`, out of so many; 0: it is
                        fixed.  For ranges without a slide */
};

struct cairn_layout_range {
    const char *name;
    const struct cairn_layout_range *outer; /* it is inside of that; or NULL */
    struct cairn_span span;
    cairn_va home;           /* where it begins if nothing slides */
    uint64_t align;          /* at least 4 KiB */
    struct cairn_span slide; /* 0 bytes: none */
    uint64_t places;         /* it was drawn from so many; 1: it was not */
    bool is_placed;          /* private */
};

struct cairn_layout {
    enum cairn_paging_mode mode;
    size_t count;
    struct cairn_layout_range ranges[CAIRN_LAYOUT_MAX]; /* as they were added */
};

/*
 * An empty layout for addresses of that mode.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: there is no such mode.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_layout_init(struct cairn_layout *layout, enum cairn_paging_mode mode);

/*
 * Add a range.
 *
 *   met  the range that is in the way is stored there, else NULL, whatever the
 *        call returns; may be NULL itself
 *
 * Returns  CAIRN_OK;
 *          CAIRN_IN_USE: it overlaps `met`, now or if nothing slides, or sticks
 *          out of `met`, inside of which it is to be, or that has its name;
 *          CAIRN_NOT_FOUND: nothing is called `inside`;
 *          CAIRN_BAD_ARGUMENT: empty, not aligned, not whole pages, beyond the
 *          end of addresses, or not canonical; or the slide is, or does not
 *          contain the range, or what it is inside of has a slide, too; or
 *          there are both a slide and `places`;
 *          CAIRN_NO_SPACE: CAIRN_LAYOUT_MAX are there.
 * Cost     linear in the ranges, as all calls here but randomise.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_layout_add(struct cairn_layout *layout,
                 const struct cairn_layout_request *request,
                 const struct cairn_layout_range **met);

/*
 * Add `count` ranges, in this order.
 *
 *   failed  the number of the one that was refused; may be NULL
 *
 * Returns  as cairn_layout_add.  Those before stay.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_layout_add_all(struct cairn_layout *layout,
                     const struct cairn_layout_request *requests, size_t count,
                     size_t *failed, const struct cairn_layout_range **met);

/*
 * Choose a place for each range that has a slide: the largest first, each of
 * the aligned places in its slide that are free then as likely as any other.
 *
 *   draw  returns 64 random bits: cairn_entropy_draw, say.  NULL: all ranges go
 *         where they were at first ("nokaslr")
 *
 * Returns  CAIRN_OK; CAIRN_NO_SPACE: one found no place, nothing has changed.
 * Context  before anything is mapped there.
 * Cost     cubic in the ranges; two draws a slide on average.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_layout_randomise(struct cairn_layout *layout,
                       uint64_t (*draw)(void *context), void *context);

/* ---- Look ---------------------------------------------------------------- */

/* The range of that name, or NULL. */
const struct cairn_layout_range *
cairn_layout_find(const struct cairn_layout *layout, const char *name);

/* The innermost range that has this address, or NULL. */
const struct cairn_layout_range *
cairn_layout_at(const struct cairn_layout *layout, cairn_va at);

/*
 * The range that follows in the order of addresses, and what is inside of a
 * range behind it; NULL: the first.  NULL at the end.
 */
const struct cairn_layout_range *
cairn_layout_next(const struct cairn_layout *layout,
                  const struct cairn_layout_range *range);

/* How many ranges it is inside of. */
unsigned cairn_layout_depth(const struct cairn_layout_range *range);

/*
 * How hard its place is to guess, in hundredths of a bit, rounded down: the
 * logarithm to base 2 of `places`.  Less, if what was drawn can be guessed.
 * What is inside of a range that slides has none of its own.
 */
unsigned cairn_layout_entropy(const struct cairn_layout_range *range);

/* ---- Check --------------------------------------------------------------- */

/* Returns  0, or the number of an invariant that is broken (space/layout.c). */
unsigned cairn_layout_check(const struct cairn_layout *layout);

CAIRN_END_DECLS

#endif
