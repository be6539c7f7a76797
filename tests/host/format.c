/*
 * format.c - cairn_format against the C library's snprintf: random formats,
 * random values, buffers that are too small.
 *
 * Formats are put together from the documented parts, several to a text, so
 * that arguments of all sizes follow each other.
 */
#include <cairn/format.h>

#include "harness/test.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 512
#define GUARD      0x55

static char seen[TEXT_BYTES];
static char wanted[TEXT_BYTES];
static char format[64];
static size_t format_length;

static void append(const char *text)
{
    while (*text != '\0')
        format[format_length++] = *text++;
    format[format_length] = '\0';
}

static void append_number(uint32_t number)
{
    char digits[12];

    snprintf(digits, sizeof(digits), "%u", number);
    append(digits);
}

/* The flags that C defines for a conversion. */
static void append_flags(const char *flags)
{
    while (test_random_once_in(2)) {
        char flag[2] = {flags[test_random_below((uint32_t)strlen(flags))], 0};

        append(flag);
    }
}

static void append_width(bool with_precision)
{
    if (test_random_once_in(2))
        append_number(1 + test_random_below(30));
    if (with_precision && test_random_once_in(3)) {
        append(".");
        if (!test_random_once_in(4))
            append_number(test_random_below(25));
    }
}

/* Numbers of any length in bits, so that small ones are as frequent. */
static uint64_t random_value(void)
{
    if (test_random_once_in(16))
        return 0;
    if (test_random_once_in(16))
        return (uint64_t)1 << (8 * (1 + test_random_below(7)) - 1);
    return test_random() >> test_random_below(64);
}

/* Both wrote the same, and the same is beyond the end of the buffer. */
static void compare(size_t bytes, size_t seen_length, int wanted_length)
{
    if (wanted_length < 0 || seen_length != (size_t)wanted_length ||
        memcmp(seen, wanted, TEXT_BYTES) != 0)
        test_fail(__FILE__, __LINE__,
                  "\"%s\" into %u bytes: \"%s\", %u against \"%s\", %d", format,
                  (unsigned)bytes, bytes > 0 ? seen : "", (unsigned)seen_length,
                  bytes > 0 ? wanted : "", wanted_length);
}

static size_t random_bytes(void)
{
    memset(seen, GUARD, sizeof(seen));
    memset(wanted, GUARD, sizeof(wanted));
    return test_random_once_in(4) ? test_random_below(40) : TEXT_BYTES;
}

/* One conversion of the buffer's format, with any arguments. */
#define COMPARE(...)                                                           \
    do {                                                                       \
        size_t bytes = random_bytes();                                         \
        size_t length = cairn_format(seen, bytes, format, __VA_ARGS__);        \
        compare(bytes, length, snprintf(wanted, bytes, format, __VA_ARGS__));  \
    } while (0)

static void begin_format(void)
{
    format_length = 0;
    append(test_random_once_in(2) ? "" : "a%%b ");
    append("%");
}

/* Flags, width, precision, the length modifier and the conversion. */
static void make_integer_format(const char *modifier)
{
    static const char *const conversions[] = {"d", "i", "u", "x", "X", "o"};
    static const char *const flags[] = {"-0+ ", "-0+ ", "-0",
                                        "-0#",  "-0#",  "-0#"};
    uint32_t which = test_random_below(6);

    begin_format();
    append_flags(flags[which]);
    append_width(true);
    append(modifier);
    append(conversions[which]);
    append(test_random_once_in(2) ? "" : "|");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

CAIRN_TEST(format_of_integers_equals_snprintf)
{
    for (uint32_t i = test_rounds(50000); i > 0; i--) {
        uint64_t value = random_value();
        uint64_t negative = 0 - value;

        make_integer_format("");
        COMPARE((int)value);
        make_integer_format("hh");
        COMPARE((int)negative);
        make_integer_format("h");
        COMPARE((int)value);
        make_integer_format("l");
        COMPARE((long)negative);
        make_integer_format("ll");
        COMPARE((long long)value);
        make_integer_format("j");
        COMPARE((intmax_t)negative);
        make_integer_format("z");
        COMPARE((size_t)value);
        make_integer_format("t");
        COMPARE((ptrdiff_t)negative);
    }
}

CAIRN_TEST(format_of_several_integers_equals_snprintf)
{
    for (uint32_t i = test_rounds(50000); i > 0; i--) {
        uint64_t a = random_value();
        uint64_t b = random_value();
        static const char *const formats[] = {
            "%d %llx %d",
            "%hhu/%016llx/%-8u|",
            "%5u%%%#llx%u",
            "[%x][%20lld][%c]",
        };

        format_length = 0;
        append(formats[test_random_below(4)]);
        COMPARE((int)a, (unsigned long long)b, 'x' + (int)(a & 1));
    }
}

CAIRN_TEST(format_of_text_equals_snprintf)
{
    static const char *const texts[] = {"", "a", "frame", "0123456789012345"};

    for (uint32_t i = test_rounds(50000); i > 0; i--) {
        const char *text = texts[test_random_below(4)];
        int character = (int)test_random_below(128);

        begin_format();
        append_flags("-");
        append_width(true);
        append("s");
        COMPARE(text);
        begin_format();
        append_flags("-");
        append_width(false);
        append("c|");
        COMPARE(character);
    }
}

CAIRN_TEST(format_with_asterisks_equals_snprintf)
{
    for (uint32_t i = test_rounds(50000); i > 0; i--) {
        int width = (int)test_random_below(60) - 30;
        int precision = (int)test_random_below(40) - 10;
        uint64_t value = random_value();

        begin_format();
        append_flags("-0");
        append("*.*llu");
        COMPARE(width, precision, (unsigned long long)value);
        begin_format();
        append_flags("-");
        append("*.*s");
        COMPARE(width, precision, "some text");
    }
}

/* "%p" is the implementation's business; glibc's is 0x and small digits. */
CAIRN_TEST(format_of_pointers_equals_snprintf)
{
    for (uint32_t i = test_rounds(20000); i > 0; i--) {
        uintptr_t value = (uintptr_t)random_value();

        begin_format();
        append_flags("-");
        append_width(false);
        append("p");
        COMPARE((void *)(value == 0 ? 1 : value));
    }
}

CAIRN_TEST(format_of_the_extremes_equals_snprintf)
{
    static const char *const formats[] = {
        "%lld",    "%llu",    "%llx",    "%#llo",   "%+lld",
        "% lld",   "%030lld", "%.0lld",  "%.lld",   "%#.0llx",
        "%#.0llo", "%5.0lld", "%.25lld", "%-+9lld", "%+05lld",
    };
    static const long long values[] = {0,         1,       -1,      LLONG_MAX,
                                       LLONG_MIN, INT_MIN, INT_MAX, UINT32_MAX};

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        format_length = 0;
        append(formats[i]);
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++)
            COMPARE(values[k]);
    }
}

/* Where C leaves it open: what is no conversion is copied. */
static void check_copied(const char *text)
{
    format_length = 0;
    append(text);
    CHECK_EQ(cairn_format(seen, sizeof(seen), format, 1, 2), strlen(text));
    CHECK_TEXT(seen, text);
}

CAIRN_TEST(format_copies_what_is_no_conversion)
{
    const char *volatile no_text = NULL;

    check_copied("%q");
    check_copied("a%-08.3ly b");
    check_copied("100%");
    check_copied("%hh");
    CHECK_EQ(cairn_format(seen, sizeof(seen), "[%8s]", no_text), 10);
    CHECK_TEXT(seen, "[  (null)]");
}

#pragma GCC diagnostic pop
