/*
 * paging_build.c - see paging_build.h.
 */
#include "paging_build.h"

#include "base/cpus.h"
#include "base/memory.h"

#define FRAMES_BASE (16 * CAIRN_MIB)

struct paging_build paging;

/* Where CPUs are when the other one ends. */
static struct cairn_pagetable home;
static unsigned home_frames;

static bool is_out[PAGING_FRAMES];
static unsigned out_count;
static unsigned next_frame;
static unsigned left_to_fail;

static enum cairn_status alloc(void *context, cairn_pfn *out)
{
    uint64_t phys;

    (void)context;
    if (left_to_fail == 0 || out_count == PAGING_FRAMES)
        return CAIRN_NO_MEMORY;
    if (left_to_fail != ~0u)
        left_to_fail--;
    while (is_out[next_frame])
        next_frame = (next_frame + 1) % PAGING_FRAMES;
    is_out[next_frame] = true;
    out_count++;
    phys = FRAMES_BASE + next_frame * CAIRN_FRAME_SIZE;
    *out = cairn_pfn_of(cairn_phys_make(phys));
    next_frame = (next_frame + 1) % PAGING_FRAMES;
    memset(sim_ram_at(phys, CAIRN_FRAME_SIZE), 0xa5, (size_t)CAIRN_FRAME_SIZE);
    return CAIRN_OK;
}

/* Nobody may come to what is given back: it could be anything next. */
static void release(void *context, cairn_pfn frame)
{
    uint64_t phys = cairn_phys_of(frame).value;
    uint64_t number = (phys - FRAMES_BASE) / CAIRN_FRAME_SIZE;
    struct sim_mmu_reach who;

    (void)context;
    CHECK(number < PAGING_FRAMES && is_out[number]);
    if (sim_mmu_can_use(phys, CAIRN_FRAME_SIZE, &who))
        test_fail(__FILE__, __LINE__,
                  "frame %#llx given back, but CPU %u reaches it (holder %u)",
                  (unsigned long long)phys, who.cpu, (unsigned)who.holder);
    /* What was in there is not to be trusted. */
    memset(sim_ram_at(phys, CAIRN_FRAME_SIZE), 0xa5, (size_t)CAIRN_FRAME_SIZE);
    is_out[number] = false;
    out_count--;
}

void paging_machine(enum cairn_paging_mode mode)
{
    static const struct {
        enum sim_mmu_mode mode;
        uint64_t base;
        unsigned pages;
    } modes[CAIRN_PAGING_MODES] = {
        /* 6 MiB around a border of the root's slots. */
        [CAIRN_PAGING_4LEVEL] = {SIM_MMU_4LEVEL, 0x7fffe00000, 1536},
        [CAIRN_PAGING_5LEVEL] = {SIM_MMU_5LEVEL, 0xffffffe00000, 1536},
        [CAIRN_PAGING_PAE] = {SIM_MMU_PAE, 0x3fe00000, 1536},
        /* 12 MiB. */
        [CAIRN_PAGING_32BIT] = {SIM_MMU_32BIT, 0x3fc00000, 3072},
        [CAIRN_PAGING_TOY] = {SIM_MMU_TOY, 0, 64},
    };
    struct sim_mmu_machine machine = {
        .mode = modes[mode].mode,
        .phys_bits = mode == CAIRN_PAGING_32BIT ? 40 : 46,
        .has_nx = mode != CAIRN_PAGING_32BIT,
        .has_1gib = true,
        .has_pse = true,
        .has_pse36 = true,
        .has_pge = true,
        .has_pcid = mode != CAIRN_PAGING_32BIT && mode != CAIRN_PAGING_PAE,
        .has_smep = true,
        .has_smap = true,
        .has_pat = true,
    };
    struct sim_mmu_control control;

    sim_set_window(NULL);
    sim_ram_reset();
    CHECK(sim_ram_add(FRAMES_BASE, PAGING_FRAMES * CAIRN_FRAME_SIZE));
    sim_mmu_reset(&machine, test_random());
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++) {
        sim_mmu_get_control(cpu, &control);
        control.pat = CAIRN_PAGING_PAT;
        control.smep = false;
        control.smap = false;
        CHECK(sim_mmu_set_control(cpu, &control));
    }
    memset(is_out, 0, sizeof(is_out));
    out_count = 0;
    left_to_fail = ~0u;
    paging.base = modes[mode].base;
    paging.page_count = modes[mode].pages;
    paging.config = (struct cairn_pagetable_config){
        .mode = mode,
        .features = {.phys_bits = machine.phys_bits,
                     .has_nx = machine.has_nx,
                     .has_1gib = true,
                     .has_pse = true,
                     .has_pse36 = true,
                     .has_global = true,
                     .has_pat = true},
        .source = {alloc, alloc, NULL},
        .release = release,
        .user_end = (uint64_t)1 << 56,
    };
}

void paging_start(enum cairn_paging_mode mode)
{
    paging_machine(mode);
    paging_start_configured();
}

