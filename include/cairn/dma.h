/*
 * cairn/dma.h - memory that devices read and write: buffers, pools of blocks.
 *
 * A buffer is one run of frames: contiguous in physical memory, aligned, where
 * the device can reach it, zeroed.  The CPU sees it at `virt`, the device at
 * `phys` (no IOMMU in between).  A pool hands out many blocks of one size, for
 * descriptors and packets, and grows by slabs, each of which is a buffer.
 *
 * Units    bytes, unless a name says otherwise.
 * Errors   as in cairn/frames.h: a cairn_status also for misuse, unless the
 *          frame allocator's configuration asks for a panic.
 * Locking  Buffers: that of the frame allocator.  A pool has a lock of its own,
 *          under which nothing else is called.  Callable from any context but
 *          NMI and #MC, if the mapper is.
 */
#ifndef CAIRN_DMA_H
#define CAIRN_DMA_H

#include <cairn/frames.h>

CAIRN_BEGIN_DECLS

/* How the CPU caches what it reads and writes. */
enum cairn_cache_policy {
    CAIRN_CACHE_WRITE_BACK,      /* as all memory; x86 devices snoop it */
    CAIRN_CACHE_WRITE_COMBINING, /* writes are gathered, reads are slow */
    CAIRN_CACHE_UNCACHED,        /* each access reaches memory, in order */
    CAIRN_CACHE_POLICY_COUNT
};

/*
 * How the host maps memory with another policy than the window's, which is
 * write-back.  Called without locks.
 *
 * map      `range` is page-aligned.  Returns where it is mapped, all of it;
 *          NULL if it cannot be.  Lines of the range that a cache still holds
 *          must be written back and dropped before it returns, and while the
 *          mapping lives the host must see to it that no mapping of another
 *          policy is used (Intel SDM vol. 3A, "Programming the PAT").
 * unmap    what `map` returned, and the same range; afterwards no TLB and no
 *          cache knows the mapping.
 */
struct cairn_dma_mapper {
    void *(*map)(void *context, struct cairn_phys_range range,
                 enum cairn_cache_policy policy);
    void (*unmap)(void *context, void *virt, struct cairn_phys_range range);
    void *context; /* handed to both */
};

/* ---- Buffers ------------------------------------------------------------- */

/* What a buffer must be; zero in a field: no matter. */
struct cairn_dma_request {
    uint64_t bytes;    /* at least 1 */
    uint64_t align;    /* of its address, a power of two, at most 1 GiB; buffers
                          begin at a page in any case */
    cairn_phys start;  /* its first byte lies here or above */
    cairn_phys end;    /* its last byte lies below */
    uint64_t boundary; /* no multiple of this lies inside; a power of two, not
                          less than `bytes` */
    enum cairn_cache_policy policy;
    const struct cairn_dma_mapper *mapper; /* kept while the buffer lives */
};

/* Read it, change nothing; cairn_dma_free wants it back as it was. */
struct cairn_dma_buffer {
    cairn_phys phys;
    void *virt;
    uint64_t bytes;  /* as requested */
    uint64_t frames; /* whole frames, all of them the buffer's */
    enum cairn_cache_policy policy;
    const struct cairn_dma_mapper *mapper; /* NULL: seen through the window */
};

/*
 * Allocate a buffer.
 *
 *   out  written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY, no such run of frames was found;
 *          CAIRN_NOT_REACHABLE, the policy is not write-back or no window
 *          covers the frames, and there is no mapper or it refused;
 *          CAIRN_BAD_ARGUMENT.
 * Cost     cairn_frames_alloc_run, and clearing the frames.  Where the lowest
 *          run crosses a boundary it is asked once more; beyond 1 GiB, once for
 *          each boundary that is tried.
 * Example  64 KiB that an ISA device shall fill:
 *          {.bytes = 0x10000, .end = {0x1000000}, .boundary = 0x10000}
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_dma_alloc(struct cairn_frames *frames,
                const struct cairn_dma_request *request,
                struct cairn_dma_buffer *out);

/*
 * Free it; the device must not use it any more.
 *
 *   frames  where it came from
 *   buffer  emptied on CAIRN_OK, so that a second call is noticed
 *
 * Returns  CAIRN_OK; CAIRN_DOUBLE_FREE, it is free or was emptied;
 *          CAIRN_NOT_FIRST, CAIRN_WRONG_SIZE, CAIRN_NOT_MEMORY, it is no DMA
 *          buffer of these frames.  Nothing has changed then.
 * Cost     the mapper's unmap, and linear in the frames, twice.
 */
