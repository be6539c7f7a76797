/*
 * ranges_random.c - random calls on a set of ranges, against an array that says
 * of each place which range has it.
 *
 * A place is a page, or many, so that large alignments matter, too.
 */
#include "ranges_build.h"
#include "space/ranges.h"

#define PLACES 2048u
#define NOBODY 0u

static unsigned owners[PLACES]; /* whose place it is: values from 1 on */
static bool begins[PLACES];     /* a range begins here */
static unsigned next_value;
static uint64_t base;  /* where place 0 is */
static uint64_t place; /* bytes */

static uint64_t at(unsigned index)
{
    return base + index * place;
}

static struct cairn_span span_of(unsigned first, unsigned count)
{
    return cairn_span_make(at(first), count * place);
}

static unsigned value_of(const void *value)
{
    return (unsigned)(uintptr_t)value;
}

static void *as_value(unsigned value)
{
    return (void *)(uintptr_t)value;
}

/* ---- The model ----------------------------------------------------------- */

static bool is_free(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (owners[i] != NOBODY)
            return false;
    }
    return true;
}

static void fill(unsigned first, unsigned count, unsigned value)
{
    for (unsigned i = first; i < first + count; i++) {
        owners[i] = value;
        begins[i] = i == first && value != NOBODY;
    }
}

/* What goes on behind begins there now. */
static void clear(unsigned first, unsigned count)
{
    unsigned end = first + count;

    if (end < PLACES && owners[end] != NOBODY && !begins[end])
        begins[end] = true;
    fill(first, count, NOBODY);
}

static unsigned end_of(unsigned first)
{
    unsigned end = first + 1;

    while (end < PLACES && owners[end] == owners[first] && !begins[end])
        end++;
    return end;
}

/* Lowest place at which a range or, if `value` is NOBODY, a gap begins. */
static unsigned begin_of(unsigned index)
{
    while (owners[index] != NOBODY ? !begins[index]
                                   : index > 0 && owners[index - 1] == NOBODY)
        index--;
    return index;
}

/* ---- Questions ----------------------------------------------------------- */

static void expect_range(const struct cairn_range *range, unsigned index)
{
    unsigned first = begin_of(index);

    CHECK_EQ(range->start.value, at(first));
    CHECK_EQ(range->bytes, (end_of(first) - first) * place);
    CHECK_EQ(value_of(range->value), owners[first]);
}

static void ask(unsigned index)
{
    cairn_va va = {at(index) + test_random_below(4096)};
    struct cairn_range range;
    struct cairn_span gap;
    unsigned next = index;
    unsigned hole = index;

    CHECK_EQ(cairn_ranges_find(&ranges.set, va, &range),
             owners[index] != NOBODY);
    if (owners[index] != NOBODY)
        expect_range(&range, index);
    while (next < PLACES && owners[next] == NOBODY)
        next++;
    CHECK_EQ(cairn_ranges_next(&ranges.set, va, &range), next < PLACES);
    if (next < PLACES)
        expect_range(&range, next);
    while (hole < PLACES && owners[hole] != NOBODY)
        hole++;
    CHECK_EQ(cairn_ranges_next_gap(&ranges.set, va, &gap), hole < PLACES);
    if (hole == PLACES)
        return;
    CHECK_EQ(gap.start.value, at(begin_of(hole)));
    while (hole < PLACES && owners[hole] == NOBODY)
        hole++;
    CHECK_EQ(gap.start.value + gap.bytes, at(hole));
}

static uint64_t draw(void *context)
{
    (void)context;
    return test_random();
}

static void ask_for_room(void)
{
    unsigned first = test_random_below(PLACES);
    unsigned window = 1 + test_random_below(PLACES - first);
    unsigned count = 1 + test_random_below(test_random_once_in(3) ? 200 : 8);
    struct cairn_fit fit = {
        .within = span_of(first, window),
        .bytes = count * place,
        .align = (uint64_t)1 << test_random_below(34),
    };
    uint64_t fits = 0;
    cairn_va lowest = {0};
    cairn_va va;

    for (unsigned i = first; i + count <= first + window; i++) {
        if ((at(i) & (fit.align - 1)) != 0 || !is_free(i, count))
            continue;
        if (fits++ == 0)
            lowest.value = at(i);
    }
    if (fit.align < place) /* there are others between places */
        fits = fits > 0;
    CHECK_EQ(cairn_ranges_first_fit(&ranges.set, &fit, &va),
             fits > 0 ? CAIRN_OK : CAIRN_NO_SPACE);
    CHECK(fits == 0 || va.value == lowest.value);
    if (fit.align >= place)
        CHECK_EQ(cairn_ranges_count_fits(&ranges.set, &fit), fits);
    CHECK_EQ(cairn_ranges_random_fit(&ranges.set, &fit, draw, NULL, &va),
             fits > 0 ? CAIRN_OK : CAIRN_NO_SPACE);
    if (fits == 0)
        return;
    CHECK_EQ(va.value & (fit.align - 1), 0);
    CHECK(va.value - base >= first * place);
    CHECK(va.value - base + fit.bytes <= (first + window) * place);
    first = (unsigned)((va.value - base) / place);
    CHECK(is_free(first, (unsigned)((va.value + fit.bytes - 1 - base) / place) -
                             first + 1));
}

