/*
 * mmu_walk.c - simulated MMU: a walk through the tables, for a CPU.
 *
 * HOW    A walk begins at the root, or at any cached reference to a table that
 *        leads to the address, with the rights that were cached with it.  At
 *        each level, the entry is read once; it must be present and without
 *        reserved bits; its rights narrow what is allowed; A is set by
 *        compare-and-exchange in what was read, and only then the entry is
 *        cached.  If the entry is another by then, the walk begins again.
 *        Not present wins over rights, which are looked at when the leaf is
 *        reached.  D is set together with A in the leaf of a permitted write,
 *        never by speculation.
 *
 *        Faults at a lower level leave A set above: the entries were used.
 *
 * SOURCE Intel SDM vol. 3, chapter "Paging", sections "Accessed and Dirty
 *        Flags", "Using the Paging-Structure Caches to Translate Linear
 *        Addresses", "Details of TLB Use" (several entries for a large page).
 *
 * TESTS  tests/host/mmu_faults.c, tests/host/mmu_cache.c
 */
#include "sim/mmu_private.h"

struct walk {
    uint64_t va;
    const struct sim_mmu_access *access; /* NULL: speculation */
    unsigned level;
    uint64_t table; /* of that level */
    struct sim__rights rights;
};

static enum sim_mmu_mode mode_of(const struct sim__cpu *cpu)
{
    return cpu->rules.machine->mode;
}

/* ---- Where to begin ------------------------------------------------------ */

/*
 * Which cached reference to begin with: SIM__STRUCTURES for none.  An adverse
 * CPU takes any, or the root; another one any of the lowest.
 */
static size_t choose_structure(struct sim__cpu *cpu, uint64_t va)
{
    bool is_adverse = sim__mmu_is_adverse();
    size_t chosen = SIM__STRUCTURES;
    uint64_t matching = is_adverse ? 1 : 0;
    unsigned lowest = SIM__LEVELS_MAX + 1;

    for (size_t i = 0; i < SIM__STRUCTURES; i++) {
        const struct sim__structure *entry = &cpu->structures[i];

        if (!sim__mmu_leads_to(cpu, entry, va) ||
            entry->pcid != sim__mmu_pcid(cpu) ||
            (!is_adverse && entry->level > lowest))
            continue;
        if (!is_adverse && entry->level < lowest)
            matching = 0;
        lowest = entry->level;
        if (sim__mmu_random_below(cpu, ++matching) == 0)
            chosen = i;
    }
    return chosen;
}

/* In PAE mode, the first step was done by MOV to CR3. */
static enum sim__outcome begin_at_root(const struct sim__cpu *cpu,
                                       struct walk *walk)
{
    enum sim_mmu_mode mode = mode_of(cpu);
    uint64_t pdpte;

    walk->level = sim__mmu_levels(mode);
    walk->table = sim__mmu_root(mode, cpu->cr3);
    walk->rights = sim__mmu_all_rights();
    if (!sim__mmu_is_pdpte(mode, walk->level))
        return SIM__GO_ON;
    pdpte = cpu->pdptes[sim__mmu_index(mode, walk->level, walk->va)];
    if ((pdpte & SIM__ENTRY_P) == 0)
        return SIM__NOT_PRESENT;
    walk->table = sim__mmu_target(&cpu->rules, walk->level, pdpte);
    walk->level--;
    return SIM__GO_ON;
}

static enum sim__outcome begin(struct sim__cpu *cpu, struct walk *walk)
{
    size_t chosen = choose_structure(cpu, walk->va);
    const struct sim__structure *from = &cpu->structures[chosen];

    if (chosen == SIM__STRUCTURES)
        return begin_at_root(cpu, walk);
    walk->level = from->level - 1;
    walk->table = from->table;
    walk->rights = from->rights;
    return SIM__GO_ON;
}

/* ---- Tables -------------------------------------------------------------- */

static uint64_t round_down(uint64_t value, uint64_t bytes)
{
    return value & ~(bytes - 1);
}

