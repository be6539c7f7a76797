/*
 * paging_model_calls.c - what the model calls, and what it expects.
 */
#include "paging_model_private.h"

#include <cairn/map.h>

#define GIB4 ((uint64_t)1 << 32)

/* A transaction, as the model sees it. */
struct work {
    struct cairn_pagetable *table;
    struct cairn_cursor cursor;
    struct range range; /* all of it */
    unsigned at;
    enum cairn_intent intent;
    unsigned large; /* bit l: it was begun as a run of pages of level l */
};

/* What is to be mapped. */
struct wish {
    struct cairn_page_policy policy;
    uint64_t phys;
    const cairn_pfn *frames; /* NULL: contiguous */
};

/* ---- Chance -------------------------------------------------------------- */

/* Any; often whole tables. */
static struct range random_range(void)
{
    unsigned all = paging.page_count;
    unsigned large = (unsigned)(paging_large() / CAIRN_FRAME_SIZE);
    struct range range;

    if (test_random_below(2) == 0) {
        range.first = test_random_below(all / large) * large;
        range.count =
            (1 + test_random_below((all - range.first) / large)) * large;
    } else {
        range.first = test_random_below(all);
        range.count =
            1 + test_random_below(test_random_below(3) == 0 ? all - range.first
                                                            : 1);
    }
    return range;
}

static unsigned random_rights(void)
{
    return test_random_below(test_random_once_in(4) ? 32 : 8);
}

static uint64_t random_phys(void)
{
    uint64_t large = paging_large();
    uint64_t phys = CAIRN_GIB + test_random_below(200) * large;

    if (test_random_once_in(8))
        phys = (test_random_below(2) == 0 ? GIB4 : paging.table.phys_end) -
               test_random_below(3) * large;
    if (test_random_once_in(2))
        phys += test_random_below(500) * CAIRN_FRAME_SIZE;
    return phys + (test_random_once_in(32) ? 8 : 0);
}

static uint64_t random_limit(void)
{
    const uint64_t limits[] = {0, 0, 0, 4095, 4096, 16384, paging_large()};

    return limits[test_random_below(7)];
}

static void choose_wish(struct wish *wish, unsigned count)
{
    static cairn_pfn frames[PAGES_MAX];
    bool is_scattered = test_random_once_in(3);
    uint64_t first;

    wish->policy = (struct cairn_page_policy){
        .rights = random_rights(),
        .cache = (enum cairn_cache)test_random_below(CAIRN_CACHE_COUNT + 1),
        .page_limit = random_limit(),
        .existing = (enum cairn_existing)test_random_below(2),
    };
    if (wish->policy.cache == CAIRN_CACHE_COUNT && !test_random_once_in(8))
        wish->policy.cache = CAIRN_CACHE_WB;
    wish->phys = random_phys();
    wish->frames = NULL;
    first = wish->phys >> 12;
    if (!is_scattered)
        return;
    wish->frames = frames;
    for (unsigned i = 0; i < PAGES_MAX; i++)
        frames[i].value = first + i * 77 % 1024;
    if (count > 0 && test_random_once_in(16))
        frames[test_random_below(count)].value = paging.table.phys_end >> 12;
}

/* ---- What is allowed ----------------------------------------------------- */

static bool is_narrow(void)
{
    return paging.table.format->entry_bytes == 4;
}

static bool are_rights(struct range range, unsigned rights)
{
    const unsigned both = CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC;
    uint64_t user_end = paging.config.user_end;

    if (rights > CAIRN_PAGE_RIGHTS ||
        (paging.config.is_w_xor_x && (rights & both) == both))
        return false;
    if ((rights & CAIRN_PAGE_USER) != 0 && range.count > 0 &&
        va_of(range.first + range.count) - 1 >= user_end)
        return false;
    return (rights & CAIRN_PAGE_GLOBAL) == 0 || va_of(range.first) >= user_end;
}

