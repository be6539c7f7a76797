/*
 * mmu_look.c - simulated MMU: what is said about tables without a CPU.
 */
#include "harness/test.h"
#include "host/mmu_build.h"
#include "sim/platform.h"
#include "sim/ram.h"

#include <string.h>

#define VA  ((uint64_t)0x3000)
#define MAX 64

static uint64_t random_va(enum sim_mmu_mode mode)
{
    static const unsigned bits[MMU_MODES] = {48, 57, 32, 32, 18};
    unsigned width = bits[mode];
    uint64_t va = test_random() >> (64 - width);
    bool extends = mode == SIM_MMU_4LEVEL || mode == SIM_MMU_5LEVEL;

    return extends && va >> (width - 1) != 0 ? va | ~(uint64_t)0 << width : va;
}

/* ---- Look and access agree ----------------------------------------------- */

static uint64_t random_rights(enum sim_mmu_mode mode)
{
    uint64_t bits = MMU_P | (test_random() & (MMU_RW | MMU_US));

    if (mode != SIM_MMU_32BIT && test_random_once_in(3))
        bits |= MMU_XD;
    return bits;
}

static bool may_be_large(enum sim_mmu_mode mode, unsigned level)
{
    return level == 2 ||
           (level == 3 && mode != SIM_MMU_PAE && mode != SIM_MMU_32BIT);
}

/* A page somewhere near the others, with rights of all levels at random. */
static void map_at_random(enum sim_mmu_mode mode, uint64_t root, uint64_t va)
{
    unsigned level = 1 + test_random_below(3);
    uint64_t phys = test_random_below(256) * MMU_PAGE;

    if (!may_be_large(mode, level))
        level = 1;
    for (unsigned at = mmu_levels(); at > level; at--) {
        uint64_t entry = mmu_entry(root, at, va);

        if ((mmu_get(entry) & MMU_PS) != 0)
            return;
        if ((mmu_get(entry) & MMU_P) == 0 && (mode != SIM_MMU_PAE || at < 3))
            mmu_set(entry, mmu_table() | random_rights(mode));
        else if ((mmu_get(entry) & MMU_P) == 0)
            mmu_map(root, at - 1, va, 0);
    }
    phys = phys * (mmu_span(level) / MMU_PAGE);
    mmu_set(mmu_entry(root, level, va), (phys & 0xffffffff) |
                                            random_rights(mode) |
                                            (level > 1 ? MMU_PS : 0));
}

static uint32_t expected(const struct sim_mmu_view *view, unsigned kind,
                         bool is_user)
{
    uint32_t code = 1 | kind * (kind == SIM_MMU_WRITE ? 2 : 8);
    bool is_ok = kind == SIM_MMU_READ ||
                 (kind == SIM_MMU_WRITE ? view->writable : view->executable);

    if (is_user)
        return is_ok && view->user ? MMU_FINE : code | 4;
    if (kind == SIM_MMU_FETCH && view->user)
        is_ok = false;
    return is_ok ? MMU_FINE : code;
}

/* Look says what a CPU with empty caches sees. */
static void compare(uint64_t root, uint64_t va)
{
    struct sim_mmu_view view;
    struct sim_mmu_view again;
    bool is_mapped = sim_mmu_look(root, va, &view);

    for (unsigned i = 0; i < 6; i++) {
        enum sim_mmu_kind kind = (enum sim_mmu_kind)(i % 3);
        uint32_t seen;

        CHECK(sim_mmu_flush_all(0));
        seen = mmu_fault_of(va, kind, i >= 3, true);
        if (!is_mapped)
            CHECK_EQ(seen & ~0x16u, 0);
        else
            CHECK_EQ(seen, expected(&view, kind, i >= 3));
    }
    CHECK_EQ(mmu_phys(0, va), is_mapped ? view.phys : UINT64_MAX);
    CHECK_EQ(sim_mmu_look(root, va, &again), is_mapped);
    CHECK(!is_mapped || (again.accessed && again.dirty == view.writable));
}

