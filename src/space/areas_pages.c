/*
 * space/areas_pages.c - what is mapped in an area.
 *
 * HOW    An area is unmapped table by table: what lies in one table of level 1,
 *        or is one large page, takes no memory to unmap, so freeing cannot
 *        fail, and interrupts are not off for long.  Holes are skipped, however
 *        large they are.
 *
 *        A fault counts itself in before it lets go of the lock, so that an
 *        area does not go away while a frame is mapped into it.
 *
 * LOCKS  That of the set, for a look at the area only.
 *
 * FAILS  A page that cannot be backed undoes those before it.
 *
 * TESTS  tests/areas.c, tests/areas_random.c, tests/host/areas_mmu.c
 */
#include "space/areas.h"

#include "base/align.h"
#include "base/assert.h"
#include "base/bits.h"
#include "base/lock.h"
#include "paging/table.h"

#define BATCH 32u /* frames that are mapped in one transaction */

/* ---- Unmap --------------------------------------------------------------- */

/* No CPU reaches them any more. */
static void free_frames(void *context, const struct cairn_mapping *mapping)
{
    struct cairn_area *area = context;
    size_t count = (size_t)(mapping->bytes >> CAIRN_FRAME_SHIFT);
    enum cairn_status status = cairn_frames_free_range(
        area->areas->frames, cairn_pfn_of(mapping->phys), count);

    cairn__assert(status == CAIRN_OK && area->frame_count >= count);
    area->frame_count -= count;
}

/* Bytes from there to the end of a table of level 1, or of the page. */
static uint64_t piece_at(struct cairn_pagetable *table, cairn_va va,
                         bool *is_hole)
{
    uint64_t span = cairn__span(table->format, 2);
    uint64_t rest = span - (va.value & (span - 1));
    struct cairn_mapping page;
    bool is_known = cairn_map_look(table, va, &page);

    cairn__assert(is_known);
    *is_hole = !page.is_mapped && page.bytes >= rest;
    return cairn__max(rest, page.bytes);
}

enum cairn_status cairn__area_unmap(
    struct cairn_area *area, uint64_t bytes,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context)
{
    struct cairn_pagetable *table = area->areas->table;
    enum cairn_status status = CAIRN_OK;
    uint64_t piece;

    if (area->has_frames) {
        removed = free_frames;
        context = area;
    }
    for (uint64_t done = 0; done < bytes && status == CAIRN_OK; done += piece) {
        cairn_va va = cairn_va_make(area->start.value + done);
        bool is_hole;

        piece = cairn__min(piece_at(table, va, &is_hole), bytes - done);
        if (!is_hole)
            status = cairn_unmap_range(table, va, piece, removed, context);
    }
    return status;
}

/* ---- Handles ------------------------------------------------------------- */

static void expect_page(const struct cairn_area *area, uint64_t index)
{
    if (index >= area->bytes >> cairn__bit_lowest(area->page_bytes))
        cairn__panic("page %llu is outside of the area %s at %#llx",
                     (unsigned long long)index, area->name,
                     (unsigned long long)area->start.value);
}

enum cairn_status cairn_area_map(struct cairn_area *area, uint64_t index,
                                 cairn_pfn frame,
                                 const struct cairn_page_policy *policy)
{
    struct cairn_pagetable *table = area->areas->table;
    cairn_va va = cairn_area_page(area, index);
    cairn_phys phys = cairn_phys_of(frame);

    expect_page(area, index);
    if (area->has_frames || cairn_pfn_of(phys).value != frame.value)
        return CAIRN_BAD_ARGUMENT;
    return area->page_bytes == CAIRN_FRAME_SIZE
               ? cairn_map_page(table, va, phys, policy)
               : cairn_map_large(table, va, phys, area->page_bytes, policy);
}

enum cairn_status cairn_area_unmap(struct cairn_area *area, uint64_t index,
                                   struct cairn_mapping *removed)
{
    expect_page(area, index);
    if (area->has_frames)
        return CAIRN_BAD_ARGUMENT;
    return cairn_unmap_page(area->areas->table, cairn_area_page(area, index),
                            removed);
}

/* ---- Frames of its own --------------------------------------------------- */

static enum cairn_status take_frames(struct cairn_area *area, unsigned flags,
                                     cairn_pfn *out, unsigned count)
{
    struct cairn_frames *frames = area->areas->frames;
    enum cairn_status status = CAIRN_OK;
    unsigned taken = 0;

    while (taken < count && status == CAIRN_OK) {
        status = cairn_frames_alloc(frames, 0, flags,
                                    (enum cairn_owner)area->owner, &out[taken]);
        taken += status == CAIRN_OK;
    }
    while (status != CAIRN_OK && taken > 0)
        (void)cairn_frames_free(frames, out[--taken]);
    return status;
}

