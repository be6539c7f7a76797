/*
 * exit.c - leaves the firmware and enters the kernel.
 *
 * HOW    Everything is allocated, so the last memory map shows it all.  The
 *        firmware agrees to leave only if nobody changed the map since, which
 *        a timer of its own can do: then get the map again, into the same
 *        buffer, and ask again.
 *
 * STATES Until the first ExitBootServices the loader can give up and return.
 *        From then on it may only get maps and ask again; if that fails for
 *        good, the machine stops with a message on the serial line.
 *
 * SOURCE UEFI Specification 2.10, 7.4.6 "EFI_BOOT_SERVICES.
 *        ExitBootServices()"; Intel SDM vol. 3A, "Control Registers".
 */
#include "loader/cpu.h"
#include "loader/loader.h"

#define TRIES 8

static efi_status leave(struct loader *loader)
{
    return loader->boot->exit_boot_services(loader->image, loader->map.key);
}

CAIRN_NORETURN static void stop(efi_status status)
{
    console_fail(status,
                 "the firmware does not end its services: %s.\n"
                 "  Switch the machine off, and update the firmware.\n",
                 console_status_text(status));
    cpu_interrupts_off();
    for (;;)
        cpu_halt();
}

/* The first try has failed because the map has changed since. */
static void leave_again(struct loader *loader, efi_status status)
{
    for (unsigned i = 0; i < TRIES && status == EFI_INVALID_PARAMETER; i++) {
        status = memory_map_take(loader);
        if (status == EFI_SUCCESS)
            status = leave(loader);
    }
    if (status != EFI_SUCCESS)
        stop(status);
}

static void finish_handoff(struct loader *loader)
{
    const struct memory_map *map = &loader->map;
    struct cairn_handoff *handoff = loader->handoff;

    handoff->boot_services_exited = 1;
    handoff->map_base = map->base;
    handoff->map_bytes = map->bytes;
    handoff->map_entries = memory_map_count(map);
    handoff->map_descriptor_bytes = (uint32_t)map->stride;
    handoff->map_descriptor_version = map->version;
}

/*
 * What the new tables need, and no TLB entry that outlives the old ones: the
 * kernel's global pages are switched on after CR3 is loaded.
 */
static void prepare_cpu(void)
{
    cpu_interrupts_off();
    if (cpu_has_nx())
        cpu_write_msr(CPU_MSR_EFER, cpu_read_msr(CPU_MSR_EFER) | CPU_EFER_NXE);
    cpu_write_cr4(cpu_read_cr4() & ~(CPU_CR4_PGE | CPU_CR4_PCID | CPU_CR4_CET));
}

efi_status exit_to_kernel(struct loader *loader)
{
    uint64_t window = loader->handoff->window_base; /* it may be spoilt */
    efi_status status;

    memory_record(loader, enter_page());
    console_print("[cairn] leaving the firmware\n");
    status = memory_map_take(loader);
    if (status != EFI_SUCCESS)
        return console_fail(status,
                            "cannot get the last memory map: %s.\n"
                            "  Start again.\n",
                            console_status_text(status));
    status = leave(loader);
    console_leave_firmware();
    if (status != EFI_SUCCESS)
        leave_again(loader, status);

    prepare_cpu();
    levels_change(loader);
    finish_handoff(loader);
    sabotage_apply(loader);
    enter_kernel(loader->root, window + loader->stack + LOADER_STACK_BYTES,
                 loader->kernel.entry + loader->slide,
                 (uint64_t)loader->handoff, window);
}

uint64_t enter_page(void)
{
    return (uint64_t)enter_kernel & ~(uint64_t)(EFI_PAGE_BYTES - 1);
}
