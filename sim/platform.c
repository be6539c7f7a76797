/*
 * platform.c - the simulated machine as a host of the library.
 */
#include "sim/platform.h"
#include "sim/ram.h"

#include <cairn/platform.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local unsigned current_cpu;
static _Thread_local bool are_interrupts_off;
static _Thread_local char last_log[256];
static bool is_verbose;
static void (*panic_handler)(const char *text);

void sim_set_cpu(unsigned cpu)
{
    current_cpu = cpu;
}

bool sim_are_interrupts_off(void)
{
    return are_interrupts_off;
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
    unsigned long state = are_interrupts_off;

    are_interrupts_off = true;
    return state;
}

void cairn_platform_irq_restore(unsigned long state)
{
    are_interrupts_off = state != 0;
}

void *cairn_platform_phys_to_virt(cairn_phys start, size_t bytes)
{
    return bytes == 0 ? NULL : sim_ram_at(start.value, bytes);
}

unsigned cairn_platform_cpu(void)
{
    return current_cpu;
}

unsigned cairn_platform_cpu_count(void)
{
    return CAIRN_CPU_MAX;
}
