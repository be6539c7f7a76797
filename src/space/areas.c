/*
 * space/areas.c - kernel virtual areas: allocate, free, find.
 *
 * HOW    A set of ranges says what is taken: an area's range has its guards,
 *        and the area as its value; what is reserved has none.  Areas live in
 *        frames of their own and never become anything else, so a handle that
 *        is freed twice is seen.
 *
 *        Memory for the books is taken before the lock, since taking frames may
 *        wait for other CPUs: a change begins when there is enough of it for
 *        the worst case, and then cannot fail for want of it.
 *
 *        Freeing has three steps: nobody may do anything with the area any
 *        more; it is unmapped; its addresses are free.  So they are nobody
 *        else's before no CPU can use what was there.
 *
 * LOCKS  [lock] that of the set, rank AREAS.  Nothing is mapped, unmapped,
 *        allocated or freed while it is held.
 *
 * FAILS  Before anything changes.
 *
 * COST   See cairn/areas.h.
 *
 * TESTS  tests/areas.c, tests/areas_random.c, tests/host/areas_mmu.c
 */
#include "space/areas.h"

#include "arch_relax.h"
#include "base/align.h"
#include "base/assert.h"
#include "base/bits.h"
#include "base/lock.h"
#include "base/memory.h"
#include "space/ranges.h"
#include <cairn/format.h>

#define GUARD      CAIRN_AREA_GUARD
#define PEEK_TRIES 10000

/* A frame with areas. */
union slab {
    struct {
        union slab *next;
        cairn_pfn frame;
    } head;
    struct cairn_area areas[CAIRN_FRAME_SIZE / sizeof(struct cairn_area)];
};

#define SLAB_AREAS (CAIRN_FRAME_SIZE / sizeof(struct cairn_area))

_Static_assert(sizeof(union slab) <= CAIRN_FRAME_SIZE, "a frame");
_Static_assert(sizeof(struct cairn_area) <= 128, "as areas.h says");

/* ---- Memory -------------------------------------------------------------- */

static void put_frame(struct cairn_areas *areas, cairn_pfn pfn)
{
    const struct cairn_pagetable_config *config = &areas->table->config;

    if (config->release != NULL)
        config->release(config->release_context, pfn);
}

static enum cairn_status take_frame(struct cairn_areas *areas, cairn_pfn *out)
{
    enum cairn_status status =
        cairn_source_alloc(&areas->table->config.source, out);

    if (status == CAIRN_OK &&
        cairn_platform_phys_to_virt(cairn_phys_of(*out),
                                    (size_t)CAIRN_FRAME_SIZE) == NULL) {
        put_frame(areas, *out);
        status = CAIRN_NOT_REACHABLE;
    }
    return status;
}

/* What the set of ranges takes its frames from. */
static enum cairn_status take_stock(void *context, cairn_pfn *out)
{
    struct cairn_areas *areas = context;

    if (areas->stock_count == 0)
        return CAIRN_NO_MEMORY;
    *out = areas->stock[--areas->stock_count];
    return CAIRN_OK;
}

static void put_node_frame(void *context, cairn_pfn pfn)
{
    put_frame(context, pfn);
}

/* Behind all others, so that what was freed is remembered for long. */
static void put_area(struct cairn_area *area)
{
    struct cairn_areas *areas = area->areas;

    area->state = CAIRN__AREA_FREE;
    area->next = NULL;
    if (areas->free == NULL)
        areas->free = area;
    else
        areas->free_last->next = area;
    areas->free_last = area;
}

static void add_slab(struct cairn_areas *areas, cairn_pfn pfn)
{
    union slab *slab = cairn_platform_phys_to_virt(cairn_phys_of(pfn),
                                                   (size_t)CAIRN_FRAME_SIZE);

    memset(slab, 0, (size_t)CAIRN_FRAME_SIZE);
    slab->head.next = areas->slabs;
    slab->head.frame = pfn;
    areas->slabs = slab;
    for (unsigned i = SLAB_AREAS - 1; i > 0; i--) {
        slab->areas[i].areas = areas;
        put_area(&slab->areas[i]);
    }
}

static bool has_nodes(const struct cairn_areas *areas, unsigned changes)
{
    return areas->set.free_count + areas->stock_count * CAIRN__RANGE_NODES >=
           (areas->set.height + 3) * (size_t)changes;
}

