/*
 * paging_model.c - see paging_model.h.
 *
 * HOW    A page has two views: as it is until the transaction ends, and as it
 *        will be then.  In between, other CPUs may see either, or what its flux
 *        says; when somebody was told that it is gone, only the later one.
 *
 *        What was written must be told as dirty before it is forgotten; what
 *        was not, must not be, but for pages that share a dirty bit with others
 *        at some time: those are suspects.
 */
#include "paging_model.h"

#include "paging_model_private.h"

struct page model[PAGES_MAX];
struct transaction transaction;
struct cairn_pagetable paging_second;
bool has_second;
bool runs_out;

static const struct cairn_pagetable *loaded[MODEL_CPUS]; /* NULL: neither */
static uint64_t chances; /* of accesses: there are too many to choose them */

uint64_t va_of(unsigned page)
{
    return paging.base + page * CAIRN_FRAME_SIZE;
}

/* ---- Pages --------------------------------------------------------------- */

struct cairn_pagetable *any_table(void)
{
    return has_second && test_random_below(2) == 0 ? &paging_second
                                                   : &paging.table;
}

bool look_at(unsigned number, struct sim_mmu_view *view)
{
    return number < paging.page_count && paging_look(va_of(number), view);
}

struct range large_around(unsigned number)
{
    struct range range;

    range.count = paging.config.mode == CAIRN_PAGING_TOY
                      ? 16
                      : (unsigned)(paging_large() / CAIRN_FRAME_SIZE);
    range.first = number / range.count * range.count;
    return range;
}

void suspect(struct range range)
{
    for (unsigned i = range.first; i < range.first + range.count; i++) {
        model[i].now.is_suspect = true;
        model[i].then.is_suspect = true;
        model[i].is_late_near = true;
    }
}

/* ---- A transaction begins and ends --------------------------------------- */

void begin_changes(struct range range, bool listens)
{
    transaction.range = range;
    transaction.listens = listens;
    for (unsigned i = range.first; i < range.first + range.count; i++) {
        struct page *page = &model[i];

        page->then = page->now;
        page->flux = SETTLED;
        page->is_told = false;
        page->is_told_dirty = false;
        page->is_late = false;
        page->is_late_near = false;
    }
}

static void end_page(struct page *page)
{
    if (page->flux == REPLACED && page->now.phys != NOT_MAPPED &&
        transaction.listens)
        CHECK(page->is_told);
    if (page->is_late && !page->is_told_dirty)
        page->then.is_written = true;
    if (page->flux == HARVESTED && page->is_late_near)
        page->then.is_suspect = true;
    page->now = page->then;
    page->flux = SETTLED;
}

void end_changes(void)
{
    struct range range = transaction.range;

    for (unsigned i = range.first; i < range.first + range.count; i++)
        end_page(&model[i]);
    transaction.range.count = 0;
}

void set_flux(struct range range, enum flux flux)
{
    for (unsigned i = range.first; i < range.first + range.count; i++) {
        if (model[i].flux != HAZY)
            model[i].flux = flux;
    }
}

/* ---- What was written is told -------------------------------------------- */

static void check_told(const struct page *page, uint64_t phys,
                       const struct cairn_mapping *mapping)
{
    CHECK_EQ(page->now.phys, phys);
    CHECK_EQ(mapping->rights, page->now.rights);
    CHECK_EQ(mapping->cache, page->now.cache);
    CHECK(!page->is_told);
    if (page->now.is_written)
        CHECK(mapping->is_dirty);
    else if (!page->now.is_suspect && !page->is_late)
        CHECK(!mapping->is_dirty);
    CHECK(!mapping->is_dirty || mapping->is_accessed);
}

static void tell(const struct cairn_mapping *mapping, enum flux flux)
{
    uint64_t first = (mapping->start.value - paging.base) / CAIRN_FRAME_SIZE;

    CHECK(mapping->is_mapped && mapping->bytes > 0);
    for (unsigned i = 0; i < mapping->bytes / CAIRN_FRAME_SIZE; i++) {
        struct page *page = &model[first + i];

        CHECK(first + i < paging.page_count);
        CHECK(page->flux == flux || page->flux == HAZY);
        check_told(page, mapping->phys.value + i * CAIRN_FRAME_SIZE, mapping);
        page->is_told = true;
        page->is_told_dirty = mapping->is_dirty;
    }
}

void tell_removed(void *context, const struct cairn_mapping *mapping)
{
    CHECK(context == &transaction);
    tell(mapping, REPLACED);
}

