/*
 * memmap_example.c - one memory map for tests by example.
 */
#include "memmap_example.h"

#include <cairn/format.h>

#define RANGES 64

struct cairn_memmap example_map;

static struct cairn_memory_range storage[2 * RANGES];

void example_begin(void)
{
    CHECK_EQ(cairn_memmap_init(&example_map, storage, 2 * RANGES), CAIRN_OK);
}

void example_add(uint64_t start, uint64_t end, enum cairn_memory_kind kind)
{
    CHECK_EQ(cairn_memmap_add(&example_map, start, end - start, kind),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_check(&example_map), 0);
}

void example_reserve(uint64_t start, uint64_t end, enum cairn_memory_kind kind)
{
    CHECK_EQ(cairn_memmap_reserve(&example_map, start, end - start, kind),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_check(&example_map), 0);
}

enum cairn_status example_finish(uint64_t floor)
{
    enum cairn_status status =
        cairn_memmap_finish(&example_map, cairn_phys_make(floor));

    CHECK_EQ(cairn_memmap_check(&example_map), 0);
    return status;
}

const char *example_text(void)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < example_map.count && used < sizeof(text); i++) {
        const struct cairn_memory_range *range = &example_map.ranges[i];

        used += cairn_format(text + used, sizeof(text) - used, "%s%llx-%llx %s",
                             i > 0 ? ", " : "",
                             (unsigned long long)range->start.value,
                             (unsigned long long)range->end.value,
                             cairn_memory_kind_name(range->kind));
    }
    return text;
}

void example_finish_as(const char *wanted)
{
    CHECK_EQ(example_finish(0), CAIRN_OK);
    CHECK_TEXT(example_text(), wanted);
}

enum cairn_memory_kind example_kind_at(uint64_t address)
{
    return cairn_memmap_kind_at(&example_map, cairn_phys_make(address));
}
