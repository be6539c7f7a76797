/*
 * platform.h - the kernel's side of <cairn/platform.h>, and its own panic.
 */
#ifndef KERNEL_PLATFORM_H
#define KERNEL_PLATFORM_H

#include <cairn/platform.h>
#include <cairn/status.h>

/* cairn_platform_panic with a formatted text. */
CAIRN_NORETURN void kernel_panic(const char *format, ...) CAIRN_PRINTF(1, 2);

/* Panic, with `what` and the status, unless that is CAIRN_OK. */
void kernel_require(enum cairn_status status, const char *what);

/*
 * Called first when the kernel panics; may leave by a jump.  Tests use it to
 * see panics that must happen.
 */
extern void (*kernel_panic_hook)(const char *text);

#endif
