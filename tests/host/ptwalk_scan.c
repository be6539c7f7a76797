/*
 * ptwalk_scan.c - the walk over all that a root maps, held against what the
 * simulated hardware finds in the same tables.
 */
#include "host/mmu_build.h"
#include "paging_build.h"

#include "base/memory.h"
#include "harness/test.h"
#include "sim/platform.h"
#include "sim/ram.h"
#include <cairn/ptwalk.h>

#define LEAVES_MAX 4096
#define OUTSIDE    ((uint64_t)64 << 20) /* where there is no RAM */
#define JOIN_ALL   (CAIRN_PTWALK_JOIN | CAIRN_PTWALK_JOIN_SIZES)

static uint64_t root;
static enum sim_mmu_mode mode;

/* What hardware finds, in the words of the library. */
static struct cairn_mapping leaves[LEAVES_MAX];
static size_t leaf_count;

static const enum cairn_paging_mode modes[MMU_MODES] = {
    [SIM_MMU_4LEVEL] = CAIRN_PAGING_4LEVEL,
    [SIM_MMU_5LEVEL] = CAIRN_PAGING_5LEVEL,
    [SIM_MMU_PAE] = CAIRN_PAGING_PAE,
    [SIM_MMU_32BIT] = CAIRN_PAGING_32BIT,
    [SIM_MMU_TOY] = CAIRN_PAGING_TOY,
};

static void start(enum sim_mmu_mode of)
{
    sim_set_window(NULL);
    mode = of;
    root = mmu_start(of);
    MMU_CONTROL(pat, CAIRN_PAGING_PAT);
}

static void begin(struct cairn_ptwalk_scan *scan, uint64_t from, unsigned flags)
{
    cairn_ptwalk_begin(scan, modes[mode], cairn_phys_make(root),
                       cairn_va_make(from), flags);
}

static void keep_leaf(void *context, uint64_t va,
                      const struct sim_mmu_view *view)
{
    (void)context;
    CHECK(leaf_count < LEAVES_MAX);
    leaves[leaf_count++] = (struct cairn_mapping){
        .start = {va},
        .bytes = view->bytes,
        .is_mapped = true,
        .phys = {view->phys},
        .page_bytes = view->bytes,
        .rights = (view->writable ? CAIRN_PAGE_WRITE : 0) |
                  (view->executable ? CAIRN_PAGE_EXEC : 0) |
                  (view->user ? CAIRN_PAGE_USER : 0) |
                  (view->global ? CAIRN_PAGE_GLOBAL : 0),
        .cache = paging_cache_of(view->memory_type),
        .is_accessed = view->accessed,
        .is_dirty = view->dirty,
    };
}

static void find_leaves(void)
{
    leaf_count = 0;
    sim_mmu_each_leaf(root, keep_leaf, NULL);
}

static void check_same(const struct cairn_mapping *seen,
                       const struct cairn_mapping *wanted)
{
    CHECK(seen->is_mapped);
    CHECK_EQ(seen->start.value, wanted->start.value);
    CHECK_EQ(seen->bytes, wanted->bytes);
    CHECK_EQ(seen->phys.value, wanted->phys.value);
    CHECK_EQ(seen->page_bytes, wanted->page_bytes);
    CHECK_EQ(seen->rights, wanted->rights);
    CHECK_EQ(seen->cache, wanted->cache);
    CHECK_EQ(seen->is_accessed, wanted->is_accessed);
    CHECK_EQ(seen->is_dirty, wanted->is_dirty);
}

static void check_end(struct cairn_ptwalk_scan *scan)
{
    struct cairn_ptwalk_stretch stretch;

    CHECK_EQ(cairn_ptwalk_next(scan, &stretch), CAIRN_NOT_FOUND);
    CHECK_EQ(cairn_ptwalk_next(scan, &stretch), CAIRN_NOT_FOUND);
    CHECK(!stretch.mapping.is_mapped);
}

/* Every leaf from `from` on, in order; the first may begin in the middle. */
static void check_leaves(uint64_t from)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;

    begin(&scan, from, 0);
    for (size_t i = 0; i < leaf_count; i++) {
        struct cairn_mapping wanted = leaves[i];
        uint64_t last = wanted.start.value + (wanted.bytes - 1);

        if (last < from)
            continue;
        if (wanted.start.value < from) {
            wanted.bytes = last - from + 1;
            wanted.phys.value += from - wanted.start.value;
            wanted.start.value = from;
        }
        CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_OK);
        check_same(&stretch.mapping, &wanted);
    }
    check_end(&scan);
}

