/*
 * areas_mmu.c - areas and stacks on the simulated machine: what CPUs can reach
 * while they come and go, in all formats, and what is left when memory is out.
 */
#include "frames_data.h"
#include "paging_build.h"
#include <cairn/stack.h>
#include <string.h>

#define PAGE       CAIRN_FRAME_SIZE
#define DATA       (64 * CAIRN_MIB)
#define DATA_BYTES CAIRN_MIB
#define STACK      (8 * PAGE)

static struct cairn_frames frames;
static struct cairn_areas set;
static struct cairn_stacks stacks;
static struct cairn_stack stack;
static uint64_t data_frames;
static cairn_pfn watched[64]; /* frames that CPUs have been using */
static unsigned watched_count;

static uint64_t free_frames(void)
{
    return frames_data_free(&frames);
}

/* What happens when a frame is asked for and there is none. */
static bool (*when_out)(void);

static bool reclaim(void *context, uint64_t count)
{
    bool (*act)(void) = when_out;

    (void)context;
    (void)count;
    when_out = NULL;
    return act != NULL && act();
}

static void start_frames(void)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.cpu_count = 2;
    config.reclaim = reclaim;
    when_out = NULL;
    frames_data_start(&frames, DATA, DATA_BYTES, &config);
    data_frames = free_frames();
}

static void start(enum cairn_paging_mode mode)
{
    struct cairn_stacks_config config = {.is_measured = true};

    watched_count = 0;
    paging_machine(mode);
    start_frames();
    paging_start_configured();
    sim_set_cpu(1);
    cairn_pagetable_activate(&paging.table);
    sim_set_cpu(0);
    sim_mmu_set_adversary(50);
    CHECK_EQ(cairn_areas_init(
                 &set, cairn_span_make(paging.base, paging.page_count * PAGE),
                 &paging.table, &frames),
             CAIRN_OK);
    CHECK_EQ(cairn_stacks_init(&stacks, &set, &config), CAIRN_OK);
}

static void end(void)
{
    sim_set_meanwhile(NULL);
    paging_fail_after(~0u);
    CHECK_EQ(cairn_areas_check(&set), 0);
    CHECK_EQ(free_frames(), data_frames);
    CHECK_EQ(cairn_areas_destroy(&set), CAIRN_OK);
    paging_verify();
    paging_end();
}

static cairn_pfn held[DATA_BYTES >> CAIRN_FRAME_SHIFT];

/* Hold all frames but so many. */
static unsigned hold(unsigned left)
{
    unsigned count = 0;

    while (cairn_frames_alloc(&frames, 0, 0, CAIRN_OWNER_USER, &held[count]) ==
           CAIRN_OK)
        count++;
    for (; left > 0 && count > 0; left--)
        CHECK_EQ(cairn_frames_free(&frames, held[--count]), CAIRN_OK);
    return count;
}

static void give_back(unsigned count)
{
    while (count > 0)
        CHECK_EQ(cairn_frames_free(&frames, held[--count]), CAIRN_OK);
}

/* What others have left in memory. */
static void soil(void)
{
    unsigned count = hold(0);

    for (unsigned i = 0; i < count; i++)
        memset(sim_ram_at(cairn_phys_of(held[i]).value, PAGE), 0xcc, PAGE);
    give_back(count);
}

/* ---- What CPUs reach ----------------------------------------------------- */

/* At any moment: what a CPU can use is not free. */
static void watch(void)
{
    sim_set_meanwhile(NULL);
    for (unsigned i = 0; i < watched_count; i++) {
        if (cairn_frames_info(&frames, watched[i]).usage == CAIRN_FRAME_FREE)
            CHECK(
                !sim_mmu_can_use(cairn_phys_of(watched[i]).value, PAGE, NULL));
    }
    sim_set_meanwhile(watch);
}

/* Both CPUs have written to all pages. */
static void use(uint64_t va, uint64_t bytes)
{
    cairn_phys phys;

    for (uint64_t at = va; at < va + bytes; at += PAGE) {
        CHECK(paging_can(0, at, SIM_MMU_WRITE));
        CHECK(paging_can(1, at, SIM_MMU_WRITE));
        CHECK(
            cairn_pagetable_translate(&paging.table, cairn_va_make(at), &phys));
        watched[watched_count++] = cairn_pfn_of(phys);
    }
    sim_set_meanwhile(watch);
}

static void expect_fault(uint64_t va)
{
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        CHECK(!paging_can(cpu, va, SIM_MMU_READ));
        CHECK(!paging_can(cpu, va, SIM_MMU_WRITE));
    }
}

