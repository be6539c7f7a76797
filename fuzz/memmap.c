/*
 * fuzz/memmap.c - any sequence of calls on a memory map.
 *
 * The first four bytes say where a few pages lie, where they are cut into
 * cells, and how much storage the map has; every further four bytes are a call.
 * After each, the map must be what tests/memmap_spec.c says.
 */
/* Coverage is to guide through the library, not through what checks it. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))),         \
                             apply_to = function)
#include "memmap_spec.c"
#pragma clang attribute pop

#include <stdlib.h>

#define HEAD_BYTES  4
#define CALL_BYTES  4
#define CALLS_MAX   24
#define STORAGE_MAX 128

static struct spec spec;
static struct cairn_memmap map;
static struct cairn_memory_range storage[STORAGE_MAX];

static void require(int condition)
{
    if (!condition)
        abort();
}

static uint64_t base_of(uint8_t byte)
{
    static const uint64_t bases[] = {
        0,
        PAGE,
        CAIRN_MIB,
        4 * CAIRN_GIB - 4 * PAGE,
        CAIRN_PHYS_LIMIT - 8 * PAGE,
        CAIRN_PHYS_LIMIT - 2 * PAGE,
        CAIRN_TIB,
        64 * PAGE,
    };

    return bases[byte % 8] + byte / 8 % 4 * PAGE;
}

static void begin(const uint8_t *head)
{
    struct spec_shape shape = {.base = base_of(head[0])};
    size_t capacity = head[2] < 32 ? 2u + head[2] / 4 : STORAGE_MAX / 2;

    shape.pages = 1u + head[1] % 8;
    shape.cut_count = 1u + head[1] / 8 % 4;
    if (shape.base >= CAIRN_PHYS_LIMIT)
        shape.base = CAIRN_PHYS_LIMIT - PAGE;
    for (size_t i = 1; i < shape.cut_count; i++)
        shape.cuts[i] = (uint16_t)(i == 1   ? 1
                                   : i == 2 ? 2 + head[3] * 15
                                            : 4095);
    spec_begin(&spec, &shape, capacity);
    require(cairn_memmap_init(&map, storage, 2 * capacity) == CAIRN_OK);
}

/* An edge between cells, or an address beyond all memory. */
static uint64_t address_of(uint8_t byte)
{
    static const uint64_t beyond[] = {CAIRN_PHYS_LIMIT + 1, UINT64_MAX,
                                      UINT64_MAX - 0x1000, 1ull << 63};

    if (byte >= 252)
        return beyond[byte - 252];
    return spec.edges[byte % (spec.cell_count + 1)];
}

static void make_call(struct spec_call *call, const uint8_t *bytes)
{
    uint64_t end = address_of(bytes[2]);

    call->op = (enum spec_op)(bytes[0] % SPEC_OP_COUNT);
    if (bytes[0] >= 128)
        call->op = SPEC_ADD;
    call->kind =
        (enum cairn_memory_kind)(bytes[3] % (CAIRN_MEMORY_KIND_COUNT + 1));
    call->start = address_of(bytes[1]);
    /* Backwards means: it wraps; both the same: empty, or one too many. */
    call->bytes = end - call->start;
    if (end < call->start && call->start <= CAIRN_PHYS_LIMIT && bytes[3] < 192)
        call->bytes = 0;
    if (call->op == SPEC_RECLAIM)
        call->bytes = end;
    if (call->op == SPEC_FINISH && bytes[1] % 2 == 0)
        call->start = 0;
}

static void check_queries(void)
{
    static struct cairn_memory_range ranges[SPEC_CELLS_MAX];
    struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;
    struct cairn_memmap_totals totals;
    size_t count = spec_ranges(&spec, ranges);
    size_t found = 0;

    while (cairn_memmap_next(&map, CAIRN_MEMORY_ALL_KINDS, window, &range)) {
        require(found < count && is_same_range(&range, &ranges[found]));
        found++;
        window.start = range.end;
    }
    require(found == count);
    for (size_t i = 0; i < spec.block_count; i++)
        require(cairn_memmap_kind_at(
                    &map, cairn_phys_make(block_end(&spec, i) - 1)) ==
                spec_kind_of_block(&spec, i));
    cairn_memmap_totals(&map, &totals);
    require(totals.pages * PAGE + totals.kind_bytes[CAIRN_MEMORY_NONE] ==
            totals.end.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec_call call;

    if (size < HEAD_BYTES)
        return 0;
    begin(data);
    for (size_t i = 0; i < CALLS_MAX; i++) {
        size_t at = HEAD_BYTES + i * CALL_BYTES;

        if (at + CALL_BYTES > size)
            break;
        make_call(&call, data + at);
        require(spec_step(&spec, &map, &call) == NULL);
    }
    if (map.is_finished)
        check_queries();
    return 0;
}
