/*
 * audit.c - audits of page tables made by hand: each rule, random tables held
 * against a page-by-page reading, and the reports.
 */
#include "host/mmu_build.h"

#include "base/memory.h"
#include "harness/test.h"
#include "sim/platform.h"
#include "sim/ram.h"
#include <cairn/audit.h>

#define LARGE        ((uint64_t)2 << 20)
#define TOP          0xffff800000000000u
#define OUTSIDE      ((uint64_t)64 << 20)
#define DATA         (MMU_P | MMU_RW | MMU_XD)
#define CODE         MMU_P
#define CONSTANT     (MMU_P | MMU_XD)
#define STORAGE      64
#define FINDINGS_MAX 4096
#define LINES_MAX    64
#define LINE_BYTES   80

static uint64_t root;
static struct cairn_mapping storage[STORAGE];
static struct cairn_audit_finding findings[FINDINGS_MAX];
static struct cairn_audit_config config;
static struct cairn_audit_result result;
static unsigned found_count;

static void keep(void *context, const struct cairn_audit_finding *finding)
{
    CHECK_EQ((uintptr_t)context, (uintptr_t)&root);
    CHECK(found_count < FINDINGS_MAX);
    findings[found_count++] = *finding;
    CHECK_EQ(finding->number, found_count);
}

static void start(enum sim_mmu_mode mode, enum cairn_paging_mode same)
{
    sim_set_window(NULL);
    root = mmu_start(mode);
    config = (struct cairn_audit_config){
        .mode = same,
        .root = {root},
        .has_nx = true,
        .kernel_start = {UINT64_MAX},
        .storage = storage,
        .storage_count = STORAGE,
        .found = keep,
        .context = &root,
    };
}

/* Tables of the upper half let nobody but the kernel in. */
static void map(unsigned level, uint64_t va, uint64_t value)
{
    mmu_map(root, level, va, level > 1 ? value | MMU_PS : value);
    for (unsigned above = mmu_levels(); above > level && va >= TOP; above--) {
        uint64_t at = mmu_entry(root, above, va);

        mmu_set(at, mmu_get(at) & ~MMU_US);
    }
}

static unsigned audit(void)
{
    unsigned count;

    found_count = 0;
    count = cairn_audit(&config, &result);
    CHECK_EQ(count, found_count);
    CHECK_EQ(count, result.findings);
    return count;
}

/* The one finding; its place. */
static const struct cairn_audit_finding *
only(enum cairn_audit_rule rule, uint64_t va, uint64_t phys, uint64_t bytes)
{
    CHECK_EQ(audit(), 1);
    CHECK_EQ(findings[0].rule, rule);
    CHECK_EQ(findings[0].here.start.value, va);
    CHECK_EQ(findings[0].here.phys.value, phys);
    CHECK_EQ(findings[0].here.bytes, bytes);
    return &findings[0];
}

/* A kernel as it should be: code, constants, data, a window with a gap. */
static void start_kernel(void)
{
    static const struct cairn_audit_area areas[] = {
        {"text", {TOP}, 2 * MMU_PAGE, CAIRN_AUDIT_WANT_RIGHTS, CAIRN_PAGE_EXEC},
        {"rodata", {TOP + 2 * MMU_PAGE}, MMU_PAGE, CAIRN_AUDIT_WANT_RIGHTS, 0},
        {"data",
         {TOP + 3 * MMU_PAGE},
         2 * MMU_PAGE,
         CAIRN_AUDIT_WANT_RIGHTS,
         CAIRN_PAGE_WRITE},
        {"guard", {TOP + 5 * MMU_PAGE}, 3 * MMU_PAGE, CAIRN_AUDIT_WANT_HOLE, 0},
        {"window", {TOP + CAIRN_GIB}, CAIRN_GIB, CAIRN_AUDIT_WANT_NOTHING, 0},
        {"none", {0}, 0, CAIRN_AUDIT_WANT_RIGHTS, 0},
    };

    start(SIM_MMU_4LEVEL, CAIRN_PAGING_4LEVEL);
    for (unsigned i = 0; i < 5; i++)
        map(1, TOP + i * MMU_PAGE,
            (LARGE + i * MMU_PAGE) | MMU_G |
                (i < 2    ? CODE
                 : i == 2 ? CONSTANT
                          : DATA));
    map(2, TOP + CAIRN_GIB, DATA);
    for (unsigned i = 0; i < 512; i++)
        map(1, TOP + CAIRN_GIB + LARGE + i * MMU_PAGE,
            (LARGE + i * MMU_PAGE) | (i < 3 ? CONSTANT : DATA));
    config.areas = areas;
    config.area_count = sizeof(areas) / sizeof(areas[0]);
    config.kernel_start.value = TOP;
    config.lowest.value = TOP;
}

