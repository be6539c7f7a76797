/*
 * places.h - where the image and the window may lie, and where they do.
 *
 * These two are mapped before there is a layout (cairn/layout.h): by the UEFI
 * loader, or by the first code of the kernel.  Both choose here, so that all
 * ways to boot have the same places.
 */
#ifndef BOOT_PLACES_H
#define BOOT_PLACES_H

#include <cairn/entropy.h>
#include <cairn/types.h>

/* Where the image is linked to run. */
#define BOOT_IMAGE_HOME  ((uint64_t)0xffffffff80000000)
#define BOOT_IMAGE_ALIGN (2 * CAIRN_MIB)
/* The screen stays where it is, amidst the places of the image. */
#define BOOT_SCREEN_HOME      ((uint64_t)0xffffffff90000000)
#define BOOT_SCREEN_BYTES_MAX (256 * CAIRN_MIB)
/* Behind it, a heap that only the start has. */
#define BOOT_HEAP_HOME      (BOOT_SCREEN_HOME + BOOT_SCREEN_BYTES_MAX)
#define BOOT_HEAP_BYTES_MAX (2 * CAIRN_MIB)
/* Wherever the image lies, nothing else does so near to it. */
#define BOOT_MARGIN_BELOW (64 * CAIRN_KIB)
#define BOOT_MARGIN_ABOVE (8 * CAIRN_MIB - CAIRN_FRAME_SIZE)
#define BOOT_WINDOW_HOME  ((uint64_t)0xffff800000000000)
/* The least that it has room for: devices that lie below 4 GiB. */
#define BOOT_WINDOW_BYTES_MIN (4 * CAIRN_GIB)

/* Each `align` bytes from `start` to `end`, but for [hole_start, hole_end). */
struct boot_slide {
    uint64_t start; /* a multiple of `align`; the place without a choice */
    uint64_t end;
    uint64_t align;
    uint64_t hole_start; /* above `start`; */
    uint64_t hole_end;   /* both are `end` if there is none */
};

extern const struct boot_slide boot_slide_image;
extern const struct boot_slide boot_slide_window;

/* A place that was chosen. */
struct boot_place {
    uint64_t start;
    uint64_t places; /* out of so many; 1: there was no choice */
};

/*
 * Choose a place for `bytes` bytes, each as likely as any other.
 *
 *   entropy  NULL: the first one, without a choice ("nokaslr")
 *
 * Returns  false: it is too large, or has no bytes; nothing is written then.
 */
CAIRN_MUST_CHECK bool boot_place_choose(const struct boot_slide *slide,
                                        uint64_t bytes,
                                        struct cairn_entropy *entropy,
                                        struct boot_place *out);

#endif
