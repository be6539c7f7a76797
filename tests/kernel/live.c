/*
 * live.c - tests of the running kernel: what the boot has really left behind.
 *
 * They walk through the page tables that CR3 leads to, by their own reading of
 * the manual, and hold them against the memory map.
 *
 * SOURCE Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging".
 */
#include "cpu/insn.h"
#include "harness/test.h"
#include "kernel.h"
#include "platform.h"
#include <cairn/boot.h>

#define PRESENT        ((uint64_t)1 << 0)
#define WRITABLE       ((uint64_t)1 << 1)
#define USER           ((uint64_t)1 << 2)
#define LARGE          ((uint64_t)1 << 7)
#define NO_EXECUTE     ((uint64_t)1 << 63)
#define ADDRESS        ((uint64_t)0x000ffffffffff000)
#define CR0_WP         ((uintptr_t)1 << 16)
#define MSR_EFER       0xc0000080u
#define CPUID_ECX_LA57 (1u << 16) /* of leaf 7 */
#define EFER_NXE       ((uint64_t)1 << 11)

struct walk {
    uint64_t tables;
    uint64_t leaves;
    uint64_t pages_low; /* leaves that map the lower half */
    bool (*visit_table)(uint64_t phys);
    bool (*visit_leaf)(uint64_t entry);
    bool is_good;
};

static int levels(void)
{
    return (insn_read_cr4() & INSN_CR4_LA57) != 0 ? 5 : 4;
}

static const uint64_t *table_at(uint64_t phys)
{
    return cairn_platform_phys_to_virt(cairn_phys_make(phys), 4096);
}

static bool accept(uint64_t value)
{
    (void)value;
    return true;
}

static void walk_table(struct walk *walk, uint64_t phys, int level, bool is_low)
{
    const uint64_t *table = table_at(phys);

    walk->tables++;
    CHECK(table != NULL);
    walk->is_good &= walk->visit_table(phys);
    for (int i = 0; i < 512; i++) {
        uint64_t entry = table[i];
        bool is_entry_low = level == levels() ? i < 256 : is_low;

        if ((entry & PRESENT) == 0)
            continue;
        if (level > 1 && (entry & LARGE) == 0) {
            walk_table(walk, entry & ADDRESS, level - 1, is_entry_low);
            continue;
        }
        walk->leaves++;
        walk->pages_low += is_entry_low;
        walk->is_good &= walk->visit_leaf(entry);
    }
}

static struct walk walk_all(bool (*visit_table)(uint64_t),
                            bool (*visit_leaf)(uint64_t))
{
    struct walk walk = {
        .visit_table = visit_table,
        .visit_leaf = visit_leaf,
        .is_good = true,
    };

    walk_table(&walk, insn_read_cr3() & ADDRESS, levels(), false);
    return walk;
}

/* The leaf's or table's entry for `virt`; 0: not mapped. */
static uint64_t leaf_of(uint64_t virt)
{
    uint64_t entry = insn_read_cr3() & ADDRESS;

    for (int shift = 3 + 9 * levels(); shift >= 12; shift -= 9) {
        entry = table_at(entry & ADDRESS)[virt >> shift & 511];
        if ((entry & PRESENT) == 0)
            return 0;
        if (shift < 39 && (entry & LARGE) != 0)
            break;
    }
    return entry;
}

static enum cairn_memory_kind kind_at(uint64_t phys)
{
    return cairn_memmap_kind_at(&kernel.boot.map, cairn_phys_make(phys));
}

/* ---- Who owns what ------------------------------------------------------- */

/* A table is a frame that was allocated as one. */
static bool is_table_owned(uint64_t phys)
{
    struct cairn_frame_info info =
        cairn_frames_info(&kernel.frames, cairn_pfn_of(cairn_phys_make(phys)));

    return kind_at(phys) == CAIRN_MEMORY_USABLE &&
           info.usage == CAIRN_FRAME_ALLOCATED &&
           info.owner == CAIRN_OWNER_TABLE;
}

CAIRN_TEST(A7_live_page_tables_are_never_handed_out)
{
    struct walk walk = walk_all(is_table_owned, accept);

    CHECK(walk.tables >= 4);
    CHECK(walk.is_good);
}

CAIRN_TEST(A7_live_kernel_image_and_stack_are_reserved)
{
    struct cairn_phys_range image = kernel_image_range();
    uint64_t here = (uintptr_t)__builtin_frame_address(0);

    for (uint64_t at = image.start.value; at < image.end.value; at += 4096)
        CHECK_EQ(kind_at(at), CAIRN_MEMORY_KERNEL);
    CHECK_EQ(cairn_frames_info(&kernel.frames, cairn_pfn_of(cairn_phys_make(
                                                   leaf_of(here) & ADDRESS)))
                 .owner,
             CAIRN_OWNER_STACK);
}

CAIRN_TEST(A7_live_frames_handed_out_are_ram)
{
    cairn_pfn pfns[64];
    uint64_t *word;

    for (uint64_t i = 0; i < 64; i++) {
        CHECK_EQ(cairn_frames_alloc(&kernel.frames, 0, 0, CAIRN_OWNER_KERNEL,
                                    &pfns[i]),
                 CAIRN_OK);
        CHECK_EQ(kind_at(cairn_phys_of(pfns[i]).value), CAIRN_MEMORY_USABLE);
        word = cairn_platform_phys_to_virt(cairn_phys_of(pfns[i]), 8);
        CHECK(word != NULL);
        *(volatile uint64_t *)word = ~i;
        CHECK_EQ(*(volatile uint64_t *)word, ~i);
    }
    for (unsigned i = 0; i < 64; i++)
        CHECK_EQ(cairn_frames_free(&kernel.frames, pfns[i]), CAIRN_OK);
}

