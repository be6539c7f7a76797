/*
 * space/fault.c - page faults: what the tables say about what was tried.
 *
 * TESTS  tests/host/fault.c, tests/kernel/fault_live.c
 */
#include <cairn/fault.h>

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
