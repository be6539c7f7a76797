/*
 * heap/heap.c - the front: arguments, the common path, what engines share.
 *
 * HOW    Small requests of the slab engine are served here, from the CPU's
 *        bins; whatever is not there, and all else, is the engine's.  An engine
 *        that wants to see every request has no bins: direct_end is 0 then,
 *        as it is before the start, and no CPU's structure is looked at.
 */
#include "base/align.h"
#include "base/lock.h"
#include "base/memory.h"
#include "heap/cache.h"
#include "heap/debug.h"
#include "heap/directory.h"
#include "heap/engine.h"
#include "heap/large.h"
#include "heap/slab.h"

#define KEEP_BYTES        ((size_t)2 << 20)
#define QUARANTINE_BYTES  ((size_t)128 << 10)
#define QUARANTINE_BLOCKS 256u
#define QUARANTINE_MOST   65535u

/* Where to the public function that this stands in returns. */
#define CALLER ((uintptr_t)__builtin_return_address(0))

static const struct cairn__heap_engine *const engines[] = {
    [CAIRN_HEAP_SLAB] = &cairn__heap_slab,
    [CAIRN_HEAP_FIRSTFIT] = &cairn__heap_firstfit,
};

/* More cannot be rounded up to pages, nor is it any machine's. */
#define SIZE_LIMIT (SIZE_MAX / 2)

/* ---- Pages of the source ------------------------------------------------- */

void *cairn__heap_take_pages(struct cairn_heap *heap,
                             struct cairn_heap_pages *request)
{
    const struct cairn_heap_source *source = &heap->config.source;
    void *start;

    request->is_zero = false;
    start = source->alloc(source->context, request);
    if (start == NULL)
        return NULL;
    if (heap->directory != NULL &&
        !cairn__directory_cover(heap, (uintptr_t)start, request->count)) {
        source->free(source->context, start, request->count);
        return NULL;
    }
    __atomic_fetch_add(&heap->source_pages, request->count, __ATOMIC_RELAXED);
    return start;
}

void cairn__heap_give_pages(struct cairn_heap *heap, void *start, size_t count)
{
    const struct cairn_heap_source *source = &heap->config.source;

    __atomic_fetch_sub(&heap->source_pages, count, __ATOMIC_RELAXED);
    source->free(source->context, start, count);
}

/* The address of zeroed pages; 0: there are none. */
static uintptr_t take_zeroed(const struct cairn_heap_source *source,
                             struct cairn_heap_pages *request)
{
    void *start = source->alloc(source->context, request);

    if (start != NULL && !request->is_zero)
        memset(start, 0, request->count * CAIRN__PAGE);
    return (uintptr_t)start;
}

void *cairn__heap_take_meta(struct cairn_heap *heap, size_t count)
{
    struct cairn_heap_pages request = {.count = count, .align = 1};
    uintptr_t start = take_zeroed(&heap->config.source, &request);

    if (start == 0)
        return NULL;
    __atomic_fetch_add(&heap->source_pages, count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&heap->meta_pages, count, __ATOMIC_RELAXED);
    return (void *)start;
}

void cairn__heap_give_meta(struct cairn_heap *heap, void *start, size_t count)
{
    __atomic_fetch_sub(&heap->meta_pages, count, __ATOMIC_RELAXED);
    cairn__heap_give_pages(heap, start, count);
}

/* ---- Start --------------------------------------------------------------- */

struct cairn_heap_config cairn_heap_config_default(void)
{
    struct cairn_heap_config config = {
        .engine = CAIRN_HEAP_SLAB,
        .level = CAIRN_HEAP_CHECKED,
        .misuse = CAIRN_MISUSE_STATUS,
        .keep_bytes = KEEP_BYTES,
        .small_bytes = CAIRN_HEAP_SMALL_MAX,
        .quarantine_bytes = QUARANTINE_BYTES,
        .quarantine_blocks = QUARANTINE_BLOCKS,
    };

    return config;
}

