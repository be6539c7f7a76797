/*
 * trap.c - the report of an exception: what happened, where, and how.
 *
 * HOW    A handler first enters its stack (cpu.h), so that whatever comes while
 *        it runs has room of its own: a fault in the handler, in the report, in
 *        an NMI.  What is nested in a report is told in one line.
 *
 * SOURCE Intel SDM vol. 3A, "Exceptions and Interrupts Reference"; "Interrupt
 *        14 - Page-Fault Exception (#PF)" for the bits of its error code.
 */
#include "cpu/trap.h"

#include "console/console.h"
#include "cpu/backtrace.h"
#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/fault.h"
#include "cpu/insn.h"
#include "cpu/probe.h"
#include "cpu/symbols.h"
#include "kernel.h"
#include "platform.h"
#include <cairn/format.h>
#include <cairn/map.h>
#include <stdbool.h>

#define STACK_WORDS 8

struct exception {
    const char *mnemonic;
    const char *name;
};

static const struct exception exceptions[EXCEPTION_COUNT] = {
    [0] = {"#DE", "divide error"},
    [1] = {"#DB", "debug exception"},
    [2] = {"NMI", "non-maskable interrupt"},
    [3] = {"#BP", "breakpoint"},
    [4] = {"#OF", "overflow"},
    [5] = {"#BR", "bound range exceeded"},
    [6] = {"#UD", "invalid opcode"},
    [7] = {"#NM", "device not available"},
    [8] = {"#DF", "double fault"},
    [10] = {"#TS", "invalid TSS"},
    [11] = {"#NP", "segment not present"},
    [12] = {"#SS", "stack-segment fault"},
    [13] = {"#GP", "general protection"},
    [14] = {"#PF", "page fault"},
    [16] = {"#MF", "x87 floating-point error"},
    [17] = {"#AC", "alignment check"},
    [18] = {"#MC", "machine check"},
    [19] = {"#XM", "SIMD floating-point exception"},
    [20] = {"#VE", "virtualization exception"},
    [21] = {"#CP", "control protection exception"},
    [28] = {"#HV", "hypervisor injection exception"},
    [29] = {"#VC", "VMM communication exception"},
    [30] = {"#SX", "security exception"},
};

static const struct exception *exception_of(uint64_t vector)
{
    static const struct exception unknown = {"???", "unexpected interrupt"};

    if (vector >= EXCEPTION_COUNT || exceptions[vector].name == NULL)
        return &unknown;
    return &exceptions[vector];
}

/* What lies there: an area or a stack, or its guard. */
static void print_place(const struct cairn_fault_report *report)
{
    static const char *const parts[] = {"in", "guard below", "guard above"};
    const struct cairn_area_info *area = &report->area;

    if (report->is_unsure)
        console_printf("  place     not all areas can be looked at now\n");
    if (!report->has_area)
        return;
    console_printf("  place     %s%s %s '%s', 0x%llx to 0x%llx\n",
                   area->is_freed ? "freed: " : "", parts[area->part],
                   area->kind == CAIRN_AREA_STACK ? "stack" : "area",
                   area->name, (unsigned long long)area->start.value,
                   (unsigned long long)(area->start.value + area->bytes - 1));
}

static void print_cause(const struct cairn_fault_report *report)
{
    const struct cairn_mapping *page = &report->mapping;
    char text[CAIRN_RIGHTS_TEXT_BYTES];
    char mistake[CAIRN_FAULT_TEXT_BYTES];

    console_printf("  cause     %s\n", cairn_fault_cause_text(report->cause));
    if (report->mistake != CAIRN_MISTAKE_NONE)
        console_printf("  mistake   %s\n", cairn_fault_text(report, mistake));
    if (page->is_mapped)
        console_printf("  page      of %llu KiB, to 0x%llx, %s\n",
                       (unsigned long long)(page->page_bytes / 1024),
                       (unsigned long long)page->phys.value,
                       cairn_mapping_text(page, text));
    print_place(report);
}

