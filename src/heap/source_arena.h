/*
 * heap/source_arena.h - pages that lie side by side: which are handed out.
 */
#ifndef CAIRN__HEAP_SOURCE_ARENA_H
#define CAIRN__HEAP_SOURCE_ARENA_H

#include "heap/bitmap.h"
#include "heap/pages.h"
#include <cairn/heap_source.h>

/*
 * Pages from `start` on, none handed out.  If they are more than `few` has bits
 * for, the caller supplies words, cleared.  False: not so many have addresses.
 */
bool cairn__heap_arena_init(struct cairn_heap_arena *arena, uintptr_t start,
                            size_t pages);

/* The lowest that fit; NULL: none do. */
void *cairn__heap_arena_take(struct cairn_heap_arena *arena, size_t count,
                             size_t align);
void cairn__heap_arena_give(struct cairn_heap_arena *arena, const void *start,
                            size_t count);

/* In place; false: nothing has changed. */
bool cairn__heap_arena_resize(struct cairn_heap_arena *arena, void *start,
                              size_t from, size_t to);

#endif
