/*
 * init.c - the library's start-up order; the only file that sees every layer.
 *
 * TESTS  tests/init.c
 */
#include <cairn/init.h>

/* The BIOS keeps its data and its stacks below 1 MiB. */
#define BIOS_FLOOR CAIRN_MIB

enum cairn_status cairn_init_early(struct cairn_boot *boot,
                                   struct cairn_phys_range kernel,
                                   cairn_phys limit, struct cairn_early *early)
{
    struct cairn_early_config config = {.window = {{0}, limit}};
    enum cairn_status status;

    if (boot == NULL || early == NULL ||
        kernel.end.value < kernel.start.value ||
        limit.value > CAIRN_PHYS_LIMIT || boot->map.is_finished)
        return CAIRN_BAD_ARGUMENT;
    if (kernel.start.value != kernel.end.value)
        boot->kernel = kernel;
    status = cairn_memmap_reserve(&boot->map, boot->kernel.start.value,
                                  cairn_phys_range_bytes(boot->kernel),
                                  CAIRN_MEMORY_KERNEL);
    if (status != CAIRN_OK)
        return status;
    status = cairn_memmap_finish(
        &boot->map, cairn_phys_make(boot->is_bios ? BIOS_FLOOR : 0));
    if (status != CAIRN_OK)
        return status;
    status = cairn_early_init(early, &boot->map, &config);
    if (status != CAIRN_OK)
        return status;
    cairn_early_track(early);
    (void)cairn_early_reserve(early, CAIRN_EARLY_RESERVE_MAX);
    return CAIRN_OK;
}
