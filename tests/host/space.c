/*
 * space.c - address spaces on the simulated machine: what CPUs in them see, in
 * all formats, and what is left of them.
 */
#include "frames_data.h"
#include "paging_build.h"

#include "base/cpus.h"
#include <cairn/space.h>
#include <string.h>

#define PAGE       CAIRN_FRAME_SIZE
#define DATA       (64 * CAIRN_MIB)
#define DATA_BYTES CAIRN_MIB
#define SPACES     3

static struct cairn_frames frames;
static struct cairn_space kernel;
static struct cairn_space_root root;
static struct cairn_space spaces[SPACES];
static struct cairn_space_config config;
static struct cairn_span used[2];
static uint64_t data_frames;
static uint64_t half;  /* where the kernel's begins */
static uint64_t user;  /* an address for users */
static uint64_t there; /* one for the kernel, in a slot that is empty */

static const struct cairn_page_policy writable = {.rights = CAIRN_PAGE_WRITE};

static uint64_t free_frames(void)
{
    return frames_data_free(&frames);
}

static void start_frames(void)
{
    struct cairn_frames_config frames_config = cairn_frames_config_default();

    frames_config.cpu_count = SIM_CPUS;
    frames_data_start(&frames, DATA, DATA_BYTES, &frames_config);
    data_frames = free_frames();
}

/* A machine and a page table, and what is to become the kernel's space. */
static void prepare(enum cairn_paging_mode mode)
{
    static const uint64_t starts[CAIRN_PAGING_MODES] = {
        [CAIRN_PAGING_4LEVEL] = 0xffff800000000000,
        [CAIRN_PAGING_5LEVEL] = 0xff00000000000000,
        [CAIRN_PAGING_PAE] = 0x80000000,
        [CAIRN_PAGING_32BIT] = 0xe0000000,
        [CAIRN_PAGING_TOY] = 0x20000,
    };
    static const uint64_t ends[CAIRN_PAGING_MODES] = {
        0, 0, (uint64_t)1 << 32, (uint64_t)1 << 32, 0x40000};
    bool is_signed = mode <= CAIRN_PAGING_5LEVEL;
    uint64_t bytes;

    paging_machine(mode);
    start_frames();
    half = starts[mode];
    bytes = ends[mode] - half;
    user = mode == CAIRN_PAGING_TOY ? 0x4000 : 0x400000;
    there = half + bytes - (mode == CAIRN_PAGING_TOY ? 2 : 512) * PAGE;
    paging.config.user_end = is_signed ? bytes : half;
    paging_start_configured();
    used[0] = cairn_span_make(half, 3 * PAGE - 1);
    used[1] = cairn_span_make(half + bytes - PAGE, PAGE);
    config = (struct cairn_space_config){
        .table = &paging.table,
        .frames = &frames,
        .half = cairn_span_make(half, bytes),
        .user = cairn_span_make(PAGE, paging.config.user_end - PAGE),
        .used = used,
        .used_count = 2,
        .window_base = 0x1234000,
    };
}

static void create(unsigned i)
{
    CHECK_EQ(cairn_space_create(&spaces[i], &kernel), CAIRN_OK);
    CHECK_EQ(cairn_pagetable_check(spaces[i].table), 0);
}

static void start(enum cairn_paging_mode mode)
{
    prepare(mode);
    sim_mmu_set_adversary(50);
    CHECK_EQ(cairn_space_init(&kernel, &config, &root), CAIRN_OK);
    create(0);
    create(1);
}

/* That CPU is in that space from now on. */
static void enter(unsigned cpu, struct cairn_space *space)
{
    sim_set_cpu(cpu);
    cairn_space_activate(space);
    sim_set_cpu(0);
}

static void end(void)
{
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
        enter(cpu, &kernel);
    for (unsigned i = 0; i < 2; i++)
        CHECK_EQ(cairn_space_destroy(&spaces[i], NULL, NULL), CAIRN_OK);
    CHECK_EQ(cairn_space_destroy(&kernel, NULL, NULL), CAIRN_OK);
    CHECK_EQ(free_frames(), data_frames);
    paging_verify();
    paging_end();
}

