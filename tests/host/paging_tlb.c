/*
 * paging_tlb.c - the table of rules in paging/tlb.h, rule by rule.
 *
 * CPUs 0 and 1 use the page table and have cached what is about to change;
 * CPU 2 has used it before; CPU 3 has only ever used another one; the rest
 * none.  Nothing here is random: each test fails if its rule is dropped.
 */
#include "paging_build.h"

#include "base/cpus.h"
#include "paging/tlb.h"
#include <cairn/map.h>

#include <string.h>

#define KIB4   CAIRN_FRAME_SIZE
#define MIB2   (2 * CAIRN_MIB)
#define KERNEL ((uint64_t)0xffffffff80000000)
#define PHYS   ((uint64_t)CAIRN_GIB)

static struct cairn_pagetable home;

static void start_as(enum cairn_paging_mode mode, uint64_t user_end)
{
    paging_machine(mode);
    paging.config.user_end = user_end;
    paging_start_configured();
    CHECK_EQ(cairn_pagetable_init(&home, &paging.config), CAIRN_OK);
    for (unsigned cpu = 1; cpu < 4; cpu++) {
        sim_set_cpu(cpu);
        if (cpu < 3)
            cairn_pagetable_activate(&paging.table);
        if (cpu > 1)
            cairn_pagetable_activate(&home);
    }
    sim_set_cpu(0);
}

static void start(void)
{
    start_as(CAIRN_PAGING_4LEVEL, (uint64_t)1 << 47);
}

static void leave(unsigned cpu)
{
    sim_set_cpu(cpu);
    cairn_pagetable_activate(&paging.table);
    sim_set_cpu(0);
}

static void end(void)
{
    leave(2);
    leave(3);
    cairn_pagetable_destroy(&home);
    paging_verify();
    paging_end();
}

/* Both CPUs cache it. */
static void use(uint64_t va, enum sim_mmu_kind kind)
{
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        CHECK(paging_can(cpu, va, kind));
        CHECK(sim_mmu_cached(cpu, va));
    }
}

/* Neither may go on with what it has. */
static void expect_gone(uint64_t va)
{
    CHECK(!sim_mmu_cached(0, va));
    CHECK(!sim_mmu_cached(1, va));
}

static void expect_kept(uint64_t va)
{
    CHECK(sim_mmu_cached(0, va));
    CHECK(sim_mmu_cached(1, va));
}

static void expect_no_tables(uint64_t va)
{
    CHECK(!sim_mmu_cached_table(0, va));
    CHECK(!sim_mmu_cached_table(1, va));
}

