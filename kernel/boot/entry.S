/*
 * entry.S - the first instructions of the kernel.
 *
 * Two ways in:
 *   boot_entry64  from the UEFI loader: 64-bit mode, in the high half, on the
 *                 loader's page tables; RDI is the hand-off (physical), RSI
 *                 where physical address 0 would be.
 *   boot_entry32  from Multiboot 2 and PVH: 32-bit protected mode, no paging,
 *                 somewhere in physical memory.  EAX and EBX say who it was.
 *
 * The second builds page tables that do for the way up: the first 4 GiB at
 * their own address, and the image at its link address, all writable and
 * executable.  boot.c chooses another place for the image, which then goes on
 * there, and replaces the tables before anything else runs.  They have 5 levels
 * if the command line says la57=on and the CPU can.
 *
 * Nothing here knows where in physical memory the image lies: addresses are
 * taken relative to the label `here`, whose physical address EBP holds.
 *
 * SOURCE  Intel SDM vol. 3A, "Initializing IA-32e Mode".
 */
#define STACK_BYTES     (64 * 1024)
#define KERNEL_VIRTUAL  0xffffffff80000000

#define CR0_WP          (1 << 16)
#define CR0_PG          (1 << 31)
#define CR4_PAE         (1 << 5)
#define CR4_PGE         (1 << 7)
#define CR4_LA57        (1 << 12)
#define MSR_EFER        0xc0000080
#define EFER_LME        (1 << 8)
#define CPUID_EDX_NX    (1 << 20)
#define CPUID_NX_TO_NXE (20 - 11)       /* a shift between their bits */
#define CPUID_EDX_LM    (1 << 29)
#define CPUID_ECX_LA57  (1 << 16)       /* of leaf 7 */

/* Multiboot 2: EAX; tags of type, size, content, each at a multiple of 8 */
#define MULTIBOOT2_MAGIC 0x36d76289
#define TAG_END         0
#define TAG_CMDLINE     1

/* struct hvm_start_info of PVH */
#define PVH_MAGIC       0x336ec578
#define PVH_CMDLINE     24

#define TABLE_FLAGS     0x003           /* present, writable */
#define LARGE_FLAGS     0x083           /* present, writable, 2 MiB page */
#define LARGE_BYTES     0x200000

#define CODE_SELECTOR   0x08
#define DATA_SELECTOR   0x10

#define SERIAL          0x3f8

/* Four bytes of RAM that may be borrowed: where a boot sector's stack was. */
#define BORROWED        0x7bfc

/* Operand: where `symbol` is. */
#define AT(symbol)      (symbol - here)(%ebp)

        .section .text.boot, "ax"

/* ---- From Multiboot 2 and PVH ------------------------------------------- */

        .code32
        .globl  boot_entry32
boot_entry32:
        cli
        cld
        mov     %eax, %esi              /* magic number, to the end */
        mov     %ebx, %edi              /* boot information, to the end */

        /* Where am I?  A call needs a stack: borrow four bytes of one. */
        mov     BORROWED, %edx
        mov     $(BORROWED + 4), %esp
        call    here
here:   pop     %ebp
        mov     %edx, BORROWED
        lea     AT(boot_stack_top), %esp

        /* A CPU without 64-bit mode cannot go on. */
        mov     $0x80000001, %eax
        cpuid
        test    $CPUID_EDX_LM, %edx
        jz      no_long_mode

        /* Identity: 4 tables of 512 entries of 2 MiB. */
        lea     AT(boot_identity), %ebx
        mov     $LARGE_FLAGS, %eax
        xor     %ecx, %ecx
1:      mov     %eax, (%ebx, %ecx, 8)
        add     $LARGE_BYTES, %eax
        inc     %ecx
        cmp     $2048, %ecx
        jb      1b

        /* The image: from its first byte on, 2 MiB-aligned. */
        lea     AT(boot_image), %ebx
        lea     AT(kernel_image_begin), %eax
        or      $LARGE_FLAGS, %eax
        xor     %ecx, %ecx
1:      mov     %eax, (%ebx, %ecx, 8)
        add     $LARGE_BYTES, %eax
        inc     %ecx
        cmp     $32, %ecx
        jb      1b

        /* Above them: four entries from 0 on, one at -2 GiB. */
        lea     AT(boot_pointers_low), %ebx
        lea     (boot_identity - here + TABLE_FLAGS)(%ebp), %eax
        xor     %ecx, %ecx
1:      mov     %eax, (%ebx, %ecx, 8)
        add     $4096, %eax
        inc     %ecx
        cmp     $4, %ecx
        jb      1b
        lea     AT(boot_pointers_high), %ebx
        lea     (boot_image - here + TABLE_FLAGS)(%ebp), %eax
        mov     %eax, (510 * 8)(%ebx)

        lea     AT(boot_root), %ebx
        lea     (boot_pointers_low - here + TABLE_FLAGS)(%ebp), %eax
        mov     %eax, (%ebx)
        lea     (boot_pointers_high - here + TABLE_FLAGS)(%ebp), %eax
        mov     %eax, (511 * 8)(%ebx)

        /* With 5 levels both ends of the root lead to that one. */
        call    wants_5_levels
        test    %eax, %eax
        jz      1f
        mov     %cr4, %eax
        or      $CR4_LA57, %eax
        mov     %eax, %cr4
        lea     TABLE_FLAGS(%ebx), %eax
        lea     AT(boot_root_of_5), %ebx
        mov     %eax, (%ebx)
        mov     %eax, (511 * 8)(%ebx)
