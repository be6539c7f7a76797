/*
 * memmap/handoff.c - is the hand-off of a UEFI loader right?
 *
 * HOW    One function a group of fields, in the order of the structure.  Each
 *        returns the first rule that is broken; a rule may rely on those
 *        before it.
 *
 * TESTS  tests/handoff.c breaks each field by itself; so does the loader's
 *        option break=RULE on live firmware.  fuzz/handoff.c
 */
#include <cairn/handoff.h>

#include "base/align.h"

/* Is [start, start + bytes) inside physical memory? */
static bool is_physical(uint64_t start, uint64_t bytes)
{
    return start < CAIRN_PHYS_LIMIT && bytes <= CAIRN_PHYS_LIMIT - start;
}

static bool is_page_aligned(uint64_t value)
{
    return cairn__is_aligned(value, CAIRN_FRAME_SIZE);
}

static enum cairn_handoff_error
check_identity(const struct cairn_handoff *handoff)
{
    if (handoff == NULL || handoff->magic != CAIRN_HANDOFF_MAGIC)
        return CAIRN_HANDOFF_BAD_MAGIC;
    if (handoff->size != sizeof(*handoff))
        return CAIRN_HANDOFF_BAD_SIZE;
    if (handoff->version != CAIRN_HANDOFF_VERSION)
        return CAIRN_HANDOFF_BAD_VERSION;
    if (handoff->cpu_count == 0)
        return CAIRN_HANDOFF_NO_CPU;
    if (handoff->boot_services_exited != 1)
        return CAIRN_HANDOFF_BOOT_SERVICES_ACTIVE;
    return CAIRN_HANDOFF_OK;
}

static bool has_screen(const struct cairn_handoff *handoff)
{
    return (handoff->framebuffer_base | handoff->framebuffer_bytes |
            handoff->framebuffer_width | handoff->framebuffer_height |
            handoff->framebuffer_stride) != 0;
}

static enum cairn_handoff_error
check_screen(const struct cairn_handoff *handoff)
{
    uint64_t needed;

    if (handoff->framebuffer_is_rgb > 1)
        return CAIRN_HANDOFF_FRAMEBUFFER_BAD_FORMAT;
    if (!has_screen(handoff))
        return CAIRN_HANDOFF_OK;
    if (handoff->framebuffer_base == 0)
        return CAIRN_HANDOFF_FRAMEBUFFER_NO_BASE;
    if (handoff->framebuffer_bytes == 0 ||
        !is_physical(handoff->framebuffer_base, handoff->framebuffer_bytes))
        return CAIRN_HANDOFF_FRAMEBUFFER_NO_SIZE;
    if (handoff->framebuffer_width == 0)
        return CAIRN_HANDOFF_FRAMEBUFFER_NO_WIDTH;
    if (handoff->framebuffer_height == 0)
        return CAIRN_HANDOFF_FRAMEBUFFER_NO_HEIGHT;
    if (handoff->framebuffer_stride < handoff->framebuffer_width ||
        handoff->framebuffer_stride > UINT32_MAX / 4)
        return CAIRN_HANDOFF_FRAMEBUFFER_BAD_STRIDE;
    needed =
        (uint64_t)handoff->framebuffer_stride * 4 * handoff->framebuffer_height;
    if (handoff->framebuffer_bytes < needed)
        return CAIRN_HANDOFF_FRAMEBUFFER_TOO_SMALL;
    return CAIRN_HANDOFF_OK;
}

static enum cairn_handoff_error check_map(const struct cairn_handoff *handoff)
{
    if (handoff->map_base == 0 ||
        !is_physical(handoff->map_base, handoff->map_bytes))
        return CAIRN_HANDOFF_MAP_NO_BUFFER;
    if (handoff->map_descriptor_bytes < 40)
        return CAIRN_HANDOFF_MAP_NO_DESCRIPTOR_SIZE;
    if (handoff->map_descriptor_version != 1)
        return CAIRN_HANDOFF_MAP_BAD_DESCRIPTOR_VERSION;
    if (handoff->map_entries == 0)
        return CAIRN_HANDOFF_MAP_NO_ENTRIES;
    if (handoff->map_entries > UINT32_MAX ||
        handoff->map_bytes <
            handoff->map_entries * handoff->map_descriptor_bytes)
        return CAIRN_HANDOFF_MAP_TOO_SMALL;
    return CAIRN_HANDOFF_OK;
}

