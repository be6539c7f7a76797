/*
 * mmu_cache.c - simulated MMU: A and D, what is cached, and what removes it.
 */
#include "harness/test.h"
#include "host/mmu_build.h"
#include "sim/platform.h"

#define R SIM_MMU_READ
#define W SIM_MMU_WRITE
#define F SIM_MMU_FETCH

#define VA    ((uint64_t)0x3000)
#define OTHER (MMU_DATA + 0x5000)
#define KEEP  ((uint64_t)1 << 63)

static void on_each_mode(void (*run)(enum sim_mmu_mode mode, uint64_t root))
{
    for (int mode = 0; mode < MMU_MODES; mode++)
        run((enum sim_mmu_mode)mode, mmu_start((enum sim_mmu_mode)mode));
}

static unsigned top_in_memory(enum sim_mmu_mode mode)
{
    return mode == SIM_MMU_PAE ? 2 : mmu_levels();
}

/* ---- Accessed and dirty -------------------------------------------------- */

static void expect_bits(uint64_t root, enum sim_mmu_mode mode, uint64_t above,
                        uint64_t leaf)
{
    for (unsigned level = top_in_memory(mode); level > 1; level--)
        CHECK_EQ(mmu_get(mmu_entry(root, level, VA)) & (MMU_A | MMU_D), above);
    CHECK_EQ(mmu_get(mmu_entry(root, 1, VA)) & (MMU_A | MMU_D), leaf);
}

static void accessed_and_dirty(enum sim_mmu_mode mode, uint64_t root)
{
    mmu_map_page(root, 1, VA, MMU_DATA);
    expect_bits(root, mode, 0, 0);
    CHECK_EQ(mmu_fault_of(VA, R, false, false), 1); /* SMAP */
    expect_bits(root, mode, MMU_A, 0);
    CHECK(!sim_mmu_cached(0, VA));
    CHECK_EQ(mmu_try(VA, R), MMU_FINE);
    expect_bits(root, mode, MMU_A, MMU_A);
    CHECK_EQ(mmu_try(VA, W), MMU_FINE); /* cached, but not dirty */
    expect_bits(root, mode, MMU_A, MMU_A | MMU_D);
    /* Software clears them: a cached translation sets nothing. */
    mmu_map_page(root, 1, VA, MMU_DATA);
    sim_mmu_invlpg(0, VA);
    CHECK_EQ(mmu_try(VA, W), MMU_FINE);
    expect_bits(root, mode, MMU_A, MMU_A | MMU_D);
    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK_EQ(mmu_try(VA, W), MMU_FINE);
    CHECK_EQ(mmu_try(VA, R), MMU_FINE);
    expect_bits(root, mode, MMU_A, 0);
}

CAIRN_TEST(mmu_accessed_and_dirty_bits)
{
    on_each_mode(accessed_and_dirty);
}

/* The walk for D sees what the tables say by then. */
static void dirty_walk_sees_memory(enum sim_mmu_mode mode, uint64_t root)
{
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA);

    (void)mode;
    CHECK_EQ(mmu_try(VA, R), MMU_FINE);
    mmu_set(leaf, 0);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK_EQ(mmu_try(VA, W), 2);
    CHECK_EQ(mmu_get(leaf), 0);
    CHECK_EQ(mmu_phys(0, VA), UINT64_MAX);
}

CAIRN_TEST(mmu_a_first_write_walks_again)
{
    on_each_mode(dirty_walk_sees_memory);
}

/* ---- Stale translations -------------------------------------------------- */

static void stale_until_flushed(enum sim_mmu_mode mode, uint64_t root)
{
    (void)mode;
    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK_EQ(mmu_phys(1, VA), MMU_DATA);
    mmu_map_page(root, 1, VA, OTHER);
    CHECK_EQ(mmu_phys(0, VA + 1), MMU_DATA + 1);
    sim_mmu_invlpg(0, VA + MMU_PAGE);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    sim_mmu_invlpg(0, VA + 0xfff);
    CHECK_EQ(mmu_phys(0, VA), OTHER);
    CHECK_EQ(mmu_phys(1, VA), MMU_DATA); /* each CPU by itself */
    CHECK(sim_mmu_load_root(1, root));
    CHECK_EQ(mmu_phys(1, VA), OTHER);
}

