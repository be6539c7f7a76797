/*
 * memmap_corpus.h - the maps of real machines, as the library takes them in.
 */
#ifndef MEMMAP_CORPUS_H
#define MEMMAP_CORPUS_H

#include "maps.h"
#include "memmap_spec.h"
#include <cairn/boot.h>

#define CORPUS_ENTRIES_MAX 160

extern struct cairn_boot corpus_boot;

/*
 * Empty corpus_boot and add the entries of `from`, E820 entries in the given
 * order or from the last to the first.
 */
void corpus_add(const struct test_map *from, bool is_reversed);

/* The floor with which a kernel finishes such a map. */
uint64_t corpus_floor(const struct test_map *from);

/* What entry `index` is, by the specifications of ACPI and UEFI. */
struct spec_entry corpus_entry(const struct test_map *from, size_t index);

/* ACPI Specification 6.5, table 15.6, "Address Range Types". */
enum cairn_memory_kind corpus_kind_of_e820(uint32_t number);

#endif
