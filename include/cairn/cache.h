/*
 * cairn/cache.h - typed caches: many objects of one kind.
 *
 * A cache hands out objects of one size and alignment, out of slabs of its own
 * in a heap.  A constructor, if there is one, runs once for each object, when
 * its slab is made; whoever frees an object leaves it as the constructor did,
 * and so the next who gets it finds it.  Nothing is ever written into a free
 * object.
 *
 * Colours  Objects of different slabs begin at different distances from the
 *          start of a page, as far as the slab has room to spare, so that the
 *          same field of many objects is not always in the same sets of the
 *          CPU's caches.
 * Units    bytes.
 * Errors   No memory is a NULL and changes nothing.  What is wrong with an
 *          object that is to be freed is a status or, as the heap's
 *          configuration says, a panic; the cache is unharmed.
 * Locking  as <cairn/heap.h>.
 */
#ifndef CAIRN_CACHE_H
#define CAIRN_CACHE_H

#include <cairn/heap.h>

CAIRN_BEGIN_DECLS

#define CAIRN_CACHE_SIZE_MAX 16384u /* of an object; four are a slab */

struct cairn_cache_config {
    const char *name; /* kept, not copied */
    size_t size;      /* of an object, 1 .. CAIRN_CACHE_SIZE_MAX */
    size_t align;     /* a power of two, up to a page; 0: 16 */
    size_t colour;    /* from one colour to the next, a multiple of align; 0: 64
                         or, if that is more, align */
    /*
     * Make an object of bytes that are anything.  Called in the context of
     * whoever allocates, no lock held, interrupts as that one has them.  May be
     * NULL.
     */
    void (*constructor)(void *context, void *object);
    void *context; /* handed to constructor */
};

/* Private, here so that hosts can store it. */
struct cairn_object_cache {
    struct cairn_heap *heap;          /* constant; NULL: not in use */
    struct cairn_cache_config config; /* constant */
    uint8_t *cpus;                    /* constant: one for each CPU */
    size_t cpu_bytes;                 /* constant: from one to the next */
    size_t bytes;                     /* constant: from object to object */
    size_t pages;                     /* constant: of a slab, if there are */
    struct cairn_object_cache *next;  /* [heap's lock] */
    size_t constructed;               /* atomic: objects ever made */
    unsigned turn;                    /* atomic: number of the next colour */
};

/*
 * Start a cache in a heap.
 *
 *   cache   zero-filled before the first call, or destroyed
 *   config  copied
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE: it is in use; CAIRN_NO_MEMORY;
 *          CAIRN_NOT_FOUND: the heap is not started, or its engine has no
 *          slabs; CAIRN_BAD_ARGUMENT.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cache_init(struct cairn_object_cache *cache, struct cairn_heap *heap,
                 const struct cairn_cache_config *config);

/*
 * An object as the constructor has made it, or as it was freed.
 *
 *   flags  CAIRN_HEAP_RESERVE; CAIRN_HEAP_ZEROED: its bytes are zero, whatever
 *          they were
 *
 * Returns  the object; NULL: no memory.
 * Cost     as cairn_heap_alloc; a new slab, one call of the constructor for
 *          each object of it.
 */
void *cairn_cache_alloc(struct cairn_object_cache *cache, unsigned flags);

/*
 * Free an object, in the state in which the next one is to get it; NULL is no
 * object and fine.
 *
 * cairn_heap_free with that heap is as good, but slower, as if another CPU had
 * freed it; cairn_heap_realloc must not be used.
 *
 * Returns  CAIRN_OK; CAIRN_DOUBLE_FREE: it is free; CAIRN_NOT_FIRST: inside of
 *          an object, or between them; CAIRN_NOT_MEMORY: not of this cache.
 * Cost     as cairn_heap_free.
 */
enum cairn_status cairn_cache_free(struct cairn_object_cache *cache,
                                   void *object);

/*
 * Give all slabs back; `cache` is zero-filled then.
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE: objects live, and nothing has changed.
 * Context  nobody allocates or frees objects of the cache meanwhile.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cache_destroy(struct cairn_object_cache *cache);

/* ---- Questions ----------------------------------------------------------- */

struct cairn_cache_stats {
    size_t live;        /* objects allocated and not freed */
    size_t free;        /* objects made and not allocated */
    size_t slabs;       /* that the cache has */
    size_t slab_bytes;  /* of all these */
    size_t bytes;       /* from one object to the next */
    size_t constructed; /* objects ever made */
};

/*
 * Count.
 *
 * Context  true if nobody allocates or frees meanwhile.
 * Cost     linear in what the heap has.
 */
void cairn_cache_stats(struct cairn_object_cache *cache,
                       struct cairn_cache_stats *out);

/*
 * The cache of that heap that was started before `cache`; NULL: the newest.
 * NULL if there is no more.
 *
 * Context  nobody starts or destroys caches of the heap meanwhile.
 */
struct cairn_object_cache *
cairn_cache_next(const struct cairn_heap *heap,
                 const struct cairn_object_cache *cache);

/*
 * Check the invariants (numbered in heap/slab.c) of the cache's bins;
 * cairn_heap_check does those of its slabs.
 *
 * Returns  0, or the number of the first that does not hold.
 * Context  nobody allocates or frees meanwhile.
 */
unsigned cairn_cache_check(struct cairn_object_cache *cache);

CAIRN_END_DECLS

#endif
