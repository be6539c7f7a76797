/*
 * memmap/kinds.h - what the kinds of memory mean, beyond <cairn/memmap.h>.
 */
#ifndef CAIRN__MEMMAP_KINDS_H
#define CAIRN__MEMMAP_KINDS_H

#include <cairn/memmap.h>

/* Can memory of that kind become usable once its purpose is served? */
bool cairn__memory_kind_is_reclaimable(enum cairn_memory_kind kind);

#endif
