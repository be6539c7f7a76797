/*
 * arch_tlb.h - what a CPU has to be told about its page table.
 *
 * Implemented by arch/x86/tlb.c for kernels, and by the simulated machine.
 * All act on the calling CPU; interrupts are off.
 */
#ifndef ARCH_TLB_H
#define ARCH_TLB_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Forget the page of that address, and everything cached about tables.
 *
 * Source   Intel SDM vol. 3A, "Invalidation of TLBs and Paging-Structure
 *          Caches", subsection "Operations that Invalidate".
 */
void cairn__arch_tlb_flush_page(uint64_t va);

/* Forget everything but global pages. */
void cairn__arch_tlb_flush_local(void);

/* Forget everything. */
void cairn__arch_tlb_flush_all(void);

/*
 * Load CR3.  What is not global and, with PCIDs, belongs to the new one is
 * forgotten, unless bit 63 is set.
 *
 * Source   Intel SDM vol. 3A, "Invalidation of TLBs and Paging-Structure
 *          Caches", subsection "Operations that Invalidate"; section
 *          "Process-Context Identifiers (PCIDs)".
 */
void cairn__arch_tlb_load_root(uint64_t cr3);

#endif
