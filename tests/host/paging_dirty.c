/*
 * paging_dirty.c - no write is lost between the CPUs and the dirty bits.
 *
 * Pages are kept as a pager would: there is a copy of each.  When a cursor that
 * harvests has ended, the pages that it has seen dirty are copied; when a page
 * is removed dirty, it is copied for the last time.  Meanwhile other CPUs write
 * through caches that keep what they may.  A page that is removed clean must be
 * what its copy is.
 */
#include "paging_cpus.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS 5
#define PAGERS  (SIM_CPUS - WRITERS)
#define BLOCKS  2 /* of a large page each, for each pager */
#define BYTES   16
#define STEPS   300
#define PAGES   (PAGERS * BLOCKS * 1024) /* of all blocks, at most */

struct pager {
    unsigned cpu;
    uint64_t random;
    bool dirty[BLOCKS * 1024]; /* seen so, by the cursor that is under way */
};

static unsigned char copies[PAGES][BYTES];
static unsigned unit;         /* pages of a block */
static unsigned clean, dirty; /* pages removed so */
static unsigned pagers_left;

static uint64_t va_of(unsigned page)
{
    return paging.base + page * CAIRN_FRAME_SIZE;
}

static unsigned char *memory_of(unsigned page)
{
    return sim_ram_at(CPUS_DATA + page * CAIRN_FRAME_SIZE, BYTES);
}

/* ---- Copies -------------------------------------------------------------- */

/* Others may be writing: what is missed is dirty again. */
static void copy(unsigned page)
{
    const unsigned char *memory = memory_of(page);

    for (unsigned i = 0; i < BYTES; i++)
        copies[page][i] = __atomic_load_n(&memory[i], __ATOMIC_RELAXED);
}

static bool is_copied(unsigned page)
{
    const unsigned char *memory = memory_of(page);

    for (unsigned i = 0; i < BYTES; i++) {
        if (copies[page][i] != __atomic_load_n(&memory[i], __ATOMIC_RELAXED))
            return false;
    }
    return true;
}

static unsigned first_of(const struct cairn_mapping *mapping)
{
    unsigned page =
        (unsigned)((mapping->start.value - paging.base) / CAIRN_FRAME_SIZE);

    CPUS_EXPECT(mapping->phys.value == CPUS_DATA + page * CAIRN_FRAME_SIZE);
    return page;
}

/* Seen dirty by the same cursor before, it need not be so here. */
static void removed(void *context, const struct cairn_mapping *mapping)
{
    struct pager *me = context;
    unsigned page = first_of(mapping);
    unsigned first = me->cpu * BLOCKS * unit;

    for (uint64_t i = 0; i < mapping->bytes; i += CAIRN_FRAME_SIZE, page++) {
        CPUS_EXPECT(page - first < BLOCKS * unit);
        if (mapping->is_dirty)
            copy(page);
        else
            CPUS_EXPECT(me->dirty[page - first] || is_copied(page));
        __atomic_fetch_add(mapping->is_dirty ? &dirty : &clean, 1,
                           __ATOMIC_RELAXED);
        if (me->dirty[page - first])
            copy(page);
    }
}

static void seen(void *context, const struct cairn_mapping *mapping)
{
    struct pager *me = context;
    unsigned page = first_of(mapping) - me->cpu * BLOCKS * unit;

    for (uint64_t i = 0; i < mapping->bytes; i += CAIRN_FRAME_SIZE, page++) {
        CPUS_EXPECT(page < BLOCKS * unit);
        me->dirty[page] |= mapping->is_dirty;
    }
}

/* ---- A pager ------------------------------------------------------------- */

static void end(struct pager *me, struct cairn_cursor *cursor)
{
    cairn_cursor_end(cursor);
    for (unsigned i = 0; i < BLOCKS * unit; i++) {
        if (me->dirty[i])
            copy(me->cpu * BLOCKS * unit + i);
        me->dirty[i] = false;
    }
}

static void begin(struct pager *me, struct cairn_cursor *cursor, unsigned first,
                  unsigned count)
{
    unsigned page = me->cpu * BLOCKS * unit + first;

    if (cairn_cursor_begin(cursor, &cpus_tables[0], cairn_va_make(va_of(page)),
                           count * CAIRN_FRAME_SIZE,
                           CAIRN_INTENT_MAP) != CAIRN_OK)
        abort();
    cursor->removed = removed;
    cursor->context = me;
}

static void map(struct pager *me, unsigned block)
{
    const struct cairn_page_policy policy = {
        .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC,
        .page_limit = cpus_random(&me->random, 2) * CAIRN_FRAME_SIZE,
    };
    unsigned first = block * unit;
    uint64_t phys =
        CPUS_DATA + (me->cpu * BLOCKS * unit + first) * CAIRN_FRAME_SIZE;
    struct cairn_cursor cursor;

    begin(me, &cursor, first, unit);
    /* Not where something is: the same memory would come and go at once. */
    (void)!cairn_cursor_map(&cursor, cairn_phys_make(phys),
                            unit * CAIRN_FRAME_SIZE, &policy);
    end(me, &cursor);
}

