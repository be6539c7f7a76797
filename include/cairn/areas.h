/*
 * cairn/areas.h - kernel virtual areas: places in the address space.
 *
 * A set of areas shares out a span of kernel addresses.  An area is a range of
 * pages with a kind, a name, and, on request, a guard page at either end that
 * is never mapped.  What is mapped in it is the business of its owner, page by
 * page, or of the area itself: then it has frames for all pages (backed), or
 * takes one for each page that is touched (lazy).
 *
 * Addresses  as in paging.h: 64 bits wide, whatever CPU this runs on.
 * Errors     With any status but CAIRN_OK nothing has changed, but that memory
 *            for the books may have been taken.
 * Context    Any but NMI and #MC, with no lock of the library held.  What maps
 *            or unmaps is a transaction of paging.h: it may wait for other
 *            CPUs.
 * Memory     A node of 1 KiB for up to 40 areas and 128 bytes each, in frames
 *            from the page table's source, until the set is destroyed.
 * Areas      A `struct cairn_area` is the set's: it can be read while the area
 *            exists, and nothing in there is written by others.
 */
#ifndef CAIRN_AREAS_H
#define CAIRN_AREAS_H

#include <cairn/frames.h>
#include <cairn/map.h>
#include <cairn/ranges.h>

CAIRN_BEGIN_DECLS

#define CAIRN_AREA_NAME_BYTES 24
#define CAIRN_AREA_GUARD      CAIRN_FRAME_SIZE /* bytes of a guard */

enum cairn_area_kind {
    CAIRN_AREA_RESERVED, /* in use before, see cairn_areas_reserve */
    CAIRN_AREA_PAGES,    /* its owner maps it */
    CAIRN_AREA_LAZY,     /* frames when they are touched */
    CAIRN_AREA_STACK,
    CAIRN_AREA_HEAP,
    CAIRN_AREA_DEVICE,
    CAIRN_AREA_KINDS
};

/* What of an area an address is. */
enum cairn_area_part {
    CAIRN_AREA_BODY,
    CAIRN_AREA_GUARD_BELOW,
    CAIRN_AREA_GUARD_ABOVE
};

struct cairn_areas;

/* An area, without its guards. */
struct cairn_area {
    struct cairn_areas *areas; /* constant */
    struct cairn_area *next;   /* [lock] of those that are not in use */
    cairn_va start;
    uint64_t bytes;
    uint64_t page_bytes;  /* size of its pages */
    size_t frame_count;   /* atomic: frames of its own */
    uint32_t guard_below; /* bytes */
    uint32_t guard_above; /* bytes */
    uint32_t generation;  /* [lock] how often this was an area */
    uint32_t fault_count; /* [lock] to rise: faults that are being answered */
    uint8_t kind;         /* enum cairn_area_kind */
    uint8_t state;        /* [lock] */
    uint8_t rights;       /* CAIRN_PAGE_* of frames of its own */
    uint8_t owner;        /* enum cairn_owner of these */
    bool has_frames;      /* of its own: freed with it */
    bool is_adopted;      /* over a range of somebody else */
    bool is_cached;       /* a stack that waits for its next use */
    char name[CAIRN_AREA_NAME_BYTES]; /* [lock] */
};

#define CAIRN__AREAS_STOCK 8

struct cairn_areas {
    struct cairn_lock lock;
    struct cairn_pagetable *table; /* constant */
    struct cairn_frames *frames;   /* constant */
    struct cairn_ranges set;       /* [lock] value: the area; NULL: reserved */
    size_t area_count;             /* [lock] in the set */
    struct cairn_area *free;       /* [lock] that freed first first */
    struct cairn_area *free_last;  /* [lock] */
    void *slabs;                   /* [lock] frames in which areas live */
    unsigned stock_count;          /* [lock] frames for nodes of the set */
    cairn_pfn stock[CAIRN__AREAS_STOCK]; /* [lock] */
};

/*
 * A set without areas.
 *
 *   areas   written whole
 *   bounds  whole pages, not empty, of the table's address space
 *   table   where areas are mapped.  Its source and release serve the books,
 *           too.
 *   frames  for areas that have their own; NULL: there are none
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_areas_init(struct cairn_areas *areas, struct cairn_span bounds,
                 struct cairn_pagetable *table, struct cairn_frames *frames);

/*
 * Give the books back; what is reserved is forgotten.
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE: there are areas.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_areas_destroy(struct cairn_areas *areas);

/*
 * These addresses are in use already (F11): no area will come to lie there.
 * Rounded outwards to pages; may overlap what is reserved.  0 bytes are
 * nothing.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: beyond the bounds; CAIRN_IN_USE: an
 *          area or its guard is there; CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE: no
 *          books.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_areas_reserve(struct cairn_areas *areas, struct cairn_span span);

/* ---- Allocate ------------------------------------------------------------ */

