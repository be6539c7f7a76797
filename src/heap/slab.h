/*
 * heap/slab.h - the slab engine: size classes, slabs, caches of CPUs.
 *
 * WHAT   A small block is one of the equal blocks of a slab: 1 to 16 pages.  A
 *        large one is a slab by itself.  All that is known about a slab stands
 *        in its descriptor, which lies elsewhere: nothing is ever written into
 *        a free block, and an overrun meets no structure of the heap.
 *
 * STATES of a block, one byte each in the descriptor
 *          FREE       in the slab, in a CPU's array, or on its way
 *          ALLOCATED  the caller's
 *        A free whose block is not in the caller's hands is therefore noticed
 *        by one load, whatever CPU has the block now.  At level 0 nobody looks:
 *        all small blocks are ALLOCATED, always, and what is free is known by
 *        where it is.
 *
 * BINS   For each class a CPU has a few free blocks in an array, and a word, of
 *        which each bit is a free block of one slab.  A freed block goes into
 *        the array if there is room, else to its slab.  Blocks come out of the
 *        array, last in first out; when it is empty, out of the word; when that
 *        is 0, the next one is taken out of a slab.
 *
 * OWNERS A slab belongs to a CPU, which alone touches its list links, its free
 *        words and its count, with interrupts off.  Others that free its
 *        blocks set bits in its remote words, and put it on its owner's list
 *        of slabs to look at.  Of a CPU that is retired, whoever has the
 *        heap's lock plays the part.
 *
 * TYPED CACHES
 *        have bins of their own: for each CPU, what a CPU has, but one bin.
 *        Their slabs are of class 0, whose bin never takes a block in the
 *        heap's own CPUs; so a block that is freed as one of the heap's is
 *        freed as by another CPU.
 *
 * DIRECTORY
 *        From a page to its slab: a pointer for each 2 MiB to a leaf, a
 *        pointer in that for each page.  A page that is none of the heap's
 *        leads to cairn__slab_void, in which no block is allocated.
 *        Descriptors are never used for anything else, so that a free of a
 *        pointer that is not valid any more reads a descriptor, at least.
 */
#ifndef CAIRN__HEAP_SLAB_H
#define CAIRN__HEAP_SLAB_H

#include "base/assert.h"
#include "base/bits.h"
#include "heap/pages.h"

/* ---- Classes ------------------------------------------------------------- */

/*
 * Class 0 is none.  1 .. 52 are small: 16, 32, ... 512 bytes, then four steps
 * to each power of two, up to 16 KiB; config.small_bytes is the last in use.
 * 53 .. 88 are large: 1, 2, ... 8 pages, then four steps.
 */
#define CAIRN__CLASS_NONE  0u
#define CAIRN__CLASS_LARGE 53u
/* In a descriptor: pages of a block that no class is for. */
#define CAIRN__CLASS_HUGE 89u

#define CAIRN__SLAB_BLOCKS_MAX 1024u
#define CAIRN__SLAB_PAGES_MAX  16u

/* The class of `size` bytes, 1 .. CAIRN_HEAP_SMALL_LIMIT. */
unsigned cairn__class_of_small(size_t size);

/*
 * Which of the steps above 2^shift, four to each power of two, is the first
 * that is not less than `value`, which is larger than 2^shift.
 */
static inline unsigned cairn__class_step(size_t value, unsigned shift)
{
    unsigned top = cairn__bit_highest(value - 1);

    return (top - shift) * 4 + (unsigned)((value - 1) >> (top - 2) & 3);
}

/* The class of that many pages, 1 .. CAIRN_HEAP_LARGE_PAGES. */
static inline unsigned cairn__class_of_pages(size_t pages)
{
    if (pages <= 8)
        return CAIRN__CLASS_LARGE + (unsigned)pages - 1;
    return CAIRN__CLASS_LARGE + 8 + cairn__class_step(pages, 3);
}

/* Bytes of a block of a class. */
size_t cairn__class_bytes(unsigned number);

