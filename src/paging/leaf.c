/*
 * paging/leaf.c - what entries that map memory say.
 *
 * SOURCE Intel SDM vol. 3A, section "4-Level Paging and 5-Level Paging", tables
 *        of the formats of entries; section "Paging and Memory Typing".
 *
 * TESTS  tests/host/paging_*.c
 */
#include "paging/cursor.h"

static enum cairn_cache cache_of(const struct cairn_pagetable *table,
                                 uint64_t kind)
{
    const uint64_t mask =
        CAIRN__ENTRY_PWT | CAIRN__ENTRY_PCD | CAIRN__ENTRY_PAT;
    unsigned cache = CAIRN_CACHE_UC;

    while (cache > CAIRN_CACHE_WB && table->cache_bits[cache] != (kind & mask))
        cache--;
    return (enum cairn_cache)cache;
}

static unsigned rights_of(const struct cairn_pagetable *table, uint64_t kind)
{
    unsigned rights = 0;

    if ((kind & CAIRN__ENTRY_RW) != 0)
        rights |= CAIRN_PAGE_WRITE;
    if ((kind & CAIRN__ENTRY_US) != 0)
        rights |= CAIRN_PAGE_USER;
    if ((kind & CAIRN__ENTRY_G) != 0)
        rights |= CAIRN_PAGE_GLOBAL;
    if ((kind & table->nx_bit) == 0)
        rights |= CAIRN_PAGE_EXEC;
    return rights;
}

void cairn__cursor_describe(const struct cairn_pagetable *table, uint64_t va,
                            unsigned level, uint64_t entry,
                            struct cairn_mapping *out)
{
    uint64_t span = cairn__span(table->format, level);
    uint64_t kind = cairn__leaf_kind(level, entry);

    *out = (struct cairn_mapping){.start = {va},
                                  .bytes = span - (va & (span - 1))};
    if ((entry & CAIRN__ENTRY_P) == 0)
        return;
    out->is_mapped = true;
    out->phys.value =
        cairn__leaf_phys(table->format, level, entry) + (va & (span - 1));
    out->page_bytes = span;
    out->rights = rights_of(table, kind);
    out->cache = cache_of(table, kind);
    out->is_accessed = (entry & CAIRN__ENTRY_A) != 0;
    out->is_dirty = (entry & CAIRN__ENTRY_D) != 0;
}

bool cairn__mapping_goes_on(const struct cairn_mapping *last,
                            const struct cairn_mapping *next)
{
    return last->start.value + last->bytes == next->start.value &&
           last->is_mapped == next->is_mapped &&
           (!last->is_mapped ||
            (last->phys.value + last->bytes == next->phys.value &&
             last->page_bytes == next->page_bytes &&
             last->rights == next->rights && last->cache == next->cache &&
             last->is_accessed == next->is_accessed &&
             last->is_dirty == next->is_dirty));
}
