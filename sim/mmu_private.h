/*
 * mmu_private.h - shared by the files of the simulated MMU.
 */
#ifndef SIM_MMU_PRIVATE_H
#define SIM_MMU_PRIVATE_H

#include "sim/mmu.h"
#include "sim/platform.h"

#include <pthread.h>

#define SIM__PAGE            ((uint64_t)4096)
#define SIM__LEVELS_MAX      5
#define SIM__TRANSLATIONS    64
#define SIM__STRUCTURES      32
#define SIM__PDPTES          4
#define SIM__BIT(number)     ((uint64_t)1 << (number))
#define SIM__BITS(high, low) (SIM__BIT(high) - SIM__BIT(low) + SIM__BIT(high))

#define SIM__ENTRY_P   SIM__BIT(0)
#define SIM__ENTRY_RW  SIM__BIT(1)
#define SIM__ENTRY_US  SIM__BIT(2)
#define SIM__ENTRY_PWT SIM__BIT(3)
#define SIM__ENTRY_PCD SIM__BIT(4)
#define SIM__ENTRY_A   SIM__BIT(5)
#define SIM__ENTRY_D   SIM__BIT(6)
#define SIM__ENTRY_PS  SIM__BIT(7)
#define SIM__ENTRY_G   SIM__BIT(8)
#define SIM__ENTRY_XD  SIM__BIT(63)

/* ---- Formats (mmu_format.c) ---------------------------------------------- */

/* What an entry means depends on the machine and on control bits. */
struct sim__rules {
    const struct sim_mmu_machine *machine;
    struct sim_mmu_control control;
};

/* What all levels so far allow. */
struct sim__rights {
    bool writable;
    bool user;
    bool executable;
};

/* Levels are counted from the leaves: 1 is a table of pages. */
unsigned sim__mmu_levels(enum sim_mmu_mode mode);
unsigned sim__mmu_entry_bytes(enum sim_mmu_mode mode);
unsigned sim__mmu_shift(enum sim_mmu_mode mode, unsigned level);
uint64_t sim__mmu_entries(enum sim_mmu_mode mode, unsigned level);
uint64_t sim__mmu_index(enum sim_mmu_mode mode, unsigned level, uint64_t va);
bool sim__mmu_is_canonical(enum sim_mmu_mode mode, uint64_t va);
uint64_t sim__mmu_make_canonical(enum sim_mmu_mode mode, uint64_t va);

/* What one entry of that level maps, or can refer to. */
static inline uint64_t sim__mmu_span(enum sim_mmu_mode mode, unsigned level)
{
    return SIM__BIT(sim__mmu_shift(mode, level));
}

/* The PDPTE of PAE is a register, and has no rights. */
static inline bool sim__mmu_is_pdpte(enum sim_mmu_mode mode, unsigned level)
{
    return mode == SIM_MMU_PAE && level == 3;
}

/* Where the table lies that CR3 says. */
uint64_t sim__mmu_root(enum sim_mmu_mode mode, uint64_t cr3);

bool sim__mmu_is_leaf(const struct sim__rules *rules, unsigned level,
                      uint64_t entry);
/* The reserved bits that are set in a present entry. */
uint64_t sim__mmu_reserved(const struct sim__rules *rules, unsigned level,
                           uint64_t entry);
/* The table it refers to, or the beginning of the page. */
uint64_t sim__mmu_target(const struct sim__rules *rules, unsigned level,
                         uint64_t entry);
unsigned sim__mmu_memory_type(const struct sim__rules *rules, unsigned level,
                              uint64_t entry);
bool sim__mmu_is_global(const struct sim__rules *rules, uint64_t entry);
struct sim__rights sim__mmu_all_rights(void);
void sim__mmu_narrow(const struct sim__rules *rules, unsigned level,
                     uint64_t entry, struct sim__rights *rights);
bool sim__mmu_is_allowed(const struct sim__rules *rules,
                         const struct sim__rights *rights,
                         const struct sim_mmu_access *access);
uint32_t sim__mmu_error_code(const struct sim__rules *rules,
                             const struct sim_mmu_access *access);

/* ---- Entries in memory (mmu_memory.c) ------------------------------------ */

