/*
 * report/audit.c - is what a root maps as it should be?
 *
 * HOW    The first walk remembers what can be executed.  The second holds each
 *        stretch against the rules, and, if it is writable, against all that
 *        was remembered: where both have physical memory in common at different
 *        addresses, code can be written.  Then each area is walked by itself.
 *
 *        Stretches are as long as they can be, so a rule that is broken by a
 *        thousand pages in a row is one finding.
 *
 * COST   See audit.h.  Kernels have few executable stretches, so those are
 *        not sorted.
 *
 * FAILS  Never silently: what could not be read or remembered is a finding.
 *
 * TESTS  tests/host/audit.c, tests/kernel/audit_live.c
 *
 * NOT    What is reached by other means than this root: other page tables,
 *        devices.
 */
#include <cairn/audit.h>

#include "base/align.h"
#include "base/assert.h"

#define JOIN_ALL (CAIRN_PTWALK_JOIN | CAIRN_PTWALK_JOIN_SIZES)

struct audit {
    const struct cairn_audit_config *config;
    struct cairn_audit_result result;
    size_t remembered; /* of config->storage */
};

static void find(struct audit *audit, enum cairn_audit_rule rule,
                 struct cairn_audit_finding finding)
{
    finding.number = ++audit->result.findings;
    finding.rule = rule;
    if (audit->config->found != NULL)
        audit->config->found(audit->config->context, &finding);
}

static void find_at(struct audit *audit, enum cairn_audit_rule rule,
                    const struct cairn_mapping *where)
{
    find(audit, rule, (struct cairn_audit_finding){.here = *where});
}

static void begin(const struct audit *audit, struct cairn_ptwalk_scan *scan,
                  cairn_va from)
{
    cairn_ptwalk_begin(scan, audit->config->mode, audit->config->root, from,
                       JOIN_ALL);
    if (audit->config->entries_max != 0)
        scan->entries_left = audit->config->entries_max;
}

/* Has it all of these rights? */
static bool has(const struct cairn_mapping *mapping, unsigned rights)
{
    return (mapping->rights & rights) == rights;
}

/* `bytes` of it from `offset` on. */
static struct cairn_mapping part_of(const struct cairn_mapping *mapping,
                                    uint64_t offset, uint64_t bytes)
{
    struct cairn_mapping part = *mapping;

    part.start.value += offset;
    part.phys.value += offset;
    part.bytes = bytes;
    return part;
}

/* ---- What can be executed ------------------------------------------------ */

static void remember_code(struct audit *audit)
{
    const struct cairn_audit_config *config = audit->config;
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    enum cairn_status status;
    bool is_full = false;

    begin(audit, &scan, cairn_va_make(0));
    do {
        status = cairn_ptwalk_next(&scan, &stretch);
        if (status != CAIRN_OK || !has(&stretch.mapping, CAIRN_PAGE_EXEC))
            continue;
        audit->result.executable_stretches++;
        audit->result.executable_bytes += stretch.mapping.bytes;
        if (audit->remembered < config->storage_count)
            config->storage[audit->remembered++] = stretch.mapping;
        else if (!is_full)
            find_at(audit, CAIRN_AUDIT_TOO_MANY, &stretch.mapping);
        is_full = audit->remembered == config->storage_count &&
                  audit->result.executable_stretches > audit->remembered;
    } while (status != CAIRN_NOT_FOUND && status != CAIRN_NO_SPACE);
}

/* Is memory that `there` maps mapped here, at another address? */
static void check_alias(struct audit *audit, enum cairn_audit_rule rule,
                        const struct cairn_mapping *here,
                        const struct cairn_mapping *there)
{
    uint64_t low = cairn__max(there->phys.value, here->phys.value);
    uint64_t high = cairn__min(there->phys.value + there->bytes,
                               here->phys.value + here->bytes);

    if (low >= high || there->start.value - there->phys.value ==
                           here->start.value - here->phys.value)
        return;
    find(audit, rule,
         (struct cairn_audit_finding){
             .here = part_of(here, low - here->phys.value, high - low),
             .other = part_of(there, low - there->phys.value, high - low),
         });
}

/* Where is what this writes executed? */
static void check_aliases(struct audit *audit,
                          const struct cairn_mapping *mapping)
{
    for (size_t i = 0; i < audit->remembered; i++)
        check_alias(audit, CAIRN_AUDIT_ALIAS, mapping,
                    &audit->config->storage[i]);
}

/* ---- All that is mapped -------------------------------------------------- */

static void check_users(struct audit *audit,
                        const struct cairn_ptwalk_stretch *stretch)
{
    const struct cairn_mapping *mapping = &stretch->mapping;
    uint64_t last = mapping->start.value + (mapping->bytes - 1);

    if (last < audit->config->kernel_start.value)
        return;
    if (has(mapping, CAIRN_PAGE_USER))
        find_at(audit, CAIRN_AUDIT_USER, mapping);
    else if (stretch->user_levels != 0)
        find_at(audit, CAIRN_AUDIT_USER_TABLE, mapping);
}

