/*
 * paging_threads.c - cursors on many simulated CPUs at once.
 *
 * Each CPU has a region of its own next to those of the others, and there is
 * one that all change.  What is mapped where is written down in a plain array,
 * between an operation and the end of its cursor: nothing else protects it, so
 * that ThreadSanitizer, too, says whether cursors exclude each other.
 *
 * Frames go round through a pool.  One that comes back must be out of reach of
 * all CPUs, and nobody may write to it until it is taken again.
 */
#include "paging_cpus.h"

#include <sched.h>

#define FRAMES      768
#define UNITS       (SIM_CPUS + SHARED) /* of a large page each */
#define SHARED      4
#define UNIT_MAX    1024 /* pages */
#define NEAR_BORDER 24   /* where operations begin, so that they meet */
#define COUNT_MAX   16
#define ROUNDS      1500

struct page {
    uint64_t phys; /* 0: not mapped */
    unsigned rights;
};

static struct page model[CPUS_TABLES][UNITS * UNIT_MAX];
static unsigned unit; /* pages of one */

struct worker {
    unsigned cpu;
    uint64_t random;
    unsigned active; /* the page table that it has loaded */
    unsigned table;  /* the one that it changes now */
    unsigned first;  /* of the range */
    unsigned count;
    /* What takes the place of pages that are removed: */
    cairn_pfn frames[COUNT_MAX];
    unsigned rights;
    bool is_mapping;
};

static unsigned below(struct worker *me, unsigned limit)
{
    return cpus_random(&me->random, limit);
}

static uint64_t va_of(unsigned page)
{
    return paging.base + page * CAIRN_FRAME_SIZE;
}

static struct page *page_of(struct worker *me, unsigned number)
{
    return &model[me->table][number];
}

/* ---- The range ----------------------------------------------------------- */

/* The first page of the CPU's own region, or of the shared one. */
static unsigned begin_of(struct worker *me, bool is_shared)
{
    return is_shared ? (SIM_CPUS + below(me, SHARED)) * unit : me->cpu * unit;
}

/* Near the beginning or the end of a unit. */
static unsigned choose_page(struct worker *me, bool is_shared)
{
    unsigned near = unit < NEAR_BORDER ? unit : NEAR_BORDER;
    unsigned offset = below(me, near);

    return begin_of(me, is_shared) +
           (below(me, 2) == 0 ? offset : unit - 1 - offset);
}

static void choose_range(struct worker *me)
{
    bool is_shared = below(me, 2) == 0;
    unsigned end = is_shared ? UNITS * unit : (me->cpu + 1) * unit;

    me->table = below(me, 4) == 0 ? 1 - me->active : me->active;
    me->first = choose_page(me, is_shared);
    me->count = 1 + below(me, COUNT_MAX);
    if (me->count > end - me->first)
        me->count = end - me->first;
}

/* Or all of a unit, or two. */
static void widen(struct worker *me)
{
    bool is_shared = below(me, 2) == 0;

    me->first = begin_of(me, is_shared);
    me->count = unit;
    if (is_shared && me->first < (UNITS - 1) * unit && below(me, 2) == 0)
        me->count += unit;
}

static bool begin(struct worker *me, struct cairn_cursor *cursor,
                  enum cairn_intent intent)
{
    enum cairn_status status = cairn_cursor_begin(
        cursor, &cpus_tables[me->table], cairn_va_make(va_of(me->first)),
        me->count * CAIRN_FRAME_SIZE, intent);

    CPUS_EXPECT(status == CAIRN_OK);
    return status == CAIRN_OK;
}

/* ---- What was removed ---------------------------------------------------- */

static uint64_t next_of(const struct worker *me, unsigned number)
{
    return me->is_mapping ? cairn_phys_of(me->frames[number - me->first]).value
                          : 0;
}

static void removed(void *context, const struct cairn_mapping *mapping)
{
    struct worker *me = context;
    unsigned first =
        (unsigned)((mapping->start.value - paging.base) / CAIRN_FRAME_SIZE);

    CPUS_EXPECT(sim_are_interrupts_off());
    for (unsigned i = 0; i < mapping->bytes / CAIRN_FRAME_SIZE; i++) {
        struct page *page = page_of(me, first + i);

        CPUS_EXPECT(first + i - me->first < me->count);
        CPUS_EXPECT(page->phys == mapping->phys.value + i * CAIRN_FRAME_SIZE);
        CPUS_EXPECT(page->rights == mapping->rights);
        cpus_give_frame(page->phys);
        page->phys = next_of(me, first + i);
        page->rights = me->rights;
    }
}

/* ---- Operations ---------------------------------------------------------- */

