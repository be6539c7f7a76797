/*
 * paging/ptwalk.c - the way from a root to an address, entry by entry.
 *
 * HOW    As the CPU's walker goes, by the format alone: entries are found by
 *        their physical addresses, one after the other.
 *
 * COST   A load for each level.
 *
 * SOURCE Intel SDM vol. 3A, chapter "Paging", sections "Determination of Access
 *        Rights" and "Paging and Memory Typing When the PAT is Supported".
 *
 * TESTS  tests/host/ptwalk.c, tests/kernel/ptwalk_live.c
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
