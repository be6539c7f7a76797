/*
 * trap.c - the report of an exception: what happened, where, and how.
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

#define EXCEPTION_COUNT 32
#define STACK_WORDS     8

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

/* What the tables say about it. */
static void print_cause(uint64_t address, uint64_t error)
{
    const struct cairn_fault fault = {{address}, (uint32_t)error};
    struct cairn_mapping page;
    char text[CAIRN_RIGHTS_TEXT_BYTES];
    enum cairn_fault_cause cause = cairn_fault_cause(
        cpu_paging_mode(), cairn_phys_make(insn_read_cr3()), &fault, &page);

    console_printf("  cause     %s\n", cairn_fault_cause_text(cause));
    if (page.is_mapped)
        console_printf("  page      of %llu KiB, to 0x%llx, %s\n",
                       (unsigned long long)(page.page_bytes / 1024),
                       (unsigned long long)page.phys.value,
                       cairn_mapping_text(&page, text));
}

/* What lies there: an area or a stack, or its guard. */
static void print_place(uint64_t address)
{
    static const char *const parts[] = {"in", "guard below", "guard above"};
    struct cairn_area_info area;
    const cairn_va at = cairn_va_make(address);

    if (kernel.stacks.areas == NULL ||
        (!cairn_areas_find(&kernel.stack_areas, at, &area) &&
         !cairn_areas_find(&kernel.areas, at, &area)))
        return;
    console_printf("  place     %s %s '%s', 0x%llx to 0x%llx\n",
                   parts[area.part],
                   area.kind == CAIRN_AREA_STACK ? "stack" : "area", area.name,
                   (unsigned long long)area.start.value,
                   (unsigned long long)(area.start.value + area.bytes - 1));
}

static void print_page_fault(uint64_t error)
{
    console_printf("  address   0x%016llx\n",
                   (unsigned long long)insn_read_cr2());
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
    print_cause(insn_read_cr2(), error);
    print_place(insn_read_cr2());
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

static void print_registers(const struct trap_frame *frame)
{
    const struct {
        const char *name;
        uint64_t value;
    } registers[] = {
        {"rax", frame->rax},      {"rbx", frame->rbx},
        {"rcx", frame->rcx},      {"rdx", frame->rdx},
        {"rsi", frame->rsi},      {"rdi", frame->rdi},
        {"rbp", frame->rbp},      {"rsp", frame->rsp},
        {"r8 ", frame->r8},       {"r9 ", frame->r9},
        {"r10", frame->r10},      {"r11", frame->r11},
        {"r12", frame->r12},      {"r13", frame->r13},
        {"r14", frame->r14},      {"r15", frame->r15},
        {"cr0", insn_read_cr0()}, {"cr2", insn_read_cr2()},
        {"cr3", insn_read_cr3()}, {"cr4", insn_read_cr4()},
        {"rfl", frame->rflags},
    };

    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
        console_printf("  %s %016llx%s", registers[i].name,
                       (unsigned long long)registers[i].value,
                       i % 3 == 2 ? "\n" : "");
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

static void report(const struct trap_frame *frame)
{
    const struct exception *exception = exception_of(frame->vector);
    char place[SYMBOL_TEXT_BYTES];

    console_printf("\n\033[1;31m%s %s\033[0m, vector %u, error code %#llx\n",
                   exception->mnemonic, exception->name,
                   (unsigned)frame->vector,
                   (unsigned long long)frame->error_code);
    if (frame->vector == VECTOR_PAGE_FAULT)
        print_page_fault(frame->error_code);
    if (frame->vector >= VECTOR_INVALID_TSS &&
        frame->vector <= VECTOR_PROTECTION)
        print_selector(frame->error_code);
    console_printf(
        "  at        0x%016llx %s, cs %#llx\n", (unsigned long long)frame->rip,
        symbols_text(frame->rip, place), (unsigned long long)frame->cs);
    print_registers(frame);
    print_stack(frame);
}

static bool resolve(const struct trap_frame *frame)
{
    const struct cairn_fault fault = {{insn_read_cr2()},
                                      (uint32_t)frame->error_code};

    return fault_resolve(&fault, frame->rip);
}

void trap_handle(struct trap_frame *frame)
{
    static bool is_reporting;
    const struct exception *exception = exception_of(frame->vector);

    if (frame->vector == VECTOR_PAGE_FAULT && resolve(frame))
        return;
    if (probe_catch(frame))
        return;
    if (is_reporting)
        kernel_panic("%s at 0x%llx while another exception is reported",
                     exception->mnemonic, (unsigned long long)frame->rip);
    is_reporting = true;
    report(frame);
    backtrace_print((uintptr_t)frame->rbp);
    kernel_panic("%s (%s)", exception->name, exception->mnemonic);
}
