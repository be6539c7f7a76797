/*
 * cairn/audit.h - is what a root maps as it should be?  And what does it map?
 *
 * Reads the tables that a CPU would read, whoever has built them, as
 * cairn/ptwalk.h does: nothing is locked and nothing written.
 *
 *   struct cairn_audit_config config = {
 *       .mode = CAIRN_PAGING_4LEVEL, .root = {cr3}, .has_nx = true,
 *       .kernel_start = {0xffff800000000000}, .lowest = {4096},
 *       .areas = areas, .area_count = 3,
 *       .storage = storage, .storage_count = 64};
 *
 *   if (cairn_report_audit(&config, 20, &sink) != 0)
 *       panic("page tables");
 *
 * Assumes   what cairn/ptwalk.h does.
 * Context   any in which the callbacks may be called.  If tables change
 *           meanwhile, findings may be of what never was.
 */
#ifndef CAIRN_AUDIT_H
#define CAIRN_AUDIT_H

#include <cairn/ptwalk.h>
#include <cairn/report.h>

CAIRN_BEGIN_DECLS

/* What can be found. */
enum cairn_audit_rule {
    CAIRN_AUDIT_WRITABLE_CODE, /* pages both writable and executable */
    CAIRN_AUDIT_ALIAS,         /* written here, executed there: `other` */
    CAIRN_AUDIT_CONSTANT,   /* written here, and an area without W: `other` */
    CAIRN_AUDIT_USER,       /* of the kernel, and users may use it */
    CAIRN_AUDIT_USER_TABLE, /* ... may not, but for one entry's US */
    CAIRN_AUDIT_LOW,        /* mapped below `lowest` */
    CAIRN_AUDIT_RIGHTS,     /* of an area: others than wanted */
    CAIRN_AUDIT_ABSENT,     /* of an area: not mapped */
    CAIRN_AUDIT_GUARD,      /* mapped where nothing should be */
    CAIRN_AUDIT_TABLE,      /* a table that cannot be followed */
    CAIRN_AUDIT_TOO_MANY,   /* executable stretches, or entries */
    CAIRN_AUDIT_RULE_COUNT
};

/* What is wanted of an area. */
enum cairn_audit_want {
    CAIRN_AUDIT_WANT_NOTHING, /* only its name, for reports */
    CAIRN_AUDIT_WANT_RIGHTS,  /* mapped throughout with exactly these rights */
    CAIRN_AUDIT_WANT_HOLE     /* not mapped: a guard */
};

struct cairn_audit_area {
    const char *name; /* short: reports have 10 characters for it */
    cairn_va start;
    uint64_t bytes; /* 0: there is no such area */
    enum cairn_audit_want want;
    unsigned rights; /* CAIRN_PAGE_WRITE, _EXEC and _USER; the rest is free */
};

/* One finding: a stretch that is alike. */
struct cairn_audit_finding {
    unsigned number; /* 1, 2, .. */
    enum cairn_audit_rule rule;
    struct cairn_mapping here;  /* CAIRN_AUDIT_TABLE: what it would map */
    struct cairn_mapping other; /* _ALIAS, _CONSTANT: the other address */
    const struct cairn_audit_area *area; /* of the last rules; or NULL */
    cairn_phys table;                    /* CAIRN_AUDIT_TABLE */
};

struct cairn_audit_config {
    enum cairn_paging_mode mode;
    cairn_phys root; /* or what CR3 has */
    /*
     * NX means something.  Without, everything can be executed: rules about
     * that would find every page, and are left out (see is_reduced).
     */
    bool has_nx;
    cairn_va kernel_start; /* no pages for users from here on */
    cairn_va lowest;       /* nothing is mapped below; 0: anything may be */
    const struct cairn_audit_area *areas; /* disjoint */
    size_t area_count;
    /* To remember executable stretches in; one for each is needed. */
    struct cairn_mapping *storage;
    size_t storage_count;
    uint64_t entries_max; /* to be read in one walk; 0: CAIRN_PTWALK_ENTRIES */
    /* Told of each finding; may be NULL. */
    void (*found)(void *context, const struct cairn_audit_finding *finding);
    void *context;
};

struct cairn_audit_result {
    unsigned findings;
    unsigned stretches; /* of alike pages that go on, virtual and physical */
    unsigned executable_stretches;
    uint64_t mapped_bytes;
    uint64_t writable_bytes;
    uint64_t executable_bytes; /* has_nx only */
    bool is_reduced;           /* without NX */
};

/*
 * Look for all of that.
 *
 *   result  written; may be NULL
 *
 * Returns  how many findings.  CAIRN_AUDIT_TOO_MANY is one: what was not looked
 *          at is not called clean.
 * Cost     two walks over all tables (cairn_ptwalk_next), one over each area,
 *          and one over all tables for each stretch of areas without W;
 *          writable stretches times executable ones.
 */
unsigned cairn_audit(const struct cairn_audit_config *config,
                     struct cairn_audit_result *result);

/* "writable and executable", ...; "?" outside the enumeration. */
const char *cairn_audit_rule_text(enum cairn_audit_rule rule);

/* ---- As text ------------------------------------------------------------- */

/*
 * The same, told in lines: the first `limit` findings, in two or three lines
 * each, and one line for the whole.  found and context are not used.
 *
 * Returns  how many findings.
 */
unsigned cairn_report_audit(const struct cairn_audit_config *config,
                            unsigned limit, const struct cairn_sink *sink);

/*
 * All that is mapped, a line for each stretch of pages that go on, virtual and
 * physical, and are alike in rights and cache policy: both addresses, size,
 * sizes of pages, "rwxug" for rights and global, the name of the area, and a
 * line of totals.  Tables that cannot be followed have a line, too.
 *
 *   config  mode, root, has_nx, areas and entries_max are looked at
 *
 * Cost     one walk over all tables; stretches times areas.
 */
void cairn_report_mappings(const struct cairn_audit_config *config,
                           const struct cairn_sink *sink);

CAIRN_END_DECLS

#endif
