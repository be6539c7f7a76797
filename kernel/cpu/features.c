/*
 * features.c - what this CPU lacks, and what that means.
 *
 * HOW    CPUID says so; NX also needs EFER.NXE, which the boot has set where it
 *        can.  What the kernel does not use is not here; that there is no
 *        RDRAND, cairn/entropy.h tells.
 *
 * SOURCE Intel SDM vol. 2A, "CPUID - CPU Identification"; vol. 3A, "Access
 *        Rights"; AMD64 Architecture Programmer's Manual vol. 3, "Function
 *        8000_0001h".
 */
#include "cpu/features.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include <cairn/format.h>

enum {
    REGISTER_EBX,
    REGISTER_ECX,
    REGISTER_EDX
};

#define TEXT_BYTES    128
#define LEAF_EXTENDED 0x80000000u

static const struct {
    const char *name;
    const char *without;
    uint32_t leaf;
    uint8_t number; /* of the register */
    uint8_t bit;
    bool is_of_audit; /* and not told by cairn_report_audit itself */
} features[] = {
    {"NX", "data can be executed; W^X is reduced", 0x80000001, REGISTER_EDX, 20,
     false},
    {"SMEP", "the kernel can execute what is users'", 7, REGISTER_EBX, 7, true},
    {"SMAP", "the kernel can read and write what is users'", 7, REGISTER_EBX,
     20, true},
    {"UMIP", "users can read where descriptor tables are", 7, REGISTER_ECX, 2,
     false},
    {"pages of 1 GiB", "the window has pages of 2 MiB, and more tables",
     0x80000001, REGISTER_EDX, 26, false},
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

static bool has(size_t index)
{
    uint32_t leaf = features[index].leaf;
    struct insn_cpuid found;

    if (insn_cpuid(leaf & LEAF_EXTENDED, 0).eax < leaf)
        return false;
    found = insn_cpuid(leaf, 0);
    switch (features[index].number) {
    case REGISTER_EBX:
        return (found.ebx >> features[index].bit & 1) != 0;
    case REGISTER_ECX:
        return (found.ecx >> features[index].bit & 1) != 0;
    default:
        return (found.edx >> features[index].bit & 1) != 0;
    }
}

unsigned features_report(enum features_told told, const struct cairn_sink *sink)
{
    char text[TEXT_BYTES];
    unsigned count = 0;

    for (size_t i = 0; i < FEATURES; i++) {
        if (has(i) || (told == FEATURES_AUDIT && !features[i].is_of_audit))
            continue;
        cairn_format(text, sizeof(text), "no %s: %s", features[i].name,
                     features[i].without);
        sink->line(sink->context, text);
        count++;
    }
    return count;
}
