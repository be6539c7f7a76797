/*
 * host.c - the test program of the host.
 */
#include "harness/test.h"
#include "sim/platform.h"
#include "sim/ram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_PHYS  ((uint64_t)0x100000)
#define ARENA_BYTES ((size_t)1024 * 1024)

static const char help[] =
    "usage: tests [--seed N] [--rounds N] [--shift N] [--quiet] [--list]\n"
    "             [PART]\n"
    "  PART        run only tests whose name contains PART\n"
    "  --seed N    start of the random numbers (default 1)\n"
    "  --rounds N  repeat random tests N times as often\n"
    "  --shift N   divide that by 2^N\n"
    "  --quiet     print failures only\n"
    "  --list      print the names of the tests\n";

/* A failure stays red, a success green, on a terminal. */
static void print_coloured(const char *text)
{
    const char *colour = strncmp(text, "FAIL", 4) == 0   ? "\033[31m"
                         : strncmp(text, "PASS", 4) == 0 ? "\033[32m"
                                                         : "";

    if (!isatty(STDOUT_FILENO) || *colour == '\0')
        fputs(text, stdout);
    else
        printf("%s%.4s\033[0m%s", colour, text, text + 4);
}

void test_port_print(const char *text)
{
    print_coloured(text);
    fflush(stdout);
}

void *test_port_arena(uint64_t *phys, size_t *bytes)
{
    *phys = ARENA_PHYS;
    *bytes = ARENA_BYTES;
    sim_ram_reset();
    if (!sim_ram_add(ARENA_PHYS, ARENA_BYTES))
        abort();
    return sim_ram_at(ARENA_PHYS, ARENA_BYTES);
}

static uint64_t number_of(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 0);

    if (*text == '\0' || *end != '\0') {
        fprintf(stderr, "tests: '%s' is not a number; try --help\n", text);
        exit(2);
    }
    return value;
}

static void list(void)
{
    for (const struct test *const *test = __start_cairn_tests;
         test < __stop_cairn_tests; test++)
        puts((*test)->name);
}

static void parse(int argc, char **argv, struct test_options *options)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;

        if (strcmp(argv[i], "--seed") == 0 && has_value) {
            options->seed = number_of(argv[++i]);
        } else if (strcmp(argv[i], "--rounds") == 0 && has_value) {
            options->rounds_times = (uint32_t)number_of(argv[++i]);
        } else if (strcmp(argv[i], "--shift") == 0 && has_value) {
            options->rounds_shift = (uint32_t)number_of(argv[++i]) % 32;
        } else if (strcmp(argv[i], "--quiet") == 0) {
            options->is_quiet = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            list();
            exit(0);
        } else if (argv[i][0] == '-') {
            fputs(help, strcmp(argv[i], "--help") == 0 ? stdout : stderr);
            exit(strcmp(argv[i], "--help") == 0 ? 0 : 2);
        } else {
            options->filter = argv[i];
        }
    }
}

int main(int argc, char **argv)
{
    struct test_options options = {.seed = 1, .rounds_times = 1};

    sim_set_panic_handler(test_panicked);
    parse(argc, argv, &options);
    return test_run_all(&options).failed == 0 ? 0 : 1;
}
