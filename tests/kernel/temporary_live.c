/*
 * temporary_live.c - what is mapped for the start only comes, and goes without
 * a trace.
 *
 * SOURCE Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging", formats of
 *        entries.
 */
#include "temporary.h"

#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/insn.h"
#include "kernel/space.h"
#include "tables.h"

#define LARGE       (2 * CAIRN_MIB)
#define ENTRY_WANT  0x183u /* P, RW, PS, G */
#define ENTRY_FLAGS 0x19fu
#define ENTRY_NX    ((uint64_t)1 << 63)
#define ENTRY_G     0x100u

static struct probe_fault fault;
static uint8_t value;

/* Every page of the active identity map, for 2 MiB pages around the image. */
static void check_identity(uint64_t bytes, uint64_t wanted)
{
    struct cairn_phys_range image = kernel_image_range();
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;

    for (uint64_t at = 0; at < bytes; at += LARGE) {
        unsigned count =
            cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                         cairn_va_make(at), steps, &mapping);
        uint64_t entry = steps[count - 1].entry;

        CHECK(mapping.is_mapped);
        CHECK_EQ(mapping.phys.value, at);
        if (at + LARGE > image.start.value && at < image.end.value)
            continue; /* split: constants are read-only */
        CHECK_EQ(mapping.page_bytes, LARGE);
        CHECK_EQ(entry & ENTRY_FLAGS, wanted);
        CHECK_EQ(entry & ENTRY_NX, space_has_nx() ? ENTRY_NX : 0);
    }
}

/* The image can be read there, and not be changed. */
static void check_image(void)
{
    uint64_t image = kernel_image_range().start.value;
    uint8_t byte = *(const volatile uint8_t *)kernel_image_begin;

    CHECK(probe_read((uintptr_t)image, &value, &fault));
    CHECK_EQ(value, byte);
    CHECK(!probe_write((uintptr_t)image, 0, &fault));
    CHECK_EQ(fault.error, 3);
}

static void expect_nothing_at(uint64_t va)
{
    CHECK(!probe_read((uintptr_t)va, &value, &fault));
    CHECK_EQ(fault.vector, VECTOR_PAGE_FAULT);
    CHECK_EQ(fault.error, 0);
    CHECK_EQ(fault.address, va);
}

static void expect_no_identity(void)
{
    uint64_t image = kernel_image_range().start.value;

    expect_nothing_at(image);
    expect_nothing_at(0);
    expect_nothing_at(0x100000);
    expect_nothing_at(LARGE - 1);
    expect_nothing_at(CAIRN_GIB - 1);
}

/* Of a kernel whose lower half is its own: global, too. */
CAIRN_TEST(F3_live_the_identity_map)
{
    static struct cairn_pagetable table;
    struct cairn_pagetable_config config = kernel.table.config;
    uint64_t before = space_frames_free();
    uint64_t screen = kernel_screen_range().end.value;
    uint64_t bytes;

    CHECK_EQ(kernel.identity_bytes, 0);
    config.user_end = 0;
    CHECK_EQ(cairn_pagetable_init(&table, &config), CAIRN_OK);
    temporary_choose(true, false);
    bytes = kernel.identity_bytes;
    tables_full_map(&table);
    kernel.identity_bytes = 0;
    CHECK(bytes >= CAIRN_GIB && bytes % LARGE == 0);
    CHECK(bytes >= kernel_image_range().end.value && bytes >= screen);
    CHECK(bytes <= CAIRN_GIB || bytes - LARGE < screen ||
          bytes - LARGE < kernel_image_range().end.value);
    for (uint64_t at = kernel.window_base; at != 0;) {
        /* What the kernel runs on, and the full map does not have: stacks. */
        struct cairn_mapping mapping;
        const struct cairn_page_policy policy = {.rights = CAIRN_PAGE_WRITE};

        CHECK(cairn_map_look(&kernel.table, cairn_va_make(at), &mapping));
        if (mapping.is_mapped && !cairn_is_mapped(&table, mapping.start))
            CHECK_EQ(cairn_map_range(&table, mapping.start,
                                     cairn_phys_range_make(mapping.phys.value,
                                                           mapping.phys.value +
                                                               mapping.bytes),
                                     &policy),
                     CAIRN_OK);
        at = mapping.start.value + mapping.bytes;
    }
    cairn_pagetable_activate(&table);
    check_identity(bytes, ENTRY_WANT);
    check_image();
    CHECK_EQ(cairn_unmap_range(&table, cairn_va_make(0), bytes, NULL, NULL),
             CAIRN_OK);
    expect_no_identity();
    CHECK_EQ(cairn_pagetable_check(&table), 0);
    cairn_pagetable_activate(&kernel.table);
    cairn_pagetable_destroy(&table);
    CHECK_EQ(space_frames_free(), before);
}

