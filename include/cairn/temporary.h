/*
 * cairn/temporary.h - the temporary window: single frames, for a moment.
 *
 * A few pages for each CPU at a fixed virtual address.  A frame that no other
 * window reaches (beyond a 32-bit kernel's direct map, or before there is any)
 * is mapped there, used, and unmapped.  Uses nest, last one out first.
 *
 * Locking  None: each CPU has its own pages, interrupts are off during a use,
 *          and nobody else's TLB can have them.
 * Cost     Two stores and two invalidations of one page.
 */
#ifndef CAIRN_TEMPORARY_H
#define CAIRN_TEMPORARY_H

#include <cairn/paging.h>

CAIRN_BEGIN_DECLS

/* How many uses a CPU can have at once. */
#define CAIRN_TEMPORARY_DEPTH 4

/* Bytes of virtual addresses that it takes on a machine with so many CPUs. */
#define CAIRN_TEMPORARY_BYTES(cpus)                                            \
    ((uint64_t)(cpus)*CAIRN_TEMPORARY_DEPTH * CAIRN_FRAME_SIZE)

struct cairn_temporary {
    struct cairn_pagetable *table; /* constant */
    struct cairn_table *leaf;      /* constant: the table of its pages */
    cairn_va start;                /* constant */
    uint8_t depth[CAIRN_CPU_MAX];  /* [own CPU, interrupts off] uses */
};

/*
 * Prepare it: the tables on the way are made, and stay.
 *
 *   start  all CPUs' pages, CAIRN_TEMPORARY_BYTES, lie in one table of level 1
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: they do not; CAIRN_IN_USE: something
 *          is mapped there; CAIRN_NO_MEMORY, CAIRN_NOT_REACHABLE.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_temporary_init(struct cairn_temporary *window,
                     struct cairn_pagetable *table, cairn_va start);

/* One use. */
struct cairn_temporary_use {
    unsigned long irq;
    cairn_va va; /* where the frame is */
};

/*
 * Map a frame for this CPU, readable and writable.  Interrupts are off until
 * the matching end.  Panics beyond CAIRN_TEMPORARY_DEPTH.
 */
void cairn_temporary_begin(struct cairn_temporary *window, cairn_pfn frame,
                           struct cairn_temporary_use *one);

/* Have the use show another frame. */
void cairn_temporary_replace(struct cairn_temporary *window,
                             const struct cairn_temporary_use *one,
                             cairn_pfn frame);

/* Unmap it.  Panics if it is not the last one that this CPU began. */
void cairn_temporary_end(struct cairn_temporary *window,
                         const struct cairn_temporary_use *one);

/* Call `work` with the address of the mapped frame; it is unmapped after. */
void cairn_temporary_with(struct cairn_temporary *window, cairn_pfn frame,
                          void (*work)(void *context, void *memory),
                          void *context);

/*
 * Fill [start, start + bytes) with zeros, and nothing else: through
 * cairn_platform_phys_to_virt as far as that reaches, else through the window.
 *
 *   window  NULL: there is none
 *
 * Returns  CAIRN_OK; CAIRN_NOT_REACHABLE, and nothing is written: there is no
 *          window, and not all can be reached; CAIRN_BAD_ARGUMENT: it wraps.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_zero_phys(struct cairn_temporary *window, cairn_phys start,
                uint64_t bytes);

CAIRN_END_DECLS

#endif
