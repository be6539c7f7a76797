/*
 * features.h - what this CPU lacks, and what that means.
 *
 * The kernel starts on any x86_64 CPU.  Protection that a CPU does not have is
 * missing without it, which a user should know.
 */
#ifndef KERNEL_CPU_FEATURES_H
#define KERNEL_CPU_FEATURES_H

#include <cairn/report.h>

/* Which of them to tell of. */
enum features_told {
    FEATURES_ALL,   /* each that the kernel would use */
    FEATURES_AUDIT, /* that keep the kernel from users' pages */
};

/*
 * A line for each that is not there: "no SMEP: ...".
 *
 * Returns  how many.
 */
unsigned features_report(enum features_told told,
                         const struct cairn_sink *sink);

#endif