static bool is_valid(const struct cairn_heap_config *config)
{
    return (unsigned)config->engine < CAIRN_HEAP_ENGINE_COUNT &&
           (unsigned)config->level < CAIRN_HEAP_LEVEL_COUNT &&
           config->cpu_count <= CAIRN_CPU_MAX && config->source.alloc != NULL &&
           config->source.free != NULL &&
           config->small_bytes >= CAIRN_HEAP_SMALL_MAX &&
           config->small_bytes <= CAIRN_HEAP_SMALL_LIMIT &&
           config->quarantine_blocks <= QUARANTINE_MOST &&
           cairn__guards_valid(config) &&
           config->source.start < config->source.end &&
           cairn__is_aligned(config->source.start, CAIRN__PAGE) &&
           cairn__is_aligned(config->source.end, CAIRN__PAGE);
}

static size_t array_blocks(void)
{
    size_t blocks = 0;

    for (unsigned i = 0; i < CAIRN_HEAP_CLASSES; i++)
        blocks += 1 + cairn__class_limit(i);
    return blocks;
}

struct cairn__free_block *cairn__heap_arrays(const struct cairn_heap *heap,
                                             unsigned cpu)
{
    struct cairn__free_block *first =
        (struct cairn__free_block *)(heap->cpus + heap->config.cpu_count);

    return first + cpu * array_blocks();
}

static size_t cpus_pages(const struct cairn_heap *heap)
{
    size_t bytes =
        sizeof(*heap->cpus) + array_blocks() * sizeof(struct cairn__free_block);

    return cairn__heap_pages_of(bytes * heap->config.cpu_count);
}

/* The heap cannot start. */
static void give_cpus(struct cairn_heap *heap)
{
    if (heap->cpus != NULL)
        cairn__heap_give_meta(heap, heap->cpus, cpus_pages(heap));
    heap->cpus = NULL;
}

static enum cairn_status make_cpus(struct cairn_heap *heap)
{
    heap->cpus = cairn__heap_take_meta(heap, cpus_pages(heap));
    if (heap->cpus == NULL)
        return CAIRN_NO_MEMORY;
    for (unsigned i = 0; i < heap->config.cpu_count; i++) {
        if (!heap->config.starts_retired)
            cairn__heap_prepare(heap, &heap->cpus[i]);
    }
    return CAIRN_OK;
}

static enum cairn_status start_engine(struct cairn_heap *heap)
{
    const struct cairn__heap_engine *engine = engines[heap->config.engine];
    enum cairn_status status = CAIRN_OK;

    if (heap->config.level == CAIRN_HEAP_DEBUG)
        return cairn__debug_init(heap);
    if (engine->has_caches)
        status = make_cpus(heap);
    if (status == CAIRN_OK)
        status = engine->init(heap);
    if (status != CAIRN_OK) {
        give_cpus(heap);
        heap->is_direct = false;
        return status;
    }
    heap->direct_end = heap->is_direct ? heap->config.small_bytes + 1 : 0;
    heap->engine = engine;
    return CAIRN_OK;
}

enum cairn_status cairn_heap_init(struct cairn_heap *heap,
                                  const struct cairn_heap_config *config)
{
    enum cairn_status status;

    if (heap->engine != NULL)
        return CAIRN_IN_USE;
    if (!is_valid(config))
        return CAIRN_BAD_ARGUMENT;
    heap->config = *config;
    if (heap->config.cpu_count == 0)
        heap->config.cpu_count = cairn_platform_cpu_count();
    cairn__lock_init(&heap->lock, CAIRN__RANK_HEAP);
    status = cairn__guards_init(heap);
    return status == CAIRN_OK ? start_engine(heap) : status;
}

/* ---- Allocate ------------------------------------------------------------ */

