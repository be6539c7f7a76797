/*
 * cairn/memmap.h - the boot memory map: what lies where in physical memory.
 *
 * Firmware and boot loaders describe memory by lists that are unsorted, that
 * overlap, wrap and break in the middle of a page.  A cairn_memmap takes such
 * entries in any order and answers with sorted, disjoint, page-aligned ranges:
 *
 *   init, add (each entry), reserve (what the boot loader owns), finish, then
 *   queries; reserve, pin and reclaim also later.
 *
 * Policy   Where entries overlap, the more restrictive kind wins (the order of
 *          enum cairn_memory_kind).  Usable memory rounds inwards to pages,
 *          everything else outwards.  What no entry covers is never memory.
 * Storage  The map lives in storage of the caller; nothing refers to the boot
 *          loader's list once the entries are added.
 * Locking  None.  One CPU builds the map; afterwards it is read-only but for
 *          reserve, pin and reclaim, which need the caller's own lock.
 * Context  Any; nothing here waits or allocates.
 */
#ifndef CAIRN_MEMMAP_H
#define CAIRN_MEMMAP_H

#include <cairn/status.h>
#include <cairn/types.h>

CAIRN_BEGIN_DECLS

/* What a range of physical memory is; from free to forbidden. */
enum cairn_memory_kind {
    CAIRN_MEMORY_NONE,          /* a hole: no entry covers it */
    CAIRN_MEMORY_USABLE,        /* RAM that belongs to nobody */
    CAIRN_MEMORY_LOW,           /* RAM below the floor: never handed out */
    CAIRN_MEMORY_BOOT_SERVICES, /* firmware's, until the boot is over */
    CAIRN_MEMORY_LOADER,        /* the boot loader's and its hand-over data */
    CAIRN_MEMORY_ACPI_RECLAIM,  /* ACPI tables: free once they are read */
    CAIRN_MEMORY_KERNEL,        /* the kernel's image and boot modules */
    CAIRN_MEMORY_RESERVED,      /* unknown use; not RAM for us */
    CAIRN_MEMORY_PERSISTENT,    /* byte-addressable non-volatile memory */
    CAIRN_MEMORY_ACPI_NVS,      /* firmware's, preserved across sleep */
    CAIRN_MEMORY_RUNTIME,       /* UEFI runtime services */
    CAIRN_MEMORY_MMIO,          /* device registers */
    CAIRN_MEMORY_FRAMEBUFFER,   /* the screen */
    CAIRN_MEMORY_BAD,           /* RAM with errors */
    CAIRN_MEMORY_KIND_COUNT
};

/* A set of kinds: bit CAIRN_MEMORY_KIND_BIT(kind) for each. */
typedef uint32_t cairn_memory_kinds;
#define CAIRN_MEMORY_KIND_BIT(kind) ((cairn_memory_kinds)1 << (kind))
#define CAIRN_MEMORY_ALL_KINDS                                                 \
    (CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_KIND_COUNT) -                          \
     CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE))

/* One range of one kind.  After finish, both ends are multiples of a frame. */
struct cairn_memory_range {
    cairn_phys start;
    cairn_phys end;
    enum cairn_memory_kind kind;
};

/* Ranges that reclaim must leave alone; see cairn_memmap_pin. */
#define CAIRN_MEMMAP_PINS_MAX 16

struct cairn_memmap {
    struct cairn_memory_range *ranges; /* in use: sorted, disjoint */
    struct cairn_memory_range *spare;  /* where the next version is built */
    size_t count;                      /* ranges in use */
    size_t capacity;                   /* of `ranges` and of `spare` each */
    struct cairn_phys_range pins[CAIRN_MEMMAP_PINS_MAX];
    size_t pin_count;
    cairn_phys floor;       /* set by finish */
    size_t entries_added;   /* calls of add, empty ones included */
    size_t entries_ignored; /* of these: empty or nonsense */
    bool is_finished;
};

/*
 * Start with an empty map.
 *
 *   storage  kept until the map is no longer used
 *   count    elements of `storage`, at least 4.  The finished map holds up to
 *            count / 2 ranges (each change is built beside the old version).
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_memmap_init(struct cairn_memmap *map, struct cairn_memory_range *storage,
                  size_t count);

/*
 * Add one entry of the boot loader's list.
 *
 *   base    first byte, any alignment
 *   length  bytes, any.  An entry without bytes is ignored.  One that reaches
 *           beyond CAIRN_PHYS_LIMIT or wraps is nonsense: if it claims memory
 *           that could be handed out, it is ignored; if it forbids, it is cut
 *           there, and kinds of RAM become CAIRN_MEMORY_RESERVED.
 *   kind    anything but CAIRN_MEMORY_NONE and CAIRN_MEMORY_LOW
 *
 * Returns  CAIRN_OK; CAIRN_NO_SPACE, the storage is too small;
 *          CAIRN_BAD_ARGUMENT, also after finish.
 * Cost     linear in the ranges so far.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_memmap_add(struct cairn_memmap *map, uint64_t base, uint64_t length,
                 enum cairn_memory_kind kind);

/*
 * Take a range out of use, whatever the entries say: the kernel's image, the
 * hand-over data, page tables, stacks.  Call it after the entries are added;
 * finished maps round the range outwards.  Where it covers a hole, kinds of
 * RAM become CAIRN_MEMORY_RESERVED, so that no reclaim can call a hole RAM.
 *
 *   kind  anything above CAIRN_MEMORY_LOW
 *
 * Returns  as cairn_memmap_add; a range of 0 bytes changes nothing.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_memmap_reserve(struct cairn_memmap *map, uint64_t base, uint64_t length,
                     enum cairn_memory_kind kind);

/*
 * Round everything to pages and open the map for queries.
 *
 *   floor  usable memory below this address becomes CAIRN_MEMORY_LOW.  Frame 0
 *          always does; kernels booted by a BIOS pass 1 MiB.
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY_MAP, nothing was ever added;
 *          CAIRN_NO_MEMORY, no usable page; CAIRN_NO_SPACE;
 *          CAIRN_BAD_ARGUMENT, finished already.
 *          With CAIRN_NO_MEMORY the map is finished all the same, to be shown.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_memmap_finish(struct cairn_memmap *map,
                                                       cairn_phys floor);

/* ---- Queries: of finished maps ------------------------------------------- */

