/*
 * paging/tlb.c - forgetting what CPUs have cached; see tlb.h.
 *
 * HOW    Each CPU has a job, which says what is to be forgotten, and a mask of
 *        the CPUs that have not done it yet.  It fills the job in, interrupts
 *        those CPUs (cairn_platform_flush), does its own part and waits until
 *        the mask is 0.  The others find the job in the interrupt or, if they
 *        are waiting for a lock or for a flush of their own with interrupts
 *        off, by looking; so no two wait for each other.
 *
 *        A CPU enters itself into a page table's mask before it loads the root.
 *        Either the mask is seen by who flushes, or the change of the entry is
 *        seen by the first walk from that root.
 *
 *        With PCIDs, a CPU keeps what it has cached of the page tables that it
 *        had loaded before, and nobody interrupts it for those: each flush
 *        raises the generation of its page table.  A CPU notes for each PCID
 *        up to which generation it has flushed; if that is not the last one
 *        when the page table is loaded again, all of the PCID is forgotten.
 *        What is mapped for all page tables (is_global) is flushed for the
 *        PCID that is loaded, and all others of the CPU are given up.
 *
 *        An id is never used twice, so a page table that takes the place of
 *        another one inherits nothing.  A slot takes the generation of a flush
 *        only if it had the one before: another CPU's flush may come later
 *        that was begun earlier.
 *
 * LOCKS  None.  A job's fields belong to its CPU while `pending` is 0, and are
 *        constant otherwise.
 *
 * COST   One interrupt a CPU for a batch, however long.
 *
 * TESTS  tests/host/paging_tlb.c, tests/host/paging_pcids.c, proofs/flush.pml,
 *        proofs/pcid.pml
 */
#include "paging/tlb.h"

#include "arch_fence.h"
#include "arch_relax.h"
#include "arch_tlb.h"
#include "base/bits.h"
#include "base/cpus.h"

/* PCIDs of each CPU, from 1 on; 0 is that of page tables without an id. */
#define PCIDS 6

/* In CR3: keep what is cached for the PCID. */
#define CR3_KEEP ((uint64_t)1 << 63)

struct job {
    struct cairn_cpus pending; /* CPUs that have to do it */
    struct cairn_pagetable *table;
    const struct cairn__gather *gather;
    size_t generation; /* of the table, by this flush */
} __attribute__((aligned(64)));

static struct job jobs[CAIRN_CPU_MAX];

/* CPUs that have activated a page table, and not left. */
static struct cairn_cpus users;

/* [own CPU, interrupts off] */
static struct cairn_pagetable *active[CAIRN_CPU_MAX];

/* What a CPU may have cached for a PCID. */
struct slot {
    size_t id;         /* of the page table; 0: nothing that may be used */
    size_t generation; /* flushes up to that one were done here */
};

/* [own CPU, interrupts off] */
static struct slots {
    struct slot slots[PCIDS];
    unsigned next; /* to be taken for another page table */
} __attribute__((aligned(64))) slots[CAIRN_CPU_MAX];

static size_t last_id; /* atomic */

/* ---- Gathering ----------------------------------------------------------- */

/* The last range goes on with this one. */
static bool extends(const struct cairn__gather *gather, uint64_t start,
                    uint64_t step)
{
    unsigned last = gather->range_count - 1;

    return gather->range_count > 0 && gather->ranges[last].end == start &&
           gather->ranges[last].step == step;
}

void cairn__tlb_note(struct cairn__gather *gather, uint64_t start,
                     uint64_t bytes, uint64_t page_bytes)
{
    uint64_t end = start + bytes;

    gather->is_needed = true;
    gather->pages += bytes >> cairn__bit_lowest(page_bytes);
    if (gather->pages > CAIRN__TLB_PAGES_MAX)
        gather->is_full = true;
    if (gather->is_full)
        return;
    if (extends(gather, start, page_bytes)) {
        gather->ranges[gather->range_count - 1].end = end;
    } else if (gather->range_count == CAIRN_GATHER_RANGES) {
        gather->is_full = true;
    } else {
        gather->ranges[gather->range_count].start = start;
        gather->ranges[gather->range_count].end = end;
        gather->ranges[gather->range_count].step = page_bytes;
        gather->range_count++;
    }
}

/* ---- On each CPU --------------------------------------------------------- */

static void flush_here(const struct cairn__gather *gather)
{
    if (gather->is_full && gather->is_global) {
        cairn__arch_tlb_flush_all();
    } else if (gather->is_full) {
        cairn__arch_tlb_flush_local();
    } else {
        for (unsigned i = 0; i < gather->range_count; i++) {
            uint64_t va = gather->ranges[i].start;

            for (; va != gather->ranges[i].end; va += gather->ranges[i].step)
                cairn__arch_tlb_flush_page(va);
        }
    }
}

/* The job was done for the PCID that is loaded. */
static void note_flushed(const struct job *job, unsigned cpu)
{
    size_t own = active[cpu] == NULL ? 0 : active[cpu]->id;

    if (__atomic_load_n(&last_id, __ATOMIC_RELAXED) == 0)
        return; /* nobody uses PCIDs */
    for (unsigned i = 0; i < PCIDS; i++) {
        struct slot *slot = &slots[cpu].slots[i];

        if (slot->id != own && job->gather->is_global)
            slot->id = 0;
        else if (slot->id == job->table->id &&
                 slot->generation + 1 == job->generation)
            slot->generation = job->generation;
    }
}

