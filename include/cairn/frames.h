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
 * Locking  Unless a function says otherwise, callable from any context but NMI
 *          and #MC, on any CPU, interrupts on or off.  Never sleeps, but what
 *          empties magazines waits for other CPUs, one after the other, with
 *          cairn_platform_quiesce: cairn_frames_drain, _consume, _remove, and
 *          an allocation that finds no memory otherwise.
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
#define CAIRN_ORDER_RUN  31 /* in answers: no block but a run */

/* What a frame is used for; for statistics and pictures. */
enum cairn_owner {
    CAIRN_OWNER_BOOT,   /* taken before this allocator existed */
    CAIRN_OWNER_KERNEL, /* anything without an owner of its own */
    CAIRN_OWNER_TABLE,  /* page tables */
    CAIRN_OWNER_HEAP,
    CAIRN_OWNER_STACK,
    CAIRN_OWNER_DMA,
    CAIRN_OWNER_USER, /* user memory */
    CAIRN_OWNER_COUNT
};

#define CAIRN_FRAME_ZEROED    0x1u /* contents are zero, else unspecified */
#define CAIRN_FRAME_BELOW_4G  0x2u /* last byte below 4 GiB: 32-bit devices */
#define CAIRN_FRAME_BELOW_16M 0x4u /* last byte below 16 MiB: ISA devices */
#define CAIRN_FRAME_RESERVE   0x8u /* may draw on the reserve */

enum cairn_frames_engine {
    CAIRN_ENGINE_TREE,    /* fast, keeps 2 MiB blocks whole; the default */
    CAIRN_ENGINE_BITMAP,  /* one bit a frame, lowest fit */
    CAIRN_ENGINE_FREELIST /* address-ordered free runs, first fit */
};

/* What to do when the caller is wrong. */
enum cairn_misuse {
    CAIRN_MISUSE_STATUS, /* tell it, by a status */
    CAIRN_MISUSE_PANIC   /* stop, with frame, usage, owner and block */
};

struct cairn_frames;

struct cairn_frames_config {
    enum cairn_frames_engine engine;
    enum cairn_misuse misuse;
    bool has_magazines; /* per-CPU caches; without them bitmap and freelist
                           keep their promise: the lowest that fits */
    /*
     * The search for a single frame goes on from where the last one ended, or
     * from the frame freed since.  Bitmap engine without magazines only.
     */
    bool resumes_at_freed;
    unsigned cpu_count;      /* CPUs 0 .. cpu_count - 1 may call, at most
                                CAIRN_CPU_MAX; 0: all that can ever run */
    uint64_t reserve_frames; /* kept for callers with CAIRN_FRAME_RESERVE */
    uint64_t low_frames;     /* cairn_frames_is_low() below that many */
    /*
     * Memory can be added up to here: bytes of address space from the end of
     * the highest memory in the map that is usable or can be reclaimed, rounded
     * up to a multiple of 128 MiB.  The directory takes 24 bytes for 128 MiB,
     * used or not, and the engine what its file says: bitmap 5 KiB, freelist
     * 6 KiB.
     */
    uint64_t span;
    /*
     * Called without locks, in the context of the caller, when an allocation
     * of `frames` frames is about to fail: give memory back and return true to
     * have it tried again; false ends it.  May be NULL.
     */
    bool (*reclaim)(void *context, uint64_t frames);
    void *context; /* handed to reclaim */
};

/* The default: tree, status, magazines, all CPUs, no reserve. */
struct cairn_frames_config cairn_frames_config_default(void);

/* ---- The allocator's state; private, here so that hosts can store it ----- */

#define CAIRN_FRAMES_CACHED_ORDERS 10
#define CAIRN_FRAMES_MAGAZINES     11  /* one an order, and the kernel's */
#define CAIRN_FRAMES_CACHE_SLOTS   254 /* of all magazines */
#define CAIRN_FRAMES_RETURN_SLOTS  256
#define CAIRN_FRAMES_SUMMARIES     14
#define CAIRN_FRAMES_LEVELS        3