static void begin(struct cairn_cursor *cursor, uint64_t va, uint64_t bytes)
{
    CHECK_EQ(cairn_cursor_begin(cursor, &paging.table, cairn_va_make(va), bytes,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
}

static void replace(uint64_t va, uint64_t phys, uint64_t bytes,
                    const struct cairn_page_policy *policy)
{
    struct cairn_page_policy again = *policy;
    struct cairn_cursor cursor;

    again.existing = CAIRN_EXISTING_REPLACE;
    begin(&cursor, va, bytes);
    CHECK_EQ(cairn_cursor_map(&cursor, cairn_phys_make(phys), bytes, &again),
             CAIRN_OK);
    cairn_cursor_end(&cursor);
}

/* ---- No flush ------------------------------------------------------------ */

CAIRN_TEST(D15_nothing_is_flushed_for_new_pages)
{
    uint64_t flushes;

    start();
    CHECK_EQ(paging_map(0, PHYS, KIB4, PAGING_RW), CAIRN_OK);
    use(0, SIM_MMU_READ);
    flushes = sim_flush_count();
    CHECK_EQ(paging_map(KIB4, PHYS, 1024 * KIB4, PAGING_RW), CAIRN_OK);
    CHECK_EQ(paging_map(KERNEL, PHYS, MIB2, CAIRN_PAGE_GLOBAL), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes);
    expect_kept(0);
    CHECK(paging_can(1, KIB4, SIM_MMU_WRITE));
    end();
}

CAIRN_TEST(D15_nothing_is_flushed_for_more_rights)
{
    uint64_t flushes;

    start();
    CHECK_EQ(paging_map(0, PHYS, KIB4, 0), CAIRN_OK);
    use(0, SIM_MMU_READ);
    flushes = sim_flush_count();
    CHECK_EQ(paging_protect(0, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK_EQ(paging_protect(0, KIB4, CAIRN_PAGE_WRITE | CAIRN_PAGE_USER),
             CAIRN_OK);
    CHECK_EQ(paging_protect(0, KIB4, PAGING_RW | CAIRN_PAGE_USER), CAIRN_OK);
    CHECK_EQ(paging_protect(0, KIB4, PAGING_RW | CAIRN_PAGE_USER), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes);
    expect_kept(0);
    CHECK(paging_can(1, 0, SIM_MMU_WRITE));
    CHECK(paging_can(1, 0, SIM_MMU_FETCH));
    end();
}

CAIRN_TEST(D15_nothing_is_flushed_where_nobody_was)
{
    uint64_t flushes;

    start();
    flushes = sim_flush_count();
    CHECK_EQ(paging_unmap(0, CAIRN_GIB), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes);
    sim_set_cpu(0);
    cairn_pagetable_activate(&home);
    sim_set_cpu(1);
    cairn_pagetable_activate(&home);
    sim_set_cpu(0);
    CHECK_EQ(paging_map(0, PHYS, 200 * KIB4, PAGING_RW), CAIRN_OK);
    CHECK_EQ(paging_protect(0, 200 * KIB4, 0), CAIRN_OK);
    CHECK_EQ(paging_unmap(0, KIB4), CAIRN_OK);
    CHECK_EQ(paging_unmap(0, CAIRN_GIB), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes);
    leave(0);
    leave(1);
    end();
}

/* What only this CPU has loaded, it flushes without telling anybody. */
CAIRN_TEST(D15_nobody_else_is_interrupted_for_nothing)
{
    uint64_t flushes;

    start();
    sim_set_cpu(1);
    cairn_pagetable_activate(&home);
    sim_set_cpu(0);
    CHECK_EQ(paging_map(0, PHYS, KIB4, PAGING_RW), CAIRN_OK);
    CHECK(paging_can(0, 0, SIM_MMU_WRITE));
    flushes = sim_flush_count();
    CHECK_EQ(paging_protect(0, KIB4, 0), CAIRN_OK);
    CHECK(!sim_mmu_cached(0, 0));
    CHECK_EQ(paging_unmap(0, KIB4), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes);
    leave(1);
    end();
}

/* ---- Fewer rights, another page ------------------------------------------ */

static void change_rights(unsigned from, unsigned to, enum sim_mmu_kind kind)
{
    uint64_t flushes = sim_flush_count();
    uint64_t va = 5 * KIB4;

    CHECK_EQ(paging_map(va, PHYS, KIB4, from), CAIRN_OK);
    use(va, kind);
    CHECK_EQ(paging_protect(va, KIB4, to), CAIRN_OK);
    expect_gone(va);
    CHECK_EQ(sim_flush_count(), flushes + 1);
    CHECK_EQ(paging_unmap(va, KIB4), CAIRN_OK);
}

CAIRN_TEST(D15_D16_fewer_rights_are_flushed)
{
    unsigned all = PAGING_RW | CAIRN_PAGE_USER;

    start();
    change_rights(all, all & ~CAIRN_PAGE_WRITE, SIM_MMU_WRITE);
    change_rights(all, all & ~CAIRN_PAGE_EXEC, SIM_MMU_FETCH);
    change_rights(all, all & ~CAIRN_PAGE_USER, SIM_MMU_READ);
    /* More of one and fewer of another. */
    change_rights(CAIRN_PAGE_EXEC, CAIRN_PAGE_WRITE, SIM_MMU_FETCH);
    change_rights(CAIRN_PAGE_WRITE, CAIRN_PAGE_EXEC, SIM_MMU_WRITE);
    end();
}

CAIRN_TEST(D15_fewer_rights_of_large_pages_are_flushed)
{
    start();
    CHECK_EQ(paging_map(CAIRN_GIB, PHYS, CAIRN_GIB, PAGING_RW), CAIRN_OK);
    use(CAIRN_GIB + 700 * KIB4, SIM_MMU_WRITE);
    use(CAIRN_GIB, SIM_MMU_WRITE);
    CHECK_EQ(paging_protect(CAIRN_GIB, CAIRN_GIB, 0), CAIRN_OK);
    expect_gone(CAIRN_GIB + 700 * KIB4);
    expect_gone(CAIRN_GIB);
    end();
}

CAIRN_TEST(D15_another_page_is_flushed)
{
    const struct cairn_page_policy policy = {.rights = PAGING_RW};
    uint64_t flushes;

    start();
    CHECK_EQ(paging_map(0, PHYS, 3 * KIB4, PAGING_RW), CAIRN_OK);
    use(0, SIM_MMU_READ);
    use(KIB4, SIM_MMU_READ);
    flushes = sim_flush_count();
    replace(KIB4, 2 * PHYS, KIB4, &policy);
    CHECK_EQ(sim_flush_count(), flushes + 1);
    expect_gone(KIB4);
    expect_kept(0);
    end();
}

static unsigned type_on(unsigned cpu, uint64_t va)
{
    const struct sim_mmu_access access = {.va = va, .kind = SIM_MMU_READ};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    CHECK(result.is_ok);
    return result.memory_type;
}

CAIRN_TEST(D15_another_memory_type_is_flushed)
{
    const struct cairn_page_policy policy = {.rights = PAGING_RW,
                                             .cache = CAIRN_CACHE_WC};

    start();
    CHECK_EQ(paging_map(0, PHYS, MIB2, PAGING_RW), CAIRN_OK);
    use(0, SIM_MMU_READ);
    CHECK_EQ(type_on(1, 0), SIM_MMU_WB);
    replace(0, PHYS, MIB2, &policy);
    CHECK_EQ(type_on(0, 0), SIM_MMU_WC);
    CHECK_EQ(type_on(1, 0), SIM_MMU_WC);
    end();
}

/* The whole rule, as a function. */
CAIRN_TEST(D15_what_needs_a_flush)
{
    const uint64_t p = CAIRN__ENTRY_P;
    const uint64_t more[] = {CAIRN__ENTRY_RW, CAIRN__ENTRY_US, CAIRN__ENTRY_A,
                             CAIRN__ENTRY_D};
    const uint64_t rest[] = {
        CAIRN__ENTRY_PWT,   CAIRN__ENTRY_PCD,  CAIRN__ENTRY_PAT, CAIRN__ENTRY_G,
        CAIRN__ENTRY_PAT_L, (uint64_t)1 << 51, CAIRN__ENTRY_P};

    for (unsigned i = 0; i < 4; i++) {
        CHECK(cairn__tlb_need(p | more[i], p));
        CHECK(!cairn__tlb_need(p, p | more[i]));
    }
    for (unsigned i = 0; i < 7; i++) {
        CHECK(cairn__tlb_need(p | rest[i], (p | rest[i]) ^ rest[i]));
        CHECK(rest[i] == p || cairn__tlb_need(p, p | rest[i]));
        CHECK(!cairn__tlb_need(rest[i] & ~p, p));
    }
    CHECK(cairn__tlb_need(p, p | CAIRN__ENTRY_NX));
    CHECK(!cairn__tlb_need(p | CAIRN__ENTRY_NX, p));
    CHECK(!cairn__tlb_need(p, p));
    CHECK(!cairn__tlb_need(0, p | CAIRN__ENTRY_RW));
}

/* ---- Not present --------------------------------------------------------- */

CAIRN_TEST(D15_unmapped_pages_are_flushed)
{
    uint64_t flushes;

    start();
    CHECK_EQ(paging_map(0, PHYS, 20 * KIB4, PAGING_RW), CAIRN_OK);
    for (unsigned i = 0; i < 20; i++)
        use(i * KIB4, SIM_MMU_READ);
    flushes = sim_flush_count();
    CHECK_EQ(paging_unmap(5 * KIB4, 10 * KIB4), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes + 1);
    for (unsigned i = 5; i < 15; i++)
        expect_gone(i * KIB4);
    expect_kept(4 * KIB4);
    expect_kept(15 * KIB4);
    end();
}

CAIRN_TEST(D15_unmapped_large_pages_are_flushed)
{
    start();
    CHECK_EQ(paging_map(CAIRN_GIB, PHYS, CAIRN_GIB, PAGING_RW), CAIRN_OK);
    CHECK_EQ(paging_map(2 * CAIRN_GIB, PHYS, 3 * MIB2, PAGING_RW), CAIRN_OK);
    use(CAIRN_GIB + 99 * MIB2 + KIB4, SIM_MMU_READ);
    use(2 * CAIRN_GIB + MIB2 + 77 * KIB4, SIM_MMU_READ);
    use(2 * CAIRN_GIB + 77 * KIB4, SIM_MMU_READ);
    CHECK_EQ(paging_unmap(2 * CAIRN_GIB + MIB2, MIB2), CAIRN_OK);
    expect_gone(2 * CAIRN_GIB + MIB2 + 77 * KIB4);
    expect_kept(2 * CAIRN_GIB + 77 * KIB4);
    CHECK_EQ(paging_unmap(CAIRN_GIB, CAIRN_GIB), CAIRN_OK);
    expect_gone(CAIRN_GIB + 99 * MIB2 + KIB4);
    end();
}

/* ---- A, D ---------------------------------------------------------------- */

static unsigned seen_accessed;
static unsigned seen_dirty;

static void see(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    seen_accessed += mapping->is_accessed;
    seen_dirty += mapping->is_dirty;
}

static void harvest(uint64_t va, uint64_t bytes)
{
    struct cairn_cursor cursor;

    seen_accessed = 0;
    seen_dirty = 0;
    begin(&cursor, va, bytes);
    CHECK_EQ(cairn_cursor_harvest(&cursor, bytes, see, NULL), CAIRN_OK);
    cairn_cursor_end(&cursor);
}

CAIRN_TEST(D15_what_was_harvested_is_seen_again)
{
    start();
    CHECK_EQ(paging_map(0, PHYS, 3 * KIB4, PAGING_RW), CAIRN_OK);
    harvest(0, 3 * KIB4);
    CHECK(seen_accessed == 0 && seen_dirty == 0);
    for (unsigned i = 0; i < 3; i++) {
        use(0, SIM_MMU_READ);
        use(KIB4, SIM_MMU_WRITE);
        harvest(0, 3 * KIB4);
        CHECK_EQ(seen_accessed, 2);
        CHECK_EQ(seen_dirty, 1);
        expect_gone(0);
        expect_gone(KIB4);
    }
    end();
}

CAIRN_TEST(D15_a_harvest_of_nothing_flushes_nothing)
{
    uint64_t flushes;

    start();
    CHECK_EQ(paging_map(0, PHYS, 3 * KIB4, PAGING_RW), CAIRN_OK);
    flushes = sim_flush_count();
    harvest(0, 3 * KIB4);
    CHECK_EQ(sim_flush_count(), flushes);
    end();
}

/* Read after the flush, what was written through a cached entry counts. */
CAIRN_TEST(D15_what_is_written_before_it_goes_is_told)
{
    struct cairn_cursor cursor;

    start();
    CHECK_EQ(paging_map(0, PHYS, MIB2, PAGING_RW), CAIRN_OK);
    CHECK_EQ(paging_resize(0, KIB4), CAIRN_OK);
    use(0, SIM_MMU_READ);
    begin(&cursor, 0, MIB2);
    cursor.removed = see;
    seen_dirty = 0;
    CHECK_EQ(cairn_cursor_unmap(&cursor, MIB2), CAIRN_OK);
    CHECK_EQ(seen_dirty, 0); /* nobody is told before the flush */
    cairn_cursor_end(&cursor);
    expect_gone(0);
    end();
}

/* ---- Tables -------------------------------------------------------------- */

CAIRN_TEST(D14_D15_references_to_tables_are_flushed)
{
    start();
    CHECK_EQ(paging_map(0, PHYS, KIB4, PAGING_RW), CAIRN_OK);
    use(0, SIM_MMU_READ);
    CHECK(sim_mmu_cached_table(1, KIB4));
    CHECK_EQ(paging_unmap(0, KIB4), CAIRN_OK);
    expect_no_tables(0);
    CHECK_EQ(paging_map(0, PHYS, 512 * KIB4 - KIB4, PAGING_RW), CAIRN_OK);
    use(0, SIM_MMU_READ);
    CHECK_EQ(paging_unmap(0, CAIRN_GIB), CAIRN_OK);
    expect_gone(0);
    expect_no_tables(0);
    end();
}

/* Under a page that was empty all the time, CPUs may have its tables. */
CAIRN_TEST(D15_an_empty_table_that_a_page_replaces_is_flushed)
{
    const struct cairn_page_policy policy = {.rights = PAGING_RW};
    struct cairn_cursor cursor;

    start();
    CHECK_EQ(paging_map(0, PHYS, KIB4, PAGING_RW), CAIRN_OK);
    begin(&cursor, 0, MIB2);
    CHECK_EQ(cairn_cursor_unmap(&cursor, KIB4), CAIRN_OK);
    sim_mmu_speculate(1, KIB4);
    cairn_cursor_end(&cursor);
    replace(0, PHYS, MIB2, &policy);
    expect_no_tables(0);
    CHECK(paging_can(1, KIB4, SIM_MMU_WRITE));
    end();
}

CAIRN_TEST(D11_D15_a_page_that_is_split_is_flushed)
{
    start();
    CHECK_EQ(paging_map(0, PHYS, MIB2, PAGING_RW), CAIRN_OK);
    use(0, SIM_MMU_READ);
    use(300 * KIB4, SIM_MMU_READ);
    CHECK_EQ(paging_resize(0, KIB4), CAIRN_OK);
    expect_gone(0);
    expect_gone(300 * KIB4);
    end();
}

CAIRN_TEST(D11_D15_pages_that_are_joined_are_flushed)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t va = i == 0 ? 0 : KERNEL;

        start();
        CHECK_EQ(paging_map(va, PHYS, MIB2,
                            PAGING_RW | (i == 0 ? 0 : CAIRN_PAGE_GLOBAL)),
                 CAIRN_OK);
        CHECK_EQ(paging_resize(va, KIB4), CAIRN_OK);
        for (unsigned j = 0; j < 512; j += 73)
            use(va + j * KIB4, SIM_MMU_READ);
        CHECK_EQ(paging_resize(va, MIB2), CAIRN_OK);
        for (unsigned j = 0; j < 512; j += 73)
            expect_gone(va + j * KIB4);
        expect_no_tables(va);
        CHECK_EQ(paging_unmap(va, MIB2), CAIRN_OK);
        end();
    }
}

/* ---- Global pages -------------------------------------------------------- */

/* CPU 2 uses another page table, and has these pages. */
static void use_and_leave(uint64_t va)
{
    leave(2);
    use(va, SIM_MMU_READ);
    CHECK(paging_can(2, va, SIM_MMU_READ));
    sim_set_cpu(2);
    cairn_pagetable_activate(&home);
    sim_set_cpu(0);
    CHECK(sim_mmu_cached(2, va));
}

static void expect_gone_everywhere(uint64_t va)
{
    expect_gone(va);
    CHECK(!sim_mmu_cached(2, va));
}

CAIRN_TEST(D15_global_pages_go_on_every_CPU)
{
    const uint64_t counts[] = {1, 20, 100, 512};

    start();
    for (unsigned i = 0; i < 4; i++) {
        uint64_t bytes = counts[i] * KIB4;

        CHECK_EQ(paging_map(KERNEL, PHYS + KIB4, bytes, CAIRN_PAGE_GLOBAL),
                 CAIRN_OK);
        use_and_leave(KERNEL + bytes - KIB4);
        CHECK_EQ(
            paging_protect(KERNEL, bytes, CAIRN_PAGE_GLOBAL | CAIRN_PAGE_EXEC),
            CAIRN_OK);
        CHECK(sim_mmu_cached(2, KERNEL + bytes - KIB4));
        CHECK_EQ(paging_protect(KERNEL, bytes, CAIRN_PAGE_GLOBAL), CAIRN_OK);
        expect_gone_everywhere(KERNEL + bytes - KIB4);
        use_and_leave(KERNEL + bytes - KIB4);
        CHECK_EQ(paging_unmap(KERNEL, bytes), CAIRN_OK);
        expect_gone_everywhere(KERNEL + bytes - KIB4);
    }
    end();
}

CAIRN_TEST(D15_global_pages_of_detached_tables_go)
{
    start();
    CHECK_EQ(paging_map(KERNEL, PHYS + KIB4, 600 * KIB4, CAIRN_PAGE_GLOBAL),
             CAIRN_OK);
    use_and_leave(KERNEL + 3 * KIB4);
    CHECK_EQ(paging_unmap(KERNEL, CAIRN_GIB), CAIRN_OK);
    expect_gone_everywhere(KERNEL + 3 * KIB4);
    end();
}

CAIRN_TEST(D15_a_page_that_is_global_no_more)
{
    start();
    CHECK_EQ(paging_map(KERNEL, PHYS, KIB4, CAIRN_PAGE_GLOBAL), CAIRN_OK);
    use_and_leave(KERNEL);
    CHECK_EQ(paging_protect(KERNEL, KIB4, 0), CAIRN_OK);
    expect_gone_everywhere(KERNEL);
    use(KERNEL, SIM_MMU_READ);
    CHECK_EQ(paging_protect(KERNEL, KIB4, CAIRN_PAGE_GLOBAL), CAIRN_OK);
    expect_gone(KERNEL);
    end();
}

CAIRN_TEST(D15_global_large_pages_go_when_they_are_split)
{
    start();
    CHECK_EQ(paging_map(KERNEL, PHYS, MIB2, CAIRN_PAGE_GLOBAL), CAIRN_OK);
    use_and_leave(KERNEL + 9 * KIB4);
    CHECK_EQ(paging_resize(KERNEL, KIB4), CAIRN_OK);
    expect_gone_everywhere(KERNEL + 9 * KIB4);
    end();
}

/* A table may have pages on both sides of where the kernel begins. */
CAIRN_TEST(D15_global_pages_of_a_table_that_processes_have_too)
{
    uint64_t border = CAIRN_GIB + 100 * KIB4;

    start_as(CAIRN_PAGING_4LEVEL, border);
    CHECK_EQ(paging_map(border - KIB4, PHYS, KIB4, CAIRN_PAGE_USER), CAIRN_OK);
    CHECK_EQ(paging_map(border, PHYS, KIB4, CAIRN_PAGE_GLOBAL), CAIRN_OK);
    CHECK_EQ(paging_map(border - KIB4, PHYS, 2 * KIB4, CAIRN_PAGE_USER),
             CAIRN_BAD_ARGUMENT);
    use_and_leave(border);
    CHECK_EQ(paging_unmap(CAIRN_GIB, MIB2), CAIRN_OK);
    expect_gone_everywhere(border);
    end();
}

/* ---- How much, and how many interrupts ----------------------------------- */

CAIRN_TEST(D15_one_interrupt_for_a_batch)
{
    uint64_t flushes;
    struct cairn_cursor cursor;

    start();
    CHECK_EQ(paging_map(4 * MIB2, PHYS, KIB4, 0), CAIRN_OK); /* stays */
    CHECK_EQ(paging_map(0, PHYS + KIB4, 512 * KIB4, PAGING_RW), CAIRN_OK);
    for (unsigned i = 0; i < 512; i += 50)
        use(i * KIB4, SIM_MMU_READ);
    flushes = sim_flush_count();
    CHECK_EQ(paging_protect(0, 512 * KIB4, 0), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes + 1);
    begin(&cursor, 0, 512 * KIB4);
    for (unsigned i = 0; i < 512; i++)
        CHECK_EQ(cairn_cursor_unmap(&cursor, KIB4), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes + 1);
    cairn_cursor_end(&cursor);
    CHECK_EQ(sim_flush_count(), flushes + 2);
    for (unsigned i = 0; i < 512; i++)
        expect_gone(i * KIB4);
    end();
}

/* The last page takes tables of all levels with it: one flush for all. */
CAIRN_TEST(D14_D15_one_interrupt_for_all_tables_that_are_empty_then)
{
    uint64_t flushes;

    start();
    for (unsigned stays = 0; stays < 4; stays++) {
        const uint64_t places[] = {(uint64_t)1 << 45, CAIRN_GIB, MIB2, KIB4};

        CHECK_EQ(paging_map(places[stays], PHYS, KIB4, 0), CAIRN_OK);
        CHECK_EQ(paging_map(0, PHYS + KIB4, KIB4, PAGING_RW), CAIRN_OK);
        use(0, SIM_MMU_READ);
        flushes = sim_flush_count();
        CHECK_EQ(paging_unmap(0, KIB4), CAIRN_OK);
        CHECK_EQ(sim_flush_count(), flushes + (stays == 3 ? 1 : 2));
        expect_gone(0);
        if (stays < 3)
            expect_no_tables(0);
        CHECK_EQ(paging_unmap(places[stays], KIB4), CAIRN_OK);
        CHECK_EQ(paging.table.table_count, 1);
    }
    end();
}

/* Up to the threshold, pages one by one; past it, everything. */
CAIRN_TEST(D15_everything_goes_past_the_threshold)
{
    const unsigned counts[] = {CAIRN__TLB_PAGES_MAX, CAIRN__TLB_PAGES_MAX + 1};

    for (unsigned i = 0; i < 2; i++) {
        uint64_t last = (counts[i] - 1) * KIB4;

        start();
        CHECK_EQ(paging_map(0, PHYS + KIB4, 200 * KIB4, PAGING_RW), CAIRN_OK);
        CHECK_EQ(paging_map(KERNEL, PHYS, KIB4, CAIRN_PAGE_GLOBAL), CAIRN_OK);
        use(0, SIM_MMU_READ);
        use(last, SIM_MMU_READ);
        use(199 * KIB4, SIM_MMU_READ);
        use(KERNEL, SIM_MMU_READ);
        CHECK_EQ(paging_protect(0, counts[i] * KIB4, 0), CAIRN_OK);
        expect_gone(0);
        expect_gone(last);
        if (i == 0)
            expect_kept(199 * KIB4);
        else
            expect_gone(199 * KIB4);
        expect_kept(KERNEL);
        end();
    }
}

/* Stretches that do not touch: as many as fit, then everything. */
CAIRN_TEST(D15_everything_goes_past_so_many_ranges)
{
    for (unsigned count = CAIRN_GATHER_RANGES; count < CAIRN_GATHER_RANGES + 2;
         count++) {
        struct cairn_cursor cursor;

        start();
        CHECK_EQ(paging_map(0, PHYS + KIB4, 40 * KIB4, PAGING_RW), CAIRN_OK);
        for (unsigned i = 0; i < 40; i++)
            use(i * KIB4, SIM_MMU_READ);
        begin(&cursor, 0, 40 * KIB4);
        for (unsigned i = 0; i < count; i++) {
            CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(i * 2 * KIB4)),
                     CAIRN_OK);
            CHECK_EQ(cairn_cursor_protect(&cursor, KIB4, 0), CAIRN_OK);
        }
        cairn_cursor_end(&cursor);
        for (unsigned i = 0; i < count; i++)
            expect_gone(i * 2 * KIB4);
        if (count == CAIRN_GATHER_RANGES)
            expect_kept(KIB4);
        else
            expect_gone(KIB4);
        end();
    }
}

