/*
 * nested_live.c - exceptions in the handlers of exceptions, each on its stack.
 *
 * HOW    The kernel calls a hook when a handler begins.  The hook of a test
 *        does there what must not, and yet will, happen: it touches a page that
 *        is absent, or has an NMI come.
 *
 * SOURCE Intel SDM vol. 3A, "Interrupt Stack Table", "Nonmaskable Interrupt",
 *        "Interrupt 8 - Double Fault Exception"; "Interrupt Command Register".
 */
#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/fault.h"
#include "cpu/insn.h"
#include "cpu/trap.h"
#include "kernel/space.h"
#include "monitor/text.h"

#define PAGE           CAIRN_FRAME_SIZE
#define LAPIC_BASE     0xfee00000u
#define LAPIC_ID       0x20
#define LAPIC_ICR      0x300
#define LAPIC_ICR_HIGH 0x310
#define ICR_NMI        0x400u
#define MSR_APIC_BASE  0x1bu
#define APIC_X2        ((uint64_t)1 << 10)
#define APIC_ENABLED   ((uint64_t)1 << 11)

static struct cairn_area *lazy;
static volatile unsigned seen[32]; /* how many of each vector the hook saw */
static volatile unsigned wanted;   /* how deep to go */

static volatile uint8_t *lazy_page(unsigned index)
{
    return (volatile uint8_t *)(uintptr_t)cairn_area_page(lazy, index).value;
}

static uint64_t own_stack(unsigned number)
{
    struct cairn_area_info stack;
    cairn_va at = {0};

    while (cairn_areas_next(&kernel.stack_areas, at, &stack)) {
        if (text_is_equal(stack.name, cpu_stack_name(number)))
            return stack.start.value;
        at.value = stack.start.value + stack.bytes + stack.guard_above;
    }
    CHECK(false);
    return 0;
}

static void start(bool (*hook)(struct trap_frame *, enum trap_stage))
{
    const struct cairn_area_request request = {
        .bytes = 16 * PAGE,
        .kind = CAIRN_AREA_LAZY,
        .rights = CAIRN_PAGE_WRITE,
        .owner = CAIRN_OWNER_KERNEL,
        .name = "nested",
    };

    /* As it was, whatever a test that failed has left. */
    cpu_set_stack(STACK_PAGE_FAULT,
                  own_stack(STACK_PAGE_FAULT) + CAIRN_STACK_BYTES,
                  CAIRN_STACK_BYTES);
    CHECK_EQ(cairn_area_alloc(&kernel.areas, &request, &lazy), CAIRN_OK);
    for (unsigned i = 0; i < 32; i++)
        seen[i] = 0;
    trap_hook = hook;
}

static void end(void)
{
    trap_hook = NULL;
    for (unsigned i = 1; i < CPU_STACK_COUNT; i++)
        CHECK_EQ(cpu_stack_depth(i), 0);
    CHECK_EQ(cairn_area_free(lazy, NULL, NULL), CAIRN_OK);
}

/* ---- Each on its own ----------------------------------------------------- */

static bool look_at_stack(struct trap_frame *frame, enum trap_stage stage)
{
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    unsigned number = cpu_stack_of(frame->vector);
    struct cairn_area_info stack;

    (void)stage;
    seen[frame->vector]++;
    if (number != 0) {
        CHECK(cairn_areas_peek(&kernel.stack_areas, cairn_va_make(here),
                               &stack) == CAIRN_OK);
        CHECK_TEXT(stack.name, cpu_stack_name(number));
        CHECK_EQ(stack.bytes, CAIRN_STACK_BYTES);
    }
    return frame->vector != VECTOR_PAGE_FAULT;
}

CAIRN_TEST(I2_H4_live_exceptions_have_stacks_of_their_own)
{
    start(look_at_stack);
    *lazy_page(0) = 1;
    __asm__ volatile("int %0" : : "i"(VECTOR_NMI));
    __asm__ volatile("int %0" : : "i"(VECTOR_MACHINE_CHECK));
    CHECK_EQ(seen[VECTOR_PAGE_FAULT], 1);
    CHECK_EQ(seen[VECTOR_NMI], 1);
    CHECK_EQ(seen[VECTOR_MACHINE_CHECK], 1);
    end();
}

/* ---- Nested, and all is well --------------------------------------------- */

/* The handler of a fault raises the next one, to `wanted` deep. */
static bool fault_again(struct trap_frame *frame, enum trap_stage stage)
{
    unsigned depth = cpu_stack_depth(STACK_PAGE_FAULT);

    if (stage != TRAP_ARRIVES || frame->vector != VECTOR_PAGE_FAULT)
        return false;
    seen[VECTOR_PAGE_FAULT]++;
    CHECK_EQ(frame->cr2, (uintptr_t)lazy_page(depth - 1));
    if (depth < wanted)
        *lazy_page(depth) = (uint8_t)(depth + 1);
    return false;
}

