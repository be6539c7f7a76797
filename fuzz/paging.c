/*
 * fuzz/paging.c - any sequence of calls on page tables, of any format.
 *
 * The first byte chooses the format, the others all that tests leave to chance;
 * tests/host/paging_model.c judges the answers.
 */
#include "paging_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX     1000
#define COMPARE_EVERY 16

static const uint8_t *input;
static size_t left;
static unsigned long long step_counts[CAIRN_PAGING_MODES];

static void tell(void)
{
    fprintf(stderr, "paging: steps");
    for (unsigned i = 0; i < CAIRN_PAGING_MODES; i++)
        fprintf(stderr, " %llu", step_counts[i]);
    fprintf(stderr, "\n");
}

/* ---- What the harness supplies elsewhere --------------------------------- */

static uint32_t next_byte(void)
{
    if (left == 0)
        return 0;
    left--;
    return *input++;
}

uint32_t test_random_below(uint32_t limit)
{
    uint32_t value = next_byte();

    if (limit > 256)
        value = value << 8 | next_byte();
    return value % limit;
}

bool test_random_once_in(uint32_t times)
{
    return test_random_below(times) == times - 1;
}

uint64_t test_random(void)
{
    return test_random_below(UINT16_MAX);
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s:%d: not so: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

void test_check_equal(uint64_t seen, uint64_t wanted, const char *file,
                      int line, const char *text)
{
    if (seen != wanted)
        test_fail(file, line, "%s: %#llx against %#llx", text,
                  (unsigned long long)seen, (unsigned long long)wanted);
}

/* ---- The fuzzer ---------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return atexit(tell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum cairn_paging_mode mode;

    input = data;
    left = size;
    mode = (enum cairn_paging_mode)test_random_below(CAIRN_PAGING_MODES);
    paging_model_start(mode, PAGING_VARIED);
    for (unsigned i = 0; i < STEPS_MAX && left > 0; i++) {
        paging_model_step();
        step_counts[mode]++;
        if (i % COMPARE_EVERY == 0)
            paging_model_compare();
    }
    paging_model_end();
    return 0;
}
