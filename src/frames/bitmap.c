/*
 * frames/bitmap.c - frame engine: one bit a frame, lowest fit.
 *
 * WHAT   What TheseusOS, SlayerOS and the hardened kernel describe: a bit for
 *        each frame from the lowest usable to the highest, 1 = used, 0 = free.
 *        The lowest frame, block or run that fits is handed out.
 *
 * HOW    The bitmap covers what the directory covers, so that its words are
 *        aligned as their frames are, and alignment is always that of the
 *        physical address.  Everything is used until it is added: what lies
 *        below the lowest usable frame (`base`), holes between ranges, and the
 *        bits behind the highest one (`end`).
 *
 *        A search from the first word on would cost more the more memory is
 *        used.  So there is a summary (summary.h) for each order: fits[k] has
 *        the places where an aligned free block of 2^k frames is.  For orders
 *        up to 6 a place is a word, above that it is the block itself.  The
 *        lowest block of any order is found in a few loads.
 *
 *        A run of n frames contains an aligned block of at least a quarter of
 *        its length.  So only free runs with such a block are looked at.
 *
 *        With resumes_at_freed, as SlayerOS has it, a search for one frame
 *        begins where the last one ended, or at the frame freed since, and
 *        goes round once; blocks and runs are still the lowest.
 *
 * INVARIANTS (check() tests each by this number)
 *   E1 .. E5 of eager.h, as 1 to 5.
 *   B6   As many bits are 0 as frames are free; so all others, those of holes
 *        and of the last word behind the end, are 1.
 *   B7   fits[k] has exactly the places with an aligned free block of 2^k.
 *
 * LOCKS  All under the engine lock.
 *
 * COST   Frames and blocks: a few loads to find one, and for each word that
 *        changes a few more.  Runs: linear in the free runs that are too short
 *        but have a block of a quarter of the length; never in memory.
 *
 * FAILS  Nothing fits: 0 or false, nothing changed.
 *
 * SOURCE The documents of the three systems; for the summaries of each order,
 *        the binary buddy system: D. E. Knuth, TAOCP vol. 1, 2.5.
 *
 * TESTS  tests/frames_engines.c, tests/frames_random.c, fuzz/frames.c
 *
 * NOT    Holes have bits too: one of 1 TiB costs 32 MiB, and the summaries
 *        15 % more.
 */
#include "frames/bitmap.h"

#include "base/memory.h"
#include "frames/eager.h"
#include "frames/line.h"
#include "frames/summary.h"

#define WORD_ORDER 6
#define WORD_BITS  64
#define ORDERS     (CAIRN_ORDER_MAX + 1)

/* ---- Bits ---------------------------------------------------------------- */

/* Set or clear the bits of [first, first + count), which are the opposite. */
static void write_bits(struct cairn__bitmap *bitmap, uint64_t first,
                       uint64_t count, bool is_used)
{
    uint64_t at = first - bitmap->origin;

    cairn__assert((at + count) / WORD_BITS <= bitmap->word_count);
    while (count > 0) {
        unsigned bit = (unsigned)(at % WORD_BITS);
        unsigned part = (unsigned)cairn__min(WORD_BITS - bit, count);
        uint64_t mask = cairn__bit_mask(bit, part);
        uint64_t *word = &bitmap->words[at / WORD_BITS];

        cairn__assert((*word & mask) == (is_used ? 0 : mask));
        *word ^= mask;
        at += part;
        count -= part;
    }
}

/* The first frame of [at, end) that is used; `end` if none is. */
static uint64_t next_used(const struct cairn__bitmap *bitmap, uint64_t at,
                          uint64_t end)
{
    while (at < end) {
        unsigned bit = (unsigned)(at % WORD_BITS);
        uint64_t number = (at - bitmap->origin) / WORD_BITS;
        uint64_t used = bitmap->words[number] >> bit;

        if (used != 0)
            return cairn__min(at + cairn__bit_lowest(used), end);
        at += WORD_BITS - bit;
    }
    return end;
}

/* Where the free run begins that goes up to `at`; at least `floor`. */
static uint64_t run_begin(const struct cairn__bitmap *bitmap, uint64_t at,
                          uint64_t floor)
{
    while (at > floor) {
        unsigned bit = (unsigned)((at - 1) % WORD_BITS);
        uint64_t number = (at - 1 - bitmap->origin) / WORD_BITS;
        uint64_t used = bitmap->words[number] << (WORD_BITS - 1 - bit);

        if (used != 0)
            return cairn__max(at - (63 - cairn__bit_highest(used)), floor);
        at -= bit + 1;
    }
    return floor;
}

