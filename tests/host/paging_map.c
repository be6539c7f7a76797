/*
 * paging_map.c - one call for one change: what the five systems call map,
 * unmap, translate, identity_map_region and so on.
 */
#include "paging_build.h"
#include <cairn/map.h>

#define LARGE (2 * CAIRN_MIB)

static const struct cairn_page_policy data = {.rights = CAIRN_PAGE_WRITE};
static const struct cairn_page_policy replace = {
    .rights = CAIRN_PAGE_EXEC, .existing = CAIRN_EXISTING_REPLACE};

static cairn_va at(uint64_t offset)
{
    return cairn_va_make(paging.base + offset);
}

static struct cairn_phys_range phys(uint64_t start, uint64_t bytes)
{
    return cairn_phys_range_make(start, start + bytes);
}

/* What hardware makes of an address; 0: nothing. */
static uint64_t seen(uint64_t offset, uint64_t *page_bytes)
{
    struct sim_mmu_view view;

    if (!sim_mmu_look(cairn_pagetable_root(&paging.table).value,
                      at(offset).value, &view))
        return 0;
    if (page_bytes != NULL)
        *page_bytes = view.bytes;
    return view.phys;
}

CAIRN_TEST(D3_a_page_is_mapped_as_it_is_read_back)
{
    struct cairn_mapping mapping;

    for (unsigned i = 0; i < CAIRN_PAGING_MODES; i++) {
        paging_start((enum cairn_paging_mode)i);
        CHECK_EQ(cairn_map_page(&paging.table, at(0x3000),
                                cairn_phys_make(0x40005000), &data),
                 CAIRN_OK);
        CHECK_EQ(seen(0x3000, NULL), 0x40005000);
        CHECK(cairn_map_look(&paging.table, at(0x3008), &mapping));
        CHECK_EQ(mapping.phys.value, 0x40005008);
        CHECK_EQ(mapping.bytes, 0xff8);
        CHECK_EQ(mapping.rights & CAIRN_PAGE_WRITE, CAIRN_PAGE_WRITE);
        CHECK_EQ(cairn_unmap_page(&paging.table, at(0x3123), &mapping),
                 CAIRN_OK);
        CHECK_EQ(mapping.phys.value, 0x40005000);
        CHECK_EQ(cairn_unmap_page(&paging.table, at(0x3123), NULL),
                 CAIRN_NOT_FOUND);
        CHECK_EQ(seen(0x3000, NULL), 0);
        CHECK_EQ(paging.table.table_count, 1);
        paging_end();
    }
}

CAIRN_TEST(D6_a_range_has_a_head_large_pages_and_a_tail)
{
    uint64_t bytes = 0;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_map_range(&paging.table, at(0x1ff000),
                             phys(0x7fff000, 2 * LARGE + 0x2000), &data),
             CAIRN_OK);
    for (uint64_t i = 0; i < 2 * LARGE + 0x2000; i += CAIRN_FRAME_SIZE) {
        CHECK_EQ(seen(0x1ff000 + i, &bytes), 0x7fff000 + i);
        CHECK_EQ(bytes, i >= 0x1000 && i < 0x1000 + 2 * LARGE ? LARGE : 0x1000);
    }
    CHECK_EQ(seen(0x1fe000, NULL), 0);
    CHECK_EQ(seen(0x1ff000 + 2 * LARGE + 0x2000, NULL), 0);
    CHECK_EQ(cairn_unmap_range(&paging.table, at(0), 6 * CAIRN_MIB, NULL, NULL),
             CAIRN_OK);
    /* Never aligned together: small pages. */
    CHECK_EQ(
        cairn_map_range(&paging.table, at(0), phys(0x8001000, LARGE), &data),
        CAIRN_OK);
    CHECK_EQ(seen(0x5000, &bytes), 0x8006000);
    CHECK_EQ(bytes, 0x1000);
    CHECK_EQ(cairn_map_range(&paging.table, at(0), phys(0, 0), &data),
             CAIRN_OK);
    paging_end();
}

