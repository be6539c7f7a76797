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
 * COST   Pop, one store of a state, whose address waits in the magazine; push,
 *        loads of directory, kind and state besides.
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

CAIRN_INLINE struct cairn_frames_cpu *own_cpu(struct cairn_frames *frames)
{
    return &frames->cpus[cairn_platform_cpu()];
}

/* A block of that order can be in a magazine. */
static inline bool is_cached_order(unsigned order)
{
    return order < CAIRN_FRAMES_CACHED_ORDERS &&
           cairn__cache_place(order).limit != 0;
}

/*
 * As long as they go through a CPU's stock, they are counted by what goes to
 * and fro between that and the engine.
 */
static inline bool is_user_single(unsigned order, unsigned owner)
{
    return order == 0 && owner == CAIRN_OWNER_USER;
}

/* ---- Allocation ---------------------------------------------------------- */

/* Straight from the engine. */
static bool take_direct(const struct request *request, struct cairn__block *out)
{
    struct cairn_frames *frames = request->frames;
    uint64_t count = (uint64_t)1 << request->order;
    struct cairn__pfn_range window = {0, cairn__frames_limit(request->flags)};
    struct cairn__need need = {request->order,
                               request->owner != CAIRN_OWNER_USER};
    unsigned long state;
    size_t taken = 0;

    state = cairn__lock_acquire(&frames->lock);
    if (cairn__frames_spare(frames, request->flags) >= count)
        taken = frames->engine->take(frames, need, window, out, 1);
    cairn__lock_release(&frames->lock, state);
    if (taken == 0)
        return false;
    if (request->order > 0 && request->order < CAIRN__CHUNK_ORDER)
        cairn__states_fill(out->state, count, CAIRN__STATE_CACHED,
                           CAIRN__STATE_TAIL);
    return true;
}

/* The top of a magazine that is not empty. */
CAIRN_INLINE struct cairn__block pop(struct cairn_frames_cpu *cpu,
                                     unsigned magazine)
{
    return cpu
        ->slots[cairn__cache_place(magazine).first + --cpu->counts[magazine]];
}

/* The lowest frame of a word that is not 0. */
CAIRN_INLINE struct cairn__block pop_word(struct cairn_frames_cpu *cpu)
{
    unsigned bit = cairn__bit_lowest(cpu->word);

    cpu->word &= cpu->word - 1;
    return cairn__block_after(cpu->word_first, bit);
}

CAIRN_INLINE void hand_out(const struct request *request,
                           struct cairn__block block, cairn_pfn *out)
{
    cairn__state_set(block.state,
                     cairn__state_of(request->owner, request->order));
    *out = block.first;
}

/* Own CPU, not frozen: out of its stock. */
static bool take_stock(const struct request *request,
                       struct cairn_frames_cpu *cpu, struct cairn__block *out)
{
    unsigned magazine = cairn__cache_magazine(request->order, request->owner);
    bool is_there = cairn__cache_has(cpu, magazine) ||
                    cairn__cache_refill(request->frames, cpu, magazine);

    if (is_there)
        *out = cpu->counts[magazine] > 0 ? pop(cpu, magazine) : pop_word(cpu);
    return is_there;
}

