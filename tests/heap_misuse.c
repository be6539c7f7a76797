/*
 * heap_misuse.c - the table of docs/HEAP.md, "Hardening": what each level
 * notices of each mistake.
 *
 * NOT PROMISED means that the level may believe the pointer and do harm: then
 * there is nothing to try.
 */
#include "heap_build.h"

#include "base/memory.h"
#include <cairn/heap_debug.h>

#define HEAP (&heap_build.heap)

enum {
    NOTHING = CAIRN_OK,
    NOT_PROMISED = CAIRN_STATUS_COUNT
};

struct kind {
    const char *name;
    unsigned (*commit)(size_t size); /* returns what was noticed */
    unsigned noticed[CAIRN_HEAP_LEVEL_COUNT];
};

static uint8_t foreign[128];

static uint8_t *get(size_t size)
{
    uint8_t *block = cairn_heap_alloc(HEAP, size, 0);

    CHECK(block != NULL);
    return block;
}

static unsigned put(void *block)
{
    return cairn_heap_free(HEAP, block);
}

/* What has been found since the heap was started. */
static unsigned found(void)
{
    struct cairn_heap_finding last;

    return cairn_heap_findings(HEAP, &last) == 0 ? NOTHING : last.status;
}

/* The pointer is wrong, and then the block is freed as it should be. */
static unsigned put_wrong(uint8_t *block, uint8_t *wrong)
{
    unsigned status = put(wrong);

    CHECK_EQ(put(block), CAIRN_OK);
    return status;
}

static unsigned double_free(size_t size)
{
    uint8_t *block = get(size);

    CHECK_EQ(put(block), CAIRN_OK);
    return put(block);
}

static unsigned late_double_free(size_t size)
{
    uint8_t *other = get(size);
    uint8_t *block = get(size);
    unsigned status;

    CHECK_EQ(put(block), CAIRN_OK);
    for (unsigned i = 0; i < heap_build.config.quarantine_blocks; i++)
        (void)put(get(1));
    status = put(block);
    CHECK_EQ(put(other), CAIRN_OK);
    return status;
}

static unsigned foreign_pointer(size_t size)
{
    (void)size;
    return put(foreign + 64);
}

static unsigned interior_pointer(size_t size)
{
    uint8_t *block = get(size);

    return put_wrong(block, block + (size / 2 & ~(size_t)15));
}

static unsigned odd_pointer(size_t size)
{
    uint8_t *block = get(size);

    return put_wrong(block, block + 1);
}

/* What a block of a level with headers would begin with. */
static unsigned pointer_before(size_t size)
{
    uint8_t *block = get(size);

    CHECK(size >= 16);
    return put_wrong(block, block - 8);
}

/* An allocation whose size its class has exactly. */
static unsigned overflow(size_t size, size_t by)
{
    uint8_t *block = get(size);

    memset(block, 1, size + by);
    return put(block);
}

static unsigned overflow_by_1(size_t size)
{
    return overflow(size, 1);
}

static unsigned overflow_by_16(size_t size)
{
    return overflow(size, 16);
}

static unsigned underflow_by_1(size_t size)
{
    uint8_t *block = get(size);

    block[-1] ^= 1;
    return put(block);
}

static unsigned underflow_by_16(size_t size)
{
    uint8_t *block = get(size);

    block[-16] ^= 1;
    return put(block);
}

static unsigned late_write(size_t size)
{
    uint8_t *block = get(size);

    CHECK_EQ(put(block), CAIRN_OK);
    block[size - 1] ^= 1;
    cairn_heap_drain(HEAP);
    return found();
}

/* The same, noticed on demand. */
static unsigned late_write_checked(size_t size)
{
    uint8_t *block = get(size);
    unsigned wrong;

    CHECK_EQ(put(block), CAIRN_OK);
    block[0] ^= 1;
    wrong = cairn_heap_check(HEAP);
    CHECK_EQ(wrong != 0, found() != NOTHING);
    block[0] ^= 1;
    CHECK_EQ(cairn_heap_check(HEAP), 0);
    return found();
}

static unsigned overflow_checked(size_t size)
{
    uint8_t *block = get(size);
    unsigned wrong;

    block[size] ^= 1;
    wrong = cairn_heap_check(HEAP);
    CHECK_EQ(wrong != 0, found() != NOTHING);
    block[size] ^= 1;
    CHECK_EQ(put(block), CAIRN_OK);
    return found();
}

static unsigned wrong_size(size_t size)
{
    uint8_t *block = get(size);
    unsigned status = cairn_heap_free_sized(HEAP, block, size + size * 3 + 5);

    if (status != CAIRN_OK)
        CHECK_EQ(cairn_heap_free_sized(HEAP, block, size), CAIRN_OK);
    return status;
}

static unsigned slightly_wrong_size(size_t size)
{
    uint8_t *block = get(size);
    unsigned status = cairn_heap_free_sized(HEAP, block, size - 1);

    if (status != CAIRN_OK)
        CHECK_EQ(cairn_heap_free_sized(HEAP, block, size), CAIRN_OK);
    return status;
}

/* A realloc has no status: it returns NULL. */
static unsigned realloc_wrong(void *wrong)
{
    CHECK(cairn_heap_realloc(HEAP, wrong, 20) == NULL);
    return found() == NOTHING ? CAIRN_NOT_MEMORY : found();
}

