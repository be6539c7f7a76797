/*
 * hexium.c - Hexium: areas are found from the higher half's beginning on, where
 * the window lies among them; the last 512 GiB are the kernel's for good.
 */
#include "systems/layouts.h"

static const struct cairn_layout_request requests[] = {
    {.name = "areas",
     .span = {{0xffff800000000000u}, 128 * CAIRN_TIB - 512 * CAIRN_GIB}},
    {.name = "window",
     .inside = "areas",
     .span = {{0xffff800000000000u}, 64 * CAIRN_TIB},
     .align = CAIRN_GIB},
    {.name = "kernel", .span = {{0xffffff8000000000u}, 512 * CAIRN_GIB}},
    {.name = "image",
     .inside = "kernel",
     .span = {{0xffffffff80000000u}, 2 * CAIRN_GIB},
     .align = 2 * CAIRN_MIB},
};

const struct system_layout layout_hexium =
    SYSTEM_LAYOUT("hexium", CAIRN_PAGING_4LEVEL, requests);
