/*
 * console.c - the loader's messages: the firmware's console, and serial line 1.
 *
 * HOW    A line is formatted into a buffer and then written to both.  Firmware
 *        whose own console includes that serial line (its variable ConOut says
 *        so) gets the text only once, else each line would appear twice.
 *
 * STATES Before exit: firmware and perhaps serial.  After console_leave_
 *        firmware: serial only, as no boot service may be called.
 *
 * FAILS  Silently: nobody could be told.  A missing serial port swallows what
 *        is written; a stuck one costs a bounded wait for each character.
 *
 * SOURCE UEFI Specification 2.10, 12.3, 12.4, 3.3 "Globally Defined Variables",
 *        10.3 "Device Path Nodes"; National Semiconductor PC16550D, 8.0.
 */
#include "loader/cpu.h"
#include "loader/loader.h"
#include <stdarg.h>

#define LINE_CHARS 512

#define SERIAL_PORT       0x3f8
#define SERIAL_DIVISOR    1 /* 115200 baud */
#define SERIAL_IS_EMPTY   0x20
#define SERIAL_WAIT_TURNS 100000

#define KEY_WAIT_STEPS      1000
#define KEY_WAIT_STEP_MICRO 10000

static struct {
    struct efi_system_table *system; /* NULL after boot services */
    bool is_serial_ours;
} console;

/* ---- Serial -------------------------------------------------------------- */

/* 8 bits, no parity, 1 stop bit, no interrupts. */
static void serial_begin(void)
{
    cpu_out(SERIAL_PORT + 1, 0x00);
    cpu_out(SERIAL_PORT + 3, 0x80); /* the divisor is reachable */
    cpu_out(SERIAL_PORT + 0, SERIAL_DIVISOR);
    cpu_out(SERIAL_PORT + 1, 0x00);
    cpu_out(SERIAL_PORT + 3, 0x03);
    cpu_out(SERIAL_PORT + 2, 0xc7); /* queues on and empty */
    cpu_out(SERIAL_PORT + 4, 0x03);
}

static void serial_put(char character)
{
    for (unsigned turn = 0; turn < SERIAL_WAIT_TURNS; turn++)
        if (cpu_in(SERIAL_PORT + 5) & SERIAL_IS_EMPTY)
            break;
    cpu_out(SERIAL_PORT, (uint8_t)character);
}

/* ---- The firmware's console ---------------------------------------------- */

#define NODE_ACPI           2
#define NODE_ACPI_HID       1
#define NODE_END            0x7f
#define NODE_END_ENTIRE     0xff
#define NODE_BYTES_MIN      4
#define NODE_ACPI_HID_BYTES 12
#define ACPI_HID_SERIAL     0x050141d0u /* PNP0501 */

struct device_node {
    uint8_t kind;
    uint8_t subkind;
    uint16_t bytes;
    uint32_t acpi_hid; /* if kind and subkind say so */
    uint32_t acpi_uid;
};

/* Is the first serial port part of the device paths in `data`? */
static bool paths_have_serial(const uint8_t *data, uint64_t bytes)
{
    uint64_t at = 0;

    while (bytes - at >= NODE_BYTES_MIN) {
        struct device_node node = {.kind = 0};
        uint64_t rest = bytes - at;

        memcpy(&node, data + at, rest < sizeof(node) ? rest : sizeof(node));
        if (node.bytes < NODE_BYTES_MIN || node.bytes > rest)
            return false;
        if (node.kind == NODE_END && node.subkind == NODE_END_ENTIRE)
            return false;
        if (node.kind == NODE_ACPI && node.subkind == NODE_ACPI_HID &&
            node.bytes >= NODE_ACPI_HID_BYTES &&
            node.acpi_hid == ACPI_HID_SERIAL && node.acpi_uid == 0)
            return true;
        at += node.bytes;
    }
    return false;
}

