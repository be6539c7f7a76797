/*
 * temporary.c - what is mapped for the start only, on request.
 *
 * HOW    Both are ordinary mappings of the kernel's page table.  Unmapping
 *        gives the tables back that are empty then, which is all that an
 *        identity map has taken.
 *
 *        Where the lower half is for users, no page there may be global.
 *
 *        A heap of the loader lies in its memory, which the allocator does not
 *        have yet.  As long as it is mapped it is pinned, so that reclaiming
 *        the loader's memory leaves it alone; then that range alone is
 *        reclaimed.  Other heaps are frames.
 *
 * FAILS  By panic: what boots has the frames.
 */
#include "temporary.h"

#include "kernel.h"
#include "platform.h"

#define LARGE_BYTES (2 * CAIRN_MIB)

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- Places and memory --------------------------------------------------- */

/* It is where only reclaim can give it to the allocator, and nobody has. */
static bool can_use_loaders_heap(void)
{
    const struct cairn_memmap *map = &kernel.boot.map;
    struct cairn_phys_range heap = kernel.boot.temp_heap;

    return cairn_phys_range_bytes(heap) > 0 &&
           heap.start.value >= map->floor.value &&
           cairn_memmap_kind_at(map, heap.start) == CAIRN_MEMORY_LOADER;
}

static uint64_t identity_end(void)
{
    uint64_t end = max(TEMPORARY_IDENTITY_MIN, kernel_image_range().end.value);

    end = max(end, kernel.tempheap.end.value);
    end = max(end, kernel_screen_range().end.value);
    return (end + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1);
}

void temporary_choose(bool wants_identity, bool wants_heap)
{
    kernel.tempheap = cairn_phys_range_make(0, 0);
    kernel.tempheap_bytes = 0;
    kernel.tempheap_is_loaders = wants_heap && can_use_loaders_heap();
    if (kernel.tempheap_is_loaders)
        kernel.tempheap = kernel.boot.temp_heap;
    if (wants_heap)
        kernel.tempheap_bytes = kernel.tempheap_is_loaders
                                    ? cairn_phys_range_bytes(kernel.tempheap)
                                    : TEMPORARY_HEAP_BYTES;
    kernel.identity_bytes = wants_identity ? identity_end() : 0;
}

void temporary_alloc(void)
{
    const struct cairn_run_request request = {
        .count = kernel.tempheap_bytes >> CAIRN_FRAME_SHIFT,
        .align = 1,
        .end = {TEMPORARY_IDENTITY_MIN},
        .owner = CAIRN_OWNER_KERNEL,
    };
    cairn_pfn first;
    uint64_t start;

    if (kernel.tempheap_bytes == 0 || kernel.tempheap_is_loaders)
        return;
    kernel_require(cairn_frames_alloc_run(&kernel.frames, &request, &first),
                   "temporary heap");
    start = cairn_phys_of(first).value;
    kernel.tempheap =
        cairn_phys_range_make(start, start + kernel.tempheap_bytes);
}

/* ---- Mapped -------------------------------------------------------------- */

static void map_identity(struct cairn_pagetable *table)
{
    unsigned global = table->config.user_end == 0 ? CAIRN_PAGE_GLOBAL : 0;
    const struct cairn_page_policy policy = {
        .rights = CAIRN_PAGE_WRITE | global,
        .page_limit = LARGE_BYTES,
    };

    kernel_require(
        cairn_map_identity(
            table, cairn_phys_range_make(0, kernel.identity_bytes), &policy),
        "identity map");
    kernel_require(cairn_protect_range(
                       table, cairn_va_make(kernel_image_range().start.value),
                       (uint64_t)(kernel_rodata_end - kernel_image_begin),
                       global),
                   "identity map, image");
}

void temporary_map(struct cairn_pagetable *table)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE |
                                                       CAIRN_PAGE_GLOBAL};

    if (kernel.identity_bytes > 0)
        map_identity(table);
    kernel_require(cairn_map_range(table, cairn_va_make(KERNEL_TEMPORARY_HEAP),
                                   kernel.tempheap, &policy),
                   "temporary heap, mapping");
}

void temporary_hold(void)
{
    if (kernel.tempheap_is_loaders)
        kernel_require(cairn_memmap_pin(&kernel.boot.map,
                                        kernel.tempheap.start.value,
                                        kernel.tempheap_bytes),
                       "temporary heap, pin");
}

/* ---- Gone ---------------------------------------------------------------- */

static uint64_t free_bytes(void)
{
    struct cairn_frames_stats stats;

    cairn_frames_drain(&kernel.frames);
    cairn_frames_stats(&kernel.frames, &stats);
    return stats.free_frames << CAIRN_FRAME_SHIFT;
}

static void unmap(uint64_t va, uint64_t bytes)
{
    kernel_require(
        cairn_unmap_range(&kernel.table, cairn_va_make(va), bytes, NULL, NULL),
        "what was mapped for the start");
}

uint64_t temporary_drop_identity(void)
{
    uint64_t before = free_bytes();

    unmap(0, kernel.identity_bytes);
    kernel.identity_bytes = 0;
    return free_bytes() - before;
}

/* What only the loader's map knows becomes memory of the allocator. */
static void reclaim_loaders_heap(void)
{
    struct cairn_memmap *map = &kernel.boot.map;

    kernel_require(cairn_memmap_unpin(map, kernel.tempheap.start.value,
                                      kernel.tempheap_bytes),
                   "temporary heap, unpin");
    kernel_require(
        cairn_memmap_reclaim(map, kernel.tempheap, CAIRN_MEMORY_LOADER, NULL),
        "temporary heap, reclaim");
    kernel_require(cairn_frames_add(&kernel.frames, kernel.tempheap),
                   "temporary heap, frames");
}

uint64_t temporary_drop_heap(void)
{
    uint64_t before = free_bytes();

    if (kernel.tempheap_bytes == 0)
        return 0;
    unmap(KERNEL_TEMPORARY_HEAP, kernel.tempheap_bytes);
    if (kernel.tempheap_is_loaders)
        reclaim_loaders_heap();
    else
        kernel_require(cairn_frames_free_range(
                           &kernel.frames, cairn_pfn_of(kernel.tempheap.start),
                           kernel.tempheap_bytes >> CAIRN_FRAME_SHIFT),
                       "temporary heap, free");
    kernel.tempheap = cairn_phys_range_make(0, 0);
    kernel.tempheap_bytes = 0;
    return free_bytes() - before;
}

void temporary_end_start(void)
{
    if (kernel.tempheap_option == TEMPORARY_DROP)
        (void)temporary_drop_heap();
    if (kernel.identity_option == TEMPORARY_DROP)
        (void)temporary_drop_identity();
}
