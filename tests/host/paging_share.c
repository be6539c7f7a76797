/*
 * paging_share.c - page tables that have part of their tables in common, as
 * all processes have the kernel's.
 */
#include "paging_build.h"

#include "base/memory.h"

/* What is shared, in each mode: the last slots of the root, from user_end. */
static uint64_t kernel;
static uint64_t kernel_bytes;
static uint64_t slot;

static struct cairn_pagetable second;

/* paging.table with those slots filled on CPU 0, and `second` on CPU 1. */
static void start(enum cairn_paging_mode mode)
{
    static const uint64_t starts[CAIRN_PAGING_MODES] = {
        [CAIRN_PAGING_4LEVEL] = 0xffff800000000000,
        [CAIRN_PAGING_5LEVEL] = 0xff00000000000000,
        [CAIRN_PAGING_PAE] = 0x80000000,
        [CAIRN_PAGING_32BIT] = 0xc0000000,
        [CAIRN_PAGING_TOY] = 0x20000,
    };
    static const unsigned shifts[CAIRN_PAGING_MODES] = {39, 48, 30, 22, 16};
    static const uint64_t ends[CAIRN_PAGING_MODES] = {
        0, 0, (uint64_t)1 << 32, (uint64_t)1 << 32, 0x40000};

    kernel = starts[mode];
    kernel_bytes = ends[mode] - starts[mode];
    slot = (uint64_t)1 << shifts[mode];
    paging_machine(mode);
    paging.config.user_end = mode == CAIRN_PAGING_4LEVEL   ? (uint64_t)1 << 47
                             : mode == CAIRN_PAGING_5LEVEL ? (uint64_t)1 << 56
                                                           : kernel;
    paging_start_configured();
    CHECK_EQ(cairn_pagetable_fill(&paging.table, cairn_va_make(kernel),
                                  kernel_bytes),
             CAIRN_OK);
    CHECK_EQ(cairn_pagetable_init(&second, &paging.config), CAIRN_OK);
    sim_set_cpu(1);
    cairn_pagetable_activate(&second);
    sim_set_cpu(0);
}

static void share(void)
{
    CHECK_EQ(cairn_pagetable_share(&second, &paging.table,
                                   cairn_va_make(kernel), kernel_bytes),
             CAIRN_OK);
}

/* CPU 1 goes to the first one, so that the second one can go. */
static void end_second(void)
{
    CHECK_EQ(cairn_pagetable_check(&second), 0);
    sim_set_cpu(1);
    cairn_pagetable_activate(&paging.table);
    sim_set_cpu(0);
    cairn_pagetable_destroy(&second);
}

static void end(void)
{
    end_second();
    paging_verify();
    paging_end();
}

