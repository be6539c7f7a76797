/*
 * memmap/multiboot1.c - adapter: Multiboot 1 (GRUB, QEMU -kernel).
 *
 * SOURCE Multiboot Specification 0.6.96, section 3.3, "Boot information
 *        format".  Offsets below are those of its figure.
 *
 * TESTS  tests/boot_multiboot1.c, fuzz/multiboot1.c
 */
#include "memmap/boot.h"

#define MAGIC          0x2badb002u
#define INFO_BYTES     116 /* up to and with the framebuffer's fields */
#define INFO_BYTES_MIN 88

enum info_offset {
    INFO_FLAGS = 0,
    INFO_COMMAND_LINE = 16,
    INFO_MODULE_COUNT = 20,
    INFO_MODULES = 24,
    INFO_MAP_BYTES = 44,
    INFO_MAP = 48,
    INFO_LOADER_NAME = 64,
    INFO_SCREEN_BASE = 88,
    INFO_SCREEN_PITCH = 96,
    INFO_SCREEN_WIDTH = 100,
    INFO_SCREEN_HEIGHT = 104,
    INFO_SCREEN_BITS = 108,
    INFO_SCREEN_TYPE = 109,
    INFO_SCREEN_RED = 110,
    INFO_SCREEN_GREEN = 112,
    INFO_SCREEN_BLUE = 114
};

enum info_flag {
    FLAG_COMMAND_LINE = 1 << 2,
    FLAG_MODULES = 1 << 3,
    FLAG_MAP = 1 << 6,
    FLAG_LOADER_NAME = 1 << 9,
    FLAG_SCREEN = 1 << 12
};

#define SCREEN_TYPE_RGB 1

#define MODULE_BYTES 16
#define MODULES_SANE 4096

/*
 * An entry of the map: its size without the size field itself, base, length,
 * type.  The size field lies at offset 0, so the next entry begins size + 4
 * bytes later.
 */
enum entry_offset {
    ENTRY_BASE = 4,
    ENTRY_LENGTH = 12,
    ENTRY_TYPE = 20,
    ENTRY_BYTES_MIN = 24
};

static enum cairn_status add_entries(struct cairn_boot *out, const uint8_t *map,
                                     uint32_t bytes)
{
    while (bytes >= ENTRY_BYTES_MIN) {
        uint32_t size = cairn__boot_read32(map);
        enum cairn_status status;

        if (size < ENTRY_BYTES_MIN - 4 || size > bytes - 4)
            return CAIRN_BAD_BOOT_DATA;
        status = cairn__boot_add_e820(out, cairn__boot_read64(map + ENTRY_BASE),
                                      cairn__boot_read64(map + ENTRY_LENGTH),
                                      cairn__boot_read32(map + ENTRY_TYPE));
        if (status != CAIRN_OK)
            return status;
        map += size + 4;
        bytes -= size + 4;
    }
    return bytes == 0 ? CAIRN_OK : CAIRN_BAD_BOOT_DATA;
}

static enum cairn_status take_map(struct cairn_boot *out, const uint8_t *info)
{
    uint32_t address = cairn__boot_read32(info + INFO_MAP);
    uint32_t bytes = cairn__boot_read32(info + INFO_MAP_BYTES);
    const uint8_t *map;
    enum cairn_status status;

    if (bytes == 0)
        return CAIRN_NO_MEMORY_MAP;
    map = cairn__boot_at(address, bytes);
    if (map == NULL)
        return CAIRN_NOT_REACHABLE;
    status = add_entries(out, map, bytes);
    if (status != CAIRN_OK)
        return status;
    return cairn_memmap_reserve(&out->map, address, bytes, CAIRN_MEMORY_LOADER);
}

static enum cairn_status take_module(struct cairn_boot *out,
                                     const uint8_t *module)
{
    char name[CAIRN_BOOT_NAME_BYTES];
    uint32_t start = cairn__boot_read32(module);
    uint32_t end = cairn__boot_read32(module + 4);

    if (end < start)
        return CAIRN_BAD_BOOT_DATA;
    cairn__boot_copy_text_at(name, sizeof(name),
                             cairn__boot_read32(module + 8));
    return cairn__boot_add_module(out, start, end - start, name, sizeof(name));
}

