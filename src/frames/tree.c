/*
 * frames/tree.c - frame engine: chunks of 2 MiB in an index by fullness.
 *
 * WHAT   Finds free frames in a few loads, however much memory there is, and
 *        keeps as many chunks of 2 MiB whole as can be kept without moving
 *        anything.
 *
 * HOW    A chunk that is entirely free is one bit (slot->empty); nothing else
 *        is known or written about it.  When frames of it are needed, it is
 *        dedicated to single frames (S) or to small blocks of orders 1 to 8
 *        (M), so that the two do not fragment each other, and gets a line of
 *        512 free bits.  When all its frames are free again, it becomes EMPTY.
 *
 *        S chunks are classed by how many of their frames are free, M chunks
 *        by the largest aligned run of free frames in them.  For each class,
 *        each section has a word with a bit for each of its chunks, and a
 *        summary (summary.h) tells which sections have any.
 *
 *        Single frames come from the fullest class, lowest address first, so
 *        that sparse chunks are left alone and have time to become empty.
 *        Blocks come from the smallest class that has them.  Blocks of order 9
 *        and more come from EMPTY chunks, highest address first.
 *
 *        Requests without a limit look above the first 16 MiB, and above 4
 *        GiB if there is memory, before they take what limited requests may
 *        need.
 *
 * INVARIANTS (check() tests each by this number)
 *   T1   free_frames is the sum of free frames of all chunks.
 *   T2   A chunk is in the index word of its class and in no other; a full,
 *        huge or absent chunk is in none.
 *   T3   A summary has exactly the sections whose index word is not 0.
 *   T4   free_counts is the number of bits set in the line.
 *   T5   A bit of a line is set exactly if the frame's state is FREE.
 *   T6   An EMPTY chunk has kind EMPTY.
 *
 * LOCKS  All under the engine lock.
 *
 * COST   take and give of single frames: a few ns each, as part of a batch.
 *        take of orders 10 to 18 and take_run: linear in the sections, in the
 *        worst case.
 *
 * FAILS  Nothing free: 0 or false, nothing changed.
 *
 * SOURCE The idea of filling the fullest areas first and of dedicating areas
 *        to sizes: L. Wrenger, F. Rommel, A. Halbuer, C. Dietrich, D. Lohmann,
 *        "LLFree: Scalable and Optionally-Persistent Page-Frame Allocation",
 *        USENIX ATC 2023.
 *
 * TESTS  tests/frames_*.c, fuzz/frames.c; make bench B=frames
 */
#include "frames/tree.h"
#include "base/memory.h"
#include "frames/engine.h"
#include "frames/line.h"
#include "frames/section.h"
#include "frames/summary.h"

/* Classes: S chunks by free frames, M chunks by largest run, EMPTY last. */
#define CLASS_S_COUNT 4
#define CLASS_M       CLASS_S_COUNT /* + order of the largest run, 0 .. 8 */
#define CLASS_EMPTY   CAIRN__TREE_CLASSES
#define CLASS_NONE    0xffu

/* A chunk with fewer free frames is DENSE: its frames go round in magazines. */
#define DENSE_BELOW 8u

/* Limited requests are served first from here: 16 MiB and 4 GiB. */
#define CHUNKS_16MIB 8u
#define CHUNKS_4GIB  2048u

/* ---- Chunks -------------------------------------------------------------- */

static struct cairn__section *section_of(const struct cairn__chunk *chunk)
{
    return chunk->slot->section;
}

static void set_kind(const struct cairn__chunk *chunk,
                     enum cairn__chunk_kind kind)
{
    cairn__section_set_kind(section_of(chunk), chunk->number, kind);
}

static uint64_t *line_of(const struct cairn__chunk *chunk)
{
    return section_of(chunk)->lines[chunk->number];
}

static struct cairn__chunk chunk_at(struct cairn_frames *frames,
                                    size_t slot_number, unsigned number)
{
    struct cairn__chunk chunk = {&frames->slots[slot_number], slot_number,
                                 number};

    return chunk;
}

