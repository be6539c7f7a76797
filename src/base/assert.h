/*
 * base/assert.h - states that only a bug in the library can reach.
 *
 * Assertions are on in every build: they are cheap next to what a memory
 * manager that goes on with broken structures destroys.
 */
#ifndef CAIRN__ASSERT_H
#define CAIRN__ASSERT_H

#include <cairn/compiler.h>

/* Panic with file, line and the text of the condition unless it holds. */
#define cairn__assert(condition)                                               \
    ((condition) ? (void)0                                                     \
                 : cairn__assert_failed(__FILE__, __LINE__, #condition))

CAIRN_NORETURN void cairn__assert_failed(const char *file, int line,
                                         const char *condition);

/* cairn_platform_panic with a formatted text of at most 255 bytes. */
CAIRN_NORETURN void cairn__panic(const char *format, ...) CAIRN_PRINTF(1, 2);

#endif
