/*
 * frames/tree.h - what the parts of the tree engine share: chunks, and the
 * index that finds one by its fullness.
 *
 * WHAT   tree.c        single frames and small blocks
 *        tree_huge.c   blocks of order 9 and more
 *        tree_run.c    runs, and memory that comes
 *        tree_index.c  the index
 *        tree_check.c  the checker
 *
 * HOW    A chunk that is entirely free is one bit (slot->empty); nothing else
 *        is known or written about it.  When frames of it are needed, it is
 *        dedicated to single frames of user processes (S) or to small blocks
 *        and lasting frames (M), so that the two do not fragment each other,
 *        and gets a line of 512 free bits.  When all its frames are free
 *        again, it becomes EMPTY.
 *
 *        S chunks are classed by how many of their frames are free, M chunks
 *        by the largest aligned run of free frames in them.  For each class,
 *        each section has a word with a bit for each of its chunks, and a
 *        summary (summary.h) tells which sections have any.
 *
 * INVARIANTS (tree_check.c tests each by this number)
 *   T1   free_frames is the sum of free frames of all chunks.
 *   T2   A chunk is in the index word of its class and in no other; a full,
 *        huge or absent chunk is in none.
 *   T3   A summary has exactly the sections whose index word is not 0.
 *   T4   free_counts is the number of bits set in the line.
 *   T5   If a bit of a line is set, the frame's state is FREE.
 *   T6   An EMPTY chunk has kind EMPTY.
 *   T7   Frames in state FREE whose bit is not set are as many as there are
 *        single frames in magazines.
 *   T8   A split S chunk has the class of its free frames, a split M chunk that
 *        of its largest run; if it is an S chunk with less than DENSE_BELOW
 *        free frames, its kind is DENSE, else SPARSE.
 *   T9   A split S chunk has another class as soon as it has `room` more free
 *        frames, and not before; a split M chunk may with one.
 *
 * LOCKS  All under the engine lock.
 */
#ifndef CAIRN__FRAMES_TREE_H
#define CAIRN__FRAMES_TREE_H

#include "frames/engine.h"
#include "frames/section.h"

/* Classes: S chunks by free frames, M chunks by largest run, EMPTY last. */
#define CAIRN__TREE_S_COUNT 4
#define CAIRN__TREE_M       CAIRN__TREE_S_COUNT /* + order of the largest run */
#define CAIRN__TREE_NONE    0xffu

/*
 * Chunks as a window sees them: all numbers [start, end) counted from the
 * directory's first chunk, of which every frame lies inside the window.
 */
struct cairn__chunk_window {
    uint64_t start;
    uint64_t end;
};

/* ---- Chunks -------------------------------------------------------------- */

static inline struct cairn__section *
cairn__tree_section(const struct cairn__chunk *chunk)
{
    return chunk->slot->section;
}

static inline void cairn__tree_set_kind(const struct cairn__chunk *chunk,
                                        enum cairn__chunk_kind kind)
{
    cairn__section_set_kind(cairn__tree_section(chunk), chunk->number, kind);
}

static inline uint64_t *cairn__tree_line(const struct cairn__chunk *chunk)
{
    return cairn__tree_section(chunk)->lines[chunk->number];
}

/* The states of the chunk's frames. */
static inline uint8_t *cairn__tree_states(const struct cairn__chunk *chunk)
{
    return &cairn__tree_section(chunk)
                ->states[chunk->number * CAIRN__CHUNK_FRAMES];
}

static inline struct cairn__chunk
cairn__tree_chunk_at(struct cairn_frames *frames, size_t slot_number,
                     unsigned number)
{
    struct cairn__chunk chunk = {&frames->slots[slot_number], slot_number,
                                 number};

    return chunk;
}

static inline struct cairn__chunk cairn__tree_chunk(struct cairn_frames *frames,
                                                    cairn_pfn pfn)
{
    size_t slot =
        (size_t)((pfn.value >> CAIRN__SECTION_ORDER) - frames->first_section);

    return cairn__tree_chunk_at(frames, slot, cairn__frames_chunk_number(pfn));
}

static inline uint64_t cairn__tree_first(const struct cairn_frames *frames,
                                         const struct cairn__chunk *chunk)
{
    uint64_t section = frames->first_section + chunk->slot_number;

    return section << CAIRN__SECTION_ORDER | (uint64_t)chunk->number
                                                 << CAIRN__CHUNK_ORDER;
}

