/*
 * paging/change.c - what a cursor does to its range: checks, then the walker.
 *
 * TESTS  tests/host/paging_*.c
 */
#include "paging/quick.h"

/* Whole pages, at most what is left. */
static bool is_part(const struct cairn_cursor *cursor, uint64_t bytes)
{
    return bytes <= cursor->left && (bytes & (CAIRN_FRAME_SIZE - 1)) == 0;
}

static bool are_allowed(const struct cairn_cursor *cursor, uint64_t bytes,
                        unsigned rights)
{
    const struct cairn_pagetable *table = cursor->table;

    if (rights > CAIRN_PAGE_RIGHTS || table->kinds[rights] == 0)
        return false;
    /* Tables on the way there would not let a process through. */
    if ((rights & CAIRN_PAGE_USER) != 0 && bytes > 0 &&
        cursor->at + (bytes - 1) >= table->config.user_end)
        return false;
    /* Unlinking the tables of a process does not look for such pages. */
    return (rights & CAIRN_PAGE_GLOBAL) == 0 ||
           cursor->at >= table->config.user_end;
}

static struct supply supply_of(const struct cairn_cursor *cursor,
                               const struct cairn_page_policy *policy)
{
    struct supply supply = {
        .kind = cursor->table->kinds[policy->rights] |
                cursor->table->cache_bits[policy->cache],
        .page_limit = policy->page_limit != 0 ? policy->page_limit : UINT64_MAX,
    };

    return supply;
}

static bool is_policy(const struct cairn_cursor *cursor, uint64_t bytes,
                      const struct cairn_page_policy *policy)
{
    return are_allowed(cursor, bytes, policy->rights) &&
           (unsigned)policy->cache < CAIRN_CACHE_COUNT &&
           (unsigned)policy->existing <= CAIRN_EXISTING_PANIC &&
           (policy->page_limit == 0 || policy->page_limit >= CAIRN_FRAME_SIZE);
}

/* Has one of these slots of a 32-bit root a table that stays there? */
static bool has_kept(const struct cairn_cursor *cursor, uint64_t bytes)
{
    const struct cairn_pagetable *table = cursor->table;
    uint64_t large = cairn__span(table->format, 2);

    for (uint64_t i = 0; i < bytes; i += large) {
        const struct cairn_table *child = cairn__table_child(
            table->root, cairn__index(table->format, 2, cursor->at + i));

        if (child != NULL && child->is_kept)
            return true;
    }
    return false;
}

/*
 * Can entries say where that memory is?  In 32-bit tables, those of small pages
 * end at 4 GiB.
 */
static bool is_addressable(const struct cairn_cursor *cursor, uint64_t phys,
                           uint64_t bytes, uint64_t page_limit)
{
    const struct cairn_pagetable *table = cursor->table;
    uint64_t large = cairn__span(table->format, 2) - 1;

    if (phys > table->phys_end || bytes > table->phys_end - phys)
        return false;
    return table->format->entry_bytes == 8 ||
           phys + bytes <= (uint64_t)1 << 32 ||
           (table->config.features.has_pse36 &&
            (table->leaf_levels >> 2 & 1) != 0 && page_limit > large &&
            ((cursor->at | phys | bytes) & large) == 0 &&
            !has_kept(cursor, bytes));
}

/* ---- Where pages are cut ------------------------------------------------- */

/* Are there tables to split a page there, where an operation begins or ends? */
static bool is_reserved(const struct cairn_cursor *cursor, uint64_t va)
{
    return (cursor->intent == CAIRN_INTENT_MAP && cursor->large == 0) ||
           va == cursor->first || va == cursor->at + cursor->left;
}

/* Can that page be mapped in small ones? */
static bool is_divisible(const struct cairn_cursor *cursor,
                         const struct cairn_mapping *page)
{
    return cursor->table->format->entry_bytes == 8 ||
           page->phys.value >> 32 == 0;
}

/* Can a page that is only partly in the next `bytes` be split? */
static bool can_cut(struct cairn_cursor *cursor, uint64_t bytes)
{
    bool is_narrow = cursor->table->format->entry_bytes == 4;
    uint64_t end = cursor->at + bytes;
    struct cairn_mapping page;

    if (bytes == 0)
        return true;
    if (is_narrow || !is_reserved(cursor, cursor->at)) {
        cairn__walk_look(cursor, cursor->at, &page);
        if (page.is_mapped && (cursor->at & (page.page_bytes - 1)) != 0 &&
            !(is_reserved(cursor, cursor->at) && is_divisible(cursor, &page)))
            return false;
    }
    if (is_narrow || !is_reserved(cursor, end)) {
        cairn__walk_look(cursor, end - CAIRN_FRAME_SIZE, &page);
        if (page.is_mapped && page.bytes > CAIRN_FRAME_SIZE &&
            !(is_reserved(cursor, end) && is_divisible(cursor, &page)))
            return false;
    }
    return true;
}

