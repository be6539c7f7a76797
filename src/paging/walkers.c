/*
 * paging/walkers.c - the formats, and the walker for each.
 *
 * HOW    Each function chooses by the mode and calls the one of walk.h with a
 *        format that is constant there.
 *
 * SOURCE see format.h
 *
 * TESTS  tests/host/paging_*.c; make bench B=paging
 */
#include "paging/walk.h"

static const struct cairn__paging_format four_level = {
    .name = "4-level",
    .levels = 4,
    .entry_bytes = 8,
    .va_bits = 48,
    .is_signed = true,
    .leaf_levels = 1u << 1 | 1u << 2 | 1u << 3,
    .shifts = {0, 12, 21, 30, 39, 48},
};

static const struct cairn__paging_format five_level = {
    .name = "5-level",
    .levels = 5,
    .entry_bytes = 8,
    .va_bits = 57,
    .is_signed = true,
    .leaf_levels = 1u << 1 | 1u << 2 | 1u << 3,
    .shifts = {0, 12, 21, 30, 39, 48, 57},
};

static const struct cairn__paging_format pae = {
    .name = "PAE",
    .levels = 3,
    .entry_bytes = 8,
    .va_bits = 32,
    .has_bare_root = true,
    .leaf_levels = 1u << 1 | 1u << 2,
    .shifts = {0, 12, 21, 30, 32},
};

static const struct cairn__paging_format two_level = {
    .name = "32-bit",
    .levels = 2,
    .entry_bytes = 4,
    .va_bits = 32,
    .has_pse36 = true,
    .leaf_levels = 1u << 1 | 1u << 2,
    .shifts = {0, 12, 22, 32},
};

static const struct cairn__paging_format toy = {
    .name = "toy",
    .levels = 3,
    .entry_bytes = 8,
    .va_bits = 18,
    .leaf_levels = 1u << 1 | 1u << 2 | 1u << 3,
    .shifts = {0, 12, 14, 16, 18},
};

const struct cairn__paging_format
    *const cairn__paging_formats[CAIRN_PAGING_MODES] = {
        [CAIRN_PAGING_4LEVEL] = &four_level,
        [CAIRN_PAGING_5LEVEL] = &five_level,
        [CAIRN_PAGING_PAE] = &pae,
        [CAIRN_PAGING_32BIT] = &two_level,
        [CAIRN_PAGING_TOY] = &toy,
};

bool cairn__walk_map(struct cairn_cursor *cursor, struct supply *supply,
                     uint64_t bytes)
{
    switch (cursor->table->config.mode) {
    case CAIRN_PAGING_4LEVEL:
        return walk_map(&four_level, cursor, supply, bytes);
    case CAIRN_PAGING_5LEVEL:
        return walk_map(&five_level, cursor, supply, bytes);
    case CAIRN_PAGING_PAE:
        return walk_map(&pae, cursor, supply, bytes);
    case CAIRN_PAGING_32BIT:
        return walk_map(&two_level, cursor, supply, bytes);
    default:
        return walk_map(&toy, cursor, supply, bytes);
    }
}

void cairn__walk_unmap(struct cairn_cursor *cursor, uint64_t bytes)
{
    switch (cursor->table->config.mode) {
    case CAIRN_PAGING_4LEVEL:
        walk_unmap(&four_level, cursor, bytes);
        break;
    case CAIRN_PAGING_5LEVEL:
        walk_unmap(&five_level, cursor, bytes);
        break;
    case CAIRN_PAGING_PAE:
        walk_unmap(&pae, cursor, bytes);
        break;
    case CAIRN_PAGING_32BIT:
        walk_unmap(&two_level, cursor, bytes);
        break;
    default:
        walk_unmap(&toy, cursor, bytes);
        break;
    }
}

