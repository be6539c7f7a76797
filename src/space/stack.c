/*
 * space/stack.c - kernel stacks.
 *
 * HOW    An area with guards, backed at once.  What is freed waits in a short
 *        list, whole, and serves the next request of its size; when memory or
 *        addresses run out, the list is given back and the request tried again.
 *
 *        Use is measured by what is no longer zero.  Stacks are read and
 *        cleared by way of their frames, not of their addresses: so this works
 *        for page tables that are not loaded, too.
 *
 * LOCKS  [lock] that of the stacks, rank STACKS: the list only.  An area is
 *        allocated, backed and freed without it, and the order is the same in
 *        alloc and free.
 *
 * FAILS  An area that cannot be backed is freed: nothing is left.
 *
 * TESTS  tests/stack.c, tests/host/areas_mmu.c
 *
 * NOT    No stacks that grow: a fault in a kernel stack has no stack to be
 *        answered on.
 */
#include <cairn/stack.h>

#include "base/align.h"
#include "base/assert.h"
#include "base/lock.h"
#include "base/memory.h"
#include "space/areas.h"
#include <cairn/format.h>

enum cairn_status cairn_stacks_init(struct cairn_stacks *stacks,
                                    struct cairn_areas *areas,
                                    const struct cairn_stacks_config *config)
{
    if (areas->frames == NULL ||
        (config != NULL && config->cache_limit > CAIRN_STACK_CACHE_MAX))
        return CAIRN_BAD_ARGUMENT;
    memset(stacks, 0, sizeof(*stacks));
    if (config != NULL)
        stacks->config = *config;
    stacks->areas = areas;
    cairn__lock_init(&stacks->lock, CAIRN__RANK_STACKS);
    return CAIRN_OK;
}

static void describe(struct cairn_area *area, struct cairn_stack *out)
{
    uint64_t bottom = area->start.value;

    out->bottom.value = bottom;
    out->top.value = bottom + area->bytes;
    out->guard_below.value = bottom - area->guard_below;
    out->guard_above = out->top;
    out->bytes = area->bytes;
    out->area = area;
    out->generation = area->generation;
}

/* ---- Contents ------------------------------------------------------------ */

/* The words of a page of the stack. */
static uint64_t *page_at(const struct cairn_area *area, uint64_t offset)
{
    cairn_va va = cairn_va_make(area->start.value + offset);
    cairn_phys phys;
    void *page = NULL;

    if (cairn_pagetable_translate(area->areas->table, va, &phys))
        page = cairn_platform_phys_to_virt(phys, (size_t)CAIRN_FRAME_SIZE);
    cairn__assert(page != NULL);
    return page;
}

/* Bytes from the bottom up to the first word that is not 0. */
static uint64_t unused_bytes(const struct cairn_area *area)
{
    for (uint64_t done = 0; done < area->bytes; done += CAIRN_FRAME_SIZE) {
        const uint64_t *words = page_at(area, done);

        for (unsigned i = 0; i < CAIRN_FRAME_SIZE / sizeof(*words); i++) {
            if (*(const volatile uint64_t *)&words[i] != 0)
                return done + i * sizeof(*words);
        }
    }
    return area->bytes;
}

static void clear_used(const struct cairn_area *area)
{
    uint64_t done = cairn__page_down(unused_bytes(area));

    for (; done < area->bytes; done += CAIRN_FRAME_SIZE)
        memset(page_at(area, done), 0, (size_t)CAIRN_FRAME_SIZE);
}

/* ---- The cache ----------------------------------------------------------- */

/* One of that size, or of any for 0; NULL: there is none. */
static struct cairn_area *take_cached(struct cairn_stacks *stacks,
                                      uint64_t bytes)
{
    struct cairn_area *area = NULL;
    unsigned long irq = cairn__lock_acquire(&stacks->lock);
    unsigned i = stacks->cached_count;

    while (i > 0 && bytes != 0 && stacks->cached[i - 1]->bytes != bytes)
        i--;
    if (i > 0) {
        area = stacks->cached[i - 1];
        stacks->cached[i - 1] = stacks->cached[--stacks->cached_count];
        area->is_cached = false;
        area->generation++;
    }
    cairn__lock_release(&stacks->lock, irq);
    return area;
}

static bool put_cached(struct cairn_stacks *stacks, struct cairn_area *area)
{
    bool has_room = stacks->cached_count < stacks->config.cache_limit;

    if (has_room) {
        stacks->cached[stacks->cached_count++] = area;
        area->is_cached = true;
    }
    return has_room;
}

unsigned cairn_stacks_drain(struct cairn_stacks *stacks)
{
    unsigned count = 0;
    struct cairn_area *area;

    while ((area = take_cached(stacks, 0)) != NULL) {
        enum cairn_status status = cairn_area_free(area, NULL, NULL);

        cairn__assert(status == CAIRN_OK);
        count++;
    }
    return count;
}

/* ---- Allocate, free ------------------------------------------------------ */

