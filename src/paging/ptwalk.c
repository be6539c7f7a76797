/*
 * paging/ptwalk.c - the way from a root to an address, entry by entry, and the
 * walk over all that a root maps.
 *
 * HOW    As the CPU's walker goes, by the format alone: entries are found by
 *        their physical addresses, one after the other.
 *
 *        A scan looks at one entry at a time: that of the address `at` in the
 *        table of `level`.  An entry with a table leads down, everything else
 *        moves the address behind what the entry covers; where that is the end
 *        of tables, up again.
 *
 * COST   A load for each level; a scan: one for each entry.
 *
 * FAILS  Tables can be anything.  A table on the way to itself is not entered;
 *        where tables refer to each other in bulk, a scan ends by its count.
 *
 * SOURCE Intel SDM vol. 3A, chapter "Paging", sections "Determination of Access
 *        Rights" and "Paging and Memory Typing When the PAT is Supported".
 *
 * TESTS  tests/host/ptwalk.c, tests/host/ptwalk_scan.c,
 *        tests/kernel/ptwalk_live.c
 */
#include <cairn/ptwalk.h>

#include "paging/walk.h"
#include <cairn/format.h>

_Static_assert(CAIRN_PTWALK_STEPS == CAIRN__LEVELS_MAX,
               "a step for each level");

/* Rights that all levels must grant: NX the other way round. */
#define GRANTED (CAIRN__ENTRY_RW | CAIRN__ENTRY_US | CAIRN__ENTRY_NX)

static uint64_t root_of(format_ptr format, cairn_phys root)
{
    uint64_t flags = format->has_bare_root ? 31 : CAIRN_FRAME_SIZE - 1;

    return root.value & (CAIRN_PHYS_LIMIT - 1) & ~flags;
}

/* False: nobody can read it. */
static bool take_step(format_ptr format, uint64_t table, unsigned level,
                      uint64_t va, struct cairn_ptwalk_step *out)
{
    unsigned index = cairn__index(format, level, va);
    cairn_phys at = {table + index * format->entry_bytes};
    const void *entry = cairn_platform_phys_to_virt(at, format->entry_bytes);

    if (entry == NULL)
        return false;
    *out = (struct cairn_ptwalk_step){
        .level = level,
        .index = index,
        .entry_at = at,
        .entry = cairn__entry_load(format, entry, 0),
    };
    out->is_leaf = cairn__entry_is_leaf(out->entry, level) &&
                   (format->leaf_levels >> level & 1) != 0;
    return true;
}

/* What that entry grants of rights. */
static uint64_t granted_by(format_ptr format,
                           const struct cairn_ptwalk_step *step)
{
    if (format->has_bare_root && step->level == format->levels)
        return GRANTED;
    return (step->entry ^ CAIRN__ENTRY_NX) & GRANTED;
}

/* Its level as a bit, if US is set in it. */
static unsigned user_level_of(format_ptr format,
                              const struct cairn_ptwalk_step *step)
{
    if (format->has_bare_root && step->level == format->levels)
        return 0;
    return (step->entry & CAIRN__ENTRY_US) != 0 ? 1u << step->level : 0;
}

/* Has the entry the address of a table? */
static bool has_table(const struct cairn_ptwalk_step *step)
{
    return (step->entry & CAIRN__ENTRY_P) != 0 && step->level > 1 &&
           (step->entry & CAIRN__ENTRY_PS) == 0;
}

static unsigned rights_of(uint64_t granted, uint64_t leaf)
{
    return ((granted & CAIRN__ENTRY_RW) != 0 ? CAIRN_PAGE_WRITE : 0) |
           ((granted & CAIRN__ENTRY_US) != 0 ? CAIRN_PAGE_USER : 0) |
           ((granted & CAIRN__ENTRY_NX) != 0 ? CAIRN_PAGE_EXEC : 0) |
           ((leaf & CAIRN__ENTRY_G) != 0 ? CAIRN_PAGE_GLOBAL : 0);
}

/* `kind` as in an entry of level 1. */
static enum cairn_cache cache_of(uint64_t kind)
{
    static const enum cairn_cache caches[8] = {
        CAIRN_CACHE_UC, CAIRN_CACHE_WC, CAIRN_CACHE_UC, CAIRN_CACHE_UC,
        CAIRN_CACHE_WT, CAIRN_CACHE_UC, CAIRN_CACHE_WB, CAIRN_CACHE_UC_MINUS,
    };
    unsigned index = ((kind & CAIRN__ENTRY_PWT) != 0 ? 1 : 0) |
                     ((kind & CAIRN__ENTRY_PCD) != 0 ? 2 : 0) |
                     ((kind & CAIRN__ENTRY_PAT) != 0 ? 4 : 0);

    return caches[CAIRN_PAGING_PAT >> index * 8 & 7];
}

