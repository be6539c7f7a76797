/*
 * cairn/types.h - the three kinds of number that address memory.
 *
 * Physical addresses, virtual addresses and frame numbers are structures of
 * one member each: passing one where another is meant does not compile.  They
 * are passed in registers and cost what the bare integer costs.
 *
 * Units   a physical or virtual address counts bytes; a frame number counts
 *         frames of CAIRN_FRAME_SIZE bytes.
 * Ranges  are half-open: `start` belongs to the range, `end` does not.
 */
#ifndef CAIRN_TYPES_H
#define CAIRN_TYPES_H

#include <cairn/compiler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAIRN_FRAME_SHIFT 12
#define CAIRN_FRAME_SIZE  ((uint64_t)1 << CAIRN_FRAME_SHIFT)

#define CAIRN_KIB ((uint64_t)1 << 10)
#define CAIRN_MIB ((uint64_t)1 << 20)
#define CAIRN_GIB ((uint64_t)1 << 30)
#define CAIRN_TIB ((uint64_t)1 << 40)

/*
 * No x86 processor addresses more than 52 bits of physical memory (Intel SDM
 * vol. 3A, "Paging", subsection "Enumeration of Paging Features by CPUID":
 * MAXPHYADDR is at most 52).  It is the exclusive end of every valid range.
 */
#define CAIRN_PHYS_LIMIT ((uint64_t)1 << 52)

/* A physical byte address; 64 bits wide on 32-bit CPUs too (PAE). */
typedef struct {
    uint64_t value;
} cairn_phys;

/* A virtual byte address of the running CPU. */
typedef struct {
    uintptr_t value;
} cairn_virt;

/* The number of a physical frame: physical address / CAIRN_FRAME_SIZE. */
typedef struct {
    uint64_t value;
} cairn_pfn;

/* Bytes [start, end) of physical memory. */
struct cairn_phys_range {
    cairn_phys start;
    cairn_phys end;
};

static inline cairn_phys cairn_phys_make(uint64_t value)
{
    cairn_phys phys = {value};
    return phys;
}

static inline cairn_virt cairn_virt_make(uintptr_t value)
{
    cairn_virt virt = {value};
    return virt;
}

static inline cairn_pfn cairn_pfn_make(uint64_t value)
{
    cairn_pfn pfn = {value};
    return pfn;
}

/* The frame that holds the byte at `phys`. */
static inline cairn_pfn cairn_pfn_of(cairn_phys phys)
{
    return cairn_pfn_make(phys.value >> CAIRN_FRAME_SHIFT);
}

/* The address of the first byte of frame `pfn`. */
static inline cairn_phys cairn_phys_of(cairn_pfn pfn)
{
    return cairn_phys_make(pfn.value << CAIRN_FRAME_SHIFT);
}

static inline struct cairn_phys_range cairn_phys_range_make(uint64_t start,
                                                            uint64_t end)
{
    struct cairn_phys_range range = {{start}, {end}};
    return range;
}

static inline uint64_t cairn_phys_range_bytes(struct cairn_phys_range range)
{
    return range.end.value - range.start.value;
}

#endif
