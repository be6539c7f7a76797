/*
 * mio.c - MioOS, on i386: everything at its physical address.
 *
 * Image and heap lie in what is mapped at its own address before paging is on:
 * 6 MiB, and the page of frame records behind.
 */
#include "systems/layouts.h"

static const struct cairn_layout_request requests[] = {
    {.name = "identity", .span = {{0}, 6 * CAIRN_MIB + CAIRN_FRAME_SIZE}},
    {.name = "image", .inside = "identity", .span = {{0x100000}, CAIRN_MIB}},
    {.name = "heap", .inside = "identity", .span = {{0x200000}, 3 * CAIRN_MIB}},
    {.name = "records",
     .inside = "identity",
     .span = {{0x600000}, CAIRN_FRAME_SIZE}},
    {.name = "pool", .span = {{0x1f00000}, 0xc0000000u - 0x1f00000u}},
};

const struct system_layout layout_mio =
    SYSTEM_LAYOUT("mio", CAIRN_PAGING_32BIT, requests);
