/*
 * heap/slab.c - the slab engine: bins, slabs and what goes between them.
 *
 * HOW    See slab.h.  A block that does not fit into an array goes to the free
 *        words of its slab if that is the CPU's own, else to the remote words.
 *
 *        A slab all of whose blocks are free again is given back, unless its
 *        bin has no other with free blocks.  Before a CPU makes a new slab, it
 *        looks at what others have freed in its slabs, and at what CPUs left
 *        that are retired.
 *
 * INVARIANTS (cairn__heap_slab.check tests each by this number)
 *   H1   Each page of a small slab leads to it; so does a large one's first.
 *   H2   A free word's bit stands for a block that is FREE; free_count is
 *        their number.  (At level 0 states of small blocks mean nothing.)
 *   H3   The same bit is not in a remote word, nor the bin's word.
 *   H4   A slab is in its owner's list exactly if free_count is not 0.
 *   H5   What is in an array is FREE, of that class, and in no word.
 *   H6   slab_count of each bin is the number of its slabs.
 *
 * COST   A refill is a few loads; a block of another CPU, an atomic operation.
 *
 * FAILS  No page for a slab: the own CPU's caches go back to the slabs, and
 *        the empty ones of those to the source; then it is tried once more.
 *
 * TESTS  tests/heap*.c, fuzz/heap.c; make bench B=heap
 */
#include "heap/slab.h"

#include "base/align.h"
#include "base/bits.h"
#include "base/lock.h"
#include "base/memory.h"
#include "heap/directory.h"
#include "heap/engine.h"
#include "heap/large.h"

/* Ends a list by `pending`: there NULL means that a slab is in no list. */
#define LAST (&cairn__slab_void)

/* ---- Lists of slabs with free blocks [owner] ----------------------------- */

static struct cairn__bin *home_of(const struct cairn__slab *slab)
{
    return &slab->owner->bins[slab->number];
}

static void list(struct cairn__slab *slab)
{
    struct cairn__bin *home = home_of(slab);

    slab->next = home->slabs;
    slab->previous = NULL;
    if (home->slabs != NULL)
        home->slabs->previous = slab;
    home->slabs = slab;
    slab->is_listed = 1;
}

static void unlist(struct cairn__slab *slab)
{
    if (slab->next != NULL)
        slab->next->previous = slab->previous;
    if (slab->previous != NULL)
        slab->previous->next = slab->next;
    else
        home_of(slab)->slabs = slab->next;
    slab->is_listed = 0;
}

/* Its owner has it no more; it goes in front of `*others`, by `next`. */
static void disown(struct cairn__slab *slab, struct cairn__slab **others)
{
    unlist(slab);
    home_of(slab)->slab_count--;
    slab->next = *others;
    *others = slab;
}

/*
 * Blocks have come back: list the slab or, if it is empty and not the only one
 * listed, take it out, into `*empty`, a list by `next`.
 */
static void settle(struct cairn__slab *slab, struct cairn__slab **empty)
{
    if (!slab->is_listed && slab->free_count != 0)
        list(slab);
    if (slab->free_count == slab->count &&
        (slab->next != NULL || slab->previous != NULL))
        disown(slab, empty);
}

/* ---- Blocks that other CPUs have freed ----------------------------------- */

