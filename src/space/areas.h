/*
 * space/areas.h - what the files about areas share.
 *
 * INVARIANTS (cairn_areas_check tests each by this number; those of the set of
 * ranges come out as 10 more)
 *   A1   The range of an area is the area with its guards.
 *   A2   Areas of the set are in use, and say that they are this set's.
 *   A3   Reserved ranges do not touch each other.
 *   A4   `area_count` is how many there are.
 *   A5   Areas that are free say so.
 *   A6   An area without frames of its own counts none.
 */
#ifndef CAIRN__SPACE_AREAS_H
#define CAIRN__SPACE_AREAS_H

#include <cairn/areas.h>

enum cairn__area_state {
    CAIRN__AREA_FREE,
    CAIRN__AREA_USED,
    CAIRN__AREA_DYING /* being unmapped: still in the set, but nobody's */
};

/*
 * Unmap [area->start, + bytes), and tell of it or free the frames.  Fails only
 * where a large page goes on beyond the area.
 */
CAIRN_MUST_CHECK enum cairn_status cairn__area_unmap(
    struct cairn_area *area, uint64_t bytes,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context);

/* Give the area another name. */
void cairn__area_rename(struct cairn_area *area, const char *name);

#endif
