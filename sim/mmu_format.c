/*
 * mmu_format.c - simulated MMU: what the bits of an entry mean.
 *
 * WHAT   Pure functions of an entry, its level, the machine and control bits.
 *
 * HOW    Modes differ in a few numbers (levels, index bits, bytes of an entry)
 *        and in which bits are reserved; an entry of 4-level paging is the
 *        pattern for all but 32-bit paging.
 *
 * SOURCE Intel SDM vol. 3, chapter "Paging": the tables of formats of "32-Bit
 *        Paging", "PAE Paging" and "4-Level Paging and 5-Level Paging";
 *        "Access Rights"; "Page-Fault Exceptions"; "Paging and Memory
 *        Typing".  AMD APM vol. 2, "Long-Mode Page Translation": bit 8 of a
 *        PML4E and a PML5E must be zero.
 *
 * TESTS  tests/host/mmu_faults.c, tests/host/mmu_formats.c
 *
 * NOT    Protection keys, shadow stacks, linear address masking, MTRRs.
 */
#include "sim/mmu_private.h"

#define ADDRESS_TOP  51 /* the highest address bit of a 64-bit entry */
#define PSE36_LIMIT  40
#define PAT_OF_PAGE  7
#define PAT_OF_LARGE 12

/* ---- Shape --------------------------------------------------------------- */

unsigned sim__mmu_levels(enum sim_mmu_mode mode)
{
    switch (mode) {
    case SIM_MMU_5LEVEL:
        return 5;
    case SIM_MMU_4LEVEL:
        return 4;
    case SIM_MMU_32BIT:
        return 2;
    case SIM_MMU_PAE:
    case SIM_MMU_TOY:
        break;
    }
    return 3;
}

static unsigned index_bits(enum sim_mmu_mode mode)
{
    if (mode == SIM_MMU_32BIT)
        return 10;
    return mode == SIM_MMU_TOY ? 2 : 9;
}

unsigned sim__mmu_entry_bytes(enum sim_mmu_mode mode)
{
    return mode == SIM_MMU_32BIT ? 4 : 8;
}

unsigned sim__mmu_shift(enum sim_mmu_mode mode, unsigned level)
{
    return 12 + (level - 1) * index_bits(mode);
}

uint64_t sim__mmu_entries(enum sim_mmu_mode mode, unsigned level)
{
    if (sim__mmu_is_pdpte(mode, level))
        return SIM__PDPTES;
    return SIM__BIT(index_bits(mode));
}

uint64_t sim__mmu_index(enum sim_mmu_mode mode, unsigned level, uint64_t va)
{
    uint64_t entries = sim__mmu_entries(mode, level);

    return (va >> sim__mmu_shift(mode, level)) % entries;
}

/* Bits of an address. */
static unsigned address_bits(enum sim_mmu_mode mode)
{
    if (mode == SIM_MMU_PAE || mode == SIM_MMU_32BIT)
        return 32;
    return 12 + sim__mmu_levels(mode) * index_bits(mode);
}

uint64_t sim__mmu_make_canonical(enum sim_mmu_mode mode, uint64_t va)
{
    unsigned bits = address_bits(mode);
    uint64_t low = va & (SIM__BIT(bits) - 1);
    bool extends = mode == SIM_MMU_4LEVEL || mode == SIM_MMU_5LEVEL;

    if (extends && (low & SIM__BIT(bits - 1)) != 0)
        return low | ~(SIM__BIT(bits) - 1);
    return low;
}

bool sim__mmu_is_canonical(enum sim_mmu_mode mode, uint64_t va)
{
    return sim__mmu_make_canonical(mode, va) == va;
}

uint64_t sim__mmu_root(enum sim_mmu_mode mode, uint64_t cr3)
{
    if (mode == SIM_MMU_PAE)
        return cr3 & SIM__BITS(31, 5);
    if (mode == SIM_MMU_32BIT)
        return cr3 & SIM__BITS(31, 12);
    return cr3 & SIM__BITS(ADDRESS_TOP, 12);
}

/* ---- Leaves -------------------------------------------------------------- */

