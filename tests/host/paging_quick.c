/*
 * paging_quick.c - transactions on one page, which take a shorter way if the
 * page table remembers the table.
 */
#include "paging_build.h"

#define PAGE  CAIRN_FRAME_SIZE
#define LARGE (2 * CAIRN_MIB)
/* So far apart, two addresses have the same place to be remembered. */
#define APART (CAIRN_PAGETABLE_RECENT * LARGE)
#define PHYS  (7 * LARGE)

static const struct cairn_page_policy read_write = {.rights = CAIRN_PAGE_WRITE};

static void begin(struct cairn_cursor *cursor, uint64_t va)
{
    CHECK_EQ(cairn_cursor_begin(cursor, &paging.table, cairn_va_make(va), PAGE,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
}

static enum cairn_status map_one(uint64_t va, uint64_t phys,
                                 const struct cairn_page_policy *policy)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    begin(&cursor, va);
    status = cairn_cursor_map(&cursor, cairn_phys_make(phys), PAGE, policy);
    CHECK_EQ(cairn_cursor_at(&cursor).value,
             status == CAIRN_OK ? va + PAGE : va);
    cairn_cursor_end(&cursor);
    return status;
}

/* Is a cursor on that page quick? */
static bool is_quick(uint64_t va)
{
    struct cairn_cursor cursor;
    bool answer;

    begin(&cursor, va);
    answer = cursor.is_quick;
    cairn_cursor_end(&cursor);
    return answer;
}

static void start(enum cairn_paging_mode mode)
{
    paging_start(mode);
    CHECK_EQ(map_one(LARGE, PHYS, &read_write), CAIRN_OK);
    CHECK(!is_quick(LARGE + PAGE)); /* it has to be seen first */
}

CAIRN_TEST(D1_one_page_after_another)
{
    static const enum cairn_paging_mode modes[] = {
        CAIRN_PAGING_4LEVEL, CAIRN_PAGING_5LEVEL, CAIRN_PAGING_PAE};

    for (unsigned i = 0; i < 3; i++) {
        start(modes[i]);
        for (uint64_t at = PAGE; at < LARGE; at += PAGE) {
            CHECK(is_quick(LARGE + at));
            CHECK_EQ(map_one(LARGE + at, PHYS + at, &read_write), CAIRN_OK);
        }
        for (uint64_t at = 0; at < LARGE; at += PAGE)
            paging_expect(LARGE + at + 5, PHYS + at + 5, PAGE);
        CHECK_EQ(map_one(LARGE, PHYS, &read_write), CAIRN_IN_USE);
        CHECK(!is_quick(2 * LARGE));
        CHECK_EQ(paging_unmap(LARGE, LARGE), CAIRN_OK);
        paging_end();
    }
}

/* The table that is remembered is another one by then, or none. */
CAIRN_TEST(D1_a_table_that_is_remembered_may_be_another_one)
{
    start(CAIRN_PAGING_4LEVEL);
    CHECK(is_quick(LARGE + PAGE));
    CHECK_EQ(paging_unmap(LARGE, PAGE), CAIRN_OK);
    CHECK_EQ(paging.table.table_count, 1);
    CHECK_EQ(map_one(LARGE, PHYS, &read_write), CAIRN_OK);
    paging_expect(LARGE, PHYS, PAGE);
    CHECK_EQ(paging_unmap(LARGE, PAGE), CAIRN_OK);
    /* Tables are taken from the pool in which that one is the first. */
    for (uint64_t i = 1; i < 5; i++) {
        CHECK_EQ(map_one(LARGE + i * APART, PHYS + i * PAGE, &read_write),
                 CAIRN_OK);
        CHECK_EQ(
            map_one(5 * CAIRN_GIB + i * LARGE, PHYS + i * LARGE, &read_write),
            CAIRN_OK);
    }
    CHECK_EQ(map_one(LARGE, PHYS, &read_write), CAIRN_OK);
    paging_expect(LARGE, PHYS, PAGE);
    for (uint64_t i = 1; i < 5; i++) {
        paging_expect(LARGE + i * APART, PHYS + i * PAGE, PAGE);
        paging_expect(5 * CAIRN_GIB + i * LARGE, PHYS + i * LARGE, PAGE);
    }
    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
    CHECK_EQ(paging_unmap(0, 8 * CAIRN_GIB), CAIRN_OK);
    paging_end();
}

CAIRN_TEST(D1_tables_with_the_same_place_take_turns)
{
    start(CAIRN_PAGING_4LEVEL);
    for (uint64_t i = 1; i < 64; i++) {
        CHECK_EQ(map_one(LARGE + i * PAGE, PHYS + i * PAGE, &read_write),
                 CAIRN_OK);
        CHECK_EQ(map_one(LARGE + APART + i * PAGE, PHYS, &read_write),
                 CAIRN_OK);
    }
    for (uint64_t i = 1; i < 64; i++) {
        paging_expect(LARGE + i * PAGE, PHYS + i * PAGE, PAGE);
        paging_expect(LARGE + APART + i * PAGE, PHYS, PAGE);
    }
    CHECK_EQ(paging_unmap(0, CAIRN_GIB), CAIRN_OK);
    paging_end();
}

/* What is refused or otherwise done is the same as without the short way. */
CAIRN_TEST(D2_a_quick_cursor_does_what_every_cursor_does)
{
    const uint64_t va = LARGE + 9 * PAGE;
    const cairn_pfn frame = cairn_pfn_of(cairn_phys_make(PHYS));
    struct cairn_cursor cursor;
    struct cairn_mapping mapping;

    start(CAIRN_PAGING_4LEVEL);
    CHECK(is_quick(va));
    begin(&cursor, va);
    cairn_cursor_query(&cursor, &mapping);
    CHECK(!mapping.is_mapped);
    CHECK_EQ(cairn_cursor_map_frames(&cursor, &frame, 1, &read_write),
             CAIRN_OK);
    CHECK_EQ(
        cairn_cursor_map(&cursor, cairn_phys_make(PHYS), PAGE, &read_write),
        CAIRN_BAD_ARGUMENT); /* nothing is left of the range */
    cairn_cursor_end(&cursor);
    paging_expect(va, PHYS, PAGE);
    begin(&cursor, va);
    CHECK_EQ(cairn_cursor_protect(&cursor, PAGE, 0), CAIRN_OK);
    cairn_cursor_end(&cursor);
    begin(&cursor, va);
    cairn_cursor_query(&cursor, &mapping);
    CHECK_EQ(mapping.rights, 0);
    CHECK_EQ(cairn_cursor_resize(&cursor, PAGE), CAIRN_OK);
    CHECK_EQ(cairn_cursor_resize(&cursor, LARGE), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(va + PAGE)), CAIRN_OK);
    CHECK_EQ(cairn_cursor_unmap(&cursor, PAGE), CAIRN_BAD_ARGUMENT);
    cairn_cursor_end(&cursor);
    begin(&cursor, va);
    CHECK_EQ(cairn_cursor_unmap(&cursor, PAGE), CAIRN_OK);
    cairn_cursor_end(&cursor);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va), PAGE,
                                CAIRN_INTENT_CHANGE),
             CAIRN_OK);
    CHECK(cursor.is_quick);
    CHECK_EQ(
        cairn_cursor_map(&cursor, cairn_phys_make(PHYS), PAGE, &read_write),
        CAIRN_BAD_ARGUMENT);
    cairn_cursor_end(&cursor);
    paging_expect_hole(va);
    CHECK_EQ(paging_unmap(LARGE, PAGE), CAIRN_OK);
    paging_end();
}

