/*
 * fault_counts_live.c - page faults that the kernel resolves, and counts.
 */
#include "cpu/fault.h"
#include "cpu/probe.h"
#include "harness/test.h"
#include "kernel.h"

CAIRN_TEST(I1_live_spurious_faults_are_resolved_until_they_do_not_end)
{
    const struct cairn_fault fault = {{(uintptr_t)&kernel},
                                      CAIRN_FAULT_WRITE | CAIRN_FAULT_PRESENT};
    uint64_t before = fault_count(CAIRN_CAUSE_SPURIOUS);
    unsigned resolved = 0;

    while (resolved < 100 && fault_resolve(&fault, 1))
        resolved++;
    CHECK(resolved > 3 && resolved < 100);
    CHECK(fault_resolve(&fault, 2)); /* somewhere else, it is another one */
    CHECK_EQ(fault_count(CAIRN_CAUSE_SPURIOUS), before + resolved + 2);
}

CAIRN_TEST(I1_live_faults_are_counted_by_cause)
{
    uint64_t absent = fault_count(CAIRN_CAUSE_NOT_MAPPED);
    uint64_t constant = fault_count(CAIRN_CAUSE_NOT_WRITABLE);
    struct probe_fault fault;
    uint8_t value;

    CHECK(!probe_read(8, &value, &fault));
    CHECK_EQ(fault_count(CAIRN_CAUSE_NOT_MAPPED), absent + 1);
    CHECK(!probe_write((uintptr_t)kernel_image_begin, 1, &fault));
    CHECK_EQ(fault_count(CAIRN_CAUSE_NOT_WRITABLE), constant + 1);
}