/* Where the CPU lacks a bit, it is as if that had been said. */
static unsigned rights_kept(unsigned rights)
{
    if (paging.table.nx_bit == 0)
        rights |= CAIRN_PAGE_EXEC;
    if (!paging.config.features.has_global)
        rights &= ~CAIRN_PAGE_GLOBAL;
    return rights;
}

static enum cairn_cache cache_kept(enum cairn_cache cache)
{
    return cache == CAIRN_CACHE_WC && !paging.config.features.has_pat
               ? CAIRN_CACHE_UC_MINUS
               : cache;
}

static bool are_frames(const cairn_pfn *frames, unsigned count)
{
    uint64_t end = is_narrow() ? GIB4 : paging.table.phys_end;

    for (unsigned i = 0; i < count; i++) {
        if (frames[i].value >= end >> 12)
            return false;
    }
    return true;
}

/* In tables of 32 bits, only large pages lie beyond 4 GiB. */
static bool is_memory(struct range range, const struct wish *wish)
{
    uint64_t bytes = range.count * CAIRN_FRAME_SIZE;
    uint64_t large = paging_large();
    uint64_t limit = wish->policy.page_limit;
    uint64_t end = wish->phys + bytes;
    const struct cairn_paging_features *cpu = &paging.config.features;

    if (wish->frames != NULL)
        return are_frames(wish->frames, range.count);
    if (wish->phys % CAIRN_FRAME_SIZE != 0 || end > paging.table.phys_end)
        return false;
    return !is_narrow() || end <= GIB4 ||
           (cpu->has_pse36 && cpu->has_pse && (limit == 0 || limit >= large) &&
            (va_of(range.first) | wish->phys | bytes) % large == 0 &&
            (range.count == 0 || !has_second));
}

/* Does a page go on across the beginning of that one, and must not? */
static bool is_bad_cut(const struct work *work, unsigned number)
{
    struct sim_mmu_view view;
    bool has_tables = (work->intent == CAIRN_INTENT_MAP && work->large == 0) ||
                      number == work->range.first ||
                      number == work->range.first + work->range.count;

    if (!look_at(number, &view) || va_of(number) % view.bytes == 0)
        return false;
    return !has_tables || (is_narrow() && view.phys >= GIB4);
}

static bool is_divisible(const struct work *work, struct range range)
{
    return range.count == 0 || (!is_bad_cut(work, range.first) &&
                                !is_bad_cut(work, range.first + range.count));
}

static bool is_hole(struct range range)
{
    unsigned end = range.first + range.count;

    for (unsigned i = range.first; i < end && i < paging.page_count; i++) {
        if (model[i].then.phys != NOT_MAPPED)
            return false;
    }
    return true;
}

/* After a run was begun, it is that one and no other. */
static bool is_run(const struct work *work, struct range range,
                   const struct wish *wish)
{
    uint64_t limit = wish->policy.page_limit;

    if (work->large == 0)
        return true;
    for (unsigned level = 2; level < 6; level++) {
        uint64_t span = cairn__span(paging.table.format, level);

        if ((work->large >> level & 1) != 0 &&
            ((limit != 0 && span > limit) ||
             ((va_of(range.first) ^ wish->phys) & (span - 1)) != 0))
            return false;
    }
    return range.first == work->range.first && range.count == work->range.count;
}

static enum cairn_status expect_map(const struct work *work, struct range range,
                                    const struct wish *wish)
{
    const struct cairn_page_policy *policy = &wish->policy;
    bool is_policy = are_rights(range, policy->rights) &&
                     policy->cache < CAIRN_CACHE_COUNT &&
                     (policy->page_limit == 0 || policy->page_limit >= 4096);

    if (work->intent != CAIRN_INTENT_MAP || !is_policy ||
        range.first + range.count > work->range.first + work->range.count ||
        (wish->frames != NULL && work->large != 0) || !is_memory(range, wish) ||
        !is_run(work, range, wish))
        return CAIRN_BAD_ARGUMENT;
    if (is_hole(range))
        return CAIRN_OK;
    if (policy->existing == CAIRN_EXISTING_FAIL)
        return CAIRN_IN_USE;
    return is_divisible(work, range) ? CAIRN_OK : CAIRN_BAD_ARGUMENT;
}

