/*
 * heap/engine.h - what the front asks of an engine.
 *
 * The front (heap.c) has checked the arguments: sizes are 1 or more and do not
 * overflow when rounded up to pages, alignments are powers of two, blocks are
 * not NULL.
 */
#ifndef CAIRN__HEAP_ENGINE_H
#define CAIRN__HEAP_ENGINE_H

#include "heap/pages.h"

typedef bool (*cairn__heap_visitor)(void *context,
                                    const struct cairn_heap_block *block);

typedef bool (*cairn__heap_page_visitor)(void *context,
                                         const struct cairn_heap_page *page);

struct cairn__heap_engine {
    bool has_caches; /* it wants heap->cpus */
    /* Make the engine's own structures, of pages of the source. */
    enum cairn_status (*init)(struct cairn_heap *heap);
    /* NULL: no memory.  Zeroed if the flags say so. */
    void *(*alloc)(struct cairn_heap *heap, size_t size, size_t align,
                   unsigned flags);
    enum cairn_status (*free)(struct cairn_heap *heap, void *block);
    /* Bytes of a block in the caller's hands; 0: it is none. */
    size_t (*usable)(const struct cairn_heap *heap, const void *block);
    /* Make it `size` bytes where it is; false: nothing has changed. */
    bool (*resize)(struct cairn_heap *heap, void *block, size_t size);
    void (*drain)(struct cairn_heap *heap);
    void (*stats)(struct cairn_heap *heap, struct cairn_heap_stats *out);
    void (*walk)(struct cairn_heap *heap, cairn__heap_visitor visit,
                 void *context);
    void (*pages)(struct cairn_heap *heap, cairn__heap_page_visitor visit,
                  void *context);
    unsigned (*check)(struct cairn_heap *heap);
};

extern const struct cairn__heap_engine cairn__heap_slab;
extern const struct cairn__heap_engine cairn__heap_debug; /* debug.h */
extern const struct cairn__heap_engine cairn__heap_firstfit;

/* ---- Pages of the source ------------------------------------------------- */

/* Pages for blocks; NULL: there are none. */
void *cairn__heap_take_pages(struct cairn_heap *heap,
                             struct cairn_heap_pages *request);

void cairn__heap_give_pages(struct cairn_heap *heap, void *start, size_t count);

/* Zeroed pages for the heap's own structures; NULL: there are none. */
void *cairn__heap_take_meta(struct cairn_heap *heap, size_t count);

void cairn__heap_give_meta(struct cairn_heap *heap, void *start, size_t count);

#endif