/* Blocks that a CPU's array of that class has room for. */
unsigned cairn__class_limit(unsigned number);

/* Pages of a slab of a small class, of which the bin has `slabs` already. */
unsigned cairn__class_pages(unsigned number, size_t slabs);

/* ---- Slabs --------------------------------------------------------------- */

/* As wide as an atomic operation of any CPU may be. */
typedef unsigned long cairn__word;

#define CAIRN__WORD_BITS ((unsigned)(sizeof(cairn__word) * 8))

enum cairn__block_state {
    CAIRN__BLOCK_FREE,
    CAIRN__BLOCK_ALLOCATED
};

struct cairn__slab {
    /* Constant while the slab exists: */
    uintptr_t base;      /* the first block, in the first page */
    uint8_t *states;     /* one a block */
    uint32_t span;       /* bytes of all blocks; 0: large */
    uint32_t reciprocal; /* 2^32 / bytes, rounded up; 0: large */
    uint32_t bytes;      /* of a block; 0: large */
    uint16_t bin;        /* bytes from a CPU's first bin to the class's */
    uint16_t count;      /* blocks */
    struct cairn__heap_cpu *owner; /* [owner] atomic */
    struct cairn__slab *next;      /* [owner] of those with free blocks */
    union {
        struct cairn__slab *previous; /* [owner] */
        size_t large_bytes;           /* large, constant */
    };
    uint8_t number;      /* constant: its class */
    uint8_t kind;        /* constant for ever: kind + 1 words, directory.c */
    uint8_t page_count;  /* constant; 0: large */
    uint8_t is_listed;   /* [owner] in its bin's list */
    uint16_t free_count; /* [owner] bits in words */
    struct cairn__slab *pending; /* [whoever put it there] */
    /* After that, the free words and the remote words, then the states. */
    cairn__word words[];
};

extern struct cairn__slab cairn__slab_void;

/* Its first page; in front of the first block there may be a colour. */
static inline uintptr_t cairn__slab_start(const struct cairn__slab *slab)
{
    return slab->base & ~(uintptr_t)(CAIRN__PAGE - 1);
}

/* Free words of a slab, and remote words. */
static inline unsigned cairn__slab_words(const struct cairn__slab *slab)
{
    return slab->kind + 1u;
}

static inline cairn__word *cairn__slab_remote(struct cairn__slab *slab)
{
    return slab->words + cairn__slab_words(slab);
}

/* The number of the block that `offset` bytes lie in; offset < span. */
static inline uint32_t cairn__slab_index(const struct cairn__slab *slab,
                                         uintptr_t offset)
{
    return (uint32_t)((uint64_t)offset * slab->reciprocal >> 32);
}

/*
 * The same, if a block begins there; else CAIRN__SLAB_BLOCKS_MAX.
 *
 * Why      Let bytes * reciprocal = 2^32 + e, so e < bytes.  The product for
 *          k * bytes + r is k * 2^32 + k * e + r * reciprocal, and k * e is
 *          below 64 KiB, the size of a slab, and so below the reciprocal.
 *          Hence the lower half is below the reciprocal only if r is 0.
 */
static inline uint32_t cairn__slab_block(const struct cairn__slab *slab,
                                         uintptr_t offset)
{
    uint64_t product = (uint64_t)offset * slab->reciprocal;

    if (__builtin_expect(offset >= slab->span, 0) ||
        __builtin_expect((uint32_t)product >= slab->reciprocal, 0))
        return CAIRN__SLAB_BLOCKS_MAX;
    return (uint32_t)(product >> 32);
}

/* ---- What a CPU has ------------------------------------------------------ */

/* A free block on its way: where it is, and where its state is. */
struct cairn__free_block {
    uintptr_t start;
    uint8_t *state;
};

