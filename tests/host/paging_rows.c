/*
 * paging_rows.c - the rows about page tables, on the entries in memory and on
 * what the simulated MMU makes of them.
 */
#include "paging_build.h"

#include "base/memory.h"

#define KIB4 CAIRN_FRAME_SIZE
#define MIB2 (2 * CAIRN_MIB)
#define MIB4 (4 * CAIRN_MIB)

#define P       ((uint64_t)1 << 0)
#define RW      ((uint64_t)1 << 1)
#define US      ((uint64_t)1 << 2)
#define PWT     ((uint64_t)1 << 3)
#define PCD     ((uint64_t)1 << 4)
#define PS      ((uint64_t)1 << 7)
#define PAT     ((uint64_t)1 << 7)
#define G       ((uint64_t)1 << 8)
#define PAT_L   ((uint64_t)1 << 12)
#define NX      ((uint64_t)1 << 63)
#define ADDRESS ((((uint64_t)1 << 52) - 1) & ~(uint64_t)(CAIRN_FRAME_SIZE - 1))

static uint64_t root_of(void)
{
    return cairn_pagetable_root(&paging.table).value;
}

static uint64_t wide(uint64_t table, unsigned index)
{
    const uint64_t *entry = sim_ram_at(table + index * 8, 8);

    CHECK(entry != NULL);
    return *entry;
}

static uint64_t narrow(uint64_t table, unsigned index)
{
    const uint32_t *entry = sim_ram_at(table + index * 4, 4);

    CHECK(entry != NULL);
    return *entry;
}

/* ---- D1, D2, D3 ---------------------------------------------------------- */

static uint64_t of_indices(const unsigned *indices, unsigned levels)
{
    uint64_t va = 0;

    for (unsigned i = 0; i < levels; i++)
        va = va << 9 | indices[i];
    va <<= 12;
    return (va >> (levels * 9 + 11) & 1) != 0
               ? va | ~(uint64_t)0 << (levels * 9 + 12)
               : va;
}

static void each_index_is_used(enum cairn_paging_mode mode, unsigned levels)
{
    for (unsigned round = 0; round < 40; round++) {
        unsigned indices[5];
        uint64_t table;
        uint64_t va;

        paging_start(mode);
        for (unsigned i = 0; i < levels; i++)
            indices[i] = test_random_below(512);
        if (round < 2)
            memset(indices, 0, sizeof(indices));
        if (round == 1)
            indices[levels - 1] = indices[0] = 511;
        va = of_indices(indices, levels);
        CHECK_EQ(paging_map(va, 5 * CAIRN_GIB, KIB4, PAGING_RW), CAIRN_OK);
        table = root_of();
        for (unsigned i = 0; i < levels; i++) {
            uint64_t entry = wide(table, indices[i]);

            for (unsigned j = 0; j < 512; j++)
                CHECK(j == indices[i] || wide(table, j) == 0);
            CHECK_EQ(entry & (P | RW), P | RW);
            CHECK_EQ((entry & US) != 0, i + 1 < levels && va >> 63 == 0);
            table = entry & ADDRESS;
        }
        CHECK_EQ(table, 5 * CAIRN_GIB);
        paging_verify();
        paging_end();
    }
}

CAIRN_TEST(D1_indices_of_4_levels)
{
    each_index_is_used(CAIRN_PAGING_4LEVEL, 4);
}

CAIRN_TEST(D1_indices_of_5_levels)
{
    each_index_is_used(CAIRN_PAGING_5LEVEL, 5);
}

/* The leaf of the first page of a region, of whatever size. */
static uint64_t leaf_at(uint64_t va, unsigned level)
{
    uint64_t table = root_of();

    for (unsigned i = 4; i > level; i--)
        table = wide(table, (unsigned)(va >> (3 + 9 * i)) & 511) & ADDRESS;
    return wide(table, (unsigned)(va >> (3 + 9 * level)) & 511);
}

static uint64_t bits_wanted(unsigned rights, enum cairn_cache cache,
                            uint64_t pat)
{
    const uint64_t types[CAIRN_CACHE_COUNT] = {
        [CAIRN_CACHE_WB] = 0,         [CAIRN_CACHE_WT] = PWT,
        [CAIRN_CACHE_WC] = pat | PWT, [CAIRN_CACHE_UC_MINUS] = PCD,
        [CAIRN_CACHE_UC] = PCD | PWT,
    };

    return P | types[cache] | ((rights & CAIRN_PAGE_WRITE) != 0 ? RW : 0) |
           ((rights & CAIRN_PAGE_USER) != 0 ? US : 0) |
           ((rights & CAIRN_PAGE_GLOBAL) != 0 ? G : 0) |
           ((rights & CAIRN_PAGE_EXEC) == 0 ? NX : 0);
}

