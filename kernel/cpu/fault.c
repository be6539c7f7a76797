/*
 * fault.c - page faults; see fault.h.
 *
 * CONTEXT  the exception handler, interrupts off; one CPU
 */
#include "cpu/fault.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel.h"
#include "stacks.h"

/* Spurious faults in a row at one place: the tables do not tell the cause. */
#define REPEATS_MAX 16

static uint64_t counts[CAIRN_CAUSE_COUNT];
static uint64_t filled;
static struct fault_last last;

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
    if (cause == CAIRN_CAUSE_SPURIOUS && is_new(fault->address.value, rip))
        return true;
    last = (struct fault_last){*fault, rip};
    return false;
}

struct fault_last fault_last(void)
{
    return last;
}

/* The set was being changed when it was asked; the kernel's stacks are known.
 */
static void look_at_own(uint64_t address, struct cairn_fault_report *report)
{
    const struct cairn_stack *stack = stacks_look(address);

    if (stack == NULL || report->cause != CAIRN_CAUSE_NOT_MAPPED)
        return;
    report->has_area = true;
    report->area.start = stack->bottom;
    report->area.bytes = stack->bytes;
    report->area.kind = CAIRN_AREA_STACK;
    __builtin_memcpy(report->area.name, stack->area->name,
                     sizeof(report->area.name));
    report->area.part = address < stack->bottom.value ? CAIRN_AREA_GUARD_BELOW
                                                      : CAIRN_AREA_GUARD_ABOVE;
    report->mistake = address < stack->bottom.value ? CAIRN_MISTAKE_OVERFLOW
                                                    : CAIRN_MISTAKE_UNDERFLOW;
}

/* Stacks may lie in the range of areas, which only keep off them then. */
static bool is_of_stacks(uint64_t address)
{
    const struct cairn_layout_range *stacks =
        cairn_layout_find(&kernel.layout, "stacks");

    return stacks != NULL &&
           address - stacks->span.start.value < stacks->span.bytes;
}

void fault_explain(const struct cairn_fault *fault,
                   struct cairn_fault_report *report)
{
    struct cairn_areas *const sets[] = {is_of_stacks(fault->address.value)
                                            ? &kernel.stack_areas
                                            : &kernel.areas,
                                        NULL};

    cairn_fault_explain(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                        fault, kernel.stacks.areas != NULL ? sets : NULL,
                        report);
    if (report->is_unsure)
        look_at_own(fault->address.value, report);
}

uint64_t fault_filled(void)
{
    return filled;
}

uint64_t fault_count(enum cairn_fault_cause cause)
{
    return counts[cause];
}
