/*
 * probe_entry.S - into an excursion that ends with an exception, and back.
 *
 * SOURCE  System V ABI, AMD64 Architecture Processor Supplement, "Registers and
 *         the Stack Frame": which registers a function keeps.
 */
#include "cpu/descriptors.h"

/* struct start of probe.c */
#define START_RIP       0
#define START_CS        8
#define START_RFLAGS    16
#define START_SS        24
#define START_VA        32
#define START_VALUE     40

        .section .text

/*
 * void probe_enter(const struct start *start)
 *
 * In ring 3 RSP is the kernel's, and of no use there.
 */
        .globl  probe_enter
        .type   probe_enter, @function
probe_enter:
        pushfq
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, %rax
        movq    %rax, probe_stack(%rip)
        pushq   START_SS(%rdi)
        pushq   %rax
        pushq   START_RFLAGS(%rdi)
        pushq   START_CS(%rdi)
        pushq   START_RIP(%rdi)
        movq    START_VALUE(%rdi), %rsi
        movq    START_VA(%rdi), %rdi
        iretq

/* Here the handler returns to, with RSP as it was saved. */
        .globl  probe_leave
probe_leave:
        movl    $SELECTOR_DATA, %eax
        movl    %eax, %ds               /* ring 3 had none */
        movl    %eax, %es
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        popfq
        ret

/* The accesses: RDI is the address, SIL what to write, AL what was read. */
        .balign 16
        .globl  probe_code
probe_code:
        movb    (%rdi), %al
        ud2
        .balign 16
        movb    %sil, (%rdi)
        ud2
        .balign 16
        ud2
        .balign 16

        .section .bss
        .balign 8
        .globl  probe_stack
probe_stack:
        .skip   8

        .section .note.GNU-stack, "", @progbits