void tell_seen(void *context, const struct cairn_mapping *mapping)
{
    uint64_t first = (mapping->start.value - paging.base) / CAIRN_FRAME_SIZE;

    CHECK(context == &transaction);
    tell(mapping, HARVESTED);
    for (unsigned i = 0; i < mapping->bytes / CAIRN_FRAME_SIZE; i++) {
        model[first + i].then.is_written = false;
        model[first + i].then.is_suspect = false;
    }
}

/* ---- Accesses by CPUs that cache ----------------------------------------- */

/* splitmix64, as in the simulated MMU. */
static uint32_t chance(uint32_t limit)
{
    uint64_t value = chances += 0x9e3779b97f4a7c15u;

    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((value ^ (value >> 31)) % limit);
}

static bool may(const struct view *view, const struct sim_mmu_access *access)
{
    return view->phys != NOT_MAPPED &&
           (!access->is_user || (view->rights & CAIRN_PAGE_USER) != 0) &&
           (access->kind != SIM_MMU_WRITE ||
            (view->rights & CAIRN_PAGE_WRITE) != 0) &&
           (access->kind != SIM_MMU_FETCH ||
            (view->rights & CAIRN_PAGE_EXEC) != 0);
}

/* Is what the CPU got right, as far as the page's flux says? */
static void check_access(const struct page *page,
                         const struct sim_mmu_access *access,
                         const struct sim_mmu_result *result)
{
    uint64_t phys = result->phys & ~(CAIRN_FRAME_SIZE - 1);
    bool may_now = may(&page->now, access);
    bool may_then = may(&page->then, access);

    if (page->flux == HAZY)
        return;
    if (!result->is_ok) {
        CHECK(!(may_now && may_then) || page->flux == REPLACED);
        return;
    }
    if (page->flux == REPLACED) {
        CHECK(phys == page->then.phys ||
              (phys == page->now.phys && !page->is_told));
        return;
    }
    CHECK(may_now || may_then);
    CHECK_EQ(phys, page->now.phys);
}

static void note_write(unsigned number, uint64_t phys)
{
    struct page *page = &model[number];

    suspect(large_around(number));
    if (page->flux == HARVESTED) {
        page->is_late = true;
    } else if (page->flux == SETTLED || page->flux == RIGHTS) {
        page->now.is_written = true;
        page->then.is_written = true;
    } else if (page->flux == REPLACED && page->now.phys != page->then.phys) {
        *(phys == page->now.phys ? &page->now.is_written
                                 : &page->then.is_written) = true;
    }
}

void touch(unsigned number)
{
    struct page *page = &model[number];
    unsigned cpu = chance(MODEL_CPUS);
    uint32_t how = chance(6);
    struct sim_mmu_access access = {
        .va = va_of(number) + chance((uint32_t)CAIRN_FRAME_SIZE),
        .kind = (enum sim_mmu_kind)(how % 3),
        .is_user = how >= 3,
        .ac = true,
    };
    struct sim_mmu_result result;

    if (loaded[cpu] == NULL)
        return;
    sim_mmu_access(cpu, &access, &result);
    if (!result.is_ok && may(&page->now, &access)) /* had cached fewer rights */
        sim_mmu_access(cpu, &access, &result);
    CHECK((result.error_code & SIM_MMU_ERROR_RESERVED) == 0);
    check_access(page, &access, &result);
    if (result.is_ok && access.kind == SIM_MMU_WRITE)
        note_write(number, result.phys & ~(CAIRN_FRAME_SIZE - 1));
}

/* In between the steps of a transaction. */
static void touch_meanwhile(void)
{
    struct range range = transaction.range;

    if (range.count == 0 || chance(16) != 0)
        return;
    if (chance(2) == 0)
        range = (struct range){0, paging.page_count};
    touch(range.first + chance(range.count));
}

/* ---- Three views --------------------------------------------------------- */

