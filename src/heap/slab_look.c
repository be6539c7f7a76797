/*
 * heap/slab_look.c - the slab engine seen from outside: count, walk, check.
 */
#include "base/bits.h"
#include "base/memory.h"
#include "heap/directory.h"
#include "heap/engine.h"

static uintptr_t end_of(const struct cairn__slab *slab)
{
    return cairn__slab_start(slab) + cairn__slab_pages(slab) * CAIRN__PAGE;
}

/* The slab after `slab`, or the first if that is NULL; NULL: there is none. */
static struct cairn__slab *next_slab(const struct cairn_heap *heap,
                                     const struct cairn__slab *slab)
{
    return cairn__directory_next(heap, slab == NULL ? heap->config.source.start
                                                    : end_of(slab));
}

static size_t block_bytes(const struct cairn__slab *slab)
{
    return slab->bytes != 0 ? slab->bytes : slab->large_bytes;
}

static bool has_bit(const cairn__word *words, unsigned index)
{
    return (words[index / CAIRN__WORD_BITS] >> index % CAIRN__WORD_BITS & 1) !=
           0;
}

/* Is that block of the slab in the bin: in its word, or in its array? */
static bool is_in_bin(const struct cairn__bin *bin,
                      const struct cairn__slab *slab, unsigned index)
{
    uintptr_t start = slab->base + (uintptr_t)index * slab->bytes;
    uintptr_t nth = (start - bin->word_start) / slab->bytes;

    if (start >= bin->word_start && nth < CAIRN__WORD_BITS &&
        (bin->word >> nth & 1) != 0)
        return true;
    for (const struct cairn__free_block *at = bin->top; at != bin->none; at--) {
        if (at->start == start)
            return true;
    }
    return false;
}

/* The same without states: is it anywhere where free blocks are? */
static bool is_found_free(const struct cairn_heap *heap,
                          struct cairn__slab *slab, unsigned index)
{
    if (has_bit(slab->words, index) || has_bit(cairn__slab_remote(slab), index))
        return true;
    for (unsigned i = 0; i < heap->config.cpu_count; i++) {
        if (is_in_bin(&heap->cpus[i].bins[slab->number], slab, index))
            return true;
    }
    return false;
}

static bool is_free(const struct cairn_heap *heap, struct cairn__slab *slab,
                    unsigned index)
{
    if (heap->is_believing && slab->bytes != 0)
        return is_found_free(heap, slab, index);
    return __atomic_load_n(&slab->states[index], __ATOMIC_RELAXED) ==
           CAIRN__BLOCK_FREE;
}

void cairn__slab_stats(struct cairn_heap *heap, struct cairn_heap_stats *out)
{
    struct cairn__slab *slab = next_slab(heap, NULL);

    for (; slab != NULL; slab = next_slab(heap, slab)) {
        size_t live = 0;

        for (unsigned i = 0; i < slab->count; i++)
            live += !is_free(heap, slab, i);
        out->live_blocks += live;
        out->live_bytes += live * block_bytes(slab);
        out->kept_bytes += (slab->count - live) * block_bytes(slab);
    }
}

void cairn__slab_walk(struct cairn_heap *heap, cairn__heap_visitor visit,
                      void *context)
{
    struct cairn__slab *slab = next_slab(heap, NULL);
    struct cairn_heap_block block;

    for (; slab != NULL; slab = next_slab(heap, slab)) {
        block.bytes = block_bytes(slab);
        for (unsigned i = 0; i < slab->count; i++) {
            block.start = (void *)(slab->base + i * block.bytes);
            block.index = i;
            block.is_free = is_free(heap, slab, i);
            if (!visit(context, &block))
                return;
        }
    }
}

void cairn__slab_pages_walk(struct cairn_heap *heap,
                            cairn__heap_page_visitor visit, void *context)
{
    struct cairn__slab *slab = next_slab(heap, NULL);
    struct cairn_heap_page page;

    for (; slab != NULL; slab = next_slab(heap, slab)) {
        page.start = (void *)slab->base;
        page.bytes = cairn__slab_pages(slab) * CAIRN__PAGE;
        page.first.start = page.start;
        page.first.bytes = block_bytes(slab);
        page.first.is_free = is_free(heap, slab, 0);
        page.free_bytes = 0;
        for (unsigned i = 0; i < slab->count; i++)
            page.free_bytes += is_free(heap, slab, i) ? page.first.bytes : 0;
        if (!visit(context, &page))
            return;
    }
}