CAIRN_TEST(H1_guards_fault_and_stacks_do_not)
{
    for (unsigned i = 0; i < CAIRN_PAGING_MODES; i++) {
        start((enum cairn_paging_mode)i);
        CHECK_EQ(cairn_stack_alloc(&stacks, STACK, "one", &stack), CAIRN_OK);
        use(stack.bottom.value, STACK);
        expect_fault(stack.bottom.value - 1);
        expect_fault(stack.guard_below.value);
        expect_fault(stack.top.value);
        expect_fault(stack.top.value + PAGE - 8);
        CHECK_EQ(paging_can(0, stack.bottom.value, SIM_MMU_FETCH),
                 i == CAIRN_PAGING_32BIT); /* no NX */
        CHECK_EQ(cairn_stack_free(&stacks, &stack), CAIRN_OK);
        CHECK(watched_count == 8);
        expect_fault(stack.bottom.value);
        expect_fault(stack.top.value - 8);
        end();
    }
}

CAIRN_TEST(F15_H2_no_frame_is_free_while_a_cpu_reaches_it)
{
    for (unsigned i = 0; i < CAIRN_PAGING_MODES; i++) {
        start((enum cairn_paging_mode)i);
        for (unsigned round = 0; round < 8; round++) {
            CHECK_EQ(cairn_stack_alloc(&stacks, STACK, "", &stack), CAIRN_OK);
            use(stack.bottom.value, STACK);
            CHECK_EQ(cairn_stack_free(&stacks, &stack), CAIRN_OK);
            watch();
        }
        end();
    }
}

CAIRN_TEST(F21_a_page_that_is_touched_is_zero)
{
    struct cairn_area_request request = {.bytes = 60 * PAGE,
                                         .kind = CAIRN_AREA_LAZY,
                                         .rights = CAIRN_PAGE_WRITE,
                                         .owner = CAIRN_OWNER_HEAP};
    uint64_t word = 1;

    for (unsigned i = 0; i < CAIRN_PAGING_MODES; i++) {
        struct cairn_area *area;
        uint64_t va;

        start((enum cairn_paging_mode)i);
        soil();
        CHECK_EQ(cairn_area_alloc(&set, &request, &area), CAIRN_OK);
        for (unsigned page = 0; page < 60; page += 7) {
            va = area->start.value + page * PAGE;
            expect_fault(va);
            CHECK_EQ(cairn_area_fault(&set, cairn_va_make(va + 8), 0),
                     CAIRN_OK);
            for (unsigned offset = 0; offset < PAGE; offset += 8) {
                CHECK(sim_mmu_read(0, va + offset, &word, sizeof(word), NULL));
                CHECK_EQ(word, 0);
            }
            use(va, PAGE);
        }
        CHECK_EQ(free_frames(), data_frames - 9);
        CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
        CHECK_EQ(free_frames(), data_frames);
        end();
    }
}

CAIRN_TEST(F15_handles_are_unmapped_on_all_cpus)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};

    for (unsigned i = 0; i < CAIRN_PAGING_MODES; i++) {
        struct cairn_area *area;

        start((enum cairn_paging_mode)i);
        CHECK_EQ(cairn_area_alloc_pages(&set, 20, PAGE, "", &area), CAIRN_OK);
        for (unsigned page = 0; page < 20; page += 3)
            CHECK_EQ(cairn_area_map(area, page, cairn_pfn_make(0x1000 + page),
                                    &policy),
                     CAIRN_OK);
        for (unsigned page = 0; page < 20; page++)
            CHECK_EQ(paging_can(page & 1, area->start.value + page * PAGE,
                                SIM_MMU_WRITE),
                     page % 3 == 0);
        CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
        for (unsigned page = 0; page < 20; page++)
            expect_fault(paging.base + page * PAGE);
        end();
    }
}

/* That takes no memory. */
CAIRN_TEST(F15_large_pages_in_an_area_go_whole)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};
    struct cairn_area *area;

    start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_area_alloc_pages(&set, 2, 2 * CAIRN_MIB, "", &area),
             CAIRN_OK);
    CHECK_EQ(cairn_area_map(area, 1, cairn_pfn_make(0x4000), &policy),
             CAIRN_OK);
    paging_expect(area->start.value + 2 * CAIRN_MIB, 0x4000000, 2 * CAIRN_MIB);
    CHECK(paging_can(1, area->start.value + 3 * CAIRN_MIB, SIM_MMU_WRITE));
    paging_fail_after(0);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    expect_fault(paging.base + 3 * CAIRN_MIB);
    end();
}

/* To free a part of a large page takes memory; it can be tried again. */
CAIRN_TEST(F13_F15_a_handle_over_a_part_of_a_large_page)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};
    struct cairn_area *area;
    uint64_t va;

    start(CAIRN_PAGING_4LEVEL);
    va = paging.base + 2 * CAIRN_MIB;
    CHECK_EQ(cairn_map_large(&paging.table, cairn_va_make(va),
                             cairn_phys_make(0x4000000), 2 * CAIRN_MIB,
                             &policy),
             CAIRN_OK);
    CHECK_EQ(cairn_areas_reserve(&set, cairn_span_make(va, 2 * CAIRN_MIB)),
             CAIRN_OK);
    CHECK_EQ(cairn_area_adopt(&set, cairn_span_make(va + PAGE, PAGE), PAGE, "",
                              &area),
             CAIRN_OK);
    paging_fail_after(0);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_NO_MEMORY);
    CHECK(paging_can(1, va + PAGE, SIM_MMU_WRITE));
    paging_fail_after(~0u);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    expect_fault(va + PAGE);
    CHECK(paging_can(1, va, SIM_MMU_WRITE));
    CHECK(paging_can(1, va + 2 * PAGE, SIM_MMU_WRITE));
    CHECK_EQ(cairn_unmap_range(&paging.table, cairn_va_make(va), 2 * CAIRN_MIB,
                               NULL, NULL),
             CAIRN_OK);
    end();
}