/* Pages of two sizes that touch are two stretches. */
CAIRN_TEST(D15_pages_of_different_size_in_one_batch)
{
    uint64_t va = CAIRN_GIB - 2 * KIB4;

    start();
    CHECK_EQ(
        paging_map(va, PHYS - 2 * KIB4, 2 * KIB4 + MIB2 + 2 * KIB4, PAGING_RW),
        CAIRN_OK);
    for (unsigned i = 0; i < 4; i++)
        use(va + (i < 2 ? 0 : MIB2) + i * KIB4, SIM_MMU_READ);
    use(CAIRN_GIB, SIM_MMU_READ);
    CHECK_EQ(paging_protect(va, 2 * KIB4 + MIB2 + 2 * KIB4, 0), CAIRN_OK);
    for (unsigned i = 0; i < 4; i++)
        expect_gone(va + (i < 2 ? 0 : MIB2) + i * KIB4);
    expect_gone(CAIRN_GIB);
    end();
}

/* ---- What waits for the flush -------------------------------------------- */

static uint64_t told[128];
static unsigned told_count;

static void tell(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    CHECK(!sim_mmu_can_reach(mapping->phys.value, mapping->bytes, NULL));
    CHECK(told_count < 128);
    told[told_count++] = mapping->start.value;
}

