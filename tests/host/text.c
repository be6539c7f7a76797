/*
 * text.c - code that is patched on the simulated machine: between any two steps
 * of the library, other CPUs run it, and try to write to it.
 */
#include "frames_data.h"
#include "paging_build.h"
#include <cairn/audit.h>
#include <cairn/text.h>
#include <string.h>

#define PAGE       CAIRN_FRAME_SIZE
#define LARGE      (2 * CAIRN_MIB)
#define DATA       (64 * CAIRN_MIB) /* of the frame allocator */
#define DATA_BYTES CAIRN_MIB
#define CODE       (96 * CAIRN_MIB) /* physical, two large pages */
#define CODE_BYTES (2 * LARGE)
#define SEEN       (128 * CAIRN_MIB) /* of physical memory, by the window */
#define PATCH      16                /* bytes, at most */

static struct cairn_frames frames;
static struct cairn_text text;
static uint64_t window;
static uint64_t code;        /* virtual */
static uint64_t data_frames; /* that are free */
static unsigned steps;

/* What is being patched. */
static uint64_t patch_at;
static size_t patch_count;
static uint8_t before[PATCH];
static uint8_t after[PATCH];

static uint64_t free_frames(void)
{
    return frames_data_free(&frames);
}

static void start_frames(void)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.cpu_count = 2;
    CHECK(sim_ram_add(CODE, CODE_BYTES));
    frames_data_start(&frames, DATA, DATA_BYTES, &config);
    data_frames = free_frames();
}

static void map_part(uint64_t va, uint64_t phys, uint64_t end, unsigned rights)
{
    CHECK_EQ(paging_map(va, phys, end - phys, rights), CAIRN_OK);
}

/* ---- What may never be --------------------------------------------------- */

static void audit(void)
{
    static struct cairn_mapping runs[64];
    const struct cairn_audit_config config = {
        .mode = paging.config.mode,
        .root = cairn_pagetable_root(&paging.table),
        .has_nx = paging.config.features.has_nx,
        .kernel_start = {UINT64_MAX},
        .storage = runs,
        .storage_count = 64,
    };
    struct cairn_audit_result result;

    CHECK_EQ(cairn_audit(&config, &result), 0);
    CHECK_EQ(result.is_reduced, !config.has_nx);
    CHECK(result.executable_bytes >= CODE_BYTES || !config.has_nx);
}

static bool try_access(unsigned cpu, uint64_t va, enum sim_mmu_kind kind,
                       uint64_t *phys)
{
    const struct sim_mmu_access access = {.va = va, .kind = kind, .ac = true};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    *phys = result.phys;
    return result.is_ok;
}

/* Each byte of the patch that is in the page: all old, or all new. */
static void check_page(const uint8_t *now, size_t first, size_t end)
{
    if (first < end)
        CHECK(memcmp(now + first, before + first, end - first) == 0 ||
              memcmp(now + first, after + first, end - first) == 0);
}

/*
 * On two CPUs: the code can be run, by what they have cached, and what they run
 * can be written by neither.
 */
static void watch(void)
{
    uint8_t now[PATCH];
    uint64_t here;
    uint64_t phys;
    size_t border = (size_t)(PAGE - (patch_at & (PAGE - 1)));

    sim_set_meanwhile(NULL);
    border = border < patch_count ? border : patch_count;
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        for (size_t i = 0; i < patch_count; i += patch_count - 1) {
            CHECK(try_access(cpu, patch_at + i, SIM_MMU_FETCH, &here));
            CHECK(!try_access(cpu, window + here, SIM_MMU_WRITE, &phys));
            CHECK(!try_access(1 - cpu, window + here, SIM_MMU_WRITE, &phys));
        }
        CHECK(sim_mmu_read(cpu, patch_at, now, patch_count, NULL));
        check_page(now, 0, border);
        check_page(now, border, patch_count);
    }
    sim_set_meanwhile(watch);
}

static void step(void *context)
{
    uint64_t phys;

    CHECK_EQ((uintptr_t)context, (uintptr_t)&steps);
    steps++;
    sim_set_meanwhile(NULL);
    audit();
    /* The fault makes a CPU forget, so it looks again before the next step. */
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        CHECK(!try_access(cpu, patch_at, SIM_MMU_WRITE, &phys));
        CHECK(try_access(cpu, patch_at, SIM_MMU_FETCH, &phys));
    }
    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
    sim_set_meanwhile(watch);
}

