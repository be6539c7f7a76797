/*
 * base/cpus.h - sets of CPUs that several of them change.
 *
 * Atomics are no wider than a register of any CPU, so a set has two words.
 * All accesses are sequentially consistent.
 */
#ifndef CAIRN__CPUS_H
#define CAIRN__CPUS_H

#include <cairn/lock.h>

static inline void cairn__cpus_add(struct cairn_cpus *set, unsigned cpu)
{
    __atomic_fetch_or(&set->words[cpu / 32], (uint32_t)1 << cpu % 32,
                      __ATOMIC_SEQ_CST);
}

static inline void cairn__cpus_remove(struct cairn_cpus *set, unsigned cpu)
{
    __atomic_fetch_and(&set->words[cpu / 32], ~((uint32_t)1 << cpu % 32),
                       __ATOMIC_SEQ_CST);
}

static inline bool cairn__cpus_has(const struct cairn_cpus *set, unsigned cpu)
{
    return (__atomic_load_n(&set->words[cpu / 32], __ATOMIC_SEQ_CST) >>
                cpu % 32 &
            1) != 0;
}

/* Bit n: CPU n. */
static inline uint64_t cairn__cpus_read(const struct cairn_cpus *set)
{
    uint64_t high = __atomic_load_n(&set->words[1], __ATOMIC_SEQ_CST);

    return high << 32 | __atomic_load_n(&set->words[0], __ATOMIC_SEQ_CST);
}

static inline void cairn__cpus_write(struct cairn_cpus *set, uint64_t mask)
{
    __atomic_store_n(&set->words[0], (uint32_t)mask, __ATOMIC_SEQ_CST);
    __atomic_store_n(&set->words[1], (uint32_t)(mask >> 32), __ATOMIC_SEQ_CST);
}

#endif
