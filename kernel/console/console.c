/*
 * console.c - where the kernel talks: serial port, screen and keyboard.
 *
 * HOW    The serial port gets a carriage return before each new line.  Text
 *        that is written while there is no screen is kept, up to
 *        CONSOLE_EARLY_BYTES, and shown when one is attached.  The keyboard is
 *        started by the first read: what only prints never touches it.
 */
#include "console/console.h"

#include "console/keyboard.h"
#include "console/screen.h"
#include "console/serial.h"
#include "cpu/insn.h"
#include <cairn/format.h>

#define CONSOLE_EARLY_BYTES 4096u

static struct {
    bool has_screen;
    bool has_keyboard; /* it was started */
    size_t early_bytes;
    char early[CONSOLE_EARLY_BYTES];
} console;

void console_init(void)
{
    serial_init();
}

bool console_attach_screen(const struct cairn_framebuffer *framebuffer,
                           void *pixels)
{
    console.has_screen = screen_init(framebuffer, pixels);
    if (console.has_screen) {
        screen_write(console.early, console.early_bytes);
        screen_flush();
    }
    return console.has_screen;
}

static void keep(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (console.early_bytes < CONSOLE_EARLY_BYTES)
            console.early[console.early_bytes++] = text[i];
    }
}

void console_write(const char *text, size_t bytes)
{
    size_t begin = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != '\n')
            continue;
        serial_write(text + begin, i - begin);
        serial_write("\r\n", 2);
        begin = i + 1;
    }
    serial_write(text + begin, bytes - begin);
    if (console.has_screen)
        screen_write(text, bytes);
    else
        keep(text, bytes);
}

void console_printf(const char *format, ...)
{
    char text[CONSOLE_PRINTF_BYTES];
    va_list arguments;
    va_start(arguments, format);
    size_t bytes = cairn_format_va(text, sizeof text, format, arguments);
    va_end(arguments);
    console_write(text, bytes < sizeof text ? bytes : sizeof text - 1);
}

void console_flush(void)
{
    screen_flush();
    serial_flush();
}

int console_try_read(void)
{
    screen_flush();
    int byte = serial_try_read();
    if (byte >= 0)
        return byte;
    if (!console.has_keyboard) {
        keyboard_init();
        console.has_keyboard = true;
    }
    return keyboard_try_read();
}

uint8_t console_read(void)
{
    for (;;) {
        int byte = console_try_read();
        if (byte >= 0)
            return (uint8_t)byte;
        insn_pause();
    }
}