static void map_page(struct cairn_space *space, uint64_t va, uint64_t phys,
                     unsigned rights)
{
    const struct cairn_page_policy policy = {.rights =
                                                 rights | CAIRN_PAGE_WRITE};

    CHECK_EQ(cairn_map_page(space->table, cairn_va_make(va),
                            cairn_phys_make(phys), &policy),
             CAIRN_OK);
}

/* What that CPU sees there; 0: nothing. */
static uint64_t seen(unsigned cpu, uint64_t va)
{
    const struct sim_mmu_access access = {
        .va = va, .kind = SIM_MMU_WRITE, .ac = true};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    if (!result.is_ok)
        sim_mmu_access(cpu, &access, &result);
    return result.is_ok ? result.phys : 0;
}

/* ---- What CPUs see ------------------------------------------------------- */

CAIRN_TEST(F16_K4_every_cpu_loads_what_init_returns)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        start((enum cairn_paging_mode)mode);
        CHECK_EQ(root.root.value, cairn_pagetable_root(&paging.table).value);
        CHECK_EQ(root.flags, 0);
        CHECK_EQ(kernel.window_base, 0x1234000);
        CHECK_EQ(spaces[0].window_base, 0x1234000);
        map_page(&kernel, there, 0x5000000, CAIRN_PAGE_GLOBAL);
        for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++) {
            CHECK(sim_mmu_load_root(cpu, root.root.value | root.flags));
            CHECK_EQ(seen(cpu, there + 8), 0x5000008);
            enter(cpu, &kernel);
        }
        CHECK_EQ(cairn_unmap_page(&paging.table, cairn_va_make(there), NULL),
                 CAIRN_OK);
        CHECK(!sim_mmu_can_reach(0x5000000, PAGE, NULL));
        for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
            CHECK_EQ(seen(cpu, there), 0);
        end();
    }
}

CAIRN_TEST(F20_K4_what_the_kernel_maps_later_is_in_all_spaces)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        start((enum cairn_paging_mode)mode);
        enter(1, &spaces[0]);
        enter(2, &spaces[1]);
        for (unsigned i = 0; i < 3; i++) {
            uint64_t va = i == 1 ? half + 4 * PAGE : there;

            /* Through the kernel's, and through another one. */
            map_page(i == 2 ? &spaces[0] : &kernel, va, 0x5000000, 0);
            for (unsigned cpu = 1; cpu < 3; cpu++)
                CHECK_EQ(seen(cpu, va), 0x5000000);
            CHECK_EQ(cairn_unmap_page(&paging.table, cairn_va_make(va), NULL),
                     CAIRN_OK);
            CHECK(!sim_mmu_can_reach(0x5000000, PAGE, NULL));
        }
        end();
    }
}

CAIRN_TEST(F20_the_same_address_is_another_frame_in_each_space)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        start((enum cairn_paging_mode)mode);
        map_page(&spaces[0], user, 0x5000000, CAIRN_PAGE_USER);
        map_page(&spaces[1], user, 0x6000000, CAIRN_PAGE_USER);
        for (unsigned round = 0; round < 4; round++) {
            enter(1, &spaces[round & 1]);
            enter(2, &spaces[~round & 1]);
            CHECK_EQ(seen(1, user), (round & 1) != 0 ? 0x6000000 : 0x5000000);
            CHECK_EQ(seen(2, user), (round & 1) != 0 ? 0x5000000 : 0x6000000);
            CHECK_EQ(seen(0, user), 0);
        }
        /* The kernel's half is as it was. */
        CHECK_EQ(cairn_unmap_page(spaces[0].table, cairn_va_make(user), NULL),
                 CAIRN_OK);
        CHECK(!sim_mmu_can_reach(0x5000000, PAGE, NULL));
        CHECK_EQ(cairn_pagetable_check(spaces[0].table), 0);
        CHECK_EQ(cairn_pagetable_check(spaces[1].table), 0);
        end();
    }
}

