/*
 * random.c - the CPU's random number generator.
 *
 * SOURCE Intel SDM vol. 1, "Random Number Generator Instructions"; vol. 2A,
 *        "CPUID - CPU Identification", leaf 1.
 */
#include "cpu/random.h"

#include "cpu/insn.h"
#include <stddef.h>

#define CPUID_ECX_RDRAND (1u << 30) /* of leaf 1 */

static bool read_generator(void *context, uint64_t *out)
{
    uintptr_t word;

    (void)context;
    *out = 0;
    for (size_t bytes = 0; bytes < sizeof(*out); bytes += sizeof(word)) {
        if (!insn_random(&word))
            return false;
        *out |= (uint64_t)word << bytes * 8;
    }
    return true;
}

struct cairn_entropy_source random_source(void)
{
    struct cairn_entropy_source source = {NULL, NULL};

    if ((insn_cpuid(1, 0).ecx & CPUID_ECX_RDRAND) != 0)
        source.read = read_generator;
    return source;
}
