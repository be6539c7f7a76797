/*
 * hardened.c - the hardened kernel: image, heap and stacks anywhere in the
 * kernel's half, which is the last 2 GiB.
 *
 * Its document does not say how much room heap and stacks have, nor how it
 * reaches physical memory.  The stacks have 64 MiB: 1024 of 64 KiB, less their
 * guards.  The window lies outside of the kernel's half, at a multiple of
 * 1 GiB, so that pages of that size do.
 */
#include "systems/layouts.h"

#define KERNEL_HALF                                                            \
    {                                                                          \
        {0xffffffff80000000u}, 2 * CAIRN_GIB                                   \
    }

static const struct cairn_layout_request requests[] = {
    {.name = "user", .span = {{0}, 128 * CAIRN_TIB}},
    {.name = "window",
     .span = {{0xffff800000000000u}, 16 * CAIRN_TIB},
     .align = CAIRN_GIB,
     .slide = {{0xffff800000000000u}, 64 * CAIRN_TIB}},
    {.name = "kernel", .span = KERNEL_HALF},
    {.name = "image",
     .inside = "kernel",
     .span = {{0xffffffff80000000u}, 16 * CAIRN_MIB},
     .align = 2 * CAIRN_MIB,
     .slide = KERNEL_HALF},
    {.name = "heap",
     .inside = "kernel",
     .span = {{0xffffffffb0000000u}, 256 * CAIRN_MIB},
     .slide = KERNEL_HALF},
    {.name = "stacks",
     .inside = "kernel",
     .span = {{0xffffffffd0000000u}, 64 * CAIRN_MIB},
     .slide = KERNEL_HALF},
};

const struct system_layout layout_hardened =
    SYSTEM_LAYOUT("hardened", CAIRN_PAGING_4LEVEL, requests);
