/*
 * mistakes_live.c - what goes wrong has its own name, and the kernel goes on.
 *
 * Accesses are probes; what the handler would report is asked for behind them.
 */
#include "base/lock.h"
#include "cpu/descriptors.h"
#include "cpu/fault.h"
#include "cpu/insn.h"
#include "kernel/space.h"
#include "platform.h"
#include <cairn/handoff.h>

#define PAGE     CAIRN_FRAME_SIZE
#define RESERVED ((uint64_t)1 << 51) /* where an address has fewer bits */
#define UD2      0x0b0f

static uint8_t data;
static const uint8_t constant = 1;
static struct probe_fault fault;
static uint8_t value;

/* What the report of the last probe says. */
static const char *said(void)
{
    static char text[CAIRN_FAULT_TEXT_BYTES];
    const struct cairn_fault last = {{fault.address}, (uint32_t)fault.error};
    struct cairn_fault_report report;

    CHECK_EQ(fault.vector, VECTOR_PAGE_FAULT);
    fault_explain(&last, &report);
    return cairn_fault_text(&report, text);
}

static void no_read(uint64_t va, const char *text)
{
    CHECK(!probe_read((uintptr_t)va, &value, &fault));
    CHECK_EQ(fault.address, va);
    CHECK_TEXT(said(), text);
}

static void no_write(uint64_t va, const char *text)
{
    CHECK(!probe_write((uintptr_t)va, 0, &fault));
    CHECK_EQ(fault.address, va);
    CHECK_TEXT(said(), text);
}

/* Data, which is executed where there is no NX. */
static void no_exec_data(uint64_t va)
{
    if (!space_has_nx())
        return;
    CHECK(!probe_exec((uintptr_t)va, &fault));
    CHECK_EQ(fault.address, va);
    CHECK_TEXT(said(), "jump to data");
}

static void no_exec(uint64_t va, const char *text)
{
    CHECK(!probe_exec((uintptr_t)va, &fault));
    CHECK_EQ(fault.address, va);
    CHECK_TEXT(said(), text);
}

/* ---- By address and rights ----------------------------------------------- */

CAIRN_TEST(I1_live_null_dereferences)
{
    static const uint64_t places[] = {0, 8, 4095, 4096, 65535};

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        no_read(places[i], "null dereference");
        no_write(places[i], "null dereference");
        no_exec(places[i], "null dereference");
    }
    no_read(65536, "nothing is mapped there");
}

CAIRN_TEST(I1_J2_live_code_constants_and_data)
{
    no_write((uintptr_t)&no_write, "write to code");
    no_write((uintptr_t)kernel_image_begin, "write to code");
    /* Without NX, constants are code as well. */
    no_write((uintptr_t)&constant,
             space_has_nx() ? "write to constants" : "write to code");
    no_exec_data((uintptr_t)&data);
    no_exec_data((uintptr_t)&constant);
    no_exec_data((uintptr_t)__builtin_frame_address(0));
    CHECK_EQ(*(const volatile uint8_t *)&constant, 1);
}

CAIRN_TEST(I1_live_addresses_that_are_not_canonical)
{
    const uintptr_t bad = (uintptr_t)1 << 62;

    CHECK(!trap_is_canonical(bad));
    CHECK(trap_is_canonical((uintptr_t)&data));
    CHECK(trap_is_canonical(UINT64_MAX) && trap_is_canonical(0));
    CHECK(!probe_read(bad, &value, &fault));
    CHECK_EQ(fault.vector, VECTOR_PROTECTION);
    CHECK(!probe_write(bad, 0, &fault));
    CHECK_EQ(fault.vector, VECTOR_PROTECTION);
}