/* Levels of entries on the way to `va` that have US. */
static unsigned users_on_the_way(const struct cairn_mapping *leaf)
{
    unsigned levels = 0;

    for (unsigned level = mmu_levels(); level > 0; level--) {
        bool is_bare = mode == SIM_MMU_PAE && level == 3;
        uint64_t at = mmu_entry(root, level, leaf->start.value);

        if (!is_bare && (mmu_get(at) & MMU_US) != 0)
            levels |= 1u << level;
        if (mmu_span(level) == leaf->page_bytes)
            break;
    }
    return levels;
}

static bool can_join(const struct cairn_mapping *a,
                     const struct cairn_mapping *b, unsigned flags)
{
    return (flags & CAIRN_PTWALK_JOIN) != 0 &&
           b->start.value - a->start.value == a->bytes &&
           b->phys.value - a->phys.value == a->bytes &&
           a->rights == b->rights && a->cache == b->cache &&
           ((flags & CAIRN_PTWALK_JOIN_SIZES) != 0 ||
            a->page_bytes == b->page_bytes);
}

/* The same leaves, joined here. */
static void check_joined(unsigned flags)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    size_t i = 0;

    begin(&scan, 0, flags);
    while (i < leaf_count) {
        struct cairn_mapping wanted = leaves[i];
        unsigned users = users_on_the_way(&wanted);

        for (i++; i < leaf_count && can_join(&wanted, &leaves[i], flags); i++) {
            unsigned next = users_on_the_way(&leaves[i]);

            if ((next == 0) != (users == 0))
                break;
            users |= next;
            wanted.bytes += leaves[i].bytes;
            wanted.page_bytes |= leaves[i].page_bytes;
            wanted.is_accessed |= leaves[i].is_accessed;
            wanted.is_dirty |= leaves[i].is_dirty;
        }
        CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_OK);
        check_same(&stretch.mapping, &wanted);
        CHECK_EQ(stretch.user_levels, users);
    }
    check_end(&scan);
}

/* ---- Random tables ------------------------------------------------------- */

static unsigned va_bits(void)
{
    static const unsigned bits[MMU_MODES] = {48, 57, 32, 32, 18};

    return bits[mode];
}

static uint64_t canonical(uint64_t va)
{
    unsigned unused = 64 - va_bits();

    if (mode == SIM_MMU_4LEVEL || mode == SIM_MMU_5LEVEL)
        return (uint64_t)((int64_t)(va << unused) >> unused);
    return va & (UINT64_MAX >> unused);
}

/* Around few places, at both ends, and somewhere. */
static uint64_t some_address(void)
{
    switch (test_random_below(4)) {
    case 0:
        return canonical(test_random());
    case 1:
        return canonical(0 - (uint64_t)test_random_below(1u << 22));
    case 2:
        return canonical(((uint64_t)1 << (va_bits() - 1)) - 0x400000 +
                         test_random_below(1u << 23));
    default:
        return canonical(test_random_below(1u << 22));
    }
}

static unsigned some_level(void)
{
    unsigned highest = mode == SIM_MMU_PAE || mode == SIM_MMU_32BIT ? 2 : 3;

    return test_random_below(3) != 0 ? 1 : 1 + test_random_below(highest);
}

static uint64_t some_bits(unsigned level)
{
    uint64_t bits = MMU_P | (test_random() & (MMU_RW | MMU_US | MMU_A | MMU_D));

    if (test_random_once_in(4))
        bits |= test_random() & (MMU_PWT | MMU_PCD | MMU_G);
    if (mode != SIM_MMU_32BIT && test_random_once_in(2))
        bits |= MMU_XD;
    return level > 1 ? bits | MMU_PS : bits;
}

/* Is the way to `va` free of large pages down to that level? */
static bool is_free(unsigned lowest, uint64_t va)
{
    for (unsigned level = mmu_levels(); level > lowest; level--) {
        uint64_t entry = mmu_get(mmu_entry(root, level, va));

        if ((entry & MMU_P) == 0)
            return true;
        if ((entry & MMU_PS) != 0)
            return false;
    }
    return (mmu_get(mmu_entry(root, lowest, va)) & MMU_P) == 0;
}

/* Some pages in a row, mostly contiguous and alike. */
static void map_row(void)
{
    unsigned level = some_level();
    uint64_t span = mmu_span(level);
    uint64_t va = some_address() & ~(span - 1);
    uint64_t phys = test_random_below(1u << 19) * MMU_PAGE & ~(span - 1);
    uint64_t bits = some_bits(level);

    for (unsigned i = test_random_below(6) + 1; i > 0; i--) {
        if (canonical(va) != va || !is_free(level, va))
            return;
        mmu_map(root, level, va, phys | bits);
        va += span;
        phys += test_random_once_in(8) ? 2 * span : span;
        if (phys >> 31 != 0)
            return;
        if (test_random_once_in(8))
            bits = some_bits(level);
    }
}

