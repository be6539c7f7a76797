/*
 * areas_build.h - kernel areas on a page table that no CPU has loaded, with
 * frames that can run out.
 */
#ifndef AREAS_BUILD_H
#define AREAS_BUILD_H

#include "harness/test.h"
#include <cairn/areas.h>

#define AREAS_BASE 0xffff800000000000u

struct areas_build {
    struct cairn_pagetable table;
    struct cairn_areas set;
};

extern struct areas_build areas;

/* No areas in [base, base + bytes); once in a test. */
void areas_start(uint64_t base, uint64_t bytes);

/* Nothing is mapped, no area is left, and every frame has come back. */
void areas_end(void);

/* All invariants hold. */
void areas_verify(void);

/* Free frames, and those of an owner. */
uint64_t areas_free_frames(void);
uint64_t areas_owner_frames(enum cairn_owner owner);

/* Let only so many frames be free, if there are; give all others back. */
void areas_leave(unsigned count);
void areas_give_back(void);

/* An area of that many bytes; the request is taken as it is otherwise. */
struct cairn_area *areas_alloc(uint64_t bytes,
                               struct cairn_area_request request);

struct cairn_areas_stats areas_stats(void);

#endif
