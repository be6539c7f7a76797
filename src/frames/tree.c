/*
 * frames/tree.c - frame engine: chunks of 2 MiB in an index by fullness.
 *
 * WHAT   Finds free frames in a few loads, however much memory there is, and
 *        keeps as many chunks of 2 MiB whole as can be kept without moving
 *        anything.  tree.h tells how; this file has single frames and small
 *        blocks.
 *
 * HOW    Single frames come from the fullest class, lowest address first, so
 *        that sparse chunks are left alone and have time to become empty.
 *        Blocks come from the smallest class that has them, and so do lasting
 *        single frames, the kernel's own: one of them would keep an S chunk
 *        from becoming EMPTY when the processes in it have gone.
 *
 *        Requests without a limit look above 4 GiB if there is memory, then
 *        above the first 16 MiB, before they take what limited requests may
 *        need.
 *
 * COST   take and give of single frames: a few ns each, as part of a batch.
 *        A block of orders 1 to 8, once no chunk is left for blocks and none
 *        is EMPTY: linear in the chunks of single frames.
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
#include "frames/line.h"

/* Limited requests are served first from here: 16 MiB and 4 GiB. */
#define CHUNKS_16MIB 8u
#define CHUNKS_4GIB  2048u

/* ---- Single frames ------------------------------------------------------- */

/* A chunk for single frames with some: fullest first, then a new one. */
static bool find_single(struct cairn_frames *frames,
                        struct cairn__chunk_window window,
                        struct cairn__chunk *out)
{
    for (unsigned c = 0; c < CAIRN__TREE_S_COUNT; c++) {
        if (cairn__tree_lowest(frames, c, window, out))
            return true;
    }
    if (!cairn__tree_lowest(frames, CAIRN__TREE_EMPTY, window, out))
        return false;
    cairn__tree_take_empty(frames, out);
    cairn__tree_split(out, false);
    return true;
}

/* A chunk with free single frames: if need be, one for blocks. */
static bool find_for_single(struct cairn_frames *frames,
                            struct cairn__chunk_window window,
                            struct cairn__chunk *out)
{
    if (find_single(frames, window, out))
        return true;
    for (unsigned c = CAIRN__TREE_M; c < CAIRN__TREE_EMPTY; c++) {
        if (cairn__tree_lowest(frames, c, window, out))
            return true;
    }
    return false;
}

/*
 * Take up to `max` frames out of a word, of which `first` is the lowest; they
 * end up below `end`.
 */
static uint64_t strip_word(uint64_t word, struct cairn__block first,
                           struct cairn__block **end, size_t max)
{
    struct cairn__block *out = *end;

    /* The states of a word share a cache line, soon to be written. */
    __builtin_prefetch(first.state, 1);
    if (word == UINT64_MAX && max >= 64) {
        for (unsigned i = 0; i < 64; i++)
            *--out = cairn__block_after(first, i);
        word = 0;
    }
    for (; word != 0 && max > 0; max--, word &= word - 1)
        *--out = cairn__block_after(first, cairn__bit_lowest(word));
    *end = out;
    return word;
}

/* Take up to `max` single frames out of one chunk, lowest first. */
static size_t strip(struct cairn_frames *frames,
                    const struct cairn__chunk *chunk, struct cairn__block *end,
                    size_t max)
{
    uint64_t *line = cairn__tree_line(chunk);
    struct cairn__block first = cairn__tree_block(frames, chunk, 0);
    struct cairn__block *out = end;
    size_t taken = 0;

    for (unsigned i = 0; i < CAIRN__LINE_WORDS && taken < max; i++) {
        if (line[i] == 0)
            continue;
        line[i] = strip_word(line[i], cairn__block_after(first, i * 64), &out,
                             max - taken);
        taken = (size_t)(end - out);
    }
    cairn__tree_section(chunk)->free_counts[chunk->number] -= (uint16_t)taken;
    frames->free_frames -= taken;
    cairn__tree_reclassify(frames, chunk);
    return taken;
}

