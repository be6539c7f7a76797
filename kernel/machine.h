/*
 * machine.h - leave: power off, restart, or hand a status to the emulator.
 */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include <cairn/compiler.h>
#include <stdbool.h>

/*
 * Switch the machine off.
 *
 *   success  what a run under QEMU shall report (option exit=debug): true
 *            ends it with 33, false with 35.  With option hold the kernel
 *            prints "[cairn] holding, status N" (0 or 1) and stops instead.
 */
CAIRN_NORETURN void machine_poweroff(bool success);

/* Restart through the keyboard controller, else by a triple fault. */
CAIRN_NORETURN void machine_reboot(void);

/* Stop this CPU for good, interrupts off. */
CAIRN_NORETURN void machine_halt(void);

#endif