/* ---- Operations ---------------------------------------------------------- */

/* Make room as the policy says, without moving. */
static enum cairn_status make_room(struct cairn_cursor *cursor, uint64_t bytes,
                                   enum cairn_existing existing)
{
    uint64_t at = cursor->at;
    uint64_t left = cursor->left;

    if (cairn__walk_hole(cursor, at, bytes) == bytes)
        return CAIRN_OK;
    if (existing == CAIRN_EXISTING_PANIC) {
        cairn_cursor_end(cursor); /* whoever looks then holds no lock */
        cairn__panic("something is mapped at %#llx or behind it",
                     (unsigned long long)at);
    }
    if (existing != CAIRN_EXISTING_REPLACE)
        return CAIRN_IN_USE;
    if (!can_cut(cursor, bytes))
        return CAIRN_BAD_ARGUMENT;
    cairn__walk_unmap(cursor, bytes);
    cursor->at = at;
    cursor->left = left;
    return CAIRN_OK;
}

/*
 * After cairn_cursor_begin_run: is it the run that the reserve is for, with
 * pages as large as it counts on?
 */
static bool is_as_begun(const struct cairn_cursor *cursor, uint64_t phys,
                        uint64_t bytes, uint64_t page_limit)
{
    const struct cairn__paging_format *format = cursor->table->format;

    if (cursor->large == 0)
        return true;
    for (unsigned level = 2; level <= format->levels; level++) {
        uint64_t span = cairn__span(format, level);

        if ((cursor->large >> level & 1) != 0 &&
            (span > page_limit || ((cursor->at ^ phys) & (span - 1)) != 0))
            return false;
    }
    return cursor->at == cursor->first && bytes == cursor->left;
}

static CAIRN_NOINLINE enum cairn_status
map_fully(struct cairn_cursor *cursor, uint64_t phys, uint64_t bytes,
          const struct cairn_page_policy *policy)
{
    struct supply supply;
    enum cairn_status status;

    cairn__cursor_unfold(cursor);
    if (cursor->intent != CAIRN_INTENT_MAP || !is_part(cursor, bytes) ||
        !is_policy(cursor, bytes, policy) ||
        (phys & (CAIRN_FRAME_SIZE - 1)) != 0)
        return CAIRN_BAD_ARGUMENT;
    supply = supply_of(cursor, policy);
    supply.phys = phys;
    if (!is_addressable(cursor, phys, bytes, supply.page_limit) ||
        !is_as_begun(cursor, phys, bytes, supply.page_limit))
        return CAIRN_BAD_ARGUMENT;
    status = make_room(cursor, bytes, policy->existing);
    if (status == CAIRN_OK)
        (void)cairn__walk_map(cursor, &supply, bytes); /* no frames */
    return status;
}

enum cairn_status cairn_cursor_map(struct cairn_cursor *cursor, cairn_phys phys,
                                   uint64_t bytes,
                                   const struct cairn_page_policy *policy)
{
    return cursor->is_quick &&
                   cairn__quick_map(cursor, phys.value, bytes, policy)
               ? CAIRN_OK
               : map_fully(cursor, phys.value, bytes, policy);
}

/*
 * The `bytes` from `at` on, which were a hole, are one again, without the
 * tables that were made for them.  Nobody is told, also not of what is in
 * tables that go as a whole: they go before anybody listens again, and what was
 * removed before them is told first.
 */
static void take_back(struct cairn_cursor *cursor, uint64_t at, uint64_t left,
                      uint64_t bytes)
{
    void (*removed)(void *context, const struct cairn_mapping *mapping) =
        cursor->removed;

    cairn__cursor_flush(cursor);
    cursor->at = at;
    cursor->left = left;
    cursor->removed = NULL;
    cairn__walk_unmap(cursor, bytes);
    cairn__cursor_flush(cursor);
    cursor->removed = removed;
    cursor->at = at;
    cursor->left = left;
}