static size_t take_single(struct cairn_frames *frames,
                          struct cairn__chunk_window window,
                          struct cairn__block *out, size_t max)
{
    struct cairn__chunk chunk;
    size_t taken = 0;

    while (taken < max && find_for_single(frames, window, &chunk))
        taken += strip(frames, &chunk, out + max - taken, max - taken);
    return taken;
}

/* Take all of a chunk for single frames, be there many or few. */
static bool claim_in(struct cairn_frames *frames,
                     struct cairn__chunk_window window,
                     struct cairn__claim *out)
{
    struct cairn__section *section;
    struct cairn__chunk chunk;

    if (window.start >= window.end || !find_single(frames, window, &chunk))
        return false;
    section = cairn__tree_section(&chunk);
    out->first = cairn__tree_block(frames, &chunk, 0);
    memcpy(out->words, cairn__tree_line(&chunk), sizeof(out->words));
    memset(cairn__tree_line(&chunk), 0, sizeof(out->words));
    frames->free_frames -= section->free_counts[chunk.number];
    section->free_counts[chunk.number] = 0;
    cairn__tree_reclassify(frames, &chunk);
    cairn__tree_set_kind(&chunk, CAIRN__CHUNK_DENSE); /* if it was EMPTY too */
    return true;
}

/* ---- Small blocks -------------------------------------------------------- */

/* The last resort: a run in a chunk of single frames. */
static bool find_in_singles(struct cairn_frames *frames, cairn_order order,
                            struct cairn__chunk_window window,
                            struct cairn__chunk *out)
{
    for (unsigned c = CAIRN__TREE_S_COUNT; c-- > 0;) {
        struct cairn__chunk_window rest = window;

        while (cairn__tree_lowest(frames, c, rest, out)) {
            if (cairn__line_find(cairn__tree_line(out), order) !=
                CAIRN__LINE_NONE)
                return true;
            rest.start =
                out->slot_number * CAIRN__SECTION_CHUNKS + out->number + 1;
        }
    }
    return false;
}

static bool find_for_block(struct cairn_frames *frames, cairn_order order,
                           struct cairn__chunk_window window,
                           struct cairn__chunk *out)
{
    for (unsigned c = CAIRN__TREE_M + order; c < CAIRN__TREE_EMPTY; c++) {
        if (cairn__tree_lowest(frames, c, window, out))
            return true;
    }
    if (cairn__tree_lowest(frames, CAIRN__TREE_EMPTY, window, out)) {
        cairn__tree_take_empty(frames, out);
        cairn__tree_split(out, true);
        return true;
    }
    return find_in_singles(frames, order, window, out);
}

static size_t take_blocks(struct cairn_frames *frames, cairn_order order,
                          struct cairn__chunk_window window,
                          struct cairn__block *out, size_t max)
{
    struct cairn__chunk chunk;
    unsigned count = 1u << order;
    size_t taken = 0;

    if (!find_for_block(frames, order, window, &chunk))
        return 0;
    while (taken < max) {
        unsigned at = cairn__line_find(cairn__tree_line(&chunk), order);

        if (at == CAIRN__LINE_NONE)
            break;
        cairn__line_clear(cairn__tree_line(&chunk), at, count);
        out[max - ++taken] = cairn__tree_block(frames, &chunk, at);
    }
    cairn__tree_section(&chunk)->free_counts[chunk.number] -=
        (uint16_t)(taken * count);
    frames->free_frames -= taken * count;
    cairn__tree_reclassify(frames, &chunk);
    return taken;
}

/* ---- The interface: blocks ----------------------------------------------- */

static size_t take_in(struct cairn_frames *frames, struct cairn__need need,
                      struct cairn__chunk_window window,
                      struct cairn__block *out, size_t max)
{
    if (window.start >= window.end || max == 0)
        return 0;
    if (need.order == 0 && !need.is_lasting)
        return take_single(frames, window, out, max);
    if (need.order < CAIRN__CHUNK_ORDER)
        return take_blocks(frames, need.order, window, out, max);
    return cairn__tree_take_huge(frames, need.order, window, out);
}