static struct cairn__chunk chunk_of(struct cairn_frames *frames, cairn_pfn pfn)
{
    size_t slot =
        (size_t)((pfn.value >> CAIRN__SECTION_ORDER) - frames->first_section);

    return chunk_at(frames, slot, cairn__frames_chunk_number(pfn));
}

static uint64_t first_frame(const struct cairn_frames *frames,
                            const struct cairn__chunk *chunk)
{
    uint64_t section = frames->first_section + chunk->slot_number;

    return section << CAIRN__SECTION_ORDER | (uint64_t)chunk->number
                                                 << CAIRN__CHUNK_ORDER;
}

/* ---- The index ----------------------------------------------------------- */

static uint64_t *index_word(struct cairn__slot *slot, unsigned tree_class)
{
    return tree_class == CLASS_EMPTY ? &slot->empty
                                     : &slot->section->index[tree_class];
}

static void index_add(struct cairn_frames *frames,
                      const struct cairn__chunk *chunk, unsigned tree_class)
{
    uint64_t *word = index_word(chunk->slot, tree_class);

    if (*word == 0)
        cairn__summary_add(&frames->summaries[tree_class], chunk->slot_number);
    *word |= CAIRN__BIT(chunk->number);
}

static void index_remove(struct cairn_frames *frames,
                         const struct cairn__chunk *chunk, unsigned tree_class)
{
    uint64_t *word = index_word(chunk->slot, tree_class);

    cairn__assert((*word & CAIRN__BIT(chunk->number)) != 0);
    *word &= ~CAIRN__BIT(chunk->number);
    if (*word == 0)
        cairn__summary_remove(&frames->summaries[tree_class],
                              chunk->slot_number);
}

/*
 * Chunks as a window sees them: all numbers [start, end) counted from the
 * directory's first chunk, of which every frame lies inside the window.
 */
struct chunk_window {
    uint64_t start;
    uint64_t end;
};

static struct chunk_window chunks_of(const struct cairn_frames *frames,
                                     struct cairn__pfn_range window)
{
    uint64_t first = frames->first_section * CAIRN__SECTION_CHUNKS;
    uint64_t limit = first + frames->slot_count * CAIRN__SECTION_CHUNKS;
    uint64_t start =
        (window.start + CAIRN__CHUNK_FRAMES - 1) >> CAIRN__CHUNK_ORDER;
    uint64_t end = window.end >> CAIRN__CHUNK_ORDER;
    struct chunk_window chunks;

    chunks.end = cairn__max(cairn__min(end, limit), first) - first;
    chunks.start = cairn__min(cairn__max(start, first) - first, chunks.end);
    return chunks;
}

/* The lowest chunk of a class in the window. */
static bool find_lowest(struct cairn_frames *frames, unsigned tree_class,
                        struct chunk_window window, struct cairn__chunk *out)
{
    const struct cairn__summary *summary = &frames->summaries[tree_class];
    size_t slot = (size_t)(window.start / CAIRN__SECTION_CHUNKS);
    uint64_t mask = UINT64_MAX << window.start % CAIRN__SECTION_CHUNKS;

    for (slot = cairn__summary_next(summary, slot); slot < frames->slot_count;
         slot = cairn__summary_next(summary, slot + 1)) {
        uint64_t word = *index_word(&frames->slots[slot], tree_class);

        if (slot == window.start / CAIRN__SECTION_CHUNKS)
            word &= mask;
        if (word == 0)
            continue;
        *out = chunk_at(frames, slot, cairn__bit_lowest(word));
        return slot * CAIRN__SECTION_CHUNKS + out->number < window.end;
    }
    return false;
}

/* The highest EMPTY chunk in the window. */
static bool find_highest_empty(struct cairn_frames *frames,
                               struct chunk_window window,
                               struct cairn__chunk *out)
{
    const struct cairn__summary *summary = &frames->summaries[CLASS_EMPTY];
    size_t last;
    size_t slot;

