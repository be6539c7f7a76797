/*
 * paging_random.c - random calls on page tables of every format, judged by
 * paging_model.c.
 */
#include "paging_model.h"

#define STEPS   400 /* on one page table */
#define VARIED  12  /* page tables ... */
#define FEWER   40  /* ... and steps on each */
#define COMPARE 8   /* steps until all is compared */

static void run(enum cairn_paging_mode mode, uint32_t steps)
{
    for (uint32_t i = steps; i > 0; i--) {
        paging_model_step();
        if (mode == CAIRN_PAGING_TOY || i % COMPARE == 0)
            paging_model_compare();
    }
    paging_model_end();
}

static void run_mode(enum cairn_paging_mode mode)
{
    paging_model_start(mode, PAGING_PLAIN);
    run(mode, test_rounds(STEPS));
    for (uint32_t i = test_rounds(VARIED); i > 0; i--) {
        paging_model_start(mode, PAGING_VARIED);
        run(mode, FEWER);
    }
}

CAIRN_TEST(paging_random_4level)
{
    run_mode(CAIRN_PAGING_4LEVEL);
}

CAIRN_TEST(paging_random_5level)
{
    run_mode(CAIRN_PAGING_5LEVEL);
}

CAIRN_TEST(paging_random_pae)
{
    run_mode(CAIRN_PAGING_PAE);
}

CAIRN_TEST(paging_random_32bit)
{
    run_mode(CAIRN_PAGING_32BIT);
}

CAIRN_TEST(paging_random_toy)
{
    run_mode(CAIRN_PAGING_TOY);
}