static void check_stretch(struct audit *audit,
                          const struct cairn_ptwalk_stretch *stretch)
{
    const struct cairn_mapping *mapping = &stretch->mapping;
    bool is_writable = has(mapping, CAIRN_PAGE_WRITE);
    bool has_nx = audit->config->has_nx;

    audit->result.stretches++;
    audit->result.mapped_bytes += mapping->bytes;
    if (is_writable)
        audit->result.writable_bytes += mapping->bytes;
    if (has_nx && has(mapping, CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC))
        find_at(audit, CAIRN_AUDIT_WRITABLE_CODE, mapping);
    if (has_nx && is_writable)
        check_aliases(audit, mapping);
    check_users(audit, stretch);
    if (mapping->start.value < audit->config->lowest.value)
        find_at(audit, CAIRN_AUDIT_LOW, mapping);
}

static void check_all(struct audit *audit)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    enum cairn_status status;

    begin(audit, &scan, cairn_va_make(0));
    while ((status = cairn_ptwalk_next(&scan, &stretch)) != CAIRN_NOT_FOUND) {
        if (status == CAIRN_OK) {
            check_stretch(audit, &stretch);
            continue;
        }
        if (status == CAIRN_NO_SPACE) {
            find_at(audit, CAIRN_AUDIT_TOO_MANY, &stretch.mapping);
            break;
        }
        find(audit, CAIRN_AUDIT_TABLE,
             (struct cairn_audit_finding){.here = stretch.mapping,
                                          .table = stretch.table});
    }
}

/* ---- Areas --------------------------------------------------------------- */

static void find_in_area(struct audit *audit, enum cairn_audit_rule rule,
                         const struct cairn_audit_area *area,
                         const struct cairn_mapping *where)
{
    find(audit, rule,
         (struct cairn_audit_finding){.here = *where, .area = area});
}

/* Where is this written, which should be constant? */
static void check_constant(struct audit *audit,
                           const struct cairn_mapping *mapping)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    enum cairn_status status;

    begin(audit, &scan, cairn_va_make(0));
    do {
        status = cairn_ptwalk_next(&scan, &stretch);
        if (status == CAIRN_OK && has(&stretch.mapping, CAIRN_PAGE_WRITE))
            check_alias(audit, CAIRN_AUDIT_CONSTANT, &stretch.mapping, mapping);
    } while (status != CAIRN_NOT_FOUND && status != CAIRN_NO_SPACE);
}

/* Nobody should write it, and the rules about code do not say so. */
static bool is_constant(const struct audit *audit,
                        const struct cairn_audit_area *area,
                        const struct cairn_mapping *mapping)
{
    return (area->rights & CAIRN_PAGE_WRITE) == 0 &&
           !(audit->config->has_nx && has(mapping, CAIRN_PAGE_EXEC));
}

/* What is mapped of an area, in it. */
static void check_mapped(struct audit *audit,
                         const struct cairn_audit_area *area,
                         const struct cairn_mapping *mapping)
{
    unsigned counted = CAIRN_PAGE_WRITE | CAIRN_PAGE_USER |
                       (audit->config->has_nx ? CAIRN_PAGE_EXEC : 0);

    if (area->want == CAIRN_AUDIT_WANT_HOLE)
        find_in_area(audit, CAIRN_AUDIT_GUARD, area, mapping);
    else if (((mapping->rights ^ area->rights) & counted) != 0)
        find_in_area(audit, CAIRN_AUDIT_RIGHTS, area, mapping);
    if (area->want == CAIRN_AUDIT_WANT_RIGHTS &&
        is_constant(audit, area, mapping))
        check_constant(audit, mapping);
}

/* Nothing is mapped of an area from `offset` to `end`. */
static void check_hole(struct audit *audit, const struct cairn_audit_area *area,
                       uint64_t offset, uint64_t end)
{
    const struct cairn_mapping hole = {
        .start = {area->start.value + offset},
        .bytes = end - offset,
    };

    if (area->want == CAIRN_AUDIT_WANT_RIGHTS && end > offset)
        find_in_area(audit, CAIRN_AUDIT_ABSENT, area, &hole);
}

static void check_area(struct audit *audit, const struct cairn_audit_area *area)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    struct cairn_mapping *mapping = &stretch.mapping;
    enum cairn_status status;
    uint64_t done = 0;

    begin(audit, &scan, area->start);
    while (done < area->bytes) {
        uint64_t offset;

        status = cairn_ptwalk_next(&scan, &stretch);
        if (status == CAIRN_NOT_FOUND || status == CAIRN_NO_SPACE)
            break;
        offset = mapping->start.value - area->start.value;
        if (offset >= area->bytes)
            break;
        if (status != CAIRN_OK)
            continue;
        check_hole(audit, area, done, offset);
        done = offset + cairn__min(mapping->bytes, area->bytes - offset);
        mapping->bytes = done - offset;
        check_mapped(audit, area, mapping);
    }
    check_hole(audit, area, done, area->bytes);
}

unsigned cairn_audit(const struct cairn_audit_config *config,
                     struct cairn_audit_result *result)
{
    struct audit audit = {.config = config};

    cairn__assert((unsigned)config->mode < CAIRN_PAGING_MODES);
    audit.result.is_reduced = !config->has_nx;
    if (config->has_nx)
        remember_code(&audit);
    check_all(&audit);
    for (size_t i = 0; i < config->area_count; i++) {
        if (config->areas[i].want != CAIRN_AUDIT_WANT_NOTHING)
            check_area(&audit, &config->areas[i]);
    }
    if (result != NULL)
        *result = audit.result;
    return audit.result.findings;
}
