/*
 * paging/format.h - how the tables of a paging mode look, as data.
 *
 * WHAT   A format says how many levels there are, which address bits index
 *        each, how wide entries are, and where leaves may be.  The walker
 *        (walk.h) is written once, over a pointer to this; walkers.c makes one
 *        instance of it for each format, in which all of it is constant.
 *
 * HOW    Level 1 has the entries of 4 KiB pages; the root has level `levels`.
 *        Bits of entries are alike in all formats, but for NX, which only wide
 *        entries have, and PAT, which lies elsewhere in large leaves.
 *
 * SOURCE Intel SDM vol. 3A, chapter "Paging", sections "32-Bit Paging", "PAE
 *        Paging", "4-Level Paging and 5-Level Paging".
 */
#ifndef CAIRN__PAGING_FORMAT_H
#define CAIRN__PAGING_FORMAT_H

#include "arch_entry.h"
#include "base/align.h"
#include "base/assert.h"
#include <cairn/paging.h>

#define CAIRN__LEVELS_MAX 5

#define CAIRN__ENTRY_P     ((uint64_t)1 << 0)
#define CAIRN__ENTRY_RW    ((uint64_t)1 << 1)
#define CAIRN__ENTRY_US    ((uint64_t)1 << 2)
#define CAIRN__ENTRY_PWT   ((uint64_t)1 << 3)
#define CAIRN__ENTRY_PCD   ((uint64_t)1 << 4)
#define CAIRN__ENTRY_A     ((uint64_t)1 << 5)
#define CAIRN__ENTRY_D     ((uint64_t)1 << 6)
#define CAIRN__ENTRY_PS    ((uint64_t)1 << 7) /* levels above 1 */
#define CAIRN__ENTRY_PAT   ((uint64_t)1 << 7) /* level 1 */
#define CAIRN__ENTRY_G     ((uint64_t)1 << 8)
#define CAIRN__ENTRY_PAT_L ((uint64_t)1 << 12) /* large leaves */
#define CAIRN__ENTRY_NX    ((uint64_t)1 << 63)

/* Bits that say neither where a page is nor what was done to it. */
#define CAIRN__ENTRY_KIND                                                      \
    (CAIRN__ENTRY_P | CAIRN__ENTRY_RW | CAIRN__ENTRY_US | CAIRN__ENTRY_PWT |   \
     CAIRN__ENTRY_PCD | CAIRN__ENTRY_PAT | CAIRN__ENTRY_G | CAIRN__ENTRY_NX)

struct cairn__paging_format {
    const char *name;
    uint8_t levels;
    uint8_t entry_bytes; /* 4 or 8 */
    uint8_t va_bits;
    bool is_signed;      /* bits above va_bits repeat the highest */
    bool has_bare_root;  /* PAE: entries of the root have P and an address */
    bool has_pse36;      /* large leaves: bits 39:32 are in 20:13 */
    uint8_t leaf_levels; /* bit l: leaves at level l exist */
    uint8_t shifts[CAIRN__LEVELS_MAX + 2]; /* lowest address bit of the index */
};

extern const struct cairn__paging_format
    *const cairn__paging_formats[CAIRN_PAGING_MODES];

/* Bytes that one entry of that level maps. */
CAIRN_INLINE uint64_t cairn__span(const struct cairn__paging_format *format,
                                  unsigned level)
{
    return (uint64_t)1 << format->shifts[level];
}

/* How many entries a table of that level has. */
CAIRN_INLINE unsigned cairn__fanout(const struct cairn__paging_format *format,
                                    unsigned level)
{
    return 1u << (format->shifts[level + 1] - format->shifts[level]);
}

CAIRN_INLINE unsigned cairn__index(const struct cairn__paging_format *format,
                                   unsigned level, uint64_t va)
{
    return (unsigned)(va >> format->shifts[level]) &
           (cairn__fanout(format, level) - 1);
}

/* ---- Entries in memory --------------------------------------------------- */

CAIRN_INLINE uint64_t
cairn__entry_load(const struct cairn__paging_format *format, const void *table,
                  unsigned index)
{
    return format->entry_bytes == 8
               ? cairn__arch_entry64_load((const uint64_t *)table + index)
               : cairn__arch_entry32_load((const uint32_t *)table + index);
}