CAIRN_TEST(J1_audit_of_what_is_as_it_should_be)
{
    start_kernel();
    CHECK_EQ(audit(), 0);
    CHECK_EQ(result.stretches, 6);
    CHECK_EQ(result.executable_stretches, 1);
    CHECK_EQ(result.executable_bytes, 2 * MMU_PAGE);
    CHECK_EQ(result.mapped_bytes, 2 * LARGE + 5 * MMU_PAGE);
    CHECK_EQ(result.writable_bytes, 2 * LARGE - MMU_PAGE);
    CHECK(!result.is_reduced);
    config.found = NULL;
    CHECK_EQ(cairn_audit(&config, NULL), 0);
}

CAIRN_TEST(J1_audit_finds_pages_writable_and_executable)
{
    uint64_t va = TOP + 4 * CAIRN_GIB;

    start_kernel();
    map(1, va, MMU_DATA | MMU_P | MMU_RW);
    only(CAIRN_AUDIT_WRITABLE_CODE, va, MMU_DATA, MMU_PAGE);
    map(1, va + MMU_PAGE, (MMU_DATA + MMU_PAGE) | MMU_P | MMU_RW);
    only(CAIRN_AUDIT_WRITABLE_CODE, va, MMU_DATA, 2 * MMU_PAGE);
    /* Rights are those of all levels. */
    mmu_set(mmu_entry(root, 2, va), mmu_get(mmu_entry(root, 2, va)) | MMU_XD);
    CHECK_EQ(audit(), 0);
}

CAIRN_TEST(J1_audit_finds_code_that_is_written_elsewhere)
{
    const struct cairn_audit_finding *finding;
    uint64_t va = TOP + 4 * CAIRN_GIB;

    start_kernel();
    map(1, va, (LARGE + MMU_PAGE) | DATA);
    finding = only(CAIRN_AUDIT_ALIAS, va, LARGE + MMU_PAGE, MMU_PAGE);
    CHECK_EQ(finding->other.start.value, TOP + MMU_PAGE);
    CHECK_EQ(finding->other.phys.value, LARGE + MMU_PAGE);
    CHECK_EQ(finding->other.bytes, MMU_PAGE);
    /* A large page that has it in the middle; both are cut. */
    start_kernel();
    map(2, va, DATA);
    CHECK_EQ(audit(), 0);
    map(2, va + LARGE, LARGE | DATA);
    CHECK_EQ(audit(), 2); /* and constants */
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_ALIAS);
    CHECK_EQ(findings[0].here.start.value, va + LARGE);
    CHECK_EQ(findings[0].here.bytes, 2 * MMU_PAGE);
    CHECK_EQ(findings[0].other.start.value, TOP);
    CHECK_EQ(findings[0].other.bytes, 2 * MMU_PAGE);
    /* Next to it is not in it. */
    start_kernel();
    map(1, va, (LARGE + 2 * MMU_PAGE) | DATA);
    map(1, va + 2 * MMU_PAGE, (LARGE - MMU_PAGE) | DATA);
    only(CAIRN_AUDIT_CONSTANT, va, LARGE + 2 * MMU_PAGE, MMU_PAGE);
}

