/*
 * ram.h - simulated physical memory.
 *
 * RAM exists where it was added; everywhere else nothing answers.  It is
 * sparse: memory that is never touched takes none of the host's.  Behind each
 * range, the test program sees a page without access.
 */
#ifndef SIM_RAM_H
#define SIM_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Remove all RAM. */
void sim_ram_reset(void);

/*
 * Add zeroed RAM at [start, start + bytes), page-aligned.  False: it overlaps,
 * there are too many ranges, or the host has no address space for it.
 */
bool sim_ram_add(uint64_t start, uint64_t bytes);

/* Where the test program sees [start, start + bytes); NULL: not all is RAM. */
void *sim_ram_at(uint64_t start, uint64_t bytes);

/* Frames of RAM that have ever been touched (and so take host memory). */
uint64_t sim_ram_touched_frames(void);

#endif
