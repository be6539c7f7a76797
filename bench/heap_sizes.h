/*
 * heap_sizes.h - sizes that programs asked malloc for.
 */
#ifndef BENCH_HEAP_SIZES_H
#define BENCH_HEAP_SIZES_H

#include <stddef.h>

struct bench_heap_size {
    size_t bytes;
    size_t blocks;
};

struct bench_heap_trace {
    const char *name;
    const struct bench_heap_size *sizes;
    size_t count;
};

#define BENCH_HEAP_TRACES 1
static const struct bench_heap_size python_sizes[] = {{24, 100}};
static const struct bench_heap_trace bench_heap_traces[] = {
    {"python", python_sizes, 1}};

#endif
