/*
 * heap_build.h - heaps for tests, on pages of their own.
 *
 * The source hands out the lowest pages that fit, out of at most 256, fills
 * them with garbage, notices what is given back wrongly, and can refuse.
 */
#ifndef TEST_HEAP_BUILD_H
#define TEST_HEAP_BUILD_H

#include "harness/test.h"
#include <cairn/heap.h>

#define HEAP_PAGES_MAX 256

struct heap_build {
    enum cairn_heap_engine engine; /* of the next heap that is prepared */
    uint8_t *shared;               /* memory of all runs of one test */
    struct cairn_heap heap;
    struct cairn_heap_config config; /* for heap_build_start */
    uint8_t *memory;
    size_t page_count;
    uint16_t runs[HEAP_PAGES_MAX]; /* pages of the run that begins there */
    bool is_used[HEAP_PAGES_MAX];
    size_t used_count;
    size_t refuse_after; /* so many requests are granted; SIZE_MAX: all */
    bool can_resize;
};

extern struct heap_build heap_build;

/* A test that runs on every engine. */
#define HEAP_TEST(test_name)                                                   \
    static void on_##test_name(void);                                          \
    CAIRN_TEST(test_name)                                                      \
    {                                                                          \
        heap_on_all(on_##test_name);                                           \
    }                                                                          \
    static void on_##test_name(void)

/* Run it on one engine after the other, each time on the same memory. */
void heap_on_all(void (*run)(void));

/* Memory for the pages, once in a test; the default configuration. */
void heap_build_prepare(size_t page_count);

/* A new heap on empty pages; false: it found no memory. */
bool heap_build_start(void);

/* The same, and it must work. */
void heap_build_begin(size_t page_count);

/* All invariants hold. */
void heap_build_check(void);

/* Nothing is allocated: give everything back, and compare with the start. */
void heap_build_end(void);

#endif