/* Take rights away, and more, on the way to some page. */
static void spoil(uint64_t va)
{
    for (unsigned level = mmu_levels(); level > 1; level--) {
        uint64_t at = mmu_entry(root, level, va);
        uint64_t entry = mmu_get(at);
        uint64_t turned = test_random() & test_random() & (MMU_RW | MMU_US);

        if ((entry & MMU_PS) != 0)
            return;
        if (mode != SIM_MMU_32BIT && test_random_once_in(8))
            turned |= MMU_XD;
        if (test_random_once_in(32))
            turned |= MMU_P;
        if (!(mode == SIM_MMU_PAE && level == 3))
            mmu_set(at, entry ^ turned);
        if ((turned & MMU_P) != 0)
            return;
    }
}

static void build_some(void)
{
    unsigned rows = mode == SIM_MMU_TOY ? 12 : 40;

    for (unsigned i = 0; i < rows; i++)
        map_row();
    find_leaves();
    for (unsigned i = 0; i < 12 && leaf_count > 0; i++) {
        spoil(leaves[test_random_below((uint32_t)leaf_count)].start.value);
        find_leaves();
    }
}

CAIRN_TEST(L2_scan_finds_what_hardware_finds)
{
    for (unsigned i = 0; i < 20 * MMU_MODES; i++) {
        start((enum sim_mmu_mode)(i % MMU_MODES));
        build_some();
        CHECK(leaf_count > 0);
        check_leaves(0);
        for (unsigned k = 0; k < 20; k++)
            check_leaves(some_address());
        for (unsigned k = 0; k < 10; k++) {
            size_t which = test_random_below((uint32_t)leaf_count);

            check_leaves(leaves[which].start.value);
            check_leaves(leaves[which].start.value + leaves[which].bytes / 2);
        }
    }
}

CAIRN_TEST(L2_scan_joins_what_goes_on)
{
    for (unsigned i = 0; i < 20 * MMU_MODES; i++) {
        start((enum sim_mmu_mode)(i % MMU_MODES));
        build_some();
        check_joined(CAIRN_PTWALK_JOIN);
        check_joined(JOIN_ALL);
    }
}

/* A large page between small ones: one stretch, or three. */
CAIRN_TEST(L2_scan_joins_pages_of_different_sizes_on_request)
{
    uint64_t large = (uint64_t)2 << 20;
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;

    start(SIM_MMU_4LEVEL);
    mmu_map_page(root, 1, large - MMU_PAGE, 2 * large - MMU_PAGE);
    mmu_map_page(root, 2, large, 2 * large);
    mmu_map_page(root, 1, 2 * large, 3 * large);
    begin(&scan, 0, JOIN_ALL);
    CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_OK);
    CHECK_EQ(stretch.mapping.start.value, large - MMU_PAGE);
    CHECK_EQ(stretch.mapping.bytes, large + 2 * MMU_PAGE);
    CHECK_EQ(stretch.mapping.page_bytes, large + MMU_PAGE);
    CHECK_EQ(stretch.user_levels, 0x1e);
    check_end(&scan);
    begin(&scan, 0, CAIRN_PTWALK_JOIN);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_OK);
        CHECK_EQ(stretch.mapping.bytes, i == 1 ? large : MMU_PAGE);
    }
    check_end(&scan);
}

/* Nothing is read below an entry that is not present. */
CAIRN_TEST(L2_scan_passes_holes_by_whole_tables)
{
    struct cairn_ptwalk_scan scan;

    for (unsigned i = 0; i < MMU_MODES; i++) {
        static const unsigned entries[MMU_MODES] = {512, 512, 4, 1024, 4};

        start((enum sim_mmu_mode)i);
        begin(&scan, 0, 0);
        check_end(&scan);
        CHECK_EQ(CAIRN_PTWALK_ENTRIES - scan.entries_left, entries[i]);
    }
}

CAIRN_TEST(L2_scan_from_what_is_no_address)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;

    start(SIM_MMU_4LEVEL);
    mmu_map_page(root, 1, 0, MMU_DATA);
    mmu_map_page(root, 1, 0xffff800000000000, MMU_DATA);
    begin(&scan, (uint64_t)1 << 60, 0);
    CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_OK);
    CHECK_EQ(stretch.mapping.start.value, 0xffff800000000000);
    check_end(&scan);
    start(SIM_MMU_PAE);
    mmu_map_page(root, 1, 0, MMU_DATA);
    begin(&scan, (uint64_t)1 << 32, 0);
    check_end(&scan);
}

