/*
 * frames_cpus.c - magazines and interrupts, and CPUs that empty each other's.
 *
 * HOW    The processor stops after each instruction while the trap flag is set
 *        (Intel SDM vol. 3B, "Debug Exception (#DB)"), and a signal handler
 *        sees where.
 */
#define _GNU_SOURCE
#include "frames_on.h"
#include "sim/platform.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>
#include <x86intrin.h>

#define DRAINS    20000
#define TRAP_FLAG 0x100

#ifdef __x86_64__
#define PROGRAM_COUNTER REG_RIP
#else
#define PROGRAM_COUNTER REG_EIP
#endif

static void start(void)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_start(&on_machine, CAIRN_ENGINE_TREE, true);
}

/* ---- Interrupts ---------------------------------------------------------- */

static volatile uint64_t asked;
static volatile uint64_t asked_too_early;

/*
 * After each instruction: does the library ask which CPU it is on?  With
 * interrupts on, it may be another one before the answer is used.
 */
static void watch_step(int number, siginfo_t *info, void *context)
{
    const ucontext_t *machine = context;
    uintptr_t next = (uintptr_t)machine->uc_mcontext.gregs[PROGRAM_COUNTER];

    (void)number;
    (void)info;
    if (next != (uintptr_t)cairn_platform_cpu)
        return;
    asked++;
    asked_too_early += !sim_are_interrupts_off();
}

/* One by one what may use the magazines of its own CPU. */
static void use(struct frames_build *build, cairn_order order)
{
    struct cairn_frames *frames = &build->frames;
    struct cairn_run_request request = {
        .count = 3,
        .start = cairn_phys_of(cairn_pfn_make(build->zones[1].first)),
    };
    enum cairn_status status = CAIRN_OK;
    cairn_pfn pfn = {0};
    cairn_pfn run = {0};

    status |= cairn_frames_alloc(frames, order, 0, CAIRN_OWNER_USER, &pfn);
    status |= cairn_frames_free(frames, pfn);
    status |= cairn_frames_alloc(frames, order, 0, CAIRN_OWNER_HEAP, &pfn);
    status |= cairn_frames_free_order(frames, pfn, order);
    status |= cairn_frames_alloc_run(frames, &request, &run);
    status |= cairn_frames_free(frames, run);
    CHECK_EQ(status, CAIRN_OK);
}

CAIRN_TEST(K3_a_cpu_uses_its_magazines_with_interrupts_off)
{
    struct sigaction former;
    struct sigaction action = {.sa_sigaction = watch_step,
                               .sa_flags = SA_SIGINFO};

    start();
    use(&on_machine, 0);
    CHECK_EQ(sigaction(SIGTRAP, &action, &former), 0);
    asked = 0;
    asked_too_early = 0;
    __writeeflags(__readeflags() | TRAP_FLAG);
    use(&on_machine, 4);
    use(&on_machine, 0);
    __writeeflags(__readeflags() & ~(unsigned)TRAP_FLAG);
    CHECK_EQ(sigaction(SIGTRAP, &former, NULL), 0);
    CHECK(asked >= 2 * 6);
    CHECK_EQ(asked_too_early, 0);
}

/* ---- Waiting for each other ---------------------------------------------- */

/* A CPU that never comes back ends the program by SIGALRM; 0: it is over. */
static void watch(time_t seconds)
{
    const struct itimerval timer = {{0, 0}, {seconds, 0}};

    CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static unsigned is_done;

/* CPU 2, which has frozen CPU 1, takes its time to finish. */
static void *finish_late(void *context)
{
    uint32_t *frozen_by = context;

    sim_set_cpu(2);
    usleep(20000);
    __atomic_store_n(&is_done, 1, __ATOMIC_RELAXED);
    __atomic_store_n(frozen_by, 0, __ATOMIC_RELEASE);
    return NULL;
}

CAIRN_TEST(K2_who_finds_a_cpu_being_emptied_waits_for_the_end)
{
    pthread_t thread;
    uint32_t *frozen_by;

    start();
    frozen_by = &on_machine.frames.cpus[1].frozen_by;
    is_done = 0;
    *frozen_by = 2 + 1;
    CHECK_EQ(pthread_create(&thread, NULL, finish_late, frozen_by), 0);
    watch(30);
    cairn_frames_drain(&on_machine.frames);
    CHECK_EQ(__atomic_load_n(&is_done, __ATOMIC_RELAXED), 1);
    watch(0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* CPUs that have interrupts off, and empty each other. */
static void *drain(void *context)
{
    unsigned long state;

    sim_set_cpu((unsigned)(uintptr_t)context);
    state = cairn_platform_irq_save();
    for (unsigned i = 0; i < test_rounds(DRAINS); i++)
        cairn_frames_drain(&on_machine.frames);
    cairn_platform_irq_restore(state);
    return NULL;
}

CAIRN_TEST(K3_cpus_with_interrupts_off_may_empty_each_other)
{
    pthread_t thread;

    start();
    watch(10);
    CHECK_EQ(pthread_create(&thread, NULL, drain, (void *)(uintptr_t)1), 0);
    drain((void *)(uintptr_t)0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    watch(0);
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
}
