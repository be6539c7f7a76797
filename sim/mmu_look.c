/*
 * mmu_look.c - simulated MMU: what the tables in memory say, without a CPU.
 *
 * HOW    One recursive visit of all present entries, in order of addresses,
 *        serves leaves, tables and lint; `look` follows one address.  Nothing
 *        is cached, no bit is set.
 *
 * COST   A visit is linear in the entries of all tables; tables that refer to
 *        themselves multiply it.  Lint goes into each table once.
 *
 * TESTS  tests/host/mmu_look.c
 */
#include "sim/mmu_private.h"
#include "sim/ram.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct sim__rules common_rules(void)
{
    struct sim__rules rules = {.machine = &sim__mmu_machine};

    sim_mmu_get_control(0, &rules.control);
    return rules;
}

static void make_view(const struct sim__rules *rules, unsigned level,
                      uint64_t entry, const struct sim__rights *rights,
                      struct sim_mmu_view *out)
{
    *out = (struct sim_mmu_view){
        .phys = sim__mmu_target(rules, level, entry),
        .bytes = sim__mmu_span(rules->machine->mode, level),
        .writable = rights->writable,
        .user = rights->user,
        .executable = rights->executable,
        .global = sim__mmu_is_global(rules, entry),
        .accessed = (entry & SIM__ENTRY_A) != 0,
        .dirty = (entry & SIM__ENTRY_D) != 0,
        .memory_type = sim__mmu_memory_type(rules, level, entry),
    };
}

bool sim_mmu_look(uint64_t root, uint64_t va, struct sim_mmu_view *out)
{
    const struct sim__rules rules = common_rules();
    enum sim_mmu_mode mode = rules.machine->mode;
    struct sim__rights rights = sim__mmu_all_rights();
    uint64_t table = sim__mmu_root(mode, root);

    if (!sim__mmu_is_canonical(mode, va))
        return false;
    for (unsigned level = sim__mmu_levels(mode); level > 0; level--) {
        uint64_t entry =
            sim__mmu_load(mode, table + sim__mmu_entry_bytes(mode) *
                                            sim__mmu_index(mode, level, va));

        if ((entry & SIM__ENTRY_P) == 0 ||
            sim__mmu_reserved(&rules, level, entry) != 0)
            return false;
        sim__mmu_narrow(&rules, level, entry, &rights);
        if (sim__mmu_is_leaf(&rules, level, entry)) {
            make_view(&rules, level, entry, &rights, out);
            out->phys += va & (out->bytes - 1);
            return true;
        }
        table = sim__mmu_target(&rules, level, entry);
    }
    return false;
}

/* ---- All entries --------------------------------------------------------- */

struct place {
    uint64_t table;
    unsigned level;
    uint64_t va;
    struct sim__rights rights;
};

/* What a visit does at each present entry, and whether it goes into tables. */
struct visitor {
    struct sim__rules rules;
    void *context;
    void (*entry)(struct visitor *visitor, const struct place *place,
                  uint64_t entry);
    bool (*table)(struct visitor *visitor, const struct place *place);
    void (*leaf)(void *context, uint64_t va, const struct sim_mmu_view *view);
    void (*show)(void *context, uint64_t table, unsigned level, uint64_t va);
    uint64_t tables;
};

static void visit_table(struct visitor *visitor, const struct place *place);

static void visit_entry(struct visitor *visitor, const struct place *place,
                        uint64_t entry)
{
    const struct sim__rules *rules = &visitor->rules;
    struct place next = *place;

    if (visitor->entry != NULL)
        visitor->entry(visitor, place, entry);
    if (sim__mmu_reserved(rules, place->level, entry) != 0)
        return;
    sim__mmu_narrow(rules, place->level, entry, &next.rights);
    next.table = sim__mmu_target(rules, place->level, entry);
    next.level = place->level - 1;
    if (!sim__mmu_is_leaf(rules, place->level, entry)) {
        visit_table(visitor, &next);
    } else if (visitor->leaf != NULL) {
        struct sim_mmu_view view;

        make_view(rules, place->level, entry, &next.rights, &view);
        visitor->leaf(visitor->context, place->va, &view);
    }
}

static void visit_table(struct visitor *visitor, const struct place *place)
{
    enum sim_mmu_mode mode = visitor->rules.machine->mode;
    uint64_t span = sim__mmu_span(mode, place->level);
    uint64_t count = sim__mmu_entries(mode, place->level);
    unsigned bytes = sim__mmu_entry_bytes(mode);
    struct place at = *place;

    if (visitor->table != NULL && !visitor->table(visitor, place))
        return;
    if (sim_ram_at(place->table, count * bytes) == NULL)
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t entry = sim__mmu_load(mode, place->table + i * bytes);

        at.va = sim__mmu_make_canonical(mode, place->va + i * span);
        if ((entry & SIM__ENTRY_P) != 0)
            visit_entry(visitor, &at, entry);
    }
}

static void visit_all(struct visitor *visitor, uint64_t root)
{
    const struct place top = {
        .table = sim__mmu_root(sim__mmu_machine.mode, root),
        .level = sim__mmu_levels(sim__mmu_machine.mode),
        .rights = sim__mmu_all_rights(),
    };

    visitor->rules = common_rules();
    visit_table(visitor, &top);
}