/* ---- What is mapped ------------------------------------------------------ */

static bool is_write_xor_execute(uint64_t entry)
{
    return (entry & WRITABLE) == 0 || (entry & NO_EXECUTE) != 0;
}

/* Where bit 63 is reserved, no entry of a table has it. */
static bool is_without_nx(uint64_t phys)
{
    const uint64_t *table = table_at(phys);
    uint64_t all = 0;

    for (int i = 0; i < 512; i++)
        all |= table[i];
    return (all & NO_EXECUTE) == 0;
}

static bool has_nx(void)
{
    return (insn_cpuid(0x80000001, 0).edx >> 20 & 1) != 0;
}

static bool is_supervisor(uint64_t entry)
{
    return (entry & USER) == 0;
}

CAIRN_TEST(J1_live_nothing_is_writable_and_executable)
{
    struct walk walk = walk_all(has_nx() ? accept : is_without_nx,
                                has_nx() ? is_write_xor_execute : accept);

    CHECK(walk.leaves > 8);
    CHECK(walk.is_good);
    CHECK((insn_read_cr0() & CR0_WP) != 0);
    CHECK_EQ((insn_read_msr(MSR_EFER) & EFER_NXE) != 0, has_nx());
    CHECK_EQ(kernel.table.config.features.has_nx, has_nx());
}

CAIRN_TEST(J1_live_code_is_not_writable_through_the_window)
{
    struct cairn_phys_range image = kernel_image_range();
    uint64_t data = kernel_virtual_base() + cairn_phys_range_bytes(image) - 1;
    uint64_t window = kernel.window_base + image.start.value;

    CHECK(leaf_of(window) != 0);
    CHECK_EQ(leaf_of(window) & WRITABLE, 0);
    CHECK_EQ(leaf_of(kernel_virtual_base()) & WRITABLE, 0);
    CHECK_EQ(leaf_of(data) & WRITABLE, WRITABLE);
    CHECK_EQ(leaf_of(kernel.window_base + image.end.value - 1) & WRITABLE,
             WRITABLE);
}

CAIRN_TEST(J5_live_no_page_is_open_to_users)
{
    CHECK(walk_all(accept, is_supervisor).is_good);
}

CAIRN_TEST(N1_live_null_is_not_mapped)
{
    CHECK_EQ(leaf_of(0), 0);
    CHECK_EQ(walk_all(accept, accept).pages_low, 0);
}

CAIRN_TEST(E3_live_window_shows_the_image)
{
    struct cairn_phys_range image = kernel_image_range();
    const uint64_t *seen = table_at(image.start.value);

    CHECK(cairn_window_is_active(&kernel.window));
    CHECK(seen != NULL);
    CHECK_EQ(seen[0], *(const uint64_t *)kernel_virtual_base());
    CHECK_EQ(leaf_of((uintptr_t)seen) & NO_EXECUTE, has_nx() ? NO_EXECUTE : 0);
}

/* ---- The firmware's map -------------------------------------------------- */

/* What the kernel calls usable, the firmware called that, or reclaimable. */
static bool is_free_now(enum cairn_memory_kind kind)
{
    return kind == CAIRN_MEMORY_USABLE || kind == CAIRN_MEMORY_BOOT_SERVICES ||
           kind == CAIRN_MEMORY_LOADER || kind == CAIRN_MEMORY_ACPI_RECLAIM;
}

CAIRN_TEST(A10_live_uefi_map_is_visible_at_its_window)
{
    static struct cairn_boot boot;
    struct cairn_memory_range range;
    struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};

    if (kernel.map_window_entries == 0)
        return; /* not booted by the UEFI loader: there is no such window */
    CHECK_EQ(kernel.map_window & ~(uintptr_t)4095, CAIRN_HANDOFF_MAP_WINDOW);
    CHECK_EQ(cairn_boot_from_uefi((const void *)kernel.map_window,
                                  kernel.map_window_entries *
                                      kernel.map_window_stride,
                                  kernel.map_window_stride, &boot),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&boot.map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(boot.map.entries_added, kernel.boot.map.entries_added);
    while (cairn_memmap_next(&kernel.boot.map,
                             CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE), window,
                             &range)) {
        window.start = range.end;
        CHECK(is_free_now(cairn_memmap_kind_at(&boot.map, range.start)));
    }
}

/* ---- Levels -------------------------------------------------------------- */

/* Is the option on the command line, in front of the commands? */
static bool is_option(const char *option)
{
    for (const char *at = kernel.boot.command_line; *at != '\0'; at++) {
        size_t length = 0;

        while (option[length] != '\0' && at[length] == option[length])
            length++;
        if (option[length] == '\0')
            return true;
        if (at[0] == '-' && at[1] == '-' && at[2] == ' ')
            return false;
    }
    return false;
}

CAIRN_TEST(D1_live_levels_are_as_the_command_line_says)
{
    bool can = insn_cpuid(0, 0).eax >= 7 &&
               (insn_cpuid(7, 0).ecx & CPUID_ECX_LA57) != 0;

    CHECK_EQ(levels(), can && is_option("la57=on") ? 5 : 4);
}
