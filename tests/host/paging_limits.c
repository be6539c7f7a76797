/*
 * paging_limits.c - where address spaces end, and what every call refuses.
 */
#include "paging_build.h"

#include <cairn/map.h>
#include <pthread.h>

#define KIB4 CAIRN_FRAME_SIZE
#define MIB2 (2 * CAIRN_MIB)

struct space {
    enum cairn_paging_mode mode;
    uint64_t low_end;    /* exclusive */
    uint64_t high_start; /* 0: there is no upper half */
};

static const struct space spaces[] = {
    {CAIRN_PAGING_4LEVEL, (uint64_t)1 << 47, 0xffff800000000000},
    {CAIRN_PAGING_5LEVEL, (uint64_t)1 << 56, 0xff00000000000000},
    {CAIRN_PAGING_PAE, (uint64_t)1 << 32, 0},
    {CAIRN_PAGING_32BIT, (uint64_t)1 << 32, 0},
    {CAIRN_PAGING_TOY, 0x40000, 0},
};

static enum cairn_status begin_at(uint64_t va, uint64_t bytes)
{
    struct cairn_cursor cursor;
    enum cairn_status status = cairn_cursor_begin(
        &cursor, &paging.table, cairn_va_make(va), bytes, CAIRN_INTENT_LOOK);

    if (status == CAIRN_OK)
        cairn_cursor_end(&cursor);
    return status;
}