/* ---- Leaves and tables --------------------------------------------------- */

void sim_mmu_each_leaf(uint64_t root,
                       void (*visit)(void *context, uint64_t va,
                                     const struct sim_mmu_view *view),
                       void *context)
{
    struct visitor visitor = {.context = context, .leaf = visit};

    visit_all(&visitor, root);
}

static bool count_table(struct visitor *visitor, const struct place *place)
{
    visitor->tables++;
    if (visitor->show != NULL)
        visitor->show(visitor->context, place->table, place->level, place->va);
    return true;
}

uint64_t sim_mmu_each_table(uint64_t root,
                            void (*visit)(void *context, uint64_t table,
                                          unsigned level, uint64_t va),
                            void *context)
{
    struct visitor visitor = {
        .context = context, .table = count_table, .show = visit};

    visit_all(&visitor, root);
    return visitor.tables;
}

uint64_t sim_mmu_count_tables(uint64_t root)
{
    return sim_mmu_each_table(root, NULL, NULL);
}

/* ---- Lint ---------------------------------------------------------------- */

/* A set of tables, hashed: frame numbers plus one, 0 is empty. */
struct lint {
    unsigned findings;
    char *text;
    size_t bytes;
    size_t used; /* of the text */
    uint64_t *seen;
    size_t seen_count;
    size_t seen_limit; /* a power of two */
};

static void __attribute__((format(printf, 2, 3)))
find(struct lint *lint, const char *format, ...)
{
    va_list arguments;
    int length;

    lint->findings++;
    if (lint->used >= lint->bytes)
        return;
    va_start(arguments, format);
    length = vsnprintf(lint->text + lint->used, lint->bytes - lint->used,
                       format, arguments);
    va_end(arguments);
    lint->used += length > 0 ? (size_t)length : 0;
}

/* True if it was not in the set. */
static bool put(struct lint *lint, uint64_t key)
{
    size_t mask = lint->seen_limit - 1;
    size_t at = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & mask;

    while (lint->seen[at] != 0 && lint->seen[at] != key)
        at = (at + 1) & mask;
    if (lint->seen[at] == key)
        return false;
    lint->seen[at] = key;
    lint->seen_count++;
    return true;
}

static void grow(struct lint *lint)
{
    struct lint larger = *lint;

    larger.seen_limit = lint->seen_limit * 2;
    larger.seen_count = 0;
    larger.seen = calloc(larger.seen_limit, sizeof(uint64_t));
    if (larger.seen == NULL)
        abort();
    for (size_t i = 0; i < lint->seen_limit; i++) {
        if (lint->seen[i] != 0)
            put(&larger, lint->seen[i]);
    }
    free(lint->seen);
    *lint = larger;
}

static bool lint_table(struct visitor *visitor, const struct place *place)
{
    struct lint *lint = visitor->context;
    bool is_pdpt = sim__mmu_is_pdpte(sim__mmu_machine.mode, place->level);

    if (sim_ram_at(place->table, is_pdpt ? 32 : SIM__PAGE) == NULL) {
        find(lint, "va %#llx: table %#llx of level %u is no RAM\n",
             (unsigned long long)place->va, (unsigned long long)place->table,
             place->level);
        return false;
    }
    if (lint->seen_count >= lint->seen_limit / 2)
        grow(lint);
    if (put(lint, place->table / SIM__PAGE + 1))
        return true;
    find(lint, "va %#llx: table %#llx of level %u is there twice\n",
         (unsigned long long)place->va, (unsigned long long)place->table,
         place->level);
    return false;
}

static void lint_entry(struct visitor *visitor, const struct place *place,
                       uint64_t entry)
{
    const struct sim__rules *rules = &visitor->rules;
    unsigned phys_bits = rules->machine->phys_bits;
    uint64_t reserved = sim__mmu_reserved(rules, place->level, entry);
    uint64_t target = sim__mmu_target(rules, place->level, entry);

    if (reserved != 0)
        find(visitor->context,
             "va %#llx: entry %#llx of level %u has reserved bits %#llx\n",
             (unsigned long long)place->va, (unsigned long long)entry,
             place->level, (unsigned long long)reserved);
    else if (sim__mmu_is_leaf(rules, place->level, entry) &&
             target >> phys_bits != 0)
        find(visitor->context, "va %#llx: leaf %#llx beyond %u bits\n",
             (unsigned long long)place->va, (unsigned long long)entry,
             phys_bits);
}

unsigned sim_mmu_lint(uint64_t root, char *text, size_t bytes)
{
    struct lint lint = {.text = text, .bytes = bytes, .seen_limit = 64};
    struct visitor visitor = {
        .context = &lint, .entry = lint_entry, .table = lint_table};

    lint.seen = calloc(lint.seen_limit, sizeof(uint64_t));
    if (lint.seen == NULL)
        abort();
    if (bytes > 0)
        text[0] = '\0';
    visit_all(&visitor, root);
    free(lint.seen);
    return lint.findings;
}
