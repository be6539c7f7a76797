/*
 * ptwalk.c - the way to an address, held against what hardware would see.
 */
#include "paging_build.h"

#include "base/memory.h"
#include <cairn/map.h>
#include <cairn/ptwalk.h>

#define RW   ((uint64_t)1 << 1)
#define US   ((uint64_t)1 << 2)
#define PS   ((uint64_t)1 << 7)
#define NX   ((uint64_t)1 << 63)
#define LEFT ((uint64_t)1 << 46) /* physical memory that is not there */

static struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];

static cairn_va at(uint64_t offset)
{
    return cairn_va_make(paging.base + offset);
}

static unsigned walk(uint64_t va, struct cairn_mapping *out)
{
    return cairn_ptwalk(paging.config.mode, cairn_pagetable_root(&paging.table),
                        cairn_va_make(va), steps, out);
}

/* As the hardware takes it from memory. */
static void set_entry(const struct cairn_ptwalk_step *step, uint64_t entry)
{
    if (paging.table.format->entry_bytes == 8)
        *(uint64_t *)sim_ram_at(step->entry_at.value, 8) = entry;
    else
        *(uint32_t *)sim_ram_at(step->entry_at.value, 4) = (uint32_t)entry;
}

static unsigned rights_of(const struct sim_mmu_view *view)
{
    return (view->writable ? CAIRN_PAGE_WRITE : 0) |
           (view->executable ? CAIRN_PAGE_EXEC : 0) |
           (view->user ? CAIRN_PAGE_USER : 0) |
           (view->global ? CAIRN_PAGE_GLOBAL : 0);
}

/* The same as the simulated hardware sees; returns how many steps. */
static unsigned compare(uint64_t va)
{
    struct sim_mmu_view view;
    struct cairn_mapping mapping;
    unsigned count = walk(va, &mapping);

    CHECK_EQ(mapping.start.value, va);
    CHECK_EQ(mapping.is_mapped, paging_look(va, &view));
    if (!mapping.is_mapped)
        return count;
    CHECK_EQ(mapping.phys.value, view.phys);
    CHECK_EQ(mapping.page_bytes, view.bytes);
    CHECK_EQ(mapping.bytes, view.bytes - (va & (view.bytes - 1)));
    CHECK_EQ(mapping.rights, rights_of(&view));
    CHECK_EQ(mapping.cache, paging_cache_of(view.memory_type));
    CHECK_EQ(mapping.is_accessed, view.accessed);
    CHECK_EQ(mapping.is_dirty, view.dirty);
    CHECK(steps[count - 1].is_leaf);
    return count;
}

/*
 * A page table with small and large pages of all kinds; those for users are
 * never global.
 */
static void start_with_some(enum cairn_paging_mode mode, bool has_users)
{
    unsigned forbidden = has_users ? CAIRN_PAGE_GLOBAL : CAIRN_PAGE_USER;

    paging_machine(mode);
    if (!has_users)
        paging.config.user_end = 0;
    paging_start_configured();
    for (unsigned i = 0; i < 48; i++) {
        const struct cairn_page_policy policy = {
            .rights = test_random_below(CAIRN_PAGE_RIGHTS + 1) & ~forbidden,
            .cache = (enum cairn_cache)(i % CAIRN_CACHE_COUNT),
            .existing = CAIRN_EXISTING_REPLACE,
        };
        uint64_t page = test_random_below(paging.page_count);
        uint64_t bytes = CAIRN_FRAME_SIZE << test_random_below(3);
        uint64_t phys = CAIRN_GIB + page * CAIRN_FRAME_SIZE;

        if (i % 8 == 0) {
            bytes = paging_large();
            page &= ~(bytes / CAIRN_FRAME_SIZE - 1);
            phys = CAIRN_GIB + i * bytes;
        }
        if (page + bytes / CAIRN_FRAME_SIZE > paging.page_count)
            continue;
        CHECK_EQ(cairn_map_range(&paging.table, at(page * CAIRN_FRAME_SIZE),
                                 cairn_phys_range_make(phys, phys + bytes),
                                 &policy),
                 CAIRN_OK);
    }
}

