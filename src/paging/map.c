/*
 * paging/map.c - one call, one transaction.
 *
 * TESTS  tests/host/paging_map.c
 */
#include <cairn/map.h>

#include "base/align.h"
#include "paging/cursor.h"
#include <cairn/format.h>

/* ---- Map ----------------------------------------------------------------- */

static enum cairn_status map_run(struct cairn_pagetable *table, cairn_va va,
                                 struct cairn_phys_range phys,
                                 const struct cairn_page_policy *policy)
{
    struct cairn_cursor cursor;
    uint64_t bytes = cairn_phys_range_bytes(phys);
    uint64_t limit = policy->page_limit != 0 ? policy->page_limit : UINT64_MAX;
    enum cairn_status status =
        bytes == CAIRN_FRAME_SIZE
            ? cairn_cursor_begin(&cursor, table, va, bytes, CAIRN_INTENT_MAP)
            : cairn_cursor_begin_run(&cursor, table, va, phys, limit);

    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_map(&cursor, phys.start, bytes, policy);
    cairn_cursor_end(&cursor);
    return status;
}

enum cairn_status cairn_map_range(struct cairn_pagetable *table, cairn_va va,
                                  struct cairn_phys_range phys,
                                  const struct cairn_page_policy *policy)
{
    return phys.start.value == phys.end.value
               ? CAIRN_OK
               : map_run(table, va, phys, policy);
}

enum cairn_status cairn_map_page(struct cairn_pagetable *table, cairn_va va,
                                 cairn_phys phys,
                                 const struct cairn_page_policy *policy)
{
    struct cairn_phys_range one = {phys, {phys.value + CAIRN_FRAME_SIZE}};

    return map_run(table, va, one, policy);
}

/* Has the format such pages? */
static bool is_page_size(const struct cairn_pagetable *table,
                         uint64_t page_bytes)
{
    const struct cairn__paging_format *format = table->format;

    for (unsigned level = 2; level <= format->levels; level++) {
        if ((format->leaf_levels >> level & 1) != 0 &&
            cairn__span(format, level) == page_bytes)
            return true;
    }
    return false;
}

enum cairn_status cairn_map_large(struct cairn_pagetable *table, cairn_va va,
                                  cairn_phys phys, uint64_t page_bytes,
                                  const struct cairn_page_policy *policy)
{
    struct cairn_phys_range one = {phys, {phys.value + page_bytes}};
    struct cairn_page_policy exact = *policy;

    if (!is_page_size(table, page_bytes) ||
        ((va.value | phys.value) & (page_bytes - 1)) != 0 ||
        (table->leaf_levels >> 2 & 1) == 0)
        return CAIRN_BAD_ARGUMENT;
    exact.page_limit = page_bytes;
    return map_run(table, va, one, &exact);
}

enum cairn_status cairn_map_frames(struct cairn_pagetable *table, cairn_va va,
                                   const cairn_pfn *frames, size_t count,
                                   const struct cairn_page_policy *policy)
{
    uint64_t bytes = (uint64_t)count << CAIRN_FRAME_SHIFT;
    struct cairn_cursor cursor;
    enum cairn_status status;

    if (count == 0)
        return CAIRN_OK;
    if (bytes >> CAIRN_FRAME_SHIFT != count)
        return CAIRN_BAD_ARGUMENT;
    status = cairn_cursor_begin(&cursor, table, va, bytes, CAIRN_INTENT_MAP);
    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_map_frames(&cursor, frames, count, policy);
    cairn_cursor_end(&cursor);
    return status;
}

enum cairn_status cairn_map_identity(struct cairn_pagetable *table,
                                     struct cairn_phys_range phys,
                                     const struct cairn_page_policy *policy)
{
    return cairn_map_range(table, cairn_va_make(phys.start.value), phys,
                           policy);
}

/* ---- Unmap, protect ------------------------------------------------------ */

enum cairn_status cairn_unmap_range(
    struct cairn_pagetable *table, cairn_va va, uint64_t bytes,
    void (*removed)(void *context, const struct cairn_mapping *mapping),
    void *context)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    if (bytes == 0)
        return CAIRN_OK;
    status = cairn_cursor_begin(&cursor, table, va, bytes, CAIRN_INTENT_CHANGE);
    if (status != CAIRN_OK)
        return status;
    cursor.removed = removed;
    cursor.context = context;
    status = cairn_cursor_unmap(&cursor, bytes);
    cairn_cursor_end(&cursor);
    return status;
}

static void keep(void *context, const struct cairn_mapping *mapping)
{
    *(struct cairn_mapping *)context = *mapping;
}

