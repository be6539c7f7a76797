/*
 * heap/directory.c - descriptors of slabs, and the way to them.
 *
 * HOW    Descriptors are cut out of whole pages and never given back.  They
 *        come in kinds: 1, 2, 3, ... words of free blocks.  One that is not in
 *        use has no owner, no bit in its remote words, and may still stand in
 *        some CPU's list of slabs to look at; so `pending` survives reuse.
 *
 *        Leaves are made when a page in their 2 MiB is first used, and stay.
 *
 * LOCKS  The heap's, for the lists of unused descriptors and new leaves.
 */
#include "heap/directory.h"

#include "base/align.h"
#include "base/lock.h"
#include "base/memory.h"
#include "heap/engine.h"

#define LEAF_BYTES ((uintptr_t)1 << CAIRN__LEAF_SHIFT)

/* The state of its only block is never ALLOCATED. */
static uint8_t void_state;

struct cairn__slab cairn__slab_void = {.states = &void_state};

/* ---- Descriptors --------------------------------------------------------- */

static unsigned kind_of(size_t count)
{
    unsigned kind = (unsigned)((count - 1) / CAIRN__WORD_BITS);

    cairn__assert(kind < CAIRN_HEAP_SLAB_KINDS);
    return kind;
}

static size_t descriptor_bytes(unsigned kind)
{
    size_t words = (size_t)kind + 1;

    return sizeof(struct cairn__slab) + 2 * words * sizeof(cairn__word) +
           words * CAIRN__WORD_BITS;
}

static struct cairn__slab *pop_unused(struct cairn_heap *heap, unsigned kind)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);
    struct cairn__slab *slab = heap->unused[kind];

    if (slab != NULL)
        heap->unused[kind] = slab->next;
    cairn__lock_release(&heap->lock, state);
    return slab;
}

static void push_unused(struct cairn_heap *heap, struct cairn__slab *slab)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);

    slab->next = heap->unused[slab->kind];
    heap->unused[slab->kind] = slab;
    cairn__lock_release(&heap->lock, state);
}

/* A page's worth of descriptors. */
static bool make_descriptors(struct cairn_heap *heap, unsigned kind)
{
    size_t bytes = descriptor_bytes(kind);
    uint8_t *page = cairn__heap_take_meta(heap, 1);
    struct cairn__slab *slab;

    if (page == NULL)
        return false;
    for (size_t at = 0; at + bytes <= CAIRN__PAGE; at += bytes) {
        slab = (struct cairn__slab *)(page + at);
        slab->kind = (uint8_t)kind;
        push_unused(heap, slab);
    }
    return true;
}

struct cairn__slab *cairn__descriptor_take(struct cairn_heap *heap,
                                           size_t count)
{
    unsigned kind = kind_of(count);
    struct cairn__slab *slab = pop_unused(heap, kind);

    while (slab == NULL) {
        if (!make_descriptors(heap, kind))
            return NULL;
        slab = pop_unused(heap, kind);
    }
    slab->states = (uint8_t *)(slab->words + 2 * cairn__slab_words(slab));
    slab->count = (uint16_t)count;
    slab->free_count = 0;
    slab->is_listed = 0;
    slab->next = NULL;
    slab->previous = NULL;
    memset(slab->words, 0, cairn__slab_words(slab) * sizeof(cairn__word));
    memset(slab->states,
           heap->is_believing ? CAIRN__BLOCK_ALLOCATED : CAIRN__BLOCK_FREE,
           count);
    return slab;
}

void cairn__descriptor_give(struct cairn_heap *heap, struct cairn__slab *slab)
{
    __atomic_store_n(&slab->owner, NULL, __ATOMIC_RELEASE);
    push_unused(heap, slab);
}

/* ---- Leaves -------------------------------------------------------------- */

enum cairn_status cairn__directory_init(struct cairn_heap *heap)
{
    const struct cairn_heap_source *source = &heap->config.source;
    uintptr_t first = source->start / LEAF_BYTES;
    uintptr_t last = (source->end - 1) / LEAF_BYTES;
    size_t entries = 1;

    while (entries < last - first + 1)
        entries *= 2;
    heap->mask = entries - 1;
    heap->directory = cairn__heap_take_meta(
        heap, cairn__heap_pages_of(entries * sizeof(*heap->directory)));
    if (heap->directory == NULL)
        return CAIRN_NO_MEMORY;
    return CAIRN_OK;
}

static struct cairn__heap_leaf **entry_of(const struct cairn_heap *heap,
                                          uintptr_t address)
{
    return &heap->directory[address / LEAF_BYTES & heap->mask];
}

/* Others may be making the same leaf: the first one counts. */
static bool make_leaf(struct cairn_heap *heap, uintptr_t address)
{
    struct cairn__heap_leaf **entry = entry_of(heap, address);
    struct cairn__heap_leaf *leaf = cairn__heap_take_meta(
        heap, cairn__heap_pages_of(sizeof(struct cairn__heap_leaf)));
    struct cairn__heap_leaf *expected = NULL;

    if (leaf == NULL)
        return false;
    for (size_t i = 0; i < CAIRN__LEAF_PAGES; i++)
        leaf->slabs[i] = &cairn__slab_void;
    if (!__atomic_compare_exchange_n(entry, &expected, leaf, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        cairn__heap_give_meta(heap, leaf, 1);
    return true;
}

bool cairn__directory_cover(struct cairn_heap *heap, uintptr_t start,
                            size_t pages)
{
    uintptr_t last = start + (pages - 1) * CAIRN__PAGE;

    cairn__assert(start >= heap->config.source.start &&
                  last < heap->config.source.end);
    for (uintptr_t at = start & ~(LEAF_BYTES - 1); at <= last;
         at += LEAF_BYTES) {
        if (__atomic_load_n(entry_of(heap, at), __ATOMIC_ACQUIRE) == NULL &&
            !make_leaf(heap, at))
            return false;
        if (at + LEAF_BYTES == 0)
            break;
    }
    return true;
}

void cairn__directory_set(struct cairn_heap *heap, uintptr_t start,
                          size_t pages, struct cairn__slab *slab)
{
    struct cairn__heap_leaf *leaf;

    for (; pages > 0; pages--, start += CAIRN__PAGE) {
        leaf = *entry_of(heap, start);
        __atomic_store_n(&leaf->slabs[start / CAIRN__PAGE % CAIRN__LEAF_PAGES],
                         slab, __ATOMIC_RELEASE);
    }
}

struct cairn__slab *cairn__directory_next(const struct cairn_heap *heap,
                                          uintptr_t from)
{
    struct cairn__slab *slab;

    while (from >= heap->config.source.start &&
           from < heap->config.source.end) {
        if (*entry_of(heap, from) == NULL) {
            from = (from / LEAF_BYTES + 1) * LEAF_BYTES;
            continue;
        }
        slab = cairn__heap_find(heap, from);
        if (slab != &cairn__slab_void && cairn__slab_start(slab) == from)
            return slab;
        from += CAIRN__PAGE;
    }
    return NULL;
}
