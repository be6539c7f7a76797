/*
 * trap.h - exceptions and interrupts, as C sees them.
 */
#ifndef KERNEL_CPU_TRAP_H
#define KERNEL_CPU_TRAP_H

#include <stdbool.h>
#include <stdint.h>

/* What entry.S leaves on the stack; the CPU pushes the last six. */
struct trap_frame {
    uint64_t cr2; /* of a page fault, or of the last one */
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

/* Where a handler is. */
enum trap_stage {
    TRAP_ARRIVES, /* nothing has been done yet */
    TRAP_REPORTS  /* the report has begun */
};

/*
 * For tests, and for commands that make the kernel fail: called in handlers.
 * True: that is all, go on where it was raised.  In a report, the answer does
 * not matter.
 */
extern bool (*trap_hook)(struct trap_frame *frame, enum trap_stage stage);

/* Is it one, with the page tables in use? */
bool trap_is_canonical(uint64_t address);

/* Handlers were left by a jump, so none runs. */
void trap_reset(void);

/*
 * Called by entry.S with interrupts off.  Resolves a page fault (fault.h), or
 * ends a probe (probe.h), else reports the exception and panics.
 */
void trap_handle(struct trap_frame *frame);

#endif
