/*
 * paging_random.c - random operations on page tables of every format.
 *
 * After each, three views agree: a plain array of pages, what the library says,
 * and what the simulated MMU reads in the tables.  Meanwhile CPUs that keep
 * whatever they may keep read and write through their caches.
 */
#include "paging_build.h"

#define PAGES_MAX  3072
#define STEPS      400
#define NOT_MAPPED UINT64_MAX

struct page {
    uint64_t phys; /* NOT_MAPPED, or where it is */
    unsigned rights;
    enum cairn_cache cache;
    bool is_written; /* and nobody has been told */
    bool is_suspect; /* so is another one of a large page that it was part of */
};

static struct page model[PAGES_MAX];
static unsigned cpus; /* how many have the page table loaded */

static uint64_t va_of(unsigned page)
{
    return paging.base + page * CAIRN_FRAME_SIZE;
}

static void forget_all(void)
{
    for (unsigned i = 0; i < PAGES_MAX; i++)
        model[i] = (struct page){.phys = NOT_MAPPED};
}

/* ---- What was written is told -------------------------------------------- */

static void tell(void *context, const struct cairn_mapping *mapping)
{
    bool *is_removed = context;
    unsigned first =
        (unsigned)((mapping->start.value - paging.base) / CAIRN_FRAME_SIZE);

    for (unsigned i = 0; i < mapping->bytes / CAIRN_FRAME_SIZE; i++) {
        struct page *page = &model[first + i];

        CHECK(first + i < paging.page_count);
        CHECK_EQ(page->phys, mapping->phys.value + i * CAIRN_FRAME_SIZE);
        CHECK_EQ(page->rights, mapping->rights);
        if (page->is_written)
            CHECK(mapping->is_dirty);
        else if (!page->is_suspect)
            CHECK(!mapping->is_dirty);
        page->is_written = false;
        page->is_suspect = false;
        if (*is_removed)
            page->phys = NOT_MAPPED;
    }
}

/* ---- Operations ---------------------------------------------------------- */

static unsigned random_rights(void)
{
    unsigned rights = test_random_below(8); /* not global: a user's */

    if (paging.table.nx_bit == 0)
        rights |= CAIRN_PAGE_EXEC;
    return rights;
}

struct range {
    unsigned first;
    unsigned count;
};

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

static void begin(struct cairn_cursor *cursor, struct range range,
                  enum cairn_intent intent)
{
    CHECK_EQ(cairn_cursor_begin(cursor, &paging.table,
                                cairn_va_make(va_of(range.first)),
                                range.count * CAIRN_FRAME_SIZE, intent),
             CAIRN_OK);
}

static bool is_hole(struct range range)
{
    for (unsigned i = 0; i < range.count; i++) {
        if (model[range.first + i].phys != NOT_MAPPED)
            return false;
    }
    return true;
}

static uint64_t random_phys(void)
{
    uint64_t large = paging_large();
    uint64_t phys = CAIRN_GIB + test_random_below(200) * large;

    return test_random_below(2) == 0
               ? phys
               : phys + test_random_below(500) * CAIRN_FRAME_SIZE;
}

static void map(struct range range)
{
    static const bool yes = true;
    struct cairn_page_policy policy = {
        .rights = random_rights(),
        .cache = (enum cairn_cache)test_random_below(CAIRN_CACHE_COUNT),
        .page_limit = test_random_below(2) == 0 ? 0 : CAIRN_FRAME_SIZE,
        .existing = (enum cairn_existing)test_random_below(2),
    };
    struct cairn_cursor cursor;
    static cairn_pfn frames[PAGES_MAX];
    uint64_t phys = random_phys();
    bool is_scattered = test_random_below(3) == 0;
    bool fits = policy.existing == CAIRN_EXISTING_REPLACE || is_hole(range);
    enum cairn_status status;

    begin(&cursor, range, CAIRN_INTENT_MAP);
    cursor.removed = tell;
    cursor.context = (void *)(uintptr_t)&yes;
    for (unsigned i = 0; i < range.count; i++)
        frames[i].value = is_scattered ? 0x40000 + test_random_below(100000)
                                       : (phys >> 12) + i;
    if (is_scattered)
        status = cairn_cursor_map_frames(&cursor, frames, range.count, &policy);
    else
        status = cairn_cursor_map(&cursor, cairn_phys_make(phys),
                                  range.count * CAIRN_FRAME_SIZE, &policy);
    CHECK_EQ(status, fits ? CAIRN_OK : CAIRN_IN_USE);
    cairn_cursor_end(&cursor);
    for (unsigned i = 0; i < range.count && fits; i++)
        model[range.first + i] = (struct page){.phys = frames[i].value << 12,
                                               .rights = policy.rights,
                                               .cache = policy.cache};
}

