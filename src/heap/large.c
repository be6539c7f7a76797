/*
 * heap/large.c - blocks of whole pages.
 *
 * HOW    A large block is a slab with one block, and only its first page leads
 *        to it.  Up to CAIRN_HEAP_LARGE_PAGES, sizes are rounded up to a class,
 *        and a freed block stays in an array of the CPU that freed it, since
 *        mapping, flushing and clearing pages again costs more than all else.
 *        A CPU keeps no more than config.keep_bytes; what would exceed it
 *        makes it give everything back.
 *
 * FAILS  No pages: what this CPU keeps is given back, and it is tried again.
 */
#include "heap/large.h"

#include "base/align.h"
#include "base/memory.h"
#include "heap/directory.h"
#include "heap/engine.h"

static void set_state(struct cairn__slab *slab, enum cairn__block_state state)
{
    __atomic_store_n(&slab->states[0], (uint8_t)state, __ATOMIC_RELAXED);
}

/* ---- What a CPU keeps ---------------------------------------------------- */

/* Own CPU: a kept block goes in front of `list`. */
static struct cairn__slab *unkeep(const struct cairn_heap *heap,
                                  struct cairn__heap_cpu *cpu, uintptr_t start,
                                  struct cairn__slab *list)
{
    struct cairn__slab *slab = cairn__heap_find(heap, start);

    cpu->kept_bytes -= slab->large_bytes;
    slab->next = list;
    return slab;
}

struct cairn__slab *cairn__large_unkeep(struct cairn_heap *heap,
                                        struct cairn__heap_cpu *cpu)
{
    struct cairn__slab *list = NULL;
    struct cairn__bin *bin;

    for (unsigned i = CAIRN__CLASS_LARGE; i < CAIRN_HEAP_CLASSES; i++) {
        bin = &cpu->bins[i];
        for (; bin->top != bin->none; bin->top--)
            list = unkeep(heap, cpu, bin->top->start, list);
    }
    return list;
}

void cairn__large_release(struct cairn_heap *heap, struct cairn__slab *list)
{
    struct cairn__slab *next;

    for (; list != NULL; list = next) {
        next = list->next;
        cairn__directory_set(heap, list->base, 1, &cairn__slab_void);
        cairn__heap_give_pages(heap, (void *)list->base,
                               list->large_bytes / CAIRN__PAGE);
        cairn__descriptor_give(heap, list);
    }
}

void cairn__large_drain(struct cairn_heap *heap)
{
    unsigned long state;
    struct cairn__heap_cpu *cpu = cairn__heap_enter(heap, &state);
    struct cairn__slab *list = cairn__large_unkeep(heap, cpu);

    cairn__heap_leave(state);
    cairn__large_release(heap, list);
}

static struct cairn__slab *take_kept(struct cairn_heap *heap, unsigned number)
{
    unsigned long state;
    struct cairn__heap_cpu *cpu = cairn__heap_enter(heap, &state);
    uintptr_t start = cairn__cpu_take_large(cpu, number);

    cairn__heap_leave(state);
    return start == 0 ? NULL : cairn__heap_find(heap, start);
}

/* ---- Allocate ------------------------------------------------------------ */

/* Of CAIRN__CLASS_HUGE, no CPU has a bin. */
static uint16_t bin_offset(unsigned number)
{
    return (uint16_t)(number % CAIRN_HEAP_CLASSES * sizeof(struct cairn__bin));
}

/* Pages of the class for so many, or just as many. */
static size_t round_pages(size_t pages, unsigned *number)
{
    *number = CAIRN__CLASS_HUGE;
    if (pages > CAIRN_HEAP_LARGE_PAGES)
        return pages;
    *number = cairn__class_of_pages(pages);
    return cairn__class_bytes(*number) / CAIRN__PAGE;
}

