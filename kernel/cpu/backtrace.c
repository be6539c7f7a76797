/*
 * backtrace.c - who called whom, along the chain of frame pointers.
 *
 * SOURCE System V ABI, AMD64 Architecture Processor Supplement, section 3.2.2,
 *        "The Stack Frame": RBP points to the caller's RBP, and the return
 *        address lies above it.
 */
#include "cpu/backtrace.h"

#include "console/console.h"
#include "cpu/symbols.h"
#include "kernel.h"
#include "stacks.h"

#define FRAMES_MAX 8

struct stack_frame {
    uintptr_t caller;
    uintptr_t return_address;
};

static bool is_inside(uint64_t address, uint64_t bytes, uint64_t start,
                      uint64_t end)
{
    return address >= start && address < end && bytes <= end - address;
}

static bool is_in_stack(uint64_t address, uint64_t bytes)
{
    struct cairn_stack stack;
    enum cairn_area_part part;

    const struct cairn_stack *own = stacks_look(address);

    if (own != NULL)
        return is_inside(address, bytes, own->bottom.value, own->top.value);
    return kernel.stacks.areas != NULL &&
           cairn_stacks_peek(&kernel.stacks, cairn_va_make(address), &stack,
                             &part) == CAIRN_OK &&
           is_inside(address, bytes, stack.bottom.value, stack.top.value);
}

bool backtrace_is_readable(uint64_t address, uint64_t bytes)
{
    return address % sizeof(uintptr_t) == 0 &&
           (is_inside(address, bytes, (uintptr_t)kernel_rodata_end,
                      (uintptr_t)kernel_image_end) ||
            is_in_stack(address, bytes));
}

void backtrace_print(uintptr_t frame)
{
    char text[SYMBOL_TEXT_BYTES];

    console_printf("backtrace\n");
    for (unsigned i = 0; i < FRAMES_MAX; i++) {
        const struct stack_frame *stack = (const struct stack_frame *)frame;

        if (!backtrace_is_readable(frame, sizeof(*stack)) ||
            stack->return_address == 0)
            break;
        console_printf("  %u  0x%016llx  %s\n", i,
                       (unsigned long long)stack->return_address,
                       symbols_text(stack->return_address - 1, text));
        if (stack->caller <= frame)
            break;
        frame = stack->caller;
    }
}
