/*
 * probe_live.c - accesses that fault do not end the kernel, and say why.
 *
 * On the page tables that the boot has left; on others: fault_live.c.
 */
#include "cpu/descriptors.h"
#include "cpu/insn.h"
#include "cpu/probe.h"
#include "kernel/space.h"

static uint8_t data = 0x5a;
static const uint8_t constant = 0xa5;
static struct probe_fault fault;

static void expect(unsigned vector, uint64_t error, uint64_t address)
{
    CHECK_EQ(fault.vector, vector);
    CHECK_EQ(fault.error, error);
    CHECK_EQ(fault.address, address);
}

CAIRN_TEST(I5_live_probes_that_are_allowed)
{
    uint8_t value = 0;

    CHECK(probe_read((uintptr_t)&data, &value, &fault));
    CHECK_EQ(value, 0x5a);
    CHECK(probe_write((uintptr_t)&data, 0x77, &fault));
    CHECK_EQ(*(volatile uint8_t *)&data, 0x77);
    CHECK(probe_write((uintptr_t)&data, 0x5a, &fault));
    CHECK(probe_read((uintptr_t)&constant, &value, &fault));
    CHECK_EQ(value, 0xa5);
}

CAIRN_TEST(I5_live_probes_say_what_is_wrong)
{
    uint8_t value = 0x11;

    CHECK(!probe_read(0x1234, &value, &fault));
    expect(VECTOR_PAGE_FAULT, 0, 0x1234);
    CHECK_EQ(value, 0x11);
    CHECK(!probe_write(0x1235, 0, &fault));
    expect(VECTOR_PAGE_FAULT, 2, 0x1235);
    CHECK(!probe_write((uintptr_t)&constant, 0, &fault));
    expect(VECTOR_PAGE_FAULT, 3, (uintptr_t)&constant);
    if (space_has_nx()) {
        CHECK(!probe_exec((uintptr_t)&data, &fault));
        expect(VECTOR_PAGE_FAULT, 0x11, (uintptr_t)&data);
    }
    CHECK(!probe_exec(0x1236, &fault));
    expect(VECTOR_PAGE_FAULT, space_fetch_error(), 0x1236);
    CHECK(!probe_read((uintptr_t)1 << 62, &value, &fault));
    expect(VECTOR_PROTECTION, 0, 0);
    CHECK_EQ(constant, 0xa5);
}

/* What a function keeps is kept, and so are flags and segments. */
CAIRN_TEST(I5_live_probes_leave_no_trace)
{
    uintptr_t flags = insn_read_flags();
    uintptr_t cr4 = insn_read_cr4();
    uint64_t sum = 0;
    uint8_t value;
    uint16_t segment;

    for (uint64_t i = 0; i < 1000; i++) {
        CHECK(!probe_read(i, &value, &fault));
        CHECK_EQ(fault.address, i);
        CHECK(!probe_user_exec(i, &fault));
        expect(VECTOR_PAGE_FAULT, 4 | space_fetch_error(), i);
        sum += i;
    }
    CHECK_EQ(sum, 499500);
    CHECK_EQ(insn_read_flags() & 0x40600, flags & 0x40600);
    CHECK_EQ(insn_read_cr4(), cr4);
    __asm__ volatile("movw %%ds, %0" : "=r"(segment));
    CHECK_EQ(segment, SELECTOR_DATA);
    __asm__ volatile("movw %%ss, %0" : "=r"(segment));
    CHECK_EQ(segment, SELECTOR_DATA);
}

CAIRN_TEST(J6_live_what_the_CPU_has_of_protection_is_on)
{
    uintptr_t cr4 = insn_read_cr4();
    struct insn_cpuid features = {0, 0, 0, 0};

    if (insn_cpuid(0, 0).eax >= 7)
        features = insn_cpuid(7, 0);
    CHECK_EQ((cr4 & INSN_CR4_SMEP) != 0, features.ebx >> 7 & 1);
    CHECK_EQ((cr4 & INSN_CR4_SMAP) != 0, features.ebx >> 20 & 1);
    CHECK_EQ((cr4 & INSN_CR4_UMIP) != 0, features.ecx >> 2 & 1);
}
