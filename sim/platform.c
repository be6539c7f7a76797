/*
 * platform.c - the simulated machine as a host of the library.
 */
#include "sim/platform.h"
#include "sim/ram.h"

#include <cairn/platform.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A simulated CPU, in a line of its own: others wait for `off` to become 0. */
struct sim_cpu {
    uint32_t interrupts_off;
    unsigned number;
} __attribute__((aligned(128)));

static struct sim_cpu cpus[SIM_CPUS];
static _Thread_local struct sim_cpu *this_cpu = &cpus[0];
static _Thread_local char last_log[256];
static bool is_verbose;
static void (*panic_handler)(const char *text);

void sim_set_cpu(unsigned cpu)
{
    if (cpu >= SIM_CPUS)
        abort();
    this_cpu = &cpus[cpu];
    this_cpu->number = cpu;
}

bool sim_are_interrupts_off(void)
{
    return this_cpu->interrupts_off != 0;
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
    struct sim_cpu *cpu = this_cpu;
    unsigned long state = cpu->interrupts_off;

    __atomic_store_n(&cpu->interrupts_off, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return state;
}

void cairn_platform_irq_restore(unsigned long state)
{
    __atomic_store_n(&this_cpu->interrupts_off, (uint32_t)state,
                     __ATOMIC_RELEASE);
}

void *cairn_platform_phys_to_virt(cairn_phys start, size_t bytes)
{
    return bytes == 0 ? NULL : sim_ram_at(start.value, bytes);
}

unsigned cairn_platform_cpu(void)
{
    return this_cpu->number;
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
    uint32_t *own = &this_cpu->interrupts_off;
    uint32_t state = *own;

    if (cpu == this_cpu->number)
        return;
    __atomic_store_n(own, 0, __ATOMIC_RELEASE);
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    while (__atomic_load_n(&cpus[cpu].interrupts_off, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
    __atomic_store_n(own, state, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void register_membarrier(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}
