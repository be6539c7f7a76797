/*
 * memmap_spec.h - what a memory map must be: an executable specification.
 *
 * Written from <cairn/memmap.h> and the policy at the top of
 * src/memmap/memmap.c, sharing no code with them, and as naive as can be.
 *
 * Model    The whole of physical memory is a row of blocks: frame 0, all that
 *          lies between, a few pages at any place, and all that lies above.
 *          A page is cut into cells at a few byte offsets; the stretches
 *          between are one cell each.  A cell has one kind in all its bytes,
 *          so entries may begin and end at the edges of cells only, and every
 *          rule can be applied cell by cell and block by block.
 * Use      Tests and fuzzers make calls out of random numbers;
 *          spec_step hands each to the specification and to the library and
 *          says where the two differ.
 * Besides  spec_kind_of_page says from a list of entries of any size what one
 *          page is: for the maps of real machines, where no row of cells
 *          would be long enough.
 */
#ifndef MEMMAP_SPEC_H
#define MEMMAP_SPEC_H

#include <cairn/memmap.h>

#define SPEC_PAGES_MAX  64
#define SPEC_CUTS_MAX   8                    /* cells of a page */
#define SPEC_BLOCKS_MAX (SPEC_PAGES_MAX + 3) /* frame 0 and two stretches */
#define SPEC_CELLS_MAX  ((SPEC_PAGES_MAX + 1) * SPEC_CUTS_MAX + 2)

/* Where the pages lie and where they are cut. */
struct spec_shape {
    uint64_t base;                /* of the pages: 0 or above; page-aligned */
    size_t pages;                 /* 1 .. SPEC_PAGES_MAX */
    uint16_t cuts[SPEC_CUTS_MAX]; /* ascending, below 4096; the first is 0 */
    size_t cut_count;
};

/* What calls change. */
struct spec_state {
    uint8_t cells[SPEC_CELLS_MAX];   /* kinds, until finish */
    uint8_t blocks[SPEC_BLOCKS_MAX]; /* kinds, after finish */
    bool is_finished;
    size_t added;
    size_t ignored;
    uint64_t floor;
    struct cairn_phys_range pins[CAIRN_MEMMAP_PINS_MAX];
    size_t pin_count;
};

struct spec {
    size_t capacity; /* ranges that the library's storage holds */
    size_t cell_count;
    uint64_t edges[SPEC_CELLS_MAX + 1]; /* cell i is [edges[i], edges[i + 1]) */
    size_t block_count;
    size_t firsts[SPEC_BLOCKS_MAX + 1]; /* block i begins with that cell */
    struct spec_state state;
};

enum spec_op {
    SPEC_ADD,
    SPEC_RESERVE,
    SPEC_FINISH,
    SPEC_PIN,
    SPEC_UNPIN,
    SPEC_RECLAIM,
    SPEC_OP_COUNT
};

struct spec_call {
    enum spec_op op;
    enum cairn_memory_kind kind;
    uint64_t start; /* base, floor, or start of the window */
    uint64_t bytes; /* RECLAIM: end of the window */
};

/* An empty map whose storage holds `capacity` ranges. */
void spec_begin(struct spec *spec, const struct spec_shape *shape,
                size_t capacity);

/*
 * Make one call of both, and hold statuses, outputs and results against each
 * other.
 *
 * Returns  NULL, or what differs.
 */
const char *spec_step(struct spec *spec, struct cairn_memmap *map,
                      const struct spec_call *call);

/* The same without a call.  NULL: they are equal, and the map is valid. */
const char *spec_compare(const struct spec *spec,
                         const struct cairn_memmap *map);

/*
 * The ranges that the map must have, merged.
 *
 *   out  at least SPEC_CELLS_MAX elements
 */
size_t spec_ranges(const struct spec *spec, struct cairn_memory_range *out);

/* The kind of block `index` of a finished map. */
enum cairn_memory_kind spec_kind_of_block(const struct spec *spec,
                                          size_t index);

/* ---- For maps of any size ------------------------------------------------ */

struct spec_entry {
    uint64_t base;
    uint64_t bytes;
    enum cairn_memory_kind kind;
};

/*
 * What the page at `page` is once these entries are added and the map is
 * finished with `floor`.
 */
enum cairn_memory_kind spec_kind_of_page(const struct spec_entry *entries,
                                         size_t count, uint64_t floor,
                                         uint64_t page);

bool spec_is_ram(enum cairn_memory_kind kind);
bool spec_is_reclaimable(enum cairn_memory_kind kind);

#endif