CAIRN_TEST(D5_pages_of_1_gib_only_if_the_cpu_has_them)
{
    for (unsigned has_1gib = 0; has_1gib < 2; has_1gib++) {
        struct cairn_pagetable table;
        struct sim_mmu_view view;

        paging_machine(CAIRN_PAGING_4LEVEL);
        paging.config.features.has_1gib = has_1gib != 0;
        CHECK_EQ(cairn_pagetable_init(&table, &paging.config), CAIRN_OK);
        CHECK_EQ(cairn_map_large(&table, cairn_va_make(CAIRN_GIB),
                                 cairn_phys_make(4 * CAIRN_GIB), CAIRN_GIB,
                                 &data),
                 CAIRN_OK);
        CHECK(sim_mmu_look(cairn_pagetable_root(&table).value,
                           CAIRN_GIB + 12345, &view));
        CHECK_EQ(view.phys, 4 * CAIRN_GIB + 12345);
        CHECK_EQ(view.bytes, has_1gib != 0 ? CAIRN_GIB : LARGE);
        CHECK_EQ(cairn_map_large(&table, cairn_va_make(LARGE),
                                 cairn_phys_make(4 * CAIRN_GIB), CAIRN_GIB,
                                 &data),
                 CAIRN_BAD_ARGUMENT);
        cairn_pagetable_destroy(&table);
    }
}

static void map_again(cairn_phys second, const struct cairn_page_policy *policy)
{
    CHECK_EQ(cairn_map_page(&paging.table, at(0x1000), second, policy),
             CAIRN_OK);
}

CAIRN_TEST(D10_what_is_mapped_already_is_kept_replaced_or_panics)
{
    struct cairn_page_policy panic = data;
    cairn_phys first = cairn_phys_make(0x40000000);
    cairn_phys second = cairn_phys_make(0x50000000);

    panic.existing = CAIRN_EXISTING_PANIC;
    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_map_page(&paging.table, at(0x1000), first, &data), CAIRN_OK);
    CHECK_EQ(cairn_map_range(&paging.table, at(0),
                             phys(second.value, 4 * CAIRN_FRAME_SIZE), &data),
             CAIRN_IN_USE);
    CHECK_EQ(seen(0, NULL), 0);
    CHECK_EQ(seen(0x1000, NULL), first.value);
    CHECK_PANIC(map_again(second, &panic), "is mapped at");
    CHECK_EQ(cairn_map_page(&paging.table, at(0x1000), second, &replace),
             CAIRN_OK);
    CHECK_EQ(seen(0x1000, NULL), second.value);
    paging_end();
}

CAIRN_TEST(D11_a_small_page_in_a_large_one_splits_it)
{
    uint64_t bytes = 0;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_map_large(&paging.table, at(LARGE),
                             cairn_phys_make(0x40000000), LARGE, &data),
             CAIRN_OK);
    CHECK_EQ(cairn_unmap_range(&paging.table, at(LARGE + 0x5000), 0x1000, NULL,
                               NULL),
             CAIRN_OK);
    CHECK_EQ(cairn_map_page(&paging.table, at(LARGE + 0x7000),
                            cairn_phys_make(0x99000), &replace),
             CAIRN_OK);
    for (uint64_t i = 0; i < LARGE; i += CAIRN_FRAME_SIZE) {
        uint64_t wanted = i == 0x5000   ? 0
                          : i == 0x7000 ? 0x99000
                                        : 0x40000000 + i;

        CHECK_EQ(seen(LARGE + i, &bytes), wanted);
        CHECK(wanted == 0 || bytes == CAIRN_FRAME_SIZE);
    }
    paging_end();
}

