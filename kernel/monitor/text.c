/*
 * text.c - the few string functions that the monitor needs; no hardware.
 */
#include "monitor/text.h"

size_t text_length(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

int text_compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

bool text_is_equal(const char *a, const char *b)
{
    return text_compare(a, b) == 0;
}

bool text_begins_with(const char *text, const char *begin, size_t begin_length)
{
    for (size_t i = 0; i < begin_length; i++) {
        if (text[i] == '\0' || text[i] != begin[i])
            return false;
    }
    return true;
}

/* ---- Distance ------------------------------------------------------------ */

/* Row i of the table: distances of the first i characters of `a` from `b`. */
typedef uint8_t text_row[TEXT_DISTANCE_MAX + 1];

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Fill row `i` (1 ..) of `rows`, of which the last three are kept. */
static void fill_row(text_row *rows, unsigned i, const char *a, const char *b)
{
    const uint8_t *before = rows[(i + 1) % 3]; /* row i - 2 */
    const uint8_t *above = rows[(i + 2) % 3];
    uint8_t *row = rows[i % 3];
    row[0] = (uint8_t)i;
    for (unsigned j = 1; j <= TEXT_DISTANCE_MAX && b[j - 1] != '\0'; j++) {
        unsigned is_wrong = a[i - 1] != b[j - 1];
        unsigned value = least(above[j], row[j - 1]) + 1;
        value = least(value, above[j - 1] + is_wrong);
        bool is_exchanged =
            i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
        if (is_exchanged)
            value = least(value, before[j - 2] + 1u);
        row[j] = (uint8_t)value;
    }
}

unsigned text_distance(const char *a, const char *b)
{
    text_row rows[3] = {{0}};
    unsigned length_a = least((unsigned)text_length(a), TEXT_DISTANCE_MAX);
    unsigned length_b = least((unsigned)text_length(b), TEXT_DISTANCE_MAX);
    for (unsigned j = 0; j <= length_b; j++)
        rows[0][j] = (uint8_t)j;
    for (unsigned i = 1; i <= length_a; i++)
        fill_row(rows, i, a, b);
    return rows[length_a % 3][length_b];
}

/* ---- Numbers ------------------------------------------------------------- */

/* The value of a digit, or `base` if it is none. */
static unsigned digit_value(char c, unsigned base)
{
    unsigned value = base;
    if (c >= '0' && c <= '9')
        value = (unsigned)(c - '0');
    else if (c >= 'a' && c <= 'f')
        value = (unsigned)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
        value = (unsigned)(c - 'A') + 10;
    return value < base ? value : base;
}

static unsigned suffix_shift(char c)
{
    switch (c) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    case 'T':
    case 't':
        return 40;
    default:
        return 0;
    }
}

static bool append_digit(uint64_t *value, unsigned base, unsigned digit)
{
    uint64_t limit = base == 16 ? UINT64_MAX / 16 : UINT64_MAX / 10;
    if (*value > limit || *value * base > UINT64_MAX - digit)
        return false;
    *value = *value * base + digit;
    return true;
}

/* Read digits from `*text` on, and move it behind them. */
static bool read_digits(const char **text, unsigned base, uint64_t *value)
{
    const char *begin = *text;
    unsigned digit;
    *value = 0;
    for (; (digit = digit_value(**text, base)) < base; (*text)++) {
        if (!append_digit(value, base, digit))
            return false;
    }
    return *text != begin;
}

bool text_read_number(const char *text, uint64_t *out)
{
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    uint64_t value;
    if (is_hex)
        text += 2;
    if (!read_digits(&text, is_hex ? 16 : 10, &value))
        return false;
    unsigned shift = suffix_shift(*text);
    if (shift != 0)
        text++;
    if (*text != '\0' || value > UINT64_MAX >> shift)
        return false;
    *out = value << shift;
    return true;
}