static enum cairn_handoff_error
check_kernel(const struct cairn_handoff *handoff, uint64_t expected_virt)
{
    uint64_t bytes = handoff->kernel_bytes;

    if (handoff->kernel_phys == 0 || !is_page_aligned(handoff->kernel_phys))
        return CAIRN_HANDOFF_KERNEL_NO_BASE;
    if (bytes == 0)
        return CAIRN_HANDOFF_KERNEL_NO_SIZE;
    if (!is_page_aligned(bytes) || !is_physical(handoff->kernel_phys, bytes))
        return CAIRN_HANDOFF_KERNEL_BAD_SIZE;
    if (handoff->kernel_entry == 0)
        return CAIRN_HANDOFF_KERNEL_NO_ENTRY;
    if (handoff->kernel_entry < handoff->kernel_phys ||
        handoff->kernel_entry - handoff->kernel_phys >= bytes)
        return CAIRN_HANDOFF_KERNEL_ENTRY_OUTSIDE;
    if (handoff->kernel_virt != expected_virt)
        return CAIRN_HANDOFF_KERNEL_BAD_VIRT;
    return CAIRN_HANDOFF_OK;
}

/* After check_kernel: the two must not overlap. */
static enum cairn_handoff_error check_heap(const struct cairn_handoff *handoff)
{
    uint64_t start = handoff->temp_heap_base;
    uint64_t bytes = handoff->temp_heap_bytes;

    if (start == 0 || !is_page_aligned(start))
        return CAIRN_HANDOFF_HEAP_NO_BASE;
    if (bytes == 0 || !is_page_aligned(bytes) || !is_physical(start, bytes))
        return CAIRN_HANDOFF_HEAP_BAD_SIZE;
    if (start < handoff->kernel_phys + handoff->kernel_bytes &&
        handoff->kernel_phys < start + bytes)
        return CAIRN_HANDOFF_HEAP_OVERLAPS_KERNEL;
    return CAIRN_HANDOFF_OK;
}

static bool are_ranges_valid(const struct cairn_handoff *handoff)
{
    for (size_t i = 0; i < handoff->range_count; i++) {
        if (handoff->ranges[i].bytes == 0 ||
            !is_page_aligned(handoff->ranges[i].start) ||
            !is_physical(handoff->ranges[i].start, handoff->ranges[i].bytes))
            return false;
    }
    return true;
}

static enum cairn_handoff_error check_rest(const struct cairn_handoff *handoff)
{
    bool has_text = handoff->command_line != 0;

    if (handoff->window_base == 0 || !is_page_aligned(handoff->window_base))
        return CAIRN_HANDOFF_WINDOW_NO_BASE;
    if (handoff->window_bytes == 0 || handoff->window_bytes > CAIRN_PHYS_LIMIT)
        return CAIRN_HANDOFF_WINDOW_NO_SIZE;
    if (handoff->system_table == 0 || !is_physical(handoff->system_table, 1))
        return CAIRN_HANDOFF_BAD_SYSTEM_TABLE;
    if (!is_physical(handoff->rsdp, 1))
        return CAIRN_HANDOFF_BAD_RSDP;
    if (has_text != (handoff->command_line_bytes != 0) ||
        !is_physical(handoff->command_line, handoff->command_line_bytes))
        return CAIRN_HANDOFF_BAD_COMMAND_LINE;
    if (handoff->range_count > CAIRN_HANDOFF_RANGES_MAX)
        return CAIRN_HANDOFF_TOO_MANY_RANGES;
    if (!are_ranges_valid(handoff))
        return CAIRN_HANDOFF_BAD_RANGE;
    return CAIRN_HANDOFF_OK;
}

