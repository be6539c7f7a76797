/*
 * heap_interrupts.c - an interrupt handler allocates and frees bytes, whatever
 * the CPU was just doing: a signal is the interrupt.
 *
 * A handler that found a lock held by its own CPU would wait for ever; the lock
 * panics instead, and the test program ends.  One that met a cache in the
 * middle of a change would get a block that somebody has.
 */
#include "harness/test.h"
#include "sim/platform.h"

#include <cairn/heap_source.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define MEMORY_BYTES ((size_t)4 << 20)
#define INTERRUPTS   200
#define HELD         96
#define SECONDS_MAX  60

static struct cairn_heap heap;
static struct cairn_heap_arena arena;
static volatile sig_atomic_t faults;
static volatile sig_atomic_t taken;
static volatile sig_atomic_t held_off;
static uint8_t *in_handler[HELD];
static unsigned handler_step;

/* Allocate a block for `slot`, or free what it has; nobody else may have it. */
static void turn(uint8_t **slot, size_t size, uint8_t value)
{
    uint8_t *block = *slot;

    if (block != NULL) {
        faults |= block[0] != value || block[15] != value;
        faults |= cairn_heap_free(&heap, block) != CAIRN_OK;
        *slot = NULL;
        return;
    }
    block = cairn_heap_alloc(&heap, size, 0);
    if (block != NULL)
        memset(block, value, size);
    *slot = block;
}

static void interrupt(int signal_number)
{
    static const size_t sizes[] = {16, 64, 300, 64, 5000};

    (void)signal_number;
    if (sim_are_interrupts_off()) {
        held_off++;
        return;
    }
    turn(&in_handler[handler_step % HELD], sizes[handler_step % 5], 0xee);
    handler_step++;
    taken++;
}

static void set_timer(suseconds_t microseconds)
{
    const struct itimerval timer = {{0, microseconds}, {0, microseconds}};

    CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void start(enum cairn_heap_engine engine, void *memory)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    config.engine = engine;
    config.cpu_count = 1;
    memset(&heap, 0, sizeof(heap));
    memset(in_handler, 0, sizeof(in_handler));
    CHECK_EQ(
        cairn_heap_source_arena(&arena, memory, MEMORY_BYTES, &config.source),
        CAIRN_OK);
    CHECK_EQ(cairn_heap_init(&heap, &config), CAIRN_OK);
    taken = 0;
    held_off = 0;
    faults = 0;
}

/* Until enough interrupts have come at either kind of moment. */
static void work(void)
{
    static const size_t sizes[] = {16, 64, 64, 200, 1000, 9000};
    uint8_t *own[HELD] = {NULL};
    time_t end = time(NULL) + SECONDS_MAX;

    while ((taken < INTERRUPTS || held_off < INTERRUPTS) && time(NULL) < end) {
        for (unsigned i = 0; i < HELD; i++)
            turn(&own[test_random_below(HELD)], sizes[i % 6], 0x11);
        cairn_heap_drain(&heap);
    }
    set_timer(0);
    for (unsigned i = 0; i < HELD; i++) {
        if (own[i] != NULL)
            turn(&own[i], 0, 0x11);
        if (in_handler[i] != NULL)
            turn(&in_handler[i], 0, 0xee);
    }
}

static void run(enum cairn_heap_engine engine, void *memory)
{
    struct sigaction action = {.sa_handler = interrupt};
    struct sigaction former;
    struct cairn_heap_stats stats;

    start(engine, memory);
    sim_set_panic_handler(NULL); /* a handler cannot leave by longjmp */
    CHECK_EQ(sigaction(SIGALRM, &action, &former), 0);
    set_timer(50);
    work();
    CHECK_EQ(sigaction(SIGALRM, &former, NULL), 0);
    sim_set_panic_handler(test_panicked);
    CHECK(taken >= INTERRUPTS && held_off >= INTERRUPTS);
    CHECK_EQ(faults, 0);
    CHECK_EQ(cairn_heap_check(&heap), 0);
    cairn_heap_stats(&heap, &stats);
    CHECK_EQ(stats.live_blocks, 0);
}

CAIRN_TEST(K3_heap_can_be_used_in_an_interrupt_at_any_moment)
{
    void *memory = malloc(MEMORY_BYTES);

    CHECK(memory != NULL);
    for (unsigned i = 0; i < CAIRN_HEAP_ENGINE_COUNT; i++)
        run((enum cairn_heap_engine)i, memory);
    free(memory);
}
