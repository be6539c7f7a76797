/*
 * backtrace.h - who called whom.
 */
#ifndef KERNEL_CPU_BACKTRACE_H
#define KERNEL_CPU_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Print up to 8 callers, from the frame pointer `frame` on.  Frames that do
 * not lie in the kernel's image end it: a broken stack does no harm.
 */
void backtrace_print(uintptr_t frame);

/* Is [address, address + bytes) in the kernel's data, where stacks are? */
bool backtrace_is_readable(uint64_t address, uint64_t bytes);

#endif
