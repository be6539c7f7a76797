/*
 * serial.c - the first serial port (16550 at 0x3f8), polled.
 *
 * HOW    A port is believed in when its scratch register keeps two values, or,
 *        for ports without one, when a byte comes back in loopback mode.
 *        Writing waits for an empty transmitter, then fills the FIFO without
 *        asking again.
 *
 * FAILS  A transmitter that does not become empty within the time-out (some
 *        seconds; a byte takes 87 us) is stuck: bytes are dropped after one
 *        look at it, until it is empty again.
 *
 * SOURCE National Semiconductor, "PC16550D Universal Asynchronous Receiver/
 *        Transmitter with FIFOs", June 1995, section 8.0, "Registers".
 */
#include "console/serial.h"

#include "cpu/insn.h"
#include <stdbool.h>
#include <stdint.h>

#define SERIAL_BASE 0x3f8u

enum {
    SERIAL_DATA = SERIAL_BASE,
    SERIAL_INTERRUPT_ENABLE = SERIAL_BASE + 1,
    SERIAL_FIFO = SERIAL_BASE + 2, /* read: interrupt identification */
    SERIAL_LINE_CONTROL = SERIAL_BASE + 3,
    SERIAL_MODEM_CONTROL = SERIAL_BASE + 4,
    SERIAL_LINE_STATUS = SERIAL_BASE + 5,
    SERIAL_SCRATCH = SERIAL_BASE + 7
};

#define SERIAL_8N1               0x03u
#define SERIAL_DIVISOR_ACCESS    0x80u
#define SERIAL_DIVISOR_115200    1u
#define SERIAL_FIFO_ENABLE_CLEAR 0x07u
#define SERIAL_FIFO_IS_ON        0xc0u
#define SERIAL_FIFO_BYTES        16u
#define SERIAL_MODEM_READY       0x03u /* DTR, RTS */
#define SERIAL_MODEM_LOOPBACK    0x10u
#define SERIAL_RECEIVED          0x01u
#define SERIAL_SENDER_EMPTY      0x20u
#define SERIAL_ALL_SENT          0x40u /* the last bit has left */
#define SERIAL_NO_PORT           0xffu

/*
 * Each poll reads a port, which takes 0.1 us to 1 us.  Emulators stop sending
 * while nobody reads their output, for example because it is being paged.
 */
#define SERIAL_POLLS_MAX          20000000u
#define SERIAL_LOOPBACK_POLLS_MAX 10000u

static struct {
    bool is_present;
    bool is_stuck;
    unsigned burst; /* bytes that an empty transmitter takes */
    unsigned room;  /* of these, how many are left before the next look */
} serial;

static bool keeps_scratch(uint8_t value)
{
    insn_out8(SERIAL_SCRATCH, value);
    return insn_in8(SERIAL_SCRATCH) == value;
}

static bool wait_for_status(uint8_t bit, unsigned polls)
{
    while (polls-- > 0) {
        if (insn_in8(SERIAL_LINE_STATUS) & bit)
            return true;
        insn_pause();
    }
    return false;
}

static bool answers_loopback(uint8_t value)
{
    insn_out8(SERIAL_MODEM_CONTROL, SERIAL_MODEM_LOOPBACK);
    insn_out8(SERIAL_DATA, value);
    bool is_back =
        wait_for_status(SERIAL_RECEIVED, SERIAL_LOOPBACK_POLLS_MAX) &&
        insn_in8(SERIAL_DATA) == value;
    insn_out8(SERIAL_MODEM_CONTROL, 0);
    return is_back;
}

static void set_line(void)
{
    insn_out8(SERIAL_INTERRUPT_ENABLE, 0);
    insn_out8(SERIAL_LINE_CONTROL, SERIAL_DIVISOR_ACCESS);
    insn_out8(SERIAL_DATA, SERIAL_DIVISOR_115200);
    insn_out8(SERIAL_INTERRUPT_ENABLE, 0); /* the divisor's upper half */
    insn_out8(SERIAL_LINE_CONTROL, SERIAL_8N1);
    insn_out8(SERIAL_FIFO, SERIAL_FIFO_ENABLE_CLEAR);
}

void serial_init(void)
{
    serial.is_present = false;
    if (insn_in8(SERIAL_LINE_STATUS) == SERIAL_NO_PORT)
        return;
    bool has_scratch = keeps_scratch(0x55) && keeps_scratch(0xaa);
    set_line();
    if (!has_scratch && !answers_loopback(0xae))
        return;
    insn_out8(SERIAL_MODEM_CONTROL, SERIAL_MODEM_READY);
    uint8_t fifo = insn_in8(SERIAL_FIFO) & SERIAL_FIFO_IS_ON;
    serial.burst = fifo == SERIAL_FIFO_IS_ON ? SERIAL_FIFO_BYTES : 1;
    serial.room = 0;
    serial.is_stuck = false;
    serial.is_present = true;
}

void serial_flush(void)
{
    if (serial.is_present && !serial.is_stuck)
        serial.is_stuck = !wait_for_status(SERIAL_ALL_SENT, SERIAL_POLLS_MAX);
}

static void send(uint8_t byte)
{
    if (serial.room == 0) {
        unsigned polls = serial.is_stuck ? 1 : SERIAL_POLLS_MAX;
        serial.is_stuck = !wait_for_status(SERIAL_SENDER_EMPTY, polls);
        if (serial.is_stuck)
            return;
        serial.room = serial.burst;
    }
    serial.room--;
    insn_out8(SERIAL_DATA, byte);
}

void serial_write(const char *text, size_t bytes)
{
    if (!serial.is_present)
        return;
    for (size_t i = 0; i < bytes; i++)
        send((uint8_t)text[i]);
}

int serial_try_read(void)
{
    if (!serial.is_present)
        return -1;
    uint8_t status = insn_in8(SERIAL_LINE_STATUS);
    if (status == SERIAL_NO_PORT || !(status & SERIAL_RECEIVED))
        return -1;
    return insn_in8(SERIAL_DATA);
}
