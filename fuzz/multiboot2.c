/*
 * fuzz/multiboot2.c - any bytes as Multiboot 2 information.
 *
 * INPUT  The block of tags; bytes after the last multiple of 8 are dropped.
 */
#include "fuzz.h"

#define MAGIC 0x36d76289u

enum {
    END = 0,
    MODULE = 3,
    MAP = 6,
    UEFI_MAP = 17
};

static void read_map(const struct fuzz_input *input, uint64_t tag,
                     uint64_t size, struct fuzz_entries *list)
{
    bool is_uefi = fuzz_read32(input, tag) == UEFI_MAP;
    uint32_t stride = fuzz_read32(input, tag + 8);

    FUZZ_CHECK(stride >= (is_uefi ? 40 : 24) && (size - 16) % stride == 0);
    for (uint64_t at = tag + 16; at < tag + size; at += stride) {
        if (is_uefi)
            fuzz_add_uefi(list, input, at);
        else
            fuzz_add_e820(list, input, at);
    }
}

/* The tags are right, the adapter says. */
static void read_entries(const struct fuzz_input *input,
                         struct fuzz_entries *list)
{
    uint64_t tag = 8;

    list->count = 0;
    while (fuzz_read32(input, tag) != END) {
        uint32_t type = fuzz_read32(input, tag);
        uint32_t size = fuzz_read32(input, tag + 4);

        FUZZ_CHECK(size >= 8 && size <= fuzz_read32(input, 0) - tag);
        if (type == MAP || type == UEFI_MAP)
            read_map(input, tag, size, list);
        tag += (size + 7) & ~(uint64_t)7;
    }
    FUZZ_CHECK(tag + 8 <= fuzz_read32(input, 0));
}

/* All modules, those that are dropped too. */
static void check_modules(const struct fuzz_input *input,
                          const struct cairn_boot *boot)
{
    uint64_t tag = 8;
    size_t count = 0;

    while (fuzz_read32(input, tag) != END) {
        if (fuzz_read32(input, tag) == MODULE) {
            uint32_t start = fuzz_read32(input, tag + 8);

            fuzz_check_withheld(boot, start,
                                fuzz_read32(input, tag + 12) - start);
            count++;
        }
        tag += (fuzz_read32(input, tag + 4) + 7) & ~(uint64_t)7;
    }
    FUZZ_CHECK(boot->module_count + boot->modules_dropped == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cairn_boot boot;
    static struct fuzz_entries list;
    struct fuzz_input input = fuzz_place(data, size, 8);
    uint32_t total = fuzz_read32(&input, 0);
    enum cairn_status status =
        cairn_boot_from_multiboot2(MAGIC, cairn_phys_make(input.phys), &boot);

    FUZZ_CHECK(status != CAIRN_BAD_ARGUMENT && status != CAIRN_NO_MEMORY);
    if (status != CAIRN_OK)
        return 0;
    FUZZ_CHECK(total <= input.size);
    read_entries(&input, &list);
    FUZZ_CHECK(boot.rsdp.value == 0 ||
               (boot.rsdp.value > input.phys &&
                boot.rsdp.value + 20 <= input.phys + total));
    if (!fuzz_check_boot(&boot, &list))
        return 0;
    fuzz_check_withheld(&boot, input.phys, total);
    check_modules(&input, &boot);
    return 0;
}