CAIRN_TEST(mmu_stale_translations_stay_until_flushed)
{
    on_each_mode(stale_until_flushed);
}

/* Two old entries and the new one: any may answer. */
CAIRN_TEST(mmu_any_matching_translation_answers)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    unsigned seen[3] = {0, 0, 0};

    sim_mmu_set_adversary(1);
    for (uint64_t i = 0; i < 3; i++) {
        mmu_map_page(root, 1, VA, MMU_DATA + i * MMU_PAGE);
        for (unsigned round = 0; round < 100; round++)
            (void)mmu_phys(0, VA);
    }
    for (unsigned round = 0; round < 300; round++)
        seen[(mmu_phys(0, VA) - MMU_DATA) / MMU_PAGE]++;
    CHECK(seen[0] > 20 && seen[1] > 20 && seen[2] > 20);
    sim_mmu_invlpg(0, VA);
    for (unsigned round = 0; round < 100; round++)
        CHECK_EQ(mmu_phys(0, VA), MMU_DATA + 2 * MMU_PAGE);
}

/* The page of 2 MiB is split into others without a flush. */
CAIRN_TEST(mmu_both_sizes_answer)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    uint64_t large = mmu_map_page(root, 2, 0, (uint64_t)2 << 20);
    unsigned seen[2] = {0, 0};

    CHECK_EQ(mmu_phys(0, VA), ((uint64_t)2 << 20) + VA);
    mmu_set(large, 0);
    mmu_map_page(root, 1, VA, MMU_DATA);
    sim_mmu_speculate(0, VA);
    for (unsigned i = 0; i < 100; i++)
        seen[mmu_phys(0, VA) == MMU_DATA]++;
    CHECK(seen[0] > 20 && seen[1] > 20);
    sim_mmu_invlpg(0, VA);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
}

/* However a large page was cached, one INVLPG anywhere in it removes it. */
static void invlpg_removes_pieces(enum sim_mmu_mode mode, unsigned level)
{
    uint64_t root = mmu_start(mode);
    uint64_t span = mmu_span(level);
    uint64_t entry = mmu_map_page(root, level, 0, 0);
    bool has_pieces = false;

    sim_mmu_set_adversary(1);
    for (unsigned i = 0; i < 40 && !has_pieces; i++) {
        CHECK(sim_mmu_flush_all(0));
        sim_mmu_speculate(0, 0);
        has_pieces = !sim_mmu_cached(0, span - 1);
    }
    CHECK(has_pieces);
    for (unsigned i = 0; i < 40; i++)
        sim_mmu_speculate(0, test_random_below(64) * (span / 64));
    mmu_set(entry, 0);
    sim_mmu_invlpg(0, test_random_below((uint32_t)span));
    CHECK(!sim_mmu_can_reach(0, span > MMU_RAM ? 4 : 0x1000, NULL));
    for (uint64_t va = 0; va < span; va += span / 64)
        CHECK(!sim_mmu_cached(0, va));
}

CAIRN_TEST(mmu_invlpg_removes_all_pieces_of_a_large_page)
{
    invlpg_removes_pieces(SIM_MMU_4LEVEL, 2);
    invlpg_removes_pieces(SIM_MMU_4LEVEL, 3);
    invlpg_removes_pieces(SIM_MMU_PAE, 2);
    invlpg_removes_pieces(SIM_MMU_32BIT, 2);
}

/* ---- Cached references to tables ----------------------------------------- */

/* A new table instead of another, below each level that can be cached. */
static void stale_tables(enum sim_mmu_mode mode, uint64_t root)
{
    const uint64_t neighbour = VA - MMU_PAGE;

    mmu_map_page(root, 1, VA, MMU_DATA);
    for (unsigned level = top_in_memory(mode); level > 1; level--) {
        uint64_t entry = mmu_entry(root, level, VA);
        uint64_t old = mmu_get(entry);

        CHECK(sim_mmu_flush_all(0));
        CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
        CHECK(sim_mmu_cached_table(0, VA));
        mmu_map_page(root, 1, neighbour, OTHER);
        mmu_set(entry, mmu_table() | MMU_ALL);
        CHECK_EQ(mmu_phys(0, neighbour), OTHER); /* through the old tables */
        sim_mmu_invlpg(0, VA ^ mmu_span(mmu_levels())); /* any address */
        CHECK(!sim_mmu_cached_table(0, VA));
        CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
        CHECK_EQ(mmu_phys(0, neighbour), OTHER);
        sim_mmu_invlpg(0, VA);
        sim_mmu_invlpg(0, neighbour);
        CHECK_EQ(mmu_phys(0, neighbour), UINT64_MAX);
        mmu_set(entry, old);
        sim_mmu_invlpg(0, VA);
    }
}

