/*
 * format.c - tests of <cairn/format.h>; tests/host/format.c compares with the
 * C library besides.
 */
#include "harness/test.h"

#include <cairn/format.h>

static const char *formatted(const char *format, ...) CAIRN_PRINTF(1, 2);

static const char *formatted(const char *format, ...)
{
    static char buffer[128];
    va_list arguments;

    va_start(arguments, format);
    cairn_format_va(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    return buffer;
}

CAIRN_TEST(format_numbers)
{
    CHECK_TEXT(formatted("%d %i %u", -5, 7, 9u), "-5 7 9");
    CHECK_TEXT(formatted("%x %X %#x %#o", 255u, 255u, 255u, 8u),
               "ff FF 0xff 010");
    CHECK_TEXT(formatted("%llu", 18446744073709551615ull),
               "18446744073709551615");
    CHECK_TEXT(formatted("%lld", -9223372036854775807ll - 1),
               "-9223372036854775808");
    CHECK_TEXT(formatted("%hhu %hd", (unsigned char)200, (short)-3), "200 -3");
    CHECK_TEXT(formatted("%016llx", 0x1234ull), "0000000000001234");
}

CAIRN_TEST(format_fields)
{
    CHECK_TEXT(formatted("[%5d|%-5d|%05d]", 42, 42, 42), "[   42|42   |00042]");
    CHECK_TEXT(formatted("[%+d|% d|%.3d|%8.3d]", 5, 5, 5, 5),
               "[+5| 5|005|     005]");
    CHECK_TEXT(formatted("[%*d|%-*d]", 4, 1, 4, 1), "[   1|1   ]");
    CHECK_TEXT(formatted("[%6s|%-6s|%.2s]", "abc", "abc", "abc"),
               "[   abc|abc   |ab]");
    CHECK_TEXT(formatted("%c%c%%", 'a', 'b'), "ab%");
}

CAIRN_TEST(format_cuts_and_tells_the_whole_length)
{
    char buffer[4] = {'x', 'x', 'x', 'x'};

    CHECK_EQ(cairn_format(buffer, sizeof(buffer), "%s", "hello"), 5);
    CHECK_TEXT(buffer, "hel");
    CHECK_EQ(cairn_format(NULL, 0, "%d", 12345), 5);
    CHECK_EQ(cairn_format(buffer, 1, "%d", 1), 1);
    CHECK_TEXT(buffer, "");
}

CAIRN_TEST(L8_sizes_for_people)
{
    char buffer[CAIRN_SIZE_TEXT_BYTES];

    CHECK_TEXT(cairn_format_size(buffer, 0), "0 B");
    CHECK_TEXT(cairn_format_size(buffer, 1023), "1023 B");
    CHECK_TEXT(cairn_format_size(buffer, 1024), "1 KiB");
    CHECK_TEXT(cairn_format_size(buffer, 640 * CAIRN_KIB), "640 KiB");
    CHECK_TEXT(cairn_format_size(buffer, 3 * CAIRN_MIB / 2), "1.5 MiB");
    CHECK_TEXT(cairn_format_size(buffer, CAIRN_GIB - 1), "1023.9 MiB");
    CHECK_TEXT(cairn_format_size(buffer, 8 * CAIRN_GIB), "8 GiB");
    CHECK_TEXT(cairn_format_size(buffer, 4 * CAIRN_TIB), "4 TiB");
    CHECK_TEXT(cairn_format_size(buffer, UINT64_MAX), "15.9 EiB");
}