/* May an entry of this level be a large page? */
static bool has_large(const struct sim__rules *rules, unsigned level)
{
    switch (rules->machine->mode) {
    case SIM_MMU_32BIT:
        return level == 2 && rules->control.pse;
    case SIM_MMU_PAE:
        return level == 2;
    case SIM_MMU_TOY:
        return level == 2 || level == 3;
    case SIM_MMU_4LEVEL:
    case SIM_MMU_5LEVEL:
        break;
    }
    return level == 2 || (level == 3 && rules->machine->has_1gib);
}

bool sim__mmu_is_leaf(const struct sim__rules *rules, unsigned level,
                      uint64_t entry)
{
    return level == 1 ||
           ((entry & SIM__ENTRY_PS) != 0 && has_large(rules, level));
}

static bool is_large_leaf(const struct sim__rules *rules, unsigned level,
                          uint64_t entry)
{
    return level > 1 && sim__mmu_is_leaf(rules, level, entry);
}

/* ---- Reserved bits ------------------------------------------------------- */

/* How many address bits a 4 MiB page has. */
static unsigned pse36_bits(const struct sim__rules *rules)
{
    if (!rules->machine->has_pse36 || rules->machine->phys_bits < 32)
        return 32;
    return rules->machine->phys_bits < PSE36_LIMIT ? rules->machine->phys_bits
                                                   : PSE36_LIMIT;
}

/* Without PAT, its bit must be 0 in each leaf. */
static uint64_t reserved_pat(const struct sim__rules *rules, unsigned level)
{
    if (rules->machine->has_pat)
        return 0;
    return SIM__BIT(level == 1 ? PAT_OF_PAGE : PAT_OF_LARGE);
}

static uint64_t reserved_32bit(const struct sim__rules *rules, unsigned level,
                               uint64_t entry)
{
    if (!sim__mmu_is_leaf(rules, level, entry))
        return 0;
    if (level == 1)
        return reserved_pat(rules, level);
    /* Bits 20:13 are address bits 39:32, as far as there are any. */
    return SIM__BITS(21, pse36_bits(rules) - 19) | reserved_pat(rules, level);
}

static uint64_t above_phys_bits(const struct sim__rules *rules, unsigned top)
{
    unsigned phys_bits = rules->machine->phys_bits;

    return phys_bits > top ? 0 : SIM__BITS(top, phys_bits);
}

static uint64_t reserved_pdpte(const struct sim__rules *rules)
{
    return SIM__BITS(2, 1) | SIM__BITS(8, 5) | above_phys_bits(rules, 62) |
           SIM__ENTRY_XD;
}

static uint64_t reserved_large(const struct sim__rules *rules, unsigned level)
{
    unsigned shift = sim__mmu_shift(rules->machine->mode, level);

    return SIM__BITS(shift - 1, 13) | reserved_pat(rules, level);
}

/* The PS bit where it can make no leaf, and AMD's rule for G. */
static uint64_t reserved_in_reference(const struct sim__rules *rules,
                                      unsigned level)
{
    uint64_t bits = has_large(rules, level) ? 0 : SIM__ENTRY_PS;

    if (rules->machine->is_amd && level >= 4)
        bits |= SIM__ENTRY_G;
    return bits;
}

static uint64_t reserved_64bit(const struct sim__rules *rules, unsigned level,
                               uint64_t entry)
{
    bool is_pae = rules->machine->mode == SIM_MMU_PAE;
    uint64_t bits = above_phys_bits(rules, is_pae ? 62 : ADDRESS_TOP);

    if (!rules->control.nxe)
        bits |= SIM__ENTRY_XD;
    if (is_large_leaf(rules, level, entry))
        return bits | reserved_large(rules, level);
    if (level == 1)
        return bits | reserved_pat(rules, level);
    return bits | reserved_in_reference(rules, level);
}

uint64_t sim__mmu_reserved(const struct sim__rules *rules, unsigned level,
                           uint64_t entry)
{
    enum sim_mmu_mode mode = rules->machine->mode;

    if (sim__mmu_is_pdpte(mode, level))
        return entry & reserved_pdpte(rules);
    if (mode == SIM_MMU_32BIT)
        return entry & reserved_32bit(rules, level, entry);
    return entry & reserved_64bit(rules, level, entry);
}

/* ---- Addresses and memory types ------------------------------------------ */

