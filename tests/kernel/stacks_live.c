/*
 * stacks_live.c - the kernel's stacks and areas: guards, and frames that come
 * when they are touched.
 */
#include "cpu/cpu.h"
#include "cpu/fault.h"
#include "cpu/probe.h"
#include "harness/test.h"
#include "kernel.h"
#include "kernel/space.h"
#include "layout.h"
#include "monitor/text.h"
#include "stacks.h"

#define FRAMES (&kernel.frames)

/* In entry.S: the first one. */
extern const char boot_stack[];
extern const char boot_stack_top[];

/* Neither end can be touched, and the guard tells whose it is. */
static void check_guards(const struct cairn_area_info *stack)
{
    uint64_t below = stack->start.value - 1;
    uint64_t above = stack->start.value + stack->bytes;
    struct cairn_area_info guard;
    struct probe_fault fault;
    uint8_t value;

    CHECK(!probe_write((uintptr_t)below, 1, &fault));
    CHECK_EQ(fault.address, below);
    CHECK(cairn_areas_find(&kernel.stack_areas, cairn_va_make(below), &guard));
    CHECK_EQ(guard.part, CAIRN_AREA_GUARD_BELOW);
    CHECK(text_is_equal(guard.name, stack->name));
    CHECK(!probe_read((uintptr_t)above, &value, &fault));
    CHECK_EQ(fault.address, above);
    CHECK(cairn_areas_find(&kernel.stack_areas, cairn_va_make(above), &guard));
    CHECK_EQ(guard.part, CAIRN_AREA_GUARD_ABOVE);
}

CAIRN_TEST(H1_H3_live_this_code_runs_on_a_stack_with_guards)
{
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    struct cairn_area_info stack;

    CHECK(cairn_areas_find(&kernel.stack_areas, cairn_va_make(here), &stack));
    CHECK_EQ(stack.part, CAIRN_AREA_BODY);
    CHECK_EQ(stack.kind, CAIRN_AREA_STACK);
    CHECK_EQ(stack.bytes, CAIRN_STACK_BYTES);
    CHECK(text_is_equal(stack.name, "kernel"));
    check_guards(&stack);
}

/* 64 KiB, top aligned, P|RW|G|NX throughout, and verified before it is used. */
CAIRN_TEST(H3_live_the_kernels_stack_is_verified_before_it_is_entered)
{
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    struct cairn_stack stack;
    enum cairn_area_part part;
    struct cairn_mapping page;

    CHECK(
        cairn_stacks_find(&kernel.stacks, cairn_va_make(here), &stack, &part));
    CHECK_EQ(stack.bytes, 64 * CAIRN_KIB);
    CHECK_EQ(stack.top.value & 15, 0);
    CHECK_EQ(stack.top.value >> 63, 1);
    for (uint64_t at = 0; at < stack.bytes; at += CAIRN_FRAME_SIZE) {
        CHECK(cairn_map_look(&kernel.table,
                             cairn_va_make(stack.bottom.value + at), &page));
        CHECK_EQ(page.rights,
                 space_rights(CAIRN_PAGE_WRITE | CAIRN_PAGE_GLOBAL));
    }
    stacks_verify(&stack);
    stack.bottom.value -= CAIRN_FRAME_SIZE;
    CHECK_PANIC(stacks_verify(&stack), "not all of it is mapped");
    stack.bottom.value += CAIRN_FRAME_SIZE;
    stack.top.value -= 8;
    CHECK_PANIC(stacks_verify(&stack), "not all of it is mapped");
    CHECK_EQ(boot_stack_top - boot_stack, 64 * CAIRN_KIB);
    CHECK_EQ((uintptr_t)boot_stack_top & 15, 0);
}

/* All stacks of exceptions are there, by name. */
CAIRN_TEST(H4_I3_live_stacks_of_exceptions_have_guards)
{
    unsigned named = 0;
    struct cairn_area_info stack;
    cairn_va at = {0};

    while (cairn_areas_next(&kernel.stack_areas, at, &stack)) {
        for (unsigned i = 0; i < CPU_STACK_COUNT; i++)
            named += text_is_equal(stack.name, cpu_stack_name(i));
        check_guards(&stack);
        at.value = stack.start.value + stack.bytes + stack.guard_above;
    }
    CHECK_EQ(named, CPU_STACK_COUNT);
    CHECK_EQ(cairn_areas_check(&kernel.stack_areas), 0);
}

