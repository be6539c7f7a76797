/*
 * malloc/guards.h - guarded blocks in a process.
 */
#ifndef MALLOC_GUARDS_H
#define MALLOC_GUARDS_H

#include <cairn/heap.h>

/* If the environment wants guards, say so in the configuration. */
void guards_configure(struct cairn_heap_config *config);

/* Explain faults in guards of that heap, if there are any. */
void guards_watch(const struct cairn_heap *heap);

#endif
