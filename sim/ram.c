/*
 * ram.c - simulated physical memory.
 *
 * HOW    Each range of RAM is an anonymous mapping of its own, for which the
 *        host reserves addresses but no memory; its kernel supplies zeroed
 *        pages as they are touched.  So a machine with terabytes costs what
 *        the test touches.  Neighbouring ranges are not contiguous for the
 *        host, hence an access across their border is refused.
 */
#include "sim/ram.h"

#include <sys/mman.h>

#define RANGES_MAX 512
#define PAGE       ((uint64_t)4096)

struct ram_range {
    uint64_t start;
    uint64_t bytes;
    void *memory;
};

static struct ram_range ranges[RANGES_MAX];
static size_t range_count;

void sim_ram_reset(void)
{
    while (range_count > 0) {
        struct ram_range *range = &ranges[--range_count];

        munmap(range->memory, (size_t)range->bytes + PAGE);
    }
}

static bool overlaps(uint64_t start, uint64_t bytes)
{
    for (size_t i = 0; i < range_count; i++) {
        if (start < ranges[i].start + ranges[i].bytes &&
            ranges[i].start < start + bytes)
            return true;
    }
    return false;
}

/*
 * Address space that is to large pages as the addresses from `start` on are,
 * so that the host can use large pages where a kernel's window does.  Behind
 * it is a page without access.
 */
static void *map_like(uint64_t start, size_t bytes)
{
    size_t spare = (size_t)2 << 20;
    char *memory;
    size_t skipped;

    if (bytes > SIZE_MAX - spare - PAGE)
        return NULL;
    memory = mmap(NULL, bytes + spare + PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    skipped = (size_t)(start - (uintptr_t)memory) % spare;
    if (skipped > 0)
        munmap(memory, skipped);
    memory += skipped;
    mprotect(memory + bytes, PAGE, PROT_NONE);
    munmap(memory + bytes + PAGE, spare - skipped);
    return memory;
}

bool sim_ram_add(uint64_t start, uint64_t bytes)
{
    void *memory;

    if (bytes == 0 || (start | bytes) % PAGE != 0 || bytes > SIZE_MAX ||
        range_count == RANGES_MAX || overlaps(start, bytes))
        return false;
    memory = map_like(start, (size_t)bytes);
    if (memory == NULL)
        return false;
    ranges[range_count++] = (struct ram_range){start, bytes, memory};
    return true;
}

void *sim_ram_at(uint64_t start, uint64_t bytes)
{
    for (size_t i = 0; i < range_count; i++) {
        uint64_t offset = start - ranges[i].start;

        if (start >= ranges[i].start && offset < ranges[i].bytes &&
            bytes <= ranges[i].bytes - offset)
            return (char *)ranges[i].memory + offset;
    }
    return NULL;
}

static uint64_t count_touched(const struct ram_range *range)
{
    unsigned char resident[1024];
    uint64_t touched = 0;
    uint64_t step = sizeof(resident) * PAGE;

    for (uint64_t offset = 0; offset < range->bytes; offset += step) {
        uint64_t left = range->bytes - offset;
        size_t bytes = (size_t)(left < step ? left : step);

        if (mincore((char *)range->memory + offset, bytes, resident) != 0)
            continue;
        for (size_t i = 0; i < bytes / PAGE; i++)
            touched += resident[i] & 1;
    }
    return touched;
}

uint64_t sim_ram_touched_frames(void)
{
    uint64_t touched = 0;

    for (size_t i = 0; i < range_count; i++)
        touched += count_touched(&ranges[i]);
    return touched;
}
