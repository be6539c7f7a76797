/*
 * areas_random.c - random calls on a set of areas, against an array that says
 * of each page whose it is.
 */
#include "areas_build.h"

#define PAGE     ((uint64_t)CAIRN_FRAME_SIZE)
#define PAGES    300u
#define AREAS    40u
#define NOBODY   0u
#define RESERVED 1000u

struct known {
    struct cairn_area *area; /* NULL: none */
    unsigned first;          /* of its body */
    unsigned count;
    unsigned below; /* guard pages */
    unsigned above;
    bool is_lazy;
};

static unsigned owners[PAGES]; /* number of the area + 1 */
static bool is_mapped[PAGES];
static struct known known[AREAS];

static cairn_va at(unsigned page)
{
    return cairn_va_make(AREAS_BASE + page * PAGE);
}

static bool is_free(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (i >= PAGES || owners[i] != NOBODY)
            return false;
    }
    return true;
}

static void fill(unsigned first, unsigned count, unsigned owner)
{
    for (unsigned i = first; i < first + count; i++)
        owners[i] = owner;
}

/* ---- Allocate ------------------------------------------------------------ */

struct wish {
    unsigned first; /* the window */
    unsigned end;
    unsigned count;
    unsigned align; /* pages */
    unsigned below;
    unsigned above;
};

/* Could FIRST or RANDOM choose this page as the first of the body? */
static bool is_place(const struct wish *wish, unsigned page)
{
    unsigned lead = wish->below != 0 ? wish->align : 0;
    unsigned end = page + wish->count + wish->above;

    return page % wish->align == 0 && page >= wish->first + lead &&
           end <= wish->end && is_free(page - lead, end - (page - lead));
}

static unsigned count_places(const struct wish *wish, unsigned *lowest)
{
    unsigned count = 0;

    for (unsigned i = PAGES; i-- > 0;) {
        if (is_place(wish, i)) {
            count++;
            *lowest = i;
        }
    }
    return count;
}

/* Could FIXED be there? */
static bool is_good(const struct wish *wish, unsigned page)
{
    return page % wish->align == 0 && page >= wish->below &&
           is_free(page - wish->below, wish->below + wish->count + wish->above);
}

static uint64_t draw(void *context)
{
    (void)context;
    return test_random();
}

static struct wish make_wish(enum cairn_area_place place)
{
    struct wish wish = {
        .first = test_random_below(PAGES),
        .end = PAGES,
        .count = 1 + test_random_below(12),
        .align = 1u << test_random_below(5),
        .below = test_random_below(2),
        .above = test_random_below(2),
    };

    if (place < CAIRN_AREA_HINT && test_random_once_in(3))
        wish.end = wish.first + 1 + test_random_below(PAGES - wish.first);
    return wish;
}

static struct cairn_area_request request_of(const struct wish *wish,
                                            enum cairn_area_place place)
{
    struct cairn_area_request request = {
        .bytes = wish->count * PAGE,
        .align = wish->align * PAGE,
        .place = place,
        .draw = draw,
        .kind = test_random_once_in(2) ? CAIRN_AREA_LAZY : CAIRN_AREA_PAGES,
        .rights = CAIRN_PAGE_WRITE,
        .flags = wish->below * CAIRN_AREA_WITH_GUARD_BELOW |
                 wish->above * CAIRN_AREA_WITH_GUARD_ABOVE,
        .within = {at(wish->first), 0},
        .owner = CAIRN_OWNER_HEAP,
        .name = "random",
    };

    if (wish->end != PAGES)
        request.within.bytes = (wish->end - wish->first) * PAGE;
    return request;
}

static void expect_place(const struct wish *wish, enum cairn_area_place place,
                         enum cairn_status status, unsigned page)
{
    unsigned lowest = 0;
    unsigned places = count_places(wish, &lowest);

