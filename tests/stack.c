/*
 * stack.c - kernel stacks on a page table that no CPU has loaded.
 */
#include "areas_build.h"
#include <cairn/stack.h>

#define PAGE ((uint64_t)CAIRN_FRAME_SIZE)

static struct cairn_stacks stacks;
static struct cairn_stack stack;

static void start(const struct cairn_stacks_config *config)
{
    areas_start(AREAS_BASE, CAIRN_GIB);
    CHECK_EQ(cairn_stacks_init(&stacks, &areas.set, config), CAIRN_OK);
}

static void end(void)
{
    (void)cairn_stacks_drain(&stacks);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_STACK), 0);
    CHECK_EQ(areas_stats().used_bytes, 0);
    areas_end();
}

static enum cairn_status alloc(uint64_t bytes)
{
    return cairn_stack_alloc(&stacks, bytes, "test", &stack);
}

static enum cairn_status release(void)
{
    return cairn_stack_free(&stacks, &stack);
}

/* ---- Shape --------------------------------------------------------------- */

CAIRN_TEST(H1_a_stack_has_64_KiB_and_guards)
{
    struct cairn_mapping mapping;

    start(NULL);
    CHECK_EQ(alloc(0), CAIRN_OK);
    CHECK_EQ(stack.bytes, 64 * CAIRN_KIB);
    CHECK_EQ(stack.top.value - stack.bottom.value, stack.bytes);
    CHECK_EQ(stack.top.value & 15, 0);
    CHECK_EQ(stack.guard_below.value, stack.bottom.value - PAGE);
    CHECK_EQ(stack.guard_above.value, stack.top.value);
    CHECK(!cairn_is_mapped(&areas.table, stack.guard_below));
    CHECK(!cairn_is_mapped(&areas.table, stack.guard_above));
    for (uint64_t i = 0; i < stack.bytes; i += PAGE) {
        CHECK(cairn_map_look(&areas.table,
                             cairn_va_make(stack.bottom.value + i), &mapping));
        CHECK(mapping.is_mapped);
        CHECK_EQ(mapping.rights, CAIRN_PAGE_WRITE); /* not executable */
    }
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_STACK), 16);
    CHECK_EQ(release(), CAIRN_OK);
    CHECK(!cairn_is_mapped(&areas.table, stack.bottom));
    end();
}

CAIRN_TEST(H1_neighbours_do_not_share_what_is_mapped)
{
    struct cairn_stack other;

    start(NULL);
    CHECK_EQ(alloc(PAGE), CAIRN_OK);
    CHECK_EQ(cairn_stack_alloc(&stacks, PAGE, "other", &other), CAIRN_OK);
    CHECK_EQ(other.guard_below.value, stack.guard_above.value + PAGE);
    CHECK_EQ(cairn_stack_free(&stacks, &other), CAIRN_OK);
    CHECK_EQ(release(), CAIRN_OK);
    end();
}

CAIRN_TEST(H2_sizes_are_whole_pages)
{
    static const uint64_t bad[] = {1,     4095,       4097,
                                   65535, UINT64_MAX, UINT64_MAX - 4095};

    start(NULL);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(alloc(bad[i]), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(alloc(2 * CAIRN_GIB), CAIRN_NO_SPACE);
    CHECK_EQ(alloc(CAIRN_GIB), CAIRN_NO_SPACE); /* no room for guards */
    CHECK_EQ(areas_stats().used_bytes, 0);
    end();
}

CAIRN_TEST(H5_stacks_of_other_sizes)
{
    static const uint64_t sizes[] = {PAGE, 8 * CAIRN_KIB, 16 * CAIRN_KIB,
                                     32 * CAIRN_KIB, 64 * CAIRN_KIB};

    start(NULL);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CHECK_EQ(alloc(sizes[i]), CAIRN_OK);
        CHECK_EQ(stack.bytes, sizes[i]);
        CHECK_EQ(areas_owner_frames(CAIRN_OWNER_STACK), sizes[i] / PAGE);
        CHECK_EQ(release(), CAIRN_OK);
    }
    end();
}

static uint64_t draw(void *context)
{
    ++*(unsigned *)context;
    return test_random();
}

