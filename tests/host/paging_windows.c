/*
 * paging_windows.c - where physical memory is reachable: the temporary window,
 * the whole window, regions on demand.
 */
#include "paging_build.h"
#include <cairn/physmap.h>
#include <cairn/temporary.h>
#include <string.h>

#define WINDOW 0xffff800000000000u

#define LARGE (2 * CAIRN_MIB)

static struct cairn_temporary temporary;

static bool reads(unsigned cpu, uint64_t va, uint64_t *phys)
{
    struct sim_mmu_access access = {.va = va, .kind = SIM_MMU_WRITE};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    *phys = result.phys;
    return result.is_ok;
}

static void start(void)
{
    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.user_end = (uint64_t)1 << 47;
    CHECK_EQ(cairn_pagetable_init(&paging.table, &paging.config), CAIRN_OK);
    cairn_pagetable_activate(&paging.table);
    sim_mmu_set_adversary(50);
}

CAIRN_TEST(E10_the_temporary_window_shows_one_frame_after_another)
{
    struct cairn_temporary_use use;
    uint64_t phys;

    start();
    CHECK_EQ(cairn_temporary_init(&temporary, &paging.table,
                                  cairn_va_make(0xfffffffe00000000)),
             CAIRN_OK);
    for (unsigned i = 0; i < 100; i++) {
        cairn_temporary_begin(&temporary, cairn_pfn_make(0x50000 + i), &use);
        CHECK_EQ(use.va.value, 0xfffffffe00000000);
        CHECK(reads(0, use.va.value + 8, &phys));
        CHECK_EQ(phys, (0x50000000u + i * 4096) + 8);
        cairn_temporary_replace(&temporary, &use, cairn_pfn_make(0x60000 + i));
        CHECK(reads(0, use.va.value, &phys));
        CHECK_EQ(phys, 0x60000000u + i * 4096);
        cairn_temporary_end(&temporary, &use);
        CHECK(!reads(0, use.va.value, &phys));
        CHECK_EQ(paging.table.table_count, 4); /* its tables stay */
    }
    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
}

CAIRN_TEST(E10_uses_of_the_temporary_window_nest)
{
    struct cairn_temporary_use uses[CAIRN_TEMPORARY_DEPTH];
    struct cairn_temporary_use more;
    uint64_t phys;

    start();
    sim_set_cpu(3);
    cairn_pagetable_activate(&paging.table);
    CHECK_EQ(cairn_temporary_init(&temporary, &paging.table,
                                  cairn_va_make(0xfffffffe00000000)),
             CAIRN_OK);
    for (unsigned i = 0; i < CAIRN_TEMPORARY_DEPTH; i++)
        cairn_temporary_begin(&temporary, cairn_pfn_make(0x50000 + i),
                              &uses[i]);
    CHECK(sim_are_interrupts_off());
    CHECK_PANIC(cairn_temporary_begin(&temporary, cairn_pfn_make(1), &more),
                "more than 4");
    CHECK_PANIC(cairn_temporary_end(&temporary, &uses[0]), "out of order");
    for (unsigned i = CAIRN_TEMPORARY_DEPTH; i-- > 0;) {
        CHECK(reads(3, uses[i].va.value, &phys));
        CHECK_EQ(phys, 0x50000000u + i * 4096);
        cairn_temporary_end(&temporary, &uses[i]);
    }
    CHECK(!sim_are_interrupts_off());
    sim_set_cpu(0);
}

