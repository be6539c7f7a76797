/*
 * paging_toy.c - everything that can happen on a page table of 64 pages.
 *
 * The toy format has three levels of 4 entries, leaves of 1, 4 and 16 pages.
 * All sequences of two operations of a list, of three and four of shorter ones,
 * are tried; after each, a plain model, the library and the simulated MMU
 * agree on every page, down to its size.  CPU 1 touches all pages between the
 * operations, so it has cached whatever it could.  Then the same where frames
 * run out, at every possible place.
 */
#include "paging_build.h"

#include "base/memory.h"

#define PAGES 64
#define NONE  UINT64_MAX

struct page {
    uint64_t frame; /* NONE: not mapped */
    unsigned rights;
    unsigned size; /* of the page that it is in, in small ones */
    bool is_written;
};

static struct page model[PAGES];

enum verb {
    MAP,
    REPLACE,
    UNMAP,
    PROTECT,
    HARVEST,
    RESIZE
};

struct operation {
    enum verb verb;
    unsigned first;
    unsigned count; /* RESIZE: pages in the page that it becomes */
    uint64_t frame;
    unsigned rights;
};

#define RW (CAIRN_PAGE_WRITE | CAIRN_PAGE_USER)
#define RX (CAIRN_PAGE_EXEC | CAIRN_PAGE_USER)

/* The first ones are those of the longer sequences. */
static const struct operation operations[] = {
    {MAP, 0, 16, 0x40000, RW},
    {MAP, 4, 4, 0x40004, RW},
    {REPLACE, 5, 2, 0x50005, RX},
    {REPLACE, 0, 64, 0x40000, RW},
    {UNMAP, 6, 1, 0, 0},
    {UNMAP, 4, 4, 0, 0},
    {UNMAP, 0, 64, 0, 0},
    {HARVEST, 0, 64, 0, 0},
    {PROTECT, 3, 6, 0, CAIRN_PAGE_WRITE},
    {RESIZE, 4, 4, 0, 0},
    {RESIZE, 0, 16, 0, 0},
    {RESIZE, 4, 1, 0, 0},
    {MAP, 5, 1, 0x40005, RW},
    {MAP, 0, 1, 0x40000, RW},
    {MAP, 4, 4, 0x40005, RX},
    {MAP, 48, 16, 0x40010, RW},
    {MAP, 14, 4, 0x4000e, RW},
    {REPLACE, 0, 16, 0x60000, RW},
    {REPLACE, 15, 18, 0x4000f, RX},
    {REPLACE, 4, 4, 0x40004, RW},
    {UNMAP, 0, 16, 0, 0},
    {UNMAP, 15, 2, 0, 0},
    {UNMAP, 63, 1, 0, 0},
    {PROTECT, 0, 64, 0, RX},
    {PROTECT, 0, 4, 0, RW},
    {HARVEST, 5, 3, 0, 0},
    {RESIZE, 0, 4, 0, 0},
    {RESIZE, 16, 16, 0, 0},
};

#define OPERATIONS ((unsigned)(sizeof(operations) / sizeof(operations[0])))
#define FEW        9u
#define MORE       14u
#define SOME       20u

/* ---- The model ----------------------------------------------------------- */

static void forget_all(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        model[i] = (struct page){.frame = NONE};
}

static bool is_hole(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (model[i].frame != NONE)
            return false;
    }
    return true;
}

/* One page becomes four, with what was written in any of them. */
static void quarter(unsigned at)
{
    unsigned size = model[at].size;

    for (unsigned i = at / size * size; i < (at / size + 1) * size; i++)
        model[i].size = size / 4;
}

/* No page goes on across `at`. */
static void cut(unsigned at)
{
    while (at < PAGES && model[at].frame != NONE && at % model[at].size != 0)
        quarter(at);
}

static void model_map(const struct operation *op)
{
    unsigned end = op->first + op->count;

    cut(op->first);
    cut(end);
    for (unsigned i = op->first; i < end;) {
        uint64_t frame = op->frame + (i - op->first);
        unsigned size = 16;

        while ((i | frame) % size != 0 || size > end - i)
            size /= 4;
        for (unsigned j = 0; j < size; j++)
            model[i + j] = (struct page){frame + j, op->rights, size, false};
        i += size;
    }
}

static bool is_alike(unsigned first, unsigned size)
{
    const struct page *page = &model[first];

    for (unsigned i = 0; i < size; i++) {
        if (page[i].frame != page->frame + i || page[i].size != size / 4 ||
            page[i].rights != page->rights)
            return false;
    }
    return page->frame != NONE && page->frame % size == 0;
}

