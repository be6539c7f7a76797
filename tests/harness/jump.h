/*
 * jump.h - leave a failed test: setjmp where there is a C library, the
 * compiler's own pair of built-in functions in the kernel.
 */
#ifndef TEST_HARNESS_JUMP_H
#define TEST_HARNESS_JUMP_H

#if __STDC_HOSTED__
#include <setjmp.h>
typedef jmp_buf test_jump;
#define TEST_JUMP_SET(buffer) setjmp(buffer)
#define TEST_JUMP_TO(buffer)  longjmp((buffer), 1)
#else
typedef void *test_jump[5];
#define TEST_JUMP_SET(buffer) __builtin_setjmp(buffer)
#define TEST_JUMP_TO(buffer)  __builtin_longjmp((buffer), 1)
#endif

#endif
