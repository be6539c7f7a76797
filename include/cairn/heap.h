/*
 * cairn/heap.h - memory in bytes: allocate, resize, free.
 *
 * A heap hands out blocks of any size.  Small ones (up to CAIRN_HEAP_SMALL_MAX
 * bytes, unless the configuration says more) share pages with others of their
 * size class; larger ones are whole pages, straight from where the heap's pages
 * come from: a struct cairn_heap_source, usually the frame allocator.  Every
 * block begins at a multiple of 16 bytes, a large one at a page.
 *
 * Units    bytes, unless a name says pages (of CAIRN_FRAME_SIZE).
 * Errors   No memory is a NULL and changes nothing.  What is wrong with a
 *          pointer that is to be freed is a status or, if the configuration
 *          says so, a panic; either way the heap is unharmed.  How much is
 *          noticed depends on the level, see enum cairn_heap_level.
 * Locking  Unless a function says otherwise, callable from any context but NMI
 *          and #MC, on any CPU, interrupts on or off, as far as the source
 *          allows it.  A heap of frames may be used wherever frames may.
 */
#ifndef CAIRN_HEAP_H
#define CAIRN_HEAP_H

#include <cairn/frames.h>
#include <cairn/lock.h>
#include <cairn/platform.h>

CAIRN_BEGIN_DECLS

#define CAIRN_HEAP_ALIGN       16u    /* of every block */
#define CAIRN_HEAP_SMALL_MAX   3584u  /* a larger request gets whole pages */
#define CAIRN_HEAP_SMALL_LIMIT 16384u /* as far as that can be raised */
#define CAIRN_HEAP_LARGE_PAGES 1024u  /* up to here, freed blocks are kept */

/* Flags of a request. */
#define CAIRN_HEAP_ZEROED  0x1u /* the block's bytes are zero */
#define CAIRN_HEAP_RESERVE 0x2u /* may draw on the source's reserve */

enum cairn_heap_engine {
    CAIRN_HEAP_SLAB,     /* size classes, caches for each CPU; the default */
    CAIRN_HEAP_FIRSTFIT, /* pages and segments, the lowest that fits */
    CAIRN_HEAP_ENGINE_COUNT
};

enum cairn_heap_level {
    CAIRN_HEAP_FAST,    /* pointers are believed */
    CAIRN_HEAP_CHECKED, /* double, foreign and interior frees are noticed */
    CAIRN_HEAP_DEBUG,   /* red zones, poison, quarantine, call sites */
    CAIRN_HEAP_LEVEL_COUNT
};

/* ---- Where pages come from ----------------------------------------------- */

struct cairn_heap_pages {
    size_t count;   /* pages, at least 1, contiguous to whoever uses them */
    size_t align;   /* the first address is a multiple of so many pages; a
                       power of two */
    unsigned flags; /* CAIRN_HEAP_RESERVE, others are to be ignored */
    bool is_zero;   /* out: all bytes are known to be zero */
};

struct cairn_heap_source {
    /*
     * Returns the first page; NULL: there are none.  Called with interrupts as
     * the heap's caller has them, and no lock of the heap held.
     */
    void *(*alloc)(void *context, struct cairn_heap_pages *request);
    /* Takes back exactly what alloc has returned, or resize has made of it. */
    void (*free)(void *context, void *start, size_t count);
    /*
     * Make `from` pages `to` pages without moving them.  False: nothing has
     * changed.  May be NULL.
     */
    bool (*resize)(void *context, void *start, size_t from, size_t to);
    void *context;
    uintptr_t start; /* all pages lie in [start, end); the heap's directory */
    uintptr_t end;   /* takes a pointer for each 2 MiB of it */
};

/* Frames as pages. */
struct cairn_heap_frames {
    struct cairn_frames *frames;
    uintptr_t offset; /* virtual less physical addresses */
};

/*
 * The frame allocator as a source, through the platform's window, which is
 * linear.  Frames get CAIRN_OWNER_HEAP; those that the window does not reach
 * are not used.
 *
 *   storage  kept as long as the source is used
 *
 * Returns  CAIRN_OK; CAIRN_NOT_REACHABLE: the window does not reach the lowest
 *          frame; CAIRN_NO_MEMORY: the allocator is not started.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_source_frames(struct cairn_heap_frames *storage,
                         struct cairn_frames *frames,
                         struct cairn_heap_source *out);

/*
 * What a frame allocator that is about to fail can ask of a heap: give back
 * what can be given back.  For config.reclaim of struct cairn_frames_config,
 * with the heap as config.context; the heap may be started later.
 *
 *   heap    a struct cairn_heap, zero-filled before it is started
 *   frames  how many are wanted; of no matter
 *
 * Returns  true: it has fewer pages than before.
 */
bool cairn_heap_reclaim(void *heap, uint64_t frames);

/* ---- The heap ------------------------------------------------------------ */

struct cairn_heap_guards; /* heap_debug.h */

