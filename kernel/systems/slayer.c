/*
 * slayer.c - SlayerOS: the image in the last 2 GiB, all else in the window of
 * the boot loader, which is Limine's and may lie elsewhere than here.
 */
#include "systems/layouts.h"

static const struct cairn_layout_request requests[] = {
    {.name = "user", .span = {{0}, 128 * CAIRN_TIB}},
    {.name = "window",
     .span = {{0xffff800000000000u}, 64 * CAIRN_TIB},
     .align = 2 * CAIRN_MIB},
    {.name = "image",
     .span = {{0xffffffff80000000u}, 2 * CAIRN_GIB},
     .align = 2 * CAIRN_MIB},
};

const struct system_layout layout_slayer =
    SYSTEM_LAYOUT("slayer", CAIRN_PAGING_4LEVEL, requests);
