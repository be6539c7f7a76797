/*
 * malloc/malloc.c - malloc and its kin on Cairn's heap.
 *
 * HOW    The library's heap, with a thread in the part of a CPU (host.h).  The
 *        common path is the library's own, inlined: a thread's bins are its
 *        alone, so that there is nothing to switch off.  A thread begins with
 *        empty bins that are nobody's; the first call that finds them empty
 *        gives it its own.
 *
 * START  By the first call, whoever makes it: the program may allocate before
 *        any constructor has run.  What is asked of the C library then may
 *        allocate too, and is asked when the heap already works.
 *
 * FORK   The child has what the thread had that forked.  What other threads
 *        had of their own may be in the middle of a change, and is left alone:
 *        their numbers stay taken, their free blocks are lost to the child.
 *
 * LEVEL  CAIRN_MALLOC_LEVEL=0|1|2 in the environment (default 1); a program
 *        with more rights than its caller does not look.
 *
 * GUARDS CAIRN_MALLOC_GUARD=N: about one of N slow requests is guarded; a fault
 *        there is explained before the program ends (guards.h).
 *
 * FAILS  No memory: NULL and ENOMEM.  A pointer that cannot be freed: a line
 *        that says why, and abort().
 *
 * TESTS  tests/programs/malloc.c, and whole programs: tools/bench-programs;
 *        ./test --stage programs; make bench B=heap
 *
 * NOT    mallopt, mallinfo and malloc_stats stay the C library's, and know
 *        nothing of this heap.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "malloc/guards.h"
#include "malloc/host.h"
#include "malloc/pages.h"

#include "base/align.h"
#include "base/lock.h"
#include "heap/debug.h"
#include "heap/slab.h"
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define FAST   __builtin_expect
#define CALLER ((uintptr_t)__builtin_return_address(0))

#define SMALL_BYTES CAIRN_HEAP_SMALL_LIMIT
#define KEEP_BYTES  ((size_t)1 << 20)

/* Until the heap is started, every address leads nowhere. */
static struct cairn__heap_leaf *no_leaf;
static struct cairn_heap heap = {.directory = &no_leaf};
static pthread_key_t end_of_thread;
static unsigned long fork_state;
static unsigned long fork_state_below;

/* What a thread has that has nothing: bins that are both empty and full. */
static struct cairn__free_block no_block;
static struct cairn__heap_cpu nothing = {
    .bins = {[0 ... CAIRN_HEAP_CLASSES -
              1] = {.top = &no_block, .full = &no_block, .none = &no_block}}};

static _Thread_local struct cairn__heap_cpu *self
    __attribute__((tls_model("initial-exec"))) = &nothing;
static _Thread_local bool is_ending __attribute__((tls_model("initial-exec")));

/* ---- Start, threads, forks ----------------------------------------------- */

static void leave(void *unused)
{
    unsigned number;

    (void)unused;
    if (self == &nothing)
        return;
    is_ending = true;
    self = &nothing;
    number = host_leave();
    cairn_heap_retire_cpu(&heap, number);
    host_release(number);
}

/* Nobody is in the middle of a change of what threads share. */
static void before_fork(void)
{
    struct cairn_heap *below = cairn__debug_below(&heap);

    host_before_fork();
    fork_state = cairn__lock_acquire(&heap.lock);
    if (below != NULL)
        fork_state_below = cairn__lock_acquire(&below->lock);
    pages_lock();
}

static void after_fork(void)
{
    struct cairn_heap *below = cairn__debug_below(&heap);

    pages_unlock();
    if (below != NULL)
        cairn__lock_release(&below->lock, fork_state_below);
    cairn__lock_release(&heap.lock, fork_state);
    host_after_fork();
}

static void start(void)
{
    struct cairn_heap_config config = cairn_heap_config_default();
    const char *level = secure_getenv("CAIRN_MALLOC_LEVEL");

    config.starts_retired = true;
    config.is_believing = true;
    config.small_bytes = SMALL_BYTES;
    config.keep_bytes = KEEP_BYTES;
    if (level != NULL && level[0] >= '0' && level[0] <= '2')
        config.level = (enum cairn_heap_level)(level[0] - '0');
    guards_configure(&config);
    if (!pages_init(&config.source) ||
        cairn_heap_init(&heap, &config) != CAIRN_OK)
        cairn_platform_panic("no memory to start with");
    cairn_heap_resume_cpu(&heap, HOST_SHARED_CPU);
    guards_watch(&heap);
    pthread_key_create(&end_of_thread, leave);
}

/* This may allocate, once; so the heap is started, and it is not done again. */
static void watch_forks(void)
{
    static bool is_done;

    if (!__atomic_exchange_n(&is_done, true, __ATOMIC_RELAXED))
        pthread_atfork(before_fork, after_fork, after_fork);
}