/* ---- Sets ---------------------------------------------------------------- */

CAIRN_TEST(F11_F16_the_set_begins_with_what_is_in_use)
{
    struct cairn_area_info info;
    struct cairn_areas_stats stats;
    struct cairn_area *area;

    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        start((enum cairn_paging_mode)mode);
        CHECK(cairn_areas_find(&kernel.areas, cairn_va_make(half), &info));
        CHECK_EQ(info.bytes, 3 * PAGE);
        cairn_areas_stats(&kernel.areas, &stats);
        CHECK_EQ(stats.reserved_ranges, 2);
        CHECK_EQ(stats.used_bytes, 4 * PAGE);
        CHECK_EQ(cairn_area_alloc_pages(&kernel.areas, 1, PAGE, "", &area),
                 CAIRN_OK);
        CHECK_EQ(area->start.value, half + 3 * PAGE);
        CHECK_EQ(cairn_space_destroy(&spaces[1], NULL, NULL), CAIRN_OK);
        CHECK_EQ(cairn_space_destroy(&spaces[0], NULL, NULL), CAIRN_OK);
        CHECK_EQ(cairn_space_destroy(&kernel, NULL, NULL), CAIRN_IN_USE);
        create(0);
        create(1);
        CHECK_EQ(cairn_area_free(area, NULL, NULL), CAIRN_OK);
        CHECK_EQ(cairn_areas_check(&kernel.areas), 0);
        end();
    }
}

/* ---- The end ------------------------------------------------------------- */

static uint64_t told_bytes;

static void tell(void *context, const struct cairn_mapping *mapping)
{
    CHECK_EQ((uintptr_t)context, (uintptr_t)&told_bytes);
    CHECK_EQ(mapping->phys.value, 0x7000000);
    told_bytes += mapping->bytes;
}

static struct cairn_area *alloc(struct cairn_space *space, uint64_t pages,
                                enum cairn_area_kind kind)
{
    const struct cairn_area_request request = {
        .bytes = pages * PAGE,
        .kind = kind,
        .rights = CAIRN_PAGE_WRITE | CAIRN_PAGE_USER,
        .owner = CAIRN_OWNER_USER,
        .flags = CAIRN_AREA_WITH_GUARDS,
    };
    struct cairn_area *area;

    CHECK_EQ(cairn_area_alloc(&space->areas, &request, &area), CAIRN_OK);
    return area;
}

/* One of each kind. */
static void fill(struct cairn_space *space)
{
    struct cairn_area *lazy = alloc(space, 5, CAIRN_AREA_LAZY);
    struct cairn_area *backed = alloc(space, 6, CAIRN_AREA_HEAP);
    struct cairn_area *pages = alloc(space, 2, CAIRN_AREA_PAGES);
    struct cairn_area *handle;
    uint64_t last = space->user.start.value + space->user.bytes - PAGE;

    CHECK_EQ(cairn_area_fault(&space->areas, lazy->start, CAIRN_PAGE_WRITE),
             CAIRN_OK);
    CHECK_EQ(cairn_area_back(backed, 0), CAIRN_OK);
    CHECK_EQ(cairn_area_map(pages, 1, cairn_pfn_make(0x7000), &writable),
             CAIRN_OK);
    CHECK_EQ(cairn_areas_reserve(&space->areas, cairn_span_make(last, PAGE)),
             CAIRN_OK);
    CHECK_EQ(cairn_area_adopt(&space->areas, cairn_span_make(last, PAGE), PAGE,
                              "handle", &handle),
             CAIRN_OK);
    CHECK_EQ(cairn_area_map(handle, 0, cairn_pfn_make(0x8000), &writable),
             CAIRN_OK);
}

