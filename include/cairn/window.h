/*
 * cairn/window.h - where physical memory is reachable: one linear window.
 *
 * A window maps physical addresses [0, limit) at virtual [base, base + limit),
 * all of them, or those that it was told to cover.  Before it is active, the
 * boot loader's identity mapping serves: addresses convert to themselves.
 * Kernels build cairn_platform_phys_to_virt on it.
 *
 * Locking  None: the boot CPU activates the window once, before others run.
 * Cost     of a conversion: O(1); O(log n) with n ranges to cover.
 */
#ifndef CAIRN_WINDOW_H
#define CAIRN_WINDOW_H

#include <cairn/memmap.h>
#include <cairn/status.h>
#include <cairn/types.h>

CAIRN_BEGIN_DECLS

struct cairn_window {
    uint64_t identity_limit; /* before activation: [0, limit) reachable */
    uint64_t limit;          /* after activation: [0, limit) reachable */
    uintptr_t base;          /* where physical address 0 is */
    bool is_active;
    const struct cairn_phys_range *ranges; /* covered: sorted, disjoint */
    size_t range_count;                    /* 0: all below the limit */
    struct cairn_phys_range largest;       /* of them: looked at first */
};

/*
 * Start with the identity mapping of [0, identity_limit).  The limit is cut to
 * what a pointer can hold.
 */
void cairn_window_init(struct cairn_window *window, uint64_t identity_limit);

/*
 * Reach [0, limit) at `base` from now on.  The caller has mapped it.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: base not page-aligned, limit 0, or
 *          the window would wrap around the end of the address space;
 *          CAIRN_IN_USE: active already.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_window_activate(struct cairn_window *window, cairn_virt base,
                      uint64_t limit);

/*
 * Convert addresses of memory of some kinds only: the window does not map the
 * rest, as devices.
 *
 *   map      finished; not kept
 *   storage  kept; room for `count` ranges
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: not active, or no such memory;
 *          CAIRN_NO_SPACE: more than `count` stretches, and nothing has changed
 *          but what is in `storage`.
 * Context  as activation; again when memory has come, with other storage.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_window_cover(struct cairn_window *window, const struct cairn_memmap *map,
                   cairn_memory_kinds kinds, struct cairn_phys_range *storage,
                   size_t count);

bool cairn_window_is_active(const struct cairn_window *window);

/*
 * The virtual address of physical [start, start + bytes).
 *
 *   bytes  at least 1
 *
 * Returns  a pointer; NULL if any byte lies outside of the window, or is not
 *          covered.
 */
void *cairn_window_to_virt(const struct cairn_window *window, cairn_phys start,
                           uint64_t bytes);

/*
 * The inverse.
 *
 * Returns  true and `out`; false, nothing written, if the address lies outside
 *          of the window, or is not covered.
 */
bool cairn_window_to_phys(const struct cairn_window *window, cairn_virt virt,
                          cairn_phys *out);

CAIRN_END_DECLS

#endif
