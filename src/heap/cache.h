/*
 * heap/cache.h - typed caches, as the heap sees them.
 */
#ifndef CAIRN__HEAP_CACHE_H
#define CAIRN__HEAP_CACHE_H

#include <cairn/cache.h>

/*
 * That CPU, this one or one that does not run, gives back what it keeps in all
 * typed caches.
 */
void cairn__caches_drain(struct cairn_heap *heap, unsigned cpu);

#endif
