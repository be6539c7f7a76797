/*
 * kernel.h - the state of the reference kernel that its parts share.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "boot/places.h"
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

/* Option window=: what the window maps; see windows.h. */
enum kernel_window {
    KERNEL_WINDOW_RAM,
    KERNEL_WINDOW_LEAN,
    KERNEL_WINDOW_BROAD
};

/* Stretches of memory that the window can know. */
#define KERNEL_WINDOW_RANGES 512

struct system_layout;

struct kernel {
    struct cairn_boot boot;
    struct cairn_early early;             /* finished: frames took over */
    struct cairn_early_stats early_stats; /* what it was like then */
    struct cairn_frames frames;
    struct cairn_heap heap;
    struct cairn_pagetable table;   /* its own; in use since tables_start */
    struct cairn_space space;       /* that table, and what is in use of it */
    struct cairn_space_root root;   /* what every CPU loads to be in it */
    struct cairn_areas areas;       /* places for whatever is to be mapped */
    struct cairn_areas stack_areas; /* the same, of stacks */
    struct cairn_stacks stacks;
    struct cairn_window window;
    uint64_t window_base;     /* where physical address 0 is, or would be */
    uint64_t window_places;   /* it was chosen out of so many */
    uint64_t image_places;    /* the image's virtual address, likewise, */
    uint64_t physical_places; /* and its physical one; 0: the boot tells not */
    struct cairn_phys_range window_ranges[KERNEL_WINDOW_RANGES];
    uintptr_t map_window;        /* UEFI: where its memory map is visible */
    uint64_t map_window_bytes;   /* of what is mapped there */
    uint64_t map_window_entries; /* descriptors there; 0 without UEFI */
    uint32_t map_window_stride;  /* bytes from one to the next */
    struct cairn_entropy entropy;
    struct cairn_layout layout;
    const struct system_layout *system; /* that of layout=NAME; NULL: its own */
    unsigned system_number; /* option layout=NAME: counted from 1; 0: its own */
    unsigned frames_engine; /* option engine=: enum cairn_frames_engine */
    unsigned heap_engine;   /* option heap=: enum cairn_heap_engine */
    unsigned heap_level;    /* option heaplevel=: enum cairn_heap_level */
    unsigned identity_option;         /* option identity=: temporary.h */
    unsigned tempheap_option;         /* option tempheap=: the same */
    uint64_t identity_bytes;          /* mapped at their own address; 0: none */
    struct cairn_phys_range tempheap; /* the temporary heap; empty: none */
    uint64_t tempheap_bytes;
    bool tempheap_is_loaders; /* not yet the allocator's */
    unsigned margin_option;   /* option margin=: 1, it is mapped */
    uint64_t margin_below;    /* mapped around the image; 0: guards */
    uint64_t margin_above;
    unsigned window_kind;  /* option window=: enum kernel_window */
    bool has_fixed_layout; /* option nokaslr */
    bool has_seed;         /* option seed=N */
    uint64_t seed;
    bool may_exit_qemu; /* option exit=debug */
    bool holds_at_end;  /* option hold */
    bool is_verbose;    /* option verbose */
    size_t commands_at; /* in the command line; 0: there are none */
};

extern struct kernel kernel;

/* Where the screen is mapped. */
#define KERNEL_FRAMEBUFFER_BASE BOOT_SCREEN_HOME
#define KERNEL_SCREEN_BYTES_MAX BOOT_SCREEN_BYTES_MAX

/* What option margin=mapped maps around the image, at most. */
#define KERNEL_MARGIN_BELOW BOOT_MARGIN_BELOW
#define KERNEL_MARGIN_ABOVE BOOT_MARGIN_ABOVE

/*
 * The image: code, constants, data; whole pages (kernel.ld).  Hidden: their
 * addresses are right before the image is relocated.
 */
#define KERNEL_SYMBOL extern __attribute__((visibility("hidden"))) const char
KERNEL_SYMBOL kernel_image_begin[];
KERNEL_SYMBOL kernel_text_end[];
KERNEL_SYMBOL kernel_rodata_end[];
KERNEL_SYMBOL kernel_image_end[];

/* Where it begins, virtual: where it was linked to run, or slid to. */
static inline uint64_t kernel_virtual_base(void)
{
    return (uintptr_t)kernel_image_begin;
}

/* Kinds of memory that the window always has: all that is or may be RAM. */
#define KERNEL_WINDOW_KINDS                                                    \
    (CAIRN_MEMORY_ALL_KINDS & ~CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_RESERVED) &  \
     ~CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_MMIO) &                               \
     ~CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_FRAMEBUFFER))

/*
 * The pages of the screen; empty if there is none, or one that does not fit
 * into KERNEL_SCREEN_BYTES_MAX: such a screen is not used.
 */
struct cairn_phys_range kernel_screen_range(void);

/* Physical range of the image, from its first byte to the end of .bss. */
struct cairn_phys_range kernel_image_range(void);

/* Say what this is; the first line. */
void kernel_greet(void);

/* Everything is set up: run the commands of the command line. */
CAIRN_NORETURN void kernel_main(void);

#endif
