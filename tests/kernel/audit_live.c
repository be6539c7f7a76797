/*
 * audit_live.c - audits of the page tables that the kernel runs on: clean, and
 * whatever is planted is found.
 *
 * What is planted stays for one audit; nothing is checked before it is gone.
 */
#include "audit.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel/space.h"

#define PAGE         CAIRN_FRAME_SIZE
#define LARGE        (2 * CAIRN_MIB)
#define ENTRY_RW     ((uint64_t)1 << 1)
#define ENTRY_US     ((uint64_t)1 << 2)
#define ENTRY_NX     ((uint64_t)1 << 63)
#define FINDINGS_MAX 64

static struct cairn_audit_finding findings[FINDINGS_MAX];
static unsigned found_count;
static struct cairn_audit_result result;

static void keep(void *context, const struct cairn_audit_finding *finding)
{
    (void)context;
    if (found_count < FINDINGS_MAX)
        findings[found_count++] = *finding;
}

/* Of what is active. */
static unsigned audit(void)
{
    struct cairn_audit_config config;

    audit_configure(&config);
    config.found = keep;
    found_count = 0;
    return cairn_audit(&config, &result);
}

/* This was found there. */
static const struct cairn_audit_finding *expect(enum cairn_audit_rule rule,
                                                uint64_t va, uint64_t phys)
{
    for (unsigned i = 0; i < found_count; i++) {
        if (findings[i].rule == rule && findings[i].here.start.value == va) {
            CHECK_EQ(findings[i].here.phys.value, phys);
            return &findings[i];
        }
    }
    test_fail(__FILE__, __LINE__, "not found: rule %u at %#llx", (unsigned)rule,
              (unsigned long long)va);
}

/* Turn bits in the entry `above` levels above the page. */
static void turn(uint64_t va, unsigned above, uint64_t bits)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    unsigned count =
        cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                     cairn_va_make(va), steps, &mapping);
    volatile uint64_t *entry;

    CHECK(count > above && mapping.is_mapped);
    entry = (volatile uint64_t *)space_window(
        steps[count - 1 - above].entry_at.value);
    *entry ^= bits;
}

/* The same on all levels from the page to the root. */
static void turn_all(uint64_t va, uint64_t bits)
{
    unsigned levels = cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 5 : 4;

    for (unsigned above = 0; above < levels; above++)
        turn(va, above, bits);
}

/* What an audit finds while the bits are turned, in the page only. */
static unsigned audit_turned(uint64_t va, uint64_t bits)
{
    unsigned count;

    turn(va, 0, bits);
    count = audit();
    turn(va, 0, bits);
    return count;
}

static uint64_t text_bytes(void)
{
    struct cairn_audit_config config;

    audit_configure(&config);
    CHECK_TEXT(config.areas[0].name, "text");
    return config.areas[0].bytes;
}

/* ---- The kernel's own tables --------------------------------------------- */

CAIRN_TEST(J1_J2_J5_live_the_kernels_tables_are_clean)
{
    CHECK(cairn_pagetable_active() == &kernel.table);
    CHECK_EQ(audit(), 0);
    CHECK_EQ(result.is_reduced, !space_has_nx());
    CHECK_EQ(result.executable_stretches, space_has_nx());
    CHECK_EQ(result.executable_bytes, space_has_nx() ? text_bytes() : 0);
    CHECK(result.mapped_bytes > result.writable_bytes);
    CHECK(result.writable_bytes > 0);
}

/* Code that is written elsewhere; without NX it is but an area without W. */
static enum cairn_audit_rule alias_rule(void)
{
    return space_has_nx() ? CAIRN_AUDIT_ALIAS : CAIRN_AUDIT_CONSTANT;
}

CAIRN_TEST(J1_live_a_writable_alias_in_the_kernels_tables_is_found)
{
    uint64_t phys = kernel_image_range().start.value;
    uint64_t window = kernel.window_base + phys;
    unsigned count = audit_turned(window, ENTRY_RW);

    CHECK_EQ(count, 1);
    expect(alias_rule(), window, phys);
    CHECK_EQ(findings[0].here.bytes, PAGE);
    CHECK_EQ(findings[0].other.start.value, kernel_virtual_base());
    CHECK_EQ(audit(), 0);
}

/* Something is mapped where the kernel's stack must not go on. */
CAIRN_TEST(J4_live_a_page_in_a_guard_is_found)
{
    const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    uint64_t phys = space_alloc(0);
    struct cairn_area_info stack;
    cairn_va guard;

    CHECK(cairn_areas_find(&kernel.stack_areas, cairn_va_make(here), &stack));
    guard.value = stack.start.value - stack.guard_below;
    CHECK_EQ(
        cairn_map_page(&kernel.table, guard, cairn_phys_make(phys), &policy),
        CAIRN_OK);
    CHECK_EQ(audit(), 1);
    expect(CAIRN_AUDIT_GUARD, guard.value, phys);
    CHECK_EQ(cairn_unmap_page(&kernel.table, guard, NULL), CAIRN_OK);
    CHECK_EQ(audit(), 0);
    space_free(phys);
}

CAIRN_TEST(J2_live_writable_code_in_the_kernels_tables_is_found)
{
    struct cairn_phys_range image = kernel_image_range();
    unsigned count = audit_turned(kernel_virtual_base(), ENTRY_RW);

    /* Writable and executable, and not as text should be. */
    CHECK_EQ(count, space_has_nx() ? 2 : 1);
    if (space_has_nx())
        expect(CAIRN_AUDIT_WRITABLE_CODE, kernel_virtual_base(),
               image.start.value);
    expect(CAIRN_AUDIT_RIGHTS, kernel_virtual_base(), image.start.value);
    CHECK_EQ(audit(), 0);
}

