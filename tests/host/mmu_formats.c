/*
 * mmu_formats.c - simulated MMU: reserved bits, large pages, memory types.
 *
 * The expected bits stand here as written in the manuals' tables, bit by bit.
 */
#include "harness/test.h"
#include "host/mmu_build.h"

#define R  SIM_MMU_READ
#define VA ((uint64_t)0)

#define BIT(number)     ((uint64_t)1 << (number))
#define BITS(high, low) ((BIT(high) - BIT(low)) + BIT(high))

/*
 * With each bit in turn beside `entry`, the access fails exactly if the bit is
 * reserved.  A table that is then outside of RAM is all ones, which is another
 * matter.  Not tried: P, and PS, which makes another entry.
 */
static void expect_reserved(uint64_t root, unsigned level, uint64_t entry,
                            uint64_t reserved, unsigned width)
{
    uint64_t at = mmu_map(root, level, VA, entry);
    uint32_t fine = mmu_try(VA, R);

    CHECK(fine == MMU_FINE || fine == 0);
    for (unsigned bit = 1; bit < width; bit++) {
        uint64_t tried = entry | BIT(bit);
        uint64_t wild = sim_mmu_wild_reads();
        bool is_refused;

        if (bit == 7 && level > 1 && (entry & MMU_PS) == 0 &&
            (reserved & MMU_PS) == 0)
            continue;
        mmu_set(at, tried);
        CHECK(sim_mmu_flush_all(0));
        is_refused = mmu_try(VA, R) == 9 && sim_mmu_wild_reads() == wild;
        if (is_refused != ((reserved & BIT(bit)) != 0))
            test_fail(__FILE__, __LINE__, "level %u, entry %#llx is %srefused",
                      level, (unsigned long long)tried,
                      is_refused ? "" : "not ");
        mmu_set(at, tried & ~MMU_P);
        CHECK(sim_mmu_flush_all(0));
        CHECK_EQ(mmu_try(VA, R), 0);
    }
    mmu_set(at, 0);
    CHECK(sim_mmu_flush_all(0));
}

/* ---- 64-bit entries ------------------------------------------------------ */

static void expect_64bit(const struct sim_mmu_machine *machine, bool nxe)
{
    uint64_t root = mmu_start_machine(machine);
    uint64_t common =
        machine->phys_bits < 52 ? BITS(51, machine->phys_bits) : 0;
    uint64_t table = mmu_table() | MMU_ALL;
    uint64_t pat = machine->has_pat ? 0 : BIT(12);
    uint64_t amd = machine->is_amd ? BIT(8) : 0;

    if (machine->has_nx)
        MMU_CONTROL(nxe, nxe);
    common |= nxe ? 0 : BIT(63);
    for (unsigned level = mmu_levels(); level > 3; level--)
        expect_reserved(root, level, table, common | BIT(7) | amd, 64);
    if (machine->has_1gib)
        expect_reserved(root, 3, MMU_ALL | MMU_PS, common | BITS(29, 13) | pat,
                        64);
    expect_reserved(root, 3, table, common | (machine->has_1gib ? 0 : BIT(7)),
                    64);
    expect_reserved(root, 2, MMU_ALL | MMU_PS, common | BITS(20, 13) | pat, 64);
    expect_reserved(root, 2, table, common, 64);
    expect_reserved(root, 1, MMU_ALL | MMU_DATA,
                    common | (machine->has_pat ? 0 : BIT(7)), 64);
}

CAIRN_TEST(mmu_reserved_bits_of_64bit_entries)
{
    static const unsigned phys_bits[] = {36, 39, 40, 46, 51, 52};

    for (unsigned i = 0; i < 64; i++) {
        struct sim_mmu_machine machine =
            mmu_machine((i & 1) != 0 ? SIM_MMU_5LEVEL : SIM_MMU_4LEVEL);

        machine.phys_bits = phys_bits[test_random_below(6)];
        machine.has_1gib = (i & 2) != 0;
        machine.has_pat = (i & 4) != 0;
        machine.is_amd = (i & 8) != 0;
        machine.has_nx = (i & 16) != 0;
        expect_64bit(&machine, machine.has_nx && (i & 32) != 0);
    }
}

