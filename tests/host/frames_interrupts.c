/*
 * frames_interrupts.c - an interrupt handler allocates and frees, whatever the
 * CPU was just doing: a signal is the interrupt.
 *
 * A handler that found a lock held by its own CPU would wait for ever; the lock
 * panics instead, and the test program ends.  One that met a magazine in the
 * middle of a change would lose a frame, or get one that somebody has.
 */
#include "harness/test.h"
#include "sim/platform.h"
#include "sim/ram.h"

#include <cairn/frames.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define MEMORY_BYTES ((uint64_t)32 << 20)
#define FRAMES       (MEMORY_BYTES >> CAIRN_FRAME_SHIFT)
#define INTERRUPTS   200
#define HELD         96
#define SECONDS_MAX  60

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_memory_range storage[64];

static uint8_t is_owned[FRAMES];
static volatile sig_atomic_t faults;
static volatile sig_atomic_t taken;
static volatile sig_atomic_t held_off;
static uint64_t in_handler[HELD]; /* what handlers have; 0: nothing */
static unsigned handler_step;

/* Allocate a block for `slot`, or free what it has; nobody else may have it. */
static void turn(uint64_t *slot, cairn_order order)
{
    cairn_pfn pfn = {*slot};
    uint64_t count;

    if (*slot != 0) {
        count = cairn_frames_info(&frames, pfn).count;
        for (uint64_t i = 0; i < count; i++)
            is_owned[pfn.value + i] = 0;
        faults |= cairn_frames_free(&frames, pfn) != CAIRN_OK;
        *slot = 0;
        return;
    }
    if (cairn_frames_alloc(&frames, order, 0, CAIRN_OWNER_KERNEL, &pfn) !=
        CAIRN_OK)
        return;
    for (uint64_t i = 0; i < (uint64_t)1 << order; i++)
        faults |= __atomic_exchange_n(&is_owned[pfn.value + i], 1,
                                      __ATOMIC_SEQ_CST) != 0;
    *slot = pfn.value;
}

static void interrupt(int signal_number)
{
    (void)signal_number;
    if (sim_are_interrupts_off()) {
        held_off++;
        return;
    }
    turn(&in_handler[handler_step % HELD], handler_step % 5);
    handler_step++;
    taken++;
}

static void set_timer(suseconds_t microseconds)
{
    const struct itimerval timer = {{0, microseconds}, {0, microseconds}};

    CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void start(enum cairn_frames_engine engine, bool has_magazines)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.engine = engine;
    config.has_magazines = has_magazines;
    sim_ram_reset();
    CHECK(sim_ram_add(0, MEMORY_BYTES));
    memset(&frames, 0, sizeof(frames));
    memset(is_owned, 0, sizeof(is_owned));
    memset(in_handler, 0, sizeof(in_handler));
    CHECK_EQ(cairn_memmap_init(&map, storage, 64), CAIRN_OK);
    CHECK_EQ(cairn_memmap_add(&map, 0, MEMORY_BYTES, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
    taken = 0;
    held_off = 0;
    faults = 0;
}

/* Until enough interrupts have come at either kind of moment. */
static void work(void)
{
    static const cairn_order orders[] = {0, 0, 0, 1, 3, 9};
    uint64_t own[HELD] = {0};
    time_t end = time(NULL) + SECONDS_MAX;

    while ((taken < INTERRUPTS || held_off < INTERRUPTS) && time(NULL) < end) {
        for (unsigned i = 0; i < HELD; i++)
            turn(&own[test_random_below(HELD)], orders[i % 6]);
        cairn_frames_drain(&frames);
    }
    set_timer(0);
    for (unsigned i = 0; i < HELD; i++) {
        if (own[i] != 0)
            turn(&own[i], 0);
        if (in_handler[i] != 0)
            turn(&in_handler[i], 0);
    }
}

static void run(enum cairn_frames_engine engine, bool has_magazines)
{
    struct sigaction action = {.sa_handler = interrupt};
    struct sigaction former;
    struct cairn_frames_stats stats;

    start(engine, has_magazines);
    sim_set_panic_handler(NULL); /* a handler cannot leave by longjmp */
    CHECK_EQ(sigaction(SIGALRM, &action, &former), 0);
    set_timer(50);
    work();
    CHECK_EQ(sigaction(SIGALRM, &former, NULL), 0);
    sim_set_panic_handler(test_panicked);
    CHECK(taken >= INTERRUPTS && held_off >= INTERRUPTS);
    CHECK_EQ(faults, 0);
    CHECK_EQ(cairn_frames_check(&frames), 0);
    cairn_frames_stats(&frames, &stats);
    CHECK_EQ(stats.free_frames, stats.total_frames);
}

CAIRN_TEST(K3_frames_can_be_had_in_an_interrupt_at_any_moment)
{
    for (unsigned i = 0; i < 6; i++)
        run((enum cairn_frames_engine)(i / 2), i % 2 != 0);
}
