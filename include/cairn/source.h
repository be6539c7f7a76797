/*
 * cairn/source.h - where single frames come from.
 *
 * Code that builds page tables needs frames long before the persistent frame
 * allocator exists.  It takes them from a cairn_source, and does not know
 * which allocator is behind it: the early one, the persistent one, one that is
 * always empty, or one of the host's own.
 */
#ifndef CAIRN_SOURCE_H
#define CAIRN_SOURCE_H

#include <cairn/status.h>
#include <cairn/types.h>

CAIRN_BEGIN_DECLS

struct cairn_source {
    /* One frame for any purpose.  CAIRN_OK or CAIRN_NO_MEMORY. */
    enum cairn_status (*alloc)(void *context, cairn_pfn *out);
    /* One frame for a page table: may draw on a reserve kept for them. */
    enum cairn_status (*alloc_table)(void *context, cairn_pfn *out);
    void *context; /* handed to both */
};

/*
 * Take one frame, contents unspecified.
 *
 *   out  written only on CAIRN_OK
 *
 * Returns  CAIRN_OK; CAIRN_NO_MEMORY.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_source_alloc(const struct cairn_source *source, cairn_pfn *out);
CAIRN_MUST_CHECK enum cairn_status
cairn_source_alloc_table(const struct cairn_source *source, cairn_pfn *out);

/* A source without frames: for code that must not need any. */
struct cairn_source cairn_source_empty(void);

CAIRN_END_DECLS

#endif
