/*
 * memmap/uefi.c - adapter: UEFI memory map, and the hand-off of our loader.
 *
 * SOURCE UEFI Specification 2.10, section 7.2.3, "EFI_BOOT_SERVICES.
 *        GetMemoryMap()": the descriptor, its version 1, memory types and
 *        attributes; table 7.10, "Memory Type Usage after
 *        ExitBootServices()".
 *
 * TESTS  tests/boot_uefi.c, tests/handoff.c; fuzz/uefi.c, fuzz/handoff.c
 */
#include "base/assert.h"
#include "memmap/boot.h"

/* Offsets in a descriptor; the next one begins a stride later. */
enum descriptor_offset {
    DESCRIPTOR_TYPE = 0,
    DESCRIPTOR_PHYSICAL = 8,
    DESCRIPTOR_PAGES = 24,
    DESCRIPTOR_ATTRIBUTE = 32,
    DESCRIPTOR_BYTES_MIN = 40
};

#define ATTRIBUTE_SPECIFIC_PURPOSE 0x40000u /* EFI_MEMORY_SP */
#define ATTRIBUTE_RUNTIME          ((uint64_t)1 << 63)

static enum cairn_memory_kind kind_of_type(uint32_t type)
{
    static const enum cairn_memory_kind kinds[] = {
        [0] = CAIRN_MEMORY_RESERVED, /* EfiReservedMemoryType */
        [1] = CAIRN_MEMORY_LOADER,   /* EfiLoaderCode */
        [2] = CAIRN_MEMORY_LOADER,   /* EfiLoaderData */
        [3] = CAIRN_MEMORY_BOOT_SERVICES,
        [4] = CAIRN_MEMORY_BOOT_SERVICES,
        [5] = CAIRN_MEMORY_RUNTIME,
        [6] = CAIRN_MEMORY_RUNTIME,
        [7] = CAIRN_MEMORY_USABLE, /* EfiConventionalMemory */
        [8] = CAIRN_MEMORY_BAD,    /* EfiUnusableMemory */
        [9] = CAIRN_MEMORY_ACPI_RECLAIM,
        [10] = CAIRN_MEMORY_ACPI_NVS,
        [11] = CAIRN_MEMORY_MMIO,
        [12] = CAIRN_MEMORY_MMIO,     /* EfiMemoryMappedIOPortSpace */
        [13] = CAIRN_MEMORY_RESERVED, /* EfiPalCode */
        [14] = CAIRN_MEMORY_PERSISTENT,
        [15] = CAIRN_MEMORY_RESERVED, /* EfiUnacceptedMemoryType */
    };

    if (type < sizeof(kinds) / sizeof(kinds[0]))
        return kinds[type];
    return CAIRN_MEMORY_RESERVED;
}

static enum cairn_memory_kind kind_of(uint32_t type, uint64_t attribute)
{
    enum cairn_memory_kind kind = kind_of_type(type);

    if ((attribute & ATTRIBUTE_RUNTIME) != 0 && kind < CAIRN_MEMORY_RUNTIME)
        return CAIRN_MEMORY_RUNTIME;
    if ((attribute & ATTRIBUTE_SPECIFIC_PURPOSE) != 0 &&
        kind == CAIRN_MEMORY_USABLE)
        return CAIRN_MEMORY_RESERVED;
    return kind;
}

static enum cairn_status add_descriptor(struct cairn_boot *boot,
                                        const uint8_t *descriptor)
{
    uint32_t type = cairn__boot_read32(descriptor + DESCRIPTOR_TYPE);
    uint64_t base = cairn__boot_read64(descriptor + DESCRIPTOR_PHYSICAL);
    uint64_t pages = cairn__boot_read64(descriptor + DESCRIPTOR_PAGES);
    uint64_t attribute = cairn__boot_read64(descriptor + DESCRIPTOR_ATTRIBUTE);
    uint64_t length = UINT64_MAX;

    /* A page count that overflows becomes a length that the map refuses. */
    if (pages <= UINT64_MAX >> CAIRN_FRAME_SHIFT)
        length = pages << CAIRN_FRAME_SHIFT;
    return cairn_memmap_add(&boot->map, base, length, kind_of(type, attribute));
}

enum cairn_status cairn__boot_add_uefi(struct cairn_boot *boot,
                                       const uint8_t *buffer, uint64_t bytes,
                                       uint64_t stride)
{
    enum cairn_status status;
    uint64_t offset;

    cairn__assert(buffer != NULL);
    if (stride < DESCRIPTOR_BYTES_MIN)
        return CAIRN_BAD_BOOT_DATA;
    for (offset = 0; bytes - offset >= stride; offset += stride) {
        status = add_descriptor(boot, buffer + offset);
        if (status != CAIRN_OK)
            return status;
    }
    return offset == bytes ? CAIRN_OK : CAIRN_BAD_BOOT_DATA;
}

