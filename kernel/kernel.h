/*
 * kernel.h - the state of the reference kernel that its parts share.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <cairn/boot.h>
#include <cairn/early.h>
#include <cairn/entropy.h>
#include <cairn/frames.h>
#include <cairn/heap.h>
#include <cairn/layout.h>
#include <cairn/paging.h>
#include <cairn/space.h>
#include <cairn/stack.h>
#include <cairn/window.h>

/* Stretches of memory that the window can know. */
#define KERNEL_WINDOW_RANGES 512

struct system_layout;

struct kernel {
    struct cairn_boot boot;
    struct cairn_early early;             /* finished: frames took over */
    struct cairn_early_stats early_stats; /* what it was like then */
    struct cairn_frames frames;
    struct cairn_frames_config frames_config;
    struct cairn_heap heap;
    struct cairn_pagetable table;   /* its own; in use since tables_start */
    struct cairn_space space;       /* that table, and what is in use of it */
    struct cairn_space_root root;   /* what every CPU loads to be in it */
    struct cairn_areas areas;       /* places for whatever is to be mapped */
    struct cairn_areas stack_areas; /* the same, of stacks */
    struct cairn_stacks stacks;
    struct cairn_window window;
    struct cairn_phys_range window_ranges[KERNEL_WINDOW_RANGES];
    uintptr_t map_window;        /* UEFI: where its memory map is visible */
    uint64_t map_window_bytes;   /* of what is mapped there */
    uint64_t map_window_entries; /* descriptors there; 0 without UEFI */
    uint32_t map_window_stride;  /* bytes from one to the next */
    struct cairn_entropy entropy;
    struct cairn_layout layout;
    const struct system_layout *system; /* option layout=NAME; NULL: its own */
    bool has_fixed_layout;              /* option nokaslr */
    bool has_seed;                      /* option seed=N */
    uint64_t seed;
    bool may_exit_qemu; /* option exit=debug */
    bool holds_at_end;  /* option hold */
    bool is_verbose;    /* option verbose */
};

extern struct kernel kernel;

/* Where the kernel's image begins, virtual: the link base. */
#define KERNEL_VIRTUAL_BASE 0xffffffff80000000u
/* Where physical memory and the screen are mapped. */
#define KERNEL_WINDOW_BASE      0xffff800000000000u
#define KERNEL_FRAMEBUFFER_BASE 0xffffffff90000000u
#define KERNEL_SCREEN_BYTES_MAX (256 * CAIRN_MIB)

/* The image: code, constants, data; whole pages (kernel.ld). */
extern const char kernel_image_begin[];
extern const char kernel_text_end[];
extern const char kernel_rodata_end[];
extern const char kernel_image_end[];

/* Physical range of the image, from its first byte to the end of .bss. */
struct cairn_phys_range kernel_image_range(void);

/* Everything is set up: greet, run the commands of the command line. */
CAIRN_NORETURN void kernel_main(void);

#endif
