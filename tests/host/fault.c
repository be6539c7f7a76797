/*
 * fault.c - why a page fault has happened, held against who raised it: the
 * simulated MMU.
 */
#include "paging_build.h"
#include <cairn/fault.h>
#include <cairn/ptwalk.h>

#define PHYS ((uint64_t)3 << 20)

static const enum cairn_paging_mode modes[] = {
    CAIRN_PAGING_4LEVEL, CAIRN_PAGING_5LEVEL, CAIRN_PAGING_PAE,
    CAIRN_PAGING_32BIT};

static void set_protection(bool smep, bool smap)
{
    struct sim_mmu_control control;

    sim_mmu_get_control(0, &control);
    control.smep = smep;
    control.smap = smap;
    CHECK(sim_mmu_set_control(0, &control));
}

/* Try it; false: it was allowed.  Else what is said about it. */
static bool try_access(const struct sim_mmu_access *access,
                       enum cairn_fault_cause *cause,
                       struct cairn_mapping *mapping)
{
    struct sim_mmu_result result;
    struct cairn_fault fault;

    sim_mmu_access(0, access, &result);
    if (result.is_ok)
        return false;
    CHECK(!result.is_gp);
    fault = (struct cairn_fault){{access->va}, result.error_code};
    *cause =
        cairn_fault_cause(paging.config.mode,
                          cairn_pagetable_root(&paging.table), &fault, mapping);
    return true;
}

/* What the manual says of an access to a page with these rights. */
static enum cairn_fault_cause expected(const struct sim_mmu_access *access,
                                       unsigned rights, bool smep, bool smap)
{
    bool is_fetch = access->kind == SIM_MMU_FETCH;
    bool has_nx = paging.config.mode != CAIRN_PAGING_32BIT;

    if (access->is_user && (rights & CAIRN_PAGE_USER) == 0)
        return CAIRN_CAUSE_KERNEL_PAGE;
    if (is_fetch && has_nx && (rights & CAIRN_PAGE_EXEC) == 0)
        return CAIRN_CAUSE_NOT_EXECUTABLE;
    if (access->kind == SIM_MMU_WRITE && (rights & CAIRN_PAGE_WRITE) == 0)
        return CAIRN_CAUSE_NOT_WRITABLE;
    if (!access->is_user && (rights & CAIRN_PAGE_USER) != 0 && is_fetch && smep)
        return CAIRN_CAUSE_USER_CODE;
    if (!access->is_user && (rights & CAIRN_PAGE_USER) != 0 && !is_fetch &&
        smap && !access->ac)
        return CAIRN_CAUSE_USER_DATA;
    return CAIRN_CAUSE_COUNT; /* none */
}

static void try_all(uint64_t va, unsigned rights, bool smep, bool smap)
{
    for (unsigned i = 0; i < 12; i++) {
        struct sim_mmu_access access = {
            .va = va + 3,
            .kind = (enum sim_mmu_kind)(i % 3),
            .is_user = i / 3 % 2 == 1,
            .ac = i >= 6,
        };
        enum cairn_fault_cause right = expected(&access, rights, smep, smap);
        enum cairn_fault_cause cause;
        struct cairn_mapping mapping;

        CHECK_EQ(try_access(&access, &cause, &mapping),
                 right != CAIRN_CAUSE_COUNT);
        if (right == CAIRN_CAUSE_COUNT)
            continue;
        CHECK_EQ(cause, right);
        CHECK_EQ(mapping.phys.value, PHYS + 3);
    }
}

CAIRN_TEST(I1_every_access_to_every_kind_of_page)
{
    for (unsigned i = 0; i < 4; i++) {
        paging_start(modes[i]);
        for (unsigned rights = 0; rights < CAIRN_PAGE_GLOBAL; rights++) {
            CHECK_EQ(paging_map(paging.base, PHYS, CAIRN_FRAME_SIZE, rights),
                     CAIRN_OK);
            for (unsigned protection = 0; protection < 4; protection++) {
                set_protection(protection % 2 == 1, protection >= 2);
                try_all(paging.base, rights, protection % 2 == 1,
                        protection >= 2);
            }
            CHECK_EQ(paging_unmap(paging.base, CAIRN_FRAME_SIZE), CAIRN_OK);
        }
        paging_end();
    }
}

CAIRN_TEST(I1_nothing_is_mapped)
{
    struct sim_mmu_access access = {.kind = SIM_MMU_WRITE};
    enum cairn_fault_cause cause;
    struct cairn_mapping mapping;

    for (unsigned i = 0; i < 4; i++) {
        paging_start(modes[i]);
        access.va = paging.base;
        CHECK(try_access(&access, &cause, &mapping));
        CHECK_EQ(cause, CAIRN_CAUSE_NOT_MAPPED);
        CHECK(!mapping.is_mapped);
        CHECK_EQ(paging_map(paging.base + CAIRN_FRAME_SIZE, PHYS,
                            CAIRN_FRAME_SIZE, 0),
                 CAIRN_OK);
        CHECK(try_access(&access, &cause, NULL));
        CHECK_EQ(cause, CAIRN_CAUSE_NOT_MAPPED);
        CHECK_EQ(paging_unmap(paging.base, 2 * CAIRN_FRAME_SIZE), CAIRN_OK);
        paging_end();
    }
}

