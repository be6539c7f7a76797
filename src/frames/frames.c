/*
 * frames/frames.c - allocate and free: ownership, magazines, misuse.
 *
 * HOW    The front knows who owns each frame that is not free, by its state
 *        byte (section.h), and hands blocks on between callers, the CPU's
 *        magazine (cache.h) and the engine (engine.h).
 *
 *        Freeing reads the kind of the chunk and the state of the frame before
 *        it does anything; what does not begin an allocated block is refused.
 *        Between the two owners of a frame its state is CACHED or FREE, so a
 *        second free is noticed at once, whatever happened to the frame since,
 *        unless it has been allocated again.
 *
 * LOCKS  Common path: interrupts off, own CPU's magazine, no lock and no
 *        atomic read-modify-write.  Else the engine lock, rank FRAMES.
 *
 * COST   Pop, one load from the directory, one store of a state; push, loads of
 *        kind and state besides.
 *
 * FAILS  Before an allocation fails, all magazines have been emptied into the
 *        engine and the host was asked to give memory back.
 *
 * TESTS  tests/frames_*.c, fuzz/frames.c; make bench B=frames
 *
 * NOT    Two CPUs that free the same frame at the same instant are noticed only
 *        when the second copy reaches the engine.
 */
#include "base/lock.h"
#include "base/memory.h"
#include "frames/cache.h"
#include "frames/engine.h"
#include "frames/misuse.h"
#include "frames/run.h"
#include "frames/section.h"

#define ALL_FLAGS                                                              \
    (CAIRN_FRAME_ZEROED | CAIRN_FRAME_BELOW_4G | CAIRN_FRAME_BELOW_16M |       \
     CAIRN_FRAME_RESERVE)
/* With these, a request cannot be served from a magazine. */
#define DIRECT_FLAGS (CAIRN_FRAME_BELOW_4G | CAIRN_FRAME_BELOW_16M)

/* Of free_any(): whatever it is. */
#define ANY_ORDER UINT32_MAX

/* A request on its way. */
struct request {
    struct cairn_frames *frames;
    cairn_order order;
    unsigned flags;
    enum cairn_owner owner;
};

static inline struct cairn_frames_cpu *own_cpu(struct cairn_frames *frames)
{
    return &frames->cpus[cairn_platform_cpu()];
}

/* A block of that order can be in a magazine. */
static inline bool is_cached_order(unsigned order)
{
    return order < CAIRN_FRAMES_CACHED_ORDERS &&
           cairn__cache_place(order).limit != 0;
}

/* ---- Allocation ---------------------------------------------------------- */

/* Straight from the engine. */
static bool take_direct(const struct request *request, cairn_pfn *out)
{
    struct cairn_frames *frames = request->frames;
    uint64_t count = (uint64_t)1 << request->order;
    struct cairn__pfn_range window = {0, cairn__frames_limit(request->flags)};
    uint64_t kept = (request->flags & CAIRN_FRAME_RESERVE) != 0
                        ? 0
                        : frames->config.reserve_frames;
    unsigned long state;
    size_t taken = 0;

    state = cairn__lock_acquire(&frames->lock);
    if (frames->free_frames >= kept + count)
        taken = frames->engine->take(frames, request->order, window, out, 1);
    cairn__lock_release(&frames->lock, state);
    if (taken == 0)
        return false;
    if (request->order > 0 && request->order < CAIRN__CHUNK_ORDER)
        memset(cairn__frames_state(frames, *out), CAIRN__STATE_TAIL,
               (size_t)count);
    return true;
}

/* The top of the stack of blocks of that order, which is not empty. */
static cairn_pfn pop(struct cairn_frames_cpu *cpu, cairn_order order)
{
    return cpu->slots[cairn__cache_place(order).first + --cpu->counts[order]];
}

static inline void hand_out(struct cairn_frames *frames,
                            struct cairn_frames_cpu *cpu,
                            const struct request *request, cairn_pfn pfn)
{
    *cairn__frames_state(frames, pfn) =
        cairn__state_of(request->owner, request->order);
    cpu->allocated[request->owner] += (uint64_t)1 << request->order;
}

static bool take_once(const struct request *request, cairn_pfn *out)
{
    struct cairn_frames *frames = request->frames;
    unsigned long state = cairn_platform_irq_save();
    struct cairn_frames_cpu *cpu = own_cpu(frames);
    bool taken;

    if ((request->flags & DIRECT_FLAGS) != 0 ||
        !is_cached_order(request->order) || cairn__cache_is_frozen(cpu)) {
        taken = take_direct(request, out);
    } else {
        taken = cpu->counts[request->order] > 0 ||
                cairn__cache_refill(frames, cpu, request->order);
        if (taken)
            *out = pop(cpu, request->order);
        else if ((request->flags & CAIRN_FRAME_RESERVE) != 0)
            taken = take_direct(request, out);
    }
    if (taken)
        hand_out(frames, cpu, request, *out);
    cairn_platform_irq_restore(state);
    return taken;
}

