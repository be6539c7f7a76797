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
    (void)context;
    if (left_to_fail == 0 || out_count == PAGING_FRAMES)
        return CAIRN_NO_MEMORY;
    if (left_to_fail != ~0u)
        left_to_fail--;
    while (is_out[next_frame])
        next_frame = (next_frame + 1) % PAGING_FRAMES;
    is_out[next_frame] = true;
    out_count++;
    *out = cairn_pfn_of(
        cairn_phys_make(FRAMES_BASE + next_frame * CAIRN_FRAME_SIZE));
    next_frame = (next_frame + 1) % PAGING_FRAMES;
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
    if (sim_mmu_can_reach(phys, CAIRN_FRAME_SIZE, &who))
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
        .has_smep = true,
        .has_smap = true,
        .has_pat = true,
    };
    struct sim_mmu_control control;

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
