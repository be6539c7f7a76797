/*
 * probe.c - accesses that may fault.
 *
 * HOW    A probe is an excursion.  probe_enter() saves the registers that a
 *        function keeps and goes by IRETQ, in ring 0 or 3, to an instruction
 *        that does the access.  Behind it stands UD2, so every excursion ends
 *        with an exception: #UD if the access was done, another one if not.
 *        trap_handle() asks probe_catch() first, which notes what happened and
 *        has the handler return into probe_leave().
 *
 * SOURCE Intel SDM vol. 2A, "IRET/IRETD/IRETQ - Interrupt Return".
 */
#include "cpu/probe.h"

#include "cpu/descriptors.h"
#include "cpu/insn.h"

#define FLAG_FIXED     0x2u /* of RFLAGS: always 1 */
#define FLAG_ALIGNMENT ((uint64_t)1 << 18)

/* Offsets of the instructions in probe_code. */
#define CODE_READ  0
#define CODE_WRITE 16
#define CODE_END   32

/* What probe_enter takes; probe_entry.S knows the offsets. */
struct start {
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t ss;
    uint64_t va;
    uint64_t value;
};

/* In probe_entry.S. */
void probe_enter(const struct start *start);
extern const uint8_t probe_leave[];
extern const uint8_t probe_code[];
extern uint64_t probe_stack; /* RSP when probe_enter left */

static volatile bool is_active;
static struct probe_fault caught;
static uint8_t value_read;

/* Exceptions that an access can cause. */
static bool is_answer(uint64_t vector)
{
    return vector < 32 && vector != VECTOR_NMI &&
           vector != VECTOR_DOUBLE_FAULT && vector != VECTOR_MACHINE_CHECK;
}

bool probe_catch(struct trap_frame *frame)
{
    if (!is_active || !is_answer(frame->vector))
        return false;
    is_active = false;
    caught = (struct probe_fault){
        .vector = (unsigned)frame->vector,
        .error = frame->error_code,
        .address = frame->vector == VECTOR_PAGE_FAULT ? frame->cr2 : 0,
    };
    value_read = (uint8_t)frame->rax;
    frame->rip = (uintptr_t)probe_leave;
    frame->cs = SELECTOR_CODE;
    frame->rflags = FLAG_FIXED;
    frame->rsp = probe_stack;
    frame->ss = SELECTOR_DATA;
    return true;
}

static bool run(const struct start *start, struct probe_fault *fault)
{
    is_active = true;
    probe_enter(start);
    *fault = caught;
    return caught.vector == VECTOR_INVALID_OPCODE;
}

static bool run_kernel(uint64_t rip, uint64_t va, uint8_t value,
                       struct probe_fault *fault)
{
    const struct start start = {
        .rip = rip,
        .cs = SELECTOR_CODE,
        .rflags = FLAG_FIXED | (insn_read_flags() & FLAG_ALIGNMENT),
        .ss = SELECTOR_DATA,
        .va = va,
        .value = value,
    };

    return run(&start, fault);
}

static bool run_user(uint64_t rip, uint64_t va, struct probe_fault *fault)
{
    const struct start start = {
        .rip = rip,
        .cs = SELECTOR_USER_CODE,
        .rflags = FLAG_FIXED,
        .ss = SELECTOR_USER_DATA,
        .va = va,
    };

    return run(&start, fault);
}

bool probe_read(uintptr_t va, uint8_t *value, struct probe_fault *fault)
{
    uint64_t code = (uintptr_t)probe_code + CODE_READ;

    if (!run_kernel(code, va, 0, fault))
        return false;
    *value = value_read;
    return true;
}

bool probe_write(uintptr_t va, uint8_t value, struct probe_fault *fault)
{
    return run_kernel((uintptr_t)probe_code + CODE_WRITE, va, value, fault);
}

bool probe_exec(uintptr_t va, struct probe_fault *fault)
{
    return run_kernel(va, 0, 0, fault);
}

bool probe_user_read(uintptr_t va, uintptr_t code, struct probe_fault *fault)
{
    return run_user(code + CODE_READ, va, fault);
}

bool probe_user_write(uintptr_t va, uintptr_t code, struct probe_fault *fault)
{
    return run_user(code + CODE_WRITE, va, fault);
}

bool probe_user_exec(uintptr_t va, struct probe_fault *fault)
{
    return run_user(va, 0, fault);
}

_Static_assert(CODE_END < PROBE_CODE_BYTES, "UD2 is the last");

void probe_copy_code(void *to)
{
    __builtin_memcpy(to, probe_code, PROBE_CODE_BYTES);
}