static struct cairn__slab *make_block(struct cairn_heap *heap,
                                      struct cairn_heap_pages *request,
                                      unsigned number)
{
    struct cairn__slab *slab = cairn__descriptor_take(heap, 1);
    void *start;

    if (slab == NULL)
        return NULL;
    start = cairn__heap_take_pages(heap, request);
    if (start == NULL) {
        cairn__descriptor_give(heap, slab);
        return NULL;
    }
    slab->base = (uintptr_t)start;
    slab->number = (uint8_t)number;
    slab->bytes = 0;
    slab->span = 0;
    slab->bin = bin_offset(number);
    slab->reciprocal = 0;
    slab->page_count = 0;
    slab->large_bytes = request->count * CAIRN__PAGE;
    cairn__directory_set(heap, slab->base, 1, slab);
    return slab;
}

void *cairn__large_alloc(struct cairn_heap *heap, size_t size, size_t align,
                         unsigned flags)
{
    unsigned number;
    struct cairn_heap_pages request = {
        .count = round_pages(cairn__heap_pages_of(size), &number),
        .align = align <= CAIRN__PAGE ? 1 : align / CAIRN__PAGE,
        .flags = flags};
    struct cairn__slab *slab = NULL;

    if (request.align == 1 && number != CAIRN__CLASS_HUGE)
        slab = take_kept(heap, number);
    if (slab == NULL)
        slab = make_block(heap, &request, number);
    if (slab == NULL) {
        cairn_heap_drain(heap);
        slab = make_block(heap, &request, number);
    }
    if (slab == NULL)
        return NULL;
    set_state(slab, CAIRN__BLOCK_ALLOCATED);
    if ((flags & CAIRN_HEAP_ZEROED) != 0 && !request.is_zero)
        memset((void *)slab->base, 0, size);
    return (void *)slab->base;
}

/* ---- Free, resize -------------------------------------------------------- */

/* Own CPU: can the block be kept when nothing else is? */
static bool is_kept(const struct cairn__heap_cpu *cpu,
                    const struct cairn__slab *slab)
{
    return slab->number != CAIRN__CLASS_HUGE &&
           slab->large_bytes <= cpu->keep_bytes;
}

enum cairn_status cairn__large_free(struct cairn_heap *heap,
                                    struct cairn__slab *slab)
{
    struct cairn__slab *list = NULL;
    unsigned long state;
    struct cairn__heap_cpu *cpu = cairn__heap_enter(heap, &state);

    if (is_kept(cpu, slab)) {
        if (!cairn__cpu_put_large(heap, cpu, slab->base)) {
            list = cairn__large_unkeep(heap, cpu);
            (void)cairn__cpu_put_large(heap, cpu, slab->base);
            cairn__assert(slab->states[0] == CAIRN__BLOCK_FREE);
        }
    } else {
        set_state(slab, CAIRN__BLOCK_FREE);
        slab->next = NULL;
        list = slab;
    }
    cairn__heap_leave(state);
    cairn__large_release(heap, list);
    return CAIRN_OK;
}

bool cairn__large_resize(struct cairn_heap *heap, struct cairn__slab *slab,
                         size_t size)
{
    const struct cairn_heap_source *source = &heap->config.source;
    size_t before = slab->large_bytes / CAIRN__PAGE;
    unsigned number;
    size_t pages = round_pages(cairn__heap_pages_of(size), &number);

    if (size <= heap->config.small_bytes)
        return false;
    if (pages <= before && pages > before / 2)
        return true;
    if (source->resize == NULL ||
        !source->resize(source->context, (void *)slab->base, before, pages))
        return false;
    __atomic_fetch_add(&heap->source_pages, pages - before, __ATOMIC_RELAXED);
    slab->large_bytes = pages * CAIRN__PAGE;
    slab->number = (uint8_t)number;
    slab->bin = bin_offset(number);
    return true;
}

/* ---- Questions ----------------------------------------------------------- */

bool cairn__large_holds(const struct cairn_heap *heap, uintptr_t address)
{
    const struct cairn_heap_source *source = &heap->config.source;
    const struct cairn__slab *slab;
    uintptr_t page = address & ~(uintptr_t)(CAIRN__PAGE - 1);

    for (; page - source->start < source->end - source->start;
         page -= CAIRN__PAGE) {
        slab = cairn__heap_find(heap, page);
        if (slab != &cairn__slab_void)
            return slab->bytes == 0 && address - slab->base < slab->large_bytes;
    }
    return false;
}
