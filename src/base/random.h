/*
 * base/random.h - a number below a limit, from random bits.
 */
#ifndef CAIRN__RANDOM_H
#define CAIRN__RANDOM_H

#include <stdint.h>

/*
 * A number below `end`, which is not 0, each as likely as any other: of as many
 * bits as `end` - 1 has, until they are below it.  That takes two draws at most
 * on average, and no division.
 *
 *   draw  returns 64 random bits.  If 64 draws do not do, it is broken, and the
 *         number is below `end` but no longer random
 */
static inline uint64_t
cairn__draw_below(uint64_t end, uint64_t (*draw)(void *context), void *context)
{
    uint64_t mask = end - 1;

    for (unsigned i = 1; i < 64; i *= 2)
        mask |= mask >> i;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t number = draw(context) & mask;

        if (number < end)
            return number;
    }
    return draw(context) & mask >> 1;
}

#endif
