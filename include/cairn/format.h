/*
 * cairn/format.h - numbers and messages as text, without a C library.
 *
 * The host kernel may use these functions for its own console; the library
 * uses them for its messages and reports.
 */
#ifndef CAIRN_FORMAT_H
#define CAIRN_FORMAT_H

#include <cairn/compiler.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

CAIRN_BEGIN_DECLS

/*
 * Write formatted text into a buffer, as C's snprintf does.
 *
 *   buffer  may be NULL only if `bytes` is 0
 *   bytes   size of the buffer; what does not fit is cut, and the text always
 *           ends with '\0' if `bytes` is not 0
 *   format  %c %s %d %i %u %x %X %o %p %% with flags - 0 + space #, width,
 *           precision (also as *), and the length modifiers hh h l ll z t j.
 *           %s with NULL prints "(null)".  An unknown conversion is copied
 *           as it stands.
 *
 * Returns  the length that the whole text has, without '\0', also when it was
 *          cut: the result was cut if this is >= `bytes`.
 * Context  any.  Cost: linear in the text.
 */
size_t cairn_format(char *buffer, size_t bytes, const char *format, ...)
    CAIRN_PRINTF(3, 4);
size_t cairn_format_va(char *buffer, size_t bytes, const char *format,
                       va_list arguments) CAIRN_PRINTF(3, 0);

/* A size as text never needs more bytes than this, '\0' included. */
#define CAIRN_SIZE_TEXT_BYTES 16

/*
 * Write `size_bytes` for people: "0 B", "640 KiB", "1.5 GiB", "16384 PiB".
 * The unit is the largest that gives at least 1; one decimal place, rounded
 * down, unless it is zero.
 *
 * Returns  `buffer`, for use in an argument list.
 */
const char *cairn_format_size(char buffer[CAIRN_SIZE_TEXT_BYTES],
                              uint64_t size_bytes);

CAIRN_END_DECLS

#endif
