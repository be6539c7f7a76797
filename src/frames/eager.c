/*
 * frames/eager.c - metadata of engines that initialise all of them at once;
 * see eager.h.
 */
#include "frames/eager.h"

#include "base/lock.h"
#include "base/memory.h"
#include "frames/cache.h"

static struct cairn__chunk chunk_of(const struct cairn_frames *frames,
                                    uint64_t first)
{
    cairn_pfn pfn = {first};
    struct cairn__chunk chunk = {
        .slot = cairn__frames_slot(frames, pfn),
        .number = cairn__frames_chunk_number(pfn),
    };

    cairn__assert(cairn__frames_covers(frames, pfn));
    return chunk;
}

/* The number of free frames of a chunk has changed. */
static void set_count(const struct cairn__chunk *chunk, unsigned count)
{
    uint64_t bit = CAIRN__BIT(chunk->number);

    cairn__assert(count <= CAIRN__CHUNK_FRAMES);
    chunk->slot->section->free_counts[chunk->number] = (uint16_t)count;
    if (count == CAIRN__CHUNK_FRAMES)
        chunk->slot->empty |= bit;
    else
        chunk->slot->empty &= ~bit;
}

/* ---- New memory ---------------------------------------------------------- */

/* The chunk gets its first memory: from ABSENT to DENSE. */
static void open_chunk(const struct cairn__chunk *chunk)
{
    struct cairn__section *section = chunk->slot->section;

    memset(&section->states[chunk->number * CAIRN__CHUNK_FRAMES],
           CAIRN__STATE_ABSENT, CAIRN__CHUNK_FRAMES);
    memset(section->lines[chunk->number], 0, sizeof(section->lines[0]));
    section->free_counts[chunk->number] = 0;
    section->ready |= CAIRN__BIT(chunk->number);
    cairn__section_set_kind(section, chunk->number, CAIRN__CHUNK_DENSE);
}

static void add_part(struct cairn_frames *frames, uint64_t first,
                     unsigned count)
{
    struct cairn__chunk chunk = chunk_of(frames, first);
    cairn_pfn pfn = {first};

    cairn__section_open(chunk.slot);
    if (cairn__frames_kind(frames, pfn) == CAIRN__CHUNK_ABSENT)
        open_chunk(&chunk);
    cairn__assert(*cairn__frames_state(frames, pfn) == CAIRN__STATE_ABSENT);
    memset(cairn__frames_state(frames, pfn), CAIRN__STATE_FREE, count);
    set_count(&chunk, chunk.slot->section->free_counts[chunk.number] + count);
}

void cairn__eager_add(struct cairn_frames *frames, uint64_t first,
                      uint64_t count)
{
    uint64_t end = first + count;

    cairn__assert(cairn__lock_is_held(&frames->lock));
    frames->free_frames += count;
    frames->total_frames += count;
    while (first < end) {
        unsigned part = cairn__eager_part(first, end);

        add_part(frames, first, part);
        first += part;
    }
}

/* ---- Frames change hands ------------------------------------------------- */

void cairn__eager_take(struct cairn_frames *frames, uint64_t first,
                       uint64_t count)
{
    uint64_t end = first + count;

    cairn__assert(cairn__lock_is_held(&frames->lock));
    cairn__assert(frames->free_frames >= count);
    frames->free_frames -= count;
    while (first < end) {
        struct cairn__chunk chunk = chunk_of(frames, first);
        unsigned part = cairn__eager_part(first, end);

        set_count(&chunk,
                  chunk.slot->section->free_counts[chunk.number] - part);
        first += part;
    }
}

void cairn__eager_give(struct cairn_frames *frames, uint64_t first,
                       uint64_t count)
{
    uint64_t end = first + count;

    cairn__assert(cairn__lock_is_held(&frames->lock));
    frames->free_frames += count;
    while (first < end) {
        struct cairn__chunk chunk = chunk_of(frames, first);
        unsigned part = cairn__eager_part(first, end);

        set_count(&chunk,
                  chunk.slot->section->free_counts[chunk.number] + part);
        first += part;
    }
}

/* The chunks of a block of order 9 or more. */
static void set_kinds(const struct cairn_frames *frames, uint64_t first,
                      cairn_order order, enum cairn__chunk_kind head,
                      enum cairn__chunk_kind others)
{
    uint64_t end = first + ((uint64_t)1 << order);

