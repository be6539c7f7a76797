/*
 * mmu_cache.c - simulated MMU: the CPUs, their TLBs and caches of references
 * to tables.
 *
 * HOW    Arrays of bounded size, searched from end to end.  A new entry takes
 *        an empty place, or that of a random one; nothing else leaves but by a
 *        removal.  Several entries for one address live side by side, of
 *        whatever age and size, since nothing checks against it.
 *
 * INVARIANTS
 *   U1   A structure entry is of a level above 1, and no PDPTE of PAE.
 *   U2   A global translation was made while PGE was on, and PGE still is.
 *   U3   A translation lies within the page that it came from.
 *
 * LOCKS  The lock of a CPU guards everything of it.  Never two at once.
 *
 * SOURCE Intel SDM vol. 3, chapter "Paging", section "Caching Translation
 *        Information".
 *
 * TESTS  tests/host/mmu_cache.c, tests/host/mmu_threads.c
 */
#include "sim/mmu_private.h"

#include <stdlib.h>
#include <string.h>

struct sim_mmu_machine sim__mmu_machine;

static struct sim__cpu cpus[SIM_CPUS] = {
    [0 ... SIM_CPUS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
};
static unsigned adversary_percent;

/* ---- CPUs ---------------------------------------------------------------- */

struct sim__cpu *sim__mmu_lock(unsigned cpu)
{
    if (cpu >= SIM_CPUS)
        abort();
    pthread_mutex_lock(&cpus[cpu].lock);
    return &cpus[cpu];
}

void sim__mmu_unlock(struct sim__cpu *cpu)
{
    pthread_mutex_unlock(&cpu->lock);
}

void sim__mmu_start_cpu(unsigned cpu, uint64_t seed,
                        const struct sim_mmu_control *control)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);

    it->rules.machine = &sim__mmu_machine;
    it->rules.control = *control;
    it->has_root = false;
    it->cr3 = 0;
    memset(it->pdptes, 0, sizeof(it->pdptes));
    it->random = (seed + 1) * 0x9e3779b97f4a7c15u + cpu + 1;
    sim__mmu_remove_all(it);
    sim__mmu_unlock(it);
}

/* PCID 0 is what everything is cached for while there are none. */
uint16_t sim__mmu_pcid(const struct sim__cpu *cpu)
{
    return cpu->rules.control.pcide ? (uint16_t)(cpu->cr3 & 0xfff) : 0;
}

/* ---- Chance -------------------------------------------------------------- */

/* splitmix64, by S. Vigna after G. Steele, D. Lea and C. Flood (2014). */
uint64_t sim__mmu_random_below(struct sim__cpu *cpu, uint64_t limit)
{
    uint64_t value = cpu->random += 0x9e3779b97f4a7c15u;

    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return (value ^ (value >> 31)) % limit;
}

void sim_mmu_set_adversary(unsigned percent)
{
    __atomic_store_n(&adversary_percent, percent, __ATOMIC_RELAXED);
}

bool sim__mmu_is_adverse(void)
{
    return __atomic_load_n(&adversary_percent, __ATOMIC_RELAXED) > 0;
}

bool sim__mmu_strikes(struct sim__cpu *cpu)
{
    unsigned percent = __atomic_load_n(&adversary_percent, __ATOMIC_RELAXED);

    return percent > 0 && sim__mmu_random_below(cpu, 100) < percent;
}

/* ---- Entries ------------------------------------------------------------- */

bool sim__mmu_covers(const struct sim__translation *entry, uint64_t va)
{
    return entry->bytes != 0 && va - entry->va < entry->bytes;
}

bool sim__mmu_leads_to(const struct sim__cpu *cpu,
                       const struct sim__structure *entry, uint64_t va)
{
    enum sim_mmu_mode mode = cpu->rules.machine->mode;

    return entry->level != 0 &&
           va - entry->va < sim__mmu_span(mode, entry->level);
}

static bool are_rights_equal(const struct sim__rights *a,
                             const struct sim__rights *b)
{
    return a->writable == b->writable && a->user == b->user &&
           a->executable == b->executable;
}

