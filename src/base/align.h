/*
 * base/align.h - rounding to powers of two, and the smaller of two numbers.
 */
#ifndef CAIRN__ALIGN_H
#define CAIRN__ALIGN_H

#include <cairn/types.h>

static inline uint64_t cairn__min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t cairn__max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool cairn__is_power(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static inline bool cairn__is_aligned(uint64_t value, uint64_t power)
{
    return (value & (power - 1)) == 0;
}

static inline uint64_t cairn__align_down(uint64_t value, uint64_t power)
{
    return value & ~(power - 1);
}

/* The caller knows that the result does not overflow. */
static inline uint64_t cairn__align_up(uint64_t value, uint64_t power)
{
    return (value + power - 1) & ~(power - 1);
}

static inline uint64_t cairn__page_down(uint64_t address)
{
    return cairn__align_down(address, CAIRN_FRAME_SIZE);
}

static inline uint64_t cairn__page_up(uint64_t address)
{
    return cairn__align_up(address, CAIRN_FRAME_SIZE);
}

#endif
