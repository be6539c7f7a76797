/*
 * levels.c - how many levels the page tables have, and the change from 4 to 5.
 *
 * HOW    The kernel gets 5 levels if the option la57=on asks for them and the
 *        CPU can, else 4.  Firmware mostly runs with 4.  If that differs, the
 *        code of levels_code.S changes it once the firmware has been left.  Its
 *        new root maps what the old one maps, as far as both can: with 5
 *        levels, the old root is what the first entry leads to; with 4, the new
 *        root is a copy of the table that the first entry led to.  The kernel's
 *        own tables follow right after (enter.S).
 *
 *        The option firmware=la57 makes the loader change to 5 levels as its
 *        first step: as if the firmware had done so.  For tests.
 *
 * FAILS  With a message, if there are no frames below 4 GiB.
 *
 * SOURCE Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging".
 */
#include "loader/cpu.h"
#include "loader/loader.h"

#define CPUID_FEATURES_MORE 7u
#define CPUID_ECX_LA57      (1u << 16)
#define RFLAGS_IF           ((uint64_t)1 << 9)
#define ENTRIES             512
#define ENTRY_FLAGS         ((uint64_t)0x3) /* present, writable */
#define ENTRY_ADDRESS       ((uint64_t)0x000ffffffffff000)

/* levels_code.S: to be copied below 4 GiB. */
extern const char levels_code[];
extern const char levels_code_end[];

static bool has_5_levels(void)
{
    return cpu_id(0).a >= CPUID_FEATURES_MORE &&
           (cpu_id(CPUID_FEATURES_MORE).c & CPUID_ECX_LA57) != 0;
}

static unsigned current_levels(void)
{
    return (cpu_read_cr4() & CPU_CR4_LA57) != 0 ? 5 : 4;
}

/* A page for the code, and one for the root behind it. */
static efi_status reserve(struct loader *loader, uint64_t *pages)
{
    efi_status status = memory_alloc_low_code(
        loader, "the change of page tables", 2 * EFI_PAGE_BYTES, pages);

    if (status == EFI_SUCCESS)
        memcpy((void *)*pages, levels_code,
               (size_t)(levels_code_end - levels_code));
    return status;
}

/* Interrupts are off.  The root is made now: the old one is final. */
static void change(uint64_t pages)
{
    typedef void change_levels(uint64_t root);
    uint64_t *root = (uint64_t *)(pages + EFI_PAGE_BYTES);
    const uint64_t *former = (const uint64_t *)(cpu_read_cr3() & ENTRY_ADDRESS);

    if (current_levels() == 4)
        root[0] = (uint64_t)former | ENTRY_FLAGS;
    else
        memcpy(root, (const void *)(former[0] & ENTRY_ADDRESS),
               ENTRIES * sizeof(*root));
    ((change_levels *)pages)((uint64_t)root);
}

efi_status levels_pretend(struct loader *loader)
{
    char value[8];
    uint64_t pages, flags;
    efi_status status;

    if (!command_value(loader, "firmware=", value, sizeof(value)) ||
        !text_equal(value, "la57") || !has_5_levels() || current_levels() == 5)
        return EFI_SUCCESS;
    status = reserve(loader, &pages);
    if (status != EFI_SUCCESS)
        return status;
    flags = cpu_read_flags();
    cpu_interrupts_off();
    change(pages);
    if ((flags & RFLAGS_IF) != 0)
        cpu_interrupts_on();
    console_print("[cairn] firmware=la57: page tables of 5 levels from here\n");
    return EFI_SUCCESS;
}

efi_status levels_choose(struct loader *loader)
{
    char value[8];
    bool is_wanted = command_value(loader, "la57=", value, sizeof(value)) &&
                     text_equal(value, "on");

    loader->levels = is_wanted && has_5_levels() ? 5 : 4;
    if (loader->levels == current_levels())
        return EFI_SUCCESS;
    return reserve(loader, &loader->levels_pages);
}

void levels_change(const struct loader *loader)
{
    if (loader->levels != current_levels())
        change(loader->levels_pages);
}
