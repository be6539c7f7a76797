/*
 * heap/firstfit.c - the first-fit engine: allocate, free, resize; see
 * firstfit.h.
 */
#include "heap/firstfit.h"

#include "base/align.h"
#include "base/assert.h"
#include "base/lock.h"
#include "base/memory.h"

/* Heap pages that are tried for a block with an alignment of its own. */
#define ALIGNED_TRIES 8

static size_t units_of(size_t bytes)
{
    return (bytes + CAIRN__UNIT - 1) / CAIRN__UNIT;
}

/* ---- Units of a heap page [lock] ----------------------------------------- */

size_t cairn__heap_run_block(struct cairn__heap_run *run, size_t at)
{
    size_t end = cairn__bitmap_next_clear(run->bits, at, run->unit_count);
    size_t next = cairn__bitmap_next_set(cairn__heap_run_starts(run), at + 1,
                                         run->unit_count);

    return (size_t)cairn__min(end, next) - at;
}

static void set_longest(struct cairn__heap_run *run, size_t longest)
{
    if (run->longest == longest)
        return;
    run->longest = (uint16_t)longest;
    cairn__heap_run_changed(run);
}

/* Of a free segment of `length` units, `rest` at its end are left. */
static void segment_taken(struct cairn__heap_run *run, size_t length,
                          size_t rest)
{
    if (length < run->longest)
        return;
    if (run->free_count == 0)
        set_longest(run, 0);
    else
        set_longest(run, cairn__bitmap_longest(run->bits, run->unit_count, rest,
                                               length));
}

/* Units of the free segment that has unit `at` in it, which is free. */
static size_t segment_units(const struct cairn__heap_run *run, size_t at)
{
    return cairn__bitmap_next_set(run->bits, at, run->unit_count) -
           cairn__bitmap_run_start(run->bits, at);
}

static void take_units(struct cairn_heap *heap, struct cairn__heap_run *run,
                       size_t at, size_t count)
{
    size_t end = cairn__bitmap_next_set(run->bits, at, run->unit_count);
    size_t length = end - cairn__bitmap_run_start(run->bits, at);

    cairn__bitmap_set(run->bits, at, count);
    run->free_count = (uint16_t)(run->free_count - count);
    heap->firstfit.free_bytes -= count * CAIRN__UNIT;
    heap->firstfit.live_bytes += count * CAIRN__UNIT;
    segment_taken(run, length, end - at - count);
    if (heap->firstfit.spare == run)
        heap->firstfit.spare = NULL;
}

static void give_units(struct cairn_heap *heap, struct cairn__heap_run *run,
                       size_t at, size_t count)
{
    size_t length;

    cairn__bitmap_clear(run->bits, at, count);
    run->free_count = (uint16_t)(run->free_count + count);
    heap->firstfit.free_bytes += count * CAIRN__UNIT;
    heap->firstfit.live_bytes -= count * CAIRN__UNIT;
    length = segment_units(run, at);
    if (length > run->longest)
        set_longest(run, length);
}

/* ---- Heap pages that come and go ----------------------------------------- */

/* [lock] */
static void enter(struct cairn_heap *heap, struct cairn__heap_run *run)
{
    cairn__heap_run_insert(&heap->firstfit.root, run);
    heap->firstfit.free_bytes += run->free_count * CAIRN__UNIT;
}

/* [lock] */
static void leave(struct cairn_heap *heap, struct cairn__heap_run *run)
{
    heap->firstfit.free_bytes -= run->free_count * CAIRN__UNIT;
    cairn__heap_run_remove(&heap->firstfit.root, run);
}

/* It is in the tree no more; NULL is fine. */
static void release(struct cairn_heap *heap, struct cairn__heap_run *run)
{
    if (run == NULL)
        return;
    cairn__heap_give_pages(heap, (void *)run->base, run->page_count);
    cairn__heap_run_give(heap, run, run->unit_count != 0);
}

/* [lock] It is free as a whole: which heap page should go, if any? */
static struct cairn__heap_run *retire(struct cairn_heap *heap,
                                      struct cairn__heap_run *run)
{
    struct cairn__heap_run *spare = heap->firstfit.spare;
    struct cairn__heap_run *gone = run;

