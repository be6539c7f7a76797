/*
 * layout_random.c - tests of random places in a layout.
 */
#include "harness/test.h"
#include <cairn/entropy.h>
#include <cairn/layout.h>

#define PAGE   CAIRN_FRAME_SIZE
#define PLACES 61 /* of the chi-square test */

static struct cairn_layout layout;

static uint64_t draw(void *context)
{
    (void)context;
    return test_random();
}

static void begin(void)
{
    CHECK_EQ(cairn_layout_init(&layout, CAIRN_PAGING_4LEVEL), CAIRN_OK);
}

/* A range that slides; in pages. */
static void add(const char *name, struct cairn_span span,
                struct cairn_span slide, uint64_t align)
{
    struct cairn_layout_request request = {
        .name = name,
        .span = cairn_span_make(span.start.value * PAGE, span.bytes * PAGE),
        .slide = cairn_span_make(slide.start.value * PAGE, slide.bytes * PAGE),
        .align = align * PAGE};

    CHECK_EQ(cairn_layout_add(&layout, &request, NULL), CAIRN_OK);
}

static uint64_t page_of(const char *name)
{
    return cairn_layout_find(&layout, name)->span.start.value / PAGE;
}

static uint64_t places_of(const char *name)
{
    return cairn_layout_find(&layout, name)->places;
}

static void randomise(void)
{
    CHECK_EQ(cairn_layout_randomise(&layout, draw, NULL), CAIRN_OK);
    CHECK_EQ(cairn_layout_check(&layout), 0);
}

/*
 * In a slide of 70 pages, two ranges of 3 leave gaps of 10, 27 and 27 pages:
 * 9 + 26 + 26 places for one of 2.
 */
static void make_crowded(void)
{
    struct cairn_span none = {{0}, 0};

    begin();
    add("low", cairn_span_make(110, 3), none, 1);
    add("high", cairn_span_make(140, 3), none, 1);
    add("image", cairn_span_make(100, 2), cairn_span_make(100, 70), 1);
}

/*
 * Chi-square with 60 degrees of freedom: more than 128 comes once in a million
 * by chance.  E. Wilson, M. Hilferty, "The Distribution of Chi-Square", PNAS 17
 * (1931).
 */
CAIRN_TEST(J3_places_are_uniform)
{
    static uint32_t counts[70];
    uint32_t rounds = test_rounds(1000000);
    uint32_t seen = 0;
    uint64_t sum = 0; /* of squares of differences */

    make_crowded();
    for (unsigned i = 0; i < 70; i++)
        counts[i] = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        randomise();
        counts[page_of("image") - 100]++;
    }
    CHECK_EQ(places_of("image"), PLACES);
    for (unsigned i = 0; i < 70; i++) {
        int64_t difference = (int64_t)counts[i] * PLACES - rounds;

        if (counts[i] == 0)
            continue;
        seen++;
        sum += (uint64_t)(difference * difference) / PLACES;
    }
    CHECK_EQ(seen, PLACES);
    CHECK(counts[0] != 0 && counts[68] != 0 && counts[69] == 0);
    CHECK(sum < (uint64_t)128 * rounds);
}

/* Never on another one, always aligned, in the slide, ends are reached. */
CAIRN_TEST(J3_places_are_aligned_and_free)
{
    uint64_t lowest = UINT64_MAX;
    uint64_t highest = 0;

    begin();
    add("fixed", cairn_span_make(0x4400, 0x300), cairn_span_make(0, 0), 1);
    add("image", cairn_span_make(0x4000, 0x100),
        cairn_span_make(0x3e01, 0x1800), 0x200);
    add("small", cairn_span_make(0x4700, 1), cairn_span_make(0x4400, 0x400), 1);
    for (uint32_t i = 0; i < test_rounds(20000); i++) {
        uint64_t image, small;

        randomise();
        image = page_of("image");
        small = page_of("small");
        CHECK_EQ(image % 0x200, 0);
        CHECK(image + 0x100 <= 0x4400 || image >= 0x4700);
        CHECK(small >= 0x4700 && small < 0x4800);
        CHECK(small < image || small >= image + 0x100);
        lowest = image < lowest ? image : lowest;
        highest = image > highest ? image : highest;
    }
    CHECK_EQ(lowest, 0x4000);
    CHECK_EQ(highest, 0x5400);
    CHECK_EQ(places_of("image"), 9);
    CHECK_EQ(places_of("fixed"), 1);
    CHECK_EQ(places_of("small"), 0x100);
}

