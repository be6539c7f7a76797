/*
 * counts.c - how many instructions an operation takes, where that is exact.
 *
 * HOW    With -icount shift=0,sleep=off, QEMU's time stamp counter counts
 *        instructions, and two runs are alike to the digit.  A loop of known
 *        length tells whether it does; if not, nothing is printed.  Each
 *        operation runs some times on the active page table; before, untimed,
 *        what it needs is prepared.  Its count includes call and arguments, not
 *        the reading of the counter.
 *
 * PRINTS "count NAME: MEDIAN to MOST for UNITS"; tools/counts reads it.
 */
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/trap.h"
#include "kernel/space.h"
#include <cairn/cache.h>
#include <cairn/kmalloc.h>

#define PAGE        CAIRN_FRAME_SIZE
#define LARGE       (2 * CAIRN_MIB)
#define FRAMES      8
#define RUNS        31
#define RUNS_BEFORE 3
#define LOOP_TIMES  1000
#define ENTRY_RW    ((uint64_t)1 << 1)

struct operation {
    const char *name;
    enum cairn_status (*prepare)(void);
    enum cairn_status (*run)(void);
    unsigned units; /* pages, or calls */
};

static cairn_va page;            /* its table has other pages too */
static cairn_va large;           /* LARGE bytes without a table */
static cairn_phys phys;          /* LARGE bytes */
static cairn_pfn frames[FRAMES]; /* scattered */

static const struct cairn_page_policy small = {
    .rights = CAIRN_PAGE_WRITE,
    .page_limit = PAGE,
};
static const struct cairn_page_policy any = {.rights = CAIRN_PAGE_WRITE};

/* ---- What is measured ---------------------------------------------------- */

static enum cairn_status nothing(void)
{
    return CAIRN_OK;
}

static enum cairn_status map_one(void)
{
    return cairn_map_page(&space.table, page, phys, &small);
}

static enum cairn_status unmap_one(void)
{
    return cairn_unmap_page(&space.table, page, NULL);
}

static enum cairn_status unmap_untold(void)
{
    return cairn_unmap_range(&space.table, page, PAGE, NULL, NULL);
}

static enum cairn_status map_again(void)
{
    enum cairn_status status = unmap_untold();

    return status != CAIRN_OK ? status : map_one();
}

static enum cairn_status protect_less(void)
{
    return cairn_protect_range(&space.table, page, PAGE, 0);
}

static enum cairn_status map_frames(void)
{
    return cairn_map_frames(&space.table, page, frames, FRAMES, &small);
}

static enum cairn_status unmap_frames(void)
{
    return cairn_unmap_range(&space.table, page, FRAMES * PAGE, NULL, NULL);
}

static enum cairn_status map_frames_again(void)
{
    enum cairn_status status = unmap_frames();

    return status != CAIRN_OK ? status : map_frames();
}

static enum cairn_status map_many(void)
{
    return cairn_map_range(
        &space.table, large,
        cairn_phys_range_make(phys.value, phys.value + LARGE), &small);
}

static enum cairn_status map_large(void)
{
    return cairn_map_range(
        &space.table, large,
        cairn_phys_range_make(phys.value, phys.value + LARGE), &any);
}

static enum cairn_status unmap_large(void)
{
    return cairn_unmap_range(&space.table, large, LARGE, NULL, NULL);
}

static enum cairn_status map_many_again(void)
{
    enum cairn_status status = unmap_large();

    return status != CAIRN_OK ? status : map_many();
}

static enum cairn_status map_large_again(void)
{
    enum cairn_status status = unmap_large();

    return status != CAIRN_OK ? status : map_large();
}

static enum cairn_status translate(void)
{
    cairn_phys out;

    return cairn_pagetable_translate(&space.table, page, &out)
               ? CAIRN_OK
               : CAIRN_NOT_FOUND;
}

static enum cairn_status begin_and_end(enum cairn_intent intent)
{
    static struct cairn_cursor cursor;
    enum cairn_status status =
        cairn_cursor_begin(&cursor, &space.table, page, PAGE, intent);

    if (status == CAIRN_OK)
        cairn_cursor_end(&cursor);
    return status;
}

static enum cairn_status begin_to_look(void)
{
    return begin_and_end(CAIRN_INTENT_LOOK);
}

static enum cairn_status begin_to_map(void)
{
    return begin_and_end(CAIRN_INTENT_MAP);
}

