/*
 * cairn/ptwalk.h - the way from a root to an address, entry by entry.
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

CAIRN_END_DECLS

#endif
