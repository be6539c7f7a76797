/*
 * malloc/host.c - a process as the machine that Cairn's heap runs on.
 */
#include "malloc/host.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Thread_local unsigned host_cpu = HOST_SHARED_CPU;

static _Thread_local unsigned shared_depth
    __attribute__((tls_model("initial-exec")));
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

/* Bit n: number n is some thread's. */
static uint64_t taken = (uint64_t)1 << HOST_PAGES_CPU;

void host_join(void)
{
    uint64_t before = __atomic_load_n(&taken, __ATOMIC_RELAXED);
    unsigned number;

    do {
        number = before == UINT64_MAX ? HOST_SHARED_CPU
                                      : (unsigned)__builtin_ctzl(~before);
        if (number == HOST_SHARED_CPU)
            return;
    } while (!__atomic_compare_exchange_n(&taken, &before,
                                          before | (uint64_t)1 << number, false,
                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    host_cpu = number;
}

unsigned host_leave(void)
{
    unsigned number = host_cpu;

    host_cpu = HOST_SHARED_CPU;
    return number;
}

void host_release(unsigned cpu)
{
    if (cpu != HOST_SHARED_CPU)
        __atomic_fetch_and(&taken, ~((uint64_t)1 << cpu), __ATOMIC_RELEASE);
}

/* In a child, numbers of threads that are gone stay taken. */
void host_before_fork(void)
{
    (void)cairn_platform_irq_save();
    if (host_cpu != HOST_SHARED_CPU)
        pthread_mutex_lock(&shared_lock);
}

void host_after_fork(void)
{
    if (host_cpu != HOST_SHARED_CPU)
        pthread_mutex_unlock(&shared_lock);
    cairn_platform_irq_restore(0);
}

/* ---- What the library asks for ------------------------------------------- */

unsigned long cairn_platform_irq_save(void)
{
    if (__builtin_expect(host_cpu == HOST_SHARED_CPU, 0) && shared_depth++ == 0)
        pthread_mutex_lock(&shared_lock);
    return 0;
}

void cairn_platform_irq_restore(unsigned long state)
{
    (void)state;
    if (__builtin_expect(host_cpu == HOST_SHARED_CPU, 0) && --shared_depth == 0)
        pthread_mutex_unlock(&shared_lock);
}

unsigned cairn_platform_cpu(void)
{
    return host_cpu;
}

unsigned cairn_platform_cpu_count(void)
{
    return CAIRN_CPU_MAX;
}

/* "Physical" addresses are the process's own. */
void *cairn_platform_phys_to_virt(cairn_phys start, size_t bytes)
{
    (void)bytes;
    return (void *)start.value;
}

void cairn_platform_quiesce(unsigned cpu)
{
    (void)cpu; /* there are no magazines that could be emptied */
}

void cairn_platform_flush(uint64_t cpus)
{
    (void)cpus;
}

void host_print(const char *text)
{
    static const char prefix[] = "cairn-malloc: ";

    (void)!write(STDERR_FILENO, prefix, sizeof(prefix) - 1);
    (void)!write(STDERR_FILENO, text, strlen(text));
    (void)!write(STDERR_FILENO, "\n", 1);
}

void cairn_platform_log(enum cairn_log_level level, const char *text)
{
    if (level == CAIRN_LOG_ERROR)
        host_print(text);
}

CAIRN_NORETURN void cairn_platform_panic(const char *text)
{
    host_print(text);
    abort();
}
