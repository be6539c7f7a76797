/*
 * kernel.h - the state of the reference kernel that its parts share.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <cairn/boot.h>
#include <cairn/early.h>
#include <cairn/frames.h>
#include <cairn/window.h>

/* Stretches of memory that the window can know. */
#define KERNEL_WINDOW_RANGES 512

struct kernel {
    struct cairn_boot boot;
    struct cairn_early early;             /* finished: frames took over */
    struct cairn_early_stats early_stats; /* what it was like then */
    struct cairn_frames frames;
    struct cairn_frames_config frames_config;
    struct cairn_window window;
    struct cairn_phys_range window_ranges[KERNEL_WINDOW_RANGES];
    uintptr_t map_window;        /* UEFI: where its memory map is visible */
    uint64_t map_window_entries; /* descriptors there; 0 without UEFI */
    uint32_t map_window_stride;  /* bytes from one to the next */
    bool may_exit_qemu;          /* option exit=debug */
    bool holds_at_end;           /* option hold */
    bool is_verbose;             /* option verbose */
};

extern struct kernel kernel;

/* Where the kernel's image begins, virtual: the link base. */
#define KERNEL_VIRTUAL_BASE 0xffffffff80000000u
/* Where physical memory and the screen are mapped. */
#define KERNEL_WINDOW_BASE      0xffff800000000000u
#define KERNEL_FRAMEBUFFER_BASE 0xffffffff90000000u

/* Physical range of the image, from its first byte to the end of .bss. */
struct cairn_phys_range kernel_image_range(void);

/* Everything is set up: greet, run the commands of the command line. */
CAIRN_NORETURN void kernel_main(void);

#endif
