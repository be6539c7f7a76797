/*
 * windows.c - the window to physical memory, and devices in it.
 *
 * HOW    The library maps the window by a policy.  What must differ is changed
 *        behind it, which splits large pages where need be: rights of the
 *        image, and the registers of interrupt controllers, which a cache would
 *        make useless.
 *
 *        A broad window may have devices as ordinary memory; what keeps them
 *        uncached then are MTRRs, but for those that are mapped here.
 *
 * SOURCE Intel SDM vol. 3A, "Local APIC Status and Location" (IA32_APIC_BASE);
 *        82093AA I/O Advanced Programmable Interrupt Controller, 3.0 (the
 *        address after reset).
 *
 * NOT    No ACPI: an I/O APIC elsewhere is not found.  Where the map has
 *        memory, no device is mapped.
 */
#include "windows.h"

#include "cpu/insn.h"
#include "kernel.h"
#include "platform.h"
#include <cairn/physmap.h>

#define CPUID_EDX_APIC (1u << 9) /* of leaf 1 */
#define MSR_APIC_BASE  0x1bu
#define APIC_ADDRESS   ((uint64_t)0x000ffffffffff000)
#define IO_APIC        0xfec00000u

/* ---- Devices ------------------------------------------------------------- */

/* The registers there, unless that is memory. */
static struct cairn_phys_range registers_at(uint64_t start)
{
    struct cairn_phys_range range =
        cairn_phys_range_make(start, start + WINDOWS_DEVICE_BYTES);
    struct cairn_memory_range memory;

    if (cairn_memmap_next(&kernel.boot.map, KERNEL_WINDOW_KINDS, range,
                          &memory))
        range.end = range.start;
    return range;
}

struct windows_device windows_device(unsigned number)
{
    struct windows_device local = {.name = "local apic"};
    struct windows_device io = {.name = "io apic"};

    if ((insn_cpuid(1, 0).edx & CPUID_EDX_APIC) != 0) {
        local.range = registers_at(insn_read_msr(MSR_APIC_BASE) & APIC_ADDRESS);
        io.range = registers_at(IO_APIC);
    }
    return (number == 0) == (io.range.start.value <= local.range.start.value)
               ? io
               : local;
}

void windows_map_devices(struct cairn_pagetable *table, uint64_t base)
{
    const struct cairn_page_policy policy = {
        .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL,
        .cache = CAIRN_CACHE_UC,
        .existing = CAIRN_EXISTING_REPLACE,
    };

    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct windows_device device = windows_device(i);

        kernel_require(
            cairn_map_range(table,
                            cairn_va_make(base + device.range.start.value),
                            device.range, &policy),
            device.name);
    }
}

/* ---- The window ---------------------------------------------------------- */

static struct cairn_physmap_policy policy_of_option(void)
{
    struct cairn_physmap_policy policy = {.kinds = KERNEL_WINDOW_KINDS};

    switch (kernel.window_kind) {
    case KERNEL_WINDOW_BROAD:
        return cairn_physmap_broad(KERNEL_WINDOW_KINDS);
    case KERNEL_WINDOW_LEAN:
        return cairn_physmap_lean(KERNEL_WINDOW_KINDS);
    default:
        return policy;
    }
}

uint64_t windows_bytes(void)
{
    struct cairn_physmap_policy policy = policy_of_option();

    return cairn_physmap_window_bytes(&kernel.boot.map, &policy);
}

void windows_map(struct cairn_pagetable *table)
{
    struct cairn_physmap_policy policy = policy_of_option();
    uint64_t image = kernel_image_range().start.value;

    kernel_require(cairn_physmap_window(table, &kernel.boot.map,
                                        cairn_va_make(kernel.window_base),
                                        &policy),
                   "window, mapping");
    kernel_require(
        cairn_protect_range(table, cairn_va_make(kernel.window_base + image),
                            (uint64_t)(kernel_rodata_end - kernel_image_begin),
                            CAIRN_PAGE_GLOBAL),
        "window, image");
    windows_map_devices(table, kernel.window_base);
}

/* [0, end) is covered, too; the first range begins there. */
static void cover_from_0(uint64_t end)
{
    struct cairn_phys_range *ranges = kernel.window_ranges;
    size_t count = kernel.window.range_count;
    size_t used = 0;

    while (used < count && ranges[used].start.value <= end) {
        if (ranges[used].end.value > end)
            end = ranges[used].end.value;
        used++;
    }
    if (used == 0)
        kernel_panic("window: no memory below %#llx", (unsigned long long)end);
    ranges[0] = cairn_phys_range_make(0, end);
    for (size_t i = used; i < count; i++)
        ranges[i - used + 1] = ranges[i];
    kernel.window.range_count = count - used + 1;
}

void windows_use(void)
{
    uint64_t bytes = windows_bytes();

    cairn_window_init(&kernel.window, 0);
    kernel_require(cairn_window_activate(&kernel.window,
                                         cairn_virt_make(kernel.window_base),
                                         bytes),
                   "window");
    if (kernel.window_kind == KERNEL_WINDOW_BROAD)
        return;
    kernel_require(cairn_window_cover(&kernel.window, &kernel.boot.map,
                                      KERNEL_WINDOW_KINDS, kernel.window_ranges,
                                      KERNEL_WINDOW_RANGES),
                   "window");
    if (kernel.window_kind == KERNEL_WINDOW_LEAN)
        cover_from_0(CAIRN_PHYSMAP_LEAN_LEAST);
}
