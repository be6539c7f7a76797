/*
 * heap/cache.c - typed caches on the slabs of a heap.
 *
 * HOW    A cache has for each CPU what the heap has, but one bin (slab.h):
 *        array, word, slabs, and the list of slabs in which others have freed
 *        objects.  So alloc and free are the heap's, with another bin.  Slabs
 *        stand in the heap's directory like all others; whose they are, their
 *        owner tells, which lies in the cache's own block of CPUs.
 *
 *        Slabs are of as many pages as leave a sixteenth unused, at most.
 *        What is unused at the end is what colours have room in.
 *
 *        A constructor runs on a slab that has no owner yet.
 *
 * LOCKS  The heap's: the list of caches, and who plays the part of CPUs that
 *        are retired.
 *
 * FAILS  No memory for a slab: the heap is drained, all its caches too, and a
 *        slab of as few pages as possible is tried.
 *
 * TESTS  tests/heap_cache.c, tests/host/heap_cache_cpus.c
 *
 * NOT    The heap's debug level sees slabs, not objects: no red zones.
 */
#include "heap/cache.h"

#include "base/align.h"
#include "base/lock.h"
#include "base/memory.h"
#include "heap/directory.h"
#include "heap/engine.h"

#define COLOUR_BYTES 64u /* a line of the CPU's caches */
#define TIDY_OBJECTS 8u  /* at least, in a slab, if it can have that many */
#define TIDY_SHARE   16u /* of a slab, unused */
#define ARRAY_SHORT  8u
#define ARRAY_LONG   16u
#define ARRAY_BYTES  1024u /* objects up to there have the long one */

static struct cairn__heap_cpu *cpu_at(const struct cairn_object_cache *cache,
                                      unsigned cpu)
{
    return (struct cairn__heap_cpu *)(cache->cpus + cpu * cache->cpu_bytes);
}

/* The CPU's own; interrupts are off until cairn__heap_leave. */
static struct cairn__heap_cpu *enter(const struct cairn_object_cache *cache,
                                     unsigned long *state)
{
    *state = cairn_platform_irq_save();
    return cpu_at(cache, cairn_platform_cpu());
}

static bool is_own(const struct cairn_object_cache *cache,
                   const struct cairn__slab *slab)
{
    uintptr_t owner =
        (uintptr_t)__atomic_load_n(&slab->owner, __ATOMIC_RELAXED);

    return owner - (uintptr_t)cache->cpus <
           cache->cpu_bytes * cache->heap->config.cpu_count;
}

/* ---- Start --------------------------------------------------------------- */

static size_t array_limit(const struct cairn_object_cache *cache)
{
    return cache->bytes <= ARRAY_BYTES ? ARRAY_LONG : ARRAY_SHORT;
}

static bool is_tidy(size_t pages, size_t bytes)
{
    size_t whole = pages * CAIRN__PAGE;

    return whole / bytes >= TIDY_OBJECTS && whole % bytes <= whole / TIDY_SHARE;
}

static size_t pages_for(size_t bytes)
{
    size_t pages = 1;

    while (pages < CAIRN__SLAB_PAGES_MAX && !is_tidy(pages, bytes))
        pages *= 2;
    return pages;
}

static bool make_cpus(struct cairn_object_cache *cache)
{
    size_t bins = offsetof(struct cairn__heap_cpu, bins[1]);
    size_t limit = array_limit(cache);

    cache->cpu_bytes = (size_t)cairn__align_up(
        bins + (limit + 1) * sizeof(struct cairn__free_block),
        _Alignof(struct cairn__heap_cpu));
    cache->cpus = cairn_heap_alloc_aligned(
        cache->heap, cache->cpu_bytes * cache->heap->config.cpu_count,
        _Alignof(struct cairn__heap_cpu), CAIRN_HEAP_ZEROED);
    if (cache->cpus == NULL)
        return false;
    for (unsigned i = 0; i < cache->heap->config.cpu_count; i++) {
        struct cairn__heap_cpu *cpu = cpu_at(cache, i);
        struct cairn__bin *bin = &cpu->bins[0];

        bin->none = (struct cairn__free_block *)((uint8_t *)cpu + bins);
        bin->top = bin->none;
        bin->full = bin->none + limit;
        bin->bytes = (uint32_t)cache->bytes;
    }
    return true;
}

