/*
 * fault_live.c - what the CPU does with page tables that the library has made:
 * the kernel runs on them, and each kind of access is allowed or not.
 *
 * SOURCE Intel SDM vol. 3A, "Determination of Access Rights", "Page-Fault
 *        Exceptions".
 */
#include "cpu/cpu.h"
#include "cpu/descriptors.h"
#include "cpu/insn.h"
#include "kernel/space.h"
#include "windows.h"

#define PAGE     CAIRN_FRAME_SIZE
#define CR0_WP   ((uintptr_t)1 << 16)
#define UD2      0x0b0f
#define RESERVED ((uint64_t)1 << 51) /* where an address has fewer bits */
#define ENTRY_US ((uint64_t)1 << 2)

/* Error codes of page faults. */
#define ERROR_P    0x01u
#define ERROR_W    0x02u
#define ERROR_U    0x04u
#define ERROR_RSVD 0x08u

static struct probe_fault fault;
static uint8_t value;

/* A page fault there, with that error code. */
static void expect(unsigned error, uint64_t va)
{
    CHECK_EQ(fault.vector, VECTOR_PAGE_FAULT);
    CHECK_EQ(fault.error, error);
    CHECK_EQ(fault.address, va);
}

static void no_read(uint64_t va, unsigned error)
{
    CHECK(!probe_read((uintptr_t)va, &value, &fault));
    expect(error, va);
}

static void no_write(uint64_t va, unsigned error)
{
    CHECK(!probe_write((uintptr_t)va, 0, &fault));
    expect(error | ERROR_W, va);
}

static void no_exec(uint64_t va, unsigned error)
{
    CHECK(!probe_exec((uintptr_t)va, &fault));
    expect(error | space_fetch_error(), va);
}

/* Not to be executed by what NX says, where there is that. */
static void no_exec_by_nx(uint64_t va)
{
    if (space_has_nx())
        no_exec(va, ERROR_P);
}

static void can_read(uint64_t va, uint8_t wanted)
{
    CHECK(probe_read((uintptr_t)va, &value, &fault));
    CHECK_EQ(value, wanted);
}

static void can_write(uint64_t va, uint8_t written)
{
    CHECK(probe_write((uintptr_t)va, written, &fault));
}

/* A frame that begins with UD2. */
static uint64_t alloc_code(void)
{
    uint64_t phys = space_alloc(0);

    space_window(phys)[0] = UD2 & 0xff;
    space_window(phys)[1] = UD2 >> 8;
    return phys;
}

/* ---- The whole ----------------------------------------------------------- */

static cairn_phys compared;
static uint64_t mapped_bytes;

static void compare(const struct cairn_mapping *mapping)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping other;
    uint64_t done = 0;

    if (!mapping->is_mapped)
        return;
    while (done < mapping->bytes) {
        CHECK(cairn_ptwalk(cpu_paging_mode(), compared,
                           cairn_va_make(mapping->start.value + done), steps,
                           &other) > 0);
        CHECK(other.is_mapped);
        CHECK_EQ(other.phys.value, mapping->phys.value + done);
        CHECK_EQ(other.rights, mapping->rights);
        CHECK_EQ(other.cache, mapping->cache);
        done += other.bytes;
    }
    mapped_bytes += mapping->bytes;
}

CAIRN_TEST(D17_D19_live_the_kernel_runs_on_the_librarys_tables)
{
    cairn_phys root;
    uint64_t bytes;

    space_start();
    root = cairn_pagetable_root(&space.table);
    CHECK_EQ(insn_read_cr3(), root.value);
    mapped_bytes = 0;
    compared = root;
    space_visit(space.former, compare);
    bytes = mapped_bytes;
    mapped_bytes = 0;
    compared = space.former;
    space_visit(root, compare);
    CHECK_EQ(mapped_bytes, bytes);
    CHECK(bytes > cairn_phys_range_bytes(kernel_image_range()));
    space_end();
}

/* ---- The window ---------------------------------------------------------- */

static uint64_t window_bytes;

static bool is_device(uint64_t phys)
{
    for (unsigned i = 0; i < WINDOWS_DEVICES; i++) {
        struct cairn_phys_range range = windows_device(i).range;

        if (phys - range.start.value < cairn_phys_range_bytes(range))
            return true;
    }
    return false;
}

