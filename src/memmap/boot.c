/*
 * memmap/boot.c - what the adapters of all boot protocols share.
 */
#include "memmap/boot.h"

#include "base/assert.h"
#include "base/memory.h"
#include <cairn/platform.h>

uint16_t cairn__boot_read16(const void *from)
{
    const uint8_t *bytes = from;

    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t cairn__boot_read32(const void *from)
{
    const uint8_t *bytes = from;

    return cairn__boot_read16(bytes) | (uint32_t)cairn__boot_read16(bytes + 2)
                                           << 16;
}

uint64_t cairn__boot_read64(const void *from)
{
    const uint8_t *bytes = from;

    return cairn__boot_read32(bytes) | (uint64_t)cairn__boot_read32(bytes + 4)
                                           << 32;
}

enum cairn_status cairn__boot_begin(struct cairn_boot *boot,
                                    const char *protocol)
{
    if (boot == NULL)
        return CAIRN_BAD_ARGUMENT;
    memset(boot, 0, sizeof(*boot));
    boot->protocol = protocol;
    return cairn_memmap_init(&boot->map, boot->storage,
                             2 * CAIRN_BOOT_RANGES_MAX);
}

/* ---- Reading from physical memory ---------------------------------------- */

const void *cairn__boot_at(uint64_t address, uint64_t bytes)
{
    if (address == 0 || bytes == 0 || bytes > SIZE_MAX ||
        address >= CAIRN_PHYS_LIMIT || bytes > CAIRN_PHYS_LIMIT - address)
        return NULL;
    return cairn_platform_phys_to_virt(cairn_phys_make(address), (size_t)bytes);
}

const void *cairn__boot_table_at(uint64_t address, uint64_t count,
                                 uint32_t element_bytes)
{
    cairn__assert(element_bytes > 0);
    if (count > UINT32_MAX)
        return NULL;
    return cairn__boot_at(address, count * element_bytes);
}

bool cairn__boot_copy_text(char *to, size_t bytes, const char *from,
                           uint64_t limit)
{
    size_t length = 0;

    cairn__assert(bytes > 0);
    while (length < limit && from[length] != '\0' && length + 1 < bytes) {
        to[length] = from[length];
        length++;
    }
    to[length] = '\0';
    return length < limit && from[length] != '\0';
}

bool cairn__boot_copy_text_at(char *to, size_t bytes, uint64_t address)
{
    size_t length = 0;
    const char *from = cairn__boot_at(address, 1);

    cairn__assert(bytes > 0);
    while (from != NULL && *from != '\0' && length + 1 < bytes) {
        to[length++] = *from;
        from = cairn__boot_at(address + length, 1);
    }
    to[length] = '\0';
    return from != NULL && *from != '\0';
}

void cairn__boot_command_line(struct cairn_boot *boot, const char *from,
                              uint64_t limit)
{
    boot->is_command_line_cut = cairn__boot_copy_text(
        boot->command_line, sizeof(boot->command_line), from, limit);
}

void cairn__boot_command_line_at(struct cairn_boot *boot, uint64_t address)
{
    boot->is_command_line_cut = cairn__boot_copy_text_at(
        boot->command_line, sizeof(boot->command_line), address);
}

/* ---- Translating --------------------------------------------------------- */

enum cairn_status cairn__boot_add_e820(struct cairn_boot *boot, uint64_t base,
                                       uint64_t length, uint32_t number)
{
    /* ACPI Specification 6.5, table 15.6, "Address Range Types". */
    static const enum cairn_memory_kind kinds[] = {
        [0] = CAIRN_MEMORY_RESERVED,
        [1] = CAIRN_MEMORY_USABLE,
        [2] = CAIRN_MEMORY_RESERVED,
        [3] = CAIRN_MEMORY_ACPI_RECLAIM,
        [4] = CAIRN_MEMORY_ACPI_NVS,
        [5] = CAIRN_MEMORY_BAD,
        [6] = CAIRN_MEMORY_RESERVED, /* disabled */
        [7] = CAIRN_MEMORY_PERSISTENT,
        [8] = CAIRN_MEMORY_RESERVED,
        [9] = CAIRN_MEMORY_RESERVED,
        [10] = CAIRN_MEMORY_RESERVED,
        [11] = CAIRN_MEMORY_RESERVED,
        [12] = CAIRN_MEMORY_PERSISTENT, /* before ACPI 6.0 */
    };
    enum cairn_memory_kind kind = CAIRN_MEMORY_RESERVED;

    if (number < sizeof(kinds) / sizeof(kinds[0]))
        kind = kinds[number];
    return cairn_memmap_add(&boot->map, base, length, kind);
}

enum cairn_status cairn__boot_add_module(struct cairn_boot *boot,
                                         uint64_t start, uint64_t bytes,
                                         const char *name, uint64_t name_limit)
{
    struct cairn_boot_module *module;

    if (start >= CAIRN_PHYS_LIMIT || bytes > CAIRN_PHYS_LIMIT - start)
        return CAIRN_BAD_BOOT_DATA;
    if (boot->module_count == CAIRN_BOOT_MODULES_MAX) {
        boot->modules_dropped++;
    } else {
        module = &boot->modules[boot->module_count++];
        module->range = cairn_phys_range_make(start, start + bytes);
        if (name != NULL)
            cairn__boot_copy_text(module->name, sizeof(module->name), name,
                                  name_limit);
    }
    return cairn_memmap_reserve(&boot->map, start, bytes, CAIRN_MEMORY_KERNEL);
}

void cairn__boot_set_colours(struct cairn_framebuffer *screen, bool is_rgb)
{
    screen->red_shift = is_rgb ? 0 : 16;
    screen->green_shift = 8;
    screen->blue_shift = is_rgb ? 16 : 0;
}

static bool makes_sense(const struct cairn_framebuffer *screen)
{
    return screen->base.value != 0 && screen->base.value < CAIRN_PHYS_LIMIT &&
           screen->bytes != 0 &&
           screen->bytes <= CAIRN_PHYS_LIMIT - screen->base.value &&
           screen->width != 0 && screen->height != 0 &&
           screen->pitch_bytes / 4 >= screen->width &&
           (uint64_t)screen->pitch_bytes * screen->height <= screen->bytes;
}

enum cairn_status cairn__boot_set_screen(struct cairn_boot *boot,
                                         const struct cairn_framebuffer *screen)
{
    if (!makes_sense(screen))
        return CAIRN_OK;
    boot->framebuffer = *screen;
    boot->framebuffer.is_present = true;
    return cairn_memmap_reserve(&boot->map, screen->base.value, screen->bytes,
                                CAIRN_MEMORY_FRAMEBUFFER);
}
