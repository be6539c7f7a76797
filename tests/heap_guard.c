/*
 * heap_guard.c - guarded blocks, on pages that only pretend to be unmapped.
 *
 * With real faults: tests/host/heap_guard_faults.c.
 */
#include "heap_build.h"

#include "base/memory.h"
#include <cairn/heap_debug.h>

#define HEAP  (&heap_build.heap)
#define PAGE  ((size_t)CAIRN_FRAME_SIZE)
#define SLOTS 8u

static struct {
    uint8_t *memory;
    bool is_mapped[2 * SLOTS + 1];
    bool is_refusing;
    unsigned mapped;
} pages;

static struct cairn_heap_guards guards;

static size_t number_of(uintptr_t page)
{
    size_t number = (page - (uintptr_t)pages.memory) / PAGE;

    CHECK_EQ(page % PAGE, 0);
    CHECK(number < 2 * SLOTS + 1 && number % 2 == 1);
    return number;
}

static bool map(void *context, uintptr_t page)
{
    CHECK(context == &pages);
    CHECK(!pages.is_mapped[number_of(page)]);
    if (pages.is_refusing)
        return false;
    pages.is_mapped[number_of(page)] = true;
    pages.mapped++;
    memset((void *)page, 0x77, PAGE);
    return true;
}

static void unmap(void *context, uintptr_t page)
{
    CHECK(context == &pages);
    CHECK(pages.is_mapped[number_of(page)]);
    pages.is_mapped[number_of(page)] = false;
    pages.mapped--;
}

/* Once in a test. */
static void prepare(void)
{
    uint64_t phys;

    heap_build_prepare(96);
    pages.memory = test_memory((2 * SLOTS + 1) * PAGE, &phys);
    guards = (struct cairn_heap_guards){.start = (uintptr_t)pages.memory,
                                        .slots = SLOTS,
                                        .map = map,
                                        .unmap = unmap,
                                        .context = &pages};
    heap_build.config.guards = &guards;
    heap_build.config.guard_every = 1;
}

static void start(enum cairn_heap_level level)
{
    memset(pages.is_mapped, 0, sizeof(pages.is_mapped));
    pages.mapped = 0;
    heap_build.config.level = level;
    CHECK(heap_build_start());
}

static void begin(enum cairn_heap_level level, unsigned every)
{
    prepare();
    heap_build.config.guard_every = every;
    start(level);
}

static bool is_guarded(const void *block)
{
    return (uintptr_t)block - (uintptr_t)pages.memory < (2 * SLOTS + 1) * PAGE;
}

static uint8_t *get(size_t size)
{
    return cairn_heap_alloc_at(HEAP, size, 0, 0x111);
}

/* A block in a slot: of a size that has no bin, as every request counts. */
static uint8_t *get_guarded(size_t size)
{
    uint8_t *block =
        cairn_heap_alloc_aligned(HEAP, size, 2 * CAIRN_HEAP_ALIGN, 0);

    CHECK(is_guarded(block));
    return block;
}

static bool ends_at_page(const uint8_t *block, size_t size)
{
    return ((uintptr_t)block + size) % PAGE > PAGE - 32 ||
           ((uintptr_t)block + size) % PAGE == 0;
}

/* Against the end or the start, each about as often. */
CAIRN_TEST(J4_guarded_blocks_lie_against_a_guard)
{
    unsigned ends = 0;

    prepare();
    for (unsigned level = 0; level < CAIRN_HEAP_LEVEL_COUNT; level++) {
        start((enum cairn_heap_level)level);
        for (unsigned i = 0; i < 100; i++) {
            size_t size = 1 + test_random_below(2000);
            uint8_t *block = get_guarded(size);

            CHECK_EQ((uintptr_t)block % 32, 0);
            CHECK(ends_at_page(block, size) || (uintptr_t)block % PAGE == 0);
            ends += ends_at_page(block, size);
            CHECK_EQ(cairn_heap_usable_size(HEAP, block), size);
            memset(block, 1, size);
            CHECK_EQ(pages.mapped, 1);
            CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
            CHECK_EQ(pages.mapped, 0);
        }
        heap_build_end();
    }
    CHECK(ends > 60 && ends < 240);
}

