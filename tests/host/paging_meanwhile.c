/*
 * paging_meanwhile.c - what another CPU does in the middle of a transaction, at
 * each of its steps.
 */
#include "paging_build.h"

#define KIB4 CAIRN_FRAME_SIZE
#define DATA CAIRN_GIB

/* CPU 1 writes there once, so many steps from now. */
static unsigned steps_left;
static uint64_t target;
static bool was_tried;
static bool was_written;
static bool is_told;
static bool is_told_dirty;
static bool goes; /* once told of, it cannot be written */

static void write_once(void)
{
    if (steps_left-- > 0 || was_tried)
        return;
    was_tried = true;
    was_written = paging_can(1, target, SIM_MMU_WRITE);
    CHECK(!was_written || !is_told || !goes);
}

static void tell(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    if (target - mapping->start.value >= mapping->bytes)
        return;
    is_told = true;
    is_told_dirty = mapping->is_dirty;
}

/* Large pages from `base` on in pages of up to `limit`; CPU 1 has read one. */
static void start(enum cairn_paging_mode mode, uint64_t limit, bool is_cached)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE,
                                             .page_limit = limit};
    struct cairn_cursor cursor;
    uint64_t bytes;

    paging_start(mode);
    bytes = 2 * paging_large();
    sim_set_cpu(1);
    cairn_pagetable_activate(&paging.table);
    sim_set_cpu(0);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table,
                                cairn_va_make(paging.base), bytes,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_map(&cursor, cairn_phys_make(DATA), bytes, &policy),
             CAIRN_OK);
    cairn_cursor_end(&cursor);
    target = paging.base + 2 * KIB4;
    if (is_cached)
        CHECK(paging_can(1, target, SIM_MMU_READ));
    goes = false;
    is_told = false;
    is_told_dirty = false;
    was_tried = false;
    was_written = false;
}

/* False: the transaction has fewer steps. */
static bool has_met(void)
{
    sim_set_meanwhile(NULL);
    return was_tried;
}

static bool is_dirty(void)
{
    struct sim_mmu_view view;

    CHECK(paging_look(target, &view));
    return view.dirty;
}

/* ---- Pages of another size ----------------------------------------------- */

static bool resize(enum cairn_paging_mode mode, unsigned step, bool to_large,
                   bool is_cached)
{
    uint64_t bytes;
    bool has;

    start(mode, to_large ? KIB4 : 0, is_cached);
    bytes = to_large ? paging_large() : KIB4;
    steps_left = step;
    sim_set_meanwhile(write_once);
    CHECK_EQ(paging_resize(paging.base, bytes), CAIRN_OK);
    has = has_met();
    CHECK_EQ(is_dirty(), has);
    CHECK_EQ(was_written, has);
    paging_end();
    return has;
}

/* Through what it has cached of the tables that go, too. */
CAIRN_TEST(D11_D15_what_is_written_while_pages_are_joined_is_dirty)
{
    for (unsigned is_cached = 0; is_cached < 2; is_cached++) {
        for (unsigned i = 0; resize(CAIRN_PAGING_4LEVEL, i, true, is_cached);)
            i++;
        for (unsigned i = 0; resize(CAIRN_PAGING_32BIT, i, true, is_cached);)
            i++;
        for (unsigned i = 0; resize(CAIRN_PAGING_TOY, i, true, is_cached);)
            i++;
    }
}

/* A part is there at any time, and what is written to it is not lost. */
CAIRN_TEST(D11_the_parts_stay_while_a_page_is_split)
{
    for (unsigned is_cached = 0; is_cached < 2; is_cached++) {
        for (unsigned i = 0; resize(CAIRN_PAGING_TOY, i, false, is_cached);)
            i++;
        for (unsigned i = 0; resize(CAIRN_PAGING_PAE, i, false, is_cached);)
            i += 31;
    }
}

/* ---- Rights -------------------------------------------------------------- */

