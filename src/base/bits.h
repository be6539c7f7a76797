/*
 * base/bits.h - counting and finding bits, without the compiler's library.
 *
 * On i386, 64-bit words are taken in halves: the compiler would call libgcc.
 */
#ifndef CAIRN__BITS_H
#define CAIRN__BITS_H

#include <stdint.h>

#define CAIRN__BIT(number) ((uint64_t)1 << (number))

/* Number of the lowest set bit; `word` is not 0. */
static inline unsigned cairn__bit_lowest(uint64_t word)
{
    uint32_t low = (uint32_t)word;

    if (sizeof(unsigned long) == sizeof(word))
        return (unsigned)__builtin_ctzl((unsigned long)word);
    return low != 0 ? (unsigned)__builtin_ctz(low)
                    : 32 + (unsigned)__builtin_ctz((uint32_t)(word >> 32));
}

/* Number of the highest set bit; `word` is not 0. */
static inline unsigned cairn__bit_highest(uint64_t word)
{
    uint32_t high = (uint32_t)(word >> 32);

    if (sizeof(unsigned long) == sizeof(word))
        return 63 - (unsigned)__builtin_clzl((unsigned long)word);
    return high != 0 ? 63 - (unsigned)__builtin_clz(high)
                     : 31 - (unsigned)__builtin_clz((uint32_t)word);
}

/*
 * Number of set bits.
 *
 * Source   D. E. Knuth, TAOCP vol. 4A, 7.1.3, "Sideways addition".
 */
static inline unsigned cairn__bit_count(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)(word * 0x0101010101010101u >> 56);
}

/* `count` ones from bit `first` on; first + count <= 64. */
static inline uint64_t cairn__bit_mask(unsigned first, unsigned count)
{
    return count == 0 ? 0 : UINT64_MAX >> (64 - count) << first;
}

#endif