CAIRN_TEST(J4_guarded_blocks_can_be_zeroed_and_aligned)
{
    begin(CAIRN_HEAP_CHECKED, 1);
    for (size_t align = 32; align <= PAGE; align *= 2) {
        uint8_t *block =
            cairn_heap_alloc_aligned(HEAP, 100, align, CAIRN_HEAP_ZEROED);

        CHECK(is_guarded(block));
        CHECK_EQ((uintptr_t)block % align, 0);
        for (unsigned i = 0; i < 100; i++)
            CHECK_EQ(block[i], 0);
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    }
    CHECK(!is_guarded(cairn_heap_alloc(HEAP, PAGE + 1, 0)));
    CHECK(!is_guarded(cairn_heap_alloc_aligned(HEAP, 1, 2 * PAGE, 0)));
    CHECK(!is_guarded(cairn_heap_alloc(HEAP, 0, 0)));
}

/* Of the requests that no bin answers, at level debug all, 1 in `every`. */
CAIRN_TEST(J4_guards_come_as_often_as_they_should)
{
    unsigned seen = 0;

    begin(CAIRN_HEAP_DEBUG, 50);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t *block = get(40);

        seen += is_guarded(block);
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    }
    CHECK(seen > 300 && seen < 500);
    heap_build_end();
}

/* The common path does not ask: what comes and goes stays in its bin. */
CAIRN_TEST(J4_guards_are_off_the_common_path)
{
    unsigned seen = 0;

    begin(CAIRN_HEAP_CHECKED, 2);
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t *block = get(40);

        seen += is_guarded(block);
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    }
    CHECK(seen <= 4);
    heap_build_end();
}

/* What was freed longest ago comes back first. */
CAIRN_TEST(J4_freed_guarded_pages_stay_unmapped_for_long)
{
    uint8_t *block;
    uint8_t *first;

    begin(CAIRN_HEAP_CHECKED, 1);
    first = get_guarded(4096);
    CHECK_EQ(cairn_heap_free(HEAP, first), CAIRN_OK);
    for (unsigned i = 1; i < SLOTS; i++) {
        block = get_guarded(4096);
        CHECK(block != first);
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    }
    block = get_guarded(4096);
    CHECK(block == first);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    heap_build_end();
}

/* No slot, or no page for it: the request is served all the same. */
CAIRN_TEST(J4_without_a_page_there_is_no_guard)
{
    uint8_t *blocks[SLOTS + 1];
    struct cairn_heap_stats stats;

    begin(CAIRN_HEAP_CHECKED, 1);
    for (unsigned i = 0; i < SLOTS; i++)
        blocks[i] = get_guarded(64);
    blocks[SLOTS] = cairn_heap_alloc_aligned(HEAP, 64, 32, 0);
    CHECK(blocks[SLOTS] != NULL && !is_guarded(blocks[SLOTS]));
    cairn_heap_stats(HEAP, &stats);
    CHECK_EQ(stats.live_blocks, SLOTS + 1);
    for (unsigned i = 0; i <= SLOTS; i++)
        CHECK_EQ(cairn_heap_free(HEAP, blocks[i]), CAIRN_OK);
    pages.is_refusing = true;
    for (unsigned i = 0; i <= SLOTS; i++) {
        blocks[0] = cairn_heap_alloc_aligned(HEAP, 64, 32, 0);
        CHECK(blocks[0] != NULL && !is_guarded(blocks[0]));
        CHECK_EQ(cairn_heap_free(HEAP, blocks[0]), CAIRN_OK);
    }
    pages.is_refusing = false;
    blocks[0] = get_guarded(64);
    CHECK_EQ(cairn_heap_free(HEAP, blocks[0]), CAIRN_OK);
    heap_build_end();
}

