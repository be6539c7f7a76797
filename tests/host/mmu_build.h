/*
 * mmu_build.h - page tables by hand, for the tests of the simulated MMU.
 *
 * A machine has 16 MiB of RAM.  Tables are taken from 1 MiB on; pages lie from
 * MMU_DATA on.  Entries are written with atomic stores, as a kernel would.
 */
#ifndef TEST_HOST_MMU_BUILD_H
#define TEST_HOST_MMU_BUILD_H

#include "sim/mmu.h"

#define MMU_RAM   ((uint64_t)16 << 20)
#define MMU_DATA  ((uint64_t)8 << 20)
#define MMU_PAGE  ((uint64_t)4096)
#define MMU_MODES 5

#define MMU_P   ((uint64_t)1)
#define MMU_RW  ((uint64_t)2)
#define MMU_US  ((uint64_t)4)
#define MMU_PWT ((uint64_t)8)
#define MMU_PCD ((uint64_t)0x10)
#define MMU_A   ((uint64_t)0x20)
#define MMU_D   ((uint64_t)0x40)
#define MMU_PS  ((uint64_t)0x80)
#define MMU_G   ((uint64_t)0x100)
#define MMU_XD  ((uint64_t)1 << 63)
/* A present page that everybody may read and write, A and D not yet set. */
#define MMU_ALL (MMU_P | MMU_RW | MMU_US)

/* What fault_of() says if there is none, or another. */
#define MMU_FINE 0x1000u
#define MMU_GP   0x2000u

/* A machine with everything, but 40 address bits (PAE and 32-bit: 36). */
struct sim_mmu_machine mmu_machine(enum sim_mmu_mode mode);

/* Empty RAM, the machine, and a root, which all CPUs load. */
uint64_t mmu_start(enum sim_mmu_mode mode);
uint64_t mmu_start_machine(const struct sim_mmu_machine *machine);

/* Levels of the mode; what an entry of the level spans. */
unsigned mmu_levels(void);
uint64_t mmu_span(unsigned level);

/* A fresh zeroed table. */
uint64_t mmu_table(void);

/* Where the entry for va is; all levels above must be present. */
uint64_t mmu_entry(uint64_t root, unsigned level, uint64_t va);
uint64_t mmu_get(uint64_t entry);
/* Where the test sees that RAM. */
void *mmu_at(uint64_t phys);
void mmu_set(uint64_t entry, uint64_t value);

/*
 * Write `value` as the entry of that level for va, with tables above that allow
 * everything where there are none (in PAE mode, load the root again).  Returns
 * where the entry is.
 */
uint64_t mmu_map(uint64_t root, unsigned level, uint64_t va, uint64_t value);

/* mmu_map of a page, large or not, with MMU_ALL and `bits`. */
uint64_t mmu_map_page(uint64_t root, unsigned level, uint64_t va,
                      uint64_t value);

/* On CPU 0: MMU_FINE, MMU_GP or the error code. */
uint32_t mmu_fault_of(uint64_t va, enum sim_mmu_kind kind, bool is_user,
                      bool ac);
/* By the kernel with AC. */
uint32_t mmu_try(uint64_t va, enum sim_mmu_kind kind);
/* Reads as the kernel with AC, and says where; UINT64_MAX: a fault. */
uint64_t mmu_phys(unsigned cpu, uint64_t va);
/* The same, and the memory type. */
unsigned mmu_type(uint64_t va);

/* CPU 0 has the control bits that it has, changed by one. */
#define MMU_CONTROL(field, value)                                              \
    do {                                                                       \
        struct sim_mmu_control control_;                                       \
        sim_mmu_get_control(0, &control_);                                     \
        control_.field = (value);                                              \
        CHECK(sim_mmu_set_control(0, &control_));                              \
    } while (0)

#endif