/* What this CPU has to do, if it uses what was changed. */
static void do_job(const struct job *job, unsigned cpu)
{
    if (!job->gather->is_global && active[cpu] != job->table)
        return;
    flush_here(job->gather);
    note_flushed(job, cpu);
}

void cairn__tlb_poll(void)
{
    unsigned cpu = cairn_platform_cpu();

    for (unsigned i = 0; i < cairn_platform_cpu_count(); i++) {
        struct job *job = &jobs[i];

        if (!cairn__cpus_has(&job->pending, cpu))
            continue;
        do_job(job, cpu);
        cairn__cpus_remove(&job->pending, cpu);
    }
}

void cairn_paging_interrupt(void)
{
    cairn__tlb_poll();
}

/* ---- Everywhere ---------------------------------------------------------- */

/* CPUs besides this one that may have cached what was changed. */
static uint64_t others(const struct cairn_pagetable *table,
                       const struct cairn__gather *gather, unsigned cpu)
{
    uint64_t cpus = cairn__cpus_read(gather->is_global ? &users : &table->cpus);

    return cpus & ~((uint64_t)1 << cpu);
}

void cairn__tlb_start(struct cairn__gather *gather)
{
    gather->is_needed = false;
    gather->is_full = false;
    gather->is_global = false;
    gather->pages = 0;
    gather->range_count = 0;
}

void cairn__tlb_flush(struct cairn_pagetable *table,
                      struct cairn__gather *gather)
{
    unsigned cpu = cairn_platform_cpu();
    struct job *job = &jobs[cpu];
    uint64_t cpus;

    if (!gather->is_needed)
        return;
    job->table = table;
    job->gather = gather;
    if (table->id != 0)
        job->generation =
            __atomic_add_fetch(&table->generation, 1, __ATOMIC_SEQ_CST);
    /* The changes before the look at who could have cached the former ones. */
    cairn__arch_fence();
    cpus = others(table, gather, cpu);
    if (cpus != 0) {
        cairn__cpus_write(&job->pending, cpus);
        cairn_platform_flush(cpus);
    }
    do_job(job, cpu);
    while (cairn__cpus_read(&job->pending) != 0) {
        cairn__tlb_poll();
        cairn__arch_relax();
    }
    cairn__tlb_start(gather);
}

/* ---- Which page table a CPU uses ----------------------------------------- */

size_t cairn__tlb_new_id(const struct cairn_pagetable *table)
{
    const struct cairn__paging_format *format = table->format;

    if (!table->config.features.has_pcid || format->va_bits == 32)
        return 0;
    return __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
}

/* The page table's slot, or the next one that another can have. */
static unsigned find_slot(struct slots *own, size_t id)
{
    for (unsigned i = 0; i < PCIDS; i++) {
        if (own->slots[i].id == id)
            return i;
    }
    own->next = (own->next + 1) % PCIDS;
    return own->next;
}

/*
 * What CR3 takes, with the PCID.  The CPU is in the page table's mask: a flush
 * that has not raised the generation yet will be a job of this CPU.
 */
static uint64_t choose_root(const struct cairn_pagetable *table, unsigned cpu)
{
    uint64_t root = cairn_pagetable_root(table).value;
    struct slot now;
    struct slot *slot;
    unsigned i;

    if (table->id == 0)
        return root;
    i = find_slot(&slots[cpu], table->id);
    slot = &slots[cpu].slots[i];
    now.id = table->id;
    now.generation = __atomic_load_n(&table->generation, __ATOMIC_SEQ_CST);
    root |= i + 1;
    if (slot->id == now.id && slot->generation == now.generation)
        return root | CR3_KEEP;
    *slot = now;
    return root;
}

void cairn_pagetable_activate(struct cairn_pagetable *table)
{
    unsigned long state = cairn_platform_irq_save();
    unsigned cpu = cairn_platform_cpu();
    struct cairn_pagetable *former = active[cpu];

    cairn__cpus_add(&users, cpu);
    cairn__cpus_add(&table->cpus, cpu);
    active[cpu] = table;
    cairn__arch_tlb_load_root(choose_root(table, cpu));
    if (former != NULL && former != table)
        cairn__cpus_remove(&former->cpus, cpu);
    cairn_platform_irq_restore(state);
}

void cairn_pagetable_leave(cairn_phys root)
{
    unsigned long state = cairn_platform_irq_save();
    unsigned cpu = cairn_platform_cpu();
    struct cairn_pagetable *former = active[cpu];

    cairn__arch_tlb_load_root(root.value);
    cairn__arch_tlb_flush_all();
    active[cpu] = NULL;
    if (former != NULL)
        cairn__cpus_remove(&former->cpus, cpu);
    cairn__cpus_remove(&users, cpu);
    cairn_platform_irq_restore(state);
}

struct cairn_pagetable *cairn_pagetable_active(void)
{
    unsigned long state = cairn_platform_irq_save();
    struct cairn_pagetable *table = active[cairn_platform_cpu()];

    cairn_platform_irq_restore(state);
    return table;
}