enum cairn_area_place {
    CAIRN_AREA_FIRST,  /* the lowest that fits in `within`, guards too */
    CAIRN_AREA_RANDOM, /* any that fits there, each as likely */
    CAIRN_AREA_HINT,   /* within.start, if that is free; else as FIRST */
    CAIRN_AREA_FIXED   /* within.start */
};

#define CAIRN_AREA_WITH_GUARD_BELOW 0x1u
#define CAIRN_AREA_WITH_GUARD_ABOVE 0x2u
#define CAIRN_AREA_WITH_GUARDS      0x3u

/* What an area is to be; a field that is 0 takes what is said here. */
struct cairn_area_request {
    uint64_t bytes;           /* multiple of page_bytes, not 0 */
    uint64_t page_bytes;      /* a power of two; 0: 4 KiB */
    uint64_t align;           /* of the first byte; a power of two, at least
                            page_bytes; 0: page_bytes.  Above 4 KiB and with a
                            guard below, FIRST and RANDOM look for so much room
                            below. */
    struct cairn_span within; /* bytes 0: from its start to the end */
    enum cairn_area_place place;
    uint64_t (*draw)(void *context); /* RANDOM: returns 64 random bits.  Called
                                        with a lock held: it must not call
                                        the library. */
    void *context;                   /* for draw */
    enum cairn_area_kind kind;       /* not RESERVED */
    unsigned flags;                  /* CAIRN_AREA_WITH_* */
    unsigned rights;                 /* CAIRN_PAGE_* of frames of its own */
    enum cairn_owner owner;          /* of these; BOOT counts as KERNEL */
    const char *name;                /* copied, cut to what is printed */
};

/*
 * Allocate an area.  Nothing is mapped in there.
 *
 *   out  the area; written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT, also: no pages, more than there are
 *          addresses; CAIRN_IN_USE: FIXED, and something is there;
 *          CAIRN_NO_SPACE: it fits nowhere; CAIRN_NO_MEMORY,
 *          CAIRN_NOT_REACHABLE: no books.
 * Cost     that of cairn_ranges_first_fit or _random_fit and one insertion,
 *          interrupts off.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_area_alloc(struct cairn_areas *areas,
                 const struct cairn_area_request *request,
                 struct cairn_area **out);

/*
 * The lowest `count` pages of that size for the caller to map (F12).
 *
 * Returns  as cairn_area_alloc.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_area_alloc_pages(struct cairn_areas *areas, uint64_t count,
                       uint64_t page_bytes, const char *name,
                       struct cairn_area **out);

/*
 * How much RANDOM would make unpredictable: the logarithm to base 2 of the
 * number of places, in whole bits, rounded down; 0 also if there are none.
 *
 * Cost  the number of areas, interrupts off.
 */
unsigned cairn_area_entropy_bits(struct cairn_areas *areas,
                                 const struct cairn_area_request *request);

/*
 * A handle over pages that are reserved (F13), for cairn_area_map and
 * cairn_area_free.  The set does not change until that is freed.
 *
 *   span  whole pages of that size
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NOT_FOUND: some of it is free;
 *          CAIRN_IN_USE: some of it is another area; CAIRN_NO_MEMORY,
 *          CAIRN_NOT_REACHABLE: no books.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_area_adopt(struct cairn_areas *areas,
                                                    struct cairn_span span,
                                                    uint64_t page_bytes,
                                                    const char *name,
                                                    struct cairn_area **out);

/*
 * Give a handle of cairn_area_adopt back: what it is over stays as it is.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: it is none.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_area_forget(struct cairn_area *area);

/*
 * Unmap all pages, on all CPUs, and free the area (F15): its frames, and then
 * its addresses.  An adopted range is free then, too.
 *
 *   removed  told of what was mapped, once no CPU can reach it, as by
 *            cairn_unmap_range; not of frames of its own.  May be NULL.
 *
 * Returns  CAIRN_OK; CAIRN_DOUBLE_FREE: it is no area any more; CAIRN_IN_USE: a
 *          fault in there is being answered; adopted: CAIRN_NOT_FOUND, the
 *          range is no longer reserved, CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE.
 *          If the latter two come because it has a part of a large page, which
 *          must be split, what is below is unmapped: free it again.
 * Cost     a transaction for each table of level 1 in which something is
 *          mapped, and a look for each larger hole.
 */
enum cairn_status cairn_area_free(
    struct cairn_area *area,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context);