/* Alignment and colour are as they are to be, not 0. */
static bool is_valid(const struct cairn_cache_config *config)
{
    return config->name != NULL && config->size > 0 &&
           config->size <= CAIRN_CACHE_SIZE_MAX &&
           cairn__is_power(config->align) && config->align <= CAIRN__PAGE &&
           cairn__is_aligned(config->colour, config->align);
}

enum cairn_status cairn_cache_init(struct cairn_object_cache *cache,
                                   struct cairn_heap *heap,
                                   const struct cairn_cache_config *config)
{
    struct cairn_object_cache new_cache = {.heap = heap, .config = *config};
    size_t *align = &new_cache.config.align;
    unsigned long state;

    if (cache->heap != NULL)
        return CAIRN_IN_USE;
    if (heap->engine == NULL || heap->directory == NULL || heap->is_believing)
        return CAIRN_NOT_FOUND;
    if (*align < CAIRN_HEAP_ALIGN && (*align == 0 || cairn__is_power(*align)))
        *align = CAIRN_HEAP_ALIGN;
    if (config->colour == 0)
        new_cache.config.colour = *align < COLOUR_BYTES ? COLOUR_BYTES : *align;
    if (!is_valid(&new_cache.config))
        return CAIRN_BAD_ARGUMENT;
    new_cache.bytes = (size_t)cairn__align_up(config->size, *align);
    new_cache.pages = pages_for(new_cache.bytes);
    if (!make_cpus(&new_cache))
        return CAIRN_NO_MEMORY;
    *cache = new_cache;
    state = cairn__lock_acquire(&heap->lock);
    cache->next = heap->caches;
    heap->caches = cache;
    cairn__lock_release(&heap->lock, state);
    return CAIRN_OK;
}

/* ---- Slabs --------------------------------------------------------------- */

/* The next colour of slabs of that many pages. */
static size_t take_colour(struct cairn_object_cache *cache, size_t pages)
{
    size_t rest = pages * CAIRN__PAGE % cache->bytes;
    size_t step = cache->config.colour;
    unsigned turn = __atomic_fetch_add(&cache->turn, 1, __ATOMIC_RELAXED);

    if (rest >= CAIRN__PAGE)
        rest = CAIRN__PAGE - 1;
    return turn % (unsigned)(rest / step + 1) * step;
}

static struct cairn__slab *make_slab(struct cairn_object_cache *cache,
                                     size_t pages, unsigned flags)
{
    const struct cairn__slab_shape shape = {
        .number = CAIRN__CLASS_NONE,
        .flags = flags,
        .bytes = cache->bytes,
        .pages = pages,
        .colour = take_colour(cache, pages),
    };
    struct cairn__slab *slab = cairn__slab_make(cache->heap, &shape);

    if (slab == NULL)
        return NULL;
    for (size_t i = 0; cache->config.constructor != NULL && i < slab->count;
         i++)
        cache->config.constructor(cache->config.context,
                                  (void *)(slab->base + i * slab->bytes));
    __atomic_fetch_add(&cache->constructed, slab->count, __ATOMIC_RELAXED);
    return slab;
}

static struct cairn__slab *make_any_slab(struct cairn_object_cache *cache,
                                         unsigned flags)
{
    struct cairn__slab *slab = make_slab(cache, cache->pages, flags);

    if (slab != NULL)
        return slab;
    cairn_heap_drain(cache->heap);
    return make_slab(cache, cairn__heap_pages_of(cache->bytes), flags);
}

/* Own CPU: a slab with free objects of a CPU that is retired. */
static bool inherit(struct cairn_object_cache *cache,
                    struct cairn__heap_cpu *cpu, struct cairn__slab **empty)
{
    struct cairn_heap *heap = cache->heap;
    struct cairn__slab *slab = NULL;
    unsigned long state;