/* What the window maps is what it converts, but for devices: no memory. */
static void check_window(const struct cairn_mapping *mapping)
{
    uint64_t phys = mapping->start.value - kernel.window_base;
    cairn_phys last;

    if (phys >= kernel.window.limit || !mapping->is_mapped ||
        (is_device(phys) && kernel.window.range_count > 0))
        return;
    CHECK_EQ(mapping->phys.value, phys);
    CHECK_EQ((uintptr_t)cairn_platform_phys_to_virt(mapping->phys,
                                                    (size_t)mapping->bytes),
             mapping->start.value);
    CHECK(cairn_window_to_phys(
        &kernel.window,
        cairn_virt_make((uintptr_t)(mapping->start.value + mapping->bytes - 1)),
        &last));
    CHECK_EQ(last.value, phys + mapping->bytes - 1);
    window_bytes += mapping->bytes;
}

CAIRN_TEST(E6_live_the_window_converts_what_it_maps_and_nothing_else)
{
    const struct cairn_window *window = &kernel.window;
    uint64_t end = 0;

    window_bytes = 0;
    space_visit(cairn_phys_make(insn_read_cr3()), check_window);
    for (size_t i = 0; i < window->range_count; i++) {
        const struct cairn_phys_range *range = &window->ranges[i];

        window_bytes -= cairn_phys_range_bytes(*range);
        for (; end < range->start.value; end += CAIRN_FRAME_SIZE) {
            CHECK(cairn_platform_phys_to_virt(cairn_phys_make(end), 1) == NULL);
            if (range->start.value - end > CAIRN_MIB && end > CAIRN_MIB)
                end += CAIRN_MIB;
            if (!is_device(end))
                no_read(kernel.window_base + end, 0);
        }
        end = range->end.value;
    }
    CHECK_EQ(window_bytes, window->range_count > 0 ? 0 : window->limit);
}

/* ---- Rights of the kernel's own ------------------------------------------ */

static void audit(const struct cairn_mapping *mapping)
{
    const unsigned both = CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC;

    if (!mapping->is_mapped)
        return;
    CHECK((mapping->rights & both) != both || !space_has_nx());
    CHECK_EQ(mapping->rights & CAIRN_PAGE_USER, 0);
}

/* Addresses in it, that is; not how they are used. */
static uint8_t in_data = 1;
static const uint8_t in_constants = 1;

CAIRN_TEST(J1_J2_live_the_CPU_keeps_code_constants_and_data_apart)
{
    uint64_t code = (uintptr_t)&audit;
    uint64_t constants = (uintptr_t)&in_constants;
    uint64_t data = (uintptr_t)&in_data;
    uint64_t alias;

    space_start();
    space_visit(cairn_pagetable_root(&space.table), audit);
    no_write(code, ERROR_P);
    no_write(constants, ERROR_P);
    no_exec_by_nx(constants);
    no_exec_by_nx(data);
    no_exec_by_nx((uintptr_t)&code);
    can_write(data, 1);
    alias = kernel.window_base + space_look(code).phys.value;
    no_write(alias, ERROR_P);
    no_exec_by_nx(alias);
    can_read(alias, *(const volatile uint8_t *)(uintptr_t)code);
    space_end();
}

CAIRN_TEST(J1_live_pages_that_are_writable_and_executable_are_refused)
{
    const struct cairn_page_policy both = {.rights = CAIRN_PAGE_WRITE |
                                                     CAIRN_PAGE_EXEC};
    uint64_t va;
    uint64_t phys;

    if (!space_has_nx())
        return; /* all that is writable is executable: paging.h */
    space_start();
    va = space.kernel_base;
    phys = alloc_code();
    CHECK_EQ(cairn_map_page(&space.table, cairn_va_make(va),
                            cairn_phys_make(phys), &both),
             CAIRN_BAD_ARGUMENT);
    no_read(va, 0);
    space_map(va, phys, PAGE, CAIRN_PAGE_WRITE);
    CHECK_EQ(
        cairn_protect_range(&space.table, cairn_va_make(va), PAGE, both.rights),
        CAIRN_BAD_ARGUMENT);
    no_exec(va, ERROR_P);
    space_protect(va, PAGE, CAIRN_PAGE_EXEC);
    CHECK(probe_exec((uintptr_t)va, &fault));
    no_write(va, ERROR_P);
    space_unmap(va, PAGE);
    space_free(phys);
    space_end();
}

/* ---- Kernel pages -------------------------------------------------------- */