CAIRN_TEST(mmu_invlpg_removes_all_references_to_tables)
{
    on_each_mode(stale_tables);
}

/* Rights of levels above are cached with the reference. */
static void stale_rights(enum sim_mmu_mode mode, uint64_t root)
{
    uint64_t top;

    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(root, 1, VA + MMU_PAGE, OTHER);
    top = mmu_entry(root, top_in_memory(mode), VA);
    CHECK_EQ(mmu_try(VA, W), MMU_FINE);
    mmu_set(top, mmu_get(top) & ~MMU_RW);
    CHECK_EQ(mmu_try(VA + MMU_PAGE, W), MMU_FINE);
    CHECK(sim_mmu_flush_all(0));
    CHECK_EQ(mmu_try(VA + MMU_PAGE, W), 3);
    /* The fault has removed what it came from. */
    mmu_set(top, mmu_get(top) | MMU_RW);
    CHECK_EQ(mmu_try(VA + MMU_PAGE, W), MMU_FINE);
}

CAIRN_TEST(mmu_rights_are_cached_with_references_to_tables)
{
    on_each_mode(stale_rights);
}

/* An adverse walk may begin at any level. */
CAIRN_TEST(mmu_walks_begin_at_any_cached_reference)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    uint64_t top = mmu_entry(root, 4, VA);
    unsigned found = 0;

    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(root, 1, VA + MMU_PAGE, OTHER);
    sim_mmu_set_adversary(1);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t saved = mmu_get(top);

        CHECK(sim_mmu_flush_all(0));
        sim_mmu_speculate(0, VA);
        mmu_set(top, 0);
        found += mmu_phys(0, VA + MMU_PAGE) == OTHER;
        mmu_set(top, saved);
    }
    CHECK(found > 240 && found < 360); /* three of four */
}

/* ---- Faults -------------------------------------------------------------- */

/* Less right in the cache than in memory: one fault, not two. */
static void spurious_once(enum sim_mmu_mode mode, uint64_t root)
{
    (void)mode;
    mmu_map(root, 1, VA, MMU_DATA | MMU_P | MMU_US | MMU_G);
    CHECK_EQ(mmu_try(VA, R), MMU_FINE);
    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK_EQ(mmu_try(VA, W), 3);
    CHECK(!sim_mmu_cached(0, VA));
    CHECK(!sim_mmu_cached_table(0, VA));
    CHECK_EQ(mmu_try(VA, W), MMU_FINE);
}

CAIRN_TEST(mmu_a_spurious_fault_comes_once)
{
    on_each_mode(spurious_once);
}

/* A fault removes what would be used for its address, and no more. */
CAIRN_TEST(mmu_a_fault_removes_only_what_it_uses)
{
    const uint64_t far = (uint64_t)1 << 30;
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);

    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(root, 1, far, OTHER);
    CHECK_EQ(mmu_phys(0, far), OTHER);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK_EQ(mmu_phys(0, VA + MMU_PAGE), UINT64_MAX);
    CHECK(sim_mmu_cached(0, VA));
    CHECK(!sim_mmu_cached_table(0, VA));
    CHECK(sim_mmu_cached(0, far));
    CHECK(sim_mmu_cached_table(0, far));
}

/* ---- Speculation --------------------------------------------------------- */

static void speculation(enum sim_mmu_mode mode, uint64_t root)
{
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA);

    sim_mmu_speculate(0, VA);
    expect_bits(root, mode, MMU_A, MMU_A);
    CHECK(sim_mmu_cached(0, VA));
    sim_mmu_speculate(0, VA + MMU_PAGE); /* nothing there: no fault */
    CHECK(!sim_mmu_cached(0, VA + MMU_PAGE));
    CHECK(sim_mmu_cached_table(0, VA + MMU_PAGE));
    mmu_set(leaf, 0);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK_EQ(mmu_fault_of(VA + MMU_PAGE, R, false, true), 0);
    if (mode == SIM_MMU_32BIT)
        return;
    mmu_set(leaf, MMU_DATA | MMU_ALL | (uint64_t)1 << 51);
    sim_mmu_invlpg(0, VA);
    sim_mmu_speculate(0, VA);
    CHECK(!sim_mmu_cached(0, VA));
    CHECK_EQ(mmu_get(leaf) & MMU_A, 0);
}

