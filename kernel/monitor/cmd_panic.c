/*
 * cmd_panic.c - panic and fault: see how the kernel reports its end.
 */
#include "console/console.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/platform.h>

/* Words with single spaces between them; what does not fit is cut. */
static void join(char *text, size_t bytes, char **words)
{
    size_t used = 0;
    for (; *words != NULL; words++) {
        const char *word = *words;
        if (used > 0 && used + 1 < bytes)
            text[used++] = ' ';
        while (*word != '\0' && used + 1 < bytes)
            text[used++] = *word++;
    }
    text[used] = '\0';
}

static int run_panic(int argc, char **argv)
{
    char text[200];
    join(text, sizeof text, argv + 1);
    cairn_platform_panic(argc > 1 ? text : "the monitor's command panic");
}

MONITOR_COMMAND(panic, "[TEXT]", "stop the kernel as a bug in it would",
                run_panic)

/* ---- Faults -------------------------------------------------------------- */

static int divide(void)
{
    uint32_t low = 1;
    uint32_t high = 0;
    __asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "r"(0) : "cc");
    return 0;
}

static int execute_invalid(void)
{
    __asm__ volatile("ud2");
    return 0;
}

/* Until the stack ends; the compiler must not make a loop of it. */
static CAIRN_NOINLINE int recurse(volatile int depth)
{
    volatile int here = depth;

    return depth == 0 ? 0 : recurse(depth - 1) + here;
}

static int read_byte(const volatile uint8_t *at)
{
    console_printf("read 0x%02x, no fault\n", *at);
    return 0;
}

static int write_byte(volatile uint8_t *at)
{
    *at = 0;
    console_printf("wrote 0, no fault\n");
    return 0;
}

/* fault read|write ADDRESS */
static int access(int argc, char **argv)
{
    uint64_t address;
    if (argc != 3)
        return monitor_fail("fault: %.40s wants one address", argv[1]);
    if (monitor_number("fault", argv[2], &address) != 0)
        return 1;
    if (address > UINTPTR_MAX)
        return monitor_fail("fault: that is no virtual address here");
    volatile uint8_t *at = (volatile uint8_t *)(uintptr_t)address;
    return text_is_equal(argv[1], "read") ? read_byte(at) : write_byte(at);
}

static int run_fault(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "";
    if (text_is_equal(which, "read") || text_is_equal(which, "write"))
        return access(argc, argv);
    if (argc == 2 && text_is_equal(which, "divide"))
        return divide();
    if (argc == 2 && text_is_equal(which, "invalid"))
        return execute_invalid();
    if (argc == 2 && text_is_equal(which, "overflow"))
        return recurse(INT32_MAX);
    return monitor_fail(
        "fault: wants divide, invalid, overflow, read ADDRESS or "
        "write ADDRESS");
}

MONITOR_COMMAND(fault,
                "divide | invalid | overflow | read ADDRESS | write ADDRESS",
                "make the processor report an exception", run_fault)
