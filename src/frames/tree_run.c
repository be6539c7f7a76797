/*
 * frames/tree_run.c - the tree engine's runs, and memory that comes.
 *
 * HOW    A run is the lowest that fits; the search goes over chunks and, in
 *        split ones, over words of the line.  The chunks that it covers become
 *        M chunks.
 *
 * COST   Taking a run is linear in the chunks that are passed over.  Adding
 *        memory is a word for each section that is whole and untouched.
 *
 * TESTS  tests/frames_*.c, fuzz/frames.c
 */
#include "base/memory.h"
#include "frames/line.h"
#include "frames/summary.h"
#include "frames/tree.h"

/* ---- Runs ---------------------------------------------------------------- */

/* The part of [at, end) that lies in the chunk of `at`. */
static uint64_t part_in_chunk(uint64_t at, uint64_t end)
{
    uint64_t chunk_end = (at | (CAIRN__CHUNK_FRAMES - 1)) + 1;

    return cairn__min(chunk_end, end) - at;
}

/* The first frame of [at, end) in a split chunk that is free, or is not. */
static uint64_t scan_line(const uint64_t *line, uint64_t at, uint64_t end,
                          bool wanted)
{
    while (at < end) {
        unsigned bit = (unsigned)(at % 64);
        uint64_t word = line[at % CAIRN__CHUNK_FRAMES / 64];

        word = (wanted ? word : ~word) >> bit;
        if (word != 0)
            return cairn__min(at + cairn__bit_lowest(word), end);
        at += 64 - bit;
    }
    return end;
}

/* The first frame of [at, end) that is free (or is not); `end` if none. */
static uint64_t scan(struct cairn_frames *frames, uint64_t at, uint64_t end,
                     bool wanted)
{
    while (at < end) {
        cairn_pfn pfn = {at};
        struct cairn__chunk chunk = cairn__tree_chunk(frames, pfn);
        uint64_t stop = at + part_in_chunk(at, end);

        if (cairn__tree_is_split(&chunk)) {
            uint64_t found =
                scan_line(cairn__tree_line(&chunk), at, stop, wanted);

            if (found < stop)
                return found;
        } else if (cairn__tree_is_empty(&chunk) == wanted) {
            return at;
        }
        at = stop;
    }
    return end;
}

/* Take [first, first + count), all free, out of the index. */
static void carve(struct cairn_frames *frames, uint64_t first, uint64_t count)
{
    uint64_t end = first + count;

    frames->free_frames -= count;
    while (first < end) {
        cairn_pfn pfn = {first};
        struct cairn__chunk chunk = cairn__tree_chunk(frames, pfn);
        unsigned part = (unsigned)part_in_chunk(first, end);

        if (cairn__tree_is_empty(&chunk)) {
            cairn__tree_take_empty(frames, &chunk);
            cairn__tree_split(&chunk, true);
        }
        cairn__line_clear(cairn__tree_line(&chunk),
                          (unsigned)(first % CAIRN__CHUNK_FRAMES), part);
        cairn__tree_section(&chunk)->free_counts[chunk.number] -=
            (uint16_t)part;
        cairn__tree_reclassify(frames, &chunk);
        first += part;
    }
}

bool cairn__tree_take_run(struct cairn_frames *frames, uint64_t count,
                          uint64_t align, struct cairn__pfn_range window,
                          cairn_pfn *out)
{
    uint64_t at =
        cairn__max(window.start, frames->first_section << CAIRN__SECTION_ORDER);
    uint64_t end =
        cairn__min(window.end, (frames->first_section + frames->slot_count)
                                   << CAIRN__SECTION_ORDER);

    for (at = cairn__align_up(at, align); at < end && end - at >= count;) {
        uint64_t used = scan(frames, at, at + count, false);

        if (used == at + count) {
            carve(frames, at, count);
            out->value = at;
            return true;
        }
        at = cairn__align_up(scan(frames, used, end, true), align);
    }
    return false;
}

