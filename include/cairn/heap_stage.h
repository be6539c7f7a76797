/*
 * cairn/heap_stage.h - one heap until the permanent one is there.
 *
 * A kernel needs memory before it has a place for its heap.  A stage serves it
 * from a temporary heap, from the switch on from the permanent one.  What was
 * allocated before can be freed and resized afterwards: a block is the
 * temporary heap's if that says so.  When none of its blocks is left, or the
 * kernel insists, the temporary heap is retired, and its memory is free for
 * other uses.
 *
 * Errors   As in heap.h.
 * Context  As the two heaps have it; who starts, switches and retires is said
 *          there.
 */
#ifndef CAIRN_HEAP_STAGE_H
#define CAIRN_HEAP_STAGE_H

#include <cairn/heap.h>

CAIRN_BEGIN_DECLS

/* Private, here so that hosts can store it; zero-filled before the start. */
struct cairn_heap_stage {
    struct cairn_heap *temporary; /* atomic; NULL: none yet, or retired */
    struct cairn_heap *permanent; /* atomic; NULL: before the switch */
    uintptr_t start;              /* of the addresses of the temporary heap */
    uintptr_t end;
    bool is_forced;     /* retired with blocks that were in use */
    size_t late_frees;  /* atomic */
    size_t moved_count; /* atomic: blocks resized into the permanent heap */
};

/*
 * Let `temporary`, which is started, serve.  Before the switch this may be done
 * again, with another heap or with the same one.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: the heap is not started;
 *          CAIRN_IN_USE: after the switch, or the former heap still has blocks;
 *          it is ignored.
 * Context  nobody else uses the stage.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_stage_init(struct cairn_heap_stage *stage,
                      struct cairn_heap *temporary);

/*
 * From now on, allocate from `permanent`, which is started.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: the heap is not started, or is the
 *          temporary one; CAIRN_IN_USE: after the switch, and it is ignored.
 * Context  one CPU; others may allocate and free meanwhile.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_stage_switch(struct cairn_heap_stage *stage,
                        struct cairn_heap *permanent);

/*
 * The temporary heap is used no more: what it keeps is given back to its
 * source, and its memory is the caller's.
 *
 *   is_forced  though it has blocks: whoever frees one of them later is not
 *              told, and counted.  Their contents are lost.
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE: it has blocks; CAIRN_NOT_FOUND: before the
 *          switch, or done already.
 * Context  nobody is inside of a call that began before the switch, nor uses a
 *          block of the temporary heap meanwhile.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_stage_retire(struct cairn_heap_stage *stage, bool is_forced);

/* ---- As in heap.h -------------------------------------------------------- */

/* NULL before the start, besides. */
void *cairn_heap_stage_alloc(struct cairn_heap_stage *stage, size_t size,
                             unsigned flags);
void *cairn_heap_stage_alloc_aligned(struct cairn_heap_stage *stage,
                                     size_t size, size_t align, unsigned flags);
void *cairn_heap_stage_calloc(struct cairn_heap_stage *stage, size_t count,
                              size_t size);

/*
 * After the switch, a block of the temporary heap moves to the permanent one.
 * One that a forced retirement has taken is NULL and counted as freed late.
 */
void *cairn_heap_stage_realloc(struct cairn_heap_stage *stage, void *block,
                               size_t size);

/* CAIRN_OK also for what is freed late. */
enum cairn_status cairn_heap_stage_free(struct cairn_heap_stage *stage,
                                        void *block);

size_t cairn_heap_stage_usable_size(const struct cairn_heap_stage *stage,
                                    const void *block);

/* ---- Questions ----------------------------------------------------------- */

struct cairn_heap_stage_stats {
    struct cairn_heap_stats temporary; /* zero if there is none */
    struct cairn_heap_stats permanent;
    size_t late_frees;  /* of blocks that a forced retirement has taken */
    size_t moved_count; /* blocks resized from one heap into the other */
    bool is_switched;
    bool is_retired;
};

/* Count; see cairn_heap_stats. */
void cairn_heap_stage_stats(struct cairn_heap_stage *stage,
                            struct cairn_heap_stage_stats *out);

CAIRN_END_DECLS

#endif