/* All page tables have the kernel's stacks; those of a process are its own. */
static unsigned rights_of(const struct cairn_areas *areas)
{
    uint64_t first = areas->set.first << CAIRN_FRAME_SHIFT;
    bool is_kernels = first >= areas->table->config.user_end;

    return CAIRN_PAGE_WRITE | (is_kernels ? CAIRN_PAGE_GLOBAL : 0);
}

static enum cairn_status make(struct cairn_stacks *stacks, uint64_t bytes,
                              const char *name, struct cairn_area **out)
{
    const struct cairn_area_request request = {
        .bytes = bytes,
        .place =
            stacks->config.draw != NULL ? CAIRN_AREA_RANDOM : CAIRN_AREA_FIRST,
        .draw = stacks->config.draw,
        .context = stacks->config.context,
        .kind = CAIRN_AREA_STACK,
        .flags = CAIRN_AREA_WITH_GUARDS,
        .rights = rights_of(stacks->areas),
        .owner = CAIRN_OWNER_STACK,
        .name = name,
    };
    unsigned flags = stacks->config.is_measured ? CAIRN_FRAME_ZEROED : 0;
    struct cairn_area *area;
    enum cairn_status status = cairn_area_alloc(stacks->areas, &request, &area);

    if (status != CAIRN_OK)
        return status;
    status = cairn_area_back(area, flags);
    if (status == CAIRN_OK)
        *out = area;
    else
        (void)cairn_area_free(area, NULL, NULL);
    return status;
}

enum cairn_status cairn_stack_alloc(struct cairn_stacks *stacks, uint64_t bytes,
                                    const char *name, struct cairn_stack *out)
{
    struct cairn_area *area;
    enum cairn_status status = CAIRN_OK;

    if (bytes == 0)
        bytes = CAIRN_STACK_BYTES;
    if (!cairn__is_aligned(bytes, CAIRN_FRAME_SIZE))
        return CAIRN_BAD_ARGUMENT;
    area = take_cached(stacks, bytes);
    if (area != NULL) {
        cairn__area_rename(area, name);
        if (stacks->config.is_measured)
            clear_used(area);
    } else {
        status = make(stacks, bytes, name, &area);
        if (status != CAIRN_OK && cairn_stacks_drain(stacks) > 0)
            status = make(stacks, bytes, name, &area);
    }
    if (status == CAIRN_OK)
        describe(area, out);
    return status;
}

/* Is it still the stack that it was? */
static enum cairn_status look(const struct cairn_stacks *stacks,
                              const struct cairn_stack *stack)
{
    const struct cairn_area *area = stack->area;

    if (area == NULL || area->areas != stacks->areas)
        return CAIRN_BAD_ARGUMENT;
    if (area->generation != stack->generation || area->is_cached ||
        area->state != CAIRN__AREA_USED)
        return CAIRN_DOUBLE_FREE;
    return area->kind == CAIRN_AREA_STACK &&
                   area->start.value == stack->bottom.value &&
                   area->bytes == stack->bytes
               ? CAIRN_OK
               : CAIRN_BAD_ARGUMENT;
}

enum cairn_status cairn_stack_free(struct cairn_stacks *stacks,
                                   const struct cairn_stack *stack)
{
    unsigned long irq = cairn__lock_acquire(&stacks->lock);
    enum cairn_status status = look(stacks, stack);
    bool is_kept = status == CAIRN_OK && put_cached(stacks, stack->area);

    cairn__lock_release(&stacks->lock, irq);
    return status == CAIRN_OK && !is_kept
               ? cairn_area_free(stack->area, NULL, NULL)
               : status;
}

/* ---- Questions ----------------------------------------------------------- */

enum cairn_status cairn_stack_used(struct cairn_stacks *stacks,
                                   const struct cairn_stack *stack,
                                   uint64_t *out)
{
    if (!stacks->config.is_measured || look(stacks, stack) != CAIRN_OK)
        return CAIRN_BAD_ARGUMENT;
    *out = stack->bytes - unused_bytes(stack->area);
    return CAIRN_OK;
}

bool cairn_stacks_find(struct cairn_stacks *stacks, cairn_va at,
                       struct cairn_stack *out, enum cairn_area_part *part)
{
    struct cairn_area_info info;

    if (!cairn_areas_find(stacks->areas, at, &info) ||
        info.kind != CAIRN_AREA_STACK)
        return false;
    describe(info.area, out);
    *part = info.part;
    return true;
}

enum cairn_status cairn_stacks_peek(struct cairn_stacks *stacks, cairn_va at,
                                    struct cairn_stack *out,
                                    enum cairn_area_part *part)
{
    struct cairn_area_info info;
    enum cairn_status status = cairn_areas_peek(stacks->areas, at, &info);

    if (status != CAIRN_OK)
        return status;
    if (info.is_freed || info.kind != CAIRN_AREA_STACK)
        return CAIRN_NOT_FOUND;
    describe(info.area, out);
    *part = info.part;
    return CAIRN_OK;
}