CAIRN_TEST(H7_the_base_is_random)
{
    unsigned draws = 0;
    struct cairn_stacks_config config = {.draw = draw, .context = &draws};
    uint64_t bits = 0;
    uint64_t first;

    start(&config);
    CHECK_EQ(alloc(PAGE), CAIRN_OK);
    first = stack.bottom.value;
    CHECK_EQ(release(), CAIRN_OK);
    for (unsigned i = 0; i < 100; i++) {
        CHECK_EQ(alloc(PAGE), CAIRN_OK);
        bits |= stack.bottom.value ^ first;
        CHECK_EQ(stack.top.value & 15, 0);
        CHECK_EQ(release(), CAIRN_OK);
    }
    CHECK(draws >= 101);
    CHECK_EQ(bits, 0x3ffff000); /* every bit that could differ */
    end();
}

/* ---- Free ---------------------------------------------------------------- */

CAIRN_TEST(H2_what_is_freed_is_freed_once)
{
    struct cairn_stack wrong = {.area = NULL};
    struct cairn_stack stale;

    start(NULL);
    CHECK_EQ(cairn_stack_free(&stacks, &wrong), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(alloc(PAGE), CAIRN_OK);
    wrong = stack;
    wrong.bottom.value += PAGE;
    CHECK_EQ(cairn_stack_free(&stacks, &wrong), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(release(), CAIRN_OK);
    CHECK_EQ(release(), CAIRN_DOUBLE_FREE);
    stale = stack;
    CHECK_EQ(alloc(PAGE), CAIRN_OK);
    CHECK_EQ(stale.bottom.value, stack.bottom.value);
    CHECK_EQ(cairn_stack_free(&stacks, &stale), CAIRN_DOUBLE_FREE);
    CHECK(cairn_is_mapped(&areas.table, stack.bottom));
    CHECK_EQ(release(), CAIRN_OK);
    end();
}

/* A failed allocation leaves nothing: no frame, no mapping, no address. */
CAIRN_TEST(H2_a_stack_that_fails_in_the_middle_leaves_nothing)
{
    unsigned failures = 0;
    uint64_t frames;

    start(NULL);
    for (unsigned left = 0;; left++) {
        areas_leave(left);
        stack.bytes = 77;
        if (alloc(0) == CAIRN_OK)
            break;
        CHECK_EQ(alloc(0), CAIRN_NO_MEMORY);
        CHECK_EQ(stack.bytes, 77);
        CHECK_EQ(areas_owner_frames(CAIRN_OWNER_STACK), 0);
        CHECK_EQ(areas_stats().used_bytes, 0);
        CHECK_EQ(areas.table.table_count, 1);
        CHECK(!cairn_is_mapped(&areas.table, cairn_va_make(AREAS_BASE + PAGE)));
        areas_verify();
        failures++;
    }
    CHECK(failures >= 16);
    CHECK_EQ(release(), CAIRN_OK);
    /* From now on, nothing stays behind at all. */
    areas_give_back();
    frames = areas_free_frames();
    CHECK_EQ(alloc(0), CAIRN_OK);
    CHECK_EQ(release(), CAIRN_OK);
    CHECK_EQ(areas_free_frames(), frames);
    end();
}

/* ---- The cache ----------------------------------------------------------- */

CAIRN_TEST(H2_freed_stacks_wait_for_their_next_use)
{
    struct cairn_stacks_config config = {.cache_limit = 2};
    struct cairn_stack all[3];
    struct cairn_stack found;
    enum cairn_area_part part;

    start(&config);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(cairn_stack_alloc(&stacks, (1 + i % 2) * PAGE, "old", &all[i]),
                 CAIRN_OK);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(cairn_stack_free(&stacks, &all[i]), CAIRN_OK);
    /* The third found no room. */
    CHECK(!cairn_is_mapped(&areas.table, all[2].bottom));
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_STACK), 3);
    CHECK_EQ(cairn_stack_free(&stacks, &all[0]), CAIRN_DOUBLE_FREE);
    CHECK_EQ(cairn_areas_free(&areas.set, all[0].bottom, PAGE), CAIRN_IN_USE);
    CHECK_EQ(cairn_stack_alloc(&stacks, 2 * PAGE, "new", &stack), CAIRN_OK);
    CHECK_EQ(stack.bottom.value, all[1].bottom.value);
    CHECK(cairn_stacks_find(&stacks, stack.bottom, &found, &part));
    CHECK_TEXT(found.area->name, "new");
    CHECK_EQ(cairn_stack_free(&stacks, &all[1]), CAIRN_DOUBLE_FREE);
    CHECK_EQ(cairn_stacks_drain(&stacks), 1);
    CHECK_EQ(cairn_stacks_drain(&stacks), 0);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_STACK), 2);
    CHECK_EQ(release(), CAIRN_OK);
    end();
}