/* The wrong frees of a guarded block; then the right one. */
CAIRN_TEST(G13_guards_notice_wrong_frees_at_every_level)
{
    prepare();
    for (unsigned level = 0; level < CAIRN_HEAP_LEVEL_COUNT; level++) {
        struct cairn_heap_finding last = {0};
        uint8_t *block;
        uint8_t *guard;

        start((enum cairn_heap_level)level);
        block = get_guarded(200);
        guard = (uint8_t *)((uintptr_t)block & ~(uintptr_t)(PAGE - 1)) - PAGE;
        CHECK_EQ(cairn_heap_free(HEAP, block + 16), CAIRN_NOT_FIRST);
        CHECK_EQ(cairn_heap_free(HEAP, guard), CAIRN_NOT_MEMORY);
        CHECK_EQ(cairn_heap_free(HEAP, guard + 3 * PAGE), CAIRN_NOT_MEMORY);
        CHECK_EQ(cairn_heap_free_sized(HEAP, block, 199), CAIRN_WRONG_SIZE);
        CHECK(cairn_heap_realloc(HEAP, block + 16, 9) == NULL);
        CHECK_EQ(cairn_heap_free_sized(HEAP, block, 200), CAIRN_OK);
        CHECK_EQ(cairn_heap_free_at(HEAP, block, 5), CAIRN_DOUBLE_FREE);
        CHECK(cairn_heap_realloc(HEAP, block, 9) == NULL);
        CHECK_EQ(cairn_heap_findings(HEAP, &last), 7);
        CHECK_EQ(last.status, CAIRN_DOUBLE_FREE);
        CHECK_EQ(last.block, (uintptr_t)block);
        CHECK_EQ(last.size, 200);
        heap_build_end();
    }
}

/* Inside of the page nothing faults: it is noticed when the block is freed. */
CAIRN_TEST(G13_guards_notice_writes_around_a_block)
{
    begin(CAIRN_HEAP_CHECKED, 1);
    for (unsigned i = 0; i < 32; i++) {
        uint8_t *block = get_guarded(100);
        bool is_at_start = (uintptr_t)block % PAGE == 0;

        block[is_at_start ? 100 : -1] ^= 1;
        CHECK_EQ(cairn_heap_check(HEAP), 93);
        CHECK_EQ(cairn_heap_free(HEAP, block),
                 is_at_start ? CAIRN_OVERRUN : CAIRN_UNDERRUN);
    }
    heap_build_end();
}

CAIRN_TEST(J4_guarded_blocks_are_resized_by_moving)
{
    uint8_t *block;
    uint8_t *other;

    begin(CAIRN_HEAP_CHECKED, 1);
    block = get_guarded(100);
    memset(block, 9, 100);
    other = cairn_heap_realloc(HEAP, block, 300);
    CHECK(other != NULL && other != block);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(other[i], 9);
    CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_DOUBLE_FREE);
    CHECK_EQ(cairn_heap_free(HEAP, other), CAIRN_OK);
    heap_build_end();
}

static void explain(const uint8_t *address, enum cairn_status status,
                    const uint8_t *block)
{
    struct cairn_heap_finding finding = {0};

    CHECK(cairn_heap_guard_explain(HEAP, (uintptr_t)address, &finding));
    CHECK_EQ(finding.status, status);
    CHECK_EQ(finding.block, (uintptr_t)block);
    CHECK_EQ(finding.address, (uintptr_t)address);
}