enum cairn_handoff_error
cairn_handoff_check(const struct cairn_handoff *handoff, uint64_t expected_virt)
{
    enum cairn_handoff_error error = check_identity(handoff);

    if (error == CAIRN_HANDOFF_OK)
        error = check_screen(handoff);
    if (error == CAIRN_HANDOFF_OK)
        error = check_map(handoff);
    if (error == CAIRN_HANDOFF_OK)
        error = check_kernel(handoff, expected_virt);
    if (error == CAIRN_HANDOFF_OK)
        error = check_heap(handoff);
    if (error == CAIRN_HANDOFF_OK)
        error = check_rest(handoff);
    return error;
}

#define TEXT(name, text) [CAIRN_HANDOFF_##name] = (text)

const char *cairn_handoff_error_text(enum cairn_handoff_error error)
{
    static const char *const texts[CAIRN_HANDOFF_ERROR_COUNT] = {
        TEXT(OK, "ok"),
        TEXT(BAD_MAGIC, "this is no hand-off: wrong magic number"),
        TEXT(BAD_SIZE, "size differs: loader and kernel are not of one build"),
        TEXT(BAD_VERSION, "version is not the one this kernel knows"),
        TEXT(NO_CPU, "number of CPUs is 0"),
        TEXT(BOOT_SERVICES_ACTIVE, "boot services were not exited"),
        TEXT(FRAMEBUFFER_BAD_FORMAT, "framebuffer has an unknown format"),
        TEXT(FRAMEBUFFER_NO_BASE, "framebuffer has no address"),
        TEXT(FRAMEBUFFER_NO_SIZE, "framebuffer has no valid size"),
        TEXT(FRAMEBUFFER_NO_WIDTH, "framebuffer has a width of 0"),
        TEXT(FRAMEBUFFER_NO_HEIGHT, "framebuffer has a height of 0"),
        TEXT(FRAMEBUFFER_BAD_STRIDE, "framebuffer stride is below its width"),
        TEXT(FRAMEBUFFER_TOO_SMALL, "framebuffer does not hold its lines"),
        TEXT(MAP_NO_BUFFER, "memory map has no buffer"),
        TEXT(MAP_NO_DESCRIPTOR_SIZE, "memory map has no descriptor size"),
        TEXT(MAP_BAD_DESCRIPTOR_VERSION,
             "memory map has an unknown descriptor version"),
        TEXT(MAP_NO_ENTRIES, "memory map has no entries"),
        TEXT(MAP_TOO_SMALL, "memory map is smaller than its entries"),
        TEXT(KERNEL_NO_BASE, "kernel has no valid physical address"),
        TEXT(KERNEL_NO_SIZE, "kernel has a size of 0"),
        TEXT(KERNEL_BAD_SIZE, "kernel is not a number of pages"),
        TEXT(KERNEL_NO_ENTRY, "kernel has no entry point"),
        TEXT(KERNEL_ENTRY_OUTSIDE, "kernel's entry point is outside of it"),
        TEXT(KERNEL_BAD_VIRT, "kernel runs elsewhere than the loader says"),
        TEXT(HEAP_NO_BASE, "temporary heap has no valid address"),
        TEXT(HEAP_BAD_SIZE, "temporary heap is not a number of pages"),
        TEXT(HEAP_OVERLAPS_KERNEL, "temporary heap overlaps the kernel"),
        TEXT(WINDOW_NO_BASE, "window has no valid address"),
        TEXT(WINDOW_NO_SIZE, "window has no valid size"),
        TEXT(BAD_SYSTEM_TABLE, "UEFI system table has no valid address"),
        TEXT(BAD_RSDP, "ACPI root pointer is no physical address"),
        TEXT(BAD_COMMAND_LINE, "command line has an address or a size only"),
        TEXT(TOO_MANY_RANGES, "more loader ranges than the table holds"),
        TEXT(BAD_RANGE, "a loader range is empty or not page-aligned"),
    };

    if ((unsigned)error >= CAIRN_HANDOFF_ERROR_COUNT)
        return "unknown error";
    return texts[error];
}
