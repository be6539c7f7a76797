/*
 * cmd_probe.c - probe: one access, and what the CPU says of it.
 */
#include "console/console.h"
#include "cpu/descriptors.h"
#include "cpu/probe.h"
#include "monitor/monitor.h"
#include "monitor/text.h"

static int print_fault(const struct probe_fault *fault)
{
    console_printf("exception %u, error code %#llx", fault->vector,
                   (unsigned long long)fault->error);
    if (fault->vector == VECTOR_PAGE_FAULT)
        console_printf(", address 0x%016llx",
                       (unsigned long long)fault->address);
    console_printf("\n");
    return 0;
}

/* probe read ADDRESS */
static int probe_by_read(uint64_t va)
{
    struct probe_fault fault;
    uint8_t value;
    if (!probe_read((uintptr_t)va, &value, &fault))
        return print_fault(&fault);
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
        return print_fault(&fault);
    console_printf("wrote 0x%02x, which was there\n", (unsigned)value);
    return 0;
}

static int run_probe(int argc, char **argv)
{
    uint64_t va;
    if (argc != 3)
        return monitor_fail("probe: wants read or write, and an address");
    if (monitor_number(argv[0], argv[2], &va) != 0)
        return 1;
    if (text_is_equal(argv[1], "read"))
        return probe_by_read(va);
    if (text_is_equal(argv[1], "write"))
        return probe_by_write(va);
    return monitor_fail("probe: %.40s is neither read nor write", argv[1]);
}

MONITOR_COMMAND(probe, "read | write ADDRESS",
                "access a byte and say whether that faults; changes nothing",
                run_probe)
