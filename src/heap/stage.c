/*
 * heap/stage.c - one heap until the permanent one is there.
 *
 * HOW    The heap that serves is read once in each call.  To whom a block
 *        belongs, the heaps know: the temporary one is asked if the address is
 *        among those of its source.  Its source may cover the permanent heap's
 *        addresses too (both may live on frames), so the address alone decides
 *        nothing.
 *
 *        After a forced retirement, the memory may have become anything, also
 *        the permanent heap's.  So that is asked first, and a block which it
 *        does not know is late only if the address was the temporary heap's.
 *
 * LOCKS  None; pointers to the heaps are written with release, read with
 *        acquire.
 *
 * TESTS  tests/heap_stage.c
 */
#include "base/memory.h"
#include "heap/engine.h"
#include <cairn/heap_stage.h>

static struct cairn_heap *temporary_of(const struct cairn_heap_stage *stage)
{
    return __atomic_load_n(&stage->temporary, __ATOMIC_ACQUIRE);
}

static struct cairn_heap *permanent_of(const struct cairn_heap_stage *stage)
{
    return __atomic_load_n(&stage->permanent, __ATOMIC_ACQUIRE);
}

/* Who allocates; NULL: nobody yet. */
static struct cairn_heap *serving(const struct cairn_heap_stage *stage)
{
    struct cairn_heap *permanent = permanent_of(stage);

    return permanent != NULL ? permanent : temporary_of(stage);
}

static bool is_near(const struct cairn_heap_stage *stage, const void *block)
{
    return (uintptr_t)block >= stage->start && (uintptr_t)block < stage->end;
}

/* Bytes of a block of the temporary heap; 0: it is none. */
static size_t temporary_bytes(const struct cairn_heap_stage *stage,
                              const void *block)
{
    const struct cairn_heap *temporary = temporary_of(stage);

    if (temporary == NULL || !is_near(stage, block))
        return 0;
    return cairn_heap_usable_size(temporary, block);
}

static size_t permanent_bytes(const struct cairn_heap_stage *stage,
                              const void *block)
{
    const struct cairn_heap *permanent = permanent_of(stage);

    return permanent == NULL ? 0 : cairn_heap_usable_size(permanent, block);
}

/* It was the temporary heap's, which is gone; counted. */
static bool is_late(struct cairn_heap_stage *stage, const void *block)
{
    if (!stage->is_forced || !is_near(stage, block) ||
        permanent_bytes(stage, block) != 0)
        return false;
    __atomic_fetch_add(&stage->late_frees, 1, __ATOMIC_RELAXED);
    return true;
}

/* The heap that answers for a block, or would say what is wrong with it. */
static struct cairn_heap *heap_of(const struct cairn_heap_stage *stage,
                                  const void *block)
{
    struct cairn_heap *temporary = temporary_of(stage);

    if (permanent_of(stage) == NULL)
        return temporary;
    if (temporary != NULL && is_near(stage, block) &&
        permanent_bytes(stage, block) == 0)
        return temporary;
    return permanent_of(stage);
}

/* ---- Start, switch, retire ----------------------------------------------- */

static bool has_blocks(struct cairn_heap *heap)
{
    struct cairn_heap_stats stats;

    cairn_heap_stats(heap, &stats);
    return stats.live_blocks != 0;
}

enum cairn_status cairn_heap_stage_init(struct cairn_heap_stage *stage,
                                        struct cairn_heap *temporary)
{
    struct cairn_heap *former = temporary_of(stage);

    if (temporary->engine == NULL)
        return CAIRN_BAD_ARGUMENT;
    if (permanent_of(stage) != NULL ||
        (former != NULL && former != temporary && has_blocks(former)))
        return CAIRN_IN_USE;
    stage->start = temporary->config.source.start;
    stage->end = temporary->config.source.end;
    __atomic_store_n(&stage->temporary, temporary, __ATOMIC_RELEASE);
    return CAIRN_OK;
}

enum cairn_status cairn_heap_stage_switch(struct cairn_heap_stage *stage,
                                          struct cairn_heap *permanent)
{
    struct cairn_heap *expected = NULL;

