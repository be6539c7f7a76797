/*
 * frames/tree_index.c - the tree engine's index of chunks; see tree.h.
 *
 * COST   Finding, adding and removing take a few loads each, however much
 *        memory there is.
 *
 * TESTS  tests/frames_*.c, fuzz/frames.c
 */
#include "base/memory.h"
#include "frames/line.h"
#include "frames/summary.h"
#include "frames/tree.h"

/* ---- The index ----------------------------------------------------------- */

void cairn__tree_add(struct cairn_frames *frames,
                     const struct cairn__chunk *chunk, unsigned tree_class)
{
    uint64_t *word = cairn__tree_word(chunk->slot, tree_class);

    if (*word == 0)
        cairn__summary_add(&frames->summaries[tree_class], chunk->slot_number);
    *word |= CAIRN__BIT(chunk->number);
}

static void index_remove(struct cairn_frames *frames,
                         const struct cairn__chunk *chunk, unsigned tree_class)
{
    uint64_t *word = cairn__tree_word(chunk->slot, tree_class);

    cairn__assert((*word & CAIRN__BIT(chunk->number)) != 0);
    *word &= ~CAIRN__BIT(chunk->number);
    if (*word == 0)
        cairn__summary_remove(&frames->summaries[tree_class],
                              chunk->slot_number);
}

struct cairn__chunk_window
cairn__tree_chunks_of(const struct cairn_frames *frames,
                      struct cairn__pfn_range window)
{
    uint64_t first = frames->first_section * CAIRN__SECTION_CHUNKS;
    uint64_t limit = first + frames->slot_count * CAIRN__SECTION_CHUNKS;
    uint64_t start =
        (window.start + CAIRN__CHUNK_FRAMES - 1) >> CAIRN__CHUNK_ORDER;
    uint64_t end = window.end >> CAIRN__CHUNK_ORDER;
    struct cairn__chunk_window chunks;

    chunks.end = cairn__max(cairn__min(end, limit), first) - first;
    chunks.start = cairn__min(cairn__max(start, first) - first, chunks.end);
    return chunks;
}

bool cairn__tree_lowest(struct cairn_frames *frames, unsigned tree_class,
                        struct cairn__chunk_window window,
                        struct cairn__chunk *out)
{
    const struct cairn__summary *summary = &frames->summaries[tree_class];
    size_t slot = (size_t)(window.start / CAIRN__SECTION_CHUNKS);
    uint64_t mask = UINT64_MAX << window.start % CAIRN__SECTION_CHUNKS;

    for (slot = cairn__summary_next(summary, slot); slot < frames->slot_count;
         slot = cairn__summary_next(summary, slot + 1)) {
        uint64_t word = *cairn__tree_word(&frames->slots[slot], tree_class);

        if (slot == window.start / CAIRN__SECTION_CHUNKS)
            word &= mask;
        if (word == 0)
            continue;
        *out = cairn__tree_chunk_at(frames, slot, cairn__bit_lowest(word));
        return slot * CAIRN__SECTION_CHUNKS + out->number < window.end;
    }
    return false;
}

/* ---- Classes ------------------------------------------------------------- */

static unsigned class_of_line(const struct cairn__chunk *chunk)
{
    int largest = cairn__line_largest(cairn__tree_line(chunk));

    return largest < 0 ? CAIRN__TREE_NONE : CAIRN__TREE_M + (unsigned)largest;
}

static enum cairn__chunk_kind kind_for(const struct cairn__chunk *chunk,
                                       unsigned tree_class)
{
    unsigned count = cairn__tree_section(chunk)->free_counts[chunk->number];

    if (tree_class == CAIRN__TREE_EMPTY)
        return CAIRN__CHUNK_EMPTY;
    return cairn__tree_is_medium(chunk) || count >= CAIRN__DENSE_BELOW
               ? CAIRN__CHUNK_SPARSE
               : CAIRN__CHUNK_DENSE;
}

void cairn__tree_reclassify(struct cairn_frames *frames,
                            const struct cairn__chunk *chunk)
{
    struct cairn__section *section = cairn__tree_section(chunk);
    unsigned former = section->classes[chunk->number];
    unsigned count = section->free_counts[chunk->number];
    unsigned now;

    if (count == CAIRN__CHUNK_FRAMES)
        now = CAIRN__TREE_EMPTY;
    else
        now = cairn__tree_is_medium(chunk) ? class_of_line(chunk)
                                           : cairn__tree_class_of(count);
    section->room[chunk->number] =
        cairn__tree_is_medium(chunk) ? 1 : cairn__tree_room_of(count);
    if (now == former)
        return;
    if (former != CAIRN__TREE_NONE)
        index_remove(frames, chunk, former);
    section->classes[chunk->number] = (uint8_t)now;
    if (now != CAIRN__TREE_NONE)
        cairn__tree_add(frames, chunk, now);
    cairn__tree_set_kind(chunk, kind_for(chunk, now));
}

/* ---- From EMPTY to something else ---------------------------------------- */

void cairn__tree_take_empty(struct cairn_frames *frames,
                            const struct cairn__chunk *chunk)
{
    cairn__section_open(chunk->slot);
    index_remove(frames, chunk, CAIRN__TREE_EMPTY);
    cairn__tree_section(chunk)->classes[chunk->number] = CAIRN__TREE_NONE;
}

void cairn__tree_split(const struct cairn__chunk *chunk, bool as_medium)
{
    struct cairn__section *section = cairn__tree_section(chunk);
    uint64_t bit = CAIRN__BIT(chunk->number);

    if ((section->ready & bit) == 0) {
        memset(cairn__tree_states(chunk), CAIRN__STATE_FREE,
               CAIRN__CHUNK_FRAMES);
        section->ready |= bit;
    }
    memset(cairn__tree_line(chunk), 0xff, sizeof(section->lines[0]));
    section->free_counts[chunk->number] = CAIRN__CHUNK_FRAMES;
    section->medium =
        as_medium ? section->medium | bit : section->medium & ~bit;
    cairn__tree_set_kind(chunk, CAIRN__CHUNK_SPARSE);
}
