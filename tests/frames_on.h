/*
 * frames_on.h - the same test on every frame engine.
 *
 * A test is a function of a machine (frames_build.h); on_all runs it on tree,
 * bitmap and freelist, with and without magazines, on_lowest on the two that
 * promise the lowest fit, without magazines.  Each run starts with all memory
 * free and ends with the checkers.
 */
#ifndef TEST_FRAMES_ON_H
#define TEST_FRAMES_ON_H

#include "frames_build.h"
#include "harness/test.h"

#define ON_NONE        UINT64_MAX
#define ON_FRAMES_MAX  4096
#define ON_ARENA_BYTES ((size_t)1024 * 1024)

extern struct frames_build on_machine;
extern uint64_t on_blocks[ON_FRAMES_MAX]; /* for a test to remember */

/* On the usual zones. */
void on_all(void (*run)(struct frames_build *build));
void on_lowest(void (*run)(struct frames_build *build));

/* On zones that the test has entered into on_machine, after on_take_arena. */
void on_all_as_set(void (*run)(struct frames_build *build));
void on_one(void (*run)(struct frames_build *build),
            enum cairn_frames_engine engine, bool has_magazines);

/* By hand: memory for the metadata, once in a test; and start. */
void on_take_arena(struct frames_build *build);
void on_start(struct frames_build *build, enum cairn_frames_engine engine,
              bool has_magazines);

/* Short forms; ON_NONE: no memory. */
uint64_t on_take_block(struct frames_build *build, cairn_order order);
uint64_t on_take_run(struct frames_build *build, uint64_t count,
                     uint64_t align);
enum cairn_status on_give(struct frames_build *build, uint64_t first);
uint64_t on_free_frames(struct frames_build *build);
uint64_t on_low_first(const struct frames_build *build);

/* Nobody else has any frame of [first, first + count); now somebody has. */
void on_claim(const struct frames_build *build, uint64_t first, uint64_t count);
void on_claim_none(void);

/*
 * Take and claim blocks until there are none, append them to the first `count`
 * of on_blocks, and return how many these are now.
 */
uint32_t on_exhaust(struct frames_build *build, cairn_order order,
                    uint32_t count);

/* Give the first `count` of on_blocks back, in random order; all is free. */
void on_give_all(struct frames_build *build, uint32_t count);

#endif
