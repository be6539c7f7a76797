/*
 * frames/dma.c - memory that devices read and write: buffers, pools of blocks.
 *
 * HOW    A buffer is a run of frames that belong to CAIRN_OWNER_DMA.  If the
 *        lowest run that fits crosses a boundary, it is given back and another
 *        one is asked for, aligned to its size rounded up to a power of two,
 *        which cannot cross; or, if it has more than 1 GiB, from the boundary
 *        on.  It is cleared through the mapping by which the
 *        driver will see it, so that no mapping of another policy is used.
 *
 *        A pool's slab is a buffer of equal blocks.  What is known about its
 *        blocks, one word of free bits, lies in the pool's structure and not
 *        in the slab: there a device could overwrite it, reading it could be
 *        uncached, and it would take memory below the device's limit.  Hence a
 *        pool has a fixed number of slabs, and needs no other memory.
 *
 *        Slabs are allocated and freed without the pool's lock.  If two CPUs
 *        let the pool grow at once, it has two new slabs.
 *
 * INVARIANTS (cairn_dma_pool_check() tests each by this number)
 *   P1   `available` has exactly the slabs in `used` with a free block.
 *   P2   free_blocks has no bits beyond slab_blocks.
 *   P3   A slab's frames are one allocated run of CAIRN_OWNER_DMA.
 *
 * LOCKS  [lock] rank DMA, interrupts off while held; nothing is called under
 *        it.
 *
 * FAILS  No run, no mapping: nothing has changed.  A run may exist although
 *        none was found: one that neither is the lowest nor begins at a
 *        multiple of its size, if there is a boundary.
 *
 * TESTS  tests/dma.c
 *
 * NOT    No IOMMU, no scatter lists, no bounce buffers.
 */
#include <cairn/dma.h>

#include "base/lock.h"
#include "base/memory.h"
#include "frames/misuse.h"

#define CACHE_LINE 64u
#define ALIGN_MAX  ((uint64_t)1 << CAIRN_ORDER_MAX) /* of a run */

/* ---- Buffers ------------------------------------------------------------- */

static bool is_power_or_zero(uint64_t value)
{
    return value == 0 || cairn__is_power(value);
}

static bool is_valid(const struct cairn_dma_request *request)
{
    return request->bytes > 0 && request->bytes <= CAIRN_PHYS_LIMIT &&
           is_power_or_zero(request->align) &&
           request->align <= CAIRN_FRAME_SIZE << CAIRN_ORDER_MAX &&
           request->start.value <= CAIRN_PHYS_LIMIT &&
           is_power_or_zero(request->boundary) &&
           (request->boundary == 0 || request->boundary >= request->bytes) &&
           (unsigned)request->policy < CAIRN_CACHE_POLICY_COUNT;
}

/* Would a buffer that begins at `first` cross a boundary? */
static bool crosses(cairn_pfn first, const struct cairn_dma_request *request)
{
    uint64_t start = cairn_phys_of(first).value;
    uint64_t last = start + request->bytes - 1;

    return request->boundary != 0 &&
           ((start ^ last) & ~(request->boundary - 1)) != 0;
}

/* The lowest power of two that is not less; value is not 0. */
static uint64_t power_up(uint64_t value)
{
    return value == 1 ? 1 : CAIRN__BIT(cairn__bit_highest(value - 1) + 1);
}

static enum cairn_status take_frames(struct cairn_frames *frames,
                                     const struct cairn_dma_request *request,
                                     cairn_pfn *out)
{
    struct cairn_run_request run = {
        .count = cairn__page_up(request->bytes) >> CAIRN_FRAME_SHIFT,
        .align = request->align >> CAIRN_FRAME_SHIFT,
        .start = request->start,
        .end = request->end,
        .owner = CAIRN_OWNER_DMA,
    };
    enum cairn_status status = cairn_frames_alloc_run(frames, &run, out);

    while (status == CAIRN_OK && crosses(*out, request)) {
        uint64_t first = cairn_phys_of(*out).value;

        (void)cairn_frames_free(frames, *out);
        if (run.count <= ALIGN_MAX)
            run.align = cairn__max(run.align, power_up(run.count));
        else /* few boundaries: from one to the next */
            run.start.value = cairn__align_up(first + 1, request->boundary);
        status = cairn_frames_alloc_run(frames, &run, out);
    }
    return status;
}