    if (window.start >= window.end)
        return false;
    last = (size_t)((window.end - 1) / CAIRN__SECTION_CHUNKS);
    slot = cairn__summary_previous(summary, last);
    while (slot != CAIRN__SUMMARY_NONE) {
        uint64_t word = frames->slots[slot].empty;

        if (slot == last)
            word &=
                UINT64_MAX >> (63 - (window.end - 1) % CAIRN__SECTION_CHUNKS);
        if (word != 0) {
            *out = chunk_at(frames, slot, cairn__bit_highest(word));
            return slot * CAIRN__SECTION_CHUNKS + out->number >= window.start;
        }
        slot = slot == 0 ? CAIRN__SUMMARY_NONE
                         : cairn__summary_previous(summary, slot - 1);
    }
    return false;
}

static bool is_empty(const struct cairn__chunk *chunk)
{
    return section_of(chunk)->kinds[chunk->number] == CAIRN__CHUNK_EMPTY;
}

/* Do the chunk's states say what its frames are? */
static bool is_split(const struct cairn__chunk *chunk)
{
    return section_of(chunk)->kinds[chunk->number] >= CAIRN__CHUNK_SPARSE;
}

/* ---- Classes ------------------------------------------------------------- */

static bool is_medium(const struct cairn__chunk *chunk)
{
    return (section_of(chunk)->medium & CAIRN__BIT(chunk->number)) != 0;
}

static unsigned class_of_count(unsigned count)
{
    if (count == 0)
        return CLASS_NONE;
    if (count < DENSE_BELOW)
        return 0;
    return count < 64 ? 1 : count < 192 ? 2 : 3;
}

static unsigned class_of_line(const struct cairn__chunk *chunk)
{
    int largest = cairn__line_largest(line_of(chunk));

    return largest < 0 ? CLASS_NONE : CLASS_M + (unsigned)largest;
}

static enum cairn__chunk_kind kind_for(const struct cairn__chunk *chunk,
                                       unsigned tree_class)
{
    unsigned count = section_of(chunk)->free_counts[chunk->number];

    if (tree_class == CLASS_EMPTY)
        return CAIRN__CHUNK_EMPTY;
    return is_medium(chunk) || count >= DENSE_BELOW ? CAIRN__CHUNK_SPARSE
                                                    : CAIRN__CHUNK_DENSE;
}

/* The chunk's frames have changed: put it where it belongs now. */
static void reclassify(struct cairn_frames *frames,
                       const struct cairn__chunk *chunk)
{
    struct cairn__section *section = section_of(chunk);
    unsigned former = section->classes[chunk->number];
    unsigned count = section->free_counts[chunk->number];
    unsigned now;

    if (count == CAIRN__CHUNK_FRAMES)
        now = CLASS_EMPTY;
    else
        now = is_medium(chunk) ? class_of_line(chunk) : class_of_count(count);
    if (now == former)
        return;
    if (former != CLASS_NONE)
        index_remove(frames, chunk, former);
    section->classes[chunk->number] = (uint8_t)now;
    if (now != CLASS_NONE)
        index_add(frames, chunk, now);
    set_kind(chunk, kind_for(chunk, now));
}

/* ---- From EMPTY to something else ---------------------------------------- */

/* Make the section's own metadata valid, all of its chunks empty or absent. */
void cairn__tree_open_section(struct cairn__slot *slot)
{
    struct cairn__section *section = slot->storage;

    if (slot->section == section)
        return;
    cairn__assert(section != NULL);
    for (unsigned i = 0; i < CAIRN__SECTION_CHUNKS; i++)
        section->kinds[i] = (slot->empty >> i & 1) != 0 ? CAIRN__CHUNK_EMPTY
                                                        : CAIRN__CHUNK_ABSENT;
    memset(section->index, 0, sizeof(section->index));
    memset(section->classes, CLASS_EMPTY, sizeof(section->classes));
    section->ready = 0;
    section->medium = 0;
    __atomic_store_n(&slot->section, section, __ATOMIC_RELEASE);
}