/* ---- Summaries ----------------------------------------------------------- */

static unsigned place_shift(cairn_order order)
{
    return order > WORD_ORDER ? order : WORD_ORDER;
}

/* The number in fits[order] of the place that has `frame`. */
static uint64_t place_of(const struct cairn__bitmap *bitmap, cairn_order order,
                         uint64_t frame)
{
    unsigned shift = place_shift(order);

    return (frame >> shift) - (bitmap->origin >> shift);
}

/* The first frame of a place; of the first place, it may lie below origin. */
static uint64_t place_frame(const struct cairn__bitmap *bitmap,
                            cairn_order order, uint64_t place)
{
    unsigned shift = place_shift(order);

    return ((bitmap->origin >> shift) + place) << shift;
}

static uint64_t place_count(const struct cairn__bitmap *bitmap,
                            cairn_order order)
{
    uint64_t frames = bitmap->word_count * WORD_BITS;

    return place_of(bitmap, order, bitmap->origin + frames - 1) + 1;
}

static bool has(const struct cairn__summary *summary, uint64_t number)
{
    return number / 64 < summary->words[0] &&
           (summary->levels[0][number / 64] >> number % 64 & 1) != 0;
}

static void put(struct cairn__summary *summary, uint64_t number, bool is_in)
{
    if (is_in)
        cairn__summary_add(summary, (size_t)number);
    else
        cairn__summary_remove(summary, (size_t)number);
}

/* Order of the largest aligned free block in a word; -1 if none is free. */
static int largest_in_word(const struct cairn__bitmap *bitmap, uint64_t number)
{
    uint64_t free = ~bitmap->words[number];
    int order = -1;

    while (order < WORD_ORDER &&
           cairn__line_starts(free, (unsigned)(order + 1)) != 0)
        order++;
    return order;
}

/* Is a block of more than a word free?  It is if both of its halves are. */
static bool are_halves_free(const struct cairn__bitmap *bitmap,
                            cairn_order order, uint64_t place)
{
    const struct cairn__summary *halves = &bitmap->fits[order - 1];
    uint64_t first = place_frame(bitmap, order, place);
    uint64_t middle = first + ((uint64_t)1 << (order - 1));

    return first >= bitmap->origin &&
           has(halves, place_of(bitmap, order - 1, first)) &&
           has(halves, place_of(bitmap, order - 1, middle));
}

/* The word that begins at `frame` has become entirely free, or is no more. */
static void refresh_blocks(struct cairn__bitmap *bitmap, uint64_t frame)
{
    for (cairn_order order = WORD_ORDER + 1; order < ORDERS; order++) {
        uint64_t place = place_of(bitmap, order, frame);
        bool is_free = are_halves_free(bitmap, order, place);

        if (is_free == has(&bitmap->fits[order], place))
            return;
        put(&bitmap->fits[order], place, is_free);
    }
}

/* A word has changed. */
static void refresh_word(struct cairn__bitmap *bitmap, uint64_t number)
{
    int largest = largest_in_word(bitmap, number);
    bool was_full = has(&bitmap->fits[WORD_ORDER], number);

    for (int order = 0; order <= WORD_ORDER; order++)
        put(&bitmap->fits[order], number, order <= largest);
    if (was_full != (largest == WORD_ORDER))
        refresh_blocks(bitmap, place_frame(bitmap, 0, number));
}

/* Mark [first, first + count), which is the other way round now. */
static void mark(struct cairn__bitmap *bitmap, uint64_t first, uint64_t count,
                 bool is_used)
{
    uint64_t last = place_of(bitmap, 0, first + count - 1);

    cairn__assert(count > 0 && first >= bitmap->base);
    write_bits(bitmap, first, count, is_used);
    for (uint64_t i = place_of(bitmap, 0, first); i <= last; i++)
        refresh_word(bitmap, i);
}

/* ---- Search -------------------------------------------------------------- */

/*
 * The lowest free block of 2^order frames, at most a word, in word `number`
 * and not below `from`; false: there is none.
 */
static bool find_in_word(const struct cairn__bitmap *bitmap, cairn_order order,
                         uint64_t number, uint64_t from, uint64_t *out)
{
    uint64_t first = place_frame(bitmap, order, number);
    uint64_t starts = cairn__line_starts(~bitmap->words[number], order);

    cairn__assert(from < first + WORD_BITS);
    if (from > first)
        starts &= UINT64_MAX << (from - first);
    if (starts == 0)
        return false;
    *out = first + cairn__bit_lowest(starts);
    return true;
}