static enum cairn_status take_modules(struct cairn_boot *out,
                                      const uint8_t *info)
{
    uint32_t address = cairn__boot_read32(info + INFO_MODULES);
    uint32_t count = cairn__boot_read32(info + INFO_MODULE_COUNT);
    const uint8_t *modules;
    enum cairn_status status;

    if (count == 0)
        return CAIRN_OK;
    if (count > MODULES_SANE)
        return CAIRN_BAD_BOOT_DATA;
    modules = cairn__boot_table_at(address, count, MODULE_BYTES);
    if (modules == NULL)
        return CAIRN_NOT_REACHABLE;
    for (uint32_t i = 0; i < count; i++) {
        status = take_module(out, modules + i * MODULE_BYTES);
        if (status != CAIRN_OK)
            return status;
    }
    return cairn_memmap_reserve(&out->map, address,
                                (uint64_t)count * MODULE_BYTES,
                                CAIRN_MEMORY_LOADER);
}

static enum cairn_status take_screen(struct cairn_boot *out,
                                     const uint8_t *info)
{
    struct cairn_framebuffer screen = {
        .base = {cairn__boot_read64(info + INFO_SCREEN_BASE)},
        .pitch_bytes = cairn__boot_read32(info + INFO_SCREEN_PITCH),
        .width = cairn__boot_read32(info + INFO_SCREEN_WIDTH),
        .height = cairn__boot_read32(info + INFO_SCREEN_HEIGHT),
        .red_shift = info[INFO_SCREEN_RED],
        .green_shift = info[INFO_SCREEN_GREEN],
        .blue_shift = info[INFO_SCREEN_BLUE],
    };

    if (info[INFO_SCREEN_TYPE] != SCREEN_TYPE_RGB ||
        info[INFO_SCREEN_BITS] != 32)
        return CAIRN_OK;
    screen.bytes = (uint64_t)screen.pitch_bytes * screen.height;
    return cairn__boot_set_screen(out, &screen);
}

static enum cairn_status take_all(struct cairn_boot *out, const uint8_t *info,
                                  uint32_t flags)
{
    enum cairn_status status;

    if ((flags & FLAG_MAP) == 0)
        return CAIRN_NO_MEMORY_MAP;
    if ((flags & FLAG_COMMAND_LINE) != 0)
        cairn__boot_command_line_at(
            out, cairn__boot_read32(info + INFO_COMMAND_LINE));
    if ((flags & FLAG_LOADER_NAME) != 0)
        cairn__boot_copy_text_at(out->loader, sizeof(out->loader),
                                 cairn__boot_read32(info + INFO_LOADER_NAME));
    status = take_map(out, info);
    if (status == CAIRN_OK && (flags & FLAG_MODULES) != 0)
        status = take_modules(out, info);
    if (status == CAIRN_OK && (flags & FLAG_SCREEN) != 0)
        status = take_screen(out, info);
    return status;
}

enum cairn_status cairn_boot_from_multiboot1(uint32_t magic, cairn_phys info,
                                             struct cairn_boot *out)
{
    enum cairn_status status = cairn__boot_begin(out, "Multiboot 1");
    uint32_t bytes = INFO_BYTES_MIN;
    const uint8_t *data;
    uint32_t flags;

    if (status != CAIRN_OK)
        return status;
    if (magic != MAGIC)
        return CAIRN_BAD_ARGUMENT;
    data = cairn__boot_at(info.value, INFO_BYTES_MIN);
    if (data == NULL)
        return CAIRN_NOT_REACHABLE;
    flags = cairn__boot_read32(data + INFO_FLAGS);
    if ((flags & FLAG_SCREEN) != 0) {
        bytes = INFO_BYTES;
        data = cairn__boot_at(info.value, bytes);
        if (data == NULL)
            return CAIRN_NOT_REACHABLE;
    }
    out->is_bios = true;
    status = take_all(out, data, flags);
    if (status != CAIRN_OK)
        return status;
    return cairn_memmap_reserve(&out->map, info.value, bytes,
                                CAIRN_MEMORY_LOADER);
}