static void map_by(struct cairn_pagetable *table, uint64_t va, uint64_t bytes,
                   unsigned rights)
{
    const struct cairn_page_policy policy = {.rights = rights};
    struct cairn_cursor cursor;

    CHECK_EQ(cairn_cursor_begin(&cursor, table, cairn_va_make(va), bytes,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    CHECK_EQ(
        cairn_cursor_map(&cursor, cairn_phys_make(CAIRN_GIB), bytes, &policy),
        CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void unmap_by(struct cairn_pagetable *table, uint64_t va, uint64_t bytes)
{
    struct cairn_cursor cursor;

    CHECK_EQ(cairn_cursor_begin(&cursor, table, cairn_va_make(va), bytes,
                                CAIRN_INTENT_CHANGE),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_unmap(&cursor, bytes), CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void protect_by(struct cairn_pagetable *table, uint64_t va,
                       uint64_t bytes, unsigned rights)
{
    struct cairn_cursor cursor;

    CHECK_EQ(cairn_cursor_begin(&cursor, table, cairn_va_make(va), bytes,
                                CAIRN_INTENT_CHANGE),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_protect(&cursor, bytes, rights), CAIRN_OK);
    cairn_cursor_end(&cursor);
}

/* ---- Changes are seen by all --------------------------------------------- */

static bool both_can(uint64_t va, enum sim_mmu_kind kind)
{
    bool can = paging_can(0, va, kind);

    CHECK_EQ(paging_can(1, va, kind), can);
    return can;
}

static void change_by(struct cairn_pagetable *table, unsigned rights)
{
    uint64_t large = paging_large();
    uint64_t va = kernel + (kernel_bytes > 4 * slot ? 3 * slot : 0);
    cairn_phys phys;

    map_by(table, va, large, rights | CAIRN_PAGE_WRITE);
    CHECK(both_can(va + 5, SIM_MMU_WRITE));
    CHECK(cairn_pagetable_translate(&second, cairn_va_make(va + 5), &phys));
    CHECK_EQ(phys.value, CAIRN_GIB + 5);
    protect_by(table, va, CAIRN_FRAME_SIZE, rights);
    CHECK(!both_can(va + 5, SIM_MMU_WRITE));
    CHECK(both_can(va + CAIRN_FRAME_SIZE, SIM_MMU_WRITE));
    unmap_by(table, va, CAIRN_FRAME_SIZE);
    CHECK(!both_can(va, SIM_MMU_READ));
    CHECK(both_can(va + CAIRN_FRAME_SIZE, SIM_MMU_WRITE));
    unmap_by(table, va, large);
    CHECK(!both_can(va + CAIRN_FRAME_SIZE, SIM_MMU_READ));
    CHECK(!sim_mmu_cached(0, va + CAIRN_FRAME_SIZE));
    CHECK(!sim_mmu_cached(1, va + CAIRN_FRAME_SIZE));
}

CAIRN_TEST(F20_changes_of_what_is_shared_are_seen_by_all)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        start((enum cairn_paging_mode)mode);
        share();
        for (unsigned i = 0; i < 2; i++) {
            change_by(&paging.table, i == 0 ? 0 : CAIRN_PAGE_GLOBAL);
            change_by(&second, i == 0 ? 0 : CAIRN_PAGE_GLOBAL);
        }
        end();
    }
}

/* And whoever used it before, has it no more. */
CAIRN_TEST(F20_what_is_shared_is_forgotten_by_CPUs_that_left)
{
    start(CAIRN_PAGING_4LEVEL);
    share();
    map_by(&second, kernel, CAIRN_FRAME_SIZE, CAIRN_PAGE_GLOBAL);
    CHECK(both_can(kernel, SIM_MMU_READ));
    end_second(); /* CPU 1 keeps the global page, and it is still right */
    CHECK(sim_mmu_cached(1, kernel));
    sim_set_cpu(1);
    CHECK_EQ(cairn_pagetable_init(&second, &paging.config), CAIRN_OK);
    cairn_pagetable_activate(&second);
    sim_set_cpu(0);
    unmap_by(&paging.table, kernel, CAIRN_FRAME_SIZE);
    CHECK(!sim_mmu_cached(1, kernel));
    end();
}

CAIRN_TEST(F20_the_rest_is_not_shared)
{
    uint64_t va = 0;

    start(CAIRN_PAGING_4LEVEL);
    share();
    map_by(&second, va, CAIRN_FRAME_SIZE, CAIRN_PAGE_USER);
    CHECK(!paging_can(0, va, SIM_MMU_READ));
    CHECK(paging_can(1, va, SIM_MMU_READ));
    paging_expect_hole(va);
    map_by(&paging.table, va + CAIRN_FRAME_SIZE, CAIRN_FRAME_SIZE, 0);
    CHECK(!paging_can(1, va + CAIRN_FRAME_SIZE, SIM_MMU_READ));
    end_second();
    paging_expect(va + CAIRN_FRAME_SIZE, CAIRN_GIB, CAIRN_FRAME_SIZE);
    paging_verify();
    paging_end();
}

/* Tables of the shared part are the first one's, whoever made them. */
CAIRN_TEST(F20_the_sharer_goes_and_its_mappings_stay)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        start((enum cairn_paging_mode)mode);
        share();
        map_by(&second, kernel, CAIRN_FRAME_SIZE, 0);
        end_second();
        CHECK(paging_can(0, kernel, SIM_MMU_READ));
        CHECK(paging_can(1, kernel, SIM_MMU_READ));
        paging_expect(kernel, CAIRN_GIB, CAIRN_FRAME_SIZE);
        paging_verify();
        paging_end();
    }
}

/* ---- Slots stay ---------------------------------------------------------- */

/* However much is unmapped, and whatever could be there as one leaf. */
CAIRN_TEST(F20_slots_that_are_filled_stay)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        size_t tables;

        start((enum cairn_paging_mode)mode);
        share();
        tables = paging.table.table_count;
        unmap_by(&paging.table, kernel, kernel_bytes);
        CHECK_EQ(paging.table.table_count, tables);
        if (slot < CAIRN_GIB) {
            map_by(&second, kernel, 2 * slot, 0);
            CHECK(both_can(kernel + slot, SIM_MMU_READ));
            CHECK_EQ(paging_resize(kernel, slot), CAIRN_NOT_FOUND);
        }
        unmap_by(&second, kernel, kernel_bytes);
        CHECK_EQ(paging.table.table_count, tables);
        CHECK(!both_can(kernel + slot, SIM_MMU_READ));
        end();
    }
}

