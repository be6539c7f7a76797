/*
 * heap/classes.c - size classes: which, how large, how many at once.
 *
 * WHY    Most blocks are small, so up to 512 bytes all multiples of 16 are
 *        classes: real programs waste 5 to 8 % inside of blocks, against 10 %
 *        with steps of 32 and more from 128 on, and no class is so rare that
 *        the pages it begins with count.  Above, four classes to a power of two
 *        waste at most a fifth of a block, and a tenth of it on average if all
 *        sizes are alike frequent.
 */
#include "heap/slab.h"

#define FINE_STEP    16u /* bytes */
#define FINE_MAX     512u
#define FINE_COUNT   (FINE_MAX / FINE_STEP)
#define FINE_SHIFT   9u
#define FINE_PAGES   8u
#define PAGES_SHIFT  3u  /* FINE_PAGES == 1 << PAGES_SHIFT */
#define WASTE_SHARE  16u /* of a slab, at the end */
#define FIRST_BLOCKS 4u  /* at least, in a class's first slab */

static size_t size_of_step(unsigned step, unsigned shift)
{
    return (size_t)(5 + step % 4) << (shift + step / 4 - 2);
}

unsigned cairn__class_of_small(size_t size)
{
    if (size <= FINE_MAX)
        return (unsigned)((size + FINE_STEP - 1) / FINE_STEP);
    return 1 + FINE_COUNT + cairn__class_step(size, FINE_SHIFT);
}

static size_t pages_of(unsigned number)
{
    unsigned nth = number - CAIRN__CLASS_LARGE;

    if (nth < FINE_PAGES)
        return nth + 1;
    return size_of_step(nth - FINE_PAGES, PAGES_SHIFT);
}

size_t cairn__class_bytes(unsigned number)
{
    if (number >= CAIRN__CLASS_LARGE)
        return pages_of(number) * CAIRN__PAGE;
    if (number <= FINE_COUNT)
        return number * FINE_STEP;
    return size_of_step(number - 1 - FINE_COUNT, FINE_SHIFT);
}

unsigned cairn__class_limit(unsigned number)
{
    size_t bytes = cairn__class_bytes(number);

    if (number == CAIRN__CLASS_NONE)
        return 0;
    if (bytes <= 1024)
        return 16;
    if (bytes <= 8 * CAIRN__PAGE)
        return 8;
    return bytes <= 64 * CAIRN__PAGE ? 4 : 2;
}

/* Is a slab of that many pages good for blocks of so many bytes? */
static bool is_tidy(size_t pages, size_t bytes)
{
    size_t whole = pages * CAIRN__PAGE;

    return whole / bytes >= FIRST_BLOCKS &&
           whole % bytes <= whole / WASTE_SHARE;
}

unsigned cairn__class_pages(unsigned number, size_t slabs)
{
    size_t bytes = cairn__class_bytes(number);
    unsigned pages = 1;

    while (pages < CAIRN__SLAB_PAGES_MAX && !is_tidy(pages, bytes))
        pages *= 2;
    while (slabs > 0 && pages < CAIRN__SLAB_PAGES_MAX &&
           2 * pages * CAIRN__PAGE / bytes <= CAIRN__SLAB_BLOCKS_MAX) {
        pages *= 2;
        slabs /= 2;
    }
    return pages;
}
