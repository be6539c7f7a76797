/*
 * heap/large.h - blocks of whole pages.
 */
#ifndef CAIRN__HEAP_LARGE_H
#define CAIRN__HEAP_LARGE_H

#include "heap/slab.h"

/* `align` is any power of two. */
void *cairn__large_alloc(struct cairn_heap *heap, size_t size, size_t align,
                         unsigned flags);

/* Is that slab a large block in the caller's hands, which begins there? */
static inline bool cairn__large_is(const struct cairn__slab *slab,
                                   uintptr_t start)
{
    return slab->span == 0 && slab->base == start &&
           __atomic_load_n(&slab->states[0], __ATOMIC_RELAXED) ==
               CAIRN__BLOCK_ALLOCATED;
}

/* The caller's. */
enum cairn_status cairn__large_free(struct cairn_heap *heap,
                                    struct cairn__slab *slab);

/* In place; false: nothing has changed. */
bool cairn__large_resize(struct cairn_heap *heap, struct cairn__slab *slab,
                         size_t size);

/* Does a large block, allocated or kept, contain that address? */
bool cairn__large_holds(const struct cairn_heap *heap, uintptr_t address);

/* Give back what that CPU keeps, interrupts off; then what `list` says. */
struct cairn__slab *cairn__large_unkeep(struct cairn_heap *heap,
                                        struct cairn__heap_cpu *cpu);
void cairn__large_release(struct cairn_heap *heap, struct cairn__slab *list);

/* Both, for the own CPU. */
void cairn__large_drain(struct cairn_heap *heap);

#endif
