/*
 * dma.c - tests of <cairn/dma.h>: buffers, other cache policies, pools.
 */
#include <cairn/dma.h>

#include "base/memory.h"
#include "frames_arena.h"
#include "harness/test.h"

#define DIRT 0xd1d1d1d1d1d1d1d1u

static struct cairn_dma_pool pool;

static enum cairn_status get(const struct cairn_dma_request *request,
                             struct cairn_dma_buffer *buffer)
{
    return cairn_dma_alloc(&arena.frames, request, buffer);
}

static enum cairn_status put(struct cairn_dma_buffer *buffer)
{
    return cairn_dma_free(&arena.frames, buffer);
}

static bool is_zero(const void *memory, size_t bytes)
{
    const uint8_t *at = memory;

    while (bytes > 0 && *at == 0) {
        at++;
        bytes--;
    }
    return bytes == 0;
}

/* ---- Buffers ------------------------------------------------------------- */

CAIRN_TEST(C21_dma_buffer_is_contiguous_aligned_and_zeroed)
{
    struct cairn_dma_request request = {.bytes = 0x2001, .align = 0x4000};
    struct cairn_dma_buffer buffer;
    struct cairn_frame_info info;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    frames_arena_soil(DIRT);
    CHECK_EQ(get(&request, &buffer), CAIRN_OK);
    CHECK_EQ(buffer.phys.value % 0x4000, 0);
    CHECK_EQ(buffer.bytes, 0x2001);
    CHECK_EQ(buffer.frames, 3);
    CHECK_EQ(buffer.policy, CAIRN_CACHE_WRITE_BACK);
    CHECK_EQ((uintptr_t)buffer.virt,
             (uintptr_t)cairn_platform_phys_to_virt(buffer.phys, 0x3000));
    CHECK(is_zero(buffer.virt, 0x3000));
    info = cairn_frames_info(&arena.frames, cairn_pfn_of(buffer.phys));
    CHECK_EQ(info.owner, CAIRN_OWNER_DMA);
    CHECK_EQ(info.count, 3);
    CHECK_EQ(frames_arena_free(), arena.total - 3);
    CHECK_EQ(put(&buffer), CAIRN_OK);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_dma_buffer_crosses_no_boundary)
{
    struct cairn_dma_request request = {.bytes = 0x1800, .boundary = 0x2000};
    struct cairn_dma_buffer buffers[ARENA_FRAMES];
    struct cairn_run_request one = {.count = 1};
    unsigned count = 0;
    cairn_pfn pfn;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    do /* until the lowest free frame is an odd one */
        CHECK_EQ(cairn_frames_alloc_run(&arena.frames, &one, &pfn), CAIRN_OK);
    while (pfn.value % 2 != 0);
    while (get(&request, &buffers[count]) == CAIRN_OK) {
        CHECK_EQ(buffers[count].phys.value % 0x2000, 0);
        count++;
    }
    CHECK(count >= arena.total / 2 - 3);
    while (count-- > 0)
        CHECK_EQ(put(&buffers[count]), CAIRN_OK);
    request.boundary = 0x1000;
    CHECK_EQ(get(&request, &buffers[0]), CAIRN_BAD_ARGUMENT);
    request = (struct cairn_dma_request){.bytes = 100, .boundary = 128};
    CHECK_EQ(get(&request, &buffers[0]), CAIRN_OK);
}

CAIRN_TEST(C21_dma_buffer_lies_below_the_limit)
{
    struct cairn_dma_request request = {.bytes = 0x1000};
    struct cairn_dma_buffer buffers[3];

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    request.end = cairn_phys_of(cairn_pfn_make(arena.first + 2));
    CHECK_EQ(get(&request, &buffers[0]), CAIRN_OK);
    CHECK_EQ(get(&request, &buffers[1]), CAIRN_OK);
    CHECK(buffers[0].phys.value < request.end.value);
    CHECK(buffers[1].phys.value < request.end.value);
    CHECK_EQ(get(&request, &buffers[2]), CAIRN_NO_MEMORY);
    CHECK_EQ(frames_arena_free(), arena.total - 2);
}

