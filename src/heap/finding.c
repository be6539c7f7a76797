/*
 * heap/finding.c - what level debug and guards have found: text, log, count.
 *
 * HOW    A finding is collected first, then the heap is put in order, and only
 *        then is it told: a panic may be left by a jump, and the block in
 *        question is free by then if that was what the call was for.
 *
 * FILLS  Of more than two pages, the first and the last are filled and looked
 *        at: mistakes happen at ends, and a megabyte must not cost what a
 *        megabyte costs to write.
 *
 * LOCKS  The heap's, for the last finding.
 *
 * TESTS  tests/heap_debug.c, tests/heap_misuse.c
 */
#include "base/assert.h"
#include "base/lock.h"
#include "base/memory.h"
#include "heap/debug.h"
#include <cairn/format.h>

#define WORD sizeof(uintptr_t)

/* A word anywhere, of whatever bytes. */
typedef uintptr_t loose_word __attribute__((may_alias, aligned(1)));

/* ---- Text ---------------------------------------------------------------- */

struct text {
    char *buffer;
    size_t used;
};

static void CAIRN_PRINTF(2, 3) add(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    text->used += cairn_format_va(text->buffer + text->used,
                                  CAIRN_HEAP_FINDING_BYTES - text->used, format,
                                  arguments);
    va_end(arguments);
    if (text->used >= CAIRN_HEAP_FINDING_BYTES)
        text->used = CAIRN_HEAP_FINDING_BYTES - 1;
}

const char *cairn_heap_finding_text(const struct cairn_heap_finding *finding,
                                    char buffer[CAIRN_HEAP_FINDING_BYTES])
{
    struct text text = {.buffer = buffer};

    add(&text, "heap: %p: %s",
        (void *)(finding->block != 0 ? finding->block : finding->address),
        cairn_status_text(finding->status));
    if (finding->block != 0) {
        add(&text, " at byte %td; %zu bytes",
            (ptrdiff_t)(finding->address - finding->block), finding->size);
        add(&text, ", allocated by %p as number %zu",
            (void *)finding->alloc_site, finding->sequence);
    }
    if (finding->free_site != 0)
        add(&text, ", freed by %p", (void *)finding->free_site);
    if (finding->site != 0)
        add(&text, "; met by %p", (void *)finding->site);
    return buffer;
}

/* ---- Tell ---------------------------------------------------------------- */

static void count(struct cairn_heap *heap,
                  const struct cairn_heap_finding *finding)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);

    heap->found = *finding;
    heap->found_count++;
    cairn__lock_release(&heap->lock, state);
}

void cairn__heap_note(struct cairn_heap *heap,
                      const struct cairn_heap_finding *finding)
{
    char text[CAIRN_HEAP_FINDING_BYTES];

    count(heap, finding);
    cairn_platform_log(CAIRN_LOG_ERROR, cairn_heap_finding_text(finding, text));
}

enum cairn_status cairn__heap_found(struct cairn_heap *heap,
                                    const struct cairn_heap_finding *finding)
{
    char text[CAIRN_HEAP_FINDING_BYTES];

    cairn__heap_note(heap, finding);
    if (heap->config.misuse == CAIRN_MISUSE_PANIC)
        cairn__panic("%s", cairn_heap_finding_text(finding, text));
    return finding->status;
}

size_t cairn_heap_findings(struct cairn_heap *heap,
                           struct cairn_heap_finding *last)
{
    unsigned long state;
    size_t result;

    if (heap->engine == NULL)
        return 0;
    state = cairn__lock_acquire(&heap->lock);
    result = heap->found_count;
    if (result != 0 && last != NULL)
        *last = heap->found;
    cairn__lock_release(&heap->lock, state);
    return result;
}

/* ---- Fills --------------------------------------------------------------- */

void cairn__fill(uintptr_t start, size_t bytes, uint8_t value)
{
    if (bytes <= 2 * CAIRN__PAGE) {
        memset((void *)start, value, bytes);
        return;
    }
    memset((void *)start, value, CAIRN__PAGE);
    memset((void *)(start + bytes - CAIRN__PAGE), value, CAIRN__PAGE);
}

static CAIRN_NOINLINE uintptr_t other_byte(uintptr_t at, uintptr_t end,
                                           uint8_t value)
{
    for (; at < end; at++) {
        if (*(const uint8_t *)at != value)
            return at;
    }
    return 0;
}

static inline uintptr_t other_word(uintptr_t at, uintptr_t pattern)
{
    return *(const loose_word *)at ^ pattern;
}

/* Of one to four words, which may overlap. */
static inline uintptr_t other_few(uintptr_t start, uintptr_t end,
                                  uintptr_t pattern)
{
    uintptr_t last = end - WORD;
    uintptr_t second = start + WORD < last ? start + WORD : last;
    uintptr_t third = last - WORD > start ? last - WORD : start;

    return other_word(start, pattern) | other_word(second, pattern) |
           other_word(third, pattern) | other_word(last, pattern);
}

/*
 * By fours, of which the last one is wherever the end is: so there is one
 * branch that a CPU may guess wrongly, not one a word and one a byte.
 */
static uintptr_t other_in(uintptr_t start, uintptr_t end, uint8_t value)
{
    uintptr_t pattern = UINTPTR_MAX / 0xff * value;
    uintptr_t other = 0;

    if (end - start < WORD)
        return other_byte(start, end, value);
    if (end - start <= 4 * WORD) {
        other = other_few(start, end, pattern);
        return other == 0 ? 0 : other_byte(start, end, value);
    }
    for (uintptr_t at = start; end - at > 4 * WORD; at += 4 * WORD)
        other |= other_word(at, pattern) | other_word(at + WORD, pattern) |
                 other_word(at + 2 * WORD, pattern) |
                 other_word(at + 3 * WORD, pattern);
    other |= other_few(end - 4 * WORD, end, pattern);
    return other == 0 ? 0 : other_byte(start, end, value);
}

uintptr_t cairn__find_other(uintptr_t start, size_t bytes, uint8_t value)
{
    uintptr_t end = start + bytes;
    uintptr_t found;

    if (bytes <= 2 * CAIRN__PAGE)
        return other_in(start, end, value);
    found = other_in(start, start + CAIRN__PAGE, value);
    return found != 0 ? found : other_in(end - CAIRN__PAGE, end, value);
}
