/*
 * arch_entry.h - entries of page tables on the simulated machine: those of the
 * library, but other CPUs act after each change.
 */
#ifndef SIM_ARCH_ENTRY_H
#define SIM_ARCH_ENTRY_H

#define cairn__arch_entry32_store    sim__entry32_store
#define cairn__arch_entry32_link     sim__entry32_link
#define cairn__arch_entry32_swap     sim__entry32_swap
#define cairn__arch_entry32_exchange sim__entry32_exchange
#define cairn__arch_entry64_store    sim__entry64_store
#define cairn__arch_entry64_link     sim__entry64_link
#define cairn__arch_entry64_swap     sim__entry64_swap
#define cairn__arch_entry64_exchange sim__entry64_exchange
#include "arch/x86/arch_entry.h"
#undef cairn__arch_entry32_store
#undef cairn__arch_entry32_link
#undef cairn__arch_entry32_swap
#undef cairn__arch_entry32_exchange
#undef cairn__arch_entry64_store
#undef cairn__arch_entry64_link
#undef cairn__arch_entry64_swap
#undef cairn__arch_entry64_exchange

#include "sim/platform.h"

#define SIM__ENTRY(bits)                                                       \
    static inline void cairn__arch_entry##bits##_store(uint##bits##_t *entry,  \
                                                       uint##bits##_t value)   \
    {                                                                          \
        sim_meanwhile(); /* since it was read */                               \
        sim__entry##bits##_store(entry, value);                                \
        sim_meanwhile();                                                       \
    }                                                                          \
    static inline void cairn__arch_entry##bits##_link(uint##bits##_t *entry,   \
                                                      uint##bits##_t value)    \
    {                                                                          \
        sim__entry##bits##_link(entry, value);                                 \
        sim_meanwhile();                                                       \
    }                                                                          \
    static inline bool cairn__arch_entry##bits##_swap(                         \
        uint##bits##_t *entry, uint##bits##_t *former, uint##bits##_t value)   \
    {                                                                          \
        bool is_done;                                                          \
                                                                               \
        sim_meanwhile(); /* since `former` was read */                         \
        is_done = sim__entry##bits##_swap(entry, former, value);               \
        sim_meanwhile();                                                       \
        return is_done;                                                        \
    }                                                                          \
    static inline uint##bits##_t cairn__arch_entry##bits##_exchange(           \
        uint##bits##_t *entry, uint##bits##_t value)                           \
    {                                                                          \
        uint##bits##_t former;                                                 \
                                                                               \
        sim_meanwhile();                                                       \
        former = sim__entry##bits##_exchange(entry, value);                    \
        sim_meanwhile();                                                       \
        return former;                                                         \
    }

SIM__ENTRY(32)
SIM__ENTRY(64)

#endif