static bool protect(enum cairn_paging_mode mode, unsigned step)
{
    bool has;

    start(mode, KIB4, true);
    steps_left = step;
    sim_set_meanwhile(write_once);
    CHECK_EQ(paging_protect(paging.base, 4 * KIB4,
                            CAIRN_PAGE_WRITE | CAIRN_PAGE_USER),
             CAIRN_OK);
    has = has_met();
    CHECK_EQ(is_dirty(), has);
    CHECK_EQ(was_written, has);
    paging_end();
    return has;
}

CAIRN_TEST(D16_what_is_written_while_rights_change_is_dirty)
{
    for (unsigned i = 0; protect(CAIRN_PAGING_4LEVEL, i);)
        i++;
    for (unsigned i = 0; protect(CAIRN_PAGING_32BIT, i);)
        i++;
}

/* ---- What goes, and what is harvested ------------------------------------ */

/* Of a large page in pages of 4 KiB, or of a part of it. */
static bool unmap(enum cairn_paging_mode mode, unsigned step, bool is_whole,
                  bool is_cached)
{
    struct cairn_cursor cursor;
    uint64_t bytes;
    bool has;

    start(mode, KIB4, is_cached);
    bytes = is_whole ? paging_large() : 3 * KIB4;
    goes = true;
    steps_left = step;
    sim_set_meanwhile(write_once);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table,
                                cairn_va_make(paging.base), bytes,
                                CAIRN_INTENT_CHANGE),
             CAIRN_OK);
    cursor.removed = tell;
    CHECK_EQ(cairn_cursor_unmap(&cursor, bytes), CAIRN_OK);
    cairn_cursor_end(&cursor);
    has = has_met();
    CHECK(is_told);
    CHECK_EQ(is_told_dirty, was_written);
    CHECK(!paging_can(1, target, SIM_MMU_READ));
    paging_end();
    return has;
}

CAIRN_TEST(D12_D15_what_is_written_while_it_is_unmapped_is_told)
{
    for (unsigned how = 0; how < 4; how++) {
        for (unsigned i = 0;
             unmap(CAIRN_PAGING_4LEVEL, i, how % 2 == 0, how / 2 == 0);)
            i++;
        for (unsigned i = 0;
             unmap(CAIRN_PAGING_TOY, i, how % 2 == 0, how / 2 == 0);)
            i++;
    }
}

/* What is written before is told, and what is written after is dirty again. */
static bool harvest(enum cairn_paging_mode mode, unsigned step, uint64_t limit)
{
    struct cairn_cursor cursor;
    bool has;

    start(mode, limit, true);
    steps_left = step;
    sim_set_meanwhile(write_once);
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table,
                                cairn_va_make(paging.base), paging_large(),
                                CAIRN_INTENT_CHANGE),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_harvest(&cursor, paging_large(), tell, NULL),
             CAIRN_OK);
    cairn_cursor_end(&cursor);
    has = has_met();
    CHECK_EQ(was_written, has);
    CHECK_EQ(is_told_dirty || is_dirty(), has);
    paging_end();
    return has;
}

CAIRN_TEST(D15_what_is_written_while_it_is_harvested_is_told)
{
    for (unsigned i = 0; harvest(CAIRN_PAGING_4LEVEL, i, KIB4);)
        i++;
    for (unsigned i = 0; harvest(CAIRN_PAGING_4LEVEL, i, 0);)
        i++;
    for (unsigned i = 0; harvest(CAIRN_PAGING_32BIT, i, KIB4);)
        i++;
    for (unsigned i = 0; harvest(CAIRN_PAGING_TOY, i, KIB4);)
        i++;
}

/* ---- Frames run out again and again -------------------------------------- */

CAIRN_TEST(D9_nothing_is_lost_however_often_frames_run_out)
{
    unsigned frames = 0;

    paging_start(CAIRN_PAGING_TOY);
    for (unsigned i = 0; i < 200; i++) {
        paging_fail_after(i < 100 ? 3 : i % 5);
        CHECK_EQ(paging_map(paging.base + KIB4, DATA, 60 * KIB4, 0),
                 CAIRN_NO_MEMORY);
        paging_fail_after(~0u);
        CHECK_EQ(paging.table.table_count, 1);
        if (i == 100)
            frames = paging_frames_out();
    }
    CHECK(paging_frames_out() <= frames + 2);
    paging_verify();
    paging_end();
}