/* Take an EMPTY chunk out of the index. */
static void claim(struct cairn_frames *frames, const struct cairn__chunk *chunk)
{
    cairn__tree_open_section(chunk->slot);
    index_remove(frames, chunk, CLASS_EMPTY);
    section_of(chunk)->classes[chunk->number] = CLASS_NONE;
}

/* Dedicate a claimed chunk to single frames or blocks; all of it is free. */
static void split(const struct cairn__chunk *chunk, bool as_medium)
{
    struct cairn__section *section = section_of(chunk);
    uint64_t bit = CAIRN__BIT(chunk->number);

    if ((section->ready & bit) == 0) {
        memset(&section->states[chunk->number * CAIRN__CHUNK_FRAMES],
               CAIRN__STATE_FREE, CAIRN__CHUNK_FRAMES);
        section->ready |= bit;
    }
    memset(line_of(chunk), 0xff, sizeof(section->lines[0]));
    section->free_counts[chunk->number] = CAIRN__CHUNK_FRAMES;
    section->medium =
        as_medium ? section->medium | bit : section->medium & ~bit;
    set_kind(chunk, CAIRN__CHUNK_SPARSE);
}

/* ---- Single frames ------------------------------------------------------- */

/* A chunk with free single frames: fullest first, then a new one, then M. */
static bool find_for_single(struct cairn_frames *frames,
                            struct chunk_window window,
                            struct cairn__chunk *out)
{
    for (unsigned c = 0; c < CLASS_S_COUNT; c++) {
        if (find_lowest(frames, c, window, out))
            return true;
    }
    if (find_lowest(frames, CLASS_EMPTY, window, out)) {
        claim(frames, out);
        split(out, false);
        return true;
    }
    for (unsigned c = CLASS_M; c < CLASS_EMPTY; c++) {
        if (find_lowest(frames, c, window, out))
            return true;
    }
    return false;
}

/* Take up to `max` single frames out of one chunk, lowest first. */
static size_t strip(struct cairn_frames *frames,
                    const struct cairn__chunk *chunk, cairn_pfn *out,
                    size_t max)
{
    uint64_t *line = line_of(chunk);
    uint64_t first = first_frame(frames, chunk);
    size_t taken = 0;

    for (unsigned i = 0; i < CAIRN__LINE_WORDS && taken < max; i++) {
        uint64_t word = line[i];

        while (word != 0 && taken < max) {
            out[taken++].value = first + i * 64 + cairn__bit_lowest(word);
            word &= word - 1;
        }
        line[i] = word;
    }
    section_of(chunk)->free_counts[chunk->number] -= (uint16_t)taken;
    frames->free_frames -= taken;
    reclassify(frames, chunk);
    return taken;
}

static size_t take_single(struct cairn_frames *frames,
                          struct chunk_window window, cairn_pfn *out,
                          size_t max)
{
    struct cairn__chunk chunk;
    size_t taken = 0;

    while (taken < max && find_for_single(frames, window, &chunk))
        taken += strip(frames, &chunk, out + taken, max - taken);
    return taken;
}

/* ---- Small blocks -------------------------------------------------------- */

/* The last resort: a run in a chunk of single frames. */
static bool find_in_singles(struct cairn_frames *frames, cairn_order order,
                            struct chunk_window window,
                            struct cairn__chunk *out)
{
    for (unsigned c = CLASS_S_COUNT; c-- > 0;) {
        struct chunk_window rest = window;

        while (find_lowest(frames, c, rest, out)) {
            if (cairn__line_find(line_of(out), order) != CAIRN__LINE_NONE)
                return true;
            rest.start =
                out->slot_number * CAIRN__SECTION_CHUNKS + out->number + 1;
        }
    }
    return false;
}

