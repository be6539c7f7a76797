/*
 * keymap.h - scan codes of set 1 to the bytes of a terminal; no hardware.
 */
#ifndef KERNEL_CONSOLE_KEYMAP_H
#define KERNEL_CONSOLE_KEYMAP_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-filled is the state of a keyboard that nobody touches. */
struct keymap {
    bool is_shift;
    bool is_control;
    bool is_caps;
    bool is_extended; /* the code 0xe0 has come */
    uint8_t to_skip;  /* codes left of the sequence that 0xe1 begins */
    char character[2];
};

/*
 * Take one scan code.
 *
 * Returns  what the key sends, "" for most codes; valid until the next call.
 */
const char *keymap_decode(struct keymap *keymap, uint8_t code);

#endif