static void compare_page(const struct cairn_pagetable *table, unsigned number)
{
    static const unsigned types[CAIRN_CACHE_COUNT] = {
        [CAIRN_CACHE_WB] = SIM_MMU_WB,
        [CAIRN_CACHE_WT] = SIM_MMU_WT,
        [CAIRN_CACHE_WC] = SIM_MMU_WC,
        [CAIRN_CACHE_UC_MINUS] = SIM_MMU_UC_MINUS,
        [CAIRN_CACHE_UC] = SIM_MMU_UC,
    };
    const struct view *page = &model[number].now;
    struct sim_mmu_view view;
    cairn_phys phys;
    bool is_mapped = page->phys != NOT_MAPPED;

    CHECK_EQ(sim_mmu_look(cairn_pagetable_root(table).value, va_of(number) + 5,
                          &view),
             is_mapped);
    CHECK_EQ(cairn_pagetable_translate(table, cairn_va_make(va_of(number) + 5),
                                       &phys),
             is_mapped);
    if (!is_mapped)
        return;
    CHECK_EQ(view.phys, page->phys + 5);
    CHECK_EQ(phys.value, page->phys + 5);
    CHECK_EQ(view.writable, (page->rights & CAIRN_PAGE_WRITE) != 0);
    CHECK_EQ(view.user, (page->rights & CAIRN_PAGE_USER) != 0);
    CHECK_EQ(view.executable, (page->rights & CAIRN_PAGE_EXEC) != 0);
    CHECK_EQ(view.global, (page->rights & CAIRN_PAGE_GLOBAL) != 0);
    CHECK_EQ(view.memory_type, types[page->cache]);
    CHECK(!page->is_written || view.dirty);
}

void compare_query(const struct cairn_mapping *mapping, unsigned at)
{
    CHECK_EQ(mapping->start.value, va_of(at));
    CHECK(mapping->bytes >= CAIRN_FRAME_SIZE);
    for (uint64_t i = 0; i < mapping->bytes; i += CAIRN_FRAME_SIZE, at++) {
        const struct view *page = &model[at].then;

        CHECK(at < paging.page_count);
        CHECK_EQ(mapping->is_mapped, page->phys != NOT_MAPPED);
        if (!mapping->is_mapped)
            continue;
        CHECK_EQ(mapping->phys.value + i, page->phys);
        CHECK_EQ(mapping->rights, page->rights);
        CHECK_EQ(mapping->cache, page->cache);
        CHECK(!page->is_written || mapping->is_dirty);
    }
}

/* What a cursor says of the whole region. */
static void compare_queries(struct cairn_pagetable *table)
{
    struct cairn_cursor cursor;
    struct cairn_mapping mapping;
    uint64_t bytes = paging.page_count * CAIRN_FRAME_SIZE;
    uint64_t done = 0;

    for (unsigned i = 0; i < paging.page_count; i++)
        model[i].then = model[i].now;
    CHECK_EQ(cairn_cursor_begin(&cursor, table, cairn_va_make(paging.base),
                                bytes, CAIRN_INTENT_LOOK),
             CAIRN_OK);
    while (done < bytes) {
        cairn_cursor_query(&cursor, &mapping);
        compare_query(&mapping, (unsigned)(done / CAIRN_FRAME_SIZE));
        done += mapping.bytes;
        CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(paging.base + done)),
                 CAIRN_OK);
    }
    cairn_cursor_end(&cursor);
}

static void verify(const struct cairn_pagetable *table)
{
    char text[128];

    if (sim_mmu_lint(cairn_pagetable_root(table).value, text, sizeof(text)))
        test_fail(__FILE__, __LINE__, "lint: %s", text);
}

void paging_model_compare(void)
{
    size_t frames = paging.table.table_count + paging.table.aside_count;

    verify(&paging.table);
    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
    CHECK_EQ(sim_mmu_count_tables(cairn_pagetable_root(&paging.table).value),
             paging.table.table_count);
    if (has_second) {
        verify(&paging_second);
        CHECK_EQ(cairn_pagetable_check(&paging_second), 0);
        frames += paging_second.table_count + paging_second.aside_count;
    }
    CHECK_EQ(paging_frames_out(), frames);
    CHECK(!sim_are_interrupts_off());
    CHECK_EQ(sim_mmu_wild_reads(), 0);
    compare_queries(any_table());
    for (unsigned i = 0; i < paging.page_count; i++)
        compare_page(has_second && i % 2 == 0 ? &paging_second : &paging.table,
                     i);
}

/* ---- CPUs ---------------------------------------------------------------- */

static void load(unsigned cpu, struct cairn_pagetable *table)
{
    sim_set_cpu(cpu);
    if (table == NULL)
        paging_go_home();
    else
        cairn_pagetable_activate(table);
    loaded[cpu] = table;
    CHECK(table == NULL || cairn_pagetable_active() == table);
}

static void be_any_cpu(void)
{
    sim_set_cpu(test_random_below(MODEL_CPUS));
    if (test_random_once_in(8))
        load(test_random_below(MODEL_CPUS),
             test_random_once_in(3) ? NULL : any_table());
}

/* ---- Begin and end ------------------------------------------------------- */

