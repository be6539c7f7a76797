/*
 * space.c - the running kernel on a page table of the library.
 *
 * HOW    Whatever the tables in CR3 map is mapped again, contiguous stretches
 *        in one call.  The library refuses pages that are writable and
 *        executable, so a copy of the whole proves that there are none; not so
 *        on a CPU without NX, where all are.
 */
#include "kernel/space.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"

#define FRAMES (&kernel.frames)

struct space space;

bool space_has_nx(void)
{
    return kernel.table.config.features.has_nx;
}

unsigned space_fetch_error(void)
{
    bool tells = space_has_nx() || (insn_read_cr4() & INSN_CR4_SMEP) != 0;

    return tells ? 0x10 : 0;
}

unsigned space_rights(unsigned rights)
{
    return space_has_nx() ? rights : rights | CAIRN_PAGE_EXEC;
}

/* ---- Frames -------------------------------------------------------------- */

static enum cairn_status alloc_table(void *context, cairn_pfn *out)
{
    (void)context;
    return cairn_frames_alloc(FRAMES, 0, 0, CAIRN_OWNER_TABLE, out);
}

static void release_table(void *context, cairn_pfn frame)
{
    (void)context;
    CHECK_EQ(cairn_frames_free(FRAMES, frame), CAIRN_OK);
}

uint64_t space_frames_free(void)
{
    struct cairn_frames_stats stats;

    cairn_frames_drain(FRAMES);
    CHECK_EQ(cairn_frames_check(FRAMES), 0);
    cairn_frames_stats(FRAMES, &stats);
    return stats.free_frames;
}

uint64_t space_alloc(cairn_order order)
{
    cairn_pfn pfn = {0};

    CHECK_EQ(cairn_frames_alloc(FRAMES, order, CAIRN_FRAME_ZEROED,
                                CAIRN_OWNER_KERNEL, &pfn),
             CAIRN_OK);
    return cairn_phys_of(pfn).value;
}

void space_free(uint64_t phys)
{
    CHECK_EQ(cairn_frames_free(FRAMES, cairn_pfn_of(cairn_phys_make(phys))),
             CAIRN_OK);
}

volatile uint8_t *space_window(uint64_t phys)
{
    void *byte = cairn_platform_phys_to_virt(cairn_phys_make(phys), 1);

    CHECK(byte != NULL);
    return byte;
}

/* ---- All that is mapped -------------------------------------------------- */

static uint64_t half_bytes(void)
{
    return (uint64_t)1 << (cpu_paging_mode() == CAIRN_PAGING_5LEVEL ? 56 : 47);
}

void space_visit(cairn_phys root,
                 void (*visit)(const struct cairn_mapping *mapping))
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    uint64_t va = 0;

    do {
        CHECK(cairn_ptwalk(cpu_paging_mode(), root, cairn_va_make(va), steps,
                           &mapping) > 0);
        visit(&mapping);
        va += mapping.bytes;
        if (va == half_bytes())
            va = 0 - half_bytes();
    } while (va != 0);
}

/* What is to be mapped next, as long as it goes on. */
static struct cairn_mapping pending;

static void map_pending(void)
{
    bool is_data = !space_has_nx() && (pending.rights & CAIRN_PAGE_WRITE) != 0;
    unsigned rights = pending.rights & ~(is_data ? CAIRN_PAGE_EXEC : 0u);
    const struct cairn_page_policy policy = {.rights = rights,
                                             .cache = pending.cache};
    uint64_t phys = pending.phys.value;

    if (pending.bytes > 0)
        CHECK_EQ(
            cairn_map_range(&space.table, pending.start,
                            cairn_phys_range_make(phys, phys + pending.bytes),
                            &policy),
            CAIRN_OK);
    pending.bytes = 0;
}