static bool are_translations_equal(const struct sim__translation *a,
                                   const struct sim__translation *b)
{
    return a->va == b->va && a->bytes == b->bytes && a->phys == b->phys &&
           a->page_bytes == b->page_bytes &&
           are_rights_equal(&a->rights, &b->rights) &&
           a->is_global == b->is_global && a->is_dirty == b->is_dirty &&
           a->memory_type == b->memory_type && a->pcid == b->pcid;
}

static bool are_structures_equal(const struct sim__structure *a,
                                 const struct sim__structure *b)
{
    return a->level == b->level && a->va == b->va && a->table == b->table &&
           are_rights_equal(&a->rights, &b->rights) && a->pcid == b->pcid;
}

/* ---- Keeping ------------------------------------------------------------- */

void sim__mmu_keep_translation(struct sim__cpu *cpu,
                               const struct sim__translation *entry)
{
    size_t place = (size_t)sim__mmu_random_below(cpu, SIM__TRANSLATIONS);

    for (size_t i = SIM__TRANSLATIONS; i > 0; i--) {
        if (are_translations_equal(&cpu->translations[i - 1], entry))
            return;
        if (cpu->translations[i - 1].bytes == 0)
            place = i - 1;
    }
    cpu->translations[place] = *entry;
}

void sim__mmu_keep_structure(struct sim__cpu *cpu,
                             const struct sim__structure *entry)
{
    size_t place = (size_t)sim__mmu_random_below(cpu, SIM__STRUCTURES);

    for (size_t i = SIM__STRUCTURES; i > 0; i--) {
        if (are_structures_equal(&cpu->structures[i - 1], entry))
            return;
        if (cpu->structures[i - 1].level == 0)
            place = i - 1;
    }
    cpu->structures[place] = *entry;
}

/* ---- Removing ------------------------------------------------------------ */

/*
 * Pages are aligned to their size.  A page is removed with all its pieces,
 * unless a fault asks for less.
 */
static bool is_at(const struct sim__translation *entry,
                  const struct sim__removal *what)
{
    uint64_t bytes = what->only_pieces ? entry->bytes : entry->page_bytes;

    return what->all_addresses || (entry->va ^ what->va) < bytes;
}

static bool is_of(const struct sim__translation *entry,
                  const struct sim__removal *what)
{
    if (entry->is_global)
        return what->with_global;
    return what->all_pcids || entry->pcid == what->pcid;
}

void sim__mmu_remove_translations(struct sim__cpu *cpu,
                                  const struct sim__removal *what)
{
    for (size_t i = 0; i < SIM__TRANSLATIONS; i++) {
        struct sim__translation *entry = &cpu->translations[i];

        if (is_at(entry, what) && is_of(entry, what))
            entry->bytes = 0;
    }
}

void sim__mmu_remove_structures(struct sim__cpu *cpu,
                                const struct sim__removal *what)
{
    for (size_t i = 0; i < SIM__STRUCTURES; i++) {
        struct sim__structure *entry = &cpu->structures[i];

        if ((what->all_pcids || entry->pcid == what->pcid) &&
            (what->all_addresses || sim__mmu_leads_to(cpu, entry, what->va)))
            entry->level = 0;
    }
}

void sim__mmu_remove_all(struct sim__cpu *cpu)
{
    const struct sim__removal everything = {
        .all_pcids = true, .with_global = true, .all_addresses = true};

    sim__mmu_remove_translations(cpu, &everything);
    sim__mmu_remove_structures(cpu, &everything);
}

/* ---- Questions ----------------------------------------------------------- */

bool sim_mmu_cached(unsigned cpu, uint64_t va)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);
    bool is_cached = false;

    for (size_t i = 0; i < SIM__TRANSLATIONS; i++)
        is_cached = is_cached || sim__mmu_covers(&it->translations[i], va);
    sim__mmu_unlock(it);
    return is_cached;
}

bool sim_mmu_cached_table(unsigned cpu, uint64_t va)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);
    bool is_cached = false;

    for (size_t i = 0; i < SIM__STRUCTURES; i++)
        is_cached = is_cached || sim__mmu_leads_to(it, &it->structures[i], va);
    sim__mmu_unlock(it);
    return is_cached;
}