static bool take_once(const struct request *request, cairn_pfn *out)
{
    unsigned long state = cairn_platform_irq_save();
    struct cairn_frames_cpu *cpu = own_cpu(request->frames);
    bool has_stock = (request->flags & DIRECT_FLAGS) == 0 &&
                     is_cached_order(request->order) &&
                     !cairn__cache_is_frozen(cpu);
    struct cairn__block block = {{0}, NULL};
    bool is_stock = has_stock && take_stock(request, cpu, &block);
    bool taken = is_stock;

    if (!is_stock &&
        (!has_stock || (request->flags & CAIRN_FRAME_RESERVE) != 0))
        taken = take_direct(request, &block);
    if (taken) {
        hand_out(request, block, out);
        if (!is_stock || !is_user_single(request->order, request->owner))
            cpu->live[request->owner] += (uint64_t)1 << request->order;
    }
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

/*
 * Out of this CPU's stock, and nothing else to do.  `magazine` is a constant
 * where that matters.
 */
CAIRN_INLINE bool take_fast(const struct request *request, unsigned magazine,
                            cairn_pfn *out)
{
    unsigned long state = cairn_platform_irq_save();
    struct cairn_frames_cpu *cpus = request->frames->cpus;
    struct cairn_frames_cpu *cpu;
    bool is_there = false;

    if (cpus != NULL) { /* else the allocator has not been started */
        cpu = &cpus[cairn_platform_cpu()];
        is_there =
            !cairn__cache_is_frozen(cpu) && cairn__cache_has(cpu, magazine);
        if (is_there && magazine == 0 && cpu->counts[0] == 0)
            hand_out(request, pop_word(cpu), out);
        else if (is_there)
            hand_out(request, pop(cpu, magazine), out);
        if (is_there && magazine != 0)
            cpu->live[request->owner] += (uint64_t)1 << request->order;
    }
    cairn_platform_irq_restore(state);
    return is_there;
}

static CAIRN_NOINLINE enum cairn_status
alloc_any(struct cairn_frames *frames, cairn_order order, unsigned flags,
          enum cairn_owner owner, cairn_pfn *out)
{
    struct request request = {frames, order, flags, owner};
    cairn_pfn pfn = {0};

    if (order > CAIRN_ORDER_MAX || (flags & ~ALL_FLAGS) != 0 ||
        (unsigned)owner >= CAIRN_OWNER_COUNT || frames->engine == NULL)
        return CAIRN_BAD_ARGUMENT;
    if (!take_once(&request, &pfn) && !take_hard(&request, &pfn))
        return CAIRN_NO_MEMORY;
    if ((flags & CAIRN_FRAME_ZEROED) != 0 &&
        !cairn__frames_clear(pfn, (uint64_t)1 << order)) {
        (void)cairn_frames_free(frames, pfn);
        return CAIRN_NOT_REACHABLE;
    }
    *out = pfn;
    return CAIRN_OK;
}

/* Single frames that the stock did not have. */
static CAIRN_NOINLINE enum cairn_status
alloc_single(struct cairn_frames *frames, enum cairn_owner owner,
             cairn_pfn *out)
{
    return alloc_any(frames, 0, 0, owner, out);
}

/* Those of user processes.  For the compiler, little stays alive in here. */
CAIRN_INLINE enum cairn_status alloc_user(struct cairn_frames *frames,
                                          cairn_pfn *out)
{
    struct request request = {frames, 0, 0, CAIRN_OWNER_USER};

    return take_fast(&request, 0, out)
               ? CAIRN_OK
               : alloc_single(frames, CAIRN_OWNER_USER, out);
}

/* The common path of all others: apart, so that the first is short. */
static CAIRN_NOINLINE enum cairn_status
alloc_other(struct cairn_frames *frames, cairn_order order, unsigned flags,
            enum cairn_owner owner, cairn_pfn *out)
{
    struct request request = {frames, order, 0, owner};

    if (flags == 0 && (unsigned)owner < CAIRN_OWNER_COUNT &&
        order < CAIRN_FRAMES_CACHED_ORDERS &&
        take_fast(&request, cairn__cache_magazine(order, owner), out))
        return CAIRN_OK;
    return alloc_any(frames, order, flags, owner, out);
}

enum cairn_status cairn_frames_alloc(struct cairn_frames *frames,
                                     cairn_order order, unsigned flags,
                                     enum cairn_owner owner, cairn_pfn *out)
{
    return (order | flags) == 0 && owner == CAIRN_OWNER_USER
               ? alloc_user(frames, out)
               : alloc_other(frames, order, flags, owner, out);
}

/* ---- Release ------------------------------------------------------------- */

static void give_direct(struct cairn_frames *frames, struct cairn__block block,
                        cairn_order order)
{
    unsigned long state;

    if (order < CAIRN__CHUNK_ORDER)
        cairn__states_fill(block.state, (uint64_t)1 << order, CAIRN__STATE_FREE,
                           CAIRN__STATE_FREE);
    state = cairn__lock_acquire(&frames->lock);
    frames->engine->give(frames, order, &block.first, 1);
    cairn__lock_release(&frames->lock, state);
}

static void give_to_run(struct cairn_frames *frames, cairn_pfn first,
                        struct cairn_frames_cpu *cpu, unsigned owner)
{
    uint64_t count = cairn__run_length(frames, first);

    cpu->live[owner] -= count;
    cairn__run_give(frames, first, count);
}

/* Own CPU, not frozen: the block goes into a magazine, which has room then. */
static void keep(struct cairn_frames *frames, struct cairn_frames_cpu *cpu,
                 struct cairn__block block, unsigned magazine)
{
    struct cairn__cache_place place = cairn__cache_place(magazine);

    if (cpu->counts[magazine] >= place.limit)
        cairn__cache_flush(frames, cpu, magazine);
    cairn__state_set(block.state, cairn__cache_order(magazine) > 0
                                      ? CAIRN__STATE_CACHED
                                      : CAIRN__STATE_FREE);
    cpu->slots[place.first + cpu->counts[magazine]++] = block;
}

/* A frame of a sparse chunk: not to be handed out again soon. */
static void keep_apart(struct cairn_frames *frames,
                       struct cairn_frames_cpu *cpu, struct cairn__block block)
{
    if (cpu->return_count >= CAIRN_FRAMES_RETURN_SLOTS)
        cairn__cache_flush_returns(frames, cpu);
    cairn__state_set(block.state, CAIRN__STATE_FREE);
    cpu->returns[cpu->return_count++] = block.first;
}

/* Own CPU, interrupts off: any allocated block, or a run, goes back. */
static void release(struct cairn_frames *frames, struct cairn_frames_cpu *cpu,
                    cairn_pfn first, const struct cairn__head *head)
{
    struct cairn__block block = {first, head->state};
    unsigned order = *head->state & CAIRN__ORDER_MASK;
    unsigned owner = (*head->state >> 5) - 1u;
    unsigned magazine = cairn__cache_magazine(order, owner);

    if (order == CAIRN_ORDER_RUN) {
        give_to_run(frames, first, cpu, owner);
        return;
    }
    if (!is_cached_order(order) || cairn__cache_is_frozen(cpu)) {
        give_direct(frames, block, order);
        cpu->live[owner] -= (uint64_t)1 << order;
        return;
    }
    if (!is_user_single(order, owner))
        cpu->live[owner] -= (uint64_t)1 << order;
    if (magazine == 0 && head->kind == CAIRN__CHUNK_SPARSE)
        keep_apart(frames, cpu, block);
    else
        keep(frames, cpu, block, magazine);
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

/* A slot of a magazine; NULL: it is full. */
CAIRN_INLINE struct cairn__block *push(struct cairn_frames_cpu *cpu,
                                       unsigned magazine)
{
    struct cairn__cache_place place = cairn__cache_place(magazine);

    return cpu->counts[magazine] < place.limit
               ? &cpu->slots[place.first + cpu->counts[magazine]++]
               : NULL;
}

/* A single frame of a user process, whose chunk is of that kind. */
CAIRN_INLINE bool keep_user(struct cairn_frames_cpu *cpu,
                            struct cairn__block block,
                            enum cairn__chunk_kind kind)
{
    struct cairn__block *slot;

    if (cairn__cache_is_frozen(cpu))
        return false;
    if (kind == CAIRN__CHUNK_SPARSE) {
        if (cpu->return_count >= CAIRN_FRAMES_RETURN_SLOTS)
            return false;
        cpu->returns[cpu->return_count++] = block.first;
    } else {
        slot = push(cpu, 0);
        if (slot == NULL)
            return false;
        *slot = block;
    }
    cairn__state_set(block.state, CAIRN__STATE_FREE);
    return true;
}

/* Any other allocated block, if there are magazines for its order. */
CAIRN_INLINE bool keep_other(struct cairn_frames_cpu *cpu,
                             struct cairn__block block)
{
    unsigned order = *block.state & CAIRN__ORDER_MASK;
    unsigned owner = (*block.state >> 5) - 1u;
    struct cairn__block *slot;

    if (order >= CAIRN_FRAMES_CACHED_ORDERS || is_user_single(order, owner) ||
        cairn__cache_is_frozen(cpu))
        return false;
    slot = push(cpu, cairn__cache_magazine(order, owner));
    if (slot == NULL)
        return false;
    *slot = block;
    cairn__state_set(block.state,
                     order > 0 ? CAIRN__STATE_CACHED : CAIRN__STATE_FREE);
    if (order > 0)
        cpu->live[owner] -= (uint64_t)1 << order;
    else
        cairn__cache_count_freed(cpu, owner);
    return true;
}

/* Can the state be that of the first frame of a block? */
static inline bool has_state(cairn_pfn first, enum cairn__chunk_kind kind)
{
    return kind >= CAIRN__CHUNK_SPARSE ||
           (kind == CAIRN__CHUNK_HUGE &&
            first.value % CAIRN__CHUNK_FRAMES == 0);
}

/* Find the block's state, and its chunk's kind; ABSENT: there is none. */
CAIRN_INLINE enum cairn__chunk_kind locate(const struct cairn_frames *frames,
                                           struct cairn__block *block)
{
    uint64_t pfn = block->first.value;
    struct cairn__section *section;

    if (!cairn__frames_covers(frames, block->first))
        return CAIRN__CHUNK_ABSENT;
    section = cairn__slot_section(cairn__frames_slot(frames, block->first));
    block->state = &section->states[pfn % CAIRN__SECTION_FRAMES];
    return cairn__section_kind(section,
                               cairn__frames_chunk_number(block->first));
}

/*
 * The common path of all but users' single frames, and what is not common;
 * interrupts are off since `irq`.  Apart, as alloc_other is.
 */
static CAIRN_NOINLINE enum cairn_status free_other(struct cairn_frames *frames,
                                                   struct cairn__block block,
                                                   enum cairn__chunk_kind kind,
                                                   unsigned long irq)
{
    struct cairn__head head = {block.state, kind, CAIRN_OK};
    bool is_allocated =
        has_state(block.first, kind) && *block.state >= CAIRN__STATE_HEAD;

    if (is_allocated && !keep_other(own_cpu(frames), block))
        release(frames, own_cpu(frames), block.first, &head);
    cairn_platform_irq_restore(irq);
    return is_allocated ? CAIRN_OK : free_any(frames, block.first, ANY_ORDER);
}

enum cairn_status cairn_frames_free(struct cairn_frames *frames,
                                    cairn_pfn first)
{
    unsigned long irq = cairn_platform_irq_save();
    struct cairn__block block = {first, NULL};
    enum cairn__chunk_kind kind = locate(frames, &block);

    if (kind >= CAIRN__CHUNK_SPARSE &&
        *block.state == cairn__state_of(CAIRN_OWNER_USER, 0) &&
        keep_user(own_cpu(frames), block, kind)) {
        cairn_platform_irq_restore(irq);
        return CAIRN_OK;
    }
    return free_other(frames, block, kind, irq);
}

/* Is it an allocated single frame?  It may be freed before one can look. */
static bool is_single(const struct cairn_frames *frames, cairn_pfn first)
{
    struct cairn__block block = {first, NULL};

    return locate(frames, &block) >= CAIRN__CHUNK_SPARSE &&
           cairn__state_single_owner(*block.state) < CAIRN_OWNER_COUNT;
}

enum cairn_status cairn_frames_free_order(struct cairn_frames *frames,
                                          cairn_pfn first, cairn_order order)
{
    if (order == 0 && is_single(frames, first))
        return cairn_frames_free(frames, first);
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
