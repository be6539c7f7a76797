/*
 * base/entropy.c - a watched source of random numbers, and a generator.
 *
 * HOW    xoshiro256** makes its number of word 1 of its state alone, one to
 *        one.  A value of the source goes into that word just before, so the
 *        number is as random as the better of the two.
 *
 * FAILS  Once a source is given up, it is never asked again: what has lied
 *        once cannot be told from what lies.
 *
 * TESTS  tests/entropy.c; tests/kernel/entropy_live.c
 */
#include <cairn/entropy.h>

#include "base/memory.h"
#include "base/random.h"
#include <cairn/format.h>
#include <cairn/platform.h>

#define START_READS   8
#define GOLDEN        0x9e3779b97f4a7c15u
#define MESSAGE_BYTES 128

/* ---- The generator ------------------------------------------------------- */

/* The function of SplitMix64 that makes a number of its counter. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void set_seed(struct cairn_entropy *entropy, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        entropy->words[i] = mix(seed += GOLDEN);
}

static uint64_t next(uint64_t words[4])
{
    uint64_t number = rotate(words[1] * 5, 7) * 9;
    uint64_t shifted = words[1] << 17;

    words[2] ^= words[0];
    words[3] ^= words[1];
    words[1] ^= words[2];
    words[0] ^= words[3];
    words[2] ^= shifted;
    words[3] = rotate(words[3], 45);
    return number;
}

/* Into the next number.  The generator would never leave a state of zeros. */
static void absorb(struct cairn_entropy *entropy, uint64_t value)
{
    uint64_t *words = entropy->words;

    words[1] ^= value;
    if ((words[0] | words[1] | words[2] | words[3]) == 0)
        words[0] = GOLDEN;
}

/* ---- The source ---------------------------------------------------------- */

/* One value, if the source is in order. */
static enum cairn_entropy_state read_source(struct cairn_entropy *entropy,
                                            uint64_t *out)
{
    const struct cairn_entropy_source *source = &entropy->source;
    unsigned tries = 1;

    while (!source->read(source->context, out)) {
        if (tries++ == CAIRN_ENTROPY_TRIES)
            return CAIRN_ENTROPY_SILENT;
    }
    if (*out == 0 || *out == UINT64_MAX)
        return CAIRN_ENTROPY_CONSTANT;
    if (*out == entropy->last)
        return CAIRN_ENTROPY_STUCK;
    entropy->last = *out;
    return CAIRN_ENTROPY_GOOD;
}

static enum cairn_entropy_state test_source(struct cairn_entropy *entropy)
{
    enum cairn_entropy_state state = CAIRN_ENTROPY_GOOD;
    uint64_t seen[START_READS];

    if (entropy->source.read == NULL)
        return CAIRN_ENTROPY_ABSENT;
    for (unsigned i = 0; i < START_READS && state == CAIRN_ENTROPY_GOOD; i++) {
        state = read_source(entropy, &seen[i]);
        for (unsigned j = 0; j < i && state == CAIRN_ENTROPY_GOOD; j++) {
            if (seen[i] == seen[j])
                state = CAIRN_ENTROPY_STUCK;
        }
        if (state == CAIRN_ENTROPY_GOOD) {
            absorb(entropy, seen[i]);
            (void)next(entropy->words);
        }
    }
    return state;
}

static void warn(enum cairn_entropy_state state)
{
    char message[MESSAGE_BYTES];

    cairn_format(message, sizeof(message),
                 "random numbers: %s; what is chosen by them can be guessed",
                 cairn_entropy_text(state));
    cairn_platform_log(CAIRN_LOG_WARNING, message);
}

/* ---- Interface ----------------------------------------------------------- */

void cairn_entropy_init(struct cairn_entropy *entropy,
                        const struct cairn_entropy_source *source,
                        const uint64_t *data, size_t count)
{
    uint64_t seed = count;

    memset(entropy, 0, sizeof(*entropy));
    if (source != NULL)
        entropy->source = *source;
    for (size_t i = 0; i < count; i++)
        seed = mix((seed ^ data[i]) + GOLDEN);
    set_seed(entropy, seed);
    entropy->state = test_source(entropy);
    if (entropy->state != CAIRN_ENTROPY_GOOD)
        warn(entropy->state);
}

void cairn_entropy_init_fixed(struct cairn_entropy *entropy, uint64_t seed)
{
    memset(entropy, 0, sizeof(*entropy));
    set_seed(entropy, seed);
    entropy->state = CAIRN_ENTROPY_FIXED;
}

uint64_t cairn_entropy_draw(void *context)
{
    struct cairn_entropy *entropy = context;
    uint64_t value = 0;

    if (entropy->state == CAIRN_ENTROPY_GOOD) {
        entropy->state = read_source(entropy, &value);
        if (entropy->state == CAIRN_ENTROPY_GOOD)
            absorb(entropy, value);
        else
            warn(entropy->state);
    }
    return next(entropy->words);
}

uint64_t cairn_entropy_below(struct cairn_entropy *entropy, uint64_t end)
{
    return end == 0 ? 0 : cairn__draw_below(end, cairn_entropy_draw, entropy);
}

const char *cairn_entropy_text(enum cairn_entropy_state state)
{
    static const char *const texts[CAIRN_ENTROPY_STATES] = {
        [CAIRN_ENTROPY_GOOD] = "a good source",
        [CAIRN_ENTROPY_FIXED] = "a fixed seed",
        [CAIRN_ENTROPY_ABSENT] = "there is no source",
        [CAIRN_ENTROPY_SILENT] = "the source does not answer",
        [CAIRN_ENTROPY_CONSTANT] = "the source delivers all ones or zeros",
        [CAIRN_ENTROPY_STUCK] = "the source repeats itself",
    };

    return (unsigned)state < CAIRN_ENTROPY_STATES ? texts[state]
                                                  : "unknown source";
}