static void print_page_fault(const struct trap_frame *frame,
                             const struct cairn_fault_report *report)
{
    uint64_t error = frame->error_code;

    console_printf("  address   0x%016llx\n", (unsigned long long)frame->cr2);
    console_printf("  access    %s of %s page by %s%s%s%s%s\n",
                   (error & 0x10) != 0   ? "instruction fetch"
                   : (error & 0x02) != 0 ? "write"
                                         : "read",
                   (error & 0x01) != 0 ? "a protected" : "an absent",
                   (error & 0x04) != 0 ? "user" : "kernel",
                   (error & 0x08) != 0 ? ", reserved bit set" : "",
                   (error & 0x20) != 0 ? ", protection key" : "",
                   (error & 0x40) != 0 ? ", shadow stack" : "",
                   (error & 0x8000) != 0 ? ", SGX" : "");
    print_cause(report);
}

/* Error codes that name a segment selector. */
static void print_selector(uint64_t error)
{
    static const char *const tables[] = {"GDT", "IDT", "LDT", "IDT"};

    if (error != 0)
        console_printf("  selector  %#llx in the %s%s\n",
                       (unsigned long long)(error & 0xfff8),
                       tables[error >> 1 & 3],
                       (error & 1) != 0 ? ", external event" : "");
}

/* ---- Registers ----------------------------------------------------------- */

struct named {
    const char *name;
    uint64_t value;
};

#define GENERAL_COUNT 16
#define NAMED_COUNT   21

static void name_registers(const struct trap_frame *frame,
                           struct named out[NAMED_COUNT])
{
    const struct named registers[NAMED_COUNT] = {
        {"rax", frame->rax},      {"rbx", frame->rbx},
        {"rcx", frame->rcx},      {"rdx", frame->rdx},
        {"rsi", frame->rsi},      {"rdi", frame->rdi},
        {"rbp", frame->rbp},      {"rsp", frame->rsp},
        {"r8 ", frame->r8},       {"r9 ", frame->r9},
        {"r10", frame->r10},      {"r11", frame->r11},
        {"r12", frame->r12},      {"r13", frame->r13},
        {"r14", frame->r14},      {"r15", frame->r15},
        {"cr0", insn_read_cr0()}, {"cr2", frame->cr2},
        {"cr3", insn_read_cr3()}, {"cr4", insn_read_cr4()},
        {"rfl", frame->rflags},
    };

    __builtin_memcpy(out, registers, sizeof(registers));
}

static void print_registers(const struct trap_frame *frame)
{
    struct named registers[NAMED_COUNT];

    name_registers(frame, registers);
    for (unsigned i = 0; i < NAMED_COUNT; i++)
        console_printf("  %s %016llx%s", registers[i].name,
                       (unsigned long long)registers[i].value,
                       i % 3 == 2 ? "\n" : "");
}

