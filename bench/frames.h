/*
 * frames.h - what the parts of the frames benchmark share: the contenders and
 * how they are called.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include "bench/bench.h"

#include <cairn/frames.h>

#define ORDERS 10

typedef enum cairn_status alloc_function(struct cairn_frames *frames,
                                         cairn_order order, unsigned flags,
                                         enum cairn_owner owner,
                                         cairn_pfn *out);
typedef enum cairn_status free_function(struct cairn_frames *frames,
                                        cairn_pfn first);

struct subject {
    const char *name;
    alloc_function *alloc;
    free_function *free[ORDERS]; /* by order */
    struct cairn_frames *frames; /* Cairn's; else NULL */
};

enum {
    FLOOR,
    BITMAP,
    BUDDY,
    CAIRN,
    CAIRN_TOO,
    SUBJECTS
};

extern struct subject bench_subjects[SUBJECTS];

/*
 * All contenders anew (but CAIRN_TOO), with `bytes` of memory; returns how many
 * frames each has.
 */
uint64_t bench_start_all(uint64_t bytes);

/* Numbers that no page fault will be taken for; to be freed by free(). */
uint64_t *bench_make_array(size_t count);

static inline bool take_for(const struct subject *subject,
                            enum cairn_owner owner, cairn_order order,
                            uint64_t *out)
{
    cairn_pfn pfn;

    if (subject->alloc(subject->frames, order, 0, owner, &pfn) != CAIRN_OK)
        return false;
    *out = pfn.value;
    return true;
}

static inline bool take(const struct subject *subject, cairn_order order,
                        uint64_t *out)
{
    return take_for(subject, CAIRN_OWNER_USER, order, out);
}

static inline void give(const struct subject *subject, cairn_order order,
                        uint64_t first)
{
    cairn_pfn pfn = {first};

    if (subject->free[order](subject->frames, pfn) != CAIRN_OK)
        bench_fail("%s: free of %#llx, order %u", subject->name,
                   (unsigned long long)first, order);
}

static inline uint64_t must_take(const struct subject *subject,
                                 cairn_order order)
{
    uint64_t first;

    if (!take(subject, order, &first))
        bench_fail("%s: no memory, order %u", subject->name, order);
    return first;
}

/* Memory with holes everywhere, in which frames come and go at random. */
struct churn {
    const struct subject *subject;
    uint64_t *live;
    size_t count; /* of `live` */
    uint64_t total;
    uint64_t random;
};

/*
 * All of the memory allocated, then freed at random but for `percent`: the
 * state in which every chunk has the same share of holes.
 */
struct churn bench_make_churn(const struct subject *subject, uint64_t total,
                              unsigned percent, uint64_t seed);

/* Free one at random and allocate another, `steps` times. */
void bench_run_churn(struct churn *churn, size_t steps);

/* The case about how whole memory stays; in frames_whole.c. */
void bench_case_whole(void);

#endif
