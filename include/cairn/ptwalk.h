/*
 * cairn/ptwalk.h - the way from a root to an address, entry by entry, and the
 * walk over all that a root maps.
 *
 * Reads the tables that a CPU would read, whoever has built them: they need not
 * belong to a struct cairn_pagetable.  For monitors, and for panics: nothing is
 * locked and nothing written.
 *
 * Assumes   what a CPU has that Cairn sets up: NX, PSE and PSE-36 on, the PAT
 *           as CAIRN_PAGING_PAT.  Of reserved bits, only PS where there are no
 *           such pages ends the way.
 * Context   any.  If tables change meanwhile, each entry is what it was at some
 *           moment of the call; if they are given back, it may be anything.
 */
#ifndef CAIRN_PTWALK_H
#define CAIRN_PTWALK_H

#include <cairn/paging.h>

CAIRN_BEGIN_DECLS

/* The most levels that a paging mode has. */
#define CAIRN_PTWALK_STEPS 5

/* One entry on the way. */
struct cairn_ptwalk_step {
    unsigned level; /* of its table; 1: entries of 4 KiB pages */
    unsigned index; /* of the entry in its table */
    cairn_phys entry_at;
    uint64_t entry;
    bool is_leaf; /* it maps a page */
};

/*
 * The entries on the way to `va`, from the root down to the page, or to where
 * the way ends.
 *
 *   root   physical address of the root, or what CR3 has: flags are ignored
 *   steps  as many as are returned are written
 *   out    what `va` is, to the end of its page or of the last entry.
 *          Writable, user and executable only if all levels say so.  Not
 *          mapped, too, if cairn_platform_phys_to_virt does not reach a table.
 *
 * Returns  how many steps; 0: no address of the mode, or the root cannot be
 *          reached.
 */
unsigned cairn_ptwalk(enum cairn_paging_mode mode, cairn_phys root, cairn_va va,
                      struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS],
                      struct cairn_mapping *out);

/* How the manuals call the tables of that level: "PML5" .. "PT"; or "?". */
const char *cairn_ptwalk_level_name(unsigned level);

/*
 * The flags of an entry as text: "P|RW|US|WT|CD|A|D|G|PS|PAT|NX", those that
 * are set and mean something there; "-" if it is not present.
 *
 *   text  at least CAIRN_ENTRY_TEXT_BYTES
 */
#define CAIRN_ENTRY_TEXT_BYTES 40
const char *cairn_entry_text(uint64_t entry, unsigned level, bool is_leaf,
                             char *text);

/* ---- All that is mapped -------------------------------------------------- */

/* Join pages that go on, virtually and physically, and are alike in rights and
 * cache policy and size. */
#define CAIRN_PTWALK_JOIN 0x1u
/* With _JOIN: pages of different sizes too. */
#define CAIRN_PTWALK_JOIN_SIZES 0x2u

/* Entries that a scan reads at most: those of 32768 full tables. */
#define CAIRN_PTWALK_ENTRIES ((uint64_t)1 << 24)

/* What a scan finds. */
struct cairn_ptwalk_stretch {
    /*
     * Joined: accessed and dirty if one page is; with CAIRN_PTWALK_JOIN_SIZES,
     * `page_bytes` is the sum of the sizes that there are.  A table that is not
     * followed: not mapped, and what its entry covers.
     */
    struct cairn_mapping mapping;
    unsigned user_levels; /* bit l: US is set in an entry of level l */
    cairn_phys table;     /* that is not followed */
};

/*
 * A walk from lower to higher addresses.  It remembers the tables on its way:
 * nothing is allocated, and nothing has to be ended.
 */
struct cairn_ptwalk_scan {
    uint64_t entries_left; /* may be set after begin */
    /* Private: */
    const struct cairn__paging_format *format;
    uint64_t at;    /* the next address */
    unsigned level; /* of the table to look into; 0: at the end */
    unsigned flags;
    struct {
        uint64_t table;
        uint64_t granted;                /* by the entries on the way to it */
        unsigned user_levels;            /* of them */
    } way[CAIRN_PTWALK_STEPS + 1];       /* by level */
    struct cairn_ptwalk_stretch pending; /* found already, not joined */
    enum cairn_status pending_status;
    bool has_pending;
};

/*
 * Begin a walk over what `root` maps at `from` and above.
 *
 *   root   as for cairn_ptwalk
 *   from   if it is no address of the mode, the next one that is
 *   flags  any of CAIRN_PTWALK_JOIN*
 */
void cairn_ptwalk_begin(struct cairn_ptwalk_scan *scan,
                        enum cairn_paging_mode mode, cairn_phys root,
                        cairn_va from, unsigned flags);

/*
 * The next mapping, or the next table that hides some.  What is mapped around
 * `from` begins there.
 *
 *   out  written in any case
 *
 * Returns  CAIRN_OK: a mapping;
 *          CAIRN_NOT_REACHABLE: a table that cairn_platform_phys_to_virt does
 *          not reach, CAIRN_IN_USE: one that is on the way to itself; call
 *          again for what comes behind it;
 *          CAIRN_NOT_FOUND: nothing more;
 *          CAIRN_NO_SPACE: `entries_left` have been read, and nothing more
 *          will be: so the walk ends on any tables.
 * Cost     a load for each entry of the tables that it goes through; holes are
 *          passed by the highest entry that says so.
 */
enum cairn_status cairn_ptwalk_next(struct cairn_ptwalk_scan *scan,
                                    struct cairn_ptwalk_stretch *out);

CAIRN_END_DECLS

#endif