1:
        /* Into 64-bit mode. */
        mov     %cr4, %eax
        or      $(CR4_PAE | CR4_PGE), %eax
        mov     %eax, %cr4
        mov     %ebx, %cr3
        mov     $0x80000001, %eax       /* NXE only where there is NX */
        cpuid
        and     $CPUID_EDX_NX, %edx
        shr     $CPUID_NX_TO_NXE, %edx
        mov     %edx, %ebx
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $EFER_LME, %eax
        or      %ebx, %eax
        wrmsr
        mov     %cr0, %eax
        or      $(CR0_PG | CR0_WP), %eax
        mov     %eax, %cr0

        lea     AT(boot_gdt), %eax
        mov     %eax, AT(boot_gdt_address)
        lgdt    AT(boot_gdt_register)
        lea     AT(in_64_bits), %eax
        push    $CODE_SELECTOR
        push    %eax
        lret

/* EAX: 0 if not.  EBX, EBP, ESI and EDI are kept. */
wants_5_levels:
        push    %ebx
        xor     %eax, %eax
        cpuid
        cmp     $7, %eax
        jb      4f
        mov     $7, %eax
        xor     %ecx, %ecx
        cpuid
        test    $CPUID_ECX_LA57, %ecx
        jz      4f
        call    find_command_line
        test    %edx, %edx
        jz      4f
        /* Is the option at EDX?  Up to the commands, at "-- ". */
1:      xor     %ecx, %ecx
2:      mov     (la57_option - here)(%ebp, %ecx), %al
        test    %al, %al
        jz      5f
        cmp     %al, (%edx, %ecx)
        jne     3f
        inc     %ecx
        jmp     2b
3:      cmpl    $0x202d2d20, (%edx)
        je      4f
        cmpb    $0, (%edx)
        lea     1(%edx), %edx
        jne     1b
4:      xor     %eax, %eax
        pop     %ebx
        ret
5:      mov     $1, %eax
        pop     %ebx
        ret

/* EDX: where the command line is, 0 if there is none. */
find_command_line:
        xor     %edx, %edx
        cmpl    $PVH_MAGIC, (%edi)      /* before EAX is believed: BOOT.md */
        je      2f
        cmp     $MULTIBOOT2_MAGIC, %esi
        jne     3f
        lea     8(%edi), %eax           /* the first tag */
1:      cmpl    $TAG_END, (%eax)
        je      3f
        lea     8(%eax), %edx
        cmpl    $TAG_CMDLINE, (%eax)
        je      3f
        mov     4(%eax), %ecx
        lea     7(%eax, %ecx), %eax     /* behind it */
        and     $~7, %eax
        xor     %edx, %edx
        test    %ecx, %ecx              /* a tag without a size: no tag */
        jnz     1b
        ret
2:      cmpl    $0, (PVH_CMDLINE + 4)(%edi)
        jne     3f
        mov     PVH_CMDLINE(%edi), %edx
3:      ret

la57_option:
        .asciz  "la57=on"

no_long_mode:
        lea     AT(no_long_mode_text), %ebx
        mov     $SERIAL, %edx
1:      mov     (%ebx), %al
        test    %al, %al
        jz      2f
        out     %al, %dx
        inc     %ebx
        jmp     1b
2:      hlt
        jmp     2b
no_long_mode_text:
        .asciz  "\r\n[cairn] this CPU lacks 64-bit mode\r\n"

        .code64
in_64_bits:
        mov     $DATA_SELECTOR, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs

        /* Up: the same code and stack at the link address. */
        lea     kernel_image_begin(%rip), %rdx
        movabs  $KERNEL_VIRTUAL, %rcx
        sub     %rdx, %rcx              /* from physical to virtual */
        lea     boot_stack_top(%rip), %rsp
        add     %rcx, %rsp
        lea     in_high_half(%rip), %rax
        add     %rcx, %rax
        jmp     *%rax
in_high_half:
        xor     %ebp, %ebp              /* the end of every backtrace */
        mov     %esi, %ebx              /* magic */
        mov     %edi, %r12d             /* information */
        mov     %ebx, %edi
        mov     %r12d, %esi             /* and RDX, the image */
        call    boot_choose_place

        /* And again: the same code and stack where the image shall be. */
        add     %rax, %rsp
        lea     in_its_place(%rip), %rcx
        add     %rax, %rcx
        jmp     *%rcx
in_its_place:
        mov     %ebx, %edi
        mov     %r12d, %esi
        call    boot_from_32
        ud2

/* ---- From the UEFI loader ----------------------------------------------- */

        .globl  boot_entry64
boot_entry64:
        cli
        cld
        lea     boot_stack_top(%rip), %rsp
        xor     %ebp, %ebp
        mov     %rdi, %rbx
        mov     %rsi, %r12
        call    slide_relocate_here
        mov     %rbx, %rdi
        mov     %r12, %rsi
        call    boot_from_uefi
        ud2

/* ---- Data --------------------------------------------------------------- */

        .section .data.boot, "aw"
        .balign 8
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* code, 64 bits, ring 0 */
        .quad   0x00cf93000000ffff      /* data, ring 0 */
boot_gdt_register:
        .word   . - boot_gdt - 1
boot_gdt_address:
        .quad   0

        .section .bss.boot, "aw", @nobits
        .balign 4096
boot_root:          .skip 4096
boot_root_of_5:     .skip 4096
boot_pointers_low:  .skip 4096
boot_pointers_high: .skip 4096
        .globl  boot_image
boot_image:         .skip 4096
boot_identity:      .skip 4 * 4096
        .balign 16
        .globl  boot_stack
boot_stack:         .skip STACK_BYTES
        .globl  boot_stack_top
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
