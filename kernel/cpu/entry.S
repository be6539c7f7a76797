/*
 * entry.S - from an exception or interrupt to trap_handle(), and back.
 *
 * The CPU has pushed SS, RSP, RFLAGS, CS, RIP and for some vectors an error
 * code.  Each gate pushes 0 where there is none, and its vector, so that the
 * stack always holds a struct trap_frame (trap.h).
 *
 * SOURCE  Intel SDM vol. 3A, "64-Bit Mode Stack Frame"; "Exceptions and
 *         Interrupt Vectors" for the vectors with an error code.
 */
#include "cpu/descriptors.h"

/* Bit n: vector n has an error code. */
#define WITH_ERROR_CODE 0x60227d00

        .section .text

        .balign GATE_BYTES
        .globl  trap_gates
trap_gates:
        .set    vector, 0
        .rept   VECTOR_COUNT
        .balign GATE_BYTES
        .if     vector < 32
        .if     ((WITH_ERROR_CODE >> vector) & 1) == 0
        pushq   $0
        .endif
        .else
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_entry
        .set    vector, vector + 1
        .endr

        .type   trap_entry, @function
trap_entry:
        pushq   %rax
        pushq   %rbx
        pushq   %rcx
        pushq   %rdx
        pushq   %rsi
        pushq   %rdi
        pushq   %rbp
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %cr2, %rax
        pushq   %rax
        cld
        movq    %rsp, %rdi
        movq    %rsp, %rbx
        andq    $-16, %rsp
        call    trap_handle
        leaq    8(%rbx), %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rbp
        popq    %rdi
        popq    %rsi
        popq    %rdx
        popq    %rcx
        popq    %rbx
        popq    %rax
        addq    $16, %rsp
        iretq

        .section .note.GNU-stack, "", @progbits