/* Free frames, and those that the kernel's table keeps for later tables. */
static uint64_t frames_left(void)
{
    return space_frames_free() + kernel.table.aside_count;
}

/* All tables that it took come back; nothing is cached of it. */
CAIRN_TEST(F4_live_the_identity_map_goes_without_a_trace)
{
    uint64_t before = frames_left();
    uint64_t taken;
    uint64_t aside;
    uint64_t freed;

    CHECK_EQ(kernel.identity_bytes, 0);
    temporary_choose(true, false);
    temporary_map(&kernel.table);
    taken = before - frames_left();
    CHECK(taken >= 3);
    check_identity(kernel.identity_bytes, kernel.table.config.user_end == 0
                                              ? ENTRY_WANT
                                              : ENTRY_WANT & ~ENTRY_G);
    check_image();
    aside = kernel.table.aside_count;
    freed = temporary_drop_identity() >> CAIRN_FRAME_SHIFT;
    CHECK_EQ(freed + (kernel.table.aside_count - aside), taken);
    CHECK_EQ(kernel.identity_bytes, 0);
    expect_no_identity();
    CHECK_EQ(frames_left(), before);
    CHECK_EQ(cairn_pagetable_check(&kernel.table), 0);
}

/* The loader's comes from its memory; others are frames, and go back there. */
CAIRN_TEST(A14_F4_G9_live_the_temporary_heap_is_retired)
{
    uint64_t before = frames_left();
    struct cairn_phys_range heap;
    uint64_t gained;
    uint64_t tables;
    uint64_t aside;
    uint64_t freed;
    bool is_loaders;

    temporary_choose(false, true);
    temporary_alloc();
    heap = kernel.tempheap;
    is_loaders = kernel.tempheap_is_loaders;
    tables = frames_left();
    temporary_map(&kernel.table);
    tables -= frames_left();
    temporary_hold();
    CHECK_EQ(cairn_phys_range_bytes(heap), kernel.tempheap_bytes);
    CHECK(kernel.tempheap_bytes >= CAIRN_MIB || is_loaders);
    for (uint64_t at = 0; at < kernel.tempheap_bytes; at += CAIRN_FRAME_SIZE) {
        CHECK(
            probe_write((uintptr_t)(KERNEL_TEMPORARY_HEAP + at), 0x6c, &fault));
        CHECK_EQ(space_window(heap.start.value + at)[0], 0x6c);
    }
    expect_nothing_at(KERNEL_TEMPORARY_HEAP + kernel.tempheap_bytes);
    gained =
        (is_loaders ? cairn_phys_range_bytes(heap) : 0) >> CAIRN_FRAME_SHIFT;
    aside = kernel.table.aside_count;
    freed = temporary_drop_heap() >> CAIRN_FRAME_SHIFT;
    CHECK_EQ(freed + (kernel.table.aside_count - aside),
             (cairn_phys_range_bytes(heap) >> CAIRN_FRAME_SHIFT) + tables);
    CHECK_EQ(frames_left(), before + gained);
    CHECK_EQ(kernel.tempheap_bytes, 0);
    CHECK_EQ(temporary_drop_heap(), 0);
    expect_nothing_at(KERNEL_TEMPORARY_HEAP);
    expect_nothing_at(KERNEL_TEMPORARY_HEAP + cairn_phys_range_bytes(heap) - 1);
    CHECK_EQ(cairn_memmap_kind_at(&kernel.boot.map, heap.start),
             CAIRN_MEMORY_USABLE);
    CHECK_EQ(cairn_frames_info(&kernel.frames, cairn_pfn_of(heap.start)).usage,
             CAIRN_FRAME_FREE);
}

/* A heap that is in use survives the loader's memory. */
CAIRN_TEST(A14_live_a_heap_in_use_is_not_reclaimed)
{
    uint64_t refused = 0;

    temporary_choose(false, true);
    temporary_alloc();
    temporary_map(&kernel.table);
    temporary_hold();
    *(volatile uint64_t *)(uintptr_t)KERNEL_TEMPORARY_HEAP = 0x6361697268656170;
    CHECK_EQ(cairn_frames_reclaim(&kernel.frames, &kernel.boot.map,
                                  CAIRN_MEMORY_LOADER, NULL, &refused),
             CAIRN_OK);
    CHECK(refused >= (kernel.tempheap_is_loaders ? kernel.tempheap_bytes : 0));
    CHECK(cairn_frames_info(&kernel.frames, cairn_pfn_of(kernel.tempheap.start))
              .usage != CAIRN_FRAME_FREE);
    CHECK_EQ(*(volatile uint64_t *)(uintptr_t)KERNEL_TEMPORARY_HEAP,
             0x6361697268656170);
    CHECK(temporary_drop_heap() > 0);
    CHECK_EQ(cairn_frames_check(&kernel.frames), 0);
}