static void compare_all(enum sim_mmu_mode mode)
{
    uint64_t root = mmu_start(mode);
    uint64_t places[MAX];

    for (unsigned i = 0; i < MAX; i++) {
        places[i] = i % 4 == 0 ? random_va(mode)
                               : places[i - 1] ^ test_random_below(1 << 15);
        map_at_random(mode, root, places[i]);
    }
    for (unsigned i = 0; i < MAX; i++) {
        compare(root, places[i]);
        compare(root, random_va(mode));
        compare(root, places[i] ^ MMU_PAGE << test_random_below(5));
    }
    CHECK_EQ(sim_mmu_lint(root, NULL, 0), 0);
}

CAIRN_TEST(mmu_look_says_what_a_cpu_sees)
{
    for (uint32_t round = test_rounds(20); round > 0; round--) {
        for (int mode = 0; mode < MMU_MODES; mode++)
            compare_all((enum sim_mmu_mode)mode);
    }
}

CAIRN_TEST(mmu_look_changes_nothing)
{
    struct sim_mmu_view view;
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA | MMU_G | MMU_PCD);

    CHECK(sim_mmu_look(root | 7, VA + 5, &view));
    CHECK_EQ(view.phys, MMU_DATA + 5);
    CHECK_EQ(view.bytes, MMU_PAGE);
    CHECK(view.writable && view.user && view.executable && view.global);
    CHECK(!view.accessed && !view.dirty);
    CHECK_EQ(view.memory_type, SIM_MMU_UC_MINUS);
    CHECK_EQ(mmu_get(leaf) & (MMU_A | MMU_D), 0);
    CHECK(!sim_mmu_cached(0, VA));
    CHECK(!sim_mmu_look(root, VA + MMU_PAGE, &view));
    CHECK(!sim_mmu_look(root, (uint64_t)1 << 47, &view));
    mmu_set(leaf, mmu_get(leaf) | (uint64_t)1 << 50);
    CHECK(!sim_mmu_look(root, VA, &view));
    CHECK_EQ(sim_mmu_wild_reads(), 0);
}

/* ---- All leaves and tables ----------------------------------------------- */

struct seen {
    unsigned count;
    uint64_t va[MAX];
    uint64_t what[MAX];
    uint64_t bytes[MAX];
};

static void see_leaf(void *context, uint64_t va,
                     const struct sim_mmu_view *view)
{
    struct seen *seen = context;

    CHECK(seen->count < MAX);
    seen->va[seen->count] = va;
    seen->bytes[seen->count] = view->bytes;
    seen->what[seen->count++] = view->phys;
}

static void see_table(void *context, uint64_t table, unsigned level,
                      uint64_t va)
{
    struct seen *seen = context;

    CHECK(seen->count < MAX);
    seen->va[seen->count] = va;
    seen->bytes[seen->count] = level;
    seen->what[seen->count++] = table;
}

CAIRN_TEST(mmu_each_leaf_in_order)
{
    struct seen seen = {.count = 0};
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    const uint64_t high = 0xffffffff80000000;

    mmu_map_page(root, 2, high, (uint64_t)4 << 20);
    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(root, 3, (uint64_t)3 << 30, (uint64_t)1 << 30);
    mmu_map_page(root, 1, 0xffff800000000000, MMU_DATA + MMU_PAGE);
    mmu_map_page(root, 1, VA + MMU_PAGE, (uint64_t)1 << 50); /* reserved */
    sim_mmu_each_leaf(root, see_leaf, &seen);
    CHECK_EQ(seen.count, 4);
    CHECK_EQ(seen.va[0], VA);
    CHECK_EQ(seen.va[1], (uint64_t)3 << 30);
    CHECK_EQ(seen.bytes[1], (uint64_t)1 << 30);
    CHECK_EQ(seen.what[1], (uint64_t)1 << 30);
    CHECK_EQ(seen.va[2], 0xffff800000000000);
    CHECK_EQ(seen.va[3], high);
    CHECK_EQ(seen.what[3], (uint64_t)4 << 20);
    CHECK_EQ(sim_mmu_count_tables(root), 9);
}

