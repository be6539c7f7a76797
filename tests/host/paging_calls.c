/*
 * paging_calls.c - what other systems call a builder, map_range, map_page,
 * alloc_page, identity_map_region, free_page, virtual_to_physical, is_mapped.
 */
#include "paging_build.h"
#include <cairn/map.h>
#include <cairn/ptwalk.h>

#define KIB4 CAIRN_FRAME_SIZE
#define MIB2 (2 * CAIRN_MIB)
#define MIB4 (4 * CAIRN_MIB)
#define GIB4 (4 * CAIRN_GIB)

static const struct cairn_page_policy data = {.rights = CAIRN_PAGE_WRITE};
static struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];

static cairn_va at(uint64_t va)
{
    return cairn_va_make(va);
}

static struct cairn_phys_range phys(uint64_t start, uint64_t bytes)
{
    return cairn_phys_range_make(start, start + bytes);
}

/* The last entry on the way to an address, and how long that is. */
static const struct cairn_ptwalk_step *
last_step(const struct cairn_pagetable *table, uint64_t va, unsigned *count)
{
    struct cairn_mapping mapping;

    *count = cairn_ptwalk(table->config.mode, cairn_pagetable_root(table),
                          at(va), steps, &mapping);
    CHECK(*count > 0);
    return &steps[*count - 1];
}

/* ---- D20: a builder, bound to a root and a source of frames -------------- */

struct pool {
    uint64_t base;
    unsigned taken;
    unsigned left;
};

static enum cairn_status none(void *context, cairn_pfn *out)
{
    (void)context;
    (void)out;
    return CAIRN_NO_MEMORY;
}

static enum cairn_status take(void *context, cairn_pfn *out)
{
    struct pool *pool = context;

    if (pool->left == 0)
        return CAIRN_NO_MEMORY;
    pool->left--;
    *out = cairn_pfn_of(cairn_phys_make(pool->base + pool->taken++ * KIB4));
    return CAIRN_OK;
}

static void expect_tables_in(const struct cairn_pagetable *table,
                             const struct pool *pool, uint64_t va)
{
    unsigned count;

    CHECK(last_step(table, va, &count)->is_leaf);
    for (unsigned i = 0; i < count; i++)
        CHECK(steps[i].entry_at.value - pool->base < pool->taken * KIB4);
}

CAIRN_TEST(D20_builders_have_a_root_and_a_source_each)
{
    struct pool pools[2] = {{16 * CAIRN_MIB, 0, 100}, {24 * CAIRN_MIB, 0, 100}};
    const cairn_pfn frames[] = {{7}, {5}, {900}};
    struct cairn_pagetable builders[2];
    cairn_phys out;

    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.release = NULL;
    for (unsigned i = 0; i < 2; i++) {
        struct cairn_phys_range range = phys((i + 1) * CAIRN_GIB, MIB2 + KIB4);

        paging.config.source = (struct cairn_source){none, take, &pools[i]};
        CHECK_EQ(cairn_pagetable_init(&builders[i], &paging.config), CAIRN_OK);
        CHECK_EQ(cairn_map_range(&builders[i], at(MIB2), range, &data),
                 CAIRN_OK);
        CHECK_EQ(cairn_map_frames(&builders[i], at((i + 5) * CAIRN_GIB), frames,
                                  3, &data),
                 CAIRN_OK);
    }
    for (unsigned i = 0; i < 2; i++) {
        uint64_t own = (i + 5) * CAIRN_GIB;

        expect_tables_in(&builders[i], &pools[i], 2 * MIB2);
        expect_tables_in(&builders[i], &pools[i], own + 2 * KIB4);
        CHECK_EQ(steps[3].entry & ~(uint64_t)0xfff & ~((uint64_t)1 << 63),
                 900 * KIB4);
        CHECK_EQ(pools[i].taken,
                 builders[i].table_count + builders[i].aside_count);
        CHECK(cairn_pagetable_translate(&builders[i], at(MIB2 + 5), &out));
        CHECK_EQ(out.value, (i + 1) * CAIRN_GIB + 5);
        CHECK(!cairn_is_mapped(&builders[i], at((6 - i) * CAIRN_GIB)));
    }
    pools[0].left = 0; /* the other one has some */
    CHECK_EQ(cairn_map_page(&builders[0], at(paging.base * 2),
                            cairn_phys_make(0), &data),
             CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_map_page(&builders[1], at(paging.base * 2),
                            cairn_phys_make(0), &data),
             CAIRN_OK);
    for (unsigned i = 0; i < 2; i++)
        cairn_pagetable_destroy(&builders[i]);
}

