/*
 * reference.c - what slides in the reference kernel, besides what the boot has
 * mapped (boot/places.h).
 *
 * Areas have half of what is left of the kernel's half, in steps of a table of
 * the third level; stacks may begin at any page.
 */
#include "systems/layouts.h"

static const struct cairn_layout_request requests[] = {
    {.name = "areas",
     .span = {{0xffffc00000000000u}, 16 * CAIRN_TIB},
     .align = CAIRN_GIB,
     .slide = {{0xffffc00000000000u}, 32 * CAIRN_TIB}},
    {.name = "stacks",
     .span = {{0xffffe00000000000u}, 64 * CAIRN_GIB},
     .slide = {{0xffffe00000000000u}, 16 * CAIRN_TIB}},
};

const struct system_layout layout_reference =
    SYSTEM_LAYOUT("reference", CAIRN_PAGING_4LEVEL, requests);