CAIRN_TEST(F20_fill_refusals)
{
    uint64_t half = slot / 2;

    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        struct cairn_pagetable *table = &paging.table;
        size_t count;

        start((enum cairn_paging_mode)mode);
        half = slot / 2;
        count = table->table_count;
        CHECK_EQ(cairn_pagetable_fill(table, cairn_va_make(0), half),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_fill(table, cairn_va_make(half), slot),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_fill(table, cairn_va_make(0), 0),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_fill(table, cairn_va_make(kernel),
                                      kernel_bytes + slot),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_fill(table, cairn_va_make(kernel), slot),
                 CAIRN_OK); /* it is */
        CHECK_EQ(table->table_count, count);
        paging_fail_after(0);
        CHECK_EQ(cairn_pagetable_fill(table, cairn_va_make(0), slot),
                 CAIRN_NO_MEMORY);
        paging_fail_after(~0u);
        CHECK_EQ(table->table_count, count);
        end();
    }
}

CAIRN_TEST(F20_fill_finds_a_large_page)
{
    start(CAIRN_PAGING_32BIT);
    map_by(&paging.table, slot, slot, 0);
    CHECK_EQ(cairn_pagetable_fill(&paging.table, cairn_va_make(slot), slot),
             CAIRN_IN_USE);
    paging_expect(slot, CAIRN_GIB, slot);
    end();
}

/* ---- Share --------------------------------------------------------------- */

CAIRN_TEST(F20_share_refusals)
{
    cairn_va va = {0};

    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        struct cairn_pagetable *first = &paging.table;

        start((enum cairn_paging_mode)mode);
        va.value = kernel;
        CHECK_EQ(cairn_pagetable_share(first, first, va, slot),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_share(&second, first, va, slot / 2),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_share(&second, first, va, 0),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_share(&second, first, va, kernel_bytes + slot),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_share(&second, first,
                                       cairn_va_make(kernel + slot / 2), slot),
                 CAIRN_BAD_ARGUMENT);
        /* Where the other one has no table for good. */
        CHECK_EQ(cairn_pagetable_share(first, &second, va, slot),
                 CAIRN_NOT_FOUND);
        map_by(&second, kernel, CAIRN_FRAME_SIZE, 0);
        CHECK_EQ(cairn_pagetable_share(&second, first, va, slot), CAIRN_IN_USE);
        CHECK_EQ(cairn_pagetable_share(first, &second, va, slot),
                 CAIRN_NOT_FOUND);
        unmap_by(&second, kernel, CAIRN_FRAME_SIZE);
        share();
        CHECK_EQ(cairn_pagetable_share(&second, first, va, slot),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_pagetable_share(first, &second, va, slot),
                 CAIRN_BAD_ARGUMENT);
        end();
    }
}

CAIRN_TEST(F20_no_sharing_of_what_processes_have)
{
    start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_pagetable_fill(&paging.table, cairn_va_make(0), slot),
             CAIRN_OK);
    CHECK_EQ(
        cairn_pagetable_share(&second, &paging.table, cairn_va_make(0), slot),
        CAIRN_BAD_ARGUMENT);
    end();
}

CAIRN_TEST(F20_no_sharing_across_formats)
{
    struct cairn_pagetable third;

    start(CAIRN_PAGING_4LEVEL);
    paging.config.mode = CAIRN_PAGING_5LEVEL;
    CHECK_EQ(cairn_pagetable_init(&third, &paging.config), CAIRN_OK);
    CHECK_EQ(cairn_pagetable_share(&third, &paging.table, cairn_va_make(kernel),
                                   kernel_bytes),
             CAIRN_BAD_ARGUMENT);
    cairn_pagetable_destroy(&third);
    end();
}