/* ---- D21, D22 ------------------------------------------------------------ */

CAIRN_TEST(D21_a_range_tells_how_many_pages_it_took)
{
    struct cairn_page_policy small = data;
    struct cairn_pagetable *table = &paging.table;
    uint64_t bytes = 2 * MIB2 + 2 * KIB4;
    uint64_t va = MIB2 - KIB4;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_range_page_count(table, at(va), bytes, 0), 0);
    CHECK_EQ(
        cairn_map_range(table, at(va), phys(CAIRN_GIB - KIB4, bytes), &data),
        CAIRN_OK);
    CHECK_EQ(cairn_range_page_count(table, at(va), bytes, 0), 4);
    CHECK_EQ(cairn_range_page_count(table, at(va), bytes, KIB4), 2);
    CHECK_EQ(cairn_range_page_count(table, at(va), bytes, MIB2), 2);
    CHECK_EQ(cairn_range_page_count(table, at(va), bytes, CAIRN_GIB), 0);
    CHECK_EQ(cairn_range_page_count(table, at(0), 5 * CAIRN_GIB, 0), 4);
    /* Touched is touched. */
    CHECK_EQ(cairn_range_page_count(table, at(MIB2 - 1), 2, 0), 2);
    CHECK_EQ(cairn_range_page_count(table, at(MIB2 - 1), 1, 0), 1);
    CHECK_EQ(cairn_range_page_count(table, at(MIB2 + 5), 0, 0), 0);
    CHECK_EQ(cairn_range_page_count(table, at((uint64_t)1 << 47), KIB4, 0), 0);
    /* Where all are small, it is bytes by 4 KiB. */
    small.page_limit = KIB4;
    CHECK_EQ(
        cairn_map_range(table, at(CAIRN_GIB), phys(CAIRN_GIB, bytes), &small),
        CAIRN_OK);
    CHECK_EQ(cairn_range_page_count(table, at(CAIRN_GIB), bytes, 0),
             bytes / KIB4);
    paging_end();
}

CAIRN_TEST(D22_one_page_of_the_page_table_in_use)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        uint64_t va;

        paging_start((enum cairn_paging_mode)mode);
        va = paging.base + 3 * KIB4;
        CHECK(cairn_pagetable_active() == &paging.table);
        CHECK(!paging_can(0, va, SIM_MMU_READ));
        CHECK_EQ(cairn_map_page(cairn_pagetable_active(), at(va),
                                cairn_phys_make(0x40005000), &data),
                 CAIRN_OK);
        CHECK(paging_can(0, va, SIM_MMU_WRITE));
        CHECK_EQ(cairn_unmap_page(cairn_pagetable_active(), at(va), NULL),
                 CAIRN_OK);
        CHECK(!paging_can(0, va, SIM_MMU_READ));
        CHECK_EQ(cairn_unmap_page(cairn_pagetable_active(), at(va), NULL),
                 CAIRN_NOT_FOUND);
        paging_end();
    }
}

/* ---- D9: no tables for what is not split --------------------------------- */

