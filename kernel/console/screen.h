/*
 * screen.h - text on a framebuffer of 32-bit pixels, with ANSI colours.
 *
 * Understands what the kernel itself writes and what a terminal would
 * understand too: \n (which also returns) \r \b \t, UTF-8 for the characters
 * of the font, and of the ANSI escape sequences colours (m), erase (J, K) and
 * movement (A B C D G H).  Anything else is dropped or shown as '?'.
 */
#ifndef KERNEL_CONSOLE_SCREEN_H
#define KERNEL_CONSOLE_SCREEN_H

#include <cairn/boot.h>

/*
 * Use this framebuffer from now on; clears it.
 *
 *   pixels  where framebuffer->base is mapped, writable, framebuffer->bytes
 *
 * Returns  false if the screen's description makes no sense: nothing is drawn.
 */
bool screen_init(const struct cairn_framebuffer *framebuffer, void *pixels);

/* Before screen_init: nothing. */
void screen_write(const char *text, size_t bytes);

/* Draw what screen_write has put off. */
void screen_flush(void);

#endif