/* By way of one that has them from the first. */
CAIRN_TEST(F20_sharing_what_is_shared)
{
    struct cairn_pagetable third;

    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        start((enum cairn_paging_mode)mode);
        share();
        CHECK_EQ(cairn_pagetable_init(&third, &paging.config), CAIRN_OK);
        CHECK_EQ(cairn_pagetable_share(&third, &second, cairn_va_make(kernel),
                                       kernel_bytes),
                 CAIRN_OK);
        map_by(&third, kernel, CAIRN_FRAME_SIZE, 0);
        CHECK(both_can(kernel, SIM_MMU_READ));
        CHECK_EQ(cairn_pagetable_check(&third), 0);
        end_second();
        unmap_by(&third, kernel, CAIRN_FRAME_SIZE);
        CHECK(!both_can(kernel, SIM_MMU_READ));
        cairn_pagetable_destroy(&third);
        paging_verify();
        paging_end();
    }
}

CAIRN_TEST(F20_no_sharing_of_slots_of_two_page_tables_at_once)
{
    struct cairn_pagetable third;

    start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_pagetable_fill(&second, cairn_va_make(kernel), slot),
             CAIRN_OK);
    CHECK_EQ(cairn_pagetable_share(&second, &paging.table,
                                   cairn_va_make(kernel + slot),
                                   kernel_bytes - slot),
             CAIRN_OK);
    CHECK_EQ(cairn_pagetable_init(&third, &paging.config), CAIRN_OK);
    CHECK_EQ(
        cairn_pagetable_share(&third, &second, cairn_va_make(kernel), 2 * slot),
        CAIRN_BAD_ARGUMENT);
    CHECK_EQ(
        cairn_pagetable_share(&third, &second, cairn_va_make(kernel), slot),
        CAIRN_OK);
    cairn_pagetable_destroy(&third);
    end();
}

CAIRN_TEST(F20_cursors_stay_on_one_side)
{
    struct cairn_cursor cursor;

    for (unsigned mode = CAIRN_PAGING_PAE; mode < CAIRN_PAGING_MODES; mode++) {
        uint64_t before = kernel - CAIRN_FRAME_SIZE;

        start((enum cairn_paging_mode)mode);
        before = kernel - CAIRN_FRAME_SIZE;
        share();
        CHECK_EQ(cairn_cursor_begin(&cursor, &second, cairn_va_make(before),
                                    2 * CAIRN_FRAME_SIZE, CAIRN_INTENT_LOOK),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_cursor_begin(&cursor, &second, cairn_va_make(before),
                                    CAIRN_FRAME_SIZE, CAIRN_INTENT_LOOK),
                 CAIRN_OK);
        CHECK(cursor.table == &second);
        cairn_cursor_end(&cursor);
        CHECK_EQ(cairn_cursor_begin(&cursor, &second, cairn_va_make(kernel),
                                    kernel_bytes, CAIRN_INTENT_LOOK),
                 CAIRN_OK);
        CHECK(cursor.table == &paging.table);
        cairn_cursor_end(&cursor);
        end();
    }
}

/* ---- The end ------------------------------------------------------------- */

CAIRN_TEST(F20_the_first_one_goes_last)
{
    start(CAIRN_PAGING_4LEVEL);
    share();
    sim_set_cpu(0);
    cairn_pagetable_activate(&second);
    CHECK_PANIC(cairn_pagetable_destroy(&paging.table), "share its tables");
    cairn_pagetable_activate(&paging.table);
    end();
}

/* ---- PAE: CPUs have the root's entries in registers ---------------------- */

CAIRN_TEST(M6_slots_of_a_loaded_root_are_shared)
{
    start(CAIRN_PAGING_PAE);
    map_by(&paging.table, kernel, CAIRN_FRAME_SIZE, 0);
    CHECK(!paging_can(1, kernel, SIM_MMU_READ));
    share();
    CHECK(paging_can(1, kernel, SIM_MMU_READ));
    end();
}

CAIRN_TEST(M6_slots_of_a_loaded_root_come_and_go)
{
    start(CAIRN_PAGING_PAE);
    sim_set_cpu(1);
    cairn_pagetable_activate(&paging.table);
    sim_set_cpu(0);
    for (unsigned i = 0; i < 3; i++) {
        map_by(&paging.table, 0, CAIRN_FRAME_SIZE, 0);
        CHECK(both_can(0, SIM_MMU_READ));
        unmap_by(&paging.table, 0, CAIRN_FRAME_SIZE);
        CHECK(!both_can(0, SIM_MMU_READ));
        map_by(&paging.table, 0, CAIRN_GIB, 0);
        CHECK(both_can(0, SIM_MMU_READ));
        unmap_by(&paging.table, 0, CAIRN_GIB);
    }
    end();
}