/* More than a cursor can remember: a flush in between. */
CAIRN_TEST(D12_D15_nobody_is_told_of_what_can_be_reached)
{
    cairn_pfn frames[100];
    struct cairn_cursor cursor;
    const struct cairn_page_policy policy = {.rights = PAGING_RW};
    uint64_t flushes;

    start();
    for (unsigned i = 0; i < 100; i++)
        frames[i].value = 0x40000 + 2 * i;
    CHECK_EQ(paging_map(300 * KIB4, 3 * PHYS, KIB4, 0), CAIRN_OK); /* stays */
    begin(&cursor, KIB4, 100 * KIB4);
    CHECK_EQ(cairn_cursor_map_frames(&cursor, frames, 100, &policy), CAIRN_OK);
    cairn_cursor_end(&cursor);
    for (unsigned i = 0; i < 100; i++)
        use((1 + i) * KIB4, SIM_MMU_READ);
    use(300 * KIB4, SIM_MMU_READ);
    flushes = sim_flush_count();
    told_count = 0;
    begin(&cursor, KIB4, 100 * KIB4);
    cursor.removed = tell;
    CHECK_EQ(cairn_cursor_unmap(&cursor, 50 * KIB4), CAIRN_OK);
    CHECK_EQ(told_count, CAIRN_GATHER_MAPPINGS);
    CHECK_EQ(cairn_cursor_unmap(&cursor, 50 * KIB4), CAIRN_OK);
    cairn_cursor_end(&cursor);
    CHECK_EQ(told_count, 100);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(told[i], (1 + i) * KIB4);
    CHECK_EQ(sim_flush_count(), flushes + 4);
    expect_kept(300 * KIB4); /* none of the four was too long for pages */
    end();
}