/* ---- Changes ------------------------------------------------------------- */

static void insert(unsigned first, unsigned count)
{
    bool is_ok = is_free(first, count);

    CHECK_EQ(cairn_ranges_insert(&ranges.set, span_of(first, count),
                                 as_value(next_value)),
             is_ok ? CAIRN_OK : CAIRN_IN_USE);
    if (is_ok)
        fill(first, count, next_value++);
}

static void unite(unsigned first, unsigned count)
{
    unsigned end = first + count;

    CHECK_EQ(cairn_ranges_unite(&ranges.set, span_of(first, count),
                                as_value(next_value)),
             CAIRN_OK);
    if (owners[first] != NOBODY)
        first = begin_of(first);
    while (first > 0 && owners[first - 1] != NOBODY)
        first = begin_of(first - 1);
    while (end < PLACES && owners[end] != NOBODY)
        end = end_of(end);
    fill(first, end - first, next_value++);
}

static void cut(unsigned first, unsigned count)
{
    CHECK_EQ(cairn_ranges_cut(&ranges.set, span_of(first, count)), CAIRN_OK);
    clear(first, count);
}

static void take_out(unsigned index)
{
    bool is_ok = begins[index];

    CHECK_EQ(cairn_ranges_remove(&ranges.set, cairn_va_make(at(index))),
             is_ok ? CAIRN_OK : CAIRN_NOT_FOUND);
    if (is_ok)
        fill(index, end_of(index) - index, NOBODY);
}

/* Sometimes there is no memory: then nothing changes. */
static void step(void)
{
    unsigned first = test_random_below(PLACES);
    unsigned most = test_random_once_in(8) ? PLACES - first : 3;
    unsigned count = 1 + test_random_below(most);

    if (count > PLACES - first)
        count = PLACES - first;
    switch (test_random_below(8)) {
    case 0:
        unite(first, count);
        break;
    case 1:
        cut(first, count);
        break;
    case 2:
    case 3:
        take_out(test_random_once_in(2) && owners[first] != NOBODY
                     ? begin_of(first)
                     : first);
        break;
    default:
        insert(first, 1 + count % 3 > PLACES - first ? 1 : 1 + count % 3);
        break;
    }
}

static void start(uint64_t start_base, uint64_t start_place)
{
    base = start_base;
    place = start_place;
    next_value = 1;
    fill(0, PLACES, NOBODY);
    ranges_start(cairn_span_make(base, PLACES * place));
}

static void run(uint64_t run_base, uint64_t run_place)
{
    uint32_t rounds = test_rounds(40000);

    start(run_base, run_place);
    for (uint32_t i = 0; i < rounds; i++) {
        step();
        ask(test_random_below(PLACES));
        if (i % 8 == 0)
            ask_for_room();
        if (i % 64 == 0)
            CHECK_EQ(cairn_ranges_check(&ranges.set), 0);
    }
    cut(0, PLACES);
    CHECK_EQ(ranges.set.count, 0);
    CHECK(ranges.set.root == NULL);
    ranges_end();
}

CAIRN_TEST(F11_random_pages)
{
    run(0, CAIRN_FRAME_SIZE);
}

CAIRN_TEST(F11_random_pages_at_the_end_of_addresses)
{
    run((uint64_t)0 - PLACES * CAIRN_FRAME_SIZE, CAIRN_FRAME_SIZE);
}

CAIRN_TEST(F12_random_places_of_256_KiB)
{
    run(0xffff800000000000, 256 * 1024);
}

CAIRN_TEST(F12_random_places_of_256_MiB)
{
    run(CAIRN_TIB, 256 * CAIRN_MIB);
}

/* ---- Shapes of trees ----------------------------------------------------- */

