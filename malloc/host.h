/*
 * malloc/host.h - a process as the machine that Cairn's heap runs on.
 *
 * Each thread is a CPU.  There are CAIRN_CPU_MAX numbers; the last one is
 * shared by all threads that got no other, each of which has a lock while it
 * is that CPU.
 */
#ifndef MALLOC_HOST_H
#define MALLOC_HOST_H

#include <cairn/heap.h>

#define HOST_PAGES_CPU  0 /* whoever is in pages.c */
#define HOST_SHARED_CPU (CAIRN_CPU_MAX - 1)

/* The number of the calling thread. */
extern _Thread_local unsigned host_cpu
    __attribute__((tls_model("initial-exec")));

/* Give the calling thread a number of its own, if there is one. */
void host_join(void);

/* It has no number of its own any more; returns the one it had. */
unsigned host_leave(void);

/* Nobody uses that number any more. */
void host_release(unsigned cpu);

/* A line on standard error. */
void host_print(const char *text);

/* Around a fork: nobody else changes anything in between. */
void host_before_fork(void);
void host_after_fork(void);

#endif
