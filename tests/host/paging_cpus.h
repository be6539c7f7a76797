/*
 * paging_cpus.h - page tables on eight simulated CPUs at once, for tests: each
 * thread is a CPU, frames go from hand to hand, and a hang is a failure.
 */
#ifndef PAGING_CPUS_H
#define PAGING_CPUS_H

#include "paging_build.h"

#define CPUS_TABLES 2
#define CPUS_DATA   ((uint64_t)128 << 20) /* where frames for pages begin */
#define CPUS_FREE   0xee /* first bytes of a frame that nobody has */

extern struct cairn_pagetable cpus_tables[CPUS_TABLES];

/*
 * A machine of that mode with an adversary, so many frames for pages (0: the
 * test adds memory itself), and empty page tables; all CPUs have loaded the
 * first.
 */
void cpus_start(enum cairn_paging_mode mode, unsigned frame_count);

/* Be each of the first `count` CPUs on a thread, until all have returned. */
void cpus_run(void (*work)(unsigned cpu), unsigned count);

/* In `work`: wait until all of them are there. */
void cpus_meet(void);

/*
 * Destroy the page tables, in which nothing is mapped.  All frames have come
 * back, and nothing was unexpected.
 */
void cpus_end(void);

/* A thread cannot end the test: it is noted, and cpus_end tells. */
#define CPUS_EXPECT(condition)                                                 \
    ((condition) ? (void)0 : cpus_unexpected(__FILE__, __LINE__, #condition))
void cpus_unexpected(const char *file, int line, const char *text);
unsigned cpus_unexpected_count(void);

/* The oldest free frame, full of `tag`; 0: none.  Nobody has written to it. */
uint64_t cpus_take_frame(unsigned char tag);

/* Nobody reaches it any more. */
void cpus_give_frame(uint64_t phys);

/*
 * Numbers of a thread's own: where they begin, other ones in each test with
 * each --seed, and the next.
 */
uint64_t cpus_seed(unsigned cpu);
unsigned cpus_random(uint64_t *state, unsigned limit);

/* Abort unless cpus_calm comes within so many seconds. */
void cpus_watch(unsigned seconds);
void cpus_calm(void);

#endif