CAIRN_TEST(J6_live_SMAP_and_SMEP_have_names)
{
    bool has_smap = (insn_read_cr4() & INSN_CR4_SMAP) != 0;
    bool has_smep = (insn_read_cr4() & INSN_CR4_SMEP) != 0;
    uint64_t phys;

    space_start();
    phys = space_alloc(0);
    space_window(phys)[0] = UD2 & 0xff;
    space_window(phys)[1] = UD2 >> 8;
    space_map(space.user_base, phys, PAGE, CAIRN_PAGE_USER | CAIRN_PAGE_EXEC);
    space_map(space.user_base + PAGE, phys, PAGE,
              CAIRN_PAGE_USER | CAIRN_PAGE_WRITE);
    if (has_smap) {
        no_read(space.user_base, "access to user data (SMAP)");
        no_write(space.user_base + PAGE, "access to user data (SMAP)");
    }
    if (has_smep)
        no_exec(space.user_base, "jump to user code (SMEP)");
    no_exec_data(space.user_base + PAGE);
    no_write(space.user_base, "write to code");
    space_unmap(space.user_base, 2 * PAGE);
    space_free(phys);
    space_end();
}

CAIRN_TEST(I1_live_corrupted_tables)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    volatile uint64_t *entry;
    uint64_t phys;
    unsigned count;

    space_start();
    phys = space_alloc(0);
    space_map(space.kernel_base, phys, PAGE, CAIRN_PAGE_WRITE);
    count = cairn_ptwalk(space.table.config.mode,
                         cairn_pagetable_root(&space.table),
                         cairn_va_make(space.kernel_base), steps, &mapping);
    for (unsigned i = 1; space.table.config.features.phys_bits <= 51 && i < 3;
         i++) {
        entry =
            (volatile uint64_t *)space_window(steps[count - i].entry_at.value);
        *entry |= RESERVED;
        insn_write_cr3(insn_read_cr3());
        no_read(space.kernel_base, "corrupted page table");
        no_write(space.kernel_base, "corrupted page table");
        *entry &= ~RESERVED;
        insn_write_cr3(insn_read_cr3());
    }
    CHECK(probe_read((uintptr_t)space.kernel_base, &value, &fault));
    space_unmap(space.kernel_base, PAGE);
    space_free(phys);
    space_end();
}

/* ---- Stacks and areas ---------------------------------------------------- */

CAIRN_TEST(I3_J4_live_stacks_that_run_over_and_freed_ones)
{
    struct cairn_stack stack;

    CHECK_EQ(cairn_stack_alloc(&kernel.stacks, 0, "mistaken", &stack),
             CAIRN_OK);
    no_write(stack.bottom.value - 1, "overflow of stack 'mistaken'");
    no_write(stack.bottom.value - PAGE, "overflow of stack 'mistaken'");
    no_read(stack.top.value, "access above stack 'mistaken'");
    no_read(stack.top.value + PAGE - 1, "access above stack 'mistaken'");
    CHECK(probe_write((uintptr_t)stack.bottom.value, 0, &fault));
    CHECK(probe_write((uintptr_t)stack.top.value - 1, 0, &fault));
    CHECK_EQ(cairn_stack_free(&kernel.stacks, &stack), CAIRN_OK);
    (void)cairn_stacks_drain(&kernel.stacks);
    no_write(stack.top.value - 8, "use of freed stack 'mistaken'");
    no_read(stack.bottom.value, "use of freed stack 'mistaken'");
}

static struct cairn_area *alloc_lazy(void)
{
    const struct cairn_area_request request = {
        .bytes = 4 * PAGE,
        .kind = CAIRN_AREA_LAZY,
        .rights = CAIRN_PAGE_WRITE,
        .flags = CAIRN_AREA_WITH_GUARDS,
        .owner = CAIRN_OWNER_KERNEL,
        .name = "mistaken",
    };
    struct cairn_area *area = NULL;

    CHECK_EQ(cairn_area_alloc(&kernel.areas, &request, &area), CAIRN_OK);
    return area;
}