    if (permanent->engine == NULL || permanent == temporary_of(stage))
        return CAIRN_BAD_ARGUMENT;
    if (!__atomic_compare_exchange_n(&stage->permanent, &expected, permanent,
                                     false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return CAIRN_IN_USE;
    return CAIRN_OK;
}

enum cairn_status cairn_heap_stage_retire(struct cairn_heap_stage *stage,
                                          bool is_forced)
{
    struct cairn_heap *temporary = temporary_of(stage);
    bool is_needed;

    if (temporary == NULL || permanent_of(stage) == NULL)
        return CAIRN_NOT_FOUND;
    is_needed = has_blocks(temporary);
    if (is_needed && !is_forced)
        return CAIRN_IN_USE;
    stage->is_forced = is_needed;
    __atomic_store_n(&stage->temporary, NULL, __ATOMIC_RELEASE);
    cairn_heap_drain(temporary);
    return CAIRN_OK;
}

/* ---- Allocate, free ------------------------------------------------------ */

void *cairn_heap_stage_alloc(struct cairn_heap_stage *stage, size_t size,
                             unsigned flags)
{
    struct cairn_heap *heap = serving(stage);

    return heap == NULL ? NULL : cairn_heap_alloc(heap, size, flags);
}

void *cairn_heap_stage_alloc_aligned(struct cairn_heap_stage *stage,
                                     size_t size, size_t align, unsigned flags)
{
    struct cairn_heap *heap = serving(stage);

    return heap == NULL ? NULL
                        : cairn_heap_alloc_aligned(heap, size, align, flags);
}

void *cairn_heap_stage_calloc(struct cairn_heap_stage *stage, size_t count,
                              size_t size)
{
    struct cairn_heap *heap = serving(stage);

    return heap == NULL ? NULL : cairn_heap_calloc(heap, count, size);
}

enum cairn_status cairn_heap_stage_free(struct cairn_heap_stage *stage,
                                        void *block)
{
    struct cairn_heap *heap;

    if (block == NULL || is_late(stage, block))
        return CAIRN_OK;
    heap = heap_of(stage, block);
    return heap == NULL ? CAIRN_NOT_MEMORY : cairn_heap_free(heap, block);
}

size_t cairn_heap_stage_usable_size(const struct cairn_heap_stage *stage,
                                    const void *block)
{
    size_t bytes = permanent_bytes(stage, block);

    return bytes != 0 ? bytes : temporary_bytes(stage, block);
}

/* A block of the temporary heap, which has `bytes`, after the switch. */
static void *move(struct cairn_heap_stage *stage, void *block, size_t bytes,
                  size_t size)
{
    void *other = cairn_heap_alloc(permanent_of(stage), size, 0);

    if (other == NULL)
        return size <= bytes ? block : NULL;
    memcpy(other, block, bytes < size ? bytes : size);
    (void)cairn_heap_free(temporary_of(stage), block);
    __atomic_fetch_add(&stage->moved_count, 1, __ATOMIC_RELAXED);
    return other;
}

void *cairn_heap_stage_realloc(struct cairn_heap_stage *stage, void *block,
                               size_t size)
{
    struct cairn_heap *heap;

    if (block == NULL)
        return cairn_heap_stage_alloc(stage, size, 0);
    if (is_late(stage, block))
        return NULL;
    heap = heap_of(stage, block);
    if (heap == NULL)
        return NULL;
    if (size != 0 && permanent_of(stage) != NULL &&
        heap == temporary_of(stage) && temporary_bytes(stage, block) != 0)
        return move(stage, block, temporary_bytes(stage, block), size);
    return cairn_heap_realloc(heap, block, size);
}

/* ---- Questions ----------------------------------------------------------- */

void cairn_heap_stage_stats(struct cairn_heap_stage *stage,
                            struct cairn_heap_stage_stats *out)
{
    struct cairn_heap *temporary = temporary_of(stage);
    struct cairn_heap *permanent = permanent_of(stage);

    memset(out, 0, sizeof(*out));
    if (temporary != NULL)
        cairn_heap_stats(temporary, &out->temporary);
    if (permanent != NULL)
        cairn_heap_stats(permanent, &out->permanent);
    out->late_frees = __atomic_load_n(&stage->late_frees, __ATOMIC_RELAXED);
    out->moved_count = __atomic_load_n(&stage->moved_count, __ATOMIC_RELAXED);
    out->is_switched = permanent != NULL;
    out->is_retired = permanent != NULL && temporary == NULL;
}
