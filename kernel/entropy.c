/*
 * entropy.c - the kernel's random numbers: seeds <cairn/entropy.h>.
 *
 * Without RDRAND, numbers begin with the time since reset, taken many times,
 * and with where things were put: little that is secret.
 */
#include "entropy.h"

#include "cpu/insn.h"
#include "cpu/random.h"
#include "kernel.h"

#define STAMPS 16

void entropy_start(void)
{
    struct cairn_entropy_source source = random_source();
    uint64_t data[STAMPS + 3];

    if (kernel.has_seed) {
        cairn_entropy_init_fixed(&kernel.entropy, kernel.seed);
        return;
    }
    data[0] = kernel_image_range().start.value;
    data[1] = kernel.boot.rsdp.value;
    data[2] = kernel.boot.map.count;
    for (unsigned i = 0; i < STAMPS; i++) {
        (void)insn_cpuid(0, 0); /* waits for what is under way */
        data[3 + i] = insn_read_tsc();
    }
    cairn_entropy_init(&kernel.entropy, &source, data, STAMPS + 3);
}

void entropy_moved(void)
{
    kernel.entropy.source = random_source();
}
