/*
 * paging_waits.c - CPUs that wait for each other: for tables, for flushes, and
 * for what was removed.  A watch-dog turns a hang into a failure.
 */
#include "paging_cpus.h"

#include <cairn/platform.h>
#include <sched.h>

#define PAGES 4

static unsigned left;   /* CPUs that have not finished */
static uint32_t rounds; /* of each test */

static uint64_t va_of(unsigned page)
{
    return paging.base + page * CAIRN_FRAME_SIZE;
}

static void wait_for(const unsigned *number, unsigned wanted)
{
    while (__atomic_load_n(number, __ATOMIC_ACQUIRE) != wanted) {
        sim_poll();
        sched_yield();
    }
}

static void finish(void)
{
    __atomic_fetch_sub(&left, 1, __ATOMIC_ACQ_REL);
}

static void start(unsigned frames)
{
    cpus_start(CAIRN_PAGING_4LEVEL, frames);
    left = SIM_CPUS;
}

static void begin(struct cairn_cursor *cursor, unsigned first, unsigned count,
                  enum cairn_intent intent)
{
    CPUS_EXPECT(
        cairn_cursor_begin(cursor, &cpus_tables[0], cairn_va_make(va_of(first)),
                           count * CAIRN_FRAME_SIZE, intent) == CAIRN_OK);
}

