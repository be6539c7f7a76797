/*
 * layouts.c - the layouts of all systems.
 */
#include "systems/layouts.h"

const struct system_layout *const system_layouts[SYSTEM_LAYOUTS] = {
    &layout_theseus, &layout_slayer, &layout_hardened,
    &layout_mio,     &layout_hexium,
};
