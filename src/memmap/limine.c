/*
 * memmap/limine.c - adapter: the Limine boot protocol.
 *
 * HOW    The kernel's requests have been answered with pointers to responses.
 *        They are ordinary virtual pointers, so they are dereferenced; counts
 *        and contents are checked.  Addresses inside responses are virtual
 *        (physical + HHDM offset) or physical, depending on the field and the
 *        base revision; to_phys() tells them apart by the offset.
 *
 * SOURCE The Limine Boot Protocol, PROTOCOL.md, base revisions 0 to 6.
 *
 * TESTS  tests/boot_limine.c, fuzz/limine.c
 */
#include "base/memory.h"
#include "memmap/boot.h"

struct memmap_entry {
    uint64_t base;
    uint64_t length;
    uint64_t kind;
};

struct memmap_response {
    uint64_t revision;
    uint64_t count;
    struct memmap_entry *const *entries;
};

struct hhdm_response {
    uint64_t revision;
    uint64_t offset;
};

struct address_response {
    uint64_t revision;
    uint64_t physical_base;
    uint64_t virtual_base;
};

struct framebuffer {
    const void *address;
    uint64_t width;
    uint64_t height;
    uint64_t pitch;
    uint16_t bits;
    uint8_t memory_model;
    uint8_t red_mask_size;
    uint8_t red_mask_shift;
    uint8_t green_mask_size;
    uint8_t green_mask_shift;
    uint8_t blue_mask_size;
    uint8_t blue_mask_shift;
};

struct framebuffer_response {
    uint64_t revision;
    uint64_t count;
    struct framebuffer *const *framebuffers;
};

struct pointer_response {
    uint64_t revision;
    const void *address;
};

struct loader_response {
    uint64_t revision;
    const char *name;
    const char *version;
};

struct file {
    uint64_t revision;
    const void *address;
    uint64_t bytes;
    const char *path;
};

struct module_response {
    uint64_t revision;
    uint64_t count;
    struct file *const *modules;
};

struct mp_response {
    uint64_t revision;
    uint32_t flags;
    uint32_t bsp_lapic_id;
    uint64_t cpu_count;
};

#define MEMORY_MODEL_RGB 1
#define COUNT_SANE       65536

/* A pointer as the protocol gives it, as physical address. */
static uint64_t to_phys(const struct cairn_boot *boot, const void *pointer)
{
    uint64_t address = (uintptr_t)pointer;

    return address >= boot->window_offset ? address - boot->window_offset
                                          : address;
}

static enum cairn_memory_kind kind_of(uint64_t number)
{
    static const enum cairn_memory_kind kinds[] = {
        [0] = CAIRN_MEMORY_USABLE,
        [1] = CAIRN_MEMORY_RESERVED,
        [2] = CAIRN_MEMORY_ACPI_RECLAIM,
        [3] = CAIRN_MEMORY_ACPI_NVS,
        [4] = CAIRN_MEMORY_BAD,
        [5] = CAIRN_MEMORY_LOADER,
        [6] = CAIRN_MEMORY_KERNEL, /* executable and modules */
        [7] = CAIRN_MEMORY_FRAMEBUFFER,
        [8] = CAIRN_MEMORY_RESERVED, /* reserved, but in the HHDM */
    };

    if (number < sizeof(kinds) / sizeof(kinds[0]))
        return kinds[number];
    return CAIRN_MEMORY_RESERVED;
}

static enum cairn_status take_map(struct cairn_boot *out,
                                  const struct memmap_response *response)
{
    if (response == NULL || response->count == 0)
        return CAIRN_NO_MEMORY_MAP;
    if (response->count > COUNT_SANE || response->entries == NULL)
        return CAIRN_BAD_BOOT_DATA;
    for (uint64_t i = 0; i < response->count; i++) {
        const struct memmap_entry *entry = response->entries[i];
        enum cairn_status status;

        if (entry == NULL)
            return CAIRN_BAD_BOOT_DATA;
        status = cairn_memmap_add(&out->map, entry->base, entry->length,
                                  kind_of(entry->kind));
        if (status != CAIRN_OK)
            return status;
    }
    return CAIRN_OK;
}

