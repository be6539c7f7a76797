/*
 * window.c - tests of the linear window to physical memory.
 */
#include <cairn/window.h>

#include "harness/test.h"

#define MIB CAIRN_MIB
#define GIB CAIRN_GIB

/* Where TheseusOS has its window, and where 32 bits have room for one. */
#define BASE                                                                   \
    (sizeof(uintptr_t) == 8 ? (uintptr_t)0xffff800000000000u                   \
                            : (uintptr_t)0xc0000000u)

static struct cairn_window window;
static struct cairn_memmap map;
static struct cairn_memory_range storage[128];
static struct cairn_phys_range covered[32];

static uintptr_t to_virt(uint64_t start, uint64_t bytes)
{
    return (uintptr_t)cairn_window_to_virt(&window, cairn_phys_make(start),
                                           bytes);
}

/* The physical address of `virt`; UINT64_MAX if it lies outside. */
static uint64_t to_phys(uintptr_t virt)
{
    cairn_phys phys = {UINT64_MAX};

    if (!cairn_window_to_phys(&window, cairn_virt_make(virt), &phys))
        CHECK_EQ(phys.value, UINT64_MAX);
    return phys.value;
}

static enum cairn_status activate(uintptr_t base, uint64_t limit)
{
    return cairn_window_activate(&window, cairn_virt_make(base), limit);
}

static enum cairn_status cover(size_t count)
{
    return cairn_window_cover(&window, &map,
                              CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE) |
                                  CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_LOADER),
                              covered, count);
}

static void add(uint64_t base, uint64_t bytes, enum cairn_memory_kind kind)
{
    CHECK_EQ(cairn_memmap_add(&map, base, bytes, kind), CAIRN_OK);
}

static void start_map(void)
{
    CHECK_EQ(cairn_memmap_init(&map, storage, 128), CAIRN_OK);
}

static void finish_map(void)
{
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
}

/* A window of 512 MiB at BASE. */
static void make(void)
{
    cairn_window_init(&window, GIB);
    CHECK_EQ(activate(BASE, 512 * MIB), CAIRN_OK);
}

CAIRN_TEST(E3_before_activation_addresses_are_themselves)
{
    cairn_window_init(&window, GIB);
    CHECK(!cairn_window_is_active(&window));
    CHECK_EQ(to_virt(0x1234, 1), 0x1234);
    CHECK_EQ(to_virt(GIB - 1, 1), GIB - 1);
    CHECK_EQ(to_virt(0x1000, GIB - 0x1000), 0x1000);
    CHECK_EQ(to_phys(0x1234), 0x1234);
    CHECK_EQ(to_phys(0), 0);
}

CAIRN_TEST(E3_before_activation_nothing_beyond_the_identity_is_reached)
{
    cairn_window_init(&window, GIB);
    CHECK_EQ(to_virt(GIB, 1), 0);
    CHECK_EQ(to_virt(GIB - 1, 2), 0);
    CHECK_EQ(to_virt(0x1000, GIB - 0xfff), 0);
    CHECK_EQ(to_phys((uintptr_t)GIB), UINT64_MAX);
    CHECK_EQ(to_phys(UINTPTR_MAX), UINT64_MAX);
    cairn_window_init(&window, 0);
    CHECK_EQ(to_virt(0x1000, 1), 0);
    CHECK_EQ(to_phys(0x1000), UINT64_MAX);
}

CAIRN_TEST(E3_activation_switches_from_identity_to_window)
{
    make();
    CHECK(cairn_window_is_active(&window));
    CHECK_EQ(to_virt(0x1234, 1), BASE + 0x1234);
    CHECK_EQ(to_virt(600 * MIB, 1), 0);
    CHECK_EQ(to_phys(0x1234), UINT64_MAX);
    CHECK_EQ(to_phys(BASE + 0x1234), 0x1234);
}

CAIRN_TEST(E1_to_virt_is_base_plus_phys_and_to_phys_the_inverse)
{
    static const uint64_t samples[] = {0,       1,       0xfff,        0x1000,
                                       0x9fc00, 5 * MIB, 512 * MIB - 1};

    make();
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        CHECK_EQ(to_virt(samples[i], 1), BASE + samples[i]);
        CHECK_EQ(to_phys(to_virt(samples[i], 1)), samples[i]);
    }
    CHECK_EQ(to_virt(0, 512 * MIB), BASE);
}