    if (place >= CAIRN_AREA_HINT && is_good(wish, wish->first)) {
        CHECK_EQ(status, CAIRN_OK);
        CHECK_EQ(page, wish->first);
    } else if (place == CAIRN_AREA_FIXED) {
        CHECK(status == CAIRN_IN_USE || status == CAIRN_BAD_ARGUMENT);
    } else if (places == 0) {
        CHECK_EQ(status, CAIRN_NO_SPACE);
    } else {
        CHECK_EQ(status, CAIRN_OK);
        CHECK(place == CAIRN_AREA_RANDOM ? is_place(wish, page)
                                         : page == lowest);
    }
}

static void expect_entropy(const struct wish *wish,
                           const struct cairn_area_request *request)
{
    unsigned lowest;
    unsigned places = count_places(wish, &lowest);
    unsigned bits = cairn_area_entropy_bits(&areas.set, request);

    CHECK_EQ(bits, places == 0 ? 0 : 31 - (unsigned)__builtin_clz(places));
}

static void alloc(unsigned number)
{
    enum cairn_area_place place = test_random_below(4);
    struct wish wish = make_wish(place);
    struct cairn_area_request request = request_of(&wish, place);
    struct cairn_area *area = NULL;
    enum cairn_status status;
    unsigned page = 0;

    expect_entropy(&wish, &request);
    status = cairn_area_alloc(&areas.set, &request, &area);
    if (status == CAIRN_OK)
        page = (unsigned)((area->start.value - AREAS_BASE) / PAGE);
    expect_place(&wish, place, status, page);
    if (status != CAIRN_OK)
        return;
    fill(page - wish.below, wish.below + wish.count + wish.above, number + 1);
    known[number] =
        (struct known){area,       page,       wish.count,
                       wish.below, wish.above, request.kind == CAIRN_AREA_LAZY};
}

/* ---- The rest ------------------------------------------------------------ */

static void release(unsigned number)
{
    struct known *it = &known[number];

    CHECK_EQ(
        cairn_areas_free(&areas.set, at(it->first), (it->count + 1) * PAGE),
        CAIRN_WRONG_SIZE);
    if (test_random_once_in(2))
        CHECK_EQ(cairn_area_free(it->area, NULL, NULL), CAIRN_OK);
    else
        CHECK_EQ(cairn_areas_free(&areas.set, at(it->first), it->count * PAGE),
                 CAIRN_OK);
    fill(it->first - it->below, it->below + it->count + it->above, NOBODY);
    for (unsigned i = 0; i < it->count; i++)
        is_mapped[it->first + i] = false;
    it->area = NULL;
}

static bool is_body(unsigned page)
{
    unsigned owner = owners[page];

    return owner != NOBODY && owner != RESERVED &&
           page - known[owner - 1].first < known[owner - 1].count;
}

static void touch(unsigned page)
{
    bool is_lazy = is_body(page) && known[owners[page] - 1].is_lazy;
    enum cairn_status status =
        cairn_area_fault(&areas.set, at(page), CAIRN_PAGE_WRITE);

    if (!is_lazy)
        CHECK_EQ(status, CAIRN_NOT_FOUND);
    else if (status == CAIRN_OK)
        is_mapped[page] = true;
    else
        CHECK(status == CAIRN_NO_MEMORY && !is_mapped[page]);
}

static void reserve(unsigned first, unsigned count)
{
    enum cairn_status status = CAIRN_OK;

    if (first + count > PAGES)
        status = CAIRN_BAD_ARGUMENT;
    for (unsigned i = first; i < first + count && status == CAIRN_OK; i++) {
        if (owners[i] != NOBODY && owners[i] != RESERVED)
            status = CAIRN_IN_USE;
    }
    CHECK_EQ(
        cairn_areas_reserve(&areas.set, cairn_span_make(at(first).value + 17,
                                                        count * PAGE - 17)),
        status);
    if (status == CAIRN_OK)
        fill(first, count, RESERVED);
}