static enum cairn_status pair_of(cairn_order order, enum cairn_owner owner)
{
    cairn_pfn pfn = {0};
    enum cairn_status status =
        cairn_frames_alloc(&kernel.frames, order, 0, owner, &pfn);

    return status != CAIRN_OK ? status : cairn_frames_free(&kernel.frames, pfn);
}

static enum cairn_status user_pair(void)
{
    return pair_of(0, CAIRN_OWNER_USER);
}

static enum cairn_status kernel_pair(void)
{
    return pair_of(0, CAIRN_OWNER_KERNEL);
}

static enum cairn_status block_pair(void)
{
    return pair_of(9, CAIRN_OWNER_USER);
}

static const struct operation operations[] = {
    {"map a page, table there", unmap_untold, map_one, 1},
    {"unmap a page", map_again, unmap_untold, 1},
    {"unmap a page, told what it was", map_again, unmap_one, 1},
    {"protect a page", map_again, protect_less, 1},
    {"map 8 frames", unmap_frames, map_frames, FRAMES},
    {"unmap 8 pages", map_frames_again, unmap_frames, FRAMES},
    {"map 512 pages and their table", unmap_large, map_many, 512},
    {"unmap 512 pages and their table", map_many_again, unmap_large, 512},
    {"map a page of 2 MiB", unmap_large, map_large, 1},
    {"unmap a page of 2 MiB", map_large_again, unmap_large, 1},
    {"translate", map_again, translate, 1},
    {"begin to look, end", nothing, begin_to_look, 1},
    {"begin to map, end", nothing, begin_to_map, 1},
    {"allocate and free a frame", nothing, user_pair, 1},
    {"the same for the kernel", nothing, kernel_pair, 1},
    {"allocate and free 2 MiB", nothing, block_pair, 1},
};

/* ---- Measuring ----------------------------------------------------------- */

static uint64_t time_of(const struct operation *operation)
{
    /* Volatile, so that nothing is compiled for one of them. */
    enum cairn_status (*volatile run)(void) = operation->run;
    enum cairn_status status;
    uint64_t start;

    CHECK_EQ(operation->prepare(), CAIRN_OK);
    start = insn_read_tsc();
    status = run();
    start = insn_read_tsc() - start;
    CHECK_EQ(status, CAIRN_OK);
    return start;
}

static void sort(uint64_t *values, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        for (unsigned k = i; k > 0 && values[k - 1] > values[k]; k--) {
            uint64_t larger = values[k - 1];

            values[k - 1] = values[k];
            values[k] = larger;
        }
    }
}

struct count {
    uint64_t median;
    uint64_t most;
};

static struct count measure(const struct operation *operation)
{
    uint64_t times[RUNS];

    for (unsigned i = 0; i < RUNS_BEFORE; i++)
        (void)time_of(operation);
    for (unsigned i = 0; i < RUNS; i++)
        times[i] = time_of(operation);
    sort(times, RUNS);
    return (struct count){times[RUNS / 2], times[RUNS - 1]};
}

static enum cairn_status loop(void)
{
    uint64_t left = LOOP_TIMES;

    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(left) : : "cc");
    return CAIRN_OK;
}

static enum cairn_status loop_twice(void)
{
    uint64_t left = 2 * LOOP_TIMES;

    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(left) : : "cc");
    return CAIRN_OK;
}

/* Does the counter count instructions, two in each round of a loop? */
static bool is_exact(void)
{
    const struct operation once = {"", nothing, loop, 1};
    const struct operation twice = {"", nothing, loop_twice, 1};
    struct count one = measure(&once);
    struct count two = measure(&twice);

    return one.median == one.most && two.median == two.most &&
           two.median - one.median == 2 * LOOP_TIMES;
}

/* How each operation is left is how the next one wants it. */
static void measure_these(const struct operation *these, size_t of_them)
{
    const struct operation none = {"", nothing, nothing, 1};
    uint64_t empty = measure(&none).median;

    for (size_t i = 0; i < of_them; i++) {
        const struct operation *operation = &these[i];
        struct count count = measure(operation);

        console_printf("count %s: %llu to %llu for %u\n", operation->name,
                       (unsigned long long)(count.median - empty),
                       (unsigned long long)(count.most - empty),
                       operation->units);
    }
}

