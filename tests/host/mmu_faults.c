/*
 * mmu_faults.c - simulated MMU: rights, error codes, canonical addresses.
 */
#include "harness/test.h"
#include "host/mmu_build.h"

#define R SIM_MMU_READ
#define W SIM_MMU_WRITE
#define F SIM_MMU_FETCH

#define VA ((uint64_t)0x3000)

static bool is_32bit(enum sim_mmu_mode mode)
{
    return mode == SIM_MMU_32BIT;
}

static void on_each_mode(void (*run)(enum sim_mmu_mode mode, uint64_t root))
{
    for (int mode = 0; mode < MMU_MODES; mode++)
        run((enum sim_mmu_mode)mode, mmu_start((enum sim_mmu_mode)mode));
}

/* ---- Error codes --------------------------------------------------------- */

/* The bits of the access do not depend on why it fails. */
static void expect_codes(uint32_t reason, uint32_t fetch)
{
    CHECK_EQ(mmu_fault_of(VA, R, false, false), reason);
    CHECK_EQ(mmu_fault_of(VA, W, false, false), reason | 2);
    CHECK_EQ(mmu_fault_of(VA, F, false, false), reason | fetch);
    CHECK_EQ(mmu_fault_of(VA, R, true, false), reason | 4);
    CHECK_EQ(mmu_fault_of(VA, W, true, false), reason | 6);
    CHECK_EQ(mmu_fault_of(VA, F, true, false), reason | fetch | 4);
}

/* Nothing there, at each level in turn, from the root down. */
static void not_present(enum sim_mmu_mode mode, uint64_t root)
{
    uint64_t entry;

    (void)mode;
    expect_codes(0, 0x10);
    for (unsigned level = mmu_levels(); level > 0; level--) {
        entry = mmu_map(root, level, VA, ~(uint64_t)1);
        if (level == mmu_levels())
            CHECK(sim_mmu_load_root(0, root));
        expect_codes(0, 0x10);
        mmu_set(entry, 0);
    }
}

CAIRN_TEST(mmu_error_codes_where_nothing_is_present)
{
    on_each_mode(not_present);
}

/* I/D needs SMEP, or NXE where entries have XD. */
static void fetch_bit(enum sim_mmu_mode mode, uint64_t root)
{
    (void)root;
    for (unsigned i = 0; i < 4; i++) {
        bool nxe = (i & 1) != 0;
        bool smep = (i & 2) != 0;
        bool is_told = smep || (nxe && !is_32bit(mode));

        MMU_CONTROL(nxe, nxe);
        MMU_CONTROL(smep, smep);
        CHECK_EQ(mmu_fault_of(VA, F, false, false), is_told ? 0x10 : 0);
        CHECK_EQ(mmu_fault_of(VA, F, true, false), is_told ? 0x14 : 4);
    }
}

CAIRN_TEST(mmu_the_fetch_bit_needs_smep_or_nx)
{
    on_each_mode(fetch_bit);
}

/* The levels whose entries have rights. */
static unsigned top_with_rights(enum sim_mmu_mode mode)
{
    return mode == SIM_MMU_PAE ? 2 : mmu_levels();
}

/* A page for the kernel, made so by any level. */
static void supervisor_page(enum sim_mmu_mode mode, uint64_t root)
{
    uint64_t leaf = mmu_map_page(root, 1, VA, MMU_DATA);

    for (unsigned level = top_with_rights(mode); level > 0; level--) {
        uint64_t entry = mmu_entry(root, level, VA);

        mmu_set(entry, mmu_get(entry) & ~MMU_US);
        CHECK(sim_mmu_flush_all(0));
        CHECK_EQ(mmu_fault_of(VA, R, false, false), MMU_FINE);
        CHECK_EQ(mmu_fault_of(VA, W, false, false), MMU_FINE);
        CHECK_EQ(mmu_fault_of(VA, F, false, false), MMU_FINE);
        CHECK_EQ(mmu_fault_of(VA, R, true, true), 5);
        CHECK_EQ(mmu_fault_of(VA, W, true, true), 7);
        CHECK_EQ(mmu_fault_of(VA, F, true, true), 0x15);
        mmu_set(entry, mmu_get(entry) | MMU_US);
    }
    mmu_set(leaf, 0);
}