CAIRN_TEST(J5_audit_finds_what_users_can_reach_of_the_kernel)
{
    uint64_t va = TOP + 4 * CAIRN_GIB;

    start_kernel();
    config.lowest.value = 0;
    map(1, 0x400000, MMU_DATA | CONSTANT | MMU_US);
    CHECK_EQ(audit(), 0);
    map(1, va, MMU_DATA | CONSTANT | MMU_US);
    for (unsigned level = 4; level > 1; level--) {
        uint64_t at = mmu_entry(root, level, va);

        only(CAIRN_AUDIT_USER_TABLE, va, MMU_DATA, MMU_PAGE);
        if (level < 4)
            mmu_set(at, mmu_get(at) | MMU_US);
    }
    mmu_set(mmu_entry(root, 1, va), MMU_DATA | CONSTANT);
    only(CAIRN_AUDIT_USER_TABLE, va, MMU_DATA, MMU_PAGE);
    mmu_set(mmu_entry(root, 1, va), MMU_DATA | CONSTANT | MMU_US);
    map(1, va + MMU_PAGE, 0);
    mmu_set(mmu_entry(root, 4, va), mmu_get(mmu_entry(root, 4, va)) | MMU_US);
    mmu_set(mmu_entry(root, 3, va), mmu_get(mmu_entry(root, 3, va)) | MMU_US);
    mmu_set(mmu_entry(root, 2, va), mmu_get(mmu_entry(root, 2, va)) | MMU_US);
    CHECK(audit() > 1); /* all that is below is on that way, too */
    CHECK_EQ(findings[found_count - 1].rule, CAIRN_AUDIT_USER);
    CHECK_EQ(findings[found_count - 1].here.start.value, va);
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_USER_TABLE);
}

CAIRN_TEST(F4_audit_finds_what_is_mapped_below)
{
    start_kernel();
    map(1, 0x400000, MMU_DATA | CODE);
    only(CAIRN_AUDIT_LOW, 0x400000, MMU_DATA, MMU_PAGE);
    config.lowest.value = 0x400001;
    CHECK_EQ(audit(), 1);
    config.lowest.value = 0x400000;
    CHECK_EQ(audit(), 0);
}

CAIRN_TEST(J2_audit_finds_wrong_rights_of_areas)
{
    const struct cairn_audit_finding *finding;

    /* Constants that are writable; code that is not executable. */
    start_kernel();
    map(1, TOP + 2 * MMU_PAGE, (LARGE + 2 * MMU_PAGE) | DATA);
    finding = only(CAIRN_AUDIT_RIGHTS, TOP + 2 * MMU_PAGE, LARGE + 2 * MMU_PAGE,
                   MMU_PAGE);
    CHECK_TEXT(finding->area->name, "rodata");
    start_kernel();
    map(1, TOP + MMU_PAGE, (LARGE + MMU_PAGE) | CONSTANT);
    finding =
        only(CAIRN_AUDIT_RIGHTS, TOP + MMU_PAGE, LARGE + MMU_PAGE, MMU_PAGE);
    CHECK_TEXT(finding->area->name, "text");
    /* Data that is not writable, the last page only. */
    start_kernel();
    map(1, TOP + 4 * MMU_PAGE, (LARGE + 4 * MMU_PAGE) | CONSTANT);
    only(CAIRN_AUDIT_RIGHTS, TOP + 4 * MMU_PAGE, LARGE + 4 * MMU_PAGE,
         MMU_PAGE);
}

CAIRN_TEST(J2_audit_finds_constants_that_are_written_elsewhere)
{
    const struct cairn_audit_finding *finding;
    uint64_t va = TOP + 4 * CAIRN_GIB;
    uint64_t phys = LARGE + 2 * MMU_PAGE;

    start_kernel();
    map(1, va, phys | DATA);
    finding = only(CAIRN_AUDIT_CONSTANT, va, phys, MMU_PAGE);
    CHECK_EQ(finding->other.start.value, TOP + 2 * MMU_PAGE);
    CHECK_EQ(finding->other.phys.value, phys);
    map(1, va, phys | CONSTANT);
    map(1, va + 2 * MMU_PAGE, (phys + MMU_PAGE) | DATA);
    CHECK_EQ(audit(), 0);
    /* Of text and constants, each is told once. */
    map(2, va + LARGE, LARGE | DATA);
    CHECK_EQ(audit(), 2);
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_ALIAS);
    CHECK_EQ(findings[1].rule, CAIRN_AUDIT_CONSTANT);
    CHECK_EQ(findings[1].here.start.value, va + LARGE + 2 * MMU_PAGE);
    CHECK_EQ(findings[1].here.bytes, MMU_PAGE);
    /* Without NX, text is constant, too. */
    config.has_nx = false;
    CHECK_EQ(audit(), 2);
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_CONSTANT);
    CHECK_EQ(findings[0].other.start.value, TOP);
}