static bool can_change(const struct work *work, struct range range)
{
    return work->intent != CAIRN_INTENT_LOOK &&
           range.first + range.count <= work->range.first + work->range.count &&
           is_divisible(work, range);
}

/* ---- What becomes of pages ----------------------------------------------- */

static void forget(struct range range)
{
    set_flux(range, REPLACED);
    for (unsigned i = range.first; i < range.first + range.count; i++)
        model[i].then = (struct view){.phys = NOT_MAPPED};
}

static void plan_map(struct range range, const struct wish *wish)
{
    set_flux(range, REPLACED);
    for (unsigned i = 0; i < range.count; i++)
        model[range.first + i].then = (struct view){
            .phys = wish->frames != NULL ? wish->frames[i].value << 12
                                         : wish->phys + i * CAIRN_FRAME_SIZE,
            .rights = rights_kept(wish->policy.rights),
            .cache = cache_kept(wish->policy.cache),
        };
}

static void plan_rights(struct range range, unsigned rights)
{
    set_flux(range, RIGHTS);
    for (unsigned i = range.first; i < range.first + range.count; i++) {
        if (model[i].then.phys != NOT_MAPPED)
            model[i].then.rights = rights_kept(rights);
    }
}

/* Before the call.  Frames that cannot be mapped are noticed on the way. */
static void plan(enum cairn_status status, struct range range,
                 const struct wish *wish)
{
    if (status == CAIRN_OK)
        plan_map(range, wish);
    else if (wish->frames != NULL && status == CAIRN_BAD_ARGUMENT &&
             range.first + range.count <=
                 transaction.range.first + transaction.range.count)
        set_flux(range, HAZY);
}

/* ---- Operations of a cursor ---------------------------------------------- */

/* The next pages; rarely more than there are. */
static struct range random_part(const struct work *work)
{
    unsigned left = work->range.first + work->range.count - work->at;
    struct range part = {work->at, left};

    if (test_random_once_in(3))
        part.count = test_random_below(left + 1);
    if (test_random_once_in(32) && left < PAGES_MAX)
        part.count = left + 1;
    return part;
}

static void go_on(struct work *work, enum cairn_status status, unsigned count)
{
    if (status == CAIRN_OK)
        work->at += count;
    CHECK_EQ(cairn_cursor_at(&work->cursor).value, va_of(work->at));
}

static void do_map(struct work *work)
{
    struct range part = random_part(work);
    enum cairn_status expected;
    enum cairn_status status;
    struct wish wish;

    choose_wish(&wish, part.count);
    if (part.count == 1 && !is_run(work, part, &wish))
        return; /* a single page may be mapped all the same */
    expected = expect_map(work, part, &wish);
    plan(expected, part, &wish);
    if (wish.frames != NULL)
        status = cairn_cursor_map_frames(&work->cursor, wish.frames, part.count,
                                         &wish.policy);
    else
        status = cairn_cursor_map(&work->cursor, cairn_phys_make(wish.phys),
                                  part.count * CAIRN_FRAME_SIZE, &wish.policy);
    CHECK_EQ(status, expected);
    go_on(work, status, part.count);
}

