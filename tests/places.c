/*
 * places.c - tests of where image, window, heap and stacks may lie: in range,
 * aligned, and each place as likely as any other.
 */
#include "boot/places.h"
#include "harness/test.h"
#include "systems/layouts.h"

#define BINS_MAX 512

static struct cairn_entropy entropy;
static struct cairn_layout layout;

static uint64_t draw(void *context)
{
    (void)context;
    return test_random();
}

/* What is drawn from in these tests; another one each time. */
static struct cairn_entropy *chance(void)
{
    cairn_entropy_init_fixed(&entropy, test_random());
    return &entropy;
}

/* ---- Chi-square ---------------------------------------------------------- */

static uint32_t counts[BINS_MAX];

static void forget_counts(void)
{
    for (unsigned i = 0; i < BINS_MAX; i++)
        counts[i] = 0;
}

/*
 * Below the value that chance exceeds once in a million tests.  With `free`
 * degrees of freedom it is free + 4.75 sqrt(2 free) + 15.1, a little more than
 * E. Wilson, M. Hilferty, "The Distribution of Chi-Square", PNAS 17 (1931) has:
 * squared, to need no root.
 */
static void check_uniform(unsigned bins, uint32_t rounds)
{
    uint64_t free = bins - 1;
    uint64_t sum = 0; /* of squares of differences, times `bins` */
    uint64_t over;

    for (unsigned i = 0; i < bins; i++) {
        int64_t difference = (int64_t)counts[i] * bins - rounds;

        sum += (uint64_t)(difference * difference) / bins;
    }
    if (sum / rounds <= free + 15)
        return;
    over = sum / rounds - free - 15;
    CHECK(over * over * 16 <= 361 * 2 * free); /* 4.75 is 19/4 */
}

/* ---- Image and window, before there is a layout -------------------------- */

static uint64_t step(const struct boot_slide *slide, uint64_t start)
{
    return (start - slide->start) / slide->align;
}

static void check_place(const struct boot_slide *slide, uint64_t bytes,
                        const struct boot_place *place)
{
    CHECK(place->start >= slide->start);
    CHECK_EQ((place->start - slide->start) % slide->align, 0);
    CHECK(slide->end - place->start >= bytes);
    CHECK(place->start >= slide->hole_end ||
          place->start + bytes <= slide->hole_start);
}

CAIRN_TEST(J3_each_place_of_the_image_is_as_likely)
{
    const uint64_t bytes = 5 * CAIRN_MIB;
    uint32_t rounds = test_rounds(1000000);
    struct boot_place place;
    unsigned bins = 0;

    forget_counts();
    (void)chance();
    for (uint32_t i = 0; i < rounds; i++) {
        CHECK(boot_place_choose(&boot_slide_image, bytes, &entropy, &place));
        check_place(&boot_slide_image, bytes, &place);
        CHECK_EQ(place.places, 121 + 252);
        counts[step(&boot_slide_image, place.start)]++;
    }
    for (unsigned i = 0; i < BINS_MAX; i++) {
        if (i < 121 || (i >= 258 && i < 510)) /* not on the screen */
            counts[bins++] = counts[i];
        else
            CHECK_EQ(counts[i], 0);
    }
    CHECK_EQ(bins, 121 + 252);
    check_uniform(bins, rounds);
}

CAIRN_TEST(J3_each_place_of_the_window_is_as_likely)
{
    uint32_t rounds = test_rounds(1000000);
    struct boot_place place;

    forget_counts();
    (void)chance();
    for (uint32_t i = 0; i < rounds; i++) {
        CHECK(boot_place_choose(&boot_slide_window, 4 * CAIRN_GIB, &entropy,
                                &place));
        check_place(&boot_slide_window, 4 * CAIRN_GIB, &place);
        CHECK_EQ(place.places, 65533);
        counts[step(&boot_slide_window, place.start) % 61]++;
    }
    check_uniform(61, rounds);
}

/* The layout of the library, which knows any number of ranges, agrees. */
CAIRN_TEST(J3_places_are_those_of_a_layout)
{
    const struct boot_slide *slide = &boot_slide_image;
    struct cairn_layout_request screen = {
        .name = "screen",
        .span = cairn_span_make(slide->hole_start,
                                slide->hole_end - slide->hole_start)};
    uint64_t below = slide->hole_start - slide->start; /* home is free */
    struct boot_place place;

    for (uint64_t pages = 1; pages * CAIRN_FRAME_SIZE <= below;
         pages += pages / 8 + 1) {
        uint64_t bytes = pages * CAIRN_FRAME_SIZE;
        struct cairn_layout_request image = {
            .name = "image",
            .span = cairn_span_make(slide->start, bytes),
            .align = slide->align,
            .slide = cairn_span_make(slide->start, slide->end - slide->start)};

        CHECK_EQ(cairn_layout_init(&layout, CAIRN_PAGING_4LEVEL), CAIRN_OK);
        CHECK_EQ(cairn_layout_add(&layout, &screen, NULL), CAIRN_OK);
        CHECK_EQ(cairn_layout_add(&layout, &image, NULL), CAIRN_OK);
        CHECK_EQ(cairn_layout_randomise(&layout, draw, NULL), CAIRN_OK);
        CHECK(boot_place_choose(slide, bytes, chance(), &place));
        CHECK_EQ(place.places, cairn_layout_find(&layout, "image")->places);
    }
}