enum cairn_status cairn_dma_free(struct cairn_frames *frames,
                                 struct cairn_dma_buffer *buffer);

/* ---- Pools --------------------------------------------------------------- */

#define CAIRN_DMA_SLAB_BLOCKS     8 /* if create is not told */
#define CAIRN_DMA_SLAB_BLOCKS_MAX 64
#define CAIRN_DMA_SLABS_MAX       64

struct cairn_dma_slab {
    struct cairn_dma_buffer buffer;
    uint64_t free_blocks; /* [lock] bit i: block i is free */
};

/* Private, here so that hosts can store it: 4 KiB. */
struct cairn_dma_pool {
    struct cairn_frames *frames;   /* constant after create */
    struct cairn_dma_request slab; /* constant: what a slab must be */
    uint32_t block_bytes;          /* constant */
    uint32_t stride;               /* constant: from block to block */
    uint32_t slab_blocks;          /* constant */
    struct cairn_lock lock;
    uint64_t used;      /* [lock] bit i: slabs[i] is there */
    uint64_t available; /* [lock] bit i: slabs[i] has a free block */
    struct cairn_dma_slab slabs[CAIRN_DMA_SLABS_MAX]; /* [lock] */
};

struct cairn_dma_block {
    cairn_phys phys;
    void *virt;
};

/*
 * Start an empty pool; it takes memory when it is first asked for some.
 *
 *   block        what each block must be; `bytes` is its size, which `align`
 *                rounds up.  An `align` of 0 means 64, a cache line.
 *   slab_blocks  blocks of a slab, up to CAIRN_DMA_SLAB_BLOCKS_MAX; 0 for
 *                CAIRN_DMA_SLAB_BLOCKS
 *
 *   frames       where slabs come from; kept, as is the block's mapper
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT, also if a slab would have 4 GiB.
 * Context  nobody else uses the pool yet.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_dma_pool_create(struct cairn_dma_pool *pool, struct cairn_frames *frames,
                      const struct cairn_dma_request *block,
                      unsigned slab_blocks);

/*
 * Give everything back; the pool must be created anew before it is used again.
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE, a block is still out: slabs without any are
 *          gone, the rest of the pool goes on.
 * Context  nobody else uses the pool any more.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_dma_pool_destroy(struct cairn_dma_pool *pool);

/*
 * Hand out one block, zeroed.
 *
 *   out  written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_NO_SPACE, all of CAIRN_DMA_SLABS_MAX slabs are full;
 *          what cairn_dma_alloc returns when the pool has to grow.
 * Cost     O(1) and clearing the block; growing comes on top.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_dma_pool_alloc(struct cairn_dma_pool *pool, struct cairn_dma_block *out);

/*
 * Take a block back.  Its slab stays, for the next one; see trim.
 *
 * Returns  CAIRN_OK; CAIRN_DOUBLE_FREE, it is free; CAIRN_NOT_FIRST, it lies
 *          inside a block; CAIRN_NOT_MEMORY, it is none of the pool's.
 * Cost     linear in the slabs, of which there are few, under the pool's lock.
 */
enum cairn_status cairn_dma_pool_free(struct cairn_dma_pool *pool,
                                      cairn_phys block);

/*
 * Free every slab of which no block is out.  Returns how many frames.
 *
 * Cost     linear in the slabs, and cairn_dma_free for each that goes, without
 *          the pool's lock.
 */
uint64_t cairn_dma_pool_trim(struct cairn_dma_pool *pool);

struct cairn_dma_pool_stats {
    unsigned slabs;
    unsigned blocks; /* of all slabs */
    unsigned free_blocks;
};

/* A snapshot, under the pool's lock; linear in the slabs. */
void cairn_dma_pool_stats(struct cairn_dma_pool *pool,
                          struct cairn_dma_pool_stats *out);

/*
 * Verify the invariants that src/frames/dma.c numbers; 0 if all hold.  Linear
 * in the frames of all slabs, under the pool's lock.
 */
unsigned cairn_dma_pool_check(struct cairn_dma_pool *pool);

CAIRN_END_DECLS

#endif