static CAIRN_NOINLINE void *alloc_rest(struct cairn_heap *heap,
                                       const struct cairn__heap_call *call)
{
    size_t size = call->size == 0 ? 1 : call->size;
    void *block = NULL;

    if (call->size == 0 && heap->config.is_zero_null)
        return NULL;
    if (size > SIZE_LIMIT || call->align > SIZE_LIMIT || heap->engine == NULL)
        return NULL;
    if (heap->guarded != NULL)
        block = cairn__guard_alloc(heap, call);
    if (block != NULL)
        return block;
    if (heap->debug != NULL)
        return cairn__debug_alloc(heap, call);
    return heap->engine->alloc(heap, size, call->align, call->flags);
}

/* A large block that this CPU has kept; NULL: there is none. */
static void *take_kept(struct cairn_heap *heap, size_t size)
{
    size_t pages = cairn__heap_pages_of(size);
    unsigned long state;
    struct cairn__heap_cpu *cpu;
    uintptr_t start;

    if (pages > CAIRN_HEAP_LARGE_PAGES || !heap->is_direct)
        return NULL;
    cpu = cairn__heap_enter(heap, &state);
    start = cairn__cpu_take_large(cpu, cairn__class_of_pages(pages));
    cairn__heap_leave(state);
    return (void *)start;
}

static void *alloc_large(struct cairn_heap *heap, size_t size, unsigned flags,
                         uintptr_t site)
{
    struct cairn__heap_call call = {size, CAIRN_HEAP_ALIGN, flags, site};
    void *block = take_kept(heap, size);

    if (block == NULL)
        return alloc_rest(heap, &call);
    if ((flags & CAIRN_HEAP_ZEROED) != 0)
        memset(block, 0, size);
    return block;
}

static inline void *alloc(struct cairn_heap *heap, size_t size, unsigned flags,
                          uintptr_t site)
{
    unsigned long state;
    struct cairn__heap_cpu *cpu;
    unsigned bin;
    uintptr_t start;

    if (__builtin_expect(size >= heap->direct_end, 0))
        return alloc_large(heap, size, flags, site);
    bin = heap->bins[(size + CAIRN_HEAP_ALIGN - 1) / CAIRN_HEAP_ALIGN];
    cpu = cairn__heap_enter(heap, &state);
    start = cairn__bin_take(cairn__bin_at(cpu, bin));
    cairn__heap_leave(state);
    if (__builtin_expect(start == 0, 0)) {
        struct cairn__heap_call call = {size, CAIRN_HEAP_ALIGN, flags, site};

        return alloc_rest(heap, &call);
    }
    if ((flags & CAIRN_HEAP_ZEROED) != 0)
        memset((void *)start, 0, size);
    return (void *)start;
}

void *cairn_heap_alloc(struct cairn_heap *heap, size_t size, unsigned flags)
{
    return alloc(heap, size, flags, CALLER);
}

void *cairn_heap_alloc_at(struct cairn_heap *heap, size_t size, unsigned flags,
                          uintptr_t site)
{
    return alloc(heap, size, flags, site);
}

void *cairn_heap_alloc_aligned_at(struct cairn_heap *heap, size_t size,
                                  size_t align, unsigned flags, uintptr_t site)
{
    struct cairn__heap_call call = {size, align, flags, site};

    if (!cairn__is_power(align))
        return NULL;
    if (align <= CAIRN_HEAP_ALIGN)
        return alloc(heap, size, flags, site);
    return alloc_rest(heap, &call);
}

void *cairn_heap_alloc_aligned(struct cairn_heap *heap, size_t size,
                               size_t align, unsigned flags)
{
    return cairn_heap_alloc_aligned_at(heap, size, align, flags, CALLER);
}

void *cairn_heap_calloc(struct cairn_heap *heap, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return alloc(heap, bytes, CAIRN_HEAP_ZEROED, CALLER);
}

/* ---- Free ---------------------------------------------------------------- */

static enum cairn_status report(const struct cairn_heap *heap,
                                const void *block, enum cairn_status status)
{
    if (status != CAIRN_OK && heap->config.misuse == CAIRN_MISUSE_PANIC)
        cairn__panic("heap: block %p cannot be freed: %s", block,
                     cairn_status_text(status));
    return status;
}

