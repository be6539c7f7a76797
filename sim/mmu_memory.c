/*
 * mmu_memory.c - simulated MMU: entries and bytes in simulated RAM.
 *
 * HOW    Like hardware, it reads and writes an entry as a whole, and sets bits
 *        by compare-and-exchange.  Bytes move one by one, relaxed: CPUs may
 *        race for data, and what plain code touches meanwhile is a race.
 */
#include "sim/mmu_private.h"
#include "sim/ram.h"

static uint64_t wild_reads;

uint64_t sim_mmu_wild_reads(void)
{
    return __atomic_load_n(&wild_reads, __ATOMIC_RELAXED);
}

void sim__mmu_forget_wild_reads(void)
{
    __atomic_store_n(&wild_reads, 0, __ATOMIC_RELAXED);
}

uint64_t sim__mmu_walk_load(enum sim_mmu_mode mode, uint64_t phys)
{
    if (sim_ram_at(phys, sim__mmu_entry_bytes(mode)) == NULL)
        __atomic_fetch_add(&wild_reads, 1, __ATOMIC_RELAXED);
    return sim__mmu_load(mode, phys);
}

uint64_t sim__mmu_load(enum sim_mmu_mode mode, uint64_t phys)
{
    unsigned bytes = sim__mmu_entry_bytes(mode);
    void *at = sim_ram_at(phys, bytes);

    if (at == NULL)
        return bytes == 4 ? UINT32_MAX : UINT64_MAX;
    if (bytes == 4)
        return __atomic_load_n((uint32_t *)at, __ATOMIC_ACQUIRE);
    return __atomic_load_n((uint64_t *)at, __ATOMIC_ACQUIRE);
}

static bool exchange_32(uint32_t *at, uint32_t seen, uint32_t wanted)
{
    return __atomic_compare_exchange_n(at, &seen, wanted, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static bool exchange_64(uint64_t *at, uint64_t seen, uint64_t wanted)
{
    return __atomic_compare_exchange_n(at, &seen, wanted, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool sim__mmu_set_bits(enum sim_mmu_mode mode, uint64_t phys, uint64_t seen,
                       uint64_t bits)
{
    unsigned bytes = sim__mmu_entry_bytes(mode);
    void *at = sim_ram_at(phys, bytes);
    uint64_t wanted = seen | bits;

    if (at == NULL || wanted == seen)
        return true;
    if (bytes == 4)
        return exchange_32(at, (uint32_t)seen, (uint32_t)wanted);
    return exchange_64(at, seen, wanted);
}

void sim__mmu_fetch_bytes(uint64_t phys, unsigned char *buffer, size_t bytes)
{
    unsigned char *at = sim_ram_at(phys, bytes);

    for (size_t i = 0; i < bytes; i++)
        buffer[i] =
            at == NULL ? 0xff : __atomic_load_n(&at[i], __ATOMIC_RELAXED);
}

void sim__mmu_store_bytes(uint64_t phys, const unsigned char *buffer,
                          size_t bytes)
{
    unsigned char *at = sim_ram_at(phys, bytes);

    for (size_t i = 0; at != NULL && i < bytes; i++)
        __atomic_store_n(&at[i], buffer[i], __ATOMIC_RELAXED);
}
