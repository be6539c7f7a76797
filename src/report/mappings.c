/*
 * report/mappings.c - what a root maps, and what an audit found, as text.
 *
 * HOW    Stretches are cut where areas begin and end, so that each line has one
 *        name.
 *
 * TESTS  tests/host/audit.c
 */
#include <cairn/audit.h>
#include <cairn/format.h>

#include "base/align.h"
#include "report/line.h"

#define JOIN_ALL    (CAIRN_PTWALK_JOIN | CAIRN_PTWALK_JOIN_SIZES)
#define PAGES_BYTES 16
#define FLAGS_BYTES 10

/* ---- Pieces of lines ----------------------------------------------------- */

/* "4K 2M 1G": the sizes whose sum is `page_bytes`. */
static const char *pages_text(uint64_t page_bytes, char text[PAGES_BYTES])
{
    static const struct {
        uint64_t bytes;
        const char *name;
    } sizes[] = {{4 * CAIRN_KIB, "4K"},   {16 * CAIRN_KIB, "16K"},
                 {64 * CAIRN_KIB, "64K"}, {2 * CAIRN_MIB, "2M"},
                 {4 * CAIRN_MIB, "4M"},   {CAIRN_GIB, "1G"}};
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if ((page_bytes & sizes[i].bytes) != 0)
            length += cairn_format(text + length, PAGES_BYTES - length, "%s%s",
                                   length > 0 ? " " : "", sizes[i].name);
    return text;
}

/* "rwxug" with '-' for what is not so, and the cache policy unless it is WB. */
static const char *flags_text(const struct cairn_mapping *mapping,
                              char text[FLAGS_BYTES])
{
    static const char *const caches[CAIRN_CACHE_COUNT] = {
        [CAIRN_CACHE_WB] = "",    [CAIRN_CACHE_WT] = " WT",
        [CAIRN_CACHE_WC] = " WC", [CAIRN_CACHE_UC_MINUS] = " UC-",
        [CAIRN_CACHE_UC] = " UC",
    };
    unsigned rights = mapping->rights;

    cairn_format(text, FLAGS_BYTES, "r%c%c%c%c%s",
                 (rights & CAIRN_PAGE_WRITE) != 0 ? 'w' : '-',
                 (rights & CAIRN_PAGE_EXEC) != 0 ? 'x' : '-',
                 (rights & CAIRN_PAGE_USER) != 0 ? 'u' : '-',
                 (rights & CAIRN_PAGE_GLOBAL) != 0 ? 'g' : '-',
                 caches[mapping->cache]);
    return text;
}

static void line_of(const struct cairn_mapping *mapping, const char *name,
                    const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    char pages[PAGES_BYTES];
    char flags[FLAGS_BYTES];

    cairn__report_line(sink, "0x%016llx 0x%013llx %10s %-8s %-9s %s",
                       (unsigned long long)mapping->start.value,
                       (unsigned long long)mapping->phys.value,
                       cairn_format_size(size, mapping->bytes),
                       pages_text(mapping->page_bytes, pages),
                       flags_text(mapping, flags), name);
}

/* ---- Layout -------------------------------------------------------------- */

/*
 * The area that has `va`, or NULL; at most *bytes from there on lie in it, or
 * in none.
 */
static const struct cairn_audit_area *
area_at(const struct cairn_audit_config *config, uint64_t va, uint64_t *bytes)
{
    for (size_t i = 0; i < config->area_count; i++) {
        const struct cairn_audit_area *area = &config->areas[i];
        uint64_t offset = va - area->start.value;

        if (offset < area->bytes) {
            *bytes = cairn__min(*bytes, area->bytes - offset);
            return area;
        }
        if (area->bytes > 0 && va < area->start.value)
            *bytes = cairn__min(*bytes, area->start.value - va);
    }
    return NULL;
}

/* Lines for a stretch, cut at areas; returns how many. */
static unsigned lines_of(const struct cairn_audit_config *config,
                         struct cairn_mapping mapping,
                         const struct cairn_sink *sink)
{
    uint64_t left = mapping.bytes;
    unsigned lines = 0;

    for (; left > 0; lines++) {
        const struct cairn_audit_area *area;

        mapping.bytes = left;
        area = area_at(config, mapping.start.value, &mapping.bytes);
        line_of(&mapping, area != NULL ? area->name : "-", sink);
        mapping.start.value += mapping.bytes;
        mapping.phys.value += mapping.bytes;
        left -= mapping.bytes;
    }
    return lines;
}

static void line_of_hidden(const struct cairn_ptwalk_stretch *stretch,
                           const struct cairn_sink *sink)
{
    cairn__report_line(sink, "0x%016llx not followed: table at 0x%013llx",
                       (unsigned long long)stretch->mapping.start.value,
                       (unsigned long long)stretch->table.value);
}