struct cairn__bin {
    /* The array's last block; below the first there is one at address 0. */
    struct cairn__free_block *top;
    struct cairn__free_block *full; /* constant: what top is if it is full */
    cairn__word word;               /* free blocks of one slab */
    uintptr_t word_start;           /* the block of bit 0 */
    uint8_t *word_states;           /* its state */
    uint32_t bytes;                 /* constant: of a block */
    uint32_t slab_count;            /* all slabs that this bin owns */
    struct cairn__slab *slabs;      /* those with free blocks */
    struct cairn__free_block *none; /* constant: what top is if it is empty */
} __attribute__((aligned(64)));

/*
 * [own CPU, interrupts off], but for pending.  The bins come last: what a typed
 * cache has for each CPU ends behind the first of them.
 */
struct cairn__heap_cpu {
    struct cairn__slab *pending __attribute__((aligned(64))); /* atomic: slabs
                                    in which others have freed blocks */
    size_t kept_bytes __attribute__((aligned(64))); /* in bins of large
                                                       classes */
    size_t keep_bytes; /* constant: at most so many */
    bool is_ready;     /* the bins have their constants */
    bool is_retired;   /* [heap's lock] */
    struct cairn__bin bins[CAIRN_HEAP_CLASSES];
} __attribute__((aligned(128)));

/* ---- The directory ------------------------------------------------------- */

#define CAIRN__LEAF_SHIFT 21
#define CAIRN__LEAF_PAGES 512u

struct cairn__heap_leaf {
    struct cairn__slab *slabs[CAIRN__LEAF_PAGES];
};

/*
 * The slab of an address; any, valid or not.  An address beyond the directory
 * leads to some slab, in which it does not lie.
 */
CAIRN_INLINE struct cairn__slab *cairn__heap_find(const struct cairn_heap *heap,
                                                  uintptr_t address)
{
    struct cairn__heap_leaf *leaf = __atomic_load_n(
        &heap->directory[address >> CAIRN__LEAF_SHIFT & heap->mask],
        __ATOMIC_ACQUIRE);

    if (__builtin_expect(leaf == NULL, 0))
        return &cairn__slab_void;
    return __atomic_load_n(
        &leaf->slabs[address / CAIRN__PAGE % CAIRN__LEAF_PAGES],
        __ATOMIC_ACQUIRE);
}

/* ---- The common path ----------------------------------------------------- */

CAIRN_INLINE struct cairn__bin *cairn__bin_at(struct cairn__heap_cpu *cpu,
                                              unsigned offset)
{
    return (struct cairn__bin *)((uint8_t *)cpu->bins + offset);
}

/* Own CPU, interrupts off: a block out of the bin; 0: it has none. */
CAIRN_INLINE uintptr_t cairn__bin_take(struct cairn__bin *bin)
{
    struct cairn__free_block *block = bin->top;
    uintptr_t start = block->start;
    unsigned bit;

    if (__builtin_expect(start != 0, 1)) {
        bin->top = block - 1;
        __atomic_store_n(block->state, CAIRN__BLOCK_ALLOCATED,
                         __ATOMIC_RELAXED);
        return start;
    }
    if (bin->word == 0)
        return 0;
    bit = (unsigned)__builtin_ctzl(bin->word);
    bin->word &= bin->word - 1;
    __atomic_store_n(&bin->word_states[bit], CAIRN__BLOCK_ALLOCATED,
                     __ATOMIC_RELAXED);
    return bin->word_start + (uintptr_t)bit * bin->bytes;
}

/*
 * Own CPU: a place for a free block, in the bin; NULL: it is full.
 */
CAIRN_INLINE struct cairn__free_block *cairn__bin_place(struct cairn__bin *bin)
{
    if (bin->top == bin->full)
        return NULL;
    return ++bin->top;
}

/*
 * Own CPU: the block goes to its slab.  False: nothing has changed; the slab is
 * another CPU's, or has to change its place in the list.
 */