/*
 * Take the lock with memory for so many changes of the set, or for an area.
 * Other CPUs may take what this one brings, so it looks again.
 */
static enum cairn_status begin(struct cairn_areas *areas, unsigned changes,
                               bool needs_area, unsigned long *irq)
{
    for (;;) {
        cairn_pfn pfn;
        enum cairn_status status;

        *irq = cairn__lock_acquire(&areas->lock);
        if (has_nodes(areas, changes) && !(needs_area && areas->free == NULL))
            return CAIRN_OK;
        cairn__lock_release(&areas->lock, *irq);
        status = take_frame(areas, &pfn);
        if (status != CAIRN_OK)
            return status;
        *irq = cairn__lock_acquire(&areas->lock);
        if (needs_area && areas->free == NULL) {
            add_slab(areas, pfn);
            pfn.value = 0;
        } else if (areas->stock_count < CAIRN__AREAS_STOCK) {
            areas->stock[areas->stock_count++] = pfn;
            pfn.value = 0;
        }
        cairn__lock_release(&areas->lock, *irq);
        if (pfn.value != 0)
            put_frame(areas, pfn);
    }
}

static void end(struct cairn_areas *areas, unsigned long irq)
{
    cairn__lock_release(&areas->lock, irq);
}

/* ---- The set ------------------------------------------------------------- */

enum cairn_status cairn_areas_init(struct cairn_areas *areas,
                                   struct cairn_span bounds,
                                   struct cairn_pagetable *table,
                                   struct cairn_frames *frames)
{
    const struct cairn_source source = {take_stock, take_stock, areas};
    struct cairn_cursor cursor;
    enum cairn_status status;

    memset(areas, 0, sizeof(*areas));
    status = cairn_ranges_init(&areas->set, bounds, source, put_node_frame);
    if (status == CAIRN_OK)
        status = cairn_cursor_begin(&cursor, table, bounds.start, bounds.bytes,
                                    CAIRN_INTENT_LOOK);
    if (status != CAIRN_OK)
        return status;
    cairn_cursor_end(&cursor);
    areas->table = table;
    areas->frames = frames;
    cairn__lock_init(&areas->lock, CAIRN__RANK_AREAS);
    return CAIRN_OK;
}

enum cairn_status cairn_areas_destroy(struct cairn_areas *areas)
{
    if (areas->area_count != 0)
        return CAIRN_IN_USE;
    cairn_ranges_destroy(&areas->set);
    while (areas->stock_count > 0)
        put_frame(areas, areas->stock[--areas->stock_count]);
    areas->free = NULL;
    while (areas->slabs != NULL) {
        union slab *slab = areas->slabs;
        cairn_pfn pfn = slab->head.frame;

        areas->slabs = slab->head.next;
        put_frame(areas, pfn);
    }
    return CAIRN_OK;
}

/* ---- Reserve ------------------------------------------------------------- */

/* Whole pages around the span, inside of the bounds. */
static bool round_out(const struct cairn_areas *areas, struct cairn_span span,
                      uint64_t *first, uint64_t *end_page)
{
    uint64_t last = span.start.value + (span.bytes - 1);

    *first = span.start.value >> CAIRN_FRAME_SHIFT;
    *end_page = (last >> CAIRN_FRAME_SHIFT) + 1;
    return last >= span.start.value && *first >= areas->set.first &&
           *end_page <= areas->set.end;
}

static struct cairn_span span_of(uint64_t first, uint64_t end_page)
{
    return cairn_span_make(first << CAIRN_FRAME_SHIFT,
                           (end_page - first) << CAIRN_FRAME_SHIFT);
}

/*
 * Widen [*first, *end) by the reserved ranges that overlap or touch it.  False:
 * an area is in there.
 */
static bool widen(const struct cairn_areas *areas, uint64_t *first,
                  uint64_t *end_page)
{
    const uint64_t start = *first;
    const uint64_t stop = *end_page;
    uint64_t at = start > 0 ? start - 1 : start;
    struct cairn__range_found found;

    for (; cairn__range_next(&areas->set, at, &found) && found.start <= stop;
         at = found.end) {
        if (found.value == NULL) {
            *first = cairn__min(*first, found.start);
            *end_page = cairn__max(*end_page, found.end);
        } else if (found.start < stop && found.end > start) {
            return false;
        }
    }
    return true;
}