CAIRN_TEST(mmu_speculation_caches_and_sets_only_a)
{
    on_each_mode(speculation);
}

static void speculates_near(enum sim_mmu_mode mode, uint64_t root)
{
    (void)mode;
    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(root, 1, VA - MMU_PAGE, OTHER);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    for (unsigned i = 0; i < 200; i++)
        sim_mmu_tick(0);
    CHECK(!sim_mmu_cached(0, VA - MMU_PAGE)); /* no adversary yet */
    sim_mmu_set_adversary(100);
    for (unsigned i = 0; i < 2000 && !sim_mmu_cached(1, VA - MMU_PAGE); i++)
        sim_mmu_tick(1);
    CHECK(sim_mmu_cached(1, VA - MMU_PAGE)); /* used by another CPU */
    for (unsigned i = 0; i < 2000 && !sim_mmu_cached(0, VA - MMU_PAGE); i++)
        (void)mmu_try(VA + MMU_PAGE, R);
    CHECK(sim_mmu_cached(0, VA - MMU_PAGE));
    CHECK_EQ(mmu_get(mmu_entry(root, 1, VA - MMU_PAGE)) & (MMU_A | MMU_D),
             MMU_A);
}

CAIRN_TEST(mmu_an_adversary_speculates_near_what_is_used)
{
    on_each_mode(speculates_near);
}

/* ---- Global pages -------------------------------------------------------- */

static void global_pages(enum sim_mmu_mode mode, uint64_t root)
{
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA | MMU_G);

    (void)mode;
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    mmu_set(leaf, 0);
    CHECK(sim_mmu_load_root(0, root));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK(!sim_mmu_cached_table(0, VA)); /* references are never global */
    sim_mmu_invlpg(0, VA);
    CHECK_EQ(mmu_phys(0, VA), UINT64_MAX);
    mmu_map_page(root, 1, VA, MMU_DATA | MMU_G);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    MMU_CONTROL(pge, false); /* removes global pages */
    mmu_set(leaf, mmu_get(leaf) & ~MMU_P);
    CHECK_EQ(mmu_phys(0, VA), UINT64_MAX);
    mmu_set(leaf, mmu_get(leaf) | MMU_P);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK(sim_mmu_load_root(0, root)); /* without PGE, no page is global */
    CHECK(!sim_mmu_cached(0, VA));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    MMU_CONTROL(pge, true);
    CHECK(!sim_mmu_cached(0, VA));
}

CAIRN_TEST(mmu_global_pages_survive_a_new_root)
{
    on_each_mode(global_pages);
}

/* A global page is one in all PCIDs, and goes with INVLPG in any of them. */
CAIRN_TEST(mmu_global_pages_belong_to_no_pcid)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA | MMU_G);

    CHECK(sim_mmu_load_root(0, root | 5));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    mmu_set(leaf, 0);
    CHECK(sim_mmu_load_root(0, root | 6));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    sim_mmu_invlpg(0, VA);
    CHECK(!sim_mmu_cached(0, VA));
}

/* ---- PCIDs --------------------------------------------------------------- */

CAIRN_TEST(mmu_pcids_keep_address_spaces_apart)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);
    uint64_t other = mmu_table();

    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(other, 1, VA, OTHER);
    CHECK(sim_mmu_load_root(0, root | 1));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK(sim_mmu_load_root(0, other | 2));
    CHECK_EQ(mmu_phys(0, VA), OTHER);
    mmu_map_page(root, 1, VA, OTHER + MMU_PAGE);
    mmu_map_page(other, 1, VA, OTHER + MMU_PAGE);
    CHECK(sim_mmu_load_root(0, root | 1 | KEEP));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    sim_mmu_invlpg(0, VA); /* of this PCID only */
    CHECK_EQ(mmu_phys(0, VA), OTHER + MMU_PAGE);
    CHECK(sim_mmu_load_root(0, other | 2 | KEEP));
    CHECK_EQ(mmu_phys(0, VA), OTHER);
    CHECK(sim_mmu_load_root(0, other | 2));
    CHECK_EQ(mmu_phys(0, VA), OTHER + MMU_PAGE);
    MMU_CONTROL(wp, false);
    CHECK(sim_mmu_cached(0, VA));
    MMU_CONTROL(pcide, false); /* removes everything */
    CHECK(!sim_mmu_cached(0, VA));
}

