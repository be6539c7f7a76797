/*
 * cmd_fault.c - fault: make mistakes, and see how the processor and the kernel
 * report them.
 */
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/trap.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"

#define LARGE_FRAME ((size_t)256 * 1024)

/* ---- Exceptions ---------------------------------------------------------- */

static void divide(void)
{
    uint32_t low = 1;
    uint32_t high = 0;
    __asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "r"(0) : "cc");
}

static void execute_invalid(void)
{
    __asm__ volatile("ud2");
}

static void interrupt(void)
{
    __asm__ volatile("int %0" : : "i"(VECTOR_NMI));
}

static void access_not_canonical(void)
{
    *(volatile uint8_t *)((uintptr_t)1 << 62) = 0;
}

/* ---- Memory -------------------------------------------------------------- */

/* Somewhere, so that no compiler knows better. */
static volatile uint8_t *volatile place;

static void write_at(uint64_t address)
{
    place = (volatile uint8_t *)(uintptr_t)address;
    *place = 0;
    console_printf("wrote 0, no fault\n");
}

static void read_at(uint64_t address)
{
    place = (volatile uint8_t *)(uintptr_t)address;
    console_printf("read 0x%02x, no fault\n", *place);
}

static void jump_to(uint64_t address)
{
    void (*volatile code)(void) = (void (*)(void))(uintptr_t)address;
    code();
}

static void follow_null(void)
{
    read_at(8);
}

static void jump_to_null(void)
{
    jump_to(0);
}

static void write_to_code(void)
{
    write_at((uintptr_t)&write_to_code);
}

static void write_to_constants(void)
{
    static const uint8_t constant = 1;
    write_at((uintptr_t)&constant);
}

static void jump_to_data(void)
{
    jump_to((uintptr_t)&place);
}

/* ---- Stacks -------------------------------------------------------------- */

/* Until the stack ends; the compiler must not make a loop of it. */
static CAIRN_NOINLINE int recurse(volatile int depth)
{
    volatile int here = depth;

    return depth == 0 ? 0 : recurse(depth - 1) + here;
}

static void overflow(void)
{
    (void)recurse(INT32_MAX);
}

/* Far more than a guard: the compiler touches every page on the way. */
static CAIRN_NOINLINE void overflow_by_one_frame(void)
{
    volatile uint8_t bytes[LARGE_FRAME];

    place = bytes;
    *place = 1;
}

static void run_out_above(void)
{
    struct cairn_stack stack;
    enum cairn_area_part part;
    uint64_t here = (uintptr_t)__builtin_frame_address(0);

    if (cairn_stacks_find(&kernel.stacks, cairn_va_make(here), &stack, &part))
        read_at(stack.top.value + 8);
}

static void use_freed_stack(void)
{
    struct cairn_stack stack;

    if (cairn_stack_alloc(&kernel.stacks, 0, "gone", &stack) != CAIRN_OK)
        return;
    (void)cairn_stack_free(&kernel.stacks, &stack);
    (void)cairn_stacks_drain(&kernel.stacks);
    write_at(stack.top.value - 8);
}

/* ---- In handlers --------------------------------------------------------- */

static enum trap_stage where;

static bool make_another(struct trap_frame *frame, enum trap_stage stage)
{
    (void)frame;
    if (stage == where) {
        trap_hook = NULL;
        read_at(16);
    }
    return false;
}

static void fail_in_handler(void)
{
    where = TRAP_ARRIVES;
    trap_hook = make_another;
    execute_invalid();
}

static void fail_in_page_fault(void)
{
    where = TRAP_ARRIVES;
    trap_hook = make_another;
    follow_null();
}

static void fail_in_report(void)
{
    where = TRAP_REPORTS;
    trap_hook = make_another;
    follow_null();
}

/* No room to report a page fault: its stack begins in a guard. */
static void double_fault(void)
{
    struct cairn_area_info stack;
    cairn_va at = {0};

    while (cairn_areas_next(&kernel.stack_areas, at, &stack)) {
        at.value = stack.start.value + stack.bytes + stack.guard_above;
        if (text_is_equal(stack.name, cpu_stack_name(STACK_PAGE_FAULT)))
            break;
    }
    cpu_set_stack(STACK_PAGE_FAULT, stack.start.value, CAIRN_STACK_BYTES);
    follow_null();
}

/* ---- The command --------------------------------------------------------- */

static const struct mistake {
    const char *name;
    const char *help;
    void (*make)(void);
    void (*make_at)(uint64_t address);
} mistakes[] = {
    {"divide", "divide by 0: #DE", divide, NULL},
    {"invalid", "execute UD2: #UD", execute_invalid, NULL},
    {"nmi", "as if an NMI came", interrupt, NULL},
    {"canonical", "write to a non-canonical address: #GP", access_not_canonical,
     NULL},
    {"null", "read a field behind a null pointer", follow_null, NULL},
    {"call", "call a null pointer", jump_to_null, NULL},
    {"text", "write to code", write_to_code, NULL},
    {"rodata", "write to constants", write_to_constants, NULL},
    {"data", "jump to data", jump_to_data, NULL},
    {"overflow", "overflow this stack by recursion", overflow, NULL},
    {"frame", "overflow it by one large frame", overflow_by_one_frame, NULL},
    {"above", "read above this stack", run_out_above, NULL},
    {"freed", "write to a freed stack", use_freed_stack, NULL},
    {"handler", "a page fault in the handler of #UD", fail_in_handler, NULL},
    {"nested", "a page fault in the handler of #PF", fail_in_page_fault, NULL},
    {"report", "a page fault in a report", fail_in_report, NULL},
    {"double", "a page fault without a stack for it: #DF", double_fault, NULL},
    {"read", "read a byte at ADDRESS", NULL, read_at},
    {"write", "write 0 to ADDRESS", NULL, write_at},
    {"exec", "jump to ADDRESS", NULL, jump_to},
};

#define MISTAKES (sizeof(mistakes) / sizeof(mistakes[0]))

static int print_help(void)
{
    console_printf("fault KIND [ADDRESS]: make a mistake; KIND is\n");
    for (unsigned i = 0; i < MISTAKES; i++)
        console_printf("  %-10s %s\n", mistakes[i].name, mistakes[i].help);
    return 0;
}

static int make_mistake(const struct mistake *mistake, int argc, char **argv)
{
    uint64_t address;
    if (mistake->make != NULL && argc > 2)
        return monitor_fail("fault: %s wants no arguments", mistake->name);
    if (mistake->make != NULL) {
        mistake->make();
        return 0;
    }
    if (argc != 3)
        return monitor_fail("fault: %s wants one address", mistake->name);
    if (monitor_number("fault", argv[2], &address) != 0)
        return 1;
    if (address > UINTPTR_MAX)
        return monitor_fail("fault: that is no virtual address here");
    mistake->make_at(address);
    return 0;
}

static int run_fault(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "";
    if (text_is_equal(which, "--help") || text_is_equal(which, "-h"))
        return print_help();
    for (unsigned i = 0; i < MISTAKES; i++) {
        if (text_is_equal(which, mistakes[i].name))
            return make_mistake(&mistakes[i], argc, argv);
    }
    return monitor_fail("fault: no kind '%.40s'; try fault --help", which);
}

MONITOR_COMMAND(fault, "KIND [ADDRESS]",
                "make a mistake and see its report; fault --help lists them",
                run_fault)