/* What is reserved is freed through a handle. */
static void unreserve(unsigned first, unsigned count)
{
    struct cairn_span span = cairn_span_make(at(first).value, count * PAGE);
    struct cairn_area *area;
    bool is_reserved = true;

    for (unsigned i = first; i < first + count; i++)
        is_reserved = is_reserved && i < PAGES && owners[i] == RESERVED;
    if (!is_reserved) {
        CHECK(cairn_area_adopt(&areas.set, span, PAGE, "", &area) != CAIRN_OK);
        return;
    }
    CHECK_EQ(cairn_area_adopt(&areas.set, span, PAGE, "", &area), CAIRN_OK);
    if (test_random_once_in(4)) {
        CHECK_EQ(cairn_area_forget(area), CAIRN_OK);
        return;
    }
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    fill(first, count, NOBODY);
}

static void ask(unsigned page)
{
    struct cairn_area_info info;
    unsigned owner = owners[page];

    CHECK_EQ(cairn_areas_find(&areas.set, at(page), &info), owner != NOBODY);
    CHECK_EQ(cairn_is_mapped(&areas.table, at(page)), is_mapped[page]);
    if (owner == RESERVED)
        CHECK_EQ(info.kind, CAIRN_AREA_RESERVED);
    if (owner == NOBODY || owner == RESERVED)
        return;
    CHECK(info.area == known[owner - 1].area);
    CHECK_EQ(info.start.value, at(known[owner - 1].first).value);
    CHECK_EQ(info.bytes, known[owner - 1].count * PAGE);
    CHECK_EQ(info.part == CAIRN_AREA_BODY, is_body(page));
    CHECK_EQ(info.part == CAIRN_AREA_GUARD_BELOW,
             page < known[owner - 1].first);
}

static void expect_numbers(void)
{
    struct cairn_areas_stats stats = areas_stats();
    uint64_t used = 0;
    uint64_t gap = 0;
    uint64_t largest = 0;
    uint64_t frames = 0;
    size_t count = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        used += owners[i] != NOBODY;
        gap = owners[i] == NOBODY ? gap + 1 : 0;
        largest = gap > largest ? gap : largest;
        frames += is_mapped[i];
    }
    for (unsigned i = 0; i < AREAS; i++)
        count += known[i].area != NULL;
    CHECK_EQ(stats.areas, count);
    CHECK_EQ(stats.used_bytes, used * PAGE);
    CHECK_EQ(stats.free_bytes, (PAGES - used) * PAGE);
    CHECK_EQ(stats.largest_gap_bytes, largest * PAGE);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_USER), 0);
    CHECK_EQ(areas_owner_frames(CAIRN_OWNER_HEAP), frames);
}

static void step(void)
{
    unsigned number = test_random_below(AREAS);
    unsigned page = test_random_below(PAGES);

    if (known[number].area != NULL) {
        if (test_random_once_in(3))
            release(number);
    } else {
        alloc(number);
    }
    touch(page);
    if (test_random_once_in(8))
        reserve(page, 1 + test_random_below(4));
    if (test_random_once_in(3))
        unreserve(page, 1 + test_random_below(3));
    ask(test_random_below(PAGES));
}

CAIRN_TEST(F18_random_areas)
{
    areas_start(AREAS_BASE, PAGES * PAGE);
    for (unsigned i = 0; i < PAGES; i++) {
        owners[i] = NOBODY;
        is_mapped[i] = false;
    }
    for (unsigned i = 0; i < AREAS; i++)
        known[i].area = NULL;
    for (uint32_t i = test_rounds(20000); i > 0; i--) {
        step();
        if (i % 16 == 0) {
            areas_verify();
            expect_numbers();
        }
    }
    for (unsigned i = 0; i < AREAS; i++) {
        if (known[i].area != NULL)
            release(i);
    }
    areas_end();
}
