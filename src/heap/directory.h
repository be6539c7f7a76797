/*
 * heap/directory.h - descriptors of slabs, and the way to them.
 */
#ifndef CAIRN__HEAP_DIRECTORY_H
#define CAIRN__HEAP_DIRECTORY_H

#include "heap/slab.h"

/* Make an empty directory for all pages of the source. */
enum cairn_status cairn__directory_init(struct cairn_heap *heap);

/*
 * A descriptor for so many blocks, at most CAIRN__SLAB_BLOCKS_MAX, which no
 * page leads to yet: all blocks FREE (ALLOCATED at level 0), none in the free
 * words.  NULL: no memory.
 */
struct cairn__slab *cairn__descriptor_take(struct cairn_heap *heap,
                                           size_t count);

void cairn__descriptor_give(struct cairn_heap *heap, struct cairn__slab *slab);

/* Make room for entries of pages from `start` on.  False: no memory. */
bool cairn__directory_cover(struct cairn_heap *heap, uintptr_t start,
                            size_t pages);

/* Have those pages, which are covered, lead to `slab`. */
void cairn__directory_set(struct cairn_heap *heap, uintptr_t start,
                          size_t pages, struct cairn__slab *slab);

/*
 * The first slab that begins at `from` or above, `from` being the start of a
 * page; NULL: there is none.
 */
struct cairn__slab *cairn__directory_next(const struct cairn_heap *heap,
                                          uintptr_t from);

/* Pages of a slab. */
static inline size_t cairn__slab_pages(const struct cairn__slab *slab)
{
    return slab->bytes == 0 ? slab->large_bytes / CAIRN__PAGE
                            : slab->page_count;
}

#endif
