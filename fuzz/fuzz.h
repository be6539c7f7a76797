/*
 * fuzz.h - what the fuzzers of boot structures share.
 *
 * MEMORY   The input is copied to the end of a range of simulated RAM, behind
 *          which lies a page that nobody may touch: a read beyond the input
 *          ends the fuzzer, and so does a use of memory that the platform has
 *          not said to be reachable.  RAM below the input is zero.  The RAM is
 *          made once, since making it costs more than an input.
 * POINTERS An input cannot know where it will lie, because that depends on its
 *          size.  So pointers in it count from its own start; fuzz_relocate*
 *          makes addresses of them (0 stays 0).
 * ORACLE   The fuzzer reads the entries of the memory map from the input by
 *          itself, and the finished map is held against them: nothing is
 *          usable that no entry calls usable, or that another entry calls
 *          something else, or that the boot loader owns.
 *
 * All is in this header since each fuzzer is one file.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "sim/ram.h"
#include <cairn/init.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_RAM_BYTES   ((size_t)16384)
#define FUZZ_RAM_END     ((uint64_t)0x200000)
#define FUZZ_RAM_START   (FUZZ_RAM_END - FUZZ_RAM_BYTES)
#define FUZZ_ENTRIES_MAX 1024
#define FUZZ_PAGE        ((size_t)4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                  \
    ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline void fuzz_fail(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
    abort();
}

/* ---- Memory -------------------------------------------------------------- */

/* The input where it lies in RAM. */
struct fuzz_input {
    uint8_t *bytes;
    uint64_t phys;
    size_t size;
};

/* The RAM; behind it is a page without access. */
static inline uint8_t *fuzz_ram(void)
{
    static uint8_t *ram;

    if (ram == NULL) {
        FUZZ_CHECK(sim_ram_add(FUZZ_RAM_START, FUZZ_RAM_BYTES));
        ram = sim_ram_at(FUZZ_RAM_START, FUZZ_RAM_BYTES);
    }
    return ram;
}

/* Place as much of the input as fits; its size is cut to a multiple. */
static inline struct fuzz_input fuzz_place(const uint8_t *data, size_t size,
                                           size_t multiple)
{
    static size_t former;
    uint8_t *end = fuzz_ram() + FUZZ_RAM_BYTES;
    struct fuzz_input input;

    if (size > FUZZ_RAM_BYTES)
        size = FUZZ_RAM_BYTES;
    size -= size % multiple;
    if (former > size)
        memset(end - former, 0, former - size);
    if (size > 0)
        memcpy(end - size, data, size);
    former = size;
    input.bytes = end - size;
    input.phys = FUZZ_RAM_END - size;
    input.size = size;
    return input;
}

/* Numbers of the input; 0 where it is too short. */
static inline uint64_t fuzz_read(const struct fuzz_input *input,
                                 uint64_t offset, size_t bytes)
{
    uint64_t value = 0;

    if (offset <= input->size && bytes <= input->size - offset)
        memcpy(&value, input->bytes + offset, bytes);
    return value;
}

static inline uint64_t fuzz_read64(const struct fuzz_input *input,
                                   uint64_t offset)
{
    return fuzz_read(input, offset, 8);
}

static inline uint32_t fuzz_read32(const struct fuzz_input *input,
                                   uint64_t offset)
{
    return (uint32_t)fuzz_read(input, offset, 4);
}

/* Make addresses of pointers of 4 or 8 bytes; returns the offset it had. */
static inline uint64_t fuzz_relocate(const struct fuzz_input *input,
                                     uint64_t offset, size_t bytes)
{
    uint64_t former = fuzz_read(input, offset, bytes);
    uint64_t value = former + input->phys;

    if (former != 0)
        memcpy(input->bytes + offset, &value, bytes);
    return former;
}

/* ---- The entries of the input -------------------------------------------- */

struct fuzz_entry {
    uint64_t start;
    uint64_t end;
    bool is_usable;
};

struct fuzz_entries {
    struct fuzz_entry entries[FUZZ_ENTRIES_MAX];
    size_t count;
};

/* One that is empty, or reaches beyond all memory, says nothing. */
static inline void fuzz_add(struct fuzz_entries *list, uint64_t base,
                            uint64_t bytes, bool is_usable)
{
    if (bytes == 0 || base >= CAIRN_PHYS_LIMIT ||
        bytes > CAIRN_PHYS_LIMIT - base)
        return;
    FUZZ_CHECK(list->count < FUZZ_ENTRIES_MAX);
    list->entries[list->count++] =
        (struct fuzz_entry){base, base + bytes, is_usable};
}

static inline void fuzz_add_e820(struct fuzz_entries *list,
                                 const struct fuzz_input *input,
                                 uint64_t offset)
{
    fuzz_add(list, fuzz_read64(input, offset), fuzz_read64(input, offset + 8),
             fuzz_read32(input, offset + 16) == 1);
}

/* A descriptor of UEFI: type 7 without the marks SP and RUNTIME is usable. */
static inline void fuzz_add_uefi(struct fuzz_entries *list,
                                 const struct fuzz_input *input,
                                 uint64_t offset)
{
    uint64_t marks = (uint64_t)1 << 63 | 1 << 18;
    uint64_t pages = fuzz_read64(input, offset + 24);

    if (pages <= UINT64_MAX / FUZZ_PAGE)
        fuzz_add(list, fuzz_read64(input, offset + 8), pages * FUZZ_PAGE,
                 fuzz_read32(input, offset) == 7 &&
                     (fuzz_read64(input, offset + 32) & marks) == 0);
}

/* ---- What must hold ------------------------------------------------------ */

#define FUZZ_USABLE CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE)