/* Everything that can be tried before saying that there is no memory. */
static bool take_hard(const struct request *request, cairn_pfn *out)
{
    struct cairn_frames *frames = request->frames;

    do {
        cairn_frames_drain(frames);
        if (take_once(request, out))
            return true;
    } while (frames->config.reclaim != NULL &&
             frames->config.reclaim(frames->config.context,
                                    (uint64_t)1 << request->order));
    return false;
}

bool cairn__frames_clear(cairn_pfn first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        cairn_pfn pfn = {first.value + i};
        void *memory = cairn_platform_phys_to_virt(cairn_phys_of(pfn),
                                                   (size_t)CAIRN_FRAME_SIZE);

        if (memory == NULL)
            return false;
        memset(memory, 0, (size_t)CAIRN_FRAME_SIZE);
    }
    return true;
}

static CAIRN_NOINLINE enum cairn_status alloc_any(const struct request *request,
                                                  cairn_pfn *out)
{
    cairn_pfn pfn = {0};

    if (request->order > CAIRN_ORDER_MAX ||
        (request->flags & ~ALL_FLAGS) != 0 ||
        (unsigned)request->owner >= CAIRN_OWNER_COUNT ||
        request->frames->engine == NULL)
        return CAIRN_BAD_ARGUMENT;
    if (!take_once(request, &pfn) && !take_hard(request, &pfn))
        return CAIRN_NO_MEMORY;
    if ((request->flags & CAIRN_FRAME_ZEROED) != 0 &&
        !cairn__frames_clear(pfn, (uint64_t)1 << request->order)) {
        (void)cairn_frames_free(request->frames, pfn);
        return CAIRN_NOT_REACHABLE;
    }
    *out = pfn;
    return CAIRN_OK;
}

/*
 * The common path: out of this CPU's magazine, and nothing else to do.  The
 * order is a constant where that matters.
 */
static inline bool take_fast(const struct request *request, cairn_pfn *out)
{
    struct cairn_frames *frames = request->frames;
    unsigned long state = cairn_platform_irq_save();
    struct cairn_frames_cpu *cpu = own_cpu(frames);
    bool is_there =
        !cairn__cache_is_frozen(cpu) && cpu->counts[request->order] > 0;

    if (is_there) {
        *out = pop(cpu, request->order);
        hand_out(frames, cpu, request, *out);
    }
    cairn_platform_irq_restore(state);
    return is_there;
}

enum cairn_status cairn_frames_alloc(struct cairn_frames *frames,
                                     cairn_order order, unsigned flags,
                                     enum cairn_owner owner, cairn_pfn *out)
{
    struct request request = {frames, order, flags, owner};
    struct request single = {frames, 0, 0, owner};

    if (flags == 0 && (unsigned)owner < CAIRN_OWNER_COUNT) {
        if (order == 0 && take_fast(&single, out))
            return CAIRN_OK;
        if (order > 0 && order < CAIRN_FRAMES_CACHED_ORDERS &&
            take_fast(&request, out))
            return CAIRN_OK;
    }
    return alloc_any(&request, out);
}

/* ---- Release ------------------------------------------------------------- */

static void give_direct(struct cairn_frames *frames, cairn_pfn first,
                        cairn_order order)
{
    unsigned long state;

    if (order < CAIRN__CHUNK_ORDER)
        memset(cairn__frames_state(frames, first), CAIRN__STATE_FREE,
               (size_t)1 << order);
    state = cairn__lock_acquire(&frames->lock);
    frames->engine->give(frames, order, &first, 1);
    cairn__lock_release(&frames->lock, state);
}

static void give_to_run(struct cairn_frames *frames, cairn_pfn first,
                        struct cairn_frames_cpu *cpu, unsigned owner)
{
    uint64_t count = cairn__run_length(frames, first);

    cpu->freed[owner] += count;
    cairn__run_give(frames, first, count);
}

/* Is the frame better handed out again than given back? */
static inline bool is_kept(const struct cairn_frames_cpu *cpu, cairn_pfn first,
                           enum cairn__chunk_kind kind)
{
    return kind != CAIRN__CHUNK_SPARSE ||
           first.value >> CAIRN__CHUNK_ORDER == cpu->active;
}

/* Own CPU, not frozen: the block goes into a magazine, which has room then. */
static void keep(struct cairn_frames *frames, struct cairn_frames_cpu *cpu,
                 cairn_pfn first, unsigned order)
{
    struct cairn__cache_place place = cairn__cache_place(order);

    if (cpu->counts[order] >= place.limit)
        cairn__cache_flush(frames, cpu, order);
    *cairn__frames_state(frames, first) =
        order > 0 ? CAIRN__STATE_CACHED : CAIRN__STATE_FREE;
    cpu->slots[place.first + cpu->counts[order]++] = first;
}