static void map_one_kind(uint64_t va, uint64_t bytes,
                         const struct cairn_page_policy *policy)
{
    uint64_t phys = 512 * CAIRN_GIB;
    uint64_t size = bytes == KIB4 ? 0 : PS;
    unsigned level = bytes == KIB4 ? 1 : bytes == MIB2 ? 2 : 3;
    struct cairn_mapping mapping;
    struct cairn_cursor cursor;

    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va),
                                bytes, CAIRN_INTENT_MAP),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_map(&cursor, cairn_phys_make(phys), bytes, policy),
             CAIRN_OK);
    cairn_cursor_end(&cursor);
    CHECK_EQ(leaf_at(va, level), phys | size |
                                     bits_wanted(policy->rights, policy->cache,
                                                 level == 1 ? PAT : PAT_L));
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va),
                                bytes, CAIRN_INTENT_LOOK),
             CAIRN_OK);
    cairn_cursor_query(&cursor, &mapping);
    cairn_cursor_end(&cursor);
    CHECK(mapping.is_mapped && !mapping.is_accessed && !mapping.is_dirty);
    CHECK_EQ(mapping.phys.value, phys);
    CHECK_EQ(mapping.page_bytes, bytes);
    CHECK_EQ(mapping.bytes, bytes);
    CHECK_EQ(mapping.rights, policy->rights);
    CHECK_EQ(mapping.cache, policy->cache);
    CHECK_EQ(paging_unmap(va, bytes), CAIRN_OK);
}

CAIRN_TEST(D2_D3_bits_of_every_kind_of_page)
{
    const uint64_t sizes[] = {KIB4, MIB2, CAIRN_GIB};

    paging_start(CAIRN_PAGING_4LEVEL);
    for (unsigned i = 0; i < 3 * 16 * CAIRN_CACHE_COUNT; i++) {
        struct cairn_page_policy policy = {
            .rights = i % 16,
            .cache = (enum cairn_cache)(i / 16 % CAIRN_CACHE_COUNT),
        };
        uint64_t bytes = sizes[i / 16 / CAIRN_CACHE_COUNT];
        bool is_kernel = (policy.rights & CAIRN_PAGE_GLOBAL) != 0;

        if (is_kernel && (policy.rights & CAIRN_PAGE_USER) != 0)
            continue;
        map_one_kind(is_kernel ? 0xffffffff80000000 : CAIRN_GIB, bytes,
                     &policy);
    }
    paging_verify();
    paging_end();
}

CAIRN_TEST(D2_the_highest_physical_page_and_NX_do_not_mix)
{
    uint64_t phys = ((uint64_t)1 << 52) - KIB4;

    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.features.phys_bits = 52;
    paging_start_configured();
    CHECK_EQ(paging_map(CAIRN_GIB, phys, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK_EQ(leaf_at(CAIRN_GIB, 1), phys | P | RW | NX);
    CHECK_EQ(paging_map(2 * CAIRN_GIB, phys, 2 * KIB4, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(2 * CAIRN_GIB, phys + KIB4, KIB4, 0),
             CAIRN_BAD_ARGUMENT);
    paging_end();
}

CAIRN_TEST(D2_bits_of_what_the_CPU_lacks_stay_clear)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_GLOBAL,
                                             .cache = CAIRN_CACHE_WC};
    struct cairn_mapping mapping;
    struct cairn_cursor cursor;
    uint64_t va = 0xffffffff80000000;

    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.features.has_nx = false;
    paging.config.features.has_global = false;
    paging.config.features.has_pat = false;
    paging_start_configured();
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va), MIB2,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_map(&cursor, cairn_phys_make(MIB2), MIB2, &policy),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(va)), CAIRN_BAD_ARGUMENT);
    cairn_cursor_end(&cursor);
    CHECK_EQ(leaf_at(va, 2), MIB2 | P | PS | PCD);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va), MIB2,
                                CAIRN_INTENT_LOOK),
             CAIRN_OK);
    cairn_cursor_query(&cursor, &mapping);
    cairn_cursor_end(&cursor);
    CHECK_EQ(mapping.rights, CAIRN_PAGE_EXEC);
    CHECK_EQ(mapping.cache, CAIRN_CACHE_UC_MINUS);
    paging_end();
}

/* ---- D4, D5, D6: sizes of pages ------------------------------------------ */

CAIRN_TEST(D4_large_pages_only_where_both_addresses_are_aligned)
{
    uint64_t va = 3 * CAIRN_GIB;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(paging_map(va, 8 * MIB2, MIB2, 0), CAIRN_OK);
    paging_expect(va + 77, 8 * MIB2 + 77, MIB2);
    CHECK_EQ(paging_map(va + MIB2, 8 * MIB2 + KIB4, MIB2, 0), CAIRN_OK);
    paging_expect(va + MIB2, 8 * MIB2 + KIB4, KIB4);
    CHECK_EQ(paging_map(va + 2 * MIB2 + KIB4, 8 * MIB2, MIB2, 0), CAIRN_OK);
    paging_expect(va + 2 * MIB2 + KIB4, 8 * MIB2, KIB4);
    CHECK_EQ(paging_map(va + 4 * MIB2, 8 * MIB2, MIB2 - KIB4, 0), CAIRN_OK);
    paging_expect(va + 4 * MIB2, 8 * MIB2, KIB4);
    paging_expect_hole(va + 5 * MIB2 - KIB4);
    paging_verify();
    paging_end();
}

