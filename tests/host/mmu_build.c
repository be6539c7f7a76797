/*
 * mmu_build.c - page tables by hand, for the tests of the simulated MMU.
 */
#include "host/mmu_build.h"
#include "harness/test.h"
#include "sim/platform.h"
#include "sim/ram.h"

static enum sim_mmu_mode mode;
static uint64_t next_table;

struct sim_mmu_machine mmu_machine(enum sim_mmu_mode of)
{
    bool is_64bit = of != SIM_MMU_PAE && of != SIM_MMU_32BIT;

    return (struct sim_mmu_machine){.mode = of,
                                    .phys_bits = is_64bit ? 40 : 36,
                                    .has_nx = true,
                                    .has_1gib = true,
                                    .has_pse = true,
                                    .has_pse36 = true,
                                    .has_pge = true,
                                    .has_pcid = true,
                                    .has_smep = true,
                                    .has_smap = true,
                                    .has_pat = true};
}

uint64_t mmu_start_machine(const struct sim_mmu_machine *machine)
{
    uint64_t root;

    mode = machine->mode;
    next_table = (uint64_t)1 << 20;
    sim_ram_reset();
    CHECK(sim_ram_add(0, MMU_RAM));
    sim_mmu_reset(machine, test_random());
    root = mmu_table();
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
        CHECK(sim_mmu_load_root(cpu, root));
    return root;
}

uint64_t mmu_start(enum sim_mmu_mode of)
{
    const struct sim_mmu_machine machine = mmu_machine(of);

    return mmu_start_machine(&machine);
}

/* ---- The formats, once more ---------------------------------------------- */

static unsigned bits_a_level(void)
{
    return mode == SIM_MMU_32BIT ? 10 : mode == SIM_MMU_TOY ? 2 : 9;
}

static bool is_pae_top(unsigned level)
{
    return mode == SIM_MMU_PAE && level == 3;
}

unsigned mmu_levels(void)
{
    static const unsigned levels[MMU_MODES] = {4, 5, 3, 2, 3};

    return levels[mode];
}

uint64_t mmu_span(unsigned level)
{
    return MMU_PAGE << ((level - 1) * bits_a_level());
}

uint64_t mmu_table(void)
{
    uint64_t table = next_table;

    next_table += MMU_PAGE;
    CHECK(next_table <= MMU_DATA);
    return table;
}

void *mmu_at(uint64_t phys)
{
    void *at = sim_ram_at(phys, 8);

    CHECK(at != NULL);
    return at;
}

uint64_t mmu_get(uint64_t entry)
{
    if (mode == SIM_MMU_32BIT)
        return __atomic_load_n((uint32_t *)mmu_at(entry), __ATOMIC_ACQUIRE);
    return __atomic_load_n((uint64_t *)mmu_at(entry), __ATOMIC_ACQUIRE);
}

void mmu_set(uint64_t entry, uint64_t value)
{
    if (mode == SIM_MMU_32BIT)
        __atomic_store_n((uint32_t *)mmu_at(entry), (uint32_t)value,
                         __ATOMIC_RELEASE);
    else
        __atomic_store_n((uint64_t *)mmu_at(entry), value, __ATOMIC_RELEASE);
}

/* ---- Tables -------------------------------------------------------------- */

static uint64_t entry_in(uint64_t table, unsigned level, uint64_t va)
{
    uint64_t index = va / mmu_span(level) % ((uint64_t)1 << bits_a_level());

    if (is_pae_top(level))
        index %= 4;
    return table + index * (mode == SIM_MMU_32BIT ? 4 : 8);
}

uint64_t mmu_entry(uint64_t root, unsigned level, uint64_t va)
{
    uint64_t table = root;

    for (unsigned at = mmu_levels(); at > level; at--)
        table = mmu_get(entry_in(table, at, va)) & 0xfffffff000;
    return entry_in(table, level, va);
}

static void load_again(uint64_t root)
{
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
        CHECK(sim_mmu_load_root(cpu, root));
}

uint64_t mmu_map(uint64_t root, unsigned level, uint64_t va, uint64_t value)
{
    uint64_t entry;

    for (unsigned at = mmu_levels(); at > level; at--) {
        entry = mmu_entry(root, at, va);
        if ((mmu_get(entry) & MMU_P) != 0)
            continue;
        mmu_set(entry, mmu_table() | (is_pae_top(at) ? MMU_P : MMU_ALL));
        if (is_pae_top(at))
            load_again(root);
    }
    entry = mmu_entry(root, level, va);
    mmu_set(entry, value);
    return entry;
}

uint64_t mmu_map_page(uint64_t root, unsigned level, uint64_t va,
                      uint64_t value)
{
    return mmu_map(root, level, va, value | MMU_ALL | (level > 1 ? MMU_PS : 0));
}

/* ---- Accesses ------------------------------------------------------------ */

uint32_t mmu_fault_of(uint64_t va, enum sim_mmu_kind kind, bool is_user,
                      bool ac)
{
    const struct sim_mmu_access access = {va, kind, is_user, ac};
    struct sim_mmu_result result;

    sim_mmu_access(0, &access, &result);
    if (result.is_ok)
        return MMU_FINE;
    return result.is_gp ? MMU_GP : result.error_code;
}

uint32_t mmu_try(uint64_t va, enum sim_mmu_kind kind)
{
    return mmu_fault_of(va, kind, false, true);
}

static struct sim_mmu_result read_by(unsigned cpu, uint64_t va)
{
    const struct sim_mmu_access access = {va, SIM_MMU_READ, false, true};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    return result;
}

uint64_t mmu_phys(unsigned cpu, uint64_t va)
{
    struct sim_mmu_result result = read_by(cpu, va);

    return result.is_ok ? result.phys : UINT64_MAX;
}

unsigned mmu_type(uint64_t va)
{
    struct sim_mmu_result result = read_by(0, va);

    CHECK(result.is_ok);
    return result.memory_type;
}
