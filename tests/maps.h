/*
 * maps.h - the memory maps of tests/maps/, as the test programs see them.
 */
#ifndef TEST_MAPS_H
#define TEST_MAPS_H

#include <cairn/types.h>

struct test_map_entry {
    uint64_t base;
    uint64_t length;
    uint64_t attribute; /* UEFI only */
    uint32_t number;    /* E820 or UEFI type */
};

struct test_map {
    const char *name;
    const struct test_map_entry *entries;
    size_t count;
    bool is_uefi;
};

extern const struct test_map test_maps[];
extern const size_t test_map_count;

#endif