enum cairn_status cairn_areas_reserve(struct cairn_areas *areas,
                                      struct cairn_span span)
{
    uint64_t first;
    uint64_t end_page;
    unsigned long irq;
    enum cairn_status status;

    if (span.bytes == 0)
        return CAIRN_OK;
    if (!round_out(areas, span, &first, &end_page))
        return CAIRN_BAD_ARGUMENT;
    status = begin(areas, 1, false, &irq);
    if (status != CAIRN_OK)
        return status;
    if (widen(areas, &first, &end_page)) {
        /* Whole ranges go, so this takes no memory. */
        span = span_of(first, end_page);
        status = cairn_ranges_cut(&areas->set, span);
        if (status == CAIRN_OK)
            status = cairn_ranges_insert(&areas->set, span, NULL);
        cairn__assert(status == CAIRN_OK);
    } else {
        status = CAIRN_IN_USE;
    }
    end(areas, irq);
    return status;
}

/* ---- Place --------------------------------------------------------------- */

/* A request with nothing left to be guessed. */
struct plan {
    const struct cairn_area_request *request;
    uint64_t page_bytes;
    uint64_t align;
    uint64_t below; /* bytes of guards */
    uint64_t above;
    uint64_t lead; /* what FIRST and RANDOM look for below */
    struct cairn_fit fit;
};

static bool are_sizes_good(const struct plan *plan)
{
    uint64_t bytes = plan->request->bytes;
    uint64_t total = plan->lead + bytes + plan->above;

    return bytes != 0 && total >= bytes && total >= plan->lead &&
           cairn__is_power(plan->page_bytes) && cairn__is_power(plan->align) &&
           plan->page_bytes >= CAIRN_FRAME_SIZE &&
           plan->align >= plan->page_bytes &&
           cairn__is_aligned(bytes, plan->page_bytes);
}

/*
 * Where to look: what was asked for, or, if that has no length, from its start
 * to the end of the bounds.  False: nothing is left.
 */
static bool choose_window(const struct cairn_areas *areas, struct plan *plan)
{
    struct cairn_span within = plan->request->within;
    uint64_t first = within.start.value >> CAIRN_FRAME_SHIFT;

    if (within.bytes == 0) {
        first += (within.start.value & (CAIRN_FRAME_SIZE - 1)) != 0;
        first = cairn__max(first, areas->set.first);
        if (first >= areas->set.end)
            return false;
        within = span_of(first, areas->set.end);
    }
    plan->fit.within = within;
    return true;
}

static enum cairn_status make_plan(const struct cairn_areas *areas,
                                   const struct cairn_area_request *request,
                                   struct plan *plan)
{
    plan->request = request;
    plan->page_bytes =
        request->page_bytes != 0 ? request->page_bytes : CAIRN_FRAME_SIZE;
    plan->align = request->align != 0 ? request->align : plan->page_bytes;
    plan->below =
        (request->flags & CAIRN_AREA_WITH_GUARD_BELOW) != 0 ? GUARD : 0;
    plan->above =
        (request->flags & CAIRN_AREA_WITH_GUARD_ABOVE) != 0 ? GUARD : 0;
    plan->lead = plan->below != 0 ? plan->align : 0;
    if (!are_sizes_good(plan) || request->kind <= CAIRN_AREA_RESERVED ||
        request->kind >= CAIRN_AREA_KINDS ||
        request->place > CAIRN_AREA_FIXED ||
        (request->flags & ~CAIRN_AREA_WITH_GUARDS) != 0 ||
        (request->rights & ~CAIRN_PAGE_RIGHTS) != 0 ||
        request->owner >= CAIRN_OWNER_COUNT ||
        (request->place == CAIRN_AREA_RANDOM && request->draw == NULL) ||
        (request->kind == CAIRN_AREA_LAZY &&
         (plan->page_bytes != CAIRN_FRAME_SIZE || areas->frames == NULL)))
        return CAIRN_BAD_ARGUMENT;
    plan->fit.bytes = plan->lead + request->bytes + plan->above;
    plan->fit.align = plan->align;
    return choose_window(areas, plan) ? CAIRN_OK : CAIRN_NO_SPACE;
}