    if (spare == NULL || spare->base > run->base) {
        heap->firstfit.spare = run;
        gone = spare;
    }
    if (gone != NULL)
        leave(heap, gone);
    return gone;
}

static void firstfit_drain(struct cairn_heap *heap)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);
    struct cairn__heap_run *run = heap->firstfit.spare;

    heap->firstfit.spare = NULL;
    if (run != NULL)
        leave(heap, run);
    cairn__lock_release(&heap->lock, state);
    release(heap, run);
    cairn__heap_run_trim(heap);
}

/* A descriptor with the pages that are asked for; NULL: no memory. */
static struct cairn__heap_run *make_run(struct cairn_heap *heap,
                                        struct cairn_heap_pages *request,
                                        bool is_divided)
{
    struct cairn__heap_run *run = cairn__heap_run_take(heap, is_divided);
    void *start;

    if (run == NULL)
        return NULL;
    start = cairn__heap_take_pages(heap, request);
    if (start == NULL) {
        cairn__heap_run_give(heap, run, is_divided);
        return NULL;
    }
    run->base = (uintptr_t)start;
    run->page_count = request->count;
    run->unit_count = 0;
    run->free_count = 0;
    run->longest = 0;
    return run;
}

static struct cairn__heap_run *make_divided(struct cairn_heap *heap,
                                            size_t pages, unsigned flags)
{
    struct cairn_heap_pages request = {
        .count = pages, .align = 1, .flags = flags};
    struct cairn__heap_run *run = make_run(heap, &request, true);

    if (run == NULL)
        return NULL;
    run->unit_count = (uint16_t)(pages * CAIRN__PAGE_UNITS);
    run->free_count = run->unit_count;
    run->longest = run->unit_count;
    memset(run->bits, 0, 2 * CAIRN__HEAP_RUN_WORDS * sizeof(uint64_t));
    return run;
}

/* ---- Allocate ------------------------------------------------------------ */

static size_t fit(const struct cairn__heap_run *run, size_t units, size_t align)
{
    struct cairn__bitmap_fit fit = {.need = units, .align = align};

    return cairn__bitmap_fit(run->bits, run->unit_count, fit);
}

/* [lock] The lowest of some heap pages where it fits so aligned, or NULL. */
static struct cairn__heap_run *find_aligned(struct cairn_heap *heap,
                                            size_t units, size_t align)
{
    struct cairn__heap_run *run =
        cairn__heap_run_first(heap->firstfit.root, units);

    for (unsigned i = 0; i < ALIGNED_TRIES && run != NULL; i++) {
        if (fit(run, units, align) != run->unit_count)
            return run;
        run = cairn__heap_run_next(run, units);
    }
    return cairn__heap_run_first(heap->firstfit.root, units + align - 1);
}

/* [lock] In that heap page, where it fits; returns the address. */
static uintptr_t place_in(struct cairn_heap *heap, struct cairn__heap_run *run,
                          size_t units, size_t align)
{
    size_t at = fit(run, units, align);

    cairn__assert(at < run->unit_count);
    take_units(heap, run, at, units);
    cairn__bitmap_set(cairn__heap_run_starts(run), at, 1);
    heap->firstfit.live_blocks++;
    return run->base + at * CAIRN__UNIT;
}

/* [lock] 0: it fits nowhere. */
static uintptr_t place(struct cairn_heap *heap, size_t units, size_t align)
{
    struct cairn__heap_run *run =
        align == 1 ? cairn__heap_run_first(heap->firstfit.root, units)
                   : find_aligned(heap, units, align);

    return run == NULL ? 0 : place_in(heap, run, units, align);
}

/* In a new heap page, or where others have made room meanwhile. */
static uintptr_t place_new(struct cairn_heap *heap, size_t units, size_t align,
                           unsigned flags)
{
    struct cairn__heap_run *run =
        make_divided(heap, CAIRN__HEAP_RUN_PAGES, flags);
    uintptr_t start;
    unsigned long state;

    if (run == NULL)
        run = make_divided(heap, 1, flags);
    state = cairn__lock_acquire(&heap->lock);
    if (run != NULL)
        enter(heap, run);
    start = place(heap, units, align);
    if (start == 0 && run != NULL)
        start = place_in(heap, run, units, align);
    if (run == NULL || run->free_count != run->unit_count)
        run = NULL;
    else
        run = retire(heap, run);
    cairn__lock_release(&heap->lock, state);
    release(heap, run);
    return start;
}

