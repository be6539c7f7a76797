/*
 * startup.h - in which order the kernel has started.
 */
#ifndef KERNEL_STARTUP_H
#define KERNEL_STARTUP_H

/* A step is done; `what` stays valid. */
void startup_step(const char *what);

/* What was done as number 0, 1, ...; NULL behind the last. */
const char *startup_step_done(unsigned number);

#endif
