/*
 * theseus.c - TheseusOS: everything at a fixed address.
 *
 * The registers of the local APIC and the I/O APIC are seen through the window.
 * Stacks come out of the areas; which part is theirs, nothing says.  The screen
 * must end before the temporary heap begins.
 */
#include "systems/layouts.h"

static const struct cairn_layout_request requests[] = {
    {.name = "identity", .span = {{0}, CAIRN_GIB}, .align = 2 * CAIRN_MIB},
    {.name = "window",
     .span = {{0xffff800000000000u}, 16 * CAIRN_TIB},
     .align = 2 * CAIRN_MIB},
    {.name = "io apic",
     .inside = "window",
     .span = {{0xffff8000fec00000u}, CAIRN_MIB}},
    {.name = "local apic",
     .inside = "window",
     .span = {{0xffff8000fee00000u}, CAIRN_MIB}},
    {.name = "areas", .span = {{0xffff900000000000u}, 32 * CAIRN_TIB}},
    {.name = "stacks",
     .inside = "areas",
     .span = {{0xffffaff000000000u}, 64 * CAIRN_GIB}},
    {.name = "acpi", .span = {{0xffffff8000000000u}, 32 * CAIRN_GIB}},
    {.name = "map copy", .span = {{0xffffff8800000000u}, CAIRN_GIB}},
    {.name = "temporary", .span = {{0xfffffffe00000000u}, CAIRN_FRAME_SIZE}},
    {.name = "image margin", .span = {{0xffffffff7fff0000u}, 64 * CAIRN_KIB}},
    {.name = "image",
     .span = {{0xffffffff80000000u}, 256 * CAIRN_MIB},
     .align = 2 * CAIRN_MIB},
    {.name = "framebuffer", .span = {{0xffffffff90000000u}, 256 * CAIRN_MIB}},
    {.name = "temporary heap", .span = {{0xffffffffa0000000u}, CAIRN_MIB}},
    {.name = "heap", .span = {{0xffffffffb0000000u}, CAIRN_MIB}},
};

const struct system_layout layout_theseus =
    SYSTEM_LAYOUT("theseus", CAIRN_PAGING_4LEVEL, requests);