static void choose_features(void)
{
    struct cairn_paging_features *features = &paging.config.features;

    features->has_nx = features->has_nx && !test_random_once_in(4);
    features->has_1gib = !test_random_once_in(4);
    features->has_pse = !test_random_once_in(4);
    features->has_pse36 = !test_random_once_in(4);
    features->has_global = !test_random_once_in(4);
    features->has_pat = !test_random_once_in(4);
    features->has_pcid = test_random_once_in(2);
    if (test_random_once_in(4))
        features->phys_bits = 34;
    paging.config.is_w_xor_x = test_random_once_in(4);
}

/* Lower half, upper half, or the last pages of all. */
static void choose_place(enum cairn_paging_mode mode)
{
    static const uint64_t halves[CAIRN_PAGING_MODES] = {
        [CAIRN_PAGING_4LEVEL] = 0xffff800000000000,
        [CAIRN_PAGING_5LEVEL] = 0xff00000000000000,
        [CAIRN_PAGING_PAE] = 0x80000000,
        [CAIRN_PAGING_32BIT] = 0x80000000,
    };
    uint64_t bytes = paging.page_count * CAIRN_FRAME_SIZE;
    uint32_t place = test_random_below(4);

    if (mode == CAIRN_PAGING_TOY)
        return;
    if (place == 1)
        paging.base += halves[mode];
    if (place == 2)
        paging.base =
            (halves[mode] > UINT32_MAX ? 0 : (uint64_t)1 << 32) - bytes;
}

static void choose_user_end(void)
{
    switch (test_random_below(4)) {
    case 0:
        paging.config.user_end = 0;
        break;
    case 1:
        paging.config.user_end = paging.base;
        break;
    case 2:
        paging.config.user_end = va_of(test_random_below(paging.page_count));
        break;
    default: /* all for users */
        paging.config.user_end = UINT64_MAX;
        break;
    }
}

/* The slots of the root that have the region. */
static void share(void)
{
    const struct cairn__paging_format *format = paging.table.format;
    uint64_t span = cairn__span(format, format->levels);
    uint64_t start = paging.base & ~(span - 1);
    uint64_t last = va_of(paging.page_count - 1) & ~(span - 1);
    uint64_t bytes = last - start + span;

    if (paging.config.user_end > start || test_random_once_in(3))
        return;
    CHECK_EQ(cairn_pagetable_init(&paging_second, &paging.config), CAIRN_OK);
    CHECK_EQ(cairn_pagetable_share(&paging_second, &paging.table,
                                   cairn_va_make(start), bytes),
             CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_pagetable_fill(&paging.table, cairn_va_make(start), bytes),
             CAIRN_OK);
    CHECK_EQ(cairn_pagetable_share(&paging_second, &paging.table,
                                   cairn_va_make(start), bytes),
             CAIRN_OK);
    has_second = true;
}

void paging_model_start(enum cairn_paging_mode mode,
                        enum paging_variety variety)
{
    unsigned cpus;

    sim_set_meanwhile(NULL);
    paging_machine(mode);
    if (variety == PAGING_VARIED) {
        choose_features();
        choose_place(mode);
        choose_user_end();
    }
    paging_start_configured();
    has_second = false;
    runs_out = false;
    if (variety == PAGING_VARIED)
        share();
    cpus = 1 + test_random_below(MODEL_CPUS);
    for (unsigned cpu = 0; cpu < MODEL_CPUS; cpu++)
        load(cpu, cpu < cpus ? any_table() : NULL);
    for (unsigned i = 0; i < PAGES_MAX; i++)
        model[i] =
            (struct page){.now.phys = NOT_MAPPED, .then.phys = NOT_MAPPED};
    transaction.range.count = 0;
    chances = test_random();
    sim_mmu_set_adversary(20);
    sim_set_meanwhile(touch_meanwhile);
}

void paging_model_step(void)
{
    be_any_cpu();
    if (test_random_once_in(8)) {
        runs_out = true;
        paging_fail_after(test_random_below(8));
    }
    paging_model_call();
    paging_fail_after(~0u);
    runs_out = false;
    for (unsigned i = chance(24); i > 0; i--)
        touch(chance(paging.page_count));
}

void paging_model_end(void)
{
    paging_model_compare();
    sim_set_meanwhile(NULL);
    for (unsigned cpu = 0; cpu < MODEL_CPUS; cpu++) {
        if (loaded[cpu] == &paging_second)
            load(cpu, &paging.table);
    }
    if (has_second)
        cairn_pagetable_destroy(&paging_second);
    sim_mmu_set_adversary(0);
    paging_end();
}
