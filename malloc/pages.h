/*
 * malloc/pages.h - the process's memory as frames, and these as pages.
 */
#ifndef MALLOC_PAGES_H
#define MALLOC_PAGES_H

#include <cairn/heap.h>

/* Reserve the process's memory and describe it; false: there is none. */
bool pages_init(struct cairn_heap_source *out);

/* Give the system all pages that are not in use; false: there were none. */
bool pages_trim(void);

/* Around a fork. */
void pages_lock(void);
void pages_unlock(void);

#endif
