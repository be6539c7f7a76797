/*
 * base/format.c - formatted text, in the way of C's snprintf.
 *
 * HOW    One pass over the format.  Every character goes through put(), which
 *        counts it and stores it if there is room; so the length is right
 *        also when the text is cut.  A conversion is parsed into a `struct
 *        spec`, its digits are made backwards in a small buffer, and
 *        put_field() adds prefix, precision and padding.
 *
 * NOT    No floating point, no %n, no wide characters, no positions (%1$d).
 *
 * TESTS  tests/format.c compares with the C library's snprintf on the host.
 */
#include <cairn/format.h>

#include "base/assert.h"
#include "base/divide.h"
#include <stdbool.h>
#include <stdint.h>

struct output {
    char *buffer;
    size_t bytes;
    size_t length;
};

struct spec {
    bool left;
    bool zero;
    bool plus;
    bool space;
    bool alternate;
    int width;
    int precision; /* -1: none given */
    int size;      /* bytes of the integer argument */
    char conversion;
};

/* Digits of the largest number in the smallest base. */
#define DIGITS_MAX 24

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->bytes)
        out->buffer[out->length] = c;
    out->length++;
}

static void put_times(struct output *out, char c, int times)
{
    while (times-- > 0)
        put(out, c);
}

static int text_length(const char *text, int limit)
{
    int length = 0;

    while ((limit < 0 || length < limit) && text[length] != '\0')
        length++;
    return length;
}

/* `prefix` is a sign or 0x: it comes before zeros, but after spaces. */
static void put_field(struct output *out, const struct spec *spec,
                      const char *prefix, const char *text, int zeros)
{
    int length =
        text_length(text, spec->conversion == 's' ? spec->precision : -1);
    int used = text_length(prefix, -1) + zeros + length;
    int padding = spec->width > used ? spec->width - used : 0;
    bool pad_zero = spec->zero && !spec->left && spec->precision < 0;

    if (!spec->left && !pad_zero)
        put_times(out, ' ', padding);
    while (*prefix != '\0')
        put(out, *prefix++);
    put_times(out, '0', zeros + (pad_zero ? padding : 0));
    for (int i = 0; i < length; i++)
        put(out, text[i]);
    if (spec->left)
        put_times(out, ' ', padding);
}

/* Write the digits of `value` backwards, ending at `end`; where they begin. */
static char *make_digits(char *end, uint64_t value, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    uint32_t digit;

    cairn__assert(base >= 8 && base <= 16);
    *--end = '\0';
    while (value != 0) {
        value = cairn__divide(value, base, &digit);
        *--end = digits[digit];
    }
    return end;
}

static const char *sign_of(const struct spec *spec, bool negative)
{
    if (negative)
        return "-";
    if (spec->plus)
        return "+";
    return spec->space ? " " : "";
}

static void put_number(struct output *out, const struct spec *spec,
                       uint64_t value, const char *prefix)
{
    char buffer[DIGITS_MAX + 1];
    char conversion = spec->conversion;
    unsigned base = 10;
    int wanted = spec->precision < 0 ? 1 : spec->precision;
    char *digits;
    int length;

    if (conversion == 'x' || conversion == 'X' || conversion == 'p')
        base = 16;
    if (conversion == 'o')
        base = 8;
    digits =
        make_digits(buffer + sizeof(buffer), value, base, conversion == 'X');
    length = (int)(buffer + sizeof(buffer) - 1 - digits);
    if (conversion == 'o' && spec->alternate && wanted <= length)
        wanted = length + 1;
    put_field(out, spec, prefix, digits, wanted > length ? wanted - length : 0);
}

static void put_unsigned(struct output *out, const struct spec *spec,
                         uint64_t value)
{
    const char *prefix = "";

    if (spec->alternate && value != 0) {
        if (spec->conversion == 'x')
            prefix = "0x";
        if (spec->conversion == 'X')
            prefix = "0X";
    }
    if (spec->conversion == 'p')
        prefix = "0x";
    put_number(out, spec, value, prefix);
}

static void put_signed(struct output *out, const struct spec *spec,
                       int64_t value)
{
    bool negative = value < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)value : (uint64_t)value;

    put_number(out, spec, magnitude, sign_of(spec, negative));
}

static const char *parse_flags(const char *format, struct spec *spec)
{
    for (;; format++) {
        if (*format == '-')
            spec->left = true;
        else if (*format == '0')
            spec->zero = true;
        else if (*format == '+')
            spec->plus = true;
        else if (*format == ' ')
            spec->space = true;
        else if (*format == '#')
            spec->alternate = true;
        else
            return format;
    }
}

/* Digits as a number; more than a screen holds is as good as much more. */
static const char *parse_count(const char *format, int *count)
{
    *count = 0;
    for (; *format >= '0' && *format <= '9'; format++) {
        if (*count < 10000)
            *count = *count * 10 + (*format - '0');
    }
    return format;
}