struct cairn_heap_config {
    enum cairn_heap_engine engine;
    enum cairn_heap_level level;
    enum cairn_misuse misuse;
    unsigned cpu_count;  /* CPUs 0 .. cpu_count - 1 may call; 0: all that can
                             ever run */
    bool is_zero_null;   /* a request for 0 bytes gets NULL; else a block */
    bool starts_retired; /* no CPU uses the heap before it is resumed */
    size_t keep_bytes;   /* of freed large blocks, that a CPU may keep */
    bool is_believing;   /* level 0, slab engine: keep no states of small
                            blocks; then there are no object caches */
    size_t small_bytes;  /* larger requests get whole pages; one of the classes,
                            CAIRN_HEAP_SMALL_MAX .. CAIRN_HEAP_SMALL_LIMIT */
    struct cairn_heap_source source; /* copied */
    /* Level debug: what a CPU keeps back of freed blocks, see heap_debug.h. */
    size_t quarantine_bytes;
    unsigned quarantine_blocks;
    /* Of the requests that no bin answers, about one in so many gets a page
       with guards; 0: none. */
    unsigned guard_every;
    const struct cairn_heap_guards *guards; /* copied; NULL: none */
};

/*
 * slab, checked, status, all CPUs, keeps 2 MiB, SMALL_MAX; debug: keeps back
 * 128 KiB and 256 blocks; no guards; no source.
 */
struct cairn_heap_config cairn_heap_config_default(void);

struct cairn__slab;
struct cairn__heap_run;
struct cairn__heap_shelf;
struct cairn__heap_cpu;
struct cairn__heap_leaf;
struct cairn__heap_engine;
struct cairn__heap_debug;
struct cairn__heap_guarded;
struct cairn_object_cache;

/*
 * A mistake that level debug or a guard has found.  What is not known is 0.
 */
struct cairn_heap_finding {
    enum cairn_status status;
    uintptr_t block;      /* as its owner knows it */
    size_t size;          /* bytes that were asked for */
    size_t sequence;      /* number of the allocation; in order on one CPU */
    uintptr_t address;    /* the byte in question, or the pointer that came */
    uintptr_t alloc_site; /* where to the allocating call returns */
    uintptr_t free_site;  /* to where the call that freed it returned */
    uintptr_t site;       /* that of the call that has met it */
};

#define CAIRN_HEAP_CLASSES    89 /* one of them is none */
#define CAIRN_HEAP_SLAB_KINDS 32

/* Private: descriptors of one kind, of the first-fit engine. */
struct cairn__heap_stock {
    struct cairn__heap_shelf *shelves; /* [lock] pages that have some */
    size_t empty_count;                /* [lock] pages of which none is used */
};

/* Private: the first-fit engine. */
struct cairn__heap_firstfit {
    struct cairn__heap_run *root;       /* [lock] all heap pages */
    struct cairn__heap_run *spare;      /* [lock] free as a whole */
    struct cairn__heap_stock stocks[2]; /* [lock] */
    size_t live_blocks;                 /* [lock] */
    size_t live_bytes;                  /* [lock] */
    size_t free_bytes;                  /* [lock] in heap pages */
};

/* Private, here so that hosts can store it. */
struct cairn_heap {
    struct cairn__heap_leaf **directory; /* constant; entries: atomic */
    uintptr_t mask;                      /* constant: entries of it, less one */
    struct cairn__heap_cpu *cpus;        /* constant: one for each CPU */
    size_t direct_end; /* constant: smaller requests may come out of a bin */
    /* Constant: where the bin is for a size in units of 16 bytes. */
    uint16_t bins[CAIRN_HEAP_SMALL_LIMIT / CAIRN_HEAP_ALIGN + 1];
    bool is_direct;    /* constant: blocks come out of bins */
    bool is_believing; /* constant: states of small blocks are not kept */
    const struct cairn__heap_engine *engine; /* constant */
    struct cairn_heap_config config;         /* constant */
    struct cairn_lock lock __attribute__((aligned(64)));
    struct cairn__slab *unused[CAIRN_HEAP_SLAB_KINDS]; /* [lock] descriptors */
    struct cairn_object_cache *caches; /* [lock] typed ones, the newest first */
    struct cairn__heap_firstfit firstfit;
    unsigned retired_count; /* [lock] CPUs that others may take from; atomic */
    size_t meta_pages;      /* atomic: descriptors, leaves, all that is below */
    size_t source_pages;    /* atomic: taken from the source */
    struct cairn__heap_debug *debug;     /* constant; NULL: another level */
    struct cairn__heap_guarded *guarded; /* constant; NULL: no guards */
    struct cairn_heap_finding found;     /* [lock] the last one */
    size_t found_count;                  /* [lock] */
};

/*
 * Start a heap.
 *
 *   heap    zero-filled before the first call
 *   config  copied
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE: a second call; CAIRN_NO_MEMORY: the source
 *          has no pages for the heap's own structures; CAIRN_NOT_FOUND: the
 *          library has no such engine; CAIRN_BAD_ARGUMENT.
 * Context  one CPU, before others use the heap.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_heap_init(struct cairn_heap *heap,
                const struct cairn_heap_config *config);

/*
 * Allocate `size` bytes.
 *
 *   flags  any of CAIRN_HEAP_*
 *
 * Returns  the block's first byte; NULL: no memory, or size is 0 and the
 *          configuration wants that.
 * Cost     small, common path: interrupts off, no lock, no atomic operation;
 *          every 16 to 64 calls a refill; clearing comes on top.
 */
