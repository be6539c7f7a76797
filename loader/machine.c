/*
 * machine.c - what the firmware knows of the machine: CPUs and the ACPI root.
 *
 * A machine that cannot tell is no error: it has one CPU, and no ACPI.
 *
 * SOURCE UEFI Specification 2.10, 4.6 "EFI Configuration Table & Properties
 *        Table"; PI Specification 1.8, volume 2, "MP Services Protocol".
 */
#include "loader/loader.h"

static uint64_t find_table(const struct efi_system_table *system,
                           const struct efi_guid *vendor)
{
    for (uint64_t i = 0; i < system->table_count; i++)
        if (memcmp(&system->tables[i].vendor, vendor, sizeof(*vendor)) == 0)
            return (uint64_t)system->tables[i].table;
    return 0;
}

/* ACPI 2.0's pointer leads to 64-bit tables, 1.0's to 32-bit ones. */
static uint64_t find_rsdp(const struct efi_system_table *system)
{
    static const struct efi_guid acpi_20_guid = {
        0x8868e871,
        0xe4f1,
        0x11d3,
        {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
    static const struct efi_guid acpi_10_guid = {
        0xeb9d2d30,
        0x2d88,
        0x11d3,
        {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
    uint64_t rsdp = find_table(system, &acpi_20_guid);

    return rsdp != 0 ? rsdp : find_table(system, &acpi_10_guid);
}

/* CPUs that the firmware has enabled, this one included. */
static uint32_t count_cpus(struct efi_boot_services *boot)
{
    static const struct efi_guid mp_services_guid = {
        0x3fdda605,
        0xa76e,
        0x4f46,
        {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}};
    struct efi_mp_services *services;
    uint64_t all, enabled;

    if (boot->locate_protocol(&mp_services_guid, NULL, (void **)&services) !=
            EFI_SUCCESS ||
        services->get_number_of_processors(services, &all, &enabled) !=
            EFI_SUCCESS)
        return 1;
    return enabled == 0 || enabled > UINT32_MAX ? 1 : (uint32_t)enabled;
}

efi_status machine_describe(struct loader *loader)
{
    loader->handoff->system_table = (uint64_t)loader->system;
    loader->handoff->rsdp = find_rsdp(loader->system);
    loader->handoff->cpu_count = count_cpus(loader->boot);
    return EFI_SUCCESS;
}
