/*
 * malloc/pages.c - the process's memory as frames, and these as pages.
 *
 * HOW    A large part of the address space is reserved at once, and is memory
 *        for Cairn's frame allocator; the system gives it memory when it is
 *        touched.  What is more than a slab is a run, which grows in place if
 *        the frames behind it are free: no page tables are moved, as mremap
 *        would, and no part of the address space is left behind.
 *
 * DIRTY  Pages that were freed still have memory: they are dirty.  What is not
 *        dirty is known to be zero.  Dirty pages go back to the system, all at
 *        once, when
 *          - the process would grow beyond its peak while DIRTY_LEAST of them
 *            lie unused, or
 *          - so many of them have not been used again for DIRTY_NS.
 *        So they never raise the peak by more than DIRTY_LEAST, and a block
 *        that is freed and allocated over and over keeps its memory.
 *
 * LOCKS  One, around everything.  Who has it is CPU HOST_PAGES_CPU, the only
 *        one that the frame allocator knows.
 */
#include "malloc/pages.h"

#include "malloc/host.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define REGION_BYTES ((size_t)256 << 30)
#define REGION_LEAST ((size_t)1 << 30)
#define MAP_RANGES   8
#define WORD_PAGES   64
#define BLOCK_PAGES  16 /* more are a run */
#define DIRTY_LEAST  ((size_t)512)
#define DIRTY_NS     ((uint64_t)50 * 1000 * 1000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cairn_memory_range storage[MAP_RANGES];
static struct cairn_memmap map;
static struct cairn_frames frames;
static struct cairn_heap_frames heap_frames;
static struct cairn_heap_source under; /* frames as a source */
static uintptr_t region;
static uint64_t *dirty;    /* a bit for each page of the region */
static size_t dirty_first; /* words that may have bits */
static size_t dirty_end;
static size_t dirty_count;
static size_t dirty_low;   /* the least of it since `judged_at` */
static uint64_t judged_at; /* by the clock */
static size_t used_count;
static size_t used_peak;

/* The number of the thread that has the lock. [lock] */
static unsigned lock_cpu;

void pages_lock(void)
{
    pthread_mutex_lock(&lock);
    lock_cpu = host_cpu;
    host_cpu = HOST_PAGES_CPU;
}

void pages_unlock(void)
{
    host_cpu = lock_cpu;
    pthread_mutex_unlock(&lock);
}

/* ---- Dirty pages --------------------------------------------------------- */

static size_t page_of(const void *start)
{
    return ((uintptr_t)start - region) / CAIRN_FRAME_SIZE;
}

static uint64_t mask_of(size_t first, size_t count)
{
    return (count >= WORD_PAGES ? UINT64_MAX : ((uint64_t)1 << count) - 1)
           << first;
}

/* Those pages are dirty, or clean; returns how many of them were dirty. */
static size_t mark(size_t first, size_t count, bool is_dirty)
{
    size_t were = 0;

    while (count > 0) {
        size_t bit = first % WORD_PAGES;
        size_t here = WORD_PAGES - bit < count ? WORD_PAGES - bit : count;
        uint64_t *word = &dirty[first / WORD_PAGES];
        uint64_t mask = mask_of(bit, here);

        were += (size_t)__builtin_popcountl(*word & mask);
        *word = is_dirty ? *word | mask : *word & ~mask;
        first += here;
        count -= here;
    }
    return were;
}

static void purge_word(size_t nth)
{
    uint64_t word = dirty[nth];

    while (word != 0) {
        size_t first = (size_t)__builtin_ctzl(word);
        uint64_t rest = ~(word >> first);
        size_t count =
            rest == 0 ? WORD_PAGES - first : (size_t)__builtin_ctzl(rest);

        if (count > WORD_PAGES - first)
            count = WORD_PAGES - first;
        madvise(
            (void *)(region + (nth * WORD_PAGES + first) * CAIRN_FRAME_SIZE),
            count * CAIRN_FRAME_SIZE, MADV_DONTNEED);
        word &= ~mask_of(first, count);
    }
    dirty[nth] = 0;
}