void cairn__walk_change(struct cairn_cursor *cursor, uint64_t bytes,
                        const struct change *change)
{
    switch (cursor->table->config.mode) {
    case CAIRN_PAGING_4LEVEL:
        walk_change(&four_level, cursor, bytes, change);
        break;
    case CAIRN_PAGING_5LEVEL:
        walk_change(&five_level, cursor, bytes, change);
        break;
    case CAIRN_PAGING_PAE:
        walk_change(&pae, cursor, bytes, change);
        break;
    case CAIRN_PAGING_32BIT:
        walk_change(&two_level, cursor, bytes, change);
        break;
    default:
        walk_change(&toy, cursor, bytes, change);
        break;
    }
}

uint64_t cairn__walk_hole(struct cairn_cursor *cursor, uint64_t va,
                          uint64_t bytes)
{
    switch (cursor->table->config.mode) {
    case CAIRN_PAGING_4LEVEL:
        return walk_hole(&four_level, cursor, va, bytes);
    case CAIRN_PAGING_5LEVEL:
        return walk_hole(&five_level, cursor, va, bytes);
    case CAIRN_PAGING_PAE:
        return walk_hole(&pae, cursor, va, bytes);
    case CAIRN_PAGING_32BIT:
        return walk_hole(&two_level, cursor, va, bytes);
    default:
        return walk_hole(&toy, cursor, va, bytes);
    }
}

void cairn__walk_look(struct cairn_cursor *cursor, uint64_t va,
                      struct cairn_mapping *out)
{
    switch (cursor->table->config.mode) {
    case CAIRN_PAGING_4LEVEL:
        walk_look(&four_level, cursor, va, out);
        break;
    case CAIRN_PAGING_5LEVEL:
        walk_look(&five_level, cursor, va, out);
        break;
    case CAIRN_PAGING_PAE:
        walk_look(&pae, cursor, va, out);
        break;
    case CAIRN_PAGING_32BIT:
        walk_look(&two_level, cursor, va, out);
        break;
    default:
        walk_look(&toy, cursor, va, out);
        break;
    }
}

/* ---- Translate, without a lock ------------------------------------------- */

static enum answer translate_once(const struct cairn_pagetable *table,
                                  uint64_t va, cairn_phys *out)
{
    switch (table->config.mode) {
    case CAIRN_PAGING_4LEVEL:
        return walk_translate(&four_level, table, va, false, out);
    case CAIRN_PAGING_5LEVEL:
        return walk_translate(&five_level, table, va, false, out);
    case CAIRN_PAGING_PAE:
        return walk_translate(&pae, table, va, false, out);
    case CAIRN_PAGING_32BIT:
        return walk_translate(&two_level, table, va, false, out);
    default:
        return walk_translate(&toy, table, va, false, out);
    }
}

/*
 * Whatever there is, or nothing.  Apart, as the next one is, so that the most
 * common case has little to keep.
 */
CAIRN_READS_AGAIN
static CAIRN_NOINLINE bool translate_any(const struct cairn_pagetable *table,
                                         uint64_t va, cairn_phys *out)
{
    enum answer answer = NOT_MAPPED;

    if (!cairn__is_range(table, va, 1))
        return false;
    do
        answer = translate_once(table, va, out);
    while (answer == UNKNOWN);
    return answer == MAPPED;
}

CAIRN_READS_AGAIN
static CAIRN_NOINLINE bool translate_other(const struct cairn_pagetable *table,
                                           uint64_t va, cairn_phys *out)
{
    enum answer answer = UNKNOWN;

    if (table->window_mode == CAIRN_PAGING_5LEVEL &&
        is_address(&five_level, va))
        answer = walk_translate(&five_level, table, va, true, out);
    return answer == UNKNOWN ? translate_any(table, va, out) : answer == MAPPED;
}

CAIRN_READS_AGAIN
bool cairn_pagetable_translate(const struct cairn_pagetable *table, cairn_va va,
                               cairn_phys *out)
{
    enum answer answer;

    if (table->window_mode != CAIRN_PAGING_4LEVEL ||
        !is_address(&four_level, va.value))
        return translate_other(table, va.value, out);
    answer = walk_translate(&four_level, table, va.value, true, out);
    return answer == UNKNOWN ? translate_any(table, va.value, out)
                             : answer == MAPPED;
}