/* ---- Check --------------------------------------------------------------- */

static bool leads_to(const struct cairn_heap *heap, struct cairn__slab *slab)
{
    size_t pages = slab->bytes == 0 ? 1 : slab->page_count;

    for (size_t i = 0; i < pages; i++) {
        if (cairn__heap_find(heap, cairn__slab_start(slab) + i * CAIRN__PAGE) !=
            slab)
            return false;
    }
    return true;
}

/* Of a slab: H1, H2, the first half of H3, and H4. */
static unsigned check_slab(const struct cairn_heap *heap,
                           struct cairn__slab *slab)
{
    unsigned free_count = 0;

    if (!leads_to(heap, slab))
        return 1;
    for (unsigned i = 0; slab->bytes != 0 && i < slab->count; i++) {
        bool is_in = has_bit(slab->words, i);

        free_count += is_in;
        if (is_in && !is_free(heap, slab, i))
            return 2;
        if (is_in && has_bit(cairn__slab_remote(slab), i))
            return 3;
    }
    if (free_count != slab->free_count)
        return 2;
    return slab->bytes != 0 && (slab->free_count != 0) != slab->is_listed ? 4
                                                                          : 0;
}

static bool is_good(const struct cairn_heap *heap,
                    const struct cairn__free_block *block, unsigned number)
{
    const struct cairn__slab *slab = cairn__heap_find(heap, block->start);
    unsigned index;

    if (slab->number != number)
        return false;
    if (slab->bytes == 0)
        return *block->state == CAIRN__BLOCK_FREE;
    index = cairn__slab_block(slab, block->start - slab->base);
    if (index == CAIRN__SLAB_BLOCKS_MAX || has_bit(slab->words, index))
        return false;
    return heap->is_believing || (block->state == &slab->states[index] &&
                                  *block->state == CAIRN__BLOCK_FREE);
}

/* Of a bin: H3 (its word), H4 and H5. */
unsigned cairn__slab_check_bin(const struct cairn_heap *heap,
                               const struct cairn__heap_cpu *cpu,
                               unsigned number)
{
    const struct cairn__bin *bin = &cpu->bins[number];
    struct cairn__slab *slab;
    unsigned index;

    if (bin->word != 0) {
        slab = cairn__heap_find(heap, bin->word_start);
        index = (unsigned)(bin->word_states - slab->states);
        if ((slab->words[index / CAIRN__WORD_BITS] & bin->word) != 0)
            return 3;
    }
    for (slab = bin->slabs; slab != NULL; slab = slab->next) {
        if (slab->owner != cpu || slab->number != number ||
            slab->free_count == 0)
            return 4;
    }
    for (const struct cairn__free_block *at = bin->top; at != bin->none; at--) {
        if (!is_good(heap, at, number))
            return 5;
    }
    return 0;
}

static unsigned check_counts(const struct cairn_heap *heap,
                             const struct cairn__heap_cpu *cpu)
{
    uint32_t counts[CAIRN__CLASS_LARGE] = {0};
    struct cairn__slab *slab = next_slab(heap, NULL);

    for (; slab != NULL; slab = next_slab(heap, slab)) {
        if (slab->bytes != 0 && slab->owner == cpu)
            counts[slab->number]++;
    }
    for (unsigned i = 1; i < CAIRN__CLASS_LARGE; i++) {
        if (counts[i] != cpu->bins[i].slab_count)
            return 6;
    }
    return 0;
}

unsigned cairn__slab_check(struct cairn_heap *heap)
{
    struct cairn__slab *slab = next_slab(heap, NULL);
    unsigned wrong = 0;

    for (; slab != NULL && wrong == 0; slab = next_slab(heap, slab))
        wrong = check_slab(heap, slab);
    for (unsigned i = 0; i < heap->config.cpu_count && wrong == 0; i++) {
        for (unsigned j = 1; j < CAIRN_HEAP_CLASSES && wrong == 0; j++)
            wrong = cairn__slab_check_bin(heap, &heap->cpus[i], j);
        if (wrong == 0)
            wrong = check_counts(heap, &heap->cpus[i]);
    }
    return wrong;
}
