/*
 * cairn/report.h - what the library knows, as lines of text.
 *
 * Every function writes lines of at most 79 characters to a sink of the
 * caller, so that a monitor, a log and a test can show the same report.
 *
 * Context  any in which the sink may be called; no lock is held meanwhile.
 */
#ifndef CAIRN_REPORT_H
#define CAIRN_REPORT_H

#include <cairn/early.h>
#include <cairn/memmap.h>

CAIRN_BEGIN_DECLS

struct cairn_sink {
    void (*line)(void *context, const char *text); /* without '\n' */
    void *context;
};

/* Bytes of each kind, holes, and the totals. */
void cairn_report_memmap_summary(const struct cairn_memmap *map,
                                 const struct cairn_sink *sink);

/* Up to `count` ranges from number `first` on: start, end, size, kind. */
void cairn_report_memmap_entries(const struct cairn_memmap *map, size_t first,
                                 size_t count, const struct cairn_sink *sink);

/* Frames handed out and free, the reserve, and the log. */
void cairn_report_early(struct cairn_early *early,
                        const struct cairn_sink *sink);

CAIRN_END_DECLS

#endif