CAIRN_TEST(I3_J4_live_areas_that_run_over_and_freed_ones)
{
    struct cairn_area *area = alloc_lazy();
    uint64_t begin = area->start.value;

    CHECK(probe_write((uintptr_t)begin, 1, &fault));
    CHECK(probe_write((uintptr_t)(begin + 4 * PAGE - 1), 1, &fault));
    no_write(begin - 1, "access below area 'mistaken'");
    no_write(begin + 4 * PAGE, "access behind area 'mistaken'");
    no_exec_data(begin);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
    no_read(begin, "use of freed area 'mistaken'");
    no_write(begin + 4 * PAGE - 1, "use of freed area 'mistaken'");
}

/* ---- While the library holds locks --------------------------------------- */

/* The kernel's own stacks have names even while the set is being changed. */
CAIRN_TEST(I3_K2_live_an_overflow_under_any_lock_is_reported)
{
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    struct cairn_area_info stack;
    volatile unsigned long irq;

    CHECK(cairn_areas_find(&kernel.stack_areas, cairn_va_make(here), &stack));
    irq = cairn__lock_acquire(&kernel.stack_areas.lock);
    no_write(stack.start.value - 8, "overflow of stack 'kernel'");
    CHECK_PANIC(*(volatile uint8_t *)(uintptr_t)(stack.start.value - 8) = 1,
                "overflow of stack 'kernel'");
    cairn__lock_release(&kernel.stack_areas.lock, irq);
    irq = cairn__lock_acquire(&kernel.frames.lock);
    no_write(stack.start.value - 8, "overflow of stack 'kernel'");
    CHECK_PANIC(*(volatile uint8_t *)(uintptr_t)(stack.start.value - 8) = 1,
                "overflow of stack 'kernel'");
    cairn__lock_release(&kernel.frames.lock, irq);
}

CAIRN_TEST(I4_K2_live_a_lazy_page_under_a_lock_is_refused)
{
    struct cairn_area *area = alloc_lazy();
    unsigned long irq;

    irq = cairn__lock_acquire(&kernel.areas.lock);
    no_write(area->start.value, "nothing is mapped there");
    cairn__lock_release(&kernel.areas.lock, irq);
    irq = cairn__lock_acquire(&kernel.frames.lock);
    no_write(area->start.value, "nothing is mapped there");
    cairn__lock_release(&kernel.frames.lock, irq);
    CHECK(probe_write((uintptr_t)area->start.value, 1, &fault));
    CHECK_EQ(area->frame_count, 1);
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
}

/* ---- Where a panic is required ------------------------------------------- */

static void map_outside(struct cairn_area *area, uint64_t index)
{
    CHECK(cairn_area_map(area, index, cairn_pfn_make(1), NULL) != CAIRN_OK);
}

CAIRN_TEST(I6_live_a_page_outside_of_an_area_panics)
{
    struct cairn_area *area;

    CHECK_EQ(cairn_area_alloc_pages(&kernel.areas, 3, PAGE, "three", &area),
             CAIRN_OK);
    CHECK_PANIC(map_outside(area, 3), "page 3 is outside of the area three");
    CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
}

CAIRN_TEST(I6_live_parts_that_do_not_start_panic)
{
    static struct cairn_areas areas;
    static struct cairn_pagetable none;
    const struct cairn_span empty = {{0}, 0};

    CHECK_PANIC(kernel_require(cairn_areas_init(&areas, empty, &kernel.table,
                                                &kernel.frames),
                               "some areas"),
                "some areas: ");
    CHECK_PANIC(kernel_require(CAIRN_NO_MEMORY, "a part"), "a part: no memory");
    CHECK_PANIC((void)!cairn_unmap_page(&none, cairn_va_make(PAGE), NULL),
                "page table is inactive");
}

CAIRN_TEST(I6_live_a_bad_handoff_has_an_error)
{
    static struct cairn_handoff handoff;

    CHECK(cairn_handoff_check(&handoff, kernel_virtual_base()) !=
          CAIRN_HANDOFF_OK);
}