    if (__atomic_load_n(&heap->retired_count, __ATOMIC_RELAXED) == 0)
        return false;
    state = cairn__lock_acquire(&heap->lock);
    for (unsigned i = 0; slab == NULL && i < heap->config.cpu_count; i++) {
        if (heap->cpus[i].is_retired)
            slab = cairn__slab_pull(cpu_at(cache, i), 0, empty);
    }
    if (slab != NULL)
        cairn__slab_adopt(cpu, slab);
    cairn__lock_release(&heap->lock, state);
    return slab != NULL;
}

/* ---- Allocate ------------------------------------------------------------ */

/* On whatever CPU this is; `fresh`, if there is one, is adopted. */
static uintptr_t try_alloc(struct cairn_object_cache *cache,
                           struct cairn__slab *fresh)
{
    struct cairn__slab *empty = NULL;
    unsigned long state;
    struct cairn__heap_cpu *cpu = enter(cache, &state);
    uintptr_t start;

    if (fresh != NULL)
        cairn__slab_adopt(cpu, fresh);
    start = cairn__bin_take(&cpu->bins[0]);
    if (start == 0)
        start = cairn__slab_refill(cpu, &empty);
    if (start == 0 && inherit(cache, cpu, &empty))
        start = cairn__slab_refill(cpu, &empty);
    cairn__heap_leave(state);
    cairn__slab_release(cache->heap, empty);
    return start;
}

void *cairn_cache_alloc(struct cairn_object_cache *cache, unsigned flags)
{
    unsigned long state;
    struct cairn__heap_cpu *cpu = enter(cache, &state);
    uintptr_t start = cairn__bin_take(&cpu->bins[0]);

    cairn__heap_leave(state);
    if (__builtin_expect(start == 0, 0))
        start = try_alloc(cache, NULL);
    if (__builtin_expect(start == 0, 0))
        start = try_alloc(cache, make_any_slab(cache, flags));
    if ((flags & CAIRN_HEAP_ZEROED) != 0 && start != 0)
        memset((void *)start, 0, cache->config.size);
    return (void *)start;
}

/* ---- Free ---------------------------------------------------------------- */

static enum cairn_status free_slowly(struct cairn_object_cache *cache,
                                     uintptr_t start)
{
    struct cairn__slab *slab = cairn__heap_find(cache->heap, start);
    struct cairn__slab *empty = NULL;
    unsigned long state;
    struct cairn__heap_cpu *cpu;
    bool is_done;

    if (!is_own(cache, slab))
        return CAIRN_NOT_MEMORY;
    cpu = enter(cache, &state);
    is_done = cairn__slab_give(cpu, slab, start, &empty);
    cairn__heap_leave(state);
    cairn__slab_release(cache->heap, empty);
    return is_done ? CAIRN_OK : cairn__slab_reason(cache->heap, start);
}

enum cairn_status cairn_cache_free(struct cairn_object_cache *cache,
                                   void *object)
{
    uintptr_t start = (uintptr_t)object;
    unsigned long state;
    struct cairn__heap_cpu *cpu;
    enum cairn_status status;
    bool is_done;

    if (__builtin_expect(object == NULL, 0))
        return CAIRN_OK;
    cpu = enter(cache, &state);
    is_done = is_own(cache, cairn__heap_find(cache->heap, start)) &&
              cairn__cpu_put(cache->heap, cpu, start);
    cairn__heap_leave(state);
    if (__builtin_expect(is_done, 1))
        return CAIRN_OK;
    status = free_slowly(cache, start);
    if (status != CAIRN_OK && cache->heap->config.misuse == CAIRN_MISUSE_PANIC)
        cairn__panic("cache %s: object %p cannot be freed: %s",
                     cache->config.name, object, cairn_status_text(status));
    return status;
}

/* ---- The end ------------------------------------------------------------- */

void cairn__caches_drain(struct cairn_heap *heap, unsigned cpu)
{
    struct cairn__slab *empty = NULL;
    unsigned long state;

    if (__atomic_load_n(&heap->caches, __ATOMIC_RELAXED) == NULL)
        return;
    state = cairn__lock_acquire(&heap->lock);
    for (struct cairn_object_cache *at = heap->caches; at != NULL;
         at = at->next)
        cairn__slab_drain_first(heap, cpu_at(at, cpu), &empty);
    cairn__lock_release(&heap->lock, state);
    cairn__slab_release(heap, empty);
}

