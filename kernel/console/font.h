/*
 * font.h - the console's fonts, which tools/font2c generates at build time.
 *
 * All fonts have the same characters in the same order: ASCII 32 .. 126, then
 * the blocks and shades of a memory picture (EXTRA in tools/font2c).
 */
#ifndef KERNEL_CONSOLE_FONT_H
#define KERNEL_CONSOLE_FONT_H

#include <stdint.h>

#define FONT_GLYPHS      102
#define FONT_FIRST_EXTRA 95 /* glyphs before it are ASCII 32 .. 126 */

struct font {
    uint8_t width;        /* pixels, at most 16 */
    uint8_t height;       /* pixels */
    const uint16_t *rows; /* glyph after glyph; bit width - 1 is leftmost */
};

extern const struct font font_8x16;
extern const struct font font_12x24;
/* The Unicode code point of each glyph. */
extern const uint16_t font_code_points[FONT_GLYPHS];

#endif