CAIRN_INLINE bool cairn__slab_put(struct cairn__slab *slab,
                                  const struct cairn__heap_cpu *cpu,
                                  uint32_t index)
{
    unsigned free_count;

    /* Of another CPU's slab, nothing else may be read. */
    if (__builtin_expect(__atomic_load_n(&slab->owner, __ATOMIC_RELAXED) != cpu,
                         0))
        return false;
    free_count = slab->free_count + 1u;
    if (__builtin_expect(free_count == 1 || free_count == slab->count, 0))
        return false;
    slab->free_count = (uint16_t)free_count;
    slab->words[index / CAIRN__WORD_BITS] |= (cairn__word)1
                                             << index % CAIRN__WORD_BITS;
    return true;
}

/* As cairn__cpu_put at level 0: that it is a block is believed. */
CAIRN_INLINE bool cairn__cpu_put_believed(struct cairn__slab *slab,
                                          struct cairn__heap_cpu *cpu,
                                          uintptr_t start)
{
    struct cairn__free_block *place;

    if (__builtin_expect(slab->span == 0, 0))
        return false;
    place = cairn__bin_place(cairn__bin_at(cpu, slab->bin));
    if (place == NULL)
        return cairn__slab_put(slab, cpu,
                               cairn__slab_index(slab, start - slab->base));
    place->start = start;
    place->state = slab->states; /* any that is ALLOCATED */
    return true;
}

/*
 * Own CPU, interrupts off: free a small block.  False: it is not one in the
 * caller's hands, or more has to be done than this; nothing has changed.
 */
CAIRN_INLINE bool cairn__cpu_put(const struct cairn_heap *heap,
                                 struct cairn__heap_cpu *cpu, uintptr_t start)
{
    struct cairn__slab *slab = cairn__heap_find(heap, start);
    struct cairn__free_block *place;
    uint8_t *state;
    uint32_t index;

    if (heap->is_believing)
        return cairn__cpu_put_believed(slab, cpu, start);
    index = cairn__slab_block(slab, start - slab->base);
    if (__builtin_expect(index == CAIRN__SLAB_BLOCKS_MAX, 0))
        return false;
    state = &slab->states[index];
    if (__builtin_expect(__atomic_load_n(state, __ATOMIC_RELAXED) !=
                             CAIRN__BLOCK_ALLOCATED,
                         0))
        return false;
    place = cairn__bin_place(cairn__bin_at(cpu, slab->bin));
    if (place != NULL) {
        place->start = start;
        place->state = state;
    } else if (!cairn__slab_put(slab, cpu, index)) {
        return false;
    }
    __atomic_store_n(state, CAIRN__BLOCK_FREE, __ATOMIC_RELAXED);
    return true;
}

/* ---- Large blocks that are kept ------------------------------------------ */

/* Own CPU: a kept block of that class; 0: there is none. */
CAIRN_INLINE uintptr_t cairn__cpu_take_large(struct cairn__heap_cpu *cpu,
                                             unsigned number)
{
    struct cairn__bin *bin = &cpu->bins[number];
    uintptr_t start = cairn__bin_take(bin);

    if (start != 0)
        cpu->kept_bytes -= bin->bytes;
    return start;
}

/* Own CPU: keep a large block.  False, as cairn__cpu_put. */
CAIRN_INLINE bool cairn__cpu_put_large(const struct cairn_heap *heap,
                                       struct cairn__heap_cpu *cpu,
                                       uintptr_t start)
{
    struct cairn__slab *slab = cairn__heap_find(heap, start);
    struct cairn__free_block *place;
    size_t kept;

    if (slab->span != 0 || slab->base != start)
        return false; /* a small one's list may be changing */
    kept = cpu->kept_bytes + slab->large_bytes;
    if (kept > cpu->keep_bytes ||
        __atomic_load_n(&slab->states[0], __ATOMIC_RELAXED) !=
            CAIRN__BLOCK_ALLOCATED)
        return false;
    place = cairn__bin_place(cairn__bin_at(cpu, slab->bin));
    if (place == NULL)
        return false;
    place->start = start;
    place->state = slab->states;
    __atomic_store_n(slab->states, CAIRN__BLOCK_FREE, __ATOMIC_RELAXED);
    cpu->kept_bytes = kept;
    return true;
}