/* A free block on its way: its first frame, and where that one's state is. */
struct cairn__block {
    cairn_pfn first;
    uint8_t *state;
};

/* All free frames of a chunk of 512, one bit each. */
struct cairn__claim {
    struct cairn__block first; /* of the chunk */
    uint64_t words[8];
};

/* Free blocks that a CPU keeps for itself. [own CPU, interrupts off] */
struct cairn_frames_cpu {
    uint32_t frozen_by; /* 1 + the CPU that empties it: hands off */
    uint32_t counts[CAIRN_FRAMES_MAGAZINES]; /* blocks in each magazine */
    uint64_t word;                           /* bits: frames of a claim */
    struct cairn__block word_first;          /* which bit 0 stands for */
    struct cairn__claim claim;               /* what follows that word */
    uint64_t user_singles; /* from the engine, less those given back to it */
    uint64_t live[CAIRN_OWNER_COUNT]; /* all others: allocated less freed;
                                         wraps, if CPUs free for each other */
    uint64_t last_freed; /* not in `live` yet, and of `last_owner` */
    uint32_t last_owner;
    uint32_t return_count;
    struct cairn__block slots[CAIRN_FRAMES_CACHE_SLOTS]; /* frames/cache.h */
    cairn_pfn returns[CAIRN_FRAMES_RETURN_SLOTS];        /* of sparse chunks */
} __attribute__((aligned(256)));

struct cairn__slot;
struct cairn__engine;

struct cairn__summary {
    uint64_t *levels[CAIRN_FRAMES_LEVELS];
    size_t words[CAIRN_FRAMES_LEVELS];
};

struct cairn_frames {
    struct cairn__slot *slots; /* constant after init; contents see section.h */
    struct cairn_frames_cpu *cpus;      /* constant: one for each CPU */
    uint64_t first_section;             /* constant: number of the first slot */
    uint64_t slot_count;                /* constant */
    const struct cairn__engine *engine; /* constant */
    void *engine_data;                  /* constant; contents: see engine */
    struct cairn_frames_config config;  /* constant */
    struct cairn_lock lock __attribute__((aligned(64))); /* the engine lock */
    uint64_t free_frames;    /* [lock] not in any cache */
    uint64_t total_frames;   /* [lock] */
    uint64_t metadata_bytes; /* [lock] taken out of memory for all this */
    struct cairn__summary summaries[CAIRN_FRAMES_SUMMARIES]; /* [lock] */
};

/* ---- Start --------------------------------------------------------------- */

/*
 * Take memory over from the early allocator.
 *
 *   frames  zero-filled before the first call
 *   map     finished; the metadata are taken out of its usable memory as
 *           CAIRN_MEMORY_KERNEL
 *   early   on that map (else it panics); what it has handed out belongs to
 *           CAIRN_OWNER_BOOT and can be freed, and so does what is recorded in
 *           its log or on its skip list; it hands out nothing more.  NULL if
 *           nothing was handed out.  Ranges that were drained out of its log
 *           are the caller's to reserve in the map first.
 *   config  copied; NULL for the default
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE, a second call; CAIRN_NO_MEMORY_MAP, the map
 *          is not finished; CAIRN_NO_MEMORY, no room for the metadata, and
 *          `frames` is zero-filled again; CAIRN_BAD_ARGUMENT.
 * Context  one CPU, once, before others call anything of `frames`.  Until it
 *          has returned CAIRN_OK, allocating gets CAIRN_BAD_ARGUMENT, freeing
 *          CAIRN_NOT_MEMORY, and asking for numbers panics.
 * Cost     a few ns for each 128 MiB of memory; the tree engine touches no
 *          metadata of chunks that it does not need.  What is taken over from
 *          the early allocator costs a step a frame.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_init(struct cairn_frames *frames, struct cairn_memmap *map,
                  struct cairn_early *early,
                  const struct cairn_frames_config *config);

/* ---- Blocks -------------------------------------------------------------- */