/* Can the CPU go that way without loading another PCID first? */
static bool is_open(const struct sim__cpu *cpu, const struct sim_mmu_reach *way)
{
    return way->is_global || way->pcid == sim__mmu_pcid(cpu);
}

static bool is_within(const struct sim_mmu_reach *way, uint64_t start,
                      uint64_t bytes)
{
    return way->phys < start + bytes && start < way->phys + way->bytes;
}

static bool is_reached_by_registers(const struct sim__cpu *cpu, uint64_t start,
                                    uint64_t bytes, struct sim_mmu_reach *who)
{
    enum sim_mmu_mode mode = cpu->rules.machine->mode;
    bool is_pae = mode == SIM_MMU_PAE;

    if (!cpu->has_root)
        return false;
    *who = (struct sim_mmu_reach){.holder = SIM_MMU_ROOT,
                                  .phys = sim__mmu_root(mode, cpu->cr3),
                                  .bytes = is_pae ? 32 : SIM__PAGE,
                                  .pcid = sim__mmu_pcid(cpu)};
    if (is_within(who, start, bytes))
        return true;
    for (size_t i = 0; is_pae && i < SIM__PDPTES; i++) {
        *who = (struct sim_mmu_reach){
            .holder = SIM_MMU_PDPTE,
            .va = i << 30,
            .phys = sim__mmu_target(&cpu->rules, 3, cpu->pdptes[i]),
            .bytes = SIM__PAGE};
        if ((cpu->pdptes[i] & SIM__ENTRY_P) != 0 &&
            is_within(who, start, bytes))
            return true;
    }
    return false;
}

static bool is_reached_by_structures(const struct sim__cpu *cpu, uint64_t start,
                                     uint64_t bytes, bool only_open,
                                     struct sim_mmu_reach *who)
{
    for (size_t i = 0; i < SIM__STRUCTURES; i++) {
        const struct sim__structure *entry = &cpu->structures[i];

        *who = (struct sim_mmu_reach){.holder = SIM_MMU_STRUCTURE,
                                      .va = entry->va,
                                      .phys = entry->table,
                                      .bytes = SIM__PAGE,
                                      .pcid = entry->pcid};
        if (entry->level != 0 && is_within(who, start, bytes) &&
            (!only_open || is_open(cpu, who)))
            return true;
    }
    return false;
}

static bool is_reached_by_translations(const struct sim__cpu *cpu,
                                       uint64_t start, uint64_t bytes,
                                       bool only_open,
                                       struct sim_mmu_reach *who)
{
    for (size_t i = 0; i < SIM__TRANSLATIONS; i++) {
        const struct sim__translation *entry = &cpu->translations[i];

        *who = (struct sim_mmu_reach){.holder = SIM_MMU_TRANSLATION,
                                      .va = entry->va,
                                      .phys = entry->phys,
                                      .bytes = entry->bytes,
                                      .pcid = entry->pcid,
                                      .is_global = entry->is_global};
        if (entry->bytes != 0 && is_within(who, start, bytes) &&
            (!only_open || is_open(cpu, who)))
            return true;
    }
    return false;
}

static bool is_reached(uint64_t start, uint64_t bytes, bool only_open,
                       struct sim_mmu_reach *who)
{
    struct sim_mmu_reach way;

    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++) {
        struct sim__cpu *it = sim__mmu_lock(cpu);
        bool is_it =
            is_reached_by_registers(it, start, bytes, &way) ||
            is_reached_by_structures(it, start, bytes, only_open, &way) ||
            is_reached_by_translations(it, start, bytes, only_open, &way);

        sim__mmu_unlock(it);
        way.cpu = cpu;
        if (is_it && who != NULL)
            *who = way;
        if (is_it)
            return true;
    }
    return false;
}

bool sim_mmu_can_reach(uint64_t start, uint64_t bytes,
                       struct sim_mmu_reach *who)
{
    return is_reached(start, bytes, false, who);
}

bool sim_mmu_can_use(uint64_t start, uint64_t bytes, struct sim_mmu_reach *who)
{
    return is_reached(start, bytes, true, who);
}
