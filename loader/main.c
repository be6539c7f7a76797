/*
 * main.c - the loader's story: from the firmware's call to the kernel.
 *
 * Cairn's loader is a UEFI application.  It reads the kernel and its command
 * line from the volume that it was started from, puts the kernel at a random
 * place in memory, builds page tables, describes the machine in a hand-off
 * structure (cairn/handoff.h), leaves the firmware, and enters the kernel.
 *
 * The order below matters twice: memory is allocated before the page tables
 * are built, as these include it; and the memory map that the kernel gets is
 * the last thing that the firmware is asked for.
 *
 * FAILS  Any step can end the loader: what has been allocated goes back, the
 *        user has ten seconds to read, and the firmware tries the next entry
 *        of its boot order.
 *
 * NOT    No i386, no Secure Boot signature, no network; no other file system
 *        than the firmware's.
 */
#include "loader/loader.h"
#include <cairn/version.h>

#define VENDOR_CHARS 40

static void greet(const struct efi_system_table *system)
{
    uint32_t revision = system->header.revision;
    char vendor[VENDOR_CHARS];
    size_t length = 0;

    while (length < VENDOR_CHARS - 1 && system->firmware_vendor != NULL &&
           system->firmware_vendor[length] != 0) {
        efi_char16 wide = system->firmware_vendor[length];

        vendor[length++] = wide >= ' ' && wide < 0x7f ? (char)wide : '?';
    }
    vendor[length] = '\0';
    console_print("[cairn] loader %s, UEFI %u.%u%u by %s\n", CAIRN_VERSION_TEXT,
                  revision >> 16, (revision & 0xffff) / 10,
                  (revision & 0xffff) % 10, vendor);
}

/* The loader's own description, which names the volume it came from. */
static efi_status find_self(struct loader *loader)
{
    static const struct efi_guid loaded_image_guid = {
        0x5b1b31a1,
        0x9562,
        0x11d2,
        {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
    efi_status status = loader->boot->handle_protocol(
        loader->image, &loaded_image_guid, (void **)&loader->self);

    if (status == EFI_SUCCESS)
        return EFI_SUCCESS;
    return console_fail(status,
                        "the firmware does not tell where I came from: %s.\n"
                        "  Update the firmware.\n",
                        console_status_text(status));
}

static efi_status prepare(struct loader *loader)
{
    static efi_status (*const steps[])(struct loader *) = {
        find_self,         /* the volume */
        command_read,      /* cmdline.txt */
        levels_pretend,    /* tests only */
        levels_choose,     /* of page tables: 4 or 5 */
        image_read,        /* kernel.elf, checked */
        memory_reserve,    /* hand-off, memory map, heap, stack */
        command_hand_over, /* a copy that the kernel keeps */
        random_start,      /* what the next ones are drawn from */
        image_place,       /* a random place, and the kernel in it */
        machine_describe,  /* CPUs, ACPI */
        screen_describe,   /* the frame buffer */
        sabotage_choose,   /* tests only */
        tables_build,      /* all of the above, mapped */
    };
    efi_status status = EFI_SUCCESS;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        status = steps[i](loader);
        if (status != EFI_SUCCESS)
            break;
    }
    return status;
}

efi_status efi_main(efi_handle image, struct efi_system_table *system)
{
    static struct loader loader;
    efi_status status;

    loader.image = image;
    loader.system = system;
    loader.boot = system->boot;
    console_begin(system);
    greet(system);

    status = prepare(&loader);
    if (status == EFI_SUCCESS)
        status = exit_to_kernel(&loader);
    memory_free_all(&loader);
    console_wait_for_key();
    return status;
}
