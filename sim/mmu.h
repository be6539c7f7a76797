/*
 * mmu.h - the simulated MMU: an oracle for page tables and their flushes.
 *
 * A second reading of the manuals, which shares nothing with the library's
 * page tables: the library writes entries into simulated RAM, and this decides
 * what hardware would make of them.
 *
 * Each simulated CPU has its registers, a TLB, and a cache of entries that
 * refer to tables.  The caches are an adversary: they take in anything that is
 * legal at that moment, keep it until an instruction must remove it, and answer
 * with any entry that matches.  What works here needs no luck on hardware.
 *
 * Modes    4-level, 5-level, PAE, 32-bit, and a toy format that can be tried
 *          exhaustively: three levels, of each table only the first 4 entries,
 *          addresses of 18 bits (17:16, 15:14, 13:12), entries as in 4-level,
 *          leaves of 4 KiB, 16 KiB and 64 KiB.
 * Threads  Any function may be called for any CPU on any thread, but for
 *          sim_mmu_reset, which wants to be alone.
 * Sources  Intel SDM vol. 3, chapter "Paging" (sections "Hierarchical Paging
 *          Structures", "Access Rights", "Page-Fault Exceptions", "Accessed
 *          and Dirty Flags", "Caching Translation Information") and section
 *          "Invalidating the Translation Lookaside Buffers"; AMD APM vol. 2,
 *          chapter 5.
 */
#ifndef SIM_MMU_H
#define SIM_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_mmu_mode {
    SIM_MMU_4LEVEL,
    SIM_MMU_5LEVEL,
    SIM_MMU_PAE,
    SIM_MMU_32BIT,
    SIM_MMU_TOY,
};

/* What all CPUs can do, as CPUID says it. */
struct sim_mmu_machine {
    enum sim_mmu_mode mode;
    unsigned phys_bits; /* 52 at most */
    bool has_nx;
    bool has_1gib;
    bool has_pse;
    bool has_pse36;
    bool has_pge;
    bool has_pcid;
    bool has_smep;
    bool has_smap;
    bool has_pat;
    bool is_amd; /* G of a PML4E and a PML5E is reserved */
};

/* Bits of CR0, CR4 and EFER, and the PAT. */
struct sim_mmu_control {
    bool wp;
    bool nxe;
    bool smep;
    bool smap;
    bool pge;
    bool pse;
    bool pcide;
    uint64_t pat;
};

#define SIM_MMU_PAT_RESET ((uint64_t)0x0007040600070406)

/* Error codes of page faults. */
#define SIM_MMU_ERROR_PRESENT  0x01u
#define SIM_MMU_ERROR_WRITE    0x02u
#define SIM_MMU_ERROR_USER     0x04u
#define SIM_MMU_ERROR_RESERVED 0x08u
#define SIM_MMU_ERROR_FETCH    0x10u

/* Memory types, as the PAT encodes them. */
enum sim_mmu_memory_type {
    SIM_MMU_UC = 0,
    SIM_MMU_WC = 1,
    SIM_MMU_WT = 4,
    SIM_MMU_WP = 5,
    SIM_MMU_WB = 6,
    SIM_MMU_UC_MINUS = 7,
};

/* ---- Instructions -------------------------------------------------------- */

/*
 * Switch the machine on: no CPU has loaded a root, all caches are empty,
 * everything that the machine has is switched on, WP too.
 */
void sim_mmu_reset(const struct sim_mmu_machine *machine, uint64_t seed);

/*
 * MOV to CR0 and CR4, WRMSR to EFER and the PAT, in one.  A change of PGE or
 * PSE, or PCIDE going off, empties the caches; SMEP going on removes what
 * belongs to the current PCID and is not global; nothing else flushes.  PAE: a
 * change of PGE, PSE or SMEP loads the PDPTEs again.
 *
 * Returns false for #GP, with nothing changed: the machine has no such bit;
 * PCIDE outside of 64-bit modes or while CR3 has a PCID; a bad PDPTE.
 */
bool sim_mmu_set_control(unsigned cpu, const struct sim_mmu_control *control);
void sim_mmu_get_control(unsigned cpu, struct sim_mmu_control *control);

/*
 * MOV to CR3.  With PCIDE, bits 11:0 are the PCID, and bit 63 keeps what is
 * cached for it.  PAE: loads the four PDPTEs.
 *
 * Returns false for #GP, with nothing changed: a reserved bit of CR3 or of a
 * present PDPTE.
 */
bool sim_mmu_load_root(unsigned cpu, uint64_t cr3);

/*
 * Removes the page of `va` for the current PCID and from the global ones, all
 * of it if it is large, and each cached reference to a table of that PCID.
 * Does nothing if `va` is not canonical.
 */
void sim_mmu_invlpg(unsigned cpu, uint64_t va);

/*
 * INVPCID; type 0: a page of a PCID, with the references to tables that lead
 * to it; 1: a PCID; 2: everything; 3: everything but global pages.  Types 0
 * and 1 spare global pages.  Returns false for #GP.
 */
bool sim_mmu_invpcid(unsigned cpu, unsigned type, uint16_t pcid, uint64_t va);

/*
 * Everything, also global pages: CR4.PGE there and back.  False for #GP, with
 * nothing changed (PAE, a bad PDPTE).
 */
bool sim_mmu_flush_all(unsigned cpu);

/* ---- Accesses ------------------------------------------------------------ */

enum sim_mmu_kind {
    SIM_MMU_READ,
    SIM_MMU_WRITE,
    SIM_MMU_FETCH
};

