/*
 * baseline_buddy.c - a binary buddy with free lists and per-thread caches.
 *
 * HOW    Free blocks of each order, 0 .. 10, are in a doubly linked list; the
 *        links are frame numbers in an array beside the frames.  A state byte a
 *        frame tells for the first frame of a block its order and whether it is
 *        allocated, free, or in a cache; it is 0 inside of blocks.  Allocation
 *        splits the smallest block that is large enough, always from the front
 *        of its list; freeing merges with the buddy while that is free.
 *
 *        In front of it each thread has a stack of up to 64 single frames,
 *        filled and emptied by 32.
 *
 * LOCKS  One test-and-set spin lock around the lists, and nothing about
 *        interrupts: a kernel would need that on top.
 *
 * SOURCE D. E. Knuth, TAOCP vol. 1, 2.5, algorithms R and S.  J. Bonwick,
 *        J. Adams, "Magazines and Vmem", USENIX ATC 2001, for the caches.
 */
#include "bench/baseline_buddy.h"

#include "bench/bench.h"
#include <string.h>

#define ORDERS      11
#define CACHE_LIMIT 64
#define CACHE_BATCH 32
#define NOBODY      UINT32_MAX

#define STATE_ALLOCATED 0x10u /* | order */
#define STATE_FREE      0x20u /* | order */
#define STATE_CACHED    0x40u

struct link {
    uint32_t next;
    uint32_t previous;
};

static struct {
    uint8_t *states;
    struct link *links;
    uint32_t frames;
    uint32_t capacity; /* frames for which there are states and links */
    uint32_t heads[ORDERS];
} buddy;

static struct bench_lock lock;

static _Thread_local struct {
    uint32_t count;
    uint32_t frames[CACHE_LIMIT];
} cache;

/* ---- The lists; the lock is held ----------------------------------------- */

static inline void list_add(uint32_t frame, unsigned order)
{
    uint32_t next = buddy.heads[order];

    buddy.links[frame] = (struct link){next, NOBODY};
    if (next != NOBODY)
        buddy.links[next].previous = frame;
    buddy.heads[order] = frame;
    buddy.states[frame] = (uint8_t)(STATE_FREE | order);
}

static inline void list_remove(uint32_t frame, unsigned order)
{
    struct link link = buddy.links[frame];

    if (link.previous == NOBODY)
        buddy.heads[order] = link.next;
    else
        buddy.links[link.previous].next = link.next;
    if (link.next != NOBODY)
        buddy.links[link.next].previous = link.previous;
    buddy.states[frame] = 0;
}

static inline uint32_t take(unsigned order)
{
    unsigned found = order;
    uint32_t frame;

    while (found < ORDERS && buddy.heads[found] == NOBODY)
        found++;
    if (found == ORDERS)
        return NOBODY;
    frame = buddy.heads[found];
    list_remove(frame, found);
    while (found > order) {
        found--;
        list_add(frame + (1u << found), found);
    }
    return frame;
}

static inline void give(uint32_t frame, unsigned order)
{
    buddy.states[frame] = 0;
    while (order < ORDERS - 1) {
        uint32_t other = frame ^ 1u << order;

        if (other >= buddy.frames ||
            buddy.states[other] != (STATE_FREE | order))
            break;
        list_remove(other, order);
        frame &= ~(1u << order);
        order++;
    }
    list_add(frame, order);
}

/* ---- The caches ---------------------------------------------------------- */

static BENCH_NOINLINE bool refill(void)
{
    bench_acquire(&lock);
    while (cache.count < CACHE_BATCH) {
        uint32_t frame = take(0);

        if (frame == NOBODY)
            break;
        buddy.states[frame] = STATE_CACHED;
        cache.frames[cache.count++] = frame;
    }
    bench_release(&lock);
    return cache.count > 0;
}

/* The older half goes back. */
static BENCH_NOINLINE void flush(uint32_t count)
{
    bench_acquire(&lock);
    for (uint32_t i = 0; i < count; i++)
        give(cache.frames[i], 0);
    bench_release(&lock);
    cache.count -= count;
    memmove(cache.frames, cache.frames + count,
            cache.count * sizeof(cache.frames[0]));
}

void bench_buddy_drain(void)
{
    flush(cache.count);
}

/* ---- The interface ------------------------------------------------------- */

static void forget_cache(unsigned thread, void *unused)
{
    (void)thread, (void)unused;
    cache.count = 0;
}

void bench_buddy_init(uint64_t frames)
{
    uint32_t at = 0;
    double elapsed[2];

    if (frames > buddy.capacity) {
        if (buddy.states != NULL) {
            bench_unmap(buddy.states, buddy.capacity);
            bench_unmap(buddy.links, buddy.capacity * sizeof(struct link));
        }
        buddy.states = bench_map((size_t)frames);
        buddy.links = bench_map((size_t)frames * sizeof(struct link));
        buddy.capacity = (uint32_t)frames;
    }
    buddy.frames = (uint32_t)frames;
    memset(buddy.states, 0, (size_t)frames);
    memset(buddy.heads, 0xff, sizeof(buddy.heads));
    bench_both(forget_cache, NULL, elapsed);
    while (at < frames) {
        unsigned order = ORDERS - 1;

        while (at % (1u << order) != 0 || at + (1u << order) > frames)
            order--;
        list_add(at, order);
        at += 1u << order;
    }
}

BENCH_NOINLINE enum cairn_status
bench_buddy_alloc(struct cairn_frames *unused, cairn_order order,
                  unsigned flags, enum cairn_owner owner, cairn_pfn *out)
{
    uint32_t frame;

    (void)unused, (void)flags, (void)owner;
    if (order == 0) {
        if (cache.count == 0 && !refill())
            return CAIRN_NO_MEMORY;
        frame = cache.frames[--cache.count];
    } else {
        bench_acquire(&lock);
        frame = take(order);
        bench_release(&lock);
        if (frame == NOBODY)
            return CAIRN_NO_MEMORY;
    }
    buddy.states[frame] = (uint8_t)(STATE_ALLOCATED | order);
    out->value = frame;
    return CAIRN_OK;
}

BENCH_NOINLINE enum cairn_status bench_buddy_free(struct cairn_frames *unused,
                                                  cairn_pfn first)
{
    unsigned order;

    (void)unused;
    if (first.value >= buddy.frames)
        return CAIRN_NOT_MEMORY;
    if ((buddy.states[first.value] & STATE_ALLOCATED) == 0)
        return CAIRN_DOUBLE_FREE;
    order = buddy.states[first.value] & 15u;
    if (order == 0) {
        if (cache.count == CACHE_LIMIT)
            flush(CACHE_BATCH);
        buddy.states[first.value] = STATE_CACHED;
        cache.frames[cache.count++] = (uint32_t)first.value;
        return CAIRN_OK;
    }
    bench_acquire(&lock);
    give((uint32_t)first.value, order);
    bench_release(&lock);
    return CAIRN_OK;
}
