/*
 * platform.h - the simulated machine as a host of the library.
 *
 * Each thread of the test program is a CPU; it says which one.
 */
#ifndef SIM_PLATFORM_H
#define SIM_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_CPUS 8

/*
 * The calling thread is CPU `cpu`, below SIM_CPUS, from now on; the first
 * thread is CPU 0.
 */
void sim_set_cpu(unsigned cpu);

/* Are interrupts off on the calling thread's CPU? */
bool sim_are_interrupts_off(void);

/*
 * Interrupts that other threads' CPUs have sent to this one are taken here (and
 * wherever the library waits).  A CPU that no thread plays takes them at once,
 * on the thread that sends them.
 */
void sim_poll(void);

/* Calls of cairn_platform_flush by this thread. */
uint64_t sim_flush_count(void);

/*
 * Called around each step of the library that other CPUs could see: an entry of
 * a page table changes, a CPU is about to flush or to look into memory.  It
 * does what they would do; NULL (default): nothing, but for what the MMU's
 * adversary does.
 */
void sim_set_meanwhile(void (*act)(void));
void sim_meanwhile(void);

/*
 * The library reaches physical memory through that window only, as in a kernel;
 * NULL: all of it, without one.
 */
struct cairn_window;
void sim_set_window(const struct cairn_window *window);

/* Print what the library logs (default: not). */
void sim_set_verbose(bool verbose);

/* The last line that the library logged; "" if none. */
const char *sim_last_log(void);

/*
 * Called by cairn_platform_panic first; may leave by longjmp.  By default the
 * program prints the message and aborts.
 */
void sim_set_panic_handler(void (*handler)(const char *text));

#endif