/* ---- Broken tables ------------------------------------------------------- */

static void check_hidden(struct cairn_ptwalk_scan *scan,
                         enum cairn_status status, uint64_t va, unsigned level,
                         uint64_t table)
{
    struct cairn_ptwalk_stretch stretch;

    CHECK_EQ(cairn_ptwalk_next(scan, &stretch), status);
    CHECK(!stretch.mapping.is_mapped);
    CHECK_EQ(stretch.mapping.start.value, va);
    CHECK_EQ(stretch.mapping.bytes, mmu_span(level));
    CHECK_EQ(stretch.table.value, table);
}

/* It is told of tables that it does not follow, and goes on behind them. */
CAIRN_TEST(L2_scan_of_tables_that_cannot_be_followed)
{
    for (unsigned i = 0; i < 2 * MMU_MODES; i++) {
        struct cairn_ptwalk_scan scan;
        struct cairn_ptwalk_stretch stretch;
        uint64_t span;
        unsigned top;

        start((enum sim_mmu_mode)(i / 2));
        top = mmu_levels();
        span = mmu_span(top);
        mmu_map_page(root, 1, 0, MMU_DATA);
        mmu_map_page(root, 1, 2 * span, MMU_DATA);
        mmu_set(mmu_entry(root, top, span),
                OUTSIDE | MMU_P | (mode == SIM_MMU_PAE ? 0 : MMU_RW));
        mmu_set(mmu_entry(root, top, 3 * span), root | MMU_P);
        begin(&scan, 0, i % 2 != 0 ? JOIN_ALL : 0);
        CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_OK);
        check_hidden(&scan, CAIRN_NOT_REACHABLE, span, top, OUTSIDE);
        CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_OK);
        CHECK_EQ(stretch.mapping.start.value, 2 * span);
        check_hidden(&scan, CAIRN_IN_USE, 3 * span, top, root);
        check_end(&scan);
    }
}

CAIRN_TEST(L2_scan_of_a_root_that_cannot_be_reached)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;

    for (unsigned i = 0; i < MMU_MODES; i++) {
        start((enum sim_mmu_mode)i);
        root = OUTSIDE;
        begin(&scan, 0, JOIN_ALL);
        CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_NOT_REACHABLE);
        CHECK_EQ(stretch.table.value, OUTSIDE);
        check_end(&scan);
    }
}

/* Each table refers to the next one 512 times: 2^36 pages, and an end. */
CAIRN_TEST(L2_scan_ends_on_any_tables)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    uint64_t table;
    unsigned found = 0;

    start(SIM_MMU_4LEVEL);
    table = root;
    for (unsigned level = 4; level > 0; level--) {
        uint64_t next = level > 1 ? mmu_table() : MMU_DATA;

        for (unsigned i = 0; i < 512; i++)
            mmu_set(table + i * 8, next | MMU_ALL);
        table = next;
    }
    begin(&scan, 0, 0);
    scan.entries_left = 10000;
    while (cairn_ptwalk_next(&scan, &stretch) == CAIRN_OK)
        found++;
    CHECK(found > 9900 && found < 10000);
    CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_NO_SPACE);
    CHECK_EQ(cairn_ptwalk_next(&scan, &stretch), CAIRN_NO_SPACE);
}

/* Any bits in tables: it ends, and reads nothing that is not RAM. */
CAIRN_TEST(L2_scan_of_noise)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    enum cairn_status status;

    for (unsigned i = 0; i < 4 * MMU_MODES; i++) {
        uint64_t last = 0;

        start((enum sim_mmu_mode)(i % MMU_MODES));
        for (uint64_t at = root; at < root + 64 * MMU_PAGE; at += 8)
            if (test_random_once_in(8))
                *(uint64_t *)mmu_at(at) =
                    (test_random() & ~(MMU_RAM * 2 - MMU_PAGE) & ~MMU_XD) |
                    (root + test_random_below(66) * MMU_PAGE);
        begin(&scan, 0, i % 2 != 0 ? CAIRN_PTWALK_JOIN : 0);
        scan.entries_left = 200000;
        do {
            status = cairn_ptwalk_next(&scan, &stretch);
            CHECK(status != CAIRN_OK || stretch.mapping.bytes > 0);
            CHECK(status == CAIRN_NO_SPACE || status == CAIRN_NOT_FOUND ||
                  stretch.mapping.start.value >= last);
            last = stretch.mapping.start.value;
        } while (status != CAIRN_NOT_FOUND && status != CAIRN_NO_SPACE);
    }
}
