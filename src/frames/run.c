/*
 * frames/run.c - runs of any number of frames, and ranges of them.
 *
 * HOW    The first frame of a run has a state of order RUN, all others are
 *        TAIL, so its length is known when it is freed.  The engine finds the
 *        place.
 *
 * LOCKS  Engine lock, rank FRAMES.
 *
 * TESTS  tests/frames_engines.c
 */
#include "frames/run.h"

#include "base/lock.h"
#include "base/memory.h"
#include "frames/engine.h"
#include "frames/misuse.h"

#define LIMIT_4GIB  ((uint64_t)1 << (32 - CAIRN_FRAME_SHIFT))
#define LIMIT_16MIB ((uint64_t)1 << (24 - CAIRN_FRAME_SHIFT))
#define NO_LIMIT    (CAIRN_PHYS_LIMIT >> CAIRN_FRAME_SHIFT)

#define RUN_FLAGS                                                              \
    (CAIRN_FRAME_ZEROED | CAIRN_FRAME_BELOW_4G | CAIRN_FRAME_BELOW_16M)

uint64_t cairn__frames_limit(unsigned flags)
{
    if ((flags & CAIRN_FRAME_BELOW_16M) != 0)
        return LIMIT_16MIB;
    return (flags & CAIRN_FRAME_BELOW_4G) != 0 ? LIMIT_4GIB : NO_LIMIT;
}

/* ---- Allocation ---------------------------------------------------------- */

static bool is_valid(const struct cairn_run_request *request)
{
    return request->count > 0 && request->count <= NO_LIMIT &&
           (request->align == 0 || cairn__is_power(request->align)) &&
           request->align <= (uint64_t)1 << CAIRN_ORDER_MAX &&
           request->start.value <= CAIRN_PHYS_LIMIT &&
           (request->flags & ~RUN_FLAGS) == 0 &&
           (unsigned)request->owner < CAIRN_OWNER_COUNT;
}

/* The run's frames are the caller's: say so in their states. */
static void mark(struct cairn_frames *frames, cairn_pfn first, uint64_t count,
                 enum cairn_owner owner)
{
    for (uint64_t i = 1; i < count; i++) {
        cairn_pfn pfn = {first.value + i};

        *cairn__frames_state(frames, pfn) = CAIRN__STATE_TAIL;
    }
    cairn__state_set(cairn__frames_state(frames, first),
                     cairn__state_of(owner, CAIRN_ORDER_RUN));
}

static struct cairn__pfn_range
window_of(const struct cairn_run_request *request)
{
    struct cairn__pfn_range window = {
        cairn__page_up(request->start.value) >> CAIRN_FRAME_SHIFT,
        cairn__frames_limit(request->flags),
    };

    if (request->end.value != 0)
        window.end = cairn__min(window.end, cairn_pfn_of(request->end).value);
    return window;
}

/*
 * The tree engine leaves memory that ISA devices can reach alone until there
 * is no other; those that promise the lowest place do not.
 */
static bool take_locked(struct cairn_frames *frames,
                        const struct cairn_run_request *request, cairn_pfn *out)
{
    struct cairn__pfn_range window = window_of(request);
    struct cairn__pfn_range above = {LIMIT_16MIB, window.end};
    uint64_t align = request->align != 0 ? request->align : 1;

    cairn__assert(cairn__lock_is_held(&frames->lock));
    if (frames->config.engine == CAIRN_ENGINE_TREE &&
        window.start < above.start && above.start < above.end) {
        if (frames->engine->take_run(frames, request->count, align, above, out))
            return true;
        window.end = cairn__min(window.end, above.start + request->count - 1);
    }
    return frames->engine->take_run(frames, request->count, align, window, out);
}

static bool take(struct cairn_frames *frames,
                 const struct cairn_run_request *request, cairn_pfn *out)
{
    unsigned long state;
    bool taken;

    state = cairn__lock_acquire(&frames->lock);
    taken = cairn__frames_spare(frames, request->flags) >= request->count &&
            take_locked(frames, request, out);
    cairn__lock_release(&frames->lock, state);
    if (!taken)
        return false;
    mark(frames, *out, request->count, request->owner);
    state = cairn_platform_irq_save();
    frames->cpus[cairn_platform_cpu()].live[request->owner] += request->count;
    cairn_platform_irq_restore(state);
    return true;
}

static bool take_hard(struct cairn_frames *frames,
                      const struct cairn_run_request *request, cairn_pfn *out)
{
    do {
        cairn_frames_drain(frames);
        if (take(frames, request, out))
            return true;
    } while (frames->config.reclaim != NULL &&
             frames->config.reclaim(frames->config.context, request->count));
    return false;
}

enum cairn_status
cairn_frames_alloc_run(struct cairn_frames *frames,
                       const struct cairn_run_request *request, cairn_pfn *out)
{
    cairn_pfn first = {0};

    if (frames->engine == NULL || !is_valid(request))
        return CAIRN_BAD_ARGUMENT;
    if (!take(frames, request, &first) && !take_hard(frames, request, &first))
        return CAIRN_NO_MEMORY;
    if ((request->flags & CAIRN_FRAME_ZEROED) != 0 &&
        !cairn__frames_clear(first, request->count)) {
        (void)cairn_frames_free(frames, first);
        return CAIRN_NOT_REACHABLE;
    }
    *out = first;
    return CAIRN_OK;
}