/*
 * The same for the area that is at `start` and has `bytes` (F18).
 *
 * Returns  also CAIRN_NOT_FOUND: no area there, or its guard;
 *          CAIRN_NOT_FIRST: inside of one; CAIRN_WRONG_SIZE.
 */
enum cairn_status cairn_areas_free(struct cairn_areas *areas, cairn_va start,
                                   uint64_t bytes);

/* ---- What is mapped ------------------------------------------------------ */

/* Where page `index` of the area begins; it need not have so many. */
static inline cairn_va cairn_area_page(const struct cairn_area *area,
                                       uint64_t index)
{
    return cairn_va_make(area->start.value + index * area->page_bytes);
}

/*
 * Map page `index` of an area that has no frames of its own (F14).  A page
 * outside of the area panics.
 *
 *   frame  aligned to the area's pages
 *
 * Returns  as cairn_map_large; CAIRN_BAD_ARGUMENT also: lazy, or backed.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_area_map(struct cairn_area *area, uint64_t index, cairn_pfn frame,
               const struct cairn_page_policy *policy);

/*
 * Unmap page `index` of such an area; a page outside of it panics.
 *
 * Returns  as cairn_unmap_page.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_area_unmap(struct cairn_area *area, uint64_t index,
                 struct cairn_mapping *removed);

/*
 * Frames for all pages now, with the rights and the owner that were asked for.
 * They are freed with the area.
 *
 *   flags  CAIRN_FRAME_*
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: lazy, adopted, backed already, its
 *          pages are larger than 4 KiB, there are no frames at all;
 *          CAIRN_IN_USE: something is mapped in there; CAIRN_NO_MEMORY,
 *          CAIRN_NOT_REACHABLE: no frames, or no tables.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_area_back(struct cairn_area *area,
                                                   unsigned flags);

/*
 * Answer a page fault in a lazy area (F21): a zeroed frame for the page, unless
 * another CPU has been quicker.
 *
 *   va      any byte
 *   access  what was tried: of CAIRN_PAGE_WRITE, _EXEC, _USER
 *
 * Returns  CAIRN_OK: try again; CAIRN_NOT_FOUND: no page of a lazy area;
 *          CAIRN_BAD_ARGUMENT: its rights do not allow that; CAIRN_IN_USE: the
 *          code that faulted holds a lock of the library, or has a cursor on
 *          a table that leads there; CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE.
 * Context  of the fault, but not NMI and #MC.
 * Cost     a look-up, a zeroed frame, a transaction.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_area_fault(struct cairn_areas *areas, cairn_va va, unsigned access);

/* ---- Questions ----------------------------------------------------------- */

/* An area as it is at the moment. */
struct cairn_area_info {
    cairn_va start; /* of its body, as the next */
    uint64_t bytes;
    uint64_t guard_below; /* bytes */
    uint64_t guard_above; /* bytes */
    size_t frame_count;   /* frames of its own */
    enum cairn_area_kind kind;
    enum cairn_area_part part; /* of the address that was asked for */
    struct cairn_area *area;   /* NULL: reserved */
    bool is_freed;             /* it was: see cairn_areas_peek */
    char name[CAIRN_AREA_NAME_BYTES];
};

/* What is at this address.  False: nothing. */
bool cairn_areas_find(struct cairn_areas *areas, cairn_va at,
                      struct cairn_area_info *out);

/*
 * What is at this address, or, if that is free, the last area that was there,
 * while it is remembered: some tens of those that were freed last are.  Never
 * waits: for reports of faults.
 *
 * Returns  CAIRN_OK; CAIRN_NOT_FOUND; CAIRN_IN_USE: not known, since this CPU
 *          or another changes the set at this moment.
 * Context  any, NMI and #MC too, whatever locks are held.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_areas_peek(struct cairn_areas *areas, cairn_va at,
                 struct cairn_area_info *out);

/*
 * The lowest area or reserved range that ends, guards included, above `at`.
 * False: there is none.  To go on, ask for start + bytes + guard_above, unless
 * that wraps.
 */
bool cairn_areas_next(struct cairn_areas *areas, cairn_va at,
                      struct cairn_area_info *out);

struct cairn_areas_stats {
    size_t areas;
    size_t reserved_ranges;
    uint64_t used_bytes; /* of areas with their guards, and of those ranges */
    uint64_t free_bytes;
    uint64_t largest_gap_bytes;
};

void cairn_areas_stats(struct cairn_areas *areas,
                       struct cairn_areas_stats *out);

/*
 * Returns  0, or the number of an invariant that is broken (space/areas.h).
 * Context  nobody else uses the set.
 */
unsigned cairn_areas_check(struct cairn_areas *areas);

CAIRN_END_DECLS

#endif