void cairn__tree_give_run(struct cairn_frames *frames, cairn_pfn first,
                          uint64_t count)
{
    uint64_t at = first.value;
    uint64_t end = at + count;

    frames->free_frames += count;
    while (at < end) {
        cairn_pfn pfn = {at};
        struct cairn__chunk chunk = cairn__tree_chunk(frames, pfn);
        unsigned part = (unsigned)part_in_chunk(at, end);

        cairn__line_set(cairn__tree_line(&chunk),
                        (unsigned)(at % CAIRN__CHUNK_FRAMES), part);
        cairn__tree_section(&chunk)->free_counts[chunk.number] +=
            (uint16_t)part;
        cairn__tree_reclassify(frames, &chunk);
        at += part;
    }
}

/* ---- New memory ---------------------------------------------------------- */

/* A chunk of which only some frames are memory: states, but none free yet. */
static void make_partial(const struct cairn__chunk *chunk)
{
    struct cairn__section *section = cairn__tree_section(chunk);

    memset(cairn__tree_states(chunk), CAIRN__STATE_ABSENT, CAIRN__CHUNK_FRAMES);
    memset(cairn__tree_line(chunk), 0, sizeof(section->lines[0]));
    section->free_counts[chunk->number] = 0;
    section->ready |= CAIRN__BIT(chunk->number);
    section->room[chunk->number] = cairn__tree_room_of(0);
    section->classes[chunk->number] = CAIRN__TREE_NONE;
    cairn__tree_set_kind(chunk, CAIRN__CHUNK_DENSE);
}

static void add_whole(struct cairn_frames *frames,
                      const struct cairn__chunk *chunk)
{
    cairn__tree_add(frames, chunk, CAIRN__TREE_EMPTY);
    if (chunk->slot->section == chunk->slot->storage) {
        cairn__tree_set_kind(chunk, CAIRN__CHUNK_EMPTY);
        cairn__tree_section(chunk)->classes[chunk->number] = CAIRN__TREE_EMPTY;
    }
}

static void add_part(struct cairn_frames *frames,
                     const struct cairn__chunk *chunk, uint64_t first,
                     unsigned count)
{
    unsigned at = (unsigned)(first % CAIRN__CHUNK_FRAMES);
    struct cairn__section *section;

    cairn__section_open(chunk->slot);
    section = cairn__tree_section(chunk);
    if (section->kinds[chunk->number] == CAIRN__CHUNK_ABSENT)
        make_partial(chunk);
    memset(&section->states[first % CAIRN__SECTION_FRAMES], CAIRN__STATE_FREE,
           count);
    cairn__line_set(cairn__tree_line(chunk), at, count);
    section->free_counts[chunk->number] += (uint16_t)count;
    cairn__tree_reclassify(frames, chunk);
}

/* All of a section that nobody has touched: one word. */
static bool add_section(struct cairn_frames *frames,
                        const struct cairn__chunk *chunk)
{
    struct cairn__slot *slot = chunk->slot;

    if (slot->empty != 0 || slot->section == slot->storage)
        return false;
    slot->empty = UINT64_MAX;
    cairn__summary_add(&frames->summaries[CAIRN__TREE_EMPTY],
                       chunk->slot_number);
    return true;
}

void cairn__tree_add_memory(struct cairn_frames *frames, cairn_pfn first,
                            uint64_t count)
{
    uint64_t at = first.value;
    uint64_t end = at + count;

    frames->free_frames += count;
    frames->total_frames += count;
    while (at < end) {
        cairn_pfn pfn = {at};
        struct cairn__chunk chunk = cairn__tree_chunk(frames, pfn);
        unsigned part = (unsigned)part_in_chunk(at, end);

        if (at % CAIRN__SECTION_FRAMES == 0 &&
            end - at >= CAIRN__SECTION_FRAMES && add_section(frames, &chunk)) {
            at += CAIRN__SECTION_FRAMES;
            continue;
        }
        if (part == CAIRN__CHUNK_FRAMES && !cairn__tree_is_split(&chunk))
            add_whole(frames, &chunk);
        else
            add_part(frames, &chunk, at, part);
        at += part;
    }
}