/* The block that begins at frame `at` of the chunk, whose states are valid. */
static inline struct cairn__block
cairn__tree_block(const struct cairn_frames *frames,
                  const struct cairn__chunk *chunk, unsigned at)
{
    struct cairn__block block = {{cairn__tree_first(frames, chunk) + at},
                                 cairn__tree_states(chunk) + at};

    return block;
}

static inline bool cairn__tree_is_empty(const struct cairn__chunk *chunk)
{
    return cairn__tree_section(chunk)->kinds[chunk->number] ==
           CAIRN__CHUNK_EMPTY;
}

/* Do the chunk's states say what its frames are? */
static inline bool cairn__tree_is_split(const struct cairn__chunk *chunk)
{
    return cairn__tree_section(chunk)->kinds[chunk->number] >=
           CAIRN__CHUNK_SPARSE;
}

static inline bool cairn__tree_is_medium(const struct cairn__chunk *chunk)
{
    return (cairn__tree_section(chunk)->medium >> chunk->number & 1) != 0;
}

/* ---- The index ----------------------------------------------------------- */

static inline uint64_t *cairn__tree_word(struct cairn__slot *slot,
                                         unsigned tree_class)
{
    return tree_class == CAIRN__TREE_EMPTY ? &slot->empty
                                           : &slot->section->index[tree_class];
}

struct cairn__chunk_window
cairn__tree_chunks_of(const struct cairn_frames *frames,
                      struct cairn__pfn_range window);

void cairn__tree_add(struct cairn_frames *frames,
                     const struct cairn__chunk *chunk, unsigned tree_class);

/* The lowest chunk of a class in the window. */
bool cairn__tree_lowest(struct cairn_frames *frames, unsigned tree_class,
                        struct cairn__chunk_window window,
                        struct cairn__chunk *out);

/* The class of an S chunk with that many free frames. */
static inline unsigned cairn__tree_class_of(unsigned count)
{
    static const uint8_t classes[CAIRN__CHUNK_FRAMES / 64 + 1] = {
        1, 2, 2, 3, 3, 3, 3, 3, CAIRN__TREE_EMPTY};

    if (count < CAIRN__DENSE_BELOW)
        return count == 0 ? CAIRN__TREE_NONE : 0;
    return classes[count / 64];
}

/* How many more free frames than `count` put an S chunk into another class. */
static inline uint16_t cairn__tree_room_of(unsigned count)
{
    static const uint16_t bounds[CAIRN__CHUNK_FRAMES / 64 + 1] = {
        64, 192, 192, 512, 512, 512, 512, 512, 512};

    if (count < CAIRN__DENSE_BELOW)
        return (uint16_t)(count == 0 ? 1 : CAIRN__DENSE_BELOW - count);
    return (uint16_t)(bounds[count / 64] - count);
}

/* The chunk's frames have changed: put it where it belongs now. */
void cairn__tree_reclassify(struct cairn_frames *frames,
                            const struct cairn__chunk *chunk);

/* Take an EMPTY chunk out of the index. */
void cairn__tree_take_empty(struct cairn_frames *frames,
                            const struct cairn__chunk *chunk);

/* Dedicate a claimed chunk to single frames or blocks; all of it is free. */
void cairn__tree_split(const struct cairn__chunk *chunk, bool as_medium);

/* ---- The parts ----------------------------------------------------------- */

size_t cairn__tree_take_huge(struct cairn_frames *frames, cairn_order order,
                             struct cairn__chunk_window window,
                             struct cairn__block *out);
void cairn__tree_give_huge(struct cairn_frames *frames, cairn_order order,
                           cairn_pfn block);
bool cairn__tree_take_run(struct cairn_frames *frames, uint64_t count,
                          uint64_t align, struct cairn__pfn_range window,
                          cairn_pfn *out);
void cairn__tree_give_run(struct cairn_frames *frames, cairn_pfn first,
                          uint64_t count);
void cairn__tree_add_memory(struct cairn_frames *frames, cairn_pfn first,
                            uint64_t count);
unsigned cairn__tree_check(const struct cairn_frames *frames);

#endif