/* The same for tables that are unlinked as wholes. */
CAIRN_TEST(D12_D15_nor_of_what_detached_tables_have)
{
    cairn_pfn frames[100];
    struct cairn_cursor cursor;
    const struct cairn_page_policy policy = {.rights = PAGING_RW};

    start();
    for (unsigned i = 0; i < 100; i++)
        frames[i].value = 0x40000 + 2 * i;
    begin(&cursor, MIB2 - 50 * KIB4, 100 * KIB4);
    CHECK_EQ(cairn_cursor_map_frames(&cursor, frames, 100, &policy), CAIRN_OK);
    cairn_cursor_end(&cursor);
    CHECK_EQ(paging_map(4 * MIB2, 8 * CAIRN_GIB, MIB2, PAGING_RW), CAIRN_OK);
    for (unsigned i = 0; i < 100; i++)
        use(MIB2 - 50 * KIB4 + i * KIB4, SIM_MMU_READ);
    use(4 * MIB2, SIM_MMU_READ);
    told_count = 0;
    begin(&cursor, 0, CAIRN_GIB);
    cursor.removed = tell;
    CHECK_EQ(cairn_cursor_unmap(&cursor, CAIRN_GIB), CAIRN_OK);
    CHECK_EQ(told_count, 0);
    cairn_cursor_end(&cursor);
    CHECK_EQ(told_count, 101);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(told[i], MIB2 - 50 * KIB4 + i * KIB4);
    CHECK_EQ(told[100], 4 * MIB2);
    end();
}