static bool find_for_block(struct cairn_frames *frames, cairn_order order,
                           struct chunk_window window, struct cairn__chunk *out)
{
    for (unsigned c = CLASS_M + order; c < CLASS_EMPTY; c++) {
        if (find_lowest(frames, c, window, out))
            return true;
    }
    if (find_lowest(frames, CLASS_EMPTY, window, out)) {
        claim(frames, out);
        split(out, true);
        return true;
    }
    return find_in_singles(frames, order, window, out);
}

static size_t take_blocks(struct cairn_frames *frames, cairn_order order,
                          struct chunk_window window, cairn_pfn *out,
                          size_t max)
{
    struct cairn__chunk chunk;
    unsigned count = 1u << order;
    size_t taken = 0;

    if (!find_for_block(frames, order, window, &chunk))
        return 0;
    while (taken < max) {
        unsigned at = cairn__line_find(line_of(&chunk), order);

        if (at == CAIRN__LINE_NONE)
            break;
        cairn__line_clear(line_of(&chunk), at, count);
        out[taken++].value = first_frame(frames, &chunk) + at;
    }
    section_of(&chunk)->free_counts[chunk.number] -= (uint16_t)(taken * count);
    frames->free_frames -= taken * count;
    reclassify(frames, &chunk);
    return taken;
}

/* ---- Whole chunks -------------------------------------------------------- */

/* Mark `chunks` consecutive EMPTY chunks from `first` on as one block. */
static void claim_huge(struct cairn_frames *frames, uint64_t first,
                       uint64_t chunks)
{
    for (uint64_t i = first; i < first + chunks; i++) {
        struct cairn__chunk chunk =
            chunk_at(frames, (size_t)(i / CAIRN__SECTION_CHUNKS),
                     (unsigned)(i % CAIRN__SECTION_CHUNKS));

        claim(frames, &chunk);
        set_kind(&chunk, i == first ? CAIRN__CHUNK_HUGE : CAIRN__CHUNK_INSIDE);
    }
    frames->free_frames -= chunks * CAIRN__CHUNK_FRAMES;
}

/* Are all chunks of [first, first + chunks) EMPTY? Whole sections only. */
static bool are_sections_empty(const struct cairn_frames *frames, size_t slot,
                               size_t count)
{
    for (size_t i = slot; i < slot + count; i++) {
        if (frames->slots[i].empty != UINT64_MAX)
            return false;
    }
    return true;
}

/* Orders 16 to 18: 2 to 8 whole sections, aligned by their address. */
static bool find_sections(const struct cairn_frames *frames, size_t count,
                          struct chunk_window window, uint64_t *out)
{
    uint64_t end = cairn__align_down(
        frames->first_section + window.end / CAIRN__SECTION_CHUNKS, count);

    while (end >= frames->first_section + count) {
        size_t slot = (size_t)(end - count - frames->first_section);

        if (slot * CAIRN__SECTION_CHUNKS < window.start)
            return false;
        if (are_sections_empty(frames, slot, count)) {
            *out = slot * CAIRN__SECTION_CHUNKS;
            return true;
        }
        end -= count;
    }
    return false;
}

/* Orders 10 to 15: an aligned run of 2^(order - 9) bits in one word. */
static bool find_in_words(const struct cairn_frames *frames, cairn_order order,
                          struct chunk_window window, uint64_t *out)
{
    const struct cairn__summary *summary = &frames->summaries[CLASS_EMPTY];
    size_t slot = (size_t)(window.end / CAIRN__SECTION_CHUNKS);
    unsigned chunks = 1u << (order - CAIRN__CHUNK_ORDER);

    slot = cairn__summary_previous(summary, slot);
    while (slot != CAIRN__SUMMARY_NONE) {
        uint64_t base = slot * CAIRN__SECTION_CHUNKS;
        uint64_t starts = cairn__line_starts(frames->slots[slot].empty,
                                             order - CAIRN__CHUNK_ORDER);

        while (starts != 0) {
            unsigned at = cairn__bit_highest(starts);

            if (base + at < window.start)
                return false;
            if (base + at + chunks <= window.end) {
                *out = base + at;
                return true;
            }
            starts &= ~CAIRN__BIT(at);
        }
        slot = slot == 0 ? CAIRN__SUMMARY_NONE
                         : cairn__summary_previous(summary, slot - 1);
    }
    return false;
}

