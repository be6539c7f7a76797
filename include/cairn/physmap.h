/*
 * cairn/physmap.h - making physical memory reachable: the window's mappings,
 * and single regions on demand.
 */
#ifndef CAIRN_PHYSMAP_H
#define CAIRN_PHYSMAP_H

#include <cairn/map.h>
#include <cairn/memmap.h>

CAIRN_BEGIN_DECLS

/* ---- The window, all of it ----------------------------------------------- */

/* What a window maps. */
struct cairn_physmap_policy {
    cairn_memory_kinds kinds; /* all memory of these kinds, */
    uint64_t least;           /* [0, least), whatever is there: whole pages, */
    bool is_solid;            /* and all gaps between */
    uint64_t page_limit;      /* in no larger pages; 0: as the CPU has them */
};

#define CAIRN_PHYSMAP_BROAD_LEAST CAIRN_GIB
#define CAIRN_PHYSMAP_LEAN_LEAST  (64 * CAIRN_MIB)

/*
 * Broad: one alias of [0, end of that memory), at least 1 GiB.  For kernels
 * that reach what the firmware has left anywhere, without asking the map.
 * Devices in the gaps are mapped as ordinary memory: only MTRRs keep them
 * uncached.
 */
static inline struct cairn_physmap_policy
cairn_physmap_broad(cairn_memory_kinds kinds)
{
    struct cairn_physmap_policy policy = {kinds, CAIRN_PHYSMAP_BROAD_LEAST,
                                          true, 0};
    return policy;
}

/*
 * Lean: that memory, region by region, and the first 64 MiB.  What the boot
 * loader has left, like its memory map, is there if `kinds` has
 * CAIRN_MEMORY_LOADER; else map it as a region (see below).
 */
static inline struct cairn_physmap_policy
cairn_physmap_lean(cairn_memory_kinds kinds)
{
    struct cairn_physmap_policy policy = {kinds, CAIRN_PHYSMAP_LEAN_LEAST,
                                          false, 0};
    return policy;
}

/*
 * Map that memory at base + its physical address, readable, writable, never
 * executable, in the largest pages that fit.  Neighbours of different kinds
 * share large pages; what the policy does not name is not mapped.
 *
 *   map   finished
 *   base  aligned to the largest pages, or they will be smaller
 *
 * Returns  as cairn_map_range.  On failure, what was mapped already stays:
 *          destroy the page table.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_physmap_window(struct cairn_pagetable *table,
                     const struct cairn_memmap *map, cairn_va base,
                     const struct cairn_physmap_policy *policy);

/* Where such a window ends: the limit for cairn_window_activate. */
uint64_t cairn_physmap_window_bytes(const struct cairn_memmap *map,
                                    const struct cairn_physmap_policy *policy);

/* ---- Regions on demand --------------------------------------------------- */

#define CAIRN_PHYSMAP_REGIONS 64

/*
 * A range of virtual addresses in which devices' registers, ACPI tables and
 * other memory that no window covers are mapped for a while.
 *
 * Locking  The caller's; one call at a time.
 */
struct cairn_physmap {
    struct cairn_pagetable *table;
    cairn_va start;
    uint64_t bytes;
    size_t count; /* of `regions`, sorted by address, disjoint */
    struct {
        uint64_t start;
        uint64_t end;
    } regions[CAIRN_PHYSMAP_REGIONS];
};

/* Use [start, start + bytes), whole pages, for that.  CAIRN_BAD_ARGUMENT. */
CAIRN_MUST_CHECK enum cairn_status
cairn_physmap_init(struct cairn_physmap *physmap, struct cairn_pagetable *table,
                   cairn_va start, uint64_t bytes);

/*
 * Map a physical range, which need not be aligned, at the lowest
 * addresses that are free.
 *
 *   rights  CAIRN_PAGE_*
 *   cache   CAIRN_CACHE_UC for devices
 *   out     where its first byte is
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_SPACE: no free addresses, or
 *          CAIRN_PHYSMAP_REGIONS are mapped; CAIRN_NO_MEMORY for tables.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_physmap_map(struct cairn_physmap *physmap, struct cairn_phys_range range,
                  unsigned rights, enum cairn_cache cache, cairn_va *out);

/*
 * Unmap a region by any address in it.
 *
 * Returns  CAIRN_OK; CAIRN_NOT_FOUND.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_physmap_unmap(struct cairn_physmap *physmap, cairn_va va);

CAIRN_END_DECLS

#endif
