/*
 * frames/cache.h - magazines: free blocks that a CPU keeps for itself.
 *
 * A CPU touches only its own, with interrupts off, and needs no lock.  Another
 * CPU empties it by freezing it first: it puts its number into frozen_by,
 * waits until the owner has left any interrupts-off section
 * (cairn_platform_quiesce), and then has it for itself until it clears
 * frozen_by.  An owner that finds itself frozen goes to the engine directly.
 * A third CPU that wants the same waits until the second has finished, or it
 * would miss what is on its way.  proofs/magazine.pml is a model of that.
 */
#ifndef CAIRN__FRAMES_CACHE_H
#define CAIRN__FRAMES_CACHE_H

#include <cairn/frames.h>

/* In frozen_by: there are no magazines. */
#define CAIRN__FROZEN_FOR_EVER UINT32_MAX

/* Is the magazine closed to its owner?  Before anything else of it is read. */
static inline bool cairn__cache_is_frozen(const struct cairn_frames_cpu *cpu)
{
    return __atomic_load_n(&cpu->frozen_by, __ATOMIC_ACQUIRE) != 0;
}

/* Where the blocks of an order lie in `slots`, and how many there may be. */
struct cairn__cache_place {
    uint8_t first;
    uint8_t limit; /* 0: blocks of that order are not kept */
};

static inline struct cairn__cache_place cairn__cache_place(cairn_order order)
{
    static const struct cairn__cache_place places[CAIRN_FRAMES_CACHED_ORDERS] =
        {
            [0] = {0, 128}, [1] = {128, 8}, [2] = {136, 8},
            [3] = {144, 8}, [4] = {152, 4}, [9] = {156, 2},
        };

    return places[order];
}

/*
 * Own CPU, interrupts off, none of that order left: take a batch from the
 * engine.  False: nothing is free.
 */
bool cairn__cache_refill(struct cairn_frames *frames,
                         struct cairn_frames_cpu *cpu, cairn_order order);

/* Own CPU, interrupts off: make room for at least one block of that order. */
void cairn__cache_flush(struct cairn_frames *frames,
                        struct cairn_frames_cpu *cpu, cairn_order order);

/* Own CPU, interrupts off: frames of sparse chunks go to the engine. */
void cairn__cache_flush_returns(struct cairn_frames *frames,
                                struct cairn_frames_cpu *cpu);

/* Give everything back that CPU `number` keeps; any context. */
void cairn__cache_drain(struct cairn_frames *frames, unsigned number);

/* Single frames in all magazines: state FREE, but not the engine's. */
uint64_t cairn__cache_singles(const struct cairn_frames *frames);

/* Frames in this CPU's caches. */
uint64_t cairn__cache_frames(const struct cairn_frames_cpu *cpu);

#endif
