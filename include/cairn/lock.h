/*
 * cairn/lock.h - the lock as structures embed it.
 *
 * Only the type is public, because structures that the host stores contain
 * locks; what the library does with them is src/base/lock.h.
 */
#ifndef CAIRN_LOCK_H
#define CAIRN_LOCK_H

#include <cairn/types.h>

/* A spin lock taken with interrupts off; zero-filled is not initialised. */
struct cairn_lock {
    uint32_t holder; /* CPU number + 1; 0 while free */
    uint32_t rank;   /* taken only while locks of lower rank are held */
};

#endif
