/*
 * fault.c - page faults; see fault.h.
 *
 * CONTEXT  the exception handler, interrupts off; one CPU
 */
#include "cpu/fault.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"

/* Spurious faults in a row at one place: the tables do not tell the cause. */
#define REPEATS_MAX 16

static uint64_t counts[CAIRN_CAUSE_COUNT];

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

bool fault_resolve(const struct cairn_fault *fault, uint64_t rip)
{
    enum cairn_fault_cause cause = cairn_fault_cause(
        cpu_paging_mode(), cairn_phys_make(insn_read_cr3()), fault, NULL);

    counts[cause]++;
    return cause == CAIRN_CAUSE_SPURIOUS && is_new(fault->address.value, rip);
}

uint64_t fault_count(enum cairn_fault_cause cause)
{
    return counts[cause];
}
