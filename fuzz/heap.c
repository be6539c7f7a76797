/*
 * fuzz/heap.c - any sequence of calls to a heap, on any engine.
 *
 * The first byte chooses engine and options, the others what is called and
 * with what.  A plain model knows which blocks there are, how large, and what
 * is in them; nothing may overlap, and every answer is judged by it.
 */
#include <cairn/heap_source.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES       96
#define BLOCKS      128
#define STEPS_MAX   2000
#define CHECK_EVERY 32

static struct cairn_heap heap;
static struct cairn_heap_arena arena;
static uint8_t *memory;

static struct {
    uint8_t *start;
    size_t size;
    uint8_t mark;
} blocks[BLOCKS];

/* For each engine, told at the end. */
static unsigned long long step_counts[CAIRN_HEAP_ENGINE_COUNT];

struct input {
    const uint8_t *data;
    size_t left;
};

static unsigned next_byte(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

static void require(bool condition, const char *text)
{
    if (condition)
        return;
    fprintf(stderr, "heap: %s\n", text);
    abort();
}

static void look(unsigned nth, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        require(blocks[nth].start[i] == blocks[nth].mark, "contents changed");
}

static void enter(unsigned nth, uint8_t *start, size_t size)
{
    require((uintptr_t)start % CAIRN_HEAP_ALIGN == 0, "not aligned");
    require(cairn_heap_usable_size(&heap, start) >= size, "too small");
    for (unsigned i = 0; i < BLOCKS; i++)
        require(i == nth || blocks[i].start == NULL ||
                    start + size <= blocks[i].start ||
                    blocks[i].start + blocks[i].size <= start,
                "two blocks overlap");
    blocks[nth].start = start;
    blocks[nth].size = size;
    memset(start, blocks[nth].mark, size);
}

static size_t any_size(struct input *input)
{
    unsigned kind = next_byte(input);
    size_t size = next_byte(input);

    if (kind % 8 == 0)
        return size << 8 | next_byte(input);
    return kind % 8 < 3 ? size * 16 : size;
}

static void alloc_one(struct input *input, unsigned nth)
{
    unsigned choice = next_byte(input);
    unsigned flags = (choice & 1) != 0 ? CAIRN_HEAP_ZEROED : 0;
    size_t align = (size_t)1 << (choice >> 1) % 16;
    size_t size = any_size(input);
    uint8_t *start = (choice & 128) != 0
                         ? cairn_heap_alloc_aligned(&heap, size, align, flags)
                         : cairn_heap_alloc(&heap, size, flags);

    if (start == NULL)
        return;
    require((choice & 128) == 0 || (uintptr_t)start % align == 0,
            "not aligned as asked");
    for (size_t i = 0; flags != 0 && i < size; i++)
        require(start[i] == 0, "not zeroed");
    blocks[nth].mark = (uint8_t)(nth + 1);
    enter(nth, start, size);
}

static void resize_one(struct input *input, unsigned nth)
{
    size_t size = 1 + any_size(input);
    size_t before = blocks[nth].size;
    uint8_t *start = cairn_heap_realloc(&heap, blocks[nth].start, size);

    if (start != NULL)
        blocks[nth].start = start;
    look(nth, start == NULL || before < size ? before : size);
    if (start != NULL)
        enter(nth, start, size);
}

static void free_one(unsigned nth)
{
    look(nth, blocks[nth].size);
    require(cairn_heap_free(&heap, blocks[nth].start) == CAIRN_OK,
            "a block cannot be freed");
    require(cairn_heap_free(&heap, blocks[nth].start) != CAIRN_OK,
            "a block can be freed twice");
    blocks[nth].start = NULL;
}

/* Any address: freed only if it is a block, which is not tried. */
static void free_wrong(struct input *input)
{
    size_t offset = (size_t)next_byte(input) << 12 | next_byte(input) << 4 |
                    next_byte(input) % 16;

    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].start == memory + offset)
            return;
    }
    require(cairn_heap_free(&heap, memory + offset) != CAIRN_OK,
            "what is no block can be freed");
}

static void step(struct input *input)
{
    unsigned nth = next_byte(input);

    if (nth == 255)
        cairn_heap_drain(&heap);
    else if (nth >= 240)
        free_wrong(input);
    else if (blocks[nth % BLOCKS].start == NULL)
        alloc_one(input, nth % BLOCKS);
    else if (nth >= BLOCKS)
        resize_one(input, nth % BLOCKS);
    else
        free_one(nth);
}

static void start(unsigned choice)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    memset(&heap, 0, sizeof(heap));
    memset(blocks, 0, sizeof(blocks));
    config.engine = (enum cairn_heap_engine)(choice % 2);
    config.is_zero_null = (choice & 2) != 0;
    config.keep_bytes = (choice & 4) != 0 ? 0 : config.keep_bytes;
    config.cpu_count = 1;
    require(cairn_heap_source_arena(&arena, memory, PAGES * 4096,
                                    &config.source) == CAIRN_OK,
            "no arena");
    if ((choice & 8) != 0)
        config.source.resize = NULL;
    require(cairn_heap_init(&heap, &config) == CAIRN_OK, "no heap");
}

static void end(void)
{
    struct cairn_heap_stats stats;

    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].start != NULL)
            free_one(i);
    }
    cairn_heap_drain(&heap);
    require(cairn_heap_check(&heap) == 0, "an invariant is broken");
    cairn_heap_stats(&heap, &stats);
    require(stats.live_blocks == 0 && stats.kept_bytes == 0, "something lost");
    require(stats.source_bytes == stats.meta_bytes, "pages lost");
}

static void tell(void)
{
    fprintf(stderr, "heap: %llu steps slab, %llu firstfit\n", step_counts[0],
            step_counts[1]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    memory = aligned_alloc(4096, PAGES * 4096);
    require(memory != NULL, "no memory");
    return atexit(tell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    start(next_byte(&input));
    for (unsigned i = 0; i < STEPS_MAX && input.left > 0; i++) {
        step(&input);
        step_counts[heap.config.engine]++;
        if (i % CHECK_EVERY == 0)
            require(cairn_heap_check(&heap) == 0, "an invariant is broken");
    }
    end();
    return 0;
}