static void start(void)
{
    space_start();
    page = cairn_va_make(space.kernel_base + PAGE);
    large = cairn_va_make(space.kernel_base + LARGE);
    phys = cairn_phys_make(space_alloc(9));
    for (unsigned i = 0; i < FRAMES; i++)
        frames[i] =
            cairn_pfn_of(cairn_phys_make(phys.value + (FRAMES - i) * 5 * PAGE));
    space_map(space.kernel_base, phys.value, PAGE, 0);
}

/* ---- The heap ------------------------------------------------------------ */

#define BLOCKS 64

static void *blocks[BLOCKS];
static size_t block_bytes; /* of those that are measured now */
static unsigned block_count;
static struct cairn_object_cache things;

static enum cairn_status free_blocks(void)
{
    while (block_count > 0) {
        if (!cairn_kfree(blocks[--block_count]))
            return CAIRN_NOT_MEMORY;
    }
    return CAIRN_OK;
}

static enum cairn_status alloc_blocks(unsigned count)
{
    for (; block_count < count; block_count++) {
        blocks[block_count] = cairn_kmalloc(block_bytes);
        if (blocks[block_count] == NULL)
            return CAIRN_NO_MEMORY;
    }
    return CAIRN_OK;
}

static enum cairn_status alloc_block(void)
{
    blocks[0] = cairn_kmalloc(block_bytes);
    block_count = 1;
    return blocks[0] != NULL ? CAIRN_OK : CAIRN_NO_MEMORY;
}

static enum cairn_status free_block(void)
{
    block_count = 0;
    return cairn_kfree(blocks[0]) ? CAIRN_OK : CAIRN_NOT_MEMORY;
}

static enum cairn_status have_block(void)
{
    return block_count == 0 ? alloc_block() : CAIRN_OK;
}

static enum cairn_status alloc_all(void)
{
    return alloc_blocks(BLOCKS);
}

/* No slab is left, so that the next block needs a new one. */
static enum cairn_status drain(void)
{
    enum cairn_status status = free_blocks();

    cairn_heap_drain(&kernel.heap);
    return status;
}

static enum cairn_status free_thing(void)
{
    enum cairn_status status = cairn_cache_free(&things, blocks[0]);

    blocks[0] = NULL;
    return status;
}

static enum cairn_status alloc_thing(void)
{
    blocks[0] = cairn_cache_alloc(&things, 0);
    return blocks[0] != NULL ? CAIRN_OK : CAIRN_NO_MEMORY;
}

static enum cairn_status have_thing(void)
{
    return blocks[0] == NULL ? alloc_thing() : CAIRN_OK;
}

static void measure_heap(void)
{
    static const struct {
        size_t bytes;
        struct operation operation;
    } sized[] = {
        {64, {"kmalloc 64 B", free_blocks, alloc_block, 1}},
        {64, {"kfree 64 B", have_block, free_block, 1}},
        {1024, {"kmalloc 1 KiB", free_blocks, alloc_block, 1}},
        {1024, {"kfree 1 KiB", have_block, free_block, 1}},
        {8192, {"kmalloc 8 KiB, kept", free_blocks, alloc_block, 1}},
        {8192, {"kfree 8 KiB, kept", have_block, free_block, 1}},
        {64, {"kmalloc 64 B, 64 times", free_blocks, alloc_all, BLOCKS}},
        {64, {"kfree 64 B, 64 times", alloc_all, free_blocks, BLOCKS}},
        {64, {"kmalloc 64 B, a new slab", drain, alloc_block, 1}},
        {8192, {"kmalloc 8 KiB, from frames", drain, alloc_block, 1}},
    };
    static const struct operation typed[] = {
        {"object of a cache", free_thing, alloc_thing, 1},
        {"free an object", have_thing, free_thing, 1},
    };
    const struct cairn_cache_config config = {.name = "counted", .size = 64};

    for (unsigned i = 0; i < sizeof(sized) / sizeof(sized[0]); i++) {
        block_bytes = sized[i].bytes;
        measure_these(&sized[i].operation, 1);
        CHECK_EQ(free_blocks(), CAIRN_OK);
    }
    blocks[0] = NULL;
    CHECK_EQ(cairn_cache_init(&things, &kernel.heap, &config), CAIRN_OK);
    measure_these(typed, sizeof(typed) / sizeof(typed[0]));
    CHECK_EQ(cairn_cache_destroy(&things), CAIRN_OK);
    cairn_heap_drain(&kernel.heap);
}

/* ---- Page faults --------------------------------------------------------- */

static struct cairn_area *lazy;
static uint64_t touched; /* pages of it */

