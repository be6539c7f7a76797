/*
 * memory.c - every page that the loader allocates, and the memory map.
 *
 * HOW    All allocations go through here and are written down in `owned`.
 *        Those that are still there at the end become the hand-off's ranges,
 *        so nothing that the kernel uses can be forgotten; if the loader gives
 *        up, all go back to the firmware.
 *
 *        The buffer of the memory map is allocated first, with room for many
 *        more descriptors than the map has then, because each allocation can
 *        split one into three.  Later calls allocate nothing.
 *
 * FAILS  With a message, except where loader.h says otherwise.
 *
 * SOURCE UEFI Specification 2.10, 7.2.
 */
#include "loader/loader.h"

/* Descriptors that may be added between the first and the last map. */
#define SPARE_DESCRIPTORS 256
/* One of the hand-off's ranges is not allocated: see memory_record. */
#define OWNED_MAX (CAIRN_HANDOFF_RANGES_MAX - 1)

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + EFI_PAGE_BYTES - 1) / EFI_PAGE_BYTES;
}

static bool is_full(const struct loader *loader)
{
    return loader->owned_count == OWNED_MAX;
}

static void own(struct loader *loader, uint64_t start, uint64_t pages)
{
    struct cairn_handoff_range *range = &loader->owned[loader->owned_count++];

    range->start = start;
    range->bytes = pages * EFI_PAGE_BYTES;
    memset((void *)start, 0, range->bytes);
}

/* Allocate pages; `how` and *phys as the firmware has it. */
static efi_status alloc(struct loader *loader, const char *purpose,
                        enum efi_allocate_kind how, uint64_t bytes,
                        uint64_t *phys)
{
    uint32_t kind =
        how == EFI_ALLOCATE_MAX_ADDRESS ? EFI_LOADER_CODE : EFI_LOADER_DATA;
    efi_status status = EFI_OUT_OF_RESOURCES;

    if (!is_full(loader))
        status = loader->boot->allocate_pages(how, kind, pages_of(bytes), phys);
    if (status != EFI_SUCCESS)
        return console_fail(status,
                            "cannot allocate %llu KiB for %s: %s.\n"
                            "  Give the machine more memory.\n",
                            bytes / CAIRN_KIB, purpose,
                            console_status_text(status));
    own(loader, *phys, pages_of(bytes));
    return EFI_SUCCESS;
}

efi_status memory_alloc(struct loader *loader, const char *purpose,
                        uint64_t bytes, uint64_t *phys)
{
    return alloc(loader, purpose, EFI_ALLOCATE_ANY_PAGES, bytes, phys);
}

efi_status memory_alloc_low_code(struct loader *loader, const char *purpose,
                                 uint64_t bytes, uint64_t *phys)
{
    *phys = UINT32_MAX;
    return alloc(loader, purpose, EFI_ALLOCATE_MAX_ADDRESS, bytes, phys);
}

efi_status memory_alloc_at(struct loader *loader, uint64_t phys, uint64_t bytes)
{
    efi_status status = EFI_OUT_OF_RESOURCES;

    if (!is_full(loader))
        status = loader->boot->allocate_pages(
            EFI_ALLOCATE_ADDRESS, EFI_LOADER_DATA, pages_of(bytes), &phys);
    if (status == EFI_SUCCESS)
        own(loader, phys, pages_of(bytes));
    return status;
}

void memory_free(struct loader *loader, uint64_t phys, uint64_t keep)
{
    struct cairn_handoff_range *range = loader->owned;
    struct cairn_handoff_range *end = range + loader->owned_count;
    uint64_t pages = pages_of(keep);

    while (range < end && range->start != phys)
        range++;
    if (range == end || pages >= pages_of(range->bytes))
        return;
    loader->boot->free_pages(phys + pages * EFI_PAGE_BYTES,
                             pages_of(range->bytes) - pages);
    range->bytes = pages * EFI_PAGE_BYTES;
    if (pages == 0)
        *range = loader->owned[--loader->owned_count];
}

void memory_free_all(struct loader *loader)
{
    while (loader->owned_count > 0)
        memory_free(loader, loader->owned[0].start, 0);
}

/* ---- The memory map ------------------------------------------------------ */

/* Allocate the map's buffer. */
static efi_status reserve_map(struct loader *loader)
{
    struct memory_map *map = &loader->map;
    efi_status status;

    map->bytes = 0;
    status = loader->boot->get_memory_map(&map->bytes, NULL, &map->key,
                                          &map->stride, &map->version);
    if (status != EFI_BUFFER_TOO_SMALL ||
        map->stride < sizeof(struct efi_memory_descriptor))
        return console_fail(status | EFI_ERROR_BIT,
                            "the firmware has no memory map: %s.\n"
                            "  Update the firmware.\n",
                            console_status_text(status));
    map->capacity =
        pages_of(map->bytes + SPARE_DESCRIPTORS * map->stride) * EFI_PAGE_BYTES;
    return memory_alloc(loader, "the memory map", map->capacity, &map->base);
}

efi_status memory_map_take(struct loader *loader)
{
    struct memory_map *map = &loader->map;

    map->bytes = map->capacity;
    return loader->boot->get_memory_map(&map->bytes, (void *)map->base,
                                        &map->key, &map->stride, &map->version);
}

uint64_t memory_map_count(const struct memory_map *map)
{
    return map->bytes / map->stride;
}

struct efi_memory_descriptor memory_map_entry(const struct memory_map *map,
                                              uint64_t index)
{
    struct efi_memory_descriptor descriptor;

    memcpy(&descriptor, (const void *)(map->base + index * map->stride),
           sizeof(descriptor));
    return descriptor;
}

/* ---- Steps --------------------------------------------------------------- */

efi_status memory_reserve(struct loader *loader)
{
    uint64_t phys;
    efi_status status = memory_alloc(loader, "the hand-off",
                                     sizeof(struct cairn_handoff), &phys);

    if (status != EFI_SUCCESS)
        return status;
    loader->handoff = (struct cairn_handoff *)phys;
    loader->handoff->magic = CAIRN_HANDOFF_MAGIC;
    loader->handoff->size = sizeof(struct cairn_handoff);
    loader->handoff->version = CAIRN_HANDOFF_VERSION;

    status = reserve_map(loader);
    if (status == EFI_SUCCESS)
        status = memory_alloc(loader, "the first heap", LOADER_HEAP_BYTES,
                              &loader->handoff->temp_heap_base);
    loader->handoff->temp_heap_bytes = LOADER_HEAP_BYTES;
    if (status == EFI_SUCCESS)
        status = memory_alloc(loader, "the boot stack", LOADER_STACK_BYTES,
                              &loader->stack);
    return status;
}

void memory_record(struct loader *loader, uint64_t extra)
{
    struct cairn_handoff *handoff = loader->handoff;

    memcpy(handoff->ranges, loader->owned,
           loader->owned_count * sizeof(loader->owned[0]));
    handoff->range_count = loader->owned_count;
    handoff->ranges[handoff->range_count].start = extra;
    handoff->ranges[handoff->range_count].bytes = EFI_PAGE_BYTES;
    handoff->range_count++;
}