CAIRN_TEST(D5_pages_of_1_GiB_only_if_the_CPU_has_them)
{
    for (unsigned i = 0; i < 2; i++) {
        paging_machine(CAIRN_PAGING_4LEVEL);
        paging.config.features.has_1gib = i == 1;
        paging_start_configured();
        CHECK_EQ(paging_map(2 * CAIRN_GIB, 6 * CAIRN_GIB, 2 * CAIRN_GIB, 0),
                 CAIRN_OK);
        paging_expect(3 * CAIRN_GIB + 5 * MIB2 + 9,
                      7 * CAIRN_GIB + 5 * MIB2 + 9, i == 1 ? CAIRN_GIB : MIB2);
        CHECK_EQ(paging.table.table_count, i == 1 ? 2 : 4);
        paging_verify();
        paging_end();
    }
}

static void expect_sizes(uint64_t va, uint64_t bytes, const uint64_t *bounds)
{
    const uint64_t sizes[] = {KIB4, MIB2, CAIRN_GIB, MIB2, KIB4};
    unsigned part = 0;
    struct sim_mmu_view view;

    for (uint64_t at = 0; at < bytes; at += view.bytes) {
        while (at >= bounds[part])
            part++;
        CHECK(paging_look(va + at, &view));
        CHECK_EQ(view.bytes, sizes[part]);
    }
}

CAIRN_TEST(D6_head_and_tail_in_small_pages)
{
    /* Up to 1 GiB - 2 MiB - 4 KiB; 2 MiB; 1 GiB; 2 MiB; 8 KiB. */
    uint64_t va = 5 * CAIRN_GIB - MIB2 - KIB4;
    uint64_t bytes = KIB4 + MIB2 + CAIRN_GIB + MIB2 + 2 * KIB4;
    const uint64_t bounds[] = {KIB4, KIB4 + MIB2, KIB4 + MIB2 + CAIRN_GIB,
                               KIB4 + MIB2 + CAIRN_GIB + MIB2, bytes};
    struct cairn_phys_range range = {{9 * CAIRN_GIB - MIB2 - KIB4},
                                     {9 * CAIRN_GIB - MIB2 - KIB4 + bytes}};
    const struct cairn_page_policy policy = {.rights = 0};
    struct cairn_cursor cursor;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_cursor_begin_run(&cursor, &paging.table, cairn_va_make(va),
                                    range, CAIRN_GIB),
             CAIRN_OK);
    CHECK(cursor.reserve_count[0] == 2 && cursor.reserve_count[1] == 3);
    CHECK_EQ(cairn_cursor_map(&cursor, range.start, bytes, &policy), CAIRN_OK);
    CHECK_EQ(cursor.reserve_count[0], 0);
    cairn_cursor_end(&cursor);
    expect_sizes(va, bytes, bounds);
    paging_verify();
    CHECK_EQ(paging_unmap(va, bytes), CAIRN_OK);
    CHECK_EQ(paging.table.table_count, 1);
    paging_end();
}

CAIRN_TEST(D6_a_run_reserves_enough_for_any_alignment)
{
    paging_start(CAIRN_PAGING_4LEVEL);
    for (unsigned i = 0; i < 400; i++) {
        const uint64_t limits[] = {0, KIB4, MIB2, CAIRN_GIB, UINT64_MAX};
        uint64_t limit = limits[test_random_below(5)];
        const struct cairn_page_policy policy = {
            .page_limit = limit == 0 ? KIB4 : limit,
            .existing = CAIRN_EXISTING_REPLACE};
        uint64_t pages = 1 + test_random_below(3000);
        uint64_t phys = 4 * CAIRN_GIB - test_random_below(3000) * KIB4;
        uint64_t va = phys + (test_random_below(3) - (uint64_t)1) *
                                 (test_random_below(2) == 0 ? KIB4 : MIB2);
        struct cairn_phys_range range = {{phys}, {phys + pages * KIB4}};
        struct cairn_cursor cursor;

        CHECK_EQ(cairn_cursor_begin_run(&cursor, &paging.table,
                                        cairn_va_make(va), range, limit),
                 CAIRN_OK);
        CHECK_EQ(cairn_cursor_map(&cursor, range.start, pages * KIB4, &policy),
                 CAIRN_OK);
        cairn_cursor_end(&cursor);
        paging_verify();
    }
    paging_end();
}

/* ---- D8, D9, D10 --------------------------------------------------------- */

/* Frames come full of rubbish, so what is not cleared shows. */
CAIRN_TEST(D8_tables_are_clear_but_for_what_is_mapped)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        paging_start((enum cairn_paging_mode)mode);
        CHECK_EQ(paging_map(paging.base, CAIRN_GIB, KIB4, PAGING_RW), CAIRN_OK);
        for (unsigned i = 1; i < paging.page_count; i++)
            paging_expect_hole(paging.base + i * KIB4);
        paging_verify();
        paging_end();
    }
}