/* Put the area there, if that is free. */
static enum cairn_status insert(struct cairn_areas *areas,
                                const struct plan *plan, uint64_t start,
                                struct cairn_area *area)
{
    uint64_t bytes = plan->below + plan->request->bytes + plan->above;
    enum cairn_status status;

    if (start < plan->below || !cairn__is_aligned(start, plan->align))
        return CAIRN_BAD_ARGUMENT;
    status = cairn_ranges_insert(
        &areas->set, cairn_span_make(start - plan->below, bytes), area);
    if (status == CAIRN_OK)
        area->start.value = start;
    return status;
}

static enum cairn_status place(struct cairn_areas *areas,
                               const struct plan *plan, struct cairn_area *area)
{
    const struct cairn_area_request *request = plan->request;
    enum cairn_status status;
    cairn_va start;

    if (request->place >= CAIRN_AREA_HINT) {
        status = insert(areas, plan, request->within.start.value, area);
        if (status == CAIRN_OK || request->place == CAIRN_AREA_FIXED)
            return status;
    }
    status =
        request->place == CAIRN_AREA_RANDOM
            ? cairn_ranges_random_fit(&areas->set, &plan->fit, request->draw,
                                      request->context, &start)
            : cairn_ranges_first_fit(&areas->set, &plan->fit, &start);
    return status == CAIRN_OK
               ? insert(areas, plan, start.value + plan->lead, area)
               : status;
}

static void set_name(struct cairn_area *area, const char *name)
{
    cairn_format(area->name, sizeof(area->name), "%s",
                 name != NULL ? name : "");
}

void cairn__area_rename(struct cairn_area *area, const char *name)
{
    unsigned long irq = cairn__lock_acquire(&area->areas->lock);

    set_name(area, name);
    end(area->areas, irq);
}

static void describe(struct cairn_area *area, const struct plan *plan)
{
    const struct cairn_area_request *request = plan->request;

    area->bytes = request->bytes;
    area->page_bytes = plan->page_bytes;
    area->frame_count = 0;
    area->guard_below = (uint32_t)plan->below;
    area->guard_above = (uint32_t)plan->above;
    area->generation++;
    area->kind = (uint8_t)request->kind;
    area->state = CAIRN__AREA_USED;
    area->rights = (uint8_t)request->rights;
    area->owner = request->owner == CAIRN_OWNER_BOOT ? CAIRN_OWNER_KERNEL
                                                     : (uint8_t)request->owner;
    area->has_frames = request->kind == CAIRN_AREA_LAZY;
    area->is_adopted = false;
    area->is_cached = false;
    set_name(area, request->name);
}

enum cairn_status cairn_area_alloc(struct cairn_areas *areas,
                                   const struct cairn_area_request *request,
                                   struct cairn_area **out)
{
    struct plan plan;
    struct cairn_area *area;
    unsigned long irq;
    enum cairn_status status = make_plan(areas, request, &plan);

    if (status == CAIRN_OK)
        status = begin(areas, 1, true, &irq);
    if (status != CAIRN_OK)
        return status;
    area = areas->free;
    status = place(areas, &plan, area);
    if (status == CAIRN_OK) {
        areas->free = area->next;
        areas->area_count++;
        describe(area, &plan);
        *out = area;
    }
    end(areas, irq);
    return status;
}

enum cairn_status cairn_area_alloc_pages(struct cairn_areas *areas,
                                         uint64_t count, uint64_t page_bytes,
                                         const char *name,
                                         struct cairn_area **out)
{
    struct cairn_area_request request = {
        .page_bytes = page_bytes, .kind = CAIRN_AREA_PAGES, .name = name};

    if (!cairn__is_power(page_bytes) || page_bytes < CAIRN_FRAME_SIZE ||
        count > UINT64_MAX >> cairn__bit_lowest(page_bytes))
        return CAIRN_BAD_ARGUMENT;
    request.bytes = count << cairn__bit_lowest(page_bytes);
    return cairn_area_alloc(areas, &request, out);
}