/* ---- The less common one ------------------------------------------------- */

/* The CPU's own structure; interrupts are off until cairn__heap_leave. */
CAIRN_INLINE struct cairn__heap_cpu *cairn__heap_enter(struct cairn_heap *heap,
                                                       unsigned long *state)
{
    *state = cairn_platform_irq_save();
    return &heap->cpus[cairn_platform_cpu()];
}

CAIRN_INLINE void cairn__heap_leave(unsigned long state)
{
    cairn_platform_irq_restore(state);
}

/* Own CPU, for the first time: give its bins their constants. */
void cairn__heap_prepare(struct cairn_heap *heap, struct cairn__heap_cpu *cpu);

/* Where the arrays of that CPU's bins are. */
struct cairn__free_block *cairn__heap_arrays(const struct cairn_heap *heap,
                                             unsigned cpu);

/* Nobody is that CPU: give back its small blocks. */
void cairn__slab_retire(struct cairn_heap *heap, struct cairn__heap_cpu *cpu);

/* ---- For typed caches (cache.c) ------------------------------------------ */

/* What a slab is to be. */
struct cairn__slab_shape {
    unsigned number; /* its class; CAIRN__CLASS_NONE: of a typed cache */
    unsigned flags;  /* any of CAIRN_HEAP_* */
    size_t bytes;    /* of a block, at most CAIRN__SLAB_PAGES_MAX pages / 4 */
    size_t pages;
    size_t colour; /* bytes in front of the first block, less than a page */
};

/* A slab without an owner, all blocks free; NULL: no memory. */
struct cairn__slab *cairn__slab_make(struct cairn_heap *heap,
                                     const struct cairn__slab_shape *shape);

/* As `cpu`, interrupts off: it is that CPU's from now on. */
void cairn__slab_adopt(struct cairn__heap_cpu *cpu, struct cairn__slab *slab);

/* As `cpu`, its first bin being empty: a block; 0: no slab has any. */
uintptr_t cairn__slab_refill(struct cairn__heap_cpu *cpu,
                             struct cairn__slab **empty);

/* As `cpu`: that CPU's first slab with free blocks is its no more; NULL: none
 * has any. */
struct cairn__slab *cairn__slab_pull(struct cairn__heap_cpu *cpu,
                                     unsigned number,
                                     struct cairn__slab **empty);

/* As `cpu`: free the block there.  False: it is none; nothing has changed. */
bool cairn__slab_give(struct cairn__heap_cpu *cpu, struct cairn__slab *slab,
                      uintptr_t start, struct cairn__slab **empty);

/* As `cpu`: its first bin becomes empty, and what others have freed is its. */
void cairn__slab_drain_first(struct cairn_heap *heap,
                             struct cairn__heap_cpu *cpu,
                             struct cairn__slab **empty);

/* Give back the slabs of a list. */
void cairn__slab_release(struct cairn_heap *heap, struct cairn__slab *empty);

/* Why that is no block that could be freed. */
enum cairn_status cairn__slab_reason(const struct cairn_heap *heap,
                                     uintptr_t block);

/* Invariants of that CPU's bin; 0: they hold. */
unsigned cairn__slab_check_bin(const struct cairn_heap *heap,
                               const struct cairn__heap_cpu *cpu,
                               unsigned number);

/* What struct cairn__heap_engine asks for. */
void cairn__slab_stats(struct cairn_heap *heap, struct cairn_heap_stats *out);
void cairn__slab_walk(struct cairn_heap *heap,
                      bool (*visit)(void *context,
                                    const struct cairn_heap_block *block),
                      void *context);
void cairn__slab_pages_walk(struct cairn_heap *heap,
                            bool (*visit)(void *context,
                                          const struct cairn_heap_page *page),
                            void *context);
unsigned cairn__slab_check(struct cairn_heap *heap);

#endif
