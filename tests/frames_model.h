/*
 * frames_model.h - what a frame allocator is, in the plainest code possible.
 *
 * A model has an array with the owner of each frame.  A step does something
 * with the allocator, chosen by `pick`, and holds what it answers against the
 * array: no frame has two owners, what is refused must be refused, and when
 * there is no memory the array has no place either.  Engines whose documents
 * promise the lowest place are held to it.
 *
 * The random tests and the fuzzer share it.
 */
#ifndef TEST_FRAMES_MODEL_H
#define TEST_FRAMES_MODEL_H

#include "frames_build.h"

#define MODEL_FRAMES_MAX 4096

struct model_block {
    uint64_t first;
    uint32_t count;
    unsigned order; /* 31: a run */
    enum cairn_owner owner;
};

struct frames_model {
    /* Set by the caller. */
    struct frames_build *build;                      /* started */
    uint32_t (*pick)(void *context, uint32_t limit); /* 0 .. limit - 1 */
    void *context;

    uint16_t frames[MODEL_FRAMES_MAX]; /* 0: free; gone; block number + 1 */
    struct model_block blocks[MODEL_FRAMES_MAX];
    uint32_t block_count;
    uint32_t total;
};

/* Everything is free. */
void frames_model_start(struct frames_model *model);

/* One random operation.  NULL, or what was wrong. */
const char *frames_model_step(struct frames_model *model);

/* Do the numbers, a random frame and the checkers agree?  NULL if so. */
const char *frames_model_compare(struct frames_model *model);

/* Free everything and see that it is free.  NULL, or what was wrong. */
const char *frames_model_end(struct frames_model *model);

#endif
