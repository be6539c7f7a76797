/*
 * paging_pcids.c - what CPUs keep of page tables that they have not loaded.
 */
#include "paging_build.h"

#include "base/memory.h"

#define KIB4   CAIRN_FRAME_SIZE
#define TABLES 9 /* more than a CPU has slots */
#define DATA   CAIRN_GIB

static struct cairn_pagetable tables[TABLES];
static uint64_t kernel; /* from where on they have all in common */

/* Page tables that share their last slot of the root, all empty. */
static void start(enum cairn_paging_mode mode)
{
    uint64_t slot = mode == CAIRN_PAGING_TOY ? 0x10000 : (uint64_t)1 << 39;

    paging_machine(mode);
    paging.config.features.has_pcid = true;
    kernel = mode == CAIRN_PAGING_TOY ? 0x30000 : (uint64_t)0 - slot;
    paging.config.user_end = kernel;
    paging_start_configured();
    CHECK_EQ(cairn_pagetable_fill(&paging.table, cairn_va_make(kernel), slot),
             CAIRN_OK);
    for (unsigned i = 0; i < TABLES; i++) {
        CHECK_EQ(cairn_pagetable_init(&tables[i], &paging.config), CAIRN_OK);
        CHECK_EQ(cairn_pagetable_share(&tables[i], &paging.table,
                                       cairn_va_make(kernel), slot),
                 CAIRN_OK);
    }
    sim_mmu_set_adversary(20);
}

static void load(unsigned cpu, struct cairn_pagetable *table)
{
    sim_set_cpu(cpu);
    cairn_pagetable_activate(table);
    CHECK_EQ(sim_mmu_wild_reads(), 0);
}

static void end(void)
{
    sim_mmu_set_adversary(0);
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
        load(cpu, &paging.table);
    sim_set_cpu(0);
    for (unsigned i = 0; i < TABLES; i++)
        cairn_pagetable_destroy(&tables[i]);
    paging_end();
}

static unsigned rights;