/* ---- PAE: the root's entries are in registers ---------------------------- */

CAIRN_TEST(D15_PAE_changes_of_the_root_are_loaded_everywhere)
{
    uint64_t flushes;

    start_as(CAIRN_PAGING_PAE, 0xc0000000);
    flushes = sim_flush_count();
    CHECK_EQ(paging_map(0x40000000, PHYS, KIB4, PAGING_RW), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes + 1);
    use(0x40000000, SIM_MMU_READ);
    CHECK_EQ(paging_map(0x40001000, PHYS, KIB4, PAGING_RW), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes + 1);
    CHECK_EQ(paging_map(0xc0000000, PHYS, KIB4, CAIRN_PAGE_GLOBAL), CAIRN_OK);
    use(0xc0000000, SIM_MMU_READ);
    CHECK_EQ(paging_unmap(0x40000000, 2 * KIB4), CAIRN_OK);
    expect_gone(0x40000000);
    CHECK_EQ(paging_unmap(0xc0000000, KIB4), CAIRN_OK);
    expect_gone(0xc0000000);
    end();
}

/* ---- CPUs come and go ---------------------------------------------------- */

CAIRN_TEST(D17_a_CPU_that_loads_another_root_is_interrupted_no_more)
{
    uint64_t flushes;

    start();
    CHECK_EQ(cairn__cpus_read(&paging.table.cpus), 3);
    CHECK_EQ(cairn__cpus_read(&home.cpus), 12);
    leave(3);
    leave(3); /* again: it stays */
    CHECK_EQ(cairn__cpus_read(&paging.table.cpus), 11);
    sim_set_cpu(1);
    cairn_pagetable_activate(&home);
    CHECK(cairn_pagetable_active() == &home);
    sim_set_cpu(3);
    cairn_pagetable_activate(&home);
    sim_set_cpu(0);
    CHECK_EQ(cairn__cpus_read(&paging.table.cpus), 1);
    CHECK_EQ(paging_map(0, PHYS, KIB4, PAGING_RW), CAIRN_OK);
    flushes = sim_flush_count();
    CHECK_EQ(paging_unmap(0, KIB4), CAIRN_OK);
    CHECK_EQ(sim_flush_count(), flushes);
    leave(1);
    end();
}

