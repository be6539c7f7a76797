/*
 * cairn/paging.h - page tables: change what virtual addresses mean.
 *
 * A page table belongs to one format (one paging mode) and maps pages to
 * physical memory.  All changes are transactions: a cursor begins on a range,
 * does what is to be done from lower to higher addresses, and ends.  Beginning
 * reserves the tables that may be needed, so nothing in between runs out of
 * memory; ending does not return before no CPU can use what was removed.
 * Frames and tables come back to their owners only then.
 *
 * Addresses  are 64 bits wide whatever CPU runs this: a format need not be the
 *            one that is in use.  Ranges are half-open, in bytes, and whole
 *            pages.
 * Locking    Cursors on ranges that do not overlap go on side by side; those
 *            that do wait for each other.  Interrupts are off between begin
 *            and end, so keep it short: a few MiB of small pages.  A CPU has
 *            one cursor at a time.
 * Context    Any but NMI and #MC.  A CPU that waits here answers flushes.
 * Sources    Intel SDM vol. 3A, chapter "Paging"; AMD APM vol. 2, chapter 5.
 */
#ifndef CAIRN_PAGING_H
#define CAIRN_PAGING_H

#include <cairn/lock.h>
#include <cairn/platform.h>
#include <cairn/source.h>
#include <cairn/status.h>
#include <cairn/types.h>
#include <cairn/window.h>

CAIRN_BEGIN_DECLS

/* ---- Formats ------------------------------------------------------------- */

enum cairn_paging_mode {
    CAIRN_PAGING_4LEVEL, /* x86_64, 48-bit addresses */
    CAIRN_PAGING_5LEVEL, /* x86_64, 57-bit addresses */
    CAIRN_PAGING_PAE,    /* i386, 3 levels, entries of 64 bits */
    CAIRN_PAGING_32BIT,  /* i386, 2 levels, 4 MiB pages */
    CAIRN_PAGING_TOY,    /* 3 levels of 4 entries, for tests */
    CAIRN_PAGING_MODES
};

/* Memory types; what a CPU cannot do becomes the next stronger one. */
enum cairn_cache {
    CAIRN_CACHE_WB, /* write back: ordinary memory */
    CAIRN_CACHE_WT, /* write through */
    CAIRN_CACHE_WC, /* write combining: framebuffers */
    CAIRN_CACHE_UC_MINUS,
    CAIRN_CACHE_UC, /* uncached: device registers */
    CAIRN_CACHE_COUNT
};

/* What the CPUs can do, as CPUID says; all CPUs alike. */
struct cairn_paging_features {
    unsigned phys_bits; /* MAXPHYADDR, 32 .. 52 */
    bool has_nx;        /* and EFER.NXE is on */
    bool has_1gib;      /* leaves of 1 GiB */
    bool has_pse;       /* 32-bit: leaves of 4 MiB, and CR4.PSE is on */
    bool has_pse36;     /* 32-bit: those reach beyond 4 GiB */
    bool has_global;    /* and CR4.PGE is on */
    bool has_pat;       /* the PAT is as cairn_paging_pat says */
    bool has_pcid;      /* 4 and 5 levels, and CR4.PCIDE is on */
};

/*
 * The value of the PAT register (IA32_PAT, 0x277) that the library's entries
 * count on with has_pat: the value after reset, but entry 5 is WC.
 */
#define CAIRN_PAGING_PAT ((uint64_t)0x0007010600070406)

/* Rights and kind of a mapping; without any: readable by the kernel. */
#define CAIRN_PAGE_WRITE  0x01u
#define CAIRN_PAGE_EXEC   0x02u
#define CAIRN_PAGE_USER   0x04u
#define CAIRN_PAGE_GLOBAL 0x08u /* the same in all page tables */
#define CAIRN_PAGE_RIGHTS 0x0fu

/* A virtual address of a page table, which need not be this CPU's. */
typedef struct {
    uint64_t value;
} cairn_va;

static inline cairn_va cairn_va_make(uint64_t value)
{
    cairn_va va = {value};
    return va;
}

/* ---- Page tables --------------------------------------------------------- */

struct cairn_table;          /* one table of a page table; private */
struct cairn__paging_format; /* private */

