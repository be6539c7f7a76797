/*
 * layout.c - tests of layouts: what is refused, and what is found.
 */
#include "harness/test.h"
#include <cairn/layout.h>

static struct cairn_layout layout;
static const struct cairn_layout_range *met;

static void begin(enum cairn_paging_mode mode)
{
    CHECK_EQ(cairn_layout_init(&layout, mode), CAIRN_OK);
}

static enum cairn_status add(const char *name, uint64_t start, uint64_t bytes)
{
    struct cairn_layout_request request = {
        .name = name, .span = cairn_span_make(start, bytes)};

    return cairn_layout_add(&layout, &request, &met);
}

static enum cairn_status add_inside(const char *name, const char *inside,
                                    uint64_t start, uint64_t bytes)
{
    struct cairn_layout_request request = {
        .name = name, .inside = inside, .span = cairn_span_make(start, bytes)};

    return cairn_layout_add(&layout, &request, &met);
}

static enum cairn_status add_sliding(const char *inside, struct cairn_span span,
                                     uint64_t align, struct cairn_span slide)
{
    struct cairn_layout_request request = {.name = "sliding",
                                           .inside = inside,
                                           .span = span,
                                           .align = align,
                                           .slide = slide};

    return cairn_layout_add(&layout, &request, &met);
}

static void check_name(const struct cairn_layout_range *range, const char *name)
{
    CHECK(range != NULL);
    CHECK_TEXT(range->name, name);
}