CAIRN_TEST(D13_large_pages_are_unmapped_by_any_address_in_them)
{
    struct cairn_mapping gone;

    paging_start(CAIRN_PAGING_32BIT);
    CHECK_EQ(cairn_map_large(&paging.table, at(4 * CAIRN_MIB),
                             cairn_phys_make(0x2000000), 4 * CAIRN_MIB, &data),
             CAIRN_OK);
    CHECK_EQ(seen(4 * CAIRN_MIB + 0x12345, NULL), 0x2012345);
    CHECK_EQ(
        cairn_unmap_page(&paging.table, at(4 * CAIRN_MIB + 0x12345), &gone),
        CAIRN_OK);
    CHECK_EQ(gone.page_bytes, 4 * CAIRN_MIB);
    CHECK_EQ(gone.phys.value, 0x2000000);
    paging_end();
}

CAIRN_TEST(D16_rights_of_what_is_mapped_change)
{
    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_map_range(&paging.table, at(0), phys(0x40000000, 0x4000),
                             &replace),
             CAIRN_OK);
    CHECK_EQ(cairn_protect_range(&paging.table, at(0x1000), 0x2000,
                                 CAIRN_PAGE_WRITE),
             CAIRN_OK);
    CHECK(cairn_range_has_rights(&paging.table, at(0x1000), 0x2000,
                                 CAIRN_PAGE_WRITE));
    CHECK(!cairn_range_has_rights(&paging.table, at(0x1000), 0x2001,
                                  CAIRN_PAGE_WRITE));
    CHECK(
        !cairn_range_has_rights(&paging.table, at(0x1000), 1, CAIRN_PAGE_EXEC));
    paging_end();
}

CAIRN_TEST(E7_every_page_that_is_touched_must_have_the_rights)
{
    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_map_page(&paging.table, at(0x1000),
                            cairn_phys_make(0x40000000), &data),
             CAIRN_OK);
    CHECK(cairn_range_has_rights(&paging.table, at(0x1fff), 1, 0));
    CHECK(!cairn_range_has_rights(&paging.table, at(0x1fff), 2, 0));
    CHECK(
        cairn_range_has_rights(&paging.table, at(0x5000), 0, CAIRN_PAGE_WRITE));
    CHECK_EQ(cairn_map_large(&paging.table, at(LARGE),
                             cairn_phys_make(0x40000000), LARGE, &data),
             CAIRN_OK);
    CHECK(cairn_range_has_rights(&paging.table, at(LARGE + 7), LARGE - 7,
                                 CAIRN_PAGE_WRITE));
    CHECK(!cairn_range_has_rights(&paging.table, at(LARGE + 7), LARGE - 6,
                                  CAIRN_PAGE_WRITE));
    CHECK(cairn_is_mapped(&paging.table, at(LARGE + 7)));
    CHECK(!cairn_is_mapped(&paging.table, at(0)));
    paging_end();
}

CAIRN_TEST(E13_identity_of_a_range)
{
    struct sim_mmu_view view;

    paging_start(CAIRN_PAGING_32BIT);
    CHECK_EQ(cairn_map_identity(&paging.table, phys(0x3ff000, 0x402000), &data),
             CAIRN_OK);
    for (uint64_t i = 0x3ff000; i < 0x801000; i += 0x1000) {
        CHECK(
            sim_mmu_look(cairn_pagetable_root(&paging.table).value, i, &view));
        CHECK_EQ(view.phys, i);
        CHECK_EQ(view.bytes, i >= 0x400000 && i < 0x800000 ? 0x400000 : 0x1000);
    }
    CHECK(!sim_mmu_look(cairn_pagetable_root(&paging.table).value, 0x801000,
                        &view));
    paging_end();
}

CAIRN_TEST(J1_writable_and_executable_is_refused)
{
    struct cairn_page_policy both = {.rights =
                                         CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC};

    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.is_w_xor_x = true;
    CHECK_EQ(cairn_pagetable_init(&paging.table, &paging.config), CAIRN_OK);
    CHECK_EQ(
        cairn_map_page(&paging.table, at(0), cairn_phys_make(0x1000), &both),
        CAIRN_BAD_ARGUMENT);
    CHECK_EQ(
        cairn_map_page(&paging.table, at(0), cairn_phys_make(0x1000), &data),
        CAIRN_OK);
    CHECK_EQ(cairn_protect_range(&paging.table, at(0), 0x1000, both.rights),
             CAIRN_BAD_ARGUMENT);
    CHECK(!cairn_range_has_rights(&paging.table, at(0), 1, CAIRN_PAGE_EXEC));
    cairn_pagetable_destroy(&paging.table);
}

