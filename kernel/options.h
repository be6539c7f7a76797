/*
 * options.h - the command line: options -- commands
 *
 *   exit=debug   report the end to QEMU's device isa-debug-exit
 *   hold         stop at the end and keep the screen
 *   verbose      say what the page tables map, before any command
 *   la57=on      5 levels of page tables, if the CPU can (boot/entry.S; loader)
 *   nokaslr      everything that could be at a random address is at a fixed one
 *   seed=N       the same random numbers each time
 *   layout=NAME  what lies where: cairn (default), or as theseus, slayer,
 *                hardened or hexium have it; then nothing slides in the boot
 *   identity=... an identity map: never (default), drop, keep (temporary.h)
 *   tempheap=...     a temporary heap: the same
 *   margin=...   around the image: guards (default), mapped (layout.c)
 *   window=KIND  what the window maps: ram (default), lean, broad (windows.h)
 *   starve       behind another option: the boot finds no frames for page
 *                tables, and panics; Multiboot 2 and PVH only (boot/boot.c)
 *   engine=NAME  how frames are found: tree (default), bitmap, freelist
 *   heap=NAME    how the heap is kept: slab (default), firstfit
 *   heaplevel=N  how much of its misuse is noticed: 0, 1 (default), 2
 *
 * Unknown options are ignored: boot loaders add their own.
 */
#ifndef KERNEL_OPTIONS_H
#define KERNEL_OPTIONS_H

/* Take the options of kernel.boot's command line into `kernel`. */
void options_take(void);

#endif
