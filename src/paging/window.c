/*
 * paging/window.c - the linear window to physical memory.
 *
 * COST   What is covered is looked up in the largest range first, where most of
 *        memory is, and then by halving.
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
    window->ranges = NULL;
    window->range_count = 0;
    window->largest = cairn_phys_range_make(0, 0);
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

enum cairn_status cairn_window_cover(struct cairn_window *window,
                                     const struct cairn_memmap *map,
                                     cairn_memory_kinds kinds,
                                     struct cairn_phys_range *storage,
                                     size_t count)
{
    struct cairn_phys_range rest = cairn_phys_range_make(0, window->limit);
    struct cairn_memory_range range;
    size_t used = 0;

    if (!window->is_active)
        return CAIRN_BAD_ARGUMENT;
    while (cairn_memmap_next(map, kinds, rest, &range)) {
        rest.start = range.end;
        if (used > 0 && storage[used - 1].end.value == range.start.value) {
            storage[used - 1].end = range.end;
            continue;
        }
        if (used == count)
            return CAIRN_NO_SPACE;
        storage[used].start = range.start;
        storage[used].end = range.end;
        used++;
    }
    if (used == 0)
        return CAIRN_BAD_ARGUMENT;
    window->largest = storage[0];
    for (size_t i = 1; i < used; i++) {
        if (cairn_phys_range_bytes(storage[i]) >
            cairn_phys_range_bytes(window->largest))
            window->largest = storage[i];
    }
    window->ranges = storage;
    window->range_count = used;
    return CAIRN_OK;
}

/* Below the limit: does the window map all of it? */
static bool is_covered(const struct cairn_window *window, uint64_t start,
                       uint64_t bytes)
{
    size_t low = 0; /* the first range that ends above `start` */
    size_t high = window->range_count;

    if (high == 0)
        return true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (window->ranges[middle].end.value > start)
            high = middle;
        else
            low = middle + 1;
    }
    return low < window->range_count &&
           start >= window->ranges[low].start.value &&
           bytes <= window->ranges[low].end.value - start;
}

/* Where most of memory is: if it is there, nothing else need be asked. */
static bool is_in_largest(const struct cairn_window *window, uint64_t start,
                          uint64_t bytes)
{
    return start >= window->largest.start.value &&
           start < window->largest.end.value &&
           bytes - 1 < window->largest.end.value - start;
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
    uint64_t limit;

    if (is_in_largest(window, start.value, bytes))
        return (void *)(window->base + (uintptr_t)start.value);
    limit = limit_of(window);
    cairn__assert(limit == 0 || limit - 1 <= UINTPTR_MAX - window->base);
    if (bytes == 0 || bytes > limit || start.value > limit - bytes ||
        !is_covered(window, start.value, bytes))
        return NULL;
    return (void *)(window->base + (uintptr_t)start.value);
}

bool cairn_window_to_phys(const struct cairn_window *window, cairn_virt virt,
                          cairn_phys *out)
{
    if (virt.value < window->base ||
        virt.value - window->base >= limit_of(window) ||
        !is_covered(window, virt.value - window->base, 1))
        return false;
    out->value = virt.value - window->base;
    return true;
}