/* The CPU has cached fewer rights than there are now. */
CAIRN_TEST(I1_more_rights_than_are_cached)
{
    struct sim_mmu_access access = {.kind = SIM_MMU_READ};
    enum cairn_fault_cause cause;
    struct cairn_mapping mapping;

    for (unsigned i = 0; i < 4; i++) {
        paging_start(modes[i]);
        access.va = paging.base;
        CHECK_EQ(paging_map(paging.base, PHYS, CAIRN_FRAME_SIZE, 0), CAIRN_OK);
        access.kind = SIM_MMU_READ;
        CHECK(!try_access(&access, &cause, NULL));
        CHECK_EQ(
            paging_protect(paging.base, CAIRN_FRAME_SIZE, CAIRN_PAGE_WRITE),
            CAIRN_OK);
        access.kind = SIM_MMU_WRITE;
        CHECK(try_access(&access, &cause, &mapping));
        CHECK_EQ(cause, CAIRN_CAUSE_SPURIOUS);
        CHECK_EQ(mapping.rights & CAIRN_PAGE_WRITE, CAIRN_PAGE_WRITE);
        CHECK(!try_access(&access, &cause, NULL));
        CHECK_EQ(paging_unmap(paging.base, CAIRN_FRAME_SIZE), CAIRN_OK);
        paging_end();
    }
}

/* Another CPU has mapped it since. */
CAIRN_TEST(I1_mapped_since)
{
    struct cairn_fault fault = {.error = CAIRN_FAULT_WRITE};
    cairn_phys root;

    paging_start(CAIRN_PAGING_4LEVEL);
    root = cairn_pagetable_root(&paging.table);
    fault.address.value = paging.base;
    CHECK_EQ(paging_map(paging.base, PHYS, CAIRN_FRAME_SIZE, CAIRN_PAGE_USER),
             CAIRN_OK);
    CHECK_EQ(cairn_fault_cause(CAIRN_PAGING_4LEVEL, root, &fault, NULL),
             CAIRN_CAUSE_NOT_WRITABLE);
    CHECK_EQ(paging_protect(paging.base, CAIRN_FRAME_SIZE,
                            CAIRN_PAGE_USER | CAIRN_PAGE_WRITE),
             CAIRN_OK);
    CHECK_EQ(cairn_fault_cause(CAIRN_PAGING_4LEVEL, root, &fault, NULL),
             CAIRN_CAUSE_SPURIOUS);
    CHECK_EQ(paging_unmap(paging.base, CAIRN_FRAME_SIZE), CAIRN_OK);
    paging_end();
}

CAIRN_TEST(I1_corrupted_entries)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct sim_mmu_access access = {.kind = SIM_MMU_READ};
    enum cairn_fault_cause cause;
    struct cairn_mapping mapping;
    uint64_t *entry;
    unsigned count;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(paging_map(paging.base, PHYS, CAIRN_FRAME_SIZE, 0), CAIRN_OK);
    count =
        cairn_ptwalk(CAIRN_PAGING_4LEVEL, cairn_pagetable_root(&paging.table),
                     cairn_va_make(paging.base), steps, &mapping);
    CHECK_EQ(count, 4);
    access.va = paging.base;
    for (unsigned i = 1; i < count; i++) { /* the root's own is cached */
        entry = sim_ram_at(steps[i].entry_at.value, sizeof(*entry));
        *entry |= (uint64_t)1 << 51; /* beyond what the CPU has */
        CHECK(try_access(&access, &cause, NULL));
        CHECK_EQ(cause, CAIRN_CAUSE_CORRUPT);
        *entry &= ~((uint64_t)1 << 51);
        CHECK(!try_access(&access, &cause, NULL));
        CHECK_EQ(paging_unmap(paging.base, CAIRN_FRAME_SIZE), CAIRN_OK);
        CHECK_EQ(paging_map(paging.base, PHYS, CAIRN_FRAME_SIZE, 0), CAIRN_OK);
        (void)cairn_ptwalk(CAIRN_PAGING_4LEVEL,
                           cairn_pagetable_root(&paging.table),
                           cairn_va_make(paging.base), steps, &mapping);
    }
    CHECK_EQ(paging_unmap(paging.base, CAIRN_FRAME_SIZE), CAIRN_OK);
    paging_end();
}

CAIRN_TEST(I1_faults_as_text)
{
    struct cairn_fault fault = {.error = CAIRN_FAULT_USER | CAIRN_FAULT_WRITE};

    CHECK_TEXT(cairn_fault_access_text(&fault), "write by a process");
    fault.error = CAIRN_FAULT_FETCH;
    CHECK_TEXT(cairn_fault_access_text(&fault), "fetch by the kernel");
    fault.error = CAIRN_FAULT_PRESENT;
    CHECK_TEXT(cairn_fault_access_text(&fault), "read by the kernel");
    for (unsigned i = 0; i < CAIRN_CAUSE_COUNT; i++)
        CHECK(cairn_fault_cause_text((enum cairn_fault_cause)i)[0] != '?');
    CHECK_TEXT(cairn_fault_cause_text(CAIRN_CAUSE_COUNT), "?");
    fault.error = CAIRN_FAULT_KEY | CAIRN_FAULT_PRESENT;
    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_fault_cause(CAIRN_PAGING_4LEVEL,
                               cairn_pagetable_root(&paging.table), &fault,
                               NULL),
             CAIRN_CAUSE_KEY);
    paging_end();
}
