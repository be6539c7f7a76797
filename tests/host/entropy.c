/*
 * entropy.c - tests of random numbers: the generator against its authors'
 * numbers, and sources that fail in all the ways known.
 */
#include <cairn/entropy.h>
#include <cairn/platform.h>

#include "base/random.h"
#include "harness/test.h"
#include "sim/platform.h"
#include <string.h>

/* A source that answers from a list, then counts; and how it fails. */
struct fake {
    unsigned reads;
    unsigned fails_each; /* that many tries fail before one succeeds */
    unsigned failing;    /* ... so many still */
    unsigned good_until; /* values from this one on are `bad` */
    uint64_t bad;
    uint64_t period; /* values repeat after so many; 0: never */
    unsigned values;
};

static bool read_fake(void *context, uint64_t *out)
{
    struct fake *fake = context;
    uint64_t number = fake->values;

    fake->reads++;
    if (fake->failing > 0) {
        fake->failing--;
        *out = 0;
        return false;
    }
    fake->failing = fake->fails_each;
    if (fake->period != 0)
        number %= fake->period;
    *out = fake->values++ < fake->good_until
               ? (number + 1) * 0x9e3779b97f4a7c15u
               : fake->bad;
    return true;
}

static struct cairn_entropy entropy;

static void start(struct fake *fake)
{
    struct cairn_entropy_source source = {read_fake, fake};

    fake->failing = fake->fails_each;
    cairn_platform_log(CAIRN_LOG_INFO, "-");
    cairn_entropy_init(&entropy, &source, NULL, 0);
}

static bool is_silent(void)
{
    return strcmp(sim_last_log(), "-") == 0;
}

/* One warning that says why; then none, and no question to the source. */
static void check_given_up(struct fake *fake, enum cairn_entropy_state state)
{
    uint64_t numbers[100];
    unsigned reads = fake->reads;

    CHECK_EQ(entropy.state, state);
    CHECK(strstr(sim_last_log(), cairn_entropy_text(state)) != NULL);
    cairn_platform_log(CAIRN_LOG_INFO, "-");
    for (unsigned i = 0; i < 100; i++) {
        numbers[i] = cairn_entropy_draw(&entropy);
        for (unsigned j = 0; j < i; j++)
            CHECK(numbers[i] != numbers[j]);
    }
    CHECK(is_silent());
    CHECK_EQ(fake->reads, reads);
    CHECK_EQ(entropy.state, state);
}

/* The numbers that its authors' programs print. */
CAIRN_TEST(J3_generator_gives_the_published_numbers)
{
    static const uint64_t split[] = {6457827717110365317u, 3203168211198807973u,
                                     9817491932198370423u,
                                     4593380528125082431u};
    static const uint64_t wanted[] = {11520u,
                                      0u,
                                      1509978240u,
                                      1215971899390074240u,
                                      1216172134540287360u,
                                      607988272756665600u};

    cairn_entropy_init_fixed(&entropy, 1234567);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(entropy.words[i], split[i]);
    for (unsigned i = 0; i < 4; i++)
        entropy.words[i] = i + 1;
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQ(cairn_entropy_draw(&entropy), wanted[i]);
}

CAIRN_TEST(J3_fixed_seed_repeats)
{
    uint64_t first[8];

    cairn_platform_log(CAIRN_LOG_INFO, "-");
    cairn_entropy_init_fixed(&entropy, 7);
    CHECK_EQ(entropy.state, CAIRN_ENTROPY_FIXED);
    for (unsigned i = 0; i < 8; i++)
        first[i] = cairn_entropy_draw(&entropy);
    cairn_entropy_init_fixed(&entropy, 7);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(cairn_entropy_draw(&entropy), first[i]);
    cairn_entropy_init_fixed(&entropy, 8);
    CHECK(cairn_entropy_draw(&entropy) != first[0]);
    CHECK(is_silent());
}

CAIRN_TEST(J3_good_source_is_read_at_every_draw)
{
    struct fake fake = {.good_until = UINT32_MAX};
    uint64_t state;

    start(&fake);
    CHECK_EQ(entropy.state, CAIRN_ENTROPY_GOOD);
    CHECK_EQ(fake.reads, 8);
    state = entropy.words[1];
    /* The number is that of the generator, with the value in word 1. */
    state = (state ^ 9 * 0x9e3779b97f4a7c15u) * 5;
    CHECK_EQ(cairn_entropy_draw(&entropy), (state << 7 | state >> 57) * 9);
    for (unsigned i = 1; i < 1000; i++)
        (void)cairn_entropy_draw(&entropy);
    CHECK_EQ(fake.reads, 1008);
    CHECK_EQ(entropy.state, CAIRN_ENTROPY_GOOD);
    CHECK(is_silent());
}

CAIRN_TEST(J3_source_is_tried_ten_times)
{
    struct fake nine = {.good_until = UINT32_MAX, .fails_each = 9};
    struct fake ten = {.good_until = UINT32_MAX, .fails_each = 10};

    start(&nine);
    (void)cairn_entropy_draw(&entropy);
    CHECK_EQ(entropy.state, CAIRN_ENTROPY_GOOD);
    CHECK_EQ(nine.reads, 90);
    CHECK(is_silent());
    start(&ten);
    CHECK_EQ(ten.reads, 10);
    check_given_up(&ten, CAIRN_ENTROPY_SILENT);
}

CAIRN_TEST(J3_source_that_falls_silent_is_given_up)
{
    struct fake fake = {.good_until = UINT32_MAX};

    start(&fake);
    fake.failing = 10;
    (void)cairn_entropy_draw(&entropy);
    check_given_up(&fake, CAIRN_ENTROPY_SILENT);
}

