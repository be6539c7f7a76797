/*
 * high_half.c - from where the kernel was loaded to where it is linked.
 *
 * HOW    What is wrong would show as a triple fault, so it is looked for
 *        before: the tables are walked as the CPU will walk them.
 *
 * NOT    The kernel's own ways up do not need it: entry.S jumps on tables that
 *        it has built itself, the UEFI loader enters the high half.  It is for
 *        kernels that are entered on an identity map.
 */
#include "high_half.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel.h"
#include "platform.h"
#include <cairn/ptwalk.h>

#define UPPER_HALF ((uint64_t)1 << 63)
/* The least of the stack that must be there. */
#define STACK_BYTES CAIRN_FRAME_SIZE

/* Is it mapped with all of these rights?  `slot`: has the root an entry? */
static bool is_there(cairn_phys root, uint64_t va, unsigned rights, bool *slot)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    unsigned count = cairn_ptwalk(cpu_paging_mode(), root, cairn_va_make(va),
                                  steps, &mapping);

    *slot = count > 1 || mapping.is_mapped;
    return count > 0 && mapping.is_mapped &&
           (mapping.rights & rights) == rights;
}

static uint64_t target_of(const struct high_half_jump *jump)
{
    return jump->entry - jump->phys_base + kernel_virtual_base();
}

const char *high_half_refusal(cairn_phys root, uint64_t caller,
                              const struct high_half_jump *jump)
{
    uint64_t stack = jump->stack_top - STACK_BYTES;
    bool has_slot;

    if ((caller & UPPER_HALF) != 0)
        return "it is there already";
    if (!is_there(root, target_of(jump), CAIRN_PAGE_EXEC, &has_slot))
        return has_slot ? "its entry is not mapped as code"
                        : "the root has nothing there";
    if ((jump->stack_top & 15) != 0 || (stack & UPPER_HALF) == 0 ||
        !is_there(root, stack, CAIRN_PAGE_WRITE, &has_slot))
        return "its stack is not mapped";
    return NULL;
}

CAIRN_NORETURN CAIRN_NOINLINE void
high_half_jump(const struct high_half_jump *jump)
{
    uint64_t caller = (uintptr_t)__builtin_return_address(0);
    const char *refusal =
        high_half_refusal(cairn_phys_make(insn_read_cr3()), caller, jump);

    if (refusal != NULL)
        kernel_panic("jump to the high half: %s", refusal);
    insn_enter_stack(jump->stack_top,
                     (void (*)(void))(uintptr_t)target_of(jump));
}
