/*
 * keymap.c - scan codes of set 1 to the bytes of a terminal; no hardware.
 *
 * HOW    Two tables of the US layout, and a third for keys with prefix 0xe0.
 *        Any sequence of codes is harmless: unknown ones send nothing.
 *
 * SOURCE Microsoft, "Keyboard Scan Code Specification", revision 1.3a, March
 *        2000, column "Scan 1 Make"; xterm, "XTerm Control Sequences", section
 *        "PC-Style Function Keys".
 */
#include "console/keymap.h"

#include <stddef.h>

#define KEYMAP_RELEASE     0x80u
#define KEYMAP_EXTENDED    0xe0u
#define KEYMAP_PAUSE       0xe1u
#define KEYMAP_PAUSE_CODES 2u

enum {
    KEY_CONTROL = 0x1d,
    KEY_LEFT_SHIFT = 0x2a,
    KEY_RIGHT_SHIFT = 0x36,
    KEY_CAPS = 0x3a
};

/* One byte for each code; 0 for keys that send nothing by themselves. */
static const char plain[] = "\0\0331234567890-=\177\tqwertyuiop[]\r\0as"
                            "dfghjkl;'`\0\\zxcvbnm,./\0*\0 \0\0\0\0\0\0"
                            "\0\0\0\0\0\0\000789-456+1230.";
static const char shifted[] = "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0AS"
                              "DFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 \0\0\0\0\0\0"
                              "\0\0\0\0\0\0\000789-456+1230.";
_Static_assert(sizeof plain == 0x55, "codes 0 to 0x53, and the end");
_Static_assert(sizeof plain == sizeof shifted, "one entry for each code");

struct keymap_extended {
    uint8_t code;
    const char *text;
};

static const struct keymap_extended extended[] = {
    {0x1c, "\r"},      {0x35, "/"},       {0x47, "\033[H"},  {0x48, "\033[A"},
    {0x49, "\033[5~"}, {0x4b, "\033[D"},  {0x4d, "\033[C"},  {0x4f, "\033[F"},
    {0x50, "\033[B"},  {0x51, "\033[6~"}, {0x52, "\033[2~"}, {0x53, "\033[3~"},
};

static const char *decode_extended(uint8_t code)
{
    for (size_t i = 0; i < sizeof extended / sizeof extended[0]; i++) {
        if (extended[i].code == code)
            return extended[i].text;
    }
    return "";
}

/* Shift and control; they count as held with and without the prefix. */
static bool take_modifier(struct keymap *keymap, uint8_t code, bool is_down)
{
    bool is_shift = code == KEY_LEFT_SHIFT || code == KEY_RIGHT_SHIFT;
    if (code == KEY_CONTROL)
        keymap->is_control = is_down;
    else if (is_shift && !keymap->is_extended)
        keymap->is_shift = is_down;
    return is_shift || code == KEY_CONTROL;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char character_of(const struct keymap *keymap, uint8_t code)
{
    if (code >= sizeof plain - 1)
        return '\0';
    bool is_upper = keymap->is_shift;
    if (keymap->is_caps && is_letter(plain[code]))
        is_upper = !is_upper;
    char c = is_upper ? shifted[code] : plain[code];
    bool has_control = c >= '@' && c < '\177';
    return keymap->is_control && has_control ? (char)(c & 0x1f) : c;
}

/* A code without prefix, or after it; not a prefix itself. */
static const char *decode_key(struct keymap *keymap, uint8_t code)
{
    bool is_down = (code & KEYMAP_RELEASE) == 0;
    code &= (uint8_t)~KEYMAP_RELEASE;
    if (take_modifier(keymap, code, is_down) || !is_down)
        return "";
    if (keymap->is_extended)
        return decode_extended(code);
    if (code == KEY_CAPS)
        keymap->is_caps = !keymap->is_caps;
    keymap->character[0] = character_of(keymap, code);
    return keymap->character;
}

const char *keymap_decode(struct keymap *keymap, uint8_t code)
{
    if (code == KEYMAP_EXTENDED || code == KEYMAP_PAUSE) {
        keymap->is_extended = code == KEYMAP_EXTENDED;
        keymap->to_skip = code == KEYMAP_PAUSE ? KEYMAP_PAUSE_CODES : 0;
        return "";
    }
    if (keymap->to_skip > 0) {
        keymap->to_skip--;
        return "";
    }
    const char *text = decode_key(keymap, code);
    keymap->is_extended = false;
    return text;
}
