/*
 * areas_live.c - ranges, handles and areas of the running kernel, and where a
 * system's layout puts them.
 */
#include "cpu/cpu.h"
#include "cpu/probe.h"
#include "kernel.h"
#include "kernel/space.h"
#include "monitor/text.h"
#include "systems/layouts.h"

#define PAGE  CAIRN_FRAME_SIZE
#define LARGE (2 * CAIRN_MIB)
#define AREAS (&kernel.areas)

static const struct cairn_page_policy writable = {.rights = CAIRN_PAGE_WRITE};

static void expect_fault(uint64_t va)
{
    struct probe_fault fault;
    uint8_t value;

    CHECK(!probe_read((uintptr_t)va, &value, &fault));
    CHECK_EQ(fault.address, va);
}

static struct cairn_area *alloc_pages(uint64_t count, uint64_t page_bytes)
{
    struct cairn_area *area = NULL;

    CHECK_EQ(cairn_area_alloc_pages(AREAS, count, page_bytes, "test", &area),
             CAIRN_OK);
    return area;
}

static void map(struct cairn_area *area, uint64_t index, uint64_t phys)
{
    CHECK_EQ(cairn_area_map(area, index, cairn_pfn_of(cairn_phys_make(phys)),
                            &writable),
             CAIRN_OK);
}

static volatile uint8_t *byte_of(const struct cairn_area *area, uint64_t page)
{
    return (volatile uint8_t *)(uintptr_t)cairn_area_page(area, page).value;
}

/* ---- Handles ------------------------------------------------------------- */

/* What is mapped in the upper half lies in a range that is in use. */
static void expect_used(const struct cairn_mapping *mapping)
{
    struct cairn_area_info info;

    if (!mapping->is_mapped || mapping->start.value >> 63 == 0)
        return;
    CHECK(cairn_areas_find(&kernel.space.areas, mapping->start, &info));
    CHECK(mapping->bytes <=
          info.bytes - (mapping->start.value - info.start.value));
}

CAIRN_TEST(F11_live_what_is_mapped_is_in_use)
{
    CHECK_EQ(cairn_areas_check(&kernel.space.areas), 0);
    space_visit(kernel.root.root, expect_used);
}

CAIRN_TEST(F12_live_pages_of_all_sizes)
{
    uint64_t sizes[] = {PAGE, LARGE, CAIRN_GIB};
    struct cairn_area *areas[3];
    struct cairn_area *none = NULL;

    for (unsigned i = 0; i < 3; i++) {
        areas[i] = alloc_pages(3, sizes[i]);
        CHECK_EQ(areas[i]->start.value & (sizes[i] - 1), 0);
        CHECK(areas[i]->start.value >= 0xff00000000000000);
    }
    CHECK_EQ(cairn_area_alloc_pages(AREAS, 0, PAGE, "", &none),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_alloc_pages(AREAS, UINT64_MAX, PAGE, "", &none),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_area_alloc_pages(AREAS, (uint64_t)1 << 40, PAGE, "", &none),
             CAIRN_NO_SPACE);
    CHECK(none == NULL);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(cairn_area_free(areas[i], NULL, NULL), CAIRN_OK);
    CHECK_EQ(cairn_areas_check(AREAS), 0);
}

/* A handle over a page of the window's range, which is in use already. */
CAIRN_TEST(F13_live_a_handle_over_what_is_in_use)
{
    struct cairn_areas *all = &kernel.space.areas;
    const struct cairn_span span =
        cairn_span_make(kernel.window_base + PAGE, PAGE);
    struct cairn_areas_stats before;
    struct cairn_areas_stats after;
    struct cairn_area *handle;

    cairn_areas_stats(all, &before);
    CHECK_EQ(cairn_area_adopt(all, span, PAGE, "handle", &handle), CAIRN_OK);
    CHECK_EQ(cairn_area_page(handle, 0).value, span.start.value);
    cairn_areas_stats(all, &after);
    CHECK_EQ(after.used_bytes, before.used_bytes);
    CHECK_EQ(after.reserved_ranges, before.reserved_ranges);
    CHECK_EQ(cairn_area_forget(handle), CAIRN_OK);
    CHECK_EQ(
        cairn_area_adopt(all, cairn_span_make(kernel.window_base, CAIRN_GIB),
                         PAGE, "", &handle),
        cairn_layout_find(&kernel.layout, "window")->span.bytes >= CAIRN_GIB
            ? CAIRN_OK
            : CAIRN_NOT_FOUND);
}

CAIRN_TEST(F14_I6_live_pages_of_a_handle_and_none_outside)
{
    struct cairn_area *area = alloc_pages(2, PAGE);
    uint64_t phys = space_alloc(0);
    cairn_pfn frame = cairn_pfn_of(cairn_phys_make(phys));
    volatile enum cairn_status status = CAIRN_OK;

    map(area, 1, phys);
    *byte_of(area, 1) = 0x5a;
    CHECK_EQ(*space_window(phys), 0x5a);
    expect_fault(area->start.value);
    CHECK_PANIC(status = cairn_area_map(area, 2, frame, &writable),
                "page 2 is outside of the area test");
    CHECK_PANIC(status = cairn_area_unmap(area, UINT64_MAX, NULL), "outside");
    CHECK_EQ(status, CAIRN_OK);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    space_free(phys);
}