static struct cairn_phys_range range_of(const struct cairn_dma_buffer *buffer)
{
    return cairn_phys_range_make(buffer->phys.value,
                                 buffer->phys.value +
                                     (buffer->frames << CAIRN_FRAME_SHIFT));
}

/* Find or make the mapping of the buffer's frames; false: there is none. */
static bool reach(struct cairn_dma_buffer *buffer,
                  const struct cairn_dma_mapper *mapper)
{
    uint64_t bytes = buffer->frames << CAIRN_FRAME_SHIFT;

    if (bytes > SIZE_MAX)
        return false;
    if (buffer->policy == CAIRN_CACHE_WRITE_BACK)
        buffer->virt = cairn_platform_phys_to_virt(buffer->phys, (size_t)bytes);
    if (buffer->virt == NULL && mapper != NULL) {
        buffer->virt =
            mapper->map(mapper->context, range_of(buffer), buffer->policy);
        buffer->mapper = mapper;
    }
    return buffer->virt != NULL;
}

enum cairn_status cairn_dma_alloc(struct cairn_frames *frames,
                                  const struct cairn_dma_request *request,
                                  struct cairn_dma_buffer *out)
{
    struct cairn_dma_buffer buffer = {.virt = NULL};
    enum cairn_status status;
    cairn_pfn first;

    if (!is_valid(request))
        return CAIRN_BAD_ARGUMENT;
    if (request->policy != CAIRN_CACHE_WRITE_BACK && request->mapper == NULL)
        return CAIRN_NOT_REACHABLE;
    status = take_frames(frames, request, &first);
    if (status != CAIRN_OK)
        return status;
    buffer.phys = cairn_phys_of(first);
    buffer.bytes = request->bytes;
    buffer.frames = cairn__page_up(request->bytes) >> CAIRN_FRAME_SHIFT;
    buffer.policy = request->policy;
    if (!reach(&buffer, request->mapper)) {
        (void)cairn_frames_free(frames, first);
        return CAIRN_NOT_REACHABLE;
    }
    memset(buffer.virt, 0, (size_t)buffer.frames << CAIRN_FRAME_SHIFT);
    *out = buffer;
    return CAIRN_OK;
}

/* Is it a run of the frame allocator?  CAIRN_OK, or what is wrong. */
static enum cairn_status verify(const struct cairn_frames *frames,
                                const struct cairn_dma_buffer *buffer)
{
    cairn_pfn first = cairn_pfn_of(buffer->phys);
    struct cairn_frame_info info = cairn_frames_info(frames, first);

    if (buffer->frames == 0 || info.usage == CAIRN_FRAME_FREE)
        return CAIRN_DOUBLE_FREE;
    if (info.usage == CAIRN_FRAME_ABSENT || info.owner != CAIRN_OWNER_DMA)
        return CAIRN_NOT_MEMORY;
    if (info.first.value != first.value)
        return CAIRN_NOT_FIRST;
    return info.count == buffer->frames ? CAIRN_OK : CAIRN_WRONG_SIZE;
}

enum cairn_status cairn_dma_free(struct cairn_frames *frames,
                                 struct cairn_dma_buffer *buffer)
{
    cairn_pfn first = cairn_pfn_of(buffer->phys);
    enum cairn_status status = verify(frames, buffer);

    if (status != CAIRN_OK)
        return cairn__misuse(frames, first, status);
    if (buffer->mapper != NULL)
        buffer->mapper->unmap(buffer->mapper->context, buffer->virt,
                              range_of(buffer));
    status = cairn_frames_free(frames, first);
    if (status == CAIRN_OK)
        *buffer = (struct cairn_dma_buffer){.virt = NULL};
    return status;
}

/* ---- Pools: start and end ------------------------------------------------ */

/* From block to block: aligned, and no block across a boundary. */
static uint64_t stride_of(const struct cairn_dma_request *block)
{
    uint64_t align = block->align != 0 ? block->align : CACHE_LINE;
    uint64_t bytes =
        block->boundary != 0 ? power_up(block->bytes) : block->bytes;

    return cairn__align_up(bytes, align);
}