/* Not live, or nothing that the CPU's walker would change. */
CAIRN_INLINE void cairn__entry_store(const struct cairn__paging_format *format,
                                     void *table, unsigned index,
                                     uint64_t value)
{
    if (format->entry_bytes == 8)
        cairn__arch_entry64_store((uint64_t *)table + index, value);
    else
        cairn__arch_entry32_store((uint32_t *)table + index, (uint32_t)value);
}

/* The same for one that refers to a table: what that one has is seen first. */
CAIRN_INLINE void cairn__entry_link(const struct cairn__paging_format *format,
                                    void *table, unsigned index, uint64_t value)
{
    if (format->entry_bytes == 8)
        cairn__arch_entry64_link((uint64_t *)table + index, value);
    else
        cairn__arch_entry32_link((uint32_t *)table + index, (uint32_t)value);
}

/* False: it is another one by now; `former` says which. */
CAIRN_INLINE bool cairn__entry_swap(const struct cairn__paging_format *format,
                                    void *table, unsigned index,
                                    uint64_t *former, uint64_t value)
{
    uint32_t narrow = (uint32_t)*former;
    bool is_done;

    if (format->entry_bytes == 8)
        return cairn__arch_entry64_swap((uint64_t *)table + index, former,
                                        value);
    is_done = cairn__arch_entry32_swap((uint32_t *)table + index, &narrow,
                                       (uint32_t)value);
    *former = narrow;
    return is_done;
}

/* The walker may still set A or D in that entry. */
CAIRN_INLINE bool cairn__entry_is_unsettled(uint64_t entry)
{
    return (entry & CAIRN__ENTRY_A) == 0 ||
           (entry & (CAIRN__ENTRY_RW | CAIRN__ENTRY_D)) == CAIRN__ENTRY_RW;
}

/* Replace a live entry; returns the last that the CPU's walker made of it. */
CAIRN_INLINE uint64_t
cairn__entry_exchange(const struct cairn__paging_format *format, void *table,
                      unsigned index, uint64_t value)
{
    uint64_t former = cairn__entry_load(format, table, index);

    if (!cairn__entry_is_unsettled(former)) {
        cairn__entry_store(format, table, index, value);
        return former;
    }
    if (format->entry_bytes == 8)
        return cairn__arch_entry64_exchange((uint64_t *)table + index, value);
    return cairn__arch_entry32_exchange((uint32_t *)table + index,
                                        (uint32_t)value);
}

/* ---- What entries say ---------------------------------------------------- */

CAIRN_INLINE bool cairn__entry_is_leaf(uint64_t entry, unsigned level)
{
    return (entry & CAIRN__ENTRY_P) != 0 &&
           (level == 1 || (entry & CAIRN__ENTRY_PS) != 0);
}

/* Physical address in an entry for a table or a 4 KiB page. */
#define CAIRN__ENTRY_ADDRESS (CAIRN_PHYS_LIMIT - CAIRN_FRAME_SIZE)

/* Where a leaf's page begins. */
CAIRN_INLINE uint64_t cairn__leaf_phys(
    const struct cairn__paging_format *format, unsigned level, uint64_t leaf)
{
    uint64_t phys = leaf & CAIRN__ENTRY_ADDRESS;

    if (level > 1)
        phys &= ~(cairn__span(format, level) - 1);
    if (format->has_pse36 && level > 1)
        phys |= (leaf >> 13 & 0xff) << 32;
    return phys;
}

/* Its bits, as in an entry of level 1. */
CAIRN_INLINE uint64_t cairn__leaf_kind(unsigned level, uint64_t leaf)
{
    if (level > 1)
        leaf = (leaf & ~CAIRN__ENTRY_PS) |
               ((leaf & CAIRN__ENTRY_PAT_L) != 0 ? CAIRN__ENTRY_PAT : 0);
    return leaf & CAIRN__ENTRY_KIND;
}

/* The leaf for a page; `kind`, and A and D, as in an entry of level 1. */
CAIRN_INLINE uint64_t
cairn__leaf_make(const struct cairn__paging_format *format, unsigned level,
                 uint64_t phys, uint64_t kind)
{
    if (level == 1)
        return phys | kind;
    if ((kind & CAIRN__ENTRY_PAT) != 0)
        kind |= CAIRN__ENTRY_PAT_L;
    if (format->has_pse36)
        phys = (phys & UINT32_MAX) | (phys >> 32) << 13;
    return phys | kind | CAIRN__ENTRY_PS;
}

#endif
