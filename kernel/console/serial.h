/*
 * serial.h - the first serial port (16550 at 0x3f8), polled.
 *
 * Nothing here waits for a port that is absent or that has stopped sending.
 */
#ifndef KERNEL_CONSOLE_SERIAL_H
#define KERNEL_CONSOLE_SERIAL_H

#include <stddef.h>

/* Look for the port and set it to 115200 baud, 8n1.  Before it: no port. */
void serial_init(void);

/* Send bytes as they are; what a blocked port does not take is dropped. */
void serial_write(const char *text, size_t bytes);

/* Wait until all of it has left: what is in the port dies with the machine. */
void serial_flush(void);

/* The next received byte, or -1 if there is none. */
int serial_try_read(void);

#endif