static enum cairn_status model_resize(unsigned first, unsigned size)
{
    if (model[first].frame == NONE)
        return CAIRN_NOT_FOUND;
    if (model[first].size < size) {
        if (!is_alike(first, size))
            return CAIRN_NOT_FOUND;
        for (unsigned i = 0; i < size; i++)
            model[first + i].size = size;
    }
    while (model[first].size > size)
        quarter(first);
    return CAIRN_OK;
}

static enum cairn_status model_do(const struct operation *op)
{
    if (op->verb == RESIZE)
        return model_resize(op->first, op->count);
    if (op->verb == MAP && !is_hole(op->first, op->count))
        return CAIRN_IN_USE;
    if (op->verb == MAP || op->verb == REPLACE) {
        model_map(op);
        return CAIRN_OK;
    }
    cut(op->first);
    cut(op->first + op->count);
    for (unsigned i = op->first; i < op->first + op->count; i++) {
        model[i].is_written &= op->verb == PROTECT;
        if (op->verb == UNMAP)
            model[i].frame = NONE;
        if (op->verb == PROTECT)
            model[i].rights = op->rights;
    }
    return CAIRN_OK;
}

/* ---- The library --------------------------------------------------------- */

/* What was written is told, of removed pages and of harvested ones. */
static bool is_told[PAGES];
static bool is_silent; /* nothing is to be told */

static void tell(void *context, const struct cairn_mapping *mapping)
{
    unsigned first = (unsigned)(mapping->start.value / CAIRN_FRAME_SIZE);

    (void)context;
    CHECK(!is_silent);
    for (unsigned i = 0; i < mapping->bytes / CAIRN_FRAME_SIZE; i++)
        is_told[first + i] |= mapping->is_dirty;
}

static enum cairn_status call(struct cairn_cursor *cursor,
                              const struct operation *op)
{
    const struct cairn_page_policy policy = {
        .rights = op->rights,
        .existing =
            op->verb == REPLACE ? CAIRN_EXISTING_REPLACE : CAIRN_EXISTING_FAIL};
    cairn_phys phys = cairn_phys_make(op->frame * CAIRN_FRAME_SIZE);
    uint64_t bytes = op->count * CAIRN_FRAME_SIZE;

    cursor->removed = tell;
    switch (op->verb) {
    case MAP:
    case REPLACE:
        return cairn_cursor_map(cursor, phys, bytes, &policy);
    case UNMAP:
        return cairn_cursor_unmap(cursor, bytes);
    case PROTECT:
        return cairn_cursor_protect(cursor, bytes, op->rights);
    case HARVEST:
        return cairn_cursor_harvest(cursor, bytes, tell, NULL);
    default:
        return cairn_cursor_resize(cursor, bytes);
    }
}

static enum cairn_status begin(struct cairn_cursor *cursor, unsigned first,
                               unsigned count, enum cairn_intent intent)
{
    return cairn_cursor_begin(cursor, &paging.table,
                              cairn_va_make(first * CAIRN_FRAME_SIZE),
                              count * CAIRN_FRAME_SIZE, intent);
}

static enum cairn_status begin_for(struct cairn_cursor *cursor,
                                   const struct operation *op)
{
    bool makes_tables = op->verb <= REPLACE || op->verb == RESIZE;

    return begin(cursor, op->first, op->count,
                 makes_tables ? CAIRN_INTENT_MAP : CAIRN_INTENT_CHANGE);
}

/* ---- Agreement ----------------------------------------------------------- */

static void compare_page(unsigned number)
{
    const struct page *page = &model[number];
    uint64_t va = number * CAIRN_FRAME_SIZE;
    struct sim_mmu_view view;
    cairn_phys phys;

    if (page->frame == NONE) {
        paging_expect_hole(va);
        return;
    }
    CHECK(paging_look(va, &view));
    CHECK_EQ(view.phys, page->frame * CAIRN_FRAME_SIZE);
    CHECK_EQ(view.bytes, page->size * CAIRN_FRAME_SIZE);
    CHECK(cairn_pagetable_translate(&paging.table, cairn_va_make(va), &phys));
    CHECK_EQ(phys.value, view.phys);
    CHECK_EQ(view.writable, (page->rights & CAIRN_PAGE_WRITE) != 0);
    CHECK_EQ(view.user, (page->rights & CAIRN_PAGE_USER) != 0);
    CHECK_EQ(view.executable, (page->rights & CAIRN_PAGE_EXEC) != 0);
    CHECK(view.dirty || !page->is_written);
}

static void compare(void)
{
    paging_verify();
    for (unsigned i = 0; i < PAGES; i++)
        compare_page(i);
}

