/*
 * memmap_random.c - random memory maps against the specification.
 *
 * Entries touch, overlap, are empty, begin and end inside pages, reach beyond
 * the end of physical memory and wrap; the pages that they are about lie
 * anywhere, also at 0 and across the end.  After every call the map must be
 * what tests/memmap_spec.c says, and all invariants must hold.
 *
 * Rounds   a million maps: about 5 s on the host, with sanitizers.
 */
#include "harness/test.h"
#include "memmap_spec.h"

#define STORAGE     256
#define ENTRIES_MAX 24
#define PALETTE     4

static struct spec spec;
static struct cairn_memmap map;
static struct cairn_memory_range storage[STORAGE];
static struct cairn_memory_range wanted[SPEC_CELLS_MAX];
static uint64_t recent_start;
static uint64_t recent_end;
static enum cairn_memory_kind palette[PALETTE];

/* ---- Random worlds ------------------------------------------------------- */

static uint64_t random_base(size_t pages)
{
    uint64_t page = CAIRN_FRAME_SIZE;

    switch (test_random_below(6)) {
    case 0:
        return 0;
    case 1:
        return page * (1 + test_random_below(4));
    case 2:
        return 4 * CAIRN_GIB - page * test_random_below(8);
    case 3: /* ends before the limit, at it, or would end beyond it */
        return CAIRN_PHYS_LIMIT -
               page * (1 + test_random_below((uint32_t)(pages + 2)));
    default:
        return test_random() % CAIRN_PHYS_LIMIT / page * page;
    }
}

static void random_shape(struct spec_shape *shape)
{
    shape->pages = 1 + test_random_below(12);
    if (test_random_once_in(32))
        shape->pages = SPEC_PAGES_MAX;
    shape->base = random_base(shape->pages);
    shape->cut_count = 1 + test_random_below(4);
    shape->cuts[0] = 0;
    for (size_t i = 1; i < shape->cut_count; i++) {
        uint32_t least = shape->cuts[i - 1] + 1u;
        uint32_t most = (uint32_t)(4096 - shape->cut_count + i);

        /* One byte more, one byte less than a page, or anything. */
        shape->cuts[i] =
            (uint16_t)(test_random_once_in(4) ? least
                       : test_random_once_in(4)
                           ? most
                           : least + test_random_below(most - least + 1));
    }
}

/* Few kinds in one map, so that they meet; usable is the most frequent. */
static void random_palette(void)
{
    for (int i = 0; i < PALETTE; i++) {
        palette[i] = CAIRN_MEMORY_USABLE;
        if (test_random_once_in(2))
            palette[i] = (enum cairn_memory_kind)(
                CAIRN_MEMORY_BOOT_SERVICES +
                test_random_below(CAIRN_MEMORY_KIND_COUNT -
                                  CAIRN_MEMORY_BOOT_SERVICES));
    }
}

static enum cairn_memory_kind random_kind(void)
{
    if (test_random_once_in(32)) /* also those that are refused */
        return (enum cairn_memory_kind)test_random_below(
            CAIRN_MEMORY_KIND_COUNT + 1);
    return palette[test_random_below(PALETTE)];
}

static void begin_world(size_t capacity)
{
    struct spec_shape shape;

    random_shape(&shape);
    random_palette();
    spec_begin(&spec, &shape, capacity);
    recent_start = shape.base;
    recent_end = shape.base;
    CHECK_EQ(cairn_memmap_init(&map, storage, 2 * capacity), CAIRN_OK);
}

/* ---- Random calls -------------------------------------------------------- */

static uint64_t random_edge(void)
{
    return spec.edges[test_random_below((uint32_t)spec.cell_count + 1)];
}

static uint64_t random_bytes(uint64_t start)
{
    size_t cell = 0;

    while (cell < spec.cell_count && spec.edges[cell] < start)
        cell++;
    cell +=
        1 + test_random_below(1 + test_random_below((uint32_t)spec.cell_count));
    if (cell > spec.cell_count)
        cell = spec.cell_count;
    return spec.edges[cell] > start ? spec.edges[cell] - start : 0;
}

