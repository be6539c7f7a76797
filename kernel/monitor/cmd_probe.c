/*
 * cmd_probe.c - probe: one access, and what the CPU says of it.
 */
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/fault.h"
#include "cpu/insn.h"
#include "cpu/probe.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/ptwalk.h>

/* Whose mistake it would be. */
static void print_mistake(const struct probe_fault *from)
{
    const struct cairn_fault fault = {{from->address}, (uint32_t)from->error};
    struct cairn_fault_report report;
    char text[CAIRN_FAULT_TEXT_BYTES];
    fault_explain(&fault, &report);
    console_printf(
        ", address 0x%016llx: %s, %s\n", (unsigned long long)from->address,
        cairn_fault_access_text(&fault), cairn_fault_text(&report, text));
}

static int print_fault(uint64_t va, const struct probe_fault *fault)
{
    console_printf("exception %u, error code %#llx", fault->vector,
                   (unsigned long long)fault->error);
    if (fault->vector == VECTOR_PAGE_FAULT)
        print_mistake(fault);
    else if (!trap_is_canonical(va))
        console_printf(": the address is not canonical\n");
    else
        console_printf("\n");
    return 0;
}

/* probe read ADDRESS */
static int probe_by_read(uint64_t va)
{
    struct probe_fault fault;
    uint8_t value;
    if (!probe_read((uintptr_t)va, &value, &fault))
        return print_fault(va, &fault);
    console_printf("read 0x%02x\n", (unsigned)value);
    return 0;
}

/* probe write ADDRESS: what is there already */
static int probe_by_write(uint64_t va)
{
    struct probe_fault fault;
    uint8_t value;
    if (!probe_read((uintptr_t)va, &value, &fault) ||
        !probe_write((uintptr_t)va, value, &fault))
        return print_fault(va, &fault);
    console_printf("wrote 0x%02x, which was there\n", (unsigned)value);
    return 0;
}

/* probe exec ADDRESS: only where that faults, else nobody comes back */
static int probe_by_exec(uint64_t va)
{
    struct probe_fault fault;
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping page;
    (void)cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                       cairn_va_make(va), steps, &page);
    if (page.is_mapped && (page.rights & CAIRN_PAGE_EXEC) != 0)
        return monitor_fail("probe: 0x%016llx can be executed; not tried",
                            (unsigned long long)va);
    if (!trap_is_canonical(va))
        return monitor_fail("probe: 0x%016llx is not canonical",
                            (unsigned long long)va);
    if (probe_exec((uintptr_t)va, &fault))
        return monitor_fail("probe: that was executed");
    return print_fault(va, &fault);
}

static int run_probe(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(uint64_t va);
    } ways[] = {{"read", probe_by_read},
                {"write", probe_by_write},
                {"exec", probe_by_exec}};
    uint64_t va;
    if (argc != 3)
        return monitor_fail("probe: wants read, write or exec, and an address");
    if (monitor_number(argv[0], argv[2], &va) != 0)
        return 1;
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (text_is_equal(argv[1], ways[i].name))
            return ways[i].run(va);
    }
    return monitor_fail("probe: %.40s is neither read, write nor exec",
                        argv[1]);
}

MONITOR_COMMAND(probe, "read | write | exec ADDRESS",
                "access a byte and say whether that faults; changes nothing",
                run_probe)