CAIRN_TEST(E1_ranges_that_straddle_the_end_are_refused)
{
    make();
    CHECK_EQ(to_virt(512 * MIB - 1, 1), BASE + (uintptr_t)(512 * MIB) - 1);
    CHECK_EQ(to_virt(512 * MIB - 1, 2), 0);
    CHECK_EQ(to_virt(512 * MIB, 1), 0);
    CHECK_EQ(to_virt(1, 512 * MIB), 0);
    CHECK_EQ(to_virt(0, 512 * MIB + 1), 0);
    CHECK_EQ(to_phys(BASE + (uintptr_t)(512 * MIB) - 1), 512 * MIB - 1);
    CHECK_EQ(to_phys(BASE + (uintptr_t)(512 * MIB)), UINT64_MAX);
    CHECK_EQ(to_phys(BASE - 1), UINT64_MAX);
}

CAIRN_TEST(E1_ranges_that_wrap_are_refused)
{
    make();
    CHECK_EQ(to_virt(0x1000, UINT64_MAX), 0);
    CHECK_EQ(to_virt(UINT64_MAX, 1), 0);
    CHECK_EQ(to_virt(UINT64_MAX, 2), 0);
    CHECK_EQ(to_virt(UINT64_MAX - 0xfff, 0x2000), 0);
    CHECK_EQ(to_virt((uint64_t)1 << 32, 1), 0);
    CHECK_EQ(to_virt(((uint64_t)1 << 32) + 0x1000, 1), 0);
}

CAIRN_TEST(E1_a_range_without_bytes_is_refused)
{
    make();
    CHECK_EQ(to_virt(0x1000, 0), 0);
    CHECK_EQ(to_virt(512 * MIB, 0), 0);
    cairn_window_init(&window, GIB);
    CHECK_EQ(to_virt(0x1000, 0), 0);
}

CAIRN_TEST(E3_a_window_is_activated_once)
{
    make();
    CHECK_EQ(activate(BASE, MIB), CAIRN_IN_USE);
    CHECK_EQ(activate(BASE + 1, 0), CAIRN_IN_USE);
    CHECK_EQ(to_virt(511 * MIB, 1), BASE + (uintptr_t)(511 * MIB));
}

