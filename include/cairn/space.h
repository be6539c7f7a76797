/*
 * cairn/space.h - address spaces: that of the kernel, and one for each process.
 *
 * A space is a page table and the set of what is in use of its addresses.  The
 * kernel's is made first: it puts a table into every slot of the root that the
 * kernel's half has, for good.  Later spaces have these same tables, so what
 * the kernel maps, then or afterwards, is in all of them, and what a process
 * maps is in its own only (F20).
 *
 * Context  as for areas (areas.h).  One that is made or destroyed is nobody
 *          else's.
 * Memory   The kernel's: two frames for each slot of its half that had no
 *          table, 2 MiB on x86_64.  A process's: what its root takes.
 */
#ifndef CAIRN_SPACE_H
#define CAIRN_SPACE_H

#include <cairn/areas.h>

CAIRN_BEGIN_DECLS

/*
 * A space (F16).  Its table and areas refer to it: it must not be moved.  With
 * its table, all of paging.h and map.h works; with its areas, areas.h.
 */
struct cairn_space {
    struct cairn_pagetable *table; /* constant */
    struct cairn_areas areas;      /* what is in use, of its half */
    uint64_t window_base;          /* constant: where physical 0 is (hhdm) */
    struct cairn_space *kernel;    /* constant; NULL: this is the kernel's */
    struct cairn_span half;        /* constant: the kernel's, which all share */
    struct cairn_span user;        /* constant: where processes have areas */
    struct cairn_pagetable own;    /* the table, unless this is the kernel's */
};

/* What every CPU loads to be in a space: CR3 is `root` with `flags`. */
struct cairn_space_root {
    cairn_phys root;
    uint64_t flags; /* PWT and PCD of the root: none, it is ordinary memory */
};

struct cairn_space_config {
    /*
     * The kernel's page table, with all that it needs mapped; in use or not.
     * Its source and release serve all spaces.
     */
    struct cairn_pagetable *table;
    struct cairn_frames *frames; /* for areas that have their own; or NULL */
    struct cairn_span half;      /* the kernel's: whole slots of the root, from
                               user_end of the table on */
    struct cairn_span user;      /* below user_end; from 4 KiB on, null pointers
                               fault */
    const struct cairn_span *used; /* of the half, when it begins (F11) */
    size_t used_count;
    uint64_t window_base; /* of the window over physical memory */
};

/*
 * Make the kernel's space.
 *
 *   out  what CPUs load; written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: the half is not whole slots, or begins
 *          below user_end, or bounds are none; CAIRN_IN_USE: a large page is in
 *          a slot (32-bit: make the space first); CAIRN_NO_MEMORY,
 *          CAIRN_NOT_REACHABLE.  Then nothing is left but tables in slots of
 *          the page table, which it keeps for the next try.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_space_init(struct cairn_space *space,
                 const struct cairn_space_config *config,
                 struct cairn_space_root *out);

/*
 * Make a space for a process: the kernel's half is there, and nothing else.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: `kernel` is not the kernel's;
 *          CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE: nothing is left.
 * Cost     a root, and a store for each slot of the kernel's half.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_space_create(struct cairn_space *space, struct cairn_space *kernel);

/*
 * Give everything back: areas with their frames, tables, books.  What was
 * mapped outside of areas is forgotten.
 *
 *   removed  told of what the owners of areas have mapped there, as by
 *            cairn_area_free; may be NULL
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE: a CPU has it loaded, or a fault is being
 *          answered, or, the kernel's: there are other spaces, or areas.  Call
 *          it again then.  After a fault, areas below that one are gone.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_space_destroy(
    struct cairn_space *space,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context);

/*
 * What a CPU may load when it starts; it calls cairn_space_activate before it
 * counts on being told of flushes.
 */
struct cairn_space_root cairn_space_root(const struct cairn_space *space);

/* This CPU is in that space from now on: cairn_pagetable_activate. */
void cairn_space_activate(struct cairn_space *space);

CAIRN_END_DECLS

#endif
