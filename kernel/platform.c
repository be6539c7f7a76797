/*
 * platform.c - what the reference kernel supplies to the library.
 */
#include "platform.h"

#include "console/console.h"
#include "cpu/backtrace.h"
#include "cpu/insn.h"
#include "cpu/trap.h"
#include "kernel.h"
#include "machine.h"
#include <cairn/format.h>

#define FLAG_INTERRUPTS (1u << 9)
#define MESSAGE_BYTES   256

void (*kernel_panic_hook)(const char *text);

void cairn_platform_log(enum cairn_log_level level, const char *text)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    if (level <= CAIRN_LOG_INFO)
        console_printf("[%s] %s\n", names[level], text);
}

void cairn_platform_panic(const char *text)
{
    static bool is_panicking;

    insn_interrupts_off();
    if (kernel_panic_hook != NULL) {
        trap_reset();
        kernel_panic_hook(text);
    }
    if (!is_panicking) {
        is_panicking = true;
        console_printf("\n\033[1;31mpanic:\033[0m %s\n", text);
        backtrace_print((uintptr_t)__builtin_frame_address(0));
    }
    machine_poweroff(false);
}

void kernel_require(enum cairn_status status, const char *what)
{
    if (status != CAIRN_OK)
        kernel_panic("%s: %s", what, cairn_status_text(status));
}

void kernel_panic(const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cairn_format_va(message, sizeof(message), format, arguments);
    va_end(arguments);
    cairn_platform_panic(message);
}

unsigned long cairn_platform_irq_save(void)
{
    unsigned long flags = insn_read_flags();

    insn_interrupts_off();
    return flags;
}

void cairn_platform_irq_restore(unsigned long state)
{
    if ((state & FLAG_INTERRUPTS) != 0)
        insn_write_flags(state);
}

void *cairn_platform_phys_to_virt(cairn_phys start, size_t bytes)
{
    return cairn_window_to_virt(&kernel.window, start, bytes);
}

unsigned cairn_platform_cpu(void)
{
    return 0;
}

unsigned cairn_platform_cpu_count(void)
{
    return 1;
}

void cairn_platform_quiesce(unsigned cpu)
{
    (void)cpu; /* there is only this one */
}

/* There is no other CPU that could run. */
void cairn_platform_flush(uint64_t cpus)
{
    char text[64];

    cairn_format(text, sizeof(text), "flush of CPUs %#llx",
                 (unsigned long long)cpus);
    cairn_platform_panic(text);
}
