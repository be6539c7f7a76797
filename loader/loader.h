/*
 * loader.h - what the parts of the UEFI loader share.
 *
 * One struct loader travels through all steps.  A step returns EFI_SUCCESS, or
 * has told the user what failed and what to do (console_fail) and returns a
 * status that ends the loader.  Addresses are physical unless their name says
 * `virt`; firmware maps all memory at its own address, so they are pointers.
 */
#ifndef LOADER_LOADER_H
#define LOADER_LOADER_H

#include "boot/elf.h"
#include "boot/places.h"
#include "loader/efi.h"
#include <cairn/handoff.h>

#define LOADER_HEAP_BYTES       CAIRN_MIB
#define LOADER_STACK_BYTES      (64 * CAIRN_KIB)
#define LOADER_COMMAND_LINE_MAX 1023 /* without '\0' */

struct sabotage;

/* A UEFI memory map; each allocation and release makes it a little older. */
struct memory_map {
    uint64_t base; /* of the buffer */
    uint64_t capacity;
    uint64_t bytes;
    uint64_t stride; /* bytes from one descriptor to the next */
    uint32_t version;
    uint64_t key;
};

struct loader {
    efi_handle image;
    struct efi_system_table *system;
    struct efi_boot_services *boot;
    const struct efi_loaded_image *self;

    char command_line[LOADER_COMMAND_LINE_MAX + 1];
    const struct sabotage *sabotage; /* NULL: none */

    uint64_t file; /* the kernel's file, until it is placed */
    uint64_t file_bytes;
    struct boot_elf kernel;
    uint64_t slide; /* where it is put, minus where it is linked to */

    /* NULL: nothing is left to chance. */
    struct cairn_entropy *chance;

    /* All that the loader has allocated; see memory.c. */
    struct cairn_handoff_range owned[CAIRN_HANDOFF_RANGES_MAX];
    size_t owned_count;

    struct memory_map map;
    struct cairn_handoff *handoff;
    uint64_t stack;
    unsigned levels;       /* of the kernel's page tables: 4 or 5 */
    uint64_t levels_pages; /* to get there, if the firmware has others; or 0 */
    uint64_t root;         /* of the kernel's page tables */
};

/* The entry point, called by the firmware. */
efi_status efi_main(efi_handle image, struct efi_system_table *system);

/* ---- string.c ------------------------------------------------------------ */

