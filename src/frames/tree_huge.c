/*
 * frames/tree_huge.c - the tree engine's blocks of order 9 and more.
 *
 * HOW    They come from EMPTY chunks, highest address first, so that single
 *        frames, which come from below, leave them alone.
 *
 * COST   Order 9: a few loads.  Orders 10 to 18: linear in the sections that
 *        have an EMPTY chunk, in the worst case; plus a few stores a chunk.
 *
 * TESTS  tests/frames_*.c, fuzz/frames.c
 */
#include "frames/line.h"
#include "frames/summary.h"
#include "frames/tree.h"

/* The highest EMPTY chunk in the window. */
static bool find_highest_empty(struct cairn_frames *frames,
                               struct cairn__chunk_window window,
                               struct cairn__chunk *out)
{
    const struct cairn__summary *summary =
        &frames->summaries[CAIRN__TREE_EMPTY];
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
            *out = cairn__tree_chunk_at(frames, slot, cairn__bit_highest(word));
            return slot * CAIRN__SECTION_CHUNKS + out->number >= window.start;
        }
        slot = slot == 0 ? CAIRN__SUMMARY_NONE
                         : cairn__summary_previous(summary, slot - 1);
    }
    return false;
}

/* Mark `chunks` consecutive EMPTY chunks from `first` on as one block. */
static void claim_huge(struct cairn_frames *frames, uint64_t first,
                       uint64_t chunks)
{
    for (uint64_t i = first; i < first + chunks; i++) {
        struct cairn__chunk chunk =
            cairn__tree_chunk_at(frames, (size_t)(i / CAIRN__SECTION_CHUNKS),
                                 (unsigned)(i % CAIRN__SECTION_CHUNKS));

        cairn__tree_take_empty(frames, &chunk);
        cairn__tree_set_kind(&chunk, i == first ? CAIRN__CHUNK_HUGE
                                                : CAIRN__CHUNK_INSIDE);
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
                          struct cairn__chunk_window window, uint64_t *out)
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
                          struct cairn__chunk_window window, uint64_t *out)
{
    const struct cairn__summary *summary =
        &frames->summaries[CAIRN__TREE_EMPTY];
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

size_t cairn__tree_take_huge(struct cairn_frames *frames, cairn_order order,
                             struct cairn__chunk_window window,
                             struct cairn__block *out)
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
    out->first.value = (frames->first_section << CAIRN__SECTION_ORDER) +
                       (first << CAIRN__CHUNK_ORDER);
    out->state = cairn__frames_state(frames, out->first);
    return 1;
}

void cairn__tree_give_huge(struct cairn_frames *frames, cairn_order order,
                           cairn_pfn block)
{
    uint64_t chunks = (uint64_t)1 << (order - CAIRN__CHUNK_ORDER);

    *cairn__frames_state(frames, block) = CAIRN__STATE_FREE;
    for (uint64_t i = 0; i < chunks; i++) {
        cairn_pfn pfn = {block.value + (i << CAIRN__CHUNK_ORDER)};
        struct cairn__chunk chunk = cairn__tree_chunk(frames, pfn);

        cairn__assert(cairn__frames_kind(frames, pfn) ==
                      (i == 0 ? CAIRN__CHUNK_HUGE : CAIRN__CHUNK_INSIDE));
        cairn__tree_set_kind(&chunk, CAIRN__CHUNK_EMPTY);
        cairn__tree_section(&chunk)->classes[chunk.number] = CAIRN__TREE_EMPTY;
        cairn__tree_add(frames, &chunk, CAIRN__TREE_EMPTY);
    }
    frames->free_frames += chunks * CAIRN__CHUNK_FRAMES;
}
