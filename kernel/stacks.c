/*
 * stacks.c - the kernel's areas and stacks; see stacks.h.
 *
 * HOW    Areas and stacks lie in different ranges of the layout, each with a
 *        place of its own; what else is inside of one of these ranges, as in
 *        layouts of other systems, is in use there.  The first stacks are in
 *        .bss: that of the boot, and those of exceptions, until there are
 *        frames for better ones.
 */
#include "stacks.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel.h"
#include "layout.h"
#include "platform.h"
#include <cairn/map.h>

#define STACKS_THAT_WAIT 8

static void start_areas(struct cairn_areas *areas, const char *range)
{
    const struct cairn_layout_range *where =
        cairn_layout_find(&kernel.layout, range);

    if (where == NULL)
        kernel_panic("the layout has no place for %s", range);
    kernel_require(
        cairn_areas_init(areas, where->span, &kernel.table, &kernel.frames),
        range);
    for (size_t i = 0; i < kernel.layout.count; i++) {
        if (kernel.layout.ranges[i].outer == where)
            kernel_require(
                cairn_areas_reserve(areas, kernel.layout.ranges[i].span),
                range);
    }
}

/* The kernel's own, for when the set may not be looked at. */
static struct cairn_stack own[CPU_STACK_COUNT + 1];
static unsigned own_count;

static struct cairn_stack make_stack(const char *name)
{
    struct cairn_stack stack;

    kernel_require(cairn_stack_alloc(&kernel.stacks, 0, name, &stack), name);
    if (own_count < sizeof(own) / sizeof(own[0]))
        own[own_count++] = stack;
    return stack;
}

const struct cairn_stack *stacks_look(uint64_t address)
{
    for (unsigned i = 0; i < own_count; i++) {
        uint64_t end = own[i].guard_above.value + CAIRN_AREA_GUARD;

        if (address >= own[i].guard_below.value && address < end)
            return &own[i];
    }
    return NULL;
}

void stacks_start(void)
{
    const struct cairn_stacks_config config = {
        .cache_limit = STACKS_THAT_WAIT,
        .is_measured = true,
        .draw = layout_does_slide() ? cairn_entropy_draw : NULL,
        .context = &kernel.entropy,
    };

    start_areas(&kernel.areas, "areas");
    start_areas(&kernel.stack_areas, "stacks");
    kernel_require(
        cairn_stacks_init(&kernel.stacks, &kernel.stack_areas, &config),
        "stacks");
    for (unsigned i = 0; i < CPU_STACK_COUNT; i++)
        cpu_set_stack(i, make_stack(cpu_stack_name(i)).top.value,
                      CAIRN_STACK_BYTES);
}

void stacks_verify(const struct cairn_stack *stack)
{
    if ((stack->top.value & 15) != 0 ||
        !cairn_range_has_rights(&kernel.table, stack->bottom, stack->bytes,
                                CAIRN_PAGE_WRITE))
        kernel_panic("stack: not all of it is mapped and writable");
}

_Noreturn void stacks_enter(void (*entry)(void))
{
    struct cairn_stack stack = make_stack("kernel");

    stacks_verify(&stack);
    insn_enter_stack(stack.top.value, entry);
}