static void describe(format_ptr format, const struct cairn_ptwalk_step *leaf,
                     uint64_t granted, struct cairn_mapping *out)
{
    uint64_t span = cairn__span(format, leaf->level);

    out->is_mapped = true;
    out->phys.value = cairn__leaf_phys(format, leaf->level, leaf->entry) +
                      (out->start.value & (span - 1));
    out->page_bytes = span;
    out->rights = rights_of(granted, leaf->entry);
    out->cache = cache_of(cairn__leaf_kind(leaf->level, leaf->entry));
    out->is_accessed = (leaf->entry & CAIRN__ENTRY_A) != 0;
    out->is_dirty = (leaf->entry & CAIRN__ENTRY_D) != 0;
}

unsigned cairn_ptwalk(enum cairn_paging_mode mode, cairn_phys root, cairn_va va,
                      struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS],
                      struct cairn_mapping *out)
{
    format_ptr format;
    uint64_t table;
    uint64_t granted = GRANTED;
    unsigned count = 0;

    cairn__assert((unsigned)mode < CAIRN_PAGING_MODES);
    format = cairn__paging_formats[mode];
    table = root_of(format, root);
    *out = (struct cairn_mapping){.start = va};
    if (!is_address(format, va.value))
        return 0;
    for (unsigned level = format->levels; level > 0; level--) {
        struct cairn_ptwalk_step *step = &steps[count];

        if (!take_step(format, table, level, va.value, step))
            break;
        count++;
        granted &= granted_by(format, step);
        out->bytes = rest_of(format, level, va.value);
        if (step->is_leaf)
            describe(format, step, granted, out);
        if (!has_table(step))
            break;
        table = step->entry & CAIRN__ENTRY_ADDRESS;
    }
    return count;
}

/* ---- All that is mapped -------------------------------------------------- */

/* Where the upper half begins; also the bytes of each half, negated. */
static uint64_t upper_half(format_ptr format)
{
    return UINT64_MAX << (format->va_bits - 1);
}

void cairn_ptwalk_begin(struct cairn_ptwalk_scan *scan,
                        enum cairn_paging_mode mode, cairn_phys root,
                        cairn_va from, unsigned flags)
{
    format_ptr format;

    cairn__assert((unsigned)mode < CAIRN_PAGING_MODES);
    format = cairn__paging_formats[mode];
    *scan = (struct cairn_ptwalk_scan){
        .entries_left = CAIRN_PTWALK_ENTRIES,
        .format = format,
        .at = from.value,
        .level = format->levels,
        .flags = flags,
    };
    scan->way[format->levels].table = root_of(format, root);
    scan->way[format->levels].granted = GRANTED;
    if (is_address(format, from.value))
        return;
    if (format->is_signed)
        scan->at = upper_half(format);
    else
        scan->level = 0;
}

/* Go on behind [at, at + bytes), which ends with an entry of this level. */
static void pass(struct cairn_ptwalk_scan *scan, uint64_t bytes)
{
    format_ptr format = scan->format;

    scan->at += bytes;
    while (scan->level < format->levels &&
           (scan->at & (cairn__span(format, scan->level + 1) - 1)) == 0)
        scan->level++;
    if (format->is_signed && scan->at == 0 - upper_half(format))
        scan->at = upper_half(format);
    else if (scan->at == 0 || !is_address(format, scan->at))
        scan->level = 0;
}

static bool is_on_the_way(const struct cairn_ptwalk_scan *scan, uint64_t table)
{
    for (unsigned level = scan->level; level <= scan->format->levels; level++)
        if (scan->way[level].table == table)
            return true;
    return false;
}

static void go_down(struct cairn_ptwalk_scan *scan,
                    const struct cairn_ptwalk_step *step)
{
    unsigned level = scan->level--;

    scan->way[level - 1].table = step->entry & CAIRN__ENTRY_ADDRESS;
    scan->way[level - 1].granted =
        scan->way[level].granted & granted_by(scan->format, step);
    scan->way[level - 1].user_levels =
        scan->way[level].user_levels | user_level_of(scan->format, step);
}

/* The table that `at` leads into cannot be read. */
static enum cairn_status pass_table(struct cairn_ptwalk_scan *scan,
                                    struct cairn_ptwalk_stretch *out)
{
    unsigned level = scan->level;
    uint64_t bytes = rest_of(scan->format, level + 1, scan->at);

    out->mapping.bytes = bytes;
    out->table.value = scan->way[level].table;
    if (level == scan->format->levels)
        scan->level = 0;
    else
        pass(scan, bytes);
    return CAIRN_NOT_REACHABLE;
}

/* What the entry is; CAIRN_OK with bytes 0: nothing that one is told of. */
static enum cairn_status take_entry(struct cairn_ptwalk_scan *scan,
                                    const struct cairn_ptwalk_step *step,
                                    struct cairn_ptwalk_stretch *out)
{
    format_ptr format = scan->format;
    uint64_t table = step->entry & CAIRN__ENTRY_ADDRESS;
    uint64_t bytes = rest_of(format, step->level, scan->at);