unsigned cairn_area_entropy_bits(struct cairn_areas *areas,
                                 const struct cairn_area_request *request)
{
    struct plan plan;
    unsigned long irq;
    uint64_t places;

    if (make_plan(areas, request, &plan) != CAIRN_OK)
        return 0;
    irq = cairn__lock_acquire(&areas->lock);
    places = cairn_ranges_count_fits(&areas->set, &plan.fit);
    end(areas, irq);
    return places == 0 ? 0 : cairn__bit_highest(places);
}

/* ---- Adopt --------------------------------------------------------------- */

/* Is all of it reserved?  Reserved ranges that touch are one. */
static enum cairn_status look_reserved(const struct cairn_areas *areas,
                                       struct cairn_span span)
{
    uint64_t first;
    uint64_t end_page;
    struct cairn__range_found found;

    if (!cairn__range_pages(&areas->set, span, &first, &end_page))
        return CAIRN_BAD_ARGUMENT;
    if (cairn__range_next(&areas->set, first, &found) && found.value == NULL &&
        found.start <= first && found.end >= end_page)
        return CAIRN_OK;
    for (; cairn__range_next(&areas->set, first, &found) &&
           found.start < end_page;
         first = found.end) {
        if (found.value != NULL)
            return CAIRN_IN_USE;
    }
    return CAIRN_NOT_FOUND;
}

enum cairn_status cairn_area_adopt(struct cairn_areas *areas,
                                   struct cairn_span span, uint64_t page_bytes,
                                   const char *name, struct cairn_area **out)
{
    const struct cairn_area_request request = {.bytes = span.bytes,
                                               .page_bytes = page_bytes,
                                               .kind = CAIRN_AREA_PAGES,
                                               .name = name};
    struct plan plan;
    struct cairn_area *area;
    unsigned long irq;
    enum cairn_status status = make_plan(areas, &request, &plan);

    if (status == CAIRN_OK &&
        !cairn__is_aligned(span.start.value, plan.page_bytes))
        status = CAIRN_BAD_ARGUMENT;
    if (status == CAIRN_OK)
        status = begin(areas, 0, true, &irq);
    if (status != CAIRN_OK)
        return status;
    status = look_reserved(areas, span);
    if (status == CAIRN_OK) {
        area = areas->free;
        areas->free = area->next;
        describe(area, &plan);
        area->start = span.start;
        area->is_adopted = true;
        *out = area;
    }
    end(areas, irq);
    return status;
}

enum cairn_status cairn_area_forget(struct cairn_area *area)
{
    struct cairn_areas *areas = area->areas;
    unsigned long irq = cairn__lock_acquire(&areas->lock);
    bool is_handle = area->state == CAIRN__AREA_USED && area->is_adopted;

    if (is_handle)
        put_area(area);
    end(areas, irq);
    return is_handle ? CAIRN_OK : CAIRN_BAD_ARGUMENT;
}

/* The range under an adopted handle becomes the area's own. */
static enum cairn_status take_over(struct cairn_areas *areas,
                                   struct cairn_area *area)
{
    struct cairn_span span = {area->start, area->bytes};
    enum cairn_status status = look_reserved(areas, span);

    if (status != CAIRN_OK)
        return CAIRN_NOT_FOUND;
    status = cairn_ranges_cut(&areas->set, span);
    if (status == CAIRN_OK)
        status = cairn_ranges_insert(&areas->set, span, area);
    cairn__assert(status == CAIRN_OK);
    area->is_adopted = false;
    areas->area_count++;
    return CAIRN_OK;
}

/* ---- Free ---------------------------------------------------------------- */

/* From here on it is this caller's alone. */
static enum cairn_status claim(struct cairn_areas *areas,
                               struct cairn_area *area)
{
    if (area->state != CAIRN__AREA_USED)
        return CAIRN_DOUBLE_FREE;
    if (__atomic_load_n(&area->fault_count, __ATOMIC_ACQUIRE) != 0 ||
        area->is_cached)
        return CAIRN_IN_USE;
    if (area->is_adopted && take_over(areas, area) != CAIRN_OK)
        return CAIRN_NOT_FOUND;
    area->state = CAIRN__AREA_DYING;
    return CAIRN_OK;
}