CAIRN_TEST(J1_live_executable_data_in_the_kernels_tables_is_found)
{
    struct cairn_phys_range image = kernel_image_range();
    uint64_t last = image.end.value - PAGE;
    uint64_t window = kernel.window_base + last;
    uint64_t data = kernel_virtual_base() + (last - image.start.value);
    unsigned count;

    if (!space_has_nx())
        return; /* and the bit is reserved */
    count = audit_turned(data, ENTRY_NX);
    CHECK_EQ(count, 3);
    CHECK_EQ(expect(CAIRN_AUDIT_ALIAS, window, last)->other.start.value, data);
    expect(CAIRN_AUDIT_WRITABLE_CODE, data, last);
    expect(CAIRN_AUDIT_RIGHTS, data, last);
    CHECK_EQ(audit(), 0);
}

CAIRN_TEST(J5_live_a_user_page_in_the_kernels_tables_is_found)
{
    uint64_t phys = kernel_image_range().start.value;
    uint64_t window = kernel.window_base + phys;
    unsigned count = audit_turned(window, ENTRY_US);

    CHECK_EQ(count, 1);
    expect(CAIRN_AUDIT_USER_TABLE, window, phys);
    turn_all(window, ENTRY_US);
    audit();
    turn_all(window, ENTRY_US);
    expect(CAIRN_AUDIT_USER, window, phys);
    CHECK_EQ(audit(), 0);
}

/* ---- Tables of the library ----------------------------------------------- */

static uint64_t base;  /* free addresses */
static uint64_t frame; /* a page there, writable */

static void start(void)
{
    space_start();
    base = space.kernel_base;
    frame = space_alloc(0);
    space_map(base, frame, PAGE, CAIRN_PAGE_WRITE);
    CHECK_EQ(audit(), 0);
}

static void end(void)
{
    CHECK_EQ(audit(), 0);
    space_free(frame);
    space_unmap(base, PAGE);
    space_end();
}

CAIRN_TEST(J1_live_a_page_writable_and_executable_is_found)
{
    unsigned count;

    if (!space_has_nx())
        return; /* and the bit is reserved */
    start();
    count = audit_turned(base, ENTRY_NX);
    /* And through the window. */
    CHECK_EQ(count, 2);
    expect(CAIRN_AUDIT_ALIAS, kernel.window_base + frame, frame);
    CHECK_EQ(expect(CAIRN_AUDIT_WRITABLE_CODE, base, frame)->here.bytes, PAGE);
    end();
}

CAIRN_TEST(J5_live_a_user_page_in_the_upper_half_is_found)
{
    unsigned count;

    start();
    count = audit_turned(base, ENTRY_US);
    CHECK_EQ(count, 1);
    expect(CAIRN_AUDIT_USER_TABLE, base, frame);
    turn_all(base, ENTRY_US);
    count = audit();
    turn_all(base, ENTRY_US);
    CHECK_EQ(count, 1);
    expect(CAIRN_AUDIT_USER, base, frame);
    turn(base, 2, ENTRY_US);
    count = audit();
    turn(base, 2, ENTRY_US);
    CHECK_EQ(count, 1);
    expect(CAIRN_AUDIT_USER_TABLE, base, frame);
    end();
}

/* In small pages, and in a large one, which has more than text. */
CAIRN_TEST(J1_live_a_writable_alias_of_text_is_found)
{
    uint64_t phys = kernel_image_range().start.value;
    uint64_t va;
    unsigned count;

    start();
    va = base + LARGE;
    space_map(va + PAGE, phys + PAGE, PAGE, CAIRN_PAGE_WRITE);
    count = audit();
    space_unmap(va + PAGE, PAGE);
    CHECK_EQ(count, 1);
    expect(alias_rule(), va + PAGE, phys + PAGE);
    CHECK_EQ(findings[0].other.start.value, kernel_virtual_base() + PAGE);
    CHECK_EQ(findings[0].other.bytes, PAGE);
    CHECK_EQ(audit(), 0);
    space_map(va, phys, LARGE, CAIRN_PAGE_WRITE);
    count = audit();
    space_unmap(va, LARGE);
    CHECK_EQ(count, 2);
    expect(alias_rule(), va, phys);
    CHECK_EQ(findings[0].here.bytes, text_bytes());
    CHECK_EQ(findings[0].here.page_bytes, LARGE);
    expect(CAIRN_AUDIT_CONSTANT, va + text_bytes(), phys + text_bytes());
    end();
}

CAIRN_TEST(F4_live_what_is_mapped_where_nothing_should_be_is_found)
{
    uint64_t guard = kernel_virtual_base() - kernel.margin_below - PAGE;
    unsigned count;

    start();
    space_map(space.user_base, frame, PAGE, 0);
    count = audit();
    space_unmap(space.user_base, PAGE);
    CHECK_EQ(count, 1);
    expect(CAIRN_AUDIT_LOW, space.user_base, frame);
    space_map(guard, frame, PAGE, CAIRN_PAGE_WRITE);
    count = audit();
    space_unmap(guard, PAGE);
    CHECK_EQ(count, 1);
    expect(CAIRN_AUDIT_GUARD, guard, frame);
    end();
}