/* Every second place, in this order: `stride` is odd, so all are met. */
static void fill_and_empty(unsigned stride, unsigned way_back)
{
    unsigned half = PLACES / 2;

    start(0, CAIRN_FRAME_SIZE);
    for (unsigned i = 0; i < half; i++) {
        insert(i * stride % half * 2, 1);
        if (i % 32 == 0)
            CHECK_EQ(cairn_ranges_check(&ranges.set), 0);
    }
    CHECK_EQ(ranges.set.count, half);
    CHECK(ranges.frames_out < half / 40);
    for (unsigned i = 0; i < half; i++) {
        take_out(i * way_back % half * 2);
        ask(i * way_back % PLACES);
        if (i % 32 == 0)
            CHECK_EQ(cairn_ranges_check(&ranges.set), 0);
    }
    CHECK(ranges.set.root == NULL);
    ranges_end();
}

CAIRN_TEST(F11_trees_grow_and_shrink_in_any_order)
{
    fill_and_empty(1, 1);
    fill_and_empty(PLACES / 2 - 1, 1);
    fill_and_empty(387, 615);
    fill_and_empty(101, 101);
}

/* What comes in order fills its nodes. */
CAIRN_TEST(F11_ranges_in_order_take_little_memory)
{
    start(0, CAIRN_FRAME_SIZE);
    for (unsigned i = 0; i < PLACES / 2; i++)
        insert(i * 2, 1);
    CHECK(ranges.frames_out <= PLACES / 2 / CAIRN__RANGE_LEAF / 4 + 3);
    ranges_end();
}

/* Nodes of the tree and free ones are all that its frames have. */
CAIRN_TEST(F11_numbers_of_a_set)
{
    struct cairn_ranges_stats stats;

    start(0, CAIRN_FRAME_SIZE);
    cairn_ranges_stats(&ranges.set, &stats);
    CHECK_EQ(stats.ranges + stats.used_bytes + stats.levels + stats.nodes, 0);
    CHECK_EQ(stats.largest_gap_bytes, stats.free_bytes);
    for (unsigned i = 0; i < PLACES / 2; i++) {
        insert(i * 2, 1);
        cairn_ranges_stats(&ranges.set, &stats);
        CHECK_EQ(stats.ranges, i + 1u);
        CHECK_EQ(stats.used_bytes, (i + 1) * CAIRN_FRAME_SIZE);
        CHECK_EQ(stats.used_bytes + stats.free_bytes,
                 (ranges.set.end - ranges.set.first) * CAIRN_FRAME_SIZE);
        CHECK_EQ(stats.levels, ranges.set.height + 1);
        CHECK_EQ(stats.nodes + stats.free_nodes,
                 ranges.frames_out * (size_t)CAIRN__RANGE_NODES);
    }
    CHECK(stats.levels >= 2);
    ranges_end();
}

/* What is left of many ranges does not keep all their nodes. */
CAIRN_TEST(F11_nodes_with_few_ranges_become_one)
{
    size_t nodes;

    start(0, CAIRN_FRAME_SIZE);
    for (unsigned i = 0; i < PLACES / 2; i++)
        insert(i * 2, 1);
    for (unsigned i = 0; i < PLACES / 2; i++) {
        if (i % 16 != 5)
            take_out(i * 2);
    }
    CHECK_EQ(ranges.set.count, PLACES / 32);
    nodes =
        ranges.frames_out * (size_t)CAIRN__RANGE_NODES - ranges.set.free_count;
    CHECK(nodes <= PLACES / 32 / (CAIRN__RANGE_LEAF / 4) + 3);
    CHECK_EQ(ranges.set.height, 1);
    for (unsigned i = 5; i < PLACES / 2 - 16; i += 16)
        take_out(i * 2);
    CHECK_EQ(ranges.set.height, 0);
    ranges_end();
}

/* A node of every level splits, and there are just as many as are reserved. */
CAIRN_TEST(F11_enough_nodes_are_reserved)
{
    start(0, CAIRN_FRAME_SIZE);
    for (unsigned i = 0; i < PLACES / 2 && ranges.frames_out < 55; i++) {
        while (ranges.set.free_count > ranges.set.height + 1u) {
            ranges.set.free = ranges.set.free->head.next;
            ranges.set.free_count--;
        }
        insert(i * 387 % (PLACES / 2) * 2, 1);
    }
    CHECK(ranges.set.height >= 1);
    ranges_end();
}

/* ---- Places at random ---------------------------------------------------- */

