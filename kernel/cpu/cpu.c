/*
 * cpu.c - segment descriptors, task state, and interrupt gates.
 *
 * HOW    64-bit mode needs little of segmentation: a code and a data segment
 *        for each ring in use, and a task state that names the stacks for
 *        exceptions which come from ring 3 or cannot trust the current one.
 *        All 256 vectors lead to the entry code in entry.S, which calls
 *        trap_handle().
 *
 * SOURCE Intel SDM vol. 3A, "Task Management in 64-bit Mode", "64-Bit Mode
 *        IDT", "Interrupt Stack Table".
 */
#include "cpu/cpu.h"

#include "cpu/descriptors.h"
#include "cpu/insn.h"
#include <cairn/compiler.h>
#include <stdint.h>

#define STACK_BYTES    32768
#define GATE_INTERRUPT 0x8e00u /* present, ring 0, interrupt gate */
#define SEGMENT_CODE   0x00af9b000000ffffu
#define SEGMENT_DATA   0x00cf93000000ffffu
#define SEGMENT_RING_3 0x0000600000000000u /* either of them for users */
#define SEGMENT_TSS    0x0000890000000000u /* present, available TSS */

/* CPUID leaf 7: Intel SDM vol. 2A, "CPUID - CPU Identification". */
#define CPUID_FEATURES 7
#define CPUID_EBX_SMEP (1u << 7)
#define CPUID_EBX_SMAP (1u << 20)
#define CPUID_ECX_UMIP (1u << 2)
/* Leaf 1, and the extended ones. */
#define CPUID_EDX_PAT    (1u << 16)
#define CPUID_EXTENDED   0x80000000u
#define CPUID_MORE       0x80000001u
#define CPUID_EDX_1GIB   (1u << 26)
#define CPUID_ADDRESSES  0x80000008u
#define PHYS_BITS_BEFORE 36 /* of CPUs that do not say */
#define MSR_EFER         0xc0000080u
#define EFER_NXE         ((uint64_t)1 << 11) /* the boot has set it if it can */

struct CAIRN_PACKED task_state {
    uint32_t reserved0;
    uint64_t ring_stack[3];
    uint64_t reserved1;
    uint64_t interrupt_stack[7]; /* numbers 1 .. 7 */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
};

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t kind_and_stack;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

struct CAIRN_PACKED table_register {
    uint16_t limit;
    uint64_t base;
};

/* The first one for what comes from ring 3, then interrupt stacks 1 .. 4. */
static uint8_t stacks[CPU_STACK_COUNT][STACK_BYTES]
    __attribute__((aligned(16)));
static struct task_state task_state;
static uint64_t segments[SEGMENT_COUNT];
static struct gate gates[VECTOR_COUNT] __attribute__((aligned(16)));

/* In entry.S: code for each vector, GATE_BYTES apart. */
extern const uint8_t trap_gates[];

static void set_segments(void)
{
    uint64_t base = (uintptr_t)&task_state;
    uint64_t limit = sizeof(task_state) - 1;

    segments[SELECTOR_CODE / 8] = SEGMENT_CODE;
    segments[SELECTOR_DATA / 8] = SEGMENT_DATA;
    segments[SELECTOR_USER_CODE / 8] = SEGMENT_CODE | SEGMENT_RING_3;
    segments[SELECTOR_USER_DATA / 8] = SEGMENT_DATA | SEGMENT_RING_3;
    segments[SELECTOR_TSS / 8] = SEGMENT_TSS | limit | (base & 0xffffff) << 16 |
                                 (base >> 24 & 0xff) << 56;
    segments[SELECTOR_TSS / 8 + 1] = base >> 32;
}

static void load_segments(void)
{
    struct table_register table = {sizeof(segments) - 1, (uintptr_t)segments};

    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovl %2, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "ltr %w3"
                     :
                     : "m"(table), "i"(SELECTOR_CODE), "i"(SELECTOR_DATA),
                       "r"(SELECTOR_TSS)
                     : "rax", "memory");
}

static const uint8_t stack_numbers[EXCEPTION_COUNT] = {
    [VECTOR_DOUBLE_FAULT] = STACK_DOUBLE_FAULT,
    [VECTOR_NMI] = STACK_NMI,
    [VECTOR_MACHINE_CHECK] = STACK_MACHINE_CHECK,
    [VECTOR_PAGE_FAULT] = STACK_PAGE_FAULT,
};

unsigned cpu_stack_of(uint64_t vector)
{
    return vector < EXCEPTION_COUNT ? stack_numbers[vector] : 0;
}

static void set_gate(unsigned vector)
{
    uint64_t code = (uintptr_t)&trap_gates[vector * GATE_BYTES];

    gates[vector] = (struct gate){
        .offset_low = (uint16_t)code,
        .selector = SELECTOR_CODE,
        .kind_and_stack = (uint16_t)(GATE_INTERRUPT | cpu_stack_of(vector)),
        .offset_middle = (uint16_t)(code >> 16),
        .offset_high = (uint32_t)(code >> 32),
    };
}

static uint64_t stack_end(unsigned number)
{
    return (uintptr_t)stacks[number] + sizeof(stacks[number]);
}

