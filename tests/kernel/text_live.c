/*
 * text_live.c - code of the running kernel is patched, and the tables are clean
 * at every step.
 */
#include "audit.h"
#include "kernel/space.h"
#include <cairn/text.h>

#define PAGE CAIRN_FRAME_SIZE

/* Three functions: in a page, across the end of it, and one for the way. */
__asm__(".pushsection .text.patched, \"ax\", @progbits\n"
        ".balign 4096\n"
        "patched_whole: movl $0x11111111, %eax\n" /* b8, then the number */
        "ret\n"
        ".fill 4091 - (. - patched_whole), 1, 0x90\n"
        "patched_across: movl $0x22222222, %eax\n" /* 4091: ends at 4096 */
        "nop\n"
        "movl $0x33333333, %edx\n"
        "addl %edx, %eax\n"
        "ret\n"
        ".balign 4096, 0xcc\n"
        ".popsection\n");

extern unsigned patched_whole(void) __attribute__((visibility("hidden")));
extern unsigned patched_across(void) __attribute__((visibility("hidden")));

static unsigned steps;
static unsigned expected; /* what patched_whole returns, from some step on */
static bool has_changed;

static void audit(void)
{
    struct cairn_audit_config config;
    struct cairn_audit_result result;

    audit_configure(&config);
    CHECK_EQ(cairn_audit(&config, &result), 0);
    CHECK_EQ(result.is_reduced, !space_has_nx());
}

/* Code runs, old or new, but not old again. */
static void step(void *context)
{
    unsigned now = patched_whole();

    (void)context;
    steps++;
    CHECK(now == expected || !has_changed);
    has_changed = now == expected;
    CHECK_EQ(cairn_pagetable_check(&kernel.table), 0);
    audit();
}

static enum cairn_status patch(uint64_t va, const void *bytes, size_t count)
{
    const struct cairn_text text = {
        .table = &kernel.table,
        .frames = &kernel.frames,
        .window = {kernel.window.base},
        .window_bytes = kernel.window.limit,
        .step = step,
    };

    steps = 0;
    has_changed = false;
    return cairn_text_patch(&text, cairn_va_make(va), bytes, count);
}

static void set_whole(uint32_t value)
{
    expected = value;
    CHECK_EQ(patch((uintptr_t)patched_whole + 1, &value, sizeof(value)),
             CAIRN_OK);
    CHECK(has_changed);
    CHECK_EQ(steps, 6);
    CHECK_EQ(patched_whole(), value);
}

CAIRN_TEST(J1_J2_live_code_is_patched_and_never_writable)
{
    uint64_t va = (uintptr_t)patched_whole;
    struct cairn_mapping former = {.is_mapped = false};
    struct cairn_mapping now;
    struct probe_fault fault;
    uint64_t before;
    uint64_t frames;

    CHECK_EQ(va & (PAGE - 1), 0);
    CHECK(cairn_map_look(&kernel.table, cairn_va_make(va), &former));
    before = patched_whole();
    CHECK_EQ(before, 0x11111111);
    set_whole(0x12345678);
    set_whole(0x11111111);
    frames = space_frames_free();
    set_whole(0x55aa55aa);
    set_whole(0x11111111);
    CHECK_EQ(space_frames_free(), frames);
    /* All is where it was, and closed. */
    CHECK(cairn_map_look(&kernel.table, cairn_va_make(va), &now));
    CHECK_EQ(now.phys.value, former.phys.value);
    CHECK_EQ(now.rights, CAIRN_PAGE_EXEC | CAIRN_PAGE_GLOBAL);
    CHECK(!probe_write((uintptr_t)va, 0x90, &fault));
    CHECK(!probe_write((uintptr_t)space_window(now.phys.value), 0x90, &fault));
    CHECK_EQ(patched_whole(), 0x11111111);
    audit();
}

CAIRN_TEST(J2_live_code_across_pages_is_patched)
{
    uint64_t va = (uintptr_t)patched_across;
    const uint8_t new_bytes[] = {1, 0, 0, 0, 0x90, 0xba, 2, 0, 0, 0};
    uint8_t old_bytes[sizeof(new_bytes)];

    for (unsigned i = 0; i < sizeof(old_bytes); i++)
        old_bytes[i] = *(volatile const uint8_t *)(uintptr_t)(va + 1 + i);
    expected = 0x11111111;
    CHECK_EQ(patched_across(), 0x55555555);
    CHECK_EQ(patch(va + 1, new_bytes, sizeof(new_bytes)), CAIRN_OK);
    CHECK_EQ(steps, 12);
    CHECK_EQ(patched_across(), 3);
    CHECK_EQ(patch(va + 1, old_bytes, sizeof(old_bytes)), CAIRN_OK);
    CHECK_EQ(patched_across(), 0x55555555);
    audit();
}

CAIRN_TEST(J2_live_data_is_no_code)
{
    static uint8_t data[4];

    CHECK_EQ(patch((uintptr_t)data, data, 1), CAIRN_BAD_ARGUMENT);
    if (!space_has_nx())
        return; /* and constants are code */
    CHECK_EQ(patch((uintptr_t)kernel_text_end, data, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(patch((uintptr_t)space_window(kernel_image_range().start.value),
                   data, 1),
             CAIRN_BAD_ARGUMENT);
    CHECK_EQ(steps, 0);
}