/* Not even for global pages: what it had of them is forgotten. */
CAIRN_TEST(D17_a_CPU_that_has_left_is_interrupted_no_more)
{
    const struct cairn_page_policy policy = {.rights = 0};

    start();
    CHECK_EQ(paging_map(KERNEL, PHYS, 200 * KIB4, CAIRN_PAGE_GLOBAL), CAIRN_OK);
    CHECK_EQ(
        cairn_map_page(&home, cairn_va_make(0), cairn_phys_make(PHYS), &policy),
        CAIRN_OK);
    leave(2); /* for the other one */
    CHECK(paging_can(2, KERNEL, SIM_MMU_READ));
    sim_set_cpu(2);
    cairn_pagetable_leave(cairn_pagetable_root(&home));
    CHECK(cairn_pagetable_active() == NULL);
    sim_set_cpu(0);
    CHECK_EQ(cairn__cpus_read(&paging.table.cpus), 3);
    CHECK(!sim_mmu_cached(2, KERNEL));
    CHECK(paging_can(2, 0, SIM_MMU_READ));
    CHECK(paging_can(3, 0, SIM_MMU_READ));
    CHECK_EQ(paging_unmap(KERNEL, 200 * KIB4), CAIRN_OK);
    CHECK(sim_mmu_cached(2, 0));
    CHECK(!sim_mmu_cached(3, 0));
    end();
}
