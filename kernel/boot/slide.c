/*
 * slide.c - the image runs elsewhere than where it is linked to.
 *
 * HOW    Code finds its data relative to itself, so only addresses that are
 *        stored in data depend on the place.  The linker lists them; each gets
 *        its address at link time plus the distance.  Nothing is added to what
 *        is there, so a loader may have done the same.  All are in the image's
 *        writable segment (tools/kernelcheck), so no code or constant changes,
 *        and nothing that is executable need be writable for it.
 *
 * SOURCE System V ABI, AMD64 Architecture Processor Supplement 1.0, 4.4.1
 *        "Relocation Types"; System V ABI, edition 4.1, chapter 4
 *        "Relocation".
 *
 * TESTS  tests/kernel/slide_live.c; many boots (tools/testall, random-places)
 */
#include "boot/slide.h"

#include "kernel.h"

/* Of entry.S: what is mapped in the 1 GiB from the link address on. */
extern uint64_t boot_image[] __attribute__((visibility("hidden")));

/* Make all addresses that are stored in the image right for `place`. */
static void relocate(uint64_t place)
{
    uint64_t here = kernel_virtual_base() - BOOT_IMAGE_HOME;
    const struct slide_relocation *one = kernel_relocations;

    for (; one < kernel_relocations_end; one++)
        *(volatile uint64_t *)(one->at + here) =
            one->value + (place - BOOT_IMAGE_HOME);
}

void slide_relocate_here(void)
{
    relocate(kernel_virtual_base());
}

void slide_to(uint64_t place, uint64_t bytes)
{
    uint64_t by = (place - BOOT_IMAGE_HOME) / BOOT_IMAGE_ALIGN;
    uint64_t count = (bytes + BOOT_IMAGE_ALIGN - 1) / BOOT_IMAGE_ALIGN;

    /* What was not mapped is in no TLB.  From the end on: both may overlap. */
    for (uint64_t i = count; i-- > 0;)
        *(volatile uint64_t *)&boot_image[i + by] = boot_image[i];
    relocate(place);
}