CAIRN_TEST(F1_layout_refuses_what_overlaps_and_says_what)
{
    begin(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(add("a", 0x10000, 0x4000), CAIRN_OK);
    CHECK(met == NULL);
    CHECK_EQ(add("b", 0x20000, 0x1000), CAIRN_OK);
    CHECK_EQ(add("c", 0x13000, 0x1000), CAIRN_IN_USE);
    check_name(met, "a");
    CHECK_EQ(add("c", 0xf000, 0x2000), CAIRN_IN_USE);
    check_name(met, "a");
    CHECK_EQ(add("c", 0x1f000, 0x3000), CAIRN_IN_USE);
    check_name(met, "b");
    CHECK_EQ(add("c", 0x10000, 0x4000), CAIRN_IN_USE);
    check_name(met, "a");
    CHECK_EQ(add("c", 0x14000, 0xc000), CAIRN_OK);
    CHECK(met == NULL);
    CHECK_EQ(add("d", 0xf000, 0x1000), CAIRN_OK);
    CHECK_EQ(add("b", 0x90000, 0x1000), CAIRN_IN_USE);
    check_name(met, "b");
    CHECK_EQ(layout.count, 4);
}

CAIRN_TEST(F1_layout_refuses_what_is_no_range)
{
    static const struct cairn_span spans[] = {
        {{0x1000}, 0},           {{0x1800}, 0x1000},
        {{0x1000}, 0x1800},      {{UINT64_MAX - 0xfff}, 0x2000},
        {{0x1000}, UINT64_MAX},  {{0x1000}, UINT64_MAX - 0xfff},
        {{0x1001}, 0xfffffffff}, {{0xfffffffffffff001u}, 0xfff},
    };

    begin(CAIRN_PAGING_4LEVEL);
    for (unsigned i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
        CHECK_EQ(add("a", spans[i].start.value, spans[i].bytes),
                 CAIRN_BAD_ARGUMENT);
        CHECK(met == NULL);
    }
    CHECK_EQ(layout.count, 0);
    CHECK_EQ(add("top", UINT64_MAX - 0xfff, 0x1000), CAIRN_OK);
    CHECK_EQ(add("below", UINT64_MAX - 0x1fff, 0x2000), CAIRN_IN_USE);
    CHECK_EQ(add("below", UINT64_MAX - 0x1fff, 0x1000), CAIRN_OK);
}

CAIRN_TEST(F1_layout_refuses_what_is_not_canonical)
{
    static const struct {
        enum cairn_paging_mode mode;
        unsigned bits;
        bool has_high_half;
    } modes[] = {{CAIRN_PAGING_4LEVEL, 47, true},
                 {CAIRN_PAGING_5LEVEL, 56, true},
                 {CAIRN_PAGING_PAE, 32, false},
                 {CAIRN_PAGING_32BIT, 32, false}};

    for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        uint64_t end = (uint64_t)1 << modes[i].bits;
        enum cairn_status high =
            modes[i].has_high_half ? CAIRN_OK : CAIRN_BAD_ARGUMENT;

        begin(modes[i].mode);
        CHECK_EQ(add("a", end - 0x1000, 0x2000), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(add("a", end, 0x1000), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(add("a", 0x1000, 0 - end), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(add("a", 0 - end - 0x1000, 0x1000), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(add("a", 0 - end - 0x1000, 0x2000), CAIRN_BAD_ARGUMENT);
        CHECK_EQ(add("low", 0, end), CAIRN_OK);
        CHECK_EQ(add("high", 0 - end, end), high);
    }
    CHECK_EQ(cairn_layout_init(&layout, CAIRN_PAGING_MODES),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(J3_layout_refuses_bad_alignment_and_slides)
{
    struct cairn_span span = cairn_span_make(0x200000, 0x200000);
    struct cairn_span none = {{0}, 0};

    begin(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(add_sliding(NULL, span, 0x400000, none), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(add_sliding(NULL, span, 0x3000, none), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(add_sliding(NULL, span, 0, cairn_span_make(0, 0x3ff000)),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(add_sliding(NULL, span, 0, cairn_span_make(0x201000, 0x800000)),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(add_sliding(NULL, span, 0, cairn_span_make(0, UINT64_MAX - 0xfff)),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(add_sliding(NULL, span, 0, cairn_span_make(0x800, 0x800000)),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(add_sliding(NULL, span, 0x200000, span), CAIRN_OK);
    check_name(cairn_layout_find(&layout, "sliding"), "sliding");
}

CAIRN_TEST(F2_layout_knows_what_is_inside_of_what)
{
    struct cairn_span slide = cairn_span_make(0x100000, 0x100000);

    begin(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(add_inside("a", "half", 0, 0x1000), CAIRN_NOT_FOUND);
    CHECK(met == NULL);
    CHECK_EQ(add("half", 0x100000, 0x100000), CAIRN_OK);
    CHECK_EQ(add_inside("a", "half", 0xff000, 0x2000), CAIRN_IN_USE);
    check_name(met, "half");
    CHECK_EQ(add_inside("a", "half", 0x1ff000, 0x2000), CAIRN_IN_USE);
    check_name(met, "half");
    CHECK_EQ(add_inside("a", "half", 0x100000, 0x10000), CAIRN_OK);
    CHECK_EQ(add_inside("b", "half", 0x10f000, 0x2000), CAIRN_IN_USE);
    check_name(met, "a");
    CHECK_EQ(add_inside("b", "a", 0x100000, 0x1000), CAIRN_OK);
    CHECK_EQ(add("other", 0x110000, 0x1000), CAIRN_IN_USE);
    check_name(met, "half");
    CHECK_EQ(add_sliding("half", cairn_span_make(0x120000, 0x1000), 0,
                         cairn_span_make(0x100000, 0x101000)),
             CAIRN_IN_USE);
    check_name(met, "half");
    CHECK_EQ(add_sliding("half", cairn_span_make(0x120000, 0x10000), 0, slide),
             CAIRN_OK);
    CHECK_EQ(add_inside("in", "sliding", 0x121000, 0x1000), CAIRN_OK);
    CHECK_EQ(cairn_layout_depth(cairn_layout_find(&layout, "half")), 0);
    CHECK_EQ(cairn_layout_depth(cairn_layout_find(&layout, "b")), 2);
}

/* What is inside moves with it, so it has no slide of its own. */
CAIRN_TEST(J3_no_slide_inside_of_a_slide)
{
    struct cairn_layout_request outer = {.name = "outer",
                                         .span = cairn_span_make(0, 0x10000),
                                         .slide = cairn_span_make(0, 0x20000)};

    begin(CAIRN_PAGING_32BIT);
    CHECK_EQ(cairn_layout_add(&layout, &outer, NULL), CAIRN_OK);
    CHECK_EQ(add_inside("middle", "outer", 0, 0x4000), CAIRN_OK);
    CHECK_EQ(add_sliding("middle", cairn_span_make(0, 0x1000), 0,
                         cairn_span_make(0, 0x2000)),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(add_sliding("outer", cairn_span_make(0x4000, 0x1000), 0,
                         cairn_span_make(0x4000, 0x2000)),
             CAIRN_BAD_ARGUMENT);
}

CAIRN_TEST(F1_layout_has_room_for_32)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    static const char *const more[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static char texts[CAIRN_LAYOUT_MAX + 1][3];

    begin(CAIRN_PAGING_5LEVEL);
    for (unsigned i = 0; i <= CAIRN_LAYOUT_MAX; i++) {
        texts[i][0] = *names[i % 8];
        texts[i][1] = *more[i / 8];
        CHECK_EQ(add(texts[i], i * 0x1000, 0x1000),
                 i < CAIRN_LAYOUT_MAX ? CAIRN_OK : CAIRN_NO_SPACE);
        CHECK(met == NULL);
    }
    CHECK_EQ(layout.count, CAIRN_LAYOUT_MAX);
}

CAIRN_TEST(F1_layout_adds_tables)
{
    struct cairn_layout_request requests[] = {
        {.name = "a", .span = {{0}, 0x1000}},
        {.name = "b", .span = {{0x1000}, 0x1000}},
        {.name = "c", .span = {{0x1000}, 0x2000}},
        {.name = "d", .span = {{0x8000}, 0x2000}}};
    size_t failed = 99;

    begin(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_layout_add_all(&layout, requests, 4, &failed, &met),
             CAIRN_IN_USE);
    CHECK_EQ(failed, 2);
    check_name(met, "b");
    CHECK_EQ(layout.count, 2);
    begin(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_layout_add_all(&layout, requests, 2, NULL, &met), CAIRN_OK);
    CHECK(met == NULL);
    CHECK_EQ(cairn_layout_add_all(&layout, requests, 0, NULL, NULL), CAIRN_OK);
}

CAIRN_TEST(F1_layout_is_found_by_name_and_address)
{
    static const char *const order[] = {"low", "half", "x", "y", "z", "top"};
    const struct cairn_layout_range *range = NULL;

    begin(CAIRN_PAGING_4LEVEL);
    CHECK(cairn_layout_next(&layout, NULL) == NULL);
    CHECK_EQ(add("top", UINT64_MAX - 0xfff, 0x1000), CAIRN_OK);
    CHECK_EQ(add("half", 0x10000, 0x10000), CAIRN_OK);
    CHECK_EQ(add_inside("z", "half", 0x14000, 0x1000), CAIRN_OK);
    CHECK_EQ(add_inside("x", "half", 0x10000, 0x2000), CAIRN_OK);
    CHECK_EQ(add_inside("y", "x", 0x11000, 0x1000), CAIRN_OK);
    CHECK_EQ(add("low", 0, 0x1000), CAIRN_OK);
    for (unsigned i = 0; i < 6; i++) {
        range = cairn_layout_next(&layout, range);
        check_name(range, order[i]);
        CHECK(cairn_layout_find(&layout, order[i]) == range);
    }
    CHECK(cairn_layout_next(&layout, range) == NULL);
    CHECK(cairn_layout_find(&layout, "to") == NULL);
    CHECK(cairn_layout_find(&layout, "topp") == NULL);
    check_name(cairn_layout_at(&layout, cairn_va_make(0)), "low");
    check_name(cairn_layout_at(&layout, cairn_va_make(0xfff)), "low");
    CHECK(cairn_layout_at(&layout, cairn_va_make(0x1000)) == NULL);
    check_name(cairn_layout_at(&layout, cairn_va_make(0x10fff)), "x");
    check_name(cairn_layout_at(&layout, cairn_va_make(0x11000)), "y");
    check_name(cairn_layout_at(&layout, cairn_va_make(0x12000)), "half");
    check_name(cairn_layout_at(&layout, cairn_va_make(UINT64_MAX)), "top");
    CHECK(cairn_layout_at(&layout, cairn_va_make(UINT64_MAX - 0x1000)) == NULL);
}

CAIRN_TEST(J3_entropy_in_bits)
{
    static const struct {
        uint64_t places;
        unsigned hundredths;
    } known[] = {{1, 0},
                 {2, 100},
                 {3, 158},
                 {5, 232},
                 {1000, 996},
                 {1024, 1000},
                 {1000000, 1993},
                 {3037000500u, 3150},
                 {(uint64_t)1 << 52, 5200},
                 {((uint64_t)1 << 52) - 1, 5199},
                 {UINT64_MAX, 6399}};

    for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++) {
        struct cairn_layout_range range = {.places = known[i].places};

        CHECK_EQ(cairn_layout_entropy(&range), known[i].hundredths);
    }
}

CAIRN_TEST(F1_layout_check_finds_what_is_broken)
{
    struct cairn_layout_range *inner = &layout.ranges[2];
    struct cairn_layout_range *sliding = &layout.ranges[3];
    struct cairn_layout_range good;

    begin(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(add("low", 0, 0x10000), CAIRN_OK);
    CHECK_EQ(add("half", 0x100000, 0x100000), CAIRN_OK);
    CHECK_EQ(add_inside("inner", "half", 0x110000, 0x2000), CAIRN_OK);
    CHECK_EQ(add_sliding("half", cairn_span_make(0x120000, 0x2000), 0x2000,
                         cairn_span_make(0x118000, 0x20000)),
             CAIRN_OK);
    CHECK_EQ(cairn_layout_check(&layout), 0);
    good = *sliding;
    sliding->span.start.value = 0x111000;
    CHECK_EQ(cairn_layout_check(&layout), 1);
    sliding->span = good.span;
    sliding->home.value = 0x110000;
    CHECK_EQ(cairn_layout_check(&layout), 1);
    *sliding = good;
    sliding->span.start.value = 0x121000;
    CHECK_EQ(cairn_layout_check(&layout), 4);
    sliding->span.start.value = 0x116000;
    CHECK_EQ(cairn_layout_check(&layout), 4);
    *sliding = good;
    sliding->home.value = 0x116000;
    CHECK_EQ(cairn_layout_check(&layout), 4);
    *sliding = good;
    sliding->places = 0;
    CHECK_EQ(cairn_layout_check(&layout), 4);
    *sliding = good;
    layout.ranges[1].slide = cairn_span_make(0x100000, 0x200000);
    CHECK_EQ(cairn_layout_check(&layout), 3);
    layout.ranges[1].slide.bytes = 0;
    good = *inner;
    inner->span.start.value = 0x1ff000;
    CHECK_EQ(cairn_layout_check(&layout), 2);
    inner->span.start.value = 0x112000;
    CHECK_EQ(cairn_layout_check(&layout), 4);
    *inner = good;
    inner->outer = sliding;
    CHECK_EQ(cairn_layout_check(&layout), 2);
    *inner = good;
    layout.ranges[0].span.start.value = 0x1000;
    CHECK_EQ(cairn_layout_check(&layout), 4);
}