CAIRN_TEST(mmu_reserved_bits_of_toy_entries)
{
    uint64_t root = mmu_start(SIM_MMU_TOY);
    uint64_t table = mmu_table() | MMU_ALL;

    expect_reserved(root, 3, MMU_ALL | MMU_PS, BITS(51, 40) | BITS(15, 13), 64);
    expect_reserved(root, 3, table, BITS(51, 40), 64);
    expect_reserved(root, 2, MMU_ALL | MMU_PS, BITS(51, 40) | BIT(13), 64);
    expect_reserved(root, 2, table, BITS(51, 40), 64);
    expect_reserved(root, 1, MMU_ALL, BITS(51, 40), 64);
    MMU_CONTROL(nxe, false);
    expect_reserved(root, 1, MMU_ALL, BITS(51, 40) | BIT(63), 64);
}

CAIRN_TEST(mmu_reserved_bits_of_pae_entries)
{
    for (unsigned i = 0; i < 4; i++) {
        struct sim_mmu_machine machine = mmu_machine(SIM_MMU_PAE);
        uint64_t root;
        uint64_t high = BITS(62, 36);
        uint64_t table;

        machine.has_pat = (i & 1) != 0;
        machine.has_nx = (i & 2) != 0;
        machine.has_pse = (i & 2) != 0; /* no matter */
        root = mmu_start_machine(&machine);
        table = mmu_table() | MMU_ALL;
        high |= machine.has_nx ? 0 : BIT(63);
        expect_reserved(root, 2, MMU_ALL | MMU_PS,
                        high | BITS(20, 13) | (machine.has_pat ? 0 : BIT(12)),
                        64);
        expect_reserved(root, 2, table, high, 64);
        expect_reserved(root, 1, MMU_ALL, high | (machine.has_pat ? 0 : BIT(7)),
                        64);
    }
}

/* ---- PDPTEs of PAE ------------------------------------------------------- */

CAIRN_TEST(mmu_pae_refuses_a_root_with_reserved_bits)
{
    uint64_t root = mmu_start(SIM_MMU_PAE);
    uint64_t other = mmu_table() + 32; /* a root need not begin a frame */
    uint64_t reserved = BITS(2, 1) | BITS(8, 5) | BITS(63, 36);

    mmu_map_page(root, 1, VA, MMU_DATA);
    for (unsigned bit = 1; bit < 64; bit++) {
        bool is_reserved = (reserved & BIT(bit)) != 0;

        mmu_set(other + 24, MMU_P | BIT(bit));
        CHECK_EQ(sim_mmu_load_root(0, other), !is_reserved);
        CHECK_EQ(mmu_phys(0, VA), is_reserved ? MMU_DATA : UINT64_MAX);
        mmu_set(other + 24, BIT(bit));
        CHECK(sim_mmu_load_root(0, other));
        CHECK(sim_mmu_load_root(0, root));
    }
    CHECK(!sim_mmu_load_root(0, (uint64_t)1 << 32));
}

CAIRN_TEST(mmu_pae_pdptes_change_only_with_the_root)
{
    uint64_t root = mmu_start(SIM_MMU_PAE);
    uint64_t va = 0xc0003000;
    uint64_t pdpte;

    mmu_map_page(root, 1, va, MMU_DATA);
    pdpte = mmu_entry(root, 3, va);
    mmu_set(pdpte, 0);
    sim_mmu_invlpg(0, va);
    CHECK_EQ(mmu_phys(0, va), MMU_DATA);
    CHECK(!sim_mmu_cached_table(0, 0)); /* PDPTEs are no cached references */
    CHECK_EQ(mmu_get(pdpte), 0);        /* nor do they have A */
    CHECK(sim_mmu_load_root(0, root));
    CHECK_EQ(mmu_phys(0, va), UINT64_MAX);
}

/* So do PGE, PSE and SMEP, but not the others. */
CAIRN_TEST(mmu_pae_pdptes_change_with_cr4)
{
    uint64_t root = mmu_start(SIM_MMU_PAE);
    uint64_t pdpte = root;
    uint64_t full;

    mmu_map_page(root, 1, VA, MMU_DATA);
    full = mmu_get(pdpte);
    MMU_CONTROL(smap, false);
    mmu_set(pdpte, 0);
    MMU_CONTROL(wp, false);
    MMU_CONTROL(smap, true);
    sim_mmu_invlpg(0, VA);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    MMU_CONTROL(pge, false);
    CHECK_EQ(mmu_phys(0, VA), UINT64_MAX);
    mmu_set(pdpte, full);
    MMU_CONTROL(smep, false);
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    mmu_set(pdpte, 0);
    MMU_CONTROL(pse, false);
    CHECK_EQ(mmu_phys(0, VA), UINT64_MAX);
    mmu_set(pdpte, full);
    CHECK(sim_mmu_flush_all(0));
    CHECK_EQ(mmu_phys(0, VA), MMU_DATA);
    mmu_set(pdpte, full | MMU_RW);
    CHECK(!sim_mmu_flush_all(0));
    CHECK(sim_mmu_cached(0, VA));
}