static void do_unmap(struct work *work)
{
    struct range part = random_part(work);
    bool can = can_change(work, part);
    enum cairn_status status;

    if (can)
        forget(part);
    status = cairn_cursor_unmap(&work->cursor, part.count * CAIRN_FRAME_SIZE);
    CHECK_EQ(status, can ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    go_on(work, status, part.count);
}

static void do_protect(struct work *work)
{
    struct range part = random_part(work);
    unsigned rights = random_rights();
    bool can = can_change(work, part) && are_rights(part, rights);
    enum cairn_status status;

    if (can)
        plan_rights(part, rights);
    status = cairn_cursor_protect(&work->cursor, part.count * CAIRN_FRAME_SIZE,
                                  rights);
    CHECK_EQ(status, can ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    go_on(work, status, part.count);
}

static void do_harvest(struct work *work)
{
    struct range part = random_part(work);
    bool can = can_change(work, part);
    enum cairn_status status;

    if (can)
        set_flux(part, HARVESTED);
    status = cairn_cursor_harvest(&work->cursor, part.count * CAIRN_FRAME_SIZE,
                                  tell_seen, &transaction);
    CHECK_EQ(status, can ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    for (unsigned i = 0; can && i < part.count; i++)
        CHECK(!model[part.first + i].now.is_written ||
              model[part.first + i].is_told);
    go_on(work, status, part.count);
}

static bool is_size(uint64_t bytes)
{
    const struct cairn__paging_format *format = paging.table.format;

    for (unsigned level = 1; level <= format->levels; level++) {
        if ((paging.table.leaf_levels >> level & 1) != 0 &&
            cairn__span(format, level) == bytes)
            return true;
    }
    return false;
}

/* Splitting always goes where there are tables; joining only sometimes. */
static void check_resize(const struct work *work, enum cairn_status status,
                         uint64_t bytes, const struct sim_mmu_view *former)
{
    struct sim_mmu_view view;

    if (former->bytes == bytes) {
        CHECK_EQ(status, CAIRN_OK);
    } else if (former->bytes > bytes) {
        bool can = work->intent == CAIRN_INTENT_MAP && work->large == 0 &&
                   !(is_narrow() && former->phys >= GIB4);

        CHECK_EQ(status, can ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    }
    CHECK(look_at(work->at, &view));
    CHECK_EQ(view.phys, former->phys);
    CHECK_EQ(view.bytes, status == CAIRN_OK ? bytes : former->bytes);
    CHECK(view.dirty || !former->dirty);
}

static void do_resize(struct work *work)
{
    const uint64_t sizes[] = {4096, paging_large(), 65536, 8192};
    uint64_t bytes = sizes[test_random_below(4)];
    unsigned left = work->range.first + work->range.count - work->at;
    bool is_right = work->intent != CAIRN_INTENT_LOOK && is_size(bytes) &&
                    va_of(work->at) % bytes == 0 &&
                    left * CAIRN_FRAME_SIZE >= bytes;
    struct sim_mmu_view former;
    bool is_mapped = look_at(work->at, &former);
    enum cairn_status status;

    if (is_right)
        suspect(large_around(work->at));
    status = cairn_cursor_resize(&work->cursor, bytes);
    if (!is_right)
        CHECK_EQ(status, CAIRN_BAD_ARGUMENT);
    else if (!is_mapped)
        CHECK_EQ(status, CAIRN_NOT_FOUND);
    else
        check_resize(work, status, bytes, &former);
    go_on(work, status, 0);
}

static void do_seek(struct work *work)
{
    unsigned end = work->range.first + work->range.count;
    unsigned to = test_random_below(paging.page_count + 1);
    bool can = to >= work->at && to <= end;
    enum cairn_status status;

    if (!can && !test_random_once_in(8))
        return;
    status = cairn_cursor_seek(&work->cursor, cairn_va_make(va_of(to)));
    CHECK_EQ(status, can ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
    go_on(work, status, can ? to - work->at : 0);
}

static void do_query(struct work *work)
{
    unsigned left = work->range.first + work->range.count - work->at;
    struct cairn_mapping mapping;

    cairn_cursor_query(&work->cursor, &mapping);
    CHECK(mapping.bytes <= left * CAIRN_FRAME_SIZE);
    if (left == 0)
        CHECK(!mapping.is_mapped);
    else
        compare_query(&mapping, work->at);
}

/* ---- Transactions -------------------------------------------------------- */

/* Sizes of pages that a run counts on. */
static unsigned large_of(const struct work *work, uint64_t phys, uint64_t limit)
{
    const struct cairn__paging_format *format = paging.table.format;
    unsigned large = 0;

    for (unsigned level = 2; level <= format->levels && !is_narrow(); level++) {
        uint64_t span = cairn__span(format, level);

        if ((paging.table.leaf_levels >> level & 1) != 0 && span <= limit &&
            ((va_of(work->range.first) ^ phys) & (span - 1)) == 0)
            large |= 1u << level;
    }
    return large;
}

static enum cairn_status begin_run(struct work *work)
{
    uint64_t phys = random_phys() & ~(CAIRN_FRAME_SIZE - 1);
    uint64_t limit = test_random_once_in(2) ? UINT64_MAX : random_limit();
    struct cairn_phys_range run = {
        {phys}, {phys + work->range.count * CAIRN_FRAME_SIZE}};

    work->intent = CAIRN_INTENT_MAP;
    work->large = large_of(work, phys, limit);
    return cairn_cursor_begin_run(&work->cursor, work->table,
                                  cairn_va_make(va_of(work->range.first)), run,
                                  limit);
}

static enum cairn_status begin(struct work *work)
{
    work->table = any_table();
    work->range = random_range();
    work->at = work->range.first;
    work->large = 0;
    if (test_random_once_in(6))
        return begin_run(work);
    work->intent = (enum cairn_intent)(
        test_random_once_in(8) ? 0 : 1 + test_random_below(2));
    return cairn_cursor_begin(
        &work->cursor, work->table, cairn_va_make(va_of(work->range.first)),
        work->range.count * CAIRN_FRAME_SIZE, work->intent);
}

/* False: frames have run out, as they may. */
static bool has_begun(enum cairn_status status)
{
    if (status == CAIRN_NO_MEMORY && runs_out)
        return false;
    CHECK_EQ(status, CAIRN_OK);
    return true;
}

static void transact(void)
{
    static void (*const operations[])(struct work * work) = {
        do_map,     do_map,     do_map,    do_unmap, do_unmap,
        do_protect, do_harvest, do_resize, do_seek,  do_query};
    struct work work;
    bool listens = !test_random_once_in(4);

    if (!has_begun(begin(&work)))
        return;
    begin_changes(work.range, listens);
    if (listens) {
        work.cursor.removed = tell_removed;
        work.cursor.context = &transaction;
    }
    for (unsigned i = 1 + test_random_below(4); i > 0; i--)
        operations[test_random_below(10)](&work);
    CHECK(sim_are_interrupts_off());
    cairn_cursor_end(&work.cursor);
    CHECK(!sim_are_interrupts_off());
    end_changes();
}

/* ---- One call for one change --------------------------------------------- */

/* As the transaction that it stands for. */
static struct work alone(struct range range, enum cairn_intent intent)
{
    return (struct work){.range = range, .at = range.first, .intent = intent};
}

/* After the call; without frames, nothing has changed. */
static void finish(enum cairn_status status, enum cairn_status expected)
{
    if (status == CAIRN_NO_MEMORY && runs_out)
        begin_changes(transaction.range, false);
    else
        CHECK_EQ(status, expected);
    end_changes();
}

/* Contiguous; in pages of one size if `page_bytes` is not 0. */
static void map_run(struct range range, uint64_t page_bytes)
{
    struct work work = alone(range, CAIRN_INTENT_MAP);
    cairn_va va = cairn_va_make(va_of(range.first));
    struct cairn_pagetable *table = any_table();
    enum cairn_status expected;
    enum cairn_status status;
    struct cairn_phys_range phys;
    struct wish wish;
    bool is_size_right = page_bytes == 0;

    choose_wish(&wish, range.count);
    wish.frames = NULL;
    if (page_bytes != 0) {
        is_size_right = (paging.table.leaf_levels >> 2 & 1) != 0 &&
                        ((va.value | wish.phys) & (page_bytes - 1)) == 0;
        wish.policy.page_limit = page_bytes;
    }
    phys = cairn_phys_range_make(wish.phys,
                                 wish.phys + range.count * CAIRN_FRAME_SIZE);
    work.large = large_of(&work, wish.phys,
                          wish.policy.page_limit == 0 ? UINT64_MAX
                                                      : wish.policy.page_limit);
    begin_changes(range, false);
    expected =
        is_size_right ? expect_map(&work, range, &wish) : CAIRN_BAD_ARGUMENT;
    plan(expected, range, &wish);
    if (page_bytes != 0)
        status =
            cairn_map_large(table, va, phys.start, page_bytes, &wish.policy);
    else if (range.count == 1 && test_random_once_in(2))
        status = cairn_map_page(table, va, phys.start, &wish.policy);
    else
        status = cairn_map_range(table, va, phys, &wish.policy);
    finish(status, expected);
}

static void call_map(void)
{
    map_run(random_range(), 0);
}

static void call_map_large(void)
{
    struct range range = large_around(test_random_below(paging.page_count));

    if (paging.config.mode == CAIRN_PAGING_TOY && test_random_once_in(2))
        range.count = 4;
    map_run(range, range.count * CAIRN_FRAME_SIZE);
}

static void call_map_frames(void)
{
    struct range range = random_range();
    struct work work = alone(range, CAIRN_INTENT_MAP);
    enum cairn_status expected;
    struct wish wish;

    choose_wish(&wish, range.count);
    if (wish.frames == NULL)
        return;
    begin_changes(range, false);
    expected = expect_map(&work, range, &wish);
    plan(expected, range, &wish);
    finish(cairn_map_frames(any_table(), cairn_va_make(va_of(range.first)),
                            wish.frames, range.count, &wish.policy),
           expected);
}

static void call_map_identity(void)
{
    struct range range = random_range();
    struct work work = alone(range, CAIRN_INTENT_MAP);
    uint64_t start = va_of(range.first);
    uint64_t end = start + range.count * CAIRN_FRAME_SIZE;
    enum cairn_status expected;
    struct wish wish;

    if (end < start)
        return;
    choose_wish(&wish, range.count);
    wish.frames = NULL;
    wish.phys = start;
    begin_changes(range, false);
    expected = expect_map(&work, range, &wish);
    plan(expected, range, &wish);
    finish(cairn_map_identity(any_table(), cairn_phys_range_make(start, end),
                              &wish.policy),
           expected);
}

static void call_unmap_page(void)
{
    unsigned number = test_random_below(paging.page_count);
    struct range range = {number, 1};
    struct sim_mmu_view view;
    struct cairn_mapping gone;
    enum cairn_status status;
    bool is_mapped = look_at(number, &view);

    if (is_mapped) {
        range.count = (unsigned)(view.bytes / CAIRN_FRAME_SIZE);
        range.first = number / range.count * range.count;
    }
    begin_changes(range, false);
    forget(range);
    status =
        cairn_unmap_page(any_table(), cairn_va_make(va_of(number) + 7), &gone);
    CHECK_EQ(status, is_mapped ? CAIRN_OK : CAIRN_NOT_FOUND);
    if (is_mapped) {
        CHECK_EQ(gone.bytes, view.bytes);
        tell_removed(&transaction, &gone);
    }
    end_changes();
}

static void call_unmap(void)
{
    struct range range = random_range();
    struct work work = alone(range, CAIRN_INTENT_CHANGE);
    bool listens = test_random_once_in(2);
    bool can = is_divisible(&work, range);
    enum cairn_status status;

    begin_changes(range, listens);
    if (can)
        forget(range);
    status = cairn_unmap_range(any_table(), cairn_va_make(va_of(range.first)),
                               range.count * CAIRN_FRAME_SIZE,
                               listens ? tell_removed : NULL, &transaction);
    finish(status, can ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
}

static void call_protect(void)
{
    struct range range = random_range();
    struct work work = alone(range, CAIRN_INTENT_CHANGE);
    unsigned rights = random_rights();
    bool can = is_divisible(&work, range) && are_rights(range, rights);

    begin_changes(range, false);
    if (can)
        plan_rights(range, rights);
    finish(cairn_protect_range(any_table(), cairn_va_make(va_of(range.first)),
                               range.count * CAIRN_FRAME_SIZE, rights),
           can ? CAIRN_OK : CAIRN_BAD_ARGUMENT);
}

/* ---- Questions ----------------------------------------------------------- */

static void call_look(void)
{
    unsigned number = test_random_below(paging.page_count);
    struct cairn_mapping page;
    struct range all = {number, 0};

    begin_changes(all, false);
    model[number].then = model[number].now;
    CHECK(cairn_map_look(any_table(), cairn_va_make(va_of(number) + 3), &page));
    CHECK_EQ(page.start.value, va_of(number) + 3);
    CHECK_EQ(page.is_mapped, model[number].now.phys != NOT_MAPPED);
    if (page.is_mapped)
        CHECK_EQ(page.phys.value, model[number].now.phys + 3);
    CHECK_EQ(cairn_is_mapped(any_table(), cairn_va_make(va_of(number))),
             page.is_mapped);
}

static void call_has_rights(void)
{
    struct range range = random_range();
    unsigned rights = test_random_below(8);
    uint64_t offset = test_random_below(4096);
    uint64_t bytes = range.count * CAIRN_FRAME_SIZE - offset;
    bool has = true;

    bytes -= test_random_below(4096) % bytes;
    for (unsigned i = 0; i * CAIRN_FRAME_SIZE < offset + bytes; i++)
        has = has && model[range.first + i].now.phys != NOT_MAPPED &&
              (model[range.first + i].now.rights & rights) == rights;
    CHECK_EQ(cairn_range_has_rights(any_table(),
                                    cairn_va_make(va_of(range.first) + offset),
                                    bytes, rights),
             has);
}

/* Ranges that are none. */
static void call_nonsense(void)
{
    struct cairn_cursor cursor;
    struct cairn_pagetable *table = any_table();
    uint64_t at = va_of(test_random_below(paging.page_count));
    uint64_t hole = paging.table.format->is_signed
                        ? (uint64_t)1 << (paging.table.format->va_bits - 1)
                        : (uint64_t)1 << paging.table.format->va_bits;
    const uint64_t starts[] = {at, at + 1, at, hole, hole - 4096, at};
    const uint64_t bytes[] = {0, 4096, 4097, 4096, 8192, UINT64_MAX << 12};
    unsigned which = test_random_below(6);
    struct cairn_mapping unused;

    CHECK_EQ(cairn_cursor_begin(&cursor, table, cairn_va_make(starts[which]),
                                bytes[which],
                                (enum cairn_intent)test_random_below(3)),
             CAIRN_BAD_ARGUMENT);
    CHECK(!cairn_map_look(table, cairn_va_make(hole), &unused));
    CHECK_EQ(cairn_unmap_page(table, cairn_va_make(hole), NULL),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_unmap_range(table, cairn_va_make(at), 0, NULL, NULL),
             CAIRN_OK);
}

void paging_model_call(void)
{
    static void (*const calls[])(void) = {
        call_map,     call_map,        call_map_large,  call_map_frames,
        call_unmap,   call_unmap,      call_unmap_page, call_map_identity,
        call_protect, call_has_rights, call_look,       call_nonsense,
    };
    uint32_t which = test_random_below(24);

    if (which < 12)
        calls[which]();
    else
        transact();
}