CAIRN_TEST(D9_whole_large_pages_are_unmapped_without_tables)
{
    const uint64_t border = (uint64_t)1 << 39; /* between slots of the root */
    uint64_t va = border - CAIRN_GIB;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(paging_map(border - KIB4, CAIRN_GIB + KIB4, 2 * KIB4, 0),
             CAIRN_OK);
    CHECK_EQ(paging_map(va, CAIRN_GIB, MIB2, 0), CAIRN_OK);
    paging_fail_after(0);
    CHECK_EQ(paging_protect(va, 2 * CAIRN_GIB, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK_EQ(paging_unmap(va, 2 * CAIRN_GIB), CAIRN_OK);
    CHECK_EQ(paging.table.table_count, 1);
    paging_fail_after(~0u);
    paging_end();
    paging_machine(CAIRN_PAGING_32BIT);
    paging.config.features.has_pse = false;
    paging_start_configured();
    CHECK_EQ(paging_map(MIB4 - KIB4, CAIRN_GIB, 2 * KIB4, 0), CAIRN_OK);
    paging_fail_after(0);
    CHECK_EQ(paging_unmap(MIB4 - KIB4, 2 * KIB4), CAIRN_OK);
    paging_fail_after(~0u);
    paging_end();
}

/* ---- M: two levels ------------------------------------------------------- */

static void start_32bit(void)
{
    paging_machine(CAIRN_PAGING_32BIT);
    paging.config.user_end = 0xc0000000;
    paging_start_configured();
}

static bool user_can(uint64_t va, enum sim_mmu_kind kind)
{
    const struct sim_mmu_access access = {
        .va = va, .kind = kind, .is_user = true};
    struct sim_mmu_result result;

    sim_mmu_access(0, &access, &result);
    return result.is_ok;
}

static uint64_t entry_wanted(unsigned rights, enum cairn_cache cache)
{
    const uint64_t types[CAIRN_CACHE_COUNT] = {
        [CAIRN_CACHE_WB] = 0,          [CAIRN_CACHE_WT] = 0x8,
        [CAIRN_CACHE_WC] = 0x80 | 0x8, [CAIRN_CACHE_UC_MINUS] = 0x10,
        [CAIRN_CACHE_UC] = 0x10 | 0x8,
    };

    return 0x40005000 | 0x1 | types[cache] |
           ((rights & CAIRN_PAGE_WRITE) != 0 ? 0x2 : 0) |
           ((rights & CAIRN_PAGE_USER) != 0 ? 0x4 : 0) |
           ((rights & CAIRN_PAGE_GLOBAL) != 0 ? 0x100 : 0);
}

/* P, RW, US, PWT, PCD, PAT, G as asked for; A and D as the CPU finds them. */
CAIRN_TEST(M2_bits_of_pages_of_two_levels)
{
    unsigned count;

    start_32bit();
    for (unsigned i = 0; i < 16 * CAIRN_CACHE_COUNT; i++) {
        struct cairn_page_policy policy = {.rights = i % 16,
                                           .cache = (enum cairn_cache)(i / 16)};
        bool is_global = (policy.rights & CAIRN_PAGE_GLOBAL) != 0;
        uint64_t va = is_global ? 0xc0123000 : 0x40123000;
        uint64_t wanted = entry_wanted(policy.rights, policy.cache);

        if (is_global && (policy.rights & CAIRN_PAGE_USER) != 0)
            continue;
        CHECK_EQ(cairn_map_page(&paging.table, at(va),
                                cairn_phys_make(0x40005000), &policy),
                 CAIRN_OK);
        CHECK_EQ(last_step(&paging.table, va, &count)->entry, wanted);
        CHECK_EQ(count, 2);
        CHECK(paging_can(0, va, SIM_MMU_READ));
        CHECK_EQ(last_step(&paging.table, va, &count)->entry, wanted | 0x20);
        if (paging_can(0, va, SIM_MMU_WRITE))
            wanted |= 0x40;
        CHECK_EQ((wanted & 0x40) != 0, (policy.rights & CAIRN_PAGE_WRITE) != 0);
        CHECK_EQ(last_step(&paging.table, va, &count)->entry, wanted | 0x20);
        CHECK_EQ(cairn_unmap_page(&paging.table, at(va), NULL), CAIRN_OK);
    }
    paging_end();
}

/* Directory entries grant all that pages of their table may ever want. */
CAIRN_TEST(M2_later_pages_of_a_table_may_have_more_rights)
{
    const struct cairn_page_policy least = {.rights = 0};
    const struct cairn_page_policy user = {.rights = CAIRN_PAGE_WRITE |
                                                     CAIRN_PAGE_USER};
    unsigned count;

    start_32bit();
    CHECK_EQ(cairn_map_page(&paging.table, at(0x40000000),
                            cairn_phys_make(0x5000), &least),
             CAIRN_OK);
    CHECK(!user_can(0x40000000, SIM_MMU_READ));
    CHECK(!paging_can(0, 0x40000000, SIM_MMU_WRITE));
    CHECK_EQ(cairn_map_page(&paging.table, at(0x40001000),
                            cairn_phys_make(0x6000), &user),
             CAIRN_OK);
    CHECK(user_can(0x40001000, SIM_MMU_WRITE));
    CHECK(!user_can(0x40000000, SIM_MMU_READ));
    CHECK(!paging_can(0, 0x40000000, SIM_MMU_WRITE));
    CHECK_EQ(paging.table.table_count, 2);
    (void)last_step(&paging.table, 0x40000000, &count);
    CHECK_EQ(steps[0].entry & 0x7, 0x7);
    /* Of the kernel's part, users have nothing. */
    CHECK_EQ(cairn_map_page(&paging.table, at(0xc0000000),
                            cairn_phys_make(0x5000), &data),
             CAIRN_OK);
    (void)last_step(&paging.table, 0xc0000000, &count);
    CHECK_EQ(steps[0].entry & 0x7, 0x3);
    paging_end();
}

static void expect_identity(uint64_t start, uint64_t end)
{
    for (uint64_t i = start; i < end; i += KIB4)
        paging_expect(i, i,
                      i >= (start + MIB4 - 1) / MIB4 * MIB4 &&
                              i < end / MIB4 * MIB4
                          ? MIB4
                          : KIB4);
}

/* Ends are exclusive; who has the last byte of a region adds 1. */
CAIRN_TEST(M4_identity_up_to_the_last_page)
{
    const uint64_t starts[] = {GIB4 - KIB4, GIB4 - MIB4, GIB4 - 2 * MIB4 - KIB4,
                               GIB4 - MIB4 + KIB4};

    paging_start(CAIRN_PAGING_32BIT);
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        uint64_t bytes = GIB4 - starts[i];

        CHECK_EQ(
            cairn_map_identity(&paging.table, phys(starts[i], bytes), &data),
            CAIRN_OK);
        expect_identity(starts[i], GIB4);
        paging_expect_hole(starts[i] - 1);
        paging_expect_hole(0);
        CHECK(cairn_range_has_rights(&paging.table, at(starts[i]), bytes,
                                     CAIRN_PAGE_WRITE));
        CHECK(!cairn_range_has_rights(&paging.table, at(starts[i]), bytes + 1,
                                      CAIRN_PAGE_WRITE));
        CHECK_EQ(
            cairn_unmap_range(&paging.table, at(starts[i]), bytes, NULL, NULL),
            CAIRN_OK);
        CHECK_EQ(paging.table.table_count, 1);
    }
    CHECK_EQ(
        cairn_map_identity(&paging.table, phys(GIB4 - KIB4, 2 * KIB4), &data),
        CAIRN_BAD_ARGUMENT);
    paging_expect_hole(GIB4 - KIB4);
    CHECK_EQ(cairn_map_identity(&paging.table, phys(0, GIB4), &data), CAIRN_OK);
    CHECK_EQ(cairn_range_page_count(&paging.table, at(0), GIB4, MIB4), 1024);
    CHECK_EQ(cairn_unmap_range(&paging.table, at(0), GIB4, NULL, NULL),
             CAIRN_OK);
    CHECK_EQ(cairn_map_identity(&paging.table, phys(0x3ff000, 0x3000), &data),
             CAIRN_OK);
    expect_identity(0x3ff000, 0x402000);
    paging_expect_hole(0x3fefff);
    paging_expect_hole(0x402000);
    paging_end();
}

CAIRN_TEST(M5_free_page_translation_and_status)
{
    const uint64_t sizes[] = {KIB4, MIB4};
    struct cairn_pagetable *table = &paging.table;

    paging_start(CAIRN_PAGING_32BIT);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t va = 0xfffff000 & ~(sizes[i] - 1);
        uint64_t inside = va + sizes[i] - 5;
        struct cairn_mapping removed;
        cairn_phys out = {12345};

        CHECK(!cairn_is_mapped(table, at(inside)));
        CHECK(!cairn_pagetable_translate(table, at(inside), &out));
        CHECK_EQ(out.value, 12345);
        CHECK_EQ(cairn_unmap_page(table, at(inside), &removed),
                 CAIRN_NOT_FOUND);
        CHECK_EQ(paging_map(va, 0x80000000, sizes[i], CAIRN_PAGE_WRITE),
                 CAIRN_OK);
        CHECK(cairn_is_mapped(table, at(va)));
        CHECK(cairn_is_mapped(table, at(inside)));
        CHECK(!cairn_is_mapped(table, at(va - 1)));
        CHECK(cairn_pagetable_translate(table, at(inside), &out));
        CHECK_EQ(out.value, 0x80000000 + sizes[i] - 5);
        CHECK(paging_can(0, inside, SIM_MMU_WRITE));
        CHECK_EQ(cairn_unmap_page(table, at(inside), &removed), CAIRN_OK);
        CHECK_EQ(removed.page_bytes, sizes[i]);
        CHECK_EQ(removed.phys.value, 0x80000000);
        CHECK(!paging_can(0, va, SIM_MMU_READ));
        CHECK(!cairn_is_mapped(table, at(va)));
        CHECK_EQ(cairn_unmap_page(table, at(inside), NULL), CAIRN_NOT_FOUND);
        CHECK_EQ(table->table_count, 1);
    }
    CHECK(!cairn_is_mapped(table, at(GIB4)));
    CHECK_EQ(cairn_unmap_page(table, at(GIB4), NULL), CAIRN_BAD_ARGUMENT);
    paging_end();
}