/* The exception, its answer, and the way back. */
static enum cairn_status touch(void)
{
    volatile uint8_t *byte =
        (uint8_t *)(uintptr_t)cairn_area_page(lazy, touched++).value;

    *byte = 1;
    return CAIRN_OK;
}

/* The exception is reported to the probe; what the probe takes is in it. */
static enum cairn_status probe_guard(void)
{
    struct probe_fault fault;
    uint8_t value;

    return probe_read((uintptr_t)(lazy->start.value - 1), &value, &fault)
               ? CAIRN_IN_USE
               : CAIRN_OK;
}

/*
 * Absent, or read-only, when the CPU looks; as it should be when the handler
 * does: as if another CPU had been quicker.  Two pages in turn, since one that
 * faults again and again is reported.
 */
static struct cairn_area *raced;
static unsigned turn;
static volatile uint64_t *entries[2];
static uint64_t wanted[2];

static bool arrive_late(struct trap_frame *frame, enum trap_stage stage)
{
    (void)frame;
    (void)stage;
    *entries[turn] = wanted[turn];
    return false;
}

static uintptr_t raced_page(void)
{
    return (uintptr_t)cairn_area_page(raced, turn).value;
}

static enum cairn_status make_stale(uint64_t mask)
{
    turn ^= 1;
    *entries[turn] = wanted[turn] & mask;
    __asm__ volatile("invlpg (%0)" : : "r"(raced_page()) : "memory");
    return CAIRN_OK;
}

static enum cairn_status make_absent(void)
{
    return make_stale(0);
}

static enum cairn_status make_constant(void)
{
    return make_stale(~ENTRY_RW);
}

static enum cairn_status touch_raced(void)
{
    *(volatile uint8_t *)raced_page() = 1;
    return CAIRN_OK;
}

static void find_entry(void)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    unsigned count;

    CHECK_EQ(touch_raced(), CAIRN_OK); /* A and D */
    count = cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                         cairn_va_make(raced_page()), steps, &mapping);
    CHECK(mapping.is_mapped);
    entries[turn] =
        (volatile uint64_t *)space_window(steps[count - 1].entry_at.value);
    wanted[turn] = *entries[turn];
}

static void measure_spurious(void)
{
    static const struct operation faults[] = {
        {"spurious fault, absent before", make_absent, touch_raced, 1},
        {"spurious fault, read-only before", make_constant, touch_raced, 1},
    };
    uint64_t frame = space_alloc(0);

    CHECK_EQ(cairn_area_alloc_pages(&kernel.areas, 2, PAGE, "raced", &raced),
             CAIRN_OK);
    for (turn = 0; turn < 2; turn++) {
        CHECK_EQ(cairn_area_map(raced, turn,
                                cairn_pfn_of(cairn_phys_make(frame)), &small),
                 CAIRN_OK);
        find_entry();
    }
    turn = 0;
    trap_hook = arrive_late;
    measure_these(faults, sizeof(faults) / sizeof(faults[0]));
    trap_hook = NULL;
    CHECK_EQ(cairn_area_free(raced, NULL, NULL), CAIRN_OK);
    space_free(frame);
}

/* On the kernel's own page table, where its areas are. */
static void measure_faults(void)
{
    static const struct operation faults[] = {
        {"fault in a lazy area, page cleared", nothing, touch, 1},
        {"fault in a guard, by a probe", nothing, probe_guard, 1},
    };
    const struct cairn_area_request request = {
        .bytes = 2 * LARGE,
        .kind = CAIRN_AREA_LAZY,
        .rights = CAIRN_PAGE_WRITE,
        .flags = CAIRN_AREA_WITH_GUARDS,
        .owner = CAIRN_OWNER_KERNEL,
        .name = "counted",
    };

    CHECK_EQ(cairn_area_alloc(&kernel.areas, &request, &lazy), CAIRN_OK);
    touched = 0;
    measure_these(faults, sizeof(faults) / sizeof(faults[0]));
    CHECK_EQ(cairn_area_free(lazy, NULL, NULL), CAIRN_OK);
}

CAIRN_TEST(L11_live_instructions_are_counted)
{
    if (is_exact()) {
        measure_heap();
        measure_faults();
        measure_spurious();
    }
    start();
    if (is_exact())
        measure_these(operations, sizeof(operations) / sizeof(operations[0]));
    space_unmap(space.kernel_base, 2 * LARGE);
    space_free(phys.value);
    space_end();
}
