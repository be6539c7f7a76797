/*
 * frames/cache.c - magazines; see cache.h.
 *
 * HOW    Single frames of user processes: a CPU claims all free frames of one
 *        chunk, the fullest, and hands them out word by word of its free bits:
 *        nothing is done for each frame but to clear its bit.  What is freed
 *        goes to a stack of 128, which is served first; when that is full, its
 *        older half goes back.  While memory is scarce, nothing is claimed, and
 *        the stack is filled with 64 frames.
 *        Frames of chunks that are sparse do not enter it, since handing them
 *        out again would keep the chunk from becoming whole: they wait in a
 *        list of 256 and go back together.
 *        Those of the kernel, which last, have a stack of their own.
 *        Blocks of orders 1 to 4 and 9: a few each.
 *
 *        A single frame in a magazine has state FREE, as if the engine had it,
 *        so that it is written once each time it changes hands; larger blocks
 *        are CACHED.  Either way, freeing it again is noticed.
 *
 * LOCKS  The engine lock is taken once for each batch.
 *
 * TESTS  tests/frames_random.c, tests/frames_misuse.c, all with and without
 *        magazines; tests/host/frames_threads.c, proofs/magazine.pml
 */
#include "frames/cache.h"

#include "base/lock.h"
#include "base/memory.h"
#include "frames/engine.h"
#include "frames/section.h"

static const struct cairn__pfn_range anywhere = {0, UINT64_MAX >>
                                                        CAIRN_FRAME_SHIFT};

/* Take up to `max` blocks without touching the reserve; as engine->take. */
static size_t take_batch(struct cairn_frames *frames, unsigned magazine,
                         struct cairn__block *out, size_t max)
{
    struct cairn__need need = {cairn__cache_order(magazine),
                               magazine == CAIRN__MAGAZINE_LASTING};
    unsigned long state = cairn__lock_acquire(&frames->lock);
    uint64_t spare = cairn__frames_spare(frames, 0) >> need.order;
    size_t part = (size_t)cairn__min(max, spare);
    size_t taken = 0;

    if (part > 0)
        taken = frames->engine->take(frames, need, anywhere, out + max - part,
                                     part);
    cairn__lock_release(&frames->lock, state);
    return taken;
}

/* The frames of a block that enters a magazine, or leaves it for the engine. */
static void set_states(struct cairn__block block, cairn_order order,
                       uint8_t first, uint8_t others)
{
    uint64_t count = order < CAIRN__CHUNK_ORDER ? (uint64_t)1 << order : 1;

    cairn__states_fill(block.state, count, first, others);
}

/* The claim's next word that is not 0 becomes the word in hand. */
static bool claim_word(struct cairn_frames_cpu *cpu)
{
    struct cairn__claim *claim = &cpu->claim;

    for (unsigned i = 0; i < CAIRN__LINE_WORDS; i++) {
        if (claim->words[i] == 0)
            continue;
        cpu->word = claim->words[i];
        cpu->word_first = cairn__block_after(claim->first, i * 64);
        claim->words[i] = 0;
        /* The states of a word share a cache line, soon to be written. */
        __builtin_prefetch(cpu->word_first.state, 1);
        return true;
    }
    return false;
}

/* While memory is scarce, a CPU takes no more than a batch at once. */
static bool may_claim(const struct cairn_frames *frames)
{
    return frames->engine->claim != NULL &&
           cairn__frames_spare(frames, 0) >=
               2 * (uint64_t)CAIRN__CHUNK_FRAMES * frames->config.cpu_count;
}

static bool claim_chunk(struct cairn_frames *frames,
                        struct cairn_frames_cpu *cpu)
{
    unsigned long state = cairn__lock_acquire(&frames->lock);
    uint64_t former = frames->free_frames;
    bool is_claimed =
        may_claim(frames) && frames->engine->claim(frames, &cpu->claim);

    cpu->user_singles += former - frames->free_frames;
    cairn__lock_release(&frames->lock, state);
    return is_claimed;
}

static bool refill_magazine(struct cairn_frames *frames,
                            struct cairn_frames_cpu *cpu, unsigned magazine)
{
    struct cairn__cache_place place = cairn__cache_place(magazine);
    cairn_order order = cairn__cache_order(magazine);
    struct cairn__block *slots = &cpu->slots[place.first];
    size_t wanted = place.batch;
    size_t taken = take_batch(frames, magazine, slots, wanted);

    cairn__assert(cpu->counts[magazine] == 0 && taken <= wanted);
    if (taken == 0)
        return false;
    if (taken < wanted)
        memmove(slots, slots + wanted - taken, taken * sizeof(*slots));
    for (size_t i = 0; i < taken && order > 0; i++)
        set_states(slots[i], order, CAIRN__STATE_CACHED, CAIRN__STATE_TAIL);
    cpu->counts[magazine] = (uint32_t)taken;
    if (magazine == 0)
        cpu->user_singles += taken;
    return true;
}

bool cairn__cache_refill(struct cairn_frames *frames,
                         struct cairn_frames_cpu *cpu, unsigned magazine)
{
    if (magazine == 0 &&
        (claim_word(cpu) || (claim_chunk(frames, cpu) && claim_word(cpu))))
        return true;
    return refill_magazine(frames, cpu, magazine);
}