/* The lowest aligned free block of 2^order frames inside the window. */
static bool find_block(const struct cairn__bitmap *bitmap, cairn_order order,
                       struct cairn__pfn_range window, uint64_t *out)
{
    const struct cairn__summary *summary = &bitmap->fits[order];
    uint64_t count = (uint64_t)1 << order;
    uint64_t at = cairn__align_up(window.start, count);

    while (at < window.end && window.end - at >= count) {
        size_t place =
            cairn__summary_next(summary, (size_t)place_of(bitmap, order, at));

        if (place == CAIRN__SUMMARY_NONE)
            return false;
        *out = place_frame(bitmap, order, place);
        if (order > WORD_ORDER || find_in_word(bitmap, order, place, at, out))
            return *out < window.end && window.end - *out >= count;
        at = place_frame(bitmap, order, place + 1);
    }
    return false;
}

/* The largest order of which any run of `count` frames has an aligned block. */
static cairn_order order_within(uint64_t count)
{
    cairn_order order = cairn__bit_highest(count + 1) - 1;

    return order < CAIRN_ORDER_MAX ? order : CAIRN_ORDER_MAX;
}

static bool find_run(const struct cairn__bitmap *bitmap, uint64_t count,
                     uint64_t align, struct cairn__pfn_range window,
                     uint64_t *out)
{
    uint64_t inside;

    while (find_block(bitmap, order_within(count), window, &inside)) {
        uint64_t begin = run_begin(bitmap, inside, window.start);
        uint64_t first = cairn__align_up(begin, align);
        uint64_t end;

        if (first >= window.end || window.end - first < count)
            return false;
        end = next_used(bitmap, inside, cairn__max(first + count, inside + 1));
        if (end >= first + count) {
            *out = first;
            return true;
        }
        window.start = end;
    }
    return false;
}

/* What of `window` has memory. */
static struct cairn__pfn_range clip(const struct cairn__bitmap *bitmap,
                                    struct cairn__pfn_range window)
{
    window.start = cairn__max(window.start, bitmap->base);
    window.end = cairn__min(window.end, bitmap->end);
    return window;
}

/* One frame, from the cursor on and round. */
static bool find_from_cursor(struct cairn__bitmap *bitmap,
                             struct cairn__pfn_range window, uint64_t *out)
{
    struct cairn__pfn_range rest = window;

    rest.start = cairn__max(rest.start, bitmap->cursor);
    if (!find_block(bitmap, 0, rest, out) &&
        !find_block(bitmap, 0, window, out))
        return false;
    bitmap->cursor = *out + 1;
    return true;
}

/* ---- The interface ------------------------------------------------------- */

static size_t bitmap_take(struct cairn_frames *frames, struct cairn__need need,
                          struct cairn__pfn_range window,
                          struct cairn__block *out, size_t max)
{
    struct cairn__bitmap *bitmap = cairn__bitmap_of(frames);
    cairn_order order = need.order;
    bool has_cursor = order == 0 && frames->config.resumes_at_freed;
    size_t taken = 0;

    window = clip(bitmap, window);
    for (; taken < max; taken++) {
        uint64_t first;

        if (has_cursor ? !find_from_cursor(bitmap, window, &first)
                       : !find_block(bitmap, order, window, &first))
            break;
        mark(bitmap, first, (uint64_t)1 << order, true);
        cairn__eager_take_block(frames, first, order);
        out[max - 1 - taken] =
            cairn__frames_block(frames, cairn_pfn_make(first));
    }
    return taken;
}

static void bitmap_give(struct cairn_frames *frames, cairn_order order,
                        const cairn_pfn *blocks, size_t count)
{
    struct cairn__bitmap *bitmap = cairn__bitmap_of(frames);

    for (size_t i = 0; i < count; i++) {
        mark(bitmap, blocks[i].value, (uint64_t)1 << order, false);
        cairn__eager_give_block(frames, blocks[i].value, order);
        bitmap->cursor = blocks[i].value;
    }
}

static bool bitmap_take_run(struct cairn_frames *frames, uint64_t count,
                            uint64_t align, struct cairn__pfn_range window,
                            cairn_pfn *out)
{
    struct cairn__bitmap *bitmap = cairn__bitmap_of(frames);
    uint64_t first;

    cairn__assert(cairn__is_power(align));
    if (count == 0 || count > frames->free_frames ||
        !find_run(bitmap, count, align, clip(bitmap, window), &first))
        return false;
    mark(bitmap, first, count, true);
    cairn__eager_take(frames, first, count);
    out->value = first;
    return true;
}

