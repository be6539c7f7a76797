/*
 * heap_build.c - heaps for tests, on pages of their own.
 */
#include "heap_build.h"

#include "base/memory.h"

#define PAGE    ((size_t)CAIRN_FRAME_SIZE)
#define GARBAGE 0xa7

struct heap_build heap_build;

static size_t pages_at_start; /* of the heap's own structures */

static bool is_free_run(const struct heap_build *build, size_t first,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (build->is_used[first + i])
            return false;
    }
    return true;
}

static void set_used(struct heap_build *build, size_t first, size_t count,
                     bool is_used)
{
    memset(build->is_used + first, is_used, count);
    build->used_count += is_used ? count : 0 - count;
}

static bool is_refused(struct heap_build *build)
{
    if (build->refuse_after == SIZE_MAX)
        return false;
    if (build->refuse_after == 0)
        return true;
    build->refuse_after--;
    return false;
}

/* The address of that page is a multiple of `align` pages. */
static bool is_aligned(const struct heap_build *build, size_t page,
                       size_t align)
{
    return ((uintptr_t)build->memory / PAGE + page) % align == 0;
}

static void *take(void *context, struct cairn_heap_pages *request)
{
    struct heap_build *build = context;

    CHECK(request->count > 0 && request->align > 0);
    if (is_refused(build))
        return NULL;
    for (size_t i = 0; i + request->count <= build->page_count; i++) {
        if (!is_aligned(build, i, request->align) ||
            !is_free_run(build, i, request->count))
            continue;
        set_used(build, i, request->count, true);
        build->runs[i] = (uint16_t)request->count;
        memset(build->memory + i * PAGE, GARBAGE, request->count * PAGE);
        return build->memory + i * PAGE;
    }
    return NULL;
}

static size_t page_of(const struct heap_build *build, const void *start)
{
    uintptr_t offset = (uintptr_t)start - (uintptr_t)build->memory;

    CHECK_EQ(offset % PAGE, 0);
    CHECK(offset / PAGE < build->page_count);
    return offset / PAGE;
}

static void give(void *context, void *start, size_t count)
{
    struct heap_build *build = context;
    size_t first = page_of(build, start);

    CHECK_EQ(build->runs[first], count);
    build->runs[first] = 0;
    set_used(build, first, count, false);
    memset(start, GARBAGE, count * PAGE);
}

static bool resize(void *context, void *start, size_t from, size_t to)
{
    struct heap_build *build = context;
    size_t first = page_of(build, start);

    CHECK_EQ(build->runs[first], from);
    if (!build->can_resize)
        return false;
    if (to > from) {
        if (first + to > build->page_count ||
            !is_free_run(build, first + from, to - from))
            return false;
        set_used(build, first + from, to - from, true);
    } else {
        set_used(build, first + to, from - to, false);
    }
    build->runs[first] = (uint16_t)to;
    return true;
}

void heap_on_all(void (*run)(void))
{
    uint64_t phys;

    heap_build.shared = test_memory(HEAP_PAGES_MAX * PAGE, &phys);
    for (unsigned i = 0; i < CAIRN_HEAP_ENGINE_COUNT; i++) {
        heap_build.engine = (enum cairn_heap_engine)i;
        run();
    }
    heap_build.engine = CAIRN_HEAP_SLAB;
    heap_build.shared = NULL;
}

void heap_build_prepare(size_t page_count)
{
    uint64_t phys;

    CHECK(page_count <= HEAP_PAGES_MAX);
    heap_build.memory = heap_build.shared;
    if (heap_build.memory == NULL)
        heap_build.memory = test_memory(page_count * PAGE, &phys);
    heap_build.page_count = page_count;
    heap_build.config = cairn_heap_config_default();
    heap_build.config.engine = heap_build.engine;
    heap_build.config.cpu_count = 1;
    heap_build.refuse_after = SIZE_MAX;
    heap_build.can_resize = true;
}

bool heap_build_start(void)
{
    struct cairn_heap_source *source = &heap_build.config.source;

    source->alloc = take;
    source->free = give;
    source->resize = resize;
    source->context = &heap_build;
    source->start = (uintptr_t)heap_build.memory;
    source->end = source->start + heap_build.page_count * PAGE;
    memset(&heap_build.heap, 0, sizeof(heap_build.heap));
    memset(heap_build.is_used, 0, sizeof(heap_build.is_used));
    memset(heap_build.runs, 0, sizeof(heap_build.runs));
    heap_build.used_count = 0;
    if (cairn_heap_init(&heap_build.heap, &heap_build.config) != CAIRN_OK)
        return false;
    pages_at_start = heap_build.used_count;
    return true;
}

void heap_build_begin(size_t page_count)
{
    heap_build_prepare(page_count);
    CHECK(heap_build_start());
}

void heap_build_check(void)
{
    CHECK_EQ(cairn_heap_check(&heap_build.heap), 0);
}

void heap_build_end(void)
{
    struct cairn_heap_stats stats;

    heap_build_check();
    cairn_heap_drain(&heap_build.heap);
    heap_build_check();
    cairn_heap_stats(&heap_build.heap, &stats);
    CHECK_EQ(stats.live_blocks, 0);
    CHECK_EQ(stats.live_bytes, 0);
    CHECK_EQ(stats.kept_bytes, 0);
    CHECK_EQ(stats.source_bytes, heap_build.used_count * PAGE);
    CHECK_EQ(stats.meta_bytes, stats.source_bytes);
    CHECK(heap_build.used_count >= pages_at_start);
    if (heap_build.config.engine == CAIRN_HEAP_FIRSTFIT &&
        heap_build.config.level != CAIRN_HEAP_DEBUG)
        CHECK_EQ(heap_build.used_count, 0);
}