/* Of users, that is open to the kernel only. */
CAIRN_TEST(J5_audit_finds_wrong_rights_of_user_areas)
{
    const struct cairn_audit_area area = {"users",
                                          {0x400000},
                                          MMU_PAGE,
                                          CAIRN_AUDIT_WANT_RIGHTS,
                                          CAIRN_PAGE_USER | CAIRN_PAGE_EXEC};

    start_kernel();
    config.lowest.value = 0;
    config.areas = &area;
    config.area_count = 1;
    map(1, 0x400000, MMU_DATA | CODE | MMU_US);
    CHECK_EQ(audit(), 0);
    map(1, 0x400000, MMU_DATA | CODE);
    only(CAIRN_AUDIT_RIGHTS, 0x400000, MMU_DATA, MMU_PAGE);
}

CAIRN_TEST(J2_audit_finds_what_is_missing_of_areas)
{
    for (unsigned i = 0; i < 5; i++) {
        start_kernel();
        map(1, TOP + i * MMU_PAGE, 0);
        only(CAIRN_AUDIT_ABSENT, TOP + i * MMU_PAGE, 0, MMU_PAGE);
    }
    /* All of it, and nothing behind. */
    start_kernel();
    map(4, TOP, 0);
    CHECK_EQ(audit(), 3);
    CHECK_EQ(findings[0].here.bytes, 2 * MMU_PAGE);
    CHECK_EQ(findings[2].here.bytes, 2 * MMU_PAGE);
}

CAIRN_TEST(J2_audit_finds_guards_that_are_mapped)
{
    start_kernel();
    map(1, TOP + 7 * MMU_PAGE, MMU_DATA | DATA);
    only(CAIRN_AUDIT_GUARD, TOP + 7 * MMU_PAGE, MMU_DATA, MMU_PAGE);
    map(1, TOP + 7 * MMU_PAGE, 0);
    map(1, TOP + 8 * MMU_PAGE, MMU_DATA | DATA);
    CHECK_EQ(audit(), 0);
    map(1, TOP + 5 * MMU_PAGE, MMU_DATA | CONSTANT);
    only(CAIRN_AUDIT_GUARD, TOP + 5 * MMU_PAGE, MMU_DATA, MMU_PAGE);
}

/* At the end of the address space, too. */
CAIRN_TEST(J2_audit_of_the_last_page)
{
    const struct cairn_audit_area area = {
        "last", {0 - MMU_PAGE}, MMU_PAGE, CAIRN_AUDIT_WANT_HOLE, 0};

    start(SIM_MMU_5LEVEL, CAIRN_PAGING_5LEVEL);
    config.areas = &area;
    config.area_count = 1;
    config.kernel_start.value = 0 - MMU_PAGE;
    CHECK_EQ(audit(), 0);
    map(1, 0 - MMU_PAGE, MMU_DATA | DATA);
    only(CAIRN_AUDIT_GUARD, 0 - MMU_PAGE, MMU_DATA, MMU_PAGE);
    map(1, 0 - MMU_PAGE, MMU_DATA | DATA | MMU_US);
    CHECK_EQ(audit(), 2);
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_USER_TABLE);
}

CAIRN_TEST(J1_audit_of_tables_that_cannot_be_followed)
{
    start_kernel();
    mmu_set(mmu_entry(root, 4, 0xffffff0000000000), OUTSIDE | DATA);
    CHECK_EQ(audit(), 1);
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_TABLE);
    CHECK_EQ(findings[0].table.value, OUTSIDE);
    CHECK_EQ(findings[0].here.start.value, 0xffffff0000000000);
    mmu_set(mmu_entry(root, 4, 0xffffff0000000000), root | DATA);
    CHECK_EQ(audit(), 1);
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_TABLE);
    CHECK_EQ(findings[0].table.value, root);
    config.root.value = OUTSIDE;
    CHECK_EQ(audit(), 4); /* and three areas are absent */
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_TABLE);
}

