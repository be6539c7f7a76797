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

void test_port_print(const char *text)
{
    console_printf("%s", text);
}

/*
 * Memory below 4 GiB, since what a 32-bit boot loader leaves behind lies there
 * too; the kernel's own image may lie above.  While tests run it is the
 * kernel's, so that tests of its allocator cannot get it.
 */
static cairn_pfn arena;

static bool take_arena(void)
{
    struct cairn_run_request request = {
        .count = ARENA_BYTES >> CAIRN_FRAME_SHIFT,
        .start = {CAIRN_MIB},
        .end = {4 * CAIRN_GIB},
        .owner = CAIRN_OWNER_KERNEL,
    };

    return cairn_frames_alloc_run(&kernel.frames, &request, &arena) == CAIRN_OK;
}

void *test_port_arena(uint64_t *phys, size_t *bytes)
{
    *phys = cairn_phys_of(arena).value;
    *bytes = ARENA_BYTES;
    return cairn_platform_phys_to_virt(cairn_phys_of(arena), ARENA_BYTES);
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
    if (!take_arena()) {
        console_printf("test: no 1 MiB of free memory below 4 GiB\n");
        return 1;
    }
    kernel_panic_hook = test_panicked;
    result = test_run_all(&options);
    kernel_panic_hook = NULL;
    (void)cairn_frames_free(&kernel.frames, arena);
    return result.failed == 0 && result.passed > 0 ? 0 : 1;
}

MONITOR_COMMAND(test, "[PART]",
                "run the library's tests whose name contains PART", run_tests);