CAIRN_TEST(D3_live_the_CPU_heeds_the_rights_of_kernel_pages)
{
    uint64_t va;
    uint64_t phys;

    space_start();
    va = space.kernel_base;
    phys = alloc_code();
    no_read(va, 0);
    no_write(va, 0);
    no_exec(va, 0);
    space_map(va, phys, PAGE, 0);
    can_read(va, UD2 & 0xff);
    CHECK((insn_read_cr0() & CR0_WP) != 0);
    no_write(va + 5, ERROR_P);
    no_exec_by_nx(va);
    space_protect(va, PAGE, CAIRN_PAGE_WRITE);
    can_write(va + PAGE - 1, 0x77);
    CHECK_EQ(space_window(phys)[PAGE - 1], 0x77);
    no_exec_by_nx(va);
    space_protect(va, PAGE, CAIRN_PAGE_EXEC);
    can_read(va + PAGE - 1, 0x77);
    CHECK(probe_exec((uintptr_t)va, &fault));
    no_write(va, ERROR_P);
    space_unmap(va, PAGE);
    no_exec(va, 0);
    no_read(va + PAGE, 0);
    no_read(va - 1, 0);
    space_free(phys);
    space_end();
}

CAIRN_TEST(D7_live_addresses_that_are_not_canonical)
{
    const struct cairn_page_policy policy = {.rights = 0};
    uint64_t bad;

    space_start();
    bad = space.table.config.user_end;
    CHECK_EQ(cairn_map_page(&space.table, cairn_va_make(bad),
                            cairn_phys_make(PAGE), &policy),
             CAIRN_BAD_ARGUMENT);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(!probe_read((uintptr_t)bad, &value, &fault));
        CHECK_EQ(fault.vector, VECTOR_PROTECTION);
        CHECK_EQ(fault.error, 0);
        CHECK(!probe_write((uintptr_t)bad, 0, &fault));
        CHECK_EQ(fault.vector, VECTOR_PROTECTION);
        bad = 0 - bad - 1;
    }
    space_end();
}

/* Emulators differ from CPUs here: QEMU 7.2 leaves out P. */
static void expect_reserved(unsigned error, uint64_t va)
{
    CHECK_EQ(fault.vector, VECTOR_PAGE_FAULT);
    CHECK_EQ(fault.error | ERROR_P, error | ERROR_RSVD | ERROR_P);
    CHECK_EQ(fault.address, va);
}

CAIRN_TEST(D2_live_reserved_bits_fault)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    volatile uint64_t *entry;
    uint64_t phys;
    uint64_t va;
    unsigned count;

    space_start();
    va = space.kernel_base;
    phys = space_alloc(0);
    space_map(va, phys, PAGE, CAIRN_PAGE_WRITE);
    count = cairn_ptwalk(cpu_paging_mode(), cairn_pagetable_root(&space.table),
                         cairn_va_make(va), steps, &mapping);
    entry = (volatile uint64_t *)space_window(steps[count - 1].entry_at.value);
    if (space.table.config.features.phys_bits <= 51) {
        *entry |= RESERVED;
        __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
        CHECK(!probe_read((uintptr_t)va, &value, &fault));
        expect_reserved(0, va);
        CHECK(!probe_write((uintptr_t)va, 0, &fault));
        expect_reserved(ERROR_W, va);
        *entry &= ~RESERVED;
        __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
    }
    can_write(va, 1);
    space_unmap(va, PAGE);
    space_free(phys);
    space_end();
}

/* ---- User pages ---------------------------------------------------------- */

/* Four pages for users at user_base: code, data, constants, none. */
struct user_pages {
    uint64_t code;
    uint64_t data;
    uint64_t constants;
    uint64_t hole;
    uint64_t kernel; /* one for the kernel, behind them */
    uint64_t frames[4];
};

static struct user_pages user;

static void start_users(void)
{
    space_start();
    user.code = space.user_base;
    user.data = user.code + PAGE;
    user.constants = user.data + PAGE;
    user.hole = user.constants + PAGE;
    user.kernel = user.hole + PAGE;
    for (unsigned i = 0; i < 4; i++)
        user.frames[i] = space_alloc(0);
    probe_copy_code((void *)space_window(user.frames[0]));
    space_map(user.code, user.frames[0], PAGE,
              CAIRN_PAGE_USER | CAIRN_PAGE_EXEC);
    space_map(user.data, user.frames[1], PAGE,
              CAIRN_PAGE_USER | CAIRN_PAGE_WRITE);
    space_map(user.constants, user.frames[2], PAGE, CAIRN_PAGE_USER);
    space_map(user.kernel, user.frames[3], PAGE, CAIRN_PAGE_WRITE);
}

static void end_users(void)
{
    space_unmap(user.code, 5 * PAGE);
    for (unsigned i = 0; i < 4; i++)
        space_free(user.frames[i]);
    space_end();
}

static void no_user_read(uint64_t va, unsigned error)
{
    CHECK(!probe_user_read((uintptr_t)va, (uintptr_t)user.code, &fault));
    expect(error | ERROR_U, va);
}

static void no_user_write(uint64_t va, unsigned error)
{
    CHECK(!probe_user_write((uintptr_t)va, (uintptr_t)user.code, &fault));
    expect(error | ERROR_U | ERROR_W, va);
}

