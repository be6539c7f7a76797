/*
 * startup_live.c - the order in which the kernel has started, the jump to the
 * high half, and what must outlive the boot loader's memory.
 */
#include "startup.h"

#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/insn.h"
#include "high_half.h"
#include "kernel/space.h"
#include "monitor/text.h"

#define FLAG_INTERRUPTS ((uintptr_t)1 << 9)

static struct probe_fault fault;

/* ---- Order --------------------------------------------------------------- */

static unsigned number_of(const char *step)
{
    unsigned found = 0;
    unsigned times = 0;

    for (unsigned i = 0; startup_step_done(i) != NULL; i++) {
        if (text_is_equal(startup_step_done(i), step)) {
            found = i;
            times++;
        }
    }
    if (times != 1)
        test_fail(__FILE__, __LINE__, "%u times: %s", times, step);
    return found;
}

CAIRN_TEST(N1_live_the_order_in_which_the_kernel_starts)
{
    static const char *const order[] = {
        "interrupts off",
        "descriptors, exceptions, CR4",
        "memory map, early allocator",
        "layout",
        "frames",
        "page table",
        "page table verified",
        "CR3 loaded",
        "window",
        "former page tables given back",
        "areas, stacks of exceptions",
        "what was temporary dropped",
        "stack with guards",
    };

    for (unsigned i = 1; i < sizeof(order) / sizeof(order[0]); i++)
        CHECK(number_of(order[i - 1]) < number_of(order[i]));
    CHECK(number_of("page tables of the boot") < number_of("layout"));
    CHECK_EQ(number_of("interrupts off"), 0);
    CHECK(startup_step_done(number_of("stack with guards") + 1) == NULL);
    CHECK_EQ(insn_read_flags() & FLAG_INTERRUPTS, 0);
}

/* ---- The jump ------------------------------------------------------------ */

static volatile uint64_t arrived_stack;

/* By UD2 back to the probe. */
static CAIRN_NOINLINE void arrive(void)
{
    uint64_t stack;

    __asm__ volatile("mov %%rsp, %0" : "=r"(stack));
    arrived_stack = stack;
    __asm__ volatile("ud2");
}

static uint64_t phys_of(const void *symbol)
{
    return (uintptr_t)symbol - (uintptr_t)kernel_image_begin +
           kernel_image_range().start.value;
}

static uint8_t other_stack[8192] __attribute__((aligned(16)));

static struct high_half_jump make_jump(void)
{
    struct high_half_jump jump = {
        .phys_base = kernel_image_range().start.value,
        .entry = phys_of((const void *)(uintptr_t)&arrive),
        .stack_top = (uintptr_t)other_stack + sizeof(other_stack),
    };

    return jump;
}

CAIRN_TEST(F19_live_a_jump_to_the_high_half_that_cannot_be)
{
    cairn_phys root = cairn_phys_make(insn_read_cr3());
    uint64_t frame = space_alloc(0);
    struct high_half_jump jump = make_jump();
    struct high_half_jump bad = jump;

    CHECK(high_half_refusal(root, 0x100000, &jump) == NULL);
    CHECK_TEXT(high_half_refusal(root, (uintptr_t)&make_jump, &jump),
               "it is there already");
    CHECK_PANIC(high_half_jump(&jump), "it is there already");
    CHECK_TEXT(high_half_refusal(cairn_phys_make(frame), 0x100000, &jump),
               "the root has nothing there");
    bad.entry = kernel_image_range().end.value;
    CHECK_TEXT(high_half_refusal(root, 0x100000, &bad),
               "its entry is not mapped as code");
    bad = jump;
    bad.stack_top += 8;
    CHECK_TEXT(high_half_refusal(root, 0x100000, &bad),
               "its stack is not mapped");
    bad.stack_top = kernel_virtual_base() - kernel.margin_below;
    CHECK_TEXT(high_half_refusal(root, 0x100000, &bad),
               "its stack is not mapped");
    space_free(frame);
}

