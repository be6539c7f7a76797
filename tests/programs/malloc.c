/*
 * malloc.c - a program that calls malloc and its kin in every way; run on the
 * replacement, and without it.
 *
 * It prints "PASS name" for each part and, last, "N passed, 0 failed"; what
 * goes wrong ends it with a line "FAIL name: where".
 *
 *   malloc [LIBRARY]   LIBRARY is opened by dlopen, and allocates
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static const char *part;
static unsigned passed;

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            printf("FAIL %s: %s\n%u passed, 1 failed\n", part, #what, passed); \
            fflush(stdout);                                                    \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

/* So that the compiler does not know what they return. */
static void *(*volatile get)(size_t size) = malloc;
static void *(*volatile get_zeroed)(size_t count, size_t size) = calloc;
static void *(*volatile change)(void *block, size_t size) = realloc;

/* ---- One thread ---------------------------------------------------------- */

static bool is_all(const unsigned char *block, size_t bytes, unsigned value)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != value)
            return false;
    }
    return true;
}

static void sizes(void)
{
    static void *blocks[2000];

    for (size_t i = 0; i < 2000; i++) {
        size_t size = i < 1000 ? i : i * 41;

        blocks[i] = get(size);
        CHECK(blocks[i] != NULL);
        CHECK((uintptr_t)blocks[i] % 16 == 0);
        CHECK(malloc_usable_size(blocks[i]) >= size);
        memset(blocks[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < 2000; i++) {
        CHECK(is_all(blocks[i], i < 1000 ? i : i * 41, i & 0xff));
        free(blocks[i]);
    }
    free(NULL);
    CHECK(malloc_usable_size(NULL) == 0);
}

static void alignments(void)
{
    void *block;

    for (size_t align = 8; align <= 4 * MIB; align *= 2) {
        for (size_t size = 1; size < MIB; size = size * 7 + 3) {
            CHECK(posix_memalign(&block, align, size) == 0);
            CHECK((uintptr_t)block % align == 0);
            memset(block, 1, size);
            free(block);
            block = aligned_alloc(align, size);
            CHECK(block != NULL && (uintptr_t)block % align == 0);
            free(block);
            block = memalign(align, size);
            CHECK(block != NULL && (uintptr_t)block % align == 0);
            block = change(block, size * 2);
            CHECK(block != NULL);
            free(block);
        }
    }
    block = valloc(5);
    CHECK(block != NULL && (uintptr_t)block % 4096 == 0);
    free(block);
    block = pvalloc(5);
    CHECK(block != NULL && malloc_usable_size(block) >= 4096);
    free(block);
}

static void refusals(void)
{
    void *block = &block;
    volatile size_t huge = SIZE_MAX / 2;

    errno = 0;
    CHECK(get(huge) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(get_zeroed(huge, 3) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(reallocarray(NULL, huge, 3) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(pvalloc(SIZE_MAX - 5) == NULL && errno == ENOMEM);
    errno = 5;
    CHECK(posix_memalign(&block, 24, 10) == EINVAL && block == &block);
    CHECK(posix_memalign(&block, 4, 10) == EINVAL);
    CHECK(posix_memalign(&block, 64, huge) == ENOMEM && errno == 5);
    block = get(100);
    memset(block, 7, 100);
    errno = 0;
    CHECK(change(block, huge) == NULL && errno == ENOMEM);
    CHECK(is_all(block, 100, 7));
    free(block);
}

static void zeroes(void)
{
    for (unsigned i = 0; i < 300; i++) {
        size_t size = (size_t)1 << (i % 23);
        unsigned char *block = get_zeroed(size, 1);

        CHECK(block != NULL && is_all(block, size, 0));
        memset(block, 0xff, size);
        free(block);
    }
}

static void growth(void)
{
    unsigned char *block = NULL;
    size_t before = 0;
    size_t size = 2;

    for (; size < 64 * MIB; size = size * 9 / 8 + 1) {
        block = change(block, size);
        CHECK(block != NULL);
        CHECK(before == 0 || (block[0] == 1 && block[before - 1] == 2));
        block[0] = 1;
        block[size - 1] = 2;
        before = size;
    }
    for (; size > 10; size /= 2) {
        block = change(block, size);
        CHECK(block != NULL && block[0] == 1);
    }
    CHECK(change(block, 0) == NULL);
}

/* ---- The system ---------------------------------------------------------- */

static long resident_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages;
}

static void returned(void)
{
    static void *blocks[40000];
    long before = resident_pages();
    long between;

    for (size_t i = 0; i < 40000; i++) {
        blocks[i] = get(2000);
        memset(blocks[i], 1, 2000);
    }
    between = resident_pages();
    for (size_t i = 0; i < 40000; i++)
        free(blocks[i]);
    (void)malloc_trim(0);
    CHECK(between - before > 15000);
    CHECK(resident_pages() - before < 3000);
}

/* A block that is freed and allocated again keeps its memory, for a while. */
static void very_large(void)
{
    size_t bytes = 24 * MIB;
    unsigned char *block = get(bytes);
    long before;

    memset(block, 1, bytes);
    before = resident_pages();
    free(block);
    block = get(bytes);
    CHECK(block != NULL);
    CHECK(resident_pages() > before - 2000);
    free(block);
}

/* ---- Threads ------------------------------------------------------------- */

#define THREADS 200

static pthread_barrier_t barrier;
static void *shared[THREADS];

static void *thread_body(void *what)
{
    size_t nth = (size_t)(uintptr_t)what;
    void *blocks[50];

    pthread_barrier_wait(&barrier);
    for (unsigned round = 0; round < 40; round++) {
        for (size_t i = 0; i < 50; i++) {
            blocks[i] = get(1 + (i * 37 + nth) % 5000);
            memset(blocks[i], (int)nth, 1 + (i * 37 + nth) % 5000);
        }
        for (size_t i = 0; i < 50; i++) {
            CHECK(is_all(blocks[i], 1 + (i * 37 + nth) % 5000, nth & 0xff));
            free(blocks[i]);
        }
    }
    shared[nth] = get(1000 + nth);
    pthread_barrier_wait(&barrier);
    free(shared[(nth + 1) % THREADS]);
    return get(100);
}

/* More than there are numbers for, all alive at once; twice. */
static void many_threads(void)
{
    pthread_t threads[THREADS];
    void *block;

    for (unsigned round = 0; round < 2; round++) {
        CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
        for (size_t i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, thread_body,
                                 (void *)(uintptr_t)i) == 0);
        for (size_t i = 0; i < THREADS; i++) {
            CHECK(pthread_join(threads[i], &block) == 0);
            free(block);
        }
        pthread_barrier_destroy(&barrier);
    }
}

static void *fill_and_free(void *what)
{
    static void *blocks[1000];

    (void)what;
    for (size_t i = 0; i < 1000; i++) {
        blocks[i] = get(10000);
        memset(blocks[i], 1, 10000);
    }
    for (size_t i = 0; i < 1000; i++)
        free(blocks[i]);
    return NULL;
}

/* What a thread has kept is there for the next one, one after the other. */
static void ended_threads(void)
{
    long before = 0;
    pthread_t thread;

    for (unsigned i = 0; i < 100; i++) {
        CHECK(pthread_create(&thread, NULL, fill_and_free, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        if (i == 10)
            before = resident_pages();
    }
    CHECK(resident_pages() - before < 2000);
}

static volatile bool is_over;

static void *busy(void *what)
{
    void *blocks[20];

    (void)what;
    while (!is_over) {
        for (size_t i = 0; i < 20; i++)
            blocks[i] = get(16 << i % 15);
        for (size_t i = 0; i < 20; i++)
            free(blocks[i]);
    }
    return NULL;
}

static void child_of_fork(void)
{
    pthread_t thread;

    for (size_t i = 0; i < 1000; i++)
        free(get(i * 50));
    if (pthread_create(&thread, NULL, fill_and_free, NULL) != 0 ||
        pthread_join(thread, NULL) != 0)
        _exit(1);
    _exit(0);
}

/* Whatever the other threads are doing, the child can allocate. */
static void forks(void)
{
    pthread_t threads[8];
    int status;

    for (unsigned i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, busy, NULL) == 0);
    for (unsigned i = 0; i < 20; i++) {
        pid_t child = fork();

        if (child == 0)
            child_of_fork();
        CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    is_over = true;
    for (unsigned i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- Beginning and end --------------------------------------------------- */

static void *early;

/* Before the library's own constructors may have run. */
__attribute__((constructor(101))) static void begin(void)
{
    early = calloc(10, 10);
}

static void constructors(void)
{
    CHECK(early != NULL && is_all(early, 100, 0));
    free(early);
}

static const char *library;

static void open_library(void)
{
    void *opened = library != NULL ? dlopen(library, RTLD_NOW) : NULL;

    if (library == NULL)
        return;
    CHECK(opened != NULL);
    CHECK(dlclose(opened) == 0);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {
        {"constructors", constructors},
        {"sizes", sizes},
        {"alignments", alignments},
        {"refusals", refusals},
        {"zeroes", zeroes},
        {"growth", growth},
        {"returned", returned},
        {"very_large", very_large},
        {"many_threads", many_threads},
        {"ended_threads", ended_threads},
        {"forks", forks},
        {"open_library", open_library},
    };

    library = argc > 1 ? argv[1] : NULL;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        part = parts[i].name;
        parts[i].run();
        printf("PASS malloc_%s\n", part);
        fflush(stdout);
        passed++;
    }
    printf("%u passed, 0 failed\n", passed);
    return 0;
}
