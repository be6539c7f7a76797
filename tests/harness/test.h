/*
 * test.h - tests that run on the host and inside the kernel alike.
 *
 * A test is one place:
 *
 *   CAIRN_TEST(C8_double_free_is_refused)
 *   {
 *       CHECK_EQ(cairn_frames_free(pfn), CAIRN_OK);
 *       CHECK_PANIC(cairn_frames_free(pfn), "double free");
 *   }
 *
 * The name begins with the ID of the row of the requirements that it proves,
 * if there is one.  No list of tests exists: the macro puts a pointer into a
 * section, and the runner walks through the section.
 *
 * Random   test_random() gives the same numbers for the same seed and test,
 *          whatever else runs.  A failure prints the seed.
 * Failure  The first failed check ends the test.
 */
#ifndef TEST_HARNESS_TEST_H
#define TEST_HARNESS_TEST_H

#include "harness/jump.h"
#include <cairn/types.h>

struct test {
    const char *name;
    void (*run)(void);
};

#define CAIRN_TEST(test_name)                                                  \
    static void test_##test_name(void);                                        \
    static const struct test test_entry_##test_name = {#test_name,             \
                                                       test_##test_name};      \
    __attribute__((used, section("cairn_tests"))) static const struct test     \
        *const test_pointer_##test_name = &test_entry_##test_name;             \
    static void test_##test_name(void)

/* ---- Checks -------------------------------------------------------------- */

#define CHECK(condition)                                                       \
    ((condition) ? (void)0                                                     \
                 : test_fail(__FILE__, __LINE__, "CHECK(%s)", #condition))

/* Integers up to 64 bits, signed or not. */
#define CHECK_EQ(seen, wanted)                                                 \
    test_check_equal((uint64_t)(seen), (uint64_t)(wanted), __FILE__, __LINE__, \
                     #seen " is not " #wanted)

#define CHECK_TEXT(seen, wanted)                                               \
    test_check_text((seen), (wanted), __FILE__, __LINE__, #seen)

/* The statement must panic, with `part` somewhere in the message. */
#define CHECK_PANIC(statement, part)                                           \
    do {                                                                       \
        test_panic_expected = true;                                            \
        if (TEST_JUMP_SET(test_panic_jump) == 0) {                             \
            statement;                                                         \
            test_panic_expected = false;                                       \
            test_fail(__FILE__, __LINE__, "no panic: %s", #statement);         \
        }                                                                      \
        test_check_panic((part), __FILE__, __LINE__);                          \
    } while (0)

CAIRN_NORETURN void test_fail(const char *file, int line, const char *format,
                              ...) CAIRN_PRINTF(3, 4);
void test_check_equal(uint64_t seen, uint64_t wanted, const char *file,
                      int line, const char *text);
void test_check_text(const char *seen, const char *wanted, const char *file,
                     int line, const char *text);
void test_check_panic(const char *part, const char *file, int line);

/* Volatile: what panics may be a single access. */
extern volatile bool test_panic_expected;
extern test_jump test_panic_jump;

/*
 * Called by cairn_platform_panic: leaves to CHECK_PANIC, or to the runner,
 * which counts the test as failed.  Comes back if no test runs.
 */
void test_panicked(const char *text);

/* ---- Random numbers ------------------------------------------------------ */

uint64_t test_random(void);

/* 0 .. limit - 1; limit at least 1. */
uint32_t test_random_below(uint32_t limit);

/* True once in `times`. */
bool test_random_once_in(uint32_t times);

/* How often to repeat: `rounds`, scaled by the runner (less in the kernel). */
uint32_t test_rounds(uint32_t rounds);

/* ---- Memory -------------------------------------------------------------- */

/*
 * At least `bytes` bytes of zeroed memory, page-aligned, which
 * cairn_platform_phys_to_virt reaches at *phys.  Good until the test ends;
 * each call gives fresh memory, 1 MiB in all.
 */
void *test_memory(size_t bytes, uint64_t *phys);

/* ---- The runner ---------------------------------------------------------- */

struct test_options {
    const char *filter; /* run tests whose name contains it; NULL: all */
    uint64_t seed;
    uint32_t rounds_shift; /* divide rounds by 2^shift ... */
    uint32_t rounds_times; /* ... and multiply; at least 1 */
    bool is_quiet;         /* no line for a test that passes */
};

struct test_result {
    unsigned passed;
    unsigned failed;
};

/* Run, print a line each and at the end "N passed, N failed". */
struct test_result test_run_all(const struct test_options *options);

/* ---- What host and kernel supply ----------------------------------------- */

void test_port_print(const char *text);
void *test_port_arena(uint64_t *phys, size_t *bytes);
extern const struct test *const __start_cairn_tests[];
extern const struct test *const __stop_cairn_tests[];

#endif
