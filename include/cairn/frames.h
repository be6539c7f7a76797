/*
 * cairn/frames.h - physical frames: allocate, free, account.
 *
 * A frame is CAIRN_FRAME_SIZE bytes of RAM.  A block is 2^order frames, aligned
 * to its own size.  A run is any number of consecutive frames.  All are named
 * by the number of their first frame (cairn_pfn), never by pointer: on 32-bit
 * machines many frames have no permanent address.  What is allocated is freed
 * by that number alone; its size is remembered.
 *
 * Units    order: log2 of frames.  count: frames.  Nothing here is in bytes
 *          unless its name says so.
 * Errors   What can happen to correct code is a cairn_status.  So is misuse
 *          (a frame freed twice, never allocated, not memory, in the middle of
 *          a block), unless the configuration asks for a panic; either way
 *          nothing has changed.
 * Locking  Callable from any context but NMI and #MC, on any CPU, interrupts
 *          on or off.  Never sleeps.
 * Engines  Which free frame is handed out is the engine's business; see enum
 *          cairn_frames_engine.
 */
#ifndef CAIRN_FRAMES_H
#define CAIRN_FRAMES_H

#include <cairn/early.h>
#include <cairn/lock.h>
#include <cairn/memmap.h>
#include <cairn/platform.h>
#include <cairn/source.h>

CAIRN_BEGIN_DECLS

/* log2 of frames: 0 is 4 KiB, 9 is 2 MiB, 18 is 1 GiB. */
typedef unsigned cairn_order;
#define CAIRN_ORDER_2MIB 9
#define CAIRN_ORDER_MAX  18

/* What a frame is used for; for statistics and pictures. */
enum cairn_owner {
    CAIRN_OWNER_BOOT,    /* taken before this allocator existed */
    CAIRN_OWNER_KERNEL,  /* anything without an owner of its own */
    CAIRN_OWNER_TABLE,   /* page tables */
    CAIRN_OWNER_HEAP,
    CAIRN_OWNER_STACK,
    CAIRN_OWNER_DMA,
    CAIRN_OWNER_USER,    /* user memory */
    CAIRN_OWNER_COUNT
};

#define CAIRN_FRAME_ZEROED   0x1u /* contents are zero, else unspecified */
#define CAIRN_FRAME_BELOW_4G 0x2u /* last byte below 4 GiB: 32-bit devices */
#define CAIRN_FRAME_BELOW_16M 0x4u /* last byte below 16 MiB: ISA devices */
#define CAIRN_FRAME_RESERVE  0x8u /* may draw on the reserve */

enum cairn_frames_engine {
    CAIRN_ENGINE_TREE,    /* fast, keeps 2 MiB blocks whole; the default */
    CAIRN_ENGINE_BITMAP,  /* one bit a frame, lowest fit */
    CAIRN_ENGINE_FREELIST /* address-ordered free runs, first fit */
};

/* What to do when the caller is wrong. */
enum cairn_misuse {
    CAIRN_MISUSE_STATUS, /* tell it, by a status */
    CAIRN_MISUSE_PANIC   /* stop, with frame, state and owner */
};

struct cairn_frames;

struct cairn_frames_config {
    enum cairn_frames_engine engine;
    enum cairn_misuse misuse;
    bool has_magazines;      /* per-CPU caches; engines' documents say no */
    unsigned cpu_count;      /* 1 .. CAIRN_CPU_MAX */
    uint64_t reserve_frames; /* kept for callers with CAIRN_FRAME_RESERVE */
    /*
     * Called without locks when an allocation is about to fail: give memory
     * back and return true to have it tried again.  May be NULL.
     */
    bool (*reclaim)(void *context, uint64_t frames);
    void *context; /* handed to reclaim */
};

/* The default: tree, status, magazines, one CPU, no reserve. */
struct cairn_frames_config cairn_frames_config_default(void);

/* ---- The allocator's state; private, here so that hosts can store it ---- */

#define CAIRN_FRAMES_CACHED_ORDERS 10
#define CAIRN_FRAMES_CACHE_SLOTS   158 /* of all orders */
#define CAIRN_FRAMES_RETURN_SLOTS  64
#define CAIRN_FRAMES_SUMMARIES     14
#define CAIRN_FRAMES_LEVELS        3