/* ---- Machines ------------------------------------------------------------ */

/* Code in pages of that size, in a window of pages of that size. */
static void start_on(enum cairn_paging_mode mode, uint64_t page_bytes,
                     bool has_nx)
{
    const bool is_long = mode != CAIRN_PAGING_PAE;

    window = mode == CAIRN_PAGING_5LEVEL ? 0xff00000000000000
             : is_long                   ? 0xffff800000000000
                                         : 0x80000000;
    code = is_long ? 0xffffffff80000000 : 0xc0000000;
    paging_machine(mode);
    start_frames();
    paging.config.user_end = is_long ? (uint64_t)1 << 47 : 0x80000000;
    paging.config.is_w_xor_x = true;
    paging.config.features.has_nx = has_nx;
    paging_start_configured();
    sim_set_cpu(1);
    cairn_pagetable_activate(&paging.table);
    sim_set_cpu(0);
    sim_mmu_set_adversary(30);
    map_part(window, 0, CODE, CAIRN_PAGE_WRITE);
    map_part(window + CODE, CODE, CODE + CODE_BYTES, 0);
    map_part(window + CODE + CODE_BYTES, CODE + CODE_BYTES, SEEN,
             CAIRN_PAGE_WRITE);
    map_part(code, CODE, CODE + CODE_BYTES, CAIRN_PAGE_EXEC);
    if (page_bytes == PAGE) {
        CHECK_EQ(paging_resize(code, PAGE), CAIRN_OK);
        CHECK_EQ(paging_resize(window + CODE, PAGE), CAIRN_OK);
        CHECK_EQ(paging_resize(window + DATA, PAGE), CAIRN_OK);
    }
    for (uint64_t at = 0; at < CODE_BYTES; at += PAGE)
        memset(sim_ram_at(CODE + at, PAGE), (int)(at / PAGE & 0xff), PAGE);
    text = (struct cairn_text){
        .table = &paging.table,
        .frames = &frames,
        .window = {window},
        .window_bytes = SEEN,
        .step = step,
        .context = &steps,
    };
    steps = 0;
    audit();
}

static void start(enum cairn_paging_mode mode, uint64_t page_bytes)
{
    start_on(mode, page_bytes, true);
}

static void end(void)
{
    sim_set_meanwhile(NULL);
    paging_fail_after(~0u);
    audit();
    CHECK_EQ(free_frames(), data_frames);
    paging_verify();
    paging_end();
}

static enum cairn_status patch(uint64_t at, size_t count)
{
    enum cairn_status status;

    patch_at = at;
    patch_count = count;
    for (size_t i = 0; i < count; i++) {
        before[i] = *(uint8_t *)sim_ram_at(CODE + (at - code) + i, 1);
        after[i] = (uint8_t)(0xa0 + i);
    }
    sim_set_meanwhile(watch);
    status = cairn_text_patch(&text, cairn_va_make(at), after, count);
    sim_set_meanwhile(NULL);
    return status;
}

/* The frames of the code have the bytes, and they are where they were. */
static void expect(uint64_t page_bytes)
{
    uint64_t phys = CODE + (patch_at - code);

    for (size_t i = 0; i < patch_count; i++)
        CHECK_EQ(*(uint8_t *)sim_ram_at(phys + i, 1), after[i]);
    for (uint64_t at = 0; at < CODE_BYTES; at += LARGE / 2) {
        paging_expect(code + at, CODE + at,
                      at < LARGE || page_bytes == LARGE ? page_bytes : LARGE);
        paging_expect(window + CODE + at, CODE + at,
                      at < LARGE || page_bytes == LARGE ? page_bytes : LARGE);
    }
}

/* ---- Tests --------------------------------------------------------------- */

CAIRN_TEST(J1_J2_code_is_patched_and_never_writable)
{
    static const enum cairn_paging_mode modes[] = {
        CAIRN_PAGING_4LEVEL, CAIRN_PAGING_5LEVEL, CAIRN_PAGING_PAE};

    for (unsigned i = 0; i < 3; i++) {
        start(modes[i], PAGE);
        CHECK_EQ(patch(code + 3 * PAGE + 5, 7), CAIRN_OK);
        CHECK_EQ(steps, 6);
        expect(PAGE);
        end();
    }
}

