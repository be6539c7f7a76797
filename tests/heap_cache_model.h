/*
 * heap_cache_model.h - random calls of typed caches, and of the heap that they
 * are in, against a plain model.
 */
#ifndef TEST_HEAP_CACHE_MODEL_H
#define TEST_HEAP_CACHE_MODEL_H

#include "heap_build.h"

/*
 * That many calls on a heap for so many CPUs; now and then `between`, which may
 * be NULL, makes the caller another CPU.
 */
void cache_model_run(uint32_t steps, unsigned cpu_count, void (*between)(void));

#endif
