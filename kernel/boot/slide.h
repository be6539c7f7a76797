/*
 * slide.h - the image runs elsewhere than where it is linked to.
 */
#ifndef KERNEL_BOOT_SLIDE_H
#define KERNEL_BOOT_SLIDE_H

#include <stdint.h>

/* An address that is stored in the image; kernelcheck has seen the kind. */
struct slide_relocation {
    uint64_t at; /* both as linked */
    uint64_t kind;
    uint64_t value;
};

/* All of them (kernel.ld). */
extern const struct slide_relocation kernel_relocations[]
    __attribute__((visibility("hidden")));
extern const struct slide_relocation kernel_relocations_end[]
    __attribute__((visibility("hidden")));

/*
 * From entry.S, before anything else in C: store addresses in the image as they
 * are where it is running now.
 */
void slide_relocate_here(void);

/*
 * On the provisional tables of entry.S, where the image is linked to run: map
 * it at `place` as well, and store addresses as they are there.  The caller
 * uses no static data any more that has addresses, and goes there.
 */
void slide_to(uint64_t place, uint64_t bytes);

#endif
