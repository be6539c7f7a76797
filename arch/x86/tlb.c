/*
 * tlb.c - the instructions behind arch_tlb.h.
 *
 * SOURCE Intel SDM vol. 3A, chapter "Paging", section "Caching Translation
 *        Information".
 */
#include "arch_tlb.h"

/* CR4.PGE: changing it forgets global pages too. */
#define CR4_PGE ((uintptr_t)1 << 7)

static uintptr_t read_cr3(void)
{
    uintptr_t value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}

static void write_cr3(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static uintptr_t read_cr4(void)
{
    uintptr_t value;

    __asm__ volatile("mov %%cr4, %0" : "=r"(value) : : "memory");
    return value;
}

static void write_cr4(uintptr_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

void cairn__arch_tlb_flush_page(uint64_t va)
{
    const char *byte = (const char *)(uintptr_t)va;

    __asm__ volatile("invlpg (%0)" : : "r"(byte) : "memory");
}

void cairn__arch_tlb_flush_local(void)
{
    write_cr3(read_cr3());
}

void cairn__arch_tlb_flush_all(void)
{
    uintptr_t cr4 = read_cr4();

    if ((cr4 & CR4_PGE) == 0) {
        write_cr3(read_cr3());
        return;
    }
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
}

void cairn__arch_tlb_load_root(uint64_t cr3)
{
    write_cr3((uintptr_t)cr3);
}