void cairn_report_mappings(const struct cairn_audit_config *config,
                           const struct cairn_sink *sink)
{
    struct cairn_ptwalk_scan scan;
    struct cairn_ptwalk_stretch stretch;
    enum cairn_status status;
    char size[CAIRN_SIZE_TEXT_BYTES];
    uint64_t bytes = 0;
    unsigned lines = 0;

    cairn__report_line(sink, "%-18s %-15s %10s %-8s %-9s %s", "virtual",
                       "physical", "size", "pages", "rights", "what");
    cairn_ptwalk_begin(&scan, config->mode, config->root, cairn_va_make(0),
                       JOIN_ALL);
    if (config->entries_max != 0)
        scan.entries_left = config->entries_max;
    while ((status = cairn_ptwalk_next(&scan, &stretch)) != CAIRN_NOT_FOUND &&
           status != CAIRN_NO_SPACE) {
        if (status == CAIRN_OK)
            lines += lines_of(config, stretch.mapping, sink);
        else
            line_of_hidden(&stretch, sink);
        bytes += stretch.mapping.is_mapped ? stretch.mapping.bytes : 0;
    }
    cairn__report_line(
        sink, "%u ranges, %s%s", lines, cairn_format_size(size, bytes),
        status == CAIRN_NO_SPACE ? ", and too many entries" : "");
}

/* ---- Audit --------------------------------------------------------------- */

const char *cairn_audit_rule_text(enum cairn_audit_rule rule)
{
    static const char *const texts[CAIRN_AUDIT_RULE_COUNT] = {
        [CAIRN_AUDIT_WRITABLE_CODE] = "writable and executable",
        [CAIRN_AUDIT_ALIAS] = "writable here, executable there",
        [CAIRN_AUDIT_CONSTANT] = "writable here, constant there",
        [CAIRN_AUDIT_USER] = "memory of the kernel that users can reach",
        [CAIRN_AUDIT_USER_TABLE] = "US in an entry on the way to the kernel",
        [CAIRN_AUDIT_LOW] = "mapped where nothing should be, below all",
        [CAIRN_AUDIT_RIGHTS] = "other rights than it should have",
        [CAIRN_AUDIT_ABSENT] = "not mapped",
        [CAIRN_AUDIT_GUARD] = "mapped where a guard should be",
        [CAIRN_AUDIT_TABLE] = "a table that cannot be followed",
        [CAIRN_AUDIT_TOO_MANY] = "too many to look at all, from here on",
    };

    return (unsigned)rule < CAIRN_AUDIT_RULE_COUNT ? texts[rule] : "?";
}

struct listing {
    const struct cairn_audit_config *config;
    const struct cairn_sink *sink;
    unsigned limit;
};

static void list_mapping(const struct listing *listing,
                         const struct cairn_mapping *mapping)
{
    uint64_t bytes = mapping->bytes;
    const struct cairn_audit_area *area =
        area_at(listing->config, mapping->start.value, &bytes);

    line_of(mapping, area != NULL ? area->name : "-", listing->sink);
}

static void list_finding(void *context,
                         const struct cairn_audit_finding *finding)
{
    const struct listing *listing = context;

    if (finding->number > listing->limit)
        return;
    cairn__report_line(listing->sink, "%u. %s%s%s", finding->number,
                       finding->area != NULL ? finding->area->name : "",
                       finding->area != NULL ? ": " : "",
                       cairn_audit_rule_text(finding->rule));
    if (finding->rule == CAIRN_AUDIT_TABLE) {
        const struct cairn_ptwalk_stretch hidden = {.mapping = finding->here,
                                                    .table = finding->table};

        line_of_hidden(&hidden, listing->sink);
        return;
    }
    if (finding->here.is_mapped)
        list_mapping(listing, &finding->here);
    else
        cairn__report_line(listing->sink, "0x%016llx",
                           (unsigned long long)finding->here.start.value);
    if (finding->other.is_mapped)
        list_mapping(listing, &finding->other);
}

unsigned cairn_report_audit(const struct cairn_audit_config *config,
                            unsigned limit, const struct cairn_sink *sink)
{
    struct listing listing = {config, sink, limit};
    struct cairn_audit_config told = *config;
    struct cairn_audit_result result;
    char size[CAIRN_SIZE_TEXT_BYTES];
    char code[CAIRN_SIZE_TEXT_BYTES];

    told.found = list_finding;
    told.context = &listing;
    cairn_audit(&told, &result);
    if (result.findings > limit)
        cairn__report_line(sink, "... and %u more", result.findings - limit);
    cairn__report_line(
        sink, "%s: %u findings; %u ranges, %s, %s of them code",
        result.findings == 0 ? "clean" : "not clean", result.findings,
        result.stretches, cairn_format_size(size, result.mapped_bytes),
        result.is_reduced ? "?"
                          : cairn_format_size(code, result.executable_bytes));
    if (result.is_reduced)
        cairn__report_line(sink, "reduced: without NX, all of it can be "
                                 "executed");
    return result.findings;
}