CAIRN_TEST(F20_destroy_gives_everything_back)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        uint64_t before_frames;
        unsigned before_tables;

        start((enum cairn_paging_mode)mode);
        before_frames = free_frames();
        before_tables = paging_frames_out();
        create(2);
        fill(&spaces[2]);
        enter(1, &spaces[2]);
        CHECK_EQ(free_frames(), before_frames - 7);
        told_bytes = 0;
        CHECK_EQ(cairn_space_destroy(&spaces[2], tell, &told_bytes),
                 CAIRN_IN_USE);
        CHECK_EQ(told_bytes, 0);
        CHECK_EQ(free_frames(), before_frames - 7);
        enter(1, &kernel);
        CHECK_EQ(cairn_space_destroy(&spaces[2], tell, &told_bytes), CAIRN_OK);
        CHECK_EQ(told_bytes, PAGE);
        CHECK_EQ(free_frames(), before_frames);
        CHECK_EQ(paging_frames_out(), before_tables);
        end();
    }
}

CAIRN_TEST(F20_the_kernels_space_goes_last)
{
    start(CAIRN_PAGING_4LEVEL);
    CHECK_EQ(cairn_space_destroy(&kernel, NULL, NULL), CAIRN_IN_USE);
    CHECK_EQ(cairn_space_create(&spaces[2], &spaces[1]), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(cairn_areas_check(&kernel.areas), 0);
    end();
}

CAIRN_TEST(F16_what_is_no_half_is_refused)
{
    struct cairn_space_root unused = {{1}, 1};

    prepare(CAIRN_PAGING_4LEVEL);
    config.used_count = 0;
    config.half = cairn_span_make(0, (uint64_t)1 << 39);
    CHECK_EQ(cairn_space_init(&kernel, &config, &unused), CAIRN_BAD_ARGUMENT);
    config.half = cairn_span_make(half, PAGE);
    CHECK_EQ(cairn_space_init(&kernel, &config, &unused), CAIRN_BAD_ARGUMENT);
    config.half = cairn_span_make(half, 0);
    CHECK_EQ(cairn_space_init(&kernel, &config, &unused), CAIRN_BAD_ARGUMENT);
    config.half = cairn_span_make(half, (uint64_t)1 << 39);
    config.used_count = 2; /* one of which lies elsewhere */
    CHECK_EQ(cairn_space_init(&kernel, &config, &unused), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(unused.root.value, 1);
    CHECK_EQ(paging.table.table_count, 1);
    paging_verify();
    paging_end();
}

CAIRN_TEST(F20_no_space_without_room_for_users)
{
    unsigned out;

    start(CAIRN_PAGING_4LEVEL);
    out = paging_frames_out();
    kernel.user = cairn_span_make(PAGE, 0);
    CHECK_EQ(cairn_space_create(&spaces[2], &kernel), CAIRN_BAD_ARGUMENT);
    CHECK_EQ(paging_frames_out(), out);
    end();
}

/* ---- Memory runs out ----------------------------------------------------- */

CAIRN_TEST(F16_whichever_frame_of_the_kernels_space_is_missing)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        enum cairn_status status = CAIRN_NO_MEMORY;

        prepare((enum cairn_paging_mode)mode);
        for (unsigned left = 0; status != CAIRN_OK; left++) {
            paging_fail_after(left);
            status = cairn_space_init(&kernel, &config, &root);
            CHECK(status == CAIRN_OK || status == CAIRN_NO_MEMORY);
            /* Only tables stay. */
            if (status != CAIRN_OK)
                paging_verify();
            left = left > 20 ? left * 2 : left;
        }
        paging_fail_after(~0u);
        create(0);
        create(1);
        end();
    }
}

