/*
 * mmu.c - simulated MMU: instructions, accesses, speculation.
 *
 * HOW    An access is answered by any translation that matches, at random; an
 *        adverse CPU may also pass over all of them and walk.  A fault may come
 *        from a stale entry; it removes what is cached for the address, so that
 *        it does not come again unless the tables say so.
 *
 *        Where the manual gives a choice, the weakest flush is taken: INVPCID
 *        of one address keeps references to tables that do not lead there, a
 *        fault keeps other pieces of a large page, and SMEP going on keeps
 *        global pages.
 *
 * LOCKS  Each function takes the lock of its CPU, and no other.
 *
 * SOURCE Intel SDM vol. 3, chapter "Paging", sections "Operations that
 *        Invalidate TLBs and Paging-Structure Caches", "PDPTE Registers",
 *        "Page-Fault Exceptions"; chapter "Memory Cache Control", section
 *        "Invalidating the Translation Lookaside Buffers" (CR4.PSE); vol. 2,
 *        INVLPG, INVPCID, MOV to control registers.
 *
 * TESTS  tests/host/mmu_*.c
 */
#include "sim/mmu_private.h"

#include <stdlib.h>

#define RECENT 16

/* Addresses that any CPU has used or flushed; where speculation begins. */
static uint64_t recent[RECENT];
static unsigned recent_next;

static enum sim_mmu_mode mode_of(const struct sim__cpu *cpu)
{
    return cpu->rules.machine->mode;
}

static void note_recent(uint64_t va)
{
    unsigned place = __atomic_fetch_add(&recent_next, 1, __ATOMIC_RELAXED);

    __atomic_store_n(&recent[place % RECENT], va, __ATOMIC_RELAXED);
}

/* ---- Control registers --------------------------------------------------- */

static struct sim_mmu_control everything_on(const struct sim_mmu_machine *has)
{
    return (struct sim_mmu_control){
        .wp = true,
        .nxe = has->has_nx,
        .smep = has->has_smep,
        .smap = has->has_smap,
        .pge = has->has_pge,
        .pse = has->has_pse,
        .pcide = has->has_pcid,
        .pat = SIM_MMU_PAT_RESET,
    };
}

/* The toy mode counts as a 64-bit mode. */
static bool is_64bit(enum sim_mmu_mode mode)
{
    return mode != SIM_MMU_PAE && mode != SIM_MMU_32BIT;
}

void sim_mmu_reset(const struct sim_mmu_machine *machine, uint64_t seed)
{
    struct sim_mmu_control control = everything_on(machine);

    if (machine->phys_bits > 52)
        abort();
    sim__mmu_machine = *machine;
    control.pcide = control.pcide && is_64bit(machine->mode);
    for (unsigned i = 0; i < RECENT; i++)
        __atomic_store_n(&recent[i], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&recent_next, 0, __ATOMIC_RELAXED);
    sim_mmu_set_adversary(0);
    sim__mmu_forget_wild_reads();
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
        sim__mmu_start_cpu(cpu, seed, &control);
}

/* A reserved encoding in the PAT is #GP too. */
static bool is_pat_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++, pat >>= 8) {
        if ((pat & 0xff) > SIM_MMU_UC_MINUS || (pat & 0xff) == 2 ||
            (pat & 0xff) == 3)
            return false;
    }
    return true;
}

static bool has_all(const struct sim_mmu_machine *machine,
                    const struct sim_mmu_control *control)
{
    return (machine->has_nx || !control->nxe) &&
           (machine->has_smep || !control->smep) &&
           (machine->has_smap || !control->smap) &&
           (machine->has_pge || !control->pge) &&
           (machine->has_pse || !control->pse) &&
           (machine->has_pcid || !control->pcide) &&
           (machine->has_pat || control->pat == SIM_MMU_PAT_RESET) &&
           is_pat_valid(control->pat);
}

/* PCIDs begin in a 64-bit mode with PCID 0 loaded. */
static bool may_have_pcids(const struct sim__cpu *cpu)
{
    return is_64bit(mode_of(cpu)) &&
           (cpu->rules.control.pcide || (cpu->cr3 & 0xfff) == 0);
}

