/*
 * heap_live.c - tests of the heap that the kernel itself uses.
 *
 * What they take they give back; when a test is over, the heap has no block
 * more than before, and no page more but those of its own books.
 */
#include "cpu/insn.h"
#include "cpu/trap.h"
#include "harness/test.h"
#include "kernel.h"
#include "kernel/space.h"
#include "memory.h"
#include "platform.h"
#include <cairn/cache.h>
#include <cairn/kmalloc.h>

#define HEAP   (&kernel.heap)
#define FRAMES (&kernel.frames)
#define PAGE   ((size_t)CAIRN_FRAME_SIZE)

static struct cairn_heap_stats stats_now(void)
{
    struct cairn_heap_stats stats;

    CHECK_EQ(cairn_heap_check(HEAP), 0);
    cairn_heap_stats(HEAP, &stats);
    return stats;
}

/* Frames that are free or the heap's. */
static uint64_t frames_of_both(void)
{
    return space_frames_free() + stats_now().source_bytes / PAGE;
}

static struct cairn_heap_stats at_start;
static uint64_t frames_at_start;

static void begin(void)
{
    cairn_heap_drain(HEAP);
    at_start = stats_now();
    frames_at_start = frames_of_both();
}

static void end(void)
{
    struct cairn_heap_stats stats;

    cairn_heap_drain(HEAP);
    stats = stats_now();
    CHECK_EQ(stats.live_blocks, at_start.live_blocks);
    CHECK_EQ(stats.live_bytes, at_start.live_bytes);
    CHECK_EQ(stats.source_bytes - stats.meta_bytes,
             at_start.source_bytes - at_start.meta_bytes);
    CHECK_EQ(frames_of_both(), frames_at_start);
}

/* ---- What is asked of kmalloc and kfree ---------------------------------- */

CAIRN_TEST(G1_live_kmalloc_and_kcalloc)
{
    uint8_t *block;

    begin();
    for (size_t size = 1; size < 100000; size = size * 3 / 2 + 1) {
        block = kmalloc(size);
        CHECK(block != NULL);
        memset(block, 0xff, size);
        CHECK(kfree(block));
        block = kcalloc(size, 1);
        for (size_t i = 0; i < size; i++)
            CHECK_EQ(block[i], 0);
        CHECK(kfree(block));
    }
    CHECK(kcalloc(SIZE_MAX, 2) == NULL);
    end();
}

CAIRN_TEST(G2_live_alignment)
{
    begin();
    for (size_t align = 1; align <= CAIRN_MIB; align *= 2) {
        void *block = cairn_kmalloc_aligned(align / 2 + 1, align);

        CHECK(block != NULL);
        CHECK_EQ((uintptr_t)block % align, 0);
        CHECK_EQ((uintptr_t)block % CAIRN_HEAP_ALIGN, 0);
        CHECK(kfree(block));
    }
    end();
}

static struct cairn_frame_info frame_of(const void *block)
{
    uint64_t phys = (uintptr_t)block - (uintptr_t)space_window(0);

    return cairn_frames_info(FRAMES, cairn_pfn_of(cairn_phys_make(phys)));
}

/* Whole frames, each block its own, gone when it is free and not kept. */
CAIRN_TEST(G6_live_a_page_and_more_is_frames)
{
    static const size_t pages[] = {1, 2, 3, 8, 100, 1025};
    struct cairn_frame_info info;
    uint8_t *block;

    begin();
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        block = kmalloc(pages[i] * PAGE);
        CHECK(block != NULL);
        info = frame_of(block);
        CHECK_EQ(info.usage, CAIRN_FRAME_ALLOCATED);
        CHECK_EQ(info.first.value,
                 ((uintptr_t)block - (uintptr_t)space_window(0)) / PAGE);
        CHECK(info.count >= pages[i]);
        CHECK(kfree(block));
        cairn_heap_drain(HEAP);
        CHECK_EQ(frame_of(block).usage, CAIRN_FRAME_FREE);
    }
    end();
}

CAIRN_TEST(G12_live_nothing_and_too_much)
{
    void *block;

    begin();
    block = kmalloc(0);
    CHECK(block != NULL);
    CHECK(kfree(block));
    CHECK(kmalloc(SIZE_MAX) == NULL);
    CHECK(kmalloc((size_t)1 << 52) == NULL);
    end();
}

CAIRN_TEST(G13_live_wrong_frees_are_refused)
{
    static uint64_t foreign[8];
    uint8_t *block;
    void *other;

    begin();
    CHECK(kfree(NULL));
    CHECK_EQ(cairn_heap_free(HEAP, foreign), CAIRN_NOT_MEMORY);
    CHECK_EQ(cairn_heap_free(HEAP, (void *)space_window(PAGE)),
             CAIRN_NOT_MEMORY);
    for (size_t size = 64; size <= 64 * PAGE; size *= 4) {
        block = kmalloc(size);
        other = kmalloc(size);
        CHECK_EQ(cairn_heap_free(HEAP, block + 16), CAIRN_NOT_FIRST);
        CHECK(kfree(block));
        CHECK(!kfree(block));
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_DOUBLE_FREE);
        CHECK(kfree(other));
    }
    end();
}

