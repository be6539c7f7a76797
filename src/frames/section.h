/*
 * frames/section.h - what is known about each frame, and where it is kept.
 *
 * WHAT   Memory is divided into sections of 128 MiB, sections into 64 chunks of
 *        2 MiB, chunks into 512 frames.  For each frame there is a state byte,
 *        for each chunk a kind; both lie in the section's metadata.  The
 *        directory leads from a section's number to its metadata.
 *
 * HOW    Metadata are initialised when they are first needed: a section when
 *        one of its chunks is first split or handed out, the states of a chunk
 *        when it is first split.  Until then the directory leads to one shared
 *        section in which every chunk is empty and which nobody writes, so a
 *        look-up needs no test.  That makes start-up independent of the size
 *        of memory but for one directory entry a section.
 *
 * STATES of a frame
 *          0x00  free, or a single frame in a magazine
 *          0x01  inside a block or run, not its first frame
 *          0x02  first frame of a block of order 1 or more in a magazine
 *          0x03  not memory of this allocator
 *   0x20..0xff   first frame of an allocated block: (owner + 1) << 5 | order,
 *                order 31 for a run
 *
 * KINDS of a chunk
 *        EMPTY  all frames are free; states are meaningless
 *        ABSENT no frame is memory of this allocator; states are meaningless
 *        HUGE   one block of order 9 or more begins here; the first state holds
 *               its owner and order, the others are meaningless
 *        INSIDE such a block goes on here; states are meaningless
 *        SPARSE states are valid; many frames are free
 *        DENSE  states are valid; few are free, so a freed frame is best
 *               handed out again soon
 */
#ifndef CAIRN__FRAMES_SECTION_H
#define CAIRN__FRAMES_SECTION_H

#include "base/align.h"
#include "base/assert.h"
#include "base/bits.h"
#include "base/memory.h"
#include <cairn/frames.h>

#define CAIRN__CHUNK_ORDER    9
#define CAIRN__CHUNK_FRAMES   512
#define CAIRN__SECTION_ORDER  15
#define CAIRN__SECTION_CHUNKS 64
#define CAIRN__SECTION_FRAMES 32768
#define CAIRN__LINE_WORDS     8

/* A chunk with fewer free frames is DENSE: its frames go round in magazines. */
#define CAIRN__DENSE_BELOW 8u

#define CAIRN__STATE_FREE   0x00
#define CAIRN__STATE_TAIL   0x01
#define CAIRN__STATE_CACHED 0x02
#define CAIRN__STATE_ABSENT 0x03
#define CAIRN__STATE_HEAD   0x20 /* lowest state of an allocated block */
#define CAIRN__ORDER_MASK   31u

enum cairn__chunk_kind {
    CAIRN__CHUNK_EMPTY,
    CAIRN__CHUNK_ABSENT,
    CAIRN__CHUNK_HUGE,
    CAIRN__CHUNK_INSIDE,
    CAIRN__CHUNK_SPARSE,
    CAIRN__CHUNK_DENSE
};

/* Index classes of the tree engine; see tree.h. */
#define CAIRN__TREE_CLASSES 13
#define CAIRN__TREE_EMPTY   CAIRN__TREE_CLASSES

/* Each part begins with a cache line: they have different writers. */
#define CAIRN__LINE_ALIGNED __attribute__((aligned(64)))

struct cairn__section {
    /* Written under the engine lock, read by everybody. */
    CAIRN__LINE_ALIGNED uint8_t kinds[CAIRN__SECTION_CHUNKS];
    /* Tree engine, all [engine lock]: */
    CAIRN__LINE_ALIGNED uint64_t ready;  /* chunks with valid states */
    uint64_t medium;                     /* chunks for blocks, not frames */
    uint64_t index[CAIRN__TREE_CLASSES]; /* chunks of each class */
    CAIRN__LINE_ALIGNED uint8_t classes[CAIRN__SECTION_CHUNKS];
    uint16_t free_counts[CAIRN__SECTION_CHUNKS];
    uint16_t room[CAIRN__SECTION_CHUNKS]; /* that many frames more, and the
                                             class may be another one */
    CAIRN__LINE_ALIGNED uint64_t
        lines[CAIRN__SECTION_CHUNKS][CAIRN__LINE_WORDS]; /* 1: free */
    /* A state belongs to whoever owns the frame. */
    CAIRN__LINE_ALIGNED uint8_t states[CAIRN__SECTION_FRAMES];
};

struct cairn__slot {
    struct cairn__section *section; /* the shared one until first needed */
    struct cairn__section *storage; /* constant: where its own is; or NULL */
    uint64_t empty;                 /* [engine lock] chunks that are EMPTY */
};

/* A chunk: its section's slot, and its number in there. */
struct cairn__chunk {
    struct cairn__slot *slot;
    size_t slot_number;
    unsigned number;
};

/*
 * Shared by all slots whose own section is not initialised: everything is
 * free; and by all that have none: nothing is memory.
 */
