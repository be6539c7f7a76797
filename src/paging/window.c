/*
 * paging/window.c - the linear window to physical memory.
 *
 * TESTS  tests/window.c
 */
#include <cairn/window.h>

#include "base/align.h"
#include "base/assert.h"

void cairn_window_init(struct cairn_window *window, uint64_t identity_limit)
{
    window->identity_limit = cairn__min(identity_limit, UINTPTR_MAX);
    window->limit = 0;
    window->base = 0;
    window->is_active = false;
}

enum cairn_status cairn_window_activate(struct cairn_window *window,
                                        cairn_virt base, uint64_t limit)
{
    if (window->is_active)
        return CAIRN_IN_USE;
    if (!cairn__is_aligned(base.value, CAIRN_FRAME_SIZE) || limit == 0 ||
        limit - 1 > UINTPTR_MAX - base.value)
        return CAIRN_BAD_ARGUMENT;
    window->base = base.value;
    window->limit = limit;
    window->is_active = true;
    return CAIRN_OK;
}

bool cairn_window_is_active(const struct cairn_window *window)
{
    return window->is_active;
}

static uint64_t limit_of(const struct cairn_window *window)
{
    return window->is_active ? window->limit : window->identity_limit;
}

void *cairn_window_to_virt(const struct cairn_window *window, cairn_phys start,
                           uint64_t bytes)
{
    uint64_t limit = limit_of(window);

    cairn__assert(limit == 0 || limit - 1 <= UINTPTR_MAX - window->base);
    if (bytes == 0 || bytes > limit || start.value > limit - bytes)
        return NULL;
    return (void *)(window->base + (uintptr_t)start.value);
}

bool cairn_window_to_phys(const struct cairn_window *window, cairn_virt virt,
                          cairn_phys *out)
{
    if (virt.value < window->base ||
        virt.value - window->base >= limit_of(window))
        return false;
    out->value = virt.value - window->base;
    return true;
}
