/*
 * frames/tree_check.c - the tree engine's invariants; tree.h lists them.
 *
 * COST   Linear in the sections and in the frames of split chunks.
 *
 * TESTS  tests/frames_check.c and frames_invariants.c break each of them; all
 *        others call it
 */
#include "frames/cache.h"
#include "frames/line.h"
#include "frames/summary.h"
#include "frames/tree.h"

/* Sums over all chunks. */
struct sums {
    uint64_t free; /* frames that the engine has */
    uint64_t held; /* frames in state FREE that it has not */
};

/* A split chunk, as to T4 and T5. */
static unsigned check_line(const struct cairn__section *section,
                           unsigned number, struct sums *sums)
{
    const uint8_t *states = &section->states[number * CAIRN__CHUNK_FRAMES];
    const uint64_t *line = section->lines[number];
    unsigned count = cairn__line_count(line, 0, CAIRN__CHUNK_FRAMES);

    if (count != section->free_counts[number])
        return 4;
    for (unsigned i = 0; i < CAIRN__CHUNK_FRAMES; i++) {
        bool is_free = (line[i / 64] >> i % 64 & 1) != 0;

        if (is_free && states[i] != CAIRN__STATE_FREE)
            return 5;
        sums->held += !is_free && states[i] == CAIRN__STATE_FREE;
    }
    sums->free += count;
    return 0;
}

/* Is a split chunk, whose line is right, classed by what is free in it? */
static bool is_classed_right(const struct cairn__section *section,
                             unsigned number)
{
    bool is_medium = (section->medium >> number & 1) != 0;
    unsigned count = section->free_counts[number];
    int largest = cairn__line_largest(section->lines[number]);
    bool is_sparse = is_medium || count >= CAIRN__DENSE_BELOW;
    unsigned right = cairn__tree_class_of(count);

    if (is_medium)
        right =
            largest < 0 ? CAIRN__TREE_NONE : CAIRN__TREE_M + (unsigned)largest;
    return section->classes[number] == right &&
           section->kinds[number] ==
               (is_sparse ? CAIRN__CHUNK_SPARSE : CAIRN__CHUNK_DENSE);
}

/* Is it looked at again as soon as its class may be another one? */
static bool is_room_right(const struct cairn__section *section, unsigned number)
{
    bool is_medium = (section->medium >> number & 1) != 0;
    unsigned room = section->room[number];
    unsigned next = section->free_counts[number] + room;

    if (is_medium || room == 0)
        return room == 1;
    return cairn__tree_class_of(next - 1) == section->classes[number] &&
           cairn__tree_class_of(next) != section->classes[number];
}

/* Is the chunk in the index word of its class and in no other? */
static bool is_indexed_right(const struct cairn__slot *slot, unsigned number)
{
    const struct cairn__section *section = slot->section;
    unsigned own = section->classes[number];

    for (unsigned c = 0; c < CAIRN__TREE_CLASSES; c++) {
        if ((section->index[c] >> number & 1) != (c == own))
            return false;
    }
    return (slot->empty >> number & 1) ==
           (section->kinds[number] == CAIRN__CHUNK_EMPTY);
}

static unsigned check_section(const struct cairn__slot *slot, struct sums *sums)
{
    const struct cairn__section *section = slot->section;
    unsigned broken;

    for (unsigned i = 0; i < CAIRN__SECTION_CHUNKS; i++) {
        if (!is_indexed_right(slot, i))
            return section->kinds[i] == CAIRN__CHUNK_EMPTY ? 6 : 2;
        if (section->kinds[i] == CAIRN__CHUNK_EMPTY)
            sums->free += CAIRN__CHUNK_FRAMES;
        if (section->kinds[i] < CAIRN__CHUNK_SPARSE)
            continue;
        broken = check_line(section, i, sums);
        if (broken != 0)
            return broken;
        if (!is_classed_right(section, i))
            return 8;
        if (!is_room_right(section, i))
            return 9;
    }
    return 0;
}

static bool is_summary_right(const struct cairn_frames *frames, size_t number)
{
    struct cairn__slot *slot = &frames->slots[number];
    bool is_open = slot->section == slot->storage;

    for (unsigned c = 0; c <= CAIRN__TREE_EMPTY; c++) {
        const struct cairn__summary *summary = &frames->summaries[c];
        bool has_any = (c == CAIRN__TREE_EMPTY || is_open) &&
                       *cairn__tree_word(slot, c) != 0;

        if ((cairn__summary_next(summary, number) == number) != has_any)
            return false;
    }
    return true;
}

unsigned cairn__tree_check(const struct cairn_frames *frames)
{
    struct sums sums = {0, 0};

    for (size_t i = 0; i < frames->slot_count; i++) {
        const struct cairn__slot *slot = &frames->slots[i];
        unsigned broken = 0;

        if (!is_summary_right(frames, i))
            return 3;
        if (slot->section == slot->storage)
            broken = check_section(slot, &sums);
        else
            sums.free += (uint64_t)cairn__bit_count(slot->empty)
                         << CAIRN__CHUNK_ORDER;
        if (broken != 0)
            return broken;
    }
    if (sums.held != cairn__cache_singles(frames))
        return 7;
    return sums.free == frames->free_frames ? 0 : 1;
}