CAIRN_TEST(J1_J2_code_in_large_pages_is_patched)
{
    size_t tables;

    start(CAIRN_PAGING_4LEVEL, LARGE);
    tables = paging.table.table_count;
    CHECK_EQ(patch(code + 100 * PAGE + 1, 16), CAIRN_OK);
    CHECK_EQ(steps, 6);
    expect(LARGE);
    CHECK_EQ(paging.table.table_count, tables);
    paging_expect(window + DATA, DATA, LARGE);
    end();
}

/* There an alias looks executable, which must not be asked for. */
CAIRN_TEST(J2_code_is_patched_without_NX)
{
    start_on(CAIRN_PAGING_4LEVEL, PAGE, false);
    CHECK_EQ(patch(code + 3 * PAGE + 5, 7), CAIRN_OK);
    CHECK_EQ(steps, 6);
    expect(PAGE);
    end();
}

/* In one large page, and from one into the next. */
CAIRN_TEST(J1_J2_code_across_pages_is_patched)
{
    start(CAIRN_PAGING_4LEVEL, LARGE);
    CHECK_EQ(patch(code + 2 * PAGE - 3, 8), CAIRN_OK);
    CHECK_EQ(steps, 12);
    expect(LARGE);
    CHECK_EQ(patch(code + LARGE - 7, 8), CAIRN_OK);
    CHECK_EQ(steps, 24);
    expect(LARGE);
    CHECK_EQ(patch(code, 2), CAIRN_OK);
    CHECK_EQ(patch(code + CODE_BYTES - 2, 2), CAIRN_OK);
    expect(LARGE);
    end();
}

/* No window: there is no alias to be closed. */
CAIRN_TEST(J2_code_is_patched_without_a_window)
{
    start(CAIRN_PAGING_4LEVEL, LARGE);
    CHECK_EQ(paging_unmap(window, SEEN), CAIRN_OK);
    CHECK_EQ(patch(code + 7, 9), CAIRN_OK);
    text.window_bytes = 0;
    CHECK_EQ(patch(code + 70, 9), CAIRN_OK);
    CHECK_EQ(steps, 12);
    end();
}

/* Whichever table is missing, and the frame: nothing has changed. */
CAIRN_TEST(J2_whichever_frame_of_a_patch_is_missing)
{
    enum cairn_status status = CAIRN_NO_MEMORY;
    unsigned left = 0;
    cairn_pfn all[DATA_BYTES >> CAIRN_FRAME_SHIFT];
    unsigned count = 0;

    for (; status != CAIRN_OK; left++) {
        start(CAIRN_PAGING_4LEVEL, LARGE);
        paging_fail_after(left);
        status = patch(code + LARGE - 3, 6);
        paging_fail_after(~0u);
        CHECK_EQ(steps, status == CAIRN_OK ? 12 : 0);
        if (status != CAIRN_OK) {
            CHECK_EQ(status, CAIRN_NO_MEMORY);
            memcpy(after, before, sizeof(after));
        }
        expect(LARGE);
        end();
    }
    CHECK(left > 4); /* of two pages, of their aliases, of the spare's */
    start(CAIRN_PAGING_4LEVEL, LARGE);
    while (cairn_frames_alloc(&frames, 0, 0, CAIRN_OWNER_USER, &all[count]) ==
           CAIRN_OK)
        count++;
    CHECK_EQ(patch(code, 4), CAIRN_NO_MEMORY);
    CHECK_EQ(*(uint8_t *)sim_ram_at(CODE, 1), 0);
    while (count > 0)
        CHECK_EQ(cairn_frames_free(&frames, all[--count]), CAIRN_OK);
    end();
}

static enum cairn_status try_patch(uint64_t at, size_t count)
{
    static uint8_t bytes[2 * PAGE];

    return cairn_text_patch(&text, cairn_va_make(at), bytes, count);
}