static void drop(struct cairn_areas *areas, struct cairn_area *area)
{
    enum cairn_status status = cairn_ranges_remove(
        &areas->set, cairn_va_make(area->start.value - area->guard_below));

    cairn__assert(status == CAIRN_OK && area->frame_count == 0);
    areas->area_count--;
    put_area(area);
}

static enum cairn_status
release(struct cairn_area *area,
        void (*removed)(void *context, const struct cairn_mapping *mapping),
        void *context)
{
    struct cairn_areas *areas = area->areas;
    enum cairn_status status =
        cairn__area_unmap(area, area->bytes, removed, context);
    unsigned long irq = cairn__lock_acquire(&areas->lock);

    if (status == CAIRN_OK)
        drop(areas, area);
    else
        area->state = CAIRN__AREA_USED;
    end(areas, irq);
    return status;
}

enum cairn_status cairn_area_free(
    struct cairn_area *area,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context)
{
    struct cairn_areas *areas = area->areas;
    unsigned changes = area->is_adopted ? 2 : 0;
    unsigned long irq;
    enum cairn_status status = begin(areas, changes, false, &irq);

    if (status != CAIRN_OK)
        return status;
    status = claim(areas, area);
    end(areas, irq);
    return status == CAIRN_OK ? release(area, removed, context) : status;
}

/* ---- Find ---------------------------------------------------------------- */

static enum cairn_area_part part_of(const struct cairn_area *area, uint64_t at)
{
    if (at < area->start.value)
        return CAIRN_AREA_GUARD_BELOW;
    return at - area->start.value < area->bytes ? CAIRN_AREA_BODY
                                                : CAIRN_AREA_GUARD_ABOVE;
}

static void tell(const struct cairn_range *range, cairn_va at,
                 struct cairn_area_info *out)
{
    const struct cairn_area *area = range->value;

    memset(out, 0, sizeof(*out));
    out->start = range->start;
    out->bytes = range->bytes;
    if (area == NULL) {
        out->kind = CAIRN_AREA_RESERVED;
        cairn_format(out->name, sizeof(out->name), "reserved");
        return;
    }
    out->start = area->start;
    out->bytes = area->bytes;
    out->guard_below = area->guard_below;
    out->guard_above = area->guard_above;
    out->frame_count = __atomic_load_n(&area->frame_count, __ATOMIC_RELAXED);
    out->kind = (enum cairn_area_kind)area->kind;
    out->part = part_of(area, at.value);
    out->area = range->value;
    memcpy(out->name, area->name, sizeof(out->name));
}

bool cairn_areas_find(struct cairn_areas *areas, cairn_va at,
                      struct cairn_area_info *out)
{
    struct cairn_range range;
    unsigned long irq = cairn__lock_acquire(&areas->lock);
    bool is_found = cairn_ranges_find(&areas->set, at, &range);

    if (is_found)
        tell(&range, at, out);
    end(areas, irq);
    return is_found;
}

/* The last area that was there. */
static bool find_freed(const struct cairn_areas *areas, cairn_va at,
                       struct cairn_area_info *out)
{
    struct cairn_area *last = NULL;

    for (struct cairn_area *area = areas->free; area != NULL;
         area = area->next) {
        uint64_t start = area->start.value - area->guard_below;

        if (area->generation != 0 && at.value - start < area->guard_below +
                                                            area->bytes +
                                                            area->guard_above)
            last = area;
    }
    if (last == NULL)
        return false;
    tell(&(const struct cairn_range){.start = last->start, .value = last}, at,
         out);
    out->is_freed = true;
    return true;
}

/* Another CPU does not have it for long. */
static bool try_begin(struct cairn_areas *areas, unsigned long *irq)
{
    for (unsigned i = 0; i < PEEK_TRIES; i++) {
        if (cairn__lock_try(&areas->lock, irq))
            return true;
        if (cairn__lock_is_held(&areas->lock))
            break;
        cairn__arch_relax();
    }
    return false;
}

enum cairn_status cairn_areas_peek(struct cairn_areas *areas, cairn_va at,
                                   struct cairn_area_info *out)
{
    struct cairn_range range;
    unsigned long irq;
    bool is_found;

