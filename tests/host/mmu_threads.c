/*
 * mmu_threads.c - simulated MMU: CPUs walk while others change entries.
 *
 * Each thread is a CPU.  Built with -fsanitize=thread it finds races of the
 * simulated machine itself; built without, bits that are lost.
 */
#include "harness/test.h"
#include "host/mmu_build.h"
#include "sim/platform.h"

#include <pthread.h>
#include <sched.h>

#define WALKERS 3
#define VA      ((uint64_t)0x3000)
#define PAGES   4

static uint64_t root;
static uint32_t rounds;
static unsigned faults;
static bool is_over;
static uint32_t steps; /* of the walkers, so that they run as long as needed */

static bool has_steps_left(void)
{
    return __atomic_load_n(&steps, __ATOMIC_RELAXED) < rounds;
}

static void expect(bool good)
{
    if (!good)
        __atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

static void run(void *(*first)(void *), void *(*others)(void *))
{
    pthread_t threads[1 + WALKERS];

    faults = 0;
    steps = 0;
    __atomic_store_n(&is_over, false, __ATOMIC_RELAXED);
    for (uintptr_t i = 0; i <= WALKERS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, i == 0 ? first : others,
                                (void *)i),
                 0);
    CHECK_EQ(pthread_join(threads[0], NULL), 0);
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    for (unsigned i = 1; i <= WALKERS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(faults, 0);
}

/* ---- A and D against an exchange ----------------------------------------- */

/* Of each page: twice the exchanges so far, odd while one is under way. */
static uint32_t exchanges[WALKERS];
static uint64_t last_put[WALKERS];
static uint32_t writes[WALKERS];
static uint32_t dirty[WALKERS];

static bool write_page(unsigned cpu, uint64_t va)
{
    const struct sim_mmu_access access = {
        .va = va, .kind = SIM_MMU_WRITE, .ac = true};
    struct sim_mmu_result result;

    sim_mmu_access(cpu, &access, &result);
    return result.is_ok;
}

static uint32_t exchanges_of(unsigned page)
{
    return __atomic_load_n(&exchanges[page], __ATOMIC_ACQUIRE);
}

/* An exchange has begun and ended since; false: there are no more. */
static bool await_exchange(unsigned page)
{
    uint32_t before = exchanges_of(page);

    while (exchanges_of(page) - before < 3) {
        if (__atomic_load_n(&is_over, __ATOMIC_RELAXED))
            return false;
    }
    return true;
}

/*
 * Each CPU writes a page of its own, once between two exchanges at most; so
 * each write makes one D, which either is there or has been taken.
 */
static void *write_pages(void *context)
{
    unsigned cpu = (unsigned)(uintptr_t)context;
    unsigned page = cpu - 1;
    uint64_t va = VA + page * MMU_PAGE;

    do {
        sim_mmu_invlpg(cpu, va);
        expect(write_page(cpu, va));
        writes[page]++;
        __atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
        sim_mmu_tick(cpu);
    } while (await_exchange(page));
    return NULL;
}

/* What comes out is what was put in, and A and D. */
static void *take_pages(void *context)
{
    uint64_t bit = (uint64_t)1 << 52; /* ignored; changes the entry */

    (void)context;
    for (uint32_t i = 0; has_steps_left(); i++) {
        uint32_t page = i % WALKERS;
        uint64_t *entry = mmu_at(mmu_entry(root, 1, VA + page * MMU_PAGE));
        uint64_t fresh = MMU_DATA | MMU_ALL | (i % 2 == 0 ? bit : 0);
        uint64_t old;

        __atomic_fetch_add(&exchanges[page], 1, __ATOMIC_ACQ_REL);
        old = __atomic_exchange_n(entry, fresh, __ATOMIC_ACQ_REL);
        __atomic_fetch_add(&exchanges[page], 1, __ATOMIC_ACQ_REL);
        expect((old & ~(MMU_A | MMU_D)) == last_put[page]);
        expect((old & MMU_D) == 0 || (old & MMU_A) != 0);
        dirty[page] += (old & MMU_D) != 0;
        last_put[page] = fresh;
    }
    return NULL;
}

CAIRN_TEST(mmu_threads_set_a_and_d_against_an_exchange)
{
    rounds = test_rounds(10000);
    root = mmu_start(SIM_MMU_4LEVEL);
    for (unsigned i = 0; i < WALKERS; i++) {
        exchanges[i] = 0;
        writes[i] = 0;
        dirty[i] = 0;
        last_put[i] = MMU_DATA | MMU_ALL;
        mmu_map_page(root, 1, VA + i * MMU_PAGE, MMU_DATA);
    }
    sim_mmu_set_adversary(30);
    run(take_pages, write_pages);
    for (unsigned i = 0; i < WALKERS; i++) {
        uint64_t left = mmu_get(mmu_entry(root, 1, VA + i * MMU_PAGE));

        CHECK_EQ(dirty[i] + ((left & MMU_D) != 0), writes[i]);
    }
}

/* ---- No bit of software is lost ------------------------------------------ */

/* Software counts in the ignored bits 62:52 by compare-and-exchange. */
static void *count_in_entry(void *context)
{
    uint64_t *entry = mmu_at(mmu_entry(root, 1, VA));

    (void)context;
    for (uint64_t i = 1; has_steps_left(); i++) {
        uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED);
        uint64_t fresh;

        do {
            expect((old >> 52 & 0x7ff) == ((i - 1) & 0x7ff));
            fresh = (old & ~((uint64_t)0x7ff << 52) & ~(MMU_A | MMU_D)) |
                    (i & 0x7ff) << 52;
        } while (!__atomic_compare_exchange_n(
            entry, &old, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    }
    return NULL;
}

static void *write_one(void *context)
{
    unsigned cpu = (unsigned)(uintptr_t)context;

    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        sim_mmu_invlpg(cpu, VA);
        expect(write_page(cpu, VA));
        __atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
        sched_yield();
    }
    return NULL;
}

CAIRN_TEST(mmu_threads_lose_no_bit_of_software)
{
    rounds = test_rounds(10000);
    root = mmu_start(SIM_MMU_4LEVEL);
    mmu_map_page(root, 1, VA, MMU_DATA);
    run(count_in_entry, write_one);
}

/* ---- Release after a flush on all CPUs ----------------------------------- */

static void flush_on_all(uint64_t va)
{
    for (unsigned cpu = 0; cpu < SIM_CPUS; cpu++)
        sim_mmu_invlpg(cpu, va);
}

/*
 * A page goes away and is flushed everywhere.  If it was written, its entry had
 * D when it was taken; and from then on, nobody but this code writes there.
 */
static void recycle_page(uint64_t va, uint64_t phys)
{
    uint64_t *entry = mmu_at(mmu_entry(root, 1, va));
    unsigned char *memory = mmu_at(phys);
    uint64_t old = __atomic_exchange_n(entry, 0, __ATOMIC_ACQ_REL);

    flush_on_all(va);
    expect(!sim_mmu_can_reach(phys, MMU_PAGE, NULL));
    expect(memory[0] == 0 || (old & MMU_D) != 0);
    for (unsigned k = 0; k < 16; k++)
        memory[k] = 0;
    sched_yield();
    for (unsigned k = 0; k < 16; k++)
        expect(memory[k] == 0);
    mmu_set(mmu_entry(root, 1, va), phys | MMU_ALL);
}

static void *recycle(void *context)
{
    (void)context;
    for (uint32_t i = 0; has_steps_left(); i++) {
        recycle_page(VA + i % PAGES * MMU_PAGE,
                     MMU_DATA + i % PAGES * MMU_PAGE);
        if (i % 8 == 0)
            sched_yield();
    }
    return NULL;
}

static void *use(void *context)
{
    unsigned cpu = (unsigned)(uintptr_t)context;
    unsigned char bytes[16];
    uint64_t i = 0;

    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        uint64_t va = VA + i++ % PAGES * MMU_PAGE;

        for (unsigned k = 0; k < 16; k++)
            bytes[k] = (unsigned char)cpu;
        (void)sim_mmu_write(cpu, va, bytes, sizeof(bytes), NULL);
        (void)sim_mmu_read(cpu, va, bytes, sizeof(bytes), NULL);
        sim_mmu_tick(cpu);
        __atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
        sched_yield(); /* locks are not fair */
    }
    return NULL;
}

CAIRN_TEST(mmu_threads_never_reach_what_was_flushed_and_lose_no_write)
{
    rounds = test_rounds(20000);
    root = mmu_start(SIM_MMU_4LEVEL);
    for (unsigned i = 0; i < PAGES; i++)
        mmu_map_page(root, 1, VA + i * MMU_PAGE, MMU_DATA + i * MMU_PAGE);
    sim_mmu_set_adversary(50);
    run(recycle, use);
}
