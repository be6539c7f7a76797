/*
 * random.c - random numbers for the kernel's place.
 *
 * HOW    RDRAND where the CPU has it and it delivers; else time stamps, whose
 *        low bits depend on how long the firmware took, mixed with the
 *        firmware's counter of boots.  The second source is guessable by who
 *        can measure the machine; there is no better one before a driver runs.
 *
 *        Numbers below a limit come by rejection: what lies in the incomplete
 *        last interval of 64-bit numbers is drawn again.
 *
 * SOURCE Intel SDM vol. 1, "Random Number Generator Instructions": retry ten
 *        times.  G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom
 *        Number Generators", OOPSLA 2014: the mixing function.
 */
#include "loader/cpu.h"
#include "loader/loader.h"

#define CPUID_FEATURES   1u
#define CPUID_ECX_RDRAND (1u << 30)
#define RDRAND_TRIES     10
#define STAMPS           64

/* Some CPUs deliver nothing but ones after sleep, and call it success. */
static bool read_generator(uint64_t *value)
{
    if (!(cpu_id(CPUID_FEATURES).c & CPUID_ECX_RDRAND))
        return false;
    for (unsigned i = 0; i < RDRAND_TRIES; i++)
        if (cpu_random(value) && *value != UINT64_MAX)
            return true;
    return false;
}

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static uint64_t read_time(struct loader *loader)
{
    uint64_t count = 0;
    uint64_t value;

    (void)loader->boot->get_next_monotonic_count(&count);
    value = mix(count + 1);
    for (unsigned i = 0; i < STAMPS; i++)
        value = mix(value + cpu_time_stamp());
    return value;
}

static uint64_t read_any(struct loader *loader)
{
    uint64_t value;

    return read_generator(&value) ? value : read_time(loader);
}

uint64_t random_below(struct loader *loader, uint64_t limit)
{
    uint64_t incomplete = (UINT64_MAX % limit + 1) % limit;
    uint64_t value = read_any(loader);

    while (value > UINT64_MAX - incomplete)
        value = read_any(loader);
    return value % limit;
}
