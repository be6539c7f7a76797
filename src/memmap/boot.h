/*
 * memmap/boot.h - what the adapters of all boot protocols share.
 *
 * Boot structures are read byte by byte (no alignment, no aliasing) and from
 * physical memory (nothing is touched that no window covers).
 */
#ifndef CAIRN__MEMMAP_BOOT_H
#define CAIRN__MEMMAP_BOOT_H

#include <cairn/boot.h>

/* Little-endian numbers at any alignment. */
uint16_t cairn__boot_read16(const void *from);
uint32_t cairn__boot_read32(const void *from);
uint64_t cairn__boot_read64(const void *from);

/* Empty everything and start the memory map. */
CAIRN_MUST_CHECK enum cairn_status cairn__boot_begin(struct cairn_boot *boot,
                                                     const char *protocol);

/*
 * The bytes at physical `address`; NULL if it is 0, `bytes` is 0 or too large
 * for a pointer, or a byte is not reachable.
 */
const void *cairn__boot_at(uint64_t address, uint64_t bytes);

/* The same for a table of `count` elements; NULL also on overflow. */
const void *cairn__boot_table_at(uint64_t address, uint64_t count,
                                 uint32_t element_bytes);

/*
 * Copy text of at most `limit` bytes, that ends earlier at a '\0', into
 * `to[bytes]`, always terminated.  True: it was cut.
 */
bool cairn__boot_copy_text(char *to, size_t bytes, const char *from,
                           uint64_t limit);

/* Copy text from physical memory, as far as it is reachable. */
bool cairn__boot_copy_text_at(char *to, size_t bytes, uint64_t address);

/* Copy the command line; remembers whether it was cut. */
void cairn__boot_command_line(struct cairn_boot *boot, const char *from,
                              uint64_t limit);
void cairn__boot_command_line_at(struct cairn_boot *boot, uint64_t address);

/* Add an entry by its E820 number (also Multiboot 1 and 2). */
CAIRN_MUST_CHECK enum cairn_status cairn__boot_add_e820(struct cairn_boot *boot,
                                                        uint64_t base,
                                                        uint64_t length,
                                                        uint32_t number);

/*
 * Add UEFI memory descriptors, each `stride` bytes after the other.
 * CAIRN_BAD_BOOT_DATA if the last one is incomplete.
 */
CAIRN_MUST_CHECK enum cairn_status cairn__boot_add_uefi(struct cairn_boot *boot,
                                                        const uint8_t *buffer,
                                                        uint64_t bytes,
                                                        uint64_t stride);

/* Note a module and reserve its memory; NULL name for none. */
CAIRN_MUST_CHECK enum cairn_status
cairn__boot_add_module(struct cairn_boot *boot, uint64_t start, uint64_t bytes,
                       const char *name, uint64_t name_limit);

/* A channel order B,G,R,x or R,G,B,x of 8 bits each. */
void cairn__boot_set_colours(struct cairn_framebuffer *screen, bool is_rgb);

/*
 * Take `screen` over if it makes sense (32 bits a pixel are the caller's
 * business): it must have pixels, a pitch that holds a line, and lie below
 * CAIRN_PHYS_LIMIT.  Its memory is reserved; a screen that makes no sense is
 * as good as none.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn__boot_set_screen(struct cairn_boot *boot,
                       const struct cairn_framebuffer *screen);

#endif
