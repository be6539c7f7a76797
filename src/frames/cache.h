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

/*
 * A magazine's number is the order of its blocks; but single frames of all
 * owners except user processes, which outlive theirs, have one of their own,
 * so that the engine can keep the two in different chunks.
 *
 * Single frames of user processes come from magazine 0 or, if that is empty,
 * from the word in hand.
 */
#define CAIRN__MAGAZINE_LASTING CAIRN_FRAMES_CACHED_ORDERS

static inline unsigned cairn__cache_magazine(unsigned order, unsigned owner)
{
    return order == 0 && owner != CAIRN_OWNER_USER ? CAIRN__MAGAZINE_LASTING
                                                   : order;
}

static inline cairn_order cairn__cache_order(unsigned magazine)
{
    return magazine == CAIRN__MAGAZINE_LASTING ? 0 : magazine;
}

/*
 * Where the blocks of a magazine lie in `slots`, and how many there may be.  Of
 * orders up to 4, a batch has 64 frames: their states fill a cache line, which
 * is then no other CPU's.
 */
struct cairn__cache_place {
    uint8_t first;
    uint8_t limit; /* 0: blocks of that order are not kept */
    uint8_t batch; /* how many are taken from the engine at once */
};

#define CAIRN__MAGAZINE_MAX 128 /* the largest limit */

static inline struct cairn__cache_place cairn__cache_place(unsigned magazine)
{
    static const struct cairn__cache_place places[CAIRN_FRAMES_MAGAZINES] = {
        [0] = {0, CAIRN__MAGAZINE_MAX, 64},
        [1] = {128, 32, 32},
        [2] = {160, 16, 16},
        [3] = {176, 8, 8},
        [4] = {184, 4, 4},
        [9] = {188, 2, 1},
        [CAIRN__MAGAZINE_LASTING] = {190, 64, 32},
    };

    return places[magazine];
}

/* Own CPU: is there a block to hand out, in the magazine or in the word? */
static inline bool cairn__cache_has(const struct cairn_frames_cpu *cpu,
                                    unsigned magazine)
{
    return cpu->counts[magazine] > 0 || (magazine == 0 && cpu->word != 0);
}

/*
 * Own CPU, interrupts off, nothing is there: take a batch from the engine, or a
 * word out of a claim.  False: nothing is free.
 */
bool cairn__cache_refill(struct cairn_frames *frames,
                         struct cairn_frames_cpu *cpu, unsigned magazine);

/* Own CPU, interrupts off: make room for at least one block. */
void cairn__cache_flush(struct cairn_frames *frames,
                        struct cairn_frames_cpu *cpu, unsigned magazine);

/* Own CPU, interrupts off: frames of sparse chunks go to the engine. */
void cairn__cache_flush_returns(struct cairn_frames *frames,
                                struct cairn_frames_cpu *cpu);

/* Give everything back that CPU `number` keeps; any context. */
void cairn__cache_drain(struct cairn_frames *frames, unsigned number);

/* Single frames in all magazines: state FREE, but not the engine's. */
uint64_t cairn__cache_singles(const struct cairn_frames *frames);

/*
 * Own CPU, interrupts off: it freed a single frame of that owner.  Counting
 * runs of one owner, instead of live[owner]-- for each frame, keeps the
 * processor from waiting: the address of that counter would not be known before
 * the frame's state has arrived, and no later load can pass a store without an
 * address.
 */
static inline void cairn__cache_count_freed(struct cairn_frames_cpu *cpu,
                                            unsigned owner)
{
    if (owner != cpu->last_owner) {
        cpu->live[cpu->last_owner] -= cpu->last_freed;
        cpu->last_freed = 0;
        cpu->last_owner = owner;
    }
    cpu->last_freed++;
}

/*
 * Frames of that owner that this CPU has allocated, less those that it freed.
 * Only the sum of all CPUs is a number of frames.
 */
uint64_t cairn__cache_live(const struct cairn_frames_cpu *cpu, unsigned owner);

/* Frames in this CPU's caches. */
uint64_t cairn__cache_frames(const struct cairn_frames_cpu *cpu);

#endif