/* What of a window lies above that chunk of the machine. */
static struct cairn__chunk_window above(const struct cairn_frames *frames,
                                        struct cairn__chunk_window window,
                                        uint64_t chunk)
{
    uint64_t first = frames->first_section * CAIRN__SECTION_CHUNKS;

    if (chunk > first)
        window.start = cairn__max(window.start, chunk - first);
    return window;
}

static size_t tree_take(struct cairn_frames *frames, struct cairn__need need,
                        struct cairn__pfn_range window,
                        struct cairn__block *out, size_t max)
{
    static const uint64_t kept[] = {CHUNKS_4GIB, CHUNKS_16MIB, 0};
    struct cairn__chunk_window chunks = cairn__tree_chunks_of(frames, window);
    size_t taken = 0;

    for (size_t i = 0; i < 3 && taken == 0; i++)
        taken = take_in(frames, need, above(frames, chunks, kept[i]), out, max);
    return taken;
}

static bool tree_claim(struct cairn_frames *frames, struct cairn__claim *out)
{
    struct cairn__chunk_window all = {0, frames->slot_count *
                                             CAIRN__SECTION_CHUNKS};

    return claim_in(frames, above(frames, all, CHUNKS_4GIB), out) ||
           claim_in(frames, above(frames, all, CHUNKS_16MIB), out);
}

static CAIRN_NOINLINE void reclassify_of(struct cairn_frames *frames,
                                         cairn_pfn pfn)
{
    struct cairn__chunk chunk = cairn__tree_chunk(frames, pfn);

    cairn__tree_reclassify(frames, &chunk);
}

/* Frames of S chunks change class at few counts only; look no more often. */
static CAIRN_NOINLINE void give_singles(struct cairn_frames *frames,
                                        const cairn_pfn *blocks, size_t count)
{
    const struct cairn__slot *slots = frames->slots;
    uint64_t first_section = frames->first_section;
    const cairn_pfn *end = blocks + count;

    frames->free_frames += count;
    for (; blocks < end; blocks++) {
        uint64_t pfn = blocks->value;
        struct cairn__section *section =
            slots[(pfn >> CAIRN__SECTION_ORDER) - first_section].section;
        unsigned number = cairn__frames_chunk_number(*blocks);
        uint64_t *word =
            cairn__section_words(section) + pfn % CAIRN__SECTION_FRAMES / 64;

        cairn__assert((*word >> pfn % 64 & 1) == 0);
        *word |= CAIRN__BIT(pfn % 64);
        section->free_counts[number]++;
        if (--section->room[number] == 0)
            reclassify_of(frames, *blocks);
    }
}

static void give_block(struct cairn_frames *frames, cairn_order order,
                       cairn_pfn block)
{
    struct cairn__chunk chunk = cairn__tree_chunk(frames, block);
    unsigned at = (unsigned)(block.value % CAIRN__CHUNK_FRAMES);

    cairn__line_set(cairn__tree_line(&chunk), at, 1u << order);
    cairn__tree_section(&chunk)->free_counts[chunk.number] +=
        (uint16_t)(1u << order);
    frames->free_frames += (uint64_t)1 << order;
    cairn__tree_reclassify(frames, &chunk);
}

static void tree_give(struct cairn_frames *frames, cairn_order order,
                      const cairn_pfn *blocks, size_t count)
{
    if (order == 0) {
        give_singles(frames, blocks, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (order >= CAIRN__CHUNK_ORDER)
            cairn__tree_give_huge(frames, order, blocks[i]);
        else
            give_block(frames, order, blocks[i]);
    }
}

const struct cairn__engine cairn__engine_tree = {
    .name = "tree",
    .take = tree_take,
    .claim = tree_claim,
    .give = tree_give,
    .take_run = cairn__tree_take_run,
    .give_run = cairn__tree_give_run,
    .add = cairn__tree_add_memory,
    .check = cairn__tree_check,
};
