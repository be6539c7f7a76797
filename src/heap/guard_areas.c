/*
 * heap/guard_areas.c - guards in an area of the kernel's address space.
 *
 * HOW    One area for all slots, whose pages are mapped and unmapped one by one
 *        on frames taken and given back.  An unmapped page is out of reach of
 *        every CPU before its frame is free: cairn_area_unmap sees to it.
 *
 * TESTS  tests/heap_guard.c, tests/kernel/guards_live.c
 */
#include "base/assert.h"
#include "heap/debug.h"

static uint64_t index_of(const struct cairn_heap_guard_areas *guards,
                         uintptr_t page)
{
    return (page - guards->area->start.value) / CAIRN__PAGE;
}

static bool map(void *context, uintptr_t page)
{
    const struct cairn_heap_guard_areas *guards = context;
    struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};
    cairn_pfn frame;

    if (cairn_frames_alloc(guards->frames, 0, 0, CAIRN_OWNER_HEAP, &frame) !=
        CAIRN_OK)
        return false;
    if (cairn_area_map(guards->area, index_of(guards, page), frame, &policy) ==
        CAIRN_OK)
        return true;
    (void)cairn_frames_free(guards->frames, frame);
    return false;
}

static void unmap(void *context, uintptr_t page)
{
    const struct cairn_heap_guard_areas *guards = context;
    struct cairn_mapping removed;
    enum cairn_status status =
        cairn_area_unmap(guards->area, index_of(guards, page), &removed);

    cairn__assert(status == CAIRN_OK);
    status = cairn_frames_free(guards->frames, cairn_pfn_of(removed.phys));
    cairn__assert(status == CAIRN_OK);
}

enum cairn_status
cairn_heap_guards_areas(struct cairn_heap_guard_areas *storage,
                        struct cairn_areas *areas, unsigned slots,
                        struct cairn_heap_guards *out)
{
    struct cairn_area_request request = {
        .bytes = (2 * (uint64_t)slots + 1) * CAIRN__PAGE,
        .kind = CAIRN_AREA_PAGES,
        .name = "heap guards",
    };
    enum cairn_status status;

    if (slots == 0 || slots > CAIRN_HEAP_GUARD_SLOTS_MAX ||
        areas->frames == NULL)
        return CAIRN_BAD_ARGUMENT;
    status = cairn_area_alloc(areas, &request, &storage->area);
    if (status != CAIRN_OK)
        return status;
    if (storage->area->start.value + request.bytes - 1 > UINTPTR_MAX) {
        (void)cairn_area_free(storage->area, NULL, NULL);
        return CAIRN_NOT_REACHABLE;
    }
    storage->frames = areas->frames;
    *out = (struct cairn_heap_guards){
        .start = (uintptr_t)storage->area->start.value,
        .slots = slots,
        .map = map,
        .unmap = unmap,
        .context = storage,
    };
    return CAIRN_OK;
}