CAIRN_TEST(I2_I4_live_page_faults_in_the_handler_of_page_faults)
{
    start(fault_again);
    wanted = CPU_NESTED_MAX;
    *lazy_page(0) = 1;
    for (unsigned i = 0; i < wanted; i++)
        CHECK_EQ(*lazy_page(i), i + 1);
    CHECK_EQ(seen[VECTOR_PAGE_FAULT], wanted);
    CHECK_EQ(lazy->frame_count, wanted);
    end();
}

/* An NMI in the handler of a page fault; its own handler faults, too. */
static bool interrupt_fault(struct trap_frame *frame, enum trap_stage stage)
{
    bool is_first = seen[frame->vector]++ == 0;

    (void)stage;
    if (frame->vector == VECTOR_PAGE_FAULT && is_first) {
        CHECK_EQ(frame->cr2, (uintptr_t)lazy_page(0));
        __asm__ volatile("int %0" : : "i"(VECTOR_NMI));
        CHECK_EQ(insn_read_cr2(), (uintptr_t)lazy_page(0));
    }
    if (frame->vector == VECTOR_NMI)
        *lazy_page(1) = 2;
    return frame->vector == VECTOR_NMI;
}

CAIRN_TEST(I2_live_an_NMI_during_a_page_fault)
{
    start(interrupt_fault);
    *lazy_page(0) = 1;
    CHECK_EQ(*lazy_page(0), 1);
    CHECK_EQ(*lazy_page(1), 2);
    CHECK_EQ(seen[VECTOR_NMI], 1);
    CHECK_EQ(seen[VECTOR_PAGE_FAULT], 2);
    end();
}

/* On the way of a page fault to its handler, which has entered no stack yet:
 * what lies there is still there behind the NMI. */
CAIRN_TEST(I2_live_an_NMI_before_the_handler_of_a_page_fault_begins)
{
    uint64_t top = own_stack(STACK_PAGE_FAULT) + CAIRN_STACK_BYTES;
    uint64_t mark = 0x1234567890abcdef;

    start(interrupt_fault);
    seen[VECTOR_PAGE_FAULT] = 1;
    __asm__ volatile("movq %%rsp, %%rbx\n\t"
                     "leaq -8(%1), %%rsp\n\t"
                     "pushq %0\n\t"
                     "int %2\n\t"
                     "popq %0\n\t"
                     "movq %%rbx, %%rsp"
                     : "+r"(mark)
                     : "r"(top), "i"(VECTOR_NMI)
                     : "rbx", "memory", "cc");
    CHECK_EQ(mark, 0x1234567890abcdef);
    CHECK_EQ(*lazy_page(1), 2);
    CHECK_EQ(seen[VECTOR_PAGE_FAULT], 2);
    end();
}

/* ---- A real NMI ---------------------------------------------------------- */

static struct cairn_area *lapic;

static volatile uint32_t *lapic_at(unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(lapic->start.value + offset);
}

/* From this CPU to itself, while it handles a page fault. */
static bool send_nmi(struct trap_frame *frame, enum trap_stage stage)
{
    bool is_first = seen[frame->vector]++ == 0;

    (void)stage;
    if (frame->vector == VECTOR_PAGE_FAULT && is_first) {
        *lapic_at(LAPIC_ICR_HIGH) = *lapic_at(LAPIC_ID);
        *lapic_at(LAPIC_ICR) = ICR_NMI;
        for (unsigned i = 0; i < 1000000 && seen[VECTOR_NMI] == 0; i++)
            insn_pause();
    }
    if (frame->vector == VECTOR_NMI)
        *lazy_page(1) = 2;
    return frame->vector == VECTOR_NMI;
}

CAIRN_TEST(I2_live_an_NMI_from_the_interrupt_controller)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE,
                                             .cache = CAIRN_CACHE_UC};
    uint64_t base = insn_read_msr(MSR_APIC_BASE);

    if ((base & (APIC_ENABLED | APIC_X2)) != APIC_ENABLED)
        return;
    CHECK_EQ(cairn_area_alloc_pages(&kernel.areas, 1, PAGE, "lapic", &lapic),
             CAIRN_OK);
    CHECK_EQ(cairn_area_map(lapic, 0, cairn_pfn_of(cairn_phys_make(LAPIC_BASE)),
                            &policy),
             CAIRN_OK);
    for (unsigned i = 0; i < 3; i++) { /* NMIs come again after IRET */
        start(send_nmi);
        *lazy_page(0) = 1;
        CHECK_EQ(seen[VECTOR_NMI], 1);
        CHECK_EQ(*lazy_page(0), 1);
        CHECK_EQ(*lazy_page(1), 2);
        end();
    }
    CHECK_EQ(cairn_area_free(lapic, NULL, NULL), CAIRN_OK);
}