static bool firmware_has_serial(struct efi_system_table *system)
{
    static const struct efi_guid global_variable_guid = {
        0x8be4df61,
        0x93ca,
        0x11d2,
        {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};
    static uint8_t paths[1024];
    uint64_t bytes = sizeof(paths);
    efi_status status;

    if (system->console_out == NULL)
        return false;
    status = system->runtime->get_variable(u"ConOut", &global_variable_guid,
                                           NULL, &bytes, paths);
    return status == EFI_SUCCESS && paths_have_serial(paths, bytes);
}

static void firmware_put(const char *text)
{
    efi_char16 wide[LINE_CHARS + 1];
    size_t count = 0;

    while (text[count] != '\0' && count < LINE_CHARS) {
        wide[count] = (unsigned char)text[count];
        count++;
    }
    wide[count] = 0;
    console.system->console_out->output_string(console.system->console_out,
                                               wide);
}

/* ---- Formatting ---------------------------------------------------------- */

struct line {
    char text[LINE_CHARS];
    size_t length;
};

static void line_add(struct line *line, char character)
{
    if (character == '\n')
        line_add(line, '\r');
    if (line->length + 1 < sizeof(line->text))
        line->text[line->length++] = character;
}

static void line_add_text(struct line *line, const char *text)
{
    while (*text != '\0')
        line_add(line, *text++);
}

static void line_add_number(struct line *line, uint64_t value, unsigned base)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0)
        line_add(line, digits[--count]);
}

/* What follows a '%'; returns where the text goes on. */
static const char *line_add_argument(struct line *line, const char *format,
                                     va_list *arguments)
{
    bool is_long = format[0] == 'l' && format[1] == 'l';
    char kind = *(format += is_long ? 2 : 0);

    if (kind == 's')
        line_add_text(line, va_arg(*arguments, const char *));
    else if (kind == 'c')
        line_add(line, (char)va_arg(*arguments, int));
    else if (kind == 'u' || kind == 'x')
        line_add_number(line,
                        is_long ? va_arg(*arguments, uint64_t)
                                : va_arg(*arguments, unsigned),
                        kind == 'u' ? 10 : 16);
    else
        line_add(line, kind);
    return kind == '\0' ? format : format + 1;
}

static void print(const char *format, va_list *arguments)
{
    struct line line = {.length = 0};

    while (*format != '\0') {
        if (*format == '%')
            format = line_add_argument(&line, format + 1, arguments);
        else
            line_add(&line, *format++);
    }
    line.text[line.length] = '\0';

    if (console.system != NULL && console.system->console_out != NULL)
        firmware_put(line.text);
    for (size_t i = 0; console.is_serial_ours && i < line.length; i++)
        serial_put(line.text[i]);
}

/* ---- For the rest of the loader ------------------------------------------ */

void console_begin(struct efi_system_table *system)
{
    console.system = system;
    console.is_serial_ours = !firmware_has_serial(system);
    if (console.is_serial_ours)
        serial_begin();
}

void console_leave_firmware(void)
{
    console.system = NULL;
    console.is_serial_ours = true;
}

void console_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(format, &arguments);
    va_end(arguments);
}

efi_status console_fail(efi_status status, const char *format, ...)
{
    va_list arguments;

    console_print("Cairn loader: ");
    va_start(arguments, format);
    print(format, &arguments);
    va_end(arguments);
    return status;
}

const char *console_status_text(efi_status status)
{
    static const struct {
        efi_status status;
        const char *text;
    } texts[] = {
        {EFI_SUCCESS, "no error"},
        {EFI_LOAD_ERROR, "it ends too early"},
        {EFI_INVALID_PARAMETER, "invalid parameter"},
        {EFI_UNSUPPORTED, "not supported"},
        {EFI_BAD_BUFFER_SIZE, "it is too large"},
        {EFI_BUFFER_TOO_SMALL, "buffer too small"},
        {EFI_DEVICE_ERROR, "device error"},
        {EFI_OUT_OF_RESOURCES, "out of memory"},
        {EFI_VOLUME_CORRUPTED, "the volume is damaged"},
        {EFI_NO_MEDIA, "no medium"},
        {EFI_MEDIA_CHANGED, "the medium was changed"},
        {EFI_NOT_FOUND, "not found"},
        {EFI_ACCESS_DENIED, "access denied"},
        {EFI_TIMEOUT, "timeout"},
        {EFI_SECURITY_VIOLATION, "security violation"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "unknown error";
}

void console_wait_for_key(void)
{
    struct efi_text_input *input = console.system->console_in;
    struct efi_input_key key;

    if (input == NULL || console.system->console_in_handle == NULL)
        return;
    while (input->read_key_stroke(input, &key) == EFI_SUCCESS)
        ; /* keys that were pressed before the message */
    console_print("  Press a key to go on (10 seconds).\n");
    for (unsigned step = 0; step < KEY_WAIT_STEPS; step++) {
        if (input->read_key_stroke(input, &key) == EFI_SUCCESS)
            return;
        console.system->boot->stall(KEY_WAIT_STEP_MICRO);
    }
}
