/*
 * cpu.h - the instructions that the loader needs and C has no words for.
 *
 * Source  Intel SDM vol. 2, the page of each instruction.
 */
#ifndef LOADER_CPU_H
#define LOADER_CPU_H

#include <cairn/types.h>

#define CPU_CR4_PGE  ((uint64_t)1 << 7)  /* global pages */
#define CPU_CR4_LA57 ((uint64_t)1 << 12) /* page tables of five levels */
#define CPU_CR4_PCID ((uint64_t)1 << 17) /* tagged TLB entries */
#define CPU_CR4_CET  ((uint64_t)1 << 23) /* shadow stacks */

#define CPU_MSR_EFER 0xc0000080u
#define CPU_EFER_NXE ((uint64_t)1 << 11)

struct cpu_id {
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
};

static inline struct cpu_id cpu_id(uint32_t leaf)
{
    struct cpu_id id = {.a = leaf, .c = 0};

    __asm__ volatile("cpuid" : "+a"(id.a), "=b"(id.b), "+c"(id.c), "=d"(id.d));
    return id;
}

static inline uint64_t cpu_time_stamp(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* No-execute pages: EFER.NXE may be set. */
bool cpu_has_nx(void);

/* Only if CPUID 1, ECX bit 30.  False if the generator had nothing ready. */
static inline bool cpu_random(uint64_t *value)
{
    bool is_ready;

    __asm__ volatile("rdrand %0\n\tsetc %1"
                     : "=r"(*value), "=q"(is_ready)
                     :
                     : "cc");
    return is_ready;
}

static inline uint64_t cpu_read_cr3(void)
{
    uint64_t value;

    __asm__ volatile("movq %%cr3, %0" : "=r"(value));
    return value;
}

static inline uint64_t cpu_read_cr4(void)
{
    uint64_t value;

    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr4(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

static inline uint64_t cpu_read_msr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value),
                       "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline void cpu_out(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t cpu_in(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t cpu_read_flags(void)
{
    uint64_t value;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(value) : : "memory");
    return value;
}

static inline void cpu_interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void cpu_interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/* For good, if interrupts are off. */
static inline void cpu_halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

#endif