/* CPU 1 writes or reads every page, through what it has cached. */
static void touch(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        struct page *page = &model[i];
        struct sim_mmu_access access = {.va = i * CAIRN_FRAME_SIZE + 1,
                                        .kind = i % 3 != 0 ? SIM_MMU_WRITE
                                                           : SIM_MMU_READ,
                                        .is_user = true};
        bool may = page->frame != NONE &&
                   (page->rights & CAIRN_PAGE_USER) != 0 &&
                   (access.kind == SIM_MMU_READ ||
                    (page->rights & CAIRN_PAGE_WRITE) != 0);
        struct sim_mmu_result result;

        sim_mmu_access(1, &access, &result);
        if (may && !result.is_ok)
            sim_mmu_access(1, &access, &result);
        CHECK_EQ(result.is_ok, may);
        CHECK(!may || result.phys == page->frame * CAIRN_FRAME_SIZE + 1);
        page->is_written |= may && access.kind == SIM_MMU_WRITE;
    }
}

static void do_one(const struct operation *op, struct cairn_cursor *cursor)
{
    enum cairn_status status;
    bool was_written[PAGES];

    for (unsigned i = 0; i < PAGES; i++) {
        was_written[i] = model[i].is_written && op->verb != MAP;
        is_told[i] = false;
    }
    is_silent = op->verb == RESIZE || op->verb == PROTECT || op->verb == MAP;
    status = call(cursor, op);
    CHECK_EQ(status, model_do(op));
    cairn_cursor_end(cursor);
    is_silent = false;
    for (unsigned i = 0; i < PAGES; i++)
        CHECK(!was_written[i] || model[i].is_written || is_told[i]);
}

/* ---- Sequences ----------------------------------------------------------- */

static void start(void)
{
    paging_start(CAIRN_PAGING_TOY);
    is_silent = false;
    sim_set_cpu(1);
    cairn_pagetable_activate(&paging.table);
    sim_set_cpu(0);
    forget_all();
}

static void clear(void)
{
    CHECK_EQ(paging_unmap(0, PAGES * CAIRN_FRAME_SIZE), CAIRN_OK);
    CHECK_EQ(paging.table.table_count, 1);
    forget_all();
}

/* The operations that `code` says, in the base of how many there are. */
static void run(unsigned code, unsigned base, unsigned length)
{
    struct cairn_cursor cursor;

    for (unsigned i = 0; i < length; i++, code /= base) {
        const struct operation *op = &operations[code % base];

        CHECK_EQ(begin_for(&cursor, op), CAIRN_OK);
        do_one(op, &cursor);
        if (i + 1 == length)
            compare();
        touch();
    }
    clear();
}

static void run_all(unsigned base, unsigned length)
{
    unsigned count = 1;

    for (unsigned i = 0; i < length; i++)
        count *= base;
    start();
    for (unsigned code = 0; code < count; code++)
        run(code, base, length);
    paging_end();
}

CAIRN_TEST(paging_toy_every_sequence_of_one_and_two)
{
    run_all(OPERATIONS, 1);
    run_all(OPERATIONS, 2);
}

CAIRN_TEST(paging_toy_every_sequence_of_three)
{
    run_all(SOME, 3);
}

CAIRN_TEST(paging_toy_every_sequence_of_four_of_few)
{
    run_all(FEW, 4);
}

/* ---- Several operations in one transaction ------------------------------- */

/* A cursor on everything, as far as the operations go upwards. */
static void run_at_once(const struct operation *const *ops, unsigned length)
{
    struct cairn_cursor cursor;
    unsigned at = 0;

    CHECK_EQ(begin(&cursor, 0, PAGES, CAIRN_INTENT_MAP), CAIRN_OK);
    for (unsigned i = 0; i < length; i++) {
        const struct operation *op = ops[i];
        enum cairn_status status;

        if (op->first < at) {
            cairn_cursor_end(&cursor);
            CHECK_EQ(begin(&cursor, 0, PAGES, CAIRN_INTENT_MAP), CAIRN_OK);
        }
        CHECK_EQ(cairn_cursor_seek(&cursor,
                                   cairn_va_make(op->first * CAIRN_FRAME_SIZE)),
                 CAIRN_OK);
        status = call(&cursor, op);
        CHECK_EQ(status, model_do(op));
        at = (unsigned)(cairn_cursor_at(&cursor).value / CAIRN_FRAME_SIZE);
        CHECK_EQ(at, status == CAIRN_OK && op->verb != RESIZE
                         ? op->first + op->count
                         : op->first);
    }
    cairn_cursor_end(&cursor);
    for (unsigned i = 0; i < PAGES; i++)
        model[i].is_written = false; /* not what this is about */
    compare();
    touch();
}