CAIRN_TEST(C21_dma_buffer_lies_above_the_start)
{
    struct cairn_dma_request request = {.bytes = 0x1001};
    struct cairn_dma_buffer buffers[3];
    struct cairn_dma_pool_stats stats;
    struct cairn_dma_block block;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    request.start = cairn_phys_of(cairn_pfn_make(arena.first + 10));
    request.end.value = request.start.value + 0x4000;
    CHECK_EQ(get(&request, &buffers[0]), CAIRN_OK);
    CHECK_EQ(buffers[0].phys.value, request.start.value);
    request.start.value++; /* the page has begun: the next one, or above */
    CHECK_EQ(get(&request, &buffers[1]), CAIRN_OK);
    CHECK_EQ(buffers[1].phys.value, request.start.value - 1 + 0x2000);
    CHECK_EQ(get(&request, &buffers[2]), CAIRN_NO_MEMORY);
    CHECK_EQ(put(&buffers[1]), CAIRN_OK);
    request = (struct cairn_dma_request){.bytes = 64, .start = request.start};
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &request, 4),
             CAIRN_OK);
    CHECK_EQ(cairn_dma_pool_alloc(&pool, &block), CAIRN_OK);
    CHECK(block.phys.value >= request.start.value);
    cairn_dma_pool_stats(&pool, &stats);
    CHECK_EQ(stats.slabs, 1);
    CHECK_EQ(frames_arena_free(), arena.total - 3);
}

CAIRN_TEST(C21_dma_nonsense_is_refused)
{
    struct cairn_dma_buffer buffer;
    const struct cairn_dma_request bad[] = {
        {.bytes = 0},
        {.bytes = UINT64_MAX},
        {.bytes = 1, .align = 3},
        {.bytes = 1, .align = 2 * CAIRN_GIB},
        {.bytes = 1, .start = {CAIRN_PHYS_LIMIT + 1}},
        {.bytes = 1, .boundary = 0x1800},
        {.bytes = 1, .policy = CAIRN_CACHE_POLICY_COUNT},
    };
    const struct cairn_dma_request large = {.bytes = 1 << 20};

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(get(&bad[i], &buffer), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(get(&large, &buffer), CAIRN_NO_MEMORY);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_dma_misuse_is_detected)
{
    struct cairn_dma_request request = {.bytes = 0x3000};
    struct cairn_dma_buffer buffer;
    struct cairn_dma_buffer copy;
    cairn_pfn pfn;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    CHECK_EQ(get(&request, &buffer), CAIRN_OK);
    copy = buffer;
    copy.frames = 2;
    CHECK_EQ(put(&copy), CAIRN_WRONG_SIZE);
    copy.phys.value += 0x1000;
    CHECK_EQ(put(&copy), CAIRN_NOT_FIRST);
    copy.phys.value = CAIRN_PHYS_LIMIT - 0x1000;
    CHECK_EQ(put(&copy), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_frames_alloc(&arena.frames, 0, 0, CAIRN_OWNER_HEAP, &pfn),
             CAIRN_OK);
    copy.phys = cairn_phys_of(pfn);
    copy.frames = 1;
    CHECK_EQ(put(&copy), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_frames_free(&arena.frames, pfn), CAIRN_OK);
    copy = buffer;
    CHECK_EQ(put(&buffer), CAIRN_OK);
    CHECK_EQ(put(&buffer), CAIRN_DOUBLE_FREE);
    CHECK_EQ(put(&copy), CAIRN_DOUBLE_FREE);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_dma_misuse_panics_if_asked)
{
    struct cairn_dma_request request = {.bytes = 64};
    struct cairn_dma_buffer buffer;
    struct cairn_dma_buffer copy;
    struct cairn_dma_block block;

    frames_arena_start(CAIRN_MISUSE_PANIC, 0, 0);
    CHECK_EQ(get(&request, &buffer), CAIRN_OK);
    copy = buffer;
    CHECK_EQ(put(&buffer), CAIRN_OK);
    CHECK_PANIC((void)put(&copy), "free already");
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &request, 0),
             CAIRN_OK);
    CHECK_EQ(cairn_dma_pool_alloc(&pool, &block), CAIRN_OK);
    block.phys.value++;
    CHECK_PANIC((void)cairn_dma_pool_free(&pool, block.phys), "DMA block");
}