CAIRN_TEST(L4_rights_as_text)
{
    char text[CAIRN_RIGHTS_TEXT_BYTES];
    struct cairn_mapping mapping = {
        .is_mapped = true,
        .page_bytes = LARGE,
        .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_USER | CAIRN_PAGE_GLOBAL,
        .cache = CAIRN_CACHE_UC_MINUS,
        .is_accessed = true,
        .is_dirty = true,
    };

    CHECK_TEXT(cairn_mapping_text(&mapping, text), "P|RW|US|UC-|A|D|G|PS|NX");
    mapping.is_mapped = false;
    CHECK_TEXT(cairn_mapping_text(&mapping, text), "-");
}

CAIRN_TEST(D7_a_run_is_mapped_as_it_was_begun)
{
    struct cairn_page_policy small = data;
    struct cairn_phys_range run = phys(0x40000000, 3 * LARGE);
    cairn_pfn frame = cairn_pfn_make(0x40000);
    struct cairn_cursor cursor;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_cursor_begin_run(&cursor, &paging.table, at(0), run, LARGE),
             CAIRN_OK);
    small.page_limit = CAIRN_FRAME_SIZE;
    CHECK_EQ(cairn_cursor_map(&cursor, run.start, 3 * LARGE, &small),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_map(&cursor, run.start, LARGE, &data),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_map(&cursor, cairn_phys_make(0x40001000), 3 * LARGE,
                              &data),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_map_frames(&cursor, &frame, 1, &data),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_map(&cursor, run.start, 3 * LARGE, &data), CAIRN_OK);
    cairn_cursor_end(&cursor);
    CHECK_EQ(seen(LARGE + 5, NULL), 0x40200005);
    paging_end();
}

CAIRN_TEST(D6_pages_are_no_larger_than_the_policy_says)
{
    struct cairn_page_policy small = data;
    uint64_t bytes = 0;

    paging_start(CAIRN_PAGING_4LEVEL);
    small.page_limit = CAIRN_FRAME_SIZE;
    CHECK_EQ(cairn_map_range(&paging.table, at(0), phys(0x40000000, 2 * LARGE),
                             &small),
             CAIRN_OK);
    CHECK_EQ(seen(LARGE, &bytes), 0x40200000);
    CHECK_EQ(bytes, CAIRN_FRAME_SIZE);
    paging_end();
}

/* Below user_end, a page is nobody else's; from there on, it may be. */
CAIRN_TEST(D15_addresses_from_user_end_on_concern_all_cpus)
{
    static struct cairn_pagetable other; /* CPU 1 keeps it after the test */
    uint64_t before;

    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.user_end = paging.base + 0x2000;
    CHECK_EQ(cairn_pagetable_init(&paging.table, &paging.config), CAIRN_OK);
    CHECK_EQ(cairn_pagetable_init(&other, &paging.config), CAIRN_OK);
    sim_set_cpu(1);
    cairn_pagetable_activate(&other);
    sim_set_cpu(0);
    cairn_pagetable_activate(&paging.table);
    CHECK_EQ(
        cairn_map_range(&paging.table, at(0), phys(0x40000000, 0x4000), &data),
        CAIRN_OK);
    before = sim_flush_count();
    CHECK_EQ(cairn_unmap_page(&paging.table, at(0x1000), NULL), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), before);
    CHECK_EQ(cairn_unmap_page(&paging.table, at(0x2000), NULL), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), before + 1);
    /* From one side to the other, in one row. */
    CHECK_EQ(cairn_map_range(&paging.table, at(0x1000),
                             phys(0x40000000, 0x2000), &data),
             CAIRN_OK);
    CHECK_EQ(cairn_unmap_range(&paging.table, at(0x1000), 0x2000, NULL, NULL),
             CAIRN_OK);
    CHECK_EQ(sim_flush_count(), before + 2);
}
