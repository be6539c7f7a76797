/*
 * heap/source_frames.c - the frame allocator as a source of pages.
 *
 * HOW    A number of pages that is a power of two, and aligned to no more, is a
 *        block, which comes out of a magazine if it is small; others are runs,
 *        which can be resized.
 *        Addresses convert by one difference, since the window is linear.
 */
#include "base/align.h"
#include "base/assert.h"
#include "base/bits.h"
#include "heap/engine.h"

static enum cairn_status take_run(struct cairn_frames *frames,
                                  const struct cairn_heap_pages *pages,
                                  cairn_pfn *out)
{
    struct cairn_run_request request = {.count = pages->count,
                                        .align = pages->align,
                                        .owner = CAIRN_OWNER_HEAP};

    return cairn_frames_alloc_run(frames, &request, out);
}

/* Are so many pages a block?  If not, they are a run; they may be one, too. */
static bool is_block(size_t count, size_t align)
{
    return cairn__is_power(count) && align <= count &&
           count <= (uint64_t)1 << CAIRN_ORDER_2MIB;
}

static enum cairn_status take(struct cairn_frames *frames,
                              const struct cairn_heap_pages *pages,
                              cairn_pfn *out)
{
    unsigned flags =
        (pages->flags & CAIRN_HEAP_RESERVE) != 0 ? CAIRN_FRAME_RESERVE : 0;

    if (!is_block(pages->count, pages->align))
        return take_run(frames, pages, out);
    return cairn_frames_alloc(frames, cairn__bit_lowest(pages->count), flags,
                              CAIRN_OWNER_HEAP, out);
}

static void *alloc(void *context, struct cairn_heap_pages *pages)
{
    const struct cairn_heap_frames *source = context;
    cairn_pfn first;
    void *start;

    if (take(source->frames, pages, &first) != CAIRN_OK)
        return NULL;
    start = cairn_platform_phys_to_virt(cairn_phys_of(first),
                                        pages->count * CAIRN__PAGE);
    if ((uintptr_t)start - (uintptr_t)cairn_phys_of(first).value ==
        source->offset)
        return start;
    (void)cairn_frames_free(source->frames, first); /* out of reach */
    return NULL;
}

static cairn_pfn frame_of(const struct cairn_heap_frames *source,
                          const void *start)
{
    return cairn_pfn_of(cairn_phys_make((uintptr_t)start - source->offset));
}

/* What is added must be where the window would have it. */
static bool resize(void *context, void *start, size_t from, size_t to)
{
    const struct cairn_heap_frames *source = context;
    cairn_pfn first = frame_of(source, start);

    if (is_block(from, 1) ||
        cairn_platform_phys_to_virt(cairn_phys_of(first), to * CAIRN__PAGE) !=
            start)
        return false;
    return cairn_frames_resize_run(source->frames, first, to) == CAIRN_OK;
}

static void give(void *context, void *start, size_t count)
{
    const struct cairn_heap_frames *source = context;
    enum cairn_status status =
        cairn_frames_free(source->frames, frame_of(source, start));

    (void)count;
    cairn__assert(status == CAIRN_OK);
}

/* Addresses end where a pointer does. */
static uintptr_t clip(uint64_t address)
{
    return (uintptr_t)cairn__min(address,
                                 UINTPTR_MAX & ~(uintptr_t)(CAIRN__PAGE - 1));
}

enum cairn_status cairn_heap_source_frames(struct cairn_heap_frames *storage,
                                           struct cairn_frames *frames,
                                           struct cairn_heap_source *out)
{
    struct cairn_frames_stats stats;
    uintptr_t base;

    if (cairn_frames_end(frames).value == 0)
        return CAIRN_NO_MEMORY;
    cairn_frames_stats(frames, &stats);
    base = (uintptr_t)cairn_platform_phys_to_virt(cairn_phys_of(stats.base), 1);
    if (base == 0)
        return CAIRN_NOT_REACHABLE;
    storage->frames = frames;
    storage->offset = base - (uintptr_t)cairn_phys_of(stats.base).value;
    *out = (struct cairn_heap_source){
        .alloc = alloc,
        .free = give,
        .resize = resize,
        .context = storage,
        .start = base,
        .end = clip((uint64_t)base - cairn_phys_of(stats.base).value +
                    cairn_phys_of(cairn_frames_end(frames)).value),
    };
    return CAIRN_OK;
}

bool cairn_heap_reclaim(void *context, uint64_t frames)
{
    struct cairn_heap *heap = context;
    size_t before = __atomic_load_n(&heap->source_pages, __ATOMIC_RELAXED);

    (void)frames;
    if (heap->engine == NULL)
        return false;
    cairn_heap_drain(heap);
    return __atomic_load_n(&heap->source_pages, __ATOMIC_RELAXED) < before;
}
