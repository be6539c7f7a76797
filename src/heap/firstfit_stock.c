/*
 * heap/firstfit_stock.c - descriptors of heap pages.
 *
 * HOW    Two stocks, of descriptors with and without bits, cut out of pages of
 *        the source.  A page begins with its list of descriptors that are not
 *        in use; pages with such descriptors are in a list.  A page of which
 *        none is in use goes back, unless it is the only such one of the stock.
 *
 * LOCKS  The heap's, for all of it.
 */
#include "heap/firstfit.h"

#include "base/align.h"
#include "base/lock.h"

/* What a step in the tree reads shall be in one line of the cache. */
#define LINE 64u

/* A descriptor that is not in use. */
struct unused {
    struct unused *next;
};

struct cairn__heap_shelf {
    struct cairn__heap_shelf *next;     /* in the list of the stock */
    struct cairn__heap_shelf *previous; /* NULL: the first, or in no list */
    struct unused *unused;
    size_t used_count;
};

static size_t bytes_of(bool is_divided)
{
    size_t bytes = sizeof(struct cairn__heap_run);

    if (is_divided)
        bytes += 2 * CAIRN__HEAP_RUN_WORDS * sizeof(uint64_t);
    return (size_t)cairn__align_up(bytes, LINE);
}

/* ---- Lists of pages [lock] ----------------------------------------------- */

static void push(struct cairn__heap_stock *stock,
                 struct cairn__heap_shelf *shelf)
{
    shelf->previous = NULL;
    shelf->next = stock->shelves;
    if (shelf->next != NULL)
        shelf->next->previous = shelf;
    stock->shelves = shelf;
}

static void pull(struct cairn__heap_stock *stock,
                 struct cairn__heap_shelf *shelf)
{
    if (shelf->next != NULL)
        shelf->next->previous = shelf->previous;
    if (shelf->previous != NULL)
        shelf->previous->next = shelf->next;
    else
        stock->shelves = shelf->next;
}

/* NULL: there is none. */
static void *pop_unused(struct cairn__heap_stock *stock)
{
    struct cairn__heap_shelf *shelf = stock->shelves;
    struct unused *unused;

    if (shelf == NULL)
        return NULL;
    unused = shelf->unused;
    shelf->unused = unused->next;
    if (shelf->used_count++ == 0)
        stock->empty_count--;
    if (shelf->unused == NULL)
        pull(stock, shelf);
    return unused;
}

/* Returns the page if it is to be given back, else NULL. */
static void *push_unused(struct cairn__heap_stock *stock, void *descriptor)
{
    struct unused *unused = descriptor;
    struct cairn__heap_shelf *shelf =
        (struct cairn__heap_shelf *)((uintptr_t)descriptor &
                                     ~(uintptr_t)(CAIRN__PAGE - 1));

    if (shelf->unused == NULL)
        push(stock, shelf);
    unused->next = shelf->unused;
    shelf->unused = unused;
    if (--shelf->used_count != 0)
        return NULL;
    if (stock->empty_count++ == 0)
        return NULL;
    stock->empty_count--;
    pull(stock, shelf);
    return shelf;
}

/* ---- For all ------------------------------------------------------------- */

static void give_page(struct cairn_heap *heap, void *page)
{
    if (page != NULL)
        cairn__heap_give_meta(heap, page, 1);
}

static void cut(struct cairn__heap_shelf *shelf, size_t bytes)
{
    uintptr_t page = (uintptr_t)shelf;
    struct unused *unused;

    for (size_t at = (CAIRN__PAGE - LINE) / bytes; at > 0; at--) {
        unused = (struct unused *)(page + LINE + (at - 1) * bytes);
        unused->next = shelf->unused;
        shelf->unused = unused;
    }
}

struct cairn__heap_run *cairn__heap_run_take(struct cairn_heap *heap,
                                             bool is_divided)
{
    struct cairn__heap_stock *stock = &heap->firstfit.stocks[is_divided];
    unsigned long state = cairn__lock_acquire(&heap->lock);
    void *descriptor = pop_unused(stock);
    struct cairn__heap_shelf *shelf;

    cairn__lock_release(&heap->lock, state);
    if (descriptor != NULL)
        return descriptor;
    shelf = cairn__heap_take_meta(heap, 1);
    if (shelf == NULL)
        return NULL;
    cut(shelf, bytes_of(is_divided));
    state = cairn__lock_acquire(&heap->lock);
    push(stock, shelf);
    stock->empty_count++;
    descriptor = pop_unused(stock);
    cairn__lock_release(&heap->lock, state);
    return descriptor;
}

void cairn__heap_run_give(struct cairn_heap *heap, struct cairn__heap_run *run,
                          bool is_divided)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);
    void *page = push_unused(&heap->firstfit.stocks[is_divided], run);

    cairn__lock_release(&heap->lock, state);
    give_page(heap, page);
}

/* A page of which nothing is in use, or NULL. */
static void *pull_empty(struct cairn_heap *heap,
                        struct cairn__heap_stock *stock)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);
    struct cairn__heap_shelf *shelf = NULL;

    if (stock->empty_count != 0) {
        shelf = stock->shelves;
        while (shelf->used_count != 0)
            shelf = shelf->next;
        pull(stock, shelf);
        stock->empty_count--;
    }
    cairn__lock_release(&heap->lock, state);
    return shelf;
}

void cairn__heap_run_trim(struct cairn_heap *heap)
{
    for (unsigned i = 0; i < 2; i++)
        give_page(heap, pull_empty(heap, &heap->firstfit.stocks[i]));
}