struct cairn_pagetable_config {
    enum cairn_paging_mode mode;
    struct cairn_paging_features features;
    /*
     * Where tables come from: alloc_table, each frame reachable through
     * cairn_platform_phys_to_virt for good, and always at the same place.
     * `release` takes them back; NULL: as long as there is nobody who could.
     */
    struct cairn_source source;
    void (*release)(void *context, cairn_pfn frame);
    void *release_context;
    /*
     * What cairn_platform_phys_to_virt does, if that is so simple: then
     * translating is quicker.  All tables must be in it.  Active already; NULL:
     * none.
     */
    const struct cairn_window *window;
    /*
     * Addresses below may be mapped for user processes: tables on the way to
     * them have US set.  0: none.
     */
    uint64_t user_end;
    /* No leaf may be both writable and executable. */
    bool is_w_xor_x;
};

#define CAIRN_PAGETABLE_RECENT 64

struct cairn_pagetable {
    const struct cairn__paging_format *format; /* constant */
    struct cairn_pagetable_config config;      /* constant */
    struct cairn_table *root;                  /* constant */
    const void *root_entries;                  /* constant: root->entries */
    /* Constant: the mode, if all tables are in the window; else MODES. */
    enum cairn_paging_mode window_mode;
    uintptr_t window_base; /* constant: the window's */
    uint64_t window_limit; /* constant: frames below are in it; 0: none */
    unsigned frame_bits;   /* constant: of frames that 4 KiB entries can say */
    uint64_t nx_bit;       /* constant: 0, without NX */
    /* Constant: what entries of 4 KiB pages say of rights; 0: forbidden. */
    uint64_t kinds[CAIRN_PAGE_RIGHTS + 1];
    uint64_t cache_bits[CAIRN_CACHE_COUNT]; /* constant: of 4 KiB entries */
    uint64_t phys_end;                      /* constant: exclusive */
    unsigned leaf_levels; /* constant: bit l: leaves at level l */
    bool is_quick;        /* until it shares tables: `recent` may be used */
    struct cairn_lock pool_lock;
    struct cairn_table *pools[2]; /* [pool_lock] without and with a shadow */
    struct cairn_table *slabs;    /* [pool_lock] frames that these live in */
    /* Tables of level 1 in recent use, atomic; they may be others by now. */
    struct cairn_table *recent[CAIRN_PAGETABLE_RECENT];
    struct cairn_cpus cpus; /* CPUs that have it loaded */
    size_t id;              /* constant: no other ever has it; 0: no PCIDs */
    size_t generation;      /* atomic: how often it was flushed, with PCIDs */
    size_t table_count;     /* atomic: frames that the CPU's walker reads */
    size_t aside_count;     /* atomic: frames of slabs and shadows */
    /* Constant once it is set: where the tables are those of another one. */
    struct cairn_pagetable *common;
    uint64_t common_start;
    uint64_t common_bytes;
    size_t sharer_count; /* atomic: page tables whose `common` this is */
};

/*
 * An empty page table: its root, and nothing mapped.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_MEMORY; CAIRN_NOT_REACHABLE:
 *          the source gave a frame that nobody can write, or 32-bit and PAE:
 *          no root below 4 GiB.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_pagetable_init(struct cairn_pagetable *table,
                     const struct cairn_pagetable_config *config);

/*
 * Give all tables back.  What is mapped is forgotten; no CPU may have it
 * loaded, and no page table share its tables (it panics).
 */
void cairn_pagetable_destroy(struct cairn_pagetable *table);

/*
 * Physical address of the root: what CR3 takes (D17), without its flags.
 * 4 KiB-aligned.
 */
cairn_phys cairn_pagetable_root(const struct cairn_pagetable *table);

/*
 * Let this CPU translate by it from now on.  With PCIDs, what the CPU has
 * cached of it before is still used, unless it was flushed meanwhile.
 *
 * Context  the code and stack in use are mapped alike in both.
 */
void cairn_pagetable_activate(struct cairn_pagetable *table);

/*
 * Let this CPU translate by tables that are not the library's, or let it end:
 * it is not asked for flushes any more.
 *
 *   root  physical address of their root, in the same paging mode
 *
 * Context  as cairn_pagetable_activate.  The window is still there.
 */
void cairn_pagetable_leave(cairn_phys root);

/* The page table that this CPU has activated; NULL: none. */
struct cairn_pagetable *cairn_pagetable_active(void);

/*
 * Make the slots of the root that cover [start, start + bytes) those of
 * `other`, for good: both have the same tables there from now on.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: other format, not whole slots, below
 *          the user_end of `other`, `table` shares some already;
 *          CAIRN_IN_USE: something is mapped there; CAIRN_NOT_FOUND: `other`
 *          has no table in one of the slots (see cairn_pagetable_fill).
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_pagetable_share(struct cairn_pagetable *table,
                      struct cairn_pagetable *other, cairn_va start,
                      uint64_t bytes);

/*
 * Put a table into each slot of the root that covers [start, start + bytes),
 * for good: so that later changes reach all page tables that share them.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT; CAIRN_NO_MEMORY, CAIRN_IN_USE (a large
 *          page is there): some may be there.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_pagetable_fill(struct cairn_pagetable *table, cairn_va start,
                     uint64_t bytes);

/*
 * Verify the library's own view of the tables: counts, links, entries.
 *
 * Returns  0, or the number of the invariant that is broken (paging/table.h).
 * Context  nobody else uses the page table.
 */
