/*
 * fault_explain.c - faults get names, also while locks are held.
 *
 * On a page table that no CPU has loaded; with one that is: tests/host/fault.c,
 * tests/kernel/mistakes_live.c.
 */
#include "areas_build.h"
#include "base/lock.h"
#include <cairn/fault.h>
#include <cairn/map.h>
#include <cairn/stack.h>

#define PAGE ((uint64_t)CAIRN_FRAME_SIZE)

static struct cairn_stacks stacks;
static struct cairn_areas *const sets[] = {&areas.set, NULL};
static struct cairn_fault_report report;

static void start(void)
{
    areas_start(AREAS_BASE, CAIRN_GIB);
    CHECK_EQ(cairn_stacks_init(&stacks, &areas.set, NULL), CAIRN_OK);
}

/* What is said of a fault there. */
static const char *said(uint64_t address, uint32_t error)
{
    static char text[CAIRN_FAULT_TEXT_BYTES];
    const struct cairn_fault fault = {{address}, error};

    cairn_fault_explain(CAIRN_PAGING_4LEVEL, cairn_pagetable_root(&areas.table),
                        &fault, sets, &report);
    return cairn_fault_text(&report, text);
}

static struct cairn_area *alloc_lazy(const char *name)
{
    const struct cairn_area_request request = {
        .kind = CAIRN_AREA_LAZY,
        .rights = CAIRN_PAGE_WRITE,
        .flags = CAIRN_AREA_WITH_GUARDS,
        .name = name,
    };

    return areas_alloc(4 * PAGE, request);
}

CAIRN_TEST(I3_guards_have_the_names_of_stacks)
{
    struct cairn_stack stack;

    start();
    CHECK_EQ(cairn_stack_alloc(&stacks, 0, "idle", &stack), CAIRN_OK);
    CHECK_TEXT(said(stack.bottom.value - 1, CAIRN_FAULT_WRITE),
               "overflow of stack 'idle'");
    CHECK_EQ(report.mistake, CAIRN_MISTAKE_OVERFLOW);
    CHECK_TEXT(said(stack.guard_below.value, 0), "overflow of stack 'idle'");
    CHECK_TEXT(said(stack.top.value, 0), "access above stack 'idle'");
    CHECK_TEXT(said(stack.top.value + PAGE - 1, 0),
               "access above stack 'idle'");
    CHECK_TEXT(said(stack.top.value + PAGE, 0), "nothing is mapped there");
    CHECK(!report.has_area && !report.is_unsure);
    CHECK_EQ(cairn_stack_free(&stacks, &stack), CAIRN_OK);
    CHECK_TEXT(said(stack.top.value - 8, 0), "use of freed stack 'idle'");
    CHECK(report.area.is_freed);
    areas_end();
}

CAIRN_TEST(I3_J4_guards_and_freed_areas_have_names)
{
    struct cairn_area *area;
    uint64_t begin;

    start();
    area = alloc_lazy("log");
    begin = area->start.value;
    CHECK_TEXT(said(begin - 1, 0), "access below area 'log'");
    CHECK_TEXT(said(begin + 4 * PAGE, 0), "access behind area 'log'");
    CHECK_TEXT(said(begin, 0), "nothing is mapped there");
    CHECK(report.has_area);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    CHECK_TEXT(said(begin, 0), "use of freed area 'log'");
    CHECK_TEXT(said(begin + 5 * PAGE, 0), "nothing is mapped there");
    /* Whoever has the address now, or had it last. */
    area = alloc_lazy("next");
    CHECK_EQ(area->start.value, begin);
    CHECK_TEXT(said(begin - 1, 0), "access below area 'next'");
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    CHECK_TEXT(said(begin, 0), "use of freed area 'next'");
    areas_end();
}

/* What was freed is remembered until some tens of others have come. */
CAIRN_TEST(I3_what_was_freed_is_remembered)
{
    struct cairn_area *area;
    uint64_t begin;

    start();
    area = alloc_lazy("old");
    begin = area->start.value;
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    for (unsigned i = 0; i < 20; i++) {
        const struct cairn_area_request request = {
            .place = CAIRN_AREA_FIXED,
            .within = {{begin + CAIRN_MIB}, 0},
            .name = "other",
        };

        area = areas_alloc(PAGE, request);
        CHECK_TEXT(said(begin, 0), "use of freed area 'old'");
        CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    }
    areas_end();
}

/* Nothing is mapped there; or it is, with these rights. */
CAIRN_TEST(I1_mistakes_by_address_and_rights)
{
    static const struct {
        unsigned rights;
        uint32_t error;
        const char *text;
    } cases[] = {
        {CAIRN_PAGE_EXEC, CAIRN_FAULT_WRITE, "write to code"},
        {0, CAIRN_FAULT_WRITE, "write to constants"},
        {CAIRN_PAGE_WRITE, CAIRN_FAULT_FETCH, "jump to data"},
        {CAIRN_PAGE_USER, 0, "access to user data (SMAP)"},
        {CAIRN_PAGE_USER | CAIRN_PAGE_EXEC, CAIRN_FAULT_FETCH,
         "jump to user code (SMEP)"},
        {CAIRN_PAGE_WRITE, CAIRN_FAULT_RESERVED, "corrupted page table"},
        {0, CAIRN_FAULT_USER, "the page is the kernel's"},
        {0, 0, "none: it is allowed by now"},
    };
    uint64_t va = AREAS_BASE + CAIRN_MIB;

    start();
    CHECK_TEXT(said(0, 0), "null dereference");
    CHECK_TEXT(said(CAIRN_FAULT_NULL_BYTES - 1, CAIRN_FAULT_FETCH),
               "null dereference");
    CHECK_TEXT(said(CAIRN_FAULT_NULL_BYTES, 0), "nothing is mapped there");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cairn_page_policy policy = {.rights = cases[i].rights};

        CHECK_EQ(cairn_map_page(&areas.table, cairn_va_make(va),
                                cairn_phys_make(PAGE), &policy),
                 CAIRN_OK);
        CHECK_TEXT(said(va, cases[i].error | CAIRN_FAULT_PRESENT),
                   cases[i].text);
        CHECK_EQ(cairn_unmap_page(&areas.table, cairn_va_make(va), NULL),
                 CAIRN_OK);
    }
    CHECK_TEXT(cairn_mistake_text(CAIRN_MISTAKE_COUNT), "?");
    areas_end();
}