    if (!try_begin(areas, &irq))
        return CAIRN_IN_USE;
    is_found = cairn_ranges_find(&areas->set, at, &range);
    if (is_found)
        tell(&range, at, out);
    else
        is_found = find_freed(areas, at, out);
    cairn__lock_untry(&areas->lock, irq);
    return is_found ? CAIRN_OK : CAIRN_NOT_FOUND;
}

bool cairn_areas_next(struct cairn_areas *areas, cairn_va at,
                      struct cairn_area_info *out)
{
    struct cairn_range range;
    unsigned long irq = cairn__lock_acquire(&areas->lock);
    bool is_found = cairn_ranges_next(&areas->set, at, &range);

    if (is_found)
        tell(&range, cairn_va_make(cairn__max(at.value, range.start.value)),
             out);
    end(areas, irq);
    return is_found;
}

static enum cairn_status find_exactly(const struct cairn_areas *areas,
                                      cairn_va start, uint64_t bytes,
                                      struct cairn_area **out)
{
    struct cairn_range range;
    struct cairn_area *area;

    if (!cairn_ranges_find(&areas->set, start, &range) || range.value == NULL)
        return CAIRN_NOT_FOUND;
    area = range.value;
    if (part_of(area, start.value) != CAIRN_AREA_BODY)
        return CAIRN_NOT_FOUND;
    if (area->start.value != start.value)
        return CAIRN_NOT_FIRST;
    *out = area;
    return area->bytes == bytes ? CAIRN_OK : CAIRN_WRONG_SIZE;
}

enum cairn_status cairn_areas_free(struct cairn_areas *areas, cairn_va start,
                                   uint64_t bytes)
{
    struct cairn_area *area;
    unsigned long irq = cairn__lock_acquire(&areas->lock);
    enum cairn_status status = find_exactly(areas, start, bytes, &area);

    if (status == CAIRN_OK)
        status = claim(areas, area);
    end(areas, irq);
    return status == CAIRN_OK ? release(area, NULL, NULL) : status;
}

/* ---- Numbers ------------------------------------------------------------- */

void cairn_areas_stats(struct cairn_areas *areas, struct cairn_areas_stats *out)
{
    const struct cairn_ranges *set = &areas->set;
    unsigned long irq = cairn__lock_acquire(&areas->lock);

    out->areas = areas->area_count;
    out->reserved_ranges = set->count - areas->area_count;
    out->used_bytes = set->pages << CAIRN_FRAME_SHIFT;
    out->free_bytes = (set->end - set->first - set->pages) << CAIRN_FRAME_SHIFT;
    out->largest_gap_bytes = cairn__range_largest_gap(set) << CAIRN_FRAME_SHIFT;
    end(areas, irq);
}

/* ---- Check --------------------------------------------------------------- */

static unsigned check_area(const struct cairn_areas *areas,
                           const struct cairn_range *range)
{
    const struct cairn_area *area = range->value;

    if (range->start.value != area->start.value - area->guard_below ||
        range->bytes != area->guard_below + area->bytes + area->guard_above)
        return 1;
    if (area->state == CAIRN__AREA_FREE || area->areas != areas ||
        area->is_adopted)
        return 2;
    return !area->has_frames && area->frame_count != 0 ? 6 : 0;
}

static unsigned check_ranges(const struct cairn_areas *areas)
{
    uint64_t reserved_end = 0; /* of a reserved range that ends here */
    size_t count = 0;
    struct cairn_range range;
    cairn_va at = {0};

    while (cairn_ranges_next(&areas->set, at, &range)) {
        unsigned broken = 0;

        if (range.value != NULL)
            broken = check_area(areas, &range);
        else if (reserved_end != 0 && reserved_end == range.start.value)
            broken = 3;
        if (broken != 0)
            return broken;
        at.value = range.start.value + range.bytes;
        reserved_end = range.value == NULL ? at.value : 0;
        count += range.value != NULL;
        if (at.value == 0)
            break;
    }
    return count == areas->area_count ? 0 : 4;
}

unsigned cairn_areas_check(struct cairn_areas *areas)
{
    unsigned broken = cairn_ranges_check(&areas->set);

    if (broken != 0)
        return broken + 10;
    for (const struct cairn_area *area = areas->free; area != NULL;
         area = area->next) {
        if (area->state != CAIRN__AREA_FREE || area->areas != areas)
            return 5;
    }
    return check_ranges(areas);
}