void *memset(void *to, int value, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t text_length(const char *text);
bool text_equal(const char *a, const char *b);

/* ---- console.c ----------------------------------------------------------- */

void console_begin(struct efi_system_table *system);
/* The firmware's console must not be used any more: serial only. */
void console_leave_firmware(void);

/*
 * Print a progress line.  Formats: %s %c %u %x %llu %llx, no width.  Lines of
 * at most 79 characters stay whole on every console.
 */
CAIRN_PRINTF(1, 2) void console_print(const char *format, ...);

/* Print what failed and what to do; returns `status`. */
CAIRN_PRINTF(2, 3)
efi_status console_fail(efi_status status, const char *format, ...);

/* "not found", ...; never NULL. */
const char *console_status_text(efi_status status);

/* Let the user read what failed: wait for a key, 10 seconds at most. */
void console_wait_for_key(void);

/* ---- memory.c ------------------------------------------------------------ */

/*
 * Allocate zeroed pages that the kernel shall keep, or that memory_free gives
 * back before it starts.  On failure the message names `purpose`.
 */
CAIRN_MUST_CHECK efi_status memory_alloc(struct loader *loader,
                                         const char *purpose, uint64_t bytes,
                                         uint64_t *phys);
/* The same below 4 GiB, for code. */
CAIRN_MUST_CHECK efi_status memory_alloc_low_code(struct loader *loader,
                                                  const char *purpose,
                                                  uint64_t bytes,
                                                  uint64_t *phys);
/* The same at a certain place; without a message. */
CAIRN_MUST_CHECK efi_status memory_alloc_at(struct loader *loader,
                                            uint64_t phys, uint64_t bytes);
/* Give back all behind the first `keep` bytes of what begins at `phys`. */
void memory_free(struct loader *loader, uint64_t phys, uint64_t keep);
void memory_free_all(struct loader *loader);

/* Step: the hand-off structure, the map's buffer, heap and stack. */
CAIRN_MUST_CHECK efi_status memory_reserve(struct loader *loader);
/* Enter all that is allocated into the hand-off, and the page `extra`. */
void memory_record(struct loader *loader, uint64_t extra);

/* Get the memory map; allocates nothing and prints nothing. */
CAIRN_MUST_CHECK efi_status memory_map_take(struct loader *loader);
uint64_t memory_map_count(const struct memory_map *map);
struct efi_memory_descriptor memory_map_entry(const struct memory_map *map,
                                              uint64_t index);

/* ---- The other steps ----------------------------------------------------- */

/* levels.c: steps; and, once the firmware is left, to the kernel's levels. */
CAIRN_MUST_CHECK efi_status levels_pretend(struct loader *loader);
CAIRN_MUST_CHECK efi_status levels_choose(struct loader *loader);
void levels_change(const struct loader *loader);

/* command.c: file, options of the boot entry, and what the loader obeys. */
CAIRN_MUST_CHECK efi_status command_read(struct loader *loader);
CAIRN_MUST_CHECK efi_status command_hand_over(struct loader *loader);
/* Is `name` a word of the command line? */
bool command_has(const struct loader *loader, const char *name);
/* Copies what follows `name` ("option="), cut to `bytes` with '\0'. */
bool command_value(const struct loader *loader, const char *name, char *value,
                   size_t bytes);

/* file.c: read a file of the volume that the loader came from. */
struct file_request {
    const char *path;
    uint64_t limit;     /* longer files are refused */
    const char *advice; /* what to do when it cannot be read */
    bool is_optional;   /* not found: an empty file, no message */
};
/* `phys` of a file without bytes is 0. */
CAIRN_MUST_CHECK efi_status file_read(struct loader *loader,
                                      const struct file_request *request,
                                      uint64_t *phys, uint64_t *bytes);

/* image.c: read the kernel, choose its place, and put it there. */
CAIRN_MUST_CHECK efi_status image_read(struct loader *loader);
CAIRN_MUST_CHECK efi_status image_place(struct loader *loader);

/* random.c: what places are drawn from, as the options say. */
CAIRN_MUST_CHECK efi_status random_start(struct loader *loader);

/* machine.c and screen.c: what the firmware knows of the machine. */
CAIRN_MUST_CHECK efi_status machine_describe(struct loader *loader);
CAIRN_MUST_CHECK efi_status screen_describe(struct loader *loader);

/* tables.c: the page tables that the kernel starts on. */
CAIRN_MUST_CHECK efi_status tables_build(struct loader *loader);

/* sabotage.c: spoil one field of the hand-off, for tests. */
CAIRN_MUST_CHECK efi_status sabotage_choose(struct loader *loader);
void sabotage_apply(const struct loader *loader);

/* exit.c: leave the firmware and enter the kernel; returns only on failure. */
efi_status exit_to_kernel(struct loader *loader);

/*
 * enter.S: load the page tables, switch stacks, jump.  Its code lies in one
 * page, which both the firmware's and the new tables map at its own address.
 *
 *   root     of the new page tables, physical
 *   stack    top of the kernel's stack, virtual, 16-byte aligned
 *   entry    virtual
 *   handoff  physical; the kernel finds it in RDI
 *   window   its base, virtual; the kernel finds it in RSI
 */
CAIRN_NORETURN void enter_kernel(uint64_t root, uint64_t stack, uint64_t entry,
                                 uint64_t handoff, uint64_t window);
/* The page of enter_kernel. */
uint64_t enter_page(void);

#endif