/* A root that is loaded flushes its own PCID, not that which was. */
CAIRN_TEST(mmu_a_new_root_flushes_its_pcid)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);

    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK(sim_mmu_load_root(0, root | 1));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK(sim_mmu_load_root(0, root | 2));
    CHECK(sim_mmu_cached(0, VA));
    CHECK(sim_mmu_cached_table(0, VA));
    CHECK(sim_mmu_load_root(0, root | 1 | KEEP));
    CHECK(sim_mmu_cached(0, VA));
    CHECK(sim_mmu_load_root(0, root | 1));
    CHECK(!sim_mmu_cached(0, VA));
    CHECK(!sim_mmu_cached_table(0, VA));
}

/* ---- INVPCID ------------------------------------------------------------- */

#define FAR    ((uint64_t)1 << 39)
#define GLOBAL ((uint64_t)0x10000)

/* PCIDs 1 and 2 with VA and FAR each, and a global page.  PCID 1 is current. */
static void fill_pcids(void)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);

    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(root, 1, FAR, OTHER);
    mmu_map_page(root, 1, GLOBAL, MMU_DATA | MMU_G);
    for (unsigned pcid = 2; pcid > 0; pcid--) {
        CHECK(sim_mmu_load_root(0, root | pcid | KEEP));
        CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
        CHECK_EQ(mmu_phys(0, FAR), OTHER);
        CHECK_EQ(mmu_phys(0, GLOBAL), MMU_DATA);
    }
    /* From now on, only what is cached is there. */
    mmu_set(mmu_entry(root, 1, VA), 0);
    mmu_set(mmu_entry(root, 1, FAR), 0);
    mmu_set(mmu_entry(root, 1, GLOBAL), 0);
    sim_mmu_load_root(0, root | 1 | KEEP);
}

/* Which of VA, FAR and GLOBAL the PCID has, as bits 0 to 2. */
static unsigned kept(unsigned pcid)
{
    uint64_t root = (uint64_t)1 << 20;

    CHECK(sim_mmu_load_root(0, root | pcid | KEEP));
    return (mmu_phys(0, VA) == MMU_DATA ? 1 : 0) +
           (mmu_phys(0, FAR) == OTHER ? 2 : 0) +
           (mmu_phys(0, GLOBAL) == MMU_DATA ? 4 : 0);
}

CAIRN_TEST(mmu_invpcid_of_an_address)
{
    fill_pcids();
    CHECK(sim_mmu_invpcid(0, 0, 2, VA));
    CHECK(sim_mmu_cached_table(0, FAR)); /* even of the same PCID */
    CHECK_EQ(kept(1), 7);
    CHECK_EQ(kept(2), 6);
    fill_pcids();
    CHECK(sim_mmu_invpcid(0, 0, 1, GLOBAL));
    CHECK_EQ(kept(1), 7);
}

CAIRN_TEST(mmu_invpcid_of_an_address_removes_what_leads_there)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);

    mmu_map_page(root, 1, VA, MMU_DATA);
    mmu_map_page(root, 1, FAR, OTHER);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    CHECK_EQ(mmu_phys(0, FAR), OTHER);
    CHECK(sim_mmu_invpcid(0, 0, 1, VA));
    CHECK(sim_mmu_cached_table(0, VA));
    CHECK(sim_mmu_invpcid(0, 0, 0, VA));
    CHECK(!sim_mmu_cached_table(0, VA));
    CHECK(sim_mmu_cached_table(0, FAR));
}

