/*
 * baseline_bitmap.c - a bitmap of free frames under one lock, next fit.
 *
 * HOW    A bit a frame, 1 is free.  A search begins at the word in which the
 *        last one ended and goes once around.  Blocks are aligned to their
 *        size: orders up to 6 are found inside a word by masks, larger ones are
 *        whole words.  Freeing checks that every frame of the block was
 *        allocated.
 *
 * LOCKS  One test-and-set spin lock around everything, and nothing about
 *        interrupts: a kernel would need that on top.
 *
 * SOURCE D. E. Knuth, TAOCP vol. 1, 2.5, exercise 6 (next fit).
 */
#include "bench/baseline_bitmap.h"

#include "bench/bench.h"
#include <string.h>

static struct {
    uint64_t *words; /* 1: free */
    size_t bytes;    /* of `words` */
    uint64_t count;  /* words */
    uint64_t frames;
    uint64_t cursor; /* word in which the last search ended */
} bitmap;

static struct bench_lock lock;

void bench_bitmap_init(uint64_t frames)
{
    uint64_t whole = frames / 64;

    if (bitmap.words != NULL)
        bench_unmap(bitmap.words, bitmap.bytes);
    bitmap.count = (frames + 511) / 512 * 8;
    bitmap.bytes = (size_t)bitmap.count * 8;
    bitmap.words = bench_map(bitmap.bytes);
    memset(bitmap.words, 0xff, (size_t)whole * 8);
    if (frames % 64 != 0)
        bitmap.words[whole] = ((uint64_t)1 << frames % 64) - 1;
    bitmap.frames = frames;
    bitmap.cursor = 0;
}

/* Bits at which an aligned block of the order begins, up to order 6. */
static inline uint64_t starts_of(uint64_t word, unsigned order)
{
    static const uint64_t multiples[7] = {
        ~(uint64_t)0,       0x5555555555555555, 0x1111111111111111,
        0x0101010101010101, 0x0001000100010001, 0x0000000100000001,
        0x0000000000000001,
    };

    for (unsigned k = 0; k < order; k++)
        word &= word >> (1u << k);
    return word & multiples[order];
}

static inline bool are_free(uint64_t first, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        if (bitmap.words[first + i] != UINT64_MAX)
            return false;
    }
    return true;
}

static inline uint64_t mask_of(unsigned order)
{
    return order >= 6 ? UINT64_MAX : ((uint64_t)1 << (1u << order)) - 1;
}

/* A block inside of one word; the lock is held. */
static inline bool take_small(unsigned order, cairn_pfn *out)
{
    uint64_t at = bitmap.cursor;

    for (uint64_t i = 0; i < bitmap.count; i++) {
        uint64_t starts = starts_of(bitmap.words[at], order);

        if (starts != 0) {
            unsigned bit = (unsigned)__builtin_ctzll(starts);

            bitmap.words[at] &= ~(mask_of(order) << bit);
            bitmap.cursor = at;
            out->value = at * 64 + bit;
            return true;
        }
        at = at + 1 == bitmap.count ? 0 : at + 1;
    }
    return false;
}

/* A block of whole words; the lock is held. */
static bool take_large(unsigned order, cairn_pfn *out)
{
    unsigned words = 1u << (order - 6);
    uint64_t at = bitmap.cursor / words * words;

    for (uint64_t i = 0; i < bitmap.count; i += words) {
        if (are_free(at, words)) {
            memset(&bitmap.words[at], 0, words * sizeof(uint64_t));
            bitmap.cursor = at;
            out->value = at * 64;
            return true;
        }
        at = at + words >= bitmap.count ? 0 : at + words;
    }
    return false;
}

BENCH_NOINLINE enum cairn_status
bench_bitmap_alloc(struct cairn_frames *unused, cairn_order order,
                   unsigned flags, enum cairn_owner owner, cairn_pfn *out)
{
    bool is_found;

    (void)unused, (void)flags, (void)owner;
    bench_acquire(&lock);
    if (order == 0)
        is_found = take_small(0, out);
    else
        is_found = order <= 6 ? take_small(order, out) : take_large(order, out);
    bench_release(&lock);
    return is_found ? CAIRN_OK : CAIRN_NO_MEMORY;
}

static inline __attribute__((always_inline)) enum cairn_status
give(cairn_pfn first, unsigned order)
{
    uint64_t at = first.value / 64;
    uint64_t mask = mask_of(order) << first.value % 64;
    unsigned words = order > 6 ? 1u << (order - 6) : 1;
    bool was_free = false;

    if (first.value >= bitmap.frames ||
        first.value % ((uint64_t)1 << order) != 0)
        return CAIRN_NOT_MEMORY;
    bench_acquire(&lock);
    for (unsigned i = 0; i < words; i++)
        was_free |= (bitmap.words[at + i] & mask) != 0;
    for (unsigned i = 0; i < words && !was_free; i++)
        bitmap.words[at + i] |= mask;
    bench_release(&lock);
    return was_free ? CAIRN_DOUBLE_FREE : CAIRN_OK;
}

#define FREE_OF_ORDER(order)                                                   \
    static BENCH_NOINLINE enum cairn_status free_##order(                      \
        struct cairn_frames *unused, cairn_pfn first)                          \
    {                                                                          \
        (void)unused;                                                          \
        return give(first, order);                                             \
    }
FREE_OF_ORDER(0)
FREE_OF_ORDER(1)
FREE_OF_ORDER(2)
FREE_OF_ORDER(3)
FREE_OF_ORDER(4)
FREE_OF_ORDER(5)
FREE_OF_ORDER(6)
FREE_OF_ORDER(7)
FREE_OF_ORDER(8)
FREE_OF_ORDER(9)

enum cairn_status (*const bench_bitmap_free[10])(struct cairn_frames *unused,
                                                 cairn_pfn first) = {
    free_0, free_1, free_2, free_3, free_4,
    free_5, free_6, free_7, free_8, free_9,
};
