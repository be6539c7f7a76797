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
 * LOCKS  None.  A job's fields belong to its CPU while `pending` is 0, and are
 *        constant otherwise.
 *
 * COST   One interrupt a CPU for a batch, however long.
 *
 * TESTS  tests/host/paging_tlb.c, proofs/flush.pml
 */
#include "paging/tlb.h"

#include "arch_fence.h"
#include "arch_relax.h"
#include "arch_tlb.h"
#include "base/bits.h"
#include "base/cpus.h"

struct job {
    struct cairn_cpus pending; /* CPUs that have to do it */
    struct cairn_pagetable *table;
    const struct cairn__gather *gather;
} __attribute__((aligned(64)));

static struct job jobs[CAIRN_CPU_MAX];

/* CPUs that have activated a page table, and not left. */
static struct cairn_cpus users;

/* [own CPU, interrupts off] */
static struct cairn_pagetable *active[CAIRN_CPU_MAX];

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

/* Does this CPU use what was changed? */
static bool is_concerned(const struct job *job, unsigned cpu)
{
    return job->gather->is_global || active[cpu] == job->table;
}

void cairn__tlb_poll(void)
{
    unsigned cpu = cairn_platform_cpu();

    for (unsigned i = 0; i < cairn_platform_cpu_count(); i++) {
        struct job *job = &jobs[i];

        if (!cairn__cpus_has(&job->pending, cpu))
            continue;
        if (is_concerned(job, cpu))
            flush_here(job->gather);
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
    /* The changes before the look at who could have cached the former ones. */
    cairn__arch_fence();
    cpus = others(table, gather, cpu);
    job->table = table;
    job->gather = gather;
    if (cpus != 0) {
        cairn__cpus_write(&job->pending, cpus);
        cairn_platform_flush(cpus);
    }
    if (is_concerned(job, cpu))
        flush_here(gather);
    while (cairn__cpus_read(&job->pending) != 0) {
        cairn__tlb_poll();
        cairn__arch_relax();
    }
    cairn__tlb_start(gather);
}

/* ---- Which page table a CPU uses ----------------------------------------- */

void cairn_pagetable_activate(struct cairn_pagetable *table)
{
    unsigned long state = cairn_platform_irq_save();
    unsigned cpu = cairn_platform_cpu();
    struct cairn_pagetable *former = active[cpu];

    cairn__cpus_add(&users, cpu);
    cairn__cpus_add(&table->cpus, cpu);
    active[cpu] = table;
    cairn__arch_tlb_load_root(cairn_pagetable_root(table).value);
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
