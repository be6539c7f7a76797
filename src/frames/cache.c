/*
 * frames/cache.c - magazines; see cache.h.
 *
 * HOW    Single frames: a stack of 128.  It is filled with 64 frames of the
 *        fullest chunks and, when it is full, its older half goes back.
 *        Frames of chunks that are sparse do not enter it, since handing them
 *        out again would keep the chunk from becoming whole: they wait in a
 *        list of 64 and go back together.
 *        Blocks of orders 1 to 4 and 9: a few each.
 *
 *        A frame in a magazine has state CACHED, so that freeing it again is
 *        noticed.
 *
 * LOCKS  The engine lock is taken once for each batch.
 *
 * TESTS  tests/frames_cache.c, tests/host/frames_threads.c
 */
#include "frames/cache.h"

#include "base/lock.h"
#include "base/memory.h"
#include "frames/engine.h"
#include "frames/section.h"

#define REFILL_FRAMES 64

static const struct cairn__pfn_range anywhere = {0, UINT64_MAX >>
                                                        CAIRN_FRAME_SHIFT};

/* Frames may be taken without touching the reserve. */
static bool may_take(const struct cairn_frames *frames, cairn_order order)
{
    return frames->free_frames >=
           frames->config.reserve_frames + ((uint64_t)1 << order);
}

static size_t take_batch(struct cairn_frames *frames, cairn_order order,
                         cairn_pfn *out, size_t max)
{
    unsigned long state = cairn__lock_acquire(&frames->lock);
    size_t taken = 0;

    if (may_take(frames, order))
        taken = frames->engine->take(frames, order, anywhere, out, max);
    cairn__lock_release(&frames->lock, state);
    return taken;
}

static void mark_block(struct cairn_frames *frames, cairn_order order,
                       cairn_pfn block)
{
    uint8_t *state = cairn__frames_state(frames, block);

    if (order > 0 && order < CAIRN__CHUNK_ORDER)
        memset(state, CAIRN__STATE_TAIL, (size_t)1 << order);
    *state = CAIRN__STATE_CACHED;
}

bool cairn__cache_refill(struct cairn_frames *frames,
                         struct cairn_frames_cpu *cpu, cairn_order order)
{
    struct cairn__cache_place place = cairn__cache_place(order);
    cairn_pfn batch[REFILL_FRAMES];
    size_t taken = take_batch(frames, order, batch, (place.limit + 1u) / 2);

    cairn__assert(cpu->counts[order] == 0);
    for (size_t i = taken; i-- > 0;) {
        mark_block(frames, order, batch[i]);
        cpu->slots[place.first + cpu->counts[order]++] = batch[i];
    }
    if (order == 0 && taken > 0)
        cpu->active = batch[taken - 1].value >> CAIRN__CHUNK_ORDER;
    return taken > 0;
}

/* Give blocks back to the engine; their states are set here. */
static void give_batch(struct cairn_frames *frames, cairn_order order,
                       const cairn_pfn *blocks, size_t count)
{
    unsigned long state;

    if (order < CAIRN__CHUNK_ORDER) {
        for (size_t i = 0; i < count; i++)
            memset(cairn__frames_state(frames, blocks[i]), CAIRN__STATE_FREE,
                   (size_t)1 << order);
    }
    state = cairn__lock_acquire(&frames->lock);
    frames->engine->give(frames, order, blocks, count);
    cairn__lock_release(&frames->lock, state);
}

void cairn__cache_flush(struct cairn_frames *frames,
                        struct cairn_frames_cpu *cpu, cairn_order order)
{
    cairn_pfn *blocks = &cpu->slots[cairn__cache_place(order).first];
    uint32_t *count = &cpu->counts[order];
    uint32_t part = (*count + 1) / 2;

    give_batch(frames, order, blocks, part);
    *count -= part;
    memmove(blocks, blocks + part, *count * sizeof(*blocks));
}

void cairn__cache_return(struct cairn_frames *frames,
                         struct cairn_frames_cpu *cpu, cairn_pfn pfn)
{
    cpu->returns[cpu->return_count++] = pfn;
    if (cpu->return_count < CAIRN_FRAMES_RETURN_SLOTS)
        return;
    give_batch(frames, 0, cpu->returns, cpu->return_count);
    cpu->return_count = 0;
}

/* Everything back; the caller owns the cache. */
static void empty(struct cairn_frames *frames, struct cairn_frames_cpu *cpu)
{
    give_batch(frames, 0, cpu->returns, cpu->return_count);
    cpu->return_count = 0;
    for (unsigned order = 0; order < CAIRN_FRAMES_CACHED_ORDERS; order++) {
        give_batch(frames, order, &cpu->slots[cairn__cache_place(order).first],
                   cpu->counts[order]);
        cpu->counts[order] = 0;
    }
}

/* Freeze for the one who asks; false: somebody else has done so. */
static bool freeze(struct cairn_frames_cpu *cpu)
{
    return __atomic_exchange_n(&cpu->is_frozen, 1, __ATOMIC_SEQ_CST) == 0;
}

void cairn__cache_drain(struct cairn_frames *frames, unsigned number)
{
    struct cairn_frames_cpu *cpu = &frames->cpus[number];

    if (!freeze(cpu))
        return;
    cairn_platform_quiesce(number);
    empty(frames, cpu);
    __atomic_store_n(&cpu->is_frozen, 0, __ATOMIC_RELEASE);
}

uint64_t cairn__cache_frames(const struct cairn_frames_cpu *cpu)
{
    uint64_t total = cpu->return_count;

    for (unsigned order = 0; order < CAIRN_FRAMES_CACHED_ORDERS; order++)
        total += (uint64_t)cpu->counts[order] << order;
    return total;
}