CAIRN_TEST(J1_J2_what_is_no_code_is_not_patched)
{
    start(CAIRN_PAGING_4LEVEL, PAGE);
    CHECK_EQ(try_patch(window + DATA, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(try_patch(window + CODE, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(try_patch(code - 1, 1), CAIRN_NOT_FOUND);
    CHECK_EQ(try_patch(code + CODE_BYTES - 1, 2), CAIRN_NOT_FOUND);
    CHECK_EQ(try_patch(0x0000800000000000, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(try_patch(UINT64_MAX, 2), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(try_patch(code, CAIRN_TEXT_PATCH_MAX + 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(try_patch(0, 0), CAIRN_OK);
    CHECK_EQ(steps, 0);
    /* Somebody has left the alias open. */
    CHECK_EQ(paging_protect(window + CODE, PAGE, CAIRN_PAGE_WRITE), CAIRN_OK);
    CHECK_EQ(try_patch(code, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(try_patch(code + PAGE - 1, 1), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_protect(window + CODE, PAGE, 0), CAIRN_OK);
    CHECK_EQ(steps, 0);
    patch_at = code;
    patch_count = 2;
    memset(after, 0, sizeof(after));
    CHECK_EQ(try_patch(code, CAIRN_TEXT_PATCH_MAX), CAIRN_OK);
    CHECK_EQ(steps, 6);
    end();
}

/* ---- Exchange ------------------------------------------------------------ */

static struct cairn_mapping told;

static void tell(void *context, const struct cairn_mapping *mapping)
{
    (void)context;
    told = *mapping;
    CHECK(!sim_mmu_can_use(mapping->phys.value, PAGE, NULL));
}

static enum cairn_status exchange(uint64_t va, uint64_t frame,
                                  enum cairn_intent intent)
{
    struct cairn_cursor cursor;
    enum cairn_status status;

    CHECK_EQ(cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va), PAGE,
                                intent),
             CAIRN_OK);
    cursor.removed = tell;
    status = cairn_cursor_exchange(&cursor, cairn_pfn_make(frame));
    CHECK_EQ(cursor.left, status == CAIRN_OK ? 0 : PAGE);
    cairn_cursor_end(&cursor);
    return status;
}

static uint64_t exchanged;

/* Something is there at any moment, for both. */
static void touch(void)
{
    sim_set_meanwhile(NULL);
    CHECK(paging_can(0, exchanged, SIM_MMU_READ));
    CHECK(paging_can(1, exchanged, SIM_MMU_READ));
    sim_set_meanwhile(touch);
}

CAIRN_TEST(D10_D15_a_page_becomes_another_frame_at_once)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        struct sim_mmu_view view;

        paging_start((enum cairn_paging_mode)mode);
        sim_set_cpu(1);
        cairn_pagetable_activate(&paging.table);
        sim_set_cpu(0);
        exchanged = paging.base + PAGE;
        CHECK_EQ(paging_map(exchanged, 0x5000000, PAGE, CAIRN_PAGE_WRITE),
                 CAIRN_OK);
        CHECK(paging_can(1, exchanged, SIM_MMU_WRITE));
        sim_set_meanwhile(touch);
        CHECK_EQ(exchange(exchanged, 0x6000, CAIRN_INTENT_CHANGE), CAIRN_OK);
        sim_set_meanwhile(NULL);
        CHECK_EQ(told.phys.value, 0x5000000);
        CHECK(told.is_dirty);
        paging_expect(exchanged, 0x6000000, PAGE);
        CHECK(paging_look(exchanged, &view));
        CHECK(view.writable);
        CHECK_EQ(exchange(exchanged, 0x7000, CAIRN_INTENT_LOOK),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(exchange(exchanged, (uint64_t)1 << 34, CAIRN_INTENT_CHANGE),
                 CAIRN_BAD_ARGUMENT);
        CHECK_EQ(exchange(exchanged + PAGE, 0x7000, CAIRN_INTENT_CHANGE),
                 CAIRN_NOT_FOUND);
        paging_expect(exchanged, 0x6000000, PAGE);
        paging_verify();
        paging_end();
    }
}

CAIRN_TEST(D11_a_large_page_is_not_exchanged)
{
    start(CAIRN_PAGING_4LEVEL, LARGE);
    CHECK_EQ(exchange(code + PAGE, 0x7000, CAIRN_INTENT_MAP),
             CAIRN_BAD_ARGUMENT);
    paging_expect(code + PAGE, CODE + PAGE, LARGE);
    end();
}
