/*
 * boot_build.h - boot structures as the loaders write them.
 *
 * The builders lay out what each protocol's specification says, by offsets of
 * their own: they share no constant with the adapters that they test.  A valid
 * structure comes out; a test that wants a broken one changes it by the
 * offsets below.
 *
 *   struct build build;
 *   build_begin(&build);
 *   info = build_multiboot1(&build, &(struct build_input){...});
 *   build_put32(&build, info + MB1_FLAGS, 0);
 *   CHECK_EQ(cairn_boot_from_multiboot1(MB1_MAGIC, info, &build_boot), ...);
 *
 * Units   addresses are physical unless said otherwise.
 */
#ifndef BOOT_BUILD_H
#define BOOT_BUILD_H

#include "harness/test.h"
#include "maps.h"
#include <cairn/boot.h>

/* ---- Memory -------------------------------------------------------------- */

/* All that test_memory has. */
#define BUILD_BYTES ((size_t)256 * 1024)

/* Memory at [phys, phys + size), of which the first `used` bytes are taken. */
struct build {
    uint8_t *bytes;
    uint64_t phys;
    size_t size;
    size_t used;
    bool is_spread; /* begin each piece on a page of its own */
};

/* Take all test memory; once in a test. */
void build_begin(struct build *build);

/* Give back and clear all that is taken. */
void build_clear(struct build *build);

/* Overwrite all that is taken with `value`. */
void build_fill(struct build *build, uint8_t value);

/* Take zeroed memory; `align` is a power of two. */
uint64_t build_take(struct build *build, size_t bytes, size_t align);

/* Take the last bytes that there are; nothing can be taken afterwards. */
uint64_t build_take_end(struct build *build, size_t bytes);

/* Is what lies behind all test memory out of reach?  Not in the kernel. */
bool build_has_end(const struct build *build);

uint8_t *build_at(const struct build *build, uint64_t phys);
void build_put16(const struct build *build, uint64_t phys, uint16_t value);
void build_put32(const struct build *build, uint64_t phys, uint32_t value);
void build_put64(const struct build *build, uint64_t phys, uint64_t value);

/* Place a text with its '\0'; 0 for NULL. */
uint64_t build_text(struct build *build, const char *text);

/*
 * Addresses that cairn_platform_phys_to_virt does not reach; the second one
 * is 0 if it reaches all that 32 bits can name.
 */
#define BUILD_NOWHERE (CAIRN_PHYS_LIMIT - CAIRN_MIB)
uint32_t build_nowhere_32(void);

/* ---- What the structures shall say --------------------------------------- */

struct build_module {
    uint64_t start;
    uint64_t bytes;
    const char *name;
};

struct build_screen {
    uint64_t base;
    uint32_t width;
    uint32_t height;
    uint32_t pitch_bytes;
    uint8_t bits;
    uint8_t red_shift;
    uint8_t green_shift;
    uint8_t blue_shift;
};

/* What a protocol has no place for is left out. */
struct build_input {
    const struct test_map_entry *entries;
    size_t count;
    uint32_t stride;          /* of entries; 0 for the usual */
    uint32_t cpu_count;       /* 0: not told */
    const char *command_line; /* these three: NULL if there is none */
    const char *loader;
    const struct build_screen *screen;
    const struct build_module *modules;
    size_t module_count;
    uint64_t rsdp; /* 0 if there is none */
};

/* ---- Multiboot 1 --------------------------------------------------------- */

#define MB1_MAGIC 0x2badb002u

enum {
    MB1_FLAGS = 0,
    MB1_COMMAND_LINE = 16,
    MB1_MODULE_COUNT = 20,
    MB1_MODULES = 24,
    MB1_MAP_BYTES = 44,
    MB1_MAP = 48,
    MB1_LOADER_NAME = 64,
    MB1_SCREEN_BASE = 88,
    MB1_SCREEN_PITCH = 96,
    MB1_SCREEN_WIDTH = 100,
    MB1_SCREEN_HEIGHT = 104,
    MB1_SCREEN_BITS = 108,
    MB1_SCREEN_TYPE = 109,
    MB1_SCREEN_COLOURS = 110,
    MB1_BYTES_SHORT = 88, /* without a screen */
    MB1_BYTES = 116
};

enum {
    MB1_HAS_COMMAND_LINE = 1 << 2,
    MB1_HAS_MODULES = 1 << 3,
    MB1_HAS_MAP = 1 << 6,
    MB1_HAS_LOADER_NAME = 1 << 9,
    MB1_HAS_SCREEN = 1 << 12
};

/* Returns the address of the boot information. */
uint64_t build_multiboot1(struct build *build, const struct build_input *input);

/* ---- Multiboot 2 --------------------------------------------------------- */

#define MB2_MAGIC 0x36d76289u

enum {
    MB2_END = 0,
    MB2_COMMAND_LINE = 1,
    MB2_LOADER_NAME = 2,
    MB2_MODULE = 3,
    MB2_MAP = 6,
    MB2_SCREEN = 8,
    MB2_SYSTEM_TABLE_32 = 11,
    MB2_SYSTEM_TABLE_64 = 12,
    MB2_RSDP_1 = 14,
    MB2_RSDP_2 = 15,
    MB2_UEFI_MAP = 17
};

/*
 * A block is begin, tags, end, with nothing else taken between them.
 * build_tag returns the address of the tag's contents, `bytes` zeroed bytes;
 * the tag itself begins 8 bytes before.
 */
uint64_t build_tags_begin(struct build *build);
uint64_t build_tag(struct build *build, uint32_t type, uint32_t bytes);
void build_tag_text(struct build *build, uint32_t type, const char *text);
uint64_t build_tag_map(struct build *build, const struct build_input *input);
uint64_t build_tag_uefi(struct build *build, const struct build_input *input);
void build_tags_end(struct build *build, uint64_t info);

