/*
 * places.c - where the image and the window may lie, and where they do.
 *
 * HOW    A slide is at most two gaps: before and behind a hole.  The places in
 *        both are counted, one of them is drawn, so each is as likely as any
 *        other.  A layout does the same for any number of ranges; it is not
 *        part of the UEFI loader.
 *
 *        The image has 1 GiB, of which one table of entries of 2 MiB tells
 *        (kernel/boot/entry.S); the screen, the heap behind it, the margin that
 *        the image may have, and 2 MiB on either side that nothing may map, are
 *        not for it.  The window has half of what 4 levels
 *        of page tables reach of the kernel's half, in steps that suit its
 *        largest pages.
 *
 * TESTS  tests/places.c; many boots (tools/testall, random-places)
 */
#include "boot/places.h"

#define GUARD_BYTES (2 * CAIRN_MIB)

const struct boot_slide boot_slide_image = {
    .start = BOOT_IMAGE_HOME,
    .end = BOOT_IMAGE_HOME + CAIRN_GIB,
    .align = BOOT_IMAGE_ALIGN,
    .hole_start = BOOT_SCREEN_HOME - BOOT_MARGIN_ABOVE - GUARD_BYTES,
    .hole_end = BOOT_HEAP_HOME + BOOT_HEAP_BYTES_MAX + GUARD_BYTES,
};

const struct boot_slide boot_slide_window = {
    .start = BOOT_WINDOW_HOME,
    .end = BOOT_WINDOW_HOME + 64 * CAIRN_TIB,
    .align = CAIRN_GIB,
    .hole_start = BOOT_WINDOW_HOME + 64 * CAIRN_TIB,
    .hole_end = BOOT_WINDOW_HOME + 64 * CAIRN_TIB,
};

/* Places in [start, end); `start` is aligned. */
static uint64_t count(uint64_t start, uint64_t end, uint64_t bytes,
                      uint64_t align)
{
    if (end <= start || end - start < bytes)
        return 0;
    return (end - start - bytes) / align + 1;
}

bool boot_place_choose(const struct boot_slide *slide, uint64_t bytes,
                       struct cairn_entropy *entropy, struct boot_place *out)
{
    uint64_t align = slide->align;
    uint64_t upper = (slide->hole_end + align - 1) & ~(align - 1);
    uint64_t below = count(slide->start, slide->hole_start, bytes, align);
    uint64_t above = count(upper, slide->end, bytes, align);
    uint64_t number;

    if (bytes == 0 || below + above == 0 || (entropy == NULL && below == 0))
        return false;
    if (entropy == NULL) {
        *out = (struct boot_place){slide->start, 1};
        return true;
    }
    number = cairn_entropy_below(entropy, below + above);
    out->start = number < below ? slide->start + number * align
                                : upper + (number - below) * align;
    out->places = below + above;
    return true;
}
