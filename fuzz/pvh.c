/*
 * fuzz/pvh.c - any bytes as PVH start information.
 *
 * INPUT  The structure, then whatever it points to; pointers count from the
 *        start of the input.
 */
#include "fuzz.h"

#define MAGIC 0x336ec578u

enum {
    MODULE_COUNT = 12,
    MODULES = 16,
    COMMAND_LINE = 24,
    MAP = 40,
    MAP_COUNT = 48
};

/* The pointers of the structure, and those of modules to their names. */
static void relocate(const struct fuzz_input *input)
{
    uint32_t count = fuzz_read32(input, MODULE_COUNT);
    uint64_t table;

    (void)fuzz_relocate(input, COMMAND_LINE, 8);
    (void)fuzz_relocate(input, MAP, 8);
    table = fuzz_relocate(input, MODULES, 8);
    if (table < 56 || table > input->size) /* in the structure, or outside */
        return;
    for (uint32_t i = 0; i < count && table + 32 <= input->size; i++) {
        (void)fuzz_relocate(input, table + 16, 8);
        table += 32;
    }
}

static void read_entries(const struct fuzz_input *input,
                         struct fuzz_entries *list)
{
    struct fuzz_input ram = {sim_ram_at(FUZZ_RAM_START, FUZZ_RAM_BYTES),
                             FUZZ_RAM_START, FUZZ_RAM_BYTES};
    uint64_t offset = fuzz_read64(input, MAP) - ram.phys;
    uint32_t count = fuzz_read32(input, MAP_COUNT);

    list->count = 0;
    for (uint32_t i = 0; i < count; i++)
        fuzz_add_e820(list, &ram, offset + (uint64_t)i * 24);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cairn_boot boot;
    static struct fuzz_entries list;
    struct fuzz_input input = fuzz_place(data, size, 1);
    cairn_phys start = {input.phys};
    bool is_pvh = cairn_boot_is_pvh(start);
    enum cairn_status status;

    relocate(&input);
    FUZZ_CHECK(is_pvh == (input.size >= 40 && fuzz_read32(&input, 0) == MAGIC));
    status = cairn_boot_from_pvh(start, &boot);
    FUZZ_CHECK((status == CAIRN_BAD_ARGUMENT) == (input.size >= 40 && !is_pvh));
    FUZZ_CHECK(status != CAIRN_NO_MEMORY);
    if (status != CAIRN_OK)
        return 0;
    FUZZ_CHECK(input.size >= 56 && fuzz_read32(&input, 4) >= 1);
    read_entries(&input, &list);
    fuzz_check_text(boot.command_line, sizeof(boot.command_line),
                    fuzz_read64(&input, COMMAND_LINE));
    if (!fuzz_check_boot(&boot, &list))
        return 0;
    fuzz_check_withheld(&boot, input.phys, 56);
    fuzz_check_withheld(&boot, fuzz_read64(&input, MAP), list.count * 24);
    fuzz_check_withheld(&boot, fuzz_read64(&input, MODULES),
                        fuzz_read32(&input, MODULE_COUNT) * (uint64_t)32);
    return 0;
}