static void resize(struct pager *me, unsigned block, uint64_t bytes)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    begin(me, &cursor, block * unit, unit);
    status = cairn_cursor_resize(&cursor, bytes);
    CPUS_EXPECT(status == CAIRN_OK || status == CAIRN_NOT_FOUND ||
                status == CAIRN_BAD_ARGUMENT);
    end(me, &cursor);
}

/* What is done to a part of a block, in one cursor. */
static void change(struct pager *me, struct cairn_cursor *cursor,
                   uint64_t bytes)
{
    unsigned rights = CAIRN_PAGE_EXEC;
    enum cairn_status status;

    if (cpus_random(&me->random, 2) == 0)
        rights |= CAIRN_PAGE_WRITE;
    switch (cpus_random(&me->random, 4)) {
    case 0:
        status = cairn_cursor_unmap(cursor, bytes);
        break;
    case 1:
        status = cairn_cursor_protect(cursor, bytes, rights);
        break;
    default:
        status = cairn_cursor_harvest(cursor, bytes, seen, me);
        break;
    }
    CPUS_EXPECT(status == CAIRN_OK);
}

static void change_part(struct pager *me, unsigned block)
{
    unsigned first =
        cpus_random(&me->random, 4) == 0 ? 0 : cpus_random(&me->random, unit);
    unsigned count = first == 0 ? unit : 1 + cpus_random(&me->random, 4);
    struct cairn_cursor cursor;

    if (count > unit - first)
        count = unit - first;
    begin(me, &cursor, block * unit + first, count);
    change(me, &cursor, count * CAIRN_FRAME_SIZE);
    end(me, &cursor);
}

static void page_out(struct pager *me)
{
    uint64_t large = unit * CAIRN_FRAME_SIZE;

    for (uint32_t i = test_rounds(STEPS); i > 0; i--) {
        unsigned block = cpus_random(&me->random, BLOCKS);

        switch (cpus_random(&me->random, 8)) {
        case 0:
            map(me, block);
            break;
        case 1:
            resize(me, block, large);
            break;
        case 2:
            resize(me, block, CAIRN_FRAME_SIZE);
            break;
        default:
            change_part(me, block);
            break;
        }
        sim_poll();
    }
    __atomic_fetch_sub(&pagers_left, 1, __ATOMIC_RELEASE);
}

/* ---- Writers ------------------------------------------------------------- */

static void write_pages(unsigned cpu)
{
    uint64_t random = cpus_seed(cpu);

    while (__atomic_load_n(&pagers_left, __ATOMIC_ACQUIRE) > 0) {
        for (unsigned i = 0; i < 8; i++) {
            unsigned block = cpus_random(&random, PAGERS * BLOCKS);
            /* Few of them, so that they are cached. */
            unsigned page = block * unit + (cpus_random(&random, 4) == 0
                                                ? cpus_random(&random, unit)
                                                : cpus_random(&random, 3));
            unsigned char value = (unsigned char)cpus_random(&random, 256);

            (void)sim_mmu_write(cpu, va_of(page) + cpu, &value, 1, NULL);
        }
        sim_poll();
        sched_yield(); /* somebody may be waiting for the others */
    }
}

static void work(unsigned cpu)
{
    static struct pager pagers[PAGERS];

    cpus_meet();
    if (cpu >= PAGERS) {
        write_pages(cpu);
        return;
    }
    memset(&pagers[cpu], 0, sizeof(pagers[cpu]));
    pagers[cpu].cpu = cpu;
    pagers[cpu].random = cpus_seed(cpu);
    page_out(&pagers[cpu]);
}

static void run(enum cairn_paging_mode mode)
{
    static struct pager rest;

    cpus_start(mode, 0);
    unit = (unsigned)(cairn__span(cpus_tables[0].format, 2) / CAIRN_FRAME_SIZE);
    CHECK(sim_ram_add(CPUS_DATA, PAGERS * BLOCKS * unit * CAIRN_FRAME_SIZE));
    memset(copies, 0, sizeof(copies));
    clean = 0;
    dirty = 0;
    pagers_left = PAGERS;
    cpus_run(work, SIM_CPUS);
    for (rest.cpu = 0; rest.cpu < PAGERS; rest.cpu++) {
        struct cairn_cursor cursor;

        begin(&rest, &cursor, 0, BLOCKS * unit);
        CHECK_EQ(cairn_cursor_unmap(&cursor, BLOCKS * unit * CAIRN_FRAME_SIZE),
                 CAIRN_OK);
        end(&rest, &cursor);
    }
    cpus_end();
    CHECK(clean > 0 && dirty > 0);
}

CAIRN_TEST(K4_paging_dirty_4level)
{
    run(CAIRN_PAGING_4LEVEL);
}

CAIRN_TEST(K4_paging_dirty_pae)
{
    run(CAIRN_PAGING_PAE);
}

CAIRN_TEST(K4_paging_dirty_32bit)
{
    run(CAIRN_PAGING_32BIT);
}

CAIRN_TEST(K4_paging_dirty_toy)
{
    run(CAIRN_PAGING_TOY);
}
