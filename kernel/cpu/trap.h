/*
 * trap.h - exceptions and interrupts, as C sees them.
 */
#ifndef KERNEL_CPU_TRAP_H
#define KERNEL_CPU_TRAP_H

#include <stdint.h>

/* What entry.S leaves on the stack; the CPU pushes the last six. */
struct trap_frame {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rbp;
    uint64_t rdi;
    uint64_t rsi;
    uint64_t rdx;
    uint64_t rcx;
    uint64_t rbx;
    uint64_t rax;
    uint64_t vector;
    uint64_t error_code;
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

/*
 * Called by entry.S with interrupts off.  Resolves a page fault (fault.h), or
 * ends a probe (probe.h), else reports the exception and panics.
 */
void trap_handle(struct trap_frame *frame);

#endif