static void remove_from_list(struct cairn_object_cache *cache)
{
    struct cairn_object_cache **link = &cache->heap->caches;
    unsigned long state = cairn__lock_acquire(&cache->heap->lock);

    while (*link != cache)
        link = &(*link)->next;
    __atomic_store_n(link, cache->next, __ATOMIC_RELAXED);
    cairn__lock_release(&cache->heap->lock, state);
}

/* All slabs that CPU has left are whole. */
static void pull_all(struct cairn__heap_cpu *cpu, struct cairn__slab **empty)
{
    struct cairn__slab *slab = cairn__slab_pull(cpu, 0, empty);

    for (; slab != NULL; slab = cairn__slab_pull(cpu, 0, empty)) {
        cairn__assert(slab->free_count == slab->count);
        slab->next = *empty;
        *empty = slab;
    }
    cairn__assert(cpu->bins[0].slab_count == 0);
}

enum cairn_status cairn_cache_destroy(struct cairn_object_cache *cache)
{
    struct cairn_heap *heap = cache->heap;
    struct cairn__slab *empty = NULL;
    struct cairn_cache_stats stats;

    if (heap == NULL)
        return CAIRN_OK;
    cairn_cache_stats(cache, &stats);
    if (stats.live != 0)
        return CAIRN_IN_USE;
    remove_from_list(cache);
    for (unsigned i = 0; i < heap->config.cpu_count; i++)
        cairn__slab_drain_first(heap, cpu_at(cache, i), &empty);
    for (unsigned i = 0; i < heap->config.cpu_count; i++)
        pull_all(cpu_at(cache, i), &empty);
    cairn__slab_release(heap, empty);
    (void)cairn_heap_free(heap, cache->cpus);
    memset(cache, 0, sizeof(*cache));
    return CAIRN_OK;
}

/* ---- Questions ----------------------------------------------------------- */

static void add_slab(const struct cairn__slab *slab,
                     struct cairn_cache_stats *out)
{
    for (unsigned i = 0; i < slab->count; i++)
        out->live += __atomic_load_n(&slab->states[i], __ATOMIC_RELAXED) ==
                     CAIRN__BLOCK_ALLOCATED;
    out->free += slab->count;
    out->slabs++;
    out->slab_bytes += slab->page_count * CAIRN__PAGE;
}

void cairn_cache_stats(struct cairn_object_cache *cache,
                       struct cairn_cache_stats *out)
{
    struct cairn_heap *heap = cache->heap;
    struct cairn__slab *slab;
    uintptr_t from;

    memset(out, 0, sizeof(*out));
    if (heap == NULL)
        return;
    out->bytes = cache->bytes;
    out->constructed = cache->constructed;
    from = heap->config.source.start;
    while ((slab = cairn__directory_next(heap, from)) != NULL) {
        if (slab->bytes != 0 && is_own(cache, slab))
            add_slab(slab, out);
        from = cairn__slab_start(slab) + cairn__slab_pages(slab) * CAIRN__PAGE;
    }
    out->free -= out->live;
}

struct cairn_object_cache *
cairn_cache_next(const struct cairn_heap *heap,
                 const struct cairn_object_cache *cache)
{
    return cache == NULL ? heap->caches : cache->next;
}

unsigned cairn_cache_check(struct cairn_object_cache *cache)
{
    struct cairn_cache_stats stats;
    size_t slabs = 0;
    unsigned wrong;

    if (cache->heap == NULL)
        return 0;
    for (unsigned i = 0; i < cache->heap->config.cpu_count; i++) {
        wrong = cairn__slab_check_bin(cache->heap, cpu_at(cache, i), 0);
        if (wrong != 0)
            return wrong;
        slabs += cpu_at(cache, i)->bins[0].slab_count;
    }
    cairn_cache_stats(cache, &stats);
    return stats.slabs == slabs ? 0 : 6;
}
