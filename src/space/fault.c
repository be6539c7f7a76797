/*
 * space/fault.c - page faults: what the tables say about what was tried, and
 * whose mistake it was.
 *
 * HOW    The cause comes from the tables alone.  Where nothing is mapped, the
 *        sets of areas tell what there is or was; else the rights of the page
 *        tell what it is for.
 *
 * LOCKS  None is waited for: a fault may come while any is held, and an
 *        explanation that is not complete is better than none.
 *
 * TESTS  tests/host/fault.c, tests/fault_explain.c, tests/kernel/fault_live.c,
 *        tests/kernel/mistakes_live.c
 */
#include <cairn/fault.h>

#include "base/memory.h"
#include <cairn/format.h>
#include <cairn/ptwalk.h>

/* What is refused now, if there is a page. */
static enum cairn_fault_cause refusal(uint32_t error, unsigned rights)
{
    bool is_user = (error & CAIRN_FAULT_USER) != 0;
    bool is_fetch = (error & CAIRN_FAULT_FETCH) != 0;

    if (is_user && (rights & CAIRN_PAGE_USER) == 0)
        return CAIRN_CAUSE_KERNEL_PAGE;
    if (is_fetch && (rights & CAIRN_PAGE_EXEC) == 0)
        return CAIRN_CAUSE_NOT_EXECUTABLE;
    if ((error & CAIRN_FAULT_WRITE) != 0 && (rights & CAIRN_PAGE_WRITE) == 0)
        return CAIRN_CAUSE_NOT_WRITABLE;
    /* Only if it was there: then the CPU has looked at nothing else. */
    if (!is_user && (rights & CAIRN_PAGE_USER) != 0 &&
        (error & CAIRN_FAULT_PRESENT) != 0)
        return is_fetch ? CAIRN_CAUSE_USER_CODE : CAIRN_CAUSE_USER_DATA;
    return CAIRN_CAUSE_SPURIOUS;
}

enum cairn_fault_cause cairn_fault_cause(enum cairn_paging_mode mode,
                                         cairn_phys root,
                                         const struct cairn_fault *fault,
                                         struct cairn_mapping *mapping)
{
    const uint32_t other =
        CAIRN_FAULT_KEY | CAIRN_FAULT_SHADOW_STACK | CAIRN_FAULT_ENCLAVE;
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping page;

    (void)cairn_ptwalk(mode, root, fault->address, steps, &page);
    if (mapping != NULL)
        *mapping = page;
    if ((fault->error & CAIRN_FAULT_RESERVED) != 0)
        return CAIRN_CAUSE_CORRUPT;
    if ((fault->error & other) != 0)
        return CAIRN_CAUSE_KEY;
    return page.is_mapped ? refusal(fault->error, page.rights)
                          : CAIRN_CAUSE_NOT_MAPPED;
}

const char *cairn_fault_cause_text(enum cairn_fault_cause cause)
{
    static const char *const texts[CAIRN_CAUSE_COUNT] = {
        [CAIRN_CAUSE_NOT_MAPPED] = "nothing is mapped there",
        [CAIRN_CAUSE_NOT_WRITABLE] = "the page is read-only",
        [CAIRN_CAUSE_NOT_EXECUTABLE] = "the page is not executable",
        [CAIRN_CAUSE_KERNEL_PAGE] = "the page is the kernel's",
        [CAIRN_CAUSE_USER_DATA] = "the page is a process's (SMAP)",
        [CAIRN_CAUSE_USER_CODE] = "the page is a process's (SMEP)",
        [CAIRN_CAUSE_KEY] = "protection key, shadow stack or enclave",
        [CAIRN_CAUSE_CORRUPT] = "an entry of a page table is corrupted",
        [CAIRN_CAUSE_SPURIOUS] = "none: it is allowed by now",
    };

    return (unsigned)cause < CAIRN_CAUSE_COUNT ? texts[cause] : "?";
}

const char *cairn_fault_access_text(const struct cairn_fault *fault)
{
    static const char *const texts[2][3] = {
        {"read by the kernel", "write by the kernel", "fetch by the kernel"},
        {"read by a process", "write by a process", "fetch by a process"},
    };
    unsigned access = (fault->error & CAIRN_FAULT_WRITE) != 0 ? 1 : 0;

    if ((fault->error & CAIRN_FAULT_FETCH) != 0)
        access = 2;
    return texts[(fault->error & CAIRN_FAULT_USER) != 0 ? 1 : 0][access];
}

/* ---- Reports ------------------------------------------------------------- */

static void look_around(struct cairn_areas *const *sets, cairn_va at,
                        struct cairn_fault_report *report)
{
    for (; sets != NULL && *sets != NULL; sets++) {
        struct cairn_area_info info;
        enum cairn_status status = cairn_areas_peek(*sets, at, &info);

        report->is_unsure |= status == CAIRN_IN_USE;
        if (status != CAIRN_OK || (report->has_area && info.is_freed))
            continue;
        report->area = info;
        report->has_area = true;
    }
}

