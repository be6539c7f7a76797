/*
 * sizes.c - a library to be preloaded: counts what sizes a program asks malloc
 * for.
 *
 *   gcc -O2 -shared -fPIC -o sizes.so tests/programs/sizes.c
 *   SIZES_FILE=python.txt LD_PRELOAD=./sizes.so python3 ...
 *
 * In the end it appends the lines of a table of bench/heap_sizes.h: every size
 * up to 64 KiB that makes up 1/2000 of all bytes or more.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZES 65537

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static size_t counts[SIZES];

static void count(size_t size)
{
    if (size < SIZES)
        __atomic_fetch_add(&counts[size], 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size)
{
    count(size);
    return __libc_realloc(block, size);
}

__attribute__((destructor)) static void end(void)
{
    const char *name = getenv("SIZES_FILE");
    FILE *out = name != NULL ? fopen(name, "a") : NULL;
    size_t bytes = 0;

    for (size_t i = 0; i < SIZES; i++)
        bytes += i * counts[i];
    for (size_t i = 1; out != NULL && i < SIZES; i++) {
        if (i * counts[i] >= bytes / 2000 && counts[i] != 0)
            fprintf(out, "{%zu, %zu},\n", i, counts[i]);
    }
    if (out != NULL)
        fclose(out);
}
