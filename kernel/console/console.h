/*
 * console.h - where the kernel talks: serial port, screen and keyboard.
 *
 * What is written goes to the serial port and, once it is attached, to the
 * screen.  What comes from the serial port and the keyboard is one stream of
 * bytes, as a terminal sends them.
 *
 * Context  any, interrupts off; one CPU at a time.  Nothing here allocates, and
 *          only console_read waits.
 */
#ifndef KERNEL_CONSOLE_CONSOLE_H
#define KERNEL_CONSOLE_CONSOLE_H

#include <cairn/boot.h>
#include <cairn/compiler.h>

/* What a single console_printf can print, with '\0'. */
#define CONSOLE_PRINTF_BYTES 512

/*
 * Start the serial port.  What is written before is kept for the screen, as
 * far as it fits.
 */
void console_init(void);

/*
 * Show everything on this screen too, from what was written first on.
 *
 *   pixels   where all of framebuffer->base is mapped, writable
 *   returns  false if the description makes no sense: there is no screen
 */
bool console_attach_screen(const struct cairn_framebuffer *framebuffer,
                           void *pixels);

/* '\n' begins a new line.  Any bytes are harmless. */
void console_write(const char *text, size_t bytes);

/* As cairn_format; longer texts are cut. */
void console_printf(const char *format, ...) CAIRN_PRINTF(1, 2);

/*
 * Bring the screen up to date: it is drawn less often than text is written.
 * console_read and console_try_read do it; whoever stops the CPU must.
 */
void console_flush(void);

/* The next byte of input: wait for it, or -1 if there is none now. */
uint8_t console_read(void);
int console_try_read(void);

#endif