/*
 * The page is looked up first, then unmapped by its own range; if somebody
 * changes it in between, it may be smaller by then, and all of it goes.
 */
enum cairn_status cairn_unmap_page(struct cairn_pagetable *table, cairn_va va,
                                   struct cairn_mapping *removed)
{
    struct cairn_mapping page;
    struct cairn_mapping gone = {.is_mapped = false};
    enum cairn_status status;

    if (!cairn_map_look(table, va, &page))
        return CAIRN_BAD_ARGUMENT;
    if (!page.is_mapped)
        return CAIRN_NOT_FOUND;
    status = cairn_unmap_range(table,
                               cairn_va_make(va.value & ~(page.page_bytes - 1)),
                               page.page_bytes, keep, &gone);
    if (status != CAIRN_OK)
        return status;
    if (!gone.is_mapped)
        return CAIRN_NOT_FOUND;
    if (removed != NULL)
        *removed = gone;
    return CAIRN_OK;
}

enum cairn_status cairn_protect_range(struct cairn_pagetable *table,
                                      cairn_va va, uint64_t bytes,
                                      unsigned rights)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    if (bytes == 0)
        return CAIRN_OK;
    status = cairn_cursor_begin(&cursor, table, va, bytes, CAIRN_INTENT_CHANGE);
    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_protect(&cursor, bytes, rights);
    cairn_cursor_end(&cursor);
    return status;
}

/* ---- Questions ----------------------------------------------------------- */

bool cairn_map_look(struct cairn_pagetable *table, cairn_va va,
                    struct cairn_mapping *out)
{
    struct cairn_cursor cursor;
    cairn_va page = cairn_va_make(cairn__page_down(va.value));

    if (cairn_cursor_begin(&cursor, table, page, CAIRN_FRAME_SIZE,
                           CAIRN_INTENT_LOOK) != CAIRN_OK)
        return false;
    cairn__walk_look(&cursor, va.value, out);
    cairn_cursor_end(&cursor);
    return true;
}

bool cairn_is_mapped(const struct cairn_pagetable *table, cairn_va va)
{
    cairn_phys unused;

    return cairn_pagetable_translate(table, va, &unused);
}

bool cairn_range_has_rights(struct cairn_pagetable *table, cairn_va va,
                            uint64_t bytes, unsigned rights)
{
    uint64_t done = 0;

    while (done < bytes) {
        struct cairn_mapping page;

        if (!cairn_map_look(table, cairn_va_make(va.value + done), &page) ||
            !page.is_mapped || (page.rights & rights) != rights)
            return false;
        done += page.bytes;
    }
    return true;
}

uint64_t cairn_range_page_count(struct cairn_pagetable *table, cairn_va va,
                                uint64_t bytes, uint64_t page_bytes)
{
    uint64_t count = 0;
    struct cairn_mapping page;

    for (uint64_t done = 0; done < bytes; done += page.bytes) {
        if (!cairn_map_look(table, cairn_va_make(va.value + done), &page))
            break;
        count += page.is_mapped &&
                 (page_bytes == 0 || page.page_bytes == page_bytes);
    }
    return count;
}

const char *cairn_mapping_text(const struct cairn_mapping *mapping, char *text)
{
    static const char *const caches[CAIRN_CACHE_COUNT] = {
        [CAIRN_CACHE_WB] = "",    [CAIRN_CACHE_WT] = "|WT",
        [CAIRN_CACHE_WC] = "|WC", [CAIRN_CACHE_UC_MINUS] = "|UC-",
        [CAIRN_CACHE_UC] = "|UC",
    };
    unsigned rights = mapping->rights;

    if (!mapping->is_mapped) {
        cairn_format(text, CAIRN_RIGHTS_TEXT_BYTES, "-");
        return text;
    }
    cairn_format(text, CAIRN_RIGHTS_TEXT_BYTES, "P%s%s%s%s%s%s%s%s",
                 (rights & CAIRN_PAGE_WRITE) != 0 ? "|RW" : "",
                 (rights & CAIRN_PAGE_USER) != 0 ? "|US" : "",
                 caches[mapping->cache], mapping->is_accessed ? "|A" : "",
                 mapping->is_dirty ? "|D" : "",
                 (rights & CAIRN_PAGE_GLOBAL) != 0 ? "|G" : "",
                 mapping->page_bytes > CAIRN_FRAME_SIZE ? "|PS" : "",
                 (rights & CAIRN_PAGE_EXEC) == 0 ? "|NX" : "");
    return text;
}