CAIRN_TEST(mmu_a_page_is_the_kernels_if_any_level_says_so)
{
    on_each_mode(supervisor_page);
}

static void read_only_page(enum sim_mmu_mode mode, uint64_t root)
{
    mmu_map_page(root, 1, VA, MMU_DATA);
    for (unsigned level = top_with_rights(mode); level > 0; level--) {
        uint64_t entry = mmu_entry(root, level, VA);

        mmu_set(entry, mmu_get(entry) & ~MMU_RW);
        CHECK(sim_mmu_flush_all(0));
        CHECK_EQ(mmu_fault_of(VA, R, true, false), MMU_FINE);
        CHECK_EQ(mmu_fault_of(VA, W, true, false), 7);
        CHECK_EQ(mmu_try(VA, R), MMU_FINE);
        CHECK_EQ(mmu_try(VA, W), 3);
        CHECK_EQ(mmu_get(mmu_entry(root, 1, VA)) & MMU_D, 0);
        MMU_CONTROL(wp, false);
        CHECK_EQ(mmu_try(VA, W), MMU_FINE);
        CHECK_EQ(mmu_fault_of(VA, W, false, false), 3); /* SMAP */
        CHECK_EQ(mmu_fault_of(VA, W, true, false), 7);
        CHECK_EQ(mmu_get(mmu_entry(root, 1, VA)) & MMU_D, MMU_D);
        MMU_CONTROL(wp, true);
        CHECK_EQ(mmu_try(VA, W), 3);
        mmu_set(entry, mmu_get(entry) | MMU_RW);
        mmu_map_page(root, 1, VA, MMU_DATA);
    }
}

CAIRN_TEST(mmu_a_page_is_read_only_if_any_level_says_so)
{
    on_each_mode(read_only_page);
}

static void no_execute(enum sim_mmu_mode mode, uint64_t root)
{
    if (is_32bit(mode))
        return;
    mmu_map_page(root, 1, VA, MMU_DATA);
    MMU_CONTROL(smep, false);
    for (unsigned level = top_with_rights(mode); level > 0; level--) {
        uint64_t entry = mmu_entry(root, level, VA);

        CHECK_EQ(mmu_try(VA, F), MMU_FINE);
        CHECK_EQ(mmu_fault_of(VA, F, true, false), MMU_FINE);
        mmu_set(entry, mmu_get(entry) | MMU_XD);
        CHECK(sim_mmu_flush_all(0));
        CHECK_EQ(mmu_try(VA, F), 0x11);
        CHECK_EQ(mmu_fault_of(VA, F, true, false), 0x15);
        CHECK_EQ(mmu_fault_of(VA, W, true, false), MMU_FINE);
        mmu_set(entry, mmu_get(entry) & ~MMU_XD);
        CHECK(sim_mmu_flush_all(0));
    }
}

CAIRN_TEST(mmu_a_page_is_not_executable_if_any_level_says_so)
{
    on_each_mode(no_execute);
}

static void smep_and_smap(enum sim_mmu_mode mode, uint64_t root)
{
    (void)mode;
    mmu_map_page(root, 1, VA, MMU_DATA);
    CHECK_EQ(mmu_fault_of(VA, F, false, false), 0x11);
    CHECK_EQ(mmu_fault_of(VA, F, false, true), 0x11);
    CHECK_EQ(mmu_fault_of(VA, F, true, false), MMU_FINE);
    CHECK_EQ(mmu_fault_of(VA, R, false, false), 1);
    CHECK_EQ(mmu_fault_of(VA, W, false, false), 3);
    CHECK_EQ(mmu_fault_of(VA, R, false, true), MMU_FINE);
    CHECK_EQ(mmu_fault_of(VA, W, false, true), MMU_FINE);
    CHECK_EQ(mmu_fault_of(VA, R, true, false), MMU_FINE);
    CHECK_EQ(mmu_fault_of(VA, W, true, false), MMU_FINE);
    MMU_CONTROL(smep, false);
    CHECK_EQ(mmu_fault_of(VA, F, false, false), MMU_FINE); /* SMAP or not */
    MMU_CONTROL(smap, false);
    CHECK_EQ(mmu_fault_of(VA, R, false, false), MMU_FINE);
    CHECK_EQ(mmu_fault_of(VA, W, false, false), MMU_FINE);
}