CAIRN_TEST(F20_whichever_frame_of_a_space_is_missing)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_MODES; mode++) {
        enum cairn_status status = CAIRN_NO_MEMORY;
        unsigned out;
        unsigned left = 0;

        start((enum cairn_paging_mode)mode);
        out = paging_frames_out();
        for (; status != CAIRN_OK; left++) {
            paging_fail_after(left);
            status = cairn_space_create(&spaces[2], &kernel);
            paging_fail_after(~0u);
            if (status != CAIRN_OK) {
                CHECK_EQ(status, CAIRN_NO_MEMORY);
                CHECK_EQ(paging_frames_out(), out);
                CHECK_EQ(paging.table.sharer_count, 2);
            }
        }
        CHECK(left > 2);
        CHECK_EQ(cairn_space_destroy(&spaces[2], NULL, NULL), CAIRN_OK);
        CHECK_EQ(paging_frames_out(), out);
        end();
    }
}

/* ---- Against a model ----------------------------------------------------- */

#define PAGES 6

/* Frames that are mapped, of the kernel and of each space; 0: none. */
static struct {
    uint64_t of_kernel[PAGES];
    uint64_t of_user[SPACES][PAGES];
    bool exists[SPACES];
    unsigned where[SIM_CPUS]; /* a space; SPACES: the kernel's */
} model;

static uint64_t next_frame;

/* Map or unmap a page; through any space, if it is the kernel's. */
static void change(struct cairn_space *space, uint64_t va, uint64_t *frame)
{
    if (*frame == 0) {
        *frame = next_frame += PAGE;
        map_page(space, va, *frame, 0);
        return;
    }
    CHECK_EQ(cairn_unmap_page(space->table, cairn_va_make(va), NULL), CAIRN_OK);
    CHECK(!sim_mmu_can_use(*frame, PAGE, NULL));
    *frame = 0;
}

/* All CPUs leave it, and it goes; or it comes. */
static void turn(unsigned i)
{
    model.exists[i] = !model.exists[i];
    if (model.exists[i]) {
        memset(model.of_user[i], 0, sizeof(model.of_user[i]));
        create(i);
        return;
    }
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++) {
        if (model.where[cpu] == i) {
            enter(cpu, &kernel);
            model.where[cpu] = SPACES;
        }
    }
    CHECK_EQ(cairn_space_destroy(&spaces[i], NULL, NULL), CAIRN_OK);
}

static void act(void)
{
    unsigned i = (unsigned)test_random_below(SPACES);
    unsigned page = (unsigned)test_random_below(PAGES);
    unsigned cpu = (unsigned)test_random_below(SIM_CPUS);
    struct cairn_space *space = model.exists[i] ? &spaces[i] : &kernel;

    switch (test_random_below(8)) {
    case 0:
        turn(i);
        return;
    case 1:
    case 2:
        enter(cpu, space);
        model.where[cpu] = model.exists[i] ? i : SPACES;
        return;
    case 3:
    case 4:
        change(space, there + page * PAGE, &model.of_kernel[page]);
        return;
    default:
        if (model.exists[i])
            change(space, user + page * PAGE, &model.of_user[i][page]);
    }
}

static void compare(void)
{
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++) {
        unsigned where = model.where[cpu];
        unsigned page = (unsigned)test_random_below(PAGES);

        CHECK_EQ(seen(cpu, there + page * PAGE), model.of_kernel[page]);
        CHECK_EQ(seen(cpu, user + page * PAGE),
                 where == SPACES ? 0 : model.of_user[where][page]);
    }
}

CAIRN_TEST(F20_K4_random_spaces)
{
    for (unsigned mode = 0; mode < CAIRN_PAGING_TOY; mode++) {
        start((enum cairn_paging_mode)mode);
        memset(&model, 0, sizeof(model));
        next_frame = 0x5000000;
        model.exists[0] = model.exists[1] = true;
        for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++) {
            enter(cpu, &kernel);
            model.where[cpu] = SPACES;
        }
        for (uint64_t i = test_rounds(400); i > 0; i--) {
            act();
            compare();
        }
        for (unsigned i = 0; i < SPACES; i++) {
            if (model.exists[i] != (i < 2))
                turn(i);
        }
        end();
    }
}
