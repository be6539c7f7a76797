/*
 * enter.S - from the loader's page tables to the kernel's.
 *
 * The instruction after the load of CR3 is fetched through the new tables, so
 * this code has a page of its own, which they map at its own address.  The
 * calling convention changes here too: from that of UEFI (RCX, RDX, R8, R9) to
 * the System V ABI (RDI, RSI).
 *
 * SOURCE  UEFI Specification 2.10, 2.3.4; System V ABI, AMD64 Architecture
 *         Processor Supplement 1.0, 3.2; Intel SDM vol. 3A, "Control
 *         Registers".
 */
#define CR0_WP          (1 << 16)
#define CR4_PGE         (1 << 7)

        .text
        .p2align 12
        .globl  enter_kernel
enter_kernel:
        movq    40(%rsp), %r10          /* the fifth argument */
        movq    %rcx, %cr3

        movq    %cr0, %rax              /* read-only is for the kernel too */
        orq     $CR0_WP, %rax
        movq    %rax, %cr0
        movq    %cr4, %rax
        orq     $CR4_PGE, %rax
        movq    %rax, %cr4

        cld
        movq    %rdx, %rsp
        xorl    %ebp, %ebp              /* the end of every backtrace */
        pushq   %rbp                    /* as if called, from nowhere */
        movq    %r9, %rdi
        movq    %r10, %rsi
        jmpq    *%r8
        .p2align 12                     /* and nothing else in this page */