static void bitmap_give_run(struct cairn_frames *frames, cairn_pfn first,
                            uint64_t count)
{
    struct cairn__bitmap *bitmap = cairn__bitmap_of(frames);

    mark(bitmap, first.value, count, false);
    cairn__eager_give(frames, first.value, count);
    bitmap->cursor = first.value;
}

/* ---- Start and new memory ------------------------------------------------ */

static struct cairn__bitmap make_empty(const struct cairn_frames *frames)
{
    struct cairn__pfn_range span = cairn__eager_span(frames);
    struct cairn__bitmap bitmap = {
        .base = span.end,
        .end = span.start,
        .origin = span.start,
        .word_count = (span.end - span.start) / WORD_BITS,
    };

    return bitmap;
}

static uint64_t bitmap_storage_bytes(const struct cairn_frames *frames)
{
    struct cairn__bitmap bitmap = make_empty(frames);
    uint64_t words = bitmap.word_count;

    for (cairn_order order = 0; order < ORDERS; order++)
        words += cairn__summary_words((size_t)place_count(&bitmap, order));
    return sizeof(bitmap) + words * sizeof(uint64_t);
}

static void bitmap_start(struct cairn_frames *frames, void *storage)
{
    struct cairn__bitmap *bitmap = storage;
    uint64_t *words = (uint64_t *)(bitmap + 1);

    cairn__assert(((uintptr_t)storage & 7) == 0);
    *bitmap = make_empty(frames);
    bitmap->words = words;
    memset(words, 0xff, (size_t)bitmap->word_count * sizeof(*words));
    words += bitmap->word_count;
    for (cairn_order order = 0; order < ORDERS; order++) {
        size_t places = (size_t)place_count(bitmap, order);

        cairn__summary_init(&bitmap->fits[order], words, places);
        words += cairn__summary_words(places);
    }
    frames->engine_data = bitmap;
}

static void bitmap_add(struct cairn_frames *frames, cairn_pfn first,
                       uint64_t count)
{
    struct cairn__bitmap *bitmap = cairn__bitmap_of(frames);

    bitmap->base = cairn__min(bitmap->base, first.value);
    bitmap->end = cairn__max(bitmap->end, first.value + count);
    cairn__eager_add(frames, first.value, count);
    mark(bitmap, first.value, count, false);
}

/* ---- The checker --------------------------------------------------------- */

static bool is_free(const struct cairn_frames *frames, uint64_t pfn)
{
    const struct cairn__bitmap *bitmap = cairn__bitmap_of(frames);
    uint64_t bit = pfn - bitmap->origin;

    return (bitmap->words[bit / WORD_BITS] >> bit % WORD_BITS & 1) == 0;
}

static uint64_t count_free(const struct cairn__bitmap *bitmap)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < bitmap->word_count; i++)
        count += cairn__bit_count(~bitmap->words[i]);
    return count;
}

static bool is_word_right(const struct cairn__bitmap *bitmap, uint64_t number)
{
    int largest = largest_in_word(bitmap, number);

    for (int order = 0; order <= WORD_ORDER; order++) {
        if (has(&bitmap->fits[order], number) != (order <= largest))
            return false;
    }
    return true;
}

static bool are_blocks_right(const struct cairn__bitmap *bitmap,
                             cairn_order order)
{
    uint64_t count = place_count(bitmap, order);

    for (uint64_t place = 0; place < count; place++) {
        if (has(&bitmap->fits[order], place) !=
            are_halves_free(bitmap, order, place))
            return false;
    }
    return true;
}

static unsigned bitmap_check(const struct cairn_frames *frames)
{
    const struct cairn__bitmap *bitmap = cairn__bitmap_of(frames);
    unsigned broken = cairn__eager_check(frames, is_free);

    if (broken != 0)
        return broken;
    if (count_free(bitmap) != frames->free_frames)
        return 6;
    for (uint64_t i = 0; i < bitmap->word_count; i++) {
        if (!is_word_right(bitmap, i))
            return 7;
    }
    for (cairn_order order = WORD_ORDER + 1; order < ORDERS; order++) {
        if (!are_blocks_right(bitmap, order))
            return 7;
    }
    return 0;
}

const struct cairn__engine cairn__engine_bitmap = {
    .name = "bitmap",
    .storage_bytes = bitmap_storage_bytes,
    .start = bitmap_start,
    .take = bitmap_take,
    .give = bitmap_give,
    .take_run = bitmap_take_run,
    .give_run = bitmap_give_run,
    .add = bitmap_add,
    .check = bitmap_check,
};