/* Read the PDPTEs that `cr3` says; false: one of them is bad. */
static bool load_pdptes(struct sim__cpu *cpu, uint64_t cr3)
{
    uint64_t root = sim__mmu_root(SIM_MMU_PAE, cr3);
    uint64_t pdptes[SIM__PDPTES];

    if (mode_of(cpu) != SIM_MMU_PAE)
        return true;
    for (unsigned i = 0; i < SIM__PDPTES; i++) {
        pdptes[i] = sim__mmu_load(SIM_MMU_PAE, root + (uint64_t)8 * i);
        if ((pdptes[i] & SIM__ENTRY_P) != 0 &&
            sim__mmu_reserved(&cpu->rules, 3, pdptes[i]) != 0)
            return false;
    }
    for (unsigned i = 0; i < SIM__PDPTES; i++)
        cpu->pdptes[i] = pdptes[i];
    return true;
}

static bool load_pdptes_again(struct sim__cpu *cpu)
{
    return !cpu->has_root || load_pdptes(cpu, cpu->cr3);
}

/* What is of the current PCID, but for global pages. */
static void remove_current(struct sim__cpu *cpu)
{
    const struct sim__removal what = {.pcid = sim__mmu_pcid(cpu),
                                      .all_addresses = true};

    sim__mmu_remove_translations(cpu, &what);
    sim__mmu_remove_structures(cpu, &what);
}

static bool change_control(struct sim__cpu *cpu,
                           const struct sim_mmu_control *to)
{
    const struct sim_mmu_control from = cpu->rules.control;
    bool changes_size = from.pge != to->pge || from.pse != to->pse;

    if (!has_all(cpu->rules.machine, to) || (to->pcide && !may_have_pcids(cpu)))
        return false;
    if ((changes_size || from.smep != to->smep) && !load_pdptes_again(cpu))
        return false;
    if (changes_size || (from.pcide && !to->pcide))
        sim__mmu_remove_all(cpu);
    else if (!from.smep && to->smep)
        remove_current(cpu);
    cpu->rules.control = *to;
    return true;
}

bool sim_mmu_set_control(unsigned cpu, const struct sim_mmu_control *control)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);
    bool is_ok = change_control(it, control);

    sim__mmu_unlock(it);
    return is_ok;
}

void sim_mmu_get_control(unsigned cpu, struct sim_mmu_control *control)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);

    *control = it->rules.control;
    sim__mmu_unlock(it);
}

/* ---- The root ------------------------------------------------------------ */

/* Outside of 64-bit modes, CR3 has 32 bits. */
static bool is_cr3_valid(const struct sim__cpu *cpu, uint64_t cr3)
{
    if (!is_64bit(mode_of(cpu)))
        return cr3 <= UINT32_MAX;
    if (cpu->rules.control.pcide)
        cr3 &= ~SIM__BIT(63);
    return cr3 >> cpu->rules.machine->phys_bits == 0;
}

static bool load_root(struct sim__cpu *cpu, uint64_t cr3)
{
    bool keeps = cpu->rules.control.pcide && (cr3 & SIM__BIT(63)) != 0;

    if (!is_cr3_valid(cpu, cr3) || !load_pdptes(cpu, cr3))
        return false;
    cpu->cr3 = cr3 & ~SIM__BIT(63);
    cpu->has_root = true;
    if (!keeps)
        remove_current(cpu);
    return true;
}

bool sim_mmu_load_root(unsigned cpu, uint64_t cr3)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);
    bool is_ok = load_root(it, cr3);

    sim__mmu_unlock(it);
    return is_ok;
}

/* ---- Flushes ------------------------------------------------------------- */

void sim_mmu_invlpg(unsigned cpu, uint64_t va)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);
    const struct sim__removal page = {
        .pcid = sim__mmu_pcid(it), .with_global = true, .va = va};
    const struct sim__removal tables = {.pcid = sim__mmu_pcid(it),
                                        .all_addresses = true};

    if (sim__mmu_is_canonical(mode_of(it), va)) {
        note_recent(va);
        sim__mmu_remove_translations(it, &page);
        sim__mmu_remove_structures(it, &tables);
    }
    sim__mmu_unlock(it);
}