/*
 * Allocate one block of 2^order frames.
 *
 *   order  0 .. CAIRN_ORDER_MAX
 *   flags  any of CAIRN_FRAME_*
 *   owner  below CAIRN_OWNER_COUNT; frames of CAIRN_OWNER_USER are expected
 *          back sooner than others
 *   out    first frame of the block; written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY, no such block is free, in no CPU's
 *          magazine either; CAIRN_NOT_REACHABLE, it cannot be cleared because
 *          no window covers it; CAIRN_BAD_ARGUMENT.
 * Cost     orders 0 to 4 and 9: O(1), no lock while this CPU's magazine is not
 *          empty; else what the engine's file says, under the engine lock with
 *          interrupts off, independent of the size of memory but for the depth
 *          of its index.  Before it fails it empties all magazines and asks
 *          config.reclaim.  Clearing comes on top, after unlocking.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_alloc(struct cairn_frames *frames, cairn_order order,
                   unsigned flags, enum cairn_owner owner, cairn_pfn *out);

/*
 * Free what was allocated at `first`: a block or a run, whole.
 *
 * Returns  CAIRN_OK; CAIRN_DOUBLE_FREE, the frame is free: never allocated, or
 *          freed as a block's first or one inside, wherever it is now, in the
 *          engine or in some CPU's magazine; CAIRN_NOT_FIRST, it lies inside a
 *          block or run that is allocated; CAIRN_NOT_MEMORY, no memory of this
 *          allocator: a hole, reserved, its own metadata, removed, any number.
 * Cost     orders 0 to 4 and 9: O(1), no lock unless this CPU's magazine is
 *          full; other blocks as the engine's file says; runs linear in their
 *          frames, a store each.
 */
enum cairn_status cairn_frames_free(struct cairn_frames *frames,
                                    cairn_pfn first);

/*
 * The same, and CAIRN_WRONG_SIZE unless it is a block of that order: also for a
 * run, whatever its length, and for an order beyond CAIRN_ORDER_MAX.
 */
enum cairn_status cairn_frames_free_order(struct cairn_frames *frames,
                                          cairn_pfn first, cairn_order order);

/* ---- Runs ---------------------------------------------------------------- */

/* What a run of frames must be; zero in a field: no matter. */
struct cairn_run_request {
    uint64_t count;   /* frames, at least 1 */
    uint64_t align;   /* the first frame's number is a multiple; a power of two,
                       at most 2^CAIRN_ORDER_MAX */
    cairn_phys start; /* the first byte lies here or above */
    cairn_phys end;   /* the last byte lies below */
    unsigned flags;   /* CAIRN_FRAME_ZEROED and limits; not RESERVE */
    enum cairn_owner owner;
};

/*
 * Allocate `count` consecutive frames: the lowest that fit.  The tree engine
 * takes the lowest from 16 MiB on, and only if there are none, as in its
 * smaller blocks, those that ISA devices can reach.
 *
 * Returns  as cairn_frames_alloc.
 * Cost     To find the place, under the engine lock, interrupts off:
 *          tree      linear in the 2 MiB chunks of the window that are passed
 *                    over, and in the words of those that are split;
 *          bitmap    a few loads for each free run that is too short but has
 *                    an aligned block of a quarter of `count`; at worst linear
 *                    in the frames of the window, 64 a step;
 *          freelist  O(log memory), whatever the free runs are.
 *          Then one store a frame, and a step for each 64 (bitmap) or 512
 *          frames.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_alloc_run(struct cairn_frames *frames,
                       const struct cairn_run_request *request, cairn_pfn *out);

/*
 * Make the run that begins at `first` `count` frames long, where it is: frames
 * right behind it are taken or given back.  New ones have any contents.
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY, they are not free, or not there;
 *          CAIRN_WRONG_SIZE, a block begins there and no run;
 *          CAIRN_BAD_ARGUMENT, count is 0; what cairn_frames_free returns.
 *          But for CAIRN_OK, nothing has changed.
 * Context  as all; nobody else may resize or free the run meanwhile.
 * Cost     linear in the run's frames, one load each; then as
 *          cairn_frames_alloc_run in a window as long as what is added.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_resize_run(struct cairn_frames *frames, cairn_pfn first,
                        uint64_t count);

/*
 * Free everything that was allocated in [first, first + count), however many
 * blocks and runs that was: all of it or, if a frame in there is not allocated
 * or a block reaches beyond the range, nothing.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT, count is 0 or the range wraps;
 *          CAIRN_WRONG_SIZE, a block reaches beyond the end; what
 *          cairn_frames_free returns.
 * Context  as all; nobody else may free frames of the range meanwhile.
 * Cost     a look-up and a release for each block, linear in the frames of
 *          runs.
 */