static inline void fuzz_check_withheld(const struct cairn_boot *boot,
                                       uint64_t start, uint64_t bytes)
{
    struct cairn_memory_range range;

    FUZZ_CHECK(!cairn_memmap_next(&boot->map, FUZZ_USABLE,
                                  cairn_phys_range_make(start, start + bytes),
                                  &range));
}

/* Where usable entries that cover `start` end; `start` if none does. */
static inline uint64_t fuzz_covered_end(const struct fuzz_entries *list,
                                        uint64_t start)
{
    uint64_t end = start;

    for (size_t i = 0; i < list->count; i++) {
        const struct fuzz_entry *entry = &list->entries[i];

        if (entry->is_usable && entry->start <= start && entry->end > end)
            end = entry->end;
    }
    return end;
}

static inline void fuzz_check_entries(const struct cairn_boot *boot,
                                      const struct fuzz_entries *list)
{
    struct cairn_phys_range window = {{0}, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;

    for (size_t i = 0; i < list->count; i++) {
        const struct fuzz_entry *entry = &list->entries[i];

        if (!entry->is_usable)
            fuzz_check_withheld(boot, entry->start, entry->end - entry->start);
    }
    while (cairn_memmap_next(&boot->map, FUZZ_USABLE, window, &range)) {
        uint64_t at = range.start.value;

        while (at < range.end.value) {
            uint64_t end = fuzz_covered_end(list, at);

            FUZZ_CHECK(end > at);
            at = end;
        }
        window.start = range.end;
    }
}

static inline void fuzz_check_totals(const struct cairn_boot *boot)
{
    struct cairn_memmap_totals totals;
    uint64_t sum = 0;

    cairn_memmap_totals(&boot->map, &totals);
    for (int kind = 0; kind < CAIRN_MEMORY_KIND_COUNT; kind++)
        sum += totals.kind_bytes[kind];
    FUZZ_CHECK(sum == totals.end.value);
    FUZZ_CHECK(
        totals.usable_bytes + totals.used_bytes + totals.reserved_bytes ==
        totals.installed_bytes + totals.kind_bytes[CAIRN_MEMORY_RESERVED]);
    FUZZ_CHECK(totals.installed_bytes <= totals.end.value);
}

static inline void fuzz_check_range(const struct cairn_boot *boot,
                                    struct cairn_phys_range range)
{
    FUZZ_CHECK(range.start.value <= range.end.value);
    FUZZ_CHECK(range.end.value <= CAIRN_PHYS_LIMIT);
    fuzz_check_withheld(boot, range.start.value,
                        range.end.value - range.start.value);
}

/* Everything but the map: texts end, modules and screen make sense. */
static inline void fuzz_check_facts(const struct cairn_boot *boot)
{
    const struct cairn_framebuffer *screen = &boot->framebuffer;

    FUZZ_CHECK(memchr(boot->loader, 0, sizeof(boot->loader)) != NULL);
    FUZZ_CHECK(memchr(boot->command_line, 0, sizeof(boot->command_line)));
    FUZZ_CHECK(boot->module_count <= CAIRN_BOOT_MODULES_MAX);
    for (size_t i = 0; i < boot->module_count; i++) {
        FUZZ_CHECK(memchr(boot->modules[i].name, 0, CAIRN_BOOT_NAME_BYTES));
        fuzz_check_range(boot, boot->modules[i].range);
    }
    if (!screen->is_present)
        return;
    fuzz_check_range(boot,
                     cairn_phys_range_make(screen->base.value,
                                           screen->base.value + screen->bytes));
    FUZZ_CHECK(screen->base.value != 0 && screen->width != 0);
    FUZZ_CHECK(screen->height != 0);
    FUZZ_CHECK((uint64_t)screen->width * 4 <= screen->pitch_bytes);
    FUZZ_CHECK((uint64_t)screen->pitch_bytes * screen->height <= screen->bytes);
}

/*
 * Finish what an adapter has filled, as a kernel does, and check all of it.
 * False: there is no finished map, for lack of room.
 */
static inline bool fuzz_check_boot(struct cairn_boot *boot,
                                   const struct fuzz_entries *list)
{
    static struct cairn_early early;
    struct cairn_phys_range told = {{0}, {0}};
    enum cairn_status status =
        cairn_init_early(boot, told, cairn_phys_make(CAIRN_PHYS_LIMIT), &early);

    FUZZ_CHECK(cairn_memmap_check(&boot->map) == 0);
    if (status == CAIRN_NO_SPACE)
        return false;
    FUZZ_CHECK(status == CAIRN_OK || status == CAIRN_NO_MEMORY);
    FUZZ_CHECK(status != CAIRN_OK || cairn_early_check(&early) == 0);
    fuzz_check_withheld(boot, 0, boot->is_bios ? CAIRN_MIB : FUZZ_PAGE);
    fuzz_check_totals(boot);
    fuzz_check_facts(boot);
    fuzz_check_entries(boot, list);
    return true;
}

/*
 * Text at an address, cut to `size` bytes with its '\0', and to where memory
 * ends: is that what the adapter has copied?
 */
static inline void fuzz_check_text(const char *seen, size_t size,
                                   uint64_t address)
{
    size_t length = 0;
    const char *from = NULL;

    if (address >= FUZZ_RAM_START && address < FUZZ_RAM_END)
        from = sim_ram_at(address, FUZZ_RAM_END - address);
    while (from != NULL && address + length < FUZZ_RAM_END &&
           length + 1 < size && from[length] != '\0') {
        FUZZ_CHECK(seen[length] == from[length]);
        length++;
    }
    FUZZ_CHECK(seen[length] == '\0');
}

#endif