struct sim_mmu_access {
    uint64_t va;
    enum sim_mmu_kind kind;
    bool is_user;
    bool ac; /* EFLAGS.AC; false also for implicit accesses of the CPU */
};

struct sim_mmu_result {
    bool is_ok;
    bool is_gp;           /* not canonical, #GP; otherwise a page fault */
    uint32_t error_code;  /* of the page fault */
    uint64_t phys;        /* if is_ok, as the rest */
    unsigned memory_type; /* enum sim_mmu_memory_type */
    uint64_t page_bytes;  /* of the translation that answered */
};

/*
 * Translate through the caches.  A fault removes what is cached for the
 * address.
 */
void sim_mmu_access(unsigned cpu, const struct sim_mmu_access *access,
                    struct sim_mmu_result *out);

/*
 * The same for each page of [access->va, + bytes), moving bytes between there
 * and `buffer`.  No flush of this CPU comes between a translation and its use,
 * as between two instructions.  Where there is no RAM, reads give 0xff and
 * writes are lost.  False: *fault says why; the pages before it were moved.
 * `fault` may be NULL.
 */
bool sim_mmu_move(unsigned cpu, const struct sim_mmu_access *access,
                  void *buffer, size_t bytes, struct sim_mmu_result *fault);

/* sim_mmu_move by the kernel, with AC set. */
bool sim_mmu_read(unsigned cpu, uint64_t va, void *buffer, size_t bytes,
                  struct sim_mmu_result *fault);
bool sim_mmu_write(unsigned cpu, uint64_t va, const void *buffer, size_t bytes,
                   struct sim_mmu_result *fault);

/* ---- The adversary ------------------------------------------------------- */

/*
 * In `percent` of accesses and ticks, a CPU also speculates on an address near
 * one that any CPU has used or flushed.  0 (also after reset): only what was
 * accessed is cached, in whole pages, and walks begin as low as they can.
 */
void sim_mmu_set_adversary(unsigned percent);

/* Time passes on a CPU. */
void sim_mmu_tick(unsigned cpu);

/* Walk without faults, cache what is legal; sets A, never D. */
void sim_mmu_speculate(unsigned cpu, uint64_t va);

/* ---- What the caches hold ------------------------------------------------ */

enum sim_mmu_holder {
    SIM_MMU_ROOT,        /* CR3 */
    SIM_MMU_PDPTE,       /* a PDPTE register (PAE) */
    SIM_MMU_STRUCTURE,   /* a cached reference to a table */
    SIM_MMU_TRANSLATION, /* a TLB entry */
};

/* One way to reach physical memory. */
struct sim_mmu_reach {
    unsigned cpu;
    enum sim_mmu_holder holder;
    uint64_t va;    /* the first address that goes this way */
    uint64_t phys;  /* the table, or the page */
    uint64_t bytes; /* of it */
    uint16_t pcid;
    bool is_global;
};

/*
 * Does any CPU still reach [start, start + bytes)?  Then it is a bug to release
 * it.  `who` (may be NULL) is the first that does.
 */
bool sim_mmu_can_reach(uint64_t start, uint64_t bytes,
                       struct sim_mmu_reach *who);

/*
 * The same as long as no CPU loads another PCID: what is cached for PCIDs that
 * are not loaded does not count.
 */
bool sim_mmu_can_use(uint64_t start, uint64_t bytes, struct sim_mmu_reach *who);

/* Has the CPU a TLB entry that covers `va`, of whatever PCID? */
bool sim_mmu_cached(unsigned cpu, uint64_t va);

/* Has the CPU a reference to a table that `va` would use, of whatever PCID? */
bool sim_mmu_cached_table(unsigned cpu, uint64_t va);

/*
 * How often a walk has read an entry where there is no RAM, since the reset;
 * it sees all ones.
 */
uint64_t sim_mmu_wild_reads(void);

/* ---- What the tables say ------------------------------------------------- */

/*
 * These read memory only and change nothing.  They take the control bits and
 * the PAT of CPU 0; `root` is a value of CR3.
 */
struct sim_mmu_view {
    uint64_t phys;  /* of the address asked for; of the leaf if visited */
    uint64_t bytes; /* of the leaf */
    bool writable;  /* these three: on all levels */
    bool user;
    bool executable;
    bool global; /* of the leaf, and PGE is on; A and D as they are */
    bool accessed;
    bool dirty;
    unsigned memory_type;
};

/* False: nothing is mapped there, a reserved bit is set, not canonical. */
bool sim_mmu_look(uint64_t root, uint64_t va, struct sim_mmu_view *out);

/* Each leaf in order of addresses.  Entries with reserved bits are skipped. */
void sim_mmu_each_leaf(uint64_t root,
                       void (*visit)(void *context, uint64_t va,
                                     const struct sim_mmu_view *view),
                       void *context);

/*
 * Each table in the order of a walk, the root first; `level` is 1 for a table
 * of pages.  Returns how many.  One that is referred to twice counts twice.
 */
uint64_t sim_mmu_each_table(uint64_t root,
                            void (*visit)(void *context, uint64_t table,
                                          unsigned level, uint64_t va),
                            void *context);
uint64_t sim_mmu_count_tables(uint64_t root);

/*
 * What no table may have: reserved bits in a present entry, a table outside of
 * RAM, a table referred to twice, a leaf beyond phys_bits.  Returns how many
 * of them, with a line for each in `text` as far as there is room.
 */
unsigned sim_mmu_lint(uint64_t root, char *text, size_t bytes);

#endif