/* ---- No memory ----------------------------------------------------------- */

static void expect_nothing(void)
{
    struct cairn_areas_stats stats;

    cairn_areas_stats(&set, &stats);
    CHECK_EQ(stats.used_bytes, 0);
    CHECK_EQ(stats.areas, 0);
    CHECK_EQ(cairn_areas_check(&set), 0);
    CHECK_EQ(paging.table.table_count, 1);
    for (unsigned i = 0; i < 20; i++)
        paging_expect_hole(paging.base + i * PAGE);
}

CAIRN_TEST(H2_whichever_frame_of_a_table_is_missing)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        enum cairn_status status = CAIRN_NO_MEMORY;

        for (unsigned left = 0; status != CAIRN_OK; left++) {
            start((enum cairn_paging_mode)mode);
            paging_fail_after(left);
            status = cairn_stack_alloc(&stacks, STACK, "", &stack);
            if (status != CAIRN_OK) {
                CHECK_EQ(status, CAIRN_NO_MEMORY);
                CHECK_EQ(free_frames(), data_frames);
                expect_nothing();
            } else {
                CHECK(left >= 2);
                CHECK_EQ(cairn_stack_free(&stacks, &stack), CAIRN_OK);
            }
            end();
        }
    }
}

CAIRN_TEST(H2_whichever_frame_of_a_stack_is_missing)
{
    for (unsigned left = 0; left <= 8; left++) {
        unsigned count;

        start(CAIRN_PAGING_4LEVEL);
        count = hold(left);
        CHECK_EQ(cairn_stack_alloc(&stacks, STACK, "", &stack),
                 left < 8 ? CAIRN_NO_MEMORY : CAIRN_OK);
        if (left < 8) {
            CHECK_EQ(free_frames(), left);
            expect_nothing();
        } else {
            CHECK_EQ(cairn_stack_free(&stacks, &stack), CAIRN_OK);
        }
        give_back(count);
        end();
    }
}

CAIRN_TEST(F21_whichever_frame_of_a_fault_is_missing)
{
    struct cairn_area_request request = {.bytes = 9 * PAGE,
                                         .kind = CAIRN_AREA_LAZY};
    enum cairn_status status = CAIRN_NO_MEMORY;

    for (unsigned left = 0; status != CAIRN_OK; left++) {
        struct cairn_area *area;

        start(CAIRN_PAGING_4LEVEL);
        CHECK_EQ(cairn_area_alloc(&set, &request, &area), CAIRN_OK);
        paging_fail_after(left);
        status = cairn_area_fault(&set, area->start, 0);
        if (status != CAIRN_OK) {
            CHECK_EQ(status, CAIRN_NO_MEMORY);
            CHECK_EQ(free_frames(), data_frames);
            CHECK_EQ(area->frame_count, 0);
            paging_expect_hole(area->start.value);
        } else {
            CHECK(left >= 1);
        }
        CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
        end();
    }
}

/* ---- Two CPUs at once ---------------------------------------------------- */

static struct cairn_area *shared;
static unsigned held_count;

/* Another CPU is quicker, while this one waits for its frame. */
static bool be_quicker(void)
{
    for (unsigned i = 0; i < 2; i++)
        CHECK_EQ(cairn_frames_free(&frames, held[--held_count]), CAIRN_OK);
    sim_set_cpu(1);
    CHECK_EQ(cairn_area_fault(&set, shared->start, 0), CAIRN_OK);
    sim_set_cpu(0);
    CHECK_EQ(cairn_area_free(shared, NULL, NULL), CAIRN_IN_USE);
    return true;
}

CAIRN_TEST(F21_the_slower_of_two_cpus_gives_its_frame_back)
{
    struct cairn_area_request request = {.bytes = PAGE,
                                         .kind = CAIRN_AREA_LAZY};

    start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_area_alloc(&set, &request, &shared), CAIRN_OK);
    held_count = hold(0);
    when_out = be_quicker;
    CHECK_EQ(cairn_area_fault(&set, shared->start, 0), CAIRN_OK);
    CHECK_EQ(shared->frame_count, 1);
    CHECK_EQ(free_frames(), 1);
    give_back(held_count);
    CHECK_EQ(cairn_area_free(shared, NULL, NULL), CAIRN_OK);
    end();
}
