/*
 * memmap/multiboot2.c - adapter: Multiboot 2 (GRUB).
 *
 * HOW    The boot information is one block: its size, then tags, each with
 *        type and size, each at the next multiple of 8.  A table maps the tag
 *        types that matter to functions; others are skipped.  Tags come in any
 *        order, but memory can be reserved only once the map is known: so the
 *        walk is made twice, and reserves the second time.
 *
 *        On UEFI, GRUB passes its own translation of the map (type 6), which
 *        calls memory of boot services and of the loader usable, and the
 *        firmware's map (type 17), which keeps them apart.  Both are taken;
 *        the normaliser lets the more restrictive one win.
 *
 * SOURCE Multiboot2 Specification 2.0, section 3.6, "Boot information format".
 *
 * TESTS  tests/boot_multiboot2.c, fuzz/multiboot2.c
 */
#include "base/assert.h"
#include "memmap/boot.h"

#define MAGIC          0x36d76289u
#define INFO_BYTES_MIN 16
#define INFO_BYTES_MAX (16u << 20)

enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_LOADER_NAME = 2,
    TAG_MODULE = 3,
    TAG_MAP = 6,
    TAG_SCREEN = 8,
    TAG_SYSTEM_TABLE_32 = 11,
    TAG_SYSTEM_TABLE_64 = 12,
    TAG_RSDP_1 = 14,
    TAG_RSDP_2 = 15,
    TAG_UEFI_MAP = 17
};

/* One tag: `data` begins after type and size, with `bytes` bytes. */
struct tag {
    uint32_t type;
    uint32_t bytes;
    const uint8_t *data;
    uint64_t phys; /* of data */
};

static enum cairn_status take_command_line(struct cairn_boot *out,
                                           const struct tag *tag)
{
    cairn__boot_command_line(out, (const char *)tag->data, tag->bytes);
    return CAIRN_OK;
}

static enum cairn_status take_loader_name(struct cairn_boot *out,
                                          const struct tag *tag)
{
    cairn__boot_copy_text(out->loader, sizeof(out->loader),
                          (const char *)tag->data, tag->bytes);
    return CAIRN_OK;
}

/* mod_start, mod_end, name */
static enum cairn_status take_module(struct cairn_boot *out,
                                     const struct tag *tag)
{
    uint32_t start = cairn__boot_read32(tag->data);
    uint32_t end = cairn__boot_read32(tag->data + 4);

    cairn__assert(tag->bytes >= 8);
    if (end < start)
        return CAIRN_BAD_BOOT_DATA;
    return cairn__boot_add_module(out, start, end - start,
                                  (const char *)tag->data + 8, tag->bytes - 8);
}

/* entry_size, entry_version, entries: base, length, type, zero */
static enum cairn_status take_map(struct cairn_boot *out, const struct tag *tag)
{
    uint32_t stride = cairn__boot_read32(tag->data);
    uint32_t left = tag->bytes - 8;
    const uint8_t *entry = tag->data + 8;

    if (stride < 20 || stride % 8 != 0)
        return CAIRN_BAD_BOOT_DATA;
    for (; left >= stride; left -= stride, entry += stride) {
        enum cairn_status status = cairn__boot_add_e820(
            out, cairn__boot_read64(entry), cairn__boot_read64(entry + 8),
            cairn__boot_read32(entry + 16));

        if (status != CAIRN_OK)
            return status;
    }
    return left == 0 ? CAIRN_OK : CAIRN_BAD_BOOT_DATA;
}

/* address, pitch, width, height, bits, type, reserved, colour fields */
static enum cairn_status take_screen(struct cairn_boot *out,
                                     const struct tag *tag)
{
    const uint8_t *data = tag->data;
    struct cairn_framebuffer screen = {
        .base = {cairn__boot_read64(data)},
        .pitch_bytes = cairn__boot_read32(data + 8),
        .width = cairn__boot_read32(data + 12),
        .height = cairn__boot_read32(data + 16),
    };

    if (data[20] != 32 || data[21] != 1 || tag->bytes < 30)
        return CAIRN_OK;
    screen.bytes = (uint64_t)screen.pitch_bytes * screen.height;
    screen.red_shift = data[24];
    screen.green_shift = data[26];
    screen.blue_shift = data[28];
    return cairn__boot_set_screen(out, &screen);
}

static enum cairn_status take_system_table(struct cairn_boot *out,
                                           const struct tag *tag)
{
    out->uefi_system_table.value = tag->type == TAG_SYSTEM_TABLE_64
                                       ? cairn__boot_read64(tag->data)
                                       : cairn__boot_read32(tag->data);
    return CAIRN_OK;
}