/* Every place is drawn about as often as any other. */
static void draw_places(unsigned expected)
{
    static uint32_t hits[PLACES];
    uint32_t each = test_rounds(400);
    struct cairn_fit fit = {.bytes = 2 * CAIRN_FRAME_SIZE};
    uint64_t places = cairn_ranges_count_fits(&ranges.set, &fit);
    cairn_va va;

    CHECK_EQ(places, expected);
    for (unsigned i = 0; i < PLACES; i++)
        hits[i] = 0;
    for (uint32_t i = 0; i < each * places; i++) {
        CHECK_EQ(cairn_ranges_random_fit(&ranges.set, &fit, draw, NULL, &va),
                 CAIRN_OK);
        hits[(va.value - base) / place]++;
    }
    for (unsigned i = 0; i < PLACES; i++) {
        bool is_place = i + 1 < PLACES && is_free(i, 2);

        /* Six standard deviations. */
        CHECK(is_place || hits[i] == 0);
        CHECK(!is_place || each < 100 ||
              (hits[i] > each - each * 3 / 10 && hits[i] < each * 13 / 10));
    }
}

/* Nearly nothing is free: places are counted. */
CAIRN_TEST(F12_places_in_a_full_set_are_equally_likely)
{
    start(0xffff800000000000, CAIRN_FRAME_SIZE);
    insert(0, PLACES);
    cut(100, 5);
    cut(1000, 3);
    cut(PLACES - 4, 4);
    draw_places(4 + 2 + 3);
    ranges_end();
}

CAIRN_TEST(F12_places_in_an_empty_set_are_equally_likely)
{
    start(0xffff800000000000, CAIRN_FRAME_SIZE);
    cut(0, 1);
    insert(40, PLACES - 120);
    draw_places(39 + 79);
    ranges_end();
}

/* ---- Memory runs out ----------------------------------------------------- */

CAIRN_TEST(F11_without_memory_nothing_changes)
{
    uint32_t rounds = test_rounds(2000);

    start(0, CAIRN_FRAME_SIZE);
    ranges.left_to_fail = 0;
    CHECK_EQ(cairn_ranges_insert(&ranges.set, span_of(3, 1), NULL),
             CAIRN_NO_MEMORY);
    CHECK_EQ(cairn_ranges_unite(&ranges.set, span_of(3, 1), NULL),
             CAIRN_NO_MEMORY);
    ranges.left_to_fail = 1;
    insert(0, PLACES);
    for (uint32_t i = 0; i < rounds; i++) {
        unsigned first = 1 + test_random_below(PLACES - 2);
        bool is_inside = owners[first] != NOBODY && !begins[first] &&
                         end_of(first) > first + 1;
        enum cairn_status status =
            cairn_ranges_cut(&ranges.set, span_of(first, 1));

        CHECK(status == CAIRN_OK || (status == CAIRN_NO_MEMORY && is_inside));
        if (status == CAIRN_OK)
            clear(first, 1);
        else
            ranges.left_to_fail = test_random_below(3);
        ask(first);
        CHECK_EQ(cairn_ranges_check(&ranges.set), 0);
    }
    ranges_end();
}

/* ---- The checker --------------------------------------------------------- */

#define EXPECT_BROKEN_BY(what, value, number)                                  \
    do {                                                                       \
        __typeof__(what) former = (what);                                      \
        (what) = (value);                                                      \
        CHECK_EQ(cairn_ranges_check(&ranges.set), (number));                   \
        (what) = former;                                                       \
        CHECK_EQ(cairn_ranges_check(&ranges.set), 0);                          \
    } while (0)

CAIRN_TEST(ranges_check_sees_what_is_broken)
{
    union cairn__range_node *root;
    union cairn__range_node *leaf;

    start(0, CAIRN_FRAME_SIZE);
    for (unsigned i = 0; i < 100; i++)
        insert(i * 3, 1);
    root = ranges.set.root;
    leaf = root->inner.children[1].node;
    CHECK_EQ(ranges.set.height, 1);
    EXPECT_BROKEN_BY(leaf->leaf.ends[2], leaf->leaf.starts[2], 1);
    EXPECT_BROKEN_BY(leaf->leaf.ends[2], leaf->leaf.starts[3] + 1, 1);
    EXPECT_BROKEN_BY(root->inner.firsts[1], root->inner.firsts[1] - 1, 2);
    EXPECT_BROKEN_BY(root->inner.children[0].end, 1, 2);
    EXPECT_BROKEN_BY(root->inner.children[0].room[0], 3, 2);
    EXPECT_BROKEN_BY(ranges.set.sum.room[2], 3, 2);
    EXPECT_BROKEN_BY(leaf->head.count, 0, 3);
    EXPECT_BROKEN_BY(leaf->head.count, leaf->head.count - 1, 3);
    EXPECT_BROKEN_BY(ranges.set.height, CAIRN__RANGE_HEIGHT, 4);
    EXPECT_BROKEN_BY(ranges.set.count, 99, 5);
    EXPECT_BROKEN_BY(ranges.set.pages, 99, 5);
    ranges_end();
}
