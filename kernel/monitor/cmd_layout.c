/*
 * cmd_layout.c - layout: what lies where, and how hard it is to guess.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"

/* Of the image; its virtual place is in the layout. */
static void print_physical(void)
{
    const struct cairn_layout_range place = {.places = kernel.physical_places};
    unsigned bits = place.places > 1 ? cairn_layout_entropy(&place) : 0;

    console_printf("image, physical: 0x%llx, %u.%u bits%s\n",
                   (unsigned long long)kernel_image_range().start.value,
                   bits / 100, bits / 10 % 10,
                   place.places == 0 ? ": the loader's choice" : "");
}

static int run_layout(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return monitor_fail("layout: wants no arguments");
    cairn_report_layout(&kernel.layout, &monitor_sink);
    print_physical();
    console_printf("random numbers: %s%s\n",
                   cairn_entropy_text(kernel.entropy.state),
                   kernel.has_fixed_layout ? ", not used: nokaslr" : "");
    return 0;
}

MONITOR_COMMAND(layout, "", "what lies where, and how hard it is to guess",
                run_layout)
