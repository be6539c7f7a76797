/*
 * memmap/draft.h - the next version of a map, while it is written.
 *
 * Changes never edit the list of ranges: they write a complete new one into
 * the map's spare storage, in ascending order, and commit it.
 */
#ifndef CAIRN__MEMMAP_DRAFT_H
#define CAIRN__MEMMAP_DRAFT_H

#include <cairn/memmap.h>

struct cairn__draft {
    struct cairn_memmap *map;
    size_t count;
    bool is_full;
};

void cairn__draft_begin(struct cairn__draft *draft, struct cairn_memmap *map);

/*
 * Append [start, end), which must not begin below the end of the last one.
 * Empty ranges and holes are dropped; neighbours of one kind are merged.
 */
void cairn__draft_emit(struct cairn__draft *draft, uint64_t start, uint64_t end,
                       enum cairn_memory_kind kind);

/* The same for usable memory: what lies below the map's floor is LOW. */
void cairn__draft_emit_usable(struct cairn__draft *draft, uint64_t start,
                              uint64_t end);

/* Make the draft the map: CAIRN_OK, or CAIRN_NO_SPACE and nothing changes. */
CAIRN_MUST_CHECK enum cairn_status
cairn__draft_commit(struct cairn__draft *draft);

#endif
