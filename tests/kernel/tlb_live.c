/*
 * tlb_live.c - what the CPU has cached is never used again: pages of each size
 * change under its eyes, on the tables that it translates by.
 *
 * Each page is touched before it changes, so that a forgotten flush shows.
 */
#include "cpu/descriptors.h"
#include "cpu/insn.h"
#include "kernel/space.h"
#include <cairn/physmap.h>
#include <cairn/temporary.h>

#define PAGE      CAIRN_FRAME_SIZE
#define LARGE     (2 * CAIRN_MIB)
#define LARGE_FRM 9 /* order of that many frames */
#define HUGE      CAIRN_GIB
#define RW        CAIRN_PAGE_WRITE
#define MANY      100 /* pages: more than are flushed one by one */
#define PAGE_KEYS 64  /* of the random test */

static struct probe_fault fault;
static uint8_t value;

static bool can_read(uint64_t va)
{
    return probe_read((uintptr_t)va, &value, &fault);
}

static bool can_write(uint64_t va)
{
    return probe_write((uintptr_t)va, 0x42, &fault);
}

static void expect_read(uint64_t va, uint8_t wanted)
{
    CHECK(can_read(va));
    CHECK_EQ(value, wanted);
}

static void expect_hole(uint64_t va)
{
    CHECK(!can_read(va));
    CHECK_EQ(fault.vector, VECTOR_PAGE_FAULT);
    CHECK_EQ(fault.error, 0);
    CHECK_EQ(fault.address, va);
}

static void expect_no_write(uint64_t va)
{
    CHECK(can_read(va));
    CHECK(!can_write(va));
    CHECK_EQ(fault.error, 3);
    CHECK_EQ(fault.address, va);
}

/* ---- Nothing stale ------------------------------------------------------- */

static void touch_and_change(uint64_t va, uint64_t phys, uint64_t bytes,
                             unsigned global)
{
    uint64_t last = va + bytes - 1;

    space_map(va, phys, bytes, RW | global);
    CHECK(can_write(va));
    CHECK(can_write(last));
    space_protect(va, bytes, global);
    expect_no_write(va);
    expect_no_write(last);
    space_protect(va, bytes, CAIRN_PAGE_EXEC | global);
    *(volatile uint16_t *)space_window(phys) = 0x0b0f; /* UD2 */
    CHECK(probe_exec((uintptr_t)va, &fault));
    space_protect(va, bytes, RW | global);
    if (space_has_nx()) {
        CHECK(!probe_exec((uintptr_t)va, &fault));
        CHECK_EQ(fault.error, 0x11);
    }
    CHECK(can_write(va));
    space_unmap(va, bytes);
    expect_hole(va);
    expect_hole(last);
}

CAIRN_TEST(D15_D16_live_what_was_touched_changes_at_once)
{
    uint64_t phys;
    uint64_t large;
    uint64_t va;

    space_start();
    va = space.kernel_base;
    phys = space_alloc(0);
    large = space_alloc(LARGE_FRM);
    touch_and_change(va, phys, PAGE, 0);
    touch_and_change(va, phys, PAGE, CAIRN_PAGE_GLOBAL);
    touch_and_change(va, large, LARGE, 0);
    touch_and_change(va, large, LARGE, CAIRN_PAGE_GLOBAL);
    touch_and_change(va + PAGE, large, LARGE, 0);
    touch_and_change(va + PAGE, large, MANY * PAGE, CAIRN_PAGE_GLOBAL);
    space_free(large);
    space_free(phys);
    space_end();
}

CAIRN_TEST(D10_D15_live_another_frame_is_seen_at_once)
{
    struct cairn_page_policy policy = {.rights = RW,
                                       .existing = CAIRN_EXISTING_REPLACE};
    uint64_t frames[2];
    uint64_t va;

    space_start();
    va = space.kernel_base;
    for (unsigned i = 0; i < 2; i++) {
        frames[i] = space_alloc(0);
        space_window(frames[i])[0] = (uint8_t)(0x10 + i);
    }
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQ(cairn_map_page(&space.table, cairn_va_make(va),
                                cairn_phys_make(frames[i % 2]), &policy),
                 CAIRN_OK);
        expect_read(va, (uint8_t)(0x10 + i % 2));
    }
    policy.existing = CAIRN_EXISTING_FAIL;
    CHECK_EQ(cairn_map_page(&space.table, cairn_va_make(va),
                            cairn_phys_make(frames[0]), &policy),
             CAIRN_IN_USE);
    expect_read(va, 0x11);
    space_unmap(va, PAGE);
    space_free(frames[0]);
    space_free(frames[1]);
    space_end();
}

