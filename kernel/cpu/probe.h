/*
 * probe.h - accesses that may fault, and what the CPU says of them.
 *
 * Each function does one access of one byte.  An exception does not end the
 * kernel: the function returns false and says which one it was.  NMI, double
 * fault and machine check are no answers to an access and are reported as ever.
 *
 *   struct probe_fault fault;
 *   uint8_t value;
 *
 *   if (!probe_read(va, &value, &fault))
 *       say(fault.vector, fault.error);
 *
 * The kernel's accesses are made with the caller's RFLAGS.AC, so after
 * insn_stac() SMAP lets them through.  Those of users are made in ring 3.
 *
 * Context  one CPU, one probe at a time; interrupts are off meanwhile.
 */
#ifndef KERNEL_CPU_PROBE_H
#define KERNEL_CPU_PROBE_H

#include "cpu/trap.h"
#include <stdbool.h>

struct probe_fault {
    unsigned vector;
    uint64_t error;   /* 0 for exceptions without error code */
    uint64_t address; /* page faults: CR2; else 0 */
};

bool probe_read(uintptr_t va, uint8_t *value, struct probe_fault *fault);
bool probe_write(uintptr_t va, uint8_t value, struct probe_fault *fault);

/*
 * Jump there.  What may be executed has the bytes of UD2 there, 0x0f 0x0b,
 * which end the probe; anything else would run away.
 */
bool probe_exec(uintptr_t va, struct probe_fault *fault);

/*
 * The same in ring 3.  Instructions that users may execute do it: `code` is
 * where they have what probe_copy_code wrote.
 */
bool probe_user_read(uintptr_t va, uintptr_t code, struct probe_fault *fault);
bool probe_user_write(uintptr_t va, uintptr_t code, struct probe_fault *fault);
bool probe_user_exec(uintptr_t va, struct probe_fault *fault);

/* Write the instructions of probes, PROBE_CODE_BYTES, with UD2 as the last. */
#define PROBE_CODE_BYTES 48
void probe_copy_code(void *to);

/*
 * For trap_handle: was it a probe that has ended?  Then `frame` leads back
 * to it.
 */
bool probe_catch(struct trap_frame *frame);

#endif