enum cairn_status cairn_dma_pool_create(struct cairn_dma_pool *pool,
                                        struct cairn_frames *frames,
                                        const struct cairn_dma_request *block,
                                        unsigned slab_blocks)
{
    uint64_t stride;

    if (slab_blocks == 0)
        slab_blocks = CAIRN_DMA_SLAB_BLOCKS;
    if (pool == NULL || frames == NULL || !is_valid(block) ||
        slab_blocks > CAIRN_DMA_SLAB_BLOCKS_MAX || block->bytes > UINT32_MAX ||
        block->align > UINT32_MAX)
        return CAIRN_BAD_ARGUMENT;
    stride = stride_of(block);
    if (stride * slab_blocks > UINT32_MAX)
        return CAIRN_BAD_ARGUMENT;
    *pool = (struct cairn_dma_pool){
        .frames = frames,
        .slab = *block,
        .block_bytes = (uint32_t)block->bytes,
        .stride = (uint32_t)stride,
        .slab_blocks = slab_blocks,
    };
    pool->slab.bytes = stride * slab_blocks;
    pool->slab.boundary = 0;
    if (block->boundary != 0)
        pool->slab.align = cairn__max(block->align, power_up(stride));
    cairn__lock_init(&pool->lock, CAIRN__RANK_DMA);
    return CAIRN_OK;
}

enum cairn_status cairn_dma_pool_destroy(struct cairn_dma_pool *pool)
{
    (void)cairn_dma_pool_trim(pool);
    if (pool->used != 0)
        return CAIRN_IN_USE;
    pool->frames = NULL;
    return CAIRN_OK;
}

/* ---- Pools: slabs -------------------------------------------------------- */

static uint64_t all_blocks(const struct cairn_dma_pool *pool)
{
    return cairn__bit_mask(0, pool->slab_blocks);
}

/* Enter a new slab; false: there is no place for it. */
static bool insert(struct cairn_dma_pool *pool,
                   const struct cairn_dma_buffer *buffer)
{
    unsigned long state = cairn__lock_acquire(&pool->lock);
    bool has_place = pool->used != UINT64_MAX;

    if (has_place) {
        unsigned number = cairn__bit_lowest(~pool->used);

        pool->slabs[number].buffer = *buffer;
        pool->slabs[number].free_blocks = all_blocks(pool);
        pool->used |= CAIRN__BIT(number);
        pool->available |= CAIRN__BIT(number);
    }
    cairn__lock_release(&pool->lock, state);
    return has_place;
}

static enum cairn_status grow(struct cairn_dma_pool *pool)
{
    struct cairn_dma_buffer buffer;
    enum cairn_status status =
        cairn_dma_alloc(pool->frames, &pool->slab, &buffer);

    if (status != CAIRN_OK)
        return status;
    if (insert(pool, &buffer))
        return CAIRN_OK;
    (void)cairn_dma_free(pool->frames, &buffer);
    return CAIRN_NO_SPACE;
}

/* Take a slab out of which all blocks are free; false: there is none. */
static bool detach(struct cairn_dma_pool *pool, struct cairn_dma_buffer *out)
{
    unsigned long state = cairn__lock_acquire(&pool->lock);
    uint64_t left = pool->available;
    bool is_found = false;

    for (; left != 0 && !is_found; left &= left - 1) {
        unsigned number = cairn__bit_lowest(left);

        if (pool->slabs[number].free_blocks != all_blocks(pool))
            continue;
        *out = pool->slabs[number].buffer;
        pool->used &= ~CAIRN__BIT(number);
        pool->available &= ~CAIRN__BIT(number);
        is_found = true;
    }
    cairn__lock_release(&pool->lock, state);
    return is_found;
}

uint64_t cairn_dma_pool_trim(struct cairn_dma_pool *pool)
{
    struct cairn_dma_buffer buffer;
    uint64_t frames = 0;

    while (detach(pool, &buffer)) {
        frames += buffer.frames;
        (void)cairn_dma_free(pool->frames, &buffer);
    }
    return frames;
}

/* ---- Pools: blocks ------------------------------------------------------- */

/* NO_MEMORY: the pool must grow first. */
static enum cairn_status take_block(struct cairn_dma_pool *pool,
                                    struct cairn_dma_block *out)
{
    unsigned long state = cairn__lock_acquire(&pool->lock);
    enum cairn_status status = CAIRN_OK;

    if (pool->available != 0) {
        unsigned number = cairn__bit_lowest(pool->available);
        struct cairn_dma_slab *slab = &pool->slabs[number];
        unsigned block = cairn__bit_lowest(slab->free_blocks);
        uint32_t offset = block * pool->stride;

        slab->free_blocks &= ~CAIRN__BIT(block);
        if (slab->free_blocks == 0)
            pool->available &= ~CAIRN__BIT(number);
        out->phys.value = slab->buffer.phys.value + offset;
        out->virt = (uint8_t *)slab->buffer.virt + offset;
    } else {
        status = pool->used == UINT64_MAX ? CAIRN_NO_SPACE : CAIRN_NO_MEMORY;
    }
    cairn__lock_release(&pool->lock, state);
    return status;
}