/* Free blocks that a CPU keeps for itself. [own CPU, interrupts off] */
struct cairn_frames_cpu {
    uint32_t is_frozen; /* another CPU empties it: hands off */
    uint32_t counts[CAIRN_FRAMES_CACHED_ORDERS]; /* blocks of each order */
    uint64_t active; /* chunk from which it was filled last */
    uint64_t allocated[CAIRN_OWNER_COUNT]; /* frames, since the start */
    uint64_t freed[CAIRN_OWNER_COUNT];
    cairn_pfn slots[CAIRN_FRAMES_CACHE_SLOTS]; /* see src/frames/cache.h */
    uint32_t return_count;
    cairn_pfn returns[CAIRN_FRAMES_RETURN_SLOTS]; /* from sparse chunks */
} __attribute__((aligned(128)));

struct cairn__slot;
struct cairn__engine;

struct cairn__summary {
    uint64_t *levels[CAIRN_FRAMES_LEVELS];
    size_t words[CAIRN_FRAMES_LEVELS];
};

struct cairn_frames {
    struct cairn__slot *slots; /* constant after init; contents see section.h */
    uint64_t first_section;    /* constant: number of the first slot */
    uint64_t slot_count;       /* constant */
    const struct cairn__engine *engine;   /* constant */
    struct cairn_frames_config config;    /* constant */
    struct cairn_lock lock;               /* the engine lock */
    struct cairn__summary summaries[CAIRN_FRAMES_SUMMARIES]; /* [lock] */
    uint64_t free_frames;                 /* [lock] not in any cache */
    uint64_t total_frames;                /* [lock] */
    uint64_t low_chunks; /* constant: chunks kept for limited requests */
    struct cairn_frames_cpu cpus[CAIRN_CPU_MAX];
};

/* ---- Start ----------------------------------------------------------------- */

/*
 * Take memory over from the early allocator.
 *
 *   frames  zero-filled before the first call
 *   map     finished; the metadata are taken out of its usable memory as
 *           CAIRN_MEMORY_KERNEL
 *   early   on that map; what it has handed out belongs to CAIRN_OWNER_BOOT
 *           and can be freed; it hands out nothing more.  NULL if nothing was
 *           handed out.
 *   config  NULL for the default
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE, a second call; CAIRN_NO_MEMORY_MAP;
 *          CAIRN_NO_MEMORY, no room for the metadata; CAIRN_BAD_ARGUMENT.
 * Cost     a few ns for each 128 MiB of memory; the tree engine touches no
 *          metadata of chunks that it does not need.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_init(struct cairn_frames *frames, struct cairn_memmap *map,
                  struct cairn_early *early,
                  const struct cairn_frames_config *config);

/* ---- Blocks ------------------------------------------------------------------ */

/*
 * Allocate one block of 2^order frames.
 *
 *   order  0 .. CAIRN_ORDER_MAX
 *   flags  any of CAIRN_FRAME_*
 *   out    first frame of the block; written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY, no such block is free, in no CPU's
 *          magazine either; CAIRN_NOT_REACHABLE, it cannot be cleared because
 *          no window covers it; CAIRN_BAD_ARGUMENT.
 * Cost     order 0: O(1), no lock while this CPU's magazine is not empty.
 *          Clearing comes on top, after unlocking.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_alloc(struct cairn_frames *frames, cairn_order order,
                   unsigned flags, enum cairn_owner owner, cairn_pfn *out);

/*
 * Free what was allocated at `first`: a block or a run, whole.
 *
 * Returns  CAIRN_OK; CAIRN_DOUBLE_FREE, it is free; CAIRN_NOT_FIRST, it lies
 *          inside a block; CAIRN_NOT_MEMORY, no memory of this allocator.
 * Cost     order 0: O(1), no lock unless this CPU's magazine is full.
 */
enum cairn_status cairn_frames_free(struct cairn_frames *frames,
                                    cairn_pfn first);

/* The same, and CAIRN_WRONG_SIZE unless it is a block of that order. */
enum cairn_status cairn_frames_free_order(struct cairn_frames *frames,
                                          cairn_pfn first, cairn_order order);

/* ---- Numbers ------------------------------------------------------------------ */

struct cairn_frames_stats {
    uint64_t total_frames;
    uint64_t free_frames;   /* in the engine and in magazines */
    uint64_t cached_frames; /* of these: in magazines */
    uint64_t owner_frames[CAIRN_OWNER_COUNT];
    uint64_t metadata_bytes;
    uint64_t free_2mib; /* whole free chunks */
};

/* A snapshot; exact while no other CPU allocates or frees. */
void cairn_frames_stats(struct cairn_frames *frames,
                        struct cairn_frames_stats *out);

/* Verify all invariants, of front and engine; 0 if all hold. */
unsigned cairn_frames_check(struct cairn_frames *frames);

/* Empty the magazines of all CPUs into the engine. */
void cairn_frames_drain(struct cairn_frames *frames);

CAIRN_END_DECLS

#endif