CAIRN_TEST(paging_toy_three_operations_of_one_cursor)
{
    start();
    for (unsigned i = 0; i < MORE * MORE * MORE; i++) {
        const struct operation *ops[] = {
            &operations[i % MORE],
            &operations[i / MORE % MORE],
            &operations[i / MORE / MORE],
        };

        if (ops[1]->first < ops[0]->first && ops[2]->first < ops[1]->first)
            continue; /* three cursors: done above */
        run_at_once(ops, 3);
        clear();
    }
    paging_end();
}

/* ---- A cursor that was begun to change ----------------------------------- */

/* Does a large page begin before `at` and end after it? */
static bool is_inside(unsigned at)
{
    return at < PAGES && model[at].frame != NONE && at % model[at].size != 0;
}

/*
 * It may split where its range ends.  Elsewhere it refuses, and nothing
 * changes.
 */
static void change_part(unsigned code)
{
    unsigned first = code % 16;
    unsigned end = first + 1 + code / 16 % 16;
    unsigned from = first + code / 256 % (end - first);
    unsigned count = 1 + code / 512 % (end - from);
    struct operation op = {code % 3 == 0 ? UNMAP : PROTECT, from, count, 0, RX};
    bool is_refused = (from != first && is_inside(from)) ||
                      (from + count != end && is_inside(from + count));
    struct cairn_cursor cursor;

    CHECK_EQ(begin(&cursor, first, end - first, CAIRN_INTENT_CHANGE), CAIRN_OK);
    CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(from * CAIRN_FRAME_SIZE)),
             CAIRN_OK);
    CHECK_EQ(call(&cursor, &op),
             is_refused ? CAIRN_BAD_ARGUMENT : model_do(&op));
    cairn_cursor_end(&cursor);
    compare();
}

CAIRN_TEST(paging_toy_part_of_a_change)
{
    start();
    for (unsigned code = 0; code < 8192; code++) {
        const struct operation *op = &operations[code % 2 == 0 ? 0 : 3];
        struct cairn_cursor cursor;

        CHECK_EQ(begin_for(&cursor, op), CAIRN_OK);
        CHECK_EQ(call(&cursor, op), CAIRN_OK);
        cairn_cursor_end(&cursor);
        CHECK_EQ(model_do(op), CAIRN_OK);
        if (code % 5 == 0)
            CHECK_EQ(paging_resize(4 * CAIRN_FRAME_SIZE, 4 * CAIRN_FRAME_SIZE),
                     model_resize(4, 4));
        change_part(code);
        clear();
    }
    paging_end();
}

/* ---- Frames run out ------------------------------------------------------ */

/* Try it with more and more frames; all but the last time, nothing changes. */
static void run_short_of_frames(const struct operation *op)
{
    struct cairn_cursor cursor;
    enum cairn_status status;
    unsigned frames = 0;

    do {
        size_t tables = paging.table.table_count;

        paging_fail_after(frames++);
        status = begin_for(&cursor, op);
        paging_fail_after(~0u);
        CHECK(status == CAIRN_OK || status == CAIRN_NO_MEMORY);
        if (status != CAIRN_OK) {
            CHECK_EQ(paging.table.table_count, tables);
            CHECK(!sim_are_interrupts_off());
            compare();
        }
    } while (status != CAIRN_OK);
    do_one(op, &cursor);
    compare();
    touch();
}

CAIRN_TEST(paging_toy_frames_run_out_in_a_new_page_table)
{
    for (unsigned i = 0; i < OPERATIONS; i++) {
        start();
        run_short_of_frames(&operations[i]);
        paging_end();
    }
}

CAIRN_TEST(paging_toy_frames_run_out_after_any_two_operations)
{
    start();
    for (unsigned i = 0; i < OPERATIONS * OPERATIONS; i++) {
        struct cairn_cursor cursor;
        const struct operation *first = &operations[i % OPERATIONS];

        CHECK_EQ(begin_for(&cursor, first), CAIRN_OK);
        do_one(first, &cursor);
        touch();
        run_short_of_frames(&operations[i / OPERATIONS]);
        clear();
    }
    paging_end();
}

/* Neither the root nor what belongs to it is left. */
CAIRN_TEST(paging_toy_frames_run_out_in_init)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        enum cairn_status status = CAIRN_NO_MEMORY;
        struct cairn_pagetable other;

        paging_start((enum cairn_paging_mode)mode);
        for (unsigned i = 0; status != CAIRN_OK; i++) {
            unsigned out = paging_frames_out();

            paging_fail_after(i);
            status = cairn_pagetable_init(&other, &paging.config);
            paging_fail_after(~0u);
            CHECK(status == CAIRN_OK || paging_frames_out() == out);
            CHECK(status == CAIRN_OK ? i >= 3 : status == CAIRN_NO_MEMORY);
        }
        cairn_pagetable_destroy(&other);
        paging_end();
    }
}