static void map(struct cairn_pagetable *table, uint64_t va, uint64_t phys)
{
    const struct cairn_page_policy policy = {
        .rights = rights, .existing = CAIRN_EXISTING_REPLACE};
    struct cairn_cursor cursor;

    CHECK_EQ(cairn_cursor_begin(&cursor, table, cairn_va_make(va), KIB4,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_map(&cursor, cairn_phys_make(phys), KIB4, &policy),
             CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void unmap(struct cairn_pagetable *table, uint64_t va)
{
    struct cairn_cursor cursor;

    CHECK_EQ(cairn_cursor_begin(&cursor, table, cairn_va_make(va), KIB4,
                                CAIRN_INTENT_CHANGE),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_unmap(&cursor, KIB4), CAIRN_OK);
    cairn_cursor_end(&cursor);
}

/* Where the CPU gets to; 0: nowhere. */
static uint64_t reach(unsigned cpu, uint64_t va)
{
    const struct sim_mmu_access access = {
        .va = va, .kind = SIM_MMU_READ, .ac = true};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    return result.is_ok ? result.phys : 0;
}

/* ---- One page table goes and comes --------------------------------------- */

CAIRN_TEST(D15_what_is_cached_stays_for_its_PCID)
{
    uint64_t va = paging.base;

    start(CAIRN_PAGING_4LEVEL);
    va = paging.base;
    sim_mmu_set_adversary(0);
    map(&tables[0], va, DATA);
    load(1, &tables[0]);
    CHECK_EQ(reach(1, va), DATA);
    load(1, &tables[1]);
    CHECK(sim_mmu_cached(1, va));
    CHECK_EQ(reach(1, va), 0);
    CHECK(!sim_mmu_can_use(DATA, KIB4, NULL));
    load(1, &tables[0]);
    CHECK(sim_mmu_can_use(DATA, KIB4, NULL));
    CHECK_EQ(reach(1, va), DATA);
    end();
}

/* Nobody is interrupted for what is not loaded. */
CAIRN_TEST(D15_what_was_flushed_meanwhile_is_forgotten)
{
    uint64_t flushes;

    start(CAIRN_PAGING_4LEVEL);
    sim_mmu_set_adversary(0);
    map(&tables[0], paging.base, DATA);
    map(&tables[0], paging.base + KIB4, DATA + KIB4);
    load(1, &tables[0]);
    CHECK_EQ(reach(1, paging.base), DATA);
    load(1, &tables[1]);
    sim_set_cpu(0);
    flushes = sim_flush_count();
    unmap(&tables[0], paging.base);
    CHECK_EQ(sim_flush_count(), flushes);
    CHECK(sim_mmu_can_reach(DATA, KIB4, NULL));
    CHECK(!sim_mmu_can_use(DATA, KIB4, NULL));
    load(1, &tables[0]);
    CHECK(!sim_mmu_can_reach(DATA, KIB4, NULL));
    CHECK_EQ(reach(1, paging.base), 0);
    CHECK_EQ(reach(1, paging.base + KIB4), DATA + KIB4);
    load(1, &tables[1]); /* and from now on all is well again */
    load(1, &tables[0]);
    CHECK(sim_mmu_can_use(DATA + KIB4, KIB4, NULL));
    end();
}

/* A CPU that was interrupted has nothing to forget later. */
CAIRN_TEST(D15_what_was_flushed_at_once_is_not_flushed_again)
{
    start(CAIRN_PAGING_4LEVEL);
    sim_mmu_set_adversary(0);
    map(&tables[0], paging.base, DATA);
    map(&tables[0], paging.base + KIB4, DATA + KIB4);
    load(1, &tables[0]);
    CHECK_EQ(reach(1, paging.base), DATA);
    CHECK_EQ(reach(1, paging.base + KIB4), DATA + KIB4);
    sim_set_cpu(0);
    unmap(&tables[0], paging.base);
    CHECK(!sim_mmu_can_reach(DATA, KIB4, NULL));
    load(1, &tables[1]);
    load(1, &tables[0]);
    CHECK(sim_mmu_can_use(DATA + KIB4, KIB4, NULL));
    end();
}

/* Nor have other page tables. */
CAIRN_TEST(D15_what_is_cached_of_others_stays)
{
    start(CAIRN_PAGING_4LEVEL);
    sim_mmu_set_adversary(0);
    map(&tables[0], paging.base, DATA);
    map(&tables[1], paging.base, DATA + KIB4);
    load(1, &tables[0]);
    CHECK_EQ(reach(1, paging.base), DATA);
    load(1, &tables[1]);
    sim_set_cpu(0);
    unmap(&tables[1], paging.base); /* CPU 1 is interrupted */
    load(1, &tables[0]);
    CHECK(sim_mmu_can_use(DATA, KIB4, NULL));
    end();
}

/* PCID 0 is theirs. */
CAIRN_TEST(D15_page_tables_without_a_PCID)
{
    struct cairn_pagetable without;

    start(CAIRN_PAGING_4LEVEL);
    paging.config.features.has_pcid = false;
    CHECK_EQ(cairn_pagetable_init(&without, &paging.config), CAIRN_OK);
    map(&without, paging.base, DATA);
    for (unsigned i = 0; i < TABLES; i++) {
        map(&tables[i], paging.base, DATA + (1 + i) * KIB4);
        load(1, &tables[i]);
        CHECK_EQ(reach(1, paging.base), DATA + (1 + i) * KIB4);
        load(1, &without);
        CHECK_EQ(reach(1, paging.base), DATA);
        load(1, &tables[i]);
        CHECK_EQ(reach(1, paging.base), DATA + (1 + i) * KIB4);
    }
    load(1, &paging.table);
    cairn_pagetable_destroy(&without);
    end();
}

/* Frames, and ids, come again. */
CAIRN_TEST(D15_a_page_table_inherits_nothing)
{
    start(CAIRN_PAGING_4LEVEL);
    for (unsigned i = 0; i < 3 * TABLES; i++) {
        struct cairn_pagetable one;

        CHECK_EQ(cairn_pagetable_init(&one, &paging.config), CAIRN_OK);
        map(&one, paging.base, DATA + i * KIB4);
        load(1, &one);
        CHECK_EQ(reach(1, paging.base), DATA + i * KIB4);
        load(1, &paging.table);
        cairn_pagetable_destroy(&one);
    }
    end();
}

/* ---- More page tables than slots ----------------------------------------- */

#define PAGES 4

static uint64_t model[TABLES][PAGES]; /* 0: not mapped */

static void change_any(uint64_t *next)
{
    unsigned which = test_random_below(TABLES);
    unsigned page = test_random_below(PAGES);

    sim_set_cpu(test_random_below(4));
    model[which][page] = test_random_once_in(3) ? 0 : *next;
    *next += KIB4;
    if (model[which][page] == 0)
        unmap(&tables[which], paging.base + page * KIB4);
    else
        map(&tables[which], paging.base + page * KIB4, model[which][page]);
}

static void change_common(uint64_t *next, uint64_t *common)
{
    struct cairn_pagetable *table = &tables[test_random_below(TABLES)];

    sim_set_cpu(test_random_below(4));
    *common = test_random_once_in(2) ? 0 : *next;
    *next += KIB4;
    if (*common == 0)
        unmap(table, kernel);
    else
        map(table, kernel, *common);
}

static void run_many(enum cairn_paging_mode mode)
{
    uint64_t next = DATA;
    uint64_t common = 0;
    unsigned loaded[4] = {0};

    start(mode);
    memset(model, 0, sizeof(model));
    for (unsigned cpu = 0; cpu < 4; cpu++)
        load(cpu, &tables[0]);
    for (uint32_t i = test_rounds(4000); i > 0; i--) {
        unsigned cpu = test_random_below(4);
        unsigned page = test_random_below(PAGES);

        if (test_random_once_in(4))
            change_any(&next);
        if (test_random_once_in(16))
            change_common(&next, &common);
        if (test_random_once_in(2)) {
            loaded[cpu] =
                test_random_below(test_random_below(2) == 0 ? 3 : TABLES);
            load(cpu, &tables[loaded[cpu]]);
        }
        CHECK_EQ(reach(cpu, paging.base + page * KIB4),
                 model[loaded[cpu]][page]);
        CHECK_EQ(reach(cpu, kernel), common);
    }
    end();
}

CAIRN_TEST(D15_many_page_tables_with_few_PCIDs)
{
    run_many(CAIRN_PAGING_4LEVEL);
    run_many(CAIRN_PAGING_TOY);
}

/* ---- What all have in common --------------------------------------------- */

static void change_kernel(unsigned with)
{
    start(CAIRN_PAGING_4LEVEL);
    rights = with;
    map(&paging.table, kernel, DATA);
    for (unsigned i = 0; i < 3; i++) {
        load(1, &tables[i]);
        CHECK_EQ(reach(1, kernel), DATA);
    }
    sim_set_cpu(0);
    unmap(&tables[8], kernel); /* its table goes, too */
    CHECK(!sim_mmu_can_use(DATA, KIB4, NULL));
    for (unsigned i = 0; i < 3; i++) {
        load(1, &tables[i]);
        CHECK(!sim_mmu_can_use(DATA, KIB4, NULL));
        CHECK_EQ(reach(1, kernel), 0);
    }
    rights = 0;
    end();
}

CAIRN_TEST(D15_what_is_common_is_forgotten_for_all_PCIDs)
{
    change_kernel(0);
    change_kernel(CAIRN_PAGE_GLOBAL);
}

/* The CPU that changes it has other PCIDs, too. */
CAIRN_TEST(D15_what_is_common_is_forgotten_here_for_all_PCIDs)
{
    start(CAIRN_PAGING_TOY);
    sim_mmu_set_adversary(0);
    map(&paging.table, kernel, DATA);
    load(0, &tables[0]);
    CHECK_EQ(reach(0, kernel), DATA);
    load(0, &tables[1]);
    map(&tables[1], paging.base, DATA + KIB4);
    CHECK_EQ(reach(0, paging.base), DATA + KIB4);
    unmap(&tables[1], kernel);
    load(0, &tables[0]);
    CHECK_EQ(reach(0, kernel), 0);
    load(0, &tables[1]);
    /* But what was loaded is kept. */
    CHECK(sim_mmu_can_use(DATA + KIB4, KIB4, NULL));
    end();
}

/* ---- Flushes that overtake each other ------------------------------------ */

static unsigned step;
static uint64_t late;

/* CPU 5 has raised the generation, but not seen who has it loaded. */
static void overtake(void)
{
    if (step++ > 0)
        return;
    sim_set_meanwhile(NULL);
    sim_set_cpu(3);
    unmap(&tables[0], late); /* CPU 1 is asked for that */
    load(1, &tables[1]);     /* ... and is not there for the other one */
    sim_set_cpu(5);
}

/* Before the fence, after the entry has changed. */
static void wait_for_fence(void)
{
    struct sim_mmu_view view;

    if (!sim_mmu_look(cairn_pagetable_root(&tables[0]).value, paging.base,
                      &view) &&
        tables[0].generation == 1)
        overtake();
}

CAIRN_TEST(D15_flushes_that_overtake_each_other)
{
    start(CAIRN_PAGING_4LEVEL);
    sim_mmu_set_adversary(0);
    late = paging.base + 2 * CAIRN_MIB; /* of another table */
    for (uint64_t i = 0; i < 2 * KIB4; i += KIB4) {
        map(&tables[0], paging.base + i, DATA + i);
        map(&tables[0], late + i, DATA + CAIRN_MIB + i);
    }
    CHECK_EQ(tables[0].generation, 0);
    load(1, &tables[0]);
    CHECK_EQ(reach(1, paging.base), DATA);
    CHECK_EQ(reach(1, late), DATA + CAIRN_MIB);
    sim_set_cpu(5);
    step = 0;
    sim_set_meanwhile(wait_for_fence);
    unmap(&tables[0], paging.base);
    sim_set_meanwhile(NULL);
    CHECK_EQ(step, 1);
    load(1, &tables[0]);
    CHECK_EQ(reach(1, paging.base), 0);
    CHECK_EQ(reach(1, late), 0);
    end();
}
