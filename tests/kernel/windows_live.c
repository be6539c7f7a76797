/*
 * windows_live.c - interrupt controllers through the window, and what kind of
 * window it is.
 *
 * SOURCE Intel SDM vol. 3A, "Local APIC Version Register"; 82093AA I/O APIC,
 *        3.0, "I/O APIC Version Register"; Intel SDM vol. 3A, "4-Level Paging
 *        and 5-Level Paging", formats of entries.
 */
#include "windows.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel/space.h"
#include "monitor/text.h"
#include <cairn/physmap.h>

#define MSR_APIC_BASE 0x1bu
#define APIC_X2APIC   ((uint64_t)1 << 10)
#define LOCAL_ID      (0x20 / 4)
#define LOCAL_VERSION (0x30 / 4)
#define IO_SELECT     0
#define IO_DATA       (0x10 / 4)
#define IO_VERSION    1

#define ENTRY_DEVICE 0x11bu /* P, RW, PWT, PCD, G */
#define ENTRY_FLAGS  0x19fu /* ... and US, PAT */
#define ENTRY_NX     ((uint64_t)1 << 63)

/* Of the leaf that maps it; the page is a small one. */
static uint64_t leaf_at(uint64_t va)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    unsigned count =
        cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                     cairn_va_make(va), steps, &mapping);

    CHECK(count > 0 && mapping.is_mapped);
    CHECK_EQ(mapping.page_bytes, CAIRN_FRAME_SIZE);
    return steps[count - 1].entry;
}

/* Registers of the one that is called so, in a window at `base`. */
static volatile uint32_t *registers(const char *name, uint64_t base)
{
    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct windows_device device = windows_device(i);

        if (text_is_equal(device.name, name))
            return (volatile uint32_t *)(uintptr_t)(base +
                                                    device.range.start.value);
    }
    test_fail(__FILE__, __LINE__, "no %s", name);
}

static void check_registers(uint64_t base)
{
    volatile uint32_t *local = registers("local apic", base);
    volatile uint32_t *io = registers("io apic", base);
    bool is_mmio = (insn_read_msr(MSR_APIC_BASE) & APIC_X2APIC) == 0;

    if (is_mmio) {
        /* Integrated: 0x10 to 0x15, and at least four local interrupts. */
        CHECK_EQ(local[LOCAL_VERSION] & 0xf0, 0x10);
        CHECK((local[LOCAL_VERSION] >> 16 & 0xff) >= 3);
        CHECK_EQ(local[LOCAL_ID] >> 24, insn_cpuid(1, 0).ebx >> 24);
    }
    io[IO_SELECT] = IO_VERSION;
    CHECK_EQ(io[IO_SELECT] & 0xff, IO_VERSION);
    CHECK((io[IO_DATA] & 0xff) >= 0x11);
    CHECK_EQ(io[IO_DATA] >> 16 & 0xff, 23);
}

static void check_flags(uint64_t base)
{
    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct windows_device device = windows_device(i);
        uint64_t start = device.range.start.value;

        CHECK_EQ(cairn_phys_range_bytes(device.range), WINDOWS_DEVICE_BYTES);
        for (uint64_t at = start; at < device.range.end.value; at += 4096) {
            uint64_t entry = leaf_at(base + at);

            CHECK_EQ(entry & 0x000ffffffffff000, at);
            CHECK_EQ(entry & ENTRY_FLAGS, ENTRY_DEVICE);
            CHECK_EQ(entry & ENTRY_NX, space_has_nx() ? ENTRY_NX : 0);
        }
    }
}

CAIRN_TEST(F9_live_interrupt_controllers_are_seen_through_the_window)
{
    check_flags(kernel.window_base);
    check_registers(kernel.window_base);
    CHECK_EQ((uintptr_t)registers("io apic", kernel.window_base),
             kernel.window_base + 0xfec00000);
    CHECK_EQ((uintptr_t)registers("local apic", kernel.window_base),
             kernel.window_base + 0xfee00000);
}

/* All around them is one page of 1 GiB, or are pages of 2 MiB. */
CAIRN_TEST(F9_live_devices_are_cut_out_of_large_pages)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE |
                                                       CAIRN_PAGE_GLOBAL};
    struct cairn_mapping mapping;
    uint64_t base;

    space_start();
    base = space.kernel_base;
    CHECK_EQ(cairn_map_range(
                 &space.table, cairn_va_make(base + 3 * CAIRN_GIB),
                 cairn_phys_range_make(3 * CAIRN_GIB, 4 * CAIRN_GIB), &policy),
             CAIRN_OK);
    CHECK_EQ(space_look(base + 0xfec00000).page_bytes,
             space.table.config.features.has_1gib ? CAIRN_GIB : 2 * CAIRN_MIB);
    windows_map_devices(&space.table, base);
    check_flags(base);
    check_registers(base);
    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct cairn_phys_range range = windows_device(i).range;

        CHECK_EQ(space_look(base + range.start.value - 1).cache,
                 CAIRN_CACHE_WB);
        mapping = space_look(base + range.end.value);
        CHECK_EQ(mapping.cache, CAIRN_CACHE_WB);
        CHECK_EQ(mapping.phys.value, range.end.value);
    }
    CHECK_EQ(space_look(base + 3 * CAIRN_GIB).page_bytes, 2 * CAIRN_MIB);
    space_unmap(base + 3 * CAIRN_GIB, CAIRN_GIB);
    space_end();
}

/* What conversions say is there is mapped; a hole is where none should be. */
CAIRN_TEST(E4_L9_live_the_window_is_as_the_option_says)
{
    uint64_t limit = kernel.window.limit;
    uint64_t ram_end =
        cairn_memmap_end(&kernel.boot.map, KERNEL_WINDOW_KINDS).value;
    uint64_t solid = 0; /* from 0 on, no hole */
    struct cairn_mapping mapping;

    CHECK_EQ(limit, windows_bytes());
    if (kernel.window_kind == KERNEL_WINDOW_BROAD) {
        solid = ram_end > CAIRN_GIB ? ram_end : CAIRN_GIB;
        CHECK_EQ(limit, solid);
    } else if (kernel.window_kind == KERNEL_WINDOW_LEAN) {
        solid = CAIRN_PHYSMAP_LEAN_LEAST;
        CHECK(limit >= solid);
        CHECK(cairn_platform_phys_to_virt(cairn_phys_make(0), (size_t)solid) !=
              NULL);
    } else {
        CHECK_EQ(limit, ram_end);
        CHECK(cairn_platform_phys_to_virt(cairn_phys_make(0xa0000), 1) == NULL);
    }
    for (uint64_t at = 0; at < solid; at += mapping.bytes) {
        CHECK(cairn_map_look(&kernel.table,
                             cairn_va_make(kernel.window_base + at), &mapping));
        CHECK(mapping.is_mapped);
        CHECK_EQ(mapping.phys.value, at);
        CHECK_EQ(mapping.rights & CAIRN_PAGE_USER, 0);
    }
}
