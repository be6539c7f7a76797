/*
 * cpu.c - can this CPU, as the firmware left it, run the kernel?
 *
 * The kernel needs NX: without it nothing could be readable, yet not
 * executable.  Every x86_64 CPU has it, but firmware can hide it.
 */
#include "loader/cpu.h"
#include "loader/loader.h"

#define CPUID_EXTENDED_MAX      0x80000000u
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_EDX_NX            (1u << 20)

static bool has_nx(void)
{
    return cpu_id(CPUID_EXTENDED_MAX).a >= CPUID_EXTENDED_FEATURES &&
           cpu_id(CPUID_EXTENDED_FEATURES).d & CPUID_EDX_NX;
}

efi_status cpu_check(struct loader *loader)
{
    (void)loader;
    if (!has_nx())
        return console_fail(EFI_UNSUPPORTED,
                            "this CPU cannot forbid execution (NX).\n"
                            "  Enable \"NX\" or \"Execute Disable\" in the "
                            "firmware's setup.\n");
    return EFI_SUCCESS;
}
