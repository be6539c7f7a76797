/*
 * keyboard.h - a PS/2 keyboard, polled; it speaks like a terminal.
 *
 * Keys arrive as the bytes that a terminal would send: characters of the US
 * layout, control characters, and escape sequences for the other keys.
 */
#ifndef KERNEL_CONSOLE_KEYBOARD_H
#define KERNEL_CONSOLE_KEYBOARD_H

/* Look for the controller and let the keyboard talk.  Never hangs. */
void keyboard_init(void);

/* The next byte, or -1 if there is none. */
int keyboard_try_read(void);

#endif
