/*
 * fault.c - page faults; see fault.h.
 *
 * CONTEXT  the exception handler, interrupts off; one CPU
 */
#include "cpu/fault.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel.h"

/* Spurious faults in a row at one place: the tables do not tell the cause. */
#define REPEATS_MAX 16

static uint64_t counts[CAIRN_CAUSE_COUNT];
static uint64_t filled;

static struct {
    uint64_t address;
    uint64_t rip;
    unsigned count;
} repeated;

static bool is_new(uint64_t address, uint64_t rip)
{
    if (address != repeated.address || rip != repeated.rip)
        repeated.count = 0;
    repeated.address = address;
    repeated.rip = rip;
    return ++repeated.count < REPEATS_MAX;
}

/* A page of a lazy area gets its frame. */
static bool fill(const struct cairn_fault *fault)
{
    unsigned access =
        ((fault->error & CAIRN_FAULT_WRITE) != 0 ? CAIRN_PAGE_WRITE : 0) |
        ((fault->error & CAIRN_FAULT_FETCH) != 0 ? CAIRN_PAGE_EXEC : 0) |
        ((fault->error & CAIRN_FAULT_USER) != 0 ? CAIRN_PAGE_USER : 0);
    bool is_filled =
        kernel.areas.table != NULL &&
        cairn_area_fault(&kernel.areas, fault->address, access) == CAIRN_OK;

    filled += is_filled;
    return is_filled;
}

/* Nothing was mapped there: perhaps it is to be. */
static bool is_absent(const struct cairn_fault *fault)
{
    return (fault->error & (CAIRN_FAULT_PRESENT | CAIRN_FAULT_RESERVED)) == 0;
}

bool fault_resolve(const struct cairn_fault *fault, uint64_t rip)
{
    enum cairn_fault_cause cause;

    if (is_absent(fault) && fill(fault))
        return true;
    cause = cairn_fault_cause(cpu_paging_mode(),
                              cairn_phys_make(insn_read_cr3()), fault, NULL);
    counts[cause]++;
    return cause == CAIRN_CAUSE_SPURIOUS && is_new(fault->address.value, rip);
}

uint64_t fault_filled(void)
{
    return filled;
}

uint64_t fault_count(enum cairn_fault_cause cause)
{
    return counts[cause];
}