CAIRN_TEST(mmu_invpcid_of_pcids)
{
    fill_pcids();
    CHECK(sim_mmu_invpcid(0, 1, 2, 0));
    CHECK_EQ(kept(1), 7);
    CHECK_EQ(kept(2), 4);
    fill_pcids();
    CHECK(sim_mmu_invpcid(0, 2, 0, 0));
    CHECK(!sim_mmu_cached_table(0, VA));
    CHECK_EQ(kept(1), 0);
    CHECK_EQ(kept(2), 0);
    fill_pcids();
    CHECK(sim_mmu_invpcid(0, 3, 0, 0));
    CHECK(!sim_mmu_cached_table(0, VA));
    CHECK_EQ(kept(1), 4);
    CHECK_EQ(kept(2), 4);
}

CAIRN_TEST(mmu_invpcid_refuses)
{
    mmu_start(SIM_MMU_4LEVEL);
    CHECK(!sim_mmu_invpcid(0, 4, 0, 0));
    CHECK(!sim_mmu_invpcid(0, 1, 0x1000, 0));
    CHECK(!sim_mmu_invpcid(0, 0, 0, (uint64_t)1 << 47));
    CHECK(sim_mmu_invpcid(0, 1, 0xfff, (uint64_t)1 << 47));
    MMU_CONTROL(pcide, false);
    CHECK(!sim_mmu_invpcid(0, 0, 1, 0));
    CHECK(!sim_mmu_invpcid(0, 1, 1, 0));
    CHECK(sim_mmu_invpcid(0, 0, 0, 0));
    CHECK(sim_mmu_invpcid(0, 2, 0, 0));
}

/* ---- Control bits -------------------------------------------------------- */

CAIRN_TEST(mmu_smep_going_on_flushes_the_current_pcid)
{
    uint64_t root;

    fill_pcids();
    MMU_CONTROL(smep, false);
    CHECK_EQ(kept(1), 7);
    MMU_CONTROL(smep, true);
    CHECK_EQ(kept(1), 4);
    CHECK_EQ(kept(2), 7);
    root = mmu_start(SIM_MMU_4LEVEL);
    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK_EQ(mmu_try(VA, R), MMU_FINE);
    MMU_CONTROL(smap, false);
    MMU_CONTROL(nxe, false);
    MMU_CONTROL(wp, false);
    CHECK(sim_mmu_cached(0, VA));
    MMU_CONTROL(pse, false);
    CHECK(!sim_mmu_cached(0, VA));
}

/* A page that was cached with XD is executable once NXE is off. */
CAIRN_TEST(mmu_xd_means_nothing_without_nxe)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);

    mmu_map(root, 1, VA, MMU_DATA | MMU_P | MMU_XD);
    CHECK_EQ(mmu_try(VA, F), 0x11);
    CHECK_EQ(mmu_try(VA, R), MMU_FINE);
    MMU_CONTROL(nxe, false);
    CHECK_EQ(mmu_try(VA, F), MMU_FINE);
    sim_mmu_invlpg(0, VA);
    CHECK_EQ(mmu_try(VA, F), 0x19);
}

/* The type is cached with the page. */
CAIRN_TEST(mmu_a_new_pat_waits_for_a_flush)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);

    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK_EQ(mmu_type(VA), SIM_MMU_WB);
    MMU_CONTROL(pat, SIM_MMU_PAT_RESET - 2); /* WT */
    CHECK_EQ(mmu_type(VA), SIM_MMU_WB);
    sim_mmu_invlpg(0, VA);
    CHECK_EQ(mmu_type(VA), SIM_MMU_WT);
}

/* ---- Who can reach memory ------------------------------------------------ */

static void reach_pages(enum sim_mmu_mode mode, uint64_t root)
{
    struct sim_mmu_reach who;
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA);

    (void)mode;
    CHECK(!sim_mmu_can_reach(MMU_DATA, MMU_PAGE, NULL));
    CHECK_EQ(mmu_phys(3, VA), MMU_DATA);
    mmu_set(leaf, 0);
    CHECK(sim_mmu_can_reach(MMU_DATA, MMU_PAGE, &who));
    CHECK_EQ(who.cpu, 3);
    CHECK_EQ(who.holder, SIM_MMU_TRANSLATION);
    CHECK_EQ(who.va, VA);
    CHECK_EQ(who.phys, MMU_DATA);
    CHECK_EQ(who.bytes, MMU_PAGE);
    CHECK(!sim_mmu_can_reach(MMU_DATA - MMU_PAGE, MMU_PAGE, NULL));
    CHECK(!sim_mmu_can_reach(MMU_DATA + MMU_PAGE, MMU_PAGE, NULL));
    CHECK(sim_mmu_can_reach(MMU_DATA + 0xfff, 1, NULL));
    sim_mmu_invlpg(3, VA);
    CHECK(!sim_mmu_can_reach(MMU_DATA, MMU_PAGE, NULL));
}