/* What some CPUs deliver after sleep, with every sign of success. */
CAIRN_TEST(J3_all_ones_and_all_zeros_are_noticed)
{
    static const uint64_t bad[] = {UINT64_MAX, 0};

    for (unsigned i = 0; i < 2; i++) {
        struct fake first = {.bad = bad[i]};
        struct fake last = {.bad = bad[i], .good_until = 7};
        struct fake later = {.bad = bad[i], .good_until = 9};

        start(&first);
        check_given_up(&first, CAIRN_ENTROPY_CONSTANT);
        start(&last);
        check_given_up(&last, CAIRN_ENTROPY_CONSTANT);
        start(&later);
        CHECK(is_silent());
        (void)cairn_entropy_draw(&entropy);
        CHECK(is_silent());
        (void)cairn_entropy_draw(&entropy);
        check_given_up(&later, CAIRN_ENTROPY_CONSTANT);
    }
}

CAIRN_TEST(J3_stuck_source_is_noticed)
{
    struct fake stuck = {.bad = 42};
    struct fake cycle = {.good_until = UINT32_MAX, .period = 7};
    struct fake later = {.good_until = 8, .bad = 42};

    start(&stuck);
    CHECK_EQ(stuck.reads, 2);
    check_given_up(&stuck, CAIRN_ENTROPY_STUCK);
    start(&cycle);
    CHECK_EQ(cycle.reads, 8);
    check_given_up(&cycle, CAIRN_ENTROPY_STUCK);
    start(&later);
    (void)cairn_entropy_draw(&entropy);
    CHECK_EQ(entropy.state, CAIRN_ENTROPY_GOOD);
    (void)cairn_entropy_draw(&entropy);
    check_given_up(&later, CAIRN_ENTROPY_STUCK);
}

/* Worse than it looks: a cycle of eight values passes; numbers differ. */
CAIRN_TEST(J3_weak_source_still_gives_distinct_numbers)
{
    struct fake fake = {.good_until = UINT32_MAX, .period = 8};
    uint64_t numbers[200];

    start(&fake);
    for (unsigned i = 0; i < 200; i++) {
        numbers[i] = cairn_entropy_draw(&entropy);
        for (unsigned j = 0; j < i; j++)
            CHECK(numbers[i] != numbers[j]);
    }
    CHECK_EQ(entropy.state, CAIRN_ENTROPY_GOOD);
}

CAIRN_TEST(J3_without_a_source_the_data_decide)
{
    static const uint64_t data[][3] = {
        {1, 2, 3}, {1, 2, 4}, {2, 2, 3}, {2, 1, 3}, {0, 0, 0}};
    struct fake none = {.bad = 0};
    struct cairn_entropy_source absent = {NULL, NULL};
    uint64_t numbers[6];

    for (unsigned i = 0; i < 6; i++) {
        cairn_platform_log(CAIRN_LOG_INFO, "-");
        cairn_entropy_init(&entropy, i == 0 ? &absent : NULL, data[i % 5],
                           i == 5 ? 2 : 3);
        check_given_up(&none, CAIRN_ENTROPY_ABSENT);
        numbers[i] = cairn_entropy_draw(&entropy);
        for (unsigned j = 0; j < i; j++)
            CHECK(numbers[i] != numbers[j]);
    }
    cairn_entropy_init(&entropy, NULL, data[0], 3);
    for (unsigned i = 0; i < 100; i++)
        (void)cairn_entropy_draw(&entropy);
    CHECK_EQ(cairn_entropy_draw(&entropy), numbers[0]);
}

CAIRN_TEST(J3_generator_leaves_zeros)
{
    struct fake fake = {.good_until = UINT32_MAX};

    start(&fake);
    memset(entropy.words, 0, sizeof(entropy.words));
    entropy.words[1] = (fake.values + 1) * 0x9e3779b97f4a7c15u;
    (void)cairn_entropy_draw(&entropy);
    CHECK((entropy.words[0] | entropy.words[1] | entropy.words[2] |
           entropy.words[3]) != 0);
}

CAIRN_TEST(J3_each_state_has_a_text)
{
    for (unsigned i = 0; i <= CAIRN_ENTROPY_STATES; i++) {
        const char *text = cairn_entropy_text((enum cairn_entropy_state)i);

        CHECK(text != NULL && *text != '\0');
        for (unsigned j = 0; j < i; j++)
            CHECK(strcmp(text,
                         cairn_entropy_text((enum cairn_entropy_state)j)) != 0);
    }
}

/* ---- Below a limit ------------------------------------------------------- */

static uint64_t count_down(void *context)
{
    uint64_t *next = context;

    return (*next)--;
}

static uint64_t all_ones(void *context)
{
    (void)context;
    return UINT64_MAX;
}

CAIRN_TEST(J3_numbers_below_a_limit)
{
    static const uint64_t ends[] = {1,
                                    2,
                                    3,
                                    5,
                                    8,
                                    9,
                                    1000,
                                    (uint64_t)1 << 63,
                                    ((uint64_t)1 << 63) + 1,
                                    UINT64_MAX};

    for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        uint64_t next = ends[i]; /* too high, then the highest */

        CHECK(cairn__draw_below(ends[i], all_ones, NULL) < ends[i]);
        CHECK_EQ(cairn__draw_below(ends[i], count_down, &next),
                 (ends[i] & (ends[i] - 1)) == 0 ? 0 : ends[i] - 1);
    }
}
