/*
 * heap/debug.h - level debug, and guards: what the front sees of them.
 */
#ifndef CAIRN__HEAP_DEBUG_H
#define CAIRN__HEAP_DEBUG_H

#include "heap/engine.h"
#include <cairn/heap_debug.h>

/* ---- Findings (finding.c) ------------------------------------------------ */

/* Log it, count it, and panic if the configuration says so; no lock is held. */
enum cairn_status cairn__heap_found(struct cairn_heap *heap,
                                    const struct cairn_heap_finding *finding);

/* The same, but never a panic. */
void cairn__heap_note(struct cairn_heap *heap,
                      const struct cairn_heap_finding *finding);

/* Fill at most a page at either end. */
void cairn__fill(uintptr_t start, size_t bytes, uint8_t value);

/* The first byte that is not what cairn__fill has written; 0: all are. */
uintptr_t cairn__find_other(uintptr_t start, size_t bytes, uint8_t value);

/* ---- Level debug (debug.c) ----------------------------------------------- */

/* What a call wants. */
struct cairn__heap_call {
    size_t size;
    size_t align;   /* a power of two */
    unsigned flags; /* CAIRN_HEAP_* */
    uintptr_t site;
};

/* Instead of an engine of its own: another heap below, with that engine. */
enum cairn_status cairn__debug_init(struct cairn_heap *heap);

void *cairn__debug_alloc(struct cairn_heap *heap,
                         const struct cairn__heap_call *call);

/* `size`: what the caller believes it is; NULL: it says nothing. */
enum cairn_status cairn__debug_free(struct cairn_heap *heap, void *block,
                                    const size_t *size, uintptr_t site);

void *cairn__debug_realloc(struct cairn_heap *heap, void *block, size_t size,
                           uintptr_t site);

/* The heap below; NULL: another level. */
struct cairn_heap *cairn__debug_below(struct cairn_heap *heap);

void cairn__debug_retire(struct cairn_heap *heap, unsigned cpu);
void cairn__debug_resume(struct cairn_heap *heap, unsigned cpu);

/* Show what is allocated: a size that nobody wants in site->sequence. */
typedef void (*cairn__site_visitor)(void *context,
                                    const struct cairn_heap_site *block);
void cairn__debug_live(struct cairn_heap *heap, cairn__site_visitor visit,
                       void *context);

/* ---- Guards (guard.c) ---------------------------------------------------- */

bool cairn__guards_valid(const struct cairn_heap_config *config);

enum cairn_status cairn__guards_init(struct cairn_heap *heap);

/* A guarded block, if it is time for one; else NULL. */
void *cairn__guard_alloc(struct cairn_heap *heap,
                         const struct cairn__heap_call *call);

/* Is that an address of the guards? */
bool cairn__guard_has(const struct cairn_heap *heap, const void *block);

/* Of what cairn__guard_has: */
enum cairn_status cairn__guard_free(struct cairn_heap *heap, void *block,
                                    const size_t *size, uintptr_t site);
size_t cairn__guard_usable(const struct cairn_heap *heap, const void *block);
void cairn__guard_stats(const struct cairn_heap *heap,
                        struct cairn_heap_stats *out);
unsigned cairn__guard_check(struct cairn_heap *heap);
void cairn__guard_live(struct cairn_heap *heap, cairn__site_visitor visit,
                       void *context);

#endif