/* Buffers of all sizes, aligned, below a limit and inside of boundaries. */
static void use_buffers(void)
{
    struct cairn_dma_buffer buffers[ARENA_FRAMES];
    unsigned count = 0;

    for (uint64_t pages = 1; pages <= 4; pages++) {
        const struct cairn_dma_request request = {
            .bytes = pages * 0x1000 - 1,
            .align = pages == 3 ? 0x4000 : 0,
            .end = cairn_phys_of(cairn_pfn_make(arena.first + 40)),
            .boundary = 0x8000,
        };

        while (count < pages * 6 &&
               get(&request, &buffers[count]) == CAIRN_OK) {
            const struct cairn_dma_buffer *buffer = &buffers[count++];
            uint64_t last = buffer->phys.value + buffer->bytes - 1;

            CHECK_EQ(buffer->phys.value / 0x8000, last / 0x8000);
            CHECK(last < request.end.value);
            CHECK_EQ(buffer->phys.value & (pages == 3 ? 0x3fff : 0xfff), 0);
            CHECK(is_zero(buffer->virt, (size_t)buffer->bytes));
            memset(buffer->virt, 0xee, (size_t)buffer->bytes);
        }
    }
    CHECK(count >= 12);
    while (count-- > 0)
        CHECK_EQ(put(&buffers[count]), CAIRN_OK);
    CHECK_EQ(frames_arena_free(), arena.total);
}

/* 20 blocks, each with its own number all over it. */
static void use_pool(void)
{
    const struct cairn_dma_request request = {.bytes = 600, .boundary = 0x1000};
    struct cairn_dma_block blocks[20];

    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &request, 0),
             CAIRN_OK);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_EQ(cairn_dma_pool_alloc(&pool, &blocks[i]), CAIRN_OK);
        CHECK(is_zero(blocks[i].virt, 600));
        memset(blocks[i].virt, (int)i + 1, 600);
    }
    CHECK_EQ(cairn_dma_pool_check(&pool), 0);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_EQ(((const uint8_t *)blocks[i].virt)[0], i + 1);
        CHECK_EQ(((const uint8_t *)blocks[i].virt)[599], i + 1);
        CHECK_EQ(cairn_dma_pool_free(&pool, blocks[i].phys), CAIRN_OK);
    }
    CHECK_EQ(cairn_dma_pool_destroy(&pool), CAIRN_OK);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_dma_buffers_and_pools_on_all_engines)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        frames_arena_start_on((enum cairn_frames_engine)i, i % 2 == 0);
        frames_arena_soil(DIRT);
        use_buffers();
        use_pool();
    }
}

/* ---- Other cache policies ------------------------------------------------ */

/* A mapper that counts, and maps where the window is. */
struct mapper_log {
    unsigned maps;
    unsigned unmaps;
    enum cairn_cache_policy policy;
    struct cairn_phys_range range;
    bool is_failing;
};

static void *map(void *context, struct cairn_phys_range range,
                 enum cairn_cache_policy policy)
{
    struct mapper_log *log = context;

    log->maps++;
    log->policy = policy;
    log->range = range;
    if (log->is_failing)
        return NULL;
    return cairn_platform_phys_to_virt(range.start,
                                       (size_t)cairn_phys_range_bytes(range));
}

static void unmap(void *context, void *virt, struct cairn_phys_range range)
{
    struct mapper_log *log = context;

    log->unmaps++;
    CHECK(virt != NULL);
    CHECK_EQ(range.start.value, log->range.start.value);
    CHECK_EQ(range.end.value, log->range.end.value);
}

CAIRN_TEST(C21_dma_policy_needs_a_mapper)
{
    struct mapper_log log = {.maps = 0};
    const struct cairn_dma_mapper mapper = {map, unmap, &log};
    struct cairn_dma_request request = {.bytes = 0x1001,
                                        .policy = CAIRN_CACHE_WRITE_COMBINING};
    struct cairn_dma_buffer buffer;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    frames_arena_soil(DIRT);
    CHECK_EQ(get(&request, &buffer), CAIRN_NOT_REACHABLE);
    CHECK_EQ(frames_arena_free(), arena.total);
    request.mapper = &mapper;
    CHECK_EQ(get(&request, &buffer), CAIRN_OK);
    CHECK_EQ(log.maps, 1);
    CHECK_EQ(log.policy, CAIRN_CACHE_WRITE_COMBINING);
    CHECK_EQ(log.range.start.value, buffer.phys.value);
    CHECK_EQ(cairn_phys_range_bytes(log.range), 0x2000);
    CHECK(is_zero(buffer.virt, 0x2000));
    CHECK_EQ(put(&buffer), CAIRN_OK);
    CHECK_EQ(put(&buffer), CAIRN_DOUBLE_FREE);
    CHECK_EQ(log.unmaps, 1);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_dma_mapper_that_fails_leaves_nothing_behind)
{
    struct mapper_log log = {.is_failing = true};
    const struct cairn_dma_mapper mapper = {map, unmap, &log};
    struct cairn_dma_request request = {
        .bytes = 1, .policy = CAIRN_CACHE_UNCACHED, .mapper = &mapper};
    struct cairn_dma_buffer buffer;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    CHECK_EQ(get(&request, &buffer), CAIRN_NOT_REACHABLE);
    CHECK_EQ(log.maps, 1);
    CHECK_EQ(log.unmaps, 0);
    CHECK_EQ(frames_arena_free(), arena.total);
    request.policy = CAIRN_CACHE_WRITE_BACK; /* the window does */
    CHECK_EQ(get(&request, &buffer), CAIRN_OK);
    CHECK_EQ(log.maps, 1);
    CHECK(buffer.mapper == NULL);
}