static uint64_t some_address(void)
{
    return paging.base +
           test_random_below(
               (uint32_t)(paging.page_count * CAIRN_FRAME_SIZE - 1));
}

CAIRN_TEST(L3_ptwalk_sees_what_hardware_sees)
{
    for (unsigned i = 0; i < 2 * CAIRN_PAGING_MODES; i++) {
        start_with_some((enum cairn_paging_mode)(i / 2), i % 2 != 0);
        for (unsigned k = 0; k < 1000; k++)
            compare(some_address());
        paging_end();
    }
}

/* Bits that may be turned in an entry of that level. */
static uint64_t turnable(unsigned level)
{
    if (paging.config.mode == CAIRN_PAGING_32BIT)
        return RW | US;
    if (paging.config.mode == CAIRN_PAGING_PAE && level == 3)
        return 0;
    return RW | US | NX;
}

/* Rights count on each level: turn some on each, and look. */
CAIRN_TEST(L3_ptwalk_rights_are_those_of_all_levels)
{
    for (unsigned i = 0; i < 400; i++) {
        struct cairn_ptwalk_step way[CAIRN_PTWALK_STEPS];
        uint64_t va;
        unsigned count;

        if (i % 40 == 0)
            start_with_some((enum cairn_paging_mode)(i / 80), i % 80 != 0);
        va = some_address();
        count = compare(va);
        CHECK(count > 0);
        memcpy(way, steps, sizeof(way));
        for (unsigned k = 0; k < count; k++)
            set_entry(&way[k], way[k].entry ^ (test_random() & test_random() &
                                               turnable(way[k].level)));
        CHECK_EQ(compare(va), count);
        for (unsigned k = 0; k < count; k++)
            set_entry(&way[k], way[k].entry);
        if (i % 40 == 39)
            paging_end();
    }
}

CAIRN_TEST(L3_ptwalk_tells_each_step)
{
    static const unsigned levels[CAIRN_PAGING_MODES] = {4, 5, 3, 2, 3};
    const struct cairn_page_policy data = {.rights = CAIRN_PAGE_WRITE};
    struct cairn_mapping mapping;

    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        uint64_t table;

        paging_start((enum cairn_paging_mode)mode);
        CHECK_EQ(walk(at(0x3000).value, &mapping), 1);
        CHECK(!mapping.is_mapped && !steps[0].is_leaf);
        CHECK_EQ(steps[0].entry, 0);
        CHECK_EQ(cairn_map_page(&paging.table, at(0x3000),
                                cairn_phys_make(0x40005000), &data),
                 CAIRN_OK);
        CHECK_EQ(walk(at(0x3123).value, &mapping), levels[mode]);
        CHECK_EQ(mapping.phys.value, 0x40005123);
        table = cairn_pagetable_root(&paging.table).value;
        for (unsigned i = 0; i < levels[mode]; i++) {
            CHECK_EQ(steps[i].level, levels[mode] - i);
            CHECK_EQ(steps[i].entry_at.value,
                     table + steps[i].index * paging.table.format->entry_bytes);
            CHECK_EQ(steps[i].is_leaf, steps[i].level == 1);
            table = steps[i].entry & 0x000ffffffffff000;
        }
        CHECK_EQ(table, 0x40005000);
        CHECK_EQ(walk(at(0x2000).value, &mapping), levels[mode]);
        CHECK(!mapping.is_mapped);
        CHECK_EQ(mapping.bytes, CAIRN_FRAME_SIZE);
        paging_end();
    }
}