static uint64_t target_of_4mib(const struct sim__rules *rules, uint64_t entry)
{
    uint64_t high = (entry & SIM__BITS(20, 13)) << (32 - 13);

    return (entry & SIM__BITS(31, 22)) |
           (high & (SIM__BIT(pse36_bits(rules)) - 1));
}

uint64_t sim__mmu_target(const struct sim__rules *rules, unsigned level,
                         uint64_t entry)
{
    enum sim_mmu_mode mode = rules->machine->mode;
    bool is_large = is_large_leaf(rules, level, entry);
    unsigned low = is_large ? sim__mmu_shift(mode, level) : 12;

    if (mode != SIM_MMU_32BIT)
        return entry & SIM__BITS(ADDRESS_TOP, low);
    return is_large ? target_of_4mib(rules, entry) : entry & SIM__BITS(31, 12);
}

/* Without PAT, PCD and PWT choose among the first four of its reset value. */
unsigned sim__mmu_memory_type(const struct sim__rules *rules, unsigned level,
                              uint64_t entry)
{
    bool has_pat = rules->machine->has_pat;
    uint64_t pat = has_pat ? rules->control.pat : SIM_MMU_PAT_RESET;
    unsigned pat_bit = level == 1 ? PAT_OF_PAGE : PAT_OF_LARGE;
    unsigned index = ((entry & SIM__ENTRY_PWT) != 0 ? 1 : 0) +
                     ((entry & SIM__ENTRY_PCD) != 0 ? 2 : 0);

    if (has_pat && (entry & SIM__BIT(pat_bit)) != 0)
        index += 4;
    return (unsigned)(pat >> (8 * index)) & 7;
}

bool sim__mmu_is_global(const struct sim__rules *rules, uint64_t entry)
{
    return rules->control.pge && (entry & SIM__ENTRY_G) != 0;
}

/* ---- Rights -------------------------------------------------------------- */

struct sim__rights sim__mmu_all_rights(void)
{
    return (struct sim__rights){true, true, true};
}

void sim__mmu_narrow(const struct sim__rules *rules, unsigned level,
                     uint64_t entry, struct sim__rights *rights)
{
    enum sim_mmu_mode mode = rules->machine->mode;

    if (sim__mmu_is_pdpte(mode, level))
        return;
    rights->writable = rights->writable && (entry & SIM__ENTRY_RW) != 0;
    rights->user = rights->user && (entry & SIM__ENTRY_US) != 0;
    if (mode != SIM_MMU_32BIT && rules->control.nxe)
        rights->executable = rights->executable && (entry & SIM__ENTRY_XD) == 0;
}

static bool is_supervisor_allowed(const struct sim__rules *rules,
                                  const struct sim__rights *rights,
                                  const struct sim_mmu_access *access)
{
    if (access->kind == SIM_MMU_FETCH)
        return rights->executable && !(rights->user && rules->control.smep);
    if (rights->user && rules->control.smap && !access->ac)
        return false;
    return access->kind == SIM_MMU_READ || rights->writable ||
           !rules->control.wp;
}

/* XD that was cached while NXE was on means nothing once it is off. */
bool sim__mmu_is_allowed(const struct sim__rules *rules,
                         const struct sim__rights *rights,
                         const struct sim_mmu_access *access)
{
    struct sim__rights now = *rights;

    now.executable = now.executable || !rules->control.nxe;
    if (!access->is_user)
        return is_supervisor_allowed(rules, &now, access);
    if (access->kind == SIM_MMU_FETCH)
        return now.user && now.executable;
    return now.user && (access->kind == SIM_MMU_READ || now.writable);
}

/* The bits that tell of the access.  NXE counts only where entries have XD. */
uint32_t sim__mmu_error_code(const struct sim__rules *rules,
                             const struct sim_mmu_access *access)
{
    bool has_xd = rules->machine->mode != SIM_MMU_32BIT && rules->control.nxe;
    uint32_t code = access->is_user ? SIM_MMU_ERROR_USER : 0;

    if (access->kind == SIM_MMU_WRITE)
        code |= SIM_MMU_ERROR_WRITE;
    if (access->kind == SIM_MMU_FETCH && (has_xd || rules->control.smep))
        code |= SIM_MMU_ERROR_FETCH;
    return code;
}