CAIRN_TEST(D8_tables_are_for_users_only_below_user_end)
{
    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.user_end = (uint64_t)1 << 47;
    paging_start_configured();
    CHECK_EQ(paging_map(CAIRN_GIB, CAIRN_GIB, KIB4, CAIRN_PAGE_USER), CAIRN_OK);
    CHECK_EQ(paging_map(0xffff800000000000, CAIRN_GIB, KIB4, PAGING_RW),
             CAIRN_OK);
    CHECK_EQ(wide(root_of(), 0) & US, US);
    CHECK_EQ(wide(root_of(), 256) & US, 0);
    CHECK_EQ(paging_map(0xffff800000001000, CAIRN_GIB, KIB4, CAIRN_PAGE_USER),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_protect(0xffff800000000000, KIB4, CAIRN_PAGE_USER),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(2 * CAIRN_GIB, 0, KIB4, CAIRN_PAGE_GLOBAL),
             CAIRN_BAD_ARGUMENT);
    paging_verify();
    paging_end();
}

CAIRN_TEST(D9_no_tables_left_and_nothing_has_changed)
{
    for (unsigned k = 0;; k++) {
        enum cairn_status status;
        size_t aside;

        paging_start(CAIRN_PAGING_4LEVEL);
        aside = paging.table.aside_count;
        paging_fail_after(k);
        status = paging_map(paging.base, MIB2 + KIB4, 3 * MIB2, PAGING_RW);
        paging_fail_after(~0u);
        paging_verify();
        if (status == CAIRN_OK) {
            CHECK(k >= 6 + (paging.table.aside_count - aside));
            paging_end();
            break;
        }
        CHECK_EQ(status, CAIRN_NO_MEMORY);
        CHECK_EQ(paging.table.table_count, 1);
        for (unsigned i = 0; i < paging.page_count; i++)
            paging_expect_hole(paging.base + i * KIB4);
        paging_end();
    }
}

static enum cairn_status map_over(uint64_t va, uint64_t phys,
                                  enum cairn_existing existing)
{
    struct cairn_page_policy policy = {.existing = existing};
    struct cairn_cursor cursor;
    enum cairn_status status;

    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va), MIB2,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    status = cairn_cursor_map(&cursor, cairn_phys_make(phys), MIB2, &policy);
    cairn_cursor_end(&cursor);
    return status;
}

CAIRN_TEST(D10_mapped_already_fails_or_is_replaced)
{
    uint64_t va = paging.base;

    paging_start(CAIRN_PAGING_4LEVEL);
    va = paging.base;
    CHECK_EQ(paging_map(va + MIB2 - KIB4, CAIRN_GIB, KIB4, 0), CAIRN_OK);
    CHECK_EQ(map_over(va, MIB2, CAIRN_EXISTING_FAIL), CAIRN_IN_USE);
    paging_expect(va + MIB2 - KIB4, CAIRN_GIB, KIB4);
    paging_expect_hole(va);
    CHECK(paging_can(0, va + MIB2 - 1, SIM_MMU_READ));
    CHECK_EQ(map_over(va, MIB2, CAIRN_EXISTING_REPLACE), CAIRN_OK);
    CHECK(!sim_mmu_cached(0, va + MIB2 - 1));
    paging_expect(va + MIB2 - KIB4, 2 * MIB2 - KIB4, MIB2);
    paging_verify();
    paging_end();
}

CAIRN_TEST(D10_mapped_already_panics)
{
    struct cairn_page_policy policy = {.existing = CAIRN_EXISTING_PANIC};
    enum cairn_status status = CAIRN_OK;
    struct cairn_cursor cursor;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(map_over(paging.base, MIB2, CAIRN_EXISTING_PANIC), CAIRN_OK);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table,
                                cairn_va_make(paging.base), KIB4,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    CHECK_PANIC(
        status = cairn_cursor_map(&cursor, cairn_phys_make(0), KIB4, &policy),
        "mapped at 0x7fffe00000");
    CHECK_EQ(status, CAIRN_OK);
    paging_end();
}

/* ---- D11, D12, D13, D14 -------------------------------------------------- */

CAIRN_TEST(D11_splitting_keeps_the_other_parts)
{
    uint64_t va = 2 * CAIRN_GIB;
    uint64_t hole = va + 100 * MIB2 + 7 * KIB4;
    struct sim_mmu_view view;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(paging_map(va, 4 * CAIRN_GIB, CAIRN_GIB, CAIRN_PAGE_WRITE),
             CAIRN_OK);
    CHECK(paging_can(0, va, SIM_MMU_WRITE));
    CHECK_EQ(paging_unmap(hole, KIB4), CAIRN_OK);
    paging_expect_hole(hole);
    for (uint64_t at = 0; at < CAIRN_GIB; at += KIB4) {
        bool is_small = at / MIB2 == 100;

        if (va + at == hole)
            continue;
        CHECK(paging_look(va + at, &view));
        CHECK_EQ(view.phys, 4 * CAIRN_GIB + at);
        CHECK_EQ(view.bytes, is_small ? KIB4 : MIB2);
        CHECK(view.writable && !view.executable && view.dirty && view.accessed);
    }
    CHECK_EQ(paging_map(hole, 0, KIB4, 0), CAIRN_OK);
    paging_expect(hole, 0, KIB4);
    paging_verify();
    paging_end();
}