/* Code at `low`: a call of high_half_jump. */
static void write_call(volatile uint8_t *at, const struct high_half_jump *jump)
{
    uint64_t words[2] = {(uintptr_t)jump, (uintptr_t)&high_half_jump};

    for (unsigned i = 0; i < 2; i++) {
        *at++ = 0x48; /* mov $..., %rdi; mov $..., %rax */
        *at++ = i == 0 ? 0xbf : 0xb8;
        for (unsigned byte = 0; byte < 8; byte++)
            *at++ = (uint8_t)(words[i] >> byte * 8);
    }
    *at++ = 0xff; /* call *%rax */
    *at++ = 0xd0;
}

CAIRN_TEST(F19_H6_live_the_jump_switches_stacks_and_does_not_return)
{
    struct high_half_jump jump = make_jump();
    uint64_t frame;

    space_start();
    frame = space_alloc(0);
    write_call(space_window(frame), &jump);
    space_map(space.user_base, frame, CAIRN_FRAME_SIZE, CAIRN_PAGE_EXEC);
    arrived_stack = 0;
    CHECK(probe_exec((uintptr_t)space.user_base, &fault));
    CHECK(jump.stack_top - arrived_stack <= 256);
    CHECK(arrived_stack < jump.stack_top);
    space_unmap(space.user_base, CAIRN_FRAME_SIZE);
    space_free(frame);
    space_end();
}

/* ---- What outlives the loader -------------------------------------------- */

static uint64_t sum;        /* of all entries, without accessed and dirty */
static unsigned table_seen; /* below slot 511 */

static void add_table(uint64_t phys, unsigned level)
{
    const volatile uint64_t *table =
        (const volatile uint64_t *)space_window(phys);
    struct cairn_frame_info info =
        cairn_frames_info(&kernel.frames, cairn_pfn_of(cairn_phys_make(phys)));

    CHECK_EQ(info.usage, CAIRN_FRAME_ALLOCATED);
    CHECK_EQ(info.owner, CAIRN_OWNER_TABLE);
    table_seen++;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t entry = table[i] & ~(uint64_t)0x60;

        sum = sum * 31 + entry;
        if (level > 1 && (entry & 1) != 0 && (entry & 0x80) == 0)
            add_table(entry & 0x000ffffffffff000, level - 1);
    }
}

static uint64_t sum_of_slot_511(void)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    unsigned count =
        cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                     cairn_va_make(kernel_virtual_base()), steps, &mapping);

    CHECK(count >= 2 && mapping.is_mapped);
    CHECK_EQ((steps[0].entry & 1), 1);
    sum = 0;
    table_seen = 0;
    add_table(steps[0].entry & 0x000ffffffffff000,
              cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 4 : 3);
    CHECK(table_seen >= 3);
    return sum;
}

#define FILLED 4096
static cairn_pfn filled[FILLED];

/* Everything that the loader had, and more, is written to. */
static void write_all_over(void)
{
    unsigned count = 0;

    while (count < FILLED &&
           cairn_frames_alloc(&kernel.frames, 0, CAIRN_FRAME_BELOW_4G,
                              CAIRN_OWNER_KERNEL, &filled[count]) == CAIRN_OK)
        count++;
    for (unsigned i = 0; i < count; i++)
        __builtin_memset((void *)space_window(cairn_phys_of(filled[i]).value),
                         0xcc, 4096);
    while (count-- > 0)
        CHECK_EQ(cairn_frames_free(&kernel.frames, filled[count]), CAIRN_OK);
}

CAIRN_TEST(F17_live_slot_511_outlives_the_boot_loaders_memory)
{
    uint64_t before;

    before = sum_of_slot_511();
    CHECK_EQ(cairn_frames_reclaim(&kernel.frames, &kernel.boot.map,
                                  CAIRN_MEMORY_LOADER, NULL, NULL),
             CAIRN_OK);
    CHECK_EQ(cairn_frames_reclaim(&kernel.frames, &kernel.boot.map,
                                  CAIRN_MEMORY_BOOT_SERVICES, NULL, NULL),
             CAIRN_OK);
    write_all_over();
    insn_write_cr3(insn_read_cr3());
    CHECK_EQ(sum_of_slot_511(), before);
}