static void no_user_exec(uint64_t va, unsigned error)
{
    CHECK(!probe_user_exec((uintptr_t)va, &fault));
    expect(error | ERROR_U | space_fetch_error(), va);
}

/* Where users can execute UD2. */
static uintptr_t user_ud2(void)
{
    return (uintptr_t)(user.code + PROBE_CODE_BYTES - 16);
}

CAIRN_TEST(J5_live_the_CPU_heeds_the_rights_of_user_pages)
{
    uintptr_t code;

    start_users();
    code = (uintptr_t)user.code;
    CHECK(probe_user_exec(user_ud2(), &fault));
    CHECK(probe_user_read((uintptr_t)user.data, code, &fault));
    CHECK(probe_user_write((uintptr_t)user.data, code, &fault));
    CHECK(probe_user_read((uintptr_t)user.constants, code, &fault));
    CHECK(probe_user_read(code, code, &fault));
    no_user_write(user.constants, ERROR_P);
    no_user_write(user.code, ERROR_P);
    if (space_has_nx()) {
        no_user_exec(user.data, ERROR_P);
        no_user_exec(user.constants, ERROR_P);
    }
    no_user_read(user.hole, 0);
    no_user_write(user.hole, 0);
    no_user_exec(user.hole, 0);
    space_protect(user.data, PAGE, CAIRN_PAGE_USER);
    no_user_write(user.data, ERROR_P);
    space_unmap(user.data, PAGE);
    no_user_read(user.data, 0);
    end_users();
}

CAIRN_TEST(J5_live_users_reach_nothing_of_the_kernels)
{
    uint64_t window;

    start_users();
    window = kernel.window_base + user.frames[1];
    no_user_read((uintptr_t)&start_users, ERROR_P);
    no_user_exec((uintptr_t)&start_users, ERROR_P);
    no_user_read((uintptr_t)&in_data, ERROR_P);
    no_user_write((uintptr_t)&in_data, ERROR_P);
    no_user_write(window, ERROR_P);
    no_user_read(user.kernel, ERROR_P);
    no_user_write(user.kernel, ERROR_P);
    no_user_exec(user.kernel, ERROR_P);
    space_protect(user.kernel, PAGE, CAIRN_PAGE_USER);
    CHECK(
        probe_user_read((uintptr_t)user.kernel, (uintptr_t)user.code, &fault));
    space_protect(user.kernel, PAGE, 0);
    no_user_read(user.kernel, ERROR_P);
    end_users();
}

/* US at every level of the way to `va`, or not at the last. */
static void expect_user(uint64_t va, bool is_user)
{
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    struct cairn_mapping mapping;
    unsigned count =
        cairn_ptwalk(cpu_paging_mode(), cairn_pagetable_root(&space.table),
                     cairn_va_make(va), steps, &mapping);

    CHECK(mapping.is_mapped);
    CHECK_EQ((mapping.rights & CAIRN_PAGE_USER) != 0, is_user);
    CHECK_EQ((steps[count - 1].entry & ENTRY_US) != 0, is_user);
    for (unsigned i = 0; i < count; i++)
        CHECK((steps[i].entry & ENTRY_US) != 0 || !is_user);
}

CAIRN_TEST(J5_live_US_is_set_on_request_and_then_at_every_level)
{
    start_users();
    expect_user(user.code, true);
    expect_user(user.data, true);
    expect_user(user.constants, true);
    expect_user(user.kernel, false);
    expect_user((uintptr_t)&in_data, false);
    expect_user(kernel.window_base + user.frames[0], false);
    end_users();
}

/* Without SMAP or SMEP the kernel may do what users may. */
CAIRN_TEST(J6_live_the_kernel_keeps_off_user_pages)
{
    bool has_smap = (insn_read_cr4() & INSN_CR4_SMAP) != 0;
    bool has_smep = (insn_read_cr4() & INSN_CR4_SMEP) != 0;

    start_users();
    space_window(user.frames[1])[3] = 0x33;
    if (has_smap) {
        no_read(user.data + 3, ERROR_P);
        no_write(user.data + 3, ERROR_P);
        no_read(user.constants, ERROR_P);
        insn_stac();
    }
    can_read(user.data + 3, 0x33);
    can_write(user.data + 4, 0x44);
    no_write(user.constants, ERROR_P);
    no_read(user.hole, 0);
    if (has_smap) {
        insn_clac();
        no_read(user.data + 3, ERROR_P);
    }
    CHECK_EQ(space_window(user.frames[1])[4], 0x44);
    if (has_smep)
        no_exec(user_ud2(), ERROR_P);
    else
        CHECK(probe_exec(user_ud2(), &fault));
    end_users();
}
