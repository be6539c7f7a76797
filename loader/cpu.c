/*
 * cpu.c - what this CPU has, as the firmware left it.
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