static size_t take_huge(struct cairn_frames *frames, cairn_order order,
                        struct chunk_window window, cairn_pfn *out)
{
    struct cairn__chunk chunk;
    uint64_t first;
    bool is_found;

    if (order == CAIRN__CHUNK_ORDER) {
        is_found = find_highest_empty(frames, window, &chunk);
        first = is_found
                    ? chunk.slot_number * CAIRN__SECTION_CHUNKS + chunk.number
                    : 0;
    } else if (order <= CAIRN__SECTION_ORDER) {
        is_found = find_in_words(frames, order, window, &first);
    } else {
        is_found =
            find_sections(frames, (size_t)1 << (order - CAIRN__SECTION_ORDER),
                          window, &first);
    }
    if (!is_found)
        return 0;
    claim_huge(frames, first, (uint64_t)1 << (order - CAIRN__CHUNK_ORDER));
    out->value = (frames->first_section << CAIRN__SECTION_ORDER) +
                 (first << CAIRN__CHUNK_ORDER);
    return 1;
}

static void give_huge(struct cairn_frames *frames, cairn_order order,
                      cairn_pfn block)
{
    uint64_t chunks = (uint64_t)1 << (order - CAIRN__CHUNK_ORDER);

    *cairn__frames_state(frames, block) = CAIRN__STATE_FREE;
    for (uint64_t i = 0; i < chunks; i++) {
        cairn_pfn pfn = {block.value + (i << CAIRN__CHUNK_ORDER)};
        struct cairn__chunk chunk = chunk_of(frames, pfn);

        set_kind(&chunk, CAIRN__CHUNK_EMPTY);
        section_of(&chunk)->classes[chunk.number] = CLASS_EMPTY;
        index_add(frames, &chunk, CLASS_EMPTY);
    }
    frames->free_frames += chunks * CAIRN__CHUNK_FRAMES;
}

/* ---- The interface: blocks ----------------------------------------------- */

static size_t take_in(struct cairn_frames *frames, cairn_order order,
                      struct chunk_window window, cairn_pfn *out, size_t max)
{
    if (window.start >= window.end || max == 0)
        return 0;
    if (order == 0)
        return take_single(frames, window, out, max);
    if (order < CAIRN__CHUNK_ORDER)
        return take_blocks(frames, order, window, out, max);
    return take_huge(frames, order, window, out);
}

static size_t tree_take(struct cairn_frames *frames, cairn_order order,
                        struct cairn__pfn_range window, cairn_pfn *out,
                        size_t max)
{
    static const uint64_t kept[] = {CHUNKS_4GIB, CHUNKS_16MIB, 0};
    struct chunk_window chunks = chunks_of(frames, window);
    uint64_t first = frames->first_section * CAIRN__SECTION_CHUNKS;
    size_t taken = 0;

    /* Above 4 GiB first, then above 16 MiB, then anywhere. */
    for (size_t i = 0; i < 3 && taken == 0; i++) {
        struct chunk_window part = chunks;

        if (kept[i] > first)
            part.start = cairn__max(part.start, kept[i] - first);
        taken = take_in(frames, order, part, out, max);
    }
    return taken;
}

static void tree_give(struct cairn_frames *frames, cairn_order order,
                      const cairn_pfn *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cairn__chunk chunk = chunk_of(frames, blocks[i]);
        unsigned at = (unsigned)(blocks[i].value % CAIRN__CHUNK_FRAMES);

        if (order >= CAIRN__CHUNK_ORDER) {
            give_huge(frames, order, blocks[i]);
            continue;
        }
        cairn__line_set(line_of(&chunk), at, 1u << order);
        section_of(&chunk)->free_counts[chunk.number] +=
            (uint16_t)(1u << order);
        frames->free_frames += (uint64_t)1 << order;
        reclassify(frames, &chunk);
    }
}