static void look(struct worker *me, struct cairn_cursor *cursor)
{
    unsigned at = me->first;

    while (at < me->first + me->count) {
        struct cairn_mapping mapping;

        cairn_cursor_query(cursor, &mapping);
        CPUS_EXPECT(mapping.start.value == va_of(at) && mapping.bytes > 0);
        for (uint64_t i = 0; i < mapping.bytes; i += CAIRN_FRAME_SIZE, at++) {
            const struct page *page = page_of(me, at);

            CPUS_EXPECT(mapping.is_mapped == (page->phys != 0));
            CPUS_EXPECT(!mapping.is_mapped ||
                        (mapping.phys.value + i == page->phys &&
                         mapping.rights == page->rights));
        }
        CPUS_EXPECT(cairn_cursor_seek(cursor, cairn_va_make(va_of(at))) ==
                    CAIRN_OK);
    }
}

static void query(struct worker *me)
{
    struct cairn_cursor cursor;

    if (!begin(me, &cursor, CAIRN_INTENT_LOOK))
        return;
    look(me, &cursor);
    cairn_cursor_end(&cursor);
}

static unsigned random_rights(struct worker *me)
{
    unsigned rights = below(me, 4) == 0 ? 0 : CAIRN_PAGE_WRITE;

    if (cpus_tables[0].nx_bit == 0)
        rights |= CAIRN_PAGE_EXEC;
    return rights;
}

/* They are mapped now; what was there before is told of later. */
static void note_mapped(struct worker *me, enum cairn_existing existing)
{
    for (unsigned i = 0; i < me->count; i++) {
        struct page *page = page_of(me, me->first + i);

        CPUS_EXPECT(page->phys == 0 || existing == CAIRN_EXISTING_REPLACE);
        if (page->phys != 0)
            continue;
        page->phys = next_of(me, me->first + i);
        page->rights = me->rights;
    }
}

static void take_frames(struct worker *me)
{
    unsigned count = 0;

    for (; count < me->count; count++) {
        uint64_t phys = cpus_take_frame((unsigned char)(me->cpu + 1));

        if (phys == 0)
            break;
        me->frames[count] = cairn_pfn_of(cairn_phys_make(phys));
    }
    me->count = count;
}

static void map(struct worker *me)
{
    const struct cairn_page_policy policy = {
        .rights = random_rights(me),
        .existing = (enum cairn_existing)below(me, 2),
    };
    struct cairn_cursor cursor;
    enum cairn_status status;

    take_frames(me);
    if (me->count == 0 || !begin(me, &cursor, CAIRN_INTENT_MAP))
        return;
    cursor.removed = removed;
    cursor.context = me;
    me->is_mapping = true;
    me->rights = policy.rights;
    status = cairn_cursor_map_frames(&cursor, me->frames, me->count, &policy);
    if (status == CAIRN_OK)
        note_mapped(me, policy.existing);
    cairn_cursor_end(&cursor);
    me->is_mapping = false;
    if (status == CAIRN_OK)
        return;
    CPUS_EXPECT(status == CAIRN_IN_USE &&
                policy.existing == CAIRN_EXISTING_FAIL);
    for (unsigned i = 0; i < me->count; i++)
        cpus_give_frame(cairn_phys_of(me->frames[i]).value);
}

