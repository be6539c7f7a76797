/*
 * paging_windows.c - where physical memory is reachable: the temporary window,
 * the whole window, regions on demand.
 */
#include "paging_build.h"
#include <cairn/physmap.h>
#include <cairn/ptwalk.h>
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
    const struct cairn_physmap_policy policy = {
        .kinds = CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE) |
                 CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_LOADER)};
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
    CHECK_EQ(cairn_physmap_window(&paging.table, &map, cairn_va_make(WINDOW),
                                  &policy),
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

/* ---- E4: how much a window maps ------------------------------------------ */

#define USABLE CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE)
#define LOADER CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_LOADER)

static struct cairn_memory_range e4_storage[32];
static struct cairn_memmap e4_map;

/* 47 MiB, and with `is_large` more, far away and with devices between. */
static void make_map(bool is_large)
{
    CHECK_EQ(cairn_memmap_init(&e4_map, e4_storage, 32), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&e4_map, CAIRN_MIB, 47 * CAIRN_MIB,
                              CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    if (is_large) {
        CHECK_EQ(cairn_memmap_add(&e4_map, 60 * CAIRN_MIB, 20 * CAIRN_MIB,
                                  CAIRN_MEMORY_USABLE),
                 CAIRN_OK);
        CHECK_EQ(cairn_memmap_add(&e4_map, 2 * CAIRN_GIB, 0x5000,
                                  CAIRN_MEMORY_LOADER),
                 CAIRN_OK);
        CHECK_EQ(cairn_memmap_add(&e4_map, 3 * CAIRN_GIB, 16 * CAIRN_MIB,
                                  CAIRN_MEMORY_USABLE),
                 CAIRN_OK);
        CHECK_EQ(
            cairn_memmap_add(&e4_map, 0xfee00000, 0x1000, CAIRN_MEMORY_MMIO),
            CAIRN_OK);
    }
    CHECK_EQ(cairn_memmap_finish(&e4_map, cairn_phys_make(0)), CAIRN_OK);
}

/* Map it in a new page table; returns how far it goes. */
static uint64_t map_window(const struct cairn_physmap_policy *policy)
{
    start();
    CHECK_EQ(cairn_physmap_window(&paging.table, &e4_map, cairn_va_make(WINDOW),
                                  policy),
             CAIRN_OK);
    return cairn_physmap_window_bytes(&e4_map, policy);
}

/* [start, end) is in the window, writable, not executable; and no byte more. */
static void expect_stretch(uint64_t first, uint64_t end)
{
    uint64_t root = cairn_pagetable_root(&paging.table).value;
    struct sim_mmu_view view;

    CHECK(first == 0 || !sim_mmu_look(root, WINDOW + first - 1, &view));
    CHECK(!sim_mmu_look(root, WINDOW + end, &view));
    for (uint64_t i = first; i < end; i += view.bytes) {
        CHECK(sim_mmu_look(root, WINDOW + i, &view));
        CHECK_EQ(view.phys, i);
        CHECK(view.writable && !view.executable && !view.user);
    }
}

CAIRN_TEST(E4_a_broad_window_is_one_alias_of_at_least_1_GiB)
{
    struct cairn_physmap_policy broad = cairn_physmap_broad(USABLE);

    make_map(false);
    CHECK_EQ(map_window(&broad), CAIRN_GIB);
    expect_stretch(0, CAIRN_GIB);
    paging_expect(WINDOW + 5, 5, CAIRN_GIB);
    make_map(true);
    CHECK_EQ(map_window(&broad), 3 * CAIRN_GIB + 16 * CAIRN_MIB);
    expect_stretch(0, 3 * CAIRN_GIB + 16 * CAIRN_MIB);
    paging_expect(WINDOW + 2 * CAIRN_GIB, 2 * CAIRN_GIB, CAIRN_GIB);
    paging_expect(WINDOW + 3 * CAIRN_GIB, 3 * CAIRN_GIB, LARGE);
}

CAIRN_TEST(E4_a_lean_window_has_its_regions_and_64_MiB)
{
    struct cairn_physmap_policy lean = cairn_physmap_lean(USABLE);
    struct cairn_physmap_policy more = cairn_physmap_lean(USABLE | LOADER);

    make_map(false);
    CHECK_EQ(map_window(&lean), 64 * CAIRN_MIB);
    expect_stretch(0, 64 * CAIRN_MIB);
    make_map(true);
    CHECK_EQ(map_window(&lean), 3 * CAIRN_GIB + 16 * CAIRN_MIB);
    expect_stretch(0, 80 * CAIRN_MIB);
    paging_expect(WINDOW + 62 * CAIRN_MIB, 62 * CAIRN_MIB, LARGE);
    expect_stretch(3 * CAIRN_GIB, 3 * CAIRN_GIB + 16 * CAIRN_MIB);
    paging_expect_hole(WINDOW + CAIRN_GIB);
    paging_expect_hole(WINDOW + 2 * CAIRN_GIB);
    (void)map_window(&more);
    expect_stretch(2 * CAIRN_GIB, 2 * CAIRN_GIB + 0x5000);
}

/* The loader's memory map, which a lean window may not have. */
CAIRN_TEST(E4_a_lean_window_and_one_for_the_memory_map)
{
    struct cairn_physmap_policy lean = cairn_physmap_lean(USABLE);
    uint64_t window = 0xffffff8800000000;
    struct cairn_physmap physmap;
    struct sim_mmu_view view;
    cairn_va at;

    make_map(true);
    (void)map_window(&lean);
    CHECK_EQ(cairn_physmap_init(&physmap, &paging.table, cairn_va_make(window),
                                CAIRN_MIB),
             CAIRN_OK);
    CHECK_EQ(cairn_physmap_map(&physmap, piece(2 * CAIRN_GIB + 0x88, 0x4f00),
                               CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL,
                               CAIRN_CACHE_WB, &at),
             CAIRN_OK);
    CHECK_EQ(at.value, window + 0x88);
    CHECK(paging_look(at.value + 0x4eff, &view));
    CHECK_EQ(view.phys, 2 * CAIRN_GIB + 0x4f87);
    CHECK(view.writable && !view.executable);
}

/* ---- D21: device registers ----------------------------------------------- */

static uint64_t leaf_at(uint64_t va)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    unsigned count =
        cairn_ptwalk(paging.config.mode, cairn_pagetable_root(&paging.table),
                     cairn_va_make(va), steps, &mapping);

    CHECK(mapping.is_mapped);
    return steps[count - 1].entry;
}

CAIRN_TEST(D21_registers_keep_their_offset_and_are_uncached)
{
    const uint64_t flags = 0x1 | 0x2 | 0x10 | (uint64_t)1 << 63;
    struct sim_mmu_access access = {.kind = SIM_MMU_WRITE};
    struct sim_mmu_result result;
    struct cairn_physmap physmap;
    cairn_va at;

    start();
    CHECK_EQ(cairn_physmap_init(&physmap, &paging.table,
                                cairn_va_make(0xffffff8000000000), CAIRN_MIB),
             CAIRN_OK);
    CHECK_EQ(cairn_physmap_map(&physmap, piece(0xfebc1ff8, 0x1010),
                               CAIRN_PAGE_WRITE, CAIRN_CACHE_UC, &at),
             CAIRN_OK);
    CHECK_EQ(at.value, 0xffffff8000000ff8);
    CHECK_EQ(
        cairn_range_page_count(&paging.table, at, 0x1010, CAIRN_FRAME_SIZE), 3);
    for (uint64_t i = 0; i < 0x1010; i += 8) {
        access.va = at.value + i;
        sim_mmu_access(0, &access, &result);
        CHECK(result.is_ok);
        CHECK_EQ(result.phys, 0xfebc1ff8 + i);
        CHECK_EQ(result.memory_type, SIM_MMU_UC);
    }
    CHECK_EQ(leaf_at(at.value) & ~(uint64_t)0x60, 0xfebc1000 | flags | 0x8);
    /* The weaker one, of which MTRRs may make WC, is PCD alone. */
    CHECK_EQ(cairn_physmap_map(&physmap, piece(0xfee00020, 4), CAIRN_PAGE_WRITE,
                               CAIRN_CACHE_UC_MINUS, &at),
             CAIRN_OK);
    CHECK_EQ(at.value & (CAIRN_FRAME_SIZE - 1), 0x20);
    CHECK_EQ(leaf_at(at.value), 0xfee00000 | flags);
}

/* ---- E9, E11: before there is a window, and without one ------------------ */

#define FAR         (64 * CAIRN_MIB) /* a frame beyond the identity mapping */
#define FAR_END     (128 * CAIRN_MIB)
#define SHOWN_BYTES (8 * CAIRN_TEMPORARY_DEPTH * 4096)

/* Where the host has memory for all CPUs' pages, in one table of level 1. */
static uint8_t shown_storage[2 * SHOWN_BYTES + 4096];

static uint8_t *shown_pages(void)
{
    uintptr_t first = ((uintptr_t)shown_storage + 4095) & ~(uintptr_t)4095;
    uintptr_t crossed = (first + SHOWN_BYTES) & ~(uintptr_t)(LARGE - 1);

    return (uint8_t *)(crossed > first ? crossed : first);
}

static void start_far(struct cairn_window *window)
{
    start();
    CHECK(sim_ram_add(FAR, CAIRN_FRAME_SIZE));
    memset(sim_ram_at(FAR, CAIRN_FRAME_SIZE), 0x5a, (size_t)CAIRN_FRAME_SIZE);
    cairn_window_init(window, FAR);
    sim_set_window(window);
}

static void expect_cleared(const uint8_t *memory, unsigned start_byte,
                           unsigned end_byte)
{
    for (unsigned i = 0; i < 4096; i++)
        CHECK_EQ(memory[i], i >= start_byte && i < end_byte ? 0 : 0x5a);
}

CAIRN_TEST(E9_zeros_by_the_window_or_the_temporary_one_or_identity)
{
    const uint8_t *memory;
    struct cairn_window window;
    uint8_t *shown = shown_pages();

    start_far(&window);
    memory = sim_ram_at(FAR, CAIRN_FRAME_SIZE);
    memset(shown, 0x5a, 4096);
    CHECK_EQ(cairn_temporary_init(&temporary, &paging.table,
                                  cairn_va_make((uintptr_t)shown)),
             CAIRN_OK);
    /* Identity reaches other frames, not this one. */
    memset(sim_ram_at(24 * CAIRN_MIB, 4096), 0x5a, 4096);
    CHECK_EQ(cairn_zero_phys(NULL, cairn_phys_make(24 * CAIRN_MIB + 16), 16),
             CAIRN_OK);
    expect_cleared(sim_ram_at(24 * CAIRN_MIB, 4096), 16, 32);
    CHECK_EQ(cairn_zero_phys(NULL, cairn_phys_make(FAR), 4096),
             CAIRN_NOT_REACHABLE);
    expect_cleared(memory, 0, 0);
    /* What is shown there is host memory, so that shows who was asked. */
    CHECK_EQ(cairn_zero_phys(&temporary, cairn_phys_make(FAR + 0x123), 0x40),
             CAIRN_OK);
    expect_cleared(shown, 0x123, 0x163);
    expect_cleared(memory, 0, 0);
    paging_expect_hole((uintptr_t)shown);
    /* With the window, nobody needs the other one. */
    CHECK_EQ(cairn_window_activate(&window, (cairn_virt){0x40000000}, FAR_END),
             CAIRN_OK);
    CHECK_EQ(cairn_zero_phys(&temporary, cairn_phys_make(FAR + 0x200), 0x80),
             CAIRN_OK);
    expect_cleared(memory, 0x200, 0x280);
    expect_cleared(shown, 0x123, 0x163);
    sim_set_window(NULL);
}

struct inner {
    unsigned calls;
    uint64_t phys[2];
};

/* Other uses, and of the same kind, are possible in one. */
static void look_inside(void *context, void *memory)
{
    uint64_t va = (uintptr_t)memory;
    struct inner *inner = context;
    unsigned call = inner->calls++;

    CHECK(reads(0, va, &inner->phys[call]));
    if (call == 0)
        cairn_temporary_with(&temporary, cairn_pfn_of(cairn_phys_make(0x7000)),
                             look_inside, inner);
}

CAIRN_TEST(E11_the_temporary_window_needs_no_identity)
{
    struct inner inner = {0, {0, 0}};
    struct cairn_temporary_use use;
    struct cairn_window nothing;
    uint64_t phys;
    size_t tables;

    start();
    CHECK_EQ(cairn_temporary_init(&temporary, &paging.table,
                                  cairn_va_make((uintptr_t)shown_pages())),
             CAIRN_OK);
    tables = paging.table.table_count + paging.table.aside_count;
    cairn_window_init(&nothing, 0);
    sim_set_window(&nothing);
    cairn_temporary_begin(&temporary, cairn_pfn_of(cairn_phys_make(FAR)), &use);
    CHECK(reads(0, use.va.value, &phys));
    CHECK_EQ(phys, FAR);
    cairn_temporary_replace(&temporary, &use, cairn_pfn_make(0x123));
    CHECK(reads(0, use.va.value, &phys));
    CHECK_EQ(phys, 0x123000);
    cairn_temporary_with(&temporary, cairn_pfn_make(0x456), look_inside,
                         &inner);
    cairn_temporary_end(&temporary, &use);
    CHECK(!reads(0, use.va.value, &phys));
    CHECK_EQ(inner.calls, 2);
    CHECK_EQ(inner.phys[0], 0x456000);
    CHECK_EQ(inner.phys[1], 0x7000);
    CHECK_EQ(paging.table.table_count + paging.table.aside_count, tables);
    sim_set_window(NULL);
}

/* Frames come full of rubbish; clearing them takes no use of the window. */
CAIRN_TEST(E11_its_own_tables_are_cleared_without_it)
{
    struct cairn_window window;
    char text[128];

    start_far(&window);
    memset(&temporary, 0x77, sizeof(temporary)); /* not to be used yet */
    CHECK_EQ(cairn_temporary_init(&temporary, &paging.table,
                                  cairn_va_make(0xfffffffe00000000)),
             CAIRN_OK);
    CHECK(!sim_are_interrupts_off());
    CHECK_EQ(temporary.depth[0], 0);
    CHECK_EQ(sim_mmu_lint(cairn_pagetable_root(&paging.table).value, text,
                          sizeof(text)),
             0);
    for (uint64_t i = 0; i < LARGE; i += CAIRN_FRAME_SIZE)
        paging_expect_hole(0xfffffffe00000000 + i);
    CHECK_EQ(paging.table.table_count, 4);
    sim_set_window(NULL);
}

CAIRN_TEST(E11_no_temporary_window_where_its_tables_cannot_be_reached)
{
    struct cairn_window window;
    cairn_va va = cairn_va_make(0xfffffffe00000000);
    size_t tables;
    unsigned frames;

    start_far(&window);
    window.identity_limit = CAIRN_MIB; /* the frames of tables are above */
    tables = paging.table.table_count;
    frames = paging_frames_out();
    CHECK_EQ(cairn_temporary_init(&temporary, cairn_pagetable_active(), va),
             CAIRN_NOT_REACHABLE);
    CHECK_EQ(paging.table.table_count, tables);
    CHECK_EQ(paging_frames_out(), frames);
    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
    CHECK_EQ(cairn_window_activate(&window, (cairn_virt){0x40000000}, FAR_END),
             CAIRN_OK);
    CHECK_EQ(cairn_temporary_init(&temporary, cairn_pagetable_active(), va),
             CAIRN_OK);
    sim_set_window(NULL);
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