/* The flags that CR3 has beside the root are nothing to it. */
CAIRN_TEST(L3_ptwalk_takes_cr3)
{
    const struct cairn_page_policy data = {.rights = CAIRN_PAGE_WRITE};
    struct cairn_mapping mapping;

    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        cairn_phys cr3;

        paging_start((enum cairn_paging_mode)mode);
        CHECK_EQ(cairn_map_page(&paging.table, at(0x3000),
                                cairn_phys_make(0x40005000), &data),
                 CAIRN_OK);
        cr3 = cairn_pagetable_root(&paging.table);
        cr3.value |= mode == CAIRN_PAGING_4LEVEL ? (uint64_t)1 << 63 | 5 : 0x18;
        cairn_ptwalk(paging.config.mode, cr3, at(0x3008), steps, &mapping);
        CHECK_EQ(mapping.phys.value, 0x40005008);
        paging_end();
    }
}

CAIRN_TEST(L3_ptwalk_of_what_is_no_address)
{
    static const uint64_t wrong[CAIRN_PAGING_MODES] = {
        (uint64_t)1 << 47, (uint64_t)1 << 56, (uint64_t)1 << 32,
        (uint64_t)1 << 32, (uint64_t)1 << 18};
    struct cairn_mapping mapping;

    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        paging_start((enum cairn_paging_mode)mode);
        CHECK_EQ(walk(wrong[mode], &mapping), 0);
        CHECK(!mapping.is_mapped);
        CHECK_EQ(cairn_ptwalk(paging.config.mode, cairn_phys_make(LEFT), at(0),
                              steps, &mapping),
                 0);
        CHECK(!mapping.is_mapped);
        paging_end();
    }
}

/* Tables that are broken end the way, and nothing is read beyond. */
CAIRN_TEST(L3_ptwalk_of_broken_tables)
{
    const struct cairn_page_policy data = {.rights = CAIRN_PAGE_WRITE};
    struct cairn_mapping mapping;
    struct cairn_ptwalk_step root;

    paging_start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_map_page(&paging.table, at(0x3000),
                            cairn_phys_make(0x40005000), &data),
             CAIRN_OK);
    CHECK_EQ(walk(at(0x3000).value, &mapping), 4);
    root = steps[0];
    set_entry(&root, LEFT | 7);
    CHECK_EQ(walk(at(0x3000).value, &mapping), 1);
    CHECK(!mapping.is_mapped);
    set_entry(&root, root.entry | PS);
    CHECK_EQ(compare(at(0x3000).value), 1);
    CHECK(!steps[0].is_leaf);
    set_entry(&root, root.entry & ~(uint64_t)1);
    CHECK_EQ(compare(at(0x3000).value), 1);
    set_entry(&root, root.entry);
    CHECK_EQ(compare(at(0x3000).value), 4);
    paging_end();
}

CAIRN_TEST(L4_entry_as_text)
{
    char text[CAIRN_ENTRY_TEXT_BYTES];

    CHECK_TEXT(cairn_entry_text(0, 1, false, text), "-");
    CHECK_TEXT(cairn_entry_text(0xffe, 1, false, text), "-");
    CHECK_TEXT(cairn_entry_text(0x1001, 1, true, text), "P");
    CHECK_TEXT(cairn_entry_text(0x5063, 1, true, text), "P|RW|A|D");
    CHECK_TEXT(cairn_entry_text(NX | 0x1ff, 1, true, text),
               "P|RW|US|WT|CD|A|D|G|PAT|NX");
    CHECK_TEXT(cairn_entry_text(NX | 0x11ff, 2, true, text),
               "P|RW|US|WT|CD|A|D|G|PS|PAT|NX");
    CHECK_TEXT(cairn_entry_text(0x1167, 3, false, text), "P|RW|US|A");
    CHECK_TEXT(cairn_ptwalk_level_name(4), "PML4");
    CHECK_TEXT(cairn_ptwalk_level_name(1), "PT");
    CHECK_TEXT(cairn_ptwalk_level_name(6), "?");
}
