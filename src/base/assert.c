/*
 * base/assert.c - the two ways to stop, with a formatted message.
 */
#include "base/assert.h"

#include <cairn/format.h>
#include <cairn/platform.h>

#define MESSAGE_BYTES 256

void cairn__assert_failed(const char *file, int line, const char *condition)
{
    cairn__panic("%s:%d: assertion failed: %s", file, line, condition);
}

void cairn__panic(const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cairn_format_va(message, sizeof(message), format, arguments);
    va_end(arguments);
    cairn_platform_panic(message);
}
