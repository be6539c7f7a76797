/*
 * cpu.h - the boot CPU's own state: segments, interrupt stacks, exceptions.
 */
#ifndef KERNEL_CPU_CPU_H
#define KERNEL_CPU_CPU_H

#include <cairn/paging.h>

/*
 * Load segment and interrupt descriptor tables; from then on every exception
 * is reported.  Switch on what the CPU has of SMEP, SMAP and UMIP.  Interrupts
 * stay off.
 */
void cpu_init(void);

/*
 * Stacks that the CPU switches to by itself: 0 for what comes from ring 3, the
 * others for exceptions that cannot trust the current one.
 */
#define CPU_STACK_COUNT 5

/* From now on, that one is the `bytes` below `top`.  Not from a handler. */
void cpu_set_stack(unsigned number, uint64_t top, uint64_t bytes);

/*
 * The CPU begins at the top of such a stack each time, whoever runs there.  So
 * a handler enters its stack first, and the next exception with the same one
 * begins a part of it below, up to CPU_NESTED_MAX at a time; one more hits the
 * guard, which is a double fault.
 */
#define CPU_NESTED_MAX 4

/*
 *   vector  what has come
 *   rsp     of what it has interrupted: a handler that has not yet entered, or
 *           has left, is protected, too
 *
 * Returns  what cpu_leave_stacks wants.
 */
unsigned cpu_enter_stacks(uint64_t vector, uint64_t rsp);
void cpu_leave_stacks(unsigned entered);

/* All stacks begin at their tops: handlers were left by a jump. */
void cpu_reset_stacks(void);

/* The stack for a vector; 0: none of its own. */
unsigned cpu_stack_of(uint64_t vector);

/* How many handlers have entered it. */
unsigned cpu_stack_depth(unsigned number);

/* Whose it is: "#PF". */
const char *cpu_stack_name(unsigned number);

/* How many levels the page tables have that are in use. */
enum cairn_paging_mode cpu_paging_mode(void);

/* What this CPU can do with page tables. */
struct cairn_paging_features cpu_paging_features(void);

#endif