/* All ones where there is no RAM. */
uint64_t sim__mmu_load(enum sim_mmu_mode mode, uint64_t phys);
/* The same for a CPU's walk, which counts if there is none. */
uint64_t sim__mmu_walk_load(enum sim_mmu_mode mode, uint64_t phys);
/* If the entry is still `seen`, set `bits` too; false: it is not. */
bool sim__mmu_set_bits(enum sim_mmu_mode mode, uint64_t phys, uint64_t seen,
                       uint64_t bits);
/* Between RAM and a buffer, as another CPU would see it. */
void sim__mmu_fetch_bytes(uint64_t phys, unsigned char *buffer, size_t bytes);
void sim__mmu_store_bytes(uint64_t phys, const unsigned char *buffer,
                          size_t bytes);
void sim__mmu_forget_wild_reads(void);

/* ---- A CPU and its caches (mmu_cache.c) ---------------------------------- */

/* A TLB entry; bytes 0: none.  Maybe a piece of the page that it came from. */
struct sim__translation {
    uint64_t va;
    uint64_t bytes;
    uint64_t phys;
    uint64_t page_bytes; /* of the leaf */
    struct sim__rights rights;
    bool is_global;
    bool is_dirty;
    unsigned memory_type;
    uint16_t pcid;
};

/* An entry of `level`, 0 none, that refers to a table. */
struct sim__structure {
    unsigned level;
    uint64_t va;
    uint64_t table;
    struct sim__rights rights;
    uint16_t pcid;
};

struct sim__cpu {
    pthread_mutex_t lock;
    struct sim__rules rules;
    bool has_root;
    uint64_t cr3;
    uint64_t pdptes[SIM__PDPTES];
    uint64_t random;
    struct sim__translation translations[SIM__TRANSLATIONS];
    struct sim__structure structures[SIM__STRUCTURES];
};

extern struct sim_mmu_machine sim__mmu_machine;

/* Aborts if there is no such CPU. */
struct sim__cpu *sim__mmu_lock(unsigned cpu);
void sim__mmu_unlock(struct sim__cpu *cpu);
void sim__mmu_start_cpu(unsigned cpu, uint64_t seed,
                        const struct sim_mmu_control *control);

uint64_t sim__mmu_random_below(struct sim__cpu *cpu, uint64_t limit);
uint16_t sim__mmu_pcid(const struct sim__cpu *cpu);
/* Is there an adversary, and does it speculate now? */
bool sim__mmu_is_adverse(void);
bool sim__mmu_strikes(struct sim__cpu *cpu);

bool sim__mmu_covers(const struct sim__translation *entry, uint64_t va);
bool sim__mmu_leads_to(const struct sim__cpu *cpu,
                       const struct sim__structure *entry, uint64_t va);
void sim__mmu_keep_translation(struct sim__cpu *cpu,
                               const struct sim__translation *entry);
void sim__mmu_keep_structure(struct sim__cpu *cpu,
                             const struct sim__structure *entry);

/* What to remove.  Global translations belong to no PCID. */
struct sim__removal {
    bool all_pcids;
    uint16_t pcid;
    bool with_global;
    bool all_addresses;
    uint64_t va;
    bool only_pieces; /* of a large page, only the piece with `va` */
};

void sim__mmu_remove_translations(struct sim__cpu *cpu,
                                  const struct sim__removal *what);
void sim__mmu_remove_structures(struct sim__cpu *cpu,
                                const struct sim__removal *what);
void sim__mmu_remove_all(struct sim__cpu *cpu);

/* ---- Walks (mmu_walk.c) -------------------------------------------------- */

enum sim__outcome {
    SIM__FOUND,
    SIM__NOT_PRESENT,
    SIM__RESERVED,
    SIM__DENIED,
    SIM__GO_ON,   /* a table: one level further */
    SIM__CHANGED, /* the entry is another by now: from the beginning */
};

/*
 * Walk for an access, or speculate if it is NULL; caches what it may.  On
 * SIM__FOUND, *out is the translation.
 */
enum sim__outcome sim__mmu_walk(struct sim__cpu *cpu, uint64_t va,
                                const struct sim_mmu_access *access,
                                struct sim__translation *out);

#endif