/* ---- Pools --------------------------------------------------------------- */

static void create(const struct cairn_dma_request *block, unsigned slab_blocks)
{
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, block, slab_blocks),
             CAIRN_OK);
}

static struct cairn_dma_block take(void)
{
    struct cairn_dma_block block;

    CHECK_EQ(cairn_dma_pool_alloc(&pool, &block), CAIRN_OK);
    CHECK_EQ(cairn_dma_pool_check(&pool), 0);
    return block;
}

static void expect(unsigned slabs, unsigned free_blocks)
{
    struct cairn_dma_pool_stats stats;

    CHECK_EQ(cairn_dma_pool_check(&pool), 0);
    cairn_dma_pool_stats(&pool, &stats);
    CHECK_EQ(stats.slabs, slabs);
    CHECK_EQ(stats.free_blocks, free_blocks);
    CHECK_EQ(stats.blocks, slabs * pool.slab_blocks);
}

CAIRN_TEST(C21_pool_grows_by_slabs_of_8_blocks)
{
    const struct cairn_dma_request request = {.bytes = 100};
    struct cairn_dma_block blocks[9];

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    create(&request, 0);
    expect(0, 0);
    CHECK_EQ(frames_arena_free(), arena.total);
    for (unsigned i = 0; i < 8; i++) {
        blocks[i] = take();
        CHECK_EQ(blocks[i].phys.value % 64, 0);
        CHECK_EQ((uintptr_t)blocks[i].virt,
                 (uintptr_t)cairn_platform_phys_to_virt(blocks[i].phys, 100));
        for (unsigned j = 0; j < i; j++)
            CHECK(blocks[i].phys.value - blocks[j].phys.value + 99 > 198);
    }
    expect(1, 0);
    blocks[8] = take();
    expect(2, 7);
    CHECK_EQ(frames_arena_free(), arena.total - 2);
    for (unsigned i = 0; i < 9; i++)
        CHECK_EQ(cairn_dma_pool_free(&pool, blocks[i].phys), CAIRN_OK);
    expect(2, 16);
    CHECK_EQ(cairn_dma_pool_trim(&pool), 2);
    expect(0, 0);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_pool_block_returns_and_is_zeroed_again)
{
    const struct cairn_dma_request request = {.bytes = 512};
    struct cairn_dma_block block;
    cairn_phys phys;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    create(&request, 1);
    block = take();
    memset(block.virt, 0xff, 512);
    phys = block.phys;
    CHECK_EQ(cairn_dma_pool_free(&pool, phys), CAIRN_OK);
    block = take();
    CHECK_EQ(block.phys.value, phys.value);
    CHECK(is_zero(block.virt, 512));
}

CAIRN_TEST(C21_pool_keeps_what_is_asked_of_a_block)
{
    const struct cairn_dma_request request = {
        .bytes = 3000, .align = 0x100, .boundary = 0x1000};
    struct cairn_dma_block block;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    create(&request, 5);
    for (unsigned i = 0; i < 10; i++) {
        block = take();
        CHECK_EQ(block.phys.value % 0x100, 0);
        CHECK((block.phys.value & 0xfff) + 3000 <= 0x1000);
    }
    expect(2, 0);
}