static void unmap(struct range range)
{
    static const bool yes = true;
    struct cairn_cursor cursor;

    begin(&cursor, range,
          test_random_below(2) == 0 ? CAIRN_INTENT_CHANGE : CAIRN_INTENT_MAP);
    if (test_random_below(4) != 0) {
        cursor.removed = tell;
        cursor.context = (void *)(uintptr_t)&yes;
    }
    CHECK_EQ(cairn_cursor_unmap(&cursor, range.count * CAIRN_FRAME_SIZE),
             CAIRN_OK);
    CHECK_EQ(cairn_cursor_at(&cursor).value, va_of(range.first + range.count));
    cairn_cursor_end(&cursor);
    for (unsigned i = 0; i < range.count; i++) {
        CHECK(cursor.removed == NULL ||
              model[range.first + i].phys == NOT_MAPPED);
        model[range.first + i].phys = NOT_MAPPED;
        model[range.first + i].is_written = false;
        model[range.first + i].is_suspect = false;
    }
}

static void protect(struct range range)
{
    unsigned rights = random_rights();
    struct cairn_cursor cursor;

    begin(&cursor, range, CAIRN_INTENT_CHANGE);
    CHECK_EQ(
        cairn_cursor_protect(&cursor, range.count * CAIRN_FRAME_SIZE, rights),
        CAIRN_OK);
    cairn_cursor_end(&cursor);
    for (unsigned i = 0; i < range.count; i++)
        model[range.first + i].rights = rights;
}

static void harvest(struct range range)
{
    static bool no = false;
    struct cairn_cursor cursor;

    begin(&cursor, range, CAIRN_INTENT_CHANGE);
    CHECK_EQ(cairn_cursor_harvest(&cursor, range.count * CAIRN_FRAME_SIZE, tell,
                                  &no),
             CAIRN_OK);
    cairn_cursor_end(&cursor);
    for (unsigned i = 0; i < range.count; i++)
        CHECK(!model[range.first + i].is_written);
}

/* Something was written in a large page, or what will be one or was one. */
static void suspect(struct range range)
{
    for (unsigned i = 0; i < range.count; i++)
        model[range.first + i].is_suspect = true;
}

/* To small pages or large ones; nothing else changes. */
static void resize(struct range range)
{
    uint64_t large = paging_large();
    unsigned pages = (unsigned)(large / CAIRN_FRAME_SIZE);
    bool to_large = test_random_below(2) == 0;
    struct cairn_cursor cursor;
    enum cairn_status status;

    range.first = range.first / pages * pages;
    range.count = pages;
    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table,
                                cairn_va_make(va_of(range.first)), large,
                                CAIRN_INTENT_MAP),
             CAIRN_OK);
    status = cairn_cursor_resize(&cursor, to_large ? large : CAIRN_FRAME_SIZE);
    suspect(range);
    CHECK(status == CAIRN_OK || status == CAIRN_NOT_FOUND ||
          (status == CAIRN_BAD_ARGUMENT && to_large));
    cairn_cursor_end(&cursor);
}

/* ---- Accesses by CPUs that cache ----------------------------------------- */

static bool may(const struct page *page, const struct sim_mmu_access *access)
{
    return page->phys != NOT_MAPPED &&
           (!access->is_user || (page->rights & CAIRN_PAGE_USER) != 0) &&
           (access->kind != SIM_MMU_WRITE ||
            (page->rights & CAIRN_PAGE_WRITE) != 0) &&
           (access->kind != SIM_MMU_FETCH ||
            (page->rights & CAIRN_PAGE_EXEC) != 0);
}

static void touch(unsigned number)
{
    struct page *page = &model[number];
    struct sim_mmu_access access = {
        .va = va_of(number) + test_random_below(4096),
        .kind = (enum sim_mmu_kind)test_random_below(3),
        .is_user = test_random_below(2) == 0,
        .ac = true,
    };
    unsigned cpu = test_random_below(cpus);
    struct sim_mmu_result result;
    struct sim_mmu_view view;
    struct range around;

    sim_mmu_access(cpu, &access, &result);
    if (!result.is_ok && may(page, &access)) /* it had cached fewer rights */
        sim_mmu_access(cpu, &access, &result);
    CHECK_EQ(result.is_ok, may(page, &access));
    if (!result.is_ok)
        return;
    CHECK_EQ(result.phys, page->phys + (access.va & 4095));
    if (access.kind != SIM_MMU_WRITE)
        return;
    page->is_written = true;
    CHECK(sim_mmu_look(cairn_pagetable_root(&paging.table).value, va_of(number),
                       &view));
    around.count = (unsigned)(view.bytes / CAIRN_FRAME_SIZE);
    around.first = number / around.count * around.count;
    suspect(around);
}

