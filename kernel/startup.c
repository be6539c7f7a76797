/*
 * startup.c - in which order the kernel has started.
 *
 * HOW    Names in an array, from the first C function on: before there is
 *        anything to print on.  The monitor's `startup` prints them, and the
 *        option verbose.
 */
#include "startup.h"

#include <stddef.h>

#define STEPS 32

static const char *steps[STEPS];
static unsigned count;

void startup_step(const char *what)
{
    if (count < STEPS)
        steps[count++] = what;
}

const char *startup_step_done(unsigned number)
{
    return number < count ? steps[number] : NULL;
}
