/*
 * base/divide.h - 64-bit division without the compiler's run-time library.
 *
 * On 32-bit CPUs a compiler turns `uint64_t / x` into a call that a
 * freestanding library cannot count on.  The library divides only by small
 * numbers, which three steps of 32-bit division do.
 */
#ifndef CAIRN__DIVIDE_H
#define CAIRN__DIVIDE_H

#include <stdint.h>

/*
 * value / divisor, and the remainder.
 *
 *   divisor  1 .. 65535
 *
 * Source   D. E. Knuth, TAOCP vol. 2, 4.3.1, exercise 16 (short division),
 *          with digits of 32, 16 and 16 bits.
 */
static inline uint64_t cairn__divide(uint64_t value, uint32_t divisor,
                                     uint32_t *remainder)
{
    uint32_t high = (uint32_t)(value >> 32);
    uint32_t middle = (high % divisor) << 16 | ((uint32_t)value >> 16);
    uint32_t low = (middle % divisor) << 16 | ((uint32_t)value & 0xffff);

    *remainder = low % divisor;
    return (uint64_t)(high / divisor) << 32 |
           (uint64_t)(middle / divisor) << 16 | (low / divisor);
}

#endif