/* Nothing is mapped there. */
static enum cairn_mistake mistake_of_place(uint64_t address,
                                           const struct cairn_fault_report *of)
{
    bool is_stack = of->area.kind == CAIRN_AREA_STACK;

    if (address < CAIRN_FAULT_NULL_BYTES)
        return CAIRN_MISTAKE_NULL;
    if (!of->has_area)
        return CAIRN_MISTAKE_NONE;
    if (of->area.is_freed)
        return CAIRN_MISTAKE_FREED;
    switch (of->area.part) {
    case CAIRN_AREA_GUARD_BELOW:
        return is_stack ? CAIRN_MISTAKE_OVERFLOW : CAIRN_MISTAKE_BEFORE;
    case CAIRN_AREA_GUARD_ABOVE:
        return is_stack ? CAIRN_MISTAKE_UNDERFLOW : CAIRN_MISTAKE_BEHIND;
    default:
        return CAIRN_MISTAKE_NONE;
    }
}

static enum cairn_mistake mistake_of(uint64_t address,
                                     const struct cairn_fault_report *of)
{
    switch (of->cause) {
    case CAIRN_CAUSE_NOT_MAPPED:
        return mistake_of_place(address, of);
    case CAIRN_CAUSE_NOT_WRITABLE:
        return (of->mapping.rights & CAIRN_PAGE_EXEC) != 0
                   ? CAIRN_MISTAKE_WRITE_TO_CODE
                   : CAIRN_MISTAKE_WRITE_TO_CONSTANTS;
    case CAIRN_CAUSE_NOT_EXECUTABLE:
        return CAIRN_MISTAKE_JUMP_TO_DATA;
    case CAIRN_CAUSE_USER_DATA:
        return CAIRN_MISTAKE_USER_DATA;
    case CAIRN_CAUSE_USER_CODE:
        return CAIRN_MISTAKE_USER_CODE;
    case CAIRN_CAUSE_CORRUPT:
        return CAIRN_MISTAKE_CORRUPT;
    default:
        return CAIRN_MISTAKE_NONE;
    }
}

void cairn_fault_explain(enum cairn_paging_mode mode, cairn_phys root,
                         const struct cairn_fault *fault,
                         struct cairn_areas *const *sets,
                         struct cairn_fault_report *report)
{
    memset(report, 0, sizeof(*report));
    report->cause = cairn_fault_cause(mode, root, fault, &report->mapping);
    look_around(sets, fault->address, report);
    report->mistake = mistake_of(fault->address.value, report);
}

const char *cairn_mistake_text(enum cairn_mistake mistake)
{
    static const char *const texts[CAIRN_MISTAKE_COUNT] = {
        [CAIRN_MISTAKE_NONE] = "something else",
        [CAIRN_MISTAKE_NULL] = "null dereference",
        [CAIRN_MISTAKE_OVERFLOW] = "overflow of a stack",
        [CAIRN_MISTAKE_UNDERFLOW] = "access above a stack",
        [CAIRN_MISTAKE_BEFORE] = "access below an area",
        [CAIRN_MISTAKE_BEHIND] = "access behind an area",
        [CAIRN_MISTAKE_FREED] = "use of what was freed",
        [CAIRN_MISTAKE_WRITE_TO_CODE] = "write to code",
        [CAIRN_MISTAKE_WRITE_TO_CONSTANTS] = "write to constants",
        [CAIRN_MISTAKE_JUMP_TO_DATA] = "jump to data",
        [CAIRN_MISTAKE_USER_DATA] = "access to user data (SMAP)",
        [CAIRN_MISTAKE_USER_CODE] = "jump to user code (SMEP)",
        [CAIRN_MISTAKE_CORRUPT] = "corrupted page table",
    };

    return (unsigned)mistake < CAIRN_MISTAKE_COUNT ? texts[mistake] : "?";
}

const char *cairn_fault_text(const struct cairn_fault_report *report,
                             char *text)
{
    static const char *const with_names[CAIRN_MISTAKE_COUNT] = {
        [CAIRN_MISTAKE_OVERFLOW] = "overflow of",
        [CAIRN_MISTAKE_UNDERFLOW] = "access above",
        [CAIRN_MISTAKE_BEFORE] = "access below",
        [CAIRN_MISTAKE_BEHIND] = "access behind",
        [CAIRN_MISTAKE_FREED] = "use of freed",
    };
    const char *what = report->area.kind == CAIRN_AREA_STACK ? "stack" : "area";

    if (report->mistake == CAIRN_MISTAKE_NONE)
        cairn_format(text, CAIRN_FAULT_TEXT_BYTES, "%s",
                     cairn_fault_cause_text(report->cause));
    else if (with_names[report->mistake] == NULL)
        cairn_format(text, CAIRN_FAULT_TEXT_BYTES, "%s",
                     cairn_mistake_text(report->mistake));
    else
        cairn_format(text, CAIRN_FAULT_TEXT_BYTES, "%s %s '%s'",
                     with_names[report->mistake], what, report->area.name);
    return text;
}
