/*
 * paging_translate.c - translation without a lock, while tables go away.
 */
#include "paging_build.h"

#define PHYS ((uint64_t)2 << 20)

static unsigned reaches_left; /* before all is unmapped */

/* On CPU 1: the tables go, and what was in them is nonsense from now on. */
static void unmap_in_between(void)
{
    if (reaches_left-- > 0)
        return;
    sim_set_meanwhile(NULL);
    sim_set_cpu(1);
    CHECK_EQ(paging_unmap(paging.base, CAIRN_FRAME_SIZE), CAIRN_OK);
    sim_set_cpu(0);
}

/* The first so many steps of the way see the tables, the others do not. */
static void translate_and_unmap(unsigned steps)
{
    cairn_phys phys = {0};

    CHECK_EQ(paging_map(paging.base, PHYS, CAIRN_FRAME_SIZE, 0), CAIRN_OK);
    CHECK(cairn_pagetable_translate(&paging.table, cairn_va_make(paging.base),
                                    &phys));
    CHECK_EQ(phys.value, PHYS);
    reaches_left = steps;
    sim_set_meanwhile(unmap_in_between);
    CHECK(!cairn_pagetable_translate(&paging.table, cairn_va_make(paging.base),
                                     &phys));
    sim_set_meanwhile(NULL);
    CHECK_EQ(phys.value, PHYS); /* not written */
    CHECK_EQ(paging.table.table_count, 1);
}

CAIRN_TEST(K4_no_entry_of_a_table_that_is_gone_is_believed)
{
    for (enum cairn_paging_mode mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        paging_start(mode);
        for (unsigned i = 0; i + 1 < paging.table.format->levels; i++)
            translate_and_unmap(i);
        paging_end();
    }
}