void paging_start_configured(void)
{
    CHECK_EQ(cairn_pagetable_init(&home, &paging.config), CAIRN_OK);
    home_frames = out_count;
    CHECK_EQ(cairn_pagetable_init(&paging.table, &paging.config), CAIRN_OK);
    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
    cairn_pagetable_activate(&paging.table);
}

void paging_end(void)
{
    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++) {
        if (!cairn__cpus_has(&paging.table.cpus, cpu))
            continue;
        sim_set_cpu(cpu);
        cairn_pagetable_activate(&home);
    }
    sim_set_cpu(0);
    cairn_pagetable_destroy(&paging.table);
    CHECK_EQ(out_count, home_frames);
}

void paging_go_home(void)
{
    cairn_pagetable_activate(&home);
}

unsigned paging_frames_out(void)
{
    return out_count - home_frames;
}

void paging_fail_after(unsigned count)
{
    left_to_fail = count;
}

uint64_t paging_large(void)
{
    return cairn__span(paging.table.format, 2);
}

/* ---- A cursor each ------------------------------------------------------- */

enum cairn_status paging_map(uint64_t va, uint64_t phys, uint64_t bytes,
                             unsigned rights)
{
    const struct cairn_page_policy policy = {.rights = rights};
    struct cairn_cursor cursor;
    enum cairn_status status = cairn_cursor_begin(
        &cursor, &paging.table, cairn_va_make(va), bytes, CAIRN_INTENT_MAP);

    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_map(&cursor, cairn_phys_make(phys), bytes, &policy);
    cairn_cursor_end(&cursor);
    return status;
}

enum cairn_status paging_unmap(uint64_t va, uint64_t bytes)
{
    struct cairn_cursor cursor;
    enum cairn_status status = cairn_cursor_begin(
        &cursor, &paging.table, cairn_va_make(va), bytes, CAIRN_INTENT_CHANGE);

    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_unmap(&cursor, bytes);
    cairn_cursor_end(&cursor);
    return status;
}

enum cairn_status paging_protect(uint64_t va, uint64_t bytes, unsigned rights)
{
    struct cairn_cursor cursor;
    enum cairn_status status = cairn_cursor_begin(
        &cursor, &paging.table, cairn_va_make(va), bytes, CAIRN_INTENT_CHANGE);

    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_protect(&cursor, bytes, rights);
    cairn_cursor_end(&cursor);
    return status;
}

enum cairn_status paging_resize(uint64_t va, uint64_t page_bytes)
{
    struct cairn_cursor cursor;
    enum cairn_status status =
        cairn_cursor_begin(&cursor, &paging.table, cairn_va_make(va),
                           page_bytes, CAIRN_INTENT_MAP);

    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_resize(&cursor, page_bytes);
    cairn_cursor_end(&cursor);
    return status;
}

/* ---- Questions ----------------------------------------------------------- */

bool paging_look(uint64_t va, struct sim_mmu_view *view)
{
    return sim_mmu_look(cairn_pagetable_root(&paging.table).value, va, view);
}

void paging_expect(uint64_t va, uint64_t phys, uint64_t page_bytes)
{
    struct sim_mmu_view view;
    cairn_phys out;

    CHECK(paging_look(va, &view));
    CHECK_EQ(view.phys, phys);
    CHECK_EQ(view.bytes, page_bytes);
    CHECK(cairn_pagetable_translate(&paging.table, cairn_va_make(va), &out));
    CHECK_EQ(out.value, phys);
}

void paging_expect_hole(uint64_t va)
{
    struct sim_mmu_view view;
    cairn_phys out = {12345};

    CHECK(!paging_look(va, &view));
    CHECK(!cairn_pagetable_translate(&paging.table, cairn_va_make(va), &out));
    CHECK_EQ(out.value, 12345);
}

bool paging_can(unsigned cpu, uint64_t va, enum sim_mmu_kind kind)
{
    const struct sim_mmu_access access = {.va = va, .kind = kind, .ac = true};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    if (!result.is_ok)
        sim_mmu_access(cpu, &access, &result);
    return result.is_ok;
}

void paging_verify(void)
{
    uint64_t root = cairn_pagetable_root(&paging.table).value;
    char text[128];

    CHECK_EQ(cairn_pagetable_check(&paging.table), 0);
    if (sim_mmu_lint(root, text, sizeof(text)) != 0)
        test_fail(__FILE__, __LINE__, "lint: %s", text);
    CHECK_EQ(sim_mmu_count_tables(root), paging.table.table_count);
    CHECK_EQ(paging_frames_out(),
             paging.table.table_count + paging.table.aside_count);
}

enum cairn_cache paging_cache_of(unsigned memory_type)
{
    switch (memory_type) {
    case SIM_MMU_WB:
        return CAIRN_CACHE_WB;
    case SIM_MMU_WT:
        return CAIRN_CACHE_WT;
    case SIM_MMU_WC:
        return CAIRN_CACHE_WC;
    case SIM_MMU_UC_MINUS:
        return CAIRN_CACHE_UC_MINUS;
    default:
        return CAIRN_CACHE_UC;
    }
}