/* Each page of many, so that all is flushed, and all tables go. */
CAIRN_TEST(D14_D15_live_many_pages_and_their_tables)
{
    uint64_t large;
    uint64_t va;
    size_t tables;

    space_start();
    va = space.kernel_base;
    large = space_alloc(LARGE_FRM);
    tables = space.table.table_count;
    for (unsigned round = 0; round < 3; round++) {
        space_map(va + PAGE, large, LARGE, RW);
        for (uint64_t at = 0; at < LARGE; at += PAGE)
            CHECK(can_write(va + PAGE + at));
        CHECK(space.table.table_count > tables);
        space_unmap(va, 2 * LARGE);
        CHECK_EQ(space.table.table_count, tables);
        for (uint64_t at = 0; at < LARGE; at += PAGE)
            expect_hole(va + PAGE + at);
    }
    space_free(large);
    space_end();
}

static struct cairn_mapping harvested;

static void note(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    harvested = *mapping;
}

static void harvest(uint64_t va, uint64_t bytes)
{
    struct cairn_cursor cursor;

    harvested.is_accessed = false;
    harvested.is_dirty = false;
    CHECK_EQ(cairn_cursor_begin(&cursor, &space.table, cairn_va_make(va), bytes,
                                CAIRN_INTENT_CHANGE),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_harvest(&cursor, bytes, note, NULL), CAIRN_OK);
    cairn_cursor_end(&cursor);
}

static void read_and_write(uint64_t va, uint64_t bytes)
{
    CHECK(!space_look(va).is_accessed);
    for (unsigned round = 0; round < 3; round++) {
        harvest(va, bytes);
        CHECK(!harvested.is_accessed && !harvested.is_dirty);
        CHECK(can_read(va));
        CHECK(space_look(va).is_accessed && !space_look(va).is_dirty);
        harvest(va, bytes);
        CHECK(harvested.is_accessed && !harvested.is_dirty);
        CHECK(can_write(va + bytes - 1));
        CHECK(space_look(va).is_dirty);
        harvest(va, bytes);
        CHECK(harvested.is_accessed && harvested.is_dirty);
        CHECK(!space_look(va).is_accessed && !space_look(va).is_dirty);
    }
}

CAIRN_TEST(D15_live_what_was_harvested_is_seen_again)
{
    uint64_t large;
    uint64_t va;

    space_start();
    va = space.kernel_base;
    large = space_alloc(LARGE_FRM);
    space_map(va, large, PAGE, RW);
    read_and_write(va, PAGE);
    space_unmap(va, PAGE);
    space_map(va, large, LARGE, RW);
    read_and_write(va, LARGE);
    space_unmap(va, LARGE);
    space_free(large);
    space_end();
}

/* ---- Sizes --------------------------------------------------------------- */

/* Number each page of a large one. */
static void number_pages(uint64_t phys)
{
    for (uint64_t at = 0; at < LARGE; at += PAGE)
        *(volatile uint64_t *)space_window(phys + at) = phys + at;
}

static void expect_numbers(uint64_t va, uint64_t phys)
{
    for (uint64_t at = 0; at < LARGE; at += PAGE) {
        CHECK(can_read(va + at));
        CHECK_EQ(*(volatile uint64_t *)(uintptr_t)(va + at), phys + at);
    }
}

