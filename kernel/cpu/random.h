/*
 * random.h - the CPU's random number generator.
 */
#ifndef KERNEL_CPU_RANDOM_H
#define KERNEL_CPU_RANDOM_H

#include <cairn/entropy.h>

/* RDRAND, if CPUID says that there is one; else a source without `read`. */
struct cairn_entropy_source random_source(void);

#endif