/* A slide may end where addresses do. */
CAIRN_TEST(J3_slide_up_to_the_last_address)
{
    uint64_t first = (UINT64_MAX / PAGE) - 7;
    unsigned seen = 0;

    begin();
    add("image", cairn_span_make(first, 2), cairn_span_make(first, 8), 1);
    for (uint32_t i = 0; i < 2000; i++) {
        randomise();
        CHECK(page_of("image") - first < 7);
        seen |= 1u << (page_of("image") - first);
    }
    CHECK_EQ(seen, 0x7f);
}

CAIRN_TEST(J3_nokaslr_and_seeds)
{
    static struct cairn_entropy entropy;
    uint64_t places[16];
    unsigned differ = 0;

    make_crowded();
    for (unsigned round = 0; round < 2; round++) {
        cairn_entropy_init_fixed(&entropy, 5);
        for (unsigned i = 0; i < 16; i++) {
            CHECK_EQ(
                cairn_layout_randomise(&layout, cairn_entropy_draw, &entropy),
                CAIRN_OK);
            if (round == 1)
                CHECK_EQ(page_of("image"), places[i]);
            places[i] = page_of("image");
            differ += places[i] != places[0];
        }
    }
    CHECK(differ > 16);
    CHECK_EQ(cairn_layout_randomise(&layout, NULL, NULL), CAIRN_OK);
    CHECK_EQ(page_of("image"), 100);
    CHECK_EQ(places_of("image"), 1);
}

/* What is inside goes along, and back. */
CAIRN_TEST(J3_inner_ranges_slide_along)
{
    struct cairn_layout_request inner = {.name = "text",
                                         .inside = "image",
                                         .span =
                                             cairn_span_make(101 * PAGE, PAGE)};
    uint64_t place;

    make_crowded();
    CHECK_EQ(cairn_layout_add(&layout, &inner, NULL), CAIRN_OK);
    inner = (struct cairn_layout_request){
        .name = "deep",
        .inside = "text",
        .span = cairn_span_make(101 * PAGE, PAGE)};
    CHECK_EQ(cairn_layout_add(&layout, &inner, NULL), CAIRN_OK);
    do
        randomise();
    while (page_of("image") == 100);
    place = page_of("image");
    CHECK_EQ(page_of("text"), place + 1);
    CHECK_EQ(page_of("deep"), place + 1);
    CHECK_EQ(page_of("low"), 110);
    CHECK_EQ(places_of("text"), 1);
    inner.name = "late";
    inner.inside = "image";
    inner.span = cairn_span_make(place * PAGE, PAGE);
    CHECK_EQ(cairn_layout_add(&layout, &inner, NULL), CAIRN_OK);
    CHECK_EQ(cairn_layout_randomise(&layout, NULL, NULL), CAIRN_OK);
    CHECK_EQ(page_of("text"), 101);
    CHECK_EQ(page_of("deep"), 101);
    CHECK_EQ(page_of("late"), 100);
}

/* What came while it was away must not be where its home is. */
CAIRN_TEST(J3_home_is_kept_free)
{
    struct cairn_layout_request late = {
        .name = "late", .span = cairn_span_make(101 * PAGE, PAGE)};
    const struct cairn_layout_range *met;

    make_crowded();
    do
        randomise();
    while (page_of("image") < 103);
    CHECK_EQ(cairn_layout_add(&layout, &late, &met), CAIRN_IN_USE);
    CHECK_TEXT(met->name, "image");
}

/* Large ones go first, or they would often find no place. */
CAIRN_TEST(J3_large_ranges_go_first)
{
    begin();
    add("small", cairn_span_make(0, 1), cairn_span_make(0, 12), 1);
    add("large", cairn_span_make(2, 8), cairn_span_make(0, 12), 1);
    add("tiny", cairn_span_make(1, 1), cairn_span_make(0, 12), 1);
    for (unsigned i = 0; i < 1000; i++) {
        randomise();
        CHECK_EQ(places_of("large"), 5);
        CHECK_EQ(places_of("small"), 4);
        CHECK_EQ(places_of("tiny"), 3);
    }
}

/* Two ranges of 3 pages in 7: the first may take the middle. */
CAIRN_TEST(J3_no_place_changes_nothing)
{
    unsigned failed = 0;

    begin();
    add("a", cairn_span_make(0, 3), cairn_span_make(0, 7), 1);
    add("b", cairn_span_make(3, 3), cairn_span_make(0, 7), 1);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t a = page_of("a");
        uint64_t b = page_of("b");
        uint64_t places = places_of("b");
        enum cairn_status status = cairn_layout_randomise(&layout, draw, NULL);

        CHECK(status == CAIRN_OK || status == CAIRN_NO_SPACE);
        if (status == CAIRN_OK)
            continue;
        failed++;
        CHECK_EQ(page_of("a"), a);
        CHECK_EQ(page_of("b"), b);
        CHECK_EQ(places_of("b"), places);
    }
    CHECK(failed > 20);
}