static void reach_tables(enum sim_mmu_mode mode, uint64_t root)
{
    struct sim_mmu_reach who;
    uint64_t table;

    mmu_map(root, 1, VA, 0);
    table = mmu_entry(root, 1, VA) & ~(MMU_PAGE - 1);
    CHECK_EQ(mmu_phys(2, VA), UINT64_MAX); /* the fault removes references */
    sim_mmu_speculate(2, VA);
    mmu_set(mmu_entry(root, 2, VA), 0);
    CHECK(sim_mmu_can_reach(table, MMU_PAGE, &who));
    CHECK_EQ(who.cpu, 2);
    CHECK_EQ(who.holder, SIM_MMU_STRUCTURE);
    CHECK_EQ(who.phys, table);
    sim_mmu_invlpg(2, VA);
    CHECK(!sim_mmu_can_reach(table, MMU_PAGE, NULL));
    CHECK(sim_mmu_can_reach(root, MMU_PAGE, &who));
    CHECK_EQ(who.holder, SIM_MMU_ROOT);
    if (mode != SIM_MMU_PAE)
        return;
    table = mmu_get(root) & ~(MMU_PAGE - 1);
    mmu_set(root, 0);
    CHECK(sim_mmu_can_reach(table, MMU_PAGE, &who));
    CHECK_EQ(who.holder, SIM_MMU_PDPTE);
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
        CHECK(sim_mmu_load_root(cpu, root));
    CHECK(!sim_mmu_can_reach(table, MMU_PAGE, NULL));
}

CAIRN_TEST(mmu_can_reach_until_flushed)
{
    on_each_mode(reach_pages);
    on_each_mode(reach_tables);
    sim_mmu_reset(&(struct sim_mmu_machine){.phys_bits = 40}, 1);
    CHECK(!sim_mmu_can_reach(0, UINT64_MAX, NULL));
}

/* ---- Outside of RAM ------------------------------------------------------ */

CAIRN_TEST(mmu_tables_outside_of_ram_are_all_ones)
{
    uint64_t root = mmu_start(SIM_MMU_4LEVEL);

    mmu_map(root, 2, VA, ((uint64_t)1 << 30) | MMU_ALL);
    CHECK_EQ(mmu_try(VA, R), 9);
    CHECK_EQ(sim_mmu_wild_reads(), 1);
    root = mmu_start(SIM_MMU_32BIT);
    CHECK_EQ(sim_mmu_wild_reads(), 0);
    mmu_map(root, 2, VA, ((uint64_t)1 << 30) | MMU_ALL);
    CHECK_EQ(mmu_phys(0, VA + 7), 0xfffff007);
    CHECK_EQ(sim_mmu_wild_reads(), 1);
}

/* ---- Moving bytes -------------------------------------------------------- */

static void move_bytes(enum sim_mmu_mode mode, uint64_t root)
{
    char text[] = "over a border of pages";
    char seen[sizeof(text)];
    struct sim_mmu_result fault;
    uint64_t from = VA - 9;

    (void)mode;
    mmu_map_page(root, 1, VA - MMU_PAGE, OTHER);
    CHECK(!sim_mmu_write(0, from, text, sizeof(text), &fault));
    CHECK_EQ(fault.error_code, 2);
    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK(sim_mmu_write(0, from, text, sizeof(text), NULL));
    CHECK(sim_mmu_read(1, from, seen, sizeof(seen), NULL));
    CHECK_TEXT(seen, text);
    mmu_map_page(root, 1, VA, MMU_RAM);
    sim_mmu_invlpg(0, VA);
    CHECK(sim_mmu_write(0, VA, text, sizeof(text), NULL));
    CHECK(sim_mmu_read(0, VA, seen, 1, NULL));
    CHECK_EQ((unsigned char)seen[0], 0xff);
}

CAIRN_TEST(mmu_bytes_move_page_by_page)
{
    on_each_mode(move_bytes);
}