CAIRN_TEST(C21_pool_misuse_is_detected)
{
    const struct cairn_dma_request request = {.bytes = 1000};
    struct cairn_dma_block block;
    cairn_phys phys;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    create(&request, 4);
    CHECK_EQ(cairn_dma_pool_free(&pool, cairn_phys_make(0)), CAIRN_NOT_MEMORY);
    block = take();
    phys = block.phys;
    for (unsigned offset = 1; offset < 1024; offset *= 2) {
        phys.value = block.phys.value + offset;
        CHECK_EQ(cairn_dma_pool_free(&pool, phys), CAIRN_NOT_FIRST);
    }
    phys.value = block.phys.value + 1024; /* never handed out */
    CHECK_EQ(cairn_dma_pool_free(&pool, phys), CAIRN_DOUBLE_FREE);
    phys.value = block.phys.value + 4 * 1024; /* behind the slab */
    CHECK_EQ(cairn_dma_pool_free(&pool, phys), CAIRN_NOT_MEMORY);
    expect(1, 3);
    CHECK_EQ(cairn_dma_pool_destroy(&pool), CAIRN_IN_USE);
    CHECK_EQ(cairn_dma_pool_free(&pool, block.phys), CAIRN_OK);
    CHECK_EQ(cairn_dma_pool_free(&pool, block.phys), CAIRN_DOUBLE_FREE);
    expect(1, 4);
    CHECK_EQ(cairn_dma_pool_destroy(&pool), CAIRN_OK);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_pool_refuses_nonsense)
{
    const struct cairn_dma_request good = {.bytes = 64};
    const struct cairn_dma_request empty = {.bytes = 0};
    const struct cairn_dma_request huge = {.bytes = 1u << 29};
    const struct cairn_dma_request wide = {.bytes = 8,
                                           .align = (uint64_t)1 << 32};

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &empty, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &huge, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &wide, 0),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &good, 65),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_dma_pool_create(&pool, &arena.frames, &good, 64), CAIRN_OK);
}

CAIRN_TEST(C21_pool_takes_all_memory_and_gives_it_back)
{
    const struct cairn_dma_request request = {.bytes = 0x1000};
    cairn_phys blocks[ARENA_FRAMES];
    struct cairn_dma_block block;
    unsigned count = 0;
    enum cairn_status status;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    create(&request, 1);
    while ((status = cairn_dma_pool_alloc(&pool, &block)) == CAIRN_OK)
        blocks[count++] = block.phys;
    CHECK_EQ(status, CAIRN_NO_MEMORY);
    CHECK_EQ(count, arena.total);
    while (count-- > 0)
        CHECK_EQ(cairn_dma_pool_free(&pool, blocks[count]), CAIRN_OK);
    CHECK_EQ(cairn_dma_pool_destroy(&pool), CAIRN_OK);
    CHECK_EQ(frames_arena_free(), arena.total);
}

CAIRN_TEST(C21_pool_with_all_slabs_says_so)
{
    const struct cairn_dma_request request = {.bytes = 64};
    struct cairn_dma_block block;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    create(&request, 1);
    pool.used = UINT64_MAX - 1; /* as if 63 were there */
    CHECK_EQ(cairn_dma_pool_alloc(&pool, &block), CAIRN_OK);
    CHECK_EQ(cairn_dma_pool_alloc(&pool, &block), CAIRN_NO_SPACE);
    pool.used = 1;
    expect(1, 0);
}

CAIRN_TEST(C21_pool_random)
{
    const struct cairn_dma_request request = {.bytes = 700};
    struct cairn_dma_block blocks[100];
    unsigned count = 0;

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    create(&request, 0);
    for (uint32_t round = test_rounds(20000); round > 0; round--) {
        if (count < 100 && test_random_below(2) == 0) {
            blocks[count] = take();
            CHECK(is_zero(blocks[count].virt, 700));
            memset(blocks[count].virt, (int)count + 1, 700);
            count++;
        } else if (count > 0) {
            unsigned which = test_random_below(count);

            CHECK_EQ(cairn_dma_pool_free(&pool, blocks[which].phys), CAIRN_OK);
            blocks[which] = blocks[--count];
        }
        if (test_random_once_in(100))
            (void)cairn_dma_pool_trim(&pool);
    }
    while (count-- > 0)
        CHECK_EQ(cairn_dma_pool_free(&pool, blocks[count].phys), CAIRN_OK);
    CHECK_EQ(cairn_dma_pool_destroy(&pool), CAIRN_OK);
    CHECK_EQ(frames_arena_free(), arena.total);
}