/* ---- Three views --------------------------------------------------------- */

static void compare_page(unsigned number)
{
    static const unsigned types[CAIRN_CACHE_COUNT] = {
        [CAIRN_CACHE_WB] = SIM_MMU_WB,
        [CAIRN_CACHE_WT] = SIM_MMU_WT,
        [CAIRN_CACHE_WC] = SIM_MMU_WC,
        [CAIRN_CACHE_UC_MINUS] = SIM_MMU_UC_MINUS,
        [CAIRN_CACHE_UC] = SIM_MMU_UC,
    };
    const struct page *page = &model[number];
    uint64_t root = cairn_pagetable_root(&paging.table).value;
    struct sim_mmu_view view;
    cairn_phys phys;
    bool is_mapped = page->phys != NOT_MAPPED;

    CHECK_EQ(sim_mmu_look(root, va_of(number) + 5, &view), is_mapped);
    CHECK_EQ(cairn_pagetable_translate(&paging.table,
                                       cairn_va_make(va_of(number) + 5), &phys),
             is_mapped);
    if (!is_mapped)
        return;
    CHECK_EQ(view.phys, page->phys + 5);
    CHECK_EQ(phys.value, page->phys + 5);
    CHECK_EQ(view.writable, (page->rights & CAIRN_PAGE_WRITE) != 0);
    CHECK_EQ(view.user, (page->rights & CAIRN_PAGE_USER) != 0);
    CHECK_EQ(view.executable, (page->rights & CAIRN_PAGE_EXEC) != 0);
    CHECK_EQ(view.memory_type, types[page->cache]);
}

/* What a cursor says of the whole region. */
static void compare_queries(void)
{
    struct range all = {0, paging.page_count};
    struct cairn_cursor cursor;
    struct cairn_mapping mapping;
    unsigned at = 0;

    begin(&cursor, all, CAIRN_INTENT_LOOK);
    while (at < all.count) {
        cairn_cursor_query(&cursor, &mapping);
        CHECK_EQ(mapping.start.value, va_of(at));
        CHECK(mapping.bytes >= CAIRN_FRAME_SIZE);
        for (uint64_t i = 0; i < mapping.bytes; i += CAIRN_FRAME_SIZE, at++) {
            CHECK(at < all.count);
            CHECK_EQ(mapping.is_mapped, model[at].phys != NOT_MAPPED);
            if (mapping.is_mapped) {
                CHECK_EQ(mapping.phys.value + i, model[at].phys);
                CHECK_EQ(mapping.rights, model[at].rights);
                CHECK_EQ(mapping.cache, model[at].cache);
            }
        }
        CHECK_EQ(cairn_cursor_seek(&cursor, cairn_va_make(va_of(at))),
                 CAIRN_OK);
    }
    cairn_cursor_end(&cursor);
}

static void compare(void)
{
    paging_verify();
    compare_queries();
    for (unsigned i = 0; i < paging.page_count; i++)
        compare_page(i);
}

/* ---- All formats --------------------------------------------------------- */

static void run(enum cairn_paging_mode mode)
{
    static void (*const operations[])(struct range range) = {
        map, map, map, unmap, unmap, protect, harvest, resize};

    paging_start(mode);
    cpus = 1 + test_random_below(3);
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        sim_set_cpu(cpu);
        cairn_pagetable_activate(&paging.table);
    }
    sim_set_cpu(0);
    sim_mmu_set_adversary(20);
    forget_all();
    for (uint32_t i = test_rounds(STEPS); i > 0; i--) {
        sim_set_cpu(test_random_below(cpus));
        operations[test_random_below(8)](random_range());
        for (unsigned j = 0; j < 20; j++)
            touch(test_random_below(paging.page_count));
        if (mode == CAIRN_PAGING_TOY || i % 8 == 0)
            compare();
    }
    compare();
    paging_end();
}

CAIRN_TEST(paging_random_4level)
{
    run(CAIRN_PAGING_4LEVEL);
}

CAIRN_TEST(paging_random_5level)
{
    run(CAIRN_PAGING_5LEVEL);
}

CAIRN_TEST(paging_random_pae)
{
    run(CAIRN_PAGING_PAE);
}

CAIRN_TEST(paging_random_32bit)
{
    run(CAIRN_PAGING_32BIT);
}

CAIRN_TEST(paging_random_toy)
{
    run(CAIRN_PAGING_TOY);
}
