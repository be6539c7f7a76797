/*
 * cairn/map.h - one call for one change of a page table.
 *
 * Each function here is one transaction of cairn/paging.h: it is done whole or,
 * with any status but CAIRN_OK, not at all.  When it returns, no CPU uses what
 * was there before.
 *
 * Ranges   of length 0 are nothing, and CAIRN_OK.
 * Context  as for cursors.  Interrupts are off meanwhile: mapping takes about a
 *          microsecond for a thousand pages.
 */
#ifndef CAIRN_MAP_H
#define CAIRN_MAP_H

#include <cairn/paging.h>

CAIRN_BEGIN_DECLS

/*
 * What map functions return.
 *
 *   CAIRN_OK             done
 *   CAIRN_IN_USE         something is mapped there (CAIRN_EXISTING_FAIL; with
 *                        CAIRN_EXISTING_PANIC they panic instead)
 *   CAIRN_BAD_ARGUMENT   misaligned, not canonical, beyond physical memory,
 *                        rights that are forbidden
 *   CAIRN_NO_MEMORY      no frames for tables
 *   CAIRN_NOT_REACHABLE  frames for tables that nobody can write
 */

/* One page of 4 KiB. */
CAIRN_MUST_CHECK enum cairn_status
cairn_map_page(struct cairn_pagetable *table, cairn_va va, cairn_phys phys,
               const struct cairn_page_policy *policy);

/*
 * One large page, of exactly that size: 2 MiB, 1 GiB, or 4 MiB.  Where the CPU
 * has no pages of 1 GiB, in pages of 2 MiB.  Both addresses are aligned to
 * `page_bytes`; policy->page_limit is not looked at.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_map_large(struct cairn_pagetable *table, cairn_va va, cairn_phys phys,
                uint64_t page_bytes, const struct cairn_page_policy *policy);

/*
 * Contiguous memory, in the largest pages that fit: small ones up to where both
 * addresses are aligned to a large page, large ones, small ones for the rest.
 * If they are never aligned together, small ones only.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_map_range(struct cairn_pagetable *table, cairn_va va,
                struct cairn_phys_range phys,
                const struct cairn_page_policy *policy);

/* Single frames, in order. */
CAIRN_MUST_CHECK enum cairn_status
cairn_map_frames(struct cairn_pagetable *table, cairn_va va,
                 const cairn_pfn *frames, size_t count,
                 const struct cairn_page_policy *policy);

/* Each page at the address that is its physical one. */
CAIRN_MUST_CHECK enum cairn_status
cairn_map_identity(struct cairn_pagetable *table, struct cairn_phys_range phys,
                   const struct cairn_page_policy *policy);

/*
 * Unmap the page that has this address, whatever its size.
 *
 *   removed  what it was; may be NULL
 *
 * Returns  CAIRN_OK; CAIRN_NOT_FOUND: nothing is mapped there;
 *          CAIRN_BAD_ARGUMENT: no address of the format.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_unmap_page(struct cairn_pagetable *table, cairn_va va,
                 struct cairn_mapping *removed);

/*
 * Unmap whole pages, mapped or not.  Large ones of which a part remains are
 * split.  `removed` is told of what was there (see struct cairn_cursor); may be
 * NULL.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_MEMORY, to split, see
 *          cairn_cursor_begin.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_unmap_range(
    struct cairn_pagetable *table, cairn_va va, uint64_t bytes,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context);

/*
 * Other rights for what is mapped there.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_MEMORY, to split, see
 *          cairn_cursor_begin.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_protect_range(struct cairn_pagetable *table, cairn_va va, uint64_t bytes,
                    unsigned rights);

/* ---- Questions ----------------------------------------------------------- */

/*
 * What the page or the hole at this address is, to its end.
 *
 * Returns  true and `out`; false: no address of the format.
 */
bool cairn_map_look(struct cairn_pagetable *table, cairn_va va,
                    struct cairn_mapping *out);

bool cairn_is_mapped(const struct cairn_pagetable *table, cairn_va va);

/*
 * Is every byte of [va, va + bytes) mapped with all of these rights, and to
 * ordinary pages or large ones?  True for 0 bytes.  Nothing need be aligned.
 */
bool cairn_range_has_rights(struct cairn_pagetable *table, cairn_va va,
                            uint64_t bytes, unsigned rights);

/*
 * How many pages of `page_bytes` have a byte of [va, va + bytes); 0: of any
 * size.  So one learns what a range took: map functions return only how it
 * went, as most callers want no more.  Nothing need be aligned.
 */
uint64_t cairn_range_page_count(struct cairn_pagetable *table, cairn_va va,
                                uint64_t bytes, uint64_t page_bytes);

/*
 * What a mapping is as a short text, with those that are so of
 * "P|RW|US|WT|WC|UC-|UC|A|D|G|PS|NX"; "-": nothing is mapped.
 *
 *   text  at least CAIRN_RIGHTS_TEXT_BYTES
 */
#define CAIRN_RIGHTS_TEXT_BYTES 32
const char *cairn_mapping_text(const struct cairn_mapping *mapping, char *text);

CAIRN_END_DECLS

#endif
