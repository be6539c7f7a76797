/*
 * cairn/platform.h - what the host kernel supplies.
 *
 * Every function here is called by the library and written by the host; a
 * missing one is a link error, never a silent default.  Besides, the host
 * supplies memcpy, memmove, memset and memcmp as the C standard defines them.
 *
 *   Tier A   needed to boot, allocate and map on one CPU.
 *   Tier B   needed as soon as a second CPU runs.  A kernel for one CPU
 *            returns 0 and 1 and is done.
 *
 * The library may call any of them with interrupts off and locks held, so none
 * of them may wait for another CPU, allocate memory or call into the library,
 * except that cairn_platform_log may use <cairn/format.h>.
 */
#ifndef CAIRN_PLATFORM_H
#define CAIRN_PLATFORM_H

#include <cairn/compiler.h>
#include <cairn/types.h>

CAIRN_BEGIN_DECLS

/* ---- Tier A -------------------------------------------------------------- */

enum cairn_log_level {
    CAIRN_LOG_ERROR,   /* something failed that the user must know */
    CAIRN_LOG_WARNING, /* it goes on, but reduced */
    CAIRN_LOG_INFO,    /* milestones: a line or two a layer at start-up */
    CAIRN_LOG_DEBUG    /* everything else */
};

/*
 * Show one line to whoever debugs the kernel.
 *
 *   text  without a newline at its end, terminated by '\0', shorter than 256
 *         bytes; valid during the call only
 *
 * Context  any, interrupts on or off, from the first instruction on.  A host
 *          that has no console yet drops or stores the line.
 */
void cairn_platform_log(enum cairn_log_level level, const char *text);

/*
 * Stop the kernel: the library has found a state from which going on would
 * destroy data.
 *
 *   text  as above; says what is wrong, with numbers
 *
 * Context  any.  Does not return.  (A test may leave it by longjmp: the
 *          library promises to hold no lock while it calls this function.)
 */
CAIRN_NORETURN void cairn_platform_panic(const char *text);

/*
 * Switch maskable interrupts off on this CPU and return what
 * cairn_platform_irq_restore needs to bring back the former state.  Nests:
 *
 *   outer = save(); inner = save(); restore(inner); ... restore(outer);
 *
 * interrupts stay off until the last restore.
 */
unsigned long cairn_platform_irq_save(void);
void cairn_platform_irq_restore(unsigned long state);

/*
 * Where the CPU can read and write physical memory right now.
 *
 *   start  any byte address
 *   bytes  at least 1; the whole of [start, start + bytes) is meant
 *
 * Returns  a pointer to the byte at `start`, good for `bytes` bytes and for as
 *          long as the kernel keeps that part of memory mapped;
 *          NULL if any byte of the range is not mapped.
 * Example  a kernel that maps the first 1 GiB at 0xffff800000000000 returns
 *          0xffff800000001ffe for (0x1ffe, 4) and NULL for (0x3ffffffe, 4).
 * Context  any.  Must be cheap: a comparison and an addition.
 */
void *cairn_platform_phys_to_virt(cairn_phys start, size_t bytes);

/* ---- Tier B -------------------------------------------------------------- */

/*
 * The number of the CPU that executes the call, 0 .. cairn_platform_cpu_count()
 * - 1, constant while interrupts are off.
 */
unsigned cairn_platform_cpu(void);

/* How many CPUs can ever run, at least 1; constant.  At most CAIRN_CPU_MAX. */
unsigned cairn_platform_cpu_count(void);

#define CAIRN_CPU_MAX 64

/*
 * Wait until CPU `cpu` has been outside of every interrupts-off section at
 * least once since the call; everything it had written before is visible
 * then.  An interprocessor interrupt that it acknowledges does that.
 *
 * Context  outside of interrupts-off sections of the library; interrupts may
 *          be off for reasons of the host.  While it waits, the caller's own
 *          CPU counts as outside, or two CPUs that wait for each other never
 *          end; and it takes the interrupts of cairn_platform_flush, which
 *          `cpu` may be waiting for, or calls cairn_paging_interrupt itself.
 *          Returns at once for the caller's own CPU and on one CPU.
 */
void cairn_platform_quiesce(unsigned cpu);

/*
 * Interrupt those CPUs: bit n is CPU n; the caller's own is not among them.
 * The handler calls cairn_paging_interrupt.  It does not wait for anything; a
 * CPU that has interrupts off gets it later.
 *
 * Context  interrupts off.  On one CPU it is never called.
 */
void cairn_platform_flush(uint64_t cpus);

CAIRN_END_DECLS

#endif