CAIRN_TEST(J4_faults_in_guards_are_explained)
{
    struct cairn_heap_finding finding;
    uint8_t *end = pages.memory;
    uint8_t *block;

    begin(CAIRN_HEAP_CHECKED, 1);
    end = pages.memory + (2 * SLOTS + 1) * PAGE;
    explain(pages.memory, CAIRN_NOT_MEMORY, NULL);
    explain(end - 1, CAIRN_NOT_MEMORY, NULL);
    CHECK(!cairn_heap_guard_explain(HEAP, (uintptr_t)end, &finding));
    CHECK(
        !cairn_heap_guard_explain(HEAP, (uintptr_t)pages.memory - 1, &finding));
    block = get_guarded(4096);
    explain(block - 1, CAIRN_UNDERRUN, block);
    explain(block + 4096, CAIRN_OVERRUN, block);
    explain(block + 4096 + 4095, CAIRN_OVERRUN, block);
    explain(block + 8192 + 100, CAIRN_NOT_MEMORY, NULL);
    explain(block, CAIRN_OK, block);
    CHECK_EQ(cairn_heap_free_at(HEAP, block, 0x222), CAIRN_OK);
    explain(block, CAIRN_USED_AFTER_FREE, block);
    explain(block + 4095, CAIRN_USED_AFTER_FREE, block);
    explain(block + 4096, CAIRN_OVERRUN, block);
    CHECK(cairn_heap_guard_explain(HEAP, (uintptr_t)block, &finding));
    CHECK_EQ(finding.free_site, 0x222);
    heap_build_end();
    memset(&heap_build.heap, 0, sizeof(heap_build.heap));
    CHECK(!cairn_heap_guard_explain(HEAP, 0, &finding));
}

/* Between two blocks the nearer one is blamed. */
CAIRN_TEST(J4_a_guard_belongs_to_the_nearer_block)
{
    uint8_t *low;
    uint8_t *high;

    begin(CAIRN_HEAP_CHECKED, 1);
    low = get_guarded(4096);
    high = get_guarded(4096);
    CHECK(high == low + 2 * PAGE);
    explain(low + 4096 + 100, CAIRN_OVERRUN, low);
    explain(high - 100, CAIRN_UNDERRUN, high);
    CHECK_EQ(cairn_heap_free(HEAP, low), CAIRN_OK);
    CHECK_EQ(cairn_heap_free(HEAP, high), CAIRN_OK);
    heap_build_end();
}

static bool starts_with(struct cairn_heap_guards wrong)
{
    heap_build.config.guards = &wrong;
    return heap_build_start();
}

CAIRN_TEST(heap_guard_settings_are_checked)
{
    struct cairn_heap_guards wrong;

    prepare();
    wrong = guards;
    wrong.slots = 0;
    CHECK(!starts_with(wrong));
    wrong.slots = CAIRN_HEAP_GUARD_SLOTS_MAX + 1;
    CHECK(!starts_with(wrong));
    wrong = guards;
    wrong.start++;
    CHECK(!starts_with(wrong));
    wrong = guards;
    wrong.map = NULL;
    CHECK(!starts_with(wrong));
    wrong = guards;
    wrong.unmap = NULL;
    CHECK(!starts_with(wrong));
    heap_build.config.guard_every = UINT32_MAX;
    CHECK(!starts_with(guards));
    heap_build.config.guard_every = 0;
    wrong.slots = 0;
    CHECK(starts_with(wrong)); /* which are not used */
    heap_build_end();
}

static void look(void *context, const struct cairn_heap_site *site)
{
    unsigned *count = context;

    CHECK_EQ(site->site, 0x111);
    CHECK_EQ(site->blocks, 2);
    CHECK_EQ(site->bytes, 64 + 4000);
    CHECK_EQ(site->sequence, 1);
    (*count)++;
}

CAIRN_TEST(G15_guarded_blocks_have_sites_at_every_level)
{
    prepare();
    for (unsigned level = 0; level < CAIRN_HEAP_LEVEL_COUNT; level++) {
        unsigned count = 0;
        uint8_t *small;
        uint8_t *large;

        start((enum cairn_heap_level)level);
        small = get(64);
        large = get(4000);
        CHECK(is_guarded(small) && is_guarded(large));
        cairn_heap_leaks(HEAP, look, &count);
        CHECK_EQ(count, 1);
        CHECK_EQ(cairn_heap_free(HEAP, small), CAIRN_OK);
        CHECK_EQ(cairn_heap_free(HEAP, large), CAIRN_OK);
        heap_build_end();
    }
}
