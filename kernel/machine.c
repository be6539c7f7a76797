/*
 * machine.c - leave: power off, restart, or hand a status to the emulator.
 *
 * HOW    Without ACPI there is no way to switch off real hardware, so only the
 *        ports of emulators are tried, and only where the processor says that
 *        it is emulated: elsewhere they may belong to anything.
 *
 * SOURCE QEMU 7.2, hw/misc/debugexit.c and hw/acpi/ich9.c (ACPI power
 *        management at 0x600); Bochs, bios/acpi-dsdt.dsl; Intel 500 Series
 *        Chipset PCH Datasheet, vol. 2, "Reset Control Register (CF9h)".
 */
#include "machine.h"

#include "console/console.h"
#include "cpu/insn.h"
#include "kernel.h"

#define MACHINE_DEBUG_EXIT    0xf4u
#define MACHINE_DEBUG_SUCCESS 0x10u /* QEMU ends with 2 * this + 1 */
#define MACHINE_DEBUG_FAILURE 0x11u

#define MACHINE_RESET_CONTROL    0xcf9u
#define MACHINE_RESET_SYSTEM     0x02u
#define MACHINE_RESET_CPU        0x04u
#define MACHINE_KEYBOARD_COMMAND 0x64u
#define MACHINE_KEYBOARD_BUSY    0x02u
#define MACHINE_KEYBOARD_RESET   0xfeu
#define MACHINE_POLLS_MAX        100000u

#define MACHINE_CPUID_FEATURES   1u
#define MACHINE_CPUID_HYPERVISOR (1u << 31) /* of ECX */

/* Sleep type and "sleep enable" for the power management port of emulators. */
static const struct {
    uint16_t port;
    uint16_t value;
} power_ports[] = {
    {0x0604, 0x2000}, /* QEMU */
    {0xb004, 0x2000}, /* Bochs, QEMU before 2.0 */
    {0x4004, 0x3400}, /* VirtualBox */
};

CAIRN_NORETURN void machine_halt(void)
{
    console_flush();
    for (;;) {
        insn_interrupts_off();
        insn_halt();
    }
}

static bool is_emulated(void)
{
    struct insn_cpuid features = insn_cpuid(MACHINE_CPUID_FEATURES, 0);
    return (features.ecx & MACHINE_CPUID_HYPERVISOR) != 0;
}

static void try_power_ports(void)
{
    for (size_t i = 0; i < sizeof power_ports / sizeof power_ports[0]; i++)
        insn_out16(power_ports[i].port, power_ports[i].value);
}

/* What was asked of the machine may take a moment. */
static void linger(void)
{
    for (unsigned i = 0; i < MACHINE_POLLS_MAX; i++)
        (void)insn_in8(MACHINE_KEYBOARD_COMMAND);
}

CAIRN_NORETURN void machine_poweroff(bool success)
{
    console_flush();
    if (kernel.holds_at_end) {
        console_printf("[cairn] holding, status %d\n", success ? 0 : 1);
        machine_halt();
    }
    if (kernel.may_exit_qemu)
        insn_out32(MACHINE_DEBUG_EXIT,
                   success ? MACHINE_DEBUG_SUCCESS : MACHINE_DEBUG_FAILURE);
    if (is_emulated()) {
        try_power_ports();
        linger();
    }
    console_printf("It is now safe to switch off.\n");
    machine_halt();
}

static void reset_by_keyboard_controller(void)
{
    unsigned polls = MACHINE_POLLS_MAX;
    while (polls-- > 0 &&
           (insn_in8(MACHINE_KEYBOARD_COMMAND) & MACHINE_KEYBOARD_BUSY))
        insn_pause();
    insn_out8(MACHINE_KEYBOARD_COMMAND, MACHINE_KEYBOARD_RESET);
}

/* Without an interrupt table any exception resets the processor. */
static void triple_fault(void)
{
    const struct {
        uint16_t limit;
        uintptr_t base;
    } CAIRN_PACKED empty = {0, 0};
    __asm__ volatile("lidt %0; int3" : : "m"(empty));
}

CAIRN_NORETURN void machine_reboot(void)
{
    console_flush();
    insn_interrupts_off();
    insn_out8(MACHINE_RESET_CONTROL, MACHINE_RESET_SYSTEM);
    insn_out8(MACHINE_RESET_CONTROL, MACHINE_RESET_SYSTEM | MACHINE_RESET_CPU);
    linger();
    reset_by_keyboard_controller();
    linger();
    triple_fault();
    machine_halt();
}