/* ---- 32-bit paging ------------------------------------------------------- */

static void expect_32bit(const struct sim_mmu_machine *machine,
                         uint64_t reserved)
{
    uint64_t root = mmu_start_machine(machine);
    uint64_t table = mmu_table() | MMU_ALL;

    expect_reserved(root, 2, MMU_ALL | MMU_PS,
                    reserved | (machine->has_pat ? 0 : BIT(12)), 32);
    expect_reserved(root, 2, table, 0, 32);
    expect_reserved(root, 1, MMU_ALL | MMU_DATA, machine->has_pat ? 0 : BIT(7),
                    32);
}

CAIRN_TEST(mmu_reserved_bits_of_32bit_entries)
{
    struct sim_mmu_machine machine = mmu_machine(SIM_MMU_32BIT);

    expect_32bit(&machine, BITS(21, 17)); /* 36 bits */
    machine.has_pat = false;
    expect_32bit(&machine, BITS(21, 17));
    machine.phys_bits = 40;
    expect_32bit(&machine, BIT(21));
    machine.phys_bits = 46;
    expect_32bit(&machine, BIT(21));
    machine.phys_bits = 32;
    expect_32bit(&machine, BITS(21, 13));
    machine.phys_bits = 40;
    machine.has_pse36 = false;
    expect_32bit(&machine, BITS(21, 13));
}

CAIRN_TEST(mmu_pse36_pages_lie_above_4g)
{
    struct sim_mmu_machine machine = mmu_machine(SIM_MMU_32BIT);
    uint64_t root;

    machine.phys_bits = 40;
    root = mmu_start_machine(&machine);
    mmu_map_page(root, 2, 0xffc00000, 0x81400000 | (uint64_t)0xa5 << 13);
    CHECK_EQ(mmu_phys(0, 0xffc12345), 0xa581412345);
    mmu_map_page(root, 2, 0, 0x81400000 | BIT(13));
    CHECK_EQ(mmu_phys(0, 0x3fffff), 0x1817fffff);
}

/* Without PSE, bit 7 of a directory's entry is nothing. */
CAIRN_TEST(mmu_large_32bit_pages_need_pse)
{
    uint64_t root = mmu_start(SIM_MMU_32BIT);
    uint64_t entry = mmu_map_page(root, 1, VA, MMU_DATA);

    entry = mmu_entry(root, 2, VA);
    mmu_set(entry, mmu_get(entry) | MMU_PS);
    CHECK_EQ(mmu_try(VA, R), 9);
    MMU_CONTROL(pse, false);
    CHECK_EQ(mmu_phys(0, VA + 5), MMU_DATA + 5);
}

/* ---- Large pages --------------------------------------------------------- */

static void expect_large(enum sim_mmu_mode mode, unsigned level)
{
    const struct sim_mmu_access access = {
        .va = 0x1876, .kind = SIM_MMU_WRITE, .ac = true};
    uint64_t root = mmu_start(mode);
    uint64_t entry = mmu_map_page(root, level, VA, mmu_span(level));
    struct sim_mmu_result result;

    sim_mmu_access(0, &access, &result);
    CHECK(result.is_ok);
    CHECK_EQ(result.phys, mmu_span(level) + access.va);
    CHECK_EQ(result.page_bytes, mmu_span(level));
    CHECK_EQ(mmu_get(entry) & (MMU_A | MMU_D), MMU_A | MMU_D);
    CHECK_EQ(mmu_phys(0, mmu_span(level) - 1), 2 * mmu_span(level) - 1);
    CHECK_EQ(mmu_phys(0, mmu_span(level)), UINT64_MAX);
}

CAIRN_TEST(mmu_large_pages)
{
    expect_large(SIM_MMU_4LEVEL, 2);
    expect_large(SIM_MMU_4LEVEL, 3);
    expect_large(SIM_MMU_5LEVEL, 3);
    expect_large(SIM_MMU_PAE, 2);
    expect_large(SIM_MMU_32BIT, 2);
    expect_large(SIM_MMU_TOY, 2);
    expect_large(SIM_MMU_TOY, 3);
}

/* ---- Memory types -------------------------------------------------------- */