static struct cairn_page_policy policy_of(const struct cairn_area *area)
{
    struct cairn_page_policy policy = {.rights = area->rights};

    return policy;
}

/* The next pages; all of them or none. */
static enum cairn_status back_some(struct cairn_area *area, uint64_t done,
                                   unsigned count, unsigned flags)
{
    const struct cairn_page_policy policy = policy_of(area);
    cairn_pfn frames[BATCH];
    enum cairn_status status = take_frames(area, flags, frames, count);

    if (status != CAIRN_OK)
        return status;
    status = cairn_map_frames(area->areas->table,
                              cairn_va_make(area->start.value + done), frames,
                              count, &policy);
    if (status == CAIRN_OK) {
        area->frame_count += count;
        return CAIRN_OK;
    }
    while (count > 0)
        (void)cairn_frames_free(area->areas->frames, frames[--count]);
    return status;
}

static void unback(struct cairn_area *area, uint64_t bytes)
{
    enum cairn_status status = cairn__area_unmap(area, bytes, NULL, NULL);

    cairn__assert(status == CAIRN_OK && area->frame_count == 0);
    area->has_frames = false;
}

enum cairn_status cairn_area_back(struct cairn_area *area, unsigned flags)
{
    enum cairn_status status = CAIRN_OK;
    uint64_t bytes;

    if (area->has_frames || area->is_adopted ||
        area->page_bytes != CAIRN_FRAME_SIZE || area->areas->frames == NULL)
        return CAIRN_BAD_ARGUMENT;
    area->has_frames = true;
    for (uint64_t done = 0; done < area->bytes; done += bytes) {
        bytes = cairn__min(area->bytes - done, BATCH << CAIRN_FRAME_SHIFT);
        status = back_some(area, done, (unsigned)(bytes >> CAIRN_FRAME_SHIFT),
                           flags);
        if (status != CAIRN_OK) {
            unback(area, done);
            break;
        }
    }
    return status;
}

/* ---- Faults -------------------------------------------------------------- */

/* The lazy area with that page, which does not go away until `leave`. */
static enum cairn_status enter(struct cairn_areas *areas, cairn_va va,
                               unsigned access, struct cairn_area **out)
{
    enum cairn_status status = CAIRN_NOT_FOUND;
    struct cairn_range range;
    struct cairn_area *area;
    unsigned long irq;

    if (!cairn__lock_acquire_first(&areas->lock, &irq))
        return CAIRN_IN_USE;
    if (cairn_ranges_find(&areas->set, va, &range) && range.value != NULL) {
        area = range.value;
        if (area->kind == CAIRN_AREA_LAZY && area->state == CAIRN__AREA_USED &&
            va.value >= area->start.value &&
            va.value - area->start.value < area->bytes)
            status =
                (access & ~area->rights) != 0 ? CAIRN_BAD_ARGUMENT : CAIRN_OK;
        if (status == CAIRN_OK) {
            __atomic_fetch_add(&area->fault_count, 1, __ATOMIC_RELAXED);
            *out = area;
        }
    }
    cairn__lock_release(&areas->lock, irq);
    return status;
}

/* Without the lock: whoever frees the area finds 0 only after this, and nobody
 * enters it while he holds the lock. */
static void leave(struct cairn_area *area)
{
    uint32_t before =
        __atomic_fetch_sub(&area->fault_count, 1, __ATOMIC_RELEASE);

    cairn__assert(before > 0);
}

static enum cairn_status back_page(struct cairn_area *area, cairn_va page)
{
    const struct cairn_page_policy policy = policy_of(area);
    cairn_pfn frame;
    enum cairn_status status = take_frames(area, CAIRN_FRAME_ZEROED, &frame, 1);

    if (status != CAIRN_OK)
        return status;
    status =
        cairn_map_page(area->areas->table, page, cairn_phys_of(frame), &policy);
    if (status == CAIRN_OK)
        __atomic_fetch_add(&area->frame_count, 1, __ATOMIC_RELAXED);
    else
        (void)cairn_frames_free(area->areas->frames, frame);
    return status == CAIRN_IN_USE ? CAIRN_OK : status;
}

enum cairn_status cairn_area_fault(struct cairn_areas *areas, cairn_va va,
                                   unsigned access)
{
    cairn_va page = cairn_va_make(cairn__page_down(va.value));
    struct cairn_area *area;
    enum cairn_status status;
    bool is_mapped;

    if (!cairn__tables_look(areas->table, va, &is_mapped))
        return CAIRN_IN_USE;
    status = enter(areas, va, access, &area);
    if (status != CAIRN_OK)
        return status;
    if (!is_mapped)
        status = back_page(area, page);
    leave(area);
    return status;
}