unsigned cairn_pagetable_check(struct cairn_pagetable *table);

/* ---- Questions ----------------------------------------------------------- */

/* A stretch of addresses that are all mapped alike, or all not. */
struct cairn_mapping {
    cairn_va start;
    uint64_t bytes;
    bool is_mapped;
    /* If it is: */
    cairn_phys phys;     /* of `start`; contiguous */
    uint64_t page_bytes; /* size of its pages */
    unsigned rights;     /* CAIRN_PAGE_* */
    enum cairn_cache cache;
    bool is_accessed; /* since they were mapped or harvested */
    bool is_dirty;
};

/*
 * The physical address of a byte, by the entries that hardware uses.
 *
 * Returns  true and `out`; false: not mapped, or no address of the format.
 * Cost     a load for each level; no lock.  If it is changed meanwhile, the
 *          answer is that of some moment during the call.
 */
bool cairn_pagetable_translate(const struct cairn_pagetable *table, cairn_va va,
                               cairn_phys *out);

/* ---- Cursors: transactions on a range ------------------------------------ */

/* What a cursor will do. */
enum cairn_intent {
    CAIRN_INTENT_LOOK,   /* query only */
    CAIRN_INTENT_CHANGE, /* unmap, protect, harvest, split, join too */
    CAIRN_INTENT_MAP     /* map too */
};

/* What to do where something is mapped already. */
enum cairn_existing {
    CAIRN_EXISTING_FAIL,    /* CAIRN_IN_USE, and nothing has changed */
    CAIRN_EXISTING_REPLACE, /* as if it had been unmapped first */
    CAIRN_EXISTING_PANIC
};

#define CAIRN_GATHER_RANGES   16
#define CAIRN_GATHER_MAPPINGS 32

/* What has to be flushed, and what is waiting for that. */
struct cairn__gather {
    struct {
        uint64_t start;
        uint64_t end;
        uint64_t step; /* bytes of a page */
    } ranges[CAIRN_GATHER_RANGES];
    unsigned range_count;
    uint64_t pages; /* in all ranges */
    bool is_needed; /* a flush */
    bool is_full;   /* of everything: too much for ranges */
    bool is_global; /* entries of all page tables too */
    struct cairn_mapping mappings[CAIRN_GATHER_MAPPINGS];
    unsigned mapping_count; /* removed, and to be told of after the flush */
};

struct cairn_cursor {
    struct cairn_pagetable *table;
    uint64_t at;             /* the next page to be worked on */
    uint64_t left;           /* bytes from there to the end of the range */
    struct cairn_table *top; /* covers the range; locked */
    unsigned long irq;
    enum cairn_intent intent;
    bool is_quick; /* the range is a page of `top`, which has level 1 */
    /*
     * Told of what was unmapped, once no CPU can reach it: contiguous stretches
     * with equal rights and flags.  May be NULL.  Set it after begin.  Tables
     * are locked while it is called: it may free frames, but neither begin a
     * cursor nor wait for another CPU.
     */
    void (*removed)(void *context, const struct cairn_mapping *mapping);
    void *context;
    /* What follows has no value while the cursor is quick. */
    uint64_t first;  /* where the range begins */
    unsigned lowest; /* level below which it does not begin */
    unsigned large;  /* bit l: whatever is mapped has pages of level l */
    bool is_emptied; /* nothing may be left in `top` */
    struct cairn_table *locked;     /* all that are, last one first */
    struct cairn_table *detached;   /* unlinked: released after the flush */
    struct cairn_table *reserve[2]; /* without and with children */
    uint64_t reserve_count[2];
    struct cairn__gather gather;
};