static unsigned told;
static struct cairn_mapping last_told;

static void tell(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    told++;
    last_told = *mapping;
}

CAIRN_TEST(D12_D13_unmap_tells_of_each_size)
{
    const uint64_t sizes[] = {KIB4, MIB2, CAIRN_GIB};

    paging_start(CAIRN_PAGING_4LEVEL);
    for (unsigned i = 0; i < 3; i++) {
        struct cairn_cursor cursor;
        uint64_t va = 7 * CAIRN_GIB;

        CHECK_EQ(paging_map(va, 9 * CAIRN_GIB, sizes[i], CAIRN_PAGE_WRITE),
                 CAIRN_OK);
        CHECK(paging_can(0, va, SIM_MMU_WRITE));
        told = 0;
        CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va),
                                    sizes[i], CAIRN_INTENT_CHANGE),
                 CAIRN_OK);
        cursor.removed = tell;
        CHECK_EQ(cairn_cursor_unmap(&cursor, sizes[i]), CAIRN_OK);
        cairn_cursor_end(&cursor);
        CHECK_EQ(told, 1);
        CHECK(last_told.start.value == va && last_told.bytes == sizes[i]);
        CHECK(last_told.phys.value == 9 * CAIRN_GIB && last_told.is_dirty);
        CHECK_EQ(last_told.page_bytes, sizes[i]);
        paging_expect_hole(va);
        CHECK(!paging_can(0, va, SIM_MMU_READ));
        CHECK_EQ(paging_unmap(va, sizes[i]), CAIRN_OK);
        CHECK_EQ(paging.table.table_count, 1);
    }
    paging_end();
}

/* No CPU reaches them: paging_build.c looks at each that comes back. */
CAIRN_TEST(D14_emptied_tables_come_back_after_the_flush)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        paging_start((enum cairn_paging_mode)mode);
        for (unsigned i = 0; i < paging.page_count; i += 7) {
            uint64_t va = paging.base + i * KIB4;
            size_t aside = paging.table.aside_count;

            CHECK_EQ(paging_map(va, CAIRN_GIB, KIB4, 0), CAIRN_OK);
            CHECK(paging_can(0, va, SIM_MMU_READ));
            CHECK(paging.table.table_count > 1);
            CHECK_EQ(paging_unmap(va, KIB4), CAIRN_OK);
            CHECK_EQ(paging.table.table_count, 1);
            CHECK_EQ(paging_frames_out(), 1 + paging.table.aside_count);
            CHECK(i == 0 || paging.table.aside_count == aside);
        }
        paging_end();
    }
}

/* ---- D16, D17, D18 ------------------------------------------------------- */

CAIRN_TEST(D16_rights_of_a_live_range_change_for_all_that_is_cached)
{
    uint64_t va;

    paging_start(CAIRN_PAGING_4LEVEL);
    va = paging.base;
    CHECK_EQ(paging_map(va, MIB2, 3 * MIB2, PAGING_RW), CAIRN_OK);
    for (uint64_t at = 0; at < 3 * MIB2; at += 64 * KIB4)
        CHECK(paging_can(0, va + at, SIM_MMU_WRITE) &&
              paging_can(0, va + at, SIM_MMU_FETCH));
    CHECK_EQ(paging_protect(va + KIB4, 3 * MIB2 - 2 * KIB4, CAIRN_PAGE_WRITE),
             CAIRN_OK);
    for (uint64_t at = 64 * KIB4; at < 3 * MIB2; at += 64 * KIB4)
        CHECK(paging_can(0, va + at, SIM_MMU_WRITE) &&
              !paging_can(0, va + at, SIM_MMU_FETCH));
    CHECK(paging_can(0, va, SIM_MMU_FETCH));
    CHECK_EQ(paging_protect(va, MIB2, 0), CAIRN_OK);
    CHECK(!paging_can(0, va, SIM_MMU_WRITE));
    CHECK_EQ(paging_protect(va, MIB2, PAGING_RW), CAIRN_OK);
    CHECK(paging_can(0, va, SIM_MMU_WRITE) && paging_can(0, va, SIM_MMU_FETCH));
    paging_verify();
    paging_end();
}