CAIRN_TEST(H2_live_stacks_come_and_go)
{
    uint64_t before;
    struct cairn_stack stack;
    uint64_t used;

    (void)cairn_stacks_drain(&kernel.stacks);
    before = space_frames_free();
    CHECK_EQ(cairn_stack_alloc(&kernel.stacks, 32 * CAIRN_KIB, "test", &stack),
             CAIRN_OK);
    CHECK_EQ(stack.top.value % 16, 0);
    *(volatile uint64_t *)(uintptr_t)(stack.top.value - 4096) = 1;
    CHECK_EQ(cairn_stack_used(&kernel.stacks, &stack, &used), CAIRN_OK);
    CHECK_EQ(used, 4096);
    CHECK_EQ(cairn_stack_free(&kernel.stacks, &stack), CAIRN_OK);
    CHECK_EQ(cairn_stack_free(&kernel.stacks, &stack), CAIRN_DOUBLE_FREE);
    CHECK(cairn_stacks_drain(&kernel.stacks) > 0);
    CHECK(space_frames_free() + 8 >= before); /* but for the books */
}

/* With nokaslr, the lowest place that is free. */
CAIRN_TEST(H7_live_stacks_lie_anywhere)
{
    struct cairn_stack stack;
    uint64_t room = cairn_layout_find(&kernel.layout, "stacks")->span.bytes;
    uint64_t first = 0;
    uint64_t differ = 0;

    for (unsigned i = 0; i < 16; i++) {
        (void)cairn_stacks_drain(&kernel.stacks);
        CHECK_EQ(cairn_stack_alloc(&kernel.stacks, 0, "random", &stack),
                 CAIRN_OK);
        first = i == 0 ? stack.bottom.value : first;
        differ |= stack.bottom.value ^ first;
        CHECK_EQ(cairn_stack_free(&kernel.stacks, &stack), CAIRN_OK);
    }
    (void)cairn_stacks_drain(&kernel.stacks);
    if (!layout_does_slide())
        CHECK_EQ(differ, 0);
    else /* far from each other */
        CHECK(differ > room / 64 && (differ >> 12 & 0xffff) != 0);
    CHECK_EQ(differ & (CAIRN_FRAME_SIZE - 1), 0);
}

/* How deep each was used, and none beyond its size (I3). */
CAIRN_TEST(H4_live_the_stacks_of_exceptions_suffice)
{
    uint64_t faults = 0;
    struct cairn_area_info info;
    struct cairn_stack stack;
    enum cairn_area_part part;
    cairn_va at = {0};
    struct probe_fault fault;
    uint8_t value;

    CHECK(!probe_read(0, &value, &fault));
    while (cairn_areas_next(&kernel.stack_areas, at, &info)) {
        uint64_t used;

        CHECK(cairn_stacks_find(&kernel.stacks, info.start, &stack, &part));
        CHECK_EQ(cairn_stack_used(&kernel.stacks, &stack, &used), CAIRN_OK);
        CHECK(used < stack.bytes);
        if (text_is_equal(info.name, "#PF"))
            faults = used;
        at.value = info.start.value + info.bytes + info.guard_above;
    }
    CHECK(faults > 0);
}

/* Twice as large as memory, touched here and there. */
CAIRN_TEST(F21_I4_live_areas_may_be_larger_than_memory)
{
    struct cairn_frames_stats stats;
    struct cairn_area_request request = {
        .kind = CAIRN_AREA_LAZY,
        .rights = CAIRN_PAGE_WRITE,
        .owner = CAIRN_OWNER_KERNEL,
        .name = "larger than memory",
    };
    uint64_t filled = fault_filled();
    uint64_t before = space_frames_free();
    uint64_t aside = kernel.table.aside_count;
    uint64_t touched = 0;
    struct cairn_area *area;
    struct probe_fault fault;
    uint8_t value;

    cairn_frames_stats(FRAMES, &stats);
    request.bytes = 2 * stats.total_frames << CAIRN_FRAME_SHIFT;
    CHECK_EQ(cairn_area_alloc(&kernel.areas, &request, &area), CAIRN_OK);
    for (uint64_t at = 0; at < request.bytes; at += request.bytes / 64) {
        volatile uint8_t *byte =
            (uint8_t *)(uintptr_t)((area->start.value + at) & ~(uint64_t)4095);

        CHECK_EQ(byte[5], 0);
        byte[5] = 7;
        CHECK_EQ(byte[5], 7);
        touched++;
    }
    CHECK_EQ(area->frame_count, touched);
    CHECK_EQ(fault_filled(), filled + touched);
    CHECK(before - space_frames_free() >= touched);
    /* Its rights hold. */
    CHECK(!probe_exec((uintptr_t)area->start.value, &fault));
    CHECK_EQ(fault.vector, 14);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    CHECK(!probe_read((uintptr_t)request.bytes, &value, &fault));
    /* All but what the page table keeps for its next tables, and books. */
    CHECK(space_frames_free() + (kernel.table.aside_count - aside) + 8 >=
          before);
}