CAIRN_TEST(E10_the_temporary_window_survives_unmapping_around_it)
{
    struct cairn_temporary_use use;
    uint64_t phys;

    start();
    CHECK_EQ(cairn_temporary_init(&temporary, &paging.table,
                                  cairn_va_make(0xfffffffe00000000)),
             CAIRN_OK);
    CHECK_EQ(cairn_unmap_range(&paging.table, cairn_va_make(0xffffff8000000000),
                               (uint64_t)1 << 39, NULL, NULL),
             CAIRN_OK);
    cairn_temporary_begin(&temporary, cairn_pfn_make(0x50000), &use);
    CHECK(reads(0, use.va.value, &phys));
    CHECK_EQ(phys, 0x50000000);
    cairn_temporary_end(&temporary, &use);
    CHECK_EQ(cairn_temporary_init(&temporary, &paging.table,
                                  cairn_va_make(0xfffffffe001ff000)),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(E8_exactly_the_bytes_are_zeroed)
{
    uint64_t base = 16 * CAIRN_MIB;
    uint8_t *memory;

    start();
    base += 100 * CAIRN_FRAME_SIZE;
    memory = sim_ram_at(base, 4 * CAIRN_FRAME_SIZE);
    memset(memory, 0x5a, 4 * 4096);
    CHECK_EQ(cairn_zero_phys(NULL, cairn_phys_make(base + 0xffd), 0x1007),
             CAIRN_OK);
    for (unsigned i = 0; i < 4 * 4096; i++)
        CHECK_EQ(memory[i], i >= 0xffd && i < 0xffd + 0x1007 ? 0 : 0x5a);
    CHECK_EQ(cairn_zero_phys(NULL, cairn_phys_make(16 * CAIRN_MIB - 1), 2),
             CAIRN_NOT_REACHABLE);
    CHECK_EQ(cairn_zero_phys(NULL, cairn_phys_make(UINT64_MAX), 2),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(E5_the_window_covers_what_it_shall_in_large_pages)
{
    static struct cairn_memory_range storage[32];
    struct cairn_memmap map;
    struct sim_mmu_view view;
    uint64_t root;

    start();
    root = cairn_pagetable_root(&paging.table).value;
    CHECK_EQ(cairn_memmap_init(&map, storage, 32), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, 0x100000, 0x300000, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, 0x400000, 0x100000, CAIRN_MEMORY_LOADER),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, 0x500000, 0x300000, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, 0x900000, 0x100000, CAIRN_MEMORY_RESERVED),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, CAIRN_GIB, CAIRN_GIB, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(
        cairn_physmap_window(&paging.table, &map,
                             CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE) |
                                 CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_LOADER),
                             cairn_va_make(WINDOW), 0),
        CAIRN_OK);
    CHECK(!sim_mmu_look(root, WINDOW, &view));
    CHECK(!sim_mmu_look(root, WINDOW + 0x900000, &view));
    for (uint64_t i = 0x100000; i < 0x800000; i += 4096) {
        CHECK(sim_mmu_look(root, WINDOW + i, &view));
        CHECK_EQ(view.phys, i);
        CHECK_EQ(view.bytes, i < 0x200000 ? 4096 : 0x200000);
        CHECK(view.writable && !view.executable && !view.user);
    }
    CHECK(sim_mmu_look(root, WINDOW + CAIRN_GIB + 5, &view));
    CHECK_EQ(view.bytes, CAIRN_GIB);
}

static struct cairn_phys_range piece(uint64_t start, uint64_t bytes)
{
    return cairn_phys_range_make(start, start + bytes);
}

CAIRN_TEST(E12_regions_come_and_go)
{
    struct cairn_physmap physmap;
    struct sim_mmu_view view;
    cairn_va first;
    cairn_va second;
    uint64_t root;

    start();
    root = cairn_pagetable_root(&paging.table).value;
    CHECK_EQ(cairn_physmap_init(&physmap, &paging.table,
                                cairn_va_make(0xffffff8000000000),
                                16 * CAIRN_FRAME_SIZE),
             CAIRN_OK);
    /* Unaligned, over the end of a page. */
    CHECK_EQ(cairn_physmap_map(&physmap, piece(0xfee00ffe, 4), CAIRN_PAGE_WRITE,
                               CAIRN_CACHE_UC, &first),
             CAIRN_OK);
    CHECK_EQ(first.value, 0xffffff8000000ffe);
    CHECK(sim_mmu_look(root, first.value + 3, &view));
    CHECK_EQ(view.phys, 0xfee01001);
    CHECK_EQ(view.memory_type, SIM_MMU_UC);
    CHECK_EQ(cairn_physmap_map(&physmap, piece(0x1000, 1), 0, CAIRN_CACHE_WB,
                               &second),
             CAIRN_OK);
    CHECK_EQ(second.value, 0xffffff8000002000);
    CHECK(sim_mmu_look(root, second.value, &view));
    CHECK(!view.writable && !view.executable);
    CHECK_EQ(cairn_physmap_map(&physmap, piece(0, 14 * 4096), 0, CAIRN_CACHE_WB,
                               &second),
             CAIRN_NO_SPACE);
    CHECK_EQ(cairn_physmap_unmap(&physmap, cairn_va_make(first.value + 1)),
             CAIRN_OK);
    CHECK_EQ(cairn_physmap_unmap(&physmap, first), CAIRN_NOT_FOUND);
    CHECK(!sim_mmu_look(root, first.value, &view));
    CHECK_EQ(cairn_physmap_map(&physmap, piece(0x5000, 4096), 0, CAIRN_CACHE_WB,
                               &first),
             CAIRN_OK);
    CHECK_EQ(first.value, 0xffffff8000000000);
}

/* ---- Tables in a window -------------------------------------------------- */

CAIRN_TEST(E2_translation_through_a_window)
{
    struct cairn_window window;
    uint8_t *first;
    cairn_phys phys;

    paging_machine(CAIRN_PAGING_4LEVEL);
    first = sim_ram_at(16 * CAIRN_MIB, CAIRN_FRAME_SIZE);
    cairn_window_init(&window, 0);
    window.base = (uintptr_t)first - (uintptr_t)(16 * CAIRN_MIB);
    window.limit = 16 * CAIRN_MIB + PAGING_FRAMES * CAIRN_FRAME_SIZE;
    window.is_active = true;
    paging.config.window = &window;
    paging_start_configured();
    CHECK_EQ(paging_map(CAIRN_GIB, LARGE, CAIRN_FRAME_SIZE, 0), CAIRN_OK);
    paging_expect(CAIRN_GIB + 3, LARGE + 3, CAIRN_FRAME_SIZE);
    CHECK(
        !cairn_pagetable_translate(&paging.table, cairn_va_make(LARGE), &phys));
    CHECK_EQ(paging_map(2 * CAIRN_GIB, 0, CAIRN_GIB, 0), CAIRN_OK);
    paging_expect(2 * CAIRN_GIB + LARGE + 3, LARGE + 3, CAIRN_GIB);
    paging_end();
}

CAIRN_TEST(E2_all_tables_are_in_the_window)
{
    struct cairn_window window;
    struct cairn_pagetable other;
    unsigned before;

    paging_machine(CAIRN_PAGING_4LEVEL);
    cairn_window_init(&window, 0);
    window.limit = 16 * CAIRN_MIB; /* where frames of tables begin */
    window.is_active = true;
    paging.config.window = &window;
    before = paging_frames_out();
    CHECK_EQ(cairn_pagetable_init(&other, &paging.config), CAIRN_NOT_REACHABLE);
    CHECK_EQ(paging_frames_out(), before);
}
