/*
 * heap/pages.h - pages, counted as wide as a pointer.
 */
#ifndef CAIRN__HEAP_PAGES_H
#define CAIRN__HEAP_PAGES_H

#include <cairn/heap.h>

#define CAIRN__PAGE ((size_t)CAIRN_FRAME_SIZE)

/* Pages that so many bytes need. */
static inline size_t cairn__heap_pages_of(size_t bytes)
{
    return bytes / CAIRN__PAGE + (bytes % CAIRN__PAGE != 0);
}

#endif