/* The kind of the byte at `phys`; CAIRN_MEMORY_NONE in a hole.  O(log n). */
enum cairn_memory_kind cairn_memmap_kind_at(const struct cairn_memmap *map,
                                            cairn_phys phys);

/*
 * The lowest range of one of `kinds` inside [window.start, window.end), cut at
 * the window's ends.  To walk through all of them:
 *
 *   while (cairn_memmap_next(map, kinds, window, &range))
 *       window.start = range.end;
 *
 *   out  written only if the result is true
 *
 * Cost     O(log n) plus the ranges of other kinds that are passed over.
 */
bool cairn_memmap_next(const struct cairn_memmap *map, cairn_memory_kinds kinds,
                       struct cairn_phys_range window,
                       struct cairn_memory_range *out);

/* The exclusive end of the highest range of one of `kinds`; 0 if none. */
cairn_phys cairn_memmap_end(const struct cairn_memmap *map,
                            cairn_memory_kinds kinds);

/* Where the low zone begins if no kernel says otherwise: above the BIOS. */
#define CAIRN_ZONE_LOW_START CAIRN_MIB

/*
 * Zones: ranges of addresses that allocators keep apart.  The low zone runs
 * from the kernel's physical base, if it is there, to 4 GiB, the high zone
 * from there on; no run of frames ever crosses from one into the other.
 */
struct cairn_phys_range cairn_memmap_zone_low(cairn_phys kernel_base);
struct cairn_phys_range cairn_memmap_zone_high(void);

struct cairn_memmap_totals {
    uint64_t kind_bytes[CAIRN_MEMORY_KIND_COUNT]; /* NONE: holes below end */
    uint64_t installed_bytes; /* all that is known to be RAM */
    uint64_t usable_bytes;    /* RAM that belongs to nobody */
    uint64_t used_bytes;      /* RAM of loader, boot firmware and kernel */
    uint64_t reserved_bytes;  /* withheld by firmware or hardware: NVS, runtime
                                 services, bad and unknown memory */
    uint64_t pages;           /* pages covered by entries */
    uint64_t usable_pages;
    cairn_phys end; /* exclusive end of the highest range */
};

/* Add everything up: kind_bytes[] sums to `end`.  Linear in the ranges. */
void cairn_memmap_totals(const struct cairn_memmap *map,
                         struct cairn_memmap_totals *out);

/* "usable", "ACPI tables", ...; "?" outside the enumeration. */
const char *cairn_memory_kind_name(enum cairn_memory_kind kind);

/* Is that kind RAM, broken RAM included, or is it unknown or a device? */
bool cairn_memory_kind_is_ram(enum cairn_memory_kind kind);

/* ---- Reclaim: of finished maps ------------------------------------------- */

/*
 * Declare that something alive is in [base, base + length): a page table that
 * CR3 leads to, a stack in use.  Rounded outwards; unpin names the same range.
 *
 * Returns  CAIRN_OK; CAIRN_NO_SPACE, CAIRN_MEMMAP_PINS_MAX are in use;
 *          CAIRN_BAD_ARGUMENT; unpin: CAIRN_NOT_FOUND.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_memmap_pin(struct cairn_memmap *map, uint64_t base, uint64_t length);
CAIRN_MUST_CHECK enum cairn_status
cairn_memmap_unpin(struct cairn_memmap *map, uint64_t base, uint64_t length);

/*
 * Turn memory of one kind that has served its purpose into usable memory.
 *
 *   window  only what lies inside; {0, CAIRN_PHYS_LIMIT} for all
 *   kind    CAIRN_MEMORY_BOOT_SERVICES, _LOADER or _ACPI_RECLAIM; below the
 *           floor it becomes CAIRN_MEMORY_LOW
 *   bytes   out: how much was reclaimed; may be NULL
 *
 * Returns  CAIRN_OK; CAIRN_IN_USE, a pin lies in memory that would be
 *          reclaimed: nothing has changed; CAIRN_BAD_ARGUMENT; CAIRN_NO_SPACE.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_memmap_reclaim(struct cairn_memmap *map, struct cairn_phys_range window,
                     enum cairn_memory_kind kind, uint64_t *bytes);

/*
 * Verify the invariants that src/memmap/memmap.c numbers.
 *
 * Returns  0 if all hold, else the number of one that does not.
 */
unsigned cairn_memmap_check(const struct cairn_memmap *map);

CAIRN_END_DECLS

#endif