/* ---- Release ------------------------------------------------------------- */

uint64_t cairn__run_length(const struct cairn_frames *frames, cairn_pfn first)
{
    uint64_t count = 1;
    cairn_pfn pfn = {first.value + 1};

    while (cairn__frames_covers(frames, pfn) &&
           cairn__frames_kind(frames, pfn) >= CAIRN__CHUNK_SPARSE &&
           cairn__state_get(cairn__frames_state(frames, pfn)) ==
               CAIRN__STATE_TAIL) {
        pfn.value++;
        count++;
    }
    return count;
}

void cairn__run_give(struct cairn_frames *frames, cairn_pfn first,
                     uint64_t count)
{
    unsigned long state;

    for (uint64_t i = 0; i < count; i++) {
        cairn_pfn pfn = {first.value + i};

        cairn__state_set(cairn__frames_state(frames, pfn), CAIRN__STATE_FREE);
    }
    state = cairn__lock_acquire(&frames->lock);
    frames->engine->give_run(frames, first, count);
    cairn__lock_release(&frames->lock, state);
}

/* ---- Resize -------------------------------------------------------------- */

/* `count` frames from `first` on, and no others. */
static bool take_exactly(struct cairn_frames *frames, cairn_pfn first,
                         uint64_t count)
{
    struct cairn__pfn_range window = {first.value, first.value + count};
    unsigned long state;
    cairn_pfn got;
    bool taken;

    if (count > NO_LIMIT || window.end > NO_LIMIT)
        return false;
    state = cairn__lock_acquire(&frames->lock);
    taken = cairn__frames_spare(frames, 0) >= count &&
            frames->engine->take_run(frames, count, 1, window, &got);
    cairn__lock_release(&frames->lock, state);
    cairn__assert(!taken || got.value == first.value);
    return taken;
}

static void count_live(struct cairn_frames *frames, enum cairn_owner owner,
                       uint64_t change)
{
    unsigned long state = cairn_platform_irq_save();

    frames->cpus[cairn_platform_cpu()].live[owner] += change;
    cairn_platform_irq_restore(state);
}

/* A run has `from` frames. */
static enum cairn_status resize(struct cairn_frames *frames, cairn_pfn first,
                                uint64_t from, uint64_t to)
{
    cairn_pfn end = {first.value + from};

    if (to > from && !take_exactly(frames, end, to - from))
        return CAIRN_NO_MEMORY;
    for (; end.value < first.value + to; end.value++)
        *cairn__frames_state(frames, end) = CAIRN__STATE_TAIL;
    end.value = first.value + to;
    if (to < from)
        cairn__run_give(frames, end, from - to);
    return CAIRN_OK;
}

enum cairn_status cairn_frames_resize_run(struct cairn_frames *frames,
                                          cairn_pfn first, uint64_t count)
{
    struct cairn__head head = cairn__misuse_find(frames, first);
    enum cairn_status status;
    uint64_t from;

    if (count == 0)
        return CAIRN_BAD_ARGUMENT;
    if (head.state == NULL)
        return cairn__misuse(frames, first, head.status);
    if ((*head.state & CAIRN__ORDER_MASK) != CAIRN_ORDER_RUN)
        return cairn__misuse(frames, first, CAIRN_WRONG_SIZE);
    from = cairn__run_length(frames, first);
    status = resize(frames, first, from, count);
    if (status == CAIRN_OK)
        count_live(frames, cairn__state_owner_of(*head.state), count - from);
    return status;
}

/* ---- Ranges -------------------------------------------------------------- */

/* Frames of the allocation that `state` begins. */
static uint64_t length_of(const struct cairn_frames *frames, cairn_pfn first,
                          uint8_t state)
{
    unsigned order = state & CAIRN__ORDER_MASK;

    return order == CAIRN_ORDER_RUN ? cairn__run_length(frames, first)
                                    : (uint64_t)1 << order;
}

/* Is the range made of whole allocations?  CAIRN_OK, or what is wrong. */
static enum cairn_status verify(const struct cairn_frames *frames,
                                cairn_pfn *at, uint64_t end)
{
    while (at->value < end) {
        struct cairn__head head = cairn__misuse_find(frames, *at);
        uint64_t length;

        if (head.state == NULL)
            return head.status;
        length = length_of(frames, *at, *head.state);
        if (length > end - at->value)
            return CAIRN_WRONG_SIZE;
        at->value += length;
    }
    return CAIRN_OK;
}

enum cairn_status cairn_frames_free_range(struct cairn_frames *frames,
                                          cairn_pfn first, uint64_t count)
{
    uint64_t end = first.value + count;
    cairn_pfn at = first;
    enum cairn_status status;

    if (count == 0 || end < first.value)
        return CAIRN_BAD_ARGUMENT;
    status = verify(frames, &at, end);
    if (status != CAIRN_OK)
        return cairn__misuse(frames, at, status);
    while (first.value < end) {
        struct cairn__head head = cairn__misuse_find(frames, first);
        uint64_t length = length_of(frames, first, *head.state);

        status = cairn_frames_free(frames, first);
        cairn__assert(status == CAIRN_OK);
        first.value += length;
    }
    return CAIRN_OK;
}
