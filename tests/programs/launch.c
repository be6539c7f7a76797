/*
 * launch.c - run a program; say how long it computed and how much memory it
 * had.
 *
 *   launch FILE PROGRAM ARGUMENT...
 *
 * FILE gets a line: seconds of all its CPUs, KiB at its peak, exit status.
 * LAUNCH_PRELOAD in the environment becomes the program's LD_PRELOAD.
 *
 * WHY    The peak that the system tells of a process counts what it was before
 *        it became the program, so whoever starts it has to be small: this
 *        program, linked statically, is some hundred KiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void become(char **arguments)
{
    const char *preload = getenv("LAUNCH_PRELOAD");

    if (preload != NULL && preload[0] != '\0')
        setenv("LD_PRELOAD", preload, 1);
    unsetenv("LAUNCH_PRELOAD");
    execvp(arguments[0], arguments);
    _exit(127);
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    pid_t child;
    FILE *out;

    if (argc < 3)
        return 2;
    child = fork();
    if (child == 0)
        become(argv + 2);
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return 3;
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    out = fopen(argv[1], "w");
    if (out == NULL)
        return 3;
    fprintf(out, "%.6f %ld %d\n",
            seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
            usage.ru_maxrss, status);
    fclose(out);
    return status;
}
