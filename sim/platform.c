/*
 * platform.c - the simulated machine as a host of the library.
 */
#include "sim/platform.h"
#include "sim/ram.h"

#include <cairn/paging.h>
#include <cairn/platform.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What a CPU is in belongs to the thread that it runs on, where each access is
 * one instruction, as in a kernel that keeps it at %gs; others find it through
 * `state`.  A thread that stops being that CPU, or ends, leaves the state in
 * `parked` and waits for those who were just looking.
 *
 * A CPU does one thing at a time, also while nobody plays it and several others
 * interrupt it: `door` is held by who takes its interrupts then, and by who
 * begins or stops being it.
 */
struct sim_cpu {
    pthread_mutex_t door;
    uint32_t *state; /* 1: interrupts are off */
    uint32_t parked;
    unsigned watchers;
} __attribute__((aligned(128)));

static struct sim_cpu cpus[SIM_CPUS] = {
    [0 ... SIM_CPUS - 1] = {.door = PTHREAD_MUTEX_INITIALIZER},
};
static _Thread_local uint32_t interrupts_off;
static _Thread_local unsigned cpu_number;
static _Thread_local uint64_t flush_count;
static pthread_key_t end_of_thread;
static _Thread_local char last_log[256];
static bool is_verbose;
static void (*panic_handler)(const char *text);
/* See sim_set_window. */
static const struct cairn_window *reach_window;

/* Are interrupts off on any thread's CPU? */
static bool are_off_on(struct sim_cpu *cpu)
{
    const uint32_t *state;
    bool are_off;

    __atomic_fetch_add(&cpu->watchers, 1, __ATOMIC_SEQ_CST);
    state = __atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST);
    are_off = state != NULL && __atomic_load_n(state, __ATOMIC_ACQUIRE) != 0;
    __atomic_fetch_sub(&cpu->watchers, 1, __ATOMIC_SEQ_CST);
    return are_off;
}

void sim_poll(void)
{
    unsigned long state = cairn_platform_irq_save();

    cairn_paging_interrupt();
    cairn_platform_irq_restore(state);
}

/* Does no thread play it?  Its door is held. */
static bool is_parked(const struct sim_cpu *cpu)
{
    const uint32_t *state = __atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST);

    return state == NULL || state == &cpu->parked;
}

/* The interrupt on a CPU that no thread plays; others take theirs. */
static void interrupt_parked(unsigned cpu)
{
    unsigned own = cpu_number;

    pthread_mutex_lock(&cpus[cpu].door);
    if (is_parked(&cpus[cpu])) {
        cpu_number = cpu;
        cairn_paging_interrupt();
        cpu_number = own;
    }
    pthread_mutex_unlock(&cpus[cpu].door);
}

void cairn_platform_flush(uint64_t mask)
{
    flush_count++;
    for (unsigned i = 0; i < SIM_CPUS; i++) {
        if ((mask >> i & 1) != 0)
            interrupt_parked(i);
    }
}

uint64_t sim_flush_count(void)
{
    return flush_count;
}

static void leave_cpu(void)
{
    struct sim_cpu *cpu = &cpus[cpu_number];

    pthread_mutex_lock(&cpu->door);
    if (__atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST) != &interrupts_off) {
        pthread_mutex_unlock(&cpu->door);
        return; /* another thread is that CPU now */
    }
    __atomic_store_n(&cpu->parked, interrupts_off, __ATOMIC_RELAXED);
    __atomic_store_n(&cpu->state, &cpu->parked, __ATOMIC_SEQ_CST);
    sim_poll(); /* who interrupted this thread before is waiting for it */
    pthread_mutex_unlock(&cpu->door);
    while (__atomic_load_n(&cpu->watchers, __ATOMIC_SEQ_CST) != 0)
        sched_yield();
}

static void leave_at_end(void *unused)
{
    (void)unused;
    leave_cpu();
}

void sim_set_cpu(unsigned number)
{
    if (number >= SIM_CPUS)
        abort();
    leave_cpu();
    pthread_mutex_lock(&cpus[number].door);
    cpu_number = number;
    interrupts_off = are_off_on(&cpus[number]);
    __atomic_store_n(&cpus[number].state, &interrupts_off, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&cpus[number].door);
    pthread_setspecific(end_of_thread, &cpus[number]);
}

bool sim_are_interrupts_off(void)
{
    return interrupts_off != 0;
}

void sim_set_verbose(bool verbose)
{
    is_verbose = verbose;
}

const char *sim_last_log(void)
{
    return last_log;
}

void sim_set_panic_handler(void (*handler)(const char *text))
{
    panic_handler = handler;
}

void cairn_platform_log(enum cairn_log_level level, const char *text)
{
    snprintf(last_log, sizeof(last_log), "%s", text);
    if (is_verbose)
        fprintf(stderr, "[log %d] %s\n", (int)level, text);
}

void cairn_platform_panic(const char *text)
{
    if (panic_handler != NULL)
        panic_handler(text);
    fprintf(stderr, "panic: %s\n", text);
    abort();
}

unsigned long cairn_platform_irq_save(void)
{
    unsigned long state = interrupts_off;

    __atomic_store_n(&interrupts_off, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return state;
}

void cairn_platform_irq_restore(unsigned long state)
{
    __atomic_store_n(&interrupts_off, (uint32_t)state, __ATOMIC_RELEASE);
}

void sim_set_window(const struct cairn_window *window)
{
    reach_window = window;
}

void *cairn_platform_phys_to_virt(cairn_phys start, size_t bytes)
{
    sim_meanwhile(); /* who asks is about to look */
    if (reach_window != NULL &&
        cairn_window_to_virt(reach_window, start, bytes) == NULL)
        return NULL;
    return bytes == 0 ? NULL : sim_ram_at(start.value, bytes);
}

unsigned cairn_platform_cpu(void)
{
    return cpu_number;
}

unsigned cairn_platform_cpu_count(void)
{
    return SIM_CPUS;
}

/*
 * The barrier makes every other thread's stores visible and orders what this
 * thread has stored before; then it only has to see each CPU outside.
 */
void cairn_platform_quiesce(unsigned cpu)
{
    uint32_t state = interrupts_off;

    if (cpu == cpu_number)
        return;
    __atomic_store_n(&interrupts_off, 0, __ATOMIC_RELEASE);
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    while (are_off_on(&cpus[cpu])) {
        sim_poll(); /* that CPU may be waiting for a flush on this one */
        sched_yield();
    }
    __atomic_store_n(&interrupts_off, state, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void start(void)
{
    pthread_key_create(&end_of_thread, leave_at_end);
    sim_set_cpu(0);
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}