/* What was not looked at is not called clean. */
CAIRN_TEST(J1_audit_says_when_it_is_too_much)
{
    start_kernel();
    config.storage_count = 1;
    CHECK_EQ(audit(), 0);
    map(1, TOP + 4 * CAIRN_GIB, MMU_DATA | CODE);
    map(1, TOP + 5 * CAIRN_GIB, MMU_DATA | CODE);
    only(CAIRN_AUDIT_TOO_MANY, TOP + 4 * CAIRN_GIB, MMU_DATA, MMU_PAGE);
    CHECK_EQ(result.executable_stretches, 3);
    start_kernel();
    config.storage_count = 0;
    CHECK_EQ(audit(), 1);
    start_kernel();
    config.entries_max = 600;
    CHECK(audit() > 0);
    CHECK_EQ(findings[0].rule, CAIRN_AUDIT_TOO_MANY);
}

/* Without NX the rest still counts, and there are no findings in bulk. */
CAIRN_TEST(J1_audit_without_NX_is_reduced)
{
    start(SIM_MMU_32BIT, CAIRN_PAGING_32BIT);
    config.has_nx = false;
    config.kernel_start.value = 0x80000000;
    for (uint64_t i = 0; i < 64; i++)
        map(1, 0x400000 + i * 3 * MMU_PAGE,
            (MMU_DATA + i * MMU_PAGE) | MMU_P | MMU_RW);
    CHECK_EQ(audit(), 0);
    CHECK(result.is_reduced);
    CHECK_EQ(result.executable_stretches, 0);
    map(1, 0xc0000000, MMU_DATA | MMU_ALL);
    only(CAIRN_AUDIT_USER, 0xc0000000, MMU_DATA, MMU_PAGE);
    start_kernel();
    config.has_nx = false;
    map(1, TOP, LARGE | CONSTANT); /* not executable, and that is nothing */
    CHECK_EQ(audit(), 0);
    map(1, TOP, LARGE | MMU_P | MMU_RW);
    only(CAIRN_AUDIT_RIGHTS, TOP, LARGE, MMU_PAGE);
}

/* ---- Random tables, page by page ----------------------------------------- */

#define TOY_PAGES 64

/* By rule; of aliases, by both pages. */
static bool seen[CAIRN_AUDIT_RULE_COUNT][TOY_PAGES];
static bool seen_aliases[TOY_PAGES][TOY_PAGES];

static void see(const struct cairn_audit_finding *finding)
{
    uint64_t first = finding->here.start.value / MMU_PAGE;
    uint64_t other = finding->other.start.value / MMU_PAGE;
    uint64_t pages = finding->here.bytes / MMU_PAGE;

    for (uint64_t i = 0; i < pages; i++) {
        CHECK(first + i < TOY_PAGES && other + i < TOY_PAGES);
        if (finding->rule == CAIRN_AUDIT_ALIAS) {
            CHECK(!seen_aliases[first + i][other + i]);
            seen_aliases[first + i][other + i] = true;
            continue;
        }
        CHECK(!seen[finding->rule][first + i]);
        seen[finding->rule][first + i] = true;
    }
}

static void check_page(unsigned page)
{
    struct sim_mmu_view view = {0};
    struct sim_mmu_view other;
    uint64_t va = page * MMU_PAGE;
    bool is_mapped = sim_mmu_look(root, va, &view);
    bool is_kernel = va >= config.kernel_start.value;

    CHECK_EQ(seen[CAIRN_AUDIT_WRITABLE_CODE][page],
             is_mapped && view.writable && view.executable);
    CHECK_EQ(seen[CAIRN_AUDIT_USER][page], is_mapped && is_kernel && view.user);
    CHECK(!seen[CAIRN_AUDIT_TABLE][page] && !seen[CAIRN_AUDIT_TOO_MANY][page]);
    CHECK(!seen[CAIRN_AUDIT_USER_TABLE][page] || !view.user);
    for (unsigned i = 0; i < TOY_PAGES; i++) {
        bool is_alias = is_mapped && view.writable && i != page &&
                        sim_mmu_look(root, i * MMU_PAGE, &other) &&
                        other.executable && other.phys == view.phys;

        CHECK_EQ(seen_aliases[page][i], is_alias);
    }
}