static bool invpcid(struct sim__cpu *cpu, unsigned type, uint16_t pcid,
                    uint64_t va)
{
    const struct sim__removal what = {.all_pcids = type >= 2,
                                      .pcid = pcid,
                                      .with_global = type == 2,
                                      .all_addresses = type > 0,
                                      .va = va};

    if (type > 3 || pcid > 0xfff ||
        (type < 2 && pcid != 0 && !cpu->rules.control.pcide) ||
        (type == 0 && !sim__mmu_is_canonical(mode_of(cpu), va)))
        return false;
    if (type == 0)
        note_recent(va);
    sim__mmu_remove_translations(cpu, &what);
    sim__mmu_remove_structures(cpu, &what);
    return true;
}

bool sim_mmu_invpcid(unsigned cpu, unsigned type, uint16_t pcid, uint64_t va)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);
    bool is_ok = invpcid(it, type, pcid, va);

    sim__mmu_unlock(it);
    return is_ok;
}

bool sim_mmu_flush_all(unsigned cpu)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);
    bool is_ok = load_pdptes_again(it);

    if (is_ok)
        sim__mmu_remove_all(it);
    sim__mmu_unlock(it);
    return is_ok;
}

/* ---- Speculation --------------------------------------------------------- */

static void speculate(struct sim__cpu *cpu, uint64_t va)
{
    struct sim__translation found;

    if (cpu->has_root && sim__mmu_is_canonical(mode_of(cpu), va))
        (void)sim__mmu_walk(cpu, va, NULL, &found);
}

void sim_mmu_speculate(unsigned cpu, uint64_t va)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);

    speculate(it, va);
    sim__mmu_unlock(it);
}

/* Up to four entries of any one level away from an address in use. */
static uint64_t guess(struct sim__cpu *cpu)
{
    enum sim_mmu_mode mode = mode_of(cpu);
    uint64_t place = sim__mmu_random_below(cpu, RECENT);
    uint64_t va = __atomic_load_n(&recent[place], __ATOMIC_RELAXED);
    unsigned level =
        1 + (unsigned)sim__mmu_random_below(cpu, sim__mmu_levels(mode));
    uint64_t distance = sim__mmu_random_below(cpu, 9) - 4;

    return sim__mmu_make_canonical(mode,
                                   va + distance * sim__mmu_span(mode, level));
}

static void pass_time(struct sim__cpu *cpu)
{
    if (sim__mmu_strikes(cpu))
        speculate(cpu, guess(cpu));
}

void sim_mmu_tick(unsigned cpu)
{
    struct sim__cpu *it;

    if (!sim__mmu_is_adverse())
        return;
    it = sim__mmu_lock(cpu);
    pass_time(it);
    sim__mmu_unlock(it);
}

/* ---- Accesses ------------------------------------------------------------ */

/* Any translation that matches; an adverse CPU may take none; NULL: none. */
static const struct sim__translation *choose_translation(struct sim__cpu *cpu,
                                                         uint64_t va)
{
    const struct sim__translation *chosen = NULL;
    uint64_t matching = sim__mmu_is_adverse() ? 1 : 0;

    for (size_t i = 0; i < SIM__TRANSLATIONS; i++) {
        const struct sim__translation *entry = &cpu->translations[i];

        if (sim__mmu_covers(entry, va) &&
            (entry->is_global || entry->pcid == sim__mmu_pcid(cpu)) &&
            sim__mmu_random_below(cpu, ++matching) == 0)
            chosen = entry;
    }
    return chosen;
}

static void answer(const struct sim__translation *entry, uint64_t va,
                   struct sim_mmu_result *out)
{
    *out = (struct sim_mmu_result){.is_ok = true,
                                   .phys = entry->phys + (va - entry->va),
                                   .memory_type = entry->memory_type,
                                   .page_bytes = entry->bytes};
}

static void fault(struct sim__cpu *cpu, const struct sim_mmu_access *access,
                  uint32_t reason, struct sim_mmu_result *out)
{
    const struct sim__removal what = {.pcid = sim__mmu_pcid(cpu),
                                      .with_global = true,
                                      .va = access->va,
                                      .only_pieces = true};

    sim__mmu_remove_translations(cpu, &what);
    sim__mmu_remove_structures(cpu, &what);
    *out = (struct sim_mmu_result){
        .error_code = reason | sim__mmu_error_code(&cpu->rules, access)};
}