/* What the CPU has of protection against following users' pointers. */
static void set_protection(void)
{
    struct insn_cpuid features = {0, 0, 0, 0};
    uintptr_t cr4 = insn_read_cr4();

    if (insn_cpuid(0, 0).eax >= CPUID_FEATURES)
        features = insn_cpuid(CPUID_FEATURES, 0);
    if ((features.ebx & CPUID_EBX_SMEP) != 0)
        cr4 |= INSN_CR4_SMEP;
    if ((features.ebx & CPUID_EBX_SMAP) != 0)
        cr4 |= INSN_CR4_SMAP;
    if ((features.ecx & CPUID_ECX_UMIP) != 0)
        cr4 |= INSN_CR4_UMIP;
    insn_write_cr4(cr4);
    if ((cr4 & INSN_CR4_SMAP) != 0)
        insn_clac();
}

/* ---- Stacks of exceptions ------------------------------------------------ */

/* By number: where it begins, and how far one handler's part reaches down. */
static struct {
    uint64_t top;
    uint64_t part_bytes;
} parts[CPU_STACK_COUNT];

void cpu_set_stack(unsigned number, uint64_t top, uint64_t bytes)
{
    parts[number].top = top;
    parts[number].part_bytes = bytes / CPU_NESTED_MAX;
    if (number == 0)
        task_state.ring_stack[0] = top;
    else
        task_state.interrupt_stack[number - 1] = top;
}

/* Is somebody in the part where the next exception would begin? */
static bool is_exposed(unsigned number, uint64_t rsp)
{
    return task_state.interrupt_stack[number - 1] - rsp <
           parts[number].part_bytes;
}

static unsigned enter_exposed(unsigned number, uint64_t rsp)
{
    unsigned entered = 0;

    for (unsigned i = 1; i < CPU_STACK_COUNT; i++) {
        if (i != number && is_exposed(i, rsp)) {
            task_state.interrupt_stack[i - 1] -= parts[i].part_bytes;
            entered |= 1u << i;
        }
    }
    return entered;
}

unsigned cpu_enter_stacks(uint64_t vector, uint64_t rsp)
{
    unsigned number = cpu_stack_of(vector);
    unsigned entered = 0;

    if (number == 0)
        return 0;
    task_state.interrupt_stack[number - 1] -= parts[number].part_bytes;
    /* Interrupts are off in handlers; only these come all the same. */
    if (number == STACK_NMI || number == STACK_MACHINE_CHECK)
        entered = enter_exposed(number, rsp);
    return entered | 1u << number;
}

void cpu_leave_stacks(unsigned entered)
{
    for (; entered != 0; entered &= entered - 1) {
        unsigned number = (unsigned)__builtin_ctz(entered);

        task_state.interrupt_stack[number - 1] += parts[number].part_bytes;
    }
}

void cpu_reset_stacks(void)
{
    for (unsigned i = 1; i < CPU_STACK_COUNT; i++)
        task_state.interrupt_stack[i - 1] = parts[i].top;
}

unsigned cpu_stack_depth(unsigned number)
{
    unsigned depth = 0;

    if (number == 0)
        return 0;
    for (uint64_t at = task_state.interrupt_stack[number - 1];
         at < parts[number].top; at += parts[number].part_bytes)
        depth++;
    return depth;
}

const char *cpu_stack_name(unsigned number)
{
    static const char *const names[CPU_STACK_COUNT] = {"ring 3", "#DF", "NMI",
                                                       "#MC", "#PF"};

    return number < CPU_STACK_COUNT ? names[number] : "?";
}

void cpu_init(void)
{
    struct table_register table = {sizeof(gates) - 1, (uintptr_t)gates};

    for (unsigned i = 0; i < CPU_STACK_COUNT; i++)
        cpu_set_stack(i, stack_end(i), STACK_BYTES);
    task_state.io_map = sizeof(task_state);
    set_segments();
    load_segments();
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        set_gate(vector);
    __asm__ volatile("lidt %0" : : "m"(table));
    set_protection();
}

enum cairn_paging_mode cpu_paging_mode(void)
{
    return (insn_read_cr4() & INSN_CR4_LA57) != 0 ? CAIRN_PAGING_5LEVEL
                                                  : CAIRN_PAGING_4LEVEL;
}

struct cairn_paging_features cpu_paging_features(void)
{
    uint32_t last = insn_cpuid(CPUID_EXTENDED, 0).eax;
    struct cairn_paging_features features = {
        .phys_bits = PHYS_BITS_BEFORE,
        .has_nx = (insn_read_msr(MSR_EFER) & EFER_NXE) != 0,
        .has_1gib = (insn_cpuid(CPUID_MORE, 0).edx & CPUID_EDX_1GIB) != 0,
        .has_global = (insn_read_cr4() & INSN_CR4_PGE) != 0,
        .has_pat = (insn_cpuid(1, 0).edx & CPUID_EDX_PAT) != 0,
    };

    if (last >= CPUID_ADDRESSES)
        features.phys_bits = insn_cpuid(CPUID_ADDRESSES, 0).eax & 0xff;
    return features;
}