    for (uint64_t at = first; at < end; at += CAIRN__CHUNK_FRAMES) {
        struct cairn__chunk chunk = chunk_of(frames, at);

        cairn__section_set_kind(chunk.slot->section, chunk.number,
                                at == first ? head : others);
    }
}

void cairn__eager_take_block(struct cairn_frames *frames, uint64_t first,
                             cairn_order order)
{
    cairn__assert(cairn__is_aligned(first, (uint64_t)1 << order));
    cairn__eager_take(frames, first, (uint64_t)1 << order);
    if (order >= CAIRN__CHUNK_ORDER)
        set_kinds(frames, first, order, CAIRN__CHUNK_HUGE, CAIRN__CHUNK_INSIDE);
}

void cairn__eager_give_block(struct cairn_frames *frames, uint64_t first,
                             cairn_order order)
{
    cairn_pfn pfn = {first};

    if (order >= CAIRN__CHUNK_ORDER) {
        *cairn__frames_state(frames, pfn) = CAIRN__STATE_FREE;
        set_kinds(frames, first, order, CAIRN__CHUNK_DENSE, CAIRN__CHUNK_DENSE);
    }
    cairn__eager_give(frames, first, (uint64_t)1 << order);
}

struct cairn__pfn_range cairn__eager_window(const struct cairn_frames *frames,
                                            struct cairn__pfn_range window)
{
    struct cairn__pfn_range all = cairn__eager_span(frames);
    struct cairn__pfn_range inside = {cairn__max(window.start, all.start),
                                      cairn__min(window.end, all.end)};

    if (inside.start > inside.end)
        inside.start = inside.end;
    return inside;
}

/* ---- The checker --------------------------------------------------------- */

/* What is_free says of each frame, and sums over all chunks. */
struct audit {
    const struct cairn_frames *frames;
    bool (*is_free)(const struct cairn_frames *frames, uint64_t pfn);
    uint64_t free; /* frames that the engine has */
    uint64_t held; /* frames in state FREE that it has not */
};

/* Free frames of a chunk, or -1 if the engine and a state disagree. */
static int check_frames(struct audit *audit, uint64_t first,
                        enum cairn__chunk_kind kind)
{
    int count = 0;

    for (uint64_t at = first; at < first + CAIRN__CHUNK_FRAMES; at++) {
        cairn_pfn pfn = {at};
        bool is_free = audit->is_free(audit->frames, at);
        bool is_state_free =
            kind == CAIRN__CHUNK_DENSE &&
            *cairn__frames_state(audit->frames, pfn) == CAIRN__STATE_FREE;

        if (is_free && !is_state_free)
            return -1;
        audit->held += is_state_free && !is_free;
        count += is_free;
    }
    return count;
}

static unsigned check_chunk(struct audit *audit, uint64_t first)
{
    cairn_pfn pfn = {first};
    enum cairn__chunk_kind kind = cairn__frames_kind(audit->frames, pfn);
    struct cairn__chunk chunk = chunk_of(audit->frames, first);
    int count = check_frames(audit, first, kind);
    bool is_empty = (chunk.slot->empty >> chunk.number & 1) != 0;

    if (kind == CAIRN__CHUNK_EMPTY || kind == CAIRN__CHUNK_SPARSE)
        return 5;
    if (count < 0)
        return 4;
    if (is_empty != (count == CAIRN__CHUNK_FRAMES))
        return 3;
    if (kind == CAIRN__CHUNK_ABSENT)
        return 0;
    audit->free += (uint64_t)count;
    return count == chunk.slot->section->free_counts[chunk.number] ? 0 : 2;
}

unsigned cairn__eager_check(const struct cairn_frames *frames,
                            bool (*is_free)(const struct cairn_frames *frames,
                                            uint64_t pfn))
{
    struct audit audit = {frames, is_free, 0, 0};
    uint64_t base = frames->first_section * CAIRN__SECTION_CHUNKS;
    uint64_t chunks = frames->slot_count * CAIRN__SECTION_CHUNKS;

    for (uint64_t i = 0; i < chunks; i++) {
        const struct cairn__slot *slot =
            &frames->slots[i / CAIRN__SECTION_CHUNKS];
        unsigned broken;

        if (slot->section != slot->storage) {
            i |= CAIRN__SECTION_CHUNKS - 1;
            continue;
        }
        broken = check_chunk(&audit, (base + i) << CAIRN__CHUNK_ORDER);
        if (broken != 0)
            return broken;
    }
    if (audit.held != cairn__cache_singles(frames))
        return 6;
    return audit.free == frames->free_frames ? 0 : 1;
}
