/*
 * heap_guard_areas.c - guards in kernel areas, page by page, in a page table
 * that no CPU has loaded.  With a heap: tests/kernel/guards_live.c.
 */
#include "areas_build.h"

#include <cairn/heap_debug.h>

#define SLOTS 4u
#define PAGE  ((uintptr_t)CAIRN_FRAME_SIZE)

CAIRN_TEST(J4_guards_in_areas)
{
    struct cairn_heap_guard_areas storage;
    struct cairn_heap_guards guards = {0};
    uint64_t frames;

    areas_start(0x40000000, (uint64_t)1 << 24);
    CHECK_EQ(cairn_heap_guards_areas(&storage, &areas.set, SLOTS, &guards),
             CAIRN_OK);
    CHECK_EQ(guards.slots, SLOTS);
    CHECK_EQ(storage.area->bytes, (2 * SLOTS + 1) * PAGE);
    CHECK_EQ(storage.area->start.value, guards.start);
    for (unsigned i = 0; i < SLOTS; i++)
        CHECK(guards.map(guards.context, guards.start + (2 * i + 1) * PAGE));
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), SLOTS);
    for (unsigned i = 0; i < SLOTS; i++)
        guards.unmap(guards.context, guards.start + (2 * i + 1) * PAGE);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), 0);
    frames = areas_free_frames();
    areas_leave(0);
    CHECK(!guards.map(guards.context, guards.start + PAGE));
    areas_give_back();
    areas_leave(1); /* which is not enough for tables besides */
    CHECK(!guards.map(guards.context, guards.start + PAGE));
    areas_give_back();
    CHECK_EQ(areas_free_frames(), frames);
    CHECK_EQ(cairn_area_free(storage.area, NULL, NULL), CAIRN_OK);
    areas_end();
}

CAIRN_TEST(J4_guards_in_areas_may_not_fit)
{
    struct cairn_heap_guard_areas storage;
    struct cairn_heap_guards guards;

    areas_start(0x40000000, 8 * PAGE);
    CHECK_EQ(cairn_heap_guards_areas(&storage, &areas.set, 0, &guards),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_guards_areas(&storage, &areas.set,
                                     CAIRN_HEAP_GUARD_SLOTS_MAX + 1, &guards),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_heap_guards_areas(&storage, &areas.set, SLOTS, &guards),
             CAIRN_NO_SPACE);
    areas_end();
}

CAIRN_TEST(J4_guards_are_where_pointers_reach)
{
    struct cairn_heap_guard_areas storage;
    struct cairn_heap_guards guards;

    areas_start(AREAS_BASE, (uint64_t)1 << 24);
    if (sizeof(void *) == 4) {
        CHECK_EQ(cairn_heap_guards_areas(&storage, &areas.set, SLOTS, &guards),
                 CAIRN_NOT_REACHABLE);
    } else {
        CHECK_EQ(cairn_heap_guards_areas(&storage, &areas.set, SLOTS, &guards),
                 CAIRN_OK);
        CHECK_EQ(cairn_area_free(storage.area, NULL, NULL), CAIRN_OK);
    }
    areas_end();
}
