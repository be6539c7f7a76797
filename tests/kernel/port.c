/*
 * port.c - the tests inside the kernel: the monitor's command `test`.
 *
 * The tests are the same as on the host; this file supplies what they need of
 * the kernel.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "platform.h"

#include "harness/test.h"

#define ARENA_BYTES  ((size_t)1024 * 1024)
#define KERNEL_SHIFT 6 /* random tests: 1/64 of the host's rounds */

static uint8_t arena[ARENA_BYTES] __attribute__((aligned(4096)));

void test_port_print(const char *text)
{
    console_printf("%s", text);
}

void *test_port_arena(uint64_t *phys, size_t *bytes)
{
    struct cairn_phys_range image = kernel_image_range();

    *phys = image.start.value + ((uintptr_t)arena - KERNEL_VIRTUAL_BASE);
    *bytes = sizeof(arena);
    return arena;
}

static int run_tests(int argc, char **argv)
{
    struct test_options options = {
        .filter = argc > 1 ? argv[1] : NULL,
        .seed = 1,
        .rounds_shift = KERNEL_SHIFT,
        .rounds_times = 1,
    };
    struct test_result result;

    if (argc > 2) {
        console_printf("test: too many arguments; usage: test [PART]\n");
        return 1;
    }
    kernel_panic_hook = test_panicked;
    result = test_run_all(&options);
    kernel_panic_hook = NULL;
    return result.failed == 0 && result.passed > 0 ? 0 : 1;
}

MONITOR_COMMAND(test, "[PART]",
                "run the library's tests whose name contains PART", run_tests);