static unsigned told;

static void tell(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    told += (unsigned)(mapping->bytes / PAGE);
}

CAIRN_TEST(F15_F18_live_the_same_range_comes_again)
{
    struct cairn_area *area = alloc_pages(5, PAGE);
    uint64_t start = area->start.value;
    uint64_t phys = space_alloc(0);
    struct cairn_area_info info;

    map(area, 0, phys);
    map(area, 4, phys);
    *byte_of(area, 4) = 7;
    CHECK_EQ(*byte_of(area, 0), 7);
    told = 0;
    CHECK_EQ(cairn_area_free(area, tell, NULL), CAIRN_OK);
    CHECK_EQ(told, 2);
    expect_fault(start);
    expect_fault(start + 4 * PAGE);
    CHECK(!cairn_areas_find(AREAS, cairn_va_make(start), &info));
    area = alloc_pages(5, PAGE);
    CHECK_EQ(area->start.value, start);
    expect_fault(start);
    CHECK_EQ(cairn_areas_free(AREAS, cairn_va_make(start), 5 * PAGE), CAIRN_OK);
    space_free(phys);
}

/* A secret of the last owner is gone from lazy areas. */
CAIRN_TEST(J7_live_the_next_owner_finds_zeros)
{
    const struct cairn_area_request request = {
        .bytes = 16 * PAGE,
        .kind = CAIRN_AREA_LAZY,
        .rights = CAIRN_PAGE_WRITE,
        .owner = CAIRN_OWNER_USER,
    };
    struct cairn_area *area;

    for (unsigned round = 0; round < 2; round++) {
        CHECK_EQ(cairn_area_alloc(AREAS, &request, &area), CAIRN_OK);
        for (uint64_t i = 0; i < 16 * PAGE; i += 8) {
            volatile uint64_t *word =
                (volatile uint64_t *)(uintptr_t)(area->start.value + i);

            CHECK_EQ(*word, 0);
            *word = 0x5ec2e75ec2e75ec2;
        }
        CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    }
}

/* ---- The layout ---------------------------------------------------------- */

/* Where the image is in memory, as measured at the start, is so for each. */
CAIRN_TEST(F7_live_runtime_kernel_phys_base)
{
    const char *const symbols[] = {kernel_image_begin, kernel_text_end,
                                   kernel_rodata_end, (const char *)&kernel};
    uint64_t base = kernel_image_range().start.value;
    cairn_phys phys;

    CHECK_EQ(base & (PAGE - 1), 0);
    CHECK_EQ(kernel_image_range().start.value, base);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(cairn_pagetable_translate(
            &kernel.table, cairn_va_make((uintptr_t)symbols[i]), &phys));
        CHECK_EQ(phys.value,
                 base + (uint64_t)(symbols[i] - kernel_image_begin));
    }
}

CAIRN_TEST(F2_live_the_halves)
{
    uint64_t end = kernel.table.config.user_end;
    struct cairn_mapping low;

    CHECK((uintptr_t)kernel_image_begin >= 0xffffffff80000000);
    CHECK((uintptr_t)kernel_image_end > (uintptr_t)kernel_image_begin);
    CHECK_EQ(end, cpu_paging_mode() == CAIRN_PAGING_4LEVEL
                      ? 0x0000800000000000
                      : 0x0100000000000000);
    CHECK(cairn_map_look(&kernel.table, cairn_va_make(0), &low));
    CHECK(!low.is_mapped);
}

static const struct cairn_layout_request *request_of(const char *name)
{
    for (size_t i = 0; i < kernel.system->count; i++) {
        if (text_is_equal(kernel.system->requests[i].name, name))
            return &kernel.system->requests[i];
    }
    return NULL;
}

/* Every range of the system is there; what does not slide, at its address. */
CAIRN_TEST(F1_F2_live_addresses_of_the_system)
{
    const struct cairn_layout_range *range = NULL;
    size_t found = 0;

    if (kernel.system == NULL)
        return;
    while ((range = cairn_layout_next(&kernel.layout, range)) != NULL) {
        const struct cairn_layout_request *request = request_of(range->name);

        if (request == NULL)
            continue;
        found++;
        CHECK_EQ(range->span.bytes, request->span.bytes);
        if (request->slide.bytes == 0)
            CHECK_EQ(range->span.start.value, request->span.start.value);
        else
            CHECK(range->span.start.value - request->slide.start.value <
                  request->slide.bytes);
    }
    CHECK_EQ(found, kernel.system->count);
    CHECK_EQ(cairn_layout_check(&kernel.layout), 0);
}