/* The calling thread has bins of its own from now on, if there are any. */
static CAIRN_NOINLINE void join(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start);
    if (self != &nothing || is_ending)
        return;
    host_join();
    if (host_cpu == HOST_SHARED_CPU)
        return;
    cairn_heap_resume_cpu(&heap, host_cpu);
    self = &heap.cpus[host_cpu];
    pthread_setspecific(end_of_thread, self);
    watch_forks();
}

/* ---- The rest of the ways ------------------------------------------------ */

static CAIRN_NOINLINE void *alloc_slow(size_t size, unsigned flags,
                                       uintptr_t site)
{
    void *block;

    if (self == &nothing)
        join();
    block = cairn_heap_alloc_at(&heap, size, flags, site);
    if (block == NULL)
        errno = ENOMEM;
    return block;
}

static CAIRN_NOINLINE void *alloc_large(size_t size, uintptr_t site)
{
    size_t pages = cairn__heap_pages_of(size);
    uintptr_t block = 0;

    if (pages <= CAIRN_HEAP_LARGE_PAGES && heap.is_direct)
        block = cairn__cpu_take_large(self, cairn__class_of_pages(pages));
    return block != 0 ? (void *)block : alloc_slow(size, 0, site);
}

static CAIRN_NOINLINE void free_slow(void *block, uintptr_t site)
{
    enum cairn_status status;

    if (cairn__cpu_put_large(&heap, self, (uintptr_t)block) || block == NULL)
        return;
    if (self == &nothing)
        join();
    status = cairn_heap_free_at(&heap, block, site);
    if (status != CAIRN_OK)
        cairn__panic("free(%p): %s", block, cairn_status_text(status));
}

static void *alloc_aligned(size_t align, size_t size, uintptr_t site)
{
    void *block;

    if (self == &nothing)
        join();
    block = cairn_heap_alloc_aligned_at(&heap, size, align, 0, site);
    if (block == NULL)
        errno = ENOMEM;
    return block;
}

/* ---- What programs call -------------------------------------------------- */

EXPORT void *malloc(size_t size)
{
    uintptr_t block;

    if (FAST(size > SMALL_BYTES, 0))
        return alloc_large(size, CALLER);
    block = cairn__bin_take(cairn__bin_at(
        self, heap.bins[(size + CAIRN_HEAP_ALIGN - 1) / CAIRN_HEAP_ALIGN]));
    return FAST(block != 0, 1) ? (void *)block : alloc_slow(size, 0, CALLER);
}

EXPORT void free(void *block)
{
    if (FAST(!cairn__cpu_put(&heap, self, (uintptr_t)block), 0))
        free_slow(block, CALLER);
}

EXPORT void *calloc(size_t count, size_t size)
{
    size_t bytes;
    void *block;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (bytes > SMALL_BYTES || heap.debug != NULL)
        return alloc_slow(bytes, CAIRN_HEAP_ZEROED, CALLER);
    block = malloc(bytes);
    return block == NULL ? NULL : memset(block, 0, bytes);
}

EXPORT void *realloc(void *block, size_t size)
{
    void *other;

    if (block == NULL)
        return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (self == &nothing)
        join();
    other = cairn_heap_realloc_at(&heap, block, size, CALLER);
    if (other == NULL)
        errno = ENOMEM;
    return other;
}

EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    int before = errno;
    void *block;

    if (align % sizeof(void *) != 0 || !cairn__is_power(align))
        return EINVAL;
    block = alloc_aligned(align, size, CALLER);
    errno = before;
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    if (!cairn__is_power(align)) {
        errno = EINVAL;
        return NULL;
    }
    return alloc_aligned(align, size, CALLER);
}

EXPORT void *memalign(size_t align, size_t size)
{
    return aligned_alloc(align, size);
}

EXPORT void *valloc(size_t size)
{
    return alloc_aligned(CAIRN_FRAME_SIZE, size, CALLER);
}

EXPORT void *pvalloc(size_t size)
{
    size_t pages = size / CAIRN_FRAME_SIZE + (size % CAIRN_FRAME_SIZE != 0);

    if (pages > SIZE_MAX / CAIRN_FRAME_SIZE)
        pages = SIZE_MAX / CAIRN_FRAME_SIZE;
    return alloc_aligned(CAIRN_FRAME_SIZE, pages * CAIRN_FRAME_SIZE, CALLER);
}

EXPORT size_t malloc_usable_size(void *block)
{
    return block == NULL ? 0 : cairn_heap_usable_size(&heap, block);
}

EXPORT int malloc_trim(size_t pad)
{
    (void)pad;
    if (self == &nothing)
        join();
    cairn_heap_drain(&heap);
    return pages_trim() ? 1 : 0;
}