enum cairn_status cairn_frames_free_range(struct cairn_frames *frames,
                                          cairn_pfn first, uint64_t count);

/* ---- Questions ----------------------------------------------------------- */

enum cairn_frame_usage {
    CAIRN_FRAME_FREE, /* in the engine, or in some CPU's magazine */
    CAIRN_FRAME_ALLOCATED,
    CAIRN_FRAME_ABSENT /* no memory of this allocator */
};

struct cairn_frame_info {
    enum cairn_frame_usage usage;
    enum cairn_owner owner; /* of an allocated frame */
    cairn_pfn first;        /* where its block or run begins */
    uint64_t count;         /* frames of the block or run; 1 if not allocated */
    cairn_order order;      /* of an allocated block; CAIRN_ORDER_RUN: a run */
};

/*
 * What is known about a frame; ABSENT for any number out of range.
 *
 * Context  takes no lock: true as long as nobody allocates or frees that frame
 *          meanwhile.
 * Cost     O(1) for a frame that is not allocated; else a step for each frame
 *          back to the first of the block or run, 2 MiB a step in blocks of
 *          order 9 and more, and for a run one for each of its frames.
 */
struct cairn_frame_info cairn_frames_info(const struct cairn_frames *frames,
                                          cairn_pfn pfn);

/* How the frames of a range are used. */
struct cairn_frames_census {
    uint64_t free_frames; /* those in magazines too */
    uint64_t absent_frames;
    uint64_t owner_frames[CAIRN_OWNER_COUNT];
    uint64_t blocks[CAIRN_ORDER_MAX + 1]; /* allocated ones that begin there */
    uint64_t runs;                        /* the same */
};

/*
 * Count [first, end); `out` is overwritten.
 *
 * Context  as cairn_frames_info.
 * Cost     a step for each 128 MiB in which nothing has ever been allocated or
 *          which has no memory; else linear in chunks of 2 MiB, and in blocks
 *          and free frames of chunks that are split.
 */
void cairn_frames_count(const struct cairn_frames *frames, cairn_pfn first,
                        cairn_pfn end, struct cairn_frames_census *out);

/*
 * The first frame that the directory covers, and the one after the last: whole
 * sections of 128 MiB, holes included.  cairn_frames_stats has the lowest frame
 * that is memory.  Constant after init; both 0 before.
 */
cairn_pfn cairn_frames_begin(const struct cairn_frames *frames);
cairn_pfn cairn_frames_end(const struct cairn_frames *frames);

/*
 * The allocator as a source of single frames, without copying it: alloc takes
 * for CAIRN_OWNER_KERNEL and leaves the reserve alone, alloc_table takes for
 * CAIRN_OWNER_TABLE and may draw on it.
 */
struct cairn_source cairn_frames_source(struct cairn_frames *frames);

/* ---- Memory that comes and goes ------------------------------------------ */