/* ---- While locks are held ------------------------------------------------ */

CAIRN_TEST(I3_K2_a_fault_under_any_lock_is_reported)
{
    struct cairn_stack stack;
    enum cairn_area_part part;
    uint64_t guard;

    start();
    CHECK_EQ(cairn_stack_alloc(&stacks, 0, "busy", &stack), CAIRN_OK);
    guard = stack.bottom.value - 8;
    for (unsigned rank = CAIRN__RANK_STACKS; rank < CAIRN__RANK_COUNT; rank++) {
        struct cairn_lock other = {0, 0};
        unsigned long state;
        unsigned long irq;

        cairn__lock_init(&other, (enum cairn__lock_rank)rank);
        irq = cairn__lock_acquire(&other);
        CHECK_TEXT(said(guard, 0), "overflow of stack 'busy'");
        CHECK_EQ(cairn_stacks_peek(&stacks, stack.bottom, &stack, &part),
                 CAIRN_OK);
        /* And the ranks are what they were. */
        CHECK(!cairn__lock_acquire_first(&areas.set.lock, &state));
        cairn__lock_release(&other, irq);
        CHECK(cairn__lock_acquire_first(&areas.set.lock, &state));
        cairn__lock_release(&areas.set.lock, state);
    }
    CHECK_EQ(cairn_stack_free(&stacks, &stack), CAIRN_OK);
    areas_end();
}

CAIRN_TEST(I3_K2_a_fault_while_the_set_is_changed_has_no_name)
{
    struct cairn_area_info info;
    unsigned long irq;

    start();
    irq = cairn__lock_acquire(&areas.set.lock);
    CHECK_EQ(cairn_areas_peek(&areas.set, cairn_va_make(AREAS_BASE), &info),
             CAIRN_IN_USE);
    CHECK_TEXT(said(AREAS_BASE, 0), "nothing is mapped there");
    CHECK(report.is_unsure);
    CHECK(cairn__lock_is_held(&areas.set.lock));
    cairn__lock_release(&areas.set.lock, irq);
    CHECK_EQ(cairn_areas_peek(&areas.set, cairn_va_make(AREAS_BASE), &info),
             CAIRN_NOT_FOUND);
    CHECK_TEXT(said(AREAS_BASE, 0), "nothing is mapped there");
    CHECK(!report.is_unsure);
    areas_end();
}

CAIRN_TEST(I4_K2_a_fault_under_a_lock_gets_no_frame)
{
    static const struct cairn_page_policy policy = {.rights = 0};
    struct cairn_lock other = {0, 0};
    struct cairn_cursor cursor;
    struct cairn_area *area;
    cairn_va hole;
    unsigned long irq;

    start();
    area = alloc_lazy("lazy");
    cairn__lock_init(&other, CAIRN__RANK_STACKS);
    irq = cairn__lock_acquire(&other);
    CHECK_EQ(cairn_area_fault(&areas.set, area->start, 0), CAIRN_IN_USE);
    cairn__lock_release(&other, irq);
    /* In a cursor whose tables lead there, at any level. */
    hole = cairn_area_page(area, 4);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(cairn_cursor_begin(&cursor, &areas.table, hole, PAGE,
                                    CAIRN_INTENT_MAP),
                 CAIRN_OK);
        CHECK_EQ(cairn_area_fault(&areas.set, area->start, 0), CAIRN_IN_USE);
        cairn_cursor_end(&cursor);
        CHECK_EQ(cairn_map_page(&areas.table,
                                cairn_va_make(hole.value + 2 * PAGE),
                                cairn_phys_make(PAGE), &policy),
                 i == 0 ? CAIRN_OK : CAIRN_IN_USE);
    }
    CHECK_EQ(area->frame_count, 0);
    CHECK_EQ(cairn_area_fault(&areas.set, area->start, CAIRN_PAGE_WRITE),
             CAIRN_OK);
    CHECK_EQ(area->frame_count, 1);
    CHECK_EQ(cairn_unmap_page(&areas.table,
                              cairn_va_make(hole.value + 2 * PAGE), NULL),
             CAIRN_OK);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    areas_end();
}

/* ---- Where a panic is required ------------------------------------------- */

static void map_one(struct cairn_pagetable *table)
{
    const struct cairn_page_policy policy = {.rights = 0};

    CHECK(cairn_map_page(table, cairn_va_make(AREAS_BASE),
                         cairn_phys_make(PAGE), &policy) != CAIRN_OK);
}

CAIRN_TEST(I6_a_page_table_without_a_root_is_inactive)
{
    static struct cairn_pagetable none;

    CHECK_PANIC(map_one(&none), "page table is inactive");
    CHECK_PANIC((void)!cairn_unmap_page(&none, cairn_va_make(PAGE), NULL),
                "page table is inactive");
    CHECK_PANIC((void)!cairn_protect_range(&none, cairn_va_make(PAGE), PAGE, 0),
                "page table is inactive");
    areas_start(AREAS_BASE, CAIRN_GIB);
    areas_end(); /* destroyed */
    CHECK_PANIC(map_one(&areas.table), "page table is inactive");
}