static enum cairn_status take_screen(struct cairn_boot *out,
                                     const struct framebuffer_response *screens)
{
    struct cairn_framebuffer screen = {.is_present = false};
    const struct framebuffer *first;

    if (screens == NULL || screens->count == 0 || screens->framebuffers == NULL)
        return CAIRN_OK;
    first = screens->framebuffers[0];
    if (first == NULL || first->bits != 32 ||
        first->memory_model != MEMORY_MODEL_RGB || first->width > UINT32_MAX ||
        first->height > UINT32_MAX || first->pitch > UINT32_MAX)
        return CAIRN_OK;
    screen.base.value = to_phys(out, first->address);
    screen.width = (uint32_t)first->width;
    screen.height = (uint32_t)first->height;
    screen.pitch_bytes = (uint32_t)first->pitch;
    screen.bytes = first->pitch * first->height;
    screen.red_shift = first->red_mask_shift;
    screen.green_shift = first->green_mask_shift;
    screen.blue_shift = first->blue_mask_shift;
    return cairn__boot_set_screen(out, &screen);
}

static enum cairn_status take_modules(struct cairn_boot *out,
                                      const struct module_response *modules)
{
    if (modules == NULL || modules->count == 0)
        return CAIRN_OK;
    if (modules->count > COUNT_SANE || modules->modules == NULL)
        return CAIRN_BAD_BOOT_DATA;
    for (uint64_t i = 0; i < modules->count; i++) {
        const struct file *file = modules->modules[i];
        enum cairn_status status;

        if (file == NULL)
            return CAIRN_BAD_BOOT_DATA;
        status = cairn__boot_add_module(out, to_phys(out, file->address),
                                        file->bytes, file->path,
                                        CAIRN_BOOT_NAME_BYTES);
        if (status != CAIRN_OK)
            return status;
    }
    return CAIRN_OK;
}

/* Name and version, with a space between them, as far as there is room. */
static void take_loader(struct cairn_boot *out,
                        const struct loader_response *response)
{
    size_t length = 0;

    if (response == NULL || response->name == NULL)
        return;
    cairn__boot_copy_text(out->loader, sizeof(out->loader), response->name,
                          CAIRN_BOOT_NAME_BYTES);
    while (out->loader[length] != '\0')
        length++;
    if (response->version == NULL || length + 2 >= sizeof(out->loader))
        return;
    out->loader[length++] = ' ';
    cairn__boot_copy_text(out->loader + length, sizeof(out->loader) - length,
                          response->version, CAIRN_BOOT_NAME_BYTES);
}

static void take_numbers(struct cairn_boot *out,
                         const struct cairn_limine_responses *responses)
{
    const struct hhdm_response *hhdm = responses->hhdm;
    const struct address_response *address = responses->executable_address;
    const struct pointer_response *rsdp = responses->rsdp;
    const struct pointer_response *text = responses->executable_command_line;
    const struct mp_response *mp = responses->mp;

    if (hhdm != NULL)
        out->window_offset = hhdm->offset;
    if (address != NULL) {
        out->kernel_virt = address->virtual_base;
        out->kernel = cairn_phys_range_make(address->physical_base,
                                            address->physical_base);
    }
    if (rsdp != NULL)
        out->rsdp.value = to_phys(out, rsdp->address);
    if (text != NULL && text->address != NULL)
        cairn__boot_command_line(out, text->address, UINT64_MAX);
    if (mp != NULL && mp->cpu_count <= UINT32_MAX)
        out->cpu_count = (uint32_t)mp->cpu_count;
}

enum cairn_status
cairn_boot_from_limine(const struct cairn_limine_responses *responses,
                       struct cairn_boot *out)
{
    enum cairn_status status = cairn__boot_begin(out, "Limine");

    if (status != CAIRN_OK)
        return status;
    if (responses == NULL)
        return CAIRN_BAD_ARGUMENT;
    take_numbers(out, responses);
    take_loader(out, responses->bootloader_info);
    status = take_map(out, responses->memmap);
    if (status == CAIRN_OK)
        status = take_screen(out, responses->framebuffer);
    if (status == CAIRN_OK)
        status = take_modules(out, responses->modules);
    return status;
}