/* A length that reaches beyond the end of physical memory, or wraps. */
static uint64_t random_excess(uint64_t start)
{
    switch (test_random_below(4)) {
    case 0:
        return CAIRN_PHYS_LIMIT - start + 1 + test_random_below(8192);
    case 1:
        return 0 - start; /* ends at 2^64, which is 0 */
    case 2:               /* wraps to an end below its start */
        return start < 8192 ? UINT64_MAX : 0 - start + test_random_below(8192);
    default:
        return UINT64_MAX - test_random_below(3);
    }
}

enum way {
    WAY_ANY,
    WAY_AFTER_RECENT = 6, /* and those below: begins where the last one ended */
    WAY_UP_TO_RECENT,     /* ends where the last one begins */
    WAY_AS_RECENT,        /* the same again */
    WAY_EMPTY,
    WAY_EXCESS, /* more than there is */
    WAY_BEYOND, /* begins where there is nothing any more */
    WAY_COUNT = 24
};

static uint64_t random_start(uint32_t way)
{
    if (way <= WAY_AFTER_RECENT)
        return recent_end;
    if (way == WAY_AS_RECENT)
        return recent_start;
    if (way == WAY_BEYOND && test_random_once_in(2))
        return UINT64_MAX - test_random_below(8192);
    if (way == WAY_BEYOND)
        return CAIRN_PHYS_LIMIT + test_random_below(3);
    return random_edge();
}

static void random_range(struct spec_call *call)
{
    uint32_t way = test_random_below(WAY_COUNT);
    uint64_t start = random_start(way);
    uint64_t bytes = random_bytes(start);

    if (way == WAY_UP_TO_RECENT && start < recent_start)
        bytes = recent_start - start;
    if (way == WAY_AS_RECENT)
        bytes = recent_end - recent_start;
    if (way == WAY_EMPTY)
        bytes = 0;
    if (way == WAY_EXCESS)
        bytes = random_excess(start);
    if (way == WAY_BEYOND)
        bytes = test_random();
    call->start = start;
    call->bytes = bytes;
    if (start < CAIRN_PHYS_LIMIT && bytes <= CAIRN_PHYS_LIMIT - start) {
        recent_start = start;
        recent_end = start + bytes;
    }
}

static void step(const struct spec_call *call)
{
    const char *difference = spec_step(&spec, &map, call);

    if (difference != NULL)
        test_fail(__FILE__, __LINE__,
                  "%s after call %u, kind %u, [%#llx, +%#llx); %u ranges",
                  difference, (unsigned)call->op, (unsigned)call->kind,
                  (unsigned long long)call->start,
                  (unsigned long long)call->bytes, (unsigned)map.count);
}

static void random_step(enum spec_op op)
{
    struct spec_call call = {.op = op, .kind = random_kind()};

    random_range(&call);
    if (op == SPEC_FINISH)
        call.start = test_random_once_in(2) ? 0 : random_edge();
    if (op == SPEC_RECLAIM && test_random_once_in(2))
        call = (struct spec_call){op, call.kind, 0, CAIRN_PHYS_LIMIT};
    else if (op == SPEC_RECLAIM)
        call.bytes = test_random_once_in(8) ? random_edge() : recent_end;
    step(&call);
}

static void add_entries(void)
{
    uint32_t count = test_random_below(2 + test_random_below(ENTRIES_MAX));

    while (count-- > 0)
        random_step(SPEC_ADD);
    if (test_random_once_in(4))
        random_step(SPEC_RESERVE);
}

static void change_later(void)
{
    uint32_t count = test_random_below(6);

    while (count-- > 0)
        random_step((enum spec_op)test_random_below(SPEC_OP_COUNT));
}

/* ---- Queries ------------------------------------------------------------- */

static uint64_t random_address(void)
{
    uint64_t address = random_edge();

    return test_random_once_in(2) ? address
                                  : address + test_random_below(4097) - 2048;
}