/* A page there can be mapped, used, found and unmapped. */
static void use_page(uint64_t va)
{
    CHECK_EQ(paging_map(va, 5 * KIB4, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
    paging_expect(va + KIB4 - 1, 6 * KIB4 - 1, KIB4);
    CHECK(paging_can(0, va + 8, SIM_MMU_WRITE));
    CHECK_EQ(paging_protect(va, KIB4, 0), CAIRN_OK);
    CHECK(!paging_can(0, va + 8, SIM_MMU_WRITE));
    paging_verify();
    CHECK_EQ(paging_unmap(va, KIB4), CAIRN_OK);
    paging_expect_hole(va);
    CHECK_EQ(paging.table.table_count, 1);
}

CAIRN_TEST(D7_the_first_and_last_pages)
{
    for (unsigned i = 0; i < 5; i++) {
        const struct space *space = &spaces[i];

        paging_start(space->mode);
        use_page(0);
        use_page(space->low_end - KIB4);
        if (space->high_start != 0) {
            use_page(space->high_start);
            use_page((uint64_t)0 - KIB4);
        }
        paging_end();
    }
}

CAIRN_TEST(D7_ranges_that_are_none)
{
    for (unsigned i = 0; i < 5; i++) {
        uint64_t end = spaces[i].low_end;
        uint64_t high = spaces[i].high_start;
        cairn_phys out;

        paging_start(spaces[i].mode);
        CHECK_EQ(begin_at(0, end), CAIRN_OK);
        CHECK_EQ(begin_at(0, 0), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(0, end + KIB4), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(KIB4, end), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(end, KIB4), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(end - KIB4, 2 * KIB4), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(1, KIB4), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(0x800, 0x800), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(0, KIB4 + 1), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at(KIB4, (uint64_t)0 - KIB4), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at((uint64_t)0 - KIB4, 2 * KIB4), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(begin_at((uint64_t)0 - KIB4, KIB4),
                 high != 0 ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
        CHECK(!cairn_pagetable_translate(&paging.table, cairn_va_make(end),
                                         &out));
        if (high != 0) {
            CHECK_EQ(begin_at(high, 0 - high), CAIRN_OK);
            CHECK_EQ(begin_at(high - KIB4, KIB4), CAIRN_BAD_ARGUMENT);
            CHECK_EQ(begin_at(high - KIB4, 2 * KIB4), CAIRN_BAD_ARGUMENT);
            CHECK_EQ(begin_at(end - KIB4, high - end + 2 * KIB4),
                     CAIRN_BAD_ARGUMENT);
        }
        paging_end();
    }
}

/* All of a half, and across its tables. */
CAIRN_TEST(D7_ranges_that_end_where_the_addresses_do)
{
    for (unsigned i = 0; i < 5; i++) {
        uint64_t large;
        uint64_t va;

        paging_start(spaces[i].mode);
        large = paging_large();
        va = (spaces[i].high_start != 0 ? 0 : spaces[i].low_end) - 2 * large;
        CHECK_EQ(paging_map(va + KIB4, CAIRN_GIB + KIB4, 2 * large - KIB4,
                            CAIRN_PAGE_WRITE),
                 CAIRN_OK);
        paging_expect(va + 2 * large - 1, CAIRN_GIB + 2 * large - 1, large);
        CHECK(paging_can(0, va + 2 * large - 1, SIM_MMU_WRITE));
        CHECK_EQ(paging_protect(va + 2 * large - KIB4, KIB4, 0), CAIRN_OK);
        CHECK(!paging_can(0, va + 2 * large - 1, SIM_MMU_WRITE));
        CHECK(paging_can(0, va + large, SIM_MMU_WRITE));
        paging_verify();
        CHECK_EQ(paging_unmap(va, 2 * large), CAIRN_OK);
        CHECK(!paging_can(0, va + large, SIM_MMU_READ));
        CHECK_EQ(paging.table.table_count, 1);
        CHECK_EQ(paging_map(va, CAIRN_GIB, 2 * large, 0), CAIRN_OK);
        CHECK(paging_can(0, va + 2 * large - 1, SIM_MMU_READ));
        va = spaces[i].high_start;
        CHECK_EQ(paging_unmap(va, va != 0 ? 0 - va : spaces[i].low_end),
                 CAIRN_OK);
        CHECK_EQ(paging.table.table_count, 1);
        paging_end();
    }
}

static enum cairn_status run_at(uint64_t va, uint64_t start, uint64_t end)
{
    const struct cairn_phys_range range = {{start}, {end}};
    struct cairn_cursor cursor;
    enum cairn_status status = cairn_cursor_begin_run(
        &cursor, &paging.table, cairn_va_make(va), range, UINT64_MAX);

    if (status == CAIRN_OK)
        cairn_cursor_end(&cursor);
    return status;
}

CAIRN_TEST(D7_runs_that_are_none)
{
    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(run_at(0, KIB4, 2 * KIB4), CAIRN_OK);
    CHECK_EQ(run_at(0, KIB4, KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(run_at(0, 2 * KIB4, KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(run_at(1, KIB4, 2 * KIB4), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(run_at(0, KIB4, 2 * KIB4 + 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(run_at((uint64_t)1 << 47, KIB4, 2 * KIB4), CAIRN_BAD_ARGUMENT);
    paging_end();
}

static void see(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    (void)mapping;
}

/* What a cursor on two pages is not to do, with any intent. */
static void refuse(struct cairn_cursor *cursor)
{
    const struct cairn_page_policy policy = {.rights = 0};
    const cairn_pfn frames[3] = {{1}, {2}, {3}};
    const uint64_t wrong[] = {1, KIB4 - 1, KIB4 + 1, 3 * KIB4,
                              (uint64_t)0 - KIB4};
    uint64_t at = cairn_cursor_at(cursor).value;

    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(
            cairn_cursor_map(cursor, cairn_phys_make(0), wrong[i], &policy),
            CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_cursor_unmap(cursor, wrong[i]), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_cursor_protect(cursor, wrong[i], 0), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_cursor_harvest(cursor, wrong[i], see, NULL),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_cursor_seek(cursor, cairn_va_make(at + wrong[i])),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_cursor_resize(cursor, wrong[i]), CAIRN_BAD_ARGUMENT);
    }
    CHECK_EQ(cairn_cursor_map_frames(cursor, frames, 3, &policy),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_map_frames(cursor, frames, SIZE_MAX, &policy),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_harvest(cursor, KIB4, NULL, NULL),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_protect(cursor, KIB4, 0x10), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_resize(cursor, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_resize(cursor, 2 * CAIRN_MIB), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_resize(cursor, 512 * CAIRN_GIB), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_at(cursor).value, at);
}

static void refuse_policies(struct cairn_cursor *cursor)
{
    const struct cairn_page_policy wrong[] = {
        {.rights = 0x10},
        {.cache = CAIRN_CACHE_COUNT},
        {.page_limit = KIB4 - 1},
        {.existing = (enum cairn_existing)3},
        {.rights = CAIRN_PAGE_GLOBAL}, /* it is a user's address */
    };
    const struct cairn_page_policy right = {.rights = 0};
    cairn_pfn frame = {1};

    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(cairn_cursor_map(cursor, cairn_phys_make(0), KIB4, &wrong[i]),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(cairn_cursor_map_frames(cursor, &frame, 1, &wrong[i]),
                 CAIRN_BAD_ARGUMENT);
    }
    CHECK_EQ(cairn_cursor_map(cursor, cairn_phys_make(1), KIB4, &right),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_map(cursor, cairn_phys_make((uint64_t)1 << 46), KIB4,
                              &right),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(
        cairn_cursor_map(cursor, cairn_phys_make(0 - KIB4), 2 * KIB4, &right),
        CAIRN_BAD_ARGUMENT);
    frame.value = (uint64_t)1 << (46 - 12);
    CHECK_EQ(cairn_cursor_map_frames(cursor, &frame, 1, &right),
             CAIRN_BAD_ARGUMENT);
    frame.value = (uint64_t)1 << (52 - 12);
    CHECK_EQ(cairn_cursor_map_frames(cursor, &frame, 1, &right),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(D7_arguments_that_every_call_refuses)
{
    for (unsigned intent = 0; intent <= CAIRN_INTENT_MAP; intent++) {
        struct cairn_cursor cursor;

        paging_start(CAIRN_PAGING_4LEVEL);
        CHECK_EQ(paging_map(KIB4, 7 * KIB4, 2 * KIB4, 0), CAIRN_OK);
        CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(KIB4),
                                    2 * KIB4, (enum cairn_intent)intent),
                 CAIRN_OK);
        refuse(&cursor);
        refuse_policies(&cursor);
        if (intent == CAIRN_INTENT_LOOK) {
            CHECK_EQ(cairn_cursor_unmap(&cursor, KIB4), CAIRN_BAD_ARGUMENT);
            CHECK_EQ(cairn_cursor_protect(&cursor, KIB4, 0),
                     CAIRN_BAD_ARGUMENT);
            CHECK_EQ(cairn_cursor_harvest(&cursor, KIB4, see, NULL),
                     CAIRN_BAD_ARGUMENT);
            CHECK_EQ(cairn_cursor_resize(&cursor, KIB4), CAIRN_BAD_ARGUMENT);
        }
        cairn_cursor_end(&cursor);
        paging_expect(KIB4, 7 * KIB4, KIB4);
        paging_expect(2 * KIB4, 8 * KIB4, KIB4);
        paging_verify();
        paging_end();
    }
}

CAIRN_TEST(D6_nothing_is_nothing)
{
    const struct cairn_page_policy policy = {.rights = 0};
    struct cairn_cursor cursor;
    struct cairn_mapping mapping;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(0), KIB4,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_map(&cursor, cairn_phys_make(0), 0, &policy),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_map_frames(&cursor, NULL, 0, &policy), CAIRN_OK);
    CHECK_EQ(cairn_cursor_unmap(&cursor, 0), CAIRN_OK);
    CHECK_EQ(cairn_cursor_protect(&cursor, 0, 0), CAIRN_OK);
    CHECK_EQ(cairn_cursor_resize(&cursor, KIB4), CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_cursor_unmap(&cursor, KIB4), CAIRN_OK);
    cairn_cursor_query(&cursor, &mapping);
    CHECK(!mapping.is_mapped && mapping.bytes == 0);
    CHECK_EQ(mapping.start.value, KIB4);
    cairn_cursor_end(&cursor);
    CHECK_EQ(paging.table.table_count, 1);
    paging_end();
}

CAIRN_TEST(D7_configurations_that_init_refuses)
{
    struct cairn_pagetable table;
    const unsigned bits[] = {0, 31, 53, 64};

    paging_start(CAIRN_PAGING_4LEVEL);
    for (unsigned i = 0; i < 4; i++) {
        paging.config.features.phys_bits = bits[i];
        CHECK_EQ(cairn_pagetable_init(&table, &paging.config),
                 CAIRN_BAD_ARGUMENT);
    }
    paging.config.features.phys_bits = 40;
    paging.config.mode = CAIRN_PAGING_MODES;
    CHECK_EQ(cairn_pagetable_init(&table, &paging.config), CAIRN_BAD_ARGUMENT);
    paging_end();
}

CAIRN_TEST(D11_only_what_is_alike_is_joined)
{
    uint64_t va = CAIRN_GIB;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(paging_map(va, 4 * MIB2, MIB2, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK_EQ(paging_protect(va + 300 * KIB4, KIB4, 0), CAIRN_OK);
    CHECK_EQ(paging_resize(va, MIB2), CAIRN_NOT_FOUND);
    CHECK_EQ(paging_protect(va, MIB2, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK_EQ(paging_unmap(va + 511 * KIB4, KIB4), CAIRN_OK);
    CHECK_EQ(paging_resize(va, MIB2), CAIRN_NOT_FOUND);
    CHECK_EQ(paging_map(va + 511 * KIB4, 0, KIB4, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK_EQ(paging_resize(va, MIB2), CAIRN_NOT_FOUND);
    paging_expect(va, 4 * MIB2, KIB4);
    paging_end();
}

/* ---- Frames for tables beyond 4 GiB -------------------------------------- */

static uint64_t next_high;
static unsigned high_out;

static enum cairn_status alloc_high(void *context, cairn_pfn *out)
{
    (void)context;
    *out = cairn_pfn_of(cairn_phys_make(next_high));
    next_high += KIB4;
    high_out++;
    return CAIRN_OK;
}

static void release_high(void *context, cairn_pfn frame)
{
    (void)context;
    (void)frame;
    high_out--;
}

CAIRN_TEST(M6_tables_that_their_format_cannot_reach_are_given_back)
{
    for (unsigned i = 0; i < 2; i++) {
        struct cairn_pagetable table;

        paging_machine(i == 0 ? CAIRN_PAGING_PAE : CAIRN_PAGING_32BIT);
        CHECK(sim_ram_add(8 * CAIRN_GIB, 64 * KIB4));
        next_high = 8 * CAIRN_GIB;
        high_out = 0;
        paging.config.source.alloc = alloc_high;
        paging.config.source.alloc_table = alloc_high;
        paging.config.release = release_high;
        CHECK_EQ(cairn_pagetable_init(&table, &paging.config),
                 CAIRN_NOT_REACHABLE);
        CHECK_EQ(high_out, 0);
        next_high = 9 * CAIRN_GIB; /* no RAM */
        CHECK_EQ(cairn_pagetable_init(&table, &paging.config),
                 CAIRN_NOT_REACHABLE);
        CHECK_EQ(high_out, 0);
    }
}

/* Entries of 32 bits, also where large pages may lie beyond 4 GiB. */
CAIRN_TEST(M3_tables_of_32_bits_lie_below_4_GiB)
{
    const struct cairn_page_policy policy = {.rights = 0};
    const struct cairn_phys_range one = {{0}, {KIB4}};
    struct cairn_pagetable table;
    unsigned before;

    paging_machine(CAIRN_PAGING_32BIT);
    CHECK(sim_ram_add(256 * CAIRN_MIB, 64 * KIB4));
    CHECK(sim_ram_add(8 * CAIRN_GIB, 64 * KIB4));
    next_high = 256 * CAIRN_MIB;
    high_out = 0;
    paging.config.source.alloc = alloc_high;
    paging.config.source.alloc_table = alloc_high;
    paging.config.release = release_high;
    CHECK_EQ(cairn_pagetable_init(&table, &paging.config), CAIRN_OK);
    before = high_out;
    next_high = 8 * CAIRN_GIB;
    CHECK_EQ(cairn_map_range(&table, cairn_va_make(CAIRN_GIB), one, &policy),
             CAIRN_NOT_REACHABLE);
    CHECK_EQ(high_out, before);
    CHECK_EQ(cairn_pagetable_check(&table), 0);
    cairn_pagetable_destroy(&table);
    CHECK_EQ(high_out, 0);
}

/* ---- Entries change in one step ------------------------------------------ */

/* The library's own functions: here, the other CPU is a thread. */

static uint64_t entry;
static bool is_over;

static void *flip(void *unused)
{
    const uint64_t live = CAIRN__ENTRY_P;

    (void)unused;
    for (unsigned i = 0; i < 200000; i++) {
        sim__entry64_store(&entry, live | 0x11111000);
        sim__entry64_store(&entry, live | CAIRN__ENTRY_NX | 0x2222222222000);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    return NULL;
}

/* No walker sees half of a page and half of another one (i386: two words). */
CAIRN_TEST(D3_a_live_entry_changes_in_one_step)
{
    pthread_t thread;

    entry = 0;
    is_over = false;
    CHECK_EQ(pthread_create(&thread, NULL, flip, NULL), 0);
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        uint64_t seen = 0;

        /* What is there, in one access on any CPU: compare with it. */
        (void)sim__entry64_swap(&entry, &seen, seen);
        CHECK(seen == 0 || seen == (CAIRN__ENTRY_P | 0x11111000) ||
              seen == (CAIRN__ENTRY_P | CAIRN__ENTRY_NX | 0x2222222222000));
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* ---- Tables are clear before they can be reached ------------------------- */

static bool is_wrong;

static void *walk(void *unused)
{
    const struct sim_mmu_access access = {
        .va = 3 * KIB4, .kind = SIM_MMU_READ, .is_user = true};
    struct sim_mmu_result result;

    (void)unused;
    sim_set_cpu(1);
    cairn_pagetable_activate(&paging.table);
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        sim_mmu_access(1, &access, &result);
        if (result.is_ok ? result.phys != CAIRN_GIB + 3 * KIB4
                         : (result.error_code & SIM_MMU_ERROR_RESERVED) != 0)
            is_wrong = true;
        sim_poll();
    }
    return NULL;
}

/* Frames come full of rubbish, and another CPU walks all the time. */
CAIRN_TEST(D8_tables_are_clear_before_they_are_linked)
{
    pthread_t thread;

    paging_start(CAIRN_PAGING_4LEVEL);
    is_over = false;
    is_wrong = false;
    CHECK_EQ(pthread_create(&thread, NULL, walk, NULL), 0);
    for (uint32_t i = test_rounds(40); i > 0; i--) {
        uint64_t pages = i % 2 == 0 ? 1 : 512;

        CHECK_EQ(paging_map((pages == 1 ? 3 : 0) * KIB4,
                            CAIRN_GIB + (pages == 1 ? 3 * KIB4 : 0),
                            pages * KIB4, CAIRN_PAGE_USER),
                 CAIRN_OK);
        if (i % 4 == 1)
            CHECK_EQ(paging_resize(0, KIB4), CAIRN_OK);
        CHECK_EQ(paging_unmap(0, 512 * KIB4), CAIRN_OK);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(!is_wrong);
    paging_end();
}

/* ---- Frames that cannot be mapped ---------------------------------------- */

static unsigned told_count;

static void count_told(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    told_count += (unsigned)(mapping->bytes / CAIRN_FRAME_SIZE);
}

/*
 * Of so many frames, the one with that number is beyond physical memory: a page
 * that was there before goes first, and somebody wants to be told of it.
 */
static void refuse_frames(enum cairn_paging_mode mode, unsigned count,
                          unsigned bad)
{
    static cairn_pfn frames[3072];
    const struct cairn_page_policy policy = {.rights = 0};
    struct cairn_cursor cursor;

    paging_start(mode);
    CHECK_EQ(paging_map(paging.base, CAIRN_GIB, CAIRN_FRAME_SIZE, 0), CAIRN_OK);
    for (unsigned i = 0; i < count; i++)
        frames[i].value = 0x40000 + 2 * i;
    frames[bad].value = (uint64_t)1 << 40;
    told_count = 0;
    CHECK_EQ(
        cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(paging.base),
                           (count + 1) * CAIRN_FRAME_SIZE, CAIRN_INTENT_MAP),
        CAIRN_OK);
    cursor.removed = count_told;
    CHECK_EQ(cairn_cursor_unmap(&cursor, CAIRN_FRAME_SIZE), CAIRN_OK);
    CHECK_EQ(cairn_cursor_map_frames(&cursor, frames, count, &policy),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_cursor_at(&cursor).value, paging.base + CAIRN_FRAME_SIZE);
    frames[bad].value = 1;
    CHECK_EQ(cairn_cursor_map_frames(&cursor, frames, bad, &policy), CAIRN_OK);
    cairn_cursor_end(&cursor);
    CHECK_EQ(told_count, 1);
    paging_verify();
    CHECK_EQ(paging_unmap(paging.base, (count + 1) * CAIRN_FRAME_SIZE),
             CAIRN_OK);
    paging_end();
}

/* Tables that were made for them are gone, too. */
CAIRN_TEST(pitfall_frames_that_are_refused_leave_no_empty_table)
{
    refuse_frames(CAIRN_PAGING_4LEVEL, 1, 0);
    refuse_frames(CAIRN_PAGING_4LEVEL, 511 + 100, 511 + 50);
    refuse_frames(CAIRN_PAGING_32BIT, 1023 + 1024, 1023);
    refuse_frames(CAIRN_PAGING_TOY, 20, 15);
}

/* Their owner still has them, and would free them twice. */
CAIRN_TEST(pitfall_nobody_is_told_of_frames_that_were_refused)
{
    refuse_frames(CAIRN_PAGING_4LEVEL, 511 + 1024, 511 + 600);
    refuse_frames(CAIRN_PAGING_PAE, 511 + 1024, 511 + 1023);
    refuse_frames(CAIRN_PAGING_TOY, 60, 45);
}