static void map(unsigned page, uint64_t phys)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};
    struct cairn_cursor cursor;

    begin(&cursor, page, 1, CAIRN_INTENT_MAP);
    CPUS_EXPECT(cairn_cursor_map(&cursor, cairn_phys_make(phys),
                                 CAIRN_FRAME_SIZE, &policy) == CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void give(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    for (uint64_t i = 0; i < mapping->bytes; i += CAIRN_FRAME_SIZE)
        cpus_give_frame(mapping->phys.value + i);
}

static void unmap(unsigned first, unsigned count)
{
    struct cairn_cursor cursor;

    begin(&cursor, first, count, CAIRN_INTENT_CHANGE);
    cursor.removed = give;
    CPUS_EXPECT(cairn_cursor_unmap(&cursor, count * CAIRN_FRAME_SIZE) ==
                CAIRN_OK);
    cairn_cursor_end(&cursor);
}

/* ---- Stale translations -------------------------------------------------- */

/* Frames are tagged 1, 2, 3, ... as they are mapped, and 0xee between. */
static void recycle(uint32_t round)
{
    unsigned page = round % PAGES;
    uint64_t phys;

    unmap(page, 1);
    phys = cpus_take_frame((unsigned char)(round % 200));
    CPUS_EXPECT(phys != 0);
    map(page, phys);
}

static void read_pages(unsigned cpu)
{
    uint64_t random = cpu;
    unsigned char tag;

    while (__atomic_load_n(&left, __ATOMIC_ACQUIRE) > 1) {
        uint64_t va = va_of(cpus_random(&random, PAGES));

        if (sim_mmu_read(cpu, va, &tag, 1, NULL))
            CPUS_EXPECT(tag != CPUS_FREE);
        sim_mmu_tick(cpu);
        sim_poll();
        sched_yield();
    }
}

static void reuse(unsigned cpu)
{
    if (cpu != 0) {
        read_pages(cpu);
        return;
    }
    for (uint32_t i = 0; i < rounds; i++)
        recycle(i);
    unmap(0, PAGES);
    __atomic_store_n(&left, 1, __ATOMIC_RELEASE);
}

CAIRN_TEST(K4_paging_stale_translations_reach_nothing_reused)
{
    start(PAGES + 1);
    rounds = test_rounds(3000);
    cpus_run(reuse, SIM_CPUS);
    cpus_end();
}

/* ---- Flushes with interrupts off ----------------------------------------- */

/* Each maps and unmaps, and never takes an interrupt but where it waits. */
static void flush_others(unsigned cpu)
{
    unsigned long state = cairn_platform_irq_save();

    for (uint32_t i = 0; i < rounds; i++) {
        map(cpu * 512, cpus_take_frame((unsigned char)(cpu + 1)));
        unmap(cpu * 512, 1);
    }
    cairn_platform_irq_restore(state);
    finish();
    wait_for(&left, 0);
}

CAIRN_TEST(K4_paging_cpus_flush_each_other_with_interrupts_off)
{
    start(SIM_CPUS);
    rounds = test_rounds(500);
    cpus_run(flush_others, SIM_CPUS);
    cpus_end();
}

/* ---- A table that is locked until who waits for it has flushed ----------- */

static unsigned turn;

/* CPU 0 holds the table; the others are on their way to it, or wait for it. */
static void hold(uint32_t round)
{
    struct cairn_cursor cursor;

    map(0, cpus_take_frame(1));
    begin(&cursor, 0, PAGES, CAIRN_INTENT_CHANGE);
    __atomic_store_n(&turn, round + 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < 50; i++)
        sched_yield();
    cursor.removed = give;
    CPUS_EXPECT(cairn_cursor_unmap(&cursor, PAGES * CAIRN_FRAME_SIZE) ==
                CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void contend(unsigned cpu)
{
    struct cairn_cursor cursor;

    if (cpu == 0) {
        for (uint32_t i = 0; i < rounds; i++)
            hold(i);
    }
    for (uint32_t i = 0; cpu != 0 && i < rounds; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) <= i) {
            sim_poll();
            sched_yield();
        }
        begin(&cursor, 0, PAGES, CAIRN_INTENT_LOOK);
        cairn_cursor_end(&cursor);
    }
    finish();
    wait_for(&left, 0);
}

CAIRN_TEST(K4_paging_who_waits_for_a_table_answers_flushes)
{
    start(SIM_CPUS);
    rounds = test_rounds(300);
    turn = 0;
    cpus_run(contend, SIM_CPUS);
    cpus_end();
}

/* ---- Waiting for a CPU that waits for a flush ---------------------------- */

static void quiesce(unsigned cpu)
{
    unsigned long state = 0;

    for (uint32_t i = 0; i < rounds; i++) {
        if (cpu % 2 == 0) {
            state = cairn_platform_irq_save();
            map(cpu * 512, cpus_take_frame(1));
            unmap(cpu * 512, 1);
            cairn_platform_irq_restore(state);
        } else {
            cairn_platform_quiesce(cpu - 1);
        }
        sim_poll();
    }
    finish();
    wait_for(&left, 0);
}

CAIRN_TEST(K4_paging_who_waits_for_a_cpu_answers_flushes)
{
    start(SIM_CPUS);
    rounds = test_rounds(300);
    cpus_run(quiesce, SIM_CPUS);
    cpus_end();
}

/* ---- CPUs come to a page table and go ------------------------------------ */

/* CPU 0 changes one; the others load it, read, and load another. */
static void come_and_go(unsigned cpu)
{
    unsigned char tag;

    for (uint32_t i = 0; cpu != 0; i++) {
        cairn_pagetable_activate(&cpus_tables[i % 2]);
        for (unsigned j = 0; j < PAGES; j++) {
            if (sim_mmu_read(cpu, va_of(j), &tag, 1, NULL))
                CPUS_EXPECT(i % 2 == 0 && tag != CPUS_FREE);
        }
        sim_poll();
        sched_yield();
        if (__atomic_load_n(&left, __ATOMIC_ACQUIRE) == 1)
            return;
    }
    for (uint32_t i = 0; i < rounds; i++)
        recycle(i);
    unmap(0, PAGES);
    __atomic_store_n(&left, 1, __ATOMIC_RELEASE);
}

CAIRN_TEST(K4_paging_cpus_load_a_page_table_while_it_changes)
{
    start(PAGES + 1);
    rounds = test_rounds(3000);
    cpus_run(come_and_go, SIM_CPUS);
    cpus_end();
}
