/*
 * cairn/stack.h - kernel stacks, with a guard page at both ends.
 *
 * A stack is an area of its own, writable, not executable, with a frame for
 * each of its pages.  Running over either end hits a page that is never mapped,
 * and the fault report can tell whose stack that was.  Freed stacks may wait,
 * mapped, for their next use.
 *
 * Units    bytes; sizes are whole pages, without the guards.
 * Errors   With any status but CAIRN_OK nothing has changed: no frame, no
 *          mapping and no address is gone.
 * Context  As areas.h.  Nobody frees the stack that it runs on.
 */
#ifndef CAIRN_STACK_H
#define CAIRN_STACK_H

#include <cairn/areas.h>

CAIRN_BEGIN_DECLS

#define CAIRN_STACK_BYTES     (64 * CAIRN_KIB) /* the default */
#define CAIRN_STACK_CACHE_MAX 16

struct cairn_stacks_config {
    unsigned cache_limit; /* freed stacks that wait, at most
                             CAIRN_STACK_CACHE_MAX */
    bool is_measured; /* stacks are zeroed, so that cairn_stack_used can tell.
                         Their frames are then such as can be cleared. */
    /*
     * For stacks at random places: returns 64 random bits, see areas.h; NULL:
     * the lowest that fits.  A stack from the cache stays where it was.
     */
    uint64_t (*draw)(void *context);
    void *context;
};

struct cairn_stacks {
    struct cairn_lock lock;
    struct cairn_areas *areas;                        /* constant */
    struct cairn_stacks_config config;                /* constant */
    unsigned cached_count;                            /* [lock] */
    struct cairn_area *cached[CAIRN_STACK_CACHE_MAX]; /* [lock] */
};

/* A stack: [bottom, top), growing down. */
struct cairn_stack {
    cairn_va top;         /* where the stack pointer begins: a multiple of 16 */
    cairn_va bottom;      /* the lowest byte */
    cairn_va guard_below; /* first byte of the guard: bottom - 4096 */
    cairn_va guard_above; /* the same: top */
    uint64_t bytes;       /* top - bottom */
    struct cairn_area *area;
    uint32_t generation; /* of the area: notices a second free */
};

/*
 * No stacks.
 *
 *   areas   with frames
 *   config  copied; NULL: no cache, not measured, not random
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_stacks_init(struct cairn_stacks *stacks, struct cairn_areas *areas,
                  const struct cairn_stacks_config *config);

/*
 * Allocate a stack.
 *
 *   bytes  a multiple of 4096; 0: CAIRN_STACK_BYTES
 *   name   for fault reports; copied
 *   out    written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: no multiple, or more than there are
 *          addresses; CAIRN_NO_SPACE: no addresses; CAIRN_NO_MEMORY,
 *          CAIRN_NOT_REACHABLE: no frames or tables.  The cache was emptied
 *          then.
 * Cost     from the cache: a look at each stack in there and, if measured,
 *          clearing what was used; else an area, its frames, and a transaction
 *          for each 32 pages.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_stack_alloc(struct cairn_stacks *stacks, uint64_t bytes, const char *name,
                  struct cairn_stack *out);

/*
 * Free a stack: into the cache if there is room, else frames, mappings and
 * addresses.
 *
 * Returns  CAIRN_OK; CAIRN_DOUBLE_FREE; CAIRN_BAD_ARGUMENT: no stack of these.
 */
enum cairn_status cairn_stack_free(struct cairn_stacks *stacks,
                                   const struct cairn_stack *stack);

/* Free all stacks that wait.  Returns how many there were. */
unsigned cairn_stacks_drain(struct cairn_stacks *stacks);

/*
 * How deep it was ever used: bytes from the top down to the lowest word of 8
 * bytes that is not 0.
 *
 * Returns  CAIRN_OK; CAIRN_BAD_ARGUMENT: not measured, or no stack any more.
 * Context  the stack may be in use meanwhile.
 * Cost     linear in what was not used.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_stack_used(struct cairn_stacks *stacks, const struct cairn_stack *stack,
                 uint64_t *out);

/*
 * Which stack has this address, and where: its body or a guard.  A stack that
 * waits in the cache is one, too.  Its name is area->name.
 *
 * Returns  true, `out` and `part`; false: no stack.
 */
bool cairn_stacks_find(struct cairn_stacks *stacks, cairn_va at,
                       struct cairn_stack *out, enum cairn_area_part *part);

/*
 * The same without waiting, for reports of faults.
 *
 * Returns  as cairn_areas_peek; CAIRN_NOT_FOUND also: a stack that was freed.
 * Context  any, NMI and #MC too, whatever locks are held.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_stacks_peek(struct cairn_stacks *stacks, cairn_va at,
                  struct cairn_stack *out, enum cairn_area_part *part);

CAIRN_END_DECLS

#endif