CAIRN_TEST(mmu_each_table_root_first)
{
    for (int mode = 0; mode < MMU_MODES; mode++) {
        struct seen seen = {.count = 0};
        uint64_t root = mmu_start((enum sim_mmu_mode)mode);

        CHECK_EQ(sim_mmu_count_tables(root), 1);
        mmu_map_page(root, 1, VA, MMU_DATA);
        CHECK_EQ(sim_mmu_each_table(root, see_table, &seen), mmu_levels());
        for (unsigned i = 0; i < mmu_levels(); i++) {
            CHECK_EQ(seen.what[i], root + i * MMU_PAGE);
            CHECK_EQ(seen.bytes[i], mmu_levels() - i);
        }
        CHECK_EQ(mmu_get(mmu_entry(root, 1, VA)) & MMU_A, 0);
    }
}

/* ---- Lint ---------------------------------------------------------------- */

static char text[512];

static void expect_lint(uint64_t root, unsigned count, const char *part)
{
    CHECK_EQ(sim_mmu_lint(root, text, sizeof(text)), count);
    CHECK(strstr(text, part) != NULL);
}

CAIRN_TEST(mmu_lint_finds_what_no_table_may_have)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA);
    uint64_t table = leaf & ~(MMU_PAGE - 1);

    expect_lint(root, 0, "");
    CHECK_TEXT(text, "");
    mmu_set(leaf, mmu_get(leaf) | (uint64_t)1 << 41);
    expect_lint(root, 1,
                "va 0x3000: entry 0x20000800007 of level 1 has "
                "reserved bits 0x20000000000\n");
    mmu_set(leaf, (uint64_t)1 << 41); /* not present */
    expect_lint(root, 0, "");
    mmu_map(root, 2, (uint64_t)2 << 20, MMU_RAM | MMU_ALL);
    expect_lint(root, 1, "va 0x200000: table 0x1000000 of level 1 is no RAM\n");
    mmu_map(root, 2, (uint64_t)2 << 20, table | MMU_ALL);
    expect_lint(root, 1, "of level 1 is there twice\n");
    mmu_set(root + 8, root | MMU_ALL); /* the root below itself */
    expect_lint(root, 2, "table 0x100000 of level 3 is there twice\n");
    mmu_set(root + 8, MMU_PS | MMU_P);
    expect_lint(root, 2, "level 4 has reserved bits 0x80\n");
    CHECK_EQ(sim_mmu_lint(root, text, 9), 2);
    CHECK_TEXT(text, "va 0x200");
    CHECK_EQ(sim_mmu_lint(MMU_RAM, NULL, 0), 1);
}

CAIRN_TEST(mmu_lint_of_the_other_modes)
{
    struct sim_mmu_machine machine = mmu_machine(SIM_MMU_32BIT);
    uint64_t root;

    machine.phys_bits = 30;
    root = mmu_start_machine(&machine);
    mmu_map_page(root, 1, VA, (uint64_t)1 << 30);
    expect_lint(root, 1, "va 0x3000: leaf 0x40000007 beyond 30 bits\n");
    root = mmu_start(SIM_MMU_PAE);
    mmu_map_page(root, 1, VA, MMU_DATA);
    expect_lint(root, 0, "");
    mmu_set(root, mmu_get(root) | MMU_RW);
    expect_lint(root, 1, "of level 3 has reserved bits 0x2\n");
    root = mmu_start(SIM_MMU_TOY);
    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_set(root + 32, UINT64_MAX); /* behind the four entries */
    expect_lint(root, 0, "");
    MMU_CONTROL(nxe, false);
    mmu_map_page(root, 1, VA, MMU_DATA | MMU_XD);
    expect_lint(root, 1, "reserved bits 0x8000000000000000\n");
}

/* More tables than the set of them first has room for. */
CAIRN_TEST(mmu_lint_of_many_tables)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    uint64_t twice = 0;

    for (uint64_t i = 0; i < 500; i++)
        mmu_map_page(root, 1, i << 21, MMU_DATA);
    CHECK_EQ(sim_mmu_count_tables(root), 503);
    expect_lint(root, 0, "");
    twice = mmu_get(mmu_entry(root, 2, (uint64_t)77 << 21));
    mmu_map(root, 2, (uint64_t)499 << 21, twice);
    expect_lint(root, 1, "there twice");
}