/* Pages of all sizes that often share their memory. */
static void map_toy(void)
{
    for (unsigned i = 0; i < 24; i++) {
        unsigned level = 1 + (unsigned)test_random_once_in(4) +
                         (unsigned)test_random_once_in(8);
        uint64_t span = mmu_span(level);
        uint64_t va = test_random_below(TOY_PAGES) * MMU_PAGE & ~(span - 1);
        uint64_t phys = test_random_below(32) * MMU_PAGE & ~(span - 1);
        uint64_t bits = MMU_P | (test_random() & (MMU_RW | MMU_US)) |
                        (test_random_once_in(2) ? MMU_XD : 0);
        unsigned above = 3;

        while (above > level && (mmu_get(mmu_entry(root, above, va)) &
                                 (MMU_P | MMU_PS)) == MMU_P)
            above--;
        if ((mmu_get(mmu_entry(root, above, va)) & MMU_P) == 0)
            mmu_map(root, level, va,
                    (MMU_DATA + phys) | bits | (level > 1 ? MMU_PS : 0));
    }
}

CAIRN_TEST(J1_J5_audit_of_random_tables_page_by_page)
{
    for (unsigned i = test_rounds(1000); i > 0; i--) {
        /* Where no page lies on the border: what lies there counts whole. */
        static const uint64_t borders[] = {0, 0x10000, 0x20000, 0x30000};

        start(SIM_MMU_TOY, CAIRN_PAGING_TOY);
        map_toy();
        config.kernel_start.value = borders[test_random_below(4)];
        memset(seen, 0, sizeof(seen));
        memset(seen_aliases, 0, sizeof(seen_aliases));
        audit();
        for (unsigned k = 0; k < found_count; k++) {
            struct cairn_audit_finding *finding = &findings[k];

            /* A stretch that goes on from below counts from the border on. */
            if (finding->rule == CAIRN_AUDIT_USER &&
                finding->here.start.value < config.kernel_start.value) {
                uint64_t below =
                    config.kernel_start.value - finding->here.start.value;

                finding->here.start.value += below;
                finding->here.bytes -= below;
            }
            see(finding);
        }
        for (unsigned page = 0; page < TOY_PAGES; page++)
            check_page(page);
    }
}

/* ---- As text ------------------------------------------------------------- */

static char lines[LINES_MAX][LINE_BYTES];
static size_t line_count;

static void keep_line(void *context, const char *text)
{
    size_t length = 0;

    (void)context;
    CHECK(line_count < LINES_MAX);
    while (text[length] != '\0')
        length++;
    CHECK(length < LINE_BYTES);
    memcpy(lines[line_count++], text, length + 1);
}

static const struct cairn_sink sink = {keep_line, NULL};

static void check_lines(const char *const *wanted)
{
    size_t i;

    for (i = 0; wanted[i] != NULL; i++) {
        CHECK(i < line_count);
        CHECK_TEXT(lines[i], wanted[i]);
    }
    CHECK_EQ(line_count, i);
    line_count = 0;
}

CAIRN_TEST(L1_L2_layout_as_text)
{
    static const char *const wanted[] = {
        "virtual            physical              size pages    rights    what",
        "0xffff800000000000 0x0000000200000      8 KiB 4K       r-x-g     text",
        "0xffff800000002000 0x0000000202000      4 KiB 4K       r---g     "
        "rodata",
        "0xffff800000003000 0x0000000203000      8 KiB 4K       rw--g     data",
        "0xffff800040000000 0x0000000000000      2 MiB 2M       rw---     "
        "window",
        "0xffff800040200000 0x0000000200000     12 KiB 4K       r----     "
        "window",
        "0xffff800040203000 0x0000000203000    1.9 MiB 4K       rw---     "
        "window",
        "0xffffff0000000000 not followed: table at 0x0000004000000",
        "6 ranges, 4 MiB",
        NULL};

    start_kernel();
    line_count = 0;
    cairn_report_mappings(&config, &sink);
    CHECK_EQ(line_count, 8);
    mmu_set(mmu_entry(root, 4, 0xffffff0000000000), OUTSIDE | DATA);
    line_count = 0;
    cairn_report_mappings(&config, &sink);
    check_lines(wanted);
}

