/*
 * early_model.h - what the early allocator must do: an array of owners.
 *
 * Model    A few pages, each of which has one owner; the reserve is a stack of
 *          page numbers, the log one bit a page.  The next frame is the lowest
 *          one that is free.  Nothing is ever given back, so this is all.
 * Use      Tests and fuzzers make calls out of random numbers;
 *          early_model_step hands each to the model and to the allocator and
 *          says where the two differ.
 */
#ifndef EARLY_MODEL_H
#define EARLY_MODEL_H

#include <cairn/early.h>

#define EARLY_PAGES     32
#define EARLY_SKIPS_MAX 8

/* What the allocator is started on. */
struct early_world {
    uint64_t base; /* of the pages; page-aligned */
    bool is_usable[EARLY_PAGES];
    struct cairn_phys_range window;
    struct cairn_phys_range skips[EARLY_SKIPS_MAX];
    size_t skip_count;
};

enum early_owner {
    OWNER_NOBODY, /* not usable, skipped, or outside of the window */
    OWNER_FREE,
    OWNER_RESERVE,
    OWNER_GIVEN,
    OWNER_COUNT
};

struct early_model {
    struct early_world world;
    enum early_owner owners[EARLY_PAGES];
    size_t reserve[CAIRN_EARLY_RESERVE_MAX];
    size_t reserve_count;
    bool is_logged[EARLY_PAGES];
    bool is_tracking;
    size_t records;
    struct cairn_early early;
    struct cairn_memmap map;
    struct cairn_memory_range storage[2 * EARLY_PAGES + 2];
};

enum early_op {
    EARLY_ALLOC,
    EARLY_ALLOC_TABLE,
    EARLY_RESERVE, /* `start` frames */
    EARLY_TRACK,
    EARLY_RECORD, /* from `start`, that many `bytes`, inside the pages */
    EARLY_DRAIN,  /* into a buffer for `start` ranges */
    EARLY_FINISH,
    EARLY_OP_COUNT
};

struct early_call {
    enum early_op op;
    uint64_t start;
    uint64_t bytes;
};

/* Build map and allocator.  NULL, or what the allocator says against it. */
const char *early_model_begin(struct early_model *model,
                              const struct early_world *world);

/* Make one call of both.  NULL, or what differs. */
const char *early_model_step(struct early_model *model,
                             const struct early_call *call);

/* The exclusive end of the pages. */
uint64_t early_model_end(const struct early_model *model);

/*
 * The maximal runs of logged pages (is_given false) or of pages handed out.
 *
 *   out  at least EARLY_PAGES elements
 */
size_t early_model_runs(const struct early_model *model, bool is_given,
                        struct cairn_phys_range *out);

#endif
