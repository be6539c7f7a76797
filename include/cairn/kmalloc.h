/*
 * cairn/kmalloc.h - one heap for everybody: kmalloc, kcalloc, krealloc, kfree.
 *
 * For code that knows no heap, only those four names.  Which heap that is, the
 * host says once; a second heap does not take the blocks of the first.
 *
 * Units    bytes.
 * Errors   No memory, or no heap yet, is a NULL and changes nothing.
 * Locking  as <cairn/heap.h>.
 * Names    The short ones are inline; a host that has such functions of its
 *          own defines CAIRN_NO_SHORT_NAMES before it includes this, and calls
 *          the long ones, as other languages do.
 */
#ifndef CAIRN_KMALLOC_H
#define CAIRN_KMALLOC_H

#include <cairn/heap.h>

CAIRN_BEGIN_DECLS

/*
 * From now on that heap is the one; NULL: none.
 *
 * Context  nobody has blocks of the former one that will be freed later.
 */
void cairn_kmalloc_use(struct cairn_heap *heap);

/* The heap in use; NULL: none. */
struct cairn_heap *cairn_kmalloc_heap(void);

/*
 * `size` bytes, at a multiple of 16.
 *
 * Returns  the block; NULL: no memory, or size is 0 and the heap's
 *          configuration wants that.
 */
void *cairn_kmalloc(size_t size);

/* At a multiple of `align`, a power of two; NULL besides if it is none. */
void *cairn_kmalloc_aligned(size_t size, size_t align);

/* Zeroed room for `count` things of `size` bytes; NULL if that overflows. */
void *cairn_kcalloc(size_t count, size_t size);

/*
 * Make a block `size` bytes, keeping what fits; it may move, to a multiple of
 * 16 and no more.
 *
 *   block  NULL: as cairn_kmalloc
 *   size   0: as cairn_kfree, and NULL
 *
 * Returns  the block; NULL: no memory or no block, and it is as it was.
 */
void *cairn_krealloc(void *block, size_t size);

/*
 * Free a block; NULL is no block and fine.
 *
 * Returns  false: it is none of the heap's, or not any more; nothing has
 *          changed.
 */
bool cairn_kfree(void *block);

#ifndef CAIRN_NO_SHORT_NAMES

static inline void *kmalloc(size_t size)
{
    return cairn_kmalloc(size);
}

static inline void *kcalloc(size_t count, size_t size)
{
    return cairn_kcalloc(count, size);
}

static inline void *krealloc(void *block, size_t size)
{
    return cairn_krealloc(block, size);
}

static inline bool kfree(void *block)
{
    return cairn_kfree(block);
}

#endif

CAIRN_END_DECLS

#endif
