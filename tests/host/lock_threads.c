/*
 * lock_threads.c - the spin lock, and what it protects, on four CPUs and with
 * interrupts.
 *
 * Each thread is a CPU.  The counters are no atomics: if two threads were ever
 * inside at once, additions would be lost.  An interrupt is a signal that does
 * nothing while the CPU has interrupts off.
 */
#include "base/lock.h"
#include "harness/test.h"
#include "sim/platform.h"

#include <cairn/early.h>
#include <cairn/platform.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

#define CPUS   4
#define FRAMES 4096

struct cpu {
    pthread_t thread;
    unsigned number;
    uint32_t rounds;
    uint32_t faults;
    size_t frame_count;
    cairn_pfn frames[FRAMES];
};

static struct cpu cpus[CPUS];

/* A deadlock ends the program by SIGPROF; 0 seconds: it is over. */
static void watch(time_t seconds)
{
    const struct itimerval timer = {{0, 0}, {seconds, 0}};

    CHECK_EQ(setitimer(ITIMER_PROF, &timer, NULL), 0);
}

/* A panic on one of the CPUs ends the program: no other thread can go on. */
static void run_on_all(void *(*run)(void *), uint32_t rounds)
{
    sim_set_panic_handler(NULL);
    watch(60);
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i].number = i;
        cpus[i].rounds = rounds;
        cpus[i].faults = 0;
        cpus[i].frame_count = 0;
        CHECK_EQ(pthread_create(&cpus[i].thread, NULL, run, &cpus[i]), 0);
    }
    for (unsigned i = 0; i < CPUS; i++)
        CHECK_EQ(pthread_join(cpus[i].thread, NULL), 0);
    watch(0);
    sim_set_panic_handler(test_panicked);
    for (unsigned i = 0; i < CPUS; i++)
        CHECK_EQ(cpus[i].faults, 0);
}

/* ---- Counting ------------------------------------------------------------ */

static struct cairn_lock outer = {0, 20};
static struct cairn_lock inner = {0, 21};
static uint64_t outer_count;
static uint64_t inner_count;

static void count_inner(struct cpu *cpu)
{
    unsigned long state = cairn__lock_acquire(&inner);

    inner_count++;
    cpu->faults += !cairn__lock_is_held(&inner);
    cairn__lock_release(&inner, state);
    cpu->faults += cairn__lock_is_held(&inner);
}

/* One CPU in two takes both locks, in the order of their ranks. */
static void *count(void *context)
{
    struct cpu *cpu = context;

    sim_set_cpu(cpu->number);
    for (uint32_t i = 0; i < cpu->rounds; i++) {
        unsigned long state = cairn__lock_acquire(&outer);

        outer_count++;
        if (i % 256 == 0)
            sched_yield(); /* let the others wait */
        if (cpu->number % 2 == 0)
            count_inner(cpu);
        cpu->faults += !cairn__lock_is_held(&outer) + !sim_are_interrupts_off();
        cairn__lock_release(&outer, state);
        if (cpu->number % 2 != 0)
            count_inner(cpu);
        cpu->faults += sim_are_interrupts_off();
    }
    return NULL;
}

CAIRN_TEST(K2_four_cpus_count_under_locks)
{
    uint32_t rounds = test_rounds(100000);

    outer_count = 0;
    inner_count = 0;
    run_on_all(count, rounds);
    CHECK_EQ(outer_count, (uint64_t)CPUS * rounds);
    CHECK_EQ(inner_count, (uint64_t)CPUS * rounds);
    CHECK_EQ(outer.holder, 0);
    CHECK_EQ(inner.holder, 0);
}

/* ---- The early allocator ------------------------------------------------- */

static struct cairn_memory_range storage[16];
static struct cairn_memmap map;
static struct cairn_early early;
static uint8_t owners[CPUS * FRAMES];

