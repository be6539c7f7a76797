/*
 * memmap_example.h - one memory map for tests by example.
 *
 * The map is written as text, "start-end kind" for each range, so that a
 * failed check shows all of it.
 */
#ifndef MEMMAP_EXAMPLE_H
#define MEMMAP_EXAMPLE_H

#include "harness/test.h"
#include <cairn/memmap.h>

#define USABLE    CAIRN_MEMORY_USABLE
#define LOADER    CAIRN_MEMORY_LOADER
#define KERNEL    CAIRN_MEMORY_KERNEL
#define RESERVED  CAIRN_MEMORY_RESERVED
#define BIT(kind) CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_##kind)
#define LIMIT     CAIRN_PHYS_LIMIT

extern struct cairn_memmap example_map;

/* An empty map with storage for 64 ranges. */
void example_begin(void);

/* Add, or reserve, the bytes from `start` to before `end`; it must succeed. */
void example_add(uint64_t start, uint64_t end, enum cairn_memory_kind kind);
void example_reserve(uint64_t start, uint64_t end, enum cairn_memory_kind kind);

enum cairn_status example_finish(uint64_t floor);

/* The map as it is now. */
const char *example_text(void);

/* Finish with no floor but frame 0: the map must be as written. */
void example_finish_as(const char *wanted);

/* Of the finished map. */
enum cairn_memory_kind example_kind_at(uint64_t address);

#endif
