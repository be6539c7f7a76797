/*
 * fault.h - page faults: resolved if that is possible, and counted.
 */
#ifndef KERNEL_CPU_FAULT_H
#define KERNEL_CPU_FAULT_H

#include <cairn/fault.h>

/*
 * True: go on where it was raised.  That is so for pages of lazy areas, which
 * get a frame, and for spurious faults: another CPU has mapped or allowed it
 * meanwhile, or this one had cached less.  One that comes again and again at
 * the same place is none.
 */
bool fault_resolve(const struct cairn_fault *fault, uint64_t rip);

/*
 * How many of them there were, those of probes included; but not those that
 * have got a frame.
 */
uint64_t fault_count(enum cairn_fault_cause cause);

/* Why it was, and whose mistake; never waits. */
void fault_explain(const struct cairn_fault *fault,
                   struct cairn_fault_report *report);

/* The last one that was not resolved; address and RIP 0: there was none. */
struct fault_last {
    struct cairn_fault fault;
    uint64_t rip;
};
struct fault_last fault_last(void);

/* How many have got a frame. */
uint64_t fault_filled(void);

#endif
