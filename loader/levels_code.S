/*
 * levels_code.S - changes the number of levels of the page tables, 4 or 5.
 *
 * CR4.LA57 cannot be changed in 64-bit mode, which paging off ends; so the way
 * leads through 32-bit code, and this code, its data and the new root must lie
 * below 4 GiB.  levels.c therefore copies all of it to a page there; nothing in
 * it knows where that is.  It returns like a function: the old root and the
 * new one map the loader, its stack and this page alike, at their own
 * addresses.
 *
 * Between, there is no IDT that would do: interrupts are off, and an NMI would
 * reset the machine.
 *
 * SOURCE  Intel SDM vol. 3A, "Switching Out of IA-32e Mode Operation",
 *         "Initializing IA-32e Mode", "Control Registers" (CR4.LA57); UEFI
 *         Specification 2.10, 2.3.4 (the calling convention).
 */
#define CR0_PG          (1 << 31)
#define CR4_LA57        (1 << 12)
#define CODE32          0x08
#define CODE64          0x10
#define DATA            0x18

/* Operand: where `symbol` is, in the copy that RBX points to. */
#define AT(symbol)      (symbol - levels_code)(%rbx)
#define AT32(symbol)    (symbol - levels_code)(%ebx)

        .text
        .p2align 4
        .globl  levels_code
levels_code:                            /* RCX: the new root */
        pushq   %rbx
        pushq   %rbp
        pushq   %rdi
        pushq   %rsi
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15

        leaq    levels_code(%rip), %rbx
        movq    %rsp, AT(stack)         /* upper halves get lost */
        sgdt    AT(former_gdt)
        movw    %cs, AT(former_cs)
        movw    %ds, AT(former_ds)
        movw    %es, AT(former_es)
        movw    %ss, AT(former_ss)

        leaq    AT(gdt), %rax
        movq    %rax, AT(gdt_address)
        lgdt    AT(gdt_register)
        leaq    AT(in_32_bits), %rax
        pushq   $CODE32
        pushq   %rax
        lretq

        .code32
in_32_bits:
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %cr0, %eax
        andl    $~CR0_PG, %eax
        movl    %eax, %cr0
        movl    %cr4, %eax
        xorl    $CR4_LA57, %eax
        movl    %eax, %cr4
        movl    %ecx, %cr3
        movl    %cr0, %eax
        orl     $CR0_PG, %eax           /* EFER.LME is on still */
        movl    %eax, %cr0
        leal    AT32(in_64_bits), %eax
        movl    %eax, AT32(far_pointer)
        ljmpl   *AT32(far_pointer)

        .code64
in_64_bits:
        movl    %ebx, %ebx              /* the page is below 4 GiB */
        movq    AT(stack), %rsp
        lgdt    AT(former_gdt)
        movw    AT(former_ds), %ds
        movw    AT(former_es), %es
        movw    AT(former_ss), %ss
        movzwl  AT(former_cs), %eax
        pushq   %rax
        leaq    AT(back), %rax
        pushq   %rax
        lretq
back:
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rsi
        popq    %rdi
        popq    %rbp
        popq    %rbx
        retq

        .balign 8
gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      /* code, 32 bits, ring 0 */
        .quad   0x00af9b000000ffff      /* code, 64 bits, ring 0 */
        .quad   0x00cf93000000ffff      /* data, ring 0 */
gdt_register:
        .word   . - gdt - 1
gdt_address:
        .quad   0
former_gdt:
        .skip   10
former_cs:
        .word   0
former_ds:
        .word   0
former_es:
        .word   0
former_ss:
        .word   0
        .balign 8
stack:
        .quad   0
far_pointer:
        .long   0
        .word   CODE64
        .globl  levels_code_end
levels_code_end:
