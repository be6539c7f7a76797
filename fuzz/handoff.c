/*
 * fuzz/handoff.c - any bytes as the hand-off of a UEFI loader.
 *
 * INPUT  The structure, then memory map and command line; the pointers to these
 *        two count from the start of the input.
 *
 * What cairn_handoff_check lets pass must be safe to use.
 */
#include "fuzz.h"

#define VIRT 0xffffffff80000000u

static void relocate(const struct fuzz_input *input)
{
    (void)fuzz_relocate(input, offsetof(struct cairn_handoff, map_base), 8);
    (void)fuzz_relocate(input, offsetof(struct cairn_handoff, command_line), 8);
}

static void read_entries(const struct cairn_handoff *handoff,
                         struct fuzz_entries *list)
{
    struct fuzz_input ram = {sim_ram_at(FUZZ_RAM_START, FUZZ_RAM_BYTES),
                             FUZZ_RAM_START, FUZZ_RAM_BYTES};
    uint64_t offset = handoff->map_base - ram.phys;

    list->count = 0;
    for (uint64_t i = 0; i < handoff->map_entries; i++)
        fuzz_add_uefi(list, &ram, offset + i * handoff->map_descriptor_bytes);
}

/* Everything that the loader owns, with sums that must not wrap. */
static void check_owned(const struct cairn_boot *boot,
                        const struct cairn_handoff *handoff)
{
    fuzz_check_range(boot, boot->kernel);
    fuzz_check_range(boot, boot->temp_heap);
    FUZZ_CHECK(boot->kernel.end.value <= boot->temp_heap.start.value ||
               boot->temp_heap.end.value <= boot->kernel.start.value);
    FUZZ_CHECK(boot->kernel.start.value == handoff->kernel_phys);
    fuzz_check_withheld(boot, handoff->kernel_entry, 1);
    fuzz_check_withheld(boot, handoff->map_base, handoff->map_bytes);
    fuzz_check_withheld(boot, handoff->framebuffer_base,
                        handoff->framebuffer_bytes);
    for (uint64_t i = 0; i < handoff->range_count; i++)
        fuzz_check_withheld(boot, handoff->ranges[i].start,
                            handoff->ranges[i].bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cairn_boot boot;
    static struct fuzz_entries list;
    struct cairn_handoff handoff;
    struct fuzz_input input;
    enum cairn_handoff_error error;
    enum cairn_status status;

    if (size < sizeof(handoff))
        return 0;
    input = fuzz_place(data, size, 1);
    relocate(&input);
    memcpy(&handoff, input.bytes, sizeof(handoff));
    error = cairn_handoff_check(&handoff, VIRT);
    FUZZ_CHECK((unsigned)error < CAIRN_HANDOFF_ERROR_COUNT);
    if (error != CAIRN_HANDOFF_OK)
        return 0;
    status = cairn_boot_from_handoff(&handoff, &boot);
    FUZZ_CHECK(status == CAIRN_OK || status == CAIRN_NOT_REACHABLE ||
               status == CAIRN_NO_SPACE);
    if (status != CAIRN_OK)
        return 0;
    FUZZ_CHECK(boot.framebuffer.is_present == (handoff.framebuffer_base != 0));
    read_entries(&handoff, &list);
    if (fuzz_check_boot(&boot, &list))
        check_owned(&boot, &handoff);
    return 0;
}