static const char *parse_length(const char *format, struct spec *spec)
{
    spec->size = (int)sizeof(int);
    if (*format == 'h') {
        spec->size = format[1] == 'h' ? 1 : 2;
        return format + (format[1] == 'h' ? 2 : 1);
    }
    if (*format == 'l') {
        bool is_double = format[1] == 'l';
        spec->size = is_double ? (int)sizeof(long long) : (int)sizeof(long);
        return format + (is_double ? 2 : 1);
    }
    if (*format == 'j') {
        spec->size = (int)sizeof(intmax_t);
        return format + 1;
    }
    if (*format == 'z' || *format == 't') {
        spec->size = (int)sizeof(size_t);
        return format + 1;
    }
    return format;
}

/*
 * A va_list may be an array type, which a function parameter cannot be; so it
 * travels inside a structure.
 */
struct arguments {
    va_list list;
};

static const char *parse_spec(const char *format, struct spec *spec,
                              struct arguments *arguments)
{
    format = parse_flags(format, spec);
    if (*format == '*') {
        spec->width = va_arg(arguments->list, int);
        if (spec->width < 0) {
            spec->left = true;
            spec->width = -spec->width;
        }
        format++;
    } else {
        format = parse_count(format, &spec->width);
    }
    spec->precision = -1;
    if (*format == '.') {
        format++;
        if (*format == '*') {
            spec->precision = va_arg(arguments->list, int);
            format++;
        } else {
            format = parse_count(format, &spec->precision);
        }
    }
    format = parse_length(format, spec);
    spec->conversion = *format;
    return *format != '\0' ? format + 1 : format;
}

static uint64_t take_unsigned(const struct spec *spec,
                              struct arguments *arguments)
{
    uint64_t value;

    if (spec->size == 8)
        return va_arg(arguments->list, uint64_t);
    value = va_arg(arguments->list, unsigned);
    return spec->size == 1   ? (uint8_t)value
           : spec->size == 2 ? (uint16_t)value
                             : value;
}

static int64_t take_signed(const struct spec *spec, struct arguments *arguments)
{
    int value;

    if (spec->size == 8)
        return va_arg(arguments->list, int64_t);
    value = va_arg(arguments->list, int);
    return spec->size == 1   ? (int8_t)value
           : spec->size == 2 ? (int16_t)value
                             : value;
}

static void put_text(struct output *out, struct spec *spec, const char *text)
{
    spec->zero = false;
    spec->conversion = 's';
    put_field(out, spec, "", text != NULL ? text : "(null)", 0);
}

/* '\0' is a character like others. */
static void put_character(struct output *out, const struct spec *spec,
                          int character)
{
    if (!spec->left)
        put_times(out, ' ', spec->width - 1);
    put(out, (char)character);
    if (spec->left)
        put_times(out, ' ', spec->width - 1);
}

/* False: no such conversion. */
static bool put_argument(struct output *out, struct spec *spec,
                         struct arguments *arguments)
{
    switch (spec->conversion) {
    case 'd':
    case 'i':
        put_signed(out, spec, take_signed(spec, arguments));
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(out, spec, take_unsigned(spec, arguments));
        return true;
    case 'p':
        put_unsigned(out, spec, (uintptr_t)va_arg(arguments->list, void *));
        return true;
    case 'c':
        put_character(out, spec, va_arg(arguments->list, int));
        return true;
    case 's':
        put_text(out, spec, va_arg(arguments->list, const char *));
        return true;
    default:
        return false;
    }
}

size_t cairn_format_va(char *buffer, size_t bytes, const char *format,
                       va_list list)
{
    struct output out = {buffer, bytes, 0};
    struct arguments arguments;

    cairn__assert(format != NULL && (buffer != NULL || bytes == 0));
    va_copy(arguments.list, list);
    while (*format != '\0') {
        const char *begin = format;
        struct spec spec = {0};

        if (*format != '%') {
            put(&out, *format++);
            continue;
        }
        format = parse_spec(format + 1, &spec, &arguments);
        if (spec.conversion == '%') {
            put(&out, '%');
        } else if (!put_argument(&out, &spec, &arguments)) {
            while (begin < format)
                put(&out, *begin++);
        }
    }
    va_end(arguments.list);
    if (bytes != 0)
        buffer[out.length < bytes ? out.length : bytes - 1] = '\0';
    return out.length;
}

size_t cairn_format(char *buffer, size_t bytes, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = cairn_format_va(buffer, bytes, format, arguments);
    va_end(arguments);
    return length;
}

const char *cairn_format_size(char buffer[CAIRN_SIZE_TEXT_BYTES],
                              uint64_t size_bytes)
{
    static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
                                        "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    unsigned shift;
    unsigned tenth;

    while (unit + 1 < sizeof(units) / sizeof(units[0]) &&
           size_bytes >> (10 * (unit + 1)) != 0)
        unit++;
    shift = 10 * unit;
    tenth = unit == 0
                ? 0
                : (unsigned)((size_bytes >> (shift - 10) & 1023) * 10 >> 10);
    if (tenth == 0)
        cairn_format(buffer, CAIRN_SIZE_TEXT_BYTES, "%u %s",
                     (unsigned)(size_bytes >> shift), units[unit]);
    else
        cairn_format(buffer, CAIRN_SIZE_TEXT_BYTES, "%u.%u %s",
                     (unsigned)(size_bytes >> shift), tenth, units[unit]);
    return buffer;
}