/* The tag holds a copy of the RSDP; version 2 is preferred. */
static enum cairn_status take_rsdp(struct cairn_boot *out,
                                   const struct tag *tag)
{
    if (tag->type == TAG_RSDP_2 || out->rsdp.value == 0)
        out->rsdp.value = tag->phys;
    return CAIRN_OK;
}

/* descriptor size, descriptor version, descriptors */
static enum cairn_status take_uefi_map(struct cairn_boot *out,
                                       const struct tag *tag)
{
    return cairn__boot_add_uefi(out, tag->data + 8, tag->bytes - 8,
                                cairn__boot_read32(tag->data));
}

struct tag_reader {
    uint32_t type;
    uint32_t bytes_min;
    bool reserves;
    enum cairn_status (*take)(struct cairn_boot *out, const struct tag *tag);
};

static const struct tag_reader readers[] = {
    {TAG_COMMAND_LINE, 1, false, take_command_line},
    {TAG_LOADER_NAME, 1, false, take_loader_name},
    {TAG_MODULE, 8, true, take_module},
    {TAG_MAP, 8, false, take_map},
    {TAG_SCREEN, 24, true, take_screen},
    {TAG_SYSTEM_TABLE_32, 4, false, take_system_table},
    {TAG_SYSTEM_TABLE_64, 8, false, take_system_table},
    {TAG_RSDP_1, 20, false, take_rsdp},
    {TAG_RSDP_2, 36, false, take_rsdp},
    {TAG_UEFI_MAP, 8, false, take_uefi_map},
};

static enum cairn_status take_tag(struct cairn_boot *out, const struct tag *tag,
                                  bool reserves)
{
    cairn__assert(tag->data != NULL);
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (readers[i].type != tag->type || readers[i].reserves != reserves)
            continue;
        if (tag->bytes < readers[i].bytes_min)
            return CAIRN_BAD_BOOT_DATA;
        return readers[i].take(out, tag);
    }
    return CAIRN_OK;
}

/* Walk through the tags of a block of `total` bytes at `info`. */
static enum cairn_status take_tags(struct cairn_boot *out, const uint8_t *block,
                                   uint32_t total, uint64_t info, bool reserves)
{
    uint32_t offset = 8;

    cairn__assert(total >= INFO_BYTES_MIN);
    while (total - offset >= 8) {
        uint32_t size = cairn__boot_read32(block + offset + 4);
        struct tag tag = {
            .type = cairn__boot_read32(block + offset),
            .bytes = size - 8,
            .data = block + offset + 8,
            .phys = info + offset + 8,
        };
        enum cairn_status status;

        if (size < 8 || size > total - offset)
            return CAIRN_BAD_BOOT_DATA;
        if (tag.type == TAG_END)
            return CAIRN_OK;
        status = take_tag(out, &tag, reserves);
        if (status != CAIRN_OK)
            return status;
        size = (size + 7) & ~(uint32_t)7;
        if (size > total - offset)
            break;
        offset += size;
    }
    return CAIRN_BAD_BOOT_DATA; /* no end tag */
}

enum cairn_status cairn_boot_from_multiboot2(uint32_t magic, cairn_phys info,
                                             struct cairn_boot *out)
{
    enum cairn_status status = cairn__boot_begin(out, "Multiboot 2");
    const uint8_t *block;
    uint32_t total;

    if (status != CAIRN_OK)
        return status;
    if (magic != MAGIC || info.value % 8 != 0)
        return CAIRN_BAD_ARGUMENT;
    block = cairn__boot_at(info.value, INFO_BYTES_MIN);
    if (block == NULL)
        return CAIRN_NOT_REACHABLE;
    total = cairn__boot_read32(block);
    if (total < INFO_BYTES_MIN || total > INFO_BYTES_MAX)
        return CAIRN_BAD_BOOT_DATA;
    block = cairn__boot_at(info.value, total);
    if (block == NULL)
        return CAIRN_NOT_REACHABLE;
    status = take_tags(out, block, total, info.value, false);
    if (status == CAIRN_OK)
        status = take_tags(out, block, total, info.value, true);
    if (status != CAIRN_OK)
        return status;
    if (out->map.entries_added == 0)
        return CAIRN_NO_MEMORY_MAP;
    out->is_bios = out->uefi_system_table.value == 0;
    return cairn_memmap_reserve(&out->map, info.value, total,
                                CAIRN_MEMORY_LOADER);
}
