/*
 * keyboard.c - a PS/2 keyboard, polled; it speaks like a terminal.
 *
 * HOW    At init the controller is told to translate to scan code set 1 and to
 *        raise no interrupts.  Then each poll takes at most one code from it;
 *        keymap.c turns codes into text, which is handed out byte by byte.
 *
 * FAILS  A controller that is absent (status 0xff) or does not react within
 *        the time-out sends nothing.
 *
 * SOURCE IBM, "Personal System/2 Hardware Interface Technical Reference",
 *        October 1990, "Keyboard and Auxiliary Device Controller".
 *
 * NOT    No lights, no other layouts, no mouse, no USB keyboards except those
 *        that the firmware shows as PS/2.
 */
#include "console/keyboard.h"

#include "console/keymap.h"
#include "cpu/insn.h"

#define KEYBOARD_DATA    0x60u
#define KEYBOARD_COMMAND 0x64u /* read: status */

#define KEYBOARD_HAS_OUTPUT    0x01u
#define KEYBOARD_INPUT_FULL    0x02u
#define KEYBOARD_FROM_MOUSE    0x20u
#define KEYBOARD_NO_CONTROLLER 0xffu

#define KEYBOARD_READ_CONFIG       0x20u
#define KEYBOARD_WRITE_CONFIG      0x60u
#define KEYBOARD_ENABLE_PORT       0xaeu
#define KEYBOARD_CONFIG_INTERRUPTS 0x03u
#define KEYBOARD_CONFIG_DISABLED   0x10u
#define KEYBOARD_CONFIG_TRANSLATE  0x40u
#define KEYBOARD_START_SCANNING    0xf4u

#define KEYBOARD_POLLS_MAX 50000u
#define KEYBOARD_STALE_MAX 64u

static struct {
    bool is_present;
    const char *pending; /* what is left of the last key */
    struct keymap keymap;
} keyboard;

static bool wait_for_status(uint8_t mask, uint8_t wanted)
{
    for (unsigned i = 0; i < KEYBOARD_POLLS_MAX; i++) {
        if ((insn_in8(KEYBOARD_COMMAND) & mask) == wanted)
            return true;
        insn_pause();
    }
    return false;
}

static bool put(uint16_t port, uint8_t value)
{
    if (!wait_for_status(KEYBOARD_INPUT_FULL, 0))
        return false;
    insn_out8(port, value);
    return true;
}

/* Throw away what the firmware left behind. */
static void drop_output(void)
{
    for (unsigned i = 0; i < KEYBOARD_STALE_MAX; i++) {
        if (!(insn_in8(KEYBOARD_COMMAND) & KEYBOARD_HAS_OUTPUT))
            return;
        insn_in8(KEYBOARD_DATA);
    }
}

static bool configure(void)
{
    if (!put(KEYBOARD_COMMAND, KEYBOARD_READ_CONFIG) ||
        !wait_for_status(KEYBOARD_HAS_OUTPUT, KEYBOARD_HAS_OUTPUT))
        return false;
    uint8_t config = insn_in8(KEYBOARD_DATA);
    config &=
        (uint8_t) ~(KEYBOARD_CONFIG_INTERRUPTS | KEYBOARD_CONFIG_DISABLED);
    config |= KEYBOARD_CONFIG_TRANSLATE;
    return put(KEYBOARD_COMMAND, KEYBOARD_WRITE_CONFIG) &&
           put(KEYBOARD_DATA, config) &&
           put(KEYBOARD_COMMAND, KEYBOARD_ENABLE_PORT) &&
           put(KEYBOARD_DATA, KEYBOARD_START_SCANNING);
}

void keyboard_init(void)
{
    keyboard.pending = "";
    keyboard.keymap = (struct keymap){0};
    keyboard.is_present = false;
    if (insn_in8(KEYBOARD_COMMAND) == KEYBOARD_NO_CONTROLLER)
        return;
    drop_output();
    keyboard.is_present = configure();
}

/* The next scan code, or -1.  Replies of the keyboard look like releases. */
static int try_read_code(void)
{
    uint8_t status = insn_in8(KEYBOARD_COMMAND);
    if (status == KEYBOARD_NO_CONTROLLER || !(status & KEYBOARD_HAS_OUTPUT))
        return -1;
    uint8_t code = insn_in8(KEYBOARD_DATA);
    return status & KEYBOARD_FROM_MOUSE ? -1 : code;
}

int keyboard_try_read(void)
{
    if (!keyboard.is_present)
        return -1;
    if (*keyboard.pending == '\0') {
        int code = try_read_code();
        if (code < 0)
            return -1;
        keyboard.pending = keymap_decode(&keyboard.keymap, (uint8_t)code);
    }
    return *keyboard.pending == '\0' ? -1 : (uint8_t)*keyboard.pending++;
}