static void walk(struct sim__cpu *cpu, const struct sim_mmu_access *access,
                 struct sim_mmu_result *out)
{
    struct sim__translation found;

    switch (sim__mmu_walk(cpu, access->va, access, &found)) {
    case SIM__FOUND:
        answer(&found, access->va, out);
        break;
    case SIM__NOT_PRESENT:
        fault(cpu, access, 0, out);
        break;
    case SIM__RESERVED:
        fault(cpu, access, SIM_MMU_ERROR_PRESENT | SIM_MMU_ERROR_RESERVED, out);
        break;
    default:
        fault(cpu, access, SIM_MMU_ERROR_PRESENT, out);
        break;
    }
}

/* A write through a translation that is not dirty walks, to set D. */
static void translate(struct sim__cpu *cpu, const struct sim_mmu_access *access,
                      struct sim_mmu_result *out)
{
    const struct sim__translation *hit;

    if (!sim__mmu_is_canonical(mode_of(cpu), access->va)) {
        *out = (struct sim_mmu_result){.is_gp = true};
        return;
    }
    note_recent(access->va);
    pass_time(cpu);
    hit = choose_translation(cpu, access->va);
    if (hit == NULL)
        walk(cpu, access, out);
    else if (!sim__mmu_is_allowed(&cpu->rules, &hit->rights, access))
        fault(cpu, access, SIM_MMU_ERROR_PRESENT, out);
    else if (access->kind == SIM_MMU_WRITE && !hit->is_dirty)
        walk(cpu, access, out);
    else
        answer(hit, access->va, out);
}

void sim_mmu_access(unsigned cpu, const struct sim_mmu_access *access,
                    struct sim_mmu_result *out)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);

    translate(it, access, out);
    sim__mmu_unlock(it);
}

/* ---- Moving bytes -------------------------------------------------------- */

/* Within one page.  Locked, so that no flush comes in between. */
static bool move_in_page(unsigned cpu, const struct sim_mmu_access *access,
                         unsigned char *buffer, size_t bytes,
                         struct sim_mmu_result *out)
{
    struct sim__cpu *it = sim__mmu_lock(cpu);

    translate(it, access, out);
    if (out->is_ok && access->kind == SIM_MMU_WRITE)
        sim__mmu_store_bytes(out->phys, buffer, bytes);
    else if (out->is_ok)
        sim__mmu_fetch_bytes(out->phys, buffer, bytes);
    sim__mmu_unlock(it);
    return out->is_ok;
}

bool sim_mmu_move(unsigned cpu, const struct sim_mmu_access *access,
                  void *buffer, size_t bytes, struct sim_mmu_result *fault)
{
    struct sim_mmu_access now = *access;
    struct sim_mmu_result result;
    unsigned char *at = buffer;

    while (bytes > 0) {
        uint64_t left = SIM__PAGE - now.va % SIM__PAGE;
        size_t part = left < bytes ? (size_t)left : bytes;

        if (!move_in_page(cpu, &now, at, part, &result)) {
            if (fault != NULL)
                *fault = result;
            return false;
        }
        now.va += part;
        at += part;
        bytes -= part;
    }
    return true;
}

bool sim_mmu_read(unsigned cpu, uint64_t va, void *buffer, size_t bytes,
                  struct sim_mmu_result *fault)
{
    const struct sim_mmu_access access = {
        .va = va, .kind = SIM_MMU_READ, .ac = true};

    return sim_mmu_move(cpu, &access, buffer, bytes, fault);
}

/* A move with SIM_MMU_WRITE only reads the buffer. */
bool sim_mmu_write(unsigned cpu, uint64_t va, const void *buffer, size_t bytes,
                   struct sim_mmu_result *fault)
{
    const struct sim_mmu_access access = {
        .va = va, .kind = SIM_MMU_WRITE, .ac = true};

    return sim_mmu_move(cpu, &access, (void *)(uintptr_t)buffer, bytes, fault);
}