static void check_kind_at(size_t count)
{
    uint64_t address = random_address();
    enum cairn_memory_kind kind = CAIRN_MEMORY_NONE;

    for (size_t i = 0; i < count; i++) {
        if (wanted[i].start.value <= address && address < wanted[i].end.value)
            kind = wanted[i].kind;
    }
    CHECK_EQ(cairn_memmap_kind_at(&map, cairn_phys_make(address)), kind);
}

static void check_next(size_t count, cairn_memory_kinds kinds)
{
    struct cairn_phys_range window = {{random_address()}, {random_address()}};
    struct cairn_memory_range out = {{1}, {2}, CAIRN_MEMORY_BAD};
    struct cairn_memory_range best = out;
    bool is_found = false;

    for (size_t i = 0; i < count && !is_found; i++) {
        uint64_t start = wanted[i].start.value;
        uint64_t end = wanted[i].end.value;

        if (start < window.start.value)
            start = window.start.value;
        if (end > window.end.value)
            end = window.end.value;
        if (start >= end || (kinds >> wanted[i].kind & 1) == 0)
            continue;
        best = (struct cairn_memory_range){{start}, {end}, wanted[i].kind};
        is_found = true;
    }
    CHECK_EQ(cairn_memmap_next(&map, kinds, window, &out), is_found);
    CHECK_EQ(out.start.value, best.start.value);
    CHECK_EQ(out.end.value, best.end.value);
    CHECK_EQ(out.kind, best.kind);
}

static void check_end(size_t count, cairn_memory_kinds kinds)
{
    uint64_t end = 0;

    for (size_t i = 0; i < count; i++) {
        if ((kinds >> wanted[i].kind & 1) != 0)
            end = wanted[i].end.value;
    }
    CHECK_EQ(cairn_memmap_end(&map, kinds).value, end);
}

static void check_totals(size_t count)
{
    struct cairn_memmap_totals totals;
    uint64_t bytes[CAIRN_MEMORY_KIND_COUNT] = {0};
    uint64_t covered = 0;
    uint64_t ram = 0;
    uint64_t end = count > 0 ? wanted[count - 1].end.value : 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t length = wanted[i].end.value - wanted[i].start.value;

        bytes[wanted[i].kind] += length;
        covered += length;
        ram += spec_is_ram(wanted[i].kind) ? length : 0;
    }
    bytes[CAIRN_MEMORY_NONE] = end - covered;
    cairn_memmap_totals(&map, &totals);
    for (int kind = 0; kind < CAIRN_MEMORY_KIND_COUNT; kind++)
        CHECK_EQ(totals.kind_bytes[kind], bytes[kind]);
    CHECK_EQ(totals.end.value, end);
    CHECK_EQ(totals.pages, covered / 4096);
    CHECK_EQ(totals.installed_bytes, ram);
    CHECK_EQ(totals.usable_bytes, bytes[CAIRN_MEMORY_USABLE]);
    CHECK_EQ(totals.usable_pages, bytes[CAIRN_MEMORY_USABLE] / 4096);
    CHECK_EQ(totals.used_bytes,
             ram - bytes[CAIRN_MEMORY_USABLE] - bytes[CAIRN_MEMORY_ACPI_NVS] -
                 bytes[CAIRN_MEMORY_RUNTIME] - bytes[CAIRN_MEMORY_BAD]);
    CHECK_EQ(totals.reserved_bytes,
             bytes[CAIRN_MEMORY_RESERVED] + bytes[CAIRN_MEMORY_ACPI_NVS] +
                 bytes[CAIRN_MEMORY_RUNTIME] + bytes[CAIRN_MEMORY_BAD]);
}

static cairn_memory_kinds random_kinds(void)
{
    if (test_random_once_in(4))
        return CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE);
    if (test_random_once_in(4))
        return CAIRN_MEMORY_ALL_KINDS;
    return (cairn_memory_kinds)test_random();
}

