/*
 * cairn/window.h - where physical memory is reachable: one linear window.
 *
 * A window maps physical addresses [0, limit) at virtual [base, base + limit).
 * Before it is active, the boot loader's identity mapping serves: addresses
 * convert to themselves.  Kernels build cairn_platform_phys_to_virt on it.
 *
 * Locking  None: the boot CPU activates the window once, before others run.
 */
#ifndef CAIRN_WINDOW_H
#define CAIRN_WINDOW_H

#include <cairn/status.h>
#include <cairn/types.h>

CAIRN_BEGIN_DECLS

struct cairn_window {
    uint64_t identity_limit; /* before activation: [0, limit) reachable */
    uint64_t limit;          /* after activation: [0, limit) reachable */
    uintptr_t base;          /* where physical address 0 is */
    bool is_active;
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

bool cairn_window_is_active(const struct cairn_window *window);

/*
 * The virtual address of physical [start, start + bytes).
 *
 *   bytes  at least 1
 *
 * Returns  a pointer; NULL if any byte lies outside of the window.
 */
void *cairn_window_to_virt(const struct cairn_window *window, cairn_phys start,
                           uint64_t bytes);

/*
 * The inverse.
 *
 * Returns  true and `out`; false, nothing written, if the address lies outside
 *          of the window.
 */
bool cairn_window_to_phys(const struct cairn_window *window, cairn_virt virt,
                          cairn_phys *out);

CAIRN_END_DECLS

#endif