static void unmap(struct worker *me)
{
    struct cairn_cursor cursor;

    if (below(me, 8) == 0)
        widen(me);
    if (!begin(me, &cursor, CAIRN_INTENT_CHANGE))
        return;
    cursor.removed = removed;
    cursor.context = me;
    CPUS_EXPECT(cairn_cursor_unmap(&cursor, me->count * CAIRN_FRAME_SIZE) ==
                CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void protect(struct worker *me)
{
    unsigned rights = random_rights(me);
    struct cairn_cursor cursor;

    if (!begin(me, &cursor, CAIRN_INTENT_CHANGE))
        return;
    CPUS_EXPECT(cairn_cursor_protect(&cursor, me->count * CAIRN_FRAME_SIZE,
                                     rights) == CAIRN_OK);
    for (unsigned i = 0; i < me->count; i++)
        page_of(me, me->first + i)->rights = rights;
    cairn_cursor_end(&cursor);
}

static void seen(void *context, const struct cairn_mapping *mapping)
{
    struct worker *me = context;
    unsigned number =
        (unsigned)((mapping->start.value - paging.base) / CAIRN_FRAME_SIZE);

    CPUS_EXPECT(number - me->first < me->count);
    CPUS_EXPECT(page_of(me, number)->phys == mapping->phys.value);
    CPUS_EXPECT(mapping->is_accessed || mapping->is_dirty);
}

static void harvest(struct worker *me)
{
    struct cairn_cursor cursor;

    if (!begin(me, &cursor, CAIRN_INTENT_CHANGE))
        return;
    CPUS_EXPECT(cairn_cursor_harvest(&cursor, me->count * CAIRN_FRAME_SIZE,
                                     seen, me) == CAIRN_OK);
    cairn_cursor_end(&cursor);
}

/* In its own region, a CPU knows; in the shared one, it is some page. */
static void translate(struct worker *me)
{
    bool is_own = me->first < SIM_CPUS * unit;

    for (unsigned i = 0; i < me->count; i++) {
        uint64_t va = va_of(me->first + i) + 7;
        cairn_phys phys = {0};
        bool is_mapped = cairn_pagetable_translate(&cpus_tables[me->table],
                                                   cairn_va_make(va), &phys);
        uint64_t offset = phys.value - CPUS_DATA;

        CPUS_EXPECT(!is_mapped || (offset < FRAMES * CAIRN_FRAME_SIZE &&
                                   offset % CAIRN_FRAME_SIZE == 7));
        CPUS_EXPECT(!is_own ||
                    is_mapped == (page_of(me, me->first + i)->phys != 0));
        CPUS_EXPECT(!is_own || !is_mapped ||
                    phys.value == page_of(me, me->first + i)->phys + 7);
    }
}

static void switch_table(struct worker *me)
{
    me->active = 1 - me->active;
    cairn_pagetable_activate(&cpus_tables[me->active]);
    CPUS_EXPECT(cairn_pagetable_active() == &cpus_tables[me->active]);
}

/* ---- Accesses ------------------------------------------------------------ */

/* Once more after a fault: what was cached may have had fewer rights. */
static bool write_byte(const struct worker *me, uint64_t va)
{
    unsigned char tag = (unsigned char)(me->cpu + 1);

    return sim_mmu_write(me->cpu, va, &tag, 1, NULL) ||
           sim_mmu_write(me->cpu, va, &tag, 1, NULL);
}

/* Only this CPU changes its own region, so it knows what comes out. */
static void touch_own(struct worker *me)
{
    unsigned number = choose_page(me, false);
    const struct page *page = &model[me->active][number];
    bool may_write = page->phys != 0 && (page->rights & CAIRN_PAGE_WRITE) != 0;
    unsigned char tag = 0;

    CPUS_EXPECT(write_byte(me, va_of(number)) == may_write);
    CPUS_EXPECT(sim_mmu_read(me->cpu, va_of(number), &tag, 1, NULL) ==
                (page->phys != 0));
    CPUS_EXPECT(page->phys == 0 || tag == me->cpu + 1);
}

/* A frame that somebody has. */
static void touch_shared(struct worker *me)
{
    uint64_t va = va_of(choose_page(me, true)) + below(me, 8);
    unsigned char tag = 0;

    (void)write_byte(me, va);
    if (sim_mmu_read(me->cpu, va, &tag, 1, NULL))
        CPUS_EXPECT(tag > 0 && tag <= SIM_CPUS);
}

/* ---- All together -------------------------------------------------------- */

static void work(unsigned cpu)
{
    static void (*const operations[])(struct worker * me) = {
        map, map, map, unmap, unmap, protect, harvest, query, translate};
    struct worker me = {.cpu = cpu, .random = cpus_seed(cpu)};

    cpus_meet();
    for (uint32_t i = test_rounds(ROUNDS); i > 0; i--) {
        choose_range(&me);
        operations[below(&me, 9)](&me);
        for (unsigned j = 0; j < 4; j++) {
            touch_own(&me);
            touch_shared(&me);
        }
        if (below(&me, 64) == 0)
            switch_table(&me);
        sim_poll();
    }
}

static void unmap_all(unsigned table)
{
    struct worker me = {.table = table, .active = table, .count = UNITS * unit};
    struct cairn_cursor cursor;

    CHECK(begin(&me, &cursor, CAIRN_INTENT_CHANGE));
    cursor.removed = removed;
    cursor.context = &me;
    CHECK_EQ(cairn_cursor_unmap(&cursor, me.count * CAIRN_FRAME_SIZE),
             CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void run(enum cairn_paging_mode mode)
{
    cpus_start(mode, FRAMES);
    unit = (unsigned)(cairn__span(cpus_tables[0].format, 2) / CAIRN_FRAME_SIZE);
    for (unsigned i = 0; i < UNITS * UNIT_MAX; i++) {
        model[0][i].phys = 0;
        model[1][i].phys = 0;
    }
    cpus_run(work, SIM_CPUS);
    for (unsigned i = 0; i < CPUS_TABLES; i++) {
        CHECK_EQ(cairn_pagetable_check(&cpus_tables[i]), 0);
        unmap_all(i);
    }
    cpus_end();
}

CAIRN_TEST(K4_paging_threads_4level)
{
    run(CAIRN_PAGING_4LEVEL);
}

CAIRN_TEST(K4_paging_threads_5level)
{
    run(CAIRN_PAGING_5LEVEL);
}

CAIRN_TEST(K4_paging_threads_pae)
{
    run(CAIRN_PAGING_PAE);
}

CAIRN_TEST(K4_paging_threads_32bit)
{
    run(CAIRN_PAGING_32BIT);
}

CAIRN_TEST(K4_paging_threads_toy)
{
    run(CAIRN_PAGING_TOY);
}