/*
 * Begin a transaction on [start, start + bytes), whole pages.
 *
 * Returns  CAIRN_OK: end it; CAIRN_BAD_ARGUMENT: not pages of the format's
 *          address space; CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE: no tables.
 *          These also with CAIRN_INTENT_CHANGE, whether or not there is a large
 *          page to be split: what is there is seen only once it is locked, and
 *          then it is too late to ask for tables.  It needs none if the range
 *          is in one table of level 1, or begins and ends where the CPU's
 *          largest pages may.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_begin(struct cairn_cursor *cursor, struct cairn_pagetable *table,
                   cairn_va start, uint64_t bytes, enum cairn_intent intent);

/*
 * The same with CAIRN_INTENT_MAP, for one cairn_cursor_map of the whole range
 * to `phys` in pages up to `page_limit`: reserves no more tables than that
 * needs.  Any other is CAIRN_BAD_ARGUMENT.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_begin_run(struct cairn_cursor *cursor,
                       struct cairn_pagetable *table, cairn_va start,
                       struct cairn_phys_range phys, uint64_t page_limit);

/* Flush, tell `removed`, unlock. */
void cairn_cursor_end(struct cairn_cursor *cursor);

/* Where the next operation begins; the end of the range if nothing is left. */
static inline cairn_va cairn_cursor_at(const struct cairn_cursor *cursor)
{
    return cairn_va_make(cursor->at);
}

/*
 * Go on to a higher address in the range, or to its end.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: lower, outside, or no page.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_seek(struct cairn_cursor *cursor, cairn_va va);

/* What is here, up to the end of the range; does not move. */
void cairn_cursor_query(struct cairn_cursor *cursor, struct cairn_mapping *out);

/* How pages are to be mapped. */
struct cairn_page_policy {
    unsigned rights; /* CAIRN_PAGE_* */
    enum cairn_cache cache;
    uint64_t page_limit; /* no larger pages; 0: any size */
    enum cairn_existing existing;
};

/*
 * Map the next `bytes` to contiguous physical memory from `phys` on, in the
 * largest pages that addresses, length, CPU and policy allow, and move on.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: misaligned, outside of the range or of
 *          physical memory, rights that the configuration forbids;
 *          CAIRN_IN_USE.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_map(struct cairn_cursor *cursor, cairn_phys phys, uint64_t bytes,
                 const struct cairn_page_policy *policy);

/* The same, page by page: frame i of `frames` for the page i from here. */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_map_frames(struct cairn_cursor *cursor, const cairn_pfn *frames,
                        size_t count, const struct cairn_page_policy *policy);

/*
 * Unmap the next `bytes`, mapped or not, and move on.  Large pages of which a
 * part remains are split.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT, also: a large page cannot be split.
 *          This is so where it does not end the cursor's range, unless that
 *          was begun to map; and 32-bit, beyond 4 GiB.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_unmap(struct cairn_cursor *cursor, uint64_t bytes);

/*
 * Give all mapped pages of the next `bytes` these rights, and move on.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT, as cairn_cursor_unmap.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_protect(struct cairn_cursor *cursor, uint64_t bytes,
                     unsigned rights);

/*
 * Let the page here, of 4 KiB, be another frame, and move on.  Rights and
 * memory type stay; at no moment is nothing mapped here.  `removed` is told of
 * what it was.
 *
 * Returns  CAIRN_OK; CAIRN_NOT_FOUND: nothing is mapped here;
 *          CAIRN_BAD_ARGUMENT: a large page, the end of the range, no frame of
 *          the format.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_exchange(struct cairn_cursor *cursor, cairn_pfn frame);

/*
 * Report pages of the next `bytes` that were accessed or written since, by
 * `seen`, and make them unaccessed and clean; move on.  CPUs may write through
 * what they have cached until the cursor has ended: look at contents after it.
 * `seen` may do what `removed` may.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT, as cairn_cursor_unmap.
 */
CAIRN_MUST_CHECK enum cairn_status cairn_cursor_harvest(
    struct cairn_cursor *cursor, uint64_t bytes,
    void (*seen)(void *context, const struct cairn_mapping *mapping),
    void *context);

/*
 * Make the page here `page_bytes` large: split a larger one, or join smaller
 * ones that are all mapped, alike and contiguous.  Does not move.
 *
 * Returns  CAIRN_OK, it is or was so; CAIRN_NOT_FOUND: nothing is mapped here,
 *          or what is cannot be joined; CAIRN_BAD_ARGUMENT: no size of pages
 *          here, the range does not cover the page, or it would have to be
 *          split without CAIRN_INTENT_MAP, or cannot be (32-bit, beyond 4 GiB).
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_cursor_resize(struct cairn_cursor *cursor, uint64_t page_bytes);

/* ---- Several CPUs -------------------------------------------------------- */

/*
 * What the interrupt that cairn_platform_flush sends has to call.
 *
 * Context  interrupts off, own CPU.
 */
void cairn_paging_interrupt(void);

CAIRN_END_DECLS

#endif
