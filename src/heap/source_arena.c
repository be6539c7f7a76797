/*
 * heap/source_arena.c - memory at a fixed place as a source of pages.
 *
 * HOW    A bit for each page, and first fit over them (bitmap.h).  Up to 4 MiB
 *        the bits lie in the host's storage, else in the arena's first pages.
 *        How many pages are given back is the heap's knowledge; that they were
 *        handed out is checked.
 *
 * LOCKS  The arena's own; the heap holds none when it calls.
 *
 * COST   Words of bits; the arenas that kernels use have 4 to 16.
 *
 * TESTS  tests/heap_source.c
 */
#include "heap/source_arena.h"

#include "base/align.h"
#include "base/assert.h"
#include "base/lock.h"
#include "base/memory.h"

bool cairn__heap_arena_init(struct cairn_heap_arena *arena, uintptr_t start,
                            size_t pages)
{
    if (pages == 0 || pages > (UINTPTR_MAX - start) / CAIRN__PAGE)
        return false;
    arena->start = start;
    arena->page_count = pages;
    arena->used_count = 0;
    arena->words = arena->few;
    cairn__lock_init(&arena->lock, CAIRN__RANK_ARENA);
    if (pages <= CAIRN_HEAP_ARENA_WORDS * CAIRN__BITMAP_BITS)
        cairn__bitmap_clear_all(arena->words, pages);
    return true;
}

void *cairn__heap_arena_take(struct cairn_heap_arena *arena, size_t count,
                             size_t align)
{
    struct cairn__bitmap_fit fit = {.need = count,
                                    .align = align,
                                    .offset = arena->start / CAIRN__PAGE &
                                              (align - 1)};
    unsigned long state = cairn__lock_acquire(&arena->lock);
    size_t at = cairn__bitmap_fit(arena->words, arena->page_count, fit);

    if (at != arena->page_count) {
        cairn__bitmap_set(arena->words, at, count);
        arena->used_count += count;
    }
    cairn__lock_release(&arena->lock, state);
    if (at == arena->page_count)
        return NULL;
    return (void *)(arena->start + at * CAIRN__PAGE);
}

void cairn__heap_arena_give(struct cairn_heap_arena *arena, const void *start,
                            size_t count)
{
    size_t at = ((uintptr_t)start - arena->start) / CAIRN__PAGE;
    unsigned long state;

    cairn__assert(at < arena->page_count && count <= arena->page_count - at);
    state = cairn__lock_acquire(&arena->lock);
    cairn__assert(cairn__bitmap_next_clear(arena->words, at, at + count) ==
                  at + count);
    cairn__bitmap_clear(arena->words, at, count);
    arena->used_count -= count;
    cairn__lock_release(&arena->lock, state);
}

bool cairn__heap_arena_resize(struct cairn_heap_arena *arena, void *start,
                              size_t from, size_t to)
{
    size_t at = ((uintptr_t)start - arena->start) / CAIRN__PAGE;
    unsigned long state;
    bool fits;

    if (to <= from) {
        if (to < from)
            cairn__heap_arena_give(arena, (uint8_t *)start + to * CAIRN__PAGE,
                                   from - to);
        return true;
    }
    if (to > arena->page_count - at)
        return false;
    state = cairn__lock_acquire(&arena->lock);
    fits = cairn__bitmap_next_set(arena->words, at + from, at + to) == at + to;
    if (fits) {
        cairn__bitmap_set(arena->words, at + from, to - from);
        arena->used_count += to - from;
    }
    cairn__lock_release(&arena->lock, state);
    return fits;
}

size_t cairn_heap_arena_used(struct cairn_heap_arena *arena)
{
    unsigned long state = cairn__lock_acquire(&arena->lock);
    size_t used = arena->used_count;

    cairn__lock_release(&arena->lock, state);
    return used;
}

/* ---- The source ---------------------------------------------------------- */

static void *alloc(void *context, struct cairn_heap_pages *request)
{
    return cairn__heap_arena_take(context, request->count, request->align);
}

static void give(void *context, void *start, size_t count)
{
    cairn__heap_arena_give(context, start, count);
}

static bool resize(void *context, void *start, size_t from, size_t to)
{
    return cairn__heap_arena_resize(context, start, from, to);
}

/* A table in the first pages: those are the arena's no more. */
static bool move_table(struct cairn_heap_arena *arena)
{
    size_t table = cairn__heap_pages_of(cairn__bitmap_words(arena->page_count) *
                                        sizeof(uint64_t));

    if (table >= arena->page_count)
        return false;
    arena->words = (uint64_t *)arena->start;
    arena->start += table * CAIRN__PAGE;
    arena->page_count -= table;
    cairn__bitmap_clear_all(arena->words, arena->page_count);
    return true;
}

enum cairn_status cairn_heap_source_arena(struct cairn_heap_arena *storage,
                                          void *start, size_t bytes,
                                          struct cairn_heap_source *out)
{
    uintptr_t first = (uintptr_t)start;
    size_t skip = (size_t)(0 - first) & (CAIRN__PAGE - 1);

    if (bytes < skip || first > UINTPTR_MAX - skip ||
        !cairn__heap_arena_init(storage, first + skip,
                                (bytes - skip) / CAIRN__PAGE))
        return CAIRN_BAD_ARGUMENT;
    if (storage->page_count > CAIRN_HEAP_ARENA_WORDS * CAIRN__BITMAP_BITS &&
        !move_table(storage))
        return CAIRN_BAD_ARGUMENT;
    *out = (struct cairn_heap_source){
        .alloc = alloc,
        .free = give,
        .resize = resize,
        .context = storage,
        .start = storage->start,
        .end = storage->start + storage->page_count * CAIRN__PAGE,
    };
    return CAIRN_OK;
}

/* ---- Places for an arena ------------------------------------------------- */

static bool is_frames(uint64_t start, uint64_t end)
{
    return start < end && end <= CAIRN_PHYS_LIMIT &&
           cairn__is_aligned(start | end, CAIRN_FRAME_SIZE);
}

enum cairn_status cairn_heap_place_check(const struct cairn_memmap *map,
                                         struct cairn_phys_range kernel,
                                         struct cairn_phys_range place)
{
    struct cairn_memory_range range;

    if (!is_frames(place.start.value, place.end.value) ||
        kernel.start.value > kernel.end.value)
        return CAIRN_BAD_ARGUMENT;
    if (kernel.start.value < place.end.value &&
        place.start.value < kernel.end.value)
        return CAIRN_IN_USE;
    if (!cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE),
                           place, &range) ||
        range.start.value != place.start.value ||
        range.end.value != place.end.value)
        return CAIRN_NOT_MEMORY;
    return CAIRN_OK;
}

enum cairn_status cairn_heap_place_find(const struct cairn_memmap *map,
                                        uint64_t bytes,
                                        struct cairn_phys_range *out)
{
    struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;

    if (bytes > CAIRN_PHYS_LIMIT || !is_frames(0, bytes))
        return CAIRN_BAD_ARGUMENT;
    while (cairn_memmap_next(map, CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE),
                             window, &range)) {
        if (range.end.value - range.start.value >= bytes) {
            *out = cairn_phys_range_make(range.start.value,
                                         range.start.value + bytes);
            return CAIRN_OK;
        }
        window.start = range.end;
    }
    return CAIRN_NO_MEMORY;
}
