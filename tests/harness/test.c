/*
 * test.c - the test runner; see test.h.
 */
#include "harness/test.h"

#include <cairn/format.h>

#define LINE_BYTES    512
#define MESSAGE_BYTES 256

static struct test_options options;
static const char *current; /* name of the running test; NULL: none */
static test_jump failure_jump;
static uint64_t random_state;
static char panic_text[MESSAGE_BYTES];
static size_t arena_used;

volatile bool test_panic_expected;
test_jump test_panic_jump;

/* ---- Output -------------------------------------------------------------- */

static void print(const char *format, ...) CAIRN_PRINTF(1, 2);

static void print(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cairn_format_va(line, sizeof(line), format, arguments);
    va_end(arguments);
    test_port_print(line);
}

/* ---- Text without a C library -------------------------------------------- */

static bool begins_with(const char *text, const char *part)
{
    while (*part != '\0') {
        if (*text++ != *part++)
            return false;
    }
    return true;
}

static bool contains(const char *text, const char *part)
{
    for (; *text != '\0'; text++) {
        if (begins_with(text, part))
            return true;
    }
    return *part == '\0';
}

static bool is_same_text(const char *a, const char *b)
{
    return begins_with(a, b) && begins_with(b, a);
}

/* ---- Checks -------------------------------------------------------------- */

void test_fail(const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cairn_format_va(message, sizeof(message), format, arguments);
    va_end(arguments);
    print("FAIL %s: %s:%d: %s (seed %llu)\n", current, file, line, message,
          (unsigned long long)options.seed);
    test_panic_expected = false;
    TEST_JUMP_TO(failure_jump);
}

void test_check_equal(uint64_t seen, uint64_t wanted, const char *file,
                      int line, const char *text)
{
    if (seen != wanted)
        test_fail(file, line, "%s: %llu (%#llx) against %llu (%#llx)", text,
                  (unsigned long long)seen, (unsigned long long)seen,
                  (unsigned long long)wanted, (unsigned long long)wanted);
}

void test_check_text(const char *seen, const char *wanted, const char *file,
                     int line, const char *text)
{
    if (!is_same_text(seen, wanted))
        test_fail(file, line, "%s is \"%s\", not \"%s\"", text, seen, wanted);
}

void test_check_panic(const char *part, const char *file, int line)
{
    test_panic_expected = false;
    if (!contains(panic_text, part))
        test_fail(file, line, "panic \"%s\" does not say \"%s\"", panic_text,
                  part);
}

void test_panicked(const char *text)
{
    if (current == NULL)
        return;
    cairn_format(panic_text, sizeof(panic_text), "%s", text);
    if (test_panic_expected)
        TEST_JUMP_TO(test_panic_jump);
    test_fail("panic", 0, "%s", text);
}

/* ---- Random numbers ------------------------------------------------------ */

/*
 * Source   G. Marsaglia, "Xorshift RNGs", J. Stat. Software 8 (14), 2003, with
 *          a multiplication as last step.
 */
uint64_t test_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

uint32_t test_random_below(uint32_t limit)
{
    return (uint32_t)((test_random() >> 32) * limit >> 32);
}

bool test_random_once_in(uint32_t times)
{
    return test_random_below(times) == 0;
}

/* A different sequence for each test, the same in every run. */
static void seed_for(const char *name)
{
    random_state = options.seed ^ 0x9e3779b97f4a7c15u;
    for (; *name != '\0'; name++)
        random_state = (random_state ^ (uint8_t)*name) * 0x100000001b3u;
    if (random_state == 0)
        random_state = 1;
}

uint32_t test_rounds(uint32_t rounds)
{
    rounds = (rounds >> options.rounds_shift) * options.rounds_times;
    return rounds > 0 ? rounds : 1;
}

/* ---- Memory -------------------------------------------------------------- */

void *test_memory(size_t bytes, uint64_t *phys)
{
    size_t total;
    uint8_t *memory = test_port_arena(phys, &total);
    size_t offset = arena_used;

    bytes = (bytes + CAIRN_FRAME_SIZE - 1) & ~((size_t)CAIRN_FRAME_SIZE - 1);
    if (bytes > total - arena_used)
        test_fail(__FILE__, __LINE__, "out of test memory");
    arena_used += bytes;
    for (size_t i = 0; i < bytes; i++)
        memory[offset + i] = 0;
    *phys += offset;
    return memory + offset;
}

/* ---- The runner ---------------------------------------------------------- */

static bool run_one(const struct test *test)
{
    volatile bool passed = false;

    current = test->name;
    arena_used = 0;
    seed_for(test->name);
    if (TEST_JUMP_SET(failure_jump) == 0) {
        test->run();
        passed = true;
    }
    current = NULL;
    return passed;
}

struct test_result test_run_all(const struct test_options *wanted)
{
    struct test_result result = {0, 0};

    options = *wanted;
    for (const struct test *const *test = __start_cairn_tests;
         test < __stop_cairn_tests; test++) {
        if (options.filter != NULL && !contains((*test)->name, options.filter))
            continue;
        if (run_one(*test)) {
            result.passed++;
            if (!options.is_quiet)
                print("PASS %s\n", (*test)->name);
        } else {
            result.failed++;
        }
    }
    print("%u passed, %u failed\n", result.passed, result.failed);
    return result;
}
