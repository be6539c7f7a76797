/*
 * memmap/pvh.c - adapter: PVH direct boot (Xen, QEMU, Firecracker).
 *
 * SOURCE Xen, "x86/HVM direct boot ABI" (docs/misc/pvh.pandoc) and
 *        xen/include/public/arch-x86/hvm/start_info.h: version 0 has no memory
 *        map, version 1 has one with E820 numbers.
 *
 * TESTS  tests/boot_pvh.c, fuzz/pvh.c
 */
#include "memmap/boot.h"

#define MAGIC           0x336ec578u
#define START_BYTES_MIN 40 /* version 0 */
#define START_BYTES     56 /* version 1 */

enum start_offset {
    START_MAGIC = 0,
    START_VERSION = 4,
    START_MODULE_COUNT = 12,
    START_MODULES = 16,
    START_COMMAND_LINE = 24,
    START_RSDP = 32,
    START_MAP = 40,
    START_MAP_COUNT = 48
};

/* base, bytes, command line, reserved */
#define MODULE_BYTES 32
/* base, bytes, type, reserved */
#define ENTRY_BYTES 24

#define TABLE_SANE 65536

static enum cairn_status take_map(struct cairn_boot *out, const uint8_t *start)
{
    uint64_t address = cairn__boot_read64(start + START_MAP);
    uint32_t count = cairn__boot_read32(start + START_MAP_COUNT);
    const uint8_t *entry;
    enum cairn_status status;

    if (count == 0)
        return CAIRN_NO_MEMORY_MAP;
    if (count > TABLE_SANE)
        return CAIRN_BAD_BOOT_DATA;
    entry = cairn__boot_table_at(address, count, ENTRY_BYTES);
    if (entry == NULL)
        return CAIRN_NOT_REACHABLE;
    for (uint32_t i = 0; i < count; i++, entry += ENTRY_BYTES) {
        status = cairn__boot_add_e820(out, cairn__boot_read64(entry),
                                      cairn__boot_read64(entry + 8),
                                      cairn__boot_read32(entry + 16));
        if (status != CAIRN_OK)
            return status;
    }
    return cairn_memmap_reserve(
        &out->map, address, (uint64_t)count * ENTRY_BYTES, CAIRN_MEMORY_LOADER);
}

static enum cairn_status take_module(struct cairn_boot *out,
                                     const uint8_t *module)
{
    char name[CAIRN_BOOT_NAME_BYTES];

    cairn__boot_copy_text_at(name, sizeof(name),
                             cairn__boot_read64(module + 16));
    return cairn__boot_add_module(out, cairn__boot_read64(module),
                                  cairn__boot_read64(module + 8), name,
                                  sizeof(name));
}

static enum cairn_status take_modules(struct cairn_boot *out,
                                      const uint8_t *start)
{
    uint64_t address = cairn__boot_read64(start + START_MODULES);
    uint32_t count = cairn__boot_read32(start + START_MODULE_COUNT);
    const uint8_t *module;
    enum cairn_status status;

    if (count == 0)
        return CAIRN_OK;
    if (count > TABLE_SANE)
        return CAIRN_BAD_BOOT_DATA;
    module = cairn__boot_table_at(address, count, MODULE_BYTES);
    if (module == NULL)
        return CAIRN_NOT_REACHABLE;
    for (uint32_t i = 0; i < count; i++, module += MODULE_BYTES) {
        status = take_module(out, module);
        if (status != CAIRN_OK)
            return status;
    }
    return cairn_memmap_reserve(&out->map, address,
                                (uint64_t)count * MODULE_BYTES,
                                CAIRN_MEMORY_LOADER);
}

bool cairn_boot_is_pvh(cairn_phys start_info)
{
    const uint8_t *start = cairn__boot_at(start_info.value, START_BYTES_MIN);

    return start != NULL && cairn__boot_read32(start + START_MAGIC) == MAGIC;
}

enum cairn_status cairn_boot_from_pvh(cairn_phys start_info,
                                      struct cairn_boot *out)
{
    enum cairn_status status = cairn__boot_begin(out, "PVH");
    const uint8_t *start;

    if (status != CAIRN_OK)
        return status;
    start = cairn__boot_at(start_info.value, START_BYTES_MIN);
    if (start == NULL)
        return CAIRN_NOT_REACHABLE;
    if (cairn__boot_read32(start + START_MAGIC) != MAGIC)
        return CAIRN_BAD_ARGUMENT;
    if (cairn__boot_read32(start + START_VERSION) == 0)
        return CAIRN_NO_MEMORY_MAP;
    start = cairn__boot_at(start_info.value, START_BYTES);
    if (start == NULL)
        return CAIRN_NOT_REACHABLE;
    out->is_bios = true;
    out->rsdp.value = cairn__boot_read64(start + START_RSDP);
    cairn__boot_command_line_at(out,
                                cairn__boot_read64(start + START_COMMAND_LINE));
    status = take_map(out, start);
    if (status == CAIRN_OK)
        status = take_modules(out, start);
    if (status != CAIRN_OK)
        return status;
    return cairn_memmap_reserve(&out->map, start_info.value, START_BYTES,
                                CAIRN_MEMORY_LOADER);
}