static void check_queries(void)
{
    size_t count = spec_ranges(&spec, wanted);

    check_kind_at(count);
    check_kind_at(count);
    check_next(count, random_kinds());
    check_next(count, random_kinds());
    check_end(count, random_kinds());
    check_totals(count);
}

CAIRN_TEST(A4_random_maps_equal_the_specification)
{
    for (uint32_t i = test_rounds(1000000); i > 0; i--) {
        begin_world(STORAGE / 2);
        add_entries();
        random_step(SPEC_FINISH);
        if (!map.is_finished)
            continue;
        check_queries();
        change_later();
        check_queries();
    }
}

/* As above, but most calls find too little storage and change nothing. */
CAIRN_TEST(memmap_without_space_stays_as_it_is)
{
    for (uint32_t i = test_rounds(100000); i > 0; i--) {
        begin_world(2 + test_random_below(6));
        add_entries();
        random_step(SPEC_FINISH);
        change_later();
    }
}

/* ---- Order --------------------------------------------------------------- */

static struct spec_call calls[ENTRIES_MAX];
static struct cairn_memory_range former[STORAGE];

static void random_calls(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        calls[i] = (struct spec_call){SPEC_ADD, random_kind(), 0, 0};
        random_range(&calls[i]);
    }
}

static void shuffle_calls(uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = test_random_below(i);
        struct spec_call call = calls[i - 1];

        calls[i - 1] = calls[other];
        calls[other] = call;
    }
}

/* What the library makes of the calls; the number of ranges. */
static size_t finish_calls(uint32_t count, enum cairn_status *status)
{
    CHECK_EQ(cairn_memmap_init(&map, storage, STORAGE), CAIRN_OK);
    for (uint32_t i = 0; i < count; i++) {
        enum cairn_status one = cairn_memmap_add(&map, calls[i].start,
                                                 calls[i].bytes, calls[i].kind);

        CHECK(one == CAIRN_OK || one == CAIRN_BAD_ARGUMENT);
    }
    *status = cairn_memmap_finish(&map, cairn_phys_make(0));
    return map.count;
}

CAIRN_TEST(A4_the_order_of_entries_does_not_matter)
{
    for (uint32_t i = test_rounds(50000); i > 0; i--) {
        uint32_t count = 1 + test_random_below(ENTRIES_MAX);
        enum cairn_status status;
        enum cairn_status again;
        size_t ranges;

        begin_world(STORAGE / 2);
        random_calls(count);
        ranges = finish_calls(count, &status);
        for (size_t k = 0; k < ranges; k++)
            former[k] = map.ranges[k];
        shuffle_calls(count);
        CHECK_EQ(finish_calls(count, &again), ranges);
        CHECK_EQ(again, status);
        for (size_t k = 0; k < ranges; k++) {
            CHECK_EQ(map.ranges[k].start.value, former[k].start.value);
            CHECK_EQ(map.ranges[k].end.value, former[k].end.value);
            CHECK_EQ(map.ranges[k].kind, former[k].kind);
        }
    }
}

/* ---- The two specifications agree ---------------------------------------- */

static struct spec_entry entries[ENTRIES_MAX];

CAIRN_TEST(memmap_spec_of_cells_and_of_entries_agree)
{
    for (uint32_t i = test_rounds(2000); i > 0; i--) {
        uint32_t count = 1 + test_random_below(ENTRIES_MAX);
        uint64_t floor;

        begin_world(STORAGE / 2);
        random_calls(count);
        floor = random_edge();
        for (uint32_t k = 0; k < count; k++) {
            calls[k].kind = palette[test_random_below(PALETTE)];
            step(&calls[k]);
            entries[k] = (struct spec_entry){calls[k].start, calls[k].bytes,
                                             calls[k].kind};
        }
        step(&(struct spec_call){SPEC_FINISH, CAIRN_MEMORY_NONE, floor, 0});
        for (size_t k = 0; k < spec.block_count; k++)
            CHECK_EQ(spec_kind_of_page(entries, count, floor,
                                       spec.edges[spec.firsts[k]]),
                     spec_kind_of_block(&spec, k));
    }
}