void *cairn_heap_alloc(struct cairn_heap *heap, size_t size, unsigned flags);

/*
 * The same, at a multiple of `align`, a power of two; NULL besides if it is
 * none.
 */
void *cairn_heap_alloc_aligned(struct cairn_heap *heap, size_t size,
                               size_t align, unsigned flags);

/* Zeroed room for `count` things of `size` bytes; NULL if that overflows. */
void *cairn_heap_calloc(struct cairn_heap *heap, size_t count, size_t size);

/*
 * Make a block `size` bytes, keeping what fits; it may move.
 *
 *   block  NULL: as cairn_heap_alloc
 *   size   0: as cairn_heap_free, and NULL
 *
 * Returns  the block; NULL: no memory or no block, and it is as it was.
 */
void *cairn_heap_realloc(struct cairn_heap *heap, void *block, size_t size);

/*
 * Free a block; NULL is no block and fine.
 *
 * Returns  CAIRN_OK; if the level notices, CAIRN_DOUBLE_FREE: it is free;
 *          CAIRN_NOT_FIRST: inside a block; CAIRN_NOT_MEMORY: not of this heap;
 *          CAIRN_OVERRUN, CAIRN_UNDERRUN: bytes around it were written, and it
 *          is freed all the same.
 * Cost     as alloc.
 */
enum cairn_status cairn_heap_free(struct cairn_heap *heap, void *block);

/*
 * The same for a caller that knows the size it asked for.
 *
 * Returns  CAIRN_WRONG_SIZE besides: a block of that size would be of another
 *          class; nothing has changed.
 */
enum cairn_status cairn_heap_free_sized(struct cairn_heap *heap, void *block,
                                        size_t size);

/* Bytes that a block really has, at least those asked for; 0: no block. */
size_t cairn_heap_usable_size(const struct cairn_heap *heap, const void *block);

/*
 * Allocate up to `count` blocks of one size.  Returns how many are in `out`.
 */
size_t cairn_heap_alloc_many(struct cairn_heap *heap, size_t size, size_t count,
                             void **out);

/* Free them; what is no block is skipped.  Returns how many were freed. */
size_t cairn_heap_free_many(struct cairn_heap *heap, void **blocks,
                            size_t count);

/*
 * Give back what this CPU keeps: its caches, typed ones too, and the pages of
 * which nothing is in use.
 */
void cairn_heap_drain(struct cairn_heap *heap);

/*
 * CPU `cpu` will not run for a while: what it keeps is given back, and what it
 * owns can be had by others.  cairn_heap_resume_cpu ends that, before it uses
 * the heap again.
 *
 * Context  nobody is that CPU meanwhile.
 */
void cairn_heap_retire_cpu(struct cairn_heap *heap, unsigned cpu);
void cairn_heap_resume_cpu(struct cairn_heap *heap, unsigned cpu);

/* ---- Questions ----------------------------------------------------------- */

struct cairn_heap_stats {
    size_t live_blocks;  /* allocated and not freed */
    size_t live_bytes;   /* of these, in whole blocks */
    size_t kept_bytes;   /* free, in caches of CPUs and in slabs */
    size_t meta_bytes;   /* directory, descriptors, caches */
    size_t source_bytes; /* all pages that the heap has */
};

/*
 * Count.
 *
 * Context  true if nobody allocates or frees meanwhile.
 * Cost     linear in what the heap has.
 */
void cairn_heap_stats(struct cairn_heap *heap, struct cairn_heap_stats *out);

/* A block as a walk shows it. */
struct cairn_heap_block {
    void *start;
    size_t bytes;
    size_t index; /* of those of its slab or heap page; 0: the first */
    bool is_free;
};

/*
 * Show every block, in order of addresses, until `visit` says false.
 *
 * Context  nobody allocates or frees meanwhile.
 */
void cairn_heap_walk(struct cairn_heap *heap,
                     bool (*visit)(void *context,
                                   const struct cairn_heap_block *block),
                     void *context);

/* A run of pages that blocks lie in: a heap page, a slab, or one large block */
struct cairn_heap_page {
    void *start;
    size_t bytes;
    size_t free_bytes;             /* in segments that are free */
    struct cairn_heap_block first; /* segment; the next begins where it ends */
};

/*
 * Show every run of pages, in order of addresses, until `visit` says false;
 * cairn_heap_walk shows their segments in the same order.
 *
 * Context  nobody allocates or frees meanwhile.
 */
void cairn_heap_pages_walk(struct cairn_heap *heap,
                           bool (*visit)(void *context,
                                         const struct cairn_heap_page *page),
                           void *context);

/*
 * Check the heap's invariants (numbered in the engine's file).
 *
 * Returns  0, or the number of the first that does not hold.
 * Context  nobody allocates or frees meanwhile.
 */
unsigned cairn_heap_check(struct cairn_heap *heap);

CAIRN_END_DECLS

#endif
