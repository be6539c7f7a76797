/*
 * image.c - reads the kernel, chooses its place in memory, and puts it there.
 *
 * HOW    Where the kernel runs is chosen in boot/places.c; it relocates itself
 *        to wherever it finds itself.  In physical memory, every 2 MiB-aligned
 *        run of free memory from 1 MiB on that holds the image is a place; one
 *        of them is drawn, each with the same probability.  With the option
 *        `nokaslr` it is the lowest place that leaves the first 16 MiB to old
 *        DMA devices, if there is one.
 *
 *        The firmware may use memory between the map and the allocation, so a
 *        place that is gone by then is no error: draw again from a new map.
 *
 * FAILS  With a message.
 */
#include "loader/loader.h"

#define FILE_PATH      "\\cairn\\kernel.elf"
#define FILE_BYTES_MAX (256 * CAIRN_MIB) /* debug information included */

#define PLACE_ALIGN (2 * CAIRN_MIB)
#define PLACE_FLOOR CAIRN_MIB
#define DMA_END     (16 * CAIRN_MIB) /* what ISA devices reach */
#define TRIES       8

efi_status image_read(struct loader *loader)
{
    static const struct file_request request = {
        .path = FILE_PATH,
        .limit = FILE_BYTES_MAX,
        .advice = "Put the kernel there, on the volume that this loader was "
                  "started from.",
    };
    enum boot_elf_error error;
    efi_status status =
        file_read(loader, &request, &loader->file, &loader->file_bytes);

    if (status != EFI_SUCCESS)
        return status;
    error = boot_elf_read((const void *)loader->file, loader->file_bytes,
                          &loader->kernel);
    if (error == BOOT_ELF_OK)
        return EFI_SUCCESS;
    return console_fail(EFI_LOAD_ERROR,
                        "%s is no kernel for this loader:\n  %s.\n"
                        "  Put the file cairn.elf of the build there.\n",
                        FILE_PATH, boot_elf_error_text(error));
}

/* ---- Places -------------------------------------------------------------- */

static uint64_t image_bytes(const struct loader *loader)
{
    return loader->kernel.virt_end - loader->kernel.virt_start;
}

/* How many places one descriptor has from `floor` on; the lowest is *first. */
static uint64_t places_in(const struct efi_memory_descriptor *descriptor,
                          uint64_t bytes, uint64_t floor, uint64_t *first)
{
    uint64_t start = descriptor->phys > floor ? descriptor->phys : floor;
    uint64_t end = descriptor->phys + descriptor->pages * EFI_PAGE_BYTES;

    if (descriptor->kind != EFI_CONVENTIONAL ||
        descriptor->attributes & EFI_MEMORY_SPECIFIC_PURPOSE)
        return 0;
    *first = (start + PLACE_ALIGN - 1) & ~(PLACE_ALIGN - 1);
    if (*first >= end || end - *first < bytes)
        return 0;
    return (end - *first - bytes) / PLACE_ALIGN + 1;
}

/*
 * Count all places.  The one with number `wanted`, in the order of the map,
 * goes to *place.
 */
static uint64_t find_place(const struct loader *loader, uint64_t wanted,
                           uint64_t *place)
{
    uint64_t first, total = 0;

    for (uint64_t i = 0; i < memory_map_count(&loader->map); i++) {
        struct efi_memory_descriptor descriptor =
            memory_map_entry(&loader->map, i);
        uint64_t count =
            places_in(&descriptor, image_bytes(loader), PLACE_FLOOR, &first);

        if (wanted >= total && wanted - total < count)
            *place = first + (wanted - total) * PLACE_ALIGN;
        total += count;
    }
    return total;
}

/* The lowest place from `floor` on, also of a map that is not sorted. */
static bool lowest_place(const struct loader *loader, uint64_t floor,
                         uint64_t *place)
{
    uint64_t first, lowest = UINT64_MAX;

    for (uint64_t i = 0; i < memory_map_count(&loader->map); i++) {
        struct efi_memory_descriptor descriptor =
            memory_map_entry(&loader->map, i);

        if (places_in(&descriptor, image_bytes(loader), floor, &first) > 0 &&
            first < lowest)
            lowest = first;
    }
    *place = lowest;
    return lowest != UINT64_MAX;
}

static bool choose_place(struct loader *loader, uint64_t *place)
{
    uint64_t count;

    loader->handoff->kernel_phys_places = 1;
    if (loader->chance == NULL)
        return lowest_place(loader, DMA_END, place) ||
               lowest_place(loader, PLACE_FLOOR, place);
    count = find_place(loader, UINT64_MAX, place);
    if (count == 0)
        return false;
    loader->handoff->kernel_phys_places = count;
    (void)find_place(loader, cairn_entropy_below(loader->chance, count), place);
    return true;
}

static efi_status try_place(struct loader *loader, uint64_t *place)
{
    efi_status status = memory_map_take(loader);

    if (status != EFI_SUCCESS)
        return status;
    if (!choose_place(loader, place))
        return EFI_OUT_OF_RESOURCES;
    return memory_alloc_at(loader, *place, image_bytes(loader));
}

/* Where it shall run: anywhere, if it can be relocated. */
static bool choose_address(struct loader *loader)
{
    const struct boot_elf *kernel = &loader->kernel;
    struct boot_place place = {kernel->virt_start, 1};
    bool can_move =
        kernel->is_relocatable && kernel->virt_start == BOOT_IMAGE_HOME;

    if (can_move && !boot_place_choose(&boot_slide_image, image_bytes(loader),
                                       loader->chance, &place))
        return false;
    loader->slide = place.start - kernel->virt_start;
    loader->handoff->kernel_virt = place.start;
    loader->handoff->kernel_virt_places = place.places;
    return true;
}

/* ---- The image ----------------------------------------------------------- */

/* The memory is zeroed already. */
static void copy_segments(const struct loader *loader, uint64_t place)
{
    const struct boot_elf *kernel = &loader->kernel;

    for (size_t i = 0; i < kernel->count; i++) {
        const struct boot_elf_segment *segment = &kernel->segments[i];

        memcpy((void *)(place + segment->virt - kernel->virt_start),
               (const void *)(loader->file + segment->file_offset),
               segment->file_bytes);
    }
}

efi_status image_place(struct loader *loader)
{
    struct cairn_handoff *handoff = loader->handoff;
    const struct boot_elf *kernel = &loader->kernel;
    uint64_t place = 0;
    efi_status status = EFI_NOT_FOUND;

    for (unsigned i = 0;
         i < TRIES && status != EFI_SUCCESS && choose_address(loader); i++)
        status = try_place(loader, &place);
    if (status != EFI_SUCCESS)
        return console_fail(EFI_OUT_OF_RESOURCES,
                            "no place for the kernel: %llu KiB in one piece.\n"
                            "  Give the machine more memory.\n",
                            image_bytes(loader) / CAIRN_KIB);

    copy_segments(loader, place);
    memory_free(loader, loader->file, 0);
    handoff->kernel_phys = place;
    handoff->kernel_bytes = image_bytes(loader);
    handoff->kernel_entry = place + kernel->entry - kernel->virt_start;
    console_print("[cairn] kernel: %llu KiB at 0x%llx, to run at 0x%llx%s\n",
                  handoff->kernel_bytes / CAIRN_KIB, place,
                  handoff->kernel_virt,
                  loader->chance == NULL ? "" : ", random places");
    return EFI_SUCCESS;
}