/* A frame of a sparse chunk: not to be handed out again soon. */
static void keep_apart(struct cairn_frames *frames,
                       struct cairn_frames_cpu *cpu, cairn_pfn first)
{
    if (cpu->return_count >= CAIRN_FRAMES_RETURN_SLOTS)
        cairn__cache_flush_returns(frames, cpu);
    *cairn__frames_state(frames, first) = CAIRN__STATE_FREE;
    cpu->returns[cpu->return_count++] = first;
}

/* Own CPU, interrupts off: any allocated block, or a run, goes back. */
static void release(struct cairn_frames *frames, struct cairn_frames_cpu *cpu,
                    cairn_pfn first, const struct cairn__head *head)
{
    unsigned order = *head->state & CAIRN__ORDER_MASK;
    unsigned owner = (*head->state >> 5) - 1u;

    if (order == CAIRN__ORDER_RUN) {
        give_to_run(frames, first, cpu, owner);
        return;
    }
    cpu->freed[owner] += (uint64_t)1 << order;
    if (!is_cached_order(order) || cairn__cache_is_frozen(cpu))
        give_direct(frames, first, order);
    else if (order == 0 && !is_kept(cpu, first, head->kind))
        keep_apart(frames, cpu, first);
    else
        keep(frames, cpu, first, order);
}

/* `order` is that of a block, ORDER_RUN, or ANY_ORDER. */
static CAIRN_NOINLINE enum cairn_status
free_any(struct cairn_frames *frames, cairn_pfn first, unsigned order)
{
    unsigned long state = cairn_platform_irq_save();
    struct cairn__head head = cairn__misuse_find(frames, first);

    if (head.state != NULL && order != ANY_ORDER &&
        (*head.state & CAIRN__ORDER_MASK) != order) {
        head.state = NULL;
        head.status = CAIRN_WRONG_SIZE;
    }
    if (head.state != NULL)
        release(frames, own_cpu(frames), first, &head);
    cairn_platform_irq_restore(state);
    return head.state != NULL ? CAIRN_OK
                              : cairn__misuse(frames, first, head.status);
}

/* A slot for a single frame in this CPU's magazine; NULL: there is none. */
static inline cairn_pfn *find_slot(struct cairn_frames_cpu *cpu,
                                   cairn_pfn first, enum cairn__chunk_kind kind)
{
    if (cairn__cache_is_frozen(cpu))
        return NULL;
    if (!is_kept(cpu, first, kind))
        return cpu->return_count < CAIRN_FRAMES_RETURN_SLOTS
                   ? &cpu->returns[cpu->return_count++]
                   : NULL;
    return cpu->counts[0] < cairn__cache_place(0).limit
               ? &cpu->slots[cpu->counts[0]++]
               : NULL;
}

/* The common path: a single frame, and room for it in the magazine. */
static inline bool free_fast(struct cairn_frames *frames, cairn_pfn first)
{
    unsigned long state = cairn_platform_irq_save();
    struct cairn_frames_cpu *cpu = own_cpu(frames);
    struct cairn__head head = cairn__misuse_find(frames, first);
    cairn_pfn *slot = NULL;

    if (head.state != NULL && (*head.state & CAIRN__ORDER_MASK) == 0)
        slot = find_slot(cpu, first, head.kind);
    if (slot != NULL) {
        cpu->freed[(*head.state >> 5) - 1u]++;
        *head.state = CAIRN__STATE_FREE;
        *slot = first;
    }
    cairn_platform_irq_restore(state);
    return slot != NULL;
}

enum cairn_status cairn_frames_free(struct cairn_frames *frames,
                                    cairn_pfn first)
{
    return free_fast(frames, first) ? CAIRN_OK
                                    : free_any(frames, first, ANY_ORDER);
}

enum cairn_status cairn_frames_free_order(struct cairn_frames *frames,
                                          cairn_pfn first, cairn_order order)
{
    if (order == 0)
        return free_fast(frames, first) ? CAIRN_OK : free_any(frames, first, 0);
    return order > CAIRN_ORDER_MAX ? CAIRN_WRONG_SIZE
                                   : free_any(frames, first, order);
}

void cairn_frames_drain(struct cairn_frames *frames)
{
    for (unsigned cpu = 0; cpu < frames->config.cpu_count; cpu++)
        cairn__cache_drain(frames, cpu);
}

/* ---- As a source of frames ----------------------------------------------- */

static enum cairn_status source_alloc(void *context, cairn_pfn *out)
{
    return cairn_frames_alloc((struct cairn_frames *)context, 0, 0,
                              CAIRN_OWNER_KERNEL, out);
}

static enum cairn_status source_alloc_table(void *context, cairn_pfn *out)
{
    return cairn_frames_alloc((struct cairn_frames *)context, 0,
                              CAIRN_FRAME_RESERVE, CAIRN_OWNER_TABLE, out);
}

struct cairn_source cairn_frames_source(struct cairn_frames *frames)
{
    struct cairn_source source = {source_alloc, source_alloc_table, frames};

    return source;
}