extern struct cairn__section cairn__section_pristine;
extern struct cairn__section cairn__section_void;

/* Make the section's own metadata valid, its chunks empty or absent. */
void cairn__section_open(struct cairn__slot *slot);

/* Is the frame in the range that the directory covers? */
static inline bool cairn__frames_covers(const struct cairn_frames *frames,
                                        cairn_pfn pfn)
{
    return (pfn.value >> CAIRN__SECTION_ORDER) - frames->first_section <
           frames->slot_count;
}

static inline struct cairn__slot *
cairn__frames_slot(const struct cairn_frames *frames, cairn_pfn pfn)
{
    return &frames->slots[(pfn.value >> CAIRN__SECTION_ORDER) -
                          frames->first_section];
}

/* The free bits of all its chunks in a row: that of frame i is bit i. */
static inline uint64_t *cairn__section_words(struct cairn__section *section)
{
    return section->lines[0];
}

static inline unsigned cairn__frames_chunk_number(cairn_pfn pfn)
{
    return (unsigned)(pfn.value >> CAIRN__CHUNK_ORDER) % CAIRN__SECTION_CHUNKS;
}

/* The section's metadata; any context. */
static inline struct cairn__section *
cairn__slot_section(const struct cairn__slot *slot)
{
    return __atomic_load_n(&slot->section, __ATOMIC_ACQUIRE);
}

/* Under the engine lock; others read kinds at any time. */
static inline void cairn__section_set_kind(struct cairn__section *section,
                                           unsigned number,
                                           enum cairn__chunk_kind kind)
{
    __atomic_store_n(&section->kinds[number], (uint8_t)kind, __ATOMIC_RELEASE);
}

/* Then what the kind says of states is so. */
static inline enum cairn__chunk_kind
cairn__section_kind(const struct cairn__section *section, unsigned number)
{
    return (enum cairn__chunk_kind)__atomic_load_n(&section->kinds[number],
                                                   __ATOMIC_ACQUIRE);
}

/*
 * The first frame's state of what is allocated or free.  Whoever owns the run
 * in front of it may read it at any time, to find the end of the run; so it is
 * never TAIL, not even for an instant.
 */
static inline void cairn__state_set(uint8_t *state, uint8_t value)
{
    __atomic_store_n(state, value, __ATOMIC_RELAXED);
}

static inline uint8_t cairn__state_get(const uint8_t *state)
{
    return __atomic_load_n(state, __ATOMIC_RELAXED);
}

/* The states of `count` frames: that of the first, and all others. */
static inline void cairn__states_fill(uint8_t *states, uint64_t count,
                                      uint8_t first, uint8_t others)
{
    cairn__state_set(states, first);
    memset(states + 1, others, (size_t)count - 1);
}

/* The state byte; its chunk must not be EMPTY, ABSENT or INSIDE. */
static inline uint8_t *cairn__frames_state(const struct cairn_frames *frames,
                                           cairn_pfn pfn)
{
    const struct cairn__slot *slot = cairn__frames_slot(frames, pfn);

    return &cairn__slot_section(slot)
                ->states[pfn.value % CAIRN__SECTION_FRAMES];
}

static inline struct cairn__block
cairn__frames_block(const struct cairn_frames *frames, cairn_pfn first)
{
    struct cairn__block block = {first, cairn__frames_state(frames, first)};

    return block;
}

/* The block that begins `count` frames later, in the same section. */
static inline struct cairn__block cairn__block_after(struct cairn__block block,
                                                     unsigned count)
{
    block.first.value += count;
    block.state += count;
    return block;
}

static inline enum cairn__chunk_kind
cairn__frames_kind(const struct cairn_frames *frames, cairn_pfn pfn)
{
    const struct cairn__slot *slot = cairn__frames_slot(frames, pfn);

    return cairn__section_kind(cairn__slot_section(slot),
                               cairn__frames_chunk_number(pfn));
}

/*
 * The owner, if the state is that of an allocated single frame; else
 * CAIRN_OWNER_COUNT or more.  Rotated, a state has its order, which must be 0,
 * above its owner plus one.
 */
static inline unsigned cairn__state_single_owner(uint8_t state)
{
    return (uint8_t)((state >> 5 | state << 3) - 1);
}

/* Free frames that a request with these flags may take; under the lock. */
static inline uint64_t cairn__frames_spare(const struct cairn_frames *frames,
                                           unsigned flags)
{
    uint64_t kept =
        (flags & CAIRN_FRAME_RESERVE) != 0 ? 0 : frames->config.reserve_frames;

    return frames->free_frames > kept ? frames->free_frames - kept : 0;
}

static inline enum cairn_owner cairn__state_owner_of(uint8_t state)
{
    return (enum cairn_owner)((state >> 5) - 1u);
}

static inline uint8_t cairn__state_of(enum cairn_owner owner, unsigned order)
{
    return (uint8_t)(((unsigned)owner + 1) << 5 | order);
}

#endif