/* No bin has taken it.  `size`: what the caller believes it is, or NULL. */
static CAIRN_NOINLINE enum cairn_status free_rest(struct cairn_heap *heap,
                                                  void *block,
                                                  const size_t *size,
                                                  uintptr_t site)
{
    if (heap->engine == NULL)
        return report(heap, block, CAIRN_NOT_MEMORY);
    if (cairn__guard_has(heap, block))
        return cairn__guard_free(heap, block, size, site);
    if (heap->debug != NULL)
        return cairn__debug_free(heap, block, size, site);
    return report(heap, block, heap->engine->free(heap, block));
}

static inline enum cairn_status free_block(struct cairn_heap *heap, void *block,
                                           uintptr_t site)
{
    unsigned long state;
    struct cairn__heap_cpu *cpu;
    bool is_done;

    if (__builtin_expect(block == NULL, 0))
        return CAIRN_OK;
    if (__builtin_expect(heap->direct_end == 0, 0))
        return free_rest(heap, block, NULL, site);
    cpu = cairn__heap_enter(heap, &state);
    is_done = cairn__cpu_put(heap, cpu, (uintptr_t)block) ||
              cairn__cpu_put_large(heap, cpu, (uintptr_t)block);
    cairn__heap_leave(state);
    if (__builtin_expect(is_done, 1))
        return CAIRN_OK;
    return free_rest(heap, block, NULL, site);
}

enum cairn_status cairn_heap_free(struct cairn_heap *heap, void *block)
{
    return free_block(heap, block, CALLER);
}

enum cairn_status cairn_heap_free_at(struct cairn_heap *heap, void *block,
                                     uintptr_t site)
{
    return free_block(heap, block, site);
}

enum cairn_status cairn_heap_free_sized(struct cairn_heap *heap, void *block,
                                        size_t size)
{
    size_t usable;

    if (block != NULL && (heap->debug != NULL || cairn__guard_has(heap, block)))
        return free_rest(heap, block, &size, CALLER);
    usable = cairn_heap_usable_size(heap, block);
    if (usable != 0 && (size > usable || (size < usable / 2 && usable > 64)))
        return report(heap, block, CAIRN_WRONG_SIZE);
    return free_block(heap, block, CALLER);
}

size_t cairn_heap_usable_size(const struct cairn_heap *heap, const void *block)
{
    if (heap->engine == NULL)
        return 0;
    if (cairn__guard_has(heap, block))
        return cairn__guard_usable(heap, block);
    return heap->engine->usable(heap, block);
}

/* ---- Resize -------------------------------------------------------------- */

/* The block is the caller's and has `usable` bytes. */
static void *move(struct cairn_heap *heap, void *block, size_t usable,
                  size_t size, uintptr_t site)
{
    void *other = alloc(heap, size, 0, site);

    if (other == NULL) /* becoming smaller never fails */
        return size <= usable ? block : NULL;
    memcpy(other, block, usable < size ? usable : size);
    (void)free_block(heap, block, site);
    return other;
}

/* Of a block, to a size that is not 0. */
static void *resize(struct cairn_heap *heap, void *block, size_t size,
                    uintptr_t site)
{
    bool is_guarded = cairn__guard_has(heap, block);
    size_t usable;

    if (heap->debug != NULL && !is_guarded)
        return cairn__debug_realloc(heap, block, size, site);
    usable = cairn_heap_usable_size(heap, block);
    if (usable == 0) {
        (void)(is_guarded ? free_rest(heap, block, NULL, site)
                          : report(heap, block, CAIRN_NOT_MEMORY));
        return NULL;
    }
    if (size > SIZE_LIMIT)
        return NULL;
    if (!is_guarded && heap->engine->resize(heap, block, size))
        return block;
    return move(heap, block, usable, size, site);
}