static void *alloc_divided(struct cairn_heap *heap, size_t size, size_t align,
                           unsigned flags)
{
    size_t units = units_of(size);
    size_t align_units = align <= CAIRN__UNIT ? 1 : align / CAIRN__UNIT;
    unsigned long state = cairn__lock_acquire(&heap->lock);
    uintptr_t start = place(heap, units, align_units);

    cairn__lock_release(&heap->lock, state);
    if (start == 0)
        start = place_new(heap, units, align_units, flags);
    if (start != 0 && (flags & CAIRN_HEAP_ZEROED) != 0)
        memset((void *)start, 0, size);
    return (void *)start;
}

static void *alloc_pages(struct cairn_heap *heap, size_t size, size_t align,
                         unsigned flags)
{
    struct cairn_heap_pages request = {
        .count = cairn__heap_pages_of(size),
        .align = align <= CAIRN__PAGE ? 1 : align / CAIRN__PAGE,
        .flags = flags};
    struct cairn__heap_run *run = make_run(heap, &request, false);
    void *start;
    unsigned long state;

    if (run == NULL) {
        firstfit_drain(heap);
        run = make_run(heap, &request, false);
    }
    if (run == NULL)
        return NULL;
    start = (void *)run->base;
    state = cairn__lock_acquire(&heap->lock);
    enter(heap, run);
    heap->firstfit.live_blocks++;
    heap->firstfit.live_bytes += request.count * CAIRN__PAGE;
    cairn__lock_release(&heap->lock, state);
    if ((flags & CAIRN_HEAP_ZEROED) != 0 && !request.is_zero)
        memset(start, 0, size);
    return start;
}

static void *firstfit_alloc(struct cairn_heap *heap, size_t size, size_t align,
                            unsigned flags)
{
    if (size >= CAIRN__PAGE || align >= CAIRN__PAGE)
        return alloc_pages(heap, size, align, flags);
    return alloc_divided(heap, size, align, flags);
}

/* ---- Free ---------------------------------------------------------------- */

/* [lock] What is at that address of a heap page, or NULL: is it a block? */
static enum cairn_status look(struct cairn__heap_run *run, uintptr_t address)
{
    size_t unit;

    if (run == NULL)
        return CAIRN_NOT_MEMORY;
    if (run->unit_count == 0)
        return address == run->base ? CAIRN_OK : CAIRN_NOT_FIRST;
    unit = cairn__heap_run_unit(run, address);
    if (!cairn__bitmap_test(run->bits, unit))
        return CAIRN_DOUBLE_FREE;
    if (address % CAIRN__UNIT != 0 ||
        !cairn__bitmap_test(cairn__heap_run_starts(run), unit))
        return CAIRN_NOT_FIRST;
    return CAIRN_OK;
}

/* [lock] A block; returns the heap page that is to be given back, or NULL. */
static struct cairn__heap_run *
remove(struct cairn_heap *heap, struct cairn__heap_run *run, uintptr_t address)
{
    size_t unit;

    heap->firstfit.live_blocks--;
    if (run->unit_count == 0) {
        heap->firstfit.live_bytes -= run->page_count * CAIRN__PAGE;
        leave(heap, run);
        return run;
    }
    unit = cairn__heap_run_unit(run, address);
    give_units(heap, run, unit, cairn__heap_run_block(run, unit));
    cairn__bitmap_clear(cairn__heap_run_starts(run), unit, 1);
    return run->free_count == run->unit_count ? retire(heap, run) : NULL;
}

static enum cairn_status firstfit_free(struct cairn_heap *heap, void *block)
{
    uintptr_t address = (uintptr_t)block;
    struct cairn__heap_run *gone = NULL;
    unsigned long state = cairn__lock_acquire(&heap->lock);
    struct cairn__heap_run *run =
        cairn__heap_run_find(heap->firstfit.root, address);
    enum cairn_status status = look(run, address);

    if (status == CAIRN_OK)
        gone = remove(heap, run, address);
    cairn__lock_release(&heap->lock, state);
    release(heap, gone);
    return status;
}

/* ---- Size, resize -------------------------------------------------------- */