CAIRN_TEST(D17_D18_a_root_is_made_and_loaded_while_another_is_live)
{
    struct cairn_pagetable other;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(root_of() & (KIB4 - 1), 0);
    CHECK(cairn_pagetable_active() == &paging.table);
    CHECK_EQ(paging_map(CAIRN_GIB, CAIRN_GIB, KIB4, 0), CAIRN_OK);
    CHECK_EQ(cairn_pagetable_init(&other, &paging.config), CAIRN_OK);
    for (unsigned i = 0; i < 512; i++)
        CHECK_EQ(wide(cairn_pagetable_root(&other).value, i), 0);
    CHECK(paging_can(0, CAIRN_GIB, SIM_MMU_READ));
    cairn_pagetable_activate(&other);
    CHECK(cairn_pagetable_active() == &other);
    CHECK(!paging_can(0, CAIRN_GIB, SIM_MMU_READ));
    CHECK_PANIC(cairn_pagetable_destroy(&other), "while CPUs 0x1 use it");
    cairn_pagetable_activate(&paging.table);
    CHECK(paging_can(0, CAIRN_GIB, SIM_MMU_READ));
    cairn_pagetable_destroy(&other);
    paging_end();
}

/* ---- E2, E7 -------------------------------------------------------------- */

static void translate_all(enum cairn_paging_mode mode, uint64_t bytes)
{
    const uint64_t offsets[] = {0, 1, 0xfff, 0x1234};
    uint64_t va = mode >= CAIRN_PAGING_PAE ? CAIRN_GIB : 5 * CAIRN_GIB;

    paging_start(mode);
    CHECK_EQ(paging_map(va, 2 * CAIRN_GIB, bytes, 0), CAIRN_OK);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t offset = offsets[i] & (bytes - 1);

        paging_expect(va + offset, 2 * CAIRN_GIB + offset, bytes);
    }
    paging_expect(va + bytes - 1, 2 * CAIRN_GIB + bytes - 1, bytes);
    paging_expect_hole(va + bytes);
    paging_expect_hole(va - 1);
    paging_end();
}

CAIRN_TEST(E2_translation_of_every_page_size)
{
    translate_all(CAIRN_PAGING_4LEVEL, KIB4);
    translate_all(CAIRN_PAGING_4LEVEL, MIB2);
    translate_all(CAIRN_PAGING_4LEVEL, CAIRN_GIB);
    translate_all(CAIRN_PAGING_5LEVEL, KIB4);
    translate_all(CAIRN_PAGING_5LEVEL, MIB2);
    translate_all(CAIRN_PAGING_5LEVEL, CAIRN_GIB);
    translate_all(CAIRN_PAGING_PAE, KIB4);
    translate_all(CAIRN_PAGING_PAE, MIB2);
    translate_all(CAIRN_PAGING_32BIT, KIB4);
    translate_all(CAIRN_PAGING_32BIT, MIB4);
}

/* Do all touched pages have these rights?  As a caller would ask. */
static bool have_rights(uint64_t va, uint64_t bytes, unsigned rights)
{
    uint64_t first = va & ~(uint64_t)(KIB4 - 1);
    uint64_t end = (va + bytes + KIB4 - 1) & ~(uint64_t)(KIB4 - 1);
    struct cairn_mapping mapping = {.is_mapped = true, .rights = rights};
    struct cairn_cursor cursor;

    if (bytes == 0)
        return true;
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(first),
                                end - first, CAIRN_INTENT_LOOK),
             CAIRN_OK);
    while (cairn_cursor_at(&cursor).value != end && mapping.is_mapped &&
           (mapping.rights & rights) == rights) {
        cairn_cursor_query(&cursor, &mapping);
        CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(mapping.start.value +
                                                          mapping.bytes)),
                 CAIRN_OK);
    }
    cairn_cursor_query(&cursor, &(struct cairn_mapping){.bytes = 0});
    cairn_cursor_end(&cursor);
    return mapping.is_mapped && (mapping.rights & rights) == rights;
}

CAIRN_TEST(E7_every_touched_page_counts)
{
    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(paging_map(KIB4, CAIRN_GIB, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK(have_rights(0x1fff, 1, CAIRN_PAGE_WRITE));
    CHECK(!have_rights(0x1fff, 2, CAIRN_PAGE_WRITE));
    CHECK_EQ(paging_map(2 * KIB4, CAIRN_GIB, KIB4, CAIRN_PAGE_EXEC), CAIRN_OK);
    CHECK(!have_rights(0x1fff, 2, CAIRN_PAGE_WRITE));
    CHECK(have_rights(0x1fff, 2, 0));
    CHECK(!have_rights(0xfff, 2, 0));
    CHECK(have_rights(0x1000, 0, CAIRN_PAGE_WRITE));
    CHECK_EQ(paging_map(MIB2, CAIRN_GIB, 2 * MIB2, PAGING_RW), CAIRN_OK);
    CHECK(have_rights(MIB2 + 5, 2 * MIB2 - 5, PAGING_RW));
    CHECK(!have_rights(MIB2 + 5, 2 * MIB2 - 4, PAGING_RW));
    CHECK(!have_rights(MIB2 - 1, 2, PAGING_RW));
    paging_end();
}

/* One answer is as long as it can be, and says what the cursor's range cuts. */
CAIRN_TEST(E7_a_query_joins_what_is_alike)
{
    struct cairn_mapping mapping;
    struct cairn_cursor cursor;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(paging_map(CAIRN_GIB, 2 * MIB2, 6 * MIB2, 0), CAIRN_OK);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table,
                                cairn_va_make(CAIRN_GIB + KIB4), 7 * MIB2,
                                CAIRN_INTENT_LOOK),
             CAIRN_OK);
    cairn_cursor_query(&cursor, &mapping);
    CHECK(mapping.is_mapped && mapping.bytes == 6 * MIB2 - KIB4);
    CHECK_EQ(mapping.phys.value, 2 * MIB2 + KIB4);
    CHECK_EQ(
        cairn_cursor_seek(&cursor, cairn_va_make(CAIRN_GIB + 3 * MIB2 + KIB4)),
        CAIRN_OK);
    cairn_cursor_query(&cursor, &mapping);
    CHECK_EQ(mapping.phys.value, 5 * MIB2 + KIB4);
    CHECK_EQ(mapping.bytes, 3 * MIB2 - KIB4);
    CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(CAIRN_GIB + 6 * MIB2)),
             CAIRN_OK);
    cairn_cursor_query(&cursor, &mapping);
    CHECK(!mapping.is_mapped && mapping.bytes == MIB2 + KIB4);
    cairn_cursor_end(&cursor);
    paging_end();
}