void *cairn_heap_realloc_at(struct cairn_heap *heap, void *block, size_t size,
                            uintptr_t site)
{
    if (block == NULL)
        return alloc(heap, size, 0, site);
    if (size == 0) {
        (void)free_block(heap, block, site);
        return NULL;
    }
    return resize(heap, block, size, site);
}

void *cairn_heap_realloc(struct cairn_heap *heap, void *block, size_t size)
{
    return cairn_heap_realloc_at(heap, block, size, CALLER);
}

/* ---- Many at once -------------------------------------------------------- */

size_t cairn_heap_alloc_many(struct cairn_heap *heap, size_t size, size_t count,
                             void **out)
{
    size_t done = 0;

    while (done < count) {
        out[done] = alloc(heap, size, 0, CALLER);
        if (out[done] == NULL)
            break;
        done++;
    }
    return done;
}

size_t cairn_heap_free_many(struct cairn_heap *heap, void **blocks,
                            size_t count)
{
    size_t done = 0;

    for (size_t i = 0; i < count; i++)
        done += free_block(heap, blocks[i], CALLER) == CAIRN_OK;
    return done;
}

/* ---- CPUs ---------------------------------------------------------------- */

void cairn_heap_drain(struct cairn_heap *heap)
{
    if (heap->engine == NULL)
        return;
    cairn__caches_drain(heap, cairn_platform_cpu());
    heap->engine->drain(heap);
}

static void set_retired(struct cairn_heap *heap, unsigned cpu, bool is_retired)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);
    int change = (int)is_retired - (int)heap->cpus[cpu].is_retired;

    heap->cpus[cpu].is_retired = is_retired;
    __atomic_store_n(&heap->retired_count,
                     heap->retired_count + (unsigned)change, __ATOMIC_RELAXED);
    cairn__lock_release(&heap->lock, state);
}

void cairn_heap_retire_cpu(struct cairn_heap *heap, unsigned cpu)
{
    if (heap->debug != NULL) {
        cairn__debug_retire(heap, cpu);
        return;
    }
    if (heap->cpus == NULL)
        return;
    cairn__large_release(heap, cairn__large_unkeep(heap, &heap->cpus[cpu]));
    cairn__slab_retire(heap, &heap->cpus[cpu]);
    cairn__caches_drain(heap, cpu);
    set_retired(heap, cpu, true);
}

void cairn_heap_resume_cpu(struct cairn_heap *heap, unsigned cpu)
{
    if (heap->debug != NULL) {
        cairn__debug_resume(heap, cpu);
        return;
    }
    if (heap->cpus == NULL)
        return;
    if (!heap->cpus[cpu].is_ready)
        cairn__heap_prepare(heap, &heap->cpus[cpu]);
    set_retired(heap, cpu, false);
}

/* ---- Questions ----------------------------------------------------------- */

void cairn_heap_stats(struct cairn_heap *heap, struct cairn_heap_stats *out)
{
    memset(out, 0, sizeof(*out));
    if (heap->engine == NULL)
        return;
    out->meta_bytes = heap->meta_pages * CAIRN__PAGE;
    out->source_bytes = heap->source_pages * CAIRN__PAGE;
    heap->engine->stats(heap, out);
    if (heap->guarded != NULL)
        cairn__guard_stats(heap, out);
}

void cairn_heap_walk(struct cairn_heap *heap, cairn__heap_visitor visit,
                     void *context)
{
    if (heap->engine != NULL)
        heap->engine->walk(heap, visit, context);
}

void cairn_heap_pages_walk(struct cairn_heap *heap,
                           cairn__heap_page_visitor visit, void *context)
{
    if (heap->engine != NULL)
        heap->engine->pages(heap, visit, context);
}

unsigned cairn_heap_check(struct cairn_heap *heap)
{
    unsigned wrong = 0;

    if (heap->engine == NULL)
        return 0;
    if (heap->guarded != NULL)
        wrong = cairn__guard_check(heap);
    return wrong != 0 ? wrong : heap->engine->check(heap);
}