/* ---- Nested, and reported ------------------------------------------------ */

static bool fail_again(struct trap_frame *frame, enum trap_stage stage)
{
    enum trap_stage where = (enum trap_stage)wanted;

    (void)frame;
    if (stage == where) {
        trap_hook = NULL;
        *(volatile uint8_t *)(uintptr_t)wanted = 1;
    }
    return false;
}

static void execute_invalid(void)
{
    __asm__ volatile("ud2");
}

CAIRN_TEST(I2_live_faults_in_handlers_are_reported)
{
    start(fail_again);
    wanted = TRAP_ARRIVES;
    CHECK_PANIC(execute_invalid(), "page fault (#PF): null dereference");
    trap_hook = fail_again;
    CHECK_PANIC(*lazy_page(0) = 1, "page fault (#PF): null dereference");
    trap_hook = fail_again;
    wanted = TRAP_REPORTS;
    CHECK_PANIC(execute_invalid(), "null dereference, while #UD at 0x");
    trap_hook = fail_again;
    CHECK_PANIC((void)*(volatile uint8_t *)(uintptr_t)wanted,
                "null dereference, while #PF at 0x");
    end();
}

/* One more than there is room for: no overflow into what lies below. */
CAIRN_TEST(I2_live_too_many_page_faults_are_a_double_fault)
{
    start(fault_again);
    wanted = CPU_NESTED_MAX + 1;
    CHECK_PANIC(*lazy_page(0) = 1, "(#DF): overflow of stack '#PF'");
    end();
}

CAIRN_TEST(I2_live_a_page_fault_without_a_stack_is_a_double_fault)
{
    uint64_t bottom = own_stack(STACK_PAGE_FAULT);

    start(NULL);
    for (unsigned i = 0; i < 2; i++) {
        cpu_set_stack(STACK_PAGE_FAULT, bottom, CAIRN_STACK_BYTES);
        CHECK_PANIC(*lazy_page(0) = 1, "(#DF): overflow of stack '#PF'");
        cpu_set_stack(STACK_PAGE_FAULT, bottom + CAIRN_STACK_BYTES,
                      CAIRN_STACK_BYTES);
    }
    *lazy_page(0) = 1;
    CHECK_EQ(lazy->frame_count, 1);
    end();
}

/* ---- Overflows ----------------------------------------------------------- */

/* The compiler must not make a loop of it. */
static CAIRN_NOINLINE int recurse(volatile int depth)
{
    volatile int here = depth;

    return depth == 0 ? 0 : recurse(depth - 1) + here;
}

static void overflow_by_recursion(void)
{
    (void)recurse(INT32_MAX);
}

static volatile uint8_t *volatile place;

/* More than the largest stack: every page on the way is touched. */
static CAIRN_NOINLINE void overflow_by_one_frame(void)
{
    volatile uint8_t bytes[256 * 1024];

    place = bytes;
    *place = 1;
}

static volatile uint64_t entered_at;

static void stop_there(void)
{
    entered_at = (uintptr_t)__builtin_frame_address(0);
    __asm__ volatile("ud2");
}

static void with_stack_of(uint64_t bytes)
{
    struct cairn_stack stack;

    CHECK_EQ(cairn_stack_alloc(&kernel.stacks, bytes, "sized", &stack),
             CAIRN_OK);
    CHECK_EQ(stack.bytes, bytes);
    CHECK_PANIC(insn_enter_stack(stack.top.value, stop_there), "#UD");
    CHECK(entered_at < stack.top.value && entered_at > stack.top.value - 64);
    CHECK_PANIC(insn_enter_stack(stack.top.value, overflow_by_recursion),
                "overflow of stack 'sized'");
    CHECK_PANIC(insn_enter_stack(stack.top.value, overflow_by_one_frame),
                "overflow of stack 'sized'");
    CHECK_EQ(cairn_stack_free(&kernel.stacks, &stack), CAIRN_OK);
}

CAIRN_TEST(H5_H6_I3_live_stacks_of_all_sizes_overflow_into_their_guards)
{
    with_stack_of(8 * CAIRN_KIB);
    with_stack_of(16 * CAIRN_KIB);
    with_stack_of(32 * CAIRN_KIB);
    with_stack_of(64 * CAIRN_KIB);
    CHECK(cairn_stacks_drain(&kernel.stacks) >= 4);
}
