/*
 * insn.h - the privileged and special instructions that the kernel uses.
 */
#ifndef KERNEL_CPU_INSN_H
#define KERNEL_CPU_INSN_H

#include <stdbool.h>
#include <stdint.h>

/* Bits of CR4: Intel SDM vol. 3A, "Control Registers". */
#define INSN_CR4_PGE  ((uintptr_t)1 << 7)
#define INSN_CR4_UMIP ((uintptr_t)1 << 11)
#define INSN_CR4_LA57 ((uintptr_t)1 << 12)
#define INSN_CR4_SMEP ((uintptr_t)1 << 20)
#define INSN_CR4_SMAP ((uintptr_t)1 << 21)

static inline void insn_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t insn_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void insn_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void insn_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline void insn_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void insn_halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

static inline void insn_interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline uintptr_t insn_read_flags(void)
{
    uintptr_t flags;
    __asm__ volatile("pushf; pop %0" : "=r"(flags));
    return flags;
}

static inline void insn_write_flags(uintptr_t flags)
{
    __asm__ volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

/* Supervisor accesses to user pages: allowed from here on, or not any more.
 * Only with CPUs that have SMAP. */
static inline void insn_stac(void)
{
    __asm__ volatile("stac" : : : "memory", "cc");
}

static inline void insn_clac(void)
{
    __asm__ volatile("clac" : : : "memory", "cc");
}

static inline uintptr_t insn_read_cr0(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline uintptr_t insn_read_cr2(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline void insn_write_cr2(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr2" : : "r"(value));
}

static inline uintptr_t insn_read_cr3(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline uintptr_t insn_read_cr4(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static inline void insn_write_cr0(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline void insn_write_cr3(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline void insn_write_cr4(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline uint64_t insn_read_tsc(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* RDRAND, one try.  Only with CPUs that have it. */
static inline bool insn_random(uintptr_t *out)
{
    bool is_good;
    __asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(is_good));
    return is_good;
}

static inline uint64_t insn_read_msr(uint32_t msr)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void insn_write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value),
                       "d"((uint32_t)(value >> 32))
                     : "memory");
}

struct insn_cpuid {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

static inline struct insn_cpuid insn_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct insn_cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

/* Go on in `entry` with another stack; nobody comes back. */
static inline _Noreturn void insn_enter_stack(uint64_t top, void (*entry)(void))
{
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "call *%1\n\t"
                     "ud2"
                     :
                     : "r"(top), "r"(entry)
                     : "memory");
    __builtin_unreachable();
}

#endif
