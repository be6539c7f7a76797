/*
 * cpu.c - can this CPU, as the firmware left it, run the kernel?
 *
 * NX, which firmware can hide, is no must: tables without it allow execution
 * everywhere, and the kernel warns of that.
 */
#include "loader/cpu.h"
#include "loader/loader.h"

#define CPUID_EXTENDED_MAX      0x80000000u
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_EDX_NX            (1u << 20)

bool cpu_has_nx(void)
{
    return cpu_id(CPUID_EXTENDED_MAX).a >= CPUID_EXTENDED_FEATURES &&
           cpu_id(CPUID_EXTENDED_FEATURES).d & CPUID_EDX_NX;
}

efi_status cpu_check(struct loader *loader)
{
    (void)loader;
    if (cpu_read_cr4() & CPU_CR4_LA57)
        return console_fail(EFI_UNSUPPORTED,
                            "the firmware runs on page tables of five levels, "
                            "which\n  this version cannot leave.  Disable "
                            "\"LA57\" in the firmware's setup.\n");
    return EFI_SUCCESS;
}
