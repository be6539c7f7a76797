/*
 * fuzz/multiboot1.c - any bytes as Multiboot 1 information.
 *
 * INPUT  The information structure, then whatever it points to; pointers count
 *        from the start of the input.
 */
#include "fuzz.h"

#define MAGIC 0x2badb002u

enum {
    COMMAND_LINE = 16,
    MODULE_COUNT = 20,
    MODULES = 24,
    MAP_BYTES = 44,
    MAP = 48,
    LOADER_NAME = 64
};

enum {
    HAS_COMMAND_LINE = 4,
    HAS_MODULES = 8,
    HAS_LOADER_NAME = 0x200
};

/* The pointers of the structure, and those of modules to their names. */
static void relocate(const struct fuzz_input *input)
{
    uint32_t count = fuzz_read32(input, MODULE_COUNT);
    uint64_t table;

    (void)fuzz_relocate(input, COMMAND_LINE, 4);
    (void)fuzz_relocate(input, LOADER_NAME, 4);
    (void)fuzz_relocate(input, MAP, 4);
    table = fuzz_relocate(input, MODULES, 4);
    if (table < 88) /* inside the structure itself */
        return;
    for (uint32_t i = 0; i < count && table + 16 <= input->size; i++) {
        (void)fuzz_relocate(input, table + 8, 4);
        table += 16;
    }
}

/* The list of entries is right, the adapter says. */
static void read_entries(const struct fuzz_input *input,
                         struct fuzz_entries *list)
{
    struct fuzz_input ram = {sim_ram_at(FUZZ_RAM_START, FUZZ_RAM_BYTES),
                             FUZZ_RAM_START, FUZZ_RAM_BYTES};
    uint64_t offset = fuzz_read32(input, MAP) - ram.phys;
    uint64_t end = offset + fuzz_read32(input, MAP_BYTES);

    list->count = 0;
    while (offset < end) {
        uint32_t size = fuzz_read32(&ram, offset);

        FUZZ_CHECK(size >= 20 && size + 4 <= end - offset);
        fuzz_add_e820(list, &ram, offset + 4);
        offset += size + 4;
    }
}

static void check_texts(const struct fuzz_input *input,
                        const struct cairn_boot *boot)
{
    uint32_t flags = fuzz_read32(input, 0);
    uint64_t line = fuzz_read32(input, COMMAND_LINE);
    uint64_t name = fuzz_read32(input, LOADER_NAME);

    fuzz_check_text(boot->command_line, sizeof(boot->command_line),
                    (flags & HAS_COMMAND_LINE) != 0 ? line : 0);
    fuzz_check_text(boot->loader, sizeof(boot->loader),
                    (flags & HAS_LOADER_NAME) != 0 ? name : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cairn_boot boot;
    static struct fuzz_entries list;
    struct fuzz_input input = fuzz_place(data, size, 1);
    enum cairn_status status;

    relocate(&input);
    status =
        cairn_boot_from_multiboot1(MAGIC, cairn_phys_make(input.phys), &boot);
    FUZZ_CHECK(status != CAIRN_BAD_ARGUMENT && status != CAIRN_NO_MEMORY);
    if (status != CAIRN_OK)
        return 0;
    read_entries(&input, &list);
    check_texts(&input, &boot);
    if (!fuzz_check_boot(&boot, &list))
        return 0;
    fuzz_check_withheld(&boot, input.phys, 88);
    fuzz_check_withheld(&boot, fuzz_read32(&input, MAP),
                        fuzz_read32(&input, MAP_BYTES));
    if ((fuzz_read32(&input, 0) & HAS_MODULES) != 0)
        fuzz_check_withheld(&boot, fuzz_read32(&input, MODULES),
                            fuzz_read32(&input, MODULE_COUNT) * 16);
    return 0;
}