static void *allocate(void *context)
{
    struct cpu *cpu = context;
    struct cairn_early_stats stats;
    cairn_pfn pfn;

    sim_set_cpu(cpu->number);
    while (cpu->frame_count < cpu->rounds) {
        bool is_table = cpu->frame_count % 3 == 0;
        enum cairn_status status = is_table
                                       ? cairn_early_alloc_table(&early, &pfn)
                                       : cairn_early_alloc(&early, &pfn);

        if (status != CAIRN_OK)
            break;
        cpu->frames[cpu->frame_count++] = pfn;
        if (cpu->frame_count % 64 == cpu->number) {
            (void)cairn_early_reserve(&early, 2);
            cairn_early_stats(&early, &stats);
            cpu->faults +=
                stats.used_frames + stats.free_frames != stats.total_frames;
            cpu->faults += cairn_early_check(&early) != 0;
        }
    }
    return NULL;
}

static void start(uint64_t frames)
{
    CHECK_EQ(cairn_memmap_init(&map, storage, 16), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, CAIRN_MIB, frames * CAIRN_FRAME_SIZE,
                              CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(cairn_early_init(&early, &map, NULL), CAIRN_OK);
    cairn_early_track(&early);
    for (size_t i = 0; i < frames; i++)
        owners[i] = 0;
}

static void own(cairn_pfn pfn)
{
    uint64_t index = pfn.value - CAIRN_MIB / CAIRN_FRAME_SIZE;

    CHECK(index < sizeof(owners));
    CHECK_EQ(owners[index]++, 0);
}

CAIRN_TEST(K2_four_cpus_never_get_the_same_early_frame)
{
    struct cairn_phys_range logged;
    const uint64_t frames = CPUS * FRAMES;
    uint64_t given = 0;
    cairn_pfn pfn;

    start(frames);
    run_on_all(allocate, FRAMES);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        for (size_t i = 0; i < cpus[cpu].frame_count; i++, given++)
            own(cpus[cpu].frames[i]);
    }
    for (; cairn_early_alloc_table(&early, &pfn) == CAIRN_OK; given++)
        own(pfn);
    CHECK_EQ(given, frames);
    CHECK_EQ(cairn_early_drain(&early, &logged, 1), 1);
    CHECK_EQ(logged.start.value, CAIRN_MIB);
    CHECK_EQ(cairn_phys_range_bytes(logged), frames * CAIRN_FRAME_SIZE);
}

/* ---- Interrupts ---------------------------------------------------------- */

#define INTERRUPTS 300

static volatile sig_atomic_t interrupts_taken;
static volatile sig_atomic_t interrupts_held_off;

/* Like a handler in a kernel, it takes a frame. */
static void interrupt(int signal_number)
{
    cairn_pfn pfn;

    (void)signal_number;
    if (sim_are_interrupts_off()) {
        interrupts_held_off++;
        return;
    }
    if (cairn_early_alloc(&early, &pfn) == CAIRN_OK)
        own(pfn);
    interrupts_taken++;
}

static void set_timer(suseconds_t microseconds)
{
    const struct itimerval timer = {{0, microseconds}, {0, microseconds}};

    CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* All frames are out: begin again, undisturbed. */
static void start_anew(void)
{
    unsigned long state = cairn_platform_irq_save();

    start(sizeof(owners));
    cairn_platform_irq_restore(state);
}

static bool is_enough(void)
{
    return interrupts_taken >= INTERRUPTS && interrupts_held_off >= INTERRUPTS;
}

CAIRN_TEST(K3_an_interrupt_may_allocate_at_any_moment)
{
    struct sigaction former;
    struct sigaction action = {.sa_handler = interrupt};
    cairn_pfn pfn;

    sim_set_panic_handler(NULL); /* a handler cannot leave by longjmp */
    interrupts_taken = 0;
    interrupts_held_off = 0;
    start(sizeof(owners));
    CHECK_EQ(sigaction(SIGALRM, &action, &former), 0);
    watch(10);
    set_timer(50);
    while (!is_enough()) {
        if (cairn_early_alloc(&early, &pfn) == CAIRN_OK)
            own(pfn);
        else
            start_anew();
    }
    set_timer(0);
    watch(0);
    CHECK_EQ(sigaction(SIGALRM, &former, NULL), 0);
    sim_set_panic_handler(test_panicked);
    CHECK_EQ(cairn_early_check(&early), 0);
}
