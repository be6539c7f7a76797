/*
 * heap/source_areas.c - a range of kernel addresses as a source of pages.
 *
 * HOW    Which addresses are handed out is an arena's business; its table, if
 *        it needs one, is backed when the source is made.  Pages are mapped
 *        before anybody has their addresses, and unmapped before the arena
 *        learns that they are free, so that no two CPUs map the same.
 *
 * FAILS  A frame or a table that cannot be had undoes what was mapped.
 *
 * TESTS  tests/heap_source.c
 */
#include "heap/source_arena.h"

#include "base/align.h"
#include "base/assert.h"

#define BATCH      16u /* frames that are mapped in one transaction */
#define FEW_PAGES  ((size_t)CAIRN_HEAP_ARENA_WORDS * CAIRN__BITMAP_BITS)
#define UNMAP_SPAN (2 * CAIRN_MIB) /* never more than one table */

static struct cairn_areas *areas_of(const struct cairn_heap_areas *storage)
{
    return storage->area->areas;
}

static void give_frames(struct cairn_frames *frames, const cairn_pfn *list,
                        size_t count)
{
    enum cairn_status status;

    while (count > 0) {
        status = cairn_frames_free(frames, list[--count]);
        cairn__assert(status == CAIRN_OK);
    }
}

/* So many at most as a batch has; all or nothing. */
static bool map_batch(const struct cairn_areas *areas, uint64_t va,
                      size_t count, unsigned flags)
{
    struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};
    cairn_pfn list[BATCH];

    for (size_t i = 0; i < count; i++) {
        if (cairn_frames_alloc(areas->frames, 0, flags, CAIRN_OWNER_HEAP,
                               &list[i]) != CAIRN_OK) {
            give_frames(areas->frames, list, i);
            return false;
        }
    }
    if (cairn_map_frames(areas->table, cairn_va_make(va), list, count,
                         &policy) == CAIRN_OK)
        return true;
    give_frames(areas->frames, list, count);
    return false;
}

/* No CPU reaches them any more. */
static void free_frames(void *context, const struct cairn_mapping *mapping)
{
    const struct cairn_areas *areas = context;
    enum cairn_status status =
        cairn_frames_free_range(areas->frames, cairn_pfn_of(mapping->phys),
                                (size_t)(mapping->bytes >> CAIRN_FRAME_SHIFT));

    cairn__assert(status == CAIRN_OK);
}

/* Table by table, which takes no memory. */
static void unmap(struct cairn_areas *areas, uint64_t va, size_t pages)
{
    uint64_t end = va + (uint64_t)pages * CAIRN_FRAME_SIZE;
    uint64_t piece;
    enum cairn_status status;

    for (; va < end; va += piece) {
        piece = cairn__min(UNMAP_SPAN - (va & (UNMAP_SPAN - 1)), end - va);
        status = cairn_unmap_range(areas->table, cairn_va_make(va), piece,
                                   free_frames, areas);
        cairn__assert(status == CAIRN_OK);
    }
}

static bool map(struct cairn_areas *areas, uint64_t va, size_t pages,
                unsigned flags)
{
    size_t count;

    for (size_t done = 0; done < pages; done += count) {
        count = (size_t)cairn__min(BATCH, pages - done);
        if (!map_batch(areas, va + (uint64_t)done * CAIRN_FRAME_SIZE, count,
                       flags)) {
            unmap(areas, va, done);
            return false;
        }
    }
    return true;
}

/* ---- The source ---------------------------------------------------------- */

static unsigned frame_flags(unsigned flags)
{
    return (flags & CAIRN_HEAP_RESERVE) != 0 ? CAIRN_FRAME_RESERVE : 0;
}

static void *alloc(void *context, struct cairn_heap_pages *request)
{
    struct cairn_heap_areas *storage = context;
    void *start =
        cairn__heap_arena_take(&storage->arena, request->count, request->align);

    if (start == NULL || map(areas_of(storage), (uintptr_t)start,
                             request->count, frame_flags(request->flags)))
        return start;
    cairn__heap_arena_give(&storage->arena, start, request->count);
    return NULL;
}

static void give(void *context, void *start, size_t count)
{
    struct cairn_heap_areas *storage = context;

    unmap(areas_of(storage), (uintptr_t)start, count);
    cairn__heap_arena_give(&storage->arena, start, count);
}

static bool resize(void *context, void *start, size_t from, size_t to)
{
    struct cairn_heap_areas *storage = context;
    uintptr_t end = (uintptr_t)start + from * CAIRN__PAGE;

    if (to < from) {
        give(context, (uint8_t *)start + to * CAIRN__PAGE, from - to);
        return true;
    }
    if (!cairn__heap_arena_resize(&storage->arena, start, from, to))
        return false;
    if (map(areas_of(storage), end, to - from, 0))
        return true;
    cairn__heap_arena_give(&storage->arena, (void *)end, to - from);
    return false;
}

/* ---- Start and end ------------------------------------------------------- */

static enum cairn_status make_area(struct cairn_areas *areas, cairn_va start,
                                   size_t bytes, struct cairn_area **out)
{
    struct cairn_area_request request = {
        .bytes = bytes,
        .place = CAIRN_AREA_FIXED,
        .within = {.start = start, .bytes = bytes},
        .kind = CAIRN_AREA_HEAP,
        .rights = CAIRN_PAGE_WRITE,
        .owner = CAIRN_OWNER_HEAP,
        .name = "heap",
    };

    return cairn_area_alloc(areas, &request, out);
}

/* More pages than the storage has bits for: the first ones hold the table. */
static bool back_table(struct cairn_heap_areas *storage)
{
    struct cairn_heap_arena *arena = &storage->arena;
    size_t table = cairn__heap_pages_of(cairn__bitmap_words(arena->page_count) *
                                        sizeof(uint64_t));

    if (arena->page_count <= FEW_PAGES)
        return true;
    if (!map(areas_of(storage), arena->start, table, 0))
        return false;
    arena->words = (uint64_t *)arena->start;
    cairn__bitmap_clear_all(arena->words, arena->page_count);
    cairn__bitmap_set(arena->words, 0, table);
    return true;
}

enum cairn_status cairn_heap_source_areas(struct cairn_heap_areas *storage,
                                          struct cairn_areas *areas,
                                          cairn_va start, size_t bytes,
                                          struct cairn_heap_source *out)
{
    enum cairn_status status;

    if (areas->frames == NULL || start.value > UINTPTR_MAX ||
        !cairn__is_aligned(start.value | bytes, CAIRN_FRAME_SIZE) ||
        !cairn__heap_arena_init(&storage->arena, (uintptr_t)start.value,
                                bytes / CAIRN__PAGE))
        return CAIRN_BAD_ARGUMENT;
    status = make_area(areas, start, bytes, &storage->area);
    if (status != CAIRN_OK)
        return status;
    if (!back_table(storage)) {
        (void)cairn_area_free(storage->area, NULL, NULL);
        return CAIRN_NO_MEMORY;
    }
    *out = (struct cairn_heap_source){
        .alloc = alloc,
        .free = give,
        .resize = resize,
        .context = storage,
        .start = (uintptr_t)start.value,
        .end = (uintptr_t)start.value + bytes,
    };
    return CAIRN_OK;
}

enum cairn_status cairn_heap_areas_destroy(struct cairn_heap_areas *storage)
{
    if (cairn_heap_arena_used(&storage->arena) != 0)
        return CAIRN_IN_USE;
    return cairn_area_free(storage->area, free_frames, areas_of(storage));
}