/*
 * Give the allocator new memory, page-aligned: a hot-plugged module, or what
 * was reclaimed.  Where no metadata exist for it, they are taken out of the
 * beginning of the range itself: 40 KiB for each 128 MiB.
 *
 * Of add, remove, reclaim and consume only one may run at a time; others may
 * allocate and free meanwhile.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT, not aligned, empty, or with frame 0;
 *          CAIRN_IN_USE, some of it is the allocator's already;
 *          CAIRN_NO_SPACE, below the
 *          memory that the map had or beyond config.span, or nothing would be
 *          left of it but metadata; CAIRN_NOT_REACHABLE, no window covers its
 *          metadata.
 * Cost     linear in the 2 MiB chunks of the range and, with bitmap and
 *          freelist, in its frames, 64 a step, under the engine lock.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_add(struct cairn_frames *frames, struct cairn_phys_range range);

/*
 * Take memory away that is entirely free: a module that will be unplugged, in
 * one piece as it was added, if metadata were taken out of it.  Nobody may ask
 * about its frames meanwhile.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_IN_USE, a frame of it is not
 *          free, or memory outside of the range needs metadata inside: nothing
 *          has changed, but that magazines are empty.
 * Cost     empties all magazines; linear in the frames of the range, under the
 *          engine lock.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_remove(struct cairn_frames *frames, struct cairn_phys_range range);

/*
 * Make memory free that the boot does not need any more, but for pages that
 * are pinned in the map.
 *
 *   kind      CAIRN_MEMORY_BOOT_SERVICES, _LOADER or _ACPI_RECLAIM
 *   reclaimed out: bytes that are free now; may be NULL
 *   refused   out: bytes that stay what they were, since they are pinned; may
 *             be NULL.  What lies below the map's floor counts for neither: it
 *             never becomes free.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_SPACE, the map has no room
 *          for that many ranges: what came before is reclaimed, and counted;
 *          what cairn_frames_add returns.
 * Context  the caller sees to it that nobody else uses the map.
 * Cost     cairn_frames_add and cairn_memmap_reclaim for each range.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_frames_reclaim(struct cairn_frames *frames, struct cairn_memmap *map,
                     enum cairn_memory_kind kind, uint64_t *reclaimed,
                     uint64_t *refused);

/*
 * Late news of the boot: whatever is free in the range belongs to
 * CAIRN_OWNER_BOOT from now on, in blocks of one frame.  Rounded outwards to
 * pages; what is no memory, or in use already, stays as it is.
 *
 * Returns  how many frames were free.
 * Context  see cairn_frames_add.
 * Cost     empties all magazines; the engine lock, and a run of one frame, for
 *          each frame of the range that the directory covers.
 */
uint64_t cairn_frames_consume(struct cairn_frames *frames,
                              struct cairn_phys_range range);

/*
 * Panic, naming the address, if a frame that the range touches is free, in the
 * engine or in a magazine.  What is no memory is not free.
 *
 * Cost     cairn_frames_info for each frame of the range.
 */
void cairn_frames_expect_used(struct cairn_frames *frames,
                              struct cairn_phys_range range);

/* ---- Numbers ------------------------------------------------------------- */

struct cairn_frames_stats {
    cairn_pfn base; /* the lowest frame of memory; 0: there is none */
    uint64_t total_frames;
    uint64_t free_frames;   /* in the engine and in magazines */
    uint64_t cached_frames; /* of these: in magazines */
    uint64_t owner_frames[CAIRN_OWNER_COUNT];
    uint64_t metadata_bytes; /* whole pages that all of this has taken */
    uint64_t free_2mib;      /* whole free chunks */
};

/*
 * A snapshot; exact while no other CPU allocates or frees.
 *
 * Cost     linear in CPUs and in sections of 128 MiB, under the engine lock.
 */
void cairn_frames_stats(struct cairn_frames *frames,
                        struct cairn_frames_stats *out);

/*
 * Is free memory, magazines not counted, below config.low_frames?  O(1), takes
 * the engine lock.
 */
bool cairn_frames_is_low(struct cairn_frames *frames);

/*
 * Verify all invariants, of front and engine; 0 if all hold, else the number of
 * one that does not (src/frames/stats.c, and 10 more than in the engine's
 * file).  For tests: other CPUs must not allocate or free meanwhile.
 *
 * Cost     linear in the frames of memory that was ever used (tree) or of all
 *          (bitmap, freelist), under the engine lock.
 */
unsigned cairn_frames_check(struct cairn_frames *frames);

/*
 * Empty the magazines of all CPUs into the engine, so that blocks that lie in
 * there can merge.  No memory is won that an allocation would not find itself.
 *
 * Context  that of cairn_platform_quiesce, which it calls once a CPU.
 */
void cairn_frames_drain(struct cairn_frames *frames);

CAIRN_END_DECLS

#endif