CAIRN_TEST(J3_no_place_for_what_is_too_large)
{
    const struct boot_slide *slide = &boot_slide_image;
    uint64_t below = slide->hole_start - slide->start;
    uint64_t above = slide->end - slide->hole_end;
    struct boot_place place = {1, 2};

    CHECK(!boot_place_choose(slide, above + 1, chance(), &place));
    CHECK(!boot_place_choose(slide, UINT64_MAX, chance(), &place));
    CHECK(!boot_place_choose(slide, 0, chance(), &place));
    CHECK(!boot_place_choose(slide, 0, NULL, &place));
    CHECK(!boot_place_choose(slide, below + 1, NULL, &place));
    CHECK_EQ(place.start, 1);
    CHECK_EQ(place.places, 2);
    CHECK(boot_place_choose(slide, above, chance(), &place));
    CHECK_EQ(place.start, slide->hole_end);
    CHECK_EQ(place.places, 1);
    CHECK(boot_place_choose(&boot_slide_window, 64 * CAIRN_TIB, chance(),
                            &place));
    CHECK_EQ(place.start, BOOT_WINDOW_HOME);
    CHECK(!boot_place_choose(&boot_slide_window, 64 * CAIRN_TIB + 1, chance(),
                             &place));
}

CAIRN_TEST(J3_nokaslr_and_seeds_of_image_and_window)
{
    struct boot_place first, again;

    CHECK(boot_place_choose(&boot_slide_image, CAIRN_MIB, NULL, &first));
    CHECK_EQ(first.start, BOOT_IMAGE_HOME);
    CHECK_EQ(first.places, 1);
    CHECK(boot_place_choose(&boot_slide_window, CAIRN_MIB, NULL, &first));
    CHECK_EQ(first.start, BOOT_WINDOW_HOME);
    cairn_entropy_init_fixed(&entropy, 7);
    CHECK(boot_place_choose(&boot_slide_window, CAIRN_MIB, &entropy, &first));
    cairn_entropy_init_fixed(&entropy, 7);
    CHECK(boot_place_choose(&boot_slide_window, CAIRN_MIB, &entropy, &again));
    CHECK_EQ(first.start, again.start);
    CHECK(boot_place_choose(&boot_slide_window, CAIRN_MIB, &entropy, &again));
    CHECK(first.start != again.start);
}

/* ---- Areas, stacks and heap, by the layout ------------------------------- */

static void load(const struct system_layout *system)
{
    CHECK_EQ(cairn_layout_init(&layout, system->mode), CAIRN_OK);
    CHECK_EQ(cairn_layout_add_all(&layout, system->requests, system->count,
                                  NULL, NULL),
             CAIRN_OK);
}

/* Step of a range in its slide, of so many. */
static uint64_t step_of(const char *name, uint64_t places)
{
    const struct cairn_layout_range *range = cairn_layout_find(&layout, name);
    uint64_t from = range->span.start.value - range->slide.start.value;

    CHECK_EQ(range->places, places);
    CHECK_EQ(from % range->align, 0);
    CHECK(range->slide.bytes - from >= range->span.bytes);
    return from / range->align;
}

/* In 61 bins, by the remainder: any pattern of bits would show. */
static void check_range(const struct system_layout *system, const char *name,
                        uint64_t places)
{
    uint32_t rounds = test_rounds(1000000);

    forget_counts();
    load(system);
    for (uint32_t i = 0; i < rounds; i++) {
        CHECK_EQ(cairn_layout_randomise(&layout, draw, NULL), CAIRN_OK);
        counts[step_of(name, places) % 61]++;
    }
    check_uniform(61, rounds);
}

CAIRN_TEST(J3_each_place_of_the_areas_is_as_likely)
{
    check_range(&layout_reference, "areas", 16 * 1024 + 1);
}

CAIRN_TEST(J3_each_place_of_the_stacks_is_as_likely)
{
    const uint64_t room = 16 * CAIRN_TIB - 64 * CAIRN_GIB;

    check_range(&layout_reference, "stacks", room / CAIRN_FRAME_SIZE + 1);
}

/* The largest of the hardened kernel's, so it is the first to choose. */
CAIRN_TEST(J3_each_place_of_the_heap_is_as_likely)
{
    const uint64_t room = 2 * CAIRN_GIB - 256 * CAIRN_MIB;

    check_range(&layout_hardened, "heap", room / CAIRN_FRAME_SIZE + 1);
}

/* ---- What others have chosen --------------------------------------------- */

CAIRN_TEST(J3_layout_tells_what_others_have_chosen)
{
    struct cairn_layout_request image = {
        .name = "image", .span = {{0x400000}, 0x200000}, .places = 512};
    struct cairn_layout_request both = {.name = "both",
                                        .span = {{0x800000}, 0x200000},
                                        .slide = {{0x800000}, 0x800000},
                                        .places = 4};

    CHECK_EQ(cairn_layout_init(&layout, CAIRN_PAGING_4LEVEL), CAIRN_OK);
    CHECK_EQ(cairn_layout_add(&layout, &image, NULL), CAIRN_OK);
    CHECK_EQ(cairn_layout_add(&layout, &both, NULL), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_layout_randomise(&layout, draw, NULL), CAIRN_OK);
    CHECK_EQ(cairn_layout_randomise(&layout, NULL, NULL), CAIRN_OK);
    CHECK_EQ(cairn_layout_entropy(cairn_layout_find(&layout, "image")), 900);
    CHECK_EQ(layout.ranges[0].span.start.value, 0x400000);
}