CAIRN_TEST(E3_activation_refuses_nonsense)
{
    cairn_window_init(&window, GIB);
    CHECK_EQ(activate(BASE + 1, MIB), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(activate(BASE + 0x800, MIB), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(activate(BASE, 0), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(activate(BASE, UINT64_MAX), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(activate(BASE, (uint64_t)(0 - BASE) + 1), CAIRN_BAD_ARGUMENT);
    CHECK(!cairn_window_is_active(&window));
    CHECK_EQ(to_virt(0x1234, 1), 0x1234);
}

CAIRN_TEST(E1_a_window_may_end_where_addresses_do)
{
    uint64_t bytes = (uintptr_t)(0 - BASE);

    cairn_window_init(&window, GIB);
    CHECK_EQ(activate(BASE, bytes), CAIRN_OK);
    CHECK_EQ(to_virt(bytes - 1, 1), UINTPTR_MAX);
    CHECK_EQ(to_virt(bytes, 1), 0);
    CHECK_EQ(to_phys(UINTPTR_MAX), bytes - 1);
}

CAIRN_TEST(E3_an_identity_beyond_pointers_is_cut)
{
    cairn_window_init(&window, UINT64_MAX);
    CHECK_EQ(to_virt(UINTPTR_MAX - 1, 1), UINTPTR_MAX - 1);
    CHECK_EQ(to_virt((uint64_t)UINTPTR_MAX - 1, 3), 0);
    CHECK_EQ(to_phys(UINTPTR_MAX - 1), UINTPTR_MAX - 1);
}

/* Whatever is asked: all of the range is inside, or the answer is no. */
CAIRN_TEST(E1_random_ranges)
{
    for (uint32_t i = test_rounds(100000); i > 0; i--) {
        uint64_t limit = 1 + test_random_below(1u << 29);
        uint64_t start = test_random() >> (20 + test_random_below(44));
        uint64_t bytes = test_random() >> (20 + test_random_below(44));
        bool is_inside = bytes > 0 && start < limit && bytes <= limit - start;
        uintptr_t base = test_random_once_in(2) ? 0 : BASE;
        uintptr_t virt;

        cairn_window_init(&window, limit);
        if (base != 0)
            CHECK_EQ(activate(base, limit), CAIRN_OK);
        virt = to_virt(start, bytes);
        CHECK_EQ(virt, is_inside ? base + (uintptr_t)start : 0);
        if (start < limit)
            CHECK_EQ(to_phys(base + (uintptr_t)start), start);
    }
}

/* ---- What is not covered is refused -------------------------------------- */

/* RAM, a device in it, a hole, and RAM of another kind right behind. */
static void make_covered(void)
{
    make();
    start_map();
    add(MIB, 15 * MIB, CAIRN_MEMORY_USABLE);
    add(16 * MIB, MIB, CAIRN_MEMORY_MMIO);
    add(32 * MIB, 8 * MIB, CAIRN_MEMORY_USABLE);
    add(40 * MIB, 8 * MIB, CAIRN_MEMORY_LOADER);
    add(511 * MIB, 2 * MIB, CAIRN_MEMORY_USABLE);
    finish_map();
}

CAIRN_TEST(E6_what_the_window_does_not_cover_is_refused)
{
    make_covered();
    CHECK_EQ(to_virt(16 * MIB, 1), BASE + (uintptr_t)(16 * MIB));
    CHECK_EQ(cover(32), CAIRN_OK);
    CHECK_EQ(window.range_count, 3);
    CHECK_EQ(to_virt(0, 1), 0);
    CHECK_EQ(to_virt(MIB - 1, 1), 0);
    CHECK_EQ(to_virt(MIB, 15 * MIB), BASE + (uintptr_t)MIB);
    CHECK_EQ(to_virt(MIB, 15 * MIB + 1), 0);
    CHECK_EQ(to_virt(16 * MIB, 1), 0);
    CHECK_EQ(to_virt(20 * MIB, 1), 0);
    CHECK_EQ(to_virt(31 * MIB, 2 * MIB), 0);
    CHECK_EQ(to_virt(39 * MIB, 2 * MIB), BASE + (uintptr_t)(39 * MIB));
    CHECK_EQ(to_virt(32 * MIB, 16 * MIB), BASE + (uintptr_t)(32 * MIB));
    CHECK_EQ(to_virt(48 * MIB, 1), 0);
    CHECK_EQ(to_virt(511 * MIB, MIB), BASE + (uintptr_t)(511 * MIB));
    CHECK_EQ(to_virt(511 * MIB, MIB + 1), 0);
    CHECK_EQ(to_phys(BASE + (uintptr_t)(16 * MIB)), UINT64_MAX);
    CHECK_EQ(to_phys(BASE + (uintptr_t)(16 * MIB) - 1), 16 * MIB - 1);
    CHECK_EQ(to_phys(BASE), UINT64_MAX);
}

CAIRN_TEST(E6_a_cover_that_does_not_fit_changes_nothing)
{
    make_covered();
    CHECK_EQ(cover(2), CAIRN_NO_SPACE);
    CHECK_EQ(to_virt(16 * MIB, 1), BASE + (uintptr_t)(16 * MIB));
    CHECK_EQ(cover(3), CAIRN_OK);
    CHECK_EQ(to_virt(16 * MIB, 1), 0);
    cairn_window_init(&window, GIB);
    CHECK_EQ(cover(32), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(to_virt(16 * MIB, 1), 16 * MIB);
    CHECK_EQ(activate(BASE, MIB), CAIRN_OK);
    CHECK_EQ(cover(32), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(to_virt(MIB - 1, 1), BASE + MIB - 1);
}

/* Page by page, by the map. */
CAIRN_TEST(E6_random_maps)
{
    for (uint32_t round = test_rounds(1000); round > 0; round--) {
        make();
        start_map();
        add(0x1000, 0x1000, CAIRN_MEMORY_USABLE);
        for (unsigned i = 0; i < 20; i++)
            add(test_random_below(64) * 0x1000, test_random_below(8) * 0x1000,
                test_random_once_in(2)   ? CAIRN_MEMORY_USABLE
                : test_random_once_in(2) ? CAIRN_MEMORY_LOADER
                                         : CAIRN_MEMORY_RESERVED);
        finish_map();
        if (cairn_memmap_end(&map, CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE))
                .value == 0)
            continue;
        CHECK_EQ(cover(32), CAIRN_OK);
        for (unsigned i = 0; i < 80; i++) {
            enum cairn_memory_kind kind =
                cairn_memmap_kind_at(&map, cairn_phys_make(i * 0x1000));
            bool is_there =
                kind == CAIRN_MEMORY_USABLE || kind == CAIRN_MEMORY_LOADER;

            CHECK_EQ(to_virt(i * 0x1000, 0x1000) != 0, is_there);
            CHECK_EQ(to_virt(i * 0x1000 + 0xfff, 1) != 0, is_there);
        }
    }
}