CAIRN_TEST(G15_live_what_is_outstanding_is_counted)
{
    void *blocks[8];

    begin();
    for (unsigned i = 0; i < 8; i++)
        blocks[i] = kmalloc(100 + i);
    CHECK_EQ(stats_now().live_blocks, at_start.live_blocks + 8);
    CHECK(stats_now().live_bytes >= at_start.live_bytes + 800);
    for (unsigned i = 0; i < 8; i++)
        CHECK(kfree(blocks[i]));
    end();
}

/* ---- Growing ------------------------------------------------------------- */

static uint64_t heap_frames(void)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(FRAMES, &stats);
    return stats.owner_frames[CAIRN_OWNER_HEAP];
}

CAIRN_TEST(C20_live_frames_of_the_heap_are_its_own)
{
    uint8_t *small;
    uint8_t *large;

    begin();
    CHECK_EQ(heap_frames(), stats_now().source_bytes / PAGE);
    small = kmalloc(40);
    large = kmalloc(5 * PAGE);
    CHECK_EQ(frame_of(small).owner, CAIRN_OWNER_HEAP);
    CHECK_EQ(frame_of(large).owner, CAIRN_OWNER_HEAP);
    CHECK_EQ(frame_of(large + 4 * PAGE).owner, CAIRN_OWNER_HEAP);
    CHECK_EQ(heap_frames(), stats_now().source_bytes / PAGE);
    CHECK(kfree(small));
    CHECK(kfree(large));
    CHECK_EQ(heap_frames(), stats_now().source_bytes / PAGE);
    end();
    CHECK_EQ(frame_of(large).usage, CAIRN_FRAME_FREE);
}

/* Blocks that were taken: each holds the address of the one before. */
struct chain {
    uintptr_t *first;
    uint64_t count;
};

/* Returns how many there were. */
static uint64_t take(struct chain *chain, size_t size, uint64_t most)
{
    uintptr_t *block;
    uint64_t i;

    for (i = 0; i < most; i++) {
        block = kmalloc(size);
        if (block == NULL)
            break;
        block[0] = (uintptr_t)chain->first;
        block[1] = ~(uintptr_t)block;
        chain->first = block;
        chain->count++;
    }
    return i;
}

static void give(struct chain *chain)
{
    while (chain->first != NULL) {
        uintptr_t *block = chain->first;

        CHECK_EQ(block[1], ~(uintptr_t)block);
        chain->first = (uintptr_t *)block[0];
        CHECK(kfree(block));
        chain->count--;
    }
    CHECK_EQ(chain->count, 0);
}

/* Until nothing is left, the largest blocks first; twice. */
CAIRN_TEST(G5_live_the_heap_grows_until_memory_is_out_and_gives_it_back)
{
    static const size_t sizes[] = {64 * CAIRN_MIB, 4 * CAIRN_MIB, 64 * 1024,
                                   PAGE,           200,           16};
    uint64_t former = 0;

    begin();
    for (unsigned round = 0; round < 2; round++) {
        struct chain chain = {NULL, 0};
        uint64_t bytes = 0;

        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            bytes += take(&chain, sizes[i], UINT64_MAX) * sizes[i];
        CHECK(kmalloc(16) == NULL);
        CHECK(space_frames_free() < 64);
        CHECK_EQ(stats_now().live_blocks, at_start.live_blocks + chain.count);
        CHECK(bytes >= former / 100 * 99);
        former = bytes;
        give(&chain);
        end();
    }
}

/* A page is a few blocks: many pages, freed in the order they came. */
CAIRN_TEST(G5_live_blocks_on_any_page_are_freed)
{
    struct chain chain = {NULL, 0};

    begin();
    (void)take(&chain, 1000, 2000);
    CHECK_EQ(chain.count, 2000);
    CHECK(stats_now().source_bytes - at_start.source_bytes >= 400 * PAGE);
    give(&chain);
    end();
}

static void take_frames(cairn_order order, uint64_t *last, uint64_t *taken)
{
    cairn_pfn pfn;

    while (cairn_frames_alloc(FRAMES, order, 0, CAIRN_OWNER_USER, &pfn) ==
           CAIRN_OK) {
        *(uint64_t *)cairn_platform_phys_to_virt(cairn_phys_of(pfn), 8) = *last;
        *last = pfn.value;
        *taken += (uint64_t)1 << order;
    }
}

/* What the heap keeps is had by whoever wants frames. */
CAIRN_TEST(C20_live_the_heap_gives_way_to_frames)
{
    static const cairn_order orders[] = {18, 9, 3, 0};
    struct cairn_frames_stats stats;
    uint64_t last = 0;
    uint64_t taken = 0;

    begin();
    CHECK(kfree(kmalloc(64 * PAGE)));
    CHECK(kfree(kmalloc(100)));
    CHECK(stats_now().kept_bytes >= 64 * PAGE);
    cairn_frames_stats(FRAMES, &stats);
    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        take_frames(orders[i], &last, &taken);
    CHECK(taken >= stats.free_frames + 65);
    CHECK_EQ(stats_now().kept_bytes, 0);
    while (last != 0) {
        cairn_pfn pfn = cairn_pfn_make(last);

        last = *(uint64_t *)cairn_platform_phys_to_virt(cairn_phys_of(pfn), 8);
        CHECK_EQ(cairn_frames_free(FRAMES, pfn), CAIRN_OK);
    }
    end();
}