/* ---- M ------------------------------------------------------------------- */

CAIRN_TEST(M1_M2_two_levels_of_1024)
{
    uint64_t va = (uint64_t)0x3a5 << 22 | (uint64_t)0x2c7 << 12;
    uint64_t table;

    paging_start(CAIRN_PAGING_32BIT);
    CHECK_EQ(paging_map(va, 0xfffff000, KIB4, CAIRN_PAGE_USER), CAIRN_OK);
    table = narrow(root_of(), 0x3a5);
    CHECK_EQ(table & 0xfff, P | RW | US);
    CHECK_EQ(narrow(table & ~(uint64_t)0xfff, 0x2c7), 0xfffff000 | P | US);
    for (unsigned i = 0; i < 1024; i++) {
        CHECK(i == 0x3a5 || narrow(root_of(), i) == 0);
        CHECK(i == 0x2c7 || narrow(table & ~(uint64_t)0xfff, i) == 0);
    }
    /* Later pages of that table may have more rights. */
    CHECK_EQ(paging_map(va + KIB4, 0, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK(paging_can(0, va + KIB4, SIM_MMU_WRITE));
    CHECK(!paging_can(0, va, SIM_MMU_WRITE));
    CHECK_EQ(paging_map(va + 2 * KIB4, CAIRN_GIB * 4, KIB4, 0),
             CAIRN_BAD_ARGUMENT);
    paging_verify();
    paging_end();
}

CAIRN_TEST(M3_pages_of_4_MiB)
{
    for (unsigned i = 0; i < 2; i++) {
        paging_machine(CAIRN_PAGING_32BIT);
        paging.config.features.has_pse = i == 1;
        paging_start_configured();
        CHECK_EQ(paging_map(0x40000000, 0x2000000, MIB4, CAIRN_PAGE_WRITE),
                 CAIRN_OK);
        paging_expect(0x40000000 + 0x123456, 0x2123456, i == 1 ? MIB4 : KIB4);
        if (i == 1)
            CHECK_EQ(narrow(root_of(), 0x100), 0x2000000 | P | RW | PS);
        CHECK_EQ(paging_map(0x80000000, 0x2001000, MIB4, 0), CAIRN_OK);
        paging_expect(0x80000000, 0x2001000, KIB4);
        CHECK_EQ(paging_unmap(0x40000000, MIB4), CAIRN_OK);
        paging_expect_hole(0x40000000);
        paging_verify();
        paging_end();
    }
}

CAIRN_TEST(M3_PSE36_reaches_beyond_4_GiB)
{
    uint64_t phys = 0xff40000000 + 3 * MIB4;

    paging_start(CAIRN_PAGING_32BIT);
    CHECK_EQ(paging_map(0x40000000, phys, 2 * MIB4, PAGING_RW), CAIRN_OK);
    paging_expect(0x40000000 + MIB4 + 0x3ff123, phys + MIB4 + 0x3ff123, MIB4);
    CHECK_EQ(narrow(root_of(), 0x100),
             (phys & 0xffc00000) | (phys >> 32) << 13 | PS | RW | P);
    /* Small pages cannot say so. */
    CHECK_EQ(paging_map(0x80001000, phys, MIB4, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x80000000, phys + KIB4, MIB4, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x80000000, phys, KIB4, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x80000000, 4 * CAIRN_GIB - MIB4 / 2, MIB4, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x80000000, (uint64_t)1 << 40, MIB4, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x80000000, 4 * CAIRN_GIB - MIB4, 2 * MIB4, 0),
             CAIRN_OK);
    paging_expect(0x80000000 + MIB4, 4 * CAIRN_GIB, MIB4);
    paging_verify();
    paging_end();
}

CAIRN_TEST(M3_pages_beyond_4_GiB_are_not_split)
{
    uint64_t va = 0x40000000;
    uint64_t phys = 5 * CAIRN_GIB;

    paging_start(CAIRN_PAGING_32BIT);
    CHECK_EQ(paging_map(va, phys, 2 * MIB4, PAGING_RW), CAIRN_OK);
    CHECK(paging_can(0, va, SIM_MMU_WRITE));
    CHECK_EQ(paging_unmap(va, KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_unmap(va + KIB4, MIB4 - KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_unmap(va + KIB4, 2 * MIB4 - KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_unmap(va, 2 * MIB4 - KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_protect(va, KIB4, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_resize(va, KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_resize(va, MIB4), CAIRN_OK);
    paging_expect(va, phys, MIB4);
    paging_expect(va + MIB4 + 5, phys + MIB4 + 5, MIB4);
    CHECK_EQ(paging_protect(va, MIB4, 0), CAIRN_OK);
    CHECK_EQ(paging_unmap(va, MIB4), CAIRN_OK);
    paging_verify();
    paging_end();
}

/* Whatever else was allowed, a slot that has a table for good takes no leaf. */
CAIRN_TEST(M3_no_page_beyond_4_GiB_over_a_table_that_stays)
{
    paging_start(CAIRN_PAGING_32BIT);
    CHECK_EQ(
        cairn_pagetable_fill(&paging.table, cairn_va_make(0x40400000), MIB4),
        CAIRN_OK);
    CHECK_EQ(paging_map(0x40000000, 5 * CAIRN_GIB, 2 * MIB4, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x40400000, 5 * CAIRN_GIB, MIB4, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x40000000, CAIRN_GIB, 2 * MIB4, 0), CAIRN_OK);
    paging_expect(0x40000000, CAIRN_GIB, MIB4);
    paging_expect(0x40400000, CAIRN_GIB + MIB4, KIB4);
    paging_verify();
    paging_end();
}

CAIRN_TEST(M3_memory_beyond_PSE36_is_refused)
{
    paging_machine(CAIRN_PAGING_32BIT);
    paging.config.features.phys_bits = 46;
    paging_start_configured();
    CHECK_EQ(paging_map(0x40000000, (uint64_t)1 << 40, MIB4, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(0x40000000, ((uint64_t)1 << 40) - MIB4, MIB4, 0),
             CAIRN_OK);
    paging_expect(0x40000000, ((uint64_t)1 << 40) - MIB4, MIB4);
    paging_end();
}

CAIRN_TEST(M6_PAE_reaches_beyond_4_GiB)
{
    uint64_t entry;

    paging_start(CAIRN_PAGING_PAE);
    CHECK_EQ(paging_map(0xc0000000, 100 * CAIRN_GIB, MIB2, CAIRN_PAGE_USER),
             CAIRN_OK);
    CHECK_EQ(paging_map(0x3ffff000, 50 * CAIRN_GIB, KIB4, CAIRN_PAGE_WRITE),
             CAIRN_OK);
    paging_expect(0xc0012345, 100 * CAIRN_GIB + 0x12345, MIB2);
    paging_expect(0x3ffff123, 50 * CAIRN_GIB + 0x123, KIB4);
    /* Entries of the root have neither rights nor NX. */
    for (unsigned i = 0; i < 4; i++) {
        entry = wide(root_of(), i);
        CHECK_EQ(entry & ~ADDRESS, i == 0 || i == 3 ? P : 0);
    }
    paging_verify();
    paging_end();
}

CAIRN_TEST(M8_without_NX_everything_can_be_executed)
{
    struct sim_mmu_view view;

    paging_machine(CAIRN_PAGING_32BIT);
    paging.config.is_w_xor_x = true;
    paging_start_configured();
    CHECK_EQ(paging_map(CAIRN_GIB, 0, KIB4, PAGING_RW), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_map(CAIRN_GIB, 0, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK(paging_look(CAIRN_GIB, &view) && view.writable && view.executable);
    CHECK(have_rights(CAIRN_GIB, KIB4, PAGING_RW));
    paging_end();
}

CAIRN_TEST(J1_no_page_is_writable_and_executable)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_32BIT; mode++) {
        struct sim_mmu_view view;

        paging_machine((enum cairn_paging_mode)mode);
        paging.config.is_w_xor_x = true;
        paging_start_configured();
        CHECK_EQ(paging_map(CAIRN_GIB, 0, KIB4, PAGING_RW), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(paging_map(CAIRN_GIB, 0, KIB4, CAIRN_PAGE_EXEC), CAIRN_OK);
        CHECK_EQ(paging_protect(CAIRN_GIB, KIB4, PAGING_RW),
                 CAIRN_BAD_ARGUMENT);
        CHECK(paging_look(CAIRN_GIB, &view));
        CHECK(!view.writable && view.executable);
        CHECK_EQ(paging_protect(CAIRN_GIB, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
        CHECK(paging_look(CAIRN_GIB, &view));
        CHECK(view.writable && !view.executable);
        paging_end();
    }
}
