/*
 * fuzz/uefi.c - any bytes as a UEFI memory map.
 *
 * INPUT  2 bytes: the stride; the rest: the buffer, at any alignment.
 *
 * The outcome is known beforehand: a stride below 40 or an incomplete last
 * descriptor is bad data, anything else is a map.
 */
#include "fuzz.h"

static enum cairn_status expected(size_t bytes, uint64_t stride)
{
    if (bytes == 0)
        return CAIRN_NO_MEMORY_MAP;
    return stride < 40 || bytes % stride != 0 ? CAIRN_BAD_BOOT_DATA : CAIRN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cairn_boot boot;
    static struct fuzz_entries list;
    struct fuzz_input input = fuzz_place(data, size, 1);
    size_t bytes = input.size < 2 ? 0 : input.size - 2;
    uint64_t stride = fuzz_read(&input, 0, 2);
    enum cairn_status status =
        cairn_boot_from_uefi(input.bytes + 2, bytes, stride, &boot);

    if (status == CAIRN_NO_SPACE)
        return 0;
    FUZZ_CHECK(status == expected(bytes, stride));
    if (status != CAIRN_OK)
        return 0;
    list.count = 0;
    for (size_t offset = 2; offset < input.size; offset += stride)
        fuzz_add_uefi(&list, &input, offset);
    (void)fuzz_check_boot(&boot, &list);
    return 0;
}
