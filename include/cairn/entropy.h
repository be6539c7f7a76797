/*
 * cairn/entropy.h - random numbers, from a source that may fail.
 *
 * A source is what the host has: an instruction, a device.  It is watched; what
 * it delivers is mixed into a small generator, so that numbers differ even if
 * the source is worse than it looks.  When it fails, the generator goes on
 * alone, and says so once.
 *
 * Health    Before use and at every draw.  A source is given up for good that
 *           fails ten times in a row, delivers all ones or all zeros (some CPUs
 *           do after sleep, and call it success), or a value again: among eight
 *           at the start, the one before later.  A good source of 64 bits does
 *           that once in 2^58 starts.
 * Strength  With a good source, each draw has 64 fresh bits.  Alone, what can
 *           be guessed of the seed can be guessed of every number.  Not for
 *           keys: who sees four numbers of the lone generator knows the rest.
 * Locking   The caller's.  Any context.
 * Source    Intel SDM vol. 1, "Random Number Generator Instructions": ten
 *           tries.  NIST SP 800-90B, 4.4.1, "Repetition Count Test".
 *           D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number
 *           Generators", ACM TOMS 47 (2021): xoshiro256**.  G. Steele, D. Lea,
 *           C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
 *           2014: SplitMix64, which spreads the seed.
 */
#ifndef CAIRN_ENTROPY_H
#define CAIRN_ENTROPY_H

#include <cairn/compiler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

CAIRN_BEGIN_DECLS

#define CAIRN_ENTROPY_TRIES 10

struct cairn_entropy_source {
    /*
     * One try to get 64 bits.  False: none right now.  Called up to
     * CAIRN_ENTROPY_TRIES times in a row.  NULL: there is no source.
     */
    bool (*read)(void *context, uint64_t *out);
    void *context;
};

/* Where numbers come from, and why. */
enum cairn_entropy_state {
    CAIRN_ENTROPY_GOOD,     /* the source, mixed */
    CAIRN_ENTROPY_FIXED,    /* a seed that was asked for */
    CAIRN_ENTROPY_ABSENT,   /* the generator alone: there is no source, */
    CAIRN_ENTROPY_SILENT,   /* it failed ten times in a row, */
    CAIRN_ENTROPY_CONSTANT, /* delivered all ones or all zeros, */
    CAIRN_ENTROPY_STUCK,    /* or a value again */
    CAIRN_ENTROPY_STATES
};

struct cairn_entropy {
    struct cairn_entropy_source source;
    enum cairn_entropy_state state;
    uint64_t words[4]; /* of the generator, not all zero */
    uint64_t last;     /* what the source delivered last */
};

/*
 * Test the source, and seed the generator with it and with other data.
 *
 *   source  NULL: there is none
 *   data    what may differ from boot to boot: time stamps, addresses.  All
 *           that there is if the source fails
 *   count   words of `data`; may be 0
 *
 * Logs a warning if the source is not good, as cairn_entropy_draw does when it
 * fails later: one in all.
 */
void cairn_entropy_init(struct cairn_entropy *entropy,
                        const struct cairn_entropy_source *source,
                        const uint64_t *data, size_t count);

/* The same numbers for the same seed, on every machine; no warning. */
void cairn_entropy_init_fixed(struct cairn_entropy *entropy, uint64_t seed);

/*
 * 64 random bits.
 *
 *   entropy  a struct cairn_entropy; the type fits cairn_ranges_random_fit and
 *            cairn_layout_randomise
 */
uint64_t cairn_entropy_draw(void *entropy);

/* A number below `end`, each as likely as any other; 0 if `end` is. */
uint64_t cairn_entropy_below(struct cairn_entropy *entropy, uint64_t end);

/* "a good source", "a fixed seed", ...: for messages; never NULL. */
const char *cairn_entropy_text(enum cairn_entropy_state state);

CAIRN_END_DECLS

#endif