static unsigned realloc_of_freed(size_t size)
{
    uint8_t *block = get(size);

    CHECK_EQ(put(block), CAIRN_OK);
    return realloc_wrong(block);
}

static unsigned realloc_of_interior(size_t size)
{
    uint8_t *block = get(size);
    unsigned status = realloc_wrong(block + 16);

    CHECK_EQ(put(block), CAIRN_OK);
    return status;
}

static unsigned realloc_of_foreign(size_t size)
{
    (void)size;
    return realloc_wrong(foreign + 64);
}

static unsigned realloc_of_overrun(size_t size)
{
    uint8_t *block = get(size);

    block[size] ^= 1;
    block = cairn_heap_realloc(HEAP, block, size + 1);
    CHECK(block != NULL);
    CHECK_EQ(put(block), CAIRN_OK);
    return found();
}

static const struct kind kinds[] = {
    {"double free",
     double_free,
     {NOT_PROMISED, CAIRN_DOUBLE_FREE, CAIRN_DOUBLE_FREE}},
    {"double free, late",
     late_double_free,
     {NOT_PROMISED, CAIRN_DOUBLE_FREE, CAIRN_DOUBLE_FREE}},
    {"foreign pointer",
     foreign_pointer,
     {NOT_PROMISED, CAIRN_NOT_MEMORY, CAIRN_NOT_MEMORY}},
    {"interior pointer",
     interior_pointer,
     {NOT_PROMISED, CAIRN_NOT_FIRST, CAIRN_NOT_FIRST}},
    {"pointer to the second byte",
     odd_pointer,
     {NOT_PROMISED, CAIRN_NOT_FIRST, CAIRN_NOT_FIRST}},
    {"pointer before the block",
     pointer_before,
     {NOT_PROMISED, NOT_PROMISED, CAIRN_NOT_FIRST}},
    {"overflow by 1", overflow_by_1, {NOTHING, NOTHING, CAIRN_OVERRUN}},
    {"overflow by 16", overflow_by_16, {NOTHING, NOTHING, CAIRN_OVERRUN}},
    {"overflow by 1, check",
     overflow_checked,
     {NOTHING, NOTHING, CAIRN_OVERRUN}},
    {"underflow by 1", underflow_by_1, {NOTHING, NOTHING, CAIRN_UNDERRUN}},
    {"underflow by 16", underflow_by_16, {NOTHING, NOTHING, CAIRN_UNDERRUN}},
    {"write after free", late_write, {NOTHING, NOTHING, CAIRN_USED_AFTER_FREE}},
    {"write after free, check",
     late_write_checked,
     {NOTHING, NOTHING, CAIRN_USED_AFTER_FREE}},
    {"sized free of another class",
     wrong_size,
     {NOT_PROMISED, CAIRN_WRONG_SIZE, CAIRN_WRONG_SIZE}},
    {"sized free, 1 less",
     slightly_wrong_size,
     {NOTHING, NOTHING, CAIRN_WRONG_SIZE}},
    {"realloc of a freed block",
     realloc_of_freed,
     {NOT_PROMISED, CAIRN_NOT_MEMORY, CAIRN_DOUBLE_FREE}},
    {"realloc of an interior pointer",
     realloc_of_interior,
     {NOT_PROMISED, CAIRN_NOT_MEMORY, CAIRN_NOT_FIRST}},
    {"realloc of a foreign pointer",
     realloc_of_foreign,
     {NOT_PROMISED, CAIRN_NOT_MEMORY, CAIRN_NOT_MEMORY}},
    {"realloc of an overrun block",
     realloc_of_overrun,
     {NOTHING, NOTHING, CAIRN_OVERRUN}},
};

/*
 * Mistakes that are not noticed write into a block of the same slab, which is
 * nobody's; behind large blocks there may be anything.
 */
static bool is_safe(const struct kind *kind, enum cairn_heap_level level,
                    size_t size)
{
    return kind->noticed[level] != NOT_PROMISED &&
           (kind->noticed[level] != NOTHING || size < CAIRN_FRAME_SIZE);
}

static void try_kind(const struct kind *kind, enum cairn_heap_level level,
                     size_t size)
{
    void *before;
    void *after;

    if (!is_safe(kind, level, size))
        return;
    heap_build.config.level = level;
    CHECK(heap_build_start());
    before = get(size);
    CHECK(before != NULL);
    if (kind->commit(size) != kind->noticed[level])
        test_fail(__FILE__, __LINE__, "%s, level %u, %zu bytes", kind->name,
                  (unsigned)level, size);
    after = get(size);
    CHECK_EQ(put(before), CAIRN_OK);
    CHECK_EQ(put(after), CAIRN_OK);
    heap_build_end();
}

CAIRN_TEST(G13_every_mistake_at_every_level)
{
    static const size_t sizes[] = {32, 112, 512, 2560, 16384, 40960};

    heap_build_prepare(200);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (unsigned level = 0; level < CAIRN_HEAP_LEVEL_COUNT; level++) {
            for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
                try_kind(&kinds[i], (enum cairn_heap_level)level, sizes[j]);
        }
    }
}