CAIRN_TEST(L1_L2_layout_is_cut_at_areas)
{
    static const char *const wanted[] = {
        "virtual            physical              size pages    rights    what",
        "0x0000000000400000 0x0000000800000      4 KiB 4K 2M    rw-u- UC  -",
        "0x0000000000401000 0x0000000801000      8 KiB 4K 2M    rw-u- UC  here",
        "0x0000000000403000 0x0000000803000      2 MiB 4K 2M    rw-u- UC  -",
        "3 ranges, 2 MiB",
        NULL};
    static const struct cairn_audit_area areas[] = {
        {"here", {0x401000}, 0x2000, CAIRN_AUDIT_WANT_NOTHING, 0}};

    start(SIM_MMU_4LEVEL, CAIRN_PAGING_4LEVEL);
    config.areas = areas;
    config.area_count = 1;
    for (unsigned i = 0; i < 3; i++)
        map(1, 0x600000 + i * MMU_PAGE,
            (0xa00000 + i * MMU_PAGE) | DATA | MMU_US | MMU_PWT | MMU_PCD);
    map(2, 0x400000, 0x800000 | DATA | MMU_US | MMU_PWT | MMU_PCD);
    line_count = 0;
    cairn_report_mappings(&config, &sink);
    check_lines(wanted);
}

CAIRN_TEST(J1_audit_as_text)
{
    static const char *const clean[] = {
        "clean: 0 findings; 6 ranges, 4 MiB, 8 KiB of them code", NULL};
    static const char *const wanted[] = {
        "1. writable here, executable there",
        "0xffff800100000000 0x0000000200000      4 KiB 4K       rw---     -",
        "0xffff800000000000 0x0000000200000      4 KiB 4K       r-x-g     text",
        "2. rodata: not mapped",
        "0xffff800000002000",
        "3. guard: mapped where a guard should be",
        "0xffff800000005000 0x0000000800000      4 KiB 4K       rw---     "
        "guard",
        "not clean: 3 findings; 7 ranges, 4 MiB, 8 KiB of them code",
        NULL};
    static const char *const few[] = {
        "... and 3 more",
        "not clean: 3 findings; 7 ranges, 4 MiB, 8 KiB of them code", NULL};

    start_kernel();
    line_count = 0;
    CHECK_EQ(cairn_report_audit(&config, 20, &sink), 0);
    check_lines(clean);
    map(1, TOP + 4 * CAIRN_GIB, LARGE | DATA);
    map(1, TOP + 2 * MMU_PAGE, 0);
    map(1, TOP + 5 * MMU_PAGE, MMU_DATA | DATA);
    CHECK_EQ(cairn_report_audit(&config, 20, &sink), 3);
    check_lines(wanted);
    CHECK_EQ(cairn_report_audit(&config, 0, &sink), 3);
    check_lines(few);
    start_kernel();
    mmu_set(mmu_entry(root, 4, 0xffffff0000000000), OUTSIDE | DATA);
    cairn_report_audit(&config, 1, &sink);
    CHECK_TEXT(lines[0], "1. a table that cannot be followed");
    CHECK_TEXT(lines[1],
               "0xffffff0000000000 not followed: table at 0x0000004000000");
    config.has_nx = false;
    line_count = 0;
    cairn_report_audit(&config, 0, &sink);
    CHECK_TEXT(lines[line_count - 1],
               "reduced: without NX, all of it can be executed");
    CHECK_TEXT(cairn_audit_rule_text(CAIRN_AUDIT_RULE_COUNT), "?");
}