CAIRN_TEST(H2_stacks_that_wait_are_given_up_when_memory_is_out)
{
    struct cairn_stacks_config config = {.cache_limit = 4};

    start(&config);
    CHECK_EQ(alloc(8 * PAGE), CAIRN_OK);
    areas_leave(0);
    CHECK_EQ(release(), CAIRN_OK);
    CHECK_EQ(alloc(4 * PAGE), CAIRN_OK);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_STACK), 4);
    CHECK_EQ(release(), CAIRN_OK);
    end();
}

CAIRN_TEST(H2_a_configuration_that_makes_no_sense)
{
    struct cairn_stacks_config config = {.cache_limit =
                                             CAIRN_STACK_CACHE_MAX + 1};
    struct cairn_areas other;

    start(NULL);
    CHECK_EQ(cairn_stacks_init(&stacks, &areas.set, &config),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_areas_init(&other, cairn_span_make(AREAS_BASE, PAGE),
                              &areas.table, NULL),
             CAIRN_OK);
    CHECK_EQ(cairn_stacks_init(&stacks, &other, NULL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_areas_destroy(&other), CAIRN_OK);
    areas_end();
}

/* ---- Questions ----------------------------------------------------------- */

static void push(uint64_t depth, uint64_t value)
{
    cairn_va va = cairn_va_make(stack.top.value - depth);
    cairn_phys phys;
    uint64_t *word;

    CHECK(cairn_pagetable_translate(&areas.table, va, &phys));
    word = cairn_platform_phys_to_virt(phys, sizeof(*word));
    CHECK(word != NULL);
    *word = value;
}

CAIRN_TEST(H2_how_deep_a_stack_was_used)
{
    struct cairn_stacks_config config = {.cache_limit = 1, .is_measured = true};
    static const uint64_t depths[] = {8, 16, 4096, 4104, 20000, 32768};
    uint64_t used = 1;

    start(&config);
    for (unsigned round = 0; round < 2; round++) {
        CHECK_EQ(alloc(8 * PAGE), CAIRN_OK);
        CHECK_EQ(cairn_stack_used(&stacks, &stack, &used), CAIRN_OK);
        CHECK_EQ(used, 0);
        for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
            push(depths[i], round + 1);
            CHECK_EQ(cairn_stack_used(&stacks, &stack, &used), CAIRN_OK);
            CHECK_EQ(used, depths[i]);
        }
        CHECK_EQ(release(), CAIRN_OK); /* comes again from the cache */
        CHECK_EQ(cairn_stack_used(&stacks, &stack, &used), CAIRN_BAD_ARGUMENT);
    }
    end();
}

CAIRN_TEST(H2_nobody_measures_unless_asked_to)
{
    uint64_t used;

    start(NULL);
    CHECK_EQ(alloc(PAGE), CAIRN_OK);
    CHECK_EQ(cairn_stack_used(&stacks, &stack, &used), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(release(), CAIRN_OK);
    end();
}

CAIRN_TEST(J4_a_stack_is_found_by_any_address)
{
    struct cairn_area_request request = {.kind = CAIRN_AREA_HEAP};
    struct cairn_area *heap;
    struct cairn_stack found;
    enum cairn_area_part part;

    start(NULL);
    heap = areas_alloc(PAGE, request);
    CHECK_EQ(cairn_stack_alloc(&stacks, PAGE, "shell", &stack), CAIRN_OK);
    CHECK(!cairn_stacks_find(&stacks, heap->start, &found, &part));
    CHECK(cairn_stacks_find(&stacks, stack.guard_below, &found, &part));
    CHECK_EQ(part, CAIRN_AREA_GUARD_BELOW);
    CHECK_EQ(found.bottom.value, stack.bottom.value);
    CHECK_EQ(found.top.value, stack.top.value);
    CHECK_TEXT(found.area->name, "shell");
    CHECK(cairn_stacks_find(&stacks, stack.bottom, &found, &part));
    CHECK_EQ(part, CAIRN_AREA_BODY);
    CHECK(cairn_stacks_find(&stacks, stack.top, &found, &part));
    CHECK_EQ(part, CAIRN_AREA_GUARD_ABOVE);
    CHECK(!cairn_stacks_find(&stacks, cairn_va_make(stack.top.value + PAGE),
                             &found, &part));
    CHECK_EQ(cairn_area_free(heap, NULL, NULL), CAIRN_OK);
    CHECK_EQ(release(), CAIRN_OK);
    end();
}