static enum cairn_status resize(uint64_t va, uint64_t bytes, uint64_t to)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    CHECK_EQ(cairn_cursor_begin(&cursor, &space.table, cairn_va_make(va), bytes,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    status = cairn_cursor_resize(&cursor, to);
    cairn_cursor_end(&cursor);
    return status;
}

CAIRN_TEST(D4_D11_live_a_large_page_is_split_and_joined)
{
    uint64_t large;
    uint64_t va;

    space_start();
    va = space.kernel_base + 4 * LARGE;
    large = space_alloc(LARGE_FRM);
    number_pages(large);
    space_map(va, large, LARGE, RW);
    CHECK_EQ(space_look(va + 5 * PAGE).page_bytes, LARGE);
    expect_numbers(va, large);
    CHECK_EQ(resize(va, LARGE, PAGE), CAIRN_OK);
    CHECK_EQ(space_look(va + 5 * PAGE).page_bytes, PAGE);
    expect_numbers(va, large);
    CHECK_EQ(resize(va, LARGE, LARGE), CAIRN_OK);
    CHECK_EQ(space_look(va + 5 * PAGE).page_bytes, LARGE);
    expect_numbers(va, large);
    space_protect(va + 7 * PAGE, PAGE, 0);
    expect_numbers(va, large);
    expect_no_write(va + 7 * PAGE);
    CHECK(can_write(va + 8 * PAGE + 8));
    CHECK_EQ(resize(va, LARGE, LARGE), CAIRN_NOT_FOUND);
    space_unmap(va + 9 * PAGE, PAGE);
    expect_hole(va + 9 * PAGE);
    CHECK(can_write(va + 10 * PAGE + 8));
    space_unmap(va, LARGE);
    expect_hole(va + 10 * PAGE);
    space_free(large);
    space_end();
}

/* The GiB that a block of ours lies in; only read, and only the block. */
CAIRN_TEST(D5_live_pages_of_1_GiB_where_the_CPU_has_them)
{
    const struct cairn_page_policy policy = {.rights = 0};
    uint64_t large;
    uint64_t phys;
    uint64_t va;
    bool has_1gib;

    space_start();
    has_1gib = space.table.config.features.has_1gib;
    va = space.kernel_base + HUGE;
    large = space_alloc(LARGE_FRM);
    number_pages(large);
    phys = large & ~(HUGE - 1);
    CHECK_EQ(cairn_map_large(&space.table, cairn_va_make(va),
                             cairn_phys_make(phys), HUGE, &policy),
             CAIRN_OK);
    CHECK_EQ(space_look(va + 12345).page_bytes, has_1gib ? HUGE : LARGE);
    expect_numbers(va + (large - phys), large);
    expect_no_write(va + (large - phys));
    if (has_1gib)
        CHECK_EQ(resize(va, HUGE, LARGE), CAIRN_OK);
    expect_numbers(va + (large - phys), large);
    CHECK_EQ(space_look(va + 12345).page_bytes, LARGE);
    space_unmap(va + (large - phys), PAGE);
    expect_hole(va + (large - phys));
    CHECK(can_read(va + (large - phys) + PAGE));
    space_unmap(va, HUGE);
    expect_hole(va + (large - phys) + PAGE);
    space_free(large);
    space_end();
}

/* ---- Translation --------------------------------------------------------- */

static uint64_t numbered[PAGE_KEYS]; /* frames; each has its address in it */

/* What the table says of the page, the CPU does. */
static void expect_as_translated(uint64_t va)
{
    cairn_phys phys;

    if (!cairn_pagetable_translate(&space.table, cairn_va_make(va), &phys)) {
        expect_hole(va);
        return;
    }
    CHECK(can_read(va));
    CHECK_EQ(*(volatile uint64_t *)(uintptr_t)va, phys.value);
}

static void change_one(uint64_t base)
{
    static const struct cairn_page_policy policy = {
        .rights = RW, .existing = CAIRN_EXISTING_REPLACE};
    uint64_t va = base + test_random_below(PAGE_KEYS) * PAGE;
    uint64_t phys = numbered[test_random_below(PAGE_KEYS)];

    if (test_random_once_in(3))
        space_unmap(va, PAGE);
    else
        CHECK_EQ(cairn_map_page(&space.table, cairn_va_make(va),
                                cairn_phys_make(phys), &policy),
                 CAIRN_OK);
}

CAIRN_TEST(E2_live_the_CPU_sees_what_translate_says)
{
    uint64_t base;

    space_start();
    base = space.kernel_base + LARGE - PAGE_KEYS / 2 * PAGE;
    for (unsigned i = 0; i < PAGE_KEYS; i++) {
        numbered[i] = space_alloc(0);
        *(volatile uint64_t *)space_window(numbered[i]) = numbered[i];
    }
    for (unsigned round = 0; round < 200; round++) {
        change_one(base);
        change_one(base);
        for (unsigned i = 0; i < 8; i++)
            expect_as_translated(base + test_random_below(PAGE_KEYS) * PAGE);
    }
    for (unsigned i = 0; i < PAGE_KEYS; i++)
        expect_as_translated(base + i * PAGE);
    space_unmap(base, PAGE_KEYS * PAGE);
    for (unsigned i = 0; i < PAGE_KEYS; i++)
        space_free(numbered[i]);
    space_end();
}

/* ---- Windows ------------------------------------------------------------- */

CAIRN_TEST(E10_live_the_temporary_window)
{
    static struct cairn_temporary window;
    struct cairn_temporary_use use[2];
    uint64_t frames[3];

    space_start();
    for (unsigned i = 0; i < 3; i++) {
        frames[i] = space_alloc(0);
        space_window(frames[i])[9] = (uint8_t)(0x60 + i);
    }
    CHECK_EQ(cairn_temporary_init(&window, &space.table,
                                  cairn_va_make(space.kernel_base)),
             CAIRN_OK);
    for (unsigned round = 0; round < 3; round++) {
        cairn_temporary_begin(&window, cairn_pfn_of((cairn_phys){frames[0]}),
                              &use[0]);
        expect_read(use[0].va.value + 9, 0x60);
        cairn_temporary_begin(&window, cairn_pfn_of((cairn_phys){frames[1]}),
                              &use[1]);
        expect_read(use[1].va.value + 9, 0x61);
        cairn_temporary_replace(&window, &use[1],
                                cairn_pfn_of((cairn_phys){frames[2]}));
        expect_read(use[1].va.value + 9, 0x62);
        CHECK(can_write(use[1].va.value));
        CHECK_EQ(space_window(frames[2])[0], 0x42);
        CHECK(!space_has_nx() ||
              !probe_exec((uintptr_t)use[1].va.value, &fault));
        cairn_temporary_end(&window, &use[1]);
        expect_hole(use[1].va.value);
        expect_read(use[0].va.value + 9, 0x60);
        cairn_temporary_end(&window, &use[0]);
        expect_hole(use[0].va.value);
    }
    for (unsigned i = 0; i < 3; i++)
        space_free(frames[i]);
    space_end();
}

/* Nothing is mapped at its own address; the window's own tables are new. */
CAIRN_TEST(E11_live_the_temporary_window_needs_no_identity_map)
{
    static struct cairn_temporary window;
    struct cairn_temporary_use use;
    uint64_t frame;
    uint64_t at;

    space_start();
    frame = space_alloc(0);
    at = space.kernel_base + 300 * CAIRN_GIB;
    expect_hole(frame);
    expect_hole(0);
    space_window(frame)[7] = 0x77;
    CHECK_EQ(cairn_temporary_init(&window, &space.table, cairn_va_make(at)),
             CAIRN_OK);
    cairn_temporary_begin(&window, cairn_pfn_of(cairn_phys_make(frame)), &use);
    expect_read(use.va.value + 7, 0x77);
    expect_hole(frame);
    cairn_temporary_end(&window, &use);
    expect_hole(use.va.value);
    space_free(frame);
    space_end();
}

/* Only machines that were booted with a screen have one. */
CAIRN_TEST(E12_F8_live_the_screen_as_write_combining_memory)
{
    const struct cairn_framebuffer *screen = &kernel.boot.framebuffer;
    struct cairn_phys_range range = cairn_phys_range_make(
        screen->base.value, screen->base.value + screen->bytes);
    static struct cairn_physmap physmap;
    struct cairn_mapping mapping;
    cairn_va at;
    uint8_t former;

    if (!screen->is_present)
        return;
    space_start();
    CHECK_EQ(cairn_physmap_init(&physmap, &space.table,
                                cairn_va_make(space.kernel_base), HUGE),
             CAIRN_OK);
    CHECK_EQ(cairn_physmap_map(&physmap, range, RW, CAIRN_CACHE_WC, &at),
             CAIRN_OK);
    mapping = space_look(at.value);
    CHECK_EQ(mapping.cache, space.table.config.features.has_pat
                                ? CAIRN_CACHE_WC
                                : CAIRN_CACHE_UC_MINUS);
    CHECK_EQ(mapping.phys.value, screen->base.value);
    CHECK(can_read(at.value + screen->bytes - 1));
    former = value;
    CHECK(can_write(at.value + screen->bytes - 1));
    expect_read(at.value + screen->bytes - 1, 0x42);
    CHECK(
        probe_write((uintptr_t)(at.value + screen->bytes - 1), former, &fault));
    CHECK_EQ(cairn_physmap_unmap(&physmap, at), CAIRN_OK);
    expect_hole(at.value);
    space_end();
}