static enum sim__outcome follow(struct sim__cpu *cpu, struct walk *walk,
                                uint64_t at, uint64_t entry)
{
    struct sim__structure structure = {.level = walk->level,
                                       .rights = walk->rights,
                                       .pcid = sim__mmu_pcid(cpu)};

    if (!sim__mmu_set_bits(mode_of(cpu), at, entry, SIM__ENTRY_A))
        return SIM__CHANGED;
    structure.va =
        round_down(walk->va, sim__mmu_span(mode_of(cpu), walk->level));
    structure.table = sim__mmu_target(&cpu->rules, walk->level, entry);
    sim__mmu_keep_structure(cpu, &structure);
    walk->table = structure.table;
    walk->level--;
    return SIM__GO_ON;
}

/* ---- Leaves -------------------------------------------------------------- */

/* A large page may be cached in pieces of any smaller size. */
static uint64_t choose_bytes(struct sim__cpu *cpu, unsigned level)
{
    if (sim__mmu_is_adverse() && sim__mmu_random_below(cpu, 2) == 0)
        level = 1 + (unsigned)sim__mmu_random_below(cpu, level);
    return sim__mmu_span(mode_of(cpu), level);
}

static void make_translation(struct sim__cpu *cpu, const struct walk *walk,
                             uint64_t entry, struct sim__translation *out)
{
    const struct sim__rules *rules = &cpu->rules;

    out->page_bytes = sim__mmu_span(mode_of(cpu), walk->level);
    out->bytes = choose_bytes(cpu, walk->level);
    out->va = round_down(walk->va, out->bytes);
    out->phys = sim__mmu_target(rules, walk->level, entry) +
                (out->va & (out->page_bytes - 1));
    out->rights = walk->rights;
    out->is_global = sim__mmu_is_global(rules, entry);
    out->is_dirty = (entry & SIM__ENTRY_D) != 0;
    out->memory_type = sim__mmu_memory_type(rules, walk->level, entry);
    out->pcid = sim__mmu_pcid(cpu);
}

static enum sim__outcome finish(struct sim__cpu *cpu, const struct walk *walk,
                                uint64_t at, uint64_t entry,
                                struct sim__translation *out)
{
    const struct sim_mmu_access *access = walk->access;
    uint64_t bits = SIM__ENTRY_A;

    if (access != NULL &&
        !sim__mmu_is_allowed(&cpu->rules, &walk->rights, access))
        return SIM__DENIED;
    if (access != NULL && access->kind == SIM_MMU_WRITE)
        bits |= SIM__ENTRY_D;
    if (!sim__mmu_set_bits(mode_of(cpu), at, entry, bits))
        return SIM__CHANGED;
    make_translation(cpu, walk, entry | bits, out);
    sim__mmu_keep_translation(cpu, out);
    return SIM__FOUND;
}

/* ---- The walk ------------------------------------------------------------ */

static enum sim__outcome step(struct sim__cpu *cpu, struct walk *walk,
                              struct sim__translation *out)
{
    enum sim_mmu_mode mode = mode_of(cpu);
    uint64_t at = walk->table + sim__mmu_entry_bytes(mode) *
                                    sim__mmu_index(mode, walk->level, walk->va);
    uint64_t entry = sim__mmu_walk_load(mode, at);

    if ((entry & SIM__ENTRY_P) == 0)
        return SIM__NOT_PRESENT;
    if (sim__mmu_reserved(&cpu->rules, walk->level, entry) != 0)
        return SIM__RESERVED;
    sim__mmu_narrow(&cpu->rules, walk->level, entry, &walk->rights);
    if (sim__mmu_is_leaf(&cpu->rules, walk->level, entry))
        return finish(cpu, walk, at, entry, out);
    return follow(cpu, walk, at, entry);
}

enum sim__outcome sim__mmu_walk(struct sim__cpu *cpu, uint64_t va,
                                const struct sim_mmu_access *access,
                                struct sim__translation *out)
{
    struct walk walk = {.va = va, .access = access};
    enum sim__outcome outcome;

    do {
        outcome = begin(cpu, &walk);
        while (outcome == SIM__GO_ON)
            outcome = step(cpu, &walk, out);
    } while (outcome == SIM__CHANGED);
    return outcome;
}