bool trap_is_canonical(uint64_t address)
{
    unsigned unused = cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 7 : 16;

    return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/* #GP and #SS do not tell an address; registers may. */
static void print_suspects(const struct trap_frame *frame)
{
    struct named registers[NAMED_COUNT];

    if (frame->error_code != 0)
        return;
    name_registers(frame, registers);
    for (unsigned i = 0; i < GENERAL_COUNT; i++) {
        if (!trap_is_canonical(registers[i].value))
            console_printf("  mistake   use of a non-canonical address, as "
                           "%s has\n",
                           registers[i].name);
    }
}

/* The first words of the stack, if it is one that can be read. */
static void print_stack(const struct trap_frame *frame)
{
    const uint64_t *words = (const uint64_t *)(uintptr_t)frame->rsp;

    if (!backtrace_is_readable(frame->rsp, STACK_WORDS * sizeof(*words)))
        return;
    console_printf("  stack    ");
    for (unsigned i = 0; i < STACK_WORDS; i++)
        console_printf("%s%016llx", i == 4 ? "\n           " : " ",
                       (unsigned long long)words[i]);
    console_printf("\n");
}

/* Where this runs: the stack of the exception, or whichever was in use. */
static void print_handler(const struct trap_frame *frame)
{
    unsigned stack = cpu_stack_of(frame->vector);

    if (stack != 0)
        console_printf("  handler   on stack '%s', %u deep\n",
                       cpu_stack_name(stack), cpu_stack_depth(stack));
}

/* What a double fault comes from, most often: a stack that cannot be used. */
static void print_double_fault(const struct trap_frame *frame,
                               const struct cairn_fault_report *report)
{
    console_printf("  before    a fault at 0x%016llx\n",
                   (unsigned long long)frame->cr2);
    print_cause(report);
}

/* What is particular about some vectors. */
static void print_details(const struct trap_frame *frame,
                          const struct cairn_fault_report *report)
{
    switch (frame->vector) {
    case VECTOR_PAGE_FAULT:
        print_page_fault(frame, report);
        break;
    case VECTOR_DOUBLE_FAULT:
        print_double_fault(frame, report);
        break;
    case VECTOR_STACK:
    case VECTOR_PROTECTION:
        print_suspects(frame);
        /* fall through */
    case VECTOR_INVALID_TSS:
    case VECTOR_NOT_PRESENT:
        print_selector(frame->error_code);
        break;
    default:
        break;
    }
}

static void print_report(const struct trap_frame *frame,
                         const struct cairn_fault_report *report)
{
    const struct exception *exception = exception_of(frame->vector);
    char place[SYMBOL_TEXT_BYTES];

    console_printf("\n\033[1;31m%s %s\033[0m, vector %u, error code %#llx\n",
                   exception->mnemonic, exception->name,
                   (unsigned)frame->vector,
                   (unsigned long long)frame->error_code);
    print_details(frame, report);
    console_printf(
        "  at        0x%016llx %s, cs %#llx\n", (unsigned long long)frame->rip,
        symbols_text(frame->rip, place), (unsigned long long)frame->cs);
    print_handler(frame);
    print_registers(frame);
    print_stack(frame);
}

/* ---- The handler --------------------------------------------------------- */

bool (*trap_hook)(struct trap_frame *frame, enum trap_stage stage);

/* What is being reported: the first one in full, what comes on top in a line,
 * and what comes then without asking anybody. */
static struct {
    unsigned count;
    const char *mnemonic;
    uint64_t rip;
} reporting;

void trap_reset(void)
{
    reporting.count = 0;
    cpu_reset_stacks();
}

/* Page faults and double faults have an address, and so a mistake. */
static bool explain(const struct trap_frame *frame,
                    struct cairn_fault_report *report)
{
    bool is_double = frame->vector == VECTOR_DOUBLE_FAULT;
    const struct cairn_fault fault = {{frame->cr2},
                                      is_double ? CAIRN_FAULT_WRITE
                                                : (uint32_t)frame->error_code};

    if (!is_double && frame->vector != VECTOR_PAGE_FAULT)
        return false;
    fault_explain(&fault, report);
    return true;
}

static _Noreturn void report_nested(const struct trap_frame *frame)
{
    const char *mnemonic = exception_of(frame->vector)->mnemonic;
    struct cairn_fault_report report;
    char text[CAIRN_FAULT_TEXT_BYTES];
    bool has_mistake = reporting.count == 2 && explain(frame, &report);

    kernel_panic("%s at 0x%llx%s%s, while %s at 0x%llx is reported", mnemonic,
                 (unsigned long long)frame->rip, has_mistake ? ", " : "",
                 has_mistake ? cairn_fault_text(&report, text) : "",
                 reporting.mnemonic, (unsigned long long)reporting.rip);
}

static _Noreturn void give_up(struct trap_frame *frame)
{
    const struct exception *exception = exception_of(frame->vector);
    struct cairn_fault_report report;
    char text[CAIRN_FAULT_TEXT_BYTES];
    bool has_mistake;

    if (++reporting.count > 1)
        report_nested(frame);
    reporting.mnemonic = exception->mnemonic;
    reporting.rip = frame->rip;
    if (trap_hook != NULL)
        (void)trap_hook(frame, TRAP_REPORTS);
    has_mistake = explain(frame, &report);
    print_report(frame, &report);
    backtrace_print((uintptr_t)frame->rbp);
    kernel_panic("%s (%s)%s%s", exception->name, exception->mnemonic,
                 has_mistake ? ": " : "",
                 has_mistake ? cairn_fault_text(&report, text) : "");
}

static bool resolve(const struct trap_frame *frame)
{
    const struct cairn_fault fault = {{frame->cr2},
                                      (uint32_t)frame->error_code};

    return fault_resolve(&fault, frame->rip);
}

void trap_handle(struct trap_frame *frame)
{
    unsigned entered = cpu_enter_stacks(frame->vector, frame->rsp);
    bool is_done = trap_hook != NULL && trap_hook(frame, TRAP_ARRIVES);

    if (!is_done && !(frame->vector == VECTOR_PAGE_FAULT && resolve(frame)) &&
        !probe_catch(frame))
        give_up(frame);
    cpu_leave_stacks(entered);
    /* A page fault that was interrupted may not have read it. */
    if (insn_read_cr2() != frame->cr2)
        insn_write_cr2(frame->cr2);
}