/* ---- Interrupts ---------------------------------------------------------- */

/*
 * The CPU stops behind each instruction (RFLAGS.TF).  Where interrupts were
 * on, one may come there; and the hook is its handler, once in a while.
 */
#define FLAG_TRAP       ((uintptr_t)1 << 8)
#define FLAG_INTERRUPTS ((uintptr_t)1 << 9)
#define VECTOR_DEBUG    1
#define VECTOR_DEVICES  32
#define PIC_MASKS       0x21
#define PIC_MASKS_2     0xa1
#define SLOTS           48

#define OBJECT_BYTES 200

static struct cairn_object_cache objects;

static struct slot {
    uint8_t *block;
    size_t size;
    bool is_object; /* of the typed cache */
} own_slots[SLOTS], handler_slots[SLOTS];

static uint32_t own_random, handler_random;
static unsigned wrong;
static unsigned come;     /* interrupts */
static unsigned held_off; /* moments at which none could come */
static unsigned countdown;

static uint32_t random_of(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static size_t size_of(uint32_t random)
{
    if (random % 61 == 0)
        return random % (20 * PAGE);
    return random % 13 == 0 ? random % (3 * PAGE) : 1 + random % 500;
}

static void fill_slot(struct slot *slot, uint32_t random)
{
    slot->is_object = random % 3 == 0;
    slot->size = slot->is_object ? OBJECT_BYTES : size_of(random);
    slot->block =
        slot->is_object ? cairn_cache_alloc(&objects, 0) : kmalloc(slot->size);
}

/* No checks that jump: the CPU would go on stopping. */
static void turn(struct slot *slot, uint32_t random)
{
    uint8_t mark = (uint8_t)(uintptr_t)slot;

    if (slot->block == NULL) {
        fill_slot(slot, random);
        if (slot->block != NULL && slot->size != 0) {
            slot->block[0] = mark;
            slot->block[slot->size - 1] = mark;
        }
        return;
    }
    if (slot->size != 0)
        wrong += slot->block[0] != mark || slot->block[slot->size - 1] != mark;
    if (slot->is_object)
        wrong += cairn_cache_free(&objects, slot->block) != CAIRN_OK;
    else
        wrong += !kfree(slot->block);
    slot->block = NULL;
}

static bool interrupt(struct trap_frame *frame, enum trap_stage stage)
{
    uint32_t random;

    if (stage != TRAP_ARRIVES || frame->vector != VECTOR_DEBUG)
        return frame->vector >= VECTOR_DEVICES;
    if ((frame->rflags & FLAG_INTERRUPTS) == 0) {
        held_off++;
        return true;
    }
    if (--countdown != 0)
        return true;
    random = random_of(&handler_random);
    turn(&handler_slots[random % SLOTS], random_of(&handler_random));
    if (random % 1021 == 0)
        cairn_heap_drain(HEAP);
    countdown = 1 + random % 37;
    come++;
    return true;
}

static void work(uint32_t rounds)
{
    uintptr_t flags = insn_read_flags();

    insn_write_flags(flags | FLAG_TRAP | FLAG_INTERRUPTS);
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t random = random_of(&own_random);

        turn(&own_slots[random % SLOTS], random_of(&own_random));
        if (i % 512 == 0)
            cairn_heap_drain(HEAP);
    }
    insn_write_flags(flags);
}

CAIRN_TEST(K1_K3_live_interrupts_at_any_moment_may_use_the_heap)
{
    const struct cairn_cache_config config = {.name = "stress",
                                              .size = OBJECT_BYTES};
    uint8_t masks = insn_in8(PIC_MASKS);
    uint8_t masks_2 = insn_in8(PIC_MASKS_2);

    begin();
    CHECK_EQ(cairn_cache_init(&objects, HEAP, &config), CAIRN_OK);
    own_random = (uint32_t)test_random();
    handler_random = (uint32_t)test_random();
    wrong = come = held_off = 0;
    countdown = 1;
    insn_out8(PIC_MASKS, 0xff);
    insn_out8(PIC_MASKS_2, 0xff);
    trap_hook = interrupt;
    work(test_rounds(400000));
    trap_hook = NULL;
    insn_out8(PIC_MASKS, masks);
    insn_out8(PIC_MASKS_2, masks_2);
    CHECK(come > 1000);
    CHECK(held_off > 1000);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (own_slots[i].block != NULL)
            turn(&own_slots[i], 0);
        if (handler_slots[i].block != NULL)
            turn(&handler_slots[i], 0);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(cairn_cache_check(&objects), 0);
    CHECK_EQ(cairn_cache_destroy(&objects), CAIRN_OK);
    end();
}