/* [lock] */
static size_t bytes_of(struct cairn__heap_run *run, uintptr_t block)
{
    if (run->unit_count == 0)
        return run->page_count * CAIRN__PAGE;
    return cairn__heap_run_block(run, cairn__heap_run_unit(run, block)) *
           CAIRN__UNIT;
}

static size_t firstfit_usable(const struct cairn_heap *constant,
                              const void *block)
{
    struct cairn_heap *heap = (struct cairn_heap *)constant; /* its lock */
    uintptr_t address = (uintptr_t)block;
    size_t bytes = 0;
    unsigned long state = cairn__lock_acquire(&heap->lock);
    struct cairn__heap_run *run =
        cairn__heap_run_find(heap->firstfit.root, address);

    if (look(run, address) == CAIRN_OK)
        bytes = bytes_of(run, address);
    cairn__lock_release(&heap->lock, state);
    return bytes;
}

/* [lock] A divided heap page: make the block at `unit` so many units. */
static bool resize_units(struct cairn_heap *heap, struct cairn__heap_run *run,
                         size_t unit, size_t units)
{
    size_t before = cairn__heap_run_block(run, unit);
    size_t end = unit + before;

    if (units < before)
        give_units(heap, run, unit + units, before - units);
    if (units <= before)
        return true;
    if (cairn__bitmap_next_set(run->bits, end, run->unit_count) - unit < units)
        return false;
    take_units(heap, run, end, units - before);
    return true;
}

/* [lock] */
static void set_pages(struct cairn_heap *heap, struct cairn__heap_run *run,
                      size_t pages)
{
    heap->firstfit.live_bytes += (pages - run->page_count) * CAIRN__PAGE;
    run->page_count = pages;
}

static void set_pages_locked(struct cairn_heap *heap,
                             struct cairn__heap_run *run, size_t pages)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);

    set_pages(heap, run, pages);
    cairn__lock_release(&heap->lock, state);
}

/*
 * A block of whole pages, which nobody else frees.  Pages are always the
 * source's before they are not the heap's any more, and the other way round.
 */
static bool resize_pages(struct cairn_heap *heap, struct cairn__heap_run *run,
                         size_t pages)
{
    const struct cairn_heap_source *source = &heap->config.source;
    size_t before = run->page_count;

    if (pages == before)
        return true;
    if (source->resize == NULL)
        return false;
    if (pages < before)
        set_pages_locked(heap, run, pages);
    if (!source->resize(source->context, (void *)run->base, before, pages)) {
        if (pages < before)
            set_pages_locked(heap, run, before);
        return false;
    }
    if (pages > before)
        set_pages_locked(heap, run, pages);
    __atomic_fetch_add(&heap->source_pages, pages - before, __ATOMIC_RELAXED);
    return true;
}

static bool firstfit_resize(struct cairn_heap *heap, void *block, size_t size)
{
    uintptr_t address = (uintptr_t)block;
    bool is_done = false;
    unsigned long state = cairn__lock_acquire(&heap->lock);
    struct cairn__heap_run *run =
        cairn__heap_run_find(heap->firstfit.root, address);
    bool is_block = look(run, address) == CAIRN_OK;
    bool is_divided = is_block && run->unit_count != 0;

    if (is_divided && size < CAIRN__PAGE)
        is_done = resize_units(heap, run, cairn__heap_run_unit(run, address),
                               units_of(size));
    cairn__lock_release(&heap->lock, state);
    if (is_block && !is_divided && size >= CAIRN__PAGE)
        is_done = resize_pages(heap, run, cairn__heap_pages_of(size));
    return is_done;
}

static enum cairn_status firstfit_init(struct cairn_heap *heap)
{
    (void)heap; /* no heap pages, no descriptors */
    return CAIRN_OK;
}

const struct cairn__heap_engine cairn__heap_firstfit = {
    .init = firstfit_init,
    .alloc = firstfit_alloc,
    .free = firstfit_free,
    .usable = firstfit_usable,
    .resize = firstfit_resize,
    .drain = firstfit_drain,
    .stats = cairn__firstfit_stats,
    .walk = cairn__firstfit_walk,
    .pages = cairn__firstfit_pages,
    .check = cairn__firstfit_check,
};