static void give_batch(struct cairn_frames *frames, cairn_order order,
                       const cairn_pfn *blocks, size_t count)
{
    unsigned long state = cairn__lock_acquire(&frames->lock);

    frames->engine->give(frames, order, blocks, count);
    cairn__lock_release(&frames->lock, state);
}

/* The oldest `count` blocks of a magazine. */
static void give_oldest(struct cairn_frames *frames,
                        struct cairn_frames_cpu *cpu, unsigned magazine,
                        uint32_t count)
{
    struct cairn__cache_place place = cairn__cache_place(magazine);
    cairn_order order = cairn__cache_order(magazine);
    struct cairn__block *slots = &cpu->slots[place.first];
    cairn_pfn blocks[CAIRN__MAGAZINE_MAX];

    cairn__assert(count <= cpu->counts[magazine]);
    for (uint32_t i = 0; i < count; i++) {
        if (order > 0)
            set_states(slots[i], order, CAIRN__STATE_FREE, CAIRN__STATE_FREE);
        blocks[i] = slots[i].first;
    }
    give_batch(frames, order, blocks, count);
    cpu->counts[magazine] -= count;
    if (magazine == 0)
        cpu->user_singles -= count;
    memmove(slots, slots + count, cpu->counts[magazine] * sizeof(*slots));
}

void cairn__cache_flush(struct cairn_frames *frames,
                        struct cairn_frames_cpu *cpu, unsigned magazine)
{
    give_oldest(frames, cpu, magazine, (cpu->counts[magazine] + 1) / 2);
}

void cairn__cache_flush_returns(struct cairn_frames *frames,
                                struct cairn_frames_cpu *cpu)
{
    give_batch(frames, 0, cpu->returns, cpu->return_count);
    cpu->user_singles -= cpu->return_count;
    cpu->return_count = 0;
}

static void give_word(struct cairn_frames *frames, struct cairn_frames_cpu *cpu)
{
    cairn_pfn blocks[64];
    size_t count = 0;

    for (; cpu->word != 0; cpu->word &= cpu->word - 1)
        blocks[count++].value =
            cpu->word_first.first.value + cairn__bit_lowest(cpu->word);
    give_batch(frames, 0, blocks, count);
    cpu->user_singles -= count;
}

static uint64_t count_claimed(const struct cairn_frames_cpu *cpu)
{
    uint64_t total = cairn__bit_count(cpu->word);

    for (unsigned i = 0; i < CAIRN__LINE_WORDS; i++)
        total += cairn__bit_count(cpu->claim.words[i]);
    return total;
}

/* Everything back; the caller owns the cache. */
static void empty(struct cairn_frames *frames, struct cairn_frames_cpu *cpu)
{
    cairn__cache_flush_returns(frames, cpu);
    do
        give_word(frames, cpu);
    while (claim_word(cpu));
    for (unsigned i = 0; i < CAIRN_FRAMES_MAGAZINES; i++)
        give_oldest(frames, cpu, i, cpu->counts[i]);
}

/*
 * Freeze for CPU `me`.  False: another CPU had done so, and has finished; or
 * it is done for ever, or by what this CPU did before it was interrupted.
 */
static bool freeze(struct cairn_frames_cpu *cpu, uint32_t me)
{
    uint32_t former = 0;

    if (__atomic_compare_exchange_n(&cpu->frozen_by, &former, me, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
        return true;
    while (former != 0 && former != me && former != CAIRN__FROZEN_FOR_EVER) {
        cairn_platform_quiesce(former - 1);
        former = __atomic_load_n(&cpu->frozen_by, __ATOMIC_ACQUIRE);
    }
    return false;
}

void cairn__cache_drain(struct cairn_frames *frames, unsigned number)
{
    struct cairn_frames_cpu *cpu = &frames->cpus[number];

    if (!freeze(cpu, cairn_platform_cpu() + 1))
        return;
    cairn_platform_quiesce(number);
    empty(frames, cpu);
    __atomic_store_n(&cpu->frozen_by, 0, __ATOMIC_RELEASE);
}

static uint64_t count_users(const struct cairn_frames_cpu *cpu)
{
    return count_claimed(cpu) + cpu->counts[0] + cpu->return_count;
}

uint64_t cairn__cache_singles(const struct cairn_frames *frames)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < frames->config.cpu_count; i++)
        total += count_users(&frames->cpus[i]) +
                 frames->cpus[i].counts[CAIRN__MAGAZINE_LASTING];
    return total;
}

uint64_t cairn__cache_live(const struct cairn_frames_cpu *cpu, unsigned owner)
{
    uint64_t live = cpu->live[owner];

    if (owner == cpu->last_owner)
        live -= cpu->last_freed;
    if (owner == CAIRN_OWNER_USER)
        live += cpu->user_singles - count_users(cpu);
    return live;
}

uint64_t cairn__cache_frames(const struct cairn_frames_cpu *cpu)
{
    uint64_t total = count_claimed(cpu) + cpu->return_count;

    for (unsigned i = 0; i < CAIRN_FRAMES_MAGAZINES; i++)
        total += (uint64_t)cpu->counts[i] << cairn__cache_order(i);
    return total;
}
