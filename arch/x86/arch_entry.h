/*
 * arch_entry.h - entries of page tables, which the CPU's walker changes too.
 *
 * The walker sets A and D in the low half of an entry at any time and changes
 * nothing else.  Software that writes holds the table's lock.  On i386 an entry
 * of 64 bits takes two accesses where no exchange is needed: its low half,
 * which has P, is written last when it becomes present and first when not.
 */
#ifndef ARCH_ENTRY_H
#define ARCH_ENTRY_H

#include <cairn/compiler.h>
#include <stdbool.h>
#include <stdint.h>

CAIRN_INLINE uint32_t cairn__arch_entry32_load(const uint32_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

/*
 * It is not live, or the walker will not change it any more.  Who reaches a
 * page by it sees what was in there before: that it was zeroed, for example.
 */
static inline void cairn__arch_entry32_store(uint32_t *entry, uint32_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* What was stored before is seen by who follows the entry. */
static inline void cairn__arch_entry32_link(uint32_t *entry, uint32_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static inline bool cairn__arch_entry32_swap(uint32_t *entry, uint32_t *former,
                                            uint32_t value)
{
    return __atomic_compare_exchange_n(entry, former, value, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline uint32_t cairn__arch_entry32_exchange(uint32_t *entry,
                                                    uint32_t value)
{
    return __atomic_exchange_n(entry, value, __ATOMIC_SEQ_CST);
}

#if defined(__x86_64__)

CAIRN_INLINE uint64_t cairn__arch_entry64_load(const uint64_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void cairn__arch_entry64_store(uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static inline void cairn__arch_entry64_link(uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static inline bool cairn__arch_entry64_swap(uint64_t *entry, uint64_t *former,
                                            uint64_t value)
{
    return __atomic_compare_exchange_n(entry, former, value, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline uint64_t cairn__arch_entry64_exchange(uint64_t *entry,
                                                    uint64_t value)
{
    return __atomic_exchange_n(entry, value, __ATOMIC_SEQ_CST);
}

#else

/* Consistent also if it changes meanwhile: nobody changes it back and forth
 * between two loads of the low half. */
CAIRN_INLINE uint64_t cairn__arch_entry64_load(const uint64_t *entry)
{
    const uint32_t *half = (const uint32_t *)(const void *)entry;
    uint32_t low;
    uint32_t high;

    do {
        low = __atomic_load_n(&half[0], __ATOMIC_ACQUIRE);
        high = __atomic_load_n(&half[1], __ATOMIC_ACQUIRE);
    } while (low != __atomic_load_n(&half[0], __ATOMIC_RELAXED));
    return (uint64_t)high << 32 | low;
}

/* Source  Intel SDM vol. 2A, "CMPXCHG8B/CMPXCHG16B". */
static inline bool cairn__arch_entry64_swap(uint64_t *entry, uint64_t *former,
                                            uint64_t value)
{
    bool is_done;

    __asm__ volatile("lock cmpxchg8b %1"
                     : "=@ccz"(is_done), "+m"(*entry), "+A"(*former)
                     : "b"((uint32_t)value), "c"((uint32_t)(value >> 32))
                     : "memory");
    return is_done;
}

static inline uint64_t cairn__arch_entry64_exchange(uint64_t *entry,
                                                    uint64_t value)
{
    uint64_t former = cairn__arch_entry64_load(entry);

    while (!cairn__arch_entry64_swap(entry, &former, value))
        continue;
    return former;
}

/* A live one becomes another one at once: no walker sees half of each. */
static inline void cairn__arch_entry64_store(uint64_t *entry, uint64_t value)
{
    uint64_t former = cairn__arch_entry64_load(entry);
    uint32_t *half = (uint32_t *)(void *)entry;

    if ((value & former & 1) != 0) {
        while (!cairn__arch_entry64_swap(entry, &former, value))
            continue;
        return;
    }
    if ((value & 1) == 0)
        __atomic_store_n(&half[0], (uint32_t)value, __ATOMIC_RELEASE);
    __atomic_store_n(&half[1], (uint32_t)(value >> 32), __ATOMIC_RELEASE);
    __atomic_store_n(&half[0], (uint32_t)value, __ATOMIC_RELEASE);
}

static inline void cairn__arch_entry64_link(uint64_t *entry, uint64_t value)
{
    cairn__arch_entry64_store(entry, value);
}

#endif

#endif