enum cairn_status cairn_dma_pool_alloc(struct cairn_dma_pool *pool,
                                       struct cairn_dma_block *out)
{
    struct cairn_dma_block block;
    enum cairn_status status = take_block(pool, &block);

    while (status == CAIRN_NO_MEMORY) {
        enum cairn_status grown = grow(pool);

        status = take_block(pool, &block);
        if (status != CAIRN_OK && grown != CAIRN_OK)
            return grown;
    }
    if (status != CAIRN_OK)
        return status;
    memset(block.virt, 0, pool->block_bytes);
    *out = block;
    return CAIRN_OK;
}

/* The slab that an address lies in; CAIRN_DMA_SLABS_MAX: none. */
static unsigned find_slab(const struct cairn_dma_pool *pool, cairn_phys phys)
{
    cairn__assert(cairn__lock_is_held(&pool->lock));
    for (uint64_t left = pool->used; left != 0; left &= left - 1) {
        unsigned number = cairn__bit_lowest(left);
        uint64_t start = pool->slabs[number].buffer.phys.value;

        if (phys.value >= start && phys.value - start < pool->slab.bytes)
            return number;
    }
    return CAIRN_DMA_SLABS_MAX;
}

static enum cairn_status put_block_locked(struct cairn_dma_pool *pool,
                                          cairn_phys phys)
{
    unsigned number = find_slab(pool, phys);
    struct cairn_dma_slab *slab;
    uint32_t offset;
    uint64_t bit;

    if (number == CAIRN_DMA_SLABS_MAX)
        return CAIRN_NOT_MEMORY;
    slab = &pool->slabs[number];
    offset = (uint32_t)(phys.value - slab->buffer.phys.value);
    if (offset % pool->stride != 0)
        return CAIRN_NOT_FIRST;
    bit = CAIRN__BIT(offset / pool->stride);
    if ((slab->free_blocks & bit) != 0)
        return CAIRN_DOUBLE_FREE;
    slab->free_blocks |= bit;
    pool->available |= CAIRN__BIT(number);
    return CAIRN_OK;
}

enum cairn_status cairn_dma_pool_free(struct cairn_dma_pool *pool,
                                      cairn_phys block)
{
    unsigned long state = cairn__lock_acquire(&pool->lock);
    enum cairn_status status = put_block_locked(pool, block);

    cairn__lock_release(&pool->lock, state);
    if (status != CAIRN_OK && pool->frames->config.misuse == CAIRN_MISUSE_PANIC)
        cairn__panic("DMA block %#llx freed: %s",
                     (unsigned long long)block.value,
                     cairn_status_text(status));
    return status;
}

/* ---- Pools: numbers ------------------------------------------------------ */

void cairn_dma_pool_stats(struct cairn_dma_pool *pool,
                          struct cairn_dma_pool_stats *out)
{
    unsigned long state = cairn__lock_acquire(&pool->lock);

    out->slabs = cairn__bit_count(pool->used);
    out->blocks = out->slabs * pool->slab_blocks;
    out->free_blocks = 0;
    for (uint64_t left = pool->available; left != 0; left &= left - 1)
        out->free_blocks +=
            cairn__bit_count(pool->slabs[cairn__bit_lowest(left)].free_blocks);
    cairn__lock_release(&pool->lock, state);
}

static unsigned check_slab(const struct cairn_dma_pool *pool, unsigned number)
{
    const struct cairn_dma_slab *slab = &pool->slabs[number];
    bool is_available = (pool->available & CAIRN__BIT(number)) != 0;

    if (is_available != (slab->free_blocks != 0))
        return 1;
    if ((slab->free_blocks & ~all_blocks(pool)) != 0)
        return 2;
    return verify(pool->frames, &slab->buffer) == CAIRN_OK ? 0 : 3;
}

unsigned cairn_dma_pool_check(struct cairn_dma_pool *pool)
{
    unsigned long state = cairn__lock_acquire(&pool->lock);
    unsigned broken = (pool->available & ~pool->used) != 0 ? 1 : 0;

    for (uint64_t left = pool->used; left != 0 && broken == 0; left &= left - 1)
        broken = check_slab(pool, cairn__bit_lowest(left));
    cairn__lock_release(&pool->lock, state);
    return broken;
}
