/*
 * entropy_live.c - random numbers and the layout of the running kernel.
 */
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/random.h"
#include "harness/test.h"
#include "kernel.h"
#include "layout.h"
#include "platform.h"

#define PRESENT      ((uint64_t)1 << 0)
#define LARGE        ((uint64_t)1 << 7)
#define ADDRESS      ((uint64_t)0x000ffffffffff000)
#define NUMBERS      1000
#define LOADER_PAGES 1 /* low, left over from the hand-off */

static struct cairn_entropy entropy;

static bool has_rdrand(void)
{
    return (insn_cpuid(1, 0).ecx >> 30 & 1) != 0;
}

/* 64000 bits: 1000 more or less of one kind are eight standard deviations. */
static void check_numbers(void)
{
    static uint64_t numbers[NUMBERS];
    unsigned ones = 0;

    for (unsigned i = 0; i < NUMBERS; i++) {
        numbers[i] = cairn_entropy_draw(&entropy);
        for (uint64_t rest = numbers[i]; rest != 0; rest &= rest - 1)
            ones++;
        for (unsigned j = 0; j < i; j++)
            CHECK(numbers[i] != numbers[j]);
    }
    CHECK(ones > 31000 && ones < 33000);
}

CAIRN_TEST(J3_live_numbers_of_the_CPU_differ)
{
    struct cairn_entropy_source source = random_source();
    uint64_t value = 0;
    uint64_t last = 0;

    CHECK_EQ(source.read != NULL, has_rdrand());
    cairn_entropy_init(&entropy, &source, &last, 1);
    CHECK_EQ(entropy.state,
             has_rdrand() ? CAIRN_ENTROPY_GOOD : CAIRN_ENTROPY_ABSENT);
    check_numbers();
    for (unsigned i = 0; i < NUMBERS && has_rdrand(); i++) {
        CHECK(source.read(source.context, &value));
        CHECK(value != last && value != 0 && value != UINT64_MAX);
        last = value;
    }
}

CAIRN_TEST(J3_live_kernel_has_the_source_that_it_says)
{
    enum cairn_entropy_state state =
        has_rdrand() ? CAIRN_ENTROPY_GOOD : CAIRN_ENTROPY_ABSENT;

    if (kernel.has_seed)
        state = CAIRN_ENTROPY_FIXED;
    CHECK_EQ(kernel.entropy.state, state);
    CHECK(cairn_entropy_draw(&kernel.entropy) !=
          cairn_entropy_draw(&kernel.entropy));
}

/* ---- The layout and the page tables -------------------------------------- */

static unsigned strangers; /* leaves outside of the layout, in the lower half */
static const struct cairn_layout_range *sliding[2];

/* What is mapped there belongs to an area. */
static void check_area(struct cairn_areas *areas, uint64_t va)
{
    struct cairn_area_info area;

    CHECK(cairn_areas_find(areas, cairn_va_make(va), &area));
    CHECK_EQ(area.part, CAIRN_AREA_BODY);
}

static void check_leaf(uint64_t va, uint64_t bytes)
{
    const struct cairn_layout_range *range =
        cairn_layout_at(&kernel.layout, cairn_va_make(va));

    if (range == NULL && va >> 63 == 0) {
        CHECK_EQ(bytes, CAIRN_FRAME_SIZE);
        strangers++;
        return;
    }
    CHECK(range != NULL);
    CHECK(va - range->span.start.value < range->span.bytes);
    if (range == sliding[0])
        check_area(&kernel.areas, va);
    if (range == sliding[1])
        check_area(&kernel.stack_areas, va);
}

/* All leaves below the table at `phys`, which maps addresses from `va` on. */
static void check_table(uint64_t phys, unsigned level, uint64_t va)
{
    const uint64_t *table =
        cairn_platform_phys_to_virt(cairn_phys_make(phys), 4096);
    unsigned shift = 12 + 9 * (level - 1);
    bool is_root = (va & 1) != 0;

    CHECK(table != NULL);
    va &= ~(uint64_t)1;
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t at = va + (i << shift);

        if (is_root && i >= 256)
            at |= UINT64_MAX << (shift + 9);
        if ((table[i] & PRESENT) == 0)
            continue;
        if (level == 1 || (table[i] & LARGE) != 0)
            check_leaf(at, (uint64_t)1 << shift);
        else
            check_table(table[i] & ADDRESS, level - 1, at);
    }
}

CAIRN_TEST(F1_live_all_that_is_mapped_is_in_the_layout)
{
    bool has_5_levels = cpu_paging_mode() == CAIRN_PAGING_5LEVEL;

    CHECK_EQ(cairn_layout_check(&kernel.layout), 0);
    sliding[0] = cairn_layout_find(&kernel.layout, "areas");
    sliding[1] = cairn_layout_find(&kernel.layout, "stacks");
    CHECK(sliding[0] != NULL && sliding[1] != NULL);
    strangers = 0;
    check_table(insn_read_cr3() & ADDRESS, has_5_levels ? 5 : 4, 1);
    CHECK(strangers <= LOADER_PAGES);
    CHECK_TEXT(
        cairn_layout_at(&kernel.layout, cairn_va_make((uintptr_t)check_table))
            ->name,
        "code");
    CHECK_TEXT(
        cairn_layout_at(&kernel.layout, cairn_va_make((uintptr_t)&entropy))
            ->name,
        "data");
}

/* Places of areas and stacks: as many as there should be, or at home. */
CAIRN_TEST(J3_live_areas_and_stacks_are_random)
{
    const struct cairn_layout_range *areas =
        cairn_layout_find(&kernel.layout, "areas");
    const struct cairn_layout_range *stacks =
        cairn_layout_find(&kernel.layout, "stacks");

    if (!layout_does_slide()) {
        CHECK_EQ(areas->places, 1);
        CHECK_EQ(cairn_layout_entropy(stacks), 0);
        CHECK_EQ(areas->span.start.value, areas->home.value);
        return;
    }
    CHECK_EQ(areas->places, 16385);
    /* 64 MiB in the last 2 GiB, with something in between; or own ones. */
    if (kernel.system != NULL)
        CHECK(cairn_layout_entropy(stacks) >= 1800);
    else
        CHECK_EQ(cairn_layout_entropy(stacks), 3199);
}
