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

/* From now on, that one begins at `top`. */
void cpu_set_stack(unsigned number, uint64_t top);

/* Whose it is: "#PF". */
const char *cpu_stack_name(unsigned number);

/* How many levels the page tables have that are in use. */
enum cairn_paging_mode cpu_paging_mode(void);

/* What this CPU can do with page tables. */
struct cairn_paging_features cpu_paging_features(void);

#endif