/* All that `input` says; returns the address of the block. */
uint64_t build_multiboot2(struct build *build, const struct build_input *input);

/* ---- PVH ----------------------------------------------------------------- */

#define PVH_MAGIC 0x336ec578u

enum {
    PVH_START_MAGIC = 0,
    PVH_START_VERSION = 4,
    PVH_START_MODULE_COUNT = 12,
    PVH_START_MODULES = 16,
    PVH_START_COMMAND_LINE = 24,
    PVH_START_RSDP = 32,
    PVH_START_MAP = 40,
    PVH_START_MAP_COUNT = 48,
    PVH_START_BYTES = 56
};

/* Returns the address of the start information. */
uint64_t build_pvh(struct build *build, const struct build_input *input);

/* ---- UEFI and the hand-off ----------------------------------------------- */

/* The descriptors, beginning `skew` bytes after a multiple of 16. */
uint64_t build_uefi(struct build *build, const struct build_input *input,
                    size_t skew);

#define BUILD_STRIDE       48 /* of UEFI descriptors, if input says 0 */
#define BUILD_KERNEL_VIRT  0xffffffff80000000u
#define BUILD_RANGES       3
#define BUILD_SYSTEM_TABLE 0x7f000u

/*
 * A complete hand-off that is right in all fields.  Kernel (four pages),
 * temporary heap (four), map buffer, and BUILD_RANGES further ranges (a page
 * each: page tables, stack, the hand-off) are in the memory of `build`.
 */
void build_handoff(struct build *build, const struct build_input *input,
                   struct cairn_handoff *out);

/* ---- Limine -------------------------------------------------------------- */

/* What physical memory is offset by in the pointers of responses. */
#define BUILD_HHDM                                                             \
    (sizeof(void *) == 8 ? 0xffff800000000000u : (uint64_t)0x80000000u)
#define BUILD_KERNEL_PHYS 0x3200000u

struct build_limine_entry {
    uint64_t base;
    uint64_t length;
    uint64_t kind;
};

struct build_limine_memmap {
    uint64_t revision;
    uint64_t count;
    struct build_limine_entry **entries;
};

/* Two responses: offset of the HHDM; physical and virtual base. */
struct build_limine_numbers {
    uint64_t revision;
    uint64_t values[2];
};

struct build_limine_screen {
    const void *address;
    uint64_t width;
    uint64_t height;
    uint64_t pitch;
    uint16_t bits;
    uint8_t memory_model;
    uint8_t red_size;
    uint8_t red_shift;
    uint8_t green_size;
    uint8_t green_shift;
    uint8_t blue_size;
    uint8_t blue_shift;
};

struct build_limine_screens {
    uint64_t revision;
    uint64_t count;
    struct build_limine_screen **screens;
};

/* Three responses: RSDP; command line; loader's name and version. */
struct build_limine_pointers {
    uint64_t revision;
    const void *pointers[2];
};

struct build_limine_file {
    uint64_t revision;
    const void *address;
    uint64_t bytes;
    const char *path;
};

struct build_limine_modules {
    uint64_t revision;
    uint64_t count;
    struct build_limine_file **files;
};

struct build_limine_mp {
    uint64_t revision;
    uint32_t flags;
    uint32_t bsp_lapic_id;
    uint64_t cpu_count;
    const void *cpus;
};

/* The responses of a loader with base revision 3; pieces as above. */
struct build_limine {
    struct cairn_limine_responses responses;
    struct build_limine_memmap *memmap;
    struct build_limine_numbers *hhdm;
    struct build_limine_numbers *address;
    struct build_limine_screens *screens;
    struct build_limine_pointers *rsdp;
    struct build_limine_pointers *command_line;
    struct build_limine_pointers *loader;
    struct build_limine_modules *modules;
    struct build_limine_mp *mp;
};

/* Entries' numbers are Limine's; RSDP by its physical address. */
void build_limine(struct build *build, const struct build_input *input,
                  struct build_limine *out);

/* ---- What comes out ------------------------------------------------------ */

/* Where adapters write to; each is too large for a stack. */
extern struct cairn_boot build_boot;
extern struct cairn_boot build_other;
extern struct cairn_early build_early;

/*
 * Finish the map as a kernel does, with all test memory reserved as
 * CAIRN_MEMORY_KERNEL, so that maps from structures of different sizes are
 * comparable.
 */
enum cairn_status build_finish(const struct build *build,
                               struct cairn_boot *boot);

/* Ranges of the finished map from BUILD_FAR on, as "0-1000 usable, ...". */
#define BUILD_FAR (64 * CAIRN_TIB)
const char *build_map_text(const struct cairn_boot *boot);

/* One entry from BUILD_FAR on. */
#define BUILD_ENTRY(offset, bytes, kind)                                       \
    {                                                                          \
        BUILD_FAR + (offset), (bytes), 0, (kind)                               \
    }

/* The kind of the frame of `phys` in build_boot, which is finished. */
enum cairn_memory_kind build_kind_at(uint64_t phys);

/* Is no byte of [start, start + bytes) usable in build_boot? */
bool build_is_withheld(uint64_t start, uint64_t bytes);

/*
 * Hand out all frames that build_boot has, finished by cairn_init_early: is
 * each usable and outside of [start, start + bytes)?
 */
bool build_never_gives(uint64_t start, uint64_t bytes);

/* What differs between two finished maps or all that is told; "" if nothing. */
const char *build_map_difference(const struct cairn_boot *a,
                                 const struct cairn_boot *b);
const char *build_difference(const struct cairn_boot *a,
                             const struct cairn_boot *b);

#endif