enum cairn_status
cairn_cursor_map_frames(struct cairn_cursor *cursor, const cairn_pfn *frames,
                        size_t count, const struct cairn_page_policy *policy)
{
    uint64_t bytes = (uint64_t)count << CAIRN_FRAME_SHIFT;
    uint64_t at = cursor->at;
    uint64_t left = cursor->left;
    struct supply supply;
    enum cairn_status status;

    cairn__cursor_unfold(cursor);
    if (cursor->intent != CAIRN_INTENT_MAP || cursor->large != 0 ||
        count > cursor->left >> CAIRN_FRAME_SHIFT ||
        !is_policy(cursor, bytes, policy))
        return CAIRN_BAD_ARGUMENT;
    /* What is replaced cannot be brought back; so look at all of them first. */
    if (policy->existing != CAIRN_EXISTING_FAIL &&
        !cairn__are_frames(cursor->table, frames, count))
        return CAIRN_BAD_ARGUMENT;
    supply = supply_of(cursor, policy);
    supply.frames = frames;
    status = make_room(cursor, bytes, policy->existing);
    if (status == CAIRN_IN_USE &&
        !cairn__are_frames(cursor->table, frames, count))
        return CAIRN_BAD_ARGUMENT;
    if (status != CAIRN_OK || cairn__walk_map(cursor, &supply, bytes))
        return status;
    take_back(cursor, at, left, bytes);
    return CAIRN_BAD_ARGUMENT;
}

enum cairn_status cairn_cursor_unmap(struct cairn_cursor *cursor,
                                     uint64_t bytes)
{
    cairn__cursor_unfold(cursor);
    if (cursor->intent == CAIRN_INTENT_LOOK || !is_part(cursor, bytes) ||
        !can_cut(cursor, bytes))
        return CAIRN_BAD_ARGUMENT;
    cairn__walk_unmap(cursor, bytes);
    return CAIRN_OK;
}

enum cairn_status cairn_cursor_protect(struct cairn_cursor *cursor,
                                       uint64_t bytes, unsigned rights)
{
    struct change change = {0};

    cairn__cursor_unfold(cursor);
    if (cursor->intent == CAIRN_INTENT_LOOK || !is_part(cursor, bytes) ||
        !are_allowed(cursor, bytes, rights) || !can_cut(cursor, bytes))
        return CAIRN_BAD_ARGUMENT;
    change.set = cursor->table->kinds[rights];
    change.clear = (CAIRN__ENTRY_RW | CAIRN__ENTRY_US | CAIRN__ENTRY_G |
                    cursor->table->nx_bit) &
                   ~change.set;
    cairn__walk_change(cursor, bytes, &change);
    return CAIRN_OK;
}

enum cairn_status cairn_cursor_exchange(struct cairn_cursor *cursor,
                                        cairn_pfn frame)
{
    const struct cairn__paging_format *format = cursor->table->format;
    struct cairn_table *table;
    unsigned index;
    uint64_t former;
    uint64_t now;

    cairn__cursor_unfold(cursor);
    if (cursor->intent == CAIRN_INTENT_LOOK || cursor->left == 0 ||
        !cairn__are_frames(cursor->table, &frame, 1))
        return CAIRN_BAD_ARGUMENT;
    table = cairn__cursor_enter_lowest(cursor);
    index = cairn__index(format, table->level, cursor->at);
    former = cairn__entry_load(format, table->entries, index);
    if ((former & CAIRN__ENTRY_P) == 0)
        return CAIRN_NOT_FOUND;
    if (table->level > 1)
        return CAIRN_BAD_ARGUMENT;
    now = cairn__leaf_make(format, 1, cairn_phys_of(frame).value,
                           cairn__leaf_kind(1, former));
    former = cairn__entry_exchange(format, table->entries, index, now);
    if (cursor->removed != NULL)
        cairn__cursor_removed(cursor, cursor->at, 1, former);
    else
        cairn__cursor_changed(cursor, 1, former, now);
    cairn__cursor_advance(cursor, CAIRN_FRAME_SIZE);
    return CAIRN_OK;
}

enum cairn_status cairn_cursor_harvest(
    struct cairn_cursor *cursor, uint64_t bytes,
    void (*seen)(void *context, const struct cairn_mapping *mapping),
    void *context)
{
    struct change change = {
        .clear = CAIRN__ENTRY_A | CAIRN__ENTRY_D,
        .seen = seen,
        .context = context,
    };

    cairn__cursor_unfold(cursor);
    if (cursor->intent == CAIRN_INTENT_LOOK || !is_part(cursor, bytes) ||
        seen == NULL || !can_cut(cursor, bytes))
        return CAIRN_BAD_ARGUMENT;
    cairn__walk_change(cursor, bytes, &change);
    return CAIRN_OK;
}

void cairn_cursor_query(struct cairn_cursor *cursor, struct cairn_mapping *out)
{
    struct cairn_mapping next;

    if (cursor->left == 0) {
        *out = (struct cairn_mapping){.start = {cursor->at}};
        return;
    }
    cairn__walk_look(cursor, cursor->at, out);
    while (out->bytes < cursor->left) {
        cairn__walk_look(cursor, cursor->at + out->bytes, &next);
        if (!cairn__mapping_goes_on(out, &next))
            break;
        out->bytes += next.bytes;
    }
    out->bytes = cairn__min(out->bytes, cursor->left);
}
