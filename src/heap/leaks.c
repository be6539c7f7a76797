/*
 * heap/leaks.c - live blocks, by the call that has allocated them.
 *
 * HOW    Each pass over the live blocks collects the FEW lowest sites above
 *        those of the pass before, in a sorted array on the stack: no memory
 *        is needed, however many sites there are.
 *
 * TESTS  tests/heap_leaks.c
 */
#include "heap/debug.h"

#define FEW 32u

struct pass {
    uintptr_t after; /* sites up to here have been shown */
    bool is_first;   /* none has been */
    unsigned count;
    struct cairn_heap_site sites[FEW];
};

static void merge(struct cairn_heap_site *site,
                  const struct cairn_heap_site *block)
{
    site->blocks += block->blocks;
    site->bytes += block->bytes;
    if (block->sequence < site->sequence)
        site->sequence = block->sequence;
}

/* The last one makes room if the array is full. */
static void insert(struct pass *pass, unsigned at,
                   const struct cairn_heap_site *block)
{
    if (pass->count < FEW)
        pass->count++;
    for (unsigned i = pass->count - 1; i > at; i--)
        pass->sites[i] = pass->sites[i - 1];
    pass->sites[at] = *block;
}

static void collect(void *context, const struct cairn_heap_site *block)
{
    struct pass *pass = context;
    unsigned at = pass->count;

    if (!pass->is_first && block->site <= pass->after)
        return;
    while (at > 0 && pass->sites[at - 1].site > block->site)
        at--;
    if (at > 0 && pass->sites[at - 1].site == block->site)
        merge(&pass->sites[at - 1], block);
    else if (at < FEW)
        insert(pass, at, block);
}

void cairn_heap_leaks(struct cairn_heap *heap,
                      void (*visit)(void *context,
                                    const struct cairn_heap_site *site),
                      void *context)
{
    struct pass pass = {.is_first = true};

    do {
        pass.count = 0;
        if (heap->debug != NULL)
            cairn__debug_live(heap, collect, &pass);
        if (heap->guarded != NULL)
            cairn__guard_live(heap, collect, &pass);
        for (unsigned i = 0; i < pass.count; i++)
            visit(context, &pass.sites[i]);
        if (pass.count != 0)
            pass.after = pass.sites[pass.count - 1].site;
        pass.is_first = false;
    } while (pass.count == FEW);
}