CAIRN_TEST(mmu_smep_and_smap_keep_the_kernel_out)
{
    on_each_mode(smep_and_smap);
}

/* Not present at a lower level wins over no right at a higher one. */
static void order_of_reasons(enum sim_mmu_mode mode, uint64_t root)
{
    uint64_t leaf = mmu_map(root, 1, VA, 0);
    uint64_t above = mmu_entry(root, 2, VA);

    mmu_set(above, mmu_get(above) & ~(MMU_US | MMU_RW));
    CHECK_EQ(mmu_fault_of(VA, W, true, false), 6);
    if (is_32bit(mode))
        return;
    mmu_set(leaf, MMU_P | (uint64_t)1 << 51);
    CHECK_EQ(mmu_fault_of(VA, W, true, false), 0xf);
    CHECK_EQ(mmu_fault_of(VA, F, true, false), 0x1d);
    CHECK_EQ(mmu_fault_of(VA, R, false, false), 9);
    mmu_set(leaf, (uint64_t)1 << 51);
    CHECK_EQ(mmu_fault_of(VA, W, true, false), 6);
}

CAIRN_TEST(mmu_reserved_bits_and_absence_win_over_rights)
{
    on_each_mode(order_of_reasons);
}

/* ---- Canonical addresses ------------------------------------------------- */

static void expect_gp(enum sim_mmu_mode mode, uint64_t va, bool is_gp)
{
    mmu_start(mode);
    CHECK_EQ(mmu_try(va, R), is_gp ? MMU_GP : 0);
    CHECK_EQ(mmu_fault_of(va, W, true, false), is_gp ? MMU_GP : 6);
    sim_mmu_invlpg(0, va);
    sim_mmu_speculate(0, va);
}

CAIRN_TEST(mmu_addresses_must_be_canonical)
{
    expect_gp(SIM_MMU_4LEVEL, 0x00007fffffffffff, false);
    expect_gp(SIM_MMU_4LEVEL, 0x0000800000000000, true);
    expect_gp(SIM_MMU_4LEVEL, 0xffff7fffffffffff, true);
    expect_gp(SIM_MMU_4LEVEL, 0xffff800000000000, false);
    expect_gp(SIM_MMU_4LEVEL, 0x7fff800000000000, true);
    expect_gp(SIM_MMU_5LEVEL, 0x00ffffffffffffff, false);
    expect_gp(SIM_MMU_5LEVEL, 0x0100000000000000, true);
    expect_gp(SIM_MMU_5LEVEL, 0xfeffffffffffffff, true);
    expect_gp(SIM_MMU_5LEVEL, 0xff00000000000000, false);
    expect_gp(SIM_MMU_PAE, 0xffffffff, false);
    expect_gp(SIM_MMU_PAE, 0x100000000, true);
    expect_gp(SIM_MMU_32BIT, 0xffffffff, false);
    expect_gp(SIM_MMU_32BIT, 0xffffffff00000000, true);
    expect_gp(SIM_MMU_TOY, 0x3ffff, false);
    expect_gp(SIM_MMU_TOY, 0x40000, true);
    expect_gp(SIM_MMU_TOY, 0xfffffffffffff000, true);
}

/* Each mode's last address is reached through the last entry of each table. */
static void highest_page(enum sim_mmu_mode mode, uint64_t root)
{
    static const uint64_t last[MMU_MODES] = {UINT64_MAX, UINT64_MAX, UINT32_MAX,
                                             UINT32_MAX, 0x3ffff};
    uint64_t index = mmu_span(2) / mmu_span(1) - 1;

    mmu_map_page(root, 1, last[mode], MMU_DATA);
    CHECK_EQ(mmu_phys(0, last[mode]), MMU_DATA + 0xfff);
    CHECK_EQ(mmu_entry(root, 1, last[mode]) % MMU_PAGE,
             index * (is_32bit(mode) ? 4 : 8));
    CHECK_EQ(mmu_phys(0, last[mode] - MMU_PAGE), UINT64_MAX);
}

CAIRN_TEST(mmu_the_last_page_of_each_mode)
{
    on_each_mode(highest_page);
}