/* Each of the eight entries of a PAT that has them all different enough. */
static void expect_types(enum sim_mmu_mode mode, unsigned level)
{
    static const unsigned types[8] = {1, 5, 0, 4, 7, 6, 0, 1};
    struct sim_mmu_control control;
    uint64_t root = mmu_start(mode);

    sim_mmu_get_control(0, &control);
    for (unsigned i = 0; i < 8; i++)
        control.pat = control.pat >> 8 | (uint64_t)types[i] << 56;
    CHECK(sim_mmu_set_control(0, &control));
    for (unsigned i = 0; i < 8; i++) {
        uint64_t bits = ((i & 1) != 0 ? MMU_PWT : 0) |
                        ((i & 2) != 0 ? MMU_PCD : 0) |
                        ((i & 4) != 0 ? BIT(level == 1 ? 7 : 12) : 0);

        mmu_map_page(root, level, VA, bits);
        sim_mmu_invlpg(0, VA);
        CHECK_EQ(mmu_type(VA), types[i]);
        CHECK_EQ(mmu_phys(0, VA), 0);
    }
}

CAIRN_TEST(mmu_memory_types_come_from_the_pat)
{
    expect_types(SIM_MMU_4LEVEL, 1);
    expect_types(SIM_MMU_4LEVEL, 2);
    expect_types(SIM_MMU_4LEVEL, 3);
    expect_types(SIM_MMU_PAE, 1);
    expect_types(SIM_MMU_PAE, 2);
    expect_types(SIM_MMU_32BIT, 1);
    expect_types(SIM_MMU_32BIT, 2);
    expect_types(SIM_MMU_TOY, 2);
}

CAIRN_TEST(mmu_memory_types_without_a_pat)
{
    static const unsigned types[4] = {SIM_MMU_WB, SIM_MMU_WT, SIM_MMU_UC_MINUS,
                                      SIM_MMU_UC};
    struct sim_mmu_machine machine = mmu_machine(SIM_MMU_32BIT);
    uint64_t root;

    machine.has_pat = false;
    root = mmu_start_machine(&machine);
    for (unsigned i = 0; i < 4; i++) {
        mmu_map_page(root, 1, VA, i * MMU_PWT);
        sim_mmu_invlpg(0, VA);
        CHECK_EQ(mmu_type(VA), types[i]);
    }
}

/* ---- Control bits -------------------------------------------------------- */

CAIRN_TEST(mmu_control_bits_need_the_machine)
{
    const struct sim_mmu_machine plain = {.mode = SIM_MMU_4LEVEL,
                                          .phys_bits = 36};
    struct sim_mmu_control off;
    struct sim_mmu_control on;
    bool *const bits[] = {&on.nxe, &on.smep, &on.smap,
                          &on.pge, &on.pse,  &on.pcide};

    mmu_start_machine(&plain);
    sim_mmu_get_control(0, &off);
    CHECK(off.wp && !off.nxe && !off.pge && !off.pcide);
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        on = off;
        *bits[i] = true;
        CHECK(!sim_mmu_set_control(0, &on));
    }
    on = off;
    on.pat++;
    CHECK(!sim_mmu_set_control(0, &on));
    mmu_start(SIM_MMU_4LEVEL);
    sim_mmu_get_control(0, &on);
    on.pat = 2;
    CHECK(!sim_mmu_set_control(0, &on)); /* no such type */
}

CAIRN_TEST(mmu_pcids_need_a_64bit_mode_and_pcid_0)
{
    struct sim_mmu_control control;
    uint64_t root = mmu_start(SIM_MMU_PAE);

    sim_mmu_get_control(0, &control);
    CHECK(!control.pcide);
    control.pcide = true;
    CHECK(!sim_mmu_set_control(0, &control));
    root = mmu_start(SIM_MMU_4LEVEL);
    MMU_CONTROL(pcide, false);
    sim_mmu_get_control(0, &control);
    control.pcide = true;
    CHECK(sim_mmu_load_root(0, root | MMU_PCD));
    CHECK(!sim_mmu_set_control(0, &control));
    CHECK(!sim_mmu_load_root(0, root | BIT(63)));
    CHECK(sim_mmu_load_root(0, root));
    CHECK(sim_mmu_set_control(0, &control));
    CHECK(sim_mmu_load_root(0, root | BIT(63)));
    CHECK(!sim_mmu_load_root(0, root | BIT(40)));
    CHECK(!sim_mmu_load_root(0, root | BIT(62)));
}
