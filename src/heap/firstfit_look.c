/*
 * heap/firstfit_look.c - the first-fit engine seen from outside: count, walk,
 * check.
 */
#include "base/align.h"
#include "base/lock.h"
#include "heap/firstfit.h"

static struct cairn__heap_run *lowest(struct cairn__heap_run *root)
{
    return cairn__heap_run_first(root, 0);
}

void cairn__firstfit_stats(struct cairn_heap *heap,
                           struct cairn_heap_stats *out)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);

    out->live_blocks = heap->firstfit.live_blocks;
    out->live_bytes = heap->firstfit.live_bytes;
    out->kept_bytes = heap->firstfit.free_bytes;
    cairn__lock_release(&heap->lock, state);
}

/* ---- Walk ---------------------------------------------------------------- */

/* The segment that begins at unit `at`; returns its units. */
static size_t segment_at(struct cairn__heap_run *run, size_t at,
                         struct cairn_heap_block *out)
{
    size_t units;

    out->start = (void *)(run->base + at * CAIRN__UNIT);
    out->is_free = false;
    if (run->unit_count == 0) {
        out->bytes = run->page_count * CAIRN__PAGE;
        return 1;
    }
    out->is_free = !cairn__bitmap_test(run->bits, at);
    units = out->is_free
                ? cairn__bitmap_next_set(run->bits, at, run->unit_count) - at
                : cairn__heap_run_block(run, at);
    out->bytes = units * CAIRN__UNIT;
    return units;
}

static bool walk_run(struct cairn__heap_run *run, cairn__heap_visitor visit,
                     void *context)
{
    struct cairn_heap_block block = {.index = 0};
    size_t at = 0;

    for (;; block.index++) {
        at += segment_at(run, at, &block);
        if (!visit(context, &block))
            return false;
        if (at >= run->unit_count)
            return true;
    }
}

void cairn__firstfit_walk(struct cairn_heap *heap, cairn__heap_visitor visit,
                          void *context)
{
    struct cairn__heap_run *run = lowest(heap->firstfit.root);

    while (run != NULL && walk_run(run, visit, context))
        run = cairn__heap_run_next(run, 0);
}

void cairn__firstfit_pages(struct cairn_heap *heap,
                           cairn__heap_page_visitor visit, void *context)
{
    struct cairn__heap_run *run = lowest(heap->firstfit.root);
    struct cairn_heap_page page;

    for (; run != NULL; run = cairn__heap_run_next(run, 0)) {
        page.start = (void *)run->base;
        page.bytes = run->page_count * CAIRN__PAGE;
        page.free_bytes = run->free_count * CAIRN__UNIT;
        (void)segment_at(run, 0, &page.first);
        if (!visit(context, &page))
            return;
    }
}

/* ---- Check --------------------------------------------------------------- */

/* Sums over all heap pages. */
struct sums {
    size_t blocks;
    size_t live_bytes;
    size_t free_bytes;
    size_t pages;
};

/* F2 and F3. */
static unsigned check_links(const struct cairn_heap *heap,
                            const struct cairn__heap_run *run)
{
    const struct cairn__heap_run *below[2] = {run->left, run->right};
    uint16_t most = run->longest;

    if (run->parent == NULL && heap->firstfit.root != run)
        return 2;
    for (unsigned i = 0; i < 2; i++) {
        if (below[i] == NULL)
            continue;
        if (below[i]->parent != run ||
            cairn__heap_run_priority(below[i]) > cairn__heap_run_priority(run))
            return 2;
        if (below[i]->most > most)
            most = below[i]->most;
    }
    return most == run->most ? 0 : 3;
}

/* F4 and F5, of a divided one; adds up what is in it. */
static unsigned check_bits(struct cairn__heap_run *run, struct sums *sums)
{
    struct cairn_heap_block block;
    size_t free_count = 0;
    size_t longest = 0;
    size_t units;

    for (size_t at = 0; at < run->unit_count; at += units) {
        bool is_start = cairn__bitmap_test(cairn__heap_run_starts(run), at);

        units = segment_at(run, at, &block);
        if (is_start == block.is_free)
            return 5;
        if (!block.is_free) {
            sums->blocks++;
            continue;
        }
        if (cairn__bitmap_next_set(cairn__heap_run_starts(run), at,
                                   at + units) != at + units)
            return 5;
        free_count += units;
        longest = (size_t)cairn__max(longest, units);
    }
    sums->free_bytes += free_count * CAIRN__UNIT;
    sums->live_bytes += (run->unit_count - free_count) * CAIRN__UNIT;
    return free_count == run->free_count && longest == run->longest ? 0 : 4;
}

static unsigned check_run(const struct cairn_heap *heap,
                          struct cairn__heap_run *run, struct sums *sums)
{
    unsigned wrong = check_links(heap, run);

    sums->pages += run->page_count;
    if (wrong == 0 && run->unit_count != 0 &&
        run->free_count == run->unit_count && run != heap->firstfit.spare)
        return 8;
    if (wrong == 0 && run->unit_count != 0)
        return check_bits(run, sums);
    sums->blocks++;
    sums->live_bytes += run->page_count * CAIRN__PAGE;
    return wrong == 0 && run->free_count + run->longest != 0 ? 4 : wrong;
}

unsigned cairn__firstfit_check(struct cairn_heap *heap)
{
    struct sums sums = {0, 0, 0, 0};
    struct cairn__heap_run *run = lowest(heap->firstfit.root);
    struct cairn__heap_run *next;
    unsigned wrong = 0;

    for (; run != NULL && wrong == 0; run = next) {
        next = cairn__heap_run_next(run, 0);
        if (next != NULL && next->base < cairn__heap_run_end(run))
            return 1;
        wrong = check_run(heap, run, &sums);
    }
    if (wrong != 0)
        return wrong;
    if (sums.blocks != heap->firstfit.live_blocks ||
        sums.live_bytes != heap->firstfit.live_bytes ||
        sums.free_bytes != heap->firstfit.free_bytes)
        return 6;
    return sums.pages + heap->meta_pages == heap->source_pages ? 0 : 7;
}