CAIRN_TEST(D2_a_quick_cursor_refuses_what_every_cursor_refuses)
{
    const uint64_t va = LARGE + PAGE;
    struct cairn_page_policy policy = read_write;

    paging_machine(CAIRN_PAGING_4LEVEL);
    paging.config.is_w_xor_x = true;
    paging.config.user_end = LARGE + PAGE;
    paging_start_configured();
    CHECK_EQ(map_one(LARGE + 3 * PAGE, PHYS, &read_write), CAIRN_OK);
    CHECK(!is_quick(va));
    CHECK(is_quick(va));
    policy.rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC;
    CHECK_EQ(map_one(va, PHYS, &policy), CAIRN_BAD_ARGUMENT);
    policy.rights = CAIRN_PAGE_RIGHTS + 1;
    CHECK_EQ(map_one(va, PHYS, &policy), CAIRN_BAD_ARGUMENT);
    policy.rights = CAIRN_PAGE_GLOBAL;
    CHECK_EQ(map_one(LARGE, PHYS, &policy), CAIRN_BAD_ARGUMENT);
    policy.rights = CAIRN_PAGE_USER;
    CHECK_EQ(map_one(va, PHYS, &policy), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(map_one(LARGE, PHYS, &policy), CAIRN_OK);
    policy = read_write;
    policy.page_limit = PAGE - 1;
    CHECK_EQ(map_one(va, PHYS, &policy), CAIRN_BAD_ARGUMENT);
    policy = read_write;
    policy.cache = CAIRN_CACHE_COUNT;
    CHECK_EQ(map_one(va, PHYS, &policy), CAIRN_BAD_ARGUMENT);
    policy = read_write;
    policy.existing = CAIRN_EXISTING_PANIC + 1;
    CHECK_EQ(map_one(va, PHYS, &policy), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(map_one(va, PHYS + 1, &read_write), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(map_one(va, paging.table.phys_end, &read_write),
             CAIRN_BAD_ARGUMENT);
    policy = read_write;
    policy.existing = CAIRN_EXISTING_REPLACE;
    CHECK_EQ(map_one(LARGE, PHYS + LARGE, &policy), CAIRN_OK);
    paging_expect(LARGE, PHYS + LARGE, PAGE);
    CHECK_EQ(paging_unmap(0, CAIRN_GIB), CAIRN_OK);
    paging_end();
}

static struct cairn_cursor remote;

CAIRN_TEST(D7_a_quick_cursor_ends_where_its_page_does)
{
    struct cairn_cursor cursor;

    start(CAIRN_PAGING_4LEVEL);
    CHECK(is_quick(LARGE + PAGE));
    begin(&cursor, LARGE + PAGE);
    CHECK_EQ(
        cairn_cursor_map(&cursor, cairn_phys_make(PHYS), LARGE, &read_write),
        CAIRN_BAD_ARGUMENT);
    cairn_cursor_end(&cursor);
    begin(&cursor, LARGE + PAGE);
    for (unsigned i = 0; i < 2; i++)
        CHECK_EQ(
            cairn_cursor_map(&cursor, cairn_phys_make(PHYS), PAGE, &read_write),
            i == 0 ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    cairn_cursor_end(&cursor);
    paging_expect_hole(LARGE + 2 * PAGE);
    CHECK_EQ(paging_unmap(LARGE, LARGE), CAIRN_OK);
    paging_end();
}

/* On CPU 1, while CPU 0 has the table: it would wait, so it is not tried. */
CAIRN_TEST(K4_a_quick_cursor_keeps_others_out)
{
    start(CAIRN_PAGING_4LEVEL);
    CHECK(is_quick(LARGE));
    begin(&remote, LARGE);
    CHECK(!cairn__table_try_lock(remote.top));
    CHECK(cairn__table_is_mine(remote.top));
    cairn_cursor_end(&remote);
    CHECK(cairn__table_try_lock(remote.top));
    cairn__table_unlock(remote.top);
    CHECK(!sim_are_interrupts_off());
    CHECK_EQ(paging_unmap(LARGE, PAGE), CAIRN_OK);
    paging_end();
}