static void copy(const struct cairn_mapping *mapping)
{
    if (!mapping->is_mapped)
        return;
    if (pending.start.value + pending.bytes == mapping->start.value &&
        pending.phys.value + pending.bytes == mapping->phys.value &&
        pending.rights == mapping->rights && pending.cache == mapping->cache) {
        pending.bytes += mapping->bytes;
        return;
    }
    map_pending();
    pending = *mapping;
}

/* ---- Begin and end ------------------------------------------------------- */

static void leave(void)
{
    cairn_pagetable_activate(&kernel.table);
    cairn_pagetable_destroy(&space.table);
}

static void init_table(void)
{
    const struct cairn_pagetable_config config = {
        .mode = cpu_paging_mode(),
        .features = cpu_paging_features(),
        .source = {alloc_table, alloc_table, NULL},
        .release = release_table,
        .window = &kernel.window,
        .user_end = half_bytes(),
        .is_w_xor_x = true,
    };

    CHECK_EQ(cairn_pagetable_init(&space.table, &config), CAIRN_OK);
}

void space_start(void)
{
    bool has_5_levels = cpu_paging_mode() == CAIRN_PAGING_5LEVEL;

    if ((insn_read_cr4() & INSN_CR4_SMAP) != 0)
        insn_clac();
    if (cairn_pagetable_active() == &space.table)
        leave();
    CHECK(cairn_pagetable_active() == &kernel.table);
    space.frames_free = space_frames_free();
    space.former = cairn_phys_make(insn_read_cr3());
    space.kernel_base = has_5_levels ? 0xff10000000000000 : 0xfffff40000000000;
    space.user_base = has_5_levels ? 0x0010000040000000 : 0x0000000040000000;
    init_table();
    pending.bytes = 0;
    space_visit(space.former, copy);
    map_pending();
    cairn_pagetable_activate(&space.table);
}

void space_end(void)
{
    CHECK(cairn_pagetable_active() == &space.table);
    CHECK_EQ(cairn_pagetable_check(&space.table), 0);
    CHECK(space_frames_free() < space.frames_free);
    leave();
    CHECK_EQ(insn_read_cr3(), space.former.value);
    CHECK_EQ(space_frames_free(), space.frames_free);
}

/* ---- Short forms --------------------------------------------------------- */

void space_map(uint64_t va, uint64_t phys, uint64_t bytes, unsigned rights)
{
    const struct cairn_page_policy policy = {.rights = rights};

    CHECK_EQ(cairn_map_range(&space.table, cairn_va_make(va),
                             cairn_phys_range_make(phys, phys + bytes),
                             &policy),
             CAIRN_OK);
}

void space_unmap(uint64_t va, uint64_t bytes)
{
    CHECK_EQ(
        cairn_unmap_range(&space.table, cairn_va_make(va), bytes, NULL, NULL),
        CAIRN_OK);
}

void space_protect(uint64_t va, uint64_t bytes, unsigned rights)
{
    CHECK_EQ(
        cairn_protect_range(&space.table, cairn_va_make(va), bytes, rights),
        CAIRN_OK);
}

struct cairn_mapping space_look(uint64_t va)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping by_cpu;
    struct cairn_mapping mapping;
    cairn_phys phys = {0};

    CHECK(cairn_map_look(&space.table, cairn_va_make(va), &mapping));
    CHECK(cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                       cairn_va_make(va), steps, &by_cpu) > 0);
    CHECK_EQ(mapping.is_mapped, by_cpu.is_mapped);
    CHECK_EQ(mapping.is_mapped,
             cairn_pagetable_translate(&space.table, cairn_va_make(va), &phys));
    if (mapping.is_mapped) {
        CHECK_EQ(by_cpu.phys.value, phys.value);
        CHECK_EQ(by_cpu.rights, mapping.rights);
        CHECK_EQ(by_cpu.page_bytes, mapping.page_bytes);
        CHECK_EQ(by_cpu.cache, mapping.cache);
    }
    return mapping;
}