static void purge(void)
{
    int before = errno;

    for (size_t i = dirty_first; i < dirty_end; i++) {
        if (dirty[i] != 0)
            purge_word(i);
    }
    dirty_count = 0;
    dirty_low = 0;
    dirty_first = SIZE_MAX;
    dirty_end = 0;
    errno = before;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* There are many dirty pages: have so many been there for long? */
static void judge(void)
{
    uint64_t now = now_ns();

    if (now - judged_at < DIRTY_NS)
        return;
    if (dirty_low > DIRTY_LEAST)
        purge();
    judged_at = now;
    dirty_low = dirty_count;
}

/* Returns whether all of them are known to be zero. */
static bool note_taken(size_t first, size_t count)
{
    size_t were = mark(first, count, false);

    dirty_count -= were;
    used_count += count;
    if (dirty_count < dirty_low)
        dirty_low = dirty_count;
    if (were < count && dirty_count > DIRTY_LEAST &&
        used_count + dirty_count > used_peak + DIRTY_LEAST)
        purge();
    if (used_count > used_peak)
        used_peak = used_count;
    return were == 0;
}

static void note_freed(size_t first, size_t count)
{
    size_t end = (first + count - 1) / WORD_PAGES + 1;

    dirty_count += count - mark(first, count, true);
    if (first / WORD_PAGES < dirty_first)
        dirty_first = first / WORD_PAGES;
    if (end > dirty_end)
        dirty_end = end;
    used_count -= count;
    if (dirty_count > DIRTY_LEAST)
        judge();
}

/* ---- The source ---------------------------------------------------------- */

static void *take_run(const struct cairn_heap_pages *pages)
{
    struct cairn_run_request request = {.count = pages->count,
                                        .align = pages->align,
                                        .owner = CAIRN_OWNER_HEAP};
    cairn_pfn first;

    return cairn_frames_alloc_run(&frames, &request, &first) == CAIRN_OK
               ? (void *)(uintptr_t)cairn_phys_of(first).value
               : NULL;
}

static void *take(void *context, struct cairn_heap_pages *request)
{
    void *start;

    pages_lock();
    start = request->count > BLOCK_PAGES ? take_run(request)
                                         : under.alloc(context, request);
    if (start != NULL)
        request->is_zero = note_taken(page_of(start), request->count);
    pages_unlock();
    return start;
}

static bool resize(void *context, void *start, size_t from, size_t to)
{
    bool is_done;

    (void)context;
    if (from <= BLOCK_PAGES)
        return false;
    pages_lock();
    is_done = cairn_frames_resize_run(
                  &frames, cairn_pfn_make((uintptr_t)start / CAIRN_FRAME_SIZE),
                  to) == CAIRN_OK;
    if (is_done && to > from)
        (void)note_taken(page_of(start) + from, to - from);
    else if (is_done && to < from)
        note_freed(page_of(start) + to, from - to);
    pages_unlock();
    return is_done;
}

static void give(void *context, void *start, size_t count)
{
    pages_lock();
    under.free(context, start, count);
    note_freed(page_of(start), count);
    pages_unlock();
}

bool pages_trim(void)
{
    bool were_there;

    pages_lock();
    were_there = dirty_count != 0;
    purge();
    pages_unlock();
    return were_there;
}

/* ---- Start --------------------------------------------------------------- */

static void *reserve(size_t bytes)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return start == MAP_FAILED ? NULL : start;
}

static bool start_frames(size_t bytes)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.has_magazines = false;
    config.cpu_count = 1;
    return cairn_memmap_init(&map, storage, MAP_RANGES) == CAIRN_OK &&
           cairn_memmap_add(&map, region, bytes, CAIRN_MEMORY_USABLE) ==
               CAIRN_OK &&
           cairn_memmap_finish(&map, cairn_phys_make(0)) == CAIRN_OK &&
           cairn_frames_init(&frames, &map, NULL, &config) == CAIRN_OK &&
           cairn_heap_source_frames(&heap_frames, &frames, &under) == CAIRN_OK;
}

bool pages_init(struct cairn_heap_source *out)
{
    size_t bytes = REGION_BYTES;
    void *start = reserve(bytes);

    while (start == NULL && bytes > REGION_LEAST) {
        bytes /= 2;
        start = reserve(bytes);
    }
    if (start == NULL)
        return false;
    region = (uintptr_t)start;
    dirty = reserve(bytes / CAIRN_FRAME_SIZE / 8);
    dirty_first = SIZE_MAX;
    if (dirty == NULL || !start_frames(bytes))
        return false;
    *out = under;
    out->alloc = take;
    out->free = give;
    out->resize = resize;
    return true;
}