enum cairn_status cairn_boot_from_uefi(const void *buffer, uint64_t bytes,
                                       uint64_t descriptor_bytes,
                                       struct cairn_boot *out)
{
    enum cairn_status status = cairn__boot_begin(out, "UEFI");

    if (status != CAIRN_OK)
        return status;
    if (buffer == NULL || bytes == 0)
        return CAIRN_NO_MEMORY_MAP;
    return cairn__boot_add_uefi(out, buffer, bytes, descriptor_bytes);
}

/* ---- The hand-off -------------------------------------------------------- */

static enum cairn_status take_screen(const struct cairn_handoff *handoff,
                                     struct cairn_boot *out)
{
    struct cairn_framebuffer screen = {
        .base = {handoff->framebuffer_base},
        .bytes = handoff->framebuffer_bytes,
        .width = handoff->framebuffer_width,
        .height = handoff->framebuffer_height,
    };

    if (handoff->framebuffer_stride <= UINT32_MAX / 4)
        screen.pitch_bytes = handoff->framebuffer_stride * 4;
    cairn__boot_set_colours(&screen, handoff->framebuffer_is_rgb != 0);
    return cairn__boot_set_screen(out, &screen);
}

/* What the loader has allocated, whatever its memory map says. */
static enum cairn_status reserve_ranges(const struct cairn_handoff *handoff,
                                        struct cairn_boot *out)
{
    enum cairn_status status;

    cairn__assert(handoff->range_count <= CAIRN_HANDOFF_RANGES_MAX);
    for (size_t i = 0; i < handoff->range_count; i++) {
        status =
            cairn_memmap_reserve(&out->map, handoff->ranges[i].start,
                                 handoff->ranges[i].bytes, CAIRN_MEMORY_LOADER);
        if (status != CAIRN_OK)
            return status;
    }
    status =
        cairn_memmap_reserve(&out->map, handoff->temp_heap_base,
                             handoff->temp_heap_bytes, CAIRN_MEMORY_LOADER);
    if (status != CAIRN_OK)
        return status;
    status = cairn_memmap_reserve(&out->map, handoff->map_base,
                                  handoff->map_bytes, CAIRN_MEMORY_LOADER);
    if (status != CAIRN_OK)
        return status;
    return cairn_memmap_reserve(&out->map, handoff->kernel_phys,
                                handoff->kernel_bytes, CAIRN_MEMORY_KERNEL);
}

static void take_numbers(const struct cairn_handoff *handoff,
                         struct cairn_boot *out)
{
    out->window_offset = handoff->window_base;
    out->window_bytes = handoff->window_bytes;
    out->kernel_virt = handoff->kernel_virt;
    out->kernel = cairn_phys_range_make(
        handoff->kernel_phys, handoff->kernel_phys + handoff->kernel_bytes);
    out->temp_heap = cairn_phys_range_make(handoff->temp_heap_base,
                                           handoff->temp_heap_base +
                                               handoff->temp_heap_bytes);
    out->rsdp = cairn_phys_make(handoff->rsdp);
    out->uefi_system_table = cairn_phys_make(handoff->system_table);
    out->cpu_count = handoff->cpu_count;
}

/* Its size is told, so what lies behind it is not text even without '\0'. */
static void take_command_line(const struct cairn_handoff *handoff,
                              struct cairn_boot *out)
{
    uint64_t bytes = handoff->command_line_bytes;
    const char *text = cairn__boot_at(handoff->command_line, bytes);

    if (text != NULL)
        cairn__boot_command_line(out, text, bytes);
}

enum cairn_status cairn_boot_from_handoff(const struct cairn_handoff *handoff,
                                          struct cairn_boot *out)
{
    enum cairn_status status = cairn__boot_begin(out, "UEFI loader");
    const void *map;

    cairn__assert(handoff->map_entries != 0);
    if (status != CAIRN_OK)
        return status;
    map = cairn__boot_at(handoff->map_base, handoff->map_bytes);
    if (map == NULL)
        return CAIRN_NOT_REACHABLE;
    status = cairn__boot_add_uefi(
        out, map, handoff->map_entries * handoff->map_descriptor_bytes,
        handoff->map_descriptor_bytes);
    if (status != CAIRN_OK)
        return status;
    take_numbers(handoff, out);
    take_command_line(handoff, out);
    status = reserve_ranges(handoff, out);
    if (status != CAIRN_OK)
        return status;
    return take_screen(handoff, out);
}