/* ---- The interface: runs ------------------------------------------------- */

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
        struct cairn__chunk chunk = chunk_of(frames, pfn);
        uint64_t stop = at + part_in_chunk(at, end);

        if (is_split(&chunk)) {
            uint64_t found = scan_line(line_of(&chunk), at, stop, wanted);

            if (found < stop)
                return found;
        } else if (is_empty(&chunk) == wanted) {
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
        struct cairn__chunk chunk = chunk_of(frames, pfn);
        unsigned part = (unsigned)part_in_chunk(first, end);

        if (is_empty(&chunk)) {
            claim(frames, &chunk);
            split(&chunk, true);
        }
        cairn__line_clear(line_of(&chunk),
                          (unsigned)(first % CAIRN__CHUNK_FRAMES), part);
        section_of(&chunk)->free_counts[chunk.number] -= (uint16_t)part;
        reclassify(frames, &chunk);
        first += part;
    }
}

static bool tree_take_run(struct cairn_frames *frames, uint64_t count,
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

static void tree_give_run(struct cairn_frames *frames, cairn_pfn first,
                          uint64_t count)
{
    uint64_t at = first.value;
    uint64_t end = at + count;

    frames->free_frames += count;
    while (at < end) {
        cairn_pfn pfn = {at};
        struct cairn__chunk chunk = chunk_of(frames, pfn);
        unsigned part = (unsigned)part_in_chunk(at, end);

        cairn__line_set(line_of(&chunk), (unsigned)(at % CAIRN__CHUNK_FRAMES),
                        part);
        section_of(&chunk)->free_counts[chunk.number] += (uint16_t)part;
        reclassify(frames, &chunk);
        at += part;
    }
}

/* ---- New memory ---------------------------------------------------------- */

/* A chunk of which only some frames are memory: states, but none free yet. */
static void make_partial(const struct cairn__chunk *chunk)
{
    struct cairn__section *section = section_of(chunk);

    memset(&section->states[chunk->number * CAIRN__CHUNK_FRAMES],
           CAIRN__STATE_ABSENT, CAIRN__CHUNK_FRAMES);
    memset(line_of(chunk), 0, sizeof(section->lines[0]));
    section->free_counts[chunk->number] = 0;
    section->ready |= CAIRN__BIT(chunk->number);
    section->classes[chunk->number] = CLASS_NONE;
    set_kind(chunk, CAIRN__CHUNK_DENSE);
}

static void add_whole(struct cairn_frames *frames,
                      const struct cairn__chunk *chunk)
{
    index_add(frames, chunk, CLASS_EMPTY);
    if (chunk->slot->section == chunk->slot->storage) {
        set_kind(chunk, CAIRN__CHUNK_EMPTY);
        section_of(chunk)->classes[chunk->number] = CLASS_EMPTY;
    }
}

static void add_part(struct cairn_frames *frames,
                     const struct cairn__chunk *chunk, uint64_t first,
                     unsigned count)
{
    unsigned at = (unsigned)(first % CAIRN__CHUNK_FRAMES);
    struct cairn__section *section;

    cairn__tree_open_section(chunk->slot);
    section = section_of(chunk);
    if (section->kinds[chunk->number] == CAIRN__CHUNK_ABSENT)
        make_partial(chunk);
    memset(&section->states[first % CAIRN__SECTION_FRAMES], CAIRN__STATE_FREE,
           count);
    cairn__line_set(line_of(chunk), at, count);
    section->free_counts[chunk->number] += (uint16_t)count;
    reclassify(frames, chunk);
}

/* All of a section that nobody has touched: one word. */
static bool add_section(struct cairn_frames *frames,
                        const struct cairn__chunk *chunk)
{
    struct cairn__slot *slot = chunk->slot;

    if (slot->empty != 0 || slot->section == slot->storage)
        return false;
    slot->empty = UINT64_MAX;
    cairn__summary_add(&frames->summaries[CLASS_EMPTY], chunk->slot_number);
    return true;
}

static void tree_add(struct cairn_frames *frames, cairn_pfn first,
                     uint64_t count)
{
    uint64_t at = first.value;
    uint64_t end = at + count;

    frames->free_frames += count;
    frames->total_frames += count;
    while (at < end) {
        cairn_pfn pfn = {at};
        struct cairn__chunk chunk = chunk_of(frames, pfn);
        unsigned part = (unsigned)part_in_chunk(at, end);

        if (at % CAIRN__SECTION_FRAMES == 0 &&
            end - at >= CAIRN__SECTION_FRAMES && add_section(frames, &chunk)) {
            at += CAIRN__SECTION_FRAMES;
            continue;
        }
        if (part == CAIRN__CHUNK_FRAMES && !is_split(&chunk))
            add_whole(frames, &chunk);
        else
            add_part(frames, &chunk, at, part);
        at += part;
    }
}

/* ---- The checker --------------------------------------------------------- */

/* Frames free in a split chunk, or -1 if T4 or T5 is broken. */
static int check_line(const struct cairn__section *section, unsigned number)
{
    const uint8_t *states = &section->states[number * CAIRN__CHUNK_FRAMES];
    const uint64_t *line = section->lines[number];
    unsigned count = cairn__line_count(line, 0, CAIRN__CHUNK_FRAMES);

    if (count != section->free_counts[number])
        return -1;
    for (unsigned i = 0; i < CAIRN__CHUNK_FRAMES; i++) {
        bool is_free = (line[i / 64] >> i % 64 & 1) != 0;

        if (is_free != (states[i] == CAIRN__STATE_FREE))
            return -1;
    }
    return (int)count;
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

static unsigned check_section(const struct cairn__slot *slot, uint64_t *free)
{
    const struct cairn__section *section = slot->section;

    for (unsigned i = 0; i < CAIRN__SECTION_CHUNKS; i++) {
        int count = 0;

        if (!is_indexed_right(slot, i))
            return section->kinds[i] == CAIRN__CHUNK_EMPTY ? 6 : 2;
        if (section->kinds[i] == CAIRN__CHUNK_EMPTY)
            count = CAIRN__CHUNK_FRAMES;
        else if (section->kinds[i] >= CAIRN__CHUNK_SPARSE)
            count = check_line(section, i);
        if (count < 0)
            return 4;
        *free += (uint64_t)count;
    }
    return 0;
}

static bool is_summary_right(const struct cairn_frames *frames, size_t number)
{
    struct cairn__slot *slot = &frames->slots[number];
    bool is_open = slot->section == slot->storage;

    for (unsigned c = 0; c <= CLASS_EMPTY; c++) {
        const struct cairn__summary *summary = &frames->summaries[c];
        bool has_any =
            (c == CLASS_EMPTY || is_open) && *index_word(slot, c) != 0;

        if ((cairn__summary_next(summary, number) == number) != has_any)
            return false;
    }
    return true;
}

static unsigned tree_check(const struct cairn_frames *frames)
{
    uint64_t free = 0;

    for (size_t i = 0; i < frames->slot_count; i++) {
        const struct cairn__slot *slot = &frames->slots[i];
        unsigned broken = 0;

        if (!is_summary_right(frames, i))
            return 3;
        if (slot->section == slot->storage)
            broken = check_section(slot, &free);
        else
            free += (uint64_t)cairn__bit_count(slot->empty)
                    << CAIRN__CHUNK_ORDER;
        if (broken != 0)
            return broken;
    }
    return free == frames->free_frames ? 0 : 1;
}

const struct cairn__engine cairn__engine_tree = {
    .name = "tree",
    .take = tree_take,
    .give = tree_give,
    .take_run = tree_take_run,
    .give_run = tree_give_run,
    .add = tree_add,
    .check = tree_check,
};
