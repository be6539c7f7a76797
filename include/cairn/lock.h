/*
 * cairn/lock.h - locks and sets of CPUs, as structures embed them.
 *
 * Only the types are public, because structures that the host stores contain
 * them; what the library does with them is src/base/lock.h and base/cpus.h.
 */
#ifndef CAIRN_LOCK_H
#define CAIRN_LOCK_H

#include <cairn/types.h>

/* A spin lock taken with interrupts off; zero-filled is not initialised. */
struct cairn_lock {
    uint32_t holder; /* CPU number + 1; 0 while free */
    uint32_t rank;   /* taken only while locks of lower rank are held */
};

/* A set of CPUs that several of them change. */
struct cairn_cpus {
    uint32_t words[2]; /* bit n % 32 of words[n / 32]: CPU n */
};

#endif