/* Put the slab on its owner's list, if it is on none. */
static void announce(struct cairn__slab *slab)
{
    struct cairn__slab *expected = NULL;
    struct cairn__heap_cpu *owner =
        __atomic_load_n(&slab->owner, __ATOMIC_ACQUIRE);
    struct cairn__slab *head;

    if (owner == NULL ||
        __atomic_load_n(&slab->pending, __ATOMIC_SEQ_CST) != NULL ||
        !__atomic_compare_exchange_n(&slab->pending, &expected, LAST, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    head = __atomic_load_n(&owner->pending, __ATOMIC_RELAXED);
    do {
        __atomic_store_n(&slab->pending, head != NULL ? head : LAST,
                         __ATOMIC_RELAXED);
    } while (!__atomic_compare_exchange_n(&owner->pending, &head, slab, false,
                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* [owner] Those blocks of one word are free in the slab. */
static void put_word(struct cairn__slab *slab, unsigned nth, cairn__word word)
{
    slab->words[nth] |= word;
    slab->free_count = (uint16_t)(slab->free_count + cairn__bit_count(word));
}

/* [owner] Its remote words become free words. */
static void harvest(struct cairn__slab *slab)
{
    cairn__word *remote = cairn__slab_remote(slab);

    for (unsigned i = 0; i < cairn__slab_words(slab); i++) {
        if (__atomic_load_n(&remote[i], __ATOMIC_RELAXED) == 0)
            continue;
        put_word(slab, i, __atomic_exchange_n(&remote[i], 0, __ATOMIC_ACQUIRE));
    }
}

/*
 * As `cpu`: look at all slabs in which others have freed blocks.  A slab may
 * have got another owner since it was announced, or none.
 */
static void collect(struct cairn__heap_cpu *cpu, struct cairn__slab **empty)
{
    struct cairn__slab *slab =
        __atomic_exchange_n(&cpu->pending, NULL, __ATOMIC_ACQUIRE);
    struct cairn__slab *next;

    for (; slab != NULL && slab != LAST; slab = next) {
        next = __atomic_exchange_n(&slab->pending, NULL, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&slab->owner, __ATOMIC_ACQUIRE) != cpu) {
            announce(slab);
            continue;
        }
        harvest(slab);
        settle(slab, empty);
    }
}

/* ---- Giving back --------------------------------------------------------- */

static void give_back(struct cairn__heap_cpu *cpu, struct cairn__slab *slab,
                      unsigned index, struct cairn__slab **empty)
{
    unsigned nth = index / CAIRN__WORD_BITS;
    cairn__word bit = (cairn__word)1 << index % CAIRN__WORD_BITS;

    if (__atomic_load_n(&slab->owner, __ATOMIC_RELAXED) == cpu) {
        slab->words[nth] |= bit;
        slab->free_count++;
        if (!slab->is_listed || slab->free_count == slab->count)
            settle(slab, empty);
        return;
    }
    __atomic_fetch_or(&cairn__slab_remote(slab)[nth], bit, __ATOMIC_SEQ_CST);
    announce(slab);
}

/* Own CPU: the array's blocks go back to their slabs. */
static void return_array(struct cairn_heap *heap, struct cairn__heap_cpu *cpu,
                         unsigned number, struct cairn__slab **empty)
{
    struct cairn__bin *bin = &cpu->bins[number];
    struct cairn__slab *slab;

    for (; bin->top != bin->none; bin->top--) {
        slab = cairn__heap_find(heap, bin->top->start);
        give_back(cpu, slab,
                  cairn__slab_index(slab, bin->top->start - slab->base), empty);
    }
}

/* Own CPU: the word goes back to its slab. */
static void return_word(struct cairn_heap *heap, struct cairn__bin *bin,
                        struct cairn__slab **empty)
{
    struct cairn__slab *slab;
    unsigned index;

    if (bin->word == 0)
        return;
    slab = cairn__heap_find(heap, bin->word_start);
    index = (unsigned)(bin->word_states - slab->states);
    put_word(slab, index / CAIRN__WORD_BITS, bin->word);
    bin->word = 0;
    settle(slab, empty);
}

void cairn__slab_release(struct cairn_heap *heap, struct cairn__slab *empty)
{
    struct cairn__slab *next;
    uintptr_t start;

    for (; empty != NULL; empty = next) {
        next = empty->next;
        start = cairn__slab_start(empty);
        cairn__directory_set(heap, start, empty->page_count, LAST);
        cairn__heap_give_pages(heap, (void *)start, empty->page_count);
        cairn__descriptor_give(heap, empty);
    }
}

/* ---- New slabs ----------------------------------------------------------- */

static void fill_words(struct cairn__slab *slab)
{
    unsigned whole = slab->count / CAIRN__WORD_BITS;
    unsigned rest = slab->count % CAIRN__WORD_BITS;

    for (unsigned i = 0; i < whole; i++)
        slab->words[i] = ~(cairn__word)0;
    if (rest != 0)
        slab->words[whole] = ((cairn__word)1 << rest) - 1;
    slab->free_count = slab->count;
}

struct cairn__slab *cairn__slab_make(struct cairn_heap *heap,
                                     const struct cairn__slab_shape *shape)
{
    size_t room = shape->pages * CAIRN__PAGE - shape->colour;
    struct cairn_heap_pages request = {
        .count = shape->pages, .align = 1, .flags = shape->flags};
    struct cairn__slab *slab =
        cairn__descriptor_take(heap, room / shape->bytes);
    void *start;

    if (slab == NULL)
        return NULL;
    start = cairn__heap_take_pages(heap, &request);
    if (start == NULL) {
        cairn__descriptor_give(heap, slab);
        return NULL;
    }
    slab->base = (uintptr_t)start + shape->colour;
    slab->number = (uint8_t)shape->number;
    slab->bin = (uint16_t)(shape->number * sizeof(struct cairn__bin));
    slab->bytes = (uint32_t)shape->bytes;
    slab->span = (uint32_t)(slab->count * shape->bytes);
    slab->reciprocal = (uint32_t)(UINT32_MAX / shape->bytes + 1);
    slab->page_count = (uint8_t)shape->pages;
    fill_words(slab);
    cairn__directory_set(heap, (uintptr_t)start, shape->pages, slab);
    return slab;
}

static struct cairn__slab *make_slab(struct cairn_heap *heap, unsigned number,
                                     size_t pages, unsigned flags)
{
    const struct cairn__slab_shape shape = {.number = number,
                                            .flags = flags,
                                            .bytes = cairn__class_bytes(number),
                                            .pages = pages};

    return cairn__slab_make(heap, &shape);
}

/* Own CPU: the slab is its from now on. */
void cairn__slab_adopt(struct cairn__heap_cpu *cpu, struct cairn__slab *slab)
{
    __atomic_store_n(&slab->owner, cpu, __ATOMIC_RELEASE);
    home_of(slab)->slab_count++;
    list(slab);
}

/* ---- Refill -------------------------------------------------------------- */

/* Own CPU: a word of that slab becomes the bin's. */
static void take_word(struct cairn__bin *bin, struct cairn__slab *slab)
{
    unsigned nth = 0;

    while (slab->words[nth] == 0)
        nth++;
    bin->word = slab->words[nth];
    slab->words[nth] = 0;
    slab->free_count =
        (uint16_t)(slab->free_count - cairn__bit_count(bin->word));
    nth *= CAIRN__WORD_BITS;
    bin->word_start = slab->base + (uintptr_t)nth * slab->bytes;
    bin->word_states = slab->states + nth;
    if (slab->free_count == 0)
        unlist(slab);
}

struct cairn__slab *cairn__slab_pull(struct cairn__heap_cpu *cpu,
                                     unsigned number,
                                     struct cairn__slab **empty)
{
    struct cairn__slab *slab;

    collect(cpu, empty);
    slab = cpu->bins[number].slabs;
    if (slab != NULL) {
        unlist(slab);
        cpu->bins[number].slab_count--;
    }
    return slab;
}

/* Own CPU: a slab with free blocks of a CPU that is retired. */
static bool inherit(struct cairn_heap *heap, struct cairn__heap_cpu *cpu,
                    unsigned number, struct cairn__slab **empty)
{
    struct cairn__slab *slab = NULL;
    unsigned long state;

    if (__atomic_load_n(&heap->retired_count, __ATOMIC_RELAXED) == 0)
        return false;
    state = cairn__lock_acquire(&heap->lock);
    for (unsigned i = 0; slab == NULL && i < heap->config.cpu_count; i++) {
        if (heap->cpus[i].is_retired)
            slab = cairn__slab_pull(&heap->cpus[i], number, empty);
    }
    if (slab != NULL)
        cairn__slab_adopt(cpu, slab);
    cairn__lock_release(&heap->lock, state);
    return slab != NULL;
}

void cairn__heap_prepare(struct cairn_heap *heap, struct cairn__heap_cpu *cpu)
{
    struct cairn__free_block *array =
        cairn__heap_arrays(heap, (unsigned)(cpu - heap->cpus));

    for (unsigned i = 0; i < CAIRN_HEAP_CLASSES; i++) {
        cpu->bins[i].top = array;
        cpu->bins[i].none = array;
        array += cairn__class_limit(i);
        cpu->bins[i].full = array++;
        cpu->bins[i].bytes = (uint32_t)cairn__class_bytes(i);
    }
    cpu->keep_bytes = heap->config.keep_bytes;
    cpu->is_ready = true;
}

/* Own CPU, its bin is empty: a block; 0: there is none without a new slab. */
static uintptr_t refill(struct cairn_heap *heap, struct cairn__heap_cpu *cpu,
                        unsigned number, struct cairn__slab **empty)
{
    struct cairn__bin *bin = &cpu->bins[number];

    if (bin->slabs == NULL)
        collect(cpu, empty);
    if (bin->slabs == NULL && !inherit(heap, cpu, number, empty))
        return 0;
    take_word(bin, bin->slabs);
    return cairn__bin_take(bin);
}

/*
 * One try on whatever CPU this is: out of the bin, out of its slabs or, if
 * there is one, out of `fresh`.
 */
static uintptr_t try_alloc(struct cairn_heap *heap, unsigned number,
                           struct cairn__slab *fresh, size_t *slab_count)
{
    struct cairn__slab *empty = NULL;
    unsigned long state;
    struct cairn__heap_cpu *cpu = cairn__heap_enter(heap, &state);
    uintptr_t start;

    if (fresh != NULL)
        cairn__slab_adopt(cpu, fresh);
    start = cairn__bin_take(&cpu->bins[number]);
    if (start == 0)
        start = refill(heap, cpu, number, &empty);
    *slab_count = cpu->bins[number].slab_count;
    cairn__heap_leave(state);
    cairn__slab_release(heap, empty);
    return start;
}

/* The size that the class should have now or, if there is none, the first. */
static struct cairn__slab *make_any_slab(struct cairn_heap *heap,
                                         unsigned number, size_t slab_count,
                                         unsigned flags)
{
    size_t pages = cairn__class_pages(number, slab_count);
    struct cairn__slab *slab = make_slab(heap, number, pages, flags);

    if (slab == NULL && pages > cairn__class_pages(number, 0))
        slab = make_slab(heap, number, cairn__class_pages(number, 0), flags);
    return slab;
}

static void *alloc_small(struct cairn_heap *heap, unsigned number,
                         unsigned flags)
{
    size_t slab_count;
    uintptr_t start = try_alloc(heap, number, NULL, &slab_count);
    struct cairn__slab *fresh;

    if (start == 0) {
        fresh = make_any_slab(heap, number, slab_count, flags);
        if (fresh == NULL) {
            cairn_heap_drain(heap);
            fresh = make_any_slab(heap, number, 0, flags);
        }
        start = try_alloc(heap, number, fresh, &slab_count);
    }
    return (void *)start;
}

/*
 * The smallest class for blocks of that size and alignment, which is at most a
 * page; CAIRN__CLASS_LARGE: none is small.
 */
static unsigned aligned_class(const struct cairn_heap *heap, size_t size,
                              size_t align)
{
    unsigned number = cairn__class_of_small(size);

    while (number < CAIRN__CLASS_LARGE &&
           cairn__class_bytes(number) % align != 0)
        number++;
    return number < CAIRN__CLASS_LARGE &&
                   cairn__class_bytes(number) <= heap->config.small_bytes
               ? number
               : CAIRN__CLASS_LARGE;
}

static void *slab_alloc(struct cairn_heap *heap, size_t size, size_t align,
                        unsigned flags)
{
    unsigned number = CAIRN__CLASS_LARGE;
    void *block;

    if (size <= heap->config.small_bytes && align <= CAIRN__PAGE)
        number = aligned_class(heap, size, align);
    if (number == CAIRN__CLASS_LARGE)
        return cairn__large_alloc(heap, size, align, flags);
    block = alloc_small(heap, number, flags);
    if (block != NULL && (flags & CAIRN_HEAP_ZEROED) != 0)
        memset(block, 0, size);
    return block;
}

/* ---- Free ---------------------------------------------------------------- */

/* Why `block` is none that could be freed. */
enum cairn_status cairn__slab_reason(const struct cairn_heap *heap,
                                     uintptr_t block)
{
    struct cairn__slab *slab = cairn__heap_find(heap, block);

    if (block - cairn__slab_start(slab) >=
        cairn__slab_pages(slab) * CAIRN__PAGE)
        return cairn__large_holds(heap, block) ? CAIRN_NOT_FIRST
                                               : CAIRN_NOT_MEMORY;
    if (block == slab->base)
        return CAIRN_DOUBLE_FREE;
    if (cairn__slab_block(slab, block - slab->base) == CAIRN__SLAB_BLOCKS_MAX)
        return CAIRN_NOT_FIRST; /* or behind the last block */
    return CAIRN_DOUBLE_FREE;
}

static bool is_live(const struct cairn__slab *slab, uintptr_t block)
{
    uint32_t index = cairn__slab_block(slab, block - slab->base);

    return index != CAIRN__SLAB_BLOCKS_MAX &&
           __atomic_load_n(&slab->states[index], __ATOMIC_RELAXED) ==
               CAIRN__BLOCK_ALLOCATED;
}

static enum cairn_status slab_free(struct cairn_heap *heap, void *block)
{
    uintptr_t start = (uintptr_t)block;
    struct cairn__slab *slab = cairn__heap_find(heap, start);
    struct cairn__slab *empty = NULL;
    unsigned long state;
    struct cairn__heap_cpu *cpu;
    unsigned index;

    if (cairn__large_is(slab, start))
        return cairn__large_free(heap, slab);
    if (!is_live(slab, start))
        return cairn__slab_reason(heap, start);
    index = cairn__slab_index(slab, start - slab->base);
    cpu = cairn__heap_enter(heap, &state);
    if (!heap->is_believing)
        __atomic_store_n(&slab->states[index], CAIRN__BLOCK_FREE,
                         __ATOMIC_RELAXED);
    give_back(cpu, slab, index, &empty);
    cairn__heap_leave(state);
    cairn__slab_release(heap, empty);
    return CAIRN_OK;
}

static size_t slab_usable(const struct cairn_heap *heap, const void *block)
{
    uintptr_t start = (uintptr_t)block;
    struct cairn__slab *slab = cairn__heap_find(heap, start);

    if (cairn__large_is(slab, start))
        return slab->large_bytes;
    return is_live(slab, start) ? slab->bytes : 0;
}

static bool slab_resize(struct cairn_heap *heap, void *block, size_t size)
{
    uintptr_t start = (uintptr_t)block;
    struct cairn__slab *slab = cairn__heap_find(heap, start);

    if (cairn__large_is(slab, start))
        return cairn__large_resize(heap, slab, size);
    return size <= slab->bytes && (size > slab->bytes / 2 || size > 128);
}

/* ---- Draining, CPUs that come and go ------------------------------------- */

static void drain_bin(struct cairn_heap *heap, struct cairn__heap_cpu *cpu,
                      unsigned number, struct cairn__slab **empty)
{
    return_array(heap, cpu, number, empty);
    return_word(heap, &cpu->bins[number], empty);
}

/* Own CPU: the slab of which nothing is in use, if the bin has kept one. */
static void drop_empty(struct cairn__bin *bin, struct cairn__slab **empty)
{
    struct cairn__slab *slab = bin->slabs;

    if (slab != NULL && slab->free_count == slab->count)
        disown(slab, empty);
}

static void drain_bins(struct cairn_heap *heap, struct cairn__heap_cpu *cpu,
                       struct cairn__slab **empty)
{
    for (unsigned i = 1; i < CAIRN__CLASS_LARGE; i++)
        drain_bin(heap, cpu, i, empty);
    collect(cpu, empty);
    for (unsigned i = 1; i < CAIRN__CLASS_LARGE; i++)
        drop_empty(&cpu->bins[i], empty);
}

static void slab_drain(struct cairn_heap *heap)
{
    struct cairn__slab *empty = NULL;
    unsigned long state;
    struct cairn__heap_cpu *cpu = cairn__heap_enter(heap, &state);

    drain_bins(heap, cpu, &empty);
    cairn__heap_leave(state);
    cairn__slab_release(heap, empty);
    cairn__large_drain(heap);
}

void cairn__slab_retire(struct cairn_heap *heap, struct cairn__heap_cpu *cpu)
{
    struct cairn__slab *empty = NULL;
    unsigned long state = cairn__lock_acquire(&heap->lock);

    drain_bins(heap, cpu, &empty);
    cairn__lock_release(&heap->lock, state);
    cairn__slab_release(heap, empty);
}

/* ---- For typed caches ---------------------------------------------------- */

uintptr_t cairn__slab_refill(struct cairn__heap_cpu *cpu,
                             struct cairn__slab **empty)
{
    struct cairn__bin *bin = &cpu->bins[0];

    if (bin->slabs == NULL)
        collect(cpu, empty);
    if (bin->slabs == NULL)
        return 0;
    take_word(bin, bin->slabs);
    return cairn__bin_take(bin);
}

bool cairn__slab_give(struct cairn__heap_cpu *cpu, struct cairn__slab *slab,
                      uintptr_t start, struct cairn__slab **empty)
{
    unsigned index;

    if (!is_live(slab, start))
        return false;
    index = cairn__slab_index(slab, start - slab->base);
    __atomic_store_n(&slab->states[index], CAIRN__BLOCK_FREE, __ATOMIC_RELAXED);
    give_back(cpu, slab, index, empty);
    return true;
}

void cairn__slab_drain_first(struct cairn_heap *heap,
                             struct cairn__heap_cpu *cpu,
                             struct cairn__slab **empty)
{
    drain_bin(heap, cpu, 0, empty);
    collect(cpu, empty);
    drop_empty(&cpu->bins[0], empty);
}

static enum cairn_status slab_init(struct cairn_heap *heap)
{
    for (unsigned i = 1; i <= heap->config.small_bytes / CAIRN_HEAP_ALIGN; i++)
        heap->bins[i] = (uint16_t)(cairn__class_of_small(i * CAIRN_HEAP_ALIGN) *
                                   sizeof(struct cairn__bin));
    heap->is_direct = true;
    heap->is_believing =
        heap->config.is_believing && heap->config.level == CAIRN_HEAP_FAST;
    return cairn__directory_init(heap);
}

const struct cairn__heap_engine cairn__heap_slab = {
    .has_caches = true,
    .init = slab_init,
    .alloc = slab_alloc,
    .free = slab_free,
    .usable = slab_usable,
    .resize = slab_resize,
    .drain = slab_drain,
    .stats = cairn__slab_stats,
    .walk = cairn__slab_walk,
    .pages = cairn__slab_pages_walk,
    .check = cairn__slab_check,
};
