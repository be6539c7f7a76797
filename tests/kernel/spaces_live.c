/*
 * spaces_live.c - address spaces of the running kernel: two processes with
 * different memory at one address, and the kernel in both.
 */
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/probe.h"
#include "kernel.h"
#include "kernel/space.h"

#define PAGE CAIRN_FRAME_SIZE

static struct cairn_space one;
static struct cairn_space two;

static const struct cairn_page_policy writable = {.rights = CAIRN_PAGE_WRITE};

static uint8_t look(uint64_t va)
{
    return *(volatile uint8_t *)(uintptr_t)va;
}

static void map(struct cairn_space *in, uint64_t va, uint64_t phys)
{
    CHECK_EQ(cairn_map_page(in->table, cairn_va_make(va), cairn_phys_make(phys),
                            &writable),
             CAIRN_OK);
}

static void enter(struct cairn_space *to)
{
    cairn_space_activate(to);
    CHECK_EQ(insn_read_cr3() & ~(uintptr_t)0xfff,
             cairn_space_root(to).root.value);
}

static void expect_fault(uint64_t va)
{
    struct probe_fault fault;
    uint8_t value;

    CHECK(!probe_read((uintptr_t)va, &value, &fault));
    CHECK_EQ(fault.vector, 14);
    CHECK_EQ(fault.address, va);
}

/* After a test that failed. */
static void come_back(void)
{
    cairn_pagetable_activate(&kernel.table);
}

CAIRN_TEST(F16_live_the_kernels_space)
{
    struct cairn_space_root root = cairn_space_root(&kernel.space);
    uint64_t half = 0 - kernel.table.config.user_end;
    struct cairn_area_info info;

    CHECK(kernel.space.table == &kernel.table);
    CHECK_EQ(root.root.value, kernel.root.root.value);
    CHECK_EQ(insn_read_cr3(), kernel.root.root.value | kernel.root.flags);
    CHECK_EQ(kernel.space.window_base, kernel.window_base);
    CHECK_EQ(kernel.space.half.start.value, half);
    CHECK_EQ(cairn_areas_check(&kernel.space.areas), 0);
    /* What is mapped is in use. */
    CHECK(cairn_areas_find(&kernel.space.areas,
                           cairn_va_make(kernel_virtual_base()), &info));
    CHECK(cairn_areas_find(&kernel.space.areas,
                           cairn_va_make(kernel.window_base), &info));
    if (kernel.system == NULL) /* some have something there */
        CHECK(!cairn_areas_find(
            &kernel.space.areas,
            cairn_va_make(kernel_virtual_base() - kernel.margin_below - 1),
            &info));
}

CAIRN_TEST(F16_F20_live_the_same_address_in_two_spaces)
{
    uint64_t va = 0x400000;
    uint64_t frames[2] = {0, 0};
    uint64_t before;

    come_back();
    before = space_frames_free();
    CHECK_EQ(cairn_space_create(&one, &kernel.space), CAIRN_OK);
    CHECK_EQ(cairn_space_create(&two, &kernel.space), CAIRN_OK);
    for (unsigned i = 0; i < 2; i++) {
        frames[i] = space_alloc(0);
        *space_window(frames[i]) = (uint8_t)(0x51 + i);
    }
    map(&one, va, frames[0]);
    map(&two, va, frames[1]);
    expect_fault(va);
    enter(&one);
    CHECK_EQ(look(va), 0x51);
    enter(&two);
    CHECK_EQ(look(va), 0x52);
    *(volatile uint8_t *)(uintptr_t)va = 0x62;
    enter(&one);
    CHECK_EQ(look(va), 0x51);
    CHECK_EQ(cairn_unmap_page(one.table, cairn_va_make(va), NULL), CAIRN_OK);
    expect_fault(va);
    enter(&two);
    CHECK_EQ(look(va), 0x62);
    enter(&kernel.space);
    expect_fault(va);
    CHECK_EQ(*space_window(frames[1]), 0x62);
    CHECK_EQ(cairn_space_destroy(&one, NULL, NULL), CAIRN_OK);
    CHECK_EQ(cairn_space_destroy(&two, NULL, NULL), CAIRN_OK);
    space_free(frames[0]);
    space_free(frames[1]);
    CHECK_EQ(space_frames_free(), before);
}

/* A lazy area in one, and what a process cannot see of it. */
CAIRN_TEST(F20_live_areas_of_a_space_go_with_it)
{
    const struct cairn_area_request request = {
        .bytes = 64 * PAGE,
        .kind = CAIRN_AREA_LAZY,
        .rights = CAIRN_PAGE_WRITE,
        .owner = CAIRN_OWNER_USER,
        .name = "data",
    };
    struct cairn_area *area;
    uint64_t before;

    come_back();
    before = space_frames_free();
    CHECK_EQ(cairn_space_create(&one, &kernel.space), CAIRN_OK);
    CHECK_EQ(cairn_area_alloc(&one.areas, &request, &area), CAIRN_OK);
    CHECK_EQ(area->start.value, PAGE); /* null pointers fault */
    enter(&one);
    expect_fault(0);
    CHECK_EQ(cairn_area_fault(&one.areas, cairn_area_page(area, 9),
                              CAIRN_PAGE_WRITE),
             CAIRN_OK);
    CHECK_EQ(look(cairn_area_page(area, 9).value), 0);
    CHECK_EQ(cairn_space_destroy(&one, NULL, NULL), CAIRN_IN_USE);
    enter(&kernel.space);
    CHECK_EQ(cairn_space_destroy(&one, NULL, NULL), CAIRN_OK);
    CHECK_EQ(space_frames_free(), before);
}

/* What the kernel maps later is in all of them, and goes from all. */
CAIRN_TEST(F20_K4_live_later_mappings_of_the_kernel_are_in_all_spaces)
{
    struct cairn_space *all[] = {&one, &two, &kernel.space};
    struct cairn_area *area;
    uint64_t frame;
    uint64_t va;

    come_back();
    CHECK_EQ(cairn_space_create(&one, &kernel.space), CAIRN_OK);
    CHECK_EQ(cairn_space_create(&two, &kernel.space), CAIRN_OK);
    frame = space_alloc(0);
    CHECK_EQ(cairn_area_alloc_pages(&kernel.areas, 2, PAGE, "later", &area),
             CAIRN_OK);
    va = area->start.value;
    for (unsigned round = 0; round < 2; round++) {
        /* By the kernel, and while a process runs. */
        enter(round == 0 ? &kernel.space : &two);
        CHECK_EQ(cairn_area_map(area, 0, cairn_pfn_of(cairn_phys_make(frame)),
                                &writable),
                 CAIRN_OK);
        for (unsigned i = 0; i < 3; i++) {
            enter(all[i]);
            *(volatile uint8_t *)(uintptr_t)va = (uint8_t)(0x70 + i);
            CHECK_EQ(*space_window(frame), 0x70 + i);
        }
        CHECK_EQ(cairn_area_unmap(area, 0, NULL), CAIRN_OK);
        for (unsigned i = 0; i < 3; i++) {
            enter(all[i]);
            expect_fault(va);
        }
    }
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    space_free(frame);
    CHECK_EQ(cairn_space_destroy(&one, NULL, NULL), CAIRN_OK);
    CHECK_EQ(cairn_space_destroy(&two, NULL, NULL), CAIRN_OK);
    CHECK_EQ(cairn_pagetable_check(&kernel.table), 0);
}
