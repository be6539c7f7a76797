/*
 * paging_alike.c - the same calls mean the same in every format, whatever the
 * size of pages: what an address is mapped to, and with which rights.
 */
#include "paging_build.h"
#include <cairn/map.h>

#define PAGES 3072u /* 12 MiB, around 1 GiB */
#define BASE  ((uint64_t)0x3fc00000)
#define STEPS 400u

static const enum cairn_paging_mode modes[] = {
    CAIRN_PAGING_4LEVEL, CAIRN_PAGING_5LEVEL, CAIRN_PAGING_PAE,
    CAIRN_PAGING_32BIT};

static uint64_t seen[STEPS]; /* what the first run had after each step */
static uint64_t seed;

/* SplitMix64: the same numbers in every run. */
static uint64_t draw(uint64_t limit)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % limit;
}

/* All that a program could notice. */
static uint64_t digest(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        struct sim_mmu_view view;

        sum = sum * 31 + 7;
        if (!paging_look(BASE + i * CAIRN_FRAME_SIZE, &view))
            continue;
        sum = sum * 31 + view.phys;
        sum = sum * 31 + (view.writable ? 2 : 0) + (view.user ? 1 : 0);
    }
    return sum;
}

static enum cairn_status map(uint64_t va, uint64_t bytes, uint64_t page_limit)
{
    struct cairn_page_policy policy = {
        .rights = (unsigned)draw(4) & CAIRN_PAGE_WRITE,
        .page_limit = page_limit,
        .existing = draw(2) == 0 ? CAIRN_EXISTING_FAIL : CAIRN_EXISTING_REPLACE,
    };
    /* Often so that large pages are possible. */
    uint64_t phys = draw(3) == 0
                        ? draw(4096) * CAIRN_FRAME_SIZE
                        : (va & (4 * CAIRN_MIB - 1)) + draw(16) * 4 * CAIRN_MIB;

    if (draw(2) == 0)
        policy.rights |= CAIRN_PAGE_USER;
    return cairn_map_range(&paging.table, cairn_va_make(va),
                           (struct cairn_phys_range){{phys}, {phys + bytes}},
                           &policy);
}

/* Statuses are compared, too, but for those of what sizes pages can have. */
static uint64_t step(uint64_t page_limit)
{
    unsigned first = (unsigned)draw(PAGES);
    unsigned most = draw(3) == 0 ? PAGES - first : 16;
    unsigned count =
        1 + (unsigned)draw(most < PAGES - first ? most : PAGES - first);
    uint64_t va = BASE + first * CAIRN_FRAME_SIZE;
    uint64_t bytes = count * CAIRN_FRAME_SIZE;

    switch (draw(5)) {
    case 0:
    case 1:
        return map(va, bytes, page_limit);
    case 2:
        return paging_unmap(va, bytes);
    case 3:
        return paging_protect(va, bytes, (unsigned)draw(2) * CAIRN_PAGE_WRITE);
    default:
        (void)paging_resize(va, CAIRN_FRAME_SIZE);
        (void)paging_resize(va & ~(paging_large() - 1), paging_large());
        return CAIRN_OK;
    }
}

static void run(enum cairn_paging_mode mode, uint64_t page_limit, uint64_t from,
                bool is_first)
{
    uint32_t steps = test_rounds(STEPS);

    seed = from;
    paging_start(mode);
    for (uint32_t i = 0; i < steps && i < STEPS; i++) {
        uint64_t status = step(page_limit);
        uint64_t now = digest() + status;

        if (is_first)
            seen[i] = now;
        CHECK_EQ(now, seen[i]);
    }
    paging_verify();
    CHECK_EQ(paging_unmap(BASE, PAGES * CAIRN_FRAME_SIZE), CAIRN_OK);
    paging_end();
}

CAIRN_TEST(D3_the_same_calls_mean_the_same_in_every_format)
{
    uint64_t from = test_random();

    for (unsigned i = 0; i < 4; i++) {
        run(modes[i], 0, from, i == 0);
        run(modes[i], CAIRN_FRAME_SIZE, from, false);
    }
}