    if (has_table(step) && !is_on_the_way(scan, table)) {
        go_down(scan, step);
        return CAIRN_OK;
    }
    if (step->is_leaf) {
        const unsigned level = step->level;

        describe(format, step,
                 scan->way[level].granted & granted_by(format, step),
                 &out->mapping);
        out->user_levels =
            scan->way[level].user_levels | user_level_of(format, step);
    }
    if (step->is_leaf || has_table(step))
        out->mapping.bytes = bytes;
    pass(scan, bytes);
    if (!has_table(step))
        return CAIRN_OK;
    out->table.value = table;
    return CAIRN_IN_USE;
}

/* As cairn_ptwalk_next, but nothing is joined. */
static enum cairn_status find(struct cairn_ptwalk_scan *scan,
                              struct cairn_ptwalk_stretch *out)
{
    enum cairn_status status = CAIRN_OK;

    do {
        struct cairn_ptwalk_step step;

        *out = (struct cairn_ptwalk_stretch){.mapping.start = {scan->at}};
        if (scan->level == 0)
            return CAIRN_NOT_FOUND;
        if (scan->entries_left == 0)
            return CAIRN_NO_SPACE;
        scan->entries_left--;
        if (!take_step(scan->format, scan->way[scan->level].table, scan->level,
                       scan->at, &step))
            return pass_table(scan, out);
        status = take_entry(scan, &step, out);
    } while (out->mapping.bytes == 0);
    return status;
}

static bool goes_on(const struct cairn_ptwalk_stretch *last,
                    const struct cairn_ptwalk_stretch *next, unsigned flags)
{
    const struct cairn_mapping *a = &last->mapping;
    const struct cairn_mapping *b = &next->mapping;

    return a->start.value + a->bytes == b->start.value &&
           a->phys.value + a->bytes == b->phys.value &&
           a->rights == b->rights && a->cache == b->cache &&
           (last->user_levels == 0) == (next->user_levels == 0) &&
           (a->page_bytes == b->page_bytes ||
            (flags & CAIRN_PTWALK_JOIN_SIZES) != 0);
}

static void join(struct cairn_ptwalk_stretch *last,
                 const struct cairn_ptwalk_stretch *next)
{
    last->mapping.bytes += next->mapping.bytes;
    last->mapping.page_bytes |= next->mapping.page_bytes;
    last->mapping.is_accessed |= next->mapping.is_accessed;
    last->mapping.is_dirty |= next->mapping.is_dirty;
    last->user_levels |= next->user_levels;
}

enum cairn_status cairn_ptwalk_next(struct cairn_ptwalk_scan *scan,
                                    struct cairn_ptwalk_stretch *out)
{
    enum cairn_status status = scan->pending_status;

    if (scan->has_pending)
        *out = scan->pending;
    else
        status = find(scan, out);
    scan->has_pending = false;
    if (status != CAIRN_OK || (scan->flags & CAIRN_PTWALK_JOIN) == 0)
        return status;
    for (;;) {
        scan->pending_status = find(scan, &scan->pending);
        if (scan->pending_status != CAIRN_OK ||
            !goes_on(out, &scan->pending, scan->flags))
            break;
        join(out, &scan->pending);
    }
    scan->has_pending = true;
    return CAIRN_OK;
}

/* ---- As text ------------------------------------------------------------- */

const char *cairn_ptwalk_level_name(unsigned level)
{
    static const char *const names[] = {"?",    "PT",   "PD",
                                        "PDPT", "PML4", "PML5"};

    return names[level < sizeof(names) / sizeof(names[0]) ? level : 0];
}

const char *cairn_entry_text(uint64_t entry, unsigned level, bool is_leaf,
                             char *text)
{
    bool is_large = level > 1 && (entry & CAIRN__ENTRY_PS) != 0;
    bool has_pat =
        is_leaf &&
        (entry & (level > 1 ? CAIRN__ENTRY_PAT_L : CAIRN__ENTRY_PAT)) != 0;

    if ((entry & CAIRN__ENTRY_P) == 0) {
        cairn_format(text, CAIRN_ENTRY_TEXT_BYTES, "-");
        return text;
    }
    cairn_format(text, CAIRN_ENTRY_TEXT_BYTES, "P%s%s%s%s%s%s%s%s%s%s",
                 (entry & CAIRN__ENTRY_RW) != 0 ? "|RW" : "",
                 (entry & CAIRN__ENTRY_US) != 0 ? "|US" : "",
                 (entry & CAIRN__ENTRY_PWT) != 0 ? "|WT" : "",
                 (entry & CAIRN__ENTRY_PCD) != 0 ? "|CD" : "",
                 (entry & CAIRN__ENTRY_A) != 0 ? "|A" : "",
                 is_leaf && (entry & CAIRN__ENTRY_D) != 0 ? "|D" : "",
                 is_leaf && (entry & CAIRN__ENTRY_G) != 0 ? "|G" : "",
                 is_large ? "|PS" : "", has_pat ? "|PAT" : "",
                 (entry & CAIRN__ENTRY_NX) != 0 ? "|NX" : "");
    return text;
}
